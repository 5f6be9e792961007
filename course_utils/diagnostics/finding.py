"""What a check hands back: a Finding, which says in the reader's language what is suspicious."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from course_utils.language import Text


@dataclass(frozen=True)
class Finding:
    """What one check found; ``print(finding)`` tells it in the reader's language.

    Attributes:
        check: its name.
        summary: what was measured, as a sentence.
        values: the same as numbers.
        suspicions: name -> what is suspicious and why; empty if nothing is.
    """

    check: str
    summary: Text
    values: Mapping[str, Any] = field(default_factory=dict)
    suspicions: Mapping[str, Text] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether nothing is suspicious."""
        return not self.suspicions

    def __str__(self) -> str:
        lines = [f"{'✓' if self.ok else '✗'} {self.check}: {self.summary}"]
        return "\n".join([*lines, *(f"  → {why}" for why in self.suspicions.values())])


def fill(text: Text, **values: object) -> Text:
    """The text with its placeholders filled, in both languages."""
    return Text(text.zh.format(**values), text.en.format(**values))


NON_FINITE = Text(
    "出現 NaN 或無限大：學習率太高、輸入裡已有 NaN，或取了 log(0)。先找出第一個不是有限數的地方。",
    "NaN or infinity: a learning rate that is too high, NaN already in the inputs, or log(0). "
    "Look for the first place where it appears.",
)
