"""Exercises of perceptron_xor: one perceptron update, XOR by hand, counting parameters."""

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import torch
from scipy.optimize import linprog

from course_utils import seeding
from course_utils.exercises import Answer, exercise
from course_utils.exercises.by_reference import given, right_answer
from course_utils.language import Text
from course_utils.models import MLP, count_parameters

_CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
_XOR = np.array([False, True, True, False])
_OTHER_GATES = {
    "OR": np.array([False, True, True, True]),
    "AND": np.array([False, False, False, True]),
    "NAND": np.array([True, True, True, False]),
    "NOR": np.array([True, False, False, False]),
}

# --- perceptron_update

_RIGHT_SIDE = Text("標籤 {label}，在正確的一側", "label {label}, on its right side")
_WRONG_SIDE = Text("標籤 {label}，在錯的一側", "label {label}, on the wrong side")
_ON_THE_LINE = Text("標籤 {label}，分數剛好是 0", "label {label}, a score of exactly 0")


def _points() -> Iterator[given]:
    for case, weights, bias, x, label in (
        (_RIGHT_SIDE, [2.0, 1.0], -0.7, [1.0, 1.0], 1),
        (_RIGHT_SIDE, [2.0, 1.0], -5.2, [1.0, 1.0], 0),
        (_WRONG_SIDE, [1.0, -1.0], -3.6, [2.0, 1.0], 1),
        (_WRONG_SIDE, [1.0, -1.0], 3.6, [2.0, 1.0], 0),
        (_ON_THE_LINE, [0.0, 0.0], 0.0, [1.0, 2.0], 1),
        (_ON_THE_LINE, [0.0, 0.0], 0.0, [1.0, 2.0], 0),
        (_ON_THE_LINE, [0.5, -1.0, 2.0], 0.25, [1.5, 3.0, 1.0], 0),
        (_ON_THE_LINE, [0.5, -1.0, 2.0], 0.25, [1.5, 3.0, 1.0], 1),
        (_RIGHT_SIDE, [0.5], 1.0, [3.0], 1),
    ):
        yield given(np.array(weights), bias, np.array(x), label, 0.3, case=case.format(label=label))
    rng = seeding.rng(0)
    for label in (0, 1, 0, 1):
        weights, bias, x = rng.normal(size=5), float(rng.normal()), 1e3 * rng.normal(size=5)
        side = _RIGHT_SIDE if (weights @ x + bias > 0) == label else _WRONG_SIDE
        yield given(weights, bias, x, label, 0.03, case=side.format(label=label))


@right_answer(
    cases=_points,
    parts="(weights, bias)",
    enough=torch.float32,
    terms=lambda weights, bias, x, label, rate: (
        abs(weights).max() + abs(bias) + rate * abs(x).max()
    ),
    hint=Text(
        "先問兩件事：這個點現在答對了嗎？答錯的話，分數該往上還是往下？標籤是 0 的點，要靠什麼才能讓分數下降？",
        "Ask two things first: is the point right already? If it is wrong, should its score go up or down? And what could lower the score of a point whose label is 0?",
    ),
)
def perceptron_update(weights, bias, x, label, learning_rate):
    """(weights, bias) after one point, label 0 or 1; a score of 0 counts as wrong."""
    sign = 1 if label == 1 else -1
    step = learning_rate * sign if sign * (weights @ x + bias) <= 0 else 0.0
    return weights + step * x, bias + step


def _wrong_update(name: str, text: Text, *steps: Callable) -> None:
    """steps: of (score, label, rate), how far to go along x and with the bias, or one for both."""

    def updated(step, weights, bias, x, label, rate):
        weight_step, bias_step = np.broadcast_to(step(weights @ x + bias, label, rate), 2)
        return weights + weight_step * x, bias + bias_step

    ways = (lambda *point, step=step: updated(step, *point) for step in steps)
    perceptron_update.mistake(name, text, *ways)


def _is_wrong(score: float, label: int) -> bool:
    return (2 * label - 1) * score <= 0


_wrong_update(
    "update_on_correct",
    Text(
        "這個點已經在正確的一側，你還是動了權重。感知機只從錯誤中學習；否則它永遠停不下來。",
        "the point was on its right side already, and you moved the weights all the same. A perceptron learns from mistakes only; otherwise it never comes to rest.",
    ),
    lambda score, label, rate: rate * (2 * label - 1),
    lambda score, label, rate: rate * label,
    lambda score, label, rate: 2 * label - 1,
)
_wrong_update(
    "zero_one_labels",
    Text(
        "你把 0/1 的標籤當成 −1/+1 來用。標籤 0 乘上任何東西都是 0，於是這類錯誤不會（或錯誤地）改變權重。",
        "you used the labels 0/1 as if they were −1/+1. A label of 0 makes every product 0, so mistakes on such points change nothing, or the wrong thing.",
    ),
    lambda score, label, rate: rate * label * (label * score <= 0),
    lambda score, label, rate: rate * (label - np.sign(score)),
    lambda score, label, rate: rate * label * ((1 if score > 0 else -1) != label),
    lambda score, label, rate: rate * label * _is_wrong(score, label),
)
_wrong_update(
    "bias_forgotten",
    Text(
        "權重對了，偏置卻沒動。偏置不變，這條線就只能轉動，不能平移。",
        "the weights are right, but the bias stayed where it was: the line can turn and not shift.",
    ),
    lambda score, label, rate: (rate * (2 * label - 1) * _is_wrong(score, label), 0.0),
)
_wrong_update(
    "learning_rate_forgotten",
    Text(
        "方向對了，但步伐的大小不對：learning_rate 要用在權重，也要用在偏置。",
        "the direction is right and the length is not: learning_rate belongs to the weights and to the bias.",
    ),
    lambda score, label, rate: (2 * label - 1) * _is_wrong(score, label),
    lambda score, label, rate: (2 * label - 1) * _is_wrong(score, label) * np.array([rate, 1]),
    lambda score, label, rate: (2 * label - 1) * _is_wrong(score, label) * np.array([1, rate]),
)
_wrong_update(
    "wrong_sign",
    Text(
        "方向反了：更新之後，這個點的分數離正確的一側更遠。",
        "this goes the wrong way: after the update the point's score is further from its side.",
    ),
    lambda score, label, rate: -rate * (2 * label - 1) * _is_wrong(score, label),
    lambda score, label, rate: rate * (int(score > 0) - label),
    lambda score, label, rate: rate * (int(score >= 0) - label),
)
_wrong_update(
    "on_the_line",
    Text(
        "分數剛好是 0 的點，不論標籤是什麼都要算錯。不然從全零開始，有些點就永遠不會更新。",
        "a point whose score is exactly 0 counts as wrong, whichever its label. Otherwise some points would never move weights that start at zero.",
    ),
    lambda score, label, rate: rate * (2 * label - 1) * ((2 * label - 1) * score < 0),
    lambda score, label, rate: rate * (label - int(score > 0)),
    lambda score, label, rate: rate * (label - int(score >= 0)),
)
_wrong_update(
    "delta_rule",
    Text(
        "你用了標籤與「分數」的差。那是另一種規則（Widrow-Hoff）；感知機看的是「對或錯」，不看差多少。",
        "you used the difference between label and score. That is another rule (Widrow-Hoff); a perceptron asks whether it was wrong, not by how much.",
    ),
    lambda score, label, rate: rate * (label - score),
)


# --- xor_weights


@exercise(
    hint=Text(
        "令 s = x1 + x2，它只有 0、1、2 三個值，而你要的分數是先正後負。一個 ReLU 給你一個轉折：轉折該放在 s 的哪裡，轉過去之後斜率該變成多少？",
        "Let s = x1 + x2: it takes the values 0, 1, 2 only, and the score should rise and then "
        "fall. Each ReLU gives one bend: where along s should it be, and what slope after it?",
    ),
    missing_entries=Text(
        "字典裡少了 {names}。四個鍵是 W1、b1、w2、b2。",
        "the dict lacks {names}. Its four keys are W1, b1, w2, b2.",
    ),
    step_units=Text(
        "如果隱藏單元是階梯函數，這組數字就對了；但這裡是 ReLU：通過門檻之後，它的值會繼續長大，不會停在 1。",
        "with step functions as hidden units this would be right. These are ReLUs: past the "
        "threshold their value goes on growing, it does not stop at 1.",
    ),
    transposed=Text(
        "把 W1 轉置之後就對了：W1 的一「列」是一個隱藏單元的權重，和 nn.Linear 一樣。",
        "transposed, your W1 would work: one row of W1 holds the weights of one hidden unit, as in "
        "nn.Linear.",
    ),
    inverted=Text(
        "四個點全部相反：你做出的是 XNOR。分數大於 0 才代表 1。",
        "all four points are the wrong way round: this is XNOR. A score above 0 means 1.",
    ),
    bias_forgotten=Text(
        "兩個隱藏單元的偏置都是 0，所以它們的轉折都只能經過原點。對你選的權重來說，那裡什麼也分不開。",
        "both hidden biases are 0, so both units can bend only along lines through the origin. "
        "With the weights you chose, that separates nothing that matters.",
    ),
    never_bends=Text(
        "在這四個點上，你的網路其實還是一條直線：每個隱藏單元不是一直開著，就是一直關著，沒有轉折。",
        "on these four points your network is still a straight line: every hidden unit is either "
        "always on or always off, and nothing bends.",
    ),
    another_gate=Text(
        "你做出的是 {gate}。很接近了：看看哪一個點和 XOR 不同，再想想是哪個單元該為它負責。",
        "what you built is {gate}. Close: find the point where it differs from XOR, and ask which "
        "unit should take care of it.",
    ),
)
def xor_weights(answer: Answer) -> None:
    """A dict of W1 (2, 2), b1 (2), w2 (2), b2 of a 2-2-1 ReLU net whose score is > 0 for XOR."""
    shapes = {"W1": (2, 2), "b1": (2,), "w2": (2,), "b2": ()}
    entries = answer.entries()
    if missing := [name for name in shapes if entries.get(name, ...) is ...]:
        answer.mistake("missing_entries", names=", ".join(missing))
    numbers = []
    for name, shape in shapes.items():
        array = answer.numbers(entries[name], name).astype(float)
        if array.size != np.prod(shape) or (name == "W1" and array.shape != shape):
            answer.mistake("wrong_shape", expected=f"{name}: {shape}", got=array.shape)
        numbers.append(array.reshape(shape))
    w1, b1, w2, b2 = numbers
    hidden = _relu(_CORNERS @ w1.T + b1)
    output = _is_above_0(hidden, w2, b2)
    if (output == _XOR).all():
        return
    if (_is_above_0(_CORNERS @ w1.T + b1 > 0, w2, b2) == _XOR).all():
        answer.mistake("step_units")
    if (_is_above_0(_relu(_CORNERS @ w1 + b1), w2, b2) == _XOR).all():
        answer.mistake("transposed")
    if (output == ~_XOR).all():
        answer.mistake("inverted")
    for gate, values in _OTHER_GATES.items():
        if (output == values).all():
            answer.mistake("another_gate", gate=gate)
    if not b1.any() and not _can_be_parted(hidden):
        answer.mistake("bias_forgotten")
    before = _CORNERS @ w1.T + b1
    if ((before >= 0).all(axis=0) | (before <= 0).all(axis=0)).all():
        answer.mistake("never_bends")
    index = int(np.flatnonzero(output != _XOR)[0])
    score = float((hidden @ w2 + b2)[index])
    case = f"x = {tuple(_CORNERS[index].tolist())}, score = {score:.3g}"
    answer.require(bool(output[index]), bool(_XOR[index]), case)


def _relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


def _is_above_0(hidden: np.ndarray, w2: np.ndarray, b2: np.ndarray) -> np.ndarray:
    """For each corner, whether the score is above 0, and not by rounding alone."""
    return hidden @ w2 + b2 > 1e-9 * (np.abs(hidden) @ np.abs(w2) + np.abs(b2))


def _can_be_parted(hidden: np.ndarray) -> bool:
    """Whether some w2 and b2 would make XOR of these hidden values: a linear program."""
    signs = np.where(_XOR, 1.0, -1.0)[:, None]
    rows = signs * np.column_stack([hidden, np.ones(4)])
    found = linprog(np.zeros(3), A_ub=-rows, b_ub=-np.ones(4), bounds=(None, None))
    return found.status == 0


# --- count_mlp_parameters


def _widths() -> Iterator[given]:
    for widths in ([4, 5, 3], [5, 3], [2, 4, 1], [3, 8, 8, 2], [10, 1, 7], [784, 256, 128, 10]):
        yield given(widths)


@right_answer(
    cases=_widths,
    hint=Text(
        "一次看相鄰的兩層：從 m 個數到 n 個數，線性層需要幾個權重？n 個輸出各自還多了什麼？",
        "Take two neighboring layers at a time: from m numbers to n, how many weights does the linear layer need? And what else does each of the n outputs have?",
    ),
)
def count_mlp_parameters(widths):
    """Weights and biases of a fully connected net, counted over torch's own tensors."""
    return count_parameters(MLP(widths[0], widths[1:-1], widths[-1]))


def _weights(widths: list[int]) -> int:
    return sum(m * n for m, n in pairwise(widths))


count_mlp_parameters.mistake(
    "biases_forgotten",
    Text(
        "權重都數到了，偏置一個也沒數：每個神經元除了權重，還有什麼會被訓練？",
        "you counted all weights and no bias: what else is trained in each neuron?",
    ),
    _weights,
)
count_mlp_parameters.mistake(
    "input_biases",
    Text(
        "輸入只是資料，不是神經元，沒有偏置。",
        "the inputs are data, not neurons: they have no biases.",
    ),
    lambda widths: _weights(widths) + sum(widths),
)
count_mlp_parameters.mistake(
    "one_bias_per_layer",
    Text(
        "你給每一層一個偏置；但同一層的神經元並不共用偏置。",
        "you gave each layer one bias, but neurons of a layer do not share theirs.",
    ),
    lambda widths: _weights(widths) + len(widths) - 1,
)
count_mlp_parameters.mistake(
    "output_bias_forgotten",
    Text(
        "隱藏層都數對了，最後一層的偏置漏掉了：輸出層也是線性層。",
        "the hidden layers are right, but the last layer's biases are missing: it is a linear layer too.",
    ),
    lambda widths: _weights(widths) + sum(widths[1:-1]),
)
count_mlp_parameters.mistake(
    "counts_neurons",
    Text(
        "你數的是神經元（或輸入）的個數。每個神經元對上一層的每個數，都有自己的一個權重。",
        "you counted neurons (or inputs). Each neuron has a weight of its own for every number in the layer before.",
    ),
    sum,
    lambda widths: sum(widths[1:]),
)
count_mlp_parameters.mistake(
    "product_of_widths",
    Text(
        "你把所有寬度乘在一起。一層的權重只連接相鄰的兩層，各層的數目要相加。",
        "you multiplied all the widths. A layer's weights connect neighbors only, and the layers' counts are added.",
    ),
    np.prod,
    lambda widths: np.prod(widths) + sum(widths[1:]),
)
