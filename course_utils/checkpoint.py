"""Checkpoints: all that an interrupted run needs to go on as if nothing had happened."""

import copy
import inspect
import io
import os
import random
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import EllipsisType
from typing import Any
from zipfile import ZipFile

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedTensorMixin
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from course_utils.early_stopping import EarlyStopping
from course_utils.ownership import require_built_optimizer, require_built_scheduler
from course_utils.plain_values import from_plain, to_plain
from course_utils.training import History
from course_utils.unfinished_files import remove_abandoned, written_whole

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

    The file holds tensors, numbers, strings and containers only, so that
    ``torch.load(weights_only=True)`` reads it, and ``load_checkpoint`` does. Several processes may
    write to one path: the last one wins, and a reader always finds a whole file. The global
    generators of torch, NumPy and ``random`` are always kept.

    Args:
        path: the file; its folder is made if need be.
        model: the network.
        optimizer: the one that trains it.
        scheduler: the one that drives the optimizer.
        history: what ``fit`` returned.
        epoch: how many are done; by default as many as ``history`` has.
        early_stopping: the one given to ``fit``.
        generators: those of your own, such as a loader's, by a name of your choice.

    Raises:
        ValueError: if the optimizer trains another model, or the scheduler another optimizer; if
            something has a state that cannot be read back safely; or if the lists of ``history``
            differ in length.
        OSError: if the file cannot be written. The old file is then still there.

    >>> from course_utils.models import MLP
    >>> model, other = MLP(2, [], 2, seed=0), MLP(2, [], 2, seed=1)
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_checkpoint(Path(folder) / "run.pt", model, epoch=3)
    ...     checkpoint = load_checkpoint(Path(folder) / "run.pt", other)
    >>> checkpoint.epoch, bool((model.net[0].weight == other.net[0].weight).all())
    (3, True)
    """
    history = History() if history is None else history
    generators = {} if generators is None else generators
    _require_torch_generators(generators)
    _require_equal_lists(history)
    epoch = None if epoch is None else _whole_number(epoch)
    state = {
        "format": FORMAT,
        "epoch": len(history) if epoch is None else epoch,
        "history": vars(history),
        "model": model.state_dict(),
        "parameters": _parameter_names(model, optimizer, scheduler),
        "optimizer": _labelled_state(optimizer),
        "scheduler": _labelled_state(scheduler),
        "early_stopping": _labelled_state(early_stopping),
        "generators": {name: generator.get_state() for name, generator in generators.items()},
        "global_generators": _global_generators(),
    }
    state = {name: to_plain(value, name) for name, value in state.items()}
    _write_atomically(state, Path(path).expanduser().resolve())


def load_checkpoint(
    path: str | Path,
    model: nn.Module,
    optimizer: Optimizer | None = None,
    scheduler: Scheduler | EllipsisType | None = ...,
    *,
    early_stopping: EarlyStopping | EllipsisType | None = ...,
    generators: Mapping[str, torch.Generator] | None = None,
) -> Checkpoint:
    """Bring model, optimizer, scheduler and generators to the state in ``path``: all of them, or none.

    Give those objects that the run was saved with, built anew in the same way, on the device that
    they are to use: what the optimizer remembers goes where the parameters are, and stays there. With
    an optimizer the run is to go on, so the global generators are restored too, and a warning says if
    a scheduler, an early stopping or generators were saved and are not asked for. A model alone, to
    predict with, leaves the generators as they are. Continue with
    ``fit(..., history=checkpoint.history)`` and no ``seed``.

    Args:
        path: what ``save_checkpoint`` has written.
        model: a network of the same architecture.
        optimizer: of the same kind, with the same groups of parameters.
        scheduler: of the same kind; None goes on without it.
        early_stopping: takes over what was seen; None goes on without it.
        generators: by the names they were saved with; ``{}`` goes on without them.

    Returns:
        How many epochs are done, and their history.

    Raises:
        FileNotFoundError: if there is no file.
        CheckpointError: if it is damaged, belongs to another architecture, optimizer or scheduler, or
            lacks something that was asked for; then nothing has been changed.
    """
    unasked = {
        "scheduler": scheduler is ...,
        "early_stopping": early_stopping is ...,
        "generators": generators is None,
    }
    scheduler = None if scheduler is ... else scheduler
    early_stopping = None if early_stopping is ... else early_stopping
    generators = {} if generators is None else generators
    _require_torch_generators(generators)
    state = _read(Path(path).expanduser())
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
    checkpoint = Checkpoint(state["epoch"], _history(state["history"]))
    _load_all_or_none(parts)
    for name, generator in generators.items():
        generator.set_state(state["generators"][name])
    if optimizer is not None:
        _set_global_generators(state["global_generators"])
    forgotten = [name for name, is_unasked in unasked.items() if is_unasked and state[name]]
    if forgotten and optimizer is not None:
        warnings.warn(
            f"the checkpoint also holds {' and '.join(forgotten)}, not asked for, so a run that goes "
            f"on will not be the run that was saved; load too ({'=..., '.join(forgotten)}=...), or say "
            "that you go on without (=None, or generators={})",
            stacklevel=2,
        )
    return checkpoint


def _write_atomically(state: dict, path: Path) -> None:
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; name a file in it, such as {path / 'run.pt'}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_abandoned(path.parent)
        _write_and_rename(state, path)
    except OSError as error:
        raise OSError(
            error.errno,
            f"{error.strerror}: {path} was not written, and an older checkpoint of this name is as "
            "it was; make room, or choose a folder that you may write to",
            error.filename or str(path),
        ) from error


def _write_and_rename(state: dict, path: Path) -> None:
    with written_whole(path) as unfinished, unfinished.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())  # on the disk, not only on its way there


def _read(path: Path) -> dict:
    if not path.is_file():
        folder = "; this is a folder" if path.is_dir() else ""
        raise FileNotFoundError(
            f"there is no checkpoint {path.absolute()}{folder}; nothing was loaded"
        )
    content = path.read_bytes()  # once: another process may rename its new one here meanwhile
    size = f"{path} ({len(content):,} bytes)"
    try:
        with ZipFile(io.BytesIO(content)) as archive:  # torch.load skips the checksums
            damaged = archive.testzip()
    except Exception as error:  # BadZipFile, and whatever else damaged bytes lead to
        raise CheckpointError(f"{size} is damaged or unfinished; delete it") from error
    if damaged is not None:
        raise CheckpointError(f"{size} is damaged: the checksum of {damaged} is wrong; delete it")
    try:
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:
        raise CheckpointError(
            f"{size} was not written by save_checkpoint: it holds more than tensors and plain "
            "values, and loading it could run any code"
        ) from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise CheckpointError(f"{size} was not written by save_checkpoint (expected {FORMAT!r})")
    return from_plain(state)


def _whole_number(epoch: Any) -> int:
    try:
        number = int(epoch)
    except (TypeError, ValueError, OverflowError):
        number = -1
    if number < 0 or number != epoch:
        raise ValueError(f"epoch must be a whole number of epochs done, at least 0, got {epoch!r}")
    return number


def _history(saved: dict[str, Any]) -> History:
    """What was saved, with whatever somebody added to it (``history.seconds = []``)."""
    history = History()
    missing = vars(history).keys() - saved.keys()
    if missing:
        raise CheckpointError(f"the history of the checkpoint lacks {', '.join(sorted(missing))}")
    vars(history).update(saved)
    return history


def _require_equal_lists(history: History) -> None:
    lengths = {name: length for name, length in history.lengths().items() if length > 0}
    if len(set(lengths.values())) > 1:
        raise ValueError(
            f"the lists of the history differ in length, {lengths}: an epoch was counted by some and "
            f"not by others. Shorten them to whole epochs (del history.train_loss[{min(lengths.values())}:], "
            "and so on) before you save"
        )


def _require_torch_generators(generators: Mapping[str, torch.Generator]) -> None:
    for name, generator in generators.items():
        if not isinstance(generator, torch.Generator):
            raise ValueError(
                f"generator {name!r} must be a torch.Generator, got a {type(generator).__name__}"
            )


def _parameter_names(
    model: nn.Module, optimizer: Optimizer | None, scheduler: Scheduler | None
) -> list[list[str]] | None:
    """The names of the parameters in each group of the optimizer, which must be the model's own."""
    require_built_scheduler(scheduler)
    if scheduler is not None and optimizer is None:
        raise ValueError("a scheduler is of no use without its optimizer; give scheduler.optimizer")
    if scheduler is not None and scheduler.optimizer is not optimizer:
        raise ValueError("the scheduler drives another optimizer than the one given")
    if optimizer is None:
        return None
    require_built_optimizer(optimizer)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    groups = [group["params"] for group in optimizer.param_groups]
    if not all(id(parameter) in names for group in groups for parameter in group):
        raise ValueError(
            "the optimizer trains parameters that are not this model's; was the name of the model "
            "given to another one after the optimizer had been built?\nIf they are the criterion's, "
            "give both as one model, here and to load_checkpoint: nn.ModuleList([model, criterion])"
        )
    return [[names[id(parameter)] for parameter in group] for group in groups]


def _labelled_state(part: Any) -> dict | None:
    if part is None:
        return None
    try:
        state = part.state_dict()
    except AttributeError as error:
        raise ValueError(
            f"the state of this {type(part).__name__} cannot be taken ({error}); a function of a "
            "schedule must be a def, a lambda, or an object with attributes"
        ) from error
    # A function of a schedule (SWALR's, before torch 2.10) is given when the schedule is built.
    state = {name: value for name, value in state.items() if not inspect.isroutine(value)}
    return {"class": type(part).__name__, "inner": _inner_classes(part), "state": state}


def _inner_classes(part: Any) -> list:
    """The names of the schedulers that a SequentialLR or a ChainedScheduler consists of."""
    inner = getattr(part, "_schedulers", ())
    return [[type(scheduler).__name__, _inner_classes(scheduler)] for scheduler in inner]


def _state_for(part: Any, name: str, saved: dict | None) -> dict:
    if saved is None:
        raise CheckpointError(f"the checkpoint holds no {name} state; it was saved without one")
    if saved["class"] != type(part).__name__:
        raise CheckpointError(
            f"the checkpoint holds the state of a {saved['class']}, not of a {type(part).__name__}"
        )
    inner = _inner_classes(part)
    if saved.get("inner", inner) != inner:
        raise CheckpointError(
            f"the {saved['class']} of the checkpoint consists of {saved['inner']}, this one of {inner}"
        )
    return saved["state"]


def _require_same_shapes(own: Mapping[str, Any], saved: Mapping[str, Any]) -> None:
    for name, value in own.items():
        if isinstance(value, UninitializedTensorMixin):
            raise CheckpointError(
                f"{name!r} has no shape yet, for a lazy module learns it from its first batch; call "
                "model(inputs) once before you load"
            )
        if isinstance(value, Tensor) and value.is_meta:
            raise CheckpointError(
                f"{name!r} is on the meta device, which holds no values; give the model memory "
                "before you load (model.to_empty(device='cpu'))"
            )
    shapes = [{k: _shape(k, v) for k, v in state.items()} for state in (own, saved)]
    differing = [k for k in {**shapes[0], **shapes[1]} if shapes[0].get(k) != shapes[1].get(k)]
    if own.keys() != saved.keys() and {*map(_unwrapped, own)} == {*map(_unwrapped, saved)}:
        raise CheckpointError(
            f"the names differ by a prefix alone: {next(iter(saved))!r} there and "
            f"{next(iter(own))!r} in this model. One of the two is wrapped (torch.compile, "
            "DataParallel). If it is this one, load into the model inside it (model._orig_mod, "
            "model.module); if not, wrap this one alike and load into that"
        )
    if differing:
        first = differing[0]
        raise CheckpointError(
            f"the checkpoint is of another architecture: {len(differing)} tensors differ; {first!r} "
            f"is {shapes[1].get(first, 'absent')} there and {shapes[0].get(first, 'absent')} in "
            "this model"
        )
    for name, value in saved.items():
        if shapes[1][name] != _NO_TENSOR and value.dtype != own[name].dtype:
            raise CheckpointError(
                f"{name!r} is {value.dtype} in the checkpoint and {own[name].dtype} in this model, "
                "so loading would change its numbers; make the model of that dtype first "
                f"(model.to({value.dtype})), and convert it afterwards"
            )


_NO_TENSOR = "not compared"


def _shape(name: str, value: Any) -> tuple[int, ...] | str:
    """The shape of a tensor; what a module calls its extra state may be anything."""
    is_tensor = isinstance(value, Tensor) and not name.endswith("_extra_state")
    return tuple(value.shape) if is_tensor else _NO_TENSOR


def _unwrapped(name: str) -> str:
    return name.replace("_orig_mod.", "").removeprefix("module.")


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
            _load_state(part, state)
    except BaseException as error:
        for part, state in before:
            with suppress(Exception):  # what could not be loaded may not be put back; the rest can
                _load_state(part, state)
        if not isinstance(error, Exception):
            raise
        raise CheckpointError(f"the checkpoint does not fit: {error}") from error


def _load_state(part: Any, state: dict) -> None:
    if not isinstance(part, Optimizer):
        part.load_state_dict(state)
        return
    # torch would cast what an optimizer remembers to the dtype of the parameter, and cannot take
    # strings and arrays; so it is told of the rest, and everything is then set as it was saved.
    kept = state["state"]
    for_torch = {
        index: {k: v for k, v in values.items() if not isinstance(v, str | bytes | np.ndarray)}
        for index, values in kept.items()
    }
    part.load_state_dict({**state, "state": for_torch})
    indices = [index for group in state["param_groups"] for index in group["params"]]
    params = [param for group in part.param_groups for param in group["params"]]
    for index, param in zip(indices, params, strict=True):
        for name, value in kept.get(index, {}).items():
            loaded = part.state[param].get(name)
            if isinstance(value, Tensor):
                value = value.to(loaded.device, copy=True)
            elif isinstance(value, list | tuple | dict):
                value = loaded
            part.state[param][name] = value


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
