"""A small training run to practise on: it can be killed between epochs and in the middle of a write."""

import copy
import io
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import CosineAnnealingLR

from course_utils import seeding
from course_utils.models import MLP

_TORCH_SAVE = torch.save


class PracticeRun:
    """A small run with all that can be forgotten: Adam, a schedule, dropout, a shuffled order.

    ``train_epoch()`` trains one epoch and steps the scheduler. The order comes from ``generator``,
    dropout from torch's global generator. Another seed gives other weights and another order.
    """

    def __init__(self, seed: int) -> None:
        self.model = MLP(4, [8], 3, dropout_rate=0.5, seed=seed)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=0.05)
        self.scheduler = CosineAnnealingLR(self.optimizer, T_max=6)
        self.generator = seeding.generator(seed)
        self.epochs_trained = 0
        data = seeding.generator(0)
        self._inputs = torch.randn(24, 4, generator=data)
        self._labels = torch.randint(0, 3, (24,), generator=data)

    def train_epoch(self) -> None:
        """Three steps of eight examples, and one of the scheduler."""
        self.model.train()
        for rows in torch.randperm(24, generator=self.generator).split(8):
            loss = nn.functional.cross_entropy(self.model(self._inputs[rows]), self._labels[rows])
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
        self.scheduler.step()
        self.epochs_trained += 1


class Killed(BaseException):
    """The end of a process: no ``except Exception`` holds it up."""


class WatchedRun(PracticeRun):
    """Remembers the state in which its first epoch began, and may be killed when an epoch begins.

    killed_after: how many epochs it lives. first_state: None before the first epoch.
    """

    def __init__(self, seed: int, killed_after: int | None = None) -> None:
        super().__init__(seed)
        self.killed_after = killed_after
        self.first_state: dict[str, Any] | None = None

    def train_epoch(self) -> None:
        """As for any run; raises Killed when its time is up."""
        if self.first_state is None:
            self.first_state = self.state()
        if self.epochs_trained == self.killed_after:
            raise Killed
        super().train_epoch()

    def state(self) -> dict[str, Any]:
        """A copy of all that an epoch changes, torch's global generator ("dropout") included."""
        parts: dict[str, Any] = {"optimizer": self.optimizer, "scheduler": self.scheduler}
        state: dict[str, Any] = {"model": self.model.state_dict()}
        state |= {name: part.state_dict() for name, part in parts.items()}
        state |= {"order": self.generator.get_state(), "dropout": torch.get_rng_state()}
        return copy.deepcopy(state)


def save_half(state: Any, target: Any, **options: Any) -> None:
    """In place of ``torch.save``: writes the first half of the file, and then comes the kill."""
    whole = io.BytesIO()
    _TORCH_SAVE(state, whole, **options)
    half = whole.getvalue()[: whole.tell() // 2]
    if hasattr(target, "write"):
        target.write(half)
        if hasattr(target, "flush"):
            target.flush()
    else:
        Path(target).write_bytes(half)
    raise Killed


def same_state(a: Any, b: Any) -> bool:
    """Equal to the last bit, through dictionaries, lists and tensors."""
    if isinstance(a, Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same_state(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same_state, a, b))
    return a == b
