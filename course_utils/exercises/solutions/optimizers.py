"""Solutions of the lesson optimizers, from which `make notebooks` generates this file."""

import torch


def largest_stable_rate(hessian):
    """The rate above which gradient descent on the quadratic with this Hessian (n, n) diverges."""
    return 2 / torch.linalg.eigvalsh(hessian).max()


def nesterov_step(param, grad, velocity, lr, momentum):
    """(new parameter, new velocity) of Nesterov's momentum as PyTorch has it."""
    velocity = momentum * velocity + grad
    return param - lr * (grad + momentum * velocity), velocity


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


def sgdw_step(param, grad, velocity, lr, momentum, weight_decay):
    """(new parameter, new velocity) of momentum with decoupled decay (Loshchilov, Hutter 2019)."""
    velocity = momentum * velocity + grad
    return param - lr * velocity - lr * weight_decay * param, velocity
