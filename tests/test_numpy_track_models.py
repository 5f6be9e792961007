"""LSTM and Relational RNN as objects: slots that stay distinct, arguments, parameters, dtypes, copies."""

import copy
import pickle
from itertools import pairwise

import numpy as np
import pytest
from numpy_models import RECURRENT, assert_unchanged, copied, stirred

from course_utils.numpy_track.activations import sigmoid
from course_utils.numpy_track.buffers import Buffers
from course_utils.numpy_track.checks import NonFiniteError
from course_utils.numpy_track.lstm_baseline import LSTM
from course_utils.numpy_track.optimizers import Adam
from course_utils.numpy_track.relational_rnn import (
    RelationalMemory,
    RelationalRNN,
    RelationalRNNCell,
)
from course_utils.numpy_track.training_utils import train_step

#: Overflow is foreseen: it is an error with a message or it is harmless, and never a warning.
pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

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
        (lambda: RelationalRNNCell(2, 0), "hidden_size must be at least 1, got 0"),
        (lambda: LSTM(0, 3), "input_size must be at least 1, got 0"),
        (lambda: LSTM(2, 3.0), "hidden_size must be an integer of at least 1, got 3.0"),
        (lambda: LSTM(2, 3, True), "output_size must be an integer .* got True"),
        (lambda: LSTM(2, 3, forget_bias=np.inf), "forget_bias must be a finite number, got inf"),
        (lambda: LSTM(2, 3, 2, readout_size=0), "readout_size must be at least 1, got 0"),
        (lambda: LSTM(2, 3).forward(np.ones((4, 2))), r"\(B, T, 2\).* got \(4, 2\).* X\[None\]"),
        (lambda: LSTM(2, 3, 0), "output_size must be at least 1, got 0"),
        (lambda: LSTM(2, 3).forward([[[1.0, 1e300]]]), "beyond the range of float32"),
        (lambda: RelationalMemory(input_size=0), "input_size must be at least 1, got 0"),
        (lambda: RelationalMemory().forward(np.ones((2, 3))), r"x must have shape \(B, 64\)"),
        (
            lambda: RelationalMemory().forward(np.ones(64)),
            r"x must have shape \(B, 64\), got \(64,\)",
        ),
        (
            lambda: RelationalMemory().forward(np.ones((2, 64, 64))),
            r"x must have shape \(B, 64\), got \(2, 64, 64\)",
        ),
        (
            lambda: RelationalMemory(input_size=2).forward([[1.0, 1e300]]),
            "x has numbers beyond the range of float32",
        ),
        (
            lambda: RelationalMemory(2, 2, 1, 1).forward([[1.0]], [[[0.0, 1.0], [1e300, 0.0]]]),
            "memory has numbers beyond the range of float32",
        ),
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
    core = RelationalMemory(2, 4, 2, 3, rng=0)
    assert core.initial_memory(5).dtype == np.float32
    core.set_params({k: v.astype(np.float64) for k, v in core.get_params().items()})
    assert core.initial_memory(5).dtype == core.forward(np.ones((5, 3))).dtype == np.float64


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


# --- where parameters begin, and numbers end


@pytest.mark.parametrize("forget_bias", [None, 0.0, 2.5])
def test_an_lstm_begins_with_its_forget_gate_open_and_no_other_bias(forget_bias):
    options = {} if forget_bias is None else {"forget_bias": forget_bias}
    params = LSTM(40, 30, 20, readout_size=10, rng=0, **options).get_params()
    expected = 1.0 if forget_bias is None else forget_bias
    np.testing.assert_array_equal(params["b_f"], np.full(30, expected, np.float32))
    for name in ("b_i", "b_c", "b_o", "b_h", "b_out"):
        assert not params[name].any(), name
    for gate in "fico":
        U, W = params[f"U_{gate}"], params[f"W_{gate}"]
        np.testing.assert_allclose(U @ U.T, np.eye(30), atol=1e-5)
        bound = np.sqrt(6 / 70)
        assert 0.95 * bound < np.abs(W).max() <= bound
    assert np.abs(params["W_h"]).max() <= np.sqrt(6 / 40)
    assert np.abs(params["W_out"]).max() <= np.sqrt(6 / 30)
    assert all(values.dtype == np.float32 for values in params.values())
    weights = [v for v in params.values() if v.ndim == 2]
    assert all(not np.array_equal(a, b) for a, b in pairwise(weights))


@pytest.mark.parametrize(("gate", "num_gates"), [("unit", 16), ("memory", 2)])
def test_a_memory_begins_with_gains_of_1_and_biases_of_0(gate, num_gates):
    core = RelationalMemory(3, 8, 2, 5, gate=gate, key_size=3, rng=0)
    params = core.get_params()
    shapes = {"x": (5, 8), "qkv": (8, 2 * (3 + 3 + 4)), "1": (8, 8), "2": (8, 8)}
    shapes |= {"gi": (8, 2 * (num_gates // 2)), "gm": (8, 2 * (num_gates // 2))}
    for name, shape in shapes.items():
        W = params[f"W_{name}"]
        bound = np.sqrt(6 / sum(shape))
        assert W.shape == shape and 0.7 * bound < np.abs(W).max() <= bound
        assert params[f"b_{name}"].shape == shape[1:] and not params[f"b_{name}"].any()
    for name in ("qkv", "attention", "mlp"):
        assert (params[f"ln_{name}_gain"] == 1).all() and not params[f"ln_{name}_bias"].any()


def test_sizes_that_are_left_out():
    core = RelationalMemory(rng=0)
    assert (core.num_slots, core.slot_size, core.num_heads, core.input_size) == (4, 64, 2, 64)
    assert (core.gate, core.key_size, core.value_size) == ("unit", 32, 32)
    cell = RelationalRNNCell(3, 5, rng=0)
    assert (cell.core.num_slots, cell.core.slot_size, cell.core.num_heads) == (4, 64, 2)
    model = RelationalRNN(3, 5, 2, rng=0)
    core = model.cell.core
    assert (core.num_slots, core.slot_size, core.num_heads, core.gate) == (4, 64, 2, "unit")
    RelationalMemory(4, 4, 4, rng=0)  # as many slots as numbers in each
    for readout_size, width in ((None, 3), (5, 5)):
        model = LSTM(2, 3, readout_size=readout_size, rng=0)
        assert model.output_size == width == model.forward(np.ones((1, 4, 2))).shape[-1]


def test_what_a_core_returned_outlives_its_next_call():
    core = stirred(RelationalMemory(3, 4, 2, 2, rng=0))
    rng = np.random.default_rng(0)
    first = core.forward(rng.normal(size=(5, 2)))
    kept = first.copy()
    second = core.forward(rng.normal(size=(5, 2)), first)
    np.testing.assert_array_equal(first, kept)
    assert not np.shares_memory(first, second)
    assert np.abs(second - first).max() > 1e-3
    cell = stirred(RelationalRNNCell(2, 3, 3, 4, 2, rng=0))
    h, memory = cell.forward(rng.normal(size=(5, 2)))
    kept = h.copy(), memory.copy()
    cell.forward(rng.normal(size=(5, 2)))
    np.testing.assert_array_equal(h, kept[0])
    np.testing.assert_array_equal(memory, kept[1])
    model = stirred(RelationalRNN(2, 3, 4, 3, 4, 2, rng=0))
    maps = model.attention_maps(rng.normal(size=(5, 4, 2)))
    kept = maps.copy()
    model.attention_maps(rng.normal(size=(5, 4, 2)))
    np.testing.assert_array_equal(maps, kept)


def huge(params, name, rows=np.s_[:], value=1e25):
    params[name][rows] = value
    return params


def against_each_other(params):
    huge(params, "W_x", value=9)
    huge(params, "W_gi", np.s_[:, 0], -3e38)
    return huge(huge(params, "b_gi", 0, 3e38), "b_gm", 0, 3e38)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda p: huge(p, "W_x"),  # the variance of keys, queries and values overflows
        lambda p: huge(p, "ln_qkv_gain", np.s_[-2:]),  # that of attended values
        lambda p: huge(p, "W_2", np.s_[:, 0]),  # that of the layer behind
        against_each_other,  # ∞ - ∞ in one gate
    ],
    ids=["qkv", "attention", "mlp", "gate"],
)
def test_numbers_that_overflow_inside_a_memory_are_an_error(spoil):
    model = RelationalRNN(3, 2, 2, 2, 4, 2, rng=0)
    core = model.cell.core
    model.set_params(spoil(model.get_params()))
    x = np.abs(np.random.default_rng(0).normal(size=(2, 3)))
    for run, X in ((core.forward, x), (model.forward, x[None]), (model.attention_maps, x[None])):
        with pytest.raises(NonFiniteError, match="left the range of float32 on the way; normalize"):
            run(X)


def test_outputs_that_overflow_are_an_error():
    for model in (LSTM(2, 3, 2, rng=0), RelationalRNN(2, 3, 2, 2, 4, 2, rng=0)):
        params = model.get_params()
        for name in ("b_c", "b_i", "b_o", "b_h"):  # so that h is far above 0
            params.get(name, np.empty(1))[:] = 10
        params["W_out"][:] = params["b_out"][:] = 3e38
        model.set_params(params)
        with pytest.raises(NonFiniteError, match="the outputs left the range of float32"):
            model.forward(np.ones((1, 2, 2)))


def test_the_arguments_of_a_model_reach_its_core():
    options = {"gate": "memory", "key_size": 3, "rng": 0}
    for core in (
        RelationalRNNCell(2, 5, 3, 8, 4, **options).core,
        RelationalRNN(2, 5, 7, 3, 8, 4, **options).cell.core,
    ):
        assert (core.num_slots, core.slot_size, core.num_heads) == (3, 8, 4)
        assert (core.gate, core.key_size, core.value_size, core.input_size) == ("memory", 3, 2, 2)
    model = RelationalRNN(2, 5, 7, 3, 8, 4, **options)
    assert (model.input_size, model.hidden_size, model.output_size) == (2, 5, 7)
    again = RelationalRNN(2, 5, 7, 3, 8, 4, **options)
    assert_unchanged(again, model.get_params())
    for whole in (model, RelationalRNNCell(2, 5, 3, 8, 4, **options)):
        drawn = [values.ravel()[:3] for values in whole.get_params().values() if values.ndim == 2]
        starts = {tuple((values / values[0]).round(3)) for values in drawn}
        assert len(starts) == len(drawn), "two matrices begin with the same numbers"
    other = RelationalRNN(2, 5, 7, 3, 8, 4, **{**options, "rng": 1}).get_params()
    for name, values in model.get_params().items():
        assert np.array_equal(values, other[name]) == (values.ndim == 1), name


def test_inputs_that_saturate_every_gate_are_no_trouble():
    X = np.array([[[1e4, -1e4], [-1e4, 1e4]]])
    for model in (LSTM(2, 3, 2, rng=0), RelationalRNN(2, 3, 2, 2, 4, 2, rng=0)):
        assert np.isfinite(model.forward(X)).all()
        loss, grads, _ = model.loss_and_grads(X, np.array([1]))
        assert np.isfinite(loss) and all(np.isfinite(g).all() for g in grads.values())


@pytest.mark.parametrize("name", RECURRENT)
def test_a_model_writes_to_nothing_it_was_given(name):
    model, rng = RECURRENT[name](3), np.random.default_rng(0)
    X, y = rng.normal(size=(4, 3, 2)).astype(np.float32), rng.dirichlet(np.ones(3), 4)
    kept = X.copy(), y.copy()
    model.forward(X)
    model.loss_and_grads(X, y)
    np.testing.assert_array_equal(X, kept[0])
    np.testing.assert_array_equal(y, kept[1])


def test_a_core_writes_to_nothing_it_was_given():
    core, rng = RelationalMemory(3, 4, 2, 2, rng=0), np.random.default_rng(0)
    x, memory = np.float32(rng.normal(size=(5, 2))), np.float32(rng.normal(size=(5, 3, 4)))
    kept = x.copy(), memory.copy()
    core.forward(x, memory)
    np.testing.assert_array_equal(x, kept[0])
    np.testing.assert_array_equal(memory, kept[1])


def test_parameters_of_other_precisions_and_other_names_are_refused():
    model = LSTM(2, 3, 2, rng=0)
    before = copied(model)
    wide = {name: values.astype(np.longdouble) for name, values in before.items()}
    with pytest.raises(ValueError, match="must all be float16, all float32 or all float64, got"):
        model.set_params(wide)
    with pytest.raises(ValueError, match=r"unknown: \[1, 'V'\]"):
        model.set_params({**before, "V": np.ones(1, np.float32), 1: np.ones(1, np.float32)})
    assert_unchanged(model, before)


def test_buffers_hand_out_the_same_memory_until_more_or_another_dtype_is_needed():
    buffers = Buffers()
    first = buffers(np.dtype(np.float32), a=(3, 4), b=(2,))
    assert (
        first["a"].shape == (3, 4) and first["b"].shape == (2,) and first["a"].dtype == np.float32
    )
    assert first["a"].flags.c_contiguous and not np.shares_memory(first["a"], first["b"])
    for shape in ((3, 4), (2, 2, 3), (5,)):
        again = buffers(np.dtype(np.float32), a=shape)["a"]
        assert again.shape == shape and np.shares_memory(again, first["a"])
    assert not np.shares_memory(buffers(np.dtype(np.float32), a=(13,))["a"], first["a"])
    other = buffers(np.dtype(np.float64), b=(1,))["b"]
    assert other.dtype == np.float64 and not np.shares_memory(other, first["b"])
    for twin in (copy.deepcopy(buffers), pickle.loads(pickle.dumps(buffers))):
        assert twin._memory == {} and isinstance(twin, Buffers)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_logistic_function_saturates_and_writes_where_it_is_told(dtype):
    x = np.array([-1e4, -2.0, 0.0, 0.5, 1e4], dtype)
    expected = [0, 1 / (1 + np.exp(2)), 0.5, 1 / (1 + np.exp(-0.5)), 1]
    kept, y = x.copy(), sigmoid(x)
    np.testing.assert_allclose(y, expected, rtol=1e-6 if dtype == np.float32 else 1e-14)
    assert y.dtype == dtype and not np.shares_memory(x, y)
    np.testing.assert_array_equal(x, kept)
    assert sigmoid(x, out=x) is x
    np.testing.assert_array_equal(x, y)
