"""A task small enough to see all of it, and a network of four arrays that learns it.

A point walks around a circle. Which way does it turn (a class), and where will it be next (two
numbers)? The lessons on losses, gradients and the training loop derive what stands here.
"""

from typing import Any

import numpy as np

from course_utils import seeding
from course_utils.numpy_track.losses import cross_entropy_loss, mse_loss, softmax
from course_utils.numpy_track.model_interface import Params


def make_turns(
    num_rows: int, rng: np.random.Generator, noise: float = 0.4, num_steps: int = 6
) -> tuple[np.ndarray, np.ndarray]:
    """Noisy walks around the unit circle from a random start, 30 degrees a step.

    noise: standard deviation of each coordinate. Returns X (num_rows, num_steps, 2) and y (num_rows,),
    0 for clockwise, 1 for standing still, 2 for counter-clockwise.
    """
    y = rng.integers(0, 3, num_rows)
    speed = (y - 1) * np.pi / 6  # radians a step
    angles = rng.uniform(0, 2 * np.pi, (num_rows, 1)) + speed[:, None] * np.arange(num_steps)
    X = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    return X + noise * rng.normal(size=X.shape), y


class TanhNet:
    """inputs -> tanh -> outputs, with the three methods that the training tools ask of a model.

    Parameters, in float64: U (num_inputs, num_hidden), a (num_hidden,), V (num_hidden, num_outputs),
    c (num_outputs,).
    """

    def __init__(
        self, num_inputs: int, num_hidden: int, num_outputs: int, rng: np.random.Generator
    ) -> None:
        self.params = {
            "U": rng.normal(size=(num_inputs, num_hidden)) / np.sqrt(num_inputs),
            "a": np.zeros(num_hidden),
            "V": rng.normal(size=(num_hidden, num_outputs)) / np.sqrt(num_hidden),
            "c": np.zeros(num_outputs),
        }

    def forward(self, X: np.ndarray, return_sequences: bool = False) -> np.ndarray:
        """Outputs (B, num_outputs) of sequences (B, T, D), flattened to num_inputs = T·D numbers."""
        self.inputs = X.reshape(len(X), -1)
        self.hidden = np.tanh(self.inputs @ self.params["U"] + self.params["a"])
        return self.hidden @ self.params["V"] + self.params["c"]

    def get_params(self) -> Params:
        """The parameters by name, the very arrays."""
        return self.params

    def set_params(self, params: Params) -> None:
        """Use these arrays from now on."""
        self.params = params


class TurnNet(TanhNet):
    """With back-propagation: it trains by its own gradients."""

    def loss_and_grads(
        self, X: np.ndarray, y: np.ndarray, task: str = "classification"
    ) -> tuple[float, Params, np.ndarray]:
        """(loss, gradients by name, outputs). y: class ids (B,), or for "regression" B·num_outputs numbers."""
        outputs = self.forward(X)
        if task == "regression":
            loss, d_outputs = mse_loss(outputs, y), outputs - y.reshape(outputs.shape)
            return loss, self.backward(2 * d_outputs / outputs.size), outputs
        one_hot = np.eye(outputs.shape[1], dtype=outputs.dtype)[y]
        d_outputs = (softmax(outputs) - one_hot) / len(y)
        return cross_entropy_loss(outputs, y), self.backward(d_outputs), outputs

    def backward(self, d_outputs: np.ndarray) -> Params:
        """Gradients by name from ∂L/∂outputs (B, num_outputs), for the batch that was last forward."""
        d_hidden = d_outputs @ self.params["V"].T
        d_k = d_hidden * (1 - self.hidden**2)
        return {
            "U": self.inputs.T @ d_k,
            "a": d_k.sum(axis=0),
            "V": self.hidden.T @ d_outputs,
            "c": d_outputs.sum(axis=0),
        }


def fresh_net(
    seed: int, num_rows: int = 32, net_class: type[TanhNet] = TurnNet
) -> tuple[Any, np.ndarray, np.ndarray]:
    """(a network of 16 tanh units, X, y) of one seed."""
    rng = seeding.rng(seed)
    X, y = make_turns(num_rows, rng)
    return net_class(12, 16, 3, rng), X, y
