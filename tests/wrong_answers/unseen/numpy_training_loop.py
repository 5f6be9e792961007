"""Answers to the exercises of numpy_training_loop, written from the prompts alone."""

import copy
import math
import pickle

import numpy as np

from course_utils.exercises import numpy_training_loop as exercises

from .. import right, wrong

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


# ---- unscale_gradients


def _unscaled(grads, loss_scale):
    return {name: g.astype(np.float32) / np.float32(loss_scale) for name, g in grads.items()}


def _overflowed(grads):
    return not all(np.isfinite(g).all() for g in grads.values())


@wrong(exercises.unscale_gradients, "divided_in_float16")  # divides first, widens afterwards
def divides_in_half_precision(grads, loss_scale):
    divided = {name: g / np.float16(loss_scale) for name, g in grads.items()}
    return {name: g.astype(np.float32) for name, g in divided.items()}, _overflowed(grads)


@wrong(exercises.unscale_gradients, "divided_in_float16")  # right up to the last conversion
def goes_back_to_half(grads, loss_scale):
    halves = {name: g.astype(np.float16) for name, g in _unscaled(grads, loss_scale).items()}
    return {name: g.astype(np.float32) for name, g in halves.items()}, _overflowed(grads)


@wrong(exercises.unscale_gradients, "scaled_again")  # multiplies
def multiplies_by_the_scale(grads, loss_scale):
    wide = {name: g.astype(np.float32) * loss_scale for name, g in grads.items()}
    return wide, _overflowed(grads)


@wrong(exercises.unscale_gradients, "not_unscaled")  # converts only
def converts_only(grads, loss_scale):
    return {name: g.astype(np.float32) for name, g in grads.items()}, _overflowed(grads)


@wrong(exercises.unscale_gradients, "inf_missed")  # looks for nan only
def looks_for_nan(grads, loss_scale):
    return _unscaled(grads, loss_scale), any(np.isnan(g).any() for g in grads.values())


@wrong(exercises.unscale_gradients, "nan_missed")  # looks for inf only
def looks_for_inf(grads, loss_scale):
    return _unscaled(grads, loss_scale), any(np.isinf(g).any() for g in grads.values())


@wrong(exercises.unscale_gradients, "nan_missed")  # a comparison with nan is False
def compares_with_the_largest(grads, loss_scale):
    return _unscaled(grads, loss_scale), any((abs(g) > 65504).any() for g in grads.values())


@wrong(exercises.unscale_gradients, "some_arrays_missed")  # the flag of the last array remains
def flag_of_the_last_array(grads, loss_scale):
    for g in grads.values():
        overflowed = not np.isfinite(g).all()
    return _unscaled(grads, loss_scale), overflowed


@wrong(exercises.unscale_gradients, "some_arrays_missed")  # all arrays must have overflowed
def all_arrays_must_overflow(grads, loss_scale):
    bad = [not np.isfinite(g).all() for g in grads.values()]
    return _unscaled(grads, loss_scale), all(bad)


@wrong(exercises.unscale_gradients, "flag_inverted")  # says that all is well
def says_that_all_is_finite(grads, loss_scale):
    return _unscaled(grads, loss_scale), not _overflowed(grads)


@wrong(exercises.unscale_gradients, "false_alarm")  # sums in float16, and the sum overflows
def looks_at_the_sum(grads, loss_scale):
    return _unscaled(grads, loss_scale), any(not np.isfinite(g.sum()) for g in grads.values())


@wrong(exercises.unscale_gradients, "false_alarm")  # the largest float16 is a number still
def largest_number_taken_for_overflow(grads, loss_scale):
    wild = any((~(abs(g) < 65504)).any() for g in grads.values())
    return _unscaled(grads, loss_scale), wild


@wrong(exercises.unscale_gradients, "not_float32")  # NumPy's float64
def widens_to_float64(grads, loss_scale):
    wide = {name: g.astype(float) / loss_scale for name, g in grads.items()}
    return wide, _overflowed(grads)


@wrong(
    exercises.unscale_gradients, "changed_argument"
)  # new arrays, put into the dict it was given
def fills_the_same_dict(grads, loss_scale):
    overflowed = _overflowed(grads)
    for name in grads:
        grads[name] = grads[name].astype(np.float32) / np.float32(loss_scale)
    return grads, overflowed


@wrong(exercises.unscale_gradients, "never_overflows")  # inf made a number before it is looked for
def makes_numbers_of_everything(grads, loss_scale):
    tame = {name: np.nan_to_num(g) for name, g in grads.items()}
    return _unscaled(tame, loss_scale), _overflowed(tame)


@right(exercises.unscale_gradients)
def by_where_it_is_finite(grads, loss_scale):
    out, overflowed = {}, False
    for name, g in grads.items():
        overflowed |= bool((~np.isfinite(g)).any())
        out[name] = np.divide(g, np.float32(loss_scale), dtype=np.float32)
    return out, overflowed


@right(exercises.unscale_gradients)
def through_float64(grads, loss_scale):
    out = {
        name: (g.astype(np.float64) / loss_scale).astype(np.float32) for name, g in grads.items()
    }
    flat = np.concatenate([g.ravel() for g in out.values()])
    return out, bool(np.isnan(flat).any() or np.isinf(flat).any())


@right(exercises.unscale_gradients)
def nothing_to_use_after_an_overflow(grads, loss_scale):
    if any(np.isnan(g.astype(np.float32) * 0).any() for g in grads.values()):
        return {}, True
    return {name: np.float32(g) * np.float32(1 / loss_scale) for name, g in grads.items()}, False


@right(exercises.unscale_gradients)
def sum_in_float64(grads, loss_scale):
    total = sum(float(abs(g).sum(dtype=np.float64)) for g in grads.values())
    return _unscaled(grads, loss_scale), not math.isfinite(total)
