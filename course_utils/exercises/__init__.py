"""Exercises that know the mistakes people really make: ``check``, ``hint`` and ``solution``.

Most exercises ask for a function and are stated by their right answer (``by_reference``). Here stands
what all have in common, and ``exercise`` for those that ask for a value, such as readings of a plot:
a function looks at the value and calls ``answer.mistake("its_name")`` where it recognizes a
misconception; the sentence for it stands in the decorator, in both languages. Where an exception came
from says the traceback: a fault of the exercise itself is nobody's mistake.
"""

import dis
import inspect
import os
import traceback
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from types import CodeType
from typing import Any, NoReturn

import numpy as np

from course_utils.exercises.compare import as_array
from course_utils.exercises.messages import COMMON_MISTAKES, raised
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
    """A student's answer that is a value, such as a dict, under examination."""

    def __init__(self, value: Any, mistakes: dict[str, Text]) -> None:
        self.value = value
        self._mistakes = mistakes

    def mistake(self, name: str, **values: object) -> NoReturn:
        """End the examination: the answer makes the mistake of this name."""
        text = self._mistakes[name] if name in self._mistakes else COMMON_MISTAKES[name]
        raise _MistakeFound(name, text.format(**values))

    def numbers(self, value: Any, name: str) -> np.ndarray:
        """The numbers of a value; ``name`` is what it should be, where it has none."""
        try:
            return as_array(value)
        except (TypeError, ValueError, RuntimeError):
            self.mistake("wrong_type", expected=name, got=type(value).__name__)

    def entries(self) -> dict[Any, Any]:
        """The dict that the student gave, as it is or as a function that returns it."""
        given, watch = self.value, Watch()
        if callable(given):
            given = call(given, (), {}, watch)
        if watch.ran_a_solution:
            self.mistake("not_yours")
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

    def blame(self, error: BaseException) -> tuple[str, str] | None:
        """The mistake and its message behind an exception; None if the fault is the check's own."""
        running = {frame.f_code for frame, _ in traceback.walk_tb(error.__traceback__)}
        if call.__code__ in running:
            if ends_in_a_stub(error):
                return "not_attempted", str(COMMON_MISTAKES["not_attempted"])
            return "raised", raised(error)
        if isinstance(error, KeyError) and Answer.mistake.__code__ in running:
            return None  # no such mistake, or its sentence asks for a value that was not given
        is_ours = isinstance(getattr(error, "obj", None), Answer)  # it lacks an attribute
        if is_ours or not isinstance(error, _OF_AN_ANSWER):
            return None
        got, said = type(self.value).__name__, f"{type(error).__name__}: {error}"
        return "unusable", COMMON_MISTAKES["unusable"].format(got=got, error=said)


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

    def ways(self) -> list[tuple[str, Callable]]:
        """(name of a mistake, wrong solution that makes it); none where a check looks at a value."""
        return []

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
            if (found := answer.blame(error)) is None:
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
