"""Exercises of gradient_clipping: clip by norm, clip by value, choose a limit, read four logs."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from course_utils import seeding
from course_utils.exercises import Answer, exercise
from course_utils.language import Text


def _random_gradients(shapes: Sequence[tuple[int, ...]], scale: float) -> list[Tensor]:
    """Normal numbers in float64; the tensors differ in size by a factor of three, one by one."""
    return [
        scale * 3.0**-k * torch.randn(shape, dtype=torch.float64) for k, shape in enumerate(shapes)
    ]


_SHAPES = ([(3, 2), (3,)], [(4,), (2, 3), (1,)], [()])


#: Torch divides by (norm + 1e-6), which is seen where the norm is small.
_TORCH_EPS = 1e-3


def _flat(tensors: Sequence[Any]) -> Tensor:
    return torch.cat([torch.as_tensor(t, dtype=torch.float64).reshape(-1) for t in tensors])


def _joined(answer: Answer, got: Any, grads: Sequence[Tensor]) -> Tensor:
    """All numbers of the student's list in a row; it must hold as many tensors, of equal shapes."""
    if not isinstance(got, list | tuple):
        answer.mistake("wrong_type", expected=f"list of {len(grads)}", got=type(got).__name__)
    if len(got) != len(grads):
        answer.mistake("wrong_length", expected=f"list of {len(grads)}", got=len(got))
    for mine, given in zip(got, grads, strict=True):
        if tuple(torch.as_tensor(mine).shape) != tuple(given.shape):
            answer.mistake(
                "wrong_shape", expected=tuple(given.shape), got=tuple(torch.as_tensor(mine).shape)
            )
    return _flat([torch.as_tensor(mine).detach() for mine in got])


@exercise(
    hint=Text(
        "把所有張量想成一個很長的向量：先求它的長度，再決定唯一的一個倍數。這個倍數最大是多少？",
        "Think of all tensors as one long vector: find its length first, then the one factor for "
        "all. How large may that factor be at most?",
    ),
    per_tensor_norm=Text(
        "每個張量各用自己的範數，倍數就不同，整個梯度的方向便改變了。",
        "each tensor used its own norm; the factors differ, and so the gradient as a whole turns.",
    ),
    sum_of_norms=Text(
        "範數不能直接相加：3 和 4 合起來的長度是 5，不是 7。",
        "norms do not add up: 3 and 4 together have length 5, not 7.",
    ),
    clips_values=Text(
        "你把每個數各自截短了。這裡要縮的是整個梯度的長度，方向要留著。",
        "you cut each number by itself. What shrinks here is the length of the whole gradient, and "
        "its direction stays.",
    ),
    scales_up=Text(
        "梯度本來就比 max_norm 短，你卻把它拉長了。裁剪只縮不放。",
        "the gradient was shorter than max_norm, and you stretched it. Clipping never lengthens.",
    ),
    norm_after=Text(
        "你回傳的是裁剪之後的範數，它永遠不超過 max_norm，看不出有沒有爆炸。",
        "you returned the norm after clipping; it never exceeds max_norm, and tells nothing of an "
        "explosion.",
    ),
    zero_gradient=Text(
        "全部是 0 的梯度出了問題：它的範數是 0，不能拿來除。",
        "a gradient of zeros went wrong: its norm is 0, and cannot be divided by.",
    ),
    nonfinite_ignored=Text(
        "梯度裡有 nan 或 inf，你的函式卻當作沒事。沒有一個倍數救得回來；題目要求發出 ValueError。",
        "there was a nan or inf among the gradients and your function went on. No factor can mend "
        "that; the exercise asks for a ValueError.",
    ),
    wrong_error=Text(
        "梯度裡有 nan 或 inf 時，題目要求的是 ValueError，你發出的是 {got}。",
        "for a nan or inf the exercise asks for a ValueError; yours was {got}.",
    ),
)
def clip_by_norm(answer: Answer) -> None:
    """(clipped gradients, norm before), as torch's clip_grad_norm_; ValueError where not finite."""
    for shapes in _SHAPES:
        for scale in (1.0, 0.1, 1e4):
            grads = _random_gradients(shapes, scale)
            for share in (0.3, 1.5, 20.0):  # of the norm of this gradient
                _check_norm_clip(answer, grads, share * float(_flat(grads).norm()))
    zeros = [torch.zeros(2), torch.zeros(3)]
    try:
        got, norm = answer.parts(answer(zeros, 1.0), "(grads, norm)")
    except ZeroDivisionError:
        answer.mistake("zero_gradient")
    except ValueError:
        answer.mistake("zero_gradient")
    if not (_joined(answer, got, zeros) == 0).all() or float(norm) != 0:
        answer.mistake("zero_gradient")
    for bad in (math.nan, math.inf, -math.inf):
        _expect_value_error(answer, [torch.ones(2), torch.tensor([1.0, bad])])


def _check_norm_clip(answer: Answer, grads: list[Tensor], max_norm: float) -> None:
    before = _flat(grads)
    norm = float(before.norm())
    expected = before * min(1.0, max_norm / norm)
    got, got_norm = answer.parts(answer(grads, max_norm), "(grads, norm)")
    numbers = _joined(answer, got, grads)
    case = f"{len(grads)} tensors, norm {norm:.3g}, max_norm {max_norm:.3g}"
    unit = min(norm, max_norm)  # a small gradient must be right relative to its own size
    if not answer.matches(numbers / unit, expected / unit, tolerance=_TORCH_EPS):
        norms = [float(g.norm()) for g in grads]
        alone = [g * min(1.0, max_norm / n) for g, n in zip(grads, norms, strict=True)]
        alternatives = {
            "per_tensor_norm": _flat(alone) / unit,
            "sum_of_norms": before * min(1.0, max_norm / sum(norms)) / unit,
            "clips_values": before.clamp(-max_norm, max_norm) / unit,
            "scales_up": before * (max_norm / norm) / unit,
        }
        answer.recognize(numbers / unit, alternatives, tolerance=_TORCH_EPS)
    answer.require(
        numbers / unit, expected / unit, f"{case}, divided by {unit:.3g}", tolerance=_TORCH_EPS
    )
    after = float(expected.norm())
    if norm > 1.01 * max_norm and abs(float(got_norm) / after - 1) < 1e-4:
        answer.mistake("norm_after")
    answer.require(got_norm / norm, 1.0, f"{case}, returned norm as a share of the right one")


def _expect_value_error(answer: Answer, grads: list[Tensor]) -> None:
    try:
        answer(grads, 1.0)
    except ValueError:
        return
    except (ArithmeticError, RuntimeError, AssertionError, TypeError) as error:
        answer.mistake("wrong_error", got=type(error).__name__)
    answer.mistake("nonfinite_ignored")


@exercise(
    hint=Text(
        "先把每個數限制在兩個界線之間。餘弦則是把全部的張量接成兩個長向量，一前一後，再取內積、除以長度。",
        "First keep every number between two bounds. For the cosine, join all tensors into two long "
        "vectors, before and after; take their dot product and divide by the lengths.",
    ),
    one_sided=Text(
        "只有正的那一邊被截短了。很負的梯度一樣會爆炸。",
        "only the positive side was cut. A very negative gradient explodes just as well.",
    ),
    uses_norm=Text(
        "你用一個倍數縮小了整個梯度，方向沒有變。那是依範數裁剪，不是依數值。",
        "you shrank the whole gradient by one factor and its direction stayed. That is clipping by "
        "norm, not by value.",
    ),
    drops_large=Text(
        "太大的數不是丟掉、變成 0，而是停在界線上。",
        "a number that is too large is not dropped to 0; it stops at the bound.",
    ),
    sign_lost=Text(
        "裁剪後的數失去了正負號：很負的數應該停在負的界線上。",
        "the clipped numbers lost their sign: a very negative one stops at the negative bound.",
    ),
    cosine_by_tensor=Text(
        "你對每個張量各算一個餘弦再平均。問的是整個梯度轉了多少，要把全部的數放在一起算。",
        "you took a cosine for each tensor and averaged. The question is how far the gradient as a "
        "whole has turned: put all numbers together.",
    ),
    not_divided=Text(
        "這是內積。要變成餘弦，還得除以兩邊的長度。",
        "this is a dot product. To be a cosine it must be divided by both lengths.",
    ),
    centred=Text(
        "你先減掉了平均，那是相關係數。方向的餘弦不減平均。",
        "you subtracted the means first, which gives a correlation. The cosine of two directions "
        "does not.",
    ),
)
def clip_by_value(answer: Answer) -> None:
    """(clipped gradients, cosine of the whole gradient before and after)."""
    for shapes in (_SHAPES[0], _SHAPES[1], [(50,), (20, 3)]):
        for scale in (1.0, 1e-3, 1e4):
            grads = _random_gradients(shapes, scale)
            before = _flat(grads) + 0.2 * scale
            grads = [g + 0.2 * scale for g in grads]  # so that the mean is not 0
            for limit in (0.1 * scale, 0.5 * scale, 100 * scale):
                got, cosine = answer.parts(answer(grads, limit), "(grads, cosine)")
                numbers = _joined(answer, got, grads) / scale
                expected = before.clamp(-limit, limit)
                if not answer.matches(numbers, expected / scale):
                    alternatives = {
                        "one_sided": before.clamp(max=limit) / scale,
                        "sign_lost": torch.where(before.abs() > limit, limit, before) / scale,
                        "drops_large": torch.where(before.abs() > limit, 0.0, before) / scale,
                        "uses_norm": _scaled_down(grads, limit, scale),
                    }
                    answer.recognize(numbers, alternatives)
                case = f"{len(grads)} tensors, limit {limit:g}"
                answer.require(numbers, expected / scale, f"{case}, divided by {scale:g}")
                _check_cosine(answer, cosine, grads, limit, case)


def _scaled_down(grads: list[Tensor], limit: float, scale: float) -> tuple[Tensor, ...]:
    """What one factor gives: for the whole norm, for the largest number, for each tensor's norm."""
    whole = _flat(grads)
    return (
        whole * min(1.0, limit / float(whole.norm())) / scale,
        whole * min(1.0, limit / float(whole.abs().max())) / scale,
        _flat([g * min(1.0, limit / float(g.norm())) for g in grads]) / scale,
    )


def _check_cosine(answer: Answer, got: Any, grads: list[Tensor], limit: float, case: str) -> None:
    before = _flat(grads)
    after = before.clamp(-limit, limit)
    expected = torch.cosine_similarity(before, after, dim=0)
    if not answer.matches(got, expected):
        each = [
            torch.cosine_similarity(_flat([g]), _flat([g.clamp(-limit, limit)]), dim=0)
            for g in grads
        ]
        centred = torch.corrcoef(torch.stack([before, after]))[0, 1]
        alternatives = {
            "cosine_by_tensor": torch.stack(each).mean(),
            "not_divided": before @ after,
            "centred": centred,
        }
        answer.recognize(got, alternatives)
    answer.require(got, expected, f"{case}, cosine")


@exercise(
    hint=Text(
        "先找到第一個不是有限的數，只留它前面的。排好順序之後，上限要放在哪兩個數之間，才剛好有這麼多個在它上面？",
        "Find the first number that is not finite and keep what comes before. Once sorted, between "
        "which two must the limit lie so that just so many are above it?",
    ),
    nonfinite_kept=Text(
        "紀錄裡有 inf 或 nan，你的上限也變成了 inf 或 nan：永遠裁不到任何一步。",
        "the log holds an inf or nan, and so your limit became one: it would never clip a step.",
    ),
    after_the_explosion=Text(
        "你把爆炸之後的紀錄也算進去了。那時候網路已經壞了，它的範數說的不是正常的訓練。",
        "you counted what was logged after the explosion. The network was ruined by then, and its "
        "norms say nothing about ordinary training.",
    ),
    wrong_end=Text(
        "方向反了：這個上限會裁掉 1 − share 的步數，而不是 share。",
        "the wrong end: this limit would clip 1 − share of the steps rather than share.",
    ),
    share_of_the_largest=Text(
        "你取的是最大值的一個比例。範數常常相差好幾個數量級，最大值的九成，往往只裁到一步。",
        "you took a share of the largest norm. Norms often differ by orders of magnitude, and nine "
        "tenths of the largest may clip a single step.",
    ),
    average=Text(
        "平均會被少數幾個很大的範數拉走，說不準會裁掉多少步。",
        "a mean is carried off by a few large norms; it does not tell how many steps will be clipped.",
    ),
    off_by_one=Text(
        "差了一步：範數剛好等於上限的那一步，不會被裁剪。",
        "off by one: a step whose norm just equals the limit is not clipped.",
    ),
)
def choose_limit(answer: Answer) -> None:
    """A limit that clips the given share of the steps before the first non-finite norm."""
    for length in (20, 100):
        for share in (0.1, 0.25, 0.5, 0.05):
            sane = torch.exp(1.5 * torch.randn(length, dtype=torch.float64))
            sane[3] = 1000.0 * sane.max()  # a mean says little, the largest says nothing
            later = torch.tensor([math.inf, 0.01, 0.02, math.nan] + 10 * [0.01], dtype=sane.dtype)
            for norms in (sane, torch.cat([sane, later]), torch.cat([sane, later[[3, 1, 2, 0]]])):
                _check_limit(answer, norms.tolist(), sane, share)


def _check_limit(answer: Answer, norms: list[float], sane: Tensor, share: float) -> None:
    got = answer(norms, share)
    answer.matches(got, 0.0)  # a wrong type or shape ends it here
    limit = float(got)
    wanted = round(share * len(sane))
    if not math.isfinite(limit):
        answer.mistake("nonfinite_kept")
    clipped = int((sane > limit).sum())
    if clipped == wanted and limit >= 0:
        return
    finite = torch.tensor([n for n in norms if math.isfinite(n)], dtype=torch.float64)
    for values in (sane, finite):
        if math.isclose(limit, float(values.mean()), rel_tol=1e-6):
            answer.mistake("average")
        for part in (share, 1 - share):
            if math.isclose(limit, part * float(values.max()), rel_tol=1e-6):
                answer.mistake("share_of_the_largest")
    if int((sane >= limit).sum()) == wanted:
        answer.mistake("off_by_one")
    by_all = int((finite > limit).sum()) - share * len(finite)
    if len(finite) > len(sane) and abs(by_all) <= 1:
        answer.mistake("after_the_explosion")
    if abs(clipped - (len(sane) - wanted)) <= 1 and share != 0.5:
        answer.mistake("wrong_end")
    answer.require(clipped, wanted, f"{len(norms)} norms, share {share:g}, clipped steps")


def norm_logs(num_steps: int = 200) -> dict[str, tuple[Tensor, float]]:
    """Four runs to read: name -> (norms before clipping, the limit that was set)."""
    generator = seeding.generator(5)
    noise = torch.exp(0.35 * torch.randn(4, num_steps, generator=generator))
    time = torch.arange(num_steps)
    spikes = torch.where(torch.isin(time, torch.tensor([31, 88, 119, 164])), 60.0, 1.0)
    alive = time < 70
    grown = torch.where(alive, torch.exp(time / 18.0), 0.02)
    decayed = 0.4 + 1.6 * torch.exp(-time / 40.0)
    return {
        "A": (8 * noise[0], 0.5),
        "B": (grown * noise[1], 1e4),
        "C": (spikes * noise[2], 4.0),
        "D": (decayed * noise[3], 20.0),
    }


_READINGS = {"A": "always", "B": "dead", "C": "spikes", "D": "idle"}

#: (what it is, what it was called) -> the mistake.
_CONFUSIONS = {
    ("dead", "idle"): "dead_called_idle",
    ("idle", "dead"): "idle_called_dead",
    ("idle", "always"): "idle_called_active",
    ("idle", "spikes"): "idle_called_active",
    ("spikes", "always"): "spikes_called_always",
    ("always", "spikes"): "always_called_spikes",
}


@exercise(
    hint=Text(
        "每張圖問兩件事：有多少步在虛線之上？最後一段的範數，和最前面相比怎麼樣？",
        "Ask two things of each picture: how many steps lie above the dashed line? And how do the "
        "last norms compare with the first?",
    ),
    dead_called_idle=Text(
        "{run}：範數後來確實很小、不再碰到虛線。但在那之前發生了什麼？訓練得好的網路，範數會一步掉到這麼低嗎？",
        "{run}: the norms do end small and below the line. But what came before? Does the norm of a "
        "network that trains well fall so far in one step?",
    ),
    idle_called_dead=Text(
        "{run}：範數慢慢變小，中間沒有爆炸過。學得好，梯度本來就會變小。",
        "{run}: the norm falls slowly and nothing exploded before. Gradients shrink as learning "
        "succeeds.",
    ),
    idle_called_active=Text(
        "{run}：有哪一步碰到虛線嗎？沒碰到，裁剪就什麼都沒做。",
        "{run}: does any step reach the dashed line? If none does, clipping did nothing.",
    ),
    spikes_called_always=Text(
        "{run}：數一數在虛線之上的有幾步。大多數的步子都沒被動到。",
        "{run}: count the steps above the line. Most steps were left alone.",
    ),
    always_called_spikes=Text(
        "{run}：幾乎每一步都在虛線之上。這時候上限不是在防意外，而是在決定每一步的長度。",
        "{run}: almost every step lies above the line. The limit then does not guard against "
        "accidents; it sets the length of every step.",
    ),
    another_reading=Text(
        "{run} 不是這一種。先看虛線以上有幾步，再看結尾。",
        "{run} is something else. See how many steps are above the line, then look at the end.",
    ),
)
def norm_readings(answer: Answer) -> None:
    """A dict: run -> "idle", "spikes", "always" or "dead"."""
    for run, name in answer.readings(_READINGS, _READINGS.values()):
        if name != _READINGS[run]:
            answer.mistake(_CONFUSIONS.get((_READINGS[run], name), "another_reading"), run=run)
