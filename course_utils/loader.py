"""Batches of a dataset that is in memory: whole tensors, not one example after another."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Subset, TensorDataset


class TensorLoader:
    """Batches of tensors that already lie in memory: what DataLoader yields, without its cost.

    DataLoader fetches one example at a time and stacks them again; here a batch is one indexing
    operation. The last batch may be short, and ``len`` counts it.

    Args:
        dataset: a TensorDataset, or a part of one (``random_split``, ``Subset``), whose rows are
            copied.
        batch_size: at least 1.
        shuffle: whether each pass has a new order.
        generator: what the order is drawn from, else torch's global generator.
        drop_last: leave out the last batch if it is short, as batch normalization needs if it would
            hold one example.

    Raises:
        ValueError: on another kind of dataset, on an empty one, on a generator that is none, and on a
            batch size that is not a whole number, is below 1, or leaves no batch.

    >>> data = TensorDataset(torch.arange(5.0), torch.arange(5))
    >>> [labels.tolist() for _, labels in TensorLoader(data, batch_size=2)]
    [[0, 1], [2, 3], [4]]
    >>> len(TensorLoader(data, batch_size=2, drop_last=True))
    2
    """

    def __init__(
        self,
        dataset: TensorDataset | Subset,
        batch_size: int,
        shuffle: bool = False,
        generator: torch.Generator | None = None,
        drop_last: bool = False,
    ) -> None:
        is_whole = isinstance(batch_size, int | np.integer) and not isinstance(batch_size, bool)
        if not is_whole or batch_size < 1:
            raise ValueError(f"batch_size must be a whole number, at least 1, got {batch_size!r}")
        if generator is not None and not isinstance(generator, torch.Generator):
            raise ValueError(
                f"generator must be a torch.Generator, got {generator!r}; of a number, "
                "torch.Generator().manual_seed(...) makes one"
            )
        self.dataset, self.batch_size = _in_memory(dataset), int(batch_size)
        if len(self.dataset) == 0:
            raise ValueError("the dataset is empty; a loader needs at least one example")
        self.shuffle, self.generator, self.drop_last = shuffle, generator, drop_last
        if len(self) == 0:
            raise ValueError(
                f"drop_last leaves no batch: {len(self.dataset)} examples do not fill one of "
                f"{batch_size}; take a smaller batch_size, or drop_last=False"
            )

    def __len__(self) -> int:
        if self.drop_last:
            return len(self.dataset) // self.batch_size
        return -(-len(self.dataset) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        size = len(self) * self.batch_size  # the last batch ends here, or where the examples do
        if not self.shuffle:
            tensors = [tensor[:size].split(self.batch_size) for tensor in self.dataset.tensors]
            for parts in zip(*tensors, strict=True):
                yield tuple(
                    part.clone() for part in parts
                )  # or nn.ReLU(inplace=True) changes the data
            return
        order = torch.randperm(len(self.dataset), generator=self.generator)
        for rows in order[:size].split(self.batch_size):
            yield tuple(tensor.index_select(0, rows) for tensor in self.dataset.tensors)


def _in_memory(dataset: TensorDataset | Subset) -> TensorDataset:
    """The dataset itself, or the rows of a part; raises ValueError on one that makes its examples."""
    how = getattr(type(dataset), "__getitem__", None)
    if isinstance(dataset, Subset) and how is Subset.__getitem__:
        rows = torch.as_tensor(dataset.indices)
        if len(rows) > 0 and (rows.is_floating_point() or rows.dtype == torch.bool):
            raise ValueError(
                f"the indices of a Subset must be integers, got {rows.dtype}; a mask becomes indices by "
                "mask.nonzero().flatten()"
            )
        rows = rows.long()
        return TensorDataset(*(tensor[rows] for tensor in _in_memory(dataset.dataset).tensors))
    if not isinstance(dataset, TensorDataset) or how is not TensorDataset.__getitem__:
        raise ValueError(
            "TensorLoader takes the rows of a TensorDataset, or of a part of one, as they are, got "
            f"a {type(dataset).__name__}; torch.utils.data.DataLoader takes any dataset"
        )
    return dataset
