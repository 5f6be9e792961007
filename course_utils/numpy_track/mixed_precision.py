"""Training in half precision, simulated: float16 where memory and time are spent, float32 where it counts.

float16 holds 11 significant bits, nothing above 65504, and rounds to zero below 3e-8. Three habits make
it usable, the first two from Micikevicius et al. 2018, "Mixed precision training", arXiv:1710.03740
(whose scale is constant), the third as in PyTorch's ``torch.amp.GradScaler``:

1. master weights stay in float32; the forward and backward pass see them rounded to float16;
2. the loss is multiplied by a scale S before back-propagation, so that small gradients do not round to
   zero; by the chain rule every gradient is then S times itself, and is divided by S in float32;
3. S is as large as it can be: if a gradient overflows, the step is left out and S is halved; after
   a while without overflow it is doubled.

Simulated is what crosses the border of a model: weights, inputs and gradients are rounded to float16.
Inside, sums are float32, as in the tensor cores of a GPU; the loss is float32 too, as under autocast.
Since the gradient is linear in the loss, S times the gradient is the gradient of S times the loss.
"""

import numpy as np

from course_utils.numpy_track.checks import NonFiniteError, check_count, check_number
from course_utils.numpy_track.gradients import loss_and_grads
from course_utils.numpy_track.model_interface import Model, Params, params_restored

HALF_MAX = float(np.finfo(np.float16).max)


class FixedLossScale:
    """A loss scale that stays as it is; 1 means none. A gradient that overflows is then an error."""

    def __init__(self, scale: float = 1.0) -> None:
        self.scale = check_number("loss_scale", scale, 0, low_open=True)
        self.num_skipped = 0

    def update(self, overflowed: bool) -> None:
        """Raises NonFiniteError after an overflow: with a fixed scale there would be no end to them."""
        if overflowed:
            raise NonFiniteError(
                f"a gradient times the loss scale {self.scale:g} is beyond {HALF_MAX:g}, the largest "
                "float16; take a smaller scale, or DynamicLossScale(), which finds one"
            )


class DynamicLossScale:
    """A loss scale that halves after an overflow and doubles after ``growth_interval`` good steps.

    ``scale`` is the present one, ``num_skipped`` counts the steps that overflowed. Powers of two keep
    the scaling itself free of rounding.

    Args:
        initial_scale: where it begins.
        growth_interval: good steps in a row until it grows.
        growth_factor: by what it grows.
        backoff_factor: what an overflow leaves of it.
    """

    smallest, largest = 2.0**-14, 2.0**24

    def __init__(
        self,
        initial_scale: float = 2.0**15,
        growth_interval: int = 200,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
    ) -> None:
        self.scale = check_number("initial_scale", initial_scale, self.smallest, self.largest)
        self.growth_interval = check_count("growth_interval", growth_interval)
        self.growth_factor = check_number("growth_factor", growth_factor, 1, low_open=True)
        self.backoff_factor = check_number(
            "backoff_factor", backoff_factor, 0, 1, low_open=True, high_open=True
        )
        self.num_skipped = 0
        self._num_good = 0

    def update(self, overflowed: bool) -> None:
        """Adapt to one step. Raises NonFiniteError when even the smallest scale overflows."""
        if overflowed:
            self.num_skipped += 1
            self.scale, self._num_good = self.scale * self.backoff_factor, 0
            if self.scale < self.smallest:
                raise NonFiniteError(
                    f"gradients overflow float16 even at a loss scale of {self.scale:g}"
                )
        else:
            self._num_good += 1
            if self._num_good == self.growth_interval:
                self.scale = min(self.scale * self.growth_factor, self.largest)
                self._num_good = 0


LossScale = FixedLossScale | DynamicLossScale


def as_loss_scale(loss_scale: LossScale | float | None) -> LossScale | None:
    """A number becomes a FixedLossScale; None, and what is a loss scale already, stays."""
    if loss_scale is None or isinstance(loss_scale, LossScale):
        return loss_scale
    return FixedLossScale(loss_scale)


def to_half(name: str, values: np.ndarray) -> np.ndarray:
    """``values`` rounded to float16, still in their own dtype, so that sums are not rounded too."""
    with np.errstate(over="ignore"):
        rounded = values.astype(np.float16)
    if not np.isfinite(rounded).all():
        raise NonFiniteError(
            f"{name} reaches {np.abs(values).max():g}, beyond float16's {HALF_MAX:g}; normalize the inputs, or lower the learning rate"
        )
    return rounded.astype(values.dtype)


def half_precision_grads(
    model: Model,
    X: np.ndarray,
    y: np.ndarray,
    task: str,
    rng: np.random.Generator,
    loss_scale: float,
) -> tuple[float, Params | None, np.ndarray]:
    """(loss, gradients, predictions) of one pass in simulated half precision.

    The gradients are float32, with the scale taken out again; None if one of them overflowed. The
    model keeps its master weights.
    """
    with params_restored(model) as master:
        model.set_params({name: to_half(f"parameter {name!r}", w) for name, w in master.items()})
        half_X = to_half("X", X) if X.dtype.kind == "f" else X
        loss, grads, predictions = loss_and_grads(model, half_X, y, task, rng)
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = {name: np.float16(loss_scale * g) for name, g in grads.items()}
    if not all(np.isfinite(g).all() for g in scaled.values()):
        return loss, None, predictions
    unscaled: Params = {
        name: np.divide(g, np.float32(loss_scale), dtype=np.float32) for name, g in scaled.items()
    }
    return loss, unscaled, predictions
