"""The one exercise of start_here: meet the checks."""

from collections.abc import Callable, Iterator

import torch

from course_utils.exercises.by_reference import Seen, given, right_answer
from course_utils.language import Text
from course_utils.seeding import generator


def _answers() -> Iterator[given]:
    """Three of five right, the first or the last three of four, all of one, none; and many."""
    for predictions, labels in (
        ([3, 1, 4, 1, 5], [3, 1, 4, 2, 0]),
        ([7, 7, 7, 7], [7, 7, 7, 0]),
        ([2], [2]),
        ([0, 1], [1, 0]),
        ([9, 2, 6, 6], [0, 2, 6, 6]),
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


def _wrong_share(name: str, text: Text, *shares: Callable) -> None:
    """shares: of which answers are right (1.0 or 0.0), the answers and the labels."""
    ways = (lambda p, y, share=share: share((p == y).double(), p, y) for share in shares)
    accuracy.mistake(name, text, *ways)


_wrong_share(
    "count_not_share",
    Text(
        "你回傳的是答對的個數。比例還要除以總數。",
        "you returned how many are right. For a share, divide by how many there are.",
    ),
    lambda hits, p, y: hits.sum(),
)
_wrong_share(
    "share_of_mistakes",
    Text(
        "你算的是答錯的比例（或個數），題目要的是答對的比例。",
        "you computed the share (or number) of wrong answers; the question is for the share of right ones.",
    ),
    lambda hits, p, y: 1 - hits.mean(),
    lambda hits, p, y: (1 - hits).sum(),
    lambda hits, p, y: 100 * (1 - hits.mean()),
)
_wrong_share(
    "right_against_wrong",
    Text(
        "你拿答對的個數除以答錯的個數。比例的分母是全部。",
        "you divided the right answers by the wrong ones. A share is of all of them.",
    ),
    lambda hits, p, y: hits.sum() / (1 - hits).sum(),
    lambda hits, p, y: (1 - hits).sum() / hits.sum(),
)
_wrong_share(
    "in_percent",
    Text("請用 0 到 1 之間的數，不是百分比。", "give a number from 0 to 1, not in percent."),
    lambda hits, p, y: 100 * hits.mean(),
    lambda hits, p, y: (100 * hits.mean()).round(),
    lambda hits, p, y: (100 * hits.mean()).round(decimals=1),
    lambda hits, p, y: (100 * hits.mean()).floor(),
)
_wrong_share(
    "all_or_nothing",
    Text(
        "只有全部答對時你才得到 1，其他都是 0：是不是用了 all、int，或整數除法 //？題目要的是比例。",
        "you get 1 where all are right and 0 everywhere else: is there an `all`, an `int`, or a "
        "whole-number division `//`? The question is for a share.",
    ),
    lambda hits, p, y: hits.all(),
)
_wrong_share(
    "any_right",
    Text(
        "只要有一個答對，你就得到 1：是不是用了 any 或 max？題目要的是比例。",
        "a single right answer gives you 1: is there an `any` or a `max`? The question is for a share.",
    ),
    lambda hits, p, y: hits.any(),
)
_wrong_share(
    "rounded",
    Text(
        "你把比例四捨五入了（或取了中位數）。1,000 個答案裡多對一個，結果也應該看得出來。",
        "you rounded the share (or took the median). One more right answer in 1,000 should show in the result.",
    ),
    lambda hits, p, y: hits.mean().round(),
    lambda hits, p, y: hits.mean().round(decimals=1),
    lambda hits, p, y: hits.mean().round(decimals=2),
)
_wrong_share(
    "each_comparison",
    Text(
        "你回傳的是每一題的對錯（或差）。題目要的是一個數：答對的占多少。",
        "you returned for each answer whether (or by how much) it is off. One number is wanted: which share is right.",
    ),
    lambda hits, p, y: hits,
    lambda hits, p, y: 1 - hits,
    lambda hits, p, y: p - y,
    lambda hits, p, y: (p - y).abs(),
    lambda hits, p, y: hits / len(y),
)
_wrong_share(
    "classes_as_numbers",
    Text(
        "你算的是兩個編號差多少。類別只有對和錯：把 5 猜成 0，不比猜成 4 更錯。",
        "you measured how far two class numbers are apart. A class is right or wrong: 0 for a 5 is no worse than 4 for a 5.",
    ),
    *(
        lambda hits, p, y, size=size, end=end: end(size((p - y).double()).mean())
        for size in (torch.abs, torch.square, torch.clone)
        for end in (torch.clone, lambda mean: 1 - mean)
    ),
    lambda hits, p, y: p.sum() / y.sum(),
    lambda hits, p, y: torch.minimum(p, y).sum() / torch.maximum(p, y).sum(),
)
_wrong_share(
    "order_lost",
    Text(
        "你沒有一題對一題地比：排序、集合或「有沒有出現過」，都會忘記哪個答案屬於哪一題。",
        "you did not compare one answer with one label: sorting, sets, or asking whether a class occurs forget which answer belongs to which.",
    ),
    lambda hits, p, y: (p.sort().values == y.sort().values).double().mean(),
    lambda hits, p, y: torch.isin(p, y).double().mean(),
    lambda hits, p, y: torch.isin(y, p).double().mean(),
    lambda hits, p, y: torch.isin(p.unique(), y).sum() / len(y),
    lambda hits, p, y: (p[:, None] == y).double().mean(),
    lambda hits, p, y: (p[:, None] == y).double().sum() / len(y),
)
_wrong_share(
    "other_divisor",
    Text(
        "答對的個數數對了，除數不對。比例的分母，是一共有幾個答案。",
        "the right answers are counted, and the divisor is wrong. A share divides by how many answers there are.",
    ),
    *(
        lambda hits, p, y, size=size: hits.sum() / size(p, y)
        for size in (
            *(lambda p, y, n=n: n for n in (2, 3, 4, 5, 10, 100, 1000)),
            lambda p, y: len(y) - 1,
            lambda p, y: len(y) + 1,
            lambda p, y: 2 * len(y),
            lambda p, y: len(y) ** 2,
            lambda p, y: len(y.unique()),
            lambda p, y: len(p.unique()),
            lambda p, y: y.max() + 1,
            lambda p, y: y.max(),
            lambda p, y: y.sum(),
            lambda p, y: p.sum(),
        )
    ),
)
_wrong_share(
    "one_answer_only",
    Text(
        "你只看了第一個（或最後一個）答案：return 是不是寫在迴圈裡面了？",
        "you looked at the first (or the last) answer only: does `return` stand inside the loop?",
    ),
    *(
        lambda hits, p, y, at=at, size=size: hits[at] / size(y)
        for at in (0, -1)
        for size in (lambda y: 1, len)
    ),
)
_wrong_share(
    "class_0_never_right",
    Text(
        "類別 0 答對了也沒有算到：0 乘上任何數都是 0，在 `if` 裡也當成 False。",
        "class 0 is never counted as right: 0 times anything is 0, and an `if` takes it for False.",
    ),
    lambda hits, p, y: (hits * (y != 0)).mean(),
    lambda hits, p, y: hits[y != 0].mean(),
)
_wrong_share(
    "mean_over_classes",
    Text(
        "你先算每一類的比例、再平均，少見的類別就變重了。題目要的是全部答案裡的比例。",
        "you took the share of each class and averaged these, so that rare classes weigh more. The share among all answers is wanted.",
    ),
    lambda hits, p, y: torch.stack([hits[y == c].mean() for c in y.unique()]).mean(),
    lambda hits, p, y: torch.stack([hits[p == c].mean() for c in p.unique()]).mean(),
)


def _all_raise(*words: str) -> Callable[[list[Seen]], bool]:
    """Whether wrong is only that torch raises an error, which holds one of these words."""
    return lambda wrong: all(
        not seen.got.refuses and any(word in str(seen.got.error) for word in words)
        for seen in wrong
    )


accuracy.mistake(
    "mean_of_booleans",
    Text(
        "PyTorch 不能直接平均 True 與 False（`mean()` 說 dtype 是 Bool）。怎樣把它們變成 1 和 0？",
        "PyTorch does not average True and False as they are (`mean()` complains of Bool). How can they become 1 and 0?",
    ),
    when=_all_raise("Input dtype must be either a floating point"),
)
accuracy.mistake(
    "one_if_for_all",
    Text(
        "一個 `if` 只能看一個 True 或 False，兩個張量比較的結果卻有很多個。要嘛一題一題看，要嘛先把它們合成一個數。",
        "an `if` takes one True or False, and comparing two tensors gives many. Either look at one answer at a time, or turn them into one number first.",
    ),
    when=_all_raise("Boolean value of Tensor with more than one value is ambiguous"),
)
