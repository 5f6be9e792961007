"""Reference solution of start_here."""

from torch import Tensor


def accuracy(predictions: Tensor, labels: Tensor) -> Tensor:
    """Share of equal entries."""
    return (predictions == labels).float().mean()
