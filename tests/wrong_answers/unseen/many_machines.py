"""Answers to the exercises of many_machines, written from the prompts alone."""

import itertools
import math

import numpy as np
import torch

from course_utils.exercises import many_machines as exercises

from .. import right, wrong

# ---- average_gradients


@wrong(exercises.average_gradients, "counts_ignored")
def mean_of_those_with_images(gradients, counts):
    return torch.stack([g for g, n in zip(gradients, counts, strict=True) if n]).mean(dim=0)


@wrong(exercises.average_gradients, "nan_kept")
def weights_without_leaving_out(gradients, counts):
    return sum(g * n for g, n in zip(gradients, counts, strict=True)) / sum(counts)


@wrong(exercises.average_gradients, "counts_ignored")
def nan_as_zero_and_plain_mean(gradients, counts):
    return torch.stack(gradients).nan_to_num().mean(dim=0)


@wrong(exercises.average_gradients, "sum_not_mean")
def sum_over_images(gradients, counts):
    return sum(g * n for g, n in zip(gradients, counts, strict=True) if n)


@wrong(exercises.average_gradients, "added_up")
def gradients_added(gradients, counts):
    return torch.stack([g for g, n in zip(gradients, counts, strict=True) if n]).sum(dim=0)


@wrong(exercises.average_gradients, "divided_by_ranks")
def divides_by_the_number_of_ranks(gradients, counts):
    return sum(g * n for g, n in zip(gradients, counts, strict=True) if n) / len(counts)


@wrong(exercises.average_gradients, "divided_twice")
def divides_by_both(gradients, counts):
    total = sum(counts)
    shares = [g * n / total for g, n in zip(gradients, counts, strict=True) if n]
    return torch.stack(shares).mean(dim=0)


@wrong(exercises.average_gradients, "divided_twice")
def divides_by_all_ranks_too(gradients, counts):
    total = sum(counts)
    return sum(g * n / total for g, n in zip(gradients, counts, strict=True) if n) / len(counts)


@wrong(exercises.average_gradients, "divided_by_count")
def gradients_taken_for_sums(gradients, counts):
    return sum(g for g, n in zip(gradients, counts, strict=True) if n) / sum(counts)


@wrong(exercises.average_gradients, "changed_argument")
def accumulates_in_the_first(gradients, counts):
    total = sum(counts)
    result = gradients[0]
    result.mul_(counts[0] / total)
    for g, n in zip(gradients[1:], counts[1:], strict=True):
        if n:
            result.add_(g, alpha=n / total)
    return result


@wrong(exercises.average_gradients, "wrong_dtype")
def in_double_precision(gradients, counts):
    weights = torch.tensor(counts, dtype=torch.float64) / sum(counts)
    stacked = torch.stack(gradients).double().nan_to_num()
    return torch.tensordot(weights, stacked, dims=1)


@right(exercises.average_gradients)
def skips_the_empty(gradients, counts):
    result = torch.zeros_like(gradients[0])
    for g, n in zip(gradients, counts, strict=True):
        if n == 0:
            continue
        result += g * n
    return result / sum(counts)


@right(exercises.average_gradients)
def where_not_nan(gradients, counts):
    weights = torch.tensor(counts, dtype=gradients[0].dtype) / sum(counts)
    weights = weights.reshape(-1, *[1] * gradients[0].dim())
    stacked = torch.stack(gradients)
    return (torch.where(weights > 0, stacked, 0) * weights).sum(dim=0)


@right(exercises.average_gradients)
def running_mean(gradients, counts):
    seen, mean = 0, None
    for g, n in zip(gradients, counts, strict=True):
        if n:
            seen += n
            mean = g.clone() if mean is None else mean + (g - mean) * (n / seen)
    return mean


@right(exercises.average_gradients)
def with_numpy(gradients, counts):
    kept = [i for i, n in enumerate(counts) if n > 0]
    arrays = np.stack([gradients[i].double().numpy() for i in kept])
    mean = np.average(arrays, axis=0, weights=[counts[i] for i in kept])
    return torch.from_numpy(np.asarray(mean)).to(gradients[0].dtype)


# ---- indices_of


@wrong(exercises.indices_of, "blocks")
def a_block_each(order, rank, world):
    size = math.ceil(len(order) / world)
    filled = list(itertools.islice(itertools.cycle(order), size * world))
    return filled[rank * size : (rank + 1) * size]


@wrong(exercises.indices_of, "not_filled_up")
def a_stride_alone(order, rank, world):
    return order[rank::world]


@wrong(exercises.indices_of, "rest_dropped")
def drops_the_rest(order, rank, world):
    size = len(order) // world
    return order[: size * world][rank::world]


@wrong(exercises.indices_of, "filled_with_last")
def repeats_the_last(order, rank, world):
    return (order + [order[-1]] * (-len(order) % world))[rank::world]


@wrong(exercises.indices_of, "filled_from_end")
def fills_from_the_end(order, rank, world):
    missing = -len(order) % world
    filled = order + (order * world)[-missing:] if missing else order
    return filled[rank::world]


@wrong(exercises.indices_of, "positions")
def positions_in_the_order(order, rank, world):
    rounds = math.ceil(len(order) / world)
    return [(rank + world * k) % len(order) for k in range(rounds)]


@wrong(exercises.indices_of, "one_round_only")
def fills_once(order, rank, world):
    return (order + order[: -len(order) % world])[rank::world]


@wrong(exercises.indices_of, "rank_from_one")
def counts_ranks_from_one(order, rank, world):
    rounds = math.ceil(len(order) / world)
    return [order[(rank - 1 + world * k) % len(order)] for k in range(rounds)]


@wrong(exercises.indices_of, "sorted")
def sorts_first(order, rank, world):
    order = sorted(order)
    rounds = math.ceil(len(order) / world)
    return [order[(rank + world * k) % len(order)] for k in range(rounds)]


@wrong(exercises.indices_of, "changed_argument")
def extends_the_order(order, rank, world):
    while len(order) % world:
        order.append(order[0])
    return order[rank::world]


@wrong(exercises.indices_of, "one_round_too_many")
def a_round_more(order, rank, world):
    return [order[(rank + world * k) % len(order)] for k in range(len(order) // world + 1)]


@right(exercises.indices_of)
def copies_and_fills(order, rank, world):
    filled = list(order)
    k = 0
    while len(filled) % world:
        filled.append(order[k % len(order)])
        k += 1
    return filled[rank::world]


@right(exercises.indices_of)
def cycles(order, rank, world):
    rounds = (len(order) + world - 1) // world
    return list(itertools.islice(itertools.cycle(order), rank, rounds * world, world))


@right(exercises.indices_of)
def resized_by_numpy(order, rank, world):
    rounds = math.ceil(len(order) / world)
    return np.resize(order, (rounds, world))[:, rank].tolist()


@right(exercises.indices_of)
def multiplied(order, rank, world):
    size = math.ceil(len(order) / world) * world
    return (order * (size // len(order) + 1))[:size][rank::world]


# ---- best_number_of_workers


def _seconds(computing, message, w):
    return computing / w + message * (w - 1)


@wrong(exercises.best_number_of_workers, "not_whole")
def the_root(computing, message, limit):
    return min(max(math.sqrt(computing / message), 1), limit)


@wrong(exercises.best_number_of_workers, "rounded")
def rounds_the_root(computing, message, limit):
    return min(max(round(math.sqrt(computing / message)), 1), limit)


@wrong(exercises.best_number_of_workers, "always_down")
def rounds_down(computing, message, limit):
    return min(max(int(math.sqrt(computing / message)), 1), limit)


@wrong(exercises.best_number_of_workers, "always_up")
def rounds_up(computing, message, limit):
    return min(math.ceil(math.sqrt(computing / message)), limit)


@wrong(exercises.best_number_of_workers, "limit_ignored")
def without_limit(computing, message, limit):
    near = max(int(math.sqrt(computing / message)), 1)
    return min((near, near + 1), key=lambda w: _seconds(computing, message, w))


@wrong(exercises.best_number_of_workers, "larger_of_two")
def takes_the_later_one(computing, message, limit):
    near = max(int(math.sqrt(computing / message)), 1)
    choices = [min(near + 1, limit), min(near, limit)]
    return min(choices, key=lambda w: _seconds(computing, message, w))


@wrong(exercises.best_number_of_workers, "root_forgotten")
def the_ratio(computing, message, limit):
    return min(max(int(computing / message), 1), limit)


@wrong(exercises.best_number_of_workers, "inverted")
def the_other_ratio(computing, message, limit):
    return min(max(round(math.sqrt(message / computing)), 1), limit)


@wrong(exercises.best_number_of_workers, "seconds_not_number")
def the_time_itself(computing, message, limit):
    near = int(math.sqrt(computing / message))
    choices = [min(max(w, 1), limit) for w in (near, near + 1)]
    return min(_seconds(computing, message, w) for w in choices)


@wrong(exercises.best_number_of_workers, "always_limit")
def as_many_as_allowed(computing, message, limit):
    return limit


@wrong(exercises.best_number_of_workers, "wrong_value")
def looks_at_a_hundred(computing, message, limit):
    return min(range(1, min(limit, 100) + 1), key=lambda w: _seconds(computing, message, w))


@right(exercises.best_number_of_workers)
def stops_when_it_rises(computing, message, limit):
    w = 1
    while w < limit and _seconds(computing, message, w + 1) < _seconds(computing, message, w):
        w += 1
    return w


@right(exercises.best_number_of_workers)
def where_the_next_does_not_pay(computing, message, limit):
    w = math.ceil((math.sqrt(1 + 4 * computing / message) - 1) / 2)
    return min(max(w, 1), limit)


@right(exercises.best_number_of_workers)
def halves_the_interval(computing, message, limit):
    low, high = 1, limit
    while low < high:
        middle = (low + high) // 2
        if _seconds(computing, message, middle) <= _seconds(computing, message, middle + 1):
            high = middle
        else:
            low = middle + 1
    return low


@right(exercises.best_number_of_workers)
def looks_around_the_root(computing, message, limit):
    root = math.isqrt(int(computing / message))
    numbers = np.arange(max(root - 2, 1), root + 3).clip(max=limit)
    return numbers[np.argmin(computing / numbers + message * (numbers - 1))]
