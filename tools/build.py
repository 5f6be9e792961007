"""Build the notebooks: `python tools/build.py [LESSON ...] [--check] [--links] [--minutes]
[--overwrite]`.

A lesson (lessons/NN_name.py) holds both languages. Building keeps one, executes it, and writes
notebooks/NN_name.ipynb (Traditional Chinese) or notebooks/en/NN_name.ipynb (English). First it
renews what is derived from all lessons: tables, links, names of files (see references.py).
--check executes nothing and fails if a notebook is not what its lesson builds.
--links executes nothing and renews prose and links of notebooks, whose code must be unchanged: for
after a lesson was renamed, a sentence mended, or claims were repeated.
A notebook in which somebody worked is not replaced without --overwrite.
"""

import argparse
import copy
import itertools
import json
import os
import re
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path

import jupytext
import nbformat
import slider_frames
from joblib import Parallel, delayed
from nbclient import NotebookClient
from nbformat import NotebookNode
from notes import NotesError, folded, is_notes, prompts
from references import (
    CATALOGUE,
    CHECK,
    LessonError,
    catalogue,
    derived_files,
    read_lessons,
    resolve,
)
from solutions import FOLDER as SOLUTIONS

from course_utils.language import get_language, set_language
from course_utils.mnist import load_mnist
from course_utils.notebook.claims import holds_line
from course_utils.notebook.lessons import lesson_table, welcome
from course_utils.notebook.replications import digests, read_record, times
from course_utils.notebook.saving import METADATA, seal

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = {"zh-TW": ROOT / "notebooks", "en": ROOT / "notebooks" / "en"}
PYPROJECT = ROOT / "pyproject.toml"
SET_UP_CELL = Path(__file__).with_name("set_up_cell.py")
HOW_TO_GET_THE_COURSE = {  # two lines of code each, for a slide is only so wide
    "zh-TW": (
        "這裡沒有這門課的程式：請到課程的資料夾裡打開這本筆記本，",
        "或者先執行 %env COURSE_SOURCE=…（課程的 wheel、資料夾或 git 位址），再執行這一格。",
    ),
    "en": (
        "The course is not here: open this notebook inside the course's folder, or first run ",
        "%env COURSE_SOURCE=… (the course's wheel, folder or git address), then this cell again.",
    ),
}
# One thread repeats itself to the last bit; strict claims raise; bars and widgets stay silent; seeds
# are the course's own, whatever the caller's environment says.
BUILD_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "COURSE_STRICT": "1",
    "COURSE_QUIET": "1",
    "COURSE_SEED_OFFSET": "0",
    "COURSE_PROGRESS": "off",
    "PYTHONHASHSEED": "0",
}
WIDGET = "application/vnd.jupyter.widget-view+json"
# The first words of a lesson's notice that it ran without full MNIST, which committed ones show.
EMBEDDED = ("資料：隨課程附上", "Data: the 5,000 real")
RENEW = "run .venv/bin/python tools/build.py --links"
CLAIM_LINE = re.compile(r"^✓ (?:主張|Claim) (\d+) .*$", re.MULTILINE)
FORBIDDEN = re.compile(r"0x[0-9a-f]{6,}|<Axes|/tmp/|id=\"T_[0-9a-f]{5}")


class BuildError(LessonError):
    """A lesson could not be built; the notebook on disk is as it was."""


def lesson_paths() -> list[Path]:
    return sorted((ROOT / "lessons").glob("[0-9][0-9]_*.py"))


def chosen_lessons(wanted: list[str]) -> list[Path]:
    """The lessons with these numbers or names, all if none is given. Raises LessonError."""
    chosen = [
        path
        for path in lesson_paths()
        if not wanted or path.stem.startswith(tuple(wanted)) or path.stem[3:] in wanted
    ]
    if not chosen:
        names = ", ".join(path.stem for path in lesson_paths())
        raise LessonError(f"no lesson is named {' or '.join(wanted)}; there are {names}")
    return chosen


def digests_of(notebook: NotebookNode) -> str:
    """What the record of repetitions knows a lesson by: its code cells, but set-up and exercises."""
    others = {"setup", "exercise", "check", "hint", "solution"}
    return digests(
        cell.source
        for cell in notebook.cells
        if cell.cell_type == "code" and others.isdisjoint(cell.metadata.get("tags", []))
    )


def edition(lesson: Path, language: str) -> NotebookNode:
    """The lesson in one language, not executed: the whole of what sources decide."""
    alt_key = "alt-zh" if language == "zh-TW" else "alt-en"
    lessons = read_lessons(lesson.parent)
    this = lessons[lesson.stem[3:]]
    cells: list[NotebookNode] = []
    numbers = itertools.count()
    for cell in jupytext.read(lesson).cells:
        metadata = dict(cell.metadata)
        if metadata.pop("lang", language) != language:
            continue
        for key in ("lines_to_next_cell", "saved"):  # of no use to a reader
            metadata.pop(key, None)
        if cell.cell_type == "markdown":
            if metadata.pop("about", None):
                cell.source = this.title_cell(cell.source, language)
            try:
                cell.source = resolve(cell.source, language, lessons)
                if is_notes(cell):
                    cell.source = folded(cell.source, language)
            except (LessonError, NotesError) as error:
                raise BuildError(f"{lesson.name}: {error}: {cell.source[:60]!r}") from None
        alt = metadata.get(alt_key)
        metadata = {key: metadata[key] for key in metadata if not key.startswith("alt-")}
        if alt is not None:
            metadata["alt"] = alt
        cell_id = f"{this.name}-{next(numbers):03d}"
        tags = metadata.get("tags", [])
        if "solution" in tags:
            metadata["jupyter"] = {"source_hidden": True}
        if "check" in tags:
            metadata["nbgrader"] = nbgrader_metadata(cell_id)
        if "setup" in tags:
            cell.source = with_search_for_the_course(cell.source, language)
        cells.append(NotebookNode(cell | {"id": cell_id, "metadata": NotebookNode(metadata)}))
        if check := CHECK.fullmatch(cell.source) if "check" in tags else None:
            cells.append(hint_cell(check[1], language, f"{cell_id}-hint"))
    hide_answers(cells, language)
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=METADATA)
    notebook.nbformat_minor = 5
    return notebook


def hide_answers(cells: list[NotebookNode], language: str) -> None:
    """Make what follows a prompt for a prediction on its slide a fragment: it shows a step later."""
    for index in prompts(cells, language):
        for cell in cells[index + 1 :]:
            slideshow = cell.metadata.get("slideshow", {})
            if slideshow.get("slide_type") in ("slide", "subslide", "fragment"):
                break
            if slideshow.get("slide_type", "-") == "-":  # notes and skipped cells are on no slide
                cell.metadata["slideshow"] = NotebookNode(slideshow | {"slide_type": "fragment"})
                break


def hint_cell(exercise: str, language: str, cell_id: str) -> NotebookNode:
    """Its own cell, as a check is locked once it is an assignment; not on a slide."""
    stuck = {"zh-TW": "卡住了嗎？拿掉開頭的 # 再執行", "en": "stuck? delete the first # and run"}
    metadata = {"tags": ["hint"], "slideshow": {"slide_type": "skip"}}
    source = f"# exercises.{exercise}.hint()  # {stuck[language]}"
    return nbformat.v4.new_code_cell(source, id=cell_id, metadata=metadata)


def with_search_for_the_course(source: str, language: str) -> str:
    """A set-up cell that also works if the notebook is alone; see set_up_cell.py."""
    code = SET_UP_CELL.read_text(encoding="utf-8").split('"""\n\n', 1)[1].rstrip()
    first_line, _, rest = source.partition("\n")
    if first_line != code.splitlines()[-1]:
        raise BuildError(f"a set-up cell begins {code.splitlines()[-1]!r}, not {first_line!r}")
    address = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]["urls"].get("source")
    how = "".join(f'\n{" " * 12}"{line}"' for line in HOW_TO_GET_THE_COURSE[language])
    code = code.replace('"DEFAULT_SOURCE"', json.dumps(f"git+{address}" if address else ""))
    code = code.replace('"HOW_TO_GET_THE_COURSE"', f"{how}\n{' ' * 8}")
    return f"{code}\n{rest}"


def finish(notebook: NotebookNode, lesson: Path) -> None:
    """Replace the metadata that kernel and widgets added, and seal the notebook."""
    course = {"lesson": lesson.stem, "seal": seal(notebook.cells)}
    notebook.metadata = nbformat.from_dict({"course": course, **METADATA})


def nbgrader_metadata(cell_id: str) -> dict:
    """What makes a cell an automatic test for nbgrader; it may not be edited."""
    return {
        "cell_type": "code",
        "grade": True,
        "grade_id": cell_id,
        "locked": True,
        "points": 1,
        "schema_version": 3,
        "solution": False,
        "task": False,
    }


def build(lesson: Path, language: str) -> float:
    """Execute one edition and write its notebook; returns the seconds it took."""
    notebook = edition(lesson, language)
    target = FOLDERS[language] / f"{lesson.stem}.ipynb"
    started = time.perf_counter()
    try:
        frames = {"COURSE_FRAMES": str(frames_of(lesson))}
        execute(notebook, target.parent, BUILD_ENVIRONMENT | (frames if language == "en" else {}))
        for cell in notebook.cells:
            if cell.cell_type == "code":
                clean_outputs(cell)
        finish(notebook, lesson)
    except Exception as error:
        raise BuildError(f"{lesson.stem} ({language}): {error}") from error
    write(notebook, target)
    if language == "en":
        for strip in slider_frames.strips(notebook, frames_of(lesson)):
            slider_frames.sign(strip, digests_of(notebook))
    return time.perf_counter() - started


def frames_of(lesson: Path) -> Path:
    """The folder of what its sliders show."""
    return ROOT / slider_frames.FRAMES / lesson.stem[3:]


def execute(notebook: NotebookNode, folder: Path, environment: dict[str, str]) -> None:
    """Run every cell in a new kernel, which starts in ``folder``."""
    client = NotebookClient(
        notebook,
        timeout=900,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        shutdown_kernel="immediate",  # asked to leave, it waits in vain for joblib's tracker to end
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute(env={**os.environ, **environment})


def write(notebook: NotebookNode, target: Path) -> None:
    nbformat.validate(notebook)
    temporary = target.with_suffix(".ipynb.part")
    temporary.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
    temporary.replace(target)


def renew_links(lesson: Path, language: str) -> None:
    """Give a notebook the prose and links of its lesson, and keep its outputs."""
    target = FOLDERS[language] / f"{lesson.stem}.ipynb"
    old, new = nbformat.read(target, as_version=4), edition(lesson, language)
    code = [[cell.source for cell in n.cells if cell.cell_type == "code"] for n in (old, new)]
    if code[0] != code[1]:
        raise BuildError(
            f"the code of {lesson.stem} changed; build it: make notebooks LESSON={lesson.stem}"
        )
    done = iter(cell for cell in old.cells if cell.cell_type == "code")
    for cell in new.cells:
        if cell.cell_type == "code":
            executed = next(done)
            cell.outputs, cell.execution_count = executed.outputs, executed.execution_count
            clean_outputs(cell)  # the alt text may be another
            for output in cell.outputs:
                renew(output, cell, new, lesson, language)
    finish(new, lesson)
    write(new, target)


def renew(
    output: NotebookNode, cell: NotebookNode, notebook: NotebookNode, lesson: Path, language: str
) -> None:
    """Put what is known now into an output that says it: minutes, lessons, the record of claims."""
    if "text" in output:
        output.text = with_record(output.text, notebook, lesson, language)
    data = output.get("data", {})
    recorded = ROOT / CATALOGUE  # missing, before anything is derived
    known = json.loads(recorded.read_text(encoding="utf-8")) if recorded.is_file() else {}
    with speaking(language):
        if "text" in output and "setup" in cell.metadata.get("tags", []):
            device = re.search(r"\bcpu\b|\bcuda\b|\bmps\b", output.text)
            first = welcome(known.get(lesson.stem[3:], {}), device[0] if device else "cpu")
            output.text = "\n".join([first, *output.text.split("\n")[1:]])
        if cell.source == "lesson_table()" and "text/markdown" in data:
            data["text/markdown"] = lesson_table(known).data


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """The course's own sentences in this language."""
    before = get_language()
    set_language(language)
    try:
        yield
    finally:
        set_language(before)


def renew_derived_files() -> None:
    """Write what is derived from all lessons, and give notebooks of renamed lessons their name."""
    lessons = read_lessons(ROOT / "lessons")
    files = {lesson.path.stem for lesson in lessons.values()}
    for folder in FOLDERS.values():
        for orphan in [
            path for path in folder.glob("[0-9][0-9]_*.ipynb") if path.stem not in files
        ]:
            lesson = lessons.get(orphan.stem[3:])
            target = folder / f"{lesson.path.stem}.ipynb" if lesson else orphan
            if target.is_file():
                raise BuildError(f"{orphan.relative_to(ROOT)} has no lesson; remove it")
            orphan.rename(target)
    for path, text in derived_files(ROOT).items():
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"{path.relative_to(ROOT)} was renewed")


def with_record(text: str, notebook: NotebookNode, lesson: Path, language: str) -> str:
    """Printed text in which claims that hold say how often they did with other seeds.

    As it is, if the record is of other code: then the lesson is to be repeated.
    """
    entry = read_record().get(lesson.stem[3:]) if CLAIM_LINE.search(text) else None
    if entry is not None and entry["code"] != digests_of(notebook):
        return text

    def line(found: re.Match) -> str:
        number = int(found[1])
        return holds_line(number, entry and times(entry, number, "full"), language)

    return CLAIM_LINE.sub(line, text)


def clean_outputs(cell: NotebookNode) -> None:
    """Put the authored alt text into figures; reject what must not be kept."""
    for output in cell.outputs:
        data = output.get("data", {})
        data.pop(WIDGET, None)
        text = f"{output.get('text', '')}{data.get('text/plain', '')}{data.get('text/html', '')}"
        without_pictures = re.sub(r"base64,[^\"]*", "", text)
        if output.output_type == "error" or output.get("name") == "stderr":
            raise BuildError(f"cell {cell.id} printed to stderr or failed:\n{output}")
        if found := FORBIDDEN.search(without_pictures):
            raise BuildError(f"cell {cell.id} prints {found[0]!r}, which no other run repeats")
        if is_figure(data):
            if "alt" not in cell.metadata:
                raise BuildError(f"cell {cell.id} draws a figure and has no alt-zh and alt-en")
            alt = f'alt="{escape(cell.metadata.alt, quote=True)}"'
            data["text/html"] = re.sub(
                r'alt="[^"]*"', alt.replace("\\", r"\\"), data["text/html"], count=1
            )


def is_figure(data: dict) -> bool:
    return data.get("text/html", "").startswith("<img alt=")


def drift(lesson: Path, language: str) -> str | None:
    """Why the committed notebook is not what the lesson builds, or None; executes nothing."""
    path = FOLDERS[language] / f"{lesson.stem}.ipynb"
    name = path.relative_to(ROOT)
    if not path.is_file():
        return f"{name} is missing"
    committed, expected = nbformat.read(path, as_version=4), edition(lesson, language)
    finish(expected, lesson)
    sealed = committed.metadata.get("course", {}).get("seal")
    expected.metadata.course.seal = sealed
    if committed.metadata != expected.metadata or len(committed.cells) != len(expected.cells):
        return f"{name} has other metadata or another number of cells than its lesson"
    for old, new in zip(committed.cells, expected.cells, strict=True):
        keys = ("id", "cell_type", "source", "metadata")
        if any(old[key] != new[key] for key in keys):
            return f"{name}, cell {new.id}: differs from its lesson:\n{new.source[:200]}"
        for output in old.get("outputs", []):
            if output.get("text", "").startswith(EMBEDDED):
                return f"{name} was built without full MNIST; get it by `make data` first"
            now = copy.deepcopy(output)
            renew(now, new, expected, lesson, language)
            if output != now:
                return (
                    f"{name}, cell {new.id}: prints other lessons than there are, or other minutes, or "
                    f"another record of its claims; {RENEW}"
                )
            alt = f'alt="{escape(new.metadata.get("alt", ""), quote=True)}"'
            if is_figure(output.get("data", {})) and alt not in output.data["text/html"]:
                return f"{name}, cell {new.id}: its figure has another alt text than its lesson"
    return None if sealed == seal(committed.cells) else f"{name}: its outputs were changed by hand"


def is_edited(path: Path) -> bool:
    """Whether a notebook holds somebody's work: it is there, and not as the builder wrote it."""
    if not path.is_file():
        return False
    try:
        notebook = nbformat.read(path, as_version=4)
    except ValueError:  # no notebook, such as one with the marks of a merge in it
        return True
    return notebook.metadata.get("course", {}).get("seal") != seal(notebook.cells)


def stale_files() -> list[str]:
    """What is derived from all lessons and is not as they say, a sentence each."""
    names = {lesson.stem for lesson in lesson_paths()}
    derived = derived_files(ROOT)
    orphans = [path for path in (ROOT / SOLUTIONS).glob("[a-z]*.py") if path not in derived]
    for folder in FOLDERS.values():
        orphans += [path for path in sorted(folder.glob("*.ipynb")) if path.stem not in names]
    problems = [
        f"{path.relative_to(ROOT)} has no lesson; remove it, or if its lesson has another number now, {RENEW}"
        for path in orphans
    ]
    return problems + [
        f"{path.relative_to(ROOT)} is not what the lessons say; {RENEW}"
        for path, text in derived.items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]


def check() -> None:
    lessons = lesson_paths()
    problems = [drift(lesson, language) for lesson in lessons for language in FOLDERS]
    for lesson in lessons:
        notebook = edition(lesson, "en")
        problems += slider_frames.drift(notebook, frames_of(lesson), digests_of(notebook))
    kept = {frames_of(lesson) for lesson in lessons}
    others = [folder for folder in (ROOT / slider_frames.FRAMES).glob("*") if folder not in kept]
    problems += [f"remove {folder.relative_to(ROOT)}: no lesson has this name" for folder in others]
    problems = [*filter(None, problems), *stale_files()]
    if problems:
        sys.exit("\n".join([*problems, "Run `make notebooks` and commit the notebooks."]))
    print(f"{len(lessons) * len(FOLDERS)} notebooks are what their lessons build")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lessons", nargs="*", help="numbers or names; all by default")
    parser.add_argument("--check", action="store_true", help="compare only, execute nothing")
    parser.add_argument("--links", action="store_true", help="renew prose only, execute nothing")
    parser.add_argument("--minutes", action="store_true", help="one at a time; record how long")
    parser.add_argument("--overwrite", action="store_true", help="also notebooks edited by hand")
    arguments = parser.parse_args()
    try:
        run(arguments)
    except LessonError as error:
        sys.exit(f"not built, what was there is untouched: {error}")


def run(arguments: argparse.Namespace) -> None:
    if arguments.check:
        return check()
    chosen = chosen_lessons(arguments.lessons)
    renew_derived_files()
    jobs = [(lesson, language) for lesson in chosen for language in FOLDERS]
    targets = [folder / f"{lesson.stem}.ipynb" for lesson in chosen for folder in FOLDERS.values()]
    edited = [str(path.relative_to(ROOT)) for path in targets if is_edited(path)]
    if edited and not arguments.overwrite:
        raise LessonError(
            f"edited by hand: {', '.join(edited)}. Building would replace what was written there: move "
            "it to another folder, or `git checkout` it, or build with --overwrite "
            "(`make notebooks OVERWRITE=1`)"
        )
    if arguments.links:
        for lesson, language in jobs:
            renew_links(lesson, language)
        return None
    if load_mnist().tier != "full":
        print("Full MNIST is not here (`make data`): try what you like, but do not commit outputs.")
    pool = Parallel(n_jobs=1 if arguments.minutes else -1, return_as="generator")
    seconds: dict[str, int] = {}
    results = pool(delayed(build)(lesson, language) for lesson, language in jobs)
    for (lesson, language), taken in zip(jobs, results, strict=True):
        print(f"{lesson.stem} ({language}): {taken:.0f} s", flush=True)
        seconds[lesson.stem[3:]] = round(taken)
    if arguments.minutes:
        lessons = read_lessons(ROOT / "lessons")
        text = catalogue(lessons, ROOT / CATALOGUE, **seconds)
        (ROOT / CATALOGUE).write_text(text, encoding="utf-8")
    return None


if __name__ == "__main__":
    main()
