"""Exercises of numpy_training_loop: clipping of any size, the best parameters, gradients of float16."""

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


def _length(arrays: Arrays) -> float:
    return math.sqrt(sum(float(np.vdot(part, part)) for part in arrays.values()))


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


# --- unscale_gradients


def _half_gradients() -> Iterator[given]:
    draw = rng(7)
    for shapes in ({"W": (3, 2), "b": (2,)}, {"U": (4, 3), "a": (3,), "c": (1,)}):
        unit = {name: draw.normal(size=shape) for name, shape in shapes.items()}
        for loss_scale in (1.0, 8.0, 1000.0, 2.0**15):
            yield given(_halves(unit, 1.0), loss_scale, case=_SCALED.format(scale=loss_scale))
        yield given(_halves(unit, 1e-4), 2.0**15, case=_SMALL)
        yield given(_halves(unit, 0.0), 8.0, case=_ZEROS)
        large = {name: np.abs(values) + 3 for name, values in unit.items()}
        yield given(_halves(large, 1e4), 1024.0, case=_LARGE)
        for name in shapes:
            edge = _halves(unit, 1.0)
            edge[name].flat[-1] = -65504
            yield given(edge, 8.0, case=_LARGEST)
            for number in (np.inf, -np.inf, np.nan):
                wild = _halves(unit, 1.0)
                wild[name].flat[0] = number
                case = Text(f"{name} 裡有一個 {number}", f"one {number} in {name}")
                yield given(wild, 8.0, case=case)
        both = _halves(unit, 1.0)
        for values in both.values():
            values.flat[0] = np.inf
        yield given(both, 8.0, case=Text("每個陣列都有一個 inf", "one inf in every array"))


def _halves(unit: Arrays, size: float) -> Arrays:
    return {name: (size * values).astype(np.float16) for name, values in unit.items()}


_SCALED = Text("S={scale:g}", "S={scale:g}")
_SMALL = Text("除完只剩 10⁻⁹ 左右的梯度", "gradients that come out near 10⁻⁹")
_LARGE = Text("好幾個四萬左右的數", "several numbers near forty thousand")
_LARGEST = Text("有一個 −65504，float16 最大的數", "one −65504, the largest number of float16")


def _unscale(unscale: Callable, grads: Arrays, loss_scale: float) -> Any:
    """What an answer returns, with a word on dtypes; gradients after an overflow are nobody's business."""
    is_finite = all(np.isfinite(values).all() for values in grads.values())
    found = unscale(grads, loss_scale)
    if not isinstance(found, tuple | list) or len(found) != 2 or not isinstance(found[0], dict):
        return found
    gradients = found[0] if is_finite else {}
    narrow = [np.asarray(values).dtype == np.float32 for values in gradients.values()]
    return gradients, found[1], all(narrow)


@right_answer(
    cases=_half_gradients,
    use=_unscale,
    parts="(gradients, overflowed, float32)",
    terms=lambda grads, loss_scale: 0,  # one division: every number is as exact as its size
    enough=torch.float32,
    hint=Text(
        "兩件事的順序很重要：float16 裝不下的小數，要先換到哪裡再除？至於溢位，每一個陣列的每一個數都要看，inf 和 nan 都算。",
        "The order of two things matters: where must a number go before it is divided, if float16 cannot hold the result? As for the overflow, every number of every array counts, inf and nan alike.",
    ),
)
def unscale_gradients(grads, loss_scale):
    """Divided in float32 (here: float64), and whether any number is not finite."""
    return _divided(grads, loss_scale), _is_wild(grads)


def _divided(grads: Arrays, by: float) -> Arrays:
    return {
        name: (values.astype(np.float64) / by).astype(np.float32) for name, values in grads.items()
    }


def _is_wild(grads: Arrays, test: Callable = np.isfinite) -> bool:
    return not all(test(values).all() for values in grads.values())


def _wrong_unscale(name: str, text: Text, *ways: Callable) -> None:
    """ways: of gradients and scale, to the gradients; the verdict on the overflow is right."""
    unscale_gradients.mistake(
        name, text, *(lambda grads, s, way=way: (way(grads, s), _is_wild(grads)) for way in ways)
    )


def _in_half(grads: Arrays, loss_scale: float) -> Arrays:
    return {n: (g / np.float16(loss_scale)).astype(np.float32) for n, g in grads.items()}


_wrong_unscale(
    "divided_in_float16",
    Text(
        "很小的梯度變成 0，或少了好幾位數：除法（或除完之後）用的還是 float16，縮放的力氣就白費了。要在 float32 裡除。",
        "small gradients came out as 0, or lost digits: the division, or what follows it, was done in float16, and the scaling was in vain. Divide in float32.",
    ),
    _in_half,
    lambda grads, s: {
        n: g.astype(np.float16).astype(np.float32) for n, g in _divided(grads, s).items()
    },
)
_wrong_unscale(
    "scaled_again",
    Text(
        "你又乘了一次 S。傳進來的已經是 S 倍的梯度，要除回去。",
        "you multiplied by S once more. What you are given is S times the gradient already: divide.",
    ),
    lambda grads, s: _divided(grads, 1 / s),
)
_wrong_unscale(
    "not_unscaled",
    Text(
        "你只換了 dtype，還沒有除以 S。",
        "you changed the dtype, and did not divide by S yet.",
    ),
    lambda grads, s: _divided(grads, 1.0),
)
_wrong_unscale(
    "divided_twice",
    Text(
        "你除以了 S 的平方：同一個 S 除了兩次。",
        "you divided by the square of S: the same scale was taken off twice.",
    ),
    lambda grads, s: _divided(grads, s**2),
)


def _wrong_alarm(name: str, text: Text, *ways: Callable) -> None:
    """ways: of the gradients, to the verdict on the overflow; the gradients are right."""
    unscale_gradients.mistake(
        name, text, *(lambda grads, s, way=way: (_divided(grads, s), way(grads)) for way in ways)
    )


_wrong_alarm(
    "inf_missed",
    Text(
        "梯度裡有 inf，你卻沒說溢位：`isnan` 只認得 nan。",
        "there was an inf, and you did not call it an overflow: `isnan` knows nan only.",
    ),
    lambda grads: _is_wild(grads, lambda g: ~np.isnan(g)),
)
_wrong_alarm(
    "nan_missed",
    Text(
        "梯度裡有 nan，你卻沒說溢位：`isinf` 只認得 inf，而 nan 和任何數比大小都是 False。",
        "there was a nan, and you did not call it an overflow: `isinf` knows inf only, and any comparison with nan is False.",
    ),
    lambda grads: _is_wild(grads, lambda g: ~np.isinf(g)),
)
_wrong_alarm(
    "some_arrays_missed",
    Text(
        "只有一部分的陣列被檢查了。任何一個陣列裡出現 inf 或 nan，都要跳過這一步。",
        "only some of the arrays were looked at. An inf or nan in any of them makes the step unusable.",
    ),
    *(
        lambda grads, i=index: bool(not np.isfinite([*grads.values()][i]).all())
        for index in (0, -1)
    ),
    lambda grads: not any(np.isfinite(values).all() for values in grads.values()),
)
_wrong_alarm(
    "flag_inverted",
    Text(
        "你的第二個值反了：有 inf 或 nan 時才是 True。",
        "your second value is the wrong way round: it is True where there is an inf or nan.",
    ),
    lambda grads: not _is_wild(grads),
)
_wrong_alarm(
    "false_alarm",
    Text(
        "每個數都是有限的，你卻說溢位了。65504 還是一個數；很多大的數在 float16 裡相加，才會變成 inf。要看的是每一個數本身。",
        "every number was finite, and you called it an overflow. 65504 is a number still; it is the sum of many large ones that becomes inf in float16. Look at the numbers themselves.",
    ),
    lambda grads: _is_wild({n: g.sum(dtype=np.float16) for n, g in grads.items()}),
    lambda grads: _is_wild({"": sum(g.sum(dtype=np.float16) for g in grads.values())}),
    lambda grads: _is_wild(grads, lambda g: abs(g) < 65504),
    lambda grads: _is_wild({n: g * g for n, g in grads.items()}),
)
_wrong_alarm(
    "never_overflows",
    Text(
        "你從來不說溢位。是不是先把 inf 和 nan 換成了別的數，或是忘了檢查？",
        "you never call it an overflow. Were inf and nan replaced before you looked, or was the look forgotten?",
    ),
    lambda grads: False,
)
unscale_gradients.mistake(
    "not_float32",
    Text(
        "數字都對，dtype 不對：主要權重是 float32，梯度也要是 float32。",
        "the numbers are right, their dtype is not: the master weights are float32, and so must the gradients be.",
    ),
    when=lambda wrong: all(
        seen.got.parts is not None
        and all(map(seen.tolerance.allow_all, seen.got.parts[:2], seen.right.parts[:2]))
        for seen in wrong
    ),
)
