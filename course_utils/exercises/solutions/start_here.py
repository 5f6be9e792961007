"""Reference solution of lesson 00."""

from torch import Tensor


def accuracy(predictions: Tensor, labels: Tensor) -> Tensor:
    """Share of equal entries."""
    return (predictions == labels).float().mean()
