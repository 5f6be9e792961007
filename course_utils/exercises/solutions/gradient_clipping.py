"""Solutions of the lesson gradient_clipping, from which `make notebooks` generates this file."""

import math

import torch
from torch.nn import functional as F


def clip_by_norm(grads, max_norm):
    """(clipped copies, norm before clipping) of a list of tensors (Pascanu et al. 2013)."""
    norm = torch.cat([grad.flatten() for grad in grads]).norm()
    if not norm.isfinite():
        raise ValueError(f"the norm of the gradient is {norm}")
    factor = max_norm / norm if norm > max_norm else 1.0
    return [factor * grad for grad in grads], norm


def clip_by_value(grads, limit):
    """(clipped copies, cosine between the whole gradient before and after)."""
    clipped = [grad.clamp(-limit, limit) for grad in grads]
    before, after = (torch.cat([g.flatten() for g in part]) for part in (grads, clipped))
    return clipped, F.cosine_similarity(before, after, dim=0)


def choose_limit(norms, share):
    """The limit that a share of the norms before the first non-finite one exceeds."""
    sane = []
    for norm in norms:
        if not math.isfinite(norm):
            break
        sane.append(norm)
    return torch.tensor(sane, dtype=torch.float64).quantile(1 - share).item()


norm_readings = {"A": "always", "B": "dead", "C": "spikes", "D": "idle"}
