"""What the website knows of the course: its lessons in order, and where its repository is public."""

import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from references import CATALOGUE, READMES

ROOT = Path(__file__).resolve().parents[2]
EDITIONS = ("en", "zh-TW")
#: Edition -> where its notebooks lie in the course, and in the website's folder of downloads.
FOLDERS = {"zh-TW": "notebooks", "en": "notebooks/en"}
#: Edition -> its README.
README = {language: name for name, (language, _) in READMES.items()}
_ROW = re.compile(r"^\| \[[^\]]+\]\((?:[^)]*/)?\d\d_(\w+)\.ipynb\) \| (.*?) \|.*$", re.MULTILINE)


@dataclass(frozen=True)
class Lesson:
    """One lesson as the catalogue has it; dicts have an entry for each edition."""

    name: str
    file: str
    titles: dict[str, str]
    about: dict[str, str]
    exercises: list[str]
    seconds: float | None
    teaching: int = 0
    practice: int = 0

    @property
    def number(self) -> str:
        """Two digits."""
        return self.file[:2]

    @property
    def page(self) -> str:
        """The page that shows it, seen from its edition's folder; a renumbering does not change it."""
        return f"lessons/{self.name}"


def read_course(root: Path) -> list[Lesson]:
    """The lessons of the course at ``root``, in order."""
    catalogue = json.loads((root / CATALOGUE).read_text(encoding="utf-8"))
    about = {
        edition: dict(_ROW.findall((root / README[edition]).read_text(encoding="utf-8")))
        for edition in EDITIONS
    }
    return [
        Lesson(
            name,
            entry["file"],
            {edition: entry[edition] for edition in EDITIONS},
            {edition: about[edition].get(name, "") for edition in EDITIONS},
            entry["exercises"],
            entry.get("seconds"),
            entry["teaching"],
            entry["practice"],
        )
        for name, entry in catalogue.items()
    ]


def public_repository(root: Path) -> str:
    """The address under [project.urls] in pyproject.toml, "" until one is named there."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    urls = {key.lower(): url for key, url in project.get("urls", {}).items()}
    address = urls.get("source") or urls.get("repository") or ""
    return address.removeprefix("git+").removesuffix("/").removesuffix(".git")


def launchers(repository: str, path: str) -> dict[str, str]:
    """Name -> address of services that open a notebook of a public repository; {} without one.

    >>> launchers("https://github.com/o/r", "notebooks/x.ipynb")["Binder"]
    'https://mybinder.org/v2/gh/o/r/HEAD?labpath=notebooks%2Fx.ipynb'
    """
    found = re.fullmatch(r"https://github\.com/([\w.-]+/[\w.-]+)", repository)
    if not found:
        return {}
    quoted = path.replace("/", "%2F")
    return {
        "Colab": f"https://colab.research.google.com/github/{found[1]}/blob/HEAD/{path}",
        "Binder": f"https://mybinder.org/v2/gh/{found[1]}/HEAD?labpath={quoted}",
    }
