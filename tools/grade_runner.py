"""Runs answers for `make grade`: each in a process of its own, which knows no right result.

It is started with the course's code without solutions as the only one in reach (see bundle.py). It
reads one job after the other from its standard input, forks, lets the child run the student's cells
and look at what comes of them (``observe``), and hands on what the child says, unread. Who marks
judges that; a child that lies has to know what is right.
"""

import ast
import contextlib
import io
import json
import linecache
import os
import select
import signal
import symtable
import sys
import tempfile
import time
from collections.abc import Container, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

WAITING = 6  # times as long as an answer may compute: the machine may be busy with others
MEMORY, FILE, FOLDER, REPORT = 2 << 30, 16 << 20, 64 << 20, 64 << 20  # bytes


def send(stream: BinaryIO, data: bytes) -> None:
    """One message: its length, then itself."""
    stream.write(len(data).to_bytes(8, "little") + data)
    stream.flush()


def receive(stream: BinaryIO) -> bytes | None:
    """One message; None at the end."""
    head = stream.read(8)
    size = int.from_bytes(head, "little")
    data = stream.read(size) if len(head) == 8 else b""
    return data if head and len(data) == size else None


# --- which of a student's cells count


def cells_of(
    sources: list[str], marked: int | None, name: str, set_up: Container[str]
) -> list[int]:
    """The cells that an answer needs, in their order: the last one that defines it, and what that uses.

    marked: the number of the cell that was made for the answer, which counts if none defines it.
    set_up: cells that have run already. Raises SyntaxError where the answer cannot be read.
    """
    trees: dict[int, ast.Module] = {}
    for number, source in enumerate(sources):
        if source in set_up:
            continue
        with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):
            trees[number] = ast.parse(source)
    defined = {word: number for number, tree in trees.items() for word in _defines(tree)}
    if name not in defined:
        if marked is not None:
            ast.parse(sources[marked])  # perhaps it cannot be read
        return [] if marked is None else [marked]
    wanted, chosen = [defined[name]], set()
    while wanted:
        if (number := wanted.pop()) not in chosen:
            chosen.add(number)
            words = set(_uses(symtable.symtable(sources[number], "<cell>", "exec")))
            wanted += [defined[word] for word in words if word in defined]
    return sorted(chosen)


def _defines(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        else:
            stored = (n for n in ast.walk(node) if isinstance(n, ast.Name))
            names |= {n.id for n in stored if isinstance(n.ctx, ast.Store)}
    return names


def _uses(scope: symtable.SymbolTable) -> Iterator[str]:
    """The names that a cell takes from outside, those of its functions included."""
    for symbol in scope.get_symbols():
        if symbol.is_global() or (scope.get_type() == "module" and symbol.is_referenced()):
            yield symbol.get_name()
    for inner in scope.get_children():
        yield from _uses(inner)


def without_magics(source: str) -> str:
    """A cell without the lines that are IPython's and not Python's, such as ``%%time``."""
    lines = source.splitlines()
    return "\n".join("" if line[:1] in ("%", "!", "?") else line for line in lines)


# --- in the child


def answered(job: dict[str, Any], namespace: dict[str, Any], pool: Any) -> dict[str, Any]:
    """Run the cells that an answer needs, and say what can be seen of it."""
    from course_utils.exercises.sandbox import Printed

    exercise = getattr(import_module(job["module"]), job["name"])  # before anything is patched
    exercise.seconds = job["seconds"] - 1  # then it says so itself, and not the kernel
    sources = [without_magics(source) for source in job["cells"]]
    try:
        set_up = [without_magics(source) for source in job["set_up"]]
        chosen = cells_of(sources, job["marked"], job["name"], set_up)
    except SyntaxError as error:
        return {"found": ["raised", f"SyntaxError: {error}"], "cells": [job["marked"]]}
    printed, stopped = Printed(), ""
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        for number in chosen:
            file, source = f"<cell {number + 1}>", sources[number]
            linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
            try:
                exec(compile(source, file, "exec"), namespace)
            except BaseException as error:
                stopped = f"{type(error).__name__}: {error}"
        if job["name"] not in namespace:
            found = ["raised", stopped] if stopped else ["missing", job["name"]]
            return {"found": found, "cells": chosen}
        value = namespace[job["name"]]
        if hasattr(exercise, "observe"):
            report = exercise.observe(value, pool)
        else:
            report = {"value": plain(value() if callable(value) else value, pool)}
    said = "\n".join(printed.first_lines(20)[0])
    return report | {"cells": chosen, "printed": said or report.get("printed", "")}


def plain(value: Any, pool: Any, depth: int = 5) -> list[Any]:
    """A value as JSON and arrays can hold it; ["other", type] where they cannot."""
    from course_utils.exercises.compare import as_array

    if value is ...:
        return ["untouched"]
    if value is None or isinstance(value, bool | int | float | str):
        return ["itself", value if not isinstance(value, str) else value[:1000]]
    if isinstance(value, dict) and depth and len(value) < 1000:
        items = [[plain(k, pool, 0), plain(v, pool, depth - 1)] for k, v in value.items()]
        return ["dict", items]
    with contextlib.suppress(TypeError, ValueError, RuntimeError):
        return ["array", pool.store(as_array(value))]
    return ["other", type(value).__name__]


def child(job: dict[str, Any], namespace: dict[str, Any], pipe: int) -> None:
    """Never returns."""
    from confine import confine

    from course_utils.exercises.messages import COMMON_MISTAKES
    from course_utils.exercises.recorded import Pool
    from course_utils.exercises.sandbox import TimeUp
    from course_utils.language import set_language

    with contextlib.suppress(BaseException):
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nothing, stream)
        os.closerange(3, pipe)
        os.closerange(pipe + 1, 4096)
        sys.stdin, sys.stdout, sys.stderr = io.StringIO(), io.StringIO(), io.StringIO()
        os.chdir(job["folder"])
        tempfile.tempdir = os.environ["TMPDIR"] = os.environ["HOME"] = job["folder"]
        set_language(job["language"])
        import course_utils

        code = Path(course_utils.__file__).parent.parent
        write, pool = os.write, Pool()
        confine(Path(job["folder"]), [code], seconds=job["seconds"], memory=MEMORY, size=FILE)
        try:
            report = answered(job, namespace, pool)
        except TimeUp:
            told = COMMON_MISTAKES["time_up"].format(seconds=job["seconds"])
            report = {"found": ["time_up", told], "cells": []}
        except BaseException as error:
            report = {"found": ["raised", f"{type(error).__name__}: {error}"], "cells": []}
        data = memoryview(pool.packed(report))
        while data:
            data = data[write(pipe, data) :]
    os._exit(0)


# --- beside it


def run(job: dict[str, Any], namespace: dict[str, Any]) -> tuple[str, bytes]:
    """How the child ended, in a word, and what it said."""
    read, write = os.pipe()
    process = os.fork()
    if process == 0:
        child(job, namespace, write)
    os.close(write)
    data, end, how = bytearray(), time.monotonic() + WAITING * job["seconds"], "done"
    while True:
        if time.monotonic() > end:
            how = "late"
        elif len(data) > REPORT or _size(job["folder"]) > FOLDER:
            how = "large"
        elif not select.select([read], [], [], 0.2)[0]:
            continue
        elif part := os.read(read, 1 << 20):
            data += part
            continue
        break
    for end_it in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            end_it(process, signal.SIGKILL)
    status = os.waitpid(process, 0)[1]
    os.close(read)
    if how == "done" and os.WIFSIGNALED(status) and not data:
        too_long = os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGKILL)
        how = "late" if too_long else "crashed"
    return how, bytes(data) if how == "done" else b""


def _size(folder: str) -> int:
    total = 0
    for parent, _, files in os.walk(folder):
        for name in files:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(parent, name)).st_size  # noqa: PTH118
    return total


def warm_up() -> None:
    """Import once for all what answers are likely to need; torch leaves much of it to the first call."""
    import torch

    import course_utils.exercises.recorded  # noqa: F401

    torch.set_num_threads(1)
    weight = torch.nn.Parameter(torch.zeros(1))
    weight.grad = torch.zeros(1)
    for kind in (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW, torch.optim.RMSprop):
        kind([weight], lr=0.0).step()
    torch.save(weight, io.BytesIO())


def main() -> None:
    jobs, replies = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    here = (
        Path.cwd().resolve()
    )  # the code without solutions; sys.path may name the whole course, too
    sys.path[:] = [
        path
        for path in sys.path
        if Path(path).resolve() == here or not Path(path, "course_utils").is_dir()
    ]
    first = receive(jobs)
    namespace: dict[str, Any] = {"__name__": "__main__"}
    with contextlib.redirect_stdout(io.StringIO()):
        for source in json.loads(first or b"[]"):
            exec(compile(source, "<set-up>", "exec"), namespace)
    warm_up()
    send(replies, b"ready")
    while (message := receive(jobs)) is not None:
        how, data = run(json.loads(message), namespace)
        send(replies, how.encode().ljust(8) + data)


if __name__ == "__main__":
    main()
