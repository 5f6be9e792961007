"""A committed notebook becomes the source of a page: nothing is executed, figures become files."""

import ast
import base64
import hashlib
import html
import io
import re
import struct
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path

from nbformat import NotebookNode, v4
from notes import is_notes

from course_utils.language import set_language
from website import claims, touch
from website.course import Lesson
from website.headings import Sections
from website.words import WORDS

_HINT = re.compile(r"exercises\.(\w+)\.hint\(\)")
_EXERCISES = re.compile(r"^from course_utils\.exercises import (\w+) as exercises$", re.MULTILINE)
_IMAGE = re.compile(r'<img alt="([^"]*)" src="data:image/png;base64,([^"]+)"[^>]*>')
_LINK = re.compile(r"\]\((?:\.\./|en/)?\d\d_(\w+)\.ipynb(?:#([^)\s]+))?\)")
_OTHER_EDITION = re.compile(r"^\[(?:中文版|English edition)\]\([^)]*\)\n+", re.MULTILINE)


class Staging:
    """Turns the notebooks of one edition into sources; ``figures`` is shared by both editions."""

    def __init__(self, edition: str, sections: dict[str, Sections], figures: Path) -> None:
        self.edition, self.sections, self.figures = edition, sections, figures
        self.words = WORDS[edition]

    def page(
        self, lesson: Lesson, notebook: NotebookNode, facts: str, end: str = ""
    ) -> NotebookNode:
        """The source of a lesson's page; HTML below its title (``facts``) and at its end."""
        code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
        imported = _EXERCISES.search(code)
        module = imported[1] if imported else lesson.name
        cells = []
        for cell in notebook.cells:
            if is_notes(cell):
                continue
            tags = cell.metadata.get("tags", [])
            if cell.cell_type == "markdown":
                cells.append(v4.new_markdown_cell(self.prose(cell.source)))
            elif "hint" in tags:
                cells.append(v4.new_markdown_cell(self.hint(module, cell.source)))
            else:
                cells.append(self.code(cell, tags, lesson.name))
        if end:
            cells.append(v4.new_markdown_cell(f'<p class="test-yourself">{end}</p>'))
        title, _, rest = _OTHER_EDITION.sub("", cells[0].source).partition("\n")
        cells[0].source = f"{title}\n\n{facts}\n\n{rest.lstrip()}"
        for number, cell in enumerate(cells):
            cell.id = f"{lesson.name}-{number}"
        return v4.new_notebook(cells=cells, metadata=notebook.metadata)

    def prose(self, source: str) -> str:
        """Markdown whose links lead to the website's pages, and whose claims have anchors."""
        return self.links(claims.with_anchors(source))

    def links(self, source: str) -> str:
        """Markdown with each link to a notebook, or to a section of one, made one to its page."""

        def page(match: re.Match) -> str:
            name, fragment = match.groups()
            anchor = f"#{self.sections[name].anchor(fragment)}" if fragment else ""
            return f"]({name}.html{anchor})"

        return _LINK.sub(page, source)

    def hint(self, module: str, source: str) -> str:
        """The hint that a cell would print, folded; ``module``: of course_utils.exercises."""
        found = _HINT.search(source)
        if found is None:
            raise ValueError(f"{module}: a cell with the tag hint prints none: {source}")
        exercises = import_module(f"course_utils.exercises.{module}")
        set_language(self.edition)
        with redirect_stdout(io.StringIO()) as printed:
            getattr(exercises, found[1]).hint()
        name = f"{self.words['hint']} · {found[1]}"
        lines = html.escape(printed.getvalue().strip(), quote=False).splitlines()
        text = "<br>".join(re.sub(r"`([^`]+)`", r"<code>\1</code>", line) for line in lines if line)
        return f'<details class="hint fold"><summary>{name}</summary><p>{text}</p></details>'

    def code(self, cell: NotebookNode, tags: list[str], lesson: str) -> NotebookNode:
        """A code cell with its outputs; a solution, the set-up and the imports are folded."""
        new = v4.new_code_cell(cell.source, outputs=[self.output(o) for o in cell.outputs])
        for output in new.outputs:
            shown = output.get("data", {})
            if shown.get("text/html", "").startswith("<img"):
                moved = touch.with_slider(cell.source, lesson, shown["text/html"], self.edition)
                shown["text/html"] = moved
        kind = next((tag for tag in ("solution", "setup") if tag in tags), None)
        if kind is None and only_imports(cell.source):
            kind = "imports"
        if kind is not None:
            new.metadata["tags"] = [kind, "hide-input"]
            new.metadata["mystnb"] = {
                "code_prompt_show": self.words[f"{kind}_show"],
                "code_prompt_hide": self.words[f"{kind}_hide"],
            }
        return new

    def output(self, output: NotebookNode) -> NotebookNode:
        """What a cell put out, with figures in files and tables that scroll."""
        data = output.get("data", {})
        if "text/markdown" in data:
            data["text/markdown"] = self.links(data["text/markdown"])
            data = output["data"] = {"text/markdown": data["text/markdown"]}
        if "text/html" in data:
            text = _IMAGE.sub(self.figure, data["text/html"])
            if "data:image" in text:
                raise ValueError(f"a figure without alternative text: {text[:80]}")
            if "<table" in text:
                text = f'<div class="table-scroll scrolls">{table(text)}</div>'
            output["data"] = {"text/html": text}
        return output

    def figure(self, match: re.Match) -> str:
        """An embedded figure as a file, named by its content."""
        png = base64.b64decode(match[2])
        width, height = struct.unpack(">II", png[16:24])
        name = hashlib.sha256(png).hexdigest()[:16] + ".png"
        write(self.figures / name, png)
        return (
            f'<img alt="{match[1]}" src="../../figures/{name}" width="{width}" height="{height}"'
            ' loading="lazy" decoding="async" class="lesson-figure">'
        )


def only_imports(source: str) -> bool:
    """Whether a cell does nothing but import."""
    statements = ast.parse(source).body
    return bool(statements) and all(isinstance(s, ast.Import | ast.ImportFrom) for s in statements)


def table(text: str) -> str:
    """A table of pandas for the theme's rules, in the dark too: no style of its own, no empty heads."""
    text = re.sub(r"<style scoped>.*?</style>", "", text, flags=re.DOTALL)
    text = re.sub(r"<th([^>]*)>(?:&nbsp;|\s)*</th>", r"<td\1></td>", text)
    return text.replace(' border="1"', "").replace(' style="text-align: right;"', "")


def write(path: Path, content: str | bytes) -> None:
    """Write a file if it has another content, so that Sphinx reads anew only what changed."""
    content = content.encode("utf-8") if isinstance(content, str) else content
    if not path.is_file() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
