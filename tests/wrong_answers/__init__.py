"""Answers people really give, right and wrong, collected by decorators."""

import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from course_utils.exercises import Exercise


@dataclass(frozen=True)
class Case:
    """One answer to one exercise, and the mistake the check must name (None: it is right)."""

    exercise: Exercise
    mistake: str | None
    answer: Any
    module: str  # in which it stands

    def __str__(self) -> str:
        return f"{self.exercise.name}-{getattr(self.answer, '__name__', self.answer)}"


CASES: list[Case] = []


def wrong(exercise: Exercise, mistake: str) -> Callable:
    """The decorated answer must fail with this mistake."""

    module = sys._getframe(1).f_globals["__name__"]

    def collect(answer):
        CASES.append(Case(exercise, mistake, answer, module))
        return answer

    return collect


def right(exercise: Exercise) -> Callable:
    """The decorated answer is unusual, and right: it must pass."""

    module = sys._getframe(1).f_globals["__name__"]

    def collect(answer):
        CASES.append(Case(exercise, None, answer, module))
        return answer

    return collect


def as_a_student(subject: str) -> dict[str, Any]:
    """The solutions of a subject, as if they had been written in a notebook: name -> answer."""
    solutions = import_module(f"course_utils.exercises.solutions.{subject}")
    notebook: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(inspect.getsource(solutions), solutions.__file__, "exec"), notebook)
    return notebook
