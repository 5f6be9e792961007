"""`make assignments OUT=folder [LESSON=NN] [COURSE_LANG=en]`: worksheets to hand out, and their key.

OUT/students/ holds a worksheet NN_name.ipynb for each lesson and the course's code without solutions;
OUT/key/ the same worksheets with the answers filled in, from which `make grade` takes tasks and points.
"""

import argparse
import ast
import base64
import copy
import os
import re
import shutil
import sys
from pathlib import Path

import nbformat
from build import FOLDERS, ROOT, chosen_lessons, nbgrader_metadata
from bundle import exercises_of, leaks, write_bundle
from nbformat import NotebookNode
from notes import is_notes
from references import CHECK, LessonError

from course_utils.exercises.by_reference import ReferenceExercise
from course_utils.language import get_language
from course_utils.notebook.saving import METADATA

HEAD = {
    "zh-TW": "# {title}：作業\n\n在標了「你的答案」的格子裡作答，執行它和下面的檢查，存檔，然後交出這個檔案。"
    "請保留檔名。需要輔助函式或另外的 import，就寫在同一格，或自己加一格。\n\n"
    "檢查會核對一部分的輸入，評分時用全部；標著「評分時才看」的題目，在這裡不核對。"
    "資料夾 `course_utils` 要放在這個檔案旁邊。",
    "en": '# {title}: assignment\n\nWrite your answers in the cells marked "your answer", run each and the '
    "check below it, save, and hand in this file. Keep its name. Helper functions and further imports go "
    "into the same cell, or into one that you add.\n\nA check looks at some inputs, marking at all of them; "
    "where it says so, an exercise is not checked here at all. The folder `course_utils` belongs beside "
    "this file.",
}
YOUR_ANSWER = {"zh-TW": "# 你的答案：{name}", "en": "# your answer: {name}"}
TITLE = re.compile(r"#\s*(.+)")


def worksheet(notebook: NotebookNode, language: str, *, with_answers: bool = False) -> NotebookNode:
    """Set-up, imports, and of each exercise prompt, stub, locked check and hint; nothing is executed.

    with_answers: the key, which has the reference answers in place of the stubs.
    """
    lesson = notebook.metadata.course.lesson
    exercises = exercises_of(lesson[3:])
    title = TITLE.match(notebook.cells[0].source)[1]
    head = nbformat.v4.new_markdown_cell(
        HEAD[language].format(title=title), id=f"{lesson[3:]}-head"
    )
    cells, section = [head], []
    for index, cell in enumerate(notebook.cells):
        tags = cell.metadata.get("tags", [])
        if "setup" in tags:
            cells.append(_plain(cell, cell.source.replace(", workers=True", "")))
        elif cell.cell_type == "code" and not tags and _only_imports(cell.source):
            cells.append(_plain(cell, cell.source))
        elif "check" in tags:
            name = CHECK.match(cell.source)[1]
            looks = not isinstance(exercises[name], ReferenceExercise)  # at figures, most often
            rest = {t: c for c in notebook.cells[index + 1 : index + 3] for t in c.metadata.tags}
            asked = _asked(section, name, language, looks)
            if with_answers:
                solution = rest["solution"].source.partition("\n")[2]
                asked[-1].source = re.sub(r"\b(\w+)_solution\b", r"\1", solution)
            points = max(max(c.source.count("★") for c in asked if c.cell_type == "markdown"), 1)
            cells += [*asked, _check(cell, name, points), _plain(rest["hint"], rest["hint"].source)]
            section = []
        elif not {"hint", "solution"} & {*tags} and not is_notes(cell):
            section.append(cell)
    course = {"lesson": lesson, "language": language, "worksheet": True}
    sheet = nbformat.v4.new_notebook(cells=cells, metadata={"course": course, **METADATA})
    sheet.nbformat_minor = 5
    nbformat.validate(sheet)
    return sheet


def _asked(
    section: list[NotebookNode], name: str, language: str, looks: bool
) -> list[NotebookNode]:
    """The prompt of an exercise, and last its stub; figures of the lesson become pictures."""
    headings = [
        i for i, c in enumerate(section) if c.cell_type == "markdown" and c.source[:2] == "##"
    ]
    first = headings[-1]
    while looks and first and _pictures(section[first - 1]):
        first -= 1
    cells = []
    for cell in section[first:]:
        if "exercise" in cell.metadata.get("tags", []) or cell.cell_type == "markdown":
            cells.append(_plain(cell, cell.source))
        else:
            cells += _pictures(cell)
    cells[-1].source = f"{YOUR_ANSWER[language].format(name=name)}\n{cells[-1].source}"
    cells[-1].metadata = NotebookNode(course={"answer": name}, deletable=False)
    return cells


def _plain(cell: NotebookNode, source: str) -> NotebookNode:
    new = (
        nbformat.v4.new_markdown_cell if cell.cell_type == "markdown" else nbformat.v4.new_code_cell
    )
    return new(source, id=cell.id)


def _check(cell: NotebookNode, name: str, points: int) -> NotebookNode:
    """Locked in JupyterLab, and an automatic test to nbgrader."""
    new = _plain(cell, f"exercises.{name}.check({name})")
    own = nbgrader_metadata(cell.id) | {"points": points}
    new.metadata = NotebookNode(nbgrader=own, editable=False, deletable=False)
    return new


def _pictures(cell: NotebookNode) -> list[NotebookNode]:
    """The figures that a cell of the lesson shows, each as a picture with its alternative text."""
    found = []
    for output in cell.get("outputs", []):
        html = output.get("data", {}).get("text/html", "")
        if picture := re.search(r'src="data:image/png;base64,([^"]+)"', html):
            base64.b64decode(picture[1], validate=True)
            alt = re.sub(r"[\[\]]", "", cell.metadata.get("alt", ""))
            new = nbformat.v4.new_markdown_cell(f"![{alt}](attachment:figure.png)", id=cell.id)
            new.attachments = {"figure.png": {"image/png": picture[1]}}
            found.append(new)
    return found


def _only_imports(source: str) -> bool:
    return all(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.parse(source).body)


def write_assignments(out: Path, lessons: list[str], language: str) -> list[Path]:
    """Write OUT/students and OUT/key; returns the worksheets. Raises LessonError where a solution leaks."""
    students, key = out / "students", out / "key"
    if taken := [str(folder) for folder in (students, key) if folder.exists()]:
        raise LessonError(f"{' and '.join(taken)} exist already: name another OUT, or remove them")
    chosen = [path.stem for path in chosen_lessons(lessons)]
    notebooks = {name: nbformat.read(FOLDERS[language] / f"{name}.ipynb", 4) for name in chosen}
    key.mkdir(parents=True)
    write_bundle(students, [name[3:] for name in chosen])
    for name in ("requirements.txt", "pyproject.toml", "LICENSE"):
        shutil.copy(ROOT / name, students / name)
    written = []
    for name, notebook in notebooks.items():
        for folder in (students, key):
            sheet = worksheet(copy.deepcopy(notebook), language, with_answers=folder is key)
            written.append(folder / f"{name}.ipynb")
            written[-1].write_text(nbformat.writes(sheet) + "\n", encoding="utf-8")
    if found := leaks(students):
        lines = "\n".join(found)
        shutil.rmtree(students)
        shutil.rmtree(key)
        raise LessonError(
            f"lines of solutions would have been handed out, so nothing was:\n{lines}"
        )
    return written


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", help="a folder; students/ and key/ are made in it")
    parser.add_argument("lessons", nargs="*", help="numbers or names; all if none is given")
    arguments = parser.parse_args()
    if not arguments.out:
        sys.exit("say where to write: make assignments OUT=folder [LESSON=06] [COURSE_LANG=en]")
    os.environ["COURSE_PROGRESS"] = "off"
    try:
        written = write_assignments(Path(arguments.out), arguments.lessons, get_language())
    except LessonError as error:
        sys.exit(str(error))
    print(
        f"{len(written) // 2} worksheets; hand out {Path(arguments.out, 'students')}, keep the key"
    )


if __name__ == "__main__":
    main()
