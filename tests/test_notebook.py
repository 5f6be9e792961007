"""The set-up of a notebook: what it says if the course cannot begin."""

import sys

import pytest

from course_utils import language
from course_utils.notebook import set_up


def test_a_package_that_is_missing_is_named_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr(language, "_current", "en")  # to be put back
    monkeypatch.setitem(sys.modules, "torch", None)  # as if it were not installed
    with pytest.raises(ModuleNotFoundError) as error:
        set_up("start_here", "en")
    message = str(error.value)
    assert message.startswith("the course needs the package 'torch', which is not installed")
    assert 'requirements.txt"` in a cell, then restart the kernel' in message
    assert "\n" not in message


@pytest.mark.parametrize("name", ["fr", "zh", None])
def test_another_language_is_refused(name):
    with pytest.raises(ValueError, match=f"one of zh-TW, en, got {name!r}"):
        set_up("start_here", name)
