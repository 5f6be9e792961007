"""Answers to the exercises of losses, written from the prompts alone."""

import math

import numpy as np
import torch
from torch.nn import functional as F

from course_utils.exercises import losses as exercises

from .. import right, wrong

# ---- mean_squared_error


@wrong(exercises.mean_squared_error, "broadcast")  # broadcasts (N,) against (N, 1) to (N, N)
def broadcasts(predictions, targets):
    return ((predictions - targets) ** 2).mean()


@wrong(
    exercises.mean_squared_error, "sizes_not_compared"
)  # flattens, but 4 against 1 still broadcasts
def flattens_unchecked(predictions, targets):
    return (predictions.flatten() - targets.flatten()).square().mean()


@wrong(
    exercises.mean_squared_error, "sizes_not_compared"
)  # squeeze and mse_loss: a single target is broadcast
def squeezes_unchecked(predictions, targets):
    return F.mse_loss(predictions.squeeze(), targets.squeeze())


@wrong(
    exercises.mean_squared_error, "refuses_equal_counts"
)  # raises for (N,) against (N, 1), which is allowed
def refuses_other_shapes(predictions, targets):
    if predictions.shape != targets.shape:
        raise ValueError("shapes differ")
    return ((predictions - targets) ** 2).mean()


@wrong(exercises.mean_squared_error, "sum_not_mean")  # the sum instead of the mean
def sum_of_squares(predictions, targets):
    targets = targets.reshape(predictions.shape)
    return ((predictions - targets) ** 2).sum()


@wrong(exercises.mean_squared_error, "root")  # the root of the mean
def root_of_the_mean(predictions, targets):
    targets = targets.reshape(predictions.shape)
    return ((predictions - targets) ** 2).mean().sqrt()


@wrong(exercises.mean_squared_error, "absolute")  # absolute differences, not squares
def absolute_differences(predictions, targets):
    return (predictions - targets.reshape(predictions.shape)).abs().mean()


@wrong(
    exercises.mean_squared_error, "square_of_the_mean"
)  # squares the mean difference: signs cancel
def square_of_the_mean(predictions, targets):
    return (predictions - targets.reshape(predictions.shape)).mean() ** 2


@wrong(exercises.mean_squared_error, "halved")  # half the mean
def half_the_mean(predictions, targets):
    return ((predictions - targets.reshape(predictions.shape)) ** 2).mean() / 2


@wrong(
    exercises.mean_squared_error, "answered_not_raised"
)  # prints and returns None where the counts differ
def prints_a_message(predictions, targets):
    if predictions.numel() != targets.numel():
        print("the counts differ")
        return None
    return ((predictions.flatten() - targets.flatten()) ** 2).mean()


@wrong(exercises.mean_squared_error, "answered_not_raised")  # returns nan instead of raising
def nan_instead_of_an_error(predictions, targets):
    if predictions.numel() != targets.numel():
        return torch.tensor(float("nan"))
    return ((predictions.flatten() - targets.flatten()) ** 2).mean()


@wrong(exercises.mean_squared_error, "sizes_not_compared")  # zip cuts the longer side off silently
def shorter_side_decides(predictions, targets):
    pairs = zip(predictions.flatten(), targets.flatten(), strict=False)
    return torch.stack([(p - t) ** 2 for p, t in pairs]).mean()


@wrong(
    exercises.mean_squared_error, "broadcast"
)  # only targets are flattened: (N, 1) predictions fail
def flattens_one_side(predictions, targets):
    if len(predictions) != len(targets):
        raise ValueError("different counts")
    return ((predictions - targets.flatten()) ** 2).mean()


@wrong(
    exercises.mean_squared_error, "sizes_not_compared"
)  # refuses fewer targets, but not fewer predictions
def checks_one_direction(predictions, targets):
    if targets.numel() < predictions.numel():
        raise ValueError("too few targets")
    return ((predictions.flatten() - targets.flatten()) ** 2).mean()


@wrong(
    exercises.mean_squared_error, "refuses_equal_counts"
)  # raises for one number each, where the counts agree
def refuses_single_numbers(predictions, targets):
    if 1 in (predictions.numel(), targets.numel()):
        raise ValueError("a single number would be broadcast")
    return ((predictions.flatten() - targets.reshape(predictions.numel())) ** 2).mean()


@right(exercises.mean_squared_error)  # reshape raises by itself
def reshape_raises(predictions, targets):
    return (predictions - targets.reshape(predictions.shape)).pow(2).mean()


@right(exercises.mean_squared_error)  # zip with strict=True
def strict_zip(predictions, targets):
    total = 0.0
    pairs = list(zip(predictions.flatten(), targets.flatten(), strict=True))
    for prediction, target in pairs:
        total = total + (prediction - target) ** 2
    return total / len(pairs)


@right(exercises.mean_squared_error)  # an explicit check and mse_loss
def checked_mse_loss(predictions, targets):
    if predictions.numel() != targets.numel():
        raise ValueError(f"{predictions.numel()} predictions, {targets.numel()} targets")
    return F.mse_loss(predictions.ravel(), targets.ravel())


@right(exercises.mean_squared_error)  # a check of the lengths and a dot product
def dot_product(predictions, targets):
    assert len(predictions) == len(targets), "different counts"
    gaps = predictions.view(-1) - targets.view(-1)
    return torch.dot(gaps, gaps) / len(gaps)


@right(exercises.mean_squared_error)  # both side by side in a table, einsum
def in_a_column(predictions, targets):
    columns = torch.cat([predictions.reshape(-1, 1), targets.reshape(len(predictions), 1)], dim=1)
    gaps = columns.diff(dim=1)
    return torch.einsum("ni,ni->", gaps, gaps) / gaps.numel()


# ---- bce_from_logits


@wrong(exercises.bce_from_logits, "overflow")  # sigmoid first, then log: log(0) for large logits
def sigmoid_first(logits, labels):
    p = torch.sigmoid(logits)
    return -(labels * p.log() + (1 - labels) * (1 - p).log()).mean()


@wrong(exercises.bce_from_logits, "clipped")  # a small number inside the log caps the loss
def small_number_in_the_log(logits, labels):
    p = torch.sigmoid(logits)
    return -(labels * (p + 1e-7).log() + (1 - labels) * (1 - p + 1e-7).log()).mean()


@wrong(exercises.bce_from_logits, "overflow")  # exp of a large positive logit overflows
def exp_overflows(logits, labels):
    return (torch.log(1 + torch.exp(logits)) - labels * logits).mean()


@wrong(
    exercises.bce_from_logits, "nan_gradient"
)  # where: the unused branch overflows, so gradients are nan
def nan_from_the_unused_branch(logits, labels):
    right_side = logits + torch.log1p(torch.exp(-logits))
    left_side = torch.log1p(torch.exp(logits))
    return (torch.where(logits > 0, right_side, left_side) - labels * logits).mean()


@wrong(exercises.bce_from_logits, "clipped")  # clamps the logits: loss capped, gradient 0 outside
def clamps_the_logits(logits, labels):
    z = logits.clamp(-30, 30)
    return (torch.log1p(torch.exp(-z.abs())) + torch.maximum(z, 0 * z) - labels * z).mean()


@wrong(exercises.bce_from_logits, "sum_not_mean")  # the sum, not the mean
def sum_of_the_losses(logits, labels):
    z = logits
    top = torch.maximum(z, torch.zeros_like(z))
    return (top - labels * z + torch.log1p(torch.exp(-z.abs()))).sum()


@wrong(exercises.bce_from_logits, "not_averaged")  # each example's loss instead of the mean
def loss_of_each_example(logits, labels):
    z = logits
    top = torch.maximum(z, torch.zeros_like(z))
    return top - labels * z + torch.log1p(torch.exp(-z.abs()))


@wrong(exercises.bce_from_logits, "softplus_wrong")  # the absolute value is missing in the exponent
def without_absolute_value(logits, labels):
    z = logits
    top = torch.maximum(z, torch.zeros_like(z))
    return (top - labels * z + torch.log1p(torch.exp(-z))).mean()


@wrong(exercises.bce_from_logits, "labels_swapped")  # labels 0 and 1 are exchanged
def labels_exchanged(logits, labels):
    z = logits
    top = torch.maximum(z, torch.zeros_like(z))
    return (top - (1 - labels) * z + torch.log1p(torch.exp(-z.abs()))).mean()


@wrong(exercises.bce_from_logits, "lost_gradient")  # item(): the gradient is lost
def gradient_lost(logits, labels):
    total = 0.0
    for z, y in zip(logits.tolist(), labels.tolist(), strict=True):
        total += max(z, 0) - y * z + math.log1p(math.exp(-abs(z)))
    return torch.tensor(total / len(logits), dtype=logits.dtype)


@wrong(exercises.bce_from_logits, "used_forbidden")  # calls the built-in, not basic operations
def calls_the_built_in(logits, labels):
    return F.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype))


@wrong(
    exercises.bce_from_logits, "clipped"
)  # inf replaced afterwards: loss and gradient stay wrong
def replaces_inf_afterwards(logits, labels):
    p = torch.sigmoid(logits)
    losses = -torch.where(labels == 1, p.log(), (1 - p).log())
    return torch.nan_to_num(losses, posinf=100.0).mean()


@wrong(exercises.bce_from_logits, "overflow")  # float64 only delays the overflow to 709
def float64_only_delays(logits, labels):
    z = logits.double()
    return (torch.log(1 + torch.exp(z)) - labels * z).mean().to(logits.dtype)


@wrong(exercises.bce_from_logits, "one_label_only")  # only the term of label 1
def positive_term_only(logits, labels):
    z = -logits
    losses = torch.maximum(z, torch.zeros_like(z)) + torch.log1p(torch.exp(-z.abs()))
    return (labels * losses).mean()


@wrong(
    exercises.bce_from_logits, "mean_of_each_label"
)  # the mean over positives plus that over negatives
def mean_of_each_class(logits, labels):
    s = torch.where(labels == 1, -logits, logits)
    losses = torch.maximum(s, torch.zeros_like(s)) + torch.log1p(torch.exp(-s.abs()))
    return losses[labels == 1].mean() + losses[labels == 0].mean()


@wrong(
    exercises.bce_from_logits, "corner_at_0"
)  # gradient at logit 0: relu and abs give -y, not ½ - y
def gradient_at_zero(logits, labels):
    z = logits
    return (torch.relu(z) - labels * z + torch.log1p(torch.exp(-z.abs()))).mean()


@wrong(exercises.bce_from_logits, "another_base")  # log to base 2
def in_bits(logits, labels):
    s = torch.where(labels == 1, -logits, logits)
    losses = torch.maximum(s, torch.zeros_like(s)) / math.log(2)
    return (losses + torch.log2(1 + torch.exp(-s.abs()))).mean()


@right(exercises.bce_from_logits)  # the textbook form, with maximum (½ of the gradient at 0)
def textbook_form(logits, labels):
    zeros = torch.zeros_like(logits)
    softplus = torch.maximum(logits, zeros) + torch.log1p(torch.exp(-torch.abs(logits)))
    return torch.mean(softplus - labels * logits)


@right(exercises.bce_from_logits)  # a signed logit: negative where the answer is right
def signed_logit(logits, labels):
    s = logits * (1 - 2 * labels)
    return (torch.maximum(s, s * 0) + (-s.abs()).exp().log1p()).mean()


class _BCE(torch.autograd.Function):
    @staticmethod
    def forward(ctx, z, y):
        e = torch.exp(-z.abs())
        p = torch.where(z >= 0, 1 / (1 + e), e / (1 + e))
        ctx.save_for_backward((p - y) / len(z))
        return (z.clamp(min=0) - y * z + torch.log1p(e)).mean()

    @staticmethod
    def backward(ctx, grad_output):
        (gradient,) = ctx.saved_tensors
        return grad_output * gradient, None


@right(exercises.bce_from_logits)  # an autograd function with p - y as its own gradient
def own_gradient(logits, labels):
    return _BCE.apply(logits, labels)


@right(exercises.bce_from_logits)  # one example after the other, by cases
def by_cases(logits, labels):
    total = 0
    for z, y in zip(logits, labels, strict=True):
        if z > 0:
            loss = (1 - y) * z + torch.log1p(torch.exp(-z))
        else:
            loss = torch.log1p(torch.exp(z)) - y * z
        total = total + loss
    return total / len(logits)


@right(exercises.bce_from_logits)  # minus the logit's size inside exp, where for both signs
def minus_the_size(logits, labels):
    positive = logits > 0
    minus_size = torch.where(positive, -logits, logits)
    linear = torch.where(positive, logits * (1 - labels), -logits * labels)
    losses = linear + torch.log1p(torch.exp(minus_size))
    return losses.sum() / losses.numel()


# ---- cross_entropy


@wrong(exercises.cross_entropy, "overflow")  # exp without subtracting the maximum overflows
def exp_without_shift(logits, labels, reduction="mean"):
    losses = logits.exp().sum(dim=1).log() - logits[torch.arange(len(labels)), labels]
    return losses.mean() if reduction == "mean" else losses.sum()


@wrong(
    exercises.cross_entropy, "log_of_softmax"
)  # log of softmax: log(0) where a class is hopeless
def log_of_softmax(logits, labels, reduction="mean"):
    losses = -logits.softmax(dim=1).log()[torch.arange(len(labels)), labels]
    return losses.mean() if reduction == "mean" else losses.sum()


@wrong(exercises.cross_entropy, "clipped")  # a small number inside the log caps the loss
def capped_by_epsilon(logits, labels, reduction="mean"):
    losses = -(logits.softmax(dim=1) + 1e-12).log()[torch.arange(len(labels)), labels]
    return losses.mean() if reduction == "mean" else losses.sum()


def _losses(logits, labels):
    shifted = logits - logits.amax(dim=1, keepdim=True)
    picked = shifted[torch.arange(len(labels)), labels]
    return shifted.exp().sum(dim=1).log() - picked


@wrong(exercises.cross_entropy, "reduction_ignored")  # reduction is ignored: always the mean
def always_the_mean(logits, labels, reduction="mean"):
    return _losses(logits, labels).mean()


@wrong(exercises.cross_entropy, "default_is_the_sum")  # the default of reduction is "sum"
def default_is_the_sum(logits, labels, reduction="sum"):
    losses = _losses(logits, labels)
    return losses.mean() if reduction == "mean" else losses.sum()


@wrong(exercises.cross_entropy, "reduction_ignored")  # mean and sum are exchanged
def reductions_exchanged(logits, labels, reduction="mean"):
    losses = _losses(logits, labels)
    return losses.sum() if reduction == "mean" else losses.mean()


@wrong(
    exercises.cross_entropy, "mean_over_classes"
)  # the mean divides by N·K: averages the one-hot table
def divides_by_classes_too(logits, labels, reduction="mean"):
    shifted = logits - logits.amax(dim=1, keepdim=True)
    log_p = shifted - shifted.exp().sum(dim=1, keepdim=True).log()
    table = -F.one_hot(labels, logits.shape[1]) * log_p
    return table.mean() if reduction == "mean" else table.sum()


@wrong(
    exercises.cross_entropy, "one_max_for_all"
)  # one maximum for all: rows far below it underflow
def one_maximum_for_all(logits, labels, reduction="mean"):
    shifted = logits - logits.max()
    losses = shifted.exp().sum(dim=1).log() - shifted[torch.arange(len(labels)), labels]
    return losses.mean() if reduction == "mean" else losses.sum()


@wrong(
    exercises.cross_entropy, "softmax_over_batch"
)  # normalizes over the batch (dim 0), not the classes
def normalizes_over_the_batch(logits, labels, reduction="mean"):
    shifted = logits - logits.amax(dim=0, keepdim=True)
    log_p = shifted - shifted.exp().sum(dim=0, keepdim=True).log()
    losses = -log_p[torch.arange(len(labels)), labels]
    return losses.mean() if reduction == "mean" else losses.sum()


@wrong(exercises.cross_entropy, "sign_lost")  # the minus sign is missing
def minus_is_missing(logits, labels, reduction="mean"):
    losses = -_losses(logits, labels)
    return losses.mean() if reduction == "mean" else losses.sum()


@wrong(
    exercises.cross_entropy, "shift_on_one_side"
)  # forgets to add the maximum back to the log of the sum
def maximum_not_added_back(logits, labels, reduction="mean"):
    top = logits.amax(dim=1, keepdim=True)
    losses = (logits - top).exp().sum(dim=1).log() - logits[torch.arange(len(labels)), labels]
    return losses.mean() if reduction == "mean" else losses.sum()


@wrong(
    exercises.cross_entropy, "every_label"
)  # logits[:, labels] is (N, N): every row at every label
def every_row_at_every_label(logits, labels, reduction="mean"):
    shifted = logits - logits.amax(dim=1, keepdim=True)
    losses = shifted.exp().sum(dim=1, keepdim=True).log() - shifted[:, labels]
    return losses.mean() if reduction == "mean" else losses.sum()


@wrong(exercises.cross_entropy, "predicted_class")  # the predicted class instead of the label
def predicted_class(logits, labels, reduction="mean"):
    losses = _losses(logits, logits.argmax(dim=1))
    return losses.mean() if reduction == "mean" else losses.sum()


@wrong(exercises.cross_entropy, "used_forbidden")  # calls log_softmax, which is forbidden
def calls_log_softmax(logits, labels, reduction="mean"):
    return F.nll_loss(F.log_softmax(logits, dim=1), labels, reduction=reduction)


@wrong(exercises.cross_entropy, "used_forbidden")  # calls logsumexp, which is forbidden
def calls_logsumexp(logits, labels, reduction="mean"):
    losses = torch.logsumexp(logits, dim=1) - logits[torch.arange(len(labels)), labels]
    return losses.mean() if reduction == "mean" else losses.sum()


@wrong(
    exercises.cross_entropy, "shift_too_small"
)  # shifts by the mean of the row, which may still overflow
def shifts_by_the_mean(logits, labels, reduction="mean"):
    shifted = logits - logits.mean(dim=1, keepdim=True)
    losses = shifted.exp().sum(dim=1).log() - shifted[torch.arange(len(labels)), labels]
    return losses.mean() if reduction == "mean" else losses.sum()


@wrong(exercises.cross_entropy, "logits_clipped")  # clamps the logits to ±50
def clamped_logits(logits, labels, reduction="mean"):
    losses = _losses(logits.clamp(-50, 50), labels)
    return losses.mean() if reduction == "mean" else losses.sum()


@wrong(
    exercises.cross_entropy, "zero_times_infinity"
)  # one-hot times log of softmax: 0 times -inf is nan
def zero_times_infinity(logits, labels, reduction="mean"):
    p = torch.softmax(logits, dim=1)
    losses = -(F.one_hot(labels, logits.shape[1]) * torch.log(p)).sum(dim=1)
    return losses.sum() / (len(losses) if reduction == "mean" else 1)


@right(exercises.cross_entropy)  # gather, and getattr for the reduction
def gather_and_getattr(logits, labels, reduction="mean"):
    shifted = logits - logits.max(dim=1, keepdim=True).values
    log_sum = torch.log(torch.exp(shifted).sum(dim=1, keepdim=True))
    losses = (log_sum - shifted.gather(1, labels[:, None])).squeeze(1)
    return getattr(losses, reduction)()


@right(exercises.cross_entropy)  # measures every logit from the label's, then log of a sum
def from_the_label(logits, labels, reduction="mean"):
    gaps = logits - logits.take_along_dim(labels[:, None], dim=1)
    top = gaps.detach().amax(dim=1)
    losses = top + (gaps - top[:, None]).exp().sum(dim=1).log()
    return losses.sum() / (len(labels) if reduction == "mean" else 1)


@right(exercises.cross_entropy)  # one-hot by einsum
def one_hot_einsum(logits, labels, reduction="mean"):
    top = logits.amax(1, keepdim=True)
    log_p = logits - top - torch.log(torch.sum(torch.exp(logits - top), 1, keepdim=True))
    total = -torch.einsum("nk,nk->", F.one_hot(labels, logits.shape[1]).to(log_p.dtype), log_p)
    if reduction == "sum":
        return total
    return total / labels.shape[0]


@right(exercises.cross_entropy)  # row by row in float64
def row_by_row(logits, labels, reduction="mean"):
    total = torch.zeros((), dtype=torch.float64)
    for row, label in zip(logits.double(), labels.tolist(), strict=True):
        total = total + row.max() - row[label] + (row - row.max()).exp().sum().log()
    if reduction == "mean":
        total = total / len(labels)
    return total.to(logits.dtype)


@right(exercises.cross_entropy)  # its own log-probabilities handed to nll_loss
def own_log_probabilities(logits, labels, reduction="mean"):
    centered = logits - torch.amax(logits, dim=-1, keepdim=True)
    log_p = centered - centered.exp().sum(dim=-1, keepdim=True).log()
    return F.nll_loss(log_p, labels, reduction=reduction)


# ---- cross_entropy_gradient


@wrong(
    exercises.cross_entropy_gradient, "mean_forgotten"
)  # not divided by N: the gradient of the sum
def gradient_of_the_sum(logits, labels):
    return logits.softmax(dim=1) - F.one_hot(labels, logits.shape[1])


@wrong(exercises.cross_entropy_gradient, "mean_over_classes")  # divided by N·K
def divided_by_all_entries(logits, labels):
    return (logits.softmax(dim=1) - F.one_hot(labels, logits.shape[1])) / logits.numel()


@wrong(exercises.cross_entropy_gradient, "overflow")  # exp without shift overflows to nan
def unstable_softmax(logits, labels):
    p = logits.exp() / logits.exp().sum(dim=1, keepdim=True)
    return (p - F.one_hot(labels, logits.shape[1])) / len(labels)


@wrong(exercises.cross_entropy_gradient, "sign_lost")  # one-hot minus p: the sign is wrong
def sign_exchanged(logits, labels):
    return (F.one_hot(labels, logits.shape[1]) - logits.softmax(dim=1)) / len(labels)


@wrong(
    exercises.cross_entropy_gradient, "number_for_one_hot"
)  # subtracts the label's number, not its one-hot
def subtracts_the_number(logits, labels):
    return (logits.softmax(dim=1) - labels[:, None]) / len(labels)


@wrong(exercises.cross_entropy_gradient, "softmax_over_batch")  # softmax over the batch
def softmax_over_the_batch(logits, labels):
    return (logits.softmax(dim=0) - F.one_hot(labels, logits.shape[1])) / len(labels)


@wrong(
    exercises.cross_entropy_gradient, "sigmoid_for_softmax"
)  # sigmoid of each logit instead of softmax
def sigmoid_of_each(logits, labels):
    return (logits.sigmoid() - F.one_hot(labels, logits.shape[1])) / len(labels)


@wrong(
    exercises.cross_entropy_gradient, "with_respect_to_p"
)  # the gradient with respect to p, -y/p
def gradient_for_p(logits, labels):
    p = logits.softmax(dim=1)
    return -F.one_hot(labels, logits.shape[1]) / p / len(labels)


@wrong(exercises.cross_entropy_gradient, "used_forbidden")  # uses autograd, which is forbidden
def by_autograd(logits, labels):
    z = logits.detach().clone().requires_grad_()
    F.cross_entropy(z, labels).backward()
    return z.grad


@wrong(exercises.cross_entropy_gradient, "raised")  # one-hot without K: absent classes are missing
def one_hot_too_narrow(logits, labels):
    return (logits.softmax(dim=1) - F.one_hot(labels)) / len(labels)


@wrong(
    exercises.cross_entropy_gradient, "only_the_label"
)  # only the label's entry, 0 for the other classes
def label_entry_only(logits, labels):
    onehot = F.one_hot(labels, logits.shape[1])
    return (logits.softmax(dim=1) - 1) * onehot / len(labels)


@wrong(
    exercises.cross_entropy_gradient, "averaged_into_a_row"
)  # averaged over the batch: shape (K,)
def averaged_over_the_batch(logits, labels):
    return (logits.softmax(dim=1) - F.one_hot(labels, logits.shape[1])).mean(dim=0)


@wrong(
    exercises.cross_entropy_gradient, "one_max_for_all"
)  # one maximum for all rows: 0/0 in rows far below
def common_maximum(logits, labels):
    e = (logits - logits.max()).exp()
    return (e / e.sum(dim=1, keepdim=True) - F.one_hot(labels, logits.shape[1])) / len(labels)


@wrong(
    exercises.cross_entropy_gradient, "activation_twice"
)  # the derivative of softmax, p(1 - p), multiplied in
def times_softmax_derivative(logits, labels):
    p = logits.softmax(dim=1)
    return (p - F.one_hot(labels, logits.shape[1])) * p * (1 - p) / len(labels)


@wrong(
    exercises.cross_entropy_gradient, "predicted_class"
)  # the predicted class instead of the label
def towards_the_prediction(logits, labels):
    onehot = F.one_hot(logits.argmax(dim=1), logits.shape[1])
    return (logits.softmax(dim=1) - onehot) / len(labels)


@wrong(exercises.cross_entropy_gradient, "every_label")  # p[:, labels] -= 1: all rows at all labels
def all_rows_at_all_labels(logits, labels):
    p = logits.softmax(dim=1)
    p[:, labels] -= 1
    return p / len(labels)


@wrong(
    exercises.cross_entropy_gradient, "mean_over_classes"
)  # divided by K, the classes, instead of N
def divided_by_classes(logits, labels):
    return (logits.softmax(dim=1) - F.one_hot(labels, logits.shape[1])) / logits.shape[1]


@right(exercises.cross_entropy_gradient)  # subtracts 1 at the labels
def one_less_at_the_labels(logits, labels):
    gradient = torch.softmax(logits.detach(), dim=1)
    gradient[torch.arange(len(labels)), labels] -= 1
    return gradient / len(labels)


@right(exercises.cross_entropy_gradient)  # numpy, shifted by the maximum of each row
def in_numpy(logits, labels):
    z = logits.detach().numpy()
    e = np.exp(z - z.max(axis=1, keepdims=True))
    gradient = e / e.sum(axis=1, keepdims=True)
    gradient -= np.eye(z.shape[1], dtype=z.dtype)[labels.numpy()]
    return torch.from_numpy(gradient / np.asarray(len(z), dtype=z.dtype))


@right(exercises.cross_entropy_gradient)  # entry by entry
def entry_by_entry(logits, labels):
    n, k = logits.shape
    gradient = torch.empty_like(logits)
    for i in range(n):
        e = torch.exp(logits[i] - logits[i].max())
        for j in range(k):
            gradient[i, j] = (e[j] / e.sum() - float(labels[i] == j)) / n
    return gradient


@right(exercises.cross_entropy_gradient)  # scatter_add with -1/N
def scatters_the_labels(logits, labels):
    share = 1 / logits.shape[0]
    table = share * logits.softmax(dim=-1)
    return table.scatter_add(1, labels[:, None], torch.full_like(table[:, :1], -share))


@right(exercises.cross_entropy_gradient)  # p from differences of logits: 1 / sum of exp
def from_differences(logits, labels):
    gaps = logits[:, None, :] - logits[:, :, None]  # (N, K, K): other minus own
    p = 1 / gaps.exp().sum(dim=2)
    is_label = labels[:, None] == torch.arange(logits.shape[1])
    return (p - is_label.to(p.dtype)) / len(logits)
