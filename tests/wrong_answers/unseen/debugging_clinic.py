"""Answers to the exercises of debugging_clinic, written from the prompts alone."""

import contextlib
import copy

import torch
from torch import nn
from torch.nn import functional as F

from course_utils.exercises import debugging_clinic as exercises
from course_utils.mnist import MEAN, STD

from .. import right, wrong

# ---- diagnosis

_NAMES = [
    "dead_relus",
    "no_eval",
    "inputs_unscaled",
    "softmax_twice",
    "sound",
    "no_zero_grad",
    "other_models_optimizer",
    "overfitting",
]

wrong(
    exercises.diagnosis, "flat_has_many_causes"
)(  # M: the flat loss is taken for a rate that is too low
    {
        "M": "rate_too_low",
        "N": "no_eval",
        "O": "inputs_unscaled",
        "P": "softmax_twice",
        "Q": "sound",
        "R": "no_zero_grad",
        "S": "other_models_optimizer",
        "T": "overfitting",
    }
)
wrong(
    exercises.diagnosis, "gap_without_learning_by_heart"
)(  # N: lower validation accuracy is taken for overfitting
    {
        "M": "dead_relus",
        "N": "overfitting",
        "O": "inputs_unscaled",
        "P": "softmax_twice",
        "Q": "sound",
        "R": "no_zero_grad",
        "S": "other_models_optimizer",
        "T": "overfitting",
    }
)
wrong(
    exercises.diagnosis, "loss_and_accuracy_disagree"
)(  # P: the slow loss is taken for a rate that is too low
    {
        "M": "dead_relus",
        "N": "no_eval",
        "O": "inputs_unscaled",
        "P": "rate_too_low",
        "Q": "sound",
        "R": "no_zero_grad",
        "S": "other_models_optimizer",
        "T": "overfitting",
    }
)
wrong(
    exercises.diagnosis, "wrong_before_the_first_step"
)(  # O: the high first loss is taken for a rate that diverges
    {
        "M": "dead_relus",
        "N": "no_eval",
        "O": "rate_diverges",
        "P": "softmax_twice",
        "Q": "sound",
        "R": "no_zero_grad",
        "S": "other_models_optimizer",
        "T": "overfitting",
    }
)
wrong(exercises.diagnosis, "fell_apart_late")(  # R: the rising loss is taken for too high a rate
    {
        "M": "dead_relus",
        "N": "no_eval",
        "O": "inputs_unscaled",
        "P": "softmax_twice",
        "Q": "sound",
        "R": "rate_too_high",
        "S": "other_models_optimizer",
        "T": "overfitting",
    }
)
wrong(
    exercises.diagnosis, "flat_has_many_causes"
)(  # S: the flat loss is taken for labels that do not belong
    {
        "M": "dead_relus",
        "N": "no_eval",
        "O": "inputs_unscaled",
        "P": "softmax_twice",
        "Q": "sound",
        "R": "no_zero_grad",
        "S": "labels_shifted",
        "T": "overfitting",
    }
)
wrong(
    exercises.diagnosis, "another_fault"
)(  # S: a growing gradient norm means no zero_grad, R and S exchanged
    {
        "M": "dead_relus",
        "N": "no_eval",
        "O": "inputs_unscaled",
        "P": "softmax_twice",
        "Q": "sound",
        "R": "other_models_optimizer",
        "S": "no_zero_grad",
        "T": "overfitting",
    }
)
wrong(
    exercises.diagnosis, "gap_without_learning_by_heart"
)(  # T: bad validation taken for a missing eval(), N and T exchanged
    {
        "M": "dead_relus",
        "N": "overfitting",
        "O": "inputs_unscaled",
        "P": "softmax_twice",
        "Q": "sound",
        "R": "no_zero_grad",
        "S": "other_models_optimizer",
        "T": "no_eval",
    }
)
wrong(
    exercises.diagnosis, "ill_called_healthy"
)(  # Q: dropout's higher training loss is taken for a missing eval()
    {
        "M": "dead_relus",
        "N": "sound",
        "O": "inputs_unscaled",
        "P": "softmax_twice",
        "Q": "no_eval",
        "R": "no_zero_grad",
        "S": "other_models_optimizer",
        "T": "overfitting",
    }
)
wrong(
    exercises.diagnosis, "another_fault"
)(  # O: its flat end is taken for dead ReLUs, M and O exchanged
    {
        "M": "inputs_unscaled",
        "N": "no_eval",
        "O": "dead_relus",
        "P": "softmax_twice",
        "Q": "sound",
        "R": "no_zero_grad",
        "S": "other_models_optimizer",
        "T": "overfitting",
    }
)
wrong(
    exercises.diagnosis, "flat_has_many_causes"
)(  # S: the flat loss is taken for a rate that is too low
    {
        "M": "dead_relus",
        "N": "no_eval",
        "O": "inputs_unscaled",
        "P": "softmax_twice",
        "Q": "sound",
        "R": "no_zero_grad",
        "S": "rate_too_low",
        "T": "overfitting",
    }
)
wrong(
    exercises.diagnosis, "another_fault"
)(  # P: a small gradient is taken for dead ReLUs, M and P exchanged
    {
        "M": "softmax_twice",
        "N": "no_eval",
        "O": "inputs_unscaled",
        "P": "dead_relus",
        "Q": "sound",
        "R": "no_zero_grad",
        "S": "other_models_optimizer",
        "T": "overfitting",
    }
)
wrong(exercises.diagnosis, "unknown_name")(  # Q: called healthy instead of sound
    {
        "M": "dead_relus",
        "N": "no_eval",
        "O": "inputs_unscaled",
        "P": "softmax_twice",
        "Q": "healthy",
        "R": "no_zero_grad",
        "S": "other_models_optimizer",
        "T": "overfitting",
    }
)
wrong(exercises.diagnosis, "missing_entries")(  # T: left unfilled
    {
        "M": "dead_relus",
        "N": "no_eval",
        "O": "inputs_unscaled",
        "P": "softmax_twice",
        "Q": "sound",
        "R": "no_zero_grad",
        "S": "other_models_optimizer",
        "T": ...,
    }
)
right(exercises.diagnosis)(  # R: a name in words and with a space
    {
        "M": "dead_relus",
        "N": "no_eval",
        "O": "inputs_unscaled",
        "P": "softmax_twice",
        "Q": "sound",
        "R": "no zero_grad",
        "S": "other_models_optimizer",
        "T": "overfitting",
    }
)
wrong(exercises.diagnosis, "ill_called_healthy")(  # all of them sound
    {
        "M": "sound",
        "N": "sound",
        "O": "sound",
        "P": "sound",
        "Q": "sound",
        "R": "sound",
        "S": "sound",
        "T": "sound",
    }
)
wrong(exercises.diagnosis, "unknown_name")(  # the letters of the first ward instead of the names
    {
        "M": "I",
        "N": "B",
        "O": "G",
        "P": "D",
        "Q": "sound",
        "R": "L",
        "S": "A",
        "T": "E",
    }
)
wrong(exercises.diagnosis, "missing_entries")(  # the sound patient Q is left out
    {
        "M": "dead_relus",
        "N": "no_eval",
        "O": "inputs_unscaled",
        "P": "softmax_twice",
        "R": "no_zero_grad",
        "S": "other_models_optimizer",
        "T": "overfitting",
    }
)

right(exercises.diagnosis)(  # a plain dict
    {
        "M": "dead_relus",
        "N": "no_eval",
        "O": "inputs_unscaled",
        "P": "softmax_twice",
        "Q": "sound",
        "R": "no_zero_grad",
        "S": "other_models_optimizer",
        "T": "overfitting",
    }
)
right(exercises.diagnosis)(  # in another order
    {
        "T": "overfitting",
        "S": "other_models_optimizer",
        "R": "no_zero_grad",
        "Q": "sound",
        "P": "softmax_twice",
        "O": "inputs_unscaled",
        "N": "no_eval",
        "M": "dead_relus",
    }
)
right(exercises.diagnosis)(  # zipped
    dict(zip("MNOPQRST", _NAMES, strict=True))
)
right(exercises.diagnosis)(  # by a comprehension
    {letter: name for letter, name in zip("MNOPQRST", _NAMES, strict=True)}
)


# ---- mended_training


def _train(model, optimizer, loader):
    model.train()
    for images, labels in loader:
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def _accuracy(model, loader):
    correct, count = 0, 0
    with torch.no_grad():
        for images, labels in loader:
            correct += (model(images).argmax(dim=1) == labels).sum().item()
            count += len(labels)
    return correct / count


@wrong(
    exercises.mended_training, "softmax_twice"
)  # the softmax before cross_entropy is still there
def leaves_the_softmax(model, optimizer, train_loader, val_loader, epochs):
    accuracies = []
    for _ in range(epochs):
        model.train()
        for images, labels in train_loader:
            loss = F.cross_entropy(model(images).softmax(dim=1), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        accuracies.append(_accuracy(model, val_loader))
    return accuracies


@wrong(exercises.mended_training, "gradients_pile_up")  # zero_grad is still missing
def leaves_out_zero_grad(model, optimizer, train_loader, val_loader, epochs):
    accuracies = []
    for _ in range(epochs):
        model.train()
        for images, labels in train_loader:
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
        model.eval()
        accuracies.append(_accuracy(model, val_loader))
    return accuracies


@wrong(exercises.mended_training, "no_eval")  # eval() is still missing
def leaves_out_eval(model, optimizer, train_loader, val_loader, epochs):
    accuracies = []
    for _ in range(epochs):
        _train(model, optimizer, train_loader)
        accuracies.append(_accuracy(model, val_loader))
    return accuracies


@wrong(
    exercises.mended_training, "train_forgotten"
)  # no train() after eval(): later epochs train in eval mode
def never_returns_to_train(model, optimizer, train_loader, val_loader, epochs):
    model.train()
    accuracies = []
    for _ in range(epochs):
        for images, labels in train_loader:
            loss = F.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        accuracies.append(_accuracy(model, val_loader))
    return accuracies


@wrong(
    exercises.mended_training, "mode_of_the_caller"
)  # no train() at all: relies on the mode it came in
def forgets_train_mode(model, optimizer, train_loader, val_loader, epochs):
    accuracies = []
    for _ in range(epochs):
        for images, labels in train_loader:
            loss = F.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        accuracies.append(_accuracy(model, val_loader))
        model.train()
    return accuracies


@wrong(
    exercises.mended_training, "never_moves"
)  # zero_grad between backward and step: nothing is learned
def clears_before_the_step(model, optimizer, train_loader, val_loader, epochs):
    accuracies = []
    for _ in range(epochs):
        model.train()
        for images, labels in train_loader:
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.zero_grad()
            optimizer.step()
        model.eval()
        accuracies.append(_accuracy(model, val_loader))
    return accuracies


@wrong(
    exercises.mended_training, "gradients_pile_up"
)  # zero_grad once an epoch instead of once a batch
def clears_once_an_epoch(model, optimizer, train_loader, val_loader, epochs):
    accuracies = []
    for _ in range(epochs):
        model.train()
        optimizer.zero_grad()
        for images, labels in train_loader:
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
        model.eval()
        accuracies.append(_accuracy(model, val_loader))
    return accuracies


@wrong(exercises.mended_training, "log_missing")  # nll_loss of probabilities: the log is missing
def nll_of_probabilities(model, optimizer, train_loader, val_loader, epochs):
    accuracies = []
    for _ in range(epochs):
        model.train()
        for images, labels in train_loader:
            loss = F.nll_loss(model(images).softmax(dim=1), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        accuracies.append(_accuracy(model, val_loader))
    return accuracies


@wrong(exercises.mended_training, "no_eval")  # no_grad taken for eval()
def no_grad_instead_of_eval(model, optimizer, train_loader, val_loader, epochs):
    accuracies = []
    for _ in range(epochs):
        model.train()
        _train(model, optimizer, train_loader)
        with torch.inference_mode():
            accuracies.append(_accuracy(model, val_loader))
    return accuracies


@wrong(exercises.mended_training, "trained_a_copy")  # trains a copy, not the model in place
def trains_a_copy(model, optimizer, train_loader, val_loader, epochs):
    model, optimizer = copy.deepcopy((model, optimizer))
    accuracies = []
    for _ in range(epochs):
        _train(model, optimizer, train_loader)
        model.eval()
        accuracies.append(_accuracy(model, val_loader))
    return accuracies


@wrong(exercises.mended_training, "one_number_only")  # the accuracy of the last epoch only
def returns_last_accuracy(model, optimizer, train_loader, val_loader, epochs):
    for _ in range(epochs):
        _train(model, optimizer, train_loader)
    model.eval()
    return _accuracy(model, val_loader)


@wrong(exercises.mended_training, "counters_run_on")  # correct and count run on from epoch to epoch
def counters_run_on(model, optimizer, train_loader, val_loader, epochs):
    correct, count, accuracies = 0, 0, []
    for _ in range(epochs):
        _train(model, optimizer, train_loader)
        model.eval()
        with torch.no_grad():
            for images, labels in val_loader:
                correct += (model(images).argmax(dim=1) == labels).sum().item()
                count += len(labels)
        accuracies.append(correct / count)
    return accuracies


@wrong(exercises.mended_training, "training_data_examined")  # the accuracy on the training data
def accuracy_on_training_data(model, optimizer, train_loader, val_loader, epochs):
    accuracies = []
    for _ in range(epochs):
        _train(model, optimizer, train_loader)
        model.eval()
        accuracies.append(_accuracy(model, train_loader))
    return accuracies


@wrong(
    exercises.mended_training, "train_forgotten"
)  # eval() at the very start: everything runs in eval mode
def eval_from_the_start(model, optimizer, train_loader, val_loader, epochs):
    model.eval()
    accuracies = []
    for _ in range(epochs):
        for images, labels in train_loader:
            loss = F.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        accuracies.append(_accuracy(model, val_loader))
    return accuracies


@wrong(
    exercises.mended_training, "mean_of_batch_means"
)  # the mean of the batches' accuracies, whatever their size
def averages_over_batches(model, optimizer, train_loader, val_loader, epochs):
    accuracies = []
    for _ in range(epochs):
        _train(model, optimizer, train_loader)
        model.eval()
        scores = [_accuracy(model, [batch]) for batch in val_loader]
        accuracies.append(sum(scores) / len(scores))
    return accuracies


@wrong(
    exercises.mended_training, "another_optimizer"
)  # an optimizer of its own, not the one it is given
def makes_its_own_optimizer(model, optimizer, train_loader, val_loader, epochs):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    accuracies = []
    for _ in range(epochs):
        _train(model, optimizer, train_loader)
        model.eval()
        accuracies.append(_accuracy(model, val_loader))
    return accuracies


@wrong(
    exercises.mended_training, "examined_too_early"
)  # validates before each epoch instead of after it
def validates_before_training(model, optimizer, train_loader, val_loader, epochs):
    accuracies = []
    for _ in range(epochs):
        model.eval()
        accuracies.append(_accuracy(model, val_loader))
        _train(model, optimizer, train_loader)
    return accuracies


@wrong(exercises.mended_training, "raised")  # raises: gradients are switched off and never on again
def switches_gradients_off(model, optimizer, train_loader, val_loader, epochs):
    accuracies = []
    with contextlib.ExitStack() as stack:
        for _ in range(epochs):
            _train(model, optimizer, train_loader)
            model.eval()
            stack.enter_context(torch.no_grad())
            accuracies.append(_accuracy(model, val_loader))
    return accuracies


@right(exercises.mended_training)  # the three repairs in the loop as it stands
def mends_the_loop_as_it_stands(model, optimizer, train_loader, val_loader, epochs):
    accuracies = []
    for _ in range(epochs):
        model.train()
        for images, labels in train_loader:
            loss = nn.functional.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        correct, count = 0, 0
        for images, labels in val_loader:
            correct += (model(images).argmax(dim=1) == labels).sum().item()
            count += len(labels)
        accuracies.append(correct / count)
    return accuracies


@right(exercises.mended_training)  # nll_loss of log_softmax, and the gradients set to None by hand
def log_softmax_and_nll(model, optimizer, train_loader, val_loader, epochs):
    accuracies = []
    for _ in range(epochs):
        model.train(True)
        for images, labels in train_loader:
            for group in optimizer.param_groups:
                for param in group["params"]:
                    param.grad = None
            F.nll_loss(F.log_softmax(model(images), dim=1), labels).backward()
            optimizer.step()
        model.train(False)
        with torch.inference_mode():
            pairs = [(model(x).argmax(1), y) for x, y in val_loader]
        accuracies.append(torch.cat([a == y for a, y in pairs]).double().mean().item())
    return accuracies


@right(exercises.mended_training)  # two functions inside, and the mode put back at the end
def two_inner_functions(model, optimizer, train_loader, val_loader, epochs):
    def learn():
        model.train()
        criterion = nn.CrossEntropyLoss()
        for images, labels in train_loader:
            optimizer.zero_grad()
            criterion(model(images), labels).backward()
            optimizer.step()

    @torch.no_grad()
    def examine():
        model.eval()
        hits = [bool(h) for x, y in val_loader for h in model(x).argmax(dim=-1).eq(y)]
        model.train()
        return sum(hits) / len(hits)

    accuracies = []
    for _ in range(epochs):
        learn()
        accuracies.append(examine())
    return accuracies


@right(exercises.mended_training)  # validates a copy in eval mode, so that the model stays in train
def validates_a_copy(model, optimizer, train_loader, val_loader, epochs):
    model.train()
    accuracies = []
    for _ in range(epochs):
        for images, labels in train_loader:
            optimizer.zero_grad(set_to_none=False)
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
        accuracies.append(_accuracy(copy.deepcopy(model).eval(), val_loader))
    return accuracies


@right(exercises.mended_training)  # cross_entropy of log_softmax, a second one changes nothing
def log_softmax_does_no_harm(model, optimizer, train_loader, val_loader, epochs):
    def one_epoch():
        model.train()
        for images, labels in train_loader:
            log_probs = model(images).log_softmax(dim=1)
            optimizer.zero_grad()
            F.cross_entropy(log_probs, labels).backward()
            optimizer.step()
        return _accuracy(model.eval(), val_loader)

    return [one_epoch() for _ in range(epochs)]


# ---- mixes_examples


@torch.no_grad()
def _seeded_outputs(model, inputs, seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return copy.deepcopy(model)(inputs.clone())


def _others_change(before, after, row, tolerance=1e-6):
    others = torch.arange(len(before)) != row
    return not torch.allclose(before[others], after[others], rtol=tolerance, atol=tolerance)


def _with_row(inputs, row, new):
    changed = inputs.clone()
    changed[row] = new
    return changed


@wrong(
    exercises.mixes_examples, "model_changed"
)  # runs the model itself: batch norm's statistics move
def runs_the_model_itself(model, inputs):
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        for row in range(len(inputs)):
            torch.manual_seed(0)
            before = model(inputs)
            torch.manual_seed(0)
            after = model(_with_row(inputs, row, inputs[row] * 3 + 1))
            if _others_change(before, after, row):
                return True
    return False


@wrong(
    exercises.mixes_examples, "asked_in_eval_mode"
)  # looks in eval mode, not in the mode the model is in
def always_in_eval_mode(model, inputs):
    trial = copy.deepcopy(model).eval()
    before = _seeded_outputs(trial, inputs)
    for row in range(len(inputs)):
        after = _seeded_outputs(trial, _with_row(inputs, row, inputs[row] * 3 + 1))
        if _others_change(before, after, row):
            return True
    return False


@wrong(
    exercises.mixes_examples, "asked_in_training_mode"
)  # looks in training mode, not in the mode the model is in
def always_in_train_mode(model, inputs):
    trial = copy.deepcopy(model).train()
    before = _seeded_outputs(trial, inputs)
    for row in range(len(inputs)):
        after = _seeded_outputs(trial, _with_row(inputs, row, inputs[row] * 3 + 1))
        if _others_change(before, after, row):
            return True
    return False


@wrong(
    exercises.mixes_examples, "dropout_taken_for_mixing"
)  # no fixed seed: dropout's randomness counts as influence
@torch.no_grad()
def takes_dropout_for_influence(model, inputs):
    trial = copy.deepcopy(model)
    before = trial(inputs)
    for row in range(len(inputs)):
        after = trial(_with_row(inputs, row, inputs[row] * 3 + 1))
        if _others_change(before, after, row):
            return True
    return False


@wrong(
    exercises.mixes_examples, "row_alone"
)  # each row alone: raises for batch norm in training mode
def rows_one_at_a_time(model, inputs):
    together = _seeded_outputs(model, inputs)
    alone = torch.cat([_seeded_outputs(model, row[None]) for row in inputs])
    return not torch.allclose(together, alone, atol=1e-5)


@wrong(exercises.mixes_examples, "one_row_only")  # changes the first row only
def changes_the_first_row_only(model, inputs):
    before = _seeded_outputs(model, inputs)
    after = _seeded_outputs(model, _with_row(inputs, 0, inputs[0] * 3 + 1))
    return _others_change(before, after, 0)


@wrong(exercises.mixes_examples, "one_row_only")  # watches the first row only
def watches_the_first_row_only(model, inputs):
    before = _seeded_outputs(model, inputs)
    changed = inputs * 3 + 1
    changed[0] = inputs[0]
    return not torch.allclose(before[0], _seeded_outputs(model, changed)[0], atol=1e-6)


@wrong(exercises.mixes_examples, "own_row_counted")  # compares the changed row, too: always True
def compares_the_changed_row(model, inputs):
    before = _seeded_outputs(model, inputs)
    for row in range(len(inputs)):
        after = _seeded_outputs(model, _with_row(inputs, row, inputs[row] * 3 + 1))
        if not torch.allclose(before, after, atol=1e-6):
            return True
    return False


@wrong(
    exercises.mixes_examples, "model_changed"
)  # backward on the model itself leaves gradients behind
def leaves_gradients_behind(model, inputs):
    buffers = copy.deepcopy(dict(model.named_buffers()))
    x, mixed = inputs.clone().requires_grad_(), False
    outputs = model(x)
    for row in range(len(x)):
        weights = torch.linspace(1, 2, outputs.shape[1], dtype=outputs.dtype)
        x.grad = None
        (outputs[row] * weights).sum().backward(retain_graph=True)
        x.grad[row] = 0
        mixed = mixed or bool((x.grad.abs() > 1e-9).any())
    for name, buffer in model.named_buffers():
        buffer.data.copy_(buffers[name])
    return mixed


@wrong(
    exercises.mixes_examples, "cancelled_by_the_sum"
)  # gradient of a row's sum, which is 0 for probabilities
def gradient_of_the_row_sum(model, inputs):
    x = inputs.clone().requires_grad_()
    outputs = copy.deepcopy(model)(x)
    for row in range(len(x)):
        (grad,) = torch.autograd.grad(outputs[row].sum(), x, retain_graph=True)
        grad[row] = 0
        if (grad.abs() > 1e-5).any():
            return True
    return False


@wrong(
    exercises.mixes_examples, "wrong_value"
)  # tests whether rows add up to 1, which logits never do
def rows_add_up_to_one(model, inputs):
    sums = _seeded_outputs(model, inputs).sum(dim=1)
    return not torch.allclose(sums, torch.ones_like(sums), atol=1e-4)


@wrong(
    exercises.mixes_examples, "by_layer_type"
)  # looks for batch norm layers instead of running the model
def looks_for_batch_norm(model, inputs):
    kinds = (nn.BatchNorm1d, nn.BatchNorm2d)
    return any(isinstance(m, kinds) and m.training for m in model.modules())


@wrong(exercises.mixes_examples, "reversed")  # the answers True and False exchanged
def answers_the_opposite(model, inputs):
    before = _seeded_outputs(model, inputs)
    rows = range(len(inputs))
    after = [_seeded_outputs(model, _with_row(inputs, r, inputs[r] * 3 + 1)) for r in rows]
    return all(not _others_change(before, after[r], r) for r in rows)


@wrong(
    exercises.mixes_examples, "same_rows_again"
)  # permutes the rows, which softmax and batch norm do not mind
def permutes_the_rows(model, inputs):
    order = torch.arange(len(inputs)).flip(0)
    before = _seeded_outputs(model, inputs)
    after = _seeded_outputs(model, inputs[order])
    return not torch.allclose(before[order], after, atol=1e-5)


@wrong(exercises.mixes_examples, "model_changed")  # leaves the model in eval mode
def leaves_eval_mode(model, inputs):
    before = _seeded_outputs(model, inputs)
    rows = range(len(inputs))
    after = [_seeded_outputs(model, _with_row(inputs, r, inputs[r] * 3 + 1)) for r in rows]
    model.eval()
    return any(_others_change(before, after[r], r) for r in rows)


@wrong(
    exercises.mixes_examples, "same_rows_again"
)  # the batch twice over: its mean and variance stay the same
def doubles_the_batch(model, inputs):
    before = _seeded_outputs(model, inputs)
    after = _seeded_outputs(model, torch.cat([inputs, inputs]))[: len(inputs)]
    return not torch.allclose(before, after, atol=1e-5)


@wrong(
    exercises.mixes_examples, "wrong_value"
)  # compares the predicted classes only, not the outputs
def compares_predicted_classes(model, inputs):
    before = _seeded_outputs(model, inputs).argmax(dim=1)
    for row in range(len(inputs)):
        after = _seeded_outputs(model, _with_row(inputs, row, inputs[row] * 3 + 1)).argmax(dim=1)
        others = torch.arange(len(inputs)) != row
        if (before != after)[others].any():
            return True
    return False


@wrong(exercises.mixes_examples, "never_found")  # a change of 1e-9 is lost in rounding
def changes_by_too_little(model, inputs):
    before = _seeded_outputs(model, inputs)
    for row in range(len(inputs)):
        after = _seeded_outputs(model, _with_row(inputs, row, inputs[row] + 1e-9))
        if _others_change(before, after, row):
            return True
    return False


@right(exercises.mixes_examples)  # changes one row at a time, in two ways and with three seeds
def one_row_at_a_time(model, inputs):
    for seed in range(3):
        before = _seeded_outputs(model, inputs, seed)
        for row in range(len(inputs)):
            for new in (inputs[row] * 3 + 1, -inputs[row] - 0.5):
                after = _seeded_outputs(model, _with_row(inputs, row, new), seed)
                if _others_change(before, after, row):
                    return True
    return False


@right(exercises.mixes_examples)  # keeps one row and exchanges all others
def keeps_one_row_changes_the_rest(model, inputs):
    noise = torch.Generator().manual_seed(7)
    for trial in range(4):
        before = _seeded_outputs(model, inputs, seed=trial)
        scale = inputs.std() + 1
        new = scale * torch.randn(inputs.shape, generator=noise, dtype=inputs.dtype)
        for row in range(len(inputs)):
            changed = _with_row(new, row, inputs[row])
            after = _seeded_outputs(model, changed, seed=trial)
            if not torch.equal(after[row], before[row]):
                return True
    return False


@right(exercises.mixes_examples)  # autograd's Jacobian, and a changed row where it is all zero
def jacobian_and_a_changed_row(model, inputs):
    trial = copy.deepcopy(model).requires_grad_(False)
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        jacobian = torch.autograd.functional.jacobian(trial, inputs.detach().clone())
    size = jacobian.abs().amax(dim=(1, 3))
    if (size.fill_diagonal_(0) > 0).any():
        return True
    before = _seeded_outputs(model, inputs)
    for row in range(len(inputs)):
        after = _seeded_outputs(model, _with_row(inputs, row, 5 - 2 * inputs[row]))
        if _others_change(before, after, row):
            return True
    return False


@right(exercises.mixes_examples)  # the model itself, with its state and random state restored
def runs_and_restores(model, inputs):
    state, random_state = copy.deepcopy(model.state_dict()), torch.get_rng_state()

    def run(x, seed):
        torch.manual_seed(seed)
        with torch.no_grad():
            outputs = model(x).clone()
        model.load_state_dict(state)
        return outputs

    try:
        for seed in (1, 2):
            before = run(inputs.clone(), seed)
            for row in range(len(inputs)):
                changed = inputs.clone()
                changed[row] += torch.where(changed[row] > 0, -4.0, 4.0)
                after = run(changed, seed)
                for other in range(len(inputs)):
                    if other != row and not torch.allclose(before[other], after[other], atol=1e-7):
                        return True
        return False
    finally:
        model.load_state_dict(state)
        torch.set_rng_state(random_state)


# ---- mended_prepare


@wrong(exercises.mended_prepare, "mean_not_subtracted")  # bytes to 0..1, as ToTensor does
def only_to_one(pixels):
    return pixels.float() / 255


@wrong(exercises.mended_prepare, "scales_mixed")  # the mean of 0..1 taken from bytes
def forgets_the_255(pixels):
    return (pixels - MEAN) / STD


@wrong(exercises.mended_prepare, "scales_mixed")  # the mean is scaled, the deviation is not
def scales_the_mean_only(pixels):
    return (pixels - 255 * MEAN) / STD


@wrong(exercises.mended_prepare, "scales_mixed")  # divided by 255 after, not before, the mean
def scales_too_late(pixels):
    return (pixels.float() - MEAN) / 255 / STD


@wrong(exercises.mended_prepare, "not_divided")  # centred, and left as large as it was
def only_centred(pixels):
    return pixels.float() / 255 - MEAN


@wrong(exercises.mended_prepare, "multiplied")
def multiplies_by_the_deviation(pixels):
    return (pixels.float() / 255 - MEAN) * STD


@wrong(exercises.mended_prepare, "of_these_pictures")  # its own mean and deviation
def with_its_own_statistics(pixels):
    x = pixels.float()
    return (x - x.mean()) / x.std()


@wrong(exercises.mended_prepare, "of_each_picture")
def each_picture_by_itself(pixels):
    x = pixels.float() / 255
    mean = x.mean(dim=(-2, -1), keepdim=True)
    return (x - mean) / (x.std(dim=(-2, -1), keepdim=True) + 1e-8)


@wrong(exercises.mended_prepare, "wrapped_around")  # uint8 minus an integer wraps below 0
def in_bytes(pixels):
    return (pixels - round(255 * MEAN)) / (255 * STD)


@wrong(exercises.mended_prepare, "between_minus_one_and_one")
def to_minus_one_and_one(pixels):
    return pixels.float() / 127.5 - 1


@wrong(exercises.mended_prepare, "still_bytes")
def as_it_came(pixels):
    return pixels.float()


@wrong(exercises.mended_prepare, "mean_and_std_swapped")
def swaps_mean_and_std(pixels):
    return (pixels / 255 - STD) / MEAN


@wrong(exercises.mended_prepare, "divided_by_256")
def divides_by_256(pixels):
    return (pixels / 256 - MEAN) / STD


@wrong(exercises.mended_prepare, "no_return")
def changes_a_copy_and_returns_nothing(pixels):
    x = pixels / 255
    x.sub_(MEAN).div_(STD)


@wrong(exercises.mended_prepare, "wrong_shape")  # flattened, as the network wants it
def flattens_too(pixels):
    return ((pixels / 255 - MEAN) / STD).flatten(-2)


@right(exercises.mended_prepare)
def step_by_step(pixels):
    x = pixels.to(torch.float32)
    x = x / 255
    return (x - MEAN) / STD


@right(exercises.mended_prepare)
def one_line(pixels):
    return pixels / (255 * STD) - MEAN / STD


@right(exercises.mended_prepare)  # a table of 256 numbers
def by_look_up(pixels):
    table = (torch.arange(256) / 255 - MEAN) / STD
    return table[pixels.long()]


@right(exercises.mended_prepare)
def in_place_on_a_copy(pixels):
    return pixels.float().div_(255).sub_(MEAN).div_(STD)


@right(exercises.mended_prepare)
def through_numpy(pixels):
    x = (pixels.numpy() / 255.0 - MEAN) / STD
    return torch.from_numpy(x.astype("float32"))


# ---- mended_step


def _loss(model, images, labels):
    return F.cross_entropy(model(images), labels)


@wrong(exercises.mended_step, "gradients_pile_up")
def step_as_it_came(model, optimizer, images, labels):
    loss = _loss(model, images, labels)
    loss.backward()
    optimizer.step()
    return loss.detach()


@wrong(exercises.mended_step, "cleared_before_use")
def clears_between_backward_and_step(model, optimizer, images, labels):
    loss = _loss(model, images, labels)
    loss.backward()
    optimizer.zero_grad()
    optimizer.step()
    return loss.detach()


@wrong(exercises.mended_step, "cleared_after_only")
def clears_at_the_end_only(model, optimizer, images, labels):
    loss = _loss(model, images, labels)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return loss.detach()


@wrong(exercises.mended_step, "never_moves")
def forgets_the_step(model, optimizer, images, labels):
    optimizer.zero_grad()
    loss = _loss(model, images, labels)
    loss.backward()
    return loss.detach()


@wrong(exercises.mended_step, "clipped_instead")  # a painkiller: the sum, made short
def clips_the_sum(model, optimizer, images, labels):
    loss = _loss(model, images, labels)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return loss.detach()


@wrong(exercises.mended_step, "loss_after_the_step")
def returns_the_loss_afterwards(model, optimizer, images, labels):
    optimizer.zero_grad()
    _loss(model, images, labels).backward()
    optimizer.step()
    return _loss(model, images, labels).detach()


@wrong(exercises.mended_step, "no_return")
def step_without_a_return(model, optimizer, images, labels):
    optimizer.zero_grad()
    _loss(model, images, labels).backward()
    optimizer.step()


@wrong(exercises.mended_step, "another_optimizer")
def makes_an_optimizer_of_its_own(model, optimizer, images, labels):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    optimizer.zero_grad()
    loss = _loss(model, images, labels)
    loss.backward()
    optimizer.step()
    return loss.detach()


@wrong(exercises.mended_step, "memory_cleared")  # no gradient is left, and no momentum either
def clears_the_momentum_too(model, optimizer, images, labels):
    optimizer.state.clear()
    optimizer.zero_grad()
    loss = _loss(model, images, labels)
    loss.backward()
    optimizer.step()
    return loss.detach()


@wrong(exercises.mended_step, "some_left")  # the biases keep theirs
def clears_the_weights_only(model, optimizer, images, labels):
    for parameter in model.parameters():
        if parameter.ndim > 1:
            parameter.grad = None
    loss = _loss(model, images, labels)
    loss.backward()
    optimizer.step()
    return loss.detach()


@wrong(exercises.mended_step, "weights_zeroed")
def zeroes_the_weights(model, optimizer, images, labels):
    for parameter in model.parameters():
        parameter.data.zero_()
    loss = _loss(model, images, labels)
    loss.backward()
    optimizer.step()
    return loss.detach()


@wrong(exercises.mended_step, "stepped_twice")
def steps_before_and_after(model, optimizer, images, labels):
    loss = _loss(model, images, labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    optimizer.step()
    return loss.detach()


@wrong(exercises.mended_step, "raised")  # no graph under no_grad
def under_no_grad(model, optimizer, images, labels):
    optimizer.zero_grad()
    with torch.no_grad():
        loss = _loss(model, images, labels)
    loss.backward()
    optimizer.step()
    return loss


@wrong(exercises.mended_step, "gradients_pile_up")  # detaching is not clearing
def detaches_the_gradients(model, optimizer, images, labels):
    for parameter in model.parameters():
        if parameter.grad is not None:
            parameter.grad = parameter.grad.detach()
    loss = _loss(model, images, labels)
    loss.backward()
    optimizer.step()
    return loss.detach()


@right(exercises.mended_step)
def clears_first(model, optimizer, images, labels):
    optimizer.zero_grad()
    loss = _loss(model, images, labels)
    loss.backward()
    optimizer.step()
    return loss.detach()


@right(exercises.mended_step)
def clears_with_zeros_and_returns_a_number(model, optimizer, images, labels):
    logits = model(images)
    loss = -logits.log_softmax(dim=1).gather(1, labels[:, None]).mean()
    optimizer.zero_grad(set_to_none=False)
    loss.backward()
    optimizer.step()
    return loss.item()


@right(exercises.mended_step)
def assigns_the_gradient(model, optimizer, images, labels):
    loss = _loss(model, images, labels)
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
        parameter.grad = gradient
    optimizer.step()
    return loss.detach()


@right(exercises.mended_step)
def through_the_model_and_a_closure(model, optimizer, images, labels):
    def closure():
        model.zero_grad()
        loss = nn.CrossEntropyLoss()(model(images), labels)
        loss.backward()
        return loss

    return optimizer.step(closure)


# ---- mended_accuracy


def _hits(model, loader):
    return torch.cat([model(x).argmax(1) == y for x, y in loader]).double()


@wrong(exercises.mended_accuracy, "no_eval")
def accuracy_as_it_came(model, loader):
    with torch.no_grad():
        return _hits(model, loader).mean().item()


@wrong(exercises.mended_accuracy, "mode_not_put_back")
def stays_in_eval(model, loader):
    model.eval()
    with torch.no_grad():
        return _hits(model, loader).mean().item()


@wrong(exercises.mended_accuracy, "always_training_mode")
def always_back_to_train(model, loader):
    model.eval()
    with torch.no_grad():
        accuracy = _hits(model, loader).mean().item()
    model.train()
    return accuracy


@wrong(exercises.mended_accuracy, "no_eval")  # comes too late
def eval_at_the_end(model, loader):
    with torch.no_grad():
        accuracy = _hits(model, loader).mean().item()
    was_training = model.training
    model.eval()
    model.train(was_training)
    return accuracy


@wrong(exercises.mended_accuracy, "seeded_only")  # repeatable, and units still drop out
def fixes_the_seed(model, loader):
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return _hits(model, loader).mean().item()


@wrong(exercises.mended_accuracy, "batch_norm_left")
@torch.no_grad()
def switches_dropout_off_only(model, loader):
    modes = {m: m.training for m in model.modules()}
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.eval()
    accuracy = _hits(model, loader).mean().item()
    for module, mode in modes.items():
        module.training = mode
    return accuracy


@wrong(exercises.mended_accuracy, "dropout_left")
@torch.no_grad()
def switches_batch_norm_off_only(model, loader):
    modes = {m: m.training for m in model.modules()}
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.eval()
    accuracy = _hits(model, loader).mean().item()
    for module, mode in modes.items():
        module.training = mode
    return accuracy


@wrong(exercises.mended_accuracy, "mean_of_batch_means")
@torch.no_grad()
def averages_the_batches(model, loader):
    was_training = model.training
    model.eval()
    shares = [(model(x).argmax(1) == y).float().mean().item() for x, y in loader]
    model.train(was_training)
    return sum(shares) / len(shares)


@wrong(exercises.mended_accuracy, "last_batch_only")
@torch.no_grad()
def overwrites_the_count(model, loader):
    was_training = model.training
    model.eval()
    for x, y in loader:
        right, count = (model(x).argmax(1) == y).sum().item(), len(y)
    model.train(was_training)
    return right / count


@wrong(exercises.mended_accuracy, "not_a_share")
@torch.no_grad()
def in_percent(model, loader):
    was_training = model.training
    model.eval()
    accuracy = _hits(model, loader).mean().item()
    model.train(was_training)
    return 100 * accuracy


@wrong(exercises.mended_accuracy, "not_a_share")
@torch.no_grad()
def counts_only(model, loader):
    was_training = model.training
    model.eval()
    right = _hits(model, loader).sum().item()
    model.train(was_training)
    return right


@wrong(exercises.mended_accuracy, "mode_not_put_back")  # sets back the model, not what is in it
@torch.no_grad()
def puts_the_top_flag_back_only(model, loader):
    was_training = model.training
    model.eval()
    accuracy = _hits(model, loader).mean().item()
    model.training = was_training
    return accuracy


@wrong(exercises.mended_accuracy, "no_eval")
@torch.inference_mode()
def takes_inference_mode_for_eval(model, loader):
    return _hits(model, loader).mean().item()


@wrong(exercises.mended_accuracy, "no_eval")  # chance averaged away, half the units still missing
@torch.no_grad()
def averages_several_passes(model, loader):
    return sum(_hits(model, loader).mean().item() for _ in range(20)) / 20


@right(exercises.mended_accuracy)
@torch.no_grad()
def puts_the_mode_back(model, loader):
    was_training = model.training
    model.eval()
    right = count = 0
    for images, labels in loader:
        right += (model(images).argmax(dim=1) == labels).sum().item()
        count += len(labels)
    model.train(was_training)
    return right / count


@right(exercises.mended_accuracy)
@torch.no_grad()
def on_a_copy(model, loader):
    return _hits(copy.deepcopy(model).eval(), loader).mean()


@right(exercises.mended_accuracy)
def with_a_context_manager(model, loader):
    @contextlib.contextmanager
    def evaluating():
        modes = [(module, module.training) for module in model.modules()]
        model.eval()
        try:
            yield
        finally:
            for module, mode in modes:
                module.training = mode

    with evaluating(), torch.inference_mode():
        return float(_hits(model, loader).mean())


@right(exercises.mended_accuracy)  # all examples in one batch
def in_one_batch(model, loader):
    images, labels = (torch.cat(parts) for parts in zip(*loader, strict=True))
    was_training = model.training
    with torch.no_grad():
        answers = model.eval()(images).argmax(1)
    if was_training:
        model.train()
    return (answers == labels).double().mean().item()
