"""The second half of the training demo: steps and whole runs."""

import warnings
from pathlib import Path

import numpy as np

from course_utils import seeding
from course_utils.numpy_track.demo_tools import (
    VALUES,
    VALUES_VAL,
    X_VAL,
    Y_VAL,
    Checks,
    X,
    Y,
    flat,
    with_float64,
)
from course_utils.numpy_track.lstm_baseline import LSTM
from course_utils.numpy_track.mixed_precision import DynamicLossScale
from course_utils.numpy_track.model_interface import Model
from course_utils.numpy_track.optimizers import SGD, Adam, AdamW, Momentum, Nesterov, RMSprop
from course_utils.numpy_track.relational_rnn import RelationalRNN
from course_utils.numpy_track.training_utils import (
    create_batches,
    evaluate,
    plot_training_curves,
    train_model,
    train_step,
)


def fit(
    model: Model, train=(X, Y), val=(X_VAL, Y_VAL), epochs=8, **options
) -> dict[str, list[float]]:
    """A short run whose settings the parts below share."""
    settings = {"learning_rate": 0.01, "optimizer": Adam(), "rng": 0, "verbose": False}
    return train_model(model, train, val, epochs, **{**settings, **options})


def training(picture: Path) -> Checks:
    """Whole runs of LSTM and Relational RNN, with history and figure."""
    checks: Checks = {}
    for model in (LSTM(2, 24, 3, rng=0), RelationalRNN(2, 24, 3, num_slots=2, slot_size=16, rng=0)):
        name = type(model).__name__
        history = fit(model, epochs=8, verbose=name == "LSTM")
        loss, value = evaluate(model, X_VAL, Y_VAL)
        print(f"{name}: validation accuracy {value:.1%} (chance 33 %)")
        checks[f"{name} learns the task"] = value > 0.6
        checks[f"{name} ends with its best parameters"] = bool(
            np.isclose(loss, min(history["val_loss"]))
        )
    figure = plot_training_curves(history, picture)
    checks["the picture is written"] = figure is None or picture.stat().st_size > 0
    return checks


def own_loop() -> Checks:
    """A loop of one's own from create_batches, train_step and evaluate."""
    model, rng, optimizer = LSTM(2, 16, 3, rng=0), seeding.rng(0), Adam()
    before = evaluate(model, X_VAL, Y_VAL)
    for _ in range(5):
        for X_batch, y_batch in create_batches(X, Y, batch_size=32, rng=rng):
            train_step(model, X_batch, y_batch, learning_rate=0.01, optimizer=optimizer)
    after = evaluate(model, X_VAL, Y_VAL)
    print(f"loss {before[0]:.3f} -> {after[0]:.3f}, accuracy {before[1]:.1%} -> {after[1]:.1%}")
    again = evaluate(model, X_VAL, Y_VAL, batch_size=7)
    return {
        "five epochs lower the loss": after[0] < before[0],
        "evaluation changes nothing, whatever the batch size": np.allclose(after, again, rtol=1e-6),
    }


def regression() -> Checks:
    """Regression, one value per step: the running mean of a channel."""
    model = LSTM(2, 16, 1, rng=0)
    history = fit(model, (X, VALUES), (X_VAL, VALUES_VAL), task="regression")
    print(f"mean square {history['val_loss'][0]:.4f} -> {min(history['val_loss']):.4f}")
    baseline = float(VALUES_VAL.var())
    return {"better than the mean as an answer": min(history["val_loss"]) < 0.2 * baseline}


def optimizers() -> Checks:
    """Six optimizers, each at a usual rate."""
    rates = {SGD: 0.3, Momentum: 0.03, Nesterov: 0.03, RMSprop: 0.003, Adam: 0.01, AdamW: 0.01}
    found = {}
    for optimizer, rate in rates.items():
        model = LSTM(2, 16, 3, rng=0)
        history = fit(model, epochs=4, optimizer=optimizer(), learning_rate=rate)
        found[optimizer.__name__] = history["train_loss"]
    print(", ".join(f"{name} {values[-1]:.3f}" for name, values in found.items()))
    return {"every one lowers the training loss": all(v[-1] < v[0] for v in found.values())}


def accumulation() -> Checks:
    """Gradient accumulation: one batch of 64 in 1, 4 and 64 parts."""
    results = []
    for parts in (1, 4, 64):
        model = with_float64(LSTM(2, 16, 3, rng=0))
        train_step(model, X[:64], Y[:64], learning_rate=0.5, accumulate=parts)
        results.append(flat(model.get_params()))
    worst = max(np.abs(result - results[0]).max() for result in results)
    print(f"largest difference between the parameters after the step: {worst:.1e}")
    return {"the parts make the step of the whole": worst < 1e-12}


class InSmallUnits(LSTM):
    """Answers in a large unit, so in small numbers: every gradient shrinks by unit²."""

    unit = 3e-5

    def forward(self, sequence, return_sequences=True, return_state=False, *, state=None):
        """The outputs of the LSTM in the other unit."""
        return self.unit * super().forward(sequence, return_sequences)

    def loss_and_grads(self, X, y, task="regression", *, state=None, return_state=False):
        """Loss and gradients in the other unit."""
        loss, grads, predictions = super().loss_and_grads(X, y / self.unit, task)
        grads = {name: self.unit**2 * g for name, g in grads.items()}
        return self.unit**2 * loss, grads, self.unit * predictions


def mixed_precision() -> Checks:
    """Mixed precision, simulated: float16 with and without a loss scale, beside float32."""
    unit, final = InSmallUnits.unit, {}
    scales = {"float32": None, "scaled": DynamicLossScale(2.0**24), "unscaled": 1.0}
    for name, loss_scale in scales.items():
        history = fit(
            InSmallUnits(2, 16, 1, rng=0),
            (X, unit * VALUES),
            (X_VAL, unit * VALUES_VAL),
            task="regression",
            epochs=6,
            optimizer=Adam(eps=1e-30),
            loss_scale=loss_scale,
        )
        final[name] = min(history["val_loss"]) / unit**2
    print("mean square:", ", ".join(f"{name} {loss:.4f}" for name, loss in final.items()))
    overflowing = DynamicLossScale(2.0**24)
    model = LSTM(2, 16, 3, rng=0)
    steps = [train_step(model, 50 * X[:64], Y[:64], loss_scale=overflowing)[2] for _ in range(20)]
    print(
        f"{np.isinf(steps).sum()} of 20 steps overflowed, until the scale was {overflowing.scale:g}"
    )
    return {
        "with a loss scale, the loss of float32": abs(final["scaled"] / final["float32"] - 1) < 0.2,
        "without one, nothing is learnt": final["unscaled"] > 5 * final["float32"],
        "overflow is survived": 0 < np.isinf(steps).sum() < 20,
    }


class ThreeMethods:
    """Any object with these three methods trains: here an LSTM that keeps its gradients to itself."""

    def __init__(self, *sizes: int) -> None:
        lstm = LSTM(*sizes, rng=0)
        self.forward, self.get_params = lstm.forward, lstm.get_params
        self.set_params = lstm.set_params


def numerical_training() -> Checks:
    """A model of three methods alone trains by numerical gradients, element-wise up to 2,000 parameters."""
    small, large = ThreeMethods(2, 4, 3), ThreeMethods(2, 24, 3)
    data = {"train": (X[:64], Y[:64]), "val": (X[64:96], Y[64:96])}
    element_wise = fit(small, **data, epochs=3)
    exact = fit(LSTM(2, 4, 3, rng=0), **data, epochs=3)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit(large, **data, epochs=2)
    print(
        f"loss {element_wise['train_loss'][-1]:.5f}, by back-propagation {exact['train_loss'][-1]:.5f}"
    )
    print("with more parameters, a warning:", caught[0].message)
    close = np.allclose(element_wise["train_loss"], exact["train_loss"], rtol=1e-3)
    return {
        "element-wise gradients train as exact ones do": close,
        "random directions come with a warning": "random directions" in str(caught[0].message),
    }


def reproducibility() -> Checks:
    """The same seed gives the same bits."""
    runs = [(fit(model := LSTM(2, 8, 3, rng=0), epochs=2, rng=7), model) for _ in range(2)]
    (one, first), (other, second) = runs
    print("two runs with rng=7:", one["val_loss"][-1], other["val_loss"][-1])
    same = np.array_equal(flat(first.get_params()), flat(second.get_params()))
    return {"two runs agree to the last bit": one == other and same}


def mistakes() -> Checks:
    """Mistakes get a message, and the model stays as it was."""
    model = LSTM(2, 8, 3, rng=0)
    before, caught = flat(model.get_params()), 0
    calls = {
        "label 3 of 3 classes": lambda: train_step(model, X, Y + 1),
        "one target for all": lambda: train_step(model, X, Y[:1]),
        "unknown task": lambda: train_step(model, X, Y, task="regresion"),
        "rate below 0": lambda: train_step(model, X, Y, learning_rate=-0.1),
        "NaN in the data": lambda: train_step(model, X * np.nan, Y),
        "empty validation": lambda: fit(model, val=(X[:0], Y[:0])),
        "a rate that explodes": lambda: fit(model, optimizer=SGD(), learning_rate=1e39),
    }
    for name, call in calls.items():
        try:
            call()
        except (ValueError, FloatingPointError) as error:
            caught += 1
            print(f"{name:>20}: {str(error)[:110]}")
    unchanged = np.array_equal(flat(model.get_params()), before)
    return {"each mistake is named, and the model unchanged": caught == len(calls) and unchanged}
