"""The history of a training run as four figures, or as a table if matplotlib is missing."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from course_utils.numpy_track.training_loop import HISTORY_KEYS

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_training_curves(
    history: Mapping[str, Sequence[float]], save_path: str | os.PathLike | None = None
) -> "Figure | None":
    """Loss, metric, learning rate and gradient norm against epochs, in a 2x2 figure.

    history: what ``train_model`` returned. save_path: where to write the figure too; its ending says
    the format. The file appears whole or not at all.
    Returns the figure. Without matplotlib, prints the numbers as a table and returns None.
    Raises ValueError on a history that is not one, FileNotFoundError if the folder is missing.
    """
    _check(history)
    path = None if save_path is None else _check_path(save_path)
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        print(history_table(history))
        if path is not None:
            print(f"matplotlib is not installed, so nothing was written to {path}")
        return None
    figure, axes = plt.subplots(2, 2, figsize=(9, 6), layout="constrained", sharex=True)
    epochs = range(1, len(history["train_loss"]) + 1)
    size = 4 if len(epochs) <= 30 else 0
    for ax, name in zip(axes[0], ("loss", "metric"), strict=True):
        ax.plot(epochs, history[f"train_{name}"], "o-", label="training", markersize=size)
        ax.plot(epochs, history[f"val_{name}"], "s--", label="validation", markersize=size)
        ax.legend()
    axes[0, 0].set(title="Loss", ylabel="mean over rows")
    axes[0, 1].set(title="Metric", ylabel="accuracy,\nor minus the loss")
    for ax, key in zip(axes[1], ("learning_rates", "grad_norms"), strict=True):
        ax.plot(epochs, history[key], "o-", color="black", markersize=size)
        highest = max((value for value in history[key] if value > 0), default=1)
        ax.set(xlabel="epoch", ylim=(0, 1.1 * highest))
    axes[1, 0].set(title="Learning rate", ylabel="rate of the epoch")
    axes[1, 1].set(title="Gradient norm", ylabel="mean over steps,\nbefore clipping")
    axes[1, 0].xaxis.get_major_locator().set_params(integer=True)
    if path is not None:
        _save(figure, path)
    return figure


def history_table(history: Mapping[str, Sequence[float]], max_rows: int = 20) -> str:
    """The history as text: a row per epoch, evenly thinned to about ``max_rows``, the last one included."""
    _check(history)
    num_epochs = len(history["train_loss"])
    every = -(-num_epochs // max_rows)
    shown = sorted({*range(0, num_epochs, every), num_epochs - 1})
    lines = ["epoch " + " ".join(f"{key:>14}" for key in HISTORY_KEYS)]
    for row in shown:
        numbers = " ".join(f"{history[key][row]:14.5g}" for key in HISTORY_KEYS)
        lines.append(f"{row + 1:5} {numbers}")
    return "\n".join(lines)


def _check(history: Mapping[str, Sequence[float]]) -> None:
    missing = [key for key in HISTORY_KEYS if key not in history]
    if missing:
        raise ValueError(f"history must be what train_model returns; it lacks {', '.join(missing)}")
    lengths = {key: len(history[key]) for key in HISTORY_KEYS}
    if len(set(lengths.values())) != 1 or 0 in lengths.values():
        raise ValueError(
            f"the lists of a history must be equally long and not empty, got {lengths}"
        )


def _check_path(save_path: str | os.PathLike) -> Path:
    path = Path(save_path)
    if not path.suffix:
        raise ValueError(f"save_path must end in a format such as .png or .pdf, got {path}")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"the folder of save_path does not exist: {path}")
    return path


def _save(figure: "Figure", path: Path) -> None:
    """Write beside the goal first, then rename: nobody ever finds half a figure."""
    part = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        figure.savefig(part, dpi=120)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
