"""Sections have the same anchors in both editions: those of their English headings."""

import re
from collections import Counter
from urllib.parse import unquote

from nbformat import NotebookNode

_FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)


def headings(notebook: NotebookNode) -> list[str]:
    """All headings in order, as they are written."""
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    return [found for text in texts for found in _HEADING.findall(_FENCED.sub("", text))]


def anchors(english: list[str]) -> list[str]:
    """An anchor for each heading, all different.

    >>> anchors(["01  Start", "What a *claim* is", "Why?", "Why?"])
    ['start', 'what-a-claim-is', 'why', 'why-2']
    """
    taken: Counter[str] = Counter()
    found = []
    for heading in english:
        plain = re.sub(r"\$[^$]*\$", "", heading)
        slug = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")
        slug = re.sub(r"^\d\d-(?=[a-z])", "", slug)  # the number of the lesson in its title
        slug = slug if slug[:1].isalpha() else f"section-{slug}".rstrip("-")
        taken[slug] += 1
        found.append(slug if taken[slug] == 1 else f"{slug}-{taken[slug]}")
    return found


def as_jupyter_links(heading: str) -> str:
    """What follows # in a link to a heading within Jupyter, decoded."""
    return re.sub(r"[*`]", "", heading).replace(" ", "-")


class Sections:
    """The sections of one lesson: its anchors, and which one a link in a notebook means."""

    def __init__(self, name: str, editions: dict[str, NotebookNode]) -> None:
        written = {edition: headings(notebook) for edition, notebook in editions.items()}
        counts = {edition: len(found) for edition, found in written.items()}
        if len({*counts.values()}) != 1:
            raise ValueError(f"{name}: the editions have different numbers of headings: {counts}")
        self.anchors = anchors(written["en"])
        self._written = written
        self._by_link = {
            as_jupyter_links(heading): anchor
            for found in written.values()
            for heading, anchor in zip(found, self.anchors, strict=True)
        }

    def of_english(self, heading: str) -> str:
        """The anchor of a section by its English heading; that of the title for ""."""
        return self.anchors[self._written["en"].index(heading) if heading else 0]

    def heading(self, anchor: str, edition: str) -> str:
        """The heading that has an anchor, as an edition writes it."""
        return self._written[edition][self.anchors.index(anchor)]

    def anchor(self, fragment: str) -> str:
        """The anchor that ``#fragment`` in a notebook's link means; raises KeyError if none."""
        return self._by_link[unquote(fragment)]
