"""Two losses, the metric beside them, and the slope of each loss at the model's output.

Predictions are what a model puts out: (B, C) for one answer per sequence, (B, T, C) for one answer per
step. A loss is the mean over all answers, as in torch.
"""

from typing import Any

import numpy as np

from course_utils.numpy_track.checks import NonFiniteError, as_array, as_floats, check_task


def softmax(logits: Any) -> np.ndarray:
    """p_i = exp(z_i) / Σ_j exp(z_j) along the last axis; shape and dtype of ``logits``.

    Raises ValueError on an empty array and on NaN or infinite logits.
    """
    logits = as_floats("logits", logits)
    return np.exp(_log_softmax(logits)).astype(logits.dtype)


def cross_entropy_loss(predictions: Any, targets: Any) -> float:
    """L = mean over answers of -Σ_c q_c log p_c, with p = softmax(predictions), in nats.

    predictions: logits (B, C) or (B, T, C), C at least 2. targets: the class ids, integers in [0, C)
    of shape (B,) or (B, T); or the probabilities q, one-hot or soft, of the shape of the logits.
    Raises ValueError on anything else.

    >>> round(cross_entropy_loss([[0.0, 0.0], [0.0, 0.0]], [0, 1]), 4)  # a guess: ln 2
    0.6931
    """
    logits, target_probs = _classification_pair(predictions, targets)
    return _cross_entropy(_log_softmax(logits), target_probs)


def mse_loss(predictions: Any, targets: Any) -> float:
    """L = mean of (prediction - target)² over all numbers.

    targets: real numbers of the shape of ``predictions``; if the model puts out one number per
    answer, (B, 1) or (B, T, 1), that last axis may be left out. Raises ValueError on anything else.
    """
    _, errors = _regression_pair(predictions, targets)
    return _mean_square(errors)


def accuracy(predictions: Any, targets: Any) -> float:
    """Share of answers, in [0, 1], whose largest prediction stands at the (most probable) true class.

    Arguments as in ``cross_entropy_loss``; the first of equal predictions counts as the largest.
    """
    logits, target_probs = _classification_pair(predictions, targets)
    return float(np.mean(logits.argmax(axis=-1) == target_probs.argmax(axis=-1)))


def metric(predictions: Any, targets: Any, task: str) -> float:
    """Larger is better: the accuracy for "classification", minus the mean square for "regression"."""
    if check_task(task) == "classification":
        return accuracy(predictions, targets)
    return -mse_loss(predictions, targets)


def loss_and_output_grad(predictions: Any, targets: Any, task: str) -> tuple[float, np.ndarray]:
    """(L, ∂L/∂predictions): where back-propagation begins. The slope has the predictions' shape and dtype.

    "classification": L is the cross-entropy, and over N answers ∂L/∂z = (softmax(z) - q) / N.
    "regression": L is the mean square, and over N numbers ∂L/∂y = 2 (y - target) / N.
    Raises ValueError as the two losses do, and on any other task.
    """
    if check_task(task) == "classification":
        predictions, target_probs = _classification_pair(predictions, targets)
        num_answers = predictions[..., 0].size
        log_probs = _log_softmax(predictions)
        loss = _cross_entropy(log_probs, target_probs)
        grad = (np.exp(log_probs) - target_probs) / num_answers
    else:
        predictions, errors = _regression_pair(predictions, targets)
        loss = _mean_square(errors)
        grad = 2 * errors / errors.size
    with np.errstate(over="ignore"):
        grad = grad.astype(predictions.dtype)
    if not np.isfinite(grad).all():
        raise NonFiniteError(f"the slope of the loss is beyond the range of {grad.dtype}")
    return loss, grad


def targets_are_sequences(targets: Any, num_steps: int | None, output_size: int, task: str) -> bool:
    """Whether ``targets`` hold one answer per step (True) or one per sequence (False).

    The shape decides:

    | targets | False: one per sequence | True: one per step |
    |---|---|---|
    | class ids (integers) | (B,) | (B, T) |
    | class probabilities, one-hot or soft | (B, C) | (B, T, C) |
    | values to predict | (B,), (B, O) | (B, T, O), and (B, T) if O is 1 |

    Raises ValueError for integers (B, k) with k equal to both T and C: one-hot rows, or an id per step?

    Args:
        targets: the answers.
        num_steps: T of the inputs (B, T, ...), None if they have no steps.
        output_size: the number of classes C or of values O that the model puts out.
        task: "classification" or "regression".
    """
    check_task(task)
    targets = as_array("targets", targets)
    if targets.ndim != 2:
        return targets.ndim > 2
    width = targets.shape[1]
    if task == "regression":
        return width == num_steps and output_size == 1 != width
    if targets.dtype.kind not in "iu":
        return False
    if width == num_steps == output_size:
        raise ValueError(
            f"integer targets of shape {targets.shape} may be one-hot rows or an id for each of "
            f"{num_steps} steps, since there are {output_size} classes too; write one-hot rows as "
            "floats, targets.astype(float), and ids of steps as one-hot rows, (B, T, C)"
        )
    return width == num_steps


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    """log p_i = z_i - log Σ_j exp(z_j), at least in float32.

    Subtracting the largest logit first changes nothing, and then no exp overflows.
    """
    with np.errstate(over="ignore"):  # a gap beyond the largest float is -inf, and its p is 0
        shifted = logits - logits.max(axis=-1, keepdims=True).astype(_wide(logits))
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def _cross_entropy(log_probs: np.ndarray, target_probs: np.ndarray) -> float:
    terms = np.multiply(
        target_probs, log_probs, where=target_probs > 0, out=np.zeros_like(log_probs)
    )
    return _finite_loss(-terms.sum(axis=-1).mean(dtype=np.float64))


def _mean_square(errors: np.ndarray) -> float:
    with np.errstate(over="ignore"):
        return _finite_loss(np.square(errors, dtype=np.float64).mean())


def _finite_loss(loss: float) -> float:
    if not np.isfinite(loss):
        raise NonFiniteError(f"the loss is {loss}: predictions lie too far from the targets")
    return float(loss) + 0.0  # never -0.0


def _wide(array: np.ndarray) -> np.dtype:
    """The dtype to calculate in: the array's own, but no less than float32."""
    return np.result_type(array, np.float32)


def _classification_pair(predictions: Any, targets: Any) -> tuple[np.ndarray, np.ndarray]:
    """Logits (..., C), and the target probabilities in the same shape."""
    logits = as_floats("predictions", predictions)
    if logits.ndim not in (2, 3):
        raise ValueError(
            f"predictions must be logits of shape (B, C) or (B, T, C), got {logits.shape}"
        )
    num_classes = logits.shape[-1]
    if num_classes < 2:
        raise ValueError(
            f"classification needs at least 2 classes, got predictions of shape {logits.shape}; "
            "for one number per answer take task='regression' (mse_loss)"
        )
    targets = as_array("targets", targets)
    if targets.shape == logits.shape:
        return logits, _checked_probs(targets)
    if targets.shape == logits.shape[:-1]:
        return logits, _one_hot(targets, num_classes, _wide(logits))
    raise ValueError(
        f"targets of shape {targets.shape} do not fit predictions of shape {logits.shape}; allowed "
        f"are class ids of shape {logits.shape[:-1]} and probabilities of shape {logits.shape}. "
        + _remedy(targets.shape, logits.shape)
    )


def _one_hot(ids: np.ndarray, num_classes: int, dtype: np.dtype) -> np.ndarray:
    if ids.dtype.kind not in "iu":
        raise ValueError(
            f"class ids must be integers, got dtype {ids.dtype}; if they are whole numbers, write "
            "targets.astype(int)"
        )
    lowest, highest = int(ids.min()), int(ids.max())
    if lowest < 0 or highest >= num_classes:
        raise ValueError(
            f"class ids must lie in [0, {num_classes}), since the predictions have {num_classes} "
            f"classes; got {lowest if lowest < 0 else highest}. Count classes from 0, and leave out "
            "rows without a label"
        )
    return np.eye(num_classes, dtype=dtype)[ids]


def _checked_probs(targets: np.ndarray) -> np.ndarray:
    probs = as_floats("targets", targets)
    sums = probs.sum(axis=-1, dtype=_wide(probs))
    tolerance = max(1e-5, float(np.finfo(probs.dtype).eps))
    if probs.min() < 0 or np.abs(sums - 1).max() > tolerance:
        worst = sums.flat[np.abs(sums - 1).argmax()]
        raise ValueError(
            "targets of the predictions' shape must be probabilities, at least 0 and with rows that "
            f"sum to 1; got a smallest number of {probs.min():g} and a row that sums to {worst:g}. "
            "For regression take task='regression' (mse_loss)"
        )
    return probs


def _regression_pair(predictions: Any, targets: Any) -> tuple[np.ndarray, np.ndarray]:
    """Predictions as floats, and the errors (prediction - target) in the same shape."""
    predictions = as_floats("predictions", predictions)
    targets = as_floats("targets", targets)
    if predictions.shape == (*targets.shape, 1):
        targets = targets[..., None]
    if targets.shape != predictions.shape:
        raise ValueError(
            f"targets of shape {targets.shape} do not fit predictions of shape {predictions.shape}; "
            "regression needs one target for each predicted number. "
            + _remedy(targets.shape, predictions.shape)
        )
    return predictions, predictions.astype(_wide(predictions)) - targets


def _remedy(targets: tuple[int, ...], predictions: tuple[int, ...]) -> str:
    """What most likely went wrong if two shapes do not fit."""
    if targets[0] != predictions[0]:
        return f"There are {predictions[0]} rows of predictions, so {predictions[0]} targets are needed"
    if targets[-1] == 1:
        return "Write targets[..., 0] to drop the last axis"
    if len(predictions) == 3 and len(targets) < 3:
        return "For one answer per sequence, let the model put out its last step only (return_sequences=False)"
    if len(predictions) == 2 and len(targets) == 3:
        return "For one answer per step, let the model put out every step (return_sequences=True)"
    return "Check output_size of the model"
