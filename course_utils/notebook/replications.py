"""How often each claim held when its lesson was repeated with other seeds, as `make replicate` recorded.

The record says by lesson: ``code``, a digest of each code cell (set-up and exercises aside), and by tier of the
data (``full`` if the lesson loads none) the ``offsets`` of the blocks, the ``claims`` tested, and in
which blocks a claim ``failed``. It is shown only where the lesson's own cells ran, unchanged.
"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from IPython import get_ipython
from IPython.core.interactiveshell import ExecutionInfo

#: Lesson -> its record; written by tools/replicate.py, absent until there is one.
RECORD = Path(__file__).with_name("replications.json")
_lesson = ""
_cells_run: list[str] = []


def read_record() -> dict[str, dict[str, Any]]:
    """The record of every lesson that was repeated, by name."""
    return json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.is_file() else {}


def digests(sources: Iterable[str]) -> str:
    """A few hexadecimal digits for each code cell, separated by spaces."""
    return " ".join(hashlib.sha256(s.strip().encode()).hexdigest()[:6] for s in sources)


def times(entry: dict[str, Any], number: int, tier: str) -> tuple[int, int] | None:
    """(blocks in which the claim held, blocks) by the record of a lesson; None if it has none."""
    blocks = entry.get(tier, {})
    if number not in blocks.get("claims", []):
        return None
    total = len(blocks["offsets"])
    return total - len(blocks["failed"].get(str(number), [])), total


def begin(lesson: str) -> None:
    """From the next cell on, this notebook is ``lesson``."""
    global _lesson
    _lesson = lesson
    _cells_run.clear()
    shell = get_ipython()
    if shell is not None:  # which keeps a function once; its history lacks what nbval executes
        shell.events.register("pre_run_cell", _note)


def times_here(number: int, tier: str | None = None) -> tuple[int, int] | None:
    """``times`` of a claim of the lesson that runs; None also if any cell so far is not as it came.

    tier: of the data; by default that of the notebook's ``mnist``.
    """
    entry = read_record().get(_lesson)
    ran = {*digests(_cells_run).split()}
    if entry is None or not ran or not ran <= {*entry["code"].split()}:
        return None
    loaded = getattr(get_ipython().user_ns.get("mnist"), "tier", "full")
    return times(entry, number, tier or loaded)


def _note(info: ExecutionInfo) -> None:
    _cells_run.append(info.raw_cell)
