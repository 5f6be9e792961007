"""Exercises of initialization: bounds from fans, twin units, the first loss."""

import itertools
import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.exercises.by_reference import given, right_answer
from course_utils.language import Text
from course_utils.seeding import seeded

# --- initialization_bounds


def _weights() -> Iterator[given]:
    for shape in ((128, 784), (10, 100), (300, 20), (1, 1), (1, 10_000), (64, 64)):
        for slope in (0.0, 0.1, 1.0, 3.0, -0.5):
            case = Text(
                f"weight {shape}，negative_slope={slope}", f"weight {shape}, negative_slope={slope}"
            )
            yield given(torch.ones(shape), slope, case=case)


@right_answer(
    cases=_weights,
    parts="(xavier, kaiming)",
    terms=lambda weight, slope: 0,
    forbidden=[nn.init.calculate_gain, nn.init.xavier_uniform_, nn.init.kaiming_uniform_],
    hint=Text(
        "分三步：從 weight 的形狀讀出兩個 fan；算出權重該有的變異數（斜率為 a 時，激活函數把 E[z²] 變成原來的幾倍？）；最後問：[−b, b] 上的均勻分布，變異數是多少？",
        "Three steps: read both fans off the shape of weight; work out the variance the weights should have (with slope a, by what factor does the activation change E[z²]?); then ask: what is the variance of a uniform distribution on [−b, b]?",
    ),
)
def initialization_bounds(weight, negative_slope):
    """(Xavier, Kaiming) bounds, those of torch.nn.init."""
    fan_out, fan_in = weight.shape
    gain = nn.init.calculate_gain("leaky_relu", negative_slope)
    return math.sqrt(6 / (fan_in + fan_out)), gain * math.sqrt(3 / fan_in)


def _wrong_bounds(
    name: str, text: Text, xaviers: tuple[Callable, ...] = (), kaimings: tuple[Callable, ...] = ()
) -> None:
    """xaviers: of mean fan, fan_in and fan_out; kaimings: of squared gain, slope, fan_in and fan_out.

    Either bound may be the one that is wrong, or both.
    """

    def bounds(xavier: Callable, kaiming: Callable) -> Callable:
        def found(weight, slope):
            fan_out, fan_in = weight.shape
            of_kaiming = kaiming(2 / (1 + slope**2), slope, fan_in, fan_out)
            return xavier((fan_in + fan_out) / 2, fan_in, fan_out), of_kaiming

        return found

    ways = itertools.starmap(bounds, itertools.product((_xavier, *xaviers), (_kaiming, *kaimings)))
    next(ways)  # both right
    initialization_bounds.mistake(name, text, *ways)


def _xavier(mean: float, fan_in: int, fan_out: int) -> float:
    return math.sqrt(3 / mean)


def _kaiming(gain_squared: float, slope: float, fan_in: int, fan_out: int) -> float:
    return math.sqrt(3 * gain_squared / fan_in)


_wrong_bounds(
    "fans_swapped",
    Text(
        "Kaiming 的界限用到了輸出的個數。nn.Linear 的 weight 形狀是（輸出，輸入），前向要看的是有幾個數加在一起。",
        "the Kaiming bound uses the number of outputs. The weight of nn.Linear has shape (outputs, inputs), and on the way forward it matters how many numbers are added up.",
    ),
    kaimings=(lambda squared, slope, fan_in, fan_out: math.sqrt(3 * squared / fan_out),),
)
_wrong_bounds(
    "variance_for_deviation",
    Text(
        "你少開了一個根號：拿變異數當成標準差（或界限）在用。",
        "a square root is missing: a variance was used where a standard deviation (or a bound) belongs.",
    ),
    tuple(lambda mean, fan_in, fan_out, n=n: n / mean for n in (1, 3, math.sqrt(3))),
    tuple(
        lambda squared, slope, fan_in, fan_out, n=n: n * squared / fan_in
        for n in (1, 3, math.sqrt(3))
    ),
)
_wrong_bounds(
    "deviation_for_bound",
    Text(
        "這是標準差，不是界限。均勻分布的數大多離邊界很遠，所以它的標準差比 b 小。",
        "this is the standard deviation, not the bound. Most numbers of a uniform distribution lie well inside, so its standard deviation is smaller than b.",
    ),
    (lambda mean, fan_in, fan_out: 1 / math.sqrt(mean),),
    (lambda squared, slope, fan_in, fan_out: math.sqrt(squared / fan_in),),
)
_wrong_bounds(
    "gain_forgotten",
    Text(
        "Kaiming 少了激活函數的那一份：ReLU 砍掉一半的 E[z²]，權重要補回來。",
        "Kaiming lacks the activation's share: ReLU takes half of E[z²] away, and the weights have to give it back.",
    ),
    kaimings=(lambda squared, slope, fan_in, fan_out: math.sqrt(3 / fan_in),),
)
_wrong_bounds(
    "slope_ignored",
    Text(
        "negative_slope 沒有作用：你把每一種 LeakyReLU 都當成 ReLU。",
        "negative_slope has no effect: every LeakyReLU is treated as a ReLU.",
    ),
    kaimings=(lambda squared, slope, fan_in, fan_out: math.sqrt(6 / fan_in),),
)
_wrong_bounds(
    "slope_not_squared",
    Text(
        "斜率 a 讓負的 z 變成 az，而要看的是平方之後的平均。",
        "slope a turns a negative z into az, and what counts is the mean of the square.",
    ),
    kaimings=(lambda squared, slope, fan_in, fan_out: math.sqrt(6 / (1 + slope) / fan_in),),
)
_wrong_bounds(
    "xavier_one_fan",
    Text(
        "Xavier 只看了一個 fan。它要同時照顧前向與反向，取的是兩個 fan 的平均。",
        "Xavier looks at one fan only. It serves forward and backward alike, by the mean of both.",
    ),
    (
        lambda mean, fan_in, fan_out: math.sqrt(3 / fan_in),
        lambda mean, fan_in, fan_out: math.sqrt(3 / fan_out),
    ),
)
_wrong_bounds(
    "xavier_sum_for_mean",
    Text(
        "Xavier 用的是兩個 fan 的平均，你用了它們的和。",
        "Xavier takes the mean of the two fans; you took their sum.",
    ),
    (lambda mean, fan_in, fan_out: math.sqrt(3 / (2 * mean)),),
)


# --- count_twins


@seeded(0)
def _networks() -> list[given]:
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
    return [
        given(
            hidden, output, case=f"{hidden.in_features}-{hidden.out_features}-{output.out_features}"
        )
        for hidden, output in (*cases, all_equal, none_equal)
    ]


def _copy_units(hidden: nn.Linear, output: nn.Linear, first: int, others) -> None:
    for unit in others:
        hidden.weight[unit] = hidden.weight[first]
        hidden.bias[unit] = hidden.bias[first]
        output.weight[:, unit] = output.weight[:, first]


def _parts(hidden: nn.Linear, output: nn.Linear) -> tuple[Tensor, Tensor, Tensor]:
    """(incoming row, bias, outgoing column) of every hidden unit."""
    return hidden.weight.detach(), hidden.bias.detach()[:, None], output.weight.detach().T


def _with_twin(*parts: Tensor) -> int:
    counts = torch.unique(torch.cat(parts, dim=1), dim=0, return_counts=True)[1]
    return int(counts[counts > 1].sum())


@right_answer(
    cases=_networks,
    hint=Text(
        "把第 i 個與第 j 個神經元對調，整個網路要一個數都不變。一個神經元是由哪些數決定的？進來的、出去的，都算。",
        "Swap units i and j: not one number of the network may change. Which numbers make up a unit? Count what comes in and what goes out.",
    ),
)
def count_twins(hidden, output):
    """How many hidden units share incoming row, bias and outgoing column with another unit."""
    return _with_twin(*_parts(hidden, output))


def _wrong_twins(name: str, text: Text, *counts: Callable) -> None:
    """counts: of the incoming rows, the biases and the outgoing columns."""
    ways = (lambda hidden, output, n=count: n(*_parts(hidden, output)) for count in counts)
    count_twins.mistake(name, text, *ways)


def _sizes(*parts: Tensor) -> Tensor:
    """How many units there are of each kind."""
    return torch.unique(torch.cat(parts, dim=1), dim=0, return_counts=True)[1]


def _nearly(*parts: Tensor) -> int:
    units = torch.cat(parts, dim=1).double()
    return int(((torch.cdist(units, units, p=math.inf) < 1e-4).sum(dim=1) > 1).sum())


_wrong_twins(
    "copies_counted",
    Text(
        "每一組裡的第一個你沒有算進去：它也有雙胞胎。",
        "you left out the first of each group: it has a twin, too.",
    ),
    lambda *parts: int((_sizes(*parts) - 1).sum()),
)
_wrong_twins(
    "pairs_counted",
    Text(
        "你數的是「對」：四個相同的神經元可以配成六對，但神經元只有四個。",
        "you counted pairs: four equal units make six pairs, and yet they are only four units.",
    ),
    lambda *parts: int((_sizes(*parts) * (_sizes(*parts) - 1)).sum()) // 2,
    lambda *parts: int((_sizes(*parts) * (_sizes(*parts) - 1)).sum()),
)
_wrong_twins(
    "distinct_counted",
    Text(
        "你數的是不同的神經元有幾種，題目問的是有雙胞胎的神經元有幾個。",
        "you counted how many different units there are; the question is how many have a twin.",
    ),
    lambda *parts: len(_sizes(*parts)),
    lambda *parts: len(parts[0]) - _with_twin(*parts),
    lambda *parts: int((_sizes(*parts) > 1).sum()),
)
_wrong_twins(
    "bias_forgotten",
    Text(
        "權重都相同、偏置卻不同的兩個神經元，並不是雙胞胎。",
        "units that share all weights but not the bias are no twins.",
    ),
    lambda incoming, bias, outgoing: _with_twin(incoming, outgoing),
)
_wrong_twins(
    "incoming_only",
    Text(
        "你只比較了進來的權重（與偏置）。兩個神經元現在輸出相同，但出去的權重不同，收到的梯度一般就不同，一步之後便分開了。",
        "you compared incoming weights (and biases) only. Such units give the same now, but with different outgoing weights they in general receive different gradients, and part.",
    ),
    lambda incoming, bias, outgoing: _with_twin(incoming, bias),
    lambda incoming, bias, outgoing: _with_twin(incoming),
)
_wrong_twins(
    "outgoing_only",
    Text(
        "你只比較了出去的權重。進來的權重不同的兩個神經元，本來就在算不同的東西。",
        "you compared outgoing weights only. Units with different incoming weights compute different things to begin with.",
    ),
    lambda incoming, bias, outgoing: _with_twin(outgoing),
)
_wrong_twins(
    "nearly_equal",
    Text(
        "你把「幾乎相同」當成相同。相差一點點的兩個神經元，收到的梯度也差一點點，訓練會讓它們分開。",
        "you took nearly equal for equal. Units that differ a little receive gradients that differ a little, and training drives them apart.",
    ),
    _nearly,
)
_wrong_twins(
    "wrong_axis",
    Text(
        "列與欄弄反了：nn.Linear 的 weight 是（輸出，輸入），一個隱藏神經元是 hidden.weight 的一列、output.weight 的一欄。",
        "rows and columns are swapped: the weight of nn.Linear is (outputs, inputs), so a hidden unit is a row of hidden.weight and a column of output.weight.",
    ),
    lambda incoming, bias, outgoing: _with_twin(incoming.T),
    lambda incoming, bias, outgoing: _with_twin(outgoing.T),
)


# --- predict_first_loss


def _classes() -> Iterator[given]:
    for counts, bias in (
        ([50, 30, 20], [0.5, -1.0, 2.0]),
        ([900, 100], [2.0, 0.0]),
        ([10] * 10, [0.0] * 10),
        ([1, 2, 3, 4, 90], [3.0, -2.0, 0.0, 1.0, -1.0]),
        ([5, 0, 15], [0.3, 5.0, -0.7]),
        ([3, 1], [1e4, -1e4]),
        ([0, 4, 1], [1e4, -1e4, -9999.0]),
    ):
        for dtype in (torch.float32, torch.float64):
            yield given(torch.tensor(counts), torch.tensor(bias, dtype=dtype))


@right_answer(
    cases=_classes,
    terms=lambda counts, bias: bias.abs().max(),
    enough=torch.float32,  # shares of whole numbers are float32
    hint=Text(
        "權重全是 0，每張圖的 logits 都等於偏置，機率也就都一樣。每個類別的圖各付出多少損失？有幾張？",
        "With weights of 0 every image has the biases for logits, hence the same probabilities. What loss does an image of each class pay, and how many of them are there?",
    ),
)
def predict_first_loss(counts, bias):
    """Mean cross-entropy where every image's logits are ``bias``; counts: images a class."""
    labels = torch.arange(len(counts)).repeat_interleave(counts)
    return F.cross_entropy(bias.expand(len(labels), -1), labels)


def _wrong_loss(name: str, text: Text, *losses: Callable) -> None:
    """losses: of the counts and the log-probabilities, taken safely or not."""
    ways = [
        lambda counts, bias, loss=loss, log=log: loss(counts.to(bias.dtype), log(bias))
        for loss in losses
        for log in (lambda bias: bias.log_softmax(dim=0), _naive_log, _log_of_softmax)
    ]
    predict_first_loss.mistake(name, text, *ways)


def _naive_log(bias: Tensor) -> Tensor:
    return (bias.exp() / bias.exp().sum()).log()


def _log_of_softmax(bias: Tensor) -> Tensor:
    return bias.softmax(dim=0).log()


def _mean(counts: Tensor, log_probs: Tensor) -> Tensor:
    return -(counts * log_probs).sum() / counts.sum()


_wrong_loss(
    "wrong_sign",
    Text("正負號反了：損失不會是負的。", "the sign is wrong: a loss is never negative."),
    lambda n, log: -_mean(n, log),
)
_wrong_loss(
    "sum_not_mean",
    Text("這是總和，題目要的是平均。", "this is the sum; the question is for the mean."),
    lambda n, log: -(n * log).sum(),
)
_wrong_loss(
    "logarithm_base_two",
    Text(
        "你用的是以 2 為底的對數；PyTorch 的交叉熵用自然對數。",
        "this is a logarithm to base 2; PyTorch's cross-entropy takes the natural one.",
    ),
    lambda n, log: _mean(n, log) / math.log(2),
)
_wrong_loss(
    "bias_ignored",
    Text(
        "你的答案和偏置無關。偏置不全相等時，模型一開始就有偏好，損失不再是 ln K。",
        "your answer does not depend on the biases. Where they differ, the model starts with a preference, and its loss is no longer ln K.",
    ),
    lambda n, log: math.log(len(n)),
    lambda n, log: -math.log(len(n)),
)
_wrong_loss(
    "classes_counted_alike",
    Text(
        "你讓每個類別一樣重。平均是對**圖片**取的：圖多的類別，份量就重。",
        "you let every class count alike. The mean is over **images**: a class with more of them weighs more.",
    ),
    lambda n, log: -log.mean(),
)
_wrong_loss(
    "entropy_of_counts",
    Text(
        "這是類別比例的熵，也就是偏置選得最好時的損失；題目給的偏置不一定那麼好。",
        "this is the entropy of the class shares, the loss for the best of all biases; the one you are given need not be that good.",
    ),
    lambda n, log: -torch.special.xlogy(n / n.sum(), n / n.sum()).sum(),
)
_wrong_loss(
    "entropy_of_probs",
    Text(
        "你用模型自己的機率當權重。決定每個類別有幾張圖的是資料，不是模型。",
        "you weighted by the model's own probabilities. How many images a class has is up to the data, not to the model.",
    ),
    lambda n, log: -(log.exp() * log).sum(),
)
predict_first_loss.mistake(
    "overflow",
    Text(
        "偏置很大時結果變成 inf 或 nan：e 的 1000 次方裝不下。「損失函數」那一課怎麼處理 logits 是 ±10⁴ 的情形？",
        "with large biases the result is inf or nan: e to the 1000 does not fit. What did the lesson on losses do about logits of ±10⁴?",
    ),
    lambda counts, bias: _mean(counts, _naive_log(bias)),
    lambda counts, bias: _mean(counts, _log_of_softmax(bias)),
    when=lambda wrong: all(seen.got.overflows for seen in wrong),
)
