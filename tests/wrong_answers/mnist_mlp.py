"""Answers to the exercises of mnist_mlp."""

import numpy as np
import torch
from sklearn.metrics import confusion_matrix

from course_utils.exercises import mnist_mlp as exercises

from . import right, wrong

# ---- evaluate_by_example


@wrong(exercises.evaluate_by_example, "no_eval_mode")
@torch.no_grad()
def forgets_eval(model, loader, criterion):
    loss = correct = count = 0
    for x, y in loader:
        logits = model(x)
        loss += criterion(logits, y).item() * len(y)
        correct += (logits.argmax(1) == y).sum().item()
        count += len(y)
    return loss / count, correct / count


@wrong(exercises.evaluate_by_example, "gradients_kept")
def forgets_no_grad(model, loader, criterion):
    model.eval()
    loss = correct = count = 0
    for x, y in loader:
        logits = model(x)
        loss = loss + criterion(logits, y) * len(y)
        correct += (logits.argmax(1) == y).sum()
        count += len(y)
    return loss / count, correct / count


@wrong(exercises.evaluate_by_example, "wrong_type")
@torch.no_grad()
def returns_the_loss_only(model, loader, criterion):
    model.eval()
    x, y = next(iter(loader))
    return criterion(model(x), y).item()


@wrong(exercises.evaluate_by_example, "no_return")
@torch.no_grad()
def prints_instead(model, loader, criterion):
    model.eval()
    for x, _ in loader:
        model(x)


@right(exercises.evaluate_by_example)
@torch.no_grad()
def weighs_the_batches(model, loader, criterion):
    model.eval()
    rows = []
    for x, y in loader:
        logits = model(x)
        rows.append((criterion(logits, y).item(), (logits.argmax(1) == y).double().mean(), len(y)))
    losses, accuracies, sizes = np.array(rows).T
    return np.average(losses, weights=sizes), np.average(accuracies, weights=sizes)


@right(exercises.evaluate_by_example)
@torch.inference_mode()
def all_at_once(model, loader, criterion):
    model.train(False)
    batches = list(loader)
    x, y = (torch.cat(parts) for parts in zip(*batches, strict=True))
    logits = model(x)
    return [criterion(logits, y), (logits.argmax(-1) == y).double().mean()]


# ---- count_confusions


@wrong(exercises.count_confusions, "repeats_lost")
def indexes_with_arrays(labels, predictions, num_classes):
    counts = torch.zeros(num_classes, num_classes, dtype=torch.long)
    counts[labels, predictions] += 1
    return counts


@wrong(exercises.count_confusions, "changed_argument")
def builds_the_index_in_place(labels, predictions, num_classes):
    index = labels.mul_(num_classes).add_(predictions)
    return torch.bincount(index, minlength=num_classes**2).reshape(num_classes, num_classes)


@wrong(exercises.count_confusions, "wrong_shape")
def forgets_to_reshape(labels, predictions, num_classes):
    return torch.bincount(labels * num_classes + predictions, minlength=num_classes**2)


@wrong(exercises.count_confusions, "overflow")
def overflows_in_bytes(labels, predictions, num_classes):
    return one_hot_product(labels, predictions, num_classes).to(torch.uint8)


@wrong(exercises.count_confusions, "used_forbidden")
def with_scikit_learn(labels, predictions, num_classes):
    return confusion_matrix(labels, predictions, labels=range(num_classes))


@right(exercises.count_confusions)
def one_hot_product(labels, predictions, num_classes):
    eye = torch.eye(num_classes)
    return eye[labels].T @ eye[predictions]


@right(exercises.count_confusions)
def nested_lists(labels, predictions, num_classes):
    pairs = list(zip(labels.tolist(), predictions.tolist(), strict=True))
    return [[pairs.count((i, j)) for j in range(num_classes)] for i in range(num_classes)]


@right(exercises.count_confusions)
def in_place_on_its_own_copy(labels, predictions, num_classes):
    index = labels.clone().mul_(num_classes).add_(predictions)
    counts = np.zeros(num_classes**2, dtype=np.int32)
    np.add.at(counts, index.numpy(), 1)
    return counts.reshape(num_classes, num_classes)


# ---- accuracy_by_confidence


def _by_bin(values, bins, num_bins):
    return torch.stack([values[bins == k].mean() for k in range(num_bins)])


@wrong(exercises.accuracy_by_confidence, "changed_argument")
def rounds_in_place(probs, labels, num_bins):
    probs.mul_(num_bins)
    bins = probs.max(1).values.long().clamp(max=num_bins - 1)
    return _by_bin((probs.argmax(1) == labels).float(), bins, num_bins)


@right(exercises.accuracy_by_confidence)
def with_numpy_and_right_closed_bins(probs, labels, num_bins):
    probs, labels = probs.double().numpy(), labels.numpy()
    edges = np.linspace(0, 1, num_bins + 1)[1:-1]
    bins = np.digitize(probs.max(1), edges, right=True)
    correct = probs.argmax(1) == labels
    return [correct[bins == k].mean() if (bins == k).any() else np.nan for k in range(num_bins)]
