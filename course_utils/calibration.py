"""Can confidence be trusted? Reliability bins, expected calibration error and their figure."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from matplotlib.axes import Axes
from torch import Tensor

from course_utils.plotting import plot_band


class ReliabilityBins(NamedTuple):
    """Confidence bins of equal width, from 0 to 1; three tensors of shape (num_bins,).

    count: examples in the bin (int64). confidence, accuracy: their means in [0, 1] (float64), nan
    if the bin is empty.
    """

    count: Tensor
    confidence: Tensor
    accuracy: Tensor


def reliability_bins(probs: Tensor, labels: Tensor, num_bins: int = 15) -> ReliabilityBins:
    """Sort examples by confidence, the probability of the class answered, and average in each bin.

    A confidence on the edge of two bins belongs to the lower one, as in the paper: bin m is
    ((m - 1) / M, m / M].
    Naeini, Cooper and Hauskrecht 2015, "Obtaining well calibrated probabilities using Bayesian
    binning"; Guo et al. 2017, "On calibration of modern neural networks", arXiv:1706.04599.

    Args:
        probs: (N, K), each row adds up to 1.
        labels: (N,), whole numbers in [0, K).
        num_bins: M, at least 1.

    Raises:
        ValueError: on empty input, shapes that do not fit, rows that are not distributions, labels
            out of range, and fewer than one bin.
    """
    probs, labels = _checked(probs, labels)
    if num_bins < 1:
        raise ValueError(f"num_bins must be at least 1, got {num_bins}")
    confidence, answers = probs.max(dim=1)
    correct = (answers == labels).double()
    edges = torch.arange(1, num_bins, dtype=torch.float64, device=probs.device) / num_bins
    # An edge is compared in the precision of the input: a float32 of 0.2 is the edge 1/5.
    bins = torch.bucketize(confidence, edges.to(confidence.dtype))
    count = torch.bincount(bins, minlength=num_bins)
    confidence_sum = torch.bincount(bins, weights=confidence.double(), minlength=num_bins)
    correct_sum = torch.bincount(bins, weights=correct, minlength=num_bins)
    return ReliabilityBins(count, confidence_sum / count, correct_sum / count)


def expected_calibration_error(probs: Tensor, labels: Tensor, num_bins: int = 15) -> float:
    """Mean gap between confidence and accuracy over the bins, each weighted by its examples; in [0, 1].

    Arguments and errors as ``reliability_bins``.
    Guo et al. 2017, "On calibration of modern neural networks", arXiv:1706.04599, eq. 3.

    >>> probs = torch.tensor([[0.75, 0.25]]).expand(4, 2)  # 75 % sure of class 0
    >>> expected_calibration_error(probs, torch.tensor([0, 0, 0, 1]))
    0.0
    >>> expected_calibration_error(probs, torch.tensor([0, 0, 1, 1]))
    0.25
    """
    bins = reliability_bins(probs, labels, num_bins)
    gaps = (bins.accuracy - bins.confidence).abs().nan_to_num(0.0)
    return float((bins.count * gaps).sum() / bins.count.sum())


def plot_reliability(
    ax: Axes,
    runs: Sequence[ReliabilityBins],
    label: str,
    *,
    marker: str = "o",
    min_count: int = 20,
) -> Axes:
    """Mean accuracy against mean confidence over several runs, with pointwise 95 % t-intervals.

    Args:
        ax: where to draw.
        runs: at least two, with equally many bins.
        label: the line's name in the legend.
        marker: of the line, so that colour is not the only sign.
        min_count: a bin is drawn if every run has so many examples in it: with fewer, its accuracy
            is mostly luck.
    """
    if len(runs) < 2 or len({len(bins.count) for bins in runs}) != 1:
        sizes = [len(bins.count) for bins in runs]
        raise ValueError(f"at least two runs with equally many bins are needed, got bins {sizes}")
    is_drawn = torch.stack([bins.count for bins in runs]).amin(dim=0) >= max(min_count, 1)
    confidence = torch.stack([bins.confidence for bins in runs])[:, is_drawn].mean(dim=0)
    accuracy = torch.stack([bins.accuracy for bins in runs])[:, is_drawn]
    plot_band(ax, confidence, accuracy, label, marker=marker)
    ax.set(xlabel="confidence", ylabel="accuracy")
    return ax


def _checked(probs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    if probs.ndim != 2 or labels.shape != probs.shape[:1]:
        raise ValueError(
            "probs must have shape (N, K) and labels (N,), got "
            f"{tuple(probs.shape)} and {tuple(labels.shape)}"
        )
    if probs.numel() == 0:
        raise ValueError(f"there must be at least one example, got probs {tuple(probs.shape)}")
    if labels.is_floating_point() or not 0 <= int(labels.min()) <= int(labels.max()) < len(probs.T):
        raise ValueError(
            f"labels must be whole numbers from 0 to {probs.shape[1] - 1}, got {labels.dtype} from "
            f"{labels.min().item()} to {labels.max().item()}"
        )
    sums = probs.double().sum(dim=1)
    tolerance = max(1e-3, torch.finfo(probs.dtype).eps) if probs.is_floating_point() else 0
    if not (bool((probs >= 0).all()) and bool(((sums - 1).abs() <= tolerance).all())):
        raise ValueError(
            "each row of probs must be a distribution (no negative number, sum 1); got numbers from "
            f"{probs.min().item():.4g} to {probs.max().item():.4g} and sums from "
            f"{sums.min().item():.4g} to {sums.max().item():.4g}. For logits, apply softmax first."
        )
    return probs, labels
