"""Solutions of the lesson optimizers, from which `make notebooks` generates this file."""

import torch


def largest_stable_rate(hessian):
    """The rate above which gradient descent on the quadratic with this Hessian (n, n) diverges."""
    return 2 / torch.linalg.eigvalsh(hessian).max()


def nesterov_step(param, grad, velocity, lr, momentum):
    """(new parameter, new velocity) of Nesterov's momentum as PyTorch has it."""
    velocity = momentum * velocity + grad
    return param - lr * (grad + momentum * velocity), velocity


def sgdw_step(param, grad, velocity, lr, momentum, weight_decay):
    """(new parameter, new velocity) of momentum with decoupled decay (Loshchilov, Hutter 2019)."""
    velocity = momentum * velocity + grad
    return param - lr * velocity - lr * weight_decay * param, velocity
