"""Answers to the exercises of lr_finder."""

import copy
import math

import numpy as np
import pandas as pd
import torch

from course_utils.exercises import lr_finder as exercises

from . import right, wrong

# ---- ramp_by_decade


def _steps(start_lr, end_lr, points_per_decade):
    return round(points_per_decade * abs(math.log10(end_lr / start_lr)))


@wrong(exercises.ramp_by_decade, "truncated")
def cuts_off_the_digits(start_lr, end_lr, points_per_decade):
    steps = int(points_per_decade * abs(math.log10(end_lr / start_lr)))
    return np.geomspace(start_lr, end_lr, steps + 1)


@wrong(exercises.ramp_by_decade, "whole_decades")
def counts_whole_decades(start_lr, end_lr, points_per_decade):
    decades = round(abs(math.log10(end_lr / start_lr)))
    return np.geomspace(start_lr, end_lr, points_per_decade * decades + 1)


@wrong(exercises.ramp_by_decade, "rising_only")
def counts_from_the_smaller(start_lr, end_lr, points_per_decade):
    steps = round(points_per_decade * math.log10(end_lr / start_lr))
    return [start_lr * 10 ** (k / points_per_decade) for k in range(steps + 1)]


@right(exercises.ramp_by_decade)
def with_torch(start_lr, end_lr, points_per_decade):
    steps = _steps(start_lr, end_lr, points_per_decade)
    return torch.logspace(math.log10(start_lr), math.log10(end_lr), steps + 1)


@right(exercises.ramp_by_decade)
def multiplies_step_by_step(start_lr, end_lr, points_per_decade):
    factor = 10 ** (math.copysign(1, end_lr - start_lr) / points_per_decade)
    rates = [start_lr]
    for _ in range(_steps(start_lr, end_lr, points_per_decade)):
        rates.append(rates[-1] * factor)
    return rates


# ---- smooth_with_gaps


@wrong(exercises.smooth_with_gaps, "nan_spreads")
def ignores_the_gaps(losses, beta):
    average, smoothed = 0.0, []
    for t, loss in enumerate(losses, start=1):
        average = beta * average + (1 - beta) * loss
        smoothed.append(average / (1 - beta**t))
    return np.array(smoothed)


@wrong(exercises.smooth_with_gaps, "nan_as_zero")
def zero_for_nan(losses, beta):
    return ignores_the_gaps(np.nan_to_num(losses), beta)


@wrong(exercises.smooth_with_gaps, "starts_at_first")
def from_the_first_loss(losses, beta):
    average, smoothed = np.nan, []
    for loss in losses:
        if np.isnan(average):
            average = loss
        elif not np.isnan(loss):
            average = beta * average + (1 - beta) * loss
        smoothed.append(average)
    return np.array(smoothed)


@wrong(exercises.smooth_with_gaps, "wrong_value")
def takes_a_sum_of_0_for_nothing(losses, beta):
    total, weight, smoothed = 0.0, 0.0, []
    for loss in losses:
        total, weight = beta * total, beta * weight
        if not np.isnan(loss):
            total, weight = total + loss, weight + 1
        smoothed.append(total / weight if total else np.nan)
    return np.array(smoothed)


@wrong(exercises.smooth_with_gaps, "nan_spreads")
def nan_that_is_another_object(losses, beta):
    average, weight, smoothed = 0.0, 0.0, []
    for loss in losses:
        average, weight = beta * average, beta * weight
        if loss is not np.nan:
            average, weight = average + (1 - beta) * loss, weight + 1 - beta
        smoothed.append(average / weight if weight else np.nan)
    return smoothed


@wrong(exercises.smooth_with_gaps, "changed_argument")
def fills_the_callers_array(losses, beta):
    missing = np.isnan(losses)
    losses[missing] = 0
    weights = beta ** np.arange(len(losses))
    sums = np.convolve(losses, weights)[: len(losses)]
    return sums / np.convolve(~missing, weights)[: len(losses)]


@wrong(exercises.smooth_with_gaps, "gaps_dropped")
def drops_the_gaps(losses, beta):
    return ignores_the_gaps(losses[~np.isnan(losses)], beta)


@right(exercises.smooth_with_gaps)
def pandas_does_it(losses, beta):
    return pd.Series(losses).ewm(alpha=1 - beta, adjust=True, ignore_na=False).mean()


@right(exercises.smooth_with_gaps)
def two_running_sums_by_recursion(losses, beta):
    losses = torch.as_tensor(losses).clone()
    known = (~losses.isnan()).double()
    losses.nan_to_num_(0.0)
    for t in range(1, len(losses)):
        losses[t] += beta * losses[t - 1]
        known[t] += beta * known[t - 1]
    return losses / known


# ---- picks

wrong(exercises.picks, "minimum_itself")({"A": 0.25, "B": None, "C": 0.001})
wrong(exercises.picks, "minimum_itself")({"A": 0.05, "B": None, "C": 0.004})
wrong(exercises.picks, "after_divergence")({"A": 0.05, "B": None, "C": 1.2})
wrong(exercises.picks, "after_divergence")({"A": 10, "B": None, "C": 0.001})
wrong(exercises.picks, "gradient_against_lr")({"A": 2e-6, "B": None, "C": 1e-6})
wrong(exercises.picks, "too_timid")({"A": 5e-4, "B": None, "C": 1e-3})
wrong(exercises.picks, "flat_has_no_answer")({"A": 0.05, "B": 1e-4, "C": 0.001})
wrong(exercises.picks, "gave_up")({"A": 0.05, "B": None, "C": None})
wrong(exercises.picks, "missing_entries")({"A": 0.05, "C": 0.001})
wrong(exercises.picks, "missing_entries")({"A": 0.05, "B": ..., "C": 0.001})
wrong(exercises.picks, "not_a_rate")({"A": float("nan"), "B": None, "C": 0.001})
wrong(exercises.picks, "not_a_rate")({"A": 0.05, "B": "flat", "C": 0.001})
wrong(exercises.picks, "wrong_type")([0.05, None, 0.001])

right(exercises.picks)({"A": np.float32(0.04), "B": None, "C": torch.tensor(4e-4)})
right(exercises.picks)({"a": 0.1, "b": None, "c": 0.001})
right(exercises.picks)({"C": 0.0015, "B": None, "A": 0.07, "note": "by eye"})


@right(exercises.picks)
def a_third_of_the_minimum():
    rates = {}
    for name, (lrs, losses) in exercises.three_curves().items():
        falls = losses.min() < 0.9 * np.median(losses[:15])
        rates[name] = lrs[losses.argmin()] / 3 if falls else None
    return rates


# ---- sweep_rates


def _pass(model, optimizer, batches, criterion, clear=True):
    losses = []
    for inputs, labels in batches:
        loss = criterion(model(inputs), labels)
        losses.append(loss.item())
        if clear:
            optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


def _sgd(model, rate):
    return torch.optim.SGD(model.parameters(), lr=rate)


@wrong(exercises.sweep_rates, "carries_on")
def one_model_for_all(model, batches, criterion, rates):
    model.train()
    return [np.mean(_pass(model, _sgd(model, r), batches, criterion)) for r in rates]


@wrong(exercises.sweep_rates, "carries_on")
def shallow_snapshot(model, batches, criterion, rates):
    before, means = model.state_dict().copy(), []
    model.train()
    for rate in rates:
        means.append(np.mean(_pass(model, _sgd(model, rate), batches, criterion)))
        model.load_state_dict(before)
    return means


@wrong(exercises.sweep_rates, "model_not_restored")
def restores_before_each_rate_only(model, batches, criterion, rates):
    before, means = copy.deepcopy(model.state_dict()), []
    model.train()
    for rate in rates:
        model.load_state_dict(before)
        means.append(np.mean(_pass(model, _sgd(model, rate), batches, criterion)))
    return means


@wrong(exercises.sweep_rates, "buffers_forgotten")
def restores_the_parameters(model, batches, criterion, rates):
    before, means = [p.detach().clone() for p in model.parameters()], []
    was_training = model.training
    model.train()
    for rate in rates:
        means.append(np.mean(_pass(model, _sgd(model, rate), batches, criterion)))
        for param, weight in zip(model.parameters(), before, strict=True):
            param.data.copy_(weight)
    model.train(was_training)
    return means


@wrong(exercises.sweep_rates, "mode_changed")
def leaves_it_in_training_mode(model, batches, criterion, rates):
    before, means = copy.deepcopy(model.state_dict()), []
    model.train()
    for rate in rates:
        means.append(np.mean(_pass(model, _sgd(model, rate), batches, criterion)))
        model.load_state_dict(before)
    return means


@wrong(exercises.sweep_rates, "optimizer_holds_the_original")
def trains_a_copy_with_the_old_optimizer(model, batches, criterion, rates):
    means = []
    for rate in rates:
        optimizer = _sgd(model, rate)
        trial = copy.deepcopy(model).train()
        means.append(np.mean(_pass(trial, optimizer, batches, criterion)))
    return means


@wrong(exercises.sweep_rates, "gradients_pile_up")
def forgets_zero_grad(model, batches, criterion, rates):
    trials = [copy.deepcopy(model).train() for _ in rates]
    pairs = zip(trials, rates, strict=True)
    return [np.mean(_pass(t, _sgd(t, r), batches, criterion, clear=False)) for t, r in pairs]


@wrong(exercises.sweep_rates, "another_optimizer")
def trains_by_adam(model, batches, criterion, rates):
    trials = [copy.deepcopy(model).train() for _ in rates]
    optimizers = [torch.optim.Adam(t.parameters(), r) for t, r in zip(trials, rates, strict=True)]
    pairs = zip(trials, optimizers, strict=True)
    return [np.mean(_pass(t, o, batches, criterion)) for t, o in pairs]


@wrong(exercises.sweep_rates, "carries_on")
def one_copy_for_all(model, batches, criterion, rates):
    return one_model_for_all(copy.deepcopy(model), batches, criterion, rates)


@wrong(exercises.sweep_rates, "changed_argument")
def sorts_the_callers_rates(model, batches, criterion, rates):
    rates.sort()
    return functional_with_its_own_dict(model, batches, criterion, rates)


@wrong(exercises.sweep_rates, "wrong_shape")
def only_the_best(model, batches, criterion, rates):
    trials = [copy.deepcopy(model).train() for _ in rates]
    pairs = zip(trials, rates, strict=True)
    return min(np.mean(_pass(t, _sgd(t, r), batches, criterion)) for t, r in pairs)


@right(exercises.sweep_rates)
def restores_everything_in_place(model, batches, criterion, rates):
    before, was_training = copy.deepcopy(model.state_dict()), model.training
    means = torch.zeros(len(rates), dtype=torch.float64)
    for index, rate in enumerate(rates):
        model.train()
        means[index] = float(np.mean(_pass(model, _sgd(model, rate), batches, criterion)))
        model.load_state_dict(before)
    model.zero_grad()
    model.train(was_training)
    return means


@right(exercises.sweep_rates)
def functional_with_its_own_dict(model, batches, criterion, rates):
    means = []
    for rate in rates:
        trial = copy.deepcopy(model)
        trial.train()
        total = 0.0
        for inputs, labels in batches:
            loss = criterion(trial(inputs), labels)
            grads = torch.autograd.grad(loss, list(trial.parameters()))
            with torch.no_grad():
                for param, grad in zip(trial.parameters(), grads, strict=True):
                    param.add_(grad, alpha=-rate)
            total += loss.item()
        means.append(total / len(batches))
    return means
