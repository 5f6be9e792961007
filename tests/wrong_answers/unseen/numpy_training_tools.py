"""Answers to the exercises of numpy_training_tools, written from the prompts alone."""

import copy
import math
import pickle

import numpy as np
import torch

from course_utils.exercises import numpy_training_tools as exercises

from .. import right, wrong

# ---- slopes_along_direction


def _moved(params, direction, step):
    return {name: params[name] + step * direction[name] for name in params}


def _predicted(grads, direction):
    return sum(float((grads[name] * direction[name]).sum()) for name in grads)


@wrong(
    exercises.slopes_along_direction, "one_sided"
)  # one-sided difference instead of a central one
def one_sided_difference(loss, params, grads, direction, epsilon):
    measured = (loss(_moved(params, direction, epsilon)) - loss(params)) / epsilon
    return measured, _predicted(grads, direction)


@wrong(exercises.slopes_along_direction, "two_forgotten")  # divides by epsilon instead of 2 epsilon
def divides_by_one_epsilon(loss, params, grads, direction, epsilon):
    up, down = (loss(_moved(params, direction, s * epsilon)) for s in (1, -1))
    return (up - down) / epsilon, _predicted(grads, direction)


@wrong(
    exercises.slopes_along_direction, "changed_argument"
)  # moves the parameters in place, never moves back
def never_moves_back(loss, params, grads, direction, epsilon):
    for name in params:
        params[name] += epsilon * direction[name]
    up = loss(params)
    for name in params:
        params[name] -= 2 * epsilon * direction[name]
    return (up - loss(params)) / (2 * epsilon), _predicted(grads, direction)


@wrong(
    exercises.slopes_along_direction, "changed_argument"
)  # moves there and back in place: rounding stays
def moves_there_and_back(loss, params, grads, direction, epsilon):
    losses = []
    for step in (epsilon, -2 * epsilon, epsilon):
        for name in params:
            params[name] += step * direction[name]
        losses.append(loss(params))
    return (losses[0] - losses[1]) / (2 * epsilon), _predicted(grads, direction)


@wrong(
    exercises.slopes_along_direction, "changed_argument"
)  # copies the dict, not its arrays, then adds in place
def copies_the_dict_only(loss, params, grads, direction, epsilon):
    up, down = dict(params), dict(params)
    for name in params:
        up[name] += epsilon * direction[name]
        down[name] -= epsilon * direction[name]
    return (loss(up) - loss(down)) / (2 * epsilon), _predicted(grads, direction)


@wrong(
    exercises.slopes_along_direction, "direction_normalized"
)  # normalizes the direction to length 1
def normalizes_the_direction(loss, params, grads, direction, epsilon):
    length = math.sqrt(sum((d**2).sum() for d in direction.values()))
    unit = {name: d / length for name, d in direction.items()}
    up, down = (loss(_moved(params, unit, s * epsilon)) for s in (1, -1))
    return (up - down) / (2 * epsilon), _predicted(grads, unit)


@wrong(
    exercises.slopes_along_direction, "mean_of_products"
)  # predicted: the mean of the products, not their sum
def means_of_products(loss, params, grads, direction, epsilon):
    up, down = (loss(_moved(params, direction, s * epsilon)) for s in (1, -1))
    predicted = sum(np.mean(grads[n] * direction[n]) for n in grads)
    return (up - down) / (2 * epsilon), predicted


@wrong(
    exercises.slopes_along_direction, "one_array_only"
)  # predicted: only the last array, = instead of +=
def keeps_the_last_array(loss, params, grads, direction, epsilon):
    up, down = (loss(_moved(params, direction, s * epsilon)) for s in (1, -1))
    for name in grads:
        predicted = float(np.sum(grads[name] * direction[name]))
    return (up - down) / (2 * epsilon), predicted


@wrong(
    exercises.slopes_along_direction, "swapped_results"
)  # predicted comes first, measured second
def predicted_comes_first(loss, params, grads, direction, epsilon):
    up, down = (loss(_moved(params, direction, s * epsilon)) for s in (1, -1))
    return _predicted(grads, direction), (up - down) / (2 * epsilon)


@wrong(exercises.slopes_along_direction, "negated")  # down minus up: the wrong sign
def down_minus_up(loss, params, grads, direction, epsilon):
    up, down = (loss(_moved(params, direction, s * epsilon)) for s in (1, -1))
    return (down - up) / (2 * epsilon), _predicted(grads, direction)


@wrong(
    exercises.slopes_along_direction, "direction_ignored"
)  # predicted: the gradient's length, no direction
def length_of_the_gradient(loss, params, grads, direction, epsilon):
    up, down = (loss(_moved(params, direction, s * epsilon)) for s in (1, -1))
    length = math.sqrt(sum((g**2).sum() for g in grads.values()))
    return (up - down) / (2 * epsilon), length


@wrong(
    exercises.slopes_along_direction, "moved_along_gradient"
)  # moves along the gradient, not along direction
def moves_along_the_gradient(loss, params, grads, direction, epsilon):
    up, down = (loss(_moved(params, grads, s * epsilon)) for s in (1, -1))
    return (up - down) / (2 * epsilon), _predicted(grads, direction)


@wrong(exercises.slopes_along_direction, "argument_ignored")  # a fixed 1e-5, epsilon ignored
def ignores_epsilon(loss, params, grads, direction, epsilon):
    up, down = (loss(_moved(params, direction, s * 1e-5)) for s in (1, -1))
    return (up - down) / 2e-5, _predicted(grads, direction)


@wrong(
    exercises.slopes_along_direction, "paired_by_position"
)  # pairs arrays by position, not by name
def pairs_by_position(loss, params, grads, direction, epsilon):
    moves = list(direction.values())
    up = {n: params[n] + epsilon * d for n, d in zip(params, moves, strict=True)}
    down = {n: params[n] - epsilon * d for n, d in zip(params, moves, strict=True)}
    predicted = sum(np.sum(g * d) for g, d in zip(grads.values(), moves, strict=True))
    return (loss(up) - loss(down)) / (2 * epsilon), predicted


@wrong(
    exercises.slopes_along_direction, "one_at_a_time"
)  # one array after another, not all at once
def one_array_after_another(loss, params, grads, direction, epsilon):
    measured = 0.0
    for name in params:
        up = {**params, name: params[name] + epsilon * direction[name]}
        down = {**params, name: params[name] - epsilon * direction[name]}
        measured += (loss(up) - loss(down)) / (2 * epsilon)
    return measured, _predicted(grads, direction)


@wrong(exercises.slopes_along_direction, "change_predicted")  # predicted is multiplied by epsilon
def predicts_the_change(loss, params, grads, direction, epsilon):
    up, down = (loss(_moved(params, direction, s * epsilon)) for s in (1, -1))
    return (up - down) / (2 * epsilon), epsilon * _predicted(grads, direction)


@wrong(exercises.slopes_along_direction, "raised")  # a matrix product instead of a sum of products
def matrix_product_of_arrays(loss, params, grads, direction, epsilon):
    up, down = (loss(_moved(params, direction, s * epsilon)) for s in (1, -1))
    predicted = sum(np.sum(grads[n].T @ direction[n]) for n in grads)
    return (up - down) / (2 * epsilon), predicted


@right(exercises.slopes_along_direction)  # dict comprehensions
def dict_comprehensions(loss, params, grads, direction, epsilon):
    up = {name: p + epsilon * direction[name] for name, p in params.items()}
    down = {name: p - epsilon * direction[name] for name, p in params.items()}
    predicted = sum(np.sum(g * direction[name]) for name, g in grads.items())
    return (loss(up) - loss(down)) / (2 * epsilon), predicted


@right(exercises.slopes_along_direction)  # deep copies moved in place, vdot for the product
def deep_copies_and_vdot(loss, params, grads, direction, epsilon):
    up, down = copy.deepcopy(params), copy.deepcopy(params)
    predicted = 0.0
    for name in direction:
        up[name] += epsilon * direction[name]
        down[name] += -epsilon * direction[name]
        predicted += float(np.vdot(grads[name], direction[name]))
    above, below = float(loss(up)), float(loss(down))
    return (above - below) / (2 * epsilon), predicted


@right(exercises.slopes_along_direction)  # a function of one variable, the step along the direction
def function_of_the_step(loss, params, grads, direction, epsilon):
    def along(step):
        return loss({k: np.add(params[k], np.multiply(step, direction[k])) for k in params})

    measured = 0.5 * (along(epsilon) / epsilon - along(-epsilon) / epsilon)
    return measured, sum(np.dot(np.ravel(grads[k]), np.ravel(direction[k])) for k in grads)


@right(exercises.slopes_along_direction)  # one long vector for the prediction
def one_long_vector(loss, params, grads, direction, epsilon):
    names = sorted(params)
    g = np.concatenate([np.ravel(grads[n]) for n in names])
    d = np.concatenate([np.ravel(direction[n]) for n in names])
    values = [loss(_moved(params, direction, sign * epsilon)) for sign in (-1.0, 1.0)]
    return np.diff(values)[0] / (2 * epsilon), g @ d


# ---- clip_by_global_norm


def _norm(grads):
    return math.sqrt(sum(float((g.astype(np.float64) ** 2).sum()) for g in grads.values()))


def _factor(norm, max_norm):
    return max_norm / norm if norm > max_norm else 1.0


@wrong(
    exercises.clip_by_global_norm, "squares_overflow"
)  # squares in float32: inf at 1e30, 0 at 1e-30
def squares_in_given_precision(grads, max_norm):
    norm = float(np.sqrt(sum(np.sum(g**2) for g in grads.values())))
    factor = min(1.0, max_norm / norm) if norm > 0 else 1.0
    return {name: g * factor for name, g in grads.items()}, norm


@wrong(
    exercises.clip_by_global_norm, "wrong_dtype"
)  # computes in float64 and leaves the results there
def returns_float64(grads, max_norm):
    wide = {name: g.astype(np.float64) for name, g in grads.items()}
    norm = _norm(wide)
    return {name: g * _factor(norm, max_norm) for name, g in wide.items()}, norm


@wrong(
    exercises.clip_by_global_norm, "wrong_dtype"
)  # a factor of type np.float64 turns float32 into float64
def factor_is_a_numpy_scalar(grads, max_norm):
    norm = np.sqrt(sum(np.sum(g.astype(np.float64) ** 2) for g in grads.values()))
    factor = np.float64(_factor(norm, max_norm))
    return {name: g * factor for name, g in grads.items()}, norm


@wrong(exercises.clip_by_global_norm, "per_array_norm")  # each array is clipped by its own norm
def clips_each_array_alone(grads, max_norm):
    clipped = {}
    for name, g in grads.items():
        clipped[name] = g * _factor(_norm({name: g}), max_norm)
    return clipped, _norm(grads)


@wrong(exercises.clip_by_global_norm, "scales_up")  # short gradients are stretched to max_norm
def stretches_to_the_limit(grads, max_norm):
    norm = _norm(grads)
    if norm == 0:
        return {name: g.copy() for name, g in grads.items()}, norm
    return {name: g * (max_norm / norm) for name, g in grads.items()}, norm


@wrong(
    exercises.clip_by_global_norm, "zero_gradient"
)  # scales by the largest number, which is 0: 0 / 0
def divides_by_a_largest_of_zero(grads, max_norm):
    largest = float(max(np.abs(g).max() for g in grads.values()))
    scaled = {name: (g / np.float64(largest)) for name, g in grads.items()}
    norm = largest * _norm(scaled)
    factor = _factor(norm, max_norm)
    return {name: g * factor for name, g in grads.items()}, norm


@wrong(exercises.clip_by_global_norm, "changed_argument")  # multiplies the given arrays in place
def multiplies_arrays_in_place(grads, max_norm):
    norm = _norm(grads)
    for g in grads.values():
        g *= _factor(norm, max_norm)
    return dict(grads), norm


@wrong(
    exercises.clip_by_global_norm, "changed_argument"
)  # puts the results into the given dict, not a new one
def writes_into_the_given_dict(grads, max_norm):
    norm = _norm(grads)
    for name in grads:
        grads[name] = grads[name] * _factor(norm, max_norm)
    return grads, norm


@wrong(exercises.clip_by_global_norm, "norm_after")  # the norm after clipping
def norm_after_clipping(grads, max_norm):
    factor = _factor(_norm(grads), max_norm)
    clipped = {name: g * factor for name, g in grads.items()}
    return clipped, _norm(clipped)


@wrong(exercises.clip_by_global_norm, "not_multiplied_back")  # forgets to scale the norm back
def forgets_to_scale_back(grads, max_norm):
    largest = float(max(np.abs(g).max() for g in grads.values())) or 1.0
    norm = _norm({name: g / largest for name, g in grads.items()})
    return {name: g * _factor(norm, max_norm) for name, g in grads.items()}, norm


@wrong(
    exercises.clip_by_global_norm, "constant_added"
)  # norm + 1e-6 in the denominator swamps 1e-30
def adds_a_millionth(grads, max_norm):
    norm = _norm(grads)
    factor = min(1.0, max_norm / (norm + 1e-6))
    return {name: g * factor for name, g in grads.items()}, norm


@wrong(exercises.clip_by_global_norm, "clips_values")  # clips every number by value
def clips_by_value(grads, max_norm):
    return {name: np.clip(g, -max_norm, max_norm) for name, g in grads.items()}, _norm(grads)


@wrong(exercises.clip_by_global_norm, "norms_added")  # adds up the arrays' norms
def adds_up_the_norms(grads, max_norm):
    norm = sum(_norm({name: g}) for name, g in grads.items())
    return {name: g * _factor(norm, max_norm) for name, g in grads.items()}, norm


@wrong(
    exercises.clip_by_global_norm, "sign_of_the_largest"
)  # max without abs: negative numbers do not count
def largest_without_abs(grads, max_norm):
    largest = max(float(max(g.max() for g in grads.values())), 0.0) or 1.0
    scaled = [(g / largest).astype(g.dtype) for g in grads.values()]
    norm = largest * math.sqrt(sum(float((s**2).sum()) for s in scaled))
    return {name: g * _factor(norm, max_norm) for name, g in grads.items()}, norm


@wrong(exercises.clip_by_global_norm, "swapped_results")  # the norm comes first
def norm_before_the_dict(grads, max_norm):
    norm = _norm(grads)
    return norm, {name: g * _factor(norm, max_norm) for name, g in grads.items()}


@wrong(
    exercises.clip_by_global_norm, "wrong_value"
)  # an infinite norm is replaced by the largest number
def replaces_an_infinite_norm(grads, max_norm):
    norm = float(np.sqrt(sum((g**2).sum() for g in grads.values())))
    if math.isinf(norm):
        norm = float(max(np.abs(g).max() for g in grads.values()))
    return {name: g * _factor(norm, max_norm) for name, g in grads.items()}, norm


@right(exercises.clip_by_global_norm)  # squares in float64, the factor a plain float
def squares_in_float64(grads, max_norm):
    squares = sum(np.sum(np.square(g.astype(np.float64))) for g in grads.values())
    norm = float(np.sqrt(squares))
    factor = min(1.0, max_norm / norm) if norm > 0 else 1.0
    return {name: (g * factor).astype(g.dtype) for name, g in grads.items()}, norm


@right(exercises.clip_by_global_norm)  # divides by the largest number before it squares
def divides_by_the_largest(grads, max_norm):
    largest = max((float(np.abs(g).max()) for g in grads.values() if g.size), default=0.0)
    if largest == 0:
        return {name: np.zeros_like(g) for name, g in grads.items()}, 0.0
    squares = sum(float(((g.astype(np.float64) / largest) ** 2).sum()) for g in grads.values())
    norm = largest * math.sqrt(squares)
    if norm <= max_norm:
        return {name: g.copy() for name, g in grads.items()}, norm
    return {n: (g / largest * (max_norm / math.sqrt(squares))) for n, g in grads.items()}, norm


@right(exercises.clip_by_global_norm)  # math.hypot of all the numbers, which never overflows
def hypot_of_everything(grads, max_norm):
    numbers = [x for g in grads.values() for x in g.ravel().tolist()]
    norm = math.hypot(*numbers)
    shrink = norm / max_norm if norm > max_norm else 1.0
    return {k: np.array(g / shrink, dtype=g.dtype) for k, g in grads.items()}, norm


@right(exercises.clip_by_global_norm)  # linalg.norm of one long float64 vector
def norm_of_one_long_vector(grads, max_norm):
    long = np.concatenate([g.ravel().astype("float64") for g in grads.values()])
    norm = np.linalg.norm(long)
    clipped = {}
    for name, g in grads.items():
        clipped[name] = g.copy()
        if norm > max_norm:
            clipped[name][...] = g.astype("float64") * (max_norm / norm)
    return clipped, norm


# ---- BestParams


def _copied(params):
    return {name: array.copy() for name, array in params.items()}


@wrong(exercises.BestParams, "keeps_reference")  # update keeps the caller's own dict and arrays
class KeepsTheCallersArrays:
    def __init__(self):
        self.loss, self.params = math.inf, None

    def update(self, loss, params):
        if loss < self.loss:
            self.loss, self.params = loss, params
            return True
        return False

    def get(self):
        return None if self.params is None else _copied(self.params)


@wrong(exercises.BestParams, "shallow_copy")  # update copies the dict, but not the arrays in it
class CopiesOnlyTheDict:
    def __init__(self):
        self.loss, self.params = math.inf, None

    def update(self, loss, params):
        if loss < self.loss:
            self.loss, self.params = loss, dict(params)
            return True
        return False

    def get(self):
        return None if self.params is None else _copied(self.params)


@wrong(exercises.BestParams, "hands_out_its_own")  # get hands out what is kept, not a copy
class HandsOutTheKept:
    def __init__(self):
        self.loss, self.params = math.inf, None

    def update(self, loss, params):
        if loss < self.loss:
            self.loss, self.params = loss, copy.deepcopy(params)
            return True
        return False

    def get(self):
        return self.params


@wrong(exercises.BestParams, "hands_out_its_own")  # get copies the dict, but not the arrays in it
class HandsOutTheArrays:
    def __init__(self):
        self.loss, self.params = math.inf, None

    def update(self, loss, params):
        if loss < self.loss:
            self.loss, self.params = loss, _copied(params)
            return True
        return False

    def get(self):
        return None if self.params is None else self.params.copy()


@wrong(exercises.BestParams, "tie_replaces")  # a tie replaces the best, <= instead of <
class TieReplaces:
    def __init__(self):
        self.loss, self.params = math.inf, None

    def update(self, loss, params):
        if loss <= self.loss:
            self.loss, self.params = loss, _copied(params)
            return True
        return False

    def get(self):
        return copy.deepcopy(self.params)


@wrong(exercises.BestParams, "nan_is_best")  # the first loss is kept even if it is nan
class KeepsAFirstNan:
    def __init__(self):
        self.loss, self.params = None, None

    def update(self, loss, params):
        if self.loss is None or loss < self.loss:
            self.loss, self.params = loss, _copied(params)
            return True
        return False

    def get(self):
        return copy.deepcopy(self.params)


@wrong(exercises.BestParams, "nan_is_best")  # not (loss >= best) is true for nan: nan is kept
class NotGreaterOrEqual:
    def __init__(self):
        self.loss, self.params = math.inf, None

    def update(self, loss, params):
        if not loss >= self.loss:
            self.loss, self.params = loss, _copied(params)
            return True
        return False

    def get(self):
        return copy.deepcopy(self.params)


@wrong(exercises.BestParams, "no_return")  # update returns None in place of True and False
class ReturnsNothing:
    def __init__(self):
        self.loss, self.params = math.inf, None

    def update(self, loss, params):
        if loss < self.loss:
            self.loss, self.params = loss, _copied(params)

    def get(self):
        return copy.deepcopy(self.params)


@wrong(exercises.BestParams, "keeps_highest")  # keeps the highest loss
class KeepsTheHighest:
    def __init__(self):
        self.loss, self.params = -math.inf, None

    def update(self, loss, params):
        if loss > self.loss:
            self.loss, self.params = loss, _copied(params)
            return True
        return False

    def get(self):
        return copy.deepcopy(self.params)


@wrong(
    exercises.BestParams, "compares_with_last"
)  # compares with the loss before, not with the best
class ComparesWithTheLast:
    def __init__(self):
        self.last, self.params = math.inf, None

    def update(self, loss, params):
        better = loss < self.last
        if not math.isnan(loss):
            self.last = loss
        if better:
            self.params = _copied(params)
        return bool(better)

    def get(self):
        return copy.deepcopy(self.params)


@wrong(exercises.BestParams, "keeps_latest")  # never writes the new best loss down
class ForgetsTheBestLoss:
    def __init__(self):
        self.loss, self.params = math.inf, None

    def update(self, loss, params):
        if loss < self.loss:
            self.params = _copied(params)
            return True
        return False

    def get(self):
        return copy.deepcopy(self.params)


@wrong(exercises.BestParams, "starts_too_low")  # starts at 0: no loss above 0 is ever kept
class StartsAtZero:
    def __init__(self):
        self.loss, self.params = 0.0, None

    def update(self, loss, params):
        if loss < self.loss:
            self.loss, self.params = loss, _copied(params)
            return True
        return False

    def get(self):
        return copy.deepcopy(self.params)


@wrong(exercises.BestParams, "shared_by_all")  # the best belongs to the class: all objects share it
class SharedByAllObjects:
    best = {"loss": math.inf, "params": None}

    def __init__(self):
        pass

    def update(self, loss, params):
        if loss < self.best["loss"]:
            self.best.update(loss=loss, params=_copied(params))
            return True
        return False

    def get(self):
        return copy.deepcopy(self.best["params"])


@wrong(
    exercises.BestParams, "empty_for_none"
)  # an empty dict instead of None before the first update
class EmptyDictAtFirst:
    def __init__(self):
        self.loss, self.params = math.inf, {}

    def update(self, loss, params):
        if loss < self.loss:
            self.loss, self.params = loss, _copied(params)
            return True
        return False

    def get(self):
        return _copied(self.params)


@wrong(exercises.BestParams, "shallow_copy")  # np.asarray makes no copy
class AsarrayIsNoCopy:
    def __init__(self):
        self.loss, self.params = math.inf, None

    def update(self, loss, params):
        if loss < self.loss:
            self.loss = loss
            self.params = {name: np.asarray(array) for name, array in params.items()}
            return True
        return False

    def get(self):
        return copy.deepcopy(self.params)


@wrong(exercises.BestParams, "raised")  # raises: None cannot be compared with a number
class ComparesWithNone:
    def __init__(self):
        self.loss, self.params = None, None

    def update(self, loss, params):
        if loss < self.loss:
            self.loss, self.params = loss, _copied(params)
            return True
        return False

    def get(self):
        return copy.deepcopy(self.params)


@right(exercises.BestParams)  # deep copies at both doors
class DeepCopiesAtBothDoors:
    def __init__(self):
        self._loss = float("inf")
        self._params = None

    def update(self, loss, params):
        if loss < self._loss:
            self._loss = float(loss)
            self._params = copy.deepcopy(params)
            return True
        return False

    def get(self):
        return copy.deepcopy(self._params)


@right(exercises.BestParams)  # pickled: what is kept cannot be touched at all
class PickledBytes:
    def __init__(self):
        self.best = None

    def update(self, loss, params):
        loss = float(loss)
        if math.isnan(loss) or (self.best is not None and loss >= self.best[0]):
            return False
        self.best = loss, pickle.dumps(params)
        return True

    def get(self):
        return pickle.loads(self.best[1]) if self.best else None


@right(exercises.BestParams)  # keeps a history of copies and takes the last
class HistoryOfRecords:
    def __init__(self):
        self.records = []

    def update(self, loss, params):
        lowest = min((value for value, _ in self.records), default=np.inf)
        if np.isnan(loss) or loss >= lowest:
            return False
        self.records.append((float(loss), {name: np.array(a) for name, a in params.items()}))
        return True

    def get(self):
        if len(self.records) == 0:
            return None
        _, params = self.records[-1]
        return {name: np.array(a) for name, a in params.items()}


@right(exercises.BestParams)  # a closure hands out fresh copies
class ClosureHandsOutCopies:
    def __init__(self):
        self.lowest = math.inf
        self.make = lambda: None

    def update(self, loss, params):
        improved = bool(loss < self.lowest)
        if improved:
            self.lowest = loss
            kept = {name: array.copy() for name, array in params.items()}
            self.make = lambda: {name: array.copy() for name, array in kept.items()}
        return improved

    def get(self):
        return self.make()


# ---- masked_cross_entropy_gradient


def _softmax(logits, axis=-1):
    e = np.exp(logits - logits.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


@wrong(
    exercises.masked_cross_entropy_gradient, "padding_pushed"
)  # p - q: padded steps get a gradient, too
def padded_steps_get_p(logits, targets):
    return (_softmax(logits) - targets) / targets.sum()


@wrong(
    exercises.masked_cross_entropy_gradient, "weights_ignored"
)  # masks, but p is not times the step's weight
def masks_without_weights(logits, targets):
    real = targets.sum(axis=-1, keepdims=True) > 0
    return real * (_softmax(logits) - targets) / targets.sum()


@wrong(
    exercises.masked_cross_entropy_gradient, "padding_counted"
)  # divides by B times T, padded steps included
def divides_by_all_steps(logits, targets):
    weights = targets.sum(axis=-1, keepdims=True)
    return (weights * _softmax(logits) - targets) / weights.size


@wrong(
    exercises.masked_cross_entropy_gradient, "steps_counted"
)  # divides by the number of real steps
def divides_by_real_steps(logits, targets):
    weights = targets.sum(axis=-1, keepdims=True)
    return (weights * _softmax(logits) - targets) / np.count_nonzero(weights)


@wrong(exercises.masked_cross_entropy_gradient, "mean_forgotten")  # divides by the batch size B
def divides_by_batch_size(logits, targets):
    weights = targets.sum(axis=-1, keepdims=True)
    return (weights * _softmax(logits) - targets) / len(logits)


@wrong(
    exercises.masked_cross_entropy_gradient, "mean_forgotten"
)  # the sum's gradient, not divided at all
def never_divides(logits, targets):
    return targets.sum(axis=-1, keepdims=True) * _softmax(logits) - targets


@wrong(exercises.masked_cross_entropy_gradient, "overflow")  # exp of the raw logits overflows
def overflows_at_large_logits(logits, targets):
    p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    return (targets.sum(axis=-1, keepdims=True) * p - targets) / targets.sum()


@wrong(
    exercises.masked_cross_entropy_gradient, "overflow"
)  # subtracts one maximum of all: rows of 0 / 0
def subtracts_one_maximum(logits, targets):
    e = np.exp(logits - logits.max())
    p = e / e.sum(axis=-1, keepdims=True)
    return (targets.sum(axis=-1, keepdims=True) * p - targets) / targets.sum()


@wrong(
    exercises.masked_cross_entropy_gradient, "softmax_over_steps"
)  # softmax over time instead of classes
def softmax_over_time(logits, targets):
    p = _softmax(logits, axis=1)
    return (targets.sum(axis=-1, keepdims=True) * p - targets) / targets.sum()


@wrong(exercises.masked_cross_entropy_gradient, "sign_lost")  # the wrong sign, q - p
def targets_minus_probabilities(logits, targets):
    p = _softmax(logits)
    return (targets - targets.sum(axis=-1, keepdims=True) * p) / targets.sum()


@wrong(
    exercises.masked_cross_entropy_gradient, "mean_of_means"
)  # each sequence divided by its own weight
def divides_each_sequence_alone(logits, targets):
    weights = targets.sum(axis=-1, keepdims=True)
    total = weights.sum(axis=1, keepdims=True)
    return (weights * _softmax(logits) - targets) / np.maximum(total, 1e-12)


@wrong(
    exercises.masked_cross_entropy_gradient, "classes_masked"
)  # masks every class whose target is 0
def masks_zero_classes(logits, targets):
    weights = targets.sum(axis=-1, keepdims=True)
    return (targets > 0) * (weights * _softmax(logits) - targets) / targets.sum()


@wrong(exercises.masked_cross_entropy_gradient, "padding_pushed")  # looks for padding in the logits
def looks_for_padded_logits(logits, targets):
    real = np.any(logits != 0, axis=-1, keepdims=True)
    return real * (_softmax(logits) - targets) / targets.sum()


@wrong(
    exercises.masked_cross_entropy_gradient, "weights_ignored"
)  # turns each step's target into a distribution
def normalizes_each_step(logits, targets):
    weights = targets.sum(axis=-1, keepdims=True)
    q = targets / np.where(weights > 0, weights, 1)
    return (weights > 0) * (_softmax(logits) - q) / np.count_nonzero(weights)


@wrong(exercises.masked_cross_entropy_gradient, "one_number")  # returns the loss, not its gradient
def returns_the_loss(logits, targets):
    z = logits - logits.max(axis=-1, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(axis=-1, keepdims=True))
    return -(targets * log_p).sum() / targets.sum()


@wrong(
    exercises.masked_cross_entropy_gradient, "logits_clipped"
)  # clips the logits before the softmax
def clips_the_logits(logits, targets):
    p = _softmax(np.clip(logits, -30, 30))
    return (targets.sum(axis=-1, keepdims=True) * p - targets) / targets.sum()


@wrong(
    exercises.masked_cross_entropy_gradient, "padding_dropped"
)  # drops the padded steps: another shape
def drops_padded_steps(logits, targets):
    real = targets.sum(axis=-1) > 0
    z, q = logits[real], targets[real]
    return (q.sum(axis=-1, keepdims=True) * _softmax(z) - q) / targets.sum()


@right(exercises.masked_cross_entropy_gradient)  # weight times p, minus q, over the total weight
def weighted_p_minus_q(logits, targets):
    z = logits - np.max(logits, axis=2, keepdims=True)
    p = np.exp(z) / np.sum(np.exp(z), axis=2, keepdims=True)
    return (p * targets.sum(axis=2, keepdims=True) - targets) / targets.sum()


@right(exercises.masked_cross_entropy_gradient)  # step by step, in two loops
def step_by_step(logits, targets):
    gradient = np.zeros(logits.shape, dtype=np.float64)
    total = float(np.sum(targets, dtype=np.float64))
    for b in range(logits.shape[0]):
        for t in range(logits.shape[1]):
            q = targets[b, t].astype(np.float64)
            if q.sum() == 0:
                continue
            e = np.exp(logits[b, t].astype(np.float64) - float(logits[b, t].max()))
            gradient[b, t] = (q.sum() * e / e.sum() - q) / total
    return gradient


@right(exercises.masked_cross_entropy_gradient)  # the softmax Jacobian, diag(p) - p pT, by einsum
def jacobian_by_einsum(logits, targets):
    p = _softmax(logits.astype(np.float64))
    log_jacobian = np.eye(p.shape[-1]) - p[..., None, :]  # d log p_i / d z_j
    return -np.einsum("bti,btij->btj", targets, log_jacobian) / targets.sum()


@right(exercises.masked_cross_entropy_gradient)  # torch's autograd inside, NumPy outside
def autograd_inside(logits, targets):
    z = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
    q = torch.tensor(targets, dtype=torch.float64)
    loss = -(q * z.log_softmax(dim=-1)).sum() / q.sum()
    loss.backward()
    return z.grad.numpy()
