"""Where an answer runs: it ends in time, and nothing it prints, switches or patches remains.

``with sandbox(seconds) as printed:`` holds a whole check, ``call`` each call of the student's code
within it. The check starts from fresh settings (gradients on, float32, one seed, torch's and NumPy's
own functions, whatever a notebook has put in their place) and afterwards all is as it was before.

What it cannot do, within one process: stop a single call of a C library that never returns, undo
what was patched before this module was imported, or hide an exercise from code that searches the
interpreter for it. No result is computed before the answer has returned its own, and running the
course's own solution is noticed (``Watch``).
"""

import builtins
import contextlib
import ctypes
import io
import math
import operator
import signal
import sys
import threading
import time
import types
import warnings
from collections.abc import Callable, Collection, Iterator
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from course_utils.seeding import seeded

_SOLUTIONS = "course_utils.exercises.solutions"
LIBRARIES = ("torch", "numpy", "scipy", "sklearn")


class TimeUp(BaseException):
    """The answer ran longer than it may."""


class Interrupted(KeyboardInterrupt):
    """The user pressed Ctrl-C, or the notebook's stop button, while a check was running."""


#: What is raised at an answer, not by it.
FROM_OUTSIDE = (TimeUp, Interrupted)


@contextlib.contextmanager
def sandbox(seconds: float) -> Iterator["Printed"]:
    """Within the block, fresh settings and a time limit; afterwards all is as it was before.

    Yields what is printed meanwhile. Raises TimeUp after ``seconds``, Interrupted on Ctrl-C.
    """
    printed = Printed()
    with (
        _originals.in_place(),
        _fresh_settings(),
        warnings.catch_warnings(action="ignore"),
        np.printoptions(),
        seeded(0),
        contextlib.redirect_stdout(printed),
        contextlib.redirect_stderr(printed),
        _Limit(seconds),
    ):
        yield printed


def call(function: Callable[..., Any], args: tuple, kwargs: dict, watch: "Watch | None") -> Any:
    """What the student's function returns; raises what it raises, SystemExit included.

    watch: is told what runs meanwhile, and which of the settings the function left switched. None is
    for the course's own functions, which run several times as fast unwatched.
    """
    if watch is None:
        return function(*args, **kwargs)
    before = [get() for _, get, _, _ in _SETTINGS]
    sys.setprofile(watch)
    try:
        result = function(*args, **kwargs)
        if sys.getprofile() is not watch:  # after an error it may be gone: recursion ends it
            watch.left.add("sys.setprofile")
        return result
    finally:
        sys.setprofile(None)
        _originals.put_in()
        for (name, get, put, _), value in zip(_SETTINGS, before, strict=True):
            if get() != value:
                watch.left.add(name)
                put(value)


# --- what an answer switches


def _get_default_device() -> torch.device | None:
    try:
        return torch.get_default_device()
    except AttributeError:  # what torch 2.9 does once the device was set to None
        return None


def _set_default_device(device: torch.device | None) -> None:
    torch.set_default_device(None if device == torch.device("cpu") else device)  # the fast cpu
    if device and _get_default_device() is None:
        torch.set_default_device(device)


#: name, how to read it, how to set it, and what a check starts with (None: what it finds).
_SETTINGS: list[tuple[str, Callable[[], Any], Callable[[Any], Any], Any]] = [
    ("torch.set_grad_enabled", torch.is_grad_enabled, torch.set_grad_enabled, True),
    ("torch.set_default_dtype", torch.get_default_dtype, torch.set_default_dtype, torch.float32),
    (
        "torch.set_default_device",
        _get_default_device,
        _set_default_device,
        torch.device("cpu"),
    ),
    ("torch.set_num_threads", torch.get_num_threads, torch.set_num_threads, None),
    (
        "torch.use_deterministic_algorithms",
        torch.get_deterministic_debug_mode,
        torch.set_deterministic_debug_mode,
        0,
    ),
    ("np.seterr", np.geterr, lambda modes: np.seterr(**modes), np.geterr()),
    ("sys.setrecursionlimit", sys.getrecursionlimit, sys.setrecursionlimit, None),
]


@contextlib.contextmanager
def _fresh_settings() -> Iterator[None]:
    before = [get() for _, get, _, _ in _SETTINGS]
    profile = sys.getprofile()
    try:
        for (_, _, put, fresh), value in zip(_SETTINGS, before, strict=True):
            if fresh is not None and value != fresh:
                put(fresh)
        with torch.inference_mode(False) if torch.is_inference_mode_enabled() else _NOTHING:
            yield
    finally:
        for (_, get, put, _), value in zip(_SETTINGS, before, strict=True):
            if get() != value:
                put(value)
        sys.setprofile(profile)


_NOTHING = contextlib.nullcontext()


# --- what an answer patches


class _Originals:
    """The public functions of Python, NumPy and torch, as they were when this module was imported."""

    def __init__(self, *owners: Any) -> None:
        self._saved = [
            (owner, {name: value for name, value in vars(owner).items() if _guarded(name, value)})
            for owner in owners
        ]

    def put_in(self) -> list[tuple[Any, str, Any]]:
        """Undo every patch; returns (owner, name, what stood there)."""
        patches = []
        for owner, saved in self._saved:
            now = vars(owner)
            if all(map(operator.is_, map(now.get, saved), saved.values())):
                continue  # almost always, and this way a check spends no time on it
            for name, original in saved.items():
                if (found := now.get(name, _MISSING)) is not original:
                    patches.append((owner, name, found))
                    setattr(owner, name, original)
        return patches

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """Within the block there is no patch; afterwards those of before are there again."""
        patches = self.put_in()
        try:
            yield
        finally:
            self.put_in()
            for owner, name, value in patches:
                delattr(owner, name) if value is _MISSING else setattr(owner, name, value)


_MISSING = object()


def _guarded(name: str, value: Any) -> bool:
    is_operator = name.startswith("__") and isinstance(value, types.FunctionType)
    return is_operator or (not name.startswith("_") and (callable(value) or _is_method(value)))


def _is_method(value: Any) -> bool:
    return isinstance(value, staticmethod | classmethod | property)


_originals = _Originals(
    *(builtins, math, np, np.linalg, np.testing, torch, torch.linalg, torch.special),
    *(torch.autograd, torch.testing, torch.nn.init, nn, F, torch.Tensor, nn.Module),
)


# --- what an answer prints


class Printed(io.TextIOBase):
    """The beginning of what was written, and no more than fits."""

    _ROOM = 20_000

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._size = self._num_lines = 0

    def writable(self) -> bool:
        """It takes text."""
        return True

    def write(self, text: str) -> int:
        """Keep ``text`` as far as there is room; its lines are counted all the same."""
        self._num_lines += text.count("\n")
        if (room := self._ROOM - self._size) > 0:
            self._pieces.append(text[:room])
            self._size += len(self._pieces[-1])
        return len(text)

    def first_lines(self, count: int) -> tuple[list[str], int]:
        """(the first ``count`` lines, each cut at 200 characters, and how many more there were)."""
        lines = "".join(self._pieces).splitlines()
        shown = [line if len(line) <= 200 else line[:199] + "…" for line in lines[:count]]
        return shown, max(self._num_lines, len(lines)) - len(shown)


# --- how long an answer runs


class _Limit:
    """Within the block, TimeUp is raised after some seconds, and Interrupted on Ctrl-C.

    Seconds in which the process computes: where other programs keep the machine busy, or the answer
    sleeps, it gets up to three times as long. A thread keeps the time. In the main thread it knocks by SIGINT, the one signal that Linux, macOS
    and Windows share and that ends a ``sleep``; elsewhere, where no signal arrives, by an
    asynchronous exception. It knocks again and again, for code that swallows all exceptions.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._is_running = self._has_knocked = self._was_interrupted = False
        self._thread_id = threading.get_ident()
        self._by_signal = threading.current_thread() is threading.main_thread()
        self._by_signal &= signal.getsignal(signal.SIGINT) is not None

    def __enter__(self) -> None:
        if self._by_signal:
            self._handler_before = signal.signal(signal.SIGINT, self._on_signal)
        self._is_running = True
        self._clock = threading.Thread(target=self._keep_time, daemon=True)
        self._clock.start()

    def __exit__(self, *_: object) -> None:
        while self._is_running:
            try:
                with self._lock:
                    self._is_running = False
            except TimeUp:  # it knocked at the last moment: the answer is done, let it be
                pass
        self._stop.set()
        self._clock.join()
        if self._by_signal:
            signal.signal(signal.SIGINT, self._handler_before)  # after any that is pending
        elif self._has_knocked:
            with contextlib.suppress(TimeUp):
                for _ in range(100):
                    pass  # a knock that has not been heard yet is heard here
        if self._was_interrupted:
            raise Interrupted

    def _keep_time(self) -> None:
        end, work = time.monotonic() + 3 * self._seconds, time.process_time() + self._seconds
        self._stop.wait(self._seconds)
        while not self._stop.wait(0.05):
            if time.process_time() < work and time.monotonic() < end:
                continue
            work += 1.0
            with self._lock:
                if not self._is_running:
                    return
                self._has_knocked = True
                if not self._by_signal:
                    _raise_in(self._thread_id, TimeUp)
                elif hasattr(signal, "pthread_kill"):
                    signal.pthread_kill(self._thread_id, signal.SIGINT)
                else:
                    signal.raise_signal(signal.SIGINT)

    def _on_signal(self, signum: int, frame: types.FrameType | None) -> None:
        if self._has_knocked:
            if self._is_running:
                raise TimeUp
            return
        self._was_interrupted = True
        raise Interrupted


def _raise_in(thread_id: int, error: type[BaseException]) -> None:
    """Raise ``error`` in that thread at its next step."""
    target = ctypes.py_object(error)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread_id), target)


# --- what an answer calls


class Watch:
    """Notes which forbidden functions run, and whether the course's own solution does.

    forbidden: functions; whatever bears the name of one in torch, NumPy or SciPy counts, a method
    and what a module calls inside included. own: code that is the course's answer to the exercise.
    """

    def __init__(
        self, forbidden: Collection[Callable] = (), own: Collection[types.CodeType] = ()
    ) -> None:
        self._names = frozenset(function.__name__ for function in forbidden)
        self._own = frozenset(own)
        self.used: set[str] = set()
        self.left: set[str] = set()
        self.ran_a_solution = False

    def __call__(self, frame: types.FrameType, event: str, arg: Any) -> None:
        """What Python calls at each call and return (``sys.setprofile``)."""
        if event == "call":
            module = frame.f_globals.get("__name__") or ""
            if frame.f_code in self._own or module.startswith(_SOLUTIONS):
                self.ran_a_solution = True
            name = frame.f_code.co_name
        elif event == "c_call":
            name = getattr(arg, "__name__", "").removeprefix("special_")
            module = getattr(arg, "__module__", None) or type(arg.__self__).__module__ or ""
        else:
            return
        if name in self._names and module.partition(".")[0] in LIBRARIES:
            self.used.add(name)
