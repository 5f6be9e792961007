"""The benchmarks: what takes turns, how seconds are judged, and that they leave things as they were."""

import itertools
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import bench
import bench_numpy_track
import numpy as np
import pytest
from build import FOLDERS, ROOT


@pytest.mark.parametrize(
    ("values", "limits", "says"),
    [
        (4.0, {"at_least": 4}, "4.00 (at least 4: ok)"),
        (3.999, {"at_least": 4}, "4.00 (at least 4: missed)"),
        (2.0, {"at_most": 2}, "2.00 (at most 2: ok)"),
        (2.001, {"at_most": 2}, "2.00 (at most 2: missed)"),
        ([0.1, 0.3, 9.0], {"at_most": 0.3}, "0.30 (at most 0.3: ok)"),
        ([0.1, 5.0, 9.0], {"at_least": 1}, "5.00 (at least 1: ok)"),
        (np.nan, {"at_most": 1}, "nan (at most 1: missed)"),
    ],
)
def test_the_median_is_judged_by_its_limit(values, limits, says):
    assert bench.judged(values, **limits) == says


def test_tasks_take_turns_and_each_is_timed_alone(monkeypatch):
    ran = []
    clock = {"now": 0.0}
    monkeypatch.setattr(bench.time, "perf_counter", lambda: clock["now"])

    def task(name, seconds):
        def run():
            ran.append(name)
            clock["now"] += seconds * len(ran)

        return run

    seconds = bench.take_turns(2, task("a", 1), task("b", 10))
    assert ran == ["a", "b", "a", "b"]
    assert seconds.tolist() == [[1, 3], [20, 40]]


def test_in_turn_runs_at_least_so_many_rounds_and_then_until_time_is_up(monkeypatch):
    clock = itertools.count()
    monkeypatch.setattr(bench_numpy_track.time, "perf_counter", lambda: next(clock))
    ran = []
    tasks = [lambda name=name: ran.append(name) for name in "ab"]
    rounds = bench_numpy_track.in_turn(*tasks, seconds=0, at_least=3)
    assert rounds.shape == (2, 3) and (rounds == 1).all()
    assert "".join(ran) == 3 * "ab" + 3 * "ab", "three rounds to warm up"
    ran.clear()
    assert bench_numpy_track.in_turn(*tasks, seconds=0, at_least=1).shape == (2, 1)
    assert "".join(ran) == "ab", "once may be all there is time for"
    assert bench_numpy_track.in_turn(*tasks, seconds=40, at_least=2).shape[1] > 5


@pytest.mark.parametrize("tool", [bench, bench_numpy_track])
def test_a_benchmark_by_its_name_all_by_default_and_no_other(tool, monkeypatch, capsys):
    if tool is bench:
        mnist = SimpleNamespace(banner=lambda: "")
        monkeypatch.setattr(bench, "load_mnist", lambda: mnist)
    monkeypatch.setattr(tool, "BENCHMARKS", {"one": lambda: ["1 s"], "two": lambda: ["2 s", "3 s"]})
    monkeypatch.setenv("COURSE_QUIET", "")
    for arguments, shown in (([], ["1", "2", "3"]), (["two"], ["2", "3"])):
        monkeypatch.setattr(sys, "argv", ["bench", *arguments])
        tool.main()
        lines = [line for line in capsys.readouterr().out.splitlines() if line.endswith(" s")]
        assert [line.split()[1] for line in lines] == shown
    monkeypatch.setattr(sys, "argv", ["bench", "two", "three"])
    with pytest.raises(SystemExit) as ended:
        tool.main()
    assert ended.value.code == 2
    assert "no benchmark is named three; there are one, two" in capsys.readouterr().err


def test_the_benchmarks_are_those_of_the_file():
    names = ["epoch", "loader", "seeds", "import", "numpy", "data", "lessons"]
    assert list(bench.BENCHMARKS) == names
    assert list(bench_numpy_track.BENCHMARKS) == ["lstm", "relational", "gradients", "cost"]


def test_a_lesson_is_timed_beside_its_notebook(monkeypatch):
    monkeypatch.setenv("COURSE_DATA", "full")
    seen = []

    def build(lesson, language):
        seen.append((lesson, language, FOLDERS["en"], os.environ["COURSE_DATA"]))
        assert FOLDERS["en"].is_dir() and ROOT not in FOLDERS["en"].parents
        return 12.5

    monkeypatch.setattr(bench, "build", build)
    before = dict(FOLDERS)
    assert bench.build_aside(Path("01_x.py"), "embedded") == 12.5
    assert seen[0][:2] == (Path("01_x.py"), "en") and seen[0][3] == "embedded"
    assert before == FOLDERS and os.environ["COURSE_DATA"] == "full"
    assert not seen[0][2].exists()


def test_what_a_fresh_python_prints_is_handed_over():
    assert bench.fresh_python("import sys; print(' 7', 'numpy' in sys.modules, '')") == "7 False"
