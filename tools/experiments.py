"""The long comparison of the lesson numpy_relational_rnn: `python tools/experiments.py [--check]`.

Without arguments all runs are made, two at a time and one thread each (about an hour on two cores), and
course_utils/numpy_track/farthest_vector.json is replaced once everything is there. Each run is kept under
build/experiments as it comes: after an interruption the same command goes on with the rest.
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
    SIZES,
    Setting,
    baselines,
    build_model,
    load_results,
    train_run,
)
from course_utils.numpy_track.optimizers import Adam
from course_utils.numpy_track.training_step import train_step
from course_utils.unfinished_files import written_whole

RATES = (0.001, 0.002, 0.005, 0.01, 0.02)
TUNING_SEEDS = (100, 101, 102)
NUM_FINALISTS = 3
SEEDS = tuple(range(10))
KEPT = Path(__file__).resolve().parent.parent / "build" / "experiments"
CHECKED = {"setting": "k = 3", "model": "relational", "seed": 0}


def curve_of(seed: int, *, setting: str, **arguments: Any) -> dict[str, Any]:
    with threadpool_limits(limits=1):
        run = train_run(seed, setting=SETTINGS[setting], **arguments)
    del run["net"]
    return run


def make_runs(
    choices: Sequence[dict[str, Any]], seeds: Sequence[int], keep: Path, **shared: Any
) -> pd.DataFrame:
    """A row per run, with what was chosen in columns of its own."""
    grid = {str(number): choice for number, choice in enumerate(choices)}
    runs = run_seeds(curve_of, seeds, grid, n_jobs=2, keep=keep, **shared)
    chosen = pd.DataFrame([grid[name] for name in runs.pop("setting")])
    return pd.concat([chosen, runs], axis=1)


def tune(setting: str, model: str, keep: Path = KEPT, **shortened: Any) -> pd.DataFrame:
    """A row per run, judged on sequences that the report never sees.

    Every size at every rate on the first tuning seed; the best ``NUM_FINALISTS`` on the others, too.
    """
    shared = {"keep": keep, "purpose": "validation", **shortened}
    choices = [
        {"setting": setting, "model": model, "size": size, "learning_rate": rate}
        for size in SIZES[model]
        for rate in RATES
    ]
    first = make_runs(choices, TUNING_SEEDS[:1], **shared)
    order = final_accuracy(first).sort_values(ascending=False, kind="stable").index
    finalists = [choices[number] for number in order[:NUM_FINALISTS]]
    return pd.concat([first, make_runs(finalists, TUNING_SEEDS[1:], **shared)], ignore_index=True)


def final_accuracy(runs: pd.DataFrame) -> pd.Series:
    return runs["accuracy"].map(lambda curve: curve[-1])


def best_choice(tuning: pd.DataFrame) -> dict[str, Any]:
    """Size and rate of the highest mean accuracy at the end, of those that ran on all tuning seeds."""
    results = tuning.assign(final=final_accuracy(tuning)).groupby(["size", "learning_rate"])[
        "final"
    ]
    means = results.mean()[results.size() == len(TUNING_SEEDS)]
    size, rate = means.idxmax()
    return {"size": size, "learning_rate": float(rate)}


def compare(
    chosen: dict[str, dict[str, dict[str, Any]]], keep: Path = KEPT, **shortened: Any
) -> pd.DataFrame:
    """A row per run: both models on every setting, with the same sequences at the same seed."""
    choices = [
        {"setting": setting, "model": model, **choice}
        for setting, of_setting in chosen.items()
        for model, choice in of_setting.items()
    ]
    return make_runs(choices, SEEDS, keep, **shortened)


def step_milliseconds(
    setting: str, chosen: dict[str, dict[str, Any]], rounds: int = 300
) -> dict[str, float]:
    """The median CPU time of one training step of each model; they take turns, so that load is shared."""
    rng = seeding.rng(0)
    nets = {
        model: build_model(model, SETTINGS[setting], choice["size"], rng)
        for model, choice in chosen.items()
    }
    optimizers = {model: Adam() for model in nets}
    taken: dict[str, list[float]] = {model: [] for model in nets}
    with threadpool_limits(limits=1):  # a second thread's waiting would count as CPU time
        for _ in range(rounds):
            X, y, _ = SETTINGS[setting].sequences(BATCH_SIZE, rng)
            for model, net in nets.items():
                started = time.process_time()
                train_step(net, X, y, 1e-3, CLIP_NORM, optimizer=optimizers[model])
                taken[model].append(1000 * (time.process_time() - started))
    return {model: round(float(np.median(times)), 2) for model, times in taken.items()}


def count_parameters(setting: Setting) -> dict[str, dict[str, int]]:
    """Of every size of both models."""
    rng = seeding.rng(0)
    return {
        model: {
            size: sum(p.size for p in build_model(model, setting, size, rng).get_params().values())
            for size in sizes
        }
        for model, sizes in SIZES.items()
    }


def all_results(keep: Path = KEPT, **shortened: Any) -> dict[str, Any]:
    """Everything that the file holds. shortened: ``num_steps`` and ``every``, to try the whole quickly."""
    tuning = {
        (setting, model): tune(setting, model, keep, **shortened)
        for setting in SETTINGS
        for model in MODELS
    }
    chosen = {
        setting: {model: best_choice(tuning[setting, model]) for model in MODELS}
        for setting in SETTINGS
    }
    runs = compare(chosen, keep, **shortened)
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
        "num_parameters": {name: count_parameters(setting) for name, setting in SETTINGS.items()},
        "step_milliseconds": {
            name: step_milliseconds(name, of_setting) for name, of_setting in chosen.items()
        },
        "baselines": {name: baselines(setting) for name, setting in SETTINGS.items()},
        "tuning": {
            "held_out": "validation",
            "rates": RATES,
            "seeds": TUNING_SEEDS,
            "num_finalists": NUM_FINALISTS,
            "chosen": chosen,
            "runs": [
                {**row, "accuracy": row["accuracy"][-1], "seconds": row["seconds"][-1]}
                for table in tuning.values()
                for row in table.drop(columns=["loss", "steps"]).to_dict("records")
            ],
        },
        "runs": runs.to_dict("records"),
    }


def save(results: dict[str, Any], path: Path = RESULTS) -> None:
    """Written beside the old file under another name, then renamed: never half a file."""
    text = json.dumps(results, indent=1, ensure_ascii=False)
    text = re.sub(
        r"\[[^][{}]*\]", lambda numbers: "".join(numbers[0].split()).replace(",", ", "), text
    )
    with written_whole(path) as unfinished:
        unfinished.write_text(text + "\n", encoding="utf-8")


def check(results: dict[str, Any], tolerance: float = 0.05) -> list[str]:
    """What one run made again contradicts: its first point in every digit that is sure, its last roughly.

    Another machine rounds otherwise, and after thousands of steps that shows in the accuracy.
    """
    old = next(run for run in results["runs"] if CHECKED.items() <= run.items())
    new = curve_of(size=old["size"], learning_rate=old["learning_rate"], **CHECKED)
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
