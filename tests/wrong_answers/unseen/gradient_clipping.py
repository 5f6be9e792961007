"""Answers to the exercises of gradient_clipping, written from the prompts alone."""

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from course_utils.exercises import gradient_clipping as exercises

from .. import right, wrong

# ---- clip_by_norm


def _refuse(grads):
    if not all(g.isfinite().all() for g in grads):
        raise ValueError("a gradient is nan or inf")


def _together(grads):
    return torch.cat([g.flatten() for g in grads])


@wrong(exercises.clip_by_norm, "per_tensor_norm")  # each tensor is clipped by its own norm
def clips_each_tensor_alone(grads, max_norm):
    _refuse(grads)
    clipped = [g * min(1.0, max_norm / max(g.norm().item(), 1e-12)) for g in grads]
    return clipped, _together(grads).norm()


@wrong(exercises.clip_by_norm, "norm_after")  # returns the norm after clipping
def reports_norm_after(grads, max_norm):
    _refuse(grads)
    norm = _together(grads).norm()
    factor = min(1.0, max_norm / max(norm.item(), 1e-12))
    clipped = [g * factor for g in grads]
    return clipped, _together(clipped).norm()


@wrong(exercises.clip_by_norm, "scales_up")  # no minimum with 1: short gradients are stretched
def stretches_short_ones(grads, max_norm):
    _refuse(grads)
    norm = _together(grads).norm().item()
    if norm == 0:
        return [g.clone() for g in grads], 0.0
    return [g * (max_norm / norm) for g in grads], norm


@wrong(exercises.clip_by_norm, "zero_gradient")  # divides 0 by 0 where all are zero
def divides_zero_by_zero(grads, max_norm):
    _refuse(grads)
    norm = _together(grads).norm()
    return [g / norm * norm.clamp(max=max_norm) for g in grads], norm


@wrong(exercises.clip_by_norm, "changed_argument")  # multiplies the given tensors in place
def multiplies_in_place(grads, max_norm):
    _refuse(grads)
    norm = _together(grads).norm()
    if norm > max_norm:
        for g in grads:
            g.mul_(max_norm / norm)
    return grads, norm


@wrong(
    exercises.clip_by_norm, "shares_memory"
)  # hands back the given tensors where nothing is clipped
def returns_the_same_when_short(grads, max_norm):
    _refuse(grads)
    norm = _together(grads).norm()
    if norm <= max_norm:
        return list(grads), norm
    return [g * (max_norm / norm) for g in grads], norm


@wrong(exercises.clip_by_norm, "sum_of_norms")  # adds the tensors' norms instead of their squares
def adds_the_norms(grads, max_norm):
    _refuse(grads)
    norm = sum(g.norm() for g in grads)
    factor = (max_norm / norm).clamp(max=1.0)
    return [g * factor for g in grads], norm


@wrong(exercises.clip_by_norm, "root_forgotten")  # forgets the square root
def forgets_the_root(grads, max_norm):
    _refuse(grads)
    norm = sum(g.square().sum() for g in grads)
    factor = (max_norm / norm).clamp(max=1.0)
    return [g * factor for g in grads], norm


@wrong(
    exercises.clip_by_norm, "not_the_length"
)  # takes the mean of the squares instead of their sum
def root_of_mean_square(grads, max_norm):
    _refuse(grads)
    norm = _together(grads).square().mean().sqrt()
    factor = (max_norm / norm).clamp(max=1.0)
    return [g * factor for g in grads], norm


@wrong(exercises.clip_by_norm, "nonfinite_ignored")  # looks for nan only, lets inf pass
def checks_nan_only(grads, max_norm):
    norm = _together(grads).norm()
    if norm.isnan():
        raise ValueError("nan")
    factor = (max_norm / norm).clamp(max=1.0)
    return [g * factor for g in grads], norm


@wrong(exercises.clip_by_norm, "nonfinite_ignored")  # looks for inf only, lets nan pass
def checks_inf_only(grads, max_norm):
    if any(g.isinf().any() for g in grads):
        raise ValueError("inf")
    norm = _together(grads).norm()
    factor = (max_norm / norm).clamp(max=1.0)
    return [g * factor for g in grads], norm


@wrong(exercises.clip_by_norm, "nonfinite_ignored")  # never raises for nan or inf
def forgets_to_raise(grads, max_norm):
    norm = _together(grads).norm()
    factor = (max_norm / norm).clamp(max=1.0)
    return [g * factor for g in grads], norm


@wrong(exercises.clip_by_norm, "wrong_error")  # AssertionError in place of ValueError
def asserts_finite(grads, max_norm):
    norm = _together(grads).norm()
    assert norm.isfinite(), "nan or inf"
    factor = (max_norm / norm).clamp(max=1.0)
    return [g * factor for g in grads], norm


@wrong(exercises.clip_by_norm, "nonfinite_ignored")  # replaces nan and inf by 0 instead of raising
def zeros_the_nans(grads, max_norm):
    grads = [torch.nan_to_num(g, nan=0.0, posinf=0.0, neginf=0.0) for g in grads]
    norm = _together(grads).norm()
    factor = (max_norm / norm).clamp(max=1.0)
    return [g * factor for g in grads], norm


@wrong(exercises.clip_by_norm, "swapped_results")  # the norm comes first, the list second
def norm_comes_first(grads, max_norm):
    _refuse(grads)
    norm = _together(grads).norm()
    factor = (max_norm / norm).clamp(max=1.0)
    return norm, [g * factor for g in grads]


@wrong(exercises.clip_by_norm, "not_the_length")  # the largest absolute value taken for the norm
def largest_number_as_norm(grads, max_norm):
    _refuse(grads)
    norm = _together(grads).abs().max()
    factor = (max_norm / norm).clamp(max=1.0)
    return [g * factor for g in grads], norm


@wrong(exercises.clip_by_norm, "wrong_shape")  # returns one flat tensor instead of a list
def returns_one_flat_tensor(grads, max_norm):
    _refuse(grads)
    flat = _together(grads)
    norm = flat.norm()
    return flat * (max_norm / norm).clamp(max=1.0), norm


@wrong(exercises.clip_by_norm, "clips_values")  # clips every number by itself, that is by value
def clamps_every_number(grads, max_norm):
    _refuse(grads)
    return [g.clamp(-max_norm, max_norm) for g in grads], _together(grads).norm()


@wrong(exercises.clip_by_norm, "raised")  # raises: tensors of different shapes cannot be stacked
def stacks_unequal_shapes(grads, max_norm):
    _refuse(grads)
    stacked = torch.stack(grads)
    norm = stacked.norm()
    return list(stacked * (max_norm / norm).clamp(max=1.0)), norm


@wrong(exercises.clip_by_norm, "used_forbidden")  # wraps the forbidden clip_grad_norm_
def wraps_clip_grad_norm(grads, max_norm):
    params = [nn.Parameter(torch.zeros_like(g)) for g in grads]
    for p, g in zip(params, grads, strict=True):
        p.grad = g.clone()
    try:
        norm = nn.utils.clip_grad_norm_(params, max_norm, error_if_nonfinite=True)
    except RuntimeError as error:
        raise ValueError("nan or inf") from error
    return [p.grad for p in params], norm


@right(exercises.clip_by_norm)  # the norm of all the numbers in one flat tensor
def norm_of_flat_tensor(grads, max_norm):
    norm = torch.cat([g.reshape(-1) for g in grads]).norm()
    if not torch.isfinite(norm):
        raise ValueError(f"norm is {norm}")
    factor = max_norm / norm if norm > max_norm else 1.0
    return [g * factor for g in grads], norm


@right(exercises.clip_by_norm)  # the norm of the tensors' norms
def norm_of_norms(grads, max_norm):
    norm = torch.stack([torch.linalg.vector_norm(g) for g in grads]).norm()
    if norm.isnan() or norm.isinf():
        raise ValueError("the gradient is nan or inf")
    return [g * (max_norm / norm).clamp(max=1) for g in grads], norm


@right(exercises.clip_by_norm)  # plain Python numbers, math.hypot, norm returned as a float
def hypot_of_all_numbers(grads, max_norm):
    numbers = [x for g in grads for x in g.flatten().tolist()]
    for x in numbers:
        if math.isnan(x) or math.isinf(x):
            raise ValueError(f"a gradient is {x}")
    norm = math.hypot(*numbers)
    clipped = []
    for g in grads:
        if norm > max_norm:
            clipped.append(g * (max_norm / norm))
        else:
            clipped.append(g.clone())
    return clipped, norm


@right(exercises.clip_by_norm)  # divides by max(1, norm / limit); a sum of squares in float64
def divides_by_excess(grads, max_norm):
    if any(bool((~torch.isfinite(g)).any()) for g in grads):
        raise ValueError
    norm = sum(float((g.double() ** 2).sum()) for g in grads) ** 0.5
    return [g / max(1.0, norm / max_norm) for g in grads], norm


@right(exercises.clip_by_norm)  # NumPy inside, and back to tensors of the same dtype
def numpy_and_back(grads, max_norm):
    arrays = [g.detach().numpy() for g in grads]
    norm = np.sqrt(sum(np.sum(np.square(a, dtype=np.float64)) for a in arrays))
    if not np.isfinite(norm):
        raise ValueError("not finite")
    factor = 1.0 if norm <= max_norm else max_norm / norm
    return [
        torch.tensor(a * factor, dtype=g.dtype) for a, g in zip(arrays, grads, strict=True)
    ], norm


# ---- clip_by_value


def _cosine(before, after):
    a, b = _together(before), _together(after)
    return a @ b / (a.norm() * b.norm())


@wrong(exercises.clip_by_value, "cosine_by_tensor")  # the mean of one cosine for each tensor
def averages_cosines(grads, limit):
    clipped = [g.clamp(-limit, limit) for g in grads]
    pairs = zip(grads, clipped, strict=True)
    cosines = [F.cosine_similarity(g.flatten(), c.flatten(), dim=0) for g, c in pairs]
    return clipped, sum(cosines) / len(cosines)


@wrong(
    exercises.clip_by_value, "changed_argument"
)  # clamps the given tensors in place, after a copy is kept
def clamps_in_place(grads, limit):
    before = [g.clone() for g in grads]
    clipped = [g.clamp_(-limit, limit) for g in grads]
    return clipped, _cosine(before, clipped)


@wrong(
    exercises.clip_by_value, "changed_argument"
)  # in place first: the cosine compares clipped with clipped
def compares_clipped_with_itself(grads, limit):
    clipped = [g.clamp_(-limit, limit) for g in grads]
    return clipped, _cosine(grads, clipped)


@wrong(exercises.clip_by_value, "one_sided")  # no lower limit: negative numbers are not clipped
def clamps_above_only(grads, limit):
    clipped = [g.clamp(max=limit) for g in grads]
    return clipped, _cosine(grads, clipped)


@wrong(exercises.clip_by_value, "not_divided")  # dot product not divided by the norms
def plain_dot_product(grads, limit):
    clipped = [g.clamp(-limit, limit) for g in grads]
    return clipped, _together(grads) @ _together(clipped)


@wrong(
    exercises.clip_by_value, "divided_by_another"
)  # divides by the squared norm of the gradient before
def divides_by_norm_before_twice(grads, limit):
    clipped = [g.clamp(-limit, limit) for g in grads]
    before = _together(grads)
    return clipped, before @ _together(clipped) / before.norm() ** 2


@wrong(exercises.clip_by_value, "angle_instead")  # returns the angle, not its cosine
def returns_the_angle(grads, limit):
    clipped = [g.clamp(-limit, limit) for g in grads]
    return clipped, torch.acos(_cosine(grads, clipped).clamp(-1, 1))


@wrong(exercises.clip_by_value, "angle_instead")  # returns the cosine distance, 1 minus the cosine
def returns_cosine_distance(grads, limit):
    clipped = [g.clamp(-limit, limit) for g in grads]
    return clipped, 1 - _cosine(grads, clipped)


@wrong(
    exercises.clip_by_value, "shares_memory"
)  # the given tensor itself where nothing exceeds the limit
def reuses_unclipped_tensors(grads, limit):
    clipped = [g if g.abs().max() <= limit else g.clamp(-limit, limit) for g in grads]
    return clipped, _cosine(grads, clipped)


@wrong(exercises.clip_by_value, "sign_lost")  # the sign is lost: negative excess becomes +limit
def loses_the_sign(grads, limit):
    clipped = [torch.where(g.abs() > limit, limit, g) for g in grads]
    return clipped, _cosine(grads, clipped)


@wrong(
    exercises.clip_by_value, "always_at_the_bound"
)  # every number becomes plus or minus limit, small ones too
def sign_times_limit(grads, limit):
    clipped = [g.sign() * limit for g in grads]
    return clipped, _cosine(grads, clipped)


@wrong(
    exercises.clip_by_value, "uses_norm"
)  # scales all by the largest number, so no direction changes
def scales_by_largest(grads, limit):
    factor = min(1.0, limit / _together(grads).abs().max().item())
    clipped = [g * factor for g in grads]
    return clipped, _cosine(grads, clipped)


@wrong(exercises.clip_by_value, "drops_large")  # sets numbers beyond the limit to 0
def drops_large_numbers(grads, limit):
    clipped = [torch.where(g.abs() > limit, torch.zeros_like(g), g) for g in grads]
    return clipped, _cosine(grads, clipped)


@wrong(exercises.clip_by_value, "one_tensor_only")  # the cosine of the first tensor only
def cosine_of_first_tensor(grads, limit):
    clipped = [g.clamp(-limit, limit) for g in grads]
    return clipped, _cosine(grads[:1], clipped[:1])


@wrong(exercises.clip_by_value, "swapped_results")  # the cosine comes first, the list second
def cosine_comes_first(grads, limit):
    clipped = [g.clamp(-limit, limit) for g in grads]
    return _cosine(grads, clipped), clipped


@wrong(
    exercises.clip_by_value, "several_cosines"
)  # cosine along the last axis: many numbers instead of one
def cosine_for_each_row(grads, limit):
    clipped = [g.clamp(-limit, limit) for g in grads]
    pairs = zip(grads, clipped, strict=True)
    return clipped, torch.cat([F.cosine_similarity(g, c, dim=-1).flatten() for g, c in pairs])


@right(exercises.clip_by_value)  # cosine_similarity of the two flat gradients
def cosine_similarity_of_flat(grads, limit):
    clipped = [torch.clamp(g, min=-limit, max=limit) for g in grads]
    return clipped, F.cosine_similarity(_together(grads), _together(clipped), dim=0)


@right(exercises.clip_by_value)  # sums of products, tensor by tensor, in Python floats
def sums_of_products(grads, limit):
    clipped, dot, before, after = [], 0.0, 0.0, 0.0
    for g in grads:
        c = g.clone().clamp_(-limit, limit)
        clipped.append(c)
        dot += (g.double() * c.double()).sum().item()
        before += g.double().square().sum().item()
        after += c.double().square().sum().item()
    return clipped, dot / math.sqrt(before * after)


@right(exercises.clip_by_value)  # the law of cosines, in float64
def law_of_cosines(grads, limit):
    clipped = [
        g.minimum(torch.full_like(g, limit)).maximum(-torch.full_like(g, limit)) for g in grads
    ]
    a, b = _together(grads).double(), _together(clipped).double()
    far, near, between = a.norm(), b.norm(), (a - b).norm()
    return clipped, ((far**2 + near**2 - between**2) / (2 * far * near)).item()


@right(exercises.clip_by_value)  # np.clip, np.dot, and unit vectors
def numpy_unit_vectors(grads, limit):
    before = [g.detach().cpu().numpy() for g in grads]
    after = [np.clip(a, -limit, limit).astype(a.dtype) for a in before]
    a, b = (np.concatenate([x.ravel() for x in side]) for side in (before, after))
    cosine = np.dot(a / np.linalg.norm(a), b / np.linalg.norm(b))
    return [torch.from_numpy(np.array(x)) for x in after], float(cosine)


@right(exercises.clip_by_value)  # nested where
def where_twice(grads, limit):
    clipped = [torch.where(g > limit, limit, torch.where(g < -limit, -limit, g)) for g in grads]
    return clipped, _cosine(grads, clipped)


# ---- choose_limit


def _calm(norms):
    calm = []
    for norm in norms:
        if not math.isfinite(norm):
            break
        calm.append(norm)
    return calm


@wrong(
    exercises.choose_limit, "wrong_end"
)  # the quantile at share, so that all but a share is clipped
def quantile_from_below(norms, share):
    return float(np.quantile(_calm(norms), share))


@wrong(
    exercises.choose_limit, "after_the_explosion"
)  # drops inf and nan, but keeps the steps after the explosion
def filters_instead_of_cutting(norms, share):
    return float(np.quantile([n for n in norms if math.isfinite(n)], 1 - share))


@wrong(exercises.choose_limit, "nonfinite_kept")  # does not look for the explosion at all
def ignores_the_explosion(norms, share):
    return float(np.quantile(norms, 1 - share))


@wrong(
    exercises.choose_limit, "after_the_explosion"
)  # nanquantile: nan left out, inf and the steps after kept
def leaves_out_nan_only(norms, share):
    return float(np.nanquantile(norms, 1 - share))


@wrong(exercises.choose_limit, "after_the_explosion")  # cuts at the first inf, not at a nan
def cuts_at_inf_only(norms, share):
    end = norms.index(math.inf) if math.inf in norms else len(norms)
    return float(np.quantile(norms[:end], 1 - share))


@wrong(exercises.choose_limit, "after_the_explosion")  # cuts at the first nan, not at an inf
def cuts_at_nan_only(norms, share):
    bad = [i for i, n in enumerate(norms) if math.isnan(n)]
    return float(np.quantile(norms[: bad[0]] if bad else norms, 1 - share))


@wrong(exercises.choose_limit, "share_of_the_whole_log")  # the share is counted of the whole log
def share_of_the_whole_log(norms, share):
    calm = sorted(_calm(norms), reverse=True)
    return calm[min(round(share * len(norms)), len(calm) - 1)]


@wrong(exercises.choose_limit, "off_by_one")  # off by one: a norm equal to the limit is not clipped
def one_step_too_few(norms, share):
    calm = sorted(_calm(norms))
    return calm[len(calm) - round(share * len(calm))]


@wrong(exercises.choose_limit, "not_sorted")  # the steps are never sorted
def forgets_to_sort(norms, share):
    calm = _calm(norms)
    return calm[int(len(calm) * (1 - share)) - 1]


@wrong(
    exercises.choose_limit, "share_of_the_largest"
)  # a share of the largest norm, not of the steps
def share_below_the_largest(norms, share):
    return (1 - share) * max(_calm(norms))


@wrong(
    exercises.choose_limit, "percent_for_fraction"
)  # percentile takes 0 to 100 and is given 0 to 1
def percentile_of_a_fraction(norms, share):
    return float(np.percentile(_calm(norms), 1 - share))


@wrong(
    exercises.choose_limit, "argument_ignored"
)  # ignores share and always takes the 90th percentile
def always_ninetieth(norms, share):
    return float(np.percentile(_calm(norms), 90))


@wrong(
    exercises.choose_limit, "average"
)  # a mean and some standard deviations, as for a normal curve
def mean_plus_deviations(norms, share):
    calm = torch.tensor(_calm(norms), dtype=torch.float64)
    z = torch.distributions.Normal(0.0, 1.0).icdf(torch.tensor(1.0 - share)).item()
    return calm.mean().item() + z * calm.std().item()


@wrong(exercises.choose_limit, "after_the_explosion")  # sorts first, then looks for the explosion
def sorts_before_cutting(norms, share):
    calm = _calm(sorted(norms))
    return float(np.quantile(calm, 1 - share))


@wrong(exercises.choose_limit, "raised")  # raises where there is no explosion in the log
def expects_an_explosion(norms, share):
    end = next(i for i, n in enumerate(norms) if not math.isfinite(n))
    return float(np.quantile(norms[:end], 1 - share))


@wrong(
    exercises.choose_limit, "count_returned"
)  # returns how many steps are clipped, not the limit
def counts_clipped_steps(norms, share):
    return round(share * len(_calm(norms)))


@right(exercises.choose_limit)  # halfway between the last clipped and the first unclipped
def halfway_between_neighbours(norms, share):
    calm = sorted(_calm(norms), reverse=True)
    k = round(share * len(calm))
    padded = [calm[0] + 1.0, *calm, 0.0]
    return (padded[k] + padded[k + 1]) / 2


@right(exercises.choose_limit)  # the largest norm that stays unclipped
def largest_unclipped(norms, share):
    calm = []
    for n in norms:
        if math.isnan(n) or math.isinf(n):
            break
        calm.append(n)
    calm.sort()
    keep = len(calm) - round(share * len(calm))
    return calm[keep - 1] if keep else 0.0


@right(exercises.choose_limit)  # NumPy's quantile of the part before the first non-finite
def quantile_before_first_bad(norms, share):
    norms = np.asarray(norms, dtype=float)
    bad = np.flatnonzero(~np.isfinite(norms))
    calm = norms[: bad[0]] if bad.size else norms
    return np.quantile(calm, 1 - share) if share < 1 else calm.min() / 2


@right(exercises.choose_limit)  # cumulative product marks the steps before; topk finds the limit
def cumprod_and_topk(norms, share):
    norms = torch.tensor(norms, dtype=torch.float64)
    calm = norms[norms.isfinite().cumprod(0).bool()]
    k = round(share * len(calm))
    if k == 0:
        return calm.max().item()
    return calm.topk(k).values[-1].item() * (1 - 1e-9)


@right(exercises.choose_limit)  # tries every norm, and 0, until the count is right
def tries_every_norm(norms, share):
    end = 0
    while end < len(norms) and math.isfinite(norms[end]):
        end += 1
    for limit in [0.0, *norms[:end]]:
        if sum(n > limit for n in norms[:end]) == round(share * end):
            return limit


# ---- norm_readings


wrong(exercises.norm_readings, "another_reading")(  # always clipped and idle exchanged
    {"A": "idle", "B": "dead", "C": "spikes", "D": "always"}
)
wrong(exercises.norm_readings, "another_reading")(  # the run with peaks and the dead one exchanged
    {"A": "always", "B": "spikes", "C": "dead", "D": "idle"}
)
wrong(exercises.norm_readings, "dead_called_idle")(  # the dead run and the idle limit exchanged
    {"A": "always", "B": "idle", "C": "spikes", "D": "dead"}
)
wrong(exercises.norm_readings, "always_called_spikes")(  # spikes and always clipped exchanged
    {"A": "spikes", "B": "dead", "C": "always", "D": "idle"}
)
wrong(exercises.norm_readings, "another_reading")(  # always clipped and dead exchanged
    {"A": "dead", "B": "always", "C": "spikes", "D": "idle"}
)
wrong(exercises.norm_readings, "another_reading")(  # idle and spikes exchanged
    {"A": "always", "B": "dead", "C": "idle", "D": "spikes"}
)
wrong(
    exercises.norm_readings, "dead_called_idle"
)(  # uses idle twice, for B as well as D, and leaves dead out
    {"A": "always", "B": "idle", "C": "spikes", "D": "idle"}
)
wrong(exercises.norm_readings, "another_reading")(  # all moved on by one
    {"A": "idle", "B": "always", "C": "dead", "D": "spikes"}
)
wrong(exercises.norm_readings, "missing_entries")(  # D is left unfilled
    {"A": "always", "B": "dead", "C": "spikes", "D": ...}
)
wrong(exercises.norm_readings, "missing_entries")(  # the key D is missing
    {"A": "always", "B": "dead", "C": "spikes"}
)
wrong(exercises.norm_readings, "wrong_type")(  # a list instead of a dict
    ["always", "dead", "spikes", "idle"]
)
wrong(
    exercises.norm_readings, "missing_entries"
)(  # the dict turned round, from the reading to the letter
    {"always": "A", "dead": "B", "spikes": "C", "idle": "D"}
)
wrong(
    exercises.norm_readings, "unknown_name"
)(  # a reading that is not on the list, exploded in place of dead
    {"A": "always", "B": "exploded", "C": "spikes", "D": "idle"}
)

right(exercises.norm_readings)(  # as a plain dict
    {"A": "always", "B": "dead", "C": "spikes", "D": "idle"}
)
right(exercises.norm_readings)(  # in another order
    {"D": "idle", "C": "spikes", "B": "dead", "A": "always"}
)
right(exercises.norm_readings)(  # from pairs
    dict([("A", "always"), ("B", "dead"), ("C", "spikes"), ("D", "idle")])
)
right(exercises.norm_readings)(  # zipped
    dict(zip("ABCD", ["always", "dead", "spikes", "idle"], strict=True)),
)
