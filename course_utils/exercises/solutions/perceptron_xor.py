"""Reference solutions of perceptron_xor."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np


def perceptron_update(
    weights: np.ndarray, bias: float, x: np.ndarray, label: int, learning_rate: float
) -> tuple[np.ndarray, float]:
    """Weights and bias after one point with label 0 or 1; a score of 0 counts as wrong."""
    sign = 2 * label - 1
    if sign * (weights @ x + bias) > 0:
        return weights, bias
    return weights + learning_rate * sign * x, bias + learning_rate * sign


#: Both units look at x1 + x2: one turns on above 0, the other above 1 and pulls twice as hard.
xor_weights = {"W1": [[1, 1], [1, 1]], "b1": [0, -1], "w2": [1, -2], "b2": 0}


def count_mlp_parameters(widths: Sequence[int]) -> int:
    """How many weights and biases a fully connected net of these widths has."""
    return sum(fan_in * fan_out + fan_out for fan_in, fan_out in pairwise(widths))
