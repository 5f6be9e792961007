"""The strips that show a slider's figures on the website: site/frames/LESSON/FUNCTION.webp and .json.

`explore` writes them while the English edition is built; a strip is stale once its lesson's code
changed.
"""

import json
import re
from pathlib import Path

from nbformat import NotebookNode

from course_utils.unfinished_files import written_whole

#: Where they stand, seen from the course's root: a folder for each lesson.
FRAMES = Path("site", "frames")
#: A call with a single slider: the function that draws.
SINGLE = re.compile(r"^explore\((\w+), \w+=slider\([^()]*\)\)$", re.MULTILINE)


def strips(notebook: NotebookNode, folder: Path) -> list[Path]:
    """The pictures that a lesson should have; ``folder``: of its frames."""
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    return [folder / f"{draw}.webp" for draw in SINGLE.findall(code)]


def sign(strip: Path, code: str) -> None:
    """Write into the file beside a strip of which code it is (a lesson's digests)."""
    about = json.loads(strip.with_suffix(".json").read_text(encoding="utf-8"))
    with written_whole(strip.with_suffix(".json")) as unfinished:
        unfinished.write_text(json.dumps({**about, "code": code}) + "\n", encoding="utf-8")


def drift(notebook: NotebookNode, folder: Path, code: str) -> list[str]:
    """What is wrong with a lesson's strips, a sentence each; ``code``: its digests."""
    wanted, name = strips(notebook, folder), folder.name
    build = f"build it: make notebooks LESSON={name}"
    problems = []
    for strip in wanted:
        about = strip.with_suffix(".json")
        known = json.loads(about.read_text(encoding="utf-8")) if about.is_file() else {}
        if not strip.is_file() or known.get("code") != code:
            problems.append(f"the slider of {name} has no frames of the code as it is; {build}")
    files = {file for strip in wanted for file in (strip, strip.with_suffix(".json"))}
    left = [file.name for file in folder.glob("*") if file not in files]
    return problems + [f"remove {FRAMES}/{name}/{file}, which no slider draws" for file in left]
