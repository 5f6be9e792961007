"""One hidden layer, h = relu(x W_h + b_h): what stands between a state and the output layer."""

import numpy as np

from course_utils.numpy_track.initializers import xavier_initializer
from course_utils.numpy_track.model_interface import Params
from course_utils.numpy_track.parameters import Parameterized


class ReluLayer(Parameterized):
    """Parameters W_h (num_inputs, num_units), Xavier, and b_h (num_units,), 0. Arguments unchecked."""

    def __init__(self, num_inputs: int, num_units: int, rng: np.random.Generator) -> None:
        W_h = xavier_initializer((num_inputs, num_units), rng=rng)
        super().__init__({"W_h": W_h, "b_h": np.zeros(num_units)})

    def forward(self, x: np.ndarray) -> np.ndarray:
        """h (..., num_units) of x (..., num_inputs)."""
        h = x @ self._params["W_h"]
        h += self._params["b_h"]
        return np.maximum(h, 0, out=h)

    def backward(self, x: np.ndarray, h: np.ndarray, d_h: np.ndarray) -> tuple[np.ndarray, Params]:
        """(∂L/∂x, gradients by name) from ∂L/∂h. ∂h/∂(x W_h + b_h) is 1 where h > 0, else 0."""
        W_h = self._params["W_h"]
        d_sum = d_h * (h > 0)
        inputs, slopes = x.reshape(-1, W_h.shape[0]), d_sum.reshape(-1, W_h.shape[1])
        return d_sum @ W_h.T, {"W_h": inputs.T @ slopes, "b_h": slopes.sum(axis=0)}
