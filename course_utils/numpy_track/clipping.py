"""Gradient clipping by the global norm, so that one steep place does not throw the parameters away."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from course_utils.numpy_track.checks import NonFiniteError, as_floats, check_number
from course_utils.numpy_track.model_interface import Params


def clip_gradients(grads: Mapping[str, Any], max_norm: float = 5.0) -> tuple[Params, float]:
    """(g · min(1, max_norm / ‖g‖), ‖g‖): all tensors by one factor, so that the direction is kept.

    ‖g‖ = √(Σ g²) is taken over the numbers of all tensors together, before clipping
    (Pascanu, Mikolov and Bengio 2013, "On the difficulty of training recurrent neural networks",
    arXiv:1211.5063). The arrays that come back are new. max_norm: above 0; np.inf clips nothing.
    Raises ValueError on an empty dict, on any other max_norm, and on NaN or infinite gradients, which
    no factor would mend.

    >>> clipped, norm = clip_gradients({"W": np.array([3.0, 0.0]), "b": np.array([4.0])}, max_norm=2.5)
    >>> norm, clipped["W"].tolist(), clipped["b"].tolist()
    (5.0, [1.5, 0.0], [2.0])
    """
    if not isinstance(grads, Mapping) or not grads:
        raise ValueError(f"grads must be a dict from name to array, got {grads!r:.80}")
    check_max_norm("max_norm", max_norm)
    arrays = {name: _as_gradient(name, g) for name, g in grads.items()}
    norm = _global_norm(arrays)
    if not np.isfinite(norm):
        raise NonFiniteError("the norm of the gradients is beyond the largest float")
    factor = max_norm / norm if norm > max_norm else 1.0
    return {name: np.asarray(factor * g, g.dtype) for name, g in arrays.items()}, norm


def check_max_norm(name: str, max_norm: float) -> None:
    """Raises ValueError unless ``max_norm`` is a number above 0, or np.inf, which clips nothing."""
    if not (isinstance(max_norm, float | np.floating) and max_norm == np.inf):
        check_number(f"{name} (np.inf clips nothing)", max_norm, 0, low_open=True)


def _as_gradient(name: str, g: Any) -> np.ndarray:
    return as_floats(f"the gradient of {name!r}", np.atleast_1d(g)).reshape(np.shape(g))


def _global_norm(arrays: Params) -> float:
    """√(Σ g²) = m √(Σ (g/m)²) with m the largest |g|: no square overflows, and none vanishes."""
    largest = max(float(np.abs(g).max()) for g in arrays.values())
    if largest == 0:
        return 0.0
    squares = (np.square(g / largest, dtype=np.float64).sum() for g in arrays.values())
    return largest * float(np.sqrt(sum(squares)))
