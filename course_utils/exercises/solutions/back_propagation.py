"""Solutions of the lesson back_propagation, from which `make notebooks` generates this file."""

import torch


def scale_and_shift_backward(x, scale, shift, grad):
    """Gradients of x (N, D), scale (D,) and shift (N, 1) from that of scale * x + shift."""
    return grad * scale, (grad * x).sum(dim=0), grad.sum(dim=1, keepdim=True)


def residual_backward(x, W, grad):
    """Gradients of x (N, D) and W (D, D) from that of x + relu(x @ W)."""
    through_relu = grad * (x @ W > 0)
    return grad + through_relu @ W.T, x.T @ through_relu


def softmax_net_gradients(x, label, W, b, V, c):
    """Gradients of W, b, V, c of −ln p of the label, with p = softmax(V tanh(W x + b) + c)."""
    h = torch.tanh(W @ x + b)
    dz = torch.softmax(V @ h + c, dim=0)
    dz[label] -= 1  # p − y
    da = (V.T @ dz) * (1 - h**2)  # each h leads to both z: the product adds the two paths
    return torch.outer(da, x), da, torch.outer(dz, h), dz
