"""Progress bars that work in JupyterLab, in slides and in a terminal, and leave nothing behind."""

import os
from collections.abc import Iterable
from html import escape
from typing import Any

from IPython import get_ipython
from IPython.display import display
from tqdm import tqdm


def progress_bar(items: Iterable[Any], description: str, total: int | None = None) -> tqdm:
    """Iterate over ``items`` with a tqdm bar; ``COURSE_QUIET=1`` switches the bar off."""
    quiet = os.environ.get("COURSE_QUIET") == "1"
    in_notebook = getattr(get_ipython(), "kernel", None) is not None
    file = _NotebookLine() if in_notebook and not quiet else None
    return tqdm(
        items, desc=description, total=total, disable=quiet, leave=False, file=file, ncols=80
    )


class _NotebookLine:
    """A file that shows its last line as one output of the cell.

    tqdm's own notebook bar is a widget, which slides cannot show and a reopened notebook cannot
    restore.
    """

    def __init__(self) -> None:
        self._handle = display({"text/html": ""}, raw=True, display_id=True)

    def write(self, text: str) -> None:
        line = text.strip("\r\n ")
        html = f"<pre>{escape(line)}</pre>" if line else ""
        self._handle.update({"text/html": html}, raw=True)

    def flush(self) -> None:
        """Nothing is held back."""
