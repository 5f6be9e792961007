"""What the website changes in Sphinx's pages: anchors, the bar on top, names for those who listen."""

import json
import os
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from website.words import THEME_WORDS, WORDS


def _set_anchors(app: Sphinx, doctree: nodes.document) -> None:
    """Give the sections of a page the anchors that both editions share; before the contents are read."""
    anchors = app.config.course_anchors.get(app.env.docname)
    if anchors is None:
        return
    for section, anchor in zip(doctree.findall(nodes.section), anchors, strict=True):
        section["ids"] = [anchor]


def _set_context(app: Sphinx, page: str, template: str, context: dict, doctree: Any) -> None:
    edition = app.config.course_edition
    context["words"] = WORDS[edition]
    context["edition"] = edition
    context["other_edition"] = "zh-TW" if edition == "en" else "en"
    context["in_english"] = page.startswith("api/") and page != "api/index"
    context["script_files"] = [
        script
        for script in context["script_files"]
        if not str(getattr(script, "filename", script)).endswith(
            ("doctools.js", "sphinx_highlight.js", "documentation_options.js", "translations.js")
        )
    ]


def mended(text: str, edition: str) -> str:
    """A page of the theme with what it lacks: names of landmarks and folds, words in Chinese."""
    words = WORDS[edition]
    text = text.replace('<summary aria-label="Toggle hidden content">', "<summary>")
    text = text.replace('role="heading"', 'role="heading" aria-level="2"')
    text = text.replace(
        '<aside class="sidebar-drawer">',
        f'<aside class="sidebar-drawer" aria-label="{words["contents"]}">',
    )
    text = re.sub(
        r'<aside class="(toc-drawer[^"]*)">',
        rf'<aside class="\1" aria-label="{words["on_this_page"]}">',
        text,
    )
    text = re.sub(
        r'(<span class="toc-title">)\s*On this page\s*<', rf"\g<1>{words['on_this_page']}<", text
    )
    text = re.sub(r' data-content_root="[^"]*"', "", text)
    if edition != "en":
        for english, chinese in THEME_WORDS:
            text = text.replace(english, chinese)
    return text


def _markdown_tables(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list
) -> None:
    """Show a Markdown table in a docstring as it is written."""
    shown = []
    for before, line in zip(["", *lines], lines, strict=False):
        if line.startswith("|"):
            shown += ["::", ""] if not before.startswith("|") else []
            line = f"   {line}"
        shown.append(line)
    lines[:] = shown


def _is_another_librarys(
    app: Sphinx, what: str, name: str, obj: Any, skip: bool, options: Any
) -> bool | None:
    """Leave out the methods that scikit-learn adds to its estimators: they are described there."""
    return True if re.fullmatch(r"set_\w+_request", name) else None


def setup(app: Sphinx) -> dict[str, bool]:
    """As Sphinx asks of an extension."""
    app.add_config_value("course_edition", os.environ["SITE_EDITION"], "env")
    anchors = json.loads((Path(app.srcdir) / "anchors.json").read_text(encoding="utf-8"))
    app.add_config_value("course_anchors", anchors, "env")
    app.connect("doctree-read", _set_anchors, priority=100)
    app.connect("html-page-context", _set_context, priority=900)
    app.connect("autodoc-process-docstring", _markdown_tables)
    app.connect("autodoc-skip-member", _is_another_librarys)
    app.connect("builder-inited", lambda app: setattr(app.builder, "search", False))
    return {"parallel_read_safe": True}
