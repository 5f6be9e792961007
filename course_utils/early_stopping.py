"""Early stopping: end the training once validation stops improving, and go back to its best weights."""

import copy
import math
from typing import Any

from torch import nn


class EarlyStopping:
    """Stops after ``patience`` epochs in a row without a better validation loss.

    The best weights are copied, not referred to, so further training leaves them alone. A loss that
    is NaN never counts as better. Raises ValueError on a patience or min_delta outside its range.
    Prechelt 1998, "Early stopping, but when?".

    Args:
        patience: epochs without improvement after which it stops, at least 1.
        min_delta: by how much a loss must lie **below** the best one to count as better, at least 0
            (0: any decrease counts).

    Attributes:
        best_loss: the lowest loss that counted as better.
        best_epoch: its epoch, from 1 (0 before there is one).
        epoch: the number of losses seen.
        should_stop: whether the last ``patience`` epochs were all without improvement.

    >>> stopping, model = EarlyStopping(patience=2), nn.Linear(1, 1)
    >>> [stopping(loss, model) for loss in (0.9, 0.5, 0.6, 0.7)]
    [False, False, False, True]
    >>> stopping.best_epoch, stopping.best_loss
    (2, 0.5)
    """

    def __init__(self, patience: int, min_delta: float = 0.0) -> None:
        if not patience >= 1:
            raise ValueError(f"patience must be at least 1 epoch, got {patience}")
        if not 0 <= min_delta < math.inf:
            raise ValueError(f"min_delta must be at least 0 and finite, got {min_delta}")
        self.patience, self.min_delta = patience, min_delta
        self.best_loss, self.best_epoch, self.epoch = math.inf, 0, 0
        self._best_weights: dict[str, Any] | None = None

    @property
    def should_stop(self) -> bool:
        """Whether the last ``patience`` epochs were all without improvement."""
        return self.epoch - self.best_epoch >= self.patience

    def __call__(self, val_loss: float, model: nn.Module) -> bool:
        """Take note of an epoch's validation loss; copy the weights if it is better. Stop now?"""
        news: dict[str, Any] = {"epoch": self.epoch + 1}
        if val_loss < self.best_loss - self.min_delta:
            news |= {"best_loss": float(val_loss), "best_epoch": self.epoch + 1}
            news["_best_weights"] = copy.deepcopy(model.state_dict())
        vars(self).update(news)  # a single step: an interruption finds all of it, or nothing
        return self.should_stop

    def restore(self, model: nn.Module) -> None:
        """Put the best weights into ``model``. Raises RuntimeError if no loss was finite yet."""
        if self._best_weights is None:
            raise RuntimeError(
                f"there are no best weights to restore: none of {self.epoch} validation losses was "
                "a finite number"
            )
        model.load_state_dict(self._best_weights)

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps, the best weights included."""
        state = {"best_loss": self.best_loss, "best_epoch": self.best_epoch, "epoch": self.epoch}
        return state | {"best_weights": self._best_weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where ``state_dict`` was taken; patience and min_delta stay those of this object."""
        self.best_loss, self.best_epoch = state["best_loss"], state["best_epoch"]
        self.epoch = state["epoch"]
        self._best_weights = copy.deepcopy(state["best_weights"])
