"""Which exercises you have solved; ``python -m course_utils.progress`` prints the table.

A solved exercise is one line of a small file in your own data folder; nothing else is recorded, and
``COURSE_PROGRESS=off`` records nothing. A line is added in one write and never changed, so notebooks
that are open side by side do not disturb each other. To begin anew, delete the file.
"""

import os
from pathlib import Path

import platformdirs

from course_utils.language import Text

_FILE = "solved_exercises.txt"
#: A lesson, and the one it was part of when some of its exercises may have been solved.
_PART_OF = {
    "numpy_losses_and_gradients": "numpy_training_tools",
    "numpy_training_loop": "numpy_training_tools",
}
_NOT_KEPT = Text(
    "（沒能記下你完成了這一題：{error}。請把那個檔案或資料夾改成可以寫入；不想記錄的話，設定環境變數 COURSE_PROGRESS=off。）",
    "(That you solved it could not be kept: {error}. Make that file or folder writable, or set the "
    "environment variable COURSE_PROGRESS=off to keep nothing.)",
)
_KEPT = Text("紀錄在 {file}", "It is kept in {file}")
_OFF = Text(
    "環境變數 COURSE_PROGRESS=off：什麼都不記錄。", "COURSE_PROGRESS=off: nothing is recorded."
)


def is_kept() -> bool:
    """Whether solved exercises are recorded: unless ``COURSE_PROGRESS=off``, and not while grading."""
    is_off = os.environ.get("COURSE_PROGRESS", "").strip().lower() == "off"
    return not is_off and not os.environ.get("NBGRADER_EXECUTION")


def progress_file() -> Path:
    """Where solved exercises are recorded, one a line, such as ``losses.cross_entropy``."""
    return platformdirs.user_data_path("course-utils", appauthor=False) / _FILE


def solved(lesson: str) -> set[str]:
    """The exercises of a lesson that were solved; none where nothing is kept.

    What was solved before a lesson was divided counts for each of its parts: an exercise that moves
    keeps its name.
    """
    try:
        text = progress_file().read_text(encoding="utf-8", errors="replace") if is_kept() else ""
    except OSError:
        text = ""  # there is none yet, or it is not ours to read
    lines = [line.partition(".") for line in text.split()]
    return {name for of_lesson, _, name in lines if of_lesson in (lesson, _PART_OF.get(lesson))}


def note_solved(lesson: str, name: str) -> str:
    """Record that an exercise was solved; returns why it could not be, "" if all is well."""
    if is_kept() and name not in solved(lesson):
        file = progress_file()
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("ab", buffering=0) as lines:  # one write, which nobody else's can part
                lines.write(f"\n{lesson}.{name}\n".encode())
        except OSError as error:
            return _NOT_KEPT.format(error=error)
    return ""


def main() -> None:
    """Print what was solved, lesson by lesson, and where that is kept."""
    from course_utils.notebook.lessons import lesson_table

    print(lesson_table().data)
    print()
    print(_KEPT.format(file=progress_file()) if is_kept() else _OFF)


if __name__ == "__main__":
    main()
