"""The language in which the course speaks to its reader: checks, hints, claims, the data banner."""

import os
import sys
from dataclasses import dataclass

LANGUAGES = ("zh-TW", "en")


def _checked(language: str, name: str = "language") -> str:
    if language not in LANGUAGES:
        raise ValueError(f"{name} must be one of {', '.join(LANGUAGES)}, got {language!r}")
    return language


_current = _checked(
    os.environ.get("COURSE_LANG") or "zh-TW", "the environment variable COURSE_LANG"
)


def set_language(language: str) -> None:
    """Speak ``"zh-TW"`` (Traditional Chinese, Taiwan) or ``"en"`` from now on."""
    global _current
    _current = _checked(language)


def get_language() -> str:
    """The language spoken now; until ``set_language``, that of ``COURSE_LANG``, else ``"zh-TW"``."""
    return _current


@dataclass(frozen=True)
class Text:
    """One message in both languages; ``str(text)`` is the one the reader reads.

    >>> Text("再試一次", "try again").en
    'try again'
    """

    zh: str
    en: str

    def __str__(self) -> str:
        return self.zh if _current == "zh-TW" else self.en

    def format(self, **values: object) -> str:
        """The message with its ``{placeholders}`` filled, as ``str.format`` does."""
        return str(self).format(**values)


def print_on_any_console() -> None:
    """From now on, a character that the console does not know is printed as ``?``, not an error.

    Consoles that are not UTF-8 (a Windows code page such as cp950) lack the ``✓`` of a claim.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            "✓✗○≈主張".encode(getattr(stream, "encoding", None) or "utf-8")
        except UnicodeEncodeError:
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="replace")


print_on_any_console()  # once for all: whatever speaks to a reader imports this module
