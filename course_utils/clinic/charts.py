"""What the clinic shows: charts of patients, and their code beside the mended code."""

import inspect
import re
from collections.abc import Mapping, Sequence
from html import escape
from textwrap import dedent

import numpy as np
from IPython.display import HTML
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from course_utils.clinic import Chart
from course_utils.clinic.programs import TrainingProgram

_TRAIN = {"color": "#0173B2", "linestyle": "-"}
_VAL = {"color": "#D55E00", "linestyle": "--"}
_SOUND = {"color": "gray", "linestyle": ":", "linewidth": 2}
#: What a panel shows; beyond it a curve runs along the edge.
_LOSS_RANGE, _NORM_RANGE = (0.08, 30.0), (0.05, 1000.0)


def plot_charts(
    figure: Figure,
    patients: Mapping[str, Sequence[Chart]],
    sound: Sequence[Chart],
    *,
    timed: bool = True,
) -> np.ndarray:
    """A column per patient: loss, accuracy, gradient norm against steps, a thin line per seed.

    The thin black line is ln 10, the loss of a guess. A curve that leaves the panel runs along its edge;
    if half the seeds or more have NaN, the panel is hatched. Returns the Axes, of shape (3, number of
    patients).

    Args:
        figure: best made with ``layout="none"``; one that had another layout is drawn twice.
        patients: name -> charts, one per seed.
        sound: charts of the sound program; their mean is the dotted line in every panel.
        timed: whether the titles say how many times the sound program's time a patient took; that is
            fair only if both ran in turns (by one ``run_seeds``), as machines slow down for minutes.
    """
    if not patients or not all(patients.values()) or not sound:
        raise ValueError("plot_charts needs at least one patient, and at least one chart for each")
    figure.set_layout_engine("none")  # constrained layout takes longer than the drawing itself
    grid = {"height_ratios": [1.5, 1, 1], "hspace": 0.1, "wspace": 0.08}
    grid |= {"left": 0.1, "right": 0.99, "bottom": 0.09, "top": 0.88}
    axes = figure.subplots(
        3, len(patients), squeeze=False, sharex=True, sharey="row", gridspec_kw=grid
    )
    for column, (name, charts) in zip(axes.T, patients.items(), strict=True):
        title = f"patient {name}"
        if timed:
            ill, well = (np.median([chart.seconds for chart in runs]) for runs in (charts, sound))
            title += f"  (time x{ill / well:.1f})"
        column[0].set_title(title, fontsize=11)
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
        style = f' style="color:#000; background:{shade}"' if differs else ""
        rows.append(f"<span{style}>{mark if differs else ' '} {escape(line)}</span>")
    code = "font-family:monospace; font-size:12px; line-height:1.35; white-space:pre"
    cell = "vertical-align:top; text-align:left; padding:0 1em 0 0"
    return (
        f'<td style="{cell}"><b>{title}</b><pre style="{code}">' + "\n".join(rows) + "</pre></td>"
    )
