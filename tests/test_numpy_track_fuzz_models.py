"""Random calls of LSTM and Relational RNN through the training tools: right, or a clear error."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy_models import assert_unchanged, copied, float64_copy
from numpy_problems import problems, spoil, tolerance

from course_utils.numpy_track.gradients import LOSSES
from course_utils.numpy_track.lstm_baseline import LSTM
from course_utils.numpy_track.relational_rnn import RelationalRNN
from course_utils.numpy_track.training_utils import evaluate, train_model, train_step

few = st.integers(1, 3)


@st.composite
def models(draw, input_size, num_outputs):
    """An LSTM or a Relational RNN of small random sizes."""
    hidden_size, seed = draw(st.integers(1, 6)), draw(st.integers(0, 99))
    if draw(st.booleans()):
        return LSTM(input_size, hidden_size, num_outputs, rng=seed)
    heads = draw(few)
    width = heads * draw(few)
    slots = draw(st.integers(1, min(3, width)))
    gate = draw(st.sampled_from(["unit", "memory"]))
    return RelationalRNN(
        input_size, hidden_size, num_outputs, slots, width, heads, gate=gate, rng=seed
    )


def outputs_by_rows(model, X, y, task):
    """Predictions one row at a time, in the shape that the targets ask for."""
    steps = y.ndim == 3 or (task == "classification" and y.ndim == 2 and y.dtype.kind in "iu")
    if task == "regression" and y.ndim == 2:
        steps = y.shape[1] != model.output_size
    rows = [model.forward(X[i : i + 1], return_sequences=True) for i in range(len(X))]
    return np.concatenate(rows if steps else [row[:, -1] for row in rows])


@settings(max_examples=150)
@given(st.data(), problems(), st.integers(0, 2**32 - 1))
def test_the_slope_along_any_direction_is_the_gradients(data, problem, seed):
    X, y, task, num_outputs = problem
    model = data.draw(models(X.shape[2], num_outputs))
    rng = np.random.default_rng(seed)
    params = float64_copy(model.get_params())
    noise = {name: 0.1 * rng.normal(size=values.shape) for name, values in params.items()}
    model.set_params({name: params[name] + noise[name] for name in params})  # off any ReLU's kink
    before = copied(model)
    loss, grads, predictions = model.loss_and_grads(X, y, task)
    grads = float64_copy(grads)
    np.testing.assert_allclose(predictions, outputs_by_rows(model, X, y, task), atol=1e-10)
    assert loss == pytest.approx(LOSSES[task](predictions, y))
    direction = {name: rng.normal(size=values.shape) for name, values in before.items()}
    expected = sum((grads[name] * direction[name]).sum() for name in before)

    def slope(epsilon):
        losses = []
        for side in (1, -1):
            model.set_params({k: v + side * epsilon * direction[k] for k, v in before.items()})
            losses.append(LOSSES[task](outputs_by_rows(model, X, y, task), y))
        return (losses[0] - losses[1]) / (2 * epsilon)

    # a smaller step agrees where a larger meets a kink or a sharp bend; with a wrong gradient none does
    slopes = [slope(epsilon) for epsilon in (1e-4, 1e-5, 1e-6, 1e-7, 1e-8)]
    close = pytest.approx(expected, rel=1e-5, abs=1e-6)
    assert any(found == close for found in slopes), (slopes, expected)


@settings(max_examples=150)
@given(st.data(), problems(), st.integers(1, 9))
def test_one_step_down_the_slope_and_an_evaluation(data, problem, batch_size):
    X, y, task, num_outputs = problem
    model = data.draw(models(X.shape[2], num_outputs))
    expected = LOSSES[task](outputs_by_rows(model, X, y, task), y)
    loss, _ = evaluate(model, X, y, task, batch_size)
    assert loss == pytest.approx(expected, rel=1e-4, abs=1e-6)
    before = copied(model)
    _, grads, _ = model.loss_and_grads(X, y, task)
    grads = {name: np.array(g) for name, g in grads.items()}
    parts = data.draw(st.integers(1, len(X)))
    train_step(model, X, y, 0.1, np.inf, task, accumulate=parts)
    for name, values in model.get_params().items():
        assert values.dtype == np.float32
        close = tolerance(np.float32)
        np.testing.assert_allclose(values, before[name] - 0.1 * grads[name], **close)


@settings(max_examples=150)
@given(st.data(), problems(min_rows=3))
def test_a_mistake_is_named_and_changes_nothing(data, problem):
    X, y, task, num_outputs = problem
    model = data.draw(models(X.shape[2], num_outputs))
    before = copied(model)
    X_bad, y_bad, task_bad = spoil(data.draw, X, y, task, num_outputs)
    for call in (
        lambda: model.loss_and_grads(X_bad, y_bad, task_bad),
        lambda: train_step(model, X_bad, y_bad, task=task_bad),
        lambda: evaluate(model, X_bad, y_bad, task_bad),
        lambda: train_model(model, (X, y), (X_bad, y_bad), task=task_bad, verbose=False),
    ):
        with pytest.raises(ValueError) as caught:
            call()
        assert len(str(caught.value)) > 20
        assert_unchanged(model, before)


@st.composite
def arrays(draw):
    """Arrays of any kind, about half of them sequences (B, T, 2) of real numbers."""
    shape = draw(st.tuples(few, few, st.just(2)) | st.lists(st.integers(0, 3), max_size=4))
    dtype = draw(st.sampled_from(["f4", "f8", "f4", "f8", "f2", "i8", "u1", "?", "c8", "U3", "O"]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    array = np.asarray(rng.integers(0, 9, size=tuple(shape)) / 2).astype(np.dtype(dtype))
    if array.size and array.dtype.kind == "f" and draw(st.integers(0, 3)) == 0:
        extremes = [np.nan, np.inf, -np.inf, 1e30, 1e300]
        with np.errstate(over="ignore"):
            array.flat[rng.integers(array.size)] = draw(st.sampled_from(extremes))
    return array


@settings(max_examples=250)
@given(st.data(), arrays(), st.booleans())
def test_forward_of_anything(data, X, return_sequences):
    model = data.draw(models(2, 3))
    before = copied(model)
    real = X.dtype.kind in "fiu" and X.ndim == 3 and X.size > 0 and X.shape[2] == 2
    try:
        outputs = model.forward(X, return_sequences)
    except ValueError as error:
        assert len(str(error)) > 20
        assert not real or not np.isfinite(X).all() or np.abs(X).max() > 1e15
        assert_unchanged(model, before)
        return
    assert real and outputs.dtype == np.float32
    assert_unchanged(model, before)
    model.set_params(float64_copy(before))
    rows = [model.forward(X[i : i + 1]) for i in range(len(X))]
    expected = np.concatenate(rows if return_sequences else [row[:, -1] for row in rows])
    np.testing.assert_allclose(outputs, expected, rtol=2e-3, atol=2e-3)
