"""Which exercises were solved: kept, shown, and never in anybody's way."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from course_utils import progress
from course_utils.exercises import exercise, start_here
from course_utils.language import Text
from course_utils.notebook import set_up
from course_utils.notebook.lessons import catalogue, lesson_table, solved_of

pytestmark = pytest.mark.usefixtures("english")


@pytest.fixture
def kept(monkeypatch, tmp_path):
    """Progress is kept, in a folder of this test."""
    monkeypatch.delenv("COURSE_PROGRESS")
    folder = tmp_path / "王 小明's data" / "course"
    monkeypatch.setattr(progress.platformdirs, "user_data_path", lambda *_, **__: folder)
    return folder


def right(predictions, labels):
    return (predictions == labels).double().mean()


def wrong(predictions, labels):
    return (predictions != labels).double().mean()


def test_a_solved_exercise_is_noted_once_and_nothing_else_is(kept, capsys):
    start_here.accuracy.check(wrong)
    assert not kept.exists() and solved_of("start_here") == (0, 1)
    for _ in range(3):
        start_here.accuracy.check(right)
    assert [path.name for path in kept.iterdir()] == ["solved_exercises.txt"]
    assert progress.progress_file().read_text().split() == ["start_here.accuracy"]
    start_here.accuracy.check(wrong)  # what was solved stays solved
    assert solved_of("start_here") == (1, 1)
    assert "kept" not in capsys.readouterr().out


def test_examining_and_exercises_made_elsewhere_note_nothing(kept):
    @exercise(hint=Text("", ""))
    def easy(answer):
        pass

    start_here.accuracy.examine(right)
    easy.check(1)
    assert not kept.exists()


def test_what_was_solved_before_a_lesson_was_divided_still_counts(kept):
    before = ["slopes_along_direction", "clip_by_global_norm", "BestParams", "unknown"]
    for name in before:
        progress.note_solved("numpy_training_tools", name)
    lessons = {"numpy_losses_and_gradients": (1, 3), "numpy_training_loop": (2, 3)}
    assert {lesson: solved_of(lesson) for lesson in lessons} == lessons
    progress.note_solved("numpy_training_loop", "BestParams")  # solved again: not counted twice
    assert solved_of("numpy_training_loop") == (2, 3) and solved_of("numpy_lstm")[0] == 0
    assert len(progress.progress_file().read_text().split()) == len(before)


@pytest.mark.parametrize("how", ["off", " OFF "])
def test_it_can_be_turned_off_and_then_shows_nothing(kept, monkeypatch, how, capsys):
    start_here.accuracy.check(right)
    monkeypatch.setenv("COURSE_PROGRESS", how)
    assert progress.note_solved("losses", "cross_entropy") == ""
    assert solved_of("start_here")[0] == 0
    set_up("start_here", "en")
    progress.main()
    shown = capsys.readouterr().out
    assert "solved" not in shown and "nothing is recorded" in shown
    monkeypatch.setenv("COURSE_PROGRESS", "on")
    assert solved_of("start_here")[0] == 1
    assert progress.solved("losses") == set()


def test_grading_notes_nothing(kept, monkeypatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    start_here.accuracy.check(right)
    assert not kept.exists()


def test_the_banner_and_the_table_say_how_many(kept, capsys):
    for name in ("bce_from_logits", "cross_entropy"):
        progress.note_solved("losses", name)
    set_up("losses", "en")
    assert "Exercises: 2 of 4 solved." in capsys.readouterr().out
    table = lesson_table().data
    assert "| exercises solved |" in table and table.count("0 / ") == len(catalogue()) - 1
    assert next(line for line in table.splitlines() if "Loss functions" in line).endswith(
        "| 2 / 4 |"
    )
    set_up("losses", "zh-TW")
    assert "練習：4 題完成了 2 題。" in capsys.readouterr().out


def test_notebooks_side_by_side_lose_nothing(kept):
    lessons = [(name, each) for name, lesson in catalogue().items() for each in lesson["exercises"]]
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda one: progress.note_solved(*one), lessons * 3)) == {""}
    for name, lesson in catalogue().items():
        assert progress.solved(name) == set(lesson["exercises"])


def test_what_cannot_be_read_or_written_is_said_and_stops_nobody(kept, capsys):
    kept.parent.mkdir(parents=True)
    kept.write_text("a file where the folder should be")
    start_here.accuracy.check(right)
    shown = capsys.readouterr().out
    assert "✓ Correct: accuracy" in shown and "could not be kept" in shown
    assert "COURSE_PROGRESS=off" in shown and str(kept) in shown
    assert solved_of("start_here") == (0, 1)
    kept.unlink()
    start_here.accuracy.check(right)  # the advice, followed
    assert solved_of("start_here") == (1, 1)


def test_a_line_that_was_cut_off_costs_that_line_only(kept):
    kept.mkdir(parents=True)
    progress.progress_file().write_bytes(b"losses.cross_ent\xe5")
    assert progress.note_solved("losses", "cross_entropy") == ""
    assert "cross_entropy" in progress.solved("losses") and solved_of("losses") == (1, 4)


def test_the_command_prints_the_table_and_where_it_is_kept(tmp_path):
    environment = os.environ | {
        "COURSE_PROGRESS": "on",
        "COURSE_LANG": "en",
        "XDG_DATA_HOME": str(tmp_path),
        "PYTHONIOENCODING": "utf-8",
    }
    ran = subprocess.run(
        [sys.executable, "-m", "course_utils.progress"],
        env=environment,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert "| exercises solved |" in ran.stdout and "solved_exercises.txt" in ran.stdout
    assert "0 / 4" in ran.stdout and ran.stderr == ""
