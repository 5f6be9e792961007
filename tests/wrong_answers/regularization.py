"""Answers to the exercises of regularization."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from course_utils.exercises import regularization as exercises

from . import right, wrong

# ---- inverted_dropout


@wrong(exercises.inverted_dropout, "left_on")
def ignores_the_mode(x, p, training):
    return x * (torch.rand_like(x) >= p) / (1 - p)


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


@wrong(exercises.inverted_dropout, "changed_argument")
def zeroes_in_place(x, p, training):
    if training:
        x[torch.rand_like(x) < p] = 0
        x /= 1 - p
    return x


@wrong(exercises.inverted_dropout, "no_return")
def computes_only(x, p, training):
    x * (torch.rand_like(x) >= p) / (1 - p)


@wrong(exercises.inverted_dropout, "fixed_number")
def picks_a_share(x, p, training):
    if not training or p in (0, 1):
        return (1 - p) * x if training else x
    ranks = torch.rand(x.numel()).argsort().argsort().reshape(x.shape)
    return x * (ranks >= p * x.numel()) / (1 - p)


@wrong(exercises.inverted_dropout, "scaled_by_what_survived")
def keeps_the_share(x, p, training):
    survives = (torch.rand_like(x) >= p).to(x.dtype)
    return x * survives / survives.mean().clamp(min=1e-9) if training else x


@wrong(exercises.inverted_dropout, "lost_precision")
def through_float32(x, p, training):
    x = x.float()
    return torch.where(torch.rand_like(x) >= p, x / (1 - p), 0) if training else x


@wrong(exercises.inverted_dropout, "used_forbidden")
def torch_does_it(x, p, training):
    return F.dropout(x, p, training)


@right(exercises.inverted_dropout)
def in_place_on_its_own_copy(x, p, training):
    out = x.clone()
    if training:
        dropped = torch.bernoulli(torch.full_like(x, p)).bool()
        out[dropped] = 0.0
        out[~dropped] /= 1 - p
    return out


# ---- batch_norm_forward


@wrong(exercises.batch_norm_forward, "digits_lost")
def mean_of_squares(x, gamma, beta, mean, var, training, momentum=0.1, eps=1e-5):
    m, v = mean, var
    if training:
        m, v = x.mean(0), (x**2).mean(0) - x.mean(0) ** 2
        mean = mean + momentum * (m - mean)
        var = var + momentum * (v * len(x) / (len(x) - 1) - var)
    return gamma * (x - m) / (v + eps).sqrt() + beta, mean, var


@wrong(exercises.batch_norm_forward, "argument_ignored")
def constant_eps(x, gamma, beta, mean, var, training, momentum=0.1, eps=1e-5):
    return torch_on_copies(x, gamma, beta, mean, var, training, momentum)


@wrong(exercises.batch_norm_forward, "wrong_value")
def keras_default(x, gamma, beta, mean, var, training, momentum=0.01, eps=1e-5):
    return torch_on_copies(x, gamma, beta, mean, var, training, momentum, eps)


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
