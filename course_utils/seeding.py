"""Randomness under control: a seed is an argument, and what it governs ends with the ``with`` block."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
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

    Those of torch, NumPy and ``random``, and those of ``loaders`` and their samplers.
    """
    places = []
    for loader in loaders:
        batch_sampler = getattr(loader, "batch_sampler", None)
        sampler = getattr(batch_sampler, "sampler", None)
        places += [loader, getattr(loader, "sampler", None), batch_sampler, sampler]
    found = [getattr(place, "generator", None) for place in places]
    generators = [generator for generator in found if isinstance(generator, torch.Generator)]
    states = [generator.get_state() for generator in generators]
    numpy_state, python_state = np.random.get_state(), random.getstate()  # noqa: NPY002
    with torch.random.fork_rng():
        try:
            yield
        finally:
            np.random.set_state(numpy_state)  # noqa: NPY002
            random.setstate(python_state)
            for generator, state in zip(generators, states, strict=True):
                generator.set_state(state)


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
