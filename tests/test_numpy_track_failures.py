"""What cannot be trained: each mistake has its message, and no failed call changes the model."""

import numpy as np
import pytest
from numpy_models import TanhModel, TanhModelWithGrads, assert_unchanged, classes, copied

from course_utils.numpy_track.optimizers import Adam
from course_utils.numpy_track.schedules import CosineSchedule
from course_utils.numpy_track.training_utils import evaluate, train_model, train_step

#: Overflow is foreseen: it is an error with a message or it is harmless, and never a warning.
pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

X, Y = classes(12)
VAL = classes(6, seed=1)

DATA_MISTAKES = [
    pytest.param(
        {"X": np.full((12, 5, 3), np.nan)}, "X must be finite, but 180 of its 180", id="NaN"
    ),
    pytest.param({"y": Y[:1]}, "12 inputs and 1 targets", id="one target"),
    pytest.param({"y": np.append(Y, 0)}, "12 inputs and 13 targets", id="y longer than X"),
    pytest.param({"y": np.where(Y == 2, -1, Y)}, r"lie in \[0, 3\).* got -1", id="label -1"),
    pytest.param({"y": Y + 1}, r"lie in \[0, 3\).* got 3", id="label C"),
    pytest.param(
        {"y": Y[:, None]}, r"\(12, 1\) do not fit .* targets\[\.\.\., 0\]", id="(B, 1) labels"
    ),
    pytest.param({"y": Y == 1}, "integers, got dtype bool", id="bool labels"),
    pytest.param({"y": Y * 1.0}, r"got dtype float64.*astype\(int\)", id="float labels"),
    pytest.param({"X": X[:0], "y": Y[:0]}, r"X is empty \(shape \(0, 5, 3\)\)", id="empty"),
    pytest.param({"X": X[:, 0, 0]}, r"X must have shape \(B, T, features\)", id="1-D X"),
    pytest.param({"X": X.astype(str)}, "X must hold real numbers, got dtype <U", id="strings"),
    pytest.param({"task": "regresion"}, "must be 'classification' or 'regression'", id="task"),
    pytest.param(
        {"task": "regression"}, "one target for each predicted number", id="ids as values"
    ),
]
STEP_MISTAKES = [
    pytest.param(
        {"learning_rate": -0.1}, "learning_rate must be .* at least 0, got -0.1", id="rate"
    ),
    pytest.param({"learning_rate": np.nan}, "learning_rate must be .* got nan", id="NaN rate"),
    pytest.param({"learning_rate": "fast"}, "learning_rate must be .* got 'fast'", id="a word"),
    pytest.param(
        {"clip_norm": 0}, r"clip_norm \(np.inf clips nothing\) .* above 0, got 0", id="clip"
    ),
    pytest.param({"clip_norm": -5}, "clip_norm .* got -5", id="negative clip"),
    pytest.param({"clip_norm": None}, "clip_norm .*np.inf clips nothing.* got None", id="no clip"),
    pytest.param({"accumulate": 0}, "accumulate must be at least 1, got 0", id="no part"),
    pytest.param({"accumulate": 13}, "accumulate must be at most .* got 13", id="too many parts"),
    pytest.param({"optimizer": "adam"}, r"an object such as Adam\(\), got 'adam'", id="a name"),
    pytest.param({"optimizer": Adam}, r"an object such as Adam\(\), got <class", id="a class"),
    pytest.param({"loss_scale": -1}, "loss_scale must be .* above 0, got -1", id="loss scale"),
    pytest.param({"rng": -1}, "rng, if it is a seed, must be at least 0, got -1", id="seed"),
]
RUN_MISTAKES = [
    pytest.param({"epochs": 0}, "epochs must be at least 1, got 0", id="epochs 0"),
    pytest.param(
        {"epochs": 1.5}, "epochs must be an integer of at least 1, got 1.5", id="epochs 1.5"
    ),
    pytest.param({"batch_size": 0}, "batch_size must be at least 1, got 0", id="batch size 0"),
    pytest.param({"batch_size": -2}, "batch_size must be at least 1, got -2", id="batch size -2"),
    pytest.param({"patience": 0}, "patience must be at least 1, got 0", id="patience"),
    pytest.param({"lr_decay": 0}, "lr_decay must be .* above 0 .* got 0", id="decay"),
    pytest.param({"lr_decay": 1.5}, "lr_decay must be .* at most 1, got 1.5", id="growth"),
    pytest.param({"lr_decay_every": 0}, "lr_decay_every must be at least 1, got 0", id="every 0"),
    pytest.param({"schedule": 0.1}, r"callable as \(epoch, initial_lr\)", id="schedule"),
    pytest.param(
        {"schedule": CosineSchedule(5), "lr_decay": 0.5}, "but not both", id="schedule and decay"
    ),
    pytest.param({"schedule": lambda e, lr: -lr}, "schedule in epoch 1 must be", id="rate below 0"),
    pytest.param({"train_data": X}, "train_data must be a pair", id="no pair"),
    pytest.param(
        {"val_data": None}, r"val_data must be a pair \(X, y\), got NoneType", id="no val"
    ),
    pytest.param({"val_data": (X[:0], Y[:0])}, "val_data X is empty", id="empty validation"),
    pytest.param({"val_data": (VAL[0], VAL[1] + 2)}, r"val_data: class ids must", id="val labels"),
    pytest.param(
        {"val_data": (VAL[0] * np.nan, VAL[1])}, "val_data X must be finite", id="val NaN"
    ),
    pytest.param({"train_data": (X, Y[:5])}, "train_data X and train_data y must", id="train y"),
]


def refuse(call, model, error, message):
    before = copied(model)
    with pytest.raises(error, match=message) as caught:
        call()
    assert_unchanged(model, before)
    return str(caught.value)


@pytest.mark.parametrize("model_class", [TanhModel, TanhModelWithGrads])
@pytest.mark.parametrize(("change", "message"), DATA_MISTAKES)
def test_data_that_cannot_be_meant(model_class, change, message):
    model = model_class()
    given = {"X": X, "y": Y, "task": "classification", **change}
    inputs, targets, task = given.values()
    refuse(lambda: train_step(model, inputs, targets, task=task), model, ValueError, message)
    refuse(lambda: evaluate(model, inputs, targets, task), model, ValueError, message)
    refuse(
        lambda: train_model(model, (inputs, targets), VAL, task=task, verbose=False),
        model,
        ValueError,
        message,
    )


@pytest.mark.parametrize(("change", "message"), STEP_MISTAKES)
def test_settings_of_a_step_that_make_no_sense(change, message):
    model = TanhModelWithGrads()
    refuse(lambda: train_step(model, X, Y, **change), model, ValueError, message)
    whole_run = {"batch_size": 12, "verbose": False, **change}
    refuse(lambda: train_model(model, (X, Y), VAL, **whole_run), model, ValueError, message)


@pytest.mark.parametrize(("change", "message"), RUN_MISTAKES)
def test_settings_of_a_run_that_make_no_sense(change, message):
    model = TanhModelWithGrads()
    options = {"train_data": (X, Y), "val_data": VAL, "verbose": False, **change}
    refuse(lambda: train_model(model, **options), model, ValueError, message)


@pytest.mark.parametrize("batch_size", [0, -1, 1.0, None])
def test_evaluation_with_a_batch_size_that_is_none(batch_size):
    model = TanhModel()
    message = "batch_size must be"
    refuse(lambda: evaluate(model, X, Y, batch_size=batch_size), model, ValueError, message)


def test_a_run_that_diverges_names_epoch_and_step_and_gives_the_model_back():
    model = TanhModelWithGrads(num_outputs=1)
    y = 1e3 * X[:, -1, 0]

    def run():
        options = {"task": "regression", "clip_norm": np.inf, "batch_size": 5, "verbose": False}
        train_model(model, (X, y), (X, y), learning_rate=1e4, rng=0, **options)

    message = r"^epoch \d+, step [1-3]: .* learning rate .* model is as it was before the call"
    refuse(run, model, FloatingPointError, message)
    refuse(
        lambda: train_step(model, X, y, 1e38, np.inf, "regression"),
        model,
        FloatingPointError,
        "parameter 'U' after the step is NaN or infinite. Usual causes: a learning rate",
    )


class BreaksAfter(TanhModelWithGrads):
    """Puts out ``value`` from call number ``calls`` on."""

    def __init__(self, calls, value=np.nan, **options):
        super().__init__(**options)
        self.calls, self.value = calls, value

    def forward(self, X, return_sequences=False):
        self.calls -= 1
        outputs = super().forward(X, return_sequences)
        if self.calls < 0:
            if isinstance(self.value, BaseException):
                raise self.value
            outputs = outputs + self.value
        return outputs


def test_validation_that_is_not_finite_names_the_epoch():
    model = BreaksAfter(4)  # one look at each set, one step, one look at validation
    message = "^epoch 1, validation: predictions must be finite.* as it was before the call"
    refuse(
        lambda: train_model(model, (X, Y), VAL, 3, 12, verbose=False),
        model,
        FloatingPointError,
        message,
    )


def test_any_other_error_gives_the_model_back_too():
    model = BreaksAfter(12, RuntimeError("disk full"))
    refuse(
        lambda: train_model(model, (X, Y), VAL, 9, 6, 0.5, verbose=False),
        model,
        RuntimeError,
        "disk",
    )


def test_who_interrupts_keeps_the_best_so_far():
    model, twin = BreaksAfter(15, KeyboardInterrupt()), TanhModelWithGrads()
    with pytest.raises(KeyboardInterrupt):
        train_model(model, (X, Y), VAL, 9, 6, 0.5, verbose=False, rng=0)
    # 15 calls: one look at each set, then five per epoch (two steps, the look, a batch of validation)
    train_model(twin, (X, Y), VAL, 3, 6, 0.5, verbose=False, rng=0)
    for name, values in twin.get_params().items():
        np.testing.assert_array_equal(model.get_params()[name], values)


class WrongGrads(TanhModelWithGrads):
    def __init__(self, change):
        super().__init__()
        self.change = change

    def loss_and_grads(self, X, y, task="classification"):
        loss, grads, predictions = super().loss_and_grads(X, y, task)
        return self.change(loss, grads, predictions)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            lambda loss, g, p: (np.nan, g, p),
            FloatingPointError,
            "loss must be a finite number, got nan",
        ),
        (
            lambda loss, g, p: (loss, g, p * np.inf),
            FloatingPointError,
            "predictions must be finite",
        ),
        (
            lambda loss, g, p: (loss, {**g, "a": g["a"] * np.nan}, p),
            FloatingPointError,
            "gradient of 'a'",
        ),
        (lambda loss, g, p: (loss, {"a": g["a"]}, p), ValueError, r"missing: \['U', 'V', 'c'\]"),
        (
            lambda loss, g, p: (loss, {**g, "a": g["U"]}, p),
            ValueError,
            "'a' must have the parameter's shape",
        ),
    ],
)
def test_gradients_of_a_model_are_not_trusted_blindly(change, error, message):
    model = WrongGrads(change)
    refuse(lambda: train_step(model, X, Y), model, error, message)


def test_a_model_that_loses_rows_is_told_so():
    model = TanhModel()
    model.forward = lambda X, return_sequences=False: np.ones((1, 3))
    with pytest.raises(ValueError, match=r"one row for each of the 12 rows of X, got .* \(1, 3\)"):
        evaluate(model, np.concatenate([X, X])[:12], Y, batch_size=12)


def test_parameters_that_are_not_finite_are_refused_before_training():
    model = TanhModelWithGrads()
    model.params["a"][0] = np.nan
    with pytest.raises(ValueError, match="parameter 'a' holds NaN or infinite numbers"):
        train_model(model, (X, Y), VAL, verbose=False)
