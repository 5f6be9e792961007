"""The checks of lesson 12: silent on what is sound, right about what is not, and without a trace."""

import copy
import math
import random
import re
import time

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, TensorDataset

from course_utils import diagnostics
from course_utils.data import TensorLoader
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
        (lambda: check_inputs(iter(PAIRS)), "more than once, got an iterator"),
        (lambda: check_inputs(3), "must be iterable, got int"),
        (lambda: check_inputs([X]), r"must be \(inputs, labels\), got Tensor"),
        (lambda: check_inputs([(X, Y, Y)]), "got tuple of 3"),
        (lambda: check_inputs([(X.numpy(), Y)]), "must be tensors, got ndarray and Tensor"),
        (lambda: check_inputs([(X, Y[:5])]), r"as many labels as inputs.*\(5,\)"),
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


def test_a_model_that_cannot_be_copied_is_named():
    model = make()
    model.last = model(X)  # a result with its graph
    with pytest.raises(ValueError, match="should keep it detached"):
        check_dead_units(model, PAIRS)
    model.last = copy.deepcopy(model.last.detach())
    assert check_dead_units(model, PAIRS).ok


def test_batch_norm_on_one_example_says_what_to_do():
    loader = TensorLoader(images(31), 30)
    with pytest.raises(ValueError, match="more than 1 value") as caught:
        check_gradient_flow(make("batch_norm"), loader, CROSS_ENTROPY)
    assert "drop_last=True" in caught.value.__notes__[0]
    assert check_first_loss(make("batch_norm"), loader, CROSS_ENTROPY).ok


def test_the_front_lists_what_it_offers():
    assert sorted(diagnostics.__all__) == diagnostics.__all__
    assert all(getattr(diagnostics, name).__doc__ for name in diagnostics.__all__)
