"""Answers to the exercises of numpy_lstm, written from the prompts alone."""

import numpy as np
import torch

from course_utils.exercises import numpy_lstm as exercises

from .. import right, wrong

# ---- rnn_weight_gradients


def _hidden(X, W, U):
    """h_0 to h_T, a list."""
    states = [np.zeros((X.shape[0], U.shape[0]))]
    for t in range(X.shape[1]):
        states.append(np.tanh(X[:, t] @ W + states[-1] @ U))
    return states


@wrong(
    exercises.rnn_weight_gradients, "last_step_only"
)  # the last step only, not back through time
def last_step_only(X, W, U, d_last):
    h = _hidden(X, W, U)
    d_a = d_last * (1 - h[-1] ** 2)
    return X[:, -1].T @ d_a, h[-2].T @ d_a


@wrong(exercises.rnn_weight_gradients, "no_tanh_slope")  # the derivative of tanh is left out
def forgets_the_tanh_slope(X, W, U, d_last):
    h, d_h = _hidden(X, W, U), d_last
    d_W, d_U = np.zeros_like(W), np.zeros_like(U)
    for t in reversed(range(X.shape[1])):
        d_W += X[:, t].T @ d_h
        d_U += h[t].T @ d_h
        d_h = d_h @ U.T
    return d_W, d_U


@wrong(exercises.rnn_weight_gradients, "own_hidden")  # d_U with h_t instead of h_(t-1)
def pairs_with_the_new_state(X, W, U, d_last):
    h, d_h = _hidden(X, W, U), d_last
    d_W, d_U = np.zeros_like(W), np.zeros_like(U)
    for t in reversed(range(X.shape[1])):
        d_a = d_h * (1 - h[t + 1] ** 2)
        d_W += X[:, t].T @ d_a
        d_U += h[t + 1].T @ d_a
        d_h = d_a @ U.T
    return d_W, d_U


@wrong(exercises.rnn_weight_gradients, "not_transposed")  # goes back with U instead of U transposed
def goes_back_untransposed(X, W, U, d_last):
    h, d_h = _hidden(X, W, U), d_last
    d_W, d_U = np.zeros_like(W), np.zeros_like(U)
    for t in reversed(range(X.shape[1])):
        d_a = d_h * (1 - h[t + 1] ** 2)
        d_W += X[:, t].T @ d_a
        d_U += h[t].T @ d_a
        d_h = d_a @ U
    return d_W, d_U


@wrong(
    exercises.rnn_weight_gradients, "last_step_only"
)  # = instead of +=: the first step alone is left
def overwrites_each_step(X, W, U, d_last):
    h, d_h = _hidden(X, W, U), d_last
    for t in reversed(range(X.shape[1])):
        d_a = d_h * (1 - h[t + 1] ** 2)
        d_W = X[:, t].T @ d_a
        d_U = h[t].T @ d_a
        d_h = d_a @ U.T
    return d_W, d_U


@wrong(exercises.rnn_weight_gradients, "averaged")  # the mean over the batch instead of the sum
def mean_over_the_batch(X, W, U, d_last):
    h, d_h = _hidden(X, W, U), d_last / len(X)
    d_W, d_U = np.zeros_like(W), np.zeros_like(U)
    for t in reversed(range(X.shape[1])):
        d_a = d_h * (1 - h[t + 1] ** 2)
        d_W += X[:, t].T @ d_a
        d_U += h[t].T @ d_a
        d_h = d_a @ U.T
    return d_W, d_U


@wrong(exercises.rnn_weight_gradients, "slope_of_input")  # tanh once more: slope 1 - tanh(h)**2
def slope_of_tanh_of_tanh(X, W, U, d_last):
    h, d_h = _hidden(X, W, U), d_last
    d_W, d_U = np.zeros_like(W), np.zeros_like(U)
    for t in reversed(range(X.shape[1])):
        d_a = d_h * (1 - np.tanh(h[t + 1]) ** 2)
        d_W += X[:, t].T @ d_a
        d_U += h[t].T @ d_a
        d_h = d_a @ U.T
    return d_W, d_U


@wrong(exercises.rnn_weight_gradients, "swapped_results")  # d_U comes first
def recurrent_gradient_first(X, W, U, d_last):
    h, d_h = _hidden(X, W, U), d_last
    d_W, d_U = np.zeros_like(W), np.zeros_like(U)
    for t in reversed(range(X.shape[1])):
        d_a = d_h * (1 - h[t + 1] ** 2)
        d_W += X[:, t].T @ d_a
        d_U += h[t].T @ d_a
        d_h = d_a @ U.T
    return d_U, d_W


@wrong(
    exercises.rnn_weight_gradients, "last_added_again"
)  # d_last is added at every step, not at the last only
def adds_d_last_every_step(X, W, U, d_last):
    h, d_h = _hidden(X, W, U), 0.0
    d_W, d_U = np.zeros_like(W), np.zeros_like(U)
    for t in reversed(range(X.shape[1])):
        d_a = (d_h + d_last) * (1 - h[t + 1] ** 2)
        d_W += X[:, t].T @ d_a
        d_U += h[t].T @ d_a
        d_h = d_a @ U.T
    return d_W, d_U


@wrong(
    exercises.rnn_weight_gradients, "a_step_missing"
)  # stops one step early: x_1 is never reached
def never_reaches_the_first(X, W, U, d_last):
    h, d_h = _hidden(X, W, U), d_last
    d_W, d_U = np.zeros_like(W), np.zeros_like(U)
    for t in range(X.shape[1] - 1, 0, -1):
        d_a = d_h * (1 - h[t + 1] ** 2)
        d_W += X[:, t].T @ d_a
        d_U += h[t].T @ d_a
        d_h = d_a @ U.T
    return d_W, d_U


@wrong(exercises.rnn_weight_gradients, "walks_forward")  # goes forward in time with the gradient
def walks_forward_in_time(X, W, U, d_last):
    h, d_h = _hidden(X, W, U), d_last
    d_W, d_U = np.zeros_like(W), np.zeros_like(U)
    for t in range(X.shape[1]):
        d_a = d_h * (1 - h[t + 1] ** 2)
        d_W += X[:, t].T @ d_a
        d_U += h[t].T @ d_a
        d_h = d_a @ U.T
    return d_W, d_U


@wrong(
    exercises.rnn_weight_gradients, "no_tanh_slope"
)  # the slope is left out on the way to h_(t-1)
def goes_back_without_slope(X, W, U, d_last):
    h, d_h = _hidden(X, W, U), d_last
    d_W, d_U = np.zeros_like(W), np.zeros_like(U)
    for t in reversed(range(X.shape[1])):
        d_a = d_h * (1 - h[t + 1] ** 2)
        d_W += X[:, t].T @ d_a
        d_U += h[t].T @ d_a
        d_h = d_h @ U.T
    return d_W, d_U


@wrong(exercises.rnn_weight_gradients, "not_carried")  # each step starts again from d_last
def never_carries_back(X, W, U, d_last):
    h = _hidden(X, W, U)
    d_W, d_U = np.zeros_like(W), np.zeros_like(U)
    for t in reversed(range(X.shape[1])):
        d_a = d_last * (1 - h[t + 1] ** 2)
        d_W += X[:, t].T @ d_a
        d_U += h[t].T @ d_a
    return d_W, d_U


@wrong(
    exercises.rnn_weight_gradients, "result_transposed"
)  # the matrix products come out transposed
def transposed_products(X, W, U, d_last):
    h, d_h = _hidden(X, W, U), d_last
    d_W, d_U = 0, 0
    for t in reversed(range(X.shape[1])):
        d_a = d_h * (1 - h[t + 1] ** 2)
        d_W = d_W + d_a.T @ X[:, t]
        d_U = d_U + d_a.T @ h[t]
        d_h = d_a @ U.T
    return d_W, d_U


@right(exercises.rnn_weight_gradients)  # back through time with a list of states
def back_through_time(X, W, U, d_last):
    h = [np.zeros_like(d_last)]
    for t in range(X.shape[1]):
        h.append(np.tanh(X[:, t] @ W + h[-1] @ U))
    d_W, d_U, d_h = np.zeros_like(W), np.zeros_like(U), d_last.copy()
    for t in range(X.shape[1] - 1, -1, -1):
        d_a = d_h * (1 - h[t + 1] ** 2)
        d_W += X[:, t].T @ d_a
        d_U += h[t].T @ d_a
        d_h = d_a @ U.T
    return d_W, d_U


@right(exercises.rnn_weight_gradients)  # all d_a first, then one einsum for each weight
def einsum_at_the_end(X, W, U, d_last):
    num_steps = X.shape[1]
    h = np.zeros((X.shape[0], num_steps + 1, U.shape[0]))
    for t in range(num_steps):
        h[:, t + 1] = np.tanh(X[:, t] @ W + h[:, t] @ U)
    d_a = np.zeros_like(h[:, 1:])
    flow = d_last
    for t in reversed(range(num_steps)):
        d_a[:, t] = flow * (1 - np.square(h[:, t + 1]))
        flow = np.einsum("bj,ij->bi", d_a[:, t], U)
    return np.einsum("btd,bth->dh", X, d_a), np.einsum("bti,btj->ij", h[:, :-1], d_a)


@right(exercises.rnn_weight_gradients)  # recursion over the steps
def by_recursion(X, W, U, d_last):
    def walk(t, h):
        if t == X.shape[1]:
            return d_last, 0 * W, 0 * U
        new = np.tanh(X[:, t] @ W + h @ U)
        d_new, d_W, d_U = walk(t + 1, new)
        d_a = d_new * (1 - new) * (1 + new)
        return d_a @ U.T, d_W + X[:, t].T @ d_a, d_U + h.T @ d_a

    return walk(0, np.zeros(d_last.shape))[1:]


@right(exercises.rnn_weight_gradients)  # torch's autograd inside
def autograd_of_torch(X, W, U, d_last):
    x, w, u, d = (torch.tensor(np.asarray(a), dtype=torch.float64) for a in (X, W, U, d_last))
    w.requires_grad_()
    u.requires_grad_()
    h = torch.zeros_like(d)
    for step in x.unbind(dim=1):
        h = torch.tanh(step @ w + h @ u)
    (h * d).sum().backward()
    return w.grad.numpy(), u.grad.numpy()


@right(exercises.rnn_weight_gradients)  # example by example, with outer products
def example_by_example(X, W, U, d_last):
    d_W, d_U = np.zeros(W.shape), np.zeros(U.shape)
    for x, d_h in zip(X, d_last, strict=True):
        states = [np.zeros(U.shape[0])]
        for row in x:
            states.append(np.tanh(row @ W + states[-1] @ U))
        while len(states) > 1:
            d_a = (1 - states.pop() ** 2) * d_h
            d_W += np.outer(x[len(states) - 1], d_a)
            d_U += np.outer(states[-1], d_a)
            d_h = U @ d_a
    return d_W, d_U


# ---- gru_blend_backward


@wrong(
    exercises.gru_blend_backward, "roles_swapped"
)  # h - n: the convention of PyTorch, z exchanged
def convention_of_pytorch(d_h_new, z, n, h):
    d_z = d_h_new * (h - n) * z * (1 - z)
    return d_z, d_h_new * (1 - z) * (1 - n**2), d_h_new * z


@wrong(exercises.gru_blend_backward, "sign_flipped")  # the sign of d_a_z: h - n instead of n - h
def sign_of_the_gate(d_h_new, z, n, h):
    return d_h_new * (h - n) * z * (1 - z), d_h_new * z * (1 - n**2), d_h_new * (1 - z)


@wrong(
    exercises.gru_blend_backward, "slope_forgotten"
)  # stops at z and n: no slopes of sigmoid and tanh
def stops_at_z_and_n(d_h_new, z, n, h):
    return d_h_new * (n - h), d_h_new * z, d_h_new * (1 - z)


@wrong(exercises.gru_blend_backward, "slope_forgotten")  # the slope of the sigmoid is missing
def forgets_the_sigmoid_slope(d_h_new, z, n, h):
    return d_h_new * (n - h), d_h_new * z * (1 - n**2), d_h_new * (1 - z)


@wrong(exercises.gru_blend_backward, "slope_forgotten")  # the slope of tanh is missing
def forgets_the_slope_of_n(d_h_new, z, n, h):
    return d_h_new * (n - h) * z * (1 - z), d_h_new * z, d_h_new * (1 - z)


@wrong(exercises.gru_blend_backward, "activated_twice")  # takes z for a_z: a sigmoid of a sigmoid
def sigmoid_of_z_again(d_h_new, z, n, h):
    s = 1 / (1 + np.exp(-z))
    return d_h_new * (n - h) * s * (1 - s), d_h_new * z * (1 - n**2), d_h_new * (1 - z)


@wrong(exercises.gru_blend_backward, "activated_twice")  # takes n for a_n: tanh of tanh
def tanh_of_n_again(d_h_new, z, n, h):
    d_n = d_h_new * z * (1 - np.tanh(n) ** 2)
    return d_h_new * (n - h) * z * (1 - z), d_n, d_h_new * (1 - z)


@wrong(exercises.gru_blend_backward, "roles_swapped")  # d_h with z instead of 1 - z
def keeps_with_the_wrong_gate(d_h_new, z, n, h):
    return d_h_new * (n - h) * z * (1 - z), d_h_new * z * (1 - n**2), d_h_new * z


@wrong(exercises.gru_blend_backward, "old_state_missing")  # forgets that z stands before h as well
def only_the_z_before_n(d_h_new, z, n, h):
    return d_h_new * n * z * (1 - z), d_h_new * z * (1 - n**2), d_h_new * (1 - z)


@wrong(exercises.gru_blend_backward, "swapped_results")  # d_h comes first
def state_comes_first(d_h_new, z, n, h):
    d_z, d_n = d_h_new * (n - h) * z * (1 - z), d_h_new * z * (1 - n**2)
    return d_h_new * (1 - z), d_z, d_n


@wrong(exercises.gru_blend_backward, "swapped_results")  # a_n comes before a_z
def candidate_comes_first(d_h_new, z, n, h):
    d_z, d_n = d_h_new * (n - h) * z * (1 - z), d_h_new * z * (1 - n**2)
    return d_n, d_z, d_h_new * (1 - z)


@wrong(exercises.gru_blend_backward, "slopes_exchanged")  # slope 1 - n instead of 1 - n**2
def slope_without_square(d_h_new, z, n, h):
    return d_h_new * (n - h) * z * (1 - z), d_h_new * z * (1 - n), d_h_new * (1 - z)


@wrong(exercises.gru_blend_backward, "wrong_shape")  # summed over the batch
def sums_over_the_batch(d_h_new, z, n, h):
    all_three = d_h_new * (n - h) * z * (1 - z), d_h_new * z * (1 - n**2), d_h_new * (1 - z)
    return tuple(d.sum(axis=0) for d in all_three)


@wrong(
    exercises.gru_blend_backward, "wrong_value"
)  # d_h of all that depends on h, through z and n as well
def adds_paths_through_the_gates(d_h_new, z, n, h):
    d_z, d_n = d_h_new * (n - h) * z * (1 - z), d_h_new * z * (1 - n**2)
    return d_z, d_n, d_h_new * (1 - z) + d_z + d_n


@wrong(
    exercises.gru_blend_backward, "slopes_exchanged"
)  # the candidate's slope for the gate and vice versa
def exchanges_the_slopes(d_h_new, z, n, h):
    return d_h_new * (n - h) * (1 - z**2), d_h_new * z * n * (1 - n), d_h_new * (1 - z)


@right(exercises.gru_blend_backward)  # three products
def three_products(d_h_new, z, n, h):
    return d_h_new * (n - h) * z * (1 - z), d_h_new * z * (1 - n * n), d_h_new * (1 - z)


@right(exercises.gru_blend_backward)  # one derivative at a time, with names
def one_derivative_at_a_time(d_h_new, z, n, h):
    d_z = -d_h_new * h + d_h_new * n
    d_n = np.multiply(d_h_new, z)
    slope_z = z - z**2
    slope_n = (1 + n) * (1 - n)
    d_h = d_h_new - d_h_new * z
    return d_z * slope_z, d_n * slope_n, d_h


@right(exercises.gru_blend_backward)  # torch's autograd, from a_z and a_n
def autograd_from_the_inside(d_h_new, z, n, h):
    d, z, n, h = (torch.tensor(np.asarray(a), dtype=torch.float64) for a in (d_h_new, z, n, h))
    h.requires_grad_()
    a_z, a_n = torch.zeros_like(z, requires_grad=True), torch.zeros_like(n, requires_grad=True)
    gate = z + z * (1 - z) * a_z  # the tangent of the sigmoid
    candidate = n + (1 - n**2) * a_n
    ((1 - gate) * h + gate * candidate).backward(d)
    return [t.grad.numpy() for t in (a_z, a_n, h)]


@right(exercises.gru_blend_backward)  # a stack of the three local slopes times d_h_new
def stack_of_local_slopes(d_h_new, z, n, h):
    local = np.stack([(n - h) * z * (1 - z), z * (1 - np.square(n)), 1 - z])
    d_a_z, d_a_n, d_h = local * d_h_new
    return d_a_z, d_a_n, d_h


# ---- last_valid_hidden


@wrong(exercises.last_valid_hidden, "padding_read")  # the last step of the padded batch
def last_of_the_padded(hidden, lengths):
    return hidden[:, -1]


@wrong(exercises.last_valid_hidden, "one_too_far")  # index lengths instead of lengths - 1
def one_step_too_far(hidden, lengths):
    return hidden[np.arange(len(hidden)), lengths]


@wrong(exercises.last_valid_hidden, "one_too_far")  # one too far, and clipped where it would raise
def too_far_and_clipped(hidden, lengths):
    steps = np.minimum(lengths, hidden.shape[1] - 1)
    return hidden[np.arange(len(hidden)), steps]


@wrong(exercises.last_valid_hidden, "every_pair")  # a slice and a list of indices: shape (B, B, H)
def every_length_for_every_row(hidden, lengths):
    return hidden[:, lengths - 1]


@wrong(exercises.last_valid_hidden, "raised")  # batch and time exchanged in the index
def exchanges_batch_and_time(hidden, lengths):
    return hidden[lengths - 1, np.arange(len(hidden))]


@wrong(exercises.last_valid_hidden, "mean_of_steps")  # the mean over the valid steps
def mean_of_valid_steps(hidden, lengths):
    return np.stack([h[:n].mean(axis=0) for h, n in zip(hidden, lengths, strict=True)])


@wrong(exercises.last_valid_hidden, "mean_of_steps")  # the largest over the valid steps
def largest_of_valid_steps(hidden, lengths):
    return np.stack([h[:n].max(axis=0) for h, n in zip(hidden, lengths, strict=True)])


@wrong(exercises.last_valid_hidden, "padding_read")  # looks for the last step that is not 0
def last_step_not_zero(hidden, lengths):
    rows = []
    for h in hidden:
        busy = np.flatnonzero(np.any(h != 0, axis=1))
        rows.append(h[busy[-1]] if busy.size else h[0])
    return np.stack(rows)


@wrong(exercises.last_valid_hidden, "one_length_for_all")  # the longest length for all
def longest_length_for_all(hidden, lengths):
    return hidden[:, max(lengths) - 1]


@wrong(exercises.last_valid_hidden, "one_length_for_all")  # the shortest length for all
def shortest_length_for_all(hidden, lengths):
    return hidden[:, min(lengths) - 1]


@wrong(
    exercises.last_valid_hidden, "one_length_for_all"
)  # the length of the first sequence for all
def first_length_for_all(hidden, lengths):
    return hidden[:, lengths[0] - 1, :]


@wrong(exercises.last_valid_hidden, "counted_from_the_end")  # counts the length from the end
def counts_from_the_end(hidden, lengths):
    return hidden[np.arange(len(hidden)), -lengths]


@wrong(
    exercises.last_valid_hidden, "padding_zeroed"
)  # zeroes the padding, then takes the last step anyway
def masks_and_takes_the_last(hidden, lengths):
    mask = np.arange(hidden.shape[1]) < lengths[:, None]
    return (hidden * mask[:, :, None])[:, -1]


@wrong(exercises.last_valid_hidden, "axis_kept")  # keeps the time axis: shape (B, 1, H)
def keeps_the_time_axis(hidden, lengths):
    return np.take_along_axis(hidden, (lengths - 1)[:, None, None], axis=1)


@wrong(exercises.last_valid_hidden, "first_step")  # the first step instead of the last
def takes_the_first_step(hidden, lengths):
    return hidden[:, 0]


@wrong(
    exercises.last_valid_hidden, "order_changed"
)  # the sequences come back sorted by their length
def sorted_by_length(hidden, lengths):
    order = np.argsort(-lengths, kind="stable")
    return hidden[order, lengths[order] - 1]


@right(exercises.last_valid_hidden)  # integer indices for both axes
def integer_indices(hidden, lengths):
    return hidden[np.arange(hidden.shape[0]), lengths - 1, :]


@right(exercises.last_valid_hidden)  # a list comprehension, stacked
def stacks_a_list(hidden, lengths):
    return np.array([steps[:length][-1] for steps, length in zip(hidden, lengths, strict=True)])


@right(exercises.last_valid_hidden)  # take_along_axis, the time axis removed
def take_along_time(hidden, lengths):
    index = np.asarray(lengths).astype(int).reshape(-1, 1, 1) - 1
    return np.take_along_axis(hidden, index, axis=1).squeeze(axis=1)


@right(exercises.last_valid_hidden)  # a one-hot mask of the last step picks it out
def boolean_mask_of_one_step(hidden, lengths):
    is_last = np.arange(1, hidden.shape[1] + 1)[None, :] == np.asarray(lengths)[:, None]
    return hidden[is_last]


@right(exercises.last_valid_hidden)  # walks through time and keeps what is still running
def walks_and_keeps(hidden, lengths):
    kept = hidden[:, 0].copy()
    for t in range(1, hidden.shape[1]):
        running = t < np.asarray(lengths)
        kept[running] = hidden[running, t]
    return kept


# ---- lstm_parameters


@wrong(exercises.lstm_parameters, "three_gates")  # three gates only: the candidate is left out
def forgets_the_candidate(input_size, hidden_size, output_size):
    gate = input_size * hidden_size + hidden_size**2 + hidden_size
    return 3 * gate + hidden_size * output_size + output_size


@wrong(exercises.lstm_parameters, "two_biases")  # two biases a gate, as PyTorch has them
def two_biases_a_gate(input_size, hidden_size, output_size):
    gate = input_size * hidden_size + hidden_size**2 + 2 * hidden_size
    return 4 * gate + hidden_size * output_size + output_size


@wrong(exercises.lstm_parameters, "no_bias")  # no biases in the gates
def no_bias_in_the_gates(input_size, hidden_size, output_size):
    gate = (input_size + hidden_size) * hidden_size
    return 4 * gate + (hidden_size + 1) * output_size


@wrong(exercises.lstm_parameters, "no_bias")  # the output layer has no bias
def output_without_bias(input_size, hidden_size, output_size):
    return 4 * hidden_size * (input_size + hidden_size + 1) + hidden_size * output_size


@wrong(exercises.lstm_parameters, "no_output")  # the output layer is left out
def no_output_layer(input_size, hidden_size, output_size):
    return 4 * hidden_size * (input_size + hidden_size + 1)


@wrong(exercises.lstm_parameters, "no_recurrent")  # the recurrent weights are left out
def no_recurrent_weights(input_size, hidden_size, output_size):
    gate = input_size * hidden_size + hidden_size
    return 4 * gate + hidden_size * output_size + output_size


@wrong(exercises.lstm_parameters, "one_gate")  # one gate only
def counts_one_gate(input_size, hidden_size, output_size):
    gate = hidden_size * (input_size + hidden_size + 1)
    return gate + hidden_size * output_size + output_size


@wrong(exercises.lstm_parameters, "bias_is_a_vector")  # one single number as the bias of a gate
def one_number_as_bias(input_size, hidden_size, output_size):
    gate = input_size * hidden_size + hidden_size**2 + 1
    return 4 * gate + hidden_size * output_size + output_size


@wrong(exercises.lstm_parameters, "output_reads_more")  # the output layer reads h and c together
def output_reads_both_states(input_size, hidden_size, output_size):
    gate = hidden_size * (input_size + hidden_size + 1)
    return 4 * gate + 2 * hidden_size * output_size + output_size


@wrong(
    exercises.lstm_parameters, "recurrent_shape"
)  # the recurrent matrix taken as input by hidden
def recurrent_matrix_of_inputs(input_size, hidden_size, output_size):
    gate = 2 * input_size * hidden_size + hidden_size
    return 4 * gate + hidden_size * output_size + output_size


@wrong(exercises.lstm_parameters, "bias_is_a_vector")  # the output's bias has hidden_size numbers
def output_bias_of_hidden_size(input_size, hidden_size, output_size):
    gate = hidden_size * (input_size + hidden_size + 1)
    return 4 * gate + hidden_size * output_size + hidden_size


@wrong(
    exercises.lstm_parameters, "four_output_layers"
)  # the four factor also multiplies the output layer
def four_output_layers(input_size, hidden_size, output_size):
    gate = hidden_size * (input_size + hidden_size + 1)
    return 4 * (gate + hidden_size * output_size + output_size)


@wrong(exercises.lstm_parameters, "states_counted")  # counts the states h and c as well
def counts_the_states(input_size, hidden_size, output_size):
    gate = hidden_size * (input_size + hidden_size + 1)
    return 4 * gate + 2 * hidden_size + hidden_size * output_size + output_size


@wrong(exercises.lstm_parameters, "constant")  # counts arrays, not numbers
def counts_the_arrays(input_size, hidden_size, output_size):
    return 4 * 3 + 2


@wrong(exercises.lstm_parameters, "wrong_value")  # peephole weights from c to the gates
def adds_peepholes(input_size, hidden_size, output_size):
    gate = hidden_size * (input_size + hidden_size + 1)
    return 4 * gate + 3 * hidden_size + hidden_size * output_size + output_size


@right(exercises.lstm_parameters)  # four blocks and the output layer
def four_blocks_and_output(input_size, hidden_size, output_size):
    return 4 * hidden_size * (input_size + hidden_size + 1) + output_size * (hidden_size + 1)


@right(exercises.lstm_parameters)  # a dict of shapes, multiplied out
def dict_of_shapes(input_size, hidden_size, output_size):
    shapes = {"W_out": (hidden_size, output_size), "b_out": (output_size,)}
    for k in "fioc":
        shapes["W_" + k] = (input_size, hidden_size)
        shapes["U_" + k] = (hidden_size, hidden_size)
        shapes["b_" + k] = (hidden_size,)
    return sum(int(np.prod(shape)) for shape in shapes.values())


@right(exercises.lstm_parameters)  # PyTorch's LSTM and Linear, one of the two biases taken off
def counts_with_torch(input_size, hidden_size, output_size):
    lstm = torch.nn.LSTM(input_size, hidden_size, device="meta")
    head = torch.nn.Linear(hidden_size, output_size, device="meta")
    numbers = sum(p.numel() for p in [*lstm.parameters(), *head.parameters()])
    return numbers - lstm.bias_hh_l0.numel()


@right(exercises.lstm_parameters)  # term by term
def term_by_term(input_size, hidden_size, output_size):
    from_input = 4 * input_size * hidden_size
    from_state = 4 * hidden_size * hidden_size
    biases = 4 * hidden_size + output_size
    to_output = hidden_size * output_size
    return from_input + from_state + biases + to_output


# ---- cut_into_streams


def _rows(ids, num_streams):
    return (len(ids) - 1) // num_streams


@wrong(
    exercises.cut_into_streams, "interleaved"
)  # neighbours in the text become neighbours in a column
def fills_column_by_column(ids, num_streams):
    L = _rows(ids, num_streams)
    X = ids[: L * num_streams].reshape(L, num_streams).T
    return X, ids[1 : L * num_streams + 1].reshape(L, num_streams).T


@wrong(exercises.cut_into_streams, "interleaved")  # every B-th character, by slicing
def every_bth_character(ids, num_streams):
    L = _rows(ids, num_streams)
    X = np.stack([ids[r : L * num_streams : num_streams] for r in range(num_streams)])
    y = np.stack([ids[r + 1 : L * num_streams + 1 : num_streams] for r in range(num_streams)])
    return X, y


@wrong(exercises.cut_into_streams, "target_is_input")  # nothing is shifted
def forgets_the_shift(ids, num_streams):
    L = _rows(ids, num_streams)
    X = ids[: L * num_streams].reshape(num_streams, L)
    return X, X.copy()


@wrong(exercises.cut_into_streams, "text_wraps")  # the last character is followed by the first
def rolls_the_text(ids, num_streams):
    L = len(ids) // num_streams
    following = np.roll(ids, -1)
    return (
        ids[: L * num_streams].reshape(num_streams, L),
        following[: L * num_streams].reshape(num_streams, L),
    )


@wrong(
    exercises.cut_into_streams, "row_wraps"
)  # each row's last target is the row's first character
def rolls_each_row(ids, num_streams):
    L = _rows(ids, num_streams)
    X = ids[: L * num_streams].reshape(num_streams, L)
    return X, np.roll(X, -1, axis=1)


@wrong(exercises.cut_into_streams, "seam_lost")  # cut first, shift inside the rows
def shifts_inside_the_rows(ids, num_streams):
    L = len(ids) // num_streams
    rows = ids[: L * num_streams].reshape(num_streams, L)
    return rows[:, :-1], rows[:, 1:]


@wrong(exercises.cut_into_streams, "looks_back")  # the character before instead of the one after
def shifts_the_other_way(ids, num_streams):
    L = _rows(ids, num_streams)
    X = ids[1 : L * num_streams + 1].reshape(num_streams, L)
    return X, ids[: L * num_streams].reshape(num_streams, L)


@wrong(exercises.cut_into_streams, "time_first")  # (L, B)
def time_comes_first(ids, num_streams):
    L = _rows(ids, num_streams)
    X = ids[: L * num_streams].reshape(num_streams, L)
    y = ids[1 : L * num_streams + 1].reshape(num_streams, L)
    return X.T, y.T


@wrong(exercises.cut_into_streams, "beginning_left_out")  # the remainder is dropped in front
def drops_the_beginning(ids, num_streams):
    L = _rows(ids, num_streams)
    used = ids[-(L * num_streams + 1) :]
    return used[:-1].reshape(num_streams, L), used[1:].reshape(num_streams, L)


@wrong(exercises.cut_into_streams, "rows_overlap")  # windows that begin one character apart
def sliding_windows(ids, num_streams):
    L = _rows(ids, num_streams)
    X = np.stack([ids[r : r + L] for r in range(num_streams)])
    return X, np.stack([ids[r + 1 : r + L + 1] for r in range(num_streams)])


@wrong(exercises.cut_into_streams, "length_exchanged")  # rows of num_streams characters
def rows_of_that_length(ids, num_streams):
    L = _rows(ids, num_streams)
    X = ids[: L * num_streams].reshape(-1, num_streams)
    return X, ids[1 : L * num_streams + 1].reshape(-1, num_streams)


@wrong(exercises.cut_into_streams, "too_short")  # one character fewer a row than there is room for
def plays_it_safe(ids, num_streams):
    L = len(ids) // num_streams - 1
    X = np.stack([ids[r * L : (r + 1) * L] for r in range(num_streams)])
    return X, np.stack([ids[r * L + 1 : (r + 1) * L + 1] for r in range(num_streams)])


@wrong(exercises.cut_into_streams, "one_target_a_row")  # only what follows the whole row
def last_target_only(ids, num_streams):
    L = _rows(ids, num_streams)
    X = ids[: L * num_streams].reshape(num_streams, L)
    return X, ids[L : L * num_streams + 1 : L]


@right(exercises.cut_into_streams)
def by_index_arithmetic(ids, num_streams):
    L = _rows(ids, num_streams)
    at = L * np.arange(num_streams)[:, None] + np.arange(L)
    return ids[at], ids[at + 1]


@right(exercises.cut_into_streams)
def by_hand_in_lists(ids, num_streams):
    L = _rows(ids, num_streams)
    X, y = [], []
    for r in range(num_streams):
        X.append([int(i) for i in ids[r * L : r * L + L]])
        y.append([int(i) for i in ids[r * L + 1 : r * L + L + 1]])
    return X, y


@right(exercises.cut_into_streams)
def windows_one_longer(ids, num_streams):
    L = _rows(ids, num_streams)
    windows = np.lib.stride_tricks.sliding_window_view(ids, L + 1)[:: L or 1][:num_streams]
    return windows[:, :-1], windows[:, 1:]


@right(exercises.cut_into_streams)
def in_torch_by_chunks(ids, num_streams):
    ids = torch.tensor(ids)
    L = _rows(ids, num_streams)
    return ids[:-1].unfold(0, L, L)[:num_streams], ids[1:].unfold(0, L, L)[:num_streams]


@right(exercises.cut_into_streams)
def pairs_then_split(ids, num_streams):
    L = _rows(ids, num_streams)
    pairs = np.stack([ids[:-1], ids[1:]])[:, : num_streams * L]
    return tuple(np.split(part, num_streams) for part in pairs)
