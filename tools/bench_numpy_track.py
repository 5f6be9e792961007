"""The speeds of the NumPy track: `python tools/bench_numpy_track.py [NAME ...]`, one thread.

LSTM and Relational RNN against PyTorch, forward and backward, float32, taking turns in one process.
Costs are drawn into build/numpy_track_*.png. Every function yields lines, as in bench.py, which runs this
file in a process of its own.
"""

import argparse
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # NumPy's matrix products, like torch's

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn
from torch_recurrent import TorchLSTM, TorchRelationalRNN

from course_utils import seeding
from course_utils.numpy_track.gradients import (
    compute_numerical_gradient,
    compute_numerical_gradient_fast,
)
from course_utils.numpy_track.losses import cross_entropy_loss
from course_utils.numpy_track.lstm_baseline import LSTM
from course_utils.numpy_track.relational_rnn import RelationalRNN

BUILD = Path(__file__).resolve().parents[1] / "build"
LSTM_SIZES = [
    (8, 32, 3, 32, 20),
    (32, 64, 16, 32, 20),
    (32, 128, 16, 32, 50),
    (64, 256, 10, 64, 50),
]
RELATIONAL_SIZES = [(8, 4, 2, 16, 32, 20), (17, 5, 2, 16, 64, 5), (32, 8, 4, 16, 32, 20)]
SECONDS_EACH = 4.0


def against_torch(model, torch_model: nn.Module, B: int, T: int) -> str:
    """Forward and backward of both, in turn, as one line."""
    rng = seeding.rng(0)
    X = rng.normal(size=(B, T, model.input_size)).astype(np.float32)
    y = rng.integers(0, model.output_size, size=B)
    inputs, labels, criterion = torch.from_numpy(X), torch.from_numpy(y), nn.CrossEntropyLoss()

    def torch_step() -> None:
        torch_model.zero_grad()
        criterion(torch_model(inputs), labels).backward()

    ours, theirs = in_turn(lambda: model.loss_and_grads(X, y), torch_step)
    ratio = np.median(ours / theirs)
    verdict = "ok" if ratio < 1 else "missed"
    milliseconds = 1000 * np.median(ours), 1000 * np.median(theirs)
    return (
        "{:.2f} ms, torch {:.2f} ms".format(*milliseconds) + f": {ratio:.2f} (below 1: {verdict})"
    )


def in_turn(
    *tasks: Callable[[], object], seconds: float = SECONDS_EACH, at_least: int = 5
) -> np.ndarray:
    """Seconds of each task in each round, (tasks, rounds), for as long as ``seconds`` allow."""
    if at_least > 1:
        for task in tasks * 3:  # buffers, caches
            task()
    rounds, started = [], time.perf_counter()
    while time.perf_counter() - started < seconds or len(rounds) < at_least:
        marks = [time.perf_counter()]
        for task in tasks:
            task()
            marks.append(time.perf_counter())
        rounds.append(np.diff(marks))
    return np.array(rounds).T


def lstm() -> Iterator[str]:
    torch.set_num_threads(1)
    for D, H, out, B, T in LSTM_SIZES:
        model = LSTM(D, H, out, rng=0)
        line = against_torch(model, TorchLSTM(model), B, T)
        yield f"LSTM (input, hidden, out, batch, steps) = {(D, H, out, B, T)}: {line}"


def relational() -> Iterator[str]:
    torch.set_num_threads(1)
    for D, N, H, V, B, T in RELATIONAL_SIZES:
        model = RelationalRNN(D, 32, 4, N, H * V, H, rng=0)
        line = against_torch(model, TorchRelationalRNN(model), B, T)
        yield f"RMC (input, slots, heads, head size, batch, steps) = {(D, N, H, V, B, T)}: {line}"


def gradients(picture: Path = BUILD / "numpy_track_gradients.png") -> Iterator[str]:
    """Three ways to the same gradient, and what each costs."""
    model = LSTM(8, 32, 3, rng=0)
    size = sum(values.size for values in model.get_params().values())
    rng = seeding.rng(0)
    X, y = rng.normal(size=(32, 20, 8)), rng.integers(0, 3, size=32)
    problem = model, X, y, cross_entropy_loss
    (backprop,) = in_turn(lambda: model.loss_and_grads(X, y), seconds=1)
    (directions,) = in_turn(
        lambda: compute_numerical_gradient_fast(*problem, num_directions=32, rng=rng), seconds=1
    )
    (element_wise,) = in_turn(lambda: compute_numerical_gradient(*problem), seconds=0, at_least=1)
    cosine = np.sqrt(32 / (32 + size))
    costs = {
        "back-propagation (exact)": np.median(backprop),
        f"32 random directions (cosine {cosine:.2f})": np.median(directions),
        "element by element (exact)": np.median(element_wise),
    }
    for name, seconds in costs.items():
        ratio = seconds / np.median(backprop)
        yield f"gradient of {size} parameters, {name}: {1000 * seconds:.2f} ms, {ratio:,.0f} times"
    milliseconds = 1000 * np.array(list(costs.values()))
    figure, ax = plt.subplots(figsize=(8, 2.4), layout="tight")
    bars = ax.barh(list(costs), milliseconds, color="#0173B2")
    ax.bar_label(bars, [f"{ms:,.1f} ms" for ms in milliseconds], padding=3)
    ax.set(xscale="log", xlabel="one gradient (ms, log scale)", xlim=(1, 50 * milliseconds.max()))
    ax.set_title(f"{size:,} parameters of an LSTM, 32 sequences of 20 steps", fontsize="medium")
    yield saved(figure, picture)


def step_seconds(
    steps: int = 20, batch: int = 32, slots: int = 4, hidden: int = 32
) -> dict[str, float]:
    """Median seconds of forward and backward, by model."""
    rng = seeding.rng(0)
    X, y = rng.normal(size=(batch, steps, 8)), rng.integers(0, 4, size=batch)
    X = X.astype(np.float32)
    models = {"LSTM": LSTM(8, hidden, 4, rng=0)}
    models["Relational RNN"] = RelationalRNN(8, 32, 4, slots, hidden, 2, rng=0)
    tasks = [lambda model=model: model.loss_and_grads(X, y) for model in models.values()]
    return dict(zip(models, np.median(in_turn(*tasks, seconds=0.4), axis=1), strict=True))


def cost(picture: Path = BUILD / "numpy_track_cost.png") -> Iterator[str]:
    """Seconds against steps, batch and slots; the slope on log axes is the power they grow with."""
    sweeps = {
        "steps": [5, 10, 20, 40, 80, 160],
        "batch": [8, 16, 32, 64, 128, 256],
        "slots": [2, 4, 8, 16, 32],
    }
    figure, axes = plt.subplots(1, len(sweeps), figsize=(11, 3.6), sharey=True, layout="tight")
    for ax, (name, values) in zip(axes, sweeps.items(), strict=True):
        rows = [step_seconds(**{name: value}) for value in values]
        for model, marker, color in (("LSTM", "o", "#0173B2"), ("Relational RNN", "s", "#DE8F05")):
            if name == "slots" and model == "LSTM":
                continue
            seconds = np.array([row[model] for row in rows])
            # a fixed cost, the same for any length, would hide the power at the short end
            power = np.polyfit(np.log(values[-3:]), np.log(seconds[-3:]), 1)[0]
            ax.loglog(values, 1000 * seconds, marker=marker, color=color, label=model)
            yield f"{model}: cost grows with {name} to the power {power:.2f}"
        ax.set(xlabel=f"{name} (count)", xticks=values, xticklabels=values)
        ax.minorticks_off()
        ax.grid(True, alpha=0.3)
    axes[0].set_ylabel("forward + backward (ms)")
    axes[0].legend()
    yield saved(figure, picture)


def saved(figure: plt.Figure, picture: Path) -> str:
    picture.parent.mkdir(exist_ok=True)
    figure.savefig(picture, dpi=120)
    plt.close(figure)
    return f"drawn in {picture}"


BENCHMARKS = {
    "lstm": lstm,
    "relational": relational,
    "gradients": gradients,
    "cost": cost,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"some of {', '.join(BENCHMARKS)}; else all")
    names = parser.parse_args().names or list(BENCHMARKS)
    if unknown := [name for name in names if name not in BENCHMARKS]:
        parser.error(f"no benchmark is named {unknown[0]}; there are {', '.join(BENCHMARKS)}")
    for name in names:
        for line in BENCHMARKS[name]():
            print(f"{name:10} {line}", flush=True)


if __name__ == "__main__":
    main()
