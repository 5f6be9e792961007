"""Exercises of activations: GELU, LeakyReLU, dead units."""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import TensorDataset

from course_utils.exercises.by_reference import given, right_answer
from course_utils.language import Text
from course_utils.loader import TensorLoader
from course_utils.seeding import generator

# --- gelu_by_erf


def _inputs() -> Iterator[given]:
    for dtype in (torch.float32, torch.float64):
        yield given(torch.tensor([-2.0, -1.0, -0.5, 0.5, 1.0, 2.0], dtype=dtype))
        case = Text("60 個數，形狀 (3, 4, 5)", "60 numbers of shape (3, 4, 5)")
        yield given(torch.linspace(-8, 8, 60, dtype=dtype).reshape(3, 4, 5), case=case)
        yield given(
            torch.tensor(-0.75, dtype=dtype), case=Text("一個數 -0.75", "one number, -0.75")
        )
        yield given(torch.tensor([-1e4, -40.0, 0.0, 40.0, 1e4], dtype=dtype))


@right_answer(
    cases=_inputs,
    terms=torch.abs,
    forbidden=[F.gelu],
    hint=Text(
        "Φ(z) 是標準常態落在 z 左邊的機率，從 0 升到 1，在 z = 0 時是一半；erf 從 −1 升到 1。先把高度對齊，再想寬度：標準常態的指數是 −z²/2，erf 裡的是 −s²。",
        "Φ(z) is the chance that a standard normal falls to the left of z: it rises from 0 to 1, and is one half at z = 0, while erf rises from −1 to 1. Match the heights first, then the widths: the normal's exponent is −z²/2, the one inside erf is −s².",
    ),
)
def gelu_by_erf(z):
    """z times the standard normal distribution function at z."""
    return z * torch.special.ndtr(z)


def _bell(z: Tensor) -> Tensor:
    return torch.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)


gelu_by_erf.mistake(
    "tanh_approximation",
    Text(
        "你的結果是 tanh 近似式，最多差到約 5e-4。題目要的是精確值：少的不是小數位，是另一個函數。",
        "this is the tanh approximation, off by up to about 5e-4. The question is for the exact value: what is missing is not digits but another function.",
    ),
    lambda z: F.gelu(z, approximate="tanh"),
)
gelu_by_erf.mistake(
    "sigmoid_approximation",
    Text(
        "你的結果是用 sigmoid 代替 Φ 的近似式，最多差到約 0.02。",
        "this is the approximation that puts a sigmoid in place of Φ, off by up to about 0.02.",
    ),
    lambda z: z * torch.sigmoid(1.702 * z),
)
gelu_by_erf.mistake(
    "silu_instead",
    Text(
        "這是 SiLU：z 乘上 sigmoid。GELU 乘的是常態分布的累積機率。",
        "this is SiLU: z times a sigmoid. GELU multiplies by the normal distribution function.",
    ),
    F.silu,
)
gelu_by_erf.mistake(
    "wrong_width",
    Text(
        "高度對了，寬度不對：erf 的變數和標準常態的 z 不是同一個尺度。比較兩邊的指數。",
        "the height is right and the width is not: erf's variable and the standard normal's z have different scales. Compare the exponents.",
    ),
    lambda z: z * (1 + torch.erf(z)) / 2,
    lambda z: z * (1 + torch.erf(z * math.sqrt(2))) / 2,
    lambda z: z * (1 + torch.erf(z / 2)) / 2,
    lambda z: z * (1 + torch.erf(z / math.sqrt(2 * math.pi))) / 2,
)
gelu_by_erf.mistake(
    "not_a_probability",
    Text(
        "乘在 z 上的那個數應該是機率，從 0 走到 1；你的沒有。erf 的值域是多少？",
        "what multiplies z should be a probability, from 0 to 1, and yours is not. Between which values does erf run?",
    ),
    lambda z: z * torch.erf(z / math.sqrt(2)),
    lambda z: z * torch.erf(z / math.sqrt(2)) / 2,
    lambda z: z * (1 + torch.erf(z / math.sqrt(2))),
    lambda z: z * (0.5 + torch.erf(z / math.sqrt(2))),
    lambda z: z * torch.erf(z),
    lambda z: z * torch.erf(z) / 2,
    lambda z: z * (1 + torch.erf(z)),
)
gelu_by_erf.mistake(
    "factor_only",
    Text(
        "這是 Φ(z) 本身，還差最後一步才是 GELU。",
        "this is Φ(z) itself; one step is still missing before it is GELU.",
    ),
    torch.special.ndtr,
)
gelu_by_erf.mistake(
    "density_for_distribution",
    Text(
        "你用了常態的密度（鐘形曲線）；Φ 是它左邊的面積。",
        "you used the normal density (the bell curve); Φ is the area to its left.",
    ),
    lambda z: z * _bell(z),
)
gelu_by_erf.mistake(
    "derivative_instead",
    Text("這是 GELU 的導數，不是函數值。", "this is GELU's derivative, not its value."),
    lambda z: torch.special.ndtr(z) + z * _bell(z),
)


# --- leaky_relu


def _slopes() -> Iterator[given]:
    z = torch.tensor([-3.0, -1.0, -0.25, 0.25, 1.0, 3.0])
    for slope in (0.01, 0.1, 0.3, 1.0, 3, 0.0, -0.5, -2.0):
        yield given(z, slope)
    block = torch.linspace(-2, 2, 24, dtype=torch.float64).reshape(2, 3, 4)
    yield given(block, 0.07, case=Text("形狀 (2, 3, 4) 的 float64", "float64 of shape (2, 3, 4)"))
    yield given(torch.tensor(-0.75), 0.2)
    yield given(torch.tensor([-1e30, -1e4, 0.0, 1e4, 1e30]), 0.05)


@right_answer(
    cases=_slopes,
    terms=lambda z, slope: 0,  # one product: every number is as exact as its own size
    enough=torch.float32,
    forbidden=[F.leaky_relu],
    hint=Text(
        "兩個分支，由 z 的正負號決定走哪一邊，和斜率多大無關。先用紙筆算 z = −2、斜率 3 時的答案。",
        "There are two branches, and the sign of z alone chooses, whatever the slope. First work out on paper the answer for z = −2 with slope 3.",
    ),
)
def leaky_relu(z, slope):
    """z where it is positive, slope times z elsewhere; any slope."""
    return torch.where(z > 0, z, slope * z)


leaky_relu.mistake(
    "larger_of_two",
    Text(
        "取 z 與 slope·z 較大的一個，只在斜率不超過 1 時才對。斜率大於 1 時，z > 0 的那一邊誰比較大？",
        "taking the larger of z and slope·z is right only while the slope is at most 1. Beyond that, which of them is larger where z > 0?",
    ),
    lambda z, slope: torch.maximum(z, slope * z),
)
leaky_relu.mistake(
    "wrong_side",
    Text(
        "斜率放錯邊了：正的輸入應該原封不動，負的才要縮放。",
        "the slope is on the wrong side: positive inputs pass unchanged, negative ones are scaled.",
    ),
    lambda z, slope: torch.where(z > 0, slope * z, z),
    lambda z, slope: torch.minimum(z, slope * z),
)
leaky_relu.mistake(
    "sign_flipped",
    Text(
        "負的輸入得到了相反的正負號：斜率為正時，LeakyReLU 在 0 的左邊是負的。",
        "negative inputs come out with the opposite sign: with a positive slope, LeakyReLU is negative left of 0.",
    ),
    lambda z, slope: torch.where(z > 0, z, -slope * z),
)
leaky_relu.mistake(
    "slope_for_value",
    Text(
        "負的輸入全部得到同一個數。斜率要乘上 z，不是取代 z。",
        "all negative inputs give the same number. The slope multiplies z; it does not replace it.",
    ),
    lambda z, slope: torch.where(z > 0, z, torch.full_like(z, slope)),
    lambda z, slope: torch.where(z > 0, z, torch.full_like(z, -slope)),
)
leaky_relu.mistake(
    "plain_relu",
    Text(
        "負的那一邊全是 0，這是 ReLU。那麼誰來漏？",
        "the negative side is all 0: this is ReLU. Where does it leak?",
    ),
    lambda z, slope: F.relu(z),
)
leaky_relu.mistake(
    "derivative_instead",
    Text(
        "你回傳的是每一點的斜率（導數），題目要的是函數值。",
        "you returned the slope at each point, the derivative; the question is for the value.",
    ),
    lambda z, slope: torch.where(z > 0, torch.ones_like(z), torch.full_like(z, slope)),
    lambda z, slope: torch.where(z > 0, 1.0, slope),  # always float32
)


# --- count_dead_units


def _units() -> Iterator[given]:
    """Layers and loaders on which the known mistakes give other counts."""
    # Nine examples in batches of 4: units 0-2 dead, 3-5 fire in the last batch only, 6 in the
    # first only, 7-8 in all but one example, 9-16 always.
    z = torch.ones(9, 17)
    z[:, :3] = -1
    z[:8, 3:6] = -1
    z[3:, 6] = -1
    z[5, 7:9] = -1
    # A thousand examples: units 0-1 dead, 2-4 fire faintly and always, 5-9 strongly and once.
    rare = torch.full((1000, 14), -1.0)
    rare[:, 2:5] = 1e-6
    rare[[7, 207, 407, 607, 957], range(5, 10)] = 2.0
    rare[::2, 10:] = 3.0
    none_dead, all_dead = torch.rand(7, 3, generator=generator(0)) + 0.1, -torch.ones(6, 5)
    for outputs, size in (
        *((z, 4), (z, 9), (z, 1), (rare, 128), (none_dead, 2), (all_dead, 6), (all_dead, 4)),
    ):
        yield given(*_layer_and_loader(outputs, size), case=_LOADER.format(z=outputs, size=size))


_LOADER = Text(
    "{z.shape[0]} 個樣本、{z.shape[1]} 個神經元，一批 {size} 個",
    "{z.shape[0]} examples, {z.shape[1]} units, {size} a batch",
)


def _layer_and_loader(z: Tensor, batch_size: int) -> tuple[nn.Module, TensorLoader]:
    """A layer that hands its inputs on to a ReLU, and a loader of them."""
    layer = nn.Linear(z.shape[1], z.shape[1])
    nn.init.eye_(layer.weight)
    nn.init.zeros_(layer.bias)
    loader = TensorLoader(TensorDataset(z, torch.zeros(len(z))), batch_size)
    return nn.Sequential(layer, nn.ReLU()), loader


def _batches(layer: nn.Module, loader: TensorLoader) -> list[Tensor]:
    with torch.no_grad():
        return [layer(inputs) for inputs, _ in loader]


@right_answer(
    cases=_units,
    hint=Text(
        "什麼樣的證據，才足以說一個神經元「沒有死」？一張圖就夠了。把這份證據跨批次累積起來，全部看完再數。",
        "What evidence is enough to say that a unit is not dead? A single image. Collect that evidence across the batches, and count only when all have been seen.",
    ),
)
def count_dead_units(layer, loader):
    """How many units give 0 for every example, whatever the batch size."""
    return (torch.cat(_batches(layer, loader)) == 0).all(dim=0).sum()


def _wrong_count(name: str, text: Text, *counts: Callable, ways: tuple[Callable, ...] = ()) -> None:
    """counts: of a list of (batch, units), the outputs of the layer; ways: of layer and loader."""
    of_outputs = [lambda layer, loader, n=count: n(_batches(layer, loader)) for count in counts]
    count_dead_units.mistake(name, text, *of_outputs, *ways)


def _dead(outputs: Tensor) -> Tensor:
    return (outputs == 0).all(dim=0).sum()


_wrong_count(
    "one_batch_only",
    Text(
        "你只看了一個批次。在這個批次裡沉默的神經元，換一批圖可能就活過來了。",
        "you looked at one batch only. A unit that is silent there may fire for images of another.",
    ),
    lambda batches: _dead(batches[0]),
    lambda batches: _dead(batches[-1]),
)
_wrong_count(
    "added_over_batches",
    Text(
        "你把每個批次數到的個數加（或平均）在一起：同一個神經元被數了好幾次，也有些只是在那個批次剛好沉默。",
        "you added up (or averaged) the counts of the batches: the same unit is counted several times, and some were silent in that batch only.",
    ),
    lambda batches: sum(map(_dead, batches)),
    lambda batches: sum(map(_dead, batches)) / len(batches),
)
_wrong_count(
    "silent_once",
    Text(
        "你把「曾經輸出過 0」的神經元也算進去了。每個健康的 ReLU 都有沉默的時候；死掉的是對誰都沉默。",
        "you counted units that were silent at least once. Every healthy ReLU is silent at times; a dead one is silent for everybody.",
    ),
    lambda batches: (torch.cat(batches) == 0).any(dim=0).sum(),
)
_wrong_count(
    "examples_counted",
    Text(
        "軸弄反了：你數的是「沒有任何神經元反應的樣本」，題目問的是神經元。",
        "the axes are swapped: you counted examples that move no unit; the question is about units.",
    ),
    lambda batches: (torch.cat(batches) == 0).all(dim=1).sum(),
)
_wrong_count(
    "zeros_counted",
    Text(
        "你數的是輸出裡有幾個 0，不是有幾個神經元。",
        "you counted the zeros among the outputs, not the units.",
    ),
    lambda batches: (torch.cat(batches) == 0).sum(),
)
_wrong_count(
    "share_not_count",
    Text("題目要的是個數，不是比例。", "the question is for a count, not for a share."),
    lambda batches: _dead(torch.cat(batches)) / batches[0].shape[1],
    lambda batches: 100 * _dead(torch.cat(batches)) / batches[0].shape[1],
)
_wrong_count(
    "alive_counted",
    Text(
        "你數的是還活著的；題目要的是死掉的。",
        "you counted the ones that are alive; the question is for the dead.",
    ),
    lambda batches: (torch.cat(batches) > 0).any(dim=0).sum(),
)
_wrong_count(
    "judged_by_threshold",
    Text(
        "你用門檻或平均來判斷。一個神經元很少反應、或反應很弱，數字就會很小，但它還有梯度，並沒有死。",
        "you judged by a mean or a threshold. A unit that fires rarely or faintly gives small numbers, and yet it has a gradient: it is not dead.",
    ),
    *(
        lambda batches, size=size, least=10.0**-k: (size(torch.cat(batches)) < least).sum()
        for size in (lambda outputs: outputs.mean(dim=0), lambda outputs: outputs.amax(dim=0))
        for k in range(1, 6)
    ),
    lambda batches: ((torch.cat(batches) > 0).double().mean(dim=0) < 0.1).sum(),
    lambda batches: ((torch.cat(batches) > 0).double().mean(dim=0) < 0.01).sum(),
    ways=(lambda layer, loader: (torch.cat(_batches(layer[0], loader)).mean(dim=0) <= 0).sum(),),
)
