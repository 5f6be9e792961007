"""Answers to the exercises of numpy_training_loop."""

import copy

import numpy as np

from course_utils.exercises import numpy_training_loop as exercises

from . import right, wrong

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


# ---- unscale_gradients


@wrong(exercises.unscale_gradients, "changed_argument")
def clears_the_overflow_in_place(grads, loss_scale):
    overflowed = not all(np.isfinite(g).all() for g in grads.values())
    for g in grads.values():
        g[~np.isfinite(g)] = 0
    return {n: g.astype(np.float32) / np.float32(loss_scale) for n, g in grads.items()}, overflowed


@wrong(exercises.unscale_gradients, "wrong_type")
def only_the_gradients(grads, loss_scale):
    return {n: g.astype(np.float32) / np.float32(loss_scale) for n, g in grads.items()}


@wrong(exercises.unscale_gradients, "some_arrays_missed")
def looks_at_the_first_array(grads, loss_scale):
    first = next(iter(grads.values()))
    wide = {n: g.astype(np.float32) / np.float32(loss_scale) for n, g in grads.items()}
    return wide, not np.isfinite(first).all()


@wrong(exercises.unscale_gradients, "never_overflows")
def never_skips(grads, loss_scale):
    return {n: g.astype(np.float32) / np.float32(loss_scale) for n, g in grads.items()}, False


@right(exercises.unscale_gradients)
def times_zero(grads, loss_scale):
    wide = {n: g.astype(np.float32) / np.float32(loss_scale) for n, g in grads.items()}
    return wide, any((g * 0 != 0).any() for g in wide.values())
