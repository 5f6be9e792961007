"""What a function makes of one input: its numbers, its gradients, and what it does on the way."""

import dis
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor, nn

from course_utils.exercises.compare import Tolerance, copied
from course_utils.exercises.messages import is_of_a_library
from course_utils.language import Text


class given:
    """One input: the arguments of a call, and what the reader is told of it (else the arguments)."""

    def __init__(self, *args: Any, case: Text | str = "", **kwargs: Any) -> None:
        self.args, self.kwargs, self.case = args, kwargs, case


@dataclass
class Outcome:
    """What a function made of one input."""

    result: Any = None
    parts: tuple[dict[str, np.ndarray], ...] | None = None  # its numbers; None where it has none
    error: BaseException | None = None
    changed: int | None = None  # the number of the argument it changed
    shares_memory: bool = False
    gradients: tuple[np.ndarray, ...] | None = None
    why_no_gradient: str = ""

    @property
    def arrays(self) -> list[np.ndarray]:
        """All its numbers."""
        return [array for part in self.parts or () for array in part.values()]

    @property
    def overflows(self) -> bool:
        """Whether there are numbers, and some of them inf or nan."""
        return self.parts is not None and not self.is_finite

    @property
    def is_finite(self) -> bool:
        """Whether there are numbers, and none of them inf or nan."""
        return self.parts is not None and all(np.isfinite(array).all() for array in self.arrays)

    @property
    def refuses(self) -> bool:
        """Whether the answer itself raised its error, by ``raise`` or ``assert``."""
        step = self.error and self.error.__traceback__
        while step and step.tb_next:
            step = step.tb_next
        if not step:
            return False
        code = step.tb_frame.f_code.co_code[step.tb_lasti]
        is_library = is_of_a_library(step.tb_frame.f_globals.get("__name__", ""))
        return code == dis.opmap["RAISE_VARARGS"] and not is_library

    @property
    def is_number(self) -> bool:
        """Whether it is a single number, and not inf or nan."""
        return self.is_finite and [array.shape for array in self.arrays] == [()]


def same_values(got: Outcome, expected: Outcome, tolerance: Tolerance) -> bool:
    """Whether two outcomes have the same numbers, or both are errors of the kind that is expected."""
    if expected.result is ...:  # a mistake that says nothing of this input
        return True
    if expected.error:
        return isinstance(got.error, type(expected.error))
    if got.parts is None or expected.parts is None:
        return False
    return all(map(tolerance.allow_all, got.parts, expected.parts))


def same_gradients(got: Outcome, expected: Outcome, tolerance: Tolerance) -> bool:
    """Whether two outcomes have the same gradients, or neither has one."""
    if expected.result is ...:
        return True
    if got.gradients is None or expected.gradients is None:
        return got.gradients is expected.gradients
    tolerance = Tolerance(tolerance.eps, slack=tolerance.slack)  # the terms are those of the value
    return all(map(tolerance.allows, got.gradients, expected.gradients))


def tell_apart(one: list[Outcome], other: list[Outcome], tolerances: list[Tolerance]) -> bool:
    """Whether some input shows that two functions differ, in value or gradient."""
    return not all(
        first.result is ...
        or (same_values(first, second, near) and same_gradients(first, second, near))
        for first, second, near in zip(one, other, tolerances, strict=True)
    )


@dataclass
class Seen:
    """One input, what the answer made of it, and what is right."""

    case: given
    got: Outcome
    right: Outcome
    tolerance: Tolerance

    def has_right_values(self) -> bool:
        """Whether the result agrees."""
        return same_values(self.got, self.right, self.tolerance)

    def has_right_gradients(self) -> bool:
        """Whether the gradients agree, where the exercise asks for them."""
        return same_gradients(self.got, self.right, self.tolerance)


def state(argument: Any) -> Any:
    """What a function may not change: numbers, and the parameters and buffers of a model."""
    if isinstance(argument, nn.Module):
        return {name: copied(part) for name, part in argument.state_dict().items()}
    return copied(argument)


def flat(value: Any) -> list[Any]:
    """What stands in nested lists, tuples and dicts, one after the other; in a dict by its names."""
    if isinstance(value, dict):
        value = [value[name] for name in sorted(value, key=str)]
    if isinstance(value, list | tuple):
        return [part for item in value for part in flat(item)]
    return [value]


def shares_memory(first: Any, second: Any) -> bool:
    """Whether two tensors or arrays are views of one piece of memory."""
    try:
        one, other = (
            value.detach().numpy() if isinstance(value, Tensor) else value
            for value in (first, second)
        )
    except (TypeError, RuntimeError):  # of a kind that NumPy does not have: sparse, bfloat16, ...
        return False
    are_arrays = isinstance(one, np.ndarray) and isinstance(other, np.ndarray)
    return are_arrays and np.shares_memory(one, other)
