"""The notes cells of a lesson: what to ask a class, for how many minutes, what people answer, and why.

A notes cell (``slide_type`` "notes") comes in both languages, as every Markdown cell does::

    **Ask** (6 min) SGD and momentum each take 100 steps. Which one ends nearer to the minimum?

    - ✓ Momentum. *Earlier steps add up, so it speeds up along the valley.*
    - ✗ SGD. *Takes momentum for an average of gradients that only lags behind.*

Lectures, decks, the website's questions and the question bank are all made from these cells.
"""

import html
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jupytext
from nbformat import NotebookNode
from website.headings import anchors

#: Language -> how the first line of a notes cell begins.
FIRST_LINE = {
    "zh-TW": re.compile(r"\*\*提問\*\*（(\d+) 分鐘）(?=\S)(.+)"),
    "en": re.compile(r"\*\*Ask\*\* \((\d+) min\) (?=\S)(.+)"),
}
SHAPE = {
    "zh-TW": "**提問**（6 分鐘）哪一個……？",
    "en": "**Ask** (6 min) Which …?",
}
#: What folds a question in a notebook.
SUMMARY = {"zh-TW": "課堂提問（{minutes} 分鐘）", "en": "A question for the class ({minutes} min)"}
MINUTES = range(2, 9)
OPTIONS = range(3, 5)
_OPTION = re.compile(r"- ([✓✗]) (\S.*?)\s*\*(\S[^*]*)\*")
_CODE = re.compile(r"`[^`]*`")
#: Language -> words that lean on what stands around a question.
LEANING = {
    "en": re.compile(
        r"\b(?:shown|seen|see|as) (?:above|below)\b"
        r"|\b(?:figure|picture|plot|table|cell|code|text|rule|example|list|line)s? (?:above|below)\b"
        r"|\b(?:this|that|these|those|next|previous|last|following) "
        r"(?:figure|plot|chart|table|cell|slide|lesson|section|page)s?\b",
        re.IGNORECASE,
    ),
    "zh-TW": re.compile(
        r"上面|下面|上圖|下圖|左圖|右圖|上表|下表|[這上下][一]?[張格課節頁][圖表]?(?=[，。？、：]|$)|這[一]?張[圖表]"
        r"|這[一]?格|上一格|下一格|這[一]?課|本課|上一課|下一課"
    ),
}


@dataclass(frozen=True)
class Option:
    """One possible answer; ``why``: what makes it right, or the misconception behind it."""

    text: str
    is_right: bool
    why: str


@dataclass(frozen=True)
class Asked:
    """A question as one language asks it."""

    minutes: int
    text: str
    options: tuple[Option, ...]


@dataclass(frozen=True)
class Question:
    """A question of a lesson in both languages.

    name: the same as long as the lesson, its section and the order there are the same.
    heading: the English heading of its section, "" before the first.
    """

    name: str
    heading: str
    asked: dict[str, Asked]


class NotesError(ValueError):
    """A notes cell is not as it should be; ``line`` counts from the cell's first line, 1."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


def minutes(source: str, language: str) -> int | None:
    """The minutes that a notes cell states, None if it states none as it should."""
    found = FIRST_LINE[language].match(source)
    return int(found[1]) if found else None


def is_notes(cell: NotebookNode) -> bool:
    """Whether a cell holds what the lecturer asks."""
    return cell.metadata.get("slideshow", {}).get("slide_type") == "notes"


def parse(source: str, language: str) -> Asked:
    """What a notes cell holds. Raises NotesError, which says what to do."""
    lines = source.splitlines() or [""]
    first = FIRST_LINE[language].fullmatch(lines[0].rstrip())
    if first is None:
        raise NotesError(1, f"begin as in `{SHAPE[language]}`, in one line")
    minutes, text = int(first[1]), first[2].strip()
    if minutes not in MINUTES:
        raise NotesError(1, f"{minutes} minutes: give it {MINUTES[0]} to {MINUTES[-1]}")
    if len(lines) < 2 or lines[1].strip():
        raise NotesError(2, "write the question in one line, then leave a line empty")
    options = [_option(number, line) for number, line in enumerate(lines[2:], 3)]
    right = sum(option.is_right for option in options)
    if len(options) not in OPTIONS or right != 1:
        raise NotesError(
            3,
            f"give it one ✓ and two or three ✗: there are {right} ✓ and {len(options) - right} ✗",
        )
    texts = [option.text for option in options]
    if len({*texts}) < len(texts):
        raise NotesError(3, "two options say the same; mend one of them")
    for number, line in enumerate([text, *texts, *(option.why for option in options)]):
        at = 1 if number == 0 else 3 + (number - 1) % len(options)
        plain = _CODE.sub("", line)
        if found := re.search(r"\$|\]\(|\[\[|<\w|\*|`", plain):
            raise NotesError(
                at,
                f"{found[0]!r}: write plain text, `code` and Unicode formulas (w², ≤), no LaTeX and no links",
            )
        if found := LEANING[language].search(plain):
            raise NotesError(
                at,
                f"{found[0]!r} leans on what stands around it; name the model and the data, as a question is also read alone",
            )
    return Asked(minutes, text, tuple(options))


def _option(number: int, line: str) -> Option:
    codes: list[str] = []

    def hide(found: re.Match) -> str:
        codes.append(found[0])
        return f"\0{len(codes) - 1}\0"

    def show(text: str) -> str:
        return re.sub("\0(\\d+)\0", lambda found: codes[int(found[1])], text)

    found = _OPTION.fullmatch(_CODE.sub(hide, line.replace("\0", "").rstrip()))
    if found is None:
        raise NotesError(
            number,
            f"write an option in one line, as in `- ✗ SGD. *What one who says so thinks.*`, not {line[:40]!r}",
        )
    return Option(show(found[2]), found[1] == "✓", show(found[3]).strip())


def cell_lines(path: Path) -> list[int]:
    """The number of the line on which each cell of a lesson begins, its marker."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [number for number, line in enumerate(lines, 1) if line.startswith("# %%")]


def read_questions(path: Path) -> tuple[list[Question], list[str]]:
    """The questions of a lesson in order, and what is wrong with its notes cells, a sentence each."""
    cells, starts = jupytext.read(path).cells, cell_lines(path)
    starts += [0] * (len(cells) - len(starts))
    lesson, heading = path.stem[3:], ""
    questions: list[Question] = []
    problems: list[str] = []
    waiting: tuple[int, Asked] | None = None
    counts: Counter[str] = Counter()
    for cell, start in zip(cells, starts, strict=False):
        language = cell.metadata.get("lang")
        if cell.cell_type == "markdown" and not is_notes(cell):
            found = re.match(r"## (.+)", cell.source)
            heading = found[1].strip() if found and language == "en" else heading
        if not is_notes(cell) or language not in FIRST_LINE:
            if is_notes(cell):
                problems.append(f"line {start}: a notes cell is Markdown, in both languages")
            waiting = None
            continue
        try:
            asked = parse(cell.source, language)
        except NotesError as error:
            problems.append(f"line {start + error.line}: {error}")
            waiting = None
            continue
        if language == "zh-TW":
            waiting = (start, asked)
            continue
        if waiting is None:  # the Chinese was wrong, or is missing: that is said elsewhere
            continue
        if unlike := _unlike(waiting[1], asked):
            problems.append(f"line {waiting[0]}: {unlike}")
        section = anchors([heading])[0] if heading else "title"
        counts[section] += 1
        name = f"{lesson}.{section}.{counts[section]}"
        questions.append(Question(name, heading, {"zh-TW": waiting[1], "en": asked}))
        waiting = None
    return questions, problems


def _unlike(chinese: Asked, english: Asked) -> str:
    if chinese.minutes != english.minutes:
        return (
            f"{chinese.minutes} minutes in Chinese, {english.minutes} in English: make them equal"
        )
    marks = ["".join("✗✓"[o.is_right] for o in asked.options) for asked in (chinese, english)]
    if marks[0] != marks[1]:
        return f"the options are {marks[0]} in Chinese, {marks[1]} in English: give both one order"
    return ""


def as_html(text: str) -> str:
    """Plain text with `code` as HTML.

    >>> as_html("`a < b` & c")
    '<code>a &lt; b</code> &amp; c'
    """
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text, quote=False))


def folded(source: str, language: str) -> str:
    """A notes cell as notebooks show it: a fold that a student need not open.

    What is inside stays Markdown, as RISE's speaker view shows the source.
    """
    asked = parse(source, language)
    options = [
        f"- {'✓' if option.is_right else '✗'} {option.text} *{option.why}*"
        for option in asked.options
    ]
    head = f"<details><summary>{SUMMARY[language].format(minutes=asked.minutes)}</summary>"
    return "\n".join([head, "", asked.text, "", *options, "", "</details>"])


def unfolded(source: str) -> str:
    """A notes cell of a notebook for who teaches: what the fold holds, below its summary.

    >>> unfolded("<details><summary>Ask</summary>\\n\\nWhy?\\n\\n</details>")
    '**Ask**\\n\\nWhy?'
    """
    found = re.fullmatch(r"<details><summary>(.*)</summary>\n(.*)\n</details>", source, re.DOTALL)
    return f"**{found[1]}**\n\n{found[2].strip()}" if found else source


#: What begins a prompt for a prediction, in each language.
PROMPT = {
    "zh-TW": re.compile(r"猜猜看|猜一猜|想一想|先猜"),
    "en": re.compile(r"\b(?:Predict|Guess)\b"),
}


def is_prompt(source: str, language: str) -> bool:
    """Whether Markdown asks for a prediction; a lesson's title only says that lessons do."""
    return not source.startswith("# ") and bool(PROMPT[language].search(source))


def prompts(cells: Sequence[NotebookNode], language: str) -> list[int]:
    """Where the cells of one edition ask for a prediction, exercises aside."""
    found = []
    for index, cell in enumerate(cells):
        if cell.cell_type != "markdown" or is_notes(cell) or not is_prompt(cell.source, language):
            continue
        if not in_exercise(cells, index):
            found.append(index)
    return found


def in_exercise(cells: Sequence[NotebookNode], index: int) -> bool:
    """Whether a cell stands in a section that sets an exercise."""
    for cell in cells[index + 1 :]:
        if cell.cell_type == "markdown" and cell.source.startswith("## "):
            if cell.metadata.get("lang") != cells[index].metadata.get("lang"):
                continue  # the twin of the same heading
            return False
        if "exercise" in cell.metadata.get("tags", []):
            return True
    return False
