"""The clinic: train a program and keep its chart, examine it with every check, draw what was seen."""

import inspect
import math
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from textwrap import dedent

import numpy as np
from IPython.display import HTML
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from torch import Tensor, from_numpy, nn

from course_utils import faulty_programs as faulty
from course_utils.data import MEAN, MNIST, STD, ImageDataset
from course_utils.diagnostics import (
    Finding,
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
from course_utils.faulty_programs import TrainingProgram
from course_utils.seeding import seeded

#: The patients of the lesson, in the order in which they are seen.
PATIENTS: dict[str, type[TrainingProgram]] = {
    "A": faulty.OtherModelsOptimizer,
    "B": faulty.NoEval,
    "C": faulty.RateDiverges,
    "D": faulty.SoftmaxTwice,
    "E": faulty.Overfitting,
    "F": faulty.RateTooLow,
    "G": faulty.InputsUnscaled,
    "H": faulty.SlowLoader,
    "I": faulty.DeadReLUs,
    "J": faulty.RateTooHigh,
    "K": faulty.LabelsShifted,
    "L": faulty.NoZeroGrad,
}

#: The patients of the exercise; one of them is sound.
NEW_PATIENTS: dict[str, type[TrainingProgram]] = {
    "M": faulty.DeadReLUs,
    "N": faulty.NoEval,
    "O": faulty.InputsUnscaled,
    "P": faulty.SoftmaxTwice,
    "Q": TrainingProgram,
    "R": faulty.NoZeroGrad,
    "S": faulty.OtherModelsOptimizer,
    "T": faulty.Overfitting,
}

_TRAIN = {"color": "#0173B2", "linestyle": "-"}
_VAL = {"color": "#D55E00", "linestyle": "--"}
_SOUND = {"color": "gray", "linestyle": ":", "linewidth": 2}
#: What a panel shows; beyond it a curve runs along the edge.
_LOSS_RANGE, _NORM_RANGE = (0.08, 30.0), (0.05, 1000.0)


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
    """The first training and validation images (all, where there are fewer), as bytes again."""
    train = mnist.train.subset(min(num_train, len(mnist.train)))
    val = mnist.val.subset(min(num_val, len(mnist.val)))
    return Pictures(_bytes(train), train.labels, _bytes(val), val.labels)


def _bytes(images: ImageDataset) -> Tensor:
    return ((images.images * STD + MEAN) * 255).round().byte().squeeze(1)


@dataclass
class Chart:
    """What a student sees of a run; one entry each ``every`` steps, the first before training.

    train_loss: mean over the steps since the last entry (NaN at step 0). val_accuracy in [0, 1].
    grad_norm: median global norm since the last entry. seconds: processor time of the training,
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
    num_steps: int = 150,
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
    val_batches = [(program.prepare(pictures.val_pixels), pictures.val_labels)]
    criterion = nn.CrossEntropyLoss()
    optimizer = program.make_optimizer(model)
    findings = [
        check_inputs(loader, 10),
        check_neighbours(loader),
        check_first_loss(model, loader, criterion),
        overfit_one_batch(
            model, loader, criterion, optimizer=optimizer, step=program.step, num_steps=60
        ),
        check_gradient_flow(model, loader, criterion),
        check_step(program.step, model, loader, optimizer),
        check_dead_units(chart.model, loader),
        check_evaluation(program.evaluate, chart.model, val_batches),
        check_speed(model, loader, criterion, num_batches=10),
        check_curves(chart.train_loss[1:], chart.val_loss[1:], start=math.log(10)),
    ]
    return {finding.check: finding for finding in findings}


def plot_charts(
    figure: Figure, patients: Mapping[str, Sequence[Chart]], sound: Sequence[Chart]
) -> np.ndarray:
    """A column a patient: loss, accuracy, gradient norm against steps, a thin line a seed.

    sound: charts of the sound program; their mean is the dotted line in every panel. The thin
    black line is ln 10, the loss of a guess. A curve that
    leaves the panel runs along its edge; where half the seeds or more have NaN, the panel is
    hatched. Returns the Axes, of shape (3, number of patients).
    """
    if not patients or not all(patients.values()) or not sound:
        raise ValueError("plot_charts needs at least one patient, and at least one chart for each")
    figure.set_layout_engine("none")  # constrained layout takes longer than the drawing itself
    grid = {"height_ratios": [1.5, 1, 1], "hspace": 0.1, "wspace": 0.08}
    grid |= {"left": 0.08, "right": 0.99, "bottom": 0.09, "top": 0.88}
    axes = figure.subplots(
        3, len(patients), squeeze=False, sharex=True, sharey="row", gridspec_kw=grid
    )
    for column, (name, charts) in zip(axes.T, patients.items(), strict=True):
        seconds = np.median([c.seconds for c in charts]) / np.median([c.seconds for c in sound])
        column[0].set_title(f"patient {name}  (time x{seconds:.1f})", fontsize=11)
        _draw_column(column, charts, sound)
    for ax, label in zip(
        axes[:, 0], ("loss (log)", "accuracy (%)", "gradient norm\n(log)"), strict=True
    ):
        ax.set_ylabel(label)
    for ax in axes[-1]:
        ax.set_xlabel("step")
    handles = [axes[0, 0].plot([], [], **style)[0] for style in (_TRAIN, _VAL, _SOUND)]
    names = ["training", "validation", "sound program (validation; bottom: training)"]
    figure.legend(handles, names, loc="upper center", ncols=3, frameon=False)
    return axes


def _draw_column(column: Sequence[Axes], charts: Sequence[Chart], sound: Sequence[Chart]) -> None:
    loss, accuracy, norm = column
    steps = sound[0].steps
    loss.plot(steps, np.mean([c.val_loss for c in sound], axis=0), **_SOUND)
    accuracy.plot(steps, 100 * np.mean([c.val_accuracy for c in sound], axis=0), **_SOUND)
    norm.plot(steps, np.mean([c.grad_norm for c in sound], axis=0), **_SOUND)
    for chart in charts:
        thin = {"linewidth": 1.2, "alpha": 0.8}
        loss.plot(chart.steps, np.clip(chart.train_loss, *_LOSS_RANGE), **_TRAIN, **thin)
        loss.plot(chart.steps, np.clip(chart.val_loss, *_LOSS_RANGE), **_VAL, **thin)
        accuracy.plot(chart.steps, 100 * np.array(chart.val_accuracy), **_VAL, **thin)
        norm.plot(chart.steps, np.clip(chart.grad_norm, *_NORM_RANGE), **_TRAIN, **thin)
    loss.axhline(np.log(10), color="black", linewidth=0.6)
    loss.set(yscale="log", ylim=(_LOSS_RANGE[0] * 0.8, _LOSS_RANGE[1] * 1.25))
    accuracy.set(ylim=(0, 100))
    norm.set(yscale="log", ylim=(_NORM_RANGE[0] * 0.7, _NORM_RANGE[1] * 1.4))
    for ax in (loss, norm):
        ax.yaxis.set_minor_locator(NullLocator())  # many tick marks, drawn slowly, of little use
    broken = np.mean([~np.isfinite(c.val_loss) for c in charts], axis=0) >= 0.5
    if broken.any():
        begin = steps[int(broken.argmax())]
        for ax in (loss, norm):
            ax.axvspan(begin, steps[-1], facecolor="none", edgecolor="gray", hatch="//", alpha=0.4)
            ax.text(0.5, 0.5, "NaN", transform=ax.transAxes, ha="center", fontsize=13)


def side_by_side(patient: type[TrainingProgram]) -> HTML:
    """The method in which a patient differs from the sound program: its code, and the mended code.

    A line that is only on one side is marked by ✗ or ✓ and shaded. Long lines stand one above the
    other.
    """
    names = [name for name in vars(patient) if name in vars(TrainingProgram) and name[0] != "_"]
    if len(names) != 1:
        raise ValueError(f"a patient overrides exactly one method, {patient.__name__} has {names}")
    broken, mended = (_lines(getattr(owner, names[0])) for owner in (patient, TrainingProgram))
    left = _code("as it came", broken, set(mended), "✗", "#F9DDCF")
    right = _code("mended", mended, set(broken), "✓", "#D5E8F5")
    is_wide = max(map(len, broken + mended)) > 60
    return HTML(f"<table><tr>{left}{'</tr><tr>' if is_wide else ''}{right}</tr></table>")


def _lines(method: object) -> list[str]:
    source = dedent(inspect.getsource(method))
    source = re.sub(r'\n\s*""".*?"""', "", source, flags=re.DOTALL)
    source = re.sub(r": (Tensor|int|nn\.Module|Batches|Optimizer)\b", "", source)
    source = re.sub(r" -> [^\n]*:\n", ":\n", source)
    return re.sub(r"\(\n\s*(self[^\n]*)\n\)", r"(\1)", source).rstrip().splitlines()


def _code(title: str, lines: list[str], other: set[str], mark: str, shade: str) -> str:
    rows = []
    for line in lines:
        differs = line not in other
        style = f' style="background:{shade}"' if differs else ""
        rows.append(f"<span{style}>{mark if differs else ' '} {escape(line)}</span>")
    code = "font-family:monospace; font-size:12px; line-height:1.35; white-space:pre"
    cell = "vertical-align:top; text-align:left; padding:0 1em 0 0"
    return (
        f'<td style="{cell}"><b>{title}</b><pre style="{code}">' + "\n".join(rows) + "</pre></td>"
    )
