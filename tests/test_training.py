"""The training loop against loops and norms written out by hand."""

import copy
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.optim.lr_scheduler import LambdaLR, ReduceLROnPlateau, StepLR
from torch.utils.data import TensorDataset

from course_utils.data import TensorLoader
from course_utils.early_stopping import EarlyStopping
from course_utils.models import MLP
from course_utils.training import NonFiniteLossError, evaluate, fit, predict, train_epoch

CRITERION = nn.CrossEntropyLoss()


def examples(size: int = 23, seed: int = 0) -> TensorDataset:
    generator = torch.Generator().manual_seed(seed)
    return TensorDataset(
        torch.randn(size, 4, generator=generator), torch.randint(0, 3, (size,), generator=generator)
    )


def loader(size: int = 23, batch_size: int = 5) -> TensorLoader:
    return TensorLoader(examples(size), batch_size)


def shuffled(size: int = 23) -> TensorLoader:
    return TensorLoader(examples(size), 5, shuffle=True)


def model(**options) -> MLP:
    return MLP(4, [8], 3, **{"dropout_rate": 0.5, "batch_norm": True, "seed": 1, **options})


def sgd(net: nn.Module, lr: float = 0.1) -> torch.optim.SGD:
    return torch.optim.SGD(net.parameters(), lr=lr)


def assert_same_state(a: nn.Module, b: nn.Module) -> None:
    for (name, x), y in zip(a.state_dict().items(), b.state_dict().values(), strict=True):
        assert torch.equal(x, y), name


# --- evaluate, predict


@given(batch_size=st.integers(1, 30))
def test_evaluation_does_not_depend_on_the_batch_size(batch_size):
    net = model().eval()
    inputs, labels = examples().tensors
    with torch.no_grad():
        logits = net(inputs)
    loss, accuracy = evaluate(net, loader(batch_size=batch_size), CRITERION, "cpu")
    assert loss == pytest.approx(float(CRITERION(logits, labels)), rel=1e-5)
    assert accuracy == pytest.approx(float((logits.argmax(1) == labels).double().mean()))
    predicted = predict(net, loader(batch_size=batch_size), "cpu")
    torch.testing.assert_close(predicted, logits, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    "look",
    [
        lambda net: evaluate(net, loader(), CRITERION, "cpu"),
        lambda net: predict(net, loader(), "cpu"),
    ],
    ids=["evaluate", "predict"],
)
def test_looking_at_a_model_changes_neither_its_mode_nor_its_state(look, training):
    net = model().train(training)
    before = copy.deepcopy(net)
    state = torch.get_rng_state()
    look(net)
    assert {module.training for module in net.modules()} == {training}
    assert_same_state(net, before)
    assert all(p.grad is None for p in net.parameters())
    assert torch.equal(torch.get_rng_state(), state), "dropout was active"


# --- train_epoch


def plain_epoch(net, batches, lr):
    """The loop of a first course: (mean loss, accuracy) over examples, weights moved by SGD."""
    net.train()
    losses, hits = [], []
    for inputs, labels in batches:
        net.zero_grad()
        logits = net(inputs)
        each = nn.functional.cross_entropy(logits, labels, reduction="none")
        each.mean().backward()
        with torch.no_grad():
            for p in net.parameters():
                p -= lr * p.grad
        losses += each.tolist()
        hits += (logits.argmax(1) == labels).tolist()
    return sum(losses) / len(losses), sum(hits) / len(hits)


def test_epoch_is_a_plain_loop_over_batches():
    net, reference = model(dropout_rate=0.0), model(dropout_rate=0.0)
    net.eval()  # the epoch must switch it over by itself
    loss, accuracy = train_epoch(net, loader(), CRITERION, sgd(net), "cpu")
    expected_loss, expected_accuracy = plain_epoch(reference, loader(), 0.1)
    assert loss == pytest.approx(expected_loss, abs=1e-6)
    assert accuracy == pytest.approx(expected_accuracy, abs=1e-12)
    for p, q in zip(net.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=0, atol=1e-6)


def test_dropout_is_active_while_training():
    state = torch.get_rng_state()
    with torch.random.fork_rng():
        net = model()
        train_epoch(net, loader(), CRITERION, sgd(net), "cpu")
        assert not torch.equal(torch.get_rng_state(), state)


def test_before_step_comes_after_backward_and_before_the_weights_move():
    net = model()
    seen = []
    weight = net.net[0].weight

    def before_step(loss):
        expected = seen[-1][1] if seen else weight_at_start
        torch.testing.assert_close(weight.detach(), expected, rtol=0, atol=1e-7)
        assert float(weight.grad.abs().max()) > 0.01
        assert not loss.requires_grad
        with torch.no_grad():
            for p in net.parameters():
                p.grad.clamp_(-0.01, 0.01)  # clipping here must reach the step
        seen.append((float(loss), weight.detach() - 0.1 * weight.grad))

    weight_at_start = weight.detach().clone()
    loss, _ = train_epoch(net, loader(), CRITERION, sgd(net), "cpu", before_step)
    torch.testing.assert_close(weight.detach(), seen[-1][1], rtol=0, atol=1e-7)
    lengths = [5, 5, 5, 5, 3]
    weighted = sum(n * value for n, (value, _) in zip(lengths, seen, strict=True)) / 23
    assert loss == pytest.approx(weighted, abs=1e-6)


# --- fit


def test_history_has_one_number_an_epoch_and_agrees_with_a_last_evaluation():
    net = model()
    history = fit(net, shuffled(), loader(), CRITERION, sgd(net), epochs=3, seed=0)
    assert len(history) == 3
    assert {name: len(values) for name, values in vars(history).items()} == dict.fromkeys(
        ["train_loss", "train_accuracy", "val_loss", "val_accuracy", "learning_rate", "grad_norm"],
        3,
    )
    last = (history.val_loss[-1], history.val_accuracy[-1])
    assert last == evaluate(net, loader(), CRITERION, "cpu")


def test_fit_is_its_epochs_one_after_the_other():
    net, reference = model(dropout_rate=0.0), model(dropout_rate=0.0)
    history = fit(net, loader(), loader(), CRITERION, sgd(net), epochs=3)
    optimizer = sgd(reference)
    epochs = [train_epoch(reference, loader(), CRITERION, optimizer, "cpu") for _ in range(3)]
    assert list(zip(history.train_loss, history.train_accuracy, strict=True)) == epochs
    assert_same_state(net, reference)


def test_learning_rate_is_the_one_each_epoch_began_with():
    net = model()
    optimizer = sgd(net, lr=0.8)
    scheduler = StepLR(optimizer, step_size=2, gamma=0.5)
    history = fit(
        net, loader(), loader(), CRITERION, optimizer, epochs=5, scheduler=scheduler, seed=0
    )
    assert history.learning_rate == [0.8, 0.8, 0.4, 0.4, 0.2]


def test_plateau_scheduler_is_told_the_validation_loss():
    told = []

    class Spy(ReduceLROnPlateau):
        def step(self, metrics):
            told.append(metrics)
            super().step(metrics)

    net = model()
    optimizer = sgd(net, lr=0.4)
    scheduler = Spy(optimizer, factor=0.5, patience=0, threshold=1e9, threshold_mode="abs")
    history = fit(
        net, loader(), loader(8), CRITERION, optimizer, epochs=4, scheduler=scheduler, seed=0
    )
    assert told == history.val_loss
    assert history.learning_rate == [0.4, 0.4, 0.2, 0.1], "no epoch counts as better"


def test_grad_norm_is_the_mean_over_steps_of_the_global_norm():
    net, reference = model(dropout_rate=0.0), model(dropout_rate=0.0)
    history = fit(net, loader(), loader(), CRITERION, sgd(net), epochs=1)
    norms = []

    def record(loss):
        squares = [float((p.grad.double() ** 2).sum()) for p in reference.parameters()]
        norms.append(math.sqrt(sum(squares)))

    train_epoch(reference, loader(), CRITERION, sgd(reference), "cpu", record)
    assert history.grad_norm == [pytest.approx(sum(norms) / len(norms), rel=1e-5)]


def test_seed_repeats_dropout_and_order_and_leaves_the_global_generator_alone():
    def run(seed):
        net = model()
        return fit(net, shuffled(), loader(), CRITERION, sgd(net), epochs=2, seed=seed)

    state = torch.get_rng_state()
    first = run(7)
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(3)  # whatever the global generator did in between
    assert run(7) == first
    assert run(8) != first


def diverging(bad_epoch: int, bad_step: int, value: float):
    """A criterion whose loss is ``value`` at one step (both count from 1; 5 steps an epoch)."""
    steps = 0

    def criterion(logits, labels):
        nonlocal steps
        loss = CRITERION(logits, labels)
        if torch.is_grad_enabled():
            steps += 1
            if steps == 5 * (bad_epoch - 1) + bad_step:
                return loss * value
        return loss

    return criterion


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_loss_that_is_not_finite_names_epoch_and_step_and_keeps_what_came_before(value):
    net = model()
    with pytest.raises(NonFiniteLossError, match=r"step 4 of epoch 3.*learning rate") as caught:
        fit(net, loader(), loader(), diverging(3, 4, value), sgd(net), epochs=5, seed=0)
    error = caught.value
    assert (error.epoch, error.step) == (3, 4)
    undisturbed = model()
    expected = fit(undisturbed, loader(), loader(), CRITERION, sgd(undisturbed), epochs=2, seed=0)
    assert error.history == expected


def test_a_learning_rate_far_too_high_ends_in_that_error_not_in_nan_numbers():
    net = MLP(4, [8], 3, seed=0)
    with pytest.raises(NonFiniteLossError):
        fit(net, loader(), loader(), CRITERION, sgd(net, lr=1e30), epochs=5)


def test_scheduler_at_each_step_follows_the_step_of_the_optimizer():
    net, reference = model(dropout_rate=0.0), model(dropout_rate=0.0)
    optimizer = sgd(net, lr=1.0)
    scheduler = LambdaLR(optimizer, lambda step: 1 / (1 + step))
    options = {"scheduler": scheduler, "scheduler_interval": "step"}
    history = fit(net, loader(), loader(), CRITERION, optimizer, epochs=2, **options)
    assert history.learning_rate == [1.0, pytest.approx(1 / 6)], "five steps an epoch"
    by_hand = sgd(reference, lr=1.0)
    for step, (inputs, labels) in enumerate([*loader(), *loader()]):
        by_hand.param_groups[0]["lr"] = 1 / (1 + step)
        by_hand.zero_grad()
        CRITERION(reference(inputs), labels).backward()
        by_hand.step()
    assert_same_state(net, reference)
    optimizer.step()
    assert scheduler.last_epoch == 10, "after fit the optimizer no longer moves the scheduler"


@pytest.mark.parametrize("interval", ["batch", "step"])
def test_unusable_scheduler_interval_is_refused(interval):
    net = model()
    optimizer = sgd(net)
    options = {"scheduler": ReduceLROnPlateau(optimizer), "scheduler_interval": interval}
    with pytest.raises(ValueError, match=f"scheduler_interval must be.*'{interval}'"):
        fit(net, loader(), loader(), CRITERION, optimizer, epochs=1, **options)


def losses_go(*losses):
    """A criterion that ignores the model: the validation loss of each epoch in turn, and no gradient."""
    remaining = iter(losses)

    def criterion(logits, labels):
        if torch.is_grad_enabled():
            return 0 * logits.sum()
        return torch.tensor(next(remaining))

    return criterion


def test_early_stopping_is_told_the_validation_loss_and_ends_the_training():
    net, seen = model(), []
    early_stopping = EarlyStopping(patience=2)

    def mark(history):
        seen.append(len(history))
        with torch.no_grad():
            net.net[0].bias.fill_(len(history))  # after the snapshot, so the next one has it

    criterion = losses_go(3.0, 2.0, 2.5, 2.25, 1.0)
    options = {"early_stopping": early_stopping, "after_epoch": mark}
    history = fit(net, loader(), loader(23, 23), criterion, sgd(net), epochs=9, **options)
    assert history.val_loss == [3.0, 2.0, 2.5, 2.25]
    assert seen == [1, 2, 3, 4]
    assert early_stopping.best_epoch == 2
    assert net.net[0].bias[0].item() == 1.0, "the weights of the second epoch are back"


def test_early_stopping_restores_the_best_weights_at_the_last_epoch_too():
    net = model(dropout_rate=0.0)
    early_stopping = EarlyStopping(patience=9)
    options = {"early_stopping": early_stopping, "seed": 0}
    criterion = diverging_validation(CRITERION, from_epoch=3)
    history = fit(net, loader(), loader(23, 23), criterion, sgd(net), epochs=4, **options)
    reference = model(dropout_rate=0.0)
    fit(reference, loader(), loader(), CRITERION, sgd(reference), epochs=2, seed=0)
    assert len(history) == 4
    assert_same_state(net, reference)


def diverging_validation(criterion, from_epoch: int):
    """Its loss without gradients is 99 from this epoch on (one validation batch an epoch)."""
    epoch = 0

    def wrapped(logits, labels):
        nonlocal epoch
        if torch.is_grad_enabled():
            return criterion(logits, labels)
        epoch += 1
        return torch.tensor(99.0) if epoch >= from_epoch else criterion(logits, labels)

    return wrapped


def test_a_history_is_continued_and_epochs_count_it():
    net, whole = model(dropout_rate=0.0), model(dropout_rate=0.0)
    expected = fit(whole, loader(), loader(), CRITERION, sgd(whole), epochs=5)
    optimizer, numbers = sgd(net), []
    first = fit(net, loader(), loader(), CRITERION, optimizer, epochs=2)
    options = {"history": first, "after_epoch": lambda history: numbers.append(len(history))}
    history = fit(net, loader(), loader(), CRITERION, optimizer, epochs=5, **options)
    assert history == expected
    assert numbers == [3, 4, 5]
    assert_same_state(net, whole)
    assert fit(net, loader(), loader(), CRITERION, optimizer, epochs=5, history=history) == expected
    assert_same_state(net, whole)


@pytest.mark.parametrize("epochs", [0, -1])
def test_fewer_than_one_epoch_is_refused_before_anything_moves(epochs):
    net = model()
    before = copy.deepcopy(net)
    with pytest.raises(ValueError, match=f"at least 1, got {epochs}"):
        fit(net, loader(), loader(), CRITERION, sgd(net), epochs=epochs)
    assert_same_state(net, before)
