"""Attention, layer normalization and initial weights against PyTorch and against their definitions."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from course_utils.numpy_track.attention import (
    attend,
    attend_backward,
    create_causal_mask,
    multi_head_attention,
    multi_head_attention_backward,
    scaled_dot_product_attention,
    scaled_dot_product_attention_backward,
)
from course_utils.numpy_track.initializers import orthogonal_initializer, xavier_initializer
from course_utils.numpy_track.layer_norm import layer_norm, layer_norm_backward

#: Overflow is foreseen: it is an error with a message or it is harmless, and never a warning.
pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

sizes, seeds = st.integers(1, 6), st.integers(0, 2**32 - 1)


def tensors(*arrays):
    return [torch.tensor(x, requires_grad=True) for x in arrays]


# --- scaled dot-product attention


def a_mask(kind, shape, rng):
    """A mask that leaves every query at least one key, and the same one for torch."""
    if kind == "none":
        return None, None
    if kind == "causal":
        mask = create_causal_mask(max(shape[-2:]))[: shape[-2], : shape[-1]]
        return mask, torch.from_numpy(mask)
    allowed = rng.random(shape) < 0.5
    allowed[..., rng.integers(shape[-1])] = True
    if kind == "bools":
        return allowed, torch.from_numpy(allowed)
    added = np.where(allowed, rng.normal(size=shape), -np.inf)
    return added, torch.from_numpy(added)


@settings(max_examples=150)
@given(
    seeds,
    st.lists(st.integers(1, 3), max_size=2),
    *[sizes] * 4,
    st.sampled_from(["none", "causal", "bools", "floats"]),
    st.booleans(),
)
def test_attention_and_its_slopes_are_torchs(seed, leading, T_q, T_k, K, V, kind, shared):
    rng = np.random.default_rng(seed)
    q, k, v = (rng.normal(size=(*leading, *s)) for s in ((T_q, K), (T_k, K), (T_k, V)))
    mask, torch_mask = a_mask(kind, (T_q, T_k) if shared else (*leading, T_q, T_k), rng)
    output, weights = scaled_dot_product_attention(q, k, v, mask)
    Q, K_, V_ = tensors(q, k, v)
    expected = F.scaled_dot_product_attention(Q, K_, V_, attn_mask=torch_mask)
    np.testing.assert_allclose(output, expected.detach(), rtol=0, atol=1e-12)
    np.testing.assert_allclose(weights @ v, output, atol=1e-12)
    np.testing.assert_allclose(weights.sum(axis=-1), 1, atol=1e-12)
    if kind == "causal":
        assert (np.triu(weights, 1) == 0).all()
    d_output = rng.normal(size=output.shape)
    expected.backward(torch.from_numpy(d_output))
    slopes = scaled_dot_product_attention_backward(d_output, q, k, v, weights)
    for ours, theirs in zip(slopes, (Q.grad, K_.grad, V_.grad), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)


def test_the_causal_mask_is_added_to_scores_and_hides_what_is_later():
    inf = np.inf
    expected = [[0, -inf, -inf], [0, 0, -inf], [0, 0, 0]]
    np.testing.assert_array_equal(create_causal_mask(3), expected)
    rng = np.random.default_rng(0)
    q, k, v = rng.normal(size=(3, 2, 4, 5))
    output, _ = scaled_dot_product_attention(q, k, v, create_causal_mask(4))
    k[:, 2:], v[:, 2:] = 9, 9
    changed, _ = scaled_dot_product_attention(q, k, v, create_causal_mask(4))
    np.testing.assert_array_equal(output[:, :2], changed[:, :2])
    assert (output[:, 2:] != changed[:, 2:]).all()


def test_scores_of_ten_thousand_neither_overflow_nor_blur():
    q = np.array([[[1e4, 0]]])
    k = np.array([[[1.0, 0], [-1.0, 0], [0.999, 0]]])
    output, weights = scaled_dot_product_attention(q, k, np.eye(3)[None])
    expected = F.scaled_dot_product_attention(*map(torch.from_numpy, (q, k, np.eye(3)[None])))
    np.testing.assert_allclose(output, expected, rtol=1e-9)
    assert weights[0, 0, 1] == 0


X = np.ones((2, 3, 4))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: create_causal_mask(0), "seq_len must be at least 1, got 0"),
        (
            lambda: scaled_dot_product_attention(X, X[..., :3], X),
            "same leading axes; got .*2, 3, 3",
        ),
        (lambda: scaled_dot_product_attention(X, X, X[:, :2]), "must have shapes"),
        (lambda: scaled_dot_product_attention(X, X[:1], X[:1]), "must have shapes"),
        (lambda: scaled_dot_product_attention(X[0, 0], X, X), "must have shapes"),
        (lambda: scaled_dot_product_attention(X * np.nan, X, X), "Q must be finite"),
        (lambda: scaled_dot_product_attention(X, X, X, np.eye(3)), r"mask.astype\(bool\)"),
        (lambda: scaled_dot_product_attention(X, X, X, np.eye(3, dtype=int)), "dtype int64"),
        (lambda: scaled_dot_product_attention(X, X, X, X[:, :, :2] > 0), "broadcast to .2, 3, 3"),
        (lambda: scaled_dot_product_attention(X, X, X, X[None, :, :, :3] > 0), "broadcast to"),
        (
            lambda: scaled_dot_product_attention(X, X, X, np.zeros((3, 3), bool)),
            "no key to look at; allow it at least one",
        ),
        (lambda: scaled_dot_product_attention(X, X, X, np.full((3, 3), np.nan)), "got NaN or"),
        (
            lambda: scaled_dot_product_attention_backward(X[:1], X, X, X, X[..., :3]),
            "d_output and weights must have the shapes of the outputs",
        ),
        (lambda: multi_head_attention(X, X, X, 3), "multiple of num_heads = 3"),
        (lambda: multi_head_attention(X, X, X, 0), "num_heads must be at least 1, got 0"),
        (lambda: multi_head_attention(X[0], X[0], X[0], 2), r"shape \(B, T, D\)"),
        (lambda: multi_head_attention(X, X, X, 2, W_k=np.eye(3)), r"W_k must have shape \(4, 4\)"),
        (lambda: multi_head_attention_backward(X[:1], X, X, X, 2), "d_output must have shape"),
        (lambda: layer_norm(X, np.ones(3), np.ones(4)), r"gain and bias must have shape \(4,\)"),
        (lambda: layer_norm(X * np.inf, np.ones(4), np.ones(4)), "x must be finite"),
        (
            lambda: layer_norm_backward(X[0], layer_norm(X, np.ones(4), np.ones(4))[1]),
            r"d_y must have the shape of y, \(2, 3, 4\), got \(3, 4\)",
        ),
        (lambda: xavier_initializer((3,)), r"\(fan_in, fan_out\), got \(3,\)"),
        (lambda: xavier_initializer((3, 0)), "each number in shape must be at least 1, got 0"),
        (lambda: orthogonal_initializer(3), "shape must be that of a matrix"),
        (lambda: orthogonal_initializer((3, 3), np.nan), "gain must be a finite number, got nan"),
        (lambda: orthogonal_initializer((3, 3), rng="0"), "rng, if it is a seed, must be"),
    ],
)
def test_what_makes_no_sense_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("kind", ["bools", "floats"])
@pytest.mark.parametrize("where", [(1, 0), (0, 2)])
def test_one_query_that_may_look_nowhere_is_enough_to_be_refused(where, kind):
    x, allowed = np.ones((2, 3, 4)), np.ones((2, 3, 3), bool)
    allowed[where] = False
    mask = allowed if kind == "bools" else np.where(allowed, 0.5, -np.inf)
    for call in (
        lambda: scaled_dot_product_attention(x, x, x, mask),
        lambda: multi_head_attention(x, x, x, 2, mask=mask),
        lambda: multi_head_attention_backward(x, x, x, x, 2, mask=mask),
    ):
        with pytest.raises(ValueError, match="leaves a query no key to look at"):
            call()
    allowed[where][1] = True  # one key is enough
    _, weights = scaled_dot_product_attention(x, x, x, allowed)
    assert weights[where].tolist() == [0, 1, 0]


@pytest.mark.parametrize("added", [np.inf, np.nan])
def test_a_single_number_that_no_mask_may_hold(added):
    mask = np.zeros((3, 3))
    mask[1, 2] = added
    with pytest.raises(ValueError, match="finite numbers or -inf, got NaN or"):
        scaled_dot_product_attention(X, X, X, mask)


def test_lists_are_accepted_and_float32_stays_whatever_the_mask():
    rng = np.random.default_rng(0)
    q, k, v, d = rng.normal(size=(4, 2, 3, 4)).astype(np.float32)
    for mask in (None, create_causal_mask(3), np.eye(3, dtype=bool), rng.normal(size=(3, 3))):
        results = scaled_dot_product_attention(q, k, v, mask)
        slopes = scaled_dot_product_attention_backward(d, q, k, v, results[1])
        heads = multi_head_attention(q, k, v, 2, mask=mask)
        grads = multi_head_attention_backward(d, q, k, v, 2, mask=mask)
        for x in (*results, *slopes, *heads, *grads.values()):
            assert x.dtype == np.float32
        as_lists = scaled_dot_product_attention(q.tolist(), k.tolist(), v.tolist(), mask)
        np.testing.assert_allclose(as_lists[0], results[0], atol=1e-6)
        back = scaled_dot_product_attention_backward(
            *(x.tolist() for x in (d, q, k, v)), results[1].tolist()
        )
        np.testing.assert_allclose(back[0], slopes[0], atol=1e-6)
    mixed = scaled_dot_product_attention(q, k.astype(np.float64), v)
    assert mixed[0].dtype == mixed[1].dtype == np.float64


def test_results_are_written_where_the_caller_says():
    rng = np.random.default_rng(0)
    q, k, v, d = rng.normal(size=(4, 2, 3, 4))
    output, weights = attend(q, k, v)
    out = np.empty_like(output)
    assert attend(q, k, v, out=out)[0] is out
    np.testing.assert_array_equal(out, output)
    slopes = attend_backward(d, q, k, v, weights)
    outs = tuple(np.empty_like(x) for x in slopes)
    for returned, written, expected in zip(
        attend_backward(d, q, k, v, weights, outs), outs, slopes, strict=True
    ):
        assert returned is written
        np.testing.assert_array_equal(written, expected)


def test_four_heads_by_default():
    x = np.random.default_rng(0).normal(size=(2, 3, 8))
    assert multi_head_attention(x, x, x)[1].shape == (2, 4, 3, 3)
    default, four = (
        multi_head_attention_backward(x, x, x, x, **options) for options in ({}, {"num_heads": 4})
    )
    np.testing.assert_array_equal(default["Q"], four["Q"])


def test_a_mask_for_each_head_and_one_for_each_sequence():
    rng = np.random.default_rng(0)
    x, by_head = rng.normal(size=(2, 3, 4)), rng.random((2, 2, 3, 3)) < 0.5
    by_head[..., 0] = True
    _, weights = multi_head_attention(x, x, x, 2, mask=by_head)
    np.testing.assert_array_equal(weights > 0, by_head)
    _, weights = multi_head_attention(x, x, x, 2, mask=by_head[:, 0])
    np.testing.assert_array_equal(weights > 0, by_head[:, :1].repeat(2, axis=1))


# --- several heads


@settings(max_examples=80)
@given(seeds, *[st.integers(1, 4)] * 5, st.booleans(), st.booleans())
def test_multi_head_attention_and_its_slopes_are_torchs(
    seed, B, T_q, T_k, num_heads, head_size, projected, masked
):
    rng, D = np.random.default_rng(seed), num_heads * head_size
    q, k, v = (rng.normal(size=(B, T, D)) for T in (T_q, T_k, T_k))
    W = rng.normal(size=(4, D, D)) if projected else [np.eye(D)] * 4
    given_W = dict(zip(("W_q", "W_k", "W_v", "W_o"), W, strict=True)) if projected else {}
    mask, torch_mask = a_mask("bools" if masked else "none", (B, T_q, T_k), rng)
    output, weights = multi_head_attention(q, k, v, num_heads, **given_W, mask=mask)
    named = dict(
        zip(["Q", "K", "V", "W_q", "W_k", "W_v", "W_o"], tensors(q, k, v, *W), strict=True)
    )
    heads = [
        (named[x] @ named[f"W_{x.lower()}"]).unflatten(-1, (num_heads, head_size)).transpose(1, 2)
        for x in "QKV"
    ]
    by_head = None if torch_mask is None else torch_mask[:, None]
    merged = F.scaled_dot_product_attention(*heads, attn_mask=by_head).transpose(1, 2).flatten(-2)
    expected = merged @ named["W_o"]
    np.testing.assert_allclose(output, expected.detach(), rtol=0, atol=1e-10)
    assert weights.shape == (B, num_heads, T_q, T_k)
    d_output = rng.normal(size=output.shape)
    expected.backward(torch.from_numpy(d_output))
    grads = multi_head_attention_backward(d_output, q, k, v, num_heads, **given_W, mask=mask)
    assert grads.keys() == named.keys()
    for name, g in grads.items():
        np.testing.assert_allclose(g, named[name].grad, rtol=0, atol=1e-9, err_msg=name)


def test_multi_head_attention_equals_torchs_own_layer():
    rng = np.random.default_rng(0)
    layer = torch.nn.MultiheadAttention(6, 3, bias=False, batch_first=True, dtype=torch.float64)
    x = rng.normal(size=(2, 5, 6))
    mask = create_causal_mask(5)
    with torch.no_grad():
        W_q, W_k, W_v = (W.numpy().T for W in layer.in_proj_weight.chunk(3))
        W_o = layer.out_proj.weight.numpy().T
        t, hidden = torch.from_numpy(x), torch.from_numpy(np.isinf(mask))
        expected = layer(t, t, t, attn_mask=hidden, average_attn_weights=False)
    ours = multi_head_attention(x, x, x, 3, W_q, W_k, W_v, W_o, mask)
    for one, other in zip(ours, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-12)


# --- layer normalization


@settings(max_examples=80)
@given(seeds, st.lists(st.integers(1, 4), max_size=2), st.integers(1, 7), st.floats(-3, 3))
def test_layer_norm_and_its_slopes_are_torchs(seed, leading, F_, log_scale):
    rng = np.random.default_rng(seed)
    x = 10**log_scale * rng.normal(3, 1, size=(*leading, F_))
    gain, bias, d_y = rng.normal(size=F_), rng.normal(size=F_), rng.normal(size=x.shape)
    y, cache = layer_norm(x, gain, bias)
    slopes = layer_norm_backward(d_y, cache)
    t = tensors(x, gain, bias)
    expected = F.layer_norm(t[0], (F_,), t[1], t[2], eps=1e-5)
    expected.backward(torch.from_numpy(d_y))
    np.testing.assert_allclose(y, expected.detach(), rtol=0, atol=1e-9)
    for ours, theirs in zip(slopes, t, strict=True):
        scale = max(1, float(theirs.grad.abs().max()))
        np.testing.assert_allclose(ours, theirs.grad, rtol=0, atol=1e-9 * scale)


def test_epsilon_stands_below_the_root_and_float32_stays():
    """Seen only where the variance is about as small: two features, 2 d apart."""
    for d in (1e-2, 10**-2.5, 1e-3):
        y, (x_hat, inv_std, gain) = layer_norm(np.array([[-d, d]]), np.ones(2), np.zeros(2))
        expected = d / np.sqrt(d**2 + 1e-5)
        np.testing.assert_allclose(y, [[-expected, expected]], rtol=1e-12)
        np.testing.assert_array_equal(x_hat, y)
        np.testing.assert_allclose(inv_std, [[expected / d]], rtol=1e-12)
        np.testing.assert_array_equal(gain, [1, 1])
    x = np.float32([[1.0, 2.0, 4.0]])
    y, cache = layer_norm(x, np.ones(3, np.float32), np.zeros(3, np.float32))
    slopes = layer_norm_backward(y, cache)
    assert {y.dtype, *(s.dtype for s in slopes)} == {np.dtype(np.float32)}


def test_layer_norm_writes_to_nothing_it_was_given_and_takes_lists():
    x, gain, bias, d_y = [[1.0, 2.0, 4.0]], [1.0, 2.0, 3.0], [0.5, 0.0, 0.0], [[1.0, 0.0, -1.0]]
    arrays = [np.array(a) for a in (x, gain, bias, d_y)]
    cache = layer_norm(*arrays[:3])[1]
    slopes = layer_norm_backward(arrays[3], cache)
    again = layer_norm_backward(d_y, layer_norm(x, gain, bias)[1])
    for one, other in zip(slopes, again, strict=True):
        np.testing.assert_array_equal(one, other)
    for array, values in zip(arrays, (x, gain, bias, d_y), strict=True):
        np.testing.assert_array_equal(array, values)
    np.testing.assert_array_equal(layer_norm_backward(d_y, cache)[0], slopes[0])


@pytest.mark.parametrize("wrong", ["gain", "bias"])
def test_gain_and_bias_must_both_fit(wrong):
    shapes = {"gain": np.ones(4), "bias": np.ones(4)} | {wrong: np.ones(3)}
    with pytest.raises(ValueError, match=r"gain and bias must have shape \(4,\)"):
        layer_norm(X, **shapes)


# --- initial weights


@given(st.integers(1, 20), st.integers(1, 20), st.floats(0.1, 5), seeds)
def test_orthogonal_weights_keep_lengths(rows, columns, gain, seed):
    W = orthogonal_initializer((rows, columns), gain, rng=seed)
    assert W.shape == (rows, columns)
    gram = W @ W.T if rows <= columns else W.T @ W
    np.testing.assert_allclose(gram, gain**2 * np.eye(len(gram)), atol=1e-10)
    np.testing.assert_array_equal(W, orthogonal_initializer((rows, columns), gain, rng=seed))


@pytest.mark.parametrize("shape", [(3, 3), (5, 2), (2, 5)])
def test_orthogonal_weights_are_the_q_of_a_normal_matrix_with_the_signs_of_r(shape):
    tall = max(shape), min(shape)
    q, r = np.linalg.qr(np.random.default_rng(7).normal(size=tall))
    q = q * np.sign(np.diag(r))
    expected = q if shape == tall else q.T
    np.testing.assert_array_equal(orthogonal_initializer(shape, rng=7), expected)
    np.testing.assert_array_equal(orthogonal_initializer(shape, -0.5, rng=7), -0.5 * expected)


def test_no_orthogonal_matrix_is_preferred():
    """Without the signs, QR would give the diagonal one sign, and a trace far from 0 on average."""
    traces = [np.trace(orthogonal_initializer((4, 4), rng=seed)) for seed in range(2000)]
    assert abs(np.mean(traces)) < 5 / np.sqrt(2000)
    assert np.std(traces) == pytest.approx(1, abs=0.1)  # Diaconis and Shahshahani 1994


@given(st.integers(1, 40), st.integers(1, 40), seeds)
def test_xavier_weights_stay_within_their_bound(fan_in, fan_out, seed):
    W = xavier_initializer((fan_in, fan_out), rng=seed)
    assert W.shape == (fan_in, fan_out)
    assert np.abs(W).max() <= np.sqrt(6 / (fan_in + fan_out))


def test_xavier_weights_have_glorots_variance_and_no_mean():
    W = xavier_initializer((300, 500), rng=0)
    assert W.var() == pytest.approx(2 / 800, rel=0.02)
    assert abs(W.mean()) < 5 * W.std() / np.sqrt(W.size)
