"""Results held against each other: as exactly as their dtype allows, and shown so that it is seen."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_utils.language import Text

_AT = Text(
    "位置 {where} 應該是 {expected}，你的是 {got}", "at {where} expected {expected}, got {got}"
)
_ALL = Text("應該是 {expected}，你的是 {got}", "expected {expected}, got {got}")
_MORE = Text("（{size} 個數裡有 {count} 個不對）", " ({count} of {size} numbers differ)")
_FEW = 6  # so many numbers are shown whole


def as_array(value: Any) -> np.ndarray:
    """The real numbers of a tensor, array, number or (nested) list of these, in a dtype of their kind.

    Raises TypeError or ValueError for what has none.
    """
    if isinstance(value, Tensor):
        value = value.detach().cpu().resolve_neg()
        value = (value.float() if value.dtype in _NARROW else value).numpy()
    if isinstance(value, list | tuple):
        value = [as_array(item) for item in value]
    array = np.array(value)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"no numbers: {type(value).__name__}")
    return array


_NARROW = (torch.bfloat16, torch.float16)


def arrays_in(value: Any) -> dict[str, np.ndarray]:
    """The arrays of a result, by their place in it: "" where it is one, else "[0]" or "['W']".

    A list whose items make up one array is one. Raises TypeError or ValueError as ``as_array`` does.
    """
    if isinstance(value, Mapping):
        items = {f"[{key!r}]": item for key, item in value.items()}
    else:
        try:
            return {"": as_array(value)}
        except (TypeError, ValueError):
            if not isinstance(value, list | tuple):
                raise
        items = {f"[{index}]": item for index, item in enumerate(value)}
    return {
        place + inner: array
        for place, item in items.items()
        for inner, array in arrays_in(item).items()
    }


@dataclass(frozen=True)
class Tolerance:
    """How far a result may be off: ``slack`` roundings of its own size and of the terms it sums.

    eps: that of the dtype. terms: size of the terms, a number or one for each result; None takes the
    largest result, as entries of one array are sums of like terms. Whole numbers must be equal.
    """

    eps: float
    terms: Any = None
    slack: float = 64.0

    def allows(self, got: np.ndarray, expected: np.ndarray) -> bool:
        """Whether the shapes agree and every number does; nan equals nan."""
        return got.shape == expected.shape and bool(self.agree(got, expected).all())

    def allow_all(self, got: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray]) -> bool:
        """Whether two results have the same places, and ``allows`` each array."""
        return got.keys() == expected.keys() and all(
            self.allows(got[place], array) for place, array in expected.items()
        )

    def agree(self, got: np.ndarray, expected: np.ndarray) -> np.ndarray:
        """For each number, whether it is near enough."""
        if expected.dtype.kind in "biu":
            return np.asarray(got == expected)
        terms = self.terms
        if terms is None:
            terms = np.abs(expected[np.isfinite(expected)]).max(initial=0.0)
        unit = self.slack * self.eps
        with np.errstate(all="ignore"):
            allowed = unit * (np.abs(expected) + as_array(terms))
            near = np.abs(got - expected) <= np.where(np.isfinite(expected), allowed, 0)
            return near | (got == expected) | (np.isnan(got) & np.isnan(expected))


def eps_of(arguments: Iterable[Any]) -> float:
    """That of the widest floats among the arguments; of float32 if they hold none but plain numbers."""
    found = [eps for argument in arguments for eps in _eps_inside(argument)]
    return min(found, default=float(np.finfo(np.float32).eps))


def _eps_inside(argument: Any) -> list[float]:
    if isinstance(argument, Tensor) and argument.is_floating_point():
        return [torch.finfo(argument.dtype).eps]
    if isinstance(argument, np.ndarray | np.floating) and argument.dtype.kind == "f":
        return [float(np.finfo(argument.dtype).eps)]
    if isinstance(argument, Mapping):
        argument = [*argument.values()]
    if isinstance(argument, list | tuple):
        return [eps for item in argument for eps in _eps_inside(item)]
    return []


def widened(argument: Any) -> Any:
    """A copy in float64 of tensors and arrays of floats, of lists and dicts of them too; else itself."""
    if isinstance(argument, Tensor):
        argument = argument.detach()
        return argument.double() if argument.is_floating_point() else argument.clone()
    if isinstance(argument, np.ndarray):
        return argument.astype(np.float64 if argument.dtype.kind == "f" else argument.dtype)
    if isinstance(argument, list | tuple):
        return type(argument)(widened(item) for item in argument)
    if isinstance(argument, dict):
        return {key: widened(value) for key, value in argument.items()}
    return argument


def difference(got: np.ndarray, expected: np.ndarray, tolerance: Tolerance) -> str:
    """ "expected …, got …" in the reader's language: a few numbers whole, of many the first that is off."""
    if expected.size <= _FEW:
        first, second = shown_apart(expected, got)
        return _ALL.format(expected=first, got=second)
    wrong = np.argwhere(~tolerance.agree(got, expected))
    first, second = shown_apart(expected[tuple(wrong[0])], got[tuple(wrong[0])])
    said = _AT.format(where=f"[{', '.join(map(str, wrong[0]))}]", expected=first, got=second)
    return said + _MORE.format(count=len(wrong), size=expected.size)


def shown_apart(expected: Any, got: Any) -> tuple[str, str]:
    """Both as text, with four digits or as many as it takes until they look different."""
    for digits in (4, 6, 8, 12):
        first, second = shown(expected, digits), shown(got, digits)
        if first != second:
            break
    return first, second


def shown(value: Any, digits: int = 4) -> str:
    """Truths as True and False, counts as integers, floats with so many significant digits."""
    if isinstance(value, list):
        return f"[{', '.join(shown(item, digits) for item in value)}]"
    if isinstance(value, Tensor | np.ndarray | np.generic):
        value = as_array(value)
        if value.size > _FEW:
            start = shown(value.flatten()[:3].tolist(), digits).removesuffix("]")
            return f"{start}, …]" if value.ndim == 1 else f"{start}, …] {value.shape}"
        return shown(value.tolist(), digits)
    return f"{value:.{digits}g}" if isinstance(value, float) else repr(value)


def copied(argument: Any) -> Any:
    """A copy of tensors, arrays and containers of them; anything else, such as a model, itself."""
    if isinstance(argument, Tensor):
        return argument.detach().clone()
    if isinstance(argument, np.ndarray):
        return argument.copy()
    if isinstance(argument, list | tuple):
        return [copied(item) for item in argument]
    if isinstance(argument, dict):
        return {key: copied(value) for key, value in argument.items()}
    return argument


def is_same(old: Any, new: Any) -> bool:
    """Whether a copy and what it was copied from are still equal; nan equals nan."""
    if old is new:
        return True
    if isinstance(old, Tensor) and isinstance(new, Tensor):
        if old.shape != new.shape:
            return False
        return bool(((old == new) | (old != old) & (new != new)).all())  # nan stays nan
    if isinstance(old, np.ndarray) and isinstance(new, np.ndarray):
        return np.array_equal(old, new, equal_nan=new.dtype.kind == "f")
    if isinstance(old, dict) and isinstance(new, dict):
        return old.keys() == new.keys() and all(is_same(old[key], new[key]) for key in new)
    if isinstance(old, list | tuple) and isinstance(new, list | tuple):
        return len(old) == len(new) and all(map(is_same, old, new))
    return type(old) is type(new) and bool(old == new)
