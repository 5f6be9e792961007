"""Exercises of numpy_lstm: back through time, a gate's gradient, sequences of unequal length, counting."""

from typing import Any

import numpy as np
import torch

from course_utils import seeding
from course_utils.exercises import Answer, exercise
from course_utils.language import Text


@exercise(
    hint=Text(
        "先往前走一遍，把每一步的 h 都留下（第一步之前的 h 是 0）。再從最後一步往回：這一步的 d_a 是什麼？它乘上誰，是 W 的一份？乘上誰，是 U 的一份？",
        "Walk forward once and keep every h (before the first step it is 0). Then from the last step "
        "back: what is d_a at this step? Times what is it a share of W's gradient, times what a "
        "share of U's?",
    ),
    last_step_only=Text(
        "結果只含一步的梯度。同一組權重每一步都用過：要把每一步的份加起來。",
        "the result holds the gradient of one step only. The same weights were used at every step: "
        "their shares must be added up.",
    ),
    own_hidden=Text(
        "d_U 乘錯了 h：第 t 步的 a = xW + hU 用的是**上一步**的 h，不是這一步算出來的。",
        "d_U was multiplied with the wrong h: a = xW + hU at step t uses the **previous** h, not the "
        "one computed there.",
    ),
    no_tanh_slope=Text(
        "漏了 tanh 的導數：從 d_h 到 d_a，還要乘上一個因子。",
        "the slope of tanh is missing: between d_h and d_a stands one more factor.",
    ),
    slope_of_input=Text(
        "tanh 的導數代錯了：用 1 − h²，其中 h 是 tanh 的**輸出**（現在這一步的，不是上一步的）。",
        "the slope of tanh is wrong: it is 1 − h², where h is tanh's **output** (of this step, not of "
        "the one before).",
    ),
    not_transposed=Text(
        "梯度傳回上一步時，要乘 U 的轉置。U 是方陣，忘了轉置形狀也對，所以沒有錯誤訊息。",
        "on its way to the previous step the gradient is multiplied by U transposed. U is square, so "
        "without the transpose the shapes fit too, and nothing complains.",
    ),
    not_carried=Text(
        "每一步都用了同一個 d_last。損失只看最後的 h；更早的 h 是經過後面那些步，才影響到損失。",
        "every step was given d_last itself. The loss sees the last h only; earlier ones act on it "
        "through the steps that follow.",
    ),
    averaged=Text(
        "梯度差了一個倍數：各步、各序列的份要相加，不是平均（平均已經在損失裡，也就是在 d_last 裡）。",
        "the gradient is off by a factor: the shares of steps and sequences are added, not averaged "
        "(any mean is in the loss already, and so in d_last).",
    ),
)
def rnn_weight_gradients(answer: Answer) -> None:
    """(d_W, d_U) of a tanh RNN whose loss sees the last hidden vector only, against autograd."""
    rng = seeding.rng(0)
    for B, T, D, H in ((3, 5, 4, 6), (2, 7, 3, 3), (4, 1, 2, 5)):
        X, W = rng.normal(size=(B, T, D)), rng.normal(0, 0.6, (D, H))
        U, d_last = rng.normal(0, 0.6, (H, H)), rng.normal(size=(B, H))
        got = answer.parts(answer(X, W, U, d_last), "(d_W, d_U)")
        right = _rnn_gradients(X, W, U, d_last)
        if not all(answer.matches(g, r, tolerance=1e-7) for g, r in zip(got, right, strict=True)):
            both = np.concatenate([np.ravel(np.asarray(g)) for g in got])
            answer.recognize(both, _wrong_rnn_gradients(X, W, U, d_last), tolerance=1e-7)
        for name, g, r in zip(("d_W", "d_U"), got, right, strict=True):
            answer.require(g, r, f"{name} for {T} steps", tolerance=1e-7)


def _rnn_gradients(X, W, U, d_last) -> tuple[np.ndarray, np.ndarray]:
    X, W, U, d_last = (torch.tensor(array) for array in (X, W, U, d_last))
    W.requires_grad_(), U.requires_grad_()
    h = torch.zeros(len(X), len(U), dtype=X.dtype)
    for t in range(X.shape[1]):
        h = torch.tanh(X[:, t] @ W + h @ U)
    (h * d_last).sum().backward()
    return W.grad.numpy(), U.grad.numpy()


def _wrong_rnn_gradients(X, W, U, d_last) -> dict[str, Any]:
    """Known mistake -> d_W and d_U, both flat and joined, that it gives."""
    right = _rnn_gradients(X, W, U, d_last)
    num_sequences, num_steps = X.shape[:2]
    wrong = {
        "last_step_only": (
            _walk(X, W, U, d_last, steps="last"),
            _walk(X, W, U, d_last, steps="first"),
        ),
        "own_hidden": _walk(X, W, U, d_last, own_hidden=True),
        "no_tanh_slope": _walk(X, W, U, d_last, slope=lambda h, before: 1.0),
        "slope_of_input": (
            _walk(X, W, U, d_last, slope=lambda h, before: 1 - before**2),
            _walk(X, W, U, d_last, slope=lambda h, before: 1 - np.tanh(h) ** 2),
        ),
        "not_transposed": _walk(X, W, U, d_last, back=lambda d_a: d_a @ U),
        "not_carried": _walk(X, W, U, d_last, back=lambda d_a: d_last),
        "averaged": tuple(
            np.concatenate([part.ravel() / count for part in right])
            for count in (num_sequences, num_steps, num_sequences * num_steps)
        ),
    }
    joined = np.concatenate([part.ravel() for part in right])
    return {
        name: tuple(r for r in _as_tuple(results) if not np.allclose(r, joined))
        for name, results in wrong.items()
    }


def _as_tuple(results: Any) -> tuple[Any, ...]:
    return results if isinstance(results, tuple) else (results,)


def _walk(
    X, W, U, d_last, *, steps="all", own_hidden=False, slope=lambda h, before: 1 - h**2, back=None
) -> np.ndarray:
    """Back-propagation through time with one thing changed; d_W and d_U, flat and joined."""
    back = back or (lambda d_a: d_a @ U.T)
    hidden = [np.zeros((len(X), len(U)))]
    for t in range(X.shape[1]):
        hidden.append(np.tanh(X[:, t] @ W + hidden[-1] @ U))
    shares, d_h = [], d_last
    for t in reversed(range(X.shape[1])):
        before, h = hidden[t], hidden[t + 1]
        d_a = d_h * slope(h, before)
        shares.append((X[:, t].T @ d_a, (h if own_hidden else before).T @ d_a))
        d_h = back(d_a)
    chosen = {"all": shares, "last": shares[:1], "first": shares[-1:]}[steps]
    return np.concatenate([sum(part).ravel() for part in zip(*chosen, strict=True)])


@exercise(
    hint=Text(
        "只看 h' = (1 − z)·h + z·n 這一行。z 動一點，h' 動多少？n 呢？h 呢？最後，z 與 n 前面各有一個激活函數，穿過去要乘上它的導數。",
        "Look at the one line h' = (1 − z)·h + z·n. If z moves a little, how far does h' move? If n "
        "does? If h does? Last, z and n each come out of an activation: going through it multiplies "
        "by its slope.",
    ),
    old_state_missing=Text(
        "d_a_z 少了一半：z 變大時，n 的份變多，**同時** h 的份變少。兩項都要。",
        "d_a_z is only half of it: as z grows, n gains weight and h **loses** it. Both terms count.",
    ),
    sign_flipped=Text(
        "d_a_z 的正負號反了：z 是 n 的權重，1 − z 才是 h 的。",
        "d_a_z has the wrong sign: z is the weight of n, and 1 − z that of h.",
    ),
    roles_swapped=Text(
        "z 與 1 − z 用反了：舊狀態 h 得到的是 1 − z。",
        "z and 1 − z are the wrong way round: the old state h is the one weighted by 1 − z.",
    ),
    slope_forgotten=Text(
        "你停在 z 與 n。題目要的是 σ 與 tanh **之前**的 a：還要各乘一個導數。",
        "you stopped at z and n. Wanted are the a **before** σ and tanh: each takes one more slope.",
    ),
    slopes_exchanged=Text(
        "兩個導數用反了：z 出自 σ，n 出自 tanh。",
        "the two slopes are exchanged: z comes out of σ, n out of tanh.",
    ),
    all_to_the_past=Text(
        "d_h 應該只有舊狀態所佔的那一份，不是整個 d_h_new。",
        "d_h should be the old state's share only, not all of d_h_new.",
    ),
)
def gru_blend_backward(answer: Answer) -> None:
    """(d_a_z, d_a_n, d_h) of a GRU's last line, against autograd."""
    rng = seeding.rng(0)
    for shape in ((3, 4), (1, 7), (5, 1)):
        d_h_new, h, a_z, a_n = rng.normal(size=(4, *shape))
        tensors = [torch.tensor(array, requires_grad=True) for array in (a_z, a_n, h)]
        z, n = torch.sigmoid(tensors[0]), torch.tanh(tensors[1])
        (((1 - z) * tensors[2] + z * n) * torch.tensor(d_h_new)).sum().backward()
        right = [tensor.grad.numpy() for tensor in tensors]
        z, n = z.detach().numpy(), n.detach().numpy()
        result = answer(d_h_new, z, n, h)
        got = answer.parts(result, "(d_a_z, d_a_n, d_h)")
        if not all(answer.matches(g, r, tolerance=1e-7) for g, r in zip(got, right, strict=True)):
            joined = np.stack([np.asarray(g, dtype=float) for g in got])
            answer.recognize(joined, _wrong_blends(d_h_new, z, n, h), tolerance=1e-7)
        for name, g, r in zip(("d_a_z", "d_a_n", "d_h"), got, right, strict=True):
            answer.require(g, r, f"{name} of shape {shape}", tolerance=1e-7)


def _wrong_blends(d, z, n, h) -> dict[str, Any]:
    """Known mistake -> the three results, stacked, that it gives."""
    sigma, tanh = z * (1 - z), 1 - n**2
    right = [d * (n - h) * sigma, d * z * tanh, d * (1 - z)]
    return {
        "old_state_missing": np.stack([d * n * sigma, *right[1:]]),
        "sign_flipped": np.stack([-right[0], *right[1:]]),
        "roles_swapped": (
            np.stack([right[0], d * (1 - z) * tanh, d * z]),
            np.stack([-right[0], d * (1 - z) * tanh, d * z]),
        ),
        "slope_forgotten": (
            np.stack([d * (n - h), d * z, right[2]]),
            np.stack([d * (n - h), *right[1:]]),
            np.stack([right[0], d * z, right[2]]),
        ),
        "slopes_exchanged": np.stack([d * (n - h) * (1 - z**2), d * z * n * (1 - n), right[2]]),
        "all_to_the_past": np.stack([*right[:2], d]),
    }


@exercise(
    hint=Text(
        "每個序列要挑的步不同：第 b 個要第 lengths[b] − 1 步。NumPy 可以用兩個整數陣列同時指定列與步。",
        "Each sequence needs a step of its own: sequence b needs step lengths[b] − 1. NumPy takes "
        "two arrays of integers at once, one for the row and one for the step.",
    ),
    padding_read=Text(
        "你取了陣列的最後一步。短的序列在那裡只有填充的空步，不是它自己的結尾。",
        "you took the last step of the array. A short sequence has only padding there, not its own "
        "end.",
    ),
    one_too_far=Text(
        "多走了一步：長度是 L 的序列，最後一步的索引是 L − 1。",
        "one step too far: the last step of a sequence of length L has index L − 1.",
    ),
    mean_of_steps=Text(
        "你把各步平均了。這裡要的是讀完最後一個真的輸入之後，那一步的 h。",
        "you averaged the steps. Wanted is the h of one step: the one after the last real input.",
    ),
    one_length_for_all=Text(
        "所有序列都用了同一個長度。每個序列有自己的長度。",
        "one length was used for all. Every sequence has a length of its own.",
    ),
    every_pair=Text(
        "hidden[:, lengths − 1] 會對每個序列取出所有的步，得到 (B, B, H)。列也要用索引陣列指定。",
        "hidden[:, lengths − 1] takes all those steps of every sequence, (B, B, H). Rows need an index "
        "array as well.",
    ),
)
def last_valid_hidden(answer: Answer) -> None:
    """(B, H): the hidden vector after each sequence's own last step; padding follows it."""
    rng = seeding.rng(0)
    for B, T, H, lengths in (
        (4, 6, 3, [6, 2, 5, 1]),
        (3, 3, 2, [1, 1, 2]),
        (5, 7, 1, [3, 7, 4, 7, 2]),
    ):
        hidden, lengths = rng.normal(size=(B, T, H)), np.array(lengths)
        got = answer(hidden, lengths)
        rows = np.arange(B)
        right = np.array([hidden[b, lengths[b] - 1] for b in rows])
        if np.shape(got) == (B, B, H):
            answer.mistake("every_pair")
        if not answer.matches(got, right, tolerance=1e-9):
            inside = np.arange(T)[None, :] < lengths[:, None]
            means = (hidden * inside[..., None]).sum(axis=1) / lengths[:, None]
            known = {
                "padding_read": hidden[:, -1],
                "one_too_far": (
                    hidden[rows, np.minimum(lengths, T - 1)],
                    hidden[rows, lengths % T],
                ),
                "mean_of_steps": (means, hidden.mean(axis=1)),
                "one_length_for_all": tuple(hidden[:, length - 1] for length in lengths),
            }
            answer.recognize(got, known, tolerance=1e-9)
        answer.require(got, right, f"lengths {lengths.tolist()}", tolerance=1e-9)


@exercise(
    hint=Text(
        "先數一個閘：它有幾個矩陣？形狀各是什麼？偏置呢？再想想這樣的閘有幾個，最後加上輸出層。",
        "Count one gate first: how many matrices, of what shapes? Its bias? Then ask how many such "
        "gates there are, and add the output layer.",
    ),
    one_gate=Text(
        "這只是一個閘的數目。f、i、o 和候選值 g，各有一套。",
        "that is one gate. f, i, o and the candidate g each have a set of their own.",
    ),
    three_gates=Text(
        "只算了三個閘。候選值 g 雖然用 tanh，也有自己的 W、U、b。",
        "only three were counted. The candidate g uses tanh, yet has its own W, U and b too.",
    ),
    no_recurrent=Text(
        "漏了 U：隱藏向量到每個閘，也有一個 (H, H) 的矩陣。",
        "U is missing: each gate also has an (H, H) matrix for the hidden vector.",
    ),
    no_bias=Text(
        "漏了偏置：每個閘、輸出層都有一個。",
        "the biases are missing: each gate has one, and so has the output layer.",
    ),
    two_biases=Text(
        "這是 torch.nn.LSTM 的數法：每個閘有兩個偏置。這一課的 LSTM 只有一個。",
        "that counts as torch.nn.LSTM does, with two biases a gate. This lesson's LSTM has one.",
    ),
    no_output=Text(
        "漏了輸出層：從隱藏向量到輸出，還有一個矩陣和偏置。", "the output layer is missing."
    ),
    times_steps=Text(
        "參數的數目和步數無關：每一步用的是同一組。",
        "the number of parameters does not depend on the steps: every step uses the same ones.",
    ),
)
def lstm_parameters(answer: Answer) -> None:
    """How many numbers an LSTM with an output layer learns."""
    for D, H, K in ((4, 5, 2), (8, 32, 3), (1, 1, 1), (10, 3, 7)):
        got = answer(D, H, K)
        gate, out = H * (D + H + 1), H * K + K
        right = 4 * gate + out
        if not answer.matches(got, right):
            known = {
                "one_gate": (gate + out, gate),
                "three_gates": (3 * gate + out, 3 * gate),
                "no_recurrent": (4 * H * (D + 1) + out, 4 * H * (D + 1)),
                "two_biases": (4 * (gate + H) + out, 4 * (gate + H)),
                "no_output": 4 * gate,
                "no_bias": (4 * H * (D + H) + H * K, 4 * H * (D + H) + out, right - K),
                "times_steps": tuple(steps * right for steps in range(2, 51)),
            }
            answer.recognize(got, known)
        answer.require(got, right, f"input {D}, hidden {H}, output {K}")
