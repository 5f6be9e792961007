"""One step of training: the gradient of a batch, clipped, then followed downhill."""

from typing import Any

import numpy as np

from course_utils.numpy_track.checks import (
    NonFiniteError,
    check_count,
    check_number,
    check_rng,
    check_task,
)
from course_utils.numpy_track.clipping import check_max_norm, clip_gradients
from course_utils.numpy_track.gradients import loss_and_grads
from course_utils.numpy_track.losses import metric
from course_utils.numpy_track.mixed_precision import (
    LossScale,
    as_loss_scale,
    half_precision_grads,
)
from course_utils.numpy_track.model_interface import (
    Model,
    Params,
    check_pair,
    read_params,
)
from course_utils.numpy_track.optimizers import SGD, Optimizer


def train_step(
    model: Model,
    X_batch: Any,
    y_batch: Any,
    learning_rate: float = 0.001,
    clip_norm: float = 5.0,
    task: str = "classification",
    *,
    optimizer: Optimizer | None = None,
    accumulate: int = 1,
    loss_scale: LossScale | float | None = None,
    rng: np.random.Generator | int | None = None,
) -> tuple[float, float, float]:
    """One step of gradient descent: (loss, metric, gradient norm) of the batch before the step.

    Args:
        model: any object with the methods of ``Model``.
        X_batch: (B, T, features).
        y_batch: B targets, as ``losses`` explains.
        learning_rate: at least 0.
        clip_norm: the gradient is scaled down to this global norm, above 0; np.inf clips nothing.
        task: ``"classification"``, whose metric is the accuracy, or ``"regression"``, whose metric is
            minus the loss.
        optimizer: whose rule moves the parameters; SGD if None. It remembers, so pass the same one
            each time.
        accumulate: go through the batch in this many parts, whose gradients add up to that of the
            whole batch: the memory of a part, the step of the whole.
        loss_scale: train in simulated half precision (see ``mixed_precision``); a number for a fixed
            scale.
        rng: a generator or seed, for numerical gradients along random directions.

    Returns:
        The norm is the global one before clipping. After an overflow in half precision the step is
        left out, and the norm is inf.

    Raises:
        ValueError: on arguments that make no sense.
        FloatingPointError: if NaN or infinity turns up on the way; the model then stays as it was.

    >>> from course_utils.numpy_track.lstm_baseline import LSTM
    >>> from course_utils.numpy_track.optimizers import Adam
    >>> model, optimizer = LSTM(1, 4, 2, rng=0), Adam()
    >>> X, y = np.ones((6, 3, 1)), np.array([0, 1, 0, 0, 1, 0])
    >>> losses = [train_step(model, X, y, 0.01, optimizer=optimizer)[0] for _ in range(5)]
    >>> losses[4] < losses[0]
    True
    """
    X, y = check_pair(X_batch, y_batch)
    check_task(task)
    check_number("learning_rate", learning_rate, low=0)
    check_max_norm("clip_norm", clip_norm)
    optimizer, loss_scale = as_optimizer(optimizer), as_loss_scale(loss_scale)
    if check_count("accumulate", accumulate) > len(X):
        raise ValueError(
            f"accumulate must be at most the {len(X)} rows of the batch, got {accumulate}"
        )
    rng = check_rng(rng)
    params = read_params(model)
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            loss, grads, value = _accumulated(model, X, y, task, accumulate, loss_scale, rng)
            if grads is None:
                return loss, value, np.inf
            clipped, norm = clip_gradients(grads, clip_norm)
            moved = optimizer.step(params, clipped, learning_rate)
    except NonFiniteError as error:
        raise FloatingPointError(
            f"{error}. Usual causes: a learning rate that is too high (try a tenth of it), inputs or "
            "targets that are not normalized. The model is as it was before the call"
        ) from error
    model.set_params(moved)
    return loss, value, norm


def _accumulated(
    model: Model,
    X: np.ndarray,
    y: np.ndarray,
    task: str,
    num_parts: int,
    loss_scale: LossScale | None,
    rng: np.random.Generator,
) -> tuple[float, Params | None, float]:
    """(loss, gradients, metric) of a batch that goes through the model in parts.

    A mean over the batch is the mean over its parts, weighted by their length; so is its gradient.
    """
    loss, value, overflowed = 0.0, 0.0, False
    grads: Params = {}
    for rows in np.array_split(np.arange(len(X)), num_parts):
        part = (model, X[rows], y[rows], task, rng)
        part_grads: Params | None
        if loss_scale is None:
            part_loss, part_grads, predictions = loss_and_grads(*part)
        else:
            part_loss, part_grads, predictions = half_precision_grads(*part, loss_scale.scale)
        weight = len(rows) / len(X)
        loss += weight * check_number("loss", part_loss)
        value += weight * metric(predictions, y[rows], task)
        overflowed |= part_grads is None
        for name, g in (part_grads or {}).items():
            grads[name] = grads.get(name, 0) + weight * np.asarray(g)
    if loss_scale is not None:
        loss_scale.update(overflowed)
    return loss, None if overflowed else grads, value


def as_optimizer(optimizer: Optimizer | None) -> Optimizer:
    """An optimizer stays, None becomes plain SGD. Raises ValueError on anything else."""
    if optimizer is None:
        return SGD()
    if not isinstance(optimizer, Optimizer):
        raise ValueError(f"optimizer must be an object such as Adam(), got {optimizer!r}")
    return optimizer
