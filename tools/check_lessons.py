"""What is left to do on a lesson, a sentence each: `make test ARGS="--only lessons"`.

Each sentence names the lesson and says the next step. Nothing is executed here: re-executing the
notebooks is for the stages after this one.
"""

import ast
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import build
import lesson_rules as rules
import nbformat
import notes_rules
from chinese_rules import chinese_style
from lesson import TEMPLATES
from nbformat import NotebookNode
from references import CATALOGUE, LessonError, read_lessons

from course_utils.exercises import Exercise
from course_utils.notebook.replications import read_record

ROOT = Path(__file__).resolve().parent.parent
#: The lesson that shows how the course works needs fewer claims and exercises than one that teaches.
FIRST = "start_here"


def problems(lesson: Path) -> list[str]:
    """The sentences about one lesson; what hides the rest comes alone."""
    try:
        cells = rules.read_lesson(lesson)
        build.edition(lesson, "en")
    except (LessonError, ValueError) as error:
        return [str(error).removeprefix(f"{lesson.name}: ")]
    if found := list(_syntax_errors(cells)):
        return found
    return [
        *_placeholders(lesson),
        *_of_the_source(cells, lesson.stem[3:]),
        *notes_rules.notes(cells, lesson),
        *notes_rules.length(cells),
        *notes_rules.leaning_exercises(cells),
        *_of_the_exercises(cells, lesson.stem[3:]),
        *_of_the_notebooks(lesson),
        *_of_the_record(lesson),
    ]


def _syntax_errors(cells: list[NotebookNode]) -> Iterator[str]:
    for cell in rules.code_cells(cells):
        try:
            ast.parse(cell.source)
        except SyntaxError as error:
            line = (error.text or cell.source).strip()
            yield f"mend this line, which is not Python ({error.msg}): {line[:80]}"


def _placeholders(lesson: Path) -> Iterator[str]:
    """What `make lesson` wrote in parentheses, to be replaced, and still stands there."""
    for template, path in {
        "lesson.py": lesson,
        "exercises.py": ROOT / "course_utils" / "exercises" / f"{lesson.stem[3:]}.py",
    }.items():
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        given = (TEMPLATES / f"{template}.txt").read_text(encoding="utf-8")
        for words in dict.fromkeys(re.findall(r'(?<=[ "])[（(][^"\n]*[）)]', given)):
            if re.search(rf'[ "]{re.escape(words)}', text):
                yield f"replace {words}" + f" in {path.name}" * (path != lesson)


def _of_the_source(cells: list[NotebookNode], name: str) -> Iterator[str]:
    yield from rules.set_up(cells, name)
    for rule in (
        *(rules.twins, rules.slides, rules.cell_sizes, rules.alt_texts),
        *(rules.languages_apart, rules.unseeded_chance, rules.readings_of_the_test_set),
    ):
        yield from rule(cells)
    yield from rules.claims(cells, *((1, 1) if name == FIRST else ()))
    yield from rules.exercises(cells, at_least=0 if name == FIRST else 3)
    own = [cell for cell in cells if cell.metadata.get("lang") != "en"]
    unseen = [cell.metadata.get(key, "") for cell in own for key in ("alt-zh", "about")]
    chinese = "\n".join([rules.prose(cells, "zh-TW"), *unseen])
    yield from (f"write the Chinese as in Taiwan: {found}" for found in chinese_style(chinese))
    code = "\n".join(cell.source for cell in rules.code_cells(cells))
    yield from (f"draw from course_utils.seeding: {found}" for found in rules.foreign_chance(code))
    for saved, same in rules.saved(cells):
        if not same:
            yield f"make {saved} the code that its cell shows, or take saved=… off the cell"


def _of_the_exercises(cells: list[NotebookNode], name: str) -> Iterator[str]:
    names = [found[1] for cell in cells if (found := rules.CHECK.match(cell.source))]
    subject = re.search(r"from course_utils\.exercises import (\w+) as exercises", str(cells))
    if not names:
        return
    if subject is None:
        yield f"import its exercises: from course_utils.exercises import {name} as exercises"
        return
    try:
        module = import_module(f"course_utils.exercises.{subject[1]}")
    except ModuleNotFoundError:
        yield f"write course_utils/exercises/{subject[1]}.py, with the checks of {', '.join(names)}"
        return
    for missing in [exercise for exercise in names if not hasattr(module, exercise)]:
        yield f"write the check of {missing} in course_utils/exercises/{subject[1]}.py"
    if not (ROOT / "tests" / "wrong_answers" / f"{subject[1]}.py").is_file():
        yield f"write tests/wrong_answers/{subject[1]}.py: what people really answer"
        return
    for exercise in vars(module).values():
        if isinstance(exercise, Exercise):
            yield from _of_the_answers(exercise, subject[1])


def _of_the_answers(exercise: Exercise, subject: str) -> Iterator[str]:
    sys.path.insert(0, str(ROOT / "tests"))
    cases = import_module("wrong_answers").CASES
    import_module(f"wrong_answers.{subject}")
    if find_spec(f"wrong_answers.unseen.{subject}"):
        import_module(f"wrong_answers.unseen.{subject}")
    shown = {name for name, _ in exercise.ways()}
    tried = Counter(case.mistake for case in cases if case.exercise is exercise)
    where = f"tests/wrong_answers/{subject}.py, {exercise.name}:"
    if sum(tried.values()) - tried[None] < 4:
        yield f"{where} at least four wrong answers, there are {sum(tried.values()) - tried[None]}"
    if not tried[None]:
        yield f"{where} an unusual answer that is right"
    lacking = set(exercise.mistakes) - shown - set(tried)
    yield from (f"{where} an answer that makes {mistake!r}" for mistake in lacking)
    for mistake, text in exercise.mistakes.items():
        if (
            min(len(text.zh), len(text.en)) <= 10
            or text.zh == text.en
            or "_solution" in text.zh + text.en
        ):
            yield (
                f"course_utils/exercises/{subject}.py, {exercise.name}: say what is wrong with "
                f"{mistake!r}, in both languages, each over 10 characters, and not the solution"
            )


def _of_the_notebooks(lesson: Path) -> Iterator[str]:
    name = lesson.stem[3:]
    stale = [drift for language in build.FOLDERS if (drift := build.drift(lesson, language))]
    if stale:
        yield f"run make notebooks LESSON={name}: {stale[0]}"
        return
    chinese, english = (
        nbformat.read(folder / f"{lesson.stem}.ipynb", as_version=4)
        for folder in build.FOLDERS.values()
    )
    for zh_cell, en_cell in zip(chinese.cells, english.cells, strict=True):
        if rules.printed_numbers(zh_cell) != rules.printed_numbers(en_cell):
            yield f"run make notebooks LESSON={name}: cell {en_cell.id} prints other numbers in Chinese"
        yield from _of_the_figure(en_cell)
        yield from _of_the_figure(zh_cell)
    recorded = json.loads((ROOT / CATALOGUE).read_text(encoding="utf-8"))
    if not recorded.get(name, {}).get("seconds"):
        yield f"with nothing else running, make notebooks LESSON={name} MINUTES=1 records its minutes"


def _of_the_record(lesson: Path) -> Iterator[str]:
    name = lesson.stem[3:]
    entry = read_record().get(name)
    if entry is not None and entry["code"] != build.digests_of(build.edition(lesson, "en")):
        yield f"its code changed since it was repeated with other seeds: make replicate LESSON={name}"


def _of_the_figure(cell: NotebookNode) -> Iterator[str]:
    shown = [output.get("data", {}) for output in cell.get("outputs", [])]
    figures = ["<img" in data.get("text/html", "") for data in shown]
    if sum(figures) > 1:
        yield f"cell {cell.id} draws {sum(figures)} figures; give each a cell of its own"
    if ["image/png" in data for data in shown] != figures:
        yield f"cell {cell.id}: LaTeX would show no figure; build the notebook again"
    if any(figures) != ("alt" in cell.metadata):
        yield f"cell {cell.id}: alt-zh and alt-en are for cells that draw a figure, and for all of them"


def all_problems() -> list[str]:
    """The sentences about every lesson, each with its name; empty if all is done."""
    found = []
    try:
        names = read_lessons(build.ROOT / "lessons")
    except LessonError as error:
        return [str(error)]
    for lesson in build.lesson_paths():
        found += [f"{lesson.stem}: {problem}" for problem in problems(lesson)]
    for lesson, following in zip(list(names.values()), list(names.values())[1:], strict=False):
        found += rules.where_next(lesson.path, following.name)
    return [*found, *_left_over(), *build.stale_files()]


def _left_over() -> Iterator[str]:
    """Exercises, and answers to them, of a lesson that was removed."""
    folders = ("course_utils/exercises", "tools")  # a bundle for students has a module of its own
    others = [p for folder in folders for p in (build.ROOT / folder).glob("*.py")]
    importing = "".join(p.read_text(encoding="utf-8") for p in [*build.lesson_paths(), *others])
    for folder in ("course_utils/exercises", "tests/wrong_answers"):
        for path in sorted((build.ROOT / folder).glob("[a-z]*.py")):
            if not re.search(rf"course_utils\.exercises(\.| import ){path.stem}\b", importing):
                yield f"{path.relative_to(build.ROOT)} is imported by no lesson; remove it"


def main() -> None:
    found = all_problems()
    if found:
        sys.exit("\n".join(found))
    print(f"{len(build.lesson_paths())} lessons, both editions: nothing is left to do")


if __name__ == "__main__":
    main()
