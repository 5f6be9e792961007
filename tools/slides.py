"""`make slides [LESSON=NN]`: offline decks, build/slides/{zh-TW,en}/NN_name/index.html.

A deck is the notebook with its stored outputs, without set-up, imports, checks and solutions. reveal.js
and MathJax stand beside the decks in build/slides/vendor, which goes with them. What does not fit on
a slide of 1280x720 goes on on the next one (slides/deck.js), with its heading again.
"""

import argparse
import ast
import copy
import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
from build import FOLDERS, ROOT, chosen_lessons
from nbconvert import SlidesExporter
from nbformat import NotebookNode
from node_packages import node_modules
from notes import is_notes, unfolded
from references import LessonError
from traitlets.config import Config

SOURCES = ROOT / "slides"
OUT = ROOT / "build" / "slides"
NOT_SHOWN = {"setup", "check", "hint", "solution"}
MATHJAX = "../../vendor/mathjax/MathJax.js?config=TeX-AMS_CHTML-full,Safe"
#: What decks load of each npm package; MathJax's other fonts and forms of output are ten times as much.
LOADED = {
    "reveal.js": ["dist/reset.css", "dist/reveal.css", "dist/reveal.js", "plugin/notes", "LICENSE"],
    "mathjax": [
        *("MathJax.js", "LICENSE", "config/TeX-AMS_CHTML-full.js", "config/Safe.js"),
        *("extensions", "jax/element", "jax/input/TeX", "jax/output/CommonHTML"),
        "fonts/HTML-CSS/TeX/woff",
    ],
}
FOOT = """
<script src="../../vendor/reveal.js/dist/reveal.js"></script>
<script src="../../vendor/reveal.js/plugin/notes/notes.js"></script>
<script src="../../vendor/deck.js"></script>
"""


def write_vendor(out: Path) -> None:
    """Put reveal.js, MathJax and the deck's own style and script into out/vendor."""
    packages = node_modules(SOURCES)
    vendor = out / "vendor"
    shutil.rmtree(vendor, ignore_errors=True)
    for package, names in LOADED.items():
        for name in names:
            source, target = packages / package / name, vendor / package / name
            target.parent.mkdir(parents=True, exist_ok=True)
            copy_it = shutil.copytree if source.is_dir() else shutil.copy
            copy_it(source, target)
    for name in ("deck.css", "deck.js"):
        shutil.copy(SOURCES / name, vendor / name)


def shown(notebook: NotebookNode) -> NotebookNode:
    """The notebook of a deck: cells that are on no slide are left out, slides begin where they did, and
    the lecturer's notes lie open in the speaker's view."""
    notebook = copy.deepcopy(notebook)
    cells, waiting = [], ""
    for cell in notebook.cells:
        kind = cell.metadata.get("slideshow", {}).get("slide_type", "")
        if is_left_out(cell):
            if kind in ("slide", "subslide") and waiting != "slide":
                waiting = kind
            continue
        if is_notes(cell):
            cell.source = unfolded(cell.source)
            cells.append(cell)
            continue
        if waiting and kind not in ("slide", "subslide"):
            cell.metadata.slideshow = NotebookNode(slide_type=waiting)
        waiting = "" if kind != "skip" else waiting
        cells.append(cell)
    notebook.cells = cells
    return notebook


def is_left_out(cell: NotebookNode) -> bool:
    """Whether a cell is on no slide: set-up, imports alone, checks, hints, solutions."""
    if NOT_SHOWN & {*cell.metadata.get("tags", [])}:
        return True
    if cell.cell_type != "code" or cell.outputs:
        return False
    return all(
        isinstance(node, ast.Import | ast.ImportFrom) for node in ast.parse(cell.source).body
    )


def deck(notebook: NotebookNode, language: str) -> str:
    """The page of a deck, which finds reveal.js and MathJax in ../../vendor."""
    config = Config()
    config.SlidesExporter.mathjax_url = MATHJAX
    config.SlidesExporter.exclude_input_prompt = config.SlidesExporter.exclude_output_prompt = True
    page, _ = SlidesExporter(config=config).from_notebook_node(shown(notebook))
    title = notebook.cells[0].source.splitlines()[0].lstrip("# ")
    page = re.sub(r"<title>.*?</title>", f"<title>{title}</title>", page, count=1, flags=re.DOTALL)
    page = re.sub(r"<html lang=\"[^\"]*\">", f'<html lang="{language}">', page, count=1)
    page = re.sub(r'<script src="https://[^"]+"></script>\s*', "", page)  # jQuery, RequireJS
    page = re.sub(r'<script type="module">.*?</script>', "", page, count=1, flags=re.DOTALL)
    page = re.sub(r'<link [^>]*"https://[^>]*>', "", page)
    page = re.sub(r"<script>\s*require\(.*?</script>", lambda _: FOOT, page, flags=re.DOTALL)
    links = "".join(
        f'<link rel="stylesheet" href="../../vendor/{name}">\n'
        for name in ("reveal.js/dist/reset.css", "reveal.js/dist/reveal.css", "deck.css")
    )
    page = page.replace("</head>", f"{links}</head>", 1)
    return page.replace('<body class="jp-Notebook"', '<body class="jp-Notebook measuring"', 1)


def write_decks(out: Path, lessons: list[str], languages: list[str]) -> list[Path]:
    """Write vendor and decks; returns the decks' pages."""
    write_vendor(out)
    written = []
    for lesson in chosen_lessons(lessons):
        for language in languages:
            notebook = nbformat.read(FOLDERS[language] / f"{lesson.stem}.ipynb", as_version=4)
            page = out / language / lesson.stem / "index.html"
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text(deck(notebook, language), encoding="utf-8")
            written.append(page)
    return written


def run(write: Callable[[Path, list[str], list[str]], list[Path]], out: Path, about: str) -> str:
    """Write what the command line asks for, into ``out``; returns how many of what are where."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("lessons", nargs="*", help="numbers or names; all if none is given")
    languages = [os.environ["COURSE_LANG"]] if os.environ.get("COURSE_LANG") else list(FOLDERS)
    try:
        written = write(out, parser.parse_args().lessons, languages)
    except LessonError as error:
        sys.exit(str(error))
    return f"{len(written)} {out.name} in {out}"


if __name__ == "__main__":
    print(f"{run(write_decks, OUT, __doc__)}; open index.html, S for the speaker's view")
