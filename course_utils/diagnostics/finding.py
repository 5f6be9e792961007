"""What a check hands back, and what it works on: copies, and the batches of any loader."""

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from course_utils.language import Text
from course_utils.seeding import generators_kept, seeded
from course_utils.training import Batches

Criterion = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Finding:
    """What one check found; ``print(finding)`` tells it in the reader's language.

    check: its name. summary: what was measured, as a sentence. values: the same as numbers.
    suspicions: name -> what is suspicious and why; empty where nothing is.
    """

    check: str
    summary: Text
    values: Mapping[str, Any] = field(default_factory=dict)
    suspicions: Mapping[str, Text] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether nothing is suspicious."""
        return not self.suspicions

    def __str__(self) -> str:
        lines = [f"{'✓' if self.ok else '✗'} {self.check}: {self.summary}"]
        return "\n".join([*lines, *(f"  → {why}" for why in self.suspicions.values())])


def fill(text: Text, **values: object) -> Text:
    """The text with its placeholders filled, in both languages."""
    return Text(text.zh.format(**values), text.en.format(**values))


NON_FINITE = Text(
    "出現 NaN 或無限大：學習率太高、輸入裡已有 NaN，或取了 log(0)。先找出第一個不是有限數的地方。",
    "NaN or infinity: a rate that is too high, NaN already in the inputs, or log(0). "
    "Look for the first place where it appears.",
)


@contextmanager
def copied(
    model: nn.Module, loader: Batches, optimizer: Optimizer | None = None
) -> Iterator[tuple[nn.Module, Optimizer | None]]:
    """Copies of model and optimizer to work on, without gradients; generators are put back after.

    An optimizer that holds the model's parameters holds those of the copy. Chance begins at seed 0,
    so that a check gives the same answer twice.
    """
    try:
        model, optimizer = copy.deepcopy((model, optimizer))
    except RuntimeError as error:
        raise ValueError(
            "a check works on a copy of the model, and this one cannot be copied; a module that "
            f"keeps a result of its computation should keep it detached ({error})"
        ) from error
    model.zero_grad(set_to_none=True)
    with generators_kept(loader), seeded(0):
        try:
            yield model, optimizer
        except ValueError as error:
            if "more than 1 value per channel" in str(error):  # torch's words
                error.add_note(
                    "Batch norm cannot train on a batch of one example: let the loader leave an "
                    "incomplete batch out (drop_last=True), or change the batch size."
                )
            raise


def read_batches(
    loader: Batches, model: nn.Module | None = None, max_batches: int | None = None
) -> Iterator[tuple[Tensor, Tensor]]:
    """The (inputs, labels) of at most ``max_batches`` batches, on the device of ``model``.

    Raises ValueError where the loader gives nothing, gives something else than pairs of tensors of
    equal length, or can be read only once.
    """
    if max_batches is not None and max_batches < 1:
        raise ValueError(f"max_batches must be at least 1, got {max_batches}")
    if not isinstance(loader, Iterable):
        raise ValueError(f"a loader must be iterable, got {type(loader).__name__}")
    if isinstance(loader, Iterator):
        raise ValueError(
            "a loader must be readable more than once, got an iterator, which is used up by the "
            "first pass; pass the DataLoader (or a list of batches) itself"
        )
    tensors = [] if model is None else [*model.parameters(), *model.buffers()]
    device = tensors[0].device if tensors else torch.device("cpu")
    empty = True
    for batch in islice(loader, max_batches):
        inputs, labels = _pair(batch)
        empty = False
        yield inputs.to(device), labels.to(device)
    if empty:
        raise ValueError("the loader is empty: it gave no batch; a check needs at least one")


def _pair(batch: object) -> tuple[Tensor, Tensor]:
    if not isinstance(batch, tuple | list) or len(batch) != 2:
        size = f" of {len(batch)}" if isinstance(batch, tuple | list) else ""
        raise ValueError(f"a batch must be (inputs, labels), got {type(batch).__name__}{size}")
    inputs, labels = batch
    if not isinstance(inputs, Tensor) or not isinstance(labels, Tensor):
        raise ValueError(
            "inputs and labels must be tensors, got "
            f"{type(inputs).__name__} and {type(labels).__name__}"
        )
    if inputs.ndim == 0 or labels.ndim == 0 or not len(inputs) == len(labels) > 0:
        raise ValueError(
            "a batch needs as many labels as inputs, and at least one, got shapes "
            f"{tuple(inputs.shape)} and {tuple(labels.shape)}"
        )
    return inputs, labels


def mean_loss(criterion: Criterion, outputs: Tensor, labels: Tensor) -> Tensor:
    """The loss of a batch as one number; raises ValueError where the criterion returns more."""
    loss = criterion(outputs, labels)
    if not isinstance(loss, Tensor) or loss.numel() != 1:
        got = tuple(loss.shape) if isinstance(loss, Tensor) else type(loss).__name__
        raise ValueError(
            "the criterion must return the mean loss of a batch as a tensor of one number "
            f"(reduction='mean'), got {got}"
        )
    return loss
