"""Exercises of perceptron_xor: one perceptron update, XOR by hand, counting parameters."""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
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


def _is_wrong(score: float, label: int, bias: float) -> bool:
    return (2 * label - 1) * score <= 0


def _sign(score: float, label: int) -> float:
    return 2 * label - 1


def _whole(rate: float) -> tuple[float, float]:
    return rate, rate


def _wrong_update(
    name: str,
    text: Text,
    *,
    gates: Sequence[Callable] = (_is_wrong,),
    directions: Sequence[Callable] = (_sign,),
    lengths: Sequence[Callable] = (_whole,),
) -> None:
    """Whether to move, of (score, label, bias); where to, of (score, label); how far, of the rate.

    lengths: a factor for the weights, and one for the bias.
    """

    def way(gate: Callable, direction: Callable, length: Callable) -> Callable:
        def updated(weights, bias, x, label, rate):
            score = weights @ x + bias
            step = direction(score, label) * gate(score, label, bias)
            of_weights, of_bias = length(rate)
            return weights + step * of_weights * x, bias + step * of_bias

        return updated

    ways = itertools.starmap(way, itertools.product(gates, directions, lengths))
    perceptron_update.mistake(name, text, *ways)


def _always(score: float, label: int, bias: float) -> bool:
    return True


def _of_label_0(score: float, label: int, bias: float) -> bool:
    return label * score <= 0


#: Which points are left alone although their score is 0: all of them, label 0, label 1.
_STRICT = (
    lambda score, label, bias: (2 * label - 1) * score < 0,
    lambda score, label, bias: (score > 0) != label,
    lambda score, label, bias: (score >= 0) != label,
)
_NO_BIAS = (lambda rate: (rate, 0), lambda rate: (1, 0))
_NO_RATE = (lambda rate: (1, 1), lambda rate: (rate, 1), lambda rate: (1, rate))
_ANY_LENGTH = (_whole, *_NO_BIAS, *_NO_RATE)

_wrong_update(
    "update_on_correct",
    Text(
        "這個點已經在正確的一側，你還是動了權重。感知機只從錯誤中學習；否則它永遠停不下來。",
        "the point was on its right side already, and you moved the weights all the same. A perceptron learns from mistakes only; otherwise it never comes to rest.",
    ),
    gates=(_always,),
    directions=(_sign, lambda score, label: label, lambda score, label: 1),
    lengths=_ANY_LENGTH,
)
_wrong_update(
    "moves_the_right_ones",
    Text(
        "答對的點你動了，答錯的點卻沒動：條件反了。",
        "you moved for points that are right, and not for those that are wrong: the condition is reversed.",
    ),
    gates=(
        lambda score, label, bias: (2 * label - 1) * score > 0,
        lambda score, label, bias: (2 * label - 1) * score >= 0,
    ),
    lengths=_ANY_LENGTH,
)
_wrong_update(
    "zero_one_labels",
    Text(
        "你把 0/1 的標籤當成 −1/+1 來用。標籤 0 乘上任何東西都是 0，這類的點就永遠改不了權重。",
        "you used the labels 0/1 as if they were −1/+1. A label of 0 makes every product 0, so that such points never move the weights.",
    ),
    gates=(_is_wrong, _of_label_0, *_STRICT),
    directions=(lambda score, label: label,),
    lengths=_ANY_LENGTH,
)
_wrong_update(
    "label_0_always_wrong",
    Text(
        "你用 0／1 的標籤判斷對錯（乘上分數，或和 −1／+1 的預測相比），標籤是 0 的點就永遠被當成答錯。",
        "you judge by labels of 0 and 1 (times the score, or against a prediction of −1 or +1), and points with label 0 then always count as wrong.",
    ),
    gates=(_of_label_0, lambda score, label, bias: (1 if score > 0 else -1) != label),
    lengths=_ANY_LENGTH,
)
_wrong_update(
    "zero_against_minus_one",
    Text(
        "你的預測是 −1／+1，標籤卻是 0／1：兩邊相減，答對的點也得不到 0。",
        "your prediction is −1 or +1, and the label 0 or 1: their difference is not 0 even where the point is right.",
    ),
    gates=(_always,),
    directions=(
        lambda score, label: label - np.sign(score),
        lambda score, label: label - (1 if score > 0 else -1),
        lambda score, label: label - (1 if score >= 0 else -1),
    ),
    lengths=_ANY_LENGTH,
)
_wrong_update(
    "twice_as_far",
    Text(
        "你走了兩倍遠：−1／+1 的標籤減 −1／+1 的預測，答錯時是 ±2，不是 ±1。",
        "you went twice as far: a label of ±1 less a prediction of ±1 is ±2 where the point is wrong, not ±1.",
    ),
    gates=(_is_wrong, *_STRICT),
    directions=(lambda score, label: 2 * _sign(score, label),),
)
_wrong_update(
    "half_as_far",
    Text(
        "你只走了一半：標籤減 ½ 是 ±½，不是 ±1。",
        "you went half as far: a label less ½ is ±½, not ±1.",
    ),
    gates=(_is_wrong, *_STRICT),
    directions=(lambda score, label: label - 0.5,),
)
_wrong_update(
    "bias_forgotten",
    Text(
        "權重動了，偏置卻沒動。偏置不變，這條線就只能轉動，不能平移。",
        "the weights move, but the bias stayed where it was: the line can turn and not shift.",
    ),
    gates=(_is_wrong, *_STRICT),
    lengths=_NO_BIAS,
)
_wrong_update(
    "weights_forgotten",
    Text(
        "偏置動了，權重卻沒動：這條線就只能平移，不能轉動。",
        "the bias moves, but the weights stayed where they were: the line can shift and not turn.",
    ),
    gates=(_is_wrong, *_STRICT),
    lengths=(lambda rate: (0, rate), lambda rate: (0, 1)),
)
_wrong_update(
    "learning_rate_forgotten",
    Text(
        "方向對了，但步伐的大小不對：learning_rate 要用在權重，也要用在偏置。",
        "the direction is right and the length is not: learning_rate belongs to the weights and to the bias.",
    ),
    gates=(_is_wrong, *_STRICT),
    lengths=_NO_RATE,
)
_wrong_update(
    "wrong_sign",
    Text(
        "方向反了：更新之後，這個點的分數離正確的一側更遠。",
        "this goes the wrong way: after the update the point's score is further from its side.",
    ),
    gates=(_is_wrong, _always, *_STRICT),
    directions=(lambda score, label: 1 - 2 * label,),
    lengths=_ANY_LENGTH,
)
_wrong_update(
    "always_up",
    Text(
        "不論標籤是什麼，你都把 x 加上去，分數就只會上升。標籤是 0 的點答錯時，分數該往哪裡走？",
        "you add x whatever the label, so that scores can only rise. Where a point with label 0 is wrong, which way should its score go?",
    ),
    gates=(_is_wrong, *_STRICT),
    directions=(lambda score, label: 1,),
    lengths=_ANY_LENGTH,
)
_wrong_update(
    "on_the_line",
    Text(
        "分數剛好是 0 的點，不論標籤是什麼，都要當作答錯。不然從全零開始，有些點就永遠不會更新。",
        "a point whose score is exactly 0 counts as wrong, whichever its label. Otherwise some points would never move weights that start at zero.",
    ),
    gates=_STRICT,
)
_wrong_update(
    "score_without_bias",
    Text(
        "你判斷對錯時，分數沒有加上偏置：那條線就永遠經過原點。",
        "the score by which you judge lacks the bias: its line always passes through the origin.",
    ),
    gates=(
        lambda score, label, bias: (2 * label - 1) * (score - bias) <= 0,
        lambda score, label, bias: (2 * label - 1) * (score - bias) < 0,
        lambda score, label, bias: (score - bias > 0) != label,
    ),
    lengths=_ANY_LENGTH,
)
_wrong_update(
    "bias_outside",
    Text(
        "正負號只乘到 w·x，沒有乘到偏置：要看的是整個分數在哪一側。",
        "the sign multiplies w·x and not the bias: it is the whole score whose side counts.",
    ),
    gates=(
        lambda score, label, bias: (2 * label - 1) * (score - bias) + bias <= 0,
        lambda score, label, bias: (2 * label - 1) * (score - bias) + bias < 0,
    ),
)
_wrong_update(
    "delta_rule",
    Text(
        "你的步伐隨「分數」差多少而改變。那是另一種規則（Widrow-Hoff）；感知機看的是「對或錯」，不看差多少。",
        "your step depends on how far off the score is. That is another rule (Widrow-Hoff); a perceptron asks whether it was wrong, not by how much.",
    ),
    gates=(_is_wrong, _always, *_STRICT),
    directions=(
        lambda score, label: label - score,
        lambda score, label: 2 * label - 1 - score,
        lambda score, label: (2 * label - 1) * abs(score),
        lambda score, label: (2 * label - 1) * score,
        lambda score, label: label - 1 / (1 + np.exp(-score)),
    ),
)


def _along(weight_step: Callable, bias_step: Callable) -> Callable:
    def updated(weights, bias, x, label, rate):
        step = rate * (2 * label - 1) * _is_wrong(weights @ x + bias, label, bias)
        return weights + weight_step(step, x), bias + bias_step(step, x)

    return updated


perceptron_update.mistake(
    "x_misplaced",
    Text(
        "x 放錯地方了：權重沿著 x 走，每個權重走得和它的輸入成比例；偏置沒有輸入，不乘 x。",
        "x stands in the wrong place: the weights move along x, each in proportion to its input, and the bias, which has no input, without it.",
    ),
    _along(lambda step, x: step, lambda step, x: step),
    _along(lambda step, x: step * x, lambda step, x: step * x),
    _along(lambda step, x: step * x, lambda step, x: step * x.sum()),
    _along(lambda step, x: step * np.sign(x), lambda step, x: step),
)
perceptron_update.mistake(
    "nothing_where_right",
    Text(
        "點答對時，你的函式沒有回傳東西（None）。不改變，也是一種答案：呼叫者還是要拿到權重與偏置。",
        "where the point is right, your function returns nothing (None). To change nothing is an answer, too: the caller still needs weights and bias.",
    ),
    when=lambda wrong: all(
        seen.got.result is None
        and not seen.got.error
        and np.array_equal(seen.right.result[0], seen.case.args[0])
        for seen in wrong
    ),
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
        "如果隱藏神經元是階梯函數，這組數字就對了；但這裡是 ReLU：通過門檻之後，它的值會繼續長大，不會停在 1。",
        "with step functions as hidden units this would be right. These are ReLUs: past the "
        "threshold their value goes on growing, it does not stop at 1.",
    ),
    threshold_off=Text(
        "四個分數的大小順序已經對了，(0, 1) 和 (1, 0) 的最大，只是 0 沒有落在中間。哪一個數能讓四個分數一起上升或下降？",
        "the four scores are in the right order already, those of (0, 1) and (1, 0) on top; only 0 "
        "does not lie between. Which of your numbers raises or lowers all four scores alike?",
    ),
    transposed=Text(
        "把 W1 轉置之後就對了：W1 的一「列」是一個隱藏神經元的權重，和 nn.Linear 一樣。",
        "transposed, your W1 would work: one row of W1 holds the weights of one hidden unit, as in "
        "nn.Linear.",
    ),
    inverted=Text(
        "四個點全部相反：你做出的是 XNOR。分數大於 0 才代表 1。",
        "all four points are the wrong way round: this is XNOR. A score above 0 means 1.",
    ),
    bias_forgotten=Text(
        "兩個隱藏神經元的偏置都是 0，所以它們的轉折都只能經過原點。對你選的權重來說，那裡什麼也分不開。",
        "both hidden biases are 0, so both units can bend only along lines through the origin. "
        "With the weights you chose, that separates nothing that matters.",
    ),
    never_bends=Text(
        "在這四個點上，你的網路其實還是一條直線：每個隱藏神經元不是一直開著，就是一直關著，沒有轉折。",
        "on these four points your network is still a straight line: every hidden unit is either "
        "always on or always off, and nothing bends.",
    ),
    hidden_layer_right=Text(
        "隱藏層沒有問題：用你的 W1 和 b1，選對 w2 和 b2 就能做出 XOR。現在 {case}：先列出四個點的隱藏值，再決定各乘多少。",
        "the hidden layer is fine: with your W1 and b1, some w2 and b2 make XOR. At present {case}: "
        "write down the hidden values of the four points, then choose what multiplies them.",
    ),
    hidden_layer_wrong=Text(
        "用你的 W1 和 b1，不管 w2 和 b2 選什麼都做不出 XOR：隱藏層還沒有把四個點分開。現在 {case}。",
        "with your W1 and b1 no w2 and b2 make XOR: the hidden layer does not part the four points "
        "yet. At present {case}.",
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
    if (_is_above_0(_relu(_CORNERS @ w1 + b1), w2, b2) == _XOR).all():
        answer.mistake("transposed")
    if (_is_above_0(_CORNERS @ w1.T + b1 > 0, w2, b2) == _XOR).all():
        answer.mistake("step_units")
    scores = hidden @ w2 + b2
    if scores[_XOR].min() - scores[~_XOR].max() > 1e-9 * np.abs(scores).max():
        answer.mistake("threshold_off")
    if (output == ~_XOR).all():
        answer.mistake("inverted")
    for gate, values in _OTHER_GATES.items():
        if (output == values).all():
            answer.mistake("another_gate", gate=gate)
    can_be_parted = _can_be_parted(hidden)
    if not b1.any() and not can_be_parted:
        answer.mistake("bias_forgotten")
    before = _CORNERS @ w1.T + b1
    if ((before >= 0).all(axis=0) | (before <= 0).all(axis=0)).all():
        answer.mistake("never_bends")
    index = int(np.flatnonzero(output != _XOR)[0])
    case = _SCORE.format(point=tuple(_CORNERS[index].tolist()), score=f"{scores[index]:.3g}")
    answer.mistake("hidden_layer_right" if can_be_parted else "hidden_layer_wrong", case=case)


_SCORE = Text("{point} 的分數是 {score}", "{point} scores {score}")


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


def _wrong_layers(
    name: str,
    text: Text,
    *layers: Callable,
    of: Sequence[Callable] = (list,),
    more: Sequence[Callable] = (lambda widths: 0,),
) -> None:
    """layers: numbers in a layer from m to n; of: which layers count; more: added, of the widths."""
    ways = (
        lambda widths, layer=layer, chosen=chosen, extra=extra: (
            sum(layer(m, n) for m, n in chosen([*pairwise(widths)])) + extra(widths)
        )
        for layer, chosen, extra in itertools.product(layers, of, more)
    )
    count_mlp_parameters.mistake(name, text, *ways)


def _weights(m: int, n: int) -> int:
    return m * n


def _layer(m: int, n: int) -> int:
    return m * n + n


_wrong_layers(
    "biases_forgotten",
    Text(
        "權重都數到了，偏置一個也沒數：每個神經元除了權重，還有什麼會被訓練？",
        "you counted all weights and no bias: what else is trained in each neuron?",
    ),
    _weights,
)
_wrong_layers(
    "input_biases",
    Text(
        "輸入只是資料，不是神經元，沒有偏置。",
        "the inputs are data, not neurons: they have no biases.",
    ),
    _weights,
    more=(sum, lambda widths: sum(widths[:-1])),
)
_wrong_layers(
    "biases_on_both_sides",
    Text(
        "一層的偏置你在輸入和輸出兩邊各算了一次。從 m 個數到 n 個數，多出來的偏置有幾個？",
        "you counted a layer's biases on its input side and on its output side. From m numbers to n, how many biases are there?",
    ),
    lambda m, n: (m + 1) * (n + 1),
    lambda m, n: m * n + m + n,
)
_wrong_layers(
    "one_bias_per_layer",
    Text(
        "你給每一層（或整個網路）一個偏置；但同一層的神經元並不共用偏置。",
        "you gave each layer (or the whole net) one bias, but neurons of a layer do not share theirs.",
    ),
    _weights,
    more=(lambda widths: len(widths) - 1, len, lambda widths: len(widths) - 2, lambda widths: 1),
)
_wrong_layers(
    "output_bias_forgotten",
    Text(
        "隱藏層都數對了，最後一層的偏置漏掉了：輸出層也是線性層。",
        "the hidden layers are right, but the last layer's biases are missing: it is a linear layer too.",
    ),
    _weights,
    more=(lambda widths: sum(widths[1:-1]),),
)
_wrong_layers(
    "output_bias_only",
    Text(
        "隱藏層的偏置沒有數到，你只加了輸出層的。",
        "the biases of the hidden layers are missing; you added those of the output layer only.",
    ),
    _weights,
    more=(lambda widths: widths[-1],),
)
_wrong_layers(
    "layers_left_out",
    Text(
        "有些層沒有數到：迴圈少走了一步，或只留下其中一層。四個寬度之間有幾個線性層？",
        "some layers were not counted: a loop ends a step early, or only one of them is kept. Between four widths, how many linear layers are there?",
    ),
    _weights,
    _layer,
    of=(
        lambda pairs: pairs[:-1],
        lambda pairs: pairs[1:],
        lambda pairs: pairs[:1],
        lambda pairs: pairs[-1:],
        lambda pairs: pairs[1:-1],
        lambda pairs: pairs[::2],
    ),
)
_wrong_layers(
    "one_hidden_layer",
    Text(
        "你當成剛好有一個隱藏層。題目的隱藏層可以有任意多個，也可以一個都沒有。",
        "you took it that there is exactly one hidden layer. There may be any number of them, or none.",
    ),
    _weights,
    _layer,
    of=(
        lambda pairs: [pairs[0], (pairs[0][1], pairs[-1][1])],
        lambda pairs: [pairs[0], *pairs[1:2]],
        lambda pairs: [(pairs[0][0], pairs[-1][0]), pairs[-1]],
    ),
)
_wrong_layers(
    "counts_neurons",
    Text(
        "你數的是神經元（或輸入）的個數。每個神經元對上一層的每個數，都有自己的一個權重。",
        "you counted neurons (or inputs). Each neuron has a weight of its own for every number in the layer before.",
    ),
    lambda m, n: 0,
    lambda m, n: m + n,
    more=(
        sum,
        lambda widths: sum(widths[1:]),
        lambda widths: sum(widths[1:-1]),
        lambda widths: 0,
    ),
)
_wrong_layers(
    "counts_tensors",
    Text(
        "你數的是層（或張量）有幾個。每個權重矩陣裡有很多數，每一個都會被訓練。",
        "you counted layers (or tensors). A weight matrix holds many numbers, and each of them is trained.",
    ),
    lambda m, n: 1,
    lambda m, n: 2,
    more=(lambda widths: 0, lambda widths: 1),
)
_wrong_layers(
    "product_of_widths",
    Text(
        "你把所有寬度乘在一起。一層的權重只連接相鄰的兩層，各層的數目要相加。",
        "you multiplied all the widths. A layer's weights connect neighbors only, and the layers' counts are added.",
    ),
    lambda m, n: 0,
    more=(
        math.prod,
        lambda widths: math.prod(widths) + sum(widths[1:]),
        lambda widths: math.prod(widths) + sum(widths),
    ),
)
count_mlp_parameters.mistake(
    "product_of_layers",
    Text(
        "你把各層的個數乘在一起。多一層，參數是多出一份，不是多出好幾倍。",
        "you multiplied the layers' counts. Another layer adds its numbers to the rest; it does not multiply them.",
    ),
    lambda widths: math.prod(m * n + n for m, n in pairwise(widths)),
    lambda widths: math.prod((m + 1) * (n + 1) for m, n in pairwise(widths)),
)
_wrong_layers(
    "all_with_all",
    Text(
        "你讓每一層都和後面所有的層相連。MLP 裡的權重只連接相鄰的兩層。",
        "you connected each layer with all later ones. In an MLP, weights connect neighbors only.",
    ),
    lambda m, n: 0,
    more=(
        lambda widths: sum(itertools.starmap(_weights, itertools.combinations(widths, 2))),
        lambda widths: sum(itertools.starmap(_layer, itertools.combinations(widths, 2))),
    ),
)
