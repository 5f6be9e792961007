"""The machinery behind every exercise, tried on exercises made here."""

import random
import re
import sys
from types import ModuleType

import numpy as np
import pytest
import torch

from course_utils.exercises import Answer, Verdict, exercise, start_here
from course_utils.exercises.by_reference import given, right_answer
from course_utils.language import Text, set_language

pytestmark = pytest.mark.usefixtures("english")


@right_answer(
    cases=lambda: [
        given(x, case=f"x of shape {tuple(x.shape)}")
        for x in (torch.tensor([1.0, -2.0]), torch.ones(2, 3))
    ],
    hint=Text("先乘再說", "Multiply first"),
)
def double(x):
    """Twice a tensor, whatever its shape."""
    return 2 * x


double.mistake("tripled", Text("你乘了三。", "you tripled it."), lambda x: 3 * x)


def taking(*args):
    """An exercise that gives these arguments; its right answer is 0."""

    @right_answer(cases=lambda: [given(*args)], hint=Text("無", "none"))
    def take(*args):
        return 0

    return take


def not_implemented(x):
    raise NotImplementedError


def divides_by_zero(x):
    return 1 / 0


# --- what a check finds


@pytest.mark.parametrize(
    ("answer", "mistake", "says"),
    [
        (..., "not_attempted", "Not attempted"),
        (not_implemented, "not_attempted", "Not attempted"),
        (divides_by_zero, "raised", "ZeroDivisionError: division by zero"),
        (lambda: 0, "raised", "TypeError"),
        (5, "not_a_function", "yours is int"),
        (lambda x: None, "no_return", "return"),
        (lambda x: x.mul_(2), "changed_argument", "number 1"),
        (lambda x: 3 * x, "tripled", "you tripled it"),
        (lambda x: "two", "wrong_type", "should be numbers, yours is str"),
        (lambda x: {"a": 1}, "wrong_type", "array (2,), yours is ['a'] ()"),
        (lambda x: [[1.0], [2.0, 3.0]], "wrong_type", "[0] (1,), [1] (2,)"),
        (lambda x: (2 * x).sum(), "wrong_shape", "should have shape (2,), yours has ()"),
        (lambda x: 2 * x[None], "wrong_shape", "yours has (1, 2)"),
        (lambda x: 2 * x.abs(), "wrong_value", "expected [2, -4], got [2, 4]"),
        (lambda x: 2 * x + 1e-3 * x.abs(), "wrong_value", "x of shape (2,)"),
        (lambda x: x * float("nan"), "wrong_value", "got [nan, nan]"),
        (lambda x: 2 * x if x.ndim == 1 else x, "wrong_value", "x of shape (2, 3)"),
    ],
)
def test_a_wrong_answer_is_told_its_mistake(answer, mistake, says):
    verdict = double.examine(answer)
    assert (verdict.passed, verdict.mistake) == (False, mistake)
    assert says in verdict.message


@pytest.mark.parametrize(
    "answer",
    [
        lambda x: 2 * x,
        lambda x: (2 * x).tolist(),
        lambda x: tuple(2 * row for row in x),
        lambda x: (2 * x).double().numpy(),
        lambda x: (2 * x).requires_grad_(),
        lambda x: (2 * x).int(),
        lambda x: 2 * x + 1e-7,
    ],
    ids=["tensor", "list", "tuple of tensors", "float64", "with gradient", "int", "rounded"],
)
def test_a_right_answer_passes_in_any_dtype_and_container(answer):
    assert double.examine(answer) == Verdict(True)


def test_an_untouched_stub_never_passes_even_where_the_exercise_would_accept_anything():
    for stub in (..., not_implemented):
        assert taking(1).examine(stub).mistake == "not_attempted"


def test_an_untouched_stub_is_not_tried_and_an_answer_that_raises_is():
    tried = []

    @right_answer(cases=lambda: [given(tried.append("a case") or 0)], hint=Text("無", "none"))
    def tries(x):
        return 0

    def explained(x):
        """What it should return."""
        raise NotImplementedError("your code here")

    def unfinished(x):
        if x:
            return x
        raise NotImplementedError

    for stub in (not_implemented, explained):
        assert tries.examine(stub).mistake == "not_attempted"
    assert tried == []
    assert tries.examine(unfinished).mistake == "raised"  # half-written, and that is an attempt
    assert tried


def test_a_mistake_nobody_described_is_the_authors_error():
    with pytest.raises(KeyError, match="no_such_mistake"):
        Answer(None, double.mistakes).mistake("no_such_mistake")


def test_a_common_mistake_may_get_words_of_its_own():
    @exercise(hint=Text("", ""), unknown_name=Text("", "{given} is no direction"))
    def reads(answer: Answer) -> None:
        list(answer.readings(["A"], ["up"]))

    assert reads.examine({"A": "left"}).message == "'left' is no direction"


@pytest.mark.parametrize("given", ["Two Words", " two words ", "TWO_WORDS"])
def test_a_choice_of_two_words_may_be_written_with_a_blank(given):
    seen = list(Answer({"a": given}, {}).readings(["A"], ["two_words", "other"]))
    assert seen == [("A", "two_words")]


def test_a_choice_that_is_none_is_shown_beside_all_there_are():
    @exercise(hint=Text("", ""))
    def reads(answer: Answer) -> None:
        list(answer.readings(["A"], ["left", "down"]))

    message = reads.examine({"A": "Up"}).message
    assert message == "A: 'Up' is not among the choices, which are down, left."


@pytest.mark.parametrize(
    ("answer", "argument"),
    [
        (lambda x: x.extend([1]) or 0, [1]),
        (lambda x: x.update(w=np.zeros(3)) or 0, {"w": np.zeros(2)}),
        (lambda x: x.update(v=1) or 0, {"w": 1}),
        (lambda x: x.__setitem__(0, 1) or 0, [True]),
        (lambda x: x.__setitem__(0, None) or 0, [0]),
        (lambda x: x.__setitem__(1, np.ones(1)) or 0, [np.zeros(1), np.zeros(1)]),
        (lambda x: x.fill(0) or 0, np.array([1, 2])),
        (lambda x: x.__setitem__("a", 2.0) or 0, {"a": [1.0]}),
    ],
)
def test_every_kind_of_change_is_noticed(answer, argument):
    assert taking(argument).examine(answer).mistake == "changed_argument"


def test_an_unfinished_answer_is_told_so_under_nbgrader_by_any_value_but_the_empty_one(
    monkeypatch, capsys
):
    monkeypatch.setenv("NBGRADER_EXECUTION", "")
    double.check(...)
    assert capsys.readouterr().out.startswith("○ Not attempted")
    monkeypatch.setenv("NBGRADER_EXECUTION", "validate")
    with pytest.raises(AssertionError, match="Not attempted"):
        double.check(...)


def test_a_solution_that_is_no_code_is_shown_as_an_assignment_and_a_class_as_code(
    monkeypatch, capsys
):
    solutions = ModuleType("course_utils.exercises.solutions.start_here")
    monkeypatch.setitem(sys.modules, solutions.__name__, solutions)
    solutions.accuracy = {"A": "up"}
    start_here.accuracy.solution()
    assert capsys.readouterr().out == "accuracy = {'A': 'up'}\n"
    solutions.accuracy = Uncopyable
    start_here.accuracy.solution()
    assert capsys.readouterr().out.startswith("class Uncopyable(")


# --- arguments changed in place

NAN = float("nan")


def assign(x):
    x[0] = 5.0
    return 0


@pytest.mark.parametrize(
    ("args", "answer"),
    [
        ([torch.zeros(3)], assign),
        ([np.zeros(3)], assign),
        ([[1.0, 2.0]], assign),
        ([torch.tensor([NAN, 1.0])], lambda x: torch.nan_to_num_(x)),
        ([np.array([NAN, 1.0])], lambda x: np.nan_to_num(x, copy=False)),
        ([[NAN, 1.0]], assign),
        ([torch.tensor([float("inf")])], lambda x: torch.nan_to_num_(x)),
        ([torch.ones(2, dtype=torch.bool)], lambda x: x.logical_not_()),
        ([torch.zeros(2, 3)], lambda x: x.resize_(3, 2)),
        ([[1, 2]], lambda x: x.append(3) or 0),
        ([[torch.zeros(2)]], lambda x: x[0].add_(1)),
        ([[torch.zeros(2)]], assign),
        ([[1.0, 2.0]], lambda x: x.__setitem__(0, torch.ones(2)) or 0),
        ([(np.zeros(2), np.zeros(2))], lambda state: state[1].__iadd__(1)),
        ([{"w": np.zeros(2)}], lambda weights: weights["w"].__iadd__(1)),
        ([{"w": 1}], lambda weights: weights.pop("w")),
        ([torch.nn.Parameter(torch.zeros(2))], lambda p: p.data.add_(1)),
    ],
)
def test_changing_an_argument_is_noticed(args, answer):
    assert taking(*args).examine(answer).mistake == "changed_argument"


def test_the_position_of_the_changed_argument_is_named():
    verdict = taking(torch.zeros(1), torch.zeros(1)).examine(lambda a, b: b.add_(1))
    assert "number 2" in verdict.message
    set_language("zh-TW")
    verdict = taking(torch.zeros(1), torch.zeros(1)).examine(lambda a, b: b.add_(1))
    assert "第 2 個" in verdict.message


@pytest.mark.parametrize(
    "argument",
    [
        torch.tensor([NAN, 1.0, float("inf")]),
        np.array([NAN, 1.0]),
        [NAN, 1.0],
        (np.array([NAN]), [NAN]),
        {"w": torch.tensor([NAN])},
        torch.ones(2, dtype=torch.bool),
        np.array(["a", "b"]),
        [torch.ones(2, requires_grad=True) * 2],  # not a leaf: copy.deepcopy refuses it
        iter([1]),
    ],
    ids=lambda argument: type(argument).__name__,
)
def test_an_argument_left_alone_is_not_blamed(argument):
    assert taking(argument).examine(lambda x: 0) == Verdict(True)


class Uncopyable(torch.nn.Linear):
    def __deepcopy__(self, memo):
        raise AssertionError("a model was copied")


def test_a_model_reaches_the_answer_itself_and_a_closure_may_change():
    model = Uncopyable(2, 1)
    seen = []

    def answer(net, function, nested):
        seen.extend([net, function, nested[0]])
        function.calls = 1
        return 0

    assert taking(model, not_implemented, [model]).examine(answer) == Verdict(True)
    assert seen[0] is model
    assert seen[1] is not_implemented
    assert seen[2] is model


# --- whose fault it is


STUDENTS = """
def readings():
    {body}
"""


def students(body):
    """A function of a student's notebook that gives the readings."""
    namespace = {"__name__": "__main__"}
    exec(STUDENTS.format(body=body), namespace)
    return namespace["readings"]


class Odd(dict):
    """A dict that cannot be read."""

    def items(self):
        return 5


@pytest.mark.parametrize(
    ("value", "mistake", "says"),
    [
        (students("return {'A': 'up', 'B': 'down'}"), None, ""),
        (students("1 / 0"), "raised", "your code raised ZeroDivisionError"),
        (students("torch.ones(2)"), "raised", "your code raised NameError"),
        (students("raise NotImplementedError"), "not_attempted", "Not attempted"),
        (students("[][1]"), "raised", "IndexError: list index out of range"),
        (lambda: None, "wrong_type", "yours is NoneType"),
        (Odd(), "unusable", "yours is Odd, and the check met TypeError: 'int' object"),
    ],
)
def test_what_the_students_own_code_raises_is_theirs_and_else_the_answer_is_of_no_use(
    value, mistake, says
):
    verdict = directions.examine(value)
    assert verdict.mistake == mistake
    assert says in verdict.message


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (lambda answer: answer.mistake("tripeld"), "KeyError: 'tripeld'"),
        (lambda answer: answer.mistake("wrong_length", got=1), "KeyError: 'expected'"),
        (lambda answer: answer.requires(1, 1, "case"), "AttributeError: .*'requires'"),
        (lambda answer: undefined, "NameError: .*'undefined'"),  # noqa: F821
    ],
)
def test_a_fault_of_the_exercise_is_raised_as_it_is(fault, error):
    @exercise(hint=Text("", ""))
    def faulty(answer: Answer) -> None:
        fault(answer)

    for check in (faulty.examine, faulty.check):
        with pytest.raises((KeyError, AttributeError, NameError)) as raised:
            check({})
        assert re.match(error, f"{type(raised.value).__name__}: {raised.value}")


# --- readings, and what a check does with what it found


@exercise(
    hint=Text("", ""), b_called_up=Text("{case} 往下", "{case} goes down"), other=Text("不是", "no")
)
def directions(answer):
    right = {"A": "up", "B": "down"}
    for case, choice in answer.readings(right, right.values()):
        if choice != right[case]:
            answer.mistake("b_called_up" if case == "B" else "other", case=case)


@pytest.mark.parametrize(
    ("given", "mistake", "says"),
    [
        ({"A": "up", "B": "down"}, None, ""),
        ({"b": " Down ", " a": "UP"}, None, ""),
        (lambda: {"A": "up", "B": "down"}, None, ""),
        ({"A": "up", "B": "up"}, "b_called_up", "B goes down"),
        ({"A": "down", "B": "up"}, "other", "no"),
        ({"A": ..., "B": "up"}, "b_called_up", "B goes down"),
        ({"A": "sideways", "B": "down"}, "unknown_name", "'sideways' is not among the choices"),
        ({"A": "up", "B": ...}, "missing_entries", "no answer yet for B"),
        ({}, "missing_entries", "no answer yet for A, B"),
        ({"A": ..., "B": ...}, "not_attempted", ""),
        (["up", "down"], "wrong_type", "should be dict, yours is list"),
    ],
)
def test_readings_are_taken_case_by_case(given, mistake, says):
    verdict = directions.examine(given)
    assert verdict.mistake == mistake
    assert says in verdict.message


def test_check_prints_and_goes_on(capsys):
    double.check(lambda x: 2 * x)
    double.check(lambda x: 3 * x)
    double.check(...)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "✓ Correct: double"
    assert lines[1] == "✗ Not yet: you tripled it."
    assert lines[2].startswith("○ Not attempted")


def test_check_speaks_chinese_to_a_chinese_reader(capsys):
    set_language("zh-TW")
    double.check(lambda x: 2 * x)
    double.check(lambda x: 3 * x)
    double.check(...)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["✓ 正確：double", "✗ 還不對：你乘了三。"]
    assert lines[2].startswith("○ 還沒有作答")


@pytest.mark.parametrize(
    ("answer", "says"), [(lambda x: 3 * x, "you tripled"), (..., "Not attempted")]
)
def test_under_nbgrader_a_failed_check_raises(monkeypatch, capsys, answer, says):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    with pytest.raises(AssertionError, match=says):
        double.check(answer)
    double.check(lambda x: 2 * x)
    assert capsys.readouterr().out == "✓ Correct: double\n"


def test_examining_prints_nothing_itself(capsys):
    for answer in (lambda x: 2 * x, lambda x: 3 * x, ..., divides_by_zero):
        double.examine(answer)
    assert capsys.readouterr() == ("", "")


def test_examining_is_repeatable_and_leaves_the_global_generators_alone():
    drawn = []

    def answer(x):
        drawn.append((float(torch.rand(())), float(np.random.rand()), random.random()))  # noqa: NPY002
        return 2 * x

    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    python_state = random.getstate()
    double.examine(answer)
    double.examine(lambda x: torch.rand(3) / 0 if answer(x) is None else divides_by_zero(x))
    assert drawn[2] == drawn[0]
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002
    assert random.getstate() == python_state


# --- hints and solutions


@pytest.mark.parametrize(("language", "says"), [("en", "Multiply first"), ("zh-TW", "先乘再說")])
def test_hint_speaks_the_readers_language(capsys, language, says):
    set_language(language)
    double.hint()
    assert capsys.readouterr().out == says + "\n"


def test_solution_prints_the_source_of_an_answer_that_passes(capsys):
    start_here.accuracy.solution()
    source = capsys.readouterr().out
    assert source.startswith("def accuracy(")
    namespace = {"Tensor": torch.Tensor}
    exec(source, namespace)
    assert start_here.accuracy.examine(namespace["accuracy"]) == Verdict(True)


@pytest.mark.parametrize(
    ("language", "says"), [("en", "comes without solutions"), ("zh-TW", "不附參考解答")]
)
def test_solution_says_so_where_the_assignment_has_none(monkeypatch, capsys, language, says):
    set_language(language)
    monkeypatch.setitem(sys.modules, "course_utils.exercises.solutions.start_here", None)
    start_here.accuracy.solution()
    assert says in capsys.readouterr().out
    emptied = ModuleType("course_utils.exercises.solutions")  # not a package: the folder is gone
    monkeypatch.setitem(sys.modules, "course_utils.exercises.solutions", emptied)
    monkeypatch.delitem(sys.modules, "course_utils.exercises.solutions.start_here")
    start_here.accuracy.solution()
    assert says in capsys.readouterr().out
