"""The training loop: one epoch, one evaluation, and ``fit``, which strings them together."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from course_utils.early_stopping import EarlyStopping
from course_utils.progress import progress
from course_utils.seeding import seeded

Batches = Iterable[tuple[Tensor, Tensor]]


def best_device() -> torch.device:
    """CUDA where there is one, else Apple's MPS, else the processor."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def train_epoch(
    model: nn.Module,
    loader: Batches,
    criterion: nn.Module,
    optimizer: Optimizer,
    device: torch.device | str,
    before_step: Callable[[Tensor], None] | None = None,
) -> tuple[float, float]:
    """One pass over ``loader`` in training mode: (mean loss, accuracy in [0, 1]) over its examples.

    criterion: returns the mean loss of a batch. before_step: called with that loss once the
    gradients are there and before the weights move: the place to clip or to record.
    The sums stay on the device until the end, so that a GPU is never kept waiting.
    """
    model.train()
    total_loss, total_correct, count = 0.0, 0, 0
    for images, labels in loader:
        images, labels = images.to(device), labels.to(device)
        logits = model(images)
        loss = criterion(logits, labels)
        optimizer.zero_grad()
        loss.backward()
        if before_step is not None:
            before_step(loss.detach())
        optimizer.step()
        total_loss += loss.detach() * len(labels)
        total_correct += (logits.argmax(dim=1) == labels).sum()
        count += len(labels)
    return float(total_loss) / count, int(total_correct) / count


@torch.no_grad()
def evaluate(
    model: nn.Module, loader: Batches, criterion: nn.Module, device: torch.device | str
) -> tuple[float, float]:
    """(mean loss, accuracy in [0, 1]) over the examples of ``loader``; the model is not changed.

    Each batch counts by its length, so the result does not depend on the batch size. The model is
    handed back in the mode, training or evaluation, in which it came.
    """
    was_training = model.training
    model.eval()
    total_loss, total_correct, count = 0.0, 0, 0
    for images, labels in loader:
        images, labels = images.to(device), labels.to(device)
        logits = model(images)
        total_loss += criterion(logits, labels) * len(labels)
        total_correct += (logits.argmax(dim=1) == labels).sum()
        count += len(labels)
    model.train(was_training)
    return float(total_loss) / count, int(total_correct) / count


@torch.no_grad()
def predict(model: nn.Module, loader: Batches, device: torch.device | str) -> Tensor:
    """Logits (N, K) of all examples of ``loader``, in its order, on the processor."""
    was_training = model.training
    model.eval()
    logits = torch.cat([model(images.to(device)).cpu() for images, _ in loader])
    model.train(was_training)
    return logits


@dataclass
class History:
    """What ``fit`` saw: one number an epoch in each list.

    Losses are means over examples, accuracies lie in [0, 1]; learning_rate is the one the epoch
    began with; grad_norm is the mean over steps of the global L2 norm of the gradient.
    """

    train_loss: list[float] = field(default_factory=list)
    train_accuracy: list[float] = field(default_factory=list)
    val_loss: list[float] = field(default_factory=list)
    val_accuracy: list[float] = field(default_factory=list)
    learning_rate: list[float] = field(default_factory=list)
    grad_norm: list[float] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.train_loss)


class NonFiniteLossError(FloatingPointError):
    """The loss became NaN or infinite. ``epoch`` and ``step`` count from 1; ``history`` is what came before."""

    def __init__(self, value: float, epoch: int, step: int, history: History) -> None:
        super().__init__(value, epoch, step, history)  # all four, so that a worker can send it
        self.value, self.epoch, self.step, self.history = value, epoch, step, history

    def __str__(self) -> str:
        return (
            f"the loss became {self.value} at step {self.step} of epoch {self.epoch}. Usual "
            "causes: a learning rate that is too high (try a tenth of it), inputs that are not "
            "finite or not normalized, a logarithm of zero."
        )


def fit(
    model: nn.Module,
    train_loader: Batches,
    val_loader: Batches,
    criterion: nn.Module,
    optimizer: Optimizer,
    *,
    epochs: int,
    device: torch.device | str = "cpu",
    scheduler: LRScheduler | ReduceLROnPlateau | None = None,
    scheduler_interval: Literal["epoch", "step"] = "epoch",
    early_stopping: EarlyStopping | None = None,
    after_epoch: Callable[[History], None] | None = None,
    history: History | None = None,
    seed: int | None = None,
) -> History:
    """Train ``model`` in place for ``epochs`` and return its History; a bar shows the progress.

    scheduler: stepped once after each epoch (a plateau scheduler is told the validation loss), or,
    with ``scheduler_interval="step"``, after each step of the optimizer.
    early_stopping: told the validation loss after each epoch; it ends the training, and its best
    weights are put back in any case.
    after_epoch: called last in each epoch, with the history so far: the place for a checkpoint.
    history: of the epochs that an interrupted run has behind it (see ``load_checkpoint``); it is
    continued, and ``epochs`` counts them.
    seed: governs dropout and any shuffling without a generator of its own; without it they draw
    from torch's global generator, as a resumed run must.
    Raises ValueError on fewer than one epoch or on a plateau scheduler at each step,
    NonFiniteLossError at the end of the epoch in which the training loss stops being finite.
    """
    if epochs < 1:
        raise ValueError(f"epochs must be at least 1, got {epochs}")
    on_plateau = isinstance(scheduler, ReduceLROnPlateau)
    if scheduler_interval not in ("epoch", "step") or (on_plateau and scheduler_interval == "step"):
        raise ValueError(
            "scheduler_interval must be 'epoch' or 'step', and 'epoch' with ReduceLROnPlateau, which "
            f"needs a validation loss; got {scheduler_interval!r} with {type(scheduler).__name__}"
        )
    history = History() if history is None else history
    model.to(device)
    params = list(model.parameters())
    each_step = scheduler is not None and scheduler_interval == "step"
    with (
        nullcontext() if seed is None else seeded(seed),
        _stepped_by(optimizer, scheduler) if each_step else nullcontext(),
    ):
        bar = progress(range(len(history) + 1, epochs + 1), "training")
        for epoch in bar:
            if early_stopping is not None and early_stopping.should_stop:
                break
            losses: list[Tensor] = []
            norms: list[Tensor] = []

            def record(loss: Tensor, losses: list = losses, norms: list = norms) -> None:
                losses.append(loss)
                gradients = [p.grad for p in params if p.grad is not None]
                norms.append(nn.utils.get_total_norm(gradients))

            history.learning_rate.append(optimizer.param_groups[0]["lr"])
            result = train_epoch(model, train_loader, criterion, optimizer, device, record)
            _raise_if_not_finite(torch.stack(losses), epoch, history)
            history.train_loss.append(result[0])
            history.train_accuracy.append(result[1])
            history.grad_norm.append(float(torch.stack(norms).mean()))
            val_loss, val_accuracy = evaluate(model, val_loader, criterion, device)
            history.val_loss.append(val_loss)
            history.val_accuracy.append(val_accuracy)
            bar.set_postfix(val_accuracy=f"{val_accuracy:.1%}")
            if on_plateau:
                scheduler.step(val_loss)
            elif scheduler is not None and not each_step:
                scheduler.step()
            if early_stopping is not None:
                early_stopping(val_loss, model)
            if after_epoch is not None:
                after_epoch(history)
    if early_stopping is not None:
        early_stopping.restore(model)
    return history


@contextmanager
def _stepped_by(optimizer: Optimizer, scheduler: LRScheduler) -> Iterator[None]:
    """Within the block, every step of ``optimizer`` is followed by one of ``scheduler``."""
    hook = optimizer.register_step_post_hook(lambda *_: scheduler.step())
    try:
        yield
    finally:
        hook.remove()


def _raise_if_not_finite(losses: Tensor, epoch: int, history: History) -> None:
    bad = (~losses.isfinite()).nonzero()
    if len(bad) > 0:
        step = int(bad[0])
        history.learning_rate.pop()  # the epoch did not end, so no list counts it
        raise NonFiniteLossError(float(losses[step]), epoch, step + 1, history)
