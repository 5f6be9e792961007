"""Answers to the exercises of tensors_and_gradients, written from the prompts alone."""

import itertools
import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from course_utils.exercises import tensors_and_gradients as exercises

from .. import right, wrong

# ---- standardize


@wrong(exercises.standardize, "whole_table")  # one mean and one deviation for all columns
def one_mean_for_all(x):
    return (x - x.mean()) / x.std(correction=0)


@wrong(exercises.standardize, "rows")  # standardizes the rows
def standardizes_the_rows(x):
    mean, std = x.mean(dim=1, keepdim=True), x.std(dim=1, keepdim=True, correction=0)
    return torch.where(std > 0, (x - mean) / std, 0)


@wrong(exercises.standardize, "divides_by_n_minus_1")  # torch's default divides by N - 1
def default_deviation(x):
    std = x.std(dim=0)
    return (x - x.mean(dim=0)) / torch.where(std > 0, std, 1)


@wrong(exercises.standardize, "constant_column")  # 0 / 0 where a column is constant
def nothing_over_nothing(x):
    return (x - x.mean(dim=0)) / x.std(dim=0, correction=0)


@wrong(exercises.standardize, "variance")  # divides by the variance
def divides_by_the_variance(x):
    return (x - x.mean(dim=0)) / x.var(dim=0, correction=0).clamp(min=1e-12)


@wrong(exercises.standardize, "mean_kept")  # divides and does not subtract
def divides_only(x):
    std = x.std(dim=0, correction=0)
    return x / torch.where(std == 0, torch.ones_like(std), std)


@wrong(exercises.standardize, "mean_only")  # subtracts and does not divide
def subtracts_only(x):
    return x - x.mean(dim=0)


@wrong(exercises.standardize, "min_max")  # scales to 0 to 1
def scales_to_0_and_1(x):
    low, high = x.amin(dim=0), x.amax(dim=0)
    return (x - low) / (high - low).clamp(min=1e-12)


@wrong(exercises.standardize, "changed_argument")  # works in place
def works_in_place(x):
    x -= x.mean(dim=0)
    std = x.std(dim=0, correction=0)
    x /= torch.where(std > 0, std, 1)
    return x


@wrong(exercises.standardize, "raised")  # the mean of each row loses its axis and does not fit
def axis_is_lost(x):
    return (x - x.mean(dim=1)) / x.std(dim=1, correction=0)


@wrong(exercises.standardize, "mean_after_division")  # divides first, and subtracts the old mean
def subtracts_the_old_mean(x):
    std = x.std(dim=0, correction=0)
    std[std == 0] = 1
    return x / std - x.mean(dim=0)


@wrong(exercises.standardize, "transposed")  # returns the transposed table
def forgets_to_turn_back(x):
    columns = []
    for column in x.T:
        std = column.std(correction=0)
        columns.append((column - column.mean()) / std if std > 0 else torch.zeros_like(column))
    return torch.stack(columns)


@wrong(exercises.standardize, "cancellation")  # E[x²] - E[x]² loses all digits at large means
def mean_of_squares_minus_square(x):
    variance = (x**2).mean(dim=0) - x.mean(dim=0) ** 2
    std = variance.clamp(min=0).sqrt()
    return torch.where(std > 0, (x - x.mean(dim=0)) / std, 0)


@right(exercises.standardize)  # where on the deviation
def where_on_the_deviation(x):
    std = x.std(dim=0, keepdim=True, correction=0)
    return (x - x.mean(dim=0, keepdim=True)) / torch.where(std == 0, 1.0, std)


@right(exercises.standardize)  # column by column
def column_by_column(x):
    result = torch.zeros_like(x)
    for j in range(x.shape[1]):
        column = x[:, j] - x[:, j].mean()
        if column.abs().max() > 0:
            result[:, j] = column / column.square().mean().sqrt()
    return result


@right(exercises.standardize)  # NumPy
def by_numpy(x):
    array = x.numpy()
    std = array.std(axis=0)
    return torch.from_numpy((array - array.mean(axis=0)) / np.where(std > 0, std, 1))


@right(exercises.standardize)  # sums instead of means, nan turned into 0
def by_sums(x):
    n = len(x)
    centered = x - x.sum(0) / n
    return (centered / (centered.pow(2).sum(0) / n).sqrt()).nan_to_num(nan=0.0)


@right(exercises.standardize)  # transposed and back
def transposed_and_back(x):
    t = x.T
    t = t - t.mean(dim=1, keepdim=True)
    length = t.norm(dim=1, keepdim=True) / math.sqrt(x.shape[0])
    return (t / length.clamp(min=1e-30)).T


# ---- pairwise_distances


@wrong(exercises.pairwise_distances, "squared_distance")  # the root is missing
def without_the_root(a, b):
    return ((a[:, None] - b) ** 2).sum(dim=2)


@wrong(exercises.pairwise_distances, "transposed")  # (M, N) instead of (N, M)
def a_row_for_each_b(a, b):
    return ((b[:, None] - a[None]) ** 2).sum(dim=-1).sqrt()


@wrong(exercises.pairwise_distances, "city_blocks")  # absolute differences added up
def sum_of_absolute_differences(a, b):
    return (a[:, None] - b[None]).abs().sum(dim=-1)


@wrong(exercises.pairwise_distances, "largest_difference")  # the largest difference only
def largest_difference_only(a, b):
    return (a[:, None] - b[None]).abs().amax(dim=-1)


@wrong(exercises.pairwise_distances, "mean_not_sum")  # mean over the coordinates
def mean_over_coordinates(a, b):
    return (a[:, None] - b[None]).square().mean(dim=-1).sqrt()


@wrong(exercises.pairwise_distances, "not_summed")  # coordinates are never added up
def coordinates_stay(a, b):
    return ((a[:, None] - b[None]) ** 2).sqrt()


@wrong(exercises.pairwise_distances, "raised")  # subtracts as they are: shapes do not fit
def subtracts_as_they_are(a, b):
    return ((a - b) ** 2).sum(dim=1).sqrt()


@wrong(exercises.pairwise_distances, "wrong_axis_summed")  # adds up over the points of b
def sums_over_the_points(a, b):
    return ((a[:, None] - b[None]) ** 2).sum(dim=1).sqrt()


@wrong(exercises.pairwise_distances, "used_forbidden")  # calls cdist
def calls_cdist(a, b):
    return torch.cdist(a, b)


@wrong(exercises.pairwise_distances, "cancellation")  # |a|² - 2ab + |b|² near 0
def expanded_square(a, b):
    squares = (a**2).sum(1)[:, None] - 2 * a @ b.T + (b**2).sum(1)
    return squares.clamp(min=0).sqrt()


@wrong(exercises.pairwise_distances, "city_blocks")  # the root of each square, then the sum
def root_of_each_square(a, b):
    return ((a[:, None] - b[None]) ** 2).sqrt().sum(dim=2)


@wrong(exercises.pairwise_distances, "sum_before_square")  # sums, then squares
def sums_then_squares(a, b):
    return ((a[:, None] - b[None]).sum(dim=2) ** 2).sqrt()


@wrong(exercises.pairwise_distances, "added_constant")  # 1e-6 under the root
def a_bit_under_the_root(a, b):
    return (((a[:, None] - b[None]) ** 2).sum(dim=2) + 1e-6).sqrt()


@wrong(exercises.pairwise_distances, "products")  # all dot products
def dot_products(a, b):
    return a @ b.T


@right(exercises.pairwise_distances)  # norm of the differences
def norm_of_differences(a, b):
    return (a.unsqueeze(1) - b.unsqueeze(0)).norm(dim=2)


@right(exercises.pairwise_distances)  # two loops
def two_loops(a, b):
    rows = [[(p - q).square().sum().sqrt() for q in b] for p in a]
    return torch.stack([torch.stack(row) for row in rows])


@right(exercises.pairwise_distances)  # one coordinate at a time
def one_coordinate_at_a_time(a, b):
    total = torch.zeros(len(a), len(b), dtype=a.dtype)
    for j in range(a.shape[1]):
        total += (a[:, j].reshape(-1, 1) - b[:, j].reshape(1, -1)) ** 2
    return total**0.5


@right(exercises.pairwise_distances)  # math.dist on lists
def math_dist(a, b):
    return torch.tensor([[math.dist(p, q) for q in b.tolist()] for p in a.tolist()], dtype=a.dtype)


@right(exercises.pairwise_distances)  # torch.linalg, a row at a time
def a_row_at_a_time(a, b):
    return torch.stack([torch.linalg.vector_norm(b - p, dim=1) for p in a])


# ---- central_difference


@wrong(exercises.central_difference, "forward")  # one-sided
def forward_difference(f, w, h):
    slopes = torch.zeros_like(w)
    for i in range(w.numel()):
        moved = w.clone()
        moved.view(-1)[i] += h
        slopes.view(-1)[i] = (f(moved) - f(w)) / h
    return slopes


@wrong(exercises.central_difference, "backward")  # one-sided, to the left
def backward_difference(f, w, h):
    slopes = torch.zeros_like(w)
    for i in range(w.numel()):
        moved = w.clone()
        moved.view(-1)[i] -= h
        slopes.view(-1)[i] = (f(w) - f(moved)) / h
    return slopes


def _central(f, w, h, divide):
    slopes = torch.zeros_like(w)
    for i in range(w.numel()):
        up, down = w.clone(), w.clone()
        up.view(-1)[i] += h
        down.view(-1)[i] -= h
        slopes.view(-1)[i] = divide(f(up), f(down))
    return slopes


@wrong(exercises.central_difference, "half_the_run")  # divides by h
def divides_by_h(f, w, h):
    return _central(f, w, h, lambda up, down: (up - down) / h)


@wrong(exercises.central_difference, "not_divided")  # does not divide
def does_not_divide(f, w, h):
    return _central(f, w, h, lambda up, down: up - down)


@wrong(exercises.central_difference, "times_h")  # a missing pair of parentheses
def missing_parentheses(f, w, h):
    return _central(f, w, h, lambda up, down: (up - down) / 2 * h)


@wrong(exercises.central_difference, "negated")  # down minus up
def down_minus_up(f, w, h):
    return _central(f, w, h, lambda up, down: (down - up) / (2 * h))


@wrong(exercises.central_difference, "all_at_once")  # moves all numbers together
def all_together(f, w, h):
    return (f(w + h) - f(w - h)) / (2 * h) * torch.ones_like(w)


@wrong(exercises.central_difference, "all_at_once")  # the same, and a single number
def all_together_one_number(f, w, h):
    return (f(w + h) - f(w - h)) / (2 * h)


@wrong(exercises.central_difference, "by_autograd")  # asks autograd
def asks_autograd(f, w, h):
    leaf = w.clone().requires_grad_()
    f(leaf).backward()
    return leaf.grad


@wrong(exercises.central_difference, "changed_argument")  # moves w itself and leaves it there
def moves_w_itself(f, w, h):
    slopes = torch.zeros_like(w)
    for i in range(w.numel()):
        w.view(-1)[i] += h
        up = f(w)
        w.view(-1)[i] -= 2 * h
        slopes.view(-1)[i] = (up - f(w)) / (2 * h)
    return slopes


@wrong(exercises.central_difference, "not_moved_back")  # one copy, never put back
def never_put_back(f, w, h):
    moved, slopes = w.clone(), torch.zeros_like(w)
    for i in range(w.numel()):
        moved.view(-1)[i] += h
        up = f(moved)
        moved.view(-1)[i] -= 2 * h
        slopes.view(-1)[i] = (up - f(moved)) / (2 * h)
    return slopes


@wrong(exercises.central_difference, "argument_ignored")  # a step of its own
def a_step_of_its_own(f, w, h):
    return _central(f, w, 1e-4, lambda up, down: (up - down) / 2e-4)


@wrong(exercises.central_difference, "comes_flat")  # comes flat
def comes_flat(f, w, h):
    return _central(f, w, h, lambda up, down: (up - down) / (2 * h)).flatten()


@wrong(exercises.central_difference, "half_a_step")  # half a step each way over 2h
def half_a_step_each_way(f, w, h):
    return _central(f, w, h / 2, lambda up, down: (up - down) / (2 * h))


@wrong(exercises.central_difference, "rows_moved")  # w[i] of a matrix is a row
def moves_whole_rows(f, w, h):
    slopes = torch.zeros_like(w)
    if w.dim() == 0:
        return (f(w + h) - f(w - h)) / (2 * h)
    for i in range(len(w)):
        up, down = w.clone(), w.clone()
        up[i] += h
        down[i] -= h
        slopes[i] = (f(up) - f(down)) / (2 * h)
    return slopes


@right(exercises.central_difference)  # a mask for each place
def a_mask_for_each_place(f, w, h):
    steps = torch.eye(w.numel(), dtype=w.dtype).reshape(-1, *w.shape) * h
    found = [(f(w + step) - f(w - step)) / (2 * h) for step in steps]
    return torch.stack(found).reshape(w.shape)


@right(exercises.central_difference)  # indices of every axis
def indices_of_every_axis(f, w, h):
    slopes = torch.empty_like(w)
    for place in itertools.product(*map(range, w.shape)):
        moved = w.clone()
        moved[place] = w[place] + h
        up = f(moved)
        moved[place] = w[place] - h
        slopes[place] = (up - f(moved)) / h / 2
    return slopes


@right(exercises.central_difference)  # the mean of both one-sided differences
def mean_of_both_sides(f, w, h):
    here = f(w)
    flat = w.flatten()
    slopes = []
    for i in range(len(flat)):
        step = torch.zeros_like(flat)
        step[i] = h
        right_one = (f((flat + step).reshape(w.shape)) - here) / h
        left_one = (here - f((flat - step).reshape(w.shape))) / h
        slopes.append((right_one + left_one) / 2)
    return torch.stack(slopes).reshape(w.shape)


@right(exercises.central_difference)  # changes a copy and puts it back; .item() on the way
def puts_it_back(f, w, h):
    copy = w.detach().clone()
    flat = copy.reshape(-1)
    slopes = []
    for i in range(flat.numel()):
        old = flat[i].item()
        flat[i] = old + h
        up = f(copy).item()
        flat[i] = old - h
        down = f(copy).item()
        flat[i] = old
        slopes.append((up - down) / (2 * h))
    return torch.tensor(slopes, dtype=w.dtype).reshape(w.shape)


# ---- Parabola


@wrong(exercises.Parabola, "not_parameters")  # plain numbers
class PlainNumbers(nn.Module):
    def __init__(self, a, b, c):
        super().__init__()
        self.a, self.b, self.c = a, b, c

    def forward(self, x):
        return self.a * x**2 + self.b * x + self.c


@wrong(exercises.Parabola, "not_parameters")  # tensors that require grad, and are no parameters
class TensorsThatRequireGrad(nn.Module):
    def __init__(self, a, b, c):
        super().__init__()
        self.a = torch.tensor(float(a), requires_grad=True)
        self.b = torch.tensor(float(b), requires_grad=True)
        self.c = torch.tensor(float(c), requires_grad=True)

    def forward(self, x):
        return self.a * x**2 + self.b * x + self.c


@wrong(exercises.Parabola, "super_forgotten")  # without super().__init__()
class WithoutSuper(nn.Module):
    def __init__(self, a, b, c):
        self.a = nn.Parameter(torch.tensor(float(a)))
        self.b = nn.Parameter(torch.tensor(float(b)))
        self.c = nn.Parameter(torch.tensor(float(c)))

    def forward(self, x):
        return self.a * x**2 + self.b * x + self.c


@wrong(exercises.Parabola, "whole_numbers")  # whole numbers cannot require grad
class WholeNumbers(nn.Module):
    def __init__(self, a, b, c):
        super().__init__()
        self.a = nn.Parameter(torch.tensor(a))
        self.b = nn.Parameter(torch.tensor(b))
        self.c = nn.Parameter(torch.tensor(c))

    def forward(self, x):
        return self.a * x**2 + self.b * x + self.c


class _Right(nn.Module):
    def __init__(self, a, b, c):
        super().__init__()
        self.a = nn.Parameter(torch.tensor(float(a)))
        self.b = nn.Parameter(torch.tensor(float(b)))
        self.c = nn.Parameter(torch.tensor(float(c)))

    def forward(self, x):
        return self.a * x**2 + self.b * x + self.c


@wrong(exercises.Parabola, "coefficients_swapped")  # c x² + b x + a
class OtherWayRound(_Right):
    def forward(self, x):
        return self.c * x**2 + self.b * x + self.a


@wrong(exercises.Parabola, "not_squared")  # x * 2 instead of x ** 2
class TimesTwo(_Right):
    def forward(self, x):
        return self.a * x * 2 + self.b * x + self.c


@wrong(exercises.Parabola, "factor_squared")  # (a x)²
class SquaresTheFactor(_Right):
    def forward(self, x):
        return (self.a * x) ** 2 + self.b * x + self.c


@wrong(exercises.Parabola, "lost_gradient_in_forward")  # .item() in forward
class ItemInForward(_Right):
    def forward(self, x):
        return self.a.item() * x**2 + self.b.item() * x + self.c.item()


@wrong(exercises.Parabola, "other_names")  # a single parameter of three numbers
class OneParameter(nn.Module):
    def __init__(self, a, b, c):
        super().__init__()
        self.weights = nn.Parameter(torch.tensor([float(a), float(b), float(c)]))

    def forward(self, x):
        a, b, c = self.weights
        return a * x**2 + b * x + c


@wrong(exercises.Parabola, "starts_elsewhere")  # random start, the arguments unused
class RandomStart(nn.Module):
    def __init__(self, a, b, c):
        super().__init__()
        self.a = nn.Parameter(torch.rand(()))
        self.b = nn.Parameter(torch.rand(()))
        self.c = nn.Parameter(torch.rand(()))

    def forward(self, x):
        return self.a * x**2 + self.b * x + self.c


@wrong(exercises.Parabola, "forward_missing")  # forward bears another name
class ForwardMisnamed(nn.Module):
    def __init__(self, a, b, c):
        super().__init__()
        self.a = nn.Parameter(torch.tensor(float(a)))
        self.b = nn.Parameter(torch.tensor(float(b)))
        self.c = nn.Parameter(torch.tensor(float(c)))

    def predict(self, x):
        return self.a * x**2 + self.b * x + self.c


@wrong(exercises.Parabola, "an_axis_too_many")  # parameters of shape (1,)
class OneAxisTooMany(nn.Module):
    def __init__(self, a, b, c):
        super().__init__()
        self.a = nn.Parameter(torch.tensor([float(a)]))
        self.b = nn.Parameter(torch.tensor([float(b)]))
        self.c = nn.Parameter(torch.tensor([float(c)]))

    def forward(self, x):
        return self.a * x**2 + self.b * x + self.c


@wrong(exercises.Parabola, "no_constant")  # c is forgotten in forward
class ForgetsTheConstant(_Right):
    def forward(self, x):
        return self.a * x**2 + self.b * x


@wrong(exercises.Parabola, "not_a_module")  # does not inherit from nn.Module
class NoModule:
    def __init__(self, a, b, c):
        self.a, self.b, self.c = (torch.tensor(float(v), requires_grad=True) for v in (a, b, c))

    def forward(self, x):
        return self.a * x**2 + self.b * x + self.c


@right(exercises.Parabola)  # plain
class Plain(nn.Module):
    def __init__(self, a, b, c):
        super().__init__()
        self.a = nn.Parameter(torch.tensor(a, dtype=torch.float32))
        self.b = nn.Parameter(torch.tensor(b, dtype=torch.float32))
        self.c = nn.Parameter(torch.tensor(c, dtype=torch.float32))

    def forward(self, x):
        return self.a * x**2 + self.b * x + self.c


@right(exercises.Parabola)  # Horner's scheme, torch.full
class Horner(nn.Module):
    def __init__(self, a, b, c):
        super().__init__()
        self.a = nn.Parameter(torch.full((), float(a)))
        self.b = nn.Parameter(torch.full((), float(b)))
        self.c = nn.Parameter(torch.full((), float(c)))

    def forward(self, x):
        return (self.a * x + self.b) * x + self.c


@right(exercises.Parabola)  # register_parameter in a loop
class Registered(nn.Module):
    def __init__(self, *numbers):
        super().__init__()
        for name, number in zip("abc", numbers, strict=True):
            self.register_parameter(name, nn.Parameter(torch.ones(()) * number))

    def forward(self, inputs):
        powers = torch.stack([inputs**2, inputs, torch.ones_like(inputs)])
        factors = torch.stack([self.a, self.b, self.c])
        return torch.tensordot(factors, powers, dims=1)


@right(exercises.Parabola)  # keyword-friendly, with a method of its own
class WithAMethod(nn.Module):
    def __init__(self, a=0.0, b=0.0, c=0.0):
        super().__init__()
        self.c = nn.Parameter(torch.tensor(1.0) * c)
        self.b = nn.Parameter(torch.tensor(1.0) * b)
        self.a = nn.Parameter(torch.tensor(1.0) * a)

    def _square(self, x):
        return self.a * x.square()

    def forward(self, x):
        return self._square(x) + x * self.b + self.c


# ---- step_in_chunks


@wrong(exercises.step_in_chunks, "whole_batch")  # everything at once
def everything_at_once(model, optimizer, x, y, chunk_size):
    loss = F.mse_loss(model(x).squeeze(1), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


@wrong(exercises.step_in_chunks, "a_step_a_chunk")  # a step for each chunk
def a_step_for_each_chunk(model, optimizer, x, y, chunk_size):
    total = 0.0
    for xs, ys in zip(x.split(chunk_size), y.split(chunk_size), strict=True):
        loss = F.mse_loss(model(xs).squeeze(1), ys)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(ys)
    return total / len(y)


@wrong(exercises.step_in_chunks, "cleared_between")  # zero_grad inside the loop
def clears_between_chunks(model, optimizer, x, y, chunk_size):
    total = 0.0
    for xs, ys in zip(x.split(chunk_size), y.split(chunk_size), strict=True):
        optimizer.zero_grad()
        loss = (model(xs).squeeze(1) - ys).square().sum() / len(y)
        loss.backward()
        total += loss.item()
    optimizer.step()
    return total


@wrong(exercises.step_in_chunks, "never_cleared")  # zero_grad is missing
def never_clears(model, optimizer, x, y, chunk_size):
    total = 0.0
    for xs, ys in zip(x.split(chunk_size), y.split(chunk_size), strict=True):
        loss = (model(xs).squeeze(1) - ys).square().sum() / len(y)
        loss.backward()
        total += loss.item()
    optimizer.step()
    return total


@wrong(exercises.step_in_chunks, "means_added")  # the chunks' means are added up
def adds_up_the_means(model, optimizer, x, y, chunk_size):
    optimizer.zero_grad()
    total = 0.0
    for xs, ys in zip(x.split(chunk_size), y.split(chunk_size), strict=True):
        loss = F.mse_loss(model(xs).squeeze(1), ys)
        loss.backward()
        total += loss.item()
    optimizer.step()
    return total


@wrong(exercises.step_in_chunks, "mean_of_means")  # a short last chunk weighs as much
def mean_of_the_means(model, optimizer, x, y, chunk_size):
    optimizer.zero_grad()
    chunks = list(zip(x.split(chunk_size), y.split(chunk_size), strict=True))
    total = 0.0
    for xs, ys in chunks:
        loss = F.mse_loss(model(xs).squeeze(1), ys) / len(chunks)
        loss.backward()
        total += loss.item()
    optimizer.step()
    return total


@wrong(exercises.step_in_chunks, "sum_not_mean")  # the sum of the squares
def sum_of_squares(model, optimizer, x, y, chunk_size):
    optimizer.zero_grad()
    total = 0.0
    for start in range(0, len(x), chunk_size):
        rows = slice(start, start + chunk_size)
        loss = ((model(x[rows])[:, 0] - y[rows]) ** 2).sum()
        loss.backward()
        total += loss.item()
    optimizer.step()
    return total


@wrong(exercises.step_in_chunks, "broadcast")  # (n, 1) minus (n,)
def n_by_n(model, optimizer, x, y, chunk_size):
    optimizer.zero_grad()
    total = 0.0
    for start in range(0, len(x), chunk_size):
        xs, ys = x[start : start + chunk_size], y[start : start + chunk_size]
        loss = ((model(xs) - ys) ** 2).mean() * len(ys) / len(y)
        loss.backward()
        total += loss.item()
    optimizer.step()
    return total


@wrong(exercises.step_in_chunks, "rest_dropped")  # the short last chunk is left out
def drops_the_rest(model, optimizer, x, y, chunk_size):
    optimizer.zero_grad()
    total = 0.0
    for k in range(len(x) // chunk_size):
        rows = slice(k * chunk_size, (k + 1) * chunk_size)
        loss = ((model(x[rows])[:, 0] - y[rows]) ** 2).sum() / len(y)
        loss.backward()
        total += loss.item()
    optimizer.step()
    return total


@wrong(exercises.step_in_chunks, "not_a_float")  # returns a tensor
def returns_a_tensor(model, optimizer, x, y, chunk_size):
    optimizer.zero_grad()
    total = 0.0
    for xs, ys in zip(x.split(chunk_size), y.split(chunk_size), strict=True):
        loss = (model(xs).squeeze(1) - ys).square().sum() / len(y)
        loss.backward()
        total = total + loss.detach()
    optimizer.step()
    return total


@wrong(exercises.step_in_chunks, "loss_after_step")  # measures the loss after the step
def loss_after_the_step(model, optimizer, x, y, chunk_size):
    optimizer.zero_grad()
    for xs, ys in zip(x.split(chunk_size), y.split(chunk_size), strict=True):
        ((model(xs).squeeze(1) - ys).square().sum() / len(y)).backward()
    optimizer.step()
    with torch.no_grad():
        parts = zip(x.split(chunk_size), y.split(chunk_size), strict=True)
        return sum((model(xs).squeeze(1) - ys).square().sum().item() for xs, ys in parts) / len(y)


@wrong(exercises.step_in_chunks, "no_step")  # backward, and no step
def forgets_the_step(model, optimizer, x, y, chunk_size):
    optimizer.zero_grad()
    total = 0.0
    for xs, ys in zip(x.split(chunk_size), y.split(chunk_size), strict=True):
        loss = (model(xs).squeeze(1) - ys).square().sum() / len(y)
        loss.backward()
        total += loss.item()
    return total


@wrong(exercises.step_in_chunks, "no_step")  # clears just before the step
def clears_before_the_step(model, optimizer, x, y, chunk_size):
    total = 0.0
    for xs, ys in zip(x.split(chunk_size), y.split(chunk_size), strict=True):
        loss = (model(xs).squeeze(1) - ys).square().sum() / len(y)
        loss.backward()
        total += loss.item()
    optimizer.zero_grad()
    optimizer.step()
    return total


@wrong(exercises.step_in_chunks, "last_loss")  # the loss of the last chunk only
def loss_of_the_last_chunk(model, optimizer, x, y, chunk_size):
    optimizer.zero_grad()
    for xs, ys in zip(x.split(chunk_size), y.split(chunk_size), strict=True):
        loss = F.mse_loss(model(xs).squeeze(1), ys)
        (loss * len(ys) / len(y)).backward()
    optimizer.step()
    return loss.item()


@right(exercises.step_in_chunks)  # sums over N
def sums_over_n(model, optimizer, x, y, chunk_size):
    optimizer.zero_grad()
    total = 0.0
    for start in range(0, len(y), chunk_size):
        rows = slice(start, start + chunk_size)
        loss = (model(x[rows]).flatten() - y[rows]).square().sum() / len(y)
        loss.backward()
        total += loss.item()
    optimizer.step()
    return total


@right(exercises.step_in_chunks)  # weighted means
def weighted_means(model, optimizer, x, y, chunk_size):
    model.zero_grad()
    losses = []
    for xs, ys in zip(torch.split(x, chunk_size), torch.split(y, chunk_size), strict=True):
        share = len(xs) / len(x)
        loss = share * F.mse_loss(model(xs), ys[:, None])
        loss.backward()
        losses.append(float(loss))
    optimizer.step()
    return sum(losses)


@right(exercises.step_in_chunks)  # gradients of the sums, divided afterwards
def divides_the_gradients(model, optimizer, x, y, chunk_size):
    optimizer.zero_grad(set_to_none=True)
    squares = 0.0
    for xs, ys in zip(x.split(chunk_size), y.split(chunk_size), strict=True):
        loss = F.mse_loss(model(xs).squeeze(-1), ys, reduction="sum")
        loss.backward()
        squares += loss.item()
    for parameter in model.parameters():
        parameter.grad /= len(x)
    optimizer.step()
    return squares / len(x)


@right(exercises.step_in_chunks)  # a DataLoader
def by_a_data_loader(model, optimizer, x, y, chunk_size):
    data = torch.utils.data.TensorDataset(x, y.unsqueeze(1))
    loader = torch.utils.data.DataLoader(data, batch_size=chunk_size)
    criterion = nn.MSELoss(reduction="sum")
    optimizer.zero_grad()
    total = 0
    for inputs, targets in loader:
        loss = criterion(model(inputs), targets) / len(data)
        loss.backward()
        total += loss.detach().item()
    optimizer.step()
    return total
