"""Exercises of initialization: bounds from fans, twin units, the first loss."""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.exercises.by_reference import given, right_answer
from course_utils.language import Text
from course_utils.seeding import seeded

# --- initialization_bounds


def _weights() -> Iterator[given]:
    for shape in ((12, 78), (10, 100), (30, 2), (1, 1), (1, 1000), (6, 6)):
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


@dataclass(frozen=True)
class _Fans:
    """What a bound is made of."""

    into: int
    out: int
    slope: float

    @property
    def mean(self) -> float:
        return (self.into + self.out) / 2

    @property
    def gain(self) -> float:
        """Squared."""
        return 2 / (1 + self.slope**2)


def _xavier(f: _Fans) -> float:
    return math.sqrt(3 / f.mean)


def _kaiming(f: _Fans) -> float:
    return math.sqrt(3 * f.gain / f.into)


#: (name, sentence, wrong Xavier bounds, wrong Kaiming bounds)
_WRONG_BOUNDS: list[tuple[str, Text, Sequence[Callable], Sequence[Callable]]] = []


def _wrong_bounds(
    name: str, text: Text, xaviers: Sequence[Callable] = (), kaimings: Sequence[Callable] = ()
) -> None:
    """Either bound may be the one that is wrong, or both; see ``_tell_bounds``."""
    _WRONG_BOUNDS.append((name, text, xaviers, kaimings))


def _tell_bounds() -> None:
    """Make the mistakes; where both bounds are wrong, each in its way, Xavier's is told."""

    def both(xavier: Callable, kaiming: Callable) -> Callable:
        def found(weight, slope):
            fans = _Fans(weight.shape[1], weight.shape[0], slope)
            return xavier(fans), kaiming(fans)

        return found

    others = [kaimings[0] for *_, kaimings in _WRONG_BOUNDS if kaimings]
    for name, text, xaviers, kaimings in _WRONG_BOUNDS:
        pairs = itertools.chain(
            product([_xavier], kaimings), product(xaviers, [_kaiming, *kaimings, *others])
        )
        initialization_bounds.mistake(name, text, *itertools.starmap(both, pairs))


_GAINS = (  # squared: the right one, and those that may come with another mistake
    lambda f: f.gain,
    lambda f: 2,
    lambda f: 1,
    lambda f: f.gain / 2,
    lambda f: 2 / (1 + f.slope),
)


def _of_gains(bound: Callable, *gains: Callable) -> list[Callable]:
    """bound: of the fans and a squared gain."""
    return [lambda f, gain=gain: bound(f, gain(f)) for gain in gains or _GAINS]


_wrong_bounds(
    "fans_swapped",
    Text(
        "Kaiming 的界限用到了輸出的個數。nn.Linear 的 weight 形狀是 （輸出，輸入），前向要看的是有幾個數加在一起。",
        "the Kaiming bound uses the number of outputs. The weight of nn.Linear has shape (outputs, inputs), and on the way forward it matters how many numbers are added up.",
    ),
    kaimings=[
        way
        for fan in (
            lambda f: f.out,
            lambda f: f.mean,
            lambda f: 2 * f.mean,
            lambda f: f.into * f.out,
        )
        for way in _of_gains(lambda f, gain, fan=fan: math.sqrt(3 * gain / fan(f)))
    ],
)
_wrong_bounds(
    "variance_for_deviation",
    Text(
        "你少開了一個根號：拿變異數當成標準差（或界限）在用。",
        "a square root is missing: a variance was used where a standard deviation (or a bound) belongs.",
    ),
    [lambda f, n=n: n / f.mean for n in (1, 3, *map(math.sqrt, (3, 1.5, 0.5)))],
    [
        way
        for n in (1, 3, *map(math.sqrt, (3, 1.5, 0.5)))
        for way in _of_gains(lambda f, gain, n=n: n * gain / f.into)
    ],
)
_wrong_bounds(
    "deviation_for_bound",
    Text(
        "這是標準差，不是界限。均勻分布的數大多離邊界很遠，所以它的標準差比 b 小。",
        "this is the standard deviation, not the bound. Most numbers of a uniform distribution lie well inside, so its standard deviation is smaller than b.",
    ),
    [lambda f: 1 / math.sqrt(f.mean)],
    [lambda f: math.sqrt(f.gain / f.into)],
)
_wrong_bounds(
    "width_for_bound",
    Text(
        "這是整段的寬度 2b：從 −b 到 b。題目要的是 b。",
        "this is 2b, the whole width from −b to b. The question is for b.",
    ),
    [lambda f: 2 * _xavier(f)],
    [lambda f: 2 * _kaiming(f)],
)
_wrong_bounds(
    "wrong_factor",
    Text(
        "標準差對了，換成界限的那個倍數不對。[−b, b] 上的均勻分布，變異數是 b² 的幾分之幾？",
        "the standard deviation is right, and the factor that makes a bound of it is not. What share of b² is the variance of a uniform distribution on [−b, b]?",
    ),
    *(
        [lambda f, n=n, bound=bound: n * bound(f) for n in (math.sqrt(3), 1 / 3, 2 / math.sqrt(3))]
        for bound in (_xavier, _kaiming)
    ),
)
_wrong_bounds(
    "gain_in_xavier",
    Text(
        "Xavier 的界限裡不該有激活函數的那一份（或斜率）：它只看兩個 fan。",
        "Xavier's bound has no share of the activation (or of the slope): it looks at the two fans only.",
    ),
    [
        lambda f: math.sqrt(3 * f.gain / f.mean),
        lambda f: math.sqrt(3 / f.mean / (1 + f.slope**2)),
        lambda f: math.sqrt(6 / f.mean),
    ],
)
_wrong_bounds(
    "gain_forgotten",
    Text(
        "Kaiming 少了激活函數的那一份：ReLU 砍掉一半的 E[z²]，權重要補回來。",
        "Kaiming lacks the activation's share: ReLU takes half of E[z²] away, and the weights have to give it back.",
    ),
    kaimings=[
        lambda f: math.sqrt(3 / f.into),
        lambda f: math.sqrt(3 / f.into / (1 + f.slope**2)),
    ],
)
_wrong_bounds(
    "gain_twice",
    Text(
        "激活函數的那一份你算了兩次：√(6/fan_in) 裡的 6 已經是 3 乘 2，2 就是 ReLU 的那一份。",
        "the activation's share counts twice: the 6 of √(6/fan_in) is 3 times 2 already, and that 2 is ReLU's share.",
    ),
    kaimings=[
        lambda f: math.sqrt(6 * f.gain / f.into),
        lambda f: f.gain * math.sqrt(3 / f.into),
        lambda f: math.sqrt(12 / f.into),
    ],
)
_wrong_bounds(
    "default_of_linear",
    Text(
        "√(1/fan_in) 是 nn.Linear 自己的預設界限，它取的斜率是 √5。這裡的斜率是 negative_slope。",
        "√(1/fan_in) is the default of nn.Linear itself, which takes a slope of √5. The slope here is negative_slope.",
    ),
    kaimings=[lambda f: math.sqrt(1 / f.into)],
)
_wrong_bounds(
    "slope_ignored",
    Text(
        "negative_slope 沒有作用：你把每一種 LeakyReLU 都當成 ReLU。",
        "negative_slope has no effect: every LeakyReLU is treated as a ReLU.",
    ),
    kaimings=[lambda f, n=n: math.sqrt(n / f.into) for n in (6, 2)],
)
_wrong_bounds(
    "slope_not_squared",
    Text(
        "斜率 a 讓負的 z 變成 az，而要看的是平方之後的平均。",
        "slope a turns a negative z into az, and what counts is the mean of the square.",
    ),
    kaimings=_of_gains(
        lambda f, gain: math.sqrt(3 * gain / f.into),
        lambda f: 2 / (1 + f.slope),
        lambda f: 2 / (1 + abs(f.slope)),
        lambda f: 1 / (1 + f.slope),
        lambda f: 2 / math.sqrt(1 + f.slope**2),
    ),
)
_wrong_bounds(
    "sum_squared",
    Text(
        "你把 1 + a 整個平方了。正的 z 和負的 z 各占一半：先各自平方，再平均。",
        "you squared 1 + a as a whole. Positive and negative z are half each: square each of them first, then take the mean.",
    ),
    kaimings=_of_gains(
        lambda f, gain: math.sqrt(3 * gain / f.into),
        lambda f: 1 / (1 + f.slope) ** 2,
        lambda f: 2 / (1 + f.slope) ** 2,
        lambda f: 4 / (1 + f.slope) ** 2,
    ),
)
_wrong_bounds(
    "negative_slope_replaced",
    Text(
        "負的斜率被你改成 0 了。a 是負的時，az 的平方還是在。",
        "you made a negative slope 0. With a negative a, the square of az is still there.",
    ),
    kaimings=[lambda f: math.sqrt(6 / (1 + max(f.slope, 0) ** 2) / f.into)],
)
_wrong_bounds(
    "gain_inverted",
    Text(
        "斜率的作用反了：a 越大，激活函數留下的 E[z²] 越多，權重應該變大還是變小？",
        "the slope works the wrong way: the larger a, the more of E[z²] the activation keeps. Should the weights become larger then, or smaller?",
    ),
    kaimings=[lambda f, n=n: math.sqrt(n * (1 + f.slope**2) / f.into) for n in (1.5, 2, 3, 6)],
)
_wrong_bounds(
    "xavier_one_fan",
    Text(
        "Xavier 只看了一個 fan。它要同時照顧前向與反向，取的是兩個 fan 的平均。",
        "Xavier looks at one fan only. It serves forward and backward alike, by the mean of both.",
    ),
    [lambda f, n=n: math.sqrt(n / f.into) for n in (1, 3, 6)]
    + [lambda f, n=n: math.sqrt(n / f.out) for n in (1, 3, 6)],
)
_wrong_bounds(
    "xavier_sum_for_mean",
    Text(
        "Xavier 用的是兩個 fan 的平均，你用了它們的和。",
        "Xavier takes the mean of the two fans; you took their sum.",
    ),
    [lambda f, n=n: math.sqrt(n / (2 * f.mean)) for n in (1, 3)],
)
_wrong_bounds(
    "xavier_product",
    Text(
        "Xavier 用的是兩個 fan 的（算術）平均，不是它們的乘積。",
        "Xavier takes the (arithmetic) mean of the two fans, not their product.",
    ),
    [
        lambda f: math.sqrt(3 / math.sqrt(f.into * f.out)),
        lambda f: math.sqrt(6 / (f.into * f.out)),
    ],
)
_tell_bounds()


# --- count_twins


@seeded(0)
def _networks() -> list[given]:
    """Networks in which the known mistakes give other counts."""
    cases = []
    for num_inputs, num_hidden, num_outputs in ((5, 40, 3), (40, 40, 40), (1, 40, 1)):
        hidden, output = nn.Linear(num_inputs, num_hidden), nn.Linear(num_hidden, num_outputs)
        with torch.no_grad():
            hidden.bias.abs_()  # whatever comes in, no unit is silent for all of it
            _copy_units(hidden, output, 0, range(1, 4))  # four twins
            _copy_units(hidden, output, 10, range(11, 17))  # seven more
            _copy_units(hidden, output, 20, range(21, 23))  # three that differ in the bias only
            hidden.bias[20:23] += torch.tensor([0.0, 1.0, 2.0])
            _copy_units(hidden, output, 30, range(31, 36))  # six that differ on the way out only
            output.weight[:, 30:36] += torch.rand(num_outputs, 6)
            output.weight[:, 37] = output.weight[:, 38]  # two that differ on the way in only
            _copy_units(hidden, output, 39, [36])  # two that differ by a hair
            hidden.weight[36] += 1e-6
            for weight in (hidden.weight, hidden.bias, output.weight.T):  # two with equal sums
                weight[4] = (8 * weight[4]).round() / 8
                weight[5] = weight[4].flip(0) if weight.dim() > 1 else weight[4]
            _copy_units(hidden, output, 6, [7])  # one that shares what comes in with one unit,
            output.weight[:, 7] += 1  # and what goes out with another
            output.weight[:, 8] = output.weight[:, 6]
            order = torch.randperm(num_hidden)
            hidden.weight.copy_(hidden.weight[order])
            hidden.bias.copy_(hidden.bias[order])
            output.weight.copy_(output.weight[:, order])
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
        "把第 i 個與第 j 個神經元對調，整個網路必須連一個數都不變。一個神經元是由哪些數決定的？輸入端的權重與偏置、輸出端的權重，都算。",
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


def _equal(*parts: Tensor) -> Tensor:
    """Which unit equals which other, (H, H)."""
    units = torch.cat(parts, dim=1)
    return (units[:, None] == units).all(dim=2).fill_diagonal_(False)


def _nearly(*parts: Tensor) -> int:
    units = torch.cat(parts, dim=1).double()
    return int(((torch.cdist(units, units, p=math.inf) < 1e-4).sum(dim=1) > 1).sum())


def _copies(*parts: Tensor) -> int:
    return int((_sizes(*parts) - 1).sum())


def _pairs(*parts: Tensor) -> int:
    return int(_equal(*parts).sum()) // 2


def _groups(*parts: Tensor) -> int:
    return int((_sizes(*parts) > 1).sum())


def _kinds(*parts: Tensor) -> int:
    return len(_sizes(*parts))


_COUNTS = (_with_twin, _copies, _pairs, _groups, _kinds)

_wrong_twins(
    "copies_counted",
    Text(
        "每一組裡的第一個你沒有算進去：它也有雙胞胎。",
        "you left out the first of each group: it has a twin, too.",
    ),
    _copies,
)
_wrong_twins(
    "pairs_counted",
    Text(
        "你數的是「對」：四個相同的神經元可以配成六對，但神經元只有四個。",
        "you counted pairs: four equal units make six pairs, and yet they are only four units.",
    ),
    _pairs,
    lambda *parts: 2 * _pairs(*parts),
)
_wrong_twins(
    "distinct_counted",
    Text(
        "你數的是有幾種、幾組，或沒有雙胞胎的有幾個。題目問的是有雙胞胎的神經元有幾個。",
        "you counted kinds, or groups, or the units without a twin. The question is how many units have one.",
    ),
    _kinds,
    lambda *parts: len(parts[0]) - _with_twin(*parts),
    _groups,
    lambda *parts: int((_sizes(*parts) == 1).sum()),
)
_wrong_twins(
    "largest_group",
    Text(
        "你只數了最大的一組。題目要的是所有組的神經元，加在一起。",
        "you counted the largest group only. The units of all groups are wanted, taken together.",
    ),
    lambda *parts: int(_sizes(*parts).max()),
)
_wrong_twins(
    "itself_counted",
    Text(
        "每個神經元都等於它自己，所以你的全都成了雙胞胎。要比的是「別的」神經元。",
        "each unit equals itself, so that all of yours became twins. Compare it with the others.",
    ),
    lambda *parts: len(parts[0]),
    lambda *parts: int(_equal(*parts).sum()) + len(parts[0]),
)
_wrong_twins(
    "not_a_count",
    Text(
        "題目要的是有幾個，不是有沒有、哪幾個或占多少。",
        "the question is how many, not whether, which, or what share.",
    ),
    lambda *parts: _with_twin(*parts) > 0,
    lambda *parts: _with_twin(*parts) / len(parts[0]),
    lambda *parts: _equal(*parts).any(dim=1),
    lambda *parts: _equal(*parts).any(dim=1).nonzero(),
    lambda *parts: _equal(*parts).any(dim=1).nonzero().flatten(),
)
_wrong_twins(
    "bias_forgotten",
    Text(
        "權重都相同、偏置卻不同的兩個神經元，並不是雙胞胎。",
        "units that share all weights but not the bias are no twins.",
    ),
    *(lambda into, bias, out, count=count: count(into, out) for count in _COUNTS),
)
_wrong_twins(
    "incoming_only",
    Text(
        "你只比較了輸入端的權重（與偏置）。兩個神經元現在輸出相同，但輸出端的權重不同，收到的梯度一般就不同，一步之後便分開了。",
        "you compared incoming weights (and biases) only. Such units give the same now, but with different outgoing weights they in general receive different gradients, and part.",
    ),
    *(lambda into, bias, out, count=count: count(into, bias) for count in _COUNTS),
    *(lambda into, bias, out, count=count: count(into) for count in _COUNTS),
)
_wrong_twins(
    "outgoing_only",
    Text(
        "你只比較了輸出端的權重（或偏置）。輸入端的權重不同的兩個神經元，本來就在算不同的東西。",
        "you compared outgoing weights (or biases) only. Units with different incoming weights compute different things to begin with.",
    ),
    *(lambda into, bias, out, count=count: count(out) for count in _COUNTS),
    *(lambda into, bias, out, count=count: count(bias, out) for count in _COUNTS),
    lambda into, bias, out: _with_twin(bias),
)
_wrong_twins(
    "either_is_enough",
    Text(
        "只要輸入端相同「或」輸出端相同，你就算是雙胞胎。要永遠一樣，兩邊都得相同。",
        "you took units for twins if they share what comes in or what goes out. To stay alike for ever they must share both.",
    ),
    lambda into, bias, out: int((_equal(into, bias) | _equal(out)).any(dim=1).sum()),
    lambda into, bias, out: int((_equal(into) | _equal(out)).any(dim=1).sum()),
    lambda into, bias, out: int((_equal(into) | _equal(bias) | _equal(out)).any(dim=1).sum()),
)
_wrong_twins(
    "another_partner",
    Text(
        "輸入端和甲相同、輸出端和乙相同，不算雙胞胎：要和「同一個」神經元兩邊都相同。",
        "to share what comes in with one unit and what goes out with another makes no twin: both must be shared with the same unit.",
    ),
    lambda into, bias, out: int((_equal(into, bias).any(dim=1) & _equal(out).any(dim=1)).sum()),
    lambda into, bias, out: int((_equal(into).any(dim=1) & _equal(out).any(dim=1)).sum()),
)
_wrong_twins(
    "sums_compared",
    Text(
        "你比較的是權重的總和（或長度）。不同的數也可以加出相同的總和：要一個一個比。",
        "you compared sums (or lengths) of weights. Different numbers may add up to the same: compare them one by one.",
    ),
    lambda into, bias, out: _with_twin(into.sum(1, True), bias, out.sum(1, True)),
    lambda into, bias, out: _with_twin(into.sum(1, True) + bias, out.sum(1, True)),
    lambda into, bias, out: _with_twin(into.sum(1, True) + bias + out.sum(1, True)),
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
        "列與欄弄反了：nn.Linear 的 weight 形狀是 （輸出，輸入），一個隱藏神經元是 hidden.weight 的一列、output.weight 的一欄。",
        "rows and columns are swapped: the weight of nn.Linear is (outputs, inputs), so a hidden unit is a row of hidden.weight and a column of output.weight.",
    ),
    lambda into, bias, out: _with_twin(into.T),
    lambda into, bias, out: _with_twin(out.T),
)


def _neighbors(*parts: Tensor) -> int:
    next_to = _equal(*parts).diagonal(1)
    alike = torch.zeros(len(parts[0]), dtype=torch.bool)
    alike[1:] |= next_to
    alike[:-1] |= next_to
    return int(alike.sum())


_wrong_twins(
    "neighbors_only",
    Text(
        "你只比較了相鄰的神經元（或只和第一個比）。雙胞胎可以隔得很遠。",
        "you compared neighbors only (or all with the first). Twins may stand far apart.",
    ),
    _neighbors,
    lambda *parts: int(_equal(*parts).diagonal(1).sum()),
    lambda *parts: int(_equal(*parts)[0].sum()),
    lambda *parts: int(_equal(*parts)[0].sum()) + 1,
)


# --- predict_first_loss


def _classes() -> Iterator[given]:
    for counts, bias in (
        ([50, 30, 20], [0.5, -1.0, 2.0]),
        ([900, 100], [2.0, 0.0]),
        ([10] * 10, [0.0] * 10),
        ([1, 2, 3, 4, 90], [3.0, -2.0, 0.0, 1.0, -1.0]),
        ([5, 0, 15], [0.3, 5.0, -0.7]),
        ([1, 2, 1], [1.0, 0.5, -1.0]),
        ([3, 1], [1e4, -1e4]),
        ([0, 4, 1], [1e4, -1e4, -9999.0]),
    ):
        for dtype in (torch.float32, torch.float64):
            yield given(torch.tensor(counts), torch.tensor(bias, dtype=dtype))


@right_answer(
    cases=_classes,
    terms=lambda counts, bias: bias.abs().max() + math.log(len(counts)),
    enough=torch.float32,  # shares of whole numbers are float32
    hint=Text(
        "權重全是 0，每張圖的 logits 都等於偏置，機率也就都一樣。每個類別的圖，損失各是多少？有幾張？",
        "With weights of 0 every image has the biases for logits, hence the same probabilities. What loss does an image of each class pay, and how many of them are there?",
    ),
)
def predict_first_loss(counts, bias):
    """Mean cross-entropy where every image's logits are ``bias``; counts: images a class."""
    labels = torch.arange(len(counts)).repeat_interleave(counts)
    return F.cross_entropy(bias.expand(len(labels), -1), labels)


def _is_large(bias: Tensor) -> bool:
    return bool(bias.abs().max() > 40)


def _wrong_loss(name: str, text: Text, *losses: Callable) -> None:
    """losses: of the counts, the log-probabilities and the biases.

    They say nothing of large biases, at which an answer may also overflow.
    """
    ways = (
        lambda counts, bias, loss=loss: (
            ... if _is_large(bias) else loss(counts.to(bias.dtype), bias.log_softmax(dim=0), bias)
        )
        for loss in losses
    )
    predict_first_loss.mistake(name, text, *ways)


def _mean(counts: Tensor, log_probs: Tensor) -> Tensor:
    return -(counts * log_probs).sum() / counts.sum()


_wrong_loss(
    "wrong_sign",
    Text("正負號反了：損失不會是負的。", "the sign is wrong: a loss is never negative."),
    lambda n, log, b: -_mean(n, log),
    lambda n, log, b: (n * log).sum(),
    lambda n, log, b: log.mean(),
)
_wrong_loss(
    "sum_not_mean",
    Text("這是總和，題目要的是平均。", "this is the sum; the question is for the mean."),
    lambda n, log, b: -(n * log).sum(),
)
_wrong_loss(
    "mean_over_classes",
    Text(
        "你除以了類別數（或除了兩次）。平均是對「圖片」取的：一共有幾張？",
        "you divided by the number of classes (or twice). The mean is over images: how many are there?",
    ),
    lambda n, log, b: -(n * log).sum() / len(n),
    lambda n, log, b: _mean(n, log) / len(n),
    lambda n, log, b: _mean(n, log) / n.sum(),
)
_wrong_loss(
    "logarithm_base_two",
    Text(
        "你用的是以 2（或 10）為底的對數；PyTorch 的交叉熵用自然對數。",
        "this is a logarithm to base 2 (or 10); PyTorch's cross-entropy takes the natural one.",
    ),
    lambda n, log, b: _mean(n, log) / math.log(2),
    lambda n, log, b: _mean(n, log) / math.log(10),
)
_wrong_loss(
    "bias_ignored",
    Text(
        "你的答案和偏置無關。偏置不全相等時，模型一開始就有偏好，損失不再是 ln K。",
        "your answer does not depend on the biases. Where they differ, the model starts with a preference, and its loss is no longer ln K.",
    ),
    lambda n, log, b: math.log(len(n)),
    lambda n, log, b: -math.log(len(n)),
)
_wrong_loss(
    "classes_counted_alike",
    Text(
        "你讓每個類別一樣重。平均是對「圖片」取的：圖多的類別，份量就重。",
        "you let every class count alike. The mean is over images: a class with more of them weighs more.",
    ),
    lambda n, log, b: -log.mean(),
    lambda n, log, b: -log.sum(),
    lambda n, log, b: -log[n > 0].mean(),
)
_wrong_loss(
    "one_class_only",
    Text(
        "你只算了一個類別（圖最多的，或偏置最大的）。其他類別的圖也有損失。",
        "you took one class only (that with the most images, or the largest bias). Images of the others have their loss, too.",
    ),
    lambda n, log, b: -log[n.argmax()],
    lambda n, log, b: -log.max(),
    lambda n, log, b: -log.min(),
    lambda n, log, b: -log[0],
    lambda n, log, b: -log[-1],
    lambda n, log, b: -(n * log)[b.argmax()] / n.sum(),
    lambda n, log, b: -(n * log)[n.argmax()] / n.sum(),
)
_wrong_loss(
    "loss_of_each_class",
    Text(
        "你回傳的是每個類別各一個數，題目要的是一個數：所有圖片的平均損失。",
        "you returned a number for each class; one number is wanted, the mean loss over all images.",
    ),
    lambda n, log, b: -log,
    lambda n, log, b: -n * log,
    lambda n, log, b: -n * log / n.sum(),
    lambda n, log, b: log.exp(),
)
_wrong_loss(
    "entropy_of_counts",
    Text(
        "這是類別比例的熵，也就是偏置選得最好時的損失；題目給的偏置不一定那麼好。",
        "this is the entropy of the class shares, the loss for the best of all biases; the one you are given need not be that good.",
    ),
    lambda n, log, b: -torch.special.xlogy(n / n.sum(), n / n.sum()).sum(),
    lambda n, log, b: -(n / n.sum() * (n / n.sum()).log()).sum(),  # nan for a class of none
)
_wrong_loss(
    "divergence",
    Text(
        "這是 KL 散度：你把類別比例的熵減掉了。偏置選得最好時它是 0，交叉熵不是。",
        "this is the KL divergence: the entropy of the class shares was taken off. It is 0 for the best biases; the cross-entropy is not.",
    ),
    *(
        lambda n, log, b, size=size: (
            (_mean(n, log) + torch.special.xlogy(n / n.sum(), n / n.sum()).sum()) / size(n)
        )
        for size in (lambda n: 1, len)
    ),
)
_wrong_loss(
    "entropy_of_probs",
    Text(
        "你用模型自己的機率當權重。決定每個類別有幾張圖的是資料，不是模型。",
        "you weighted by the model's own probabilities. How many images a class has is up to the data, not to the model.",
    ),
    lambda n, log, b: -(log.exp() * log).sum(),
)
_wrong_loss(
    "roles_swapped",
    Text(
        "角色對調了：機率由偏置決定，每個類別有多重由 counts 決定。",
        "the roles are swapped: the biases make the probabilities, and the counts say how much each class weighs.",
    ),
    lambda n, log, b: -torch.special.xlogy(log.exp(), n / n.sum()).sum(),
    lambda n, log, b: -(log.exp() * n.log_softmax(dim=0)).sum(),
)
_wrong_loss(
    "softmax_of_counts",
    Text(
        "你對 counts 做了 softmax，張數一多，最大的一類就拿走全部的份量。張數的比例，直接除就有了。",
        "you put the counts through a softmax, in which the largest class takes all the weight. Shares of counts are had by division.",
    ),
    lambda n, log, b: -(n.softmax(dim=0) * log).sum(),
)
_wrong_loss(
    "log_misplaced",
    Text(
        "你先平均機率、再取對數（或沒有取）。每張圖的損失各是一個對數，平均的是這些對數。",
        "you averaged probabilities and then took the log (or none). Each image's loss is a log, and it is these that are averaged.",
    ),
    lambda n, log, b: _mean(n, -log.exp()).log().neg(),
    lambda n, log, b: _mean(n, log.exp()),
    lambda n, log, b: _mean(n, -log.exp()),
    lambda n, log, b: 1 + _mean(n, log.exp()),
)
_wrong_loss(
    "no_softmax",
    Text(
        "偏置是 logits，還不是機率（或機率的對數）：損失裡少了 softmax 的分母，或少了正確類別的 logit。",
        "the biases are logits, not probabilities (or their logs) yet: the loss lacks the denominator of the softmax, or the right class's logit.",
    ),
    lambda n, log, b: _mean(n, b),
    lambda n, log, b: (b - log)[0],
    lambda n, log, b: _mean(n, b - b.exp().sum()),
    lambda n, log, b: _mean(n, b - b.sum()),
)
_wrong_loss(
    "softmax_twice",
    Text(
        "softmax 做了兩次：cross_entropy 和 log_softmax 要的是 logits，不是機率。",
        "the softmax was applied twice: cross_entropy and log_softmax want logits, not probabilities.",
    ),
    lambda n, log, b: _mean(n, log.exp().log_softmax(dim=0)),
)
_wrong_loss(
    "zero",
    Text(
        "你的損失永遠是 0：是不是用整數除法 // 算比例，每一份都成了 0？",
        "your loss is 0 throughout: are the shares taken by whole-number division //, which makes every one 0?",
    ),
    lambda n, log, b: 0.0,
)
predict_first_loss.mistake(
    "overflow",
    Text(
        "偏置很大時結果變成 inf 或 nan：e 的 1000 次方裝不下。「損失函數」那一課怎麼處理 logits 是 ±10⁴ 的情形？",
        "with large biases the result is inf or nan: e to the 1000 does not fit. What did the lesson on losses do about logits of ±10⁴?",
    ),
    lambda counts, bias: _mean(counts, (bias.exp() / bias.exp().sum()).log()),
    lambda counts, bias: _mean(counts, bias.softmax(dim=0).log()),
    when=lambda wrong: all(seen.got.overflows and _is_large(seen.case.args[1]) for seen in wrong),
)
predict_first_loss.mistake(
    "clipped",
    Text(
        "偏置很大時，你的損失停在一個上限：有東西被截斷了，或 log 裡加了一個小常數。錯得離譜，損失就該有多大算多大。",
        "with large biases your loss stops at a ceiling: something was clipped, or a small constant stands inside a log. A gross mistake should cost what it costs.",
    ),
    lambda counts, bias: _mean(counts, (bias.softmax(dim=0) + 1e-9).log()),
    when=lambda wrong: all(
        seen.got.is_number
        and seen.got.arrays[0] < 0.5 * seen.right.arrays[0]
        and _is_large(seen.case.args[1])
        for seen in wrong
    ),
)
