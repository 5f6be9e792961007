"""Worker processes: a temporary folder that joblib can use, and exceptions that come home."""

import os
import pickle
import subprocess
import sys
import tempfile
import threading

import pytest

from course_utils import workers
from course_utils.experiment import run_seeds
from course_utils.workers import Failure, find_temp_folder, run_one


class TwoArguments(ValueError):
    """Pickled the usual way it cannot be made again, and its lock cannot be pickled at all."""

    def __init__(self, name, value):
        super().__init__(f"{name} is {value}")
        self.value = value
        self.lock = threading.Lock()


class OneArgument(Exception):
    """Pickled the usual way it says "bad bad x"."""

    def __init__(self, name):
        super().__init__(f"bad {name}")


class Unmakeable(LookupError):
    def __new__(cls, *, key):
        return super().__new__(cls, key)

    def __init__(self, *, key):
        self.key = key

    def __str__(self):
        return f"no {self.key}"


class Speechless(Exception):
    def __str__(self):
        raise RuntimeError("no text")


def arrival(error):
    """``error`` as it comes out of a run in another process (which is this one here, by name)."""

    def run(seed):
        raise error

    with pytest.raises(Failure) as failure:
        run_one(run, {}, "high", 2, {}, caller=None, seed_offset=0)
    failure = pickle.loads(pickle.dumps(failure.value))
    assert "in run\n" in failure.trace
    assert type(error).__name__ in failure.trace
    arrived = failure.unpacked()
    assert arrived.__notes__ == ["This happened in the run with seed 2 of setting 'high'."]
    return arrived


@pytest.mark.parametrize(
    "error",
    [
        ZeroDivisionError("division by zero"),
        KeyError("key"),
        FileNotFoundError(2, "No such file", "a.txt"),
        UnicodeEncodeError("ascii", "\u2713", 0, 1, "ordinal not in range(128)"),
        TwoArguments("x", 1),
        OneArgument("x"),
        RuntimeError(threading.Lock()),
        KeyboardInterrupt(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_exception_arrives_from_a_worker_with_its_class_and_text(error):
    arrived = arrival(error)
    assert type(arrived) is type(error)
    assert str(arrived) == str(error)


def test_what_an_exception_knows_arrives_as_far_as_it_can_travel():
    assert arrival(TwoArguments("x", 1)).value == 1
    assert arrival(FileNotFoundError(2, "No such file", "a.txt")).filename == "a.txt"
    assert not hasattr(arrival(TwoArguments("x", 1)), "lock")


def test_an_exception_whose_class_cannot_travel_arrives_as_the_next_base():
    arrived = arrival(Unmakeable(key="x"))
    assert type(arrived) is LookupError
    assert str(arrived) == "no x"
    assert type(arrival(Speechless())) is Speechless


def test_a_group_arrives_with_its_members():
    group = ExceptionGroup(
        "several", [TwoArguments("x", 1), ExceptionGroup("two", [OneArgument("y")])]
    )
    arrived = arrival(group)
    assert isinstance(arrived, ExceptionGroup)
    first, second = arrived.exceptions
    assert (type(first), str(first)) == (TwoArguments, "x is 1")
    assert [type(member) for member in second.exceptions] == [OneArgument]


# --- the temporary folder: these tests play Windows, where it lies in the user's own folder, there is
# no /dev/shm, and PUBLIC names a folder of all users

PLAYED_WINDOWS = """
import os, sys, tempfile
from pathlib import Path
import joblib._memmapping_reducer
joblib._memmapping_reducer.SYSTEM_SHARED_MEM_FS = "/nowhere"
from course_utils import workers
workers.POSIX_TEMP_FOLDERS = ()
from course_utils.notebook import set_up
set_up("start_here", "en", workers=True)
import numpy as np
from course_utils.experiment import run_seeds

def look(seed, data):
    mapped = str(next(Path(os.environ["PUBLIC"]).rglob("*.pkl"), None))
    return {"sum": float(data.sum()) + seed, "file": mapped, "pid": os.getpid()}

runs = run_seeds(look, range(2), n_jobs=2, data=np.ones(300_000))
assert runs["sum"].tolist() == [300_000, 300_001]
assert os.getpid() not in set(runs["pid"])
assert tempfile.gettempdir() == os.environ["TMPDIR"]
print(runs["file"][0])
"""


def test_workers_run_where_the_temporary_folders_are_chinese(tmp_path):
    if not str(tmp_path).isascii():
        pytest.skip("pytest's own folder has a name that is not ASCII")
    chinese, public = tmp_path / "使用者 '小明'", tmp_path / "Public"
    for folder in (chinese, public):
        folder.mkdir()
    program = chinese / "程式.py"
    program.write_text(PLAYED_WINDOWS, encoding="utf-8")
    environment = {**os.environ, "TMPDIR": str(chinese), "PUBLIC": str(public), "COURSE_QUIET": "1"}
    environment["JOBLIB_TEMP_FOLDER"] = str(chinese)
    command = [sys.executable, str(program)]
    result = subprocess.run(
        command, env=environment, capture_output=True, check=False, encoding="utf-8"
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines()[-1].startswith(f"{public}{os.sep}"), "memory-mapped there"
    assert [*public.iterdir()] == [], "nothing stays behind"
    assert [*chinese.glob("joblib*")] == []


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """A Chinese temporary folder and nothing else, until a test names another."""
    chinese = tmp_path / "暫存"
    chinese.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(chinese))
    monkeypatch.setattr(workers, "POSIX_TEMP_FOLDERS", ())
    monkeypatch.setenv("JOBLIB_TEMP_FOLDER", str(chinese))
    for name in ("PUBLIC", "ProgramData", "SystemDrive"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_without_any_folder_runs_take_turns_and_say_why(folders):
    with pytest.warns(UserWarning, match="take turns.*JOBLIB_TEMP_FOLDER"):
        runs = run_seeds(lambda seed: os.getpid(), range(2), n_jobs=2)
    assert set(runs["result"]) == {os.getpid()}
    workers.start_workers()  # as set_up does: it starts none


def test_the_first_folder_that_is_ascii_and_may_be_written_is_taken(folders, monkeypatch):
    public, program_data = folders / "public", folders / "data"
    monkeypatch.setenv("PUBLIC", str(public))
    monkeypatch.setenv("ProgramData", str(program_data))
    program_data.mkdir()
    assert find_temp_folder()
    assert os.environ["JOBLIB_TEMP_FOLDER"] == f"{program_data}{os.sep}"
    assert [*program_data.iterdir()] == []


@pytest.mark.parametrize("name", ["plain", "with space", "it's"])
def test_a_folder_that_is_ascii_stays(name, folders, monkeypatch):
    monkeypatch.setenv("JOBLIB_TEMP_FOLDER", str(folders / name))
    assert find_temp_folder()
    assert os.environ["JOBLIB_TEMP_FOLDER"] == str(folders / name)


@pytest.mark.parametrize("relative", ["~", "~/temp", "temp", ""])
def test_a_folder_counts_with_all_that_lies_above_it(relative, folders, monkeypatch):
    monkeypatch.setenv("HOME", str(folders / "暫存"))
    monkeypatch.chdir(folders / "暫存")
    monkeypatch.setenv("JOBLIB_TEMP_FOLDER", relative)
    assert not find_temp_folder()
    monkeypatch.setenv("PUBLIC", str(folders))
    assert find_temp_folder()


def test_a_path_too_long_for_the_tracker_is_left_too(folders, monkeypatch):
    monkeypatch.setenv("JOBLIB_TEMP_FOLDER", "/" + "x" * 400)
    assert not find_temp_folder()
