"""The claims of a lesson: their sentences, and how often each held when the lesson was repeated."""

import re
from dataclasses import dataclass

from nbformat import NotebookNode

from course_utils.notebook.replications import read_record, times

CLAIM = re.compile(r"\*\*(?:Claim|主張) (\d+)\*\*")


@dataclass(frozen=True)
class Claim:
    """One claim; ``held`` of ``blocks`` repetitions, ``blocks`` 0 if there is no record."""

    number: int
    sentence: str
    held: int
    blocks: int


def read_claims(lesson: str, notebook: NotebookNode) -> list[Claim]:
    """The claims of a lesson's notebook, in order."""
    entry = read_record().get(lesson, {})
    claims = []
    for cell in notebook.cells:
        if cell.cell_type != "markdown":
            continue
        for paragraph in re.split(r"\n\s*\n|\n(?=[-*] )", cell.source):
            found = list(CLAIM.finditer(paragraph))
            starts = [match.start() for match in found] + [len(paragraph)]
            for match, end in zip(found, starts[1:], strict=True):
                number = int(match[1])
                held, blocks = times(entry, number, "full") or (0, 0)
                claims.append(Claim(number, paragraph[match.end() : end].strip(), held, blocks))
    return claims


def with_anchors(source: str) -> str:
    """Markdown whose claims can be linked to, as ``#claim-3``."""
    return CLAIM.sub(lambda m: f'<span id="claim-{m[1]}"></span>{m[0]}', source)
