"""Means over examples that do not depend on how the examples are cut into batches."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.batches import described

Criterion = Callable[[Tensor, Tensor], Tensor]


class Tally:
    """Calls a criterion batch by batch, notes what it says, and gives the means over all examples.

    The means are those of one batch that holds everything, whatever the batch size:

    - CrossEntropyLoss and NLLLoss: over the labels that are not ``ignore_index``, each with its
      class weight if there are any, Σ w l / Σ w. Class probabilities as labels count as one each.
    - torch's other losses: over elements.
    - any other criterion: it must return the mean over the examples (or over the labels that are
      not its ``ignore_index``, -100 by default) and the mean over the batches weights them so.
    - with ``reduction="sum"`` the sum is divided by what the mean would be divided by.

    Accuracy is the share of right answers among the labels that are not ignored: the highest logit
    at the label (or at the most probable class); for BCEWithLogitsLoss and BCELoss, element by
    element, whether output and label lie on the same side of probability 1/2; NaN for everything
    else, such as regression.

    Raises ValueError on a criterion with ``reduction="none"`` and on one that hides a loss with
    class weights inside, because a batch's mean does not say what the weights sum to.
    """

    def __init__(self, criterion: Criterion) -> None:
        self.criterion = criterion
        if isinstance(criterion, functools.partial):
            loss, setting = criterion.func, criterion.keywords.get
        else:
            loss, setting = criterion, functools.partial(getattr, criterion)
        self.reduction = setting("reduction", "mean")
        self.is_cross_entropy = _is(loss, CROSS_ENTROPIES)
        self.is_by_element = _is(loss, BY_ELEMENT)
        self.class_weights = setting("weight", None) if self.is_cross_entropy else None
        ignored = setting("ignore_index", None)
        self.ignore_index = -100 if ignored is None else ignored
        self.threshold = next((t for kind, t in THRESHOLDS.items() if _is(loss, (kind,))), None)
        if self.reduction == "none":
            raise ValueError(
                "the criterion has reduction='none' and returns a loss an example; build it with "
                "reduction='mean'"
            )
        _require_known_weights(criterion, self.ignore_index)
        self.losses: list[Tensor] = []
        self.weights: list[Tensor | int] = []  # what each loss counts
        self.answers: list[Tensor | int] = []  # how many can be right or wrong
        self.right: list[Tensor] = []

    def loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """``criterion(outputs, labels)``, noted. Nothing leaves the device before ``means``."""
        by_class = self._by_class(outputs, labels)
        loss = self.criterion(outputs, labels)
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
        if not isinstance(outputs, Tensor):
            raise ValueError(
                f"the model must return one tensor, got {described(outputs)}; return only what the "
                "criterion is to judge"
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
                each = self.class_weights.to(labels.device)[labels.where(counted, 0)]
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


def _is(loss: Any, kinds: tuple) -> bool:
    classes = tuple(kind for kind in kinds if isinstance(kind, type))
    return isinstance(loss, classes) or any(loss is kind for kind in kinds)


def _are_classes(labels: Tensor, outputs: Tensor) -> bool:
    """Whether labels (N, ...) may number the classes of outputs (N, K, ...)."""
    return (
        not labels.is_floating_point()
        and outputs.ndim == labels.ndim + 1
        and outputs.shape[1] > 1
        and outputs.shape[:1] + outputs.shape[2:] == labels.shape
    )


def _require_known_weights(criterion: Criterion, ignore_index: int) -> None:
    """A loss inside another one: its class weights and ignored labels are out of sight."""
    parts: list[Any] = []
    if isinstance(criterion, nn.Module):
        parts = [part for part in criterion.modules() if part is not criterion]
    elif inspect.isfunction(criterion):
        seen = inspect.getclosurevars(criterion)
        parts = [*seen.nonlocals.values(), *seen.globals.values()]
    for part in parts:
        if not isinstance(part, nn.CrossEntropyLoss | nn.NLLLoss) or part.reduction != "mean":
            continue
        if part.weight is not None or part.ignore_index != ignore_index:
            raise ValueError(
                f"the criterion calls a {type(part).__name__} with class weights or an "
                "ignore_index, so that its mean does not say how much a batch counts; give that "
                "loss itself, or one with reduction='none' inside and .mean() over examples"
            )
