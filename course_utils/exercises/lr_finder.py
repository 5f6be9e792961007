"""Exercises of lr_finder: the ramp, an average with gaps, reading three curves, an honest sweep."""

import copy
import functools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils import seeding
from course_utils.exercises import Answer, exercise
from course_utils.exercises.by_reference import given, right_answer
from course_utils.exercises.outcomes import Seen
from course_utils.language import Text
from course_utils.lr_finder import smooth_losses
from course_utils.models import MLP

# --- ramp_by_decade


def _ends() -> Iterator[given]:
    yield given(0.001, 0.1, 5)
    yield given(1e-6, 10.0, 20)
    yield given(0.5, 50.0, 1)
    yield given(2.0, 0.002, 3)
    yield given(0.07, 0.7, 10)  # 9.999999999999998 steps
    yield given(0.7, 0.07, 10)
    for start, decades, steps in ((0.01, 0.5, 4), (0.001, 1.5, 6), (3.0, -2.5, 2), (1.0, 0.25, 8)):
        yield given(start, start * 10**decades, steps)


@right_answer(
    cases=_ends,
    terms=lambda *ends: 0,  # each rate is as exact as its own size
    slack=256,  # a factor may be multiplied up step by step
    hint=Text(
        "先數一數：從 0.001 到 0.1 有幾個數量級（十倍）？每個數量級走 5 步，連同起點一共幾個點？",
        "Count first: how many factors of ten lie between 0.001 and 0.1? At 5 steps each, how many points is that, the start included?",
    ),
)
def ramp_by_decade(start_lr, end_lr, points_per_decade):
    """Geometric, both ends included, points_per_decade steps in each factor of ten."""
    return np.geomspace(start_lr, end_lr, _steps(start_lr, end_lr, points_per_decade) + 1)


def _steps(start: float, end: float, per_decade: int) -> int:
    return round(per_decade * abs(math.log10(end / start)))


def _wrong_steps(name: str, text: Text, *counts: Callable) -> None:
    """counts: of the decades and the steps in each, how many steps it takes from end to end."""
    ways = (
        lambda start, end, per_decade, n=count: np.geomspace(
            start, end, max(0, n(abs(math.log10(end / start)), per_decade)) + 1
        )
        for count in counts
    )
    ramp_by_decade.mistake(name, text, *ways)


def _wrong_ramp(name: str, text: Text, *ramps: Callable) -> None:
    """ramps: of start, end and the number of steps."""
    ways = (
        lambda start, end, per_decade, ramp=ramp: ramp(start, end, _steps(start, end, per_decade))
        for ramp in ramps
    )
    ramp_by_decade.mistake(name, text, *ways)


_wrong_ramp(
    "linear_ramp",
    Text(
        "相鄰兩個學習率的「差」相等，幾乎所有的點都擠在最後一個數量級裡。該相等的是「比」。",
        "neighbors have the same difference, so nearly all points crowd into the last decade. It is the ratio that should be the same.",
    ),
    lambda start, end, n: np.linspace(start, end, n + 1),
    lambda start, end, n: np.linspace(start, end, n),
)
_wrong_ramp(
    "rates_as_exponents",
    Text(
        "`np.logspace` 要的是以 10 為底的指數：−3 代表 0.001。你給它的是學習率本身。",
        "`np.logspace` takes exponents of 10: −3 stands for 0.001. You gave it the rates themselves.",
    ),
    lambda start, end, n: np.logspace(start, end, n + 1),
    lambda start, end, n: np.logspace(start, end, n),
)
_wrong_ramp(
    "bases_mixed",
    Text(
        "取對數和取次方用了不同的底：log10 要配 10 的次方（`np.logspace` 就是），自然對數要配 exp。",
        "logarithm and power have different bases: log10 goes with powers of 10 (as in `np.logspace`), and the natural logarithm with exp.",
    ),
    lambda start, end, n: np.logspace(math.log(start), math.log(end), n + 1),
    lambda start, end, n: np.exp(np.linspace(math.log10(start), math.log10(end), n + 1)),
)
_wrong_ramp(
    "end_missing",
    Text(
        "少了終點：走 n 步，連起點一共有 n + 1 個點。",
        "the end is missing: n steps make n + 1 points, the start included.",
    ),
    lambda start, end, n: np.geomspace(start, end, n + 1)[:-1],
)
_wrong_ramp(
    "start_missing",
    Text(
        "少了起點：走 n 步，連起點一共有 n + 1 個點。",
        "the start is missing: n steps make n + 1 points, the start included.",
    ),
    lambda start, end, n: np.geomspace(start, end, n + 1)[1:],
)
_wrong_ramp(
    "end_not_reached",
    Text(
        "點數對了，但最後一個學習率還沒走到 end_lr：n 個點之間只有 n − 1 步。",
        "the number of points is right, but the last one falls short of end_lr: between n points there are only n − 1 steps.",
    ),
    lambda start, end, n: np.geomspace(start, end, n + 1, endpoint=False),
)
_wrong_steps(
    "one_point_short",
    Text(
        "兩端都有，但少了一個點，每一步因此太大：走 n 步，連起點一共有 n + 1 個點。",
        "both ends are there, but a point is lacking and the steps are too large: n steps make n + 1 points, the start included.",
    ),
    lambda decades, n: round(decades * n) - 1,
)
_wrong_steps(
    "one_point_too_many",
    Text(
        "兩端都有，但多了一個點，每一步因此太小：走 n 步，連起點一共有 n + 1 個點。",
        "both ends are there, but there is a point too many and the steps are too small: n steps make n + 1 points, the start included.",
    ),
    lambda decades, n: round(decades * n) + 1,
)
_wrong_steps(
    "natural_logarithm",
    Text(
        "點數變成 2.3 倍：這裡一段指的是十倍，不是 e 倍。",
        "2.3 times too many points: a decade is a factor of ten, not of e.",
    ),
    lambda decades, n: round(n * decades * math.log(10)),
    lambda decades, n: int(n * decades * math.log(10)),
)
_wrong_steps(
    "truncated",
    Text(
        "從 0.07 到 0.7，對數算出來是 0.9999999999999999，直接去掉小數就少了一步。浮點數變成整數之前，該先做什麼？",
        "from 0.07 to 0.7 the logarithm comes out as 0.9999999999999999, and cutting off its digits loses a step. What should a float go through before it becomes an integer?",
    ),
    lambda decades, n: int(n * decades),
)
_wrong_steps(
    "rounded_up",
    Text(
        "走半個數量級，算出來可能是 2.0000000000000004 步，無條件進位就多了一步。浮點數變成整數之前，該先做什麼？",
        "half a decade may come out as 2.0000000000000004 steps, and rounding up adds a step. What should a float go through before it becomes an integer?",
    ),
    lambda decades, n: math.ceil(n * decades),
)
_wrong_steps(
    "whole_decades",
    Text(
        "你先把數量級的個數取成整數，再乘上步數。兩端之間可以是一個半數量級；一定是整數的是總步數。",
        "you made the number of decades whole before you multiplied it by the steps. There may be one and a half; it is the number of steps that is whole.",
    ),
    lambda decades, n: round(decades) * n,
    lambda decades, n: int(decades) * n,
    lambda decades, n: math.ceil(decades) * n,
)
_wrong_steps(
    "total_not_per_decade",
    Text(
        "points_per_decade 是「每個數量級」走的步數，不是整條斜坡的點數。",
        "points_per_decade counts the steps in each factor of ten, not the points of the whole ramp.",
    ),
    lambda decades, n: n,
    lambda decades, n: n - 1,
)
_wrong_steps(
    "points_for_steps",
    Text(
        "你讓每個數量級有 points_per_decade 個點，連同兩端。題目說的是步數：這麼多步，點要再多一個。",
        "you gave each factor of ten points_per_decade points, both ends included. The question counts steps, and that many steps take one point more.",
    ),
    lambda decades, n: round(decades * (n - 1)),
)
_wrong_ramp(
    "exponents_returned",
    Text(
        "這是學習率的對數。還差最後一步：10 的這麼多次方。",
        "these are the logarithms of the rates. One step is missing: ten to the power of them.",
    ),
    lambda start, end, n: np.linspace(math.log10(start), math.log10(end), n + 1),
    lambda start, end, n: np.linspace(math.log(start), math.log(end), n + 1),
)
_wrong_ramp(
    "backwards",
    Text(
        "順序反了：第一個是 start_lr，最後一個是 end_lr，不論哪一個比較大。",
        "the order is reversed: start_lr comes first and end_lr last, whichever is larger.",
    ),
    lambda start, end, n: np.geomspace(end, start, n + 1),
    lambda start, end, n: np.geomspace(min(start, end), max(start, end), n + 1),
    lambda start, end, n: np.geomspace(max(start, end), min(start, end), n + 1),
)
_wrong_ramp(
    "rising_only",
    Text(
        "end_lr 比較小的時候不對：對數是負的，步數還是正的，而學習率要一步一步變小。",
        "where end_lr is smaller it goes wrong: the logarithm is negative, the number of steps is not, and the rates should fall from step to step.",
    ),
    *(
        lambda start, end, n, otherwise=otherwise: (
            np.geomspace(start, end, n + 1) if end > start else otherwise(start, end, n)
        )
        for otherwise in (
            lambda start, end, n: [],
            lambda start, end, n: [start],
            lambda start, end, n: np.geomspace(start, start**2 / end, n + 1),
        )
    ),
)


# --- smooth_with_gaps

_NAN = math.nan


def _losses() -> Iterator[given]:
    for losses, beta in (
        ([3.0, 2.0, 4.0, 1.0], 0.9),
        ([3.0, 2.0, _NAN, 1.0, 1.5], 0.8),
        ([_NAN, _NAN, 2.0, _NAN, 5.0, 0.0], 0.5),
        ([0.0, 2.0, _NAN, _NAN, 0.0, -1.0], 0.7),
        ([1e6, _NAN, 1e-3, 2e-3], 0.3),
        ([_NAN, _NAN, _NAN], 0.9),
        ([2.5], 0.9),
    ):
        yield given(np.array(losses), beta)
    noise = seeding.rng(0)
    long = np.where(noise.random(60) < 0.3, _NAN, noise.random(60) + 1)
    yield given(
        long, 0.95, case=Text("60 個損失，約三成是 nan", "60 losses, about a third of them nan")
    )


@right_answer(
    cases=_losses,
    enough=torch.float32,
    hint=Text(
        "偏差修正的分母 1 − βᵗ 從哪裡來？它就是到目前為止所有權重的和。現在有幾個權重不在了。",
        "Where does the 1 − βᵗ of the bias correction come from? It is the sum of all weights so far. Now some of them are absent.",
    ),
)
def smooth_with_gaps(losses, beta):
    """Weighted mean of the finite losses so far, with weight beta**age; nan before the first."""
    return _mean_by_age(losses, beta)


def _mean_by_age(losses: np.ndarray, beta: float, *, is_there: Any = None) -> np.ndarray:
    """The definition, without a recursion."""
    steps = np.arange(len(losses))
    age = steps[:, None] - steps
    is_there = np.isfinite(losses) if is_there is None else is_there
    weights = np.where(age >= 0, beta ** np.clip(age, 0, None), 0.0) * is_there
    total = weights.sum(axis=1)
    sums = weights @ np.nan_to_num(losses)
    return np.divide(sums, total, out=np.full(len(losses), math.nan), where=total > 0)


def _average(
    losses: np.ndarray,
    beta: float,
    *,
    gap: str = "skip",
    start: float = 0.0,
    corrected_by: str = "steps seen",
    new: float | None = None,
) -> np.ndarray:
    """A recursion that meets a missing loss by skipping it, by aging, or by letting it in.

    corrected_by: the power of beta in the correction, "steps seen", "all steps", "losses" or "".
    new: the weight of the new loss, if it is not 1 - beta.
    """
    average, seen, count, averages = start, 0, 0, []
    for t, loss in enumerate(losses, start=1):
        count += not np.isnan(loss)
        if not (np.isnan(loss) and gap == "skip"):
            value = 0.0 if np.isnan(loss) and gap == "zero" else loss
            average = beta * average + (1 - beta if new is None else new) * value
            seen += 1
        power = {"steps seen": seen, "all steps": t, "losses": count}.get(corrected_by)
        weight = float(seen > 0) if power is None else 1 - beta**power
        averages.append(average / weight if weight > 0 else math.nan)
    return np.array(averages)


def _wrong_average(name: str, text: Text, *ways: Callable) -> None:
    """ways: of losses and beta; before the first loss nan, 0, or what they give; of nan alone, nothing."""

    def before(way: Callable, given_instead: float | None) -> Callable:
        def averages(losses, beta):
            is_before = np.isfinite(losses).cumsum() == 0
            if is_before.all():
                return ...
            found = way(losses, beta)
            return found if given_instead is None else np.where(is_before, given_instead, found)

        return averages

    kinds = (before(way, value) for way in ways for value in (None, math.nan, 0.0))
    smooth_with_gaps.mistake(name, text, *kinds)


_wrong_average(
    "newest_left_out",
    Text(
        "每一步的平均都少了那一步自己的損失：它的年紀是 0，權重是 β⁰ = 1。",
        "every mean leaves out the loss of its own step, whose age is 0 and whose weight is β⁰ = 1.",
    ),
    lambda losses, beta: np.append(math.nan, _mean_by_age(losses, beta)[:-1]),
)
smooth_with_gaps.mistake(
    "gaps_dropped",
    Text(
        "缺的那些步不見了。有損失的步之後，缺的步也有平均：結果要和 losses 一樣長。",
        "the missing steps are gone. After a first loss they have a mean, too: the result is as long as losses.",
    ),
    lambda losses, beta: _mean_by_age(losses, beta)[np.isfinite(losses)],
    when=lambda wrong: all(
        seen.got.arrays
        and seen.got.arrays[0].shape == (np.isfinite(seen.case.args[0]).sum(),)
        and not np.isfinite(seen.case.args[0]).all()
        for seen in wrong
    ),
)
smooth_with_gaps.mistake(
    "zero_before_first",
    Text(
        "第一個損失出現之前沒有平均可言，請填 nan。",
        "before the first loss there is nothing to average: give nan.",
    ),
    lambda losses, beta: np.nan_to_num(_mean_by_age(losses, beta)),
)


def _first(losses: np.ndarray) -> float:
    return next((loss for loss in losses if np.isfinite(loss)), math.nan)


_wrong_average(
    "starts_at_first",
    Text(
        "你從第一個損失開始平均，它的權重就成了 βᵗ，比後來的都大得多。",
        "you started the average at the first loss, which then has weight βᵗ, far more than any that follows.",
    ),
    lambda losses, beta: _average(losses, beta, start=_first(losses), corrected_by=""),
    lambda losses, beta: _average(
        losses, beta, start=np.nan_to_num(losses[0]), corrected_by="", gap="zero"
    ),
)
_wrong_average(
    "no_correction",
    Text(
        "權重的和還不到 1，所以一開始的平均都太小。",
        "the weights do not add up to 1 yet, so the early averages are too small.",
    ),
    lambda losses, beta: _average(losses, beta, corrected_by=""),
    lambda losses, beta: _average(losses, beta, corrected_by="", gap="zero"),
)
_wrong_average(
    "not_divided",
    Text(
        "你把加權之後的損失加了起來，沒有除以權重的和。",
        "you added up the weighted losses and did not divide by the sum of their weights.",
    ),
    lambda losses, beta: _average(losses, beta, corrected_by="", gap="zero", new=1.0),
    lambda losses, beta: _average(losses, beta, corrected_by="", new=1.0),
)
_wrong_average(
    "weights_swapped",
    Text(
        "β 和 1 − β 對調了：新的損失佔的分量應該是 1 − β。",
        "β and 1 − β are swapped: it is the new loss that has weight 1 − β.",
    ),
    lambda losses, beta: _mean_by_age(losses, 1 - beta),
    lambda losses, beta: _average(losses, 1 - beta),
)
_wrong_average(
    "nan_as_zero",
    Text(
        "缺的損失被當成 0 了，平均因此偏低：分母裡也要拿掉它的權重。",
        "the missing loss counts as 0 and pulls the average down: its weight must leave the denominator, too.",
    ),
    lambda losses, beta: _average(losses, beta, gap="zero"),
)
_wrong_average(
    "losses_counted",
    Text(
        "分母用的是損失的個數。中間有缺口時，它們的年紀不是 0、1、2……：請把每個損失的權重加起來。",
        "the denominator goes by the number of losses. With gaps between them their ages are not 0, 1, 2 …: add up the weight of each.",
    ),
    lambda losses, beta: _average(losses, beta, gap="zero", corrected_by="losses"),
)
_wrong_average(
    "gap_not_aged",
    Text(
        "缺口也是一步：時間照樣過去，舊的損失照樣變舊。你把前後兩段直接接起來了。",
        "a gap is a step as well: time passes and old losses grow older. You joined both sides as if nothing lay between.",
    ),
    lambda losses, beta: _average(losses, beta),
    lambda losses, beta: _average(losses, beta, corrected_by="all steps"),
)
_wrong_average(
    "nan_spreads",
    Text(
        "一個 nan 進了平均，之後每一步都變成 nan。",
        "one nan entered the average, and every step after it is nan.",
    ),
    lambda losses, beta: _average(losses, beta, gap="nan"),
    lambda losses, beta: _average(losses, beta, gap="nan", start=losses[0], corrected_by=""),
    lambda losses, beta: _average(losses, beta, gap="nan", corrected_by=""),
)
_wrong_average(
    "nan_at_gaps",
    Text(
        "缺口那一步也有平均：之前的損失都還在，只是又舊了一步。",
        "there is an average at a gap, too: the losses before it are still there, only a step older.",
    ),
    lambda losses, beta: np.where(np.isnan(losses), math.nan, _mean_by_age(losses, beta)),
    lambda losses, beta: np.where(np.isnan(losses), math.nan, _average(losses, beta)),
)


def _filled(losses: np.ndarray) -> np.ndarray:
    """Each missing loss replaced by the one before it."""
    last = np.maximum.accumulate(np.where(np.isnan(losses), 0, np.arange(len(losses))))
    return losses[last]


_wrong_average(
    "filled_by_the_last",
    Text(
        "你拿前一個損失來補缺口，它就算了好幾次。缺的損失沒有權重。",
        "you filled each gap with the loss before it, which then counts several times. A missing loss has no weight.",
    ),
    lambda losses, beta: _mean_by_age(_filled(losses), beta),
)
_wrong_average(
    "older_weighs_more",
    Text(
        "反了：越舊的損失，權重 βᵏ 應該越小。",
        "the wrong way round: the older a loss, the smaller its weight βᵏ.",
    ),
    lambda losses, beta: _mean_by_age(losses, 1 / beta),
)


# --- picks

#: Three range tests for the eye: rates from 1e-6 to 10, twenty a decade.
_RATES = np.geomspace(1e-6, 10, 141)


def three_curves() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Name -> (lrs, smoothed losses): A has one valley, B is flat, C falls again after it diverged."""
    log_lr = np.log10(_RATES)
    wobble = smooth_losses(seeding.rng(0).normal(0, 0.06, len(_RATES)))
    step = lambda center, width: 1 / (1 + np.exp(-(log_lr - center) / width))  # noqa: E731
    one_valley = 2.3 - 1.9 * step(-1.3, 0.3) + 6 * step(0.1, 0.11)
    falls_again = 2.3 - 1.7 * step(-3.4, 0.3) + 8 * step(-1.8, 0.11) - 5.5 * step(0.1, 0.06)
    return {
        "A": (_RATES, one_valley + wobble),
        "B": (_RATES, 2.303 + 0.05 * wobble),
        "C": (_RATES, falls_again + wobble[::-1]),
    }


def _is_rate(pick: Any) -> bool:
    try:
        return 0 < float(pick) < math.inf
    except (TypeError, ValueError, RuntimeError):
        return False


@exercise(
    hint=Text(
        "先找最低點，它的左邊才是安全的。整條曲線都沒有掉下來的話，就沒有答案。",
        "Find the lowest point first: only what lies left of it is safe. Where the whole curve "
        "never falls, there is no answer.",
    ),
    missing_entries=Text(
        "字典裡少了 {names}：三條曲線都要填：學習率，或 None。",
        "the dict lacks {names}: every curve needs an answer, or None.",
    ),
    minimum_itself=Text(
        "曲線 {curve}：你選在最低點（或緊鄰著它）。到了那裡，步伐大的好處與壞處剛好抵銷；退一步才安全。",
        "curve {curve}: you chose the lowest point, or next to it. There the good of a large step is "
        "just balanced by its harm; take a step back.",
    ),
    after_divergence=Text(
        "曲線 {curve}：你的答案在最低點右邊，損失已經衝上去了。之後再掉下來，也只是從很高的地方掉回來。",
        "curve {curve}: your answer lies right of the minimum, where the loss has run away. If it "
        "falls again, it only falls back from far above.",
    ),
    gradient_against_lr=Text(
        "曲線 {curve}：你的答案幾乎是斜坡的起點。若是用損失對「學習率」的斜率選的：那裡的學習率差距極小，一點雜訊就顯得很陡。",
        "curve {curve}: your answer is almost the start of the ramp. If you took the slope against "
        "the rate itself: rates are so close there that a little noise looks steep.",
    ),
    too_timid=Text(
        "曲線 {curve}：這個學習率很安全，但離最低點超過十倍，損失在那裡才剛開始動。",
        "curve {curve}: this rate is safe, but more than ten times below the minimum; the loss has "
        "hardly begun to move there.",
    ),
    flat_has_no_answer=Text(
        "曲線 B 從頭到尾沒有掉下來過，你的答案只是雜訊造成的。請再看一次縱軸。",
        "curve B never falls: noise chose your answer. Look at the vertical axis again.",
    ),
    not_a_rate=Text(
        "曲線 {curve}：這裡要一個大於 0 的學習率，或是 None，你的是 {got}。",
        "curve {curve}: here goes a rate, which is a number above 0, or None; yours is {got}.",
    ),
    gave_up=Text(
        "曲線 {curve} 明明有掉下來，這裡是有答案的。",
        "curve {curve} does fall: there is an answer to be had.",
    ),
)
def picks(answer: Answer) -> None:
    """A rate between a tenth and a half of the minimum's for A and C, None for B."""
    given = {str(name).strip().upper(): pick for name, pick in answer.entries().items()}
    curves = three_curves()
    if missing := [name for name in curves if given.get(name, ...) is ...]:
        answer.mistake("missing_entries", names=", ".join(missing))
    for name, (lrs, losses) in curves.items():
        pick, lowest = given[name], float(lrs[losses.argmin()])
        if pick is not None and not _is_rate(pick):
            answer.mistake("not_a_rate", curve=name, got=repr(pick))
        if name == "B":
            if pick is not None:
                answer.mistake("flat_has_no_answer")
            continue
        if pick is None:
            answer.mistake("gave_up", curve=name)
        share = float(pick) / lowest
        if share > 1.3:
            answer.mistake("after_divergence", curve=name)
        if share > 0.6:
            answer.mistake("minimum_itself", curve=name)
        if float(pick) < 1e-5:
            answer.mistake("gradient_against_lr", curve=name)
        if share < 0.07:
            answer.mistake("too_timid", curve=name)


# --- sweep_rates

_MEANS = Text("{case}，學習率 {rates}", "{case}, rates {rates}")
_PLAIN = Text("沒有批次正規化", "no batch norm")
_NORMED = Text("有批次正規化", "batch norm")
_IN_EVAL = Text(
    "有批次正規化，模型來的時候在評估模式", "batch norm, a model that comes in evaluation mode"
)
_OTHER_LOSS = Text("另一種損失函數", "another criterion")
_AFTERWARDS = Text("之後的模型（{case}）", "the model afterwards ({case})")


def _model(batch_norm: bool, training: bool) -> nn.Module:
    model = MLP(4, [8], 3, batch_norm=batch_norm, seed=int(batch_norm)).double().train(training)
    if batch_norm:
        model.net[1].running_mean.normal_(generator=seeding.generator(1))  # type: ignore[index]
    return model


def _sweeps() -> Iterator[given]:
    """Several rates ask for the means, a single one for what becomes of the model."""
    generator = seeding.generator(2)
    batches = [
        (
            torch.randn(size, 4, generator=generator, dtype=torch.float64),
            torch.randint(0, 3, (size,), generator=generator),
        )
        for size in (16, 16, 6)
    ]
    kinds = ((_PLAIN, False, True), (_NORMED, True, True), (_IN_EVAL, True, False))
    for case, batch_norm, training in kinds:
        rates = [0.3, 0.01, 1.0]
        make = functools.partial(_model, batch_norm, training)
        said = _MEANS.format(case=case, rates=rates)
        yield given(make, batches, nn.CrossEntropyLoss(), rates, case=said)
    said = _MEANS.format(case=_OTHER_LOSS, rates=[0.05, 0.5])
    make = functools.partial(_model, False, False)
    yield given(make, batches, nn.MultiMarginLoss(), [0.05, 0.5], case=said)
    for case, batch_norm, training in kinds:
        make, said = functools.partial(_model, batch_norm, training), _AFTERWARDS.format(case=case)
        yield given(make, batches, nn.CrossEntropyLoss(), [0.1], case=said)


def _swept(
    answer: Callable,
    make_model: Callable[[], nn.Module],
    batches: list[tuple[Tensor, Tensor]],
    criterion: nn.Module,
    rates: list[float],
) -> Any:
    """The means; for a single rate, whether weights, statistics and mode are what they were."""
    model, before = make_model(), make_model()
    means = answer(model, batches, criterion, rates)
    if len(rates) > 1 or means is ...:
        return means
    return [
        _are_equal(model.parameters(), before.parameters()),
        _are_equal(model.buffers(), before.buffers()),
        [part.training for part in model.modules()] == [part.training for part in before.modules()],
    ]


def _are_equal(some: Iterable[Tensor], others: Iterable[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(some, others, strict=True))


@right_answer(
    cases=_sweeps,
    use=_swept,
    enough=torch.float32,
    hint=Text(
        "每個學習率都要從「同一個」模型出發。最省事的做法是每次訓練一份副本，而優化器要拿副本的參數。",
        "Every rate must start from the same model. The easy way is to train a copy each time, with an optimizer that holds the copy's parameters.",
    ),
)
def sweep_rates(model, batches, criterion, rates):
    """Mean loss of one pass of SGD at each rate, always from the same model, which stays as it was."""
    return [_mean(_pass(copy.deepcopy(model), batches, criterion, rate)) for rate in rates]


def _mean(losses: Sequence[float]) -> float:
    return sum(losses) / len(losses)


def _pass(
    model: nn.Module,
    batches: list[tuple[Tensor, Tensor]],
    criterion: Callable,
    rate: float,
    *,
    training: bool | None = True,
    step: bool = True,
    momentum: float = 0.0,
    after_step: bool = False,
) -> list[float]:
    """Train the model; its loss on each batch, before the step or after it. training=None: as it is."""
    model.train(model.training if training is None else training)
    params, losses = list(model.parameters()), []
    velocities = [torch.zeros_like(param) for param in params]
    for inputs, labels in batches:
        loss = criterion(model(inputs), labels)
        grads = torch.autograd.grad(loss, params)
        with torch.no_grad():
            for param, grad, velocity in zip(params, grads, velocities, strict=True):
                velocity.mul_(momentum).add_(grad)
                param.sub_(rate * velocity if step else 0)
            losses.append(float(criterion(model(inputs), labels) if after_step else loss))
    return losses


def _wrong_means(name: str, text: Text, *ways: Callable) -> None:
    """ways: of the model, batches, criterion and rates; they say nothing of the model afterwards."""

    def of_several(way: Callable) -> Callable:
        return lambda model, batches, criterion, rates: (
            way(model, batches, criterion, rates) if len(rates) > 1 else ...
        )

    sweep_rates.mistake(name, text, *map(of_several, ways))


def _wrong_mean(name: str, text: Text, *means: Callable) -> None:
    """means: of a fresh copy of the model, batches, criterion and one rate."""

    def for_each(mean: Callable) -> Callable:
        return lambda model, batches, criterion, rates: [
            mean(copy.deepcopy(model), batches, criterion, rate) for rate in rates
        ]

    _wrong_means(name, text, *map(for_each, means))


def _right_means(model: nn.Module, batches: list, criterion: Callable, rates: list) -> list[float]:
    return [_mean(_pass(copy.deepcopy(model), batches, criterion, rate)) for rate in rates]


_wrong_means(
    "carries_on",
    Text(
        "第二個學習率接著第一個訓練完的模型繼續跑，比較就不公平了。（用 state_dict() 存起來過嗎？那只是參照，不是副本。）",
        "the second rate went on from where the first had left the model, so the comparison is not fair. (Did you keep a state_dict()? It holds references, not copies.)",
    ),
    lambda model, batches, criterion, rates: [
        _mean(_pass(model, batches, criterion, rate)) for rate in rates
    ],
    lambda model, batches, criterion, rates: [
        _mean(_pass(model, batches, criterion, rate, training=None)) for rate in rates
    ],
)
_wrong_mean(
    "optimizer_holds_the_original",
    Text(
        "每個學習率的損失都一樣，好像沒有訓練過：優化器手上的，是你算梯度的那份副本的參數嗎？梯度在 step 之前有沒有被清掉？",
        "the losses are the same at every rate, as if nothing had been trained: does the optimizer hold the parameters of the copy whose gradients you computed? Or were these cleared before the step?",
    ),
    lambda *args: _mean(_pass(*args, step=False)),
    lambda *args: _mean(_pass(*args, step=False, training=None)),
)
_wrong_mean(
    "gradients_pile_up",
    Text("舊的梯度沒有清掉，越加越多。", "old gradients were not cleared and pile up."),
    lambda *args: _mean(_pass(*args, momentum=1.0)),
)
_wrong_mean(
    "eval_mode",
    Text(
        "訓練時模型還在評估模式：批次正規化用的是移動統計量（running statistics），不是這個批次的。",
        "the model was trained in evaluation mode: batch norm used its running statistics instead of the batch's.",
    ),
    lambda *args: _mean(_pass(*args, training=False)),
    lambda *args: _mean(_pass(*args, training=None)),
)


def _by_adam(model: nn.Module, batches: list, criterion: Callable, rate: float) -> float:
    model.train()
    optimizer, losses = torch.optim.Adam(model.parameters(), lr=rate), []
    for inputs, labels in batches:
        optimizer.zero_grad()
        losses.append(criterion(model(inputs), labels))
        losses[-1].backward()
        optimizer.step()
    return _mean([loss.item() for loss in losses])


_wrong_mean(
    "another_optimizer",
    Text(
        "題目要的是沒有動量的 SGD，你用的是帶動量的，或是 Adam。",
        "the question is for SGD without momentum; you used it with momentum, or Adam.",
    ),
    lambda *args: _mean(_pass(*args, momentum=0.9)),
    _by_adam,
)


def _evaluated(training: bool) -> Callable:
    """The mean loss over all batches once the pass is over."""

    def mean(model, batches, criterion, rate):
        _pass(model, batches, criterion, rate)
        return _mean(_pass(model, batches, criterion, rate, step=False, training=training))

    return mean


_wrong_mean(
    "loss_after_the_pass",
    Text(
        "題目要的是途中每一批（更新之前）損失的平均，不是走完之後的損失，也不是最後一批的。",
        "the question is for the mean of the losses on the way, each before its step, not for one after the pass, nor for the last.",
    ),
    lambda *args: _pass(*args)[-1],
    _evaluated(training=True),
    _evaluated(training=False),
)
_wrong_mean(
    "loss_after_each_step",
    Text(
        "你量的是每一批更新之後的損失。題目要的是更新之前的。",
        "you measured the loss of each batch after its step. The question is for the one before.",
    ),
    lambda *args: _mean(_pass(*args, after_step=True)),
    lambda *args: _pass(*args, after_step=True)[-1],
)
_wrong_mean(
    "one_batch_only",
    Text(
        "你只看了第一批（它的損失還與學習率無關）。要走完所有的批次，再取平均。",
        "you looked at the first batch only, whose loss does not depend on the rate yet. Walk through all of them, then take the mean.",
    ),
    lambda *args: _pass(*args)[0],
)
_wrong_mean(
    "least_loss",
    Text(
        "你取的是途中最小的損失，題目要的是平均。",
        "you took the least loss on the way; the question is for the mean.",
    ),
    lambda *args: min(_pass(*args)),
)
_wrong_mean(
    "sum_not_mean",
    Text(
        "這是損失的總和（或除以樣本數），題目要的是各批損失的平均。",
        "this is the sum of the losses, or that over the number of examples; the question is for the mean over the batches.",
    ),
    lambda *args: sum(_pass(*args)),
    lambda *args: sum(_pass(*args)) / sum(len(labels) for _, labels in args[1]),
)
_wrong_mean(
    "weighted_by_examples",
    Text(
        "你以樣本數加權了。題目要的是每一批算一次的平均，最後一批小一點也一樣。",
        "you weighted by examples. The question is for a mean in which every batch counts once, a small last one too.",
    ),
    lambda *args: np.average(_pass(*args), weights=[len(labels) for _, labels in args[1]]),
)
_wrong_mean(
    "criterion_ignored",
    Text(
        "criterion 沒有作用：你用的永遠是交叉熵。",
        "criterion has no effect: you always take the cross-entropy.",
    ),
    lambda model, batches, criterion, rate: _mean(_pass(model, batches, F.cross_entropy, rate)),
)
_wrong_means(
    "one_rate_for_all",
    Text(
        "每次用的都是同一個學習率：優化器拿到的是迴圈裡的那一個嗎？",
        "the same rate was used each time: was the optimizer given that of the loop?",
    ),
    lambda model, batches, criterion, rates: _right_means(
        model, batches, criterion, rates[:1] * len(rates)
    ),
    lambda model, batches, criterion, rates: _right_means(
        model, batches, criterion, rates[-1:] * len(rates)
    ),
)
_wrong_means(
    "another_order",
    Text(
        "平均都對，順序不對：要和 rates 相同。",
        "the means are right and their order is not: it should be that of rates.",
    ),
    lambda model, batches, criterion, rates: _right_means(model, batches, criterion, sorted(rates)),
    lambda model, batches, criterion, rates: _right_means(
        model, batches, criterion, sorted(rates, reverse=True)
    ),
    lambda model, batches, criterion, rates: _right_means(model, batches, criterion, rates[::-1]),
    lambda model, batches, criterion, rates: sorted(_right_means(model, batches, criterion, rates)),
)


def _left_behind(wrong: list[Seen], part: int) -> bool:
    """Whether all means are right, and weights (0), statistics (1) or mode (2) are not put back."""
    after = [
        seen.got.arrays[0] for seen in wrong if len(seen.case.args[-1]) == 1 and seen.got.parts
    ]
    return len(after) == len(wrong) and any(not kept[part] for kept in after)


sweep_rates.mistake(
    "model_not_restored",
    Text(
        "函式結束後，呼叫者的模型變了：權重與來的時候不同。",
        "after the call the caller's model is another one: its weights have changed.",
    ),
    when=lambda wrong: _left_behind(wrong, 0),
)
sweep_rates.mistake(
    "buffers_forgotten",
    Text(
        "參數還原了，但批次正規化的移動統計量（running statistics）沒有：它們是 buffer，不在 parameters() 裡。",
        "the parameters were put back, the running statistics of batch norm were not: they are buffers and do not appear in parameters().",
    ),
    when=lambda wrong: _left_behind(wrong, 1),
)
sweep_rates.mistake(
    "mode_changed",
    Text(
        "模型交還時的模式（訓練或評估）與來的時候不同。",
        "the model was handed back in another mode, training or evaluation, than it came in.",
    ),
    when=lambda wrong: _left_behind(wrong, 2),
)
