"""Answers to the exercises of regularization."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from course_utils.exercises import regularization as exercises

from . import right, wrong

# ---- inverted_dropout


@wrong(exercises.inverted_dropout, "no_rescaling")
def only_a_mask(x, p, training):
    return x * (torch.rand_like(x) >= p) if training else x


@wrong(exercises.inverted_dropout, "left_on")
def ignores_the_mode(x, p, training):
    return x * (torch.rand_like(x) >= p) / (1 - p)


@wrong(exercises.inverted_dropout, "scaled_at_test")
def as_in_the_paper(x, p, training):
    return x * (torch.rand_like(x) >= p) if training else (1 - p) * x


@wrong(exercises.inverted_dropout, "keep_probability")
def p_keeps(x, p, training):
    return x * (torch.rand_like(x) < p) / p if training else x


@wrong(exercises.inverted_dropout, "keep_probability")
def p_keeps_but_scales_rightly(x, p, training):
    return x * (torch.rand_like(x) < p) / (1 - p) if training else x


@wrong(exercises.inverted_dropout, "wrong_scale")
def divides_by_the_wrong_one(x, p, training):
    return x * (torch.rand_like(x) >= p) / p if training else x


@wrong(exercises.inverted_dropout, "wrong_scale")
def shrinks_instead(x, p, training):
    return x * (torch.rand_like(x) >= p) * (1 - p) if training else x


@wrong(exercises.inverted_dropout, "mask_shared")
def one_mask_for_the_batch(x, p, training):
    return x * (torch.rand(x.shape[1:]) >= p) / (1 - p) if training else x


@wrong(exercises.inverted_dropout, "mask_shared")
def whole_examples(x, p, training):
    return x * (torch.rand(x.shape[0], 1) >= p) / (1 - p) if training else x


@wrong(exercises.inverted_dropout, "same_mask_again")
def fixed_seed(x, p, training):
    coins = torch.rand(x.shape, generator=torch.Generator().manual_seed(0))
    return x * (coins >= p) / (1 - p) if training else x


@wrong(exercises.inverted_dropout, "breaks_at_one")
def divides_by_zero(x, p, training):
    return x * (torch.rand_like(x) >= p) / (1 - p) if training else x


@wrong(exercises.inverted_dropout, "changed_argument")
def zeroes_in_place(x, p, training):
    if training:
        x[torch.rand_like(x) < p] = 0
        x /= 1 - p
    return x


@wrong(exercises.inverted_dropout, "no_return")
def computes_only(x, p, training):
    x * (torch.rand_like(x) >= p) / (1 - p)


@right(exercises.inverted_dropout)
def torch_does_it(x, p, training):
    return F.dropout(x, p, training)


@right(exercises.inverted_dropout)
def with_numpy_in_double(x, p, training):
    x = x.numpy().astype(np.float64)
    if not training:
        return torch.from_numpy(x)
    coins = np.random.default_rng(int(torch.randint(2**31, ()))).random(x.shape)
    return torch.from_numpy(np.where(coins < p, 0.0, x / max(1 - p, 1e-30)))


@right(exercises.inverted_dropout)
def in_place_on_its_own_copy(x, p, training):
    out = x.clone()
    if training:
        dropped = torch.bernoulli(torch.full_like(x, p)).bool()
        out[dropped] = 0.0
        out[~dropped] /= 1 - p
    return out


# ---- batch_norm_forward


def _batch_norm(x, gamma, beta, mean, var, eps=1e-5):
    return gamma * (x - mean) / torch.sqrt(var + eps) + beta


def _update(old, new, momentum):
    return (1 - momentum) * old + momentum * new


@wrong(exercises.batch_norm_forward, "unbiased_in_normalizer")
def one_variance_for_both(x, gamma, beta, mean, var, training, momentum=0.1, eps=1e-5):
    if not training:
        return _batch_norm(x, gamma, beta, mean, var), mean, var
    m, v = x.mean(0), x.var(0)
    out = _batch_norm(x, gamma, beta, m, v)
    return out, _update(mean, m, momentum), _update(var, v, momentum)


@wrong(exercises.batch_norm_forward, "biased_running")
def biased_for_both(x, gamma, beta, mean, var, training, momentum=0.1, eps=1e-5):
    if not training:
        return _batch_norm(x, gamma, beta, mean, var), mean, var
    m, v = x.mean(0), x.var(0, unbiased=False)
    out = _batch_norm(x, gamma, beta, m, v)
    return out, _update(mean, m, momentum), _update(var, v, momentum)


@wrong(exercises.batch_norm_forward, "updated_in_eval")
def always_updates(x, gamma, beta, mean, var, training, momentum=0.1, eps=1e-5):
    m, v = x.mean(0), x.var(0, unbiased=False)
    unbiased = v * len(x) / max(len(x) - 1, 1)
    used = (m, v) if training else (mean, var)
    out = _batch_norm(x, gamma, beta, *used)
    return out, _update(mean, m, momentum), _update(var, unbiased, momentum)


@wrong(exercises.batch_norm_forward, "updated_in_eval")
def updates_then_normalizes(x, gamma, beta, mean, var, training, momentum=0.1, eps=1e-5):
    m, v = x.mean(0), x.var(0, unbiased=False)
    mean, var = _update(mean, m, momentum), _update(var, x.var(0), momentum)
    used = (m, v) if training else (mean, var)
    return _batch_norm(x, gamma, beta, *used), mean, var


@wrong(exercises.batch_norm_forward, "batch_statistics_in_eval")
def ignores_the_mode_of_batch_norm(x, gamma, beta, mean, var, training, momentum=0.1, eps=1e-5):
    m, v = x.mean(0), x.var(0, unbiased=False)
    out = _batch_norm(x, gamma, beta, m, v)
    if training:
        mean, var = _update(mean, m, momentum), _update(var, x.var(0), momentum)
    return out, mean, var


@wrong(exercises.batch_norm_forward, "running_in_training")
def running_statistics_always(x, gamma, beta, mean, var, training, momentum=0.1, eps=1e-5):
    if training:
        mean, var = _update(mean, x.mean(0), momentum), _update(var, x.var(0), momentum)
    return _batch_norm(x, gamma, beta, mean, var), mean, var


@wrong(exercises.batch_norm_forward, "momentum_reversed")
def momentum_keeps(x, gamma, beta, mean, var, training, momentum=0.1, eps=1e-5):
    if not training:
        return _batch_norm(x, gamma, beta, mean, var), mean, var
    out = _batch_norm(x, gamma, beta, x.mean(0), x.var(0, unbiased=False))
    return out, _update(mean, x.mean(0), 1 - momentum), _update(var, x.var(0), 1 - momentum)


@wrong(exercises.batch_norm_forward, "eps_outside_root")
def eps_after_the_root(x, gamma, beta, mean, var, training, momentum=0.1, eps=1e-5):
    if not training:
        return gamma * (x - mean) / (var.sqrt() + eps) + beta, mean, var
    m, v = x.mean(0), x.var(0, unbiased=False)
    out = gamma * (x - m) / (v.sqrt() + eps) + beta
    return out, _update(mean, m, momentum), _update(var, x.var(0), momentum)


@wrong(exercises.batch_norm_forward, "wrong_axis")
def layer_norm(x, gamma, beta, mean, var, training, momentum=0.1, eps=1e-5):
    out = F.layer_norm(x, x.shape[1:], gamma, beta, eps)
    return out, mean, var


@wrong(exercises.batch_norm_forward, "affine_forgotten")
def without_gamma_and_beta(x, gamma, beta, mean, var, training, momentum=0.1, eps=1e-5):
    if not training:
        return (x - mean) / (var + eps).sqrt(), mean, var
    out = (x - x.mean(0)) / (x.var(0, unbiased=False) + eps).sqrt()
    return out, _update(mean, x.mean(0), momentum), _update(var, x.var(0), momentum)


@wrong(exercises.batch_norm_forward, "variance_not_root")
def divides_by_the_variance(x, gamma, beta, mean, var, training, momentum=0.1, eps=1e-5):
    m, v = (x.mean(0), x.var(0, unbiased=False)) if training else (mean, var)
    return gamma * (x - m) / (v + eps) + beta, mean, var


@wrong(exercises.batch_norm_forward, "not_updated")
def never_updates(x, gamma, beta, mean, var, training, momentum=0.1, eps=1e-5):
    m, v = (x.mean(0), x.var(0, unbiased=False)) if training else (mean, var)
    return _batch_norm(x, gamma, beta, m, v), mean, var


@wrong(exercises.batch_norm_forward, "changed_argument")
def writes_into_the_arguments(x, gamma, beta, mean, var, training, momentum=0.1, eps=1e-5):
    return F.batch_norm(x, mean, var, gamma, beta, training, momentum, eps), mean, var


@wrong(exercises.batch_norm_forward, "wrong_type")
def output_only(x, gamma, beta, mean, var, training, momentum=0.1, eps=1e-5):
    return F.batch_norm(x, mean.clone(), var.clone(), gamma, beta, training, momentum, eps)


@right(exercises.batch_norm_forward)
def torch_on_copies(x, gamma, beta, mean, var, training, momentum=0.1, eps=1e-5):
    mean, var = mean.clone(), var.clone()
    return F.batch_norm(x, mean, var, gamma, beta, training, momentum, eps), mean, var


@right(exercises.batch_norm_forward)
def numpy_and_scale_and_shift(x, gamma, beta, mean, var, training, momentum=0.1, eps=1e-5):
    x, gamma, beta, mean, var = (t.numpy() for t in (x, gamma, beta, mean, var))
    used_mean, used_var = mean, var
    if training:
        used_mean, used_var = x.mean(axis=0), x.var(axis=0)
        mean = mean + momentum * (used_mean - mean)
        var = var + momentum * (used_var * len(x) / (len(x) - 1) - var)
    scale = gamma / np.sqrt(used_var + eps)
    return [x * scale + (beta - used_mean * scale), mean, var]


@right(exercises.batch_norm_forward)
def in_place_lerp_on_copies(x, gamma, beta, mean, var, training, momentum=0.1, eps=1e-5):
    mean, var, out = mean.clone(), var.clone(), x.clone()
    if training:
        unbiased, m = torch.var_mean(x, dim=0)
        mean.lerp_(m, momentum)
        var.lerp_(unbiased, momentum)
        v = (x - m).pow(2).mean(0)
    else:
        m, v = mean, var
    return out.sub_(m).mul_((v + eps).rsqrt()).mul_(gamma).add_(beta), mean, var


# ---- generalization_gap


def _mean_error(model, loader):
    errors = [(model(x) - y).square().flatten() for x, y in loader]
    return torch.cat(errors).mean().item()


@wrong(exercises.generalization_gap, "no_eval_mode")
@torch.no_grad()
def measured_while_training(model, train_loader, new_loader):
    return _mean_error(model, new_loader) - _mean_error(model, train_loader)


@wrong(exercises.generalization_gap, "gradients_kept")
def records_the_graph(model, train_loader, new_loader):
    was_training = model.training
    model.eval()
    gap = _mean_error(model, new_loader) - _mean_error(model, train_loader)
    model.train(was_training)
    return gap


@wrong(exercises.generalization_gap, "mode_not_restored")
@torch.no_grad()
def leaves_it_in_eval(model, train_loader, new_loader):
    model.eval()
    return _mean_error(model, new_loader) - _mean_error(model, train_loader)


@wrong(exercises.generalization_gap, "mode_not_restored")
@torch.no_grad()
def always_back_to_training(model, train_loader, new_loader):
    model.eval()
    gap = _mean_error(model, new_loader) - _mean_error(model, train_loader)
    model.train()
    return gap


@wrong(exercises.generalization_gap, "reversed_sign")
@torch.no_grad()
def train_minus_new(model, train_loader, new_loader):
    was_training = model.training
    model.eval()
    gap = _mean_error(model, train_loader) - _mean_error(model, new_loader)
    model.train(was_training)
    return gap


@wrong(exercises.generalization_gap, "ratio_not_difference")
@torch.no_grad()
def how_many_times(model, train_loader, new_loader):
    was_training = model.training
    model.eval()
    ratio = _mean_error(model, new_loader) / _mean_error(model, train_loader)
    model.train(was_training)
    return ratio


@wrong(exercises.generalization_gap, "root_taken")
@torch.no_grad()
def root_mean_squares(model, train_loader, new_loader):
    was_training = model.training
    model.eval()
    gap = _mean_error(model, new_loader) ** 0.5 - _mean_error(model, train_loader) ** 0.5
    model.train(was_training)
    return gap


@wrong(exercises.generalization_gap, "mean_of_batch_means")
@torch.no_grad()
def averages_batch_losses(model, train_loader, new_loader):
    was_training = model.training
    model.eval()
    means = [
        np.mean([F.mse_loss(model(x), y).item() for x, y in loader])
        for loader in (train_loader, new_loader)
    ]
    model.train(was_training)
    return means[1] - means[0]


@wrong(exercises.generalization_gap, "no_return")
@torch.no_grad()
def prints_the_gap(model, train_loader, new_loader):
    model.eval()
    _mean_error(model, new_loader)


@right(exercises.generalization_gap)
@torch.inference_mode()
def with_criterion_and_lengths(model, train_loader, new_loader):
    was_training, criterion = model.training, nn.MSELoss(reduction="sum")
    model.train(False)
    sums = []
    for loader in (new_loader, train_loader):
        total = sum(criterion(model(x), y) for x, y in loader)
        sums.append(total / sum(len(y) for _, y in loader))
    model.train(was_training)
    return sums[0] - sums[1]


@right(exercises.generalization_gap)
def whole_sets_in_double(model, train_loader, new_loader):
    was_training = model.training
    model.eval()
    with torch.no_grad():
        gap = 0.0
        for loader, sign in ((new_loader, 1), (train_loader, -1)):
            x, y = (torch.cat(part) for part in zip(*loader, strict=True))
            gap += sign * np.square((model(x) - y).double().numpy()).mean()
    if was_training:
        model.train()
    return gap
