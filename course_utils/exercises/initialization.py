"""Exercises of initialization: bounds from fans, twin units, the first loss."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.exercises import Answer, exercise
from course_utils.language import Text

_RELATIVE = 1e-4  # bounds are small numbers, so they are compared as shares of the right ones


@exercise(
    hint=Text(
        "分三步：從 weight 的形狀讀出兩個 fan；算出權重該有的變異數（斜率為 a 時，激活函數把 E[z²] 變成原來的幾倍？）；"
        "最後問：[−b, b] 上的均勻分布，變異數是多少？",
        "Three steps: read both fans off the shape of weight; work out the variance the weights "
        "should have (with slope a, by what factor does the activation change E[z²]?); then ask: "
        "what is the variance of a uniform distribution on [−b, b]?",
    ),
    fans_swapped=Text(
        "Kaiming 的界限用到了輸出的個數。nn.Linear 的 weight 形狀是（輸出，輸入），前向要看的是有幾個數加在一起。",
        "the Kaiming bound uses the number of outputs. The weight of nn.Linear has shape (outputs, "
        "inputs), and on the way forward it matters how many numbers are added up.",
    ),
    variance_for_deviation=Text(
        "你少開了一個根號：拿變異數當成標準差（或界限）在用。",
        "a square root is missing: a variance was used where a standard deviation (or a bound) belongs.",
    ),
    deviation_for_bound=Text(
        "這是標準差，不是界限。均勻分布的數大多離邊界很遠，所以它的標準差比 b 小。",
        "this is the standard deviation, not the bound. Most numbers of a uniform distribution lie "
        "well inside, so its standard deviation is smaller than b.",
    ),
    gain_forgotten=Text(
        "Kaiming 少了激活函數的那一份：ReLU 砍掉一半的 E[z²]，權重要補回來。",
        "Kaiming lacks the activation's share: ReLU takes half of E[z²] away, and the weights have "
        "to give it back.",
    ),
    slope_ignored=Text(
        "negative_slope 沒有作用：你把每一種 LeakyReLU 都當成 ReLU。",
        "negative_slope has no effect: every LeakyReLU is treated as a ReLU.",
    ),
    slope_not_squared=Text(
        "斜率 a 讓負的 z 變成 az，而要看的是平方之後的平均。",
        "slope a turns a negative z into az, and what counts is the mean of the square.",
    ),
    xavier_one_fan=Text(
        "Xavier 只看了一個 fan。它要同時照顧前向與反向，取的是兩個 fan 的平均。",
        "Xavier looks at one fan only. It serves forward and backward alike, by the mean of both.",
    ),
    xavier_sum_for_mean=Text(
        "Xavier 用的是兩個 fan 的平均，你用了它們的和。",
        "Xavier takes the mean of the two fans; you took their sum.",
    ),
)
def initialization_bounds(answer: Answer) -> None:
    """(Xavier, Kaiming) bounds, equal to those of torch.nn.init."""
    shapes = [(128, 784), (10, 100), (300, 20), (1, 1), (1, 10_000), (64, 64)]
    for fan_out, fan_in in shapes:
        for slope in (0.0, 0.1, 1.0, 3.0):
            weight = torch.rand(fan_out, fan_in)
            gain = nn.init.calculate_gain("leaky_relu", slope)
            xavier = math.sqrt(6 / (fan_in + fan_out))
            kaiming = gain * math.sqrt(3 / fan_in)
            got = answer.parts(answer(weight, slope), "(xavier, kaiming)")
            shares = [value / right for value, right in zip(got, (xavier, kaiming), strict=True)]
            if answer.matches(shares, [1.0, 1.0], tolerance=_RELATIVE):
                continue
            case = f"weight {fan_out}x{fan_in}, negative_slope={slope}"
            _name_bound(answer, got, fan_in, fan_out, slope)
            answer.require(shares, [1.0, 1.0], f"{case}, as shares of the right bounds")


def _name_bound(answer: Answer, got: tuple, fan_in: int, fan_out: int, slope: float) -> None:
    """End the examination where one of the two bounds is what a known mistake gives."""
    gain_squared = 2 / (1 + slope**2)
    one_fan = math.sqrt(3)
    wrong_kaiming = {
        "fans_swapped": math.sqrt(3 * gain_squared / fan_out),
        "gain_forgotten": math.sqrt(3 / fan_in),
        "slope_ignored": math.sqrt(6 / fan_in),
        "slope_not_squared": math.sqrt(6 / (1 + slope) / fan_in),
        "deviation_for_bound": math.sqrt(gain_squared / fan_in),
        "variance_for_deviation": (
            gain_squared / fan_in,
            3 * gain_squared / fan_in,
            one_fan * gain_squared / fan_in,
        ),
    }
    mean_fan = (fan_in + fan_out) / 2
    wrong_xavier = {
        "xavier_sum_for_mean": one_fan / math.sqrt(2 * mean_fan),
        "xavier_one_fan": (one_fan / math.sqrt(fan_in), one_fan / math.sqrt(fan_out)),
        "deviation_for_bound": 1 / math.sqrt(mean_fan),
        "variance_for_deviation": (1 / mean_fan, 3 / mean_fan, one_fan / mean_fan),
    }
    right = math.sqrt(3 / mean_fan), math.sqrt(3 * gain_squared / fan_in)
    for value, expected, known in zip(got, right, (wrong_xavier, wrong_kaiming), strict=True):
        if abs(value / expected - 1) > _RELATIVE:
            shares = {
                mistake: tuple(
                    w / expected for w in (wrong if isinstance(wrong, tuple) else (wrong,))
                )
                for mistake, wrong in known.items()
            }
            answer.recognize(value / expected, shares, tolerance=_RELATIVE)


@exercise(
    hint=Text(
        "把第 i 個與第 j 個神經元對調，整個網路要一個數都不變。一個神經元是由哪些數決定的？進來的、出去的，都算。",
        "Swap units i and j: not one number of the network may change. Which numbers make up a unit? "
        "Count what comes in and what goes out.",
    ),
    incoming_only=Text(
        "你只比較了進來的權重（與偏置）。兩個神經元現在輸出相同，但出去的權重不同，收到的梯度一般就不同，一步之後便分開了。",
        "you compared incoming weights (and biases) only. Such units give the same now, but with "
        "different outgoing weights they in general receive different gradients, and part.",
    ),
    outgoing_only=Text(
        "你只比較了出去的權重。進來的權重不同的兩個神經元，本來就在算不同的東西。",
        "you compared outgoing weights only. Units with different incoming weights compute different "
        "things to begin with.",
    ),
    bias_forgotten=Text(
        "權重都相同、偏置卻不同的兩個神經元，並不是雙胞胎。",
        "units that share all weights but not the bias are no twins.",
    ),
    wrong_axis=Text(
        "列與欄弄反了：nn.Linear 的 weight 是（輸出，輸入），一個隱藏神經元是 hidden.weight 的一列、output.weight 的一欄。",
        "rows and columns are swapped: the weight of nn.Linear is (outputs, inputs), so a hidden "
        "unit is a row of hidden.weight and a column of output.weight.",
    ),
    nearly_equal=Text(
        "你把「幾乎相同」當成相同。相差一點點的兩個神經元，收到的梯度也差一點點，訓練會讓它們分開。",
        "you took nearly equal for equal. Units that differ a little receive gradients that differ a "
        "little, and training drives them apart.",
    ),
    distinct_counted=Text(
        "你數的是不同的神經元有幾種，題目問的是有雙胞胎的神經元有幾個。",
        "you counted how many different units there are; the question is how many have a twin.",
    ),
    copies_counted=Text(
        "每一組裡的第一個你沒有算進去：它也有雙胞胎。",
        "you left out the first of each group: it has a twin, too.",
    ),
    pairs_counted=Text(
        "你數的是「對」：四個相同的神經元可以配成六對，但神經元只有四個。",
        "you counted pairs: four equal units make six pairs, and yet they are only four units.",
    ),
)
def count_twins(answer: Answer) -> None:
    """The number of hidden units whose incoming row, bias and outgoing column another unit shares."""
    for hidden, output in _twin_cases():
        parts = hidden.weight, hidden.bias[:, None], output.weight.T
        incoming, bias, outgoing = (part.detach() for part in parts)
        whole = torch.cat([incoming, bias, outgoing], dim=1)
        expected = _with_twin(whole)
        got = answer(hidden, output)
        if not answer.matches(got, expected):
            sizes = torch.unique(whole, dim=0, return_counts=True)[1]
            distances = torch.cdist(whole.double(), whole.double(), p=math.inf)
            alternatives = {
                "copies_counted": len(whole) - len(sizes),
                "pairs_counted": (
                    int((sizes * (sizes - 1)).sum()) // 2,
                    int((sizes * (sizes - 1)).sum()),
                ),
                "distinct_counted": (len(sizes), len(whole) - expected, int((sizes > 1).sum())),
                "bias_forgotten": _with_twin(torch.cat([incoming, outgoing], dim=1)),
                "incoming_only": (
                    _with_twin(torch.cat([incoming, bias], dim=1)),
                    _with_twin(incoming),
                ),
                "outgoing_only": _with_twin(outgoing),
                "nearly_equal": int(((distances < 1e-4).sum(dim=1) > 1).sum()),
                "wrong_axis": (
                    _with_twin(hidden.weight.T.detach()),
                    _with_twin(output.weight.detach()),
                ),
            }
            answer.recognize(got, alternatives)
        sizes = f"{hidden.in_features}-{hidden.out_features}-{output.out_features}"
        answer.require(got, expected, f"a {sizes} network")


def _with_twin(units: Tensor) -> int:
    counts = torch.unique(units, dim=0, return_counts=True)[1]
    return int(counts[counts > 1].sum())


def _twin_cases() -> list[tuple[nn.Linear, nn.Linear]]:
    """Networks in which the known mistakes give other counts."""
    cases = []
    for num_inputs, num_hidden, num_outputs in ((5, 40, 3), (40, 40, 40), (1, 40, 1)):
        hidden, output = nn.Linear(num_inputs, num_hidden), nn.Linear(num_hidden, num_outputs)
        with torch.no_grad():
            _copy_units(hidden, output, 0, range(1, 4))  # four twins
            _copy_units(hidden, output, 10, range(11, 17))  # seven more
            _copy_units(hidden, output, 20, range(21, 23))  # three that differ in the bias only
            hidden.bias[20:23] += torch.tensor([0.0, 1.0, 2.0])
            _copy_units(hidden, output, 30, range(31, 36))  # six that differ on the way out only
            output.weight[:, 30:36] += torch.rand(num_outputs, 6)
            output.weight[:, 37] = output.weight[:, 38]  # two that differ on the way in only
            _copy_units(hidden, output, 39, [36])  # two that differ by a hair
            hidden.weight[36] += 1e-6
        cases.append((hidden, output))
    all_equal, none_equal = (nn.Linear(6, 8), nn.Linear(8, 4)), (nn.Linear(6, 8), nn.Linear(8, 4))
    for layer in all_equal:
        nn.init.constant_(layer.weight, 0.01)
        nn.init.zeros_(layer.bias)
    return [*cases, all_equal, none_equal]


def _copy_units(hidden: nn.Linear, output: nn.Linear, first: int, others) -> None:
    for unit in others:
        hidden.weight[unit] = hidden.weight[first]
        hidden.bias[unit] = hidden.bias[first]
        output.weight[:, unit] = output.weight[:, first]


@exercise(
    hint=Text(
        "權重全是 0，每張圖的 logits 都等於偏置，機率也就都一樣。每個類別的圖各付出多少損失？有幾張？",
        "With weights of 0 every image has the biases for logits, hence the same probabilities. "
        "What loss does an image of each class pay, and how many of them are there?",
    ),
    bias_ignored=Text(
        "你的答案和偏置無關。偏置不全相等時，模型一開始就有偏好，損失不再是 ln K。",
        "your answer does not depend on the biases. Where they differ, the model starts with a "
        "preference, and its loss is no longer ln K.",
    ),
    classes_counted_alike=Text(
        "你讓每個類別一樣重。平均是對**圖片**取的：圖多的類別，份量就重。",
        "you let every class count alike. The mean is over **images**: a class with more of them "
        "weighs more.",
    ),
    entropy_of_counts=Text(
        "這是類別比例的熵，也就是偏置選得最好時的損失；題目給的偏置不一定那麼好。",
        "this is the entropy of the class shares, the loss for the best of all biases; the one you "
        "are given need not be that good.",
    ),
    entropy_of_probs=Text(
        "你用模型自己的機率當權重。決定每個類別有幾張圖的是資料，不是模型。",
        "you weighted by the model's own probabilities. How many images a class has is up to the "
        "data, not to the model.",
    ),
    logarithm_base_two=Text(
        "你用的是以 2 為底的對數；PyTorch 的交叉熵用自然對數。",
        "this is a logarithm to base 2; PyTorch's cross-entropy takes the natural one.",
    ),
    sum_not_mean=Text(
        "這是總和，題目要的是平均。", "this is the sum; the question is for the mean."
    ),
    wrong_sign=Text("正負號反了：損失不會是負的。", "the sign is wrong: a loss is never negative."),
    overflow=Text(
        "偏置很大時結果變成 inf 或 nan：e 的 1000 次方裝不下。「損失函數」那一課怎麼處理 logits 是 ±10⁴ 的情形？",
        "with large biases the result is inf or nan: e to the 1000 does not fit. What did the lesson on losses "
        "do about logits of ±10⁴?",
    ),
)
def predict_first_loss(answer: Answer) -> None:
    """Equal to torch's cross_entropy over the whole data set, logits = bias for every image."""
    cases = [
        ([50, 30, 20], [0.5, -1.0, 2.0]),
        ([900, 100], [2.0, 0.0]),
        ([10] * 10, [0.0] * 10),
        ([1, 2, 3, 4, 90], [3.0, -2.0, 0.0, 1.0, -1.0]),
        ([5, 0, 15], [0.3, 5.0, -0.7]),
        ([3, 1], [1e4, -1e4]),
    ]
    for counts, bias in cases:
        counts, bias = torch.tensor(counts), torch.tensor(bias)
        labels = torch.arange(len(counts)).repeat_interleave(counts)
        expected = F.cross_entropy(bias.double().expand(len(labels), -1), labels)
        got = answer(counts, bias)
        case = f"counts={counts.tolist()}, bias={[round(b, 2) for b in bias.tolist()]}"
        if not answer.matches(got, expected):
            if not math.isfinite(float(got)):
                answer.mistake("overflow")
            shares, log_probs = counts.double() / counts.sum(), bias.double().log_softmax(dim=0)
            answer.recognize(
                got,
                {
                    "wrong_sign": -expected,
                    "sum_not_mean": expected * counts.sum(),
                    "logarithm_base_two": expected / math.log(2),
                    "bias_ignored": (math.log(len(counts)), -math.log(len(counts))),
                    "classes_counted_alike": -log_probs.mean(),
                    "entropy_of_counts": -torch.special.xlogy(shares, shares).sum(),
                    "entropy_of_probs": -(log_probs.exp() * log_probs).sum(),
                },
            )
        answer.require(got, expected, case)
