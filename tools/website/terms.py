"""The glossary in a lesson: where a term stands first, its other name and its symbol are at hand."""

import html
import re
from collections.abc import Iterator, Sequence

from docutils import nodes
from sphinx.application import Sphinx

from website.claims import CLAIM
from website.course import ROOT
from website.pages import read_glossary, term_anchor

_NOT_IN = (nodes.reference, nodes.literal, nodes.title, nodes.raw, nodes.math, nodes.literal_block)
_CODE = re.compile(
    r"```.*?```|`[^`]*`|\$\$.*?\$\$|\$[^$]*\$|\]\([^)]*\)|^#.*?$", re.DOTALL | re.MULTILINE
)


class Terms:
    """The terms that a text of one edition may use; rows with a list of words have none."""

    def __init__(self, glossary: Sequence[Sequence[str]], edition: str) -> None:
        self.rows: dict[str, Sequence[str]] = {}
        own = 0 if edition == "en" else 1
        for row in glossary:
            word = re.sub(r" \(.*\)", "", row[own])
            says_something = row[0].lower() != row[1].lower()
            # one character is a part of other words
            if says_something and len(word) > 1 and not re.search(r"[,、]|或", row[own]):
                self.rows[word.lower()] = row
        longest_first = sorted(self.rows, key=len, reverse=True)
        words = "|".join(re.escape(word).replace(r"\ ", r"\s+") for word in longest_first)
        ends = (r"\b(?P<term>", r")(?:s|es)?\b") if edition == "en" else ("(?P<term>", ")")
        self._pattern = re.compile(ends[0] + words + ends[1], re.IGNORECASE)
        self._other = 1 - own

    def find(self, text: str) -> Iterator[tuple[re.Match, Sequence[str]]]:
        """Each use of a term, with its row of the glossary."""
        for match in self._pattern.finditer(text):
            yield match, self.rows[re.sub(r"\s+", " ", match["term"]).lower()]

    def used(self, source: str) -> set[str]:
        """The English names of the terms that the prose of a Markdown text uses."""
        return {row[0] for _, row in self.find(_CODE.sub(" ", source))}

    def note(self, row: Sequence[str]) -> str:
        """What is shown beside a term: its name in the other language, symbol, name in code."""
        return " · ".join(
            part.replace("`", "") for part in (row[self._other], row[2], row[3]) if part
        )


def _mark(app: Sphinx, doctree: nodes.document) -> None:
    """Make the first use of each term in a lesson a link to the glossary."""
    if not app.env.docname.startswith("lessons/"):
        return
    terms: Terms = app.config.course_terms
    seen: set[str] = set()
    for text in list(doctree.findall(nodes.Text)):
        ancestor = text.parent
        while ancestor is not None and not isinstance(ancestor, _NOT_IN):
            ancestor = ancestor.parent
        if ancestor is not None or CLAIM.fullmatch(f"**{text.astext()}**"):
            continue
        parts: list[nodes.Node] = []
        done = 0
        for match, row in terms.find(text.astext()):
            if row[0] in seen:
                continue
            seen.add(row[0])
            before = text.astext()[done : match.start()]
            parts += [nodes.Text(before)] if before else []
            link = (
                f'<a class="term" href="../glossary.html#{term_anchor(row[0])}" '
                f'data-note="{html.escape(terms.note(row))}">{html.escape(match[0])}</a>'
            )
            parts.append(nodes.raw("", link, format="html", search=match[0]))
            done = match.end()
        if parts:
            rest = text.astext()[done:]
            text.parent.replace(text, parts + ([nodes.Text(rest)] if rest else []))


def setup(app: Sphinx) -> dict[str, bool]:
    """As Sphinx asks of an extension."""
    terms = Terms(read_glossary(ROOT), app.config.course_edition)
    app.add_config_value("course_terms", terms, "")
    app.connect("doctree-read", _mark, priority=700)
    return {"parallel_read_safe": True}
