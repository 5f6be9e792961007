"""`make site`: the course as a website, `build/site/`, from the committed notebooks; nothing is executed.

Needs node and npm beside what `make test` needs: KaTeX sets the mathematics while the site is built.
"""

import argparse
import gzip
import hashlib
import json
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import nbformat
from node_packages import environment, node_modules
from notes import is_notes, read_questions
from references import CATALOGUE, LessonError
from website import pages, source_pages, touch
from website import questions as question_pages
from website.claims import read_claims
from website.course import (
    EDITIONS,
    FOLDERS,
    ROOT,
    Lesson,
    launchers,
    public_repository,
    read_course,
)
from website.extension import mended
from website.headings import Sections
from website.notebooks import Staging, write
from website.terms import Terms
from website.words import WORDS

SOURCE = ROOT / "site"
BUILD = ROOT / "build"
#: What a page of a lesson may weigh, compressed, without its figures.
MAX_BYTES = 120_000


def take_along(lesson: Lesson, edition: str, repository: str) -> dict[str, str]:
    """Words -> address of what belongs to a lesson, seen from its page; only what is there."""
    words, up = WORDS[edition], "../../"
    notebook = f"{FOLDERS[edition]}/{lesson.file}.ipynb"
    files = {words["download"]: up + notebook}
    if (BUILD / "slides" / edition / lesson.file / "index.html").is_file():
        files[words["slides"]] = f"{up}slides/{edition}/{lesson.file}/index.html"
    if (BUILD / "handouts" / edition / f"{lesson.file}.pdf").is_file():
        files[words["handout"]] = f"{up}handouts/{edition}/{lesson.file}.pdf"
    if lesson.name == "optimizers":
        files[words["bowl"]["title"]] = "../bowl.html"
    return files | launchers(repository, notebook)


def stage(sources: Path) -> None:
    """Write the sources of both editions below ``sources``, and the figures they share."""
    lessons = read_course(ROOT)
    notebooks = {
        lesson.name: {
            edition: nbformat.read(ROOT / FOLDERS[edition] / f"{lesson.file}.ipynb", as_version=4)
            for edition in EDITIONS
        }
        for lesson in lessons
    }
    sections = {name: Sections(name, editions) for name, editions in notebooks.items()}
    glossary, modules = pages.read_glossary(ROOT), pages.modules(ROOT)
    repository = public_repository(ROOT)
    asked = {
        lesson.name: read_questions(ROOT / "lessons" / f"{lesson.file}.py")[0] for lesson in lessons
    }
    anchors = {lesson.page: sections[lesson.name].anchors for lesson in lessons}
    for edition in EDITIONS:
        staging = Staging(edition, sections, sources / "figures")
        terms = Terms(glossary, edition)
        claims, first, written = {}, {}, {}
        for lesson in lessons:
            notebook = notebooks[lesson.name][edition]
            claims[lesson.name] = read_claims(lesson.name, notebook)
            for cell in notebook.cells:
                if cell.cell_type == "markdown" and not is_notes(cell):
                    for term in terms.used(cell.source):
                        first.setdefault(term, lesson)
            files = take_along(lesson, edition, repository)
            questions, places = asked[lesson.name], sections[lesson.name]
            test = question_pages.link(lesson, questions, edition)
            facts = pages.facts(lesson, claims[lesson.name], edition, files, test)
            page = staging.page(lesson, notebook, facts, test)
            if questions:
                name = question_pages.page_name(lesson)
                written[f"{name}.md"] = question_pages.page(lesson, questions, edition, places)
                anchors[name] = question_pages.anchors(questions, places)
            written[f"{lesson.page}.ipynb"] = nbformat.writes(page)
        home = pages.home(ROOT, lessons, edition)
        written["index.md"] = with_pictures(home, sources / "figures")
        [optimizers] = [lesson for lesson in lessons if lesson.name == "optimizers"]
        written["bowl.md"] = touch.bowl_page(edition, optimizers)
        written["claims.md"] = pages.claims_page(lessons, claims, edition)
        written["glossary.md"] = pages.glossary_page(glossary, edition, first)
        for name, text in pages.reference(ROOT, modules, edition).items():
            written[f"api/{name}"] = text
        with_claims = [lesson.name for lesson in lessons if claims[lesson.name]]
        others = {"index": ["course", "lessons"], "claims": ["claims", *with_claims]}
        others |= {"bowl": ["bowl", "predict-then-try"]}
        others |= {"glossary": ["glossary"], "api/index": ["reference"]}
        written["anchors.json"] = json.dumps(anchors | others)
        for name, text in written.items():
            write(sources / edition / name, text)
        for path in (sources / edition).rglob("*.*"):
            if path.relative_to(sources / edition).as_posix() not in written:
                path.unlink()


def with_pictures(text: str, figures: Path) -> str:
    """The README's Markdown with its pictures as HTML, their files beside the figures."""

    def picture(match: re.Match) -> str:
        alt, path = match.groups()
        png = (ROOT / path).read_bytes()
        width, height = struct.unpack(">II", png[16:24])
        write(figures / Path(path).name, png)
        return (
            f'<img class="lesson-figure" alt="{alt}" src="../figures/{Path(path).name}" '
            f'width="{width}" height="{height}">'
        )

    return re.sub(r"!\[([^\]]*)\]\(([^)]*\.png)\)", picture, text)


def forget_if_changed(sources: Path) -> None:
    """Remove what Sphinx keeps from one time to the next if it was made by other programs than these."""
    parts = [SOURCE / "conf.py", *sorted((ROOT / "tools" / "website").glob("*.py"))]
    parts.append(ROOT / "requirements-dev.txt")
    sums = "".join(hashlib.sha256(part.read_bytes()).hexdigest() for part in parts)
    stamp = sources / "made-by.txt"
    if not stamp.is_file() or stamp.read_text() != sums:
        for name in ("doctrees", "html"):
            shutil.rmtree(sources / name, ignore_errors=True)
        stamp.write_text(sums)


def run_sphinx(sources: Path, modules: Path) -> None:
    """Both editions at once, a process each; ends with a sentence if one fails or warns."""
    running = {}
    forget_if_changed(sources)
    for edition in EDITIONS:
        command = [sys.executable, "-m", "sphinx", "-q", "-b", "html", "-c", str(SOURCE)]
        command += ["-W", "--keep-going", "-d", str(sources / "doctrees" / edition)]
        command += [str(sources / edition), str(sources / "html" / edition)]
        settings = {
            **environment(),
            "SITE_EDITION": edition,
            "SITE_NODE_MODULES": str(modules),
            "OMP_NUM_THREADS": "1",
            "PYTHONHASHSEED": "0",
        }
        running[edition] = subprocess.Popen(command, env=settings)
    failed = [edition for edition, process in running.items() if process.wait() != 0]
    if failed:
        sys.exit(f"Sphinx did not finish {' and '.join(failed)}, or warned; see above.")


def assemble(sources: Path, modules: Path, target: Path) -> None:
    """Put the website together in ``target``, which takes its place at once."""
    parent = target.parent
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=parent, prefix=".site-") as folder:
        new = Path(folder) / "site"
        ignored = shutil.ignore_patterns(
            "_sources", ".buildinfo", "objects.inv", "jupyter_execute", "*.map", ".doctrees",
            "doctools.js", "sphinx_highlight.js", "documentation_options.js", "translations.js",
            "language_data.js", "searchtools.js", "*.LICENSE.txt", "file.png", "minus.png", "plus.png",
            "debug.css", "skeleton.css", "furo-extensions.js", "base-stemmer.js", "*-stemmer.js",
        )  # fmt: skip
        for edition in EDITIONS:
            shutil.copytree(sources / "html" / edition, new / edition, ignore=ignored)
            for page in (new / edition).rglob("*.html"):
                text = page.read_text(encoding="utf-8")
                page.write_text(mended(text, edition), encoding="utf-8")
            folder_of_notebooks = new / FOLDERS[edition]
            folder_of_notebooks.mkdir(parents=True, exist_ok=True)
            for path in (ROOT / FOLDERS[edition]).glob("[0-9][0-9]_*.ipynb"):
                shutil.copy(path, folder_of_notebooks)
        shutil.copytree(sources / "figures", new / "figures")
        for place, strip in touch.files().items():
            (new / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(strip, new / place)
        for module in pages.modules(ROOT):
            write(new / "source" / f"{module}.html", source_pages.page(module))
        write(new / "source" / "source.css", source_pages.style_sheet())
        for kind in ("slides", "handouts"):
            if (BUILD / kind).is_dir():
                shutil.copytree(BUILD / kind, new / kind)
        katex = modules / "katex" / "dist"
        (new / "katex" / "fonts").mkdir(parents=True)
        css = (katex / "katex.min.css").read_text(encoding="utf-8")
        css = re.sub(r",url\(fonts/[^)]*\.(?:woff|ttf)\) format\(\"[a-z]+\"\)", "", css)
        (new / "katex" / "katex.min.css").write_text(css, encoding="utf-8")
        for font in (katex / "fonts").glob("*.woff2"):
            shutil.copy(font, new / "katex" / "fonts")
        shutil.copy(SOURCE / "index.html", new)
        (new / ".nojekyll").touch()  # or GitHub's pages would leave out _static
        if target.exists():
            target.rename(Path(folder) / "old")
        new.rename(target)


def weights(site: Path) -> dict[str, int]:
    """Page -> bytes of a lesson's HTML, styles and scripts, compressed, without figures and fonts."""
    found = {}
    for edition in EDITIONS:
        for page in sorted((site / edition / "lessons").glob("*.html")):
            text = page.read_text(encoding="utf-8")
            parts = re.findall(
                r'<(?:link rel="stylesheet"|script)[^>]*(?:href|src)="([^"?]+)', text
            )
            files = {(page.parent / part).resolve() for part in parts} | {page}
            total = sum(len(gzip.compress(path.read_bytes(), 6)) for path in files)
            found[page.relative_to(site).as_posix()] = total
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=BUILD / "site", help="where it goes")
    out = parser.parse_args(arguments).out
    started = time.perf_counter()
    try:
        modules = node_modules(SOURCE)
    except LessonError as error:
        sys.exit(str(error))
    sources = BUILD / "site-sources"
    stage(sources)
    run_sphinx(sources, modules)
    assemble(sources, modules, out)
    sizes = weights(out)
    heaviest = max(sizes, key=sizes.get)
    num_pages = sum(1 for _ in out.rglob("*.html"))
    total = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    print(
        f"{out}: {num_pages} pages, {total / 1e6:.0f} MB, in {time.perf_counter() - started:.0f} s. The "
        f"heaviest lesson is {heaviest}, {sizes[heaviest] / 1000:.0f} of {MAX_BYTES / 1000:.0f} kB "
        "compressed, without figures."
    )
    if sizes[heaviest] > MAX_BYTES:
        sys.exit(
            f"{heaviest} is heavier than {MAX_BYTES / 1000:.0f} kB: {CATALOGUE} names a lesson too long."
        )


if __name__ == "__main__":
    main()
