"""Answers to the exercises of numpy_losses_and_gradients, written from the prompts alone."""

import copy
import math

import numpy as np
import torch

from course_utils.exercises import numpy_losses_and_gradients as exercises

from .. import right, wrong

# ---- slopes_along_direction


def _moved(params, direction, step):
    return {name: params[name] + step * direction[name] for name in params}


def _predicted(grads, direction):
    return sum(float((grads[name] * direction[name]).sum()) for name in grads)


@wrong(
    exercises.slopes_along_direction, "one_sided"
)  # one-sided difference instead of a central one
def one_sided_difference(loss, params, grads, direction, epsilon):
    measured = (loss(_moved(params, direction, epsilon)) - loss(params)) / epsilon
    return measured, _predicted(grads, direction)


@wrong(exercises.slopes_along_direction, "two_forgotten")  # divides by epsilon instead of 2 epsilon
def divides_by_one_epsilon(loss, params, grads, direction, epsilon):
    up, down = (loss(_moved(params, direction, s * epsilon)) for s in (1, -1))
    return (up - down) / epsilon, _predicted(grads, direction)


@wrong(
    exercises.slopes_along_direction, "changed_argument"
)  # moves the parameters in place, never moves back
def never_moves_back(loss, params, grads, direction, epsilon):
    for name in params:
        params[name] += epsilon * direction[name]
    up = loss(params)
    for name in params:
        params[name] -= 2 * epsilon * direction[name]
    return (up - loss(params)) / (2 * epsilon), _predicted(grads, direction)


@wrong(
    exercises.slopes_along_direction, "changed_argument"
)  # moves there and back in place: rounding stays
def moves_there_and_back(loss, params, grads, direction, epsilon):
    losses = []
    for step in (epsilon, -2 * epsilon, epsilon):
        for name in params:
            params[name] += step * direction[name]
        losses.append(loss(params))
    return (losses[0] - losses[1]) / (2 * epsilon), _predicted(grads, direction)


@wrong(
    exercises.slopes_along_direction, "changed_argument"
)  # copies the dict, not its arrays, then adds in place
def copies_the_dict_only(loss, params, grads, direction, epsilon):
    up, down = dict(params), dict(params)
    for name in params:
        up[name] += epsilon * direction[name]
        down[name] -= epsilon * direction[name]
    return (loss(up) - loss(down)) / (2 * epsilon), _predicted(grads, direction)


@wrong(
    exercises.slopes_along_direction, "direction_normalized"
)  # normalizes the direction to length 1
def normalizes_the_direction(loss, params, grads, direction, epsilon):
    length = math.sqrt(sum((d**2).sum() for d in direction.values()))
    unit = {name: d / length for name, d in direction.items()}
    up, down = (loss(_moved(params, unit, s * epsilon)) for s in (1, -1))
    return (up - down) / (2 * epsilon), _predicted(grads, unit)


@wrong(
    exercises.slopes_along_direction, "mean_of_products"
)  # predicted: the mean of the products, not their sum
def means_of_products(loss, params, grads, direction, epsilon):
    up, down = (loss(_moved(params, direction, s * epsilon)) for s in (1, -1))
    predicted = sum(np.mean(grads[n] * direction[n]) for n in grads)
    return (up - down) / (2 * epsilon), predicted


@wrong(
    exercises.slopes_along_direction, "one_array_only"
)  # predicted: only the last array, = instead of +=
def keeps_the_last_array(loss, params, grads, direction, epsilon):
    up, down = (loss(_moved(params, direction, s * epsilon)) for s in (1, -1))
    for name in grads:
        predicted = float(np.sum(grads[name] * direction[name]))
    return (up - down) / (2 * epsilon), predicted


@wrong(
    exercises.slopes_along_direction, "swapped_results"
)  # predicted comes first, measured second
def predicted_comes_first(loss, params, grads, direction, epsilon):
    up, down = (loss(_moved(params, direction, s * epsilon)) for s in (1, -1))
    return _predicted(grads, direction), (up - down) / (2 * epsilon)


@wrong(exercises.slopes_along_direction, "negated")  # down minus up: the wrong sign
def down_minus_up(loss, params, grads, direction, epsilon):
    up, down = (loss(_moved(params, direction, s * epsilon)) for s in (1, -1))
    return (down - up) / (2 * epsilon), _predicted(grads, direction)


@wrong(
    exercises.slopes_along_direction, "direction_ignored"
)  # predicted: the gradient's length, no direction
def length_of_the_gradient(loss, params, grads, direction, epsilon):
    up, down = (loss(_moved(params, direction, s * epsilon)) for s in (1, -1))
    length = math.sqrt(sum((g**2).sum() for g in grads.values()))
    return (up - down) / (2 * epsilon), length


@wrong(
    exercises.slopes_along_direction, "moved_along_gradient"
)  # moves along the gradient, not along direction
def moves_along_the_gradient(loss, params, grads, direction, epsilon):
    up, down = (loss(_moved(params, grads, s * epsilon)) for s in (1, -1))
    return (up - down) / (2 * epsilon), _predicted(grads, direction)


@wrong(exercises.slopes_along_direction, "argument_ignored")  # a fixed 1e-5, epsilon ignored
def ignores_epsilon(loss, params, grads, direction, epsilon):
    up, down = (loss(_moved(params, direction, s * 1e-5)) for s in (1, -1))
    return (up - down) / 2e-5, _predicted(grads, direction)


@wrong(
    exercises.slopes_along_direction, "paired_by_position"
)  # pairs arrays by position, not by name
def pairs_by_position(loss, params, grads, direction, epsilon):
    moves = list(direction.values())
    up = {n: params[n] + epsilon * d for n, d in zip(params, moves, strict=True)}
    down = {n: params[n] - epsilon * d for n, d in zip(params, moves, strict=True)}
    predicted = sum(np.sum(g * d) for g, d in zip(grads.values(), moves, strict=True))
    return (loss(up) - loss(down)) / (2 * epsilon), predicted


@wrong(
    exercises.slopes_along_direction, "one_at_a_time"
)  # one array after another, not all at once
def one_array_after_another(loss, params, grads, direction, epsilon):
    measured = 0.0
    for name in params:
        up = {**params, name: params[name] + epsilon * direction[name]}
        down = {**params, name: params[name] - epsilon * direction[name]}
        measured += (loss(up) - loss(down)) / (2 * epsilon)
    return measured, _predicted(grads, direction)


@wrong(exercises.slopes_along_direction, "change_predicted")  # predicted is multiplied by epsilon
def predicts_the_change(loss, params, grads, direction, epsilon):
    up, down = (loss(_moved(params, direction, s * epsilon)) for s in (1, -1))
    return (up - down) / (2 * epsilon), epsilon * _predicted(grads, direction)


@wrong(exercises.slopes_along_direction, "raised")  # a matrix product instead of a sum of products
def matrix_product_of_arrays(loss, params, grads, direction, epsilon):
    up, down = (loss(_moved(params, direction, s * epsilon)) for s in (1, -1))
    predicted = sum(np.sum(grads[n].T @ direction[n]) for n in grads)
    return (up - down) / (2 * epsilon), predicted


@right(exercises.slopes_along_direction)  # dict comprehensions
def dict_comprehensions(loss, params, grads, direction, epsilon):
    up = {name: p + epsilon * direction[name] for name, p in params.items()}
    down = {name: p - epsilon * direction[name] for name, p in params.items()}
    predicted = sum(np.sum(g * direction[name]) for name, g in grads.items())
    return (loss(up) - loss(down)) / (2 * epsilon), predicted


@right(exercises.slopes_along_direction)  # deep copies moved in place, vdot for the product
def deep_copies_and_vdot(loss, params, grads, direction, epsilon):
    up, down = copy.deepcopy(params), copy.deepcopy(params)
    predicted = 0.0
    for name in direction:
        up[name] += epsilon * direction[name]
        down[name] += -epsilon * direction[name]
        predicted += float(np.vdot(grads[name], direction[name]))
    above, below = float(loss(up)), float(loss(down))
    return (above - below) / (2 * epsilon), predicted


@right(exercises.slopes_along_direction)  # a function of one variable, the step along the direction
def function_of_the_step(loss, params, grads, direction, epsilon):
    def along(step):
        return loss({k: np.add(params[k], np.multiply(step, direction[k])) for k in params})

    measured = 0.5 * (along(epsilon) / epsilon - along(-epsilon) / epsilon)
    return measured, sum(np.dot(np.ravel(grads[k]), np.ravel(direction[k])) for k in grads)


@right(exercises.slopes_along_direction)  # one long vector for the prediction
def one_long_vector(loss, params, grads, direction, epsilon):
    names = sorted(params)
    g = np.concatenate([np.ravel(grads[n]) for n in names])
    d = np.concatenate([np.ravel(direction[n]) for n in names])
    values = [loss(_moved(params, direction, sign * epsilon)) for sign in (-1.0, 1.0)]
    return np.diff(values)[0] / (2 * epsilon), g @ d


# ---- masked_cross_entropy_gradient


def _softmax(logits, axis=-1):
    e = np.exp(logits - logits.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


@wrong(
    exercises.masked_cross_entropy_gradient, "padding_pushed"
)  # p - q: padded steps get a gradient, too
def padded_steps_get_p(logits, targets):
    return (_softmax(logits) - targets) / targets.sum()


@wrong(
    exercises.masked_cross_entropy_gradient, "weights_ignored"
)  # masks, but p is not times the step's weight
def masks_without_weights(logits, targets):
    real = targets.sum(axis=-1, keepdims=True) > 0
    return real * (_softmax(logits) - targets) / targets.sum()


@wrong(
    exercises.masked_cross_entropy_gradient, "padding_counted"
)  # divides by B times T, padded steps included
def divides_by_all_steps(logits, targets):
    weights = targets.sum(axis=-1, keepdims=True)
    return (weights * _softmax(logits) - targets) / weights.size


@wrong(
    exercises.masked_cross_entropy_gradient, "steps_counted"
)  # divides by the number of real steps
def divides_by_real_steps(logits, targets):
    weights = targets.sum(axis=-1, keepdims=True)
    return (weights * _softmax(logits) - targets) / np.count_nonzero(weights)


@wrong(exercises.masked_cross_entropy_gradient, "mean_forgotten")  # divides by the batch size B
def divides_by_batch_size(logits, targets):
    weights = targets.sum(axis=-1, keepdims=True)
    return (weights * _softmax(logits) - targets) / len(logits)


@wrong(
    exercises.masked_cross_entropy_gradient, "mean_forgotten"
)  # the sum's gradient, not divided at all
def never_divides(logits, targets):
    return targets.sum(axis=-1, keepdims=True) * _softmax(logits) - targets


@wrong(exercises.masked_cross_entropy_gradient, "overflow")  # exp of the raw logits overflows
def overflows_at_large_logits(logits, targets):
    p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    return (targets.sum(axis=-1, keepdims=True) * p - targets) / targets.sum()


@wrong(
    exercises.masked_cross_entropy_gradient, "overflow"
)  # subtracts one maximum of all: rows of 0 / 0
def subtracts_one_maximum(logits, targets):
    e = np.exp(logits - logits.max())
    p = e / e.sum(axis=-1, keepdims=True)
    return (targets.sum(axis=-1, keepdims=True) * p - targets) / targets.sum()


@wrong(
    exercises.masked_cross_entropy_gradient, "softmax_over_steps"
)  # softmax over time instead of classes
def softmax_over_time(logits, targets):
    p = _softmax(logits, axis=1)
    return (targets.sum(axis=-1, keepdims=True) * p - targets) / targets.sum()


@wrong(exercises.masked_cross_entropy_gradient, "sign_lost")  # the wrong sign, q - p
def targets_minus_probabilities(logits, targets):
    p = _softmax(logits)
    return (targets - targets.sum(axis=-1, keepdims=True) * p) / targets.sum()


@wrong(
    exercises.masked_cross_entropy_gradient, "mean_of_means"
)  # each sequence divided by its own weight
def divides_each_sequence_alone(logits, targets):
    weights = targets.sum(axis=-1, keepdims=True)
    total = weights.sum(axis=1, keepdims=True)
    return (weights * _softmax(logits) - targets) / np.maximum(total, 1e-12)


@wrong(
    exercises.masked_cross_entropy_gradient, "classes_masked"
)  # masks every class whose target is 0
def masks_zero_classes(logits, targets):
    weights = targets.sum(axis=-1, keepdims=True)
    return (targets > 0) * (weights * _softmax(logits) - targets) / targets.sum()


@wrong(exercises.masked_cross_entropy_gradient, "padding_pushed")  # looks for padding in the logits
def looks_for_padded_logits(logits, targets):
    real = np.any(logits != 0, axis=-1, keepdims=True)
    return real * (_softmax(logits) - targets) / targets.sum()


@wrong(
    exercises.masked_cross_entropy_gradient, "weights_ignored"
)  # turns each step's target into a distribution
def normalizes_each_step(logits, targets):
    weights = targets.sum(axis=-1, keepdims=True)
    q = targets / np.where(weights > 0, weights, 1)
    return (weights > 0) * (_softmax(logits) - q) / np.count_nonzero(weights)


@wrong(exercises.masked_cross_entropy_gradient, "one_number")  # returns the loss, not its gradient
def returns_the_loss(logits, targets):
    z = logits - logits.max(axis=-1, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(axis=-1, keepdims=True))
    return -(targets * log_p).sum() / targets.sum()


@wrong(
    exercises.masked_cross_entropy_gradient, "logits_clipped"
)  # clips the logits before the softmax
def clips_the_logits(logits, targets):
    p = _softmax(np.clip(logits, -30, 30))
    return (targets.sum(axis=-1, keepdims=True) * p - targets) / targets.sum()


@wrong(
    exercises.masked_cross_entropy_gradient, "padding_dropped"
)  # drops the padded steps: another shape
def drops_padded_steps(logits, targets):
    real = targets.sum(axis=-1) > 0
    z, q = logits[real], targets[real]
    return (q.sum(axis=-1, keepdims=True) * _softmax(z) - q) / targets.sum()


@right(exercises.masked_cross_entropy_gradient)  # weight times p, minus q, over the total weight
def weighted_p_minus_q(logits, targets):
    z = logits - np.max(logits, axis=2, keepdims=True)
    p = np.exp(z) / np.sum(np.exp(z), axis=2, keepdims=True)
    return (p * targets.sum(axis=2, keepdims=True) - targets) / targets.sum()


@right(exercises.masked_cross_entropy_gradient)  # step by step, in two loops
def step_by_step(logits, targets):
    gradient = np.zeros(logits.shape, dtype=np.float64)
    total = float(np.sum(targets, dtype=np.float64))
    for b in range(logits.shape[0]):
        for t in range(logits.shape[1]):
            q = targets[b, t].astype(np.float64)
            if q.sum() == 0:
                continue
            e = np.exp(logits[b, t].astype(np.float64) - float(logits[b, t].max()))
            gradient[b, t] = (q.sum() * e / e.sum() - q) / total
    return gradient


@right(exercises.masked_cross_entropy_gradient)  # the softmax Jacobian, diag(p) - p pT, by einsum
def jacobian_by_einsum(logits, targets):
    p = _softmax(logits.astype(np.float64))
    log_jacobian = np.eye(p.shape[-1]) - p[..., None, :]  # d log p_i / d z_j
    return -np.einsum("bti,btij->btj", targets, log_jacobian) / targets.sum()


@right(exercises.masked_cross_entropy_gradient)  # torch's autograd inside, NumPy outside
def autograd_inside(logits, targets):
    z = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
    q = torch.tensor(targets, dtype=torch.float64)
    loss = -(q * z.log_softmax(dim=-1)).sum() / q.sum()
    loss.backward()
    return z.grad.numpy()


# ---- huber_loss_and_gradient


def _huber(error, delta):
    size = abs(error)
    return np.where(size <= delta, error**2 / 2, delta * (size - delta / 2))


def _slope(error, delta):
    return np.clip(error, -delta, delta)


@wrong(exercises.huber_loss_and_gradient, "half_forgotten")  # e² and its slope 2e: no ½
def squares_without_the_half(predictions, targets, delta):
    e = predictions - targets
    inside = abs(e) <= delta
    loss = np.where(inside, e**2, delta * (abs(e) - delta / 2)).mean()
    return loss, np.where(inside, 2 * e, delta * np.sign(e)) / e.size


@wrong(exercises.huber_loss_and_gradient, "half_forgotten")  # the loss is right, the slope is MSE's
def slope_of_the_mean_square(predictions, targets, delta):
    e = predictions - targets
    slope = np.where(abs(e) <= delta, 2 * e, delta * np.sign(e))
    return _huber(e, delta).mean(), slope / e.size


@wrong(exercises.huber_loss_and_gradient, "does_not_join")  # the line starts too high: δ|e|
def line_through_the_origin(predictions, targets, delta):
    e = predictions - targets
    loss = np.where(abs(e) <= delta, e**2 / 2, delta * abs(e)).mean()
    return loss, _slope(e, delta) / e.size


@wrong(exercises.huber_loss_and_gradient, "slope_of_one")  # beyond δ the slope is the sign alone
def sign_only(predictions, targets, delta):
    e = predictions - targets
    slope = np.where(abs(e) <= delta, e, np.sign(e))
    return _huber(e, delta).mean(), slope / e.size


@wrong(exercises.huber_loss_and_gradient, "slope_of_one")  # |e| − ½ for every δ, loss and slope
def as_if_delta_were_one(predictions, targets, delta):
    e = predictions - targets
    inside = abs(e) <= delta
    loss = np.where(inside, e**2 / 2, abs(e) - 0.5).mean()
    return loss, np.where(inside, e, np.sign(e)) / e.size


@wrong(exercises.huber_loss_and_gradient, "sum_for_mean")  # sums
def sums_up(predictions, targets, delta):
    e = predictions - targets
    return _huber(e, delta).sum(), _slope(e, delta)


@wrong(exercises.huber_loss_and_gradient, "sum_for_mean")  # a mean loss, and the slope of the sum
def mean_loss_sum_slope(predictions, targets, delta):
    e = predictions - targets
    return _huber(e, delta).mean(), _slope(e, delta)


@wrong(exercises.huber_loss_and_gradient, "rows_counted")  # divides by the rows
def divides_by_rows(predictions, targets, delta):
    e = predictions - targets
    return _huber(e, delta).sum() / len(e), _slope(e, delta) / len(e)


@wrong(exercises.huber_loss_and_gradient, "negated")  # target minus prediction
def target_minus_prediction(predictions, targets, delta):
    e = targets - predictions
    return _huber(e, delta).mean(), _slope(e, delta) / e.size


@wrong(exercises.huber_loss_and_gradient, "size_forgotten")  # compares e, not |e|, with δ
def compares_the_signed_error(predictions, targets, delta):
    e = predictions - targets
    inside = e <= delta
    loss = np.where(inside, e**2 / 2, delta * (e - delta / 2)).mean()
    return loss, np.where(inside, e, delta) / e.size


@wrong(exercises.huber_loss_and_gradient, "branches_swapped")  # > for <=
def the_other_way_round(predictions, targets, delta):
    e = predictions - targets
    far = abs(e) > delta
    loss = np.where(far, e**2 / 2, delta * (abs(e) - delta / 2)).mean()
    return loss, np.where(far, e, delta * np.sign(e)) / e.size


@wrong(exercises.huber_loss_and_gradient, "slope_not_bounded")  # only the loss is mended
def slope_of_half_the_square(predictions, targets, delta):
    e = predictions - targets
    return _huber(e, delta).mean(), e / e.size


@wrong(exercises.huber_loss_and_gradient, "sign_forgotten")  # far errors all push one way
def far_slopes_without_sign(predictions, targets, delta):
    e = predictions - targets
    slope = np.where(abs(e) <= delta, e, delta)
    return _huber(e, delta).mean(), slope / e.size


@wrong(exercises.huber_loss_and_gradient, "not_averaged_loss")  # a loss for every number
def loss_of_every_number(predictions, targets, delta):
    e = predictions - targets
    return _huber(e, delta), _slope(e, delta) / e.size


@wrong(exercises.huber_loss_and_gradient, "argument_ignored")  # δ = 1, whatever is given
def always_one(predictions, targets, delta):
    e = predictions - targets
    return _huber(e, 1.0).mean(), _slope(e, 1.0) / e.size


@wrong(exercises.huber_loss_and_gradient, "changed_argument")  # predictions -= targets
def subtracts_in_place(predictions, targets, delta):
    predictions -= targets
    return _huber(predictions, delta).mean(), _slope(predictions, delta) / predictions.size


@wrong(exercises.huber_loss_and_gradient, "swapped_results")
def gradient_first(predictions, targets, delta):
    e = predictions - targets
    return _slope(e, delta) / e.size, _huber(e, delta).mean()


@right(exercises.huber_loss_and_gradient)
def by_clipping(predictions, targets, delta):
    e = predictions - targets
    near = np.clip(e, -delta, delta)
    return (near * (e - near / 2)).mean(), near / e.size


@right(exercises.huber_loss_and_gradient)
def number_by_number(predictions, targets, delta):
    gradient, total = np.zeros(predictions.shape), 0.0
    for i in np.ndindex(predictions.shape):
        e = float(predictions[i] - targets[i])
        if abs(e) <= delta:
            total, gradient[i] = total + e * e / 2, e
        else:
            total, gradient[i] = total + delta * (abs(e) - delta / 2), math.copysign(delta, e)
    return total / predictions.size, gradient / predictions.size


@right(exercises.huber_loss_and_gradient)
def with_masks(predictions, targets, delta):
    e = predictions - targets
    far = np.abs(e) > delta
    losses, slope = e**2 / 2, e.copy()
    losses[far] = delta * np.abs(e[far]) - delta**2 / 2
    slope[far] = delta * np.sign(e[far])
    return np.mean(losses), slope / e.size


@right(exercises.huber_loss_and_gradient)
def by_autograd(predictions, targets, delta):
    p = torch.tensor(predictions, requires_grad=True)
    loss = torch.nn.functional.huber_loss(p, torch.tensor(targets), delta=delta)
    loss.backward()
    return [loss.item(), p.grad.numpy()]
