"""Six update rules, each equal to its namesake in ``torch.optim``.

An optimizer is used as ``params = optimizer.step(params, grads, learning_rate)``: dicts from name to
array go in, a new dict comes out, and nothing that went in is written to. What a rule remembers between
steps belongs to the optimizer, so one optimizer serves one model. The learning rate is an argument,
because it changes from step to step. Parameters keep their dtype.

In the rules, θ is one parameter array, g its gradient, η the learning rate; what the rule remembers of
this array stands in ``memory``, which is empty before the first step.
"""

from collections.abc import Mapping

import numpy as np

from course_utils.numpy_track.checks import NonFiniteError, check_number

Memory = dict[str, np.ndarray | int]


class Optimizer:
    """What all rules share: checks, one memory a parameter, and no change at all if a step fails."""

    def __init__(self) -> None:
        self._memories: dict[str, Memory] = {}

    def step(
        self,
        params: Mapping[str, np.ndarray],
        grads: Mapping[str, np.ndarray],
        learning_rate: float,
    ) -> dict[str, np.ndarray]:
        """The parameters after one step. ``grads`` has the names and shapes of ``params``.

        Raises ValueError if they do not fit each other or an earlier step, and NonFiniteError (a
        ValueError) if a gradient, or what becomes of it, is NaN or infinite.
        """
        check_number("learning_rate", learning_rate, low=0)
        self._check_names_and_shapes(params, grads)
        memories = {name: dict(self._memories.get(name, {})) for name in params}
        moved = {}
        for name, theta in params.items():
            theta, g = np.asarray(theta), np.asarray(grads[name])
            _check_finite(g, f"the gradient of {name!r}")
            with np.errstate(over="ignore", invalid="ignore"):
                new_theta = self._rule(theta, g, learning_rate, memories[name]).astype(theta.dtype)
            _check_finite(new_theta, f"parameter {name!r} after the step")
            for kept in memories[name].values():
                _check_finite(kept, f"what the optimizer remembers of {name!r}")
            moved[name] = new_theta
        self._memories = memories
        return moved

    def _rule(self, theta: np.ndarray, g: np.ndarray, lr: float, memory: Memory) -> np.ndarray:
        raise NotImplementedError

    def _check_names_and_shapes(self, params: Mapping, grads: Mapping) -> None:
        if set(params) != set(grads):
            raise ValueError(
                "grads must have the names of the parameters; "
                f"missing: {sorted(set(params) - set(grads))}, "
                f"unknown: {sorted(set(grads) - set(params))}"
            )
        for name, theta in params.items():
            shape, dtype = np.shape(theta), np.asarray(theta).dtype
            if dtype.kind != "f":
                raise ValueError(f"parameter {name!r} must hold floats, got dtype {dtype}")
            if np.shape(grads[name]) != shape:
                raise ValueError(
                    f"the gradient of {name!r} must have the parameter's shape {shape}, got "
                    f"{np.shape(grads[name])}"
                )
            for remembered in self._memories.get(name, {}).values():
                if np.ndim(remembered) and np.shape(remembered) != shape:
                    raise ValueError(
                        f"this optimizer has moved another {name!r}, of shape "
                        f"{np.shape(remembered)} instead of {shape}; make a new one for a new model"
                    )


class SGD(Optimizer):
    """θ ← θ - η g (Robbins and Monro 1951, "A stochastic approximation method")."""

    def _rule(self, theta, g, lr, memory):
        return theta - lr * g


class Momentum(Optimizer):
    """v ← μ v + g, θ ← θ - η v: a ball that keeps rolling. momentum: μ in [0, 1).

    Polyak 1964, "Some methods of speeding up the convergence of iteration methods".
    """

    def __init__(self, momentum: float = 0.9) -> None:
        super().__init__()
        self.momentum = check_number("momentum", momentum, 0, 1, high_open=True)

    def _rule(self, theta, g, lr, memory):
        memory["v"] = self.momentum * memory.get("v", 0) + g
        return theta - lr * memory["v"]


class Nesterov(Momentum):
    """v ← μ v + g, θ ← θ - η (g + μ v): momentum that looks one roll ahead, in PyTorch's form.

    Sutskever, Martens, Dahl and Hinton 2013, "On the importance of initialization and momentum in
    deep learning", have the rate inside the velocity; after Nesterov 1983.
    """

    def _rule(self, theta, g, lr, memory):
        memory["v"] = self.momentum * memory.get("v", 0) + g
        return theta - lr * (g + self.momentum * memory["v"])


class RMSprop(Optimizer):
    """s ← α s + (1 - α) g², θ ← θ - η g / (√s + ε). alpha: α in [0, 1).

    Tieleman and Hinton 2012, "Lecture 6.5, RMSProp", Coursera: Neural Networks for Machine Learning.
    """

    def __init__(self, alpha: float = 0.99, eps: float = 1e-8) -> None:
        super().__init__()
        self.alpha = check_number("alpha", alpha, 0, 1, high_open=True)
        self.eps = check_number("eps", eps, 0, low_open=True)

    def _rule(self, theta, g, lr, memory):
        memory["s"] = self.alpha * memory.get("s", 0) + (1 - self.alpha) * g**2
        return theta - lr * g / (np.sqrt(memory["s"]) + self.eps)


class Adam(Optimizer):
    """m ← β₁ m + (1 - β₁) g, s ← β₂ s + (1 - β₂) g², θ ← θ - η m̂ / (√ŝ + ε).

    Kingma and Ba 2015, "Adam: a method for stochastic optimization", arXiv:1412.6980.

    m and s begin at 0, so after t steps they are too small by the factors 1 - β₁ᵗ and 1 - β₂ᵗ;
    m̂ and ŝ are corrected for that. betas: (β₁, β₂), both in [0, 1).
    """

    def __init__(self, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8) -> None:
        super().__init__()
        if not isinstance(betas, tuple | list) or len(betas) != 2:
            raise ValueError(f"betas must be a pair of numbers in [0, 1), got {betas!r}")
        self.betas = tuple(check_number("betas", beta, 0, 1, high_open=True) for beta in betas)
        self.eps = check_number("eps", eps, 0, low_open=True)

    def _rule(self, theta, g, lr, memory):
        beta1, beta2 = self.betas
        memory["t"] = memory.get("t", 0) + 1
        memory["m"] = beta1 * memory.get("m", 0) + (1 - beta1) * g
        memory["s"] = beta2 * memory.get("s", 0) + (1 - beta2) * g**2
        m_hat = memory["m"] / (1 - beta1 ** memory["t"])
        s_hat = memory["s"] / (1 - beta2 ** memory["t"])
        return theta - lr * m_hat / (np.sqrt(s_hat) + self.eps)


class AdamW(Adam):
    """θ ← (1 - η λ) θ, then Adam: the decay bypasses the gradient.

    Loshchilov and Hutter 2019, "Decoupled weight decay regularization", arXiv:1711.05101. The share
    η λ is PyTorch's; in the paper λ is multiplied by the schedule's factor, not by the base rate.
    """

    def __init__(
        self,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(betas, eps)
        self.weight_decay = check_number("weight_decay", weight_decay, low=0)

    def _rule(self, theta, g, lr, memory):
        return super()._rule((1 - lr * self.weight_decay) * theta, g, lr, memory)


def _check_finite(values: np.ndarray | int, name: str) -> None:
    if not np.isfinite(values).all():
        raise NonFiniteError(f"{name} is NaN or infinite")
