"""Every lesson keeps the rules, and both editions of its notebook say the same."""

import json
import re
from itertools import pairwise

import nbformat
import pytest
from lesson_rules import (
    CJK,
    COURSE_UTILS,
    ROOT,
    alt_texts,
    cell_sizes,
    chinese_style,
    claims,
    exercises,
    foreign_chance,
    languages_apart,
    printed_numbers,
    prose,
    read_lesson,
    saved,
    slides,
    twins,
    unseeded_chance,
)

from course_utils.notebook.lessons import catalogue, lesson_table, measured_minutes

LESSONS = sorted((ROOT / "lessons").glob("[0-9][0-9]_*.py"))
TAUGHT = [path for path in LESSONS if not path.stem.endswith("start_here")]
MARKDOWN = [*ROOT.glob("*.md"), *ROOT.glob("data/*.md"), *COURSE_UTILS.rglob("*.md")]


def by_name(path):
    return path.stem


every_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=by_name)


def test_there_are_lessons():
    assert len(LESSONS) >= 2


@pytest.mark.parametrize(
    "rule",
    [twins, slides, cell_sizes, alt_texts, languages_apart, unseeded_chance],
    ids=lambda rule: rule.__name__,
)
@every_lesson
def test_lesson_keeps_rule(rule, lesson):
    assert rule(read_lesson(lesson)) == []


@every_lesson
def test_claims_are_the_same_in_both_languages_and_in_code(lesson):
    minimum = {"at_least": 1, "any_tier": 1} if lesson not in TAUGHT else {}
    assert claims(read_lesson(lesson), **minimum) == []


@every_lesson
def test_exercises_are_complete(lesson):
    assert exercises(read_lesson(lesson), at_least=3 if lesson in TAUGHT else 0) == []


@every_lesson
def test_chinese_is_written_for_taiwan(lesson):
    cells = read_lesson(lesson)
    alts = [cell.metadata.get("alt-zh", "") for cell in cells]
    assert chinese_style("\n".join([prose(cells, "zh-TW"), *alts])) == []


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


@every_lesson
def test_both_editions_print_the_same_numbers(lesson):
    folder = ROOT / "notebooks"
    chinese = nbformat.read(folder / f"{lesson.stem}.ipynb", as_version=4)
    english = nbformat.read(folder / "en" / f"{lesson.stem}.ipynb", as_version=4)
    for zh_cell, en_cell in zip(chinese.cells, english.cells, strict=True):
        assert printed_numbers(zh_cell) == printed_numbers(en_cell), zh_cell.source


@every_lesson
@pytest.mark.parametrize("folder", ["notebooks", "notebooks/en"])
def test_a_cell_draws_at_most_one_figure_and_describes_it(lesson, folder):
    notebook = nbformat.read(ROOT / folder / f"{lesson.stem}.ipynb", as_version=4)
    for cell in notebook.cells:
        htmls = [o.get("data", {}).get("text/html", "") for o in cell.get("outputs", [])]
        figures = [html for html in htmls if "<img" in html]
        assert len(figures) <= 1, cell.source
        pngs = ["image/png" in output.get("data", {}) for output in cell.get("outputs", [])]
        assert pngs == ["<img" in html for html in htmls], "LaTeX would show no figure"
        assert bool(figures) == ("alt" in cell.metadata), cell.source


@every_lesson
def test_minutes_are_measured(lesson):
    seconds = catalogue()[lesson.stem[3:]].get("seconds", 0)
    assert seconds > 0, "run `make notebooks MINUTES=1`"


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
    assert head == {"zh-TW": "| 課 | 題目 | 分鐘 |", "en": "| no. | lesson | minutes |"}[language]
    assert rule == "|---|---|---|" and len(rows) == len(LESSONS)
    folder = ROOT / {"zh-TW": "notebooks", "en": "notebooks/en"}[language]
    for row, lesson in zip(rows, LESSONS, strict=True):
        notebook = nbformat.read(folder / f"{lesson.stem}.ipynb", as_version=4)
        number, title = (
            notebook.cells[0].source.splitlines()[0].removeprefix("# ").split(maxsplit=1)
        )
        minutes = measured_minutes(lesson.stem[3:])
        assert row == f"| {number} | [{title}]({lesson.stem}.ipynb) | {minutes} |"


def test_where_next_is_the_next_lesson():
    for lesson, following in pairwise(LESSONS):
        for language in ("zh-TW", "en"):
            found = re.findall(
                r"\*\*(?:下一課|Next)\*\*.*?\[\[(\w+)", prose(read_lesson(lesson), language)
            )
            assert found in ([], [following.stem[3:]]), (lesson.name, language)


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
