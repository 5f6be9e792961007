"""Answers to the exercises of numpy_relational_rnn."""

import numpy as np
import torch
from torch.nn import functional as F

from course_utils.exercises import numpy_relational_rnn as exercises

from . import right, wrong

# ---- padded_attention


def softmax(scores, axis=-1):
    exps = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return exps / exps.sum(axis=axis, keepdims=True)


def scores_of(Q, K):
    return Q @ K.mT / np.sqrt(K.shape[-1])


def real_keys(K, lengths):
    return (np.arange(K.shape[1]) < lengths[:, None])[:, None]


@wrong(exercises.padded_attention, "changed_argument")
def clears_the_padding(Q, K, V, lengths):
    V *= real_keys(K, lengths).mT
    A = softmax(np.where(real_keys(K, lengths), scores_of(Q, K), -np.inf))
    return A @ V, A


@wrong(exercises.padded_attention, "wrong_type")
def keeps_the_weights(Q, K, V, lengths):
    return softmax(np.where(real_keys(K, lengths), scores_of(Q, K), -np.inf)) @ V


@wrong(exercises.padded_attention, "wrong_length")
def returns_the_scores_too(Q, K, V, lengths):
    scores = np.where(real_keys(K, lengths), scores_of(Q, K), -np.inf)
    A = softmax(scores)
    return A @ V, A, scores


@right(exercises.padded_attention)
def a_loop_over_the_batch(Q, K, V, lengths):
    A = np.zeros((len(Q), Q.shape[1], K.shape[1]))
    for b, length in enumerate(lengths):
        if length:
            A[b, :, :length] = softmax(scores_of(Q[b : b + 1], K[b : b + 1, :length]))[0]
    return np.einsum("bqk,bkv->bqv", A, V), A


@right(exercises.padded_attention)
def by_torch_with_a_spare_key(Q, K, V, lengths):
    mask = torch.tensor(~real_keys(K, lengths))
    scores = torch.tensor(scores_of(Q, K)).masked_fill(mask, -torch.inf)
    weights = scores.softmax(dim=-1).nan_to_num()
    return [weights @ torch.tensor(V), weights]


@right(exercises.padded_attention)
def in_place_on_its_own_scores(Q, K, V, lengths):
    A = scores_of(Q, K)
    hidden = np.broadcast_to(~real_keys(K, lengths), A.shape)
    A[hidden] = -np.inf
    A -= np.maximum(A.max(axis=-1, keepdims=True), -1e300)
    np.exp(A, out=A)
    A /= np.maximum(A.sum(axis=-1, keepdims=True), 1e-300)
    return A @ V, A


# ---- layer_norm_backward


def parts(d_y, x, gain, ddof=0, eps=1e-5):
    std = np.sqrt(x.var(axis=-1, keepdims=True, ddof=ddof) + eps)
    return (x - x.mean(axis=-1, keepdims=True)) / std, std, d_y * gain


def mean(values):
    return values.mean(axis=-1, keepdims=True)


def shared(d_y, x_hat, how=np.sum):
    rows = tuple(range(d_y.ndim - 1))
    return how(d_y * x_hat, axis=rows), how(d_y, axis=rows)


def right_d_x(d_y, x, gain, **options):
    x_hat, std, d_hat = parts(d_y, x, gain, **options)
    return (d_hat - mean(d_hat) - x_hat * mean(d_hat * x_hat)) / std


@wrong(exercises.layer_norm_backward, "changed_argument")
def centers_in_place(d_y, x, gain, eps=1e-5):
    d_x = right_d_x(d_y, x, gain)
    x -= mean(x)
    return d_x, *shared(d_y, parts(d_y, x, gain)[0])


@wrong(exercises.layer_norm_backward, "wrong_type")
def returns_d_x_only(d_y, x, gain, eps=1e-5):
    return right_d_x(d_y, x, gain)


@wrong(exercises.layer_norm_backward, "wrong_length")
def forgets_the_bias(d_y, x, gain, eps=1e-5):
    return right_d_x(d_y, x, gain), shared(d_y, parts(d_y, x, gain)[0])[0]


@right(exercises.layer_norm_backward)
def with_jacobians(d_y, x, gain, eps=1e-5):
    x_hat, std, d_hat = parts(d_y, x, gain, eps=eps)
    size = x.shape[-1]
    J = np.eye(size) - 1 / size - x_hat[..., :, None] * x_hat[..., None, :] / size
    d_x = (J @ d_hat[..., None])[..., 0] / std
    return [d_x, *shared(d_y, x_hat)]


@right(exercises.layer_norm_backward)
def by_autograd(d_y, x, gain, eps=1e-5):
    x, gain = torch.tensor(x, requires_grad=True), torch.tensor(gain, requires_grad=True)
    bias = torch.zeros_like(gain, requires_grad=True)
    F.layer_norm(x, gain.shape, gain, bias, eps).backward(torch.tensor(d_y))
    return x.grad, gain.grad, bias.grad


@right(exercises.layer_norm_backward)
def through_variance_and_mean(d_y, x, gain, eps=1e-5):
    centered, size = x - mean(x), x.shape[-1]
    std = np.sqrt(mean(centered**2) + eps)
    d_hat = d_y * gain
    d_variance = (d_hat * centered).sum(axis=-1, keepdims=True) * -0.5 / std**3
    d_mean = -(d_hat / std).sum(axis=-1, keepdims=True)
    d_x = d_hat / std + d_variance * 2 * centered / size + d_mean / size
    flat, hats = d_y.reshape(-1, size), (centered / std).reshape(-1, size)
    return d_x, np.einsum("rf,rf->f", flat, hats), flat.sum(axis=0)


# ---- memory_gate_gradient


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def both(d_new, M, Z, gates, how=np.sum):
    shares = how(d_new * np.tanh(Z), axis=-1), how(d_new * M, axis=-1)
    return np.stack(shares, axis=-1) * gates * (1 - gates)


def two_gates(G):
    return sigmoid(G + np.array([0, 1]))


@wrong(exercises.memory_gate_gradient, "not_summed")
def as_the_unit_gate(d_new, M, Z, G):
    i, f = two_gates(G)[..., :1], two_gates(G)[..., 1:]
    d_i, d_f = d_new * np.tanh(Z) * i * (1 - i), d_new * M * f * (1 - f)
    return np.concatenate([d_i, d_f], axis=-1)


@wrong(exercises.memory_gate_gradient, "changed_argument")
def adds_one_in_place(d_new, M, Z, G):
    G[..., 1] += 1
    return both(d_new, M, Z, sigmoid(G))


@wrong(exercises.memory_gate_gradient, "batch_summed")
def one_gate_for_the_whole_memory(d_new, M, Z, G):
    return both(d_new, M, Z, two_gates(G)).sum(axis=1)


@wrong(exercises.memory_gate_gradient, "gates_on_another_axis")
def gates_stacked_first(d_new, M, Z, G):
    return np.moveaxis(both(d_new, M, Z, two_gates(G)), -1, 0)


@right(exercises.memory_gate_gradient)
def with_einsum(d_new, M, Z, G):
    gates = 0.5 * (1 + np.tanh(np.add(G, [0, 1]) / 2))
    factors = np.stack([np.tanh(Z), M])
    return np.einsum("bnd,gbnd->bng", d_new, factors) * (gates - gates**2)


@right(exercises.memory_gate_gradient)
def gates_by_autograd(d_new, M, Z, G):
    G = torch.tensor(G, requires_grad=True)
    i, f = (G + torch.tensor([0, 1])).sigmoid().split(1, dim=-1)
    (torch.tensor(d_new) * (i * torch.tensor(np.tanh(Z)) + f * torch.tensor(M))).sum().backward()
    return G.grad


@right(exercises.memory_gate_gradient)
def filled_one_after_the_other(d_new, M, Z, G):
    grads = np.zeros_like(G)
    for index, (shift, factor) in enumerate(((0, np.tanh(Z)), (1, M))):
        gate = sigmoid(G[..., index] + shift)
        grads[..., index] += np.vecdot(d_new, factor) * gate * (1 - gate)
    return grads.tolist()


# ---- shortcut_accuracy


@wrong(exercises.shortcut_accuracy, "constant")
def a_fixed_number(k):
    return 0.4


@wrong(exercises.shortcut_accuracy, "approximate")
def simulates_it(k):
    draw = np.random.default_rng(k)
    ranks, guesses = draw.integers(1, k + 1, size=4000), draw.integers(1, k, size=4000)
    return float(((ranks == k) | (guesses == ranks)).mean())


@right(exercises.shortcut_accuracy)
def two_in_k(k):
    return 2 / k


@right(exercises.shortcut_accuracy)
def counts_right_answers(k):
    ranks = np.full(k, 1 / (k - 1))
    ranks[-1] = 1
    return np.float32(ranks.mean())


@right(exercises.shortcut_accuracy)
def as_a_tensor(k):
    return torch.tensor([2.0])[0] / k
