"""Worksheets pass through nbgrader as it is, by the recipe of INSTRUCTORS.md.

nbgrader lives in an environment of its own; COURSE_NBGRADER names its program.
"""

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from assignments import worksheet
from build import FOLDERS, ROOT
from lesson_rules import notebook_path

NBGRADER = os.environ.get("COURSE_NBGRADER") or shutil.which("nbgrader")
LESSON = notebook_path("perceptron_xor").stem

pytestmark = pytest.mark.skipif(
    not NBGRADER, reason="no nbgrader: COURSE_NBGRADER names its program (INSTRUCTORS.md)"
)


def nbgrader(course: Path, *arguments: str) -> None:
    path = os.pathsep.join([str(Path(NBGRADER).parent), os.environ["PATH"]])  # alembic is there
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}
    environment |= {"JUPYTER_PATH": str(course / "share" / "jupyter"), "OMP_NUM_THREADS": "1"}
    run = subprocess.run(
        [NBGRADER, *arguments], cwd=course, env=environment, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.timeout(900)
def test_worksheets_pass_through_nbgrader(tmp_path):
    notebook = nbformat.read(FOLDERS["en"] / f"{LESSON}.ipynb", as_version=4)
    sheets = {
        "untouched": worksheet(notebook, "en"),
        "solved": worksheet(notebook, "en", with_answers=True),
    }
    kernel = [sys.executable, "-m", "ipykernel", "install", "--prefix", str(tmp_path)]
    subprocess.run([*kernel, "--name", "python3"], check=True, capture_output=True)
    (tmp_path / "nbgrader_config.py").write_text(
        "c = get_config()\nc.CourseDirectory.course_id = 'course'\n"
    )
    places = [tmp_path / "source" / LESSON]
    places += [tmp_path / "submitted" / student / LESSON for student in sheets]
    for place, sheet in zip(places, [sheets["untouched"], *sheets.values()], strict=True):
        place.mkdir(parents=True)
        nbformat.write(sheet, place / f"{LESSON}.ipynb")
    nbgrader(tmp_path, "generate_assignment", LESSON)
    released = nbformat.read(tmp_path / "release" / LESSON / f"{LESSON}.ipynb", as_version=4)
    sources = [cell.source for cell in released.cells]
    assert sources == [cell.source for cell in sheets["untouched"].cells]
    nbgrader(tmp_path, "autograde", LESSON)
    nbgrader(tmp_path, "export")
    rows = list(csv.DictReader((tmp_path / "grades.csv").read_text("utf-8").splitlines()))
    marks = {row["student_id"]: (float(row["score"]), float(row["max_score"])) for row in rows}
    assert marks == {"untouched": (0.0, 6.0), "solved": (6.0, 6.0)}
