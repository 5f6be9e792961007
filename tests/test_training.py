"""The training loop against loops and norms written out by hand."""

import copy
import math
import sys
import warnings
from contextlib import nullcontext
from types import SimpleNamespace
from typing import ClassVar

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from torch import nn
from torch.optim.lr_scheduler import (
    CyclicLR,
    LambdaLR,
    LinearLR,
    OneCycleLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)
from torch.utils.data import DataLoader, TensorDataset

from course_utils import batches, early_stopping, tally, training
from course_utils.early_stopping import EarlyStopping
from course_utils.failures import failures_explained
from course_utils.loader import TensorLoader
from course_utils.lr_finder import find_lr
from course_utils.models import MLP
from course_utils.plotting import plot_history
from course_utils.training import (
    History,
    NonFiniteLossError,
    evaluate,
    fit,
    predict,
    train_epoch,
)

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
    """A criterion whose loss is ``value`` at one step (both count from 1; 5 steps per epoch)."""
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
    assert history.learning_rate == [1.0, pytest.approx(1 / 6)], "five steps per epoch"
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
            return 0 * logits.mean()
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
    """Its loss without gradients is 99 from this epoch on (one validation batch per epoch)."""
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
    with pytest.warns(UserWarning, match="nothing is trained"):
        again = fit(net, loader(), loader(), CRITERION, optimizer, epochs=5, history=history)
    assert again == expected
    assert_same_state(net, whole)


@pytest.mark.parametrize("epochs", [0, -1, 3.0, "3", None])
def test_fewer_than_one_epoch_is_refused_before_anything_moves(epochs):
    net = model()
    before = copy.deepcopy(net)
    with pytest.raises(ValueError, match=f"at least 1, got {epochs!r}"):
        fit(net, loader(), loader(), CRITERION, sgd(net), epochs=epochs)
    assert_same_state(net, before)


# --- no work is lost

WATCHED = {module.__file__ for module in (batches, early_stopping, tally, training)}
PUTTING_BACK = {"_best_at_the_end", "restore", "modes_kept"}  # what a first Ctrl-C sets going


def lines_passed(run, stop_at: int = 0) -> list[tuple[str, int]]:
    """The lines of the library that ``run`` passes; line number ``stop_at`` is a Ctrl-C."""
    passed: list[tuple[str, int]] = []

    def trace(frame, event, _):
        code = frame.f_code
        if code.co_filename not in WATCHED or code.co_name in PUTTING_BACK:
            return None
        if event == "line":
            passed.append((code.co_filename, frame.f_lineno))
            if len(passed) == stop_at:
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        run()
    finally:
        sys.settrace(before)
    return passed


class Run:
    """Three epochs of a small network, each better on validation; ``states`` are its weights by epoch."""

    def __init__(self) -> None:
        self.net = model(dropout_rate=0.0)
        self.net.net[1].eval()
        self.early_stopping, self.history = EarlyStopping(patience=9), History()
        self.optimizer, self.states = sgd(self.net, lr=0.3), []
        self.scheduler = StepLR(self.optimizer, step_size=1, gamma=0.9)

    def __call__(self, epochs: int = 3) -> History:
        return fit(
            self.net,
            loader(10),
            loader(10),
            CRITERION,
            self.optimizer,
            epochs=epochs,
            scheduler=self.scheduler,
            early_stopping=self.early_stopping,
            history=self.history,
            after_epoch=lambda _: self.states.append(copy.deepcopy(self.net.state_dict())),
        )

    def check(self, undisturbed: "Run") -> None:
        """Whole epochs only, those of an undisturbed run, and the weights of the best one."""
        done = len(self.history)
        for name, values in vars(self.history).items():
            assert values == getattr(undisturbed.history, name)[:done], name
        assert self.early_stopping.epoch == self.early_stopping.best_epoch == done
        if done > 0:
            assert_same_values(self.net.state_dict(), undisturbed.states[done - 1])
        assert [m.training for m in self.net.modules()] == [m.training for m in Run().net.modules()]
        assert torch.is_grad_enabled()


def assert_same_values(a, b) -> None:
    assert all(torch.equal(value, b[name]) for name, value in a.items())


def test_an_interruption_at_any_line_leaves_whole_epochs_and_the_best_weights(monkeypatch):
    undisturbed = Run()
    passed = lines_passed(undisturbed)
    assert undisturbed.history.val_loss == sorted(undisturbed.history.val_loss, reverse=True)
    occurrences: dict[tuple[str, int], list[int]] = {}
    for number, line in enumerate(passed, start=1):
        occurrences.setdefault(line, []).append(number)
    stops = {numbers[len(numbers) // 2] for numbers in occurrences.values()}
    assert len(stops) > 100
    lengths = set()
    monkeypatch.setenv("COURSE_QUIET", "1")  # a hundred bars
    for stop_at in sorted(stops):
        run = Run()
        with pytest.raises(KeyboardInterrupt):
            lines_passed(run, stop_at)
        run.check(undisturbed)
        lengths.add(len(run.history))
    assert lengths == {0, 1, 2, 3}


class Spoiled:
    """Whatever ``inner`` is (a loader or a function), it raises ``error`` at its call number ``at``."""

    def __init__(self, inner, at: int, error: BaseException) -> None:
        self.inner, self.at, self.error, self.calls = inner, at, error, 0

    def count(self) -> None:
        self.calls += 1
        if self.calls == self.at:
            raise self.error

    def __call__(self, *inputs):
        self.count()
        return self.inner(*inputs)

    def __iter__(self):
        for batch in self.inner:
            self.count()
            yield batch


#: Where it goes wrong -> at which call, and how many epochs are whole then (2 batches a pass).
FAULTS = {
    "training loader": (6, 2),
    "validation loader": (5, 2),
    "criterion": (7, 1),
    "scheduler": (2, 2),
    "snapshot": (2, 2),
    "after_epoch": (2, 2),
}


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("disk full")], ids=repr)
@pytest.mark.parametrize("place", list(FAULTS))
def test_fit_that_ends_early_can_be_gone_on_with(place, error, monkeypatch):
    at, whole = FAULTS[place]
    undisturbed, run = Run(), Run()
    undisturbed()
    parts = {"training loader": loader(10), "validation loader": loader(10), "criterion": CRITERION}
    parts["after_epoch"] = lambda _: None
    if place == "scheduler":
        monkeypatch.setattr(run.scheduler, "step", Spoiled(run.scheduler.step, at, error))
    elif place == "snapshot":
        spoiled = Spoiled(copy.deepcopy, at, error)
        monkeypatch.setattr("course_utils.early_stopping.copy", SimpleNamespace(deepcopy=spoiled))
    else:
        parts[place] = Spoiled(parts[place], at, error)
    loaders = parts["training loader"], parts["validation loader"], parts["criterion"]
    options = {"scheduler": run.scheduler, "early_stopping": run.early_stopping}
    options |= {"history": run.history, "after_epoch": parts["after_epoch"]}
    with pytest.raises(type(error)) as caught:
        fit(run.net, *loaders, run.optimizer, epochs=3, **options)
    assert caught.value is error
    assert len(run.history) == whole
    run.check(undisturbed)
    plot_history(Figure().subplots(), [run.history], "loss")
    assert run() is run.history
    assert {len(values) for values in vars(run.history).values()} == {3}


def test_a_loss_that_is_not_finite_leaves_the_best_weights_and_the_callers_history():
    net, history = model(dropout_rate=0.0), History()
    options = {"early_stopping": EarlyStopping(patience=9), "history": history}
    with pytest.raises(NonFiniteLossError) as caught:
        fit(net, loader(), loader(), diverging(3, 4, math.nan), sgd(net), epochs=5, **options)
    assert caught.value.history is history
    assert len(history) == 2
    assert options["early_stopping"].best_epoch == 2
    assert evaluate(net, loader(), CRITERION, "cpu")[0] == history.val_loss[-1]


def test_weights_that_become_nan_after_the_best_epoch_are_put_back():
    net = model(dropout_rate=0.0)

    def spoil(history):
        if len(history) == 2:
            net.net[0].weight.data.fill_(math.nan)

    options = {"early_stopping": EarlyStopping(patience=9), "after_epoch": spoil}
    with pytest.raises(NonFiniteLossError):
        fit(net, loader(), loader(), CRITERION, sgd(net), epochs=5, **options)
    assert all(value.isfinite().all() for value in net.state_dict().values())


def test_validation_that_is_nan_throughout_keeps_history_and_last_weights_and_is_told():
    net, reference, history = model(dropout_rate=0.0), model(dropout_rate=0.0), History()
    inputs, labels = examples().tensors
    spoiled = [(inputs * math.nan, labels)]
    options = {"early_stopping": EarlyStopping(patience=2), "history": history}
    with pytest.warns(UserWarning, match="none of 2 validation losses was a finite number") as told:
        fit(net, loader(), spoiled, CRITERION, sgd(net), epochs=9, **options)
    assert [warning.filename for warning in told if warning.category is UserWarning] == [__file__]
    assert len(history) == 2
    assert all(math.isnan(loss) for loss in history.val_loss)
    fit(reference, loader(), loader(), CRITERION, sgd(reference), epochs=2)
    assert_same_state(net, reference)


def test_the_first_error_is_not_hidden_if_there_are_no_best_weights():
    net, error = model(), RuntimeError("disk full")
    options = {"early_stopping": EarlyStopping(patience=2), "epochs": 2}
    with warnings.catch_warnings(), pytest.raises(RuntimeError) as caught:
        warnings.simplefilter("error", UserWarning)  # old versions of tqdm warn of what they use
        fit(net, Spoiled(loader(), 2, error), loader(), CRITERION, sgd(net), **options)
    assert caught.value is error


def test_a_history_with_lists_of_different_lengths_is_refused_and_the_advice_works():
    net = model()
    history = fit(net, loader(), loader(), CRITERION, sgd(net), epochs=2)
    history.learning_rate.append(0.1)  # as an interruption once left it
    with pytest.raises(ValueError, match=r"'learning_rate': 3.*cut each to its first 2"):
        fit(net, loader(), loader(), CRITERION, sgd(net), epochs=3, history=history)
    for name in vars(history):
        del getattr(history, name)[2:]
    assert len(fit(net, loader(), loader(), CRITERION, sgd(net), epochs=3, history=history)) == 3


# --- no silent wrong number


def test_rates_that_are_tensors_are_kept_as_numbers():
    net = model()
    optimizer = torch.optim.SGD(net.parameters(), lr=torch.tensor(0.5))
    scheduler = StepLR(optimizer, step_size=1, gamma=0.5)
    history = fit(net, loader(), loader(), CRITERION, optimizer, epochs=3, scheduler=scheduler)
    assert history.learning_rate == [0.5, 0.25, 0.125]
    assert {type(rate) for rate in history.learning_rate} == {float}


def halfway_replaced(net):
    optimizer = sgd(net)
    net.net[-1] = nn.Linear(8, 3)
    return optimizer


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda net: sgd(model()), "no parameter of this model.*from model.parameters"),
        (halfway_replaced, "trains 2 parameters that are not this model's.*layer replaced"),
        (lambda net: torch.optim.LBFGS(net.parameters()), "LBFGS needs a closure"),
    ],
    ids=["another model's", "a layer replaced", "LBFGS"],
)
def test_an_optimizer_that_cannot_train_this_model_is_refused_before_anything_moves(build, message):
    net = model()
    optimizer, before = build(net), copy.deepcopy(net)
    with pytest.raises(ValueError, match=message):
        fit(net, loader(), loader(), CRITERION, optimizer, epochs=1)
    assert_same_state(net, before)
    assert len(fit(net, loader(), loader(), CRITERION, sgd(net), epochs=1)) == 1


def test_the_scheduler_of_another_optimizer_is_refused():
    net = model()
    scheduler = StepLR(sgd(net), step_size=1)
    with pytest.raises(ValueError, match="drives another optimizer"):
        fit(net, loader(), loader(), CRITERION, sgd(net), epochs=1, scheduler=scheduler)


def test_a_scheduler_that_needs_arguments_is_refused_and_the_advice_works():
    class Needs(StepLR):
        told: ClassVar = []

        def step(self, loss=None, *args, **kwargs):
            super().step()

    class Demanding(Needs):
        def step(self, loss):
            self.told.append(loss)

    net = model()
    optimizer = sgd(net)
    scheduler = Needs(optimizer, 1)
    scheduler.__class__ = Demanding
    args = net, loader(), loader(), CRITERION, optimizer
    with pytest.raises(ValueError, match=r"Demanding.step cannot.*'loss'.*after_epoch"):
        fit(*args, epochs=1, scheduler=scheduler)
    history = fit(*args, epochs=2, after_epoch=lambda history: scheduler.step(history.val_loss[-1]))
    assert scheduler.told == history.val_loss


def test_a_part_of_the_parameters_and_those_of_the_criterion_may_be_trained():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(()))

        def forward(self, logits, labels):
            return CRITERION(self.scale * logits, labels)

    net, criterion = model(), Scaled()
    first = net.net[0].weight.detach().clone()
    params = [*net.net[-1].parameters(), *criterion.parameters()]
    fit(net, loader(), loader(), criterion, torch.optim.SGD(params, lr=0.1), epochs=1)
    assert torch.equal(net.net[0].weight, first)
    assert criterion.scale.item() != 1


def frozen() -> MLP:
    net = model(dropout_rate=0.0)
    net.net[1].eval()
    return net


@pytest.mark.parametrize("work", ["train_epoch", "fit"])
def test_frozen_batch_norm_keeps_its_statistics_in_training(work):
    net, thawed = frozen(), model(dropout_rate=0.0).eval()
    for trained in (net, thawed):
        if work == "fit":
            fit(trained, loader(), loader(), CRITERION, sgd(trained), epochs=2)
        else:
            train_epoch(trained, loader(), CRITERION, sgd(trained), "cpu")
    assert net.net[1].running_mean.abs().max() == 0
    assert thawed.net[1].running_mean.abs().max() > 0, (
        "in evaluation mode as a whole: switched over"
    )
    assert not net.net[1].training
    assert net.training
    assert thawed.training == (work == "train_epoch"), "fit puts the modes back"


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize(
    "look",
    [
        lambda net, batches: evaluate(net, batches, CRITERION, "cpu"),
        lambda net, batches: predict(net, batches, "cpu"),
    ],
    ids=["evaluate", "predict"],
)
def test_each_layer_is_handed_back_in_its_own_mode(look, fails):
    net = frozen()
    before = [module.training for module in net.modules()]
    batches = Spoiled(loader(), 3 if fails else 0, RuntimeError("unreadable"))
    with pytest.raises(RuntimeError, match="unreadable") if fails else nullcontext():
        look(net, batches)
    assert [module.training for module in net.modules()] == before
    assert torch.is_grad_enabled()


def test_batch_norm_on_a_batch_of_one_is_explained_and_the_advice_works():
    net = model()
    with pytest.raises(ValueError, match=r"one example.*drop_last=True"):
        fit(net, loader(21), loader(), CRITERION, sgd(net), epochs=1)
    whole = TensorLoader(examples(21), 5, drop_last=True)
    assert len(fit(net, whole, loader(), CRITERION, sgd(net), epochs=1)) == 1


@pytest.mark.parametrize("work", ["train_epoch", "find_lr"])
def test_batch_norm_on_a_batch_of_one_is_explained_everywhere(work):
    net = model()
    work = {"train_epoch": epoch_of, "find_lr": search}[work]
    with pytest.raises(ValueError, match=r"^batch norm.*one example.*drop_last=True"):
        work(net, sgd(net), loader(21))
    work(net, sgd(net), TensorLoader(examples(21), 5, drop_last=True))


def epoch_of(net, optimizer, batches=None, criterion=CRITERION):
    return train_epoch(net, loader() if batches is None else batches, criterion, optimizer, "cpu")


def fit_of(net, optimizer, batches=None, criterion=CRITERION):
    batches = loader() if batches is None else batches
    return fit(net, batches, batches, criterion, optimizer, epochs=1)


def search(net, optimizer, batches=None, criterion=CRITERION):
    return find_lr(net, optimizer, criterion, loader() if batches is None else batches)


def only_look(net, optimizer, batches=None, criterion=CRITERION):
    return evaluate(net, loader() if batches is None else batches, criterion, "cpu")


TRAININGS = [epoch_of, fit_of, search]


@pytest.mark.parametrize("work", [*TRAININGS, only_look])
@pytest.mark.parametrize("dtype", [torch.float64, torch.int64, torch.float16])
@pytest.mark.parametrize("layer", [nn.Linear(4, 3), nn.BatchNorm1d(4)], ids=["linear", "norm"])
def test_inputs_of_another_dtype_are_explained_and_the_advice_works(work, dtype, layer):
    net = nn.Sequential(copy.deepcopy(layer), nn.Linear(layer.weight.shape[0], 3))
    inputs, labels = examples(20).tensors
    other = inputs.to(dtype)
    with pytest.raises(ValueError, match=r"^the inputs.*inputs\.float\(\).*torch says: "):
        work(net, sgd(net), TensorLoader(TensorDataset(other, labels), 5))
    work(net, sgd(net), TensorLoader(TensorDataset(other.float(), labels), 5))
    if dtype == torch.float64:
        work(net.double(), sgd(net), TensorLoader(TensorDataset(other, labels), 5))


@pytest.mark.parametrize("work", TRAININGS)
@pytest.mark.parametrize("dtype", [torch.int64, torch.float64])
def test_targets_of_another_dtype_are_explained_and_the_advice_works(work, dtype):
    net, (inputs, labels) = nn.Linear(4, 1), examples(20).tensors
    labels = labels[:, None].to(dtype)
    with pytest.raises(ValueError, match=r"^the labels.*labels\.float\(\)"):
        work(net, sgd(net), TensorLoader(TensorDataset(inputs, labels), 5), nn.HuberLoss())
    work(net, sgd(net), TensorLoader(TensorDataset(inputs, labels.float()), 5), nn.HuberLoss())


@pytest.mark.parametrize("work", TRAININGS)
@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda net: torch.optim.Adam, "got the class Adam; such as torch.optim.SGD"),
        (lambda net: net, "must be built from the parameters.*got a MLP"),
        (lambda net: sgd(model()), "no parameter of this model"),
        (lambda net: sgd(net.net[0].requires_grad_(False)), r"is frozen.*requires_grad_\(True\)"),
    ],
    ids=["class", "no optimizer", "another model's", "frozen"],
)
def test_an_optimizer_of_no_use_is_named_and_nothing_moves(work, build, message):
    net = model()
    optimizer, before = build(net), copy.deepcopy(net)
    with pytest.raises(ValueError, match=message):
        work(net, optimizer)
    assert_same_state(net, before)
    net.requires_grad_(True)
    work(net, sgd(net))


@pytest.mark.parametrize("work", TRAININGS)
def test_training_without_gradients_is_explained_and_the_advice_works(work):
    net = model()
    with torch.no_grad():
        with pytest.raises(ValueError, match=r"set_grad_enabled\(True\)"):
            work(net, sgd(net))
        torch.set_grad_enabled(True)
        work(net, sgd(net))


def test_the_class_of_a_scheduler_is_named():
    net = model()
    with pytest.raises(ValueError, match=r"got the class StepLR; such as .*StepLR\(optimizer, 1\)"):
        fit(net, loader(), loader(), CRITERION, sgd(net), epochs=1, scheduler=StepLR)


@pytest.mark.parametrize("criterion", [nn.CrossEntropyLoss, "mse"])
def test_a_criterion_that_was_not_built_is_refused_before_anything_moves(criterion):
    net = model()
    before = copy.deepcopy(net)
    for work in TRAININGS:
        with pytest.raises(ValueError, match="with parentheses"):
            work(net, sgd(net), criterion=criterion)
    assert_same_state(net, before)


def test_a_model_that_returns_two_tensors_is_named_by_predict_too():
    class Pair(nn.Linear):
        def forward(self, inputs):
            return super().forward(inputs), inputs

    with pytest.raises(ValueError, match=r"one tensor, got a tuple of 2 \(Tensor, Tensor\)"):
        predict(Pair(4, 3), loader(), "cpu")


def test_a_model_on_another_device_is_explained():
    net = nn.Linear(4, 3).to("meta")
    for look in (epoch_of, only_look):
        with pytest.raises(ValueError, match=r"on different devices.*model\.to\(device\)"):
            look(net, sgd(net))


def test_what_is_explained_is_explained_once():
    with pytest.raises(ValueError, match="torch says") as caught, failures_explained():
        evaluate(model(), [(torch.zeros(5, 4).double(), torch.zeros(5).long())], CRITERION, "cpu")
    assert str(caught.value).count("torch says") == 1


def test_other_value_errors_pass_unchanged():
    error = ValueError("own")
    with pytest.raises(ValueError, match=r"^own$") as caught:
        fit(net := model(), Spoiled(loader(), 1, error), loader(), CRITERION, sgd(net), epochs=1)
    assert caught.value is error


@pytest.mark.parametrize("which", ["training", "validation"])
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: iter(loader()), "loader is a generator that can be walked only once"),
        (lambda: zip([], [], strict=True), "loader is a zip that can be walked only once"),
        (lambda: [], "loader is empty.*drop_last"),
        (lambda: DataLoader(examples(3), 5, drop_last=True), "loader is empty.*drop_last"),
    ],
)
def test_a_loader_that_cannot_last_is_refused_before_training_begins(make, message, which):
    net = model()
    before = copy.deepcopy(net)
    loaders = [make(), loader()] if which == "training" else [loader(), make()]
    with pytest.raises(ValueError, match=f"the {which} {message}"):
        fit(net, *loaders, CRITERION, sgd(net), epochs=1)
    assert_same_state(net, before)


def test_a_loader_used_up_later_is_named_and_the_epochs_before_are_kept():
    class Once:
        def __init__(self):
            self.batches = iter(loader())

        def __iter__(self):
            return self.batches

    net, history = model(), History()
    with pytest.raises(ValueError, match="used up after one pass"):
        fit(net, Once(), loader(), CRITERION, sgd(net), epochs=2, history=history)
    assert {len(values) for values in vars(history).values()} == {1}


def test_one_pass_is_enough_for_one_look():
    net = model()
    assert evaluate(net, iter(loader()), CRITERION, "cpu") == evaluate(
        net, loader(), CRITERION, "cpu"
    )
    assert torch.equal(predict(net, iter(loader()), "cpu"), predict(net, loader(), "cpu"))
    for look in (evaluate, predict):
        args = (CRITERION, "cpu") if look is evaluate else ("cpu",)
        with pytest.raises(ValueError, match="loader is empty"):
            look(net, iter([]), *args)


def test_a_batch_whose_labels_are_all_ignored_is_no_divergence():
    inputs, labels = examples(20).tensors
    labels[5:10] = -100
    batches = TensorLoader(TensorDataset(inputs, labels), 5)
    net = model(dropout_rate=0.0)
    history = fit(net, batches, batches, CRITERION, sgd(net), epochs=2)
    numbers = [number for values in vars(history).values() for number in values]
    assert all(math.isfinite(number) for number in numbers)
    with pytest.raises(ValueError, match="no label counts"):
        evaluate(net, [(inputs[5:10], labels[5:10])], CRITERION, "cpu")


def test_the_criterion_goes_to_the_device_too():
    class Told(nn.CrossEntropyLoss):
        devices: ClassVar = []

        def to(self, device):
            self.devices.append(device)
            return super().to(device)

    net, criterion = model(), Told(weight=torch.ones(3))
    fit(net, loader(), loader(), criterion, sgd(net), epochs=1, device="cpu")
    assert criterion.devices == ["cpu"]


def test_early_stopping_of_another_run_is_refused_until_the_advice_is_followed():
    """A cell run again: the first model's best weights must not come back in the second."""
    early_stopping, history = EarlyStopping(patience=9), History()
    first, second = model(), model(seed=2)
    options = {"epochs": 2, "early_stopping": early_stopping, "history": history}
    fit(first, loader(), loader(), CRITERION, sgd(first), **options)
    before = copy.deepcopy(second.state_dict())
    with pytest.raises(ValueError, match=r"seen 2 epochs.*history has 0.*Make a new one"):
        fit(
            second,
            loader(),
            loader(),
            CRITERION,
            sgd(second),
            epochs=2,
            early_stopping=early_stopping,
        )
    assert all(torch.equal(before[name], value) for name, value in second.state_dict().items())
    options["epochs"] = 3
    assert len(fit(first, loader(), loader(), CRITERION, sgd(first), **options)) == 3
    new = EarlyStopping(patience=9)
    fit(second, loader(), loader(), CRITERION, sgd(second), epochs=2, early_stopping=new)
    assert new.epoch == 2


@pytest.mark.parametrize(
    "schedule",
    [
        lambda optimizer: OneCycleLR(
            optimizer, 0.1, total_steps=15
        ),  # three epochs, and no step more
        lambda optimizer: CyclicLR(optimizer, 0.01, 0.1, step_size_up=4),
        lambda optimizer: SequentialLR(
            optimizer, [LinearLR(optimizer, total_iters=4), StepLR(optimizer, 3, 0.5)], [7]
        ),
    ],
    ids=["OneCycleLR", "CyclicLR", "SequentialLR"],
)
@pytest.mark.parametrize("place", ["training", "validation"])
def test_an_epoch_that_is_interrupted_takes_no_steps_from_the_schedule(schedule, place):
    def rates(stop_at):
        net = model()
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
        history, seen = History(), []
        optimizer.register_step_pre_hook(
            lambda *_: seen.append([optimizer.param_groups[0][k] for k in ("lr", "momentum")])
        )
        options = {"scheduler": schedule(optimizer), "scheduler_interval": "step"}
        spoiled = Spoiled(loader(), stop_at, KeyboardInterrupt())
        loaders = (spoiled, loader()) if place == "training" else (loader(), spoiled)
        options |= {"epochs": 3, "history": history}
        if stop_at:
            with pytest.raises(KeyboardInterrupt):
                fit(net, *loaders, CRITERION, optimizer, **options)
            assert len(history) == 1
            del seen[5:]
        fit(net, loader(), loader(), CRITERION, optimizer, **options)
        return seen, history.learning_rate

    assert rates(stop_at=8) == rates(stop_at=0)


def test_a_fit_with_nothing_left_to_do_says_so_and_the_advice_works():
    net, history = model(), History()
    args = (net, loader(), loader(), CRITERION, sgd(net))
    assert len(fit(*args, epochs=2, history=history)) == 2
    before = copy.deepcopy(net)
    with pytest.warns(UserWarning, match="counts the 2 of the history; give epochs=4 for 2 more"):
        fit(*args, epochs=2, history=history)
    assert_same_state(net, before)
    assert len(fit(*args, epochs=4, history=history)) == 4
    history, early_stopping = History(), EarlyStopping(patience=1)
    options = {"history": history, "early_stopping": early_stopping}
    args = (net, loader(), loader(23, 23), losses_go(1.0, 2.0, 0.5), sgd(net))
    assert len(fit(*args, epochs=3, **options)) == 2
    with pytest.warns(UserWarning, match="has ended this run after 2 epochs.*raise its patience"):
        fit(*args, epochs=3, **options)
    early_stopping.patience = 2
    assert len(fit(*args, epochs=3, **options)) == 3


def test_a_list_that_somebody_adds_to_a_history_need_not_be_as_long():
    net, history = model(), History()
    history.seconds, history.note = [], "first try"
    fit(net, loader(), loader(), CRITERION, sgd(net), epochs=1, history=history)
    assert len(fit(net, loader(), loader(), CRITERION, sgd(net), epochs=2, history=history)) == 2
