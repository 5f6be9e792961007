"""Attention: every query looks at all keys, and takes a weighted mean of their values.

Vaswani et al. 2017, "Attention is all you need", section 3.2. T_q queries and T_k keys of K numbers,
values of V numbers; leading axes (batch, heads) are worked on side by side.
"""

from typing import Any

import numpy as np

from course_utils.numpy_track.checks import NonFiniteError, as_floats, check_count

Grads = dict[str, np.ndarray]
QKV = tuple[np.ndarray, np.ndarray, np.ndarray]


def create_causal_mask(seq_len: int) -> np.ndarray:
    """(T, T), 0 where the key is not later than the query, -inf where it is: added to the scores."""
    check_count("seq_len", seq_len)
    return np.triu(np.full((seq_len, seq_len), -np.inf), k=1)


def scaled_dot_product_attention(
    Q: Any, K: Any, V: Any, mask: Any = None
) -> tuple[np.ndarray, np.ndarray]:
    """(output, weights): weights = softmax(Q Kᵀ / √K + mask), output = weights V.

    Raises ValueError if shapes do not fit, on NaN, and for a query that may look nowhere.

    Args:
        Q: (..., T_q, K).
        K: (..., T_k, K).
        V: (..., T_k, V).
        mask: broadcasts to (..., T_q, T_k); bools, True if a query may look there, or floats that are
            added to the scores, -inf if it may not.

    >>> output, weights = scaled_dot_product_attention(np.zeros((2, 4)), np.ones((2, 4)), np.eye(2))
    >>> weights.tolist()  # equal scores, equal weights
    [[0.5, 0.5], [0.5, 0.5]]
    """
    Q, K, V = _checked_qkv(Q, K, V)
    added = _additive_mask(mask, (*Q.shape[:-1], K.shape[-2]), Q.dtype)
    return attend(Q, K, V, added)


def scaled_dot_product_attention_backward(
    d_output: Any, Q: Any, K: Any, V: Any, weights: Any
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(∂L/∂Q, ∂L/∂K, ∂L/∂V) from ∂L/∂output and the weights; a mask has done its work in these."""
    Q, K, V = _checked_qkv(Q, K, V)
    d_output, weights = as_floats("d_output", d_output), as_floats("weights", weights)
    expected = (*Q.shape[:-1], V.shape[-1]), (*Q.shape[:-1], K.shape[-2])
    if (d_output.shape, weights.shape) != expected:
        raise ValueError(
            f"d_output and weights must have the shapes of the outputs, {expected[0]} and "
            f"{expected[1]}; got {d_output.shape} and {weights.shape}"
        )
    return attend_backward(d_output, Q, K, V, weights)


def multi_head_attention(
    Q: Any,
    K: Any,
    V: Any,
    num_heads: int = 4,
    W_q: Any = None,
    W_k: Any = None,
    W_v: Any = None,
    W_o: Any = None,
    mask: Any = None,
) -> tuple[np.ndarray, np.ndarray]:
    """(output, weights): H attentions side by side, each on its own part of the projected features.

    Raises ValueError as ``scaled_dot_product_attention`` does.

    Args:
        Q: (B, T_q, D), D a multiple of ``num_heads``.
        K: (B, T_k, D).
        V: (B, T_k, D).
        num_heads: H.
        W_q: (D, D), the identity if None; so are the next three.
        W_k: of the keys.
        W_v: of the values.
        W_o: of the output.
        mask: as for ``scaled_dot_product_attention``, (T_q, T_k), (B, T_q, T_k) or (B, H, T_q, T_k).

    Returns:
        concat(heads) W_o, (B, T_q, D), and the weights, (B, H, T_q, T_k).
    """
    heads, W_o, added = _checked_heads(Q, K, V, num_heads, (W_q, W_k, W_v, W_o), mask)
    output, weights = attend(*heads, added)
    return merge_heads(output) @ W_o, weights


def multi_head_attention_backward(
    d_output: Any,
    Q: Any,
    K: Any,
    V: Any,
    num_heads: int = 4,
    W_q: Any = None,
    W_k: Any = None,
    W_v: Any = None,
    W_o: Any = None,
    mask: Any = None,
) -> Grads:
    """Gradients by argument name (Q, K, V, W_q, W_k, W_v, W_o) from ∂L/∂output (B, T_q, D).

    Goes forward once more to find the weights. Raises ValueError as ``multi_head_attention`` does.
    """
    heads, W_o, added = _checked_heads(Q, K, V, num_heads, (W_q, W_k, W_v, W_o), mask)
    output, weights = attend(*heads, added)
    merged, d_output = merge_heads(output), as_floats("d_output", d_output)
    if d_output.shape != merged.shape:
        raise ValueError(f"d_output must have shape {merged.shape}, got {d_output.shape}")
    d_heads = attend_backward(split_heads(d_output @ W_o.T, num_heads), *heads, weights)
    grads = {"W_o": np.einsum("btd,bte->de", merged, d_output)}
    for name, x, W, d_head in zip("qkv", (Q, K, V), (W_q, W_k, W_v), d_heads, strict=True):
        d_projected = merge_heads(d_head)
        grads[f"W_{name}"] = np.einsum("btd,bte->de", np.asarray(x), d_projected)
        grads[name.upper()] = d_projected if W is None else d_projected @ np.asarray(W).T
    return grads


def split_heads(x: np.ndarray, num_heads: int) -> np.ndarray:
    """(B, T, D) as (B, H, T, D/H), a view: head number h gets the h-th part of the features."""
    B, T, D = x.shape
    return x.reshape(B, T, num_heads, D // num_heads).swapaxes(1, 2)


def merge_heads(x: np.ndarray) -> np.ndarray:
    """(B, H, T, D/H) back to (B, T, D)."""
    B, H, T, head_size = x.shape
    return x.swapaxes(1, 2).reshape(B, T, H * head_size)


def attend(
    q: np.ndarray,
    k: np.ndarray,
    v: np.ndarray,
    added: np.ndarray | None = None,
    out: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """(output, weights) without checks. out: where to write the output."""
    scores = q @ k.mT
    scores *= q.shape[-1] ** -0.5
    if added is not None:
        scores += added
    weights = _softmax(scores)
    return np.matmul(weights, v, out=out), weights


def attend_backward(
    d_output: np.ndarray,
    q: np.ndarray,
    k: np.ndarray,
    v: np.ndarray,
    weights: np.ndarray,
    out: tuple[np.ndarray | None, ...] = (None, None, None),
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(∂L/∂q, ∂L/∂k, ∂L/∂v) without checks. out: where to write them.

    Softmax: weights of a row share a sum of 1, so what all of them gain, none of them gains.
    """
    d_weights = d_output @ v.mT
    d_scores = d_weights - np.vecdot(d_weights, weights)[..., None]
    d_scores *= weights
    d_scores *= q.shape[-1] ** -0.5
    d_q, d_k, d_v = out
    return (
        np.matmul(d_scores, k, out=d_q),
        np.matmul(d_scores.mT, q, out=d_k),
        np.matmul(weights.mT, d_output, out=d_v),
    )


def _softmax(scores: np.ndarray) -> np.ndarray:
    """exp(s_j) / Σ_k exp(s_k) along the last axis.

    With the keys on the first axis, maximum and sum run over whole arrays, not over rows of a few
    numbers, which is several times as fast.
    """
    by_key = np.ascontiguousarray(np.moveaxis(scores, -1, 0))
    by_key -= by_key.max(axis=0)  # changes nothing, and then no exp overflows
    np.exp(by_key, out=by_key)
    weights = np.empty(scores.shape, scores.dtype)
    np.divide(by_key, by_key.sum(axis=0), out=np.moveaxis(weights, -1, 0))
    return weights


def _checked_qkv(Q: Any, K: Any, V: Any) -> QKV:
    arrays = [as_floats(name, x) for name, x in zip("QKV", (Q, K, V), strict=True)]
    Q, K, V = arrays
    fit = min(x.ndim for x in arrays) >= 2 and Q.shape[-1] == K.shape[-1]
    if not fit or not Q.shape[:-2] == K.shape[:-2] == V.shape[:-2] or K.shape[-2] != V.shape[-2]:
        raise ValueError(
            "Q, K and V must have shapes (..., T_q, K), (..., T_k, K) and (..., T_k, V) with the same "
            f"leading axes; got {Q.shape}, {K.shape} and {V.shape}"
        )
    dtype = np.result_type(*arrays)
    q, k, v = (x.astype(dtype, copy=False) for x in arrays)
    return q, k, v


def _checked_heads(
    Q: Any, K: Any, V: Any, num_heads: int, matrices: tuple, mask: Any
) -> tuple[QKV, np.ndarray, np.ndarray | None]:
    """Projected queries, keys and values by head, the output matrix, and the mask to be added."""
    Q, K, V = _checked_qkv(Q, K, V)
    D, num_heads = Q.shape[-1], check_count("num_heads", num_heads)
    if Q.ndim != 3 or V.shape[-1] != D or D % num_heads:
        raise ValueError(
            "Q, K and V must have shape (B, T, D), with the same D, a multiple of num_heads = "
            f"{num_heads}; got {Q.shape}, {K.shape} and {V.shape}"
        )
    checked = []
    for name, W in zip("qkvo", matrices, strict=True):
        W = np.eye(D, dtype=Q.dtype) if W is None else as_floats(f"W_{name}", W)
        if W.shape != (D, D):
            raise ValueError(f"W_{name} must have shape ({D}, {D}), got {W.shape}")
        checked.append(W)
    *projections, W_o = checked
    q, k, v = (split_heads(x @ W, num_heads) for x, W in zip((Q, K, V), projections, strict=True))
    if mask is not None and np.ndim(mask) == 3:
        mask = np.asarray(mask)[:, None]
    return (q, k, v), W_o, _additive_mask(mask, (*q.shape[:-1], K.shape[-2]), q.dtype)


def _additive_mask(mask: Any, scores_shape: tuple, dtype: np.dtype) -> np.ndarray | None:
    if mask is None:
        return None
    mask = np.asarray(mask)
    if mask.dtype.kind not in "bf" or (mask.dtype.kind == "f" and set(np.unique(mask)) == {0, 1}):
        raise ValueError(
            "mask must be bools, True if a query may look there, or floats to add to the scores, 0 or "
            f"-inf; got dtype {mask.dtype}. For a mask of 0s and 1s write mask.astype(bool)"
        )
    try:
        fits = np.broadcast_shapes(mask.shape, scores_shape) == scores_shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"mask must broadcast to {scores_shape}, (..., T_q, T_k); got {mask.shape}"
        )
    added = np.where(mask, 0, -np.inf) if mask.dtype.kind == "b" else mask
    if np.isnan(added).any() or (added == np.inf).any():
        raise NonFiniteError("mask must hold finite numbers or -inf, got NaN or +inf")
    if np.isneginf(np.broadcast_to(added, scores_shape)).all(axis=-1).any():
        raise ValueError("mask leaves a query no key to look at; allow it at least one")
    return added.astype(dtype)
