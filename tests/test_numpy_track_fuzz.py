"""Thousands of random calls: a right answer, held against an independent one, or a clear error.

Each case is a valid call, or a valid call with one named mistake in it. The independent answers come
from torch in float64 and from loops over single rows.
"""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy_models import TanhModel, TanhModelWithGrads, assert_unchanged, copied
from numpy_problems import float_dtypes, problems, reference, seeds, sizes, spoil, tolerance

from course_utils.numpy_track.losses import loss_and_output_grad
from course_utils.numpy_track.mixed_precision import DynamicLossScale
from course_utils.numpy_track.optimizers import SGD, Adam, AdamW, Momentum, Nesterov, RMSprop
from course_utils.numpy_track.schedules import CosineSchedule, PlateauSchedule, WarmupSchedule
from course_utils.numpy_track.training_utils import (
    accuracy,
    clip_gradients,
    create_batches,
    evaluate,
    learning_rate_schedule,
    train_model,
    train_step,
)

ERRORS = (ValueError, FloatingPointError)
not_counts = st.sampled_from([0, -1, -32, 1.0, 2.5, True, None, "3", math.nan, [2]])
not_rates = st.sampled_from(
    [-1e-9, -1, math.nan, math.inf, -math.inf, None, True, "0.1", 1j, [0.1]]
)
not_limits = st.sampled_from([0, -5.0, math.nan, -math.inf, None, "5", True])


class Fitting(TanhModelWithGrads):
    """Reads 2-D values by the number of outputs, as a model of its own would."""

    def loss_and_grads(self, X, y, task="classification"):
        if task == "regression" and np.ndim(y) == 2 and y.shape[1] != len(self.params["c"]):
            y = y[..., None]
        return super().loss_and_grads(X, y, task)


def model_for(X, num_outputs, seed=0, exact=True):
    make = Fitting if exact else TanhModel
    return make(X.shape[2], 3, num_outputs, seed=seed, dtype=X.dtype)


# --- losses


@settings(max_examples=500)
@given(problems(), seeds)
def test_losses(problem, seed):
    X, y, task, num_outputs = problem
    params = model_for(X, num_outputs, seed % 1000).params
    expected, _, outputs = reference(params, X, y, task)
    loss, slope = loss_and_output_grad(outputs, y, task)
    assert loss == pytest.approx(expected, rel=1e-9)
    i = tuple(np.random.default_rng(seed).integers(0, outputs.shape))
    nudge = np.zeros_like(outputs)
    nudge[i] = 1e-5
    up, down = (loss_and_output_grad(outputs + s * nudge, y, task)[0] for s in (1, -1))
    assert slope[i] == pytest.approx((up - down) / 2e-5, rel=1e-4, abs=1e-8)
    if task == "classification":
        rows = outputs.reshape(-1, num_outputs)
        truth = np.asarray(y).reshape(len(rows), -1)
        truth = truth[:, 0] if truth.shape[1] == 1 else truth.argmax(1)
        assert accuracy(outputs, y) == pytest.approx(
            sum(int(np.argmax(r)) == t for r, t in zip(rows, truth, strict=True)) / len(rows)
        )


# --- one step


@settings(max_examples=400)
@given(st.data(), problems(), st.floats(0, 1), st.floats(1e-3, 100), st.booleans())
def test_a_step(data, problem, lr, clip_norm, exact):
    X, y, task, num_outputs = problem
    parts = data.draw(st.integers(1, len(X)))
    model = model_for(X, num_outputs, exact=exact)
    before = copied(model)
    expected_loss, grads, _ = reference(before, X, y, task)
    expected_norm = math.sqrt(sum((g**2).sum() for g in grads.values()))
    loss, _, norm = train_step(model, X, y, lr, clip_norm, task, accumulate=parts)
    close = tolerance(X.dtype) if exact else {"rtol": 1e-4, "atol": 1e-5}
    np.testing.assert_allclose([loss, norm], [expected_loss, expected_norm], **close)
    factor = min(1, clip_norm / expected_norm) if expected_norm else 1
    for name, theta in before.items():
        moved = model.get_params()[name]
        assert moved.dtype == theta.dtype
        np.testing.assert_allclose(moved, theta - lr * factor * grads[name], **close)


@settings(max_examples=400)
@given(st.data(), problems(), st.booleans())
def test_a_step_with_a_mistake_in_it(data, problem, exact):
    X, y, task, num_outputs = problem
    model = model_for(X, num_outputs, exact=exact)
    before, options = copied(model), {}
    setting = data.draw(
        st.sampled_from(["data", "data", "learning_rate", "clip_norm", "accumulate", "optimizer"])
    )
    if setting == "data":
        X, y, task = spoil(data.draw, X, y, task, num_outputs)
    elif setting == "accumulate":
        options[setting] = data.draw(not_counts | st.integers(len(X) + 1, 99))
    elif setting == "optimizer":
        options[setting] = data.draw(st.sampled_from(["sgd", Adam, 0.1]))
    else:
        options[setting] = data.draw(not_rates if setting == "learning_rate" else not_limits)
    with pytest.raises(ValueError) as caught:
        train_step(model, X, y, task=task, **options)
    assert len(str(caught.value)) > 20
    assert_unchanged(model, before)
    if setting == "data":
        with pytest.raises(ValueError):
            evaluate(model, X, y, task)


# --- evaluation and batches


@settings(max_examples=300)
@given(problems(), st.integers(1, 12), st.booleans(), seeds)
def test_evaluation_and_batches(problem, batch_size, shuffle, seed):
    X, y, task, num_outputs = problem
    model = model_for(X, num_outputs, exact=False)
    before = copied(model)
    expected, _, outputs = reference(before, X, y, task)
    loss, metric = evaluate(model, X, y, task, batch_size)
    np.testing.assert_allclose(loss, expected, **tolerance(X.dtype))
    assert metric == (
        -loss if task == "regression" else pytest.approx(accuracy(outputs, y), abs=1e-9)
    )
    assert_unchanged(model, before)
    pieces = list(create_batches(X, y, batch_size, shuffle, rng=seed))
    assert all(len(a) == len(b) <= batch_size for a, b in pieces)
    rows = {(a.tobytes(), b.tobytes()) for a, b in zip(X, y, strict=True)}
    seen = [(a.tobytes(), b.tobytes()) for A, B in pieces for a, b in zip(A, B, strict=True)]
    assert set(seen) == rows and len(seen) == len(X)


@settings(max_examples=100)
@given(problems(), not_counts)
def test_batch_sizes_that_are_none(problem, batch_size):
    X, y, task, num_outputs = problem
    for call in (
        lambda: evaluate(model_for(X, num_outputs), X, y, task, batch_size),
        lambda: create_batches(X, y, batch_size),
    ):
        with pytest.raises(ValueError, match="batch_size must be"):
            call()


# --- whole runs

optimizers = st.sampled_from([None, SGD(), Momentum(), Nesterov(), RMSprop(), Adam(), AdamW()])
schedules = st.sampled_from(
    [None, CosineSchedule(3), PlateauSchedule(0.5, 0), WarmupSchedule(CosineSchedule(2), 2)]
)
loss_scales = st.sampled_from([None, None, 64.0, DynamicLossScale(2.0**24, growth_interval=2)])


@settings(max_examples=200)
@given(st.data(), problems(min_rows=4), optimizers, schedules, loss_scales, seeds)
def test_a_run(data, problem, optimizer, schedule, loss_scale, seed):
    X, y, task, num_outputs = problem
    model, twin = (model_for(X, num_outputs) for _ in range(2))
    before = copied(model)
    batch_size = data.draw(st.integers(1, 6))
    options = {
        "epochs": data.draw(st.integers(1, 4)),
        "batch_size": batch_size,
        "learning_rate": 10 ** data.draw(st.floats(-4, 6)),
        "clip_norm": data.draw(st.sampled_from([0.1, 5.0, np.inf])),
        "patience": data.draw(st.integers(1, 4)),
        "accumulate": data.draw(st.integers(1, batch_size)),
        "task": task,
        "rng": seed,
        "verbose": False,
        "optimizer": optimizer,
        "schedule": schedule,
        "loss_scale": loss_scale,
    }
    sets = (X[2:], y[2:]), (X[:2], y[:2])
    try:
        history = train_model(model, *sets, **options)
    except FloatingPointError as error:
        assert str(error).startswith("epoch ")
        assert_unchanged(model, before)
        return
    assert evaluate(model, *sets[1], task)[0] == pytest.approx(min(history["val_loss"]), rel=1e-6)
    lengths = {len(numbers) for numbers in history.values()}
    assert len(lengths) == 1 and 1 <= lengths.pop() <= options["epochs"]
    values = [v for key, numbers in history.items() if key != "grad_norms" for v in numbers]
    assert np.isfinite(values).all()
    assert repr(train_model(twin, *sets, **options)) == repr(history)
    assert_unchanged(twin, model.get_params())


@settings(max_examples=200)
@given(st.data(), problems(min_rows=3), st.sampled_from(["train", "val", "setting"]))
def test_a_run_with_a_mistake_in_it(data, problem, place):
    X, y, task, num_outputs = problem
    model = model_for(X, num_outputs)
    before, sets, options = copied(model), {"train": (X, y), "val": (X, y)}, {}
    if place == "setting":
        counts = ["epochs", "batch_size", "lr_decay_every", "patience", "accumulate"]
        name = data.draw(st.sampled_from([*counts, "learning_rate", "lr_decay", "clip_norm"]))
        wrong = {"clip_norm": not_limits, **dict.fromkeys(counts, not_counts)}.get(name, not_rates)
        options[name] = data.draw(wrong)
    else:
        *sets[place], task = spoil(data.draw, X, y, task, num_outputs)
    with pytest.raises(ValueError) as caught:
        train_model(model, sets["train"], sets["val"], task=task, verbose=False, **options)
    assert len(str(caught.value)) > 20
    assert_unchanged(model, before)


# --- small parts

anything = st.one_of(st.floats(), st.integers(-5, 5), st.sampled_from([None, True, "1", 1j]))


@settings(max_examples=300)
@given(anything, anything, anything, anything)
def test_the_schedule_gives_its_formula_or_an_error(epoch, lr, decay, every):
    def real(value):
        return isinstance(value, int | float) and not isinstance(value, bool)

    valid = (
        all(map(real, (epoch, lr, decay, every)))
        and isinstance(epoch, int)
        and isinstance(every, int)
        and epoch >= 0
        and every >= 1
        and 0 <= lr < math.inf
        and 0 < decay <= 1
    )
    if valid:
        expected = lr * math.prod([decay] * (epoch // every))
        assert learning_rate_schedule(epoch, lr, decay, every) == pytest.approx(expected)
    else:
        with pytest.raises(ValueError, match="must be"):
            learning_rate_schedule(epoch, lr, decay, every)


@settings(max_examples=200)
@given(seeds, st.lists(sizes, max_size=3), float_dtypes, st.floats(-300, 300), anything)
def test_clipping_gives_its_formula_or_an_error(seed, shape, dtype, magnitude, max_norm):
    rng = np.random.default_rng(seed)
    with np.errstate(over="ignore"):
        grads = {name: (10.0**magnitude * rng.normal(size=shape)).astype(dtype) for name in "ab"}
    valid = (
        isinstance(max_norm, int | float)
        and not isinstance(max_norm, bool)
        and max_norm > 0
        and all(np.isfinite(g).all() for g in grads.values())
    )
    if not valid:
        with pytest.raises(ERRORS):
            clip_gradients(grads, max_norm)
        return
    clipped, norm = clip_gradients(grads, max_norm)
    exact = math.hypot(*(float(x) for g in grads.values() for x in g.flat))
    assert norm == pytest.approx(exact, rel=1e-6)
    for name, g in grads.items():
        expected = np.asarray(g, np.float64) * (min(1, max_norm / exact) if exact else 1)
        tiny = float(np.finfo(dtype).smallest_normal)
        np.testing.assert_allclose(clipped[name], expected, rtol=1e-5, atol=tiny)
