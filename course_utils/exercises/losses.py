"""Exercises of losses: three losses that survive every input, and one gradient by hand."""

import operator
from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from course_utils.exercises.by_reference import Seen, given, right_answer
from course_utils.language import Text
from course_utils.seeding import generator

_DTYPES = torch.float32, torch.float64


def _normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def _overflows(wrong: list[Seen]) -> bool:
    return all(seen.got.overflows for seen in wrong)


# --- mean_squared_error


def _pairs() -> Iterator[given]:
    few = torch.tensor([1.0, 2.0, 4.0]), torch.tensor([1.5, 0.0, 3.0])
    many, far = _normal(2, 50, seed=0), 1e4 * _normal(2, 50, seed=1)
    for p, t in (few, many.float(), many, far.float(), far):
        for p_shape in ((-1,), (-1, 1)):
            for t_shape in ((-1,), (-1, 1)):
                p, t = p.reshape(p_shape), t.reshape(t_shape)
                sizes = tuple(p.shape), tuple(t.shape)
                dtype = str(p.dtype).removeprefix("torch.")
                yield given(p, t, case=_SIZES_AND_DTYPE.format(sizes=sizes, dtype=dtype))
    yield given(
        torch.tensor([3.0]), torch.tensor([[1.0]]), case=_SIZES.format(sizes=((1,), (1, 1)))
    )
    for sizes in ((4,), (1,)), ((1,), (4,)), ((4, 1), (1, 1)), ((1, 1), (4,)):
        yield given(torch.ones(sizes[0]), torch.ones(sizes[1]), case=_SIZES.format(sizes=sizes))


_SIZES = Text("形狀是 {sizes[0]} 與 {sizes[1]}", "shapes {sizes[0]} and {sizes[1]}")


_SIZES_AND_DTYPE = Text(
    "形狀是 {sizes[0]} 與 {sizes[1]}，{dtype}", "shapes {sizes[0]} and {sizes[1]}, {dtype}"
)


@right_answer(
    cases=_pairs,
    hint=Text(
        "先把兩邊變成同一種形狀，再相減。至於該不該變：先數一數兩邊各有幾個數。",
        "Bring both sides to one shape before you subtract. Whether you may: count the numbers on each side first.",
    ),
)
def mean_squared_error(predictions, targets):
    """Mean squared error of N numbers each, whether they come as (N,) or as (N, 1)."""
    if predictions.numel() != targets.numel():
        raise Exception("sizes differ")  # of whatever kind
    return (predictions.reshape(-1) - targets.reshape(-1)).square().mean()


def _errors(p: Tensor, t: Tensor) -> Tensor:
    return p.reshape(-1) - t.reshape(-1)


def _wrong_error(name: str, text: Text, *losses: Callable) -> None:
    """Mistakes that say nothing of unequal sizes: such an answer may refuse them or not."""
    ways = (
        lambda p, t, loss=loss: loss(p, t) if p.numel() == t.numel() else ... for loss in losses
    )
    mean_squared_error.mistake(name, text, *ways)


_wrong_error(
    "broadcast",
    Text(
        "形狀 (N, 1) 減 (N,) 會廣播成 (N, N)：每個預測都和「所有」目標比了一遍。",
        "shape (N, 1) minus (N,) broadcasts to (N, N): every prediction met all targets, not only its own.",
    ),
    lambda p, t: (p - t).square().mean(),
    lambda p, t: (p.reshape(-1) - t.reshape(-1, 1)).square().mean(),
    lambda p, t: (p.squeeze() - t).square().mean(),
    lambda p, t: (p - t.squeeze()).square().mean(),
)
_wrong_error(
    "sum_not_mean",
    Text(
        "你回傳的是總和。題目要的是平均：資料多一倍，損失不該跟著大一倍。",
        "you returned the sum. The mean is wanted: twice the data should not double the loss.",
    ),
    lambda p, t: _errors(p, t).square().sum(),
)
_wrong_error(
    "halved",
    Text(
        "你多除了 2。有些課本為了讓導數好看而加上 1/2，但均方誤差的定義裡沒有。",
        "you divided by 2 as well. Some books put a 1/2 there to please the derivative; the mean squared error has none.",
    ),
    lambda p, t: _errors(p, t).square().mean() / 2,
)
_wrong_error(
    "root",
    Text(
        "你開了根號：那是 RMSE，不是 MSE。",
        "you took the square root: that is the RMSE, not the MSE.",
    ),
    lambda p, t: _errors(p, t).square().mean().sqrt(),
)
_wrong_error(
    "absolute",
    Text(
        "你用了誤差的絕對值：那是 MAE。平方會讓大的錯誤更重。",
        "you took absolute errors: that is the MAE. Squares weigh large errors more.",
    ),
    lambda p, t: _errors(p, t).abs().mean(),
)
mean_squared_error.mistake(
    "sizes_not_compared",
    Text(
        "4 個預測配 1 個目標，你的函式照樣算出一個數。數目不同就該拋出例外，否則錯誤會悄悄溜走。",
        "given 4 predictions and 1 target, your function still came up with a number. Where the counts differ it should raise an error, or the mistake slips by in silence.",
    ),
    lambda p, t: _errors(p, t).square().mean(),
    when=lambda wrong: all(seen.right.error and seen.got.is_finite for seen in wrong),
)


# --- bce_from_logits


def _coins() -> Iterator[given]:
    few = torch.tensor([2.0, -1.0, 0.5, 3.0]), torch.tensor([1.0, 0.0, 0.0, 1.0])
    heads = torch.randint(0, 2, (200,), generator=generator(1))
    for dtype in _DTYPES:
        yield given(few[0].to(dtype), few[1].to(dtype))
        many = 2 * _normal(200, seed=2).to(dtype)
        yield given(many, heads.to(dtype), case=Text("200 個 logit", "200 logits"))
        yield given(many, torch.ones_like(many), case=Text("標籤全是 1", "all labels 1"))
        zero = torch.zeros(2, dtype=dtype), torch.tensor([0.0, 1.0], dtype=dtype)
        yield given(*zero, case=Text("logit 是 0", "logits of 0"))
        for size in (50.0, 1000.0, 1e4):
            z = torch.tensor([size, -size, size, -size, 1.0], dtype=dtype)
            y = torch.tensor([0.0, 1.0, 1.0, 0.0, 0.0], dtype=dtype)
            yield given(z, y, case=Text(f"logit 到 ±{size:g}", f"logits up to ±{size:g}"))


@right_answer(
    cases=_coins,
    gradient_of=[0],
    terms=lambda logits, labels: logits.abs().max(),
    forbidden=[
        F.binary_cross_entropy_with_logits,
        F.binary_cross_entropy,
        F.logsigmoid,
        F.softplus,
    ],
    hint=Text(
        "先在紙上把 sigmoid 代入 −log p 與 −log(1 − p)，化簡到只剩一個 exp。它的指數何時會太大？怎麼寫才永遠不會？",
        "On paper, put the sigmoid into −log p and −log(1 − p) and simplify until one exp is left. When does its exponent grow too large, and how can you write it so that it never does?",
    ),
)
def bce_from_logits(logits, labels):
    """Mean binary cross-entropy of logits (N,) against labels (N,)."""
    return F.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype))


def _stable_logs(z: Tensor) -> tuple[Tensor, Tensor]:
    return F.logsigmoid(z), F.logsigmoid(-z)


def _naive_logs(z: Tensor) -> tuple[Tensor, Tensor]:
    return z.sigmoid().log(), (1 - z.sigmoid()).log()


def _wrong_bce(name: str, text: Text, loss: Callable) -> None:
    """loss: of (log p, log(1 - p), labels), which may be taken safely or not."""
    ways = (lambda z, y, logs=logs: loss(*logs(z), y) for logs in (_stable_logs, _naive_logs))
    bce_from_logits.mistake(name, text, *ways)


_wrong_bce(
    "one_label_only",
    Text(
        "標籤為 0 的樣本沒有算到：它們的損失是 −log(1 − p)。",
        "examples with label 0 count for nothing: their loss is −log(1 − p).",
    ),
    lambda a, b, y: -(y * a).mean(),
)
_wrong_bce(
    "labels_swapped",
    Text(
        "標籤 0 和 1 對調了：p 是標籤為 1 的機率。",
        "labels 0 and 1 are swapped: p is the probability of label 1.",
    ),
    lambda a, b, y: -((1 - y) * a + y * b).mean(),
)
_wrong_bce(
    "sign_lost",
    Text(
        "正負號反了：機率的對數是負的，損失應該是正的。",
        "the sign is lost: the log of a probability is negative, and a loss is positive.",
    ),
    lambda a, b, y: (y * a + (1 - y) * b).mean(),
)
_wrong_bce(
    "sum_not_mean",
    Text("你回傳的是總和，題目要的是平均。", "you returned the sum, the mean is wanted."),
    lambda a, b, y: -(y * a + (1 - y) * b).sum(),
)
bce_from_logits.mistake(
    "overflow",
    Text(
        "logit 很大時，你的損失變成 inf 或 nan。是哪一個 exp 太大，還是哪一個 log 遇到了 0？",
        "at large logits your loss became inf or nan. Which exp grew too large, or which log met a 0?",
    ),
    lambda z, y: -(y * _naive_logs(z)[0] + (1 - y) * _naive_logs(z)[1]).mean(),
    lambda z, y: (torch.log(1 + torch.exp(z)) - y * z).mean(),
    when=_overflows,
)


def _has_ceiling(wrong: list[Seen]) -> bool:
    """Whether all losses are too small, and one for different right ones."""
    losses = [float(seen.got.arrays[0]) for seen in wrong if seen.got.is_number]
    rights = [float(seen.right.arrays[0]) for seen in wrong]
    too_small = len(losses) == len(wrong) and all(map(operator.lt, losses, rights))
    largest = sorted(losses)[-2:]
    return too_small and len(largest) == 2 and largest[1] - largest[0] <= 0.01 * largest[1]


bce_from_logits.mistake(
    "clipped",
    Text(
        "logit 很大時，你的損失停在一個上限，不再增加：有東西被截斷了，梯度也就消失了。損失該隨 logit 一路變大。",
        "at large logits your loss stops at a ceiling: something was clipped, and its gradient is gone. The loss should go on growing with the logit.",
    ),
    lambda z, y: F.binary_cross_entropy(z.sigmoid(), y),
    when=_has_ceiling,
)


def _softplus_by_where(z: Tensor) -> Tensor:
    return torch.where(z > 0, z + torch.log1p(torch.exp(-z)), torch.log1p(torch.exp(z)))


bce_from_logits.mistake(
    "nan_gradient",
    Text(
        "損失的值是對的，但它的梯度是 nan 或 inf：`torch.where` 會對「兩個」分支都算梯度，沒被選中的那個溢位了。",
        "the loss is right, but its gradient is nan or inf: `torch.where` differentiates both branches, and the one that was not chosen overflowed.",
    ),
    lambda z, y: (_softplus_by_where(z) - y * z).mean(),
    when=lambda wrong: all(
        seen.got.gradients is not None and not torch.tensor(seen.got.gradients[0]).isfinite().all()
        for seen in wrong
    ),
)


# --- cross_entropy

_CLOSE = Text("logits 都在 {at:+d} 附近", "logits near {at:+d}")
_APART = Text("一列的 logits 遠大於另一列", "the logits of one row far above the other's")
_SPREAD = Text("同一列的 logits 相差上萬", "logits that differ by 10,000 within a row")


def _tables() -> Iterator[given]:
    few = torch.tensor([[2.0, 1.0, -1.0, 0.5], [0.5, 2.5, 0.3, 0.2], [0.1, 0.2, 3.0, -2.0]])
    many = 3 * _normal(64, 10, seed=3)
    classes = torch.randint(0, 9, (64,), generator=generator(4))  # the last class is absent
    close = torch.tensor([[0.0, 1.0, 2.0], [2.0, 0.0, -1.0]])
    apart = torch.tensor([[0.0, 1.0, 2.0], [9990.0, 9991.0, 9992.0]])
    spread = torch.tensor([[1e4, 0.0, -1e4], [-1e4, 1e4, 0.0], [0.0, 150.0, 0.0]])
    for dtype in _DTYPES:
        yield given(
            few.to(dtype),
            torch.tensor([0, 3, 2]),
            case=Text("沒有給 reduction", "no reduction given"),
        )
        for reduction in ("mean", "sum"):
            for table, labels in ((few, torch.tensor([0, 3, 2])), (many, classes)):
                case = f"logits {tuple(table.shape)}, {reduction!r}"
                yield given(table.to(dtype), labels, reduction=reduction, case=case)
            for at in (10_000, -10_000, 800, -800):
                case = _CLOSE.format(at=at)
                table = (close + at).to(dtype)
                yield given(table, torch.tensor([0, 2]), reduction=reduction, case=case)
            yield given(apart.to(dtype), torch.tensor([0, 2]), reduction=reduction, case=_APART)
            yield given(
                spread.to(dtype), torch.tensor([2, 0, 0]), reduction=reduction, case=_SPREAD
            )


def _size_of_losses(logits: Tensor, labels: Tensor, reduction: str = "mean") -> Tensor:
    return logits.abs().max() * (len(labels) if reduction == "sum" else 1)


@right_answer(
    cases=_tables,
    terms=_size_of_losses,
    forbidden=[F.cross_entropy, torch.log_softmax, torch.logsumexp],
    hint=Text(
        "每一列的 logits 同加一個數，機率不變。每一列各減去哪個數，exp 就不會溢位？最後要取對數的，是總和，不是機率。",
        "Adding one number to all logits of a row changes no probability. Which number, taken off each row, keeps exp from overflowing? And take the log of the sum, not of a probability.",
    ),
)
def cross_entropy(logits, labels, reduction="mean"):
    """Cross-entropy of logits (N, K) against classes (N,), averaged or summed over the examples."""
    return F.cross_entropy(logits, labels, reduction=reduction)


def _of_labels(table: Tensor, labels: Tensor, reduction: str) -> Tensor:
    losses = -table[torch.arange(len(labels)), labels]
    return losses.sum() if reduction == "sum" else losses.mean()


def _naive_log_softmax(z: Tensor, dim: int = 1) -> Tensor:
    return (z.exp() / z.exp().sum(dim=dim, keepdim=True)).log()


def _naive_difference(z: Tensor, dim: int = 1) -> Tensor:
    return z - z.exp().sum(dim=dim, keepdim=True).log()


def _wrong_cross_entropy(name: str, text: Text, *losses: Callable) -> None:
    """losses: of (log_softmax, logits, labels, reduction), whichever way log_softmax is taken."""
    ways = [
        lambda z, y, reduction="mean", loss=loss, log=log: loss(log, z, y, reduction)
        for loss in losses
        for log in (torch.log_softmax, _naive_log_softmax, _naive_difference)
    ]
    cross_entropy.mistake(name, text, *ways)


cross_entropy.mistake(
    "logits_as_probabilities",
    Text(
        "你把 logits 直接當成機率（或機率的對數）。它們還沒有經過 softmax。",
        "you took the logits for probabilities (or their logs). No softmax was applied to them yet.",
    ),
    lambda z, y, reduction="mean": _of_labels(z, y, reduction),
    lambda z, y, reduction="mean": _of_labels(z.log(), y, reduction),
)
_wrong_cross_entropy(
    "softmax_over_batch",
    Text(
        "softmax 沿著批次的方向做了：每個樣本自己的 K 個機率，加起來才應該是 1。",
        "the softmax ran along the batch: it is the K probabilities of each example that add to 1.",
    ),
    lambda log, z, y, reduction: _of_labels(log(z, 0), y, reduction),
)
_wrong_cross_entropy(
    "softmax_twice",
    Text(
        "softmax 做了兩次：log_softmax 和 CrossEntropyLoss 裡面已經有一個了。",
        "the softmax was applied twice: log_softmax and CrossEntropyLoss have one inside already.",
    ),
    lambda log, z, y, reduction: _of_labels(log(z.softmax(1), 1), y, reduction),
)
_wrong_cross_entropy(
    "mean_over_classes",
    Text(
        "你除以了 N×K。平均是對 N 個樣本取的，不是對每一格取的。",
        "you divided by N×K. The mean is over the N examples, not over every cell of the table.",
    ),
    lambda log, z, y, reduction: (
        _of_labels(log(z, 1), y, reduction) / (z.shape[1] if reduction == "mean" else 1)
    ),
)
_wrong_cross_entropy(
    "sign_lost",
    Text(
        "正負號反了：機率的對數是負的，損失應該是正的。",
        "the sign is lost: the log of a probability is negative, and a loss is positive.",
    ),
    lambda log, z, y, reduction: -_of_labels(log(z, 1), y, reduction),
)
_wrong_cross_entropy(
    "reduction_ignored",
    Text(
        'reduction 是 "mean" 還是 "sum"，你的函式回傳的都一樣，或兩者對調了。',
        'your function does not tell reduction="mean" from reduction="sum", or swaps them.',
    ),
    lambda log, z, y, reduction: _of_labels(log(z, 1), y, "mean"),
    lambda log, z, y, reduction: _of_labels(log(z, 1), y, "sum"),
    lambda log, z, y, reduction: _of_labels(log(z, 1), y, "sum" if reduction == "mean" else "mean"),
)
cross_entropy.mistake(
    "one_max_for_all",
    Text(
        "你減掉的是整張表的最大值。別的樣本若小得多，它整列的 exp 都會變成 0：每一列要減自己的。",
        "you took off the maximum of the whole table. In an example that lies far below it, every exp becomes 0: each row needs its own.",
    ),
    lambda z, y, reduction="mean": _of_labels(_naive_difference(z - z.max()), y, reduction),
    lambda z, y, reduction="mean": _of_labels(_naive_log_softmax(z - z.max()), y, reduction),
)
cross_entropy.mistake(
    "log_of_softmax",
    Text(
        "先算機率、再取對數：機率小到變成 0，它的對數就是 −inf。先在紙上化簡 log(softmax)，exp 和 log 會抵消掉一對。",
        "probability first, log second: where the probability rounds to 0, its log is −inf. Simplify log(softmax) on paper first; one exp and one log cancel.",
    ),
    lambda z, y, reduction="mean": _of_labels(z.softmax(1).log(), y, reduction),
    when=lambda wrong: _overflows(wrong) and all(seen.case.case is _SPREAD for seen in wrong),
)
cross_entropy.mistake(
    "overflow",
    Text(
        "logits 在 ±10,000 附近時，即使彼此只差一點，你的損失也不對了：exp 上溢成 inf，或全部下溢成 0。",
        "with logits near ±10,000 your loss is wrong even where they differ by little: exp overflows to inf, or all of them underflow to 0.",
    ),
    lambda z, y, reduction="mean": _of_labels(_naive_log_softmax(z), y, reduction),
    lambda z, y, reduction="mean": _of_labels(_naive_difference(z), y, reduction),
    when=lambda wrong: (
        _overflows(wrong) and not all(seen.case.case in (_APART, _SPREAD) for seen in wrong)
    ),
)


def _stops_growing(wrong: list[Seen]) -> bool:
    """Whether all losses are too small, and those that should be large by far."""
    return all(
        seen.got.is_number
        and seen.got.arrays[0] < seen.right.arrays[0] * (0.1 if seen.case.case is _SPREAD else 1)
        for seen in wrong
    ) and any(seen.case.case is _SPREAD for seen in wrong)


cross_entropy.mistake(
    "clipped",
    Text(
        "錯得離譜時，損失停在一個上限：在 log 裡加上一個小常數，或截斷機率，都會讓損失與梯度失真。",
        "at gross mistakes your loss stops at a ceiling: a small constant inside the log, or a clipped probability, falsifies loss and gradient.",
    ),
    lambda z, y, reduction="mean": _of_labels((z.softmax(1) + 1e-12).log(), y, reduction),
    when=_stops_growing,
)


# --- cross_entropy_gradient


def _batches() -> Iterator[given]:
    few = torch.tensor([[2.0, 1.0, -1.0, 0.5], [0.5, 2.5, 0.3, 0.2], [0.1, 0.2, 3.0, -2.0]])
    many = 3 * _normal(64, 10, seed=5)
    classes = torch.randint(0, 9, (64,), generator=generator(6))  # the last class is absent
    far = torch.tensor([[1e4, 0.0, -1e4], [1e4, 1e4, 9999.0], [-1e4, -1e4, -1e4]])
    for dtype in _DTYPES:
        yield given(few.to(dtype), torch.tensor([0, 3, 2]))
        yield given(many.to(dtype), classes, case=f"logits (64, 10), {dtype}")
        yield given(few[:1].to(dtype), torch.tensor([1]), case=Text("一個樣本", "a single example"))
        case = Text("logits 到 ±10,000", "logits up to ±10,000")
        yield given(far.to(dtype), torch.tensor([2, 0, 1]), case=case)


@right_answer(
    cases=_batches,
    terms=lambda logits, labels: 1 / len(labels),
    forbidden=[torch.autograd.grad, Tensor.backward],
    hint=Text(
        "二元時，損失對 logit 的梯度是「機率減標籤」。K 類時，標籤要寫成 K 個數，才能和 K 個機率相減。別忘了損失取了平均。",
        "With two classes the gradient was probability minus label. With K classes, the label must become K numbers before it can be taken from K probabilities. And the loss was a mean.",
    ),
)
def cross_entropy_gradient(logits, labels):
    """Gradient (N, K) of the mean cross-entropy with respect to the logits (N, K)."""
    return (logits.softmax(dim=1) - F.one_hot(labels, logits.shape[1])) / len(labels)


def _of_the_sum(z: Tensor, y: Tensor, dim: int = 1) -> Tensor:
    return z.softmax(dim) - F.one_hot(y, z.shape[1])


def _wrong_gradient(name: str, text: Text, gradient: Callable) -> None:
    """A wrong gradient of the sum: an answer that gives it may have forgotten the mean as well."""
    mean = lambda z, y: gradient(z, y) / len(y)  # noqa: E731
    cross_entropy_gradient.mistake(name, text, mean, gradient)


cross_entropy_gradient.mistake(
    "mean_forgotten",
    Text(
        "少除了 N：損失是 N 個樣本的平均，所以每個樣本對梯度只貢獻 1/N。",
        "a division by N is missing: the loss is a mean over N examples, so each gives 1/N of the gradient.",
    ),
    _of_the_sum,
)
cross_entropy_gradient.mistake(
    "mean_over_classes",
    Text(
        "你除以了 N×K。損失只對 N 個樣本取平均。",
        "you divided by N×K. The loss is a mean over the N examples only.",
    ),
    lambda z, y: _of_the_sum(z, y) / z.numel(),
)
_wrong_gradient(
    "sign_lost",
    Text(
        "正負號反了：照你的方向走，優化器會把正確類別的 logit 壓低。",
        "the sign is reversed: with it, an optimizer would push the right class's logit down.",
    ),
    lambda z, y: -_of_the_sum(z, y),
)
_wrong_gradient(
    "label_not_subtracted",
    Text(
        "這只是機率。梯度還要知道正確答案是哪一類：每一列的總和應該是 0。",
        "these are only the probabilities. The gradient must also know the right class: each row should add up to 0.",
    ),
    lambda z, y: z.softmax(1),
)
_wrong_gradient(
    "only_the_label",
    Text(
        "只有正確類別有梯度。其他類別也出現在分母裡：把它們的 logit 壓低，損失也會下降。",
        "only the right class has a gradient. The others stand in the denominator: pushing their logits down lowers the loss too.",
    ),
    lambda z, y: _of_the_sum(z, y) * F.one_hot(y, z.shape[1]),
)
_wrong_gradient(
    "softmax_over_batch",
    Text(
        "softmax 沿著批次的方向做了：每個樣本自己的 K 個機率，加起來才應該是 1。",
        "the softmax ran along the batch: it is the K probabilities of each example that add to 1.",
    ),
    lambda z, y: _of_the_sum(z, y, dim=0),
)
cross_entropy_gradient.mistake(
    "overflow",
    Text(
        "logits 在 ±10,000 時，梯度出現了 nan 或 inf。同一列減去同一個數，softmax 不變。",
        "at logits of ±10,000 the gradient has nan or inf. Taking one number off a whole row does not change its softmax.",
    ),
    lambda z, y: (z.exp() / z.exp().sum(1, keepdim=True) - F.one_hot(y, z.shape[1])) / len(y),
    when=_overflows,
)
