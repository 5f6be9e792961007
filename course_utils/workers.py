"""What happens in the worker processes of ``run_seeds``: they get ready, and make one run at a time.

A process needs some seconds until it has torch ready. A notebook starts its workers first of all, so
that they get ready while it does the same, and the first ``run_seeds`` need not wait for them. This
module itself imports nothing that takes long, or else they would start late.
"""

import gc
import os
import pickle
import platform
import tempfile
import threading
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

from joblib import Parallel, delayed, effective_n_jobs, parallel_config

try:  # only the cloudpickle that has sent a class knows it again: joblib's own, before 1.6
    from joblib.externals import cloudpickle
except ImportError:
    import cloudpickle

#: The function to run, and what all runs are given.
Task = tuple[Callable[..., Any], Mapping[str, Any]]

#: Where a temporary folder may be, besides the places that Windows names.
POSIX_TEMP_FOLDERS = ("/tmp", "/var/tmp")

#: Seeds, thread counts and the environment belong to the whole process, so it makes one run at a
#: time, even if the backend (threads, or Dask with several threads per worker) offers more.
_ONE_RUN = threading.RLock()


def start_workers() -> None:
    """Start the processes of ``run_seeds``, one per core, in the background; nothing waits for them."""
    num_processes = effective_n_jobs(-1)
    if num_processes > 1 and find_temp_folder():
        calls = [delayed(_get_ready)() for _ in range(num_processes)]
        threading.Thread(target=Parallel(n_jobs=-1), args=[calls], daemon=True).start()


def find_temp_folder() -> bool:
    """See to it that joblib can use its temporary folder; False if none will do.

    joblib tells a process of its own, in one line of ASCII, which files to remove. On Windows the
    temporary folder lies in the user's own, whose name may be Chinese; others are for all users.
    """
    if _fits(os.environ.get("JOBLIB_TEMP_FOLDER", tempfile.gettempdir())):
        return True
    shared = [os.environ.get(name) for name in ("PUBLIC", "ProgramData", "SystemDrive")]
    for folder in [f"{place}{os.sep}" for place in shared if place] + list(POSIX_TEMP_FOLDERS):
        with suppress(OSError):
            if _fits(folder):
                tempfile.TemporaryDirectory(prefix="course-", dir=folder).cleanup()  # may we write?
                os.environ["JOBLIB_TEMP_FOLDER"] = folder
                return True
    return False


def _fits(folder: str) -> bool:
    path = str(Path(folder).expanduser().absolute())
    return path.isascii() and len(path) <= 300  # of 512, with joblib's own names below it


def collect_garbage_less_often() -> None:
    """Let the garbage collector run after 100,000 new objects instead of after hundreds.

    torch makes some hundred thousand objects that stay for good. To search them for garbage again
    and again takes a fifth of the time of its import, and some time of everything that follows.
    """
    gc.set_threshold(100_000)


def _get_ready() -> None:
    collect_garbage_less_often()
    import torch

    # the first optimizer of a process loads torch's compiler, which takes longest
    torch.optim.SGD([torch.zeros(1, requires_grad=True)])


def this_process() -> tuple[str, int]:
    """Machine and number of this process; in a cluster of containers the number alone is not its own."""
    return platform.node(), os.getpid()


def run_task(task: Task, *arguments: Any) -> Any:
    """``run_one`` of a function and what all runs are given, which travel together."""
    return run_one(*task, *arguments)


def run_one(
    run: Callable[..., Any],
    shared: Mapping[str, Any],
    name: str,
    seed: int,
    setting: Mapping[str, Any],
    caller: tuple[str, int] | None,
    seed_offset: int,
) -> Any:
    """Call ``run`` as ``run_seeds`` describes it; name and seed say in an error which run it was.

    caller: the process that waits for the result. To any other, an exception goes as a ``Failure``.
    seed_offset: the caller's, since this process may be older than it, or run on another machine.
    """
    import course_utils.language  # noqa: F401 (so that a worker, too, prints on any console)
    from course_utils.seeding import deterministic

    environment = {"COURSE_QUIET": "1", "COURSE_SEED_OFFSET": str(seed_offset)}
    try:
        with (
            _ONE_RUN,
            deterministic(),
            patch.dict(os.environ, environment),
            parallel_config("sequential"),
        ):
            result = run(seed=seed, **_copied({**setting, **shared}))
        _check_result(result, name, seed, travels=this_process() != caller)
        return result
    except BaseException as error:
        which = f" of setting {name!r}" if name != "" else ""
        note = f"This happened in the run with seed {seed}{which}."
        if isinstance(error, SystemExit):  # whoever shows one leaves out the notes
            error = SystemExit(f"the program was ended by SystemExit({error.code}). {note}")
        error.add_note(note)
        if this_process() == caller:
            raise error
        trace = "".join(traceback.format_exception(error))
        # Dask pickles these, too, wherever it is imported, and they may hold what cannot travel
        error.__traceback__ = error.__cause__ = error.__context__ = None
        failure = Failure(_pickled(error), trace)
    raise failure  # out here it has no context either


def _copied(arguments: dict[str, Any]) -> dict[str, Any]:
    """What a run may change as it likes: runs of one process, or of one batch, share the originals.

    All are copied together, so that an optimizer stays that of its model. What cannot be copied, such
    as a lock, is passed as it is.
    """
    from course_utils.copies import copies

    def can_be_copied(name: str) -> bool:
        try:
            return bool(copies(arguments[name]))
        except ValueError:
            return False

    try:
        return dict(zip(arguments, copies(*arguments.values()), strict=True))
    except ValueError:
        names = [*filter(can_be_copied, arguments)]
        return arguments | dict(
            zip(names, copies(*(arguments[name] for name in names)), strict=True)
        )


def _check_result(result: Any, name: str, seed: int, *, travels: bool) -> None:
    for key, own in (("setting", name), ("seed", seed)):
        if isinstance(result, Mapping) and key in result and result[key] != own:
            raise ValueError(
                f"a run may not return a column {key!r}, which says which run it was, got "
                f"{result[key]!r}; give it another name"
            )
    if travels:
        try:
            pickle.loads(cloudpickle.dumps(result))
        except Exception as error:
            raise TypeError(
                f"what the run returned cannot be sent back by its process ({error}); return numbers, "
                "text, arrays or tensors, or use n_jobs=1"
            ) from error


class Failure(Exception):
    """An exception of a run on its way from one process to another, where ``unpacked`` gives it back.

    pickled: the exception. trace: its traceback, as Python prints it.
    """

    def __init__(self, pickled: bytes, trace: str) -> None:
        super().__init__(pickled, trace)
        self.pickled, self.trace = pickled, trace

    def unpacked(self) -> BaseException:
        """The exception, with its notes; raise it from ``WorkerTraceback(failure.trace)``."""
        return _unpickled(self.pickled)


class WorkerTraceback(Exception):
    """The cause of an exception that came from another process: its text is the traceback there."""

    def __str__(self) -> str:
        return f'\n"""\n{self.args[0]}"""'


def _pickled(error: BaseException) -> bytes:
    """``error`` in the first form that says the same after the journey.

    Not every exception survives pickling: its class may want other arguments than it kept, or it
    holds a lock. Then it goes without what cannot travel; if its class cannot, as the next base.
    """
    with suppress(Exception):
        pickled = cloudpickle.dumps(error)
        if _same(pickle.loads(pickled), type(error), error):
            return pickled
    kept = {key: value for key, value in vars(error).items() if _travels(value)}
    choices = [error.args, (_text(error),)]
    if isinstance(error, BaseExceptionGroup):
        choices.insert(0, (error.message, [_pickled(part) for part in error.exceptions]))
    for cls in type(error).__mro__:
        for args in choices:
            with suppress(Exception):
                pickled = cloudpickle.dumps((cls, args, kept))
                if _same(_unpickled(pickled), cls, error):
                    return pickled
    return pickle.dumps(RuntimeError(_text(error)))


def _unpickled(pickled: bytes) -> BaseException:
    content = pickle.loads(pickled)
    if isinstance(content, BaseException):
        return content
    cls, args, kept = content
    if issubclass(cls, BaseExceptionGroup):
        args = (args[0], [_unpickled(part) for part in args[1]])
    # without an __init__ of somebody's own, which may want other arguments
    error = cls(*args) if cls.__module__ == "builtins" else cls.__new__(cls, *args)
    error.__dict__.update(kept)
    return error


def _same(copy: BaseException, cls: type, error: BaseException) -> bool:
    return type(copy) is cls and _text(copy) == _text(error)


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return f"{type(error).__name__}, whose text cannot be made"


def _travels(value: Any) -> bool:
    try:
        pickle.loads(cloudpickle.dumps(value))
    except Exception:
        return False
    return True
