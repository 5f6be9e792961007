"""Answers to the exercises of numpy_training_tools."""

import copy

import numpy as np
import torch
from scipy.special import softmax

from course_utils.exercises import numpy_training_tools as exercises

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


# ---- clip_by_global_norm


def _norm(grads):
    return float(np.sqrt(sum((g.astype(np.float64) ** 2).sum() for g in grads.values())))


def _scaled(grads, factor):
    return {name: (g * float(factor)).astype(g.dtype) for name, g in grads.items()}


@wrong(exercises.clip_by_global_norm, "per_array_norm")
def clips_each_array(grads, max_norm):
    clipped = {name: g * min(1.0, max_norm / float(np.linalg.norm(g))) for name, g in grads.items()}
    return clipped, _norm(grads)


@wrong(exercises.clip_by_global_norm, "zero_gradient")
def divides_a_float_by_zero(grads, max_norm):
    norm = _norm(grads)
    return _scaled(grads, min(1.0, max_norm / norm)), norm


@wrong(exercises.clip_by_global_norm, "wrong_dtype")
def promotes_by_a_scalar(grads, max_norm):
    norm = np.sqrt(sum((g.astype(np.float64) ** 2).sum() for g in grads.values()))
    factor = np.float64(1.0) if norm <= max_norm else max_norm / norm
    return {name: g * factor for name, g in grads.items()}, norm


@wrong(exercises.clip_by_global_norm, "changed_argument")
def scales_in_place(grads, max_norm):
    norm = _norm(grads)
    if norm > max_norm:
        for g in grads.values():
            g *= max_norm / norm
    return grads, norm


@wrong(exercises.clip_by_global_norm, "same_dict")
def hands_the_short_ones_back(grads, max_norm):
    norm = _norm(grads)
    return (grads, norm) if norm <= max_norm else (_scaled(grads, max_norm / norm), norm)


@wrong(exercises.clip_by_global_norm, "same_dict")
def as_it_is_written_first(grads, max_norm):
    norm = np.sqrt(sum(np.sum(g**2) for g in grads.values()))
    if norm > max_norm:
        return {name: g * (max_norm / norm) for name, g in grads.items()}, norm
    return grads, norm


@wrong(exercises.clip_by_global_norm, "sign_of_the_largest")
def largest_without_abs(grads, max_norm):
    largest = max(float(max(g.max() for g in grads.values())), 0.0) or 1.0
    scaled = [(g / largest).astype(g.dtype) for g in grads.values()]
    norm = largest * float(np.sqrt(sum(float((part**2).sum()) for part in scaled)))
    return _scaled(grads, max_norm / norm if norm > max_norm else 1.0), norm


@right(exercises.clip_by_global_norm)
def a_new_dict_of_the_short_ones(grads, max_norm):
    norm = _norm(grads)
    return (dict(grads), norm) if norm <= max_norm else (_scaled(grads, max_norm / norm), norm)


@wrong(exercises.clip_by_global_norm, "wrong_type")
def forgets_the_norm(grads, max_norm):
    return in_float64_by_numpy(grads, max_norm)[0]


@right(exercises.clip_by_global_norm)
def in_float64_by_numpy(grads, max_norm):
    vector = np.concatenate([g.ravel() for g in grads.values()]).astype(np.float64)
    norm = np.linalg.norm(vector)
    factor = max_norm / max(norm, max_norm)
    return {
        k: np.asarray(factor * g.astype(np.float64), dtype=g.dtype) for k, g in grads.items()
    }, norm


@right(exercises.clip_by_global_norm)
def in_place_on_copies(grads, max_norm):
    norm, mine = _norm(grads), copy.deepcopy(grads)
    if norm > max_norm:
        for g in mine.values():
            g *= max_norm / norm
    return [mine, np.float64(norm)]


# ---- BestParams


class _Keeper:
    def __init__(self):
        self.loss, self.params = np.inf, None

    def update(self, loss, params):
        if not loss < self.loss:
            return False
        self.loss, self.params = loss, copy.deepcopy(params)
        return True

    def get(self):
        return copy.deepcopy(self.params)


@wrong(exercises.BestParams, "keeps_latest")
class KeepsTheLatest(_Keeper):
    def update(self, loss, params):
        is_best = loss < self.loss
        self.loss, self.params = min(loss, self.loss), copy.deepcopy(params)
        return is_best


@wrong(exercises.BestParams, "no_return")
class SaysNothing(_Keeper):
    def update(self, loss, params):
        super().update(loss, params)


@right(exercises.BestParams)
class KeepsAFlatVector:
    def __init__(self):
        self.kept = []

    def update(self, loss, params):
        if np.isnan(loss) or (self.kept and loss >= self.kept[-1][0]):
            return np.False_
        self.kept.append((loss, [(name, np.array(values)) for name, values in params.items()]))
        return np.True_

    def get(self):
        return {name: 1 * values for name, values in self.kept[-1][1]} if self.kept else None


@right(exercises.BestParams)
class OverwritesItsOwnCopy(_Keeper):
    def update(self, loss, params):
        if loss < self.loss and self.params is not None:
            self.loss = loss
            for name, values in params.items():
                self.params[name][...] = values
            return True
        return super().update(loss, params)


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
