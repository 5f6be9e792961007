"""Many runs: the same numbers on one core, on all of them, and in threads."""

import json
import os
import subprocess
import sys

import joblib
import pandas as pd
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from course_utils.data import ImageDataset, TensorLoader
from course_utils.experiment import run_seeds
from course_utils.models import MLP
from course_utils.training import History, NonFiniteLossError, fit


@pytest.fixture(autouse=True)
def nothing_outlives_a_run(monkeypatch):
    """A process of two threads, whose threads, mode and environment outlive every run."""
    monkeypatch.delenv("COURSE_QUIET", raising=False)

    def settings():
        environment = {k: v for k, v in os.environ.items() if k != "PYTEST_CURRENT_TEST"}
        return torch.get_num_threads(), torch.get_deterministic_debug_mode(), environment

    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    before = settings()
    yield
    after = settings()
    torch.set_num_threads(threads)
    torch.set_deterministic_debug_mode(before[1])
    assert after == before


def digits() -> ImageDataset:
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(2000, 1, 28, 28, generator=generator)  # large enough to be memory-mapped
    return ImageDataset(images, torch.randint(0, 10, (2000,), generator=generator))


def train(seed, dataset, lr=0.1):
    """A real training: initial weights, order and dropout all depend on the seed."""
    model = MLP(784, [32], 10, dropout_rate=0.5, seed=seed)
    optimizer = torch.optim.SGD(model.parameters(), lr)
    batches = TensorLoader(TensorDataset(dataset.images, dataset.labels), 100, shuffle=True)
    history = fit(model, batches, batches, nn.CrossEntropyLoss(), optimizer, epochs=2, seed=seed)
    weights = [float(p.detach().double().sum()) for p in model.parameters()]
    return {"loss": history.train_loss[-1], "norm": history.grad_norm[-1], "weights": sum(weights)}


SETTINGS = {"low": {"lr": 0.01}, "high": {"lr": 0.1}}


@pytest.fixture(scope="module")
def sequential():
    return run_seeds(train, range(3), SETTINGS, n_jobs=1, dataset=digits())


def test_processes_give_the_same_bits_as_a_loop(sequential):
    parallel = run_seeds(train, range(3), SETTINGS, n_jobs=2, dataset=digits())
    pd.testing.assert_frame_equal(parallel, sequential, check_exact=True)
    assert sequential["loss"].nunique() == 6, "seeds and settings must make a difference"


def test_threads_give_the_same_bits_as_a_loop(sequential):
    with joblib.parallel_config("threading", n_jobs=4):
        threaded = run_seeds(train, range(3), SETTINGS, n_jobs=None, dataset=digits())
    pd.testing.assert_frame_equal(threaded, sequential, check_exact=True)


def where(seed):
    return {"process": os.getpid(), "threads": torch.get_num_threads()}


def test_without_n_jobs_the_callers_parallel_config_is_followed():
    here = os.getpid()
    assert set(run_seeds(where, range(4), n_jobs=None)["process"]) == {here}
    with joblib.parallel_config("threading", n_jobs=2):
        assert set(run_seeds(where, range(4), n_jobs=None)["process"]) == {here}
    with joblib.parallel_config("loky", n_jobs=2):
        assert here not in set(run_seeds(where, range(4), n_jobs=None)["process"])


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_run_has_one_thread_and_is_told_to_be_quiet(n_jobs):
    def look(seed):
        return {"threads": torch.get_num_threads(), "quiet": os.environ.get("COURSE_QUIET")}

    runs = run_seeds(look, range(2), n_jobs=n_jobs)
    assert set(runs["threads"]) == {1}
    assert set(runs["quiet"]) == {"1"}


# In a process of its own, since a process shares its workers with all who ask for some.
WORKERS = """
import os, sys, time
import psutil
from course_utils.experiment import run_seeds
from course_utils.notebook import set_up

def processes():
    return {p.pid for p in psutil.Process().children(True) if "LokyProcess" in str(p.cmdline())}

expected = int(sys.argv[1])
set_up("00_start_here", "en", workers=True)
deadline = time.monotonic() + 60
while len(processes()) < expected and time.monotonic() < deadline:
    time.sleep(0.1)
print(sorted(processes()))
print(sorted({*run_seeds(lambda seed: os.getpid(), range(4))["result"]} - processes()))
"""


@pytest.mark.parametrize(("cores", "expected"), [(1, 0), (2, 2)])
def test_workers_started_beforehand_are_those_that_run(tmp_path, cores, expected):
    program = tmp_path / "program.py"
    program.write_text(WORKERS)
    environment = {**os.environ, "LOKY_MAX_CPU_COUNT": str(cores), "COURSE_QUIET": "1"}
    output = subprocess.run(
        [sys.executable, program, str(expected)],
        check=True,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert output.stderr == ""
    started, elsewhere = (json.loads(line) for line in output.stdout.splitlines()[-2:])
    assert len(started) == expected
    assert len(elsewhere) == (cores == 1), "one core: all in the process that asked"


def test_a_notebook_can_start_its_workers_before_it_imports_what_takes_long():
    program = """
import sys
import course_utils.notebook
print([name for name in ("torch", "pandas", "matplotlib", "scipy") if name in sys.modules])
"""
    output = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    assert output.stdout.split() == [b"[]"]


def test_rows_are_settings_then_seeds_in_the_order_given():
    def sizes(seed, width, depth):
        return {"size": width * depth}

    settings = {"wide": {"width": 9}, "narrow": {"width": 2}}
    runs = run_seeds(sizes, iter([4, 1]), settings, n_jobs=1, depth=3)
    assert runs.to_dict("list") == {
        "setting": ["wide", "wide", "narrow", "narrow"],
        "seed": [4, 1, 4, 1],
        "size": [27, 27, 6, 6],
    }
    assert list(runs.columns[:2]) == ["setting", "seed"]


def test_settings_take_turns_so_that_a_slow_minute_is_shared_by_all():
    order = []

    def note(seed, name):
        order.append((seed, name))

    run_seeds(note, [7, 5], {"x": {"name": "x"}, "y": {"name": "y"}}, n_jobs=1)
    assert order == [(7, "x"), (7, "y"), (5, "x"), (5, "y")]


def test_one_value_becomes_the_column_result():
    runs = run_seeds(lambda seed: seed**2, [3, 2], n_jobs=1)
    assert runs.to_dict("list") == {"setting": ["", ""], "seed": [3, 2], "result": [9, 4]}


def test_a_run_may_itself_run_seeds():
    def outer(seed):
        return run_seeds(lambda seed: seed, range(3), n_jobs=2)["result"].sum()

    for backend in ("threading", "loky"):
        with joblib.parallel_config(backend, n_jobs=2):
            assert run_seeds(outer, range(2), n_jobs=None)["result"].tolist() == [3, 3]


def fail_at_two(seed, lr=0.0):
    if seed == 2:
        raise ZeroDivisionError("no such luck")
    return seed


def test_an_exception_says_which_run_it_came_from():
    with pytest.raises(ZeroDivisionError, match="no such luck") as error:
        run_seeds(fail_at_two, [1, 2], {"high": {"lr": 1.0}}, n_jobs=1)
    assert error.value.__notes__ == ["This happened in the run with seed 2 of setting 'high'."]
    with pytest.raises(ZeroDivisionError) as error:
        run_seeds(fail_at_two, [2], n_jobs=1)
    assert error.value.__notes__ == ["This happened in the run with seed 2."]


def test_a_training_that_diverged_in_a_worker_reaches_the_caller_with_note_and_history():
    def diverge(seed, lr):
        raise NonFiniteLossError(float("inf"), 3, 4, History(train_loss=[2.0, 1.0]))

    with pytest.raises(NonFiniteLossError, match="step 4 of epoch 3") as error:
        run_seeds(diverge, [5], {"high": {"lr": 1.0}}, n_jobs=2)
    assert (error.value.epoch, error.value.step) == (3, 4)
    assert error.value.history.train_loss == [2.0, 1.0]
    assert "This happened in the run with seed 5 of setting 'high'." in error.value.__notes__


def test_an_argument_given_twice_is_refused_not_overridden():
    with pytest.raises(TypeError, match="multiple values for keyword argument 'lr'"):
        run_seeds(fail_at_two, [1], {"high": {"lr": 1.0}}, n_jobs=1, lr=0.5)


@pytest.mark.parametrize(
    ("seeds", "settings"), [([], None), (iter(()), {"a": {}}), ([1], {})], ids=["", "iter", "none"]
)
def test_nothing_to_run_is_refused(seeds, settings):
    with pytest.raises(ValueError, match="nothing to run"):
        run_seeds(fail_at_two, seeds, settings, n_jobs=1)
