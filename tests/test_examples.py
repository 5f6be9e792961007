"""The examples in the docstrings of ``course_utils`` show what really happens."""

import doctest
import importlib
from pathlib import Path

import pytest

import course_utils

ROOT = Path(course_utils.__file__).parent
MODULES = {
    ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__"): text
    for path in sorted(ROOT.rglob("*.py"))
    if ">>> " in (text := path.read_text(encoding="utf-8"))
}


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_show_what_happens(name, monkeypatch):
    monkeypatch.setenv("COURSE_QUIET", "1")  # no progress bars
    result = doctest.testmod(importlib.import_module(name))
    lines = [line for line in MODULES[name].splitlines() if line.lstrip().startswith(">>> ")]
    assert result.attempted == len(lines), "an example that doctest does not find is not tested"
    assert not result.failed


def test_what_lessons_call_has_examples():
    assert sum(text.count(">>> ") for text in MODULES.values()) >= 50
