"""Answers to the exercises of optimizers."""

import numpy as np
import torch

from course_utils.exercises import optimizers as exercises

from . import right, wrong

# ---- largest_stable_rate


@wrong(exercises.largest_stable_rate, "half_of_it")
def one_over_the_curvature(hessian):
    return 1 / torch.linalg.eigvalsh(hessian).max()


@wrong(exercises.largest_stable_rate, "smallest_curvature")
def takes_the_first_eigenvalue(hessian):
    return 2 / torch.linalg.eigvalsh(hessian)[0]


@wrong(exercises.largest_stable_rate, "sum_of_curvatures")
def two_over_the_trace(hessian):
    return 2 / hessian.trace()


@wrong(exercises.largest_stable_rate, "diagonal_only")
def reads_the_diagonal(hessian):
    return 2 / hessian.diagonal().max()


@wrong(exercises.largest_stable_rate, "one_rate_a_direction")
def one_rate_a_direction(hessian):
    return 2 / torch.linalg.eigvalsh(hessian)


@wrong(exercises.largest_stable_rate, "size_of_the_matrix")
def frobenius_norm(hessian):
    return 2 / torch.linalg.matrix_norm(hessian)


@wrong(exercises.largest_stable_rate, "wrong_value")
def forgets_the_scale(hessian):
    return 2 / torch.linalg.eigvalsh(hessian).max().clamp(min=1.0, max=1e3)


@right(exercises.largest_stable_rate)
def spectral_norm(hessian):
    return float(2 / torch.linalg.matrix_norm(hessian.float(), ord=2))


@right(exercises.largest_stable_rate)
def with_numpy(hessian):
    return 2 / np.abs(np.linalg.eigvals(hessian.numpy())).max()


@right(exercises.largest_stable_rate)
def by_power_iteration(hessian):
    direction = torch.ones(len(hessian), dtype=hessian.dtype) + torch.arange(len(hessian)) / 7
    for _ in range(5000):
        direction = hessian @ direction
        direction /= direction.norm()
    return [2.0][0] / (direction @ hessian @ direction).item()


# ---- nesterov_step


@wrong(exercises.nesterov_step, "no_look_ahead")
def plain_momentum(param, grad, velocity, lr, momentum):
    velocity = momentum * velocity + grad
    return param - lr * velocity, velocity


@wrong(exercises.nesterov_step, "no_look_ahead")
def looks_ahead_too_early(param, grad, velocity, lr, momentum):
    step = grad + momentum * velocity
    return param - lr * step, momentum * velocity + grad


@wrong(exercises.nesterov_step, "velocity_twice")
def adds_the_velocity_to_itself(param, grad, velocity, lr, momentum):
    velocity = momentum * velocity + grad
    return param - lr * (velocity + momentum * velocity), velocity


@wrong(exercises.nesterov_step, "rate_in_velocity")
def the_other_formula(param, grad, velocity, lr, momentum):
    velocity = momentum * velocity + lr * grad
    return param - velocity, velocity


@wrong(exercises.nesterov_step, "rate_in_velocity")
def the_other_formula_with_look_ahead(param, grad, velocity, lr, momentum):
    velocity = momentum * velocity + lr * grad
    return param - lr * grad - momentum * velocity, velocity


@wrong(exercises.nesterov_step, "damped_gradient")
def as_in_adam(param, grad, velocity, lr, momentum):
    velocity = momentum * velocity + (1 - momentum) * grad
    return param - lr * (grad + momentum * velocity), velocity


@wrong(exercises.nesterov_step, "uphill")
def climbs(param, grad, velocity, lr, momentum):
    velocity = momentum * velocity + grad
    return param + lr * (grad + momentum * velocity), velocity


@wrong(exercises.nesterov_step, "rate_in_velocity")
def a_velocity_that_points_downhill(param, grad, velocity, lr, momentum):
    new = momentum * velocity - lr * grad
    return param - momentum * velocity + (1 + momentum) * new, new


@wrong(exercises.nesterov_step, "changed_argument")
def velocity_in_place(param, grad, velocity, lr, momentum):
    velocity *= momentum
    velocity += grad
    return param - lr * (grad + momentum * velocity), velocity


@wrong(exercises.nesterov_step, "changed_argument")
def gradient_in_place(param, grad, velocity, lr, momentum):
    velocity = momentum * velocity + grad
    return param - grad.add_(velocity, alpha=momentum).mul_(lr), velocity


@wrong(exercises.nesterov_step, "wrong_type")
def keeps_the_velocity_to_itself(param, grad, velocity, lr, momentum):
    velocity = momentum * velocity + grad
    return param - lr * (grad + momentum * velocity)


@right(exercises.nesterov_step)
def multiplied_out(param, grad, velocity, lr, momentum):
    moved = param - lr * (1 + momentum) * grad - lr * momentum**2 * velocity
    return [moved, grad + momentum * velocity]


@right(exercises.nesterov_step)
def in_place_on_its_own_copies(param, grad, velocity, lr, momentum):
    velocity = velocity.clone().mul_(momentum).add_(grad)
    return param.clone().sub_(grad, alpha=lr).sub_(velocity, alpha=lr * momentum), velocity


@right(exercises.nesterov_step)
def nesterov_with_numpy(param, grad, velocity, lr, momentum):
    velocity = momentum * np.asarray(velocity) + np.asarray(grad)
    moved = np.asarray(param) - lr * (np.asarray(grad) + momentum * velocity)
    return torch.as_tensor(moved), torch.as_tensor(velocity)


# ---- sgdw_step


@wrong(exercises.sgdw_step, "decay_in_gradient")
def l2(param, grad, velocity, lr, momentum, weight_decay):
    velocity = momentum * velocity + grad + weight_decay * param
    return param - lr * velocity, velocity


@wrong(exercises.sgdw_step, "rate_forgotten")
def shrinks_without_the_rate(param, grad, velocity, lr, momentum, weight_decay):
    velocity = momentum * velocity + grad
    return (1 - weight_decay) * param - lr * velocity, velocity


@wrong(exercises.sgdw_step, "decays_the_moved")
def shrinks_last(param, grad, velocity, lr, momentum, weight_decay):
    velocity = momentum * velocity + grad
    return (param - lr * velocity) * (1 - lr * weight_decay), velocity


@wrong(exercises.sgdw_step, "grows")
def wrong_sign(param, grad, velocity, lr, momentum, weight_decay):
    velocity = momentum * velocity + grad
    return param - lr * (velocity - weight_decay * param), velocity


@wrong(exercises.sgdw_step, "no_decay")
def forgets_the_decay(param, grad, velocity, lr, momentum, weight_decay):
    velocity = momentum * velocity + grad
    return param - lr * velocity, velocity


@wrong(exercises.sgdw_step, "changed_argument")
def shrinks_the_callers_parameter(param, grad, velocity, lr, momentum, weight_decay):
    param *= 1 - lr * weight_decay
    velocity = momentum * velocity + grad
    return param - lr * velocity, velocity


@wrong(exercises.sgdw_step, "changed_argument")
def decays_the_callers_gradient(param, grad, velocity, lr, momentum, weight_decay):
    grad += weight_decay * param
    velocity = momentum * velocity + grad
    return param - lr * velocity, velocity


@wrong(exercises.sgdw_step, "wrong_type")
def returns_only_the_parameter(param, grad, velocity, lr, momentum, weight_decay):
    return (1 - lr * weight_decay) * param - lr * (momentum * velocity + grad)


@right(exercises.sgdw_step)
def one_bracket(param, grad, velocity, lr, momentum, weight_decay):
    velocity = torch.add(grad, velocity, alpha=momentum)
    return param - lr * (velocity + weight_decay * param), velocity


@right(exercises.sgdw_step)
def shrinks_its_own_copy_in_place(param, grad, velocity, lr, momentum, weight_decay):
    param, velocity = param.clone(), velocity.clone()
    param.mul_(1 - lr * weight_decay)
    velocity.mul_(momentum).add_(grad)
    param.sub_(velocity, alpha=lr)
    return [param, velocity]


@right(exercises.sgdw_step)
def in_single_precision(param, grad, velocity, lr, momentum, weight_decay):
    param, grad, velocity = param.float(), grad.float(), velocity.float()
    velocity = momentum * velocity + grad
    return param * (1 - lr * weight_decay) - lr * velocity, velocity
