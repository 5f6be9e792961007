"""Where weights begin: large enough that signals survive, small enough that they do not explode."""

from collections.abc import Sequence

import numpy as np

from course_utils.numpy_track.checks import check_count, check_number, check_rng


def xavier_initializer(
    shape: Sequence[int], *, rng: np.random.Generator | int | None = None
) -> np.ndarray:
    """Uniform in ±√(6 / (fan_in + fan_out)), so that variances are kept both ways; float64.

    shape: (fan_in, fan_out). Glorot and Bengio 2010, "Understanding the
    difficulty of training deep feedforward neural networks", eq. 16.
    """
    fan_in, fan_out = _matrix_shape(shape)
    bound = np.sqrt(6 / (fan_in + fan_out))
    return check_rng(rng).uniform(-bound, bound, size=(fan_in, fan_out))


def orthogonal_initializer(
    shape: Sequence[int], gain: float = 1.0, *, rng: np.random.Generator | int | None = None
) -> np.ndarray:
    """``gain`` times a random matrix with orthonormal columns (or rows, if it is wide); float64.

    A square one keeps the length of every vector: multiplied by it at each step, a gradient neither
    vanishes nor explodes. Saxe, McClelland and Ganguli 2014, "Exact solutions to
    the nonlinear dynamics of learning in deep linear neural networks", arXiv:1312.6120.
    """
    rows, columns = _matrix_shape(shape)
    check_number("gain", gain)
    normal = check_rng(rng).normal(size=(max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(normal)
    q = q * np.sign(np.diag(r))  # without this, QR prefers some matrices to others
    return gain * (q if rows >= columns else q.T)


def _matrix_shape(shape: Sequence[int]) -> tuple[int, int]:
    if not isinstance(shape, tuple | list) or len(shape) != 2:
        raise ValueError(f"shape must be that of a matrix, (fan_in, fan_out), got {shape!r}")
    fan_in, fan_out = (check_count("each number in shape", size) for size in shape)
    return fan_in, fan_out
