"""Answers to the exercises of regularization, written from the prompts alone."""

import numpy as np
import torch
from torch import nn

from course_utils.exercises import regularization as exercises

from .. import right, wrong

# ---- inverted_dropout


@wrong(exercises.inverted_dropout, "no_rescaling")  # the survivors are not scaled up
def no_scaling(x, p, training):
    if not training:
        return x
    return x * (torch.rand_like(x) >= p)


@wrong(
    exercises.inverted_dropout, "scaled_at_test"
)  # scales down at evaluation, not up in training
def scales_at_evaluation(x, p, training):
    if training:
        return x * (torch.rand_like(x) >= p)
    return x * (1 - p)


@wrong(
    exercises.inverted_dropout, "keep_probability"
)  # p is taken for the probability of keeping an entry
def p_is_keep_probability(x, p, training):
    if not training:
        return x
    if p == 0:
        return torch.zeros_like(x)
    return x * (torch.rand_like(x) < p) / p


@wrong(exercises.inverted_dropout, "wrong_scale")  # drops with probability p, but scales by 1/p
def scales_by_one_over_p(x, p, training):
    if not training or p == 0:
        return x
    return torch.where(torch.rand_like(x) < p, 0.0, x / p)


@wrong(exercises.inverted_dropout, "left_on")  # the argument training is ignored: always drops
def drops_always(x, p, training):
    if p == 1:
        return torch.zeros_like(x)
    return x * (torch.rand_like(x) >= p) / (1 - p)


@wrong(
    exercises.inverted_dropout, "mask_shared"
)  # one mask for all rows: entries of a column drop together
def drops_whole_columns(x, p, training):
    if not training:
        return x
    if p == 1:
        return torch.zeros_like(x)
    keep = torch.rand(x.shape[-1], dtype=x.dtype) >= p
    return x * keep / (1 - p)


@wrong(exercises.inverted_dropout, "breaks_at_one")  # p = 1 divides 0 by 0 and gives nan
def nan_at_one(x, p, training):
    if training:
        mask = (torch.rand_like(x) > p).to(x.dtype)
        return x * mask / (1 - p)
    return x


@wrong(exercises.inverted_dropout, "wrong_value")  # p = 1 is treated like p = 0: nothing is dropped
def one_is_skipped(x, p, training):
    if not training or p in (0, 1):
        return x
    return x * (torch.rand_like(x) >= p) / (1 - p)


@wrong(exercises.inverted_dropout, "changed_argument")  # writes the zeros into x itself
def zeros_in_place(x, p, training):
    if not training:
        return x
    x[torch.rand_like(x) < p] = 0
    return x / (1 - p) if p < 1 else x


@wrong(
    exercises.inverted_dropout, "fixed_number"
)  # always drops exactly the share p, not each on its own
def exact_share(x, p, training):
    if not training:
        return x
    flat = x.flatten().clone()
    flat[torch.randperm(flat.numel())[: round(p * flat.numel())]] = 0
    return flat.view(x.shape) / (1 - p) if p < 1 else flat.view(x.shape)


@wrong(exercises.inverted_dropout, "same_mask_again")  # a fixed seed: the same mask at every call
def same_mask_every_call(x, p, training):
    if not training:
        return x
    generator = torch.Generator().manual_seed(0)
    keep = torch.rand(x.shape, generator=generator) >= p
    return x * keep / (1 - p) if p < 1 else x * 0


@wrong(
    exercises.inverted_dropout, "scaled_by_what_survived"
)  # scales by the share that happened to survive
def scales_by_observed_share(x, p, training):
    if not training:
        return x
    keep = (torch.rand_like(x) >= p).to(x.dtype)
    return x * keep / keep.mean().clamp(min=1e-12)


@wrong(exercises.inverted_dropout, "wrong_scale")  # scales by 1 + p instead of 1 / (1 - p)
def scales_by_one_plus_p(x, p, training):
    if not training:
        return x
    return x * (torch.rand_like(x) >= p) * (1 + p)


@wrong(exercises.inverted_dropout, "wrong_value")  # the gradient is lost on the way through NumPy
def through_numpy(x, p, training):
    if not training:
        return x
    values = x.detach().numpy()
    keep = (torch.rand_like(x) >= p).numpy()
    return torch.from_numpy(values * keep / (1 - p) if p < 1 else 0 * values)


@wrong(
    exercises.inverted_dropout, "lost_precision"
)  # converts to float32, so float64 does not stay float64
def single_precision(x, p, training):
    x = x.float()
    if not training:
        return x
    return x * (torch.rand_like(x) >= p) / (1 - p) if p < 1 else x * 0


@wrong(exercises.inverted_dropout, "wrong_value")  # training the wrong way round
def mode_swapped(x, p, training):
    if training:
        return x
    return x * (torch.rand_like(x) >= p) / (1 - p) if p < 1 else x * 0


@wrong(exercises.inverted_dropout, "used_forbidden")  # calls nn.Dropout, which is forbidden
def calls_the_layer(x, p, training):
    return nn.Dropout(p).train(training)(x)


@right(exercises.inverted_dropout)  # where, with a scale of 0 for p = 1
def with_where(x, p, training):
    if not training:
        return x
    scale = 1 / (1 - p) if p < 1 else 0.0
    return torch.where(torch.rand_like(x) < p, torch.zeros_like(x), x * scale)


@right(exercises.inverted_dropout)  # masked_fill on a new tensor
def with_masked_fill(x, p, training):
    if not training:
        return x.clone()
    dropped = torch.rand(x.shape) < p
    return (x / max(1 - p, 1e-9)).masked_fill(dropped, 0)


@right(exercises.inverted_dropout)  # one entry after the other
def entry_by_entry(x, p, training):
    if not training or p == 0:
        return x
    entries = []
    for value in x.flatten():
        if p == 1 or torch.rand(()) < p:
            entries.append(value * 0)
        else:
            entries.append(value / (1 - p))
    return torch.stack(entries).reshape(x.shape)


@right(exercises.inverted_dropout)  # a mask from bernoulli_, which holds the scale already
def bernoulli_mask(x, p, training):
    mask = torch.ones_like(x)
    if training:
        mask.bernoulli_(1 - p)
        mask /= (1 - p) or 1.0
    return x * mask


@right(exercises.inverted_dropout)  # torch.distributions
def from_a_distribution(x, p, training):
    if training and p:
        keep = torch.distributions.Bernoulli(probs=1 - p).sample(x.shape).to(x.dtype)
        x = x * keep / (1 - p if p < 1 else 1)
    return x


# ---- batch_norm_forward


def _normalize(x, gamma, beta, mean, var, eps):
    return gamma * (x - mean) / torch.sqrt(var + eps) + beta


@wrong(
    exercises.batch_norm_forward, "unbiased_in_normalizer"
)  # normalizes by the unbiased variance (N - 1)
def unbiased_for_the_output(
    x, gamma, beta, running_mean, running_var, training, momentum=0.1, eps=1e-5
):
    if training:
        mean, var = x.mean(dim=0), x.var(dim=0)
        running_mean = (1 - momentum) * running_mean + momentum * mean
        running_var = (1 - momentum) * running_var + momentum * var
        return _normalize(x, gamma, beta, mean, var, eps), running_mean, running_var
    return _normalize(x, gamma, beta, running_mean, running_var, eps), running_mean, running_var


@wrong(
    exercises.batch_norm_forward, "biased_running"
)  # the running variance takes in the biased variance (N)
def biased_for_the_running(
    x, gamma, beta, running_mean, running_var, training, momentum=0.1, eps=1e-5
):
    if not training:
        return _normalize(x, gamma, beta, running_mean, running_var, eps), running_mean, running_var
    mean, var = x.mean(dim=0), x.var(dim=0, correction=0)
    running_mean = (1 - momentum) * running_mean + momentum * mean
    running_var = (1 - momentum) * running_var + momentum * var
    return _normalize(x, gamma, beta, mean, var, eps), running_mean, running_var


@wrong(exercises.batch_norm_forward, "unbiased_in_normalizer")  # the two variances are exchanged
def variances_swapped(x, gamma, beta, running_mean, running_var, training, momentum=0.1, eps=1e-5):
    if not training:
        return _normalize(x, gamma, beta, running_mean, running_var, eps), running_mean, running_var
    mean = x.mean(dim=0)
    output = _normalize(x, gamma, beta, mean, x.var(dim=0, unbiased=True), eps)
    running_mean = running_mean + momentum * (mean - running_mean)
    running_var = running_var + momentum * (x.var(dim=0, unbiased=False) - running_var)
    return output, running_mean, running_var


@wrong(
    exercises.batch_norm_forward, "momentum_reversed"
)  # momentum weights the old value instead of the new one
def momentum_reversed(x, gamma, beta, running_mean, running_var, training, momentum=0.1, eps=1e-5):
    if not training:
        return _normalize(x, gamma, beta, running_mean, running_var, eps), running_mean, running_var
    mean = x.mean(dim=0)
    output = _normalize(x, gamma, beta, mean, x.var(dim=0, correction=0), eps)
    running_mean = momentum * running_mean + (1 - momentum) * mean
    running_var = momentum * running_var + (1 - momentum) * x.var(dim=0)
    return output, running_mean, running_var


@wrong(
    exercises.batch_norm_forward, "batch_statistics_in_eval"
)  # evaluation normalizes by the batch, not the running
def batch_statistics_at_evaluation(
    x, gamma, beta, running_mean, running_var, training, momentum=0.1, eps=1e-5
):
    mean, var = x.mean(dim=0), x.var(dim=0, correction=0)
    output = _normalize(x, gamma, beta, mean, var, eps)
    if training:
        running_mean = (1 - momentum) * running_mean + momentum * mean
        running_var = (1 - momentum) * running_var + momentum * x.var(dim=0)
    return output, running_mean, running_var


@wrong(
    exercises.batch_norm_forward, "updated_in_eval"
)  # evaluation moves the running statistics too
def updates_at_evaluation(
    x, gamma, beta, running_mean, running_var, training, momentum=0.1, eps=1e-5
):
    mean, var = x.mean(dim=0), x.var(dim=0, correction=0)
    new_mean = (1 - momentum) * running_mean + momentum * mean
    new_var = (1 - momentum) * running_var + momentum * x.var(dim=0)
    if not training:
        mean, var = running_mean, running_var
    return _normalize(x, gamma, beta, mean, var, eps), new_mean, new_var


@wrong(
    exercises.batch_norm_forward, "running_in_training"
)  # training normalizes by the updated running statistics
def running_statistics_in_training(
    x, gamma, beta, running_mean, running_var, training, momentum=0.1, eps=1e-5
):
    if training:
        running_mean = (1 - momentum) * running_mean + momentum * x.mean(dim=0)
        running_var = (1 - momentum) * running_var + momentum * x.var(dim=0)
    return _normalize(x, gamma, beta, running_mean, running_var, eps), running_mean, running_var


@wrong(exercises.batch_norm_forward, "eps_outside_root")  # eps is added outside the square root
def eps_outside_the_root(
    x, gamma, beta, running_mean, running_var, training, momentum=0.1, eps=1e-5
):
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean(dim=0), x.var(dim=0, correction=0)
        running_mean = (1 - momentum) * running_mean + momentum * mean
        running_var = (1 - momentum) * running_var + momentum * x.var(dim=0)
    return gamma * (x - mean) / (var.sqrt() + eps) + beta, running_mean, running_var


@wrong(
    exercises.batch_norm_forward, "eps_forgotten"
)  # eps is left out: a constant feature gives nan
def without_eps(x, gamma, beta, running_mean, running_var, training, momentum=0.1, eps=1e-5):
    mean, std = running_mean, running_var.sqrt()
    if training:
        mean, std = x.mean(dim=0), x.std(dim=0, correction=0)
        running_mean = (1 - momentum) * running_mean + momentum * mean
        running_var = (1 - momentum) * running_var + momentum * x.var(dim=0)
    return gamma * (x - mean) / std + beta, running_mean, running_var


@wrong(
    exercises.batch_norm_forward, "wrong_axis"
)  # statistics of each row (layer norm), not each feature
def statistics_of_rows(x, gamma, beta, running_mean, running_var, training, momentum=0.1, eps=1e-5):
    if not training:
        return _normalize(x, gamma, beta, running_mean, running_var, eps), running_mean, running_var
    mean, var = x.mean(dim=1, keepdim=True), x.var(dim=1, correction=0, keepdim=True)
    output = _normalize(x, gamma, beta, mean, var, eps)
    running_mean = (1 - momentum) * running_mean + momentum * x.mean(dim=0)
    running_var = (1 - momentum) * running_var + momentum * x.var(dim=0)
    return output, running_mean, running_var


@wrong(exercises.batch_norm_forward, "wrong_value")  # one mean and variance for the whole batch
def one_mean_for_all(x, gamma, beta, running_mean, running_var, training, momentum=0.1, eps=1e-5):
    if not training:
        return _normalize(x, gamma, beta, running_mean, running_var, eps), running_mean, running_var
    output = _normalize(x, gamma, beta, x.mean(), x.var(correction=0), eps)
    running_mean = (1 - momentum) * running_mean + momentum * x.mean()
    running_var = (1 - momentum) * running_var + momentum * x.var()
    return output, running_mean, running_var


@wrong(
    exercises.batch_norm_forward, "changed_argument"
)  # the given running statistics are changed in place
def running_in_place(x, gamma, beta, running_mean, running_var, training, momentum=0.1, eps=1e-5):
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean(dim=0), x.var(dim=0, correction=0)
        running_mean.mul_(1 - momentum).add_(momentum * mean)
        running_var.mul_(1 - momentum).add_(momentum * x.var(dim=0))
    return _normalize(x, gamma, beta, mean, var, eps), running_mean, running_var


@wrong(exercises.batch_norm_forward, "changed_argument")  # centers the given x in place
def x_in_place(x, gamma, beta, running_mean, running_var, training, momentum=0.1, eps=1e-5):
    if not training:
        return _normalize(x, gamma, beta, running_mean, running_var, eps), running_mean, running_var
    mean, unbiased = x.mean(dim=0), x.var(dim=0)
    x -= mean
    output = gamma * x / torch.sqrt((x**2).mean(dim=0) + eps) + beta
    running_mean = (1 - momentum) * running_mean + momentum * mean
    return output, running_mean, (1 - momentum) * running_var + momentum * unbiased


@wrong(
    exercises.batch_norm_forward, "argument_ignored"
)  # momentum and eps are fixed at their defaults
def defaults_hard_coded(
    x, gamma, beta, running_mean, running_var, training, momentum=0.1, eps=1e-5
):
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean(dim=0), x.var(dim=0, correction=0)
        running_mean = 0.9 * running_mean + 0.1 * mean
        running_var = 0.9 * running_var + 0.1 * x.var(dim=0)
    return _normalize(x, gamma, beta, mean, var, 1e-5), running_mean, running_var


@wrong(exercises.batch_norm_forward, "wrong_value")  # evaluation forgets gamma and beta
def no_gamma_at_evaluation(
    x, gamma, beta, running_mean, running_var, training, momentum=0.1, eps=1e-5
):
    if not training:
        return (x - running_mean) / torch.sqrt(running_var + eps), running_mean, running_var
    mean = x.mean(dim=0)
    output = _normalize(x, gamma, beta, mean, x.var(dim=0, correction=0), eps)
    running_mean = (1 - momentum) * running_mean + momentum * mean
    running_var = (1 - momentum) * running_var + momentum * x.var(dim=0)
    return output, running_mean, running_var


@wrong(
    exercises.batch_norm_forward, "variance_not_root"
)  # divides by the variance, without the square root
def divides_by_variance(
    x, gamma, beta, running_mean, running_var, training, momentum=0.1, eps=1e-5
):
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean(dim=0), x.var(dim=0, correction=0)
        running_mean = (1 - momentum) * running_mean + momentum * mean
        running_var = (1 - momentum) * running_var + momentum * x.var(dim=0)
    return gamma * (x - mean) / (var + eps) + beta, running_mean, running_var


@wrong(
    exercises.batch_norm_forward, "swapped_results"
)  # running variance returned before the running mean
def returned_in_wrong_order(
    x, gamma, beta, running_mean, running_var, training, momentum=0.1, eps=1e-5
):
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean(dim=0), x.var(dim=0, correction=0)
        running_mean = (1 - momentum) * running_mean + momentum * mean
        running_var = (1 - momentum) * running_var + momentum * x.var(dim=0)
    return _normalize(x, gamma, beta, mean, var, eps), running_var, running_mean


@wrong(
    exercises.batch_norm_forward, "deviation_stored"
)  # the running variance keeps a standard deviation
def running_standard_deviation(
    x, gamma, beta, running_mean, running_var, training, momentum=0.1, eps=1e-5
):
    if not training:
        return _normalize(x, gamma, beta, running_mean, running_var, eps), running_mean, running_var
    mean = x.mean(dim=0)
    output = _normalize(x, gamma, beta, mean, x.var(dim=0, correction=0), eps)
    running_mean = (1 - momentum) * running_mean + momentum * mean
    return output, running_mean, (1 - momentum) * running_var + momentum * x.std(dim=0)


@wrong(
    exercises.batch_norm_forward, "not_updated"
)  # the old running statistics are returned after training
def never_updates(x, gamma, beta, running_mean, running_var, training, momentum=0.1, eps=1e-5):
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean(dim=0), x.var(dim=0, correction=0)
    return _normalize(x, gamma, beta, mean, var, eps), running_mean, running_var


@right(exercises.batch_norm_forward)  # var_mean and lerp
def with_lerp(x, gamma, beta, running_mean, running_var, training, momentum=0.1, eps=1e-5):
    if not training:
        return _normalize(x, gamma, beta, running_mean, running_var, eps), running_mean, running_var
    var, mean = torch.var_mean(x, dim=0, correction=0)
    output = (x - mean) * (var + eps).rsqrt() * gamma + beta
    unbiased = var * len(x) / (len(x) - 1)
    return output, running_mean.lerp(mean, momentum), running_var.lerp(unbiased, momentum)


@right(exercises.batch_norm_forward)  # one feature after the other
def feature_by_feature(x, gamma, beta, running_mean, running_var, training, momentum=0.1, eps=1e-5):
    output, means, variances = [], [], []
    for j in range(x.shape[1]):
        column, mean, var = x[:, j], running_mean[j], running_var[j]
        new_mean, new_var = mean, var
        if training:
            mean = column.sum() / len(column)
            squares = ((column - mean) ** 2).sum()
            var = squares / len(column)
            new_mean = (1 - momentum) * new_mean + momentum * mean
            new_var = (1 - momentum) * new_var + momentum * squares / (len(column) - 1)
        output.append(gamma[j] * (column - mean) / (var + eps) ** 0.5 + beta[j])
        means.append(new_mean)
        variances.append(new_var)
    return torch.stack(output, dim=1), torch.stack(means), torch.stack(variances)


@right(exercises.batch_norm_forward)  # gamma and beta folded into one scale and shift
def folded_scale_and_shift(
    x, gamma, beta, running_mean, running_var, training, momentum=0.1, eps=1e-5
):
    mean, var = running_mean.clone(), running_var.clone()
    new_mean, new_var = mean, var
    if training:
        mean = torch.mean(x, 0)
        var = torch.mean((x - mean).square(), 0)
        new_mean = running_mean - momentum * (running_mean - mean)
        new_var = running_var - momentum * (running_var - torch.var(x, 0))
    scale = gamma / torch.sqrt(var + eps)
    return (x - mean) * scale + beta, new_mean.detach(), new_var.detach()


@right(exercises.batch_norm_forward)  # a layer of PyTorch filled with copies
def lets_the_layer_do_it(
    x, gamma, beta, running_mean, running_var, training, momentum=0.1, eps=1e-5
):
    mean, var = running_mean.clone(), running_var.clone()
    output = nn.functional.batch_norm(x, mean, var, gamma, beta, training, momentum, eps)
    return output, mean, var


@right(exercises.batch_norm_forward)  # computes in float64 and converts back
def in_double_precision(
    x, gamma, beta, running_mean, running_var, training, momentum=0.1, eps=1e-5
):
    tensors = (t.double() for t in (x, gamma, beta, running_mean, running_var))
    wide, g, b, mean, var = tensors
    kept = mean, var
    if training:
        mean, var = wide.mean(0), wide.var(0, unbiased=False)
        pairs = zip(kept, (mean, wide.var(0, unbiased=True)), strict=True)
        kept = [(1 - momentum) * old + momentum * new for old, new in pairs]
    output = g * (wide - mean) / (var + eps).sqrt() + b
    return output.to(x.dtype), kept[0].to(x.dtype), kept[1].to(x.dtype)


# ---- generalization_gap


@wrong(
    exercises.generalization_gap, "mean_of_batch_means"
)  # a mean of batch means: a short batch counts as much
def mean_of_batch_means(model, train_loader, new_loader):
    def error(loader):
        losses = [nn.functional.mse_loss(model(x), y).item() for x, y in loader]
        return sum(losses) / len(losses)

    was_training = model.training
    model.eval()
    with torch.no_grad():
        gap = error(new_loader) - error(train_loader)
    model.train(was_training)
    return gap


def _error(model, loader):
    total, count = 0.0, 0
    for x, y in loader:
        total += (model(x) - y).square().sum().item()
        count += y.numel()
    return total / count


@wrong(exercises.generalization_gap, "no_eval_mode")  # never switches to evaluation mode
@torch.no_grad()
def stays_in_training_mode(model, train_loader, new_loader):
    return _error(model, new_loader) - _error(model, train_loader)


@wrong(exercises.generalization_gap, "mode_not_restored")  # leaves the model in evaluation mode
@torch.no_grad()
def left_in_evaluation(model, train_loader, new_loader):
    model.eval()
    return _error(model, new_loader) - _error(model, train_loader)


@wrong(
    exercises.generalization_gap, "mode_not_restored"
)  # always ends in training mode, whatever it was before
@torch.no_grad()
def always_back_to_training(model, train_loader, new_loader):
    model.eval()
    gap = _error(model, new_loader) - _error(model, train_loader)
    model.train()
    return gap


@wrong(
    exercises.generalization_gap, "mode_not_restored"
)  # reads the mode only after eval(), so never restores it
@torch.no_grad()
def mode_read_too_late(model, train_loader, new_loader):
    model.eval()
    was_training = model.training
    gap = _error(model, new_loader) - _error(model, train_loader)
    model.train(was_training)
    return gap


@wrong(
    exercises.generalization_gap, "gradients_kept"
)  # records gradients: no no_grad around the model
def without_no_grad(model, train_loader, new_loader):
    was_training = model.training
    model.eval()
    gap = _error(model, new_loader) - _error(model, train_loader)
    model.train(was_training)
    return gap


@wrong(exercises.generalization_gap, "left_switched")  # switches gradients off for good
def gradients_off_for_good(model, train_loader, new_loader):
    was_training = model.training
    model.eval()
    torch.set_grad_enabled(False)
    gap = _error(model, new_loader) - _error(model, train_loader)
    model.train(was_training)
    return gap


@wrong(exercises.generalization_gap, "reversed_sign")  # training minus new: the sign is wrong
@torch.no_grad()
def sign_reversed(model, train_loader, new_loader):
    was_training = model.training
    model.eval()
    gap = _error(model, train_loader) - _error(model, new_loader)
    model.train(was_training)
    return gap


@wrong(exercises.generalization_gap, "absolute_value")  # the absolute value of the gap
@torch.no_grad()
def absolute_gap(model, train_loader, new_loader):
    was_training = model.training
    model.eval()
    gap = abs(_error(model, new_loader) - _error(model, train_loader))
    model.train(was_training)
    return gap


@wrong(exercises.generalization_gap, "sum_not_mean")  # sums of squared errors, not means
@torch.no_grad()
def sums_not_means(model, train_loader, new_loader):
    was_training = model.training
    model.eval()
    totals = []
    for loader in (new_loader, train_loader):
        totals.append(sum((model(x) - y).square().sum().item() for x, y in loader))
    model.train(was_training)
    return totals[0] - totals[1]


@wrong(exercises.generalization_gap, "one_batch_only")  # only the first batch of each loader
@torch.no_grad()
def first_batch_only(model, train_loader, new_loader):
    was_training = model.training
    model.eval()
    errors = []
    for loader in (new_loader, train_loader):
        x, y = next(iter(loader))
        errors.append(nn.functional.mse_loss(model(x), y).item())
    model.train(was_training)
    return errors[0] - errors[1]


@wrong(
    exercises.generalization_gap, "no_eval_mode"
)  # the training data are measured in training mode
@torch.no_grad()
def each_in_its_own_mode(model, train_loader, new_loader):
    was_training = model.training
    model.train()
    train_error = _error(model, train_loader)
    model.eval()
    new_error = _error(model, new_loader)
    model.train(was_training)
    return new_error - train_error


@wrong(exercises.generalization_gap, "root_taken")  # the root of the mean squared error
@torch.no_grad()
def root_mean_squares(model, train_loader, new_loader):
    was_training = model.training
    model.eval()
    gap = _error(model, new_loader) ** 0.5 - _error(model, train_loader) ** 0.5
    model.train(was_training)
    return gap


@wrong(
    exercises.generalization_gap, "wrong_value"
)  # divides both sums by the number of training examples
@torch.no_grad()
def counts_training_examples_only(model, train_loader, new_loader):
    was_training = model.training
    model.eval()
    totals = []
    for loader in (new_loader, train_loader):
        totals.append(sum((model(x) - y).square().sum().item() for x, y in loader))
    count = sum(y.numel() for _, y in train_loader)
    model.train(was_training)
    return (totals[0] - totals[1]) / count


@wrong(
    exercises.generalization_gap, "wrong_value"
)  # a batch mean weighted by the first batch's size
@torch.no_grad()
def every_batch_as_long_as_the_first(model, train_loader, new_loader):
    was_training = model.training
    model.eval()
    errors = []
    for loader in (new_loader, train_loader):
        batches = list(loader)
        size, total, count = len(batches[0][1]), 0.0, 0
        for x, y in batches:
            total += nn.functional.mse_loss(model(x), y).item() * size
            count += len(y)
        errors.append(total / count)
    model.train(was_training)
    return errors[0] - errors[1]


@right(exercises.generalization_gap)  # batch means weighted by the batch's length
def weighted_batch_means(model, train_loader, new_loader):
    before = model.training
    model.eval()
    errors = []
    with torch.no_grad():
        for loader in (train_loader, new_loader):
            total = count = 0
            for x, y in loader:
                total += len(x) * nn.functional.mse_loss(model(x), y)
                count += len(x)
            errors.append(total / count)
    model.train(before)
    return errors[1] - errors[0]


@right(exercises.generalization_gap)  # all squared errors put together before the mean
@torch.inference_mode()
def concatenates_all_errors(model, train_loader, new_loader):
    modes = {module: module.training for module in model.modules()}
    model.eval()
    means = []
    for loader in (new_loader, train_loader):
        squares = torch.cat([(model(x) - y).flatten() ** 2 for x, y in loader])
        means.append(squares.double().mean().item())
    for module, mode in modes.items():
        module.training = mode
    return means[0] - means[1]


@right(exercises.generalization_gap)  # one example after the other, the mode put back in finally
def example_by_example(model, train_loader, new_loader):
    def error(loader):
        losses = []
        for inputs, targets in loader:
            for x, y in zip(inputs, targets, strict=True):
                losses.append(float(((model(x[None])[0] - y) ** 2).mean()))
        return sum(losses) / len(losses)

    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            return error(new_loader) - error(train_loader)
    finally:
        for module, mode in modes:
            module.training = mode


@right(exercises.generalization_gap)  # numpy for the arithmetic
@torch.no_grad()
def with_numpy(model, train_loader, new_loader):
    was_training = model.training
    model.eval()
    gap = 0.0
    for sign, loader in ((1, new_loader), (-1, train_loader)):
        pairs = [(model(x).numpy(), y.numpy()) for x, y in loader]
        answers, targets = (np.concatenate(part) for part in zip(*pairs, strict=True))
        gap += sign * np.mean((answers - targets) ** 2)
    model.train(was_training)
    return float(gap)
