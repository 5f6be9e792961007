"""Solutions of the lesson losses, from which `make notebooks` generates this file."""

import torch


def mean_squared_error(predictions, targets):
    """Mean squared error of N numbers each, whether they come as (N,) or as (N, 1)."""
    if predictions.numel() != targets.numel():
        raise ValueError(f"{predictions.numel()} predictions, but {targets.numel()} targets")
    return (predictions.reshape(-1) - targets.reshape(-1)).square().mean()


def bce_from_logits(logits, labels):
    """Mean binary cross-entropy of logits (N,) against labels (N,), finite for any finite logit."""
    at_least_0 = torch.maximum(logits, torch.zeros_like(logits))  # its slope at 0 is 1/2
    softplus = at_least_0 + torch.log1p(torch.exp(-torch.abs(logits)))
    return (softplus - labels * logits).mean()


def cross_entropy(logits, labels, reduction="mean"):
    """Cross-entropy of logits (N, K) against classes (N,), averaged or summed over the examples."""
    shifted = logits - logits.max(dim=1, keepdim=True).values
    log_total = shifted.exp().sum(dim=1).log()
    losses = log_total - shifted[torch.arange(len(labels)), labels]
    return losses.mean() if reduction == "mean" else losses.sum()


def cross_entropy_gradient(logits, labels):
    """Gradient (N, K) of the mean cross-entropy with respect to the logits (N, K)."""
    gradient = torch.softmax(logits, dim=1)
    gradient[torch.arange(len(labels)), labels] -= 1
    return gradient / len(labels)
