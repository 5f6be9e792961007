"""Exercises of label_smoothing: soft targets, the smoothed loss, the expected calibration error."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from course_utils.exercises import Answer, exercise
from course_utils.language import Text


@exercise(
    hint=Text(
        "課裡的四個數是怎麼來的？每一類先打了折，再分到同樣的一份。對一列 0.5、0.5 的目標，做同樣的事。",
        "Where did the lesson's four numbers come from? Each class was first cut back and then "
        "handed the same portion. Do the same to a row that says 0.5, 0.5.",
    ),
    only_wrong_classes=Text(
        "你把 ε 分給 K−1 個錯的類別。這裡的定義（也是 PyTorch 的）是分給「全部」K 類，正確的那一類也有一份。",
        "you shared ε among the K − 1 wrong classes. In the definition used here, and by PyTorch, "
        "all K classes get a portion, the right one too.",
    ),
    mass_lost=Text(
        "每一列的和小於 1：正確的類別交出了 ε，卻沒有分到自己的那一份。",
        "the rows add up to less than 1: the right class gave ε away and never got its own portion.",
    ),
    mass_gained=Text(
        "每一列的和大於 1：分出去的那些，沒有先從原本的目標扣掉。",
        "the rows add up to more than 1: what you hand out was never taken from the old targets.",
    ),
    whole_numbers=Text(
        "目標是整數時，你寫進去的小數被捨去成 0：`F.one_hot` 給的是 int64，裝不下 0.925。",
        "with whole-number targets your fractions were cut to 0: `F.one_hot` gives int64, which "
        "cannot hold 0.925.",
    ),
    hard_rows_only=Text(
        "0 與 1 的列都對，但已經是軟的列（例如 0.5、0.5）錯了：別去找「等於 1 的那一格」，每個數都用同一條式子。",
        "rows of 0 and 1 are right, but rows that were soft before (such as 0.5, 0.5) are not: "
        "rather than look for the place that equals 1, treat every number by one formula.",
    ),
)
def smooth_targets(answer: Answer) -> None:
    """Rows mixed with the uniform distribution, whatever their dtype, hard or soft."""
    hard = [
        (torch.tensor([[0.0, 0, 1, 0]]), 0.1),
        (F.one_hot(torch.tensor([3, 0, 2, 3, 1]), 5).float(), 0.2),
        (F.one_hot(torch.tensor([1, 0, 9]), 10).double(), 0.0),
        (F.one_hot(torch.tensor([1, 0]), 2).float(), 1.0),
    ]
    for targets, eps in hard:
        _check_targets(answer, targets, eps)
    whole = F.one_hot(torch.tensor([2, 0, 1]), 4)
    got = answer(whole, 0.1)
    as_array = np.asarray(got, dtype=float)
    if as_array.shape == (3, 4) and (as_array == as_array.round()).all():
        answer.mistake("whole_numbers")
    _check_targets(answer, whole, 0.1)
    soft = torch.tensor([[0.5, 0.5, 0.0, 0.0], [0.7, 0.1, 0.2, 0.0], [0.0, 1.0, 0.0, 0.0]])
    if not answer.matches(answer(soft, 0.1), 0.9 * soft + 0.025):
        answer.mistake("hard_rows_only")


def _check_targets(answer: Answer, targets: Tensor, eps: float) -> None:
    got, num_classes = answer(targets, eps), targets.shape[1]
    portion = eps / num_classes
    expected = (1 - eps) * targets + portion
    if not answer.matches(got, expected):
        wrong = 1 - targets
        alternatives = {
            "only_wrong_classes": (1 - eps) * targets + eps / (num_classes - 1) * wrong,
            "mass_lost": (1 - eps) * targets + portion * wrong,
            "mass_gained": (targets + portion, targets + portion * wrong, targets + eps * wrong),
        }
        answer.recognize(got, alternatives)
    answer.require(got, expected, f"targets={targets.tolist()}, eps={eps}")


@exercise(
    hint=Text(
        "「損失函數」那一課的練習已經教會你怎麼安全地算 log p。這裡每一列要用到全部 K 個 log p：正確的那個佔多少，其餘各佔多少？",
        "The lesson on losses taught you to compute log p safely. Here each row needs all K of "
        "them: how much does the right one count, and how much does each?",
    ),
    only_wrong_classes=Text(
        "你把 ε 分給 K−1 個錯的類別；定義裡是全部 K 類各得 ε/K。",
        "you shared ε among the K − 1 wrong classes; by the definition each of the K gets ε/K.",
    ),
    hard_part_whole=Text(
        "原來的交叉熵忘了打折：兩個部分的權重加起來應該是 1。",
        "the ordinary cross-entropy was not cut back: the weights of the two parts should add to 1.",
    ),
    uniform_part_lost=Text(
        "你只把原來的損失乘上 1 − ε。那和換一個學習率沒有兩樣：錯的類別在哪裡？",
        "you only multiplied the ordinary loss by 1 − ε. That is another learning rate and nothing "
        "more: where are the other classes?",
    ),
    summed_over_classes=Text(
        "均勻的那一部分，你把 K 類加起來，卻沒有除以 K。",
        "in the uniform part you added up K classes and did not divide by K.",
    ),
    probabilities_smoothed=Text(
        "你平滑的是模型的機率，不是目標：把 ε 混進 log 裡面，意思完全不同（模型因此永遠不會被罰得太重）。",
        "you smoothed the model's probabilities, not the targets: mixed in under the log, ε means "
        "something else (the model can then never be punished much).",
    ),
    reduction_ignored=Text(
        'reduction 沒有作用："mean" 是 N 個樣本的平均，"sum" 是總和。',
        'reduction made no difference: "mean" is the mean over N examples, "sum" their sum.',
    ),
    mean_over_classes=Text(
        "你除以了 N×K：平均只對 N 個樣本取。",
        "you divided by N×K: the mean is over the N examples only.",
    ),
    overflow=Text(
        "logits 在 ±10,000 附近時，損失成了 inf 或 nan。每一列減去同一個數，log p 不變。",
        "with logits near ±10,000 the loss became inf or nan. Taking one number off a whole row "
        "does not change log p.",
    ),
    clipped=Text(
        "logits 相差很大時，損失停在一個上限。log 裡加小常數或截斷機率，在這裡傷得更重：平滑之後，每一類的 log p 都算數。",
        "where logits lie far apart your loss stops at a ceiling. A small constant under the log or "
        "a clipped probability does more harm here than ever: each class's log p counts.",
    ),
)
def smoothed_cross_entropy(answer: Answer) -> None:
    """Equal to torch's cross_entropy with label_smoothing, at logits up to ±1e4."""
    lesson = torch.tensor([[2.0, 1.0, 0.5]]), torch.tensor([0])
    wide = 2 * torch.randn(64, 10), torch.randint(0, 10, (64,))
    for z, labels in (lesson, wide, (wide[0][:7].double(), wide[1][:7])):
        for eps in (0.1, 0.0, 0.3, 1.0):
            for reduction in ("mean", "sum"):
                expected = F.cross_entropy(z, labels, label_smoothing=eps, reduction=reduction)
                got = answer(z, labels, eps, reduction=reduction)
                if not answer.matches(got, expected):
                    answer.recognize(got, _other_smoothed_losses(z, labels, eps, reduction))
                case = f"logits {tuple(z.shape)}, eps={eps}, reduction={reduction!r}"
                answer.require(got, expected, case)
    high = torch.tensor([[1e4, 1e4 - 1, 1e4 - 3], [-1e4, 2 - 1e4, 1 - 1e4], [800.0, 801.0, 799.0]])
    spread = torch.tensor([[1e4, 0.0, -1e4], [-1e4, 1e4, 0.0], [0.0, 150.0, 0.0]])
    labels = torch.tensor([0, 1, 0])
    for z in (high, spread, high.double(), spread.double()):
        for eps in (0.1, 0.0):
            got = answer(z, labels, eps, reduction="mean")
            expected = F.cross_entropy(z, labels, label_smoothing=eps)
            if answer.matches(got, expected, tolerance=2e-3):  # float32 rounds 1e4 by 5e-4
                continue
            answer.mistake("clipped" if np.isfinite(float(got)) else "overflow")


def _other_smoothed_losses(z: Tensor, labels: Tensor, eps: float, reduction: str) -> dict:
    """What known mistakes make of the smoothed loss."""
    reduce = torch.mean if reduction == "mean" else torch.sum
    num_classes = z.shape[1]
    log_probs = z.log_softmax(dim=1)
    hard = -log_probs[torch.arange(len(labels)), labels]
    total = -log_probs.sum(dim=1)
    right = (1 - eps) * hard + eps * total / num_classes
    prob = (1 - eps) * (-hard).exp() + eps / num_classes
    wrong = {
        "only_wrong_classes": (1 - eps) * hard + eps * (total - hard) / (num_classes - 1),
        "hard_part_whole": hard + eps * total / num_classes,
        "uniform_part_lost": (1 - eps) * hard,
        "summed_over_classes": (1 - eps) * hard + eps * total,
        "probabilities_smoothed": -prob.log(),
    }
    losses = {name: reduce(values) for name, values in wrong.items()}
    other = right.sum() if reduction == "mean" else right.mean()
    losses["reduction_ignored"] = other
    losses["mean_over_classes"] = right.mean() / num_classes
    return losses


@exercise(
    hint=Text(
        "課裡的手算先在每一箱裡平均，再看差距，最後以人數加權。空箱有幾個人？",
        "The lesson's hand calculation averaged within each bin first, then took the gap, then "
        "weighted it by the examples. How many examples has an empty bin?",
    ),
    bins_weighed_alike=Text(
        "你讓每一箱一樣重。只有兩三個樣本的箱子，全憑運氣，不該和裝了幾千個的一樣重。",
        "every bin counted alike. A bin of two or three examples is mostly luck, and must not weigh "
        "as much as one that holds thousands.",
    ),
    gaps_cancel=Text(
        "有的箱子太有信心，有的太沒信心，你讓它們互相抵消了：先在每一箱裡取絕對值，再相加。",
        "some bins are too confident and some not enough, and you let them cancel: take the "
        "absolute gap of each bin before you add.",
    ),
    gap_of_each_example=Text(
        "你對每個樣本取了絕對差。單獨一個樣本不是對就是錯，信心 0.7 怎麼樣都差很多；要先在箱子裡平均。",
        "you took the absolute gap of each example. A single example is right or wrong, and a "
        "confidence of 0.7 misses either way: average within the bin first.",
    ),
    label_probability=Text(
        "你用了正確類別的機率當作信心。信心是模型給「自己的答案」的機率。",
        "you took the probability of the right class for the confidence. The confidence is what the "
        "model gives its own answer.",
    ),
    largest_gap=Text(
        "你回傳的是最大的差距（那叫 MCE），題目要的是加權平均。",
        "you returned the largest gap (that is the MCE); the weighted mean is wanted.",
    ),
    bin_middle=Text(
        "你拿每一箱的「中點」當信心。同一箱的信心多半擠在一邊，要用它們的平均。",
        "you took the middle of each bin for its confidence. Confidences crowd to one side of a "
        "bin: use their mean.",
    ),
    empty_bin_nan=Text(
        "結果是 nan：有一箱是空的，0 除以 0 之後，nan 傳染了整個總和。",
        "the result is nan: one bin is empty, and the nan of its 0 / 0 spoiled the whole sum.",
    ),
    top_edge_lost=Text(
        "信心剛好等於 1 的樣本不見了：它們屬於最後一箱。",
        "examples with a confidence of exactly 1 got lost: they belong to the last bin.",
    ),
    edges_lost=Text(
        "信心剛好落在兩箱交界的樣本不見了：兩邊都不收。每個樣本都要恰好屬於一箱。",
        "examples whose confidence lies on the edge of two bins got lost: neither takes them. Each "
        "example belongs to exactly one bin.",
    ),
    edges_twice=Text(
        "信心剛好落在兩箱交界的樣本算了兩次。每個樣本都要恰好屬於一箱。",
        "examples whose confidence lies on the edge of two bins were counted twice. Each belongs to "
        "exactly one bin.",
    ),
    in_percent=Text(
        "請回傳 0 到 1 之間的數，不是百分比。", "return a number from 0 to 1, not a percentage."
    ),
)
def calibration_error(answer: Answer) -> None:
    """The expected calibration error; an example on an inner edge may go to either side."""
    for num_examples, num_classes, num_bins in ((400, 2, 5), (600, 5, 10), (50, 3, 1)):
        probs = torch.softmax(1.5 * torch.randn(num_examples, num_classes), dim=1)
        guesses = torch.randint(0, num_classes, (num_examples,))
        labels = torch.where(torch.rand(num_examples) < 0.6, probs.argmax(dim=1), guesses)
        for given in (probs, probs.double()):
            got, bins = answer(given, labels, num_bins), _bins(probs.amax(dim=1), num_bins)
            if np.isnan(_number(got)):
                answer.mistake("empty_bin_nan")
            expected = _weighted_gap(_surplus(probs, labels), bins)
            if answer.matches(got, 100 * expected):
                answer.mistake("in_percent")
            if not answer.matches(got, expected):
                answer.recognize(got, _other_calibration_errors(probs, labels, num_bins))
            case = f"{num_examples} examples, {num_classes} classes, num_bins={num_bins}"
            answer.require(got, expected, case)

    probs = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.3, 0.7], [0.45, 0.55]])
    labels = torch.tensor([0, 1, 1, 0, 0])
    got = answer(probs, labels, 4)
    answer.recognize(got, {"top_edge_lost": (1.25 / 5, 1.25 / 2)})
    answer.require(got, 2.25 / 5, "confidences 1, 1, 1, 0.7, 0.55, num_bins=4")

    probs = torch.tensor([[0.5, 0.3, 0.2], [0.75, 0.25, 0.0], [0.6, 0.2, 0.2], [0.1, 0.2, 0.7]])
    labels = torch.tensor([0, 1, 0, 2])
    surplus, confidence = _surplus(probs, labels), probs.amax(dim=1)
    upper = _bins(confidence, 4)
    lower = _bins(confidence - 1e-4, 4)
    got = answer(probs, labels, 4)
    if answer.matches(got, _weighted_gap(surplus, upper)):
        return
    lost, twice = _weighted_gap(surplus, upper & lower), _weighted_gap(surplus, upper | lower)
    answer.recognize(got, {"edges_lost": (lost, 2 * lost), "edges_twice": (twice, twice * 4 / 6)})
    answer.require(
        got, _weighted_gap(surplus, lower), "confidences 0.5, 0.75, 0.6, 0.7, num_bins=4"
    )


def _surplus(probs: Tensor, labels: Tensor) -> Tensor:
    """By how much each confidence is above 1 (answered right) or above 0 (wrong)."""
    confidence, answers = probs.double().max(dim=1)
    return confidence - (answers == labels).double()


def _bins(confidence: Tensor, num_bins: int) -> Tensor:
    """Which example lies in which bin [low, high), the last one closed: bool (num_bins, N)."""
    index = (confidence.double() * num_bins).long().clamp(max=num_bins - 1)
    return F.one_hot(index, num_bins).T.bool()


def _weighted_gap(surplus: Tensor, bins: Tensor) -> float:
    return float((bins.double() @ surplus).abs().sum() / len(surplus))


def _other_calibration_errors(probs: Tensor, labels: Tensor, num_bins: int) -> dict:
    """What known mistakes make of the calibration error."""
    surplus, bins = _surplus(probs, labels), _bins(probs.amax(dim=1), num_bins)
    count = bins.sum(dim=1)
    gaps = ((bins.double() @ surplus).abs() / count).nan_to_num(0)
    correct = (probs.argmax(dim=1) == labels).double()
    middles = (torch.arange(num_bins) + 0.5) / num_bins
    from_middle = (bins.double() @ correct - count * middles).abs()
    of_label = probs.gather(1, labels[:, None]).squeeze(1).double()
    label_surplus = of_label - correct
    return {
        "bins_weighed_alike": (gaps.mean(), gaps[count > 0].mean(), gaps.sum()),
        "gaps_cancel": (surplus.mean(), -surplus.mean(), surplus.mean().abs()),
        "gap_of_each_example": surplus.abs().mean(),
        "largest_gap": gaps.max(),
        "bin_middle": from_middle.sum() / len(labels),
        "label_probability": (
            _weighted_gap(label_surplus, _bins(of_label, num_bins)),
            _weighted_gap(label_surplus, bins),
        ),
    }


def _number(got: object) -> float:
    return float(np.asarray(got.detach() if isinstance(got, Tensor) else got, dtype=float).sum())
