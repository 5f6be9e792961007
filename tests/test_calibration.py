"""Bins and calibration error against closed forms, a plain loop, and properties that must hold."""

import math
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from course_utils.calibration import (
    expected_calibration_error,
    plot_reliability,
    reliability_bins,
)

repeatable = settings(deadline=None, derandomize=True)


@st.composite
def predictions(draw):
    """(probs (N, K) float64, labels (N,), num_bins), with ties, edges and certainty among them."""
    num_classes = draw(st.integers(1, 5))
    num_examples = draw(st.integers(1, 30))
    weight = st.integers(0, 8)
    row = st.lists(weight, min_size=num_classes, max_size=num_classes).filter(any)
    rows = draw(st.lists(row, min_size=num_examples, max_size=num_examples))
    label = st.integers(0, num_classes - 1)
    labels = draw(st.lists(label, min_size=num_examples, max_size=num_examples))
    weights = torch.tensor(rows, dtype=torch.float64)
    probs = weights / weights.sum(dim=1, keepdim=True)
    return probs, torch.tensor(labels), draw(st.integers(1, 12))


def two_classes(confidences, correct):
    """Probabilities with the given confidences (>= 0.5), and labels that make each right or wrong."""
    confidence = torch.tensor(confidences, dtype=torch.float64)
    return torch.stack([confidence, 1 - confidence], dim=1), 1 - torch.tensor(correct).long()


def by_a_plain_loop(probs, labels, num_bins):
    """Equation 3 of Guo et al. 2017, bin by bin: ((m - 1) / M, m / M]."""
    total = 0.0
    for m in range(1, num_bins + 1):
        inside = []
        for row, label in zip(probs.tolist(), labels.tolist(), strict=True):
            if (m - 1) / num_bins < max(row) <= m / num_bins:
                inside.append((max(row), row.index(max(row)) == label))
        if inside:
            confidence, correct = np.mean(inside, axis=0)
            total += len(inside) / len(labels) * abs(correct - confidence)
    return total


# --- closed forms


def test_ten_predictions_by_hand():
    probs, labels = two_classes([0.95] * 5 + [0.65] * 5, [1, 1, 1, 1, 0, 1, 1, 1, 1, 1])
    bins = reliability_bins(probs, labels, num_bins=5)
    assert bins.count.tolist() == [0, 0, 0, 5, 5]
    assert bins.accuracy[3:].tolist() == [1.0, 0.8]
    assert bins.confidence[3:].tolist() == pytest.approx([0.65, 0.95])
    assert torch.isnan(bins.accuracy[:3]).all() and torch.isnan(bins.confidence[:3]).all()
    error = expected_calibration_error(probs, labels, num_bins=5)
    assert error == pytest.approx(0.5 * 0.35 + 0.5 * 0.15)


def test_bins_count_by_their_examples():
    probs, labels = two_classes([0.9] * 99 + [0.6], [1] * 99 + [0])
    assert expected_calibration_error(probs, labels, 5) == pytest.approx(0.99 * 0.1 + 0.01 * 0.6)


def test_over_and_underconfident_bins_do_not_cancel():
    probs, labels = two_classes([0.7, 0.7, 0.9, 0.9], [1, 1, 1, 0])
    assert expected_calibration_error(probs, labels, 5) == pytest.approx((0.3 + 0.4) / 2)
    assert expected_calibration_error(probs, labels, 1) == pytest.approx(0.05)


def test_certainty_belongs_to_the_last_bin_and_edges_to_the_lower_one():
    probs, labels = two_classes([1.0, 0.75, 0.5], [1, 1, 1])
    assert reliability_bins(probs, labels, 4).count.tolist() == [0, 1, 1, 1]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("num_bins", [5, 10, 15])
def test_an_edge_is_an_edge_in_either_precision(dtype, num_bins):
    edges = torch.arange(1, num_bins + 1, dtype=torch.float64) / num_bins
    sure = edges[edges >= 0.5].to(dtype)
    probs = torch.stack([sure, 1 - sure], dim=1)
    count = reliability_bins(probs, torch.zeros(len(sure), dtype=torch.long), num_bins).count
    assert count.tolist() == [0] * (num_bins - len(sure)) + [1] * len(sure)


def test_always_wrong_and_certain_is_the_worst():
    probs, labels = two_classes([1.0] * 4, [0] * 4)
    assert expected_calibration_error(probs, labels) == 1.0


def test_a_model_that_says_what_it_knows_has_an_error_near_zero():
    generator = torch.Generator().manual_seed(0)
    probs = torch.softmax(2 * torch.randn(50_000, 4, generator=generator), dim=1)
    labels = torch.multinomial(probs, 1, generator=generator).squeeze(1)
    assert expected_calibration_error(probs, labels) < 0.01
    assert expected_calibration_error((2 * probs.log()).softmax(dim=1), labels) > 0.05


# --- against a plain loop, and what must hold for any input


@repeatable
@given(predictions())
def test_error_equals_the_equation_written_as_a_loop(case):
    assert expected_calibration_error(*case) == pytest.approx(by_a_plain_loop(*case), abs=1e-12)


@repeatable
@given(predictions())
def test_bins_hold_every_example_once_and_their_own_confidences(case):
    probs, labels, num_bins = case
    count, confidence, accuracy = reliability_bins(probs, labels, num_bins)
    assert count.sum() == len(labels)
    assert torch.equal(torch.isnan(confidence), count == 0)
    assert torch.equal(torch.isnan(accuracy), count == 0)
    for m in range(num_bins):
        if count[m] > 0:
            assert m / num_bins - 1e-9 <= confidence[m] <= (m + 1) / num_bins + 1e-9
            assert 0 <= accuracy[m] <= 1
    right = (count * accuracy.nan_to_num(0)).sum()
    assert right == pytest.approx(float((probs.argmax(dim=1) == labels).sum()))


@repeatable
@given(predictions(), st.randoms(use_true_random=False))
def test_error_lies_between_its_bounds_and_ignores_the_order(case, random):
    probs, labels, num_bins = case
    error = expected_calibration_error(probs, labels, num_bins)
    correct = (probs.argmax(dim=1) == labels).double()
    overall = abs(float(probs.amax(dim=1).mean() - correct.mean()))
    assert overall - 1e-12 <= error <= 1
    assert expected_calibration_error(probs, labels, 1) == pytest.approx(overall, abs=1e-12)
    order = random.sample(range(len(labels)), len(labels))
    shuffled = expected_calibration_error(probs[order], labels[order], num_bins)
    assert shuffled == pytest.approx(error, abs=1e-12)
    twice = expected_calibration_error(probs.repeat(2, 1), labels.repeat(2), num_bins)
    assert twice == pytest.approx(error, abs=1e-12)


def test_arguments_are_left_as_they_are():
    probs, labels = two_classes([0.9, 0.6], [1, 0])
    before = probs.clone(), labels.clone()
    expected_calibration_error(probs, labels)
    assert torch.equal(probs, before[0]) and torch.equal(labels, before[1])


# --- bad input


@pytest.mark.parametrize(
    ("probs", "labels", "num_bins", "message"),
    [
        (torch.tensor([[0.5, 0.5]]), torch.tensor([0]), 0, "num_bins must be at least 1, got 0"),
        (torch.ones(0, 3), torch.ones(0).long(), 15, "at least one example, got probs (0, 3)"),
        (
            torch.tensor([0.5, 0.5]),
            torch.tensor([0, 1]),
            15,
            "shape (N, K) and labels (N,), got (2,)",
        ),
        (torch.ones(3, 1), torch.zeros(2).long(), 15, "got (3, 1) and (2,)"),
        (torch.tensor([[2.0, -1.0]]), torch.tensor([0]), 15, "numbers from -1 to 2"),
        (torch.tensor([[0.5, 0.4]]), torch.tensor([0]), 15, "sums from 0.9 to 0.9"),
        (torch.tensor([[0.5, 0.509]]), torch.tensor([0]), 15, "sums from 1.009 to 1.009"),
        (torch.tensor([[0.5, 0.498]]), torch.tensor([0]), 15, "sums from 0.998 to 0.998"),
        (torch.tensor([[0.5, 0.52]]).bfloat16(), torch.tensor([0]), 15, "must be a distribution"),
        (torch.tensor([[0.5, 0.502]]).half(), torch.tensor([0]), 15, "must be a distribution"),
        (torch.tensor([[3.0, 1.0]]), torch.tensor([0]), 15, "For logits, apply softmax first"),
        (torch.tensor([[math.nan, 1.0]]), torch.tensor([0]), 15, "must be a distribution"),
        (torch.tensor([[0.5, 0.5]]), torch.tensor([2]), 15, "whole numbers from 0 to 1"),
        (torch.tensor([[0.5, 0.5]]), torch.tensor([-1]), 15, "from -1 to -1"),
        (torch.tensor([[0.5, 0.5]]), torch.tensor([0.5]), 15, "got torch.float32"),
    ],
)
@pytest.mark.parametrize("function", [reliability_bins, expected_calibration_error])
def test_bad_input_is_named(function, probs, labels, num_bins, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        function(probs, labels, num_bins)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("num_classes", [2, 10, 1000])
def test_probabilities_of_every_precision_are_taken_and_logits_are_not(dtype, num_classes):
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(200, num_classes, generator=generator).to(dtype)
    labels = torch.randint(0, num_classes, (200,), generator=generator)
    error = expected_calibration_error(logits.softmax(dim=1), labels)
    exact = expected_calibration_error(logits.double().softmax(dim=1), labels)
    assert error == pytest.approx(exact, abs=0.03)
    with pytest.raises(ValueError, match="apply softmax first"):
        expected_calibration_error(logits, labels)


# --- the picture


def runs_of_bins():
    cases = [([0.7] * 30 + [0.9] * 40, [1] * k + [0] * (30 - k) + [1] * 40) for k in (15, 18, 24)]
    return [reliability_bins(*two_classes(*case), 5) for case in cases]


def test_plot_shows_mean_accuracy_against_confidence_with_its_interval():
    _, ax = plt.subplots()
    assert plot_reliability(ax, runs_of_bins(), "three runs") is ax
    (line,) = ax.lines
    np.testing.assert_allclose(line.get_xdata(), [0.7, 0.9])
    np.testing.assert_allclose(line.get_ydata(), [19 / 30, 1.0])
    (band,) = ax.collections
    low, high = band.get_paths()[0].get_extents().get_points()[:, 1]
    half_width = stats.t.ppf(0.975, 2) * stats.sem([0.5, 0.6, 0.8])
    assert low == pytest.approx(19 / 30 - half_width)
    assert high == pytest.approx(max(19 / 30 + half_width, 1.0))
    plt.close("all")


def test_plot_leaves_out_bins_that_hold_few_examples():
    _, ax = plt.subplots()
    plot_reliability(ax, runs_of_bins(), "three runs", min_count=35)
    np.testing.assert_allclose(ax.lines[0].get_xdata(), [0.9])
    plt.close("all")


def test_a_bin_needs_twenty_examples_to_be_drawn():
    def run(number):
        return reliability_bins(*two_classes([0.7] * number + [0.9] * 40, [1] * (number + 40)), 5)

    for number, drawn in ((19, [0.9]), (20, [0.7, 0.9])):
        _, ax = plt.subplots()
        plot_reliability(ax, [run(number), run(30)], "two runs")
        np.testing.assert_allclose(ax.lines[0].get_xdata(), drawn)
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("confidence", "accuracy")
    plt.close("all")


@pytest.mark.parametrize("bad", ["none", "one", "unequal"])
def test_plot_needs_two_runs_with_equally_many_bins(bad):
    runs = runs_of_bins()
    other = reliability_bins(*two_classes([0.9], [1]), 4)
    given = {"none": [], "one": runs[:1], "unequal": [*runs, other]}[bad]
    with pytest.raises(ValueError, match="at least two runs with equally many bins"):
        plot_reliability(plt.figure().subplots(), given, "")
    plt.close("all")
