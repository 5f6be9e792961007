"""Questions asked of every argument, so that a mistake is named where it is made.

Each function returns its argument in the form the caller needs, or raises a ValueError that says what
was given, what is allowed and what to do.
"""

from typing import Any

import numpy as np

from course_utils import seeding

TASKS = ("classification", "regression")


class NonFiniteError(ValueError):
    """A number that must be finite is NaN or infinite, or became so on the way."""


def check_task(task: str) -> str:
    """``task`` itself, if it is "classification" or "regression"."""
    if task not in TASKS:
        raise ValueError(f"task must be 'classification' or 'regression', got {task!r}")
    return task


def check_count(name: str, value: int, at_least: int = 1) -> int:
    """A whole number of things, as an int; True is not 1 here, and 2.0 is not 2."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        raise ValueError(f"{name} must be an integer of at least {at_least}, got {value!r}")
    if value < at_least:
        raise ValueError(f"{name} must be at least {at_least}, got {value}")
    return int(value)


def check_number(
    name: str,
    value: float,
    low: float = -np.inf,
    high: float = np.inf,
    *,
    low_open: bool = False,
    high_open: bool = False,
) -> float:
    """A finite real number between ``low`` and ``high``, as a float; an open end is not allowed itself."""
    allowed = _interval(low, high, low_open, high_open)
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.number):
        raise ValueError(f"{name} must be {allowed}, got {value!r}")
    if np.iscomplexobj(value):
        raise ValueError(f"{name} must be {allowed}, got {value}")
    if not np.isfinite(value):
        raise NonFiniteError(f"{name} must be {allowed}, got {value}")
    too_low = value <= low if low_open else value < low
    too_high = value >= high if high_open else value > high
    if too_low or too_high:
        raise ValueError(f"{name} must be {allowed}, got {value}")
    return float(value)


def _interval(low: float, high: float, low_open: bool, high_open: bool) -> str:
    bounds = []
    if np.isfinite(low):
        bounds.append(f"{'above' if low_open else 'at least'} {low:g}")
    if np.isfinite(high):
        bounds.append(f"{'below' if high_open else 'at most'} {high:g}")
    return " ".join(["a finite number", " and ".join(bounds)]).strip()


def check_rng(rng: np.random.Generator | int | None) -> np.random.Generator:
    """A generator: the one given, or one made from a seed; None draws a fresh, unrepeatable seed."""
    if isinstance(rng, np.random.Generator):
        return rng
    if rng is not None:
        rng = check_count("rng, if it is a seed,", rng, at_least=0)
    return seeding.rng(rng)


def as_array(name: str, values: Any) -> np.ndarray:
    """``values`` as an array of real numbers (or bools), of at least one dimension and not empty."""
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name} must be an array; its rows differ in length") from error
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{name} must hold real numbers, got dtype {array.dtype}")
    if array.ndim == 0:
        raise ValueError(f"{name} must have a batch as its first dimension, got the number {array}")
    if array.size == 0:
        raise ValueError(f"{name} is empty (shape {array.shape}); at least one row is needed")
    return array


def as_floats(name: str, values: Any) -> np.ndarray:
    """``values`` as a finite array of floats: floats keep their dtype, integers become float64."""
    array = as_array(name, values)
    if array.dtype.kind == "b":
        raise ValueError(f"{name} must hold numbers, got bools; write {name}.astype(float)")
    if array.dtype.kind != "f":
        array = array.astype(np.float64)
    bad = np.count_nonzero(~np.isfinite(array))
    if bad:
        raise NonFiniteError(
            f"{name} must be finite, but {bad} of its {array.size} numbers are NaN or infinite; "
            "np.argwhere(~np.isfinite(array)) finds them"
        )
    return array
