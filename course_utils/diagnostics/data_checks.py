"""Checks that need no model: are the inputs of a healthy size, do the labels belong to them?"""

import math

import torch
from torch import Tensor

from course_utils.batches import Batches
from course_utils.diagnostics.finding import NON_FINITE, Finding, fill
from course_utils.diagnostics.trial import read_batches
from course_utils.generators import generators_kept
from course_utils.language import Text
from course_utils.seeding import seeded

_INPUTS = Text(
    "輸入的平均 ≈{mean:.3g}、標準差 ≈{std:.3g}、最小 ≈{low:.3g}、最大 ≈{high:.3g}",
    "inputs have mean ≈{mean:.3g}, standard deviation ≈{std:.3g}, lowest ≈{low:.3g}, "
    "highest ≈{high:.3g}",
)
_UNSCALED = Text(
    "輸入的大小（方均根）≈{size:.3g}，離 1 太遠：第一層的輸出與梯度會跟著放大或縮小相同的倍數。減平均、除以標準差了嗎？",
    "the inputs' size (root mean square) is ≈{size:.3g}, far from 1: the first layer's outputs and "
    "gradients are as many times too large or too small. Was the mean subtracted, and the "
    "standard deviation divided out?",
)
_NOT_INTEGERS = Text(
    "標籤的型別是 {dtype}：分類的標籤應該是整數（int64）。",
    "labels have dtype {dtype}: the labels of a classification are integers (int64).",
)
_LABEL_SHAPE = Text(
    "標籤的形狀是 {shape}，應該是 (N,)：多出來的軸會被廣播，損失就成了另一回事。",
    "labels have shape {shape} and should have (N,): the extra axis is broadcast, and the loss "
    "becomes something else.",
)
_OUT_OF_RANGE = Text(
    "標籤從 {low} 到 {high}，但 {num_classes} 類的標籤應該在 0 到 {last} 之間。",
    "labels run from {low} to {high}; with {num_classes} classes they should lie between 0 and "
    "{last}.",
)
_ALL_IGNORED = Text(
    "每一個標籤都是 {ignore_index}，也就是「不算」：沒有東西可學。",
    "every label is {ignore_index}, which means that it does not count: there is nothing to learn.",
)
_MISSING_CLASS = Text(
    "看了 {count} 個標籤，有些類別一次也沒出現：{missing}。",
    "among {count} labels some classes never occur: {missing}.",
)
_IMBALANCED = Text(
    "最多的類別佔 ≈{share:.0%}：一律答這一類就有這個準確率，別誤以為模型學到了東西。",
    "the most frequent class makes up ≈{share:.0%}: whoever always says it has this accuracy, so "
    "do not mistake that for learning.",
)
_NEIGHBOURS = Text(
    "最近鄰的標籤有 ≈{agreement:.0%} 相同，隨機配對則是 ≈{chance:.0%}（{count} 個樣本）",
    "the nearest neighbour has the same label for ≈{agreement:.0%}, by chance it would be "
    "≈{chance:.0%} ({count} examples)",
)
_UNRELATED = Text(
    "長得像的樣本，標籤並不比亂猜更一致：輸入與標籤可能錯開了，或只打亂了其中一個。把幾張圖和標籤畫出來看。",
    "examples that look alike agree no more than by chance: inputs and labels may be out of step, or "
    "only one of the two was shuffled. Draw some images with their labels.",
)


def check_inputs(
    loader: Batches,
    num_classes: int | None = None,
    *,
    max_batches: int | None = 10,
    ignore_index: int = -100,
) -> Finding:
    """Size of the inputs; dtype, shape and range of the labels, in the first batches.

    Suspicious: ``non_finite``, ``unscaled`` (root mean square outside [0.1, 10]; integers other than
    bytes are taken for ids, which have no scale), and with num_classes ``labels_not_integers``,
    ``label_shape``, ``labels_out_of_range``, ``missing_class`` (if 20 K labels or more were seen),
    ``imbalanced`` (one class makes up more than half and more than twice its even share; of two
    classes, more than 80 %), ``all_ignored`` (if no label counts).

    Args:
        loader: batches (inputs, labels).
        num_classes: K, at least 2, for labels that are classes; without it they may be anything.
        max_batches: how many to look at; None for all.
        ignore_index: labels of this value do not count (torch's losses leave out -100 unless told
            otherwise).

    >>> labels = torch.arange(100) % 10
    >>> loader = [(torch.full((100, 1, 28, 28), 200.0), labels)]  # neither centred nor scaled
    >>> list(check_inputs(loader, num_classes=10).suspicions)
    ['unscaled']
    """
    if num_classes is not None and num_classes < 2:
        raise ValueError(f"num_classes must be at least 2, or None, got {num_classes}")
    with generators_kept(loader), seeded(0):
        batches = list(read_batches(loader, max_batches=max_batches))
    are_ids = not batches[0][0].is_floating_point() and batches[0][0].dtype != torch.uint8
    inputs = torch.cat([x.detach().cpu().float().flatten() for x, _ in batches])
    finite = inputs.isfinite()
    are_finite = bool(finite.all())
    if not are_finite:
        inputs = inputs[finite] if finite.any() else torch.full((1,), math.nan)
    std, mean = (float(x) for x in torch.std_mean(inputs, correction=0))
    low, high = (float(x) for x in inputs.aminmax())
    values = {"mean": mean, "std": std, "low": low, "high": high, "size": math.hypot(mean, std)}
    suspicions = {}
    if not are_finite or not math.isfinite(values["size"]):
        suspicions["non_finite"] = NON_FINITE
    if not (are_ids or 0.1 <= values["size"] <= 10):
        suspicions["unscaled"] = fill(_UNSCALED, **values)
    if num_classes is not None:
        suspicions |= _suspicious_labels(
            [y.detach().cpu() for _, y in batches], num_classes, ignore_index
        )
    return Finding("inputs", fill(_INPUTS, **values), values, suspicions)


def _suspicious_labels(
    batches: list[Tensor], num_classes: int, ignore_index: int
) -> dict[str, Text]:
    first = batches[0]
    if first.is_floating_point() or first.dtype == torch.bool:
        return {"labels_not_integers": fill(_NOT_INTEGERS, dtype=first.dtype)}
    if first.ndim != 1:
        shape = ", ".join(["N", *map(str, first.shape[1:])])
        return {"label_shape": fill(_LABEL_SHAPE, shape=f"({shape})")}
    labels = torch.cat(batches).long()
    labels = labels[labels != ignore_index]
    if len(labels) == 0:
        return {"all_ignored": fill(_ALL_IGNORED, ignore_index=ignore_index)}
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= num_classes:
        range_ = {"low": low, "high": high, "num_classes": num_classes, "last": num_classes - 1}
        return {"labels_out_of_range": fill(_OUT_OF_RANGE, **range_)}
    suspicions = {}
    counts = torch.bincount(labels, minlength=num_classes)
    if (counts == 0).any() and len(labels) >= 20 * num_classes:
        missing = ", ".join(str(k) for k in (counts == 0).nonzero().flatten().tolist())
        suspicions["missing_class"] = fill(_MISSING_CLASS, count=len(labels), missing=missing)
    share = float(counts.max()) / len(labels)
    if share > (0.8 if num_classes == 2 else max(0.5, 2 / num_classes)):
        suspicions["imbalanced"] = fill(_IMBALANCED, share=share)
    return suspicions


def check_neighbours(loader: Batches, *, max_examples: int = 500) -> Finding:
    """How often the nearest other example (Euclidean) bears the same label, against chance.

    Chance: both labels drawn at random from the shares seen. Suspicious: ``unrelated``, if the
    agreement of 20 examples or more (fewer cannot tell) is not three standard errors above it;
    ``non_finite``, if an example holds NaN or infinity, which is then left out. It
    needs labels (N,) of classes, and says little if neighbours in input space need not be alike.
    It is the nearest-neighbour rule of Cover and Hart 1967, "Nearest neighbor pattern
    classification", used as a question about the data.
    """
    if max_examples < 20:
        raise ValueError(f"max_examples must be at least 20, got {max_examples}")
    inputs, labels = _first_examples(loader, max_examples)
    if labels.ndim != 1 or labels.is_floating_point():
        raise ValueError(
            f"labels must be integers of shape (N,), got {labels.dtype}, {tuple(labels.shape)}"
        )
    finite = inputs.isfinite().all(dim=1)
    inputs, labels = inputs[finite], labels[finite]
    if len(labels) < 2:
        raise ValueError(
            f"neighbours need at least two examples that are finite, got {len(labels)} of "
            f"{len(finite)}; look for NaN and infinity with check_inputs"
        )
    distance = torch.cdist(inputs, inputs).fill_diagonal_(math.inf)
    agreement = float((labels[distance.argmin(dim=1)] == labels).float().mean())
    shares = labels.unique(return_counts=True)[1] / len(labels)
    chance = float(shares.square().sum())
    error = math.sqrt(chance * (1 - chance) / len(labels))
    values = {"agreement": agreement, "chance": chance, "count": len(labels)}
    is_unrelated = len(labels) >= 20 and agreement <= chance + 3 * error
    suspicions = {"unrelated": _UNRELATED} if is_unrelated else {}
    if not finite.all():
        suspicions["non_finite"] = NON_FINITE
    return Finding("neighbours", fill(_NEIGHBOURS, **values), values, suspicions)


def _first_examples(loader: Batches, max_examples: int) -> tuple[Tensor, Tensor]:
    """At most ``max_examples`` inputs (N, D) as floats and their labels, on the CPU."""
    inputs, labels, count = [], [], 0
    with generators_kept(loader), seeded(0):
        for x, y in read_batches(loader):
            inputs.append(x.detach().cpu().float().flatten(1))
            labels.append(y.detach().cpu())
            count += len(y)
            if count >= max_examples:
                break
    widths = {x.shape[1] for x in inputs}
    if len(widths) > 1 or count < 2:
        raise ValueError(
            "neighbours need at least two examples, all of one shape, got "
            f"{count} with {', '.join(map(str, sorted(widths)))} numbers each"
        )
    return torch.cat(inputs)[:max_examples], torch.cat(labels)[:max_examples]
