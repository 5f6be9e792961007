"""Answers to the exercises of label_smoothing, written from the prompts alone."""

import math

import numpy as np
import torch
from torch.nn import functional as F

from course_utils.exercises import label_smoothing as exercises

from .. import right, wrong

# ---- smooth_targets


@wrong(
    exercises.smooth_targets, "only_wrong_classes"
)  # shares eps among the K - 1 wrong classes only
def shares_among_wrong_classes(targets, eps):
    others = targets.shape[1] - 1
    return (1 - eps) * targets + eps / others * (1 - targets)


@wrong(
    exercises.smooth_targets, "changed_argument"
)  # multiplies and adds in place, changing targets
def smooths_in_place(targets, eps):
    if not targets.is_floating_point():
        targets = targets.double()
    targets *= 1 - eps
    targets += eps / targets.shape[1]
    return targets


@wrong(exercises.smooth_targets, "hard_rows_only")  # hardens soft targets with argmax first
def hardens_with_argmax(targets, eps):
    num_classes = targets.shape[1]
    hard = F.one_hot(targets.argmax(dim=1), num_classes).double()
    return (1 - eps) * hard + eps / num_classes


@wrong(exercises.smooth_targets, "hard_rows_only")  # only knows 1 and not 1: soft targets are lost
def where_equal_to_one(targets, eps):
    low = eps / targets.shape[1]
    return torch.where(targets == 1, 1 - eps + low, low)


@wrong(
    exercises.smooth_targets, "another_portion"
)  # divides by N, the number of rows, instead of K
def divides_by_rows(targets, eps):
    return (1 - eps) * targets + eps / len(targets)


@wrong(
    exercises.smooth_targets, "mass_gained"
)  # forgets the factor 1 - eps: rows add up to 1 + eps
def adds_without_cutting(targets, eps):
    return targets + eps / targets.shape[1]


@wrong(exercises.smooth_targets, "mass_gained")  # adds eps to each class instead of eps / K
def adds_all_of_eps(targets, eps):
    return (1 - eps) * targets + eps


@wrong(exercises.smooth_targets, "mass_lost")  # cuts back and never shares eps out
def never_shares_out(targets, eps):
    return (1 - eps) * targets


@wrong(exercises.smooth_targets, "another_portion")  # always 10 classes
def always_ten_classes(targets, eps):
    return (1 - eps) * targets + eps / 10


@wrong(
    exercises.smooth_targets, "whole_numbers"
)  # back to the dtype of targets: whole numbers become 0
def keeps_the_integer_dtype(targets, eps):
    smoothed = (1 - eps) * targets + eps / targets.shape[1]
    return smoothed.to(targets.dtype)


@wrong(exercises.smooth_targets, "raised")  # raises: in-place arithmetic on whole numbers
def in_place_on_a_clone(targets, eps):
    smoothed = targets.clone()
    smoothed *= 1 - eps
    smoothed += eps / targets.shape[1]
    return smoothed


@wrong(exercises.smooth_targets, "weights_swapped")  # eps and 1 - eps exchanged
def exchanges_eps(targets, eps):
    return eps * targets + (1 - eps) / targets.shape[1]


@wrong(
    exercises.smooth_targets, "hard_rows_only"
)  # clamps to eps / K and 1 - eps instead of mixing
def clamps_the_targets(targets, eps):
    low = eps / targets.shape[1]
    return targets.double().clamp(low, 1 - eps + low)


@wrong(exercises.smooth_targets, "wrong_value")  # a softmax of the targets
def softmax_of_targets(targets, eps):
    return (1 - eps) * targets + eps * targets.double().softmax(dim=1)


@wrong(
    exercises.smooth_targets, "wrong_value"
)  # mixes with the mean target of the batch, not with uniform
def mixes_with_batch_mean(targets, eps):
    return (1 - eps) * targets + eps * targets.double().mean(dim=0)


@wrong(exercises.smooth_targets, "hard_rows_only")  # takes eps off the largest class only
def takes_from_the_largest(targets, eps):
    smoothed = targets.double()
    rows = torch.arange(len(targets))
    smoothed = smoothed + eps / targets.shape[1]
    smoothed[rows, targets.argmax(dim=1)] -= eps
    return smoothed


@right(exercises.smooth_targets)  # one line
def one_line_mixture(targets, eps):
    return (1 - eps) * targets + eps / targets.shape[1]


@right(exercises.smooth_targets)  # lerp between the targets and the uniform distribution
def lerp_to_uniform(targets, eps):
    t = targets if targets.is_floating_point() else targets.to(torch.get_default_dtype())
    return torch.lerp(t, torch.full_like(t, 1 / t.size(1)), float(eps))


@right(exercises.smooth_targets)  # matrix product with (1 - eps) I + eps / K
def matrix_of_mixing(targets, eps):
    k = targets.shape[1]
    t = targets.double()
    mixing = (1 - eps) * torch.eye(k, dtype=torch.float64) + torch.full((k, k), eps / k).double()
    return t @ mixing


@right(exercises.smooth_targets)  # number by number, in loops
def number_by_number(targets, eps):
    num_rows, num_classes = targets.shape
    smoothed = torch.zeros(num_rows, num_classes, dtype=torch.float64)
    for i in range(num_rows):
        for k in range(num_classes):
            smoothed[i, k] = targets[i, k].item() * (1 - eps) + eps / num_classes
    return smoothed


@right(exercises.smooth_targets)  # moves each number a little towards 1 / K
def moves_towards_uniform(targets, eps):
    soft = targets.clone() if targets.is_floating_point() else targets.float()
    return soft.sub_((soft - 1 / targets.shape[-1]) * eps)


# ---- smoothed_cross_entropy


def _reduce(losses, reduction):
    return losses.mean() if reduction == "mean" else losses.sum()


def _mixture(log_probs, labels, eps):
    hard = -log_probs[torch.arange(len(labels)), labels]
    return (1 - eps) * hard - eps * log_probs.mean(dim=1)


@wrong(
    exercises.smoothed_cross_entropy, "log_of_softmax"
)  # the log of a softmax: log 0 for large logits
def log_of_softmax(logits, labels, eps, reduction="mean"):
    return _reduce(_mixture(logits.softmax(dim=1).log(), labels, eps), reduction)


@wrong(exercises.smoothed_cross_entropy, "clipped")  # log(p + 1e-12): finite, and far too small
def adds_a_tiny_number(logits, labels, eps, reduction="mean"):
    return _reduce(_mixture((logits.softmax(dim=1) + 1e-12).log(), labels, eps), reduction)


@wrong(exercises.smoothed_cross_entropy, "overflow")  # exp of the raw logits overflows
def exponentiates_raw_logits(logits, labels, eps, reduction="mean"):
    log_probs = logits - logits.exp().sum(dim=1, keepdim=True).log()
    return _reduce(_mixture(log_probs, labels, eps), reduction)


@wrong(
    exercises.smoothed_cross_entropy, "one_max_for_all"
)  # subtracts the batch's maximum, not each row's
def subtracts_the_batch_maximum(logits, labels, eps, reduction="mean"):
    z = logits - logits.max()
    log_probs = z - z.exp().sum(dim=1, keepdim=True).log()
    return _reduce(_mixture(log_probs, labels, eps), reduction)


@wrong(exercises.smoothed_cross_entropy, "logits_clamped")  # clamps the logits to keep exp finite
def clamps_the_logits(logits, labels, eps, reduction="mean"):
    log_probs = logits.clamp(-50, 50).log_softmax(dim=1)
    return _reduce(_mixture(log_probs, labels, eps), reduction)


@wrong(
    exercises.smoothed_cross_entropy, "only_wrong_classes"
)  # eps shared among the K - 1 wrong classes only
def spares_the_right_class(logits, labels, eps, reduction="mean"):
    num_classes = logits.shape[1]
    targets = torch.full_like(logits, eps / (num_classes - 1))
    targets[torch.arange(len(labels)), labels] = 1 - eps
    return _reduce(-(targets * logits.log_softmax(dim=1)).sum(dim=1), reduction)


@wrong(exercises.smoothed_cross_entropy, "reduction_ignored")  # ignores reduction, always the mean
def always_the_mean(logits, labels, eps, reduction="mean"):
    return _mixture(logits.log_softmax(dim=1), labels, eps).mean()


@wrong(exercises.smoothed_cross_entropy, "sum_by_default")  # the default is sum
def sum_by_default(logits, labels, eps, reduction="sum"):
    return _reduce(_mixture(logits.log_softmax(dim=1), labels, eps), reduction)


@wrong(exercises.smoothed_cross_entropy, "mean_over_classes")  # the mean over N times K numbers
def mean_over_all_numbers(logits, labels, eps, reduction="mean"):
    num_classes = logits.shape[1]
    targets = (1 - eps) * F.one_hot(labels, num_classes) + eps / num_classes
    return _reduce(-targets * logits.log_softmax(dim=1), reduction)


@wrong(
    exercises.smoothed_cross_entropy, "summed_over_classes"
)  # the uniform part summed over K, not divided by K
def uniform_part_not_divided(logits, labels, eps, reduction="mean"):
    log_probs = logits.log_softmax(dim=1)
    hard = -log_probs.gather(1, labels[:, None])[:, 0]
    return _reduce((1 - eps) * hard - eps * log_probs.sum(dim=1), reduction)


@wrong(exercises.smoothed_cross_entropy, "weights_swapped")  # eps and 1 - eps exchanged
def exchanges_the_two_parts(logits, labels, eps, reduction="mean"):
    return _reduce(_mixture(logits.log_softmax(dim=1), labels, 1 - eps), reduction)


@wrong(exercises.smoothed_cross_entropy, "argument_ignored")  # no smoothing, eps is ignored
def ignores_eps(logits, labels, eps, reduction="mean"):
    return F.nll_loss(logits.log_softmax(dim=1), labels, reduction=reduction)


@wrong(exercises.smoothed_cross_entropy, "softmax_over_batch")  # softmax over the batch, axis 0
def softmax_over_the_batch(logits, labels, eps, reduction="mean"):
    return _reduce(_mixture(logits.log_softmax(dim=0), labels, eps), reduction)


@wrong(exercises.smoothed_cross_entropy, "sign_lost")  # forgets the minus sign
def forgets_the_minus(logits, labels, eps, reduction="mean"):
    return -_reduce(_mixture(logits.log_softmax(dim=1), labels, eps), reduction)


@wrong(exercises.smoothed_cross_entropy, "square_of_losses")  # (N, 1) and (N,) broadcast to (N, N)
def broadcasts_to_a_square(logits, labels, eps, reduction="mean"):
    log_probs = logits.log_softmax(dim=1)
    hard = -log_probs.gather(1, labels[:, None])
    return _reduce((1 - eps) * hard - eps * log_probs.mean(dim=1), reduction)


@wrong(
    exercises.smoothed_cross_entropy, "divergence"
)  # KL divergence: the target's entropy is taken off
def divergence_from_target(logits, labels, eps, reduction="mean"):
    num_classes = logits.shape[1]
    targets = ((1 - eps) * F.one_hot(labels, num_classes) + eps / num_classes).to(logits.dtype)
    how = "batchmean" if reduction == "mean" else "sum"
    return F.kl_div(logits.log_softmax(dim=1), targets, reduction=how)


@wrong(exercises.smoothed_cross_entropy, "not_reduced")  # returns N losses, never reduces
def never_reduces(logits, labels, eps, reduction="mean"):
    return _mixture(logits.log_softmax(dim=1), labels, eps)


@wrong(exercises.smoothed_cross_entropy, "used_forbidden")  # calls the forbidden F.cross_entropy
def calls_cross_entropy(logits, labels, eps, reduction="mean"):
    return F.cross_entropy(logits, labels, label_smoothing=eps, reduction=reduction)


@wrong(exercises.smoothed_cross_entropy, "softmax_twice")  # a second softmax before log_softmax
def softmax_twice(logits, labels, eps, reduction="mean"):
    log_probs = logits.softmax(dim=1).log_softmax(dim=1)
    return _reduce(_mixture(log_probs, labels, eps), reduction)


@right(exercises.smoothed_cross_entropy)  # soft targets times log_softmax
def soft_targets_times_logs(logits, labels, eps, reduction="mean"):
    num_classes = logits.shape[1]
    targets = (1 - eps) * F.one_hot(labels, num_classes) + eps / num_classes
    total = -(targets * F.log_softmax(logits, dim=1)).sum()
    return total / len(labels) if reduction == "mean" else total


@right(exercises.smoothed_cross_entropy)  # logsumexp minus the target's mean logit, in float64
def logsumexp_minus_mean_logit(logits, labels, eps, reduction="mean"):
    logits = logits.double()
    picked = logits.take_along_dim(labels[:, None], dim=1).squeeze(1)
    expected = (1 - eps) * picked + eps * logits.mean(dim=1)
    return getattr(logits.logsumexp(dim=1) - expected, reduction)()


@right(exercises.smoothed_cross_entropy)  # the row maximum by hand, with einsum
def shifts_by_row_maximum(logits, labels, eps, reduction="mean"):
    z = logits - logits.amax(dim=1, keepdim=True)
    log_probs = z - torch.log(torch.exp(z).sum(dim=1, keepdim=True))
    q = torch.full_like(z, eps / z.shape[1])
    q[range(len(labels)), labels] += 1 - eps
    total = -torch.einsum("nk,nk->", q, log_probs)
    return total if reduction == "sum" else total / z.shape[0]


@right(exercises.smoothed_cross_entropy)  # nll_loss plus the uniform part
def nll_loss_and_uniform(logits, labels, eps, reduction="mean"):
    log_probs = F.log_softmax(logits, dim=-1)
    hard = F.nll_loss(log_probs, labels, reduction="sum")
    total = (1 - eps) * hard + eps * (-log_probs.mean(dim=-1)).sum()
    return {"sum": total, "mean": total / labels.numel()}[reduction]


@right(exercises.smoothed_cross_entropy)  # row by row, in a list
def row_by_row(logits, labels, eps, reduction="mean"):
    losses = []
    for z, y in zip(logits, labels.tolist(), strict=True):
        z = z - z.max()
        normalizer = torch.logsumexp(z, 0)
        losses.append((1 - eps) * (normalizer - z[y]) + eps * (normalizer - z).mean())
    total = torch.stack(losses).sum()
    return total / len(losses) if reduction == "mean" else total


# ---- calibration_error


def _error(confidence, correct, bins, num_bins):
    error = 0.0
    for b in range(num_bins):
        inside = bins == b
        if inside.any():
            gap = correct[inside].double().mean() - confidence[inside].double().mean()
            error += inside.double().mean().item() * abs(gap.item())
    return error


def _bins(confidence, num_bins):
    return (confidence * num_bins).long().clamp(max=num_bins - 1)


@wrong(exercises.calibration_error, "top_edge_lost")  # half-open bins: a confidence of 1 is in none
def leaves_out_certainty(probs, labels, num_bins):
    confidence, answers = probs.max(dim=1)
    return _error(confidence, answers == labels, (confidence * num_bins).long(), num_bins)


@wrong(
    exercises.calibration_error, "bins_weighed_alike"
)  # the bins' plain mean, not weighted by their examples
def bins_weigh_the_same(probs, labels, num_bins):
    confidence, answers = probs.max(dim=1)
    bins, gaps = _bins(confidence, num_bins), []
    for b in bins.unique():
        inside = bins == b
        accuracy = (answers == labels)[inside].double().mean()
        gaps.append((accuracy - confidence[inside].double().mean()).abs().item())
    return sum(gaps) / len(gaps)


@wrong(exercises.calibration_error, "gaps_cancel")  # no absolute value: gaps cancel between bins
def gaps_cancel(probs, labels, num_bins):
    confidence, answers = probs.max(dim=1)
    bins, error = _bins(confidence, num_bins), 0.0
    for b in range(num_bins):
        inside = bins == b
        gap = (confidence - (answers == labels).to(confidence.dtype))[inside]
        error += gap.sum().item() / len(labels)
    return abs(error)


@wrong(exercises.calibration_error, "bin_middle")  # the middle of the bin for the mean confidence
def middle_of_the_bin(probs, labels, num_bins):
    confidence, answers = probs.max(dim=1)
    bins = _bins(confidence, num_bins)
    middles = (bins + 0.5) / num_bins
    return _error(middles, answers == labels, bins, num_bins)


@wrong(
    exercises.calibration_error, "label_probability"
)  # the probability of the label taken for the confidence
def probability_of_the_label(probs, labels, num_bins):
    confidence = probs[torch.arange(len(labels)), labels]
    correct = probs.argmax(dim=1) == labels
    return _error(confidence, correct, _bins(confidence, num_bins), num_bins)


@wrong(
    exercises.calibration_error, "every_class"
)  # all K probabilities counted, not only the answer's
def counts_all_probabilities(probs, labels, num_bins):
    correct = F.one_hot(labels, probs.shape[1]).flatten()
    confidence = probs.flatten()
    return _error(confidence, correct, _bins(confidence, num_bins), num_bins)


@wrong(exercises.calibration_error, "other_bins")  # bins from the lowest confidence to the highest
def bins_from_lowest_to_highest(probs, labels, num_bins):
    confidence, answers = probs.max(dim=1)
    low, high = confidence.min(), confidence.max()
    scaled = (confidence - low) / (high - low).clamp(min=1e-12)
    return _error(confidence, answers == labels, _bins(scaled, num_bins), num_bins)


@wrong(
    exercises.calibration_error, "other_bins"
)  # bins of equally many examples, not of equal width
def bins_of_equal_count(probs, labels, num_bins):
    confidence, answers = probs.max(dim=1)
    ranks = confidence.argsort().argsort()
    bins = ranks * num_bins // len(labels)
    return _error(confidence, answers == labels, bins, num_bins)


@wrong(exercises.calibration_error, "edges_twice")  # an edge counts in both bins
def counts_edges_twice(probs, labels, num_bins):
    confidence, answers = probs.max(dim=1)
    edges = torch.linspace(0, 1, num_bins + 1, dtype=probs.dtype)
    error = 0.0
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        inside = (confidence >= low) & (confidence <= high)
        if inside.any():
            gap = (answers == labels)[inside].double().mean() - confidence[inside].double().mean()
            error += inside.double().mean().item() * abs(gap.item())
    return error


@wrong(exercises.calibration_error, "edges_lost")  # an edge counts in neither bin
def counts_edges_never(probs, labels, num_bins):
    confidence, answers = probs.max(dim=1)
    edges = torch.linspace(0, 1, num_bins + 1, dtype=probs.dtype)
    error = 0.0
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        inside = (confidence > low) & (confidence < high)
        if inside.any():
            gap = (answers == labels)[inside].double().mean() - confidence[inside].double().mean()
            error += inside.double().mean().item() * abs(gap.item())
    return error


@wrong(exercises.calibration_error, "empty_bin_nan")  # nan: the mean of an empty bin
def mean_of_empty_bins(probs, labels, num_bins):
    confidence, answers = probs.max(dim=1)
    bins, error = _bins(confidence, num_bins), 0.0
    for b in range(num_bins):
        inside = bins == b
        gap = (answers == labels)[inside].double().mean() - confidence[inside].double().mean()
        error += inside.double().mean() * gap.abs()
    return float(error)


@wrong(
    exercises.calibration_error, "gaps_cancel"
)  # one bin only: overall accuracy minus mean confidence
def one_bin_for_all(probs, labels, num_bins):
    confidence, answers = probs.max(dim=1)
    return abs((answers == labels).double().mean() - confidence.double().mean()).item()


@wrong(exercises.calibration_error, "argument_ignored")  # num_bins is ignored, always 15
def always_fifteen_bins(probs, labels, num_bins):
    confidence, answers = probs.max(dim=1)
    return _error(confidence, answers == labels, _bins(confidence, 15), 15)


@wrong(exercises.calibration_error, "largest_gap")  # the largest gap instead of the weighted mean
def largest_gap(probs, labels, num_bins):
    confidence, answers = probs.max(dim=1)
    bins, gaps = _bins(confidence, num_bins), []
    for b in bins.unique():
        inside = bins == b
        accuracy = (answers == labels)[inside].double().mean()
        gaps.append((accuracy - confidence[inside].double().mean()).abs().item())
    return max(gaps)


@wrong(exercises.calibration_error, "squared_gaps")  # squares the gaps and takes a root at the end
def root_mean_square_gap(probs, labels, num_bins):
    confidence, answers = probs.max(dim=1)
    bins, error = _bins(confidence, num_bins), 0.0
    for b in bins.unique():
        inside = bins == b
        gap = (answers == labels)[inside].double().mean() - confidence[inside].double().mean()
        error += inside.double().mean().item() * gap.item() ** 2
    return math.sqrt(error)


@wrong(
    exercises.calibration_error, "gap_of_each_example"
)  # absolute value for each example, before the bin's mean
def absolute_for_each_example(probs, labels, num_bins):
    confidence, answers = probs.max(dim=1)
    return (confidence.double() - (answers == labels).double()).abs().mean().item()


@wrong(exercises.calibration_error, "not_divided")  # weighted by counts, never divided by N
def never_divides_by_examples(probs, labels, num_bins):
    confidence, answers = probs.max(dim=1)
    bins = _bins(confidence, num_bins)
    return len(labels) * _error(confidence, answers == labels, bins, num_bins)


@right(exercises.calibration_error)  # a loop over the bins, open on the left
def loop_over_bins(probs, labels, num_bins):
    confidence, answers = probs.max(dim=1)
    right_or_wrong = (answers == labels).to(torch.float64)
    error = 0.0
    for m in range(num_bins):
        low = m / num_bins if m else -1.0
        high = (m + 1) / num_bins if m < num_bins - 1 else 2.0
        inside = (confidence > low) & (confidence <= high)
        n = int(inside.sum())
        if n:
            gap = right_or_wrong[inside].mean() - confidence[inside].to(torch.float64).mean()
            error += n / len(labels) * abs(float(gap))
    return error


@right(exercises.calibration_error)  # sums of confidence minus correct, by bincount
def bincount_of_differences(probs, labels, num_bins):
    confidence, answers = probs.double().max(dim=1)
    bins = (confidence * num_bins).floor().long().clamp(0, num_bins - 1)
    sums = torch.bincount(bins, weights=confidence - (answers == labels).double())
    return sums.abs().sum() / len(labels)


@right(exercises.calibration_error)  # plain Python, a dict of bins
def dict_of_bins(probs, labels, num_bins):
    differences = {}
    for row, label in zip(probs.tolist(), labels.tolist(), strict=True):
        confidence = max(row)
        m = min(int(confidence * num_bins), num_bins - 1)
        hit = 1 if row.index(confidence) == label else 0
        differences[m] = differences.get(m, 0.0) + hit - confidence
    return sum(abs(d) for d in differences.values()) / len(labels)


@right(exercises.calibration_error)  # NumPy, digitize with the inner edges
def digitize_inner_edges(probs, labels, num_bins):
    p, y = probs.numpy().astype(float), labels.numpy()
    confidence, correct = p.max(axis=1), p.argmax(axis=1) == y
    bins = np.digitize(confidence, np.linspace(0, 1, num_bins + 1)[1:-1])
    one_hot = np.eye(num_bins)[bins]
    return float(np.abs(one_hot.T @ (correct - confidence)).sum() / len(y))


@right(exercises.calibration_error)  # searchsorted and scatter_add
def searchsorted_and_scatter(probs, labels, num_bins):
    confidence = probs.amax(dim=1).double()
    correct = probs.argmax(dim=1).eq(labels).double()
    inner = torch.arange(1, num_bins, dtype=torch.float64) / num_bins
    bins = torch.searchsorted(inner, confidence)
    gaps = torch.zeros(num_bins, dtype=torch.float64).scatter_add(0, bins, correct - confidence)
    return gaps.abs().sum().div(len(confidence)).item()
