"""Tables of numbers and categories: prepare them, and train an MLP on them.

What is learned from the rows (medians, scales, categories, weights) is learned in ``fit``, so that
scikit-learn's cross-validation learns it from training rows alone.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from torch import nn
from torch.utils.data import TensorDataset

from course_utils import seeding
from course_utils.early_stopping import EarlyStopping
from course_utils.loader import TensorLoader
from course_utils.models import MLP
from course_utils.training import fit


def preparation(numbers: Sequence[str], categories: Sequence[str] = ()) -> ColumnTransformer:
    """Numbers: median for missing ones, a column that says so, mean 0 and deviation 1. Categories:
    a 0/1 column each, "missing" among them; one that was never seen gets 0 everywhere.

    numbers, categories: names of columns. The result is not fitted.
    """
    of_numbers = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True), StandardScaler()
    )
    of_categories = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="missing"),
        OneHotEncoder(handle_unknown="ignore", sparse_output=False),
    )
    parts = [("numbers", of_numbers, list(numbers)), ("categories", of_categories, [*categories])]
    return ColumnTransformer([part for part in parts if part[2]])


class TableMLP(ClassifierMixin, BaseEstimator):
    """An MLP as scikit-learn knows classifiers: AdamW, and early stopping on rows of its own.

    ``fit`` sets a fifth of the rows it is given aside, to stop by their loss; nothing else is seen.

    Args:
        hidden_sizes: widths of the hidden layers.
        learning_rate: of AdamW.
        weight_decay: of AdamW.
        epochs: at most.
        patience: epochs without a better loss after which it stops.
        batch_size: at least 1.
        seed: governs the rows set aside, the weights and the order.

    >>> x = np.linspace(-1, 1, 100)[:, None]
    >>> bool(TableMLP().fit(x, x[:, 0] > 0).score(x, x[:, 0] > 0) > 0.9)
    True
    """

    def __init__(
        self,
        hidden_sizes: Sequence[int] = (64,),
        learning_rate: float = 0.003,
        weight_decay: float = 0.01,
        epochs: int = 100,
        patience: int = 10,
        batch_size: int = 64,
        seed: int = 0,
    ) -> None:
        self.hidden_sizes, self.learning_rate = hidden_sizes, learning_rate
        self.weight_decay, self.epochs, self.patience = weight_decay, epochs, patience
        self.batch_size, self.seed = batch_size, seed

    def fit(self, X: ArrayLike, y: ArrayLike) -> "TableMLP":
        """X (N, D), finite; y (N,), labels of any kind, each at least twice. Returns itself."""
        self.classes_, labels = np.unique(np.asarray(y), return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y needs at least two classes, got {self.classes_.tolist()}")
        inputs, targets = _inputs(X), torch.from_numpy(labels)
        rows, rest = train_test_split(
            np.arange(len(labels)),
            test_size=0.2,
            stratify=labels,
            random_state=seeding.shifted(self.seed),
        )
        loader = TensorLoader(
            TensorDataset(inputs[rows], targets[rows]),
            self.batch_size,
            shuffle=True,
            generator=seeding.generator(self.seed),
        )
        held_out = TensorLoader(TensorDataset(inputs[rest], targets[rest]), 1000)
        sizes = list(self.hidden_sizes)
        self.model_ = MLP(inputs.shape[1], sizes, len(self.classes_), seed=self.seed)
        optimizer = torch.optim.AdamW(
            self.model_.parameters(),
            lr=self.learning_rate,
            weight_decay=self.weight_decay,
            fused=True,
        )
        self.history_ = fit(
            self.model_,
            loader,
            held_out,
            nn.CrossEntropyLoss(),
            optimizer,
            epochs=self.epochs,
            early_stopping=EarlyStopping(self.patience),
            seed=self.seed,
        )
        return self

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Probabilities (N, K) of X (N, D), in the order of ``classes_``."""
        self.model_.eval()
        with torch.no_grad():
            return self.model_(_inputs(X)).double().softmax(dim=1).numpy()

    def predict(self, X: ArrayLike) -> np.ndarray:
        """The most probable class of each row, (N,)."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def _inputs(X: ArrayLike) -> torch.Tensor:
    inputs = torch.as_tensor(np.array(X, dtype=np.float32))
    if inputs.dim() != 2 or not inputs.isfinite().all():
        raise ValueError(
            f"X must be a table of finite numbers, (N, D), got shape {tuple(inputs.shape)} with "
            f"{int((~inputs.isfinite()).sum())} that are not finite; `preparation` makes one"
        )
    return inputs
