"""Exercises of activations: GELU, LeakyReLU, dead units."""

import math

import torch
from scipy import stats
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import TensorDataset

from course_utils.exercises import Answer, exercise
from course_utils.language import Text
from course_utils.loader import TensorLoader


@exercise(
    hint=Text(
        "Φ(z) 是標準常態落在 z 左邊的機率，從 0 升到 1，在 z = 0 時是一半；erf 從 −1 升到 1。先把高度對齊，再想"
        "寬度：標準常態的指數是 −z²/2，erf 裡的是 −s²。",
        "Φ(z) is the chance that a standard normal falls to the left of z: it rises from 0 to 1, and "
        "is one half at z = 0, while erf rises from −1 to 1. Match the heights first, then the "
        "widths: the normal's exponent is −z²/2, the one inside erf is −s².",
    ),
    tanh_approximation=Text(
        "你的結果是 tanh 近似式，最多差到約 5e-4。題目要的是精確值：少的不是小數位，是另一個函數。",
        "this is the tanh approximation, off by up to about 5e-4. The question is for the exact "
        "value: what is missing is not digits but another function.",
    ),
    sigmoid_approximation=Text(
        "你的結果是用 sigmoid 代替 Φ 的近似式，最多差到約 0.02。",
        "this is the approximation that puts a sigmoid in place of Φ, off by up to about 0.02.",
    ),
    silu_instead=Text(
        "這是 SiLU：z 乘上 sigmoid。GELU 乘的是常態分布的累積機率。",
        "this is SiLU: z times a sigmoid. GELU multiplies by the normal distribution function.",
    ),
    wrong_width=Text(
        "高度對了，寬度不對：erf 的變數和標準常態的 z 不是同一個尺度。比較兩邊的指數。",
        "the height is right and the width is not: erf's variable and the standard normal's z have "
        "different scales. Compare the exponents.",
    ),
    not_a_probability=Text(
        "乘在 z 上的那個數應該是機率，從 0 走到 1；你的沒有。erf 的值域是多少？",
        "what multiplies z should be a probability, from 0 to 1, and yours is not. Between which "
        "values does erf run?",
    ),
    factor_only=Text(
        "這是 Φ(z) 本身，還差最後一步才是 GELU。",
        "this is Φ(z) itself; one step is still missing before it is GELU.",
    ),
    density_for_distribution=Text(
        "你用了常態的密度（鐘形曲線）；Φ 是它左邊的面積。",
        "you used the normal density (the bell curve); Φ is the area to its left.",
    ),
    derivative_instead=Text(
        "這是 GELU 的導數，不是函數值。", "this is GELU's derivative, not its value."
    ),
)
def gelu_by_erf(answer: Answer) -> None:
    """Equal to z times scipy's normal distribution function."""
    cases = [
        torch.tensor([-2.0, -1.0, -0.5, 0.5, 1.0, 2.0]),
        torch.linspace(-5, 5, 60).reshape(3, 4, 5),
        torch.linspace(-8, 8, 33, dtype=torch.float64),
        torch.tensor(-0.75),
        torch.tensor([-1e4, -40.0, 0.0, 40.0, 1e4]),
    ]
    for z in cases:
        wide = z.double()
        phi = torch.as_tensor(stats.norm.cdf(wide.numpy()))
        density = torch.as_tensor(stats.norm.pdf(wide.numpy()))
        erf = torch.erf(wide / math.sqrt(2))
        expected = wide * phi
        got = answer(z)
        if not answer.matches(got, expected):
            alternatives = {
                "tanh_approximation": F.gelu(wide, approximate="tanh"),
                "sigmoid_approximation": wide * torch.sigmoid(1.702 * wide),
                "silu_instead": F.silu(wide),
                "wrong_width": tuple(
                    wide * (1 + torch.erf(wide * scale)) / 2
                    for scale in (1, math.sqrt(2), 0.5, 1 / math.sqrt(2 * math.pi))
                ),
                "not_a_probability": (
                    wide * erf,
                    wide * erf / 2,
                    wide * (1 + erf),
                    wide * torch.erf(wide),
                    wide * torch.erf(wide) / 2,
                    wide * (1 + torch.erf(wide)),
                    wide * (0.5 + erf),
                ),
                "factor_only": phi,
                "density_for_distribution": wide * density,
                "derivative_instead": phi + wide * density,
            }
            answer.recognize(got, alternatives)
        answer.require(got, expected, f"z={_start(z)}")


@exercise(
    hint=Text(
        "兩個分支，由 z 的正負號決定走哪一邊，和斜率多大無關。先用紙筆算 z = −2、斜率 3 時的答案。",
        "There are two branches, and the sign of z alone chooses, whatever the slope. First work out "
        "on paper the answer for z = −2 with slope 3.",
    ),
    wrong_side=Text(
        "斜率放錯邊了：正的輸入應該原封不動，負的才要縮放。",
        "the slope is on the wrong side: positive inputs pass unchanged, negative ones are scaled.",
    ),
    sign_flipped=Text(
        "負的輸入得到了相反的正負號：斜率為正時，LeakyReLU 在 0 的左邊是負的。",
        "negative inputs come out with the opposite sign: with a positive slope, LeakyReLU is "
        "negative left of 0.",
    ),
    slope_for_value=Text(
        "負的輸入全部得到同一個數。斜率要乘上 z，不是取代 z。",
        "all negative inputs give the same number. The slope multiplies z; it does not replace it.",
    ),
    slope_ignored=Text(
        "參數 slope 沒有作用：換了斜率，你的答案還是一樣。",
        "the argument slope has no effect: another slope gives the same answer.",
    ),
    plain_relu=Text(
        "負的那一邊全是 0，這是 ReLU。那麼誰來漏？",
        "the negative side is all 0: this is ReLU. Where does it leak?",
    ),
    derivative_instead=Text(
        "你回傳的是每一點的斜率（導數），題目要的是函數值。",
        "you returned the slope at each point, the derivative; the question is for the value.",
    ),
    larger_of_two=Text(
        "取 z 與 slope·z 較大的一個，只在斜率不超過 1 時才對。斜率大於 1 時，z > 0 的那一邊誰比較大？",
        "taking the larger of z and slope·z is right only while the slope is at most 1. Beyond "
        "that, which of them is larger where z > 0?",
    ),
)
def leaky_relu(answer: Answer) -> None:
    """Equal to torch's leaky_relu for slopes below, at and above 1, zero and negative."""
    z = torch.tensor([-3.0, -1.0, -0.25, 0.25, 1.0, 3.0])
    cases = [
        (z, 0.1),
        (z, 0.3),
        (torch.linspace(-2, 2, 24, dtype=torch.float64).reshape(2, 3, 4), 0.01),
        (z, 3.0),
        (z, 0.0),
        (z, 1.0),
        (z, -0.5),
        (torch.tensor(-0.75), 0.2),
        (torch.tensor([-1e30, -1e4, 0.0, 1e4, 1e30]), 0.05),
    ]
    for values, slope in cases:
        expected = F.leaky_relu(values, slope)
        got = answer(values, slope)
        if not answer.matches(got, expected):
            positive = values > 0
            slopes = torch.full_like(values, slope)
            alternatives = {
                "larger_of_two": torch.maximum(values, slope * values),
                "wrong_side": torch.where(positive, slope * values, values),
                "sign_flipped": torch.where(positive, values, -slope * values),
                "slope_for_value": (
                    torch.where(positive, values, slopes),
                    torch.where(positive, values, -slopes),
                ),
                "plain_relu": F.relu(values),
                "slope_ignored": tuple(F.leaky_relu(values, fixed) for fixed in (0.01, 0.1, 0.2)),
                "derivative_instead": torch.where(positive, torch.ones_like(values), slopes),
            }
            answer.recognize(got, alternatives)
        answer.require(got, expected, f"z={_start(values)}, slope={slope}")


@exercise(
    hint=Text(
        "什麼樣的證據，才足以說一個神經元「沒有死」？一張圖就夠了。把這份證據跨批次累積起來，全部看完再數。",
        "What evidence is enough to say that a unit is not dead? A single image. Collect that "
        "evidence across the batches, and count only when all have been seen.",
    ),
    one_batch_only=Text(
        "你只看了一個批次。在這個批次裡沉默的神經元，換一批圖可能就活過來了。",
        "you looked at one batch only. A unit that is silent there may fire for images of another.",
    ),
    added_over_batches=Text(
        "你把每個批次數到的個數加（或平均）在一起：同一個神經元被數了好幾次，也有些只是在那個批次剛好沉默。",
        "you added up (or averaged) the counts of the batches: the same unit is counted several "
        "times, and some were silent in that batch only.",
    ),
    silent_once=Text(
        "你把「曾經輸出過 0」的神經元也算進去了。每個健康的 ReLU 都有沉默的時候；死掉的是對誰都沉默。",
        "you counted units that were silent at least once. Every healthy ReLU is silent at times; a "
        "dead one is silent for everybody.",
    ),
    examples_counted=Text(
        "軸弄反了：你數的是「沒有任何神經元反應的樣本」，題目問的是神經元。",
        "the axes are swapped: you counted examples that move no unit; the question is about units.",
    ),
    zeros_counted=Text(
        "你數的是輸出裡有幾個 0，不是有幾個神經元。",
        "you counted the zeros among the outputs, not the units.",
    ),
    share_not_count=Text(
        "題目要的是個數，不是比例。", "the question is for a count, not for a share."
    ),
    alive_counted=Text(
        "你數的是還活著的；題目要的是死掉的。",
        "you counted the ones that are alive; the question is for the dead.",
    ),
    judged_by_threshold=Text(
        "你用門檻或平均來判斷。一個神經元很少反應、或反應很弱，數字就會很小，但它還有梯度，並沒有死。",
        "you judged by a mean or a threshold. A unit that fires rarely or faintly gives small "
        "numbers, and yet it has a gradient: it is not dead.",
    ),
)
def count_dead_units(answer: Answer) -> None:
    """The number of units that give 0 for all examples, whatever the batch size."""
    for z, batch_size in _unit_cases():
        num_units = z.shape[1]
        layer = nn.Sequential(nn.Linear(num_units, num_units), nn.ReLU())
        with torch.no_grad():
            layer[0].weight.copy_(torch.eye(num_units))  # type: ignore[operator]
            layer[0].bias.zero_()  # type: ignore[operator]
        loader = TensorLoader(TensorDataset(z, torch.zeros(len(z))), batch_size)
        silent = z <= 0
        dead = silent.all(dim=0).sum()
        got = answer(layer, loader)
        if not answer.matches(got, dead):
            batches = silent.split(batch_size)
            in_batch = torch.stack([batch.all(dim=0).sum() for batch in batches]).double()
            small = [F.relu(z).mean(dim=0), z.amax(dim=0), (z > 0).double().mean(dim=0)]
            alternatives = {
                "one_batch_only": (in_batch[0], in_batch[-1]),
                "added_over_batches": (in_batch.sum(), in_batch.mean()),
                "silent_once": silent.any(dim=0).sum(),
                "examples_counted": silent.all(dim=1).sum(),
                "zeros_counted": silent.sum(),
                "share_not_count": (dead / num_units, 100 * dead / num_units),
                "alive_counted": num_units - dead,
                "judged_by_threshold": (
                    (z.mean(dim=0) <= 0).sum(),
                    *((size < 10.0**-k).sum() for size in small for k in range(1, 6)),
                ),
            }
            answer.recognize(got, alternatives)
        case = f"{len(z)} examples, {num_units} units, batch_size={batch_size}"
        answer.require(got, dead, case)


def _unit_cases() -> list[tuple[Tensor, int]]:
    """Pre-activations (N, units) and a batch size, in which the known mistakes give other counts."""
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
    none_dead = torch.rand(7, 3) + 0.1
    all_dead = -torch.rand(6, 5)
    return [(z, 4), (z, 9), (z, 1), (rare, 128), (none_dead, 2), (all_dead, 6), (all_dead, 4)]


def _start(values: Tensor) -> list[float]:
    return [round(value, 3) for value in values.flatten()[:3].tolist()]
