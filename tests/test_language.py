"""Two languages, one of them spoken at a time."""

import os
import subprocess
import sys

import pytest

from course_utils.language import Text, get_language, set_language

GREETING = Text("你好，{name}", "Hello, {name}")


@pytest.fixture(autouse=True)
def restored():
    before = get_language()
    yield
    set_language(before)


def test_a_text_made_earlier_speaks_the_language_set_now():
    set_language("zh-TW")
    assert (str(GREETING), GREETING.format(name="Ada")) == ("你好，{name}", "你好，Ada")
    set_language("en")
    assert (str(GREETING), GREETING.format(name="Ada")) == ("Hello, {name}", "Hello, Ada")


@pytest.mark.parametrize("language", ["zh", "zh-CN", "EN", "", None])
def test_a_language_not_spoken_is_refused_and_nothing_changes(language):
    set_language("en")
    with pytest.raises(ValueError, match="zh-TW, en"):
        set_language(language)
    assert get_language() == "en"


def started_with(**environment):
    inherited = {name: value for name, value in os.environ.items() if name != "COURSE_LANG"}
    return subprocess.run(
        [sys.executable, "-c", "from course_utils import language; print(language.get_language())"],
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("environment", "spoken"),
    [({}, "zh-TW"), ({"COURSE_LANG": ""}, "zh-TW"), ({"COURSE_LANG": "en"}, "en")],
)
def test_the_environment_sets_the_first_language(environment, spoken):
    assert started_with(**environment).stdout.strip() == spoken


@pytest.mark.parametrize("encoding", ["cp950", "cp1252", "ascii", "utf-8"])
def test_a_console_of_any_encoding_prints_claims_and_chinese(encoding):
    program = """
import sys
from course_utils.notebook.claims import claim
from course_utils.language import set_language
for language in ("zh-TW", "en"):
    set_language(language)
    claim(3, True)
    claim(4, False)
print("≈97.9 %")
print("✓", file=sys.stderr)
"""
    environment = {k: v for k, v in os.environ.items() if k not in ("COURSE_STRICT", "PYTHONUTF8")}
    result = subprocess.run(
        [sys.executable, "-"],
        input=program.encode(),
        env={**environment, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"},
        capture_output=True,
        check=False,
    )
    printed = result.stdout.decode(encoding)
    assert result.returncode == 0, result.stderr
    assert "Claim 3 holds" in printed
    assert "97.9 %" in printed.splitlines()[-1]
    if encoding == "cp950":
        assert "? 主張 3 成立" in printed, "what the console knows is printed"
    if encoding == "utf-8":
        assert "✓ 主張 3 成立" in printed
        assert "≈97.9 %" in printed


def test_an_unknown_language_in_the_environment_is_an_error_not_a_guess():
    result = started_with(COURSE_LANG="fr")
    assert result.returncode != 0
    assert "COURSE_LANG must be one of zh-TW, en, got 'fr'" in result.stderr
