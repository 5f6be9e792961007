"""Answers to the exercises of optimizers_on_data."""

import math

import torch

from course_utils.exercises import optimizers_on_data as exercises

from . import right, wrong

# ---- batch_size_for_noise


@wrong(exercises.batch_size_for_noise, "sample_variance")
def divides_by_one_less(gradients, tolerance):
    wanted = (tolerance * gradients.mean(dim=0).norm()) ** 2
    return max(1, math.ceil(gradients.var(dim=0).sum() / wanted))


@wrong(exercises.batch_size_for_noise, "mean_distance")
def mean_distance_from_the_mean(gradients, tolerance):
    mean = gradients.mean(dim=0)
    distance = (gradients - mean).norm(dim=1).mean()
    return max(1, math.ceil((distance / (tolerance * mean.norm())) ** 2))


@wrong(exercises.batch_size_for_noise, "worst_parameter")
def every_parameter_by_itself(gradients, tolerance):
    mean, variance = gradients.mean(dim=0), gradients.var(dim=0, correction=0)
    return max(1, math.ceil((variance / (tolerance * mean) ** 2).max()))


@wrong(exercises.batch_size_for_noise, "root_missing")
def root_of_the_right_one(gradients, tolerance):
    mean = gradients.mean(dim=0)
    one = (gradients - mean).square().sum(dim=1).mean().sqrt()
    return max(1, math.ceil((one / (tolerance * mean.norm())).item()))


@right(exercises.batch_size_for_noise)
def a_tensor_of_one_number(gradients, tolerance):
    mean = gradients.mean(dim=0)
    ratio = (gradients - mean).norm() ** 2 / len(gradients) / mean.norm() ** 2
    return (ratio / tolerance**2).ceil().clamp(min=1)


# ---- scaled_rate


def _target(batch_size, base_rate, base_batch_size):
    return base_rate * batch_size / base_batch_size


@wrong(exercises.scaled_rate, "not_scaled")
def ignores_the_batch(step, batch_size, base_rate, base_batch_size, warmup_steps):
    return base_rate


@wrong(exercises.scaled_rate, "one_step_behind")
def starts_one_step_late(step, batch_size, base_rate, base_batch_size, warmup_steps):
    target = _target(batch_size, base_rate, base_batch_size)
    if step > warmup_steps:
        return target
    return base_rate + (target - base_rate) * max(step - 1, 0) / max(warmup_steps, 1)


@wrong(exercises.scaled_rate, "step_off_by_one")
def there_one_step_early(step, batch_size, base_rate, base_batch_size, warmup_steps):
    target = _target(batch_size, base_rate, base_batch_size)
    share = min((step + 1) / max(warmup_steps, 1), 1)
    return base_rate + share * (target - base_rate)


@wrong(exercises.scaled_rate, "warms_from_zero")
def from_nothing(step, batch_size, base_rate, base_batch_size, warmup_steps):
    target = _target(batch_size, base_rate, base_batch_size)
    return target if step >= warmup_steps else step * target / warmup_steps


@right(exercises.scaled_rate)
def as_a_multiple_of_the_base(step, batch_size, base_rate, base_batch_size, warmup_steps):
    k = batch_size / base_batch_size
    if step < warmup_steps:
        k = 1 + (k - 1) * step / warmup_steps
    return k * base_rate


# ---- AMSGrad


class _Base:
    """A right AMSGrad from which each of the others departs in one place."""

    def __init__(self, params, lr=0.001, betas=(0.9, 0.999), eps=1e-8):
        self.params, self.lr, self.betas, self.eps, self.t = list(params), lr, betas, eps, 0
        self.m = [torch.zeros_like(p) for p in self.params]
        self.v = [torch.zeros_like(p) for p in self.params]
        self.u = [torch.zeros_like(p) for p in self.params]

    def second_moment(self, i, squared):
        self.v[i] = self.betas[1] * self.v[i] + (1 - self.betas[1]) * squared
        self.u[i] = torch.maximum(self.u[i], self.v[i])
        return self.u[i] / (1 - self.betas[1] ** self.t)

    def move(self, param, change):
        param -= change

    @torch.no_grad()
    def step(self):
        self.t += 1
        for i, param in enumerate(self.params):
            self.m[i] = self.betas[0] * self.m[i] + (1 - self.betas[0]) * param.grad
            m = self.m[i] / (1 - self.betas[0] ** self.t)
            root = self.second_moment(i, param.grad**2).sqrt() + self.eps
            self.move(param, self.lr * m / root)


@wrong(exercises.AMSGrad, "gradient_changed")
class ChangesTheGradient(_Base):
    @torch.no_grad()
    def step(self):
        super().step()
        for param in self.params:
            param.grad.mul_(self.lr)


@wrong(exercises.AMSGrad, "shared_state")
class OneStateForAll(_Base):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.m, self.v, self.u = ({i: torch.tensor(0.0) for i in range(99)} for _ in range(3))

    @torch.no_grad()
    def step(self):
        self.t += 1
        for param in self.params:
            self.m[0] = self.betas[0] * self.m[0] + (1 - self.betas[0]) * param.grad
            u = self.second_moment(0, param.grad**2)
            m = self.m[0] / (1 - self.betas[0] ** self.t)
            param -= self.lr * m / (u.sqrt() + self.eps)


@wrong(exercises.AMSGrad, "generator_used_up")
class ZipsStrictly(_Base):
    def __init__(self, params, **settings):
        super().__init__([], **settings)
        self.raw = params
        self.states = [_Base([p], **settings) for p in params]

    def step(self):
        for _, state in zip(self.raw, self.states, strict=True):
            state.step()


@wrong(exercises.AMSGrad, "raised")
class ForgetsNoGrad(_Base):
    step = _Base.step.__wrapped__


@right(exercises.AMSGrad)
class WritesTheData(_Base):
    def move(self, param, change):
        param.data = param.data - change


@right(exercises.AMSGrad)
class InPlaceOnItsOwnStateKeyedByTensor:
    def __init__(self, params, lr=0.001, betas=(0.9, 0.999), eps=1e-8):
        self.params, self.lr, self.betas, self.eps = [*params], lr, betas, eps
        self.state = {}

    def step(self):
        b1, b2 = self.betas
        for param in self.params:
            grad = param.grad.detach().clone()
            s = self.state.setdefault(param, {"t": 0, "m": grad * 0, "v": grad * 0, "u": grad * 0})
            s["t"] += 1
            s["m"].lerp_(grad, 1 - b1)
            s["v"].mul_(b2).add_(grad.square(), alpha=1 - b2)
            s["u"].copy_(torch.max(s["u"], s["v"]))
            scale = (1 - b2 ** s["t"]) ** 0.5
            with torch.no_grad():
                denominator = s["u"].sqrt().div_(scale).add_(self.eps)
                param.addcdiv_(s["m"], denominator, value=-self.lr / (1 - b1 ** s["t"]))


@right(exercises.AMSGrad)
class TorchItself:
    def __init__(self, params, **settings):
        self.optimizer = torch.optim.Adam(params, amsgrad=True, **settings)

    def step(self):
        self.optimizer.step()
        return 0.0
