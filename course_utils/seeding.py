"""Randomness under control: a seed is an argument, and what it governs ends with the ``with`` block."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np
import torch


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Within the block, torch, NumPy and ``random`` draw from ``seed``; afterwards they go on as before.

    For what has no ``generator`` argument of its own: initialization and dropout draw from torch's
    global generator. Raises ValueError unless ``seed`` is an integer in [0, 2**32).
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 2**32:
        raise ValueError(
            f"seed must be an integer in [0, 2**32), got {seed!r}; of a number or a tensor, int(...) "
            "makes one, and seed % 2**32 brings any integer into range"
        )
    numpy_state, python_state = np.random.get_state(), random.getstate()  # noqa: NPY002
    with torch.random.fork_rng(devices=None if _has_accelerator() else []):
        try:
            if _has_accelerator():
                torch.manual_seed(int(seed))
            else:
                torch.default_generator.manual_seed(int(seed))  # hundreds of times faster
            np.random.seed(int(seed))  # noqa: NPY002
            random.seed(int(seed))
            yield
        finally:
            np.random.set_state(numpy_state)  # noqa: NPY002
            random.setstate(python_state)


@cache
def _has_accelerator() -> bool:
    """Asked once a process: a thousand small networks are seeded a thousand times."""
    return torch.accelerator.is_available()


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


@contextmanager
def deterministic(num_threads: int = 1) -> Iterator[None]:
    """Within the block, the same seed gives the same bits.

    One thread, because the order in which threads add up floats changes the last digits; and only
    algorithms that torch guarantees to repeat themselves. Both settings are restored afterwards.
    """
    if not isinstance(num_threads, int | np.integer) or num_threads < 1:
        raise ValueError(f"num_threads must be an integer of at least 1, got {num_threads!r}")
    threads_before = torch.get_num_threads()
    mode_before = torch.get_deterministic_debug_mode()
    try:
        torch.set_num_threads(int(num_threads))
        torch.set_deterministic_debug_mode("warn")
        yield
    finally:
        torch.set_num_threads(threads_before)
        torch.set_deterministic_debug_mode(mode_before)
