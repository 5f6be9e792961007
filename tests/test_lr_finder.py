"""The range test leaves no trace, agrees with torch-lr-finder, and its rules keep what they promise."""

import copy
import math
import random
import threading
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from course_utils.loader import TensorLoader
from course_utils.lr_finder import (
    FLAT,
    SKIP,
    endless,
    exponential_ramp,
    find_lr,
    has_diverged,
    relative_drop,
    smooth_losses,
    steepest_rate,
    suggest,
    valley_rate,
)
from course_utils.models import MLP

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its import of tqdm.autonotebook warns
    from torch_lr_finder import LRFinder

CRITERION = nn.CrossEntropyLoss()
OPTIMIZERS = {
    "SGD": lambda params: torch.optim.SGD(params, lr=0.1),
    "momentum": lambda params: torch.optim.SGD(params, lr=0.1, momentum=0.9, weight_decay=1e-3),
    "Adam": lambda params: torch.optim.Adam(params, lr=0.001),
    "fused AdamW": lambda params: torch.optim.AdamW(params, lr=0.001, fused=True),
    "RMSprop": lambda params: torch.optim.RMSprop(params, lr=0.001),
}
every_optimizer = pytest.mark.parametrize("optimizer_name", list(OPTIMIZERS))


def examples(size: int = 60, seed: int = 0) -> TensorDataset:
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(size, 4, generator=generator)
    return TensorDataset(inputs, (inputs[:, 0] > 0).long() + (inputs[:, 1] > 0).long())


def tensor_loader(batch_size: int = 8) -> TensorLoader:
    generator = torch.Generator().manual_seed(3)
    return TensorLoader(examples(), batch_size, shuffle=True, generator=generator)


def data_loader(batch_size: int = 8, generator: bool = True) -> DataLoader:
    own = torch.Generator().manual_seed(3) if generator else None
    return DataLoader(examples(), batch_size, shuffle=True, generator=own)


LOADERS = {
    "TensorLoader": tensor_loader,
    "DataLoader": data_loader,
    "DataLoader, global generator": lambda: data_loader(generator=False),
}


def model(**options) -> MLP:
    return MLP(4, [8], 3, **{"dropout_rate": 0.3, "batch_norm": True, "seed": 1, **options})


def trained(optimizer_name: str) -> tuple[nn.Module, torch.optim.Optimizer]:
    """A model and an optimizer with some training, and some state, behind them."""
    net = model().eval()
    optimizer = OPTIMIZERS[optimizer_name](net.parameters())
    train(net.train(), optimizer, list(TensorLoader(examples(), 20)))
    net.net[1].eval()  # a frozen layer in a model that trains
    return net, optimizer


def train(net, optimizer, batches) -> None:
    for inputs, labels in batches:
        optimizer.zero_grad()
        CRITERION(net(inputs), labels).backward()
        optimizer.step()


def snapshot(net, optimizer, loader) -> dict:
    """Everything that a range test might leave a trace in."""
    generator = getattr(loader, "generator", None)
    return copy.deepcopy(
        {
            "model": net.state_dict(),
            "gradients": [p.grad for p in net.parameters()],
            "modes": [module.training for module in net.modules()],
            "optimizer": optimizer.state_dict(),
            "torch": torch.get_rng_state(),
            "loader": generator.get_state() if generator is not None else None,
            "numpy": np.random.get_state(),  # noqa: NPY002
            "python": random.getstate(),
        }
    )


def assert_equal(a, b) -> None:
    assert type(a) is type(b)
    if isinstance(a, dict):
        assert a.keys() == b.keys()
        for key in a:
            assert_equal(a[key], b[key])
    elif isinstance(a, list | tuple):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            assert_equal(x, y)
    elif isinstance(a, torch.Tensor | np.ndarray):
        assert np.array_equal(np.asarray(a), np.asarray(b))
    else:
        assert a == b


class Spoiled(nn.Module):
    """Cross-entropy that ends in ``fault`` at one call; it draws from every generator it can find."""

    def __init__(self, at: int, fault: object) -> None:
        super().__init__()
        self.at, self.fault, self.calls = at, fault, 0

    def forward(self, logits, labels):
        torch.rand(1), np.random.rand(), random.random()  # noqa: NPY002
        self.calls += 1
        if self.calls == self.at:
            if isinstance(self.fault, Exception):
                raise self.fault
            return CRITERION(logits, labels) * self.fault
        return CRITERION(logits, labels)


# --- no trace


@every_optimizer
@pytest.mark.parametrize("loader_name", list(LOADERS))
def test_model_optimizer_and_generators_are_left_as_they_were(optimizer_name, loader_name):
    net, optimizer = trained(optimizer_name)
    loader = LOADERS[loader_name]()
    before = snapshot(net, optimizer, loader)
    result = find_lr(net, optimizer, Spoiled(0, None), loader, num_steps=40)
    assert_equal(snapshot(net, optimizer, loader), before)
    assert not np.array_equal(result.losses, np.sort(result.losses)), "nothing was trained"


@pytest.mark.parametrize("seed", [None, 5])
@pytest.mark.parametrize("fault", [math.nan, math.inf, RuntimeError("out of memory")], ids=str)
def test_no_trace_of_a_test_that_goes_wrong(fault, seed):
    net, optimizer = trained("Adam")
    loader, criterion = tensor_loader(), Spoiled(12, fault)
    before = snapshot(net, optimizer, loader)
    if isinstance(fault, Exception):
        with pytest.raises(RuntimeError, match="out of memory"):
            find_lr(net, optimizer, criterion, loader, seed=seed)
    else:
        result = find_lr(net, optimizer, criterion, loader, seed=seed)
        assert len(result.losses) == 11
        assert result.diverged
        assert np.isfinite(result.losses).all()
    assert criterion.calls == 0, "the criterion, too, is a copy"
    assert_equal(snapshot(net, optimizer, loader), before)


@every_optimizer
def test_training_afterwards_is_what_it_would_have_been(optimizer_name):
    def run(with_test: bool) -> dict:
        torch.manual_seed(9)
        net, optimizer = trained(optimizer_name)
        loader = tensor_loader()
        if with_test:
            find_lr(net, optimizer, CRITERION, loader)
        train(net, optimizer, [*loader, *loader])
        return snapshot(net, optimizer, loader)

    with torch.random.fork_rng():
        assert_equal(run(True), run(False))


def test_a_seed_governs_dropout_and_shuffling():
    net, optimizer = trained("SGD")

    def losses(seed):
        torch.rand(5)
        return find_lr(net, optimizer, CRITERION, data_loader(generator=False), seed=seed).losses

    with torch.random.fork_rng():
        assert np.array_equal(losses(1), losses(1))
        assert not np.array_equal(losses(1)[:20], losses(2)[:20])


# --- beside torch-lr-finder


@every_optimizer
@pytest.mark.parametrize("num_steps", [2, 50, 120])
def test_rates_and_losses_are_those_of_torch_lr_finder(optimizer_name, num_steps, capsys):
    net = model(dropout_rate=0.0)
    optimizer = OPTIMIZERS[optimizer_name](net.parameters())
    ours = find_lr(
        net,
        optimizer,
        CRITERION,
        data_loader(),
        start_lr=1e-5,
        end_lr=0.5,
        num_steps=num_steps,
        diverge_factor=1e9,
    )
    finder = LRFinder(net, optimizer, CRITERION)
    finder.range_test(
        data_loader(),
        start_lr=1e-5,
        end_lr=0.5,
        num_iter=num_steps,
        smooth_f=0,
        diverge_th=math.inf,
    )
    np.testing.assert_allclose(ours.lrs, finder.history["lr"], rtol=1e-12)
    np.testing.assert_allclose(ours.losses, finder.history["loss"], rtol=1e-5)
    assert len(ours.lrs) == num_steps
    capsys.readouterr()


# --- the ramp and the average


@given(
    start=st.floats(1e-9, 1e-1),
    factor=st.floats(1.5, 1e9),
    num_steps=st.integers(2, 300),
)
def test_ramp_has_both_ends_and_one_ratio(start, factor, num_steps):
    lrs = exponential_ramp(start, start * factor, num_steps)
    assert len(lrs) == num_steps
    np.testing.assert_allclose(lrs[[0, -1]], [start, start * factor], rtol=1e-12)
    np.testing.assert_allclose(lrs[1:] / lrs[:-1], factor ** (1 / (num_steps - 1)), rtol=1e-9)


losses_ = st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=40)
betas = st.floats(0, 0.99)


@given(losses=losses_, beta=betas)
def test_average_is_pandas_adjusted_one(losses, beta):
    expected = pd.Series(losses).ewm(alpha=1 - beta, adjust=True).mean()
    np.testing.assert_allclose(smooth_losses(losses, beta), expected, rtol=1e-6, atol=1e-6)


@given(losses=losses_, beta=betas)
def test_average_stays_between_lowest_and_highest_so_far(losses, beta):
    smoothed = smooth_losses(losses, beta)
    assert (smoothed <= np.maximum.accumulate(losses) + 1e-6).all()
    assert (smoothed >= np.minimum.accumulate(losses) - 1e-6).all()


def test_divergence():
    assert not has_diverged([2.0])
    assert has_diverged([2.0, math.nan])
    assert has_diverged([math.inf])
    assert not has_diverged([1.0, 1.0, 3.9], beta=0.0)
    assert has_diverged([1.0, 1.0, 4.1], beta=0.0)
    assert not has_diverged([-1.0, -1.0, -0.5], beta=0.0), "a loss may be negative"
    assert has_diverged([-1.0, -1.0, 2.1], beta=0.0)


def test_test_ends_on_divergence_and_says_so():
    net = model(dropout_rate=0.0, batch_norm=False)
    optimizer = torch.optim.SGD(net.parameters(), lr=1.0)
    short = find_lr(net, optimizer, CRITERION, tensor_loader(), end_lr=1e-3)
    long = find_lr(net, optimizer, CRITERION, tensor_loader(), end_lr=1e6)
    assert not short.diverged
    assert len(short.losses) == 141
    assert long.diverged
    assert len(long.losses) < 141
    assert len(long.lrs) == len(long.losses) == len(long.smoothed)
    assert np.isfinite(long.losses).all()


# --- the rules


def curve(lowest: float = 0.3, noise: float = 0.01, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A range test as in a textbook, with its minimum near ``lowest``."""
    lrs = exponential_ramp(1e-6, 10, 141)
    x = np.log10(lrs / lowest)
    losses = 2.3 - 1.9 / (1 + np.exp(-4 * (x + 1))) + 5 / (1 + np.exp(-12 * (x - 0.6)))
    return lrs, smooth_losses(losses + np.random.default_rng(seed).normal(0, noise, len(lrs)))


@given(seed=st.integers(0, 99), lowest=st.floats(1e-4, 1))
def test_rules_find_a_textbook_curve(seed, lowest):
    lrs, smoothed = curve(lowest, seed=seed)
    rates = suggest(lrs, smoothed)
    minimum = lrs[smoothed.argmin()]
    assert lowest / 3 < minimum < 3 * lowest
    assert rates["minimum/10"] == pytest.approx(minimum / 10)
    assert rates["minimum/3"] == pytest.approx(minimum / 3)
    assert lrs[SKIP] <= rates["steepest"] < minimum
    assert rates["valley"] < minimum


@given(seed=st.integers(0, 99), scale=st.floats(1e-3, 1e3), shift=st.floats(1e-3, 1e3))
def test_rules_do_not_depend_on_the_unit_of_the_loss_and_move_with_the_rates(seed, scale, shift):
    lrs, smoothed = curve(seed=seed)
    before, after = suggest(lrs, smoothed), suggest(shift * lrs, scale * smoothed)
    for rule, rate in before.items():
        assert after[rule] == pytest.approx(shift * rate, rel=1e-6), rule


@given(values=st.lists(st.floats(0.1, 10), min_size=SKIP + 2, max_size=60))
def test_steepest_is_past_the_first_points_before_the_minimum_and_downhill_at_its_steepest(values):
    smoothed = np.array(values)
    lrs = exponential_ramp(1e-6, 10, len(smoothed))
    rate = steepest_rate(lrs, smoothed)
    lowest = smoothed.argmin()
    if lowest <= SKIP:
        assert rate is None
        return
    index = int(np.flatnonzero(lrs == rate)[0])
    assert SKIP <= index < lowest
    slopes = np.gradient(smoothed)[SKIP:lowest]
    assert np.gradient(smoothed)[index] == pytest.approx(slopes.min(), abs=1e-9)


def fastai_valley(lrs, losses):
    """After fastai's description: the longest falling subsequence, a third and half a third into it."""
    longest = [1] * len(losses)
    end = 0
    for i in range(1, len(losses)):
        for j in range(i):
            if losses[i] < losses[j] and longest[i] < longest[j] + 1:
                longest[i] = longest[j] + 1
        if longest[end] < longest[i]:
            end = i
    section = longest[end] / 3
    return lrs[max(end - longest[end] + int(section) + int(section / 2), 0)]


@given(values=st.lists(st.floats(0.1, 10), min_size=2, max_size=40))
def test_valley_is_fastais(values):
    lrs = exponential_ramp(1e-6, 10, len(values))
    assert valley_rate(lrs, np.array(values)) == fastai_valley(lrs, values)


# --- flat curves


@given(seed=st.integers(0, 999), level=st.floats(0.1, 10))
def test_noise_alone_gives_no_suggestion(seed, level):
    noise = np.random.default_rng(seed).normal(1, 0.005, 141)
    rates = suggest(exponential_ramp(1e-6, 10, 141), smooth_losses(level * noise))
    assert set(rates.values()) == {None}


@pytest.mark.parametrize("optimizer_name", ["SGD", "momentum", "Adam"])
def test_dead_network_gives_no_suggestion_and_a_living_one_does(optimizer_name):
    for initialization, alive in (("zeros", False), ("default", True)):
        net = model(dropout_rate=0.0, batch_norm=False, initialization=initialization)
        for layer in (net.net[0], net.net[2]):
            if not alive:  # not even the output bias may learn that classes are uneven
                layer.bias.requires_grad_(False)
        optimizer = OPTIMIZERS[optimizer_name](net.parameters())
        result = find_lr(net, optimizer, CRITERION, tensor_loader(20))
        assert (relative_drop(result.smoothed) > FLAT) == alive
        assert (result.suggestion is not None) == alive
        assert all((rate is not None) == alive for rate in result.suggestions.values())


def test_rising_curve_gives_no_suggestion():
    lrs = exponential_ramp(1e-6, 10, 100)
    assert suggest(lrs, np.linspace(1, 4, 100))["minimum/3"] is None


# --- parameter groups, loaders, errors


def test_groups_keep_their_ratio():
    net = model(dropout_rate=0.0)
    first, last = net.net[0], net.net[-1]
    optimizer = torch.optim.SGD(
        [{"params": first.parameters(), "lr": 0.01}, {"params": last.parameters(), "lr": 0.1}]
    )
    seen = []

    class Spy(torch.optim.SGD):
        def step(self, closure=None):
            seen.append([group["lr"] for group in self.param_groups])
            return super().step(closure)

    optimizer.__class__ = Spy
    result = find_lr(net, optimizer, CRITERION, tensor_loader(), end_lr=1.0, num_steps=30)
    rates = np.array(seen)
    np.testing.assert_allclose(rates[:, 1], result.lrs[: len(rates)])
    np.testing.assert_allclose(rates[:, 0] / rates[:, 1], 0.1)


def test_a_short_loader_is_walked_again():
    batches = [tuple(t[:8] for t in examples().tensors)]
    net = model(dropout_rate=0.0, batch_norm=False)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    assert len(find_lr(net, optimizer, CRITERION, batches, end_lr=0.1).losses) == 141
    assert list(endless([])) == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"start_lr": 0.0}, "0 < start_lr < end_lr, got start_lr=0.0"),
        ({"start_lr": 1.0, "end_lr": 0.1}, "0 < start_lr < end_lr"),
        ({"end_lr": math.inf}, "end_lr=inf"),
        ({"start_lr": math.nan}, "start_lr=nan"),
        ({"num_steps": 1}, "at least 2, to have both ends, got 1"),
        ({"beta": 1.0}, r"beta must be in \[0, 1\), got 1.0"),
        ({"diverge_factor": 1.0}, "above 1, got 1.0"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    net, optimizer = trained("SGD")
    with pytest.raises(ValueError, match=message):
        find_lr(net, optimizer, CRITERION, tensor_loader(), **settings)


def test_objects_that_do_not_belong_together_are_refused():
    net, optimizer = trained("SGD")
    batches = tensor_loader()
    with pytest.raises(ValueError, match="no parameter of this model"):
        find_lr(model(), optimizer, CRITERION, batches)
    with pytest.raises(ValueError, match="walked only once"):
        find_lr(net, optimizer, CRITERION, iter(batches))
    with pytest.raises(ValueError, match="empty"):
        find_lr(net, optimizer, CRITERION, [])
    with pytest.raises(ValueError, match="every rate of the optimizer is 0"):
        find_lr(net, torch.optim.SGD(net.parameters(), lr=0.0), CRITERION, batches)
    with pytest.raises(ValueError, match="first batch is not finite"):
        find_lr(net, optimizer, Spoiled(1, math.nan), batches)


# --- what is documented, from both sides


def falling(share: float) -> np.ndarray:
    """Smoothed losses that stay at 1 for 20 points and then fall by this share, one step at a time."""
    return np.concatenate([np.ones(20), np.linspace(1, 1 - share, 21)[1:]])


def test_a_curve_that_falls_by_less_than_flat_gives_no_suggestion_and_one_that_falls_by_it_does():
    assert FLAT == 0.02
    lrs = exponential_ramp(1e-6, 10, 40)
    assert set(suggest(lrs, falling(0.0199)).values()) == {None}
    rates = suggest(lrs, falling(0.0201))
    assert rates["minimum/3"] == pytest.approx(lrs[-1] / 3)
    assert None not in rates.values()


def test_the_drop_is_counted_from_the_median_of_the_first_15_points():
    smoothed = np.array([9.0] + [4.0] * 8 + [1.0] * 6 + [50.0] * 20 + [0.5])
    assert relative_drop(smoothed) == pytest.approx(3.5 / 4)
    smoothed[8] = 1.0  # now 4s and 1s are even, with the 9 on the side of the 4s
    assert relative_drop(smoothed) == pytest.approx(3.5 / 4)
    smoothed[7] = 1.0
    assert relative_drop(smoothed) == pytest.approx(0.5)
    assert relative_drop(np.array([8.0, 6.0, 2.0, 100.0, 100.0])) == pytest.approx(4 / 6), (
        "up to the minimum, where that comes earlier"
    )


def test_the_steepest_point_is_looked_for_from_the_sixteenth_point_to_the_one_before_the_minimum():
    assert SKIP == 15
    lrs = exponential_ramp(1e-6, 10, 30)
    for steepest, found in ((14, False), (15, True), (16, True)):
        slope = np.full(30, -0.1)
        slope[steepest] = -5
        smoothed = 100 + np.cumsum(slope)
        # np.gradient at i is the mean of the two steps beside it, so a step shows at i - 1 and i
        rate = steepest_rate(lrs, smoothed)
        assert (rate in (lrs[steepest - 1], lrs[steepest])) == found
    last = np.concatenate([np.linspace(10, 9, 20), [8.0, 1.0]])
    assert steepest_rate(exponential_ramp(1e-6, 10, 22), last) == pytest.approx(
        exponential_ramp(1e-6, 10, 22)[20]
    )


def test_recommended_is_a_third_of_the_minimum_and_the_defaults_are_those_documented():
    net = model(dropout_rate=0.0, batch_norm=False)
    batches = tensor_loader()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    result = find_lr(net, optimizer, CRITERION, batches)
    given = {"start_lr": 1e-6, "end_lr": 10.0, "num_steps": 141, "beta": 0.9, "diverge_factor": 4.0}
    assert_equal(vars(result), vars(find_lr(net, optimizer, CRITERION, batches, **given)))
    assert result.suggestion == result.suggestions["minimum/3"]
    minimum = result.lrs[result.smoothed.argmin()]
    assert result.suggestion == pytest.approx(minimum / 3)
    for name, other in {"start_lr": 1e-5, "end_lr": 5.0, "num_steps": 100, "beta": 0.8}.items():
        changed = find_lr(net, optimizer, CRITERION, batches, **given | {name: other})
        assert not np.array_equal(changed.smoothed, result.smoothed), name


def test_the_settings_reach_the_end_of_the_test():
    net = model(dropout_rate=0.0, batch_norm=False)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    options = {"end_lr": 1e3, "seed": 0}
    strict, lax = (
        find_lr(net, optimizer, CRITERION, tensor_loader(), diverge_factor=factor, **options)
        for factor in (1.5, 50.0)
    )
    assert strict.diverged
    assert len(strict.losses) < len(lax.losses)
    assert_equal(strict.losses, lax.losses[: len(strict.losses)])
    assert strict.smoothed[-1] > 1.5 * strict.smoothed.min()
    assert strict.smoothed[-2] <= 1.5 * strict.smoothed[:-1].min()


def test_a_test_that_ends_after_one_loss_suggests_nothing():
    net = model(dropout_rate=0.0, batch_norm=False)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    result = find_lr(net, optimizer, Spoiled(2, math.inf), tensor_loader())
    assert len(result.losses) == 1
    assert result.diverged
    assert result.suggestion is None


# --- models, optimizers and criteria of one's own


class Keeps(nn.Module):
    """A model that keeps its last output, in a list too, with the graph behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = model(dropout_rate=0.0)
        self.seen: dict = {}

    def forward(self, inputs):
        self.last = self.inner(inputs)
        self.seen["all"] = [self.last]
        return self.last


def test_a_model_that_keeps_its_output_is_tested_and_left_as_it_was():
    net, plain = Keeps(), model(dropout_rate=0.0)
    net(examples().tensors[0])
    plain(examples().tensors[0])
    kept = net.last
    tests = [
        find_lr(each, torch.optim.SGD(each.parameters(), lr=0.1), CRITERION, tensor_loader())
        for each in (net, plain)
    ]
    assert_equal(tests[0].losses, tests[1].losses)
    assert net.last is kept is net.seen["all"][0]
    assert kept.grad_fn is not None


class Slowed(torch.optim.SGD):
    """SGD with attributes of its own, one of which holds a parameter."""

    def __init__(self, net, lr) -> None:
        super().__init__(net.parameters(), lr=lr)
        self.share, self.last_layer = 0.5, net.net[-1].weight
        self.steps_done = [0]

    def step(self, closure=None):
        self.steps_done[0] += 1
        self.last_layer.grad.mul_(self.share)
        return super().step(closure)


def test_an_optimizer_with_attributes_of_its_own_is_copied_whole():
    net, by_hand = model(dropout_rate=0.0), model(dropout_rate=0.0)
    optimizer = Slowed(net, lr=0.1)
    torch.optim.lr_scheduler.StepLR(optimizer, 1)  # which replaces optimizer.step
    before = snapshot(net, optimizer, None)
    result = find_lr(net, optimizer, CRITERION, tensor_loader(), num_steps=20, end_lr=1.0)
    assert_equal(snapshot(net, optimizer, None), before)
    assert optimizer.steps_done == [0]
    plain = torch.optim.SGD(
        [{"params": by_hand.net[:-1].parameters()}, {"params": by_hand.net[-1].bias},
         {"params": by_hand.net[-1].weight, "lr": 0.05}], lr=0.1
    )  # fmt: skip
    expected = find_lr(by_hand, plain, CRITERION, tensor_loader(), num_steps=20, end_lr=1.0)
    np.testing.assert_allclose(result.losses, expected.losses, rtol=1e-5)


def test_what_cannot_be_copied_is_named():
    net = model()
    net.lock = threading.Lock()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with pytest.raises(ValueError, match=r"this MLP cannot be copied.*take off"):
        find_lr(net, optimizer, CRITERION, tensor_loader())
    del net.lock
    assert find_lr(net, optimizer, CRITERION, tensor_loader(), end_lr=0.1).suggestions


def test_rates_that_are_tensors_give_the_same_test():
    tests = []
    for lr in (0.1, torch.tensor(0.1)):
        net = model(dropout_rate=0.0)
        optimizer = torch.optim.SGD(net.parameters(), lr=lr)
        tests.append(find_lr(net, optimizer, CRITERION, tensor_loader()))
        assert float(optimizer.param_groups[0]["lr"]) == pytest.approx(0.1)
    np.testing.assert_allclose(tests[0].losses, tests[1].losses, rtol=1e-3)
    assert tests[0].suggestion == pytest.approx(tests[1].suggestion)


def test_a_frozen_group_stays_frozen():
    net = model(dropout_rate=0.0, batch_norm=False)
    groups = [
        {"params": net.net[0].parameters(), "lr": 0.0},
        {"params": net.net[-1].parameters(), "lr": 0.1},
    ]
    alone = torch.optim.SGD(net.net[-1].parameters(), lr=0.1)
    tests = [
        find_lr(net, optimizer, CRITERION, tensor_loader())
        for optimizer in (torch.optim.SGD(groups), alone)
    ]
    assert_equal(tests[0].losses, tests[1].losses)
    assert tests[0].suggestion is not None


def test_frozen_batch_norm_stays_frozen_as_in_training():
    frozen, thawed = model(dropout_rate=0.0), model(dropout_rate=0.0)
    frozen.net[1].eval()
    by_hand = copy.deepcopy(frozen)
    options = {"start_lr": 1e-9, "end_lr": 1e-8, "num_steps": 3}  # the weights hardly move
    for net, other in ((frozen, False), (thawed, True)):
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        batches = TensorLoader(examples(), 20)
        losses = find_lr(net, optimizer, CRITERION, batches, **options).losses
        with torch.no_grad():
            expected = [float(CRITERION(by_hand(x), y)) for x, y in batches]
        assert (not np.allclose(losses, expected, rtol=1e-4)) == other


def test_an_interruption_leaves_no_trace():
    net, optimizer = trained("Adam")
    loader = tensor_loader()
    before = snapshot(net, optimizer, loader)

    class Interrupted(Spoiled):
        def forward(self, logits, labels):
            super().forward(logits, labels)
            if self.calls == 7:
                raise KeyboardInterrupt
            return CRITERION(logits, labels)

    with pytest.raises(KeyboardInterrupt):
        find_lr(net, optimizer, Interrupted(0, None), loader)
    assert_equal(snapshot(net, optimizer, loader), before)


def half_foreign(net):
    return torch.optim.SGD([*net.net[0].parameters(), *model().parameters()], lr=0.1)


IGNORED = [(torch.zeros(4, 4), torch.zeros(4).long()), (torch.zeros(4, 4), torch.full((4,), -100))]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"optimizer": lambda net: torch.optim.LBFGS(net.parameters())}, "LBFGS needs a closure"),
        ({"optimizer": half_foreign}, "parameters that are not this model's"),
        ({"criterion": nn.CrossEntropyLoss(reduction="sum")}, "reduction='mean'"),
        ({"criterion": nn.CrossEntropyLoss(reduction="none")}, "reduction='mean'"),
        ({"criterion": lambda z, y: z.sum(1)}, r"shape \(8,\).*\.mean\(\)"),
        ({"loader": IGNORED}, "batch has no label that counts"),
        ({"loader": TensorLoader(examples(), 59)}, "one example.*drop_last=True"),
        (
            {"loader": [{"x": torch.zeros(2, 4), "y": torch.zeros(2)}]},
            "dict with the keys 'x', 'y'",
        ),
        ({"loader": DataLoader(examples(5), 8, drop_last=True)}, "loader is empty"),
    ],
)
def test_what_the_test_cannot_use_is_named(changes, message):
    net = model()
    given = {
        "optimizer": lambda net: torch.optim.SGD(net.parameters(), lr=0.1),
        "criterion": CRITERION,
        "loader": tensor_loader(),
    } | changes
    optimizer = given["optimizer"](net)
    with pytest.raises(ValueError, match=message):
        find_lr(net, optimizer, given["criterion"], given["loader"])


def test_the_advice_for_one_example_works():
    net = model()
    batches = TensorLoader(examples(), 59, drop_last=True)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    assert len(find_lr(net, optimizer, CRITERION, batches, end_lr=0.1).losses) == 141
