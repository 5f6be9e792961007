"""Fetch MNIST: ``python -m course_utils.download`` (or ``make data``). The lessons never do.

The files come from torchvision's mirrors, in a child process that is ended at a deadline, into a
temporary folder; each is verified, then moved into place in one step. So a silent server, a broken
line or a second download at the same time leaves either a whole file or none.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from course_utils.mnist import (
    CHECKSUMS,
    DataError,
    candidate_roots,
    default_root,
    expanded,
    how_to_download,
    quoted_for_shell,
    read_verified,
)

_CHILD = """
import json, socket, sys
from torchvision.datasets.utils import download_url
mirrors, files, folder, stall = json.load(sys.stdin)
socket.setdefaulttimeout(stall)
for name, md5 in files.items():
    for mirror in mirrors:
        try:
            download_url(mirror + name, folder, name, md5)
            break
        except Exception as error:
            print(f"{mirror}: {type(error).__name__}: {error}", file=sys.stderr)
"""


def download_mnist(
    root: str | Path | None = None,
    *,
    deadline: float = 600,
    stall: float = 10,
    mirrors: Sequence[str] | None = None,
) -> list[Path]:
    """Complete ``root/MNIST/raw`` and return the files fetched; files already whole stay as they are.

    Args:
        root: by default ``$COURSE_DATA_DIR``, else ``data/``, where lessons look too.
        deadline: seconds for everything.
        stall: seconds without a byte after which the next mirror is tried.
        mirrors: base addresses, torchvision's by default.

    Raises:
        DataError: if the folder cannot be written, or naming the files that could not be had.
    """
    root = default_root() if root is None else expanded(root)
    folder = root / "MNIST" / "raw"
    wanted = {name: md5 for name, md5 in CHECKSUMS.items() if not _is_whole(folder / name, md5)}
    if not wanted:
        return []
    if mirrors is None:
        from torchvision.datasets import MNIST  # late: it takes a second

        mirrors = MNIST.mirrors
    try:
        folder.mkdir(parents=True, exist_ok=True)
        workplace = tempfile.TemporaryDirectory(dir=folder, prefix=".download-")
    except OSError as error:
        raise DataError(
            f"cannot write to {folder}: {error}. Choose another folder with --root, and set the "
            "environment variable COURSE_DATA_DIR to it, so that the lessons find it."
        ) from error
    with workplace as temporary:
        job = json.dumps([list(mirrors), wanted, temporary, stall])
        try:
            subprocess.run(
                [sys.executable, "-c", _CHILD], input=job, text=True, timeout=deadline, check=False
            )
        except subprocess.TimeoutExpired:
            print(f"gave up after {deadline:g} seconds", file=sys.stderr)
        fetched = [name for name, md5 in wanted.items() if _is_whole(Path(temporary) / name, md5)]
        for name in fetched:
            (Path(temporary) / name).replace(folder / name)
    if len(fetched) < len(wanted):
        missing = ", ".join(name for name in wanted if name not in fetched)
        raise DataError(
            f"could not download {missing}. Check the network and run {how_to_download(root)} "
            "again; until then, COURSE_DATA=embedded gives the lessons the 5,000 digits that come along."
        )
    return [folder / name for name in fetched]


def _is_whole(path: Path, md5: str) -> bool:
    try:
        read_verified(path, md5)
    except DataError:
        return False
    return True


def main() -> None:
    """Read the command line and download."""
    parser = argparse.ArgumentParser(description="Download MNIST once, verified.")
    parser.add_argument("--root", type=Path, help="default: $COURSE_DATA_DIR, else data/")
    parser.add_argument("--deadline", type=float, default=600, help="seconds for all (default 600)")
    arguments = parser.parse_args()
    try:
        root = default_root() if arguments.root is None else expanded(arguments.root)
        fetched = download_mnist(root, deadline=arguments.deadline)
    except DataError as error:
        sys.exit(str(error))
    print(f"MNIST is complete in {root}: {len(fetched)} files fetched, all verified.")
    if root.resolve() not in [place.resolve() for place in candidate_roots()]:
        path = quoted_for_shell(root.resolve())
        print(f"For the lessons, set the environment variable COURSE_DATA_DIR to {path}.")


if __name__ == "__main__":
    main()
