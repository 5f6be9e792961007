"""Write the reference solutions, which ``exercises.NAME.solution()`` shows, from a lesson's cells."""

import ast
import re
import subprocess
import sys
from pathlib import Path

from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parent.parent
FOLDER = "course_utils/exercises/solutions"


def solutions(name: str, cells: list[NotebookNode]) -> str | None:
    """The module of the solution cells among the code cells of a lesson, or None if it has none.

    A cell's first comment and the endings ``_solution`` fall away; of the lesson's imports those
    that the solutions use stay.
    """
    solved = [c.source for c in cells if "solution" in c.metadata.get("tags", [])]
    if not solved:
        return None
    nodes = [node for cell in cells for node in ast.parse(cell.source).body]
    imports = {ast.unparse(n) for n in nodes if isinstance(n, ast.Import | ast.ImportFrom)}
    head = f'"""Solutions of the lesson {name}, from which `make notebooks` generates this file."""'
    bodies = [re.sub(r"\A(#.*\n)+", "", re.sub(r"_solution\b", "", cell)) for cell in solved]
    text = "\n\n".join([head, "\n".join(sorted(imports)), *bodies]) + "\n"
    text = _ruff(text, "check", "--fix", "--quiet", "--select=F401,I")
    return _ruff(text, "format")


def _ruff(text: str, *command: str) -> str:
    options = ["--config", str(ROOT / "pyproject.toml"), "--stdin-filename", f"{FOLDER}/new.py"]
    run = [sys.executable, "-m", "ruff", *command, *options, "-"]
    return subprocess.run(
        run, input=text, check=True, stdout=subprocess.PIPE, encoding="utf-8", cwd=ROOT
    ).stdout
