"""How a wrong result is related to the right one: the same on every input, so it is worth saying."""

import math
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np
from torch import Tensor

from course_utils.exercises.compare import as_array, shown
from course_utils.exercises.outcomes import Seen
from course_utils.language import Text

RELATIONS = {
    "negated": Text("每個數的正負號都反了。", "every number has the wrong sign."),
    "scaled": Text(
        "每個數都是正確答案的 {factor} 倍。", "every number is {factor} times the right one."
    ),
    "scaled_by_size": Text(
        "每個數都是正確答案的 N 倍，N 是 {size}。題目要的是平均，還是總和？",
        "every number is N times the right one, where N is {size}. Was the mean asked for, or the sum?",
    ),
    "divided_by_size": Text(
        "每個數都是正確答案的 1/N，N 是 {size}。題目要的是平均，還是總和？",
        "every number is 1/N of the right one, where N is {size}. Was the mean asked for, or the sum?",
    ),
    "shifted": Text(
        "每個數減掉正確答案，差都是 {shift}。",
        "every number less the right one leaves {shift}.",
    ),
    "inverted": Text("你的結果是正確答案的倒數。", "your result is 1 divided by the right one."),
    "one_minus": Text("你的結果是 1 減正確答案。", "your result is 1 minus the right one."),
    "squared": Text("你的結果是正確答案的平方。", "your result is the square of the right one."),
    "root_taken": Text(
        "你的結果是正確答案的平方根。", "your result is the square root of the right one."
    ),
    "transposed": Text(
        "把你的結果轉置就對了：列與欄對調了。",
        "transposed, your result would be right: rows and columns are exchanged.",
    ),
    "reversed": Text(
        "數字都對，順序倒過來了。", "the numbers are right, and their order is reversed."
    ),
    "returned_argument": Text(
        "你把參數 {name} 原樣回傳了。", "you return the argument {name} as it came."
    ),
    "constant": Text(
        "不管輸入是什麼，你的結果都一樣。", "whatever the input, your result is the same."
    ),
}

_OF = Text("{name} 在第 {axis} 軸的長度", "the length of {name} along axis {axis}")
_NUMEL = Text("{name} 裡數的個數", "how many numbers {name} holds")

_OF_ONE_ARRAY: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "negated": np.negative,
    "inverted": lambda right: 1 / right,
    "one_minus": lambda right: 1 - right,
    "squared": np.square,
    "root_taken": np.sqrt,
    "transposed": np.transpose,
    "reversed": np.flip,
}


def relation(
    table: list[Seen], index: int, bind: Callable[[Seen], dict[str, Any]]
) -> tuple[str, dict[str, object]] | None:
    """The name of the relation between one part of all results and the right ones, and its values.

    bind: the arguments of an input by name.
    """
    rows = [(seen, seen.got.parts, seen.right.parts) for seen in table if not seen.right.error]
    if any(got is None or right is None for _, got, right in rows):
        return None
    pairs = [(seen, got[index], right[index]) for seen, got, right in rows if got and right]
    if len(pairs) < 2 or any(set(got) != {""} or set(right) != {""} for _, got, right in pairs):
        return None
    arrays = [(seen, got[""], right[""].astype(float)) for seen, got, right in pairs]
    with np.errstate(all="ignore"):
        return next(_relations(arrays, bind), None)


def _relations(
    arrays: list[tuple[Seen, np.ndarray, np.ndarray]], bind: Callable[[Seen], dict[str, Any]]
) -> Iterator[tuple[str, dict[str, object]]]:
    rights = [right for _, _, right in arrays]

    def holds(expected: Iterable[Any]) -> bool:
        """Whether all results are these."""
        return all(
            seen.tolerance.allows(got, as_array(other))
            for (seen, got, _), other in zip(arrays, expected, strict=True)
        )

    for name, change in _OF_ONE_ARRAY.items():
        if holds(map(change, rights)):
            yield name, {}
    arguments = [bind(seen) for seen, _, _ in arrays]
    for name in arguments[0]:
        values = [each.get(name) for each in arguments]
        if all(map(_is_numbers, values)) and holds(values):
            yield "returned_argument", {"name": name}
    if len({got.tobytes() for _, got, _ in arrays}) == 1:
        yield "constant", {}
    if any(got.shape != right.shape for _, got, right in arrays):
        return
    for sizes, label in _sizes(arguments):
        if holds(right * size for right, size in zip(rights, sizes, strict=True)):
            yield "scaled_by_size", {"size": label}
        if holds(right / size for right, size in zip(rights, sizes, strict=True)):
            yield "divided_by_size", {"size": label}
    _, got, right = max(arrays, key=_tells_the_factor)
    largest = np.abs(right).argmax() if right.size else None
    if largest is None or not right.flat[largest] or not np.isfinite(got.flat[largest]):
        return
    factor, shift = got.flat[largest] / right.flat[largest], got.flat[largest] - right.flat[largest]
    if factor and holds(factor * right for right in rights):
        simple = Fraction(float(factor)).limit_denominator(12)
        is_simple = abs(simple - factor) < 1e-5 * abs(factor)
        yield "scaled", {"factor": simple if is_simple else shown(float(factor))}
    if holds(right + shift for right in rights):
        yield "shifted", {"shift": shown(float(shift))}


def _tells_the_factor(row: tuple[Seen, np.ndarray, np.ndarray]) -> tuple[bool, float, float]:
    """By which to choose the result that tells a factor or shift best: an exact one, then a large one."""
    seen, _, right = row
    largest = float(np.abs(right).max(initial=0.0))
    return largest > 0, -seen.tolerance.eps, largest


def _is_numbers(value: Any) -> bool:
    return isinstance(value, int | float | np.ndarray | Tensor)


def _sizes(arguments: list[dict[str, Any]]) -> Iterator[tuple[list[int], str]]:
    """Sizes of the arguments that differ between inputs, each with what it is in words."""
    for name in arguments[0]:
        values = [each.get(name) for each in arguments]
        if not all(isinstance(value, np.ndarray | Tensor) for value in values):
            continue
        shapes = [tuple(value.shape) for value in values if value is not None]
        words = {axis: _OF.format(name=name, axis=axis) for axis in range(min(map(len, shapes)))}
        for axis, label in {**words, None: _NUMEL.format(name=name)}.items():
            sizes = [math.prod(shape) if axis is None else shape[axis] for shape in shapes]
            if len(set(sizes)) > 1 and all(sizes):
                yield sizes, label
