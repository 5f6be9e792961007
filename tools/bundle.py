"""The course's code as students get it with an assignment: without solutions and right answers.

An exercise keeps its inputs; ``recorded`` says what came of some of them in place of the right answer.
``leaks`` proves that no line of a solution is left.
"""

import ast
import re
import shutil
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path

import jupytext
import nbformat
from build import ROOT, lesson_paths

from course_utils.exercises import Exercise
from course_utils.exercises.by_reference import ReferenceExercise
from course_utils.exercises.recorded import Expected

EXERCISES = Path("course_utils", "exercises")
SHORTEST = 12  # characters of code; a shorter line says nothing ("return total")
#: Of a right answer's promises, those that come into play only with its code.
_OF_THE_ANSWER = {"hint", "terms", "slack", "enough"}
#: Answers that stand in the course's own modules, and what stands there instead.
_EMPTIED = {Path("course_utils", "clinic", "patients.py"): "NEW_PATIENTS"}
#: Lines of solutions that stand elsewhere for reasons of their own, and give nothing away.
ALSO_ELSEWHERE = {
    "def forward(self, x: Tensor) -> Tensor:",
    "model = copy.deepcopy(model)",
    "run.train_epoch()",
    "self.patience, self.min_delta = (patience, min_delta)",
    "factor = max_norm / norm if norm > max_norm else 1.0",
    "if largest == 0:",
}


def subjects() -> list[str]:
    """The names of the modules that hold exercises, those of the lessons."""
    found = sorted(path.stem for path in (ROOT / EXERCISES).glob("*.py"))
    solved = {path.stem for path in (ROOT / EXERCISES / "solutions").glob("[!_]*.py")}
    return [name for name in found if name in solved]


def exercises_of(subject: str) -> dict[str, Exercise]:
    """The exercises of a module by name."""
    module = import_module(f"course_utils.exercises.{subject}")
    found = [value for value in vars(module).values() if isinstance(value, Exercise)]
    return {exercise.name: exercise for exercise in found}


def write_bundle(folder: Path, with_results: Iterable[str] = ()) -> None:
    """Write ``course_utils`` without solutions; with_results: the subjects that can be checked.

    Two inputs in three are checked: who writes down what comes of these has no right answer.
    """
    ignored = shutil.ignore_patterns("__pycache__", "solutions", "expected", ".ipynb_checkpoints")
    shutil.copytree(ROOT / "course_utils", folder / "course_utils", ignore=ignored)
    for path, name in _EMPTIED.items():
        (folder / path).write_text(_emptied(folder / path, name), encoding="utf-8")
    for subject in subjects():
        found = exercises_of(subject)
        source = (ROOT / EXERCISES / f"{subject}.py").read_text(encoding="utf-8")
        text = stripped(source, subject, found)
        (folder / EXERCISES / f"{subject}.py").write_text(text, encoding="utf-8")
        for name, exercise in found.items():
            if subject in with_results and isinstance(exercise, ReferenceExercise):
                expected = Expected.of(exercise)
                shown = [i for i in range(len(expected.right)) if i % 3 < 2]
                expected.write(folder / EXERCISES / "expected" / f"{name}.bin", shown)


def stripped(source: str, subject: str, exercises: dict[str, Exercise]) -> str:
    """A module of exercises without right answers and mistakes, and without what only these use."""
    body = ast.parse(source).body
    kept: list[ast.stmt] = []
    for node in body:
        match _decorator(node):
            case "right_answer", call:
                kept.append(_signature_of(node, call))
            case "exercise", _:
                kept += ast.parse(_handed_in(exercises[node.name])).body
    defined = {name: node for node in body if not _decorator(node) for name in _defines(node)}
    wanted, needed = [*kept], set()
    while wanted:
        for name in _names(wanted.pop()) & set(defined):
            if defined[name] not in needed:
                needed.add(defined[name])
                wanted.append(defined[name])
    used = set().union(*map(_names, [*kept, *needed]))
    imports = [
        _import_of(node, used) for node in body if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    recorded = ast.parse("from course_utils.exercises.recorded import HandedIn, recorded").body
    order = [
        node
        for node in body
        if node in needed and not isinstance(node, ast.Import | ast.ImportFrom)
    ]
    docstring = ast.parse(f'"""Exercises of {subject}, without right answers."""').body
    whole = [*docstring, *filter(None, imports), *recorded, *order, *kept]
    return ast.unparse(ast.Module(whole, [])) + "\n"


def _decorator(node: ast.stmt) -> tuple[str, ast.Call] | None:
    for call in getattr(node, "decorator_list", []):
        name = getattr(getattr(call, "func", None), "id", None)
        if name in ("right_answer", "exercise"):
            return name, call
    return None


def _signature_of(node: ast.stmt, call: ast.Call) -> ast.stmt:
    """``@recorded(...)`` over the bare signature."""
    keywords = [word for word in call.keywords if word.arg not in _OF_THE_ANSWER]
    decorator = ast.Call(ast.Name("recorded"), call.args, keywords)
    nothing = ast.parse("...").body
    if isinstance(node, ast.ClassDef):
        return ast.ClassDef(node.name, [], [], nothing, [decorator])
    return ast.FunctionDef(node.name, node.args, nothing, [decorator], lineno=0)


def _handed_in(exercise: Exercise) -> str:
    hint = exercise._hint
    return f"{exercise.name} = HandedIn({exercise.name!r}, __name__, {hint.zh!r}, {hint.en!r})"


def _defines(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for part in (part for target in targets for part in ast.walk(target)):
            if isinstance(part, ast.Name):
                yield part.id


def _names(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def _import_of(node: ast.Import | ast.ImportFrom, used: set[str]) -> ast.stmt | None:
    names = [n for n in node.names if (n.asname or n.name).partition(".")[0] in used]
    if not names:
        return None
    if isinstance(node, ast.Import):
        return ast.Import(names)
    return ast.ImportFrom(node.module, names, node.level)


def _emptied(path: Path, name: str) -> str:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body:
        if name in _defines(node):
            node.value = ast.Dict([], [])
    return ast.unparse(tree) + "\n"


# --- the proof


def secret_lines() -> dict[str, str]:
    """Every line of a solution that says something: without its blanks -> as it is written.

    Those of the lessons' solution cells and of the right answers behind the checks; without what a
    lesson shows in other cells, and docstrings.
    """
    secret: dict[str, str] = {}
    shown: set[str] = set()
    for path in lesson_paths():
        for cell in jupytext.read(path).cells:
            if cell.cell_type == "code":
                is_solution = "solution" in cell.metadata.get("tags", [])
                lines = _lines(cell.source.replace("_solution", "") if is_solution else cell.source)
                if is_solution:
                    secret |= {_bare(line): line for line in lines}
                else:
                    shown |= set(map(_bare, lines))
    for subject in subjects():
        for node in ast.parse((ROOT / EXERCISES / f"{subject}.py").read_text("utf-8")).body:
            if (_decorator(node) or ("",))[0] == "right_answer":
                lines = [line for part in node.body for line in _lines(ast.unparse(part))]
                secret |= {_bare(line): line for line in lines}
    shown |= set(map(_bare, ALSO_ELSEWHERE))
    return {b: line for b, line in secret.items() if b not in shown and len(b) >= SHORTEST}


def _lines(code: str) -> list[str]:
    """The lines of some code, one statement or its head each; comments and docstrings are left out."""
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return code.splitlines()
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [n for n in body if not _is_docstring(n)] or [ast.Pass()]
    return [line.strip() for line in ast.unparse(tree).splitlines()]


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _bare(line: str) -> str:
    return re.sub(r"\s+", "", re.sub(r"\s#.*", "", line)).rstrip(",;")


def leaks(folder: Path) -> list[str]:
    """Every line of a solution in the files of a folder, each with where it stands."""
    secret, found = secret_lines(), []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            for line in _text_lines(path):
                if _bare(line) in secret:
                    found.append(f"{path.relative_to(folder)}: {secret[_bare(line)]}")
    return sorted(set(found))


def _text_lines(path: Path) -> Iterable[str]:
    text = path.read_bytes().decode("utf-8", errors="ignore")
    yield from text.splitlines()
    if path.suffix == ".py":
        yield from _lines(text)
    if path.suffix == ".ipynb":
        for cell in nbformat.reads(text, as_version=4).cells:
            yield from cell.source.splitlines()
            yield from _lines(cell.source) if cell.cell_type == "code" else ()
