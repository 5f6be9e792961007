"""The question bank: an independent parser of GIFT reads what the lessons ask, hostile characters too."""

import csv
import html
import io
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import questions
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from node_packages import environment, has_node, node_modules
from notes import Asked, Option, Question
from references import Lesson, LessonError

PARSER = Path(__file__).with_name("gift_parser")
LANGUAGES = ("zh-TW", "en")
needs_node = pytest.mark.skipif(not has_node(), reason="no node and npm")


def parsed(text: str) -> list[dict]:
    """What gift-pegjs, which the course did not write, finds in a text."""
    node = shutil.which("node", path=environment()["PATH"])
    package = node_modules(PARSER) / "gift-pegjs"
    done = subprocess.run(
        [node, PARSER / "parse.cjs", package], input=text, capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def plain(part: dict) -> str:
    """HTML as the notes have it: `code` and text."""
    assert part["format"] == "html"
    return html.unescape(re.sub(r"</?code>", "`", part["text"]))


def as_asked(found: dict) -> tuple:
    choices = [(plain(c["text"]), c["isCorrect"], plain(c["feedback"])) for c in found["choices"]]
    return found["title"], plain(found["stem"]), choices


def as_written(question: Question, language: str) -> tuple:
    asked = question.asked[language]
    return question.name, asked.text, [(o.text, o.is_right, o.why) for o in asked.options]


def lesson(title: str = "Example") -> Lesson:
    titles = dict.fromkeys(LANGUAGES, title)
    return Lesson(Path("07_example.py"), titles, titles, {}, [])


def question(name: str, text: str, *options: tuple[str, bool, str]) -> Question:
    asked = Asked(5, text, tuple(Option(*one) for one in options))
    return Question(name, "", dict.fromkeys(LANGUAGES, asked))


@needs_node
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_bank_holds_what_the_lessons_ask(language):
    bank = questions.read_bank([])
    found = parsed(questions.gift(bank, language))
    written = [as_written(one, language) for _, asked in bank for one in asked]
    assert [as_asked(one) for one in found if one["type"] == "MC"] == written and written
    categories = [one["title"] for one in found if one["type"] == "Category"]
    assert len(categories) == sum(bool(asked) for _, asked in bank)
    for category, (asked_of, _) in zip(categories, [p for p in bank if p[1]], strict=True):
        assert category.startswith("$course$/top/") and category.count("/") == 3
        assert category.endswith(asked_of.titles[language])
    assert {one["type"] for one in found} == {"MC", "Category"}
    names = [one["title"] for one in found if one["type"] == "MC"]
    assert (
        len(names) == len({*names})
        and [one.get("id") for one in found if one["type"] == "MC"] == names
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_table_holds_the_same(language):
    bank = questions.read_bank([])
    rows = [*csv.DictReader(io.StringIO(questions.table(bank, language)))]
    written = [(lesson, one) for lesson, asked in bank for one in asked]
    assert len(rows) == len(written) > 20
    for row, (lesson, one) in zip(rows, written, strict=True):
        asked = one.asked[language]
        (right,) = [option for option in asked.options if option.is_right]
        assert (row["name"], row["question"], row["minutes"]) == (
            one.name,
            asked.text,
            str(asked.minutes),
        )
        assert (row["answer"], row["why"]) == (right.text, right.why)
        assert row["lesson"].endswith(lesson.titles[language])
        wrong = [(row[f"wrong {n}"], row[f"misconception {n}"]) for n in (1, 2, 3)]
        expected = [(o.text, o.why) for o in asked.options if not o.is_right]
        assert wrong[: len(expected)] == expected
        assert not any(any(pair) for pair in wrong[len(expected) :])


HOSTILE = (
    r"\ ~ = # { } : :: %50% -> //x $CATEGORY: <b> & &amp; &&058; &#61; [html] ] ** ' "
    + '" 「」 ≤ x² \\n \\\\'
)


@needs_node
def test_the_characters_of_the_format_arrive_as_they_are():
    one = question(
        "a.b.1",
        HOSTILE,
        (HOSTILE + "1", True, "`" + HOSTILE + "`"),
        ("%50%x", False, "#"),
        ("=", False, "{"),
    )
    _, found = parsed(questions.gift([(lesson(), [one])], "en"))
    assert as_asked(found) == as_written(one, "en")


def test_what_is_escaped_is_what_moodle_unescapes():
    # the characters that Moodle's own importer puts back, and the backslash before them
    assert questions.gift_text(r"a\b~=#{}:") == r"[html]a\\b\~\=\#\{\}\:"
    assert questions.gift_text("`x<1` & y") == "[html]<code>x&lt;1</code> &amp; y"
    assert questions.gift_category("a/b", "c: d") == "$CATEGORY: $course$/top/a//b/c: d"


PRINTABLE = st.text(
    st.characters(exclude_categories=["C", "Z"], exclude_characters="`"), min_size=1
)
SENTENCES = st.lists(PRINTABLE | st.sampled_from([*HOSTILE.split(), "`a=1`"]), min_size=1).map(
    " ".join
)


@needs_node
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(SENTENCES, SENTENCES, SENTENCES, SENTENCES), min_size=10, max_size=30))
def test_any_text_comes_back(rows):
    asked = [
        question(f"x.y.{i}", text, (one, False, why), ("1 " + one, True, two), ("2", False, why))
        for i, (text, one, why, two) in enumerate(rows)
    ]
    _, *found = parsed(questions.gift([(lesson(), asked)], "en"))
    assert [as_asked(one) for one in found] == [as_written(one, "en") for one in asked]
    table = [*csv.DictReader(io.StringIO(questions.table([(lesson(), asked)], "en")))]
    assert [(r["question"], r["answer"], r["why"], r["misconception 2"]) for r in table] == [
        (text, "1 " + one, two, why) for text, one, why, two in rows
    ]


def test_the_files_are_whole_utf8_and_a_spreadsheet_knows_it(tmp_path):
    written = questions.write_questions(tmp_path / "new" / "bank", ["start_here"], ["zh-TW"])
    assert [path.name for path in written] == ["zh-TW.gift", "zh-TW.csv"]
    assert written[1].read_bytes().startswith(b"\xef\xbb\xbfname,lesson,minutes,")
    assert "提問" not in written[0].read_text(encoding="utf-8") and "種子" in written[0].read_text(
        "utf-8"
    )
    assert sorted(path.name for path in written[0].parent.iterdir()) == ["zh-TW.csv", "zh-TW.gift"]


def test_a_wrong_cell_is_named_with_lesson_and_line(tmp_path, monkeypatch):
    [source] = questions.chosen_lessons(["start_here"])
    text = source.read_text("utf-8")
    path = tmp_path / source.name
    path.write_text(text.replace("# - ✗ It stops", "# - ✓ It stops"), encoding="utf-8")
    monkeypatch.setattr(questions, "chosen_lessons", lambda names: [path])
    with pytest.raises(LessonError, match=rf"^{source.name}, line \d+: give it one ✓"):
        questions.read_bank([])
