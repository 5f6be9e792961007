"""LSTM and Relational RNN as objects: slots that stay distinct, arguments, parameters, dtypes, copies."""

import copy
import pickle

import numpy as np
import pytest
from numpy_models import RECURRENT, assert_unchanged, copied, stirred

from course_utils.numpy_track.lstm_baseline import LSTM
from course_utils.numpy_track.optimizers import Adam
from course_utils.numpy_track.relational_rnn import (
    RelationalMemory,
    RelationalRNN,
    RelationalRNNCell,
)
from course_utils.numpy_track.training_utils import train_step

# --- slots


def slot_distances(memory):
    """The smallest distance between two slots of each memory (B, N, D)."""
    gaps = np.linalg.norm(memory[:, :, None] - memory[:, None], axis=-1)
    return (gaps + 1e9 * np.eye(memory.shape[1])).min(axis=(1, 2))


@pytest.mark.parametrize(("gate", "at_least"), [("unit", 1e-2), ("memory", 1e-6)])
@pytest.mark.parametrize("seed", range(5))
def test_slots_start_distinct_and_stay_so(gate, at_least, seed):
    """Over 20 steps of noise. An untrained core brings slots closer step by step, but never together."""
    core = stirred(RelationalMemory(4, 16, 2, 3, gate=gate, rng=seed), seed, scale=0)
    memory = core.initial_memory(8)
    np.testing.assert_array_equal(memory[0], np.eye(4, 16))
    rng = np.random.default_rng(seed)
    for _ in range(20):
        memory = core.forward(rng.normal(size=(8, 3)), memory)
    assert slot_distances(memory).min() > at_least


@pytest.mark.parametrize("seed", range(3))
def test_training_leaves_the_slots_distinct(seed):
    model, adam = RelationalRNN(3, 16, 3, 4, 16, 2, rng=seed), Adam()
    rng = np.random.default_rng(seed)
    for _ in range(40):
        X = rng.normal(size=(16, 8, 3))
        train_step(model, X, X[:, 0].argmax(axis=1), 0.005, optimizer=adam)
    _, memory = model.forward(X, return_state=True)
    assert slot_distances(memory).min() > 1e-2


def test_slots_that_start_equal_would_stay_equal_for_ever():
    core = stirred(RelationalMemory(4, 16, 2, 3, rng=0))
    memory, rng = np.zeros((8, 4, 16)), np.random.default_rng(0)
    for _ in range(20):
        memory = core.forward(rng.normal(size=(8, 3)), memory)
    assert np.abs(memory - memory[:, :1]).max() < 1e-12 < 0.1 < np.abs(memory).max()


# --- arguments


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RelationalMemory(5, 4), "at most slot_size.* got 5 slots of size 4"),
        (lambda: RelationalRNN(2, 3, 4, 9, 8, 2), "at most slot_size.* got 9 slots of size 8"),
        (lambda: RelationalMemory(2, 6, 4), "multiple of num_heads, got 6 and 4"),
        (lambda: RelationalMemory(gate="lstm"), r"gate must be one of \('unit', 'memory'\), got"),
        (lambda: RelationalMemory(0), "num_slots must be at least 1, got 0"),
        (lambda: RelationalMemory(key_size=0), "key_size must be at least 1, got 0"),
        (lambda: RelationalRNN(2, 3, 0), "output_size must be at least 1, got 0"),
        (lambda: RelationalRNNCell(None, 3), "input_size must be an integer .* got None"),
        (lambda: LSTM(0, 3), "input_size must be at least 1, got 0"),
        (lambda: LSTM(2, 3.0), "hidden_size must be an integer of at least 1, got 3.0"),
        (lambda: LSTM(2, 3, True), "output_size must be an integer .* got True"),
        (lambda: LSTM(2, 3, forget_bias=np.inf), "forget_bias must be a finite number, got inf"),
        (lambda: LSTM(2, 3, 2, readout_size=0), "readout_size must be at least 1, got 0"),
        (lambda: LSTM(2, 3).forward(np.ones((4, 2))), r"\(B, T, 2\).* got \(4, 2\).* X\[None\]"),
        (lambda: LSTM(2, 3).forward(np.full((1, 1, 2), 1e300)), "beyond the range of float32"),
        (lambda: RelationalMemory().forward(np.ones((2, 3))), r"x must have shape \(B, 64\)"),
        (
            lambda: RelationalMemory().forward(np.ones((2, 64)), np.ones((1, 4, 64))),
            r"memory must have shape \(2, 4, 64\), got \(1, 4, 64\)",
        ),
        (lambda: RelationalMemory().initial_memory(0), "batch_size must be at least 1, got 0"),
    ],
)
def test_what_cannot_be_built_or_run_says_why(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("name", RECURRENT)
def test_parameters_are_copied_in_and_out_and_checked_together(name):
    model = RECURRENT[name](3)
    before, handed_out = copied(model), model.get_params()
    for values in handed_out.values():
        values[...] = 7
    assert_unchanged(model, before)
    model.set_params(handed_out)
    for values in handed_out.values():
        values[...] = np.nan
    assert all((values == 7).all() for values in model.get_params().values())
    model.set_params(before)
    some, lost = dict(before), next(iter(before))
    del some[lost]
    for wrong, message in [
        (some, rf"missing: \['{lost}'\], unknown: \[\]"),
        ({**before, "W_z": np.ones(2)}, r"missing: \[\], unknown: \['W_z'\]"),
        ({**before, "b_out": np.ones(4, np.float32)}, r"'b_out' must have shape \(3,\), got \(4,"),
        ({**before, "b_out": np.float64([1, 2, 3])}, r"got \['float32', 'float64'\]; convert"),
        ({**before, "b_out": np.array([1, 2, 3])}, "'b_out' must hold floats, got dtype int64"),
        ({**before, "b_out": np.float32([1, np.nan, 3])}, "'b_out' holds NaN or infinite"),
        ({}, "a dict from name to array"),
    ]:
        with pytest.raises(ValueError, match=message):
            model.set_params(wrong)
        assert_unchanged(model, before)


@pytest.mark.parametrize("name", RECURRENT)
def test_the_dtype_of_the_parameters_is_that_of_the_arithmetic(name):
    model, X, y = RECURRENT[name](3), np.ones((4, 3, 2)), np.array([0, 1, 2, 0])
    for dtype in (np.float32, np.float64, np.float16):
        model.set_params({k: v.astype(dtype) for k, v in model.get_params().items()})
        _, grads, predictions = model.loss_and_grads(X, y)
        assert {predictions.dtype, *(g.dtype for g in grads.values())} == {np.dtype(dtype)}
        assert model.forward(X).dtype == dtype


@pytest.mark.parametrize("name", RECURRENT)
def test_a_seed_makes_the_model_and_results_outlive_the_next_call(name):
    X = np.random.default_rng(0).normal(size=(4, 3, 2))
    one, same = RECURRENT[name](3), copy.deepcopy(RECURRENT[name](3))
    assert_unchanged(one, same.get_params())
    assert_unchanged(pickle.loads(pickle.dumps(one)), one.get_params())
    outputs, *state = one.forward(X, return_state=True)
    _, grads, predictions = one.loss_and_grads(X, np.array([0, 1, 2, 0]))
    kept = [a.copy() for a in (outputs, *state, predictions, *grads.values())]
    one.loss_and_grads(-X, np.array([2, 2, 2, 2]))
    one.forward(2 * X)
    for now, then in zip((outputs, *state, predictions, *grads.values()), kept, strict=True):
        np.testing.assert_array_equal(now, then)
