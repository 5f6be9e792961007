"""Exercises of numpy_training_tools: a check along one direction, clipping of any size, a copy, a masked slope."""

import contextlib
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch

from course_utils.exercises.by_reference import Seen, given, right_answer
from course_utils.exercises.compare import arrays_in
from course_utils.language import Text
from course_utils.seeding import rng

Arrays = dict[str, np.ndarray]


# --- slopes_along_direction


def _slopes_given() -> Iterator[given]:
    for shapes in ({"W": (3, 2), "b": (2,)}, {"b": (1,), "W": (4, 5), "V": (5, 1, 2)}):
        draw = rng(len(shapes))
        params, grads, direction = (
            {name: draw.normal(size=shape) for name, shape in shapes.items()} for _ in range(3)
        )
        for epsilon in (0.3, 1e-3, 2.0):
            case = _ARRAYS.format(count=len(shapes), epsilon=epsilon)
            yield given(_bent_loss, params, grads, direction, epsilon, case=case)
        others = dict(reversed(grads.items()))
        yield given(_bent_loss, params, others, direction, 0.1, case=_OTHER_ORDER)


_ARRAYS = Text("{count} 個陣列，epsilon={epsilon:g}", "{count} arrays, epsilon={epsilon:g}")
_OTHER_ORDER = Text(
    "grads 裡名字的順序和 params 不同", "the names come in another order in grads than in params"
)


def _bent_loss(params: Arrays) -> float:
    """A loss with slopes and curvatures that differ from number to number, and ties among arrays."""
    total = 0.0
    for number, name in enumerate(sorted(params), start=1):
        values = params[name]
        weights = np.arange(1, values.size + 1).reshape(values.shape) / number
        total += float((np.sin(values) + weights * values**2 + 0.3 * values**3).sum())
    return total + 0.1 * total**2


def _moved(params: Arrays, direction: Arrays, distance: float) -> Arrays:
    return {name: params[name] + distance * direction[name] for name in params}


def _dot(one: Arrays, other: Arrays) -> float:
    return sum(float(np.vdot(one[name], other[name])) for name in one)


def _central(loss, params, direction, epsilon) -> float:
    ahead, behind = (loss(_moved(params, direction, side * epsilon)) for side in (1, -1))
    return (ahead - behind) / (2 * epsilon)


def _size_of_slopes(loss, params, grads, direction, epsilon) -> float:
    ahead, behind = (abs(loss(_moved(params, direction, side * epsilon))) for side in (1, -1))
    return (ahead + behind) / epsilon


@right_answer(
    cases=_slopes_given,
    parts="(measured, predicted)",
    terms=_size_of_slopes,
    hint=Text(
        "往前一小步、往後一小步：所有陣列同時沿著各自的 direction 移動。預測的斜率則只需要乘法和加法，不需要 loss。",
        "A small step forward and one back, all arrays moving at once, each along its own part of the direction. The predicted slope needs only products and sums, and no loss.",
    ),
)
def slopes_along_direction(loss, params, grads, direction, epsilon):
    """(central difference along the direction, dot product of gradient and direction)."""
    return _central(loss, params, direction, epsilon), _dot(grads, direction)


def _wrong_slopes(
    name: str,
    text: Text,
    measureds: tuple[Callable, ...] = (),
    predicteds: tuple[Callable, ...] = (),
) -> None:
    """measureds: of (loss, params, direction, epsilon); predicteds: of grads and direction.

    Either slope may be the one that is wrong, or both.
    """

    def slopes(measured: Callable, predicted: Callable) -> Callable:
        return lambda loss, params, grads, direction, epsilon: (
            measured(loss, params, direction, epsilon),
            predicted(grads, direction),
        )

    ways = itertools.starmap(slopes, itertools.product((_central, *measureds), (_dot, *predicteds)))
    next(ways)  # both right
    slopes_along_direction.mistake(name, text, *ways)


def _length(arrays: Arrays) -> float:
    return math.sqrt(_dot(arrays, arrays))


def _unit(direction: Arrays) -> Arrays:
    return {name: part / _length(direction) for name, part in direction.items()}


def _only(direction: Arrays, index: int) -> Arrays:
    """The direction with all but one of its arrays 0."""
    chosen = list(direction)[index]
    return {name: part * (name == chosen) for name, part in direction.items()}


def _in_a_row(arrays: Arrays) -> np.ndarray:
    return np.concatenate([part.ravel() for part in arrays.values()])


def _ones(arrays: Arrays) -> Arrays:
    return {name: np.ones_like(part) for name, part in arrays.items()}


_wrong_slopes(
    "one_sided",
    Text(
        "你只看了一邊：(L(θ + εv) − L(θ)) / ε 的誤差與 ε 成正比。兩邊都看，一次項的誤差就會抵消。",
        "you looked at one side only: the error of (L(θ + εv) − L(θ)) / ε is proportional to ε. Look at both sides, and that error cancels.",
    ),
    (
        lambda loss, p, v, eps: (loss(_moved(p, v, eps)) - loss(p)) / eps,
        lambda loss, p, v, eps: (loss(p) - loss(_moved(p, v, -eps))) / eps,
        lambda loss, p, v, eps: (loss(_moved(p, v, eps)) - loss(p)) / (2 * eps),
    ),
)
_wrong_slopes(
    "two_forgotten",
    Text(
        "量到的斜率差了兩倍：從 θ − εv 走到 θ + εv，一共走了幾個 ε？",
        "the measured slope is off by two: from θ − εv to θ + εv, how many ε did you walk?",
    ),
    (
        lambda *given_ones: 2 * _central(*given_ones),
        lambda *given_ones: _central(*given_ones) / 2,
        lambda loss, p, v, eps: _central(loss, p, v, eps / 2) / 2,
    ),
)
_wrong_slopes(
    "epsilon_forgotten",
    Text(
        "你回傳的是損失的差，不是斜率：還沒有除以走過的距離。",
        "you returned a difference of losses, not a slope: it is not divided by the distance yet.",
    ),
    (
        lambda loss, p, v, eps: 2 * eps * _central(loss, p, v, eps),
        lambda loss, p, v, eps: eps * _central(loss, p, v, eps),
    ),
)
_wrong_slopes(
    "epsilon_multiplied",
    Text(
        "你把差乘上了 ε：`/ 2 * epsilon` 由左往右算，先除以 2，再「乘」epsilon。",
        "you multiplied the difference by ε: `/ 2 * epsilon` works from left to right, divides by 2 and then multiplies by epsilon.",
    ),
    (lambda loss, p, v, eps: eps**2 * _central(loss, p, v, eps),),
)
slopes_along_direction.mistake(
    "change_predicted",
    Text(
        "預測的那個數乘上了 ε：那是損失會變多少，不是斜率。斜率和走多遠無關。",
        "what you predict has ε as a factor: that is how much the loss will change, not its slope, which does not depend on how far you go.",
    ),
    *(
        lambda loss, p, g, v, eps, steps=steps, measured=measured: (
            _central(loss, p, v, eps) * measured(eps),
            steps * eps * _dot(g, v),
        )
        for steps in (1, 2)
        for measured in (lambda eps: 1, lambda eps: 2 * eps)
    ),
)
slopes_along_direction.mistake(
    "moved_along_gradient",
    Text(
        "你沿著 grads 移動了參數。要移動的方向是 direction；如果用要檢查的梯度來移動，就不是獨立的檢查了。",
        "you moved the parameters along grads. The direction to move in is `direction`; to move along the gradient under test is no independent check.",
    ),
    *(
        lambda loss, p, g, v, eps, sign=sign, other=other: (
            sign * _central(loss, p, g, eps),
            _dot(g, other(g, v)),
        )
        for sign in (1, -1)
        for other in (lambda g, v: v, lambda g, v: g)
    ),
)
_wrong_slopes(
    "direction_normalized",
    Text(
        "你把 direction 的長度除掉了。題目要的是沿著所給的 direction 本身的斜率，它多長就算多長。",
        "you divided the length of the direction out. The slope along the direction as given is wanted, as long as it is.",
    ),
    (
        lambda loss, p, v, eps: _central(loss, p, v, eps) / _length(v),
        lambda loss, p, v, eps: _central(loss, p, _unit(v), eps),
    ),
    (lambda g, v: _dot(g, _unit(v)), lambda g, v: _dot(_unit(g), _unit(v))),
)
_wrong_slopes(
    "direction_ignored",
    Text(
        "direction 沒有用上：每個數都要移動 epsilon 乘上它自己的 direction，內積也要乘上它。",
        "the direction was not used: every number moves by epsilon times its own part of the direction, and that part is a factor in the dot product.",
    ),
    (lambda loss, p, v, eps: _central(loss, p, _ones(v), eps),),
    (lambda g, v: _dot(g, _ones(v)), lambda g, v: _length(g), lambda g, v: _dot(g, g)),
)
_wrong_slopes(
    "product_of_norms",
    Text(
        "你把兩個長度相乘了。兩個方向不見得一致，甚至可能相反：要的是內積。",
        "you multiplied two lengths. The two need not point the same way, and may be opposed: the dot product is wanted.",
    ),
    predicteds=(lambda g, v: _length(g) * _length(v),),
)
_wrong_slopes(
    "mean_of_products",
    Text(
        "你把乘積平均了。內積是全部相加：每個數的移動都使損失改變一份。",
        "you took a mean of the products. A dot product adds them all: the move of every number changes the loss by a share.",
    ),
    predicteds=(
        lambda g, v: sum((g[name] * v[name]).mean() for name in g),
        lambda g, v: _dot(g, v) / len(g),
        lambda g, v: _dot(g, v) / sum(part.size for part in g.values()),
    ),
)
_wrong_slopes(
    "one_array_only",
    Text(
        "只有一部分的陣列被算進去了。字典裡的每一個陣列都要移動，也都要算進內積。",
        "only part of the arrays was counted. Every array of the dict moves, and every one belongs in the dot product.",
    ),
    tuple(
        lambda loss, p, v, eps, i=index: _central(loss, p, _only(v, i), eps) for index in (0, -1)
    ),
    tuple(lambda g, v, i=index: _dot(g, _only(v, i)) for index in (0, -1))
    + tuple(lambda g, v, i=index: _dot(_only(g, i), v) for index in (0, -1)),
)
_wrong_slopes(
    "one_at_a_time",
    Text(
        "你一次只移動一個陣列，再把斜率加起來。題目要所有陣列一起走：總共只要兩次前向。",
        "you moved one array at a time and added the slopes. All arrays are to move at once: two forward passes are enough.",
    ),
    (
        lambda loss, p, v, eps: sum(_central(loss, p, _only(v, i), eps) for i in range(len(v))),
        lambda loss, p, v, eps: (
            sum(_central(loss, p, _only(v, i), eps) for i in range(len(v))) / len(v)
        ),
    ),
)
_wrong_slopes(
    "paired_by_position",
    Text(
        "你依位置把兩個字典的陣列配成對。兩邊名字的順序可能不同，要用名字來取。",
        "you paired the arrays of two dicts by position. The names may come in another order in each: look them up by name.",
    ),
    predicteds=(
        lambda g, v: sum((a * b).sum() for a, b in zip(g.values(), v.values(), strict=True)),
        lambda g, v: _in_a_row(g) @ _in_a_row(v),
    ),
)
_wrong_slopes(
    "not_added_up",
    Text(
        "預測的斜率應該是一個數。你把每個數和它的 direction 相乘了，但沒有全部加起來。",
        "the predicted slope should be one number. You multiplied every number by its direction, and did not add them all up.",
    ),
    predicteds=(
        lambda g, v: {name: g[name] * v[name] for name in g},
        lambda g, v: {name: (g[name] * v[name]).sum() for name in g},
        lambda g, v: [(g[name] * v[name]).sum() for name in g],
    ),
)


# --- clip_by_global_norm


def _gradients() -> Iterator[given]:
    for shapes in ({"W": (3, 2), "b": (2,)}, {"a": (5,), "b": (2, 3, 2), "c": (1,)}):
        draw = rng(1)  # the arrays differ in size by a factor of three, one after the other
        unit = {name: 3.0**-k * draw.normal(size=shapes[name]) for k, name in enumerate(shapes)}
        for dtype in (np.float64, np.float32):
            for scale, max_norms in ((1.0, (0.5, 3.0, 100.0)), (1e3, (1.0,)), (0.0, (1.0, 0.5))):
                grads = {name: (scale * g).astype(dtype) for name, g in unit.items()}
                for max_norm in max_norms:
                    case = _SCALE.format(dtype=dtype.__name__, scale=scale, max_norm=max_norm)
                    yield given(grads, max_norm, case=case if scale else _ZEROS)
        for scale, case in ((1e30, _HUGE), (1e-30, _TINY)):
            grads = {name: (scale * g).astype(np.float32) for name, g in unit.items()}
            for max_norm in (0.5 * scale, 10 * scale, 1.0):
                yield given(grads, max_norm, case=case)
    for scale, dtype in ((1.0, np.float64), (1e30, np.float32), (1e-30, np.float32)):
        grads = {name: (-scale * abs(g)).astype(dtype) for name, g in unit.items()}
        for max_norm in (0.5 * scale, 10 * scale):
            yield given(grads, max_norm, case=_NEGATIVE)
    mixed = {
        "a": np.array([2000, 0], np.float16),
        "b": np.array([[4000.0]]),
        "c": np.array([4000.0], np.float32),
    }
    for max_norm in (3000.0, 10_000.0):
        yield given(mixed, max_norm, case=_MIXED)


_SCALE = Text(
    "{dtype}，梯度大小 {scale:g}，max_norm={max_norm:g}",
    "{dtype}, gradients of size {scale:g}, max_norm={max_norm:g}",
)
_ZEROS = Text("全部是 0 的梯度", "a gradient of zeros")
_HUGE = Text("float32，梯度大小 10³⁰", "float32, gradients of size 10³⁰")
_TINY = Text("float32，梯度大小 10⁻³⁰", "float32, gradients of size 10⁻³⁰")
_NEGATIVE = Text("全部是負數的梯度", "a gradient of negative numbers only")
_MIXED = Text("float16、float32、float64 的陣列", "arrays of float16, float32 and float64")


def _clip(clip: Callable, grads: Arrays, max_norm: float) -> Any:
    """What an answer returns, after its caller has cleared the dict that was given."""
    mine = dict(grads)
    result = clip(mine, max_norm)
    grads.update(mine)  # an array that was put into it is a change
    mine.clear()
    return result


@right_answer(
    cases=_gradients,
    use=_clip,
    parts="(clipped, norm)",
    keeps_dtype=True,
    terms=lambda grads, max_norm: 0,  # products and roots: every number is as exact as its size
    enough=torch.float32,
    hint=Text(
        "先找出所有數字裡絕對值最大的那一個，把大家都除以它，再平方相加。最後記得乘回來。",
        "Find the largest absolute value of all numbers first, divide all by it, then square and add. Multiply it back at the end.",
    ),
)
def clip_by_global_norm(grads, max_norm):
    """One factor for all arrays, the norm before clipping, for gradients of any size; dtypes kept."""
    norm = _length(grads)
    return _scaled(grads, _shrinking(norm, max_norm)), norm


def _scaled(grads: Arrays, factor: float) -> Arrays:
    return {name: (g.astype(np.float64) * factor).astype(g.dtype) for name, g in grads.items()}


def _shrinking(norm: float, max_norm: float) -> float:
    return max_norm / norm if norm > max_norm else 1.0


def _largest(grads: Arrays) -> float:
    return max(float(abs(g).max()) for g in grads.values())


def _norm_in_own_dtype(grads: Arrays) -> float:
    return float(np.sqrt(sum((g**2).sum() for g in grads.values())))


def _norm_of_norms(grads: Arrays) -> float:
    return float(np.linalg.norm([np.linalg.norm(g.ravel()) for g in grads.values()]))


def _norm(grads: Arrays) -> float:
    return _length({name: g.astype(np.float64) for name, g in grads.items()})


def _wrong_clip(name: str, text: Text, *ways: Callable) -> None:
    """Mistakes that say nothing of zeros and of what float32 or float16 cannot square."""

    def clips(way: Callable) -> Callable:
        return lambda grads, max_norm: way(grads, max_norm) if is_ordinary(grads) else ...

    def is_ordinary(grads: Arrays) -> bool:
        return 1e-10 < _norm(grads) < 1e10 and all(g.dtype != np.float16 for g in grads.values())

    clip_by_global_norm.mistake(name, text, *map(clips, ways))


def _per_array(grads: Arrays, max_norm: float) -> Arrays:
    return {
        name: _scaled({name: g}, _shrinking(_norm({name: g}), max_norm))[name]
        for name, g in grads.items()
    }


def _sum_of_norms(grads: Arrays) -> float:
    return sum(_norm({name: g}) for name, g in grads.items())


def _clipped_by(clip: Callable, *norms: Callable) -> list[Callable]:
    """clip: what is done to the arrays; with the norm before, that after, and any others of norms."""
    return [
        lambda grads, max_norm, norm_of=norm_of: (
            clip(grads, max_norm),
            norm_of(grads, clip(grads, max_norm)),
        )
        for norm_of in (
            lambda before, after: _norm(before),
            lambda before, after: _norm(after),
            *norms,
        )
    ]


_wrong_clip(
    "per_array_norm",
    Text(
        "每個陣列用了自己的範數，方向就變了。全部的陣列要一起算一個範數，用同一個倍數縮小。",
        "each array used its own norm, which bends the direction. One norm over all arrays together, and one factor for all.",
    ),
    *_clipped_by(_per_array, lambda before, after: _sum_of_norms(before)),
    *_clipped_by(lambda grads, max_norm: _per_array(grads, max_norm / len(grads) ** 0.5)),
)
_wrong_clip(
    "clips_values",
    Text(
        "你把每個數字各自截斷了，方向會改變。要縮小的是整個梯度的長度。",
        "you clipped each number by itself, which bends the direction. It is the length of the whole gradient that shrinks.",
    ),
    *_clipped_by(
        lambda grads, max_norm: {n: g.clip(-max_norm, max_norm) for n, g in grads.items()}
    ),
)
_wrong_clip(
    "scales_up",
    Text(
        "梯度比 max_norm 短的時候，你把它拉長了。這時應該原樣回傳。",
        "where the gradient is shorter than max_norm, you stretched it. It should come back as it was.",
    ),
    *_clipped_by(lambda grads, max_norm: _scaled(grads, max_norm / _norm(grads))),
    *_clipped_by(lambda grads, max_norm: _scaled(grads, max(1.0, max_norm / _norm(grads)))),
)
_wrong_clip(
    "factor_inverted",
    Text(
        "倍數上下顛倒了：梯度越長，應該縮得越多。",
        "the factor is upside down: the longer the gradient, the more it should shrink.",
    ),
    *_clipped_by(lambda grads, max_norm: _scaled(grads, 1 / _shrinking(_norm(grads), max_norm))),
    *_clipped_by(lambda grads, max_norm: _scaled(grads, min(1.0, _norm(grads) / max_norm))),
    *_clipped_by(lambda grads, max_norm: _scaled(grads, _norm(grads) / max_norm)),
)
_wrong_clip(
    "length_one",
    Text(
        "你除以了範數，長度就成了 1。裁剪之後的長度應該是 max_norm。",
        "you divided by the norm, which leaves a length of 1. After clipping, the length should be max_norm.",
    ),
    *_clipped_by(lambda grads, max_norm: _scaled(grads, 1 / _norm(grads))),
    *_clipped_by(
        lambda grads, max_norm: _scaled(grads, 1 / _norm(grads) if _norm(grads) > max_norm else 1.0)
    ),
)
_wrong_clip(
    "norm_after",
    Text(
        "你回傳的是裁剪之後的範數。要監看訓練，需要的是裁剪之前的。",
        "you returned the norm after clipping. To watch a training, the one before is needed.",
    ),
    _clipped_by(lambda grads, max_norm: _scaled(grads, _shrinking(_norm(grads), max_norm)))[1],
)


def _with_norm(norm_of: Callable) -> Callable:
    return lambda grads, max_norm: (
        _scaled(grads, _shrinking(norm_of(grads), max_norm)),
        norm_of(grads),
    )


_wrong_clip(
    "root_forgotten",
    Text(
        "少了根號：範數是平方和的平方根。",
        "a root is missing: the norm is the square root of the sum of squares.",
    ),
    _with_norm(lambda grads: _norm(grads) ** 2),
    lambda grads, max_norm: (
        _scaled(grads, _shrinking(_norm(grads), max_norm)),
        _norm(grads) ** 2,
    ),
)
_wrong_clip(
    "one_array_measured",
    Text(
        "範數只算到一個陣列的數。每個陣列的平方都要加進同一個總和。",
        "your norm holds the numbers of one array only. The squares of every array belong in one sum.",
    ),
    *(_with_norm(lambda grads, i=index: _norm({"": list(grads.values())[i]})) for index in (0, -1)),
)
_wrong_clip(
    "not_multiplied_back",
    Text(
        "為了避免溢位，你先除以最大的數，後來卻沒有乘回去：那是縮小之後的範數或陣列。",
        "against overflow you divided by the largest number, and it was not multiplied back: that norm, or those arrays, are the divided ones.",
    ),
    *(
        lambda grads, max_norm, g=powers[0], used=powers[1], norm=powers[2]: (
            _scaled(
                grads,
                _largest(grads) ** -g
                * _shrinking(_norm(grads) * _largest(grads) ** -used, max_norm),
            ),
            _norm(grads) * _largest(grads) ** -norm,
        )
        for powers in itertools.islice(itertools.product((0, 1), repeat=3), 1, None)
    ),
)
_wrong_clip(
    "norms_added",
    Text(
        "你把各陣列的範數直接相加了。全域範數是把所有的數排成一個向量，那個向量的長度。",
        "you added up the norms of the arrays. The global norm is the length of the one vector that holds all the numbers.",
    ),
    _with_norm(_sum_of_norms),
)
_wrong_clip(
    "another_norm",
    Text(
        "這不是平方和開根號的範數：你用了最大的絕對值、絕對值的和，或平方的平均。",
        "this is not the root of a sum of squares: you took the largest absolute value, the sum of absolute values, or a mean of squares.",
    ),
    _with_norm(_largest),
    _with_norm(lambda grads: _norm(grads) / sum(g.size for g in grads.values()) ** 0.5),
    _with_norm(lambda grads: sum(float(abs(g).sum(dtype=float)) for g in grads.values())),
)
clip_by_global_norm.mistake(
    "constant_added",
    Text(
        "你在範數上加了一個小常數。梯度小到 10⁻³⁰ 時，它比範數大得多，倍數就錯了；範數是 0 的情形，要另外處理。",
        "you added a small constant to the norm. With gradients of 10⁻³⁰ it is far larger than the norm, and the factor is wrong; treat a norm of 0 on its own.",
    ),
    *(
        lambda grads, max_norm, tiny=tiny, least=least: (
            _scaled(
                grads,
                min(1.0, max_norm / (_norm(grads) + tiny))
                if _norm(grads) > least * max_norm
                else 1.0,
            ),
            _norm(grads),
        )
        for tiny in (1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 1e-16)
        for least in (0, 1)
    ),
)


def _fails_at(*cases: Text, norm_is: Callable[[float], bool]) -> Callable[[list[Seen]], bool]:
    """Whether the first of the inputs is among the wrong ones, none but these is, and why."""

    def fails(wrong: list[Seen]) -> bool:
        first = [seen for seen in wrong if seen.case.case is cases[0]]
        return bool(first) and all(
            any(seen.case.case is case for case in cases)
            and (
                isinstance(seen.got.error, ArithmeticError)
                if seen.got.parts is None
                else seen not in first or norm_is(float(np.sum(seen.got.parts[1][""])))
            )
            for seen in wrong
        )

    return fails


clip_by_global_norm.mistake(
    "squares_overflow",
    Text(
        "梯度在 10³⁰ 左右時結果錯了：float32 的平方溢位成 inf，倍數就變成 0（或 nan），整步梯度都沒了。",
        "with gradients near 10³⁰ the result is wrong: in float32 their squares overflow to inf, the factor becomes 0 (or nan), and the whole step is gone.",
    ),
    *map(_with_norm, (_norm_in_own_dtype, _norm_of_norms)),
    when=_fails_at(
        _HUGE, _TINY, _ZEROS, _MIXED, _NEGATIVE, norm_is=lambda norm: not math.isfinite(norm)
    ),
)


def _guarded_against_overflow(grads: Arrays) -> float:
    return _norm_after_dividing(grads, max(1.0, _largest(grads)))


def _norm_after_dividing(grads: Arrays, by: float) -> float:
    return by * _norm_in_own_dtype({n: g / g.dtype.type(by) for n, g in grads.items()})


clip_by_global_norm.mistake(
    "squares_vanish",
    Text(
        "梯度在 10⁻³⁰ 左右時結果錯了：float32 的平方下溢成 0，範數看起來就是 0。",
        "with gradients near 10⁻³⁰ the result is wrong: in float32 their squares underflow to 0, and the norm looks like 0.",
    ),
    _with_norm(_guarded_against_overflow),
    when=_fails_at(_TINY, _ZEROS, _NEGATIVE, norm_is=lambda norm: norm == 0 or math.isnan(norm)),
)
clip_by_global_norm.mistake(
    "sign_of_the_largest",
    Text(
        "梯度全是負數時錯了：你找最大的數，沒有取絕對值，負得再多也不算大。",
        "a gradient of negative numbers went wrong: you looked for the largest number without taking absolute values, so none of them counts as large.",
    ),
    _with_norm(
        lambda grads: _norm_after_dividing(
            grads, max(float(g.max()) for g in grads.values()) or 1.0
        )
    ),
    when=lambda wrong: all(seen.case.case is _NEGATIVE for seen in wrong),
)
clip_by_global_norm.mistake(
    "zero_gradient",
    Text(
        "全部是 0 的梯度出了問題：除以範數 0，得到 nan 或例外。",
        "a gradient of zeros went wrong: dividing by the norm 0 gave nan or an exception.",
    ),
    lambda grads, max_norm: (
        _scaled(grads, _shrinking(_norm(grads), max_norm) if _norm(grads) else math.nan),
        _norm(grads),
    ),
    when=lambda wrong: all(
        seen.case.case is _ZEROS
        and (seen.got.overflows or isinstance(seen.got.error, ArithmeticError))
        for seen in wrong
    ),
)
clip_by_global_norm.mistake(
    "same_dict",
    Text(
        "你把傳進來的字典本身回傳了：呼叫者之後清空它，你回傳的也空了。題目要的是新的字典。",
        "you handed back the very dict you were given: its caller clears it later, and what you returned is empty too. A new dict is wanted.",
    ),
    lambda grads, max_norm: (
        grads if _norm(grads) <= max_norm else clip_by_global_norm.right(grads, max_norm)[0],
        _norm(grads),
    ),
    when=lambda wrong: any(seen.got.parts is not None and not seen.got.parts[0] for seen in wrong),
)


# --- BestParams


def _losses() -> Iterator[given]:
    # np.float64 and np.float32, as losses computed with NumPy are
    numbers = [np.float64(1.0), 1.5, 1.2, 1.0, np.float32(0.5), 0.7]
    yield given(
        numbers, case=Text("損失是 1, 1.5, 1.2, 1, 0.5, 0.7", "losses 1, 1.5, 1.2, 1, 0.5, 0.7")
    )
    for losses in (
        [np.float64(3.0)],
        [np.float64(2.0), 3.0, 2.0],
        [np.float64(0.0), 1.0, -1.0, -0.5, 0.0],
        [np.float64(1e12), 1e9, 1e10],
        [np.float64(1.0), 1.0 - 1e-12],
        [np.float64("nan")],
        [np.float64("nan"), 2.0, 3.0],
        [np.float64(2.0), float("nan"), 3.0, 1.0],
        [np.float64(2.0), np.float32("nan")],
        [],
    ):
        shown = ", ".join(f"{loss:.15g}" for loss in losses)
        case = Text(f"損失是 {shown}", f"losses {shown}") if losses else _NO_UPDATE
        yield given(losses, case=case)
    two = [np.float64(1.0), 2.0]
    yield given(
        two,
        _replace,
        case=Text("呼叫者在 params 裡換上新的陣列", "the caller puts new arrays into params"),
    )
    yield given(
        two,
        _write,
        case=Text("呼叫者就地改動 params 的陣列", "the caller writes into the arrays of params"),
    )
    yield given(
        two,
        _leave,
        _replace,
        case=Text(
            "呼叫者在 get 給他的字典裡換上新的陣列",
            "the caller puts new arrays into the dict that get gave",
        ),
    )
    yield given(
        two,
        _leave,
        _write,
        case=Text(
            "呼叫者就地改動 get 給他的陣列", "the caller writes into the arrays that get gave"
        ),
    )


_MANY = 6  # so many losses come in the first case, and the last is not the lowest
_NO_UPDATE = Text("還沒有 update", "no update yet")


def _params(number: int) -> Arrays:
    """The parameters that come with a loss, by its number."""
    return {"W": rng(number).normal(size=(3, 2)), "b": rng(number).normal(size=2)}


def _leave(arrays: Arrays) -> None:
    pass


def _replace(arrays: Arrays) -> None:
    with contextlib.suppress(TypeError):  # an answer may lock what it hands out
        for name in arrays:
            arrays[name] = np.full(2, 7.0)


def _write(arrays: Arrays) -> None:
    with contextlib.suppress(TypeError, ValueError, AttributeError):
        for values in arrays.values():
            values -= 7.0


def _watch_best(
    keeper: Callable,
    losses: Sequence[float],
    with_params: Callable = _leave,
    with_best: Callable = _leave,
) -> Any:
    """What each update returned, what get gives in the end, and whether that and the first are None."""
    another = keeper()
    another.update(-100.0, {"W": np.ones(3)})
    mine, verdicts = keeper(), []
    is_none = [mine.get() is None]
    for number, loss in enumerate(losses):
        params = _params(number)
        verdicts.append(mine.update(loss, params))
        with_params(params)
    best = mine.get()
    if best is not None:
        with_best(best)
        best = mine.get()
    if any(verdict is None for verdict in verdicts):
        return None
    return verdicts, {} if best is None else best, [*is_none, best is None]


@right_answer(
    cases=_losses,
    use=_watch_best,
    parts="(update, get, get is None)",
    hint=Text(
        "有兩道門：東西進來時、東西出去時。訓練會就地改動陣列；拿到最佳參數的人，也可能就地改動它。",
        "There are two doors: where things come in and where they go out. Training writes into its arrays, and so may whoever is given the best ones.",
    ),
)
def BestParams():
    """Copies in, copies out, and nan is never best."""
    return _keeper_that()()


def _copies(params: Arrays | None) -> Arrays | None:
    return None if params is None else {name: values.copy() for name, values in params.items()}


def _shallow(params: Arrays | None) -> Arrays | None:
    return None if params is None else dict(params)


def _itself(value: Any) -> Any:
    return value


def _keeper_that(
    is_best: Callable = lambda loss, best: loss < best,
    keep: Callable = _copies,
    give: Callable = _copies,
    says: Callable = _itself,
    always_keeps: bool = False,
    follows: Callable = lambda loss: False,
    start: float = math.inf,
) -> Callable:
    """A keeper that does one thing otherwise; follows: whether a loss that is not best is written down."""

    class Keeper:
        def __init__(self):
            self.best, self.params = start, None

        def update(self, loss, params):
            found = bool(is_best(loss, self.best))
            if found or follows(loss):
                self.best = loss
            if found or always_keeps:
                self.params = keep(params)
            return says(found)

        def get(self):
            return give(self.params)

    return Keeper


def _keepers(keep: Callable, *gives: Callable) -> list[Callable]:
    """With doors that are not shut, and what often comes with them: None or nan, ties."""
    comparisons: tuple[Callable, ...] = (
        lambda loss, best: loss < best,
        lambda loss, best: math.isinf(best) or loss < best,
        lambda loss, best: loss <= best,
        lambda loss, best: math.isinf(best) or loss <= best,
    )
    return [
        _keeper_that(is_best, keep=keep, give=give) for is_best in comparisons for give in gives
    ]


BestParams.mistake(
    "keeps_reference",
    Text(
        "你留下的是呼叫者的字典本身。訓練換上新的陣列之後，「最佳參數」也跟著換了。",
        "you kept the caller's own dict. Once training puts new arrays into it, the best parameters have changed too.",
    ),
    *_keepers(_itself, _copies, _shallow, _itself),
)
BestParams.mistake(
    "shallow_copy",
    Text(
        "字典複製了，裡面的陣列沒有。訓練就地更新（`-=`）之後，「最佳參數」也跟著動了。",
        "the dict was copied, the arrays in it were not. After an update in place (`-=`) the best parameters have moved too.",
    ),
    *_keepers(_shallow, _copies, _shallow, _itself),
)
BestParams.mistake(
    "hands_out_its_own",
    Text(
        "get 回傳的是你自己保存的陣列。拿到的人就地改動之後，再 get 一次，已經不是原來的數字了。",
        "get hands out the very arrays you keep. After the receiver has written into them, a second get no longer gives the same numbers.",
    ),
    *_keepers(_copies, _shallow, _itself),
)
BestParams.mistake(
    "nan_is_best",
    Text(
        "損失是 nan 時你也收下了；之後的每個損失與 nan 比大小都是 False，再也沒有更好的。",
        "you accepted a loss of nan; after that, every comparison with nan is False, and nothing is ever better.",
    ),
    _keeper_that(lambda loss, best: math.isinf(best) or loss < best),
    _keeper_that(lambda loss, best: math.isinf(best) or loss < best or loss != loss),
    _keeper_that(lambda loss, best: not loss >= best),
    _keeper_that(lambda loss, best: loss < best or loss != loss),
)
BestParams.mistake(
    "keeps_latest",
    Text(
        "你留下的是最近的參數，不是損失最低的那一次的。",
        "you kept the latest parameters, not those of the lowest loss.",
    ),
    _keeper_that(always_keeps=True),
    _keeper_that(lambda loss, best: True),
    _keeper_that(lambda loss, best: loss == loss),
    when=lambda wrong: (
        len(wrong[0].case.args[0]) == _MANY
        and all(
            seen.got.parts is not None
            and seen.tolerance.allow_all(
                seen.got.parts[1], arrays_in(_params(len(seen.case.args[0]) - 1))
            )
            for seen in wrong
        )
    ),
)
BestParams.mistake(
    "compares_with_last",
    Text(
        "你拿損失和上一次的比。要和到目前為止最低的比。",
        "you compare a loss with the one before it. Compare it with the lowest so far.",
    ),
    *(
        _keeper_that(is_best, follows=follows)
        for is_best in (
            lambda loss, best: loss < best,
            lambda loss, best: math.isinf(best) or loss < best,
        )
        for follows in (lambda loss: True, lambda loss: loss == loss)
    ),
)
BestParams.mistake(
    "keeps_highest",
    Text(
        "你留下的是損失最高的那一份。損失越低越好。",
        "you kept the parameters of the highest loss. Lower is better.",
    ),
    *(
        _keeper_that(is_best, start=-math.inf)
        for is_best in (
            lambda loss, best: loss > best,
            lambda loss, best: loss >= best,
            lambda loss, best: math.isinf(best) or loss > best,
            lambda loss, best: math.isinf(best) or loss >= best,
        )
    ),
)
BestParams.mistake(
    "starts_too_low",
    Text(
        "最低的損失，你一開始就給了一個數：比它高的損失永遠留不下來。還沒有任何紀錄時，什麼數都該算更低。",
        "you start the lowest loss at a certain number, so that no loss above it is ever kept. While there is no record, any number should count as lower.",
    ),
    *(_keeper_that(start=start) for start in (-0.75, 0.0, 0.75, 1.0, 1e6, 1e10, 1e11)),
)
BestParams.mistake(
    "never_keeps",
    Text(
        "沒有一個損失留得下來：一開始的最低損失，和你比大小的方向，配得起來嗎？",
        "no loss is ever kept: do the lowest loss that you start with and the direction of your comparison go together?",
    ),
    _keeper_that(start=-math.inf),
)
BestParams.mistake(
    "tie_replaces",
    Text(
        "損失打平時你換掉了舊的。題目說要「更低」才換。",
        "on a tie you replaced what you had. Only a lower loss replaces it.",
    ),
    _keeper_that(lambda loss, best: loss <= best),
    _keeper_that(lambda loss, best: not loss > best),
)
BestParams.mistake(
    "zero_taken_for_none",
    Text(
        "最低的損失是 0 時，你把它當成「還沒有」：0 在 if 裡也算 False。",
        "when the lowest loss was 0 you took it for none at all: in an if, 0 counts as False, too.",
    ),
    _keeper_that(lambda loss, best: not best or loss < best),
    _keeper_that(lambda loss, best: loss == loss and (not best or loss < best)),
    _keeper_that(lambda loss, best: math.isinf(best) or not best or loss < best),
)
BestParams.mistake(
    "empty_for_none",
    Text(
        "還沒有留下任何參數時，get 應該回傳 None，不是空的字典。",
        "while nothing has been kept, get should return None and not an empty dict.",
    ),
    *(
        _keeper_that(keep=keep, give=lambda params, give=give: give(params or {}))
        for keep, give in ((_copies, _copies), (_copies, _itself))
    ),
)


class _Shared:
    """State that belongs to the class."""

    best = math.inf
    params: Arrays | None = None

    def update(self, loss, params):
        is_best = bool(loss < _Shared.best)
        if is_best:
            _Shared.best, _Shared.params = loss, _copies(params)
        return is_best

    def get(self):
        return _copies(_Shared.params)


BestParams.mistake(
    "shared_by_all",
    Text(
        "兩個 BestParams 共用了同一份紀錄。請在 `__init__` 裡存到 self 上。",
        "two BestParams share one record. Store it on self, in `__init__`.",
    ),
    _Shared,
)
BestParams.mistake(
    "wrong_verdict",
    Text(
        "留下的參數都對，update 的回傳值不對：留下了新的參數才是 True，否則是 False。",
        "the right parameters are kept, and update returns the wrong thing: True where the new ones were kept, else False.",
    ),
    *(_keeper_that(says=says) for says in (lambda kept: True, lambda kept: False)),
    _keeper_that(says=lambda kept: not kept),
    when=lambda wrong: all(
        seen.got.parts is not None
        and all(map(seen.tolerance.allow_all, seen.got.parts[1:], seen.right.parts[1:]))
        for seen in wrong
    ),
)


# --- masked_cross_entropy_gradient


def _sequences() -> Iterator[given]:
    draw = rng(3)
    for lengths, steps, classes in (([1], 2, 3), ([6, 2, 4, 1], 6, 5), ([3, 1, 2], 4, 4)):
        shape = len(lengths), steps, classes
        logits = 2 * draw.normal(size=shape)
        is_real = (np.arange(steps) < np.array(lengths)[:, None])[..., None]
        targets = draw.dirichlet(np.ones(classes), size=shape[:2]) * is_real
        sparse = targets * (targets > targets.min(axis=-1, keepdims=True))
        weights = draw.uniform(0.3, 3, size=(*shape[:2], 1))
        for name, q in (
            (Text("權重都是 1", "weights of 1"), targets),
            (Text("權重不都是 1", "weights other than 1"), weights * sparse),
            (Text("權重都很小", "small weights"), 0.01 * weights * targets),
            (Text("沒有補齊的步", "no padded step"), targets + (~is_real) / classes),
        ):
            yield given(logits, q, case=_SEQUENCES.format(shape=shape, name=name))
    far = [[[1e4, 0.0, -1e4], [0.0, 5.0, 1.0]], [[-1e4, -1e4, -9999.0], [1e4, 1e4, 9999.0]]]
    targets = np.array([[[0.2, 0.3, 0.5], [0.0, 0.0, 0.0]], [[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]]])
    yield given(np.array(far), targets, case=_FAR)


_FAR = Text("logits 到 ±10,000", "logits up to ±10,000")

_SEQUENCES = Text("logits {shape}，{name}", "logits {shape}, {name}")


@right_answer(
    cases=_sequences,
    terms=lambda logits, q: q.sum(axis=-1).max() / q.sum(),
    enough=torch.float32,
    hint=Text(
        "先假設每一列目標的和都是 1，寫出梯度。再問：一列的和是 w 時，這一列的損失變成幾倍？補齊的那些步 w = 0，梯度應該是多少？",
        "First suppose that every row of targets adds up to 1, and write the gradient. Then ask: where a row adds up to w, how many times its loss is it? A padded step has w = 0; what should its gradient be?",
    ),
)
def masked_cross_entropy_gradient(logits, targets):
    """Autograd's gradient of -Σ q log p / Σ q, with soft targets, weights and padding."""
    z, q = torch.tensor(logits, requires_grad=True), torch.tensor(targets)
    (-(q * z.log_softmax(dim=-1)).sum() / q.sum()).backward()
    return z.grad


def _softmax(z: np.ndarray, axis: Any = -1) -> np.ndarray:
    exps = np.exp(z - z.max(axis=axis, keepdims=True))
    return exps / exps.sum(axis=axis, keepdims=True)


def _naive_softmax(z: np.ndarray, axis: Any = -1) -> np.ndarray:
    return np.exp(z) / np.exp(z).sum(axis=axis, keepdims=True)


def _step_weights(q: np.ndarray) -> np.ndarray:
    return q.sum(axis=-1, keepdims=True)


def _num_real(q: np.ndarray) -> int:
    return (_step_weights(q) > 0).sum()


_DIVISORS: tuple[Callable, ...] = (
    np.sum,
    _num_real,
    lambda q: q[..., 0].size,
    len,
    lambda q: q.size,
    lambda q: 1.0,
)


def _wrong_masked(
    name: str, text: Text, *gradients: Callable, divisors: tuple[Callable, ...] = _DIVISORS
) -> None:
    """gradients: of the softmax, logits and targets, each with every one of the divisors."""
    ways = [
        lambda z, q, of=of, softmax=softmax, divisor=divisor: of(softmax, z, q) / divisor(q)
        for of in gradients
        for softmax in (_softmax, _naive_softmax)
        for divisor in divisors
    ]
    masked_cross_entropy_gradient.mistake(name, text, *ways)


def _of_the_sum(softmax, z, q):
    return _step_weights(q) * softmax(z) - q


_wrong_masked(
    "padding_pushed",
    Text(
        "補齊的那些步也有梯度：你用了 p − q，但 q 全是 0 時，還剩下 p，模型就被它推著走了。",
        "padded steps have a gradient: with p − q, where q is all 0, p remains and pushes the model around.",
    ),
    lambda softmax, z, q: softmax(z) - q,
)
_wrong_masked(
    "padding_counted",
    Text(
        "你除以的是全部步數，連補齊的也算進去了。分母是權重的總和：補得越長，梯度不該跟著變小。",
        "you divided by the number of all steps, padded ones too. The denominator is the sum of weights: longer padding must not shrink the gradient.",
    ),
    _of_the_sum,
    divisors=(_DIVISORS[2], _DIVISORS[4]),
)
_wrong_masked(
    "steps_counted",
    Text(
        "你除以了真正的步數。分母是權重的總和，而一步的權重不一定是 1。",
        "you divided by the number of real steps. The denominator is the sum of weights, and the weight of a step need not be 1.",
    ),
    _of_the_sum,
    divisors=(_num_real,),
)
_wrong_masked(
    "mean_forgotten",
    Text(
        "還沒有除以權重的總和：損失是加權平均，不是總和。",
        "the division by the sum of weights is missing: the loss is a weighted mean, not a sum.",
    ),
    _of_the_sum,
    divisors=(len, _DIVISORS[5]),
)
_wrong_masked(
    "mean_of_means",
    Text(
        "你先對每個序列平均，再把這些平均數平均。長的序列權重較大：分母是整批的權重總和。",
        "you took a mean of each sequence and then the mean of these. Longer sequences weigh more: the denominator is the sum of weights of the whole batch.",
    ),
    lambda softmax, z, q: _of_the_sum(softmax, z, q) / q.sum(axis=(1, 2), keepdims=True),
    divisors=(len, _DIVISORS[5]),
)
_wrong_masked(
    "weights_ignored",
    Text(
        "補齊的步遮住了，但真正的步每一列的和（權重）不一定是 1：那一列的損失是幾倍？",
        "padded steps are masked; but a real step's row, its weight, need not add up to 1: how many times is the loss of that row?",
    ),
    lambda softmax, z, q: (_step_weights(q) > 0) * softmax(z) - q,
    lambda softmax, z, q: (
        (_step_weights(q) > 0) * softmax(z) - q / np.where(_step_weights(q), _step_weights(q), 1)
    ),
)


_wrong_masked(
    "weights_twice",
    Text(
        "權重乘了兩次：q 的一列加起來已經是這一步的權重，還要乘的只有 p。",
        "the weight is there twice: a row of q adds up to the weight of its step already, and only p has to be multiplied by it.",
    ),
    lambda softmax, z, q: _step_weights(q) * (softmax(z) - q),
)
_wrong_masked(
    "classes_masked",
    Text(
        "真正的步裡，目標是 0 的類別也被你遮住了。它們的機率仍然要往下壓；該遮的只有整列都是 0 的步。",
        "within real steps you masked the classes whose target is 0. Their probabilities must still be pushed down; only a step whose whole row is 0 is masked.",
    ),
    lambda softmax, z, q: (q > 0) * _of_the_sum(softmax, z, q),
    lambda softmax, z, q: (q > 0) * (softmax(z) - q),
)
_wrong_masked(
    "stopped_early",
    Text(
        "你還沒有穿過 softmax：這是對 log p（或 p）的梯度，題目要的是對 logits 的。",
        "you have not gone through the softmax: this is the gradient of log p (or of p), and that of the logits is wanted.",
    ),
    lambda softmax, z, q: -q,
    lambda softmax, z, q: -q / softmax(z),
)


def _one_hot(q: np.ndarray) -> np.ndarray:
    return np.eye(q.shape[-1])[q.argmax(axis=-1)]


_wrong_masked(
    "hard_targets",
    Text(
        "你把目標變成了 one-hot。軟的目標把機率分給好幾類，每一類都要算。",
        "you made the targets one-hot. Soft targets share their probability among classes, and each of them counts.",
    ),
    lambda softmax, z, q: _step_weights(q) * (softmax(z) - _one_hot(q)),
    lambda softmax, z, q: softmax(z) - _one_hot(q),
    lambda softmax, z, q: (_step_weights(q) > 0) * (softmax(z) - _one_hot(q)),
)
_wrong_masked(
    "targets_not_subtracted",
    Text(
        "這只有機率的那一半，目標 q 還沒有減掉：每一列梯度的和應該是 0。",
        "this is only the half with the probabilities; the targets q are not taken off yet: every row of the gradient should add up to 0.",
    ),
    lambda softmax, z, q: _step_weights(q) * softmax(z),
    lambda softmax, z, q: (_step_weights(q) > 0) * softmax(z),
    lambda softmax, z, q: softmax(z),
)
_wrong_masked(
    "softmax_over_steps",
    Text(
        "softmax 沒有沿著類別的方向做：每一步自己的 C 個機率，加起來才應該是 1。",
        "the softmax did not run along the classes: it is the C probabilities of each step that add to 1.",
    ),
    *(
        lambda softmax, z, q, axis=axis, weights=weights: weights(q) * softmax(z, axis) - q
        for axis in (0, 1, None)
        for weights in (_step_weights, lambda q: 1.0)
    ),
)
_wrong_masked(
    "sign_lost",
    Text(
        "正負號反了：照你的方向走，損失會上升。",
        "the sign is reversed: a step against your gradient would raise the loss.",
    ),
    lambda softmax, z, q: -_of_the_sum(softmax, z, q),
    lambda softmax, z, q: q - softmax(z),
)
masked_cross_entropy_gradient.mistake(
    "overflow",
    Text(
        "logits 在 ±10,000 時，梯度出現了 nan 或 inf。同一列減去同一個數，softmax 不變。",
        "at logits of ±10,000 the gradient has nan or inf. Taking one number off a whole row does not change its softmax.",
    ),
    lambda z, q: _of_the_sum(_naive_softmax, z, q) / q.sum(),
    when=lambda wrong: all(seen.got.overflows and seen.case.case is _FAR for seen in wrong),
)
masked_cross_entropy_gradient.mistake(
    "padding_is_nan",
    Text(
        "補齊的步出現 nan：整列是 0 的目標，除以它自己的和就是 0/0。這些步的梯度應該是 0。",
        "padded steps came out as nan: a row of zeros divided by its own sum is 0/0. The gradient of these steps should be 0.",
    ),
    lambda z, q: np.where(_step_weights(q), _of_the_sum(_softmax, z, q) / q.sum(), np.nan),
    *(lambda z, q, n=n: (_softmax(z) - q / _step_weights(q)) / n(q) for n in _DIVISORS),
    when=lambda wrong: all(
        seen.got.overflows
        and seen.got.arrays[0].shape == seen.case.args[0].shape
        and np.isfinite(seen.got.arrays[0][seen.case.args[1].any(axis=-1)]).all()
        for seen in wrong
    ),
)
masked_cross_entropy_gradient.mistake(
    "logits_clipped",
    Text(
        "你把 logits 截斷了：10,000 與 9,999 成了同一個數，softmax 也跟著變了。同一列減去最大值，才不會改變它。",
        "you clipped the logits: 10,000 and 9,999 become one number, and the softmax changes. Taking the maximum off a row does not change it.",
    ),
    *(
        lambda z, q, most=most: _of_the_sum(_softmax, z.clip(-most, most), q) / q.sum()
        for most in (10, 15, 20, 30, 50)
    ),
)


def _is_shaped(shape: Callable) -> Callable[[list[Seen]], bool]:
    """Whether all wrong results have the shape that these targets would give."""
    return lambda wrong: all(
        seen.got.arrays and seen.got.arrays[0].shape == shape(seen.case.args[1]) for seen in wrong
    )


masked_cross_entropy_gradient.mistake(
    "one_number",
    Text(
        "你回傳了一個數，像是損失本身。題目要的是它的梯度：每個 logit 各有一個數。",
        "you returned one number, as the loss is. Wanted is its gradient, with a number for every logit.",
    ),
    when=_is_shaped(lambda q: ()),
)
masked_cross_entropy_gradient.mistake(
    "padding_dropped",
    Text(
        "補齊的步不見了。它們的梯度是 0，但結果的形狀還是 (B, T, C)。",
        "the padded steps are gone. Their gradient is 0, but the result still has shape (B, T, C).",
    ),
    when=_is_shaped(lambda q: (_num_real(q), q.shape[-1])),
)
