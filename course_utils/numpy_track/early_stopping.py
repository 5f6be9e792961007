"""Stop when the validation loss stops falling, and keep the parameters that were best."""

import math
from collections.abc import Mapping

import numpy as np

from course_utils.numpy_track.checks import check_count, check_number
from course_utils.numpy_track.model_interface import Params, copy_params


class EarlyStopping:
    """Called with each epoch's validation loss, answers whether it is time to stop.

    The parameters kept are those of the lowest loss of all, however small its lead. They are copied on
    the way in and on the way out: training on changes nothing that is kept here.
    Prechelt 1998, "Early stopping, but when?".

    Args:
        patience: it is time after so many calls in a row without an improvement, at least 1.
        min_delta: an improvement is more than this, at least 0.

    >>> stopping = EarlyStopping(patience=2)
    >>> [stopping(loss, {"w": np.array([loss])}) for loss in (0.9, 0.5, 0.6, 0.7)]
    [False, False, False, True]
    >>> stopping.get_best_params()["w"].tolist()
    [0.5]
    """

    def __init__(self, patience: int = 10, min_delta: float = 1e-4) -> None:
        self.patience = check_count("patience", patience)
        self.min_delta = check_number("min_delta", min_delta, low=0)
        self.best_loss = math.inf
        self.num_bad_calls = 0
        self._level = math.inf  # what the next loss must undercut to count as an improvement
        self._best_params: Params | None = None

    def __call__(
        self, val_loss: float, model_params: Mapping[str, np.ndarray] | None = None
    ) -> bool:
        """True when it is time to stop. Raises ValueError on a loss that is NaN or infinite."""
        val_loss = check_number("val_loss", val_loss)
        copied = None if model_params is None else copy_params(model_params)
        if val_loss < self.best_loss:
            self.best_loss, self._best_params = val_loss, copied
        if val_loss < self._level - self.min_delta:
            self._level, self.num_bad_calls = val_loss, 0
        else:
            self.num_bad_calls += 1
        return self.num_bad_calls >= self.patience

    def get_best_params(self) -> Params | None:
        """A copy of the parameters of the lowest loss; None if none were given with it."""
        return None if self._best_params is None else copy_params(self._best_params)
