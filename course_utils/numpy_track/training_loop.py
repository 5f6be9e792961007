"""The training loop: an evaluation, an epoch, and ``train_model``, which strings them together."""

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from course_utils.numpy_track.batches import Batches, create_batches
from course_utils.numpy_track.checks import (
    NonFiniteError,
    check_count,
    check_number,
    check_rng,
    check_task,
)
from course_utils.numpy_track.clipping import check_max_norm
from course_utils.numpy_track.early_stopping import EarlyStopping
from course_utils.numpy_track.gradients import LOSSES
from course_utils.numpy_track.losses import metric
from course_utils.numpy_track.mixed_precision import LossScale, as_loss_scale
from course_utils.numpy_track.model_interface import (
    Model,
    check_pair,
    predict,
    read_params,
    wants_sequences,
)
from course_utils.numpy_track.optimizers import Optimizer
from course_utils.numpy_track.schedules import Schedule, StepSchedule
from course_utils.numpy_track.training_step import as_optimizer, train_step

HISTORY_KEYS = (
    "train_loss",
    "train_metric",
    "val_loss",
    "val_metric",
    "learning_rates",
    "grad_norms",
)


def evaluate(
    model: Model,
    X_test: Any,
    y_test: Any,
    task: str = "classification",
    batch_size: int = 32,
) -> tuple[float, float]:
    """(mean loss, metric) over all rows; the model does not change.

    Each batch counts by its length, so the result does not depend on the batch size. Raises ValueError
    as ``train_step`` does.

    Args:
        model: any object with the methods of ``Model``.
        X_test: inputs, (N, T, features).
        y_test: N targets, as ``losses`` explains.
        task: ``"classification"``, whose metric is the accuracy, or ``"regression"``, whose metric is
            minus the loss.
        batch_size: rows per forward pass, at least 1.
    """
    X, y = check_pair(X_test, y_test)
    check_count("batch_size", batch_size)
    sequences = wants_sequences(model, X, y, check_task(task))
    total_loss, total_value = 0.0, 0.0
    for X_batch, y_batch in create_batches(X, y, batch_size, shuffle=False):
        predictions = predict(model, X_batch, sequences)
        total_loss += LOSSES[task](predictions, y_batch) * len(X_batch)
        total_value += metric(predictions, y_batch, task) * len(X_batch)
    return total_loss / len(X), total_value / len(X)


def train_model(
    model: Model,
    train_data: tuple[Any, Any],
    val_data: tuple[Any, Any],
    epochs: int = 100,
    batch_size: int = 32,
    learning_rate: float = 0.001,
    lr_decay: float = 0.95,
    lr_decay_every: int = 10,
    clip_norm: float = 5.0,
    patience: int = 10,
    task: str = "classification",
    verbose: bool = True,
    *,
    rng: np.random.Generator | int | None = None,
    optimizer: Optimizer | None = None,
    schedule: Schedule | None = None,
    accumulate: int = 1,
    loss_scale: LossScale | float | None = None,
) -> dict[str, list[float]]:
    """Train ``model`` in place, stop early, and leave it with the parameters of its lowest validation loss.

    ``optimizer``, ``schedule`` and ``loss_scale`` are copied first, so one object may serve many runs.

    Args:
        model: any object with the methods of ``Model``.
        train_data: a pair (X, y), as ``train_step`` takes them.
        val_data: another.
        epochs: how many at most, at least 1.
        batch_size: rows per step, at least 1; the last batch of an epoch may be shorter.
        learning_rate: the initial one, at least 0.
        lr_decay: without a schedule, the rate falls to so much of itself, in (0, 1], ...
        lr_decay_every: ... every so many epochs.
        clip_norm: as for ``train_step``.
        patience: how many epochs in a row may bring no improvement (see ``EarlyStopping``).
        task: ``"classification"`` or ``"regression"``.
        verbose: print some twenty lines.
        rng: a generator or seed, which governs the order of the rows and any random directions: the
            same seed gives the same bits.
        optimizer: as for ``train_step``.
        schedule: the rate of an epoch, from 0, is schedule(epoch, learning_rate).
        accumulate: as for ``train_step``.
        loss_scale: as for ``train_step``.

    Returns:
        A dict of lists, one number per epoch: train_loss and train_metric (means over the rows, as met
        while training), val_loss and val_metric (after the epoch), learning_rates, grad_norms (mean
        over the steps, before clipping). With a loss_scale also loss_scales and skipped_steps.

    Raises:
        ValueError: on arguments that make no sense.
        FloatingPointError: if NaN or infinity turns up on the way; it names epoch and step.
        After any error the model is as it was before the call.

    >>> from course_utils.numpy_track.lstm_baseline import LSTM
    >>> X = np.linspace(-1, 1, 40).reshape(20, 2, 1)
    >>> y = (X[:, -1, 0] > 0).astype(int)
    >>> model = LSTM(input_size=1, hidden_size=4, output_size=2, rng=0)
    >>> data = (X, y)
    >>> history = train_model(model, data, data, epochs=3, learning_rate=0.5, verbose=False, rng=0)
    >>> len(history["val_loss"]), history["val_loss"][-1] < history["val_loss"][0]
    (3, True)
    """
    check_task(task)
    check_count("epochs", epochs)
    check_count("batch_size", batch_size)
    check_number("learning_rate", learning_rate, low=0)
    check_max_norm("clip_norm", clip_norm)
    if check_count("accumulate", accumulate) > batch_size:
        raise ValueError(f"accumulate must be at most batch_size, {batch_size}, got {accumulate}")
    stopping = EarlyStopping(patience)
    schedule = _as_schedule(schedule, lr_decay, lr_decay_every)
    optimizer = copy.deepcopy(as_optimizer(optimizer))
    loss_scale = copy.deepcopy(as_loss_scale(loss_scale))
    if loss_scale is not None:
        loss_scale.num_skipped = 0  # the history counts the steps of this run
    rng = check_rng(rng)
    before = read_params(model)
    X, y = _check_part("train_data", train_data, model, task)
    X_val, y_val = _check_part("val_data", val_data, model, task)
    step = partial(
        train_step,
        model,
        clip_norm=clip_norm,
        task=task,
        optimizer=optimizer,
        loss_scale=loss_scale,
        rng=rng,
    )
    history = _empty_history(loss_scale)
    try:
        for epoch in range(1, epochs + 1):
            rate = schedule(epoch - 1, learning_rate)
            check_number(f"the rate of the schedule in epoch {epoch}", rate, low=0)
            batches = create_batches(X, y, batch_size, rng=rng)
            trained = _train_epoch(step, batches, epoch, rate, accumulate)
            validated = _validate(model, X_val, y_val, task, batch_size, epoch)
            _record(history, trained, validated, rate, loss_scale)
            if verbose and ((epoch - 1) % max(1, epochs // 20) == 0 or epoch == epochs):
                print(_progress_line(epoch, epochs, history))
            if hasattr(schedule, "observe"):
                schedule.observe(validated[0])
            if stopping(validated[0], read_params(model)):
                break
    except BaseException as error:
        interrupted = isinstance(error, KeyboardInterrupt)  # keep what was reached until then
        model.set_params((stopping.get_best_params() if interrupted else None) or before)
        raise
    model.set_params(stopping.get_best_params() or before)
    if verbose:
        best = history["val_loss"].index(stopping.best_loss) + 1
        print(f"after {epoch} epochs, kept the parameters of epoch {best}, the best on validation")
    return history


def _check_part(name: str, data: Any, model: Model, task: str) -> tuple[np.ndarray, np.ndarray]:
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise ValueError(f"{name} must be a pair (X, y), got {type(data).__name__}")
    X, y = check_pair(data[0], data[1], name=f"{name} ")
    try:
        wants_sequences(model, X, y, task)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    return X, y


def _as_schedule(schedule: Schedule | None, lr_decay: float, lr_decay_every: int) -> Schedule:
    if schedule is None:
        check_number("lr_decay", lr_decay, 0, 1, low_open=True)
        check_count("lr_decay_every", lr_decay_every)
        return StepSchedule(lr_decay, lr_decay_every)
    if not callable(schedule):
        raise ValueError(
            f"schedule must be callable as (epoch, initial_lr), such as CosineSchedule(50), "
            f"got {schedule!r}"
        )
    if (lr_decay, lr_decay_every) != (0.95, 10):
        raise ValueError("give a schedule, or lr_decay and lr_decay_every, but not both")
    return copy.deepcopy(schedule)


def _train_epoch(
    step: Callable[..., tuple[float, float, float]],
    batches: Batches,
    epoch: int,
    rate: float,
    accumulate: int,
) -> tuple[float, float, float]:
    """(mean loss over rows, mean metric over rows, mean gradient norm over the steps taken)."""
    results, lengths = [], []
    for number, (X_batch, y_batch) in enumerate(batches, 1):
        parts = min(accumulate, len(X_batch))  # the last batch may be short
        try:
            results.append(step(X_batch, y_batch, rate, accumulate=parts))
        except FloatingPointError as error:
            raise FloatingPointError(f"epoch {epoch}, step {number}: {error}") from error
        lengths.append(len(X_batch))
    losses, values, norms = np.array(results).T
    taken = norms[np.isfinite(norms)]  # a step that overflowed float16 was left out
    return (
        float(np.average(losses, weights=lengths)),
        float(np.average(values, weights=lengths)),
        float(taken.mean()) if len(taken) else float("nan"),
    )


def _validate(
    model: Model, X: np.ndarray, y: np.ndarray, task: str, batch_size: int, epoch: int
) -> tuple[float, float]:
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            return evaluate(model, X, y, task, batch_size)
    except NonFiniteError as error:
        raise FloatingPointError(
            f"epoch {epoch}, validation: {error}. The model is as it was before the call"
        ) from error


def _empty_history(loss_scale: LossScale | None) -> dict[str, list[float]]:
    extra = () if loss_scale is None else ("loss_scales", "skipped_steps")
    return {key: [] for key in (*HISTORY_KEYS, *extra)}


def _record(
    history: dict[str, list[float]],
    trained: tuple[float, float, float],
    validated: tuple[float, float],
    rate: float,
    loss_scale: LossScale | None,
) -> None:
    loss, value, norm = trained
    for key, number in zip(HISTORY_KEYS, (loss, value, *validated, rate, norm), strict=True):
        history[key].append(float(number))
    if loss_scale is not None:
        history["loss_scales"].append(loss_scale.scale)
        history["skipped_steps"].append(loss_scale.num_skipped - sum(history["skipped_steps"]))


def _progress_line(epoch: int, epochs: int, history: dict[str, list[float]]) -> str:
    last = {key: numbers[-1] for key, numbers in history.items()}
    return (
        f"epoch {epoch:{len(str(epochs))}}/{epochs}  "
        f"train loss {last['train_loss']:.4f}, metric {last['train_metric']:.4f}  "
        f"val loss {last['val_loss']:.4f}, metric {last['val_metric']:.4f}  "
        f"rate {last['learning_rates']:.2g}  gradient norm {last['grad_norms']:.2g}"
    )
