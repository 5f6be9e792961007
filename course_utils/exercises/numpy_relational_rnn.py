"""Exercises of numpy_relational_rnn: padded keys, layer norm backward, a gate for a whole slot, a shortcut's worth."""

from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from course_utils import seeding
from course_utils.exercises import Answer, exercise
from course_utils.language import Text

Arrays = tuple[np.ndarray, ...]


@exercise(
    hint=Text(
        "每個批次各有一個長度：先做出形狀 (B, 1, T_k) 的布林陣列，說哪些鍵是真的。長度 0 的那一批最後再想：它的每一列分數都是 −∞。",
        "Every sequence of the batch has its own length: first make a boolean array of shape "
        "(B, 1, T_k) that says which keys are real. Think of length 0 last: there, all scores of a "
        "row are −∞.",
    ),
    masked_after_softmax=Text(
        "權重每列的和不到 1：你在 softmax 之後才把它們變成 0。",
        "rows of weights sum to less than 1: you made them 0 only after the softmax.",
    ),
    score_zeroed=Text(
        "補齊的鍵分數被設成 0，而 e⁰ = 1：它們還是分到了權重。",
        "the scores of padded keys were set to 0, and e⁰ = 1: they still got weight.",
    ),
    mask_too_weak=Text(
        "補齊的鍵裡有很大的數時，它們又被看見了：你加的負數雖然大，分數卻更大。要用比什麼都小的數。",
        "with large numbers in the padded keys, these were seen again: the negative number you "
        "added is large, the score is larger. Use something smaller than everything.",
    ),
    mask_flipped=Text(
        "你看的正好是補齊的鍵，真正的鍵被遮住了。",
        "you look at the padded keys alone; the real ones are masked.",
    ),
    last_key_lost=Text(
        "少看了一個鍵：長度 3 表示第 0、1、2 個鍵都是真的。",
        "one key too few: a length of 3 means that keys 0, 1 and 2 are real.",
    ),
    queries_masked=Text(
        "你遮的是查詢。lengths 說的是鍵有幾個是真的；每個查詢都要有答案。",
        "you masked queries. lengths says how many keys are real; every query wants an answer.",
    ),
    no_padding_mask=Text("補齊的鍵也分到了權重。", "padded keys got weight, too."),
    wrong_scale=Text(
        "分數的縮放不對：內積的標準差隨 √K 變大，K 是鍵的大小。",
        "scores are not scaled as they should be: their standard deviation grows as √K, with K the size of a key.",
    ),
    softmax_over_queries=Text(
        "softmax 沿著查詢做了：加起來是 1 的，應該是同一個查詢的所有鍵。",
        "the softmax ran over queries: what sums to 1 are the keys of one query.",
    ),
    overflow=Text(
        "分數有一萬那麼大時，exp 上溢，結果是 nan。",
        "with scores of ten thousand, exp overflows and the result is nan.",
    ),
    nothing_to_see=Text(
        "長度 0 的那一批，沒有任何鍵可看：權重和輸出應該都是 0，不是 nan，也不是平均。",
        "a sequence of length 0 has no key to look at: weights and output should all be 0, not nan "
        "and not a mean.",
    ),
)
def padded_attention(answer: Answer) -> None:
    """(output, weights) of attention where only the first ``lengths[b]`` keys are real."""
    rng = seeding.rng(0)
    for shape in ((4, 3, 5, 4, 2), (3, 6, 4, 16, 3), (2, 1, 3, 1, 1)):
        B, _, T_k, _, _ = shape
        Q, K, V = _qkv(rng, *shape)
        lengths = np.resize([T_k, 1, T_k - 1, 2], B)
        K, V = _with_padding(K, lengths, 3.0), _with_padding(V, lengths, 9.0)
        _check_padded(answer, (Q, K, V, lengths), f"Q {Q.shape}, K {K.shape}, lengths {lengths}")
    Q, K, V = _qkv(rng, 4, 3, 5, 4, 2)
    lengths = np.array([2, 5, 1, 3])
    huge = _with_padding(K, lengths, 1e15) * np.sign((Q.sum(axis=1) + 0.1)[:, None])
    _check_padded(answer, (abs(Q), abs(huge), V, lengths), "padded keys of 1e15", "mask_too_weak")
    large = 1e2 * Q, 1e2 * K, V, lengths
    _check_padded(answer, large, "scores near ±10,000", "overflow")
    empty = np.array([2, 0, 5, 0])
    _check_padded(answer, (Q, K, V, empty), "a length of 0", "nothing_to_see")


def _qkv(rng: np.random.Generator, B: int, T_q: int, T_k: int, size: int, width: int) -> Arrays:
    shapes = (B, T_q, size), (B, T_k, size), (B, T_k, width)
    return tuple(rng.normal(size=shape) for shape in shapes)


def _with_padding(x: np.ndarray, lengths: np.ndarray, value: float) -> np.ndarray:
    return np.where(_is_real(lengths, x.shape[1])[..., None], x, value)


def _is_real(lengths: np.ndarray, num_keys: int) -> np.ndarray:
    return np.arange(num_keys) < lengths[:, None]


def _check_padded(answer: Answer, given: Arrays, case: str, mistake: str | None = None) -> None:
    """mistake: what a wrong result means here; without it, it is looked up among the known ones."""
    with np.errstate(all="ignore"):
        got = answer.parts(answer(*given), "(output, weights)")
    expected = _padded_by_torch(*given)
    for name, mine, right in zip(("output", "weights"), got, expected, strict=True):
        if not answer.matches(mine, right, tolerance=1e-6):
            if mistake:
                answer.mistake(mistake)
            index = 0 if name == "output" else 1
            known = {key: values[index] for key, values in _other_padded(*given).items()}
            answer.recognize(mine, known, tolerance=1e-6)
        answer.require(mine, right, f"{name}, {case}", tolerance=1e-6)


def _padded_by_torch(Q, K, V, lengths) -> Arrays:
    real = _is_real(lengths, K.shape[1])[:, None]
    scores = torch.tensor(Q @ K.mT / np.sqrt(K.shape[-1])).masked_fill(~torch.tensor(real), -np.inf)
    weights = np.nan_to_num(scores.softmax(dim=-1).numpy())
    return weights @ V, weights


def _other_padded(Q, K, V, lengths) -> dict[str, tuple]:
    """What known mistakes make of output and weights."""
    num_queries, num_keys, size = Q.shape[1], K.shape[1], K.shape[-1]
    raw, real = Q @ K.mT, _is_real(lengths, num_keys)[:, None]
    scores = raw / np.sqrt(size)
    fewer = _is_real(lengths - 1, num_keys)[:, None]
    asking = _is_real(lengths, num_queries)[..., None]
    weights = {
        "no_padding_mask": _softmax(scores),
        "masked_after_softmax": _softmax(scores) * real,
        "score_zeroed": _softmax(scores * real),
        "mask_flipped": _softmax(np.where(real, -np.inf, scores)),
        "last_key_lost": _softmax(np.where(fewer, scores, -np.inf)),
        "queries_masked": _softmax(scores) * asking,
        "wrong_scale": _softmax(np.where(real, raw, -np.inf)),
        "wrong_scale ": _softmax(np.where(real, raw / size, -np.inf)),
        "wrong_scale  ": _softmax(np.where(real, raw / np.sqrt(num_keys), -np.inf)),
        "softmax_over_queries": _softmax(np.where(real, scores, -np.inf), axis=1),
    }
    grouped: dict[str, tuple[list, list]] = {}
    for name, A in weights.items():
        outputs, tables = grouped.setdefault(name.strip(), ([], []))
        outputs.append(A @ V)
        tables.append(A)
    return {name: (tuple(outputs), tuple(tables)) for name, (outputs, tables) in grouped.items()}


def _softmax(scores: np.ndarray, axis: int = -1) -> np.ndarray:
    return np.nan_to_num(torch.tensor(scores).softmax(dim=axis).numpy())


@exercise(
    hint=Text(
        "先讓梯度穿過增益，變成 ∂L/∂x̂。課文的 J 不必建出來：Jᵀ 乘一個向量，只需要兩個平均。增益與偏置則是所有的列共用的。",
        "Take the gradient through the gain first, to ∂L/∂x̂. The lesson's J need not be built: Jᵀ "
        "times a vector takes two means. Gain and bias are shared by all rows.",
    ),
    statistics_constant=Text(
        "你把平均和標準差當成常數。x 動一點，它們也跟著動。",
        "you took mean and standard deviation for constants. When x moves, so do they.",
    ),
    mean_forgotten=Text(
        "少了一項：x 動的時候，平均也跟著動。", "one term is missing: when x moves, the mean moves."
    ),
    deviation_forgotten=Text(
        "少了一項：x 動的時候，標準差也跟著動。",
        "one term is missing: when x moves, the standard deviation moves.",
    ),
    gain_forgotten=Text(
        "∂L/∂x 裡沒有增益：y = 增益 · x̂ + 偏置，梯度要先穿過它。",
        "∂L/∂x lacks the gain: y = gain · x̂ + bias, and the gradient passes through it first.",
    ),
    gain_too_late=Text(
        "增益乘得太晚：它屬於 ∂L/∂x̂，兩個平均都要看得到它。",
        "the gain comes too late: it belongs to ∂L/∂x̂, where both means can see it.",
    ),
    gain_from_raw=Text(
        "∂L/∂gain 要乘的是正規化之後的 x̂，不是 x 或 y。",
        "what ∂L/∂gain multiplies is x̂, after normalization, and not x or y.",
    ),
    rows_averaged=Text(
        "增益與偏置在每一列都用過，梯度是各列的總和，不是平均。",
        "gain and bias are used in every row; their gradients are sums over rows, not means.",
    ),
    rows_not_summed=Text(
        "增益與偏置的梯度形狀應該是 (F,)：除了最後一軸，其餘各軸都要加總。",
        "gradients of gain and bias have shape (F,): all axes but the last are summed over.",
    ),
    over_the_batch=Text(
        "你沿著批次算統計量，那是批次正規化。層正規化的平均與標準差，屬於同一列。",
        "your statistics run over the batch, which is batch normalization. In layer normalization, "
        "mean and standard deviation belong to one row.",
    ),
    bessel=Text(
        "你的變異數除以 F − 1。層正規化除以 F。",
        "your variance divides by F − 1. Layer normalization divides by F.",
    ),
    no_eps=Text(
        "整列幾乎相同的時候錯了：根號裡要加 eps，回程也要用同一個根號。",
        "rows of nearly equal numbers went wrong: eps is added inside the root, and the way back "
        "uses the same root.",
    ),
)
def layer_norm_backward(answer: Answer) -> None:
    """(∂L/∂x, ∂L/∂gain, ∂L/∂bias) equal to autograd's, for any leading axes."""
    rng = seeding.rng(0)
    for shape in ((4, 5), (7,), (3, 2, 6), (2, 1, 3, 4)):
        d_y, x = rng.normal(size=(2, *shape))
        given = d_y, 2 * x + 1, rng.normal(1, 0.7, size=shape[-1])
        _check_norm(answer, given, f"x of shape {shape}")
    flat = 3 + 1e-3 * rng.normal(size=(4, 5))
    flat[0] = 3
    with np.errstate(all="ignore"):
        _check_norm(answer, (rng.normal(size=(4, 5)), flat, np.ones(5)), "nearly equal", "no_eps")


def _check_norm(answer: Answer, given: Arrays, case: str, mistake: str | None = None) -> None:
    got = answer.parts(answer(*given), "(d_x, d_gain, d_bias)")
    expected = _norm_by_torch(*given)
    for mine, right in zip(got[1:], expected[1:], strict=True):
        if np.shape(mine) not in (right.shape, ()) and given[0].ndim > 1:
            answer.mistake("rows_not_summed")
    alternatives = _other_norms(*given)
    names = ("d_x", "d_gain", "d_bias")
    for index, (name, mine, right) in enumerate(zip(names, got, expected, strict=True)):
        if not answer.matches(mine, right, tolerance=1e-6):
            if mistake:
                answer.mistake(mistake)
            known = {key: values[index] for key, values in alternatives.items() if values[index]}
            answer.recognize(mine, known, tolerance=1e-6)
        answer.require(mine, right, f"{name}, {case}", tolerance=1e-6)


def _norm_by_torch(d_y: np.ndarray, x: np.ndarray, gain: np.ndarray) -> Arrays:
    x, gain = (torch.tensor(values, requires_grad=True) for values in (x, gain))
    bias = torch.zeros_like(gain, requires_grad=True)
    F.layer_norm(x, gain.shape, gain, bias, eps=1e-5).backward(torch.tensor(d_y))
    return tuple(values.grad.numpy() for values in (x, gain, bias))


def _norm_with(
    d_hat, x, axis=-1, through_mean=True, through_deviation=True, ddof=0, eps=1e-5
) -> tuple[np.ndarray, np.ndarray]:
    """(∂L/∂x, x̂), with something left out or done otherwise."""
    std = np.sqrt(x.var(axis=axis, keepdims=True, ddof=ddof) + eps)
    x_hat = (x - x.mean(axis=axis, keepdims=True)) / std
    d_x = d_hat
    if through_mean:
        d_x = d_x - d_hat.mean(axis=axis, keepdims=True)
    if through_deviation:
        d_x = d_x - x_hat * (d_hat * x_hat).mean(axis=axis, keepdims=True)
    return d_x / std, x_hat


def _other_norms(d_y: np.ndarray, x: np.ndarray, gain: np.ndarray) -> dict[str, tuple]:
    """Known mistake -> what it makes of d_x, d_gain and d_bias; () where it leaves one as it is."""
    rows = tuple(range(x.ndim - 1))
    d_hat = d_y * gain
    _, x_hat = _norm_with(d_hat, x)
    options = {
        "statistics_constant": {"through_mean": False, "through_deviation": False},
        "mean_forgotten": {"through_mean": False},
        "deviation_forgotten": {"through_deviation": False},
    }
    others: dict[str, tuple] = {
        name: ((_norm_with(d_hat, x, **option)[0],), (), ()) for name, option in options.items()
    }
    plain, _ = _norm_with(d_y, x)
    others["gain_forgotten"] = ((plain,), (), ())
    others["gain_too_late"] = ((plain * gain,), (), ())
    raw = [(d_y * values).sum(axis=rows) for values in (x, gain * x_hat, x - x.mean(-1)[..., None])]
    others["gain_from_raw"] = ((), tuple(raw), ())
    if rows:
        averages = (d_y * x_hat).mean(axis=rows), d_y.mean(axis=rows)
        others["rows_averaged"] = ((), (averages[0],), (averages[1],))
        d_x, batch_hat = _norm_with(d_hat, x, axis=0)
        others["over_the_batch"] = ((d_x,), ((d_y * batch_hat).sum(axis=rows),), ())
    d_x, bessel_hat = _norm_with(d_hat, x, ddof=1)
    others["bessel"] = ((d_x,), ((d_y * bessel_hat).sum(axis=rows),), ())
    with np.errstate(all="ignore"):
        d_x, bare_hat = _norm_with(d_hat, x, eps=0)
        others["no_eps"] = ((d_x,), ((d_y * bare_hat).sum(axis=rows),), ())
    return others


@exercise(
    hint=Text(
        "一個閘管著一整格的 D 個數，這 D 個數的損失都和它有關。先想 D = 1，再想 D 個的時候發生什麼事。",
        "One gate governs the D numbers of a slot, and the loss hears of it through all D. Start "
        "with D = 1, then ask what happens with more.",
    ),
    not_summed=Text(
        "每格只有兩個閘，梯度的形狀應該是 (B, N, 2)：一個閘管了 D 個數，要怎麼合成一個？",
        "a slot has just two gates, so the gradient has shape (B, N, 2): one gate governs D "
        "numbers; how do D contributions become one?",
    ),
    averaged=Text(
        "你把 D 份平均了。閘動一點，D 個數都動，損失的變化是 D 份的總和。",
        "you averaged D contributions. When the gate moves, all D numbers move, and the loss changes "
        "by their sum.",
    ),
    plus_one_forgotten=Text(
        "「留」的閘錯了：它是 σ(G + 1)，斜率也要在那裡算。",
        "the gate that keeps is wrong: it is σ(G + 1), and its slope is taken there, too.",
    ),
    plus_one_on_both=Text(
        "「寫」的閘也被你加了 1。只有「留」的閘有。",
        "you added 1 to the gate that writes as well. Only the one that keeps has it.",
    ),
    swapped=Text(
        "兩個閘對調了：G 的第 0 個是寫，第 1 個是留。",
        "the two gates are swapped: number 0 of G writes, number 1 keeps.",
    ),
    slope_forgotten=Text(
        "你停在閘的值 σ(G) 的梯度；題目要的是 G 的梯度，還要穿過 σ。",
        "you stopped at the gradient of the gate's value σ(G); that of G is wanted, so pass through σ.",
    ),
    raw_proposal=Text(
        "寫進記憶的是 tanh(Z)，不是 Z。", "what is written into the memory is tanh(Z), not Z."
    ),
    new_memory_used=Text(
        "「留」的閘乘的是舊的記憶 M，不是新的。",
        "what the keeping gate multiplies is the old memory M, not the new one.",
    ),
)
def memory_gate_gradient(answer: Answer) -> None:
    """∂L/∂G (B, N, 2) of M' = σ(G₀) tanh(Z) + σ(G₁ + 1) M, one pair of gates for a whole slot."""
    rng = seeding.rng(0)
    for B, N, D in ((2, 3, 4), (1, 1, 7), (5, 2, 2)):
        for scale in (1.0, 0.0, 30.0):
            d_new, M, Z = rng.normal(size=(3, B, N, D))
            G = scale * rng.normal(size=(B, N, 2))
            with np.errstate(over="ignore"):
                got = answer(d_new, M, Z, G)
            expected = _gates_by_torch(d_new, M, Z, G)
            if np.shape(got) == (B, N, 2 * D) or np.shape(got) == (B, N, D, 2):
                answer.mistake("not_summed")
            if np.shape(got) in ((B, N, 2, D), (2, B, N, D)):
                answer.mistake("not_summed")
            if not answer.matches(got, expected, tolerance=1e-7):
                answer.recognize(got, _other_gates(d_new, M, Z, G), tolerance=1e-7)
            case = f"B = {B}, N = {N}, D = {D}, G of size {scale:g}"
            answer.require(got, expected, case, tolerance=1e-7)


def _gates_by_torch(d_new, M, Z, G) -> np.ndarray:
    d_new, M, Z = (torch.tensor(values) for values in (d_new, M, Z))
    G = torch.tensor(G, requires_grad=True)
    new = G[..., :1].sigmoid() * Z.tanh() + (G[..., 1:] + 1).sigmoid() * M
    new.backward(d_new)
    return G.grad.numpy()


def _other_gates(d_new, M, Z, G) -> dict[str, Any]:
    """What known mistakes make of the gradient."""
    s, proposal = torch.sigmoid, np.tanh(Z)
    G = torch.tensor(G)
    write, keep = s(G[..., 0]).numpy(), s(G[..., 1] + 1).numpy()

    def both(write_slope, keep_slope, write_factor=proposal, keep_factor=M, how=np.sum):
        parts = how(d_new * write_factor, axis=-1), how(d_new * keep_factor, axis=-1)
        return np.stack([parts[0] * write_slope, parts[1] * keep_slope], axis=-1)

    def slope(gate):
        return gate * (1 - gate)

    bare, raised = s(G[..., 1]).numpy(), s(G[..., 0] + 1).numpy()
    right = slope(write), slope(keep)
    new = write[..., None] * proposal + keep[..., None] * M
    return {
        "averaged": both(*right, how=np.mean),
        "plus_one_on_both": both(slope(raised), slope(keep)),
        "plus_one_forgotten": both(slope(write), slope(bare)),
        "swapped": (
            both(*right, write_factor=M, keep_factor=proposal),
            both(*right)[..., ::-1],
            both(slope(raised), slope(bare), write_factor=M, keep_factor=proposal),
        ),
        "slope_forgotten": (both(1.0, 1.0), both(write, keep)),
        "raw_proposal": both(*right, write_factor=Z),
        "new_memory_used": both(*right, keep_factor=new),
    }


@exercise(
    hint=Text(
        "分成兩種題目：問的是最後一名（k 題裡有幾題？），和問別的名次。各自答對的機會是多少？",
        "Split the questions in two: those that ask for the last rank (how many in k?), and the "
        "others. How often is each answered right?",
    ),
    only_the_last=Text(
        "問別的名次時，這個規則還是會猜，有時也會猜中。",
        "for the other ranks the rule still guesses, and is right at times.",
    ),
    guesses_among_all=Text(
        "問別的名次時，參考向量自己一定不是答案：它不在猜的範圍裡。",
        "for the other ranks the reference itself is never the answer: it is not among the guesses.",
    ),
    weights_forgotten=Text(
        "兩種題目不一樣多，不能直接相加或對半平均：先乘上各自的比例。",
        "the two kinds of question are not equally frequent, so neither add nor halve: weigh each "
        "by its share.",
    ),
    just_chance=Text(
        "這是瞎猜的準確率；規則知道最後一名是誰。",
        "that is the accuracy of guessing; the rule knows who is last.",
    ),
)
def shortcut_accuracy(answer: Answer) -> None:
    """Expected accuracy of: for the last rank the reference itself, else a guess among the others."""
    for k in (5, 8, 3, 2, 20):
        got, others = answer(k), k - 1
        expected = 1 / k + others / k / others
        if not answer.matches(got, expected):
            answer.recognize(
                got,
                {
                    "only_the_last": 1 / k,
                    "guesses_among_all": 1 / k + others / k**2,
                    "weights_forgotten": (1 + 1 / others, (1 + 1 / others) / 2, 1 / k + 1 / others),
                    "just_chance": 1 / others,
                },
            )
        answer.require(got, expected, f"k = {k}")
