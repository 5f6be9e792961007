"""How much memory a program takes, its child processes included."""

import os
import threading
from types import TracebackType

import psutil


class PeakMemory:
    """The most memory, in bytes, that the children of this process held at one time, together.

    What processes share (on Linux) counts once; elsewhere, only what each has of its own counts.

    with PeakMemory() as peak: ...; peak.bytes
    """

    def __init__(self, seconds: float = 0.2) -> None:
        """seconds: between two looks."""
        self.bytes = 0
        self._seconds, self._done = seconds, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "PeakMemory":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        me = psutil.Process(os.getpid())
        while not self._done.wait(self._seconds):
            self.bytes = max(self.bytes, sum(map(own_bytes, me.children(recursive=True))))


def own_bytes(process: psutil.Process) -> int:
    """What a process holds, its share of what it shares; 0 if it is gone."""
    try:
        memory = process.memory_full_info()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0
    return getattr(memory, "pss", memory.uss)
