"""Solutions of the lesson numpy_training_loop, from which `make notebooks` generates this file."""

import numpy as np


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


def unscale_gradients(grads, loss_scale):
    """(float32 gradients divided by ``loss_scale``, whether any number is inf or nan)."""
    overflowed = not all(np.isfinite(g).all() for g in grads.values())
    return {n: g.astype(np.float32) / np.float32(loss_scale) for n, g in grads.items()}, overflowed
