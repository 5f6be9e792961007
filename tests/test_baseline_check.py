"""The input-independent baseline: right about models that learn from their inputs, and those that cannot."""

import itertools
import math
from typing import ClassVar

import pytest
import torch
from test_diagnostics import CROSS_ENTROPY, MODELS, STEP, adam, global_step, images, make, snapshot
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from course_utils.diagnostics import check_baseline, ordinary_step
from course_utils.language import set_language
from course_utils.loader import TensorLoader
from course_utils.models import MLP

X, Y = images(180).tensors
TRAIN, VAL = TensorLoader(TensorDataset(X[:120], Y[:120]), 30), [(X[120:], Y[120:])]
SHIFTED = TensorLoader(TensorDataset(X[:120], Y[:120].roll(1)), 30)


def names(model, loader=TRAIN, val_loader=VAL, criterion=CROSS_ENTROPY, **options):
    return set(check_baseline(model, loader, val_loader, criterion, **options).suspicions)


@pytest.mark.parametrize("kind", MODELS)
def test_sound_models_learn_more_from_their_inputs_than_from_zeros(kind):
    assert names(make(kind)) == set()


@pytest.mark.parametrize("kind", ["linear", "mlp", "batch_norm", "conv", "conv_norm"])
def test_foreign_labels_are_found(kind):
    assert names(make(kind), SHIFTED) == {"no_better"}


def test_batch_norm_makes_nothing_of_zeros_even_after_many_steps_and_an_example_at_a_time():
    model, alone = make("batch_norm"), [(x[None], y[None]) for x, y in zip(*VAL[0], strict=True)]
    finding = check_baseline(model, TRAIN, alone, CROSS_ENTROPY, num_steps=300)
    assert finding.values["zeroed"] == pytest.approx(math.log(3), abs=0.05) and finding.ok


class Deaf(nn.Linear):
    """Its inputs never reach the outputs."""

    def forward(self, inputs):
        return super().forward(0 * inputs.flatten(1))


@pytest.mark.parametrize(
    "model, options",
    [
        (Deaf(64, 3), {}),
        (make(), {"optimizer": adam(make())}),
        (make(), {"step": lambda *_: torch.tensor(1.0)}),
        (make(), {"optimizer": "slow"}),
    ],
    ids=["inputs not used", "another model's optimizer", "no step", "rate too low"],
)
def test_a_model_that_does_not_learn_from_its_inputs_is_no_better(model, options):
    if options.get("optimizer") == "slow":
        options = {"optimizer": torch.optim.SGD(model.parameters(), lr=1e-7)}
    assert names(model, **options) == {"no_better"}


def test_a_run_that_diverges_is_not_finite():
    model = make()
    fast = torch.optim.SGD(model.parameters(), lr=1e8)
    assert names(model, optimizer=fast) == {"non_finite"}


def test_a_baseline_that_is_not_finite_holds_nothing_against_the_real_run():
    class Reciprocal(nn.Linear):
        def forward(self, inputs):
            return super().forward(1 / (inputs + 0.5 * inputs.sign()))

    inputs = torch.tensor([[1.0], [-1.0]]).repeat(20, 1)
    batches = [(inputs, (inputs[:, 0] > 0).long())]
    finding = check_baseline(Reciprocal(1, 2), batches, batches, CROSS_ENTROPY)
    assert finding.ok and math.isnan(finding.values["zeroed"])


def test_other_losses_and_inputs():
    inputs = torch.randn(1200, 5, generator=torch.Generator().manual_seed(1))
    order = torch.randperm(1200, generator=torch.Generator().manual_seed(2))

    def both(model, inputs, labels, criterion, **options):
        """With labels of its own, and with those of others."""
        pairs = [[(inputs[:800], y[:800])] for y in (labels, labels[order])]
        val = [(inputs[800:], labels[800:])]
        return [names(model, pair, val, criterion, num_steps=300, **options) for pair in pairs]

    expected = [set(), {"no_better"}]
    assert both(MLP(5, [], 1, seed=0), inputs, inputs[:, :1], nn.MSELoss()) == expected
    positive = (inputs[:, :1] > 0).float()
    assert both(MLP(5, [], 1, seed=0), inputs, positive, nn.BCEWithLogitsLoss()) == expected
    ids = torch.randint(0, 4, (1200, 1), generator=torch.Generator().manual_seed(3))
    words = nn.Sequential(nn.Embedding(4, 8), nn.Flatten(), nn.Linear(8, 4))
    assert both(words, ids, ids[:, 0], CROSS_ENTROPY) == expected
    log_loss = lambda outputs, labels: nn.functional.cross_entropy(outputs, labels)  # noqa: E731
    assert both(MLP(5, [], 2, seed=0), inputs, positive[:, 0].long(), log_loss) == expected


class Recorder(nn.Linear):
    """Keeps what its copies were given; a list of a module's own is copied, this one is not."""

    seen: ClassVar[list] = []

    def forward(self, inputs):
        Recorder.seen.append((self.training, bool((inputs == 0).all()), len(inputs)))
        return super().forward(inputs.flatten(1))


def test_both_runs_see_the_same_labels_in_the_same_order_and_one_of_them_zeros_alone():
    Recorder.seen, labels_seen = [], []
    loader = TensorLoader(
        TensorDataset(X[:75], Y[:75]), 30, shuffle=True, generator=torch.Generator().manual_seed(5)
    )

    def step(model, optimizer, inputs, labels):
        labels_seen.append(labels)
        return STEP(model, optimizer, inputs, labels)

    finding = check_baseline(Recorder(64, 3), loader, VAL, CROSS_ENTROPY, step=step, num_steps=5)
    assert finding.values["steps"] == 5 and len(labels_seen) == 10
    assert all(torch.equal(a, b) for a, b in zip(labels_seen[:5], labels_seen[5:], strict=True))
    training = [(True, 30), (True, 30), (True, 15), (True, 30), (True, 30), (False, 60)]
    assert [(mode, count) for mode, _, count in Recorder.seen] == 2 * training
    assert [is_zero for _, is_zero, _ in Recorder.seen] == [False] * 6 + [True] * 6


def test_both_runs_begin_with_the_same_weights_and_the_same_chance():
    losses = []

    def step(model, optimizer, inputs, labels):
        losses.append(STEP(model, optimizer, inputs, labels))
        return losses[-1]

    zeros = [(0 * X[:30], Y[:30])]
    finding = check_baseline(make("dropout"), zeros, zeros, CROSS_ENTROPY, step=step, num_steps=4)
    assert losses[:4] == losses[4:]
    assert finding.values["real"] == finding.values["zeroed"] and not finding.ok


def test_the_losses_are_means_over_the_examples_in_evaluation_mode():
    model = make("dropout")
    cut = [(X[120:127], Y[120:127]), (X[127:], Y[127:])]
    finding = check_baseline(model, TRAIN, cut, CROSS_ENTROPY, step=lambda *_: None)
    with torch.no_grad():
        expected = [CROSS_ENTROPY(model.eval()(x), Y[120:]) for x in (X[120:], 0 * X[120:])]
    found = finding.values["real"], finding.values["zeroed"]
    assert found == pytest.approx([float(loss) for loss in expected], rel=1e-5)


@pytest.mark.parametrize(
    "ok, real, zeroed, margin",
    [
        (True, 0.94, 1.0, 0.05),
        (False, 0.96, 1.0, 0.05),
        (True, 0.96, 1.0, 0.0),
        (False, 1.0, 1.0, 0.0),
        (False, 0.0, 0.0, 0.05),  # nothing was left to gain
        (True, -1.2, -1.0, 0.05),  # a likelihood may be above 1, and its loss below 0
        (False, -1.04, -1.0, 0.05),
    ],
)
def test_the_margin_is_a_share_of_the_baselines_loss(ok, real, zeroed, margin):
    class Known(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(1))

        def forward(self, inputs):
            value = real if inputs.any() else zeroed
            return value + 0 * self.weight * inputs[:, :1]

    batches = [(torch.ones(4, 1), torch.zeros(4, 1))]
    criterion = lambda outputs, labels: outputs.mean()  # noqa: E731
    finding = check_baseline(Known(), batches, batches, criterion, num_steps=1, margin=margin)
    assert finding.ok == ok


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_nothing_is_changed_to_the_last_bit(training, fails):
    model = make("batch_norm")
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    loaders = [
        TensorLoader(images(), 31, shuffle=True, generator=torch.Generator().manual_seed(seed))
        for seed in (3, 4)
    ]
    STEP(model, optimizer, X, Y)
    model.train(training)
    tensors, rest = snapshot(model, optimizer, loaders)
    calls = itertools.count()

    def criterion(logits, labels):
        if fails and next(calls) == 7:
            raise KeyError
        return CROSS_ENTROPY(logits, labels)

    try:
        check_baseline(model, *loaders, criterion, optimizer=optimizer, num_steps=5)
        check_baseline(model, *loaders, criterion, step=ordinary_step(criterion), num_steps=5)
    except KeyError:
        assert fails
    after, rest_after = snapshot(model, optimizer, loaders)
    assert rest_after == rest
    assert all(torch.equal(a, b) for a, b in zip(tensors, after, strict=True))


def test_it_answers_the_same_twice_with_any_loader_and_without_gradients():
    model = make("dropout")
    first = check_baseline(model, TRAIN, VAL, CROSS_ENTROPY, num_steps=9).values
    torch.rand(7)
    with torch.no_grad():
        assert check_baseline(model, TRAIN, VAL, CROSS_ENTROPY, num_steps=9).values == first
    first = check_baseline(make(), TRAIN, VAL, CROSS_ENTROPY, num_steps=9).values
    for loader in (DataLoader(TRAIN.dataset, 30), list(TRAIN)):
        assert check_baseline(make(), loader, VAL, CROSS_ENTROPY, num_steps=9).values == first


@pytest.mark.parametrize(
    "options, message",
    [
        ({"num_steps": 0}, "num_steps must be at least 1, got 0"),
        ({"margin": 1.0}, r"margin is a share of the baseline's loss in \[0, 1\), got 1.0"),
        ({"margin": -0.1}, "got -0.1"),
        ({"loader": []}, "the loader is empty"),
        ({"loader": iter(VAL)}, "the loader is a list_iterator that can be walked only once"),
        ({"val_loader": []}, "val_loader is empty"),
        ({"val_loader": (pair for pair in VAL)}, "val_loader is a generator that can be walked"),
        ({"val_loader": TRAIN.dataset}, "got a TensorDataset|got a tuple"),
        ({"criterion": nn.CrossEntropyLoss}, "got the class CrossEntropyLoss; build one"),
        ({"criterion": nn.CrossEntropyLoss(reduction="none")}, "reduction='none'|got \\(30,\\)"),
        ({"criterion": nn.CrossEntropyLoss(reduction="sum")}, "reduction='sum'"),
        ({"model": make().requires_grad_(False)}, "no gradient|parameter"),
    ],
)
def test_a_bad_question_is_answered_by_what_was_wrong(options, message):
    given = {"model": make(), "loader": TRAIN, "val_loader": VAL, "criterion": CROSS_ENTROPY}
    with pytest.raises(ValueError, match=message):
        check_baseline(**given | options)


@pytest.mark.parametrize("what", ["model", "optimizer"])
def test_a_step_that_uses_a_global_name_is_stopped(what):
    net, optimizer, step = global_step(what)
    with pytest.raises(ValueError, match="by its global name"):
        check_baseline(net, TRAIN, VAL, CROSS_ENTROPY, optimizer=optimizer, step=step)


@pytest.mark.usefixtures("english")
def test_a_finding_speaks_both_languages():
    finding = check_baseline(make(), SHIFTED, VAL, CROSS_ENTROPY)
    english = str(finding)
    set_language("zh-TW")
    chinese = str(finding)
    assert english.startswith("✗ baseline: validation loss after 100 steps")
    assert "how frequent each label is" in english and "標籤的比例" in chinese
