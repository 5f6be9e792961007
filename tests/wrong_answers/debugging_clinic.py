"""Answers to the exercises of debugging_clinic."""

import copy

import torch
from torch import nn

from course_utils.exercises import debugging_clinic as exercises
from course_utils.seeding import seeded

from . import as_a_student, right, wrong

_SOLUTIONS = as_a_student("debugging_clinic")

# ---- diagnosis

_RIGHT = _SOLUTIONS["diagnosis"]


def _with(**named):
    return _RIGHT | named


for mistake, diagnosis in {
    "unknown_name": _with(M="dead neurons"),
    "missing_entries": {k: v for k, v in _RIGHT.items() if k not in "RT"},
    "healthy_called_ill": _with(Q="rate_too_low"),
    "ill_called_healthy": _with(N="sound"),
    "gap_without_learning_by_heart": _with(N="overfitting"),
    "learned_by_heart": _with(T="no_eval"),
    "wrong_before_the_first_step": _with(O="rate_diverges"),
    "fell_apart_late": _with(R="rate_diverges"),
    "loss_and_accuracy_disagree": _with(P="rate_too_low"),
    "flat_has_many_causes": _with(M="other_models_optimizer", S="dead_relus"),
    "another_fault": _with(T="slow_loader"),
    "wrong_type": list(_RIGHT.values()),
    "not_attempted": dict.fromkeys(_RIGHT, ...),
}.items():
    wrong(exercises.diagnosis, mistake)(diagnosis)

wrong(exercises.diagnosis, "wrong_before_the_first_step")(_with(O="rate_too_high"))
wrong(exercises.diagnosis, "fell_apart_late")(_with(R="rate_too_high"))
wrong(exercises.diagnosis, "flat_has_many_causes")(_with(M="rate_too_low"))
wrong(exercises.diagnosis, "flat_has_many_causes")(_with(S="labels_shifted"))
wrong(exercises.diagnosis, "missing_entries")(_with(R=...))

right(exercises.diagnosis)(dict(reversed(_RIGHT.items())))
right(exercises.diagnosis)({k.lower(): v.replace("_", " ").upper() for k, v in _RIGHT.items()})


@right(exercises.diagnosis)
def as_a_function():
    return _RIGHT | {"A": "no_zero_grad"}


# ---- mended_training


def _accuracy(model, loader):
    batches = [(model(x).argmax(1) == y).float() for x, y in loader]
    return torch.cat(batches).mean().item()


@wrong(exercises.mended_training, "softmax_twice")
def as_it_came(model, optimizer, train_loader, val_loader, epochs):
    model.train()
    accuracies = []
    for _ in range(epochs):
        for x, y in train_loader:
            nn.functional.cross_entropy(model(x).softmax(1), y).backward()
            optimizer.step()
        accuracies.append(_accuracy(model, val_loader))
    return accuracies


@wrong(exercises.mended_training, "no_eval")
def forgets_eval(model, optimizer, train_loader, val_loader, epochs):
    accuracies = []
    for _ in range(epochs):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
        with torch.no_grad():
            accuracies.append(_accuracy(model, val_loader))
    return accuracies


@wrong(exercises.mended_training, "one_number_only")
def returns_the_last_accuracy(model, optimizer, train_loader, val_loader, epochs):
    return _SOLUTIONS["mended_training"](model, optimizer, train_loader, val_loader, epochs)[-1]


@wrong(exercises.mended_training, "no_return")
def returns_nothing(model, optimizer, train_loader, val_loader, epochs):
    _SOLUTIONS["mended_training"](model, optimizer, train_loader, val_loader, epochs)


@wrong(exercises.mended_training, "one_step_an_epoch")
def steps_outside_the_inner_loop(model, optimizer, train_loader, val_loader, epochs):
    accuracies = []
    for _ in range(epochs):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
        with torch.no_grad():
            accuracies.append(_accuracy(model.eval(), val_loader))
    return accuracies


@right(exercises.mended_training)
def clears_after_the_step(model, optimizer, train_loader, val_loader, epochs):
    accuracies = []
    for _ in range(epochs):
        model.train()
        for x, y in train_loader:
            log_probs = model(x).log_softmax(dim=1)
            nn.functional.nll_loss(log_probs, y).backward()
            optimizer.step()
            for parameter in model.parameters():
                parameter.grad = None
        with torch.inference_mode():
            accuracies.append(_accuracy(model.eval(), val_loader))
    return accuracies


@right(exercises.mended_training)
def returns_a_tensor(model, optimizer, train_loader, val_loader, epochs):
    result = _SOLUTIONS["mended_training"](model, optimizer, train_loader, val_loader, epochs)
    return torch.tensor(result, dtype=torch.float64)


# ---- mixes_examples


def _row_gradients(model, inputs, rows, weigh=True):
    inputs = inputs.clone().requires_grad_()
    outputs = model(inputs)
    mixed = False
    for i in rows:
        weights = torch.randn(outputs[i].shape) if weigh else 1
        (gradient,) = torch.autograd.grad((weights * outputs[i]).sum(), inputs, retain_graph=True)
        others = torch.arange(len(inputs)) != i
        mixed |= bool((gradient[others].abs() > 1e-6).any())
    return mixed


@wrong(exercises.mixes_examples, "one_row_only")
def moves_the_first_row(model, inputs):
    model, other = copy.deepcopy(model), inputs.clone()
    other[0] += 1
    with seeded(0):
        a = model(inputs)
    with seeded(0):
        b = model(other)
    return not torch.allclose(a[1:], b[1:])


@wrong(exercises.mixes_examples, "dropout_taken_for_mixing")
def two_passes_without_a_seed(model, inputs):
    model, mixed = copy.deepcopy(model), False
    for i in range(len(inputs)):
        other = inputs.clone()
        other[i] += 1
        rest = torch.arange(len(inputs)) != i
        mixed |= not torch.allclose(model(inputs)[rest], model(other)[rest])
    return mixed


@wrong(exercises.mixes_examples, "model_changed")
def moves_the_running_statistics(model, inputs):
    return _row_gradients(model, inputs, range(len(inputs)))


@wrong(exercises.mixes_examples, "model_changed")
def leaves_gradients_behind(model, inputs):
    state = copy.deepcopy(model.state_dict())
    mixed = False
    for i in range(len(inputs)):
        x = inputs.clone().requires_grad_()
        outputs = model(x)
        (torch.randn(outputs[i].shape) * outputs[i]).sum().backward()
        x.grad[i] = 0
        mixed |= bool(x.grad.any())
    model.load_state_dict(state)
    return mixed


@wrong(exercises.mixes_examples, "model_changed")
def leaves_training_mode_on(model, inputs):
    mixed = _row_gradients(copy.deepcopy(model), inputs, range(len(inputs)))
    model.train()
    return mixed


@right(exercises.mixes_examples)
def two_passes_with_a_seed(model, inputs):
    model, mixed = copy.deepcopy(model).double(), torch.tensor(False)
    for i in range(len(inputs)):
        passes = []
        for shift in (0.0, 1.0):
            moved = inputs.double()
            moved[i] += shift
            with seeded(0), torch.no_grad():
                passes.append(model(moved))
        rest = torch.arange(len(inputs)) != i
        mixed |= ((passes[0] - passes[1])[rest].abs() > 1e-9).any()
    return mixed


@right(exercises.mixes_examples)
def with_the_whole_jacobian(model, inputs):
    jacobian = torch.autograd.functional.jacobian(copy.deepcopy(model), inputs)
    strength = jacobian.abs().sum(dim=(1, 3)).fill_diagonal_(0)  # (row out, row in)
    return int(strength.max() > 1e-7)
