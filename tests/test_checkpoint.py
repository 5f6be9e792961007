"""Checkpoints: a resumed run is the same run, a killed one loses nothing, a wrong file changes nothing."""

import copy
import functools
import os
import random
import signal
import subprocess
import sys
import time
import warnings
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
from course_utils.early_stopping import EarlyStopping
from course_utils.exercises.practice_run import same_state as same
from course_utils.loader import TensorLoader
from course_utils.models import MLP
from course_utils.training import History, fit
from course_utils.unfinished_files import unfinished_beside

ROOT = Path(__file__).resolve().parent.parent
CRITERION = nn.CrossEntropyLoss()


def warm_up_then_cosine(optimizer):
    parts = [LinearLR(optimizer, 0.1, total_iters=4), CosineAnnealingLR(optimizer, 21)]
    return SequentialLR(optimizer, parts, milestones=[4])


#: name -> (scheduler of an optimizer, its interval); five steps per epoch, five epochs.
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


@pytest.mark.filterwarnings("ignore:nothing is trained")  # once the whole run is saved
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


def test_an_epoch_that_is_given_counts_and_not_the_length_of_the_history(tmp_path):
    history, model = History(train_loss=[1.0, 0.5]), Run().model
    for given, expected in ((0, 0), (5, 5), (None, 2)):
        save_checkpoint(tmp_path / "a.pt", model, history=history, epoch=given)
        checkpoint = load_checkpoint(tmp_path / "a.pt", model)
        assert (checkpoint.epoch, checkpoint.history) == (expected, history)


# --- killed while saving


#: A process that starts savers (they save in a loop for ever) and says when one is gone. All numbers
#: of a saver are the epoch, so that old and new cannot be mixed unnoticed. With a share, it kills
#: itself when so much of the second file is written.
SAVERS = """
import io, os, signal, sys, torch
from itertools import count
from course_utils.checkpoint import save_checkpoint
from course_utils.models import MLP

def save_for_ever(path, share):
    for epoch in count(1):
        for tensor in tensors:
            tensor.data.fill_(epoch)
        if share and epoch == 2:
            torch.save = lambda state, file: save_a_share(state, file, float(share[0]))
        save_checkpoint(path, net, optimizer, epoch=epoch)

def save_a_share(state, file, share):
    whole = io.BytesIO()
    torch_save(state, whole)
    file.write(whole.getvalue()[: round(share * whole.tell())])
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)

torch_save = torch.save
net = MLP(20, [200, 100], 10, seed=0)
optimizer = torch.optim.Adam(net.parameters())
net(torch.ones(3, 20)).sum().backward()
optimizer.step()
tensors = [*net.parameters(), *(state["exp_avg"] for state in optimizer.state.values())]
for line in sys.stdin:
    word, argument, *share = line.split()
    if word == "wait_for":
        os.waitpid(int(argument), 0)
        print("gone", flush=True)
    elif (child := os.fork()) == 0:
        save_for_ever(argument, share)
    else:
        print(child, flush=True)
"""


class Savers:
    def __init__(self):
        command, pipe = [sys.executable, "-c", SAVERS], subprocess.PIPE
        self.parent = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT)

    def ask(self, *words) -> str:
        print(*words, file=self.parent.stdin, flush=True)
        return self.parent.stdout.readline().strip()

    def start(self, path, *share) -> int:
        return int(self.ask("save", path, *share))

    def wait_for(self, child) -> None:
        assert self.ask("wait_for", child) == "gone"

    def kill(self, child) -> None:
        os.kill(child, signal.SIGKILL)
        self.wait_for(child)


@pytest.fixture(scope="module")
def savers():
    savers = Savers()
    yield savers
    savers.parent.communicate()  # closes its input, which ends it


def wait_until(condition) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "the child saves nothing"
        time.sleep(0.002)


def parts_in(folder: Path) -> list[Path]:
    return list(folder.glob("*.part"))


class Loaded:
    """A net like that of the savers; says which epoch was loaded, all of it."""

    def __init__(self):
        self.net = MLP(20, [200, 100], 10, seed=1)
        self.optimizer = Adam(self.net.parameters())

    def epoch(self, path) -> int:
        epoch = load_checkpoint(path, self.net, self.optimizer).epoch
        saved = [*self.net.parameters()]
        saved += [state["exp_avg"] for state in self.optimizer.state.values()]
        assert all(bool((tensor == epoch).all()) for tensor in saved), "old and new mixed"
        return epoch


def test_a_kill_at_any_moment_leaves_a_whole_checkpoint(tmp_path, savers):
    """Thirty processes save in a loop and are killed (SIGKILL); what they leave loads every time."""
    path, moments, loaded = tmp_path / "run.pt", random.Random(0), Loaded()
    epochs, unfinished = [], 0
    for _ in range(30):
        child = savers.start(path)
        try:
            for _ in range(moments.randint(1, 4)):  # so many files more, and then a moment
                before = path.stat().st_mtime_ns if path.exists() else 0
                wait_until(lambda: path.exists() and path.stat().st_mtime_ns > before)  # noqa: B023
            time.sleep(moments.uniform(0, 0.06))
        finally:
            savers.kill(child)
        assert len(parts_in(tmp_path)) <= 1, "what those before had left is gone"
        unfinished += len(parts_in(tmp_path))
        epochs.append(loaded.epoch(path))
    assert unfinished >= 3, "the processes hardly do anything but write"
    assert len(set(epochs)) >= 3
    save_checkpoint(path, loaded.net)
    assert [part.name for part in tmp_path.iterdir()] == ["run.pt"]


@pytest.mark.parametrize("share", [0, 0.001, 0.5, 0.999, 1])
def test_a_kill_at_a_byte_leaves_the_old_file_and_a_part_that_the_next_save_removes(
    tmp_path, savers, share
):
    path, loaded = tmp_path / "run.pt", Loaded()
    savers.wait_for(savers.start(path, share))
    assert loaded.epoch(path) == 1
    assert len(parts_in(tmp_path)) == 1
    save_checkpoint(path, loaded.net, epoch=3)
    assert [part.name for part in tmp_path.iterdir()] == ["run.pt"]


def test_many_writers_and_a_reader_of_one_path_until_they_are_killed(tmp_path, savers):
    path, loaded = tmp_path / "run.pt", Loaded()
    children = [savers.start(path) for _ in range(3)]
    try:
        wait_until(path.exists)
        epochs = [loaded.epoch(path) for _ in range(25)]
        deadline = time.monotonic() + 60
        while max(epochs) < 5 and time.monotonic() < deadline:
            epochs.append(loaded.epoch(path))
        assert path.exists() and max(epochs) >= 5
        for child in children:
            os.kill(child, 0)  # none has died of an error
    finally:
        for child in children:
            savers.kill(child)
    loaded.epoch(path)


# --- what can go wrong while a file is written


def test_a_second_writer_in_the_middle_of_a_write_disturbs_neither(tmp_path, monkeypatch):
    path, run, write = tmp_path / "a.pt", Run(), torch.save
    seen = []

    def write_twice(state, file):
        monkeypatch.setattr(torch, "save", write)
        write(state, file)
        save_checkpoint(path, run.model, epoch=2)  # removes no file of a process that lives
        seen.append(load_checkpoint(path, run.model).epoch)

    monkeypatch.setattr(torch, "save", write_twice)
    save_checkpoint(path, run.model, epoch=1)
    assert (seen, load_checkpoint(path, run.model).epoch) == ([2], 1)
    assert [p.name for p in tmp_path.iterdir()] == ["a.pt"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, MemoryError])
def test_an_interrupted_write_keeps_the_old_file_and_leaves_no_other(tmp_path, monkeypatch, error):
    run = Run()
    run.save(tmp_path / "a.pt")
    old = (tmp_path / "a.pt").read_bytes()

    def interrupted(state, file):
        file.write(b"half")
        raise error

    monkeypatch.setattr(torch, "save", interrupted)
    with pytest.raises(error):
        run.save(tmp_path / "a.pt")
    assert (tmp_path / "a.pt").read_bytes() == old
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]


def test_the_file_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    path, order = tmp_path / "a.pt", []
    fsync, replace = os.fsync, Path.replace

    def watched_fsync(number):
        fsync(number)
        order.append(("fsync", os.fstat(number).st_size, path.exists()))

    def watched_replace(source, target):
        order.append(("replace", source.stat().st_size, path.exists()))
        return replace(source, target)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(Path, "replace", watched_replace)
    Run().save(path)
    size = path.stat().st_size
    assert order == [("fsync", size, False), ("replace", size, False)]


@pytest.mark.parametrize(("refusals", "succeeds"), [(3, True), (100, False)])
def test_a_reader_on_windows_holds_up_the_renaming_for_a_moment(
    tmp_path, monkeypatch, refusals, succeeds
):
    """Windows renames nothing onto a file that is open; here the renaming itself is made to fail."""
    path, run, replace = tmp_path / "a.pt", Run(), Path.replace
    save_checkpoint(path, run.model, epoch=1)
    waited = []

    def held_open(source, target):
        if len(waited) < refusals:
            raise PermissionError(13, "Access is denied", str(source), None, str(target))
        return replace(source, target)

    monkeypatch.setattr(Path, "replace", held_open)
    monkeypatch.setattr(time, "sleep", waited.append)
    if succeeds:
        save_checkpoint(path, run.model, epoch=2)
    else:
        with pytest.raises(PermissionError, match=r"Access is denied: .*a.pt was not written"):
            save_checkpoint(path, run.model, epoch=2)
    assert load_checkpoint(path, run.model).epoch == (2 if succeeds else 1)
    assert 3 <= len(waited) <= 10 and 0 < sum(waited) <= 2
    assert [p.name for p in tmp_path.iterdir()] == ["a.pt"]


def test_only_what_a_dead_writer_left_is_removed(tmp_path):
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    mine = unfinished_beside(tmp_path / "run.pt")
    dead = mine.with_name(mine.name.replace(f".{os.getpid()}.", f".{done.pid}."))
    elsewhere = dead.with_name("run.pt.another-machine." + dead.name.split(".", 3)[3])
    long_ago = elsewhere.with_name("old." + elsewhere.name)
    foreign = tmp_path / "essay.part"
    for path in (mine, dead, elsewhere, long_ago, foreign):
        path.write_bytes(b"half")
    for path, hours in ((elsewhere, 23), (long_ago, 25), (foreign, 25)):
        os.utime(path, (time.time() - 3600 * hours,) * 2)
    Run().save(tmp_path / "run.pt")
    kept = {"run.pt", mine.name, elsewhere.name, foreign.name}
    assert {path.name for path in tmp_path.iterdir()} == kept


# --- places


@pytest.mark.parametrize(
    "name", ["檢查點 1", "it's a 'run'", "🧮" * 50, "x" * 250, ".hidden", "a.part"]
)
def test_any_name_and_missing_folders_will_do(tmp_path, name):
    path, run = tmp_path / "new" / "資料 夾" / name, Run()
    save_checkpoint(str(path), run.model, epoch=4)
    assert load_checkpoint(str(path), run.model).epoch == 4
    assert [p.name for p in path.parent.iterdir()] == [name]


def test_the_home_folder_may_be_written_as_a_tilde(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    save_checkpoint("~/run.pt", Run().model, epoch=4)
    assert (tmp_path / "home" / "run.pt").is_file() and not Path("~").exists()
    assert load_checkpoint("~/run.pt", Run().model).epoch == 4


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "disk").mkdir()
    link, run = tmp_path / "latest.pt", Run()
    link.symlink_to(tmp_path / "disk" / "run.pt")
    for epoch in (1, 2):
        save_checkpoint(link, run.model, epoch=epoch)
        assert link.is_symlink() and load_checkpoint(link, run.model).epoch == epoch
        assert load_checkpoint(tmp_path / "disk" / "run.pt", run.model).epoch == epoch


def test_a_folder_in_place_of_a_file_is_named_and_the_advice_works(tmp_path):
    run = Run()
    with pytest.raises(
        IsADirectoryError, match=r"is a folder; name a file in it, such as \S+run.pt"
    ):
        run.save(tmp_path)
    run.save(tmp_path / "run.pt")
    with pytest.raises(FileNotFoundError, match=r"no checkpoint .*this is a folder"):
        run.load(tmp_path)
    with pytest.raises(OSError, match=r"run.pt/a.pt was not written, .*'\S+run.pt'"):
        run.save(tmp_path / "run.pt" / "a.pt")
    assert [path.name for path in tmp_path.iterdir()] == ["run.pt"]


def test_a_folder_that_may_not_be_written_to_is_named(tmp_path, monkeypatch):
    run, opened = Run(), Path.open

    def read_only(path, mode="r", *args, **options):
        if "w" in mode:
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, mode, *args, **options)

    save_checkpoint(tmp_path / "run.pt", run.model, epoch=1)
    monkeypatch.setattr(Path, "open", read_only)
    with pytest.raises(
        PermissionError, match=r"Permission denied: \S+run.pt was not written.*may write to"
    ):
        run.save(tmp_path / "run.pt")
    assert load_checkpoint(tmp_path / "run.pt", run.model).epoch == 1


def test_a_file_that_may_not_be_read_is_not_called_damaged(tmp_path, monkeypatch):
    run = Run()
    run.save(tmp_path / "run.pt")

    def denied(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", denied)
    with pytest.raises(PermissionError, match=r"run.pt"):
        run.load(tmp_path / "run.pt")


def test_a_failed_write_keeps_the_old_file_and_leaves_no_other(tmp_path, monkeypatch):
    run = Run()
    run.save(tmp_path / "a.pt")
    old = (tmp_path / "a.pt").read_bytes()

    def full_disk(state, file):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full_disk)
    with pytest.raises(
        OSError, match=r"No space left on device: \S+a.pt was not written.*make room"
    ) as caught:
        run.save(tmp_path / "a.pt")
    assert caught.value.errno == 28
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
    run.history = run.fit(1, seed=1)
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
    (model, optimizer, scheduler), named = Run(seed=1).parts()
    kept = {"optimizer": optimizer, "scheduler": scheduler, **named}
    kept[missing] = None
    if missing == "optimizer":
        kept["scheduler"] = None
    save_checkpoint(tmp_path / "a.pt", model, **kept)
    assert_refused(tmp_path / "a.pt", trained(), f"holds no {missing} state")


def test_a_missing_generator_is_named(tmp_path):
    parts, named = Run(seed=1).parts()
    named["generators"] = {"validation": torch.Generator()}
    save_checkpoint(tmp_path / "a.pt", *parts, **named)
    message = "no generator 'train_loader' .*it holds 'validation'"
    assert_refused(tmp_path / "a.pt", trained(), message)
    del named["generators"]
    save_checkpoint(tmp_path / "a.pt", *parts, **named)
    assert_refused(tmp_path / "a.pt", trained(), "no generator 'train_loader' .*it holds none")


def test_the_state_of_another_kind_of_generator_is_refused(saved, tmp_path):
    """One of a GPU has another length; here the file is changed."""
    state = torch.load(saved, weights_only=True)
    state["generators"]["train_loader"] = state["generators"]["train_loader"][:16].clone()
    torch.save(state, tmp_path / "a.pt")
    assert_refused(tmp_path / "a.pt", trained(), "no generator 'train_loader' of this kind")


def test_a_generator_of_numpy_is_refused_by_name(saved, tmp_path):
    run = trained()
    generators = {"numpy": np.random.default_rng(0)}
    for call in (save_checkpoint, load_checkpoint):
        with pytest.raises(ValueError, match=r"'numpy' must be a torch.Generator, got a Generator"):
            call(tmp_path / "a.pt", run.model, generators=generators)
    assert not (tmp_path / "a.pt").exists()


def test_generators_are_restored_by_their_names_and_others_left_alone(tmp_path):
    generators = {name: torch.Generator().manual_seed(i) for i, name in enumerate("abc")}
    states = {name: generator.get_state() for name, generator in generators.items()}
    model = nn.Linear(1, 1)
    save_checkpoint(tmp_path / "a.pt", model, generators=generators)
    new = {name: torch.Generator().manual_seed(9) for name in "cab"}
    load_checkpoint(tmp_path / "a.pt", model, generators={"c": new["c"], "a": new["a"]})
    assert torch.equal(new["c"].get_state(), states["c"])
    assert torch.equal(new["a"].get_state(), states["a"])
    assert torch.equal(new["b"].get_state(), torch.Generator().manual_seed(9).get_state())


def test_other_parameter_groups_are_refused(saved):
    run = trained(schedule="none")
    run.scheduler = None
    weights, biases = list(run.model.parameters())[::2], list(run.model.parameters())[1::2]
    run.optimizer = Adam([{"params": weights}, {"params": biases}])
    assert_refused(saved, run, "other parameters, or in another order")


@pytest.mark.parametrize("error", [KeyError, KeyboardInterrupt])
@pytest.mark.parametrize("place", ["scheduler", "early_stopping"])
def test_a_failure_half_way_is_undone(saved, monkeypatch, error, place):
    run, calls = trained(), []
    kind = {"scheduler": CosineAnnealingLR, "early_stopping": EarlyStopping}[place]
    load = kind.load_state_dict

    def fail_once(self, state):
        load(self, state)
        calls.append(state)
        if len(calls) == 1:
            raise error("T_max")

    monkeypatch.setattr(kind, "load_state_dict", fail_once)
    if error is KeyError:
        assert_refused(saved, run, "the checkpoint does not fit: 'T_max'")
    else:
        assert_refused(saved, run, "T_max", KeyboardInterrupt)
    assert len(calls) == 2


def test_what_an_optimizer_remembers_is_put_back_in_its_own_precision(saved, monkeypatch):
    """torch would make a state of float32 one of bfloat16, as the parameters are."""

    def make():
        model = nn.Linear(4, 3, dtype=torch.bfloat16)
        optimizer = torch.optim.NAdam(model.parameters())
        for _ in range(3):
            model(torch.ones(2, 4, dtype=torch.bfloat16)).sum().backward()
            optimizer.step()
        return model, optimizer

    path = saved.with_name("other.pt")
    save_checkpoint(path, *make(), early_stopping=EarlyStopping(1))
    (model, optimizer), stopping = make(), EarlyStopping(1)
    before = copy.deepcopy([model.state_dict(), optimizer.state_dict()])
    monkeypatch.setattr(stopping, "load_state_dict", lambda state: {}["no such key"])
    with pytest.raises(CheckpointError, match="no such key"):
        load_checkpoint(path, model, optimizer, early_stopping=stopping)
    assert same([model.state_dict(), optimizer.state_dict()], before)
    first = optimizer.state[model.weight]
    assert first["mu_product"].dtype == torch.float32 and first["exp_avg"].dtype == torch.bfloat16


def test_a_history_that_does_not_fit_changes_nothing(saved, tmp_path):
    state = torch.load(saved, weights_only=True)
    del state["history"]["val_loss"]
    torch.save(state, tmp_path / "a.pt")
    assert_refused(tmp_path / "a.pt", trained(), "history of the checkpoint lacks val_loss")


def test_what_was_loaded_and_what_was_saved_share_no_memory(tmp_path):
    run, other = trained(), Run(seed=2)
    run.save(tmp_path / "a.pt", run.history)
    history = other.load(tmp_path / "a.pt").history
    before = run.state()
    other.fit(2, history=history)
    other.early_stopping._best_weights["net.0.weight"].add_(1)
    assert same(run.state(), before)


def test_one_model_with_another_ones_optimizer_is_refused(saved, tmp_path):
    run, other = trained(), trained()
    with pytest.raises(ValueError, match="parameters that are not this model's"):
        save_checkpoint(tmp_path / "mixed.pt", other.model, run.optimizer)
    with pytest.raises(ValueError, match="drives another optimizer"):
        save_checkpoint(tmp_path / "mixed.pt", run.model, run.optimizer, other.scheduler)
    with pytest.raises(ValueError, match=r"without its optimizer; give scheduler.optimizer"):
        save_checkpoint(tmp_path / "mixed.pt", run.model, scheduler=run.scheduler)
    with pytest.raises(ValueError, match=r"without its optimizer; give scheduler.optimizer"):
        load_checkpoint(saved, run.model, scheduler=run.scheduler)
    assert not (tmp_path / "mixed.pt").exists()
    with pytest.raises(ValueError, match="drives another optimizer"):
        load_checkpoint(saved, run.model, run.optimizer, other.scheduler)
    run.model = other.model
    assert_refused(saved, run, "parameters that are not this model's", ValueError)


def test_a_part_of_another_models_parameters_is_refused_too(tmp_path):
    run, other = trained(), trained()
    both = SGD([*run.model.parameters(), *list(other.model.parameters())[:1]], lr=0.1)
    with pytest.raises(ValueError, match="parameters that are not this model's"):
        save_checkpoint(tmp_path / "mixed.pt", run.model, both)
    some = SGD(list(run.model.parameters())[:1], lr=0.1)
    save_checkpoint(tmp_path / "some.pt", run.model, some)
    load_checkpoint(tmp_path / "some.pt", run.model, some)


def test_what_somebody_adds_to_a_history_comes_back(tmp_path):
    run, path = Run(), tmp_path / "a.pt"
    history = History()
    history.seconds, history.note = [], "first try"
    run.fit(2, seed=0, history=history)
    history.seconds += [1.5, 1.25, 1.0]
    run.save(path, history)
    loaded = Run(seed=2).load(path).history
    assert vars(loaded) == vars(history)
    assert loaded.note == "first try"


@pytest.mark.parametrize(
    ("left_out", "without"), [("scheduler", None), ("early_stopping", None), ("generators", {})]
)
def test_what_was_saved_and_not_asked_for_is_told_and_the_advice_works(left_out, without, saved):
    run = Run(seed=2)
    (model, optimizer, scheduler), named = run.parts()
    named["scheduler"] = scheduler
    asked = {name: part for name, part in named.items() if name != left_out}
    with pytest.warns(
        UserWarning, match=rf"also holds {left_out}, .*\({left_out}=\.\.\.\)"
    ) as told:
        load_checkpoint(saved, model, optimizer, **asked)
    assert told[0].filename == __file__
    with warnings.catch_warnings(action="error"):
        load_checkpoint(saved, model, optimizer, **asked, **{left_out: without})
        load_checkpoint(saved, model, optimizer, **named)
        load_checkpoint(saved, model)  # to predict with
    save_checkpoint(saved, model, optimizer, **(named | {left_out: without}))
    with warnings.catch_warnings(action="error"):
        load_checkpoint(saved, model, optimizer, **asked)


@pytest.mark.parametrize("wrong", [History(), EarlyStopping(2), StepLR])
def test_what_is_no_scheduler_is_named_in_its_place(saved, tmp_path, wrong):
    run = trained()
    with pytest.raises(ValueError, match=r"scheduler must be built.*by its name: history="):
        save_checkpoint(tmp_path / "a.pt", run.model, run.optimizer, wrong)
    assert not (tmp_path / "a.pt").exists()
    with pytest.raises(ValueError, match="optimizer must be built"):
        save_checkpoint(tmp_path / "a.pt", run.model, wrong)
    with pytest.raises(ValueError, match="scheduler must be built"):
        load_checkpoint(saved, run.model, run.optimizer, wrong)


def test_parameters_of_the_criterion_are_saved_as_one_model(tmp_path):
    model, criterion = nn.Linear(4, 3), nn.PReLU()
    both = nn.ModuleList([model, criterion])
    optimizer = torch.optim.SGD(both.parameters(), lr=0.1)
    with pytest.raises(ValueError, match="the criterion's, give both as one model"):
        save_checkpoint(tmp_path / "a.pt", model, optimizer)
    save_checkpoint(tmp_path / "a.pt", both, optimizer)
    before = criterion.weight.item()
    criterion.weight.data.fill_(9.0)
    load_checkpoint(tmp_path / "a.pt", both, optimizer)
    assert criterion.weight.item() == before
