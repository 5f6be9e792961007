"""Answers to the exercises of gradient_clipping."""

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from course_utils.exercises import gradient_clipping as exercises

from . import right, wrong


def _whole(grads):
    return torch.cat([torch.as_tensor(grad).flatten() for grad in grads])


def _checked_norm(grads):
    norm = _whole(grads).norm()
    if not norm.isfinite():
        raise ValueError("not finite")
    return norm


# ---- clip_by_norm


@wrong(exercises.clip_by_norm, "zero_gradient")
def divides_by_zero(grads, max_norm):
    norm = _checked_norm(grads)
    factor = torch.clamp(max_norm / norm, max=1.0) if norm > 0 else max_norm / norm * 0
    return [g * factor for g in grads], norm


@wrong(exercises.clip_by_norm, "zero_gradient")
def divides_by_python_zero(grads, max_norm):
    norm = float(_checked_norm(grads))
    return [g * min(1.0, max_norm / norm) for g in grads], norm


@wrong(exercises.clip_by_norm, "nonfinite_ignored")
def as_torch_does_by_default(grads, max_norm):
    copies = [nn.Parameter(g.clone()) for g in grads]
    for copy, grad in zip(copies, grads, strict=True):
        copy.grad = grad.clone()
    norm = nn.utils.clip_grad_norm_(copies, max_norm)
    return [copy.grad for copy in copies], norm


@wrong(exercises.clip_by_norm, "nonfinite_ignored")
def replaces_nan_by_zero(grads, max_norm):
    grads = [g.nan_to_num(0.0, 0.0, 0.0) for g in grads]
    norm = _whole(grads).norm()
    return [g * min(1.0, max_norm / (norm + 1e-12)) for g in grads], norm


@wrong(exercises.clip_by_norm, "nonfinite_ignored")
def looks_for_nan_only(grads, max_norm):
    norm = _whole(grads).norm()
    if norm.isnan():
        raise ValueError("nan")
    return [g * min(1.0, max_norm / (norm + 1e-12)) for g in grads], norm


@wrong(exercises.clip_by_norm, "wrong_error")
def asserts(grads, max_norm):
    norm = _whole(grads).norm()
    assert norm.isfinite()
    return [g * min(1.0, max_norm / (norm + 1e-12)) for g in grads], norm


@wrong(exercises.clip_by_norm, "wrong_error")
def leaves_it_to_torch(grads, max_norm):
    norm = nn.utils.get_total_norm(grads, error_if_nonfinite=True)
    return [g * min(1.0, max_norm / (norm + 1e-12)) for g in grads], norm


@wrong(exercises.clip_by_norm, "changed_argument")
def in_place_on_the_callers_gradients(grads, max_norm):
    norm = _checked_norm(grads)
    for grad in grads:
        grad.mul_(min(1.0, max_norm / (norm + 1e-12)))
    return grads, norm


@wrong(exercises.clip_by_norm, "wrong_type")
def forgets_the_norm(grads, max_norm):
    norm = _checked_norm(grads)
    return torch.cat([g.flatten() * min(1.0, max_norm / (norm + 1e-12)) for g in grads])


@wrong(exercises.clip_by_norm, "wrong_length")
def returns_what_it_clipped(grads, max_norm):
    norm = _checked_norm(grads)
    return [g * min(1.0, max_norm / (norm + 1e-12)) for g in [*grads, norm]]


@right(exercises.clip_by_norm)
def norm_of_norms(grads, max_norm):
    norm = torch.stack([g.norm() for g in grads]).norm().item()
    if math.isnan(norm) or math.isinf(norm):
        raise ValueError(norm)
    return tuple(g / max(1.0, norm / max_norm) for g in grads), norm


@wrong(exercises.clip_by_norm, "used_forbidden")
def in_place_on_its_own_copies(grads, max_norm):
    copies = [nn.Parameter(torch.zeros_like(g)) for g in grads]
    for copy, grad in zip(copies, grads, strict=True):
        copy.grad = grad.clone()
    try:
        norm = nn.utils.clip_grad_norm_(copies, max_norm, error_if_nonfinite=True)
    except RuntimeError as error:
        raise ValueError(str(error)) from error
    return [copy.grad for copy in copies], norm


@wrong(exercises.clip_by_norm, "shares_memory")
def hands_back_short_ones(grads, max_norm):
    norm = _checked_norm(grads)
    return [g * (max_norm / norm) for g in grads] if norm > max_norm else grads, norm


@wrong(exercises.clip_by_norm, "per_tensor_norm")
def each_alone_and_nan_let_through(grads, max_norm):
    return [g * min(1.0, max_norm / (g.norm() + 1e-6)) for g in grads], _whole(grads).norm()


@wrong(exercises.clip_by_norm, "swapped_results")
def norm_first(grads, max_norm):
    return norm_of_norms(grads, max_norm)[::-1]


@right(exercises.clip_by_norm)
def as_torch_writes_it(grads, max_norm):
    factor = torch.clamp(max_norm / (_checked_norm(grads) + 1e-6), max=1.0)
    return [g * factor for g in grads], _checked_norm(grads)


@right(exercises.clip_by_norm)
def norm_clip_in_numpy_and_single_precision(grads, max_norm):
    arrays = [np.asarray(g, dtype=np.float32) for g in grads]
    norm = math.sqrt(sum(float((a.astype(float) ** 2).sum()) for a in arrays))
    if not np.isfinite(norm):
        raise ValueError("gradient is not finite")
    return [torch.tensor(a * min(1.0, max_norm / max(norm, 1e-30))) for a in arrays], norm


# ---- clip_by_value


def _cosine(grads, clipped):
    return F.cosine_similarity(_whole(grads), _whole(clipped), dim=0)


@wrong(exercises.clip_by_value, "changed_argument")
def clamps_in_place(grads, limit):
    before = _whole(grads)
    for grad in grads:
        grad.clamp_(-limit, limit)
    return grads, F.cosine_similarity(before, _whole(grads), dim=0)


@wrong(exercises.clip_by_value, "wrong_type")
def returns_the_list_alone(grads, limit):
    return torch.cat([g.clamp(-limit, limit).flatten() for g in grads])


@wrong(exercises.clip_by_value, "wrong_shape")
def flattens(grads, limit):
    clipped = [g.clamp(-limit, limit).flatten() for g in grads]
    return clipped, _cosine(grads, clipped)


@right(exercises.clip_by_value)
def with_numpy(grads, limit):
    clipped = [torch.from_numpy(np.clip(g.numpy(), -limit, limit)) for g in grads]
    a, b = _whole(grads).numpy(), _whole(clipped).numpy()
    return tuple(clipped), float(a @ b / np.sqrt((a @ a) * (b @ b)))


@right(exercises.clip_by_value)
def value_clip_in_place_on_copies(grads, limit):
    copies = [g.clone().float() for g in grads]
    for copy in copies:
        copy[copy > limit] = limit
        copy[copy < -limit] = -limit
    a, b = _whole(grads).double(), _whole(copies).double()
    return [copies, (a / a.norm()).dot(b / b.norm())]


@right(exercises.clip_by_value)
def with_minimum_and_sign(grads, limit):
    clipped = [g.sign() * g.abs().minimum(torch.full_like(g, limit)) for g in grads]
    pairs = list(zip(grads, clipped, strict=True))
    dot = sum((g * c).sum() for g, c in pairs)
    return clipped, dot / (
        sum((g**2).sum() for g in grads) * sum((c**2).sum() for c in clipped)
    ) ** 0.5


# ---- choose_limit


def _sane(norms):
    bad = [index for index, norm in enumerate(norms) if not math.isfinite(norm)]
    return norms[: bad[0]] if bad else norms


@wrong(exercises.choose_limit, "nonfinite_kept")
def over_the_whole_log(norms, share):
    return np.quantile(norms, 1 - share)


@wrong(exercises.choose_limit, "nonfinite_kept")
def sorts_the_whole_log(norms, share):
    return (
        sorted(norms, key=lambda n: -n if not math.isnan(n) else -math.inf)[0]
        if any(not math.isfinite(n) for n in norms)
        else float(np.quantile(norms, 1 - share))
    )


@wrong(exercises.choose_limit, "after_the_explosion")
def nan_quantile(norms, share):
    values = torch.tensor(norms, dtype=torch.float64)
    return values[values.isfinite()].quantile(1 - share)


@wrong(exercises.choose_limit, "after_the_explosion")
def drops_nan_and_keeps_inf(norms, share):
    return np.quantile([n for n in norms if n == n], 1 - share)


@wrong(exercises.choose_limit, "argument_ignored")
def always_a_tenth(norms, share):
    return float(np.quantile(_sane(norms), 0.9))


@wrong(exercises.choose_limit, "truncated")
def cuts_off_the_count(norms, share):
    return sorted(_sane(norms), reverse=True)[int(share * len(_sane(norms)))]


@wrong(exercises.choose_limit, "changed_argument")
def sorts_the_callers_log(norms, share):
    norms.sort()
    return norms[int((1 - share) * len(norms))]


@right(exercises.choose_limit)
def the_largest_that_stays(norms, share):
    sane = sorted(_sane(norms))
    return sane[-round(share * len(sane)) - 1]


@right(exercises.choose_limit)
def halfway_between(norms, share):
    sane = torch.tensor(_sane(norms)).sort(descending=True).values
    k = round(share * len(sane))
    return (sane[k - 1] + sane[k]) / 2


@right(exercises.choose_limit)
def percentile_in_numpy(norms, share):
    values = np.array(norms)
    stop = np.argmax(~np.isfinite(values)) if not np.isfinite(values).all() else len(values)
    return np.percentile(values[:stop], 100 * (1 - share))


# ---- norm_readings


def _reading(**changes):
    return {"A": "always", "B": "dead", "C": "spikes", "D": "idle", **changes}


for mistake, changes in {
    "dead_called_idle": {"B": "idle"},
    "idle_called_dead": {"D": "dead"},
    "idle_called_active": {"D": "spikes"},
    "spikes_called_always": {"C": "always"},
    "always_called_spikes": {"A": "spikes"},
    "another_reading": {"A": "dead"},
    "unknown_name": {"C": "sometimes"},
    "missing_entries": {"B": ...},
    "not_attempted": dict.fromkeys("ABCD", ...),
}.items():
    wrong(exercises.norm_readings, mistake)(_reading(**changes))
wrong(exercises.norm_readings, "idle_called_active")(_reading(D="always"))
wrong(exercises.norm_readings, "wrong_type")(["always", "dead", "spikes", "idle"])
right(exercises.norm_readings)(_reading(A=" Always "))
right(exercises.norm_readings)({name.lower(): value for name, value in _reading().items()})
right(exercises.norm_readings)(lambda: _reading())
