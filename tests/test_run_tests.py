"""`make test` runs what it says, fails if anything failed, and says what took how long."""

import io
import itertools
import os
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import run_tests

REPORT = (
    """<?xml version="1.0" encoding="utf-8"?><testsuites><testsuite>{}</testsuite></testsuites>"""
)
CASE = '<testcase classname="tests.{}" name="{}" time="{}"/>'
STAGES = {
    "lint": (["ruff", "check", "."], {}),
    "tests": (["pytest", "-q"], {"OMP_NUM_THREADS": "1"}),
    "notebooks, en": (["pytest", "--nbval-lax", "a.ipynb"], {"COURSE_DATA": "embedded"}),
}


@pytest.fixture
def course(monkeypatch):
    """Stand-ins for processes and clock; ``returncodes`` and ``reports`` say how each stage ends."""
    ran = []
    course = SimpleNamespace(ran=ran, returncodes=[0, 0, 0], reports=["", "", ""], waits=[])

    class Process:
        def __init__(self, command, **options):
            self.number = len(ran)
            ran.append((command, options))
            report = [a.partition("=")[2] for a in command if a.startswith("--junitxml=")]
            if report and course.reports[self.number]:
                Path(report[0]).write_text(course.reports[self.number], encoding="utf-8")

        def __enter__(self):
            return self

        def __exit__(self, *_):
            course.waits.append("left")

        def wait(self, timeout=None):
            course.waits.append(timeout)
            self.returncode = course.returncodes[self.number]
            if self.returncode == "Ctrl-C" and timeout is None:
                raise KeyboardInterrupt
            if self.returncode == "Ctrl-C" and course.is_stubborn:
                raise run_tests.subprocess.TimeoutExpired("pytest", timeout)

        def kill(self):
            course.waits.append("killed")

    monkeypatch.setattr(run_tests.subprocess, "Popen", Process)
    clock = itertools.count(step=7)
    monkeypatch.setattr(run_tests.time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(run_tests, "stages", lambda: STAGES)
    return course


def make_test(monkeypatch, capsys, *arguments):
    """(exit code or last words, lines printed) of one call."""
    monkeypatch.setattr(sys, "argv", ["run_tests.py", *arguments])
    with pytest.raises(SystemExit) as ended:
        run_tests.main()
    return ended.value.code, capsys.readouterr().out.splitlines()


def test_every_stage_runs_once_in_its_order_and_environment(course, monkeypatch, capsys):
    monkeypatch.setenv("FROM_OUTSIDE", "1")
    code, lines = make_test(monkeypatch, capsys)
    assert code == 0
    for (command, options), (arguments, environment) in zip(
        course.ran, STAGES.values(), strict=True
    ):
        assert command[:2] == [sys.executable, "-m"]
        reported = command[2:]
        if arguments[0] == "pytest":
            assert reported.pop().startswith("--junitxml=")
        assert reported == arguments
        assert options == {"cwd": run_tests.ROOT, "env": {**os.environ, **environment}}
        assert options["env"]["FROM_OUTSIDE"] == "1"
    assert [line for line in lines if line.startswith("===")] == [f"=== {name}" for name in STAGES]
    assert lines[-4:] == [
        "passed       7 s  lint",
        "passed       7 s  tests",
        "passed       7 s  notebooks, en",
        "3 passed, 0 failed",
    ]


@pytest.mark.parametrize("returncode", [1, 2, 127, -9])
@pytest.mark.parametrize("which", [0, 1, 2])
def test_one_stage_that_fails_fails_all_and_the_others_still_run(
    which, returncode, course, monkeypatch, capsys
):
    course.returncodes[which] = returncode
    code, lines = make_test(monkeypatch, capsys)
    assert code == 1 and len(course.ran) == 3
    assert [line[:6] for line in lines[-4:-1]] == [
        "FAILED" if number == which else "passed" for number in range(3)
    ]
    assert lines[-1] == "2 passed, 1 failed"


def test_every_failure_is_counted(course, monkeypatch, capsys):
    course.returncodes[:] = 1, 5, -11
    code, lines = make_test(monkeypatch, capsys)
    assert code == 1 and lines[-1] == "0 passed, 3 failed"


def test_only_some_stages_by_a_part_of_their_name(course, monkeypatch, capsys):
    course.returncodes[:] = 0, 0, 0
    code, lines = make_test(monkeypatch, capsys, "--only", "tes")
    assert code == 0 and lines[-1] == "1 passed, 0 failed"
    assert [command[2] for command, _ in course.ran] == ["pytest"]


def test_a_name_that_no_stage_has_fails_and_lists_the_names(course, monkeypatch, capsys):
    last_words, lines = make_test(monkeypatch, capsys, "--only", "tset")
    assert not course.ran and not lines
    assert "no stage has 'tset' in its name" in last_words
    assert last_words.splitlines()[1:] == list(STAGES)


def test_the_ten_slowest_tests_of_all_stages_come_in_one_list(course, monkeypatch, capsys):
    course.reports[1] = REPORT.format("".join(CASE.format("test_a", n, n / 2) for n in range(9)))
    course.reports[2] = REPORT.format("".join(CASE.format("test_b", n, n / 4) for n in range(9)))
    _, lines = make_test(monkeypatch, capsys)
    start = lines.index("The 10 slowest of 18 tests:")
    assert lines[start + 1 : start + 12] == [
        "           4.0 s  tests.test_a::8",
        "           3.5 s  tests.test_a::7",
        "           3.0 s  tests.test_a::6",
        "           2.5 s  tests.test_a::5",
        "           2.0 s  tests.test_b::8",
        "           2.0 s  tests.test_a::4",
        "           1.8 s  tests.test_b::7",
        "           1.5 s  tests.test_b::6",
        "           1.5 s  tests.test_a::3",
        "           1.2 s  tests.test_b::5",
        "",
    ]
    assert lines[-1] == "3 passed, 0 failed"


def test_a_report_cut_short_counts_for_nothing(course, monkeypatch, capsys):
    course.reports[1] = REPORT.format(CASE.format("test_a", "x", 1.0))[:-20]
    course.reports[2] = REPORT.format(CASE.format("test_b", "y", 1.0))
    code, lines = make_test(monkeypatch, capsys)
    assert code == 0 and "The 1 slowest of 1 tests:" in lines


@pytest.mark.parametrize("is_stubborn", [False, True])
def test_ctrl_c_ends_it_with_what_was_done_so_far(is_stubborn, course, monkeypatch, capsys):
    course.returncodes[1], course.is_stubborn = "Ctrl-C", is_stubborn
    course.reports[1] = REPORT.format(CASE.format("test_a", "x", 1.0))
    code, lines = make_test(monkeypatch, capsys)
    assert code == 130 and len(course.ran) == 2, "no further stage begins"
    assert lines[-6:] == [
        "The 1 slowest of 1 tests:",
        "           1.0 s  tests.test_a::x",
        "",
        "passed       7 s  lint",
        "STOPPED      7 s  tests",
        "1 passed, 1 failed",
    ]
    assert course.waits == [None, "left", None, 10, "killed", "left"]


@pytest.mark.parametrize("encoding", ["ascii", "cp950", "cp1252", "utf-8"])
def test_a_console_of_any_encoding_can_show_it(encoding, course, monkeypatch, capsys):
    course.reports[1] = REPORT.format(CASE.format("test_a", "一條線 ≈ 🙂", 1.0))
    console = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", console)
    code, _ = make_test(monkeypatch, capsys)
    console.flush()
    shown = console.buffer.getvalue().decode(encoding)
    assert code == 0 and shown.endswith("3 passed, 0 failed\n")
    assert ("一條線" in shown) is (encoding in ("cp950", "utf-8"))
    assert ("\\U0001f642" in shown) is (encoding != "utf-8")


def test_a_real_stage_that_fails_is_noticed_and_timed(tmp_path, monkeypatch, capsys):
    (tmp_path / "test_x.py").write_text(
        "import os, time\ndef test_slow(): time.sleep(0.2)\n"
        "def test_env(): assert os.environ['WORD'] == 'given'\n"
    )
    monkeypatch.setattr(run_tests, "ROOT", tmp_path)
    stage = ["pytest", "-q", "-p", "no:cacheprovider", "test_x.py"]
    both = {"one": (stage, {"WORD": "given"}), "other": (stage, {"WORD": "another"})}
    monkeypatch.setattr(run_tests, "stages", lambda: both)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # they take seconds to load
    code, lines = make_test(monkeypatch, capsys)
    assert code == 1 and lines[-1] == "1 passed, 1 failed"
    start = lines.index("The 4 slowest of 4 tests:")
    assert [line.split()[-1] for line in lines[start + 1 : start + 3]] == ["test_x::test_slow"] * 2


# --- the stages themselves


@pytest.fixture(params=["full", "embedded"])
def tier(request, monkeypatch):
    monkeypatch.setattr(run_tests, "load_mnist", lambda: SimpleNamespace(tier=request.param))
    monkeypatch.setattr(sys, "prefix", "/course/.venv")
    return request.param


def notebook_names(folder):
    return [f"{folder}/{p.stem}.ipynb" for p in sorted((run_tests.ROOT / "lessons").glob("*.py"))]


def test_the_stages_and_what_each_runs(tier):
    stages = run_tests.stages()
    lint, style, types, drift, tests, repeated, chinese, english = stages.items()
    assert lint == ("lint", (["ruff", "check", "."], {}))
    assert style == ("format", (["ruff", "format", "--check", "."], {}))
    assert types == ("types", (["mypy"], {}))
    assert drift[1][0] == ["check_lessons"]
    assert str(run_tests.ROOT / "tools") in drift[1][1]["PYTHONPATH"].split(os.pathsep)
    assert tests[0] == "tests" and tests[1][1]["OMP_NUM_THREADS"] == "1"
    assert tests[1][0] == run_tests.TESTS
    assert repeated == ("replications", (["replicate", "--check"], drift[1][1]))

    is_full = tier == "full"
    assert ("strict" in chinese[0], "lax" in chinese[0]) == (is_full, not is_full)
    assert ("--nbval" in chinese[1][0], "--nbval-lax" in chinese[1][0]) == (is_full, not is_full)
    assert chinese[1][1]["COURSE_DATA"] == tier
    assert [a for a in chinese[1][0] if a.endswith(".ipynb")] == notebook_names("notebooks")

    assert "--nbval-lax" in english[1][0] and "--nbval" not in english[1][0]
    assert english[1][1]["COURSE_DATA"] == "embedded"
    refuse_network = str(run_tests.ROOT / "tests" / "refuse_network")
    assert refuse_network in english[1][1]["PYTHONPATH"].split(os.pathsep)
    assert [a for a in english[1][0] if a.endswith(".ipynb")] == notebook_names("notebooks/en")

    assert chinese[1][0][0] == "pytest"
    assert english[1][0][:2] == ["alone", "pytest"], "from an empty folder, with the wheel"
    assert str(run_tests.ROOT / "tools") in english[1][1]["PYTHONPATH"].split(os.pathsep)
    for arguments, environment in (chinese[1], english[1]):
        assert "--nbval-current-env" in arguments
        assert arguments[arguments.index("--nbval-sanitize-with") + 1] == "tests/nbval_sanitize.cfg"
        assert environment.items() >= run_tests.BUILD_ENVIRONMENT.items()
        assert environment["LOKY_MAX_CPU_COUNT"] == "1"


def test_types_and_repetitions_are_those_of_the_pinned_versions(tier, monkeypatch):
    everything = run_tests.stages()
    monkeypatch.setattr(sys, "prefix", "/course/.venv-oldest")
    assert everything.keys() - run_tests.stages().keys() == {"types", "replications"}


def test_no_stage_leaves_out_a_test_or_looks_at_a_cell_for_too_short_a_time(tier):
    assert run_tests.TESTS[0] == "pytest"
    assert all(
        argument.startswith("-") or argument in "2 loadfile" for argument in run_tests.TESTS[1:]
    )
    for arguments, _ in run_tests.stages().values():
        left_out = (
            "-k",
            "-x",
            "--deselect",
            "--ignore",
            "--maxfail",
            "--exitfirst",
            "--co",
            "--lf",
        )
        assert not [a for a in arguments[1:] if a.startswith(left_out)]
        assert arguments[:2] != ["pytest", "-m"] and "-m" not in arguments
    assert {"--nbval-cell-timeout=900", "--timeout=1800"} <= set(run_tests.NBVAL)
    for arguments in (run_tests.NBVAL, run_tests.TESTS):
        assert "-n 2 --dist loadfile" in " ".join(arguments)


@pytest.mark.parametrize(
    ("tool", "arguments", "says"),
    [
        ("run_tests.py", ["--only", "tset"], "no stage has 'tset' in its name"),
        ("build.py", ["99"], "no lesson is named"),
        ("replicate.py", ["99"], "no lesson is named"),
    ],
)
def test_the_files_are_commands(tool, arguments, says, monkeypatch):
    monkeypatch.setattr(sys, "argv", [tool, *arguments])
    with pytest.raises(SystemExit, match=says):
        runpy.run_path(str(run_tests.ROOT / "tools" / tool), run_name="__main__")
