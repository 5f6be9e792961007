"""Nothing that an answer does escapes from a check: it ends, and all is as it was before."""

import os
import signal
import sys
import threading
import time
import warnings

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from torch import nn
from torch.nn import functional as F

from course_utils.exercises import losses
from course_utils.exercises.by_reference import given, right_answer
from course_utils.exercises.sandbox import Watch, _set_default_device, call
from course_utils.exercises.solutions import losses as solutions
from course_utils.language import Text

pytestmark = pytest.mark.usefixtures("english")


@pytest.fixture
def hasty(monkeypatch):
    """The exercise ``double``, with little time."""
    monkeypatch.setattr(double, "seconds", 0.2)
    return double


@right_answer(cases=lambda: [given(torch.tensor([1.0, 2.0]))], hint=Text("乘二", "times two"))
def double(x):
    """Twice a tensor."""
    return 2 * x


def right(x):
    return 2 * x


# --- it ends


def never_ends(x):
    while True:
        pass


def swallows_the_first_end(x):
    try:
        while True:
            pass
    except BaseException:
        while True:
            pass


def sleeps(x):
    time.sleep(100)


@pytest.mark.parametrize("answer", [never_ends, swallows_the_first_end, sleeps])
def test_an_answer_that_never_ends_is_ended_and_told_so(hasty, answer):
    verdict = hasty.examine(answer)
    assert verdict.mistake == "time_up"
    assert "after 0.2 seconds" in verdict.message
    hasty.seconds = 10
    assert hasty.examine(right).passed


def test_it_is_ended_in_a_thread_too_where_no_signal_arrives(hasty):
    verdicts = []
    thread = threading.Thread(target=lambda: verdicts.append(hasty.examine(never_ends)))
    thread.start()
    thread.join(timeout=60)
    assert [verdict.mistake for verdict in verdicts] == ["time_up"]


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (SystemExit(1), "SystemExit: 1"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (GeneratorExit(), "GeneratorExit"),
        (NotImplementedError("not for complex numbers"), "NotImplementedError: not for complex"),
    ],
)
def test_whatever_an_answer_raises_is_its_own(error, says):
    def raises(x):
        if len(x):
            raise error

    verdict = double.examine(raises)
    assert verdict.mistake == "raised"
    assert f"your code raised {says}" in verdict.message
    assert "`raise error`, for the input x=[1, 2]" in verdict.message


def test_endless_recursion_is_an_error_of_the_answer():
    def calls_itself(x):
        return calls_itself(x)

    verdict = double.examine(calls_itself)
    assert verdict.mistake == "raised"
    assert "RecursionError" in verdict.message and "calls_itself(x)" in verdict.message


def gives_up(x):
    try:
        never_ends(x)
    except BaseException:
        return 2 * x


@pytest.mark.parametrize("answer", [never_ends, gives_up])
def test_ctrl_c_ends_the_check_whatever_the_answer_makes_of_it(answer):
    handler = signal.getsignal(signal.SIGINT)
    press = threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        press.start()
        double.examine(answer)
    press.join()
    assert signal.getsignal(signal.SIGINT) is handler


# --- what is printed


def test_what_an_answer_prints_is_shown_after_the_verdict_and_cut(capsys):
    def chatty(x):
        print("x is", x)
        for i in range(5000):
            print(i, file=sys.stderr if i % 2 else sys.stdout)
        print("." * 1000)
        return 3 * x

    assert double.examine(chatty).printed.startswith("x is tensor([1., 2.])\n0\n1\n")
    assert capsys.readouterr() == ("", "")
    double.check(chatty)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("✗ Not yet: the result is wrong")
    assert lines[2:5] == ["Your code printed:", "x is tensor([1., 2.])", "0"]
    assert lines[-1] == "… (4992 more lines)"
    assert len(lines) == 3 + 10 + 1


def test_a_long_line_is_cut():
    printed = double.examine(lambda x: print("ab" * 200) or 2 * x).printed
    assert printed == "ab" * 99 + "a…"


# --- what is switched


SWITCHES = {
    "torch.set_grad_enabled": (torch.is_grad_enabled, lambda: torch.set_grad_enabled(False)),
    "torch.set_default_dtype": (
        torch.get_default_dtype,
        lambda: torch.set_default_dtype(torch.float64),
    ),
    "torch.set_default_device": (
        torch.get_default_device,
        lambda: torch.set_default_device("meta"),
    ),
    "np.seterr": (np.geterr, lambda: np.seterr(all="raise")),
    "sys.setrecursionlimit": (
        sys.getrecursionlimit,
        lambda: sys.setrecursionlimit(sys.getrecursionlimit() + 7),
    ),
    "sys.setprofile": (sys.getprofile, lambda: sys.setprofile(None)),
}


@pytest.mark.parametrize("name", SWITCHES)
def test_what_an_answer_leaves_switched_is_named_and_put_back(name):
    get, switch = SWITCHES[name]
    before = get()

    def switches(x):
        switch()
        return 2 * x

    verdict = double.examine(switches)
    assert (verdict.mistake, get()) == ("left_switched", before)
    assert name in verdict.message


@pytest.mark.parametrize("name", [n for n in SWITCHES if n[:3] != "sys"])
def test_what_was_switched_before_a_check_disturbs_nothing_and_stays(name):
    get, switch = SWITCHES[name]
    before = get()
    filters = list(warnings.filters)
    try:
        switch()
        switched = get()
        names = "mean_squared_error", "bce_from_logits", "cross_entropy", "cross_entropy_gradient"
        for exercise_name in names:
            verdict = getattr(losses, exercise_name).examine(_copied(exercise_name))
            assert verdict.passed, verdict
        assert get() == switched
    finally:
        {
            "torch.set_grad_enabled": torch.set_grad_enabled,
            "torch.set_default_dtype": torch.set_default_dtype,
            "torch.set_default_device": _set_default_device,
            "np.seterr": lambda modes: np.seterr(**modes),
        }[name](before)
    assert get() == before
    assert list(warnings.filters) == filters


def _copied(name):
    """A solution of losses as a notebook would define it."""
    from wrong_answers import as_a_student

    return as_a_student("losses")[name]


def test_the_reference_passes_where_autograd_is_off_for_a_whole_block():
    with torch.inference_mode():
        assert losses.bce_from_logits.examine(_copied("bce_from_logits")).passed
        assert torch.is_inference_mode_enabled()


# --- what is patched


def test_what_is_patched_before_a_check_makes_no_wrong_answer_pass_and_stays(monkeypatch):
    yes = lambda *args, **kwargs: True  # noqa: E731
    for owner, name in ((np, "allclose"), (np, "isclose"), (torch, "allclose"), (np, "asarray")):
        monkeypatch.setattr(owner, name, yes)
    monkeypatch.setattr(F, "cross_entropy", lambda *args, **kwargs: torch.tensor(7.0))
    monkeypatch.setattr("builtins.abs", yes)
    monkeypatch.setattr(torch.Tensor, "__eq__", yes)
    assert not double.examine(lambda x: 3 * x).passed
    assert not losses.cross_entropy.examine(lambda z, y, reduction="mean": torch.tensor(7.0)).passed
    assert losses.cross_entropy.examine(_copied("cross_entropy")).passed
    assert np.allclose is yes and torch.allclose is yes and torch.Tensor.__eq__ is yes
    assert F.cross_entropy(1) == 7.0


def test_what_an_answer_patches_helps_it_not_and_is_undone():
    before = np.allclose, np.isclose, torch.equal, vars(torch.Tensor).get("sum")

    def patches(x):
        np.allclose = np.isclose = torch.equal = lambda *args, **kwargs: True
        return 3 * x

    assert double.examine(patches).mistake == "wrong_value"
    assert (np.allclose, np.isclose, torch.equal, vars(torch.Tensor).get("sum")) == before


# --- whose code runs


def test_the_courses_own_solution_is_no_answer():
    def wraps(predictions, targets):
        return solutions.mean_squared_error(predictions, targets)

    for answer in (solutions.mean_squared_error, wraps):
        assert losses.mean_squared_error.examine(answer).mistake == "not_yours"
    assert losses.mean_squared_error.examine(_copied("mean_squared_error")).passed


Z, Y = torch.tensor([[1.0, 2.0], [0.0, 3.0]]), torch.tensor([0, 1])
imported_earlier = F.cross_entropy


def logsumexp_of_my_own(z):
    return z.exp().sum(dim=1).log()


my_logsumexp = logsumexp_of_my_own
my_logsumexp.__code__ = my_logsumexp.__code__.replace(co_name="logsumexp")


@pytest.mark.parametrize(
    ("answer", "used"),
    [
        (lambda: F.cross_entropy(Z, Y), {"cross_entropy"}),
        (lambda: imported_earlier(Z, Y), {"cross_entropy"}),
        (lambda: nn.CrossEntropyLoss()(Z, Y), {"cross_entropy"}),
        (lambda: torch.logsumexp(Z, 1), {"logsumexp"}),
        (lambda: Z.logsumexp(1), {"logsumexp"}),
        (lambda: torch.special.logsumexp(Z, 1), {"logsumexp"}),
        (lambda: logsumexp(Z.numpy(), axis=1), {"logsumexp"}),
        (lambda: F.log_softmax(Z, 1).sum() + Z.logsumexp(1), {"log_softmax", "logsumexp"}),
        (lambda: nn.LogSoftmax(dim=1)(Z), {"log_softmax"}),
        (lambda: Z.softmax(1).log(), set()),
        (lambda: my_logsumexp(Z), set()),
    ],
)
def test_a_forbidden_function_is_seen_by_whatever_way_it_is_reached(answer, used):
    watch = Watch([F.cross_entropy, torch.log_softmax, torch.logsumexp])
    call(answer, (), {}, watch)
    assert watch.used == used
    assert sys.getprofile() is None
