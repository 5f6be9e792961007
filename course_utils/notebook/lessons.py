"""The lessons of the course, in order: how long each one runs, and what you have solved of it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from IPython.display import Markdown

from course_utils import progress
from course_utils.language import Text, get_language

#: Lesson -> file name, titles and measured seconds; written by the builder from the lessons.
CATALOGUE = Path(__file__).with_name("lessons.json")


def catalogue() -> dict[str, dict[str, Any]]:
    """Every lesson by name, in order: ``file``, a title for each language, ``exercises``, how many
    ``questions`` its lecturer asks, minutes for ``teaching`` and for ``practice``, ``seconds`` if
    measured."""
    return json.loads(CATALOGUE.read_text(encoding="utf-8"))


def minutes_of(entry: Mapping[str, Any]) -> tuple[str, str, str]:
    """How many minutes a lesson of the catalogue runs, is taught, and takes with its exercises.

    ``"?"`` stands for what is not known yet.

    >>> minutes_of({"seconds": 90, "teaching": 40, "practice": 25})
    ('≈1.5', '40', '65')
    """
    seconds, teaching = entry.get("seconds"), entry.get("teaching", 0)
    running = "≈?" if seconds is None else f"≈{max(seconds / 60, 0.1):.1f}"
    together = teaching + entry.get("practice", 0)
    return running, str(teaching or "?"), str(together if teaching else "?")


def measured_minutes(lesson: str) -> str:
    """How long the lesson runs, e.g. ``"≈1.5"``: on full MNIST and two cores, as last recorded."""
    return minutes_of(catalogue().get(lesson, {}))[0]


_WELCOME = Text(
    "裝置：{device}。從頭執行到尾約需 {running} 分鐘（雙核心筆電）；上課約 {teaching} 分鐘，加上練習約 {together} 分鐘。",
    "Device: {device}. Running from top to bottom takes {running} min (two-core laptop); in class it "
    "is about {teaching} min, with the exercises {together}.",
)


def welcome(entry: Mapping[str, Any], device: Any) -> str:
    """What the set-up cell says of a lesson of the catalogue: on what it computes, how long it takes."""
    running, teaching, together = minutes_of(entry)
    return str(_WELCOME).format(
        device=device, running=running, teaching=teaching, together=together
    )


def solved_of(lesson: str) -> tuple[int, int]:
    """(how many of its exercises you have solved, how many there are)."""
    names = catalogue().get(lesson, {}).get("exercises", [])
    return len(progress.solved(lesson).intersection(names)), len(names)


def lesson_table(lessons: Mapping[str, Mapping[str, Any]] | None = None) -> Markdown:
    """Number, title with link, minutes to run, in class and with exercises; and, where that is kept,
    solved exercises.

    lessons: those of another catalogue, of which nothing is solved.
    """
    columns = [Text("課", "no."), Text("題目", "lesson"), Text("執行", "running")]
    columns += [Text("上課", "in class"), Text("加上練習", "with exercises")]
    rows = [
        [
            lesson["file"][:2],
            f"[{lesson[get_language()]}]({lesson['file']}.ipynb)",
            *minutes_of(lesson),
        ]
        for lesson in (catalogue() if lessons is None else lessons).values()
    ]
    if lessons is None and progress.is_kept():
        columns.append(Text("完成的練習", "exercises solved"))
        counts = [solved_of(name) for name in catalogue()]
        for row, (solved, total) in zip(rows, counts, strict=True):
            row.append(f"{solved} / {total}")
    head, *body = [f"| {' | '.join(map(str, line))} |" for line in (columns, *rows)]
    rule = "|---|---|" + "--:|" * (len(columns) - 2)
    return Markdown("\n".join([head, rule, *body]))
