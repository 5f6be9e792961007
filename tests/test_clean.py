"""`make clean` removes what the course made and nothing else, whatever things are called."""

import os
import shutil
import subprocess
import sys

import clean
import pytest
from install import MARK, ROOT, STAMP

HOSTILE = [
    "hw 1",
    "it's",
    'say "hi"',
    "-rf",
    "$HOME",
    "`ls`",
    "new\nline",
    "作業",
    "*",
    "build; rm -rf .",
    ".",
]


def write(path, text="a student's work"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture
def course(tmp_path):
    """A course in which every tool has left what it leaves."""
    root = tmp_path / "my 'course' 作業"
    for name in (
        f".venv/{MARK}",
        f".venv/{STAMP}",
        ".venv/bin/python",
        ".venv/lib/python3.12/site-packages/torch/__pycache__/x.cpython-312.pyc",
        f".venv-oldest/{MARK}",
        ".venv-oldest/pyvenv.cfg",
        ".pytest_cache/v/cache/nodeids",
        ".pytest_cache/README.md",
        ".ruff_cache/0.17.6/123",
        ".mypy_cache/3.11/cache.0.db",
        ".hypothesis/examples/1/2",
        "course_utils.egg-info/PKG-INFO",
        "build/lib/course_utils/mnist.py",
        "build/bdist.linux-x86_64/x",
        "course_utils/__pycache__/data.cpython-312.pyc",
        "course_utils/exercises/__pycache__/losses.cpython-313.opt-1.pyc",
        "tests/__pycache__/test_data.cpython-311-pytest-9.2.0.pyc",
    ):
        write(root / name, "made by a tool")
    write(root / "course_utils/mnist.py")
    write(root / "data/MNIST/raw/train-images-idx3-ubyte.gz")
    return root


def files(root):
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if not path.is_dir()}


def test_everything_that_was_made_goes(course):
    clean.clean(course)
    assert files(course) == {"course_utils/mnist.py", "data/MNIST/raw/train-images-idx3-ubyte.gz"}
    assert {path.name for path in course.iterdir()} == {"course_utils", "data", "tests"}
    clean.clean(course)  # and again, with nothing to do


@pytest.mark.parametrize("name", HOSTILE)
def test_a_students_folders_stay_whatever_they_are_called(name, course):
    kept = {
        write(course / folder / name / file)
        for folder in ("", "homework", "course_utils", "build", ".venv", ".pytest_cache")
        for file in ("hw/work.py", "__pycache__/notes.txt", ".ipynb_checkpoints/work.ipynb")
    }
    kept |= {write(course / "hw" / "work.py"), write(course / "hw" / "build" / "lib" / "x.py")}
    kept |= {write(course / "hw" / folder / "x" / MARK) for folder in (".venv", ".pytest_cache/v")}
    clean.clean(course)
    assert {path for path in kept if not path.is_file()} == set()


@pytest.mark.parametrize("folder", sorted({*clean.MADE, "course_utils/__pycache__"}))
def test_a_students_file_among_what_was_made_stays(folder, course, capsys):
    mine = write(course / folder / "my homework.ipynb")
    clean.clean(course)
    assert mine.read_text() == "a student's work"
    assert f"left: {mine}" in capsys.readouterr().out or folder == "build/lib"
    assert [path.name for path in mine.parent.iterdir()] == [mine.name]


@pytest.mark.parametrize("folder", [".venv", ".venv-oldest"])
def test_an_environment_that_somebody_else_made_stays(folder, course, capsys):
    (course / folder / MARK).unlink()
    before = files(course / folder)
    clean.clean(course)
    assert files(course / folder) == before
    assert "not made by the course" in capsys.readouterr().out


@pytest.mark.skipif(os.name == "nt", reason="links need a right there")
@pytest.mark.parametrize("folder", [*clean.MADE, "course_utils/__pycache__", "tests"])
def test_links_are_not_followed(folder, course, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    if (course / folder).exists():
        shutil.move(course / folder, elsewhere)
    mine = write(elsewhere / "__pycache__" / "mine.cpython-312.pyc")
    before = files(elsewhere)
    (course / folder).symlink_to(elsewhere, target_is_directory=True)
    (course / ".venv" / "lib64").symlink_to(tmp_path) if folder != ".venv" else None
    clean.clean(course)
    assert files(elsewhere) == before and mine.is_file()


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_clean_cleans_the_course_in_which_it_is_called(course):
    for name in ("Makefile", "tools/install.py", "tools/clean.py"):
        write(course / name, (ROOT / name).read_text())
    mine = write(course / "hw 1" / "hw" / "__pycache__" / "mine.py")
    (course / "hw").mkdir()
    result = subprocess.run(["make", "clean"], cwd=course, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert mine.is_file() and (course / "hw").is_dir()
    assert not (course / ".venv").exists() and not (course / "course_utils/__pycache__").exists()


@pytest.mark.skipif(os.name == "nt", reason="plays Windows")
def test_a_file_held_open_is_said_and_the_environment_is_no_longer_taken_for_whole(course):
    """Windows removes no file that a program has open."""
    for tool in ("install", "clean"):
        write(course / f"tools/{tool}.py", (ROOT / f"tools/{tool}.py").read_text())
    held = "import os, shutil, runpy, sys\n"
    held += "def held(path, *a, **k): raise PermissionError(13, 'in use by another process', str(path))\n"
    held += "shutil.rmtree = held\nsys.path.insert(0, sys.argv[1])\n"
    held += "runpy.run_path(sys.argv[1] + '/clean.py', run_name='__main__')\n"
    command = [sys.executable, "-c", held, str(course / "tools")]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 1 and "Close JupyterLab" in result.stderr, result.stderr
    assert "Traceback" not in result.stderr and str(course / ".venv/bin") in result.stderr
    assert not (course / ".venv" / STAMP).exists() and (course / ".venv" / MARK).exists()
    again = subprocess.run([sys.executable, course / "tools/clean.py"], capture_output=True)
    assert again.returncode == 0 and not (course / ".venv").exists()
