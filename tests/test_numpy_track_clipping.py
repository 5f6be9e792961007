"""Clipping by the global norm: torch's numbers, the direction kept, and no gradient it cannot mend."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.numpy_track.training_utils import clip_gradients

#: Overflow is foreseen: it is an error with a message or it is harmless, and never a warning.
pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

seeds = st.integers(0, 2**32 - 1)


def flat(grads):
    return np.concatenate([np.ravel(grads[name]).astype(np.float64) for name in sorted(grads)])


def cosine(a, b):
    return a @ b / np.linalg.norm(a) / np.linalg.norm(b)


@given(seeds, st.floats(1e-6, 1e6), st.floats(1e-6, 1e6), st.sampled_from([np.float32, np.float64]))
def test_clipping_is_torchs(seed, size, max_norm, dtype):
    rng = np.random.default_rng(seed)
    grads = {"a": size * rng.normal(size=(3, 2)), "b": size * rng.normal(size=4)}
    grads = {name: g.astype(dtype) for name, g in grads.items()}
    params = [torch.nn.Parameter(torch.zeros(g.shape, dtype=torch.float64)) for g in grads.values()]
    for param, g in zip(params, grads.values(), strict=True):
        param.grad = torch.tensor(g.astype(np.float64))
    expected_norm = torch.nn.utils.clip_grad_norm_(params, max_norm)
    clipped, norm = clip_gradients(grads, max_norm)
    assert norm == pytest.approx(float(expected_norm), rel=1e-6)
    for g, param in zip(clipped.values(), params, strict=True):
        assert g.dtype == dtype
        # torch divides by the norm + 1e-6
        np.testing.assert_allclose(g, param.grad, rtol=1e-5 + 2e-6 / norm)


@settings(max_examples=50)
@given(seeds, st.floats(1e-3, 1e3))
def test_direction_is_kept_and_the_norm_never_exceeds_the_limit(seed, max_norm):
    rng = np.random.default_rng(seed)
    grads = {"a": 10 * rng.normal(size=7), "b": rng.normal(size=(2, 2))}
    clipped, norm = clip_gradients(grads, max_norm)
    assert norm == pytest.approx(np.linalg.norm(flat(grads)))
    assert cosine(flat(clipped), flat(grads)) == pytest.approx(1)
    assert np.linalg.norm(flat(clipped)) == pytest.approx(min(norm, max_norm))


def test_small_gradients_come_back_as_copies_unchanged():
    grads = {"w": np.float32([3.0, 4.0]), "scalar": np.array(0.0)}
    clipped, norm = clip_gradients(grads)
    assert norm == 5
    np.testing.assert_array_equal(clipped["w"], grads["w"])
    assert clipped["scalar"].shape == ()
    clipped["w"][:] = 0
    assert grads["w"].tolist() == [3, 4]
    assert clip_gradients({"w": np.zeros(2)})[1] == 0
    assert clip_gradients({"w": np.array([1e9])}, np.inf)[0]["w"] == 1e9


def test_the_norm_itself_is_divided_by_however_small():
    """torch adds 1e-6 to it, which would clip small gradients by far too much."""
    clipped, norm = clip_gradients({"w": np.array([3e-7, 4e-7])}, 1e-7)
    assert norm == pytest.approx(5e-7)
    np.testing.assert_allclose(clipped["w"], [0.6e-7, 0.8e-7])


def test_the_limit_is_5_by_default_and_a_norm_at_it_is_left_alone():
    assert np.linalg.norm(clip_gradients({"w": np.array([30.0, 40.0])})[0]["w"]) == 5
    for size in (0.99, 1.0):
        g = size * np.array([3.0, 4.0])
        np.testing.assert_array_equal(clip_gradients({"w": g}, 5.0)[0]["w"], g)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_the_norm_of_low_precision_is_summed_in_float64(dtype):
    g = np.random.default_rng(0).normal(size=5000).astype(dtype)
    _, norm = clip_gradients({"w": g[:4000], "v": g[4000:]})
    ratios = (g / np.abs(g).max()).astype(np.float64)  # the division alone is rounded
    assert norm == pytest.approx(np.linalg.norm(ratios) * np.abs(g).max(), rel=1e-12)


def test_a_norm_beyond_the_largest_float_is_an_error():
    with pytest.raises(ValueError, match="norm of the gradients is beyond the largest float"):
        clip_gradients({"w": np.full(4, 1.5e308)})


def test_squares_that_overflow_do_no_harm():
    clipped, norm = clip_gradients({"w": np.array([3e200, 4e200])}, 1.0)
    assert norm == pytest.approx(5e200)
    np.testing.assert_allclose(clipped["w"], [0.6, 0.8])
    assert clip_gradients({"w": np.array([3e-200, 4e-200])})[1] == pytest.approx(5e-200)


@pytest.mark.parametrize("max_norm", [0, -1.0, float("nan"), None, "5", True])
def test_a_limit_that_is_none(max_norm):
    with pytest.raises(ValueError, match=r"max_norm \(np.inf clips nothing\) must be .* above 0"):
        clip_gradients({"w": np.ones(2)}, max_norm)


@pytest.mark.parametrize(
    ("grads", "message"),
    [
        ({}, "grads must be a dict from name to array"),
        ([np.ones(2)], "grads must be a dict from name to array"),
        ({"w": np.array([np.nan, 1])}, "the gradient of 'w' must be finite, but 1 of its 2"),
        ({"w": np.array([np.inf])}, "the gradient of 'w' must be finite"),
    ],
)
def test_gradients_that_no_factor_would_mend(grads, message):
    with pytest.raises(ValueError, match=message):
        clip_gradients(grads)
