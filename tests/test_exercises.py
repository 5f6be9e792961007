"""The machinery behind every exercise, tried on exercises made here."""

import random
import re
import sys
from types import ModuleType

import numpy as np
import pytest
import torch

from course_utils.exercises import Answer, Verdict, exercise, start_here
from course_utils.language import Text, set_language

pytestmark = pytest.mark.usefixtures("english")


@exercise(
    hint=Text("先乘再說", "Multiply first"),
    tripled=Text("你乘了三：{got}", "you tripled: {got}"),
)
def double(answer: Answer) -> None:
    """Twice a tensor, whatever its shape."""
    for x in (torch.tensor([1.0, -2.0]), torch.ones(2, 3)):
        got = answer(x)
        if answer.matches(got, 3 * x):
            answer.mistake("tripled", got=float(got.sum()))
        answer.require(got, 2 * x, f"x of shape {tuple(x.shape)}")


def taking(*args):
    """An exercise that gives these arguments and accepts whatever is returned."""

    @exercise(hint=Text("無", "none"))
    def take(answer: Answer) -> None:
        answer(*args)

    return take


def taking_value(expected, case="the case"):
    """An exercise whose right answer, of no argument, is this value."""

    @exercise(hint=Text("", ""))
    def value(answer: Answer) -> None:
        answer.require(answer(), expected, case)

    return value


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
        (5, "raised", "not callable"),
        (lambda x: None, "no_return", "return"),
        (lambda x: x.mul_(2), "changed_argument", "number 1"),
        (lambda x: 3 * x, "tripled", "you tripled: -3.0"),
        (lambda x: "2", "wrong_shape", "should have shape (2,), yours has ()"),
        (lambda x: "two", "wrong_type", "should be Tensor, yours is str"),
        (lambda x: {"a": 1}, "wrong_type", "yours is dict"),
        (lambda x: [[1.0], [2.0, 3.0]], "wrong_type", "yours is list"),
        (lambda x: (2 * x).sum(), "wrong_shape", "should have shape (2,), yours has ()"),
        (lambda x: 2 * x[None], "wrong_shape", "yours has (1, 2)"),
        (lambda x: 2 * x.abs(), "wrong_value", "expected [ 2. -4.], got [2. 4.]"),
        (lambda x: 2 * x + 1e-3, "wrong_value", "x of shape (2,)"),
        (lambda x: x * float("nan"), "wrong_value", "got [nan nan]"),
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

    @exercise(hint=Text("無", "none"))
    def tries(answer: Answer) -> None:
        tried.append(answer.value)
        answer(0)

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
    assert tried == [unfinished]


@pytest.mark.parametrize(
    ("got", "expected", "matching"),
    [
        (1e6 + 1, 1e6, True),
        (1e6 + 100, 1e6, False),
        (1e-4, 0.0, False),
        ([1.0, np.nan], [1.0, np.nan], True),
        ([1.0, 0.0], [1.0, np.nan], False),
        ([np.inf], [np.inf], True),
        ([-np.inf], [np.inf], False),
        ([1e30], [np.inf], False),
        (True, 1.0, True),
    ],
)
def test_values_match_relative_to_their_size(got, expected, matching):
    assert Answer(None, {}).matches(got, expected) is matching


def test_a_tolerance_may_be_given():
    answer = Answer(None, {})
    assert answer.matches(1.01, 1.0, tolerance=0.02)
    assert not answer.matches(1.01, 1.0, tolerance=0.001)


def test_a_mistake_nobody_described_is_the_authors_error():
    with pytest.raises(KeyError, match="no_such_mistake"):
        Answer(None, double.mistakes).mistake("no_such_mistake")


@pytest.mark.parametrize(
    ("off", "matching"), [(1.9e-5, True), (-1.9e-5, True), (2.1e-5, False), (-2.1e-5, False)]
)
def test_the_tolerance_is_1e_5_of_the_size_and_as_much_again(off, matching):
    """At 1 that makes 2e-5, in every comparison alike."""

    @exercise(hint=Text("", ""), known=Text("", ""))
    def compares(answer: Answer) -> None:
        got = answer()
        assert answer.matches(got, 1.0) is matching
        answer.recognize(got, {"known": 1.0})
        answer.require(got, 1.0, "always")

    verdict = compares.examine(lambda: 1.0 + off)
    assert verdict.mistake == ("known" if matching else "wrong_value")
    assert Answer(None, {}).matches(1000 * (1 + off / 2), 1000.0) is matching
    assert Answer(None, {}).matches(off / 2, 0.0) is matching


@pytest.mark.parametrize("tolerance", [1e-5, 0.02])
def test_a_tolerance_given_is_that_of_every_comparison_and_relative_to_the_size(tolerance):
    @exercise(hint=Text("", ""), known=Text("", ""))
    def compares(answer: Answer) -> None:
        got, is_close = answer(), tolerance == 0.02
        assert answer.matches(got, 1000.0, tolerance=tolerance) is is_close
        if is_close:
            answer.require(got, 1000.0, "always", tolerance=tolerance)
        answer.recognize(got, {"known": 1000.0}, tolerance=tolerance)

    assert compares.examine(lambda: 1010.0).mistake == ("known" if tolerance == 0.02 else None)


@pytest.mark.parametrize(
    "container",
    [
        lambda x: [row.requires_grad_() for row in 2 * x],
        lambda x: (tuple(row) for row in [2 * x]).__next__(),
        lambda x: [[2 * number for number in x]] if x.ndim > 1 else [2 * number for number in x],
    ],
    ids=["rows with gradient", "tuple", "list of numbers"],
)
def test_tensors_inside_lists_and_tuples_count_as_numbers(container):
    answer = Answer(None, {})
    x = torch.tensor([1.0, -2.0])
    assert answer.matches(container(x), 2 * x)


def test_long_values_are_shown_by_their_ends_and_to_four_digits():
    verdict = taking_value(np.arange(13.0)).examine(lambda: np.full(13, 2 / 3))
    assert "expected [ 0. 1. ... 11. 12.], got [0.6667 0.6667 ... 0.6667 0.6667]" in verdict.message
    verdict = taking_value(np.arange(12.0)).examine(lambda: np.full(12, 1e-7))
    assert "expected [ 0. 1. 2. 3. 4. 5. 6. 7. 8. 9. 10. 11.], got [0. 0. " in verdict.message
    assert (
        "two rows"
        in taking_value(np.ones((2, 2)), "two rows").examine(lambda: np.zeros((2, 2))).message
    )


def test_keywords_reach_the_answer_and_a_common_mistake_may_get_words_of_its_own():
    @exercise(hint=Text("", ""), no_return=Text("", "nothing came back"))
    def with_keyword(answer: Answer) -> None:
        answer.require(answer(1, factor=3), 3, "by keyword")

    assert with_keyword.examine(lambda x, factor: factor * x) == Verdict(True)
    verdict = with_keyword.examine(lambda x, factor: None)
    assert (verdict.mistake, verdict.message) == ("no_return", "nothing came back")


def test_the_first_of_two_mistakes_that_look_alike_is_named():
    @exercise(hint=Text("", ""), likely=Text("", ""), rare=Text("", ""))
    def alike(answer: Answer) -> None:
        answer.recognize(answer(), {"likely": 2.0, "rare": (2.0, 3.0)})

    assert alike.examine(lambda: 2.0).mistake == "likely"
    assert alike.examine(lambda: 3.0).mistake == "rare"
    assert alike.examine(lambda: 4.0) == Verdict(True)


def test_parts_are_a_tuple_of_as_many_as_are_named():
    answer = Answer(None, {})
    assert answer.parts([1, 2], "(a, b)") == (1, 2)
    assert answer.parts((1,), "(a)") == (1,)


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


def test_models_and_closures_reach_the_answer_themselves_and_may_change():
    model = Uncopyable(2, 1)
    seen = []

    def answer(net, function, nested):
        seen.extend([net, function, nested[0]])
        with torch.no_grad():
            net.weight.zero_()
        return 0

    assert taking(model, not_implemented, [model]).examine(answer) == Verdict(True)
    assert seen[0] is model
    assert seen[1] is not_implemented
    assert seen[2] is model
    assert not model.weight.any()


# --- whose fault it is


STUDENTS = """
class Counter:
    def __init__(self):
        self.count = 0

    def add(self, amount):
        {body}

def counts(amounts):
    yield amounts[0]
    yield 1 / 0
"""


def students(name, body="self.count += amount"):
    """What a student's notebook defines."""
    namespace = {"__name__": "__main__"}
    exec(STUDENTS.format(body=body), namespace)
    return namespace[name]


@exercise(hint=Text("", ""))
def counter(answer: Answer) -> None:
    counter = answer()
    counter.add(2)
    answer.require(counter.count, 2, "2 added")


@pytest.mark.parametrize(
    ("value", "mistake", "says"),
    [
        (students("Counter"), None, ""),
        (students("Counter", "amount / 0"), "raised", "your code raised ZeroDivisionError"),
        (students("Counter", "torch.ones(2)"), "raised", "your code raised NameError"),
        (students("Counter", "raise NotImplementedError"), "not_attempted", "Not attempted"),
        (type("Adder", (), {}), "raised", "'Adder' object has no attribute 'add'"),
        (lambda: "text", "unusable", "yours is str, and the check met AttributeError: 'str'"),
        (lambda: type("Thing", (), {"add": list.sort})(), "unusable", "yours is Thing"),
    ],
)
def test_what_the_students_own_code_raises_is_theirs_and_else_the_answer_is_of_no_use(
    value, mistake, says
):
    verdict = counter.examine(value)
    assert verdict.mistake == mistake
    assert says in verdict.message


def test_what_is_raised_where_torch_calls_on_is_told_apart_too():
    @exercise(hint=Text("", ""))
    def stacked(answer: Answer) -> None:
        torch.stack(list(answer([1.0])))

    assert stacked.examine(lambda x: ["a", "b"]).mistake == "unusable"
    assert stacked.examine(students("counts")).mistake == "raised"
    assert stacked.examine(lambda x: torch.stack(["a"])).mistake == "raised"


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
        fault(answer(answer))

    for check in (faulty.examine, faulty.check):
        with pytest.raises((KeyError, AttributeError, NameError)) as raised:
            check(lambda answer: answer)
        assert re.match(error, f"{type(raised.value).__name__}: {raised.value}")


def test_before_anything_was_answered_no_answer_is_to_blame():
    @exercise(hint=Text("", ""))
    def faulty(answer: Answer) -> None:
        answer(torch.ones(2) @ torch.ones(3))

    with pytest.raises(RuntimeError, match="size"):
        faulty.examine(lambda x: x)


# --- recognizing a known mistake


@exercise(hint=Text("", ""), halved=Text("半", "half"), scaled=Text("倍", "scaled"))
def three_ones(answer):
    got = answer()
    alternatives = {"halved": np.full(3, 0.5), "scaled": (np.full(3, 2.0), np.full(4, 9.0))}
    answer.recognize(got, alternatives)
    answer.require(got, np.ones(3), "always")


@pytest.mark.parametrize(
    ("result", "mistake"),
    [
        ([0.5, 0.5, 0.5], "halved"),
        (torch.full((3,), 2.0), "scaled"),
        ([9.0, 9.0, 9.0, 9.0], "scaled"),
        ([1.0, 1.0, 1.0], None),
        ([7.0, 7.0, 7.0], "wrong_value"),
        (1.0, "wrong_shape"),
        ("text", "wrong_type"),
    ],
    ids=str,
)
def test_a_known_wrong_result_is_recognized_whatever_its_shape(result, mistake):
    assert three_ones.examine(lambda: result).mistake == mistake


# --- what a check does with what it found


@exercise(hint=Text("", ""))
def quotient_and_rest(answer):
    quotient, rest = answer.parts(answer(17, 5), "(quotient, rest)")
    answer.require(quotient, 3, "17 by 5")
    answer.require(rest, 2, "17 by 5")


@pytest.mark.parametrize(
    ("result", "mistake", "says"),
    [
        ((3, 2), None, ""),
        ([3.0, torch.tensor(2)], None, ""),
        ((2, 3), "wrong_value", "expected 3"),
        (3, "wrong_type", "should be (quotient, rest), yours is int"),
        (np.array([3, 2]), "wrong_type", "yours is ndarray"),
        ((3,), "wrong_length", "should be (quotient, rest), yours has length 1"),
        ((3, 2, 0), "wrong_length", "yours has length 3"),
    ],
)
def test_several_results_are_taken_apart(result, mistake, says):
    verdict = quotient_and_rest.examine(lambda a, b: result)
    assert verdict.mistake == mistake
    assert says in verdict.message


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
    assert lines[1] == "✗ Not yet: you tripled: -3.0"
    assert lines[2].startswith("○ Not attempted")


def test_check_speaks_chinese_to_a_chinese_reader(capsys):
    set_language("zh-TW")
    double.check(lambda x: 2 * x)
    double.check(lambda x: 3 * x)
    double.check(...)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["✓ 正確：double", "✗ 還不對：你乘了三：-3.0"]
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
