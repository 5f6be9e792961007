"""Back-propagation for any function of NumPy arrays: automatic differentiation on one page.

    >>> W, x = Tensor([[2.0, -1.0]]), Tensor([[3.0], [4.0]])
    >>> loss = ((W @ x).relu() ** 2).sum()
    >>> loss.backward()
    >>> W.grad
    array([[12., 16.]])

An operation notes which tensors it was computed from, and for each what share of a gradient is theirs:
that is all the calculus there is, one line an operation. ``backward`` walks from the loss to the start
and knows two rules: at a fork gradients add, and what broadcasting repeated is summed again.

This is reverse mode (Linnainmaa 1970; Rumelhart, Hinton and Williams 1986 for networks; surveyed by
Baydin, Pearlmutter, Radul and Siskind 2018, arXiv:1502.05767), as PyTorch does it, without the speed.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

#: What a gradient that arrives at a result, in the result's shape, gives to one of its operands.
Share = Callable[[np.ndarray], np.ndarray]


def unbroadcast(grad: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The gradient of an array of this shape, of which broadcasting made one of ``grad.shape``.

    A number that was used in several places is a fork: its gradients are added up.

    >>> unbroadcast(np.ones((5, 3)), (3,))
    array([5., 5., 5.])
    """
    grad = grad.sum(axis=tuple(range(grad.ndim - len(shape))))  # axes that were put in front
    return grad.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True)


def as_tensor(value: "Tensor | ArrayLike") -> "Tensor":
    """The tensor itself, or one made of a number or an array."""
    return value if isinstance(value, Tensor) else Tensor(value)


def add(a: "Tensor | ArrayLike", b: "Tensor | ArrayLike") -> "Tensor":
    """``a + b``, broadcast: both are given the gradient as it comes."""
    a, b = as_tensor(a), as_tensor(b)
    return Tensor(a.data + b.data, [(a, lambda g: g), (b, lambda g: g)])


def multiply(a: "Tensor | ArrayLike", b: "Tensor | ArrayLike") -> "Tensor":
    """``a * b``, element by element and broadcast: each is given the gradient times the other."""
    a, b = as_tensor(a), as_tensor(b)
    return Tensor(a.data * b.data, [(a, lambda g: g * b.data), (b, lambda g: g * a.data)])


def matmul(a: "Tensor | ArrayLike", b: "Tensor | ArrayLike") -> "Tensor":
    """``a @ b`` of two matrices, (N, D) and (D, K); ValueError for arrays of other dimensions."""
    a, b = as_tensor(a), as_tensor(b)
    if a.data.ndim != 2 or b.data.ndim != 2:
        shapes = f"{a.data.shape} and {b.data.shape}"
        raise ValueError(
            f"@ takes two matrices, got shapes {shapes}; make a vector (1, D) or (D, 1)"
        )
    return Tensor(a.data @ b.data, [(a, lambda g: g @ b.data.T), (b, lambda g: a.data.T @ g)])


def total(a: "Tensor", axis: int | None = None, keepdims: bool = False) -> "Tensor":
    """The sum over one axis, or over all: each number that was added is given the whole gradient."""
    kept = a.data.sum(axis=axis, keepdims=True)
    values = kept if keepdims else a.data.sum(axis=axis)
    return Tensor(values, [(a, lambda g: g.reshape(kept.shape) * np.ones_like(a.data))])


def mean(a: "Tensor", axis: int | None = None, keepdims: bool = False) -> "Tensor":
    """The mean over one axis, or over all."""
    summed = total(a, axis, keepdims)
    return summed * (summed.data.size / a.data.size)


def negative(a: "Tensor | ArrayLike") -> "Tensor":
    """``-a``; made of another operation, it needs no rule."""
    return multiply(a, -1)


def subtract(a: "Tensor | ArrayLike", b: "Tensor | ArrayLike") -> "Tensor":
    """``a - b``, broadcast; made of other operations as well."""
    return add(a, negative(b))


def power(a: "Tensor", n: float) -> "Tensor":
    """``a ** n`` with a number as exponent."""
    return Tensor(a.data**n, [(a, lambda g: g * n * a.data ** (n - 1))])


def divide(a: "Tensor | ArrayLike", b: "Tensor | ArrayLike") -> "Tensor":
    """``a / b``, element by element and broadcast; made of other operations as well."""
    return multiply(a, power(as_tensor(b), -1))


def exp(a: "Tensor") -> "Tensor":
    """e to the a."""
    values = np.exp(a.data)
    return Tensor(values, [(a, lambda g: g * values)])


def log(a: "Tensor") -> "Tensor":
    """The natural logarithm."""
    return Tensor(np.log(a.data), [(a, lambda g: g / a.data)])


def relu(a: "Tensor") -> "Tensor":
    """max(a, 0); at 0 itself, where the slope could be anything from 0 to 1, it is 0."""
    return Tensor(np.maximum(a.data, 0), [(a, lambda g: g * (a.data > 0))])


class Tensor:
    """A float64 array that remembers how it was computed, and is told by ``backward`` its gradient.

    Args:
        data: numbers, copied.
        parents: of a result, its operands and their shares; nobody but the operations gives them.

    Attributes:
        data: the numbers, any shape. Between an operation and ``backward`` they must not change.
        grad: what ``backward`` found, the same shape; it adds up over calls, so set it to 0 in between.
    """

    __array_ufunc__ = None  # NumPy leaves array + tensor to __radd__

    def __init__(self, data: ArrayLike, parents: Sequence[tuple["Tensor", Share]] = ()) -> None:
        self.data = np.array(data, dtype=float)
        self.grad = np.zeros_like(self.data)
        self.parents = parents
        self.depth: int = 1 + max((parent.depth for parent, _ in parents), default=0)

    def backward(self) -> None:
        """Add to every ``grad`` on the way the gradient of this tensor (of its sum, if it holds many)."""
        waiting = {self: np.ones_like(self.data)}  # tensor -> what has arrived so far
        while waiting:
            tensor = max(waiting, key=lambda t: t.depth)  # whatever uses it is deeper, and done
            grad = waiting.pop(tensor)
            tensor.grad = tensor.grad + grad
            for parent, share in tensor.parents:
                arrived = unbroadcast(share(grad), parent.data.shape)
                waiting[parent] = waiting.get(parent, 0) + arrived  # at a fork gradients add

    __add__ = __radd__ = add
    __mul__ = __rmul__ = multiply
    __matmul__, __pow__ = matmul, power
    __neg__, __sub__, __truediv__ = negative, subtract, divide
    sum, mean, exp, log, relu = total, mean, exp, log, relu

    def __rsub__(self, other: ArrayLike) -> "Tensor":
        return subtract(other, self)

    def __rtruediv__(self, other: ArrayLike) -> "Tensor":
        return divide(other, self)
