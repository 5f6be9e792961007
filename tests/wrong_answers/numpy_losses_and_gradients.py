"""Answers to the exercises of numpy_losses_and_gradients."""

import copy

import numpy as np
import torch
from scipy.special import softmax

from course_utils.exercises import numpy_losses_and_gradients as exercises

from . import right, wrong

# ---- slopes_along_direction


def _moved(params, direction, distance):
    return {name: params[name] + distance * direction[name] for name in params}


def _dot(a, b):
    return sum(np.sum(a[name] * b[name]) for name in a)


@wrong(exercises.slopes_along_direction, "changed_argument")
def moves_in_place(loss, params, grads, direction, epsilon):
    for name in params:
        params[name] += epsilon * direction[name]
    above = loss(params)
    for name in params:
        params[name] -= 2 * epsilon * direction[name]
    return (above - loss(params)) / (2 * epsilon), _dot(grads, direction)


@wrong(exercises.slopes_along_direction, "wrong_type")
def returns_the_gap(loss, params, grads, direction, epsilon):
    above, below = (loss(_moved(params, direction, s * epsilon)) for s in (1, -1))
    return abs((above - below) / (2 * epsilon) - _dot(grads, direction))


@right(exercises.slopes_along_direction)
def flattens_everything(loss, params, grads, direction, epsilon):
    names = list(params)
    theta, g, v = (
        np.concatenate([arrays[n].ravel() for n in names]) for arrays in (params, grads, direction)
    )

    def at(vector):
        parts = np.split(vector, np.cumsum([params[n].size for n in names])[:-1])
        return loss({n: p.reshape(params[n].shape) for n, p in zip(names, parts, strict=True)})

    return np.array([(at(theta + epsilon * v) - at(theta - epsilon * v)) / (2 * epsilon), g @ v])[
        :
    ].tolist()


@right(exercises.slopes_along_direction)
def in_place_on_its_own_copy(loss, params, grads, direction, epsilon):
    mine, losses = copy.deepcopy(params), []
    for distance in (epsilon, -2 * epsilon):
        for name, values in mine.items():
            values += distance * direction[name]
        losses.append(loss(mine))
    return (losses[0] - losses[1]) / epsilon / 2, torch.tensor(_dot(grads, direction))


# ---- masked_cross_entropy_gradient


@wrong(exercises.masked_cross_entropy_gradient, "changed_argument")
def shifts_in_place(logits, targets):
    logits -= logits.max(axis=-1, keepdims=True)
    weights = targets.sum(axis=-1, keepdims=True)
    return (weights * softmax(logits, axis=-1) - targets) / weights.sum()


@wrong(exercises.masked_cross_entropy_gradient, "padding_dropped")
def returns_the_real_steps_only(logits, targets):
    weights = targets.sum(axis=-1)
    real = weights > 0
    gap = weights[real][:, None] * softmax(logits[real], axis=-1) - targets[real]
    return gap / weights.sum()


@right(exercises.masked_cross_entropy_gradient)
def loop_over_real_steps(logits, targets):
    gradient = np.zeros(logits.shape)
    for place in np.argwhere(targets.sum(axis=-1) > 0):
        b, t = place
        q = targets[b, t].astype(np.float64)
        gradient[b, t] = q.sum() * softmax(logits[b, t].astype(np.float64)) - q
    return gradient / targets.sum()


@right(exercises.masked_cross_entropy_gradient)
def by_autograd(logits, targets):
    z = torch.tensor(logits, requires_grad=True)
    q = torch.tensor(targets)
    loss = torch.nn.functional.cross_entropy(z.flatten(0, 1), q.flatten(0, 1), reduction="sum")
    return torch.autograd.grad(loss / q.sum(), z)[0]


# ---- huber_loss_and_gradient


@wrong(exercises.huber_loss_and_gradient, "does_not_join")
def line_starts_a_half_lower(predictions, targets, delta):
    e = predictions - targets
    loss = np.where(abs(e) <= delta, e**2 / 2, delta * (abs(e) - delta)).mean()
    return loss, np.clip(e, -delta, delta) / e.size


@wrong(exercises.huber_loss_and_gradient, "slope_not_bounded")
def mean_square(predictions, targets, delta):
    e = predictions - targets
    return (e**2).mean() / 2, e / e.size


@wrong(exercises.huber_loss_and_gradient, "wrong_type")
def only_the_loss(predictions, targets, delta):
    e = predictions - targets
    return np.where(abs(e) <= delta, e**2 / 2, delta * (abs(e) - delta / 2)).mean()


@wrong(exercises.huber_loss_and_gradient, "branches_swapped")
def clips_from_below(predictions, targets, delta):
    e = predictions - targets
    loss = np.where(abs(e) < delta, delta * (abs(e) - delta / 2), e**2 / 2).mean()
    return loss, np.where(abs(e) < delta, delta * np.sign(e), e) / e.size


@right(exercises.huber_loss_and_gradient)
def far_part_taken_off(predictions, targets, delta):
    e = predictions - targets
    beyond = np.maximum(abs(e) - delta, 0)
    loss = np.mean(e**2 - beyond**2) / 2
    return loss, (e - np.sign(e) * beyond) / e.size
