"""Answers to the exercises of perceptron_xor, written from the prompts alone."""

from itertools import pairwise

import numpy as np
import torch

from course_utils.exercises import perceptron_xor as exercises

from .. import right, wrong

# ---- perceptron_update


@wrong(
    exercises.perceptron_update, "zero_one_labels"
)  # label 0 is not turned into -1: it never updates
def zero_never_updates(weights, bias, x, label, learning_rate):
    sign = 2 * label - 1
    if sign * (weights @ x + bias) <= 0:
        weights = weights + learning_rate * label * x
        bias = bias + learning_rate * label
    return weights, bias


@wrong(
    exercises.perceptron_update, "label_0_always_wrong"
)  # the test uses the label 0: always counts as wrong
def zero_always_wrong(weights, bias, x, label, learning_rate):
    if label * (weights @ x + bias) <= 0:
        sign = 1 if label == 1 else -1
        weights = weights + learning_rate * sign * x
        bias = bias + learning_rate * sign
    return weights, bias


@wrong(exercises.perceptron_update, "on_the_line")  # a score of exactly 0 counts as right
def zero_score_is_right(weights, bias, x, label, learning_rate):
    sign = 2 * label - 1
    if sign * (np.dot(weights, x) + bias) < 0:
        return weights + learning_rate * sign * x, bias + learning_rate * sign
    return weights, bias


@wrong(
    exercises.perceptron_update, "on_the_line"
)  # error rule with score >= 0 as 1: label 1 stays at 0
def zero_score_means_one(weights, bias, x, label, learning_rate):
    prediction = 1 if weights @ x + bias >= 0 else 0
    error = label - prediction
    return weights + learning_rate * error * x, bias + learning_rate * error


@wrong(
    exercises.perceptron_update, "on_the_line"
)  # error rule with score > 0 as 1: label 0 stays at 0
def zero_score_means_zero(weights, bias, x, label, learning_rate):
    error = label - int(weights @ x + bias > 0)
    return weights + learning_rate * error * x, bias + learning_rate * error


@wrong(
    exercises.perceptron_update, "learning_rate_forgotten"
)  # the bias moves a whole step, without the rate
def bias_without_rate(weights, bias, x, label, learning_rate):
    sign = 2 * label - 1
    if sign * (weights @ x + bias) <= 0:
        weights, bias = weights + learning_rate * sign * x, bias + sign
    return weights, bias


@wrong(exercises.perceptron_update, "learning_rate_forgotten")  # the learning rate is ignored
def without_rate(weights, bias, x, label, learning_rate):
    sign = 2 * label - 1
    if sign * (weights @ x + bias) <= 0:
        weights, bias = weights + sign * x, bias + sign
    return weights, bias


@wrong(exercises.perceptron_update, "bias_forgotten")  # the bias is never updated
def bias_stays(weights, bias, x, label, learning_rate):
    sign = 2 * label - 1
    if sign * (weights @ x + bias) <= 0:
        weights = weights + learning_rate * sign * x
    return weights, bias


@wrong(exercises.perceptron_update, "changed_argument")  # += changes the given weights
def weights_in_place(weights, bias, x, label, learning_rate):
    sign = 2 * label - 1
    if sign * (weights @ x + bias) <= 0:
        weights += learning_rate * sign * x
        bias += learning_rate * sign
    return weights, bias


@wrong(exercises.perceptron_update, "wrong_sign")  # the sign of the update is wrong
def moves_away(weights, bias, x, label, learning_rate):
    sign = 2 * label - 1
    if sign * (weights @ x + bias) <= 0:
        return weights - learning_rate * sign * x, bias - learning_rate * sign
    return weights, bias


@wrong(exercises.perceptron_update, "update_on_correct")  # updates even if the point is right
def updates_always(weights, bias, x, label, learning_rate):
    sign = 2 * label - 1
    return weights + learning_rate * sign * x, bias + learning_rate * sign


@wrong(exercises.perceptron_update, "score_without_bias")  # the score leaves out the bias
def score_without_bias(weights, bias, x, label, learning_rate):
    sign = 2 * label - 1
    if sign * (weights @ x) <= 0:
        return weights + learning_rate * sign * x, bias + learning_rate * sign
    return weights, bias


@wrong(exercises.perceptron_update, "raised")  # the score uses the first two inputs only
def two_inputs_only(weights, bias, x, label, learning_rate):
    sign = 2 * label - 1
    if sign * (weights[0] * x[0] + weights[1] * x[1] + bias) <= 0:
        return weights + learning_rate * sign * x, bias + learning_rate * sign
    return weights, bias


@wrong(
    exercises.perceptron_update, "delta_rule"
)  # proportional to the error of the score (delta rule)
def delta_rule(weights, bias, x, label, learning_rate):
    score = weights @ x + bias
    sign = 2 * label - 1
    if sign * score <= 0:
        return weights + learning_rate * (sign - score) * x, bias + learning_rate * (sign - score)
    return weights, bias


@wrong(exercises.perceptron_update, "swapped_results")  # bias first, weights second
def bias_comes_first(weights, bias, x, label, learning_rate):
    sign = 2 * label - 1
    if sign * (weights @ x + bias) <= 0:
        return bias + learning_rate * sign, weights + learning_rate * sign * x
    return bias, weights


@wrong(
    exercises.perceptron_update, "nothing_where_right"
)  # returns nothing for a point that is right
def none_when_right(weights, bias, x, label, learning_rate):
    sign = 2 * label - 1
    if sign * (weights @ x + bias) <= 0:
        return weights + learning_rate * sign * x, bias + learning_rate * sign


@right(exercises.perceptron_update)  # two cases written out
def two_cases(weights, bias, x, label, learning_rate):
    score = np.dot(weights, x) + bias
    if label == 1 and score <= 0:
        return weights + learning_rate * x, bias + learning_rate
    if label == 0 and score >= 0:
        return weights - learning_rate * x, bias - learning_rate
    return weights, bias


@right(exercises.perceptron_update)  # a step of 0 where the point is right
def step_of_zero(weights, bias, x, label, learning_rate):
    sign = 1 if label else -1
    step = learning_rate * sign * (sign * (weights @ x + bias) <= 0)
    return weights + step * x, bias + step


@right(exercises.perceptron_update)  # the bias as one more weight
def bias_as_a_weight(weights, bias, x, label, learning_rate):
    full, point = np.append(weights, bias).astype(float), np.append(x, 1.0)
    sign = label * 2 - 1
    if np.sign(full @ point) != sign:
        full = full + learning_rate * sign * point
    return full[:-1], full[-1]


@right(exercises.perceptron_update)  # weight by weight in a loop
def weight_by_weight(weights, bias, x, label, learning_rate):
    score = bias
    for w, value in zip(weights, x, strict=True):
        score += w * value
    sign = -1 if label == 0 else 1
    if score * sign > 0:
        return np.array(weights), bias
    moved = [w + learning_rate * sign * value for w, value in zip(weights, x, strict=True)]
    return np.array(moved), bias + learning_rate * sign


# ---- xor_weights

_xnor = {"W1": [[1, 1], [1, 1]], "b1": [0, -1], "w2": [-1, 2], "b2": 0.5}
_or_gate = {"W1": [[1, 0], [0, 1]], "b1": [0, 0], "w2": [1, 1], "b2": -0.5}
_and_gate = {"W1": [[1, 1], [0, 0]], "b1": [-1, 0], "w2": [1, 0], "b2": 0}
_made_for_steps = {"W1": [[1, 1], [-1, -1]], "b1": [-0.5, 1.5], "w2": [1, 1], "b2": -1.5}
_made_for_sigmoids = {"W1": [[20, 20], [-20, -20]], "b1": [-10, 30], "w2": [20, 20], "b2": -30}
_b2_above_zero = {"W1": [[1, 1], [1, 1]], "b1": [0, -1], "w2": [1, -2], "b2": 0.5}
_w1_transposed = {"W1": [[1, 2], [1, 2]], "b1": [0, -2], "w2": [1, -1], "b2": 0}
_one_side_only = {"W1": [[1, -1], [0, 0]], "b1": [0, 0], "w2": [1, 0], "b2": 0}
_unequal_weight = {"W1": [[1, 1], [1, 1]], "b1": [0, -1], "w2": [1, -1], "b2": 0}
_no_hidden_bias = {"W1": [[1, 1], [1, 1]], "b1": [0, 0], "w2": [1, -2], "b2": 0}
_for_minus_one = {"W1": [[1, 1], [-1, -1]], "b1": [0, 0], "w2": [-1, -1], "b2": 1}
_no_b2 = {"W1": [[1, 1], [1, 1]], "b1": [0, -1], "w2": [1, -2]}
_three_units = {"W1": [[1, -1], [-1, 1], [0, 0]], "b1": [0, 0, 0], "w2": [1, 1, 0], "b2": 0}
_always_zero = {"W1": [[1, -1], [-1, 1]], "b1": [0, 0], "w2": [1, 1], "b2": -1}
_all_zeros = {"W1": [[0, 0], [0, 0]], "b1": [0, 0], "w2": [0, 0], "b2": 0}
_at_least_one_minus_both = {"W1": [[1, 1], [1, 1]], "b1": [0, -1], "w2": [1, -2], "b2": 0}
_two_relus = {
    "W1": np.array([[1.0, -1.0], [-1.0, 1.0]]),
    "b1": np.zeros(2),
    "w2": np.array([3.0, 3.0]),
    "b2": -1.0,
}
_neither_nor_both = {
    "W1": torch.tensor([[-1.0, -1.0], [1.0, 1.0]]),
    "b1": torch.tensor([1.0, -1.0]),
    "w2": torch.tensor([-1.0, -1.0]),
    "b2": torch.tensor(0.5),
}
_passes_the_sum = {"W1": ((100, 100), (250, 250)), "b1": (0, -250), "w2": (1, -2), "b2": -50}
_unequal_units = {"W1": [[1, 1], [2, 2]], "b1": [0, -2], "w2": [1, -1], "b2": 0}

wrong(exercises.xor_weights, "inverted")(_xnor)  # XNOR: the opposite answers
wrong(exercises.xor_weights, "another_gate")(_or_gate)  # OR: (1, 1) gives 1 as well
wrong(exercises.xor_weights, "another_gate")(_and_gate)  # AND: only (1, 1) gives 1
wrong(exercises.xor_weights, "step_units")(
    _made_for_steps
)  # made for step units (OR, NAND), not ReLUs
wrong(exercises.xor_weights, "step_units")(_made_for_sigmoids)  # made for sigmoid units, not ReLUs
wrong(exercises.xor_weights, "threshold_off")(
    _b2_above_zero
)  # b2 above 0: (0, 0) and (1, 1) give 1 too
wrong(exercises.xor_weights, "transposed")(_w1_transposed)  # W1 transposed: a column holds a unit
wrong(exercises.xor_weights, "bias_forgotten")(
    _one_side_only
)  # one side of |x1 - x2| only: (0, 1) gives 0
wrong(exercises.xor_weights, "step_units")(_unequal_weight)  # the unit for both weighs 1, not 2
wrong(exercises.xor_weights, "bias_forgotten")(
    _no_hidden_bias
)  # no hidden bias: the units are the same
wrong(exercises.xor_weights, "another_gate")(
    _for_minus_one
)  # solves XOR for inputs -1 and +1, not 0 and 1
wrong(exercises.xor_weights, "missing_entries")(_no_b2)  # the key b2 is missing
wrong(exercises.xor_weights, "wrong_shape")(_three_units)  # three hidden units instead of two
wrong(exercises.xor_weights, "threshold_off")(
    _always_zero
)  # b2 so low that every score is below 0: always 0
wrong(exercises.xor_weights, "bias_forgotten")(
    _all_zeros
)  # everything 0: a score of 0 does not mean 1
right(exercises.xor_weights)(_at_least_one_minus_both)  # x1 + x2 minus twice both, two scores 0
right(exercises.xor_weights)(_two_relus)  # |x1 - x2| as two ReLUs, NumPy arrays
right(exercises.xor_weights)(_neither_nor_both)  # units for the two corners, tensors
right(exercises.xor_weights)(_passes_the_sum)  # one unit passes x1 + x2, tuples and large numbers
right(exercises.xor_weights)(_unequal_units)  # unequal units: x1 + x2 and 2x1 + 2x2 - 2


# ---- count_mlp_parameters


@wrong(exercises.count_mlp_parameters, "biases_forgotten")  # the biases are left out
def weights_only(widths):
    return sum(a * b for a, b in pairwise(widths))


@wrong(exercises.count_mlp_parameters, "input_biases")  # the input layer gets biases too
def input_has_biases(widths):
    return sum(a * b for a, b in pairwise(widths)) + sum(widths)


@wrong(
    exercises.count_mlp_parameters, "one_bias_per_layer"
)  # one bias for each layer, not for each unit
def one_bias_a_layer(widths):
    return sum(a * b + 1 for a, b in pairwise(widths))


@wrong(
    exercises.count_mlp_parameters, "input_biases"
)  # the bias counted on the side of the inputs: a(b + 1)
def bias_for_each_input(widths):
    return sum(a * (b + 1) for a, b in pairwise(widths))


@wrong(exercises.count_mlp_parameters, "output_bias_forgotten")  # the output layer without biases
def output_without_bias(widths):
    return sum((a + 1) * b for a, b in pairwise(widths)) - widths[-1]


@wrong(exercises.count_mlp_parameters, "raised")  # exactly one hidden layer is assumed
def one_hidden_layer(widths):
    inputs, hidden, outputs = widths
    return (inputs + 1) * hidden + (hidden + 1) * outputs


@wrong(
    exercises.count_mlp_parameters, "one_hidden_layer"
)  # first, second and last width only: others ignored
def first_second_and_last(widths):
    inputs, hidden, outputs = widths[0], widths[1], widths[-1]
    return inputs * hidden + hidden + hidden * outputs + outputs


@wrong(exercises.count_mlp_parameters, "counts_neurons")  # counts the units
def counts_units(widths):
    return sum(widths[1:])


@wrong(exercises.count_mlp_parameters, "product_of_widths")  # the product of all widths
def product_of_all(widths):
    return int(np.prod(widths)) + sum(widths[1:])


@wrong(exercises.count_mlp_parameters, "layers_left_out")  # off by one: the last layer is left out
def last_layer_left_out(widths):
    total = 0
    for i in range(len(widths) - 2):
        total += widths[i] * widths[i + 1] + widths[i + 1]
    return total


@wrong(exercises.count_mlp_parameters, "raised")  # off by one: i + 1 runs past the end
def runs_past_the_end(widths):
    return sum(widths[i] * widths[i + 1] + widths[i + 1] for i in range(len(widths)))


@wrong(exercises.count_mlp_parameters, "counts_tensors")  # the number of weight and bias tensors
def counts_tensors(widths):
    layers = [torch.nn.Linear(a, b) for a, b in pairwise(widths)]
    return len(list(torch.nn.Sequential(*layers).parameters()))


@wrong(exercises.count_mlp_parameters, "constant")  # the answer for 2-4-1, whatever is given
def answer_for_2_4_1(widths):
    return 17


@wrong(exercises.count_mlp_parameters, "layers_left_out")  # the total starts anew in every layer
def keeps_the_last_layer(widths):
    for a, b in pairwise(widths):
        total = 0
        total += (a + 1) * b
    return total


@right(exercises.count_mlp_parameters)  # builds the network and counts
def builds_the_network(widths):
    net = torch.nn.Sequential(*(torch.nn.Linear(a, b) for a, b in pairwise(widths)))
    return sum(p.numel() for p in net.parameters())


@right(exercises.count_mlp_parameters)  # a dot product in numpy
def dot_product(widths):
    widths = np.array(widths)
    return int((widths[:-1] + 1) @ widths[1:])


@right(exercises.count_mlp_parameters)  # recursion from the first layer on
def layer_plus_the_rest(widths):
    if len(widths) < 2:
        return 0
    return widths[0] * widths[1] + widths[1] + layer_plus_the_rest(widths[1:])


@right(exercises.count_mlp_parameters)  # weights and biases in two sums
def two_sums(widths):
    weights = 0
    for i in range(1, len(widths)):
        weights += widths[i - 1] * widths[i]
    return weights + sum(widths) - widths[0]
