"""Answers to the exercises of activations, written from the prompts alone."""

import math

import numpy as np
import torch
from torch.nn import functional as F

from course_utils.exercises import activations as exercises

from .. import right, wrong

# ---- gelu_by_erf


@wrong(exercises.gelu_by_erf, "wrong_width")  # z goes into erf without the division by √2
def without_root_of_two(z):
    return z * (1 + torch.erf(z)) / 2


@wrong(exercises.gelu_by_erf, "not_a_probability")  # the factor ½ is missing
def without_the_half(z):
    return z * (1 + torch.erf(z / math.sqrt(2)))


@wrong(exercises.gelu_by_erf, "not_a_probability")  # Φ without the area left of 0: the 1 is missing
def without_the_left_half(z):
    return z * torch.erf(z / math.sqrt(2)) / 2


@wrong(exercises.gelu_by_erf, "not_a_probability")  # erf itself is taken for Φ
def erf_as_phi(z):
    return z * torch.erf(z)


@wrong(exercises.gelu_by_erf, "tanh_approximation")  # the approximation with tanh
def tanh_approximation(z):
    return 0.5 * z * (1 + torch.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)))


@wrong(exercises.gelu_by_erf, "sigmoid_approximation")  # the approximation with a sigmoid
def sigmoid_approximation(z):
    return z * torch.sigmoid(1.702 * z)


@wrong(exercises.gelu_by_erf, "factor_only")  # Φ(z) alone, not multiplied by z
def phi_alone(z):
    return (1 + torch.erf(z / math.sqrt(2))) / 2


@wrong(exercises.gelu_by_erf, "wrong_tail")  # the wrong tail: the area right of z
def wrong_tail(z):
    return z * (1 - torch.erf(z / math.sqrt(2))) / 2


@wrong(
    exercises.gelu_by_erf, "density_for_distribution"
)  # the density instead of the area under it
def density_instead_of_area(z):
    return z * torch.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)


@wrong(exercises.gelu_by_erf, "wrong_width")  # multiplies by √2 instead of dividing
def times_root_of_two(z):
    return z * (1 + torch.erf(z * math.sqrt(2))) / 2


@wrong(exercises.gelu_by_erf, "wrong_width")  # divides by √(2π), the constant of the density
def root_of_two_pi(z):
    return z * (1 + torch.erf(z / math.sqrt(2 * math.pi))) / 2


@wrong(exercises.gelu_by_erf, "raised")  # math.erf takes one number, not a tensor
def math_erf_on_a_tensor(z):
    return z * (1 + math.erf(z / math.sqrt(2))) / 2


@wrong(exercises.gelu_by_erf, "used_forbidden")  # calls F.gelu, which is forbidden
def calls_gelu(z):
    return F.gelu(z)


@wrong(exercises.gelu_by_erf, "lost_precision")  # converts to float32: float64 loses its digits
def single_precision(z):
    z = z.float()
    return z * (1 + torch.erf(z / math.sqrt(2))) / 2


@wrong(exercises.gelu_by_erf, "another_approximation")  # a coarse numerical integral of the density
def coarse_integral(z):
    t = torch.linspace(0, 1, 9, dtype=z.dtype)
    points = z[..., None] * t
    area = torch.trapezoid(torch.exp(-(points**2) / 2), dx=1 / 8) * z / math.sqrt(2 * math.pi)
    return z * (0.5 + area)


@wrong(exercises.gelu_by_erf, "nothing_on_the_left")  # 0 for negative z, as ReLU does
def zero_on_the_left(z):
    return torch.relu(z) * (1 + torch.erf(z / math.sqrt(2))) / 2


@wrong(exercises.gelu_by_erf, "not_a_probability")  # operator precedence: only erf is halved
def halves_erf_only(z):
    return z * (1 + torch.erf(z / math.sqrt(2)) / 2)


@right(exercises.gelu_by_erf)  # the complementary error function
def with_erfc(z):
    return z * torch.erfc(-z * math.sqrt(0.5)) / 2


@right(exercises.gelu_by_erf)  # the distribution function of torch.distributions
def from_the_distribution(z):
    zero = torch.zeros((), dtype=z.dtype)
    return z * torch.distributions.Normal(zero, zero + 1).cdf(z)


@right(exercises.gelu_by_erf)  # the tail beyond |z|, mirrored for positive z
def mirrored_tail(z):
    tail = (1 - torch.erf(z.abs() / 2**0.5)) / 2
    return z * torch.where(z < 0, tail, 1 - tail)


@right(exercises.gelu_by_erf)  # math.erf in float64, entry by entry
def entry_by_entry(z):
    values = [x * (0.5 + math.erf(x / math.sqrt(2)) / 2) for x in z.flatten().tolist()]
    return torch.tensor(values, dtype=z.dtype).reshape(z.shape)


@right(exercises.gelu_by_erf)  # half of z plus half of z times erf
def two_halves(z):
    half = 0.5 * z
    return half + half * torch.special.erf(z / np.sqrt(2).item())


# ---- leaky_relu


@wrong(
    exercises.leaky_relu, "larger_of_two"
)  # the maximum of z and slope·z: wrong for slopes above 1
def larger_of_the_two(z, slope):
    return torch.maximum(z, slope * z)


@wrong(exercises.leaky_relu, "positive_side_changed")  # relu(z) + slope·z: positive z grows too
def leak_everywhere(z, slope):
    return torch.relu(z) + slope * z


@wrong(exercises.leaky_relu, "wrong_side")  # the two sides are exchanged
def sides_exchanged(z, slope):
    return torch.where(z > 0, slope * z, z)


@wrong(exercises.leaky_relu, "argument_ignored")  # the slope is ignored: always 0.01
def always_a_hundredth(z, slope):
    return torch.where(z > 0, z, 0.01 * z)


@wrong(exercises.leaky_relu, "slope_for_value")  # the value slope instead of slope·z
def constant_on_the_left(z, slope):
    return torch.where(z > 0, z, torch.full_like(z, slope))


@wrong(exercises.leaky_relu, "sign_flipped")  # the sign of the left side is wrong: -slope·z
def wrong_sign_on_the_left(z, slope):
    return torch.relu(z) + slope * torch.relu(-z)


@wrong(exercises.leaky_relu, "raised")  # an if over the whole tensor instead of each entry
def one_if_for_all(z, slope):
    return z if z > 0 else slope * z


@wrong(exercises.leaky_relu, "all_alike")  # decides by the sum of all entries
def decides_for_all(z, slope):
    return z if z.sum() > 0 else slope * z


@wrong(exercises.leaky_relu, "absolute_slope")  # the absolute value of the slope
def absolute_slope(z, slope):
    return torch.where(z > 0, z, abs(slope) * z)


@wrong(exercises.leaky_relu, "plain_relu")  # plain ReLU
def plain_relu(z, slope):
    return z.clamp(min=0)


@wrong(exercises.leaky_relu, "clamped_at_the_slope")  # clamps at -slope
def clamps_at_slope(z, slope):
    return z.clamp(min=-slope)


@wrong(exercises.leaky_relu, "used_forbidden")  # calls F.leaky_relu, which is forbidden
def calls_leaky_relu(z, slope):
    return F.leaky_relu(z, slope)


@wrong(
    exercises.leaky_relu, "slope_0_replaced"
)  # `slope or 0.01`: a slope of 0 is replaced by a default
def zero_becomes_default(z, slope):
    slope = slope or 0.01
    return torch.where(z > 0, z, slope * z)


@wrong(
    exercises.leaky_relu, "chosen_by_the_slope"
)  # max for positive slopes, min for negative ones
def minimum_for_negative_slopes(z, slope):
    return torch.max(z, slope * z) if 0 <= slope <= 1 else torch.min(z, slope * z)


@wrong(exercises.leaky_relu, "divided_by_the_slope")  # divides by the slope instead of multiplying
def divides_by_the_slope(z, slope):
    return torch.where(z > 0, z, z / slope)


@wrong(exercises.leaky_relu, "curved")  # ELU's exponential instead of a line
def exponential_left(z, slope):
    return torch.where(z > 0, z, slope * (torch.exp(z.clamp(max=0)) - 1))


@wrong(
    exercises.leaky_relu, "positive_side_changed"
)  # the positive side is multiplied by 1 - slope
def interpolates(z, slope):
    return slope * z.clamp(max=0) + (1 - slope) * z.clamp(min=0)


@right(exercises.leaky_relu)  # two clamped halves added
def two_halves_added(z, slope):
    return z.clamp(min=0) + slope * z.clamp(max=0)


@right(exercises.leaky_relu)  # maximum or minimum, by which side of 1 the slope is
def maximum_or_minimum(z, slope):
    choose = torch.maximum if slope <= 1 else torch.minimum
    return choose(z, slope * z)


@right(exercises.leaky_relu)  # masked entries of a copy
def masked_entries(z, slope):
    out = z.clone()
    left = ~(z > 0)
    out[left] = slope * z[left]
    return out


@right(exercises.leaky_relu)  # a list of numbers and back
def number_by_number(z, slope):
    numbers = [x if x > 0 else slope * x for x in z.reshape(-1).tolist()]
    return torch.tensor(numbers, dtype=z.dtype).reshape(z.shape)


right(exercises.leaky_relu)(lambda z, slope: torch.where(z > 0, z, z * slope))  # a lambda


# ---- count_dead_units


@wrong(exercises.count_dead_units, "added_over_batches")  # adds up the dead of each batch
def adds_up_the_batches(layer, loader):
    return sum(int((layer(x) == 0).all(dim=0).sum()) for x, _ in loader)


@wrong(
    exercises.count_dead_units, "one_batch_only"
)  # only the last batch counts: overwritten in the loop
def last_batch_only(layer, loader):
    for x, _ in loader:
        dead = (layer(x) == 0).all(dim=0)
    return dead.sum().item()


@wrong(exercises.count_dead_units, "one_batch_only")  # only the first batch
def first_batch_only(layer, loader):
    x, _ = next(iter(loader))
    return (layer(x) == 0).all(dim=0).sum().item()


@wrong(
    exercises.count_dead_units, "dead_in_some_batch"
)  # dead in any batch is enough (or instead of and)
def dead_in_any_batch(layer, loader):
    dead = False
    for x, _ in loader:
        dead = dead | (layer(x) == 0).all(dim=0)
    return dead.sum().item()


@wrong(exercises.count_dead_units, "silent_once")  # 0 for any example is enough
def zero_for_any_example(layer, loader):
    dead = torch.tensor(False)
    for x, _ in loader:
        dead = dead | (layer(x) == 0).any(dim=0)
    return dead.sum().item()


@wrong(exercises.count_dead_units, "added_over_batches")  # the mean of the batches' counts
def mean_of_the_batches(layer, loader):
    counts = [(layer(x) == 0).all(dim=0).sum().item() for x, _ in loader]
    return sum(counts) / len(counts)


@wrong(
    exercises.count_dead_units, "examples_counted"
)  # the wrong axis: examples for which all units are 0
def examples_instead_of_units(layer, loader):
    return sum((layer(x) == 0).all(dim=1).sum().item() for x, _ in loader)


@wrong(exercises.count_dead_units, "alive_counted")  # counts the living units
def counts_the_living(layer, loader):
    alive = torch.tensor(False)
    for x, _ in loader:
        alive = alive | (layer(x) > 0).any(dim=0)
    return alive.sum().item()


@wrong(exercises.count_dead_units, "zeros_counted")  # counts zeros, not units
def counts_zeros(layer, loader):
    return sum((layer(x) == 0).sum().item() for x, _ in loader)


@wrong(exercises.count_dead_units, "share_not_count")  # the share of the units, not their number
def share_of_units(layer, loader):
    dead = torch.tensor(True)
    for x, _ in loader:
        dead = dead & (layer(x) == 0).all(dim=0)
    return dead.float().mean().item()


@wrong(
    exercises.count_dead_units, "judged_by_threshold"
)  # a small output passes for 0 (a threshold)
def small_passes_for_zero(layer, loader):
    dead = torch.tensor(True)
    for x, _ in loader:
        dead = dead & (layer(x) < 0.01).all(dim=0)
    return dead.sum().item()


@wrong(exercises.count_dead_units, "raised")  # stacks the batches, which fails on a short last one
def stacks_the_batches(layer, loader):
    outputs = torch.stack([layer(x) for x, _ in loader])
    return (outputs == 0).all(dim=0).all(dim=0).sum().item()


@wrong(exercises.count_dead_units, "mask_not_count")  # a mask of the units instead of their number
def mask_of_units(layer, loader):
    dead = torch.tensor(True)
    for x, _ in loader:
        dead = dead & (layer(x) == 0).all(dim=0)
    return dead


@wrong(
    exercises.count_dead_units, "least_or_most"
)  # the least count of any batch, not the same units
def least_count(layer, loader):
    return min((layer(x) == 0).all(dim=0).sum().item() for x, _ in loader)


@wrong(exercises.count_dead_units, "raised")  # feeds the pair, labels and all, to the layer
def feeds_the_pair(layer, loader):
    dead = torch.tensor(True)
    for batch in loader:
        dead = dead & (layer(batch) == 0).all(dim=0)
    return dead.sum().item()


@wrong(exercises.count_dead_units, "one_batch_only")  # returns in the loop, after one batch
def returns_in_the_loop(layer, loader):
    highest = torch.tensor(0.0)
    for x, _ in loader:
        highest = torch.maximum(highest, layer(x).max(dim=0).values)
        return (highest == 0).sum().item()


@right(exercises.count_dead_units)  # a running maximum
@torch.no_grad()
def running_maximum(layer, loader):
    highest = 0
    for x, _ in loader:
        highest = torch.maximum(layer(x).amax(dim=0), torch.as_tensor(highest))
    return int((highest == 0).sum())


@right(exercises.count_dead_units)  # a set of units, from which the living are taken
def shrinking_set(layer, loader):
    dead = None
    for x, _ in loader:
        zeros = (layer(x) == 0).all(dim=0).nonzero().flatten().tolist()
        dead = set(zeros) if dead is None else dead & set(zeros)
    return len(dead)


@right(exercises.count_dead_units)  # counts how often each unit is above 0
def counts_activity(layer, loader):
    active = sum(torch.count_nonzero(layer(x), dim=0) for x, _ in loader)
    return (active == 0).sum()


@right(exercises.count_dead_units)  # zeros of each unit compared with the number of examples
def as_many_zeros_as_examples(layer, loader):
    zeros, examples = 0, 0
    for inputs, labels in loader:
        zeros = zeros + np.sum(layer(inputs).detach().numpy() == 0, axis=0)
        examples += len(labels)
    return int(np.sum(zeros == examples))


@right(exercises.count_dead_units)  # one example after the other
def example_by_example(layer, loader):
    alive = []
    for inputs, _ in loader:
        for x in inputs:
            outputs = layer(x[None])[0].tolist()
            alive = alive or [False] * len(outputs)
            alive = [a or y != 0 for a, y in zip(alive, outputs, strict=True)]
    return alive.count(False)
