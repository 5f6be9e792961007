"""Answers to the exercise of start_here."""

from course_utils.exercises import start_here as exercises

from . import right, wrong


@wrong(exercises.accuracy, "count_not_share")
def counts(predictions, labels):
    return (predictions == labels).sum()


@wrong(exercises.accuracy, "share_of_mistakes")
def error_rate(predictions, labels):
    return (predictions != labels).float().mean()


@wrong(exercises.accuracy, "in_percent")
def percent(predictions, labels):
    return 100 * (predictions == labels).float().mean()


@wrong(exercises.accuracy, "all_or_nothing")
def every_one(predictions, labels):
    return bool((predictions == labels).all())


@wrong(exercises.accuracy, "all_or_nothing")
def divides_whole_numbers(predictions, labels):
    return (predictions == labels).sum() // len(labels)


@wrong(exercises.accuracy, "other_divisor")
def takes_five_for_the_length(predictions, labels):
    return (predictions == labels).sum() / 5


@wrong(exercises.accuracy, "each_comparison")
def forgets_the_mean(predictions, labels):
    return (predictions == labels).float()


@right(exercises.accuracy)
def with_a_loop(predictions, labels):
    hits = 0
    for p, y in zip(predictions.tolist(), labels.tolist(), strict=True):
        hits += p == y
    return hits / len(labels)


@wrong(exercises.accuracy, "mean_of_booleans")
def averages_booleans(predictions, labels):
    return (predictions == labels).mean()


@wrong(exercises.accuracy, "one_if_for_all")
def asks_once_for_all(predictions, labels):
    return 1 if predictions == labels else 0
