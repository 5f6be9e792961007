"""Solutions of the lesson many_machines, from which `make notebooks` generates this file."""

import torch


def average_gradients(gradients, counts):
    """The gradient of the mean loss over the images of all ranks."""
    total = sum(counts)
    shares = [g * (n / total) for g, n in zip(gradients, counts, strict=True) if n > 0]
    return torch.stack(shares).sum(dim=0)


def indices_of(order, rank, world):
    """Every world-th index from number ``rank`` on, of an order filled up from its beginning."""
    rounds = -(-len(order) // world)
    return [order[(rank + world * k) % len(order)] for k in range(rounds)]


def best_number_of_workers(computing, message, limit):
    """The minimum of computing / w + message · (w − 1) over whole w in [1, limit]."""
    near = int((computing / message) ** 0.5)  # T falls before the root and rises after it
    choices = [min(max(w, 1), limit) for w in (near, near + 1)]
    return min(choices, key=lambda w: (computing / w + message * (w - 1), w))
