"""Plots that more than one lesson draws. Each takes the Axes to draw on and returns it."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from torch import Tensor

from course_utils.intervals import Interval, half_width
from course_utils.mnist import MEAN, STD
from course_utils.training import History


def plot_band(
    ax: Axes, x: ArrayLike, runs: ArrayLike, label: str, *, log: bool = False, marker: str = ""
) -> Axes:
    """The mean over runs as a line, its pointwise 95 % t-interval as a band.

    Args:
        ax: where to draw.
        x: (T,).
        runs: (S, T), a row per run, S at least 2.
        label: the line's name in the legend.
        log: take the geometric mean, for a logarithmic axis.
        marker: of the line, so that colour is not the only sign.
    """
    runs = np.asarray(runs, dtype=float)
    if runs.ndim != 2 or len(runs) < 2 or runs.shape[1] != len(np.asarray(x)):
        raise ValueError(f"runs must have shape (S >= 2, {len(np.asarray(x))}), got {runs.shape}")
    values = np.log(runs) if log else runs
    mean = values.mean(axis=0)
    margin = half_width(values)
    center, low, high = (np.exp(y) if log else y for y in (mean, mean - margin, mean + margin))
    (line,) = ax.plot(x, center, label=label, marker=marker)
    ax.fill_between(x, low, high, color=line.get_color(), alpha=0.2, linewidth=0)
    if log:
        ax.set_yscale("log")
    return ax


def plot_forest(
    ax: Axes, labels: Sequence[str], intervals: Sequence[Interval], found: Sequence[bool] = ()
) -> Axes:
    """A row per interval, from the top down: a dot at the mean, a bar from low to high, a line at 0.

    Args:
        ax: where to draw.
        labels: a name per row.
        intervals: as many as ``labels``.
        found: whether each counts as a difference (say, after Holm's correction), shown as a filled
            dot; without it, whether the interval excludes zero.
    """
    if len(labels) != len(intervals) or (len(found) and len(found) != len(intervals)):
        raise ValueError(
            f"labels, intervals and found must be as many, got {len(labels)}, {len(intervals)}, "
            f"{len(found)}"
        )
    ax.axvline(0, color="black", linewidth=1)
    for row, interval in enumerate(intervals):
        filled = found[row] if len(found) else interval.excludes_zero
        style = {"color": "#0173B2" if filled else "gray"}
        style["markerfacecolor"] = style["color"] if filled else "white"
        error = [[interval.mean - interval.low], [interval.high - interval.mean]]
        ax.errorbar(interval.mean, row, xerr=error, marker="o", capsize=4, **style)
    ax.set_yticks(range(len(labels)), labels)
    ax.invert_yaxis()
    return ax


def plot_history(ax: Axes, histories: History | Sequence[History], metric: str) -> Axes:
    """Training and validation ``metric`` against epochs.

    Args:
        ax: where to draw.
        histories: one gives lines, several give means with 95 % bands.
        metric: ``"loss"`` or ``"accuracy"``.

    Raises:
        ValueError: on another metric, on no history, and on histories of different lengths.
    """
    if metric not in ("loss", "accuracy"):
        raise ValueError(f"metric must be 'loss' or 'accuracy', got {metric!r}")
    histories = [histories] if isinstance(histories, History) else list(histories)
    lengths = {len(getattr(h, f"{part}_{metric}")) for h in histories for part in ("train", "val")}
    if len(lengths) != 1:
        raise ValueError(
            "the histories must be of one length, at least one of them, got lengths "
            f"{sorted(lengths)}; plot runs that stopped at different epochs one at a time"
        )
    epochs = np.arange(1, len(histories[0]) + 1)
    scale = 100 if metric == "accuracy" else 1
    for part, label, marker in (("train", "training", "o"), ("val", "validation", "s")):
        runs = scale * np.array([getattr(history, f"{part}_{metric}") for history in histories])
        if len(runs) == 1:
            ax.plot(epochs, runs[0], label=label, marker=marker)
        else:
            plot_band(ax, epochs, runs, label, marker=marker)
    ax.set(xlabel="epoch", ylabel="accuracy (%)" if metric == "accuracy" else "loss (nats)")
    ax.legend()
    return ax


def show_images(
    figure: Figure,
    images: Tensor,
    titles: Sequence[str],
    *,
    columns: int = 5,
    wrong: Sequence[bool] | None = None,
) -> np.ndarray:
    """A grid of normalized images with a title each; returns the array of Axes.

    Args:
        figure: where to draw.
        images: (N, 1, 28, 28).
        titles: one per image.
        columns: how many images stand side by side.
        wrong: marks these titles in bold vermilion, so that colour is not the only sign.
    """
    if len(images) != len(titles):
        raise ValueError(f"as many titles as images are needed, got {len(titles)}, {len(images)}")
    rows = -(-len(images) // columns)
    axes = figure.subplots(rows, columns, squeeze=False)
    for ax in axes.flat:
        ax.axis("off")
    for index, (ax, image, title) in enumerate(zip(axes.flat, images, titles, strict=False)):
        ax.imshow((image.squeeze() * STD + MEAN).numpy(), vmin=0, vmax=1)
        is_wrong = wrong is not None and bool(wrong[index])
        style = {"color": "#D55E00", "fontweight": "bold"} if is_wrong else {}
        ax.set_title(title, fontsize=10, **style)
    return axes


def plot_confusion(ax: Axes, counts: ArrayLike, class_names: Sequence[str] | None = None) -> Axes:
    """A confusion matrix: a row per true class, a column per predicted one.

    The colour shows mistakes only (the diagonal would drown them); every count is written.

    Args:
        ax: where to draw.
        counts: (K, K).
        class_names: one per class.

    Raises:
        ValueError: unless counts are square and whole, and class_names one per class.
    """
    counts = np.asarray(counts)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or not counts.size:
        raise ValueError(f"counts must be square, got shape {counts.shape}")
    if not ((counts >= 0) & (counts == np.floor(counts)) & (counts < np.inf)).all():
        raise ValueError(
            "counts must be whole numbers of examples, got numbers from "
            f"{counts.min():.4g} to {counts.max():.4g}; give them as counted, without dividing"
        )
    counts = counts.astype(np.int64)
    names = class_names if class_names is not None else [str(k) for k in range(len(counts))]
    if len(names) != len(counts):
        raise ValueError(f"class_names must be {len(counts)}, one per class, got {len(names)}")
    import seaborn as sns  # takes a second, and few lessons draw one

    mistakes = counts * ~np.eye(len(counts), dtype=bool)
    sns.heatmap(
        mistakes,
        annot=counts,
        fmt="d",
        cmap="Blues",
        xticklabels=names,
        yticklabels=names,
        cbar_kws={"label": "mistakes (count)"},
        annot_kws={"fontsize": 9},
        ax=ax,
    )
    ax.set(xlabel="predicted class", ylabel="true class")
    ax.tick_params(rotation=0)
    ax.grid(False)
    return ax


def plot_decision_boundary(
    ax: Axes,
    score: Callable[[Tensor], Tensor],
    *,
    xlim: tuple[float, float],
    ylim: tuple[float, float],
    resolution: int = 201,
) -> Axes:
    """Shade the plane by the sign of ``score`` and draw the line where it is zero.

    Args:
        ax: where to draw.
        score: maps points (N, 2) to N numbers, positive if the model says class 1.
        xlim: the left and right end.
        ylim: the lower and upper end.
        resolution: points per side of the grid.
    """
    x, y = torch.linspace(*xlim, resolution), torch.linspace(*ylim, resolution)
    points = torch.cartesian_prod(x, y)
    with torch.no_grad():
        values = score(points).reshape(resolution, resolution).T.numpy()
    if values.min() < 0 < values.max():
        ax.contour(x, y, values, levels=[0], colors="black", linestyles="--", linewidths=1.5)
    ax.contourf(x, y, values > 0, levels=[-0.5, 0.5, 1.5], colors=["#DE8F05", "#0173B2"], alpha=0.2)
    ax.set(xlim=xlim, ylim=ylim)
    return ax
