"""Lessons know each other by name; a lesson's number stands in its file name and nowhere else.

Prose writes ``[[optimizers]]``, or ``[[Optimizers]]`` if a sentence begins so, and the notebook says
"lesson 04", or 「第 04 課」, with a link. ``[[optimizers#momentum]]`` leads to the section whose English
heading is "Momentum" or begins so. Order, titles, the tables of both READMEs, and the names of
notebooks in other files are derived from ``lessons/`` too: see ``derived_files``.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jupytext
from nbformat import NotebookNode
from notes import is_notes, minutes
from solutions import FOLDER, solutions

from course_utils.notebook.lessons import minutes_of

LANGUAGES = {"zh-TW": "Chinese", "en": "English"}
#: README -> its language, and where its links find the notebooks.
READMES = {"README.zh-TW.md": ("zh-TW", "notebooks"), "README.md": ("en", "notebooks/en")}
#: Guides for instructors -> their language; they hold the syllabus.
GUIDES = {"INSTRUCTORS.zh-TW.md": "zh-TW", "INSTRUCTORS.md": "en"}
#: Files that name a notebook here and there.
NAMING_NOTEBOOKS = (
    "CONTRIBUTING.md",
    "Dockerfile",
    "course_utils/numpy_track/README.md",
    "course_utils/numpy_track/README.zh-TW.md",
)
CATALOGUE = "course_utils/notebook/lessons.json"
_TABLE = re.compile(r"(<!-- lessons[^>]*-->\n).*?(?=<!-- end of lessons -->)", re.DOTALL)
_SYLLABUS = re.compile(r"(<!-- syllabus[^>]*-->\n).*?(?=<!-- end of syllabus -->)", re.DOTALL)
_TOTAL = re.compile(r"(<!-- record[^>]*-->).*?(?=<!-- end of record -->)")
#: What `make replicate` found, seen from the course's root.
RECORD = Path("course_utils/notebook/replications.json")
_REFERENCE = re.compile(r"\[\[(\w+)(?:#([^\[\]]+))?\]\]")
_HEADING = re.compile(r"#+ (.+)")
_EXERCISE_MINUTES = re.compile(r"Difficulty [★☆]{3}, about (\d+) minutes")

CHECK = re.compile(r"exercises\.(\w+)\.check\(\1\)")  # what a check cell holds


class LessonError(RuntimeError):
    """A lesson lacks what the others need of it, or names what is not there."""


@dataclass(frozen=True)
class Lesson:
    """What links, tables and the builder need of a lesson; dicts have an entry for each language.

    questions, teaching: how many its notes ask, and for how many minutes in class; practice: the
    minutes that its exercises state.
    """

    path: Path
    titles: dict[str, str]
    about: dict[str, str]
    headings: dict[str, list[str]]
    code: list[NotebookNode]
    questions: int = 0
    teaching: int = 0
    practice: int = 0

    @property
    def number(self) -> str:
        """Two digits, the beginning of the file's name."""
        return self.path.stem[:2]

    @property
    def name(self) -> str:
        """What is left of the file's name; never changed by a renumbering."""
        return self.path.stem[3:]

    @property
    def exercises(self) -> list[str]:
        """The names of its exercises, in order: those that its check cells check."""
        return [found[1] for cell in self.code if (found := CHECK.fullmatch(cell.source.strip()))]

    def numbered_title(self, language: str) -> str:
        """As notebooks and tables show it."""
        return f"{self.number}{'　' if language == 'zh-TW' else '  '}{self.titles[language]}"

    def title_cell(self, source: str, language: str) -> str:
        """The first cell of an edition: number and title, then a link to the other edition."""
        other = {
            "zh-TW": f"[English edition](en/{self.path.stem}.ipynb)",
            "en": f"[中文版](../{self.path.stem}.ipynb)",
        }
        rest = source.partition("\n")[2]
        return f"# {self.numbered_title(language)}\n\n{other[language]}\n{rest}".rstrip("\n")

    def section(self, words: str, language: str) -> str:
        """The anchor of a section, as JupyterLab and nbconvert make it, by its English heading."""
        slugs = [_slug(heading) for heading in self.headings["en"]]
        wanted = _slug(words)
        found = [i for i, slug in enumerate(slugs) if f"{slug}-".startswith(f"{wanted}-")]
        if len(found) != 1:
            near = found or [slugs.index(s) for s in get_close_matches(wanted, slugs, 3, 0.3)]
            sections = ", ".join(f"[[{self.name}#{slugs[i]}]]" for i in near) or "none is near"
            which = "more than one section begins so" if found else "there is no such section"
            raise LessonError(f"[[{self.name}#{words}]]: {which}; write one of these: {sections}")
        if len(self.headings["zh-TW"]) != len(slugs):
            raise LessonError(
                f"{self.path.name} has more headings in one language than in the other"
            )
        heading = re.sub(r"[*`]", "", self.headings[language][found[0]])
        return re.sub(r"[()<>%]", lambda m: quote(m[0]), heading.replace(" ", "-"))


def read_lessons(folder: Path) -> dict[str, Lesson]:
    """The lessons of a folder by name, in the order of their numbers. Raises LessonError."""
    lessons: dict[str, Lesson] = {}
    for path in sorted(folder.glob("[0-9][0-9]_*.py")):
        lesson = _read(path, path.stat().st_mtime_ns)
        if lesson.name in lessons:
            raise LessonError(
                f"{lessons[lesson.name].path.name} and {path.name} have one name; rename one of them"
            )
        lessons[lesson.name] = lesson
    return lessons


@cache
def _read(path: Path, _changed: int) -> Lesson:
    titles, about = {}, {}
    asked, practice = [], 0
    headings: dict[str, list[str]] = {language: [] for language in LANGUAGES}
    cells = jupytext.read(path).cells
    for cell in cells:
        language = cell.metadata.get("lang")
        if cell.cell_type != "markdown" or language not in LANGUAGES:
            continue
        if language not in titles:
            first = cell.source.partition("\n")[0]
            if not first.startswith("# "):
                raise LessonError(
                    f"{path.name}: the first {LANGUAGES[language]} cell must begin with the title, "
                    f"as in `# # Title`; it begins {first!r}"
                )
            titles[language] = first[2:].strip()
            about[language] = cell.metadata.get("about", "")
        else:
            text = re.sub(r"^```.*?^```", "", cell.source, flags=re.DOTALL | re.MULTILINE)
            headings[language] += [
                m[1] for line in text.splitlines() if (m := _HEADING.match(line))
            ]
            if language == "en":
                practice += sum(map(int, _EXERCISE_MINUTES.findall(text)))
            if language == "en" and is_notes(cell):
                asked.append(minutes(cell.source, language) or 0)
    for language, speech in LANGUAGES.items():
        if not about.get(language):
            raise LessonError(
                f"{path.name}: begin the lesson with its {speech} title and what it is about, for "
                f'the table of the README: `# %% [markdown] lang="{language}" about="…" '
                'slideshow={"slide_type": "slide"}`, and in the next line `# # Title`'
            )
    code = [cell for cell in cells if cell.cell_type == "code"]
    return Lesson(path, titles, about, headings, code, len(asked), sum(asked), practice)


def _slug(heading: str) -> str:
    return re.sub(r"\W+", "-", heading.lower()).strip("-")


def resolve(source: str, language: str, lessons: Mapping[str, Lesson]) -> str:
    """Markdown with its references made links. Raises LessonError on a name that no lesson has."""

    def link(reference: re.Match) -> str:
        written, words = reference.groups()
        name = written if written in lessons else written[0].lower() + written[1:]
        if name not in lessons:
            nearest = get_close_matches(name, lessons, 1, 0)
            raise LessonError(
                f"{reference[0]}: no lesson has this name; the nearest is [[{nearest[0]}]]"
            )
        lesson = lessons[name]
        word = "Lesson" if written != name else "lesson"
        text = f"第 {lesson.number} 課" if language == "zh-TW" else f"{word} {lesson.number}"
        anchor = f"#{lesson.section(words, language)}" if words else ""
        return f"[{text}]({lesson.path.stem}.ipynb{anchor})"

    return _REFERENCE.sub(link, source)


def derived_files(root: Path) -> dict[Path, str]:
    """What other files should hold, by path: the catalogue, solutions, READMEs, names of notebooks.

    The catalogue (``CATALOGUE``) is what an installed course knows of its lessons; it also keeps how
    long each one ran, which ``build.py --minutes`` records.
    """
    lessons = read_lessons(root / "lessons")
    files = {root / CATALOGUE: catalogue(lessons, root / CATALOGUE)}
    record = json.loads((root / RECORD).read_text()) if (root / RECORD).is_file() else {}
    for name, lesson in lessons.items():
        try:
            text = solutions(name, lesson.code)
        except SyntaxError as error:
            raise LessonError(f"{lesson.path.name}: {error.msg}: {error.text}") from None
        if text is not None:
            files[root / FOLDER / f"{name}.py"] = text
    known = json.loads(files[root / CATALOGUE])
    for name in [*READMES, *GUIDES, *NAMING_NOTEBOOKS]:
        path = root / name
        if not path.is_file():
            continue
        text = path.read_text(encoding="utf-8")
        if name in GUIDES:
            text = _SYLLABUS.sub(
                lambda m, name=name: m[1] + _syllabus(lessons, known, GUIDES[name]), text
            )
        if name in READMES:
            text = _TABLE.sub(
                lambda m, name=name: m[1] + _table(lessons, known, *READMES[name]), text
            )
            text = _TOTAL.sub(
                lambda m, name=name: m[1] + _total(record, lessons, READMES[name][0]), text
            )
        for lesson in lessons.values():
            text = re.sub(rf"\b\d\d_{lesson.name}\b", lesson.path.stem, text)
        files[path] = text
    return files


def catalogue(lessons: Mapping[str, Lesson], path: Path, **seconds: int) -> str:
    """The new content of the catalogue at ``path``, with ``seconds`` by lesson that were measured."""
    old = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    entries = {}
    for name, lesson in lessons.items():
        entries[name] = {
            "file": lesson.path.stem,
            **lesson.titles,
            "exercises": lesson.exercises,
            "questions": lesson.questions,
            "teaching": lesson.teaching,
            "practice": lesson.practice,
        }
        measured = seconds.get(name, old.get(name, {}).get("seconds"))
        if measured is not None:
            entries[name]["seconds"] = measured
    return json.dumps(entries, indent=2, ensure_ascii=False) + "\n"


#: Language -> the heads of the README's table, whose numbers are minutes.
_HEADS = {
    "zh-TW": ("課", "講什麼", "執行", "上課", "加上練習"),
    "en": ("lesson", "what it is about", "running", "in class", "with exercises"),
}


def _table(
    lessons: Mapping[str, Lesson], known: Mapping[str, Any], language: str, folder: str
) -> str:
    rows = [f"| {' | '.join(_HEADS[language])} |", "|---|---|--:|--:|--:|"]
    for name, lesson in lessons.items():
        title = lesson.numbered_title(language).replace("  ", " ")
        link = f"[{title}]({folder}/{lesson.path.stem}.ipynb)"
        rows.append(f"| {' | '.join([link, lesson.about[language], *minutes_of(known[name])])} |")
    return "\n".join(rows) + "\n"


_SYLLABUS_HEADS = {
    "zh-TW": ("課", "上課（分鐘）", "練習（分鐘）", "合計（分鐘）", "練習題數", "提問數"),
    "en": (
        *("lesson", "in class (min)", "exercises (min)", "together (min)"),
        *("exercises", "questions"),
    ),
}


def _syllabus(lessons: Mapping[str, Lesson], known: Mapping[str, Any], language: str) -> str:
    """A table: of each lesson, and of all, minutes in class and for exercises, and how many of both."""
    rows = [f"| {' | '.join(_SYLLABUS_HEADS[language])} |", "|---|--:|--:|--:|--:|--:|"]
    sums = [0] * 5
    for name, lesson in lessons.items():
        entry = known[name]
        numbers = [entry["teaching"], entry["practice"], entry["teaching"] + entry["practice"]]
        numbers += [len(entry["exercises"]), entry["questions"]]
        sums = [total + number for total, number in zip(sums, numbers, strict=True)]
        title = lesson.numbered_title(language).replace("  ", " ")
        rows.append(f"| {title} | {' | '.join(map(str, numbers))} |")
    every = {"zh-TW": "**全部**", "en": "**all**"}[language]
    rows.append(f"| {every} | {' | '.join(f'**{total:,}**' for total in sums)} |")
    return "\n".join(rows) + "\n"


def _total(record: Mapping[str, Any], lessons: Iterable[str], language: str) -> str:
    """A sentence: how many of the course's claims held in every repetition; "" until all are made."""
    if not all("full" in record.get(name, {}) for name in lessons):
        return ""
    rates = [
        (
            len(blocks["offsets"]) - len(blocks["failed"].get(str(number), [])),
            len(blocks["offsets"]),
        )
        for blocks in (record[name]["full"] for name in lessons)
        for number in blocks["claims"]
    ]
    always = sum(held == blocks for held, blocks in rates)
    blocks = min(blocks for _, blocks in rates)
    worst = min(held / blocks for held, blocks in rates)
    if language == "zh-TW":
        rest = f"，其餘的每一條至少成立 {worst:.0%}" if always < len(rates) else ""
        return f"每一課都換過種子重做至少 {blocks} 次：{len(rates)} 條主張裡，{always} 條每次都成立{rest}。"
    rest = (
        f", and each of the others at least {worst:.0%} of the times" if always < len(rates) else ""
    )
    return (
        f" Each lesson was repeated at least {blocks} times with other seeds: of {len(rates)} claims, "
        f"{always} held every time{rest}."
    )
