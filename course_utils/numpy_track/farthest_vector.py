"""The long comparison of the lesson numpy_relational_rnn: which vector lies farthest from this one?

A Relational RNN and an LSTM with a larger parameter budget, the same readout, optimizer and clipping,
the same sequences at the same seed, fresh ones at every step. ``tools/experiments.py`` makes all runs and
writes ``farthest_vector.json`` beside this file; the lesson reads it, and makes short runs of its own.
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


def build_model(model: str, setting: Setting, rng: np.random.Generator) -> RecurrentModel:
    """ "relational": a slot per vector, four heads. "LSTM": several times as many parameters."""
    k = setting.num_vectors
    inputs = setting.vector_size + 3 * k
    if model == "relational":
        return RelationalRNN(
            inputs, READOUT_SIZE, k, num_slots=k, slot_size=32, num_heads=4, rng=rng
        )
    if model == "LSTM":
        return LSTM(inputs, 128, k, readout_size=READOUT_SIZE, rng=rng)
    raise ValueError(f"model must be one of {MODELS}, got {model!r}")


def train_run(
    seed: int,
    model: str,
    setting: Setting,
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
        model: a name that ``build_model`` knows.
        setting: the task.
        learning_rate: of Adam.
        num_steps: a multiple of ``every``; those of the setting if None.
        every: steps between two evaluations.
        purpose: which sequences judge.
    """
    num_steps = setting.num_steps if num_steps is None else check_count("num_steps", num_steps)
    if num_steps % check_count("every", every):
        raise ValueError(f"num_steps must be a multiple of every={every}, got {num_steps}")
    net = build_model(model, setting, seeding.rng([seed, 0]))
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
