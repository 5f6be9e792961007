"""Answers to the exercises of lr_finder, written from the prompts alone."""

import copy
import math

import numpy as np
import torch
from torch import nn

from course_utils.exercises import lr_finder as exercises

from .. import right, wrong

# ---- ramp_by_decade


@wrong(exercises.ramp_by_decade, "one_point_short")  # as many points as steps: one point too few
def counts_steps_as_points(start_lr, end_lr, points_per_decade):
    steps = round(abs(math.log10(end_lr / start_lr)) * points_per_decade)
    return np.geomspace(start_lr, end_lr, steps)


@wrong(exercises.ramp_by_decade, "linear_ramp")  # adds the same amount instead of multiplying
def adds_equal_amounts(start_lr, end_lr, points_per_decade):
    steps = round(abs(math.log10(end_lr / start_lr)) * points_per_decade)
    return np.linspace(start_lr, end_lr, steps + 1)


@wrong(
    exercises.ramp_by_decade, "truncated"
)  # int() cuts off what rounding errors leave below a whole
def truncates_the_steps(start_lr, end_lr, points_per_decade):
    steps = int(abs(math.log10(end_lr) - math.log10(start_lr)) * points_per_decade)
    return start_lr * (end_lr / start_lr) ** (np.arange(steps + 1) / max(steps, 1))


@wrong(
    exercises.ramp_by_decade, "rising_only"
)  # no abs: a falling ramp has a negative number of steps
def falling_ramp_comes_out_empty(start_lr, end_lr, points_per_decade):
    steps = round(math.log10(end_lr / start_lr) * points_per_decade)
    factor = 10 ** (1 / points_per_decade)
    return [start_lr * factor**i for i in range(steps + 1)]


@wrong(exercises.ramp_by_decade, "backwards")  # a falling ramp is turned into a rising one
def always_rises(start_lr, end_lr, points_per_decade):
    low, high = min(start_lr, end_lr), max(start_lr, end_lr)
    steps = round(math.log10(high / low) * points_per_decade)
    return np.geomspace(low, high, steps + 1)


@wrong(
    exercises.ramp_by_decade, "total_not_per_decade"
)  # takes points_per_decade for the total number of steps
def total_instead_of_decade(start_lr, end_lr, points_per_decade):
    return np.geomspace(start_lr, end_lr, points_per_decade + 1)


@wrong(
    exercises.ramp_by_decade, "natural_logarithm"
)  # counts with the natural logarithm, not base 10
def natural_logarithm(start_lr, end_lr, points_per_decade):
    steps = round(abs(math.log(end_lr / start_lr)) * points_per_decade)
    return np.geomspace(start_lr, end_lr, steps + 1)


@wrong(
    exercises.ramp_by_decade, "rates_as_exponents"
)  # gives logspace the rates instead of their exponents
def logspace_of_rates(start_lr, end_lr, points_per_decade):
    steps = round(abs(np.log10(end_lr / start_lr)) * points_per_decade)
    return np.logspace(start_lr, end_lr, steps + 1)


@wrong(exercises.ramp_by_decade, "end_missing")  # the end is left out
def leaves_out_the_end(start_lr, end_lr, points_per_decade):
    decades = math.log10(end_lr / start_lr)
    steps = round(abs(decades) * points_per_decade)
    return [start_lr * 10 ** (decades * i / steps) for i in range(steps)]


@wrong(
    exercises.ramp_by_decade, "whole_decades"
)  # rounds to whole decades before it counts the steps
def rounds_to_whole_decades(start_lr, end_lr, points_per_decade):
    decades = round(abs(math.log10(end_lr / start_lr)))
    return np.geomspace(start_lr, end_lr, decades * points_per_decade + 1)


@wrong(exercises.ramp_by_decade, "wrong_shape")  # a fixed 20 steps a decade, the argument ignored
def always_twenty_steps(start_lr, end_lr, points_per_decade):
    steps = round(20 * abs(math.log10(end_lr / start_lr)))
    return np.geomspace(start_lr, end_lr, steps + 1)


@wrong(exercises.ramp_by_decade, "exponents_returned")  # returns the exponents, not the rates
def returns_the_exponents(start_lr, end_lr, points_per_decade):
    low, high = np.log10(start_lr), np.log10(end_lr)
    return np.linspace(low, high, round(abs(high - low) * points_per_decade) + 1)


@wrong(exercises.ramp_by_decade, "wrong_shape")  # the rate between two decades occurs twice
def repeats_the_decade_edges(start_lr, end_lr, points_per_decade):
    sign = 1 if end_lr > start_lr else -1
    rates = []
    for decade in range(round(abs(math.log10(end_lr / start_lr)))):
        first = start_lr * 10.0 ** (sign * decade)
        rates += np.geomspace(first, first * 10.0**sign, points_per_decade + 1).tolist()
    return rates


@wrong(
    exercises.ramp_by_decade, "wrong_shape"
)  # <= loses the end to rounding; a falling ramp is empty
def multiplies_while_not_above(start_lr, end_lr, points_per_decade):
    rates, lr = [], start_lr
    while lr <= end_lr:
        rates.append(lr)
        lr *= 10 ** (1 / points_per_decade)
    return rates


@right(exercises.ramp_by_decade)  # geomspace
def geomspace_of_rounded_steps(start_lr, end_lr, points_per_decade):
    steps = round(abs(np.log10(end_lr / start_lr)) * points_per_decade)
    return np.geomspace(start_lr, end_lr, steps + 1)


@right(exercises.ramp_by_decade)  # a list of plain floats
def list_of_powers_of_ten(start_lr, end_lr, points_per_decade):
    steps = round(points_per_decade * math.log10(end_lr / start_lr))
    sign = -1 if steps < 0 else 1
    return [start_lr * 10 ** (sign * i / points_per_decade) for i in range(abs(steps) + 1)]


@right(exercises.ramp_by_decade)  # torch.logspace in float64
def torch_logspace(start_lr, end_lr, points_per_decade):
    low, high = math.log10(start_lr), math.log10(end_lr)
    steps = round(abs(high - low) * points_per_decade) + 1
    return torch.logspace(low, high, steps, dtype=torch.float64)


@right(exercises.ramp_by_decade)  # multiplies step by step until it stands at the end
def multiplies_until_close(start_lr, end_lr, points_per_decade):
    factor = 10 ** (1 / points_per_decade)
    if end_lr < start_lr:
        factor = 1 / factor
    rates = [start_lr]
    while not math.isclose(rates[-1], end_lr, rel_tol=1e-6):
        rates.append(rates[-1] * factor)
    return np.array(rates)


@right(exercises.ramp_by_decade)  # exp of an even grid of natural logarithms
def exp_of_even_logs(start_lr, end_lr, points_per_decade):
    span = np.log(end_lr) - np.log(start_lr)
    steps = int(np.rint(abs(span) / np.log(10) * points_per_decade))
    return np.exp(np.linspace(np.log(start_lr), np.log(end_lr), steps + 1))


# ---- smooth_with_gaps


@wrong(exercises.smooth_with_gaps, "gap_not_aged")  # a gap does not count as a step
def gaps_do_not_age(losses, beta):
    total, weight, smoothed = 0.0, 0.0, []
    for loss in losses:
        if not np.isnan(loss):
            total, weight = beta * total + loss, beta * weight + 1
        smoothed.append(total / weight if weight else np.nan)
    return np.array(smoothed)


@wrong(
    exercises.smooth_with_gaps, "nan_at_gaps"
)  # nan at every gap, not only before the first loss
def nan_at_every_gap(losses, beta):
    total, weight, smoothed = 0.0, 0.0, []
    for loss in losses:
        total, weight = beta * total, beta * weight
        if np.isnan(loss):
            smoothed.append(np.nan)
            continue
        total, weight = total + loss, weight + 1
        smoothed.append(total / weight)
    return np.array(smoothed)


@wrong(exercises.smooth_with_gaps, "nan_as_zero")  # a gap counts as a loss of 0
def gap_is_a_loss_of_zero(losses, beta):
    average, smoothed = 0.0, []
    for t, loss in enumerate(np.nan_to_num(losses), start=1):
        average = beta * average + (1 - beta) * loss
        smoothed.append(average / (1 - beta**t))
    return np.array(smoothed)


@wrong(exercises.smooth_with_gaps, "filled_by_the_last")  # a gap repeats the loss before it
def fills_with_the_last_loss(losses, beta):
    total, weight, last, smoothed = 0.0, 0.0, np.nan, []
    for loss in losses:
        last = last if np.isnan(loss) else loss
        if not np.isnan(last):
            total, weight = beta * total + last, beta * weight + 1
        smoothed.append(total / weight if weight else np.nan)
    return np.array(smoothed)


@wrong(exercises.smooth_with_gaps, "no_correction")  # no correction: the weights do not add up to 1
def never_corrects(losses, beta):
    average, seen, smoothed = 0.0, False, []
    for loss in losses:
        average *= beta
        if not np.isnan(loss):
            average, seen = average + (1 - beta) * loss, True
        smoothed.append(average if seen else np.nan)
    return np.array(smoothed)


@wrong(
    exercises.smooth_with_gaps, "nan_as_zero"
)  # divides by 1 - beta**t, where t counts the gaps as well
def corrects_for_all_steps(losses, beta):
    average, seen, smoothed = 0.0, False, []
    for t, loss in enumerate(losses, start=1):
        average *= beta
        if not np.isnan(loss):
            average, seen = average + (1 - beta) * loss, True
        smoothed.append(average / (1 - beta**t) if seen else np.nan)
    return np.array(smoothed)


@wrong(exercises.smooth_with_gaps, "losses_counted")  # divides by 1 - beta**n, n counts no gaps
def corrects_for_losses_only(losses, beta):
    average, n, smoothed = 0.0, 0, []
    for loss in losses:
        average *= beta
        if not np.isnan(loss):
            average, n = average + (1 - beta) * loss, n + 1
        smoothed.append(average / (1 - beta**n) if n else np.nan)
    return np.array(smoothed)


@wrong(
    exercises.smooth_with_gaps, "starts_at_first"
)  # starts at the first loss, which weighs too much
def starts_at_the_first_loss(losses, beta):
    average, smoothed = np.nan, []
    for loss in losses:
        if np.isnan(average):
            average = loss
        elif not np.isnan(loss):
            average = beta * average + (1 - beta) * loss
        smoothed.append(average)
    return np.array(smoothed)


@wrong(exercises.smooth_with_gaps, "nan_spreads")  # == never finds a nan, which then spreads
def compares_with_nan(losses, beta):
    total, weight, smoothed = 0.0, 0.0, []
    for loss in losses:
        total, weight = beta * total, beta * weight
        if loss != np.nan:
            total, weight = total + loss, weight + 1
        smoothed.append(total / weight if weight else np.nan)
    return np.array(smoothed)


@wrong(exercises.smooth_with_gaps, "zero_before_first")  # 0 before the first loss instead of nan
def zero_before_the_first(losses, beta):
    total, weight, smoothed = 0.0, 0.0, []
    for loss in losses:
        total, weight = beta * total, beta * weight
        if not np.isnan(loss):
            total, weight = total + loss, weight + 1
        smoothed.append(total / max(weight, 1e-12))
    return np.array(smoothed)


@wrong(exercises.smooth_with_gaps, "gaps_dropped")  # drops the gaps: the result is shorter
def drops_the_gaps(losses, beta):
    total, weight, smoothed = 0.0, 0.0, []
    for loss in losses[~np.isnan(losses)]:
        total, weight = beta * total + loss, beta * weight + 1
        smoothed.append(total / weight)
    return np.array(smoothed)


@wrong(exercises.smooth_with_gaps, "argument_ignored")  # always beta = 0.9, the argument ignored
def always_nine_tenths(losses, beta):
    total, weight, smoothed = 0.0, 0.0, []
    for loss in losses:
        total, weight = 0.9 * total, 0.9 * weight
        if not np.isnan(loss):
            total, weight = total + loss, weight + 1
        smoothed.append(total / weight if weight else np.nan)
    return np.array(smoothed)


@wrong(exercises.smooth_with_gaps, "newest_left_out")  # the loss of step t itself is left out
def leaves_out_the_newest(losses, beta):
    total, weight, smoothed = 0.0, 0.0, []
    for loss in losses:
        smoothed.append(total / weight if weight else np.nan)
        total, weight = beta * total, beta * weight
        if not np.isnan(loss):
            total, weight = total + loss, weight + 1
    return np.array(smoothed)


@wrong(
    exercises.smooth_with_gaps, "older_weighs_more"
)  # the oldest loss weighs most: the powers run backwards
def powers_run_backwards(losses, beta):
    smoothed = []
    for t in range(len(losses)):
        there = ~np.isnan(losses[: t + 1])
        weights = (beta ** np.arange(t + 1))[there]
        smoothed.append(weights @ losses[: t + 1][there] / weights.sum() if there.any() else np.nan)
    return np.array(smoothed)


@wrong(
    exercises.smooth_with_gaps, "argument_ignored"
)  # plain mean of the losses so far, without weights
def mean_without_weights(losses, beta):
    there = ~np.isnan(losses)
    count = np.cumsum(there)
    total = np.cumsum(np.where(there, losses, 0.0))
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


@right(exercises.smooth_with_gaps)  # the definition, word for word, in two loops
def definition_in_two_loops(losses, beta):
    smoothed = []
    for t in range(len(losses)):
        top, bottom = 0.0, 0.0
        for s in range(t + 1):
            if not math.isnan(losses[s]):
                top += beta ** (t - s) * float(losses[s])
                bottom += beta ** (t - s)
        smoothed.append(top / bottom if bottom else math.nan)
    return smoothed


@right(exercises.smooth_with_gaps)  # two running sums, of losses and of weights
def two_running_sums(losses, beta):
    total, weight, smoothed = 0.0, 0.0, np.full(len(losses), np.nan)
    for t, loss in enumerate(losses):
        there = not np.isnan(loss)
        total = beta * total + (loss if there else 0.0)
        weight = beta * weight + there
        if weight > 0:
            smoothed[t] = total / weight
    return smoothed


@right(exercises.smooth_with_gaps)  # updates the mean itself; a gap ages the weight only
def updates_the_mean(losses, beta):
    mean, weight, age, smoothed = math.nan, 0.0, 0, []
    for loss in losses:
        age += 1
        if not np.isnan(loss):
            weight = weight * beta**age + 1
            mean = loss if weight == 1 else mean + (loss - mean) / weight
            age = 0
        smoothed.append(mean)
    return np.array(smoothed)


@right(exercises.smooth_with_gaps)  # a triangular matrix of powers
def matrix_of_powers(losses, beta):
    losses = np.asarray(losses, dtype=float)
    there = ~np.isnan(losses)
    age = np.subtract.outer(np.arange(len(losses)), np.arange(len(losses)))
    weights = np.where(age >= 0, float(beta) ** np.maximum(age, 0), 0.0) * there
    total = weights.sum(axis=1)
    sums = weights @ np.where(there, losses, 0.0)
    return np.divide(sums, total, out=np.full(len(losses), np.nan), where=total > 0)


@right(exercises.smooth_with_gaps)  # smooth_losses twice: of the losses, and of their presence
def ratio_of_two_averages(losses, beta):
    there = 1.0 - np.isnan(losses)
    filled, above, below, ratios = np.nan_to_num(losses), 0.0, 0.0, []
    for loss, present in zip(filled, there, strict=True):
        above = beta * above + (1 - beta) * present * loss
        below = beta * below + (1 - beta) * present
        ratios.append(above / below if below > 0 else float("nan"))
    return np.array(ratios)


# ---- picks

wrong(exercises.picks, "after_divergence")(
    {"A": 1.0, "B": None, "C": 0.001}
)  # A: past the minimum, it rises
wrong(exercises.picks, "after_divergence")(
    {"A": 10.0, "B": None, "C": 0.001}
)  # A: the end of the ramp
wrong(exercises.picks, "too_timid")(
    {"A": 1e-4, "B": None, "C": 0.001}
)  # A: still flat, far too small
wrong(exercises.picks, "flat_has_no_answer")(
    {"A": 0.1, "B": 5e-6, "C": 0.001}
)  # B: the lowest point of noise
wrong(exercises.picks, "flat_has_no_answer")(
    {"A": 0.1, "B": 0.1, "C": 0.001}
)  # B: a rate, where nothing falls
wrong(exercises.picks, "not_a_rate")({"A": 0.1, "B": 0.0, "C": 0.001})  # B: 0 instead of None
wrong(exercises.picks, "after_divergence")(
    {"A": 0.1, "B": None, "C": 1.0}
)  # C: the second fall, after the wall
wrong(exercises.picks, "after_divergence")(
    {"A": 0.1, "B": None, "C": 3.0}
)  # C: the floor after the explosion
wrong(exercises.picks, "after_divergence")(
    {"A": 0.1, "B": None, "C": 0.1}
)  # C: on the plateau, exploded
wrong(exercises.picks, "after_divergence")(
    {"A": 0.1, "B": None, "C": 0.02}
)  # C: on the rising wall
wrong(exercises.picks, "gave_up")({"A": 0.1, "B": None, "C": None})  # C: says there is no answer
wrong(exercises.picks, "gave_up")({"A": None, "B": None, "C": None})  # none has an answer
wrong(exercises.picks, "not_a_rate")(
    {"A": -1, "B": None, "C": -3}
)  # exponents of 10 instead of rates
wrong(exercises.picks, "missing_entries")({"A": 0.1, "C": 0.001})  # B is missing
wrong(exercises.picks, "not_a_rate")(
    {"A": 0.1, "B": "None", "C": 0.001}
)  # B: the word instead of None
wrong(exercises.picks, "after_divergence")(
    {"A": 0.5, "B": 0.5, "C": 0.5}
)  # copies the example of the prompt
wrong(exercises.picks, "wrong_type")([0.1, None, 0.001])  # a list instead of a dict

right(exercises.picks)({"A": 0.1, "B": None, "C": 0.001})  # about a third of the minimum
right(exercises.picks)({"A": 0.35 / 3, "B": None, "C": 0.0035 / 3})  # a third, worked out
right(exercises.picks)({"C": 1.5e-3, "B": None, "A": 1.5e-1})  # by eye, in another order
right(exercises.picks)({"A": np.float64(0.12), "B": None, "C": np.float64(0.0012)})  # of NumPy
right(exercises.picks)({"A": 8e-2, "B": None, "C": 8e-4})  # by eye, on the steep part


# ---- sweep_rates


def _walk(model, batches, criterion, optimizer):
    losses = []
    for inputs, targets in batches:
        loss = criterion(model(inputs), targets)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


def _mean(losses):
    return sum(losses) / len(losses)


def _sgd(model, lr):
    return torch.optim.SGD(model.parameters(), lr=lr)


@wrong(exercises.sweep_rates, "carries_on")  # each rate goes on with the model of the rate before
def goes_on_with_the_same_copy(model, batches, criterion, rates):
    trial = copy.deepcopy(model).train()
    return [_mean(_walk(trial, batches, criterion, _sgd(trial, lr))) for lr in rates]


@wrong(exercises.sweep_rates, "carries_on")  # trains the given model itself and never restores it
def trains_the_given_model(model, batches, criterion, rates):
    model.train()
    return [_mean(_walk(model, batches, criterion, _sgd(model, lr))) for lr in rates]


@wrong(
    exercises.sweep_rates, "carries_on"
)  # state_dict() without copies: the saved weights change, too
def state_dict_without_copy(model, batches, criterion, rates):
    start, mode, means = model.state_dict(), model.training, []
    for lr in rates:
        model.load_state_dict(start)
        model.train()
        means.append(_mean(_walk(model, batches, criterion, _sgd(model, lr))))
    model.load_state_dict(start)
    model.train(mode)
    return means


@wrong(
    exercises.sweep_rates, "buffers_forgotten"
)  # puts back the parameters, but not batch norm's statistics
def restores_parameters_only(model, batches, criterion, rates):
    start = [p.detach().clone() for p in model.parameters()]
    mode, means = model.training, []
    for lr in rates:
        model.train()
        means.append(_mean(_walk(model, batches, criterion, _sgd(model, lr))))
        with torch.no_grad():
            for p, old in zip(model.parameters(), start, strict=True):
                p.copy_(old)
    model.train(mode)
    return means


@wrong(exercises.sweep_rates, "eval_mode")  # trains in whatever mode the model came, no train()
def keeps_the_mode_it_came_in(model, batches, criterion, rates):
    means = []
    for lr in rates:
        trial = copy.deepcopy(model)
        means.append(_mean(_walk(trial, batches, criterion, _sgd(trial, lr))))
    return means


@wrong(exercises.sweep_rates, "mode_changed")  # the given model is left in training mode
def leaves_training_mode(model, batches, criterion, rates):
    model.train()
    means = []
    for lr in rates:
        trial = copy.deepcopy(model)
        means.append(_mean(_walk(trial, batches, criterion, _sgd(trial, lr))))
    return means


@wrong(exercises.sweep_rates, "eval_mode")  # walks in evaluation mode
def walks_in_eval_mode(model, batches, criterion, rates):
    means = []
    for lr in rates:
        trial = copy.deepcopy(model).eval()
        means.append(_mean(_walk(trial, batches, criterion, _sgd(trial, lr))))
    return means


@wrong(
    exercises.sweep_rates, "loss_after_each_step"
)  # notes the loss after the step instead of before
def loss_after_the_step(model, batches, criterion, rates):
    means = []
    for lr in rates:
        trial, losses = copy.deepcopy(model).train(), []
        optimizer = _sgd(trial, lr)
        for inputs, targets in batches:
            optimizer.zero_grad()
            criterion(trial(inputs), targets).backward()
            optimizer.step()
            losses.append(criterion(trial(inputs), targets).item())
        means.append(_mean(losses))
    return means


@wrong(exercises.sweep_rates, "loss_after_the_pass")  # returns the last loss instead of the mean
def last_loss_only(model, batches, criterion, rates):
    ends = []
    for lr in rates:
        trial = copy.deepcopy(model).train()
        ends.append(_walk(trial, batches, criterion, _sgd(trial, lr))[-1])
    return ends


@wrong(exercises.sweep_rates, "another_optimizer")  # momentum 0.9
def adds_momentum(model, batches, criterion, rates):
    means = []
    for lr in rates:
        trial = copy.deepcopy(model).train()
        optimizer = torch.optim.SGD(trial.parameters(), lr=lr, momentum=0.9)
        means.append(_mean(_walk(trial, batches, criterion, optimizer)))
    return means


@wrong(exercises.sweep_rates, "another_optimizer")  # Adam instead of SGD
def adam_instead_of_sgd(model, batches, criterion, rates):
    means = []
    for lr in rates:
        trial = copy.deepcopy(model).train()
        optimizer = torch.optim.Adam(trial.parameters(), lr=lr)
        means.append(_mean(_walk(trial, batches, criterion, optimizer)))
    return means


@wrong(
    exercises.sweep_rates, "another_order"
)  # sorts the rates, so the means come in another order
def sorts_the_rates(model, batches, criterion, rates):
    means = []
    for lr in sorted(rates):
        trial = copy.deepcopy(model).train()
        means.append(_mean(_walk(trial, batches, criterion, _sgd(trial, lr))))
    return means


@wrong(exercises.sweep_rates, "gradients_pile_up")  # never clears the gradients: they pile up
def gradients_pile_up(model, batches, criterion, rates):
    means = []
    for lr in rates:
        trial, losses = copy.deepcopy(model).train(), []
        optimizer = _sgd(trial, lr)
        for inputs, targets in batches:
            loss = criterion(trial(inputs), targets)
            losses.append(loss.item())
            loss.backward()
            optimizer.step()
        means.append(_mean(losses))
    return means


@wrong(exercises.sweep_rates, "sum_not_mean")  # the sum of the losses instead of their mean
def sums_the_losses(model, batches, criterion, rates):
    sums = []
    for lr in rates:
        trial = copy.deepcopy(model).train()
        sums.append(sum(_walk(trial, batches, criterion, _sgd(trial, lr))))
    return sums


@wrong(
    exercises.sweep_rates, "optimizer_holds_the_original"
)  # the optimizer holds the given model, not the copy that runs
def optimizer_holds_the_original(model, batches, criterion, rates):
    means = []
    for lr in rates:
        optimizer = _sgd(model, lr)
        trial = copy.deepcopy(model).train()
        means.append(_mean(_walk(trial, batches, criterion, optimizer)))
    return means


@wrong(exercises.sweep_rates, "wrong_shape")  # returns the best rate instead of the means
def returns_the_best_rate(model, batches, criterion, rates):
    means = {}
    for lr in rates:
        trial = copy.deepcopy(model).train()
        means[lr] = _mean(_walk(trial, batches, criterion, _sgd(trial, lr)))
    return min(means, key=means.get)


@wrong(exercises.sweep_rates, "criterion_ignored")  # always cross-entropy, the criterion ignored
def ignores_the_criterion(model, batches, criterion, rates):
    means = []
    for lr in rates:
        trial = copy.deepcopy(model).train()
        means.append(_mean(_walk(trial, batches, nn.CrossEntropyLoss(), _sgd(trial, lr))))
    return means


@wrong(exercises.sweep_rates, "wrong_value")  # begins each rate from fresh random weights
def starts_from_fresh_weights(model, batches, criterion, rates):
    means = []
    for lr in rates:
        trial = copy.deepcopy(model).train()
        for module in trial.modules():
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()
        means.append(_mean(_walk(trial, batches, criterion, _sgd(trial, lr))))
    return means


@wrong(
    exercises.sweep_rates, "carries_on"
)  # copy.copy is shallow: the weights are still the model's own
def shallow_copy(model, batches, criterion, rates):
    means = []
    for lr in rates:
        trial, mode = copy.copy(model), model.training
        trial.train()
        means.append(_mean(_walk(trial, batches, criterion, _sgd(trial, lr))))
        trial.train(mode)
    return means


@right(exercises.sweep_rates)  # a fresh deep copy for each rate
def deep_copy_each_time(model, batches, criterion, rates):
    batches, means = list(batches), []
    for lr in rates:
        trial = copy.deepcopy(model)
        trial.train()
        means.append(np.mean(_walk(trial, batches, criterion, _sgd(trial, lr))))
    return means


@right(exercises.sweep_rates)  # SGD by hand, with autograd.grad
def steps_by_hand(model, batches, criterion, rates):
    means = []
    for lr in rates:
        trial, total, count = copy.deepcopy(model).train(), 0.0, 0
        params = [p for p in trial.parameters() if p.requires_grad]
        for inputs, targets in batches:
            loss = criterion(trial(inputs), targets)
            total, count = total + loss.item(), count + 1
            with torch.no_grad():
                for p, g in zip(params, torch.autograd.grad(loss, params), strict=True):
                    p -= lr * g
        means.append(total / count)
    return means


@right(exercises.sweep_rates)  # the copies of all rates first, walked side by side
def all_copies_side_by_side(model, batches, criterion, rates):
    trials = [copy.deepcopy(model).train() for _ in rates]
    optimizers = [_sgd(t, lr) for t, lr in zip(trials, rates, strict=True)]
    losses = [[] for _ in rates]
    for batch in batches:
        for trial, optimizer, noted in zip(trials, optimizers, losses, strict=True):
            noted += _walk(trial, [batch], criterion, optimizer)
    return torch.tensor(losses, dtype=torch.float64).mean(dim=1)


@right(exercises.sweep_rates)  # the model itself, put back from a copied state and its modes
def puts_the_state_back(model, batches, criterion, rates):
    start = copy.deepcopy(model.state_dict())
    modes = [(module, module.training) for module in model.modules()]
    grads = [(p, p.grad) for p in model.parameters()]
    means = []
    try:
        for lr in rates:
            model.load_state_dict(start)
            model.train()
            means.append(_mean(_walk(model, batches, criterion, _sgd(model, lr))))
    finally:
        model.load_state_dict(start)
        for module, mode in modes:
            module.training = mode
        for p, grad in grads:
            p.grad = grad
    return means


@right(exercises.sweep_rates)  # functional_call with copies of parameters and buffers
def functional_call_on_copies(model, batches, criterion, rates):
    shell, means = copy.deepcopy(model).train(), []
    for lr in rates:
        state = {name: p.detach().clone() for name, p in model.named_parameters()}
        buffers = {name: b.clone() for name, b in model.named_buffers()}
        losses = []
        for inputs, targets in batches:
            params = {name: p.requires_grad_() for name, p in state.items()}
            outputs = torch.func.functional_call(shell, params | buffers, (inputs,))
            loss = criterion(outputs, targets)
            losses.append(loss.item())
            grads = torch.autograd.grad(loss, list(params.values()))
            pairs = zip(params.items(), grads, strict=True)
            state = {name: (p - lr * g).detach() for (name, p), g in pairs}
        means.append(_mean(losses))
    return means
