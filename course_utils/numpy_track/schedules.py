"""Learning rates that change from epoch to epoch, each equal to its namesake in ``torch.optim.lr_scheduler``.

A schedule is called as ``schedule(epoch, initial_lr)``, epochs counted from 0, and returns the rate η of
that epoch; η₀ is ``initial_lr``. Any function of these two will do, ``learning_rate_schedule`` too.
"""

import math
from collections.abc import Callable

from course_utils.numpy_track.checks import check_count, check_number

Schedule = Callable[[int, float], float]


def learning_rate_schedule(
    epoch: int, initial_lr: float = 0.001, decay: float = 0.95, decay_every: int = 10
) -> float:
    """η = η₀ · decay^⌊epoch / decay_every⌋: a staircase (torch's StepLR).

    Args:
        epoch: from 0.
        initial_lr: η₀, at least 0.
        decay: in (0, 1]; 1 keeps the rate constant.
        decay_every: epochs per stair, at least 1.

    >>> [learning_rate_schedule(epoch, 0.8, decay=0.5, decay_every=2) for epoch in range(5)]
    [0.8, 0.8, 0.4, 0.4, 0.2]
    """
    _check(epoch, initial_lr)
    check_number("decay", decay, 0, 1, low_open=True)
    check_count("decay_every", decay_every)
    return float(initial_lr * decay ** (epoch // decay_every))


class StepSchedule:
    """``learning_rate_schedule`` as an object that keeps its settings (torch's StepLR)."""

    def __init__(self, decay: float = 0.1, decay_every: int = 30) -> None:
        self.decay = check_number("decay", decay, 0, 1, low_open=True)
        self.decay_every = check_count("decay_every", decay_every)

    def __call__(self, epoch: int, initial_lr: float) -> float:
        """The rate of this epoch."""
        return learning_rate_schedule(epoch, initial_lr, self.decay, self.decay_every)


class CosineSchedule:
    """η = η_end + (η₀ - η_end) (1 + cos(π epoch / num_epochs)) / 2: slow, fast, slow.

    From epoch ``num_epochs`` on the rate stays at η_end, ``final_lr`` (torch's CosineAnnealingLR would
    rise again). Loshchilov and Hutter 2017, "SGDR: stochastic gradient descent with warm
    restarts", arXiv:1608.03983, without the restarts.
    """

    def __init__(self, num_epochs: int, final_lr: float = 0.0) -> None:
        self.num_epochs = check_count("num_epochs", num_epochs)
        self.final_lr = check_number("final_lr", final_lr, low=0)

    def __call__(self, epoch: int, initial_lr: float) -> float:
        """The rate of this epoch."""
        _check(epoch, initial_lr)
        done = min(epoch / self.num_epochs, 1)
        half_wave = (1 + math.cos(math.pi * done)) / 2
        return self.final_lr + (initial_lr - self.final_lr) * half_wave


class PlateauSchedule:
    """η ← max(factor · η, min_lr) once the loss has not improved for more than ``patience`` epochs.

    It learns each epoch's validation loss through ``observe``, which ``train_model`` calls (torch's
    ReduceLROnPlateau).

    Args:
        factor: in (0, 1).
        patience: at least 0.
        threshold: in [0, 1); only a loss below (1 - threshold) times the best one is an improvement.
        min_lr: at least 0.
    """

    def __init__(
        self,
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        min_lr: float = 0.0,
    ) -> None:
        self.factor = check_number("factor", factor, 0, 1, low_open=True, high_open=True)
        self.patience = check_count("patience", patience, at_least=0)
        self.threshold = check_number("threshold", threshold, 0, 1, high_open=True)
        self.min_lr = check_number("min_lr", min_lr, low=0)
        self.best_loss = math.inf
        self.num_bad_epochs = 0
        self.num_cuts = 0

    def __call__(self, epoch: int, initial_lr: float) -> float:
        """The rate of this epoch."""
        _check(epoch, initial_lr)
        return max(initial_lr * self.factor**self.num_cuts, min(self.min_lr, initial_lr))

    def observe(self, val_loss: float) -> None:
        """Take note of the validation loss of one more epoch."""
        val_loss = check_number("val_loss", val_loss)
        if val_loss < self.best_loss * (1 - self.threshold):
            self.best_loss, self.num_bad_epochs = val_loss, 0
        else:
            self.num_bad_epochs += 1
        if self.num_bad_epochs > self.patience:
            self.num_cuts, self.num_bad_epochs = self.num_cuts + 1, 0


class WarmupSchedule:
    """A straight rise from start_factor · η₁ to η₁ over ``warmup_epochs``; there ``schedule`` begins.

    η₁ is the first rate of ``schedule``, whose own epochs count from the end of the warm-up (torch's
    LinearLR followed by the other one in SequentialLR).
    Goyal et al. 2017, "Accurate, large minibatch SGD: training ImageNet in 1 hour", arXiv:1706.02677,
    section 2.2.

    Args:
        schedule: what follows the warm-up.
        warmup_epochs: its length.
        start_factor: in (0, 1].

    >>> warmup = WarmupSchedule(StepSchedule(), warmup_epochs=4, start_factor=0.5)
    >>> [warmup(epoch, 1.0) for epoch in (0, 2, 4)]
    [0.5, 0.75, 1.0]
    """

    def __init__(
        self, schedule: Schedule, warmup_epochs: int = 5, start_factor: float = 1 / 3
    ) -> None:
        if not callable(schedule):
            raise ValueError(f"schedule must be callable as (epoch, initial_lr), got {schedule!r}")
        self.schedule = schedule
        self.warmup_epochs = check_count("warmup_epochs", warmup_epochs)
        self.start_factor = check_number("start_factor", start_factor, 0, 1, low_open=True)

    def __call__(self, epoch: int, initial_lr: float) -> float:
        """The rate of this epoch."""
        _check(epoch, initial_lr)
        if epoch >= self.warmup_epochs:
            return self.schedule(epoch - self.warmup_epochs, initial_lr)
        risen = self.start_factor + (1 - self.start_factor) * epoch / self.warmup_epochs
        return self.schedule(0, initial_lr) * risen

    def observe(self, val_loss: float) -> None:
        """Pass the validation loss on to a schedule that wants it."""
        if hasattr(self.schedule, "observe"):
            self.schedule.observe(val_loss)


def _check(epoch: int, initial_lr: float) -> None:
    check_count("epoch", epoch, at_least=0)
    check_number("initial_lr", initial_lr, low=0)
