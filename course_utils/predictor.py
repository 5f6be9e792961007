"""A model of a table and its preparation in one file, and the function that predicts with it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline

from course_utils.models import MLP
from course_utils.tables import TableMLP
from course_utils.unfinished_files import written_whole

_FORMAT = "course table model 1"
_MARGIN = 0.1  # how far a new number may lie outside the range seen, as a share of that range


def save_predictor(path: str | Path, pipeline: Pipeline, rows: pd.DataFrame) -> None:
    """Keep a fitted ``make_pipeline(preparation(...), TableMLP(...))`` in one file of plain values.

    rows: those it was fitted on, whose ranges are kept. The file appears whole or not at all. Raises
    ValueError on another kind of pipeline.
    """
    prepare, mlp = pipeline[0], pipeline[-1]
    if not isinstance(prepare, ColumnTransformer) or not isinstance(mlp, TableMLP):
        raise ValueError(
            "pipeline must be make_pipeline(preparation(...), TableMLP(...)), fitted, got "
            f"{[type(step).__name__ for _, step in pipeline.steps]}"
        )
    parts = {name: (part, columns) for name, part, columns in prepare.transformers_}
    kept: dict[str, Any] = {"format": _FORMAT, "numbers": {}, "categories": {}, "indicators": []}
    if "numbers" in parts:
        (imputer, scaler), columns = (
            (step for _, step in parts["numbers"][0].steps),
            parts["numbers"][1],
        )
        kept["indicators"] = [columns[i] for i in imputer.indicator_.features_]
        kept |= {"mean": scaler.mean_.tolist(), "scale": scaler.scale_.tolist()}
        for column, median in zip(columns, imputer.statistics_.tolist(), strict=True):
            low, high = float(rows[column].min()), float(rows[column].max())
            kept["numbers"][column] = {"median": median, "low": low, "high": high}
    if "categories" in parts:
        encoder, columns = parts["categories"][0][-1], parts["categories"][1]
        for column, names in zip(columns, encoder.categories_, strict=True):
            kept["categories"][column] = [str(name) for name in names]
    kept |= {"classes": mlp.classes_.tolist(), "hidden_sizes": list(mlp.hidden_sizes)}
    kept["weights"] = mlp.model_.state_dict()
    with written_whole(Path(path)) as unfinished:
        torch.save(kept, unfinished)


def load_predictor(path: str | Path) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """The prediction function that ``save_predictor`` kept: table in, a column a class of probabilities out.

    Reading runs no code that the file brings. The function needs the columns of training, in any
    order and with any others beside them; it raises ValueError if one is missing, holds something
    else than numbers, or a number further outside the range of training than a tenth of that range.
    """
    kept = torch.load(path, weights_only=True)
    if not isinstance(kept, dict) or kept.get("format") != _FORMAT:
        raise ValueError(f"{path} holds no predictor; save_predictor writes one")
    weights = kept["weights"]
    in_features = next(iter(weights.values())).shape[1]
    model = MLP(in_features, kept["hidden_sizes"], len(kept["classes"]), seed=0)
    model.load_state_dict(weights)
    model.eval()

    def predict(rows: pd.DataFrame) -> pd.DataFrame:
        _require_columns(rows, kept)
        with torch.no_grad():
            probs = model(torch.from_numpy(_prepared(rows, kept))).double().softmax(dim=1).numpy()
        return pd.DataFrame(probs, index=rows.index, columns=kept["classes"])

    return predict


def _require_columns(rows: pd.DataFrame, kept: dict[str, Any]) -> None:
    needed = [*kept["numbers"], *kept["categories"]]
    if missing := [column for column in needed if column not in rows]:
        raise ValueError(f"columns {missing} are missing; the model needs {needed}")
    for column, seen in kept["numbers"].items():
        if not pd.api.types.is_numeric_dtype(rows[column]):
            raise ValueError(f"column {column!r} must hold numbers, got {rows[column].dtype}")
        room = _MARGIN * (seen["high"] - seen["low"])
        low, high = seen["low"] - room, seen["high"] + room
        outside = rows[column][(rows[column] < low) | (rows[column] > high)]
        if len(outside):
            raise ValueError(
                f"{column} is {outside.iloc[0]:g} in row {outside.index[0]}; in training it went from "
                f"{seen['low']:g} to {seen['high']:g}. Is it in another unit?"
            )


def _prepared(rows: pd.DataFrame, kept: dict[str, Any]) -> np.ndarray:
    """What the fitted preparation makes of rows, from plain values."""
    blocks: list[np.ndarray] = []
    if kept["numbers"]:
        medians = {column: seen["median"] for column, seen in kept["numbers"].items()}
        numbers = rows[list(medians)].astype(float)
        missing = numbers[kept["indicators"]].isna()
        block = np.hstack([numbers.fillna(medians).to_numpy(), missing.to_numpy(dtype=float)])
        blocks.append((block - np.array(kept["mean"])) / np.array(kept["scale"]))
    for column, names in kept["categories"].items():
        values = rows[column].astype(object).where(rows[column].notna(), "missing").astype(str)
        blocks.append((values.to_numpy()[:, None] == np.array(names, dtype=object)).astype(float))
    return np.hstack(blocks).astype(np.float32)
