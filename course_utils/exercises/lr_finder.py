"""Exercises of lr_finder: the ramp, an average with gaps, reading three curves, an honest sweep."""

import copy
import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from course_utils import seeding
from course_utils.exercises import Answer, exercise
from course_utils.language import Text
from course_utils.lr_finder import smooth_losses
from course_utils.models import MLP


@exercise(
    hint=Text(
        "先數一數：從 0.001 到 0.1 有幾個十倍？每個十倍走 5 步，連同起點一共幾個點？",
        "Count first: how many factors of ten lie between 0.001 and 0.1? At 5 steps each, how many "
        "points is that, the start included?",
    ),
    linear_ramp=Text(
        "相鄰兩個學習率的「差」相等，幾乎所有的點都擠在最後一個十倍裡。該相等的是「比」。",
        "neighbors have the same difference, so nearly all points crowd into the last decade. It is "
        "the ratio that should be the same.",
    ),
    end_missing=Text(
        "少了終點：走 n 步，連起點一共有 n + 1 個點。",
        "the end is missing: n steps make n + 1 points, the start included.",
    ),
    end_not_reached=Text(
        "點數對了，但最後一個學習率還沒走到 end_lr：n 個點之間只有 n − 1 步。",
        "the number of points is right, but the last one falls short of end_lr: between n points "
        "there are only n − 1 steps.",
    ),
    natural_logarithm=Text(
        "點數多了 2.3 倍：這裡的一段是十倍，不是 e 倍。",
        "2.3 times too many points: a decade is a factor of ten, not of e.",
    ),
    truncated=Text(
        "從 0.07 到 0.7，對數算出來是 0.9999999999999999，直接去掉小數就少了一步。浮點數變成整數之前，該先做什麼？",
        "from 0.07 to 0.7 the logarithm comes out as 0.9999999999999999, and cutting off its "
        "digits loses a step. What should a float go through before it becomes an integer?",
    ),
    total_not_per_decade=Text(
        "points_per_decade 是「每個十倍」走的步數，不是整條斜坡的點數。",
        "points_per_decade counts the steps in each factor of ten, not the points of the whole ramp.",
    ),
)
def ramp_by_decade(answer: Answer) -> None:
    """Geometric, both ends included, points_per_decade steps in each factor of ten."""
    cases = [(0.001, 0.1, 5), (1e-6, 10.0, 20), (0.5, 50.0, 1), (2.0, 0.002, 3), (0.07, 0.7, 10)]
    for start, end, per_decade in cases:
        decades = math.log10(end / start)
        steps = round(per_decade * abs(decades))
        expected = np.geomspace(start, end, steps + 1)
        got = answer(start, end, per_decade)
        natural = per_decade * abs(math.log(end / start))
        if np.shape(got) in ((round(natural) + 1,), (int(natural) + 1,)):
            answer.mistake("natural_logarithm")
        if np.shape(got) == (steps,):
            answer.mistake("truncated" if round(decades) != decades else "end_missing")
        total = np.shape(got) in ((per_decade,), (per_decade + 1,))
        if total and np.shape(got) != np.shape(expected):
            answer.mistake("total_not_per_decade")
        is_same_length = answer.matches(got, expected)  # another length ends it here
        values = np.asarray(got, dtype=float)
        if is_same_length and np.allclose(values / expected, 1, rtol=0, atol=1e-4):
            continue
        one_step_short = np.arange(steps + 1) / (steps + 1)
        alternatives = {
            "linear_ramp": np.linspace(start, end, steps + 1),
            "end_not_reached": start * (end / start) ** one_step_short,
        }
        answer.recognize(values, alternatives)
        case = f"start_lr={start:g}, end_lr={end:g}, points_per_decade={per_decade}, as a share"
        answer.require(values / expected, np.ones(steps + 1), case)


@exercise(
    hint=Text(
        "偏差修正的分母 1 − βᵗ 從哪裡來？它就是到目前為止所有權重的和。現在有幾個權重不在了。",
        "Where does the 1 − βᵗ of the bias correction come from? It is the sum of all weights so "
        "far. Now some of them are absent.",
    ),
    nan_spreads=Text(
        "一個 nan 進了平均，之後每一步都變成 nan。",
        "one nan entered the average, and every step after it is nan.",
    ),
    nan_as_zero=Text(
        "缺的損失被當成 0 了，平均因此偏低：分母裡也要拿掉它的權重。",
        "the missing loss counts as 0 and pulls the average down: its weight must leave the "
        "denominator, too.",
    ),
    gap_not_aged=Text(
        "缺口也是一步：時間照樣過去，舊的損失照樣變舊。你把前後兩段直接接起來了。",
        "a gap is a step as well: time passes and old losses grow older. You joined both sides as "
        "if nothing lay between.",
    ),
    starts_at_first=Text(
        "你從第一個損失開始平均，它的權重是 βᵗ，比後來的都重得多。",
        "you started the average at the first loss, which then has weight βᵗ, far more than any "
        "that follows.",
    ),
    no_correction=Text(
        "權重的和還不到 1，所以一開始的平均都太小。",
        "the weights do not add up to 1 yet, so the early averages are too small.",
    ),
    weights_swapped=Text(
        "β 和 1 − β 對調了：新的損失佔的分量應該是 1 − β。",
        "β and 1 − β are swapped: it is the new loss that has weight 1 − β.",
    ),
    zero_before_first=Text(
        "第一個損失出現之前沒有平均可言，請填 nan。",
        "before the first loss there is nothing to average: give nan.",
    ),
)
def smooth_with_gaps(answer: Answer) -> None:
    """Weighted mean of the finite losses so far, with weight beta**age; nan before the first."""
    noise = seeding.rng(0)
    cases = [
        ([3.0, 2.0, 4.0, 1.0], 0.9),
        ([3.0, 2.0, math.nan, 1.0, 1.5], 0.8),
        ([math.nan, math.nan, 2.0, math.nan, 5.0], 0.5),
        (np.where(noise.random(60) < 0.3, math.nan, noise.random(60) + 1).tolist(), 0.95),
        ([1e6, math.nan, 1e-3, 2e-3], 0.3),
    ]
    for losses, beta in cases:
        values = np.array(losses)
        expected = _mean_by_age(values, beta)
        got = answer(values, beta)
        right = answer.matches(got, expected)
        if not right:
            answer.recognize(got, _wrong_averages(values, beta, expected))
        shown = [round(x, 3) for x in losses[:5]]
        answer.require(got, expected, f"beta={beta}, losses {shown}")


def _mean_by_age(values: np.ndarray, beta: float) -> np.ndarray:
    """The definition, without a recursion."""
    steps = np.arange(len(values))
    age = steps[:, None] - steps
    weights = np.where(age >= 0, beta ** np.clip(age, 0, None), 0.0) * np.isfinite(values)
    total = weights.sum(axis=1)
    sums = weights @ np.nan_to_num(values)
    return np.divide(sums, total, out=np.full(len(values), math.nan), where=total > 0)


def _wrong_averages(values: np.ndarray, beta: float, expected: np.ndarray) -> dict[str, tuple]:
    first = values[np.isfinite(values)][0]
    zeros = _average(values, beta, gap="zero")
    return {
        "zero_before_first": (np.nan_to_num(expected),),
        "starts_at_first": (
            _average(values, beta, start=first, correct=False),
            _average(values, beta, start=np.nan_to_num(values[0]), correct=False, gap="zero"),
        ),
        "no_correction": (
            _average(values, beta, correct=False),
            _average(values, beta, correct=False, gap="zero"),
        ),
        "weights_swapped": (_mean_by_age(values, 1 - beta), _average(values, 1 - beta)),
        "nan_as_zero": (zeros, np.where(np.isnan(expected), math.nan, zeros)),
        "gap_not_aged": (_average(values, beta), np.nan_to_num(_average(values, beta))),
        "nan_spreads": (
            _average(values, beta, gap="nan"),
            _average(values, beta, gap="nan", start=values[0], correct=False),
            _average(values, beta, gap="nan", correct=False),
        ),
    }


def _average(
    values: np.ndarray, beta: float, start: float = 0.0, correct: bool = True, gap: str = "skip"
) -> np.ndarray:
    """A recursion that meets a missing loss by skipping it, counting it as 0, or letting it in."""
    average, count, averages = start, 0, []
    for value in values:
        if not (np.isnan(value) and gap == "skip"):
            new = 0.0 if np.isnan(value) and gap == "zero" else value
            average, count = beta * average + (1 - beta) * new, count + 1
        weight = 1 - beta**count if correct else float(count > 0)
        averages.append(average / weight if weight > 0 else math.nan)
    return np.array(averages)


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


@exercise(
    hint=Text(
        "先找最低點，它的左邊才是安全的。整條曲線都沒有掉下來的話，就沒有答案。",
        "Find the lowest point first: only what lies left of it is safe. Where the whole curve "
        "never falls, there is no answer.",
    ),
    missing_entries=Text(
        "字典裡少了 {names}：三條曲線都要有答案，或是 None。",
        "the dict lacks {names}: every curve needs an answer, or None.",
    ),
    minimum_itself=Text(
        "曲線 {curve}：你選在最低點（或緊鄰著它）。到了那裡，大步伐的好處剛好被壞處抵銷；退一步才安全。",
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
        "曲線 B 從頭到尾沒有掉下來過，你的答案只是雜訊挑的。請再看一次縱軸。",
        "curve B never falls: noise chose your answer. Look at the vertical axis again.",
    ),
    gave_up=Text(
        "曲線 {curve} 明明有掉下來，這裡是有答案的。",
        "curve {curve} does fall: there is an answer to be had.",
    ),
)
def picks(answer: Answer) -> None:
    """A rate between a tenth and a half of the minimum's for A and C, None for B."""
    given = answer.entries()
    curves = three_curves()
    if missing := [name for name in curves if given.get(name, ...) is ...]:
        answer.mistake("missing_entries", names=", ".join(missing))
    for name, (lrs, losses) in curves.items():
        pick, lowest = given[name], float(lrs[losses.argmin()])
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


@exercise(
    hint=Text(
        "每個學習率都要從「同一個」模型出發。最省事的做法是每次訓練一份副本，而優化器要拿副本的參數。",
        "Every rate must start from the same model. The easy way is to train a copy each time, with "
        "an optimizer that holds the copy's parameters.",
    ),
    carries_on=Text(
        "第二個學習率接著第一個訓練完的模型繼續跑，比較就不公平了。（用 state_dict() 存起來過嗎？那只是參照，不是副本。）",
        "the second rate went on from where the first had left the model, so the comparison is not "
        "fair. (Did you keep a state_dict()? It holds references, not copies.)",
    ),
    model_not_restored=Text(
        "函式結束後，呼叫者的模型變了：權重與來的時候不同。",
        "after the call the caller's model is another one: its weights have changed.",
    ),
    buffers_forgotten=Text(
        "參數還原了，但批次正規化的執行中統計量沒有：它們是 buffer，不在 parameters() 裡。",
        "the parameters were put back, the running statistics of batch norm were not: they are "
        "buffers and do not appear in parameters().",
    ),
    mode_changed=Text(
        "模型來的時候在評估模式，還回去時卻在訓練模式。",
        "the model came in evaluation mode and was handed back in training mode.",
    ),
    optimizer_holds_the_original=Text(
        "每個學習率的損失都一樣，好像沒有訓練過：優化器手上的，是你算梯度的那份副本的參數嗎？",
        "the losses are the same at every rate, as if nothing had been trained: does the optimizer "
        "hold the parameters of the copy whose gradients you computed?",
    ),
    gradients_pile_up=Text(
        "舊的梯度沒有清掉，越加越多。",
        "old gradients were not cleared and pile up.",
    ),
    eval_mode=Text(
        "訓練時模型還在評估模式：批次正規化用的是執行中的統計量，不是這個批次的。",
        "the model was trained in evaluation mode: batch norm used its running statistics instead "
        "of the batch's.",
    ),
    loss_after_the_pass=Text(
        "題目要的是途中每一批（更新之前）損失的平均，不是最後一批的損失。",
        "the question is for the mean of the losses on the way, each before its step, not for the "
        "last one.",
    ),
)
def sweep_rates(answer: Answer) -> None:
    """Mean loss of one pass of SGD at each rate, always from the same model, which stays as it was."""
    criterion = nn.CrossEntropyLoss()
    rates = [0.3, 0.01, 1.0, 0.1]
    for seed, batch_norm in ((0, False), (1, True), (2, True)):
        generator = seeding.generator(seed)
        batches = [
            (
                torch.randn(16, 4, generator=generator),
                torch.randint(0, 3, (16,), generator=generator),
            )
            for _ in range(6)
        ]
        model = MLP(4, [8], 3, batch_norm=batch_norm, seed=seed).train(seed == 2)
        if batch_norm:
            model.net[1].running_mean.normal_(generator=generator)  # type: ignore[index]
        before = copy.deepcopy(model)
        got = answer(model, batches, criterion, rates)
        passes = [_one_pass(before, batches, criterion, rate) for rate in rates]
        expected = [sum(losses) / len(losses) for losses in passes]
        if not answer.matches(got, expected, tolerance=1e-4):
            answer.recognize(got, _wrong_sweeps(before, batches, criterion, rates), tolerance=1e-4)
        answer.require(got, expected, f"rates {rates}", tolerance=1e-4)
        _require_unchanged(answer, model, before)


def _require_unchanged(answer: Answer, model: nn.Module, before: nn.Module) -> None:
    pairs = zip(model.parameters(), before.parameters(), strict=True)
    if not all(torch.equal(a, b) for a, b in pairs):
        answer.mistake("model_not_restored")
    pairs = zip(model.buffers(), before.buffers(), strict=True)
    if not all(torch.equal(a, b) for a, b in pairs):
        answer.mistake("buffers_forgotten")
    if model.training != before.training:
        answer.mistake("mode_changed")


def _one_pass(
    model: nn.Module,
    batches: Sequence[tuple[Tensor, Tensor]],
    criterion: nn.Module,
    rate: float,
    *,
    on_copy: bool = True,
    training: bool = True,
    clear: bool = True,
) -> list[float]:
    model = copy.deepcopy(model) if on_copy else model
    model.train(training)
    losses = []
    for inputs, labels in batches:
        loss = criterion(model(inputs), labels)
        losses.append(float(loss.detach()))
        if clear:
            model.zero_grad()
        loss.backward()
        with torch.no_grad():
            for param in model.parameters():
                param.sub_(rate * param.grad)
    return losses


def _wrong_sweeps(
    model: nn.Module,
    batches: Sequence[tuple[Tensor, Tensor]],
    criterion: nn.Module,
    rates: Sequence[float],
) -> dict[str, tuple]:
    mean = lambda losses: sum(losses) / len(losses)  # noqa: E731
    one_model = copy.deepcopy(model)
    carried = [mean(_one_pass(one_model, batches, criterion, r, on_copy=False)) for r in rates]
    passes = [_one_pass(model, batches, criterion, rate) for rate in rates]
    in_eval = [mean(_one_pass(model, batches, criterion, r, training=False)) for r in rates]
    piled = [mean(_one_pass(model, batches, criterion, r, clear=False)) for r in rates]
    still = [mean(_one_pass(model, batches, criterion, 0.0)) for _ in rates]
    return {
        "carries_on": (carried,),
        "optimizer_holds_the_original": (still,),
        "gradients_pile_up": (piled,),
        "eval_mode": (in_eval,),
        "loss_after_the_pass": ([losses[-1] for losses in passes],),
    }
