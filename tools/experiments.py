"""The long comparison of the lesson numpy_relational_rnn: `python tools/experiments.py [--check]`.

Without arguments all runs are made anew, two at a time and one thread each (20 to 25 minutes on two
cores), and course_utils/numpy_track/farthest_vector.json is replaced once everything is there.
--check makes one point of the file again, and fails if it does not come out as the file says.
"""

import argparse
import json
import platform
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from course_utils import seeding
from course_utils.experiment import run_seeds
from course_utils.numpy_track.farthest_vector import (
    BATCH_SIZE,
    CLIP_NORM,
    MODELS,
    NUM_HELD_OUT,
    READOUT_SIZE,
    RESULTS,
    SETTINGS,
    baselines,
    build_model,
    load_results,
    train_run,
)
from course_utils.numpy_track.optimizers import Adam
from course_utils.numpy_track.training_step import train_step

RATES = (1e-3, 2e-3, 4e-3)
TUNING_SEEDS = tuple(range(100, 104))
TUNED_ON = "k = 4"  # to the last step: judged earlier, a model that learns late is tuned by chance
SEEDS = tuple(range(5))
CHECKED = {"setting": "k = 3", "model": "relational", "seed": 0}


def curve_of(seed: int, *, setting: str, **arguments: Any) -> dict[str, Any]:
    run = train_run(seed, setting=SETTINGS[setting], **arguments)
    del run["net"]
    return run


def tune(num_steps: int | None = None, every: int = 250) -> pd.DataFrame:
    """A row per run: both models at every rate, judged on sequences that the report never sees."""
    grid = {
        f"{model} {rate:g}": {"model": model, "learning_rate": rate}
        for rate in RATES
        for model in MODELS
    }
    runs = run_seeds(
        curve_of,
        TUNING_SEEDS,
        grid,
        n_jobs=2,
        setting=TUNED_ON,
        num_steps=num_steps,
        every=every,
        purpose="validation",
    )
    chosen = pd.DataFrame([grid[name] for name in runs.pop("setting")])
    return pd.concat([chosen, runs], axis=1)


def best_rates(tuning: pd.DataFrame) -> dict[str, float]:
    """Of each model, the rate with the highest mean accuracy at the end."""
    final = tuning.assign(final=tuning["accuracy"].map(lambda curve: curve[-1]))
    means = final.groupby(["model", "learning_rate"])["final"].mean()
    return {model: float(means[model].idxmax()) for model in MODELS}


def compare(
    rates: dict[str, float],
    settings: Sequence[str] = tuple(SETTINGS),
    seeds: Sequence[int] = SEEDS,
    num_steps: int | None = None,
    every: int = 250,
) -> pd.DataFrame:
    """A row per run: both models on every setting, with the same sequences at the same seed."""
    grid = {
        f"{setting} {model}": {"setting": setting, "model": model, "learning_rate": rates[model]}
        for setting in settings
        for model in MODELS
    }
    runs = run_seeds(curve_of, seeds, grid, n_jobs=2, num_steps=num_steps, every=every)
    return pd.concat([pd.DataFrame([grid[name] for name in runs.pop("setting")]), runs], axis=1)


@threadpool_limits.wrap(
    limits=1
)  # as in the runs; a second thread's waiting would count as CPU time
def step_milliseconds(setting: str, rounds: int = 300) -> dict[str, float]:
    """The median CPU time of one training step of each model; they take turns, so that load is shared."""
    rng = seeding.rng(0)
    nets = {model: build_model(model, SETTINGS[setting], rng) for model in MODELS}
    optimizers = {model: Adam() for model in MODELS}
    taken: dict[str, list[float]] = {model: [] for model in MODELS}
    for _ in range(rounds):
        X, y, _ = SETTINGS[setting].sequences(BATCH_SIZE, rng)
        for model, net in nets.items():
            started = time.process_time()
            train_step(net, X, y, 1e-3, CLIP_NORM, optimizer=optimizers[model])
            taken[model].append(1000 * (time.process_time() - started))
    return {model: round(float(np.median(times)), 2) for model, times in taken.items()}


def all_results(**shortened: Any) -> dict[str, Any]:
    """Everything that the file holds. shortened: ``num_steps`` and ``every``, to try the whole quickly."""
    tuning = tune(**shortened)
    rates = best_rates(tuning)
    runs = compare(rates, **shortened)
    rng = seeding.rng(0)
    return {
        "made_by": "make experiments",
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "machine": platform.machine(),
        },
        "fixed": {
            "optimizer": "Adam",
            "batch_size": BATCH_SIZE,
            "clip_norm": CLIP_NORM,
            "readout_size": READOUT_SIZE,
            "num_held_out": NUM_HELD_OUT,
        },
        "settings": {name: asdict(setting) for name, setting in SETTINGS.items()},
        "num_parameters": {
            name: {
                model: sum(p.size for p in build_model(model, setting, rng).get_params().values())
                for model in MODELS
            }
            for name, setting in SETTINGS.items()
        },
        "step_milliseconds": {name: step_milliseconds(name) for name in SETTINGS},
        "baselines": {name: baselines(setting) for name, setting in SETTINGS.items()},
        "tuning": {
            "on": TUNED_ON,
            "held_out": "validation",
            "rates": RATES,
            "chosen": rates,
            "runs": tuning.to_dict("records"),
        },
        "runs": runs.to_dict("records"),
    }


def save(results: dict[str, Any], path: Path = RESULTS) -> None:
    """Written beside the old file under another name, then renamed: never half a file."""
    text = json.dumps(results, indent=1, ensure_ascii=False)
    text = re.sub(
        r"\[[^][{}]*\]", lambda numbers: "".join(numbers[0].split()).replace(",", ", "), text
    )
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(text + "\n", encoding="utf-8")
    unfinished.replace(path)


def check(results: dict[str, Any], tolerance: float = 0.05) -> list[str]:
    """What one run made again contradicts: its first point in every digit that is sure, its last roughly.

    Another machine rounds otherwise, and after thousands of steps that shows in the accuracy.
    """
    old = next(run for run in results["runs"] if CHECKED.items() <= run.items())
    new = curve_of(learning_rate=old["learning_rate"], **CHECKED)
    gap_in_loss = abs(new["loss"][0] - old["loss"][0])
    gap = abs(new["accuracy"][-1] - old["accuracy"][-1])
    complaints = []
    if new["steps"] != old["steps"]:
        complaints.append(f"the file has steps {old['steps']}, the run {new['steps']}")
    if gap_in_loss > 0.01:
        complaints.append(f"the first loss differs by {gap_in_loss:.4f}")
    if gap > tolerance:
        complaints.append(f"the last accuracy differs by {gap:.3f}")
    return complaints


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="make one point again and compare")
    if parser.parse_args().check:
        complaints = check(load_results())
        print("\n".join(complaints) or f"the point {CHECKED} comes out as the file says")
        sys.exit(bool(complaints))
    started = time.perf_counter()
    results = all_results()
    save(results)
    minutes = (time.perf_counter() - started) / 60
    print(f"{RESULTS.name}: {len(results['runs'])} runs in {minutes:.1f} minutes")


if __name__ == "__main__":
    main()
