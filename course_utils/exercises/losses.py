"""Exercises of losses: three losses that survive every input, and one gradient by hand."""

import itertools
import math
import operator
from collections.abc import Callable, Iterator, Sequence
from itertools import product

import torch
from torch import Tensor
from torch.nn import functional as F

from course_utils.exercises.by_reference import Seen, given, right_answer
from course_utils.language import Text
from course_utils.seeding import generator

_DTYPES = torch.float32, torch.float64
_SIGNS = 1, -1

_SIGN_LOST = Text(
    "正負號反了：機率的對數是負的，損失應該是正的。",
    "the sign is lost: the log of a probability is negative, and a loss is positive.",
)
_ANOTHER_BASE = Text(
    "你的對數以 2（或 10）為底；交叉熵用的是自然對數。",
    "your logarithm has base 2 (or 10); the cross-entropy takes the natural one.",
)
_OVER_BATCH = Text(
    "softmax 沿著批次的方向做了：每個樣本自己的 K 個機率，加起來才應該是 1。",
    "the softmax ran along the batch: it is the K probabilities of each example that add to 1.",
)


def _normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def _is_large(logits: Tensor) -> bool:
    return bool(logits.abs().max() > 40)


def _overflows(wrong: list[Seen]) -> bool:
    """Whether inf or nan is all that is wrong, and only at large logits."""
    return all(seen.got.overflows and _is_large(seen.case.args[0]) for seen in wrong)


def _of_moderate(way: Callable) -> Callable:
    """A wrong solution that speaks of moderate logits in float32 only.

    Elsewhere an answer may do the same wrong, and overflow, be clipped, or show a small constant.
    """

    def of_moderate(logits, *args, **options):
        is_moderate = logits.dtype == torch.float32 and not _is_large(logits)
        return way(logits, *args, **options) if is_moderate else ...

    return of_moderate


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


def _paired(p: Tensor, t: Tensor) -> Tensor:
    return p.reshape(-1) - t.reshape(-1)


def _wrong_error(
    name: str,
    text: Text,
    *losses: Callable,
    pairings: Sequence = (_paired,),
    when: Callable | None = None,
) -> None:
    """losses: of the errors, which a pairing takes of both sides.

    They say nothing of unequal sizes: such an answer may refuse them or not.
    """

    def way(loss: Callable, pairing: Callable) -> Callable:
        return lambda p, t: loss(pairing(p, t)) if p.numel() == t.numel() else ...

    ways = itertools.starmap(way, product(losses, pairings))
    mean_squared_error.mistake(name, text, *ways, when=when)


def _of_equal_counts(holds: Callable[[Seen], bool]) -> Callable[[list[Seen]], bool]:
    """Whether something holds of all inputs of equal counts on which the answer is wrong; some must be."""

    def holds_of_all(wrong: list[Seen]) -> bool:
        equal = [seen for seen in wrong if not seen.right.error]
        return bool(equal) and all(map(holds, equal))

    return holds_of_all


def _is_mean_over_all_pairs(seen: Seen) -> bool:
    p, t = (side.double().reshape(-1) for side in seen.case.args)
    expected = (p[:, None] - t).square().mean().numpy()
    return seen.got.is_number and seen.tolerance.allows(seen.got.arrays[0], expected)


def _has_an_axis_left(seen: Seen) -> bool:
    shapes = [array.shape for array in seen.got.arrays]
    return shapes in ([(1,)], [(1, 1)]) and seen.tolerance.allows(
        seen.got.arrays[0].reshape(()), seen.right.arrays[0]
    )


_wrong_error(
    "broadcast",
    Text(
        "形狀 (N, 1) 減 (N,) 會廣播成 (N, N)：每個預測都和「所有」目標比了一遍。",
        "shape (N, 1) minus (N,) broadcasts to (N, N): every prediction met all targets, not only its own.",
    ),
    lambda e: e.square().sum(),
    lambda e: e.square().sum() / len(e),
    lambda e: e.square().mean() / 2,
    lambda e: e.square().mean().sqrt(),
    lambda e: e.abs().mean(),
    torch.square,
    pairings=(
        lambda p, t: p - t,
        lambda p, t: p.reshape(-1) - t.reshape(-1, 1),
        lambda p, t: p.squeeze() - t,
        lambda p, t: p - t.squeeze(),
    ),
    when=_of_equal_counts(_is_mean_over_all_pairs),
)
_wrong_error(
    "sum_not_mean",
    Text(
        "你把平方加起來，卻沒有除以 N。題目要的是平均：資料多一倍，損失不該跟著大一倍。",
        "you added up the squares and did not divide by N. The mean is wanted: twice the data should not double the loss.",
    ),
    lambda e: e.square().sum(),
    lambda e: e.square().sum() / 2,
)
_wrong_error(
    "halved",
    Text(
        "你多除了 2。有些課本為了讓導數好看而加上 1/2，但均方誤差的定義裡沒有。",
        "you divided by 2 as well. Some books put a 1/2 there to please the derivative; the mean squared error has none.",
    ),
    lambda e: e.square().mean() / 2,
)
_wrong_error(
    "root",
    Text(
        "你開了根號：那是 RMSE（或向量的長度），不是 MSE。",
        "you took a square root: that gives the RMSE (or a norm), not the MSE.",
    ),
    lambda e: e.square().mean().sqrt(),
    lambda e: e.square().sum().sqrt(),
    lambda e: e.square().sum().sqrt() / len(e),
)
_wrong_error(
    "absolute",
    Text(
        "你用了誤差的絕對值：那是 MAE。平方會讓大的錯誤更重。",
        "you took absolute errors: that is the MAE. Squares weigh large errors more.",
    ),
    lambda e: e.abs().mean(),
    lambda e: e.abs().sum(),
)
_wrong_error(
    "square_forgotten",
    Text(
        "你把誤差直接平均，沒有平方：一個高估、一個低估，就互相抵消了。",
        "you averaged the errors without squaring them: one that is too high and one that is too low cancel.",
    ),
    *(lambda e, s=s: s * e.mean() for s in _SIGNS),
    *(lambda e, s=s: s * e.sum() for s in _SIGNS),
    lambda e: e.mean().abs(),
)
_wrong_error(
    "square_of_the_mean",
    Text(
        "你先平均、再平方：平方的時候，正的和負的誤差已經互相抵消了。",
        "you averaged first and squared afterwards: by then, positive and negative errors had cancelled.",
    ),
    lambda e: e.mean().square(),
    lambda e: e.sum().square(),
    lambda e: e.sum().square() / len(e),
)
_wrong_error(
    "variance",
    Text(
        "這是誤差的變異數（或標準差）：它會先減掉平均誤差。如果每個預測都剛好高了 5，你的損失是多少？",
        "this is the variance of the errors (or its root), which takes their mean off first. If every prediction were 5 too high, what would your loss be?",
    ),
    lambda e: e.var(),
    lambda e: e.var(correction=0),
    lambda e: e.std(),
    lambda e: e.std(correction=0),
)
_wrong_error(
    "other_divisor",
    Text(
        "平方和加對了，除數不對：平均要除以 N，而且只除一次。",
        "the squares are added up right, and the divisor is not: a mean divides by N, and once.",
    ),
    lambda e: e.square().sum() / (len(e) - 1),
    lambda e: e.square().sum() / (len(e) + 1),
    lambda e: e.square().mean() / len(e),
)
_wrong_error(
    "squares_subtracted",
    Text(
        "你先平方、再相減。預測 −3、目標 3 時，這樣算出的誤差是多少？",
        "you squared first and subtracted afterwards. For a prediction of −3 and a target of 3, what error does that give?",
    ),
    *(lambda e, s=s: s * e.mean() for s in _SIGNS),
    *(lambda e, s=s: s * e.sum() for s in _SIGNS),
    lambda e: e.abs().mean(),
    pairings=(lambda p, t: _paired(p.square(), t.square()),),
)
_wrong_error(
    "not_averaged",
    Text(
        "你回傳的是每一筆各自的平方誤差，還沒有平均成一個數。",
        "you returned the squared error of each example; they are not averaged into one number yet.",
    ),
    torch.square,
    pairings=(_paired, lambda p, t: p - t.view_as(p), lambda p, t: p.view_as(t) - t),
)
mean_squared_error.mistake(
    "mean_keeps_an_axis",
    Text(
        "平均之後還留著一個軸：你的結果是只有一個數的陣列，題目要的是一個數（形狀 ()）。",
        "an axis is left after your mean: the result is an array with one number in it, where one number (shape ()) is wanted.",
    ),
    when=_of_equal_counts(_has_an_axis_left),
)
mean_squared_error.mistake(
    "sizes_not_compared",
    Text(
        "一邊 4 個數，另一邊 1 個數，你的函式照樣算出一個損失。不論哪一邊少，都該引發例外，否則錯誤會悄悄溜走。",
        "given 4 numbers on one side and 1 on the other, your function still came up with a loss. Whichever side is short, it should raise an error, or the mistake slips by in silence.",
    ),
    lambda p, t: _paired(p, t).square().mean(),
    when=lambda wrong: all(seen.right.error and seen.got.is_finite for seen in wrong),
)
mean_squared_error.mistake(
    "answered_not_raised",
    Text(
        "兩邊數目不同時，你用 return（或 print）來回應，呼叫者會拿著它繼續算。怎樣才能當場停下來？",
        "where the counts differ, you answer by a return value (or by printing), and the caller goes on with it. How do you stop on the spot?",
    ),
    when=lambda wrong: all(seen.right.error and not seen.got.error for seen in wrong),
)
mean_squared_error.mistake(
    "refuses_equal_counts",
    Text(
        "兩邊的數一樣多，你卻引發例外。(N,) 與 (N, 1) 形狀不同，但數目相同；只有一個數也一樣。",
        "you raise an error though both sides hold equally many numbers. (N,) and (N, 1) differ in shape, not in count, and N may be 1.",
    ),
    when=lambda wrong: all(seen.got.refuses and not seen.right.error for seen in wrong),
)


# --- bce_from_logits

_ZERO = Text("logit 是 0", "logits of 0")


def _coins() -> Iterator[given]:
    few = torch.tensor([2.0, -1.0, 0.5, 3.0]), torch.tensor([1.0, 0.0, 0.0, 1.0])
    heads = torch.randint(0, 2, (200,), generator=generator(1))
    for dtype in _DTYPES:
        yield given(few[0].to(dtype), few[1].to(dtype))
        many = 2 * _normal(200, seed=2).to(dtype)
        yield given(many, heads.to(dtype), case=Text("200 個 logit", "200 logits"))
        yield given(many, torch.ones_like(many), case=Text("標籤全是 1", "all labels 1"))
        yield given(torch.tensor([0.2, 0.7, 0.4], dtype=dtype), few[1][:3].to(dtype))
        zero = torch.zeros(2, dtype=dtype), torch.tensor([0.0, 1.0], dtype=dtype)
        yield given(*zero, case=_ZERO)
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


def _mean(losses: Tensor, labels: Tensor) -> Tensor:
    return losses.mean()


def _sum(losses: Tensor, labels: Tensor) -> Tensor:
    return losses.sum()


def _each(losses: Tensor, labels: Tensor) -> Tensor:
    return losses


def _both_labels(a: Tensor, b: Tensor, y: Tensor) -> Tensor:
    return -(y * a + (1 - y) * b)


def _wrong_bce(
    name: str,
    text: Text,
    *losses: Callable,
    signs: Sequence[int] = _SIGNS,
    reduce: Sequence[Callable] = (_mean, _sum, _each),
) -> None:
    """losses: of (log p, log(1 - p), labels, logits), one for each example."""

    def way(loss: Callable, sign: int, reduced: Callable) -> Callable:
        return _of_moderate(
            lambda z, y: reduced(sign * loss(F.logsigmoid(z), F.logsigmoid(-z), y, z), y)
        )

    bce_from_logits.mistake(
        name, text, *(way(*choice) for choice in product(losses, signs, reduce))
    )


def _right_bce(a: Tensor, b: Tensor, y: Tensor, z: Tensor) -> Tensor:
    return _both_labels(a, b, y)


_wrong_bce(
    "sum_not_mean",
    Text("你回傳的是總和，題目要的是平均。", "you returned the sum, the mean is wanted."),
    _right_bce,
    signs=(1,),
    reduce=(_sum,),
)
_wrong_bce(
    "not_averaged",
    Text(
        "你回傳的是每個樣本各自的損失，還沒有平均成一個數。",
        "you returned the loss of each example; they are not averaged into one number yet.",
    ),
    _right_bce,
    signs=(1,),
    reduce=(_each,),
)
_wrong_bce(
    "sign_lost",
    _SIGN_LOST,
    _right_bce,
    signs=(-1,),
)
_wrong_bce(
    "mean_of_each_label",
    Text(
        "你對兩種標籤各自取平均，樣本少的那一種就變重了。題目要的是全部 N 個樣本一起平均。",
        "you averaged each label on its own, so that the rarer one weighs more. The mean over all N examples together is wanted.",
    ),
    _right_bce,
    reduce=(
        lambda losses, y: losses[y == 1].mean() + losses[y == 0].mean(),
        lambda losses, y: (losses[y == 1].mean() + losses[y == 0].mean()) / 2,
    ),
)
_wrong_bce(
    "one_label_only",
    Text(
        "標籤為 0 的樣本沒有算到：它們的損失是 −log(1 − p)。",
        "examples with label 0 count for nothing: their loss is −log(1 − p).",
    ),
    lambda a, b, y, z: -y * a,
    reduce=(_mean, _sum, _each, lambda losses, y: losses.sum() / y.sum()),
)
_wrong_bce(
    "label_0_only",
    Text(
        "標籤為 1 的樣本沒有算到：它們的損失是 −log p。",
        "examples with label 1 count for nothing: their loss is −log p.",
    ),
    lambda a, b, y, z: -(1 - y) * b,
)
_wrong_bce(
    "labels_swapped",
    Text(
        "標籤 0 和 1 對調了，或是 sigmoid 裡的正負號反了：p 是標籤為 1 的機率，logit 越大，p 越接近 1。",
        "labels 0 and 1 are swapped, or the sign inside your sigmoid is: p is the probability of label 1, and a larger logit brings it nearer to 1.",
    ),
    lambda a, b, y, z: _both_labels(b, a, y),
)
_wrong_bce(
    "labels_unused",
    Text(
        "你的損失和標籤無關：不論正確答案是 0 還是 1，算出來都一樣。",
        "your loss does not depend on the labels: whether 0 or 1 is right, it comes out the same.",
    ),
    lambda a, b, y, z: -a,
    lambda a, b, y, z: -b,
    lambda a, b, y, z: -a - b,
)
_wrong_bce(
    "one_sign_wrong",
    Text(
        "有一項的正負號不對。logit 變大時，標籤 1 的損失應該下降，標籤 0 的應該上升；你的哪一個不是？",
        "one term has the wrong sign. As the logit grows, the loss should fall for label 1 and rise for label 0; which of yours does not?",
    ),
    lambda a, b, y, z: -y * a + (1 - y) * b,
    lambda a, b, y, z: -b + y * z,
    lambda a, b, y, z: -a - y * z,
    lambda a, b, y, z: -a - (1 - y) * z,
    lambda a, b, y, z: -b + (1 - y) * z,
)
_wrong_bce(
    "labels_of_plus_minus",
    Text(
        "log(1 + e^(−yz)) 是給 −1／+1 的標籤用的。標籤是 0 時，指數裡永遠是 0：logit 再大，損失也不變。",
        "log(1 + e^(−yz)) is meant for labels of −1 and +1. With label 0 the exponent is always 0, and the loss the same for every logit.",
    ),
    lambda a, b, y, z: F.softplus(-y * z),
    lambda a, b, y, z: F.softplus(y * z),
)
_wrong_bce(
    "logit_not_in_label_term",
    Text(
        "標籤那一項少了 logit：標籤是 1 時，要減掉的是 z，不是 1。",
        "the term with the label lacks the logit: for label 1 it is z that comes off, not 1.",
    ),
    lambda a, b, y, z: -b - y,
)
_wrong_bce(
    "softplus_wrong",
    Text(
        "只看標籤 0：它的損失是 log(1 + eᶻ)，z 是正是負都一樣。分別代入 z = 2 和 z = −2，你的哪一個不對？",
        "take label 0 alone: its loss is log(1 + eᶻ), whether z is positive or negative. Put in z = 2 and z = −2; which of yours is off?",
    ),
    *(
        lambda a, b, y, z, part=part: part(z, z.abs(), z.clamp(min=0)) - y * z
        for part in (
            lambda z, size, above: above + torch.log1p(torch.exp(-z)),
            lambda z, size, above: above + torch.log1p(torch.exp(z)),
            lambda z, size, above: torch.log1p(torch.exp(-size)),
            lambda z, size, above: torch.log1p(torch.exp(size)),
            lambda z, size, above: above + torch.log1p(torch.exp(size)),
            lambda z, size, above: size + torch.log1p(torch.exp(-size)),
            lambda z, size, above: z + torch.log1p(torch.exp(-size)),
            lambda z, size, above: above - torch.log1p(torch.exp(-size)),
            lambda z, size, above: above + torch.exp(-size),
            lambda z, size, above: above,
            lambda z, size, above: torch.exp(z),
            lambda z, size, above: 1 + torch.exp(z),
        )
    ),
)
_wrong_bce(
    "log_forgotten",
    Text(
        "你取的是機率本身，不是它的對數：錯得再離譜，損失也不會超過 1。",
        "you took the probability itself, not its log: however wrong the answer, the loss never exceeds 1.",
    ),
    lambda a, b, y, z: _both_labels(a.exp(), b.exp(), y),
    lambda a, b, y, z: 1 + _both_labels(a.exp(), b.exp(), y),
)
_wrong_bce(
    "squared_error",
    Text(
        "這是標籤與機率（或 logit）相差的平方，不是交叉熵：交叉熵取的是機率的對數。",
        "this is the squared difference of label and probability (or logit), not the cross-entropy, which takes the log of a probability.",
    ),
    lambda a, b, y, z: (a.exp() - y).square(),
    lambda a, b, y, z: (z - y).square(),
)
_wrong_bce(
    "sigmoid_twice",
    Text(
        "sigmoid 做了兩次：第二次收到的已經是 0 到 1 之間的機率，再也得不到接近 0 或 1 的結果。",
        "the sigmoid was applied twice: the second one is given a probability between 0 and 1, and never comes near 0 or 1 again.",
    ),
    lambda a, b, y, z: _right_bce(F.logsigmoid(z.sigmoid()), F.logsigmoid(-z.sigmoid()), y, z),
)
_wrong_bce(
    "no_sigmoid",
    Text(
        "你把 logit 當成機率，直接取了對數。logit 可以是任何數，負數的對數就是 nan。",
        "you took the log of the logit as if it were a probability. A logit may be any number, and the log of a negative one is nan.",
    ),
    lambda a, b, y, z: _both_labels(z.log(), (1 - z).log(), y),
)
_wrong_bce(
    "another_base",
    _ANOTHER_BASE,
    lambda a, b, y, z: _both_labels(a, b, y) / math.log(2),
    lambda a, b, y, z: _both_labels(a, b, y) / math.log(10),
)
bce_from_logits.mistake(
    "overflow",
    Text(
        "logit 很大時，你的損失變成 inf 或 nan。是哪一個 exp 太大，還是哪一個 log 遇到了 0？",
        "at large logits your loss became inf or nan. Which exp grew too large, or which log met a 0?",
    ),
    lambda z, y: _both_labels(z.sigmoid().log(), (1 - z.sigmoid()).log(), y).mean(),
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
bce_from_logits.mistake(
    "corner_at_0",
    Text(
        "損失的值都對，只有 logit 剛好是 0 時梯度不對。relu、clamp 和絕對值在 0 有個轉角，autograd 各選的斜率加起來不是「機率減標籤」。",
        "the loss is right, and its gradient is wrong only at logits of exactly 0: relu, clamp and the absolute value have a corner there, and the slopes that autograd picks do not add up to probability minus label.",
    ),
    lambda z, y: (F.relu(z) + torch.log1p(torch.exp(-z.abs())) - y * z).mean(),
    lambda z, y: (z.clamp(min=0) + torch.log1p(torch.exp(-z.abs())) - y * z).mean(),
    when=lambda wrong: all(
        seen.case.case is _ZERO and seen.has_right_values() and seen.got.gradients is not None
        for seen in wrong
    ),
)


# --- cross_entropy

_CLOSE = {
    at: Text(f"logits 都在 {at:+d} 附近", f"logits near {at:+d}")
    for at in (10_000, -10_000, 800, -800)
}
_APART = Text("一列的 logits 遠大於另一列", "the logits of one row far above the other's")
_SPREAD = Text("同一列的 logits 相差上萬", "logits that differ by 10,000 within a row")
_SURE = Text(
    "正確類別的 logit 遠大於同一列的其他類別",
    "the right class's logit far above the others of its row",
)
_DEFAULT = Text("沒有給 reduction", "no reduction given")


def _tables() -> Iterator[given]:
    few = torch.tensor([[2.0, 1.0, -1.0, 0.5], [0.5, 2.5, 0.3, 0.2], [0.1, 0.2, 3.0, -2.0]])
    many = 3 * _normal(64, 10, seed=3)
    classes = torch.randint(0, 9, (64,), generator=generator(4))  # the last class is absent
    close = torch.tensor([[0.0, 1.0, 2.0], [2.0, 0.0, -1.0]])
    apart = torch.tensor([[0.0, 1.0, 2.0], [9990.0, 9991.0, 9992.0]])
    spread = torch.tensor([[1e4, 0.0, -1e4], [-1e4, 1e4, 0.0], [0.0, 150.0, 0.0]])
    for dtype in _DTYPES:
        yield given(few.to(dtype), torch.tensor([0, 3, 2]), case=_DEFAULT)
        for reduction in ("mean", "sum"):
            for table, labels in ((few, torch.tensor([0, 3, 2])), (many, classes)):
                case = f"logits {tuple(table.shape)}, {reduction!r}"
                yield given(table.to(dtype), labels, reduction=reduction, case=case)
            for at, near in _CLOSE.items():
                table = (close + at).to(dtype)
                yield given(table, torch.tensor([0, 2]), reduction=reduction, case=near)
            for table, chosen, case in (
                (apart, [0, 2], _APART),
                (spread, [2, 0, 0], _SPREAD),
                (spread, [0, 1, 1], _SURE),
            ):
                labels = torch.tensor(chosen)
                yield given(table.to(dtype), labels, reduction=reduction, case=case)


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


def _of(labels: Tensor, table: Tensor) -> Tensor:
    """The number of each row that its label chooses."""
    return table[torch.arange(len(labels)), labels]


def _reduced(losses: Tensor, reduction: str) -> Tensor:
    return losses.sum() if reduction == "sum" else losses.mean()


def _always_mean(losses: Tensor, reduction: str) -> Tensor:
    return losses.mean()


def _always_sum(losses: Tensor, reduction: str) -> Tensor:
    return losses.sum()


def _swapped(losses: Tensor, reduction: str) -> Tensor:
    return losses.mean() if reduction == "sum" else losses.sum()


def _unreduced(losses: Tensor, reduction: str) -> Tensor:
    return losses


def _right_losses(logs: Tensor, z: Tensor, y: Tensor) -> Tensor:
    return -_of(y, logs)


def _wrong_cross_entropy(
    name: str,
    text: Text,
    *losses: Callable,
    signs: Sequence[int] = _SIGNS,
    reduce: Sequence[Callable] = (_reduced, _always_mean, _always_sum, _unreduced),
) -> None:
    """losses: of (log_softmax, logits, labels), one for each example or cell."""

    def way(loss: Callable, sign: int, reduced: Callable) -> Callable:
        return _of_moderate(
            lambda z, y, reduction="mean": reduced(sign * loss(z.log_softmax(1), z, y), reduction)
        )

    cross_entropy.mistake(name, text, *(way(*choice) for choice in product(losses, signs, reduce)))


_wrong_cross_entropy(
    "reduction_ignored",
    Text(
        'reduction 是 "mean" 還是 "sum"，你的函式回傳的都一樣，或兩者對調了。',
        'your function does not tell reduction="mean" from reduction="sum", or swaps them.',
    ),
    _right_losses,
    signs=(1,),
    reduce=(_always_mean, _always_sum, _swapped),
)
_wrong_cross_entropy(
    "not_reduced",
    Text(
        "你回傳的是每個樣本各自的損失，還沒有依 reduction 平均或加總。",
        "you returned the loss of each example, neither averaged nor summed as reduction says.",
    ),
    _right_losses,
    signs=(1,),
    reduce=(_unreduced, lambda losses, reduction: losses if reduction == "sum" else losses.mean()),
)
cross_entropy.mistake(
    "default_is_the_sum",
    Text(
        '沒有給 reduction 時，你的函式做的是加總；題目的預設值是 "mean"。',
        'where no reduction is given, your function adds up; the default of the question is "mean".',
    ),
    _of_moderate(lambda z, y, reduction="sum": F.cross_entropy(z, y, reduction=reduction)),
)
_wrong_cross_entropy(
    "sign_lost",
    _SIGN_LOST,
    _right_losses,
    signs=(-1,),
    reduce=(_reduced, _always_mean, _always_sum, _swapped, _unreduced),
)


_wrong_cross_entropy(
    "mean_over_classes",
    Text(
        "你的除數裡有類別數 K。平均是對 N 個樣本取的，不是對每一格取的。",
        "the number K of classes stands in your divisor. The mean is over the N examples, not over every cell of the table.",
    ),
    lambda logs, z, y: -logs * F.one_hot(y, z.shape[1]),
    lambda logs, z, y: (-logs * F.one_hot(y, z.shape[1])).mean(dim=1),
    lambda logs, z, y: (-logs * F.one_hot(y, z.shape[1])).sum(dim=0),
    reduce=(_reduced, _always_mean),
)
_wrong_cross_entropy(
    "logits_as_probabilities",
    Text(
        "你把 logits 直接當成機率（或機率的對數）。它們還沒有經過 softmax。",
        "you took the logits for probabilities (or their logs). No softmax was applied to them yet.",
    ),
    lambda logs, z, y: -_of(y, z),
    lambda logs, z, y: -_of(y, z.log()),
)
_wrong_cross_entropy(
    "softmax_over_batch",
    _OVER_BATCH,
    lambda logs, z, y: -_of(y, z.log_softmax(0)),
    lambda logs, z, y: -_of(y, z - z.flatten().logsumexp(0)),
    lambda logs, z, y: -_of(y, logs - logs.flatten().logsumexp(0)),
    lambda logs, z, y: -_of(y, z - z.amax(1, True) - (z - z.amax(1, True)).flatten().logsumexp(0)),
)
_wrong_cross_entropy(
    "softmax_twice",
    Text(
        "softmax 做了兩次：log_softmax 和 CrossEntropyLoss 裡面已經有一個了。",
        "the softmax was applied twice: log_softmax and CrossEntropyLoss have one inside already.",
    ),
    lambda logs, z, y: -_of(y, z.softmax(1).log_softmax(1)),
)
_wrong_cross_entropy(
    "sigmoid_for_softmax",
    Text(
        "你對每個 logit 各自做 sigmoid，K 個機率加起來就不是 1。類別之間互相競爭，要用 softmax。",
        "you put each logit through a sigmoid of its own, and the K probabilities do not add to 1. The classes compete, which is what a softmax is for.",
    ),
    lambda logs, z, y: -_of(y, F.logsigmoid(z)),
    *(
        lambda logs, z, y, over=over: over(
            F.binary_cross_entropy_with_logits(z, F.one_hot(y, z.shape[1]).to(z), reduction="none")
        )
        for over in (lambda table: table, lambda table: table.sum(dim=1))
    ),
)
_wrong_cross_entropy(
    "labels_unused",
    Text(
        "每一類的對數機率你都算了進去，和標籤無關。一個樣本的損失只看正確類別的那一個。",
        "you took the log-probabilities of all classes in, whatever the label. An example's loss looks at that of its right class only.",
    ),
    lambda logs, z, y: -logs,
    lambda logs, z, y: -logs.sum(dim=1),
)
_wrong_cross_entropy(
    "predicted_class",
    Text(
        "你取的是模型最相信的類別，不是標籤：這樣模型永遠以為自己是對的。",
        "you took the class that the model believes in, not the label: the model would always think itself right.",
    ),
    lambda logs, z, y: -logs.amax(dim=1),
)
_wrong_cross_entropy(
    "every_label",
    Text(
        "`[:, labels]` 會在每一列取出「所有」標籤的那些格，得到 (N, N)。第 i 列只要第 i 個標籤。",
        "`[:, labels]` takes the cells of all labels from every row, an (N, N) table. Row i wants label i only.",
    ),
    lambda logs, z, y: -logs[:, y],
    lambda logs, z, y: -logs[:, y].sum(dim=1),
    lambda logs, z, y: (z - logs)[:, 0] - z[:, y],
)
_wrong_cross_entropy(
    "broadcast",
    Text(
        "(N, 1) 減 (N,) 會廣播成 (N, N)：每個樣本的總和都配上了所有樣本的標籤。取平均時碰巧對了，加總時就多了 N 倍。",
        "(N, 1) minus (N,) broadcasts to (N, N): the total of each example met the labels of all. By luck the mean is right, and the sum is N times too large.",
    ),
    lambda logs, z, y: (z - logs)[:, :1] - _of(y, z),
    reduce=(_reduced, _always_sum, _unreduced),
)
_wrong_cross_entropy(
    "log_forgotten",
    Text(
        "少了一個對數：損失是正確類別「機率的對數」的負值，錯得越離譜就越大，沒有上限。",
        "a log is missing: the loss is minus the log of the right class's probability, and grows without limit as the answer gets worse.",
    ),
    lambda logs, z, y: -_of(y, logs.exp()),
    lambda logs, z, y: 1 - _of(y, logs.exp()),
    lambda logs, z, y: (z - logs)[:, 0].exp() - _of(y, z),
    lambda logs, z, y: (z - z.amax(1, keepdim=True)).exp().sum(1) - _of(y, z) + z.amax(1),
)
_wrong_cross_entropy(
    "exp_forgotten",
    Text(
        "分母裡的 logits 沒有取 exp。softmax 的分母是 K 個 exp 的總和。",
        "the logits in the denominator did not go through exp. A softmax divides by the sum of K exponentials.",
    ),
    lambda logs, z, y: z.sum(1).log() - _of(y, z),
    lambda logs, z, y: -_of(y, z / z.sum(1, keepdim=True)).log(),
)
_wrong_cross_entropy(
    "another_base",
    _ANOTHER_BASE,
    lambda logs, z, y: -_of(y, logs) / math.log(2),
    lambda logs, z, y: -_of(y, logs) / math.log(10),
)
_wrong_cross_entropy(
    "label_left_out",
    Text(
        "分母裡少了正確類別自己：softmax 除以全部 K 個 exp 的總和。",
        "the right class itself is missing from the denominator: a softmax divides by the sum over all K exponentials.",
    ),
    lambda logs, z, y: (z.exp().sum(1) - _of(y, z).exp()).log() - _of(y, z),
)
_wrong_cross_entropy(
    "shift_on_one_side",
    Text(
        "減掉（或加回）的那個數只出現在一邊：log 裡的總和與標籤的 logit，要嘛都減過，要嘛都沒減。",
        "the number you took off (or put back) shows on one side only: either both the log of the sum and the label's logit are shifted, or neither.",
    ),
    *(
        lambda logs, z, y, largest=largest, times=times: -_of(y, logs) - times * largest(z)
        for largest in (lambda z: z.amax(dim=1), torch.max)
        for times in (1, 2, -1)
    ),
)
_wrong_cross_entropy(
    "shift_differs_in_a_row",
    Text(
        "你減的是每一欄（批次方向）的最大值，同一列的 K 個 logits 就各減了不同的數，機率也變了。",
        "you took off the maximum of each column, along the batch, so that the K logits of one row lost different numbers, and the probabilities changed.",
    ),
    lambda logs, z, y: -_of(y, (z - z.amax(dim=0)).log_softmax(1)),
)


def _naive_log_softmax(z: Tensor) -> Tensor:
    return (z.exp() / z.exp().sum(dim=1, keepdim=True)).log()


def _naive_difference(z: Tensor) -> Tensor:
    return z - z.exp().sum(dim=1, keepdim=True).log()


def _unstable(logs: Callable) -> Callable:
    """The cross-entropy by a log_softmax of one's own."""
    return lambda z, y, reduction="mean": _reduced(-_of(y, logs(z)), reduction)


cross_entropy.mistake(
    "one_max_for_all",
    Text(
        "你減掉的是整張表的最大值。別的樣本若小得多，它整列的 exp 都會變成 0：每一列要減自己的。",
        "you took off the maximum of the whole table. In an example that lies far below it, every exp becomes 0: each row needs its own.",
    ),
    _unstable(lambda z: _naive_difference(z - z.max())),
    _unstable(lambda z: _naive_log_softmax(z - z.max())),
)
cross_entropy.mistake(
    "zero_times_infinity",
    Text(
        "機率變成 0 的類別，對數是 −inf；one-hot 想用 0 把它消掉，但 0 乘以 inf 是 nan。",
        "where a probability rounds to 0 its log is −inf; the one-hot means to wipe it out by a 0, but 0 times inf is nan.",
    ),
    lambda z, y, reduction="mean": _reduced(
        -(F.one_hot(y, z.shape[1]) * z.softmax(1).log()).sum(dim=1), reduction
    ),
)
cross_entropy.mistake(
    "log_of_softmax",
    Text(
        "先算機率、再取對數：機率小到變成 0，它的對數就是 −inf。先在紙上化簡 log(softmax)，exp 和 log 會抵消掉一對。",
        "probability first, log second: where the probability rounds to 0, its log is −inf. Simplify log(softmax) on paper first; one exp and one log cancel.",
    ),
    _unstable(lambda z: z.softmax(1).log()),
    when=lambda wrong: _overflows(wrong) and all(seen.case.case is _SPREAD for seen in wrong),
)
cross_entropy.mistake(
    "shift_too_small",
    Text(
        "你減掉的不是那一列最大的數。列裡若有一個 logit 遠大於你減掉的，它的 exp 還是會溢位。",
        "what you took off each row is not its largest number. Where one logit lies far above it, exp still overflows.",
    ),
    *(
        _unstable(lambda z, logs=logs, shift=shift: logs(z - shift(z)))
        for logs in (_naive_difference, _naive_log_softmax)
        for shift in (lambda z: z.mean(1, keepdim=True), lambda z: z.amin(1, keepdim=True))
    ),
    when=lambda wrong: (
        _overflows(wrong) and all(seen.case.case in (_SPREAD, _SURE) for seen in wrong)
    ),
)
cross_entropy.mistake(
    "overflow",
    Text(
        "logits 在 ±10,000 附近時，即使彼此只差一點，你的損失也不對了：exp 溢位成 inf，或全部下溢成 0。",
        "with logits near ±10,000 your loss is wrong even where they differ by little: exp overflows to inf, or all of them underflow to 0.",
    ),
    _unstable(_naive_log_softmax),
    _unstable(_naive_difference),
    when=lambda wrong: (
        _overflows(wrong) and any(seen.case.case in _CLOSE.values() for seen in wrong)
    ),
)


def _forgets_differences(wrong: list[Seen]) -> bool:
    """Whether logits near ±10,000 count as equal."""
    close = [seen for seen in wrong if seen.case.case in (_CLOSE[10_000], _CLOSE[-10_000])]
    return (
        len(close) >= 4
        and all(seen.got.is_number and _is_large(seen.case.args[0]) for seen in wrong)
        and all(
            math.isclose(
                seen.got.arrays[0]
                / len(seen.case.args[1]) ** (seen.case.kwargs["reduction"] == "sum"),
                math.log(3),
                rel_tol=1e-3,
            )
            for seen in close
        )
    )


cross_entropy.mistake(
    "logits_clipped",
    Text(
        "你把 logits 截斷了：超過界限的 logits 全變成同一個數，誰大誰小再也分不出來。",
        "you clipped the logits: all those beyond the bound become one number, and which was the larger is lost.",
    ),
    _unstable(lambda z: z.clamp(-50, 50).log_softmax(1)),
    when=_forgets_differences,
)


def _stops_growing(wrong: list[Seen]) -> bool:
    """Whether losses that should be large by far are too small, and hardly any others."""
    return all(
        seen.got.is_number
        and (
            seen.got.arrays[0] < 0.1 * seen.right.arrays[0]
            if seen.case.case is _SPREAD
            else math.isclose(seen.got.arrays[0], seen.right.arrays[0], rel_tol=0.05, abs_tol=0.01)
        )
        for seen in wrong
    ) and any(seen.case.case is _SPREAD for seen in wrong)


cross_entropy.mistake(
    "clipped",
    Text(
        "錯得離譜時，損失停在一個上限：在 log 裡加上一個小常數，或截斷機率，都會讓損失與梯度失真。",
        "at gross mistakes your loss stops at a ceiling: a small constant inside the log, or a clipped probability, falsifies loss and gradient.",
    ),
    _unstable(lambda z: (z.softmax(1) + 1e-12).log()),
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


def _wrong_gradient(
    name: str,
    text: Text,
    *gradients: Callable,
    signs: Sequence[int] = _SIGNS,
    divisors: Sequence[str] = ("N", "1", "K", "NK"),
) -> None:
    """gradients: of (probabilities, one-hot labels, logits), of the sum of the losses."""

    def way(gradient: Callable, sign: int, divisor: str) -> Callable:
        def wrong(z, y):
            sizes = {"N": len(z), "1": 1, "K": z.shape[1], "NK": z.numel()}
            return sign * gradient(z.softmax(1), F.one_hot(y, z.shape[1]), z) / sizes[divisor]

        return _of_moderate(wrong)

    ways = (way(*choice) for choice in product(gradients, signs, divisors))
    cross_entropy_gradient.mistake(name, text, *ways)


def _of_the_sum(p: Tensor, one_hot: Tensor, z: Tensor) -> Tensor:
    return p - one_hot


def _naive_gradient(z: Tensor, y: Tensor) -> Tensor:
    return (z.exp() / z.exp().sum(1, keepdim=True) - F.one_hot(y, z.shape[1])) / len(y)


_wrong_gradient(
    "mean_forgotten",
    Text(
        "少除了 N：損失是 N 個樣本的平均，所以每個樣本對梯度只貢獻 1/N。",
        "a division by N is missing: the loss is a mean over N examples, so each gives 1/N of the gradient.",
    ),
    _of_the_sum,
    signs=(1,),
    divisors=("1",),
)
cross_entropy_gradient.mistake(
    "mean_on_one_term",
    Text(
        "1/N 只乘到一項。機率和標籤的差，要整個除以 N。",
        "1/N reaches one term only. The whole difference of probability and label is divided by N.",
    ),
    _of_moderate(lambda z, y: z.softmax(1) - F.one_hot(y, z.shape[1]) / len(y)),
    _of_moderate(lambda z, y: z.softmax(1) / len(y) - F.one_hot(y, z.shape[1])),
)
_wrong_gradient(
    "mean_over_classes",
    Text(
        "你的除數裡有類別數 K。損失只對 N 個樣本取平均。",
        "the number K of classes stands in your divisor. The loss is a mean over the N examples only.",
    ),
    _of_the_sum,
    signs=(1,),
    divisors=("K", "NK"),
)
_wrong_gradient(
    "sign_lost",
    Text(
        "正負號反了：照你的方向走，優化器會把正確類別的 logit 壓低。",
        "the sign is reversed: with it, an optimizer would push the right class's logit down.",
    ),
    _of_the_sum,
    signs=(-1,),
)
_wrong_gradient(
    "label_not_subtracted",
    Text(
        "這只是機率。梯度還要知道正確答案是哪一類：每一列的總和應該是 0。",
        "these are only the probabilities. The gradient must also know the right class: each row should add up to 0.",
    ),
    lambda p, one_hot, z: p,
)
_wrong_gradient(
    "one_off_everywhere",
    Text(
        "你在每一格都減了 1。標籤寫成 K 個數時，只有正確類別的那一個是 1。",
        "you took 1 off every cell. Of the K numbers that a label becomes, only that of the right class is 1.",
    ),
    lambda p, one_hot, z: p - 1,
)
_wrong_gradient(
    "sign_at_the_label",
    Text(
        "其他類別都對了，只有正確類別的那一格正負號反了：每一列的總和應該是 0。",
        "the other classes are right, and only the cell of the right class has the wrong sign: each row should add up to 0.",
    ),
    lambda p, one_hot, z: p * (1 - one_hot) + (1 - p) * one_hot,
    lambda p, one_hot, z: p + one_hot,
)
_wrong_gradient(
    "only_the_label",
    Text(
        "只有正確類別有梯度。其他類別也出現在分母裡：把它們的 logit 壓低，損失也會下降。",
        "only the right class has a gradient. The others stand in the denominator: pushing their logits down lowers the loss too.",
    ),
    lambda p, one_hot, z: (p - 1) * one_hot,
    lambda p, one_hot, z: p * one_hot,
    lambda p, one_hot, z: one_hot,
    lambda p, one_hot, z: one_hot * p * (1 - p),
)
_wrong_gradient(
    "only_the_others",
    Text(
        "正確類別的梯度是 0，它的 logit 就永遠不會被推高。",
        "the right class has a gradient of 0, and its logit is never pushed up.",
    ),
    lambda p, one_hot, z: p * (1 - one_hot),
)
_wrong_gradient(
    "softmax_over_batch",
    _OVER_BATCH,
    lambda p, one_hot, z: z.softmax(0) - one_hot,
)
_wrong_gradient(
    "sigmoid_for_softmax",
    Text(
        "你對每個 logit 各自做 sigmoid。K 類時的機率是 softmax：每一列加起來是 1，梯度的每一列才會加起來是 0。",
        "you put each logit through a sigmoid of its own. With K classes the probabilities are a softmax: each row adds to 1, and each row of the gradient to 0.",
    ),
    lambda p, one_hot, z: z.sigmoid() - one_hot,
)
_wrong_gradient(
    "no_softmax",
    Text(
        "減掉標籤的是 logits（或它們的 exp、對數機率），不是機率。",
        "what the label was taken from are the logits (or their exp, or log-probabilities), not the probabilities.",
    ),
    lambda p, one_hot, z: z - one_hot,
    lambda p, one_hot, z: z.exp() - one_hot,
    lambda p, one_hot, z: p.log() - one_hot,
)
_wrong_gradient(
    "softmax_twice",
    Text(
        "softmax 做了兩次，所有機率都被拉得差不多大。",
        "the softmax was applied twice, which makes all probabilities nearly alike.",
    ),
    lambda p, one_hot, z: p.softmax(1) - one_hot,
)
_wrong_gradient(
    "number_for_one_hot",
    Text(
        "你減掉的是標籤的「編號」。類別 3 不比類別 1 多三倍：它要先寫成 K 個數，才能和機率相減。",
        "you subtracted the number of the class. Class 3 is not three times class 1: it must become K numbers before it can be taken from the probabilities.",
    ),
    lambda p, one_hot, z: p - one_hot.argmax(1, keepdim=True),
    lambda p, one_hot, z: p - one_hot * one_hot.argmax(1, keepdim=True),
)
_wrong_gradient(
    "with_respect_to_p",
    Text(
        "這是損失對「機率」p 的梯度。題目要的是對 logits 的：還要穿過 softmax，而每個機率都和所有的 logits 有關。",
        "this is the gradient with respect to the probabilities p. Those with respect to the logits are wanted: the way goes on through the softmax, in which every p depends on all logits.",
    ),
    lambda p, one_hot, z: -one_hot / p,
    lambda p, one_hot, z: -one_hot / p + (1 - one_hot) / (1 - p),
    lambda p, one_hot, z: -1 / p,
)
_wrong_gradient(
    "activation_twice",
    Text(
        "你又乘了 p(1 − p)，或只乘了它。「機率減標籤」已經是對 logit 的梯度，softmax 的導數在裡面了。",
        "you multiplied by p(1 − p) on top, or gave nothing else. Probability minus label is the gradient at the logit already, with the softmax's derivative inside.",
    ),
    lambda p, one_hot, z: (p - one_hot) * p * (1 - p),
    lambda p, one_hot, z: p * (1 - p),
    lambda p, one_hot, z: (p - one_hot) * p,
)
_wrong_gradient(
    "predicted_class",
    Text(
        "你減掉的是模型最相信的類別，不是標籤：這個梯度只會讓模型更相信自己。",
        "you subtracted the class that the model believes in, not the label: this gradient only makes the model surer of itself.",
    ),
    lambda p, one_hot, z: p - F.one_hot(p.argmax(1), p.shape[1]),
)
_wrong_gradient(
    "every_label",
    Text(
        "`[:, labels]` 會在每一列選到「所有」樣本的標籤。第 i 列只有第 i 個標籤要減 1。",
        "`[:, labels]` chooses the labels of all examples in every row. In row i, only label i loses 1.",
    ),
    lambda p, one_hot, z: p - one_hot.amax(dim=0),
    lambda p, one_hot, z: p - one_hot.sum(dim=0),
)
_wrong_gradient(
    "averaged_into_a_row",
    Text(
        "你把 N 個樣本平均（或加總）成一列了。每個 logit 都有自己的梯度，形狀和 logits 一樣是 (N, K)。",
        "you averaged (or added up) the N examples into one row. Every logit has a gradient of its own: the shape is (N, K), that of the logits.",
    ),
    lambda p, one_hot, z: (p - one_hot).sum(dim=0),
    lambda p, one_hot, z: (p - one_hot).sum(dim=0, keepdim=True),
)
_wrong_gradient(
    "one_number_an_example",
    Text(
        "你給每個樣本一個數，題目要每個 logit 一個：形狀是 (N, K)。",
        "you gave one number for each example; one for each logit is wanted, of shape (N, K).",
    ),
    lambda p, one_hot, z: (p - one_hot).sum(dim=1),
    lambda p, one_hot, z: (p * one_hot).sum(dim=1) - 1,
    lambda p, one_hot, z: (p * one_hot).sum(dim=1, keepdim=True) - 1,
    lambda p, one_hot, z: -(p.log() * one_hot).sum(dim=1),
)
_wrong_gradient(
    "loss_itself",
    Text(
        "這是損失本身（或它的每一格），不是它對 logits 的梯度。",
        "this is the loss itself (or its cells), not its gradient with respect to the logits.",
    ),
    lambda p, one_hot, z: -(p.log() * one_hot).sum(),
    lambda p, one_hot, z: -(p.log() * one_hot),
)
cross_entropy_gradient.mistake(
    "one_max_for_all",
    Text(
        "你減掉的是整張表的最大值。別的樣本若小得多，它整列的 exp 都會變成 0，機率就是 0/0：每一列要減自己的。",
        "you took off the maximum of the whole table. In an example that lies far below it, every exp becomes 0, and the probabilities are 0/0: each row needs its own.",
    ),
    lambda z, y: _naive_gradient(z - z.max(), y),
)
cross_entropy_gradient.mistake(
    "overflow",
    Text(
        "logits 在 ±10,000 時，梯度出現了 nan 或 inf。同一列減去同一個數，softmax 不變。",
        "at logits of ±10,000 the gradient has nan or inf. Taking one number off a whole row does not change its softmax.",
    ),
    _naive_gradient,
    when=_overflows,
)
