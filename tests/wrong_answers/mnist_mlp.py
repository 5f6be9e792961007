"""Answers to the exercises of mnist_mlp."""

import numpy as np
import torch

from course_utils.exercises import mnist_mlp as exercises

from . import right, wrong

# ---- evaluate_by_example


@wrong(exercises.evaluate_by_example, "mean_of_batch_means")
@torch.no_grad()
def averages_the_batches(model, loader, criterion):
    model.eval()
    losses, accuracies = [], []
    for x, y in loader:
        logits = model(x)
        losses.append(criterion(logits, y).item())
        accuracies.append((logits.argmax(1) == y).float().mean().item())
    return np.mean(losses), np.mean(accuracies)


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


@wrong(exercises.evaluate_by_example, "softmax_before_criterion")
@torch.no_grad()
def softmax_twice(model, loader, criterion):
    model.eval()
    loss = correct = count = 0
    for x, y in loader:
        probs = model(x).softmax(dim=1)
        loss += criterion(probs, y).item() * len(y)
        correct += (probs.argmax(1) == y).sum().item()
        count += len(y)
    return loss / count, correct / count


@wrong(exercises.evaluate_by_example, "accuracy_in_percent")
@torch.no_grad()
def in_percent(model, loader, criterion):
    model.eval()
    loss = correct = count = 0
    for x, y in loader:
        logits = model(x)
        loss += criterion(logits, y).item() * len(y)
        correct += (logits.argmax(1) == y).sum().item()
        count += len(y)
    return loss / count, 100.0 * correct / count


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
@torch.inference_mode()
def all_at_once(model, loader, criterion):
    model.train(False)
    batches = list(loader)
    x, y = (torch.cat(parts) for parts in zip(*batches, strict=True))
    logits = model(x)
    return [criterion(logits, y), (logits.argmax(-1) == y).double().mean()]


# ---- count_confusions


@wrong(exercises.count_confusions, "transposed")
def rows_are_predictions(labels, predictions, num_classes):
    counts = torch.zeros(num_classes, num_classes, dtype=torch.long)
    for label, prediction in zip(labels, predictions, strict=True):
        counts[prediction, label] += 1
    return counts


@wrong(exercises.count_confusions, "repeats_lost")
def indexes_with_arrays(labels, predictions, num_classes):
    counts = torch.zeros(num_classes, num_classes, dtype=torch.long)
    counts[labels, predictions] += 1
    return counts


@wrong(exercises.count_confusions, "absent_class")
def sized_by_the_largest_label(labels, predictions, num_classes):
    size = int(max(labels.max(), predictions.max())) + 1
    return torch.bincount(labels * size + predictions, minlength=size**2).reshape(size, size)


@wrong(exercises.count_confusions, "shares_not_counts")
def divides_each_row(labels, predictions, num_classes):
    index = labels * num_classes + predictions
    counts = torch.bincount(index, minlength=num_classes**2).reshape(num_classes, num_classes)
    return counts / counts.sum(dim=1, keepdim=True).clamp(min=1)


@wrong(exercises.count_confusions, "changed_argument")
def builds_the_index_in_place(labels, predictions, num_classes):
    index = labels.mul_(num_classes).add_(predictions)
    return torch.bincount(index, minlength=num_classes**2).reshape(num_classes, num_classes)


@wrong(exercises.count_confusions, "wrong_shape")
def forgets_to_reshape(labels, predictions, num_classes):
    return torch.bincount(labels * num_classes + predictions, minlength=num_classes**2)


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


@wrong(exercises.accuracy_by_confidence, "label_probability")
def bins_the_label_probability(probs, labels, num_bins):
    confidence = probs[torch.arange(len(labels)), labels]
    bins = (confidence * num_bins).long().clamp(max=num_bins - 1)
    return _by_bin((probs.argmax(1) == labels).float(), bins, num_bins)


@wrong(exercises.accuracy_by_confidence, "mean_confidence")
def averages_the_confidence(probs, labels, num_bins):
    confidence = probs.max(1).values
    bins = (confidence * num_bins).long().clamp(max=num_bins - 1)
    return _by_bin(confidence, bins, num_bins)


@wrong(exercises.accuracy_by_confidence, "top_edge_lost")
def loses_certainty(probs, labels, num_bins):
    confidence = probs.max(1).values
    bins = (confidence * num_bins).long()
    return _by_bin((probs.argmax(1) == labels).float(), bins, num_bins)


@wrong(exercises.accuracy_by_confidence, "empty_bin_is_zero")
def zero_where_empty(probs, labels, num_bins):
    bins = (probs.max(1).values * num_bins).long().clamp(max=num_bins - 1)
    return _by_bin((probs.argmax(1) == labels).float(), bins, num_bins).nan_to_num(0.0)


@wrong(exercises.accuracy_by_confidence, "equal_counts")
def bins_of_equal_size(probs, labels, num_bins):
    order = probs.max(1).values.argsort()
    correct = (probs.argmax(1) == labels).float()[order]
    return torch.stack([part.mean() for part in correct.tensor_split(num_bins)])


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
