"""Checkpoints: all that an interrupted run needs to go on as if nothing had happened."""

import copy
import os
import pickle
import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from course_utils.early_stopping import EarlyStopping
from course_utils.training import History

Scheduler = LRScheduler | ReduceLROnPlateau
FORMAT = "course checkpoint 1"


class CheckpointError(RuntimeError):
    """The file is damaged, or it is not a checkpoint of this model, optimizer or scheduler."""


@dataclass(frozen=True)
class Checkpoint:
    """Where the loaded run stands: epochs done, and what ``fit`` saw in them."""

    epoch: int
    history: History


def save_checkpoint(
    path: str | Path,
    model: nn.Module,
    optimizer: Optimizer | None = None,
    scheduler: Scheduler | None = None,
    *,
    history: History | None = None,
    epoch: int | None = None,
    early_stopping: EarlyStopping | None = None,
    generators: Mapping[str, torch.Generator] | None = None,
) -> None:
    """Write the state of a run to ``path``; a kill at any moment leaves the old or the new file whole.

    epoch: how many are done; by default as many as ``history`` has. generators: those of your own,
    such as a loader's, by a name of your choice; the global ones of torch, NumPy and ``random`` are
    always kept. The file holds tensors, numbers, strings and containers only, so that
    ``torch.load(weights_only=True)`` reads it, and ``load_checkpoint`` does.
    Raises ValueError where the optimizer trains another model, or the scheduler another optimizer.
    """
    history = History() if history is None else history
    generators = {} if generators is None else generators
    state = {
        "format": FORMAT,
        "epoch": len(history) if epoch is None else epoch,
        "history": asdict(history),
        "model": model.state_dict(),
        "parameters": _parameter_names(model, optimizer, scheduler),
        "optimizer": _labelled_state(optimizer),
        "scheduler": _labelled_state(scheduler),
        "early_stopping": _labelled_state(early_stopping),
        "generators": {name: generator.get_state() for name, generator in generators.items()},
        "global_generators": _global_generators(),
    }
    _write_atomically(state, Path(path))


def load_checkpoint(
    path: str | Path,
    model: nn.Module,
    optimizer: Optimizer | None = None,
    scheduler: Scheduler | None = None,
    *,
    early_stopping: EarlyStopping | None = None,
    generators: Mapping[str, torch.Generator] | None = None,
) -> Checkpoint:
    """Bring model, optimizer, scheduler and generators to the state in ``path``: all of them, or none.

    Give those objects that the run was saved with, built anew in the same way. With an optimizer
    the run is to go on, so the global generators are restored too; a model alone (to predict with)
    leaves them as they are. Continue with ``fit(..., history=checkpoint.history)`` and no ``seed``.
    Raises FileNotFoundError where there is no file, CheckpointError where it is damaged, belongs to
    another architecture, optimizer or scheduler, or lacks something that was asked for; then
    nothing has been changed.
    """
    generators = {} if generators is None else generators
    state = _read(Path(path))
    names = _parameter_names(model, optimizer, scheduler)
    _require_same_shapes(model.state_dict(), state["model"])
    parts: list[tuple[Any, dict]] = [(model, state["model"])]
    asked = {"optimizer": optimizer, "scheduler": scheduler, "early_stopping": early_stopping}
    for name, part in asked.items():
        if part is not None:
            parts.append((part, _state_for(part, name, state[name])))
    if optimizer is not None and names != state["parameters"]:
        raise CheckpointError(
            "the optimizer holds other parameters, or in another order, than the saved one did; "
            "build it from model.parameters() in the same way"
        )
    _require_generators(generators, state["generators"])
    _load_all_or_none(parts)
    for name, generator in generators.items():
        generator.set_state(state["generators"][name])
    if optimizer is not None:
        _set_global_generators(state["global_generators"])
    return Checkpoint(state["epoch"], History(**state["history"]))


def _write_atomically(state: dict, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".part")  # same folder: renaming cannot cross disks
    try:
        with unfinished.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())  # on the disk, not only on its way there
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def _read(path: Path) -> dict:
    if not path.is_file():
        raise FileNotFoundError(f"there is no checkpoint {path}; nothing was loaded")
    size = f"{path} ({path.stat().st_size:,} bytes)"
    try:
        with ZipFile(path) as archive:  # what torch.save writes; torch.load skips its checksums
            damaged = archive.testzip()
    except Exception as error:  # BadZipFile, and whatever else damaged bytes lead to
        raise CheckpointError(f"{size} is damaged or unfinished; delete it") from error
    if damaged is not None:
        raise CheckpointError(f"{size} is damaged: the checksum of {damaged} is wrong; delete it")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError) as error:
        raise CheckpointError(
            f"{size} was not written by save_checkpoint: it holds more than tensors and plain "
            "values, and loading it could run any code"
        ) from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise CheckpointError(f"{size} was not written by save_checkpoint (expected {FORMAT!r})")
    return state


def _parameter_names(
    model: nn.Module, optimizer: Optimizer | None, scheduler: Scheduler | None
) -> list[list[str]] | None:
    """The names of the parameters in each group of the optimizer, which must be the model's own."""
    if scheduler is not None and scheduler.optimizer is not optimizer:
        raise ValueError("the scheduler drives another optimizer than the one given")
    if optimizer is None:
        return None
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    groups = [group["params"] for group in optimizer.param_groups]
    if not all(id(parameter) in names for group in groups for parameter in group):
        raise ValueError(
            "the optimizer trains parameters that are not this model's; was the name of the model "
            "given to another one after the optimizer had been built?"
        )
    return [[names[id(parameter)] for parameter in group] for group in groups]


def _labelled_state(part: Any) -> dict | None:
    return None if part is None else {"class": type(part).__name__, "state": part.state_dict()}


def _state_for(part: Any, name: str, saved: dict | None) -> dict:
    if saved is None:
        raise CheckpointError(f"the checkpoint holds no {name} state; it was saved without one")
    if saved["class"] != type(part).__name__:
        raise CheckpointError(
            f"the checkpoint holds the state of a {saved['class']}, not of a {type(part).__name__}"
        )
    return saved["state"]


def _require_same_shapes(own: Mapping[str, Any], saved: Mapping[str, Any]) -> None:
    shapes = [{k: tuple(v.shape) for k, v in state.items()} for state in (own, saved)]
    differing = [k for k in {**shapes[0], **shapes[1]} if shapes[0].get(k) != shapes[1].get(k)]
    if differing:
        first = differing[0]
        raise CheckpointError(
            f"the checkpoint is of another architecture: {len(differing)} tensors differ; {first!r} "
            f"is {shapes[1].get(first, 'absent')} there and {shapes[0].get(first, 'absent')} in "
            "this model"
        )


def _require_generators(
    generators: Mapping[str, torch.Generator], saved: Mapping[str, torch.Tensor]
) -> None:
    for name, generator in generators.items():
        if name not in saved or saved[name].shape != generator.get_state().shape:
            raise CheckpointError(
                f"the checkpoint holds no generator {name!r} of this kind; it holds "
                f"{', '.join(map(repr, saved)) or 'none'}"
            )


def _load_all_or_none(parts: list[tuple[Any, dict]]) -> None:
    before = [(part, copy.deepcopy(part.state_dict())) for part, _ in parts]
    try:
        for part, state in parts:
            part.load_state_dict(state)
    except Exception as error:
        for part, state in before:
            part.load_state_dict(state)
        raise CheckpointError(f"the checkpoint does not fit: {error}") from error


def _global_generators() -> dict[str, Any]:
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002
    states = {
        "torch": torch.get_rng_state(),
        "numpy": (kind, torch.from_numpy(keys.astype(np.int64)), *rest),
        "python": random.getstate(),
    }
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state_all()
    if torch.backends.mps.is_available():
        states["mps"] = torch.mps.get_rng_state()
    return states


def _set_global_generators(states: dict[str, Any]) -> None:
    torch.set_rng_state(states["torch"])
    kind, keys, *rest = states["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), *rest))  # noqa: NPY002
    random.setstate(states["python"])
    if "cuda" in states and torch.cuda.device_count() == len(states["cuda"]):
        torch.cuda.set_rng_state_all(states["cuda"])
    if "mps" in states and torch.backends.mps.is_available():
        torch.mps.set_rng_state(states["mps"])
