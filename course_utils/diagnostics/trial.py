"""How a check tries something: on copies, from a fixed seed, with nothing left changed."""

import functools
import math
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from course_utils.batches import Batches, batches_of, require_loader, require_tensor
from course_utils.copies import copies
from course_utils.failures import failures_explained
from course_utils.generators import generators_kept
from course_utils.seeding import seeded
from course_utils.tally import Criterion, require_built


@contextmanager
def copied(
    model: nn.Module, loader: Batches, optimizer: Optimizer | None = None
) -> Iterator[tuple[nn.Module, Optimizer | None]]:
    """Copies of model and optimizer to work on, without gradients; generators are put back after.

    An optimizer that holds the model's parameters holds those of the copy. Chance begins at seed 0,
    so that a check gives the same answer twice. Gradients are on, also within ``torch.no_grad()``,
    and settings of torch that code under test changes are put back. Code under test that calls the
    originals, by their global names, is stopped.
    """
    originals = model, optimizer
    with settings_kept():
        model, optimizer = copies(*originals)
    if model is originals[0]:  # its class says that it is its own copy
        originals = ()
    model.zero_grad(set_to_none=True)
    with (
        _out_of_use(originals),
        generators_kept(loader),
        seeded(0),
        settings_kept(),
        failures_explained(),
    ):
        yield model, optimizer


@contextmanager
def _out_of_use(originals: tuple[nn.Module | Optimizer | None, ...]) -> Iterator[None]:
    """Within the block, a call of a model or a step of an optimizer among them raises ValueError."""

    def refuse(*_: object) -> None:
        raise ValueError(
            "what is checked must call the model that it is given, and step the optimizer that it is "
            "given; it used the original, which a check must not change, by its global name. Use the "
            "arguments: step(model, optimizer, inputs, labels), evaluate(model, loader)"
        )

    hooks = [
        original.register_forward_pre_hook(refuse)
        if isinstance(original, nn.Module)
        else original.register_step_pre_hook(refuse)
        for original in originals
        if original is not None
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


@contextmanager
def settings_kept() -> Iterator[None]:
    """Gradients are on within the block; afterwards torch's settings are what they were before it."""
    threads, dtype = torch.get_num_threads(), torch.get_default_dtype()
    mode = torch.get_deterministic_debug_mode()
    with torch.inference_mode(False), torch.enable_grad():
        try:
            yield
        finally:
            torch.set_num_threads(threads)
            torch.set_default_dtype(dtype)
            torch.set_deterministic_debug_mode(mode)


def read_batches(
    loader: Batches, model: nn.Module | None = None, max_batches: int | None = None
) -> Iterator[tuple[Tensor, Tensor]]:
    """The (inputs, labels) of at most ``max_batches`` batches, on the device of ``model``.

    Raises ValueError if the loader gives nothing, gives something else than pairs of tensors of
    equal length, or can be read only once.
    """
    if max_batches is not None and max_batches < 1:
        raise ValueError(f"max_batches must be at least 1, got {max_batches}")
    require_loader(loader)
    tensors = [] if model is None else [*model.parameters(), *model.buffers()]
    device = tensors[0].device if tensors else torch.device("cpu")
    for inputs, labels in islice(batches_of(loader), max_batches):
        yield inputs.to(device), labels.to(device)


def mean_loss(criterion: Criterion, outputs: Tensor, labels: Tensor) -> Tensor:
    """The loss of a batch as one number; raises ValueError if the criterion returns more, or a sum."""
    loss = require_built(criterion)(require_tensor(outputs), labels)
    if _setting(criterion, "reduction") == "sum":
        raise ValueError(
            "the criterion must return the mean loss of a batch, and this one has reduction='sum'; "
            "build it with reduction='mean'"
        )
    if not isinstance(loss, Tensor) or loss.numel() != 1:
        got = tuple(loss.shape) if isinstance(loss, Tensor) else type(loss).__name__
        raise ValueError(
            "the criterion must return the mean loss of a batch as a tensor of one number "
            f"(reduction='mean'), got {got}"
        )
    return loss


def require_mean(criterion: Criterion, outputs: Tensor, labels: Tensor) -> None:
    """Raise ValueError if the loss of all examples given twice is twice theirs: a sum."""
    with torch.no_grad():
        once = float(mean_loss(criterion, outputs, labels))
        try:
            twice = float(criterion(torch.cat([outputs] * 2), torch.cat([labels] * 2)))
        except (ValueError, RuntimeError):
            return  # a criterion made for these very examples
    if once != 0 and math.isclose(twice, 2 * once, rel_tol=1e-3):
        raise ValueError(
            "the criterion must return the mean loss of a batch, and this one returns a sum: the "
            "same examples given twice have twice the loss; divide it by the number of labels"
        )


def backward(loss: Tensor) -> None:
    """``loss.backward()``; raises ValueError if nothing that it could train takes part."""
    if not loss.requires_grad:
        raise ValueError(
            "no gradient reaches the loss: the model has no trainable parameter, or it computes "
            "under torch.no_grad() or on detached tensors"
        )
    loss.backward()


def _setting(criterion: Criterion, name: str) -> object:
    """A setting of a loss, whether a module or a function with its arguments given beforehand."""
    if isinstance(criterion, functools.partial):
        return criterion.keywords.get(name)
    return getattr(criterion, name, None)
