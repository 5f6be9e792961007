"""The map in ``course_utils/__init__.py`` names every module, and nothing that is not there."""

import re
from pathlib import Path

import course_utils

FOLDER = Path(course_utils.__file__).parent


def test_the_map_is_whole():
    modules = {path.stem for path in FOLDER.glob("*.py")} - {"__init__"}
    wings = {path.parent.name for path in FOLDER.glob("*/__init__.py")}
    named = set(re.findall(r"``(\w+)``", course_utils.__doc__))
    assert named == modules | wings
