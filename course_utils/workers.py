"""What happens in the worker processes of ``run_seeds``: they get ready, and make one run at a time.

A process needs some seconds until it has torch ready. A notebook starts its workers first of all, so
that they get ready while it does the same, and the first ``run_seeds`` need not wait for them. This
module itself imports nothing that takes long, or else they would start late.
"""

import gc
import os
import threading
from collections.abc import Callable, Mapping
from typing import Any
from unittest.mock import patch

from joblib import Parallel, delayed, effective_n_jobs, parallel_config

#: Seeds, thread counts and the environment belong to the whole process, so it makes one run at a
#: time, even where the backend (threads, or Dask with several threads a worker) offers more.
_ONE_RUN = threading.RLock()


def start_workers() -> None:
    """Start the processes of ``run_seeds``, one a core, in the background; nothing waits for them."""
    num_processes = effective_n_jobs(-1)
    if num_processes > 1:
        calls = [delayed(_get_ready)() for _ in range(num_processes)]
        threading.Thread(target=Parallel(n_jobs=-1), args=[calls], daemon=True).start()


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


def run_one(
    run: Callable[..., Any],
    name: str,
    seed: int,
    setting: Mapping[str, Any],
    shared: Mapping[str, Any],
) -> Any:
    """Call ``run`` as ``run_seeds`` describes it; name and seed say in an error which run it was."""
    from course_utils.seeding import deterministic

    quiet = patch.dict(os.environ, COURSE_QUIET="1")
    try:
        with _ONE_RUN, deterministic(), quiet, parallel_config("sequential"):
            return run(seed=seed, **setting, **shared)
    except Exception as error:
        which = f" of setting {name!r}" if name else ""
        error.add_note(f"This happened in the run with seed {seed}{which}.")
        raise
