"""The lessons of the course, in order, and how long each one runs."""

import json
from pathlib import Path
from typing import Any

from IPython.display import Markdown

from course_utils.language import Text, get_language

#: Lesson -> file name, titles and measured seconds; written by the builder from the lessons.
CATALOGUE = Path(__file__).with_name("lessons.json")


def catalogue() -> dict[str, dict[str, Any]]:
    """Every lesson by name, in order: ``file``, a title for each language, ``seconds`` if measured."""
    return json.loads(CATALOGUE.read_text(encoding="utf-8"))


def measured_minutes(lesson: str) -> str:
    """How long the lesson runs, e.g. ``"≈1.5"``: on full MNIST and two cores, as last recorded."""
    seconds = catalogue().get(lesson, {}).get("seconds")
    return "≈?" if seconds is None else f"≈{max(seconds / 60, 0.1):.1f}"


def lesson_table() -> Markdown:
    """Number, title with link, and measured minutes of every lesson, in the reader's language."""
    lines = [str(Text("| 課 | 題目 | 分鐘 |", "| no. | lesson | minutes |")), "|---|---|---|"]
    for name, lesson in catalogue().items():
        file, title = lesson["file"], lesson[get_language()]
        lines.append(f"| {file[:2]} | [{title}]({file}.ipynb) | {measured_minutes(name)} |")
    return Markdown("\n".join(lines))
