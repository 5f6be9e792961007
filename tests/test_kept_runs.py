"""A sweep that was ended goes on with what is missing, and takes no result that is not its own."""

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_utils import kept_runs
from course_utils.experiment import run_seeds
from course_utils.kept_runs import KeptRuns


def square(seed, power=2, log=None):
    if log is not None:
        with Path(log).open("a", encoding="utf-8") as file:
            file.write(f"{seed}\n")
    return {"value": np.float64(seed) ** power, "path": [0.5, 1], "weights": np.arange(seed + 1)}


def made(log: Path) -> list[int]:
    return sorted(int(line) for line in log.read_text().split()) if log.exists() else []


def test_the_same_call_again_makes_nothing_and_gives_the_same(tmp_path):
    settings = {"two": {"power": 2}, "three": {"power": 3}}
    plain = run_seeds(square, range(3), settings, n_jobs=1)
    first, again = (
        run_seeds(square, range(3), settings, n_jobs=n_jobs, keep=tmp_path / "kept")
        for n_jobs in (2, 1)
    )
    pd.testing.assert_frame_equal(first, plain, check_exact=True)
    pd.testing.assert_frame_equal(again, plain, check_exact=True)
    assert len(list((tmp_path / "kept").iterdir())) == 6


def test_only_what_is_missing_is_made(tmp_path):
    log = tmp_path / "log"
    run_seeds(square, range(2), n_jobs=1, keep=tmp_path / "kept", log=str(log))
    assert made(log) == [0, 1]
    runs = run_seeds(square, range(4), n_jobs=1, keep=tmp_path / "kept", log=str(log))
    assert made(log) == [0, 1, 2, 3]
    assert runs["value"].tolist() == [0, 1, 4, 9]


def test_the_name_of_a_setting_does_not_matter_but_its_arguments_do(tmp_path):
    log = tmp_path / "log"
    keep = {"n_jobs": 1, "keep": tmp_path / "kept", "log": str(log)}
    run_seeds(square, [1], {"a": {"power": 2}}, **keep)
    run_seeds(square, [1], {"b": {"power": 2}}, **keep)
    assert made(log) == [1]
    run_seeds(square, [1], {"a": {"power": 3}}, **keep)
    assert made(log) == [1, 1]


def test_other_data_another_offset_and_other_versions_are_other_runs(tmp_path, monkeypatch):
    def total(seed, data):
        return float(data.sum()) + seed

    def kept():
        return len(list(tmp_path.iterdir()))

    run_seeds(total, [0], n_jobs=1, keep=tmp_path, data=np.ones(4))
    run_seeds(total, [0], n_jobs=1, keep=tmp_path, data=np.ones(4))
    assert kept() == 1
    assert run_seeds(total, [0], n_jobs=1, keep=tmp_path, data=np.zeros(4))["result"][0] == 0
    assert kept() == 2
    monkeypatch.setenv("COURSE_SEED_OFFSET", "1")
    run_seeds(total, [0], n_jobs=1, keep=tmp_path, data=np.ones(4))
    assert kept() == 3
    monkeypatch.setattr(kept_runs.metadata, "version", lambda name: "0.0")
    run_seeds(total, [0], n_jobs=1, keep=tmp_path, data=np.ones(4))
    assert kept() == 4


def test_a_dataset_of_tensors_is_known_again_in_another_process(tmp_path):
    program = """
import sys, torch
from course_utils.kept_runs import KeptRuns
from course_utils.mnist import ImageDataset
data = ImageDataset(torch.arange(784.0).reshape(1, 1, 28, 28) + float(sys.argv[2]), torch.zeros(1, dtype=torch.long))
print(KeptRuns(sys.argv[1], KeptRuns, {"data": data}, 0).path(0, {"rates": torch.ones(3)}).name)
"""
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}

    def name(shift):
        command = [sys.executable, "-c", program, str(tmp_path), shift]
        return subprocess.run(command, env=environment, capture_output=True, check=True).stdout

    assert name("0") == name("0") != name("1")


PROJECT = {
    "trial_run.py": "from trial.rates import RATE\n\ndef run(seed):\n    return seed * RATE\n",
    "trial/__init__.py": "",
    "trial/rates.py": "from trial.base import rates\nRATE = 2 * rates.BASE\n",
    "trial/base/__init__.py": "",
    "trial/base/rates.py": "BASE = 1\n",  # another file of the same name
    "trial_stranger.py": "UNUSED = 1\n",
}
PROGRAM = """
import sys
from course_utils.experiment import run_seeds
from trial_run import run
print(run_seeds(run, [1], n_jobs=1, keep=sys.argv[1])["result"][0])
"""


def test_a_change_in_a_module_that_is_imported_at_any_remove_is_noticed(tmp_path):
    for name, text in PROJECT.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)

    def result():
        environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{Path.cwd()}"}
        environment |= {"COURSE_QUIET": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-c", PROGRAM, str(tmp_path / "kept")]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return int(done.stdout), len(list((tmp_path / "kept").iterdir()))

    assert result() == (2, 1)
    (tmp_path / "trial_stranger.py").write_text("UNUSED = 2\n")
    assert result() == (2, 1)
    (tmp_path / "trial/base/rates.py").write_text("BASE = 5\n")
    assert result() == (10, 2)


CELLS = """
import json, sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance(user_module=sys.modules["__main__"])
for cell in json.loads(sys.argv[1]):
    shell.run_cell(cell).raise_error()
"""


@pytest.mark.parametrize(
    ("change", "is_another_run"),
    [
        ((), False),
        (("seed * rate", "seed + rate"), True),  # the run itself
        (("return 3", "return 4"), True),  # a function that it calls
        (("scale = 10", "scale = 11"), True),  # a value that it reads
        (("self.x + 1", "self.x + 2"), True),  # a method of a class
        (("unused = 1", "unused = 2"), False),
    ],
)
def test_a_function_of_a_notebook_is_known_by_all_that_it_names(tmp_path, change, is_another_run):
    cells = [
        "from course_utils.experiment import run_seeds\nunused = 1\nscale = 10",
        "class Adder:\n    def __init__(self, x):\n        self.x = x\n"
        "    def added(self):\n        return self.x + 1",
        "def rate_of():\n    return 3",
        "def run(seed):\n    rate = rate_of() * scale\n    return Adder(seed * rate).added()",
    ]
    last = f"print(run_seeds(run, [2], n_jobs=1, keep={str(tmp_path)!r})['result'][0])"

    def execute(cells):
        command = [sys.executable, "-c", CELLS, json.dumps([*cells, last])]
        environment = {**os.environ, "COURSE_QUIET": "1", "IPYTHONDIR": str(tmp_path / ".ipython")}
        subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return len(list(tmp_path.glob("*.pt")))

    assert execute(cells) == 1
    changed = [cell.replace(*change) for cell in cells] if change else cells
    assert (changed != cells) is bool(change)
    assert execute(changed) == 1 + is_another_run


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.builds(np.float32, st.floats(width=32, allow_nan=False))
    | st.lists(st.floats(allow_nan=False), max_size=3).map(np.array),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(), inner, max_size=3)
    ),
)


def equal(one, other):
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    if isinstance(one, dict):
        return list(one) == list(other) and all(equal(one[k], other[k]) for k in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    return one == other


@given(result=PLAIN)
def test_a_result_comes_back_as_it_was(result, tmp_path_factory):
    kept = KeptRuns(tmp_path_factory.mktemp("kept"), square, {}, 0)
    path = kept.path(0, {})
    kept.write(path, result)
    assert equal(kept.read(path), result)


def test_tensors_and_what_is_not_a_number_come_back_too(tmp_path):
    kept = KeptRuns(tmp_path, square, {}, 0)
    path = kept.path(0, {})
    model = torch.nn.Linear(2, 3)
    result = {"state": dict(model.state_dict()), "loss": [float("nan"), -float("inf")]}
    kept.write(path, result)
    again = kept.read(path)
    assert torch.equal(again["state"]["weight"], model.weight)
    assert np.isnan(again["loss"][0]) and again["loss"][1] == -np.inf
    model.load_state_dict(again["state"])


def test_what_cannot_be_kept_is_named_and_says_what_to_return(tmp_path):
    def run(seed):
        return {"runs": [1, torch.nn.Linear(1, 1)]}

    with pytest.raises(ValueError, match=r"the result\['runs'\]\[1\] is a .*Linear.*use numbers"):
        run_seeds(run, [0], n_jobs=1, keep=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_executed_when_a_result_is_read(tmp_path):
    kept = KeptRuns(tmp_path, square, {}, 0)
    path = kept.path(0, {})
    path.write_bytes(pickle.dumps(print))
    with pytest.raises(ValueError, match=r"is damaged.*remove it"):
        kept.read(path)
    path.write_bytes(b"PK half a file")
    with pytest.raises(ValueError, match="is damaged"):
        run_seeds(square, [0], n_jobs=1, keep=tmp_path)
    path.unlink()
    assert len(run_seeds(square, [0], n_jobs=1, keep=tmp_path)) == 1


def test_a_full_disk_leaves_what_was_finished(tmp_path, monkeypatch):
    save, written = torch.save, []

    def full(value, path):
        save(value, path)
        written.append(path)
        if len(written) == 3:
            path.write_bytes(path.read_bytes()[:100])
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match="No space left"):
        run_seeds(square, range(4), n_jobs=1, keep=tmp_path)
    monkeypatch.undo()
    assert len(list(tmp_path.iterdir())) == 2, "two results, and no half of one"
    runs = run_seeds(square, range(4), n_jobs=1, keep=tmp_path)
    pd.testing.assert_frame_equal(runs, run_seeds(square, range(4), n_jobs=1), check_exact=True)


def test_a_run_that_kills_its_process_is_named_after_all_others_were_kept(tmp_path):
    def run(seed):
        if seed == 3:
            time.sleep(0.2)
            os.kill(os.getpid(), signal.SIGKILL)
        return seed

    with pytest.raises(BrokenProcessPool) as ended:
        run_seeds(run, range(12), n_jobs=2, keep=tmp_path)
    assert ended.value.__notes__ == ["This happened in the run with seed 3."]
    assert len(list(tmp_path.iterdir())) == 11


def test_a_process_lost_by_accident_costs_nothing(tmp_path):
    def run(seed, folder):
        mark = Path(folder, "killed")
        if seed == 1 and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return seed

    runs = run_seeds(run, range(12), n_jobs=2, keep=tmp_path / "kept", folder=str(tmp_path))
    assert runs["result"].tolist() == list(range(12))


SWEEP = """
import os, sys, time
from course_utils.experiment import run_seeds

def run(seed):
    if seed >= 3 and "SLOW" in os.environ:
        time.sleep(60)
    return seed ** 2

if __name__ == "__main__":
    print(run_seeds(run, range(6), n_jobs=2, keep=sys.argv[1])["result"].tolist())
"""


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_sweep_that_is_interrupted_goes_on_where_it_stopped(tmp_path, how):
    program = tmp_path / "sweep.py"
    program.write_text(SWEEP)
    keep = tmp_path / "kept"

    def start(**environment):
        return subprocess.Popen(
            [sys.executable, str(program), str(keep)],
            env={**os.environ, "COURSE_QUIET": "1", "PYTHONPATH": str(Path.cwd()), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )

    ended = start(SLOW="1")
    try:
        deadline = time.monotonic() + 120
        while len(list(keep.glob("*.pt"))) < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
        os.kill(ended.pid, how)
        ended.wait(60)
    finally:
        os.killpg(ended.pid, signal.SIGKILL)
    times = {path: path.stat().st_mtime_ns for path in keep.glob("*.pt")}
    assert len(times) == 3
    output, _ = start().communicate(timeout=120)
    assert output.splitlines()[-1] == "[0, 1, 4, 9, 16, 25]"
    assert {path: path.stat().st_mtime_ns for path in times} == times, "those were not made again"
