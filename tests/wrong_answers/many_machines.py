"""Answers to the exercises of many_machines."""

import math

import torch

from course_utils.exercises import many_machines as exercises

from . import right, wrong

# ---- average_gradients


@wrong(exercises.average_gradients, "nan_kept")
def weighted_tensordot(gradients, counts):
    weights = torch.tensor(counts, dtype=gradients[0].dtype) / sum(counts)
    return torch.tensordot(weights, torch.stack(gradients), dims=1)


@wrong(exercises.average_gradients, "counts_ignored")
def plain_nanmean(gradients, counts):
    return torch.stack(gradients).nanmean(dim=0)


@wrong(exercises.average_gradients, "largest_only")
def rank_with_most_images(gradients, counts):
    return gradients[counts.index(max(counts))].clone()


@wrong(exercises.average_gradients, "wrong_value")
def weighs_by_the_inverse(gradients, counts):
    weights = [1 / n if n else 0 for n in counts]
    pairs = zip(gradients, weights, strict=True)
    return sum(g * w for g, w in pairs if w) / sum(weights)


@right(exercises.average_gradients)
def weights_as_fractions(gradients, counts):
    total = sum(counts)
    kept = [(g, n) for g, n in zip(gradients, counts, strict=True) if n]
    return sum(g * (n / total) for g, n in kept)


# ---- indices_of


@wrong(exercises.indices_of, "blocks")
def blocks_with_the_rest(order, rank, world):
    size = math.ceil(len(order) / world)
    filled = (order * world)[: size * world]
    return [filled[rank * size + k] for k in range(size)]


@wrong(exercises.indices_of, "not_filled_up")
def by_remainder(order, rank, world):
    return [index for k, index in enumerate(order) if k % world == rank]


@wrong(exercises.indices_of, "rest_dropped")
def whole_rounds_only(order, rank, world):
    return [order[rank + world * k] for k in range(len(order) // world)]


@wrong(exercises.indices_of, "filled_with_last")
def last_again(order, rank, world):
    rounds = math.ceil(len(order) / world)
    return [order[min(rank + world * k, len(order) - 1)] for k in range(rounds)]


@right(exercises.indices_of)
def a_tensor_of_rounds(order, rank, world):
    rounds = -(-len(order) // world)
    filled = torch.tensor(order).repeat(world)[: rounds * world]
    return filled.view(rounds, world)[:, rank].tolist()


# ---- best_number_of_workers


@wrong(exercises.best_number_of_workers, "rounded")
def nearest_to_the_root(computing, message, limit):
    return max(1, min(limit, int(math.sqrt(computing / message) + 0.5)))


@wrong(exercises.best_number_of_workers, "always_down")
def floor_of_the_root(computing, message, limit):
    return max(1, min(limit, math.floor((computing / message) ** 0.5)))


@wrong(exercises.best_number_of_workers, "root_forgotten")
def ratio_rounded(computing, message, limit):
    return max(1, min(limit, round(computing / message)))


@wrong(exercises.best_number_of_workers, "one_too_few")
def counts_the_others(computing, message, limit):
    w = math.ceil((math.sqrt(1 + 4 * computing / message) - 1) / 2)
    return min(max(w, 1), limit) - 1


@right(exercises.best_number_of_workers)
def by_the_gain_of_one_more(computing, message, limit):
    w = 1
    while w < limit and computing / (w * (w + 1)) > message:
        w += 1
    return w
