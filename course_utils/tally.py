"""Means over examples that do not depend on how the examples are cut into batches."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from course_utils.batches import require_tensor

Criterion = Callable[[Tensor, Tensor], Tensor]


class Tally:
    """Calls a criterion batch by batch, notes what it says, and gives the means over all examples.

    The means are those of one batch that holds everything, whatever the batch size:

    - CrossEntropyLoss and NLLLoss: over the labels that are not ``ignore_index``, each with its
      class weight if there are any, Σ w l / Σ w. Class probabilities as labels count as one each.
    - torch's other losses: over elements.
    - any other criterion, a subclass with a ``forward`` of its own included: it must return the
      mean over the examples (or over the labels that are not its ``ignore_index``, -100 by default)
      and the mean over the batches weights them so.
    - with ``reduction="sum"`` the sum is divided by what the mean would be divided by.

    Accuracy is the share of right answers among the labels that are not ignored: the highest logit
    at the label (or at the most probable class); for BCEWithLogitsLoss and BCELoss, element by
    element, whether output and label lie on the same side of probability 1/2; NaN for everything
    else, such as regression.

    Raises ValueError on a criterion with ``reduction="none"``, on labels of a dtype that the criterion
    cannot take, and on another criterion that is seen to return no mean over examples. To see it, the
    first call is watched (``_Watch``): it must not call a loss with class weights or an
    ``ignore_index``, because its mean does not say how much a batch counts, nor add up the losses of
    a batch and never divide by their number. Weights that it computes without torch's losses, and
    divides by as well, stay out of sight.
    """

    def __init__(self, criterion: Criterion) -> None:
        self.criterion = require_built(criterion)
        is_partial = isinstance(criterion, functools.partial)
        loss, given = (criterion.func, criterion.keywords) if is_partial else (criterion, {})
        self.reduction = given.get("reduction", getattr(loss, "reduction", "mean"))
        self.is_cross_entropy = _is(loss, CROSS_ENTROPIES)
        self.is_by_element = _is(loss, BY_ELEMENT)
        weights = given.get("weight", getattr(loss, "weight", None))
        self.class_weights = weights if self.is_cross_entropy else None
        ignored = given.get("ignore_index", getattr(loss, "ignore_index", None))
        self.ignore_index = -100 if ignored is None else ignored
        self.threshold = next((t for kind, t in THRESHOLDS.items() if _is(loss, (kind,))), None)
        if self.reduction == "none":
            raise ValueError(
                "the criterion has reduction='none' and returns a loss an example; build it with "
                "reduction='mean'"
            )
        self.losses: list[Tensor] = []
        self.weights: list[Tensor | int] = []  # what each loss counts
        self.answers: list[Tensor | int] = []  # how many can be right or wrong
        self.right: list[Tensor] = []

    def loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """``criterion(outputs, labels)``, noted. Nothing leaves the device before ``means``."""
        by_class = self._by_class(outputs, labels)
        if self.losses or self.is_cross_entropy or self.is_by_element:
            loss = self.criterion(outputs, labels)
        else:
            with _Watch(self.ignore_index) as watch:
                loss = self.criterion(outputs, labels)
            watch.require_mean(self.reduction)
        if not isinstance(loss, Tensor) or loss.ndim > 0:
            got = f"shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else type(loss).__name__
            raise ValueError(
                "the criterion must return a tensor of one number, the mean loss of the batch, "
                f"got {got}; end it with .mean(), or give torch's losses reduction='mean'"
            )
        self.losses.append(loss.detach())
        self._count(outputs.detach(), labels, by_class)
        return loss

    def means(self) -> tuple[float, float]:
        """(mean loss, accuracy in [0, 1] or NaN) so far. Raises ValueError if no label counted."""
        losses = torch.stack(self.losses)
        losses = losses.to(torch.promote_types(losses.dtype, torch.float32))  # halves add up badly
        weights, answers = (
            torch.stack([torch.as_tensor(n, device=losses.device) for n in column])
            for column in (self.weights, self.answers)
        )
        if not weights.sum() > 0:
            raise ValueError(
                f"no label counts: all of them are ignore_index ({self.ignore_index}), or of "
                "classes with weight 0; there is nothing to take the mean of"
            )
        if self.reduction != "sum":
            losses = losses * weights
        losses = losses.where(weights > 0, 0)  # a batch in which nothing counts says 0 / 0
        accuracy = float("nan")
        if self.right:
            accuracy = int(torch.stack(self.right).sum()) / int(answers.sum())
        return float(sum(losses)) / weights.sum().item(), accuracy

    def _by_class(self, outputs: Tensor, labels: Tensor) -> bool:
        """Whether labels are classes of these outputs (N, K, ...); raises ValueError on odd shapes."""
        require_tensor(outputs)
        integers = self.is_cross_entropy and outputs.ndim == labels.ndim + 1
        if integers and labels.dtype not in (torch.int64, torch.uint8):
            raise ValueError(
                f"cross-entropy takes as labels the numbers of classes, of torch.int64, got "
                f"{labels.dtype}; labels.long() makes them so"
            )
        if self.threshold is not None and not labels.is_floating_point():
            raise ValueError(
                f"a binary cross-entropy takes labels of the outputs' dtype, got {labels.dtype}; "
                "labels.float() makes them so"
            )
        if not self.is_by_element and _are_classes(labels, outputs):
            return True
        fits = labels.shape == outputs.shape
        shapes = f"outputs {tuple(outputs.shape)} and labels {tuple(labels.shape)}"
        probabilities = fits and labels.is_floating_point() and outputs.ndim > 1
        if self.is_cross_entropy and not probabilities:
            raise ValueError(
                "cross-entropy takes outputs (N, K, ...) of K > 1 classes, and as labels integers "
                f"(N, ...) or probabilities of the outputs' shape, got {shapes} of "
                f"{labels.dtype}; labels (N, 1) become (N,) by labels.squeeze(1), and a single "
                "output is for nn.BCEWithLogitsLoss"
            )
        if self.is_by_element and not fits:
            raise ValueError(
                f"outputs and labels must have the same shape, got {shapes}: each output would be "
                "compared with every label. Labels (N,) become (N, 1) by labels.unsqueeze(1), and "
                "outputs (N, 1) become (N,) by outputs.squeeze(1)"
            )
        return False

    def _count(self, outputs: Tensor, labels: Tensor, by_class: bool) -> None:
        right = None
        if by_class:
            counted = labels != self.ignore_index
            weight = answers = counted.sum()
            right = outputs.argmax(dim=1) == labels
            if self.ignore_index >= 0:
                right &= counted
            if self.class_weights is not None:
                each = self.class_weights.to(labels.device)[labels.where(counted, 0).long()]
                weight = (each * counted).sum()
        elif self.is_cross_entropy:
            weight = answers = labels.numel() // labels.shape[1]
            right = outputs.argmax(dim=1) == labels.argmax(dim=1)
        else:
            weight = labels.numel() if self.is_by_element else len(labels)
            answers = labels.numel()
            if self.threshold is not None:
                right = (outputs > self.threshold) == (labels > 0.5)
        self.weights.append(weight)
        self.answers.append(answers)
        if right is not None:
            self.right.append(right.sum())


CROSS_ENTROPIES = (nn.CrossEntropyLoss, nn.NLLLoss, F.cross_entropy, F.nll_loss)
BY_ELEMENT = (
    *(nn.MSELoss, nn.L1Loss, nn.SmoothL1Loss, nn.HuberLoss, nn.BCEWithLogitsLoss, nn.BCELoss),
    *(nn.PoissonNLLLoss, nn.KLDivLoss, nn.SoftMarginLoss, F.mse_loss, F.l1_loss, F.smooth_l1_loss),
    *(F.huber_loss, F.binary_cross_entropy_with_logits, F.binary_cross_entropy),
    *(F.poisson_nll_loss, F.kl_div, F.soft_margin_loss),
)
#: From which output on a binary loss says class 1: probability 1/2.
THRESHOLDS = {
    nn.BCEWithLogitsLoss: 0.0,
    F.binary_cross_entropy_with_logits: 0.0,
    nn.BCELoss: 0.5,
    F.binary_cross_entropy: 0.5,
}


def require_built(criterion: Criterion) -> Criterion:
    """The criterion itself; raises ValueError if it is the class of one, or cannot be called."""
    if isinstance(criterion, type) or not callable(criterion):
        got = f"the class {criterion.__name__}" if isinstance(criterion, type) else repr(criterion)
        raise ValueError(
            f"the criterion must be a loss that can be called, got {got}; build one, with "
            "parentheses: nn.CrossEntropyLoss()"
        )
    return criterion


def _is(loss: Any, kinds: tuple) -> bool:
    """Whether a loss is one of these; a subclass that computes something else is not."""
    classes = [kind for kind in kinds if isinstance(kind, type) and isinstance(loss, kind)]
    return any(loss is kind for kind in kinds) or any(
        type(loss).forward is kind.forward for kind in classes
    )


def _are_classes(labels: Tensor, outputs: Tensor) -> bool:
    """Whether labels (N, ...) may number the classes of outputs (N, K, ...)."""
    return (
        not labels.is_floating_point()
        and outputs.ndim == labels.ndim + 1
        and outputs.shape[1] > 1
        and outputs.shape[:1] + outputs.shape[2:] == labels.shape
    )


class _Watch(TorchFunctionMode):
    """Within the block, sees every call of torch, in whatever the criterion hides it."""

    def __init__(self, ignore_index: int) -> None:
        super().__init__()
        self.ignore_index = ignore_index
        self.adds_up = self.knows_size = self.divides = False

    def __torch_function__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "")
        is_number = isinstance(result, Tensor) and result.ndim == 0
        is_share = self.knows_size and ("div" in name or ("mul" in name and is_number))
        if inspect.isfunction(func) and func.__module__ == F.__name__:
            self._note_loss(func, inspect.signature(func).bind(*args, **(kwargs or {})))
        elif name in ("__len__", "size", "numel", "nelement") or func == Tensor.shape.__get__:
            self.knows_size = True
        elif name in ("sum", "nansum") and is_number:
            self.adds_up = True
        elif "mean" in name or is_share:
            self.divides = True
        return result

    def _note_loss(self, func: Callable, given: inspect.BoundArguments) -> None:
        given.apply_defaults()
        reduction = given.arguments.get("reduction")
        self.adds_up |= reduction == "sum"
        self.divides |= reduction in ("mean", "batchmean")
        if func not in (F.cross_entropy, F.nll_loss) or reduction != "mean":
            return
        if given.arguments["weight"] is not None or (
            given.arguments["ignore_index"] != self.ignore_index
        ):
            raise ValueError(
                f"the criterion calls {func.__name__} with class weights or an ignore_index, so "
                "that its mean does not say how much a batch counts; give that loss itself, "
                "nn.CrossEntropyLoss(weight=..., ignore_index=...), or take one with "
                "reduction='none' inside and .mean() over examples"
            )

    def require_mean(self, reduction: str) -> None:
        """Raise ValueError if a sum was seen that nothing divided by the number of examples."""
        if self.adds_up and not self.divides and reduction != "sum":
            raise ValueError(
                "the criterion must return the mean over the examples of a batch, and this one adds "
                "up their losses without dividing by their number; end it with .mean(), or with "
                ".sum() / len(labels)"
            )
