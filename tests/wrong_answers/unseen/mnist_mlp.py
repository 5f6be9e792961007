"""Answers to the exercises of mnist_mlp, written from the prompts alone."""

import numpy as np
import torch
from torch.nn import functional as F

from course_utils.exercises import mnist_mlp as exercises

from .. import right, wrong

# ---- evaluate_by_example


@wrong(exercises.evaluate_by_example, "mean_of_batch_means")  # the loss is a mean of batch means
@torch.no_grad()
def loss_averaged_over_batches(model, loader, criterion):
    model.eval()
    losses, correct, count = [], 0, 0
    for x, y in loader:
        logits = model(x)
        losses.append(criterion(logits, y).item())
        correct += (logits.argmax(dim=1) == y).sum().item()
        count += len(y)
    return sum(losses) / len(losses), correct / count


@wrong(
    exercises.evaluate_by_example, "mean_of_batch_means"
)  # the accuracy is a mean of batch accuracies
@torch.no_grad()
def accuracy_averaged_over_batches(model, loader, criterion):
    model.eval()
    total, shares, count = 0.0, [], 0
    for x, y in loader:
        logits = model(x)
        total += criterion(logits, y).item() * len(y)
        shares.append((logits.argmax(dim=1) == y).float().mean().item())
        count += len(y)
    return total / count, sum(shares) / len(shares)


@wrong(exercises.evaluate_by_example, "mean_of_batch_means")  # both are means of batch means
@torch.no_grad()
def both_averaged_over_batches(model, loader, criterion):
    model.eval()
    pairs = []
    for x, y in loader:
        logits = model(x)
        accuracy = (logits.argmax(dim=1) == y).double().mean()
        pairs.append((criterion(logits, y).item(), accuracy.item()))
    return tuple(np.mean(pairs, axis=0).tolist())


def _totals(model, loader, criterion):
    total, correct, count = 0.0, 0, 0
    for x, y in loader:
        logits = model(x)
        total += criterion(logits, y).item() * len(y)
        correct += (logits.argmax(dim=1) == y).sum().item()
        count += len(y)
    return total, correct, count


@wrong(exercises.evaluate_by_example, "accuracy_in_percent")  # the accuracy in percent
@torch.no_grad()
def accuracy_in_percent(model, loader, criterion):
    model.eval()
    total, correct, count = _totals(model, loader, criterion)
    return total / count, 100 * correct / count


@wrong(exercises.evaluate_by_example, "swapped_results")  # accuracy first, loss second
@torch.no_grad()
def accuracy_first(model, loader, criterion):
    model.eval()
    total, correct, count = _totals(model, loader, criterion)
    return correct / count, total / count


@wrong(exercises.evaluate_by_example, "gradients_kept")  # autograd records the forward passes
def with_autograd_on(model, loader, criterion):
    model.eval()
    total, correct, count = _totals(model, loader, criterion)
    return total / count, correct / count


@wrong(
    exercises.evaluate_by_example, "gradients_kept"
)  # no_grad covers the loss only, not the model
def no_grad_too_late(model, loader, criterion):
    model.eval()
    total, correct, count = 0.0, 0, 0
    for x, y in loader:
        logits = model(x)
        with torch.no_grad():
            total += criterion(logits, y).item() * len(y)
            correct += (logits.argmax(dim=1) == y).sum().item()
        count += len(y)
    return total / count, correct / count


@wrong(
    exercises.evaluate_by_example, "sum_not_mean"
)  # the loss is not divided by the number of examples
@torch.no_grad()
def loss_summed(model, loader, criterion):
    model.eval()
    total, correct, count = _totals(model, loader, criterion)
    return total, correct / count


@wrong(
    exercises.evaluate_by_example, "sum_of_means_by_examples"
)  # batch means added without weights, then divided by N
@torch.no_grad()
def batch_means_over_examples(model, loader, criterion):
    model.eval()
    total, correct, count = 0.0, 0, 0
    for x, y in loader:
        logits = model(x)
        total += criterion(logits, y).item()
        correct += (logits.argmax(dim=1) == y).sum().item()
        count += len(y)
    return total / count, correct / count


@wrong(
    exercises.evaluate_by_example, "one_batch_only"
)  # only the last batch counts: nothing is added up
@torch.no_grad()
def last_batch_only(model, loader, criterion):
    model.eval()
    for x, y in loader:
        logits = model(x)
        loss = criterion(logits, y).item()
        accuracy = (logits.argmax(dim=1) == y).float().mean().item()
    return loss, accuracy


@wrong(
    exercises.evaluate_by_example, "one_batch_only"
)  # returns in the loop, after the first batch
@torch.no_grad()
def returns_after_first_batch(model, loader, criterion):
    model.eval()
    total, correct, count = 0.0, 0, 0
    for x, y in loader:
        logits = model(x)
        total += criterion(logits, y).item() * len(y)
        correct += (logits.argmax(dim=1) == y).sum().item()
        count += len(y)
        return total / count, correct / count


@wrong(
    exercises.evaluate_by_example, "mean_of_batch_means"
)  # counts every batch as long as the first
@torch.no_grad()
def batches_as_long_as_the_first(model, loader, criterion):
    model.eval()
    batches = list(loader)
    size, total, correct = len(batches[0][1]), 0.0, 0
    for x, y in batches:
        logits = model(x)
        total += criterion(logits, y).item() * size
        correct += (logits.argmax(dim=1) == y).sum().item()
    count = size * len(batches)
    return total / count, correct / count


@wrong(
    exercises.evaluate_by_example, "criterion_ignored"
)  # the given criterion is ignored: always cross-entropy
@torch.no_grad()
def criterion_ignored(model, loader, criterion):
    model.eval()
    total, correct, count = 0.0, 0, 0
    for x, y in loader:
        logits = model(x)
        total += F.cross_entropy(logits, y, reduction="sum").item()
        correct += (logits.argmax(dim=1) == y).sum().item()
        count += len(y)
    return total / count, correct / count


@wrong(
    exercises.evaluate_by_example, "wrong_value"
)  # the argmax goes over the batch, not the classes
@torch.no_grad()
def argmax_over_the_batch(model, loader, criterion):
    model.eval()
    outputs, labels = [], []
    for x, y in loader:
        outputs.append(model(x))
        labels.append(y)
    logits, labels = torch.cat(outputs), torch.cat(labels)
    hits = sum(int(a == b) for a, b in zip(logits.argmax(dim=0), labels, strict=False))
    return criterion(logits, labels).item(), hits / len(labels)


@wrong(
    exercises.evaluate_by_example, "softmax_before_criterion"
)  # softmax before a criterion that takes the logits
@torch.no_grad()
def softmax_before_the_criterion(model, loader, criterion):
    model.eval()
    total, correct, count = 0.0, 0, 0
    for x, y in loader:
        probs = model(x).softmax(dim=1)
        total += criterion(probs, y).item() * len(y)
        correct += (probs.argmax(dim=1) == y).sum().item()
        count += len(y)
    return total / count, correct / count


@wrong(exercises.evaluate_by_example, "wrong_value")  # skips the short last batch
@torch.no_grad()
def skips_the_short_batch(model, loader, criterion):
    model.eval()
    batches = [(x, y) for x, y in loader]
    batches = [batch for batch in batches if len(batch[1]) == len(batches[0][1])]
    total, correct, count = _totals(model, batches, criterion)
    return total / count, correct / count


@wrong(exercises.evaluate_by_example, "scaled")  # the number of right answers, not their share
@torch.no_grad()
def number_of_right_answers(model, loader, criterion):
    model.eval()
    total, correct, count = _totals(model, loader, criterion)
    return total / count, correct


@right(exercises.evaluate_by_example)  # collects everything, then asks the criterion once
@torch.no_grad()
def one_big_batch(model, loader, criterion):
    was_training = model.training
    model.eval()
    outputs, labels = zip(*((model(x), y) for x, y in loader), strict=True)
    logits, labels = torch.cat(outputs), torch.cat(labels)
    model.train(was_training)
    return criterion(logits, labels), (logits.argmax(dim=1) == labels).double().mean()


@right(exercises.evaluate_by_example)  # every example is a batch of its own
def one_example_at_a_time(model, loader, criterion):
    losses, hits = [], []
    model.eval()
    with torch.inference_mode():
        for inputs, labels in loader:
            for x, y in zip(inputs, labels, strict=True):
                logits = model(x.unsqueeze(0))
                losses.append(criterion(logits, y.unsqueeze(0)).item())
                hits.append(int(logits.argmax()) == int(y))
    return sum(losses) / len(losses), sum(hits) / len(hits)


@right(exercises.evaluate_by_example)  # numpy's weighted average of the batch means
@torch.no_grad()
def weighted_average(model, loader, criterion):
    was_training = model.training
    model.eval()
    sizes, losses, shares = [], [], []
    for x, y in loader:
        logits = model(x)
        sizes.append(y.shape[0])
        losses.append(float(criterion(logits, y)))
        shares.append(np.mean(logits.numpy().argmax(axis=1) == y.numpy()))
    model.train(was_training)
    return np.average(losses, weights=sizes), np.average(shares, weights=sizes)


@right(exercises.evaluate_by_example)  # a running mean, moved by each batch
@torch.no_grad()
def running_mean_of_batches(model, loader, criterion):
    model.eval()
    loss = accuracy = seen = 0
    for x, y in loader:
        logits = model(x)
        seen += len(y)
        loss += (criterion(logits, y).item() - loss) * len(y) / seen
        hits = (torch.topk(logits, 1).indices[:, 0] == y).double().mean().item()
        accuracy += (hits - accuracy) * len(y) / seen
    return loss, accuracy


# ---- count_confusions


@wrong(exercises.count_confusions, "transposed")  # rows are predictions, columns are true classes
def rows_and_columns_swapped(labels, predictions, num_classes):
    counts = torch.zeros(num_classes, num_classes, dtype=torch.long)
    for label, prediction in zip(labels, predictions, strict=True):
        counts[prediction, label] += 1
    return counts


@wrong(
    exercises.count_confusions, "repeats_lost"
)  # indexing with += counts a repeated pair only once
def repeated_pairs_count_once(labels, predictions, num_classes):
    counts = torch.zeros(num_classes, num_classes, dtype=torch.long)
    counts[labels, predictions] += 1
    return counts


@wrong(exercises.count_confusions, "absent_class")  # the size is taken from the largest label
def size_from_the_labels(labels, predictions, num_classes):
    size = int(max(labels.max(), predictions.max())) + 1
    counts = torch.zeros(size, size, dtype=torch.long)
    for label, prediction in zip(labels, predictions, strict=True):
        counts[label, prediction] += 1
    return counts


@wrong(
    exercises.count_confusions, "absent_class"
)  # bincount without minlength: too short for the last cells
def bincount_too_short(labels, predictions, num_classes):
    cells = labels.long() * num_classes + predictions.long()
    return torch.bincount(cells).reshape(num_classes, num_classes)


@wrong(
    exercises.count_confusions, "shares_not_counts"
)  # rows divided by their sums: shares, not counts
def shares_of_each_row(labels, predictions, num_classes):
    cells = labels.long() * num_classes + predictions.long()
    counts = torch.bincount(cells, minlength=num_classes**2).view(num_classes, num_classes)
    return counts / counts.sum(dim=1, keepdim=True)


@wrong(exercises.count_confusions, "size_fixed")  # ten classes are hard-coded
def always_ten_classes(labels, predictions, num_classes):
    counts = torch.zeros(10, 10, dtype=torch.long)
    for label, prediction in zip(labels.tolist(), predictions.tolist(), strict=True):
        counts[label, prediction] += 1
    return counts


@wrong(exercises.count_confusions, "errors_only")  # the confusions alone: the diagonal is left at 0
def mistakes_only(labels, predictions, num_classes):
    counts = torch.zeros(num_classes, num_classes, dtype=torch.long)
    for label, prediction in zip(labels.tolist(), predictions.tolist(), strict=True):
        if label != prediction:
            counts[label, prediction] += 1
    return counts


@wrong(exercises.count_confusions, "right_only")  # right answers per class alone, on the diagonal
def right_answers_only(labels, predictions, num_classes):
    hits = labels[labels == predictions].long()
    return torch.diag(torch.bincount(hits, minlength=num_classes))


@wrong(exercises.count_confusions, "overflow")  # counts in uint8, which overflow after 255
def overflow_in_bytes(labels, predictions, num_classes):
    counts = torch.zeros(num_classes, num_classes, dtype=torch.uint8)
    for label, prediction in zip(labels.tolist(), predictions.tolist(), strict=True):
        counts[label, prediction] += 1
    return counts


@wrong(
    exercises.count_confusions, "counted_from_one"
)  # classes counted from 1: everything one row too high
def classes_from_one(labels, predictions, num_classes):
    counts = torch.zeros(num_classes, num_classes, dtype=torch.long)
    for label, prediction in zip(labels.tolist(), predictions.tolist(), strict=True):
        counts[label - 1, prediction - 1] += 1
    return counts


@wrong(exercises.count_confusions, "used_forbidden")  # calls scikit-learn, which is forbidden
def calls_scikit_learn(labels, predictions, num_classes):
    from sklearn.metrics import confusion_matrix

    return torch.from_numpy(confusion_matrix(labels, predictions, labels=range(num_classes)))


@wrong(
    exercises.count_confusions, "absent_class"
)  # scikit-learn without labels=: absent classes go missing
def scikit_learn_drops_classes(labels, predictions, num_classes):
    from sklearn.metrics import confusion_matrix

    return torch.tensor(confusion_matrix(labels.numpy(), predictions.numpy()))


@wrong(exercises.count_confusions, "transposed")  # the cell number is label + prediction times K
def cell_number_transposed(labels, predictions, num_classes):
    cells = labels.long() + num_classes * predictions.long()
    return torch.bincount(cells, minlength=num_classes**2).view(num_classes, num_classes)


@wrong(exercises.count_confusions, "repeats_lost")  # yes or no for each cell instead of a count
def seen_or_not(labels, predictions, num_classes):
    counts = torch.zeros(num_classes, num_classes, dtype=torch.long)
    counts[labels.long(), predictions.long()] = 1
    return counts


@right(exercises.count_confusions)  # two one-hot matrices multiplied
def one_hot_product(labels, predictions, num_classes):
    rows = F.one_hot(labels.long(), num_classes)
    columns = F.one_hot(predictions.long(), num_classes)
    return rows.T @ columns


@right(exercises.count_confusions)  # index_put_ with accumulate
def accumulates(labels, predictions, num_classes):
    counts = torch.zeros((num_classes, num_classes), dtype=torch.int64)
    ones = torch.ones(len(labels), dtype=torch.int64)
    return counts.index_put_((labels.long(), predictions.long()), ones, accumulate=True)


@right(exercises.count_confusions)  # compares with every pair of classes
def pair_by_pair(labels, predictions, num_classes):
    return torch.tensor(
        [
            [int(((labels == i) & (predictions == j)).sum()) for j in range(num_classes)]
            for i in range(num_classes)
        ]
    )


@right(exercises.count_confusions)  # scatter_add into a flat table
def scatters_flat(labels, predictions, num_classes):
    cells = num_classes * labels.to(torch.int64) + predictions.to(torch.int64)
    flat = torch.zeros(num_classes * num_classes, dtype=torch.int64)
    flat.scatter_add_(0, cells, torch.ones_like(cells))
    return flat.unflatten(0, (num_classes, num_classes))


@right(exercises.count_confusions)  # one bincount for each true class
def row_by_row(labels, predictions, num_classes):
    rows = []
    for label in range(num_classes):
        answers = predictions[labels == label].long()
        rows.append(torch.bincount(answers, minlength=num_classes))
    return torch.stack(rows)


# ---- accuracy_by_confidence


def _bins_and_hits(probs, labels, num_bins):
    confidence, answers = probs.max(dim=1)
    return (confidence * num_bins).long(), (answers == labels).float()


@wrong(exercises.accuracy_by_confidence, "top_edge_lost")  # confidence 1 falls into no bin
def certainty_is_lost(probs, labels, num_bins):
    bins, hits = _bins_and_hits(probs, labels, num_bins)
    return torch.stack([hits[bins == b].mean() for b in range(num_bins)])


@wrong(
    exercises.accuracy_by_confidence, "bin_of_its_own"
)  # confidence 1 gets a bin of its own, too many bins
def one_bin_too_many(probs, labels, num_bins):
    bins, hits = _bins_and_hits(probs, labels, num_bins)
    return torch.stack([hits[bins == b].mean() for b in range(num_bins + 1)])


@wrong(exercises.accuracy_by_confidence, "empty_bin_is_zero")  # empty bins are 0 instead of nan
def empty_is_zero(probs, labels, num_bins):
    bins, hits = _bins_and_hits(probs, labels, num_bins)
    bins = bins.clamp(max=num_bins - 1)
    counts = torch.bincount(bins, minlength=num_bins)
    return torch.bincount(bins, weights=hits, minlength=num_bins) / counts.clamp(min=1)


@wrong(
    exercises.accuracy_by_confidence, "empty_bin_left_out"
)  # empty bins are left out of the result
def empty_is_left_out(probs, labels, num_bins):
    bins, hits = _bins_and_hits(probs, labels, num_bins)
    bins = bins.clamp(max=num_bins - 1)
    return torch.stack([hits[bins == b].mean() for b in bins.unique()])


@wrong(
    exercises.accuracy_by_confidence, "other_range"
)  # the bins span the confidences seen, not 0 to 1
def bins_from_min_to_max(probs, labels, num_bins):
    confidence, answers = probs.max(dim=1)
    low, high = confidence.min(), confidence.max()
    bins = ((confidence - low) / (high - low + 1e-12) * num_bins).long().clamp(0, num_bins - 1)
    hits = (answers == labels).float()
    return torch.stack([hits[bins == b].mean() for b in range(num_bins)])


@wrong(
    exercises.accuracy_by_confidence, "other_range"
)  # the bins begin at 1/K, the least confidence
def bins_begin_at_one_over_k(probs, labels, num_bins):
    confidence, answers = probs.max(dim=1)
    low = 1 / probs.shape[1]
    bins = ((confidence - low) / (1 - low) * num_bins).long().clamp(0, num_bins - 1)
    hits = (answers == labels).float()
    return torch.stack([hits[bins == b].mean() for b in range(num_bins)])


@wrong(
    exercises.accuracy_by_confidence, "equal_counts"
)  # equally full bins instead of equally wide ones
def equally_full_bins(probs, labels, num_bins):
    confidence, answers = probs.max(dim=1)
    hits = (answers == labels).float()[confidence.argsort()]
    parts = hits.tensor_split(num_bins)
    return torch.stack([part.mean() for part in parts])


@wrong(
    exercises.accuracy_by_confidence, "mean_confidence"
)  # the mean confidence of each bin, not its accuracy
def confidence_of_each_bin(probs, labels, num_bins):
    confidence = probs.max(dim=1).values
    bins = (confidence * num_bins).long().clamp(max=num_bins - 1)
    return torch.stack([confidence[bins == b].mean() for b in range(num_bins)])


@wrong(
    exercises.accuracy_by_confidence, "label_probability"
)  # the probability of the true class as confidence
def confidence_in_the_truth(probs, labels, num_bins):
    confidence = probs[torch.arange(len(labels)), labels]
    bins = (confidence * num_bins).long().clamp(max=num_bins - 1)
    hits = (probs.argmax(dim=1) == labels).float()
    return torch.stack([hits[bins == b].mean() for b in range(num_bins)])


@wrong(
    exercises.accuracy_by_confidence, "counted"
)  # right answers of a bin divided by all N examples
def share_of_all_examples(probs, labels, num_bins):
    bins, hits = _bins_and_hits(probs, labels, num_bins)
    bins = bins.clamp(max=num_bins - 1)
    counts = torch.bincount(bins, minlength=num_bins)
    shares = torch.bincount(bins, weights=hits, minlength=num_bins) / len(labels)
    return torch.where(counts > 0, shares, torch.nan)


@wrong(exercises.accuracy_by_confidence, "counted")  # the right answers are counted, not averaged
def right_answers_in_each_bin(probs, labels, num_bins):
    bins, hits = _bins_and_hits(probs, labels, num_bins)
    bins = bins.clamp(max=num_bins - 1)
    inside = [hits[bins == b] for b in range(num_bins)]
    return torch.stack([h.sum() if len(h) else h.mean() for h in inside])


@wrong(
    exercises.accuracy_by_confidence, "edges_for_bins"
)  # linspace with num_bins edges: a bin too few
def edges_are_not_bins(probs, labels, num_bins):
    confidence, answers = probs.max(dim=1)
    edges = torch.linspace(0, 1, num_bins, dtype=probs.dtype)
    bins = torch.bucketize(confidence, edges, right=True) - 1
    hits = (answers == labels).float()
    return torch.stack([hits[bins == b].mean() for b in range(num_bins)])


@wrong(exercises.accuracy_by_confidence, "rounded_up")  # rounds to the nearest bin instead of down
def rounds_to_the_nearest(probs, labels, num_bins):
    confidence, answers = probs.max(dim=1)
    bins = (confidence * num_bins).round().long().clamp(max=num_bins - 1)
    hits = (answers == labels).float()
    return torch.stack([hits[bins == b].mean() for b in range(num_bins)])


@wrong(exercises.accuracy_by_confidence, "bins_ignored")  # ten bins are hard-coded
def always_ten_bins(probs, labels, num_bins):
    bins, hits = _bins_and_hits(probs, labels, 10)
    bins = bins.clamp(max=9)
    return torch.stack([hits[bins == b].mean() for b in range(10)])


@wrong(
    exercises.accuracy_by_confidence, "softmax_again"
)  # softmax applied to what are probabilities already
def softmax_again(probs, labels, num_bins):
    bins, hits = _bins_and_hits(probs.softmax(dim=1), labels, num_bins)
    bins = bins.clamp(max=num_bins - 1)
    return torch.stack([hits[bins == b].mean() for b in range(num_bins)])


@wrong(
    exercises.accuracy_by_confidence, "cumulative"
)  # everything at least as confident, not just the bin
def at_least_as_confident(probs, labels, num_bins):
    bins, hits = _bins_and_hits(probs, labels, num_bins)
    bins = bins.clamp(max=num_bins - 1)
    return torch.stack([hits[bins >= b].mean() for b in range(num_bins)])


@right(exercises.accuracy_by_confidence)  # the mean of an empty tensor is nan
def mean_of_each_bin(probs, labels, num_bins):
    bins, hits = _bins_and_hits(probs, labels, num_bins)
    bins = bins.clamp(max=num_bins - 1)
    return torch.stack([hits[bins == b].mean() for b in range(num_bins)])


@right(exercises.accuracy_by_confidence)  # 0 divided by 0 gives nan
def zero_by_zero(probs, labels, num_bins):
    confidence, answers = probs.double().max(dim=1)
    bins = (confidence * num_bins).floor().long().clamp(0, num_bins - 1)
    hits = torch.zeros(num_bins, dtype=torch.float64)
    counts = torch.zeros(num_bins, dtype=torch.float64)
    hits.index_add_(0, bins, (answers == labels).double())
    counts.index_add_(0, bins, torch.ones_like(confidence))
    return hits / counts


@right(exercises.accuracy_by_confidence)  # lists in plain Python, floats returned
def lists_of_hits(probs, labels, num_bins):
    inside = [[] for _ in range(num_bins)]
    for row, label in zip(probs.tolist(), labels.tolist(), strict=True):
        confidence = max(row)
        place = min(int(confidence * num_bins), num_bins - 1)
        inside[place].append(row.index(confidence) == label)
    return [sum(hits) / len(hits) if hits else float("nan") for hits in inside]


@right(exercises.accuracy_by_confidence)  # numpy histograms of all and of the right ones
def two_histograms(probs, labels, num_bins):
    confidence, answers = probs.detach().numpy().max(axis=1), probs.argmax(dim=1)
    right_ones = confidence[(answers == labels).numpy()]
    total, _ = np.histogram(confidence, bins=num_bins, range=(0, 1))
    correct, _ = np.histogram(right_ones, bins=num_bins, range=(0, 1))
    with np.errstate(invalid="ignore"):
        return torch.from_numpy(correct / total)


@right(exercises.accuracy_by_confidence)  # compares with both edges of every bin
def between_two_edges(probs, labels, num_bins):
    confidence, answers = probs.max(dim=1)
    result = torch.full((num_bins,), float("nan"))
    for b in range(num_bins):
        inside = (confidence >= b / num_bins) & (confidence < (b + 1) / num_bins)
        if b == num_bins - 1:
            inside |= confidence == 1
        if inside.any():
            result[b] = (answers[inside] == labels[inside]).float().mean()
    return result
