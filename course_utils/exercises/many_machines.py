"""Exercises of many_machines: unequal shares, who gets which images, how many workers are enough."""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from course_utils.exercises.by_reference import given, right_answer
from course_utils.language import Text
from course_utils.seeding import generator

# --- average_gradients


def _shares() -> Iterator[given]:
    draw = generator(0)
    for counts, shape, dtype in (
        ([200, 56], (3,), torch.float32),
        ([1, 2, 5], (4, 3), torch.float64),
        ([10, 0, 30], (2, 2), torch.float32),
        ([0, 0, 7, 1], (3, 1, 2), torch.float32),
        ([4, 5, 6, 7, 8], (), torch.float64),
        ([64], (2,), torch.float32),
    ):
        gradients = [torch.randn(shape, generator=draw, dtype=dtype) for _ in counts]
        gradients = [
            g if n else torch.full_like(g, math.nan) for g, n in zip(gradients, counts, strict=True)
        ]
        yield given(gradients, counts, case=f"counts={counts}, {tuple(shape)}")


@right_answer(
    cases=_shares,
    keeps_dtype=True,
    is_new=True,
    hint=Text(
        "先想：從平均梯度怎麼還原成那個 rank 全部圖片的總和？有了每個 rank 的總和，全部的平均是什麼？",
        "From a mean gradient, how do you get back the sum over that rank's images? Once you have each rank's sum, what is the mean over all?",
    ),
)
def average_gradients(gradients, counts):
    """The gradient of the mean loss over the images of all ranks."""
    kept = [(g, n) for g, n in zip(gradients, counts, strict=True) if n > 0]
    return sum(g * n for g, n in kept) / sum(counts)


def _wrong_mean(name: str, text: Text, *ways: Callable) -> None:
    """ways: of the gradients and counts of the ranks that have images, and the number of all ranks."""

    def of_kept(way: Callable) -> Callable:
        def found(gradients: list[Tensor], counts: list[int]) -> Tensor:
            kept = [(g, n) for g, n in zip(gradients, counts, strict=True) if n > 0]
            return way(
                torch.stack([g for g, _ in kept]), torch.tensor([n for _, n in kept]), len(counts)
            )

        return found

    average_gradients.mistake(name, text, *map(of_kept, ways))


def _times(g: Tensor, n: Tensor) -> Tensor:
    """Each rank's gradient times its count, added up."""
    return (g * n.reshape(-1, *[1] * (g.dim() - 1))).sum(dim=0)


average_gradients.mistake(
    "nan_kept",
    Text(
        "沒有圖的 rank 送來的 NaN 混進去了：0 乘 NaN 還是 NaN。要整個略過它。",
        "the NaN of a rank without images got in: 0 times NaN is still NaN. Leave that rank out altogether.",
    ),
    lambda g, n: sum(a * b for a, b in zip(g, n, strict=True)) / sum(n),
    lambda g, n: sum(g) / len(g),
)
_wrong_mean(
    "counts_ignored",
    Text(
        "你讓每個 rank 一樣重。圖多的 rank，份量應該比較重。",
        "every rank counts alike in your mean. One with more images should weigh more.",
    ),
    lambda g, n, ranks: g.mean(dim=0),
    lambda g, n, ranks: g.sum(dim=0) / ranks,
)
_wrong_mean(
    "sum_not_mean",
    Text(
        "這是全部圖片的梯度的總和；題目要的是平均損失的梯度。",
        "this is the sum over all images; the gradient of the mean loss is wanted.",
    ),
    lambda g, n, ranks: _times(g, n),
)
_wrong_mean(
    "added_up",
    Text(
        "你把各 rank 的平均直接加起來：rank 越多，結果越大。",
        "you added the ranks' means: the more ranks, the larger the result.",
    ),
    lambda g, n, ranks: g.sum(dim=0),
)
_wrong_mean(
    "divided_by_ranks",
    Text(
        "乘上張數是對的，但接著要除以全部的張數，不是 rank 的個數。",
        "multiplying by counts is right; then divide by the number of all images, not of ranks.",
    ),
    lambda g, n, ranks: _times(g, n) / ranks,
    lambda g, n, ranks: _times(g, n) / len(n),
)
_wrong_mean(
    "divided_twice",
    Text(
        "除了兩次：份量（張數除以總數）加起來已經是 1，不必再除以 rank 的個數。",
        "you divided twice: shares (count by total) add up to 1 already, and need no division by the number of ranks.",
    ),
    lambda g, n, ranks: _times(g, n) / n.sum() / ranks,
    lambda g, n, ranks: _times(g, n) / n.sum() / len(n),
)
_wrong_mean(
    "divided_by_count",
    Text(
        "你把收到的梯度當成總和來除；它們已經是各 rank 自己的平均了。",
        "you divided the gradients as if they were sums; each is a mean over its rank's images already.",
    ),
    lambda g, n, ranks: g.sum(dim=0) / n.sum(),
    lambda g, n, ranks: _times(g, 1 / n) / len(n),
)
_wrong_mean(
    "largest_only",
    Text(
        "你只用了一個 rank 的梯度；其他 rank 的圖也要算。",
        "you used one rank's gradient only; the images of the others count, too.",
    ),
    lambda g, n, ranks: g[n.argmax()],
    lambda g, n, ranks: g[0],
)


# --- indices_of


def _orders() -> Iterator[given]:
    order = torch.randperm(12, generator=generator(1)).tolist()
    for length, world in ((12, 4), (10, 4), (11, 3), (7, 2), (5, 5), (9, 1)):
        some = [10 * index + 3 for index in order[:length]]
        for rank in {0, world // 2, world - 1}:
            yield given(some, rank, world)
    for rank in (0, 3, 7):
        yield given([30, 10, 20], rank, 8)  # fewer images than ranks


@right_answer(
    cases=_orders,
    hint=Text(
        "先算每個 rank 該拿幾個：長度除以 world，有零頭就進位。第 k 個在補滿之後的第幾個位置？那個位置超出長度時，繞回開頭。",
        "First: how many does each rank get? The length divided by world, rounded up. At which place of the filled-up order is its k-th? Where that is past the end, go round to the beginning.",
    ),
)
def indices_of(order, rank, world):
    """Every world-th index from number ``rank`` on, of an order filled up from its beginning."""
    return [order[k % len(order)] for k in range(rank, world * _rounds(order, world), world)]


def _rounds(order: list[int], world: int) -> int:
    return -(-len(order) // world)


def _filled(order: list[int], world: int) -> list[int]:
    return (order * world)[: world * _rounds(order, world)]


indices_of.mistake(
    "blocks",
    Text(
        "你給每個 rank 連續的一段；規則是輪流：每隔 world 個拿一個。",
        "you gave each rank a block; by the rule they take turns, every world-th index.",
    ),
    lambda order, rank, world: _filled(order, world)[
        rank * _rounds(order, world) : (rank + 1) * _rounds(order, world)
    ],
    lambda order, rank, world: order[
        rank * _rounds(order, world) : (rank + 1) * _rounds(order, world)
    ],
    lambda order, rank, world: order[
        rank * (len(order) // world) : (rank + 1) * (len(order) // world)
    ],
)
indices_of.mistake(
    "not_filled_up",
    Text(
        "除不盡時，有的 rank 少一個。所有 rank 要走一樣多步：從 order 的開頭補滿。",
        "where it does not divide, some ranks get one less. All must take equally many steps: fill up from the beginning of order.",
    ),
    lambda order, rank, world: order[rank::world],
)
indices_of.mistake(
    "rest_dropped",
    Text(
        "除不盡的零頭被你丟掉了；題目要的是補滿，一張都不能少。",
        "you dropped what was left over; the order is to be filled up, so that none is lost.",
    ),
    lambda order, rank, world: order[: len(order) // world * world][rank::world],
)
indices_of.mistake(
    "filled_with_last",
    Text(
        "你用最後一個來補；要從 order 的開頭補起。",
        "you filled up with the last index; it is to be done from the beginning of order.",
    ),
    lambda order, rank, world: (order + [order[-1]] * (-len(order) % world))[rank::world],
)
indices_of.mistake(
    "filled_from_end",
    Text(
        "你用 order 的尾端來補；要從開頭補起。",
        "you filled up from the end of order; it is to be done from its beginning.",
    ),
    lambda order, rank, world: (
        order + (order * world)[len(order) * world - -len(order) % world :]
    )[rank::world],
)
indices_of.mistake(
    "filled_with_first",
    Text(
        "你一直補同一個；補的時候要照 order 的順序往下走。",
        "you filled up with the same index again and again; go on along order instead.",
    ),
    lambda order, rank, world: (order + [order[0]] * (-len(order) % world))[rank::world],
)
indices_of.mistake(
    "positions",
    Text(
        "你回傳的是位置，不是 order 裡那個位置上的索引。",
        "you returned positions, not the indices that stand there in order.",
    ),
    lambda order, rank, world: _filled([*range(len(order))], world)[rank::world],
)
indices_of.mistake(
    "one_round_only",
    Text(
        "圖比 rank 少的時候，補一輪不夠：再從開頭補。",
        "with fewer images than ranks, filling up once is not enough: begin again.",
    ),
    lambda order, rank, world: (order + order[: -len(order) % world])[rank::world],
)
indices_of.mistake(
    "rank_from_one",
    Text("rank 從 0 開始，不是從 1。", "ranks begin at 0, not at 1."),
    lambda order, rank, world: [
        order[(rank - 1 + world * k) % len(order)] for k in range(_rounds(order, world))
    ],
)
indices_of.mistake(
    "sorted",
    Text(
        "你把順序排過了；打亂的順序要保留。",
        "you sorted the order; it was shuffled on purpose.",
    ),
    lambda order, rank, world: _filled(sorted(order), world)[rank::world],
)
indices_of.mistake(
    "one_round_too_many",
    Text(
        "整除的時候，你多拿了一個：那時不必補。",
        "where it divides evenly you take one too many: nothing is to be filled up then.",
    ),
    lambda order, rank, world: [
        order[(rank + world * k) % len(order)] for k in range(len(order) // world + 1)
    ],
)


# --- best_number_of_workers


def _costs() -> Iterator[given]:
    for computing, message, limit in (
        (1.0, 0.01, 64),  # 10 exactly
        (2.1, 1.0, 64),  # 2, where rounding the root says 1
        (6.2, 1.0, 64),  # 3
        (8.0, 1.0, 64),  # 3, where rounding down says 2
        (1.3, 0.25, 8),  # 2
        (6.0, 1.0, 64),  # 2 and 3 are equally fast
        (0.5, 2.0, 64),  # 1: the root is below it
        (100.0, 0.01, 16),  # 16, the limit
        (1.0, 0.000001, 10**12),  # 1000
        (20.0, 1.0, 4),  # 4 is the limit, and the root is just above
        (3.0, 1.0, 1),
    ):
        yield given(computing, message, limit)


@right_answer(
    cases=_costs,
    hint=Text(
        "從 w 個增加到 w + 1 個，計算省下多少秒？訊息多花多少秒？省下的從哪裡開始不比多花的多？",
        "From w to w + 1: how many seconds of computing are saved, and how many does the extra message cost? From where on is the saving no larger than the cost?",
    ),
)
def best_number_of_workers(computing, message, limit):
    """The smallest whole w at which one more does not pay, at most ``limit``."""
    w = max(math.isqrt(int(computing / message)) - 1, 1)
    while computing > message * w * (w + 1):
        w += 1
    return min(w, limit)


def _root(computing: float, message: float) -> float:
    return math.sqrt(computing / message)


def _bounded(w: float, limit: int) -> float:
    return min(max(w, 1), limit)


def _best(computing: float, message: float) -> int:
    return best_number_of_workers.right(computing, message, 10**15)


def _wrong_number(name: str, text: Text, *ways: Callable) -> None:
    """ways: of the arguments; each alone, and kept between 1 and the limit."""
    inside = (lambda c, m, limit, way=way: _bounded(way(c, m, limit), limit) for way in ways)
    best_number_of_workers.mistake(name, text, *ways, *inside)


_wrong_number(
    "not_whole",
    Text(
        "行程的個數是整數，你的不是。附近哪一個整數比較快？",
        "the number of processes is whole, and yours is not. Which whole number nearby is faster?",
    ),
    lambda c, m, limit: _root(c, m),
)
_wrong_number(
    "rounded",
    Text(
        "四捨五入到最近的整數，不一定是最快的那個：把兩邊的 T 都算出來比。",
        "the nearest whole number need not be the fastest: compute T on both sides and compare.",
    ),
    lambda c, m, limit: round(_root(c, m)),
    lambda c, m, limit: int(_root(c, m) + 0.5),
)
_wrong_number(
    "always_down",
    Text(
        "你一律捨去小數；有時多一個行程還是比較快。",
        "you always round down; sometimes one more process is faster.",
    ),
    lambda c, m, limit: math.floor(_root(c, m)),
)
_wrong_number(
    "always_up",
    Text(
        "你一律進位；有時少一個行程比較快，或者一樣快。",
        "you always round up; sometimes one process less is faster, or as fast.",
    ),
    lambda c, m, limit: math.ceil(_root(c, m)),
    lambda c, m, limit: math.floor(_root(c, m)) + 1,
)
best_number_of_workers.mistake(
    "limit_ignored",
    Text(
        "你的答案超過了 limit：沒有那麼多行程。",
        "your answer is above limit: there are not so many processes.",
    ),
    lambda c, m, limit: _best(c, m),
)
best_number_of_workers.mistake(
    "larger_of_two",
    Text(
        "兩個一樣快的時候，要取少的。",
        "of two equally fast numbers, the smaller one is wanted.",
    ),
    lambda c, m, limit: min(
        _best(c, m) + (c == m * _best(c, m) * (_best(c, m) + 1)),
        limit,
    ),
)
_wrong_number(
    "root_forgotten",
    Text(
        "T 的最低點不在 computing / message：在那裡，兩項並不是一樣斜。對 w 微分看看。",
        "T is not lowest at computing / message: the two terms are not equally steep there. Differentiate by w.",
    ),
    lambda c, m, limit: int(c / m),
    lambda c, m, limit: round(c / m),
    lambda c, m, limit: math.ceil(c / m),
    lambda c, m, limit: c / m,
)
_wrong_number(
    "inverted",
    Text(
        "比例倒過來了：訊息越慢，行程應該越少。",
        "the ratio is upside down: the slower a message, the fewer processes there should be.",
    ),
    lambda c, m, limit: round(_root(m, c)),
    lambda c, m, limit: int(_root(m, c)),
    lambda c, m, limit: math.ceil(_root(m, c)),
    lambda c, m, limit: _root(m, c),
)
best_number_of_workers.mistake(
    "seconds_not_number",
    Text(
        "你回傳的是最短的時間；題目問的是幾個行程。",
        "you returned the shortest time; the question is how many processes.",
    ),
    lambda c, m, limit: c / min(_best(c, m), limit) + m * (min(_best(c, m), limit) - 1),
)
best_number_of_workers.mistake(
    "always_limit",
    Text(
        "多不一定快：每多一個行程，訊息也多花一份時間。",
        "more is not always faster: each further process adds its message.",
    ),
    lambda c, m, limit: limit,
)
best_number_of_workers.mistake(
    "one_too_few",
    Text(
        "差一個：要數的是全部的行程，不是「其他」的行程。",
        "off by one: all processes are to be counted, not the others.",
    ),
    lambda c, m, limit: min(_best(c, m), limit) - 1,
)
