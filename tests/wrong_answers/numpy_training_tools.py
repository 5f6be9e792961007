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


@wrong(exercises.slopes_along_direction, "one_sided")
def looks_ahead_only(loss, params, grads, direction, epsilon):
    slope = (loss(_moved(params, direction, epsilon)) - loss(params)) / epsilon
    return slope, _dot(grads, direction)


@wrong(exercises.slopes_along_direction, "two_forgotten")
def divides_by_one_epsilon(loss, params, grads, direction, epsilon):
    above, below = (loss(_moved(params, direction, s * epsilon)) for s in (1, -1))
    return (above - below) / epsilon, _dot(grads, direction)


@wrong(exercises.slopes_along_direction, "two_forgotten")
def two_in_the_wrong_place(loss, params, grads, direction, epsilon):
    above, below = (loss(_moved(params, direction, epsilon / 2 * s)) for s in (2, -2))
    return (above - below) / (4 * epsilon), _dot(grads, direction)


@wrong(exercises.slopes_along_direction, "epsilon_forgotten")
def only_a_difference(loss, params, grads, direction, epsilon):
    above, below = (loss(_moved(params, direction, s * epsilon)) for s in (1, -1))
    return (above - below) / 2, _dot(grads, direction)


@wrong(exercises.slopes_along_direction, "direction_normalized")
def makes_a_unit_vector(loss, params, grads, direction, epsilon):
    length = np.sqrt(_dot(direction, direction))
    unit = {name: part / length for name, part in direction.items()}
    above, below = (loss(_moved(params, unit, s * epsilon)) for s in (1, -1))
    return (above - below) / (2 * epsilon), _dot(grads, unit)


@wrong(exercises.slopes_along_direction, "product_of_norms")
def multiplies_lengths(loss, params, grads, direction, epsilon):
    above, below = (loss(_moved(params, direction, s * epsilon)) for s in (1, -1))
    return (above - below) / (2 * epsilon), np.sqrt(_dot(grads, grads) * _dot(direction, direction))


@wrong(exercises.slopes_along_direction, "one_array_only")
def moves_the_last_array(loss, params, grads, direction, epsilon):
    for name in params:
        above = loss({**params, name: params[name] + epsilon * direction[name]})
        below = loss({**params, name: params[name] - epsilon * direction[name]})
        slope = (above - below) / (2 * epsilon)
        predicted = (grads[name] * direction[name]).sum()
    return slope, predicted


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


@wrong(exercises.clip_by_global_norm, "clips_values")
def clips_each_number(grads, max_norm):
    return {name: g.clip(-max_norm, max_norm) for name, g in grads.items()}, _norm(grads)


@wrong(exercises.clip_by_global_norm, "scales_up")
def always_scales(grads, max_norm):
    norm = _norm(grads)
    return _scaled(grads, max_norm / norm), norm


@wrong(exercises.clip_by_global_norm, "norm_after")
def returns_the_clipped_norm(grads, max_norm):
    norm = _norm(grads)
    clipped = _scaled(grads, min(1.0, max_norm / norm if norm else 1.0))
    return clipped, _norm(clipped)


@wrong(exercises.clip_by_global_norm, "squares_overflow")
def squares_in_float32(grads, max_norm):
    norm = float(np.sqrt(sum((g**2).sum() for g in grads.values())))
    return _scaled(grads, min(1.0, max_norm / norm if norm else 1.0)), norm


@wrong(exercises.clip_by_global_norm, "squares_overflow")
def norm_of_norms_in_float32(grads, max_norm):
    norm = np.linalg.norm([np.linalg.norm(g.ravel()) for g in grads.values()])
    return _scaled(grads, min(1.0, max_norm / norm if norm else 1.0)), norm


@wrong(exercises.clip_by_global_norm, "squares_vanish")
def guards_against_overflow_only(grads, max_norm):
    largest = max(1.0, *(float(abs(g).max()) for g in grads.values()))
    squares = sum(((g / np.float32(largest)) ** 2).sum() for g in grads.values())
    norm = largest * float(np.sqrt(squares))
    return _scaled(grads, min(1.0, max_norm / norm if norm else 1.0)), norm


@wrong(exercises.clip_by_global_norm, "zero_gradient")
def divides_by_zero(grads, max_norm):
    norm = np.sqrt(sum((g.astype(np.float64) ** 2).sum() for g in grads.values()))
    factor = max_norm / norm
    return {
        name: g * np.where(norm > max_norm, factor, factor * norm / max_norm)
        for name, g in grads.items()
    }, norm


@wrong(exercises.clip_by_global_norm, "zero_gradient")
def divides_a_float_by_zero(grads, max_norm):
    norm = _norm(grads)
    return _scaled(grads, min(1.0, max_norm / norm)), norm


@wrong(exercises.clip_by_global_norm, "dtype_lost")
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


@wrong(exercises.clip_by_global_norm, "wrong_type")
def forgets_the_norm(grads, max_norm):
    return _scaled(grads, min(1.0, max_norm / _norm(grads)))


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


@wrong(exercises.BestParams, "keeps_reference")
class KeepsTheDictItself(_Keeper):
    def update(self, loss, params):
        if not loss < self.loss:
            return False
        self.loss, self.params = loss, params
        return True


@wrong(exercises.BestParams, "shallow_copy")
class CopiesTheDictOnly(_Keeper):
    def update(self, loss, params):
        if not loss < self.loss:
            return False
        self.loss, self.params = loss, params.copy()
        return True


@wrong(exercises.BestParams, "hands_out_its_own")
class HandsOutItsOwn(_Keeper):
    def get(self):
        return self.params


@wrong(exercises.BestParams, "hands_out_its_own")
class CopiesTheDictOnTheWayOut(_Keeper):
    def get(self):
        return None if self.params is None else dict(self.params)


@wrong(exercises.BestParams, "nan_is_best")
class TakesTheFirstWhateverItIs(_Keeper):
    def update(self, loss, params):
        if self.params is not None and not loss < self.loss:
            return False
        self.loss, self.params = loss, copy.deepcopy(params)
        return True


@wrong(exercises.BestParams, "nan_is_best")
class RejectsOnlyWhatIsNotLower(_Keeper):
    def update(self, loss, params):
        if loss >= self.loss:
            return False
        self.loss, self.params = loss, copy.deepcopy(params)
        return True


@wrong(exercises.BestParams, "keeps_latest")
class KeepsTheLatest(_Keeper):
    def update(self, loss, params):
        is_best = loss < self.loss
        self.loss, self.params = min(loss, self.loss), copy.deepcopy(params)
        return is_best


@wrong(exercises.BestParams, "keeps_latest")
class ComparesWithTheLastLoss(_Keeper):
    def update(self, loss, params):
        is_better = loss < self.loss
        self.loss = loss
        if is_better:
            self.params = copy.deepcopy(params)
        return is_better

    def get(self):
        return copy.deepcopy(self.params)


@wrong(exercises.BestParams, "tie_replaces")
class TakesTheTie(_Keeper):
    def update(self, loss, params):
        if loss > self.loss:
            return False
        self.loss, self.params = loss, copy.deepcopy(params)
        return True


@wrong(exercises.BestParams, "wrong_verdict")
class AlwaysSaysTrue(_Keeper):
    def update(self, loss, params):
        super().update(loss, params)
        return True


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


@wrong(exercises.masked_cross_entropy_gradient, "padding_pushed")
def forgets_the_row_weight(logits, targets):
    return (softmax(logits, axis=-1) - targets) / targets.sum()


@wrong(exercises.masked_cross_entropy_gradient, "padding_pushed")
def mean_of_p_minus_q(logits, targets):
    return (softmax(logits, axis=-1) - targets) / targets[..., 0].size


@wrong(exercises.masked_cross_entropy_gradient, "padding_counted")
def divides_by_all_steps(logits, targets):
    weights = targets.sum(axis=-1, keepdims=True)
    return (weights * softmax(logits, axis=-1) - targets) / weights.size


@wrong(exercises.masked_cross_entropy_gradient, "mean_forgotten")
def sum_of_losses(logits, targets):
    return targets.sum(axis=-1, keepdims=True) * softmax(logits, axis=-1) - targets


@wrong(exercises.masked_cross_entropy_gradient, "hard_targets")
def takes_the_largest_target(logits, targets):
    weights = targets.sum(axis=-1, keepdims=True)
    one_hot = np.eye(targets.shape[-1])[targets.argmax(axis=-1)]
    return weights * (softmax(logits, axis=-1) - one_hot) / weights.sum()


@wrong(exercises.masked_cross_entropy_gradient, "softmax_over_steps")
def softmax_along_time(logits, targets):
    weights = targets.sum(axis=-1, keepdims=True)
    return (weights * softmax(logits, axis=1) - targets) / weights.sum()


@wrong(exercises.masked_cross_entropy_gradient, "sign_lost")
def climbs(logits, targets):
    weights = targets.sum(axis=-1, keepdims=True)
    return (targets - weights * softmax(logits, axis=-1)) / weights.sum()


@wrong(exercises.masked_cross_entropy_gradient, "overflow")
def exponentiates_as_defined(logits, targets):
    probs = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    weights = targets.sum(axis=-1, keepdims=True)
    return (weights * probs - targets) / weights.sum()


@wrong(exercises.masked_cross_entropy_gradient, "changed_argument")
def shifts_in_place(logits, targets):
    logits -= logits.max(axis=-1, keepdims=True)
    weights = targets.sum(axis=-1, keepdims=True)
    return (weights * softmax(logits, axis=-1) - targets) / weights.sum()


@wrong(exercises.masked_cross_entropy_gradient, "wrong_shape")
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
