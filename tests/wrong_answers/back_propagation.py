"""Answers to the exercises of back_propagation."""

import torch

from course_utils.autograd import unbroadcast
from course_utils.exercises import back_propagation as exercises

from . import right, wrong

# ---- scale_and_shift_backward


@wrong(exercises.scale_and_shift_backward, "axis_kept")
def keeps_both_axes(x, scale, shift, grad):
    return grad * scale, (grad * x).sum(0, keepdim=True), grad.sum(1, keepdim=True)


@wrong(exercises.scale_and_shift_backward, "summed_over_all")
def sums_over_everything(x, scale, shift, grad):
    return grad * scale, (grad * x).sum(), grad.sum()


@wrong(exercises.scale_and_shift_backward, "own_factor")
def takes_the_wrong_factor(x, scale, shift, grad):
    return grad * x, (grad * scale).sum(0), grad.sum(1, keepdim=True)


@wrong(exercises.scale_and_shift_backward, "axis_lost")
def shift_as_a_vector(x, scale, shift, grad):
    return scale * grad, torch.einsum("nd,nd->d", grad, x), torch.einsum("nd->n", grad)


@wrong(exercises.scale_and_shift_backward, "wrong_length")
def shift_left_out(x, scale, shift, grad):
    return grad * scale, (grad * x).sum(0)


@right(exercises.scale_and_shift_backward)
def with_the_engines_unbroadcast(x, scale, shift, grad):
    x, scale, shift, grad = (t.numpy() for t in (x, scale, shift, grad))
    shares = grad * scale, grad * x, grad
    return tuple(unbroadcast(g, t.shape) for g, t in zip(shares, (x, scale, shift), strict=True))


@right(exercises.scale_and_shift_backward)
def by_rows(x, scale, shift, grad):
    rows = list(zip(x, grad, strict=True))
    return (
        torch.stack([scale * g for _, g in rows]),
        sum(a * g for a, g in rows),
        grad.sum(-1)[:, None],
    )


# ---- residual_backward


@wrong(exercises.residual_backward, "paths_subtracted")
def subtracts_a_path(x, W, grad):
    da = grad * (x @ W > 0)
    return grad - da @ W.T, x.T @ da


@wrong(exercises.residual_backward, "another_input")
def output_of_the_layer(x, W, grad):
    h = (x @ W).relu()
    da = grad * (h > 0)
    return grad + da @ W.T, h.T @ da


@wrong(exercises.residual_backward, "layer_only")
def forgets_skip_and_relu(x, W, grad):
    return grad @ W.T, x.T @ grad


@wrong(exercises.residual_backward, "sign_of_something_else")
def masks_by_the_gradient(x, W, grad):
    da = grad.clamp(min=0)
    return grad + da @ W.T, x.T @ da


@wrong(exercises.residual_backward, "relu_forgotten")
def relu_in_one_gradient_only(x, W, grad):
    da = grad * (x @ W > 0)
    return grad + da @ W.T, x.T @ grad


@right(exercises.residual_backward)
def one_matrix_for_each_example(x, W, grad):
    eye = torch.eye(len(W), dtype=W.dtype)
    slopes = (x @ W > 0).to(W)[:, None, :]  # dy/dx = I + W, its columns switched on or off
    dx = ((eye + W * slopes) @ grad[:, :, None])[:, :, 0]
    return dx, (x[:, :, None] * (grad[:, None, :] * slopes)).sum(0)


@right(exercises.residual_backward)
def by_heaviside(x, W, grad):
    a = x @ W
    da = grad * torch.heaviside(a, torch.zeros_like(a))
    return torch.addmm(grad, da, W.T), torch.tensordot(x, da, dims=([0], [0]))


# ---- softmax_net_gradients


def _hidden_and_dz(x, label, W, b, V, c):
    h = torch.tanh(W @ x + b)
    dz = torch.softmax(V @ h + c, dim=0)
    dz[label] -= 1
    return h, dz


@wrong(exercises.softmax_net_gradients, "other_label")
def swaps_the_classes(x, label, W, b, V, c):
    h, dz = _hidden_and_dz(x, 1 - label, W, b, V, c)
    da = V.T @ dz * (1 - h**2)
    return torch.outer(da, x), da, torch.outer(dz, h), dz


@wrong(exercises.softmax_net_gradients, "v_forgotten")
def skips_v(x, label, W, b, V, c):
    h, dz = _hidden_and_dz(x, label, W, b, V, c)
    da = dz * (1 - h**2)
    return torch.outer(da, x), da, torch.outer(dz, h), dz


@wrong(exercises.softmax_net_gradients, "signal_before_the_slope")
def weights_before_the_slope(x, label, W, b, V, c):
    h, dz = _hidden_and_dz(x, label, W, b, V, c)
    dh = V.T @ dz
    return torch.outer(dh, x), dh * (1 - h**2), torch.outer(dz, h), dz


@wrong(exercises.softmax_net_gradients, "one_path_only")
def each_h_to_its_own_z(x, label, W, b, V, c):
    h, dz = _hidden_and_dz(x, label, W, b, V, c)
    da = torch.diag(V) * dz * (1 - h**2)
    return torch.outer(da, x), da, torch.outer(dz, h), dz


@wrong(exercises.softmax_net_gradients, "another_input")
def x_into_both_layers(x, label, W, b, V, c):
    h, dz = _hidden_and_dz(x, label, W, b, V, c)
    da = V.T @ dz * (1 - h**2)
    return torch.outer(da, x), da, torch.outer(dz, x), dz


@wrong(exercises.softmax_net_gradients, "wrong_length")
def weights_only(x, label, W, b, V, c):
    h, dz = _hidden_and_dz(x, label, W, b, V, c)
    da = V.T @ dz * (1 - h**2)
    return torch.outer(da, x), torch.outer(dz, h)


@right(exercises.softmax_net_gradients)
def hyperbolic(x, label, W, b, V, c):
    h, dz = _hidden_and_dz(x, label, W, b, V, c)
    da = torch.stack([dz @ V[:, i] for i in range(2)]) * (1 - h) * (1 + h)
    return da.reshape(2, 1) * x, da.clone(), dz.reshape(2, 1) * h, dz


@right(exercises.softmax_net_gradients)
def sums_written_out(x, label, W, b, V, c):
    h = [torch.tanh(W[i, 0] * x[0] + W[i, 1] * x[1] + b[i]) for i in range(2)]
    z = [V[k, 0] * h[0] + V[k, 1] * h[1] + c[k] for k in range(2)]
    dz = [1 / (1 + torch.exp(z[1 - k] - z[k])) - int(k == label) for k in range(2)]
    da = [sum(dz[k] * V[k, i] for k in range(2)) * (1 - h[i] ** 2) for i in range(2)]
    dW = [[da[i] * x[j] for j in range(2)] for i in range(2)]
    return dW, da, [[dz[k] * h[i] for i in range(2)] for k in range(2)], dz
