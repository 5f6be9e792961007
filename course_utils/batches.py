"""Batches of any loader, each checked as it comes: a pair of tensors with an example per row."""

from collections.abc import Iterable, Iterator
from operator import length_hint
from typing import Any

from torch import Tensor

Batches = Iterable[tuple[Tensor, Tensor]]

EMPTY = (
    "the loader is empty; it must give at least one batch. An iterator or a generator is used up "
    "after one pass: give a DataLoader, a TensorLoader or a list of batches. With drop_last=True, "
    "batch_size must not exceed the number of examples"
)


def batches_of(loader: Batches) -> Iterator[tuple[Tensor, Tensor]]:
    """The batches of ``loader``, one pass.

    Raises ValueError if there is none, or if one is not a pair (inputs, labels) of tensors with an
    example per row in both.
    """
    found = False
    for batch in loader:
        found = True
        yield checked_pair(batch)
    if not found:
        raise ValueError(EMPTY)


def require_loader(loader: Batches, name: str = "the loader") -> None:
    """Raise ValueError if ``loader`` is known, without asking it for a batch, not to last a training run."""
    if not isinstance(loader, Iterable):
        raise ValueError(
            f"{name} must be iterable, got a {type(loader).__name__}; give a DataLoader, a "
            "TensorLoader or a list of batches"
        )
    if isinstance(loader, Iterator):
        raise ValueError(
            f"{name} is a {type(loader).__name__} that can be walked only once; give a "
            "DataLoader, a TensorLoader or a list of batches"
        )
    if length_hint(loader, 1) == 0:
        raise ValueError(EMPTY.replace("the loader", name))


def checked_pair(batch: Any) -> tuple[Tensor, Tensor]:
    """``batch`` if it is a pair of tensors of one length; raises ValueError if not."""
    is_pair = isinstance(batch, tuple | list) and len(batch) == 2
    if not is_pair or not all(isinstance(part, Tensor) for part in batch):
        raise ValueError(
            f"a batch must be a pair of tensors (inputs, labels), got {described(batch)}; make "
            "pairs, for instance by `[(batch[...], batch[...]) for batch in loader]`, or in the "
            "collate_fn of DataLoader"
        )
    inputs, labels = batch
    if inputs.ndim == 0 or labels.ndim == 0:
        raise ValueError(
            f"inputs and labels must have an example per row, got shapes {tuple(inputs.shape)} and "
            f"{tuple(labels.shape)}; a dataset must be given in a DataLoader or a TensorLoader"
        )
    if len(inputs) != len(labels):
        raise ValueError(
            f"inputs and labels must have an example per row and as many rows as each other, got "
            f"{len(inputs)} and {len(labels)} rows; if the examples lie along another "
            "dimension, put it first"
        )
    if len(inputs) == 0:
        raise ValueError("a batch must hold at least one example, got none; leave it out")
    return inputs, labels


def require_tensor(outputs: Any) -> Tensor:
    """``outputs`` of a model if they are one tensor; raises ValueError if not."""
    if not isinstance(outputs, Tensor):
        raise ValueError(
            f"the model must return one tensor, got {described(outputs)}; return only what the "
            "criterion is to judge"
        )
    return outputs


def described(batch: Any) -> str:
    """What a batch, or a model's output, is, for a message."""
    if isinstance(batch, dict):
        return f"a dict with the keys {', '.join(map(repr, batch))}"
    if isinstance(batch, tuple | list):
        types = ", ".join(type(part).__name__ for part in batch)
        return f"a {type(batch).__name__} of {len(batch)} ({types})"
    return f"a {type(batch).__name__}"
