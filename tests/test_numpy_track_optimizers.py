"""Update rules and schedules of the NumPy track, step by step beside torch's own."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim import lr_scheduler

from course_utils.numpy_track.checks import NonFiniteError
from course_utils.numpy_track.optimizers import (
    SGD,
    Adam,
    AdamW,
    Momentum,
    Nesterov,
    RMSprop,
)
from course_utils.numpy_track.schedules import (
    CosineSchedule,
    PlateauSchedule,
    StepSchedule,
    WarmupSchedule,
    learning_rate_schedule,
)

#: Overflow is foreseen: it is an error with a message or it is harmless, and never a warning.
pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

OPTIMIZERS = [SGD, Momentum, Nesterov, RMSprop, Adam, AdamW]
NUM_STEPS = 100

rates = st.floats(1e-6, 0.1)
betas = st.tuples(st.floats(0, 0.99), st.floats(0.5, 0.9999))
epsilons = st.sampled_from([1e-10, 1e-8, 1e-3])
momenta = st.floats(0, 0.999)
a_few = settings(max_examples=12, deadline=None)

PAIRS = {
    "SGD": (SGD, torch.optim.SGD, {}, {}),
    "Momentum": (Momentum, torch.optim.SGD, {"momentum": momenta}, {}),
    "Nesterov": (
        Nesterov,
        torch.optim.SGD,
        {"momentum": st.floats(0.01, 0.999)},
        {"nesterov": True},
    ),
    "RMSprop": (
        RMSprop,
        torch.optim.RMSprop,
        {"alpha": st.floats(0.5, 0.999), "eps": epsilons},
        {},
    ),
    "Adam": (Adam, torch.optim.Adam, {"betas": betas, "eps": epsilons}, {}),
    "AdamW": (
        AdamW,
        torch.optim.AdamW,
        {"betas": betas, "eps": epsilons, "weight_decay": st.floats(0, 1)},
        {},
    ),
}


def side_by_side(ours, torch_class, options, seed, lr, dtype=np.float64, change=lambda t: 1.0):
    """Ours and torch's parameters after 100 steps along the same, unrelated gradients.

    Gradients that do not depend on the parameters keep a difference of one rounding from growing.
    """
    rng = np.random.default_rng(seed)
    params = {"W": rng.normal(size=(3, 4)), "b": rng.normal(size=4), "s": np.array(0.5)}
    params = {name: values.astype(dtype) for name, values in params.items()}
    theirs = {name: torch.nn.Parameter(torch.tensor(values)) for name, values in params.items()}
    reference = torch_class(theirs.values(), lr=lr, **options)
    for t in range(NUM_STEPS):
        scale = 10 ** rng.uniform(-3, 2)
        grads = {name: np.asarray(scale * rng.normal(size=p.shape)) for name, p in params.items()}
        grads = {name: g.astype(dtype) for name, g in grads.items()}
        for name, param in theirs.items():
            param.grad = torch.tensor(grads[name])
        reference.param_groups[0]["lr"] = lr * change(t)
        reference.step()
        params = ours.step(params, grads, lr * change(t))
    return params, {name: param.detach().numpy() for name, param in theirs.items()}


@pytest.mark.parametrize("name", PAIRS)
@a_few
@given(data=st.data(), seed=st.integers(0, 2**32 - 1), lr=rates, falling=st.booleans())
def test_a_hundred_steps_are_torchs(name, data, seed, lr, falling):
    ours, theirs, strategies, fixed = PAIRS[name]
    options = {key: data.draw(strategy, key) for key, strategy in strategies.items()}
    change = (lambda t: 1 / (1 + t)) if falling else (lambda t: 1.0)
    mine, torchs = side_by_side(
        ours(**options), theirs, {**options, **fixed}, seed, lr, change=change
    )
    for key in mine:
        np.testing.assert_allclose(mine[key], torchs[key], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", PAIRS)
def test_defaults_are_torchs_and_float32_stays(name):
    ours, theirs, _, fixed = PAIRS[name]
    options = {"momentum": 0.9, **fixed} if "momentum" in PAIRS[name][2] else fixed
    mine, torchs = side_by_side(ours(), theirs, options, 0, 0.01)
    for key in mine:
        np.testing.assert_allclose(mine[key], torchs[key], rtol=1e-10, atol=1e-10)
    mine, torchs = side_by_side(ours(), theirs, options, 0, 0.01, np.float32)
    for key in mine:
        assert mine[key].dtype == np.float32
        np.testing.assert_allclose(mine[key], torchs[key], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("size", [1e-8, 1e-5])
def test_the_default_epsilon_is_torchs(name, size):
    """Seen only where gradients are about as small as ε."""
    ours, theirs, _, fixed = PAIRS[name]
    options = {"momentum": 0.9, **fixed} if "momentum" in PAIRS[name][2] else fixed
    optimizer, theta = ours(), {"w": np.zeros(3)}
    param = torch.nn.Parameter(torch.zeros(3, dtype=torch.float64))
    reference = theirs([param], lr=0.1, **options)
    for t in range(5):
        g = size * np.array([1.0, -0.5, 0.1 * t])
        param.grad = torch.tensor(g)
        reference.step()
        theta = optimizer.step(theta, {"w": g}, 0.1)
    np.testing.assert_allclose(theta["w"], param.detach(), rtol=1e-9)


@pytest.mark.parametrize("optimizer_class", [RMSprop, Adam, AdamW])
def test_a_square_that_overflows_is_an_error_and_freezes_no_parameter(optimizer_class):
    optimizer, params = optimizer_class(), {"w": np.float32([1.0, 1.0])}
    with pytest.raises(NonFiniteError, match="what the optimizer remembers of 'w' is NaN or inf"):
        optimizer.step(params, {"w": np.float32([0.0, 1e30])}, 0.1)
    moved = optimizer.step(params, {"w": np.float32([1.0, 1.0])}, 0.1)
    assert (moved["w"] < 1).all()


@pytest.mark.parametrize("optimizer_class", OPTIMIZERS)
def test_one_bad_number_among_good_ones_is_enough(optimizer_class):
    optimizer, params = optimizer_class(), {"v": np.ones(2), "w": np.ones(2)}
    for bad in (np.nan, np.inf, -np.inf):
        with pytest.raises(NonFiniteError, match="the gradient of 'w' is NaN or infinite"):
            optimizer.step(params, {"v": np.ones(2), "w": np.array([1.0, bad])}, 0.1)


@pytest.mark.parametrize("optimizer_class", OPTIMIZERS)
def test_a_step_writes_to_nothing_it_was_given_and_keeps_copies(optimizer_class):
    optimizer, twin = optimizer_class(), optimizer_class()
    params, grads = {"w": np.ones(3)}, {"w": np.full(3, 2.0)}
    moved = optimizer.step(params, grads, 0.1)
    twin.step(params, grads, 0.1)
    assert params["w"].tolist() == [1] * 3 and grads["w"].tolist() == [2] * 3
    assert (moved["w"] < 1).all()
    grads["w"][:], moved["w"][:] = 1e6, 1e6  # neither may reach what the optimizer remembers
    again = optimizer.step({"w": np.ones(3)}, {"w": np.ones(3)}, 0.1)
    expected = twin.step({"w": np.ones(3)}, {"w": np.ones(3)}, 0.1)
    np.testing.assert_array_equal(again["w"], expected["w"])


FAILURES = [
    ({"w": np.full(3, np.nan)}, 0.1, "the gradient of 'w' is NaN or infinite"),
    ({"w": np.full(3, 1e308)}, 1e10, "(parameter|remembers of) 'w'.* is NaN or infinite"),
    ({"w": np.full(3, 1e-3)}, 1e308, "parameter 'w' after the step is NaN or infinite"),
    ({"w": np.ones(2)}, 0.1, r"shape \(3,\), got \(2,\)"),
    ({"w": np.ones((3, 1))}, 0.1, r"shape \(3,\), got \(3, 1\)"),
    ({"v": np.ones(3)}, 0.1, r"missing: \['w'\], unknown: \['v'\]"),
    ({"w": np.ones(3)}, -0.1, "learning_rate must be a finite number at least 0, got -0.1"),
    ({"w": np.ones(3)}, float("nan"), "learning_rate must be .* got nan"),
    ({"w": np.ones(3)}, None, "learning_rate must be .* got None"),
]


@pytest.mark.parametrize("optimizer_class", OPTIMIZERS)
@pytest.mark.parametrize(("grads", "lr", "message"), FAILURES)
def test_a_step_that_fails_leaves_the_optimizer_as_it_was(optimizer_class, grads, lr, message):
    params = {"w": np.full(3, -1.797e308)}
    optimizer = optimizer_class()
    optimizer.step(params, {"w": np.arange(3.0)}, 0.1)
    twin = copy.deepcopy(optimizer)
    with pytest.raises(ValueError, match=message):
        optimizer.step(params, grads, lr)
    for _ in range(2):
        good = {"w": np.array([1.0, -1.0, 2.0])}
        one, other = optimizer.step(params, good, 0.1), twin.step(params, good, 0.1)
        np.testing.assert_array_equal(one["w"], other["w"])


@pytest.mark.parametrize("optimizer_class", [Momentum, Nesterov, RMSprop, Adam, AdamW])
def test_an_optimizer_that_moved_another_model_says_so(optimizer_class):
    optimizer = optimizer_class()
    optimizer.step({"w": np.ones(3)}, {"w": np.ones(3)}, 0.1)
    with pytest.raises(ValueError, match=r"moved another 'w', of shape \(3,\) .* make a new one"):
        optimizer.step({"w": np.ones(4)}, {"w": np.ones(4)}, 0.1)


def test_whole_numbers_are_no_parameters():
    with pytest.raises(ValueError, match="parameter 'w' must hold floats, got dtype int64"):
        SGD().step({"w": np.array([1, 2])}, {"w": np.ones(2)}, 0.1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Momentum(1.0), "momentum must be a finite number at least 0 and below 1, got 1"),
        (lambda: Nesterov(-0.1), "momentum must be .* got -0.1"),
        (lambda: RMSprop(alpha=1), "alpha must be .* below 1, got 1"),
        (lambda: RMSprop(eps=0), "eps must be a finite number above 0, got 0"),
        (lambda: Adam(betas=0.9), r"betas must be a pair of numbers in \[0, 1\), got 0.9"),
        (lambda: Adam(betas=(0.9, 1.0)), "betas must be .* below 1, got 1"),
        (lambda: AdamW(weight_decay=-1), "weight_decay must be .* at least 0, got -1"),
    ],
)
def test_settings_out_of_range(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# --- schedules


def torchs_rates(make, lr, num_epochs, losses=None):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    scheduler = make(optimizer)
    rates = []
    for epoch in range(num_epochs):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step(*([] if losses is None else [losses[epoch]]))
    return rates


def our_rates(schedule, lr, num_epochs, losses=None):
    rates = []
    for epoch in range(num_epochs):
        rates.append(schedule(epoch, lr))
        if losses is not None:
            schedule.observe(losses[epoch])
    return rates


@given(rates, st.floats(0.01, 1), st.integers(1, 30))
def test_the_staircase_is_torchs(lr, decay, every):
    expected = torchs_rates(lambda o: lr_scheduler.StepLR(o, every, decay), lr, 60)
    np.testing.assert_allclose(our_rates(StepSchedule(decay, every), lr, 60), expected, rtol=1e-9)
    direct = [learning_rate_schedule(epoch, lr, decay, every) for epoch in range(60)]
    np.testing.assert_allclose(direct, expected, rtol=1e-9)


@given(rates, st.integers(1, 60), st.floats(0, 0.1))
def test_the_cosine_is_torchs_and_then_stays_low(lr, num_epochs, final_lr):
    make = lambda o: lr_scheduler.CosineAnnealingLR(o, num_epochs, final_lr)  # noqa: E731
    expected = torchs_rates(make, lr, num_epochs + 1)
    mine = our_rates(CosineSchedule(num_epochs, final_lr), lr, num_epochs + 20)
    np.testing.assert_allclose(mine[: num_epochs + 1], expected, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(mine[num_epochs:], final_lr, rtol=1e-12, atol=1e-15)


@given(rates, st.integers(1, 10), st.floats(0.01, 1), st.booleans())
def test_warm_up_is_torchs_before_a_cosine_and_before_a_constant(lr, warmup, factor, cosine):
    def make(optimizer):
        rise = lr_scheduler.LinearLR(optimizer, factor, 1.0, warmup)
        if not cosine:
            return rise
        rest = lr_scheduler.CosineAnnealingLR(optimizer, 20)
        return lr_scheduler.SequentialLR(optimizer, [rise, rest], [warmup])

    rest = CosineSchedule(20) if cosine else StepSchedule(1.0)
    mine = our_rates(WarmupSchedule(rest, warmup, factor), lr, warmup + 20)
    np.testing.assert_allclose(mine, torchs_rates(make, lr, warmup + 20), rtol=1e-8, atol=1e-12)


@given(
    rates,
    st.floats(0.1, 0.9),
    st.integers(0, 4),
    st.sampled_from([0.0, 1e-4, 0.1]),
    st.sampled_from([0.0, 1e-3]),
    st.lists(st.floats(0.01, 2), min_size=30, max_size=30),
)
def test_the_plateau_is_torchs(lr, factor, patience, threshold, min_lr, losses):
    make = lambda o: lr_scheduler.ReduceLROnPlateau(  # noqa: E731
        o, factor=factor, patience=patience, threshold=threshold, min_lr=min_lr, eps=0
    )
    schedule = PlateauSchedule(factor, patience, threshold, min_lr)
    expected = torchs_rates(make, lr, 30, losses)
    np.testing.assert_allclose(our_rates(schedule, lr, 30, losses), expected, rtol=1e-9)


def test_warm_up_passes_losses_on_and_copies_keep_apart():
    plateau = WarmupSchedule(PlateauSchedule(0.5, 0), 1, 1.0)
    twin = copy.deepcopy(plateau)
    for loss in (1.0, 1.0):
        plateau.observe(loss)
    assert plateau(5, 0.8) == 0.4 and twin(5, 0.8) == 0.8
    WarmupSchedule(learning_rate_schedule).observe(1.0)  # takes no interest


def test_warm_up_rises_to_the_first_rate_of_its_schedule_and_counts_its_epochs_from_there():
    halved = lambda epoch, lr: lr / (2 + epoch)  # noqa: E731
    rates = our_rates(WarmupSchedule(halved, 4, 0.2), 1.0, 7)
    np.testing.assert_allclose(rates, [0.1, 0.2, 0.3, 0.4, 1 / 2, 1 / 3, 1 / 4])


def test_the_default_staircase_takes_5_percent_every_ten_epochs():
    rates = [learning_rate_schedule(epoch) for epoch in (0, 9, 10, 19, 20)]
    assert rates == pytest.approx([0.001, 0.001, 0.00095, 0.00095, 0.001 * 0.95**2])
    assert learning_rate_schedule(5, 1, decay=1) == 1 and learning_rate_schedule(0, 0) == 0


def test_defaults_of_the_schedules():
    np.testing.assert_allclose(
        our_rates(WarmupSchedule(StepSchedule()), 3.0, 36)[::5], [1, *[3] * 6, 0.3]
    )
    assert [StepSchedule()(epoch, 1.0) for epoch in (29, 30, 60)] == pytest.approx([1, 0.1, 0.01])
    plateau = PlateauSchedule()
    for epoch, loss in enumerate([1.0] + 10 * [1 - 0.9e-4]):
        plateau.observe(loss)  # ten that are no improvement
        assert plateau(epoch, 1.0) == 1
    plateau.observe(1 - 1.1e-4)  # one that is
    for _ in range(11):
        assert plateau(0, 1.0) == 1
        plateau.observe(1.0)
    assert plateau(0, 1.0) == pytest.approx(0.1)
    for _ in range(1000):
        plateau.observe(1.0)
    assert 0 < plateau(0, 1.0) < 1e-50  # min_lr is 0


def test_a_rate_below_the_floor_stays_as_it_is():
    plateau = PlateauSchedule(0.5, 0, min_lr=0.01)
    for _ in range(9):
        plateau.observe(1.0)
    assert plateau(0, 0.1) == 0.01 and plateau(0, 0.004) == 0.004


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: learning_rate_schedule(-1), "epoch must be at least 0, got -1"),
        (lambda: learning_rate_schedule(1.5), "epoch must be an integer of at least 0, got 1.5"),
        (lambda: learning_rate_schedule(0, -0.1), "initial_lr must be .* at least 0, got -0.1"),
        (lambda: learning_rate_schedule(0, decay=1.1), "decay must be .* at most 1, got 1.1"),
        (lambda: learning_rate_schedule(0, decay=0), "decay must be .* above 0 .* got 0"),
        (lambda: learning_rate_schedule(0, decay_every=0), "decay_every must be at least 1, got 0"),
        (lambda: StepSchedule(decay=2), "decay must be"),
        (lambda: StepSchedule(decay=0), "decay must be .* above 0 .* got 0"),
        (lambda: StepSchedule(decay_every=0), "decay_every must be at least 1, got 0"),
        (lambda: CosineSchedule(0), "num_epochs must be at least 1, got 0"),
        (lambda: CosineSchedule(5, -1), "final_lr must be .* at least 0, got -1"),
        (
            lambda: WarmupSchedule(0.1),
            r"schedule must be callable as \(epoch, initial_lr\), got 0.1",
        ),
        (lambda: WarmupSchedule(CosineSchedule(5), 0), "warmup_epochs must be at least 1, got 0"),
        (
            lambda: WarmupSchedule(CosineSchedule(5), start_factor=0),
            "start_factor must be .* above 0 .* got 0",
        ),
        (lambda: PlateauSchedule(factor=1), "factor must be .* below 1, got 1"),
        (lambda: PlateauSchedule(factor=0), "factor must be .* above 0 .* got 0"),
        (lambda: PlateauSchedule(threshold=1), "threshold must be .* below 1, got 1"),
        (lambda: PlateauSchedule(min_lr=-1), "min_lr must be .* at least 0, got -1"),
        (lambda: PlateauSchedule(patience=-1), "patience must be at least 0, got -1"),
        (lambda: PlateauSchedule().observe(float("nan")), "val_loss must be .* got nan"),
    ],
)
def test_schedules_that_make_no_sense(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    "schedule",
    [
        StepSchedule(),
        CosineSchedule(5),
        PlateauSchedule(),
        WarmupSchedule(lambda epoch, initial_lr: initial_lr),
    ],
    ids=lambda schedule: type(schedule).__name__,
)
def test_every_schedule_refuses_epochs_and_rates_that_are_none(schedule):
    for arguments, message in (
        ((-1, 0.1), "epoch must be at least 0, got -1"),
        ((1.5, 0.1), "epoch must be an integer"),
        ((0, -0.1), "initial_lr must be .* at least 0, got -0.1"),
    ):
        with pytest.raises(ValueError, match=message):
            schedule(*arguments)
