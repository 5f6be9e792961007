"""Answers to the exercises of initialization."""

import math
from collections import Counter
from itertools import combinations

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from course_utils.exercises import initialization as exercises

from . import right, wrong

# ---- initialization_bounds


def _xavier(weight):
    return math.sqrt(6 / sum(weight.shape))


def _kaiming(weight, slope):
    return math.sqrt(6 / (1 + slope**2) / weight.shape[1])


@wrong(exercises.initialization_bounds, "fans_swapped")
def reads_the_shape_backwards(weight, negative_slope):
    fan_in, fan_out = weight.shape
    return math.sqrt(6 / (fan_in + fan_out)), math.sqrt(6 / (1 + negative_slope**2) / fan_in)


@wrong(exercises.initialization_bounds, "variance_for_deviation")
def forgets_the_root(weight, negative_slope):
    fan_out, fan_in = weight.shape
    return 6 / (fan_in + fan_out), 6 / (1 + negative_slope**2) / fan_in


@wrong(exercises.initialization_bounds, "variance_for_deviation")
def root_of_three_times_variance(weight, negative_slope):
    variance = 2 / (1 + negative_slope**2) / weight.shape[1]
    return _xavier(weight), math.sqrt(3) * variance


@wrong(exercises.initialization_bounds, "deviation_for_bound")
def gives_the_deviation(weight, negative_slope):
    fan_out, fan_in = weight.shape
    return math.sqrt(2 / (fan_in + fan_out)), math.sqrt(2 / (1 + negative_slope**2) / fan_in)


@wrong(exercises.initialization_bounds, "deviation_for_bound")
def kaiming_deviation(weight, negative_slope):
    return _xavier(weight), math.sqrt(2 / (1 + negative_slope**2) / weight.shape[1])


@wrong(exercises.initialization_bounds, "gain_forgotten")
def no_gain(weight, negative_slope):
    return _xavier(weight), math.sqrt(3 / weight.shape[1])


@wrong(exercises.initialization_bounds, "slope_ignored")
def always_relu(weight, negative_slope):
    return _xavier(weight), math.sqrt(6 / weight.shape[1])


@wrong(exercises.initialization_bounds, "slope_not_squared")
def plain_slope(weight, negative_slope):
    return _xavier(weight), math.sqrt(6 / (1 + negative_slope) / weight.shape[1])


@wrong(exercises.initialization_bounds, "xavier_one_fan")
def xavier_by_fan_in(weight, negative_slope):
    return math.sqrt(3 / weight.shape[1]), _kaiming(weight, negative_slope)


@wrong(exercises.initialization_bounds, "xavier_sum_for_mean")
def xavier_without_the_two(weight, negative_slope):
    return math.sqrt(3 / sum(weight.shape)), _kaiming(weight, negative_slope)


@wrong(exercises.initialization_bounds, "wrong_type")
def kaiming_alone(weight, negative_slope):
    return _kaiming(weight, negative_slope)


@wrong(exercises.initialization_bounds, "changed_argument")
def draws_into_the_weight(weight, negative_slope):
    nn.init.xavier_uniform_(weight)
    return _xavier(weight), _kaiming(weight, negative_slope)


@wrong(exercises.initialization_bounds, "used_forbidden")
def by_torch_gain(weight, negative_slope):
    gain = nn.init.calculate_gain("leaky_relu", negative_slope)
    fan_out, fan_in = weight.size()
    return [3**0.5 * (2 / (fan_in + fan_out)) ** 0.5, gain * (3 / fan_in) ** 0.5]


@wrong(exercises.initialization_bounds, "swapped_results")
def kaiming_first(weight, negative_slope):
    return _kaiming(weight, negative_slope), _xavier(weight)


@wrong(exercises.initialization_bounds, "negative_slope_replaced")
def takes_the_absolute_slope(weight, negative_slope):
    return _xavier(weight), _kaiming(weight, max(negative_slope, 0))


@right(exercises.initialization_bounds)
def gain_by_hand(weight, negative_slope):
    gain = (2 / (1 + negative_slope**2)) ** 0.5
    fan_out, fan_in = weight.size()
    return [3**0.5 * (2 / (fan_in + fan_out)) ** 0.5, gain * (3 / fan_in) ** 0.5]


@right(exercises.initialization_bounds)
def bounds_with_numpy(weight, negative_slope):
    fans = np.array([weight.numel() / n for n in weight.shape])  # fan_in, fan_out
    variances = np.array([1 / fans.mean(), 2 / (1 + negative_slope**2) / fans[0]])
    return tuple(np.sqrt(12 * variances) / 2)


@right(exercises.initialization_bounds)
def bounds_as_tensors(weight, negative_slope):
    fan_out, fan_in = (torch.tensor(float(n), dtype=torch.float64) for n in weight.shape)
    return (6 / (fan_in + fan_out)).sqrt(), (6 / fan_in / (1 + negative_slope**2)).sqrt()


# ---- count_twins


def _twins(units):
    counts = torch.unique(units, dim=0, return_counts=True)[1]
    return int(counts[counts > 1].sum())


@wrong(exercises.count_twins, "incoming_only")
def same_rows_and_biases(hidden, output):
    return _twins(torch.cat([hidden.weight, hidden.bias[:, None]], dim=1))


@wrong(exercises.count_twins, "incoming_only")
def same_rows(hidden, output):
    return _twins(hidden.weight)


@wrong(exercises.count_twins, "outgoing_only")
def same_columns_on_the_way_out(hidden, output):
    return _twins(output.weight.T)


@wrong(exercises.count_twins, "bias_forgotten")
def weights_without_biases(hidden, output):
    return _twins(torch.cat([hidden.weight, output.weight.T], dim=1))


@wrong(exercises.count_twins, "wrong_axis")
def same_columns_on_the_way_in(hidden, output):
    return _twins(hidden.weight.T)


@wrong(exercises.count_twins, "nearly_equal")
def close_enough(hidden, output):
    units = torch.cat([hidden.weight, hidden.bias[:, None], output.weight.T], dim=1)
    close = torch.isclose(units[:, None], units[None], atol=1e-4).all(dim=2)
    return (close.sum(dim=1) > 1).sum()


@wrong(exercises.count_twins, "nearly_equal")
def rounded(hidden, output):
    units = torch.cat([hidden.weight, hidden.bias[:, None], output.weight.T], dim=1)
    return _twins((units * 1e4).round())


@wrong(exercises.count_twins, "distinct_counted")
def number_of_kinds(hidden, output):
    units = torch.cat([hidden.weight, hidden.bias[:, None], output.weight.T], dim=1)
    return len(torch.unique(units, dim=0))


@wrong(exercises.count_twins, "distinct_counted")
def number_of_groups(hidden, output):
    units = torch.cat([hidden.weight, hidden.bias[:, None], output.weight.T], dim=1)
    return (torch.unique(units, dim=0, return_counts=True)[1] > 1).sum()


@wrong(exercises.count_twins, "copies_counted")
def all_but_the_first(hidden, output):
    units = torch.cat([hidden.weight, hidden.bias[:, None], output.weight.T], dim=1)
    return len(units) - len(torch.unique(units, dim=0))


@wrong(exercises.count_twins, "pairs_counted")
def pairs_in_a_loop(hidden, output):
    units = torch.cat([hidden.weight, hidden.bias[:, None], output.weight.T], dim=1)
    return sum(torch.equal(a, b) for a, b in combinations(units, 2))


@wrong(exercises.count_twins, "not_a_count")
def gives_a_mask(hidden, output):
    units = torch.cat([hidden.weight, hidden.bias[:, None], output.weight.T], dim=1)
    return (units[:, None] == units[None]).all(dim=2).sum(dim=1) > 1


@right(exercises.count_twins)
def counted_as_tuples(hidden, output):
    rows = zip(hidden.weight.tolist(), hidden.bias.tolist(), output.weight.T.tolist(), strict=True)
    groups = Counter((tuple(into), bias, tuple(out)) for into, bias, out in rows)
    return sum(size for size in groups.values() if size > 1)


@right(exercises.count_twins)
def compares_all_at_once(hidden, output):
    units = torch.cat([hidden.weight, hidden.bias[:, None], output.weight.T], dim=1).double()
    same = (units[:, None] == units).all(dim=2)
    return (same.sum(dim=1) > 1).sum()


@right(exercises.count_twins)
def three_conditions_in_place(hidden, output):
    same = (hidden.weight.detach()[:, None] == hidden.weight.detach()).all(dim=2)
    same &= hidden.bias[:, None] == hidden.bias
    same &= (output.weight.T[:, None] == output.weight.T).all(dim=2)
    same.fill_diagonal_(False)
    return float(same.any(dim=1).sum())


# ---- predict_first_loss


@wrong(exercises.predict_first_loss, "bias_ignored")
def always_ln_k(counts, bias):
    return math.log(len(counts))


@wrong(exercises.predict_first_loss, "classes_counted_alike")
def mean_over_classes(counts, bias):
    return F.cross_entropy(bias.expand(len(bias), -1), torch.arange(len(bias)))


@wrong(exercises.predict_first_loss, "entropy_of_counts")
def entropy_of_the_shares(counts, bias):
    return torch.distributions.Categorical(counts.double()).entropy()


@wrong(exercises.predict_first_loss, "entropy_of_probs")
def entropy_of_the_model(counts, bias):
    return torch.distributions.Categorical(logits=bias).entropy()


@wrong(exercises.predict_first_loss, "logarithm_base_two")
def in_bits(counts, bias):
    return -(counts * bias.log_softmax(dim=0)).sum() / counts.sum() / math.log(2)


@wrong(exercises.predict_first_loss, "sum_not_mean")
def forgets_to_divide(counts, bias):
    return -(counts * bias.log_softmax(dim=0)).sum()


@wrong(exercises.predict_first_loss, "wrong_sign")
def log_likelihood(counts, bias):
    return (counts * bias.log_softmax(dim=0)).sum() / counts.sum()


@wrong(exercises.predict_first_loss, "overflow")
def log_of_softmax(counts, bias):
    return -(counts * bias.softmax(dim=0).log()).sum() / counts.sum()


@wrong(exercises.predict_first_loss, "overflow")
def exponentials_by_hand(counts, bias):
    probs = bias.exp() / bias.exp().sum()
    return -(counts / counts.sum() * probs.log()).sum()


@wrong(exercises.predict_first_loss, "loss_of_each_class")
def a_loss_for_each_class(counts, bias):
    return -counts / counts.sum() * bias.log_softmax(dim=0)


@right(exercises.predict_first_loss)
def with_class_labels(counts, bias):
    labels = torch.arange(len(counts)).repeat_interleave(counts)
    return F.cross_entropy(bias.expand(len(labels), -1), labels)


@right(exercises.predict_first_loss)
def soft_target(counts, bias):
    shares = counts.double() / counts.sum()
    return F.cross_entropy(bias.double(), shares)


@right(exercises.predict_first_loss)
def loss_with_numpy(counts, bias):
    z = bias.double().numpy().copy()
    z -= z.max()
    log_probs = z - np.log(np.exp(z).sum())
    return -np.average(log_probs, weights=counts.numpy())
