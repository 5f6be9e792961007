"""Whether model, optimizer and scheduler belong together; if they do not, training would do nothing."""

import inspect

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from course_utils.tally import Criterion

Scheduler = LRScheduler | ReduceLROnPlateau


def require_own_optimizer(
    model: nn.Module, optimizer: Optimizer, criterion: Criterion | None = None
) -> None:
    """Raise ValueError unless the optimizer trains this model, and steps without a closure.

    It may hold some of the model's parameters only, and parameters of the criterion.
    """
    require_built_optimizer(optimizer)
    own = {id(parameter) for parameter in model.parameters()}
    held = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    if own.isdisjoint(held):
        raise ValueError(
            "the optimizer holds no parameter of this model, so no rate can change the loss; "
            "build it after the model, from model.parameters()"
        )
    if not any(p.requires_grad for group in optimizer.param_groups for p in group["params"]):
        raise ValueError(
            "every parameter of the optimizer is frozen (requires_grad is False), so training would "
            "change nothing; unfreeze what is to be trained (parameter.requires_grad_(True)), or give "
            "the optimizer the parameters that are not frozen"
        )
    if isinstance(criterion, nn.Module):
        own |= {id(parameter) for parameter in criterion.parameters()}
    if not held <= own:
        raise ValueError(
            f"the optimizer trains {len(held - own)} parameters that are not this model's; was a "
            "layer replaced, or the name of the model given to another one, after the optimizer "
            "had been built? Build it anew, from model.parameters()"
        )
    closure = inspect.signature(type(optimizer).step).parameters.get("closure")
    if closure is not None and closure.default is closure.empty:
        raise ValueError(
            f"{type(optimizer).__name__} needs a closure to step, which this loop does not give; "
            "take an optimizer such as torch.optim.SGD or Adam, or write a loop of your own"
        )


def require_own_scheduler(
    optimizer: Optimizer, scheduler: Scheduler | None, interval: str = "epoch"
) -> None:
    """Raise ValueError unless the scheduler drives this optimizer and can be stepped so."""
    require_built_scheduler(scheduler)
    on_plateau = isinstance(scheduler, ReduceLROnPlateau)
    if interval not in ("epoch", "step") or (on_plateau and interval == "step"):
        raise ValueError(
            "scheduler_interval must be 'epoch' or 'step', and 'epoch' with ReduceLROnPlateau, which "
            f"needs a validation loss; got {interval!r} with {type(scheduler).__name__}"
        )
    if scheduler is None:
        return
    if scheduler.optimizer is not optimizer:
        raise ValueError(
            "the scheduler drives another optimizer than the one given; build it from this one"
        )
    try:
        inspect.signature(scheduler.step).bind(*([0.0] if on_plateau else []))
    except TypeError as error:
        raise ValueError(
            f"{type(scheduler).__name__}.step cannot be called as fit would call it ({error}); "
            "leave out scheduler, and step it in after_epoch, which is given the history"
        ) from error


def require_built_optimizer(optimizer: Optimizer) -> None:
    """Raise ValueError if this is the class of an optimizer, or no optimizer at all."""
    if isinstance(optimizer, type) or not hasattr(optimizer, "param_groups"):
        raise ValueError(
            f"the optimizer must be built from the parameters that it is to train, got "
            f"{_described(optimizer)}; such as torch.optim.SGD(model.parameters(), lr=0.1)"
        )


def require_built_scheduler(scheduler: Scheduler | None) -> None:
    """Raise ValueError if this is neither None nor a scheduler with an optimizer."""
    if scheduler is not None and not hasattr(scheduler, "optimizer"):
        raise ValueError(
            "the scheduler must be built from the optimizer that it drives, got "
            f"{_described(scheduler)}; such as torch.optim.lr_scheduler.StepLR(optimizer, 1). A "
            "history or an early stopping is given by its name: history=..., early_stopping=..."
        )


def _described(given: object) -> str:
    return f"the class {given.__name__}" if isinstance(given, type) else f"a {type(given).__name__}"
