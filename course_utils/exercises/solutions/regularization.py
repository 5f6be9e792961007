"""Solutions of the lesson regularization, from which `make notebooks` generates this file."""

import torch


def inverted_dropout(x, p, training):
    """x with each entry zeroed with probability p and the rest enlarged; x itself in evaluation."""
    if not training or p == 0:
        return x
    if p == 1:
        return torch.zeros_like(x)
    survives = torch.rand(x.shape) >= p
    return x * survives / (1 - p)


def batch_norm_forward(x, gamma, beta, running_mean, running_var, training, momentum=0.1, eps=1e-5):
    """(output, new running mean, new running variance) as nn.BatchNorm1d computes them."""
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean(dim=0), x.var(dim=0, correction=0)
        running_mean = (1 - momentum) * running_mean + momentum * mean
        running_var = (1 - momentum) * running_var + momentum * x.var(dim=0, correction=1)
    normalized = (x - mean) / torch.sqrt(var + eps)
    return gamma * normalized + beta, running_mean, running_var


@torch.no_grad()
def generalization_gap(model, train_loader, new_loader):
    """Mean squared error on new examples minus that on the training examples."""
    was_training = model.training
    model.eval()
    means = []
    for loader in (train_loader, new_loader):
        errors = [(model(x) - y).square().flatten() for x, y in loader]
        means.append(torch.cat(errors).mean().item())
    model.train(was_training)
    return means[1] - means[0]
