"""Many small networks trained as one: a model for each seed, side by side in the same tensors.

A loop over a hundred tiny networks spends its time in Python. Here the weights of all networks are
stacked, one batched matrix product serves them all, and an optimizer that works element by element
(SGD, momentum, Adam, AdamW ...) treats each network as if it were alone.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from course_utils.models import MLP


class _StackedLinear(nn.Module):
    def __init__(self, layers: Sequence[nn.Linear]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.stack([layer.weight.detach().T for layer in layers]))
        self.bias = nn.Parameter(torch.stack([layer.bias.detach()[None] for layer in layers]))

    def forward(self, x: Tensor) -> Tensor:
        return torch.baddbmm(self.bias, x, self.weight)


class _StackedBatchNorm(nn.Module):
    def __init__(self, num_models: int, num_features: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(num_models * num_features)

    def forward(self, x: Tensor) -> Tensor:
        num_models, batch, features = x.shape
        columns = x.transpose(0, 1).reshape(batch, num_models * features)
        return self.norm(columns).reshape(batch, num_models, features).transpose(0, 1)


class StackedMLP(nn.Module):
    """One ``MLP(*args, seed=seed, **kwargs)`` for each seed, with the same initial weights.

    Input (N, in_features), the same for all, or (S, N, in_features), a batch for each of the S
    models; output (S, N, out_features). For losses take the mean over each model's own batch and
    add these up (``loss.mean(dim=(1, 2)).sum()``): then each gets the gradient it would get alone;
    one mean over all S models would leave 1/S of it.

    Args:
        *args: the widths, as for ``MLP``.
        seeds: one per model, at least one; ValueError if there is none.
        **kwargs: the other arguments of ``MLP``.

    >>> StackedMLP(2, [8], 1, seeds=range(5))(torch.zeros(10, 2)).shape
    torch.Size([5, 10, 1])
    """

    def __init__(self, *args: Any, seeds: Sequence[int], **kwargs: Any) -> None:
        if len(seeds) == 0:
            raise ValueError("seeds is empty; a stack needs at least one model")
        super().__init__()
        models = [MLP(*args, seed=seed, **kwargs) for seed in seeds]
        self.num_models = len(models)
        stacked: list[nn.Module] = []
        for layers in zip(*(model.net for model in models), strict=True):
            if isinstance(layers[0], nn.Linear):
                stacked.append(_StackedLinear(layers))
            elif isinstance(layers[0], nn.BatchNorm1d):
                stacked.append(_StackedBatchNorm(self.num_models, layers[0].num_features))
            else:
                stacked.append(layers[0])
        self.net = nn.Sequential(*stacked)

    def forward(self, x: Tensor) -> Tensor:
        """Outputs (S, N, out_features) of all models."""
        return self.net(x.expand(self.num_models, *x.shape[-2:]))
