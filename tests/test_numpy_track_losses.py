"""Losses of the NumPy track: torch's numbers, their own derivative, and no silent wrong answer."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from course_utils.numpy_track.losses import (
    accuracy,
    cross_entropy_loss,
    loss_and_output_grad,
    metric,
    mse_loss,
    softmax,
    targets_are_sequences,
)

#: Overflow is foreseen: it is an error with a message or it is harmless, and never a warning.
pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

LOGITS = np.random.default_rng(0).normal(size=(3, 4))
IDS = np.array([0, 3, 1])
seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(1, 6)
# Largest relative difference to torch in float64 that rounding of the dtype explains.
TOLERANCE = {np.float16: 2e-3, np.float32: 2e-6, np.float64: 1e-12}
dtypes = st.sampled_from(list(TOLERANCE))


# --- against torch


@given(seeds, sizes, st.sampled_from([None, 1, 4]), st.integers(2, 5), dtypes, st.data())
def test_cross_entropy_and_its_slope_are_torchs(seed, B, T, C, dtype, data):
    rng = np.random.default_rng(seed)
    shape = (B, C) if T is None else (B, T, C)
    logits = (rng.normal(size=shape) * 10 ** rng.uniform(-3, 3)).astype(dtype)
    kind = data.draw(st.sampled_from(["ids", "one-hot", "integer one-hot", "soft"]))
    ids = rng.integers(0, C, shape[:-1]).astype(data.draw(st.sampled_from([np.uint8, np.int64])))
    probs = rng.dirichlet(np.ones(C), size=shape[:-1]) if kind == "soft" else np.eye(C)[ids]
    targets = {"ids": ids, "integer one-hot": probs.astype(int)}.get(kind, probs)
    as_tensor = torch.tensor(logits.astype(np.float64), requires_grad=True)
    expected = -(torch.tensor(probs) * F.log_softmax(as_tensor, dim=-1)).sum(-1).mean()
    expected.backward()
    tolerance = TOLERANCE[dtype] if dtype != np.float16 else 1e-5  # float16 is summed in float32
    loss, slope = loss_and_output_grad(logits, targets, "classification")
    size = 1 + float(np.abs(logits).max())
    assert loss == cross_entropy_loss(logits, targets)
    assert loss == pytest.approx(expected.item(), rel=tolerance, abs=tolerance * size)
    assert slope.shape == shape and slope.dtype == dtype
    np.testing.assert_allclose(slope, as_tensor.grad, rtol=0, atol=TOLERANCE[dtype])
    hits = logits.argmax(-1) == probs.argmax(-1)
    assert accuracy(logits, targets) == metric(logits, targets, "classification") == hits.mean()


@given(seeds, sizes, st.sampled_from([None, 1, 4]), st.integers(1, 3), dtypes, st.booleans())
def test_mean_square_and_its_slope_are_torchs(seed, B, T, num_values, dtype, whole):
    rng = np.random.default_rng(seed)
    shape = (B, num_values) if T is None else (B, T, num_values)
    predictions = rng.normal(size=shape).astype(dtype)
    targets = rng.integers(-3, 4, shape) if whole else rng.normal(size=shape)
    as_tensor = torch.tensor(predictions.astype(np.float64), requires_grad=True)
    expected = F.mse_loss(as_tensor, torch.tensor(targets, dtype=torch.float64))
    expected.backward()
    ways = [targets] if num_values > 1 else [targets, targets[..., 0]]
    for given_targets in ways:
        loss, slope = loss_and_output_grad(predictions, given_targets, "regression")
        assert (
            loss == mse_loss(predictions, given_targets) == pytest.approx(expected.item(), rel=1e-5)
        )
        assert metric(predictions, given_targets, "regression") == -loss
        assert slope.shape == shape and slope.dtype == dtype
        np.testing.assert_allclose(slope, as_tensor.grad, rtol=TOLERANCE[dtype], atol=1e-7)


@given(seeds, dtypes, st.sampled_from([1e-4, 1.0, 1e4]))
def test_softmax_is_torchs(seed, dtype, scale):
    logits = (np.random.default_rng(seed).uniform(-scale, scale, (2, 3, 4))).astype(dtype)
    probs = softmax(logits)
    assert probs.dtype == dtype
    expected = F.softmax(torch.tensor(logits.astype(np.float64)), dim=-1)
    np.testing.assert_allclose(probs, expected, rtol=0, atol=TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extreme_logits_neither_overflow_nor_vanish(dtype):
    logits = np.array([[1e4, -1e4, 0]], dtype=dtype)
    np.testing.assert_array_equal(softmax(logits), [[1, 0, 0]])
    assert cross_entropy_loss(logits, [0]) == 0
    assert cross_entropy_loss(logits, [1]) == 20000
    assert cross_entropy_loss(-logits, [2]) == 10000
    _, slope = loss_and_output_grad(logits, [1], "classification")
    np.testing.assert_array_equal(slope, [[1, -1, 0]])


def test_the_largest_gap_float32_knows_is_right_or_an_error():
    logits = np.array([[3e38, -3e38]], dtype=np.float32)
    assert cross_entropy_loss(logits, [0]) == 0
    with pytest.raises(ValueError, match="the loss is inf"):
        cross_entropy_loss(logits, [1])
    with pytest.raises(ValueError, match="the loss is inf"):
        mse_loss([[1e200]], [[-1e200]])


def test_tiny_errors_are_squared_without_vanishing():
    assert mse_loss(np.float32([[1e-30]]), [0.0]) == pytest.approx(1e-60)


def test_perfect_predictions_have_no_loss_and_nothing_is_written_to():
    logits, targets = 100 * np.eye(3), np.eye(3)
    before = logits.copy(), targets.copy()
    loss_and_output_grad(logits, targets, "classification")
    loss_and_output_grad(logits, targets, "regression")
    np.testing.assert_array_equal(logits, before[0])
    np.testing.assert_array_equal(targets, before[1])
    assert cross_entropy_loss(logits, targets) == pytest.approx(0, abs=1e-12)
    assert mse_loss(targets, targets) == 0
    assert accuracy(logits, [0, 1, 2]) == 1


def test_lists_and_whole_numbers_are_accepted():
    assert accuracy([[2, 1], [0, 3]], [0, 0]) == 0.5
    assert mse_loss([[1], [2]], [1, 4]) == 2
    assert softmax([0, 0]).tolist() == [0.5, 0.5]


# --- nothing that makes no sense gives a number


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        pytest.param([0, -1, 1], r"lie in \[0, 4\).*4 classes; got -1", id="label -1"),
        pytest.param([0, 1, 4], r"lie in \[0, 4\).*got 4", id="label C"),
        pytest.param([True, False, True], "must be integers, got dtype bool", id="bool labels"),
        pytest.param([0.0, 1.0, 2.0], r"got dtype float64.*astype\(int\)", id="float labels"),
        pytest.param([[0], [1], [2]], r"\(3, 1\) do not fit.*targets\[\.\.\., 0\]", id="(B, 1)"),
        pytest.param([1], "3 rows of predictions, so 3 targets", id="one target for three rows"),
        pytest.param([0, 1, 2, 3], "3 rows of predictions, so 3 targets", id="too many"),
        pytest.param([], "targets is empty", id="none"),
        pytest.param(2, "batch as its first dimension, got the number 2", id="a number"),
        pytest.param(None, "real numbers, got dtype object", id="None"),
        pytest.param(["a", "b", "c"], "real numbers, got dtype <U1", id="strings"),
        pytest.param([[1, 2], [3], [4]], "rows differ in length", id="ragged"),
        pytest.param(np.full((3, 4), 0.3), "sum to 1; got .* sums to 1.2", id="not a distribution"),
        pytest.param([[2.0, -1, 0, 0]] * 3, "smallest number of -1", id="negative probability"),
        pytest.param(np.full((3, 4), np.nan), "12 of its 12 numbers are NaN", id="NaN"),
        pytest.param(np.eye(4, dtype=bool)[[0, 1, 2]], r"got bools.*astype\(float\)", id="bools"),
        pytest.param(
            np.zeros((3, 2), int), "one answer per sequence|Check output_size", id="(B, T)"
        ),
    ],
)
def test_class_targets_that_do_not_fit(targets, message):
    for function in (cross_entropy_loss, accuracy):
        with pytest.raises(ValueError, match=message):
            function(LOGITS, targets)
    with pytest.raises(ValueError, match=message):
        loss_and_output_grad(LOGITS, targets, "classification")


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        pytest.param([1.0], "3 rows of predictions, so 3 targets are needed", id="one for three"),
        pytest.param(np.ones((3, 1)), "one target for each predicted number", id="one per row"),
        pytest.param(np.ones(4), "one target for each predicted number", id="as many as values"),
        pytest.param(np.ones((3, 2, 4)), "return_sequences=True", id="a step each"),
        pytest.param(np.ones((3, 4), bool), "got bools", id="bools"),
        pytest.param(np.full((3, 4), np.inf), "NaN or infinite", id="infinite"),
        pytest.param(np.ones((0, 4)), "targets is empty", id="none"),
        pytest.param(np.ones((3, 4)) * 1j, "real numbers, got dtype complex128", id="complex"),
    ],
)
def test_values_that_do_not_fit(targets, message):
    with pytest.raises(ValueError, match=message):
        mse_loss(LOGITS, targets)
    with pytest.raises(ValueError, match=message):
        loss_and_output_grad(LOGITS, targets, "regression")


@pytest.mark.parametrize(
    ("predictions", "message"),
    [
        ([[np.nan, 0.0]], "predictions must be finite, but 1 of its 2"),
        ([[np.inf, 0.0]], "predictions must be finite"),
        (np.ones((0, 3)), r"predictions is empty \(shape \(0, 3\)\)"),
        ([1.0], r"shape \(B, C\) or \(B, T, C\), got \(1,\)"),
        (np.ones((1, 1)), "at least 2 classes.*task='regression'"),
        ([[True, False]], "got bools"),
    ],
)
def test_predictions_that_make_no_sense(predictions, message):
    for function in (cross_entropy_loss, accuracy):
        with pytest.raises(ValueError, match=message):
            function(predictions, [0])


def test_softmax_refuses_what_is_not_finite_and_what_is_empty():
    for logits, message in (
        ([np.nan], "finite"),
        ([-np.inf, 0], "finite"),
        ([], "logits is empty"),
    ):
        with pytest.raises(ValueError, match=message):
            softmax(logits)


@pytest.mark.parametrize("task", ["Classification", "regresion", "", None, 1])
def test_an_unknown_task_is_not_regression(task):
    with pytest.raises(ValueError, match="task must be 'classification' or 'regression', got"):
        loss_and_output_grad(LOGITS, IDS, task)
    with pytest.raises(ValueError, match="task must be"):
        metric(LOGITS, IDS, task)


# --- one answer per sequence, or one per step


@pytest.mark.parametrize(
    ("targets", "output_size", "task", "expected"),
    [
        (np.zeros(2, int), 3, "classification", False),
        (np.zeros((2, 5), int), 3, "classification", True),
        (np.zeros((2, 3), int), 3, "classification", False),
        (np.zeros((2, 5)), 5, "classification", False),
        (np.zeros((2, 5, 3)), 3, "classification", True),
        (np.zeros(2), 1, "regression", False),
        (np.zeros((2, 4)), 4, "regression", False),
        (np.zeros((2, 5)), 5, "regression", False),
        (np.zeros((2, 5)), 1, "regression", True),
        (np.zeros((2, 1)), 1, "regression", False),
        (np.zeros((2, 5, 1)), 1, "regression", True),
    ],
)
def test_what_makes_targets_one_a_step(targets, output_size, task, expected):
    assert targets_are_sequences(targets, 5, output_size, task) is expected


def test_integers_that_may_be_one_hot_rows_or_steps_are_asked_about():
    with pytest.raises(
        ValueError, match=r"one-hot rows or an id for each of 3 steps.*astype\(float\)"
    ):
        targets_are_sequences(np.zeros((2, 3), int), 3, 3, "classification")
    assert targets_are_sequences(np.zeros((2, 3)), 3, 3, "classification") is False


# --- where a tolerance ends


@pytest.mark.parametrize(
    ("dtype", "off", "fits"),
    [
        (np.float64, 9e-6, True),
        (np.float64, -9e-6, True),
        (np.float64, 1.2e-5, False),
        (np.float64, -1.2e-5, False),
        (np.float32, 9e-6, True),
        (np.float32, 1.2e-5, False),
        (np.float16, 2.0**-11, True),
        (np.float16, 2.0**-9, False),
    ],
)
def test_probabilities_sum_to_1_within_rounding(dtype, off, fits):
    probs = np.array([[0.25, 0.5, 0.25]] * 3, dtype)
    probs[1, 0] += dtype(off)
    for function in (cross_entropy_loss, accuracy):
        if fits:
            assert np.isfinite(function(LOGITS[:, :3], probs))
        else:
            with pytest.raises(ValueError, match="rows that sum to 1; got"):
                function(LOGITS[:, :3], probs)


def test_a_loss_of_nothing_is_plus_zero():
    """-0.0 would be printed with its sign."""
    for loss in (cross_entropy_loss([[1e4, 0.0]], [0]), mse_loss([[1.0]], [1.0])):
        assert loss == 0 and math.copysign(1, loss) == 1


def test_the_first_of_equal_predictions_counts_as_the_largest():
    assert accuracy([[1.0, 1.0, 0.0]] * 2, [0, 1]) == 0.5
