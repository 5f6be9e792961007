"""The range test leaves no trace, agrees with torch-lr-finder, and its rules keep what they promise."""

import copy
import math
import random
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from course_utils.data import TensorLoader
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
