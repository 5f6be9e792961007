"""The one exercise of start_here: meet the checks."""

import torch

from course_utils.exercises import Answer, exercise
from course_utils.language import Text


@exercise(
    hint=Text(
        "`predictions == labels` 會逐一比較，得到一個布林張量。它的平均是多少？",
        "`predictions == labels` compares entry by entry and gives a boolean tensor. What is its "
        "mean?",
    ),
    count_not_share=Text(
        "你回傳的是答對的個數。比例還要除以總數。",
        "you returned how many are right. For a share, divide by how many there are.",
    ),
    share_of_mistakes=Text(
        "你算的是答錯的比例，題目要的是答對的比例。",
        "you computed the share of wrong answers; the question is for the right ones.",
    ),
    in_percent=Text(
        "請用 0 到 1 之間的數，不是百分比。", "give a number from 0 to 1, not in percent."
    ),
    all_or_nothing=Text(
        "你問的是「是否全部答對」，所以只會得到是或否。題目要的是比例。",
        "you asked whether all are right, which is a yes or a no. The question is for a share.",
    ),
)
def accuracy(answer: Answer) -> None:
    """Share of equal entries of two integer tensors."""
    cases = [([3, 1, 4, 1, 5], [3, 1, 4, 2, 0]), ([7, 7, 7, 7], [7, 7, 7, 0]), ([2], [2])]
    for predictions, labels in cases:
        got = answer(torch.tensor(predictions), torch.tensor(labels))
        equal = [p == y for p, y in zip(predictions, labels, strict=True)]
        share = sum(equal) / len(equal)
        if not answer.matches(got, share):
            alternatives = {
                "count_not_share": sum(equal),
                "share_of_mistakes": 1 - share,
                "in_percent": 100 * share,
                "all_or_nothing": float(all(equal)),
            }
            answer.recognize(got, alternatives)
        answer.require(got, share, f"predictions={predictions}, labels={labels}")
