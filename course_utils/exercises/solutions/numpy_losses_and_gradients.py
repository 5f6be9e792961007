"""Solutions of the lesson numpy_losses_and_gradients, from which `make notebooks` generates this file."""

import numpy as np


def slopes_along_direction(loss, params, grads, direction, epsilon):
    """(slope of the loss along ``direction`` by central difference, slope that ``grads`` predicts)."""
    above = {name: params[name] + epsilon * direction[name] for name in params}
    below = {name: params[name] - epsilon * direction[name] for name in params}
    measured = (loss(above) - loss(below)) / (2 * epsilon)
    return measured, sum((grads[name] * direction[name]).sum() for name in params)


def huber_loss_and_gradient(predictions, targets, delta):
    """(mean Huber loss, its gradient at the predictions); both arrays of one shape, delta > 0."""
    errors = predictions - targets
    size = abs(errors)
    losses = np.where(size <= delta, errors**2 / 2, delta * (size - delta / 2))
    return losses.mean(), errors.clip(-delta, delta) / errors.size


def masked_cross_entropy_gradient(logits, targets):
    """∂L/∂logits (B, T, C) of L = -Σ q log p / Σ q; a padded step has q = 0 and gradient 0."""
    exps = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probs = exps / exps.sum(axis=-1, keepdims=True)
    weights = targets.sum(axis=-1, keepdims=True)
    return (weights * probs - targets) / weights.sum()
