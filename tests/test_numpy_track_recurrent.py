"""LSTM and Relational RNN against PyTorch on the same weights, and against central differences."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy_models import RECURRENT, assert_unchanged, copied, stirred
from torch.nn import functional as F
from torch_recurrent import TorchLSTM, TorchRelationalRNN

from course_utils.numpy_track.gradients import LOSSES, compute_numerical_gradient
from course_utils.numpy_track.lstm_baseline import LSTM
from course_utils.numpy_track.recurrent_model import CHUNK
from course_utils.numpy_track.relational_rnn import (
    RelationalMemory,
    RelationalRNN,
    RelationalRNNCell,
)

#: Overflow is foreseen: it is an error with a message or it is harmless, and never a warning.
pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

LSTM_NAMES = [f"{letter}_{gate}" for gate in "fico" for letter in "WUb"] + ["W_out", "b_out"]
CORE_NAMES = [f"{letter}_{part}" for part in ("x", "qkv", "1", "2", "gi", "gm") for letter in "Wb"]
CORE_NAMES += [f"ln_{part}_{c}" for part in ("qkv", "attention", "mlp") for c in ("gain", "bias")]


def a_problem(task, sequences, num_outputs, B=3, T=4, num_features=2, seed=0):
    rng = np.random.default_rng(seed)
    X, answers = rng.normal(size=(B, T, num_features)), (B, T) if sequences else (B,)
    if task == "regression":
        return X, rng.normal(size=(*answers, num_outputs))
    if sequences:  # soft: unlike ids, never read in two ways
        return X, rng.dirichlet(np.ones(num_outputs), answers)
    return X, rng.integers(0, num_outputs, answers)


def by_torch(model, X, y, task, sequences):
    """(loss, gradients by name, predictions) by autograd."""
    twin = (TorchLSTM if isinstance(model, LSTM) else TorchRelationalRNN)(model)
    predictions = twin(torch.from_numpy(X), return_sequences=sequences)
    if task == "regression":
        loss = F.mse_loss(predictions, torch.from_numpy(y))
    elif y.ndim == 1:
        loss = F.cross_entropy(predictions, torch.from_numpy(y))
    else:
        loss = -(torch.from_numpy(y) * predictions.log_softmax(-1)).sum(-1).mean()
    loss.backward()
    return loss.item(), twin.named_grads(), predictions.detach().numpy()


def assert_each_close(grads, expected, tolerance):
    """Every tensor by itself: the largest error against the tensor's largest number."""
    assert grads.keys() == expected.keys()
    for name, g in expected.items():
        assert grads[name].shape == g.shape
        assert np.abs(g).max() > 1e-6, f"{name} plays no part, so nothing is tested"
        error = np.abs(grads[name] - g).max() / np.abs(g).max()
        assert error < tolerance, f"{name}: relative error {error:.1e}"


# --- gradients

TASKS = pytest.mark.parametrize("task", ["classification", "regression"])
SEQUENCES = pytest.mark.parametrize("sequences", [True, False], ids=["every step", "last step"])


@TASKS
@SEQUENCES
@pytest.mark.parametrize("name", RECURRENT)
def test_every_gradient_agrees_with_central_differences(name, sequences, task):
    model = stirred(RECURRENT[name](3))
    X, y = a_problem(task, sequences, 3)
    before = copied(model)
    loss, grads, predictions = model.loss_and_grads(X, y, task)
    assert loss == pytest.approx(LOSSES[task](predictions, y), rel=1e-12)
    np.testing.assert_array_equal(predictions, model.forward(X, return_sequences=sequences))
    grads = {k: g.copy() for k, g in grads.items()}
    numerical = compute_numerical_gradient(
        model, X, y, LOSSES[task], epsilon=1e-5, return_sequences=sequences
    )
    assert_each_close(grads, numerical, 1e-6)
    assert_unchanged(model, before)


@TASKS
@SEQUENCES
@pytest.mark.parametrize("name", [name for name in RECURRENT if "readout" not in name])
def test_every_gradient_is_autograds(name, sequences, task):
    model = stirred(RECURRENT[name](3), seed=3)
    for B, T in ((3, 4), (4, 4), (1, 1), (7, 9)):  # four is the hidden size, and the slots' too
        X, y = a_problem(task, sequences, 3, B, T)
        loss, grads, predictions = model.loss_and_grads(X, y, task)
        expected_loss, expected_grads, expected = by_torch(model, X, y, task, sequences)
        assert loss == pytest.approx(expected_loss, rel=1e-12)
        np.testing.assert_allclose(predictions, expected, rtol=0, atol=1e-12)
        if T > 1:
            assert_each_close(grads, expected_grads, 1e-10)
        for k, g in expected_grads.items():  # at the first step h is 0, and U has no slope
            np.testing.assert_allclose(grads[k], g, rtol=0, atol=1e-10, err_msg=k)


sizes = st.integers(1, 9)


@settings(max_examples=100)
@given(st.data(), sizes, sizes, sizes, sizes, st.integers(2, 5), st.booleans(), st.integers(0, 999))
def test_models_of_any_size_are_torchs(data, B, T, num_features, hidden, C, sequences, seed):
    heads, head_size = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 5))
    width = heads * head_size
    model = data.draw(
        st.sampled_from(
            [
                lambda: LSTM(num_features, hidden, C, rng=seed),
                lambda: RelationalRNN(
                    num_features,
                    hidden,
                    C,
                    data.draw(st.integers(1, min(width, 6))),
                    width,
                    heads,
                    gate=data.draw(st.sampled_from(["unit", "memory"])),
                    key_size=data.draw(st.integers(1, 5)),
                    rng=seed,
                ),
            ]
        )
    )()
    stirred(model, seed)
    task = data.draw(st.sampled_from(["classification", "regression"]))
    X, y = a_problem(task, sequences, C, B, T, num_features, seed)
    loss, grads, predictions = model.loss_and_grads(X, y, task)
    expected_loss, expected_grads, expected = by_torch(model, X, y, task, sequences)
    assert loss == pytest.approx(expected_loss, rel=1e-10)
    np.testing.assert_allclose(predictions, expected, rtol=0, atol=1e-10)
    for name, g in expected_grads.items():  # a slot of one number has no variance, only eps
        scale = max(1, np.abs(g).max())
        np.testing.assert_allclose(grads[name], g, rtol=0, atol=1e-9 * scale, err_msg=name)


def test_parameter_names_are_those_of_the_equations():
    assert sorted(LSTM(2, 4, 3).get_params()) == sorted(LSTM_NAMES)
    assert sorted(LSTM(2, 4).get_params()) == sorted(LSTM_NAMES[:-2])
    assert sorted(RelationalMemory().get_params()) == sorted(CORE_NAMES)
    layers = ["W_h", "b_h", "W_out", "b_out"]
    assert sorted(RelationalRNN(2, 3, 4).get_params()) == sorted([*CORE_NAMES, *layers])


# --- forward


@settings(max_examples=60)
@given(sizes, sizes, sizes, sizes, st.sampled_from([np.float32, np.float64]))
def test_lstm_outputs_and_state_are_those_of_torch(B, T, num_features, hidden, dtype):
    model = stirred(LSTM(num_features, hidden, 2, rng=0))
    model.set_params({k: v.astype(dtype) for k, v in model.get_params().items()})
    X = np.random.default_rng(0).normal(size=(B, T, num_features)).astype(dtype)
    twin = TorchLSTM(model)
    with torch.no_grad():
        _, (h, c) = twin.lstm(torch.from_numpy(X))
        expected = [twin(torch.from_numpy(X), return_sequences=True), h[0], c[0]]
    tolerance = {np.float32: 1e-5, np.float64: 1e-12}[dtype]
    for ours, theirs in zip(model.forward(X, return_state=True), expected, strict=True):
        assert ours.dtype == dtype
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance)


def test_an_lstm_without_output_layer_puts_out_its_hidden_vectors():
    model, X = LSTM(2, 5, rng=0), np.ones((3, 4, 2))
    outputs, h, c = model.forward(X, return_state=True)
    assert outputs.shape == (3, 4, 5) and model.output_size == 5 and c.shape == (3, 5)
    np.testing.assert_array_equal(outputs[:, -1], h)
    _, grads, _ = model.loss_and_grads(X, np.zeros((3, 5)), "regression")
    assert grads.keys() == model.get_params().keys()


@pytest.mark.parametrize("name", RECURRENT)
def test_the_last_step_and_the_state_belong_to_the_sequence(name):
    model = stirred(RECURRENT[name](3))
    X = np.random.default_rng(0).normal(size=(5, 6, 2))
    every, *state = model.forward(X, return_state=True)
    last, *same = model.forward(X, return_sequences=False, return_state=True)
    np.testing.assert_array_equal(every[:, -1], last)
    np.testing.assert_array_equal(last, model.forward(X, False))
    for one, other in zip(state, same, strict=True):
        assert len(one) == 5
        np.testing.assert_array_equal(one, other)
    shorter = model.forward(X[:, :4])
    np.testing.assert_allclose(every[:, :4], shorter, rtol=0, atol=1e-13)  # nothing is foreseen
    assert np.abs(every[:, 4] - model.forward(X[:, 4:])[:, 0]).max() > 1e-3, "nothing is kept"


@pytest.mark.parametrize("name", RECURRENT)
@pytest.mark.parametrize("B", [2, 3, 4, CHUNK, 2 * CHUNK + 1])
def test_a_sample_never_depends_on_its_batch(name, B):
    """Least of all where the batch is as long as the hidden vector (4) or as the memory is wide."""
    model = stirred(RECURRENT[name](3))
    X = np.random.default_rng(0).normal(size=(B, 3, 2))
    together = model.forward(X, return_state=True)
    for i in {0, 1, B // 2, B - 1}:
        alone = model.forward(X[i : i + 1], return_state=True)
        for of_all, of_one in zip(together, alone, strict=True):
            np.testing.assert_allclose(of_all[i], of_one[0], rtol=0, atol=1e-12)


def test_the_cell_is_one_step_of_the_model():
    model = stirred(RelationalRNN(2, 3, 4, 3, 6, 2, rng=0))
    X = np.random.default_rng(0).normal(size=(5, 4, 2))
    outputs, final = model.forward(X, return_state=True)
    cell, params = RelationalRNNCell(2, 3, 3, 6, 2), model.get_params()
    cell.set_params({k: v for k, v in params.items() if not k.endswith("_out")})
    memory = None
    for t in range(4):
        h, memory = cell.forward(X[:, t], memory)
        assert (h >= 0).all() and h.shape == (5, 3) and memory.shape == (5, 3, 6)
        np.testing.assert_allclose(h @ params["W_out"] + params["b_out"], outputs[:, t], atol=1e-12)
    np.testing.assert_allclose(memory, final, atol=1e-13)


def test_attention_maps_are_shares_that_torch_finds_too():
    model = stirred(RelationalRNN(2, 3, 4, 3, 6, 2, rng=0))
    X = np.random.default_rng(0).normal(size=(5, 4, 2))
    maps = model.attention_maps(X)
    assert maps.shape == (5, 4, 2, 3, 4)
    np.testing.assert_allclose(maps.sum(axis=-1), 1, atol=1e-12)
    twin, P = TorchRelationalRNN(model), model.get_params()
    e, memories = X @ P["W_x"] + P["b_x"], twin.memories(torch.from_numpy(X))
    U = np.concatenate([memories[1].detach().numpy(), e[:, 2, None]], axis=1)  # at step 2
    qkv = twin.norm("qkv", torch.from_numpy(U @ P["W_qkv"] + P["b_qkv"])).detach().numpy()
    for head in range(2):
        q, k = (qkv[..., 9 * head + 3 * i : 9 * head + 3 * i + 3] for i in range(2))
        scores = np.einsum("bnk,bmk->bnm", q[:, :3], k) / np.sqrt(3)
        expected = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
        np.testing.assert_allclose(maps[:, 2, head], expected, atol=1e-12)
