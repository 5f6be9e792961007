"""Arrays that live on from call to call, because asking the system for fresh memory takes time."""

import math

import numpy as np


class Buffers:
    """Hands out arrays by name; the next call gets the same memory again.

    A training step needs the same large arrays each time. Fresh ones would cost as much as the
    arithmetic done in them, since the system clears every page before it is used. What a buffer holds
    at first is left over from before: whoever asks for one must fill it.
    """

    def __init__(self) -> None:
        self._memory: dict[str, np.ndarray] = {}

    def __call__(self, dtype: np.dtype, **shapes: tuple[int, ...]) -> dict[str, np.ndarray]:
        """One contiguous array per keyword: ``buffers(dtype, h=(3, 4))["h"]``."""
        arrays = {}
        for name, shape in shapes.items():
            size = math.prod(shape)
            memory = self._memory.get(name)
            if memory is None or memory.size < size or memory.dtype != dtype:
                memory = self._memory[name] = np.empty(size, dtype)
            arrays[name] = memory[:size].reshape(shape)
        return arrays

    def __reduce__(self) -> tuple:
        """A copied or pickled model takes no leftovers along."""
        return Buffers, ()
