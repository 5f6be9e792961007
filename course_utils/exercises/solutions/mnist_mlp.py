"""Solutions of the lesson mnist_mlp, from which `make notebooks` generates this file."""

import torch


def evaluate_by_example(model, loader, criterion):
    """Mean loss and accuracy over all examples, whatever the batch size."""
    model.eval()
    total_loss, total_correct, count = 0.0, 0, 0
    with torch.no_grad():
        for images, labels in loader:
            logits = model(images)
            total_loss += criterion(logits, labels).item() * len(labels)
            total_correct += (logits.argmax(dim=1) == labels).sum().item()
            count += len(labels)
    return total_loss / count, total_correct / count


def count_confusions(labels, predictions, num_classes):
    """Counts (K, K): row = true class, column = predicted class."""
    pair_index = labels * num_classes + predictions
    counts = torch.bincount(pair_index, minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes)


def accuracy_by_confidence(probs, labels, num_bins):
    """Accuracy in each of num_bins equal-width confidence bins; nan where a bin is empty."""
    confidence, predictions = probs.max(dim=1)
    bins = (confidence * num_bins).long().clamp(max=num_bins - 1)
    correct = (predictions == labels).float()
    return torch.stack([correct[bins == index].mean() for index in range(num_bins)])
