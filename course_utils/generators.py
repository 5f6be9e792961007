"""Whatever code under test draws from, put back afterwards: a trial that leaves no trace."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np
import torch


@contextmanager
def generators_kept(*loaders: Any) -> Iterator[None]:
    """What is drawn within the block leaves no trace: all generators are put back afterwards.

    Those of torch, NumPy and ``random``, and those that ``loaders`` hold, also in what they are made
    of: their samplers and datasets, a loader that they wrap.
    """
    before = [
        (put_back, generator, take(generator))
        for generator in _generators_in(loaders, set())
        for kind, (take, put_back) in _STATES.items()
        if isinstance(generator, kind)
    ]
    numpy_state, python_state = np.random.get_state(), random.getstate()  # noqa: NPY002
    with torch.random.fork_rng():
        try:
            yield
        finally:
            np.random.set_state(numpy_state)  # noqa: NPY002
            random.setstate(python_state)
            for put_back, generator, state in before:
                put_back(generator, state)


#: Kind of generator -> how its state is taken, and put back.
_STATES: dict[type, tuple[Callable[[Any], Any], Callable[[Any, Any], None]]] = {
    torch.Generator: (torch.Generator.get_state, torch.Generator.set_state),
    np.random.Generator: (
        lambda generator: generator.bit_generator.state,
        lambda generator, state: setattr(generator.bit_generator, "state", state),
    ),
    np.random.RandomState: (np.random.RandomState.get_state, np.random.RandomState.set_state),
    random.Random: (random.Random.getstate, random.Random.setstate),
}


def _generators_in(place: Any, seen: set[int], depth: int = 8) -> Iterator[Any]:
    """Every generator among the attributes of ``place`` and of what they hold, or in short lists."""
    if id(place) in seen or depth == 0:
        return
    seen.add(id(place))
    parts: list[Any] = []
    if isinstance(place, tuple(_STATES)):
        yield place
    elif type(place) in (list, tuple, dict):  # a loader may be of a class made of them
        parts = list(place.values() if isinstance(place, dict) else place)
        parts = parts if len(parts) <= 100 else []  # more are data
    elif not isinstance(place, torch.Tensor | torch.nn.Module | ModuleType | type):
        parts = list(getattr(place, "__dict__", {}).values())
    for part in parts:
        yield from _generators_in(part, seen, depth - 1)
