"""Measure the speeds the course promises: `python tools/bench.py [NAME ...]`.

A figure with a target says "ok" or "missed"; a missed target fails nothing. What is compared takes
turns (A B A B ...) in one run; seconds are medians, and ratios are medians of the rounds' ratios.
A new benchmark is one function that yields lines, marked @benchmark("name").
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from build import FOLDERS, BuildError, build, lesson_paths
from torch import Tensor, nn, optim
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from course_utils.experiment import run_seeds
from course_utils.language import set_language
from course_utils.loader import TensorLoader
from course_utils.mnist import MEAN, MNIST, STD, ImageDataset, load_mnist
from course_utils.models import MNIST_MLP
from course_utils.training import Batches, fit, train_epoch

Benchmark = Callable[[], Iterator[str]]
BENCHMARKS: dict[str, Benchmark] = {}


def benchmark(name: str) -> Callable[[Benchmark], Benchmark]:
    return lambda function: BENCHMARKS.setdefault(name, function)


def take_turns(repeats: int, *tasks: Callable[[], object]) -> np.ndarray:
    """Seconds of each task in each round, shape (tasks, repeats)."""
    seconds = np.empty((len(tasks), repeats))
    for turn in range(repeats):
        for i, task in enumerate(tasks):
            started = time.perf_counter()
            task()
            seconds[i, turn] = time.perf_counter() - started
    return seconds


def judged(values: np.ndarray | float, *, at_least: float = 0, at_most: float = np.inf) -> str:
    value = np.median(values)
    target = f"at least {at_least:g}" if at_least > 0 else f"at most {at_most:g}"
    return f"{value:.2f} ({target}: {'ok' if at_least <= value <= at_most else 'missed'})"


@cache
def tiers() -> list[str]:
    return ["full", "embedded"] if load_mnist().tier == "full" else ["embedded"]


@cache
def training_images() -> ImageDataset:
    """Training and validation images together: on full MNIST the original 60,000."""
    parts = zip(*(part.tensors for part in load_mnist()[:2]), strict=True)
    return ImageDataset(*(torch.cat(tensors) for tensors in parts))


def course_epoch(batches: Batches) -> None:
    model = MNIST_MLP(seed=0)
    optimizer = optim.Adam(model.parameters(), lr=0.001, fused=True)
    train_epoch(model, batches, nn.CrossEntropyLoss(), optimizer, "cpu")


class ImageByImage(datasets.MNIST):
    """torchvision's MNIST, which transforms one image at a time, of the images at hand."""

    def _check_exists(self) -> bool:
        return True

    def _load_data(self) -> tuple[Tensor, Tensor]:
        images, labels = training_images().tensors
        return ((images.squeeze(1) * STD + MEAN) * 255).round().to(torch.uint8), labels


def image_by_image_loader() -> DataLoader:
    steps = [transforms.ToTensor(), transforms.Normalize((MEAN,), (STD,))]
    return DataLoader(ImageByImage("", transform=transforms.Compose(steps)), 64, shuffle=True)


def usual_epoch(loader: DataLoader) -> tuple[float, float]:
    """The loop of most tutorials: plain Adam, and two waits for a number at each step."""
    model, criterion = MNIST_MLP(seed=0), nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=0.001)
    model.train()
    total_loss, correct, total = 0.0, 0, 0
    for images, labels in loader:
        images, labels = images.to("cpu"), labels.to("cpu")
        optimizer.zero_grad()
        outputs = model(images)
        loss = criterion(outputs, labels)
        loss.backward()
        optimizer.step()
        total_loss += loss.item() * images.size(0)
        _, predicted = outputs.max(1)
        total += labels.size(0)
        correct += predicted.eq(labels).sum().item()
    return total_loss / total, correct / total


def matrix_products(num_batches: int) -> None:
    """All of an epoch at batch 64: outputs, weight gradients, and input gradients but the first."""
    layers = [
        (torch.randn(64, fan_in), torch.randn(fan_out, fan_in), torch.randn(64, fan_out))
        for fan_in, fan_out in [(784, 256), (256, 256), (256, 10)]
    ]
    for _ in range(num_batches):
        for x, weight, gradient in layers:
            torch.mm(x, weight.T)
            torch.mm(gradient.T, x)
        for _, weight, gradient in layers[1:]:
            torch.mm(gradient, weight)


@benchmark("epoch")
def epoch() -> Iterator[str]:
    batches = TensorLoader(training_images(), 64, shuffle=True)
    usual_loader = image_by_image_loader()
    epochs = partial(usual_epoch, usual_loader), partial(course_epoch, batches)
    seconds = take_turns(5, *epochs, partial(matrix_products, len(batches)))
    usual, course, products = seconds
    yield "{:.2f} s DataLoader, plain Adam; {:.2f} s course; {:.2f} s matrix products alone".format(
        *np.median(seconds, axis=1)
    )
    yield f"DataLoader and plain Adam / course: {judged(usual / course, at_least=4)}"
    yield f"course / matrix products alone: {np.median(course / products):.2f} (no target)"


@benchmark("loader")
def loader() -> Iterator[str]:
    batches = TensorLoader(training_images(), 64, shuffle=True)
    seconds = take_turns(11, partial(course_epoch, batches), partial(course_epoch, list(batches)))
    yield "{:.2f} s per epoch; {:.2f} s from ready-made batches".format(*np.median(seconds, axis=1))
    yield f"epoch / from ready-made batches: {judged(seconds[0] / seconds[1], at_most=1.15)}"


def two_epochs(seed: int, mnist: MNIST) -> float:
    model = MNIST_MLP(seed=seed)
    loaders = TensorLoader(mnist.train, 128, shuffle=True), TensorLoader(mnist.val, 1000)
    optimizer = optim.Adam(model.parameters(), lr=0.001, fused=True)
    history = fit(model, *loaders, nn.CrossEntropyLoss(), optimizer, epochs=2, seed=seed)
    return history.val_accuracy[-1]


@benchmark("seeds")
def seeds() -> Iterator[str]:
    mnist = load_mnist()
    run_seeds(lambda seed: seed)  # starts the processes, about four seconds once a session
    loop, pool = take_turns(
        3,
        lambda: [two_epochs(seed, mnist) for seed in range(5)],
        lambda: run_seeds(two_epochs, range(5), mnist=mnist),
    )
    yield f"five runs: {np.median(loop):.1f} s in a loop of {torch.get_num_threads()} threads"
    yield f"five runs: {np.median(pool):.1f} s by run_seeds, {os.cpu_count()} cores, pool warmed up"
    yield f"run_seeds / loop: {judged(pool / loop, at_most=0.85)}"


def fresh_python(code: str) -> str:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@benchmark("import")
def import_numpy_track() -> Iterator[str]:
    code = "import course_utils.numpy_track, sys; print('torch' in sys.modules)"
    bare, track = take_turns(5, partial(fresh_python, ""), partial(fresh_python, code))
    yield f"Python alone: {np.median(bare):.2f} s"
    yield f"Python, import course_utils.numpy_track, in seconds: {judged(track, at_most=0.2)}"
    yield f"torch is not loaded: {'ok' if fresh_python(code) == 'False' else 'missed'}"


@benchmark("numpy")
def numpy_track() -> Iterator[str]:
    """In a process of its own: one thread is for this comparison alone."""
    command = [sys.executable, Path(__file__).with_name("bench_numpy_track.py")]
    single = {**os.environ, "OMP_NUM_THREADS": "1"}
    result = subprocess.run(command, env=single, check=True, stdout=subprocess.PIPE, text=True)
    yield from result.stdout.splitlines()


@benchmark("data")
def data() -> Iterator[str]:
    code = """import time; from course_utils.mnist import load_mnist; started = time.perf_counter()
load_mnist({!r}); print(time.perf_counter() - started)"""
    for tier in tiers():
        seconds = [float(fresh_python(code.format(tier))) for _ in range(5)]
        result = judged(seconds, at_most={"full": 2, "embedded": 1}[tier])
        yield f"load_mnist({tier!r}), in seconds: {result}"


@benchmark("lessons")
def lessons() -> Iterator[str]:
    """Every lesson by the builder, one after another, into a folder that does not stay."""
    for tier in tiers():
        allowed = {"full": 90, "embedded": 40}[tier]
        seconds = {}
        for lesson in lesson_paths():
            try:
                seconds[lesson.stem] = build_aside(lesson, tier)
                limit = 150 if lesson.stem.endswith("mnist_mlp") and tier == "full" else allowed
                result = judged(seconds[lesson.stem], at_most=limit)
            except BuildError as error:
                seconds[lesson.stem] = np.nan
                result = f"missed, it does not run: {error}"
            yield f"{lesson.stem} on {tier} data, in seconds: {result}"
        pytorch = sum(s for name, s in seconds.items() if "_numpy_" not in name)
        yield f"all in PyTorch on {tier} data, in minutes: {judged(pytorch / 60, at_most=10)}"
    usual_loader = image_by_image_loader()
    epoch_seconds = np.median(take_turns(3, partial(usual_epoch, usual_loader)))
    yield (
        f"84 epochs of DataLoader and plain Adam, which train one seed of each comparison: "
        f"{84 * epoch_seconds / 60:.1f} minutes at {epoch_seconds:.1f} s per epoch"
    )


def build_aside(lesson: Path, tier: str) -> float:
    """Seconds to build one lesson's English edition without touching the notebook that is there."""
    with (
        tempfile.TemporaryDirectory() as folder,
        patch.dict(FOLDERS, {"en": Path(folder)}),
        patch.dict(os.environ, COURSE_DATA=tier),
    ):
        return build(lesson, "en")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"some of {', '.join(BENCHMARKS)}; else all")
    names = parser.parse_args().names or list(BENCHMARKS)
    if unknown := [name for name in names if name not in BENCHMARKS]:
        parser.error(f"no benchmark is named {unknown[0]}; there are {', '.join(BENCHMARKS)}")
    os.environ["COURSE_QUIET"] = "1"
    set_language("en")
    print(load_mnist().banner())
    for name in names:
        for line in BENCHMARKS[name]():
            print(f"{name:8} {line}", flush=True)


if __name__ == "__main__":
    main()
