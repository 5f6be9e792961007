"""Claims: what the prose asserts about results, executed.

The prose says **Claim 3**, the next cell says ``claim(3, condition)``. Where the condition fails, a
student reads that it did not hold here; builder and tests set ``COURSE_STRICT=1``, and it raises.
"""

import os
from typing import Literal

from course_utils.language import Text

_HOLDS = Text("✓ 主張 {number} 成立", "✓ Claim {number} holds")
_FAILS = Text(
    "✗ 主張 {number} 在這裡不成立。請先確認前面的格子都依序執行過，程式也沒有改動；"
    "若真是如此，你可能遇到了少數的例外：換一個種子再試。",
    "✗ Claim {number} did not hold here. First make sure that every cell above ran, in order and "
    "unchanged; if so, you may have met one of the rare exceptions: try another seed.",
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
) -> None:
    """Print whether claim ``number`` of this lesson holds.

    Args:
        number: the one in the prose, **Claim 3**.
        holds: one boolean (Python's, NumPy's or a 0-d tensor); an array needs ``.all()`` first.
        tiers: ``"full"`` for a claim about full MNIST, which is skipped on the embedded digits.
        tier: such a claim needs ``tier=mnist.tier``.

    Raises:
        ClaimError: under ``COURSE_STRICT=1``, if the condition is false.
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
        print(_SKIPPED.format(number=number))
        return
    if _as_bool(holds):
        print(_HOLDS.format(number=number))
    elif os.environ.get("COURSE_STRICT") == "1":
        raise ClaimError(_FAILS.format(number=number))
    else:
        print(_FAILS.format(number=number))


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
