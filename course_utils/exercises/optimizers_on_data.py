"""Exercises of optimizers_on_data: the batch for a wanted noise, the scaled rate, AMSGrad."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from course_utils.exercises.by_reference import Seen, given, right_answer
from course_utils.exercises.outcomes import Outcome
from course_utils.language import Text
from course_utils.seeding import generator


def _normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


# --- batch_size_for_noise


def _gradients() -> Iterator[given]:
    corners = torch.tensor([[3.0, 0.0], [1.0, 2.0], [2.0, 1.0]], dtype=torch.float64)
    for tolerance in (1.0, 0.1, 0.03):
        yield given(corners, tolerance, case=f"3×2, tolerance={tolerance}")
    for count, size, scale in ((50, 4, 1.0), (200, 10, 1e-3), (8, 30, 100.0)):
        noisy = scale * (1 + _normal(count, size, seed=size))
        for tolerance in (2.0, 0.5, 0.07):
            yield given(noisy, tolerance, case=f"{count}×{size}, tolerance={tolerance}")
    case = Text("每一筆的梯度都相同", "all gradients are equal")
    yield given(torch.ones(5, 3, dtype=torch.float64), 0.1, case=case)


@right_answer(
    cases=_gradients,
    terms=lambda gradients, tolerance: 0,
    hint=Text(
        "先算 B = 1 的雜訊：單筆梯度與平均梯度的距離，均方根是多少？批次大小 B 會把它除以 √B。接著問：要除到多小才夠？",
        "Take B = 1 first: what is the root mean square distance of a single gradient from the mean? A batch of B divides it by √B. Then ask how far down it has to come.",
    ),
)
def batch_size_for_noise(gradients, tolerance):
    """The noise scale over the squared tolerance, rounded up."""
    return _at_least_one(_spread(gradients), tolerance**2 * _length(gradients) ** 2)


def _spread(gradients: Tensor) -> float:
    """The mean squared distance of a gradient from their mean."""
    return float((gradients - gradients.mean(dim=0)).square().sum(dim=1).mean())


def _length(gradients: Tensor) -> float:
    return float(gradients.mean(dim=0).norm())


def _at_least_one(above: float, below: float) -> int:
    return max(1, math.ceil(above / below))


def _wrong_batch(name: str, text: Text, *ways: Callable) -> None:
    batch_size_for_noise.mistake(name, text, *ways)


_wrong_batch(
    "root_missing",
    Text(
        "雜訊不是與 B 成反比，而是與 √B 成反比：要讓雜訊減半，批次得大四倍。",
        "noise does not fall as 1/B but as 1/√B: to halve it takes four times the batch.",
    ),
    lambda g, t: _at_least_one(_spread(g) ** 0.5, t * _length(g)),
    lambda g, t: math.ceil(_spread(g) ** 0.5 / (t * _length(g))),
)
_wrong_batch(
    "not_relative",
    Text(
        "`tolerance` 是相對的：雜訊要和平均梯度的長度比。所有梯度都乘以 1000，答案不該改變。",
        "`tolerance` is relative: noise is held against the length of the mean gradient. With all gradients a thousand times as large, the answer should stay as it is.",
    ),
    lambda g, t: _at_least_one(_spread(g), t**2),
    lambda g, t: math.ceil(_spread(g) / t**2),
    lambda g, t: _at_least_one(_spread(g) ** 0.5, t),
)
_wrong_batch(
    "rounded_down",
    Text(
        "你捨去了小數（或四捨五入）：這個 B 的雜訊還太大一點點。最小的整數要往上取。",
        "you rounded down (or to the nearest): at this B the noise is still a little too large. The least whole number lies above.",
    ),
    lambda g, t: max(1, int(_spread(g) / (t * _length(g)) ** 2)),
    lambda g, t: max(1, round(_spread(g) / (t * _length(g)) ** 2)),
    lambda g, t: int(_spread(g) / (t * _length(g)) ** 2),
    lambda g, t: round(_spread(g) / (t * _length(g)) ** 2),
)
_wrong_batch(
    "one_too_many",
    Text(
        "多了一個：往上取整之後，就不用再加 1。",
        "one too many: rounded up already, it needs no further 1.",
    ),
    lambda g, t: _at_least_one(_spread(g), (t * _length(g)) ** 2) + 1,
)
_wrong_batch(
    "not_whole",
    Text(
        "批次大小是整數：取滿足條件的最小整數。",
        "a batch size is a whole number: take the least that will do.",
    ),
    lambda g, t: _spread(g) / (t * _length(g)) ** 2,
    lambda g, t: max(1.0, _spread(g) / (t * _length(g)) ** 2),
)
_wrong_batch(
    "mean_over_parameters",
    Text(
        "你對參數也取了平均。距離的平方，是把每個參數的差平方之後加起來。",
        "you averaged over the parameters as well. A squared distance is the sum of the squared differences of all parameters.",
    ),
    lambda g, t: _at_least_one(_spread(g) / g.shape[1], (t * _length(g)) ** 2),
    lambda g, t: _at_least_one(_spread(g), t**2 * _length(g) ** 2 / g.shape[1]),
)
_wrong_batch(
    "mean_not_subtracted",
    Text(
        "你量的是梯度本身有多大。雜訊是它離平均梯度有多遠。",
        "you measured how large the gradients are. Noise is how far they lie from the mean gradient.",
    ),
    lambda g, t: _at_least_one(float(g.square().sum(dim=1).mean()), (t * _length(g)) ** 2),
)
_wrong_batch(
    "mean_of_lengths",
    Text(
        "你比的是各筆梯度長度的平均。題目要和平均梯度的長度比：先平均，再量長度。",
        "you took the mean of the lengths. The question is for the length of the mean gradient: average first, then measure.",
    ),
    lambda g, t: _at_least_one(_spread(g), (t * float(g.norm(dim=1).mean())) ** 2),
    lambda g, t: _at_least_one(_spread(g), t**2 * float(g.square().sum(dim=1).mean())),
)
_wrong_batch(
    "tolerance_inverted",
    Text(
        "容許的雜訊越小，你的批次也越小。應該反過來。",
        "the less noise you allow, the smaller your batch. It should be the other way round.",
    ),
    lambda g, t: _at_least_one(_spread(g) * t**2, _length(g) ** 2),
    lambda g, t: _at_least_one((t * _length(g)) ** 2, _spread(g) + 1e-300),
)
_wrong_batch(
    "tolerance_not_squared",
    Text(
        "`tolerance` 沒有平方：它是雜訊的比例，B 則與雜訊的平方成反比。",
        "`tolerance` is not squared: it is a share of the noise itself, and B goes with the square of the noise.",
    ),
    lambda g, t: _at_least_one(_spread(g), t * _length(g) ** 2),
)
_wrong_batch(
    "deviations_added",
    Text(
        "你把各參數的標準差加起來（再平方）。能相加的是變異數，不是標準差。",
        "you added up standard deviations (and then squared). It is variances that add up.",
    ),
    lambda g, t: _at_least_one(float(g.std(dim=0, correction=0).sum()) ** 2, (t * _length(g)) ** 2),
)
_wrong_batch(
    "least_is_one",
    Text(
        "每一筆的梯度都相同時，你的批次是空的：批次至少要有一筆。",
        "where all gradients are equal your batch is empty: it takes at least one example.",
    ),
    lambda g, t: math.ceil(_spread(g) / (t * _length(g)) ** 2),
)
_wrong_batch(
    "noise_for_batch",
    Text(
        "你回傳的是單筆梯度的雜訊（或它的平方），還要用 `tolerance` 換算成批次大小。",
        "you return the noise of a single gradient (or its square); `tolerance` has yet to make a batch size of it.",
    ),
    lambda g, t: _spread(g) ** 0.5 / _length(g),
    lambda g, t: (_spread(g) / _length(g)) ** 2,
    lambda g, t: _spread(g) / _length(g) ** 2,
    lambda g, t: _at_least_one(_spread(g), _length(g) ** 2),
)
_wrong_batch(
    "sample_variance",
    Text(
        "你除以 N − 1 了。這裡的 N 筆就是全部，不是樣本：除以 N。",
        "you divided by N − 1. These N examples are all there are and not a sample: divide by N.",
    ),
    lambda g, t: _at_least_one(float(g.var(dim=0).sum()), (t * _length(g)) ** 2),
)
_wrong_batch(
    "mean_distance",
    Text(
        "你平均的是距離。題目要的是均方根：先平方，再平均，最後開根號。",
        "you averaged distances. The root mean square is asked for: square, average, then take the root.",
    ),
    lambda g, t: _at_least_one(
        float((g - g.mean(dim=0)).norm(dim=1).mean()) ** 2, (t * _length(g)) ** 2
    ),
)
_wrong_batch(
    "worst_parameter",
    Text(
        "你一個參數、一個參數地比。雜訊和平均梯度都是整支向量：各量一次長度就好。",
        "you compared parameter by parameter. Noise and mean gradient are whole vectors: measure the length of each once.",
    ),
    lambda g, t: _at_least_one(
        float((g.var(dim=0, correction=0) / g.mean(dim=0).square()).max()), t**2
    ),
    lambda g, t: _at_least_one(
        float((g.var(dim=0, correction=0) / g.mean(dim=0).square()).sum()), t**2
    ),
)

# --- scaled_rate


def _ramps() -> Iterator[given]:
    for batch_size, base_batch_size in ((256, 32), (48, 32), (8, 32), (32, 32)):
        for warmup_steps in (10, 3, 0):
            for step in (0, 1, 2, 9, 10, 100):
                yield given(step, batch_size, 0.1, base_batch_size, warmup_steps)
    yield given(7, 8192, 0.4, 256, 20)


@right_answer(
    cases=_ramps,
    hint=Text(
        "先算暖身之後的學習率：批次大 k 倍，學習率也大 k 倍。暖身時，從 `base_rate` 走到那裡，已經走了幾分之幾？",
        "First the rate after warm-up: k times the batch, k times the rate. During warm-up, what share of the way from `base_rate` to there is done?",
    ),
)
def scaled_rate(step, batch_size, base_rate, base_batch_size, warmup_steps):
    """Linear scaling with a gradual warm-up (Goyal et al. 2017)."""
    return _ramp(step, base_rate, base_rate * batch_size / base_batch_size, warmup_steps)


def _ramp(step: float, start: float, target: float, warmup_steps: int) -> float:
    if step >= warmup_steps or warmup_steps <= 0:
        return target
    return start + (target - start) * max(step, 0) / warmup_steps


def _wrong_rate(name: str, text: Text, *ways: Callable) -> None:
    """ways: of (step, k, base_rate, warmup_steps), where k is the ratio of the batch sizes."""
    scaled_rate.mistake(
        name,
        text,
        *(
            lambda step, size, rate, base, warmup, way=way: way(step, size / base, rate, warmup)
            for way in ways
        ),
    )


_wrong_rate(
    "warms_from_zero",
    Text(
        "你從 0 開始暖身。題目從 `base_rate` 開始。",
        "your warm-up starts at 0. The question starts it at `base_rate`.",
    ),
    lambda s, k, r, w: _ramp(s, 0.0, k * r, w),
    lambda s, k, r, w: _ramp(s + 1, 0.0, k * r, w),
)
_wrong_rate(
    "step_off_by_one",
    Text(
        "你快了一步：step 0 是 `base_rate`，step 等於 `warmup_steps` 時才到目標。",
        "you are one step ahead: step 0 has `base_rate`, and the target is reached at step `warmup_steps`.",
    ),
    lambda s, k, r, w: _ramp(s + 1, r, k * r, w),
    lambda s, k, r, w: _ramp(s, r, k * r, w - 1),
)
_wrong_rate(
    "one_step_behind",
    Text(
        "你慢了一步：step 從 0 數起，step 等於 `warmup_steps` 時就到目標了。",
        "you are one step behind: steps count from 0, and at step `warmup_steps` the target is reached.",
    ),
    lambda s, k, r, w: r + (k * r - r) * min(max(s - 1, 0) / max(w, 1), 1) if s <= w else k * r,
    lambda s, k, r, w: _ramp(s, r, k * r, w + 1),
    lambda s, k, r, w: _ramp(s - 1, r, k * r, w),
)
_wrong_rate(
    "ramp_goes_on",
    Text(
        "暖身之後，學習率還在繼續改變。到了目標，就停在那裡。",
        "the rate goes on changing after the warm-up. Once at the target, it stays there.",
    ),
    lambda s, k, r, w: r + (k * r - r) * s / w if w else k * r,
)
_wrong_rate(
    "scaled_inversely",
    Text(
        "批次越大，你的學習率越小。批次大，雜訊就小，步伐可以更大。",
        "the larger the batch, the smaller your rate. A larger batch has less noise and can bear longer steps.",
    ),
    lambda s, k, r, w: _ramp(s, r, r / k, w),
    lambda s, k, r, w: r / k,
)
_wrong_rate(
    "root_scaling",
    Text(
        "你乘的是 √k。線性縮放規則：批次大 k 倍，學習率就大 k 倍。",
        "you multiplied by √k. Linear scaling: k times the batch, k times the rate.",
    ),
    lambda s, k, r, w: _ramp(s, r, k**0.5 * r, w),
    lambda s, k, r, w: k**0.5 * r,
)
_wrong_rate(
    "no_warmup",
    Text(
        "沒有暖身：一開始就用了整個學習率。",
        "there is no warm-up: the whole rate is used from the start.",
    ),
    lambda s, k, r, w: k * r,
)
_wrong_rate(
    "constant_warmup",
    Text(
        "暖身時，你的學習率停在原地，最後才跳上去。題目要它平均地變化。",
        "during warm-up your rate stands still and then jumps. It is to change evenly.",
    ),
    lambda s, k, r, w: r if s < w else k * r,
    lambda s, k, r, w: r if s <= w else k * r,
    lambda s, k, r, w: r if s <= w and w else k * r,
)
_wrong_rate(
    "geometric_warmup",
    Text(
        "你每一步乘上同一個數。題目要每一步加上同一個數。",
        "each of your steps multiplies by the same number. Each is to add the same number.",
    ),
    lambda s, k, r, w: r * k ** _ramp(s, 0.0, 1.0, w),
)
_wrong_rate(
    "never_below_base",
    Text(
        "批次比 `base_batch_size` 小的時候，學習率也要跟著變小。",
        "where the batch is smaller than `base_batch_size`, the rate must become smaller, too.",
    ),
    lambda s, k, r, w: _ramp(s, r, max(1, k) * r, w),
)
_wrong_rate(
    "whole_multiples",
    Text(
        "你用了整數除法（//）：48 是 32 的 1.5 倍，不是 1 倍。",
        "you divided in whole numbers (//): 48 is 1.5 times 32, and not once.",
    ),
    lambda s, k, r, w: _ramp(s, r, (k // 1) * r, w),
)
_wrong_rate(
    "back_to_base",
    Text(
        "暖身結束後，你又回到 `base_rate` 了。之後應該停在放大後的學習率。",
        "after the warm-up you are back at `base_rate`. It should stay at the scaled rate.",
    ),
    lambda s, k, r, w: _ramp(s, r, k * r, w) if s < w else r,
)
_wrong_rate(
    "base_added",
    Text(
        "你在 `base_rate` 上又加了整個目標。要加的只是兩者的差。",
        "you added the whole target to `base_rate`. Only the difference of the two is to be added.",
    ),
    lambda s, k, r, w: r + _ramp(s, 0.0, 1.0, w) * k * r,
)
_wrong_rate(
    "not_scaled",
    Text(
        "學習率沒有隨批次大小改變。",
        "the rate does not change with the batch size.",
    ),
    lambda s, k, r, w: r,
    lambda s, k, r, w: _ramp(s, 0.0, r, w),
)


# --- AMSGrad


def _runs() -> Iterator[given]:
    signs = torch.tensor([[3.0, -0.5, 1e-3]], dtype=torch.float64)
    large_then_small = torch.tensor([5.0] + [0.1] * 14, dtype=torch.float64)[:, None] * signs
    random = _normal(12, 3, seed=0)
    set_to: dict[str, Any] = {"lr": 0.1, "betas": (0.8, 0.95), "eps": 1e-8}
    for grads, case in (
        (signs, Text("只走一步", "a single step")),
        (1e-6 * torch.ones(3, 3, dtype=torch.float64), Text("梯度 1e-6", "gradients of 1e-6")),
        (large_then_small, Text("先一個大梯度，再來都是小的", "a large gradient, then small ones")),
        (random, Text("隨機的梯度", "random gradients")),
        (random.float(), Text("隨機的梯度，float32", "random gradients, float32")),
        (
            torch.cat([1e6 * random[:3], 0 * random[:3]]),
            Text("梯度 1e6 與 0", "gradients of 1e6, and of 0"),
        ),
    ):
        yield given([grads], **set_to, case=case)
    yield given([random], case=Text("沒有給 lr、betas、eps", "no lr, betas, eps given"))
    for change in ({"lr": 0.02}, {"betas": (0.5, 0.7)}, {"eps": 0.3}):
        yield given(
            [random], **{**set_to, **change}, case=", ".join(f"{k}={v}" for k, v in change.items())
        )
    yield given([torch.zeros_like(random), random], **set_to, case=_BESIDE_ZEROS)
    yield given([random.flip(0), random], **set_to, case=_BESIDE_OTHERS)
    shapes = [_normal(5, *shape, seed=1) for shape in ((1,), (3,), (2, 4))]
    yield given(
        shapes, **set_to, case=Text("三個形狀不同的張量", "three tensors of different shapes")
    )
    yield given([random, -random], iter, **set_to, case=_GENERATOR)


_BESIDE_ZEROS = Text("兩個張量，第一個的梯度是 0", "two tensors, the first with gradients of 0")
_BESIDE_OTHERS = Text("兩個張量", "two tensors")
_GENERATOR = Text(
    "參數來自產生器，如 model.parameters()", "parameters from a generator, as model.parameters()"
)


def _train(
    optimizer: Callable,
    grads: list[Tensor],
    hand_over: Callable = list,
    lr: float | None = None,
    betas: tuple[float, float] | None = None,
    eps: float | None = None,
) -> tuple[list[Tensor], bool]:
    """(the path of each tensor, whether each step left the gradients as they were); grads: (T, ...)."""
    params = [
        nn.Parameter(torch.linspace(-1, 1, g[0].numel()).reshape(g[0].shape).to(g)) for g in grads
    ]
    given_ones = {"lr": lr, "betas": betas, "eps": eps}
    settings = {name: value for name, value in given_ones.items() if value is not None}
    moving = optimizer(hand_over(params), **settings)
    held, paths, are_kept = [torch.empty_like(grad[0]) for grad in grads], [], True
    for now in zip(*grads, strict=True):
        for param, tensor, grad in zip(params, held, now, strict=True):
            param.grad = tensor.copy_(grad)
        moving.step()
        for param, grad in zip(params, now, strict=True):
            are_kept &= param.grad is not None and torch.equal(param.grad, grad)
        paths.append([param.detach().clone() for param in params])
    return [torch.stack(path) for path in zip(*paths, strict=True)], are_kept


@right_answer(
    cases=_runs,
    use=_train,
    parts="(parameters, gradients kept)",
    hint=Text(
        "每個參數張量都要有自己的 m、v、u，大小和它相同；步數 t 則是一次 step 加一。先只用一個張量讓它動起來。",
        "Every parameter tensor needs an m, v and u of its own, as large as itself; the count t goes up by one a step. Make it move a single tensor first.",
    ),
)
def AMSGrad(params, lr=0.001, betas=(0.9, 0.999), eps=1e-8):
    """torch.optim.Adam(amsgrad=True)."""
    return torch.optim.Adam(params, lr, betas, eps, amsgrad=True)


def _in_place(param: Tensor, change: Tensor) -> None:
    param -= change


def _rebinds(param: Tensor, change: Tensor) -> None:
    param = param - change


def _climbs(param: Tensor, change: Tensor) -> None:
    param += change


def _leaves(param: Tensor) -> None:
    pass


def _halves_gradient(param: Tensor) -> None:
    if param.grad is not None:
        param.grad *= 0.5


def _clears_gradient(param: Tensor) -> None:
    param.grad = None


def _departing(
    *,
    correct: str = "mu",
    root: Callable = lambda u, eps: u.sqrt() + eps,
    maximum: str = "raw",
    first: Callable = lambda m, grad: m,
    move: Callable = _in_place,
    counts_tensors: bool = False,
    start: int = 0,
    forgets: bool = False,
    settings: Callable = lambda betas: betas,
    hold: Callable = list,
    afterwards: Callable = _leaves,
) -> Callable:
    """An AMSGrad that does one thing otherwise."""

    class Departing:
        def __init__(self, params, lr=0.001, betas=(0.9, 0.999), eps=1e-8):
            self.params, self.lr, self.eps, self.t = hold(params), lr, eps, start
            self.betas, self.states = settings(betas), {}

        @torch.no_grad()
        def step(self):
            self.t += not counts_tensors
            for index, param in enumerate(self.params):
                self.t += counts_tensors
                zeros = {} if forgets else self.states
                m, v, u = zeros.get(index, [torch.zeros_like(param)] * 3)
                beta1, beta2 = self.betas
                m = beta1 * m + (1 - beta1) * param.grad
                v = beta2 * v + (1 - beta2) * param.grad**2
                of_m = 1 - beta1**self.t if "m" in correct else 1.0
                of_u = 1 - beta2**self.t if "u" in correct else 1.0
                if maximum == "corrected":
                    u, of_u = torch.maximum(u, v / of_u), 1.0
                else:
                    u = v if maximum == "none" else torch.maximum(u, v)
                    v = u if maximum == "as v" else v
                self.states[index] = m, v, u
                change = self.lr * first(m, param.grad * of_m) / of_m / root(u / of_u, self.eps)
                move(param, change)
                afterwards(param)

    return Departing


def _wrong_amsgrad(
    name: str, text: Text, *changes: dict[str, Any], when: Callable | None = None
) -> None:
    """changes: of _departing."""
    AMSGrad.mistake(name, text, *(_departing(**change) for change in changes), when=when)


_wrong_amsgrad(
    "not_moved",
    Text(
        "step 之後，參數還在原地。`param = param - …` 只是讓這個名字指向新的張量，呼叫者手上的那一個沒有動。",
        "after step the parameters are where they were. `param = param - …` makes the name point to a new tensor; the one that the caller holds does not move.",
    ),
    {"move": _rebinds},
)
_wrong_amsgrad(
    "gradient_changed",
    Text(
        "step 改動了 param.grad。梯度是別人算好交給你的，裁剪、記錄都還要用它：請算在新的張量裡。",
        "step changed param.grad. The gradient was computed by others, who may yet clip or record it: compute into new tensors.",
    ),
    {"afterwards": _halves_gradient},
    {"afterwards": _clears_gradient},
    when=lambda wrong: all(
        seen.got.parts is not None and not np.all(seen.got.parts[1].get("", True)) for seen in wrong
    ),
)
_wrong_amsgrad(
    "no_bias_correction",
    Text(
        "前幾步太大了：m 與 v 從 0 開始，偏小的程度不同，而你沒有修正它們。",
        "the first steps are too large: m and v start at 0, fall short by different amounts, and nothing corrects them.",
    ),
    {"correct": ""},
)
_wrong_amsgrad(
    "one_moment_corrected",
    Text("m 與 u 你只修正了其中一個。", "of m and u you corrected only one."),
    {"correct": "m"},
    {"correct": "u"},
)
_wrong_amsgrad(
    "eps_inside_root",
    Text(
        "ε 在根號裡面。梯度很小時，√(u + ε) 幾乎只剩 √ε，步長就太短了。",
        "ε stands inside the root. Where gradients are small, √(u + ε) is hardly more than √ε, and the steps become too small.",
    ),
    {"root": lambda u, eps: (u + eps).sqrt()},
)
_wrong_amsgrad(
    "root_forgotten",
    Text(
        "分母少了根號：u 是梯度平方的平均，開了根號才和梯度一樣大。",
        "the denominator lacks its root: u is a mean of squared gradients, and only its root is of their size.",
    ),
    {"root": lambda u, eps: u + eps},
)
_wrong_amsgrad(
    "no_maximum",
    Text(
        "這是 Adam：大梯度過去之後，分母又縮回去了。u 應該只升不降。",
        "this is Adam: once a large gradient has passed, the denominator shrinks again. u may only rise.",
    ),
    {"maximum": "none"},
)
_wrong_amsgrad(
    "maximum_after_correction",
    Text(
        "你先修正 v 再取最大值。題目是先取最大值，再修正。",
        "you corrected v and then took the maximum. The question takes the maximum first.",
    ),
    {"maximum": "corrected"},
)
_wrong_amsgrad(
    "maximum_kept_as_v",
    Text(
        "你把最大值存回 v，下一步的移動平均就從它算起。v 和 u 是兩個不同的量。",
        "you stored the maximum as v, so that the next running mean starts from it. v and u are two different things.",
    ),
    {"maximum": "as v"},
)
_wrong_amsgrad(
    "no_momentum",
    Text(
        "分子應該是 m̂，梯度的移動平均；你用了這一步的梯度。",
        "the numerator should be m̂, the running mean of gradients; you took the gradient of this step.",
    ),
    {"first": lambda m, grad: grad},
)
_wrong_amsgrad(
    "state_forgotten",
    Text(
        "m、v、u 每一步都從 0 重新開始：它們要留到下一步。",
        "m, v and u start from 0 at every step: they have to last until the next.",
    ),
    {"forgets": True},
)
_wrong_amsgrad(
    "uphill",
    Text(
        "方向反了：梯度指向損失增加的方向。", "it goes uphill: the gradient points to larger loss."
    ),
    {"move": _climbs},
)
_wrong_amsgrad(
    "betas_mistaken",
    Text(
        "betas 沒有用上，或兩個對調了：第一個給 m，第二個給 v。",
        "betas are not used, or are the wrong way round: the first is for m, the second for v.",
    ),
    {"settings": lambda betas: (0.9, 0.999)},
    {"settings": lambda betas: betas[::-1]},
)


def _second_path(outcome: Outcome) -> np.ndarray:
    return outcome.parts[0][""][1] if outcome.parts else np.empty(0)


def _depends_on_the_other(wrong: list[Seen]) -> bool:
    """Whether the second of two tensors moves otherwise where the first has other gradients."""
    pair = [seen for seen in wrong if seen.case.case in (_BESIDE_ZEROS, _BESIDE_OTHERS)]
    if not pair or any(seen.got.parts is None for seen in pair):
        return False
    paths = [_second_path(seen.got) for seen in pair] + [_second_path(pair[0].right)]
    return not pair[0].tolerance.allows(paths[0], paths[1])


_wrong_amsgrad(
    "shared_state",
    Text(
        "一個張量的步長，會隨另一個張量的梯度改變：它們共用了同一份狀態（也可能是存在類別上，而不是 self 上）。",
        "one tensor's steps depend on another tensor's gradients: they share their state (or it is kept on the class, and not on self).",
    ),
    when=_depends_on_the_other,
)
_wrong_amsgrad(
    "count_per_parameter",
    Text(
        "多放一個張量，步數就多數了一次：t 在迴圈裡每個張量都加了一，修正量也就錯了。",
        "with one more tensor in the list, steps are counted twice: t goes up once a tensor, and the correction is wrong.",
    ),
    {"counts_tensors": True},
)
_wrong_amsgrad(
    "count_off_by_one",
    Text(
        "步數 t 差了一：第一步的 t 是 1（是 0 的話，1 − β⁰ = 0，就除以零了）。",
        "the count t is off by one: it is 1 at the first step (with 0, 1 − β⁰ = 0 is what you divide by).",
    ),
    {"start": -1},
    {"start": 1},
)
_wrong_amsgrad(
    "first_tensor_only",
    Text(
        "只有第一個張量動了：每個參數都有自己的一步。",
        "only the first tensor moves: every parameter takes a step of its own.",
    ),
    {"hold": lambda params: list(params)[:1]},
)
_wrong_amsgrad(
    "generator_used_up",
    Text(
        "`model.parameters()` 是產生器，只能走一遍；第二次再走，裡面已經沒有東西了。",
        "`model.parameters()` is a generator and can be walked once; the second time there is nothing left in it.",
    ),
    {"hold": lambda params: params},
    {"hold": lambda params: [list(params), params][1]},
    when=lambda wrong: all(seen.case.case is _GENERATOR for seen in wrong),
)
