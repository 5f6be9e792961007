"""Solutions of the lesson perceptron_xor, from which `make notebooks` generates this file."""

from itertools import pairwise


def perceptron_update(weights, bias, x, label, learning_rate):
    """Weights and bias after one point with label 0 or 1; a score of 0 counts as wrong."""
    sign = 2 * label - 1
    if sign * (weights @ x + bias) > 0:
        return weights, bias
    return weights + learning_rate * sign * x, bias + learning_rate * sign


xor_weights = {"W1": [[1, 1], [1, 1]], "b1": [0, -1], "w2": [1, -2], "b2": 0}


def count_mlp_parameters(widths):
    """How many weights and biases a fully connected net of these widths has."""
    return sum(fan_in * fan_out + fan_out for fan_in, fan_out in pairwise(widths))
