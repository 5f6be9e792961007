"""Solutions of the lesson tensors_and_gradients, from which `make notebooks` generates this file."""

import torch
from torch import nn


def standardize(x):
    """Columns with mean 0 and standard deviation 1; a constant one becomes 0."""
    std = x.std(dim=0, correction=0)
    return (x - x.mean(dim=0)) / torch.where(std > 0, std, 1)


def pairwise_distances(a, b):
    """Distances (N, M): every a gets an axis of its own, and so does every b."""
    return (a[:, None] - b[None]).square().sum(dim=2).sqrt()


def central_difference(f, w, h):
    """Central differences, one number at a time, each on copies of w."""
    slopes = torch.zeros_like(w)
    for i in range(w.numel()):
        up, down = w.clone(), w.clone()
        up.view(-1)[i] += h  # view(-1): the same memory, seen as one long row
        down.view(-1)[i] -= h
        slopes.view(-1)[i] = (f(up) - f(down)) / (2 * h)
    return slopes


class Parabola(nn.Module):
    """a x² + b x + c, with a, b and c to be trained."""

    def __init__(self, a, b, c):
        super().__init__()
        self.a = nn.Parameter(torch.tensor(float(a)))
        self.b = nn.Parameter(torch.tensor(float(b)))
        self.c = nn.Parameter(torch.tensor(float(c)))

    def forward(self, x):
        """Of any shape."""
        return self.a * x**2 + self.b * x + self.c


def step_in_chunks(model, optimizer, x, y, chunk_size):
    """One step on the whole batch's mean squared error, which is returned."""
    optimizer.zero_grad()
    total = 0.0
    for xs, ys in zip(x.split(chunk_size), y.split(chunk_size), strict=True):
        loss = (model(xs).squeeze(1) - ys).square().sum() / len(x)
        loss.backward()
        total += loss.item()
    optimizer.step()
    return total
