"""Answers to the exercises of optimizers, written from the prompts alone."""

import numpy as np
import torch

from course_utils.exercises import optimizers as exercises

from .. import right, wrong

# ---- largest_stable_rate


@wrong(exercises.largest_stable_rate, "diagonal_only")  # the largest diagonal entry, not eigenvalue
def largest_diagonal_entry(hessian):
    return (2 / hessian.diagonal().max()).item()


@wrong(
    exercises.largest_stable_rate, "half_of_it"
)  # 1/λ instead of 2/λ: where the steps begin to zigzag
def one_over_the_curvature(hessian):
    return (1 / torch.linalg.eigvalsh(hessian)[-1]).item()


@wrong(
    exercises.largest_stable_rate, "smallest_curvature"
)  # the smallest eigenvalue instead of the largest
def smallest_eigenvalue(hessian):
    return (2 / torch.linalg.eigvalsh(hessian)[0]).item()


@wrong(
    exercises.largest_stable_rate, "sum_of_curvatures"
)  # the trace (sum of eigenvalues) as the curvature
def trace_as_curvature(hessian):
    return 2 / hessian.trace().item()


@wrong(exercises.largest_stable_rate, "size_of_the_matrix")  # the Frobenius norm as the curvature
def frobenius_norm(hessian):
    return 2 / torch.linalg.norm(hessian).item()


@wrong(
    exercises.largest_stable_rate, "size_of_the_matrix"
)  # the largest row sum, only a bound on the eigenvalue
def largest_row_sum(hessian):
    return 2 / hessian.abs().sum(dim=1).max().item()


@wrong(exercises.largest_stable_rate, "grows_with_curvature")  # upside down: λ/2
def upside_down(hessian):
    return torch.linalg.eigvalsh(hessian).max().item() / 2


@wrong(
    exercises.largest_stable_rate, "one_rate_a_direction"
)  # a limit for each eigenvalue instead of one number
def one_limit_for_each(hessian):
    return 2 / torch.linalg.eigvalsh(hessian)


@wrong(
    exercises.largest_stable_rate, "fastest_rate"
)  # 2/(λmax + λmin): the fastest rate, not the limit
def fastest_rate(hessian):
    values = torch.linalg.eigvalsh(hessian)
    return (2 / (values[0] + values[-1])).item()


@wrong(
    exercises.largest_stable_rate, "complex_numbers"
)  # complex eigenvalues from eigvals: max() raises
def complex_eigenvalues(hessian):
    return (2 / torch.linalg.eigvals(hessian).max()).item()


@wrong(
    exercises.largest_stable_rate, "curvature_squared"
)  # the eigenvalue of HᵀH, not of H: squared
def squared_curvature(hessian):
    return (2 / torch.linalg.eigvalsh(hessian.T @ hessian)[-1]).item()


@wrong(
    exercises.largest_stable_rate, "sum_of_curvatures"
)  # the mean eigenvalue instead of the largest
def mean_eigenvalue(hessian):
    return (2 / torch.linalg.eigvalsh(hessian).mean()).item()


@wrong(exercises.largest_stable_rate, "determinant")  # the determinant as the curvature
def determinant(hessian):
    return 2 / torch.linalg.det(hessian).item()


@wrong(exercises.largest_stable_rate, "sum_of_entries")  # the curvature along (1, …, 1) only
def curvature_of_one_direction(hessian):
    ones = torch.ones(len(hessian), dtype=hessian.dtype)
    return (2 * len(hessian) / (ones @ hessian @ ones)).item()


@right(exercises.largest_stable_rate)  # the spectral norm
def spectral_norm(hessian):
    return 2 / torch.linalg.matrix_norm(hessian, ord=2).item()


@right(exercises.largest_stable_rate)  # numpy's eigvalsh in float64
def with_numpy(hessian):
    return 2 / np.linalg.eigvalsh(np.asarray(hessian, dtype=np.float64)).max()


@right(exercises.largest_stable_rate)  # the smallest eigenvalue of twice the inverse
def from_the_inverse(hessian):
    inverse = torch.linalg.inv(hessian.double())
    return 2 * torch.linalg.eigvalsh(inverse)[0]


@right(exercises.largest_stable_rate)  # power iteration by squaring the matrix
def power_iteration(hessian):
    hessian = hessian.double()
    power = hessian
    for _ in range(50):
        power = power @ power
        power = power / power.norm()
    direction = power[:, power.norm(dim=0).argmax()]
    return (2 * (direction @ direction) / (direction @ hessian @ direction)).item()


@right(exercises.largest_stable_rate)  # a 0-d tensor from the real part of eigvals
def real_part(hessian):
    return 2 / torch.linalg.eigvals(hessian).real.max()


# ---- nesterov_step


@wrong(exercises.nesterov_step, "no_look_ahead")  # plain momentum: moves by the new velocity alone
def plain_momentum(param, grad, velocity, lr, momentum):
    velocity = momentum * velocity + grad
    return param - lr * velocity, velocity


@wrong(
    exercises.nesterov_step, "no_look_ahead"
)  # moves by the old velocity: g + βv before the update
def moves_by_the_old_velocity(param, grad, velocity, lr, momentum):
    param = param - lr * (grad + momentum * velocity)
    return param, momentum * velocity + grad


@wrong(exercises.nesterov_step, "rate_in_velocity")  # the rate goes into the velocity
def rate_in_the_velocity(param, grad, velocity, lr, momentum):
    velocity = momentum * velocity + lr * grad
    return param - (lr * grad + momentum * velocity), velocity


@wrong(exercises.nesterov_step, "swapped_results")  # velocity first, parameter second
def velocity_first(param, grad, velocity, lr, momentum):
    velocity = momentum * velocity + grad
    return velocity, param - lr * (grad + momentum * velocity)


@wrong(exercises.nesterov_step, "changed_argument")  # the given velocity is changed in place
def velocity_in_place(param, grad, velocity, lr, momentum):
    velocity.mul_(momentum).add_(grad)
    return param - lr * (grad + momentum * velocity), velocity


@wrong(exercises.nesterov_step, "changed_argument")  # the given parameter is changed in place
def param_in_place(param, grad, velocity, lr, momentum):
    velocity = momentum * velocity + grad
    param -= lr * (grad + momentum * velocity)
    return param, velocity


@wrong(exercises.nesterov_step, "changed_argument")  # the given gradient is changed in place
def grad_in_place(param, grad, velocity, lr, momentum):
    velocity = momentum * velocity + grad
    grad += momentum * velocity
    return param - lr * grad, velocity


@wrong(
    exercises.nesterov_step, "damped_gradient"
)  # the gradient weighted by 1 - β, as in an average
def averaged_velocity(param, grad, velocity, lr, momentum):
    velocity = momentum * velocity + (1 - momentum) * grad
    return param - lr * (grad + momentum * velocity), velocity


@wrong(exercises.nesterov_step, "argument_ignored")  # momentum is ignored: 0.9 is hard-coded
def momentum_hard_coded(param, grad, velocity, lr, momentum):
    velocity = 0.9 * velocity + grad
    return param - lr * (grad + 0.9 * velocity), velocity


@wrong(exercises.nesterov_step, "uphill")  # uphill: the step is added
def uphill(param, grad, velocity, lr, momentum):
    velocity = momentum * velocity + grad
    return param + lr * (grad + momentum * velocity), velocity


@wrong(
    exercises.nesterov_step, "look_ahead_misplaced"
)  # β multiplies the gradient, not the velocity: v + βg
def beta_on_the_gradient(param, grad, velocity, lr, momentum):
    velocity = momentum * velocity + grad
    return param - lr * (velocity + momentum * grad), velocity


@wrong(
    exercises.nesterov_step, "push_kept_as_velocity"
)  # returns the look-ahead push g + βv as the new velocity
def push_kept_as_velocity(param, grad, velocity, lr, momentum):
    velocity = momentum * velocity + grad
    push = grad + momentum * velocity
    return param - lr * push, push


@wrong(exercises.nesterov_step, "velocity_twice")  # β is left out of the look-ahead: moves by g + v
def lookahead_without_beta(param, grad, velocity, lr, momentum):
    velocity = momentum * velocity + grad
    return param - lr * (grad + velocity), velocity


@wrong(
    exercises.nesterov_step, "velocity_not_updated"
)  # the old velocity is returned: it never grows
def velocity_not_updated(param, grad, velocity, lr, momentum):
    new = momentum * velocity + grad
    return param - lr * (grad + momentum * new), velocity


@wrong(
    exercises.nesterov_step, "rate_not_applied"
)  # the rate multiplies the gradient only, not the velocity
def rate_on_the_gradient_only(param, grad, velocity, lr, momentum):
    velocity = momentum * velocity + grad
    return param - lr * grad - momentum * velocity, velocity


@right(exercises.nesterov_step)  # one line by substitution: (1 + β)g + β²v
def substituted(param, grad, velocity, lr, momentum):
    push = (1 + momentum) * grad + momentum**2 * velocity
    return param - lr * push, momentum * velocity + grad


@right(exercises.nesterov_step)  # torch.optim.SGD on copies
def lets_sgd_do_it(param, grad, velocity, lr, momentum):
    copy = torch.nn.Parameter(param.detach().clone())
    copy.grad = grad.detach().clone()
    if momentum == 0:
        return copy.detach() - lr * copy.grad, copy.grad
    optimizer = torch.optim.SGD([copy], lr=lr, momentum=momentum, nesterov=True)
    optimizer.state[copy]["momentum_buffer"] = velocity.detach().clone()
    optimizer.step()
    return copy.detach(), optimizer.state[copy]["momentum_buffer"]


@right(exercises.nesterov_step)  # in-place operations on clones
def on_clones(param, grad, velocity, lr, momentum):
    new_velocity = velocity.clone().mul_(momentum).add_(grad)
    new_param = param.clone().sub_(lr * grad.add(new_velocity, alpha=momentum))
    return new_param, new_velocity


@right(exercises.nesterov_step)  # numpy and back
def in_numpy(param, grad, velocity, lr, momentum):
    p, g, v = (t.detach().numpy() for t in (param, grad, velocity))
    v = np.asarray(momentum * v + g, dtype=v.dtype)
    p = np.asarray(p - lr * (g + momentum * v), dtype=p.dtype)
    return torch.from_numpy(p), torch.from_numpy(v)


class _Nesterov:
    def __call__(self, param, grad, velocity, lr, momentum):
        self.velocity = torch.add(grad, velocity, alpha=momentum)
        lookahead = torch.add(grad, self.velocity, alpha=momentum)
        return torch.sub(param, lookahead, alpha=lr), self.velocity


_nesterov = _Nesterov()


@right(exercises.nesterov_step)  # an object with __call__
def called_object(param, grad, velocity, lr, momentum):
    return _nesterov(param, grad, velocity, lr, momentum)


# ---- sgdw_step


@wrong(
    exercises.sgdw_step, "decay_in_gradient"
)  # L2: the decay goes into the gradient and so into the velocity
def decay_in_the_gradient(param, grad, velocity, lr, momentum, weight_decay):
    velocity = momentum * velocity + grad + weight_decay * param
    return param - lr * velocity, velocity


@wrong(exercises.sgdw_step, "rate_forgotten")  # shrinks by λ instead of ηλ: the rate is left out
def decay_without_the_rate(param, grad, velocity, lr, momentum, weight_decay):
    velocity = momentum * velocity + grad
    return (1 - weight_decay) * param - lr * velocity, velocity


@wrong(
    exercises.sgdw_step, "decays_the_moved"
)  # shrinks the moved parameter instead of the old one
def shrinks_after_the_step(param, grad, velocity, lr, momentum, weight_decay):
    velocity = momentum * velocity + grad
    return (param - lr * velocity) * (1 - lr * weight_decay), velocity


@wrong(exercises.sgdw_step, "no_decay")  # the decay is left out: plain momentum
def without_decay(param, grad, velocity, lr, momentum, weight_decay):
    velocity = momentum * velocity + grad
    return param - lr * velocity, velocity


@wrong(exercises.sgdw_step, "grows")  # the parameter grows: the sign of the decay is wrong
def grows_instead(param, grad, velocity, lr, momentum, weight_decay):
    velocity = momentum * velocity + grad
    return (1 + lr * weight_decay) * param - lr * velocity, velocity


@wrong(exercises.sgdw_step, "velocity_decays")  # the velocity shrinks as well
def velocity_shrinks_too(param, grad, velocity, lr, momentum, weight_decay):
    share = 1 - lr * weight_decay
    velocity = (momentum * velocity + grad) * share
    return param * share - lr * velocity, velocity


@wrong(exercises.sgdw_step, "rate_in_velocity")  # the rate goes into the velocity
def rate_within_velocity(param, grad, velocity, lr, momentum, weight_decay):
    velocity = momentum * velocity + lr * grad
    return (1 - lr * weight_decay) * param - velocity, velocity


@wrong(exercises.sgdw_step, "changed_argument")  # shrinks the given parameter in place
def shrinks_in_place(param, grad, velocity, lr, momentum, weight_decay):
    param.mul_(1 - lr * weight_decay)
    velocity = momentum * velocity + grad
    return param - lr * velocity, velocity


@wrong(exercises.sgdw_step, "changed_argument")  # updates the given velocity in place
def updates_velocity_in_place(param, grad, velocity, lr, momentum, weight_decay):
    velocity *= momentum
    velocity += grad
    return (1 - lr * weight_decay) * param - lr * velocity, velocity


@wrong(exercises.sgdw_step, "swapped_results")  # returns the velocity before the parameter
def velocity_comes_first(param, grad, velocity, lr, momentum, weight_decay):
    velocity = momentum * velocity + grad
    return velocity, (1 - lr * weight_decay) * param - lr * velocity


@wrong(exercises.sgdw_step, "moves_by_the_old")  # moves by the old velocity
def old_velocity_moves(param, grad, velocity, lr, momentum, weight_decay):
    moved = (1 - lr * weight_decay) * param - lr * velocity
    return moved, momentum * velocity + grad


@wrong(
    exercises.sgdw_step, "moves_by_the_gradient"
)  # the gradient alone moves the parameter, not the velocity
def gradient_alone_moves(param, grad, velocity, lr, momentum, weight_decay):
    moved = (1 - lr * weight_decay) * param - lr * grad
    return moved, momentum * velocity + grad


@wrong(exercises.sgdw_step, "damped_gradient")  # the gradient weighted by 1 - β
def dampened_gradient(param, grad, velocity, lr, momentum, weight_decay):
    velocity = momentum * velocity + (1 - momentum) * grad
    return (1 - lr * weight_decay) * param - lr * velocity, velocity


@wrong(exercises.sgdw_step, "look_ahead")  # Nesterov's look-ahead instead of plain momentum
def nesterov_lookahead(param, grad, velocity, lr, momentum, weight_decay):
    velocity = momentum * velocity + grad
    return (1 - lr * weight_decay) * param - lr * (grad + momentum * velocity), velocity


@wrong(exercises.sgdw_step, "keeps_the_share")  # the share ηλ is kept instead of taken away
def keeps_the_share(param, grad, velocity, lr, momentum, weight_decay):
    velocity = momentum * velocity + grad
    return lr * weight_decay * param - lr * velocity, velocity


@wrong(exercises.sgdw_step, "constant_decay")  # the decay has a constant size (sign), as with L1
def decays_by_the_sign(param, grad, velocity, lr, momentum, weight_decay):
    velocity = momentum * velocity + grad
    return param - lr * weight_decay * param.sign() - lr * velocity, velocity


@right(exercises.sgdw_step)  # one common factor η in front
def common_factor(param, grad, velocity, lr, momentum, weight_decay):
    new_velocity = grad + momentum * velocity
    return param - lr * (new_velocity + weight_decay * param), new_velocity


@right(exercises.sgdw_step)  # SGD on a copy that was shrunk before
def sgd_on_a_shrunk_copy(param, grad, velocity, lr, momentum, weight_decay):
    copy = torch.nn.Parameter(param.detach() * (1 - lr * weight_decay))
    copy.grad = grad.detach().clone()
    optimizer = torch.optim.SGD([copy], lr=lr, momentum=momentum)
    optimizer.state[copy]["momentum_buffer"] = velocity.detach().clone()
    optimizer.step()
    return copy.detach(), (momentum * velocity + grad).detach()


@right(exercises.sgdw_step)  # lerp towards zero for the decay
def lerp_towards_zero(param, grad, velocity, lr, momentum, weight_decay):
    shrunk = torch.lerp(param, torch.zeros_like(param), lr * weight_decay)
    velocity = torch.add(grad, velocity, alpha=momentum)
    return shrunk.sub(velocity, alpha=lr), velocity


@right(exercises.sgdw_step)  # entry by entry in Python floats
def entry_by_entry(param, grad, velocity, lr, momentum, weight_decay):
    params, velocities = [], []
    flat = (t.flatten().tolist() for t in (param, grad, velocity))
    for p, g, v in zip(*flat, strict=True):
        v = momentum * v + g
        params.append(p - lr * weight_decay * p - lr * v)
        velocities.append(v)
    new = (torch.tensor(values, dtype=param.dtype) for values in (params, velocities))
    return tuple(t.reshape(param.shape) for t in new)
