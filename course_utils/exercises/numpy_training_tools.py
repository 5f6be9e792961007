"""Exercises of numpy_training_tools: a check along one direction, clipping of any size, a copy, a masked slope."""

from typing import Any

import numpy as np
import torch

from course_utils import seeding
from course_utils.exercises import Answer, exercise
from course_utils.language import Text

Arrays = dict[str, np.ndarray]


@exercise(
    hint=Text(
        "往前一小步、往後一小步：所有陣列同時沿著各自的 direction 移動。預測的斜率則只需要乘法和加法，不需要 loss。",
        "A small step forward and one back, all arrays moving at once, each along its own part of "
        "the direction. The predicted slope needs only products and sums, and no loss.",
    ),
    one_sided=Text(
        "你只看了一邊：(L(θ + εv) − L(θ)) / ε 的誤差與 ε 成正比。兩邊都看，一次項的誤差就會抵消。",
        "you looked at one side only: the error of (L(θ + εv) − L(θ)) / ε is proportional to ε. "
        "Look at both sides, and that error cancels.",
    ),
    two_forgotten=Text(
        "量到的斜率差了兩倍：從 θ − εv 走到 θ + εv，一共走了幾個 ε？",
        "the measured slope is off by two: from θ − εv to θ + εv, how many ε did you walk?",
    ),
    epsilon_forgotten=Text(
        "你回傳的是損失的差，不是斜率：還沒有除以走過的距離。",
        "you returned a difference of losses, not a slope: it is not divided by the distance yet.",
    ),
    direction_normalized=Text(
        "你把 direction 的長度除掉了。題目要的是沿著所給的 direction 本身的斜率，它多長就算多長。",
        "you divided the length of the direction out. The slope along the direction as given is "
        "wanted, as long as it is.",
    ),
    product_of_norms=Text(
        "你把兩個長度相乘了。兩個方向不見得一致，甚至可能相反：要的是內積。",
        "you multiplied two lengths. The two need not point the same way, and may be opposed: the "
        "dot product is wanted.",
    ),
    one_array_only=Text(
        "只有一部分的陣列被算進去了。字典裡的每一個陣列都要移動，也都要算進內積。",
        "only part of the arrays was counted. Every array of the dict moves, and every one belongs "
        "in the dot product.",
    ),
)
def slopes_along_direction(answer: Answer) -> None:
    """(central difference along the direction, dot product of gradient and direction)."""
    rng = seeding.rng(0)
    for shapes in ({"W": (3, 2), "b": (2,)}, {"b": (1,), "W": (4, 5), "V": (5, 1, 2)}):
        params, grads, direction = (
            {name: rng.normal(size=shape) for name, shape in shapes.items()} for _ in range(3)
        )
        for epsilon in (0.3, 1e-3):
            given = (_bent_loss, params, grads, direction, epsilon)
            got_measured, got_predicted = answer.parts(answer(*given), "(measured, predicted)")
            measured, predicted = _slopes(*given)
            alternatives = _other_slopes(*given)
            for index, (got, right) in enumerate(
                ((got_measured, measured), (got_predicted, predicted))
            ):
                if not answer.matches(got, right, tolerance=1e-7):
                    known = {name: values[index] for name, values in alternatives.items()}
                    answer.recognize(got, known, tolerance=1e-7)
                which = "predicted slope" if index else "measured slope"
                answer.require(got, right, f"{which}, epsilon={epsilon:g}", tolerance=1e-7)


def _bent_loss(params: Arrays) -> float:
    """A loss with slopes, curvatures and third derivatives that differ from number to number."""
    total = 0.0
    for number, values in enumerate(params.values(), start=1):
        weights = np.arange(1, values.size + 1).reshape(values.shape) / number
        total += float((np.sin(values) + weights * values**2 + 0.3 * values**3).sum())
    return total


def _slopes(loss, params, grads, direction, epsilon) -> tuple[float, float]:
    moved = [
        {name: params[name] + side * epsilon * direction[name] for name in params}
        for side in (1, -1)
    ]
    predicted = sum(float(np.vdot(grads[name], direction[name])) for name in params)
    return (loss(moved[0]) - loss(moved[1])) / (2 * epsilon), predicted


def _other_slopes(loss, params, grads, direction, epsilon) -> dict[str, tuple]:
    """Known mistake -> (its measured slopes, its predicted slopes)."""
    measured, predicted = _slopes(loss, params, grads, direction, epsilon)
    ahead = {name: params[name] + epsilon * direction[name] for name in params}
    behind = {name: params[name] - epsilon * direction[name] for name in params}
    length, grad_length = (
        float(np.sqrt(sum((part**2).sum() for part in parts.values())))
        for parts in (direction, grads)
    )
    unit = {name: part / length for name, part in direction.items()}
    alone = []
    for names in ([name] for name in params):
        part = {name: direction[name] * (name in names) for name in params}
        alone.append(_slopes(loss, params, grads, part, epsilon))
    nothing = float("nan")
    return {
        "one_sided": (
            ((loss(ahead) - loss(params)) / epsilon, (loss(params) - loss(behind)) / epsilon),
            nothing,
        ),
        "two_forgotten": ((2 * measured, measured / 2), (2 * predicted, predicted / 2)),
        "epsilon_forgotten": (
            (2 * epsilon * measured, epsilon * measured),
            (epsilon * predicted, 2 * epsilon * predicted),
        ),
        "direction_normalized": (
            (measured / length, _slopes(loss, params, grads, unit, epsilon)[0]),
            (predicted / length, predicted / length / grad_length),
        ),
        "product_of_norms": (nothing, length * grad_length),
        "one_array_only": tuple(zip(*alone, strict=True)),
    }


@exercise(
    hint=Text(
        "先找出所有數字裡絕對值最大的那一個，把大家都除以它，再平方相加。最後記得乘回來。",
        "Find the largest absolute value of all numbers first, divide all by it, then square and "
        "add. Multiply it back at the end.",
    ),
    per_array_norm=Text(
        "每個陣列用了自己的範數，方向就變了。全部的陣列要一起算一個範數，用同一個倍數縮小。",
        "each array used its own norm, which bends the direction. One norm over all arrays "
        "together, and one factor for all.",
    ),
    clips_values=Text(
        "你把每個數字各自截斷了，方向會改變。要縮小的是整個梯度的長度。",
        "you clipped each number by itself, which bends the direction. It is the length of the "
        "whole gradient that shrinks.",
    ),
    scales_up=Text(
        "梯度比 max_norm 短的時候，你把它拉長了。這時應該原樣奉還。",
        "where the gradient is shorter than max_norm, you stretched it. It should come back as it was.",
    ),
    norm_after=Text(
        "你回傳的是裁剪之後的範數。要監看訓練，需要的是裁剪之前的。",
        "you returned the norm after clipping. To watch a training, the one before is needed.",
    ),
    squares_overflow=Text(
        "梯度在 10³⁰ 左右時結果錯了：float32 的平方上溢成 inf，倍數就變成 0（或 nan），整步梯度都沒了。",
        "with gradients near 10³⁰ the result is wrong: in float32 their squares overflow to inf, "
        "the factor becomes 0 (or nan), and the whole step is gone.",
    ),
    squares_vanish=Text(
        "梯度在 10⁻³⁰ 左右時結果錯了：float32 的平方下溢成 0，範數看起來就是 0。",
        "with gradients near 10⁻³⁰ the result is wrong: in float32 their squares underflow to 0, "
        "and the norm looks like 0.",
    ),
    zero_gradient=Text(
        "全部是 0 的梯度出了問題：除以範數 0，得到 nan 或例外。",
        "a gradient of zeros went wrong: dividing by the norm 0 gave nan or an exception.",
    ),
    dtype_lost=Text(
        "float32 的梯度回來時變成了 float64（NumPy 的 float64 純量會把整個陣列升級），記憶體就多了一倍。",
        "float32 gradients came back as float64 (a NumPy float64 scalar promotes the whole array), "
        "which doubles their memory.",
    ),
)
def clip_by_global_norm(answer: Answer) -> None:
    """One factor for all arrays, the norm before clipping, for gradients of any size; dtypes kept."""
    for shapes in ({"W": (3, 2), "b": (2,)}, {"a": (5,), "b": (2, 3, 2), "c": (1,)}):
        unit = _random_arrays(shapes, seed=1)
        for max_norm in (0.5, 3.0, 100.0):
            _check_clip(answer, unit, max_norm, "float64")
        _check_clip(answer, {k: 1e3 * g for k, g in unit.items()}, 1.0, "gradients near 1e3")
    zeros = {name: np.zeros_like(g) for name, g in unit.items()}
    try:
        with np.errstate(all="ignore"):
            got, got_norm = answer.parts(answer(zeros, 1.0), "(grads, norm)")
    except ZeroDivisionError:
        answer.mistake("zero_gradient")
    if not np.isfinite(_joined(answer, got, zeros)).all() or not np.isfinite(float(got_norm)):
        answer.mistake("zero_gradient")
    _check_clip(answer, zeros, 1.0, "a gradient of zeros")
    small = {name: g.astype(np.float32) for name, g in unit.items()}
    got, _ = answer.parts(answer(small, 0.5), "(grads, norm)")
    if any(np.asarray(got[name]).dtype != np.float32 for name in small):
        answer.mistake("dtype_lost")
    for scale, mistake in ((1e30, "squares_overflow"), (1e-30, "squares_vanish")):
        grads = {name: (scale * g).astype(np.float32) for name, g in unit.items()}
        for max_norm in (0.5 * scale, 10 * scale):
            right, norm = _clipped(grads, max_norm)
            with np.errstate(all="ignore"):
                try:
                    got, got_norm = answer.parts(answer(grads, max_norm), "(grads, norm)")
                except (ZeroDivisionError, OverflowError):
                    answer.mistake(mistake)
            same = answer.matches(_joined(answer, got, grads) / scale, _flat(right) / scale)
            if not same or not answer.matches(float(got_norm) / scale, norm / scale):
                answer.mistake(mistake)


def _random_arrays(shapes: dict[str, tuple[int, ...]], seed: int) -> Arrays:
    """Normal numbers; the arrays differ in size by a factor of three, one after the other."""
    rng = seeding.rng(seed)
    return {
        name: 3.0**-k * rng.normal(size=shape) for k, (name, shape) in enumerate(shapes.items())
    }


def _flat(arrays: Arrays) -> np.ndarray:
    return np.concatenate([np.asarray(part, dtype=float).ravel() for part in arrays.values()])


def _clipped(grads: Arrays, max_norm: float) -> tuple[Arrays, float]:
    norm = float(np.linalg.norm(_flat(grads)))
    factor = min(1.0, max_norm / norm) if norm else 1.0
    return {name: factor * g.astype(float) for name, g in grads.items()}, norm


def _check_clip(answer: Answer, grads: Arrays, max_norm: float, case: str) -> None:
    right, norm = _clipped(grads, max_norm)
    got, got_norm = answer.parts(answer(grads, max_norm), "(grads, norm)")
    numbers = _joined(answer, got, grads)
    if not answer.matches(numbers, _flat(right)):
        alone = [_clipped({name: g}, max_norm)[0] for name, g in grads.items()]
        alternatives = {
            "per_array_norm": np.concatenate([_flat(part) for part in alone]),
            "clips_values": _flat(grads).clip(-max_norm, max_norm),
            "scales_up": _flat(grads) * (max_norm / norm if norm else 1.0),
        }
        answer.recognize(numbers, alternatives)
    answer.require(numbers, _flat(right), f"{case}, max_norm={max_norm:g}, all gradients in a row")
    if norm > max_norm and answer.matches(got_norm, max_norm):
        answer.mistake("norm_after")
    answer.require(got_norm, norm, f"{case}, max_norm={max_norm:g}, norm")


def _joined(answer: Answer, got: Any, grads: Arrays) -> np.ndarray:
    """All numbers of the student's dict in a row; its names and shapes must be those of ``grads``."""
    if not isinstance(got, dict) or set(got) != set(grads):
        answer.mistake("wrong_type", expected=f"dict {list(grads)}", got=type(got).__name__)
    for name, g in grads.items():
        if np.shape(got[name]) != g.shape:
            answer.mistake("wrong_shape", expected=g.shape, got=np.shape(got[name]))
    return _flat({name: got[name] for name in grads})


@exercise(
    hint=Text(
        "有兩道門：東西進來時、東西出去時。訓練會就地改動陣列；拿到最佳參數的人，也可能就地改動它。",
        "There are two doors: where things come in and where they go out. Training writes into "
        "its arrays, and so may whoever is given the best ones.",
    ),
    keeps_reference=Text(
        "你留下的是呼叫者的字典本身。訓練換上新的陣列之後，「最佳參數」也跟著換了。",
        "you kept the caller's own dict. Once training puts new arrays into it, the best "
        "parameters have changed too.",
    ),
    shallow_copy=Text(
        "字典複製了，裡面的陣列沒有。訓練就地更新（`-=`）之後，「最佳參數」也跟著動了。",
        "the dict was copied, the arrays in it were not. After an update in place (`-=`) the best "
        "parameters have moved too.",
    ),
    hands_out_its_own=Text(
        "get 交出的是你自己保存的陣列。拿到的人就地改動之後，再 get 一次，已經不是原來的數字了。",
        "get hands out the very arrays you keep. After the receiver has written into them, a second "
        "get no longer gives the same numbers.",
    ),
    nan_is_best=Text(
        "損失是 nan 時你也收下了；之後的每個損失與 nan 比大小都是 False，再也沒有更好的。",
        "you accepted a loss of nan; after that, every comparison with nan is False, and nothing is "
        "ever better.",
    ),
    keeps_latest=Text(
        "你留下的是最近的參數，不是損失最低的那一次的。",
        "you kept the latest parameters, not those of the lowest loss.",
    ),
    tie_replaces=Text(
        "損失打平時你換掉了舊的。題目說要「更低」才換。",
        "on a tie you replaced what you had. Only a lower loss replaces it.",
    ),
    wrong_verdict=Text(
        "update 的回傳值不對：留下了新的參數才是 True，否則是 False。",
        "update returns the wrong thing: True where the new parameters were kept, else False.",
    ),
)
def BestParams(answer: Answer) -> None:
    """Copies in, copies out, and nan is never best."""
    rng = seeding.rng(2)
    first, second, third = (
        {"W": rng.normal(size=(3, 2)), "b": rng.normal(size=2)} for _ in range(3)
    )
    keeper = answer()
    if keeper.get() is not None:
        answer.require(1, 0, "arrays kept before the first update (get should return None)")
    live = {name: values.copy() for name, values in first.items()}
    verdicts = [keeper.update(1.0, live)]
    live["W"] = second["W"].copy()
    if _same_arrays(answer, keeper.get(), live) and not _same_arrays(answer, keeper.get(), first):
        answer.mistake("keeps_reference")
    _require_arrays(answer, keeper.get(), first, "after one update")
    keeper, live = answer(), {name: values.copy() for name, values in first.items()}
    keeper.update(1.0, live)
    for name in live:
        live[name] -= 0.5 * second[name]
    if not _same_arrays(answer, keeper.get(), first):
        answer.mistake("shallow_copy")
    handed_out = keeper.get()
    for values in handed_out.values():
        values[...] = 0
    handed_out.clear()
    if not _same_arrays(answer, keeper.get(), first):
        answer.mistake("hands_out_its_own")
    verdicts += [keeper.update(1.5, _copies(second)), keeper.update(1.2, _copies(third))]
    if not _same_arrays(answer, keeper.get(), first):
        answer.mistake("keeps_latest")
    verdicts.append(keeper.update(1.0, _copies(third)))
    if not _same_arrays(answer, keeper.get(), first):
        answer.mistake("tie_replaces")
    verdicts.append(keeper.update(np.float32(0.5), _copies(second)))
    _require_arrays(answer, keeper.get(), second, "losses 1.0, 1.5, 1.2, 1.0, 0.5")
    for losses in ((np.nan, 2.0), (2.0, np.nan)):
        keeper = answer()
        for loss in losses:
            keeper.update(loss, _copies(second if loss == 2.0 else third))
        if not _same_arrays(answer, keeper.get(), second):
            answer.mistake("nan_is_best")
    if any(verdict is None for verdict in verdicts):
        answer.mistake("no_return")
    if [bool(verdict) for verdict in verdicts] != [True, False, False, False, True]:
        answer.mistake("wrong_verdict")


def _copies(arrays: Arrays) -> Arrays:
    return {name: values.copy() for name, values in arrays.items()}


def _same_arrays(answer: Answer, got: Any, expected: Arrays) -> bool:
    if not isinstance(got, dict):
        answer.mistake("wrong_type", expected="dict", got=type(got).__name__)
    return got.keys() == expected.keys() and all(
        answer.matches(got[name], values) for name, values in expected.items()
    )


def _require_arrays(answer: Answer, got: Any, expected: Arrays, case: str) -> None:
    if not _same_arrays(answer, got, expected):
        first = next(iter(expected))
        shown = got.get(first, np.nan)
        answer.mistake(
            "wrong_value", case=f"{case}, {first!r}", expected=expected[first], got=shown
        )


@exercise(
    hint=Text(
        "先假設每一列目標的和都是 1，寫出梯度。再問：一列的和是 w 時，這一列的損失變成幾倍？補齊的那些步 w = 0，梯度應該是多少？",
        "First suppose that every row of targets adds up to 1, and write the gradient. Then ask: "
        "where a row adds up to w, how many times its loss is it? A padded step has w = 0; what "
        "should its gradient be?",
    ),
    padding_pushed=Text(
        "補齊的那些步也有梯度：你用了 p − q，但 q 全是 0 時，還剩下 p，模型就被它推著走了。",
        "padded steps have a gradient: with p − q, where q is all 0, p remains and pushes the model "
        "around.",
    ),
    padding_counted=Text(
        "你除以了所有的步數，連補齊的也算。分母是權重的總和：補得越長，梯度不該跟著變小。",
        "you divided by the number of all steps, padded ones too. The denominator is the sum of "
        "weights: longer padding must not shrink the gradient.",
    ),
    mean_forgotten=Text(
        "還沒有除以權重的總和：損失是加權平均，不是總和。",
        "the division by the sum of weights is missing: the loss is a weighted mean, not a sum.",
    ),
    hard_targets=Text(
        "你把目標變成了 one-hot。軟的目標把機率分給好幾類，每一類都要算。",
        "you made the targets one-hot. Soft targets share their probability among classes, and "
        "each of them counts.",
    ),
    softmax_over_steps=Text(
        "softmax 沿著時間的方向做了：每一步自己的 C 個機率，加起來才應該是 1。",
        "the softmax ran along time: it is the C probabilities of each step that add to 1.",
    ),
    sign_lost=Text(
        "正負號反了：照你的方向走，損失會上升。",
        "the sign is reversed: a step against your gradient would raise the loss.",
    ),
    overflow=Text(
        "logits 在 ±10,000 時，梯度出現了 nan 或 inf。同一列減去同一個數，softmax 不變。",
        "at logits of ±10,000 the gradient has nan or inf. Taking one number off a whole row does "
        "not change its softmax.",
    ),
)
def masked_cross_entropy_gradient(answer: Answer) -> None:
    """Equal to autograd's gradient of -Σ q log p / Σ q, with soft targets, weights and padding."""
    rng = seeding.rng(3)
    for batch, steps, classes in ((1, 2, 3), (4, 6, 5), (3, 4, 4)):
        logits = 2 * rng.normal(size=(batch, steps, classes))
        targets = rng.dirichlet(np.ones(classes), size=(batch, steps))
        targets[:, -1] = 0  # the last step is padding
        cases = {"targets add up to 1 or 0": targets}
        if batch > 1:
            cases["targets with weights"] = targets * rng.uniform(0.5, 3, size=(batch, steps, 1))
        for case, q in cases.items():
            expected = _autograd_gradient(logits, q)
            got = answer(logits, q)
            if not answer.matches(got, expected):
                answer.recognize(got, _other_gradients(logits, q))
            answer.require(got, expected, f"logits {logits.shape}, {case}")
    logits = np.array([[[1e4, 0.0, -1e4], [0.0, 5.0, 1.0]], [[-1e4, -1e4, -9999.0], [1e4, 1e4, 0]]])
    targets = np.array([[[0.2, 0.3, 0.5], [0.0, 0.0, 0.0]], [[1.0, 0.0, 0.0], [0.0, 0.5, 0.5]]])
    for dtype in (np.float64, np.float32):
        given = logits.astype(dtype), targets.astype(dtype)
        with np.errstate(all="ignore"):
            got = answer(*given)
        if not np.isfinite(np.asarray(got, dtype=float)).all():
            answer.mistake("overflow")
        answer.require(got, _autograd_gradient(*given), "logits of ±10,000")


def _autograd_gradient(logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    z = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
    q = torch.tensor(targets, dtype=torch.float64)
    (-(q * z.log_softmax(dim=-1)).sum() / q.sum()).backward()
    return z.grad.numpy()


def _other_gradients(logits: np.ndarray, q: np.ndarray) -> dict[str, Any]:
    """What known mistakes make of the gradient, alone and with another denominator."""
    z = torch.tensor(logits)
    p, over_steps = z.softmax(dim=-1).numpy(), z.softmax(dim=1).numpy()
    weights = q.sum(axis=-1, keepdims=True)
    total, num_steps = weights.sum(), weights.size
    one_hot = weights * np.eye(q.shape[-1])[q.argmax(axis=-1)]
    right = weights * p - q
    divisors = (total, num_steps, len(q), (weights > 0).sum(), 1.0)

    def divided(numerator: np.ndarray) -> tuple[np.ndarray, ...]:
        return tuple(numerator / divisor for divisor in divisors)

    return {
        "padding_pushed": divided(p - q),
        "padding_counted": (right / num_steps, right / num_steps / q.shape[-1]),
        "mean_forgotten": (right, right / len(q)),
        "hard_targets": (*divided(weights * p - one_hot), *divided(p - one_hot)),
        "softmax_over_steps": (*divided(weights * over_steps - q), *divided(over_steps - q)),
        "sign_lost": (*divided(-right), *divided(q - p)),
    }
