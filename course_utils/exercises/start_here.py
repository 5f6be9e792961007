"""The one exercise of start_here: meet the checks."""

from collections.abc import Iterator

import torch

from course_utils.exercises.by_reference import given, right_answer
from course_utils.language import Text
from course_utils.seeding import generator


def _answers() -> Iterator[given]:
    """Three of five right, three of four, all of one, none; and many."""
    for predictions, labels in (
        ([3, 1, 4, 1, 5], [3, 1, 4, 2, 0]),
        ([7, 7, 7, 7], [7, 7, 7, 0]),
        ([2], [2]),
        ([0, 1], [1, 0]),
    ):
        yield given(torch.tensor(predictions), torch.tensor(labels))
    many = torch.randint(0, 10, (2, 1000), generator=generator(0))
    yield given(many[0], many[1] % 3, case=Text("1,000 個答案", "1,000 answers"))


@right_answer(
    cases=_answers,
    hint=Text(
        "`predictions == labels` 會逐一比較，得到一個布林張量。它的平均是多少？",
        "`predictions == labels` compares entry by entry and gives a boolean tensor. What is its "
        "mean?",
    ),
)
def accuracy(predictions, labels):
    """Share of equal entries of two integer tensors."""
    return (predictions == labels).double().mean()


accuracy.mistake(
    "count_not_share",
    Text(
        "你回傳的是答對的個數。比例還要除以總數。",
        "you returned how many are right. For a share, divide by how many there are.",
    ),
    lambda predictions, labels: (predictions == labels).sum(),
)
accuracy.mistake(
    "share_of_mistakes",
    Text(
        "你算的是答錯的比例，題目要的是答對的比例。",
        "you computed the share of wrong answers; the question is for the right ones.",
    ),
    lambda predictions, labels: (predictions != labels).double().mean(),
)
accuracy.mistake(
    "in_percent",
    Text("請用 0 到 1 之間的數，不是百分比。", "give a number from 0 to 1, not in percent."),
    lambda predictions, labels: 100 * (predictions == labels).double().mean(),
)
accuracy.mistake(
    "all_or_nothing",
    Text(
        "只有全部答對時你才得到 1，其他都是 0：是不是用了 all，或是整數除法 //？題目要的是比例。",
        "you get 1 where all are right and 0 everywhere else: is there an `all`, or a whole-number "
        "division `//`? The question is for a share.",
    ),
    lambda predictions, labels: (predictions == labels).all(),
)
