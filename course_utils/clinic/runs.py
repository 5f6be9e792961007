"""The clinic: train a program and keep its chart, and examine it with every check."""

import math
import time
from dataclasses import dataclass, field

import numpy as np
from torch import Tensor, from_numpy, nn

from course_utils.clinic.programs import TrainingProgram
from course_utils.diagnostics import (
    Finding,
    check_baseline,
    check_curves,
    check_dead_units,
    check_evaluation,
    check_first_loss,
    check_gradient_flow,
    check_inputs,
    check_neighbours,
    check_speed,
    check_step,
    overfit_one_batch,
)
from course_utils.mnist import MEAN, MNIST, STD, ImageDataset
from course_utils.seeding import seeded


@dataclass(frozen=True)
class Pictures:
    """What every program is given: bytes (N, 28, 28) and labels (N,)."""

    train_pixels: Tensor
    train_labels: Tensor
    val_pixels: Tensor
    val_labels: Tensor

    def __post_init__(self) -> None:
        # the same arrays each time, so that workers of run_seeds get them memory-mapped
        object.__setattr__(self, "_arrays", tuple(t.numpy() for t in vars(self).values()))

    def __reduce__(self) -> tuple:
        return _pictures_from_arrays, self._arrays


def _pictures_from_arrays(*arrays: np.ndarray) -> Pictures:
    return Pictures(*(from_numpy(np.array(array)) for array in arrays))


def take_pictures(mnist: MNIST, num_train: int = 12_000, num_val: int = 500) -> Pictures:
    """The first training and validation images (all, if there are fewer), as bytes again."""
    train = mnist.train.subset(min(num_train, len(mnist.train)))
    val = mnist.val.subset(min(num_val, len(mnist.val)))
    return Pictures(_bytes(train), train.labels, _bytes(val), val.labels)


def _bytes(images: ImageDataset) -> Tensor:
    return ((images.images * STD + MEAN) * 255).round().byte().squeeze(1)


@dataclass
class Chart:
    """What a student sees of a run; one entry each ``every`` steps, the first before training.

    train_loss: mean over the steps since the last entry (NaN at step 0). val_accuracy in [0, 1].
    grad_norm: median global norm since the last entry. seconds: CPU time of the training,
    batches included and evaluations not. model: as it was at the end.
    """

    model: nn.Module
    steps: list[int] = field(default_factory=list)
    train_loss: list[float] = field(default_factory=list)
    val_loss: list[float] = field(default_factory=list)
    val_accuracy: list[float] = field(default_factory=list)
    grad_norm: list[float] = field(default_factory=list)
    seconds: float = 0.0


def run(
    program: TrainingProgram,
    pictures: Pictures,
    seed: int,
    *,
    num_steps: int = 125,
    every: int = 25,
) -> Chart:
    """Train ``program`` for ``num_steps`` from ``seed`` and keep its chart; NaN stops nothing."""
    if num_steps < 1 or every < 1:
        raise ValueError(f"num_steps and every must be at least 1, got {num_steps}, {every}")
    chart = Chart(program.make_model(seed))
    model = chart.model
    optimizer = program.make_optimizer(model)
    loader = program.make_loader(pictures.train_pixels, pictures.train_labels, seed)
    val_batches = [(program.prepare(pictures.val_pixels), pictures.val_labels)]
    losses, norms = [math.nan], [math.nan]
    with seeded(seed):
        batches, started = iter(loader), time.process_time()
        for step in range(num_steps + 1):
            if step % every == 0:
                chart.seconds += time.process_time() - started
                val_loss, val_accuracy = program.evaluate(model, val_batches)
                chart.steps.append(step)
                chart.train_loss.append(float(np.mean(losses)))
                chart.val_loss.append(val_loss)
                chart.val_accuracy.append(val_accuracy)
                chart.grad_norm.append(float(np.median(norms)))
                losses, norms = [], []
                model.train()
                started = time.process_time()
            if step == num_steps:
                break
            batch = next(batches, None)
            if batch is None:
                batches = iter(loader)
                batch = next(batches)
            losses.append(program.step(model, optimizer, *batch).item())
            if step % 3 == 0:
                gradients = [p.grad for p in model.parameters() if p.grad is not None]
                norms.append(nn.utils.get_total_norm(gradients).item())
    return chart


def examine(
    program: TrainingProgram,
    pictures: Pictures,
    chart: Chart,
    seed: int,
    *,
    num_pictures: int = 2048,
) -> dict[str, Finding]:
    """Every check of the course on one program: name of the check -> Finding.

    Most look at the model before training; dead units and evaluation, at the trained one of ``chart``.
    num_pictures: a check is cheap, and sees no more than so many of the training images.
    """
    model = program.make_model(seed)
    few = pictures.train_pixels[:num_pictures], pictures.train_labels[:num_pictures]
    loader = program.make_loader(*few, seed)
    batches = list(loader)  # a slow loader is read once, not by every check
    val_batches = [(program.prepare(pictures.val_pixels), pictures.val_labels)]
    criterion = nn.CrossEntropyLoss()
    optimizer = program.make_optimizer(model)
    findings = [
        check_inputs(batches, 10),
        check_neighbours(batches),
        check_first_loss(model, batches, criterion),
        overfit_one_batch(
            model, batches, criterion, optimizer=optimizer, step=program.step, num_steps=60
        ),
        check_baseline(
            model,
            batches,
            val_batches,
            criterion,
            optimizer=optimizer,
            step=program.step,
            num_steps=60,
        ),
        check_gradient_flow(model, batches, criterion),
        check_step(program.step, model, batches, optimizer),
        check_dead_units(chart.model, batches),
        check_evaluation(program.evaluate, chart.model, val_batches),
        check_speed(model, loader, criterion, num_batches=10),
        check_curves(chart.train_loss[1:], chart.val_loss[1:], start=math.log(10)),
    ]
    return {finding.check: finding for finding in findings}
