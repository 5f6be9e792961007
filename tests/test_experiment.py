"""Many runs: the same numbers on one core, on all of them, and in threads."""

import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import traceback

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from course_utils.experiment import run_seeds
from course_utils.loader import TensorLoader
from course_utils.mnist import ImageDataset
from course_utils.models import MLP
from course_utils.training import History, NonFiniteLossError, fit
from course_utils.workers import Failure, WorkerTraceback, run_one


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
set_up("start_here", "en", workers=True)
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


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_run_that_ends_the_program_says_so_where_notes_are_not_shown(n_jobs):
    def leave(seed):
        sys.exit(0)

    with pytest.raises(SystemExit, match=r"ended by SystemExit\(0\).*run with seed 3") as error:
        run_seeds(leave, [3], n_jobs=n_jobs)
    assert error.value.code != 0, "a script would end as if all were well"


def test_the_traceback_of_a_worker_comes_along_and_a_killed_worker_is_told_with_its_runs():
    def suffer(seed, lr):
        if seed == 4:
            os.kill(os.getpid(), signal.SIGKILL)
        raise TwoArguments("rate", lr)

    class TwoArguments(ValueError):
        def __init__(self, name, value):
            super().__init__(f"{name} is {value}")

    with pytest.raises(TwoArguments, match="rate is 1") as error:
        run_seeds(suffer, [5], {"high": {"lr": 1.0}}, n_jobs=2)
    assert isinstance(error.value.__cause__, WorkerTraceback)
    printed = "".join(traceback.format_exception(error.value))
    assert ", in suffer" in printed
    assert "the run with seed 5 of setting 'high'" in printed
    with pytest.raises(joblib.externals.loky.process_executor.TerminatedWorkerError) as error:
        run_seeds(suffer, [4], {"high": {"lr": 1.0}}, n_jobs=2)
    assert "seed 4 of setting 'high'" in error.value.__notes__[0]
    assert run_seeds(lambda seed: seed, [6], n_jobs=2)["result"].tolist() == [6], "and life goes on"


@pytest.mark.parametrize("result", [threading.Lock(), {"all": (n for n in range(3))}])
def test_a_result_that_cannot_be_sent_back_is_named_with_its_run(result):
    with pytest.raises(Failure) as failure:
        run_one(lambda seed: result, {}, "", 3, {}, caller=None, seed_offset=0)
    error = failure.value.unpacked()
    assert isinstance(error, TypeError)
    assert "cannot be sent back" in str(error)
    assert error.__notes__ == ["This happened in the run with seed 3."]
    runs = run_seeds(lambda seed: threading.Lock(), [3], n_jobs=1)  # the advice
    assert len(runs) == 1


def test_what_cannot_be_sent_to_a_worker_is_named():
    lock = threading.Lock()

    def with_lock(seed, lr=0, data=None):
        return lock.locked()

    def plain(seed, lr=0, data=None):
        return seed

    cases = [
        (with_lock, {"high": {"lr": 1.0}}, {}, "run cannot be sent"),
        (plain, {"low": {"lr": 1.0}, "high": {"lr": lock}}, {}, "setting 'high' cannot be sent"),
        (plain, {"high": {"lr": 1.0}}, {"data": lock}, "the argument 'data' cannot be sent"),
    ]
    for run, settings, shared, says in cases:
        with pytest.raises(TypeError, match=rf"{says}.*_thread\.lock.*n_jobs=1"):
            run_seeds(run, [1], settings, n_jobs=2, **shared)
        assert len(run_seeds(run, [1], settings, n_jobs=1, **shared)) == len(settings)


def test_an_error_of_pickling_inside_a_run_is_not_taken_for_one_of_sending_it():
    def run(seed):
        raise pickle.PicklingError("mine")

    with pytest.raises(pickle.PicklingError, match="mine"):
        run_seeds(run, [1], n_jobs=1)


def test_a_run_may_not_contradict_the_columns_that_say_which_run_it_was():
    with pytest.raises(ValueError, match=r"column 'seed'.* got 7"):
        run_seeds(lambda seed: {"seed": 7}, [1], n_jobs=1)
    with pytest.raises(ValueError, match=r"column 'setting'.* got 'b'"):
        run_seeds(lambda seed: {"setting": "b"}, [1], {"a": {}}, n_jobs=1)
    assert run_seeds(lambda seed: {"seed": seed}, [1], n_jobs=1)["seed"].tolist() == [1]


@pytest.mark.parametrize(
    ("seeds", "error", "says"),
    [
        ([1, 2, 1], ValueError, r"different .*got \[1, 2, 1\]"),
        ([np.int64(3), 3], ValueError, r"got \[3, 3\]"),
        ([-1], ValueError, r"from 0 up.*got \[-1\]"),
        ([1.0], TypeError, "whole numbers.*float"),
        (["1"], TypeError, "whole numbers.*str"),
        ("12", TypeError, "whole numbers.*'12'"),
        (5, TypeError, r"range\(5\), got 5"),
    ],
    ids=str,
)
def test_seeds_that_are_none_are_refused_before_anything_runs(seeds, error, says):
    with pytest.raises(error, match=says):
        run_seeds(lambda seed: pytest.fail("it ran"), seeds, n_jobs=1)


def test_seeds_of_numpy_and_torch_are_plain_numbers_to_a_run():
    for seeds in (np.arange(2), torch.arange(2), [0, np.uint8(1)]):
        runs = run_seeds(lambda seed: type(seed) is int, seeds, n_jobs=1)
        assert runs["result"].tolist() == [True, True]
        assert runs["seed"].tolist() == [0, 1]


def test_the_seeds_of_old_are_five_from_0():
    assert run_seeds(lambda seed: seed, n_jobs=1)["seed"].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("settings", "shared", "says"),
    [
        ({"a": {"lr": 1.0}}, {"lr": 2.0}, "multiple values for keyword argument 'lr'.*setting 'a'"),
        ({"a": {"seed": 1}}, {}, "multiple values for keyword argument 'seed'.*setting 'a'"),
        (None, {"seed": 1}, "multiple values for keyword argument 'seed'"),
        ({"a": {"lr": 1}, "b": {"rate": 1}}, {}, "setting 'b'.*unexpected keyword argument 'rate'"),
        ({"a": {}}, {"epochs": 1}, "unexpected keyword argument 'epochs'"),
        ({"a": 0.1}, {}, r"settings must map names to keyword arguments.*'a': 0\.1"),
        ([0.1], {}, r"settings must map names to keyword arguments.*\[0\.1\]"),
    ],
)
def test_arguments_that_do_not_fit_are_named_before_anything_runs(settings, shared, says):
    def run(seed, lr=0.0):
        pytest.fail("it ran")

    with pytest.raises(TypeError, match=says):
        run_seeds(run, [1], settings, n_jobs=1, **shared)


def test_a_setting_may_have_any_name():
    with pytest.raises(ZeroDivisionError) as error:
        run_seeds(fail_at_two, [2], {0: {}}, n_jobs=1)
    assert error.value.__notes__ == ["This happened in the run with seed 2 of setting 0."]


def test_an_argument_given_twice_is_refused_not_overridden():
    with pytest.raises(TypeError, match="multiple values for keyword argument 'lr'"):
        run_seeds(fail_at_two, [1], {"high": {"lr": 1.0}}, n_jobs=1, lr=0.5)


@pytest.mark.parametrize(
    ("seeds", "settings"), [([], None), (iter(()), {"a": {}}), ([1], {})], ids=["", "iter", "none"]
)
def test_nothing_to_run_is_refused(seeds, settings):
    with pytest.raises(ValueError, match="nothing to run"):
        run_seeds(fail_at_two, seeds, settings, n_jobs=1)


def change_everything(seed, held, model, optimizer, generator, array, dataset, lock=None):
    """Returns what it was given, in numbers; then changes all of it."""
    given = [len(held["list"]), torch.rand(1, generator=generator).item(), array.sum()]
    given += [model.weight.item(), dataset.labels.sum().item(), dataset.images[0, 0, 0, 0].item()]
    held["list"].append(seed)
    model(torch.ones(1, 1)).sum().backward()
    optimizer.step()  # moves the weights of this model and of no other
    moved = model.weight.item() - given[3]
    for values in (array, dataset.labels, dataset.images):
        values[:] = 0
    return {"given": tuple(given), "moved": round(moved, 5)}


@pytest.mark.usefixtures("sequential")  # torch sets a variable with the first optimizer
@pytest.mark.parametrize("where", ["settings", "shared", "beside what cannot be copied"])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_what_a_run_changes_reaches_no_other_run_nor_the_caller(where, n_jobs):
    if where == "beside what cannot be copied" and n_jobs > 1:
        pytest.skip("what cannot be copied cannot be sent to another process")
    model = nn.Linear(1, 1, bias=False)
    given = {
        "held": {"list": []},
        "model": model,
        "optimizer": torch.optim.SGD(model.parameters(), lr=0.5),
        "generator": torch.Generator().manual_seed(0),
        "array": np.ones(300_000),  # large enough to be memory-mapped
        "dataset": digits().subset(400),
    }
    numbers = [0, torch.rand(1, generator=torch.Generator().manual_seed(0)).item(), 300_000]
    numbers += [model.weight.item(), given["dataset"].labels.sum().item()]
    numbers += [given["dataset"].images[0, 0, 0, 0].item()]
    setting, shared = (given, {}) if where == "settings" else ({}, given)
    if where == "beside what cannot be copied":
        setting = {"lock": threading.Lock()}
    frame = run_seeds(change_everything, range(20), {"": setting}, n_jobs=n_jobs, **shared)
    assert set(frame["given"]) == {tuple(numbers)}
    if where != "beside what cannot be copied":  # then the optimizer is copied on its own
        assert set(frame["moved"]) == {-0.5}
    assert given["held"] == {"list": []} and model.weight.item() == numbers[3]
    assert given["array"].all() and given["dataset"].labels.any()
