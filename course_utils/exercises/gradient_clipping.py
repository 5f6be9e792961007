"""Exercises of gradient_clipping: clip by norm, clip by value, choose a limit, read four logs."""

import math
from collections.abc import Callable, Iterator, Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils import seeding
from course_utils.exercises import Answer, exercise
from course_utils.exercises.by_reference import given, right_answer
from course_utils.exercises.outcomes import Seen
from course_utils.language import Text


def _normal(*shapes: tuple[int, ...], scale: float = 1.0, mean: float = 0.0) -> list[Tensor]:
    """Normal numbers in float64; the tensors differ in size by a factor of three, one by one."""
    generator = seeding.generator(len(shapes))
    return [
        scale * 3.0**-k * (mean + torch.randn(shape, generator=generator, dtype=torch.float64))
        for k, shape in enumerate(shapes)
    ]


def _joined(tensors: Sequence[Tensor]) -> Tensor:
    return torch.cat([tensor.flatten() for tensor in tensors])


def _norm(tensors: Sequence[Tensor]) -> Tensor:
    return _joined(tensors).norm()


def _clamped(grads: Sequence[Tensor], limit: float) -> list[Tensor]:
    return [grad.clamp(-limit, limit) for grad in grads]


_SHAPES: tuple[list[tuple[int, ...]], ...] = ([(3, 2), (3,)], [(4,), (2, 3), (2,)], [()])
_TENSORS = Text("{count} 個張量", "{count} tensors")


# --- clip_by_norm

_LENGTHS = Text(
    "{count} 個張量，範數 {norm:.4g}，max_norm={max_norm:.4g}",
    "{count} tensors of norm {norm:.4g}, max_norm={max_norm:.4g}",
)
_ZEROS = Text("梯度全部是 0", "a gradient of zeros")
_NOT_FINITE = Text("梯度裡有一個 {bad}", "one {bad} among the gradients")


def _long_and_short() -> Iterator[given]:
    """Norms of 1 and more, next to which the 1e-6 that torch adds to them is nothing."""
    for max_norm in (6.5, 20):
        grads = [torch.tensor([3.0]), torch.tensor([4.0]), torch.tensor([12.0])]
        yield given(grads, max_norm, case=_LENGTHS.format(count=3, norm=13.0, max_norm=max_norm))
    for shapes in _SHAPES:
        for scale in (4.0, 1e4):
            for share in (0.3, 1.5, 20.0):  # of the norm of this gradient
                grads = _normal(*shapes, scale=scale)
                norm = float(_norm(grads))
                case = _LENGTHS.format(count=len(grads), norm=norm, max_norm=share * norm)
                yield given(grads, share * norm, case=case)
    small = _normal((3, 2), (3,), scale=1e-4)
    case = _LENGTHS.format(count=2, norm=float(_norm(small)), max_norm=1)
    yield given([grad.float() for grad in small], 1.0, case=case)
    for max_norm in (1.0, 1e-3):
        yield given([torch.zeros(2), torch.zeros(3)], max_norm, case=_ZEROS)
    for bad in (math.nan, math.inf, -math.inf):
        case = _NOT_FINITE.format(bad=bad)
        yield given([torch.ones(2), torch.tensor([1.0, bad])], 1.0, case=case)
        yield given([torch.tensor(bad), torch.ones(2, 2)], 100.0, case=case)


@right_answer(
    cases=_long_and_short,
    parts="(clipped, norm)",
    is_new=True,
    terms=lambda grads, max_norm: 0,
    enough=torch.float32,
    forbidden=[nn.utils.clip_grad_norm_],
    hint=Text(
        "把所有張量想成一個很長的向量：先求它的長度，再決定唯一的一個倍數。這個倍數最大是多少？",
        "Think of all tensors as one long vector: find its length first, then the one factor for all. How large may that factor be at most?",
    ),
)
def clip_by_norm(grads, max_norm):
    """(clipped gradients, norm before), as torch's clip_grad_norm_; ValueError where not finite."""
    norm = _norm(grads)
    if not norm.isfinite():
        raise ValueError
    factor = max_norm / norm if norm > max_norm else 1.0
    return [factor * grad for grad in grads], norm


def _wrong_clip(name: str, text: Text, *ways: Callable) -> None:
    """ways: of (grads, max_norm); they say nothing of zeros, nor of what is not finite."""

    def of_ordinary(way: Callable) -> Callable:
        return lambda grads, limit: way(grads, limit) if 0 < _norm(grads) < math.inf else ...

    clip_by_norm.mistake(name, text, *map(of_ordinary, ways))


def _wrong_factor(name: str, text: Text, *factors: Callable) -> None:
    """factors: of the norm and max_norm."""
    ways = (
        lambda grads, limit, factor=factor: (
            [factor(_norm(grads), limit) * grad for grad in grads],
            _norm(grads),
        )
        for factor in factors
    )
    _wrong_clip(name, text, *ways)


def _wrong_length(name: str, text: Text, *lengths: Callable) -> None:
    """lengths: of the gradients, taken for their norm in clipping, in what is returned, or in both."""

    def way(of_clipping: Callable, returned: Callable) -> Callable:
        return lambda grads, limit: (
            [min(1.0, limit / of_clipping(grads)) * grad for grad in grads],
            returned(grads),
        )

    pairs = ((a, b) for n in lengths for a, b in ((n, _norm), (n, n), (_norm, n)))
    _wrong_clip(name, text, *(way(*pair) for pair in pairs))


def _norms(grads: Sequence[Tensor]) -> list[Tensor]:
    return [grad.norm() for grad in grads]


def _clip_each(grads: Sequence[Tensor], max_norm: float) -> list[Tensor]:
    return [grad * min(1.0, max_norm / grad.norm()) for grad in grads]


_wrong_clip(
    "per_tensor_norm",
    Text(
        "每個張量各用自己的範數，倍數就不同，整個梯度的方向便改變了。",
        "each tensor used its own norm; the factors differ, and so the gradient as a whole turns.",
    ),
    lambda grads, limit: (_clip_each(grads, limit), _norm(grads)),
    lambda grads, limit: (_clip_each(grads, limit), _norms(grads)),
    lambda grads, limit: (_clip_each(grads, limit), sum(_norms(grads))),
    lambda grads, limit: (_clip_each(grads, limit), _norms(grads)[-1]),
    lambda grads, limit: (_clip_each(grads, limit), _norm(_clip_each(grads, limit))),
)
_wrong_length(
    "sum_of_norms",
    Text(
        "範數不能直接相加：3 和 4 合起來的長度是 5，不是 7。",
        "norms do not add up: 3 and 4 together have length 5, not 7.",
    ),
    lambda grads: sum(_norms(grads)),
)
_wrong_length(
    "one_tensor_only",
    Text(
        "你只量了一個張量的範數。要把所有張量的數合在一起量。",
        "you measured the norm of one tensor only. Measure the numbers of all tensors together.",
    ),
    lambda grads: _norms(grads)[0],
    lambda grads: _norms(grads)[-1],
    lambda grads: max(_norms(grads)),
)
_wrong_length(
    "root_forgotten",
    Text(
        "少開了根號：平方和是範數的平方。",
        "the root is missing: the sum of squares is the square of the norm.",
    ),
    lambda grads: _norm(grads) ** 2,
)
_wrong_length(
    "not_the_length",
    Text(
        "你量的不是長度。長度是平方、相加、再開根號，不是絕對值的和、最大的絕對值，也不是平均。",
        "what you measured is not the length, which takes squares, their sum, and its root: no sum of absolute values, no largest one, no mean.",
    ),
    lambda grads: _joined(grads).abs().sum(),
    lambda grads: _joined(grads).abs().max(),
    lambda grads: _joined(grads).square().mean().sqrt(),
    lambda grads: sum(_norms(grads)) / len(grads),
)
_wrong_clip(
    "clips_values",
    Text(
        "你把每個數各自截短了。這裡要縮的是整個梯度的長度，方向要留著。",
        "you cut each number by itself. What shrinks here is the length of the whole gradient, and its direction stays.",
    ),
    lambda grads, limit: (_clamped(grads, limit), _norm(grads)),
    lambda grads, limit: (_clamped(grads, limit), _norm(_clamped(grads, limit))),
)
_wrong_factor(
    "scales_up",
    Text(
        "梯度本來就比 max_norm 短，你卻把它拉長了。裁剪只縮不放。",
        "the gradient was shorter than max_norm, and you stretched it. Clipping never lengthens.",
    ),
    lambda norm, limit: limit / norm,
)
_wrong_factor(
    "wrong_side",
    Text(
        "反了：你動的是比 max_norm 短的梯度，長的卻沒有縮短。",
        "the wrong way round: you touched gradients shorter than max_norm and left long ones as they were.",
    ),
    lambda norm, limit: max(1.0, limit / norm),
    lambda norm, limit: min(1.0, norm / limit),
)
_wrong_factor(
    "factor_inverted",
    Text(
        "倍數上下顛倒了：太長的梯度乘上 norm / max_norm，只會更長。",
        "the factor is upside down: norm / max_norm makes a gradient that is too long even longer.",
    ),
    lambda norm, limit: max(1.0, norm / limit),
    lambda norm, limit: norm / limit,
)
_wrong_factor(
    "unit_length",
    Text(
        "裁剪之後的長度應該是 max_norm，你的卻是 1。",
        "a clipped gradient should have length max_norm; yours has length 1.",
    ),
    lambda norm, limit: 1 / norm if norm > limit else 1.0,
    lambda norm, limit: 1 / norm,
)
_wrong_factor(
    "not_clipped",
    Text(
        "回傳的梯度和傳進來的一樣長：沒有裁剪。",
        "the gradients come back as long as they were: nothing was clipped.",
    ),
    lambda norm, limit: 1.0,
)
_wrong_clip(
    "norm_after",
    Text(
        "你回傳的是裁剪之後的範數，它永遠不超過 max_norm，看不出有沒有爆炸。",
        "you returned the norm after clipping; it never exceeds max_norm, and tells nothing of an explosion.",
    ),
    lambda grads, limit: (
        [min(1.0, limit / _norm(grads)) * grad for grad in grads],
        min(_norm(grads), limit),
    ),
)
clip_by_norm.mistake(
    "zero_gradient",
    Text(
        "全部是 0 的梯度出了問題：它的範數是 0，不能拿來除。",
        "a gradient of zeros went wrong: its norm is 0, and cannot be divided by.",
    ),
    when=lambda wrong: all(
        seen.case.case is _ZEROS
        and (seen.got.overflows or isinstance(seen.got.error, ArithmeticError | ValueError))
        for seen in wrong
    ),
)
clip_by_norm.mistake(
    "nonfinite_ignored",
    Text(
        "梯度裡有 nan 或 inf，你的函式卻當作沒事。沒有一個倍數救得回來；題目要求引發 ValueError。",
        "there was a nan or inf among the gradients and your function went on. No factor can mend that; the exercise asks for a ValueError.",
    ),
    when=lambda wrong: (
        all(seen.right.error for seen in wrong) and any(not seen.got.error for seen in wrong)
    ),
)
clip_by_norm.mistake(
    "wrong_error",
    Text(
        "梯度裡有 nan 或 inf 時，題目要求的是 ValueError，你引發的是另一種例外。",
        "for a nan or inf the exercise asks for a ValueError; you raised an error of another kind.",
    ),
    when=lambda wrong: all(
        seen.right.error
        and (
            isinstance(seen.got.error, RuntimeError | ArithmeticError | AssertionError)
            or type(seen.got.error) is Exception
        )
        for seen in wrong
    ),
)


# --- clip_by_value


def _limits() -> Iterator[given]:
    case = Text("梯度 (3, 4) 與 (12)，limit=6.5", "gradients (3, 4) and (12), limit=6.5")
    yield given([torch.tensor([3.0, 4.0]), torch.tensor([12.0])], 6.5, case=case)
    case = Text("梯度 (-3, 4) 與 (-12)，limit=6", "gradients (-3, 4) and (-12), limit=6")
    yield given([torch.tensor([-3.0, 4.0]), torch.tensor([-12.0])], 6, case=case)
    for shapes in (*_SHAPES[:2], [(50,), (20, 3)]):
        for scale in (1.0, 1e4):
            for limit in (0.1 * scale, 0.5 * scale, 100 * scale):
                grads = _normal(*shapes, scale=scale, mean=0.2)
                case = _TENSORS.format(count=len(grads)) + f", limit={limit:g}"
                yield given(grads, limit, case=case)


@right_answer(
    cases=_limits,
    parts="(clipped, cosine)",
    is_new=True,
    terms=lambda grads, limit: 0,
    enough=torch.float32,
    hint=Text(
        "先把每個數限制在兩個界線之間。餘弦則是把全部的張量接成兩個長向量，一前一後，再取內積、除以長度。",
        "First keep every number between two bounds. For the cosine, join all tensors into two long vectors, before and after; take their dot product and divide by the lengths.",
    ),
)
def clip_by_value(grads, limit):
    """(clipped gradients, cosine of the whole gradient before and after)."""
    clipped = _clamped(grads, limit)
    return clipped, _cosine(_joined(grads), _joined(clipped))


def _cosine(before: Tensor, after: Tensor) -> Tensor:
    return F.cosine_similarity(before, after, dim=0)


def _wrong_cut(name: str, text: Text, *cuts: Callable) -> None:
    """cuts: of one gradient, the limit and all gradients; the cosine is that of what comes out."""

    def way(cut: Callable) -> Callable:
        def found(grads, limit):
            clipped = [cut(grad, limit, grads) for grad in grads]
            return clipped, _cosine(_joined(grads), _joined(clipped))

        return found

    clip_by_value.mistake(name, text, *map(way, cuts))


def _wrong_cosine(name: str, text: Text, *cosines: Callable) -> None:
    """cosines: of the gradients before and after, which are clipped rightly."""
    ways = (
        lambda grads, limit, cosine=cosine: (
            _clamped(grads, limit),
            cosine(grads, _clamped(grads, limit)),
        )
        for cosine in cosines
    )
    clip_by_value.mistake(name, text, *ways)


def _of_the_whole(cosine: Callable) -> Callable:
    return lambda grads, clipped: cosine(_joined(grads), _joined(clipped))


def _cosines(grads: Sequence[Tensor], clipped: Sequence[Tensor]) -> list[Tensor]:
    return [_cosine(a.flatten(), b.flatten()) for a, b in zip(grads, clipped, strict=True)]


_wrong_cut(
    "one_sided",
    Text(
        "只有一邊被截短了。很大的正數和很負的數，都要停在界線上。",
        "only one side was cut. A very large number must stop at the bound, and so must a very negative one.",
    ),
    lambda grad, limit, grads: grad.clamp(max=limit),
    lambda grad, limit, grads: grad.clamp(min=-limit),
)
_wrong_cut(
    "uses_norm",
    Text(
        "你用一個倍數縮小了梯度，而不是截短每個數。那是依範數裁剪，不是依數值。",
        "you shrank gradients by a factor where each number should be cut. That is clipping by norm, not by value.",
    ),
    lambda grad, limit, grads: grad * min(1.0, limit / _norm(grads)),
    lambda grad, limit, grads: grad * min(1.0, limit / _joined(grads).abs().max()),
    lambda grad, limit, grads: grad * min(1.0, limit / grad.norm()),
)
_wrong_cut(
    "drops_large",
    Text(
        "太大的數不是丟掉、變成 0，而是停在界線上。",
        "a number that is too large is not dropped to 0; it stops at the bound.",
    ),
    lambda grad, limit, grads: grad * (grad.abs() <= limit),
)
_wrong_cut(
    "sign_lost",
    Text(
        "裁剪後的數失去了正負號：很負的數應該停在負的界線上。",
        "the clipped numbers lost their sign: a very negative one stops at the negative bound.",
    ),
    lambda grad, limit, grads: torch.where(grad.abs() > limit, limit, grad),
    lambda grad, limit, grads: grad.abs().clamp(max=limit),
)
_wrong_cut(
    "always_at_the_bound",
    Text(
        "比界線小的數也被推到界線上了。它們應該維持原樣。",
        "numbers within the bounds were moved to them, too. They should stay as they are.",
    ),
    lambda grad, limit, grads: limit * grad.sign(),
)
_wrong_cosine(
    "cosine_by_tensor",
    Text(
        "你對每個張量各算一個餘弦。問的是整個梯度轉了多少，要把全部的數放在一起算，取平均也不行。",
        "you took a cosine for each tensor. The question is how far the gradient as a whole has turned: put all numbers together; an average will not do.",
    ),
    lambda grads, clipped: sum(_cosines(grads, clipped)) / len(grads),
    _cosines,
    lambda grads, clipped: sum(_cosines(grads, clipped)),
    lambda grads, clipped: min(_cosines(grads, clipped)),
)
_wrong_cosine(
    "one_tensor_only",
    Text(
        "你的餘弦只看了一個張量。要把全部張量的數放在一起算。",
        "your cosine looks at one tensor only. Put the numbers of all tensors together.",
    ),
    lambda grads, clipped: _cosines(grads, clipped)[0],
    lambda grads, clipped: _cosines(grads, clipped)[-1],
)
_wrong_cosine(
    "not_divided",
    Text(
        "這是內積。要變成餘弦，還得除以兩邊的長度。",
        "this is a dot product. To be a cosine it must be divided by both lengths.",
    ),
    _of_the_whole(torch.dot),
)
_wrong_cosine(
    "divided_by_another",
    Text(
        "內積要除以的是兩邊長度的乘積（裁剪前的長度乘裁剪後的），你除了別的。",
        "the dot product is to be divided by the product of both lengths, before and after; you divided by something else.",
    ),
    _of_the_whole(lambda a, b: a @ b / a.norm() ** 2),
    _of_the_whole(lambda a, b: a @ b / b.norm() ** 2),
    _of_the_whole(lambda a, b: a @ b / (a.norm() * b.norm()) ** 2),
    _of_the_whole(lambda a, b: a @ b / a.norm()),
    _of_the_whole(lambda a, b: a @ b / b.norm()),
    _of_the_whole(lambda a, b: a @ b / (a.norm() + b.norm())),
    _of_the_whole(lambda a, b: a @ b / len(a)),
)
_wrong_cosine(
    "lengths_compared",
    Text(
        "這是兩個長度的比。餘弦要看方向：內積除以兩邊的長度。",
        "this is a ratio of two lengths. A cosine compares directions: the dot product, divided by both lengths.",
    ),
    _of_the_whole(lambda a, b: b.norm() / a.norm()),
    _of_the_whole(lambda a, b: a.norm() / b.norm()),
)
_wrong_cosine(
    "centred",
    Text(
        "你先減掉了平均，那是相關係數。方向的餘弦不減平均。",
        "you subtracted the means first, which gives a correlation. The cosine of two directions does not.",
    ),
    _of_the_whole(lambda a, b: _cosine(a - a.mean(), b - b.mean())),
)
_wrong_cosine(
    "no_turn",
    Text(
        "你的餘弦永遠是 1：你比較的，是不是裁剪後的和它自己？",
        "your cosine is always 1: did you compare what was clipped with itself?",
    ),
    lambda grads, clipped: 1.0,
)


def _where_turned(of_cosine: Callable) -> Callable:
    """Says nothing where the cosine is near 1: what comes out there is rounding."""

    def found(grads, limit):
        clipped, cosine = clip_by_value.right(grads, limit)
        return (clipped, of_cosine(cosine)) if cosine < 0.999 else ...

    return found


clip_by_value.mistake(
    "angle_instead",
    Text(
        "這是夾角（或 1 減餘弦），題目要的是餘弦本身。",
        "this is the angle, or 1 minus the cosine; the question is for the cosine itself.",
    ),
    *map(
        _where_turned,
        (torch.acos, lambda cosine: cosine.acos().rad2deg(), lambda cosine: 1 - cosine),
    ),
)
clip_by_value.mistake(
    "several_cosines",
    Text(
        "你得到好幾個餘弦，題目要一個：全部的數是一個長向量，而不是很多列。",
        "you have several cosines, and one is wanted: all numbers make up one long vector, rather than many rows.",
    ),
    when=lambda wrong: all(
        seen.got.parts is not None
        and seen.right.parts is not None
        and seen.tolerance.allow_all(seen.got.parts[0], seen.right.parts[0])
        and sum(one.size for one in seen.got.parts[1].values()) > 1
        for seen in wrong
    ),
)


# --- choose_limit

_LOG = Text("{count} 步，share={share}", "{count} steps, share={share}")
_EXPLODED = Text(
    "{count} 步，之後爆炸（{then}），share={share}",
    "{count} steps and then an explosion ({then}), share={share}",
)


def _logs() -> Iterator[given]:
    """Logs in which the known mistakes clip other numbers of steps."""
    generator = seeding.generator(1)
    for count, share in ((20, 0.25), (20, 0.1), (10, 0.5), (100, 0.05), (100, 0.29), (40, 0.75)):
        for spread, outlier in ((1.5, 1.0), (0.3, 40.0)):
            norms = torch.exp(spread * torch.randn(count, generator=generator)).double()
            norms[3] *= outlier
            steps = norms.tolist()
            yield given(steps, share, case=_LOG.format(count=count, share=share))
            small, high = [0.01 * norm for norm in steps[: count // 2]], [50.0 * max(steps)] * 3
            for later in (
                [math.nan, *small],
                [math.inf, *small, math.nan],
                [math.inf, *high, math.nan, math.inf],
                [math.nan] * count,
            ):
                case = _EXPLODED.format(count=count, then=later[0], share=share)
                yield given([*steps, *later], share, case=case)


def _clipped_steps(answer: Callable, norms: list[float], share: float) -> Any:
    """How many of the steps before the explosion a limit clips; a limit that is no number, itself."""
    limit = answer(norms, share)
    is_number = (
        isinstance(limit, float | int | np.number | np.ndarray | Tensor) and np.shape(limit) == ()
    )
    if not is_number or not math.isfinite(limit):
        return limit
    return sum(norm > limit for norm in _before_explosion(norms))


@right_answer(
    cases=_logs,
    use=_clipped_steps,
    hint=Text(
        "先找到第一個不是有限的數，只留它前面的。排好順序之後，上限要放在哪兩個數之間，才剛好有這麼多個在它上面？",
        "Find the first number that is not finite and keep what comes before. Once sorted, between which two must the limit lie so that just so many are above it?",
    ),
)
def choose_limit(norms, share):
    """A limit that clips the given share of the steps before the first non-finite norm."""
    return _at(_before_explosion(norms), share)


def _before_explosion(norms: list[float]) -> list[float]:
    bad = [index for index, norm in enumerate(norms) if not math.isfinite(norm)]
    return norms[: bad[0]] if bad else norms


def _at(norms: Sequence[float], share: float, *, one_off: int = 0) -> float:
    """The largest norm that is left alone where a share is clipped, or a place above that one."""
    kept = len(norms) - round(share * len(norms))
    return sorted(norms)[max(0, min(kept + one_off, len(norms)) - 1)]


def _number(norms: list[float], clipped: int) -> float:
    """The largest norm but so many."""
    return sorted(norms, reverse=True)[min(clipped, len(norms) - 1)]


def _wrong_limit(name: str, text: Text, *limits: Callable) -> None:
    """limits: of the norms before the explosion and the share."""
    ways = (lambda norms, share, n=limit: n(_before_explosion(norms), share) for limit in limits)
    choose_limit.mistake(name, text, *ways)


def _of_finite(limit: Callable) -> Callable:
    return lambda norms, share: limit([n for n in norms if math.isfinite(n)], share)


def _cut_at(is_bad: Callable[[float], bool]) -> Callable:
    """The quantile of what comes before the first that is bad, where inf and nan may be left."""

    def limit(norms, share):
        bad = [index for index, norm in enumerate(norms) if is_bad(norm)]
        return np.quantile(norms[: bad[0]] if bad else norms, 1 - share)

    return limit


_wrong_limit(
    "wrong_end",
    Text(
        "方向反了：這個上限會裁掉 1 − share 的步數，而不是 share。",
        "the wrong end: this limit would clip 1 − share of the steps rather than share.",
    ),
    lambda norms, share: _at(norms, 1 - share),
    lambda norms, share: _at(norms, 1 - share, one_off=1),
)
_wrong_limit(
    "share_of_the_largest",
    Text(
        "你取的是最大值的一個比例。範數常常相差好幾個數量級，最大值的九成，往往只裁到一步。",
        "you took a share of the largest norm. Norms often differ by orders of magnitude, and nine tenths of the largest may clip a single step.",
    ),
    lambda norms, share: (1 - share) * max(norms),
    lambda norms, share: share * max(norms),
)
_wrong_limit(
    "average",
    Text(
        "平均（加上幾個標準差也一樣）會被少數幾個很大的範數拉走，說不準會裁掉多少步。",
        "a mean, with or without some standard deviations, is carried off by a few large norms; it does not tell how many steps will be clipped.",
    ),
    lambda norms, share: sum(norms) / len(norms),
    lambda norms, share: (1 - share) * sum(norms) / len(norms),
    lambda norms, share: share * sum(norms) / len(norms),
    *(
        lambda norms, share, times=times, ddof=ddof: (
            np.mean(norms) + times(share) * np.std(norms, ddof=ddof)
        )
        for times in (
            lambda share: 1,
            lambda share: 2,
            lambda share: 3,
            lambda share: NormalDist().inv_cdf(1 - share),
        )
        for ddof in (0, 1)
    ),
)
_wrong_limit(
    "not_sorted",
    Text(
        "你照訓練的順序數，沒有照大小：排在後面的步，範數不一定大。",
        "you counted in the order of training, not of size: the norms of later steps need not be larger.",
    ),
    *(
        lambda norms, share, at=at: norms[at(len(norms), share)]
        for at in (
            lambda n, share: int(n * (1 - share)) - 1,
            lambda n, share: int(n * (1 - share)),
            lambda n, share: int(n * share) - 1,
            lambda n, share: int(n * share),
        )
    ),
)
_wrong_limit(
    "percent_for_fraction",
    Text(
        "這個上限幾乎每一步都裁。`np.percentile` 要的是 0 到 100 的數；給它 0 到 1，得到的差不多就是最小值。",
        "this limit clips almost every step. `np.percentile` takes numbers from 0 to 100; from 0 to 1, it gives little more than the least norm.",
    ),
    lambda norms, share: np.percentile(norms, 1 - share),
    lambda norms, share: np.percentile(norms, share),
)
_wrong_limit(
    "count_returned",
    Text(
        "你回傳的是步數（或比例）。上限是一個範數：比它大的那些步會被裁剪。",
        "you returned a number of steps (or a share). The limit is a norm: steps whose norm is above it are clipped.",
    ),
    lambda norms, share: round(share * len(norms)),
    lambda norms, share: len(norms) - round(share * len(norms)),
    lambda norms, share: share,
    lambda norms, share: 1 - share,
)
_wrong_limit(
    "off_by_one",
    Text(
        "差了一步：範數剛好等於上限的那一步，不會被裁剪。",
        "off by one: a step whose norm just equals the limit is not clipped.",
    ),
    lambda norms, share: _at(norms, share, one_off=1),
    lambda norms, share: sorted(norms)[-int(share * len(norms))],
)
_wrong_limit(
    "truncated",
    Text(
        "有時少裁了一步：0.29 × 100 的浮點數是 28.999…，int 捨去小數，就成了 28。",
        "at times a step too few is clipped: as a float, 0.29 × 100 is 28.999…, and int cuts that to 28.",
    ),
    lambda norms, share: _number(norms, int(share * len(norms))),
)
_wrong_limit(
    "one_too_many",
    Text(
        "多裁了一步。排好順序之後，從大的那一端數起，要裁的是前 share × n 個，上限就是再下一個。",
        "one step too many is clipped. Once sorted, count share × n from the large end: these are clipped, and the next one is the limit.",
    ),
    lambda norms, share: _at(norms, share, one_off=-1),
)
_wrong_limit(
    "largest",
    Text(
        "這個上限一步也裁不到：沒有範數比它大。",
        "this limit clips no step: no norm is above it.",
    ),
    lambda norms, share: max(norms),
)
choose_limit.mistake(
    "share_of_the_whole_log",
    Text(
        "步數是從整份紀錄算出來的，連爆炸之後的也算。share 說的是爆炸之前那些步的一部分。",
        "the number of steps came from the whole log, and what follows the explosion was counted, too. A share of the steps before it is meant.",
    ),
    *(
        lambda norms, share, whole=whole: _number(
            _before_explosion(norms), whole(share * len(norms))
        )
        for whole in (round, int, math.ceil)
    ),
)
_QUANTILES = ("linear", "lower", "higher", "nearest", "midpoint")
choose_limit.mistake(
    "after_the_explosion",
    Text(
        "你把爆炸之後的紀錄也算進去了。那時候網路已經壞了，它的範數說的不是正常的訓練。",
        "you counted what was logged after the explosion. The network was ruined by then, and its norms say nothing about ordinary training.",
    ),
    _of_finite(_at),
    lambda norms, share: np.quantile(_before_explosion(sorted(norms)), 1 - share),
    lambda norms, share: _at(_before_explosion(sorted(norms)), share),
    _cut_at(math.isnan),
    _cut_at(math.isinf),
    *(
        _of_finite(lambda norms, share, method=method: np.quantile(norms, 1 - share, method=method))
        for method in _QUANTILES
    ),
    *(
        lambda norms, share, method=method: np.nanquantile(norms, 1 - share, method=method)
        for method in _QUANTILES
    ),
)


def _is_not_finite(wrong: list[Seen]) -> bool:
    """Whether only logs of explosions go wrong, and the limit for some of them is inf or nan."""
    exploded = all(not np.isfinite(seen.case.args[0]).all() for seen in wrong)
    return exploded and any(seen.got.overflows for seen in wrong)


choose_limit.mistake(
    "nonfinite_kept",
    Text(
        "紀錄裡有 inf 或 nan，你的上限也變成了 inf 或 nan：永遠裁不到任何一步。",
        "the log holds an inf or nan, and so your limit became one: it would never clip a step.",
    ),
    when=_is_not_finite,
)


# --- norm_readings


def norm_logs(num_steps: int = 200) -> dict[str, tuple[Tensor, float]]:
    """Four runs to read: name -> (norms before clipping, the limit that was set)."""
    generator = seeding.generator(5)
    noise = torch.exp(0.35 * torch.randn(4, num_steps, generator=generator))
    time = torch.arange(num_steps)
    spikes = torch.where(torch.isin(time, torch.tensor([31, 88, 119, 164])), 60.0, 1.0)
    alive = time < 70
    grown = torch.where(alive, torch.exp(time / 18.0), 0.02)
    decayed = 0.4 + 1.6 * torch.exp(-time / 40.0)
    return {
        "A": (8 * noise[0], 0.5),
        "B": (grown * noise[1], 1e4),
        "C": (spikes * noise[2], 4.0),
        "D": (decayed * noise[3], 20.0),
    }


_READINGS = {"A": "always", "B": "dead", "C": "spikes", "D": "idle"}

#: (what it is, what it was called) -> the mistake.
_CONFUSIONS = {
    ("dead", "idle"): "dead_called_idle",
    ("idle", "dead"): "idle_called_dead",
    ("idle", "always"): "idle_called_active",
    ("idle", "spikes"): "idle_called_active",
    ("spikes", "always"): "spikes_called_always",
    ("always", "spikes"): "always_called_spikes",
}


@exercise(
    hint=Text(
        "每張圖問兩件事：有多少步在虛線之上？最後一段的範數，和最前面相比怎麼樣？",
        "Ask two things of each picture: how many steps lie above the dashed line? And how do the "
        "last norms compare with the first?",
    ),
    dead_called_idle=Text(
        "{run}：範數後來確實很小、不再碰到虛線。但在那之前發生了什麼？訓練得好的網路，範數會一步掉到這麼低嗎？",
        "{run}: the norms do end small and below the line. But what came before? Does the norm of a "
        "network that trains well fall so far in one step?",
    ),
    idle_called_dead=Text(
        "{run}：範數慢慢變小，中間沒有爆炸過。學得好，梯度本來就會變小。",
        "{run}: the norm falls slowly and nothing exploded before. Gradients shrink as learning "
        "succeeds.",
    ),
    idle_called_active=Text(
        "{run}：有哪一步碰到虛線嗎？沒碰到，裁剪就什麼都沒做。",
        "{run}: does any step reach the dashed line? If none does, clipping did nothing.",
    ),
    spikes_called_always=Text(
        "{run}：數一數在虛線之上的有幾步。大多數的步都沒有裁到。",
        "{run}: count the steps above the line. Most steps were left alone.",
    ),
    always_called_spikes=Text(
        "{run}：幾乎每一步都在虛線之上。這時候上限不是在防意外，而是在決定每一步的長度。",
        "{run}: almost every step lies above the line. The limit then does not guard against "
        "accidents; it sets the length of every step.",
    ),
    another_reading=Text(
        "{run} 不是這一種。先看虛線以上有幾步，再看結尾。",
        "{run} is something else. See how many steps are above the line, then look at the end.",
    ),
)
def norm_readings(answer: Answer) -> None:
    """A dict: run -> "idle", "spikes", "always" or "dead"."""
    for run, name in answer.readings(_READINGS, _READINGS.values()):
        if name != _READINGS[run]:
            answer.mistake(_CONFUSIONS.get((_READINGS[run], name), "another_reading"), run=run)
