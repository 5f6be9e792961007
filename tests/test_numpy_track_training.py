"""Steps, batches, evaluations and whole runs of the NumPy track against loops written out by hand."""

import types

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy_models import TanhModel, TanhModelWithGrads, assert_unchanged, classes, copied

from course_utils.numpy_track.mixed_precision import DynamicLossScale
from course_utils.numpy_track.optimizers import Adam
from course_utils.numpy_track.schedules import CosineSchedule, PlateauSchedule, WarmupSchedule
from course_utils.numpy_track.training_utils import (
    create_batches,
    cross_entropy_loss,
    evaluate,
    train_model,
    train_step,
)

#: Overflow is foreseen: it is an error with a message or it is harmless, and never a warning.
pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

KEYS = ["train_loss", "train_metric", "val_loss", "val_metric", "learning_rates", "grad_norms"]


def data(num_train=40, num_val=30, dtype=np.float32):
    X, y = classes(num_train + num_val, dtype=dtype)
    return (X[:num_train], y[:num_train]), (X[num_train:], y[num_train:])


def fit(model, **options):
    return train_model(model, *data(), **{"epochs": 5, "rng": 0, "verbose": False, **options})


def flat(params):
    return np.concatenate([np.ravel(params[name]) for name in sorted(params)])


# --- one step


@pytest.mark.parametrize("clip_norm", [0.1, 5.0, np.inf])
def test_a_step_is_clipped_gradient_descent(clip_norm):
    X, y = classes()
    model = TanhModelWithGrads(dtype=np.float64)
    before = copied(model)
    expected_loss, grads, predictions = model.loss_and_grads(X, y)
    loss, metric, norm = train_step(model, X, y, 0.5, clip_norm)
    assert loss == pytest.approx(expected_loss) and metric == (predictions.argmax(1) == y).mean()
    assert norm == pytest.approx(np.linalg.norm(flat(grads)))
    for name, theta in before.items():
        expected = theta - 0.5 * grads[name] * min(1, clip_norm / norm)
        np.testing.assert_allclose(model.get_params()[name], expected, rtol=1e-12)


def test_a_step_may_be_as_small_as_nothing_and_its_defaults_are_those_of_the_docstring():
    X, y = classes()
    model, twin = TanhModelWithGrads(dtype=np.float64), TanhModelWithGrads(dtype=np.float64)
    before = copied(model)
    train_step(model, X, y, 0.0)
    assert_unchanged(model, before)
    model.params["V"] *= 1000  # a gradient beyond the limit of 5
    twin.params["V"] *= 1000
    assert train_step(model, X, y)[2] > 5
    train_step(twin, X, y, 0.001, 5.0, "classification")
    np.testing.assert_array_equal(flat(model.params), flat(twin.params))


def test_a_model_with_the_three_methods_alone_takes_the_same_step():
    X, y = classes()
    exact, numerical = TanhModelWithGrads(), TanhModel()
    one, other = (train_step(model, X, y, 0.5) for model in (exact, numerical))
    np.testing.assert_allclose(one, other, rtol=1e-5)
    np.testing.assert_allclose(flat(exact.params), flat(numerical.params), atol=1e-6)
    assert numerical.params["U"].dtype == np.float32


TARGETS = {
    "ids": lambda rng: (rng.integers(0, 3, 7), "classification"),
    "ids per step": lambda rng: (rng.integers(0, 3, (7, 5)), "classification"),
    "soft": lambda rng: (rng.dirichlet(np.ones(3), 7), "classification"),
    "values": lambda rng: (rng.normal(size=(7, 3)), "regression"),
    "values per step": lambda rng: (rng.normal(size=(7, 5, 3)), "regression"),
}


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("num_parts", [2, 3, 7])
def test_accumulated_parts_make_the_step_of_the_whole_batch(kind, num_parts):
    y, task = TARGETS[kind](np.random.default_rng(0))
    X, _ = classes(7, dtype=np.float64)
    whole, parts = (TanhModelWithGrads(dtype=np.float64) for _ in range(2))
    one = train_step(whole, X, y, 0.5, task=task)
    other = train_step(parts, X, y, 0.5, task=task, accumulate=num_parts)
    np.testing.assert_allclose(other, one, rtol=1e-12)
    np.testing.assert_allclose(flat(parts.params), flat(whole.params), rtol=0, atol=1e-13)


def test_an_optimizer_remembers_from_step_to_step():
    X, y = classes()
    adam, model, fresh = Adam(), TanhModelWithGrads(), TanhModelWithGrads()
    for _ in range(3):
        train_step(model, X, y, 0.1, optimizer=adam)
        train_step(fresh, X, y, 0.1, optimizer=Adam())
    assert not np.allclose(flat(model.params), flat(fresh.params), atol=1e-3)


def test_a_one_number_regression_takes_targets_without_the_last_axis():
    X, _ = classes(6)
    for y in (np.arange(6.0), np.arange(6.0)[:, None]):
        model = TanhModel(num_outputs=1)
        loss, metric, _ = train_step(model, X, y, 0.01, task="regression")
        predicted = TanhModel(num_outputs=1).forward(X)[:, 0]
        assert loss == pytest.approx(((predicted - np.arange(6)) ** 2).mean()) and metric == -loss
    steps = np.random.default_rng(0).normal(size=(6, 5))
    loss, metric = evaluate(TanhModel(num_outputs=1), X, steps, "regression")
    predicted = TanhModel(num_outputs=1).forward(X, return_sequences=True)[..., 0]
    assert loss == pytest.approx(((predicted - steps) ** 2).mean()) and metric == -loss


def test_inputs_without_steps_are_welcome():
    X, y = np.float32(np.random.default_rng(0).normal(size=(9, 3))), np.arange(9) % 3
    assert train_step(TanhModel(), X, y)[0] == pytest.approx(evaluate(TanhModel(), X, y)[0])


# --- batches


@given(st.integers(1, 40), st.integers(1, 50), st.booleans(), st.integers(0, 2**32 - 1))
def test_every_row_comes_once_beside_its_target(num_rows, batch_size, shuffle, seed):
    X, y = np.arange(2.0 * num_rows).reshape(num_rows, 2), np.arange(num_rows)
    batches = list(create_batches(X, y, batch_size, shuffle, rng=seed))
    lengths = [len(y_batch) for _, y_batch in batches]
    assert lengths == [min(batch_size, num_rows - i) for i in range(0, num_rows, batch_size)]
    order = np.concatenate([y_batch for _, y_batch in batches])
    assert sorted(order) == list(range(num_rows))
    np.testing.assert_array_equal(np.concatenate([X_batch for X_batch, _ in batches]), X[order])
    if not shuffle:
        np.testing.assert_array_equal(order, y)
    again = [y_batch for _, y_batch in create_batches(X, y, batch_size, shuffle, rng=seed)]
    np.testing.assert_array_equal(np.concatenate(again), order)


def test_batches_are_a_generator_of_copies_in_another_order_each_epoch():
    X, y, rng = np.ones((40, 2)), np.arange(40), np.random.default_rng(0)
    batches = create_batches(X, y, shuffle=False)
    assert isinstance(batches, types.GeneratorType)
    next(batches)[0][:] = 0
    assert (X == 1).all()
    epochs = [np.concatenate([b for _, b in create_batches(X, y, rng=rng)]) for _ in range(2)]
    assert not np.array_equal(*epochs)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"batch_size": -4}, "batch_size must be at least 1, got -4"),
        ({"batch_size": 2.0}, "batch_size must be an integer of at least 1, got 2.0"),
        ({"y": np.zeros(5)}, "X and y must be equally long, got 4 inputs and 5 targets"),
        ({"X": np.zeros((0, 2)), "y": np.zeros(0)}, "X is empty"),
        ({"X": np.zeros(4)}, r"X must have shape .* got \(4,\)"),
        ({"X": np.full((4, 2), np.inf)}, "X must be finite, but 8 of its 8"),
        ({"rng": "seed"}, "rng, if it is a seed, must be an integer"),
    ],
)
def test_bad_batches_are_refused_at_the_call(change, message):
    arguments = {"X": np.zeros((4, 2)), "y": np.zeros(4), **change}
    with pytest.raises(ValueError, match=message):
        create_batches(**arguments)


# --- evaluation


@given(st.integers(1, 40))
def test_evaluation_does_not_depend_on_the_batch_size(batch_size):
    X, y = classes(30)
    model = TanhModel()
    before, predictions = copied(model), model.forward(X)
    loss, accuracy = evaluate(model, X, y, batch_size=batch_size)
    assert loss == pytest.approx(cross_entropy_loss(predictions, y), rel=1e-6)
    assert accuracy == pytest.approx((predictions.argmax(1) == y).mean())
    assert_unchanged(model, before)


# --- whole runs


def test_history_is_what_a_loop_by_hand_sees():
    (X, y), (X_val, y_val) = data()
    model, twin, rng = TanhModelWithGrads(), TanhModelWithGrads(), np.random.default_rng(3)
    history = fit(
        model, epochs=4, batch_size=16, learning_rate=0.3, lr_decay=0.5, lr_decay_every=2, rng=3
    )
    assert list(history) == KEYS
    best = np.inf
    for epoch in range(4):
        rate = [0.3, 0.3, 0.15, 0.15][epoch]
        order = rng.permutation(40)
        steps = [train_step(twin, X[r], y[r], rate) for r in np.split(order, [16, 32])]
        losses, metrics, norms = np.array(steps).T
        expected = (
            np.average(losses, weights=[16, 16, 8]),
            np.average(metrics, weights=[16, 16, 8]),
            *evaluate(twin, X_val, y_val),
            rate,
            norms.mean(),
        )
        seen = [history[key][epoch] for key in KEYS]
        np.testing.assert_allclose(seen, expected, rtol=1e-12)
        assert all(type(number) is float for number in seen)
        if seen[2] < best:
            best, kept = seen[2], copied(twin)
    np.testing.assert_array_equal(flat(model.params), flat(kept))


@pytest.mark.parametrize("patience", [1, 100])
def test_the_best_parameters_come_back_whether_or_not_patience_fired(patience):
    model = TanhModelWithGrads(num_hidden=30)
    history = fit(model, epochs=60, learning_rate=0.3, patience=patience, optimizer=Adam())
    stopped = len(history["val_loss"]) < 60
    assert stopped == (patience == 1)
    assert history["val_loss"][-1] > min(history["val_loss"])
    assert evaluate(model, *data()[1])[0] == pytest.approx(min(history["val_loss"]), rel=1e-12)


@pytest.mark.parametrize("model_class", [TanhModel, TanhModelWithGrads])
def test_a_seed_repeats_a_run_to_the_last_bit_and_touches_no_global_generator(model_class):
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    runs = []
    for rng in (5, np.random.default_rng(5), 6):
        model = model_class()
        runs.append((fit(model, rng=rng, learning_rate=0.3), flat(model.params)))
    assert runs[0][0] == runs[1][0] != runs[2][0]
    np.testing.assert_array_equal(runs[0][1], runs[1][1])
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


def test_random_directions_train_reproducibly_too():
    runs = []
    for _ in range(2):
        model = TanhModel(num_hidden=300)
        with pytest.warns(UserWarning, match="numerical gradients of 2,103 parameters"):
            runs.append((fit(model, epochs=2), flat(model.params)))
    assert runs[0][0] == runs[1][0]
    np.testing.assert_array_equal(runs[0][1], runs[1][1])


def test_one_optimizer_and_one_schedule_serve_many_runs():
    adam, schedule = Adam(), WarmupSchedule(PlateauSchedule(0.5, 0), 2)
    options = {"optimizer": adam, "schedule": schedule, "learning_rate": 1.0, "epochs": 9}
    assert fit(TanhModelWithGrads(), **options) == fit(TanhModelWithGrads(), **options)


def test_the_schedule_decides_the_rates_and_hears_the_losses():
    history = fit(TanhModelWithGrads(), learning_rate=0.2, schedule=CosineSchedule(4))
    np.testing.assert_allclose(
        history["learning_rates"],
        [0.2, 0.1 + 0.05 * 2**0.5, 0.1, 0.1 - 0.05 * 2**0.5, 0],
        atol=1e-12,
    )
    history = fit(
        TanhModelWithGrads(),
        learning_rate=4,
        epochs=20,
        schedule=PlateauSchedule(0.5, 0),
        patience=20,
    )
    rates, losses, best = history["learning_rates"], history["val_loss"], np.inf
    for epoch in range(19):
        improved = losses[epoch] < best * (1 - 1e-4)
        assert rates[epoch + 1] == rates[epoch] * (1 if improved else 0.5)
        best = losses[epoch] if improved else best
    assert rates[-1] < 4


class OverflowsFirst(TanhModelWithGrads):
    """Gradients a million times too large in the calls whose numbers are given."""

    def __init__(self, calls):
        super().__init__()
        self.calls, self.count = calls, 0

    def loss_and_grads(self, X, y, task="classification"):
        loss, grads, predictions = super().loss_and_grads(X, y, task)
        self.count += 1
        factor = np.float32(1e6 if self.count in self.calls else 1)
        return loss, {name: factor * g for name, g in grads.items()}, predictions


def test_skipped_steps_are_counted_epoch_by_epoch_and_have_no_part_in_the_gradient_norm():
    """Three steps per epoch. Of the first epoch the second is left out, of the third all three."""
    scale = DynamicLossScale(1024.0)
    scale.update(True)  # a run counts its own skipped steps, not those of the past
    model = OverflowsFirst({2, 7, 8, 9})
    history = fit(model, epochs=4, batch_size=16, loss_scale=scale)
    assert history["skipped_steps"] == [1, 0, 3, 0]
    assert history["loss_scales"] == [256, 256, 32, 32]
    norms = history["grad_norms"]
    assert np.isfinite(norms[:2]).all() and np.isnan(norms[2]) and np.isfinite(norms[3])
    assert (scale.scale, scale.num_skipped) == (512, 1), "the caller's own was changed"
    twin = OverflowsFirst({2})
    taken = []
    rng = np.random.default_rng(0)
    (X, y), _ = data()
    own = DynamicLossScale(512.0)
    for rows in np.split(rng.permutation(40), [16, 32]):
        taken.append(train_step(twin, X[rows], y[rows], 0.001, loss_scale=own)[2])
    assert np.isinf(taken[1])
    assert norms[0] == pytest.approx((taken[0] + taken[2]) / 2)


class RecordsBatches(TanhModelWithGrads):
    def __init__(self):
        super().__init__()
        self.lengths = []

    def loss_and_grads(self, X, y, task="classification"):
        self.lengths.append(len(X))
        return super().loss_and_grads(X, y, task)


def test_defaults_of_a_run_are_those_of_the_docstring(capsys):
    model = RecordsBatches()
    history = train_model(model, *data(), patience=200, rng=0)
    assert len(history["val_loss"]) == 100 and model.lengths == [32, 8] * 100
    assert history["learning_rates"][0] == 0.001
    assert capsys.readouterr().out.startswith("epoch   1/100")
    assert len(train_model(TanhModelWithGrads(), *data(), learning_rate=0)["val_loss"]) == 11
    steep, twin = TanhModelWithGrads(), TanhModelWithGrads()
    for each in (steep, twin):
        each.params["V"] *= 1000
    assert fit(steep, epochs=1) == fit(twin, epochs=1, clip_norm=5.0)
    assert max(fit(twin, epochs=1)["grad_norms"]) > 5
    lengths = [len(y) for _, y in create_batches(*data()[0], rng=0)]
    assert lengths == [32, 8]
    order = [y for _, y in create_batches(np.zeros((40, 2)), np.arange(40), rng=0)]
    assert not np.array_equal(np.concatenate(order), np.arange(40)), "shuffled by default"


def test_without_a_loss_scale_the_history_has_no_word_of_one():
    assert list(fit(TanhModelWithGrads(), epochs=1)) == KEYS
    extra = list(fit(TanhModelWithGrads(), epochs=1, loss_scale=64.0))[len(KEYS) :]
    assert extra == ["loss_scales", "skipped_steps"]


def test_a_schedule_is_asked_for_epochs_from_0_with_the_rate_that_was_given():
    asked = []

    def schedule(epoch, initial_lr):
        asked.append((epoch, initial_lr))
        return 0.5

    history = fit(TanhModelWithGrads(), epochs=3, schedule=schedule, learning_rate=0.25)
    assert asked == [(0, 0.25), (1, 0.25), (2, 0.25)] and history["learning_rates"] == [0.5] * 3


def test_without_a_schedule_the_rate_falls_to_95_percent_every_ten_epochs():
    rates = fit(TanhModelWithGrads(), epochs=21, patience=21)["learning_rates"]
    assert rates == pytest.approx([0.001] * 10 + [0.00095] * 10 + [0.001 * 0.95**2])


def test_what_a_run_was_given_stays_as_it_was():
    adam, plateau = Adam(), PlateauSchedule(0.5, 0)
    options = {"optimizer": adam, "schedule": plateau, "learning_rate": 1.0}
    fit(TanhModelWithGrads(), **options)
    assert adam._memories == {} and plateau.num_bad_epochs == 0 and plateau.best_loss == np.inf


def test_the_last_line_names_the_epoch_whose_parameters_were_kept(capsys):
    options = {"epochs": 60, "learning_rate": 0.3, "patience": 1, "optimizer": Adam()}
    history = fit(TanhModelWithGrads(num_hidden=30), **options, verbose=True)
    epochs, best = len(history["val_loss"]), int(np.argmin(history["val_loss"])) + 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == (
        f"after {epochs} epochs, kept the parameters of epoch {best}, the best on validation"
    )
    assert best < epochs


def test_a_line_of_progress_says_the_numbers_of_its_epoch(capsys):
    history = fit(TanhModelWithGrads(), epochs=100, patience=100, verbose=True)
    lines = capsys.readouterr().out.splitlines()
    epochs = [int(line[6:9]) for line in lines[:-1]]
    assert epochs == [*range(1, 100, 5), 100]
    at = {key: values[95] for key, values in history.items()}
    assert lines[-3] == (
        f"epoch  96/100  train loss {at['train_loss']:.4f}, metric {at['train_metric']:.4f}  "
        f"val loss {at['val_loss']:.4f}, metric {at['val_metric']:.4f}  "
        f"rate {at['learning_rates']:.2g}  gradient norm {at['grad_norms']:.2g}"
    )


@pytest.mark.parametrize("accumulate", [2, 5])
def test_accumulation_does_not_change_a_run(accumulate):
    (X, y), val = data(dtype=np.float64)
    models = [TanhModelWithGrads(dtype=np.float64) for _ in range(2)]
    histories = [
        train_model(
            model, (X, y), val, 5, 13, 0.3, rng=0, verbose=False, accumulate=parts, optimizer=Adam()
        )
        for model, parts in zip(models, (1, accumulate), strict=True)
    ]  # 40 rows: the last batch has one row, fewer than there are parts
    np.testing.assert_allclose(flat(models[0].params), flat(models[1].params), atol=1e-9)
    for key in KEYS:
        np.testing.assert_allclose(histories[0][key], histories[1][key], rtol=1e-9)


def test_verbose_prints_about_twenty_lines_and_quiet_none(capsys):
    fit(TanhModelWithGrads(), epochs=3, verbose=True)
    lines = capsys.readouterr().out.splitlines()
    assert [line[:9] for line in lines] == ["epoch 1/3", "epoch 2/3", "epoch 3/3", "after 3 e"]
    fit(TanhModelWithGrads(), epochs=200, verbose=True, patience=200)
    assert 20 <= len(capsys.readouterr().out.splitlines()) <= 23
    fit(TanhModelWithGrads())
    assert capsys.readouterr().out == ""
