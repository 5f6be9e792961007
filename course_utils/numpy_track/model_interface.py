"""What the tools ask of a model, and how they treat it.

A model is any object with

* ``forward(X, return_sequences=False)``: outputs (B, O), one per sequence, or (B, T, O), one per step;
* ``get_params()``: a dict from name to array of floats;
* ``set_params(params)``: the reverse.

One that also has ``loss_and_grads(X, y, task="classification")``, which returns (loss, gradients by
parameter name, predictions), trains with these exact gradients, any other with numerical ones. What
``get_params`` returns is copied before it is used, and ``set_params`` is given arrays that nobody else
holds, so a model may keep or hand out its own arrays.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np

from course_utils.numpy_track.checks import NonFiniteError, as_array
from course_utils.numpy_track.losses import metric, targets_are_sequences

Params = dict[str, np.ndarray]


class Model(Protocol):
    """Anything with these three methods; ``loss_and_grads`` is optional."""

    def forward(self, X: np.ndarray, return_sequences: bool = False) -> np.ndarray:
        """Outputs (B, O), or (B, T, O) with ``return_sequences``."""

    def get_params(self) -> Params:
        """Every parameter by its name."""

    def set_params(self, params: Params) -> None:
        """Take these values from now on."""


def copy_params(params: Mapping[str, Any]) -> Params:
    """A deep copy. Raises ValueError unless ``params`` maps names to finite arrays of floats."""
    if not isinstance(params, Mapping) or not params:
        raise ValueError(f"parameters must be a dict from name to array, got {params!r:.80}")
    copies = {name: np.array(values) for name, values in params.items()}
    for name, values in copies.items():
        if values.dtype.kind != "f":
            raise ValueError(f"parameter {name!r} must hold floats, got dtype {values.dtype}")
        if not np.isfinite(values).all():
            raise NonFiniteError(f"parameter {name!r} holds NaN or infinite numbers")
    return copies


def read_params(model: Model) -> Params:
    """A deep copy of the model's parameters. Raises TypeError if a method of a model is missing."""
    missing = [name for name in ("forward", "get_params", "set_params") if not hasattr(model, name)]
    if missing:
        raise TypeError(
            "a model needs the methods forward, get_params and set_params; "
            f"{type(model).__name__} lacks {', '.join(missing)}"
        )
    return copy_params(model.get_params())


@contextmanager
def params_restored(model: Model) -> Iterator[Params]:
    """Lend out a copy of the parameters; whatever happens inside, the model gets its own back."""
    before = read_params(model)
    try:
        yield copy_params(before)
    finally:
        model.set_params(before)


def predict(model: Model, X: np.ndarray, return_sequences: bool) -> np.ndarray:
    """The outputs for ``X``, a row for each. Raises ValueError if the model breaks that promise."""
    predictions = as_array("predictions", model.forward(X, return_sequences=return_sequences))
    if len(predictions) != len(X):
        raise ValueError(
            f"forward must return one row for each of the {len(X)} rows of X, got predictions of "
            f"shape {predictions.shape}"
        )
    return predictions


def check_pair(X: Any, y: Any, name: str = "") -> tuple[np.ndarray, np.ndarray]:
    """Inputs (B, ...) and as many targets, finite. ``name`` says in errors whose they are."""
    X, y = as_array(f"{name}X", X), as_array(f"{name}y", y)
    if len(X) != len(y):
        raise ValueError(
            f"{name}X and {name}y must be equally long, got {len(X)} inputs and {len(y)} targets"
        )
    if X.ndim < 2:
        raise ValueError(
            f"{name}X must have shape (B, T, features), or (B, features) for a model without steps; "
            f"got {X.shape}"
        )
    for label, array in (("X", X), ("y", y)):
        bad = np.count_nonzero(~np.isfinite(array))
        if bad:
            raise NonFiniteError(
                f"{name}{label} must be finite, but {bad} of its {array.size} numbers are NaN or "
                "infinite; clean the data first"
            )
    return X, y


def wants_sequences(model: Model, X: np.ndarray, y: np.ndarray, task: str) -> bool:
    """Whether ``y`` needs one output per step; decided by ``targets_are_sequences``, on one row of X.

    Checks every target against the output of that row too, so that a label out of range is found
    before anything is trained. Raises ValueError if the targets cannot fit.
    """
    try:
        one_row = predict(model, X[:1], return_sequences=False)
    except ValueError:
        predict(model, X, return_sequences=False)  # names the shape that was given, not one row's
        raise
    num_steps = X.shape[1] if X.ndim > 2 else None
    sequences = targets_are_sequences(y, num_steps, one_row.shape[-1], task)
    if sequences:
        one_row = predict(model, X[:1], return_sequences=True)
    metric(np.broadcast_to(one_row, (len(X), *one_row.shape[1:])), y, task)
    return sequences
