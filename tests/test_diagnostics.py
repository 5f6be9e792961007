"""The checks of the debugging clinic: silent on what is sound, right about what is not, and without a trace."""

import copy
import functools
import math
import random
import re
import threading
import time

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, TensorDataset

from course_utils import diagnostics
from course_utils.diagnostics import (
    check_curves,
    check_dead_units,
    check_evaluation,
    check_first_loss,
    check_gradient_flow,
    check_inputs,
    check_neighbours,
    check_speed,
    check_step,
    ordinary_step,
    overfit_one_batch,
    plot_gradient_flow,
)
from course_utils.language import set_language
from course_utils.loader import TensorLoader
from course_utils.models import MLP
from course_utils.training import evaluate as course_evaluate

CROSS_ENTROPY = nn.CrossEntropyLoss()
STEP = ordinary_step(CROSS_ENTROPY)


def images(count=90, num_classes=3, seed=0):
    """Small pictures (N, 1, 8, 8) with mean 0 and size 1, alike within a class, and their labels."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count)[torch.randperm(count, generator=generator)] % num_classes
    centers = torch.randn(num_classes, 1, 8, 8, generator=generator)
    pictures = centers[labels] + 1.5 * torch.randn(count, 1, 8, 8, generator=generator)
    return TensorDataset((pictures - pictures.mean()) / pictures.std(), labels)


LOADER = TensorLoader(images(), 30)


class SharedReLU(nn.Module):
    """One ReLU module for two layers of different width, as beginners (and ResNets) write it."""

    def __init__(self, num_classes=3):
        super().__init__()
        self.first, self.second = nn.Linear(64, 32), nn.Linear(32, 16)
        self.out, self.relu = nn.Linear(16, num_classes), nn.ReLU()

    def forward(self, x):
        x = self.relu(self.first(x.flatten(1)))
        return self.out(self.relu(self.second(x)))


def conv_net(num_classes=3, norm=False):
    norms = [nn.BatchNorm2d(8)] if norm else []
    layers = [nn.Conv2d(1, 8, 3), *norms, nn.ReLU(), nn.Dropout2d(0.2), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(8 * 36, num_classes))


MODELS = {
    "linear": lambda k: MLP(64, [], k),
    "mlp": lambda k: MLP(64, [32, 32], k),
    "dropout": lambda k: MLP(64, [64], k, dropout_rate=0.5),
    "batch_norm": lambda k: MLP(64, [32, 32], k, batch_norm=True, dropout_rate=0.2),
    "kaiming": lambda k: MLP(64, [32], k, initialization="kaiming"),
    "gelu": lambda k: MLP(64, [32], k, activation=nn.GELU),
    "conv": conv_net,
    "conv_norm": lambda k: conv_net(k, norm=True),
    "shared_relu": SharedReLU,
}


def make(kind="mlp", num_classes=3, seed=0):
    torch.manual_seed(seed)
    return MODELS[kind](num_classes)


def evaluate(model, loader):
    return course_evaluate(model, loader, CROSS_ENTROPY, "cpu")


def adam(model):
    return torch.optim.Adam(model.parameters(), lr=0.001)


def all_findings(model, loader, num_classes=3, optimizer=None):
    """Every check but speed and curves, which do not depend on these alone."""
    optimizer = optimizer or adam(model)
    return [
        check_inputs(loader, num_classes),
        check_neighbours(loader),
        check_first_loss(model, loader, CROSS_ENTROPY),
        overfit_one_batch(
            model, loader, CROSS_ENTROPY, optimizer=optimizer, step=STEP, num_steps=200
        ),
        check_gradient_flow(model, loader, CROSS_ENTROPY),
        check_dead_units(model, loader),
        check_step(STEP, model, loader, optimizer),
        check_evaluation(evaluate, model, loader),
    ]


# ---- healthy


@pytest.mark.parametrize("kind", MODELS)
def test_nothing_is_suspicious_about_a_sound_model(kind):
    for finding in all_findings(make(kind), LOADER):
        assert finding.ok, f"{kind}: {finding}"


@example(kind="kaiming", num_classes=5, batch_size=16, seed=249)  # starts 1.26 nats above ln 5
@settings(max_examples=12)
@given(
    kind=st.sampled_from(list(MODELS)),
    num_classes=st.integers(2, 6),
    batch_size=st.integers(16, 61).filter(lambda size: 90 % size != 1),
    seed=st.integers(0, 1000),
)
def test_nothing_is_suspicious_at_odd_batch_sizes(kind, num_classes, batch_size, seed):
    loader = TensorLoader(images(90, num_classes, seed), batch_size)
    for finding in all_findings(make(kind, num_classes, seed), loader, num_classes):
        assert finding.ok, str(finding)


def test_any_loader_of_pairs_will_do():
    data, model = images(), make()
    batches = [(data.tensors[0][i : i + 30], data.tensors[1][i : i + 30]) for i in (0, 30, 60)]
    answers = [
        [finding.values for finding in all_findings(model, loader)]
        for loader in (LOADER, DataLoader(data, 30), batches, [list(batch) for batch in batches])
    ]
    assert all(answer == answers[0] for answer in answers[1:])


def test_other_losses_and_outputs():
    inputs = torch.randn(64, 5)
    binary = [(inputs, (inputs[:, :1] > 0).float())]
    model = MLP(5, [64], 1, seed=0)
    assert check_first_loss(model, binary, nn.BCEWithLogitsLoss()).ok
    assert overfit_one_batch(model, binary, nn.BCEWithLogitsLoss(), num_steps=300).ok
    regression = [(inputs, inputs.sum(dim=1, keepdim=True))]
    assert overfit_one_batch(model, regression, nn.MSELoss(), num_steps=300).ok
    ids = [(torch.randint(0, 50, (40, 7)), torch.arange(40) % 4)]
    words = nn.Sequential(nn.Embedding(50, 32), nn.Flatten(), nn.Linear(7 * 32, 4))
    assert check_inputs(ids, 4).ok
    assert overfit_one_batch(words, ids, CROSS_ENTROPY).ok
    assert check_step(STEP, words, ids, torch.optim.Adam(words.parameters())).ok


# ---- data


def labelled(inputs, labels):
    return [(inputs, labels)]


X, Y = images(90).tensors


@pytest.mark.parametrize(
    "names, loader, num_classes",
    [
        ({"unscaled"}, labelled(255 * X, Y), 3),
        ({"unscaled"}, labelled(X / 1000, Y), 3),
        ({"unscaled"}, labelled(torch.randint(0, 256, X.shape, dtype=torch.uint8), Y), 3),
        ({"non_finite"}, labelled(torch.where(X > 2, torch.nan, X), Y), 3),
        ({"non_finite", "unscaled"}, labelled(torch.full_like(X, torch.nan), Y), 3),
        ({"labels_not_integers"}, labelled(X, Y.float()), 3),
        ({"label_shape"}, labelled(X, Y[:, None]), 3),
        ({"labels_out_of_range"}, labelled(X, Y + 1), 3),
        ({"labels_out_of_range"}, labelled(X, Y - 1), 3),
        ({"missing_class"}, labelled(X, Y), 4),
        ({"imbalanced"}, labelled(X, (torch.arange(90) < 9).long()), 2),
        ({"imbalanced", "missing_class"}, labelled(X, torch.zeros_like(Y)), 3),
        (set(), labelled(X, (torch.arange(90) < 30).long()), 2),
        (set(), labelled(X, X.flatten(1).mean(dim=1)), None),
    ],
)
def test_inputs(names, loader, num_classes):
    assert set(check_inputs(loader, num_classes).suspicions) == names


def test_inputs_are_described_in_numbers():
    values = check_inputs([(torch.tensor([[1.0, -3.0]]), torch.tensor([0]))]).values
    assert values == pytest.approx({"mean": -1, "std": 2, "low": -3, "high": 1, "size": 5**0.5})


def test_inputs_reads_no_more_than_it_is_told():
    loader = [(X[:30], Y[:30]), (1000 * X[:30], Y[:30])]
    assert check_inputs(loader, 3, max_batches=1).ok
    assert not check_inputs(loader, 3).ok


def test_neighbours_tells_shifted_and_shuffled_labels_from_sound_ones():
    order = torch.randperm(len(Y), generator=torch.Generator().manual_seed(0))
    for labels in (Y.roll(1), Y[order]):
        assert set(check_neighbours([(X, labels)]).suspicions) == {"unrelated"}
    assert check_neighbours([(X, Y)]).values["agreement"] > 0.9
    assert check_neighbours([(X, Y)]).values["chance"] == pytest.approx(1 / 3)
    assert check_neighbours([(X[i : i + 1], Y[i : i + 1]) for i in range(60)]).ok
    shifted = Y.roll(1)
    assert not check_neighbours([(X[:20], shifted[:20])]).ok
    assert check_neighbours([(X[:19], shifted[:19])]).ok  # too few to tell


# ---- model


def test_first_loss():
    def names(model, loader=LOADER, criterion=CROSS_ENTROPY):
        return set(check_first_loss(model, loader, criterion).suspicions)

    softmax = nn.Sequential(make(), nn.Softmax(dim=1))
    assert names(softmax) == {"probabilities"}
    assert names(softmax, criterion=nn.functional.cross_entropy) == {"probabilities"}
    log_loss = lambda probs, y: nn.functional.nll_loss(probs.log(), y)  # noqa: E731
    assert names(softmax, criterion=log_loss) == set()
    assert names(make(), [(300 * X, Y)]) == {"above_chance"}
    with torch.no_grad():
        loud, broken = make(), make()
        loud.net[-1].weight.mul_(100)
        broken.net[0].weight[0, 0] = torch.nan
    assert names(loud) == {"above_chance"}
    assert names(broken) == {"non_finite"}
    leak = torch.zeros(90, 64).scatter_(1, Y[:, None], 9.0)  # the answers stand in the inputs
    assert names(nn.Linear(64, 3), [(leak, Y)], lambda z, y: CROSS_ENTROPY(leak[:, :3], y)) == {
        "below_chance"
    }


def test_first_loss_weighs_examples_not_batches_and_ignores_dropout():
    model = make("dropout")
    finding = check_first_loss(model, [(X[:80], Y[:80]), (X[80:], Y[80:])], CROSS_ENTROPY)
    with torch.no_grad():
        expected = CROSS_ENTROPY(model.eval()(X), Y)
    assert finding.values["loss"] == pytest.approx(float(expected), rel=1e-5)
    assert finding.values["chance"] == pytest.approx(math.log(3))


@pytest.mark.parametrize(
    "names, model, options",
    [
        ({"not_memorized"}, nn.Sequential(make(), nn.Softmax(dim=1)), {}),
        ({"not_memorized"}, make(), {"optimizer": adam(make())}),
        ({"not_memorized"}, make(), {"lr": 1e-5}),
        ({"non_finite"}, make(), {"lr": 1e6}),
        ({"not_memorized"}, make(), {"step": lambda *args: torch.tensor(1.0)}),
    ],
    ids=["softmax twice", "another model's optimizer", "rate too low", "diverges", "no step"],
)
def test_one_batch_that_cannot_be_learned(names, model, options):
    if "lr" in options:
        options = {"optimizer": torch.optim.SGD(model.parameters(), lr=options["lr"])}
    assert set(overfit_one_batch(model, LOADER, CROSS_ENTROPY, **options).suspicions) == names


def test_one_batch_has_no_dropout_and_uses_the_first_examples():
    finding = overfit_one_batch(make("dropout"), LOADER, CROSS_ENTROPY, max_examples=8)
    assert finding.ok and finding.values["count"] == 8
    assert len(finding.values["losses"]) == finding.values["steps"] + 1


def dead_model():
    model = make()
    nn.init.constant_(model.net[0].bias, -100.0)
    return model


def test_gradient_flow():
    def names(model):
        return set(check_gradient_flow(model, LOADER, CROSS_ENTROPY).suspicions)

    class Detached(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.head = nn.Linear(64, 8), nn.Linear(8, 3)

        def forward(self, x):
            return self.head(self.body(x.flatten(1)).detach())

    deep = MLP(64, [32] * 8, 3, activation=nn.Sigmoid, seed=0)
    assert names(Detached()) == {"no_gradient"}
    assert names(dead_model()) == {"no_gradient"}
    assert names(deep) == {"vanishing"}
    with torch.no_grad():
        (broken := make()).net[0].weight[0, 0] = torch.inf
    assert names(broken) == {"non_finite"}


def test_gradient_flow_reports_the_norm_of_the_mean_gradient():
    model = make()
    norms = check_gradient_flow(model, [(X[:45], Y[:45]), (X[45:], Y[45:])], CROSS_ENTROPY).values[
        "norms"
    ]
    CROSS_ENTROPY(model(X), Y).backward()
    expected = {n: float(p.grad.norm()) for n, p in model.named_parameters() if p.ndim > 1}
    assert norms == pytest.approx(expected, rel=1e-4)


def test_the_plot_marks_what_has_no_gradient():
    figure = pytest.importorskip("matplotlib.figure").Figure()
    finding = check_gradient_flow(dead_model(), LOADER, CROSS_ENTROPY)
    ax = plot_gradient_flow(figure.subplots(), finding)
    line, crosses = ax.lines
    silent = [name for name, norm in finding.values["norms"].items() if norm == 0]
    assert list(crosses.get_xdata()) == silent and crosses.get_marker() == "X"
    assert len(line.get_xdata()) == 3 and ax.get_yscale() == "log"
    with pytest.raises(ValueError, match="a finding of check_gradient_flow is needed"):
        plot_gradient_flow(figure.subplots(), check_inputs(LOADER))


def test_dead_units_counts_units_over_all_examples():
    model = nn.Sequential(nn.Linear(2, 4, bias=False), nn.ReLU())
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[1.0, 0], [-1, 0], [0, -1], [0, -1]]))
    batches = [(torch.tensor([[1.0, 1.0]]), torch.tensor([0]))]
    finding = check_dead_units(model, batches)
    assert finding.values["dead"] == {"1": 0.75} and set(finding.suspicions) == {"dead_units"}
    batches.append((torch.tensor([[-1.0, 1.0]]), torch.tensor([0])))
    assert check_dead_units(model, batches).values["dead"] == {"1": 0.5}  # one unit only slept
    assert check_dead_units(model, batches).ok
    assert not check_dead_units(model, batches, max_batches=1).ok


def test_dead_units_of_channels_shared_modules_and_other_activations():
    model = conv_net()
    with torch.no_grad():
        model[0].bias[:6] = -1000.0
    assert check_dead_units(model, LOADER).values["dead"] == {"1": 0.75}
    shared = check_dead_units(SharedReLU(), LOADER)
    assert list(shared.values["dead"]) == ["relu", "relu (use 2)"]
    assert check_dead_units(make("gelu"), LOADER).values["dead"] == {}
    assert check_dead_units(nn.Sequential(nn.Linear(64, 8), nn.ReLU()), [(torch.full((2, 64), torch.nan), Y[:2])]).suspicions.keys() == {"non_finite"}  # fmt: skip


# ---- program


def no_zero_grad(model, optimizer, inputs, labels):
    loss = CROSS_ENTROPY(model(inputs), labels)
    loss.backward()
    optimizer.step()
    return loss.detach()


def clears_afterwards(model, optimizer, inputs, labels):
    loss = no_zero_grad(model, optimizer, inputs, labels)
    optimizer.zero_grad()
    return loss


@pytest.mark.parametrize("kind", ["mlp", "batch_norm", "conv", "dropout"])
@pytest.mark.parametrize(
    "names, step, lr",
    [
        (set(), clears_afterwards, 0.05),
        ({"gradients_pile_up"}, no_zero_grad, 0.005),
        ({"update_too_small"}, STEP, 1e-6),
        ({"update_too_large"}, STEP, 1.5),
    ],
)
def test_step(names, step, lr, kind):
    model = make(kind)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    assert set(check_step(step, model, LOADER, optimizer).suspicions) == names


def test_step_with_the_optimizer_of_another_model_or_of_a_part():
    model = make()
    finding = check_step(STEP, model, LOADER, adam(make()))
    assert set(finding.suspicions) == {"gradients_pile_up", "stands_still"}
    head_only = check_step(STEP, model, LOADER, adam(model.net[-1]))
    assert "net.0.weight" in str(head_only.suspicions["stands_still"])
    assert "net.4.weight" not in str(head_only.suspicions["stands_still"])
    diverging = check_step(STEP, model, LOADER, torch.optim.SGD(model.parameters(), lr=1e30))
    assert set(diverging.suspicions) == {"non_finite"}


def test_step_measures_how_far_a_weight_moves():
    model = nn.Linear(64, 3, bias=False)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    flat = [(X.flatten(1), Y)]
    values = check_step(STEP, model, flat, optimizer, num_steps=1).values
    CROSS_ENTROPY(model(X.flatten(1)), Y).backward()
    expected = 0.1 * float(model.weight.grad.norm() / model.weight.detach().norm())
    assert values["moves"] == {"weight": pytest.approx(expected, rel=1e-4)}
    assert values["ratio"] == pytest.approx(1)


def test_step_does_not_hold_a_last_layer_of_zeros_against_a_model():
    model = make("mlp")
    nn.init.zeros_(model.net[-1].weight)
    assert check_step(STEP, model, LOADER, adam(model)).ok


def test_evaluation():
    def no_eval(model, loader):
        with torch.no_grad():
            return float(CROSS_ENTROPY(model(X), Y))

    def steps(model, loader):
        model.eval()
        with torch.no_grad():
            next(model.parameters()).add_(0.1)
            return [float(CROSS_ENTROPY(model(X), Y))]

    def names(evaluation, kind):
        return set(check_evaluation(evaluation, make(kind), LOADER).suspicions)

    assert names(no_eval, "mlp") == {"training_mode"}
    assert names(no_eval, "dropout") == {"training_mode", "not_repeatable"}
    assert "changes_model" in names(no_eval, "conv_norm")
    assert names(steps, "mlp") == {"not_repeatable", "changes_model"}
    assert names(lambda model, _: model.eval()(X).sum(), "batch_norm") == set()
    not_a_number = lambda model, _: model.eval()(X).sum() * torch.nan  # noqa: E731
    assert names(not_a_number, "mlp") == set()


class SlowDataset(TensorDataset):
    def __getitem__(self, index):
        time.sleep(0.002)
        return super().__getitem__(index)


def test_speed():
    slow = DataLoader(SlowDataset(*images().tensors), 30)
    finding = check_speed(make(), slow, CROSS_ENTROPY, num_batches=4)
    assert "loader_slow" in finding.suspicions
    assert finding.values["fetch"] > 0.05

    class SlowModel(nn.Linear):
        def forward(self, x):
            time.sleep(0.02)
            return super().forward(x.flatten(1))

    finding = check_speed(SlowModel(64, 3), LOADER, CROSS_ENTROPY, num_batches=4)
    assert "loader_slow" not in finding.suspicions
    assert finding.values["compute"] > 0.015


@pytest.mark.parametrize(
    "names, train, val",
    [
        (set(), [2.0, 1.0, 0.5, 0.3], [2.1, 1.2, 0.8, 0.8]),
        (set(), [1.0, 0.3, 0.2, 0.2], [0.5, 0.2, 0.1, 0.1]),
        ({"overfitting"}, [2.0, 1.0, 0.5, 0.1], [2.1, 1.2, 1.5, 1.9]),
        ({"overfitting"}, [2.0, 1.0, 0.4, 0.2], [2.1, 1.2, 1.25, 1.3]),  # a small rise, a wide gap
        (set(), [2.0, 1.0, 0.8, 0.7], [2.1, 1.2, 1.25, 1.3]),  # the same rise, a narrow gap
        ({"not_falling"}, [2.3, 2.31, 2.29, 2.3], [2.3, 2.3, 2.3, 2.3]),
        ({"rising"}, [2.3, 2.0, 5.0, 9.0], [2.3, 2.0, 5.0, 9.0]),
        ({"non_finite"}, [2.3, 2.0, math.nan, math.nan], [2.3, 2.0, math.inf, math.nan]),
        ({"non_finite"}, [math.nan] * 3, [math.nan] * 3),
    ],
)
def test_curves(names, train, val):
    assert set(check_curves(train, val).suspicions) == names


@given(st.lists(st.floats(allow_nan=True), min_size=2, max_size=6))
def test_curves_never_stumble_and_name_what_is_not_finite(curve):
    finding = check_curves(curve, curve)
    assert ("non_finite" in finding.suspicions) == (not all(math.isfinite(x) for x in curve))
    assert str(finding)


# ---- just inside and just outside of what is documented


def constant(value):
    """A criterion that returns ``value`` whatever it is given."""
    return lambda outputs, labels: outputs.sum() * 0 + value


@pytest.mark.parametrize(
    "names, inputs",
    [
        ({"unscaled"}, [-0.099, 0.099]),
        (set(), [-0.101, 0.101]),
        (set(), [-9.9, 9.9]),
        ({"unscaled"}, [-10.1, 10.1]),
        ({"unscaled"}, [99.0, 101.0]),  # a deviation of 1 about a mean of 100
        (set(), [1.0, 1.0]),  # no deviation at all
    ],
)
def test_inputs_size_is_the_root_mean_square(names, inputs):
    assert set(check_inputs([(torch.tensor(inputs)[:, None], Y[:2])]).suspicions) == names


@pytest.mark.parametrize(
    "names, num_classes, most, count",
    [
        (set(), 2, 80, 100),
        ({"imbalanced"}, 2, 81, 100),
        (set(), 3, 66, 100),
        ({"imbalanced"}, 3, 67, 100),
        (set(), 10, 50, 100),
        ({"imbalanced"}, 10, 51, 100),
    ],
)
def test_inputs_of_which_one_class_makes_up_most(names, num_classes, most, count):
    others = torch.arange(count - most) % (num_classes - 1) + 1
    labels = torch.cat([torch.zeros(most, dtype=torch.int64), others])
    found = check_inputs([(torch.randn(count, 2), labels)], num_classes)
    assert set(found.suspicions) == names


@pytest.mark.parametrize("names, count", [(set(), 79), ({"missing_class"}, 80)])
def test_inputs_miss_a_class_from_20_labels_a_class_on(names, count):
    labels = torch.arange(count) % 3
    assert set(check_inputs([(torch.randn(count, 2), labels)], 4).suspicions) == names


def test_inputs_with_labels_that_do_not_count():
    ignoring = torch.where(torch.arange(90) % 4 == 0, -100, Y)
    assert check_inputs([(X, ignoring)], 3).ok
    assert set(check_inputs([(X, ignoring)], 3, ignore_index=0).suspicions) == {
        "labels_out_of_range"
    }
    assert check_inputs([(X, torch.where(ignoring < 0, 255, Y))], 3, ignore_index=255).ok
    assert set(check_inputs([(X, ignoring * 0 - 100)], 3).suspicions) == {"all_ignored"}
    assert set(check_inputs([(X, ignoring - 1)], 3).suspicions) == {"labels_out_of_range"}
    few = torch.where(torch.arange(90) < 60, -100, Y)  # 30 labels count: too few to miss a class
    assert check_inputs([(X, few)], 4).ok


def test_inputs_of_any_dtype_and_how_many_batches():
    for inputs in (X.bfloat16(), X.half(), X.double(), X > 0, torch.randint(0, 9, X.shape)):
        assert check_inputs([(inputs, Y)], 3).ok
        check_neighbours([(inputs, Y)])
    for labels in (Y.to(torch.uint8), Y.int(), Y.short()):
        assert check_inputs([(X, labels)], 3).ok
    loader = [(X[:30], Y[:30])] * 10 + [(X[:30], Y[:30] + 9)]
    assert check_inputs(loader, 3).ok and not check_inputs(loader, 3, max_batches=11).ok
    assert not check_inputs(loader, 3, max_batches=None).ok


@pytest.mark.parametrize("names, agreeing", [({"unrelated"}, 32), (set(), 33)])
def test_neighbours_agree_by_three_standard_errors_above_chance(names, agreeing):
    """Fifty pairs of neighbours, two classes: chance is 0.5 and its standard error 0.05."""
    pairs = torch.arange(50.0).repeat_interleave(2) * 10 + torch.arange(100) % 2
    first = torch.arange(50) % 2
    labels = torch.stack([first, torch.where(torch.arange(50) < agreeing, first, 1 - first)], dim=1)
    finding = check_neighbours([(pairs[:, None], labels.flatten())])
    assert finding.values["agreement"] == pytest.approx(agreeing / 50)
    assert set(finding.suspicions) == names


def test_neighbours_looks_at_500_examples_unless_told_otherwise():
    loader = [(torch.randn(300, 2), torch.arange(300) % 3)] * 3
    assert check_neighbours(loader).values["count"] == 500
    assert check_neighbours(loader, max_examples=20).values["count"] == 20


@pytest.mark.parametrize("tolerance", [2.0, 0.5])
@pytest.mark.parametrize(
    "names, share",
    [(set(), 0.99), ({"above_chance"}, 1.01), (set(), -0.49), ({"below_chance"}, -0.51)],
)
def test_first_loss_near_its_tolerance(names, share, tolerance):
    criterion = constant(math.log(3) + share * tolerance)
    options = {} if tolerance == 2 else {"tolerance": tolerance}
    assert set(check_first_loss(make(), LOADER, criterion, **options).suspicions) == names


@pytest.mark.parametrize(
    "dtype, total, are_probabilities",
    [
        (torch.float32, 1.0005, True),
        (torch.float32, 1.002, False),
        (torch.float32, 0.998, False),
        (torch.float64, 1.002, False),
        (torch.bfloat16, 1.0, True),
        (torch.bfloat16, 1.1, False),
        (torch.float16, 1.0, True),
    ],
)
def test_first_loss_knows_probabilities_by_their_sum(dtype, total, are_probabilities):
    outputs = (X.flatten(1)[:, :30].softmax(dim=1) * total).to(dtype)
    finding = check_first_loss(nn.Identity(), [(outputs, Y)], CROSS_ENTROPY)
    assert ("probabilities" in finding.suspicions) == are_probabilities
    outputs[3, 0] = -outputs[3, 0]  # as a logit may be
    assert (
        "probabilities"
        not in check_first_loss(nn.Identity(), [(outputs, Y)], CROSS_ENTROPY).suspicions
    )


def test_first_loss_counts_one_output_as_two_classes_and_reads_eight_batches():
    binary = [(X.flatten(1), (Y > 0).float()[:, None])]
    finding = check_first_loss(nn.Linear(64, 1), binary, nn.BCEWithLogitsLoss())
    assert finding.values["chance"] == pytest.approx(math.log(2)) and finding.ok
    loader, loud = [(X, Y)] * 8, (X * 1e4, Y)
    assert check_first_loss(make(), [*loader, loud], CROSS_ENTROPY).ok
    assert not check_first_loss(make(), [*loader[:7], loud], CROSS_ENTROPY).ok


@pytest.mark.parametrize(
    "criterion",
    [
        nn.CrossEntropyLoss(weight=torch.tensor([1.0, 10.0, 0.1])),
        nn.CrossEntropyLoss(ignore_index=1),
        nn.CrossEntropyLoss(weight=torch.tensor([1.0, 3.0, 0.0]), ignore_index=0),
        nn.CrossEntropyLoss(label_smoothing=0.1),
        lambda outputs, labels: CROSS_ENTROPY(outputs, labels),
    ],
)
@pytest.mark.parametrize("batch_size", [1, 7, 89, 90])
def test_first_loss_does_not_depend_on_the_batch_size(criterion, batch_size):
    model = make()
    loader = TensorLoader(images(), batch_size)
    finding = check_first_loss(model, loader, criterion, max_batches=None)
    assert finding.values["loss"] == pytest.approx(float(criterion(model(X), Y)), rel=1e-5)


SUMS = [
    nn.CrossEntropyLoss(reduction="sum"),
    functools.partial(nn.functional.cross_entropy, reduction="sum"),
    lambda outputs, labels: nn.functional.cross_entropy(outputs, labels, reduction="sum"),
]


@pytest.mark.parametrize("criterion", SUMS)
def test_first_loss_and_one_batch_refuse_a_sum_by_name_and_the_advice_works(criterion):
    for check in (check_first_loss, overfit_one_batch):
        with pytest.raises(ValueError, match=r"must return the mean loss of a batch.*sum"):
            check(make(), LOADER, criterion)
    divided = lambda outputs, labels: SUMS[0](outputs, labels) / len(labels)  # noqa: E731
    assert check_first_loss(make(), LOADER, divided).ok


@pytest.mark.parametrize(
    "names, first, last, labels",
    [
        (set(), 1.0, 0.099, Y),
        ({"not_memorized"}, 1.0, 0.101, Y),
        (set(), 100.0, 0.109, Y),  # a tenth of ln 3, which is less than the first loss
        ({"not_memorized"}, 100.0, 0.111, Y),
        (set(), 100.0, 9.9, Y.float()),
        ({"not_memorized"}, 100.0, 10.1, Y.float()),
    ],
)
def test_one_batch_leaves_a_tenth(names, first, last, labels):
    finding = overfit_one_batch(
        make(), [(X, labels)], constant(last), step=lambda *_: torch.tensor(first), num_steps=2
    )
    assert set(finding.suspicions) == names
    assert finding.values["count"] == 32 and finding.values["losses"] == pytest.approx(
        [first, first, last]
    )


@pytest.mark.parametrize("names, scale", [(set(), 0.0011), ({"vanishing"}, 0.0009)])
def test_gradient_flow_vanishes_below_a_thousandth(names, scale):
    class TwoParts(nn.Module):
        def __init__(self):
            super().__init__()
            self.loud, self.quiet = (nn.Linear(1, 1, bias=False) for _ in range(2))

        def forward(self, x):
            return self.loud(x) + scale * self.quiet(x)

    mean = lambda outputs, labels: outputs.mean()  # noqa: E731
    finding = check_gradient_flow(TwoParts(), [(torch.ones(4, 1), Y[:4])], mean)
    assert set(finding.suspicions) == names
    assert finding.values["norms"] == pytest.approx({"loud.weight": 1, "quiet.weight": scale})


def test_gradient_flow_is_a_mean_over_examples_of_four_batches_and_of_them_alone():
    model = make()
    batches = [(X[:50], Y[:50]), (X[50:], Y[50:])]
    CROSS_ENTROPY(model(X), Y).backward()
    expected = {n: float(p.grad.norm()) for n, p in model.named_parameters() if p.ndim > 1}
    for loader in (batches, [*batches, *batches, (X * 100, Y)]):
        norms = check_gradient_flow(model, loader, CROSS_ENTROPY).values[
            "norms"
        ]  # it has gradients
        assert norms == pytest.approx(expected, rel=1e-4)


def test_step_is_measured_without_the_gradients_that_the_model_comes_with():
    model, other = make(), make()
    CROSS_ENTROPY(100 * model(X), Y).backward()
    found = [check_step(no_zero_grad, m, LOADER, adam(m)).values for m in (model, other)]
    assert found[0] == found[1]


def test_gradient_flow_of_a_model_whose_copies_have_its_gradients():
    """torch's own copies have none; a model may be copied in a way of its own."""

    class Copied(nn.Linear):
        def __deepcopy__(self, memo):
            other = Copied(64, 3)
            other.load_state_dict(self.state_dict())
            other.weight.grad = None if self.weight.grad is None else self.weight.grad.clone()
            return other

    model, loader = Copied(64, 3), [(X.flatten(1), Y)]
    norms = [check_gradient_flow(model, loader, CROSS_ENTROPY).values["norms"]]
    model.weight.grad = torch.full_like(model.weight, 100)
    norms.append(check_gradient_flow(model, loader, CROSS_ENTROPY).values["norms"])
    assert norms[0] == norms[1]


def scaling_step(moves, ratio=1.0):
    """Each parameter grows by its share of its size in a step; every second gradient is ``ratio``."""
    calls = []

    def step(model, optimizer, inputs, labels):
        calls.append(1)
        for parameter, move in zip(model.parameters(), moves, strict=True):
            parameter.grad = torch.full_like(parameter, ratio if len(calls) == 2 else 1.0)
            parameter.data.mul_(1 + move)
        return torch.tensor(1.0)

    return step


@pytest.mark.parametrize(
    "names, moves, ratio",
    [
        (set(), [0.099, 0.001], 1.0),
        ({"update_too_large"}, [0.101, 0.001], 1.0),
        (set(), [1.1e-4, 1e-6], 1.0),
        ({"update_too_small"}, [0.9e-4, 1e-6], 1.0),
        ({"stands_still"}, [0.0, 0.001], 1.0),
        (set(), [0.001, 0.001], 1.009),
        (set(), [0.001, 0.001], 0.991),
        ({"gradients_pile_up"}, [0.001, 0.001], 1.011),
        ({"gradients_pile_up"}, [0.001, 0.001], 0.989),
    ],
)
def test_step_near_its_limits(names, moves, ratio):
    layers = [nn.Linear(3, 3, bias=False, dtype=torch.float64) for _ in moves]
    model = nn.Sequential(*layers)
    loader = [(torch.randn(4, 3), Y[:4])]
    finding = check_step(
        scaling_step(moves, ratio), model, loader, torch.optim.SGD(model.parameters())
    )
    assert set(finding.suspicions) == names
    assert list(finding.values["moves"].values()) == pytest.approx(moves, rel=1e-4, abs=1e-12)


class Clock:
    """A clock that goes on only when told."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        monkeypatch.setattr(time, "perf_counter", lambda: self.now)

    def timed(self, fetching, computing):
        """A loader and a model that take these seconds, batch by batch."""
        clock, seconds = self, iter(computing)

        class Loader(list):
            def __iter__(self):
                for batch, wait in zip(list.__iter__(self), fetching, strict=True):
                    clock.now += wait
                    yield batch

        class Model(nn.Linear):
            def forward(self, x):
                clock.now += next(seconds)
                return super().forward(x.flatten(1))

        return Model(64, 3), Loader([(X, Y)] * len(fetching))


@pytest.mark.parametrize("names, fetch", [(set(), 0.49), ({"loader_slow"}, 0.51)])
def test_speed_is_slow_if_more_than_half_is_waiting(monkeypatch, names, fetch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    clock = Clock(monkeypatch)
    monkeypatch.setattr(copy, "deepcopy", lambda whole, memo=None: whole)
    model, loader = clock.timed([fetch] * 20, [1 - fetch] * 20)
    finding = check_speed(model, loader, CROSS_ENTROPY)
    assert set(finding.suspicions) == names
    assert finding.values["share"] == pytest.approx(fetch)


def test_speed_is_the_lower_quartile_of_each(monkeypatch):
    clock = Clock(monkeypatch)
    monkeypatch.setattr(copy, "deepcopy", lambda whole, memo=None: whole)
    model, loader = clock.timed([8, 3, 6, 1, 7, 2, 5, 4], [10, 80, 30, 60, 40, 20, 70, 50])
    values = check_speed(model, loader, CROSS_ENTROPY, num_batches=8).values
    assert (values["fetch"], values["compute"]) == (3, 30)


def test_speed_says_that_a_gpu_is_idle(monkeypatch):
    clock = Clock(monkeypatch)
    monkeypatch.setattr(copy, "deepcopy", lambda whole, memo=None: whole)
    model, loader = clock.timed([1] * 4, [2] * 4)
    monkeypatch.setattr(
        "course_utils.diagnostics.program_checks.torch.cuda.is_available", lambda: True
    )
    assert set(check_speed(model, loader, CROSS_ENTROPY, num_batches=4).suspicions) == {
        "accelerator_idle"
    }


FLAT = [1.0, 1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    "names, train, val, start",
    [
        (set(), [1.0, 0.5, 0.5, 1.09], FLAT, None),
        ({"rising"}, [1.0, 0.5, 0.5, 1.11], FLAT, None),
        (set(), [1.0, 0.94, 1.0, 1.0], FLAT, None),  # it was lower once
        ({"not_falling"}, [1.0, 0.96, 1.0, 1.0], FLAT, None),
        (set(), [1.0, 0.9, 0.9, 0.9], FLAT, None),
        ({"not_falling"}, [1.0, 0.9, 0.9, 0.9], FLAT, 0.94),
        (set(), [1.0, 0.9, 0.9, 0.9], FLAT, 0.96),
        ({"rising"}, [1.0, 0.9, 0.9, 0.9], FLAT, 0.8),
        (set(), [1.0, 0.8, 0.7, 0.6], [1.0, 0.5, 0.56, 0.58], None),  # a rise of 14 %
        ({"overfitting"}, [1.0, 0.8, 0.7, 0.6], [1.0, 0.5, 0.57, 0.59], None),  # of 16 %
        (set(), [1.0, 0.8, 0.3, 0.1], [1.0, 0.5, 0.512, 0.517], None),  # of 2.9 %, a wide gap
        ({"overfitting"}, [1.0, 0.8, 0.3, 0.1], [1.0, 0.5, 0.513, 0.518], None),  # of 3.1 %
        (set(), [1.0, 0.8, 0.3, 0.28], [1.0, 0.5, 0.55, 0.55], None),  # 10 %, and less than twice
        ({"overfitting"}, [1.0, 0.8, 0.3, 0.27], [1.0, 0.5, 0.55, 0.55], None),  # more than twice
        (set(), [1.0, 0.3, 0.4, 0.4], [1.0, 0.5, 0.8, 0.8], None),  # training has risen as well
        (set(), [1.0, 0.8, 0.7, 0.6], [1.0, 0.5, 0.5, 0.6], None),  # one loss alone says little
        (set(), [-1.0, -2.0], [-1.0, -2.0], None),  # the loss of a density may be negative
    ],
)
def test_curves_near_their_limits(names, train, val, start):
    assert set(check_curves(train, val, start).suspicions) == names


def test_curves_are_described_in_numbers():
    values = check_curves([1.0, 0.4, 0.5], [1.0, 0.5, 0.7]).values
    assert values == pytest.approx({"train": 0.4, "best": 0.5, "last": 0.6, "rise": 0.2})


# ---- without a trace


def snapshot(model, optimizer, loaders):
    tensors = [t.clone() for t in model.state_dict().values()]
    tensors += [torch.zeros(0) if p.grad is None else p.grad.clone() for p in model.parameters()]
    for state in optimizer.state_dict()["state"].values():
        tensors += [v.clone() if torch.is_tensor(v) else torch.tensor(v) for v in state.values()]
    tensors += [torch.get_rng_state(), *(loader.generator.get_state() for loader in loaders)]
    attributes = [
        (module.training, len(module._forward_hooks), len(module._forward_pre_hooks))
        for module in model.modules()
    ]
    numpy_state = np.random.get_state()[1].tolist()  # noqa: NPY002
    rates = [getattr(module, "p", None) for module in model.modules()]
    groups = [group["lr"] for group in optimizer.param_groups]
    return tensors, (attributes, numpy_state, random.getstate(), rates, groups)


@pytest.mark.parametrize("kind", ["mlp", "dropout", "batch_norm", "conv_norm"])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("fails", [True, False])
def test_nothing_is_changed_to_the_last_bit(kind, training, fails):
    model = make(kind)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    loader = TensorLoader(images(), 31, shuffle=True, generator=torch.Generator().manual_seed(3))
    order = RandomSampler(range(90), generator=torch.Generator().manual_seed(4))
    sampled = DataLoader(images(), batch_sampler=BatchSampler(order, 30, drop_last=False))
    next(iter(loader))
    STEP(model, optimizer, X, Y)
    model.train(training)
    model.net[0].train(not training) if kind == "mlp" else None  # a mixed mode, as when fine-tuning
    owners = [loader, order]
    tensors, rest = snapshot(model, optimizer, owners)

    calls = 0

    def criterion(logits, labels):
        nonlocal calls
        calls += 1
        if fails and calls % 2 == 0:
            raise KeyError
        return CROSS_ENTROPY(logits, labels)

    step = ordinary_step(criterion)
    for batches in (loader, sampled):
        for check in (
            lambda b=batches: check_inputs(b, 3),
            lambda b=batches: check_neighbours(b),
            lambda b=batches: check_first_loss(model, b, criterion),
            lambda b=batches: overfit_one_batch(model, b, criterion, optimizer=optimizer),
            lambda b=batches: overfit_one_batch(model, b, criterion, num_steps=5),
            lambda b=batches: check_gradient_flow(model, b, criterion),
            lambda b=batches: check_dead_units(model, b),
            lambda b=batches: check_step(step, model, b, optimizer),
            lambda b=batches: check_evaluation(evaluate, model, b),
            lambda b=batches: check_speed(model, b, criterion, num_batches=4),
        ):
            try:
                check()
            except KeyError:
                assert fails
    assert calls > 20
    tensors_after, rest_after = snapshot(model, optimizer, owners)
    assert rest_after == rest
    assert len(tensors) == len(tensors_after)
    for before, after in zip(tensors, tensors_after, strict=True):
        assert torch.equal(before, after)


def test_the_same_question_gets_the_same_answer():
    model = make("dropout")
    loader = TensorLoader(images(), 30, shuffle=True)
    first = [str(finding) for finding in all_findings(model, loader)]
    torch.rand(7)
    assert [str(finding) for finding in all_findings(model, loader)] == first


# ---- what is said


def test_a_finding_speaks_both_languages_and_leaves_no_gap(monkeypatch):
    monkeypatch.setattr("course_utils.language._current", "en")
    ill = nn.Sequential(dead_model(), nn.Softmax(dim=1))
    findings = [
        *all_findings(ill, [(255 * X, Y.roll(1))], optimizer=adam(make())),
        check_curves([1, 0.5, 0.1], [1, 2, 3]),
        check_inputs([(X, Y + 1)], 3),
        check_inputs([(X, Y[:, None])], 3),
    ]
    assert sum(not finding.ok for finding in findings) >= 8
    for finding in findings:
        set_language("en")
        english = str(finding)
        set_language("zh-TW")
        chinese = str(finding)
        assert english.startswith("✓" if finding.ok else "✗")
        assert english.count("→") == chinese.count("→") == len(finding.suspicions)
        assert re.search(r"[一-鿿]", chinese) and not re.search(r"[一-鿿]", english)
        assert not re.search(r"[{}]", english + chinese)
    assert "(N, 1)" in str(findings[-1])


# ---- bad questions

PAIRS = [(X, Y)]


@pytest.mark.parametrize(
    "ask, message",
    [
        (lambda: check_inputs([]), "the loader is empty"),
        (lambda: check_inputs(iter(PAIRS)), "can be walked only once"),
        (lambda: check_inputs(3), "must be iterable, got a int"),
        (lambda: check_inputs([X]), r"pair of tensors \(inputs, labels\), got a Tensor"),
        (
            lambda: check_inputs([(X, Y, Y)]),
            r"got a tuple of 3 \(Tensor, Tensor, Tensor\); make pairs",
        ),
        (lambda: check_inputs([{"x": X, "y": Y}]), "got a dict with the keys 'x', 'y'; make pairs"),
        (lambda: check_inputs(images()), "got a TensorDataset; give a DataLoader"),
        (lambda: check_inputs([(X[0], Y[0])]), "a dataset must be given in a DataLoader"),
        (lambda: check_inputs([(X[:0], Y[:0])]), "at least one example, got none"),
        (lambda: check_inputs([(X.numpy(), Y)]), r"got a tuple of 2 \(ndarray, Tensor\)"),
        (lambda: check_inputs([(X, Y[:5])]), "got 90 and 5 rows"),
        (lambda: check_inputs(PAIRS, 1), "num_classes must be at least 2, or None, got 1"),
        (lambda: check_inputs(PAIRS, max_batches=0), "max_batches must be at least 1, got 0"),
        (lambda: check_neighbours(PAIRS, max_examples=5), "max_examples must be at least 20"),
        (lambda: check_neighbours([(X, Y.float())]), "labels must be integers of shape"),
        (lambda: check_neighbours([(X[:2], Y[:2]), (X[:2, :, :3], Y[:2])]), "all of one shape"),
        (lambda: check_first_loss(make(), PAIRS, nn.MSELoss()), "cross-entropy only, not for MSE"),
        (lambda: check_first_loss(make(), PAIRS, CROSS_ENTROPY, tolerance=0), "above 0 nats"),
        (
            lambda: check_first_loss(make(), PAIRS, nn.CrossEntropyLoss(reduction="none")),
            r"one number \(reduction='mean'\), got \(90,\)",
        ),
        (lambda: overfit_one_batch(make(), PAIRS, CROSS_ENTROPY, num_steps=0), "at least 1, got 0"),
        (
            lambda: check_gradient_flow(make().requires_grad_(False), PAIRS, CROSS_ENTROPY),
            "no gradient reaches the loss",
        ),
        (lambda: check_step(STEP, make(), PAIRS, adam(make()), num_steps=0), "at least 1, got 0"),
        (
            lambda: check_evaluation(lambda m, b: evaluate(make(), b), make(), PAIRS),
            "must call the model that it is given",
        ),
        (
            lambda: check_evaluation(lambda m, b: {"loss": m(X).sum()}, make(), PAIRS),
            "evaluate must return numbers, got {'loss'",
        ),
        (lambda: check_speed(make(), PAIRS, CROSS_ENTROPY, num_batches=0), "at least 1, got 0"),
        (lambda: check_curves([1.0], [1.0]), "equal lengths of at least 2, got 1 and 1"),
        (lambda: check_curves([1.0, 2.0], [1.0]), "got 2 and 1"),
    ],
)
def test_a_bad_question_is_answered_by_what_was_wrong(ask, message):
    with pytest.raises(ValueError, match=message):
        ask()


def test_a_model_that_keeps_a_result_is_checked_and_keeps_it():
    model = make()
    model.last = model(X)  # a result with its graph
    kept = model.last
    assert str(check_dead_units(model, PAIRS)) == str(check_dead_units(make(), PAIRS))
    assert model.last is kept and kept.grad_fn is not None


def test_a_model_that_cannot_be_copied_is_named():
    model = make()
    for uncopyable in (threading.Lock(), (x for x in [1])):
        model.held = uncopyable
        with pytest.raises(ValueError, match=r"cannot be copied.*take off"):
            check_dead_units(model, PAIRS)
        del model.held
        assert check_dead_units(model, PAIRS).ok


def test_an_optimizer_with_attributes_of_its_own_is_copied_whole():
    class Clipped(torch.optim.SGD):
        def __init__(self, model, lr):
            super().__init__(model.parameters(), lr=lr)
            self.limit, self.model, self.taken = 0.1, model, [0]

        def step(self, closure=None):
            self.taken[0] += 1
            nn.utils.clip_grad_norm_(self.model.parameters(), self.limit)
            return super().step(closure)

    model = make()
    optimizer = Clipped(model, 0.5)
    torch.optim.lr_scheduler.StepLR(optimizer, 3)  # wraps the optimizer's step
    before = copy.deepcopy(model.state_dict())
    assert check_step(STEP, model, LOADER, optimizer).ok
    overfit_one_batch(model, LOADER, CROSS_ENTROPY, optimizer=optimizer, num_steps=3)
    assert optimizer.taken == [0] and optimizer.model is model
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_a_model_with_nothing_to_train_is_named_by_all_that_train():
    frozen = make().requires_grad_(False)
    for check in (
        lambda: overfit_one_batch(frozen, PAIRS, CROSS_ENTROPY),
        lambda: check_gradient_flow(frozen, PAIRS, CROSS_ENTROPY),
        lambda: check_speed(frozen, PAIRS, CROSS_ENTROPY),
    ):
        with pytest.raises(ValueError, match="no gradient reaches the loss"):
            check()
    frozen.net[-1].requires_grad_(True)
    assert check_gradient_flow(frozen, PAIRS, CROSS_ENTROPY).values["norms"].keys() == {
        "net.4.weight"
    }
    assert check_step(STEP, frozen, PAIRS, adam(frozen)).ok


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_gradients_are_on_wherever_a_check_is_called_from(mode):
    model = make()
    expected = [str(finding) for finding in all_findings(model, LOADER)]
    with mode():
        assert [str(finding) for finding in all_findings(model, LOADER)] == expected
        assert not torch.is_grad_enabled()


@pytest.mark.parametrize("fails", [False, True])
def test_what_tested_code_does_to_torchs_settings_is_put_back(fails):
    def spoil(*_):
        torch.set_grad_enabled(False)
        torch.set_num_threads(3)
        torch.set_default_dtype(torch.float64)
        torch.set_deterministic_debug_mode("error")
        if fails:
            raise KeyError
        return torch.tensor(1.0)

    def settings():
        return (
            torch.is_grad_enabled(),
            torch.get_num_threads(),
            torch.get_default_dtype(),
            torch.get_deterministic_debug_mode(),
        )

    before, model = settings(), make()
    spoiled_evaluation = lambda model, _: spoil(model(X))  # noqa: E731
    for check in (
        lambda: check_step(spoil, model, LOADER, adam(model)),
        lambda: check_evaluation(spoiled_evaluation, model, LOADER),
        lambda: overfit_one_batch(model, LOADER, CROSS_ENTROPY, step=spoil),
    ):
        try:
            check()
        except KeyError:
            assert fails
        assert settings() == before


def test_evaluation_of_a_model_with_extra_state():
    class Extra(nn.Linear):
        def get_extra_state(self):
            return {"calls": 3}

        def set_extra_state(self, state):
            pass

    assert check_evaluation(evaluate, Extra(64, 3), [(X.flatten(1), Y)]).ok


def test_a_model_of_bfloat16_is_examined_like_any_other():
    model, loader = make().bfloat16(), [(X.bfloat16(), Y)]
    assert check_first_loss(model, loader, CROSS_ENTROPY).ok
    assert check_gradient_flow(model, loader, CROSS_ENTROPY).ok
    assert check_dead_units(model, loader).ok
    assert check_evaluation(evaluate, model, loader).ok
    softmax = nn.Sequential(model, nn.Softmax(dim=1))
    assert set(check_first_loss(softmax, loader, CROSS_ENTROPY).suspicions) == {"probabilities"}


def test_a_loader_that_can_be_read_once_is_named():
    class Once:
        def __init__(self):
            self.batches = iter([(X, Y)])

        def __iter__(self):
            return self.batches

    with pytest.raises(ValueError, match="used up after one pass"):
        check_speed(make(), Once(), CROSS_ENTROPY, num_batches=3)


def test_batch_norm_on_one_example_says_what_to_do():
    loader = TensorLoader(images(31), 30)
    with pytest.raises(ValueError, match="batch of one example") as caught:
        check_gradient_flow(make("batch_norm"), loader, CROSS_ENTROPY)
    assert "drop_last=True" in str(caught.value)
    assert check_first_loss(make("batch_norm"), loader, CROSS_ENTROPY).ok


def test_the_front_lists_what_it_offers():
    assert sorted(diagnostics.__all__) == diagnostics.__all__
    assert all(getattr(diagnostics, name).__doc__ for name in diagnostics.__all__)


# --- mistakes that would change what is checked, or end in a bare error


def global_step(what):
    """A step as it stands in a notebook: one of its names is global."""
    net = MLP(64, [16], 3, seed=0)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, weight_decay=0.1)

    def step(model, given_optimizer, inputs, labels):
        loss = CROSS_ENTROPY((net if what == "model" else model)(inputs), labels)
        (optimizer if what == "optimizer" else given_optimizer).zero_grad()
        loss.backward()
        (optimizer if what == "optimizer" else given_optimizer).step()
        return loss.detach()

    return net, optimizer, step


@pytest.mark.parametrize("what", ["model", "optimizer"])
@pytest.mark.parametrize("check", [check_step, overfit_one_batch])
def test_a_step_that_uses_a_global_name_is_stopped_before_it_trains_that(what, check):
    net, optimizer, step = global_step(what)
    before = copy.deepcopy(net.state_dict())
    with pytest.raises(ValueError, match=r"by its global name.*step\(model, optimizer, inputs"):
        if check is check_step:
            check_step(step, net, LOADER, optimizer)
        else:
            overfit_one_batch(net, LOADER, CROSS_ENTROPY, optimizer=optimizer, step=step)
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert check_step(STEP, net, LOADER, optimizer).ok
    STEP(net, optimizer, *next(iter(LOADER)))  # both are of use again
    assert not torch.equal(before["net.0.weight"], net.net[0].weight)


def test_an_evaluation_that_uses_a_global_name_is_stopped():
    net = MLP(64, [16], 3, seed=0)
    with pytest.raises(ValueError, match="must call the model that it is given"):
        check_evaluation(
            lambda _, loader: course_evaluate(net, loader, CROSS_ENTROPY, "cpu"), net, LOADER
        )
    assert check_evaluation(
        lambda model, loader: course_evaluate(model, loader, CROSS_ENTROPY, "cpu"), net, LOADER
    ).ok


@pytest.mark.parametrize("count", [1, 2, 10])
def test_first_loss_of_binary_outputs_is_a_guess_between_two_for_each(count):
    net = nn.Linear(4, count)
    nn.init.zeros_(net.weight), nn.init.zeros_(net.bias)
    batch = torch.randn(20, 4), torch.ones(20, count)
    finding = check_first_loss(net, [batch], nn.BCEWithLogitsLoss())
    assert finding.ok
    assert finding.values["num_classes"] == 2
    assert finding.values["loss"] == pytest.approx(finding.values["chance"])


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_one_example_that_is_not_finite_does_not_hide_the_neighbours(bad):
    pictures, labels = images(90).tensors
    sound = check_neighbours([(pictures[1:], labels[1:])])
    pictures[0, 0, 0, 0] = bad
    finding = check_neighbours([(pictures, labels)])
    assert set(finding.suspicions) == {"non_finite"}
    assert finding.values == sound.values
    with pytest.raises(
        ValueError, match="got 1 of 90; look for NaN and infinity with check_inputs"
    ):
        check_neighbours([(torch.where(torch.arange(90) == 3, 1.0, bad)[:, None], labels)])


CHECKS_OF_A_MODEL = [check_first_loss, check_gradient_flow, overfit_one_batch, check_speed]


@pytest.mark.parametrize("check", CHECKS_OF_A_MODEL)
def test_a_model_of_two_outputs_and_a_loss_without_parentheses_are_named(check):
    class Pair(nn.Linear):
        def forward(self, inputs):
            return super().forward(inputs.flatten(1)), inputs

    with pytest.raises(ValueError, match=r"must return one tensor, got a tuple of 2"):
        check(Pair(64, 3), LOADER, CROSS_ENTROPY)
    with pytest.raises(ValueError, match="got the class CrossEntropyLoss; build one"):
        check(MLP(64, [], 3), LOADER, nn.CrossEntropyLoss)


def test_a_step_that_returns_nothing_is_named():
    with pytest.raises(ValueError, match=r"step must return the loss.*return loss\.detach"):
        overfit_one_batch(MLP(64, [], 3), LOADER, CROSS_ENTROPY, step=lambda *_: None)


def test_hooks_fire_on_the_copies_too():
    net, seen = MLP(64, [], 3), []
    net.register_forward_hook(lambda *_: seen.append(1))
    check_first_loss(net, LOADER, CROSS_ENTROPY)
    assert seen
