"""Half precision, simulated: it trains as well as float32, survives overflow, and needs its loss scale."""

import numpy as np
import pytest
from numpy_models import TanhModel, TanhModelWithGrads, assert_unchanged, classes, copied
from scipy import stats

from course_utils.numpy_track.mixed_precision import (
    DynamicLossScale,
    FixedLossScale,
    as_loss_scale,
    half_precision_grads,
    to_half,
)
from course_utils.numpy_track.optimizers import Adam
from course_utils.numpy_track.training_utils import train_model, train_step

#: Overflow is foreseen: it is an error with a message or it is harmless, and never a warning.
pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


class InOtherUnits(TanhModelWithGrads):
    """Puts out y · unit. Errors are then unit times as large, gradients unit² times."""

    def __init__(self, unit, **options):
        super().__init__(**options)
        self.unit = np.float32(unit)

    def forward(self, X, return_sequences=False):
        return self.unit * super().forward(X, return_sequences)

    def loss_and_grads(self, X, y, task="regression"):
        loss, grads, predictions = super().loss_and_grads(X, y, task)
        return loss, {name: self.unit * g for name, g in grads.items()}, predictions


def run(seed, loss_scale, unit=1.0, epochs=25):
    """History of a small regression, the same in all but precision and unit; losses in units of 1."""
    rng = np.random.default_rng(seed)
    X = np.float32(rng.normal(size=(200, 1, 3)))
    y = np.float32(unit * np.sin(2 * X[:, 0]))
    history = train_model(
        InOtherUnits(unit, num_hidden=16, seed=seed),
        (X[:150], y[:150]),
        (X[150:], y[150:]),
        epochs,
        learning_rate=0.02,
        clip_norm=np.inf,
        task="regression",
        patience=epochs,
        optimizer=Adam(eps=1e-30),  # then the size of the gradients does not matter
        loss_scale=loss_scale,
        rng=seed,
        verbose=False,
    )
    return {**history, "val_loss": np.array(history["val_loss"]) / unit**2}


def test_it_trains_to_the_same_loss_within_the_spread_over_seeds():
    seeds = range(8)
    full = np.array([run(seed, None)["val_loss"] for seed in seeds])
    half = np.array([run(seed, DynamicLossScale())["val_loss"] for seed in seeds])
    best = full.min(axis=1)
    difference = stats.bootstrap(
        (half.min(axis=1) - best,), np.mean, random_state=np.random.default_rng(0)
    ).confidence_interval
    assert np.abs(difference).max() < best.std(ddof=1) / 4
    assert (best < 0.5 * full[:, 0]).all(), "too easy a comparison: nothing was learnt"


@pytest.mark.parametrize("seed", range(5))
def test_without_a_loss_scale_small_gradients_round_to_zero_and_nothing_is_learnt(seed):
    full, none, dynamic = (run(seed, scale, 1e-4) for scale in (None, 1.0, DynamicLossScale()))
    assert 0 < max(full["grad_norms"]) < 1e-7
    assert max(none["grad_norms"]) == 0 and np.ptp(none["val_loss"]) == 0
    assert full["val_loss"].min() < 0.5 * full["val_loss"][0]
    assert dynamic["val_loss"].min() == pytest.approx(full["val_loss"].min(), rel=0.15)


@pytest.mark.parametrize("seed", range(5))
def test_it_survives_overflow_by_skipping_steps_and_backing_off(seed):
    full, half = run(seed, None, unit=100), run(seed, DynamicLossScale(), unit=100)
    assert sum(half["skipped_steps"]) >= 8 and sum(half["skipped_steps"][5:]) <= 1
    assert half["loss_scales"][-1] <= 2.0**7
    assert half["val_loss"].min() < 2 * full["val_loss"].min()
    with pytest.raises(FloatingPointError, match=r"epoch 1, step 1: .* beyond 65504"):
        run(seed, 2.0**15, unit=100)


def test_a_skipped_step_moves_nothing():
    X, y = classes()
    model, adam, scale = TanhModelWithGrads(), Adam(), DynamicLossScale(2.0**24)
    train_step(model, X, y, optimizer=adam, loss_scale=DynamicLossScale())
    before, memory = copied(model), {k: dict(v) for k, v in adam._memories.items()}
    assert train_step(model, X, y, optimizer=adam, loss_scale=scale)[2] == np.inf
    assert scale.scale == 2.0**23 and scale.num_skipped == 1
    assert_unchanged(model, before)
    assert adam._memories == memory


def test_parts_of_a_batch_are_skipped_together():
    X, y = classes(6)
    X[5] *= 1000  # only the last part overflows
    model, scale = TanhModelWithGrads(), DynamicLossScale(2.0**20)
    before = copied(model)
    y = np.where(np.arange(6)[:, None] == 5, 1000.0, model.forward(X))
    norm = train_step(model, X, y, 0.1, task="regression", accumulate=6, loss_scale=scale)[2]
    assert norm == np.inf and scale.num_skipped == 1
    assert_unchanged(model, before)


@pytest.mark.parametrize("model_class", [TanhModel, TanhModelWithGrads])
def test_gradients_are_those_of_rounded_weights_rounded_after_scaling(model_class):
    X, y = classes()
    model, rounded = model_class(), TanhModelWithGrads()
    before = copied(model)
    rounded.set_params({k: np.float32(np.float16(w)) for k, w in before.items()})
    _, exact, predicted = rounded.loss_and_grads(np.float32(np.float16(X)), y)
    rng = np.random.default_rng(0)
    loss, grads, predictions = half_precision_grads(model, X, y, "classification", rng, 1024.0)
    for name, g in grads.items():
        assert g.dtype == np.float32
        np.testing.assert_allclose(g, exact[name], rtol=2**-10, atol=1e-7)
        assert (np.float32(np.float16(1024 * g)) == 1024 * g).all(), "not a float16 number"
    np.testing.assert_allclose(predictions, predicted, atol=1e-6)
    assert np.isfinite(loss)
    assert_unchanged(model, before)


def test_master_weights_move_by_less_than_float16_can_tell_apart():
    X, y = classes()
    model = TanhModelWithGrads()
    before = copied(model)
    for _ in range(20):
        train_step(model, X, y, 1e-5, loss_scale=DynamicLossScale())
    moved = {name: model.params[name] - values for name, values in before.items()}
    assert all((change != 0).any() for change in moved.values())
    halves = [np.float16(p) for p in before.values()]
    for h in halves:  # the same steps, had the weights been kept in float16
        assert (h + np.float16(1e-5 * 0.1) == h).mean() > 0.9


def test_the_scale_halves_at_once_and_doubles_after_a_while():
    scale = DynamicLossScale(1024, growth_interval=3)
    seen = []
    for overflowed in [False, False, True, False, False, False, True, True] + [False] * 6:
        scale.update(overflowed)
        seen.append(scale.scale)
    assert seen == [1024, 1024, 512, 512, 512, 1024, 512, 256, 256, 256, 512, 512, 512, 1024]
    assert scale.num_skipped == 3
    scale = DynamicLossScale(DynamicLossScale.largest, growth_interval=1)
    scale.update(False)
    assert scale.scale == DynamicLossScale.largest


def test_overflow_that_no_scale_mends_is_an_error():
    scale = DynamicLossScale(DynamicLossScale.smallest)
    with pytest.raises(ValueError, match="overflow float16 even at a loss scale of"):
        scale.update(True)
    X, y = classes()
    model = TanhModelWithGrads()
    before = copied(model)
    message = r"beyond 65504, the largest float16; take a smaller scale, or DynamicLossScale\(\)"
    with pytest.raises(FloatingPointError, match=message):
        train_step(model, X, y, loss_scale=1e9)
    for change in ({"X": X * 1e6}, {"params": {**before, "V": before["V"] * 1e6}}):
        model.set_params(change.get("params", copied(model)))
        held = copied(model)
        with pytest.raises(
            FloatingPointError, match="beyond float16's 65504; normalize the inputs"
        ):
            train_step(model, change.get("X", X), y, loss_scale=1.0)
        assert_unchanged(model, held)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FixedLossScale(0), "loss_scale must be a finite number above 0, got 0"),
        (lambda: DynamicLossScale(0), "initial_scale must be .* got 0"),
        (lambda: DynamicLossScale(growth_interval=0), "growth_interval must be at least 1, got 0"),
        (lambda: DynamicLossScale(growth_factor=1), "growth_factor must be .* above 1, got 1"),
        (lambda: DynamicLossScale(backoff_factor=1), "backoff_factor must be .* below 1, got 1"),
    ],
)
def test_scales_that_make_no_sense(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_rounding_keeps_the_dtype_and_eleven_bits():
    values = np.float32([1 / 3, 65504, 1e-8, -2049])
    rounded = to_half("w", values)
    assert rounded.dtype == np.float32
    np.testing.assert_array_equal(rounded, np.float32([np.float16(1 / 3), 65504, 0, -2048]))


def test_defaults_and_limits_of_the_scale():
    scale = DynamicLossScale()
    assert (scale.scale, scale.growth_interval, scale.num_skipped) == (2.0**15, 200, 0)
    for _ in range(199):
        scale.update(False)
    assert scale.scale == 2.0**15
    scale.update(False)
    assert scale.scale == 2.0**16
    scale.update(True)
    assert scale.scale == 2.0**15
    assert (DynamicLossScale.smallest, DynamicLossScale.largest) == (2.0**-14, 2.0**24)
    for allowed in (2.0**-14, 2.0**24):
        assert DynamicLossScale(allowed).scale == allowed
    for beyond in (2.0**-14.1, 2.0**24.1):
        with pytest.raises(ValueError, match="initial_scale must be"):
            DynamicLossScale(beyond)
    odd = DynamicLossScale(2.0**-13, growth_interval=1, growth_factor=3, backoff_factor=0.25)
    odd.update(False)
    assert odd.scale == 3 * 2.0**-13
    odd.update(True)
    assert odd.scale == 0.75 * 2.0**-13
    with pytest.raises(ValueError, match="at a loss scale of"):
        odd.update(True)
    assert odd.num_skipped == 2


def test_backing_off_to_the_smallest_scale_is_no_error_yet():
    scale = DynamicLossScale(2 * DynamicLossScale.smallest)
    scale.update(True)
    assert scale.scale == DynamicLossScale.smallest


def test_a_fixed_scale_is_1_unless_given_and_a_number_becomes_one():
    assert FixedLossScale().scale == 1
    fixed = as_loss_scale(8)
    assert isinstance(fixed, FixedLossScale) and fixed.scale == 8 and fixed.num_skipped == 0
    fixed.update(False)
    assert fixed.scale == 8
    dynamic = DynamicLossScale()
    assert as_loss_scale(dynamic) is dynamic and as_loss_scale(fixed) is fixed
    assert as_loss_scale(None) is None


def test_whole_numbers_go_into_the_model_unrounded():
    """Ids beyond 2,048 would change in float16."""
    seen = []

    class Embeds(TanhModelWithGrads):
        def loss_and_grads(self, X, y, task="classification"):
            seen.append(X)
            return super().loss_and_grads(X / 5000, y, task)

    X = np.full((4, 2, 3), 4097)
    half_precision_grads(Embeds(), X, np.array([0, 1, 2, 0]), "classification", None, 1.0)
    assert seen[0].dtype.kind == "i" and (seen[0] == 4097).all()


@pytest.mark.parametrize("which", ["U", "a", "V", "c"])
def test_one_gradient_that_overflows_leaves_out_the_step(which):
    class OneTooLarge(TanhModelWithGrads):
        def loss_and_grads(self, X, y, task="classification"):
            loss, grads, predictions = super().loss_and_grads(X, y, task)
            grads[which].flat[0] = 600
            return loss, grads, predictions

    X, y = classes()
    rng = np.random.default_rng(0)
    for scale, overflows in ((64.0, False), (128.0, True)):
        _, grads, _ = half_precision_grads(OneTooLarge(), X, y, "classification", rng, scale)
        assert (grads is None) is overflows
