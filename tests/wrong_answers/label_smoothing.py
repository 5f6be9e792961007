"""Answers to the exercises of label_smoothing."""

from itertools import pairwise

import numpy as np
import torch
from scipy.special import log_softmax
from torch.nn import functional as F

from course_utils.exercises import label_smoothing as exercises

from . import right, wrong

# ---- smooth_targets


@wrong(exercises.smooth_targets, "whole_numbers")
def fills_whole_numbers(targets, eps):
    num_classes = targets.shape[1]
    smoothed = targets.clone()
    smoothed[targets == 1] = 1 - eps + eps / num_classes
    smoothed[targets == 0] = eps / num_classes
    return smoothed


@wrong(exercises.smooth_targets, "whole_numbers")
def a_whole_number_for_each_class(targets, eps):
    return (1 - eps) * targets + torch.full_like(targets, eps / targets.shape[1])


@wrong(exercises.smooth_targets, "wrong_value")
def rounds_to_three_digits(targets, eps):
    return ((1 - eps) * targets + eps / targets.shape[1]).round(decimals=3)


@wrong(exercises.smooth_targets, "hard_rows_only")
def goes_by_the_largest(targets, eps):
    hard = F.one_hot(targets.argmax(dim=1), targets.shape[1])
    return (1 - eps) * hard + eps / targets.shape[1]


@wrong(exercises.smooth_targets, "changed_argument")
def scales_in_place(targets, eps):
    if not targets.is_floating_point():
        targets = targets.double()
    return targets.mul_(1 - eps).add_(eps / targets.shape[1])


@wrong(exercises.smooth_targets, "wrong_shape")
def takes_the_right_class_only(targets, eps):
    return ((1 - eps) * targets + eps / targets.shape[1]).amax(dim=1)


@right(exercises.smooth_targets)
def moves_towards_uniform(targets, eps):
    targets = targets.double()
    return targets.lerp(torch.full_like(targets, 1 / targets.shape[1]), eps)


@right(exercises.smooth_targets)
def row_by_row_with_numpy(targets, eps):
    uniform = np.full(targets.shape[1], 1 / targets.shape[1])
    return np.stack([(1 - eps) * row + eps * uniform for row in targets.numpy()])


@right(exercises.smooth_targets)
def in_place_on_a_copy_of_floats(targets, eps):
    smoothed = targets.float().clone()
    smoothed *= 1 - eps
    smoothed += eps / smoothed.size(1)
    return smoothed


# ---- smoothed_cross_entropy


def _reduce(losses, reduction):
    return losses.mean() if reduction == "mean" else losses.sum()


def _log_probs(logits):
    return logits - logits.logsumexp(dim=1, keepdim=True)


@wrong(exercises.smoothed_cross_entropy, "log_of_softmax")
def log_of_softmax(logits, labels, eps, reduction="mean"):
    log_probs = logits.softmax(dim=1).log()
    hard = -log_probs[torch.arange(len(labels)), labels]
    return _reduce((1 - eps) * hard - eps * log_probs.mean(dim=1), reduction)


@wrong(exercises.smoothed_cross_entropy, "overflow")
def exp_unprotected(logits, labels, eps, reduction="mean"):
    log_probs = logits - logits.exp().sum(dim=1, keepdim=True).log()
    hard = -log_probs[torch.arange(len(labels)), labels]
    return _reduce((1 - eps) * hard - eps * log_probs.mean(dim=1), reduction)


@wrong(exercises.smoothed_cross_entropy, "clipped")
def clips_the_probability(logits, labels, eps, reduction="mean"):
    log_probs = logits.softmax(dim=1).clamp(min=1e-12).log()
    hard = -log_probs[torch.arange(len(labels)), labels]
    return _reduce((1 - eps) * hard - eps * log_probs.mean(dim=1), reduction)


@wrong(exercises.smoothed_cross_entropy, "changed_argument")
def shifts_in_place(logits, labels, eps, reduction="mean"):
    logits -= logits.amax(dim=1, keepdim=True)
    log_probs = logits - logits.exp().sum(dim=1, keepdim=True).log()
    hard = -log_probs[torch.arange(len(labels)), labels]
    return _reduce((1 - eps) * hard - eps * log_probs.mean(dim=1), reduction)


@wrong(exercises.smoothed_cross_entropy, "not_reduced")
def one_loss_each(logits, labels, eps, reduction="mean"):
    return F.cross_entropy(logits, labels, label_smoothing=eps, reduction="none")


@wrong(exercises.smoothed_cross_entropy, "used_forbidden")
def with_soft_targets(logits, labels, eps, reduction="mean"):
    targets = torch.full_like(logits, eps / logits.shape[1])
    targets.scatter_add_(1, labels[:, None], torch.full_like(logits[:, :1], 1 - eps))
    return F.cross_entropy(logits, targets, reduction=reduction)


@wrong(exercises.smoothed_cross_entropy, "raised")
def as_many_classes_as_there_are_labels(logits, labels, eps, reduction="mean"):
    targets = (1 - eps) * F.one_hot(labels) + eps / logits.shape[1]
    return _reduce(-(targets * _log_probs(logits)).sum(dim=1), reduction)


@wrong(exercises.smoothed_cross_entropy, "one_max_for_all")
def one_maximum(logits, labels, eps, reduction="mean"):
    z = logits - logits.max()
    log_probs = z - z.exp().sum(dim=1, keepdim=True).log()
    hard = -log_probs[torch.arange(len(labels)), labels]
    return _reduce((1 - eps) * hard - eps * log_probs.mean(dim=1), reduction)


@right(exercises.smoothed_cross_entropy)
def textbook_example_by_example(logits, labels, eps, reduction="mean"):
    total = 0.0
    for z, label in zip(logits, labels, strict=True):
        log_probs = z - z.max() - torch.log(torch.exp(z - z.max()).sum())
        targets = torch.full((len(z),), eps / len(z))
        targets[label] += 1 - eps
        total -= (targets * log_probs).sum()
    return total / len(labels) if reduction == "mean" else total


@right(exercises.smoothed_cross_entropy)
def by_the_mean_logit(logits, labels, eps, reduction="mean"):
    """The logsumexp counts once, whatever the targets: they add up to 1."""
    of_label = logits.gather(1, labels[:, None]).squeeze(1)
    mixed = (1 - eps) * of_label + eps * logits.mean(dim=1)
    return _reduce(torch.logsumexp(logits, dim=1) - mixed, reduction)


@right(exercises.smoothed_cross_entropy)
def with_scipy_in_double(logits, labels, eps, reduction="mean"):
    log_probs = log_softmax(logits.numpy().astype(np.float64), axis=1)
    hard = np.take_along_axis(log_probs, labels.numpy()[:, None], axis=1)[:, 0]
    return float(_reduce(-(1 - eps) * hard - eps * log_probs.mean(axis=1), reduction))


@right(exercises.smoothed_cross_entropy)
def in_place_on_its_own_copy(logits, labels, eps, reduction="mean"):
    z = logits.clone().sub_(logits.amax(dim=1, keepdim=True))
    z.sub_(z.exp().sum(dim=1, keepdim=True).log_())
    hard = z[range(len(labels)), labels]
    return -_reduce(hard.mul(1 - eps).add_(z.mean(dim=1), alpha=eps), reduction)


# ---- calibration_error


def _masks(confidence, num_bins):
    index = (confidence * num_bins).long().clamp(max=num_bins - 1)
    return [index == bin_ for bin_ in range(num_bins)]


def _by_edges(probs, labels, num_bins, is_inside, last_inside=None):
    """Gap times examples over bins from ``low`` to ``high``, divided by all examples."""
    confidence, answers = probs.max(dim=1)
    correct, total = (answers == labels).float(), 0.0
    edges = torch.linspace(0, 1, num_bins + 1)
    for number, (low, high) in enumerate(pairwise(edges), start=1):
        inside = is_inside
        if number == num_bins and last_inside is not None:
            inside = last_inside
        rows = inside(confidence, low, high)
        if rows.any():
            total += float((correct[rows].mean() - confidence[rows].mean()).abs() * rows.sum())
    return total / len(labels)


def _gaps(probs, labels, num_bins):
    """(gap, share of the examples) of each bin that holds any."""
    confidence, answers = probs.max(dim=1)
    correct = (answers == labels).float()
    masks = [rows for rows in _masks(confidence, num_bins) if rows.any()]
    gaps = torch.stack([(correct[m].mean() - confidence[m].mean()).abs() for m in masks])
    return gaps, torch.stack([m.float().mean() for m in masks])


@wrong(exercises.calibration_error, "empty_bin_nan")
def means_of_nothing(probs, labels, num_bins):
    confidence, answers = probs.max(dim=1)
    correct = (answers == labels).float()
    masks = _masks(confidence, num_bins)
    return sum(m.float().mean() * (correct[m].mean() - confidence[m].mean()).abs() for m in masks)


@wrong(exercises.calibration_error, "top_edge_lost")
def half_open_to_the_end(probs, labels, num_bins):
    return _by_edges(probs, labels, num_bins, lambda c, low, high: (c >= low) & (c < high))


@wrong(exercises.calibration_error, "edges_lost")
def open_on_both_sides(probs, labels, num_bins):
    return _by_edges(
        probs,
        labels,
        num_bins,
        lambda c, low, high: (c > low) & (c < high),
        lambda c, low, high: c > low,
    )


@wrong(exercises.calibration_error, "edges_twice")
def closed_on_both_sides(probs, labels, num_bins):
    return _by_edges(probs, labels, num_bins, lambda c, low, high: (c >= low) & (c <= high))


@wrong(exercises.calibration_error, "wrong_shape")
def a_gap_for_each_bin(probs, labels, num_bins):
    gaps, shares = _gaps(probs, labels, num_bins)
    return gaps * shares


@wrong(exercises.calibration_error, "changed_argument")
def rounds_in_place(probs, labels, num_bins):
    gaps, shares = _gaps(probs.mul_(0.999), labels, num_bins)
    return (gaps * shares).sum()


@wrong(exercises.calibration_error, "empty_bin_nan")
def lists_of_answers(probs, labels, num_bins):
    bins = [[] for _ in range(num_bins)]
    for row, label in zip(probs.tolist(), labels.tolist(), strict=True):
        surplus = max(row) - (row.index(max(row)) == label)
        bins[min(int(max(row) * num_bins), num_bins - 1)].append(surplus)
    return sum(abs(sum(b) / len(b)) * len(b) / len(labels) for b in bins)


@wrong(exercises.calibration_error, "argument_ignored")
def always_ten_bins(probs, labels, num_bins):
    return _by_edges(probs, labels, 10, lambda c, low, high: (c > low) & (c <= high))


@right(exercises.calibration_error)
def edges_to_the_lower_bin(probs, labels, num_bins):
    return _by_edges(probs, labels, num_bins, lambda c, low, high: (c > low) & (c <= high))


@right(exercises.calibration_error)
def gaps_times_shares(probs, labels, num_bins):
    gaps, shares = _gaps(probs, labels, num_bins)
    return (gaps * shares).sum()


@right(exercises.calibration_error)
def with_numpy_and_empty_bins_as_zero(probs, labels, num_bins):
    probs, labels = probs.numpy(), labels.numpy()
    confidence = probs.max(axis=1)
    correct = probs.argmax(axis=1) == labels
    bins = np.digitize(confidence, np.linspace(0, 1, num_bins + 1)[1:-1])
    count = np.bincount(bins, minlength=num_bins)
    gap = np.bincount(bins, confidence, num_bins) - np.bincount(bins, correct, num_bins)
    mean_gap = np.abs(np.divide(gap, count, out=np.zeros(num_bins), where=count > 0))
    return np.average(mean_gap, weights=count)


@right(exercises.calibration_error)
def sorted_then_split(probs, labels, num_bins):
    confidence, answers = probs.max(dim=1)
    confidence, order = confidence.sort()
    surplus = confidence - (answers == labels)[order].float()
    cuts = torch.searchsorted(confidence, torch.arange(1, num_bins) / num_bins)
    return sum(part.sum().abs() for part in surplus.tensor_split(cuts)) / len(labels)
