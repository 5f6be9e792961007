"""Means over examples: the same for every batch size, or refused by name."""

import functools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from course_utils.batches import batches_of
from course_utils.loader import TensorLoader
from course_utils.tally import Tally
from course_utils.training import evaluate, fit, predict, train_epoch

SIZE, CLASSES = 13, 3
GENERATOR = torch.Generator().manual_seed(0)
OUTPUTS = torch.randn(SIZE, CLASSES, generator=GENERATOR)
LABELS = torch.randint(0, CLASSES, (SIZE,), generator=GENERATOR)
SOME = LABELS.clone()
SOME[[0, 1, 5]] = -100
PADDED = torch.randint(0, CLASSES, (SIZE, 4), generator=GENERATOR)  # 0 is the padding
PADDED[3:6] = 0
SEQUENCES = torch.randn(SIZE, CLASSES, 4, generator=GENERATOR)
PROBS = torch.rand(SIZE, CLASSES, generator=GENERATOR).softmax(1)
BINARY = (torch.rand(SIZE, CLASSES, generator=GENERATOR) > 0.5).float()
COLUMN, HALF = OUTPUTS[:, :1], BINARY[:, :1]
WEIGHT = torch.tensor([0.1, 1.0, 5.0])


class Focal(nn.Module):
    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = reduction

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        each = F.cross_entropy(logits, labels, reduction="none")
        each = (1 - torch.exp(-each)) ** 2 * each
        return each.sum() if self.reduction == "sum" else each.mean()


class FocalInName(nn.CrossEntropyLoss):
    """A cross-entropy by inheritance alone; its weights lie inside the mean over examples."""

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        each = F.cross_entropy(logits, labels, weight=self.weight, reduction="none")
        return ((1 - torch.exp(-each)) ** 2 * each).mean()


def hits(outputs, labels, counted=...):
    return (outputs.argmax(1) == labels)[counted].double().mean().item()


def sides(outputs, labels):
    return ((outputs > 0) == (labels > 0.5)).double().mean().item()


def weighted(outputs, labels, **options):
    return F.cross_entropy(outputs, labels, weight=WEIGHT, **options)


#: criterion, outputs, labels, the mean loss and the accuracy of everything at once.
KINDS = {
    "plain": (nn.CrossEntropyLoss(), OUTPUTS, LABELS, F.cross_entropy, hits(OUTPUTS, LABELS)),
    "weights": (
        nn.CrossEntropyLoss(weight=WEIGHT),
        OUTPUTS,
        LABELS,
        weighted,
        hits(OUTPUTS, LABELS),
    ),
    "NLL weights": (
        nn.NLLLoss(weight=WEIGHT),
        OUTPUTS.log_softmax(1),
        LABELS,
        weighted,
        hits(OUTPUTS, LABELS),
    ),
    "weights, smoothed": (
        nn.CrossEntropyLoss(weight=WEIGHT, label_smoothing=0.2),
        OUTPUTS,
        LABELS,
        functools.partial(weighted, label_smoothing=0.2),
        hits(OUTPUTS, LABELS),
    ),
    "weights, ignored": (
        nn.CrossEntropyLoss(weight=WEIGHT),
        OUTPUTS,
        SOME,
        weighted,
        hits(OUTPUTS, SOME, SOME >= 0),
    ),
    "ignored": (
        nn.CrossEntropyLoss(),
        OUTPUTS,
        SOME,
        F.cross_entropy,
        hits(OUTPUTS, SOME, SOME >= 0),
    ),
    "a class ignored": (
        nn.CrossEntropyLoss(ignore_index=2),
        OUTPUTS,
        LABELS,
        functools.partial(F.cross_entropy, ignore_index=2),
        hits(OUTPUTS, LABELS, LABELS != 2),
    ),
    "sequences": (
        nn.CrossEntropyLoss(ignore_index=0),
        SEQUENCES,
        PADDED,
        functools.partial(F.cross_entropy, ignore_index=0),
        hits(SEQUENCES, PADDED, PADDED != 0),
    ),
    "sum": (
        nn.CrossEntropyLoss(weight=WEIGHT, reduction="sum"),
        OUTPUTS,
        SOME,
        weighted,
        hits(OUTPUTS, SOME, SOME >= 0),
    ),
    "probabilities": (
        nn.CrossEntropyLoss(weight=WEIGHT),
        OUTPUTS,
        PROBS,
        weighted,
        hits(OUTPUTS, PROBS.argmax(1)),
    ),
    "probabilities, sum": (
        nn.CrossEntropyLoss(reduction="sum"),
        OUTPUTS,
        PROBS,
        F.cross_entropy,
        hits(OUTPUTS, PROBS.argmax(1)),
    ),
    "probabilities in sequences, sum": (
        nn.CrossEntropyLoss(reduction="sum"),
        SEQUENCES,
        SEQUENCES.softmax(1),
        lambda outputs, labels: F.cross_entropy(outputs.mT.flatten(0, 1), labels.mT.flatten(0, 1)),
        1.0,
    ),
    "function": (F.cross_entropy, OUTPUTS, SOME, F.cross_entropy, hits(OUTPUTS, SOME, SOME >= 0)),
    "partial": (
        functools.partial(F.cross_entropy, weight=WEIGHT, ignore_index=1),
        OUTPUTS,
        LABELS,
        functools.partial(weighted, ignore_index=1),
        hits(OUTPUTS, LABELS, LABELS != 1),
    ),
    "lambda": (
        lambda outputs, labels: F.cross_entropy(2 * outputs, labels),
        OUTPUTS,
        SOME,
        lambda outputs, labels: F.cross_entropy(2 * outputs, labels),
        hits(OUTPUTS, SOME, SOME >= 0),
    ),
    "own module": (Focal(), OUTPUTS, LABELS, Focal(), hits(OUTPUTS, LABELS)),
    "own module, sum": (Focal("sum"), OUTPUTS, LABELS, Focal(), hits(OUTPUTS, LABELS)),
    "own in all but name": (
        FocalInName(weight=WEIGHT),
        OUTPUTS,
        LABELS,
        FocalInName(weight=WEIGHT),
        hits(OUTPUTS, LABELS),
    ),
    "partial of a module": (
        functools.partial(nn.CrossEntropyLoss(weight=WEIGHT, ignore_index=1)),
        OUTPUTS,
        LABELS,
        functools.partial(weighted, ignore_index=1),
        hits(OUTPUTS, LABELS, LABELS != 1),
    ),
    "weights, labels of bytes": (
        nn.CrossEntropyLoss(weight=WEIGHT),
        OUTPUTS,
        LABELS.byte(),
        lambda outputs, labels: weighted(outputs, labels.long()),
        hits(OUTPUTS, LABELS),
    ),
    "own sum, divided": (
        lambda outputs, labels: F.cross_entropy(outputs, labels, reduction="sum") / len(labels),
        OUTPUTS,
        LABELS,
        F.cross_entropy,
        hits(OUTPUTS, LABELS),
    ),
    "own sum of shares": (
        lambda outputs, labels: ((outputs - labels) ** 2 / outputs.shape[0]).sum(),
        COLUMN,
        HALF,
        F.mse_loss,
        math.nan,
    ),
    "own sum, times": (
        lambda outputs, labels: 0.5 * (outputs - labels).square().sum() * (1 / labels.numel()),
        COLUMN,
        HALF,
        lambda outputs, labels: F.mse_loss(outputs, labels) / 2,
        math.nan,
    ),
    "own mean and a penalty": (
        lambda outputs, labels: F.mse_loss(outputs, labels) + 0.1 * WEIGHT.square().sum(),
        COLUMN,
        HALF,
        lambda outputs, labels: F.mse_loss(outputs, labels) + 0.1 * WEIGHT.square().sum(),
        math.nan,
    ),
    "binary": (
        nn.BCEWithLogitsLoss(pos_weight=torch.tensor(3.0)),
        COLUMN,
        HALF,
        functools.partial(F.binary_cross_entropy_with_logits, pos_weight=torch.tensor(3.0)),
        sides(COLUMN, HALF),
    ),
    "several binary": (
        nn.BCEWithLogitsLoss(),
        OUTPUTS,
        BINARY,
        F.binary_cross_entropy_with_logits,
        sides(OUTPUTS, BINARY),
    ),
    "probability": (
        nn.BCELoss(),
        COLUMN.sigmoid(),
        HALF,
        F.binary_cross_entropy,
        sides(COLUMN, HALF),
    ),
    "MSE": (nn.MSELoss(), COLUMN, HALF, F.mse_loss, math.nan),
    "MSE of whole numbers": (F.mse_loss, COLUMN[:, 0], 1.0 * LABELS, F.mse_loss, math.nan),
    "L1, sum": (nn.L1Loss(reduction="sum"), OUTPUTS, BINARY, F.l1_loss, math.nan),
    "Huber": (nn.HuberLoss(), OUTPUTS, BINARY, F.huber_loss, math.nan),
    "own regression": (
        lambda outputs, labels: (outputs.squeeze(1) - labels).abs().mean(),
        COLUMN,
        HALF[:, 0],
        lambda outputs, labels: (outputs.squeeze(1) - labels).abs().mean(),
        math.nan,
    ),
}


@pytest.mark.parametrize("kind", list(KINDS))
@given(batch_size=st.integers(1, SIZE))
def test_means_are_those_of_everything_at_once_whatever_the_batch_size(kind, batch_size):
    criterion, outputs, labels, mean_loss, accuracy = KINDS[kind]
    loader = TensorLoader(TensorDataset(outputs, labels), batch_size)
    got_loss, got_accuracy = evaluate(nn.Identity(), loader, criterion, "cpu")
    at_once = (OUTPUTS, LABELS) if kind == "NLL weights" else (outputs, labels)
    assert got_loss == pytest.approx(float(mean_loss(*at_once)), rel=1e-5)
    assert got_accuracy == pytest.approx(accuracy, nan_ok=True)
    scale = nn.Linear(1, 1)
    still = torch.optim.SGD(scale.parameters(), lr=0.0)
    ready = nn.Sequential(Unchanged(scale))
    trained = train_epoch(ready, loader, criterion, still, "cpu")
    assert trained == pytest.approx((got_loss, got_accuracy), nan_ok=True)


class Unchanged(nn.Module):
    """Gives its inputs back, with a gradient for a layer beside them."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs + 0 * self.layer.weight.sum()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_losses_in_half_precision_add_up(dtype):
    tally = Tally(F.mse_loss)
    for _ in range(600):
        tally.loss(torch.full((200, 1), 1.5, dtype=dtype), torch.zeros(200, 1, dtype=dtype))
    assert tally.means()[0] == pytest.approx(2.25, rel=1e-6)


def test_a_loss_that_is_nan_stays_nan():
    tally = Tally(nn.CrossEntropyLoss())
    for outputs in (OUTPUTS, OUTPUTS * math.nan):
        tally.loss(outputs, LABELS)
    assert math.isnan(tally.means()[0])


def test_the_loss_is_the_criterions_and_its_gradient_passes():
    outputs = OUTPUTS.clone().requires_grad_()
    tally = Tally(nn.CrossEntropyLoss(weight=WEIGHT))
    loss = tally.loss(outputs, LABELS)
    assert torch.equal(loss, weighted(outputs, LABELS))
    (grad,) = torch.autograd.grad(loss, outputs)
    (expected,) = torch.autograd.grad(weighted(outputs, LABELS), outputs)
    assert torch.equal(grad, expected)
    assert not tally.losses[0].requires_grad


# --- refused by name

inner = nn.CrossEntropyLoss(weight=WEIGHT)
HIDDEN_WEIGHTS = "class weights.*that loss itself"
NO_DIVISION = r"without dividing by their number.*\.sum\(\) / len\(labels\)"


class Wrapped(nn.Module):
    def __init__(self, loss: nn.Module) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, outputs, labels):
        return self.loss(outputs, labels)


class Holder:
    """No module: an object that keeps its loss in a list."""

    def __init__(self, **options) -> None:
        self.losses = [nn.CrossEntropyLoss(**options)]

    def __call__(self, outputs, labels):
        return self.losses[0](outputs, labels)

    def judge(self, outputs, labels):
        return self(outputs, labels)


def through_a_helper(outputs, labels):
    return weighted(outputs, labels) + 0.0


def total_of_logs(outputs, labels):
    return -outputs.log_softmax(1)[range(len(labels)), labels].sum()


@pytest.mark.parametrize(
    ("criterion", "outputs", "labels", "message"),
    [
        (nn.MSELoss(reduction="none"), COLUMN, HALF, "reduction='mean'"),
        (functools.partial(F.mse_loss, reduction="none"), COLUMN, HALF, "reduction='mean'"),
        (Wrapped(inner), OUTPUTS, LABELS, HIDDEN_WEIGHTS),
        (lambda z, y: inner(z, y), OUTPUTS, LABELS, HIDDEN_WEIGHTS),
        (lambda z, y: F.cross_entropy(z, y, WEIGHT), OUTPUTS, LABELS, HIDDEN_WEIGHTS),
        (lambda z, y: F.cross_entropy(z, y, ignore_index=0), OUTPUTS, LABELS, HIDDEN_WEIGHTS),
        (through_a_helper, OUTPUTS, LABELS, HIDDEN_WEIGHTS),
        (functools.partial(through_a_helper), OUTPUTS, LABELS, HIDDEN_WEIGHTS),
        (inner.forward, OUTPUTS, LABELS, HIDDEN_WEIGHTS),
        (Holder(weight=WEIGHT), OUTPUTS, LABELS, HIDDEN_WEIGHTS),
        (Holder(ignore_index=2).judge, OUTPUTS, LABELS, HIDDEN_WEIGHTS),
        (Holder(reduction="sum"), OUTPUTS, LABELS, NO_DIVISION),
        (Wrapped(nn.MSELoss(reduction="sum")), COLUMN, HALF, NO_DIVISION),
        (lambda z, y: F.cross_entropy(z, y, reduction="sum"), OUTPUTS, LABELS, NO_DIVISION),
        (lambda z, y: 0.5 * ((z - y) ** 2).sum(), COLUMN, HALF, NO_DIVISION),
        (lambda z, y: torch.sum((z - y).abs()) / 64, COLUMN, HALF, NO_DIVISION),
        (total_of_logs, OUTPUTS, LABELS, NO_DIVISION),
        (Wrapped(nn.CrossEntropyLoss(ignore_index=0)), OUTPUTS, LABELS, "or an ignore_index"),
        (lambda z, y: (z[:, 0] - y) ** 2, OUTPUTS, HALF[:, 0], r"shape \(13,\).*\.mean\(\)"),
        (lambda z, y: 1.0, OUTPUTS, LABELS, r"got float; end it with \.mean\(\)"),
        (nn.CrossEntropyLoss(), OUTPUTS, LABELS[:, None], r"labels.squeeze\(1\)"),
        (nn.CrossEntropyLoss(), COLUMN, LABELS, "K > 1 classes.*BCEWithLogitsLoss"),
        (nn.CrossEntropyLoss(), OUTPUTS, BINARY.long(), "probabilities of the outputs' shape"),
        (nn.MSELoss(), COLUMN, HALF[:, 0], r"labels.unsqueeze\(1\)"),
        (nn.BCEWithLogitsLoss(), COLUMN[:, 0], HALF, r"\(13,\) and labels \(13, 1\)"),
        (nn.MSELoss(), OUTPUTS, LABELS, "must have the same shape"),
        (nn.CrossEntropyLoss(), OUTPUTS, LABELS.int(), r"torch\.int32; labels\.long\(\)"),
        (F.cross_entropy, OUTPUTS, 1.0 * LABELS, r"torch\.float32; labels\.long\(\)"),
        (nn.BCEWithLogitsLoss(), COLUMN, HALF.long(), r"torch\.int64; labels\.float\(\)"),
        (nn.BCELoss(), COLUMN.sigmoid(), HALF.bool(), r"torch\.bool; labels\.float\(\)"),
        (nn.CrossEntropyLoss, OUTPUTS, LABELS, "the class CrossEntropyLoss; build one, with paren"),
        ("mse", OUTPUTS, LABELS, "can be called, got 'mse'"),
    ],
)
def test_what_has_no_known_mean_is_refused(criterion, outputs, labels, message):
    with pytest.raises(ValueError, match=f"(?s){message}"):
        evaluate(nn.Identity(), [(outputs, labels)], criterion, "cpu")


def test_the_advice_works():
    for criterion, outputs, labels in [
        (nn.CrossEntropyLoss(), OUTPUTS, LABELS.int().long()),
        (nn.BCEWithLogitsLoss(), COLUMN, HALF.long().float()),
        (lambda z, y: ((z - y) ** 2).sum() / len(y), OUTPUTS, BINARY),
        (nn.CrossEntropyLoss(weight=WEIGHT, ignore_index=2), OUTPUTS, LABELS),
        (nn.CrossEntropyLoss(), OUTPUTS, LABELS[:, None].squeeze(1)),
        (nn.MSELoss(), COLUMN, HALF[:, 0].unsqueeze(1)),
        (nn.MSELoss(), COLUMN.squeeze(1), HALF[:, 0]),
        (lambda z, y: F.cross_entropy(z, y, WEIGHT, reduction="none").mean(), OUTPUTS, LABELS),
        (Wrapped(nn.CrossEntropyLoss()), OUTPUTS, LABELS),
    ]:
        whole, cut = (
            evaluate(
                nn.Identity(), TensorLoader(TensorDataset(outputs, labels), size), criterion, "cpu"
            )
            for size in (SIZE, 4)
        )
        assert whole == pytest.approx(cut, nan_ok=True)


def test_a_criterion_is_called_once_a_batch_and_hands_on_what_it_wrote_down():
    noted = []

    def criterion(outputs, labels):
        noted.append(len(labels))
        return (outputs - labels).abs().mean()

    evaluate(nn.Identity(), TensorLoader(TensorDataset(COLUMN, HALF), 5), criterion, "cpu")
    assert noted == [5, 5, 3]


def test_a_model_that_returns_more_than_a_tensor_is_named():
    with pytest.raises(ValueError, match=r"one tensor, got a tuple of 2 \(Tensor, NoneType\)"):
        Tally(F.cross_entropy).loss((OUTPUTS, None), LABELS)


# --- batches


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        ({"pixels": OUTPUTS, "label": LABELS}, "got a dict with the keys 'pixels', 'label'"),
        ((OUTPUTS, LABELS, LABELS), r"got a tuple of 3 \(Tensor, Tensor, Tensor\)"),
        ((OUTPUTS.numpy(), LABELS), r"got a tuple of 2 \(ndarray, Tensor\)"),
        (OUTPUTS, "got a Tensor"),
        ((OUTPUTS, LABELS[:-1]), "got 13 and 12 rows"),
        (TensorDataset(OUTPUTS, LABELS)[0], r"shapes \(3,\) and \(\); a dataset"),
    ],
)
@pytest.mark.parametrize("work", ["train_epoch", "evaluate", "predict", "fit"])
def test_batches_that_are_no_pairs_are_named(batch, message, work):
    net = nn.Linear(CLASSES, CLASSES)
    optimizer, criterion = torch.optim.SGD(net.parameters(), lr=0.1), nn.CrossEntropyLoss()
    calls = {
        "train_epoch": lambda: train_epoch(net, [batch], criterion, optimizer, "cpu"),
        "evaluate": lambda: evaluate(net, [batch], criterion, "cpu"),
        "predict": lambda: predict(net, [batch], "cpu"),
        "fit": lambda: fit(net, [batch], [batch], criterion, optimizer, epochs=1),
    }
    with pytest.raises(ValueError, match=message):
        calls[work]()


def test_the_advice_for_batches_works():
    dataset = [{"x": x, "y": y} for x, y in zip(OUTPUTS, LABELS, strict=True)]
    loader = DataLoader(dataset, 5)
    pairs = [(batch["x"], batch["y"]) for batch in loader]
    assert [len(labels) for _, labels in batches_of(pairs)] == [5, 5, 3]
    with pytest.raises(ValueError, match="loader is empty"):
        list(batches_of(iter([])))
