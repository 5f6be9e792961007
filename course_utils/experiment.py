"""The same run over many seeds and settings, on all cores, with the same numbers as on one."""

from collections.abc import Callable, Iterable, Mapping
from itertools import product
from typing import Any

import pandas as pd
from joblib import Parallel, delayed

from course_utils.progress import progress
from course_utils.workers import run_one


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
    # Settings take turns: where they are timed, a slow minute of the machine is shared by all.
    runs = list(product(seeds, settings))
    results = Parallel(n_jobs=n_jobs, return_as="generator")(
        delayed(run_one)(run, name, seed, settings[name], shared) for seed, name in runs
    )
    done = dict(zip(runs, progress(results, "runs", len(runs)), strict=True))
    rows = []
    for name, seed in product(settings, seeds):
        result = done[seed, name]
        values = result if isinstance(result, Mapping) else {"result": result}
        rows.append({"setting": name, "seed": seed, **values})
    return pd.DataFrame(rows)
