"""Exercises of activations: GELU, LeakyReLU, dead units."""

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import product

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import TensorDataset

from course_utils.exercises.by_reference import Seen, given, right_answer
from course_utils.exercises.compare import arrays_in
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
        "Φ(z) 是標準常態變數落在 z 左邊的機率，從 0 升到 1，在 z = 0 時是一半；erf 從 −1 升到 1。先把高度對齊，再想寬度：標準常態的指數是 −z²/2，erf 裡的是 −s²。",
        "Φ(z) is the chance that a standard normal falls to the left of z: it rises from 0 to 1, and is one half at z = 0, while erf rises from −1 to 1. Match the heights first, then the widths: the normal's exponent is −z²/2, the one inside erf is −s².",
    ),
)
def gelu_by_erf(z):
    """z times the standard normal distribution function at z."""
    return z * torch.special.ndtr(z)


def _bell(z: Tensor) -> Tensor:
    return torch.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)


_RIGHT_WIDTH = 1 / math.sqrt(2)
_WIDTHS = (
    1.0,
    math.sqrt(2),
    0.5,
    2.0,
    math.sqrt(2) / 4,
    1 / math.sqrt(2 * math.pi),
    math.sqrt(2 / math.pi),
)


def _wrong_gelu(
    name: str,
    text: Text,
    *factors: Callable,
    widths: Sequence[float] = (_RIGHT_WIDTH, *_WIDTHS),
) -> None:
    """factors: the result, of z and of erf(width z)."""
    ways = (
        lambda z, factor=factor, width=width: factor(z, torch.erf(width * z))
        for factor, width in product(factors, widths)
    )
    gelu_by_erf.mistake(name, text, *ways)


gelu_by_erf.mistake(
    "tanh_approximation",
    Text(
        "你的結果是 tanh 近似式，最多差到約 5e-4。題目要的是精確值：這不是位數不夠，而是用錯了函數。",
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
_wrong_gelu(
    "wrong_width",
    Text(
        "高度對了，寬度不對：erf 的變數和標準常態的 z 不是同一個尺度。比較兩邊的指數。",
        "the height is right and the width is not: erf's variable and the standard normal's z have different scales. Compare the exponents.",
    ),
    lambda z, erf: z * (1 + erf) / 2,
    widths=_WIDTHS,
)
_wrong_gelu(
    "rounded_root",
    Text(
        "你把 √2 寫成幾位小數了，float64 的結果只對了前幾位。讓電腦自己去開根號。",
        "you wrote √2 with a few decimals, and in float64 only the first digits are right. Let the computer take the root.",
    ),
    lambda z, erf: z * (1 + erf) / 2,
    widths=(*(1 / root for root in (1.4, 1.41, 1.414, 1.4142)), 0.7, 0.71, 0.707, 0.7071),
)
_wrong_gelu(
    "wrong_tail",
    Text(
        "你算的是 z 右邊的面積，Φ(z) 是左邊的：z 很大時，它應該接近 1，讓 z 通過。",
        "you took the area to the right of z; Φ(z) is that to the left: for a large z it is near 1, and lets z pass.",
    ),
    lambda z, erf: z * (1 - erf) / 2,
    lambda z, erf: z * (1 - erf),
)
_wrong_gelu(
    "not_a_probability",
    Text(
        "乘在 z 上的那個數應該是機率，從 0 走到 1；你的沒有。erf 的值域是多少？",
        "what multiplies z should be a probability, from 0 to 1, and yours is not. Between which values does erf run?",
    ),
    *(
        lambda z, erf, at_0=at_0, height=height: z * (at_0 + height * erf)
        for at_0, height in (
            *((0, 1), (0, 0.5), (1, 1), (0.5, 1), (1, 0.5)),
            *((-1, 1), (-0.5, 1), (-0.5, 0.5), (0, 2), (0.5, 0.25), (0.25, 0.5)),
            *((0, math.sqrt(math.pi) / 2), (0.5, math.sqrt(math.pi) / 2)),
            *((0.5, 0.5 * _RIGHT_WIDTH), (_RIGHT_WIDTH, _RIGHT_WIDTH)),
        )
    ),
)
_wrong_gelu(
    "bracket_missing",
    Text(
        "z 只乘到兩項中的一項：先乘除、後加減。",
        "z multiplies only one of your two terms: products come before sums.",
    ),
    lambda z, erf: z / 2 + erf,
    lambda z, erf: z / 2 + erf / 2,
    lambda z, erf: z + erf,
    lambda z, erf: (z + erf) / 2,
    lambda z, erf: (1 + z * erf) / 2,
    lambda z, erf: 1 + z * erf / 2,
    lambda z, erf: 0.5 + z * erf,
)
_wrong_gelu(
    "factor_only",
    Text(
        "這是 Φ(z) 本身（或 erf），還差最後一步才是 GELU。",
        "this is Φ(z) itself (or erf); one step is still missing before it is GELU.",
    ),
    lambda z, erf: (1 + erf) / 2,
    lambda z, erf: erf,
)
_wrong_gelu(
    "nothing_on_the_left",
    Text(
        "負的輸入全部得到 0。GELU 不是 ReLU：z 是負的時，Φ(z) 很小，但不是 0。",
        "negative inputs all give 0. GELU is no ReLU: for a negative z, Φ(z) is small, and it is not 0.",
    ),
    lambda z, erf: F.relu(z) * (1 + erf) / 2,
    lambda z, erf: z * F.relu(erf),
)
gelu_by_erf.mistake(
    "density_for_distribution",
    Text(
        "你用了常態的密度（鐘形曲線）；Φ 是它左邊的面積。",
        "you used the normal density (the bell curve); Φ is the area to its left.",
    ),
    lambda z: z * _bell(z),
    _bell,
    lambda z: z * torch.exp(-(z**2) / 2),
    lambda z: z * torch.exp(-(z**2)) * 2 / math.sqrt(math.pi),
)
gelu_by_erf.mistake(
    "derivative_instead",
    Text("這是 GELU 的導數，不是函數值。", "this is GELU's derivative, not its value."),
    lambda z: torch.special.ndtr(z) + z * _bell(z),
)


def _is_near(wrong: list[Seen]) -> bool:
    """Whether results are nearly right at moderate z, and not only for want of float64's digits."""
    gaps = [
        np.abs(got - right)[np.abs(seen.case.args[0].numpy()) < 3]
        for seen in wrong
        for got, right in zip(seen.got.arrays, seen.right.arrays, strict=False)
        if got.shape == right.shape
    ]
    return len(gaps) == len(wrong) and 1e-6 < max(gap.max(initial=0) for gap in gaps) < 0.02


gelu_by_erf.mistake(
    "another_approximation",
    Text(
        "很接近，但不精確：是不是有一步用了近似（切成小段求面積、級數、四捨五入的常數）？erf 給你的面積是精確的。",
        "this is close and not exact: does some step approximate (an area in slices, a series, a rounded constant)? The area that erf gives is exact.",
    ),
    when=_is_near,
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


def _pass(z: Tensor, slope: float) -> Tensor:
    return z


def _leak(z: Tensor, slope: float) -> Tensor:
    return slope * z


def _wrong_leak(
    name: str, text: Text, negatives: Sequence[Callable] = (), positives: Sequence[Callable] = ()
) -> None:
    """negatives and positives: of z and slope, what becomes of z on a side; one or both are wrong."""
    sides = product((_leak, *negatives), (_pass, *positives))
    next(sides)  # both right
    ways = (
        lambda z, slope, left=left, right=right: torch.where(z > 0, right(z, slope), left(z, slope))
        for left, right in sides
    )
    leaky_relu.mistake(name, text, *ways)


leaky_relu.mistake(
    "larger_of_two",
    Text(
        "取 z 與 slope·z 較大的一個，只在斜率不超過 1 時才對。斜率大於 1 時，z > 0 的那一邊誰比較大？",
        "taking the larger of z and slope·z is right only while the slope is at most 1. Beyond that, which of them is larger where z > 0?",
    ),
    lambda z, slope: torch.maximum(z, slope * z),
    lambda z, slope: torch.maximum(z, slope * z) if slope >= 0 else torch.minimum(z, slope * z),
)
leaky_relu.mistake(
    "chosen_by_the_slope",
    Text(
        "你依斜率決定取較大或較小的一個，負的斜率卻分到錯的那一邊。用紙筆算 z = −2、斜率 −0.5（與 −2）時的答案。",
        "you take the larger or the smaller by the slope, and negative slopes fall on the wrong side. Work out on paper z = −2 with slope −0.5 (and −2).",
    ),
    lambda z, slope: (torch.maximum if 0 <= slope <= 1 else torch.minimum)(z, slope * z),
    lambda z, slope: (torch.maximum if 0 < slope <= 1 else torch.minimum)(z, slope * z),
    lambda z, slope: (torch.maximum if abs(slope) <= 1 else torch.minimum)(z, slope * z),
)
leaky_relu.mistake(
    "wrong_side",
    Text(
        "斜率放錯邊了：正的輸入應該原封不動，負的才要縮放。",
        "the slope is on the wrong side: positive inputs pass unchanged, negative ones are scaled.",
    ),
    lambda z, slope: torch.where(z > 0, slope * z, z),
    lambda z, slope: torch.minimum(z, slope * z),
    lambda z, slope: torch.where(z > 0, slope * z, 0 * z),
)
_wrong_leak(
    "sign_flipped",
    Text(
        "負的輸入得到了相反的正負號：斜率為正時，LeakyReLU 在 0 的左邊是負的。",
        "negative inputs come out with the opposite sign: with a positive slope, LeakyReLU is negative left of 0.",
    ),
    (lambda z, slope: -slope * z, lambda z, slope: -abs(slope) * z),
)
_wrong_leak(
    "absolute_slope",
    Text(
        "負的斜率被你改成正的了。斜率可以是任何實數，負的也照乘。",
        "you made a negative slope positive. The slope may be any real number, and a negative one multiplies as it is.",
    ),
    (lambda z, slope: abs(slope) * z, lambda z, slope: max(slope, 0) * z),
)
_wrong_leak(
    "slope_for_value",
    Text(
        "負的輸入全部得到同一個數。斜率要乘上 z，不是取代 z。",
        "all negative inputs give the same number. The slope multiplies z; it does not replace it.",
    ),
    (
        lambda z, slope: torch.full_like(z, slope),
        lambda z, slope: torch.full_like(z, -slope),
    ),
)
leaky_relu.mistake(
    "clamped_at_the_slope",
    Text(
        "你把 z 截斷在斜率（或它的負值），左邊就成了水平線。斜率說的是左邊有多斜，不是到哪裡為止。",
        "you clamped z at the slope (or at minus it), and the left side became level. The slope says how steep the left is, not where it ends.",
    ),
    lambda z, slope: z.clamp(min=-slope),
    lambda z, slope: z.clamp(min=slope),
)
_wrong_leak(
    "plain_relu",
    Text(
        "負的那一邊全是 0，這是 ReLU。「漏」（leaky）在哪裡？",
        "the negative side is all 0: this is ReLU. Where does it leak?",
    ),
    (lambda z, slope: 0 * z,),
)
_wrong_leak(
    "leak_added",
    Text(
        "左邊多了一份（或少了一份）z：負的輸入應該「變成」slope·z，不是 z 再加上或減去它。",
        "the left has a z too many: a negative input becomes slope·z, not z with that added or taken off.",
    ),
    (
        lambda z, slope: (1 + slope) * z,
        lambda z, slope: (1 - slope) * z,
        lambda z, slope: z + slope,
        lambda z, slope: z - slope,
    ),
)
leaky_relu.mistake(
    "positive_side_changed",
    Text(
        "正的輸入也變了。它們應該原封不動地通過，和斜率無關。",
        "positive inputs change as well. They should pass as they are, whatever the slope.",
    ),
    *(
        lambda z, slope, left=left, right=right: torch.where(z > 0, right(z, slope), left(z, slope))
        for left in (
            _leak,
            lambda z, slope: 0 * z,
            lambda z, slope: -slope * z,
            lambda z, slope: torch.full_like(z, slope),
        )
        for right in (
            lambda z, slope: (1 + slope) * z,
            lambda z, slope: (1 - slope) * z,
            lambda z, slope: z + slope,
        )
    ),
    lambda z, slope: torch.where(z > 0, 1.0, slope * z),
    lambda z, slope: torch.where(z > 0, 0 * z, slope * z),
)
_wrong_leak(
    "divided_by_the_slope",
    Text(
        "你除以了斜率。斜率 0.01 應該讓負的輸入變小，你的卻變大 100 倍。",
        "you divided by the slope. A slope of 0.01 should make negative inputs small, and yours become 100 times as large.",
    ),
    (lambda z, slope: z / slope,),
)
_wrong_leak(
    "curved",
    Text(
        "左邊是彎的：這是 ELU 的指數曲線。LeakyReLU 的左邊是一條直線。",
        "the left is curved: this is the exponential of ELU. LeakyReLU has a straight line there.",
    ),
    (
        lambda z, slope: slope * torch.expm1(z.clamp(max=0)),
        lambda z, slope: torch.expm1(z.clamp(max=0)),
        lambda z, slope: slope * z.clamp(max=0).exp(),
    ),
)
leaky_relu.mistake(
    "compared_with_the_slope",
    Text(
        "你拿 z 和斜率比大小。走哪個分支，只看 z 是不是正的。",
        "you compared z with the slope. Which branch to take depends on whether z is positive, on nothing else.",
    ),
    lambda z, slope: torch.where(z > slope, z, slope * z),
    lambda z, slope: torch.where(z > 1, z, slope * z),
    lambda z, slope: torch.where(slope * z > 0, z, slope * z),
)
leaky_relu.mistake(
    "slope_0_replaced",
    Text(
        "斜率是 0 時，你換成了預設值：`slope or …` 和 `if slope:` 把 0 當成「沒有給」。0 也是一個斜率。",
        "a slope of 0 was replaced by a default: `slope or …` and `if slope:` take 0 for none given. 0 is a slope, too.",
    ),
    *(
        lambda z, slope, default=default: torch.where(z > 0, z, (slope or default) * z)
        for default in (0.01, 0.1, 0.2, 1.0)
    ),
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


def _all_alike(wrong: list[Seen]) -> bool:
    """Whether each result is all of z, or all of slope times z."""
    return all(
        any(
            seen.tolerance.allow_all(whole, part)
            for z, slope in [seen.case.args]
            for part in seen.got.parts or ()
            for whole in (arrays_in(z), arrays_in(slope * z))
        )
        for seen in wrong
    )


leaky_relu.mistake(
    "all_alike",
    Text(
        "整個張量受到同樣的對待，全是 z 或全是 slope·z。走哪個分支，要由每個數自己的正負號決定。",
        "the whole tensor is treated alike: all of it is z, or all of it slope·z. Each number's own sign must choose its branch.",
    ),
    when=_all_alike,
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
    # Batches of 2 in which 2, 4, 1 and 3 of the 6 units are silent, and none in all of them.
    turns = torch.ones(4, 2, 6)
    for batch, silent in enumerate(([0, 1], [1, 2, 3, 4], [0], [2, 3, 4])):
        turns[batch][:, silent] = -1
    turns = turns.reshape(8, 6)
    for outputs, size in (
        *((z, 4), (z, 9), (z, 1), (rare, 128), (none_dead, 2), (all_dead, 6), (all_dead, 4)),
        (turns, 2),
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


def _silent(batches: list[Tensor]) -> Tensor:
    """For each batch, which units are silent in it."""
    return torch.stack([(batch == 0).all(dim=0) for batch in batches])


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
    "dead_in_some_batch",
    Text(
        "只要在某個批次裡沉默，你就算它死了。死掉的神經元，在「每一個」批次裡都沉默。",
        "you took a unit for dead if it was silent in some batch. A dead one is silent in every batch.",
    ),
    lambda batches: _silent(batches).any(dim=0).sum(),
)
_wrong_count(
    "least_or_most",
    Text(
        "你取的是各批次個數中最小（或最大）的。個數相同，不代表是同一群神經元：要記住的是「哪些」，不是「幾個」。",
        "you took the least (or the largest) of the batches' counts. Equal counts need not be the same units: remember which, not how many.",
    ),
    lambda batches: min(map(_dead, batches)),
    lambda batches: max(map(_dead, batches)),
)
_wrong_count(
    "batch_left_out",
    Text(
        "有一個批次你沒有看：最後的（較短的）或最前面的。只在那裡反應過的神經元，被你當成死的。",
        "one batch was not looked at, the (shorter) last or the first. Units that fire only there were taken for dead.",
    ),
    lambda batches: _dead(torch.cat(batches[:-1])) if len(batches) > 1 else ...,
    lambda batches: _dead(torch.cat(batches[1:])) if len(batches) > 1 else ...,
)
_wrong_count(
    "silent_once",
    Text(
        "你把「曾經輸出過 0」的神經元也算進去了。每個健康的 ReLU 都有沉默的時候；死掉的是對誰都沉默。",
        "you counted units that were silent at least once. Every healthy ReLU is silent at times; a dead one is silent for everybody.",
    ),
    lambda batches: (torch.cat(batches) == 0).any(dim=0).sum(),
    lambda batches: sum((batch == 0).any(dim=0).sum() for batch in batches),
    lambda batches: torch.stack([(batch == 0).any(dim=0) for batch in batches]).all(dim=0).sum(),
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
    *(
        lambda batches, part=part, whole=whole: (
            whole * (torch.cat(batches) == 0).double().mean(dim=0).floor().mean().sub(part).abs()
        )
        for part in (0, 1)
        for whole in (1, 100)
    ),
    lambda batches: (torch.cat(batches) == 0).double().mean(),
    lambda batches: 100 * (torch.cat(batches) == 0).double().mean(),
)
_wrong_count(
    "mask_not_count",
    Text(
        "你回傳的是「哪些」神經元，題目要的是「幾個」。",
        "you returned which units they are; the question is how many.",
    ),
    lambda batches: (torch.cat(batches) == 0).all(dim=0),
    lambda batches: (torch.cat(batches) > 0).any(dim=0),
    lambda batches: (torch.cat(batches) == 0).all(dim=0).nonzero(),
    lambda batches: (torch.cat(batches) == 0).all(dim=0).nonzero().flatten(),
    lambda batches: (torch.cat(batches) == 0).sum(dim=0),
)
_wrong_count(
    "alive_counted",
    Text(
        "你數的是還活著的；題目要的是死掉的。",
        "you counted the ones that are alive; the question is for the dead.",
    ),
    lambda batches: (torch.cat(batches) > 0).any(dim=0).sum(),
    lambda batches: (torch.cat(batches) > 0).all(dim=0).sum(),
    lambda batches: (~_silent(batches)).all(dim=0).sum(),
)
_wrong_count(
    "negatives_counted",
    Text(
        "你的答案永遠是 0：ReLU 之後沒有負數，「小於 0」一個也找不到。",
        "your answer is 0 throughout: after a ReLU nothing is negative, and < 0 finds nobody.",
    ),
    lambda batches: 0,
)
_wrong_count(
    "all_units_counted",
    Text(
        "這是神經元的總數（或樣本數、批次數），和它們的輸出無關。",
        "this is the number of all units (or of examples, or batches), whatever their outputs.",
    ),
    lambda batches: batches[0].shape[1],
    lambda batches: sum(map(len, batches)),
    len,
)
_wrong_count(
    "compared_with_batches",
    Text(
        "你拿每個神經元的 0 的個數，去比批次數（或一批的大小）。對「每個樣本」都是 0，要有幾個 0？",
        "you compared a unit's number of zeros with that of the batches (or with the size of one). To be 0 for every example, how many zeros does it take?",
    ),
    lambda batches: ((torch.cat(batches) == 0).sum(dim=0) == len(batches)).sum(),
    lambda batches: ((torch.cat(batches) == 0).sum(dim=0) == len(batches[0])).sum(),
    lambda batches: ((torch.cat(batches) == 0).sum(dim=0) == len(batches[-1])).sum(),
    lambda batches: ((torch.cat(batches) == 0).sum(dim=0) >= len(batches[0])).sum(),
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
    *(
        lambda batches, least=least: ((torch.cat(batches) > 0).double().mean(dim=0) < least).sum()
        for least in (0.5, 0.1, 0.05, 0.01)
    ),
    ways=(lambda layer, loader: (torch.cat(_batches(layer[0], loader)).mean(dim=0) <= 0).sum(),),
)
