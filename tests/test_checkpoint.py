"""Checkpoints: a resumed run is the same run, a killed one loses nothing, a wrong file changes nothing."""

import copy
import functools
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim import SGD, Adam, AdamW
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    LambdaLR,
    LinearLR,
    OneCycleLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)
from torch.utils.data import TensorDataset

from course_utils.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from course_utils.data import TensorLoader
from course_utils.early_stopping import EarlyStopping
from course_utils.models import MLP
from course_utils.practice_run import same_state as same
from course_utils.training import History, fit

ROOT = Path(__file__).resolve().parent.parent
CRITERION = nn.CrossEntropyLoss()


def warm_up_then_cosine(optimizer):
    parts = [LinearLR(optimizer, 0.1, total_iters=4), CosineAnnealingLR(optimizer, 21)]
    return SequentialLR(optimizer, parts, milestones=[4])


#: name -> (scheduler of an optimizer, its interval); five steps an epoch, five epochs.
SCHEDULES = {
    "none": (lambda _: None, "epoch"),
    "step": (lambda optimizer: StepLR(optimizer, step_size=2, gamma=0.5), "epoch"),
    "cosine": (lambda optimizer: CosineAnnealingLR(optimizer, 25), "step"),
    "plateau": (lambda optimizer: ReduceLROnPlateau(optimizer, patience=0), "epoch"),
    "one-cycle": (lambda optimizer: OneCycleLR(optimizer, 0.05, total_steps=26), "step"),
    "warm-up, cosine": (warm_up_then_cosine, "step"),
    "lambda": (lambda optimizer: LambdaLR(optimizer, lambda step: 1 / (1 + step)), "step"),
}


class Run:
    """A run with everything that can be forgotten: dropout, batch norm, shuffling, a schedule."""

    def __init__(self, schedule="cosine", seed=1, optimizer_class=Adam, hidden_size=8):
        self.model = MLP(4, [hidden_size], 3, dropout_rate=0.5, batch_norm=True, seed=seed)
        self.optimizer = optimizer_class(self.model.parameters(), lr=0.02)
        make_scheduler, self.interval = SCHEDULES[schedule]
        self.scheduler = make_scheduler(self.optimizer)
        self.generator = torch.Generator().manual_seed(seed)
        self.early_stopping = EarlyStopping(patience=10)
        data = torch.Generator().manual_seed(0)
        inputs = torch.randn(23, 4, generator=data)
        dataset = TensorDataset(inputs, torch.randint(0, 3, (23,), generator=data))
        self.train_loader = TensorLoader(dataset, 5, shuffle=True, generator=self.generator)
        self.val_loader = TensorLoader(dataset, 23)

    def parts(self):
        return (self.model, self.optimizer, self.scheduler), {
            "early_stopping": self.early_stopping,
            "generators": {"train_loader": self.generator},
        }

    def fit(self, epochs, **options):
        return fit(
            self.model,
            self.train_loader,
            self.val_loader,
            CRITERION,
            self.optimizer,
            epochs=epochs,
            scheduler=self.scheduler,
            scheduler_interval=self.interval,
            early_stopping=self.early_stopping,
            **options,
        )

    def save(self, path, history=None):
        parts, named = self.parts()
        save_checkpoint(path, *parts, history=history, **named)

    def load(self, path):
        parts, named = self.parts()
        return load_checkpoint(path, *parts, **named)

    def state(self):
        (model, optimizer, scheduler), _ = self.parts()
        return copy.deepcopy(
            {
                "model": model.state_dict(),
                "optimizer": optimizer.state_dict(),
                "scheduler": None if scheduler is None else scheduler.state_dict(),
                "early_stopping": self.early_stopping.state_dict(),
                "generator": self.generator.get_state(),
            }
        )


def global_states():
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002
    return [torch.get_rng_state(), random.getstate(), [kind, torch.from_numpy(keys.copy()), *rest]]


@pytest.fixture(autouse=True)
def keep_global_generators():
    states = torch.get_rng_state(), np.random.get_state(), random.getstate()  # noqa: NPY002
    yield
    torch.set_rng_state(states[0])
    np.random.set_state(states[1])  # noqa: NPY002
    random.setstate(states[2])


# --- resumed equals uninterrupted


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("optimizer_class", [Adam, functools.partial(SGD, momentum=0.9), AdamW])
def test_a_resumed_run_is_the_uninterrupted_one_to_the_last_bit(
    tmp_path, schedule, optimizer_class
):
    whole = Run(schedule, optimizer_class=optimizer_class)
    history = whole.fit(
        5,
        seed=3,
        after_epoch=lambda history: whole.save(tmp_path / f"{len(history)}.pt", history),
    )
    for cut in (1, 3, 5):
        resumed = Run(schedule, seed=8, optimizer_class=optimizer_class)  # all its numbers differ
        torch.rand(5)
        checkpoint = resumed.load(tmp_path / f"{cut}.pt")
        assert (checkpoint.epoch, len(checkpoint.history)) == (cut, cut)
        assert resumed.fit(5, history=checkpoint.history) == history
        assert same(resumed.state(), whole.state()), cut


def test_global_generators_go_on_too(tmp_path):
    run = Run()
    run.save(tmp_path / "a.pt")
    drawn = [torch.rand(3), np.random.rand(3), random.random()]  # noqa: NPY002
    torch.manual_seed(5), np.random.seed(5), random.seed(5)  # noqa: NPY002
    run.load(tmp_path / "a.pt")
    again = [torch.rand(3), np.random.rand(3), random.random()]  # noqa: NPY002
    assert torch.equal(drawn[0], again[0])
    assert (drawn[1] == again[1]).all()
    assert drawn[2] == again[2]


def test_a_model_alone_is_loaded_without_touching_the_generators(tmp_path):
    run, other = Run(), Run(seed=2)
    run.save(tmp_path / "a.pt")
    torch.rand(3), np.random.rand(3), random.random()  # noqa: NPY002
    before = global_states()
    load_checkpoint(tmp_path / "a.pt", other.model)
    assert same(global_states(), before)
    assert same(other.model.state_dict(), run.model.state_dict())
    assert same(other.optimizer.state_dict(), Run(seed=2).optimizer.state_dict())


def test_saving_changes_nothing(tmp_path):
    run = Run()
    run.fit(2, seed=0)
    before, generators = run.state(), global_states()
    run.save(tmp_path / "a.pt")
    assert same(run.state(), before)
    assert same(global_states(), generators)


def test_epoch_without_a_history(tmp_path):
    run = Run()
    save_checkpoint(tmp_path / "a.pt", run.model, epoch=7)
    checkpoint = load_checkpoint(tmp_path / "a.pt", run.model)
    assert (checkpoint.epoch, checkpoint.history) == (7, History())


# --- killed while saving


#: For each line it reads, a process of its own that saves in a loop until it is killed. All its
#: numbers are the epoch, so that old and new cannot be mixed unnoticed.
SAVE_FOR_EVER = """
import os, sys, torch
from itertools import count
from course_utils.checkpoint import save_checkpoint
from course_utils.models import MLP

net = MLP(20, [200, 100], 10, seed=0)
optimizer = torch.optim.Adam(net.parameters())
net(torch.ones(3, 20)).sum().backward()
optimizer.step()
tensors = [*net.parameters(), *(state["exp_avg"] for state in optimizer.state.values())]
for _ in sys.stdin:
    child = os.fork()
    if child == 0:
        for epoch in count(1):
            for tensor in tensors:
                tensor.data.fill_(epoch)
            save_checkpoint(sys.argv[1], net, optimizer, epoch=epoch)
    print(child, flush=True)
    os.waitpid(child, 0)
    print("gone", flush=True)
"""


def wait_until(condition) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "the child saves nothing"
        time.sleep(0.002)


def test_a_kill_at_any_moment_leaves_a_whole_checkpoint(tmp_path):
    """Thirty processes save in a loop and are killed (SIGKILL); what they leave loads every time."""
    path, moments = tmp_path / "run.pt", random.Random(0)
    command = [sys.executable, "-c", SAVE_FOR_EVER, str(path)]
    pipe = subprocess.PIPE
    net = MLP(20, [200, 100], 10, seed=1)
    optimizer = Adam(net.parameters())
    epochs, unfinished = [], 0
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT) as parent:
        for _ in range(30):
            before = path.stat().st_mtime_ns if path.exists() else 0
            print(file=parent.stdin, flush=True)
            child = int(parent.stdout.readline())
            try:
                wait_until(lambda: path.exists() and path.stat().st_mtime_ns > before)  # noqa: B023
                time.sleep(moments.uniform(0, 0.06))
            finally:
                os.kill(child, signal.SIGKILL)
            assert parent.stdout.readline() == "gone\n"
            unfinished += path.with_name("run.pt.part").exists()
            epochs.append(load_checkpoint(path, net, optimizer).epoch)
            saved = [*net.parameters(), *(state["exp_avg"] for state in optimizer.state.values())]
            assert all(bool((tensor == epochs[-1]).all()) for tensor in saved), "old and new mixed"
        parent.stdin.close()
    assert unfinished >= 3, "the processes hardly do anything but write"
    assert len(set(epochs)) >= 3


def test_a_failed_write_keeps_the_old_file_and_leaves_no_other(tmp_path, monkeypatch):
    run = Run()
    run.save(tmp_path / "a.pt")
    old = (tmp_path / "a.pt").read_bytes()

    def full_disk(state, file):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full_disk)
    with pytest.raises(OSError, match="No space left"):
        run.save(tmp_path / "a.pt")
    assert (tmp_path / "a.pt").read_bytes() == old
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]


# --- files and objects that do not fit


def assert_refused(path: Path, run: Run, message: str, error=CheckpointError) -> None:
    """Loading fails with this message, and nothing is half loaded."""
    before, generators = run.state(), global_states()
    with pytest.raises(error, match=message):
        run.load(path)
    assert same(run.state(), before)
    assert same(global_states(), generators)


@pytest.fixture
def saved(tmp_path) -> Path:
    run = Run()
    run.fit(2, seed=0)
    run.save(tmp_path / "saved.pt")
    return tmp_path / "saved.pt"


def trained(**options) -> Run:
    run = Run(seed=5, **options)
    run.fit(1, seed=1)
    return run


def test_a_missing_file_is_named(tmp_path):
    assert_refused(tmp_path / "none.pt", trained(), "no checkpoint .*none.pt", FileNotFoundError)


def test_a_truncated_file_is_refused_wherever_it_was_cut(saved, tmp_path):
    content, run = saved.read_bytes(), trained()
    for length in [0, 1, 100, *range(1000, len(content), 997), len(content) - 1]:
        (tmp_path / "cut.pt").write_bytes(content[:length])
        assert_refused(tmp_path / "cut.pt", run, "damaged or unfinished; delete it")


def test_a_flipped_bit_is_noticed_or_does_not_matter(saved, tmp_path):
    """torch.load looks at no checksum; a bit flipped in a weight would go unnoticed."""
    content, places, run = saved.read_bytes(), random.Random(0), Run(seed=5)
    run.load(saved)
    expected, noticed = run.state(), 0
    for _ in range(200):
        damaged = bytearray(content)
        damaged[places.randrange(len(content))] ^= 1 << places.randrange(8)
        (tmp_path / "damaged.pt").write_bytes(damaged)
        try:
            run.load(tmp_path / "damaged.pt")
        except CheckpointError:
            noticed += 1
        assert same(run.state(), expected)
    assert noticed > 100


class Harmful:
    """What a pickle can do: call any function as soon as it is read."""

    def __reduce__(self):
        return (Path.touch, (Path("touched_by_a_pickle"),))


def test_a_file_that_runs_code_is_refused_before_it_can(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"model": Harmful()}, tmp_path / "harmful.pt")
    assert_refused(tmp_path / "harmful.pt", trained(), "could run any code")
    assert not (tmp_path / "touched_by_a_pickle").exists()
    torch.save(Run().model, tmp_path / "whole_model.pt")
    assert_refused(tmp_path / "whole_model.pt", trained(), "could run any code")


@pytest.mark.parametrize("content", [{"model": {}}, [1, 2], torch.zeros(3)])
def test_what_was_not_written_by_save_checkpoint_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "other.pt")
    assert_refused(tmp_path / "other.pt", trained(), "was not written by save_checkpoint")


def test_another_architecture_is_refused_with_the_first_difference(saved):
    message = r"7 tensors differ; 'net.0.weight' is \(8, 4\) there and \(9, 4\) in this model"
    assert_refused(saved, trained(hidden_size=9), message)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"schedule": "step"}, "the state of a CosineAnnealingLR, not of a StepLR"),
        ({"optimizer_class": SGD}, "the state of a Adam, not of a SGD"),
    ],
)
def test_another_optimizer_or_scheduler_is_refused(saved, options, message):
    assert_refused(saved, trained(**options), message)


@pytest.mark.parametrize("missing", ["optimizer", "scheduler", "early_stopping"])
def test_a_missing_state_is_named(tmp_path, missing):
    run = trained()
    (model, optimizer, scheduler), named = run.parts()
    kept = {"optimizer": optimizer, "scheduler": scheduler, **named}
    kept[missing] = None
    if missing == "optimizer":
        kept["scheduler"] = None
    save_checkpoint(tmp_path / "a.pt", model, **kept)
    assert_refused(tmp_path / "a.pt", run, f"holds no {missing} state")


def test_a_missing_generator_is_named(tmp_path):
    run = trained()
    parts, named = run.parts()
    named["generators"] = {"validation": torch.Generator()}
    save_checkpoint(tmp_path / "a.pt", *parts, **named)
    assert_refused(tmp_path / "a.pt", run, "no generator 'train_loader' .*it holds 'validation'")


def test_other_parameter_groups_are_refused(saved):
    run = trained(schedule="none")
    run.scheduler = None
    weights, biases = list(run.model.parameters())[::2], list(run.model.parameters())[1::2]
    run.optimizer = Adam([{"params": weights}, {"params": biases}])
    assert_refused(saved, run, "other parameters, or in another order")


def test_a_failure_half_way_is_undone(saved, monkeypatch):
    run = trained()

    calls = []
    load = CosineAnnealingLR.load_state_dict

    def fail_once(self, state):
        load(self, state)
        calls.append(state)
        if len(calls) == 1:
            raise KeyError("T_max")

    monkeypatch.setattr(CosineAnnealingLR, "load_state_dict", fail_once)
    assert_refused(saved, run, "the checkpoint does not fit: 'T_max'")


def test_one_model_with_another_ones_optimizer_is_refused(saved, tmp_path):
    run, other = trained(), trained()
    with pytest.raises(ValueError, match="parameters that are not this model's"):
        save_checkpoint(tmp_path / "mixed.pt", other.model, run.optimizer)
    with pytest.raises(ValueError, match="drives another optimizer"):
        save_checkpoint(tmp_path / "mixed.pt", run.model, run.optimizer, other.scheduler)
    assert not (tmp_path / "mixed.pt").exists()
    run.model = other.model
    assert_refused(saved, run, "parameters that are not this model's", ValueError)
