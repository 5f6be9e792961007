"""`make clean`: remove what the course's tools made, and nothing else; `py tools/clean.py` on Windows.

Only what is listed here goes, and only where it was made: whatever else lies in such a folder stays,
and so does the folder. Symbolic links are not followed. Jupyter's .ipynb_checkpoints stay: they hold
copies of what somebody wrote.
"""

import os
import re
import shutil
import sys
from pathlib import Path

from install import MARK, ROOT, STAMP

#: Folder -> the names in it that its tool makes.
ENVIRONMENT = r"bin|include|lib|lib64|share|etc|man|Include|Lib|Scripts|pyvenv\.cfg|\.lock"
ENVIRONMENT += rf"|\.gitignore|CACHEDIR\.TAG|\.installed|\.installed-dev|{MARK}|{STAMP}"
MADE = {
    ".venv": ENVIRONMENT,
    ".venv-oldest": ENVIRONMENT,
    ".pytest_cache": r"v|README\.md|\.gitignore|CACHEDIR\.TAG",
    ".ruff_cache": r"\d+\.\d+\.\d+|content|\.gitignore|CACHEDIR\.TAG",
    ".mypy_cache": r"3\.\d+|\.gitignore|CACHEDIR\.TAG",
    ".hypothesis": r"examples|unicode_data|constants|patches|tmp|\.gitignore",
    "course_utils.egg-info": r"[\w-]+\.txt|PKG-INFO",
    "build/lib": "course_utils",
    "build": r"bdist\.[\w.-]+|slides|handouts|site|site-sources|node|\.site-\w+",
}
#: An environment goes only if one of these is in it; otherwise somebody else made it.
PROOF = {".venv": (MARK, ".installed"), ".venv-oldest": (MARK,)}
SOURCES = ("course_utils", "lessons", "tests", "tools")
BYTECODE = r".+\.(cpython|pypy)-?\d+[\w.-]*\.pyc(\.\d+)?"


def empty(folder: Path, made: str) -> None:
    """Remove from a folder what matches, and the folder if nothing else is in it."""
    for child in sorted(folder.iterdir()):
        if not re.fullmatch(made, child.name):
            print(f"left: {child}")
        elif child.is_dir() and not child.is_symlink():
            shutil.rmtree(child)
        else:
            child.unlink()
    if not any(folder.iterdir()):
        folder.rmdir()


def clean(root: Path) -> None:
    """Remove what the course's tools made in the course at ``root``."""
    for name, made in MADE.items():
        folder = root / name
        if not folder.is_dir():
            continue
        if any(path.is_symlink() for path in (folder, folder.parent)):
            print(f"left: {folder} (a link)")
        elif name in PROOF and not any((folder / proof).is_file() for proof in PROOF[name]):
            print(f"left: {folder} (not made by the course)")
        else:
            # first, so that an environment half removed is not taken for whole
            (folder / STAMP).unlink(missing_ok=True)
            empty(folder, made)
    for source in (root / name for name in SOURCES if not (root / name).is_symlink()):
        for folder, subfolders, _ in os.walk(source):  # does not follow links
            if "__pycache__" in subfolders and not Path(folder, "__pycache__").is_symlink():
                subfolders.remove("__pycache__")
                empty(Path(folder, "__pycache__"), BYTECODE)


if __name__ == "__main__":
    try:
        clean(ROOT)
    except PermissionError as error:  # on Windows, also of a file that a program has open
        sys.exit(
            f"Not everything could be removed ({error}). Close JupyterLab and whatever else uses the "
            "course, or ask the owner of that file (root, after `sudo make`), then try again."
        )
