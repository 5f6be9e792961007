"""The runs of ``run_seeds`` on other machines: on a Dask cluster, which joblib names."""

import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from pickle import PicklingError
from typing import Any

from joblib.parallel import get_active_backend


def dask_client() -> Any:
    """The client of the cluster that ``joblib.parallel_config("dask")`` names; None without it."""
    return getattr(get_active_backend()[0], "client", None)


def results_from(
    client: Any, call: Callable[..., Any], once: Any, arguments: Mapping[Any, tuple[Any, ...]]
) -> Iterator[tuple[Any, Any]]:
    """Make ``call(once, *arguments[name])`` for each name; yields (name, result) as they come.

    ``once`` travels once a worker. Where a worker dies its calls are made by another, and one that
    joins late gets some. What was lost with workers that died again and again is made once more at the
    end, one call at a time: so a call that kills its workers ends nothing but itself, and what it
    raised is raised after all others were made. Any other exception ends all; PicklingError says that
    something cannot be sent.
    """
    from distributed import as_completed

    try:
        sent = _sent_once(client, once)
        futures = {client.submit(call, sent, *arguments[n], pure=False): n for n in arguments}
    except TypeError as error:  # so says Dask of what cannot be pickled
        raise PicklingError(str(error)) from error
    lost, last = [], None
    try:
        for future in as_completed(list(futures)):
            try:
                yield futures[future], future.result()
            except process_was_lost():
                lost.append(futures[future])
        for name in lost:
            sent = _sent_once(client, once)  # its copies may have gone with the workers
            try:
                yield name, client.submit(call, sent, *arguments[name], pure=False).result()
            except process_was_lost() as error:
                last = error
    finally:
        client.cancel(list(futures))
    if last is not None:
        raise last


def _sent_once(client: Any, value: Any) -> Any:
    """A future of ``value``, once every worker has it.

    It goes straight to one worker, which hands it on; where none can be reached from here, it goes by
    way of the scheduler.
    """
    client.submit(int, pure=False).result()  # a cluster that grows on demand has no worker before
    with suppress(OSError):
        return client.scatter([value], broadcast=True, direct=True, hash=False)[0]
    return client.scatter([value], broadcast=True, direct=False, hash=False)[0]


def process_was_lost() -> tuple[type[BaseException], ...]:
    """What is raised when the process of a run has died, and with it the run."""
    if distributed := sys.modules.get("distributed"):
        from distributed.client import FutureCancelledError

        return BrokenProcessPool, distributed.KilledWorker, FutureCancelledError
    return (BrokenProcessPool,)
