"""What `make grade` reads, judges and writes: key, students' files, reports of answers, tables.

Nothing here runs a student's code, and nothing that a student wrote raises an error here.
"""

import csv
import hashlib
import json
import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from references import CHECK, LessonError

from course_utils.exercises import Exercise, Verdict
from course_utils.exercises.recorded import Pool, RecordedExercise, Report
from course_utils.language import Text, set_language
from course_utils.unfinished_files import written_whole

LARGEST = 300 << 20  # bytes of a notebook
SHORTEST = 60  # characters of an answer, below which two may well be the same

_ENDED = {
    "late": Text(
        "算得太久，等不到結果：是不是有停不下來的迴圈？",
        "it took too long, and there is no result: is there a loop that never ends?",
    ),
    "large": Text("寫出或回傳的資料太多。", "it wrote or returned too much."),
    "crashed": Text("你的程式讓 Python 當掉了。", "your code made Python crash."),
    "done": Text("你的程式結束了 Python。", "your code ended Python."),
}
_MISSING = Text(
    "檔案裡沒有 `{name}`：是改了名字，還是刪掉了那一格？",
    "there is no `{name}` in your file: was it renamed, or its cell deleted?",
)
_RIGHT = Text("✓ 正確。", "✓ Correct.")


@dataclass
class Task:
    """An exercise of the key: what it is called, its points, and the cell made for its answer."""

    name: str
    points: int
    cell: str


@dataclass
class Sheet:
    """One lesson of the key."""

    lesson: str
    title: str
    language: str
    tasks: list[Task]
    set_up: list[str]
    digest: str


@dataclass
class Marked:
    """One file, marked; ``answers`` are what identical ones are found by."""

    student: str
    lesson: str
    points: dict[str, int] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)
    printed: dict[str, str] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    note: str = ""
    language: str = "en"
    digest: str = ""


def read_key(path: Path) -> Sheet:
    """Tasks, points and set-up of a lesson. Raises LessonError where the file is no key."""
    notebook = nbformat.read(path, as_version=4)
    cells, tasks, set_up = notebook.cells, [], []
    for index, cell in enumerate(cells):
        own = cell.metadata.get("nbgrader", {})
        if own.get("grade"):
            name = CHECK.match(cell.source)[1]
            tasks.append(Task(name, own["points"], cells[index - 1].id))
        elif (
            cell.cell_type == "code"
            and not tasks
            and "answer" not in cell.metadata.get("course", {})
        ):
            set_up.append(cell.source)
    if not tasks or "course" not in notebook.metadata:
        raise LessonError(f"{path} is no key: give the folder key/ that `make assignments` wrote")
    title = cells[0].source.splitlines()[0].lstrip("# ")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Sheet(path.stem, title, notebook.metadata.course.language, tasks, set_up, digest)


def read_cells(path: Path) -> tuple[list[dict[str, Any]], str]:
    """(code cells, language) of a student's file. Raises ValueError on what is no notebook."""
    if path.is_symlink() or path.stat().st_size > LARGEST:
        raise ValueError("a link, or larger than any worksheet")
    try:
        notebook = json.loads(path.read_bytes())
        cells = []
        for cell in notebook["cells"]:
            if cell["cell_type"] == "code":
                source, metadata = cell["source"], cell.get("metadata") or {}
                answer = (metadata.get("course") or {}).get("answer")
                text = source if isinstance(source, str) else "".join(source)
                cells.append({"id": cell.get("id"), "source": text, "answer": answer})
        course = (notebook.get("metadata") or {}).get("course") or {}
        return cells, str(course.get("language"))
    except (KeyError, TypeError, AttributeError, RecursionError, UnicodeDecodeError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from None


def read_roster(path: Path) -> list[str]:
    """The names in the column "student" of a table, or in its first column."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.reader(file) if any(row)]
    column = rows[0].index("student") if rows and "student" in rows[0] else 0
    names = [row[column].strip() for row in rows]
    return [name for name in (names[1:] if "student" in (rows or [[]])[0] else names) if name]


# --- judging


def verdict(judge: Exercise, how: str, data: bytes) -> tuple[Verdict, list[int]]:
    """What an answer is worth, and the numbers of its cells; no report can raise an error here."""
    ended = Verdict(False, how, str(_ENDED[how]))
    if how != "done" or not data:
        return ended, []
    try:
        told, arrays = Pool.unpacked(data)
        cells = [int(number) for number in told["cells"] if number is not None]
        printed = str(told.get("printed", ""))[:4000]
        if told.get("found") and told["found"][0] == "missing":
            return Verdict(False, "missing", _MISSING.format(name=judge.name)), cells
        if isinstance(judge, RecordedExercise):
            report = Report(told, arrays, len(judge.expected.right))
            report.printed = printed
            return judge.judged(report), cells
        if told.get("found"):
            return Verdict(False, "raised", str(told["found"][1])[:2000], printed), cells
        found = judge.examine(_value(told["value"], arrays))
        return Verdict(found.passed, found.mistake, found.message, printed), cells
    except Exception:  # whatever stood there, it was no report
        return ended, []


def _value(told: list[Any], arrays: list) -> Any:
    match told:
        case ["itself", value] if value is None or isinstance(value, bool | int | float | str):
            return value
        case ["dict", items]:
            return {_value(key, arrays): _value(value, arrays) for key, value in items}
        case ["array", number]:
            return arrays[number]
    return ... if told == ["untouched"] else object()


def mark(
    sheet: Sheet, judges: dict[str, Exercise], raw: list[tuple], marked: Marked, sources: list[str]
) -> None:
    """Fill in points and messages."""
    set_language(marked.language)
    for task, how, data in raw:
        found, numbers = verdict(judges[task.name], how, data)
        marked.points[task.name] = task.points if found.passed else 0
        marked.messages[task.name] = str(_RIGHT) if found.passed else f"✗ {found.message}"
        marked.printed[task.name] = found.printed
        text = "".join(sources[n] for n in numbers if 0 <= n < len(sources))
        if found.mistake != "not_attempted":
            marked.answers[task.name] = re.sub(r"#.*|\s+", "", text)[:20_000]


# --- what is written for the class


def write_table(out: Path, done: list[Marked], sheets: list[Sheet]) -> None:
    """Write OUT/marks.csv, which spreadsheets know as UTF-8 by its first bytes."""
    names = [*dict.fromkeys(task.name for sheet in sheets for task in sheet.tasks)]
    of = {sheet.lesson: sum(task.points for task in sheet.tasks) for sheet in sheets}
    rows = [["student", "lesson", *names, "total", "of"]]
    for one in done:
        points = [one.points.get(name, "") for name in names]
        rows.append([one.student, one.lesson, *points, sum(one.points.values()), of[one.lesson]])
    lines: list[str] = []
    csv.writer(type("", (), {"write": staticmethod(lines.append)})()).writerows(rows)
    write(out / "marks.csv", "\ufeff" + "".join(lines))


def write_identical(out: Path, done: list[Marked]) -> None:
    """Which answers are the same but for blanks and comments; says nothing of why."""
    same: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for one in done:
        for name, text in one.answers.items():
            if len(text) >= SHORTEST:
                same[one.lesson, name, text].append(one.student)
    lines = ["# Identical answers / 相同的答案", ""]
    lines += [
        "The same but for blanks and comments; short answers are often alike. No verdict.",
        "",
    ]
    lines += ["只差空白與註解；短的答案本來就常常一樣。這不是判定。", ""]
    for (lesson, name, text), students in sorted(same.items()):
        if len(students) > 1:
            lines.append(f"- {lesson}, {name} ({len(text)}): {', '.join(students)}")
    write(out / "identical.md", "\n".join(lines) + "\n")


def write(path: Path, text: str) -> None:
    """Write a file whole, or leave the old one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(path) as unfinished:
        unfinished.write_bytes(text.encode("utf-8", errors="replace"))
