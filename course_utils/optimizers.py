"""Update rules written out: one step for one tensor, each equal to its namesake in ``torch.optim``.

A rule takes a parameter, its gradient and the ``state`` that it keeps for this one parameter (a dict,
empty before the first step), and returns the new parameter; neither tensor is written to. The rules
work element by element, so the learning rate and every other setting may be tensors that broadcast: one call
then runs many settings side by side.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

State = dict[str, Tensor | int]


def sgd_step(param: Tensor, grad: Tensor, state: State, lr: float) -> Tensor:
    """Gradient descent: the new parameter.

    Robbins and Monro 1951, "A stochastic approximation method".

    Args:
        param: the parameter, any shape; it is not written to.
        grad: its gradient, of that shape.
        state: is left as it is.
        lr: learning rate, above 0.
    """
    return param - lr * grad


def momentum_step(
    param: Tensor, grad: Tensor, state: State, lr: float, momentum: float = 0.9
) -> Tensor:
    """Heavy-ball momentum as PyTorch has it: the learning rate stands outside the velocity.

    Polyak 1964, "Some methods of speeding up the convergence of iteration methods".

    Args:
        param: the parameter, any shape; it is not written to.
        grad: its gradient, of that shape.
        state: keeps ``"velocity"``.
        lr: learning rate, above 0.
        momentum: share of the velocity that stays, 0 to 1.

    >>> state = {}
    >>> param = momentum_step(torch.tensor([1.0]), torch.tensor([2.0]), state, lr=0.1)
    >>> momentum_step(param, torch.tensor([2.0]), state, lr=0.1)
    tensor([0.4200])
    """
    state["velocity"] = momentum * state.get("velocity", 0) + grad
    return param - lr * state["velocity"]


def rmsprop_step(
    param: Tensor, grad: Tensor, state: State, lr: float, alpha: float = 0.99, eps: float = 1e-8
) -> Tensor:
    """The gradient over its running root mean square.

    Tieleman and Hinton 2012, "Lecture 6.5, RMSProp", Coursera: Neural Networks for Machine Learning.

    Args:
        param: the parameter, any shape; it is not written to.
        grad: its gradient, of that shape.
        state: keeps ``"v"``, the running mean of the squares.
        lr: learning rate, above 0.
        alpha: share of ``v`` that stays, 0 to 1.
        eps: added to the root.
    """
    state["v"] = alpha * state.get("v", 0) + (1 - alpha) * grad**2
    return param - lr * grad / (state["v"].sqrt() + eps)


def adam_step(
    param: Tensor,
    grad: Tensor,
    state: State,
    lr: float,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
) -> Tensor:
    """Momentum over root mean square, both corrected for their start at 0.

    Kingma and Ba 2015, "Adam: a method for stochastic optimization", arXiv:1412.6980.

    Args:
        param: the parameter, any shape; it is not written to.
        grad: its gradient, of that shape.
        state: keeps ``"m"``, ``"v"`` and ``"t"``, the number of steps.
        lr: learning rate, above 0.
        betas: shares of ``m`` and ``v`` that stay, 0 to 1.
        eps: added to the root.
    """
    beta1, beta2 = betas
    state["t"] = state.get("t", 0) + 1
    state["m"] = beta1 * state.get("m", 0) + (1 - beta1) * grad
    state["v"] = beta2 * state.get("v", 0) + (1 - beta2) * grad**2
    m_hat = state["m"] / (1 - beta1 ** state["t"])
    v_hat = state["v"] / (1 - beta2 ** state["t"])
    return param - lr * m_hat / (v_hat.sqrt() + eps)


def adamw_step(
    param: Tensor,
    grad: Tensor,
    state: State,
    lr: float,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.01,
) -> Tensor:
    """Adam with decoupled decay: the parameter shrinks by itself, and the gradient has no part in it.

    Loshchilov and Hutter 2019, "Decoupled weight decay regularization", arXiv:1711.05101. The share
    ``lr * weight_decay`` is PyTorch's; in the paper the decay is multiplied by the schedule's factor
    alone, and not by the base rate.

    Args:
        param: the parameter, any shape; it is not written to.
        grad: its gradient, of that shape.
        state: as in ``adam_step``.
        lr: learning rate, above 0.
        betas: as there.
        eps: as there.
        weight_decay: the parameter shrinks by ``lr * weight_decay`` of itself per step.
    """
    shrunk = (1 - lr * weight_decay) * param
    return adam_step(shrunk, grad, state, lr, betas, eps)


@torch.no_grad()
def apply_step(
    step: Callable[..., Tensor], params: Sequence[Tensor], states: Sequence[State], **settings
) -> None:
    """Move every parameter in place by its own ``.grad`` and its own state: one optimizer step.

    Args:
        step: one of the rules above.
        params: tensors with a ``.grad``.
        states: one dict per parameter, each empty before the first step.
        **settings: ``lr`` and what else the rule takes.
    """
    for param, state in zip(params, states, strict=True):
        param.copy_(step(param, param.grad, state, **settings))
