"""The lessons of the course, in order: how long each one runs, and what you have solved of it."""

import json
from pathlib import Path
from typing import Any

from IPython.display import Markdown

from course_utils import progress
from course_utils.language import Text, get_language

#: Lesson -> file name, titles and measured seconds; written by the builder from the lessons.
CATALOGUE = Path(__file__).with_name("lessons.json")


def catalogue() -> dict[str, dict[str, Any]]:
    """Every lesson by name, in order: ``file``, a title for each language, ``exercises``, ``seconds``
    if measured."""
    return json.loads(CATALOGUE.read_text(encoding="utf-8"))


def measured_minutes(lesson: str) -> str:
    """How long the lesson runs, e.g. ``"≈1.5"``: on full MNIST and two cores, as last recorded."""
    seconds = catalogue().get(lesson, {}).get("seconds")
    return "≈?" if seconds is None else f"≈{max(seconds / 60, 0.1):.1f}"


def solved_of(lesson: str) -> tuple[int, int]:
    """(how many of its exercises you have solved, how many there are)."""
    names = catalogue().get(lesson, {}).get("exercises", [])
    return len(progress.solved(lesson).intersection(names)), len(names)


def lesson_table() -> Markdown:
    """Number, title with link, measured minutes and, where that is kept, solved exercises."""
    columns = [Text("課", "no."), Text("題目", "lesson"), Text("分鐘", "minutes")]
    rows = [
        [
            lesson["file"][:2],
            f"[{lesson[get_language()]}]({lesson['file']}.ipynb)",
            measured_minutes(name),
        ]
        for name, lesson in catalogue().items()
    ]
    if progress.is_kept():
        columns.append(Text("完成的練習", "exercises solved"))
        counts = [solved_of(name) for name in catalogue()]
        for row, (solved, total) in zip(rows, counts, strict=True):
            row.append(f"{solved} / {total}")
    head, *body = [f"| {' | '.join(map(str, line))} |" for line in (columns, *rows)]
    return Markdown("\n".join([head, "|" + "---|" * len(columns), *body]))
