"""Answers to the exercises of optimizers_on_data, written from the prompts alone."""

import math

import numpy as np
import torch

from course_utils.exercises import optimizers_on_data as exercises

from .. import right, wrong

# ---- batch_size_for_noise


@wrong(exercises.batch_size_for_noise, "root_missing")  # the noise falls with B, not with its root
def noise_falls_with_b(gradients, tolerance):
    mean = gradients.mean(dim=0)
    one = (gradients - mean).square().sum(dim=1).mean().sqrt()
    return math.ceil(one / (tolerance * mean.norm()))


@wrong(
    exercises.batch_size_for_noise, "not_relative"
)  # the length of the mean gradient is left out
def absolute_noise(gradients, tolerance):
    spread = (gradients - gradients.mean(dim=0)).square().sum(dim=1).mean()
    return math.ceil(spread / tolerance**2)


@wrong(
    exercises.batch_size_for_noise, "rounded_down"
)  # int() cuts off: the noise is still too large
def cuts_off(gradients, tolerance):
    mean = gradients.mean(dim=0)
    spread = (gradients - mean).square().sum(dim=1).mean()
    return max(1, int(spread / (tolerance * mean.norm()) ** 2))


@wrong(exercises.batch_size_for_noise, "rounded_down")  # rounds to the nearest
def rounds(gradients, tolerance):
    mean = gradients.mean(dim=0)
    spread = (gradients - mean).square().sum(dim=1).mean()
    return max(1, round((spread / (tolerance * mean.norm()) ** 2).item()))


@wrong(exercises.batch_size_for_noise, "mean_over_parameters")  # a mean over all numbers
def mean_over_everything(gradients, tolerance):
    mean = gradients.mean(dim=0)
    return max(1, math.ceil((gradients - mean).square().mean() / (tolerance * mean.norm()) ** 2))


@wrong(exercises.batch_size_for_noise, "mean_not_subtracted")  # the gradients' own size
def size_for_spread(gradients, tolerance):
    size = gradients.square().sum(dim=1).mean()
    return math.ceil(size / (tolerance * gradients.mean(dim=0).norm()) ** 2)


@wrong(
    exercises.batch_size_for_noise, "mean_of_lengths"
)  # the mean length for the length of the mean
def compares_with_the_usual_length(gradients, tolerance):
    spread = gradients.var(dim=0, correction=0).sum()
    return max(1, math.ceil(spread / (tolerance * gradients.norm(dim=1).mean()) ** 2))


@wrong(exercises.batch_size_for_noise, "tolerance_inverted")  # a smaller tolerance, a smaller batch
def tolerance_upside_down(gradients, tolerance):
    mean = gradients.mean(dim=0)
    spread = gradients.var(dim=0, correction=0).sum()
    return max(1, math.ceil(spread * tolerance**2 / mean.square().sum()))


@wrong(
    exercises.batch_size_for_noise, "deviations_added"
)  # deviations added up instead of variances
def adds_deviations(gradients, tolerance):
    mean = gradients.mean(dim=0)
    noise = gradients.std(dim=0, correction=0).sum()
    return max(1, math.ceil((noise / (tolerance * mean.norm())) ** 2))


@wrong(exercises.batch_size_for_noise, "least_is_one")  # equal gradients give an empty batch
def may_be_empty(gradients, tolerance):
    mean = gradients.mean(dim=0)
    spread = (gradients - mean).square().sum(dim=1).mean()
    return math.ceil(spread / (tolerance * mean.norm()) ** 2)


@wrong(
    exercises.batch_size_for_noise, "noise_for_batch"
)  # the noise of one example, not a batch size
def gives_the_noise(gradients, tolerance):
    mean = gradients.mean(dim=0)
    return ((gradients - mean).square().sum(dim=1).mean().sqrt() / mean.norm()).item()


@wrong(
    exercises.batch_size_for_noise, "tolerance_not_squared"
)  # everything squared but the tolerance
def squares_all_but_the_tolerance(gradients, tolerance):
    mean = gradients.mean(dim=0)
    spread = (gradients - mean).square().sum(dim=1).mean()
    return max(1, math.ceil(spread / (tolerance * mean.square().sum())))


@right(exercises.batch_size_for_noise)  # tries one batch size after the other
def one_after_the_other(gradients, tolerance):
    mean = gradients.mean(dim=0)
    one = (gradients - mean).square().sum(dim=1).mean().sqrt()
    batch_size = 1
    while one / batch_size**0.5 > tolerance * mean.norm():
        batch_size += 1
    return batch_size


@right(exercises.batch_size_for_noise)  # NumPy, from the second moment
def from_second_moments(gradients, tolerance):
    g = gradients.double().numpy()
    wanted = tolerance**2 * np.sum(g.mean(axis=0) ** 2)
    return int(max(1, np.ceil(g.var(axis=0).sum() / wanted)))


@right(exercises.batch_size_for_noise)  # -floor(-x), from the trace of the covariance
def by_the_trace(gradients, tolerance):
    mean = gradients.mean(0)
    covariance = (gradients - mean).T @ (gradients - mean) / len(gradients)
    return max(1, -math.floor(-(covariance.trace() / (tolerance * mean.norm()) ** 2).item()))


@right(exercises.batch_size_for_noise)  # plain Python
def in_plain_python(gradients, tolerance):
    rows = gradients.tolist()
    means = [sum(column) / len(rows) for column in zip(*rows, strict=True)]
    noise = sum((x - m) ** 2 for row in rows for x, m in zip(row, means, strict=True)) / len(rows)
    return max(math.ceil(noise / tolerance**2 / sum(m * m for m in means)), 1)


# ---- scaled_rate


def _target(batch_size, base_rate, base_batch_size):
    return base_rate * batch_size / base_batch_size


@wrong(exercises.scaled_rate, "warms_from_zero")  # the ramp starts at 0
def ramp_from_zero(step, batch_size, base_rate, base_batch_size, warmup_steps):
    target = _target(batch_size, base_rate, base_batch_size)
    return target * min(1, step / warmup_steps) if warmup_steps else target


@wrong(exercises.scaled_rate, "step_off_by_one")  # the ramp is one step ahead
def one_step_ahead(step, batch_size, base_rate, base_batch_size, warmup_steps):
    target = _target(batch_size, base_rate, base_batch_size)
    if step + 1 >= warmup_steps:
        return target
    return base_rate + (target - base_rate) * (step + 1) / warmup_steps


@wrong(exercises.scaled_rate, "ramp_goes_on")  # no end to the ramp
def never_stops_rising(step, batch_size, base_rate, base_batch_size, warmup_steps):
    target = _target(batch_size, base_rate, base_batch_size)
    if warmup_steps == 0:
        return target
    return base_rate + (target - base_rate) * step / warmup_steps


@wrong(exercises.scaled_rate, "scaled_inversely")  # larger batch, smaller rate
def the_other_way_round(step, batch_size, base_rate, base_batch_size, warmup_steps):
    target = base_rate * base_batch_size / batch_size
    share = 1 if step >= warmup_steps else step / warmup_steps
    return base_rate + share * (target - base_rate)


@wrong(exercises.scaled_rate, "root_scaling")  # √k instead of k
def by_the_root(step, batch_size, base_rate, base_batch_size, warmup_steps):
    target = base_rate * (batch_size / base_batch_size) ** 0.5
    share = 1 if step >= warmup_steps else step / warmup_steps
    return base_rate + share * (target - base_rate)


@wrong(exercises.scaled_rate, "no_warmup")  # the full rate from the start
def at_once(step, batch_size, base_rate, base_batch_size, warmup_steps):
    return _target(batch_size, base_rate, base_batch_size)


@wrong(exercises.scaled_rate, "raised")  # divides by warmup_steps = 0
def divides_by_zero(step, batch_size, base_rate, base_batch_size, warmup_steps):
    target = _target(batch_size, base_rate, base_batch_size)
    return base_rate + (target - base_rate) * min(step / warmup_steps, 1)


@wrong(exercises.scaled_rate, "constant_warmup")  # waits at the base rate, then jumps
def waits_then_jumps(step, batch_size, base_rate, base_batch_size, warmup_steps):
    return base_rate if step < warmup_steps else _target(batch_size, base_rate, base_batch_size)


@wrong(exercises.scaled_rate, "geometric_warmup")  # multiplies evenly instead of adding evenly
def multiplies_evenly(step, batch_size, base_rate, base_batch_size, warmup_steps):
    share = 1 if step >= warmup_steps else step / warmup_steps
    return base_rate * (batch_size / base_batch_size) ** share


@wrong(exercises.scaled_rate, "never_below_base")  # a smaller batch keeps the base rate
def only_ever_up(step, batch_size, base_rate, base_batch_size, warmup_steps):
    target = max(base_rate, _target(batch_size, base_rate, base_batch_size))
    share = 1 if step >= warmup_steps else step / warmup_steps
    return base_rate + share * (target - base_rate)


@wrong(exercises.scaled_rate, "whole_multiples")  # integer division of the batch sizes
def whole_multiples_only(step, batch_size, base_rate, base_batch_size, warmup_steps):
    target = base_rate * (batch_size // base_batch_size)
    share = 1 if step >= warmup_steps else step / warmup_steps
    return base_rate + share * (target - base_rate)


@wrong(exercises.scaled_rate, "back_to_base")  # the warm-up over, the base rate again
def forgets_after_warmup(step, batch_size, base_rate, base_batch_size, warmup_steps):
    target = _target(batch_size, base_rate, base_batch_size)
    if step < warmup_steps:
        return base_rate + (target - base_rate) * step / warmup_steps
    return base_rate


@wrong(exercises.scaled_rate, "base_added")  # the whole target on top of the base rate
def adds_the_target(step, batch_size, base_rate, base_batch_size, warmup_steps):
    target = _target(batch_size, base_rate, base_batch_size)
    share = 1 if step >= warmup_steps else step / warmup_steps
    return base_rate + share * target


@right(exercises.scaled_rate)  # a weighted mean of the two rates
def weighted_mean(step, batch_size, base_rate, base_batch_size, warmup_steps):
    target = _target(batch_size, base_rate, base_batch_size)
    left = max(warmup_steps - step, 0) / max(warmup_steps, 1)
    return left * base_rate + (1 - left) * target


@right(exercises.scaled_rate)  # NumPy's interpolation
def interpolated(step, batch_size, base_rate, base_batch_size, warmup_steps):
    ends = [base_rate, base_rate * batch_size / base_batch_size]
    return np.interp(step, [0, warmup_steps], ends) if step < warmup_steps else ends[1]


@right(exercises.scaled_rate)  # a list of rates, one of which is picked
def picked_from_a_list(step, batch_size, base_rate, base_batch_size, warmup_steps):
    target = _target(batch_size, base_rate, base_batch_size)
    rates = torch.linspace(base_rate, target, warmup_steps + 1, dtype=torch.float64)
    rates[-1] = target
    return rates[min(step, warmup_steps)].item()


@right(exercises.scaled_rate)  # walks up step by step
def walks_up(step, batch_size, base_rate, base_batch_size, warmup_steps):
    target = _target(batch_size, base_rate, base_batch_size)
    if step >= warmup_steps:
        return target
    rate = base_rate
    for _ in range(step):
        rate += (target - base_rate) / warmup_steps
    return rate


# ---- AMSGrad


class _AMSGrad:
    """A right answer, which most of the wrong ones change in one place."""

    def __init__(self, params, lr=0.001, betas=(0.9, 0.999), eps=1e-8):
        self.params, self.lr, self.betas, self.eps = list(params), lr, betas, eps
        self.states = [self.new_state(p) for p in self.params]

    def new_state(self, p):
        return {
            "t": 0,
            "m": torch.zeros_like(p),
            "v": torch.zeros_like(p),
            "u": torch.zeros_like(p),
        }

    def update(self, state, grad):
        state["t"] += 1
        state["m"] = self.betas[0] * state["m"] + (1 - self.betas[0]) * grad
        state["v"] = self.betas[1] * state["v"] + (1 - self.betas[1]) * grad**2
        state["u"] = torch.maximum(state["u"], state["v"])

    def corrected(self, state):
        m = state["m"] / (1 - self.betas[0] ** state["t"])
        return m, state["u"] / (1 - self.betas[1] ** state["t"])

    def move(self, p, m, u):
        p -= self.lr * m / (u.sqrt() + self.eps)

    @torch.no_grad()
    def step(self):
        for p, state in zip(self.params, self.states, strict=True):
            if p.grad is not None:
                self.update(state, p.grad)
                self.move(p, *self.corrected(state))


@wrong(
    exercises.AMSGrad, "generator_used_up"
)  # keeps the generator, which is used up after the first step
class GeneratorUsedUp:
    def __init__(self, params, lr=0.001, betas=(0.9, 0.999), eps=1e-8):
        self.params, self.lr, self.betas, self.eps, self.states = params, lr, betas, eps, {}

    @torch.no_grad()
    def step(self):
        beta1, beta2 = self.betas
        for i, p in enumerate(self.params):
            t, m, v, u = self.states.get(i, (0, 0, 0, torch.zeros_like(p)))
            t, m = t + 1, beta1 * m + (1 - beta1) * p.grad
            v = beta2 * v + (1 - beta2) * p.grad**2
            u = torch.maximum(u, v)
            self.states[i] = t, m, v, u
            root = (u / (1 - beta2**t)).sqrt()
            p -= self.lr * m / (1 - beta1**t) / (root + self.eps)


@wrong(exercises.AMSGrad, "no_maximum")  # plain Adam: the maximum is never taken
class PlainAdam(_AMSGrad):
    def update(self, state, grad):
        super().update(state, grad)
        state["u"] = state["v"]


@wrong(exercises.AMSGrad, "maximum_after_correction")  # the maximum of the corrected v, not of v
class MaximumOfTheCorrected(_AMSGrad):
    def corrected(self, state):
        v_hat = state["v"] / (1 - self.betas[1] ** state["t"])
        state["top"] = torch.maximum(state.get("top", torch.zeros_like(v_hat)), v_hat)
        return state["m"] / (1 - self.betas[0] ** state["t"]), state["top"]


@wrong(
    exercises.AMSGrad, "maximum_kept_as_v"
)  # the maximum is written back into v, which then averages it
class MaximumGoesIntoV(_AMSGrad):
    def update(self, state, grad):
        super().update(state, grad)
        state["v"] = state["u"]


@wrong(exercises.AMSGrad, "wrong_value")  # the maximum with the previous v only, not all so far
class MaximumOfTheLastTwo(_AMSGrad):
    def update(self, state, grad):
        previous = state["v"]
        super().update(state, grad)
        state["u"] = torch.maximum(previous, state["v"])


@wrong(exercises.AMSGrad, "no_bias_correction")  # no bias correction at all
class WithoutCorrection(_AMSGrad):
    def corrected(self, state):
        return state["m"], state["u"]


@wrong(exercises.AMSGrad, "one_moment_corrected")  # u is not corrected, only m
class UnotCorrected(_AMSGrad):
    def corrected(self, state):
        return state["m"] / (1 - self.betas[0] ** state["t"]), state["u"]


@wrong(
    exercises.AMSGrad, "count_per_parameter"
)  # one counter moved on by every parameter instead of every step
class CountsParametersAsSteps(_AMSGrad):
    steps = 0

    def update(self, state, grad):
        self.steps += 1
        super().update(state, grad)
        state["count"] = self.steps

    def corrected(self, state):
        m = state["m"] / (1 - self.betas[0] ** state["count"])
        return m, state["u"] / (1 - self.betas[1] ** state["count"])


@wrong(exercises.AMSGrad, "wrong_value")  # t stays at 1: the correction never fades
class TimeStandsStill(_AMSGrad):
    def update(self, state, grad):
        super().update(state, grad)
        state["t"] = 1


@wrong(exercises.AMSGrad, "count_off_by_one")  # t is 0 in the first step: division by zero
class TimeFromZero(_AMSGrad):
    def new_state(self, p):
        return super().new_state(p) | {"t": -1}


@wrong(exercises.AMSGrad, "eps_inside_root")  # eps inside the square root
class EpsInsideTheRoot(_AMSGrad):
    def move(self, p, m, u):
        p -= self.lr * m / (u + self.eps).sqrt()


@wrong(exercises.AMSGrad, "betas_mistaken")  # the two betas are exchanged
class BetasExchanged(_AMSGrad):
    def __init__(self, params, lr=0.001, betas=(0.9, 0.999), eps=1e-8):
        super().__init__(params, lr, (betas[1], betas[0]), eps)


@wrong(exercises.AMSGrad, "betas_mistaken")  # the betas given are ignored
class BetasIgnored(_AMSGrad):
    def __init__(self, params, lr=0.001, betas=(0.9, 0.999), eps=1e-8):
        super().__init__(params, lr, eps=eps)


@wrong(
    exercises.AMSGrad, "not_moved"
)  # a new tensor bound to the loop variable: parameters never move
class NeverMoves(_AMSGrad):
    def move(self, p, m, u):
        p = p - self.lr * m / (u.sqrt() + self.eps)


@wrong(exercises.AMSGrad, "gradient_changed")  # scales the gradient in place on its way into m
class ChangesTheGradient(_AMSGrad):
    def update(self, state, grad):
        old = state["m"]
        super().update(state, grad)
        state["m"] = grad.mul_(1 - self.betas[0]).add_(self.betas[0] * old)


@wrong(exercises.AMSGrad, "gradient_changed")  # step clears the gradients
class ClearsTheGradients(_AMSGrad):
    def step(self):
        super().step()
        for p in self.params:
            p.grad = None


@wrong(exercises.AMSGrad, "raised")  # without no_grad: changing a leaf in place raises an error
class WithoutNoGrad(_AMSGrad):
    def step(self):
        for p, state in zip(self.params, self.states, strict=True):
            self.update(state, p.grad)
            self.move(p, *self.corrected(state))


@wrong(exercises.AMSGrad, "shared_state")  # one m, v and u shared by all parameters
class OneStateForAll(_AMSGrad):
    def __init__(self, params, lr=0.001, betas=(0.9, 0.999), eps=1e-8):
        super().__init__(params, lr, betas, eps)
        shared = {"t": 0, "m": 0, "v": 0, "u": torch.tensor(0.0)}
        self.states = [shared] * len(self.params)


@wrong(
    exercises.AMSGrad, "shared_state"
)  # the state lives in the class: a second optimizer goes on with it
class StateOfTheClass(_AMSGrad):
    shared = []

    def __init__(self, params, lr=0.001, betas=(0.9, 0.999), eps=1e-8):
        self.params, self.lr, self.betas, self.eps = list(params), lr, betas, eps
        if [s["m"].shape for s in self.shared] != [p.shape for p in self.params]:
            self.shared[:] = [self.new_state(p) for p in self.params]
        self.states = self.shared


@wrong(exercises.AMSGrad, "wrong_value")  # v averages |g| instead of g²
class AverageOfMagnitudes(_AMSGrad):
    def update(self, state, grad):
        state["t"] += 1
        state["m"] = self.betas[0] * state["m"] + (1 - self.betas[0]) * grad
        state["v"] = self.betas[1] * state["v"] + (1 - self.betas[1]) * grad.abs()
        state["u"] = torch.maximum(state["u"], state["v"])


@right(exercises.AMSGrad)  # torch's own Adam with amsgrad=True
class BuiltIn(torch.optim.Adam):
    def __init__(self, params, lr=0.001, betas=(0.9, 0.999), eps=1e-8):
        super().__init__(params, lr=lr, betas=betas, eps=eps, amsgrad=True)


@right(exercises.AMSGrad)  # a subclass of torch.optim.Optimizer
class ProperOptimizer(torch.optim.Optimizer):
    def __init__(self, params, lr=0.001, betas=(0.9, 0.999), eps=1e-8):
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state.update(t=0, m=p * 0, v=p * 0, u=p * 0)
                state["t"] += 1
                state["m"].lerp_(p.grad, 1 - beta1)
                state["v"].mul_(beta2).addcmul_(p.grad, p.grad, value=1 - beta2)
                torch.maximum(state["u"], state["v"], out=state["u"])
                m_hat = state["m"] / (1 - beta1 ** state["t"])
                u_hat = state["u"] / (1 - beta2 ** state["t"])
                p.sub_(group["lr"] * m_hat / (u_hat.sqrt() + group["eps"]))


@right(exercises.AMSGrad)  # parallel lists and p.data
class ParallelLists:
    def __init__(self, params, lr=0.001, betas=(0.9, 0.999), eps=1e-8):
        self.params = [*params]
        self.lr, self.eps = lr, eps
        self.beta1, self.beta2 = betas
        self.t = [0] * len(self.params)
        self.m, self.v, self.u = ([torch.zeros_like(p.data) for p in self.params] for _ in "mvu")

    def step(self):
        for i, p in enumerate(self.params):
            if p.grad is None:
                continue
            g = p.grad.detach()
            self.t[i] += 1
            self.m[i] = self.m[i] + (1 - self.beta1) * (g - self.m[i])
            self.v[i] = self.v[i] + (1 - self.beta2) * (g * g - self.v[i])
            self.u[i] = self.u[i].where(self.u[i] > self.v[i], self.v[i])
            rate = self.lr / (1 - self.beta1 ** self.t[i])
            root = self.u[i].sqrt() / (1 - self.beta2 ** self.t[i]) ** 0.5
            p.data.sub_(rate * self.m[i] / (root + self.eps))


@right(exercises.AMSGrad)  # state in a dict by parameter, float64 inside
class StateByParameter:
    def __init__(self, params, lr=0.001, betas=(0.9, 0.999), eps=1e-8):
        self.state = {p: [0, 0.0, 0.0, 0.0] for p in params}
        self.settings = lr, *betas, eps

    def step(self):
        lr, beta1, beta2, eps = self.settings
        for p, (t, m, v, u) in self.state.items():
            if p.grad is None:
                continue
            g = p.grad.detach().double()
            t, m, v = t + 1, beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g.square()
            u = v.clamp(min=torch.as_tensor(u, dtype=v.dtype))
            self.state[p] = [t, m, v, u]
            moved = lr * m / (1 - beta1**t) / ((u / (1 - beta2**t)).sqrt() + eps)
            with torch.no_grad():
                p.copy_(p.double() - moved)
