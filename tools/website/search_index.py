"""What the search looks through: every section of the lessons, every name of the reference, every term.

The search itself (site/static/search.js) reads the texts as they are, so that Chinese is found by any
run of its characters, and code by any part of a name; nothing is fetched, for pages opened as files
may not fetch.
"""

import json
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

#: What a page is, by which the search weighs it.
LESSON, GLOSSARY, REFERENCE, OTHER = range(4)
_SKIPPED = (nodes.math, nodes.math_block, nodes.comment, nodes.system_message, addnodes.toctree)


def kind(page: str) -> int:
    """LESSON, GLOSSARY, REFERENCE or OTHER."""
    return {"lessons": LESSON, "glossary": GLOSSARY, "api": REFERENCE}.get(
        page.split("/")[0], OTHER
    )


def _text(node: nodes.Node, without: tuple[type, ...] = ()) -> str:
    """The text of a node, but for those below it that are listed on their own."""
    parts: list[str] = []

    def walk(child: nodes.Node) -> None:
        if isinstance(child, (*_SKIPPED, *without)):
            return
        if isinstance(child, nodes.raw):
            parts.append(child.get("search", ""))
            return
        if isinstance(child, nodes.Text):
            parts.append(child.astext())
        for below in child.children:
            walk(below)
        if isinstance(child, nodes.TextElement) and not isinstance(child, nodes.Inline):
            parts.append("\n")

    for child in node.children:
        walk(child)
    return re.sub(r"\s+", " ", "".join(parts)).strip()


def entries(page: str, doctree: nodes.document) -> list[list[Any]]:
    """[anchor, title, text] of every part of a page."""
    found = []
    for section in doctree.findall(nodes.section):
        title = section.next_node(nodes.title)
        text = _text(section, (nodes.section, nodes.title, addnodes.desc, nodes.table))
        found.append([section["ids"][0], title.astext() if title else "", text])
        for table in section.findall(nodes.table):
            if table.parent is section and kind(page) in (LESSON, OTHER):
                found[-1][2] += " " + _text(table)
    for desc in doctree.findall(addnodes.desc):
        signature = desc.next_node(addnodes.desc_signature)
        if signature is not None and signature["ids"]:
            name = signature["fullname"]
            found.append([signature["ids"][0], name, _text(desc, (addnodes.desc,))])
    if kind(page) == GLOSSARY:
        for row in list(doctree.findall(nodes.row))[1:]:
            cells = [_text(cell) for cell in row.findall(nodes.entry)]
            anchor = re.search(r'id="([^"]+)"', row.next_node(nodes.raw).astext())
            found.append([anchor[1], f"{cells[0]} · {cells[1]}", " ".join(cells[2:4])])
    return found


def _collect(app: Sphinx, doctree: nodes.document) -> None:
    texts = app.env.course_search = getattr(app.env, "course_search", {})
    # the sentences of the claims stand in the lessons; a question's answer is not to be met by chance
    if app.env.docname != "claims" and not app.env.docname.startswith("questions/"):
        texts[app.env.docname] = entries(app.env.docname, doctree)


def _purge(app: Sphinx, env: Any, page: str) -> None:
    getattr(env, "course_search", {}).pop(page, None)


def _write(app: Sphinx, error: Exception | None) -> None:
    if error is not None:
        return
    texts = getattr(app.env, "course_search", {})
    pages = [
        [page, kind(page), app.env.titles[page].astext(), texts[page]]
        for page in [*_in_order(app), *sorted(texts)]
        if page in texts
    ]
    unique = {page[0]: page for page in pages}
    content = json.dumps([*unique.values()], ensure_ascii=False, separators=(",", ":"))
    target = Path(app.outdir) / "search-index.js"
    target.write_text(f"window.courseIndex = {content};\n", encoding="utf-8")


def _in_order(app: Sphinx) -> list[str]:
    return [name for name in app.env.toctree_includes.get("index", [])]


def setup(app: Sphinx) -> dict[str, bool]:
    """As Sphinx asks of an extension."""
    app.connect("doctree-read", _collect, priority=800)
    app.connect("env-purge-doc", _purge)
    app.connect("build-finished", _write)
    return {"parallel_read_safe": False}
