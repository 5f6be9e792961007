"""Every lesson keeps the rules, and both editions of its notebook say the same."""

import ast
import json
import re

import nbformat
import pytest
from check_lessons import problems
from chinese_rules import CJK, chinese_style
from lesson_rules import (
    COURSE_UTILS,
    ROOT,
    foreign_chance,
    read_lesson,
    saved,
)

from course_utils.notebook.lessons import (
    catalogue,
    lesson_table,
    measured_minutes,
    minutes_of,
)

LESSONS = sorted((ROOT / "lessons").glob("[0-9][0-9]_*.py"))
TAUGHT = [path for path in LESSONS if not path.stem.endswith("start_here")]
MARKDOWN = [*ROOT.glob("*.md"), *ROOT.glob("data/*.md"), *COURSE_UTILS.rglob("*.md")]


def by_name(path):
    return path.stem


every_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=by_name)


@every_lesson
def test_nothing_is_left_to_do(lesson):
    assert problems(lesson) == []


def test_there_are_lessons():
    assert len(LESSONS) >= 2


@pytest.mark.parametrize("path", MARKDOWN, ids=lambda path: path.name)
def test_chinese_in_documents_is_written_for_taiwan(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    if path.name == "GLOSSARY.md":  # its last column names what is not used
        lines = [line.rstrip("|").rpartition("|")[0] for line in lines]
    chinese = [line for line in lines if re.search(f"[{CJK}]", line)]
    assert chinese_style("\n".join(chinese)) == []


@pytest.mark.parametrize(
    "path", sorted(COURSE_UTILS.rglob("*.py")), ids=lambda path: path.relative_to(ROOT).as_posix()
)
def test_chinese_messages_are_written_for_taiwan(path):
    messages = re.findall(rf'"([^"\n]*[{CJK}][^"\n]*)"', path.read_text(encoding="utf-8"))
    assert chinese_style("\n".join(messages)) == []


@pytest.mark.parametrize(
    "path",
    [
        path
        for folder in ("exercises", "diagnostics")
        for path in (COURSE_UTILS / folder).glob("*.py")
    ],
    ids=lambda path: path.relative_to(ROOT).as_posix(),
)
def test_messages_are_printed_so_they_hold_no_bold_type(path):
    calls = [n for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.Call)]
    said = [a for call in calls if getattr(call.func, "id", "") == "Text" for a in call.args]
    texts = [text.value for a in said for text in ast.walk(a) if isinstance(text, ast.Constant)]
    assert [text for text in texts if re.search(r"(?<!\w)\*\*\S[^*]*\*\*", str(text))] == []


@pytest.mark.parametrize(
    "path",
    [*LESSONS, *sorted(COURSE_UTILS.rglob("*.py"))],
    ids=lambda path: path.relative_to(ROOT).as_posix(),
)
def test_all_random_numbers_come_from_seeding(path):
    if path.name not in (
        "seeding.py",
        "generators.py",
    ):  # the latter puts them back, and draws nothing
        assert foreign_chance(path.read_text(encoding="utf-8")) == []


def test_what_is_saved_from_a_lesson_is_what_the_library_holds():
    compared = dict(pair for lesson in LESSONS for pair in saved(read_lesson(lesson)))
    assert compared, 'no cell says saved="module"'
    assert [name for name, same in compared.items() if not same] == []


@pytest.mark.parametrize(
    ("seconds", "shown"), [(90, "≈1.5"), (60, "≈1.0"), (6, "≈0.1"), (1, "≈0.1"), (None, "≈?")]
)
def test_minutes_of_a_lesson_are_those_last_recorded(seconds, shown, tmp_path, monkeypatch):
    recorded = {"other": {"seconds": 600}, "mnist_mlp": {"seconds": seconds}}
    path = tmp_path / "lessons.json"
    path.write_text(json.dumps(recorded))
    monkeypatch.setattr("course_utils.notebook.lessons.CATALOGUE", path)
    assert measured_minutes("mnist_mlp") == shown
    assert measured_minutes("not_there") == "≈?"


@pytest.mark.parametrize("language", ["zh-TW", "en"])
def test_the_table_lists_every_lesson_with_its_link_and_minutes(language, monkeypatch):
    monkeypatch.setattr("course_utils.language._current", language)
    head, rule, *rows = lesson_table().data.splitlines()
    assert (
        head
        == {
            "zh-TW": "| 課 | 題目 | 執行 | 上課 | 加上練習 |",
            "en": "| no. | lesson | running | in class | with exercises |",
        }[language]
    )
    assert rule == "|---|---|--:|--:|--:|" and len(rows) == len(LESSONS)
    folder = ROOT / {"zh-TW": "notebooks", "en": "notebooks/en"}[language]
    for row, lesson in zip(rows, LESSONS, strict=True):
        notebook = nbformat.read(folder / f"{lesson.stem}.ipynb", as_version=4)
        number, title = (
            notebook.cells[0].source.splitlines()[0].removeprefix("# ").split(maxsplit=1)
        )
        minutes = " | ".join(minutes_of(catalogue()[lesson.stem[3:]]))
        assert row == f"| {number} | [{title}]({lesson.stem}.ipynb) | {minutes} |"


def test_minutes_in_class_are_those_of_the_notes_and_with_exercises_those_they_state():
    for lesson in LESSONS:
        text, entry = lesson.read_text(encoding="utf-8"), catalogue()[lesson.stem[3:]]
        asked = [int(n) for n in re.findall(r"^# \*\*Ask\*\* \((\d+) min\)", text, re.MULTILINE)]
        stated = [int(n) for n in re.findall(r"Difficulty [★☆]{3}, about (\d+) minutes", text)]
        assert (entry["questions"], entry["teaching"]) == (len(asked), sum(asked))
        assert entry["practice"] == sum(stated)
        _, teaching, together = minutes_of(entry)
        if asked:
            assert (teaching, together) == (str(sum(asked)), str(sum(asked) + sum(stated)))
    assert minutes_of({}) == ("≈?", "?", "?")


NUMBERED = re.compile(r"[Ll]essons? \d\d\b|(?<![\d.])\d\d 課")
SOURCES = [
    path
    for folder in ("lessons", "course_utils", "tools", "tests")
    for path in (ROOT / folder).rglob("*.py")
    if path.name not in ("test_lessons.py", "test_references.py", "references.py")
]


@pytest.mark.parametrize("path", [*SOURCES, *MARKDOWN], ids=lambda path: path.name)
def test_no_lesson_is_named_by_its_number(path):
    text = path.read_text(encoding="utf-8")
    files = "|".join(lesson.stem[3:] for lesson in LESSONS)
    found = NUMBERED.findall(text)
    if path.suffix == ".py":  # the builder renews names of files in Markdown
        found += re.findall(rf"\d\d_(?:{files})\b", text)
    assert not found, f"write [[name]] in a lesson, and the lesson's name elsewhere: {found}"
