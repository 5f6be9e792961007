"""Exercises of numpy_lstm: back through time, a gate, unequal lengths, counting, streams of text."""

import itertools
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch

from course_utils.exercises.by_reference import Seen, given, right_answer
from course_utils.language import Text
from course_utils.seeding import rng

# --- rnn_weight_gradients


def _walks() -> Iterator[given]:
    for B, T, D, H in ((3, 5, 4, 6), (2, 7, 3, 3), (4, 1, 2, 5), (1, 2, 1, 2)):
        draw = rng(T)
        X, W = draw.normal(size=(B, T, D)), draw.normal(0, 0.6, (D, H))
        U, d_last = draw.normal(0, 0.6, (H, H)), draw.normal(size=(B, H))
        case = Text(
            f"{B} 個序列、{T} 步、D = {D}、H = {H}", f"B = {B}, {T} steps, D = {D}, H = {H}"
        )
        yield given(X, W, U, d_last, case=case)


@right_answer(
    cases=_walks,
    parts="(d_W, d_U)",
    terms=lambda X, W, U, d_last: abs(d_last).max() * abs(X).max(),
    enough=torch.float32,
    hint=Text(
        "先往前走一遍，把每一步的 h 都留下（第一步之前的 h 是 0）。再從最後一步往回：這一步的 d_a 是什麼？把它乘上什麼，就得到 W 的梯度在這一步的份？乘上什麼，得到 U 的？",
        "Walk forward once and keep every h (before the first step it is 0). Then from the last step back: what is d_a at this step? Times what is it a share of W's gradient, times what a share of U's?",
    ),
)
def rnn_weight_gradients(X, W, U, d_last):
    """(d_W, d_U) of a tanh RNN whose loss sees the last hidden vector only, those of autograd."""
    X, W, U, d_last = (torch.tensor(array) for array in (X, W, U, d_last))
    W.requires_grad_(), U.requires_grad_()
    h = torch.zeros(len(X), len(U), dtype=X.dtype)
    for t in range(X.shape[1]):
        h = torch.tanh(X[:, t] @ W + h @ U)
    (h * d_last).sum().backward()
    return W.grad, U.grad


def _walk(
    X: np.ndarray,
    W: np.ndarray,
    U: np.ndarray,
    d_last: np.ndarray,
    *,
    slope: Callable = lambda hidden, t: 1 - hidden[t + 1] ** 2,
    back: Callable = lambda d_a, d_h, d_last, U: d_a @ U.T,
    order: Callable = reversed,
    by: Callable = lambda hidden, t: hidden[t],
    steps: slice = slice(None),
    divisor: Callable = lambda X: 1,
    finish: Callable = lambda d_W, d_U: (d_W, d_U),
) -> tuple[np.ndarray, np.ndarray]:
    """Back through time with one thing done otherwise; steps: of the way back, those that count."""
    hidden = [np.zeros((len(X), len(U)))]
    for t in range(X.shape[1]):
        hidden.append(np.tanh(X[:, t] @ W + hidden[-1] @ U))
    shares, d_h = [(0 * W, 0 * U)], d_last
    for t in order(range(X.shape[1])):
        d_a = d_h * slope(hidden, t)
        shares.append((X[:, t].T @ d_a, by(hidden, t).T @ d_a))
        d_h = back(d_a, d_h, d_last, U)
    chosen = [shares[0], *shares[1:][steps]]
    d_W, d_U = (sum(part) / divisor(X) for part in zip(*chosen, strict=True))
    return finish(d_W, d_U)


def _wrong_walk(name: str, text: Text, *options: dict[str, Any]) -> None:
    """options: of _walk."""
    rnn_weight_gradients.mistake(name, text, *(partial(_walk, **one) for one in options))


_wrong_walk(
    "last_step_only",
    Text(
        "結果只含一步的梯度。同一組權重每一步都用過：要把每一步的份加起來。",
        "the result holds the gradient of one step only. The same weights were used at every step: their shares must be added up.",
    ),
    {"steps": slice(1)},
    {"steps": slice(-1, None)},
)
_wrong_walk(
    "a_step_missing",
    Text(
        "少走了一步：t 要從最後一步一直到第一步（第一步的 h 是 0，但 x 不是）。",
        "one step is missing: t runs from the last step all the way to the first (where h is 0, but x is not).",
    ),
    {"steps": slice(-1)},
    {"steps": slice(1, None)},
)
_wrong_walk(
    "own_hidden",
    Text(
        "d_U 乘錯了 h：第 t 步的 a = xW + hU 用的是上一步的 h，不是這一步算出來的。",
        "d_U was multiplied with the wrong h: a = xW + hU at step t uses the previous h, not the one computed there.",
    ),
    {"by": lambda hidden, t: hidden[t + 1]},
)
_wrong_walk(
    "index_wraps",
    Text(
        "第一步的 d_U 用到了最後一步的 h：t = 0 時，索引 t − 1 是 −1，也就是最後一個。第一步之前的 h 是 0。",
        "at the first step, d_U took the last h: for t = 0 the index t − 1 is −1, which is the end of the list. Before the first step, h is 0.",
    ),
    {"by": lambda hidden, t: hidden[t] if t else hidden[-1]},
)
_wrong_walk(
    "last_hidden_everywhere",
    Text(
        "往回走的每一步都用了最後的 h。每一步有自己的 h：往前走的時候要全部留下來。",
        "every step back used the last h. Each step has an h of its own: keep them all on the way forward.",
    ),
    {"slope": lambda hidden, t: 1 - hidden[-1] ** 2},
    {"by": lambda hidden, t: hidden[-1]},
    {"slope": lambda hidden, t: 1 - hidden[-1] ** 2, "by": lambda hidden, t: hidden[-1]},
)
_wrong_walk(
    "no_tanh_slope",
    Text(
        "漏了 tanh 的導數：從 d_h 到 d_a，還要乘上一個因子。",
        "the slope of tanh is missing: between d_h and d_a stands one more factor.",
    ),
    {"slope": lambda hidden, t: 1.0},
    {"slope": lambda hidden, t: 1.0, "back": lambda d_a, d_h, d_last, U: d_a @ U},
    {"back": lambda d_a, d_h, d_last, U: d_h @ U.T},
)
_wrong_walk(
    "walks_forward",
    Text(
        "你從第一步往後走。損失只看最後的 h，它的梯度要從最後一步往回傳。",
        "you walk from the first step on. The loss sees the last h only, and its gradient travels back from the last step.",
    ),
    {"order": lambda steps: steps},
)
_wrong_walk(
    "slope_of_input",
    Text(
        "tanh 的導數代錯了：用 1 − h²，其中 h 是 tanh 的「輸出」（現在這一步的，不是上一步的）。",
        "the slope of tanh is wrong: it is 1 − h², where h is tanh's output (of this step, not of the one before).",
    ),
    {"slope": lambda hidden, t: 1 - hidden[t] ** 2},
    {"slope": lambda hidden, t: 1 - np.tanh(hidden[t + 1]) ** 2},
    {"slope": lambda hidden, t: 1 - np.arctanh(hidden[t + 1]) ** 2},
    {"slope": lambda hidden, t: 1 - hidden[t + 1]},
    {"slope": lambda hidden, t: hidden[t + 1] * (1 - hidden[t + 1])},
)
_wrong_walk(
    "not_transposed",
    Text(
        "梯度往回傳到上一步時，要乘 U 的轉置。U 是方陣，忘了轉置形狀也對，所以沒有錯誤訊息。",
        "on its way to the previous step the gradient is multiplied by U transposed. U is square, so without the transpose the shapes fit too, and nothing complains.",
    ),
    {"back": lambda d_a, d_h, d_last, U: d_a @ U},
)
_wrong_walk(
    "not_carried",
    Text(
        "每一步都用了同一個 d_last。損失只看最後的 h；更早的 h 是經過後面那些步，才影響到損失。",
        "every step was given d_last itself. The loss sees the last h only; earlier ones act on it through the steps that follow.",
    ),
    {"back": lambda d_a, d_h, d_last, U: d_last},
)
_wrong_walk(
    "last_added_again",
    Text(
        "每一步都又加了一次 d_last。損失只看最後的 h：d_last 只在最後一步進來。",
        "d_last was added again at every step. The loss sees the last h only: d_last comes in at the last step and nowhere else.",
    ),
    {"back": lambda d_a, d_h, d_last, U: d_a @ U.T + d_last},
)
_wrong_walk(
    "recurrence_skipped",
    Text(
        "往回走時沒有經過 U：h 是乘上 U 才進到下一步的。",
        "the way back does not pass through U: h enters the next step multiplied by U.",
    ),
    {"back": lambda d_a, d_h, d_last, U: d_a},
)
_wrong_walk(
    "averaged",
    Text(
        "梯度差了一個倍數：各步、各序列的份要相加，不是平均（平均已經在損失裡，也就是在 d_last 裡）。",
        "the gradient is off by a factor: the shares of steps and sequences are added, not averaged (any mean is in the loss already, and so in d_last).",
    ),
    {"divisor": len},
    {"divisor": lambda X: X.shape[1]},
    {"divisor": lambda X: X.shape[0] * X.shape[1]},
)
_wrong_walk(
    "result_transposed",
    Text(
        "d_W 或 d_U 轉置了：梯度的形狀與位置和權重一樣，是輸入的轉置乘 d_a。",
        "d_W or d_U is transposed: a gradient is laid out as its weights are, the input's transpose times d_a.",
    ),
    {"finish": lambda d_W, d_U: (d_W, d_U.T)},
    {"finish": lambda d_W, d_U: (d_W.T, d_U.T)},
    {"finish": lambda d_W, d_U: (d_W.T, d_U)},
)


# --- gru_blend_backward


def _blends() -> Iterator[given]:
    for shape in ((3, 4), (1, 7), (5, 1), (2, 3, 2)):
        draw = rng(shape[-1])
        d_h_new, h, a_z, a_n = draw.normal(size=(4, *shape))
        for size in (1.0, 10.0):
            z, n = 1 / (1 + np.exp(-size * a_z)), np.tanh(size * a_n)
            case = Text(f"形狀 {shape}，a 的大小 {size:g}", f"shape {shape}, a of size {size:g}")
            yield given(d_h_new, z, n, 3 * h, case=case)


@right_answer(
    cases=_blends,
    parts="(d_a_z, d_a_n, d_h)",
    terms=lambda d_h_new, z, n, h: 0.1 * abs(d_h_new).max() * abs(h).max(),
    enough=torch.float32,
    hint=Text(
        "只看 h' = (1 − z)·h + z·n 這一行。z 動一點，h' 動多少？n 呢？h 呢？最後，z 與 n 前面各有一個激活函數，穿過去要乘上它的導數。",
        "Look at the one line h' = (1 − z)·h + z·n. If z moves a little, how far does h' move? If n does? If h does? Last, z and n each come out of an activation: going through it multiplies by its slope.",
    ),
)
def gru_blend_backward(d_h_new, z, n, h):
    """(d_a_z, d_a_n, d_h) of a GRU's last line."""
    return d_h_new * (n - h) * z * (1 - z), d_h_new * z * (1 - n**2), d_h_new * (1 - z)


def _blend(
    d: np.ndarray,
    z: np.ndarray,
    n: np.ndarray,
    h: np.ndarray,
    *,
    move: Callable = lambda n, h: n - h,
    share: Callable = lambda z: z,
    kept: Callable = lambda z: 1 - z,
    sigma: Callable = lambda z: z * (1 - z),
    tanh: Callable = lambda n: 1 - n**2,
    upstream: tuple[int, int, int] = (1, 1, 1),
) -> tuple[np.ndarray, ...]:
    """With one thing done otherwise; upstream: which results have d_h_new in them."""
    slopes = move(n, h) * sigma(z), share(z) * tanh(n), kept(z) + 0 * z
    return tuple(slope * d**power for slope, power in zip(slopes, upstream, strict=True))


def _one(value: np.ndarray) -> float:
    return 1.0


_STOPPED = {"sigma": _one, "tanh": _one}


def _wrong_blend(name: str, text: Text, *options: dict[str, Any]) -> None:
    """options: of _blend, each alone and where the way back stops before σ and tanh, too."""
    all_options = [*options, *(_STOPPED | one for one in options if not _STOPPED.keys() & one)]
    gru_blend_backward.mistake(name, text, *(partial(_blend, **one) for one in all_options))


_wrong_blend(
    "old_state_missing",
    Text(
        "d_a_z 少了一半：z 變大時，n 的份變多，「同時」h 的份變少。兩項都要。",
        "d_a_z is only half of it: as z grows, n gains weight and h loses it. Both terms count.",
    ),
    {"move": lambda n, h: n},
    {"move": lambda n, h: -h},
)
_wrong_blend(
    "terms_added",
    Text(
        "d_a_z 裡 h 那一項的正負號錯了：1 − z 對 z 的導數是 −1。",
        "in d_a_z the term with h has the wrong sign: the slope of 1 − z in z is −1.",
    ),
    {"move": lambda n, h: n + h},
)
_wrong_blend(
    "roles_swapped",
    Text(
        "z 與 1 − z 用反了：舊狀態 h 得到的是 1 − z。",
        "z and 1 − z are the wrong way round: the old state h is the one weighted by 1 − z.",
    ),
    *(
        {"share": lambda z: 1 - z, "kept": lambda z: z, "move": move}
        for move in (lambda n, h: n - h, lambda n, h: h - n)
    ),
    {"kept": lambda z: z},
    {"share": lambda z: 1 - z},
)
_wrong_blend(
    "sign_flipped",
    Text(
        "d_a_z 的正負號反了：z 是 n 的權重，1 − z 才是 h 的。",
        "d_a_z has the wrong sign: z is the weight of n, and 1 − z that of h.",
    ),
    {"move": lambda n, h: h - n},
)
_wrong_blend(
    "slope_forgotten",
    Text(
        "你停在 z 與 n。題目要的是 σ 與 tanh「之前」的 a：還要各乘一個導數。",
        "you stopped at z and n. Wanted are the a before σ and tanh: each takes one more slope.",
    ),
    _STOPPED,
    {"sigma": _one},
    {"tanh": _one},
)


def _sigmoid(a: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-a))


_SIGMA_AGAIN = {"sigma": lambda z: _sigmoid(z) * (1 - _sigmoid(z))}
_TANH_AGAIN = {"tanh": lambda n: 1 - np.tanh(n) ** 2}
_wrong_blend(
    "activated_twice",
    Text(
        "z 與 n 已經是 σ 與 tanh 的輸出，導數直接用它們寫：z(1 − z) 與 1 − n²，不要再代進去一次。",
        "z and n have come out of σ and tanh already. Write the slopes with them as they are, z(1 − z) and 1 − n², and do not apply σ or tanh once more.",
    ),
    _SIGMA_AGAIN,
    _TANH_AGAIN,
    _SIGMA_AGAIN | _TANH_AGAIN,
)
_wrong_blend(
    "slopes_exchanged",
    Text(
        "導數用錯了：z 出自 σ，它的導數是 z(1 − z)；n 出自 tanh，它的是 1 − n²。",
        "a slope is wrong: z comes out of σ and has z(1 − z); n comes out of tanh and has 1 − n².",
    ),
    {"sigma": lambda z: 1 - z**2, "tanh": lambda n: n * (1 - n)},
    {"sigma": lambda z: 1 - z**2},
    {"tanh": lambda n: n * (1 - n)},
    {"tanh": lambda n: 1 - n},
)
_wrong_blend(
    "all_to_the_past",
    Text(
        "d_h 應該只有舊狀態所佔的那一份，不是整個 d_h_new。",
        "d_h should be the old state's share only, not all of d_h_new.",
    ),
    {"kept": _one},
)
_wrong_blend(
    "share_forgotten",
    Text(
        "d_a_n 少了 z：n 只佔 h' 的 z 那一份。",
        "d_a_n lacks z: only the share z of h' comes from n.",
    ),
    {"share": _one},
)
_wrong_blend(
    "no_upstream",
    Text(
        "你只算了 h' 這一行的導數。損失的梯度還要乘上 d_h_new。",
        "these are the slopes of the line h' alone. The gradient of the loss takes d_h_new as one more factor.",
    ),
    *(
        {"upstream": powers}
        for powers in itertools.product((0, 1), repeat=3)
        if powers != (1, 1, 1)
    ),
)


# --- last_valid_hidden


def _hidden() -> Iterator[given]:
    for T, H, lengths in (
        (6, 3, [6, 2, 5, 1]),
        (3, 2, [1, 1, 2]),
        (7, 1, [3, 7, 4, 7, 2]),
        (4, 4, [2, 3]),
        (1, 2, [1]),
        (5, 3, [4]),
    ):
        hidden = rng(T).normal(size=(len(lengths), T, H))
        case = Text(f"{T} 步，lengths 是 {lengths}", f"{T} steps, lengths {lengths}")
        yield given(hidden, np.array(lengths), case=case)


@right_answer(
    cases=_hidden,
    terms=lambda hidden, lengths: 0,
    enough=torch.float32,
    hint=Text(
        "每個序列要挑的步不同：第 b 個要第 lengths[b] − 1 步。NumPy 可以用兩個整數陣列同時指定列與步。",
        "Each sequence needs a step of its own: sequence b needs step lengths[b] − 1. NumPy takes two arrays of integers at once, one for the row and one for the step.",
    ),
)
def last_valid_hidden(hidden, lengths):
    """(B, H): the hidden vector after each sequence's own last step; padding follows it."""
    return hidden[np.arange(len(hidden)), lengths - 1]


def _wrong_step(name: str, text: Text, *steps: Callable, when: Callable | None = None) -> None:
    """steps: of hidden and the lengths, one step for each sequence."""
    ways = (lambda x, lengths, at=at: x[np.arange(len(x)), at(x, lengths)] for at in steps)
    last_valid_hidden.mistake(name, text, *ways, when=when)


_wrong_step(
    "padding_read",
    Text(
        "你取了陣列的最後一步。短的序列在那裡只有補齊用的空白時間步，不是它自己的結尾。",
        "you took the last step of the array. A short sequence has only padding there, not its own end.",
    ),
    lambda hidden, lengths: -1,
)
_wrong_step(
    "first_step",
    Text(
        "你取了第一步：讀完整個序列之後的，是它自己的最後一步。",
        "you took the first step: it is the last of its own steps that has read the whole sequence.",
    ),
    lambda hidden, lengths: 0,
)


def _is_too_far(seen: Seen) -> bool:
    """Whether what came out is the step after the last, or an error where there is none."""
    hidden, lengths = seen.case.args
    if lengths.max() == hidden.shape[1]:
        return isinstance(seen.got.error, IndexError)
    after = {"": hidden[np.arange(len(hidden)), lengths]}
    return seen.got.parts is not None and seen.tolerance.allow_all(seen.got.parts[0], after)


_wrong_step(
    "one_too_far",
    Text(
        "多走了一步：長度是 L 的序列，最後一步的索引是 L − 1。",
        "one step too far: the last step of a sequence of length L has index L − 1.",
    ),
    lambda hidden, lengths: np.minimum(lengths, hidden.shape[1] - 1),
    lambda hidden, lengths: lengths % hidden.shape[1],
    when=lambda wrong: len(wrong) > 1 and all(map(_is_too_far, wrong)),
)
_wrong_step(
    "one_too_early",
    Text(
        "少走了一步：索引 L − 1 就已經是第 L 步。",
        "one step too early: index L − 1 is the L-th step already.",
    ),
    lambda hidden, lengths: lengths - 2,
    lambda hidden, lengths: np.maximum(lengths - 2, 0),
)
_wrong_step(
    "counted_from_the_end",
    Text(
        "你從陣列的尾端往回數。長度要從第一步數起，尾端是補齊用的空白時間步。",
        "you counted from the end of the array. A length counts from the first step; padding stands at the end.",
    ),
    lambda hidden, lengths: -lengths,
    lambda hidden, lengths: np.maximum(hidden.shape[1] - lengths - 1, 0),
    lambda hidden, lengths: hidden.shape[1] - lengths - 1,
)
_wrong_step(
    "one_length_for_all",
    Text(
        "所有序列都用了同一個長度。每個序列有自己的長度。",
        "one length was used for all. Every sequence has a length of its own.",
    ),
    *(
        lambda hidden, lengths, one=one: one(lengths) - 1
        for one in (np.max, np.min, lambda lengths: lengths[0], lambda lengths: lengths[-1])
    ),
)


def _over_real(hidden: np.ndarray, lengths: np.ndarray, padding: float = 0.0) -> np.ndarray:
    return np.where((np.arange(hidden.shape[1]) < lengths[:, None])[..., None], hidden, padding)


last_valid_hidden.mistake(
    "mean_of_steps",
    Text(
        "你把各步合在一起了（平均、相加或取最大）。這裡要的是讀完最後一個真的輸入之後，那一步的 h。",
        "you combined the steps (by mean, sum or maximum). Wanted is the h of one step: the one after the last real input.",
    ),
    lambda hidden, lengths: _over_real(hidden, lengths).sum(axis=1) / lengths[:, None],
    lambda hidden, lengths: _over_real(hidden, lengths).sum(axis=1),
    lambda hidden, lengths: _over_real(hidden, lengths).mean(axis=1),
    lambda hidden, lengths: hidden.mean(axis=1),
    lambda hidden, lengths: hidden.sum(axis=1),
    lambda hidden, lengths: hidden.max(axis=1),
    lambda hidden, lengths: _over_real(hidden, lengths, -np.inf).max(axis=1),
    lambda hidden, lengths: _over_real(hidden, lengths).max(axis=1),
)
last_valid_hidden.mistake(
    "every_pair",
    Text(
        "hidden[:, lengths − 1] 會對每個序列取出所有的步，得到 (B, B, H)。列也要用索引陣列指定。",
        "hidden[:, lengths − 1] takes all those steps of every sequence, (B, B, H). Rows need an index array as well.",
    ),
    lambda hidden, lengths: hidden[:, lengths - 1],
)
last_valid_hidden.mistake(
    "padding_zeroed",
    Text(
        "你把補齊的步變成 0，再取陣列的最後一步：短的序列只剩下 0。它的結尾在更前面。",
        "you made padding 0 and took the last step of the array, which leaves short sequences with 0. Their own end lies further to the front.",
    ),
    lambda hidden, lengths: _over_real(hidden, lengths)[:, -1],
)
last_valid_hidden.mistake(
    "order_changed",
    Text(
        "h 都對，序列的順序卻不同了：依長度排過之後，還要排回原來的順序。",
        "every h is right, and the sequences come in another order: what was sorted by length must be put back.",
    ),
    *(
        lambda hidden, lengths, sign=sign: last_valid_hidden.right(hidden, lengths)[
            np.argsort(sign * lengths, stable=True)
        ]
        for sign in (1, -1)
    ),
)
last_valid_hidden.mistake(
    "axis_kept",
    Text(
        "h 都對，多了時間那一軸：你取的是長度 1 的一段（或用了 keepdims），題目要的是 (B, H)。",
        "every h is right, with an axis of time to spare: you took a slice of length 1 (or kept the axis); (B, H) is wanted.",
    ),
    lambda hidden, lengths: last_valid_hidden.right(hidden, lengths)[:, None],
)


# --- lstm_parameters


@right_answer(
    cases=lambda: (given(*sizes) for sizes in ((4, 5, 2), (8, 32, 3), (1, 1, 1), (10, 3, 7))),
    hint=Text(
        "先數一個閘：它有幾個矩陣？形狀各是什麼？偏置呢？再想想這樣的閘有幾個，最後加上輸出層。",
        "Count one gate first: how many matrices, of what shapes? Its bias? Then ask how many such gates there are, and add the output layer.",
    ),
)
def lstm_parameters(input_size, hidden_size, output_size):
    """How many numbers an LSTM with an output layer learns."""
    return 4 * hidden_size * (input_size + hidden_size + 1) + output_size * (hidden_size + 1)


def _wrong_count(name: str, text: Text, *counts: Callable, when: Callable | None = None) -> None:
    """counts: of D, H and K, with what one gate and the output layer should have."""
    ways = (lambda D, H, K, n=count: n(D, H, K, H * (D + H + 1), K * (H + 1)) for count in counts)
    lstm_parameters.mistake(name, text, *ways, when=when)


def _counts(matrices: Callable, gates: int) -> list[Callable]:
    """So many gates of these matrices; with biases or not, with an output layer or not."""
    return [
        lambda D, H, K, gate, out, biases=biases, of_out=of_out: (
            gates * (matrices(D, H) + biases * H) + of_out(H, K)
        )
        for biases in (1, 0)
        for of_out in (lambda H, K: K * (H + 1), lambda H, K: K * H, lambda H, K: 0)
    ]


_wrong_count(
    "one_gate",
    Text(
        "這只是一個閘的數目。f、i、o 和候選值 g，各有一套。",
        "that is one gate. f, i, o and the candidate g each have a set of their own.",
    ),
    *_counts(lambda D, H: D * H + H * H, 1),
)
_wrong_count(
    "three_gates",
    Text(
        "只算了三個閘。候選值 g 雖然用 tanh，也有自己的 W、U、b。",
        "only three were counted. The candidate g uses tanh, yet has its own W, U and b too.",
    ),
    *_counts(lambda D, H: D * H + H * H, 3),
)
_wrong_count(
    "no_recurrent",
    Text(
        "漏了 U：隱藏向量到每個閘，也有一個 (H, H) 的矩陣。",
        "U is missing: each gate also has an (H, H) matrix for the hidden vector.",
    ),
    *_counts(lambda D, H: D * H, 4),
)
_wrong_count(
    "recurrent_shape",
    Text(
        "U 是 (H, H) 的矩陣：不是 H 個數，也和輸入的大小無關。",
        "U is an (H, H) matrix: not H numbers, and the input's size has nothing to do with it.",
    ),
    lambda D, H, K, gate, out: 4 * (D * H + H + H) + out,
    *_counts(lambda D, H: 2 * D * H, 4),
    *_counts(lambda D, H: D * H + D * D, 4),
)
_wrong_count(
    "no_bias",
    Text(
        "漏了偏置：每個閘、輸出層都有一個。",
        "the biases are missing: each gate has one, and so has the output layer.",
    ),
    lambda D, H, K, gate, out: 4 * (gate - H) + out - K,
    lambda D, H, K, gate, out: 4 * (gate - H) + out,
    lambda D, H, K, gate, out: 4 * gate + out - K,
    lambda D, H, K, gate, out: 4 * (gate - H),
)
_wrong_count(
    "bias_is_a_vector",
    Text(
        "偏置的個數不對：算出幾個數，就有幾個偏置，所以一個閘是 H 個，輸出層是 K 個。",
        "the biases are miscounted: there is one for every number that comes out, H for a gate and K for the output layer.",
    ),
    *(
        lambda D, H, K, gate, out, of_gate=of_gate, of_out=of_out: (
            4 * (gate - H + of_gate(D, H)) + out - K + of_out(H, K)
        )
        for of_gate, of_out in itertools.product(
            (lambda D, H: H, lambda D, H: 1, lambda D, H: D),
            (lambda H, K: K, lambda H, K: 1, lambda H, K: H),
        )
        if (of_gate(2, 3), of_out(2, 3)) != (3, 3)
    ),
    lambda D, H, K, gate, out: 4 * (gate - H) + 1 + out,
)
_wrong_count(
    "two_biases",
    Text(
        "這是 torch.nn.LSTM 的數法：每個閘有兩個偏置。這一課的 LSTM 只有一個。",
        "that counts as torch.nn.LSTM does, with two biases a gate. This lesson's LSTM has one.",
    ),
    lambda D, H, K, gate, out: 4 * (gate + H) + out,
    lambda D, H, K, gate, out: 4 * (gate + H),
)
_wrong_count(
    "four_output_layers",
    Text(
        "輸出層被算了四次。四個閘共同產生一個 h，輸出層只讀這個 h。",
        "the output layer was counted four times. Four gates make one h together, and the output layer reads just that.",
    ),
    lambda D, H, K, gate, out: 4 * (gate + out),
    lambda D, H, K, gate, out: 4 * (gate + out) - 3 * K,
)
_wrong_count(
    "output_reads_more",
    Text(
        "輸出層讀的只有 h，大小是 H：它看不到 c，也看不到輸入。",
        "the output layer reads h alone, of size H: it sees neither c nor the input.",
    ),
    lambda D, H, K, gate, out: 4 * gate + out + K * H,
    lambda D, H, K, gate, out: 4 * gate + out + K * D,
    lambda D, H, K, gate, out: 4 * gate + K * (D + 1),
)
_wrong_count(
    "states_counted",
    Text(
        "h 與 c 是算出來的，不是學出來的，不是參數。",
        "h and c are computed and not learned: they are no parameters.",
    ),
    lambda D, H, K, gate, out: 4 * gate + out + 2 * H,
    lambda D, H, K, gate, out: 4 * gate + out + H,
)
_wrong_count(
    "no_output",
    Text("漏了輸出層：從隱藏向量到輸出，還有一個矩陣和偏置。", "the output layer is missing."),
    lambda D, H, K, gate, out: 4 * gate,
)
_wrong_count(
    "times_steps",
    Text(
        "參數的數目和步數無關：每一步用的是同一組。",
        "the number of parameters does not depend on the steps: every step uses the same ones.",
    ),
    *(lambda D, H, K, gate, out, n=steps: n * (4 * gate + out) for steps in range(5, 61)),
)


# --- cut_into_streams


def _texts() -> Iterator[given]:
    for length, num_streams in ((13, 3), (12, 3), (41, 4), (24, 2), (23, 5), (7, 1), (30, 6)):
        ids = rng(length).permutation(length)
        case = Text(
            f"{length} 個字元、{num_streams} 段", f"{length} characters, {num_streams} streams"
        )
        yield given(ids, num_streams, case=case)


@right_answer(
    cases=_texts,
    parts="(X, y)",
    terms=lambda ids, num_streams: 0,
    hint=Text(
        "最後一個字元沒有「下一個」，所以能當輸入的有 N − 1 個。每一段最長能有幾個？先把 X 切好，再想 y：它和 X 差在文章裡往後一個字元，段與段相接的地方也一樣。",
        "The last character has none after it, so N − 1 can be inputs. How many fit into each of the streams at most? Cut X first. Then y: in the text it stands one character further on than X, and that holds where one stream ends and the next begins, too.",
    ),
)
def cut_into_streams(ids, num_streams):
    """(X, y), each (num_streams, L): consecutive parts of the text, and what follows each character."""
    L = (len(ids) - 1) // num_streams
    rows = [ids[r * L : r * L + L + 1] for r in range(num_streams)]
    return np.array(rows)[:, :-1], np.array(rows)[:, 1:]


def _wrong_cut(name: str, text: Text, *ways: Callable) -> None:
    """ways: of the ids, the number of streams B and their right length L."""
    cut_into_streams.mistake(
        name, text, *(lambda ids, B, way=way: way(ids, B, (len(ids) - 1) // B) for way in ways)
    )


def _cut(ids: np.ndarray, B: int, L: int) -> np.ndarray:
    return ids[: B * L].reshape(B, L)


def _windows(ids: np.ndarray, B: int, L: int, apart: int) -> tuple[np.ndarray, np.ndarray]:
    at = apart * np.arange(B)[:, None] + np.arange(L)
    return ids[at], ids[at + 1]


_wrong_cut(
    "interleaved",
    Text(
        "一列裡相鄰的兩個字元，在文章裡隔了好幾個字元。每一列要是連續的一段文章，模型才能沿著它讀下去。",
        "neighbours in a row stand several characters apart in the text. Each row must be one consecutive part of it, or the model cannot read along.",
    ),
    lambda ids, B, L: (_cut(ids, L, B).T, _cut(ids[1:], L, B).T),
)
_wrong_cut(
    "target_is_input",
    Text(
        "y 和 X 相同：照抄輸入，損失就是 0，模型什麼也學不到。y 是下一個字元。",
        "y equals X: a model that copies its input has no loss, and learns nothing. y is the character after.",
    ),
    lambda ids, B, L: (_cut(ids, B, L), _cut(ids, B, L)),
)
_wrong_cut(
    "text_wraps",
    Text(
        "文章最後一個字元的「下一個」被當成文章的第一個。最後一個字元沒有下一個，不能當輸入。",
        "the text's last character is followed by its first. The last one has nothing after it and cannot be an input.",
    ),
    lambda ids, B, L: (_cut(ids, B, len(ids) // B), _cut(np.roll(ids, -1), B, len(ids) // B)),
)
_wrong_cut(
    "row_wraps",
    Text(
        "每一列最後一個目標，變成了那一列自己的第一個字元。它後面的字元在文章裡：就是下一列的開頭。",
        "the last target of each row is that row's own first character. What follows stands in the text: it is where the next row begins.",
    ),
    lambda ids, B, L: (_cut(ids, B, L), np.roll(_cut(ids, B, L), -1, axis=1)),
)
_wrong_cut(
    "seam_lost",
    Text(
        "每一列少了一個字元：先切段、再在列裡面錯開，接縫處的那個目標就丟了。對整篇文章錯開，再切。",
        "each row has a character too few: cut first and shifted inside the rows, the target at the seam is lost. Shift the whole text, then cut.",
    ),
    lambda ids, B, L: (_cut(ids, B, len(ids) // B)[:, :-1], _cut(ids, B, len(ids) // B)[:, 1:]),
    lambda ids, B, L: (_cut(ids, B, L)[:, :-1], _cut(ids, B, L)[:, 1:]),
)
_wrong_cut(
    "looks_back",
    Text(
        "X 和 y 反了：y 是前一個字元。模型該猜的是下一個。",
        "X and y are exchanged: y is the character before. What the model has to guess is the next one.",
    ),
    lambda ids, B, L: (_cut(ids[1:], B, L), _cut(ids, B, L)),
)
_wrong_cut(
    "time_first",
    Text(
        "字元都對，兩軸反了：題目要的是 (num_streams, L)，一列一段。",
        "every character is right, and the axes are exchanged: (num_streams, L) is wanted, a row a stream.",
    ),
    lambda ids, B, L: (_cut(ids, B, L).T, _cut(ids[1:], B, L).T),
)
_wrong_cut(
    "beginning_left_out",
    Text(
        "用不到的字元，你丟在文章開頭；題目說丟在結尾。",
        "the characters that are not needed were left out at the beginning; the task leaves them out at the end.",
    ),
    lambda ids, B, L: (_cut(ids[-B * L - 1 :], B, L), _cut(ids[-B * L :], B, L)),
)
_wrong_cut(
    "rows_overlap",
    Text(
        "各列互相重疊，每一列只比上一列晚一個字元開始。第 r 列要從第 r·L 個字元開始。",
        "the rows overlap: each begins one character after the one above. Row r has to begin at character r·L.",
    ),
    lambda ids, B, L: _windows(ids, B, L, 1),
)
_wrong_cut(
    "length_exchanged",
    Text(
        "num_streams 是列數，你把它當成每一列的長度。",
        "num_streams is the number of rows; you made it their length.",
    ),
    lambda ids, B, L: (_cut(ids, L, B), _cut(ids[1:], L, B)),
)
_wrong_cut(
    "too_short",
    Text(
        "每一列還放得下一個字元：N 個字元裡，有 N − 1 個可以當輸入。",
        "each row has room for one more character: of N characters, N − 1 can be inputs.",
    ),
    lambda ids, B, L: _windows(ids, B, len(ids) // B - 1, len(ids) // B - 1),
    lambda ids, B, L: _windows(ids, B, L - 1, L - 1),
)
_wrong_cut(
    "one_target_a_row",
    Text(
        "每一列只有一個目標。模型每讀一個字元就猜下一個，所以 y 和 X 一樣大。",
        "there is one target a row. The model guesses after every character it reads, so y is as large as X.",
    ),
    lambda ids, B, L: (_cut(ids, B, L), ids[L : B * L + 1 : L]),
)
