"""LSTM and Relational RNN in the hands of the training tools: one call for both, as the README promises."""

import inspect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy_models import assert_unchanged, copied, float64_copy
from scipy import stats

from course_utils.numpy_track import training_demo
from course_utils.numpy_track.lstm_baseline import LSTM
from course_utils.numpy_track.mixed_precision import DynamicLossScale
from course_utils.numpy_track.optimizers import Adam
from course_utils.numpy_track.relational_rnn import RelationalRNN
from course_utils.numpy_track.training_utils import (
    evaluate,
    train_model,
    train_step,
)


def lstm(num_features=2, num_outputs=3, hidden_size=5, seed=0):
    return LSTM(num_features, hidden_size, num_outputs, rng=seed)


def relational(num_features=2, num_outputs=3, hidden_size=5, seed=0):
    return RelationalRNN(num_features, hidden_size, num_outputs, 2, 4, 2, rng=seed)


MODELS = pytest.mark.parametrize("make", [lstm, relational])
TARGETS = {
    "ids": ((), "classification", 3),
    "ids per step": ((4,), "classification", 3),
    "one-hot": ((3,), "classification", 3),
    "one-hot per step": ((4, 3), "classification", 3),
    "a number": ((), "regression", 1),
    "a number per step": ((4,), "regression", 1),
    "values": ((2,), "regression", 2),
    "values per step": ((4, 2), "regression", 2),
}
KINDS = pytest.mark.parametrize("kind", TARGETS)


def problem(kind, num_rows=10, seed=0):
    """(X, y, task, number of outputs), T = 4."""
    shape, task, num_outputs = TARGETS[kind]
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(num_rows, 4, 2)).astype(np.float32)
    if task == "regression":
        return X, rng.normal(size=(num_rows, *shape)).astype(np.float32), task, num_outputs
    if kind.startswith("one-hot"):
        return X, np.eye(3)[rng.integers(0, 3, (num_rows, *shape[:-1]))], task, num_outputs
    return X, rng.integers(0, 3, (num_rows, *shape)), task, num_outputs


def only_three_methods(model):
    """The same model without its gradients."""

    class Bare:
        forward, get_params, set_params = model.forward, model.get_params, model.set_params

    return Bare()


def flat(params):
    return np.concatenate([np.ravel(params[name]) for name in sorted(params)])


@MODELS
@KINDS
def test_both_models_train_and_keep_their_best_parameters(make, kind):
    X, y, task, num_outputs = problem(kind, num_rows=40)
    model = make(num_outputs=num_outputs)
    sets = (X[:30], y[:30]), (X[30:], y[30:])
    options = {"optimizer": Adam(), "rng": 0, "verbose": False, "task": task, "patience": 30}
    history = train_model(model, *sets, 30, 8, 0.02, **options)
    assert history["train_loss"][-1] < 0.9 * history["train_loss"][0]
    loss, metric = evaluate(model, *sets[1], task)
    assert loss == pytest.approx(min(history["val_loss"]), rel=1e-5)
    if task == "regression":
        assert metric == -loss
    else:
        y_val = sets[1][1]
        steps = y_val.ndim == 3 or (y_val.ndim == 2 and kind == "ids per step")
        answers = model.forward(X[30:], return_sequences=steps).argmax(axis=-1)
        truth = y_val.argmax(axis=-1) if kind.startswith("one-hot") else y_val
        assert metric == pytest.approx((answers == truth).mean())
    assert all(values.dtype == np.float32 for values in model.get_params().values())
    twin = make(num_outputs=num_outputs)
    assert train_model(twin, *sets, 30, 8, 0.02, **options) == history
    assert_unchanged(twin, model.get_params())


@MODELS
@KINDS
def test_parts_of_a_batch_make_the_step_of_the_whole(make, kind):
    X, y, task, num_outputs = problem(kind)
    results = []
    for parts in (1, 3, 10):
        model = make(num_outputs=num_outputs)
        model.set_params(float64_copy(model.get_params()))
        step = train_step(model, X, y, 0.5, task=task, accumulate=parts)
        results.append(np.concatenate([step, flat(model.get_params())]))
    for result in results[1:]:
        np.testing.assert_allclose(result, results[0], rtol=0, atol=1e-12)


@MODELS
def test_a_model_without_its_gradients_takes_the_same_steps(make):
    X, y, _, _ = problem("ids per step", num_rows=4)
    exact, hidden = make(), make()
    bare = only_three_methods(hidden)
    for _ in range(2):
        one, other = train_step(exact, X, y, 0.5), train_step(bare, X, y, 0.5)
        np.testing.assert_allclose(one, other, rtol=1e-4)
    np.testing.assert_allclose(flat(exact.get_params()), flat(hidden.get_params()), atol=1e-5)


@MODELS
def test_half_precision_reaches_the_same_loss_within_the_spread_over_seeds(make):
    """Pairs of runs. Rounding may send one astray where a ReLU has its kink, hence the median too."""
    losses = []
    for seed in range(6):
        X = np.random.default_rng(seed).normal(size=(60, 4, 2)).astype(np.float32)
        y = X[:, :, 0].argmax(axis=1) % 3
        options = {"optimizer": Adam(), "rng": seed, "verbose": False}
        for loss_scale in (None, DynamicLossScale()):
            history = train_model(
                make(seed=seed), (X, y), (X, y), 10, 10, 0.03, loss_scale=loss_scale, **options
            )
            losses.append((history["train_loss"][0], history["train_loss"][-1]))
    (first, full), (_, half) = (np.array(losses[i::2]).T for i in range(2))
    assert (full < first).all() and full.mean() < 0.9 * first.mean(), "nothing was learnt"
    difference, spread = half - full, full.std(ddof=1)
    assert np.median(np.abs(difference)) < spread / 10
    interval = stats.bootstrap(
        (difference,), np.mean, random_state=np.random.default_rng(0)
    ).confidence_interval
    assert np.abs(interval).max() < spread


@MODELS
@settings(max_examples=60)
@given(data=st.data(), seed=st.integers(0, 2**32 - 1))
def test_a_row_never_depends_on_its_batch(make, data, seed):
    """Least of all when the batch is as long as the hidden vector, or as the memory is wide."""
    num_rows = data.draw(st.sampled_from([1, 2, 4, 5, 8, 10]))
    X = np.random.default_rng(seed).normal(size=(num_rows, 3, 2))
    model = make()
    together = model.forward(X, return_sequences=False)
    alone = np.concatenate(
        [model.forward(X[i : i + 1], return_sequences=False) for i in range(num_rows)]
    )
    np.testing.assert_allclose(together, alone, atol=1e-5)


@MODELS
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda X, y: (X[:, 0], y), r"\(B, T, 2\).*got \(10, 2\)"),
        (lambda X, y: (X[:, :, :1], y), r"\(B, T, 2\).*got \(10, 4, 1\)"),
        (lambda X, y: (X * np.nan, y), "must be finite"),
        (lambda X, y: (X, y - 1), "got -1"),
        (lambda X, y: (X, y + 1), "got 3"),
        (lambda X, y: (X, y[:, None]), "targets"),
        (lambda X, y: (X, y > 0), "bool"),
        (lambda X, y: (X, y[:5]), "10 inputs and 5 targets"),
        (lambda X, y: (X[:0], y[:0]), "empty"),
    ],
)
def test_mistakes_have_messages_and_leave_the_models_alone(make, spoil, message):
    X, y, _, _ = problem("ids")
    y[0], y[1] = 0, 2
    X_bad, y_bad = spoil(X, y)
    model = make()
    before = copied(model)
    for call in (
        lambda: train_step(model, X_bad, y_bad),
        lambda: evaluate(model, X_bad, y_bad),
        lambda: train_model(model, (X_bad, y_bad), (X, y), verbose=False),
        lambda: train_model(model, (X, y), (X_bad, y_bad), verbose=False),
    ):
        with pytest.raises(ValueError, match=message):
            call()
        assert_unchanged(model, before)


@MODELS
def test_divergence_names_the_step_and_gives_the_model_back(make):
    X, y, task, _ = problem("values")
    model = make(num_outputs=2)
    before = copied(model)
    with pytest.raises(FloatingPointError, match=r"epoch \d+, (step \d+|validation)"):
        train_model(model, (X, y), (X, y), 50, 5, 1e30, clip_norm=np.inf, task=task, verbose=False)
    assert_unchanged(model, before)


def test_the_demo_holds_all_it_promises(tmp_path, capsys):
    picture = tmp_path / "curves.png"
    status = training_demo.main([str(picture)])
    printed = capsys.readouterr().out
    assert status == 0, printed
    assert picture.stat().st_size > 10_000 and f"Training curves: {picture}" in printed
    assert "✗" not in printed and printed.count("✓") >= 25


@pytest.mark.parametrize(("held", "status"), [(True, 0), (np.True_, 0), (False, 1), (np.False_, 1)])
def test_the_demo_fails_if_one_of_its_checks_does(held, status, tmp_path, monkeypatch, capsys):
    """Without its parts, which take a while."""
    for module in (training_demo.demo_tools, training_demo.demo_runs):
        for name, part in list(vars(module).items()):
            if inspect.isfunction(part) and part.__module__ == module.__name__:

                def stand_in(*_, name=name):
                    return {f"{name} works": True}

                stand_in.__doc__ = "A part.\nMore."
                monkeypatch.setattr(module, name, stand_in)
    last = lambda: {"one thing": True, "another": held}  # noqa: E731
    last.__doc__ = "The last part."
    monkeypatch.setattr(training_demo.demo_runs, "mistakes", last)
    assert training_demo.main([str(tmp_path / "x.png")]) == status
    printed = capsys.readouterr().out
    marks = [line[0] for line in printed.splitlines() if line[:1] in ("✓", "✗")]
    assert len(marks) == 15 and marks[:-1] == ["✓"] * 14
    assert marks[-1] == ("✗" if status else "✓")
    assert f"{15 - status} of 15 checks held" in printed
