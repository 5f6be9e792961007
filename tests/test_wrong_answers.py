"""Every exercise recognizes each mistake it knows, and lets every right answer pass."""

import inspect
import itertools
import re
from importlib import import_module
from pkgutil import iter_modules, walk_packages

import pytest
import torch
import wrong_answers

import course_utils.exercises
from course_utils.exercises import Exercise
from course_utils.exercises.by_reference import ReferenceExercise
from course_utils.exercises.messages import COMMON_MISTAKES
from course_utils.exercises.outcomes import tell_apart
from course_utils.exercises.relations import RELATIONS
from course_utils.exercises.sandbox import sandbox

for module in walk_packages(wrong_answers.__path__, "wrong_answers."):
    import_module(module.name)

EXERCISES = {}
for module in iter_modules(course_utils.exercises.__path__):
    if module.name != "solutions":
        subject = import_module(f"course_utils.exercises.{module.name}")
        found = [value for value in vars(subject).values() if isinstance(value, Exercise)]
        EXERCISES |= {(module.name, exercise.name): exercise for exercise in found}

every_exercise = pytest.mark.parametrize(
    ("subject", "exercise"),
    [(subject, exercise) for (subject, _), exercise in EXERCISES.items()],
    ids=[f"{subject}-{name}" for subject, name in EXERCISES],
)


@pytest.mark.parametrize("case", wrong_answers.CASES, ids=str)
def test_the_check_names_the_mistake(case):
    verdict = case.exercise.examine(case.answer)
    assert (verdict.passed, verdict.mistake) == (case.mistake is None, case.mistake), verdict


#: Messages that say what was done, though they are the same for every exercise.
SPECIFIC = {*RELATIONS, *COMMON_MISTAKES} - {
    *("raised", "unusable", "wrong_type", "wrong_shape", "wrong_value", "wrong_length"),
    *("should_raise", "constant"),
}


@every_exercise
def test_most_wrong_answers_written_from_the_prompt_alone_are_told_their_mistake(subject, exercise):
    """Most is 70 %; the rest reads what was seen, on which input."""
    told = [
        case.mistake in {*exercise.mistakes, *SPECIFIC}
        for case in wrong_answers.CASES
        if case.exercise is exercise and case.mistake and ".unseen." in case.module
    ]
    assert len(told) >= 10 and sum(told) >= 0.7 * len(told), f"{sum(told)} of {len(told)}"


@every_exercise
def test_the_reference_solution_passes(subject, exercise):
    verdict = exercise.examine(wrong_answers.as_a_student(subject)[exercise.name])
    assert verdict.passed, verdict


@pytest.mark.parametrize("subject", sorted({subject for subject, _ in EXERCISES}))
def test_every_mistake_that_is_named_has_its_sentence(subject):
    module = import_module(f"course_utils.exercises.{subject}")
    named = set(re.findall(r"mistake\(\s*\"(\w+)\"", inspect.getsource(module)))
    known = set(course_utils.exercises.COMMON_MISTAKES)
    for (of_subject, _), exercise in EXERCISES.items():
        known |= set(exercise.mistakes) if of_subject == subject else set()
    assert named <= known


@pytest.mark.parametrize(
    "exercise",
    [exercise for exercise in EXERCISES.values() if isinstance(exercise, ReferenceExercise)],
    ids=lambda exercise: exercise.name,
)
def test_the_inputs_tell_every_two_mistakes_and_the_right_answer_apart(exercise):
    with sandbox(60):
        right = exercise.outcomes(exercise.right)
        ways = [(name, exercise.outcomes(way)) for name, way in exercise.ways()]
        near = exercise.tolerances()
        assert not tell_apart(right, exercise.outcomes(exercise.right), near), "inputs change"
    for name, wrong in ways:
        assert tell_apart(wrong, right, near), f"{name} is right"
        for outcome, expected in zip(wrong, right, strict=True):
            assert outcome.error is None or expected.error is not None, (name, outcome.error)
    for (name, wrong), (other, also_wrong) in itertools.combinations(ways, 2):
        assert name == other or tell_apart(wrong, also_wrong, near), (name, other)


@every_exercise
def test_an_untouched_stub_is_not_an_attempt(subject, exercise):
    def stub(*args, **kwargs):
        raise NotImplementedError

    for untouched in (..., stub):
        assert exercise.examine(untouched).mistake == "not_attempted"


ODD = ["3", object(), {"a": 1}, [[1.0], [1.0, 2.0]], ("a", "b"), torch.tensor(1.0), [], int]


@every_exercise
def test_an_odd_answer_is_not_said_to_raise_what_the_check_does(subject, exercise):
    for value in ODD:
        verdict = exercise.examine(lambda *args, _value=value, **options: _value)
        assert not verdict.passed and verdict.mistake != "raised", (value, verdict)
