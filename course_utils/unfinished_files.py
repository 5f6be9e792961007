"""Files that are being written: under a name of their own, so that the old file stays until the end.

A file that is written over is destroyed by whatever ends the write: a kill, a full disk, another
process. One that is written beside the old file, and renamed when it is whole, is not.
"""

import os
import platform
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

_MACHINE = re.sub(r"[^A-Za-z0-9-]", "", platform.node())[:30]
_WRITER = re.compile(r"\.([A-Za-z0-9-]*)\.(\d+)\.[0-9a-f]{8}\.part$")  # machine, process


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Write a file under the name that this gives; at the end of the block it becomes ``path``.

    If the block raises, or the renaming does, what was written goes, and the old file is as it was.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with written_whole(Path(folder, "marks.txt")) as unfinished:
    ...         _ = unfinished.write_text("whole")
    ...     [path.name for path in Path(folder).iterdir()]
    ['marks.txt']
    """
    unfinished = unfinished_beside(path)
    try:
        yield unfinished
        give_name(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def unfinished_beside(path: Path) -> Path:
    """A new name beside ``path`` (a rename cannot cross disks) that says who writes there."""
    return path.with_name(f"{path.name[:40]}.{_MACHINE}.{os.getpid()}.{uuid4().hex[:8]}.part")


def give_name(unfinished: Path, path: Path) -> None:
    """Rename a finished file; on Windows that fails for as long as anybody reads the old one."""
    for seconds in (0.01, 0.04, 0.1, 0.25, 0.6):
        try:
            unfinished.replace(path)
            return
        except PermissionError:
            time.sleep(seconds)
    unfinished.replace(path)


def remove_abandoned(folder: Path) -> None:
    """Remove from ``folder`` what writers left that were killed; those that live need theirs."""
    for part in folder.glob("*.part"):
        writer = _WRITER.search(part.name)
        with suppress(OSError):  # somebody else's, or gone by now
            if writer is not None and _is_abandoned(part, writer[1], int(writer[2])):
                part.unlink()


def _is_abandoned(part: Path, machine: str, process: int) -> bool:
    if time.time() - part.stat().st_mtime > 86_400:  # no write pauses for a day
        return True
    if machine != _MACHINE or os.name != "posix":  # on Windows, to ask is to interrupt
        return False
    try:
        os.kill(process, 0)  # sends nothing; asks whether there is such a process
    except ProcessLookupError:
        return True
    return False
