"""Copies of a model, its optimizer and its loss, to try something on and leave the originals alone."""

import copy
from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer


def copies(*originals: Any) -> tuple[Any, ...]:
    """Deep copies that belong to each other as the originals do.

    An optimizer that holds the model's parameters holds those of the copy. Two things are done that
    ``copy.deepcopy`` alone does not do: a tensor that remembers how it was computed (an output that a
    model keeps) is copied without its memory; and what an optimizer of one's own holds beside its
    groups and their state is copied too. Hooks of a module are copied, and they fire on the copy as
    well: one that writes into a list of yours writes there.
    Raises ValueError if something cannot be copied.
    """
    memo: dict[int, Any] = {}
    for whole in originals:
        for module in whole.modules() if isinstance(whole, nn.Module) else ():
            for tensor in _tensors_in(vars(module)):
                if not tensor.is_leaf:
                    memo[id(tensor)] = tensor.detach().clone()
    copied = []
    for original in originals:
        try:
            copied.append(copy.deepcopy(original, memo))
            if isinstance(original, Optimizer):
                lost = {k: v for k, v in vars(original).items() if k not in vars(copied[-1])}
                lost.pop("step", None)  # set there by a scheduler, and bound to the original
                vars(copied[-1]).update(copy.deepcopy(lost, memo))
        except Exception as error:
            raise ValueError(
                f"this works on copies, and this {type(original).__name__} cannot be copied "
                f"({error}); take off what it holds beside tensors and numbers, such as files, "
                "locks or generators, or give its class a __deepcopy__"
            ) from error
    return tuple(copied)


def _tensors_in(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        yield from _tensors_in(list(value.values()))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _tensors_in(part)
