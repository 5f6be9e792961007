"""Exercises that know the mistakes people really make: ``check``, ``hint`` and ``solution``.

An exercise is a function that tries an answer on inputs with known results. Where it recognizes a
misconception it calls ``answer.mistake("its_name")``; the sentence for it stands in the decorator,
in both languages. Everything else that can go wrong (nothing written yet, an exception, a missing
``return``, a wrong shape, an argument changed in place) is noticed for every exercise alike. Where
an exception came from says the traceback: a fault of the exercise itself is nobody's mistake.
"""

import dis
import inspect
import os
import traceback
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import CodeType
from typing import Any, NoReturn

import numpy as np
from torch import Tensor

from course_utils.exercises.compare import as_array, copied, is_same
from course_utils.exercises.messages import COMMON_MISTAKES, described, raised
from course_utils.exercises.sandbox import FROM_OUTSIDE, Printed, TimeUp, Watch, call, sandbox
from course_utils.language import Text
from course_utils.progress import note_solved

_PASSED = Text("✓ 正確：{name}", "✓ Correct: {name}")
_NOT_YET = Text("✗ 還不對：{message}", "✗ Not yet: {message}")
_PRINTED = Text("你的程式印出：", "Your code printed:")
_MORE_LINES = Text("……（還有 {count} 行）", "… ({count} more lines)")
_LINES_SHOWN = 10

#: What an answer of the wrong type makes a check raise.
_OF_AN_ANSWER = (TypeError, ValueError, AttributeError, LookupError, ArithmeticError, RuntimeError)


@dataclass(frozen=True)
class Verdict:
    """What a check found: passed, or the name of the mistake and the sentence for the reader."""

    passed: bool
    mistake: str | None = None
    message: str = ""
    printed: str = ""


class _MistakeFound(Exception):
    def __init__(self, mistake: str, message: str) -> None:
        super().__init__(message)
        self.mistake, self.message = mistake, message


class Answer:
    """A student's answer under examination: call it as the student's own function or class."""

    def __init__(self, value: Any, mistakes: dict[str, Text]) -> None:
        self.value = value
        self._mistakes = mistakes
        self._watch = Watch()
        self._input = ""  # of the latest call, in words
        self._given = () if callable(value) else (value,)  # what the check has seen of the answer

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The student's result; a missing return and a changed tensor or array are mistakes."""
        before = [copied(arg) for arg in args]
        self._input = described(args, kwargs)
        result = self._call(*args, **kwargs)
        self._given = (result,)
        if self._watch.ran_a_solution:
            self.mistake("not_yours")
        if self._watch.left:
            self.mistake("left_switched", names=", ".join(sorted(self._watch.left)))
        for position, (old, new) in enumerate(zip(before, args, strict=True), start=1):
            if not is_same(old, new):
                self.mistake("changed_argument", position=position)
        if result is None:
            self.mistake("no_return")
        return result

    def _call(self, *args: Any, **kwargs: Any) -> Any:
        return call(self.value, args, kwargs, self._watch)  # what is raised from here on is theirs

    def mistake(self, name: str, **values: object) -> NoReturn:
        """End the examination: the answer makes the mistake of this name."""
        text = self._mistakes[name] if name in self._mistakes else COMMON_MISTAKES[name]
        raise _MistakeFound(name, text.format(**values))

    def matches(self, got: Any, expected: Any, *, tolerance: float = 1e-5) -> bool:
        """Whether ``got`` has the shape of ``expected`` and its values, relative to their size.

        A wrong type or shape ends the examination; a wrong value is for the caller to explain.
        Any dtype and any of float, list, array or tensor will do.
        """
        got_array, expected_array = self._as_array(got, expected), _as_array(expected)
        if got_array.shape != expected_array.shape:
            self.mistake("wrong_shape", expected=expected_array.shape, got=got_array.shape)
        return bool(
            np.allclose(got_array, expected_array, rtol=tolerance, atol=tolerance, equal_nan=True)
        )

    def recognize(
        self, got: Any, alternatives: Mapping[str, Any], *, tolerance: float = 1e-5
    ) -> None:
        """End the examination where ``got`` is what one of the known mistakes gives.

        alternatives: the mistake's name -> its result, or a tuple of results where it has several;
        one of another shape is passed over. Tried in order, so the likelier mistake goes first.
        """
        got_array = self._as_array(got, next(iter(alternatives.values()), None))
        for mistake, results in alternatives.items():
            for result in results if isinstance(results, tuple) else (results,):
                same_shape = got_array.shape == _as_array(result).shape
                if same_shape and self.matches(got, result, tolerance=tolerance):
                    self.mistake(mistake)

    def require(self, got: Any, expected: Any, case: str, *, tolerance: float = 1e-5) -> None:
        """End the examination unless ``got`` matches ``expected``; ``case`` says on which input."""
        if not self.matches(got, expected, tolerance=tolerance):
            self.mistake("wrong_value", case=case, expected=_short(expected), got=_short(got))

    def parts(self, result: Any, names: str) -> tuple[Any, ...]:
        """The values of a tuple or list, as many as ``names`` has, such as "(param, velocity)"."""
        if not isinstance(result, tuple | list):
            self.mistake("wrong_type", expected=names, got=type(result).__name__)
        if len(result) != names.count(",") + 1:
            self.mistake("wrong_length", expected=names, got=len(result))
        return tuple(result)

    def numbers(self, value: Any, name: str) -> np.ndarray:
        """The numbers of a value; ``name`` is what it should be, where it has none."""
        try:
            return as_array(value)
        except (TypeError, ValueError, RuntimeError):
            self.mistake("wrong_type", expected=name, got=type(value).__name__)

    def entries(self) -> dict[Any, Any]:
        """The dict that the student gave, as it is or as a function that returns it."""
        given = self() if callable(self.value) else self.value
        if not isinstance(given, dict):
            self.mistake("wrong_type", expected="dict", got=type(given).__name__)
        if given and all(value is ... for value in given.values()):
            self.mistake("not_attempted")
        return given

    def readings(self, cases: Iterable[str], choices: Collection[str]) -> Iterator[tuple[str, str]]:
        """(case, choice) for each case the student has read, in the order of ``cases``.

        Upper and lower case count as the same. A choice that is not on the list, and in the end a
        case that was left out, are mistakes.
        """
        given = {str(k).strip().upper(): v for k, v in self.entries().items() if v is not ...}
        missing = []
        for case in cases:
            if case not in given:
                missing.append(case)
                continue
            choice = str(given[case]).strip().lower().replace(" ", "_")
            if choice not in choices:
                names = ", ".join(sorted(choices))
                self.mistake("unknown_name", case=case, given=repr(given[case]), names=names)
            yield case, choice
        if missing:
            self.mistake("missing_entries", names=", ".join(missing))

    def _blame(self, error: BaseException, checker: str) -> tuple[str, str] | None:
        """The mistake and its message behind an exception; None if the fault is the check's own.

        checker: name of the module that examines.
        """
        frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
        running = {frame.f_code for frame in frames}
        modules = {frame.f_globals.get("__name__") for frame in frames}
        theirs = {"__main__", getattr(self.value, "__module__", None)} - {checker, None}
        if isinstance(error, KeyError) and Answer.mistake.__code__ in running:
            return None  # no such mistake, or its sentence asks for a value that was not given
        owner = getattr(error, "obj", None)  # what lacks the attribute of an AttributeError
        lacking = inspect.isclass(self.value) and isinstance(owner, self.value)
        if Answer._call.__code__ in running or modules & theirs or lacking:
            if ends_in_a_stub(error):
                return "not_attempted", str(COMMON_MISTAKES["not_attempted"])
            return "raised", raised(error, self._input)
        if not self._given or isinstance(owner, Answer) or not isinstance(error, _OF_AN_ANSWER):
            return None
        got, said = type(self._given[0]).__name__, f"{type(error).__name__}: {error}"
        return "unusable", COMMON_MISTAKES["unusable"].format(got=got, error=said)

    def _as_array(self, got: Any, expected: Any) -> np.ndarray:
        try:
            return _as_array(got)
        except (TypeError, ValueError, RuntimeError):
            self.mistake("wrong_type", expected=type(expected).__name__, got=type(got).__name__)


class Exercise:
    """One exercise: ``check(answer)``, ``hint()``, ``solution()``."""

    #: How long a check may take.
    seconds = 10.0

    def __init__(
        self, examine: Callable[[Answer], None], hint: Text, mistakes: dict[str, Text]
    ) -> None:
        self.name = examine.__name__
        self.mistakes = mistakes
        self._examine, self._hint, self._module = examine, hint, examine.__module__

    def examine(self, value: Any) -> Verdict:
        """Try an answer and say what was found; prints nothing, and leaves all settings as they are.

        Raises only what is the fault of the exercise itself, as it is, and Ctrl-C.
        """
        if is_untouched(value):
            return Verdict(False, "not_attempted", str(COMMON_MISTAKES["not_attempted"]))
        if str(getattr(value, "__module__", "")).startswith(f"{__name__}.solutions"):
            return Verdict(False, "not_yours", str(COMMON_MISTAKES["not_yours"]))
        try:
            with sandbox(self.seconds) as printed:
                found = self._try(value)
        except TimeUp:
            found = "time_up", COMMON_MISTAKES["time_up"].format(seconds=self.seconds)
        return Verdict(found is None, *(found or (None, "")), printed=_shortened(printed))

    def _try(self, value: Any) -> tuple[str, str] | None:
        """The mistake and its message; None if the answer is right."""
        answer = Answer(value, self.mistakes)
        try:
            self._examine(answer)
        except FROM_OUTSIDE:
            raise
        except _MistakeFound as found:
            return found.mistake, found.message
        except BaseException as error:  # a student's SystemExit and KeyboardInterrupt too
            if (found := answer._blame(error, self._module)) is None:
                raise
            return found
        return None

    def check(self, value: Any) -> None:
        """Print whether the answer is right, else what is wrong with it; nbgrader gets an exception."""
        verdict = self.examine(value)
        if verdict.passed:
            print(_PASSED.format(name=self.name))
            package, _, lesson = self._module.rpartition(".")
            if package == __name__ and (why_not := note_solved(lesson, self.name)):
                print(why_not)
        elif os.environ.get("NBGRADER_EXECUTION"):
            raise AssertionError(verdict.message)
        elif verdict.mistake == "not_attempted":
            print(f"○ {verdict.message}")
        else:
            print(_NOT_YET.format(message=verdict.message))
        if verdict.printed:
            print(f"\n{_PRINTED}\n{verdict.printed}")

    def hint(self) -> None:
        """Print a first step."""
        print(self._hint)

    def solution(self) -> None:
        """Print the reference solution, where the course was handed out with solutions."""
        package, _, subject = self._module.rpartition(".")
        try:
            module = import_module(f"{package}.solutions.{subject}")
        except ModuleNotFoundError:
            print(Text("這份作業不附參考解答。", "This assignment comes without solutions."))
            return
        answer = getattr(module, self.name)
        is_code = inspect.isfunction(answer) or inspect.isclass(answer)
        print(inspect.getsource(answer) if is_code else f"{self.name} = {answer!r}")


def exercise(*, hint: Text, **mistakes: Text) -> Callable[[Callable[[Answer], None]], Exercise]:
    """Turn a function that examines an Answer into an Exercise; ``mistakes`` are the known ones."""
    return lambda examine: Exercise(examine, hint, mistakes)


def is_untouched(value: Any) -> bool:
    """Whether nothing was written yet: ``...``, a stub, a function without a body, a class of stubs."""
    if inspect.isclass(value):
        methods = [part for part in vars(value).values() if inspect.isfunction(part)]
        return bool(methods) and all(_is_stub(method.__code__) for method in methods)
    if inspect.isfunction(value):
        return _is_stub(value.__code__) or _is_empty(value.__code__)
    return value is ...


def ends_in_a_stub(error: BaseException) -> bool:
    """Whether it is the NotImplementedError of a function that does nothing else."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    return isinstance(error, NotImplementedError) and _is_stub(frame.f_code)


def _is_stub(code: CodeType) -> bool:
    """Whether all it can do is raise NotImplementedError."""
    returns = any("RETURN" in step.opname for step in dis.get_instructions(code))
    return code.co_names == ("NotImplementedError",) and not returns


def _is_empty(code: CodeType) -> bool:
    """Whether it is ``pass``, ``...`` or a docstring."""
    steps = list(dis.get_instructions(code))
    constants = [step.argval for step in steps if "CONST" in step.opname]
    quiet = {"RESUME", "NOP", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST"}
    is_quiet = {step.opname for step in steps} <= quiet and constants == [None]
    return is_quiet and code.co_name != "<lambda>"


def _shortened(printed: Printed) -> str:
    lines, num_more = printed.first_lines(_LINES_SHOWN)
    return "\n".join([*lines, _MORE_LINES.format(count=num_more)] if num_more else lines)


def _as_array(value: Any) -> np.ndarray:
    if isinstance(value, Tensor):
        value = value.detach().cpu()
    if isinstance(value, list | tuple):
        value = [_as_array(item) for item in value]
    return np.asarray(value, dtype=np.float64)


def _short(value: Any) -> str:
    if isinstance(value, bool | int):
        return str(value)  # a truth or a count
    with np.printoptions(precision=4, suppress=True, threshold=12, edgeitems=2):
        return " ".join(str(_as_array(value)).split())
