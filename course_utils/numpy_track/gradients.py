"""Gradients without back-propagation, and the choice of where a model's gradients come from.

The element-wise gradient is exact enough to judge a back-propagation by, and costs two forward passes
a parameter. Random directions cost two passes each, and give an estimate that is worth little.
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from course_utils.numpy_track.checks import check_count, check_number, check_rng, check_task
from course_utils.numpy_track.losses import cross_entropy_loss, mse_loss
from course_utils.numpy_track.model_interface import (
    Model,
    Params,
    check_pair,
    params_restored,
    predict,
    read_params,
    wants_sequences,
)

LossFn = Callable[[np.ndarray, np.ndarray], float]
LOSSES: dict[str, LossFn] = {"classification": cross_entropy_loss, "regression": mse_loss}
ELEMENTWISE_LIMIT = 2000


def compute_numerical_gradient(
    model: Model,
    X_batch: Any,
    y_batch: Any,
    loss_fn: LossFn,
    epsilon: float = 1e-5,
    *,
    return_sequences: bool | None = None,
) -> Params:
    """∂L/∂θ_i ≈ (L(θ + ε e_i) - L(θ - ε e_i)) / 2ε, one parameter after the other.

    The error is of order ε² from the curve and (rounding of L)/ε from the difference. So that the
    second stays small, the model is lent float64 copies of its parameters; a model that answers in
    float32 all the same gets at least ε = 0.005, the cube root of float32's rounding. For parameters
    beyond ±1, ε counts relative to their size. Afterwards the model has its own parameters back.

    Args:
        model: any object with the methods of ``Model``.
        X_batch: (B, ...).
        y_batch: B targets.
        loss_fn: called with (predictions, targets), returns the loss.
        epsilon: ε, above 0.
        return_sequences: what to ask of ``forward``; None decides by the targets (see
            ``targets_are_sequences``), which needs one of the two losses of this package if the
            targets are 2-D.

    Returns:
        Arrays of the parameters' names, shapes and dtypes.

    Raises:
        ValueError: on data, loss or ε that make no sense.
    """
    check_number("epsilon", epsilon, 0, low_open=True)
    X, y = check_pair(X_batch, y_batch)
    with params_restored(model) as params:
        at = _Losses(model, params, X, y, loss_fn, return_sequences)
        grads = {name: np.empty_like(values) for name, values in params.items()}
        for name, values in at.params.items():
            steps = at.steps(values, epsilon)
            for i in np.ndindex(values.shape):
                theta = values[i]
                values[i] = above = theta + steps[i]
                loss_above = at.loss()
                values[i] = below = theta - steps[i]
                grads[name][i] = (loss_above - at.loss()) / (float(above) - float(below))
                values[i] = theta
    return grads


def compute_numerical_gradient_fast(
    model: Model,
    X_batch: Any,
    y_batch: Any,
    loss_fn: LossFn,
    epsilon: float = 1e-5,
    *,
    num_directions: int = 32,
    rng: np.random.Generator | int | None = None,
    return_sequences: bool | None = None,
) -> Params:
    """The slope along K random directions v, each a coin flip ±1 per parameter, as an estimate of ∂L/∂θ.

    ĝ = mean over v of (L(θ + ε v) - L(θ - ε v)) / 2ε · v

    Spall 1992, "Multivariate stochastic approximation using a simultaneous perturbation gradient
    approximation".

    E[v vᵀ] is the identity, so ĝ is unbiased (to order ε²): averaged over ever more directions it
    becomes the gradient. How good one estimate is, with P parameters: its cosine with the gradient
    is about √(K / (K + P)) and its length √((K + P) / K) times the gradient's. One direction in 600
    parameters points elsewhere (cosine 0.04); K = P costs as much as the element-wise gradient and
    reaches 0.71. Take steps smaller by K / (K + P), or write ``loss_and_grads``.

    Args:
        model: this and what follows, as for ``compute_numerical_gradient``.
        X_batch: as there.
        y_batch: as there.
        loss_fn: as there.
        epsilon: as there.
        num_directions: K, for 2 K forward passes.
        rng: a generator or a seed.
        return_sequences: as there.
    """
    check_number("epsilon", epsilon, 0, low_open=True)
    check_count("num_directions", num_directions)
    rng = check_rng(rng)
    X, y = check_pair(X_batch, y_batch)
    with params_restored(model) as params:
        at = _Losses(model, params, X, y, loss_fn, return_sequences)
        center = {name: values.copy() for name, values in at.params.items()}
        steps = {name: at.steps(values, epsilon) for name, values in center.items()}
        sums = {name: np.zeros(values.shape) for name, values in center.items()}
        for _ in range(num_directions):
            signs = {
                name: 2 * rng.integers(0, 2, values.shape) - 1 for name, values in center.items()
            }
            losses = []
            for side in (+1, -1):
                for name, values in at.params.items():
                    values[...] = center[name] + side * steps[name] * signs[name]
                losses.append(at.loss())
            slope = (losses[0] - losses[1]) / 2
            for name in sums:
                sums[name] += slope * signs[name] / steps[name]
    return {name: (sums[name] / num_directions).astype(params[name].dtype) for name in params}


class _Losses:
    """The loss as a function of ``params``, which the caller changes in place between two questions."""

    def __init__(self, model, params, X, y, loss_fn, return_sequences):
        self.model, self.X, self.y, self.loss_fn = model, X, y, loss_fn
        if return_sequences is None:
            return_sequences = _decide_sequences(model, X, y, loss_fn)
        self.return_sequences = return_sequences
        model.set_params({name: values.astype(np.float64) for name, values in params.items()})
        answered = predict(model, X, return_sequences).dtype
        self.dtype = answered if answered.kind == "f" else np.dtype(np.float64)
        self.params = {name: values.astype(self.dtype) for name, values in params.items()}

    def loss(self) -> float:
        self.model.set_params({name: values.copy() for name, values in self.params.items()})
        predictions = predict(self.model, self.X, self.return_sequences)
        return check_number("the value of loss_fn", self.loss_fn(predictions, self.y))

    def steps(self, values: np.ndarray, epsilon: float) -> np.ndarray:
        if self.dtype.itemsize < 8:
            epsilon = max(epsilon, float(np.cbrt(np.finfo(self.dtype).eps)))
        return (epsilon * np.maximum(1, np.abs(values))).astype(self.dtype)


def _decide_sequences(model: Model, X: np.ndarray, y: np.ndarray, loss_fn: LossFn) -> bool:
    for task, known in LOSSES.items():
        if loss_fn is known:
            return wants_sequences(model, X, y, task)
    if y.ndim == 2:
        raise ValueError(
            f"targets of shape {y.shape} may be one per step or one per sequence, and this loss_fn does not "
            "tell; say return_sequences=True or return_sequences=False"
        )
    return y.ndim > 2


def loss_and_grads(
    model: Model, X: np.ndarray, y: np.ndarray, task: str, rng: np.random.Generator
) -> tuple[float, Params, np.ndarray]:
    """(loss, gradients by name, predictions): the model's own if it has them, else numerical ones.

    Numerical gradients are element-wise up to 2,000 parameters; beyond, random directions take their
    place, and a warning says what that costs.
    """
    check_task(task)
    if hasattr(model, "loss_and_grads"):
        return model.loss_and_grads(X, y, task=task)
    num_params = sum(values.size for values in read_params(model).values())
    loss_fn, sequences = LOSSES[task], wants_sequences(model, X, y, task)
    predictions = predict(model, X, sequences)
    options = {"return_sequences": sequences}
    if num_params <= ELEMENTWISE_LIMIT:
        grads = compute_numerical_gradient(model, X, y, loss_fn, **options)
    else:
        warnings.warn(_price(num_params, num_directions=32), stacklevel=4)
        grads = compute_numerical_gradient_fast(model, X, y, loss_fn, rng=rng, **options)
    return loss_fn(predictions, y), grads, predictions


def _price(num_params: int, num_directions: int) -> str:
    cosine = np.sqrt(num_directions / (num_directions + num_params))
    return (
        f"numerical gradients of {num_params:,} parameters: {2 * num_params:,} forward passes per step "
        f"would be exact; {2 * num_directions} along {num_directions} random directions are taken, an "
        f"estimate whose cosine with the gradient is about {cosine:.2f} and whose length is about "
        f"{1 / cosine:.0f} times the gradient's. Give the model a method loss_and_grads to train well"
    )
