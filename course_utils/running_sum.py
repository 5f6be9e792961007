"""A task on which gradients explode: a recurrent network that has to add up a sequence.

The lesson gradient_clipping trains it. The network uses one matrix at every time step, so its gradient holds powers of
that matrix; see Bengio, Simard and Frasconi 1994, "Learning long-term dependencies with gradient descent is difficult",
and Pascanu, Mikolov and Bengio 2013, "On the difficulty of training recurrent neural networks".
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from course_utils import seeding


class StackedSumRNN(nn.Module):
    """One ReLU recurrent network for each seed, side by side in the same tensors.

    h ← relu(h W + x u + b) at each time step, and h v + c after the last. W starts as the identity
    and b, c as 0 (Le, Jaitly and Hinton 2015, "A simple way to initialize recurrent networks of
    rectified linear units", arXiv:1504.00941); u and v are uniform in ±1/√hidden_size.
    Each parameter has three dimensions, the first of which counts the networks.
    """

    def __init__(self, seeds: Sequence[int], hidden_size: int = 32) -> None:
        if len(seeds) == 0:
            raise ValueError("seeds is empty; a stack needs at least one network")
        super().__init__()
        generators = [seeding.generator(seed) for seed in seeds]
        draws = torch.stack([torch.rand(2, hidden_size, generator=g) for g in generators])
        u, v = ((2 * draws - 1) / math.sqrt(hidden_size)).unbind(dim=1)
        self.W = nn.Parameter(torch.eye(hidden_size).repeat(len(seeds), 1, 1))
        self.u = nn.Parameter(u[:, None, :].clone())
        self.b = nn.Parameter(torch.zeros(len(seeds), 1, hidden_size))
        self.v = nn.Parameter(v[:, :, None].clone())
        self.c = nn.Parameter(torch.zeros(len(seeds), 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Answers (S, N) of the S networks to their own sequences x (S, N, T)."""
        inputs = x.movedim(2, 0)[..., None] * self.u + self.b  # of all time steps: (T, S, N, H)
        h = inputs.new_zeros(inputs.shape[1:])
        for step_input in inputs.unbind():
            h = torch.baddbmm(step_input, h, self.W).relu()
        return torch.baddbmm(self.c, h, self.v).squeeze(2)


def sums_to_learn(
    generators: Sequence[torch.Generator], batch_size: int = 32, length: int = 20
) -> tuple[Tensor, Tensor]:
    """(sequences (S, N, T) uniform in [0, 1), their standardized sums (S, N)), drawn afresh.

    A sum of T such numbers has mean T/2 and variance T/12, so that the targets have mean 0 and
    variance 1: whoever always answers 0 has a mean squared error of 1.
    """
    x = torch.stack([torch.rand(batch_size, length, generator=g) for g in generators])
    return x, (x.sum(dim=2) - length / 2) / math.sqrt(length / 12)


def gradient_of_each(stack: nn.Module) -> Tensor:
    """The whole gradient of each network of a stack, as a row: (S, number of its parameters).

    In float64, so that squares of exploding numbers stay finite. Every parameter of ``stack`` must
    have a gradient whose first dimension counts the networks.
    """
    return torch.cat([p.grad.flatten(1).double() for p in stack.parameters()], dim=1)


@torch.no_grad()
def clip_each(stack: nn.Module, max_norm: Tensor, max_value: Tensor) -> Tensor:
    """Clip the gradient of each network of a stack by its own limits, in place; inf clips nothing.

    Args:
        stack: the networks.
        max_norm: (S,), the limit on each network's whole norm, as ``clip_grad_norm_`` would apply it to
            that network alone.
        max_value: (S,), the limit on each of its numbers, as ``clip_grad_value_`` would.

    Returns:
        The norms (S,) before clipping, in float64.
    """
    norms = gradient_of_each(stack).norm(dim=1)
    factors = (max_norm / (norms + 1e-6)).clamp(max=1)[:, None, None]
    limits = max_value[:, None, None]
    for p in stack.parameters():
        p.grad.mul_(factors.to(p.grad)).clamp_(-limits, limits)
    return norms
