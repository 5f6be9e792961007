"""Answers to the exercises of numpy_lstm."""

import numpy as np
import torch

from course_utils.exercises import numpy_lstm as exercises

from . import right, wrong

# ---- rnn_weight_gradients


def _forward(X, W, U):
    hidden = [np.zeros((len(X), len(U)))]
    for t in range(X.shape[1]):
        hidden.append(np.tanh(X[:, t] @ W + hidden[-1] @ U))
    return hidden


@wrong(exercises.rnn_weight_gradients, "wrong_type")
def only_one_of_two(X, W, U, d_last):
    return by_autograd(X, W, U, d_last)[1]


@wrong(exercises.rnn_weight_gradients, "changed_argument")
def scales_d_last_in_place(X, W, U, d_last):
    hidden = _forward(X, W, U)
    d_last *= 1 - hidden[-1] ** 2
    return X[:, -1].T @ d_last, hidden[-2].T @ d_last


@right(exercises.rnn_weight_gradients)
def by_autograd(X, W, U, d_last):
    W, U = (torch.tensor(array, requires_grad=True) for array in (W, U))
    h = torch.zeros(len(X), len(U), dtype=torch.float64)
    for t in range(X.shape[1]):
        h = torch.tanh(torch.tensor(X[:, t]) @ W + h @ U)
    h.backward(torch.tensor(d_last))
    return W.grad, U.grad


@right(exercises.rnn_weight_gradients)
def one_product_at_the_end(X, W, U, d_last):
    hidden = np.stack(_forward(X, W, U), axis=1)
    d_a, d_h = np.empty_like(hidden[:, 1:]), d_last.copy()
    for t in range(X.shape[1])[::-1]:
        d_h *= 1 - hidden[:, t + 1] ** 2
        d_a[:, t] = d_h
        d_h = d_h @ U.T
    return np.einsum("btd,bth->dh", X, d_a), np.einsum("btg,bth->gh", hidden[:, :-1], d_a)


# ---- gru_blend_backward


@wrong(exercises.gru_blend_backward, "changed_argument")
def works_in_place(d_h_new, z, n, h):
    d_a_z = d_h_new * (n - h) * z * (1 - z)
    d_a_n = d_h_new * z * (1 - n**2)
    d_h_new *= 1 - z
    return d_a_z, d_a_n, d_h_new


@right(exercises.gru_blend_backward)
def two_terms_written_apart(d_h_new, z, n, h):
    d_z = d_h_new * n - d_h_new * h
    return [d_z * (z - z**2), (1 - n) * (1 + n) * z * d_h_new, d_h_new - d_h_new * z]


@right(exercises.gru_blend_backward)
def in_torch(d_h_new, z, n, h):
    d, z, n, h = map(torch.tensor, (d_h_new, z, n, h))
    return d * (n - h) * z * (1 - z), d * z * (1 - n**2), d * (1 - z)


# ---- last_valid_hidden


@wrong(exercises.last_valid_hidden, "one_too_far")
def index_is_the_length_and_too_large(hidden, lengths):
    return hidden[np.arange(len(hidden)), lengths]


@wrong(exercises.last_valid_hidden, "changed_argument")
def lowers_lengths_in_place(hidden, lengths):
    lengths -= 1
    return hidden[np.arange(len(hidden)), lengths]


@right(exercises.last_valid_hidden)
def by_mask(hidden, lengths):
    is_last = np.arange(hidden.shape[1]) == lengths[:, None] - 1
    return (hidden * is_last[..., None]).sum(axis=1)


@right(exercises.last_valid_hidden)
def in_a_loop(hidden, lengths):
    return [list(h[length - 1]) for h, length in zip(hidden, lengths, strict=True)]


@right(exercises.last_valid_hidden)
def takes_along_axis(hidden, lengths):
    return np.take_along_axis(hidden, lengths[:, None, None] - 1, axis=1)[:, 0]


# ---- lstm_parameters


@wrong(exercises.lstm_parameters, "two_biases")
def as_torch_counts(D, H, K):
    lstm, head = torch.nn.LSTM(D, H), torch.nn.Linear(H, K)
    return sum(p.numel() for module in (lstm, head) for p in module.parameters())


@right(exercises.lstm_parameters)
def counts_arrays(D, H, K):
    shapes = [(D, H), (H, H), (H,)] * 4 + [(H, K), (K,)]
    return float(sum(np.prod(shape) for shape in shapes))


# ---- cut_into_streams


@wrong(exercises.cut_into_streams, "wrong_type")
def returns_the_inputs_alone(ids, num_streams):
    L = (len(ids) - 1) // num_streams
    return ids[: num_streams * L].reshape(num_streams, L)


@wrong(exercises.cut_into_streams, "target_is_input")
def both_names_for_one_array(ids, num_streams):
    L = (len(ids) - 1) // num_streams
    X = y = ids[: num_streams * L].reshape(num_streams, L)
    return X, y


@right(exercises.cut_into_streams)
def text_shifted_then_cut(ids, num_streams):
    L = (len(ids) - 1) // num_streams
    return [np.resize(part, (num_streams, L)) for part in (ids[:-1], ids[1:])]
