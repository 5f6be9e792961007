"""Answers to the exercises of training_practice, written from the prompts alone."""

import copy
import io
import math
import os
import shutil
import tempfile

import numpy as np
import torch

from course_utils.exercises import training_practice as exercises

from .. import right, wrong

# ---- EarlyStopper


class _Stopper:
    """A right answer, which most of the wrong ones change in one place."""

    def __init__(self, patience, min_delta=0.0):
        self.patience, self.min_delta = patience, min_delta
        self.best, self.state, self.bad = None, None, 0

    def improved(self, accuracy):
        return self.best is None or accuracy > self.best + self.min_delta

    def keep(self, accuracy, model):
        self.best, self.bad = accuracy, 0
        self.state = copy.deepcopy(model.state_dict())

    def update(self, val_accuracy, model):
        if self.improved(val_accuracy):
            self.keep(val_accuracy, model)
        else:
            self.bad += 1
        return self.bad >= self.patience

    def restore(self, model):
        model.load_state_dict(self.state)


@wrong(exercises.EarlyStopper, "smaller_is_better")  # smaller is taken for better, as with a loss
class WatchesALoss(_Stopper):
    def improved(self, accuracy):
        return self.best is None or accuracy < self.best - self.min_delta


@wrong(
    exercises.EarlyStopper, "tie_is_improvement"
)  # exactly min_delta more (a tie at 0) counts as improvement
class TieIsProgress(_Stopper):
    def improved(self, accuracy):
        return self.best is None or accuracy >= self.best + self.min_delta


@wrong(exercises.EarlyStopper, "min_delta_ignored")  # min_delta is ignored
class IgnoresMinDelta(_Stopper):
    def improved(self, accuracy):
        return self.best is None or accuracy > self.best


@wrong(
    exercises.EarlyStopper, "first_epoch_not_best"
)  # the best starts at 0: a first epoch of 0 is no improvement
class BestStartsAtZero(_Stopper):
    def __init__(self, patience, min_delta=0.0):
        super().__init__(patience, min_delta)
        self.best = 0.0

    def restore(self, model):
        if self.state is not None:
            model.load_state_dict(self.state)


@wrong(
    exercises.EarlyStopper, "shallow_copy"
)  # keeps state_dict() itself, whose tensors go on training
class SnapshotIsNoCopy(_Stopper):
    def keep(self, accuracy, model):
        self.best, self.bad, self.state = accuracy, 0, model.state_dict()


@wrong(
    exercises.EarlyStopper, "shallow_copy"
)  # a shallow copy of the dict: the tensors are still shared
class ShallowCopy(_Stopper):
    def keep(self, accuracy, model):
        self.best, self.bad, self.state = accuracy, 0, model.state_dict().copy()


@wrong(
    exercises.EarlyStopper, "buffers_forgotten"
)  # the parameters alone: buffers are not put back
class ForgetsBuffers(_Stopper):
    def keep(self, accuracy, model):
        self.best, self.bad = accuracy, 0
        self.state = [p.detach().clone() for p in model.parameters()]

    def restore(self, model):
        with torch.no_grad():
            for parameter, saved in zip(model.parameters(), self.state, strict=True):
                parameter.copy_(saved)


@wrong(exercises.EarlyStopper, "patience_too_long")  # stops one epoch too late: more than patience
class OneEpochLate(_Stopper):
    def update(self, val_accuracy, model):
        super().update(val_accuracy, model)
        return self.bad > self.patience


@wrong(exercises.EarlyStopper, "wrong_value")  # tests the counter before this epoch is added to it
class TestsBeforeCounting(_Stopper):
    def update(self, val_accuracy, model):
        stop = self.bad >= self.patience
        super().update(val_accuracy, model)
        return stop


@wrong(exercises.EarlyStopper, "counter_not_reset")  # an improvement does not reset the counter
class CountsAllBadEpochs(_Stopper):
    def keep(self, accuracy, model):
        self.best, self.state = accuracy, copy.deepcopy(model.state_dict())


@wrong(
    exercises.EarlyStopper, "compares_with_previous"
)  # compares with the previous epoch, not with the best
class ComparesWithThePrevious(_Stopper):
    def update(self, val_accuracy, model):
        stop = super().update(val_accuracy, model)
        self.best = val_accuracy
        return stop


@wrong(exercises.EarlyStopper, "small_gain_counts")  # gains below min_delta still raise the bar
class BarCreepsUp(_Stopper):
    def update(self, val_accuracy, model):
        stop = super().update(val_accuracy, model)
        self.best = max(self.best, val_accuracy)
        return stop


@wrong(
    exercises.EarlyStopper, "keeps_the_last"
)  # takes the snapshot in every epoch: restores the last
class RestoresTheLast(_Stopper):
    def update(self, val_accuracy, model):
        stop = super().update(val_accuracy, model)
        self.state = copy.deepcopy(model.state_dict())
        return stop


@wrong(
    exercises.EarlyStopper, "small_gain_counts"
)  # keeps the highest epoch even when the gain is too small
class KeepsTooSmallGains(_Stopper):
    highest = -math.inf

    def update(self, val_accuracy, model):
        stop = super().update(val_accuracy, model)
        if val_accuracy > self.highest:
            self.highest, self.state = val_accuracy, copy.deepcopy(model.state_dict())
        return stop


@wrong(
    exercises.EarlyStopper, "raised"
)  # the best is kept in the class: a second stopper inherits it
class SharedByAllStoppers(_Stopper):
    record = []

    def improved(self, accuracy):
        return not self.record or accuracy > self.record[-1] + self.min_delta

    def keep(self, accuracy, model):
        super().keep(accuracy, model)
        self.record.append(accuracy)


@wrong(
    exercises.EarlyStopper, "shallow_copy"
)  # restore returns a copy and leaves the given model alone
class RestoreReturnsACopy(_Stopper):
    def keep(self, accuracy, model):
        self.best, self.bad, self.state = accuracy, 0, copy.deepcopy(model)

    def restore(self, model):
        model = copy.deepcopy(self.state)
        return model


@wrong(exercises.EarlyStopper, "no_return")  # returns None instead of False
class NoneInsteadOfFalse(_Stopper):
    def update(self, val_accuracy, model):
        if super().update(val_accuracy, model):
            return True


@wrong(
    exercises.EarlyStopper, "min_delta_relative"
)  # min_delta as a share of the best, not an absolute step
class RelativeMinDelta(_Stopper):
    def improved(self, accuracy):
        return self.best is None or accuracy > self.best * (1 + self.min_delta)


@wrong(exercises.EarlyStopper, "wrong_value")  # the default of min_delta is 0.01 instead of 0
class OtherDefault(_Stopper):
    def __init__(self, patience, min_delta=0.01):
        super().__init__(patience, min_delta)


@right(exercises.EarlyStopper)  # clones of every tensor of the state
class ClonesTheState:
    def __init__(self, patience, min_delta=0.0):
        self.patience = patience
        self.min_delta = min_delta
        self.best_accuracy = -float("inf")
        self.waiting = 0

    def update(self, val_accuracy, model):
        if val_accuracy - self.best_accuracy > self.min_delta:
            self.best_accuracy = val_accuracy
            self.best_state = {name: t.clone() for name, t in model.state_dict().items()}
            self.waiting = 0
        else:
            self.waiting += 1
        return self.waiting >= self.patience

    def restore(self, model):
        model.load_state_dict(self.best_state)


@right(exercises.EarlyStopper)  # the state saved as bytes
class SavesToMemory(_Stopper):
    def keep(self, accuracy, model):
        self.best, self.bad, self.state = accuracy, 0, io.BytesIO()
        torch.save(model.state_dict(), self.state)

    def restore(self, model):
        self.state.seek(0)
        model.load_state_dict(torch.load(self.state, weights_only=True))


@right(exercises.EarlyStopper)  # a deep copy of the whole model, restored tensor by tensor
class CopiesTheModel:
    def __init__(self, patience, min_delta=0.0):
        self.settings = patience, min_delta
        self.epoch = 0

    def update(self, val_accuracy, model):
        patience, min_delta = self.settings
        self.epoch += 1
        if self.epoch == 1 or val_accuracy > self.best + min_delta:
            self.best, self.best_epoch = val_accuracy, self.epoch
            self.copy = copy.deepcopy(model)
        return self.epoch - self.best_epoch >= patience

    @torch.no_grad()
    def restore(self, model):
        for old, new in zip(self.copy.parameters(), model.parameters(), strict=True):
            new.copy_(old)
        for old, new in zip(self.copy.buffers(), model.buffers(), strict=True):
            new.copy_(old)


@right(exercises.EarlyStopper)  # the whole history, searched again in every epoch
class KeepsTheHistory:
    def __init__(self, patience, min_delta=0.0):
        self.patience, self.min_delta, self.accuracies = patience, min_delta, []

    def update(self, val_accuracy, model):
        self.accuracies.append(float(val_accuracy))
        best = 0
        for epoch, accuracy in enumerate(self.accuracies):
            if accuracy > self.accuracies[best] + self.min_delta:
                best = epoch
        since = len(self.accuracies) - 1 - best
        if since == 0:
            self.state = copy.deepcopy(model.state_dict())
        return bool(since >= self.patience)

    def restore(self, model):
        model.load_state_dict(copy.deepcopy(self.state))


# ---- warm_cosine


def _descent(share, max_lr, min_lr):
    return min_lr + (max_lr - min_lr) * (1 + math.cos(math.pi * share)) / 2


@wrong(exercises.warm_cosine, "warm_up_too_early")  # the ramp begins at 1/warmup_steps instead of 0
def ramp_one_step_ahead(step, num_steps, warmup_steps, max_lr, min_lr):
    if step < warmup_steps:
        return max_lr * (step + 1) / warmup_steps
    if step >= num_steps:
        return min_lr
    return _descent((step - warmup_steps) / (num_steps - warmup_steps), max_lr, min_lr)


@wrong(exercises.warm_cosine, "no_warm_up_divides")  # divides by warmup_steps even when it is 0
def divides_by_no_warmup(step, num_steps, warmup_steps, max_lr, min_lr):
    if step <= warmup_steps:
        return max_lr * step / warmup_steps
    if step >= num_steps:
        return min_lr
    return _descent((step - warmup_steps) / (num_steps - warmup_steps), max_lr, min_lr)


@wrong(
    exercises.warm_cosine, "warm_up_counted_twice"
)  # the cosine runs from step 0: warm-up is not subtracted
def cosine_from_step_zero(step, num_steps, warmup_steps, max_lr, min_lr):
    if step < warmup_steps:
        return max_lr * step / warmup_steps
    return _descent(min(step, num_steps) / num_steps, max_lr, min_lr)


@wrong(
    exercises.warm_cosine, "descent_too_long"
)  # the cosine takes num_steps after the warm-up: ends too late
def descent_too_long(step, num_steps, warmup_steps, max_lr, min_lr):
    if step < warmup_steps:
        return max_lr * step / warmup_steps
    return _descent(min((step - warmup_steps) / num_steps, 1), max_lr, min_lr)


@wrong(
    exercises.warm_cosine, "rises_again"
)  # the cosine is not stopped at num_steps and rises again
def rises_again(step, num_steps, warmup_steps, max_lr, min_lr):
    if step < warmup_steps:
        return max_lr * step / warmup_steps
    return _descent((step - warmup_steps) / (num_steps - warmup_steps), max_lr, min_lr)


@wrong(exercises.warm_cosine, "minimum_ignored")  # falls to 0, min_lr is ignored
def falls_to_zero(step, num_steps, warmup_steps, max_lr, min_lr):
    if step < warmup_steps:
        return max_lr * step / warmup_steps
    share = min((step - warmup_steps) / (num_steps - warmup_steps), 1)
    return _descent(share, max_lr, 0.0)


@wrong(exercises.warm_cosine, "minimum_cuts_off")  # falls towards 0 and is only cut off at min_lr
def cut_off_at_min(step, num_steps, warmup_steps, max_lr, min_lr):
    if step < warmup_steps:
        return max_lr * step / warmup_steps
    share = min((step - warmup_steps) / (num_steps - warmup_steps), 1)
    return max(min_lr, _descent(share, max_lr, 0.0))


@wrong(exercises.warm_cosine, "warm_up_from_minimum")  # the warm-up begins at min_lr instead of 0
def ramp_from_min(step, num_steps, warmup_steps, max_lr, min_lr):
    if step < warmup_steps:
        return min_lr + (max_lr - min_lr) * step / warmup_steps
    if step >= num_steps:
        return min_lr
    return _descent((step - warmup_steps) / (num_steps - warmup_steps), max_lr, min_lr)


@wrong(exercises.warm_cosine, "whole_wave")  # a whole wave (2π) instead of half of one
def whole_wave(step, num_steps, warmup_steps, max_lr, min_lr):
    if step < warmup_steps:
        return max_lr * step / warmup_steps
    if step >= num_steps:
        return min_lr
    return _descent(2 * (step - warmup_steps) / (num_steps - warmup_steps), max_lr, min_lr)


@wrong(exercises.warm_cosine, "quarter_wave")  # a quarter wave: cos from 0 to π/2
def quarter_wave(step, num_steps, warmup_steps, max_lr, min_lr):
    if step < warmup_steps:
        return max_lr * step / warmup_steps
    share = min((step - warmup_steps) / (num_steps - warmup_steps), 1)
    return min_lr + (max_lr - min_lr) * math.cos(math.pi / 2 * share)


@wrong(exercises.warm_cosine, "straight_line")  # a straight line down instead of a cosine
def straight_down(step, num_steps, warmup_steps, max_lr, min_lr):
    if step < warmup_steps:
        return max_lr * step / warmup_steps
    share = min((step - warmup_steps) / (num_steps - warmup_steps), 1)
    return max_lr + (min_lr - max_lr) * share


@wrong(
    exercises.warm_cosine, "minimum_on_top"
)  # min_lr is added on top: the peak is max_lr + min_lr
def min_added_on_top(step, num_steps, warmup_steps, max_lr, min_lr):
    if step < warmup_steps:
        return max_lr * step / warmup_steps
    share = min((step - warmup_steps) / (num_steps - warmup_steps), 1)
    return min_lr + max_lr * (1 + math.cos(math.pi * share)) / 2


@wrong(exercises.warm_cosine, "one_step_early")  # reaches min_lr at num_steps - 1, a step early
def arrives_a_step_early(step, num_steps, warmup_steps, max_lr, min_lr):
    if step < warmup_steps:
        return max_lr * step / warmup_steps
    share = min((step - warmup_steps) / (num_steps - 1 - warmup_steps), 1)
    return _descent(share, max_lr, min_lr)


@wrong(
    exercises.warm_cosine, "nothing_afterwards"
)  # after num_steps the rate is 0 instead of min_lr
def zero_afterwards(step, num_steps, warmup_steps, max_lr, min_lr):
    if step > num_steps:
        return 0.0
    if step < warmup_steps:
        return max_lr * step / warmup_steps
    return _descent((step - warmup_steps) / (num_steps - warmup_steps), max_lr, min_lr)


@wrong(
    exercises.warm_cosine, "whole_numbers_only"
)  # whole-number division: the share is only ever 0 or 1
def floor_division(step, num_steps, warmup_steps, max_lr, min_lr):
    if step < warmup_steps:
        return max_lr * step / warmup_steps
    share = min((step - warmup_steps) // (num_steps - warmup_steps), 1)
    return _descent(share, max_lr, min_lr)


@wrong(
    exercises.warm_cosine, "rises_instead"
)  # the sign of the cosine is wrong: rises from min_lr to max_lr
def rises_instead_of_falling(step, num_steps, warmup_steps, max_lr, min_lr):
    if step < warmup_steps:
        return max_lr * step / warmup_steps
    share = min((step - warmup_steps) / (num_steps - warmup_steps), 1)
    return min_lr + (max_lr - min_lr) * (1 - math.cos(math.pi * share)) / 2


@right(exercises.warm_cosine)  # numpy, with clip and interp
def with_interp(step, num_steps, warmup_steps, max_lr, min_lr):
    if step < warmup_steps:
        return float(np.interp(step, [0, warmup_steps], [0, max_lr]))
    angle = np.interp(step, [warmup_steps, num_steps], [0, np.pi])
    return float((max_lr + min_lr) / 2 + (max_lr - min_lr) / 2 * np.cos(angle))


@right(exercises.warm_cosine)  # the squared cosine of half the angle
def squared_cosine(step, num_steps, warmup_steps, max_lr, min_lr):
    if step >= num_steps:
        return min_lr
    if step >= warmup_steps:
        half = math.pi / 2 * (step - warmup_steps) / (num_steps - warmup_steps)
        return max_lr * math.cos(half) ** 2 + min_lr * math.sin(half) ** 2
    return step / warmup_steps * max_lr


@right(exercises.warm_cosine)  # a 0-d tensor in float64
def as_a_tensor(step, num_steps, warmup_steps, max_lr, min_lr):
    step = torch.tensor(step, dtype=torch.float64)
    ramp = max_lr * step / max(warmup_steps, 1)
    share = ((step - warmup_steps) / (num_steps - warmup_steps)).clamp(0, 1)
    wave = min_lr + (max_lr - min_lr) * 0.5 * (1 + torch.cos(torch.pi * share))
    return torch.where(step < warmup_steps, ramp, wave)


@right(exercises.warm_cosine)  # one expression, the cosine as the real part of a power of -1
def in_one_expression(step, num_steps, warmup_steps, max_lr, min_lr):
    return (
        max_lr * step / warmup_steps
        if step < warmup_steps
        else min_lr
        + (max_lr - min_lr)
        * (1 + ((-1 + 0j) ** (min(1, (step - warmup_steps) / (num_steps - warmup_steps)))).real)
        / 2
    )


# ---- train_resumably


def _state(run, epoch):
    return {
        "model": run.model.state_dict(),
        "optimizer": run.optimizer.state_dict(),
        "scheduler": run.scheduler.state_dict(),
        "generator": run.generator.get_state(),
        "epoch": epoch,
    }


def _write(content, path):
    part = path.with_name(path.name + ".part")
    torch.save(content, part)
    part.replace(path)


def _load(path, run, skip=()):
    if not path.exists():
        return 0
    saved = torch.load(path, weights_only=True)
    for name in ("model", "optimizer", "scheduler"):
        if name not in skip:
            getattr(run, name).load_state_dict(saved[name])
    if "generator" not in skip:
        run.generator.set_state(saved["generator"])
    return saved["epoch"]


@wrong(exercises.train_resumably, "optimizer_forgotten")  # the state of the optimizer is not saved
def forgets_the_optimizer(path, run, epochs):
    start = _load(path, run, skip=["optimizer"])
    for epoch in range(start, epochs):
        run.train_epoch()
        content = _state(run, epoch + 1)
        del content["optimizer"]
        _write(content, path)
    return max(epochs - start, 0)


@wrong(exercises.train_resumably, "scheduler_forgotten")  # the state of the scheduler is not saved
def forgets_the_scheduler(path, run, epochs):
    start = _load(path, run, skip=["scheduler"])
    for epoch in range(start, epochs):
        run.train_epoch()
        content = _state(run, epoch + 1)
        del content["scheduler"]
        _write(content, path)
    return max(epochs - start, 0)


@wrong(exercises.train_resumably, "order_forgotten")  # the generator is saved, but not put back
def forgets_the_generator(path, run, epochs):
    start = _load(path, run, skip=["generator"])
    for epoch in range(start, epochs):
        run.train_epoch()
        _write(_state(run, epoch + 1), path)
    return max(epochs - start, 0)


@wrong(exercises.train_resumably, "optimizer_forgotten")  # only the weights are saved and loaded
def weights_alone(path, run, epochs):
    start = _load(path, run, skip=["optimizer", "scheduler", "generator"])
    for epoch in range(start, epochs):
        run.train_epoch()
        _write({"model": run.model.state_dict(), "epoch": epoch + 1}, path)
    return max(epochs - start, 0)


@wrong(
    exercises.train_resumably, "order_forgotten"
)  # the state of torch's global generator, not of run's
def global_generator(path, run, epochs):
    start = _load(path, run, skip=["generator"])
    if path.exists():
        torch.set_rng_state(torch.load(path, weights_only=True)["generator"])
    for epoch in range(start, epochs):
        run.train_epoch()
        _write(_state(run, epoch + 1) | {"generator": torch.get_rng_state()}, path)
    return max(epochs - start, 0)


@wrong(
    exercises.train_resumably, "order_forgotten"
)  # restarts the generator from its seed, not its state
def generator_from_its_seed(path, run, epochs):
    start = _load(path, run, skip=["generator"])
    if path.exists():
        run.generator.manual_seed(torch.load(path, weights_only=True)["generator"])
    for epoch in range(start, epochs):
        run.train_epoch()
        _write(_state(run, epoch + 1) | {"generator": run.generator.initial_seed()}, path)
    return max(epochs - start, 0)


@wrong(
    exercises.train_resumably, "dropout_forgotten"
)  # saves straight over path: a kill while saving destroys it
def saves_in_place(path, run, epochs):
    start = _load(path, run)
    for epoch in range(start, epochs):
        run.train_epoch()
        torch.save(_state(run, epoch + 1), path)
    return max(epochs - start, 0)


@wrong(
    exercises.train_resumably, "dropout_forgotten"
)  # writes the bytes of a buffer straight over path
def bytes_in_place(path, run, epochs):
    start = _load(path, run)
    for epoch in range(start, epochs):
        run.train_epoch()
        buffer = io.BytesIO()
        torch.save(_state(run, epoch + 1), buffer)
        path.write_bytes(buffer.getvalue())
    return max(epochs - start, 0)


@wrong(
    exercises.train_resumably, "dropout_forgotten"
)  # copies the finished file over path: not in one piece
def copies_over(path, run, epochs):
    start = _load(path, run)
    for epoch in range(start, epochs):
        run.train_epoch()
        part = path.with_suffix(".part")
        torch.save(_state(run, epoch + 1), part)
        shutil.copyfile(part, path)
    return max(epochs - start, 0)


@wrong(
    exercises.train_resumably, "dropout_forgotten"
)  # deletes path before the new file takes its name
def deletes_before_renaming(path, run, epochs):
    start = _load(path, run)
    for epoch in range(start, epochs):
        run.train_epoch()
        part = path.with_suffix(".part")
        torch.save(_state(run, epoch + 1), part)
        path.unlink(missing_ok=True)
        part.rename(path)
    return max(epochs - start, 0)


@wrong(exercises.train_resumably, "saved_too_late")  # saves once at the end, not after every epoch
def saves_at_the_end(path, run, epochs):
    start = _load(path, run)
    for _ in range(start, epochs):
        run.train_epoch()
    _write(_state(run, max(start, epochs)), path)
    return max(epochs - start, 0)


@wrong(
    exercises.train_resumably, "dropout_forgotten"
)  # returns the total, not the epochs of this call
def returns_the_total(path, run, epochs):
    epoch = _load(path, run)
    while epoch < epochs:
        run.train_epoch()
        epoch += 1
        _write(_state(run, epoch), path)
    return epoch


@wrong(
    exercises.train_resumably, "epochs_added"
)  # trains epochs more after resuming, not epochs in all
def trains_that_many_more(path, run, epochs):
    start = _load(path, run)
    for epoch in range(start, start + epochs):
        run.train_epoch()
        _write(_state(run, epoch + 1), path)
    return epochs


@wrong(
    exercises.train_resumably, "epochs_miscounted"
)  # saves the epoch's index: the last epoch is trained again
def epoch_one_too_low(path, run, epochs):
    start = _load(path, run)
    for epoch in range(start, epochs):
        run.train_epoch()
        _write(_state(run, epoch), path)
    return max(epochs - start, 0)


@wrong(
    exercises.train_resumably, "epochs_miscounted"
)  # saves before the epoch is trained, counted as done
def saves_before_training(path, run, epochs):
    start = _load(path, run)
    for epoch in range(start, epochs):
        _write(_state(run, epoch + 1), path)
        run.train_epoch()
    return max(epochs - start, 0)


@wrong(
    exercises.train_resumably, "objects_pickled"
)  # saves whole objects, which weights_only=True refuses
def saves_whole_objects(path, run, epochs):
    start = 0
    if path.exists():
        saved = torch.load(path, weights_only=False)
        start = saved["epoch"]
        run.model.load_state_dict(saved["model"].state_dict())
        run.optimizer.load_state_dict(saved["optimizer"])
        run.scheduler.load_state_dict(saved["scheduler"])
        run.generator.set_state(saved["generator"])
    for epoch in range(start, epochs):
        run.train_epoch()
        _write(_state(run, epoch + 1) | {"model": run.model}, path)
    return max(epochs - start, 0)


@wrong(
    exercises.train_resumably, "dropout_forgotten"
)  # moves the scheduler on, which train_epoch does already
def scheduler_moved_twice(path, run, epochs):
    start = _load(path, run)
    for epoch in range(start, epochs):
        run.train_epoch()
        run.scheduler.step()
        _write(_state(run, epoch + 1), path)
    return max(epochs - start, 0)


@wrong(exercises.train_resumably, "started_over")  # never looks at path: always begins anew
def never_resumes(path, run, epochs):
    for epoch in range(epochs):
        run.train_epoch()
        _write(_state(run, epoch + 1), path)
    return epochs


@wrong(
    exercises.train_resumably, "dropout_forgotten"
)  # a negative count when more epochs are done already
def negative_count(path, run, epochs):
    start = _load(path, run)
    for epoch in range(start, epochs):
        run.train_epoch()
        _write(_state(run, epoch + 1), path)
    return epochs - start


@wrong(exercises.train_resumably, "raised")  # loads path without asking whether it exists
def path_must_exist(path, run, epochs):
    saved = torch.load(path, weights_only=True)
    for name in ("model", "optimizer", "scheduler"):
        getattr(run, name).load_state_dict(saved[name])
    run.generator.set_state(saved["generator"])
    for epoch in range(saved["epoch"], epochs):
        run.train_epoch()
        _write(_state(run, epoch + 1), path)
    return max(epochs - saved["epoch"], 0)


@wrong(exercises.train_resumably, "dropout_forgotten")  # dropout: the global generator is not saved
def temporary_file(path, run, epochs):
    parts = ["model", "optimizer", "scheduler"]
    first = 0
    if path.is_file():
        with path.open("rb") as file:
            first, states, order = torch.load(file, map_location="cpu", weights_only=True)
        for part, state in zip(parts, states, strict=True):
            getattr(run, part).load_state_dict(state)
        run.generator.set_state(order)
    for epoch in range(first, epochs):
        run.train_epoch()
        states = [getattr(run, part).state_dict() for part in parts]
        buffer = io.BytesIO()
        torch.save([epoch + 1, states, run.generator.get_state()], buffer)
        handle, name = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(buffer.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    return len(range(first, epochs))


@wrong(exercises.train_resumably, "dropout_forgotten")  # the same, and os.rename over the old file
def renames_over(path, run, epochs):
    try:
        saved = torch.load(path, weights_only=True)
    except FileNotFoundError:
        saved = {"done": torch.tensor(0)}
    else:
        run.generator.set_state(saved.pop("order"))
        run.model.load_state_dict(saved["weights"])
        run.optimizer.load_state_dict(saved["moments"])
        run.scheduler.load_state_dict(saved["rates"])
    start = saved["done"].item()
    for done in range(start + 1, epochs + 1):
        run.train_epoch()
        saved = {"weights": run.model.state_dict(), "moments": run.optimizer.state_dict()}
        saved |= {"rates": run.scheduler.state_dict(), "order": run.generator.get_state()}
        torch.save(saved | {"done": torch.tensor(done)}, f"{path}.new")
        os.rename(f"{path}.new", path)
    return max(0, epochs - start)


@right(exercises.train_resumably)  # a .part beside it, then replace; both generators
def part_then_replace(path, run, epochs):
    done, trained = 0, 0
    if path.exists():
        saved = torch.load(path, weights_only=True)
        done = saved["done"]
        run.model.load_state_dict(saved["model"])
        run.optimizer.load_state_dict(saved["optimizer"])
        run.scheduler.load_state_dict(saved["scheduler"])
        run.generator.set_state(saved["order"])
        torch.set_rng_state(saved["dropout"])
    while done < epochs:
        run.train_epoch()
        done, trained = done + 1, trained + 1
        state = {name: getattr(run, name).state_dict() for name in _STATEFUL}
        state |= {"done": done, "order": run.generator.get_state()}
        part = path.with_name(path.name + ".part")
        torch.save(state | {"dropout": torch.get_rng_state()}, part)
        part.replace(path)
    return trained


_STATEFUL = ("model", "optimizer", "scheduler")


@right(exercises.train_resumably)  # a list in place of a dict, a buffer, a temporary file
def one_list_and_a_buffer(path, run, epochs):
    first = 0
    if path.is_file():
        first, *states, order, chance = torch.load(path, weights_only=True)
        for name, state in zip(_STATEFUL, states, strict=True):
            getattr(run, name).load_state_dict(state)
        run.generator.set_state(order)
        torch.random.set_rng_state(chance)
    for epoch in range(first, epochs):
        run.train_epoch()
        states = [getattr(run, name).state_dict() for name in _STATEFUL]
        buffer = io.BytesIO()
        whole = [epoch + 1, *states, run.generator.get_state(), torch.random.get_rng_state()]
        torch.save(whole, buffer)
        handle, name = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(buffer.getvalue())
        os.replace(name, path)
    return max(epochs - first, 0)


@right(exercises.train_resumably)  # recursion: one epoch a call
def one_epoch_a_call(path, run, epochs):
    done = _resumed(path, run)
    if done >= epochs:
        return 0
    run.train_epoch()
    _write(_everything(run, done + 1), path)
    return 1 + one_epoch_a_call(path, run, epochs)


def _everything(run, done):
    return _state(run, done) | {"chance": torch.get_rng_state()}


def _resumed(path, run):
    done = _load(path, run)
    if done:
        torch.set_rng_state(torch.load(path, weights_only=True)["chance"])
    return done


@right(exercises.train_resumably)  # loads once, counts down what is left
def counts_down(path, run, epochs):
    left = epochs - _resumed(path, run)
    for number in range(left, 0, -1):
        run.train_epoch()
        _write(_everything(run, epochs - number + 1), path)
    return max(left, 0)
