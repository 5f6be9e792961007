"""Answers to the exercises of numpy_relational_rnn, written from the prompts alone."""

import math
from fractions import Fraction

import numpy as np
import torch
from torch.nn import functional as F

from course_utils.exercises import numpy_relational_rnn as exercises

from .. import right, wrong

# ---- shortcut_accuracy


@wrong(
    exercises.shortcut_accuracy, "guesses_among_all"
)  # guesses among all k, the reference included
def guesses_among_all(k):
    return 1 / k + (k - 1) / k * (1 / k)


@wrong(exercises.shortcut_accuracy, "only_the_last")  # the share of the last rank alone
def last_rank_alone(k):
    return 1 / k


@wrong(
    exercises.shortcut_accuracy, "just_chance"
)  # the guess alone, as if the last were never asked
def guess_alone(k):
    return 1 / (k - 1)


@wrong(
    exercises.shortcut_accuracy, "weights_forgotten"
)  # adds the guess without its share of the questions
def guess_not_weighted(k):
    return 1 / k + 1 / (k - 1)


@wrong(exercises.shortcut_accuracy, "weights_forgotten")  # the two cases taken as equally frequent
def two_cases_equally_often(k):
    return (1 + 1 / (k - 1)) / 2


@wrong(exercises.shortcut_accuracy, "constant")  # 0.4, which is right for k = 5 only
def reads_the_dotted_line(k):
    return 0.4


@wrong(exercises.shortcut_accuracy, "whole_division")  # integer division
def whole_number_division(k):
    return 2 // k


@wrong(exercises.shortcut_accuracy, "in_percent")  # in percent
def in_percent(k):
    return 100 * 2 / k


@wrong(exercises.shortcut_accuracy, "approximate")  # a simulation, which the prompt forbids
def simulates_the_shortcut(k):
    rng = np.random.default_rng()
    ranks = rng.integers(1, k + 1, size=1000)
    guesses = rng.integers(1, max(k, 2), size=1000)
    return float(np.mean(np.where(ranks == k, True, guesses == ranks)))


@wrong(
    exercises.shortcut_accuracy, "counted_by_one_wrong"
)  # guesses among k - 2: leaves out one point too many
def leaves_out_two_points(k):
    return 1 / k + (k - 1) / k / max(k - 2, 1)


@wrong(
    exercises.shortcut_accuracy, "counted_by_one_wrong"
)  # k + 1 ranks: the reference not counted among the k
def counts_one_rank_more(k):
    return 2 / (k + 1)


@wrong(
    exercises.shortcut_accuracy, "chances_multiplied"
)  # multiplies the two chances instead of weighing both
def product_of_the_two(k):
    return 1 / k * (1 / max(k - 1, 1))


@wrong(exercises.shortcut_accuracy, "shares_exchanged")  # the shares of the two cases exchanged
def shares_exchanged(k):
    return (k - 1) / k * 1 + 1 / k * (1 / (k - 1))


@right(exercises.shortcut_accuracy)  # two over k, and 1 where there is only the reference
def two_over_k(k):
    return min(1.0, 2 / k)


@right(exercises.shortcut_accuracy)  # a mean over the ranks
def mean_over_ranks(k):
    chances = [1 / (k - 1)] * (k - 1) if k > 1 else []
    return sum([*chances, 1.0]) / k


@right(exercises.shortcut_accuracy)  # the law of total probability, in fractions
def total_probability(k):
    last = Fraction(1, k)
    guess = Fraction(1, k - 1) if k > 1 else Fraction(0)
    return float(last * 1 + (1 - last) * guess)


@right(exercises.shortcut_accuracy)  # counts the right cells of a table, rank by answer
def table_of_answers(k):
    answers = np.zeros((k, k))
    answers[:-1, :-1] = 1 / max(k - 1, 1)
    answers[-1, -1] = 1.0
    return np.trace(answers) / k


# ---- padded_attention


def _weights(scores, real):
    """Softmax over the real keys; rows without any are 0."""
    scores = np.where(real, scores, -np.inf)
    highest = np.max(scores, axis=-1, keepdims=True, initial=-np.inf)
    e = np.where(real, np.exp(scores - np.where(np.isfinite(highest), highest, 0)), 0)
    total = e.sum(axis=-1, keepdims=True)
    return e / np.where(total > 0, total, 1)


def _real(K, lengths):
    return (np.arange(K.shape[1]) < np.asarray(lengths)[:, None])[:, None, :]


def _scores(Q, K):
    return Q @ K.swapaxes(1, 2) / np.sqrt(Q.shape[-1])


@wrong(exercises.padded_attention, "wrong_scale")  # the scores are not divided by the root of d
def forgets_to_scale(Q, K, V, lengths):
    A = _weights(Q @ K.swapaxes(1, 2), _real(K, lengths))
    return A @ V, A


@wrong(exercises.padded_attention, "wrong_scale")  # divides by d instead of its root
def divides_by_d(Q, K, V, lengths):
    A = _weights(Q @ K.swapaxes(1, 2) / Q.shape[-1], _real(K, lengths))
    return A @ V, A


@wrong(exercises.padded_attention, "wrong_scale")  # the root of the number of keys instead of d
def root_of_the_key_count(Q, K, V, lengths):
    A = _weights(Q @ K.swapaxes(1, 2) / np.sqrt(K.shape[1]), _real(K, lengths))
    return A @ V, A


@wrong(exercises.padded_attention, "no_padding_mask")  # no mask: padded keys take part
def ignores_lengths(Q, K, V, lengths):
    A = _weights(_scores(Q, K), np.ones_like(_real(K, lengths)))
    return A @ V, A


@wrong(
    exercises.padded_attention, "masked_after_softmax"
)  # zeroes padded weights and never normalizes again
def masks_after_the_softmax(Q, K, V, lengths):
    real = _real(K, lengths)
    A = _weights(_scores(Q, K), np.ones_like(real)) * real
    return A @ V, A


@wrong(exercises.padded_attention, "nothing_to_see")  # length 0: 0 / 0 is nan
def nan_at_length_zero(Q, K, V, lengths):
    scores = np.where(_real(K, lengths), _scores(Q, K), -np.inf)
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    A = e / e.sum(axis=-1, keepdims=True)
    return A @ V, A


@wrong(
    exercises.padded_attention, "nothing_to_see"
)  # length 0: equal weights on all the padded keys
def uniform_at_length_zero(Q, K, V, lengths):
    scores = np.where(_real(K, lengths), _scores(Q, K), -1e9)
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    A = e / e.sum(axis=-1, keepdims=True)
    return A @ V, A


@wrong(
    exercises.padded_attention, "mask_too_weak"
)  # adds -1e9, which padded scores of 1e15 outweigh
def adds_minus_a_billion(Q, K, V, lengths):
    scores = _scores(Q, K) - 1e9 * ~_real(K, lengths)
    A = _weights(scores, np.ones_like(_real(K, lengths)))
    A = A * (np.asarray(lengths) > 0)[:, None, None]
    return A @ V, A


@wrong(exercises.padded_attention, "mask_too_weak")  # fills with -1e4, above real scores of -5e4
def fills_with_ten_thousand(Q, K, V, lengths):
    scores = np.where(_real(K, lengths), _scores(Q, K), -1e4)
    A = _weights(scores, np.ones_like(_real(K, lengths)))
    A = A * (np.asarray(lengths) > 0)[:, None, None]
    return A @ V, A


@wrong(exercises.padded_attention, "score_zeroed")  # sets padded scores to 0, and exp(0) is 1
def padded_scores_become_zero(Q, K, V, lengths):
    scores = _scores(Q, K) * _real(K, lengths)
    A = _weights(scores, np.ones_like(_real(K, lengths)))
    A = A * (np.asarray(lengths) > 0)[:, None, None]
    return A @ V, A


@wrong(
    exercises.padded_attention, "padding_in_softmax"
)  # the maximum is taken with the padded scores
def maximum_of_padded_scores(Q, K, V, lengths):
    scores, real = _scores(Q, K), _real(K, lengths)
    e = np.exp(scores - scores.max(axis=-1, keepdims=True)) * real
    total = e.sum(axis=-1, keepdims=True)
    A = e / np.where(total > 0, total, 1)
    return A @ V, A


@wrong(exercises.padded_attention, "overflow")  # no maximum subtracted: exp overflows
def exp_of_raw_scores(Q, K, V, lengths):
    real = _real(K, lengths)
    e = np.where(real, np.exp(np.where(real, _scores(Q, K), 0)), 0)
    total = e.sum(axis=-1, keepdims=True)
    A = e / np.where(total > 0, total, 1)
    return A @ V, A


@wrong(exercises.padded_attention, "swapped_results")  # the weights come first, the output second
def weights_come_first(Q, K, V, lengths):
    A = _weights(_scores(Q, K), _real(K, lengths))
    return A, A @ V


@wrong(exercises.padded_attention, "softmax_over_queries")  # softmax over the queries
def softmax_over_queries(Q, K, V, lengths):
    real = _real(K, lengths)
    scores = np.where(real, _scores(Q, K), -1e300)
    e = np.exp(scores - scores.max(axis=1, keepdims=True)) * real
    A = e / np.maximum(e.sum(axis=1, keepdims=True), 1e-30)
    return A @ V, A


@wrong(exercises.padded_attention, "one_key_too_many")  # <= lengths: one padded key too many
def one_key_too_many(Q, K, V, lengths):
    real = (np.arange(K.shape[1]) <= np.asarray(lengths)[:, None])[:, None, :]
    A = _weights(_scores(Q, K), real)
    return A @ V, A


@wrong(exercises.padded_attention, "last_keys")  # the last keys are real instead of the first
def last_keys_are_real(Q, K, V, lengths):
    A = _weights(_scores(Q, K), _real(K, lengths)[:, :, ::-1])
    return A @ V, A


@wrong(exercises.padded_attention, "queries_masked")  # masks the queries instead of the keys
def masks_the_queries(Q, K, V, lengths):
    real = np.arange(Q.shape[1])[None, :, None] < np.asarray(lengths)[:, None, None]
    A = _weights(_scores(Q, K), np.ones((1, 1, K.shape[1]), dtype=bool)) * real
    return A @ V, A


@wrong(
    exercises.padded_attention, "wrong_shape"
)  # cuts all sequences to the longest length: another shape
def cuts_to_the_longest(Q, K, V, lengths):
    longest = int(max(lengths))
    K, V = K[:, :longest], V[:, :longest]
    A = _weights(_scores(Q, K), _real(K, lengths))
    return A @ V, A


@right(exercises.padded_attention)  # sequence by sequence, the real keys cut out
def sequence_by_sequence(Q, K, V, lengths):
    output = np.zeros((Q.shape[0], Q.shape[1], V.shape[2]), dtype=V.dtype)
    weights = np.zeros((Q.shape[0], Q.shape[1], K.shape[1]), dtype=Q.dtype)
    for b, n in enumerate(lengths):
        if n > 0:
            s = Q[b] @ K[b, :n].T / math.sqrt(Q.shape[2])
            e = np.exp(s - s.max(axis=1, keepdims=True))
            weights[b, :, :n] = e / e.sum(axis=1, keepdims=True)
            output[b] = weights[b, :, :n] @ V[b, :n]
    return output, weights


@right(exercises.padded_attention)  # padded rows set to 0 first, then -inf and a guard for length 0
def cleans_the_padding_first(Q, K, V, lengths):
    real = np.arange(K.shape[1])[None] < np.asarray(lengths)[:, None]
    K, V = np.where(real[..., None], K, 0), np.where(real[..., None], V, 0)
    scores = np.einsum("bqd,bkd->bqk", Q, K) * Q.shape[-1] ** -0.5
    scores = np.where(real[:, None], scores, -np.inf)
    highest = scores.max(axis=-1, keepdims=True)
    highest[np.isneginf(highest)] = 0
    e = np.exp(scores - highest)
    weights = e / np.maximum(e.sum(axis=-1, keepdims=True), np.finfo(e.dtype).tiny)
    return np.einsum("bqk,bkv->bqv", weights, V), weights


@right(exercises.padded_attention)  # torch's softmax on float64, nan turned into 0
def softmax_of_torch(Q, K, V, lengths):
    q, k, v = (torch.tensor(a, dtype=torch.float64) for a in (Q, K, V))
    padded = torch.arange(k.shape[1]) >= torch.tensor(np.asarray(lengths))[:, None]
    scores = (q @ k.mT / q.shape[-1] ** 0.5).masked_fill(padded[:, None], -torch.inf)
    weights = F.softmax(scores, dim=-1).nan_to_num(0.0)
    return (weights @ v).numpy(), weights.numpy()


@right(exercises.padded_attention)  # a very low finite score, and a mask on the weights at the end
def lowest_score_and_a_mask(Q, K, V, lengths):
    real = (np.arange(K.shape[1]) < np.asarray(lengths).reshape(-1, 1))[:, np.newaxis]
    scores = Q @ np.transpose(K, (0, 2, 1)) / np.sqrt(K.shape[2]).astype(Q.dtype)
    scores = np.where(real, scores, np.finfo(scores.dtype).min / 4)
    e = np.exp(scores - scores.max(axis=2, keepdims=True)) * real
    weights = e / (e.sum(axis=2, keepdims=True) + (e.sum(axis=2, keepdims=True) == 0))
    return weights @ V, weights


# ---- memory_gate_gradient


def _sigmoid(x):
    return 0.5 * (1 + np.tanh(0.5 * x))


@wrong(exercises.memory_gate_gradient, "not_summed")  # does not sum over the D numbers of a slot
def never_sums_over_the_slot(d_new, M, Z, G):
    i, f = _sigmoid(G[..., :1]), _sigmoid(G[..., 1:] + 1)
    return np.stack([d_new * np.tanh(Z) * i * (1 - i), d_new * M * f * (1 - f)], axis=-1)


@wrong(exercises.memory_gate_gradient, "averaged")  # the mean over D instead of the sum
def mean_over_the_slot(d_new, M, Z, G):
    i, f = _sigmoid(G[..., 0]), _sigmoid(G[..., 1] + 1)
    d_i = (d_new * np.tanh(Z)).mean(axis=-1) * i * (1 - i)
    d_f = (d_new * M).mean(axis=-1) * f * (1 - f)
    return np.stack([d_i, d_f], axis=-1)


@wrong(
    exercises.memory_gate_gradient, "plus_one_forgotten"
)  # the +1 of the second gate is left out
def forgets_the_plus_one(d_new, M, Z, G):
    s = _sigmoid(G)
    sums = np.stack([(d_new * np.tanh(Z)).sum(-1), (d_new * M).sum(-1)], axis=-1)
    return sums * s * (1 - s)


@wrong(exercises.memory_gate_gradient, "plus_one_on_both")  # +1 for both gates
def plus_one_for_both(d_new, M, Z, G):
    s = _sigmoid(G + 1)
    sums = np.stack([(d_new * np.tanh(Z)).sum(-1), (d_new * M).sum(-1)], axis=-1)
    return sums * s * (1 - s)


@wrong(exercises.memory_gate_gradient, "raw_proposal")  # Z instead of tanh(Z)
def forgets_the_tanh(d_new, M, Z, G):
    s = _sigmoid(G + np.array([0.0, 1.0]))
    sums = np.stack([(d_new * Z).sum(-1), (d_new * M).sum(-1)], axis=-1)
    return sums * s * (1 - s)


@wrong(exercises.memory_gate_gradient, "slope_forgotten")  # no slope of the sigmoid
def forgets_the_sigmoids_slope(d_new, M, Z, G):
    return np.stack([(d_new * np.tanh(Z)).sum(-1), (d_new * M).sum(-1)], axis=-1)


@wrong(exercises.memory_gate_gradient, "slope_forgotten")  # the sigmoid itself instead of its slope
def sigmoid_for_its_slope(d_new, M, Z, G):
    s = _sigmoid(G + np.array([0.0, 1.0]))
    return np.stack([(d_new * np.tanh(Z)).sum(-1), (d_new * M).sum(-1)], axis=-1) * s


@wrong(exercises.memory_gate_gradient, "swapped")  # the two gates exchanged
def exchanges_the_gates(d_new, M, Z, G):
    s = _sigmoid(G + np.array([0.0, 1.0]))
    sums = np.stack([(d_new * M).sum(-1), (d_new * np.tanh(Z)).sum(-1)], axis=-1)
    return sums * s * (1 - s)


@wrong(exercises.memory_gate_gradient, "wrong_value")  # sums over the slots N instead of over D
def sums_over_the_slots(d_new, M, Z, G):
    s = _sigmoid(G + np.array([0.0, 1.0]))
    d_i, d_f = (d_new * np.tanh(Z)).sum(axis=1), (d_new * M).sum(axis=1)
    sums = np.stack([d_i.mean(-1), d_f.mean(-1)], axis=-1)[:, None]
    return sums * s * (1 - s)


@wrong(
    exercises.memory_gate_gradient, "gates_on_another_axis"
)  # axes in the wrong order: (2, B, N)
def gates_on_the_first_axis(d_new, M, Z, G):
    s = _sigmoid(G + np.array([0.0, 1.0]))
    slope = s * (1 - s)
    d_i = (d_new * np.tanh(Z)).sum(-1) * slope[..., 0]
    return np.stack([d_i, (d_new * M).sum(-1) * slope[..., 1]])


@wrong(exercises.memory_gate_gradient, "batch_summed")  # sums over the batch as well
def sums_over_the_batch(d_new, M, Z, G):
    s = _sigmoid(G + np.array([0.0, 1.0]))
    sums = np.stack([(d_new * np.tanh(Z)).sum(-1), (d_new * M).sum(-1)], axis=-1)
    return (sums * s * (1 - s)).sum(axis=0)


@wrong(
    exercises.memory_gate_gradient, "upstream_forgotten"
)  # ignores d_new: the slopes of M' alone
def ignores_what_arrives(d_new, M, Z, G):
    s = _sigmoid(G + np.array([0.0, 1.0]))
    return np.stack([np.tanh(Z).sum(-1), M.sum(-1)], axis=-1) * s * (1 - s)


@wrong(
    exercises.memory_gate_gradient, "summed_too_early"
)  # sums d_new and M apart, then multiplies
def sums_before_multiplying(d_new, M, Z, G):
    s = _sigmoid(G + np.array([0.0, 1.0]))
    sums = np.stack([np.tanh(Z).sum(-1), M.sum(-1)], axis=-1) * d_new.sum(-1, keepdims=True)
    return sums * s * (1 - s)


@wrong(exercises.memory_gate_gradient, "slope_of_tanh")  # the slope of tanh for the first gate
def tanh_slope_for_the_gate(d_new, M, Z, G):
    slopes = np.stack([1 - np.tanh(G[..., 0]) ** 2, np.zeros_like(G[..., 1])], axis=-1)
    f = _sigmoid(G[..., 1] + 1)
    slopes[..., 1] = f * (1 - f)
    return slopes * np.stack([(d_new * np.tanh(Z)).sum(-1), (d_new * M).sum(-1)], axis=-1)


@wrong(
    exercises.memory_gate_gradient, "wrong_value"
)  # ties the gates: keeps 1 minus what is written
def ties_the_two_gates(d_new, M, Z, G):
    s = _sigmoid(G[..., 0])
    d_i = (d_new * (np.tanh(Z) - M)).sum(-1) * s * (1 - s)
    return np.stack([d_i, np.zeros_like(d_i)], axis=-1)


@right(exercises.memory_gate_gradient)  # two sums, two slopes
def two_sums_two_slopes(d_new, M, Z, G):
    write = 1 / (1 + np.exp(-G[:, :, 0]))
    keep = 1 / (1 + np.exp(-(G[:, :, 1] + 1)))
    d_G = np.empty_like(G)
    d_G[:, :, 0] = np.sum(d_new * np.tanh(Z), axis=2) * write * (1 - write)
    d_G[:, :, 1] = np.sum(d_new * M, axis=2) * keep * (1 - keep)
    return d_G


@right(exercises.memory_gate_gradient)  # einsum over D with both parts stacked
def einsum_of_stacked_parts(d_new, M, Z, G):
    parts = np.stack([np.tanh(Z), M], axis=-1)
    slope = 0.25 / np.cosh((G + np.array([0, 1])) / 2) ** 2
    return np.einsum("bnd,bndg->bng", d_new, parts) * slope


@right(exercises.memory_gate_gradient)  # torch's autograd inside
def autograd_of_the_gates(d_new, M, Z, G):
    d, m, z, g = (torch.tensor(np.asarray(a), dtype=torch.float64) for a in (d_new, M, Z, G))
    g.requires_grad_()
    new = g[..., :1].sigmoid() * z.tanh() + (g[..., 1:] + 1).sigmoid() * m
    return torch.autograd.grad(new, g, d)[0].numpy()


@right(exercises.memory_gate_gradient)  # slot by slot, dot products
def slot_by_slot(d_new, M, Z, G):
    d_G = np.zeros(G.shape)
    for b, n in np.ndindex(*G.shape[:2]):
        for gate, (offset, factor) in enumerate(((0, np.tanh(Z[b, n])), (1, M[b, n]))):
            s = 1 / (1 + math.exp(-float(G[b, n, gate]) - offset))
            d_G[b, n, gate] = np.dot(d_new[b, n], factor) * s * (1 - s)
    return d_G


# ---- layer_norm_backward


def _normal(x, eps):
    s = np.sqrt(x.var(axis=-1, keepdims=True) + eps)
    return (x - x.mean(axis=-1, keepdims=True)) / s, s


def _through(g, x_hat, s):
    mean, along = g.mean(-1, keepdims=True), (g * x_hat).mean(-1, keepdims=True)
    return (g - mean - x_hat * along) / s


def _leading_sum(a):
    return a.reshape(-1, a.shape[-1]).sum(axis=0)


@wrong(exercises.layer_norm_backward, "gain_forgotten")  # d_x without the gain
def gain_left_out_of_d_x(d_y, x, gain, eps=1e-5):
    x_hat, s = _normal(x, eps)
    return _through(d_y, x_hat, s), _leading_sum(d_y * x_hat), _leading_sum(d_y)


@wrong(
    exercises.layer_norm_backward, "gain_too_late"
)  # gain multiplied at the end instead of before the means
def gain_after_the_means(d_y, x, gain, eps=1e-5):
    x_hat, s = _normal(x, eps)
    return gain * _through(d_y, x_hat, s), _leading_sum(d_y * x_hat), _leading_sum(d_y)


@wrong(
    exercises.layer_norm_backward, "statistics_constant"
)  # mean and deviation taken for constants
def statistics_as_constants(d_y, x, gain, eps=1e-5):
    x_hat, s = _normal(x, eps)
    return d_y * gain / s, _leading_sum(d_y * x_hat), _leading_sum(d_y)


@wrong(
    exercises.layer_norm_backward, "deviation_forgotten"
)  # the path through the deviation is missing
def forgets_the_deviation_path(d_y, x, gain, eps=1e-5):
    x_hat, s = _normal(x, eps)
    g = d_y * gain
    d_x = (g - g.mean(axis=-1, keepdims=True)) / s
    return d_x, _leading_sum(d_y * x_hat), _leading_sum(d_y)


@wrong(exercises.layer_norm_backward, "mean_forgotten")  # the path through the mean is missing
def forgets_the_mean_path(d_y, x, gain, eps=1e-5):
    x_hat, s = _normal(x, eps)
    g = d_y * gain
    d_x = (g - x_hat * (g * x_hat).mean(axis=-1, keepdims=True)) / s
    return d_x, _leading_sum(d_y * x_hat), _leading_sum(d_y)


@wrong(
    exercises.layer_norm_backward, "rows_not_summed"
)  # sums over axis 0 only: right for two axes
def sums_over_axis_zero(d_y, x, gain, eps=1e-5):
    x_hat, s = _normal(x, eps)
    return _through(d_y * gain, x_hat, s), (d_y * x_hat).sum(axis=0), d_y.sum(axis=0)


@wrong(
    exercises.layer_norm_backward, "rows_not_summed"
)  # never sums d_gain and d_bias over the rows
def never_sums_the_rows(d_y, x, gain, eps=1e-5):
    x_hat, s = _normal(x, eps)
    return _through(d_y * gain, x_hat, s), d_y * x_hat, d_y.copy()


@wrong(exercises.layer_norm_backward, "rows_averaged")  # means over the rows instead of sums
def means_over_the_rows(d_y, x, gain, eps=1e-5):
    x_hat, s = _normal(x, eps)
    rows = x.size // x.shape[-1]
    d_gain, d_bias = _leading_sum(d_y * x_hat) / rows, _leading_sum(d_y) / rows
    return _through(d_y * gain, x_hat, s), d_gain, d_bias


@wrong(exercises.layer_norm_backward, "no_eps")  # eps is left out
def leaves_eps_out(d_y, x, gain, eps=1e-5):
    x_hat, s = _normal(x, 0.0)
    return _through(d_y * gain, x_hat, s), _leading_sum(d_y * x_hat), _leading_sum(d_y)


@wrong(exercises.layer_norm_backward, "argument_ignored")  # always 1e-5, the argument eps ignored
def fixed_eps(d_y, x, gain, eps=1e-5):
    x_hat, s = _normal(x, 1e-5)
    return _through(d_y * gain, x_hat, s), _leading_sum(d_y * x_hat), _leading_sum(d_y)


@wrong(exercises.layer_norm_backward, "no_eps")  # eps added to the deviation, outside the root
def eps_outside_the_root(d_y, x, gain, eps=1e-5):
    s = x.std(axis=-1, keepdims=True) + eps
    x_hat = (x - x.mean(axis=-1, keepdims=True)) / s
    return _through(d_y * gain, x_hat, s), _leading_sum(d_y * x_hat), _leading_sum(d_y)


@wrong(exercises.layer_norm_backward, "bessel")  # the variance divided by F - 1
def variance_with_f_minus_one(d_y, x, gain, eps=1e-5):
    s = np.sqrt(x.var(axis=-1, ddof=1, keepdims=True) + eps)
    x_hat = (x - x.mean(axis=-1, keepdims=True)) / s
    return _through(d_y * gain, x_hat, s), _leading_sum(d_y * x_hat), _leading_sum(d_y)


@wrong(
    exercises.layer_norm_backward, "over_the_batch"
)  # normalizes over the batch, as batch norm does
def normalizes_over_the_batch(d_y, x, gain, eps=1e-5):
    s = np.sqrt(x.var(axis=0, keepdims=True) + eps)
    x_hat = (x - x.mean(axis=0, keepdims=True)) / s
    g = d_y * gain
    along = (g * x_hat).mean(axis=0, keepdims=True)
    d_x = (g - g.mean(axis=0, keepdims=True) - x_hat * along) / s
    return d_x, _leading_sum(d_y * x_hat), _leading_sum(d_y)


@wrong(exercises.layer_norm_backward, "gain_from_raw")  # d_gain with x instead of the normalized x
def gain_gradient_with_raw_x(d_y, x, gain, eps=1e-5):
    x_hat, s = _normal(x, eps)
    return _through(d_y * gain, x_hat, s), _leading_sum(d_y * x), _leading_sum(d_y)


@wrong(exercises.layer_norm_backward, "swapped_results")  # d_bias before d_gain
def bias_before_gain(d_y, x, gain, eps=1e-5):
    x_hat, s = _normal(x, eps)
    return _through(d_y * gain, x_hat, s), _leading_sum(d_y), _leading_sum(d_y * x_hat)


@wrong(exercises.layer_norm_backward, "sums_for_means")  # sums in d_x where means over F belong
def sums_instead_of_means(d_y, x, gain, eps=1e-5):
    x_hat, s = _normal(x, eps)
    g = d_y * gain
    d_x = (g - g.sum(-1, keepdims=True) - x_hat * (g * x_hat).sum(-1, keepdims=True)) / s
    return d_x, _leading_sum(d_y * x_hat), _leading_sum(d_y)


@wrong(exercises.layer_norm_backward, "raised")  # the means without keepdims: raises or wrong axes
def means_without_keepdims(d_y, x, gain, eps=1e-5):
    x_hat, s = _normal(x, eps)
    g = d_y * gain
    d_x = (g - g.mean(axis=-1) - x_hat * (g * x_hat).mean(axis=-1)) / s
    return d_x, _leading_sum(d_y * x_hat), _leading_sum(d_y)


@wrong(exercises.layer_norm_backward, "not_divided")  # not divided by the deviation
def forgets_to_divide_by_s(d_y, x, gain, eps=1e-5):
    x_hat, _ = _normal(x, eps)
    return _through(d_y * gain, x_hat, 1.0), _leading_sum(d_y * x_hat), _leading_sum(d_y)


@right(exercises.layer_norm_backward)  # the three terms, all rows at once
def three_terms_at_once(d_y, x, gain, eps=1e-5):
    s = np.sqrt(x.var(axis=-1, keepdims=True) + eps)
    x_hat = (x - x.mean(axis=-1, keepdims=True)) / s
    g = gain * d_y
    d_x = g - g.mean(axis=-1, keepdims=True) - x_hat * (g * x_hat).mean(axis=-1, keepdims=True)
    front = tuple(range(x.ndim - 1))
    return d_x / s, (d_y * x_hat).sum(axis=front), d_y.sum(axis=front)


@right(exercises.layer_norm_backward)  # through variance and mean one after the other, flat rows
def variance_then_mean(d_y, x, gain, eps=1e-5):
    F_size = x.shape[-1]
    rows, d_rows = x.reshape(-1, F_size), d_y.reshape(-1, F_size)
    centered = rows - rows.mean(axis=1, keepdims=True)
    inverse = 1 / np.sqrt((centered**2).mean(axis=1, keepdims=True) + eps)
    d_hat = d_rows * gain
    d_var = -0.5 * (d_hat * centered).sum(axis=1, keepdims=True) * inverse**3
    d_centered = d_hat * inverse + d_var * 2 * centered / F_size
    d_x = d_centered - d_centered.mean(axis=1, keepdims=True)
    return d_x.reshape(x.shape), (d_rows * centered * inverse).sum(0), d_rows.sum(0)


@right(exercises.layer_norm_backward)  # einsum with an ellipsis
def einsum_with_ellipsis(d_y, x, gain, eps=1e-5):
    size = x.shape[-1]
    x_hat, s = _normal(x, eps)
    g = d_y * gain
    along = np.einsum("...f,...f->...", g, x_hat)[..., None] / size
    d_x = (g - np.einsum("...f->...", g)[..., None] / size - along * x_hat) / s
    d_rows, hat_rows = d_y.reshape(-1, size), x_hat.reshape(-1, size)
    return d_x, np.einsum("nf,nf->f", d_rows, hat_rows), np.einsum("nf->f", d_rows)


@right(exercises.layer_norm_backward)  # torch's layer_norm and autograd, in float64
def autograd_of_layer_norm(d_y, x, gain, eps=1e-5):
    d, x, gain = (torch.tensor(np.asarray(a), dtype=torch.float64) for a in (d_y, x, gain))
    bias = torch.zeros_like(gain, requires_grad=True)
    x.requires_grad_()
    gain.requires_grad_()
    y = F.layer_norm(x, x.shape[-1:], gain, bias, eps)
    return tuple(t.numpy() for t in torch.autograd.grad(y, (x, gain, bias), d))


@right(exercises.layer_norm_backward)  # row by row, in a loop
def row_after_row(d_y, x, gain, eps=1e-5):
    d_x, d_gain, d_bias = np.zeros(x.shape), np.zeros(x.shape[-1]), np.zeros(x.shape[-1])
    for index in np.ndindex(*x.shape[:-1]):
        row, d = x[index].astype(np.float64), d_y[index].astype(np.float64)
        s = math.sqrt(row.var() + eps)
        x_hat = (row - row.mean()) / s
        d_gain += d * x_hat
        d_bias += d
        g = d * gain
        d_x[index] = (g - g.mean() - x_hat * np.dot(g, x_hat) / len(g)) / s
    return d_x, d_gain, d_bias
