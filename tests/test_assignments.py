"""Worksheets, the bundle without solutions, and what a student's checks see."""

import json
import os
import subprocess
import sys
from pathlib import Path

import assignments
import bundle
import nbformat
import pytest
from build import FOLDERS, ROOT, lesson_paths
from references import LessonError

from course_utils.exercises.by_reference import ReferenceExercise

LESSONS = ["perceptron_xor", "gradient_clipping"]
EVERY = [(path.stem, language) for path in lesson_paths() for language in FOLDERS]


@pytest.fixture(scope="module")
def out(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("out")
    assignments.write_assignments(folder, LESSONS, "en")
    return folder


def in_the_bundle(students: Path, code: str) -> str:
    """What a program prints that has the students' course and no other."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(students), str(ROOT / "tests")]),
    }
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=students,
        env=environment,
        capture_output=True,
        encoding="utf-8",
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_no_line_of_a_solution_is_in_the_bundle(out):
    assert len(bundle.secret_lines()) > 200
    assert bundle.leaks(out / "students") == []
    assert bundle.leaks(out / "key"), "the scan sees solutions where they are"
    assert not list((out / "students").rglob("solutions"))


@pytest.mark.parametrize("name", ["x.py", "x.json", "x.ipynb"])
def test_the_scan_sees_a_line_however_it_is_laid_out(tmp_path, name):
    line = next(line for line in bundle.secret_lines().values() if line.startswith("return "))
    text = f"def f():\n        {line}   # mine\n"
    if name.endswith(".ipynb"):
        text = nbformat.writes(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text)]))
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert len(bundle.leaks(tmp_path)) == 1


def test_a_leak_stops_the_assignment(monkeypatch, tmp_path):
    monkeypatch.setattr(assignments, "leaks", lambda folder: ["a.py: return 1"])
    with pytest.raises(LessonError, match="so nothing was"):
        assignments.write_assignments(tmp_path, ["start_here"], "en")
    assert not (tmp_path / "students").exists()


def test_what_was_handed_out_is_not_written_over(out):
    with pytest.raises(LessonError, match="exist already"):
        assignments.write_assignments(out, LESSONS, "en")


@pytest.mark.parametrize(("name", "language"), EVERY, ids=["-".join(one) for one in EVERY])
def test_a_worksheet_asks_all_and_tells_nothing(name, language):
    notebook = nbformat.read(FOLDERS[language] / f"{name}.ipynb", as_version=4)
    sheet, key = (assignments.worksheet(notebook, language, with_answers=w) for w in (False, True))
    exercises = bundle.exercises_of(name[3:])
    checks = [cell for cell in sheet.cells if "nbgrader" in cell.metadata]
    assert {cell.source for cell in checks} == {f"exercises.{e}.check({e})" for e in exercises}
    assert len(checks) == len(exercises)
    for cell in checks:
        own = cell.metadata["nbgrader"]
        assert own["grade"] and own["locked"] and own["points"] in (1, 2, 3)
        assert cell.metadata.editable is False and cell.metadata.deletable is False
    assert len({cell.id for cell in sheet.cells}) == len(sheet.cells)
    answers = [cell for cell in sheet.cells if "answer" in cell.metadata.get("course", {})]
    assert {cell.metadata["course"]["answer"] for cell in answers} == set(exercises)
    solved = [cell for cell in key.cells if "answer" in cell.metadata.get("course", {})]
    for stub, answer in zip(answers, solved, strict=True):
        assert stub.source != answer.source and "_solution" not in answer.source
    assert not any(cell.get("outputs") for cell in sheet.cells)


def test_prompts_that_read_a_figure_bring_it_along():
    name = next(path.stem for path in lesson_paths() if path.stem.endswith("debugging_clinic"))
    notebook = nbformat.read(FOLDERS["en"] / f"{name}.ipynb", as_version=4)
    cells = assignments.worksheet(notebook, "en").cells
    pictures = [cell for cell in cells if cell.get("attachments")]
    assert len(pictures) == 2 and all(cell.source.startswith("![Patients ") for cell in pictures)


CELLS = """
import json, sys
for cell in json.load(open(sys.argv[1] if len(sys.argv) > 1 else PATH, encoding="utf-8"))["cells"]:
    if cell["cell_type"] == "code":
        exec("".join(cell["source"]))
"""


def test_a_student_sees_what_is_right_and_what_is_not_attempted(out):
    for kind, mark in (("key", "✓"), ("students", "○")):
        (path,) = (out / kind).glob("*_gradient_clipping.ipynb")
        said = in_the_bundle(out / "students", CELLS.replace("PATH", repr(str(path))))
        lines = [line for line in said.splitlines() if line[:1] in ("✓", "○", "✗")]
        assert [line[0] for line in lines] == [mark] * 3 + ["○"], said
        assert ("Checked here on" in said) == (kind == "key")
        assert ("not checked here" in lines[3]) == (kind == "key")


IMPORT_ALL = """
import pkgutil, course_utils.exercises as package
from importlib import import_module
from course_utils.exercises import Exercise
from course_utils import clinic
names = [m.name for m in pkgutil.iter_modules(package.__path__)]
found = {id(v): v for n in names for v in vars(import_module(f"course_utils.exercises.{n}")).values() if isinstance(v, Exercise)}.values()
for exercise in found:
    exercise.hint()
    exercise.solution()
print(len(found), clinic.NEW_PATIENTS)
"""


def test_every_module_of_the_bundle_works_without_its_answers(out):
    said = in_the_bundle(out / "students", IMPORT_ALL)
    count = sum(len(bundle.exercises_of(subject)) for subject in bundle.subjects())
    assert said.splitlines()[-1] == f"{count} {{}}"


CORPUS = """
import wrong_answers.perceptron_xor, wrong_answers.unseen.perceptron_xor, json
from course_utils.exercises.recorded import HandedIn
found = []
for case in wrong_answers.CASES:
    if not isinstance(case.exercise, HandedIn):
        verdict = case.exercise.examine(case.answer)
        found.append([str(case), case.mistake, verdict.passed, verdict.mistake])
print(json.dumps(found))
"""


def test_a_students_checks_know_most_mistakes(out):
    """Every right answer passes; nine wrong ones in ten fail, and most hear what they would in the lesson."""
    found = json.loads(in_the_bundle(out / "students", CORPUS).splitlines()[-1])
    right = [row for row in found if row[1] is None]
    wrong = [row for row in found if row[1] is not None]
    assert len(right) >= 8 and all(row[2] for row in right)
    failed = [row for row in wrong if not row[2]]
    assert len(failed) >= 0.9 * len(wrong)
    assert sum(row[3] == row[1] for row in failed) >= 0.6 * len(failed)


def test_other_random_numbers_are_told_and_not_judged(capsys, english, tmp_path):
    from course_utils.exercises import recorded
    from course_utils.exercises.outcomes import given

    @recorded.recorded(cases=lambda: [given(2.0)])
    def nothing_is_known(x): ...

    nothing_is_known.check(lambda x: x)
    assert "not checked here" in capsys.readouterr().out
    from course_utils.exercises.start_here import accuracy

    nothing_is_known.expected = recorded.Expected.of(accuracy)
    nothing_is_known._all_cases = lambda: [given(2.0)] * len(nothing_is_known.shown)
    nothing_is_known.check(lambda x: x)
    assert "other random numbers" in capsys.readouterr().out


def test_what_is_written_is_what_is_read(tmp_path):
    from course_utils.exercises.recorded import Expected

    exercise = bundle.exercises_of("losses")["bce_from_logits"]
    assert isinstance(exercise, ReferenceExercise)
    expected = Expected.of(exercise)
    expected.write(tmp_path / "x.bin", range(0, len(expected.right), 2))
    again = Expected.read(tmp_path / "x.bin")
    assert len(again.right) == len(expected.right)
    for number, (one, other) in enumerate(zip(expected.right, again.right, strict=True)):
        assert (other is None) == (number % 2 == 1)
        if other is not None:
            assert (one.arrays[0] == other.arrays[0]).all()
            assert (one.gradients[0] == other.gradients[0]).all()
    assert again.texts == expected.texts and len(again.ways) == len(expected.ways)
