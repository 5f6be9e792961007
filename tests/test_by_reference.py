"""An exercise stated by its right answer, tried on exercises made here."""

import sys
from importlib import import_module

import numpy as np
import pytest
import torch
from torch import nn

from course_utils.exercises.by_reference import ReferenceExercise, given, right_answer
from course_utils.exercises.compare import (
    Tolerance,
    as_array,
    copied,
    difference,
    eps_of,
    is_same,
    shown,
    shown_apart,
    widened,
)
from course_utils.exercises.outcomes import (
    Outcome,
    flat,
    same_gradients,
    same_values,
    shares_memory,
    tell_apart,
)
from course_utils.language import Text, set_language
from course_utils.seeding import generator

pytestmark = pytest.mark.usefixtures("english")


def _steps():
    param, grad = torch.randn(2, 3, generator=generator(0), dtype=torch.float64)
    yield given(param, grad, case=Text("沒有給 lr", "no lr given"))
    yield given(param, grad, 0.5, case=Text("lr 是 0.5", "lr of 0.5"))
    yield given(param.float(), grad.float(), lr=0.0, case=Text("lr 是 0", "lr of 0"))


@right_answer(
    cases=_steps,
    parts="(param, moved)",
    is_new=True,
    forbidden=[torch.dist],
    hint=Text("減", "subtract"),
)
def step(param, grad, lr=0.1):
    """(where it ends, how far that is)."""
    return param - lr * grad, (lr * grad).norm()


def _forward(param, grad, lr=0.1):
    return param + lr * grad, (lr * grad).norm()


step.mistake("uphill", Text("方向反了：往上走。", "this goes uphill, not down."), _forward)


def _linear(x):
    return 2 * x + 1


@right_answer(
    cases=lambda: [given(torch.tensor([1.0, -2.0])), given(torch.tensor([0.5]), case="one number")],
    gradient_of=[0],
    keeps_dtype=True,
    hint=Text("", ""),
)
def line(x):
    """A straight line."""
    return 2 * x + 1


def _step_of(param, grad, lr):
    return param - lr * grad, (lr * grad).norm()


def _to_do():
    raise NotImplementedError


def right_by_hand(param, grad, lr=0.1):
    moved = [p - lr * g for p, g in zip(param.tolist(), grad.tolist(), strict=True)]
    return moved, float(torch.linalg.norm(lr * grad))


@pytest.mark.parametrize(
    ("answer", "mistake", "says"),
    [
        (lambda p, g, lr=0.1: (p - lr * g, (lr * g).norm()), None, ""),
        (right_by_hand, None, ""),
        (_forward, "uphill", "this goes uphill"),
        (
            lambda p, g, lr=0.1: (p - min(lr, 0.1) * g, (lr * g).norm()),
            "wrong_value",
            "lr of 0.5, param: expected [",
        ),
        (lambda p, g, lr=0.1: ((lr * g).norm(), p - lr * g), "swapped_results", "(moved, param)"),
        (lambda p, g, lr=0.1: (p - 0.7 * g, (0.7 * g).norm()), "argument_ignored", "lr has no"),
        (
            lambda p, g, lr=0.1: _step_of(p, g, lr if p.dtype == torch.float64 else 0.7),
            "wrong_value",
            "lr of 0, param: expected [",
        ),
        (lambda p, g, lr=0.1: [p - lr * g, (lr * g).norm()], None, ""),
        (
            lambda p, g, lr=0.1: (p * float("nan"), (0.7 * g).norm()),
            "wrong_value",
            "got [nan, nan, nan]",
        ),
        (lambda p, g, lr=0.1: (torch.zeros(3), 0.0), "wrong_value", "no lr given, param"),
        (
            lambda p, g, lr=0.1: _step_of(p, g, lr) if lr != 0.5 else _step_of(p, g.float(), 0.6),
            "wrong_value",
            "lr of 0.5, param",
        ),
        (
            lambda p, g, lr=0.1: _step_of(p.float(), g, lr) if lr != 0.5 else (p - g, g.norm()),
            "wrong_value",
            "no lr given, param",
        ),
        (
            lambda p, g, lr=0.1: _step_of(p, g, lr) if lr else _to_do(),
            "not_attempted",
            "Not attempted",
        ),
        (
            lambda p, g, lr=0.1: (p * float("nan"), (lr * g).norm()),
            "wrong_value",
            "got [nan, nan, nan]",
        ),
        (lambda p, g, lr=0.5: (p - lr * g, (lr * g).norm()), "wrong_value", "no lr given, param"),
        (lambda p, g, lr: (p - lr * g, (lr * g).norm()), "raised", "for the input no lr given"),
        (lambda p, g, lr=0.1: (p - 1 / lr * g, lr * g), "raised", "for the input lr of 0"),
        (lambda p, g, lr=0.1: (p.sub_(lr * g), (lr * g).norm()), "changed_argument", "number 1"),
        (
            lambda p, g, lr=0.1: (p - lr * g if lr else p, (lr * g).norm()),
            "shares_memory",
            "lr of 0: what you return shares its memory",
        ),
        (
            lambda p, g, lr=0.1: p - lr * g,
            "wrong_type",
            "should be (param, moved), yours is Tensor",
        ),
        (lambda p, g, lr=0.1: (p - lr * g,), "wrong_length", "yours has length 1"),
        (lambda p, g, lr=0.1: ("a", "b"), "wrong_type", "yours is tuple"),
        (lambda p, g, lr=0.1: None, "no_return", "None"),
        (lambda p, g, lr=0.1: ..., "wrong_type", "yours is ellipsis"),
        (lambda p, g, lr=0.1: (..., ...), "wrong_type", "yours is tuple"),
        (lambda p, g, lr=0.1: ((p - lr * g)[None], (lr * g).norm()), "wrong_shape", "param: the"),
        (
            lambda p, g, lr=0.1: ((p - lr * g).float(), (lr * g).norm()),
            "lost_precision",
            "only about 7 digits are right",
        ),
        (lambda p, g, lr=0.1: (p - lr * g, torch.dist(p, p - lr * g)), "used_forbidden", "dist"),
        (0.5, "not_a_function", "yours is float. Write `def step(…):`"),
    ],
)
def test_what_an_answer_does_is_said_of_the_input_where_it_does_it(answer, mistake, says):
    verdict = step.examine(answer)
    assert (verdict.passed, verdict.mistake) == (mistake is None, mistake), verdict
    assert says in verdict.message


def test_the_other_inputs_are_counted_and_the_case_is_in_the_readers_language():
    def only_zero_is_wrong(param, grad, lr=0.1):
        return param - (lr or 1.0) * grad, (lr * grad).norm()

    assert step.examine(only_zero_is_wrong).message.endswith("The other 2 inputs are right.")
    assert "other" not in step.examine(lambda p, g, lr=0.1: (p + g + lr, 9 + lr)).message
    set_language("zh-TW")
    message = step.examine(only_zero_is_wrong).message
    assert message.startswith("結果不對。lr 是 0，param：應該是 [")
    assert message.endswith("其他 2 種輸入都對。")


def test_the_sentence_of_a_mistake_is_said_only_where_all_inputs_show_it():
    def uphill_but_for_one(param, grad, lr=0.1):
        sign = 1 if lr == 0.5 else -1
        return param - sign * lr * grad, (lr * grad).norm()

    assert step.examine(uphill_but_for_one).mistake == "wrong_value"


def test_the_tolerance_is_that_of_the_arguments_by_name_too():
    @right_answer(cases=lambda: [given(x=torch.full((2,), 1 / 3))], hint=Text("", ""))
    def same(x):
        return x

    assert [near.eps for near in same.tolerances()] == [2**-23]
    cases = lambda: [given(3.0, x=torch.full((2,), 1 / 3, dtype=torch.float64))]  # noqa: E731
    third = right_answer(cases=cases, hint=Text("", ""))(lambda n, x: x / n)
    assert third.examine(lambda n, x: (x / n).float().double()).mistake == "lost_precision"


def test_a_float32_result_is_not_said_to_have_lost_what_it_never_had():
    @right_answer(
        cases=lambda: [given(torch.ones(2) * 100)],
        terms=lambda x: 1e-9,
        slack=1.0,
        hint=Text("", ""),
    )
    def root(x):
        return x.sqrt()

    assert root.examine(lambda x: x.sqrt() * (1 + 3e-7)).mistake == "wrong_value"


@pytest.mark.parametrize(
    ("answer", "mistake", "says"),
    [
        (_linear, None, ""),
        (lambda x: _linear(x.detach()), "lost_gradient", "requires_grad=False"),
        (lambda x: x.detach() + x + 1, "wrong_gradient", "expected [2, 2], got [1, 1]"),
        (lambda x: torch.from_numpy(_linear(x.numpy())), "lost_gradient", "RuntimeError: Can't"),
        (lambda x: _linear(x).double(), "wrong_dtype", "float32, yours has torch.float64"),
        (
            lambda x: [x, x[:1, None]],
            "wrong_type",
            "should be array (2,), yours is [0] (2,), [1] (1, 1)",
        ),
    ],
)
def test_the_gradient_and_the_dtype_are_promises_too(answer, mistake, says):
    verdict = line.examine(answer)
    assert (verdict.passed, verdict.mistake) == (mistake is None, mistake), verdict
    assert says in verdict.message


def test_the_exercises_own_right_answer_is_no_answer():
    assert step.examine(lambda *args, **kwargs: step.right(*args, **kwargs)).mistake == "not_yours"


def test_a_model_that_is_given_may_not_be_changed():
    @right_answer(cases=lambda: [given(nn.Linear(2, 1))], hint=Text("", ""))
    def count(model):
        return 3

    def zeroes(model):
        nn.init.zeros_(model.weight)
        return 3

    assert count.examine(lambda model: model.eval() and 3).passed
    assert count.examine(zeroes).mistake == "changed_argument"


def _scripts():
    yield given([1.0, 2.0, 4.0], case=Text("三個數", "three numbers"))
    yield given([5.0], case=Text("一個數", "one number"))


def _totals(answer, numbers):
    running = answer()
    return [running.add(number) for number in numbers], running.total


@right_answer(cases=_scripts, use=_totals, parts="(after each, total)", hint=Text("", ""))
class RunningTotal:
    def __init__(self):
        self.total = 0.0

    def add(self, number):
        self.total += number
        return self.total


class _Sum(RunningTotal.right):
    """The right one, as a student would write it."""

    def __init__(self):
        self.total = 0.0

    def add(self, number):
        self.total = self.total + number
        return self.total


class _Shared(_Sum):
    seen = []  # noqa: RUF012

    def __init__(self):
        self.total = sum(self.seen)

    def add(self, number):
        self.seen.append(number)
        return super().add(number)


class _LateByOne(_Sum):
    def add(self, number):
        before = self.total
        super().add(number)
        return before


class _SaysNothing(_Sum):
    def add(self, number):
        super().add(number)
        return None


class _HasNoTotal:
    def add(self, number):
        return number


RunningTotal.mistake("late", Text("晚了一個。", "one too late."), _LateByOne)


@pytest.mark.parametrize(
    ("answer", "mistake", "says"),
    [
        (_Sum, None, ""),
        (RunningTotal.right, "not_yours", "own solution"),
        (5.0, "not_a_class", "yours is float. Write `class RunningTotal:`"),
        (_LateByOne, "late", "one too late"),
        (_Shared, "wrong_value", "one number, after each: expected [5], got [12]"),
        (_SaysNothing, "wrong_type", "yours is tuple"),
        (_HasNoTotal, "unusable", "'_HasNoTotal' object has no attribute 'total'"),
        (lambda: 5, "unusable", "'int' object has no attribute 'add'"),
        (type("Stub", (_Sum,), {"add": lambda self, number: 1 / 0}), "raised", "division by zero"),
    ],
)
def test_an_answer_that_takes_several_calls_is_used_as_the_exercise_says(answer, mistake, says):
    verdict = RunningTotal.examine(answer)
    assert (verdict.passed, verdict.mistake) == (mistake is None, mistake), verdict
    assert says in verdict.message


def _named_arrays():
    x = torch.arange(6.0).reshape(2, 3)
    yield given({"W": x, "b": torch.ones(3)}, [x, torch.zeros(2)])


@right_answer(
    cases=_named_arrays, parts="(doubled, halves)", keeps_dtype=True, is_new=True, hint=Text("", "")
)
def both(arrays, more):
    if not arrays:
        raise ValueError
    return {name: 2 * array for name, array in arrays.items()}, [array / 2 for array in more]


def _doubled(arrays):
    return {name: 2 * array for name, array in arrays.items()}


@pytest.mark.parametrize(
    ("answer", "mistake", "says"),
    [
        (lambda a, m: (_doubled(a), tuple(x / 2 for x in m)), None, ""),
        (lambda a, m: ([*_doubled(a).values()], m), "wrong_type", "doubled: ['W'] (2, 3), ['b']"),
        (lambda a, m: ({"W": 2 * a["W"]}, m), "wrong_type", "yours is doubled: ['W'] (2, 3)"),
        (lambda a, m: ({**a, "b": 2 * a["b"]}, m), "wrong_value", "doubled['W']: expected [[0, 2"),
        (lambda a, m: (_doubled(a), [m[0] / 2, m[1]]), "shares_memory", "shares its memory"),
        (lambda a, m: (_doubled(a), [m[0] / 2, m[1] + 1]), "wrong_value", "halves[1]: expected"),
        (lambda a, m: ([x / 2 for x in m], _doubled(a)), "swapped_results", "(halves, doubled)"),
        (
            lambda a, m: ({k: (2 * v).double() for k, v in a.items()}, [x / 2 for x in m]),
            "wrong_dtype",
            "float32, yours has torch.float64",
        ),
    ],
)
def test_results_may_be_lists_and_dicts_of_arrays(answer, mistake, says):
    verdict = both.examine(answer)
    assert (verdict.passed, verdict.mistake) == (mistake is None, mistake), verdict
    assert says in verdict.message, verdict.message


def test_a_dict_is_said_to_be_one_where_an_array_should_be():
    message = line.examine(lambda x: {"a": x}).message
    assert message == "x=[1, -2]: the result should be array (2,), yours is ['a'] (2,)."


def test_the_dtypes_in_a_dict_are_compared_by_name():
    @right_answer(
        cases=lambda: [given({"a": torch.ones(1), "b": torch.arange(2)})],
        keeps_dtype=True,
        hint=Text("", ""),
    )
    def same(arrays):
        return arrays

    assert same.examine(lambda arrays: dict(reversed(arrays.items()))).passed
    verdict = same.examine(lambda arrays: {"b": arrays["b"].float(), "a": arrays["a"]})
    assert verdict.mistake == "wrong_dtype" and "int64, yours has torch.float32" in verdict.message


def test_a_gradient_that_an_argument_does_not_have_is_0():
    cases = lambda: [given(torch.ones(1), torch.ones(1))]  # noqa: E731
    total = right_answer(cases=cases, gradient_of=[0, 1], hint=Text("", ""))(lambda x, y: x + y)
    verdict = total.examine(lambda x, y: x + y.detach())
    assert verdict.mistake == "wrong_gradient" and "expected [1], got [0]" in verdict.message


def test_a_mistake_in_values_is_told_without_regard_to_gradients():
    cases = lambda: [given(torch.tensor([1.0, -2.0])), given(torch.tensor([0.5]))]  # noqa: E731
    double = right_answer(cases=cases, gradient_of=[0], hint=Text("", ""))(lambda x: 2 * x)
    double.mistake("clipped", Text("截掉了。", "clipped."), lambda x: 2 * x.clamp(min=0))
    assert double.examine(lambda x: 2 * x.detach().clamp(min=0)).mistake == "clipped"


def test_a_mistake_may_be_proven_by_the_wrong_inputs_alone():
    cases = lambda: [given(1.0), given(1000.0)]  # noqa: E731
    bounded = right_answer(cases=cases, hint=Text("", ""))(lambda x: min(x, 10.0))
    bounded.mistake(
        "overflows",
        Text("溢位了。", "it overflows."),
        when=lambda wrong: all(seen.got.overflows for seen in wrong),
    )
    assert bounded.examine(lambda x: x if x < 10 else float("inf")).mistake == "overflows"
    assert bounded.examine(lambda x: 3 * x if x < 10 else float("inf")).mistake == "wrong_value"


def test_the_right_answer_is_given_float64_and_may_forgive_float32():
    x = torch.tensor([3.0, 7.0])
    far = lambda x: (x + 1e8) - 1e8  # noqa: E731
    assert (
        right_answer(cases=lambda: [given(x)], hint=Text("", ""))(far).examine(lambda x: x).passed
    )
    narrow = lambda x: (x / 3).float()  # noqa: E731
    for enough, passes in ((None, False), (torch.float32, True)):
        third = right_answer(cases=lambda: [given(x.double())], enough=enough, hint=Text("", ""))
        assert third(lambda x: x / 3).examine(narrow).passed is passes


def test_three_results_in_another_order_are_said_as_they_came():
    cases = lambda: [given(1), given(5)]  # noqa: E731
    three = right_answer(cases=cases, parts="(a, b, c)", hint=Text("", ""))(
        lambda x: (x, 10 * x, 100 * x)
    )
    verdict = three.examine(lambda x: (10 * x, 100 * x, x))
    assert verdict.mistake == "swapped_results" and "(b, c, a)" in verdict.message


def test_the_dtype_is_that_of_the_first_part_alone():
    @right_answer(
        cases=lambda: [given([torch.ones(1), torch.ones(1)])],
        parts="(total, count)",
        keeps_dtype=True,
        hint=Text("", ""),
    )
    def total(arrays):
        return arrays[0] + arrays[1], 2

    assert total.examine(lambda arrays: (sum(arrays), len(arrays))).passed


def test_an_error_is_right_where_it_is_of_the_kind_that_is_promised():
    @right_answer(cases=lambda: [given(1), given(0)], hint=Text("", ""))
    def inverse(x):
        if x == 0:
            raise ValueError
        return 1 / x

    def refuses(x):
        if not x:
            raise ValueError("no zero")
        return 1 / x

    assert inverse.examine(refuses).passed
    assert inverse.examine(lambda x: 1 / x).mistake == "raised"
    assert inverse.examine(lambda x: 1 / x if x else 0).mistake == "should_raise"
    verdict = inverse.examine(lambda x: 1 / x if x else 10**5000)  # which repr refuses to show
    assert verdict.mistake == "should_raise" and "int" in verdict.message


def _tables():
    for rows in (2, 3):
        x = torch.randn(rows, 4, generator=generator(rows), dtype=torch.float64).abs() + 0.1
        yield given(x, 0.5, case=Text(f"{rows} 列", f"{rows} rows"))


@right_answer(cases=_tables, hint=Text("", ""))
def mean_of_rows(x, scale):
    return scale * x.mean(dim=0)


@pytest.mark.parametrize(
    ("change", "mistake", "says"),
    [
        (lambda right, x: -right, "negated", "wrong sign"),
        (lambda right, x: right / 3, "scaled", "is 1/3 times"),
        (lambda right, x: 1.2345 * right, "scaled", "is 1.234 times"),
        (
            lambda right, x: 4 * right,
            "scaled",
            "is 4 times",
        ),  # no size, though x has always 4 columns
        (lambda right, x: 1e-6 * right, "scaled", "is 1e-06 times"),
        (lambda right, x: right * len(x), "scaled_by_size", "the length of x along axis 0"),
        (lambda right, x: right / x.numel(), "divided_by_size", "how many numbers x holds"),
        (lambda right, x: right + 0.25, "shifted", "leaves 0.25"),
        (lambda right, x: 1 / right, "inverted", "divided by the right"),
        (lambda right, x: 1 - right, "one_minus", "1 minus"),
        (lambda right, x: right**2, "squared", "square"),
        (lambda right, x: right.sqrt(), "root_taken", "root"),
        (lambda right, x: right.flip(0), "reversed", "reversed"),
        (lambda right, x: x.clone(), "returned_argument", "the argument x as it came"),
        (lambda right, x: torch.ones(4), "constant", "whatever the input"),
        (lambda right, x: right + x[0], "wrong_value", "2 rows: expected"),
        (
            lambda right, x: -right if len(x) == 2 else right,
            "wrong_value",
            "The other input is right.",
        ),
        (lambda right, x: -right if len(x) == 2 else 2 * right, "wrong_value", "2 rows"),
    ],
)
def test_a_relation_that_holds_on_all_inputs_is_said(change, mistake, says):
    verdict = mean_of_rows.examine(lambda x, scale: change(scale * x.mean(dim=0), x))
    assert (verdict.mistake, says in verdict.message) == (mistake, True), verdict


def _rows_and_a_word():
    for x in (torch.arange(1.0, 7).reshape(2, 3), torch.arange(4.0) + 1):
        yield given(x, "sum")


def _no_rows_first():
    yield given(torch.empty(0))
    yield given(torch.ones(2))


@pytest.mark.parametrize(
    ("cases", "right", "answer", "mistake"),
    [
        (_rows_and_a_word, lambda x, how: x + 1, lambda x, how: 3 * (x + 1), "scaled"),
        (_rows_and_a_word, lambda x, how: x + 1, lambda x, how: 0 * x, "wrong_value"),
        (_rows_and_a_word, lambda x, how: x > 2, lambda x, how: x > 3, "wrong_value"),
        (
            _rows_and_a_word,
            lambda x, how: x,
            lambda x, how: 2 * x if x.dim() == 1 else x[0, :1] * 2,
            "wrong_shape",
        ),
        (
            lambda: [given(1.0), given(2.0), given(3.0)],
            lambda x: x,
            lambda x: -x if x < 3 else "minus x",
            "wrong_value",
        ),
        (_no_rows_first, lambda x: 0 * x, lambda x: 0 * x + 2, "wrong_value"),
        (lambda: [given(torch.ones(2))], lambda x: x, lambda x: -x, "wrong_value"),
        (
            lambda: [given(2.0), given(4.0), given(0.0)],
            lambda x: 1 / x,
            lambda x: -1 / x,
            "negated",
        ),
    ],
    ids=[
        *("axes and words", "zeros", "truths", "one shape", "no numbers", "nothing", "one input"),
        "an error is no number",
    ],
)
def test_a_relation_is_looked_for_among_inputs_of_any_kind(cases, right, answer, mistake):
    right.__name__ = "right"
    exercise = right_answer(cases=cases, hint=Text("", ""))(right)
    assert exercise.examine(answer).mistake == mistake


def test_a_transposed_result_is_told_and_a_part_that_is_wrong_is_named():
    @right_answer(cases=_tables, parts="(first, second)", hint=Text("", ""))
    def both(x, scale):
        return x @ x[:2].T, scale * x

    def transposed(x, scale):
        return (x @ x[:2].T).T, scale * x

    def half(x, scale):
        return x @ x[:2].T, scale * x / 2

    assert both.examine(transposed).message.startswith("first: transposed, your result")
    assert both.examine(half).message == "second: every number is 1/2 times the right one."
    assert both.examine(lambda x, s: tuple(-a for a in half(x, s))).mistake == "wrong_value"


def test_results_are_swapped_where_there_are_any():
    @right_answer(cases=lambda: [given(7), given(-1)], parts="(tens, ones)", hint=Text("", ""))
    def digits(x):
        if x < 0:
            raise ValueError
        return divmod(x, 10)

    def ones_first(x):
        if x < 0:
            raise ValueError("negative")
        return x % 10, x // 10

    assert digits.examine(ones_first).mistake == "swapped_results"
    assert digits.examine(lambda x: (x % 10, x // 10)).mistake == "wrong_value"


def test_only_the_answer_is_watched_while_it_runs():
    watched = []

    @right_answer(cases=lambda: [given(2)], hint=Text("", ""))
    def same(x):
        watched.append(("right", sys.getprofile() is not None))
        return x

    def negated(x):
        watched.append(("mistake", sys.getprofile() is not None))
        return -x

    def answer(x):
        watched.append(("answer", sys.getprofile() is not None))
        return 0

    same.mistake("negated", Text("", ""), negated)
    same.examine(answer)
    assert ("right", True) not in watched and ("mistake", True) not in watched
    assert ("answer", True) in watched


def test_a_wrong_solution_that_is_right_on_all_inputs_is_not_told_apart():
    right, near = step.outcomes(step.right), step.tolerances()
    assert not tell_apart(right, step.outcomes(right_by_hand), near)
    assert tell_apart(right, step.outcomes(_forward), near)


STATED = [
    exercise
    for name in (
        *("start_here", "perceptron_xor", "losses", "activations"),
        *("optimizers", "optimizers_on_data"),
    )
    for exercise in vars(import_module(f"course_utils.exercises.{name}")).values()
    if isinstance(exercise, ReferenceExercise)
]
ODD = [
    *(1j, float("nan"), 10**400, True, (1, 2, 3), (float("nan"), float("nan")), (None, None)),
    *(np.array(["a"]), np.float64(3), torch.empty(0), torch.full((3,), float("inf"))),
    *(torch.zeros(100, 100), torch.eye(3).to_sparse(), torch.ones(3, device="meta")),
    *(torch.tensor(1.0, dtype=torch.bfloat16), torch.ones(3, requires_grad=True) * 2),
]


@pytest.mark.parametrize("exercise", [*STATED, step, both], ids=lambda exercise: exercise.name)
def test_whatever_an_answer_returns_there_is_a_verdict(exercise):
    for value in ODD:
        verdict = exercise.examine(lambda *args, _value=value, **options: _value)
        assert not verdict.passed and verdict.message, value


# --- comparing and showing


@pytest.mark.parametrize(
    ("got", "expected", "terms", "allowed"),
    [
        ([1 + 7e-6], [1.0], 0.0, True),
        ([1 + 9e-6], [1.0], 0.0, False),
        ([1e-6, 1.0], [0.0, 1.0], None, True),
        ([1e-6, 1.0], [0.0, 1.0], 0.0, False),
        ([0.07], [0.0], 1e4, True),
        ([np.nan, np.inf], [np.nan, np.inf], None, True),
        ([1 + 7e-6, np.nan], [1.0, np.nan], None, True),
        ([5.0, np.inf], [1.0, np.inf], None, False),
        ([np.inf], [-np.inf], None, False),
        ([1e30], [np.inf], None, False),
        ([np.nan], [1.0], None, False),
        ([[1.0]], [1.0], None, False),
        ([3.0], [3], None, True),
        ([3.0000001], [3], None, False),
    ],
)
def test_a_result_may_be_off_by_roundings_of_its_terms(got, expected, terms, allowed):
    tolerance = Tolerance(float(np.finfo(np.float32).eps), terms)
    assert tolerance.allows(np.array(got), np.array(expected)) is allowed


def test_values_are_shown_as_what_they_are_and_with_the_digits_that_tell_them_apart():
    assert shown(np.array([True, False])) == "[True, False]"
    assert shown(torch.tensor(11)) == "11"
    assert shown_apart(2.66, 2.6601) == ("2.66", "2.6601")
    assert shown_apart(2.66, 2.66012345) == ("2.66", "2.66012")
    assert shown_apart(np.float64(1.0), 1 + 1e-10) == ("1", "1.0000000001")
    expected = np.arange(12.0).reshape(3, 4)
    got = expected.copy()
    got[1, 2] = 7
    said = difference(got, expected, Tolerance(1e-7))
    assert said == "at [1, 2] expected 6, got 7 (1 of 12 numbers differ)"


def test_numbers_of_narrow_tensors_are_compared_without_overflow():
    far, near = (as_array(torch.full((2,), x, dtype=torch.float16)) for x in (100.0, 6e4))
    assert not Tolerance(2**-10).allows(far, near)
    tracked = torch.ones(2, dtype=torch.bfloat16, requires_grad=True)
    assert as_array((tracked, 2 * tracked)).tolist() == [[1, 1], [2, 2]]


def test_the_widest_floats_of_the_arguments_set_the_tolerance():
    half, double = torch.ones(1, dtype=torch.float16), np.ones(1)
    for arguments, eps in [
        ([{"W": half}, 3], 2**-10),
        ([half, [{"b": double}]], 2**-52),
        ([half, np.float64(1)], 2**-52),
        ([np.arange(3), 0.5, "mean"], 2**-23),
    ]:
        assert eps_of(arguments) == eps


def test_what_is_widened_is_a_copy_of_its_kind():
    given_one = {"W": torch.ones(1), "n": np.arange(2), "two": (torch.arange(2), np.ones(1, "f4"))}
    wide = widened(given_one)
    assert wide["W"].dtype == torch.float64 and wide["two"][1].dtype == np.float64
    assert wide["n"].dtype == given_one["n"].dtype and isinstance(wide["two"], tuple)
    wide["two"][0].zero_(), wide["n"].fill(0)
    assert given_one["two"][0].tolist() == given_one["n"].tolist() == [0, 1]


NAN = float("nan")


@pytest.mark.parametrize(
    ("value", "change"),
    [
        (torch.tensor([1.0, NAN]), lambda x: x.zero_()),
        (torch.ones(3), lambda x: x.resize_(2)),
        (np.array([1.0, NAN]), lambda x: x.fill(0)),
        (np.array(["a"]), lambda x: x.fill("b")),
        ({"a": np.ones(2)}, lambda x: x["a"].fill(0)),
        ({"a": 1}, lambda x: x.update(b=2)),
        ({"a": 1, "b": 2}, lambda x: x.pop("b")),
        ([[torch.ones(2)]], lambda x: x[0][0].zero_()),
        (([1.0],), lambda x: x[0].append(2.0)),
        ([1], lambda x: x.insert(0, x.pop() == 1)),  # True for 1
    ],
)
def test_a_change_of_an_argument_is_seen_wherever_it_is(value, change):
    before = copied(value)
    assert is_same(before, value)
    change(value)
    assert not is_same(before, value)


# --- what a function makes of an input


def made(*numbers, gradient=None, **options):
    """An outcome with these results."""
    parts = tuple({"": np.array(number)} for number in numbers)
    gradients = None if gradient is None else (np.array(gradient),)
    return Outcome(numbers, parts, gradients=gradients, **options)


def test_numbers_that_overflow_are_numbers():
    finite, infinite, none = made(1.0), made(1.0, [2.0, np.inf]), Outcome("no numbers")
    assert [o.is_finite for o in (finite, infinite, none)] == [True, False, False]
    assert [o.overflows for o in (finite, infinite, none)] == [False, True, False]
    assert made(1.0).is_number and not made([1.0]).is_number
    assert not made(np.nan).is_number and not made(1.0, 2.0).is_number


def test_outcomes_are_the_same_where_numbers_gradients_and_errors_are():
    near = Tolerance(1e-7, terms=1e6)
    one, failed = made(1.0, gradient=[1.0]), Outcome(error=ValueError())
    assert same_values(made(2.0), one, near), "the terms are large"
    assert not same_gradients(made(1.0, gradient=[2.0]), one, near), "those of a gradient are not"
    loose = Tolerance(1e-7, slack=1e7)
    assert same_gradients(made(1.0, gradient=[2.0]), one, loose)
    assert not same_gradients(made(1.0), one, near) and same_gradients(made(1.0), made(1.0), near)
    assert same_values(Outcome(error=UnicodeError()), failed, near)
    for got, expected in [(failed, one), (one, failed), (Outcome(error=KeyError()), failed)]:
        assert not same_values(got, expected, near)
    assert not same_values(Outcome("none"), one, near)
    assert not same_values(one, Outcome("none"), near)


def test_a_wrong_solution_is_told_apart_by_gradients_too_and_says_nothing_of_some_inputs():
    near, one, other = Tolerance(1e-7), made(1.0, gradient=[1.0]), made(1.0, gradient=[2.0])
    silent = Outcome(...)
    assert tell_apart([one], [other], [near]) and not tell_apart([one], [one], [near])
    assert not tell_apart([silent], [one], [near]) and not tell_apart([one], [silent], [near])
    assert tell_apart([silent, one], [one, other], [near, near])


def test_memory_is_shared_also_by_views_and_tracked_tensors():
    array, tracked = np.ones((2, 2)), torch.ones(2, requires_grad=True)
    assert shares_memory(array[0], array) and not shares_memory(array.copy(), array)
    assert shares_memory(tracked.detach(), tracked) and not shares_memory(2 * tracked, tracked)
    assert flat({"b": [1, (2,)], 1: 3}) == [3, 1, 2]
