"""Answers to the exercises of start_here, written from the prompts alone."""

import numpy as np
import torch

from course_utils.exercises import start_here as exercises

from .. import right, wrong

# ---- accuracy


@wrong(exercises.accuracy, "in_percent")  # in percent, from 0 to 100
def in_percent(predictions, labels):
    return 100 * (predictions == labels).float().mean().item()


@wrong(
    exercises.accuracy, "count_not_share"
)  # the number of right answers, not divided by the length
def number_of_hits(predictions, labels):
    return (predictions == labels).sum().item()


@wrong(exercises.accuracy, "share_of_mistakes")  # the share that is wrong
def error_rate(predictions, labels):
    return (predictions != labels).float().mean().item()


@wrong(exercises.accuracy, "mean_of_booleans")  # mean() of a bool tensor raises an error
def mean_of_booleans(predictions, labels):
    return (predictions == labels).mean()


@wrong(exercises.accuracy, "all_or_nothing")  # whole-number division
def whole_number_division(predictions, labels):
    return (predictions == labels).sum().item() // len(labels)


@wrong(exercises.accuracy, "all_or_nothing")  # converts the share to an int, which cuts it off
def cut_to_an_integer(predictions, labels):
    return int((predictions == labels).float().mean())


@wrong(exercises.accuracy, "all_or_nothing")  # all or nothing: whether everything is right
def all_or_nothing(predictions, labels):
    return float(torch.equal(predictions, labels))


@wrong(exercises.accuracy, "each_comparison")  # each comparison instead of their mean
def one_answer_each(predictions, labels):
    return (predictions == labels).float()


@wrong(
    exercises.accuracy, "classes_as_numbers"
)  # 1 minus the mean distance, as if classes were numbers
def distance_of_classes(predictions, labels):
    return 1 - (predictions - labels).abs().float().mean().item()


@wrong(exercises.accuracy, "order_lost")  # compares sorted answers: the order is lost
def compares_sorted(predictions, labels):
    return (predictions.sort().values == labels.sort().values).float().mean().item()


@wrong(exercises.accuracy, "other_divisor")  # divides by the number of classes, not of examples
def divides_by_classes(predictions, labels):
    return (predictions == labels).sum().item() / len(labels.unique())


@wrong(exercises.accuracy, "other_divisor")  # divides by 100 examples, whatever the length
def hundred_examples(predictions, labels):
    return (predictions == labels).sum().item() / 100


@wrong(exercises.accuracy, "one_answer_only")  # returns in the loop, after the first example
def after_the_first_example(predictions, labels):
    hits = 0
    for prediction, label in zip(predictions, labels, strict=True):
        hits += int(prediction == label)
        return hits / len(labels)


@wrong(
    exercises.accuracy, "class_0_never_right"
)  # class 0 never counts as right: counts nonzero products
def class_zero_never_right(predictions, labels):
    return torch.count_nonzero(predictions * (predictions == labels)).item() / len(labels)


@wrong(
    exercises.accuracy, "mean_over_classes"
)  # a mean over classes (balanced accuracy), not over examples
def mean_over_classes(predictions, labels):
    shares = [(predictions[labels == c] == c).float().mean() for c in labels.unique()]
    return torch.stack(shares).mean().item()


@wrong(exercises.accuracy, "rounded")  # rounds the share to one decimal
def rounded_to_one_decimal(predictions, labels):
    return round((predictions == labels).double().mean().item(), 1)


@wrong(exercises.accuracy, "no_return")  # forgets the return
def forgets_to_return(predictions, labels):
    share = (predictions == labels).float().mean().item()
    print(share)


@right(exercises.accuracy)  # a 0-d tensor in float64
def mean_in_double(predictions, labels):
    return torch.eq(predictions, labels).double().mean()


@right(exercises.accuracy)  # a loop in plain Python
def counts_in_a_loop(predictions, labels):
    hits = 0
    for i in range(len(labels)):
        if predictions[i].item() == labels[i].item():
            hits = hits + 1
    return hits / len(labels)


@right(exercises.accuracy)  # numpy
def with_numpy(predictions, labels):
    return np.mean(predictions.numpy() == labels.numpy())


@right(exercises.accuracy)  # one minus the share of differences that are not 0
def one_minus_mistakes(predictions, labels):
    return 1 - torch.count_nonzero(predictions - labels).item() / labels.numel()


right(exercises.accuracy)(lambda p, y: sum((p == y).tolist()) / len(y))  # a lambda
