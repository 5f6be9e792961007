"""The learning-rate range test: raise the rate from batch to batch, watch the loss, suggest a rate.

Smith 2017, "Cyclical Learning Rates for Training Neural Networks", section 3.3, with an exponential
ramp. The lesson of the same name writes these functions out and examines the rules.
"""

from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn
from torch.optim import Optimizer

from course_utils.batches import EMPTY, Batches, checked_pair, require_loader
from course_utils.copies import copies
from course_utils.failures import failures_explained
from course_utils.generators import generators_kept
from course_utils.ownership import require_own_optimizer
from course_utils.seeding import seeded
from course_utils.tally import Criterion, Tally

#: Points at the start of a curve at which no slope is trusted: the average has hardly begun.
SKIP = 15
#: A smoothed loss that falls by a smaller share of its start than this says nothing about rates.
FLAT = 0.02
#: In Smith's range of a third or a quarter of the largest rate that converges; in the lesson of this
#: name its rivals, with factors chosen on other data, are not told apart.
RECOMMENDED = "minimum/3"


@dataclass(frozen=True)
class RangeTest:
    """What ``find_lr`` saw, one number per step, and what each rule makes of it.

    Attributes:
        lrs: the learning rates tried, (T,).
        losses: (T,), all finite; losses[i] was measured just before the step at lrs[i].
        smoothed: their moving average, (T,).
        diverged: whether the loss ran away before the ramp ended. If not, the curve does not show
            the limit, and the minimum says more about ``end_lr`` than about the model.
        suggestions: a rate by each of "steepest", "minimum/10", "minimum/3" and "valley", or None.
    """

    lrs: np.ndarray
    losses: np.ndarray
    smoothed: np.ndarray
    diverged: bool
    suggestions: dict[str, float | None]

    @property
    def suggestion(self) -> float | None:
        """The rate by the recommended rule; None on a flat curve."""
        return self.suggestions[RECOMMENDED]


def find_lr(
    model: nn.Module,
    optimizer: Optimizer,
    criterion: Criterion,
    loader: Batches,
    *,
    start_lr: float = 1e-6,
    end_lr: float = 10.0,
    num_steps: int = 141,
    beta: float = 0.9,
    diverge_factor: float = 4.0,
    seed: int | None = None,
) -> RangeTest:
    """Test learning rates from ``start_lr`` to ``end_lr`` on the batches of ``loader``; suggest one.

    The training happens on copies of model, optimizer and criterion, so nothing of theirs changes,
    whatever happens; torch's, NumPy's and Python's global generators and those of the loader are
    set back afterwards, also if an exception passes through. What you train next is, to the last
    bit, what it would have been without the test.

    Args:
        model: the network. A layer in evaluation mode stays so, as in ``train_epoch``.
        optimizer: one whose ``step`` needs no closure. With several groups the highest rate follows
            the ramp, the others keep their ratio to it (a frozen group, at 0, stays so), and
            suggestions are for the highest.
        criterion: returns the mean loss of a batch, as ``Tally`` says.
        loader: batches (inputs, targets) that can be walked again and again.
        start_lr: where the ramp begins, above 0.
        end_lr: where it ends, above ``start_lr``.
        num_steps: points on the ramp; by default twenty per decade.
        beta: of the moving average, in [0, 1).
        diverge_factor: above 1; the test ends once the smoothed loss is so many times its lowest
            value, or the loss is not finite.
        seed: governs dropout, and shuffling without a generator of its own; without it both go on
            from the global generators.

    Raises:
        ValueError: on settings outside these ranges, on an optimizer that does not belong to this
            model, on rates that are all 0, on a loader that is empty or can be walked only once, on
            batches and criteria that ``batches_of`` and ``Tally`` refuse, on a criterion with
            reduction="sum", on a batch without a label that counts, if the very first loss is not
            finite, and if something cannot be copied.

    >>> import torch
    >>> from course_utils.loader import TensorLoader
    >>> from course_utils.models import MLP
    >>> x = torch.linspace(-1, 1, 8)[:, None]
    >>> loader = TensorLoader(torch.utils.data.TensorDataset(x, 4 * x**2 - 3 * x), batch_size=8)
    >>> model = MLP(1, [], 1, seed=0)
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> result = find_lr(model, optimizer, nn.MSELoss(), loader, start_lr=0.001)
    >>> print(result.diverged, f"{result.suggestion:.1f}")
    True 1.0
    """
    _check_settings(start_lr, end_lr, num_steps, beta, diverge_factor)
    require_loader(loader)
    require_own_optimizer(model, optimizer, criterion)
    _check_rates(optimizer)
    _check_sum(Tally(criterion))
    lrs = exponential_ramp(start_lr, end_lr, num_steps)
    trial_model, trial_optimizer, trial_criterion = copies(model, optimizer, criterion)
    device = next(trial_model.parameters()).device
    tally = Tally(trial_criterion)

    def counted_loss(outputs: Tensor, targets: Tensor) -> Tensor:
        loss = tally.loss(outputs, targets)
        if not tally.weights[-1] > 0:
            raise ValueError(
                "a batch has no label that counts (see ignore_index and the class weights), so it "
                "has no loss; take larger batches, or leave these examples out"
            )
        return loss

    with (
        generators_kept(loader),
        nullcontext() if seed is None else seeded(seed),
        failures_explained(),
    ):
        pairs = map(checked_pair, endless(loader))
        batches = ((inputs.to(device), targets.to(device)) for inputs, targets in pairs)
        losses = range_test(
            trial_model, trial_optimizer, counted_loss, batches, lrs, beta, diverge_factor
        )
    if not losses:
        raise ValueError(EMPTY)
    diverged = has_diverged(losses, beta, diverge_factor)
    if not np.isfinite(losses[-1]):
        losses.pop()
    if not losses:
        raise ValueError(
            "the loss of the first batch is not finite, before any step: look at the inputs and "
            "the initial weights, no rate can help"
        )
    lrs, smoothed = lrs[: len(losses)], smooth_losses(losses, beta)
    return RangeTest(lrs, np.array(losses), smoothed, diverged, suggest(lrs, smoothed))


def exponential_ramp(start_lr: float, end_lr: float, num_steps: int) -> np.ndarray:
    """Rates (num_steps,) from start_lr to end_lr, both included, each the same multiple of the last.

    >>> exponential_ramp(0.001, 1.0, 4).round(6).tolist()
    [0.001, 0.01, 0.1, 1.0]
    """
    share_done = np.arange(num_steps) / (num_steps - 1)
    return start_lr * (end_lr / start_lr) ** share_done


def smooth_losses(losses: Iterable[float], beta: float = 0.9) -> np.ndarray:
    """Exponential moving average (T,) with Adam's bias correction: at step t the weights sum to 1."""
    average, smoothed = 0.0, []
    for t, loss in enumerate(losses, start=1):
        average = beta * average + (1 - beta) * loss
        smoothed.append(average / (1 - beta**t))
    return np.array(smoothed)


def has_diverged(losses: list[float], beta: float = 0.9, factor: float = 4.0) -> bool:
    """Whether the last loss is not finite, or the smoothed one is ``factor`` times its lowest value."""
    if not np.isfinite(losses[-1]):
        return True
    smoothed = smooth_losses(losses, beta)
    return smoothed[-1] > smoothed.min() + (factor - 1) * abs(smoothed.min())


def set_lr(optimizer: Optimizer, lr: float) -> None:
    """Give the group with the highest rate ``lr``; the others keep their ratio to it."""
    highest = max(group["lr"] for group in optimizer.param_groups)
    for group in optimizer.param_groups:
        group["lr"] = lr * (group["lr"] / highest)


def range_test(
    model: nn.Module,
    optimizer: Optimizer,
    criterion: Criterion,
    batches: Batches,
    lrs: Iterable[float],
    beta: float = 0.9,
    factor: float = 4.0,
) -> list[float]:
    """One training step at each of ``lrs``, on a batch each: the losses before it; stops on divergence.

    Args:
        model: trained in place, so hand in a copy.
        optimizer: a copy too, of this model.
        criterion: returns the mean loss of a batch.
        batches: pairs (inputs, targets), at least as many as ``lrs``.
        lrs: the learning rate of each step.
        beta: of the moving average that ``has_diverged`` looks at.
        factor: its factor.

    Returns:
        The losses; the loss that ends the test is the last one.
    """
    if not model.training:
        model.train()
    losses: list[float] = []
    for lr, (inputs, targets) in zip(lrs, batches, strict=False):
        set_lr(optimizer, lr)
        loss = criterion(model(inputs), targets)
        losses.append(loss.item())
        if has_diverged(losses, beta, factor):
            break
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


def steepest_rate(lrs: np.ndarray, smoothed: np.ndarray, skip: int = SKIP) -> float | None:
    """Where the loss falls fastest against log(rate), past the first points and before the minimum."""
    slope = np.gradient(smoothed, np.log(lrs))
    candidates = slope[skip : smoothed.argmin()]
    return float(lrs[skip + candidates.argmin()]) if len(candidates) > 0 else None


def valley_rate(lrs: np.ndarray, smoothed: np.ndarray) -> float:
    """The middle of the valley: of the longest series of ever lower losses (fastai's ``valley``)."""
    length = np.ones(len(smoothed), dtype=int)  # of the longest falling series that ends here
    for i in range(1, len(smoothed)):
        length[i] += length[:i].max(where=smoothed[:i] > smoothed[i], initial=0)
    third = length.max() / 3
    start = length.argmax() - length.max()
    return float(lrs[max(start + int(third) + int(third / 2), 0)])


def suggest(lrs: np.ndarray, smoothed: np.ndarray) -> dict[str, float | None]:
    """Rule -> rate; None throughout if the curve is flat (it falls by less than FLAT)."""
    if relative_drop(smoothed) < FLAT:
        return dict.fromkeys(("steepest", "minimum/10", "minimum/3", "valley"))
    minimum = float(lrs[smoothed.argmin()])
    return {
        "steepest": steepest_rate(lrs, smoothed),
        "minimum/10": minimum / 10,
        "minimum/3": minimum / 3,
        "valley": valley_rate(lrs, smoothed),
    }


def relative_drop(smoothed: np.ndarray, skip: int = SKIP) -> float:
    """By what share the smoothed loss falls, from the median of the first points to the minimum."""
    lowest = smoothed.argmin()
    start = np.median(smoothed[: min(skip, lowest + 1)])
    return float((start - smoothed[lowest]) / max(abs(start), 1e-12))


def endless(loader: Batches) -> Iterator[tuple[Tensor, Tensor]]:
    """The batches of ``loader``, pass after pass; ends only if a pass has none."""
    found = True
    while found:
        found = False
        for batch in loader:
            found = True
            yield batch


def _check_settings(
    start_lr: float, end_lr: float, num_steps: int, beta: float, diverge_factor: float
) -> None:
    if not 0 < start_lr < end_lr < float("inf"):
        raise ValueError(
            f"rates must satisfy 0 < start_lr < end_lr, got start_lr={start_lr}, end_lr={end_lr}"
        )
    if num_steps < 2:
        raise ValueError(f"num_steps must be at least 2, to have both ends, got {num_steps}")
    if not 0 <= beta < 1:
        raise ValueError(f"beta must be in [0, 1), got {beta}")
    if not diverge_factor > 1:
        raise ValueError(f"diverge_factor must be above 1, got {diverge_factor}")


def _check_rates(optimizer: Optimizer) -> None:
    if not any(group["lr"] > 0 for group in optimizer.param_groups):
        raise ValueError(
            "every rate of the optimizer is 0, so the ramp has nothing to scale; give it any "
            "positive lr (with several groups, their ratio counts)"
        )


def _check_sum(tally: Tally) -> None:
    if tally.reduction == "sum":
        raise ValueError(
            "the criterion has reduction='sum', so that batches of other sizes have other losses "
            "and other good rates; build it with reduction='mean'"
        )
