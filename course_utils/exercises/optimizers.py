"""Exercises of optimizers: stable rate, Nesterov's momentum, AMSGrad, decoupled decay."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from course_utils.exercises import Answer, exercise
from course_utils.language import Text


@exercise(
    hint=Text(
        "先想對角矩陣：每個方向各走各的，哪一個方向最先發散？不是對角的矩陣也有這樣的方向，只是轉了一個角度。",
        "Start with a diagonal matrix: each direction goes its own way; which diverges first? A "
        "matrix that is not diagonal has such directions too, only turned.",
    ),
    half_of_it=Text(
        "用你的答案當學習率，離發散還有一倍的距離：一步剛好走到谷底的學習率，不是發散的界線。",
        "at your rate there is still room for twice as much: the rate that reaches the bottom in "
        "one step is not yet the limit.",
    ),
    smallest_curvature=Text(
        "你用了最平緩的方向。發散是從哪一個方向開始的？",
        "you used the flattest direction. In which direction does divergence begin?",
    ),
    sum_of_curvatures=Text(
        "你把各方向的曲率加了起來。每個方向各走各的，界線由其中一個決定。",
        "you added up the curvatures. Each direction goes its own way; one of them sets the limit.",
    ),
    diagonal_only=Text(
        "對角線上的數，只是沿座標軸的曲率。最陡的方向可以斜在兩個軸之間。",
        "the diagonal holds the curvatures along the axes. The steepest direction may lie between "
        "two axes.",
    ),
)
def largest_stable_rate(answer: Answer) -> None:
    """2 over the largest eigenvalue."""
    factors = [torch.randn(n, n, dtype=torch.float64) for n in (1, 3, 8)]
    cases = [
        torch.diag(torch.tensor([2.0, 20.0], dtype=torch.float64)),
        torch.tensor([[2.0, 1.0], [1.0, 2.0]], dtype=torch.float64),
        *(a @ a.T for a in factors),
        1e6 * factors[1] @ factors[1].T,
        1e-6 * factors[2] @ factors[2].T,
    ]
    for hessian in cases:
        curvatures = torch.linalg.eigvalsh(hessian)
        expected = float(2 / curvatures[-1])
        got = answer(hessian)
        is_number = answer.matches(got, expected, tolerance=1e-4)  # a wrong type ends it here
        relative = float(got) / expected
        if abs(relative - 1) < 1e-4:
            continue
        alternatives = {
            "half_of_it": 1 / curvatures[-1],
            "smallest_curvature": 2 / curvatures[0],
            "sum_of_curvatures": 2 / curvatures.sum(),
            "diagonal_only": 2 / hessian.diagonal().max(),
        }
        for mistake, wrong in alternatives.items():
            if abs(float(got) / float(wrong) - 1) < 1e-4:
                answer.mistake(mistake)
        case = f"hessian={hessian.tolist()}" if len(hessian) < 3 else f"{tuple(hessian.shape)}"
        if is_number:  # far too small a number to be seen as wrong without its scale
            expected, got = 1.0, relative
            case += ", as a share of the right rate"
        answer.require(got, expected, case)


_STEP_SHAPES = ((), (3,), (2, 4))


@exercise(
    hint=Text(
        "先算新的速度，再問：這個速度下一步會把我帶到哪裡？梯度和「再走一次的速度」都要算進這一步。",
        "Compute the new velocity first, then ask where it will carry you next: both the gradient "
        "and that further bit of velocity belong into this step.",
    ),
    no_look_ahead=Text(
        "這是一般的動量，還沒有往前看。如果你寫了 g + βv：更新前的 v 代進去，得到的剛好就是新的速度。",
        "this is plain momentum and does not look ahead yet. If you wrote g + βv: with the v from "
        "before the update, that is just the new velocity.",
    ),
    velocity_twice=Text(
        "舊的速度算了兩次：往前看的那一步，是梯度再加上一點速度；而你的速度裡已經有梯度了。",
        "the past counts twice: looking ahead adds some velocity to the gradient, and your "
        "velocity already holds the gradient.",
    ),
    rate_in_velocity=Text(
        "你把學習率乘進速度裡了。這是另一種寫法；學習率一改變，它就與 PyTorch 的不同。",
        "you multiplied the rate into the velocity. That is the other formula; once the rate "
        "changes, it is not PyTorch's.",
    ),
    damped_gradient=Text(
        "你把梯度乘上了 (1 − β)。Adam 的 m 這樣做，這裡的速度不是。",
        "you multiplied the gradient by (1 − β). Adam's m does that; the velocity here does not.",
    ),
    uphill=Text(
        "方向反了：梯度指向損失增加的方向。", "it goes uphill: the gradient points to larger loss."
    ),
)
def nesterov_step(answer: Answer) -> None:
    """Equal to torch.optim.SGD(nesterov=True), also while the rate changes."""
    for shape in _STEP_SHAPES:
        for scale in (1.0, 1e-3, 1e3):
            param, grad, velocity = torch.randn(3, *shape, dtype=torch.float64).unbind()
            grad, velocity = scale * grad, scale * velocity
            lr, momentum = 0.3, 0.8
            fresh = momentum * velocity + grad
            in_velocity = momentum * velocity + lr * grad
            damped = momentum * velocity + (1 - momentum) * grad
            expected = (param - lr * (grad + momentum * fresh), fresh)
            result = answer(param, grad, velocity, lr, momentum)
            got, got_velocity = answer.parts(result, "(param, velocity)")
            alternatives = {
                "no_look_ahead": [(param - lr * fresh, fresh)],
                "velocity_twice": [(param - lr * (fresh + momentum * fresh), fresh)],
                "rate_in_velocity": [
                    (param - (lr * grad + momentum * in_velocity), in_velocity),
                    (param - in_velocity, in_velocity),
                ],
                "damped_gradient": [
                    (param - lr * (grad + momentum * damped), damped),
                    (param - lr * damped, damped),
                ],
                "uphill": [(param + lr * (grad + momentum * fresh), fresh)],
            }
            _name_pair(answer, got, got_velocity, expected, alternatives)
            case = f"shape {shape}, gradients of size {scale:g}"
            answer.require(got, expected[0], f"{case}, new param")
            answer.require(got_velocity, expected[1], f"{case}, new velocity")
    start, grads = torch.randn(4, dtype=torch.float64), torch.randn(30, 4, dtype=torch.float64)
    reference = nn.Parameter(start.clone())
    optimizer = torch.optim.SGD([reference], lr=0.1, momentum=0.9, nesterov=True)
    param, velocity = start, torch.zeros(4, dtype=torch.float64)
    for t, grad in enumerate(grads):
        lr = optimizer.param_groups[0]["lr"] = 0.1 / (1 + t)
        reference.grad = grad.clone()
        optimizer.step()
        param, velocity = answer.parts(answer(param, grad, velocity, lr, 0.9), "(param, velocity)")
    answer.require(param, reference.detach(), "30 steps with a falling rate, against torch.optim")


def _name_pair(
    answer: Answer,
    got: Any,
    got_velocity: Any,
    expected: tuple[Tensor, Tensor],
    alternatives: dict[str, list[tuple[Tensor, Tensor]]],
) -> None:
    """End the examination where (got, got_velocity) is one of the known wrong pairs."""
    right = answer.matches(got, expected[0]) and answer.matches(got_velocity, expected[1])
    if right:
        return
    for mistake, pairs in alternatives.items():
        for param, velocity in pairs:
            if answer.matches(got, param) and answer.matches(got_velocity, velocity):
                answer.mistake(mistake)


@exercise(
    hint=Text(
        "每個參數張量都要有自己的 m、v、u，大小和它相同；步數 t 則是一次 step 加一。先只用一個張量讓它動起來。",
        "Every parameter tensor needs an m, v and u of its own, as large as itself; the count t "
        "goes up by one a step. Make it move a single tensor first.",
    ),
    not_moved=Text(
        "step 之後，參數還在原地。`param = param - …` 只是讓這個名字指向新的張量，呼叫者手上的那一個沒有動。",
        "after step the parameters are where they were. `param = param - …` makes the name point "
        "to a new tensor; the one that the caller holds does not move.",
    ),
    gradient_changed=Text(
        "step 改動了 param.grad。梯度是別人算好交給你的，裁剪、記錄都還要用它：請算在新的張量裡。",
        "step changed param.grad. The gradient was computed by others, who may yet clip or record "
        "it: compute into new tensors.",
    ),
    no_bias_correction=Text(
        "前幾步太大了：m 與 v 從 0 開始，偏小的程度不同，而你沒有修正它們。",
        "the first steps are too large: m and v start at 0, fall short by different amounts, and "
        "nothing corrects them.",
    ),
    one_moment_corrected=Text("m 與 u 你只修正了其中一個。", "of m and u you corrected only one."),
    eps_inside_root=Text(
        "ε 在根號裡面。梯度很小時，√(u + ε) 幾乎只剩 √ε，步子就太小了。",
        "ε stands inside the root. Where gradients are small, √(u + ε) is hardly more than √ε, and "
        "the steps become too small.",
    ),
    no_maximum=Text(
        "這是 Adam：大梯度過去之後，分母又縮回去了。u 應該只升不降。",
        "this is Adam: once a large gradient has passed, the denominator shrinks again. u may only "
        "rise.",
    ),
    maximum_after_correction=Text(
        "你先修正 v 再取最大值。題目是先取最大值，再修正。",
        "you corrected v and then took the maximum. The question takes the maximum first.",
    ),
    maximum_kept_as_v=Text(
        "你把最大值存回 v，下一步的移動平均就從它算起。v 和 u 是兩個不同的量。",
        "you stored the maximum as v, so that the next running mean starts from it. v and u are "
        "two different things.",
    ),
    shared_state=Text(
        "一個張量的步子，會隨另一個張量的梯度改變：它們共用了同一份狀態。",
        "one tensor's steps depend on another tensor's gradients: they share their state.",
    ),
    count_per_parameter=Text(
        "多放一個張量，步數就多數了一次：t 在迴圈裡每個張量都加了一，修正量也就錯了。",
        "with one more tensor in the list, steps are counted twice: t goes up once a tensor, and "
        "the correction is wrong.",
    ),
    generator_used_up=Text(
        "`model.parameters()` 是產生器，只能走一遍；第二次再走，裡面已經沒有東西了。",
        "`model.parameters()` is a generator and can be walked once; the second time there is "
        "nothing left in it.",
    ),
)
def AMSGrad(answer: Answer) -> None:
    """Equal to torch.optim.Adam(amsgrad=True); tensors do not know of each other."""
    signs = torch.tensor([[3.0, -0.5, 1e-3]], dtype=torch.float64)
    large_then_small = torch.tensor([5.0] + [0.1] * 40, dtype=torch.float64)[:, None] * signs
    random = torch.randn(30, 3, dtype=torch.float64)
    cases = {
        "one step": signs,
        "gradients of 1e-6": 1e-6 * torch.ones(3, 3, dtype=torch.float64),
        "a large gradient, then small ones": large_then_small,
        "random gradients": random,
        "gradients of 1e6, and of 0": torch.cat([1e6 * random[:3], 0 * random[:3]]),
    }
    for case, grads in cases.items():
        got, expected = _move(answer, [grads])[0], _amsgrad_by_torch(grads)
        if not got.any() and expected.any():
            answer.mistake("not_moved")
        if not answer.matches(got, expected):
            for mistake, variants in _AMSGRAD_VARIANTS.items():
                if any(answer.matches(got, _variant(grads, **variant)) for variant in variants):
                    answer.mistake(mistake)
        answer.require(got, expected, case)
    alone = _amsgrad_by_torch(random)
    beside_zeros = _move(answer, [torch.zeros_like(random), random])[1]
    beside_others = _move(answer, [random.flip(0), random])[1]
    if not answer.matches(beside_others, beside_zeros):
        answer.mistake("shared_state")
    if not answer.matches(beside_zeros, alone):
        answer.mistake("count_per_parameter")
    shapes = [torch.randn(10, *shape, dtype=torch.float64) for shape in _STEP_SHAPES]
    for got, grads in zip(_move(answer, shapes), shapes, strict=True):
        answer.require(got, _amsgrad_by_torch(grads), f"shape {tuple(grads.shape[1:])}")
    try:
        from_generator = _move(answer, [random], as_generator=True)[0]
    except (ValueError, IndexError, TypeError, StopIteration):  # lengths that no longer agree
        answer.mistake("generator_used_up")
    if not answer.matches(from_generator, alone):
        answer.mistake("generator_used_up")


_LR, _BETA1, _BETA2, _EPS = 0.1, 0.8, 0.95, 1e-8


def _move(answer: Answer, grads: Sequence[Tensor], as_generator: bool = False) -> list[Tensor]:
    """Where the answer takes parameters that start at 0; grads: (T, ...) for each of them."""
    params = [nn.Parameter(torch.zeros_like(grad[0])) for grad in grads]
    given: Iterable = (param for param in params) if as_generator else params
    optimizer = answer(given, lr=_LR, betas=(_BETA1, _BETA2), eps=_EPS)
    for now in zip(*grads, strict=True):
        for param, grad in zip(params, now, strict=True):
            param.grad = grad.clone()
        optimizer.step()
        for param, grad in zip(params, now, strict=True):
            if param.grad is None or not torch.equal(param.grad, grad):
                answer.mistake("gradient_changed")
    return [param.detach() for param in params]


def _amsgrad_by_torch(grads: Tensor) -> Tensor:
    param = nn.Parameter(torch.zeros_like(grads[0]))
    optimizer = torch.optim.Adam([param], lr=_LR, betas=(_BETA1, _BETA2), eps=_EPS, amsgrad=True)
    for grad in grads:
        param.grad = grad.clone()
        optimizer.step()
    return param.detach()


_AMSGRAD_VARIANTS: dict[str, list[dict[str, Any]]] = {
    "no_bias_correction": [{"correct": ""}],
    "one_moment_corrected": [{"correct": "m"}, {"correct": "u"}],
    "eps_inside_root": [{"eps_inside": True}],
    "no_maximum": [{"maximum": "none"}],
    "maximum_after_correction": [{"maximum": "corrected"}],
    "maximum_kept_as_v": [{"maximum": "as v"}],
}


def _variant(
    grads: Tensor, correct: str = "mu", eps_inside: bool = False, maximum: str = "raw"
) -> Tensor:
    """AMSGrad with one thing done differently."""
    param = m = v = u = torch.zeros_like(grads[0])
    for t, grad in enumerate(grads, start=1):
        m = _BETA1 * m + (1 - _BETA1) * grad
        v = _BETA2 * v + (1 - _BETA2) * grad**2
        factor = 1 / (1 - _BETA2**t) if "u" in correct else 1.0
        if maximum == "corrected":
            u = torch.maximum(u, factor * v)
            factor = 1.0
        else:
            u = v if maximum == "none" else torch.maximum(u, v)
            v = u if maximum == "as v" else v
        m_hat = m / (1 - _BETA1**t) if "m" in correct else m
        root = (factor * u + _EPS).sqrt() if eps_inside else (factor * u).sqrt() + _EPS
        param = param - _LR * m_hat / root
    return param


@exercise(
    hint=Text(
        "把兩件事分開想：梯度經過速度之後讓參數移動；權重衰減直接讓參數縮小一點，不經過速度。",
        "Keep two things apart: the gradient, through the velocity, moves the parameter; the decay "
        "shrinks the parameter a little, and never passes through the velocity.",
    ),
    decay_in_gradient=Text(
        "衰減跑進梯度裡了：速度會記住它，往後好幾步都在重複。這是 L2，不是分開的權重衰減。",
        "the decay went into the gradient: the velocity remembers and repeats it for many steps. "
        "That is L2, not decoupled decay.",
    ),
    rate_forgotten=Text(
        "每一步縮小的比例還要乘上學習率；否則學習率降低時，衰減卻不跟著變慢。",
        "the share by which it shrinks also contains the rate; else decay would not slow down with "
        "the rate.",
    ),
    decays_the_moved=Text(
        "你縮小的是已經移動過的參數，連這一步的移動也縮小了。要縮小的是原來的參數。",
        "you shrank the parameter after it had moved, and this step's move along with it. It is "
        "the old parameter that shrinks.",
    ),
    grows=Text(
        "權重變大了：衰減的正負號反了。", "the weights grow: the sign of the decay is wrong."
    ),
    no_decay=Text("weight_decay 沒有作用。", "weight_decay has no effect."),
)
def sgdw_step(answer: Answer) -> None:
    """Equal to torch.optim.SGD with momentum on a parameter that is shrunk before each step."""
    lr, momentum, decay = 0.5, 0.8, 0.3
    for shape in _STEP_SHAPES:
        for scale in (1.0, 0.0, 1e3):
            param, grad, velocity = torch.randn(3, *shape, dtype=torch.float64).unbind()
            grad, velocity = scale * grad, scale * velocity
            fresh = momentum * velocity + grad
            with_decay = fresh + decay * param
            expected = ((1 - lr * decay) * param - lr * fresh, fresh)
            got, velocity_got = answer.parts(
                answer(param, grad, velocity, lr, momentum, decay), "(param, velocity)"
            )
            alternatives = {
                "decay_in_gradient": [(param - lr * with_decay, with_decay)],
                "rate_forgotten": [((1 - decay) * param - lr * fresh, fresh)],
                "decays_the_moved": [((1 - lr * decay) * (param - lr * fresh), fresh)],
                "grows": [((1 + lr * decay) * param - lr * fresh, fresh)],
                "no_decay": [(param - lr * fresh, fresh)],
            }
            _name_pair(answer, got, velocity_got, expected, alternatives)
            case = f"shape {shape}, gradients of size {scale:g}"
            answer.require(got, expected[0], f"{case}, new param")
            answer.require(velocity_got, expected[1], f"{case}, new velocity")
    start, grads = torch.randn(4, dtype=torch.float64), torch.randn(30, 4, dtype=torch.float64)
    reference = nn.Parameter(start.clone())
    optimizer = torch.optim.SGD([reference], lr=0.1, momentum=0.9)
    param, velocity = start, torch.zeros(4, dtype=torch.float64)
    for t, grad in enumerate(grads):
        lr = optimizer.param_groups[0]["lr"] = 0.1 / (1 + t)
        with torch.no_grad():
            reference.mul_(1 - lr * decay)
        reference.grad = grad.clone()
        optimizer.step()
        param, velocity = answer.parts(
            answer(param, grad, velocity, lr, 0.9, decay), "(param, velocity)"
        )
    answer.require(param, reference.detach(), "30 steps with a falling rate, against torch.optim")
