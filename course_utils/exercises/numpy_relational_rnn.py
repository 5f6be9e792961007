"""Exercises of numpy_relational_rnn: padded keys, layer norm backward, a gate for a whole slot, a shortcut's worth."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from course_utils.exercises.by_reference import Seen, given, right_answer
from course_utils.language import Text
from course_utils.seeding import rng

# --- padded_attention


def _keys() -> Iterator[given]:
    for shape in ((4, 3, 5, 4, 2), (3, 6, 4, 16, 3), (2, 1, 3, 1, 1)):
        B, _, T_k, _, _ = shape
        lengths = np.resize([T_k, 1, T_k - 1, 2], B)
        Q, K, V = _attended(shape)
        case = _LENGTHS.format(Q=Q, K=K, lengths=lengths)
        yield given(Q, _padded(K, lengths, 3.0), _padded(V, lengths, 9.0), lengths, case=case)
    Q, K, V = _attended((4, 3, 5, 4, 2))
    lengths, empty = np.array([2, 4, 1, 3]), np.array([2, 0, 5, 0])
    for value in (1e15, -1e15):
        huge = _padded(abs(K), lengths, value), _padded(V, lengths, 1e15)
        yield given(abs(Q), *huge, lengths, case=_HUGE)
    yield given(100 * Q, 100 * K, V, lengths, case=_LARGE)
    yield given(100 * abs(Q), -200 * abs(K), V, lengths, case=_LOW)
    yield given(Q, K, V, empty, case=_EMPTY)
    yield given(abs(Q), _padded(abs(K), empty, 1e15), _padded(V, empty, 1e15), empty, case=_EMPTY)


_LENGTHS = Text(
    "Q {Q.shape}，K {K.shape}，lengths {lengths}", "Q {Q.shape}, K {K.shape}, lengths {lengths}"
)
_HUGE = Text("補齊的列裡是 ±10¹⁵", "padded rows of ±10¹⁵")
_LARGE = Text("分數到正負數萬", "scores of tens of thousands, of either sign")
_LOW = Text("分數全是負數萬", "all scores below by tens of thousands")
_EMPTY = Text("有長度 0 的序列", "some sequences of length 0")


def _attended(shape: tuple[int, ...]) -> Iterator[np.ndarray]:
    B, T_q, T_k, size, width = shape
    draw = rng(T_k)
    return (draw.normal(size=s) for s in ((B, T_q, size), (B, T_k, size), (B, T_k, width)))


def _padded(x: np.ndarray, lengths: np.ndarray, value: float) -> np.ndarray:
    return np.where(_real(x, lengths).mT, x, value)


def _real(K: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Which keys are real, (B, 1, T_k)."""
    return (np.arange(K.shape[1]) < lengths[:, None])[:, None]


@right_answer(
    cases=_keys,
    parts="(output, weights)",
    terms=lambda Q, K, V, lengths: 1 + abs(np.where(_real(K, lengths).mT, V, 0)).max(),
    enough=torch.float32,
    hint=Text(
        "每個序列各有自己的長度：先做出形狀 (B, 1, T_k) 的布林陣列，說哪些鍵是真的。長度為 0 的序列留到最後再處理：它的每一列分數都是 −∞。",
        "Every sequence of the batch has its own length: first make a boolean array of shape (B, 1, T_k) that says which keys are real. Think of length 0 last: there, all scores of a row are −∞.",
    ),
)
def padded_attention(Q, K, V, lengths):
    """(output, weights) of attention where only the first ``lengths[b]`` keys are real."""
    weights = np.nan_to_num(_masked(_scores(Q, K), _real(K, lengths)))
    return weights @ V, weights


def _scores(Q: np.ndarray, K: np.ndarray) -> np.ndarray:
    return Q @ K.mT / np.sqrt(K.shape[-1])


def _softmax(scores: np.ndarray, axis: Any = -1) -> np.ndarray:
    return _shares(scores - scores.max(axis=axis, keepdims=True), axis)


def _shares(scores: np.ndarray, axis: Any = -1) -> np.ndarray:
    """The softmax as it is defined."""
    return np.exp(scores) / np.exp(scores).sum(axis=axis, keepdims=True)


def _masked(scores: np.ndarray, real: np.ndarray, **options: Any) -> np.ndarray:
    return _softmax(np.where(real, scores, -np.inf), **options)


def _wrong_attention(
    name: str, text: Text, *weights: Callable, when: Callable | None = None
) -> None:
    """weights: of (Q, K, lengths, real); those of length 0 are as they come, put right, or equal."""

    def attention(weights_of: Callable, of_none: Callable) -> Callable:
        def attend(Q, K, V, lengths):
            A = weights_of(Q, K, lengths, _real(K, lengths))
            A = np.where(lengths[:, None, None] == 0, of_none(A), A)
            return A @ V, A

        return attend

    fills = lambda A: A, np.zeros_like, lambda A: np.full_like(A, 1 / A.shape[-1])
    ways = [attention(of, of_none) for of in weights for of_none in fills]
    padded_attention.mistake(name, text, *ways, when=when)


_wrong_attention(
    "masked_after_softmax",
    Text(
        "權重每列的和不到 1：你在 softmax 之後才把它們變成 0。",
        "rows of weights sum to less than 1: you made them 0 only after the softmax.",
    ),
    lambda Q, K, lengths, real: _softmax(_scores(Q, K)) * real,
)
_wrong_attention(
    "padding_in_softmax",
    Text(
        "補齊的鍵還在 softmax 裡：它的分數若大得多，真正的鍵的 exp 全都變成 0，事後再遮、再除也救不回來。先遮，再減最大值。",
        "padded keys are still inside the softmax: where their scores are far larger, exp of the real ones is 0, and no masking or dividing afterwards brings them back. Mask first, then take off the maximum.",
    ),
    lambda Q, K, lengths, real: _renormalized(_softmax(_scores(Q, K)) * real, 0.0),
    lambda Q, K, lengths, real: _renormalized(_softmax(_scores(Q, K)) * real, 1.0),
)


def _renormalized(A: np.ndarray, if_zero: float) -> np.ndarray:
    total = A.sum(axis=-1, keepdims=True)
    return A / np.where(total > 0, total, if_zero)


_wrong_attention(
    "score_zeroed",
    Text(
        "補齊的鍵分數被設成 0，而 e⁰ = 1：它們還是分到了權重。",
        "the scores of padded keys were set to 0, and e⁰ = 1: they still got weight.",
    ),
    lambda Q, K, lengths, real: _softmax(_scores(Q, K) * real),
)
_wrong_attention(
    "mask_too_weak",
    Text(
        "補齊的鍵又被看見了：你給它們一個很負的數，但還不夠低。補齊的列裡有 10¹⁵ 那麼大的數，真的分數也可能是負數萬：要用比什麼都小的數。",
        "padded keys were seen again: the negative number you gave them is not low enough. Padded rows hold numbers up to 10¹⁵, and real scores may lie below by tens of thousands: use something smaller than everything.",
    ),
    *(
        lambda Q, K, lengths, real, low=low: _softmax(_scores(Q, K) - low * ~real)
        for low in (1e2, 1e3, 1e4, 1e5, 1e6, 1e8, 1e9, 1e10, 1e12)
    ),
    *(
        lambda Q, K, lengths, real, low=low: _softmax(np.where(real, _scores(Q, K), -low))
        for low in (1e1, 1e2, 1e3, 1e4)
    ),
)
_wrong_attention(
    "zero_times_infinity",
    Text(
        "每個權重都成了 nan（或被換成 0）：遮罩乘上 −∞ 時，真正的鍵得到 0 × ∞，那是 nan。",
        "every weight came out as nan (or 0 in its place): a mask times −∞ gives the real keys 0 × ∞, which is nan.",
    ),
    lambda Q, K, lengths, real: np.full_like(_scores(Q, K), np.nan),
    lambda Q, K, lengths, real: np.zeros_like(_scores(Q, K)),
)
_wrong_attention(
    "mask_flipped",
    Text(
        "你看的正好是補齊的鍵，真正的鍵被遮住了。",
        "you look at the padded keys alone; the real ones are masked.",
    ),
    lambda Q, K, lengths, real: np.nan_to_num(_masked(_scores(Q, K), ~real)),
    lambda Q, K, lengths, real: _masked(_scores(Q, K), ~real),
    lambda Q, K, lengths, real: _softmax(np.where(real, -1e300, _scores(Q, K))),
)


def _with_lengths(change: Callable, fill: Callable = np.nan_to_num) -> Callable:
    return lambda Q, K, lengths, real: fill(_masked(_scores(Q, K), _real(K, change(lengths))))


_wrong_attention(
    "last_key_lost",
    Text(
        "少看了一個鍵：長度 3 表示第 0、1、2 個鍵都是真的。",
        "one key too few: a length of 3 means that keys 0, 1 and 2 are real.",
    ),
    _with_lengths(lambda lengths: lengths - 1),
    _with_lengths(lambda lengths: lengths - 1, fill=lambda A: A),
)
_wrong_attention(
    "one_key_too_many",
    Text(
        "多看了一個鍵：長度 3 表示第 0、1、2 個鍵是真的，第 3 個就是補齊的了。",
        "one key too many: a length of 3 means that keys 0, 1 and 2 are real; key 3 is padding.",
    ),
    _with_lengths(lambda lengths: lengths + 1),
)
_wrong_attention(
    "last_keys",
    Text(
        "你看的是最後幾個鍵。真正的鍵在前面，補齊的在後面。",
        "you look at the last keys. The real ones come first, and padding follows them.",
    ),
    lambda Q, K, lengths, real: np.nan_to_num(_masked(_scores(Q, K), real[..., ::-1])),
    lambda Q, K, lengths, real: _masked(_scores(Q, K), real[..., ::-1]),
)
_wrong_attention(
    "one_length_for_all",
    Text(
        "所有序列都用了同一個長度。每個序列有自己的長度。",
        "one length was used for all. Every sequence has a length of its own.",
    ),
    *(
        _with_lengths(lambda lengths, one=one: np.full_like(lengths, one(lengths)))
        for one in (np.max, np.min, lambda lengths: lengths[0], lambda lengths: lengths[-1])
    ),
)
_wrong_attention(
    "queries_masked",
    Text(
        "你遮的是查詢。lengths 說的是鍵有幾個是真的；每個查詢都要有答案。",
        "you masked queries. lengths says how many keys are real; every query wants an answer.",
    ),
    lambda Q, K, lengths, real: _softmax(_scores(Q, K)) * _real(Q, lengths).mT,
    lambda Q, K, lengths, real: _masked(_scores(Q, K), real) * _real(Q, lengths).mT,
    lambda Q, K, lengths, real: _masked(_scores(Q, K), _real(Q, lengths).mT),
    lambda Q, K, lengths, real: np.nan_to_num(_masked(_scores(Q, K), _real(Q, lengths).mT)),
)
_wrong_attention(
    "no_padding_mask",
    Text("補齊的鍵也分到了權重。", "padded keys got weight, too."),
    lambda Q, K, lengths, real: _softmax(_scores(Q, K)),
)
_wrong_attention(
    "wrong_scale",
    Text(
        "分數的縮放不對：內積的標準差隨 √K 變大，K 是鍵的大小。",
        "scores are not scaled as they should be: their standard deviation grows as √K, with K the size of a key.",
    ),
    *(
        lambda Q, K, lengths, real, scale=scale: _masked(Q @ K.mT * scale(Q, K), real)
        for scale in (
            lambda Q, K: 1.0,
            lambda Q, K: 1 / K.shape[-1],
            lambda Q, K: K.shape[-1] ** 0.5,
            lambda Q, K: K.shape[1] ** -0.5,
            lambda Q, K: Q.shape[1] ** -0.5,
        )
    ),
)
_wrong_attention(
    "softmax_over_queries",
    Text(
        "softmax 沿著查詢做了：加起來是 1 的，應該是同一個查詢的所有鍵。",
        "the softmax ran over queries: what sums to 1 are the keys of one query.",
    ),
    lambda Q, K, lengths, real: np.nan_to_num(_masked(_scores(Q, K), real, axis=1)),
    lambda Q, K, lengths, real: _masked(_scores(Q, K), real, axis=1),
)


def _fails_at(*cases: Text) -> Callable[[list[Seen]], bool]:
    """Whether the answer is wrong on the first of these inputs, and on none but these."""
    return lambda wrong: (
        any(seen.case.case is cases[0] for seen in wrong)
        and all(any(seen.case.case is case for case in cases) for seen in wrong)
    )


_wrong_attention(
    "one_max_for_all",
    Text(
        "你減掉的是整個陣列的最大值。別的列若小得多，它整列的 exp 都會變成 0：每一列要減自己的。",
        "you took off the maximum of the whole array. In a row that lies far below it, every exp becomes 0: each row needs its own.",
    ),
    *(
        lambda Q, K, lengths, real, axis=axis, if_zero=if_zero: _renormalized(
            np.exp(_low(Q, K, real) - _low(Q, K, real).max(axis=axis, keepdims=True)), if_zero
        )
        for axis in (None, (1, 2))
        for if_zero in (0.0, 1.0)
    ),
)


def _low(Q: np.ndarray, K: np.ndarray, real: np.ndarray) -> np.ndarray:
    return np.where(real, _scores(Q, K), -np.inf)


_wrong_attention(
    "overflow",
    Text(
        "分數是正負數萬時，exp 溢位，或整列都變成 0，結果是 nan。每一列先減去它的最大值。",
        "with scores of tens of thousands, exp overflows, or is 0 for a whole row, and the result is nan. Take its maximum off each row first.",
    ),
    lambda Q, K, lengths, real: _shares(_low(Q, K, real)),
    lambda Q, K, lengths, real: _renormalized(np.exp(_low(Q, K, real)), 1.0),
    when=lambda wrong: (
        _fails_at(_LARGE, _LOW, _HUGE, _EMPTY)(wrong) and all(seen.got.overflows for seen in wrong)
    ),
)
_EMPTY_TEXT = Text(
    "長度為 0 的序列沒有任何鍵可看：權重和輸出應該都是 0，不是 nan，也不是平均。",
    "a sequence of length 0 has no key to look at: weights and output should all be 0, not nan and not a mean.",
)


def _attending(A_of: Callable) -> Callable:
    def attend(Q, K, V, lengths):
        A = A_of(_scores(Q, K), _real(K, lengths))
        return A @ V, A

    return attend


padded_attention.mistake(
    "nothing_to_see",
    _EMPTY_TEXT,
    _attending(_masked),
    _attending(lambda scores, real: _softmax(np.where(real, scores, -1e300))),
    when=_fails_at(_EMPTY),
)


# --- layer_norm_backward


def _rows() -> Iterator[given]:
    for shape in ((4, 5), (7,), (3, 2, 6), (2, 1, 3, 4)):
        draw = rng(len(shape))
        d_y, x = draw.normal(size=(2, *shape))
        some = d_y, 2 * x + 1, draw.normal(1, 0.7, size=shape[-1])
        yield given(*some, case=_SHAPE.format(shape=shape))
        yield given(*some, 0.2, case=_SHAPE_AND_EPS.format(shape=shape, eps=0.2))
    yield given(*some, eps=1e-3, case=_SHAPE_AND_EPS.format(shape=shape, eps=1e-3))
    flat = 3 + 1e-3 * draw.normal(size=(4, 5))
    flat[0] = 3
    yield given(draw.normal(size=(4, 5)), flat, draw.normal(1, 0.7, size=5), case=_FLAT)


_SHAPE = Text("x 的形狀 {shape}，沒有給 eps", "x of shape {shape}, no eps given")
_SHAPE_AND_EPS = Text("x 的形狀 {shape}，eps={eps}", "x of shape {shape}, eps={eps}")
_FLAT = Text("每一列的數幾乎相同", "rows of nearly equal numbers")


def _size_of_norm(d_y, x, gain, eps=1e-5) -> float:
    return abs(d_y).max() * abs(gain).max() / min(1, np.sqrt(x.var(axis=-1).min() + eps))


@right_answer(
    cases=_rows,
    parts="(d_x, d_gain, d_bias)",
    terms=_size_of_norm,
    enough=torch.float32,
    hint=Text(
        "先讓梯度穿過增益，變成 ∂L/∂x̂。課文的 J 不必建出來：Jᵀ 乘一個向量，只需要兩個平均。增益與偏置則是所有的列共用的。",
        "Take the gradient through the gain first, to ∂L/∂x̂. The lesson's J need not be built: Jᵀ times a vector takes two means. Gain and bias are shared by all rows.",
    ),
)
def layer_norm_backward(d_y, x, gain, eps=1e-5):
    """(∂L/∂x, ∂L/∂gain, ∂L/∂bias), those of autograd, for any leading axes."""
    x, gain = (torch.tensor(values, requires_grad=True) for values in (x, gain))
    bias = torch.zeros_like(gain, requires_grad=True)
    (F.layer_norm(x, gain.shape, gain, bias, eps=eps) * torch.tensor(d_y)).sum().backward()
    return x.grad, gain.grad, bias.grad


def _mean(values: np.ndarray, axis: int = -1) -> np.ndarray:
    return values.mean(axis=axis, keepdims=True)


def _std(x: np.ndarray, eps: float, axis: int = -1, ddof: int = 0) -> np.ndarray:
    return np.sqrt(x.var(axis=axis, keepdims=True, ddof=ddof) + eps)


def _norm_backward(
    d_y: np.ndarray,
    x: np.ndarray,
    gain: np.ndarray,
    eps: float = 1e-5,
    *,
    std_of: Callable = _std,
    mean: Callable = _mean,
    terms: tuple[int, int] = (1, 1),
    gains: tuple[bool, bool] = (True, False),
    raw: Callable = lambda x, x_hat, gain: x_hat,
    over_rows: Callable = np.sum,
    axis: int = -1,
    deviation: Callable = lambda x_hat, std, d_hat, mean: x_hat * mean(d_hat * x_hat),
    divided: Callable = lambda d_x, std: d_x / std,
    of_bias: Callable = lambda d_y, gain: d_y,
) -> tuple[np.ndarray, ...]:
    """With one thing done otherwise; terms: through mean and deviation; gains: before, after these."""
    std = std_of(x, eps, axis)
    x_hat = (x - _mean(x, axis)) / std
    d_hat = d_y * gain if gains[0] else d_y
    through_deviation = deviation(x_hat, std, d_hat, partial(mean, axis=axis))
    d_x = d_hat - terms[0] * mean(d_hat, axis) - terms[1] * through_deviation
    rows = tuple(range(x.ndim - 1))
    d_x = d_x * gain if gains[1] else d_x
    return (
        divided(d_x, std),
        over_rows(d_y * raw(x, x_hat, gain), axis=rows),
        over_rows(of_bias(d_y, gain), axis=rows),
    )


def _wrong_norm(name: str, text: Text, *options: dict[str, Any]) -> None:
    """options: of _norm_backward."""
    layer_norm_backward.mistake(name, text, *(partial(_norm_backward, **one) for one in options))


_wrong_norm(
    "statistics_constant",
    Text(
        "你把平均和標準差當成常數。x 動一點，它們也跟著動。",
        "you took mean and standard deviation for constants. When x moves, so do they.",
    ),
    {"terms": (0, 0)},
)
_wrong_norm(
    "mean_forgotten",
    Text(
        "少了一項：x 動的時候，平均也跟著動。", "one term is missing: when x moves, the mean moves."
    ),
    {"terms": (0, 1)},
)
_wrong_norm(
    "deviation_forgotten",
    Text(
        "少了一項：x 動的時候，標準差也跟著動。",
        "one term is missing: when x moves, the standard deviation moves.",
    ),
    {"terms": (1, 0)},
)
_wrong_norm(
    "sign_of_a_term",
    Text(
        "∂L/∂x 有一項的正負號反了：經過平均和經過標準差的兩項，都是減。",
        "a term of ∂L/∂x has the wrong sign: those through mean and deviation are both taken off.",
    ),
    *({"terms": terms} for terms in ((1, -1), (-1, 1), (-1, -1))),
)
_wrong_norm(
    "deviation_term",
    Text(
        "經過標準差的那一項不對：標準差隨 x 動多少，x̂ 又隨標準差動多少？兩個答案裡都有 x̂。",
        "the term through the deviation is wrong: how far does the deviation move with x, and how far x̂ with the deviation? There is an x̂ in both answers.",
    ),
    {"deviation": lambda x_hat, std, d_hat, mean: mean(d_hat * x_hat)},
    {"deviation": lambda x_hat, std, d_hat, mean: x_hat * mean(d_hat)},
    {"deviation": lambda x_hat, std, d_hat, mean: std * x_hat * mean(d_hat * x_hat)},
    {"deviation": lambda x_hat, std, d_hat, mean: x_hat / std * mean(d_hat * x_hat)},
    {"deviation": lambda x_hat, std, d_hat, mean: x_hat * mean(d_hat * x_hat * std)},
)
_wrong_norm(
    "not_divided",
    Text(
        "∂L/∂x 除以標準差的次數不對：x̂ 是 x 減掉平均之後，再除以它，一次。",
        "∂L/∂x is not divided by the deviation as it should be: x̂ is x less its mean, divided by it once.",
    ),
    *(
        {"divided": divided, "terms": terms}
        for divided in (
            lambda d_x, std: d_x,
            lambda d_x, std: d_x / std**2,
            lambda d_x, std: d_x * std,
        )
        for terms in ((1, 1), (0, 0))
    ),
)
_wrong_norm(
    "sums_for_means",
    Text(
        "兩項都要除以 F：是這一列的平均，不是總和。",
        "both terms are divided by F: they are means over the row, and not sums.",
    ),
    {"mean": lambda values, axis: values.sum(axis=axis, keepdims=True)},
)
_wrong_norm(
    "gain_forgotten",
    Text(
        "∂L/∂x 裡沒有增益：y = 增益 · x̂ + 偏置，梯度要先穿過它。",
        "∂L/∂x lacks the gain: y = gain · x̂ + bias, and the gradient passes through it first.",
    ),
    {"gains": (False, False)},
)
_wrong_norm(
    "gain_too_late",
    Text(
        "增益乘得太晚：它屬於 ∂L/∂x̂，兩個平均都要看得到它。",
        "the gain comes too late: it belongs to ∂L/∂x̂, where both means can see it.",
    ),
    {"gains": (False, True)},
)
_wrong_norm(
    "gain_from_raw",
    Text(
        "∂L/∂gain 要乘的是正規化之後的 x̂，不是 x 或 y。",
        "what ∂L/∂gain multiplies is x̂, after normalization, and not x or y.",
    ),
    {"raw": lambda x, x_hat, gain: x},
    {"raw": lambda x, x_hat, gain: gain * x_hat},
    {"raw": lambda x, x_hat, gain: x - _mean(x)},
)
_wrong_norm(
    "bias_through_gain",
    Text(
        "∂L/∂bias 也乘上了增益。偏置是在增益之後才加上去的。",
        "∂L/∂bias has the gain in it. The bias is added after the gain.",
    ),
    {"of_bias": lambda d_y, gain: d_y * gain},
    {
        "of_bias": lambda d_y, gain: d_y * gain,
        "raw": lambda x, x_hat, gain: gain * x_hat,
    },
)
_wrong_norm(
    "rows_averaged",
    Text(
        "增益與偏置在每一列都用過，梯度是各列的總和，不是平均。",
        "gain and bias are used in every row; their gradients are sums over rows, not means.",
    ),
    {"over_rows": np.mean},
)
_wrong_norm(
    "rows_not_summed",
    Text(
        "增益與偏置的梯度形狀應該是 (F,)：除了最後一軸，其餘各軸都要加總。",
        "gradients of gain and bias have shape (F,): all axes but the last are summed over.",
    ),
    {"over_rows": lambda values, axis: values},
    {"over_rows": lambda values, axis: values.sum(axis=0) if axis else values},
    {"over_rows": lambda values, axis: values.sum(axis=axis, keepdims=True)},
    {"over_rows": lambda values, axis: values.sum(axis=-1)},
    {"over_rows": lambda values, axis: values.sum(axis=0)},
)
_wrong_norm(
    "over_the_batch",
    Text(
        "你沿著批次算統計量，那是批次正規化。層正規化的平均與標準差，屬於同一列。",
        "your statistics run over the batch, which is batch normalization. In layer normalization, mean and standard deviation belong to one row.",
    ),
    {"axis": 0},
)
_wrong_norm(
    "bessel",
    Text(
        "你的變異數除以 F − 1。層正規化除以 F。",
        "your variance divides by F − 1. Layer normalization divides by F.",
    ),
    {"std_of": partial(_std, ddof=1)},
)
_wrong_norm(
    "no_eps",
    Text(
        "整列幾乎相同的時候錯了：根號裡要加 eps，反向傳播也要用同一個根號。",
        "rows of nearly equal numbers went wrong: eps is added inside the root, and the way back uses the same root.",
    ),
    {"std_of": lambda x, eps, axis: _std(x, 0.0, axis)},
    {"std_of": lambda x, eps, axis: _std(x, 0.0, axis) + eps},
    {"std_of": lambda x, eps, axis: _std(x, eps**2, axis)},
)


# --- memory_gate_gradient


def _memories() -> Iterator[given]:
    for B, N, D in ((2, 3, 4), (1, 1, 7), (5, 2, 3)):
        draw = rng(D)
        for scale in (1.0, 0.0, 30.0):
            d_new, M, Z = draw.normal(size=(3, B, N, D))
            G = scale * draw.normal(size=(B, N, 2))
            yield given(d_new, M, Z, G, case=_MEMORY.format(B=B, N=N, D=D, scale=scale))


_MEMORY = Text(
    "B = {B}，N = {N}，D = {D}，G 的大小 {scale:g}",
    "B = {B}, N = {N}, D = {D}, G of size {scale:g}",
)


@right_answer(
    cases=_memories,
    terms=lambda d_new, M, Z, G: abs(d_new).max() * max(1, abs(M).max()),
    enough=torch.float32,
    hint=Text(
        "一個閘管著一整格的 D 個數，這 D 個數的損失都和它有關。先想 D = 1，再想 D 個的時候發生什麼事。",
        "One gate governs the D numbers of a slot, and the loss hears of it through all D. Start with D = 1, then ask what happens with more.",
    ),
)
def memory_gate_gradient(d_new, M, Z, G):
    """∂L/∂G (B, N, 2) of M' = σ(G₀) tanh(Z) + σ(G₁ + 1) M, one pair of gates for a whole slot."""
    d_new, M, Z = (torch.tensor(values) for values in (d_new, M, Z))
    G = torch.tensor(G, requires_grad=True)
    new = G[..., :1].sigmoid() * Z.tanh() + (G[..., 1:] + 1).sigmoid() * M
    (new * d_new).sum().backward()
    return G.grad


def _sigmoid(a: np.ndarray) -> np.ndarray:
    return (1 + np.tanh(a / 2)) / 2


def _slope(gates: np.ndarray) -> np.ndarray:
    return gates * (1 - gates)


def _gate_gradient(
    d_new: np.ndarray,
    M: np.ndarray,
    Z: np.ndarray,
    G: np.ndarray,
    shift: tuple[int, int] = (0, 1),
    slope: Callable = _slope,
    factors: Callable = lambda M, Z, gates: (np.tanh(Z), M),
    join: Callable = lambda each: each.sum(axis=-2),
    gate: Callable = _sigmoid,
    upstream: Callable = lambda d_new: d_new,
) -> np.ndarray:
    """With one thing done otherwise; join: of each number's share, (B, N, D, 2)."""
    gates = gate(G + np.array(shift))
    each = upstream(d_new)[..., None] * np.stack(factors(M, Z, gates), axis=-1)
    return join(each * slope(gates)[..., None, :])


def _wrong_gates(
    name: str, text: Text, *options: dict[str, Any], when: Callable | None = None
) -> None:
    """options: of _gate_gradient."""
    ways = (partial(_gate_gradient, **one) for one in options)
    memory_gate_gradient.mistake(name, text, *ways, when=when)


_wrong_gates(
    "not_summed",
    Text(
        "每格只有兩個閘，梯度的形狀應該是 (B, N, 2)：一個閘管了 D 個數，要怎麼合成一個？",
        "a slot has just two gates, so the gradient has shape (B, N, 2): one gate governs D numbers; how do D contributions become one?",
    ),
    {"join": lambda each: each},
    {"join": lambda each: each.mT},
    when=lambda wrong: all(
        seen.got.arrays and seen.got.arrays[0].size == 2 * seen.case.args[0].size for seen in wrong
    ),
)
_wrong_gates(
    "batch_summed",
    Text(
        "你把整批（或各格）也加起來了。閘不是共用的權重：每個序列的每一格，都有自己的兩個。",
        "you added up the batch (or the slots), too. Gates are no shared weights: every slot of every sequence has two of its own.",
    ),
    {"join": lambda each: each.sum(axis=(0, -2))},
    {"join": lambda each: each.sum(axis=(1, -2))},
    {"join": lambda each: each.sum(axis=(0, 1, -2))},
)
_wrong_gates(
    "gates_on_another_axis",
    Text(
        "數的個數對，形狀不對：兩個閘要排在最後一軸，(B, N, 2)。你是沿著哪一軸疊起來的？",
        "there are as many numbers as there should be, in another shape: the two gates belong on the last axis, (B, N, 2). Along which axis did you stack them?",
    ),
    when=lambda wrong: all(
        seen.got.arrays
        and seen.got.arrays[0].size == seen.case.args[3].size
        and seen.got.arrays[0].shape != seen.case.args[3].shape
        for seen in wrong
    ),
)
_wrong_gates(
    "averaged",
    Text(
        "你把 D 份平均了。閘動一點，D 個數都動，損失的變化是 D 份的總和。",
        "you averaged D contributions. When the gate moves, all D numbers move, and the loss changes by their sum.",
    ),
    {"join": lambda each: each.mean(axis=-2)},
)
_wrong_gates(
    "plus_one_forgotten",
    Text(
        "「留」的閘錯了：它是 σ(G + 1)，斜率也要在那裡算。",
        "the gate that keeps is wrong: it is σ(G + 1), and its slope is taken there, too.",
    ),
    {"shift": (0, 0)},
)
_wrong_gates(
    "plus_one_on_both",
    Text(
        "你連「寫」的閘也加了 1。只有「留」的閘有。",
        "you added 1 to the gate that writes as well. Only the one that keeps has it.",
    ),
    {"shift": (1, 1)},
)
_wrong_gates(
    "swapped",
    Text(
        "兩個閘對調了：G 的第 0 個是寫，第 1 個是留；加 1 的是「留」。",
        "the two gates are swapped: number 0 of G writes, number 1 keeps, and it is the latter that has the 1.",
    ),
    {"factors": lambda M, Z, gates: (M, np.tanh(Z))},
    {"join": lambda each: each.sum(axis=-2)[..., ::-1]},
    {"factors": lambda M, Z, gates: (M, np.tanh(Z)), "shift": (1, 0)},
    {"shift": (1, 0)},
)
_wrong_gates(
    "slope_forgotten",
    Text(
        "你停在閘的值 σ(G) 的梯度；題目要的是 G 的梯度，還要穿過 σ。",
        "you stopped at the gradient of the gate's value σ(G); that of G is wanted, so pass through σ.",
    ),
    {"slope": np.ones_like},
    {"slope": lambda gates: gates},
    {"slope": lambda gates: 1 - gates},
)
_wrong_gates(
    "slope_of_tanh",
    Text(
        "你用了 tanh 的導數 1 − g²。閘出自 σ，它的導數是 g(1 − g)。",
        "you took tanh's slope, 1 − g². Gates come out of σ, whose slope is g(1 − g).",
    ),
    {"slope": lambda gates: 1 - gates**2},
    {"slope": lambda gates: _for_writing(1 - gates**2, _slope(gates))},
    {"slope": lambda gates: 1 - gates**2, "gate": np.tanh},
    {
        "slope": lambda gates: _for_writing(1 - gates**2, _slope(gates)),
        "gate": lambda G: _for_writing(np.tanh(G), _sigmoid(G)),
    },
)


def _for_writing(written: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """One thing for the gate that writes, another for the one that keeps."""
    return np.where([True, False], written, kept)


_wrong_gates(
    "gate_not_opened",
    Text(
        "g(1 − g) 裡的 g 是閘的值 σ(…)，你代進去的是 G 本身（或多做了一次 σ）。",
        "in g(1 − g), g is the value of the gate, σ(…). You put in G itself, or applied σ once more.",
    ),
    {"gate": lambda G: G},
    {"gate": lambda G: G, "shift": (0, 0)},
    {"gate": lambda G: _sigmoid(_sigmoid(G))},
)
_wrong_gates(
    "upstream_forgotten",
    Text(
        "你算的只是 M′ 這一行的導數。d_new 沒有用上：損失的梯度還要乘上它。",
        "these are the slopes of the line of M′ alone. d_new was not used: the gradient of the loss has it as a factor.",
    ),
    {"upstream": np.ones_like},
)
_wrong_gates(
    "summed_too_early",
    Text(
        "你先各自加總再相乘。每個數的 d_new 要先乘上它自己的因子，D 個乘積再加起來。",
        "you added first and multiplied then. Every number's d_new meets its own factor first, and the D products are added.",
    ),
    {
        "upstream": lambda d_new: d_new.sum(axis=-1, keepdims=True),
        "factors": lambda M, Z, gates: [
            values.sum(axis=-1, keepdims=True) for values in (np.tanh(Z), M)
        ],
    },
    {"upstream": lambda d_new: d_new.sum(axis=-1, keepdims=True)},
)
_wrong_gates(
    "raw_proposal",
    Text("寫進記憶的是 tanh(Z)，不是 Z。", "what is written into the memory is tanh(Z), not Z."),
    {"factors": lambda M, Z, gates: (Z, M)},
    {"factors": lambda M, Z, gates: (Z, M), "shift": (0, 0)},
)
_wrong_gates(
    "proposal_differentiated",
    Text(
        "你對 Z 微分了。這裡要的是 G 的梯度：σ(G₀) 前面乘的是 tanh(Z) 本身。",
        "you differentiated by Z. The gradient of G is wanted: what σ(G₀) multiplies is tanh(Z) itself.",
    ),
    {"factors": lambda M, Z, gates: (1 - np.tanh(Z) ** 2, M)},
)
_wrong_gates(
    "new_memory_used",
    Text(
        "「留」的閘乘的是舊的記憶 M，不是新的。",
        "what the keeping gate multiplies is the old memory M, not the new one.",
    ),
    {
        "factors": lambda M, Z, gates: (
            np.tanh(Z),
            gates[..., :1] * np.tanh(Z) + gates[..., 1:] * M,
        )
    },
)
_wrong_gates(
    "sign_lost",
    Text(
        "正負號反了：用它做梯度下降，損失會變大。",
        "the sign is reversed: gradient descent with it would make the loss grow.",
    ),
    {"slope": lambda gates: -_slope(gates)},
)


# --- shortcut_accuracy


@right_answer(
    cases=lambda: map(given, (5, 8, 3, 2, 20)),
    hint=Text(
        "分成兩種題目：問的是最後一名（k 題裡有幾題？），和問別的名次。各自答對的機會是多少？",
        "Split the questions in two: those that ask for the last rank (how many in k?), and the others. How often is each answered right?",
    ),
)
def shortcut_accuracy(k):
    """Expected accuracy of: for the last rank the reference itself, else a guess among the others."""
    return 2 / k


shortcut_accuracy.mistake(
    "only_the_last",
    Text(
        "問別的名次時，這個規則還是會猜，有時也會猜中。",
        "for the other ranks the rule still guesses, and is right at times.",
    ),
    lambda k: 1 / k,
)
shortcut_accuracy.mistake(
    "guesses_among_all",
    Text(
        "問別的名次時，參考點自己一定不是答案：它不在猜的範圍裡。",
        "for the other ranks the reference itself is never the answer: it is not among the guesses.",
    ),
    lambda k: 1 / k + (k - 1) / k**2,
)
shortcut_accuracy.mistake(
    "weights_forgotten",
    Text(
        "兩種題目不一樣多，不能直接相加或對半平均：先乘上各自的比例。",
        "the two kinds of question are not equally frequent, so neither add nor halve: weigh each by its share.",
    ),
    lambda k: 1 + 1 / (k - 1),
    lambda k: (1 + 1 / (k - 1)) / 2,
    lambda k: 1 / k + 1 / (k - 1),
    lambda k: (1 / k + 1 / (k - 1)) / 2,
)
shortcut_accuracy.mistake(
    "chances_multiplied",
    Text(
        "你把兩種機會相乘了。一個題目只會是其中一種：各自乘上比例，再相加。",
        "you multiplied two chances. A question is of one kind or the other: take each by its share, and add.",
    ),
    lambda k: 1 / k / (k - 1),
    lambda k: 1 / k**2,
)
shortcut_accuracy.mistake(
    "shares_exchanged",
    Text(
        "兩種題目的比例對調了：k 個名次裡，最後一名只有一個。",
        "the shares of the two kinds are exchanged: of k ranks, just one is the last.",
    ),
    lambda k: (k - 1) / k + 1 / k / (k - 1),
    lambda k: (k - 1) / k + 1 / k**2,
)
shortcut_accuracy.mistake(
    "counted_by_one_wrong",
    Text(
        "數的個數差了一個：名次是 1 到 k，共 k 種；問別的名次時，只有參考向量自己不在猜的範圍裡。",
        "a count is off by one: ranks run from 1 to k, so there are k; and for the other ranks only the reference itself is not among the guesses.",
    ),
    lambda k: 2 / (k + 1),
    lambda k: 2 / (k - 1),
    lambda k: 1 / k + (k - 1) / k / (k - 2) if k > 2 else ...,
    lambda k: 1 / k + (k - 2) / k / (k - 1),
)
shortcut_accuracy.mistake(
    "whole_division",
    Text(
        "// 會捨去小數：準確率大多因此成了 0。",
        "// drops the fraction, which leaves most accuracies at 0.",
    ),
    lambda k: 2 // k,
)
shortcut_accuracy.mistake(
    "approximate",
    Text(
        "很接近，但不準：是不是用了模擬，或四捨五入過？題目要的是期望值本身。",
        "close, and not exact: did you simulate, or round? The expected value itself is wanted.",
    ),
    when=lambda wrong: all(
        seen.got.is_number and abs(seen.got.arrays[0] - 2 / seen.case.args[0]) < 0.06
        for seen in wrong
    ),
)
shortcut_accuracy.mistake(
    "just_chance",
    Text(
        "這是瞎猜的準確率；規則知道最後一名是誰。",
        "that is the accuracy of guessing; the rule knows who is last.",
    ),
    lambda k: 1 / (k - 1),
)
shortcut_accuracy.mistake(
    "in_percent",
    Text("題目要的是比例，不是百分比。", "the question is for a share, not for percent."),
    lambda k: 200 / k,
)
