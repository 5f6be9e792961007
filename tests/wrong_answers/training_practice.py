"""Answers to the exercises of training_practice."""

import copy
import io
import math
import os
import pickle

import numpy as np
import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR

from course_utils.checkpoint import load_checkpoint, save_checkpoint
from course_utils.early_stopping import EarlyStopping
from course_utils.exercises import training_practice as exercises

from . import right, wrong

# ---- EarlyStopper


class _Stopper:
    """The right answer, in pieces that a mistake can replace."""

    def __init__(self, patience, min_delta=0.0):
        self.patience, self.min_delta = patience, min_delta
        self.best, self.waited, self.saved = None, 0, None

    def is_better(self, accuracy):
        return self.best is None or accuracy > self.best + self.min_delta

    def snapshot(self, model):
        return copy.deepcopy(model.state_dict())

    def update(self, val_accuracy, model):
        if self.is_better(val_accuracy):
            self.best, self.waited = val_accuracy, 0
            self.saved = self.snapshot(model)
        else:
            self.waited += 1
        return self.waited >= self.patience

    def restore(self, model):
        model.load_state_dict(self.saved)


@wrong(exercises.EarlyStopper, "shallow_copy")
class DetachesInsteadOfCloning(_Stopper):
    def snapshot(self, model):
        return {name: tensor.detach() for name, tensor in model.state_dict().items()}


@wrong(exercises.EarlyStopper, "shallow_copy")
class NeverRestores(_Stopper):
    def restore(self, model):
        pass


@wrong(exercises.EarlyStopper, "buffers_forgotten")
class CopiesParametersOnly(_Stopper):
    def snapshot(self, model):
        return [parameter.detach().clone() for parameter in model.parameters()]

    def restore(self, model):
        with torch.no_grad():
            for parameter, saved in zip(model.parameters(), self.saved, strict=True):
                parameter.copy_(saved)


@wrong(exercises.EarlyStopper, "no_return")
class SetsAFlagOnly(_Stopper):
    def update(self, val_accuracy, model):
        self.early_stop = super().update(val_accuracy, model)


@wrong(exercises.EarlyStopper, "unusable")
class HasNoRestore:
    def __init__(self, patience, min_delta):
        self.patience = patience

    def update(self, val_accuracy, model):
        return False


@right(exercises.EarlyStopper)
class KeepsThemInABuffer(_Stopper):
    def snapshot(self, model):
        buffer = io.BytesIO()
        torch.save(model.state_dict(), buffer)
        return buffer.getvalue()

    def restore(self, model):
        model.load_state_dict(torch.load(io.BytesIO(self.saved), weights_only=True))


@right(exercises.EarlyStopper)
class WatchesTheErrorWithTheLibrary:
    def __init__(self, patience, min_delta=0.0):
        self._early_stopping = EarlyStopping(patience, min_delta)

    def update(self, val_accuracy, model):
        return self._early_stopping(1 - val_accuracy, model)

    def restore(self, model):
        self._early_stopping.restore(model)


@right(exercises.EarlyStopper)
class KeepsTheWholeCurve(_Stopper):
    def __init__(self, patience, min_delta=0.0):
        super().__init__(patience, min_delta)
        self.curve, self.best_epoch = [], 0

    def update(self, val_accuracy, model):
        self.curve.append(np.float64(val_accuracy))
        best = self.curve[self.best_epoch]
        if len(self.curve) == 1 or self.curve[-1] > best + self.min_delta:
            self.best_epoch = len(self.curve) - 1
            self.saved = {name: value.clone() for name, value in model.state_dict().items()}
        return len(self.curve) - 1 - self.best_epoch >= self.patience


# ---- warm_cosine


def _after_warm_up(step, num_steps, warmup_steps):
    return min((step - warmup_steps) / (num_steps - warmup_steps), 1)


@wrong(exercises.warm_cosine, "raised")
def divides_by_no_warm_up(step, num_steps, warmup_steps, max_lr, min_lr):
    share = _after_warm_up(step, num_steps, warmup_steps)
    falling = min_lr + (max_lr - min_lr) * (1 + math.cos(math.pi * share)) / 2
    return min(max_lr * step / warmup_steps, falling)


@right(exercises.warm_cosine)
def with_a_squared_sine_in_numpy(step, num_steps, warmup_steps, max_lr, min_lr):
    if step < warmup_steps:
        return np.interp(step, [0, warmup_steps], [0, max_lr])
    share = np.clip((step - warmup_steps) / (num_steps - warmup_steps), 0, 1)
    return max_lr - (max_lr - min_lr) * np.sin(np.pi * share / 2) ** 2


@right(exercises.warm_cosine)
def by_running_torchs_scheduler(step, num_steps, warmup_steps, max_lr, min_lr):
    if step < warmup_steps:
        return torch.tensor(max_lr, dtype=torch.float64) * step / warmup_steps
    if step >= num_steps:
        return min_lr
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=max_lr)
    scheduler = CosineAnnealingLR(optimizer, num_steps - warmup_steps, eta_min=min_lr)
    for _ in range(step - warmup_steps):
        optimizer.step()
        scheduler.step()
    return scheduler.get_last_lr()[0]


# ---- train_resumably


def _collect(run, epoch):
    return {
        "model": run.model.state_dict(),
        "optimizer": run.optimizer.state_dict(),
        "scheduler": run.scheduler.state_dict(),
        "order": run.generator.get_state(),
        "dropout": torch.get_rng_state(),
        "epoch": epoch,
    }


def _restore(run, state, forget=()):
    for name in ("model", "optimizer", "scheduler"):
        if name not in forget:
            getattr(run, name).load_state_dict(state[name])
    if "order" not in forget:
        run.generator.set_state(state["order"])
    if "dropout" not in forget:
        torch.set_rng_state(state["dropout"])
    return state["epoch"]


def _write(state, path):
    unfinished = path.with_name("unfinished")
    torch.save(state, unfinished)
    os.replace(unfinished, path)  # noqa: PTH105


def _train(path, run, epochs, *, forget=(), save=_write, load=torch.load):
    done = _restore(run, load(path), forget) if path.exists() else 0
    for epoch in range(done, epochs):
        run.train_epoch()
        save(_collect(run, epoch + 1), path)
    return epochs - done


@wrong(exercises.train_resumably, "model_forgotten")
def forgets_the_model(path, run, epochs):
    return _train(path, run, epochs, forget={"model"})


@wrong(exercises.train_resumably, "optimizer_forgotten")
def forgets_the_optimizer(path, run, epochs):
    return _train(path, run, epochs, forget={"optimizer"})


@wrong(exercises.train_resumably, "optimizer_forgotten")
def keeps_the_weights_only(path, run, epochs):
    return _train(path, run, epochs, forget={"optimizer", "scheduler", "order", "dropout"})


@wrong(exercises.train_resumably, "scheduler_forgotten")
def forgets_the_scheduler(path, run, epochs):
    return _train(path, run, epochs, forget={"scheduler"})


@wrong(exercises.train_resumably, "order_forgotten")
def forgets_the_order(path, run, epochs):
    return _train(path, run, epochs, forget={"order"})


@wrong(exercises.train_resumably, "dropout_forgotten")
def forgets_the_global_generator(path, run, epochs):
    return _train(path, run, epochs, forget={"dropout"})


@wrong(exercises.train_resumably, "not_atomic")
def writes_over_the_old_file(path, run, epochs):
    return _train(path, run, epochs, save=lambda state, path: torch.save(state, path))


@wrong(exercises.train_resumably, "not_atomic")
def deletes_first(path, run, epochs):
    def save(state, path):
        path.unlink(missing_ok=True)
        _write(state, path)

    return _train(path, run, epochs, save=save)


@wrong(exercises.train_resumably, "objects_pickled")
def saves_the_whole_model(path, run, epochs):
    def save(state, path):
        _write({**state, "model": run.model}, path)

    return _train(path, run, epochs, save=save)


@wrong(exercises.train_resumably, "objects_pickled")
def pickles_it(path, run, epochs):
    def save(state, path):
        path.write_bytes(pickle.dumps(state))

    return _train(path, run, epochs, save=save)


@wrong(exercises.train_resumably, "saved_too_late")
def saves_at_the_end(path, run, epochs):
    for _ in range(epochs):
        run.train_epoch()
    _write(_collect(run, epochs), path)
    return epochs


@wrong(exercises.train_resumably, "started_over")
def never_loads(path, run, epochs):
    for epoch in range(epochs):
        run.train_epoch()
        _write(_collect(run, epoch + 1), path)
    return epochs


@wrong(exercises.train_resumably, "epochs_added")
def loads_and_trains_them_all(path, run, epochs):
    if path.exists():
        _restore(run, torch.load(path))
    for epoch in range(epochs):
        run.train_epoch()
        _write(_collect(run, epoch + 1), path)
    return epochs


@wrong(exercises.train_resumably, "epochs_miscounted")
def repeats_an_epoch(path, run, epochs):
    done = _restore(run, torch.load(path)) if path.exists() else 0
    for epoch in range(done, epochs):
        run.train_epoch()
        _write(_collect(run, epoch), path)
    return epochs - done


@wrong(exercises.train_resumably, "epochs_miscounted")
def saves_before_the_epoch(path, run, epochs):
    done = _restore(run, torch.load(path)) if path.exists() else 0
    for epoch in range(done, epochs):
        _write(_collect(run, epoch), path)
        run.train_epoch()
    return epochs - done


@wrong(exercises.train_resumably, "total_returned")
def returns_all_epochs(path, run, epochs):
    _train(path, run, epochs)
    return epochs


@wrong(exercises.train_resumably, "no_return")
def returns_nothing(path, run, epochs):
    _train(path, run, epochs)


@right(exercises.train_resumably)
def with_the_library(path, run, epochs):
    generators = {"order": run.generator}
    parts = (run.model, run.optimizer, run.scheduler)
    done = 0
    if path.exists():
        done = load_checkpoint(path, *parts, generators=generators).epoch
    for epoch in range(done + 1, epochs + 1):
        run.train_epoch()
        save_checkpoint(path, *parts, epoch=epoch, generators=generators)
    return epochs - done


@right(exercises.train_resumably)
def through_memory_and_double_precision(path, run, epochs):
    def save(state, path):
        whole = io.BytesIO()
        model = {name: tensor.double() for name, tensor in state["model"].items()}
        torch.save({**state, "model": model}, whole)
        path.with_suffix(".tmp").write_bytes(whole.getvalue())
        path.with_suffix(".tmp").rename(path)

    return _train(path, run, epochs, save=save)


@right(exercises.train_resumably)
def one_epoch_a_call(path, run, epochs):
    done = _restore(run, torch.load(path, weights_only=True)) if path.exists() else 0
    if done >= epochs:
        return 0
    run.train_epoch()
    _write(_collect(run, done + 1), path)
    return 1 + one_epoch_a_call(path, run, epochs)
