"""Five small tasks on which rules for the learning rate are examined: two made up, three of real data.

The lesson lr_finder chooses its rules on some of them and examines them on the others.
"""

import torch
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.utils import Bunch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from course_utils.mnist import MNIST, ImageDataset

#: What a task learns from, and what judges it.
Parts = tuple[TensorDataset, TensorDataset]


def small_tasks(mnist: MNIST, generator: torch.Generator) -> dict[str, Parts]:
    """Name -> (training, validation) of the five tasks.

    Inputs are float32: ``digits`` (N, 1, 7, 7), ``sine`` (N, 1), ``spirals`` (N, 2), ``cancer``
    (N, 30), ``diabetes`` (N, 10). Targets are classes (N,), or numbers (N, 1) of ``sine`` and
    ``diabetes``. The generator draws what is made up, and splits the rows of the tables.

    >>> from course_utils.mnist import load_mnist
    >>> tasks = small_tasks(load_mnist("embedded"), torch.Generator().manual_seed(0))
    >>> [tuple(part.tensors[0].shape) for part in tasks["cancer"]]
    [(398, 30), (171, 30)]
    """
    return {
        "digits": (_quarter_size(mnist.train, 4000), _quarter_size(mnist.val, 1000)),
        "sine": (_noisy_sine(2000, generator), _noisy_sine(1000, generator)),
        "spirals": (_two_spirals(2000, generator), _two_spirals(1000, generator)),
        "cancer": _real_data(load_breast_cancer(), generator),
        "diabetes": _real_data(load_diabetes(), generator),
    }


def _quarter_size(dataset: ImageDataset, size: int) -> TensorDataset:
    images, labels = dataset.subset(min(size, len(dataset))).tensors
    return TensorDataset(nn.functional.avg_pool2d(images, 4), labels)


def _noisy_sine(size: int, generator: torch.Generator) -> TensorDataset:
    x = 6 * torch.rand(size, 1, generator=generator) - 3
    return TensorDataset(x, torch.sin(2 * x) + 0.1 * torch.randn(size, 1, generator=generator))


def _two_spirals(size: int, generator: torch.Generator) -> TensorDataset:
    label = torch.randint(0, 2, (size,), generator=generator)
    radius = torch.rand(size, generator=generator)
    angle = 7 * radius + torch.pi * label
    xy = 2 * radius * torch.stack([angle.cos(), angle.sin()])
    return TensorDataset(xy.T + 0.05 * torch.randn(size, 2, generator=generator), label)


def _real_data(table: Bunch, generator: torch.Generator) -> Parts:
    """70 % of the rows to train on, the others to judge; scaled by what the training rows say."""
    order = torch.randperm(len(table.data), generator=generator)
    count = int(0.7 * len(order))

    def standardized(values: Tensor) -> Tensor:
        return ((values - values[:count].mean(dim=0)) / values[:count].std(dim=0)).float()

    inputs = standardized(torch.tensor(table.data)[order])
    targets = torch.tensor(table.target)[order]
    if targets.is_floating_point():
        targets = standardized(targets)[:, None]
    train, judge = (slice(None, count), slice(count, None))
    return (
        TensorDataset(inputs[train], targets[train]),
        TensorDataset(inputs[judge], targets[judge]),
    )
