"""Exercises of label_smoothing: soft targets, the smoothed loss, the expected calibration error."""

import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from course_utils.exercises.by_reference import given, right_answer
from course_utils.exercises.outcomes import Seen
from course_utils.language import Text
from course_utils.seeding import generator

# --- smooth_targets

_WHOLE = Text("整數的目標（int64），eps={eps}", "whole numbers (int64), eps={eps}")
_SOFT = Text("已經是軟標籤（{dtype}），eps={eps}", "targets that are soft ({dtype}), eps={eps}")


def _targets() -> Iterator[given]:
    yield given(torch.tensor([[0.0, 0, 1, 0]]), 0.1)
    for classes, count, eps in (
        ([3, 0, 2, 3, 1], 5, 0.2),
        ([1, 0, 5], 7, 0.3),
        ([1, 0, 8], 10, 0.0),
        ([1, 0], 2, 1.0),
    ):
        hard = F.one_hot(torch.tensor(classes), count)
        yield given(
            hard.float(), eps, case=Text(f"{count} 類，eps={eps}", f"{count} classes, eps={eps}")
        )
        yield given(hard, eps, case=_WHOLE.format(eps=eps))
    yield given(F.one_hot(torch.tensor([2, 0, 1]), 4), 0.1, case=_WHOLE.format(eps=0.1))
    soft = torch.tensor([[0.5, 0.5, 0.0, 0.0], [0.7, 0.1, 0.2, 0.0], [0.0, 1.0, 0.0, 0.0]])
    for dtype in (torch.float32, torch.float64):
        for eps in (0.1, 0.4):
            yield given(soft.to(dtype), eps, case=_SOFT.format(dtype=dtype, eps=eps))


@right_answer(
    cases=_targets,
    enough=torch.float32,  # that of targets.float()
    hint=Text(
        "課裡的四個數是怎麼來的？每一類先打了折，再分到同樣的一份。對一列 0.5、0.5 的目標，做同樣的事。",
        "Where did the lesson's four numbers come from? Each class was first cut back and then handed the same portion. Do the same to a row that says 0.5, 0.5.",
    ),
)
def smooth_targets(targets, eps):
    """Rows mixed with the uniform distribution, whatever their dtype, hard or soft."""
    return (1 - eps) * targets + eps / targets.shape[1]


smooth_targets.mistake(
    "only_wrong_classes",
    Text(
        "你把 ε 分給 K−1 個錯的類別。這裡的定義（也是 PyTorch 的）是分給「全部」K 類，正確的那一類也有一份。",
        "you shared ε among the K − 1 wrong classes. In the definition used here, and by PyTorch, all K classes get a portion, the right one too.",
    ),
    lambda t, eps: torch.where(t == 1, 1 - eps, eps / (t.shape[1] - 1)),
    lambda t, eps: (1 - eps) * t + eps / (t.shape[1] - 1) * (1 - t),
    lambda t, eps: torch.where(t == 0, eps / (t.shape[1] - 1), (1 - eps) * t),
)
smooth_targets.mistake(
    "mass_lost",
    Text(
        "每一列的和小於 1：正確的類別交出了 ε，卻沒有分到自己的那一份（或者誰都沒有分到）。",
        "the rows add up to less than 1: the right class gave ε away and never got its own portion, or nobody got any.",
    ),
    lambda t, eps: torch.where(t == 1, 1 - eps, eps / t.shape[1]),
    lambda t, eps: (1 - eps) * t + eps / t.shape[1] * (1 - t),
    lambda t, eps: torch.where(t == 0, eps / t.shape[1], (1 - eps) * t),
    lambda t, eps: (1 - eps) * t,
)
smooth_targets.mistake(
    "mass_gained",
    Text(
        "每一列的和大於 1：分出去的比收回來的多。",
        "the rows add up to more than 1: more is handed out than was taken from the old targets.",
    ),
    lambda t, eps: t + eps / t.shape[1],
    lambda t, eps: t + eps / t.shape[1] * (1 - t),
    lambda t, eps: t + eps * (1 - t),
    lambda t, eps: torch.where(t == 1, 1.0, eps),
    lambda t, eps: torch.where(t == 1, 1.0, eps / t.shape[1]),
    lambda t, eps: (1 - eps) * t + eps,
    lambda t, eps: (1 - eps) * t + eps * (1 - t),
    lambda t, eps: torch.where(t == 1, 1 - eps, eps),
    lambda t, eps: (1 - eps) * t + eps / (t.shape[1] - 1),
)
smooth_targets.mistake(
    "weights_swapped",
    Text(
        "ε 和 1 − ε 對調了：原來的目標佔 1 − ε。",
        "ε and 1 − ε are swapped: it is the old targets that have weight 1 − ε.",
    ),
    lambda t, eps: eps * t + (1 - eps) / t.shape[1],
)
smooth_targets.mistake(
    "another_portion",
    Text(
        "每一類分到的應該是 ε/K，K 是類別數，也就是一列有幾個數。你除以了別的。",
        "each class gets ε/K, where K is the number of classes, that is of numbers in a row. You divided by something else.",
    ),
    lambda t, eps: (1 - eps) * t + eps / len(t),
    lambda t, eps: (1 - eps) * t + eps / t.numel(),
    lambda t, eps: (1 - eps) * t + eps / 10,
)
smooth_targets.mistake(
    "whole_numbers",
    Text(
        "目標是整數時，你寫進去的小數被捨去成 0：`F.one_hot` 給的是 int64，裝不下 0.925。",
        "with whole-number targets your fractions were cut to 0: `F.one_hot` gives int64, which cannot hold 0.925.",
    ),
    lambda t, eps: ((1 - eps) * t + eps / t.shape[1]).to(t.dtype),
    lambda t, eps: _where_one(t, eps).to(t.dtype),
    lambda t, eps: _filled(t, eps),
    lambda t, eps: (1 - eps) * t + (eps / t.shape[1] if t.is_floating_point() else 0),
    when=lambda wrong: all(
        not seen.case.args[0].is_floating_point()
        and seen.got.is_finite
        and not any((array % 1).any() for array in seen.got.arrays)
        for seen in wrong
    ),
)
smooth_targets.mistake(
    "hard_rows_only",
    Text(
        "0 與 1 的列都對，但已經是軟的列（例如 0.5、0.5）錯了：別去找哪一個是 1、哪一個最大，每個數都用同一條式子。",
        "rows of 0 and 1 are right, but rows that were soft before (such as 0.5, 0.5) are not: rather than look for the place that is 1, or the largest, treat every number by one formula.",
    ),
    lambda t, eps: _where_one(t, eps),
    when=lambda wrong: all(
        seen.case.args[0].is_floating_point() and _is_soft(seen) for seen in wrong
    ),
)


def _where_one(targets: Tensor, eps: float) -> Tensor:
    portion = eps / targets.shape[1]
    return torch.where(targets == 1, 1 - eps + portion, portion)


def _filled(targets: Tensor, eps: float) -> Tensor:
    """Written into a copy, where 1 and 0 are found."""
    is_hard = (targets == 0) | (targets == 1)
    return torch.where(is_hard, _where_one(targets, eps), targets).to(targets.dtype)


def _is_soft(seen: Seen) -> bool:
    targets = seen.case.args[0]
    return bool(((targets != 0) & (targets != 1)).any()) and seen.got.is_finite


# --- smoothed_cross_entropy

_LOGITS = Text(
    "logits {shape}，eps={eps}，reduction={reduction!r}",
    "logits {shape}, eps={eps}, reduction={reduction!r}",
)
_ABSENT = Text("最後一類沒有出現，eps={eps}", "the last class absent, eps={eps}")
_CLOSE = Text("logits 都在 {at:+d} 附近，eps={eps}", "logits near {at:+d}, eps={eps}")
_APART = Text("一列的 logits 遠大於另一列", "the logits of one row far above the other's")
_SPREAD = Text("同一列的 logits 相差上萬", "logits that differ by 10,000 within a row")
_FAR = Text("同一列的 logits 相差 300", "logits that differ by 300 within a row")


def _tables() -> Iterator[given]:
    lesson = torch.tensor([[2.0, 1.0, 0.5]]), torch.tensor([0])
    wide = 2 * torch.randn(64, 10, generator=generator(0), dtype=torch.float64)
    labels = torch.randint(0, 10, (64,), generator=generator(1))
    close = torch.tensor([[0.0, -1.0, -3.0], [2.0, 0.0, -1.0]])
    apart = torch.tensor([[0.0, 1.0, 2.0], [9990.0, 9991.0, 9993.0]])
    spread = torch.tensor([[1e4, 0.0, -1e4], [-1e4, 1e4, 0.0], [0.0, 150.0, 0.0]])
    far = torch.tensor([[300.0, 0.0, 1.0], [-150.0, 150.0, 0.0]])
    case = Text("沒有給 reduction", "no reduction given")
    yield given(lesson[0], lesson[1], 0.1, case=case)
    for dtype in (torch.float32, torch.float64):
        yield given(wide.to(dtype), labels, 0.1, case=case)
        for eps, reduction in (
            (0.1, "sum"),
            (0.3, "mean"),
            (0.3, "sum"),
            (0.0, "mean"),
            (1.0, "mean"),
        ):
            for z, y in ((wide, labels), (wide[:7, :2], labels[:7] % 2)):
                case = _LOGITS.format(shape=tuple(z.shape), eps=eps, reduction=reduction)
                yield given(z.to(dtype), y, eps, reduction=reduction, case=case)
        for eps in (0.1, 0.0):
            yield given(wide[:9].to(dtype), labels[:9] % 9, eps, case=_ABSENT.format(eps=eps))
            for at in (10_000, -10_000, 800, -800) if eps else ():
                case = _CLOSE.format(at=at, eps=eps)
                yield given((close + at).to(dtype), torch.tensor([0, 1]), eps, case=case)
            yield given(apart.to(dtype), torch.tensor([0, 2]), eps, case=_APART)
            yield given(far.to(dtype), torch.tensor([1, 2]), eps, reduction="sum", case=_FAR)
            for order, reduction in (([0, 1, 0], "mean"), ([2, 0, 2], "sum")):
                yield given(
                    spread.to(dtype), torch.tensor(order), eps, reduction=reduction, case=_SPREAD
                )


def _size_of_losses(logits: Tensor, labels: Tensor, eps: float, reduction: str = "mean") -> Tensor:
    return logits.abs().max() * (len(labels) if reduction == "sum" else 1)


@right_answer(
    cases=_tables,
    terms=_size_of_losses,
    enough=torch.float32,  # that of weights made by one_hot(…).float()
    forbidden=[F.cross_entropy],
    hint=Text(
        "「損失函數」那一課的練習已經教會你怎麼安全地算 log p。這裡每一列要用到全部 K 個 log p：正確的那個佔多少，其餘各佔多少？",
        "The lesson on losses taught you to compute log p safely. Here each row needs all K of them: how much does the right one count, and how much does each?",
    ),
)
def smoothed_cross_entropy(logits, labels, eps, reduction="mean"):
    """Equal to torch's cross_entropy with label_smoothing, at logits up to ±1e4."""
    return F.cross_entropy(logits, labels, label_smoothing=eps, reduction=reduction)


def _naive_log_softmax(z: Tensor, dim: int = 1) -> Tensor:
    return (z.exp() / z.exp().sum(dim=dim, keepdim=True)).log()


def _naive_difference(z: Tensor, dim: int = 1) -> Tensor:
    return z - z.exp().sum(dim=dim, keepdim=True).log()


def _log_of_softmax(z: Tensor, dim: int = 1) -> Tensor:
    return z.softmax(dim).log()


_LOGS = (torch.log_softmax, _naive_log_softmax, _naive_difference, _log_of_softmax)


def _reduced(losses: Tensor, reduction: str) -> Tensor:
    return losses.sum() if reduction == "sum" else losses.mean()


def _weighted(log: Tensor, labels: Tensor, of_label: float, of_each: float | None) -> Tensor:
    """Losses that take the label's log p so many times, and the log p of each class (None: not)."""
    losses = -of_label * log[torch.arange(len(labels)), labels]
    return losses if of_each is None else losses - of_each * log.sum(dim=1)


def _smoothed(log: Tensor, labels: Tensor, eps: float) -> Tensor:
    return _weighted(log, labels, 1 - eps, eps / log.shape[1])


def _wrong_loss(name: str, text: Text, *losses: Callable) -> None:
    """losses: of (log_softmax, logits, labels, eps), one each, whichever way log_softmax is taken."""
    ways = [
        lambda z, y, eps, reduction="mean", loss=loss, log=log: _reduced(
            loss(log, z, y, eps), reduction
        )
        for loss in losses
        for log in _LOGS
    ]
    smoothed_cross_entropy.mistake(name, text, *ways)


def _wrong_weights(name: str, text: Text, *weights: Callable) -> None:
    """weights: of eps and K, (that of the label's log p, that of each class)."""
    losses = (
        lambda log, z, y, eps, weights=w: _weighted(log(z, 1), y, *weights(eps, z.shape[1]))
        for w in weights
    )
    _wrong_loss(name, text, *losses)


def _wrong_reduction(name: str, text: Text, *reduced: Callable) -> None:
    """reduced: of the losses (N,), the reduction and K."""
    ways = [
        lambda z, y, eps, reduction="mean", r=r, log=log: r(
            _smoothed(log(z, 1), y, eps), reduction, z.shape[1]
        )
        for r in reduced
        for log in _LOGS
    ]
    smoothed_cross_entropy.mistake(name, text, *ways)


_wrong_weights(
    "only_wrong_classes",
    Text(
        "你把 ε 分給 K−1 個錯的類別；定義裡是全部 K 類各得 ε/K。",
        "you shared ε among the K − 1 wrong classes; by the definition each of the K gets ε/K.",
    ),
    lambda eps, k: (1 - eps - eps / (k - 1), eps / (k - 1)),
)
_wrong_weights(
    "right_class_left_out",
    Text(
        "正確的那一類也要分到 ε/K：它的權重是 1 − ε + ε/K，全部權重的和才是 1。",
        "the right class gets its ε/K, too: its weight is 1 − ε + ε/K, and only then do the weights add up to 1.",
    ),
    lambda eps, k: (1 - eps - eps / k, eps / k),
)
_wrong_weights(
    "hard_part_whole",
    Text(
        "原來的交叉熵忘了打折：兩個部分的權重加起來應該是 1。",
        "the ordinary cross-entropy was not cut back: the weights of the two parts should add to 1.",
    ),
    lambda eps, k: (1, eps / k),
    lambda eps, k: (1, eps),
    lambda eps, k: (1 - eps / k, eps / k),
    lambda eps, k: (1 - eps / (k - 1), eps / (k - 1)),
)
_wrong_weights(
    "uniform_part_lost",
    Text(
        "你只把原來的損失乘上 1 − ε（或 1 − ε + ε/K）。那和換一個學習率沒有兩樣：錯的類別在哪裡？",
        "you only multiplied the ordinary loss by 1 − ε (or 1 − ε + ε/K). That is another learning rate and nothing more: where are the other classes?",
    ),
    lambda eps, k: (1 - eps, None),
    lambda eps, k: (1 - eps + eps / k, None),
)
_wrong_weights(
    "summed_over_classes",
    Text(
        "均勻的那一部分，你把 K 類加起來，卻沒有除以 K。",
        "in the uniform part you added up K classes and did not divide by K.",
    ),
    lambda eps, k: (1 - eps, eps),
    lambda eps, k: (1 - 2 * eps, eps),
)
_wrong_weights(
    "weights_swapped",
    Text(
        "ε 和 1 − ε 對調了：均勻的那一部分只佔 ε。",
        "ε and 1 − ε are swapped: the uniform part has weight ε only.",
    ),
    lambda eps, k: (eps, (1 - eps) / k),
)
_wrong_weights(
    "uniform_part_subtracted",
    Text(
        "均勻的那一部分，正負號反了：兩個部分都是 −log p，要相加。",
        "the uniform part has the wrong sign: both parts are −log p, and add up.",
    ),
    lambda eps, k: (1 - eps, -eps / k),
)
_wrong_weights(
    "sign_lost",
    Text(
        "正負號反了：機率的對數是負的，損失應該是正的。",
        "the sign is lost: the log of a probability is negative, and a loss is positive.",
    ),
    lambda eps, k: (eps - 1, -eps / k),
)
_wrong_loss(
    "softmax_over_batch",
    Text(
        "softmax 沿著批次的方向做了：每個樣本自己的 K 個機率，加起來才應該是 1。",
        "the softmax ran along the batch: it is the K probabilities of each example that add to 1.",
    ),
    lambda log, z, y, eps: _smoothed(log(z, 0), y, eps),
)
_wrong_loss(
    "softmax_twice",
    Text(
        "softmax 做了兩次：log_softmax 裡面已經有一個了。",
        "the softmax was applied twice: log_softmax has one inside already.",
    ),
    lambda log, z, y, eps: _smoothed(log(z.softmax(1), 1), y, eps),
)
_wrong_loss(
    "logits_as_log_probabilities",
    Text(
        "你把 logits 直接當成 log p。它們還沒有經過 softmax。",
        "you took the logits for log p. No softmax was applied to them yet.",
    ),
    lambda log, z, y, eps: _smoothed(z, y, eps),
)
_wrong_loss(
    "probabilities_smoothed",
    Text(
        "你平滑的是模型的機率，不是目標：把 ε 混進 log 裡面，意思完全不同（模型因此永遠不會被罰得太重）。",
        "you smoothed the model's probabilities, not the targets: mixed in under the log, ε means something else (the model can then never be punished much).",
    ),
    lambda log, z, y, eps: _weighted(
        ((1 - eps) * log(z, 1).exp() + eps / z.shape[1]).log(), y, 1, None
    ),
)
_wrong_reduction(
    "reduction_ignored",
    Text(
        'reduction 沒有作用，或兩者對調了："mean" 是 N 個樣本的平均，"sum" 是總和。',
        'reduction made no difference, or was swapped: "mean" is the mean over N examples, "sum" their sum.',
    ),
    lambda losses, reduction, k: losses.mean(),
    lambda losses, reduction, k: losses.sum(),
    lambda losses, reduction, k: losses.mean() if reduction == "sum" else losses.sum(),
)
_wrong_reduction(
    "mean_over_classes",
    Text(
        "你除以的是 N×K；平均只對 N 個樣本取。",
        "you divided by N×K: the mean is over the N examples only.",
    ),
    lambda losses, reduction, k: losses.sum() if reduction == "sum" else losses.mean() / k,
    lambda losses, reduction, k: _reduced(losses, reduction) / k,
)
_wrong_reduction(
    "square_of_losses",
    Text(
        '"sum" 的結果變成 N 倍：形狀 (N, 1) 和 (N,) 相加成了 (N, N)，平均看不出來，總和就多了。',
        'with "sum" the result is N times too large: shapes (N, 1) and (N,) added up to (N, N), which a mean hides and a sum does not.',
    ),
    lambda losses, reduction, k: (
        losses.sum() * len(losses) if reduction == "sum" else losses.mean()
    ),
)
smoothed_cross_entropy.mistake(
    "sum_by_default",
    Text(
        '沒有給 reduction 的時候，應該是 "mean"。你的預設是另一種。',
        'where no reduction is given it should be "mean". Your default is another.',
    ),
    *(
        lambda z, y, eps, reduction="sum", log=log: _reduced(
            _smoothed(log(z, 1), y, eps), reduction
        )
        for log in _LOGS
    ),
)
smoothed_cross_entropy.mistake(
    "not_reduced",
    Text(
        "你回傳了 N 個損失。還要依 reduction 取平均或總和，變成一個數。",
        "you returned N losses. Their mean or sum, as reduction says, makes one number of them.",
    ),
    when=lambda wrong: all(
        seen.got.arrays and seen.got.arrays[0].shape == seen.case.args[1].shape for seen in wrong
    ),
)


_wrong_loss(
    "every_pair",
    Text(
        "log_p[:, labels] 會對每一列取出所有的標籤，得到 (N, N)。列也要用索引指定。",
        "log_p[:, labels] takes all labels from every row, (N, N). Rows need an index as well.",
    ),
    lambda log, z, y, eps: -(1 - eps) * log(z, 1)[:, y] - eps * log(z, 1).mean(dim=1),
)


def _entropy(eps: float, k: int) -> float:
    """That of a smoothed target."""
    return sum(-q * math.log(q) for q in (1 - eps + eps / k, *[eps / k] * (k - 1)) if q)


_wrong_loss(
    "divergence",
    Text(
        "這是 KL 散度：比交叉熵少了目標自己的熵。目標平滑之後，它的熵就不是 0 了。",
        "this is the KL divergence, which lacks the target's own entropy. Once a target is smoothed, that is no longer 0.",
    ),
    lambda log, z, y, eps: _smoothed(log(z, 1), y, eps) - _entropy(eps, z.shape[1]),
)
smoothed_cross_entropy.mistake(
    "logits_clamped",
    Text(
        "你把 logits 截斷了：10,000 與 9,999 成了同一個數，機率也跟著變了。每一列減去同一個數，才什麼都不改變。",
        "you clamped the logits: 10,000 and 9,999 become one number, and so the probabilities change. Taking one number off a whole row changes nothing.",
    ),
    *(
        lambda z, y, eps, reduction="mean", most=most: _reduced(
            _smoothed(z.clamp(-most, most).log_softmax(1), y, eps), reduction
        )
        for most in (10, 20, 30, 50, 80, 100, 500, 700)
    ),
)
smoothed_cross_entropy.mistake(
    "one_max_for_all",
    Text(
        "你減掉的是整張表的最大值。別的樣本若小得多，它整列的 exp 都會變成 0：每一列要減自己的。",
        "you took off the maximum of the whole table. In an example that lies far below it, every exp becomes 0: each row needs its own.",
    ),
    *(
        lambda z, y, eps, reduction="mean", log=log: _reduced(
            _smoothed(log(z - z.max()), y, eps), reduction
        )
        for log in _LOGS[1:3]
    ),
)
_EXTREME = (_APART, _SPREAD, _FAR)
smoothed_cross_entropy.mistake(
    "log_of_softmax",
    Text(
        "先算機率、再取對數：機率小到變成 0，它的對數就是 −inf；平滑之後，每一類的 log p 都算數。先在紙上化簡 log(softmax)，exp 和 log 會抵消掉一對。",
        "probability first, log second: where the probability rounds to 0, its log is −inf, and after smoothing each class's log p counts. Simplify log(softmax) on paper first; one exp and one log cancel.",
    ),
    when=lambda wrong: all(
        seen.got.overflows and seen.case.case in (_SPREAD, _FAR) for seen in wrong
    ),
)
smoothed_cross_entropy.mistake(
    "overflow",
    Text(
        "logits 在 ±10,000 附近時，損失成了 inf 或 nan。每一列減去同一個數，log p 不變。",
        "with logits near ±10,000 the loss became inf or nan. Taking one number off a whole row does not change log p.",
    ),
    when=lambda wrong: all(
        seen.got.overflows and seen.case.args[0].abs().max() > 100 for seen in wrong
    ),
)
smoothed_cross_entropy.mistake(
    "clipped",
    Text(
        "logits 相差很大時，損失停在一個上限。log 裡加小常數或截斷機率，在這裡傷得更重：平滑之後，每一類的 log p 都算數。",
        "where logits lie far apart your loss stops at a ceiling. A small constant under the log or a clipped probability does more harm here than ever: each class's log p counts.",
    ),
    when=lambda wrong: all(
        seen.case.case in _EXTREME
        and seen.got.is_number
        and seen.got.arrays[0] < seen.right.arrays[0]
        for seen in wrong
    ),
)


# --- calibration_error

_SIZES = Text("{n} 個樣本、{k} 類，num_bins={bins}", "{n} examples, {k} classes, num_bins={bins}")
_CERTAIN = Text("信心 1、1、1、0.7、0.55，num_bins=4", "confidences 1, 1, 1, 0.7, 0.55, num_bins=4")
_EDGES = Text(
    "信心 0.5、0.75、0.6、0.7、0.9，有的剛好在交界上，num_bins=4",
    "confidences 0.5, 0.75, 0.6, 0.7, 0.9, some on an edge, num_bins=4",
)


def _answers() -> Iterator[given]:
    """Probabilities and labels; where some lie on an edge, it is all one to which side they go."""
    for dtype in (torch.float32, torch.float64):
        lesson = torch.tensor(5 * [[0.95, 0.05]] + 5 * [[0.35, 0.65]], dtype=dtype)
        case = Text("課裡的十個答案，num_bins=10", "the lesson's ten answers, num_bins=10")
        yield given(lesson, torch.tensor([0, 0, 0, 0, 1, 1, 1, 1, 1, 1]), 10, case=case)
        for n, k, bins in ((400, 2, 5), (600, 5, 10), (50, 3, 1), (30, 4, 100)):
            seeded = generator(n)
            probs = torch.softmax(1.5 * torch.randn(n, k, generator=seeded), dim=1).to(dtype)
            guesses = torch.randint(0, k, (n,), generator=seeded)
            knows = torch.rand(n, generator=seeded) < 0.6
            labels = torch.where(knows, probs.argmax(dim=1), guesses)
            yield given(probs, labels, bins, case=_SIZES.format(n=n, k=k, bins=bins))
        certain = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.3, 0.7], [0.45, 0.55]])
        yield given(certain.to(dtype), torch.tensor([0, 1, 1, 0, 0]), 4, case=_CERTAIN)
        edges = torch.tensor(
            [
                [0.5, 0.3, 0.2],
                [0.75, 0.25, 0.0],
                [0.6, 0.2, 0.2],
                [0.1, 0.2, 0.7],
                [0.05, 0.05, 0.9],
            ]
        )
        yield given(edges.to(dtype), torch.tensor([1, 2, 1, 0, 1]), 4, case=_EDGES)


@right_answer(
    cases=_answers,
    terms=lambda probs, labels, num_bins: 1,
    enough=torch.float32,
    hint=Text(
        "課裡的手算先在每一箱裡平均，再看差距，最後依樣本數加權。空箱裡有幾個樣本？",
        "The lesson's hand calculation averaged within each bin first, then took the gap, then weighted it by the examples. How many examples has an empty bin?",
    ),
)
def calibration_error(probs, labels, num_bins):
    """The expected calibration error; an example on an inner edge may go to either side."""
    return _weighted_gap(_surplus(probs, labels), _upper(probs.amax(dim=1), num_bins))


def _surplus(probs: Tensor, labels: Tensor) -> Tensor:
    """By how much each confidence is above 1 (answered right) or above 0 (wrong)."""
    confidence, answers = probs.double().max(dim=1)
    return confidence - (answers == labels).double()


def _upper(confidence: Tensor, num_bins: int) -> Tensor:
    """Which example lies in which bin [low, high), the last one closed: (num_bins, N) of 0 and 1."""
    index = (confidence.double() * num_bins).long().clamp(max=num_bins - 1)
    return F.one_hot(index, num_bins).T.double()


def _lower(confidence: Tensor, num_bins: int) -> Tensor:
    """The same for bins (low, high], the first one closed."""
    index = (confidence.double() * num_bins).ceil().long().sub(1).clamp(min=0)
    return F.one_hot(index, num_bins).T.double()


def _weighted_gap(surplus: Tensor, bins: Tensor) -> Tensor:
    return (bins @ surplus).abs().sum() / len(surplus)


def _wrong_error(name: str, text: Text, *errors: Callable) -> None:
    """errors: of probabilities, labels, the number of bins and the side to which edges go."""
    ways = (
        lambda probs, labels, num_bins, error=error, side=side: error(
            probs.double(), labels, num_bins, side
        )
        for error in errors
        for side in (_upper, _lower)
    )
    calibration_error.mistake(name, text, *ways)


def _by_gaps(error: Callable) -> Callable:
    """error: of the gaps and the counts of the bins."""

    def of_gaps(probs, labels, num_bins, side):
        bins = side(probs.amax(dim=1), num_bins)
        counts = bins.sum(dim=1)
        return error(((bins @ _surplus(probs, labels)) / counts).nan_to_num(0), counts)

    return of_gaps


_wrong_error(
    "bins_weighed_alike",
    Text(
        "你讓每一箱一樣重。只有兩三個樣本的箱子，全憑運氣，不該和裝了幾千個的一樣重。",
        "every bin counted alike. A bin of two or three examples is mostly luck, and must not weigh as much as one that holds thousands.",
    ),
    _by_gaps(lambda gaps, counts: gaps.abs().mean()),
    _by_gaps(lambda gaps, counts: gaps.abs().sum()),
    _by_gaps(lambda gaps, counts: gaps[counts > 0].abs().mean()),
)
_wrong_error(
    "gaps_cancel",
    Text(
        "有的箱子太有信心，有的太沒信心，你讓它們互相抵消了：先在每一箱裡取絕對值，再相加。",
        "some bins are too confident and some not enough, and you let them cancel: take the absolute gap of each bin before you add.",
    ),
    lambda probs, labels, n, side: _surplus(probs, labels).mean(),
    lambda probs, labels, n, side: -_surplus(probs, labels).mean(),
    lambda probs, labels, n, side: _surplus(probs, labels).mean().abs(),
)
_wrong_error(
    "gap_of_each_example",
    Text(
        "你對每個樣本取了絕對差。單獨一個樣本不是對就是錯，信心 0.7 怎麼樣都差很多；要先在箱子裡平均。",
        "you took the absolute gap of each example. A single example is right or wrong, and a confidence of 0.7 misses either way: average within the bin first.",
    ),
    lambda probs, labels, n, side: _surplus(probs, labels).abs().mean(),
)
_wrong_error(
    "largest_gap",
    Text(
        "你回傳的是最大的差距（那叫 MCE），題目要的是加權平均。",
        "you returned the largest gap (that is the MCE); the weighted mean is wanted.",
    ),
    _by_gaps(lambda gaps, counts: gaps.abs().max()),
)
_wrong_error(
    "squared_gaps",
    Text(
        "你把差距平方了。這裡的定義用絕對值。",
        "you squared the gaps. The definition used here takes their absolute values.",
    ),
    _by_gaps(lambda gaps, counts: (counts * gaps**2).sum() / counts.sum()),
    _by_gaps(lambda gaps, counts: ((counts * gaps**2).sum() / counts.sum()).sqrt()),
)
_wrong_error(
    "not_divided",
    Text(
        "你依樣本數加權之後，沒有除以樣本總數。",
        "you weighted the gaps by their examples and did not divide by the number of all examples.",
    ),
    _by_gaps(lambda gaps, counts: (counts * gaps.abs()).sum()),
    _by_gaps(lambda gaps, counts: (counts * gaps.abs()).sum() / len(counts)),
)


def _from_middle(probs: Tensor, labels: Tensor, num_bins: int, side: Callable) -> Tensor:
    bins = side(probs.amax(dim=1), num_bins)
    correct = (probs.argmax(dim=1) == labels).double()
    middles = (torch.arange(num_bins) + 0.5) / num_bins
    return (bins @ correct - bins.sum(dim=1) * middles).abs().sum() / len(labels)


_wrong_error(
    "bin_middle",
    Text(
        "你拿每一箱的「中點」當信心。同一箱的信心多半擠在一邊，要用它們的平均。",
        "you took the middle of each bin for its confidence. Confidences crowd to one side of a bin: use their mean.",
    ),
    _from_middle,
)


def _by_label(probs: Tensor, labels: Tensor, num_bins: int, side: Callable) -> Tensor:
    of_label = probs.gather(1, labels[:, None]).squeeze(1)
    correct = (probs.argmax(dim=1) == labels).double()
    return _weighted_gap(of_label - correct, side(of_label, num_bins))


def _by_label_in_bins(probs: Tensor, labels: Tensor, num_bins: int, side: Callable) -> Tensor:
    of_label = probs.gather(1, labels[:, None]).squeeze(1)
    correct = (probs.argmax(dim=1) == labels).double()
    return _weighted_gap(of_label - correct, side(probs.amax(dim=1), num_bins))


_wrong_error(
    "label_probability",
    Text(
        "你用了正確類別的機率當作信心。信心是模型給「自己的答案」的機率。",
        "you took the probability of the right class for the confidence. The confidence is what the model gives its own answer.",
    ),
    _by_label,
    _by_label_in_bins,
)


def _of_every_class(probs: Tensor, labels: Tensor, num_bins: int, side: Callable) -> Tensor:
    surplus = probs - F.one_hot(labels, probs.shape[1])
    return _weighted_gap(surplus.flatten(), side(probs.flatten(), num_bins))


_wrong_error(
    "every_class",
    Text(
        "你把每一類的機率都算進去了。信心只看模型自己的答案，也就是最大的那個機率。",
        "you counted the probabilities of all classes. The confidence is that of the model's own answer, the largest.",
    ),
    _of_every_class,
    lambda probs, labels, n, side: probs.shape[1] * _of_every_class(probs, labels, n, side),
)
_wrong_error(
    "softmax_again",
    Text(
        "probs 已經是機率了，你又做了一次 softmax。",
        "probs are probabilities already, and you applied another softmax.",
    ),
    lambda probs, labels, n, side: _weighted_gap(
        _surplus(probs.softmax(1), labels), side(probs.softmax(1).amax(dim=1), n)
    ),
)


def _between(low: Callable) -> Callable:
    """Bins of equal width from the lowest confidence that there is, or can be, to the highest."""

    def error(probs, labels, num_bins, side):
        confidence = probs.amax(dim=1)
        start, end = low(confidence, probs.shape[1])
        return _weighted_gap(
            _surplus(probs, labels), side((confidence - start) / (end - start), num_bins)
        )

    return error


def _of_equal_counts(probs: Tensor, labels: Tensor, num_bins: int, side: Callable) -> float:
    surplus = _surplus(probs, labels)[probs.amax(dim=1).argsort(stable=True)].numpy()
    return sum(abs(part.sum()) for part in np.array_split(surplus, num_bins)) / len(labels)


_wrong_error(
    "other_bins",
    Text(
        "箱子不對：應該等寬，從 0 到 1（不是從最小的信心或 1/K 起，也不是每箱樣本數相同）。",
        "the bins are others: they should be of equal width, from 0 to 1 (not from the least confidence or 1/K, nor with equal numbers of examples).",
    ),
    _between(lambda confidence, k: (confidence.min(), confidence.max())),
    _between(lambda confidence, k: (1 / k, 1.0)),
    _of_equal_counts,
)
_wrong_error(
    "in_percent",
    Text("請回傳 0 到 1 之間的數，不是百分比。", "return a number from 0 to 1, not a percentage."),
    lambda probs, labels, n, side: 100 * calibration_error.right(probs, labels, n),
)


def _counted(times: Callable) -> Callable:
    """times: of confidences and num_bins, the (num_bins, N) times that each example counts."""

    def error(probs, labels, num_bins, side):
        bins = times(probs.amax(dim=1), num_bins)
        return _weighted_gap(_surplus(probs, labels), bins)

    return error


def _divided_by_counted(times: Callable) -> Callable:
    """As above, but over the number of examples that the bins hold."""

    def error(probs, labels, num_bins, side):
        counted = times(probs.amax(dim=1), num_bins).sum()
        return _counted(times)(probs, labels, num_bins, side) * len(labels) / counted

    return error


def _wrong_times(name: str, text: Text, *times: Callable) -> None:
    _wrong_error(name, text, *map(_counted, times), *map(_divided_by_counted, times))


_wrong_times(
    "top_edge_lost",
    Text(
        "信心剛好等於 1 的樣本不見了：它們屬於最後一箱。",
        "examples with a confidence of exactly 1 got lost: they belong to the last bin.",
    ),
    lambda confidence, n: _upper(confidence, n) * (confidence < 1),
)
_wrong_times(
    "edges_lost",
    Text(
        "信心剛好落在兩箱交界的樣本不見了：兩邊都不收。每個樣本都要恰好屬於一箱。",
        "examples whose confidence lies on the edge of two bins got lost: neither takes them. Each example belongs to exactly one bin.",
    ),
    lambda confidence, n: _upper(confidence, n) * _lower(confidence, n),
    lambda confidence, n: _upper(confidence, n) * _lower(confidence, n) * (confidence < 1),
)
_wrong_times(
    "edges_twice",
    Text(
        "信心剛好落在兩箱交界的樣本算了兩次。每個樣本都要恰好屬於一箱。",
        "examples whose confidence lies on the edge of two bins were counted twice. Each belongs to exactly one bin.",
    ),
    lambda confidence, n: torch.maximum(_upper(confidence, n), _lower(confidence, n)),
)


def _divides_by_nothing(wrong: list[Seen]) -> bool:
    """Whether some inputs give nan or a division by 0, and all of these have an empty bin."""
    bad = [
        seen
        for seen in wrong
        if seen.got.overflows or isinstance(seen.got.error, ZeroDivisionError)
    ]
    return bool(bad) and all(
        not side(seen.case.args[0].amax(dim=1), seen.case.args[2]).any(dim=1).all()
        for seen in bad
        for side in (_upper, _lower)
    )


calibration_error.mistake(
    "empty_bin_nan",
    Text(
        "有一箱是空的：它的 0 除以 0 成了 nan，傳染了整個總和（或直接出錯）。",
        "one bin is empty: its 0 / 0 is nan, which spoiled the whole sum, or an error.",
    ),
    lambda probs, labels, n: (
        calibration_error.right(probs, labels, n)
        if _upper(probs.amax(dim=1), n).any(dim=1).all()
        else math.nan
    ),
    when=_divides_by_nothing,
)
