"""The same run over many seeds and settings, on all cores, with the same numbers as on one."""

import inspect
import operator
import warnings
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from itertools import product
from pathlib import Path
from pickle import PicklingError
from typing import Any

import pandas as pd
from joblib import Parallel, delayed, effective_n_jobs
from joblib.parallel import get_active_backend

from course_utils.cluster import dask_client, process_was_lost, results_from
from course_utils.progress_bar import progress_bar
from course_utils.seeding import seed_offset
from course_utils.workers import (
    Failure,
    Task,
    WorkerTraceback,
    cloudpickle,
    find_temp_folder,
    run_task,
    this_process,
)

#: Seed and setting of a run.
Which = tuple[int, str]


def run_seeds(
    run: Callable[..., Any],
    seeds: Iterable[int] = range(5),
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    n_jobs: int | None = -1,
    keep: str | Path | None = None,
    **shared: Any,
) -> pd.DataFrame:
    """Call ``run(seed=..., **setting, **shared)`` for every setting and seed: a row each.

    Every run has copies of its arguments for itself and may change them. It has one thread,
    deterministic algorithms and the caller's ``COURSE_SEED_OFFSET`` wherever it happens, so the
    numbers are the same; runs that share a process take turns. An exception names the run it came
    from.

    Args:
        run: returns a dict (its keys become columns) or one value (column ``result``). It may be
            defined in a notebook cell.
        seeds: whole numbers from 0 up, none of them twice.
        settings: name -> keyword arguments, e.g. ``{"low": {"lr": 0.01}}``.
        n_jobs: processes, -1 for one per core, 1 for none, None to follow
            ``joblib.parallel_config``. Under ``joblib.parallel_config("dask")`` the runs are made by
            all workers of the cluster, also by those that join late, whatever the number.
        keep: a folder for the results, each written as soon as its run is finished. After an
            interruption the same call makes only the runs that are missing; changed code, arguments,
            seeds or versions are other runs. Results are then numbers, text, arrays, tensors, and
            lists and dicts of them. If a process is lost (a crash, no memory left), all other runs are
            made and kept first.
        **shared: what all runs are given, such as ``mnist``. Large arrays reach the processes of this
            machine memory-mapped; to a Dask cluster ``run`` and ``shared`` travel once a worker.

    Returns:
        The rows in the order of settings, then seeds; columns ``setting`` and ``seed`` come first.

    Raises:
        ValueError: before anything runs, if there is nothing to run, or a seed is given twice or is
            no whole number from 0 up (nor ``COURSE_SEED_OFFSET``).
        TypeError: before anything runs, if ``run`` does not take what it would be given.

    >>> settings = {"low": {"lr": 0.1}, "high": {"lr": 0.5}}
    >>> print(run_seeds(lambda seed, lr: seed * lr, [1, 2], settings, n_jobs=1))
      setting  seed  result
    0     low     1     0.1
    1     low     2     0.2
    2    high     1     0.5
    3    high     2     1.0
    """
    seeds = _checked_seeds(seeds)
    settings = {"": {}} if settings is None else settings
    if not seeds or not settings:
        raise ValueError(f"nothing to run: got {len(seeds)} seeds and {len(settings)} settings")
    if not isinstance(settings, Mapping) or not all(
        isinstance(setting, Mapping) for setting in settings.values()
    ):
        raise TypeError(
            "settings must map names to keyword arguments, such as {'low': {'lr': 0.01}}, got "
            f"{settings!r}"
        )
    for name, setting in settings.items():
        _check_arguments(run, name, setting, shared)
    if n_jobs not in (None, 1) and not find_temp_folder():
        warnings.warn(
            "the runs take turns in one process, since the temporary folder has a name that is not "
            "plain ASCII, which joblib needs. For all cores, set the environment variable "
            "JOBLIB_TEMP_FOLDER to a folder that has one.",
            stacklevel=2,
        )
        n_jobs = 1
    offset = seed_offset()
    kept = None
    if keep is not None:
        from course_utils.kept_runs import KeptRuns  # which loads torch

        kept = KeptRuns(keep, run, shared, offset)
    done: dict[Which, Any] = {}

    def finish(which: Which, result: Any) -> None:
        if kept is not None:
            kept.write(kept.path(which[0], settings[which[1]]), result)
        done[which] = result

    # Settings take turns: if they are timed, a slow minute of the machine is shared by all.
    runs = list(product(seeds, settings))
    for seed, name in runs if kept is not None else ():
        with suppress(FileNotFoundError):
            done[seed, name] = kept.read(kept.path(seed, settings[name]))
    calls = {
        (seed, name): (name, seed, settings[name], this_process(), offset)
        for seed, name in runs
        if (seed, name) not in done
    }
    try:
        _make((run, shared), calls, n_jobs, finish)
    except Failure as failure:
        raise failure.unpacked() from WorkerTraceback(failure.trace)
    except process_was_lost() as error:
        left = [which for which in calls if which not in done]
        if kept is not None and isinstance(error, BrokenProcessPool):  # Dask has gone on itself
            left = _make_around_the_lost((run, shared), calls, left, n_jobs, finish)
        if left:
            shown = ", ".join(f"{seed}{_of_setting(name)}" for seed, name in left[:8])
            more = " or a later one" if len(left) > 8 else ""
            error.add_note(f"This happened in the run with seed {shown}{more}.")
            raise
    except PicklingError as error:
        if hasattr(error, "__notes__"):  # it came out of a run
            raise
        raise TypeError(_what_cannot_be_sent(run, settings, shared)) from error
    rows = []
    for name, seed in product(settings, seeds):
        result = done[seed, name]
        values = result if isinstance(result, Mapping) else {"result": result}
        rows.append({"setting": name, "seed": seed, **values})
    return pd.DataFrame(rows)


def _make(
    task: Task,
    calls: Mapping[Which, tuple[Any, ...]],
    n_jobs: int | None,
    finish: Callable[[Which, Any], None],
) -> None:
    """Make these runs and hand on each result as it comes, in any order: none waits for a slower one."""
    if (client := dask_client()) and calls:
        results = results_from(client, run_task, task, calls)
    else:
        # mapped copy-on-write ("c"), for a dataset wraps the memory that it is sent
        results = Parallel(n_jobs=n_jobs, return_as=_as_they_come(), mmap_mode="c")(
            delayed(_named)(which, task, *call) for which, call in calls.items()
        )
    for which, result in progress_bar(results, "runs", len(calls)):
        finish(which, result)


def _named(which: Which, task: Task, *call: Any) -> tuple[Which, Any]:
    return which, run_task(task, *call)


def _as_they_come() -> str:
    """For ``return_as``: Ray, by way of joblib, has no results before it has them all."""
    return "generator_unordered" if get_active_backend()[0].supports_return_generator else "list"


def _make_around_the_lost(
    task: Task,
    calls: Mapping[Which, tuple[Any, ...]],
    left: list[Which],
    n_jobs: int | None,
    finish: Callable[[Which, Any], None],
) -> list[Which]:
    """After a process was lost: make all other runs; those that lose one again, all alone, are returned.

    Nobody says which run it was. Those that may have been on their way are made one at a time.
    """
    lost: list[Which] = []
    suspects = 4 * effective_n_jobs(n_jobs)
    while left:
        for which in left[:suspects]:
            try:
                _make(task, {which: calls[which]}, n_jobs, finish)
            except BrokenProcessPool:
                lost.append(which)
        made = set(lost) | set(left[:suspects])

        def finish_and_note(which: Which, result: Any, made: set[Which] = made) -> None:
            finish(which, result)
            made.add(which)

        with suppress(BrokenProcessPool):
            _make(task, {w: calls[w] for w in left[suspects:]}, n_jobs, finish_and_note)
        left = [which for which in left if which not in made]
    return lost


def _checked_seeds(seeds: Iterable[int]) -> list[int]:
    needed = "seeds must be different whole numbers from 0 up, such as range(5)"
    try:
        checked = [operator.index(seed) for seed in seeds]
    except TypeError as error:
        raise TypeError(f"{needed}, got {seeds!r}: {error}") from None
    if len(set(checked)) < len(checked) or min(checked, default=0) < 0:
        raise ValueError(f"{needed}, got {checked}")
    return checked


def _check_arguments(
    run: Callable[..., Any], name: str, setting: Mapping[str, Any], shared: Mapping[str, Any]
) -> None:
    which = f"the call{_of_setting(name)}"
    for key in ("seed", *shared):
        if key in setting or (key == "seed" and key in shared):
            raise TypeError(
                f"got multiple values for keyword argument {key!r}: run_seeds gives one to all runs, and "
                f"so does {which}; take one away"
            )
    signature = None
    with suppress(ValueError):  # of a function written in C, which has none
        signature = inspect.signature(run)
    try:
        if signature is not None:
            signature.bind(seed=0, **setting, **shared)
    except TypeError as error:
        raise TypeError(
            f"run cannot be called with seed and the arguments of {which}: {error}"
        ) from None


def _of_setting(name: str) -> str:
    return f" of setting {name!r}" if name != "" else ""


def _what_cannot_be_sent(
    run: Callable[..., Any], settings: Mapping[str, Mapping[str, Any]], shared: Mapping[str, Any]
) -> str:
    parts = {"run": run}
    parts |= {f"setting {name!r}": setting for name, setting in settings.items()}
    parts |= {f"the argument {name!r}": value for name, value in shared.items()}
    for what, part in parts.items():
        try:
            cloudpickle.dumps(part)
        except Exception as error:
            return (
                f"{what} cannot be sent to another process ({error}); make such an object inside the "
                "run, or use n_jobs=1"
            )
    return "the runs cannot be sent to other processes; use n_jobs=1"
