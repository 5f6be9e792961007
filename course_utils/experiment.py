"""The same run over many seeds and settings, on all cores, with the same numbers as on one."""

import os
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from unittest.mock import patch

import pandas as pd
import torch
from joblib import Parallel, delayed, effective_n_jobs, parallel_config

from course_utils.progress import progress
from course_utils.seeding import deterministic

#: Seeds, thread counts and the environment belong to the whole process, so it makes one run at a
#: time, even where the backend (threads, or Dask with several threads a worker) offers more.
_ONE_RUN = threading.RLock()


def run_seeds(
    run: Callable[..., Any],
    seeds: Iterable[int] = range(5),
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    n_jobs: int | None = -1,
    **shared: Any,
) -> pd.DataFrame:
    """Call ``run(seed=..., **setting, **shared)`` for every setting and seed: a row each.

    run: returns a dict (its keys become columns) or one value (column ``result``). It may be
    defined in a notebook cell. settings: name -> keyword arguments, e.g. ``{"low": {"lr": 0.01}}``.
    shared: what all runs are given, such as ``mnist``; large data reach the workers memory-mapped.
    n_jobs: processes, -1 for one a core, 1 for none, None to follow ``joblib.parallel_config``
    (which may name a Dask cluster). Every run has one thread and deterministic algorithms wherever
    it happens, so the numbers are the same; runs that share a process take turns. An exception
    names the run it came from.

    Rows are in the order of settings, then seeds; columns ``setting`` and ``seed`` come first.
    """
    seeds = list(seeds)
    settings = {"": {}} if settings is None else settings
    if not seeds or not settings:
        raise ValueError(f"nothing to run: got {len(seeds)} seeds and {len(settings)} settings")
    runs = [(name, seed) for name in settings for seed in seeds]
    results = Parallel(n_jobs=n_jobs, return_as="generator")(
        delayed(_run_one)(run, name, seed, settings[name], shared) for name, seed in runs
    )
    rows = []
    for (name, seed), result in zip(runs, progress(results, "runs", len(runs)), strict=True):
        values = result if isinstance(result, Mapping) else {"result": result}
        rows.append({"setting": name, "seed": seed, **values})
    return pd.DataFrame(rows)


def start_workers() -> None:
    """Start the processes of ``run_seeds``, one a core, in the background; nothing waits for them.

    A process needs about five seconds until it has torch ready. Started while the first cells of a
    notebook run, it no longer keeps the first call of ``run_seeds`` waiting.
    """
    num_processes = effective_n_jobs(-1)
    if num_processes > 1:
        calls = [delayed(_load_optimizers)() for _ in range(num_processes)]
        threading.Thread(target=Parallel(n_jobs=-1), args=[calls], daemon=True).start()


def _load_optimizers() -> None:
    """The first optimizer of a process loads torch's compiler, which takes longest."""
    torch.optim.SGD([torch.zeros(1, requires_grad=True)])


def _run_one(
    run: Callable[..., Any],
    name: str,
    seed: int,
    setting: Mapping[str, Any],
    shared: Mapping[str, Any],
) -> Any:
    quiet = patch.dict(os.environ, COURSE_QUIET="1")
    try:
        with _ONE_RUN, deterministic(), quiet, parallel_config("sequential"):
            return run(seed=seed, **setting, **shared)
    except Exception as error:
        which = f" of setting {name!r}" if name else ""
        error.add_note(f"This happened in the run with seed {seed}{which}.")
        raise
