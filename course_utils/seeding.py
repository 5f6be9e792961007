"""Randomness under control: a seed is an argument, and all chance of the course comes from here.

``generator(seed)`` is for torch, ``rng(seed)`` for NumPy, and ``with seeded(seed):`` for what draws
from global generators. The environment variable ``COURSE_SEED_OFFSET`` repeats a whole experiment
with other seeds: it shifts the seeds of all three, in every lesson and every worker process.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

#: From one offset to the next: 2**32 divided by the golden ratio, made odd. Multiples of it lie as
#: evenly on the circle of 2**32 seeds as can be, so blocks of seeds stay far from each other.
STRIDE = 2_654_435_769


def seed_offset() -> int:
    """Which block of seeds is drawn from: ``COURSE_SEED_OFFSET``, 0 if it is not set.

    Raises ValueError if the variable is no whole number from 0 up.
    """
    given = os.environ.get("COURSE_SEED_OFFSET") or "0"
    if not (given.isascii() and given.isdigit()):
        raise ValueError(
            "the environment variable COURSE_SEED_OFFSET must be a whole number from 0 up, such as 1, "
            f"got {given!r}; set it to one, or to 0 for the course's own seeds"
        )
    return int(given)


def shifted(seed: int) -> int:
    """``seed`` in the block that ``COURSE_SEED_OFFSET`` names, in [0, 2**32); at offset 0 itself.

    For what takes a number, such as ``random_state``; the other functions shift by themselves. Any
    two offsets from 0 to 900 give different numbers for all seeds below three million.
    Raises ValueError unless ``seed`` is an integer in [0, 2**32).
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 2**32:
        raise ValueError(
            f"seed must be an integer in [0, 2**32), got {seed!r}; of a number or a tensor, int(...) "
            "makes one, and seed % 2**32 brings any integer into range"
        )
    return (int(seed) + seed_offset() * STRIDE) % 2**32


def generator(seed: int) -> torch.Generator:
    """A generator for torch's ``generator=``: ``torch.Generator().manual_seed(seed)``, shifted.

    Raises ValueError unless ``seed`` is an integer in [0, 2**32).

    >>> import torch
    >>> first, second = (torch.rand(3, generator=generator(7)) for _ in range(2))
    >>> bool((first == second).all())
    True
    """
    import torch

    return torch.Generator().manual_seed(shifted(seed))


def rng(seed: int | Sequence[int] | None) -> np.random.Generator:
    """A generator for NumPy: ``np.random.default_rng(seed)``, shifted.

    seed: an integer from 0 up, or several; None draws a fresh, unrepeatable one. The offset becomes
    the spawn key, which is how NumPy makes independent streams of one seed. Raises ValueError or
    TypeError, as NumPy does, on anything else.

    >>> bool((rng(7).random(3) == rng(7).random(3)).all())
    True
    """
    offset = seed_offset()
    key = (offset,) if offset else ()
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def fixed_permutation(size: int) -> np.ndarray:
    """The same order of ``range(size)`` for ever, as integers (size,): no offset shifts it.

    It parts MNIST. Which images are for training and which for validation is data, not chance: with
    other seeds a lesson repeats its experiment on the same images, and none wanders over to the
    set that judges.
    """
    # RandomState, because NumPy guarantees its stream for ever; Generator's may change.
    return np.random.RandomState(0).permutation(size)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Within the block, torch, NumPy and ``random`` draw from ``seed``; afterwards they go on as before.

    For what has no ``generator`` argument of its own: initialization and dropout draw from torch's
    global generator. Raises ValueError unless ``seed`` is an integer in [0, 2**32).
    """
    import torch

    seed = shifted(seed)
    numpy_state, python_state = np.random.get_state(), random.getstate()  # noqa: NPY002
    with torch.random.fork_rng(devices=None if _has_accelerator() else []):
        try:
            if _has_accelerator():
                torch.manual_seed(seed)
            else:
                torch.default_generator.manual_seed(seed)  # hundreds of times faster
            np.random.seed(seed)  # noqa: NPY002
            random.seed(seed)
            yield
        finally:
            np.random.set_state(numpy_state)  # noqa: NPY002
            random.setstate(python_state)


@cache
def _has_accelerator() -> bool:
    """Asked once per process: a thousand small networks are seeded a thousand times."""
    import torch

    return torch.accelerator.is_available()


@contextmanager
def deterministic(num_threads: int = 1) -> Iterator[None]:
    """Within the block, the same seed gives the same bits.

    One thread, because the order in which threads add up floats changes the last digits; and only
    algorithms that torch guarantees to repeat themselves. Both settings are restored afterwards.
    """
    import torch

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
