"""Exercises of numpy_losses_and_gradients: a check along one direction, a loss for outliers, a masked slope."""

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from course_utils.exercises.by_reference import Seen, given, right_answer
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


# --- huber_loss_and_gradient


def _regressions() -> Iterator[given]:
    draw = rng(5)
    for shape in ((7,), (5, 3), (2, 3, 4)):
        targets = draw.normal(size=shape)
        errors = 2 * draw.normal(size=shape)
        for delta in (1.0, 0.5, 3.0):
            case = _DELTA.format(shape=shape, delta=delta)
            yield given(targets + errors, targets, delta, case=case)
        yield given(targets + 0.3 * errors, targets, 8.0, case=_NEAR)
        yield given(targets - abs(errors) - 1.5, targets, 1.0, case=_BELOW)
        far = errors.copy()
        far.flat[1], far.flat[-1] = 1e6, -1e6
        yield given(targets + far, targets, 2.0, case=_OUTLIERS)
    exact = np.array([[2.0, -2.0], [0.0, 5.0], [-5.0, 1.0]])
    yield given(exact, np.zeros((3, 2)), 2.0, case=_ON_THE_JOINT)


_DELTA = Text("形狀 {shape}，delta={delta:g}", "shape {shape}, delta={delta:g}")
_NEAR = Text("誤差都小於 delta", "all errors smaller than delta")
_BELOW = Text("預測值都低於目標 delta 以上", "all predictions more than delta below their targets")
_OUTLIERS = Text("有兩個一百萬的誤差", "two errors of a million")
_ON_THE_JOINT = Text("有誤差剛好等於 ±delta 和 0", "errors of exactly ±delta and 0")


def _huber_parts(error: np.ndarray, delta: float) -> tuple[np.ndarray, np.ndarray]:
    """The loss and the slope of every number."""
    size = abs(error)
    loss = np.where(size <= delta, error**2 / 2, delta * (size - delta / 2))
    return loss, error.clip(-delta, delta)


@right_answer(
    cases=_regressions,
    parts="(loss, gradient)",
    hint=Text(
        "先只看一個數：|e| ≤ δ 時，½e² 的斜率是多少？超過 δ 之後，直線的斜率是多少，往哪一邊？再問：平均有 N 個數，每個數的梯度要除以多少？",
        "One number first: where |e| ≤ δ, what is the slope of ½e²? Beyond δ, what is the slope of the line, and to which side? Then ask: in a mean of N numbers, by what is the gradient of each divided?",
    ),
)
def huber_loss_and_gradient(predictions, targets, delta):
    """Autograd's, of torch's huber_loss."""
    z = torch.tensor(predictions, requires_grad=True)
    loss = torch.nn.functional.huber_loss(z, torch.tensor(targets), delta=delta)
    loss.backward()
    return loss.detach(), z.grad


def _wrong_huber(
    name: str, text: Text, losses: tuple[Callable, ...] = (), slopes: tuple[Callable, ...] = ()
) -> None:
    """losses and slopes: of errors and delta, a number each; either may be wrong, or both."""

    def answer(loss: Callable, slope: Callable) -> Callable:
        return lambda predictions, targets, delta: (
            loss(predictions - targets, delta).mean(),
            slope(predictions - targets, delta) / predictions.size,
        )

    right = (lambda e, d: _huber_parts(e, d)[0]), (lambda e, d: _huber_parts(e, d)[1])
    ways = itertools.starmap(answer, itertools.product((right[0], *losses), (right[1], *slopes)))
    next(ways)  # both right
    huber_loss_and_gradient.mistake(name, text, *ways)


def _near_or_far(near: Callable, far: Callable) -> Callable:
    return lambda e, d: np.where(abs(e) <= d, near(e, d), far(e, d))


def _far_line(e: np.ndarray, d: float) -> np.ndarray:
    return d * (abs(e) - d / 2)


_wrong_huber(
    "half_forgotten",
    Text(
        "靠近目標的地方少了 ½：損失是 ½e²，所以斜率是 e，不是 2e。",
        "near the target the ½ is missing: the loss is ½e², so its slope is e and not 2e.",
    ),
    (_near_or_far(lambda e, d: e**2, _far_line),),
    (_near_or_far(lambda e, d: 2 * e, lambda e, d: d * np.sign(e)), lambda e, d: 2 * e.clip(-d, d)),
)
_wrong_huber(
    "does_not_join",
    Text(
        "兩段在 |e| = δ 接不起來：直線的高度不對。在那一點，δ(|e| − ½δ) 和 ½e² 一樣高。",
        "the two pieces do not meet at |e| = δ: the line is at the wrong height. There δ(|e| − ½δ) is as high as ½e².",
    ),
    (
        _near_or_far(lambda e, d: e**2 / 2, lambda e, d: d * abs(e)),
        _near_or_far(lambda e, d: e**2 / 2, lambda e, d: d * (abs(e) - d)),
        _near_or_far(lambda e, d: e**2 / 2, lambda e, d: d * abs(e) - 0.5),
        _near_or_far(lambda e, d: e**2 / 2, lambda e, d: d * abs(e) - d / 2),
    ),
)
_wrong_huber(
    "slope_of_one",
    Text(
        "離目標遠的地方，你的斜率是 ±1。那裡是斜率 δ 的直線，所以是 ±δ。",
        "far from the target your slope is ±1. The line there has slope δ, so it is ±δ.",
    ),
    (
        _near_or_far(lambda e, d: e**2 / 2, lambda e, d: abs(e) - 0.5),
        _near_or_far(lambda e, d: e**2 / 2, lambda e, d: abs(e) - d / 2),
        _near_or_far(lambda e, d: e**2 / 2, lambda e, d: abs(e)),
    ),
    (_near_or_far(lambda e, d: e, lambda e, d: np.sign(e)),),
)
_wrong_huber(
    "sign_forgotten",
    Text(
        "離目標遠的地方，斜率忘了正負號：預測太低時，往上走損失會下降，斜率是負的。",
        "far from the target your slope has lost its sign: where the prediction is too low, going up lowers the loss, and the slope is negative.",
    ),
    slopes=(
        _near_or_far(lambda e, d: e, lambda e, d: d + 0 * e),
        _near_or_far(lambda e, d: abs(e), lambda e, d: d + 0 * e),
    ),
)
_wrong_huber(
    "size_forgotten",
    Text(
        "和 δ 比大小的是 e，不是 |e|：很大的負誤差，也要走直線那一邊。",
        "you compare e with δ, and not |e|: a large negative error belongs to the line as well.",
    ),
    (
        lambda e, d: np.where(e <= d, e**2 / 2, _far_line(e, d)),
        lambda e, d: np.where(e <= d, e**2 / 2, d * (e - d / 2)),
    ),
    (lambda e, d: np.minimum(e, d),),
)
_wrong_huber(
    "branches_swapped",
    Text(
        "兩段對調了：靠近目標的地方是平方，遠的地方才是直線。",
        "the two pieces are exchanged: the square is near the target, and the line far from it.",
    ),
    tuple(
        lambda e, d, near=near: np.where(near(abs(e), d), _far_line(e, d), e**2 / 2)
        for near in (np.less_equal, np.less)
    ),
    tuple(
        lambda e, d, near=near: np.where(near(abs(e), d), d * np.sign(e), e)
        for near in (np.less_equal, np.less)
    ),
)
_wrong_huber(
    "slope_not_bounded",
    Text(
        "誤差再大，梯度也跟著變大：超過 δ 之後，斜率應該停在 ±δ。那正是用 Huber 損失的理由。",
        "the larger the error the larger your gradient: beyond δ the slope should stay at ±δ, which is what this loss is for.",
    ),
    (lambda e, d: e**2 / 2,),
    (lambda e, d: e,),
)
huber_loss_and_gradient.mistake(
    "sum_for_mean",
    Text(
        "題目要的是平均：損失和梯度，都要除以全部數字的個數。",
        "a mean is wanted: divide both the loss and the gradient by the count of all numbers.",
    ),
    *(
        lambda p, t, d, of_loss=of_loss, of_slope=of_slope: (
            _huber_parts(p - t, d)[0].sum() / of_loss(p),
            _huber_parts(p - t, d)[1] / of_slope(p),
        )
        for of_loss, of_slope in (
            (lambda p: 1, lambda p: 1),
            (np.size, lambda p: 1),
            (lambda p: 1, np.size),
        )
    ),
)
huber_loss_and_gradient.mistake(
    "rows_counted",
    Text(
        "你除以的是列數。平均要除以全部數字的個數，也就是 `predictions.size`。",
        "you divided by the number of rows. A mean divides by the count of all numbers, `predictions.size`.",
    ),
    *(
        lambda p, t, d, of_loss=of_loss, of_slope=of_slope: (
            _huber_parts(p - t, d)[0].sum() / of_loss(p),
            _huber_parts(p - t, d)[1] / of_slope(p),
        )
        for of_loss, of_slope in ((len, len), (np.size, len), (len, np.size))
    ),
)
huber_loss_and_gradient.mistake(
    "negated",
    Text(
        "梯度的正負號反了：對預測值微分，誤差是預測減目標。",
        "the gradient has the wrong sign: with respect to the predictions, the error is prediction minus target.",
    ),
    lambda p, t, d: (_huber_parts(p - t, d)[0].mean(), -_huber_parts(p - t, d)[1] / p.size),
)
huber_loss_and_gradient.mistake(
    "not_averaged_loss",
    Text(
        "損失應該是一個數，你的是每個預測值各一個：還沒有平均。",
        "the loss should be one number, and yours is one for every prediction: the mean is missing.",
    ),
    lambda p, t, d: (_huber_parts(p - t, d)[0], _huber_parts(p - t, d)[1] / p.size),
)
