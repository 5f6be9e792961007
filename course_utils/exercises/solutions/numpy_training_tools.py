"""Solutions of the lesson numpy_training_tools, from which `make notebooks` generates this file."""

import numpy as np


def slopes_along_direction(loss, params, grads, direction, epsilon):
    """(slope of the loss along ``direction`` by central difference, slope that ``grads`` predicts)."""
    above = {name: params[name] + epsilon * direction[name] for name in params}
    below = {name: params[name] - epsilon * direction[name] for name in params}
    measured = (loss(above) - loss(below)) / (2 * epsilon)
    predicted = sum((grads[name] * direction[name]).sum() for name in params)
    return measured, predicted


def clip_by_global_norm(grads, max_norm):
    """(grads with a global norm of at most ``max_norm``, the norm before); any size, any dtype."""
    largest = max(float(abs(g).max()) for g in grads.values())
    if largest == 0:
        return {name: g.copy() for name, g in grads.items()}, 0.0
    squares = sum(((g.astype(float) / largest) ** 2).sum() for g in grads.values())
    norm = largest * float(np.sqrt(squares))
    factor = min(1.0, max_norm / norm)
    return {name: (g * factor).astype(g.dtype) for name, g in grads.items()}, norm


class BestParams:
    """Keeps a copy of the parameters with the lowest loss, and hands out copies."""

    def __init__(self):
        self.loss, self.params = float("inf"), None

    def update(self, loss, params):
        """True where ``loss`` is lower than every one before; then ``params`` are kept."""
        if not loss < self.loss:
            return False
        self.loss, self.params = loss, self._copy(params)
        return True

    def get(self):
        """A copy of what was kept, or None."""
        return None if self.params is None else self._copy(self.params)

    def _copy(self, params):
        return {name: values.copy() for name, values in params.items()}


def masked_cross_entropy_gradient(logits, targets):
    """∂L/∂logits (B, T, C) of L = -Σ q log p / Σ q; a padded step has q = 0 and gradient 0."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    exps = np.exp(shifted)
    probs = exps / exps.sum(axis=-1, keepdims=True)
    weights = targets.sum(axis=-1, keepdims=True)
    return (weights * probs - targets) / weights.sum()
