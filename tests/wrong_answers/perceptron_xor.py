"""Answers to the exercises of perceptron_xor."""

from itertools import pairwise

import numpy as np
import torch
from torch import nn

from course_utils.exercises import perceptron_xor as exercises

from . import right, wrong

# ---- perceptron_update


@wrong(exercises.perceptron_update, "update_on_correct")
def moves_every_time(weights, bias, x, label, learning_rate):
    sign = 2 * label - 1
    return weights + learning_rate * sign * x, bias + learning_rate * sign


@wrong(exercises.perceptron_update, "update_on_correct")
def adds_every_positive_point(weights, bias, x, label, learning_rate):
    return weights + learning_rate * label * x, bias + learning_rate * label


@wrong(exercises.perceptron_update, "zero_one_labels")
def copies_the_rule_of_the_lesson(weights, bias, x, label, learning_rate):
    if label * (weights @ x + bias) <= 0:
        weights = weights + learning_rate * label * x
        bias = bias + learning_rate * label
    return weights, bias


@wrong(exercises.perceptron_update, "zero_against_minus_one")
def predicts_plus_or_minus_one(weights, bias, x, label, learning_rate):
    error = label - np.sign(weights @ x + bias)
    return weights + learning_rate * error * x, bias + learning_rate * error


@wrong(exercises.perceptron_update, "zero_one_labels")
def compares_one_kind_with_the_other(weights, bias, x, label, learning_rate):
    prediction = 1 if weights @ x + bias > 0 else -1
    if prediction != label:
        weights, bias = weights + learning_rate * label * x, bias + learning_rate * label
    return weights, bias


@wrong(exercises.perceptron_update, "bias_forgotten")
def moves_the_weights_only(weights, bias, x, label, learning_rate):
    sign = 2 * label - 1
    if sign * (weights @ x + bias) <= 0:
        weights = weights + learning_rate * sign * x
    return weights, bias


@wrong(exercises.perceptron_update, "learning_rate_forgotten")
def always_a_whole_step(weights, bias, x, label, learning_rate):
    sign = 2 * label - 1
    if sign * (weights @ x + bias) <= 0:
        weights, bias = weights + sign * x, bias + sign
    return weights, bias


@wrong(exercises.perceptron_update, "learning_rate_forgotten")
def the_bias_a_whole_step(weights, bias, x, label, learning_rate):
    sign = 2 * label - 1
    if sign * (weights @ x + bias) <= 0:
        weights, bias = weights + learning_rate * sign * x, bias + sign
    return weights, bias


@wrong(exercises.perceptron_update, "wrong_sign")
def prediction_minus_label(weights, bias, x, label, learning_rate):
    error = (weights @ x + bias > 0) * 1 - label
    return weights + learning_rate * error * x, bias + learning_rate * error


@wrong(exercises.perceptron_update, "on_the_line")
def a_zero_score_means_class_zero(weights, bias, x, label, learning_rate):
    error = label - (weights @ x + bias > 0)
    return weights + learning_rate * error * x, bias + learning_rate * error


@wrong(exercises.perceptron_update, "on_the_line")
def below_zero_only(weights, bias, x, label, learning_rate):
    sign = 2 * label - 1
    if sign * (weights @ x + bias) < 0:
        weights, bias = weights + learning_rate * sign * x, bias + learning_rate * sign
    return weights, bias


@wrong(exercises.perceptron_update, "delta_rule")
def label_minus_score(weights, bias, x, label, learning_rate):
    error = label - (weights @ x + bias)
    return weights + learning_rate * error * x, bias + learning_rate * error


@wrong(exercises.perceptron_update, "changed_argument")
def adds_in_place(weights, bias, x, label, learning_rate):
    sign = 2 * label - 1
    if sign * (weights @ x + bias) <= 0:
        weights += learning_rate * sign * x
        bias += learning_rate * sign
    return weights, bias


@wrong(exercises.perceptron_update, "wrong_type")
def returns_the_weights_only(weights, bias, x, label, learning_rate):
    sign = 2 * label - 1
    return weights + learning_rate * sign * x * (sign * (weights @ x + bias) <= 0)


@wrong(exercises.perceptron_update, "swapped_results")
def bias_first(weights, bias, x, label, learning_rate):
    weights, bias = plain_lists_on_its_own_copy(weights, bias, x, label, learning_rate)
    return bias, weights


@wrong(exercises.perceptron_update, "nothing_where_right")
def returns_only_where_it_is_wrong(weights, bias, x, label, learning_rate):
    sign = 2 * label - 1
    if sign * (weights @ x + bias) <= 0:
        return weights + learning_rate * sign * x, bias + learning_rate * sign


@wrong(exercises.perceptron_update, "raised")
def returns_nothing_where_it_is_right(weights, bias, x, label, learning_rate):
    sign = 2 * label - 1
    if sign * (weights @ x + bias) <= 0:
        bias += learning_rate * sign
        weights = weights + learning_rate * sign * x
    return weights[2 * label], bias


@right(exercises.perceptron_update)
def one_long_vector_in_torch(weights, bias, x, label, learning_rate):
    state = torch.tensor([*weights, bias], dtype=torch.float64)
    point = torch.tensor([*x, 1.0], dtype=torch.float64)
    score = torch.dot(state, point)
    wrong_side = torch.logical_xor(score > 0, torch.tensor(label == 1)) | (score == 0)
    state += learning_rate * (2 * label - 1) * wrong_side * point
    return state[:-1], state[-1]


@right(exercises.perceptron_update)
def plain_lists_on_its_own_copy(weights, bias, x, label, learning_rate):
    weights = list(weights)
    score = bias + sum(w * v for w, v in zip(weights, x, strict=True))
    if label == 1 and score <= 0:
        error = 1
    elif label == 0 and score >= 0:
        error = -1
    else:
        error = 0
    for index, value in enumerate(x):
        weights[index] += learning_rate * error * value
    return [weights, bias + learning_rate * error]


# ---- xor_weights

wrong(exercises.xor_weights, "step_units")(
    {"W1": [[1, 1], [1, 1]], "b1": [-0.5, -1.5], "w2": [1, -1], "b2": -0.5}
)
wrong(exercises.xor_weights, "step_units")(
    {"W1": [[1, 1], [-1, -1]], "b1": [-0.5, 1.5], "w2": [1, 1], "b2": -1.5}
)
wrong(exercises.xor_weights, "transposed")(
    {"W1": [[2, -1], [-2, 1]], "b1": [0, 0], "w2": [1, 2], "b2": 0}
)
wrong(exercises.xor_weights, "inverted")(
    {"W1": [[1, 1], [1, 1]], "b1": [0, -1], "w2": [-1, 2], "b2": 0.5}
)
wrong(exercises.xor_weights, "bias_forgotten")(
    {"W1": [[1, 1], [1, 1]], "b1": [0, 0], "w2": [1, -2], "b2": 0}
)
wrong(exercises.xor_weights, "never_bends")(
    {"W1": [[1, 1], [1, -1]], "b1": [0.5, 1], "w2": [1, 1], "b2": -2}
)
wrong(exercises.xor_weights, "step_units")(
    {"W1": [[1, 1], [1, 1]], "b1": [0, -1], "w2": [1, -1], "b2": 0}
)
wrong(exercises.xor_weights, "another_gate")(
    {"W1": [[1, 1], [1, 1]], "b1": [0, -1], "w2": [1, -0.5], "b2": 0}
)
wrong(exercises.xor_weights, "another_gate")(
    {"W1": [[1, 1], [1, 1]], "b1": [0, -1], "w2": [-1, -3], "b2": 1.5}
)
wrong(exercises.xor_weights, "threshold_off")(
    {"W1": [[1, 1], [1, 1]], "b1": [0, -1], "w2": [1, -3], "b2": 0.5}
)
wrong(exercises.xor_weights, "transposed")(  # with step functions it would be right, too
    {"W1": [[1, 2], [1, 2]], "b1": [0, -2], "w2": [1, -1], "b2": 0}
)
wrong(exercises.xor_weights, "missing_entries")({"W1": [[1, 1], [1, 1]], "b1": [0, -1]})
wrong(exercises.xor_weights, "wrong_shape")({"W1": [1, 1], "b1": [0, -1], "w2": [1, -2], "b2": 0})
wrong(exercises.xor_weights, "wrong_type")(([[1, 1], [1, 1]], [0, -1], [1, -2], 0))
wrong(exercises.xor_weights, "hidden_layer_wrong")(
    {"W1": [[1, -1], [-1, 1]], "b1": [0, -1], "w2": [1, 1], "b2": 0}
)

right(exercises.xor_weights)(
    {"W1": [[1, -1], [-1, 1]], "b1": [0, 0], "w2": [1, 1], "b2": 0}  # |x1 - x2|
)
right(exercises.xor_weights)(
    {  # as a trained nn.Linear holds them, and the hidden units look at the two equal corners
        "W1": torch.tensor([[-2.0, -2.0], [2.0, 2.0]]),
        "b1": torch.tensor([2.0, -2.0]),
        "w2": torch.tensor([[-1.0, -1.0]]),
        "b2": np.array([1.0], dtype=np.float32),
    }
)
wrong(exercises.xor_weights, "missing_entries")({"W1": ..., "b1": [0, -1], "w2": [1, -2], "b2": 0})
wrong(exercises.xor_weights, "wrong_type")({"W1": "1111", "b1": [0, -1], "w2": [1, -2], "b2": 0})
wrong(exercises.xor_weights, "hidden_layer_right")(  # its hidden layer is right, biases of 0 or not
    {"W1": [[1, -1], [-1, 1]], "b1": [0, 0], "w2": [1, -1], "b2": 0.5}
)

right(exercises.xor_weights)(
    {
        "W1": nn.Parameter(torch.tensor([[1e-6, 1e-6], [1e-6, 1e-6]])),
        "b1": nn.Parameter(torch.tensor([0.0, -1e-6])),
        "w2": nn.Parameter(torch.tensor([[1e-6, -2e-6]])),
        "b2": torch.zeros(1, requires_grad=True),
    }
)
right(exercises.xor_weights)(
    {"W1": ((10, 10), (-1, -1)), "b1": (-15, 0.5), "w2": (-1, -4), "b2": 1.5, "note": "scaled"}
)

# ---- count_mlp_parameters


@wrong(exercises.count_mlp_parameters, "biases_forgotten")
def weights_only(widths):
    return sum(m * n for m, n in pairwise(widths))


@wrong(exercises.count_mlp_parameters, "input_biases")
def a_bias_for_every_circle(widths):
    return weights_only(widths) + sum(widths)


@wrong(exercises.count_mlp_parameters, "one_bias_per_layer")
def one_bias_each(widths):
    return sum(m * n + 1 for m, n in pairwise(widths))


@wrong(exercises.count_mlp_parameters, "output_bias_forgotten")
def no_bias_at_the_end(widths):
    return weights_only(widths) + sum(widths[1:-1])


@wrong(exercises.count_mlp_parameters, "counts_neurons")
def adds_the_widths(widths):
    return sum(widths)


@wrong(exercises.count_mlp_parameters, "counts_neurons")
def adds_hidden_and_output(widths):
    return sum(widths[1:])


@wrong(exercises.count_mlp_parameters, "product_of_widths")
def multiplies_everything(widths):
    return int(np.prod(widths))


@wrong(exercises.count_mlp_parameters, "one_hidden_layer")
def three_layers_only(widths):
    return (widths[0] + 1) * widths[1] + (widths[1] + 1) * widths[-1]


@wrong(exercises.count_mlp_parameters, "wrong_value")
def loses_small_counts_in_float16(widths):
    return torch.tensor(asks_torch(widths), dtype=torch.bfloat16)


@wrong(exercises.count_mlp_parameters, "changed_argument")
def pops_as_it_goes(widths):
    total, fan_in = 0, widths.pop(0)
    while widths:
        fan_out = widths.pop(0)
        total, fan_in = total + (fan_in + 1) * fan_out, fan_out
    return total


@wrong(exercises.count_mlp_parameters, "layers_left_out")
def first_layer_only(widths):
    return (widths[0] + 1) * widths[1]


@right(exercises.count_mlp_parameters)
def asks_torch(widths):
    layers = [nn.Linear(m, n) for m, n in pairwise(widths)]
    return torch.tensor(sum(p.numel() for layer in layers for p in layer.parameters()))


@right(exercises.count_mlp_parameters)
def as_one_dot_product(widths):
    widths = np.array(widths)
    widths[:-1] += 1
    fan_out = widths[1:].copy()
    fan_out[:-1] -= 1
    return widths[:-1] @ fan_out
