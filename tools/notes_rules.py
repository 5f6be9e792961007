"""The rules for the notes cells of a lesson, and for how long a lesson may be."""

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from nbformat import NotebookNode
from notes import in_exercise, is_notes, is_prompt, prompts, read_questions

#: The last section of a lesson says what was learnt, and asks nothing.
LAST = ("Summary", "Off you go")
MAX_CELLS, MAX_WORDS = 100, 3100
#: What an exercise may not say, as a worksheet holds it without the lesson.
LEANING = {
    "en": re.compile(
        r"\babove(?=[.,;:?!)])|\b(?:rule|model|text|cell|code|figure|picture|table|map) above\b|\bthis lesson\b"
    ),
    "zh-TW": re.compile(r"上面|這一?課|本課"),
}


def notes(cells: list[NotebookNode], path: Path) -> Iterator[str]:
    """Notes cells are well formed; every section has one, every prediction is followed by one."""
    yield from read_questions(path)[1]
    yield from unasked_sections(cells)
    yield from unasked_predictions(cells)
    yield from claims_apart(cells)


def unasked_sections(cells: list[NotebookNode]) -> Iterator[str]:
    """Sections without a notes cell; exercises and the last section need none."""
    english = [cell for cell in cells if cell.metadata.get("lang", "en") == "en"]
    starts = [i for i, cell in enumerate(english) if _heading(cell)]
    for start, end in pairwise([*starts, len(english)]):
        heading = _heading(english[start])
        if heading in LAST or in_exercise(english, start):
            continue
        if not any(is_notes(cell) for cell in english[start:end]):
            yield f"ask something in the section {heading!r}, in a notes cell (CONTRIBUTING.md: Notes)"


def unasked_predictions(cells: list[NotebookNode]) -> Iterator[str]:
    """Prompts for a prediction, in one language only, or not followed at once by a notes cell."""
    for index, (cell, twin) in enumerate(pairwise(cells)):
        if cell.cell_type != "markdown" or cell.metadata.get("lang") != "zh-TW" or is_notes(cell):
            continue
        asks = is_prompt(cell.source, "zh-TW"), is_prompt(twin.source, "en")
        if not any(asks) or in_exercise(cells, index):
            continue
        where = _last_line(twin.source if asks[1] else cell.source)
        if not all(asks):
            yield f"ask for the prediction in both languages (想一想 or 猜猜看, Predict or Guess): {where}"
        if index + 2 >= len(cells) or not is_notes(cells[index + 2]):
            yield f"put a notes cell right after the prediction: {where}"


def claims_apart(cells: list[NotebookNode]) -> Iterator[str]:
    """Claims after whose sentence something new begins before a cell tests them."""
    for cell in cells:
        if cell.cell_type != "markdown" or cell.metadata.get("lang") != "en" or is_notes(cell):
            continue
        _, *parts = re.split(r"^\*\*Claim (\d+)\*\*", cell.source, flags=re.MULTILINE)
        if parts and (re.search(r"^#+ ", parts[-1], re.MULTILINE) or is_prompt(parts[-1], "en")):
            yield f"end the cell with claim {parts[-2]}: what comes after it goes behind the cell that tests it"


def length(cells: list[NotebookNode]) -> Iterator[str]:
    """At most 100 cells and 3,100 English words, notes aside: what a class can take in."""
    shown = [c for c in cells if c.metadata.get("lang", "en") == "en" and not is_notes(c)]
    words = sum(len(cell.source.split()) for cell in shown if cell.cell_type == "markdown")
    if len(shown) > MAX_CELLS or words > MAX_WORDS:
        yield f"shorten it to {MAX_CELLS} cells and {MAX_WORDS:,} English words: {len(shown)} and {words:,}"


def leaning_exercises(cells: list[NotebookNode]) -> Iterator[str]:
    """Prompts of exercises that lean on the lesson's text: a worksheet holds them alone."""
    for index, cell in enumerate(cells):
        language = cell.metadata.get("lang")
        if cell.cell_type != "markdown" or language not in LEANING or not in_exercise(cells, index):
            continue
        if found := LEANING[language].search(cell.source):
            yield (
                f"{found[0]!r} leans on the lesson, and a worksheet holds this exercise alone: "
                f"{cell.source.splitlines()[0]}"
            )


def answers_in_sight(cells: list[NotebookNode], language: str) -> Iterator[str]:
    """Predictions of a built notebook with something behind them on their slide that is no fragment."""
    for index in prompts(cells, language):
        for cell in cells[index + 1 :]:
            kind = cell.metadata.get("slideshow", {}).get("slide_type", "-")
            if kind in ("slide", "subslide", "fragment"):
                break
            if kind not in ("notes", "skip"):
                yield f"{_last_line(cells[index].source)}: on its slide stands {cell.source[:60]!r}"
                break


def _heading(cell: NotebookNode) -> str:
    found = re.match(r"## (.+)", cell.source) if cell.cell_type == "markdown" else None
    return found[1].strip() if found else ""


def _last_line(source: str) -> str:
    return source.strip().splitlines()[-1][-80:]
