"""For all tests: patience with slow machines, and a small stand-in for the MNIST distribution."""

import gzip
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from course_utils import mnist
from course_utils.language import get_language, set_language

# How long one example takes says something about the machine, not about the course. The examples
# are the same every time; with HYPOTHESIS_SEARCH=1 they are new ones.
settings.register_profile(
    "course",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=os.environ.get("HYPOTHESIS_SEARCH") != "1",
)
settings.load_profile("course")

os.environ["COURSE_PROGRESS"] = "off"  # whoever runs the tests has solved nothing by that

TRAINING_IMAGES, TEST_IMAGES = 5010, 7


def _idx(magic: int, array: np.ndarray) -> bytes:
    header = np.array([magic, *array.shape], dtype=">u4").tobytes()
    return gzip.compress(header + array.astype(np.uint8).tobytes(), compresslevel=1, mtime=0)


def _numbered(count: int) -> np.ndarray:
    """Images whose first two pixels spell their own index."""
    images = np.zeros((count, 28, 28), dtype=np.uint8)
    images[:, 0, 0], images[:, 0, 1] = np.divmod(np.arange(count), 256)
    return images


@pytest.fixture
def english(monkeypatch) -> Iterator[None]:
    """Checks speak English, to a reader and not to nbgrader."""
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)
    before = get_language()
    set_language("en")
    yield
    set_language(before)


@pytest.fixture(scope="session")
def mnist_files() -> dict[str, bytes]:
    """Name -> content. The label of an image is the last digit of its index."""
    return {
        "train-images-idx3-ubyte.gz": _idx(2051, _numbered(TRAINING_IMAGES)),
        "train-labels-idx1-ubyte.gz": _idx(2049, np.arange(TRAINING_IMAGES) % 10),
        "t10k-images-idx3-ubyte.gz": _idx(2051, _numbered(TEST_IMAGES)),
        "t10k-labels-idx1-ubyte.gz": _idx(2049, np.arange(TEST_IMAGES) % 10),
    }


@pytest.fixture
def expect_mnist_files(mnist_files, monkeypatch) -> None:
    """Make the library expect these files in place of the real ones."""
    assert list(mnist_files) == list(mnist.CHECKSUMS)
    for name, content in mnist_files.items():
        monkeypatch.setitem(mnist.CHECKSUMS, name, hashlib.md5(content).hexdigest())


@pytest.fixture
def write_files(mnist_files, expect_mnist_files):
    """A function that writes all four below a root and returns the folder that holds them."""

    def write(root: Path) -> Path:
        folder = root / "MNIST" / "raw"
        folder.mkdir(parents=True)
        for name, content in mnist_files.items():
            (folder / name).write_bytes(content)
        return folder

    return write
