"""Solutions of the lesson optimizers_on_data, from which `make notebooks` generates this file."""

import math

import torch


def batch_size_for_noise(gradients, tolerance):
    """The smallest batch whose noise is at most tolerance (above 0) mean gradients; gradients (N, P)."""
    mean = gradients.mean(dim=0)
    noise = (gradients - mean).square().sum(dim=1).mean()  # squared, of a batch of one
    return max(1, math.ceil(noise / (tolerance * mean.norm()) ** 2))


def scaled_rate(step, batch_size, base_rate, base_batch_size, warmup_steps):
    """The rate at a step (from 0): linear scaling with a gradual warm-up (Goyal et al. 2017)."""
    target = base_rate * batch_size / base_batch_size
    if step >= warmup_steps:
        return target
    return base_rate + (target - base_rate) * step / warmup_steps


class AMSGrad:
    """Adam whose second moment never shrinks, over a list of parameters (Reddi et al. 2018)."""

    def __init__(self, params, lr=0.001, betas=(0.9, 0.999), eps=1e-8):
        self.params, self.lr, self.betas, self.eps, self.t = list(params), lr, betas, eps, 0
        self.states = [{name: torch.zeros_like(p) for name in "mvu"} for p in self.params]

    @torch.no_grad()
    def step(self):
        """Move every parameter in place by its gradient."""
        self.t += 1
        (beta1, beta2), t = self.betas, self.t
        for param, state in zip(self.params, self.states, strict=True):
            state["m"] = beta1 * state["m"] + (1 - beta1) * param.grad
            state["v"] = beta2 * state["v"] + (1 - beta2) * param.grad**2
            state["u"] = torch.maximum(state["u"], state["v"])
            m_hat, u_hat = state["m"] / (1 - beta1**t), state["u"] / (1 - beta2**t)
            param -= self.lr * m_hat / (u_hat.sqrt() + self.eps)
