"""Solutions of the lesson lr_finder, from which `make notebooks` generates this file."""

import copy

import numpy as np
import torch


def ramp_by_decade(start_lr, end_lr, points_per_decade):
    """Rates from start_lr to end_lr, both included, points_per_decade steps in each factor of ten."""
    num_steps = round(points_per_decade * abs(np.log10(end_lr / start_lr)))
    return np.geomspace(start_lr, end_lr, num_steps + 1)


def smooth_with_gaps(losses, beta):
    """Weighted mean of the losses so far that are not nan, with weight beta**age; nan before them."""
    total, weight, smoothed = 0.0, 0.0, []
    for loss in losses:
        total, weight = beta * total, beta * weight
        if not np.isnan(loss):
            total, weight = total + loss, weight + 1
        smoothed.append(total / weight if weight > 0 else np.nan)
    return np.array(smoothed)


picks = {"A": 0.1, "B": None, "C": 0.001}


def sweep_rates(model, batches, criterion, rates):
    """Mean loss of one pass of SGD at each rate, each from a copy of the model."""
    mean_losses = []
    for rate in rates:
        trial = copy.deepcopy(model).train()
        optimizer = torch.optim.SGD(trial.parameters(), lr=rate)
        losses = []
        for inputs, labels in batches:
            loss = criterion(trial(inputs), labels)
            losses.append(loss.item())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        mean_losses.append(sum(losses) / len(losses))
    return mean_losses
