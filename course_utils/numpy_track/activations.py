"""The logistic function, which no large argument breaks."""

import numpy as np


def sigmoid(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """σ(x) = 1 / (1 + exp(-x)), element by element; shape and dtype of the float array ``x``.

    Calculated as (1 + tanh(x/2)) / 2, the same function: tanh saturates where exp would overflow.
    out: where to write, ``x`` itself if it is no longer needed; a new array if None.
    """
    out = np.multiply(x, 0.5, out=out)
    np.tanh(out, out=out)
    out *= 0.5
    out += 0.5
    return out
