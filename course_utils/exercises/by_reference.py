"""An exercise stated by its right answer: the inputs, the promises and the mistakes; the rest follows.

    @right_answer(cases=some_inputs, hint=Text(...))
    def double(x):
        return 2 * x

    double.mistake("tripled", Text("你乘了三。", "you tripled."), lambda x: 3 * x)

A mistake is a wrong solution. Its sentence is said only where the answer gives what the wrong solution
gives on all inputs. Where none fits, the check says what was seen.
"""

import inspect
import itertools
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import CodeType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_utils.exercises import Exercise, ends_in_a_stub
from course_utils.exercises.compare import (
    Tolerance,
    arrays_in,
    as_array,
    difference,
    eps_of,
    is_same,
    shown,
    widened,
)
from course_utils.exercises.messages import COMMON_MISTAKES, described, raised
from course_utils.exercises.outcomes import (
    Outcome,
    Seen,
    flat,
    given,
    same_gradients,
    same_values,
    shares_memory,
    state,
)
from course_utils.exercises.relations import RELATIONS, relation
from course_utils.exercises.sandbox import FROM_OUTSIDE, Watch, call
from course_utils.language import Text

_WRONG = Text("結果不對。{case}：{difference}。", "the result is wrong. {case}: {difference}.")
_OTHERS = Text("其他 {count} 種輸入都對。", " The other {count} inputs are right.")
_ONE_OTHER = Text("另一種輸入是對的。", " The other input is right.")
_PART = Text("{case}，{part}", "{case}, {part}")
_OF_THIS = Text("{case}：{message}", "{case}: {message}")
_NUMBERS = Text("數字", "numbers")
_FLOAT32 = float(np.finfo(np.float32).eps)


@dataclass
class _Mistake:
    ways: tuple[Callable, ...]
    when: Callable[[list[Seen]], bool] | None


class ReferenceExercise(Exercise):
    """What ``right_answer`` makes of a function."""

    def __init__(
        self,
        right: Callable,
        cases: Callable[[], Iterable[given]],
        hint: Text,
        *,
        use: Callable | None = None,
        parts: str = "",
        gradient_of: Sequence[int] = (),
        is_new: bool = False,
        keeps_dtype: bool = False,
        forbidden: Sequence[Callable] = (),
        terms: Callable[..., Any] | None = None,
        slack: float = 64.0,
        enough: torch.dtype | None = None,
    ) -> None:
        self.name, self.mistakes = right.__name__, {}
        self._hint, self._module = hint, right.__module__
        self.right, self._cases, self._use = right, cases, use
        names = list(inspect.signature(use or right).parameters.values())
        self._signature = inspect.Signature(names[1:] if use else names)
        self._whole, self._parts = parts, [part.strip(" ()") for part in parts.split(",")]
        self._gradient_of, self._is_new, self._keeps_dtype = gradient_of, is_new, keeps_dtype
        self._forbidden, self._terms, self._slack = forbidden, terms, slack
        self._least_eps = torch.finfo(enough).eps if enough else 0.0
        self._known: dict[str, _Mistake] = {}

    def mistake(
        self,
        name: str,
        text: Text,
        *ways: Callable,
        when: Callable[[list[Seen]], bool] | None = None,
    ) -> None:
        """A known mistake: its sentence, and the wrong solutions that make it.

        A wrong solution returns ``...`` for an input of which it says nothing. when: for a mistake
        with too many ways to list, whether the inputs on which the answer is wrong prove it.
        """
        self.mistakes[name], self._known[name] = text, _Mistake(ways, when)

    def ways(self) -> list[tuple[str, Callable]]:
        """(name of the mistake, wrong solution), in the order in which they are tried."""
        return [(name, way) for name, mistake in self._known.items() for way in mistake.ways]

    def outcomes(self, function: Callable, watch: Watch | None = None) -> list[Outcome]:
        """What a function makes of each input; the right answer is given float64."""
        is_right = function is self.right
        found = []
        for case in self._cases():
            args = tuple(map(widened, case.args)) if is_right else case.args
            found.append(self._outcome(function, args, case.kwargs, watch))
        return found

    def tolerances(self) -> list[Tolerance]:
        """How far a result may be off, for each input."""
        found = []
        for case in self._cases():
            terms = self._terms(*case.args, **case.kwargs) if self._terms else None
            eps = max(eps_of([*case.args, *case.kwargs.values()]), self._least_eps)
            found.append(Tolerance(eps, terms, self._slack))
        return found

    # --- running

    def _outcome(
        self, function: Callable, args: tuple, kwargs: dict, watch: Watch | None
    ) -> Outcome:
        before = [state(arg) for arg in args]
        try:
            result = self._result(function, args, kwargs, watch)
        except FROM_OUTSIDE:
            raise
        except BaseException as error:
            return Outcome(error=error)
        outcome = Outcome(result, self._numbers(result))
        after = [state(arg) for arg in args]
        changes = [not is_same(old, new) for old, new in zip(before, after, strict=True)]
        outcome.changed = changes.index(True) + 1 if any(changes) else None
        if self._is_new:
            outcome.shares_memory = any(
                shares_memory(part, arg) for part in flat(result) for arg in flat(args)
            )
        if self._gradient_of and outcome.changed is None:
            self._differentiate(outcome, function, args, kwargs, watch)
        return outcome

    def _result(self, function: Callable, args: tuple, kwargs: dict, watch: Watch | None) -> Any:
        if self._use:
            return call(self._use, (function, *args), kwargs, watch)
        return call(function, args, kwargs, watch)

    def _numbers(self, result: Any) -> tuple[dict[str, np.ndarray], ...] | None:
        if self._whole and not isinstance(result, tuple | list):
            return None
        parts = tuple(result) if self._whole else (result,)
        try:
            return tuple(map(arrays_in, parts)) if len(parts) == len(self._parts) else None
        except (TypeError, ValueError, RuntimeError):
            return None

    def _differentiate(
        self,
        outcome: Outcome,
        function: Callable,
        args: tuple,
        kwargs: dict,
        watch: Watch | None,
    ) -> None:
        leaves = {i: args[i].detach().clone().requires_grad_() for i in self._gradient_of}
        try:
            tracked = tuple(leaves.get(i, arg) for i, arg in enumerate(args))
            result = self._result(function, tracked, kwargs, watch)
            if not isinstance(result, Tensor):
                outcome.why_no_gradient = type(result).__name__
            elif not result.requires_grad:
                outcome.why_no_gradient = "requires_grad=False"
            else:
                found = torch.autograd.grad(
                    result.sum(), [*leaves.values()], allow_unused=True, materialize_grads=True
                )
                outcome.gradients = tuple(map(as_array, found))
        except FROM_OUTSIDE:
            raise
        except BaseException as error:
            outcome.why_no_gradient = f"{type(error).__name__}: {error}"

    # --- judging

    def _try(self, value: Any) -> tuple[str, str] | None:
        if not callable(value):
            wanted = "not_a_class" if self.name[0].isupper() else "not_a_function"
            return self._say(wanted, got=type(value).__name__, name=self.name)
        watch = Watch(self._forbidden, _code_of(self.right))
        got = self.outcomes(value, watch)  # before anything right is computed
        if any(outcome.error and ends_in_a_stub(outcome.error) for outcome in got):
            return self._say("not_attempted")
        if watch.ran_a_solution:
            return self._say("not_yours")
        for outcome in got:
            if outcome.changed:
                return self._say("changed_argument", position=outcome.changed)
        if watch.left:
            return self._say("left_switched", names=", ".join(sorted(watch.left)))
        right = self.outcomes(self.right)
        rows = zip(self._cases(), got, right, self.tolerances(), strict=True)
        return self._compared(value, [Seen(*row) for row in rows], watch)

    def _compared(self, value: Callable, table: list[Seen], watch: Watch) -> tuple[str, str] | None:
        """The mistake that results show when held against the right ones, and its message."""
        wrong = [seen for seen in table if not seen.has_right_values()]
        if wrong:
            return self._named(table, wrong) or self._wrong_value(value, table, wrong)
        wrong = [seen for seen in table if not seen.has_right_gradients()]
        if wrong:
            return self._named(table, wrong) or self._wrong_gradient(wrong[0])
        return self._broken_promise(table, watch)

    def _say(self, name: str, /, **values: object) -> tuple[str, str]:
        text = self.mistakes[name] if name in self.mistakes else COMMON_MISTAKES[name]
        return name, text.format(**values)

    def _label(self, case: given) -> str:
        names = list(self._signature.parameters)
        return str(case.case) or described(case.args, case.kwargs, names)

    def _named(self, table: list[Seen], wrong: list[Seen]) -> tuple[str, str] | None:
        """The mistake that the answer is proven to make, if any."""
        judges_gradients = all(seen.has_right_values() for seen in table)
        for name, way in self.ways():
            if all(self._equals(way, seen, judges_gradients) for seen in table):
                return self._say(name)
        for name, mistake in self._known.items():
            if mistake.when and mistake.when(wrong):
                return self._say(name)
        return None

    def _equals(self, way: Callable, seen: Seen, judges_gradients: bool) -> bool:
        """Whether the answer gives on this input what a wrong solution gives."""
        wrong = self._outcome(way, seen.case.args, seen.case.kwargs, None)
        return same_values(seen.got, wrong, seen.tolerance) and (
            not judges_gradients or same_gradients(seen.got, wrong, seen.tolerance)
        )

    def _wrong_value(
        self, value: Callable, table: list[Seen], wrong: list[Seen]
    ) -> tuple[str, str]:
        for seen in wrong:
            if error := seen.got.error:
                return self._misused(error) or ("raised", raised(error, self._label(seen.case)))
        first = wrong[0]
        label, got, right = self._label(first.case), first.got, first.right
        if got.result is None:
            return self._say("no_return")
        if right.error:
            return self._say("should_raise", case=label, got=_in_short(got.result))
        if got.parts is None:
            return self._wrong_kind(got.result)
        if order := self._another_order(table):
            return self._say("swapped_results", expected=self._whole, got=order)
        if related := self._related(table):
            return related
        index = next(
            i
            for i, pair in enumerate(zip(got.parts, right.parts, strict=True))
            if not first.tolerance.allow_all(*pair)
        )
        part, right_part = got.parts[index], right.parts[index]
        if part.keys() != right_part.keys():
            return self._other_places(label, self._parts[index], part, right_part)
        place = next(p for p in part if not first.tolerance.allows(part[p], right_part[p]))
        if where := f"{self._parts[index]}{place}":
            label = _PART.format(case=label, part=where)
        got_array, right_array = part[place], right_part[place]
        if got_array.shape != right_array.shape:
            shapes = {"expected": right_array.shape, "got": got_array.shape}
            name, message = self._say("wrong_shape", **shapes)
            return name, _OF_THIS.format(case=label, message=message)
        if ignored := self._ignored(value, table):
            return self._say("argument_ignored", name=ignored)
        said = difference(got_array, right_array, first.tolerance)
        if all(_right_in_float32(seen) for seen in wrong):
            return self._say("lost_precision", case=label, difference=said)
        message = _WRONG.format(case=label, difference=said)
        if len(table) > len(wrong):
            others = len(table) - len(wrong)
            message += str(_ONE_OTHER) if others == 1 else _OTHERS.format(count=others)
        return "wrong_value", message

    def _misused(self, error: BaseException) -> tuple[str, str] | None:
        """Where the check's own use of an answer fails, what a call gave has the wrong type."""
        *_, (frame, _) = traceback.walk_tb(error.__traceback__)
        if self._use is None or not frame.f_code.co_qualname.startswith(self._use.__qualname__):
            return None  # (its comprehensions bear its name, too)
        said = f"{type(error).__name__}: {error}"
        return self._say("unusable", got=self.name, error=said)

    def _wrong_kind(self, result: Any) -> tuple[str, str]:
        if self._whole and isinstance(result, tuple | list) and len(result) != len(self._parts):
            return self._say("wrong_length", expected=self._whole, got=len(result))
        return self._say("wrong_type", expected=self._whole or _NUMBERS, got=type(result).__name__)

    def _related(self, table: list[Seen]) -> tuple[str, str] | None:
        """A relation that the wrong part of the results has to the right one, on all inputs."""
        wrong = [index for index in range(len(self._parts)) if not self._is_right(table, index)]
        found = relation(table, wrong[0], self._arguments) if len(wrong) == 1 else None
        if found is None:
            return None
        name, values = found
        message, part = RELATIONS[name].format(**values), self._parts[wrong[0]]
        return name, _OF_THIS.format(case=part, message=message) if part else message

    def _is_right(self, table: list[Seen], index: int) -> bool:
        """Whether one part of the results is right on all inputs."""
        return all(
            seen.got.parts is not None
            and seen.right.parts is not None
            and seen.tolerance.allow_all(seen.got.parts[index], seen.right.parts[index])
            for seen in table
            if not seen.right.error
        )

    def _arguments(self, seen: Seen) -> dict[str, Any]:
        return self._signature.bind(*seen.case.args, **seen.case.kwargs).arguments

    def _other_places(
        self, label: str, name: str, got: dict[str, np.ndarray], right: dict[str, np.ndarray]
    ) -> tuple[str, str]:
        """Where a list, tuple or dict should be, with other entries."""
        words = [
            (f"{name}: " if name else "")
            + ", ".join(f"{place or 'array'} {array.shape}" for place, array in part.items())
            for part in (right, got)
        ]
        found, message = self._say("wrong_type", expected=words[0], got=words[1])
        return found, _OF_THIS.format(case=label, message=message)

    def _another_order(self, table: list[Seen]) -> str:
        """The order in which the results come, where that is all that is wrong."""
        for order in itertools.permutations(range(len(self._parts))):
            if all(
                seen.got.parts is not None
                and seen.right.parts is not None
                and all(
                    seen.tolerance.allow_all(seen.got.parts[at], part)
                    for at, part in zip(order, seen.right.parts, strict=True)
                )
                for seen in table
                if not (seen.right.error and seen.has_right_values())
            ):
                return f"({', '.join(self._parts[order.index(i)] for i in range(len(order)))})"
        return ""

    def _ignored(self, value: Callable, table: list[Seen]) -> str:
        """The number, word or truth among the arguments that has no effect, and should have one."""
        bound = [self._arguments(seen) for seen in table]
        for name in self._signature.parameters:
            settings = {b[name] for b in bound if isinstance(b.get(name), bool | int | float | str)}
            matters = effects = False
            for index, setting in itertools.islice(
                itertools.product(range(len(table)), settings), 20
            ):
                seen = table[index]
                if not seen.got.is_finite:  # nan stays nan, whatever the argument
                    continue
                right, got = (
                    self._once(function, index, name, setting) for function in (self.right, value)
                )
                if not same_values(right, seen.right, seen.tolerance):
                    matters = True
                    effects |= not same_values(got, seen.got, Tolerance(0.0))
            if matters and not effects and not self._is_constant(table):
                return name
        return ""

    def _once(self, function: Callable, index: int, name: str, setting: Any) -> Outcome:
        """What a function makes of one input with one argument changed."""
        case = list(self._cases())[index]
        bound = self._signature.bind(*case.args, **case.kwargs)
        bound.arguments[name] = setting
        is_right = function is self.right
        args = tuple(map(widened, bound.args)) if is_right else bound.args
        return self._outcome(function, args, bound.kwargs, None if is_right else Watch())

    def _is_constant(self, table: list[Seen]) -> bool:
        return all(same_values(seen.got, table[0].got, Tolerance(0.0)) for seen in table)

    def _wrong_gradient(self, seen: Seen) -> tuple[str, str]:
        if seen.got.gradients is None:
            return self._say("lost_gradient", why=seen.got.why_no_gradient)
        pairs = zip(seen.got.gradients, seen.right.gradients or (), strict=True)
        tolerance = Tolerance(seen.tolerance.eps, slack=seen.tolerance.slack)
        said = next(
            difference(got, right, tolerance)
            for got, right in pairs
            if not tolerance.allows(got, right)
        )
        return self._say("wrong_gradient", case=self._label(seen.case), difference=said)

    def _broken_promise(self, table: list[Seen], watch: Watch) -> tuple[str, str] | None:
        for seen in table:
            label = self._label(seen.case)
            if seen.got.shares_memory:
                return self._say("shares_memory", case=label)
            if self._keeps_dtype:
                result = seen.got.result[0] if self._whole else seen.got.result
                for given_one, one in zip(flat(seen.case.args[0]), flat(result), strict=False):
                    expected, got = (getattr(v, "dtype", type(v)) for v in (given_one, one))
                    if got != expected:
                        return self._say("wrong_dtype", case=label, expected=expected, got=got)
        if watch.used:
            return self._say("used_forbidden", names=", ".join(sorted(watch.used)))
        return None


def _code_of(right: Any) -> list[CodeType]:
    """Of a function, or of the methods of a class."""
    functions = vars(right).values() if inspect.isclass(right) else [right]
    return [function.__code__ for function in functions if inspect.isfunction(function)]


def _right_in_float32(seen: Seen) -> bool:
    """Whether a wrong result is right to the digits that float32 has: a float64 one may be."""
    loose = Tolerance(_FLOAT32, seen.tolerance.terms, seen.tolerance.slack)
    return same_values(seen.got, seen.right, loose)


def _in_short(result: Any) -> str:
    try:
        return shown(result)
    except (TypeError, ValueError, RuntimeError):
        return type(result).__name__


def right_answer(
    *, cases: Callable[[], Iterable[given]], hint: Text, **promises: Any
) -> Callable[[Callable], ReferenceExercise]:
    """Make the decorated function the right answer of an exercise.

    cases: makes the inputs anew, always the same; they must tell all mistakes apart.
    promises: those of ReferenceExercise. use: for an answer that takes more than one call, such as a
    class; ``use(answer, *args)`` makes of it, for each input, what is compared. parts, such as
    "(param, velocity)", names several results, each numbers or a list or dict of these.
    gradient_of: numbers of the arguments with respect to which the gradient must be right.
    is_new: the result shares no memory with an argument. keeps_dtype: it (or the first of its parts,
    item by item) has that of the first argument.
    forbidden: functions that must not be called. terms: of the arguments, the size of the largest
    numbers that are added up on the way (one, or one for each result), if it is not that of the
    largest result; a result may be off by ``slack`` roundings of these and of itself. enough: a
    dtype whose roundings are forgiven where a finer one comes in, unless the prompt promises more.
    """
    return lambda right: ReferenceExercise(right, cases, hint, **promises)
