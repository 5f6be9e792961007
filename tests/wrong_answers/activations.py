"""Answers to the exercises of activations."""

import math

import numpy as np
import torch
from scipy import special
from torch import nn

from course_utils.exercises import activations as exercises

from . import right, wrong

# ---- gelu_by_erf


@wrong(exercises.gelu_by_erf, "tanh_approximation")
def tanh_formula(z):
    return 0.5 * z * (1 + torch.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)))


@wrong(exercises.gelu_by_erf, "sigmoid_approximation")
def quick_gelu(z):
    return z * torch.sigmoid(1.702 * z)


@wrong(exercises.gelu_by_erf, "silu_instead")
def silu(z):
    return z / (1 + torch.exp(-z))


@wrong(exercises.gelu_by_erf, "wrong_width")
def forgets_the_root_of_two(z):
    return z * 0.5 * (1 + torch.erf(z))


@wrong(exercises.gelu_by_erf, "wrong_width")
def multiplies_by_the_root_of_two(z):
    return z * 0.5 * (1 + torch.erf(z * math.sqrt(2)))


@wrong(exercises.gelu_by_erf, "wrong_width")
def divides_by_two(z):
    return z * 0.5 * (1 + torch.erf(z / 2))


@wrong(exercises.gelu_by_erf, "not_a_probability")
def takes_erf_for_phi(z):
    return z * torch.erf(z / math.sqrt(2))


@wrong(exercises.gelu_by_erf, "not_a_probability")
def forgets_the_half(z):
    return z * (1 + torch.erf(z / math.sqrt(2)))


@wrong(exercises.gelu_by_erf, "not_a_probability")
def takes_bare_erf(z):
    return z * torch.erf(z)


@wrong(exercises.gelu_by_erf, "factor_only")
def forgets_to_multiply(z):
    return torch.special.ndtr(z)


@wrong(exercises.gelu_by_erf, "density_for_distribution")
def multiplies_by_the_bell(z):
    return z * torch.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)


@wrong(exercises.gelu_by_erf, "derivative_instead")
def gives_the_slope(z):
    z = z.clone().requires_grad_()
    nn.functional.gelu(z).sum().backward()
    return z.grad


@wrong(exercises.gelu_by_erf, "changed_argument")
def scales_in_place(z):
    original = z.clone()
    return original * 0.5 * (1 + torch.erf(z.div_(math.sqrt(2))))


@wrong(exercises.gelu_by_erf, "raised")
def takes_one_number_only(z):
    return z * 0.5 * (1 + math.erf(z / math.sqrt(2)))


@right(exercises.gelu_by_erf)
def with_scipy(z):
    wide = z.double().numpy()
    return wide * special.ndtr(wide)


@right(exercises.gelu_by_erf)
def with_erfc_in_place_on_its_own_copy(z):
    tail = z.clone().mul_(-1 / math.sqrt(2)).erfc_()
    return tail.mul_(z).mul_(0.5)


@right(exercises.gelu_by_erf)
def element_by_element(z):
    values = [t * (1 + math.erf(t / math.sqrt(2))) / 2 for t in z.flatten().tolist()]
    return np.reshape(values, z.shape)


@wrong(exercises.gelu_by_erf, "lost_precision")
def in_single_precision(z):
    z = z.float()
    return z * 0.5 * (1 + torch.erf(z / math.sqrt(2)))


@wrong(exercises.gelu_by_erf, "used_forbidden")
def calls_the_module(z):
    return nn.GELU()(z)


@wrong(exercises.gelu_by_erf, "rounded_root")
def rounds_the_root_of_two(z):
    return z * 0.5 * (1 + torch.erf(z / 1.414))


# ---- leaky_relu


@wrong(exercises.leaky_relu, "wrong_side")
def scales_the_positive_side(z, slope):
    return torch.where(z < 0, z, slope * z)


@wrong(exercises.leaky_relu, "wrong_side")
def takes_the_smaller(z, slope):
    return torch.minimum(z, slope * z)


@wrong(exercises.leaky_relu, "sign_flipped")
def adds_the_mirror_image(z, slope):
    return z.clamp(min=0) + slope * (-z).clamp(min=0)


@wrong(exercises.leaky_relu, "slope_for_value")
def puts_the_slope_itself(z, slope):
    return torch.where(z > 0, z, slope)


@wrong(exercises.leaky_relu, "slope_for_value")
def puts_the_slope_itself_below_zero(z, slope):
    return torch.where(z > 0, z, -slope)


@wrong(exercises.leaky_relu, "argument_ignored")
def always_a_hundredth(z, slope):
    return torch.where(z > 0, z, 0.01 * z)


@wrong(exercises.leaky_relu, "argument_ignored")
def always_a_tenth(z, slope=0.1):
    return torch.where(z > 0, z, 0.1 * z)


@wrong(exercises.leaky_relu, "plain_relu")
def clips_at_zero(z, slope):
    return z.clamp(min=0)


@wrong(exercises.leaky_relu, "derivative_instead")
def gives_the_leaky_slope(z, slope):
    return torch.where(z > 0, 1.0, slope)


@wrong(exercises.leaky_relu, "larger_of_two")
def takes_the_larger(z, slope):
    return torch.maximum(z, slope * z)


@wrong(exercises.leaky_relu, "changed_argument")
def writes_into_its_argument(z, slope):
    z[z < 0] *= slope
    return z


@wrong(exercises.leaky_relu, "no_return")
def forgets_to_return(z, slope):
    torch.where(z > 0, z, slope * z)


@wrong(exercises.leaky_relu, "raised")
def compares_a_whole_tensor(z, slope):
    return z if z > 0 else slope * z


@right(exercises.leaky_relu)
def sum_of_two_sides(z, slope):
    return z.clamp(min=0) + slope * z.clamp(max=0)


@right(exercises.leaky_relu)
def two_relus(z, slope):
    return torch.relu(z) - slope * torch.relu(-z)


@right(exercises.leaky_relu)
def on_its_own_numpy_copy(z, slope):
    values = z.double().numpy().copy()
    values[values < 0] *= slope
    return values


@right(exercises.leaky_relu)  # to float32's digits: torch.where makes it of two Python numbers
def multiplies_by_the_derivative(z, slope):
    return z * torch.where(z > 0, 1.0, slope)


@wrong(exercises.leaky_relu, "used_forbidden")
def calls_the_function(z, slope):
    return nn.functional.leaky_relu(z, slope)


@wrong(exercises.leaky_relu, "argument_ignored")
def a_slope_of_its_own(z, slope):
    return torch.where(z > 0, z, 0.37 * z)


@wrong(exercises.leaky_relu, "slope_0_replaced")
def takes_slope_zero_for_none(z, slope=0.01):
    return torch.where(z > 0, z, (slope or 0.01) * z)


# ---- count_dead_units


@wrong(exercises.count_dead_units, "one_batch_only")
def looks_at_the_first_batch(layer, loader):
    inputs, _ = next(iter(loader))
    return (layer(inputs) == 0).all(dim=0).sum()


@wrong(exercises.count_dead_units, "one_batch_only")
def overwrites_in_the_loop(layer, loader):
    for inputs, _ in loader:
        dead = (layer(inputs) == 0).all(dim=0)
    return dead.sum()


@wrong(exercises.count_dead_units, "added_over_batches")
def adds_the_counts(layer, loader):
    return sum(int((layer(inputs) == 0).all(dim=0).sum()) for inputs, _ in loader)


@wrong(exercises.count_dead_units, "added_over_batches")
def averages_the_counts(layer, loader):
    return np.mean([int((layer(inputs) == 0).all(dim=0).sum()) for inputs, _ in loader])


@wrong(exercises.count_dead_units, "silent_once")
def any_for_all(layer, loader):
    outputs = torch.cat([layer(inputs) for inputs, _ in loader])
    return (outputs == 0).any(dim=0).sum()


@wrong(exercises.count_dead_units, "silent_once")
def dead_in_some_batch_and_image(layer, loader):
    dead = False
    for inputs, _ in loader:
        dead = dead | (layer(inputs) == 0).any(dim=0)
    return dead.sum()


@wrong(exercises.count_dead_units, "examples_counted")
def the_other_axis(layer, loader):
    outputs = torch.cat([layer(inputs) for inputs, _ in loader])
    return (outputs == 0).all(dim=1).sum()


@wrong(exercises.count_dead_units, "zeros_counted")
def counts_zeros(layer, loader):
    return sum(int((layer(inputs) == 0).sum()) for inputs, _ in loader)


@wrong(exercises.count_dead_units, "share_not_count")
def gives_a_share(layer, loader):
    outputs = torch.cat([layer(inputs) for inputs, _ in loader])
    return (outputs == 0).all(dim=0).float().mean()


@wrong(exercises.count_dead_units, "share_not_count")
def gives_percent(layer, loader):
    outputs = torch.cat([layer(inputs) for inputs, _ in loader])
    return 100 * (outputs == 0).all(dim=0).double().mean()


@wrong(exercises.count_dead_units, "alive_counted")
def counts_the_living(layer, loader):
    fired = sum((layer(inputs) > 0).sum(dim=0) for inputs, _ in loader)
    return (fired > 0).sum()


@wrong(exercises.count_dead_units, "judged_by_threshold")
def small_mean_output(layer, loader):
    outputs = torch.cat([layer(inputs) for inputs, _ in loader])
    return (outputs.mean(dim=0) < 0.01).sum()


@wrong(exercises.count_dead_units, "judged_by_threshold")
def fires_for_fewer_than_a_tenth(layer, loader):
    outputs = torch.cat([layer(inputs) for inputs, _ in loader])
    return ((outputs > 0).float().mean(dim=0) < 0.1).sum()


@wrong(exercises.count_dead_units, "judged_by_threshold")
def negative_mean_input(layer, loader):
    z = torch.cat([layer[0](inputs) for inputs, _ in loader])
    return (z.mean(dim=0) <= 0).sum()


@wrong(exercises.count_dead_units, "judged_by_threshold")
def rounds_faint_outputs_away(layer, loader):
    outputs = torch.cat([layer(inputs) for inputs, _ in loader])
    return (outputs.max(dim=0).values < 1e-4).sum()


@wrong(exercises.count_dead_units, "mask_not_count")
def gives_the_mask(layer, loader):
    outputs = torch.cat([layer(inputs) for inputs, _ in loader])
    return (outputs == 0).all(dim=0)


@wrong(exercises.count_dead_units, "changed_argument")
def removes_the_bias(layer, loader):
    layer[0].bias.data.sub_(1e-3)
    return (torch.cat([layer(inputs) for inputs, _ in loader]) == 0).all(dim=0).sum()


@right(exercises.count_dead_units)
def all_at_once_in_numpy(layer, loader):
    outputs = torch.cat([layer(inputs) for inputs, _ in loader]).detach().numpy()
    return np.count_nonzero(outputs.max(axis=0) == 0)


@right(exercises.count_dead_units)
def product_of_masks_in_place(layer, loader):
    dead = torch.ones(layer[0].out_features)
    for inputs, _ in loader:
        dead *= (layer(inputs) == 0).all(dim=0)
    return dead.sum()


@right(exercises.count_dead_units)
def sets_of_indices(layer, loader):
    alive = set()
    for inputs, _ in loader:
        alive |= set(layer(inputs).nonzero()[:, 1].tolist())
    return layer[0].out_features - len(alive)
