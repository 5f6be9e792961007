"""The course's English prose as one text: `python tools/prose.py` writes course_utils/numpy_track/prose.txt.

The lesson numpy_lstm trains a net on it that writes. The file holds the sentences of the day on which it
was made: were it renewed with every mended sentence, that lesson would have other results each time. A
test asks for a new one when too few of its sentences still stand in the lessons; then the lesson is to be
built again.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import jupytext
from references import read_lessons

from course_utils.numpy_track.text import PROSE
from course_utils.unfinished_files import written_whole

ROOT = Path(__file__).resolve().parent.parent
#: A sentence with any other character (formulas, code, Greek) is left out.
PLAIN = re.compile(r"[A-Za-z0-9 .,;:?!'()%/-]{20,}")
SENTENCE_END = re.compile(r"(?<=[.?!:;]) (?=[A-Z])")
OTHERWISE = str.maketrans({"’": "'", "–": "-", '"': "'", "“": "'", "”": "'", "*": None})


def prose_of(folder: Path) -> list[list[str]]:
    """The plain sentences of all lessons in their order, by paragraph; none comes twice."""
    seen: set[str] = set()
    found = []
    for paragraph in _paragraphs(folder):
        sentences = SENTENCE_END.split(" ".join(paragraph.translate(OTHERWISE).split()))
        new = [s for s in dict.fromkeys(sentences) if PLAIN.fullmatch(s) and s not in seen]
        seen.update(new)
        if new:
            found.append(new)
    return found


def _paragraphs(folder: Path) -> Iterator[str]:
    """Of the English cells that students read: no headings, tables, notes and lists of sources."""
    for lesson in read_lessons(folder).values():
        for cell in jupytext.read(lesson.path).cells:
            slide = cell.metadata.get("slideshow", {}).get("slide_type")
            if cell.metadata.get("lang") == "en" and cell.cell_type == "markdown":
                text = re.sub(r"^(- |\d\. |\*\*Claim \d+\*\* )", "\n\n", cell.source, flags=re.M)
                if slide not in ("notes", "skip"):
                    yield from (p for p in re.split(r"\n\s*\n", text) if p.strip()[:1] not in "#|$")


def main() -> None:
    text = "\n".join(" ".join(sentences) for sentences in prose_of(ROOT / "lessons")) + "\n"
    with written_whole(PROSE) as unfinished:
        unfinished.write_text(text, encoding="utf-8")
    print(
        f"{PROSE.relative_to(ROOT)}: {len(text):,} characters, {len(set(text))} of them different"
    )


if __name__ == "__main__":
    main()
