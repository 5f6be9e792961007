"""`make questions [LESSON=NN]`: what the lessons ask, as a question bank, build/questions/{zh-TW,en}.gift
and .csv, from the notes cells of lessons/.

The first is Moodle's GIFT: a category for each lesson, a name and an identifier that stay, feedback for
each option, texts as HTML. The second opens in a spreadsheet (UTF-8 with BOM). Nothing is executed.
"""

import argparse
import csv
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from build import ROOT, chosen_lessons
from notes import OPTIONS, Question, as_html, read_questions
from references import LANGUAGES, Lesson, LessonError, read_lessons
from website.words import WORDS

from course_utils.unfinished_files import written_whole

OUT = ROOT / "build" / "questions"
_RESERVED = str.maketrans({character: f"\\{character}" for character in "\\~=#{}:"})


def gift_text(text: str) -> str:
    """Plain text with `code` as GIFT: HTML, the format's own characters escaped."""
    return "[html]" + as_html(text).translate(_RESERVED)


def gift_category(*names: str) -> str:
    """The line that puts the questions after it into a category; a / inside a name is doubled."""
    path = "/".join(name.replace("/", "//") for name in names)
    return f"$CATEGORY: $course$/top/{path}"


def gift_question(question: Question, language: str) -> str:
    """A question with one right answer, as GIFT writes it."""
    asked = question.asked[language]
    options = [
        f"\t{'=' if option.is_right else '~'}{gift_text(option.text)}#{gift_text(option.why)}"
        for option in asked.options
    ]
    name = question.name.translate(_RESERVED)
    first = f"// [id:{question.name}]\n::{name}::{gift_text(asked.text)} {{"
    return "\n".join([first, *options, "}"])


def gift(bank: Sequence[tuple[Lesson, Sequence[Question]]], language: str) -> str:
    """The question bank of one language in Moodle's GIFT format."""
    parts = []
    for lesson, questions in bank:
        if questions:
            title = lesson.numbered_title(language).replace("  ", " ")
            parts.append(gift_category(WORDS[language]["title"], title))
            parts += [gift_question(question, language) for question in questions]
    return "\n\n".join(parts) + "\n"


#: Of a table: what a row says of its question, then of each option.
COLUMNS = ("name", "lesson", "minutes", "question", "answer", "why")
WRONG = ("wrong", "misconception")


def table(bank: Sequence[tuple[Lesson, Sequence[Question]]], language: str) -> str:
    """The same as CSV: a row for each question; the right answer comes first."""
    text = io.StringIO()
    writer = csv.writer(text)
    numbers = range(1, OPTIONS[-1])
    writer.writerow([*COLUMNS, *(f"{name} {number}" for number in numbers for name in WRONG)])
    for lesson, questions in bank:
        for question in questions:
            asked = question.asked[language]
            ordered = sorted(asked.options, key=lambda option: not option.is_right)
            told = [part for option in ordered for part in (option.text, option.why)]
            title = lesson.numbered_title(language).replace("  ", " ")
            writer.writerow([question.name, title, asked.minutes, asked.text, *told])
    return text.getvalue()


def read_bank(lessons: Sequence[str]) -> list[tuple[Lesson, list[Question]]]:
    """The questions of these lessons, of all if none is named. Raises LessonError on a wrong cell."""
    known, bank, wrong = read_lessons(ROOT / "lessons"), [], []
    for path in chosen_lessons([*lessons]):
        questions, problems = read_questions(path)
        bank.append((known[path.stem[3:]], questions))
        wrong += [f"{path.name}, {problem}" for problem in problems]
    if wrong:
        raise LessonError("\n".join(wrong))
    return bank


def write_questions(out: Path, lessons: Sequence[str], languages: Sequence[str]) -> list[Path]:
    """Write the question bank; returns its files. Raises LessonError."""
    bank = read_bank(lessons)
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for language in languages:
        for ending, text in (
            (".gift", gift(bank, language)),
            (".csv", "\ufeff" + table(bank, language)),
        ):
            path = out / f"{language}{ending}"
            with written_whole(path) as unfinished:
                unfinished.write_bytes(text.encode("utf-8"))
            written.append(path)
    return written


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lessons", nargs="*", help="numbers or names; all if none is given")
    languages = [os.environ["COURSE_LANG"]] if os.environ.get("COURSE_LANG") else [*LANGUAGES]
    try:
        written = write_questions(OUT, parser.parse_args().lessons, languages)
    except LessonError as error:
        sys.exit(str(error))
    print("\n".join(map(str, written)))


if __name__ == "__main__":
    main()
