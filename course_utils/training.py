"""The training loop: one epoch, one evaluation, and ``fit``, which strings them together."""

import copy
import functools
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, fields
from numbers import Integral
from typing import Literal

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from course_utils.batches import Batches, batches_of, require_loader, require_tensor
from course_utils.early_stopping import EarlyStopping
from course_utils.failures import failures_explained
from course_utils.ownership import require_own_optimizer, require_own_scheduler
from course_utils.progress_bar import progress_bar
from course_utils.seeding import seeded
from course_utils.tally import Criterion, Tally


def best_device() -> torch.device:
    """CUDA if there is one, else Apple's MPS, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def train_epoch(
    model: nn.Module,
    loader: Batches,
    criterion: Criterion,
    optimizer: Optimizer,
    device: torch.device | str,
    before_step: Callable[[Tensor], None] | None = None,
) -> tuple[float, float]:
    """One pass over ``loader`` in training mode: (mean loss, accuracy in [0, 1]) over its examples.

    A model in evaluation mode is switched over. One in training mode is left as it is, so that a
    layer that you have frozen (``model.norm.eval()``) stays frozen.
    The sums stay on the device until the end, so that a GPU is never kept waiting.

    Args:
        model: the network, already on ``device``; it is trained in place.
        loader: batches (inputs, labels) that can be walked again and again.
        criterion: returns the mean loss of a batch; ``Tally`` says which ones, and what their
            accuracy is.
        optimizer: trains the parameters of ``model``.
        device: where each batch is sent.
        before_step: called with the batch's loss once the gradients are there and before the
            weights move: the place to clip or to record.

    Raises:
        ValueError: on what ``batches_of`` or ``Tally`` refuses, on an optimizer that does not belong
            to the model, and on what ``failures_explained`` explains.
    """
    if not model.training:
        model.train()
    tally = Tally(criterion)
    for images, labels in batches_of(loader):
        images, labels = images.to(device), labels.to(device)
        logits = model(images)
        loss = tally.loss(logits, labels)
        optimizer.zero_grad()
        loss.backward()
        if before_step is not None:
            before_step(loss.detach())
        optimizer.step()
    return tally.means()


def _checked(train_epoch: Callable[..., tuple[float, float]]) -> Callable[..., tuple[float, float]]:
    """The same function, which checks its optimizer first and explains what fails."""

    @functools.wraps(train_epoch)
    def checked(
        model: nn.Module,
        loader: Batches,
        criterion: Criterion,
        optimizer: Optimizer,
        *args,
        **options,
    ) -> tuple[float, float]:
        require_own_optimizer(model, optimizer, criterion)
        with failures_explained():
            return train_epoch(model, loader, criterion, optimizer, *args, **options)

    return checked


train_epoch = _checked(train_epoch)  # the lesson mnist_mlp writes out the loop alone


@failures_explained()
@torch.no_grad()
def evaluate(
    model: nn.Module, loader: Batches, criterion: Criterion, device: torch.device | str
) -> tuple[float, float]:
    """(mean loss, accuracy in [0, 1]) over the examples of ``loader``; the model is not changed.

    The result does not depend on the batch size. Every layer is handed back in the mode, training or
    evaluation, in which it came. Raises ValueError on what ``batches_of`` or ``Tally`` refuses.

    Args:
        model: the network, already on ``device``.
        loader: batches (inputs, labels).
        criterion: returns the mean loss of a batch; ``Tally`` says which ones, and what their
            accuracy is.
        device: where each batch is sent.

    >>> from course_utils.loader import TensorLoader
    >>> from course_utils.models import MLP
    >>> model = MLP(3, [], 2, initialization="zeros")  # says 1/2 for both classes
    >>> data = torch.utils.data.TensorDataset(torch.zeros(4, 3), torch.tensor([0, 0, 0, 1]))
    >>> loss, accuracy = evaluate(model, TensorLoader(data, 2), nn.CrossEntropyLoss(), "cpu")
    >>> round(loss, 4), accuracy
    (0.6931, 0.75)
    """
    tally = Tally(criterion)
    with modes_kept(model):
        model.eval()
        for images, labels in batches_of(loader):
            images, labels = images.to(device), labels.to(device)
            tally.loss(model(images), labels)
    return tally.means()


@failures_explained()
@torch.no_grad()
def predict(model: nn.Module, loader: Batches, device: torch.device | str) -> Tensor:
    """Logits (N, K) of all examples of ``loader``, in its order, on the CPU; modes as ``evaluate``.

    Args:
        model: the network, already on ``device``.
        loader: batches (inputs, labels), whose labels are not looked at.
        device: where each batch is sent.
    """
    with modes_kept(model):
        model.eval()
        outputs = (require_tensor(model(images.to(device))) for images, _ in batches_of(loader))
        return torch.cat([logits.cpu() for logits in outputs])


@contextmanager
def modes_kept(model: nn.Module) -> Iterator[None]:
    """Afterwards each layer is in the mode, training or evaluation, in which it was before."""
    modes = [(module, module.training) for module in model.modules()]
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


@dataclass
class History:
    """What ``fit`` saw: one number per epoch in each list.

    Attributes:
        train_loss: mean over the examples, as met during the epoch.
        train_accuracy: in [0, 1]; NaN if the loss knows no right or wrong (see ``Tally``).
        val_loss: mean over the examples, after the epoch.
        val_accuracy: as ``train_accuracy``, after the epoch.
        learning_rate: the one the epoch began with, of the optimizer's first group.
        grad_norm: mean over the steps of the gradient's global L2 norm.
    """

    train_loss: list[float] = field(default_factory=list)
    train_accuracy: list[float] = field(default_factory=list)
    val_loss: list[float] = field(default_factory=list)
    val_accuracy: list[float] = field(default_factory=list)
    learning_rate: list[float] = field(default_factory=list)
    grad_norm: list[float] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.train_loss)

    def lengths(self) -> dict[str, int]:
        """How many numbers each of these lists holds; a list that you have added is not counted."""
        return {column.name: len(getattr(self, column.name)) for column in fields(self)}

    def add(self, **numbers: float) -> None:
        """Count one more epoch; an interruption finds all of its numbers, or none."""
        longer = {name: [*getattr(self, name), number] for name, number in numbers.items()}
        vars(self).update(longer)  # a single step


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
    criterion: Criterion,
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

    Each layer is left in its mode, training or evaluation, whatever happens.

    Args:
        model: the network; it is moved to ``device``.
        train_loader: batches (inputs, labels) that can be walked again and again.
        val_loader: the same, of other examples.
        criterion: returns the mean loss of a batch, as ``Tally`` says.
        optimizer: trains the parameters of ``model``.
        epochs: how many in all, at least 1; those of a ``history`` count.
        device: where to train.
        scheduler: stepped once after each epoch; a plateau scheduler is told the validation loss.
        scheduler_interval: ``"step"`` steps the scheduler after each step of the optimizer instead.
        early_stopping: told the validation loss after each epoch; it ends the training, and its best
            weights are put back in any case, also if an exception or an interruption ends it. If no
            validation loss was finite, the last weights stay, and a warning says so.
        after_epoch: called last in each epoch, with the history so far: the place for a checkpoint.
        history: of the epochs that an interrupted run has behind it (see ``load_checkpoint``); it is
            continued in place. An epoch is in it once it is validated, so that after Ctrl-C it holds
            whole epochs only, and another ``fit`` can go on from it: with the weights as they are,
            and on the schedule at the epoch that is done again. If no epoch is left to do, a warning
            says so.
        seed: governs dropout and any shuffling without a generator of its own; without it they draw
            from torch's global generator, as a resumed run must.

    Raises:
        ValueError: before anything moves, on fewer than one epoch, on a history with lists of
            different lengths, on an ``early_stopping`` that has seen more epochs than the history,
            on a loader that is empty or can be walked only once, on an optimizer or a scheduler that
            does not belong to the model or needs arguments to step, and on a criterion that ``Tally``
            refuses.
        NonFiniteLossError: at the end of the epoch in which the training loss stops being finite.

    >>> from course_utils.loader import TensorLoader
    >>> from course_utils.models import MLP
    >>> x = torch.linspace(-1, 1, 20)[:, None]
    >>> loader = TensorLoader(torch.utils.data.TensorDataset(x, (x[:, 0] > 0).long()), batch_size=5)
    >>> model = MLP(1, [], 2, seed=0)
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    >>> history = fit(model, loader, loader, nn.CrossEntropyLoss(), optimizer, epochs=3)
    >>> len(history), history.val_loss[2] < history.val_loss[0]
    (3, True)
    """
    if not isinstance(epochs, Integral) or epochs < 1:
        raise ValueError(f"epochs must be a whole number, at least 1, got {epochs!r}")
    history = History() if history is None else history
    _require_whole(history)
    if early_stopping is not None and early_stopping.epoch > len(history):
        raise ValueError(
            f"this EarlyStopping has seen {early_stopping.epoch} epochs and the history has "
            f"{len(history)}: it is another run's, whose weights it would put back. Make a new one for "
            "a new run, or give the history of the run that goes on"
        )
    require_loader(train_loader, "the training loader")
    require_loader(val_loader, "the validation loader")
    require_own_optimizer(model, optimizer, criterion)
    require_own_scheduler(optimizer, scheduler, scheduler_interval)
    Tally(criterion)  # refuses a criterion whose mean cannot be known
    _warn_if_all_is_done(epochs, history, early_stopping)
    model.to(device)
    if isinstance(criterion, nn.Module):
        criterion.to(device)
    params = list(model.parameters())
    each_step = scheduler is not None and scheduler_interval == "step"
    with (
        modes_kept(model),
        nullcontext() if seed is None else seeded(seed),
        nullcontext()
        if early_stopping is None
        else _best_at_the_end(early_stopping, model, history),
        progress_bar(range(len(history) + 1, epochs + 1), "training") as bar,
    ):
        for epoch in bar:
            if early_stopping is not None and early_stopping.should_stop:
                break
            losses: list[Tensor] = []
            norms: list[Tensor] = []

            def record(loss: Tensor, losses: list = losses, norms: list = norms) -> None:
                losses.append(loss)
                gradients = [p.grad for p in params if p.grad is not None]
                norms.append(nn.utils.get_total_norm(gradients))

            learning_rate = float(optimizer.param_groups[0]["lr"])
            with _stepped_by(optimizer, scheduler, history) if each_step else nullcontext():
                train = train_epoch(model, train_loader, criterion, optimizer, device, record)
                _raise_if_not_finite(torch.stack(losses), torch.stack(norms), epoch, history)
                val_loss, val_accuracy = evaluate(model, val_loader, criterion, device)
                history.add(
                    train_loss=train[0],
                    train_accuracy=train[1],
                    val_loss=val_loss,
                    val_accuracy=val_accuracy,
                    learning_rate=learning_rate,
                    grad_norm=float(torch.stack(norms).mean()),
                )
            if early_stopping is not None:
                early_stopping(val_loss, model)
            bar.set_postfix(val_loss=f"{val_loss:.4g}", val_accuracy=f"{val_accuracy:.1%}")
            if isinstance(scheduler, ReduceLROnPlateau):
                scheduler.step(val_loss)
            elif scheduler is not None and not each_step:
                scheduler.step()
            if after_epoch is not None:
                after_epoch(history)
    return history


@contextmanager
def _best_at_the_end(
    early_stopping: EarlyStopping, model: nn.Module, history: History
) -> Iterator[None]:
    """However the block ends, ``model`` has its best weights then, if there are any."""
    untold = len(history) - early_stopping.epoch
    try:
        yield
    finally:
        if len(history) - early_stopping.epoch > untold:  # interrupted while it took note
            early_stopping(history.val_loss[-1], model)
        if early_stopping.best_epoch > 0:
            early_stopping.restore(model)
    if early_stopping.best_epoch == 0:
        warnings.warn(
            f"early stopping has no best weights to put back: none of {early_stopping.epoch} "
            "validation losses was a finite number. The model keeps its last weights; look at the "
            "validation data and the criterion, and try a lower learning rate",
            stacklevel=4,
        )


@contextmanager
def _stepped_by(optimizer: Optimizer, scheduler: LRScheduler, history: History) -> Iterator[None]:
    """Within the block, an epoch, every step of ``optimizer`` is followed by one of ``scheduler``.

    If the epoch ends before the history counts it, it is to be done again, so the schedule goes back
    to where it began.
    """
    done, before = len(history), copy.deepcopy(scheduler.state_dict())
    settings = [
        {name: copy.deepcopy(value) for name, value in group.items() if name != "params"}
        for group in optimizer.param_groups
    ]
    hook = optimizer.register_step_post_hook(lambda *_: scheduler.step())
    try:
        yield
    finally:
        hook.remove()
        if len(history) == done:
            scheduler.load_state_dict(before)
            for group, setting in zip(optimizer.param_groups, settings, strict=True):
                group.update(setting)


def _warn_if_all_is_done(
    epochs: int, history: History, early_stopping: EarlyStopping | None
) -> None:
    done = len(history)
    if done >= epochs:
        message = f"epochs={epochs} counts the {done} of the history; give epochs={done + epochs}"
        message += f" for {epochs} more"
    elif early_stopping is not None and early_stopping.should_stop:
        message = f"early_stopping has ended this run after {done} epochs; to go on all the same, "
        message += "raise its patience (early_stopping.patience = ...)"
    else:
        return
    warnings.warn(f"nothing is trained: {message}", stacklevel=3)


def _require_whole(history: History) -> None:
    lengths = history.lengths()
    if len(set(lengths.values())) > 1:
        raise ValueError(
            f"the lists of the history differ in length, {lengths}, so it does not say how many "
            f"epochs are done; cut each to its first {min(lengths.values())}"
        )


def _raise_if_not_finite(losses: Tensor, norms: Tensor, epoch: int, history: History) -> None:
    nothing_counted = losses.isnan() & (norms == 0)  # all labels of the batch are ignored: 0 / 0
    bad = (~losses.isfinite() & ~nothing_counted).nonzero()
    if len(bad) > 0:
        step = int(bad[0])
        raise NonFiniteLossError(float(losses[step]), epoch, step + 1, history)
