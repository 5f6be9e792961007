"""Parameters and gradients as one vector: compared, and estimated along directions of one's choice.

Derived in the lesson on losses and gradients, where ``gradients`` has the tools that check what they
are given. These here are short and quick, for experiments.
"""

from collections.abc import Callable

import numpy as np

from course_utils.numpy_track.losses import cross_entropy_loss
from course_utils.numpy_track.model_interface import Model, Params

Loss = Callable[[np.ndarray], float]


def flatten(arrays: Params) -> np.ndarray:
    """All numbers of the arrays, in the order of the names, as one vector."""
    return np.concatenate([values.ravel() for values in arrays.values()])


def unflatten(vector: np.ndarray, like: Params) -> Params:
    """The inverse of ``flatten``: arrays of the names and shapes of ``like``, views of ``vector``."""
    parts, start = {}, 0
    for name, values in like.items():
        parts[name] = vector[start : start + values.size].reshape(values.shape)
        start += values.size
    return parts


def relative_gap(a: np.ndarray, b: np.ndarray) -> np.floating:
    """‖a - b‖ / (‖a‖ + ‖b‖): 0 for equal arrays, 1 for opposite ones; nan where both are 0."""
    return np.linalg.norm(a - b) / (np.linalg.norm(a) + np.linalg.norm(b))


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    """The cosine of the angle between two vectors."""
    return a @ b / (np.linalg.norm(a) * np.linalg.norm(b))


def loss_of(net: Model, X: np.ndarray, y: np.ndarray) -> Loss:
    """The cross-entropy of a model on X and y as a function of all its parameters in one vector."""

    def loss(theta: np.ndarray) -> float:
        net.set_params(unflatten(theta, net.get_params()))
        return cross_entropy_loss(net.forward(X), y)

    return loss


def slopes_along(
    loss: Loss, theta: np.ndarray, directions: np.ndarray, epsilon: float = 1e-5
) -> np.ndarray:
    """The slope of the loss at theta (d,) along each of K directions (K, d), by central differences."""
    ahead = [loss(theta + epsilon * u) for u in directions]
    behind = [loss(theta - epsilon * u) for u in directions]
    return (np.array(ahead) - np.array(behind)) / (2 * epsilon)


def random_gradient(
    loss: Loss, theta: np.ndarray, num_directions: int, rng: np.random.Generator
) -> np.ndarray:
    """An unbiased estimate (d,) of the gradient at theta from random directions of ±1, two losses each.

    Spall 1992, "Multivariate stochastic approximation using a simultaneous perturbation gradient
    approximation".
    """
    U = rng.choice([-1.0, 1.0], size=(num_directions, len(theta)))
    return slopes_along(loss, theta, U) @ U / num_directions
