"""Exercises of losses: three losses that survive every input, and one gradient by hand."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from course_utils.exercises import Answer, exercise
from course_utils.language import Text


@exercise(
    hint=Text(
        "先把兩邊變成同一種形狀，再相減。至於該不該變：先數一數兩邊各有幾個數。",
        "Bring both sides to one shape before you subtract. Whether you may: count the numbers on "
        "each side first.",
    ),
    broadcast=Text(
        "形狀 (N, 1) 減 (N,) 會廣播成 (N, N)：每個預測都和「所有」目標比了一遍。",
        "shape (N, 1) minus (N,) broadcasts to (N, N): every prediction met all targets, not only "
        "its own.",
    ),
    sum_not_mean=Text(
        "你回傳的是總和。題目要的是平均：資料多一倍，損失不該跟著大一倍。",
        "you returned the sum. The mean is wanted: twice the data should not double the loss.",
    ),
    halved=Text(
        "你多除了 2。有些課本為了讓導數好看而加上 1/2，但均方誤差的定義裡沒有。",
        "you divided by 2 as well. Some books put a 1/2 there to please the derivative; the mean "
        "squared error has none.",
    ),
    root=Text(
        "你開了根號：那是 RMSE，不是 MSE。",
        "you took the square root: that is the RMSE, not the MSE.",
    ),
    absolute=Text(
        "你用了誤差的絕對值：那是 MAE。平方會讓大的錯誤更重。",
        "you took absolute errors: that is the MAE. Squares weigh large errors more.",
    ),
    sizes_not_compared=Text(
        "4 個預測配 1 個目標，你的函式照樣算出一個數。數目不同就該拋出例外，否則錯誤會悄悄溜走。",
        "given 4 predictions and 1 target, your function still came up with a number. Where the "
        "counts differ it should raise an error, or the mistake slips by in silence.",
    ),
)
def mean_squared_error(answer: Answer) -> None:
    """Equal to torch's mse_loss on flattened input, whichever of (N,) and (N, 1) comes in."""
    predictions, targets = torch.tensor([1.0, 2.0, 4.0]), torch.tensor([1.5, 0.0, 3.0])
    wide, far = torch.randn(50), 1e4 * torch.randn(50)
    for p, t in ((predictions, targets), (wide, far), (wide.double(), far.double())):
        for p_shape, t_shape in (
            ((-1,), (-1,)),
            ((-1, 1), (-1, 1)),
            ((-1, 1), (-1,)),
            ((-1,), (-1, 1)),
        ):
            given = p.reshape(p_shape), t.reshape(t_shape)
            expected = F.mse_loss(p, t)
            got = answer(*given)
            if not answer.matches(got, expected):
                squares = (p - t).square()
                alternatives = {
                    "broadcast": (p[:, None] - t).square().mean(),
                    "sum_not_mean": squares.sum(),
                    "halved": squares.mean() / 2,
                    "root": squares.mean().sqrt(),
                    "absolute": (p - t).abs().mean(),
                }
                answer.recognize(got, alternatives)
            shapes = " and ".join(str(tuple(part.shape)) for part in given)
            answer.require(got, expected, f"shapes {shapes}")
    for sizes in ((4, 1), (1, 4)):
        try:
            answer.value(*(torch.ones(size) for size in sizes))
        except Exception:  # whatever it raises, it refused
            continue
        answer.mistake("sizes_not_compared")


@exercise(
    hint=Text(
        "先在紙上把 sigmoid 代入 −log p 與 −log(1 − p)，化簡到只剩一個 exp。它的指數何時會太大？怎麼寫才永遠不會？",
        "On paper, put the sigmoid into −log p and −log(1 − p) and simplify until one exp is left. "
        "When does its exponent grow too large, and how can you write it so that it never does?",
    ),
    one_label_only=Text(
        "標籤為 0 的樣本沒有算到：它們的損失是 −log(1 − p)。",
        "examples with label 0 count for nothing: their loss is −log(1 − p).",
    ),
    labels_swapped=Text(
        "標籤 0 和 1 對調了：p 是標籤為 1 的機率。",
        "labels 0 and 1 are swapped: p is the probability of label 1.",
    ),
    sign_lost=Text(
        "正負號反了：機率的對數是負的，損失應該是正的。",
        "the sign is lost: the log of a probability is negative, and a loss is positive.",
    ),
    sum_not_mean=Text(
        "你回傳的是總和，題目要的是平均。", "you returned the sum, the mean is wanted."
    ),
    overflow=Text(
        "logit 很大時，你的損失變成 inf 或 nan。是哪一個 exp 太大，還是哪一個 log 遇到了 0？",
        "at large logits your loss became inf or nan. Which exp grew too large, or which log met a 0?",
    ),
    clipped=Text(
        "logit 很大時，你的損失停在一個上限，不再增加：有東西被截斷了，梯度也就消失了。損失該隨 logit 一路變大。",
        "at large logits your loss stops at a ceiling: something was clipped, and its gradient is "
        "gone. The loss should go on growing with the logit.",
    ),
    nan_gradient=Text(
        "損失的值是對的，但它的梯度是 nan 或 inf：`torch.where` 會對「兩個」分支都算梯度，沒被選中的那個溢位了。",
        "the loss is right, but its gradient is nan or inf: `torch.where` differentiates both "
        "branches, and the one that was not chosen overflowed.",
    ),
    wrong_gradient=Text(
        "損失的值是對的，但它對 logits 的梯度不對。前向的計算有沒有離開過 autograd？",
        "the loss is right, but its gradient with respect to the logits is wrong. Did some part of "
        "the computation leave autograd?",
    ),
)
def bce_from_logits(answer: Answer) -> None:
    """Equal to torch's binary_cross_entropy_with_logits, its gradient too, at any logit."""
    logits, labels = torch.tensor([2.0, -1.0, 0.5, 3.0]), torch.tensor([1.0, 0.0, 0.0, 1.0])
    many, coins = 2 * torch.randn(200), torch.randint(0, 2, (200,)).float()
    for z, y in ((logits, labels), (many, coins), (many.double(), coins.double())):
        losses = F.binary_cross_entropy_with_logits(z, y, reduction="none")
        got = answer(z, y)
        if not answer.matches(got, losses.mean()):
            alternatives = {
                "one_label_only": (y * losses).mean(),
                "labels_swapped": F.binary_cross_entropy_with_logits(z, 1 - y),
                "sign_lost": -losses.mean(),
                "sum_not_mean": losses.sum(),
            }
            answer.recognize(got, alternatives)
        answer.require(got, losses.mean(), f"logits={z[:4].tolist()}, labels={y[:4].tolist()}")
    for size in (50.0, 1000.0, 1e4):
        for dtype in (torch.float32, torch.float64):
            z = torch.tensor([size, -size, size, -size], dtype=dtype)
            y = torch.tensor([0.0, 1.0, 1.0, 0.0], dtype=dtype)
            got, expected = answer(z, y), F.binary_cross_entropy_with_logits(z, y)
            if not answer.matches(got, expected):
                answer.mistake("clipped" if _is_finite(got) else "overflow")
    z = torch.tensor([1e4, -1e4, 100.0, -100.0, 1.0, -2.0], requires_grad=True)
    y = torch.tensor([0.0, 1.0, 1.0, 0.0, 0.0, 0.0])
    if isinstance(got, Tensor):  # what NumPy computes has no gradient to look at
        loss = answer(z, y)
        if not loss.requires_grad:
            answer.mistake("wrong_gradient")
        (gradient,) = torch.autograd.grad(loss, z)
        if not gradient.isfinite().all():
            answer.mistake("nan_gradient")
        if not answer.matches(gradient, (z.sigmoid() - y) / len(z)):
            answer.mistake("wrong_gradient")


@exercise(
    hint=Text(
        "每一列的 logits 同加一個數，機率不變。每一列各減去哪個數，exp 就不會溢位？最後要取對數的，是總和，不是機率。",
        "Adding one number to all logits of a row changes no probability. Which number, taken off "
        "each row, keeps exp from overflowing? And take the log of the sum, not of a probability.",
    ),
    logits_as_probabilities=Text(
        "你把 logits 直接當成機率（或機率的對數）。它們還沒有經過 softmax。",
        "you took the logits for probabilities (or their logs). No softmax was applied to them yet.",
    ),
    softmax_over_batch=Text(
        "softmax 沿著批次的方向做了：每個樣本自己的 K 個機率，加起來才應該是 1。",
        "the softmax ran along the batch: it is the K probabilities of each example that add to 1.",
    ),
    softmax_twice=Text(
        "softmax 做了兩次：log_softmax 和 CrossEntropyLoss 裡面已經有一個了。",
        "the softmax was applied twice: log_softmax and CrossEntropyLoss have one inside already.",
    ),
    mean_over_classes=Text(
        "你除以了 N×K。平均是對 N 個樣本取的，不是對每一格取的。",
        "you divided by N×K. The mean is over the N examples, not over every cell of the table.",
    ),
    sign_lost=Text(
        "正負號反了：機率的對數是負的，損失應該是正的。",
        "the sign is lost: the log of a probability is negative, and a loss is positive.",
    ),
    reduction_ignored=Text(
        'reduction 是 "mean" 還是 "sum"，你的函式回傳的都一樣，或兩者對調了。',
        'your function does not tell reduction="mean" from reduction="sum", or swaps them.',
    ),
    overflow=Text(
        "logits 在 ±10,000 附近時，即使彼此只差一點，你的損失也不對了：exp 上溢成 inf，或全部下溢成 0。",
        "with logits near ±10,000 your loss is wrong even where they differ by little: exp "
        "overflows to inf, or all of them underflow to 0.",
    ),
    one_max_for_all=Text(
        "你減掉的是整張表的最大值。別的樣本若小得多，它整列的 exp 都會變成 0：每一列要減自己的。",
        "you took off the maximum of the whole table. In an example that lies far below it, every "
        "exp becomes 0: each row needs its own.",
    ),
    log_of_softmax=Text(
        "先算機率、再取對數：機率小到變成 0，它的對數就是 −inf。先在紙上化簡 log(softmax)，exp 和 log 會抵消掉一對。",
        "probability first, log second: where the probability rounds to 0, its log is −inf. "
        "Simplify log(softmax) on paper first; one exp and one log cancel.",
    ),
    clipped=Text(
        "錯得離譜時，損失停在一個上限：在 log 裡加上一個小常數，或截斷機率，都會讓損失與梯度失真。",
        "at gross mistakes your loss stops at a ceiling: a small constant inside the log, or a "
        "clipped probability, falsifies loss and gradient.",
    ),
)
def cross_entropy(answer: Answer) -> None:
    """Equal to torch's cross_entropy for both reductions, on 2-D logits up to ±1e4."""
    logits = torch.tensor([[2.0, 1.0, -1.0, 0.5], [0.5, 2.5, 0.3, 0.2], [0.1, 0.2, 3.0, -2.0]])
    small = logits, torch.tensor([0, 3, 2])
    large = 3 * torch.randn(64, 10), torch.randint(0, 10, (64,))
    for z, labels in (small, large, (large[0].double(), large[1])):
        for reduction in ("mean", "sum"):
            expected = F.cross_entropy(z, labels, reduction=reduction)
            got = answer(z, labels, reduction=reduction)
            if not answer.matches(got, expected):
                answer.recognize(got, _other_cross_entropies(z, labels, reduction))
                of_label = F.nll_loss(z.log(), labels, reduction=reduction)
                answer.recognize(got, {"logits_as_probabilities": of_label})
            answer.require(got, expected, f"logits {tuple(z.shape)}, reduction={reduction!r}")
    close = torch.tensor([[0.0, 1.0, 2.0], [2.0, 0.0, -1.0]])
    apart = torch.tensor([[0.0, 1.0, 2.0], [9990.0, 9991.0, 9992.0]])
    spread = torch.tensor([[1e4, 0.0, -1e4], [-1e4, 1e4, 0.0], [0.0, 150.0, 0.0]])
    stages = [
        ("overflow", (close + 1e4, close - 1e4, close + 800, close - 800), torch.tensor([0, 2])),
        ("one_max_for_all", (apart,), torch.tensor([0, 2])),
        ("log_of_softmax", (spread,), torch.tensor([2, 0, 0])),
    ]
    for mistake, tables, labels in stages:
        for dtype in (torch.float32, torch.float64):
            for reduction in ("mean", "sum"):
                for table in tables:
                    z = table.to(dtype)
                    got = answer(z, labels, reduction=reduction)
                    expected = F.cross_entropy(z, labels, reduction=reduction)
                    if answer.matches(got, expected):
                        continue
                    was_clipped = mistake == "log_of_softmax" and _is_finite(got)
                    answer.mistake("clipped" if was_clipped else mistake)


@exercise(
    hint=Text(
        "二元時，損失對 logit 的梯度是「機率減標籤」。K 類時，標籤要寫成 K 個數，才能和 K 個機率相減。別忘了損失取了平均。",
        "With two classes the gradient was probability minus label. With K classes, the label must "
        "become K numbers before it can be taken from K probabilities. And the loss was a mean.",
    ),
    mean_forgotten=Text(
        "少除了 N：損失是 N 個樣本的平均，所以每個樣本對梯度只貢獻 1/N。",
        "a division by N is missing: the loss is a mean over N examples, so each gives 1/N of the "
        "gradient.",
    ),
    mean_over_classes=Text(
        "你除以了 N×K。損失只對 N 個樣本取平均。",
        "you divided by N×K. The loss is a mean over the N examples only.",
    ),
    sign_lost=Text(
        "正負號反了：照你的方向走，優化器會把正確類別的 logit 壓低。",
        "the sign is reversed: with it, an optimizer would push the right class's logit down.",
    ),
    label_not_subtracted=Text(
        "這只是機率。梯度還要知道正確答案是哪一類：每一列的總和應該是 0。",
        "these are only the probabilities. The gradient must also know the right class: each row "
        "should add up to 0.",
    ),
    only_the_label=Text(
        "只有正確類別有梯度。其他類別也出現在分母裡：把它們的 logit 壓低，損失也會下降。",
        "only the right class has a gradient. The others stand in the denominator: pushing their "
        "logits down lowers the loss too.",
    ),
    softmax_over_batch=Text(
        "softmax 沿著批次的方向做了：每個樣本自己的 K 個機率，加起來才應該是 1。",
        "the softmax ran along the batch: it is the K probabilities of each example that add to 1.",
    ),
    overflow=Text(
        "logits 在 ±10,000 時，梯度出現了 nan 或 inf。同一列減去同一個數，softmax 不變。",
        "at logits of ±10,000 the gradient has nan or inf. Taking one number off a whole row does "
        "not change its softmax.",
    ),
)
def cross_entropy_gradient(answer: Answer) -> None:
    """Equal to what autograd finds for torch's cross_entropy."""
    logits = torch.tensor([[2.0, 1.0, -1.0, 0.5], [0.5, 2.5, 0.3, 0.2], [0.1, 0.2, 3.0, -2.0]])
    large = 3 * torch.randn(64, 10), torch.randint(0, 10, (64,))
    for z, labels in ((logits, torch.tensor([0, 3, 2])), large, (large[0].double(), large[1])):
        expected = _autograd_cross_entropy(z, labels)
        got = answer(z, labels)
        if not answer.matches(got, expected):
            one_hot = F.one_hot(labels, z.shape[1])
            probs, batch_probs = z.softmax(dim=1), z.softmax(dim=0)
            count = len(labels)
            alternatives = {
                "mean_forgotten": expected * count,
                "mean_over_classes": expected / z.shape[1],
                "sign_lost": -expected,
                "label_not_subtracted": probs / count,
                "only_the_label": expected * one_hot,
                "softmax_over_batch": (batch_probs - one_hot) / count,
            }
            answer.recognize(got, alternatives)
            without_mean = {name: wrong * count for name, wrong in alternatives.items()}
            answer.recognize(got, without_mean)
        answer.require(got, expected, f"logits {tuple(z.shape)}")
    for dtype in (torch.float32, torch.float64):
        z = torch.tensor([[1e4, 0.0, -1e4], [1e4, 1e4, 9999.0], [-1e4, -1e4, -1e4]], dtype=dtype)
        labels = torch.tensor([2, 0, 1])
        got, expected = answer(z, labels), _autograd_cross_entropy(z, labels)
        if not _is_finite(got):
            answer.mistake("overflow")
        answer.require(got, expected, f"logits={z.tolist()}")


def _other_cross_entropies(z: Tensor, labels: Tensor, reduction: str) -> dict[str, Tensor]:
    """What known mistakes make of the cross-entropy."""
    reduce = torch.mean if reduction == "mean" else torch.sum
    rows = torch.arange(len(labels))
    expected = F.cross_entropy(z, labels, reduction=reduction)
    other = "sum" if reduction == "mean" else "mean"
    wrong = {
        "sign_lost": -expected,
        "softmax_over_batch": F.nll_loss(z.log_softmax(dim=0), labels, reduction=reduction),
        "softmax_twice": F.cross_entropy(z.softmax(dim=1), labels, reduction=reduction),
        "logits_as_probabilities": -reduce(z[rows, labels]),
        "reduction_ignored": F.cross_entropy(z, labels, reduction=other),
    }
    if reduction == "mean":
        wrong["mean_over_classes"] = expected / z.shape[1]
    return wrong


def _autograd_cross_entropy(z: Tensor, labels: Tensor) -> Tensor:
    z = z.detach().clone().requires_grad_()
    F.cross_entropy(z, labels).backward()
    return z.grad


def _is_finite(got: object) -> bool:
    array = np.asarray(got.detach() if isinstance(got, Tensor) else got, dtype=float)
    return bool(np.isfinite(array).all())
