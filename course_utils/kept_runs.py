"""Finished runs of a sweep on disk: what was made once need not be made again.

A file each, named by a digest of everything that decides the result, and written whole or not at all.
It holds numbers, text and arrays, and nothing that is executed when it is read.
"""

import ast
import inspect
import platform
import sys
import sysconfig
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from joblib.hashing import NumpyHasher

from course_utils.plain_values import from_plain, to_plain
from course_utils.unfinished_files import remove_abandoned, written_whole

_DECIDING_PACKAGES = ("numpy", "torch", "scipy", "scikit-learn")
_INSTALLED = {sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")}


class KeptRuns:
    """The finished runs of ``run`` in ``folder``, as ``run_seeds(..., keep=folder)`` keeps them.

    Args:
        folder: made if it is missing; may hold the runs of many sweeps.
        run: its code and that of all modules which it imports, but for installed packages, is part of
            a result's name: where a line changed, no old result is taken.
        shared: arguments that all runs are given.
        seed_offset: ``COURSE_SEED_OFFSET``.
    """

    def __init__(
        self,
        folder: str | Path,
        run: Callable[..., Any],
        shared: Mapping[str, Any],
        seed_offset: int,
    ) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        remove_abandoned(self.folder)
        self._common = _digest((_code_of(run), _versions(), dict(shared), seed_offset))

    def path(self, seed: int, setting: Mapping[str, Any]) -> Path:
        """Where this run's result is, or will be."""
        digest = _digest((self._common, int(seed), dict(setting)))
        return self.folder / f"{digest}.pt"

    def read(self, path: Path) -> Any:
        """The result in this file. Raises FileNotFoundError, or ValueError if it is damaged."""
        try:
            return from_plain(torch.load(path, weights_only=True))
        except FileNotFoundError:
            raise
        except Exception as error:
            raise ValueError(f"{path} is damaged; remove it, and its run is made again") from error

    def write(self, path: Path, result: Any) -> None:
        """Raises ValueError if the result holds what cannot be kept, such as a model."""
        plain = to_plain(result, "the result")
        with written_whole(path) as unfinished:
            torch.save(plain, unfinished)


class _Hasher(NumpyHasher):
    """joblib's hash, by which a tensor, too, is the same in every process."""

    def save(self, obj: Any) -> None:
        if isinstance(obj, torch.Tensor):
            flat = obj.detach().cpu().contiguous().reshape(-1)
            obj = (str(obj.dtype), tuple(obj.shape), flat.view(torch.uint8).numpy())
        super().save(obj)


def _digest(value: Any) -> str:
    return _Hasher("md5").hash(value)


def _versions() -> tuple[str, ...]:
    """What else decides a result: Python, the machine's kind, and what computes."""
    packages = [f"{name} {metadata.version(name)}" for name in _DECIDING_PACKAGES]
    return (platform.python_version(), platform.machine(), *packages)


def _code_of(run: Callable[..., Any]) -> tuple[list[str], list[tuple[str, str]]]:
    """What decides ``run`` in code: its module and all that this one imports; of a cell, what it names."""
    files: dict[Path, str] = {}
    cells: dict[str, str] = {}
    if run.__module__ == "__main__" and not hasattr(sys.modules["__main__"], "__file__"):
        _add_from_cells(run, cells, files)
    else:
        _add_file(inspect.getsourcefile(run), files)
    return sorted(files.values()), sorted(cells.items())


def _add_file(name: str | None, files: dict[Path, str]) -> None:
    """The text of this file and of all that it imports, but for what is installed."""
    path = Path(name or "")
    if path.suffix != ".py" or path in files or any(path.is_relative_to(p) for p in _INSTALLED):
        return
    files[path] = path.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(files[path])):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            with suppress(ImportError, ValueError):  # a name that is no module
                spec = find_spec(name)
                _add_file(spec and spec.origin, files)


def _add_from_cells(thing: Any, cells: dict[str, str], files: dict[Path, str]) -> None:
    """The source of a function or class of a notebook, and of all that it names; values' digests."""
    name = thing.__qualname__
    if name in cells:
        return
    if inspect.isclass(thing):  # a notebook knows the source of methods, not of classes
        cells[name] = ", ".join(base.__qualname__ for base in thing.__bases__)
        used = {key: part for key, part in vars(thing).items() if not key.startswith("__weakref")}
        used |= {base.__qualname__: base for base in thing.__bases__}
    else:
        cells[name] = inspect.getsource(thing)
        variables = inspect.getclosurevars(thing)
        used = {**variables.globals, **variables.nonlocals}
    for key, value in used.items():
        if getattr(value, "__module__", None) == "__main__" and hasattr(value, "__qualname__"):
            _add_from_cells(value, cells, files)
        elif inspect.ismodule(value):
            _add_file(getattr(value, "__file__", None), files)
        elif callable(value):
            with suppress(TypeError):  # of a function written in C
                _add_file(inspect.getsourcefile(value), files)
        elif not inspect.isgetsetdescriptor(value):
            cells[f"{name}: {key}"] = _digest(value)
