"""Claims: what the prose asserts about results, executed.

The prose says **Claim 3**, the next cell says ``claim(3, condition)``. Where the condition fails, a
student reads that it did not hold here; builder and tests set ``COURSE_STRICT=1``, and it raises.
A lesson that was repeated with other seeds says how often each claim held then. The tool that repeats
names a file in ``COURSE_CLAIMS_FILE``: there every result is written, and none raises.
"""

import json
import os
from pathlib import Path
from typing import Literal

from course_utils.language import Text, get_language
from course_utils.notebook.replications import times_here

_HOLDS = Text("✓ 主張 {number} 成立", "✓ Claim {number} holds")
_REPEATED = Text(
    "（換種子重複 {total} 次，成立 {held} 次）",
    " (and in {held} of {total} repetitions with other seeds)",
)
_FAILS = Text(
    "✗ 主張 {number} 在這裡不成立。請先確認前面的儲存格都依序執行過，程式也沒有改動；"
    "若真是如此，你可能遇到了少數的例外：換一個種子再試。",
    "✗ Claim {number} did not hold here. First make sure that every cell above ran, in order and "
    "unchanged; if so, you may have met one of the rare exceptions: try another seed.",
)
_FAILS_THOUGH_REPEATED = Text(
    "✗ 主張 {number} 在這裡不成立；換種子重複 {total} 次，成立 {held} 次。"
    "請先確認前面的儲存格都依序執行過；若真是如此，換一個種子再試。",
    "✗ Claim {number} did not hold here; in repetitions with other seeds it held {held} times out of "
    "{total}. First make sure that every cell above ran, in order; if so, try another seed.",
)
_SKIPPED = Text(
    "○ 主張 {number} 只在完整的 MNIST 上檢驗",
    "○ Claim {number} is tested on full MNIST only",
)


class ClaimError(AssertionError):
    """A claim of the course did not hold while ``COURSE_STRICT=1``."""


def claim(
    number: int,
    holds: bool,
    *,
    tiers: Literal["any", "full"] = "any",
    tier: Literal["full", "embedded"] | None = None,
    filed: bool = False,
) -> None:
    """Print whether claim ``number`` of this lesson holds.

    Args:
        number: the one in the prose, **Claim 3**.
        holds: one boolean (Python's, NumPy's or a 0-d tensor); an array needs ``.all()`` first.
        tiers: ``"full"`` for a claim about full MNIST, which is skipped on the embedded digits.
        tier: such a claim needs ``tier=mnist.tier``.
        filed: whether it judges results that lie in a file; the lesson's other seeds do not change
            these, so that no repetition is counted.

    Raises:
        ClaimError: under ``COURSE_STRICT=1``, if the condition is false; not if ``COURSE_CLAIMS_FILE``
            keeps the result.
        TypeError: if it is not one boolean.
        ValueError: on unknown tiers.
    """
    if tiers not in ("any", "full") or tier not in ("full", "embedded", None):
        raise ValueError(
            "tiers must be 'any' or 'full', and tier 'full' or 'embedded', "
            f"got tiers={tiers!r}, tier={tier!r}"
        )
    if tiers == "full" and tier is None:
        raise ValueError("a claim with tiers='full' must be told the data: pass tier=mnist.tier")
    if tiers == "full" and tier == "embedded":
        _keep(number, "skipped")
        print(_SKIPPED.format(number=number))
    elif _as_bool(holds):
        _keep(number, "filed" if filed else "holds")
        print(holds_line(number, times_here(number, tier)))
    else:
        is_kept = _keep(number, "fails")
        line = _fails_line(number, times_here(number, tier))
        if os.environ.get("COURSE_STRICT") == "1" and not is_kept:
            raise ClaimError(line)
        print(line)


def holds_line(number: int, times: tuple[int, int] | None, language: str | None = None) -> str:
    """What a claim that holds prints: ``✓ Claim 3 holds``, and its record.

    Args:
        number: of the claim.
        times: in how many blocks of other seeds it held, and of how many; None without a record.
        language: by default the reader's.
    """
    texts = [_HOLDS] if times is None else [_HOLDS, _REPEATED]
    language = language or get_language()
    line = "".join(text.zh if language == "zh-TW" else text.en for text in texts)
    held, total = times or (0, 0)
    return line.format(number=number, held=held, total=total)


def _fails_line(number: int, times: tuple[int, int] | None) -> str:
    if times is None:
        return _FAILS.format(number=number)
    return _FAILS_THOUGH_REPEATED.format(number=number, held=times[0], total=times[1])


def _keep(number: int, result: Literal["holds", "filed", "fails", "skipped"]) -> bool:
    """Write a result where it was asked for; whether it was."""
    file = os.environ.get("COURSE_CLAIMS_FILE")
    if file:
        with Path(file).open("a", encoding="utf-8") as results:
            results.write(json.dumps([number, result]) + "\n")
    return bool(file)


def _as_bool(holds: object) -> bool:
    dtype = str(getattr(holds, "dtype", ""))
    is_scalar = getattr(holds, "shape", None) == () and dtype in ("bool", "torch.bool")
    if isinstance(holds, bool) or is_scalar:
        return bool(holds)
    shape = getattr(holds, "shape", None)
    given = (
        type(holds).__name__ if shape is None else f"{type(holds).__name__} of shape {tuple(shape)}"
    )
    raise TypeError(
        f"a claim needs one boolean, got {given}; compare first, and reduce an array by .all()"
    )
