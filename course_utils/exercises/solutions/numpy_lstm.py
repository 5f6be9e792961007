"""Solutions of the lesson numpy_lstm, from which `make notebooks` generates this file."""

import numpy as np


def rnn_weight_gradients(X, W, U, d_last):
    """(d_W, d_U) of a tanh RNN, h' = tanh(xW + hU), whose loss sees the last h only."""
    hidden = [np.zeros((len(X), len(U)))]
    for t in range(X.shape[1]):
        hidden.append(np.tanh(X[:, t] @ W + hidden[-1] @ U))
    d_W, d_U, d_h = np.zeros_like(W), np.zeros_like(U), d_last
    for t in reversed(range(X.shape[1])):
        d_a = d_h * (1 - hidden[t + 1] ** 2)
        d_W += X[:, t].T @ d_a
        d_U += hidden[t].T @ d_a
        d_h = d_a @ U.T
    return d_W, d_U


def gru_blend_backward(d_h_new, z, n, h):
    """(d_a_z, d_a_n, d_h) of h' = (1 - z) h + z n, with z = σ(a_z) and n = tanh(a_n)."""
    d_a_z = d_h_new * (n - h) * z * (1 - z)
    d_a_n = d_h_new * z * (1 - n**2)
    return d_a_z, d_a_n, d_h_new * (1 - z)


def last_valid_hidden(hidden, lengths):
    """(B, H): the row of ``hidden`` (B, T, H) at each sequence's own last step."""
    return hidden[np.arange(len(hidden)), lengths - 1]


def lstm_parameters(input_size, hidden_size, output_size):
    """Four gates with W, U and b each, and an output layer."""
    one_gate = hidden_size * (input_size + hidden_size + 1)
    return 4 * one_gate + output_size * (hidden_size + 1)


def cut_into_streams(ids, num_streams):
    """(X, y), each (num_streams, L): consecutive parts of a text, and what follows each character."""
    L = (len(ids) - 1) // num_streams
    X = ids[: num_streams * L].reshape(num_streams, L)
    return X, ids[1 : num_streams * L + 1].reshape(num_streams, L)
