"""Answers people really give to the exercises of tensors_and_gradients."""

import torch
from torch import nn
from torch.nn import functional as F

from course_utils.exercises import tensors_and_gradients as exercises

from . import right, wrong

# ---- standardize


@wrong(exercises.standardize, "divides_by_n_minus_1")
def default_correction(x):
    return ((x - x.mean(0)) / x.std(0)).nan_to_num()


@wrong(exercises.standardize, "whole_table")
def whole_table(x):
    return (x - torch.mean(x)) / torch.std(x)


@wrong(exercises.standardize, "constant_column")
def zero_by_zero(x):
    centered = x - x.mean(dim=0, keepdim=True)
    return centered / centered.square().mean(dim=0, keepdim=True).sqrt()


@wrong(exercises.standardize, "min_max")
def mean_and_range(x):
    return ((x - x.mean(dim=0)) / (x.max(dim=0).values - x.min(dim=0).values)).nan_to_num()


@wrong(exercises.standardize, "whole_table")
def mixed_mean_and_deviation(x):
    return (x - x.mean(dim=0)) / x.std(correction=0)


@wrong(exercises.standardize, "no_return")
def prints_and_returns_nothing(x):
    print((x - x.mean(dim=0)) / x.std(dim=0, correction=0))


@right(exercises.standardize)
def a_small_number_below(x):
    return (x - x.mean(dim=0)) / (x.std(dim=0, correction=0) + 1e-12)


@right(exercises.standardize)
def var_mean(x):
    variance, mean = torch.var_mean(x, dim=0, correction=0)
    variance[variance == 0] = 1
    return (x - mean) * variance.rsqrt()


# ---- pairwise_distances


@wrong(exercises.pairwise_distances, "squared_distance")
def squares_only(a, b):
    return (a[:, None, :] - b[None, :, :]).pow(2).sum(-1)


@wrong(exercises.pairwise_distances, "cancellation")
def binomial_formula(a, b):
    aa, bb = (a * a).sum(dim=1, keepdim=True), (b * b).sum(dim=1)
    return (aa + bb - 2 * (a @ b.T)).abs().sqrt()


@wrong(exercises.pairwise_distances, "wrong_axis_summed")
def sums_over_a(a, b):
    return (a[:, None] - b).square().sum(dim=0).sqrt()


@wrong(exercises.pairwise_distances, "added_constant")
def epsilon_under_the_root(a, b):
    return torch.sqrt((a[:, None] - b).square().sum(-1) + 1e-8)


@wrong(exercises.pairwise_distances, "transposed")
def the_other_way_round(a, b):
    return (b[:, None] - a).norm(dim=-1)


@wrong(exercises.pairwise_distances, "wrong_shape")
def all_in_one_number(a, b):
    return (a[:, None] - b).square().sum().sqrt()


@right(exercises.pairwise_distances)
def repeats_instead_of_broadcasting(a, b):
    n, m = len(a), len(b)
    pairs = a.repeat_interleave(m, dim=0) - b.repeat(n, 1)
    return pairs.norm(dim=1).reshape(n, m)


@right(exercises.pairwise_distances)
def einsum_of_differences(a, b):
    d = a[:, None] - b[None]
    return torch.einsum("nmd,nmd->nm", d, d).sqrt()


# ---- central_difference


@wrong(exercises.central_difference, "forward")
def one_sided(f, w, h):
    here, slopes = f(w), []
    for i in range(w.numel()):
        step = torch.zeros(w.numel(), dtype=w.dtype)
        step[i] = h
        slopes.append((f(w + step.reshape(w.shape)) - here) / h)
    return torch.stack(slopes).reshape(w.shape)


@wrong(exercises.central_difference, "by_autograd")
def autograd_through_the_back_door(f, w, h):
    return torch.func.jacrev(f)(w)


@wrong(exercises.central_difference, "all_at_once")
def one_slope_for_all(f, w, h):
    return torch.full_like(w, ((f(w + h) - f(w - h)) / (2 * h)).item())


@wrong(exercises.central_difference, "half_the_run")
def forgets_the_two(f, w, h):
    steps = torch.eye(w.numel(), dtype=w.dtype).reshape(-1, *w.shape) * h
    return torch.stack([(f(w + s) - f(w - s)) / h for s in steps]).reshape(w.shape)


@wrong(exercises.central_difference, "negated")
def the_wrong_sign(f, w, h):
    steps = torch.eye(w.numel(), dtype=w.dtype).reshape(-1, *w.shape) * h
    return torch.stack([(f(w - s) - f(w + s)) / (2 * h) for s in steps]).reshape(w.shape)


@wrong(exercises.central_difference, "half_a_step")
def half_steps(f, w, h):
    steps = torch.eye(w.numel(), dtype=w.dtype).reshape(-1, *w.shape) * h / 2
    return torch.stack([(f(w + s) - f(w - s)) / h for s in steps]).reshape(w.shape)


@right(exercises.central_difference)
def by_vmap(f, w, h):
    steps = torch.eye(w.numel(), dtype=w.dtype).reshape(-1, *w.shape) * h
    slope = torch.vmap(lambda step: (f(w + step) - f(w - step)) / (2 * h))
    return slope(steps).reshape(w.shape)


# ---- Parabola


@wrong(exercises.Parabola, "not_parameters")
class NumbersInAList(nn.Module):
    def __init__(self, a, b, c):
        super().__init__()
        self.numbers = [nn.Parameter(torch.tensor(float(v))) for v in (a, b, c)]

    def forward(self, x):
        a, b, c = self.numbers
        return a * x**2 + b * x + c


@wrong(exercises.Parabola, "other_names")
class LongNames(nn.Module):
    def __init__(self, a, b, c):
        super().__init__()
        self.weight_a = nn.Parameter(torch.tensor(float(a)))
        self.weight_b = nn.Parameter(torch.tensor(float(b)))
        self.bias = nn.Parameter(torch.tensor(float(c)))

    def forward(self, x):
        return self.weight_a * x**2 + self.weight_b * x + self.bias


@wrong(exercises.Parabola, "lost_gradient_in_forward")
class NoGradInForward(nn.Module):
    def __init__(self, a, b, c):
        super().__init__()
        self.a = nn.Parameter(torch.tensor(float(a)))
        self.b = nn.Parameter(torch.tensor(float(b)))
        self.c = nn.Parameter(torch.tensor(float(c)))

    @torch.no_grad()
    def forward(self, x):
        return self.a * x**2 + self.b * x + self.c


@wrong(exercises.Parabola, "starts_elsewhere")
class StartsAtZero(nn.Module):
    def __init__(self, a, b, c):
        super().__init__()
        self.a = nn.Parameter(torch.zeros(()))
        self.b = nn.Parameter(torch.zeros(()))
        self.c = nn.Parameter(torch.zeros(()))

    def forward(self, x):
        return self.a * x**2 + self.b * x + self.c


@wrong(exercises.Parabola, "not_a_module")
def a_parabola_of_numbers(a, b, c):
    return ...


@right(exercises.Parabola)
class KeepsAParameterList(nn.Module):
    def __init__(self, a, b, c):
        super().__init__()
        start = torch.tensor([a, b, c], dtype=torch.get_default_dtype())
        self.a, self.b, self.c = (nn.Parameter(number.clone()) for number in start)

    def forward(self, x):
        return torch.stack([self.c + self.b * v + self.a * v * v for v in x.flatten()]).view(
            x.shape
        )


# ---- step_in_chunks


@wrong(exercises.step_in_chunks, "whole_batch")
def ignores_the_chunks(model, optimizer, x, y, chunk_size):
    optimizer.zero_grad()
    loss = nn.MSELoss()(model(x)[:, 0], y)
    loss.backward()
    optimizer.step()
    return float(loss)


@wrong(exercises.step_in_chunks, "mean_of_means")
def divides_by_the_number_of_chunks(model, optimizer, x, y, chunk_size):
    optimizer.zero_grad()
    losses = []
    num_chunks = -(-len(x) // chunk_size)
    for rows in torch.arange(len(x)).split(chunk_size):
        loss = F.mse_loss(model(x[rows])[:, 0], y[rows])
        (loss / num_chunks).backward()
        losses.append(loss.item())
    optimizer.step()
    return sum(losses) / num_chunks


@wrong(exercises.step_in_chunks, "loss_of_equal_chunks")
def right_step_and_plain_mean(model, optimizer, x, y, chunk_size):
    optimizer.zero_grad()
    losses = []
    for rows in torch.arange(len(x)).split(chunk_size):
        loss = F.mse_loss(model(x[rows])[:, 0], y[rows])
        (loss * len(rows) / len(x)).backward()
        losses.append(loss.item())
    optimizer.step()
    return sum(losses) / len(losses)


@wrong(exercises.step_in_chunks, "broadcast")
def everybody_meets_everybody(model, optimizer, x, y, chunk_size):
    optimizer.zero_grad()
    total = 0.0
    for rows in torch.arange(len(x)).split(chunk_size):
        loss = (model(x[rows]) - y[rows]).pow(2).mean() * len(rows) / len(x)
        loss.backward()
        total += loss.item()
    optimizer.step()
    return total


@wrong(exercises.step_in_chunks, "no_return")
def returns_nothing(model, optimizer, x, y, chunk_size):
    optimizer.zero_grad()
    for rows in torch.arange(len(x)).split(chunk_size):
        ((model(x[rows])[:, 0] - y[rows]).square().sum() / len(x)).backward()
    optimizer.step()


@right(exercises.step_in_chunks)
def one_row_at_a_time(model, optimizer, x, y, chunk_size):
    optimizer.zero_grad()
    total = 0.0
    for row, target in zip(x, y, strict=True):
        loss = (model(row[None])[0, 0] - target) ** 2 / len(x)
        loss.backward()
        total += loss.item()
    optimizer.step()
    return total
