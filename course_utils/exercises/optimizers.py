"""Exercises of optimizers: stable rate, Nesterov's momentum, decoupled decay."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn

from course_utils.exercises.by_reference import ReferenceExercise, given, right_answer
from course_utils.language import Text
from course_utils.seeding import generator


def _normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


# --- largest_stable_rate


def _bowls() -> Iterator[given]:
    yield given(torch.diag(torch.tensor([2.0, 20.0], dtype=torch.float64)))
    yield given(torch.tensor([[2.0, 1.0], [1.0, 2.0]], dtype=torch.float64))
    for size, scale in ((1, 1.0), (3, 1.0), (8, 1.0), (3, 1e6), (8, 1e-6)):
        factor = _normal(size, size, seed=size)
        case = Text(f"{size}×{size}，大小 {scale:g}", f"{size}×{size}, of size {scale:g}")
        yield given(scale * factor @ factor.T, case=case)


@right_answer(
    cases=_bowls,
    terms=lambda hessian: 0,
    slack=1000,  # an eigenvalue may be iterated for
    enough=torch.float32,
    hint=Text(
        "先想對角矩陣：每個方向各走各的，哪一個方向最先發散？不是對角的矩陣也有這樣的方向，只是轉了一個角度。",
        "Start with a diagonal matrix: each direction goes its own way; which diverges first? A matrix that is not diagonal has such directions too, only turned.",
    ),
)
def largest_stable_rate(hessian):
    """2 over the largest eigenvalue."""
    return 2 / torch.linalg.eigvalsh(hessian)[-1]


def _wrong_rate(
    name: str, text: Text, *curvatures: Callable, tops: Sequence[float] = (1.0, 2.0)
) -> None:
    """curvatures: of the matrix and its eigenvalues, the smallest first; the rate is a top over one."""
    ways = (
        lambda hessian, curvature=curvature, top=top: (
            top / curvature(hessian, torch.linalg.eigvalsh(hessian))
        )
        for curvature, top in product(curvatures, tops)
    )
    largest_stable_rate.mistake(name, text, *ways)


_wrong_rate(
    "half_of_it",
    Text(
        "用你的答案當學習率，還要再大一倍才會發散：一步剛好走到谷底的學習率，不是發散的界線。",
        "at your rate there is still room for twice as much: the rate that reaches the bottom in one step is not yet the limit.",
    ),
    lambda h, e: e[-1],
    tops=(1.0,),
)
_wrong_rate(
    "smallest_curvature",
    Text(
        "你用了最平緩的方向。發散是從哪一個方向開始的？",
        "you used the flattest direction. In which direction does divergence begin?",
    ),
    lambda h, e: e[0],
)
_wrong_rate(
    "sum_of_curvatures",
    Text(
        "你把各方向的曲率加起來（或平均）了。每個方向各走各的，界線由其中一個決定。",
        "you added up (or averaged) the curvatures. Each direction goes its own way; one of them sets the limit.",
    ),
    lambda h, e: e.sum(),
    lambda h, e: e.mean(),
)
_wrong_rate(
    "diagonal_only",
    Text(
        "對角線上的數，只是沿座標軸的曲率。最陡的方向可以斜在兩個軸之間。",
        "the diagonal holds the curvatures along the axes. The steepest direction may lie between two axes.",
    ),
    lambda h, e: h.diagonal().max(),
    lambda h, e: h.diagonal().min(),
    lambda h, e: h.diagonal(),
    lambda h, e: h[0, 0],
    lambda h, e: h[-1, -1],
)
_wrong_rate(
    "size_of_the_matrix",
    Text(
        "你量的是整個矩陣的大小（範數、最大的列和）。它不小於最陡方向的曲率，通常更大，所以你的學習率還可以再大一點。",
        "you measured the size of the whole matrix (a norm, a largest row sum). It is at least the steepest curvature and in general more, so that your rate leaves some room.",
    ),
    lambda h, e: torch.linalg.matrix_norm(h),
    lambda h, e: h.abs().sum(dim=1).max(),
)
_wrong_rate(
    "sum_of_entries",
    Text(
        "把矩陣的數全部加（或平均）起來，看到的只是沿 (1, …, 1) 這一個方向的曲率。最陡的是哪一個方向？",
        "the sum (or mean) of all entries knows the curvature along (1, …, 1) only. Which direction is the steepest?",
    ),
    lambda h, e: h.sum(),
    lambda h, e: h.sum() / len(h),
    lambda h, e: h.mean(),
)
_wrong_rate(
    "determinant",
    Text(
        "行列式是各方向曲率的乘積：一個很平的方向就能讓它變小，界線卻不會因此放寬。",
        "the determinant is the product of the curvatures: one flat direction makes it small, and the limit is no wider for that.",
    ),
    lambda h, e: e.prod(),
)
largest_stable_rate.mistake(
    "complex_numbers",
    Text(
        "`eigvals` 給的是複數，不能比大小。H 是對稱的，特徵值都是實數：有一個函式專門算這種矩陣的特徵值。",
        "`eigvals` gives complex numbers, which have no order. H is symmetric and its eigenvalues are real: there is a function for just that kind of matrix.",
    ),
    when=lambda wrong: all(
        "Complex" in str(seen.got.error) or (torch.is_tensor(result) and result.is_complex())
        for seen in wrong
        for result in [seen.got.result]
    ),
)
_wrong_rate(
    "grows_with_curvature",
    Text(
        "曲率越大，你的學習率也越大。越陡的谷，一步能走的距離應該更大還是更小？",
        "the larger the curvature, the larger your rate. In a steeper valley, may a step be longer, or must it be shorter?",
    ),
    lambda h, e: 1 / e[-1],
    lambda h, e: 1 / e[0],
    lambda h, e: 1 / h.diagonal().max(),
    tops=(0.5, 1.0, 2.0),
)
_wrong_rate(
    "one_rate_a_direction",
    Text(
        "你給每個方向一個界線。梯度下降只有一個學習率，所有方向都要收斂，由哪一個界線決定？",
        "you gave a limit for each direction. Gradient descent has one rate, and all directions must converge: which of these limits decides?",
    ),
    lambda h, e: e,
    lambda h, e: e.flip(0),
)
_wrong_rate(
    "fastest_rate",
    Text(
        "這是收斂最快的學習率（最陡和最平的方向一樣快），還沒到會發散的界線。",
        "this is the rate of fastest convergence, at which the steepest and the flattest direction are equally fast; the limit lies beyond it.",
    ),
    lambda h, e: e[0] + e[-1],
    lambda h, e: (e[0].sqrt() + e[-1].sqrt()).square() / 2,
)
_wrong_rate(
    "curvature_squared",
    Text(
        "曲率多了一個平方（或根號）：H 的特徵值本身就是曲率。把損失放大 4 倍，學習率的界線該變成幾分之一？",
        "the curvature was squared (or its root taken): an eigenvalue of H is a curvature as it is. With the loss 4 times as large, what should become of the limit?",
    ),
    lambda h, e: e[-1].square(),
    lambda h, e: e[-1].sqrt(),
)
_wrong_rate(
    "condition_number",
    Text(
        "你用了最陡與最平的比值（條件數）。它說的是收斂有多慢；整個谷變陡一倍，它不變，界線卻會變。",
        "you used the ratio of the steepest to the flattest (the condition number). It tells how slow convergence is; in a valley twice as steep all over it stays as it was, and the limit does not.",
    ),
    lambda h, e: e[-1] / e[0],
    lambda h, e: e[0] / e[-1],
)

# --- nesterov_step and sgdw_step

_STEP_SHAPES = ((), (3,), (2, 4))
_STEP = Text(
    "形狀 {shape}，梯度大小 {scale:g}，lr={lr}",
    "shape {shape}, gradients of size {scale:g}, lr={lr}",
)


def _steps(*decay: float) -> Iterator[given]:
    """Random (param, grad, velocity, lr, momentum, *decay) of several shapes and sizes."""
    for shape in _STEP_SHAPES:
        for scale in (1.0, 1e-3, 1e3, 0.0):
            for lr, momentum in ((0.3, 0.8), (0.05, 0.95)):
                param, grad, velocity = _normal(3, *shape, seed=len(shape)).unbind()
                case = _STEP.format(shape=shape, scale=scale, lr=lr)
                grads = scale * grad, scale * velocity
                yield given(param, *grads, lr, momentum, *decay, case=case)


def _size_of_step(param: Tensor, grad: Tensor, velocity: Tensor, *_: float) -> Tensor:
    return param.abs().max() + grad.abs().max() + velocity.abs().max()


def _by_torch(
    param: Tensor, grad: Tensor, velocity: Tensor, **options: Any
) -> tuple[Tensor, Tensor]:
    """(param, velocity) after one step of torch.optim.SGD."""
    moving = nn.Parameter(param.clone())
    moving.grad = grad.clone()
    optimizer = torch.optim.SGD([moving], **options)
    optimizer.state[moving]["momentum_buffer"] = velocity.clone()
    optimizer.step()
    return moving.detach(), optimizer.state[moving]["momentum_buffer"]


@right_answer(
    cases=_steps,
    parts="(param, velocity)",
    terms=_size_of_step,
    enough=torch.float32,
    hint=Text(
        "先算新的速度，再問：這個速度下一步會把我帶到哪裡？梯度和「再走一次的速度」都要算進這一步。",
        "Compute the new velocity first, then ask where it will carry you next: both the gradient and that further bit of velocity belong into this step.",
    ),
)
def nesterov_step(param, grad, velocity, lr, momentum):
    """(param, velocity) after one step of torch.optim.SGD(nesterov=True)."""
    return _by_torch(param, grad, velocity, lr=lr, momentum=momentum, nesterov=True)


def _fresh(grad, velocity, lr, momentum):
    return momentum * velocity + grad


def _by_velocity(grad, new, old, lr, momentum):
    return lr * new


def _by_look_ahead(grad, new, old, lr, momentum):
    return lr * (grad + momentum * new)


def _without_decay(param, step, lr, decay):
    return param - step


_STEPS = (  # the step of (grad, new velocity, old velocity, lr, momentum)
    _by_velocity,
    _by_look_ahead,
    lambda g, new, old, lr, beta: new,
    lambda g, new, old, lr, beta: lr * g + beta * new,
    lambda g, new, old, lr, beta: -lr * g + beta * new,
)


def _uphill(step: Callable) -> Callable:
    return lambda *given: -step(*given)


def _moving(new_velocity: Callable, step: Callable, shrink: Callable = _without_decay) -> Callable:
    """shrink: the new parameter, of (param, step, lr, decay)."""

    def moved(param, grad, velocity, lr, momentum, decay=0.0):
        new = new_velocity(grad, velocity, lr, momentum)
        return shrink(param, step(grad, new, velocity, lr, momentum), lr, decay), new

    return moved


def _wrong_velocities(
    exercise: ReferenceExercise, right_step: Callable, shrinks: Sequence[Callable]
) -> None:
    """Mistakes in the velocity, or in the way it moves the parameter, whatever the exercise."""
    both_ways = (*_STEPS, *map(_uphill, _STEPS))
    for name, (text, velocities) in _WRONG_VELOCITIES.items():
        ways = itertools.starmap(_moving, product(velocities, both_ways, shrinks))
        exercise.mistake(name, text, *ways)
    for name, (text, steps) in _WRONG_STEPS.items():
        ways = itertools.starmap(_moving, product([_fresh], steps, shrinks))
        exercise.mistake(name, text, *ways)
    uphill = Text(
        "方向反了：梯度指向損失增加的方向。",
        "it goes uphill: the gradient points to larger loss.",
    )
    climbing = (_moving(_fresh, _uphill(right_step), shrink) for shrink in shrinks)
    exercise.mistake("uphill", uphill, *climbing)

    def old_velocity(*given):
        return _moving(_fresh, right_step, shrinks[0])(*given)[0], given[2]

    not_kept = Text(
        "你回傳的速度還是舊的：參數動了，速度卻沒有記住這次的梯度。",
        "the velocity you return is the old one: the parameter moved, and the velocity did not take the gradient in.",
    )
    exercise.mistake("velocity_not_updated", not_kept, old_velocity)


_WRONG_VELOCITIES: dict[str, tuple[Text, Sequence[Callable]]] = {
    "rate_in_velocity": (
        Text(
            "你把學習率乘進速度裡了。這是另一種寫法；學習率一改變，它就與 PyTorch 的不同。",
            "you multiplied the rate into the velocity. That is the other formula; once the rate changes, it is not PyTorch's.",
        ),
        (
            lambda g, v, lr, beta: beta * v + lr * g,
            lambda g, v, lr, beta: beta * v - lr * g,
            lambda g, v, lr, beta: lr * (beta * v + g),
        ),
    ),
    "damped_gradient": (
        Text(
            "你把梯度乘上了 (1 − β)。Adam 的 m 這樣做，這裡的速度不是。",
            "you multiplied the gradient by (1 − β). Adam's m does that; the velocity here does not.",
        ),
        (
            lambda g, v, lr, beta: beta * v + (1 - beta) * g,
            lambda g, v, lr, beta: (1 - beta) * v + beta * g,
        ),
    ),
    "momentum_misplaced": (
        Text(
            "速度裡的 β 放錯地方了：逐步淡忘的是過去的速度，新的梯度整個算進去。",
            "β stands in the wrong place in the velocity: it is the past velocity that fades, while the new gradient enters whole.",
        ),
        (
            lambda g, v, lr, beta: v + beta * g,
            lambda g, v, lr, beta: v + g,
            lambda g, v, lr, beta: beta * (v + g),
            lambda g, v, lr, beta: (1 - beta) * v + g,
        ),
    ),
    "gradient_subtracted": (
        Text(
            "速度裡的梯度要用加的：PyTorch 的速度和梯度同方向，移動參數時才減。",
            "the gradient is added to the velocity: PyTorch's velocity points where the gradient does, and the minus comes when the parameter moves.",
        ),
        (lambda g, v, lr, beta: beta * v - g,),
    ),
    "past_forgotten": (
        Text(
            "舊的速度沒有算進新的速度：這樣就沒有動量了。",
            "the old velocity does not enter the new one: there is no momentum left.",
        ),
        (lambda g, v, lr, beta: g, lambda g, v, lr, beta: beta * g),
    ),
}
_WRONG_STEPS: dict[str, tuple[Text, Sequence[Callable]]] = {
    "moves_by_the_old": (
        Text(
            "移動參數時，你用的是更新之前的速度。速度要先更新。",
            "you moved the parameter by the velocity from before the update. The velocity comes first.",
        ),
        (
            lambda g, new, old, lr, beta: lr * old,
            lambda g, new, old, lr, beta: lr * beta * old,
            lambda g, new, old, lr, beta: lr * (g + old),
        ),
    ),
    "moves_by_the_gradient": (
        Text(
            "你讓梯度單獨移動參數，速度算了卻沒有用到。",
            "you moved the parameter by the gradient alone; the velocity was computed and not used.",
        ),
        (lambda g, new, old, lr, beta: lr * g,),
    ),
    "rate_not_applied": (
        Text(
            "學習率沒有乘到整個移動上：速度裡沒有它，所以移動時，每一項都要乘。",
            "the rate does not multiply the whole move: the velocity does not contain it, so that every term of the move must.",
        ),
        (
            lambda g, new, old, lr, beta: new,
            lambda g, new, old, lr, beta: g + beta * new,
            lambda g, new, old, lr, beta: lr * g + beta * new,
            lambda g, new, old, lr, beta: g + lr * beta * new,
        ),
    ),
}


def _wrong_nesterov(name: str, text: Text, *steps: Callable) -> None:
    """steps: of (grad, new velocity, old velocity, lr, momentum); the velocity is right."""
    ways = (_moving(_fresh, way) for step in steps for way in (step, _uphill(step)))
    nesterov_step.mistake(name, text, *ways)


_wrong_velocities(nesterov_step, _by_look_ahead, [_without_decay])
_wrong_nesterov(
    "no_look_ahead",
    Text(
        "這是一般的動量，還沒有往前看。如果你寫了 g + βv：更新前的 v 代進去，得到的剛好就是新的速度。",
        "this is plain momentum and does not look ahead yet. If you wrote g + βv: with the v from before the update, that is just the new velocity.",
    ),
    _by_velocity,
)
_wrong_nesterov(
    "velocity_twice",
    Text(
        "過去（或梯度）算了兩次：往前看的那一步，是梯度再加上一點速度；而你的速度裡已經有梯度了。",
        "the past (or the gradient) counts twice: looking ahead adds some velocity to the gradient, and your velocity already holds the gradient.",
    ),
    lambda g, new, old, lr, beta: lr * (new + beta * new),
    lambda g, new, old, lr, beta: lr * (new + beta * old),
    lambda g, new, old, lr, beta: lr * (new + g),
)
_wrong_nesterov(
    "look_ahead_misplaced",
    Text(
        "往前看的那一步裡，β 放錯地方了：打折扣的是速度，梯度整個算進去。",
        "β stands in the wrong place in the look-ahead: it is the velocity that it shortens, while the gradient enters whole.",
    ),
    lambda g, new, old, lr, beta: lr * (new + beta * g),
    lambda g, new, old, lr, beta: lr * beta * (g + new),
    lambda g, new, old, lr, beta: lr * beta * new,
    lambda g, new, old, lr, beta: lr * (g + beta**2 * new),
    lambda g, new, old, lr, beta: lr * ((1 - beta) * g + beta * new),
)
_wrong_nesterov(
    "look_back",
    Text(
        "你往後看了：速度會繼續帶著參數往同一個方向走，所以 βv 和梯度是加在一起的。",
        "you looked back: the velocity goes on carrying the parameter the same way, so that βv is added to the gradient.",
    ),
    lambda g, new, old, lr, beta: lr * (g - beta * new),
    lambda g, new, old, lr, beta: lr * (new - beta * new),
    lambda g, new, old, lr, beta: lr * g - beta * new,
)


def _keeps_the_push(param, grad, velocity, lr, momentum):
    push = grad + momentum * _fresh(grad, velocity, lr, momentum)
    return param - lr * push, push


nesterov_step.mistake(
    "push_kept_as_velocity",
    Text(
        "你把往前看的那一步當成新的速度回傳了。它只用來移動參數；存起來的話，下一步會再把它算一次。",
        "you returned the look-ahead as the new velocity. It only moves the parameter; kept, it would count once more in the next step.",
    ),
    _keeps_the_push,
)


@right_answer(
    cases=lambda: _steps(0.3),
    parts="(param, velocity)",
    terms=_size_of_step,
    enough=torch.float32,
    hint=Text(
        "把兩件事分開想：梯度經過速度之後讓參數移動；權重衰減直接讓參數縮小一點，不經過速度。",
        "Keep two things apart: the gradient, through the velocity, moves the parameter; the decay shrinks the parameter a little, and never passes through the velocity.",
    ),
)
def sgdw_step(param, grad, velocity, lr, momentum, weight_decay):
    """(param, velocity) of torch.optim.SGD on a parameter that is shrunk before the step."""
    return _by_torch((1 - lr * weight_decay) * param, grad, velocity, lr=lr, momentum=momentum)


def _decayed(param, step, lr, decay):
    return (1 - lr * decay) * param - step


def _wrong_sgdw(name: str, text: Text, *shrinks: Callable) -> None:
    """shrinks: the new parameter, of (param, step, lr, decay), whatever the step."""
    steps = (*_STEPS, *map(_uphill, _STEPS))
    ways = itertools.starmap(_moving, product([_fresh], steps, shrinks))
    sgdw_step.mistake(name, text, *ways)


def _with_l2(way: Callable) -> Callable:
    return lambda param, grad, velocity, lr, momentum, decay: way(
        param, grad + decay * param, velocity, lr, momentum, decay
    )


def _with_decayed_velocity(param, grad, velocity, lr, momentum, decay):
    kept = 1 - lr * decay
    return _moving(_fresh, _by_velocity, _decayed)(
        param, grad, kept * velocity, lr, momentum, decay
    )


def _with_both_decayed(param, grad, velocity, lr, momentum, decay):
    velocity = (1 - lr * decay) * _fresh(grad, velocity, lr, momentum)
    return (1 - lr * decay) * param - lr * velocity, velocity


def _with_decay_kept(param, grad, velocity, lr, momentum, decay):
    moved, velocity = _moving(_fresh, _by_velocity, _decayed)(
        param, grad, velocity, lr, momentum, decay
    )
    return moved, (1 - lr * decay) * velocity


_wrong_velocities(sgdw_step, _by_velocity, [_decayed])
sgdw_step.mistake(
    "decay_in_gradient",
    Text(
        "衰減跑進梯度裡了：速度會記住它，往後好幾步都在重複。這是 L2，不是分開的權重衰減。",
        "the decay went into the gradient: the velocity remembers and repeats it for many steps. That is L2, not decoupled decay.",
    ),
    *(
        _with_l2(_moving(_fresh, step, shrink))
        for step, shrink in product(_STEPS, (_without_decay, _decayed))
    ),
)
sgdw_step.mistake(
    "velocity_decays",
    Text(
        "你讓速度也縮小了。權重衰減只碰參數，不經過梯度，也不經過速度。",
        "you made the velocity shrink as well. The decay touches the parameter only; gradient and velocity know nothing of it.",
    ),
    _with_decayed_velocity,
    _with_both_decayed,
    _with_decay_kept,
)
sgdw_step.mistake(
    "look_ahead",
    Text(
        "這是 Nesterov 的一步，會往前看；題目要的是 PyTorch 一般的動量。",
        "this is Nesterov's step, which looks ahead; the question is for PyTorch's plain momentum.",
    ),
    _moving(_fresh, _by_look_ahead, _decayed),
)
_wrong_sgdw(
    "rate_forgotten",
    Text(
        "每一步縮小的比例還要乘上學習率；否則學習率降低時，衰減卻不跟著變慢。",
        "the share by which it shrinks also contains the rate; else decay would not slow down with the rate.",
    ),
    lambda param, step, lr, decay: (1 - decay) * param - step,
)
_wrong_sgdw(
    "rate_twice",
    Text(
        "衰減裡的學習率乘了兩次，縮小的比例就太小了。",
        "the rate multiplies the decay twice, and the share by which it shrinks becomes too small.",
    ),
    lambda param, step, lr, decay: (1 - lr**2 * decay) * param - step,
)
_wrong_sgdw(
    "decays_twice",
    Text(
        "參數縮小了兩次：一次是乘上 (1 − ηλ)，一次在移動裡。",
        "the parameter shrinks twice, once by (1 − ηλ) and once in the move.",
    ),
    lambda param, step, lr, decay: (1 - 2 * lr * decay) * param - step,
    lambda param, step, lr, decay: (1 - lr * decay) ** 2 * param - step,
)
_wrong_sgdw(
    "decays_the_moved",
    Text(
        "你縮小的是已經移動過的參數，連這一步的移動也縮小了。要縮小的是原來的參數。",
        "you shrank the parameter after it had moved, and this step's move along with it. It is the old parameter that shrinks.",
    ),
    lambda param, step, lr, decay: (1 - lr * decay) * (param - step),
    lambda param, step, lr, decay: (1 - decay) * (param - step),
)
_wrong_sgdw(
    "grows",
    Text("權重變大了：衰減的正負號反了。", "the weights grow: the sign of the decay is wrong."),
    lambda param, step, lr, decay: (1 + lr * decay) * param - step,
    lambda param, step, lr, decay: (1 + decay) * param - step,
)
_wrong_sgdw(
    "no_decay",
    Text("weight_decay 沒有作用。", "weight_decay has no effect."),
    _without_decay,
)
_wrong_sgdw(
    "keeps_the_share",
    Text(
        "你留下的剛好是該拿掉的那一份：參數一步就縮到只剩 ηλ 倍。縮小一點，剩下的是多少？",
        "you kept the very share that should go: in one step the parameter shrinks to ηλ of itself. When it shrinks by a little, how much is left?",
    ),
    lambda param, step, lr, decay: lr * decay * param - step,
    lambda param, step, lr, decay: decay * param - step,
    lambda param, step, lr, decay: -lr * decay * param - step,
)
_wrong_sgdw(
    "constant_decay",
    Text(
        "不論參數多大，你每一步都減掉同樣多。「縮小一點」是按比例的：大的參數減得多，小的減得少。",
        "you take off the same amount however large the parameter is. To shrink by a share means more off a large one and less off a small one.",
    ),
    lambda param, step, lr, decay: param - lr * decay * param.sign() - step,
    lambda param, step, lr, decay: param - lr * decay - step,
    lambda param, step, lr, decay: param - decay * param.sign() - step,
)
