"""A data set in batches, shuffled or not."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from course_utils.numpy_track.checks import check_count, check_rng
from course_utils.numpy_track.model_interface import check_pair

Batches = Iterator[tuple[np.ndarray, np.ndarray]]


def create_batches(
    X: Any,
    y: Any,
    batch_size: int = 32,
    shuffle: bool = True,
    *,
    rng: np.random.Generator | int | None = None,
) -> Batches:
    """Yield (X_batch, y_batch) until every row has come once; the last batch may be shorter.

    Args:
        X: (N, ...).
        y: (N, ...). The batches are copies of both.
        batch_size: at least 1.
        shuffle: whether the rows come in random order.
        rng: generator or seed that governs the order; a generator gives each epoch another order, a
            seed the same one in each.

    Raises:
        ValueError: at the call and not at the first batch, on empty or unequally long arrays, on NaN
            or infinite numbers, and on a batch size below 1.

    >>> [y.tolist() for _, y in create_batches(np.zeros((5, 2)), np.arange(5), 2, shuffle=False)]
    [[0, 1], [2, 3], [4]]
    """
    X, y = check_pair(X, y)
    check_count("batch_size", batch_size)
    order = check_rng(rng).permutation(len(X)) if shuffle else np.arange(len(X))
    return _take(X, y, np.split(order, range(batch_size, len(X), batch_size)))


def _take(X: np.ndarray, y: np.ndarray, parts: list[np.ndarray]) -> Batches:
    for rows in parts:
        yield X[rows], y[rows]
