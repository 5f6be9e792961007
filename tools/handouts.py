"""`make handouts [LESSON=NN]`: each lesson as a tagged PDF on A4, with and without solutions.

Writes build/handouts/{zh-TW,en}/NN_name.pdf and NN_name_solutions.pdf, printed by an installed Chromium
from the notebook with its stored outputs; no request leaves the machine.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
import slides
from build import FOLDERS, ROOT, chosen_lessons
from nbconvert import HTMLExporter
from nbformat import NotebookNode
from notes import is_notes
from playwright.sync_api import Browser, sync_playwright
from references import LessonError
from traitlets.config import Config

OUT = ROOT / "build" / "handouts"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome", "msedge")
HTML_LANGUAGE = {"zh-TW": "zh-Hant-TW", "en": "en"}
STYLE = """<style>
@page { size: A4; margin: 16mm 14mm; }
:root { --jp-content-font-size1: 13px; --jp-code-font-size: 11px; --jp-cell-prompt-width: 0px;
  --jp-mirror-editor-operator-color: #7a00b8; --jp-mirror-editor-number-color: #006400;
  --jp-mirror-editor-comment-color: #2d6363;
  --jp-content-font-family: "Noto Sans CJK TC", "Noto Sans TC", "PingFang TC", "Microsoft JhengHei", sans-serif; }
body { padding: 0 !important; }
.jp-InputPrompt, .jp-OutputPrompt, .jp-Collapser, .anchor-link { display: none !important; }
h1, h2, h3 { break-after: avoid; }
.jp-OutputArea-output, .jp-OutputArea img, table, pre { break-inside: avoid; }
.jp-Cell img { max-width: 100%; height: auto; }
pre { white-space: pre-wrap !important; overflow-wrap: anywhere; }
table { font-size: 11px !important; }
</style>"""


def page_of(notebook: NotebookNode, language: str, vendor: str, *, with_solutions: bool) -> str:
    """The lesson as one page of HTML; vendor: the address of the folder that holds MathJax."""
    config = Config()
    address = f"{vendor}/mathjax/MathJax.js?config=TeX-AMS_CHTML-full,Safe"
    config.HTMLExporter.mathjax_url = address
    config.TagRemovePreprocessor.enabled = True
    hidden = {"hint", "check"} | (set() if with_solutions else {"solution"})
    config.TagRemovePreprocessor.remove_cell_tags = hidden
    printed = NotebookNode(notebook | {"cells": [c for c in notebook.cells if not is_notes(c)]})
    page, _ = HTMLExporter(config=config).from_notebook_node(printed)
    title = notebook.cells[0].source.splitlines()[0].lstrip("# ")
    page = re.sub(r"<title>.*?</title>", f"<title>{title}</title>", page, count=1, flags=re.DOTALL)
    page = re.sub(r'<html lang="[^"]*"', f'<html lang="{HTML_LANGUAGE[language]}"', page, count=1)
    page = re.sub(r'<script src="https://[^"]+"></script>', "", page)
    page = re.sub(r'<script type="module">.*?</script>', "", page, count=1, flags=re.DOTALL)
    return page.replace("</head>", f"{STYLE}</head>", 1)


@contextmanager
def chromium() -> Iterator[Browser]:
    """An installed Chromium. Raises LessonError where there is none."""
    path = os.environ.get("COURSE_CHROMIUM") or next(
        filter(None, map(shutil.which, BROWSERS)), None
    )
    if path is None:
        raise LessonError("handouts are printed by Chromium: install it, or set COURSE_CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


def print_page(browser: Browser, html: Path, pdf: Path) -> None:
    """Print a page, once its formulas are set and its pictures are there."""
    page = browser.new_page()
    page.route(lambda url: not url.startswith(("file:", "data:")), lambda route: route.abort())
    page.goto(html.resolve().as_uri(), timeout=120_000)
    page.evaluate("() => new Promise(done => MathJax.Hub.Queue(done))")
    pdf.parent.mkdir(parents=True, exist_ok=True)
    page.pdf(
        path=pdf, prefer_css_page_size=True, print_background=True, tagged=True, outline=True,
        display_header_footer=True, header_template="<span></span>",
        footer_template='<div style="width:100%;text-align:center;font-size:9px">'
        '<span class="pageNumber"></span> / <span class="totalPages"></span></div>',
    )  # fmt: skip
    page.close()


def write_handouts(out: Path, lessons: list[str], languages: list[str]) -> list[Path]:
    """Print lessons; returns the PDFs. Raises LessonError."""
    written = []
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        slides.write_vendor(Path(folder))
        for lesson in chosen_lessons(lessons):
            for language in languages:
                notebook = nbformat.read(FOLDERS[language] / f"{lesson.stem}.ipynb", as_version=4)
                for ending in ("", "_solutions"):
                    page = page_of(notebook, language, "vendor", with_solutions=bool(ending))
                    html = Path(folder, "page.html")
                    html.write_text(page, encoding="utf-8")
                    written.append(out / language / f"{lesson.stem}{ending}.pdf")
                    print_page(browser, html, written[-1])
    return written


if __name__ == "__main__":
    print(slides.run(write_handouts, OUT, __doc__))
