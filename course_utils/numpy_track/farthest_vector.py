"""The long comparison of the lesson numpy_relational_rnn: which vector lies farthest from this one?

A Relational RNN and an LSTM, three sizes of each, with the same readout, optimizer and clipping, the same
sequences at the same seed, fresh ones at every step. ``tools/experiments.py`` chooses size and learning rate
of each and makes all runs; it writes ``farthest_vector.json`` beside this file. The lesson reads it, and
makes short runs of its own.
"""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from course_utils import seeding
from course_utils.numpy_track.checks import check_count
from course_utils.numpy_track.losses import accuracy, cross_entropy_loss
from course_utils.numpy_track.lstm_baseline import LSTM
from course_utils.numpy_track.optimizers import Adam
from course_utils.numpy_track.recurrent_model import RecurrentModel
from course_utils.numpy_track.relational_rnn import RelationalRNN
from course_utils.numpy_track.tasks import Task, generate_nth_farthest, nth_farthest_shortcuts
from course_utils.numpy_track.training_step import train_step

RESULTS = Path(__file__).with_name("farthest_vector.json")

BATCH_SIZE, CLIP_NORM, NUM_HELD_OUT = 64, 1.0, 4000
READOUT_SIZE = 64
MODELS = ("relational", "LSTM")

#: By model: the sizes that are tried. "k slots": as many as the task has vectors.
SIZES: dict[str, dict[str, dict[str, int]]] = {
    "relational": {
        "k slots of 16, 2 heads": {"slot_size": 16, "num_heads": 2},
        "k slots of 32, 4 heads": {"slot_size": 32, "num_heads": 4},
        "8 slots of 32, 4 heads": {"num_slots": 8, "slot_size": 32, "num_heads": 4},
    },
    "LSTM": {f"{size} units": {"hidden_size": size} for size in (32, 64, 128)},
}


@dataclass(frozen=True)
class Setting:
    """k vectors of D numbers, the rank asked for (None: another one in every sequence), and how long."""

    num_vectors: int
    vector_size: int
    n: int | None
    num_steps: int

    def sequences(self, number: int, rng: np.random.Generator) -> Task:
        """``number`` fresh sequences, as ``tasks.generate_nth_farthest`` returns them."""
        return generate_nth_farthest(number, self.num_vectors, self.vector_size, self.n, rng=rng)

    def held_out(self, purpose: str = "test") -> Task:
        """The same 4,000 sequences each time: those for choosing ("validation"), or those for the report."""
        return self.sequences(NUM_HELD_OUT, seeding.rng(_HELD_OUT_SEEDS[purpose]))


_HELD_OUT_SEEDS = {"validation": 2_000_001, "test": 2_000_002}

SETTINGS = {
    "k = 3": Setting(3, 2, 1, 2_000),
    "k = 4": Setting(4, 2, 1, 6_000),
    "k = 5": Setting(5, 2, 1, 6_000),
    "k = 5, n varies": Setting(5, 2, None, 1_500),
}


def build_model(
    model: str, setting: Setting, size: str, rng: np.random.Generator
) -> RecurrentModel:
    """A model of one of the ``SIZES``, for the sequences of ``setting``. ValueError for any other."""
    if size not in SIZES.get(model, {}):
        known = "; ".join(f"{name}: {', '.join(sizes)}" for name, sizes in SIZES.items())
        raise ValueError(f"model and size must be among {known}; got {model!r}, {size!r}")
    k = setting.num_vectors
    inputs, chosen = setting.vector_size + 3 * k, SIZES[model][size]
    if model == "relational":
        num_slots = chosen.get("num_slots", k)
        shape = num_slots, chosen["slot_size"], chosen["num_heads"]
        return RelationalRNN(inputs, READOUT_SIZE, k, *shape, rng=rng)
    return LSTM(inputs, output_size=k, readout_size=READOUT_SIZE, **chosen, rng=rng)


def train_run(
    seed: int,
    model: str,
    setting: Setting,
    size: str,
    learning_rate: float,
    *,
    num_steps: int | None = None,
    every: int = 250,
    purpose: str = "test",
) -> dict[str, Any]:
    """Train one model from scratch: its learning curve on held-out sequences, and the model itself.

    The curve is lists ``steps``, ``loss`` (nats), ``accuracy`` and ``seconds`` (of this process's CPU
    time, evaluation left out).

    Args:
        seed: of parameters and sequences.
        model: one of ``MODELS``.
        setting: the task.
        size: one of the model's ``SIZES``.
        learning_rate: of Adam.
        num_steps: a multiple of ``every``; those of the setting if None.
        every: steps between two evaluations.
        purpose: which sequences judge.
    """
    num_steps = setting.num_steps if num_steps is None else check_count("num_steps", num_steps)
    if num_steps % check_count("every", every):
        raise ValueError(f"num_steps must be a multiple of every={every}, got {num_steps}")
    net = build_model(model, setting, size, seeding.rng([seed, 0]))
    rng, optimizer = seeding.rng([seed, 1]), Adam()
    X_held_out, y_held_out, _ = setting.held_out(purpose)
    curve: dict[str, list[float]] = {"steps": [], "loss": [], "accuracy": [], "seconds": []}
    seconds = 0.0
    for step in range(every, num_steps + 1, every):
        started = time.process_time()
        for _ in range(every):
            X, y, _ = setting.sequences(BATCH_SIZE, rng)
            train_step(net, X, y, learning_rate, CLIP_NORM, optimizer=optimizer)
        seconds += time.process_time() - started
        logits = net.forward(X_held_out, return_sequences=False)
        curve["steps"].append(step)
        curve["loss"].append(round(float(cross_entropy_loss(logits, y_held_out)), 4))
        curve["accuracy"].append(round(float(accuracy(logits, y_held_out)), 4))
        curve["seconds"].append(round(seconds, 2))
    return curve | {"net": net}


def baselines(setting: Setting) -> dict[str, float]:
    """Accuracy on the test sequences of answers that take no learning, by their names.

    "chance" guesses among all k. "not the reference" guesses among the others, where that is right: with
    n = 1. The rest are the rules of ``nth_farthest_shortcuts``; "the reference itself" is the answer to
    the last rank only, so for other ranks it stands for: know the last rank, guess else.
    """
    X, y, metadata = setting.held_out()
    answers, k = y.argmax(axis=1), setting.num_vectors
    rules = nth_farthest_shortcuts(X, metadata)
    right = {name: rule == answers for name, rule in rules.items()}
    reference = right.pop("the reference itself")
    if setting.n is not None:
        shares = {name: float(values.mean()) for name, values in right.items()}
        return {"chance": 1 / k, "not the reference": 1 / (k - 1), **shares}
    is_last = X[:, 0, -1] == 1
    shortcut = np.where(is_last, reference, 1 / (k - 1)).mean()
    return {"chance": 1 / k, "last rank: the reference": float(shortcut)}


def load_results(path: Path = RESULTS) -> dict[str, Any]:
    """What ``make experiments`` measured: settings, baselines, tuning, and the curve of every run."""
    return json.loads(path.read_text(encoding="utf-8"))
