"""Checks of the program around a model: its step, its evaluation, its speed, its curves."""

import copy
import math
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from course_utils.batches import Batches
from course_utils.diagnostics.finding import NON_FINITE, Finding, fill
from course_utils.diagnostics.trial import backward, copied, mean_loss, read_batches
from course_utils.language import Text
from course_utils.seeding import seeded
from course_utils.tally import Criterion

Step = Callable[[nn.Module, Optimizer, Tensor, Tensor], Tensor]

_STEP = Text(
    "每一步權重的相對變動 ≈{smallest:.1e} 到 ≈{largest:.1e}；同一步做兩次，梯度是 ≈{ratio:.2f} 倍",
    "a step moves weights by ≈{smallest:.1e} to ≈{largest:.1e} of their size; done twice, the same "
    "step has ≈{ratio:.2f} times the gradient",
)
_PILE_UP = Text(
    "同一批資料、同樣的權重，第二次的梯度卻不一樣：上一步的梯度還留著。zero_grad 在哪裡？它清的是這個模型嗎？",
    "the same batch and weights give another gradient the second time: the last one is still there. "
    "Where is zero_grad, and does it clear this model?",
)
_STANDS_STILL = Text(
    "走了幾步，這些參數完全沒有動：{names}。優化器手上的是這個模型的參數嗎？",
    "after some steps these have not moved at all: {names}. Does the optimizer hold the parameters "
    "of this model?",
)
_TOO_SMALL = Text(
    "每一步只動 ≈{largest:.1e}：走一千步也到不了哪裡。學習率太低。",
    "a step moves only ≈{largest:.1e}: a thousand of them lead nowhere. The learning rate is too "
    "low.",
)
_TOO_LARGE = Text(
    "一步就動了權重的 ≈{largest:.1e}：學習率太高，或梯度太大。",
    "one step moves a weight by ≈{largest:.1e} of its size: the learning rate is too high, or the "
    "gradient too large.",
)
_EVALUATION = Text(
    "同一個模型評估兩次，結果相差 ≈{difference:.2g}",
    "evaluated twice, the same model differs by ≈{difference:.2g}",
)
_TRAINING_MODE = Text(
    "評估時模型還在訓練模式：少了 model.eval()。",
    "the model was in training mode while it was evaluated: model.eval() is missing.",
)
_NOT_REPEATABLE = Text(
    "權重沒變，結果卻變了：評估含有隨機成分（dropout）。",
    "the weights are the same and the result is not: chance (dropout) takes part.",
)
_CHANGES_MODEL = Text(
    "評估改動了模型（權重或批次正規化的統計量）。",
    "the evaluation changed the model (weights, or the statistics of batch norm).",
)
_SPEED = Text("等資料的時間佔 ≈{share:.0%}", "waiting for data takes ≈{share:.0%} of the time")
_LOADER_SLOW = Text(
    "等資料比計算還久：把每次都一樣的前處理先做完、放進記憶體，或設定 num_workers。",
    "it waits for data longer than it computes: do once what is the same every time, keep the data "
    "in memory, or use num_workers.",
)
_ACCELERATOR_IDLE = Text(
    "這台機器有 GPU，模型卻在 CPU 上：model.to(device)，資料也要。",
    "this machine has a GPU and the model is on the CPU: model.to(device), and the data too.",
)
_CURVES = Text(
    "訓練損失最低 ≈{train:.3g}；驗證損失最低 ≈{best:.3g}，最後 ≈{last:.3g}",
    "lowest training loss ≈{train:.3g}; validation loss ≈{best:.3g} at its lowest, ≈{last:.3g} at "
    "the end",
)
_NOT_FALLING = Text(
    "訓練損失幾乎沒有離開亂猜的水準。原因很多：下一步是其他檢查，不是多訓練幾輪。",
    "the training loss hardly left the level of a guess. That has many causes: run the other checks "
    "before you train longer.",
)
_RISING = Text(
    "訓練損失最後比開始時還高：在發散。",
    "the training loss ends above where it began: it diverges.",
)
_OVERFITTING = Text(
    "訓練損失還在下降，驗證損失卻從最低點上升了 ≈{rise:.0%}：過擬合。可以增加資料、正則化或早停。",
    "the training loss goes on falling while the validation loss has risen ≈{rise:.0%} from its "
    "lowest: overfitting. More data, regularization, or early stopping.",
)


def ordinary_step(criterion: Criterion) -> Step:
    """A step as it should be: forward, loss, ``zero_grad``, backward, update; returns the loss."""

    def step(model: nn.Module, optimizer: Optimizer, inputs: Tensor, labels: Tensor) -> Tensor:
        loss = mean_loss(criterion, model(inputs), labels)
        optimizer.zero_grad()
        backward(loss)
        optimizer.step()
        return loss.detach()

    return step


def check_step(
    step: Step, model: nn.Module, loader: Batches, optimizer: Optimizer, *, num_steps: int = 10
) -> Finding:
    """Your ``step(model, optimizer, inputs, labels)``: does it clear, does it move, how far?

    First the step is done twice at learning rate 0 with the same batch and seed: the gradients must be
    equal; then steps at your learning rate show how far each weight moves in one, relative to its norm:
    near 1e-3 is usual. Suspicious: ``gradients_pile_up``, ``stands_still``, ``update_too_small`` (every
    weight below 1e-4), ``update_too_large`` (some weight above 0.1), ``non_finite``.

    Args:
        step: one step of training.
        model: the network; a copy is trained.
        loader: batches (inputs, labels).
        optimizer: the one of ``model``.
        num_steps: how many steps at your learning rate.
    """
    if num_steps < 1:
        raise ValueError(f"num_steps must be at least 1, got {num_steps}")
    ratio = _gradient_ratio(step, model, loader, optimizer)
    moves, finite = _relative_moves(step, model, loader, optimizer, num_steps)
    values = {"ratio": ratio, "moves": moves}
    values |= {"smallest": min(moves.values()), "largest": max(moves.values())}
    still = [name for name, move in moves.items() if move == 0]
    suspicions = {}
    if abs(ratio - 1) > 0.01:
        suspicions["gradients_pile_up"] = _PILE_UP
    if still:
        suspicions["stands_still"] = fill(_STANDS_STILL, names=", ".join(still))
    elif not finite:
        suspicions["non_finite"] = NON_FINITE
    elif values["largest"] > 0.1:
        suspicions["update_too_large"] = fill(_TOO_LARGE, **values)
    elif values["largest"] < 1e-4:
        suspicions["update_too_small"] = fill(_TOO_SMALL, **values)
    return Finding("step", fill(_STEP, **values), values, suspicions)


def _gradient_ratio(step: Step, model: nn.Module, loader: Batches, optimizer: Optimizer) -> float:
    """Norm of the gradient after the second of two steps at learning rate 0, over that of the first."""
    norms = []
    with copied(model, loader, optimizer) as (model, optimizer):
        model.train()
        inputs, labels = next(read_batches(loader, model, 1))
        for group in optimizer.param_groups:
            group["lr"] = 0.0
        for _ in range(2):
            with seeded(0):  # the same dropout mask both times
                step(model, optimizer, inputs, labels)
            gradients = [p.grad for p in model.parameters() if p.grad is not None]
            norms.append(float(nn.utils.get_total_norm(gradients)) if gradients else 0.0)
    return norms[1] / norms[0] if norms[0] > 0 else 1.0


def _relative_moves(
    step: Step, model: nn.Module, loader: Batches, optimizer: Optimizer, num_steps: int
) -> tuple[dict[str, float], bool]:
    """Weight -> mean distance of one step relative to its norm; and whether all stays finite.

    Of a parameter that begins at 0 nothing is relative, and a bias before batch norm need not move:
    weights with two axes or more are looked at, and the rest only if there are none.
    """
    with copied(model, loader, optimizer) as (model, optimizer):
        model.train()
        batches = list(read_batches(loader, model, num_steps))
        trained = {name: p for name, p in model.named_parameters() if p.requires_grad and p.any()}
        weights = {name: p for name, p in trained.items() if p.ndim > 1} or trained
        if not weights:
            raise ValueError("the model has no trainable weight but zeros, so no step to measure")
        moved = dict.fromkeys(weights, 0.0)
        for t in range(num_steps):
            before = {name: weight.detach().clone() for name, weight in weights.items()}
            step(model, optimizer, *batches[t % len(batches)])
            for name, old in before.items():
                distance = float((weights[name].detach() - old).norm())
                moved[name] += distance / max(float(old.norm()), 1e-12) / num_steps
        finite = all(bool(p.isfinite().all()) for p in model.parameters())
        finite &= all(math.isfinite(move) for move in moved.values())
    return moved, finite


def check_evaluation(
    evaluate: Callable[[nn.Module, Batches], object], model: nn.Module, loader: Batches
) -> Finding:
    """Your ``evaluate(model, loader)`` (a number or several), called twice on the same model.

    Suspicious: ``training_mode``, ``not_repeatable``, ``changes_model``.

    Args:
        evaluate: returns the numbers.
        model: it comes in training mode, as it does after a training epoch.
        loader: batches (inputs, labels).
    """
    modes, results = [], []
    with copied(model, loader) as (model, _):
        next(read_batches(loader, model, 1))  # a loader that cannot be read is named as such
        model.register_forward_pre_hook(lambda module, _: modes.append(module.training))
        before = copy.deepcopy(model.state_dict())
        for _ in range(2):
            results.append(_numbers(evaluate(model.train(), loader)))
        after = model.state_dict()
    if not modes:
        raise ValueError("evaluate(model, loader) must call the model that it is given; it did not")
    changed = any(not _same(before[name], after[name]) for name in before)
    pairs = zip(*results, strict=True)
    difference = max(0.0 if a == b or (a != a and b != b) else abs(a - b) for a, b in pairs)
    suspicions = {}
    if any(modes):
        suspicions["training_mode"] = _TRAINING_MODE
    if difference > 0:
        suspicions["not_repeatable"] = _NOT_REPEATABLE
    if changed:
        suspicions["changes_model"] = _CHANGES_MODEL
    values = {"difference": difference, "results": results}
    return Finding("evaluation", fill(_EVALUATION, **values), values, suspicions)


def _same(a: object, b: object) -> bool:
    if not isinstance(a, Tensor) or not isinstance(b, Tensor) or a.shape != b.shape:
        return True  # a module's extra state, of which nothing is known
    return bool(((a == b) | (a != a) & (b != b)).all())  # NaN stays NaN


def _numbers(result: object) -> list[float]:
    numbers = result if isinstance(result, tuple | list) else [result]
    try:
        return [float(x.detach() if isinstance(x, Tensor) else x) for x in numbers]
    except (TypeError, ValueError) as error:
        raise ValueError(f"evaluate must return numbers, got {result!r}") from error


def check_speed(
    model: nn.Module, loader: Batches, criterion: Criterion, *, num_batches: int = 20
) -> Finding:
    """Seconds to fetch a batch, against those of the forward and backward pass with it.

    Each is the lower quartile, because other programs on the machine can only add to it. Suspicious:
    ``loader_slow`` (more than half of the time is waiting), ``accelerator_idle`` (there is a CUDA
    device and the model is not on it).

    Args:
        model: the network.
        loader: batches (inputs, labels).
        criterion: returns the mean loss of a batch.
        num_batches: how many are timed; a short loader is read again.
    """
    if num_batches < 1:
        raise ValueError(f"num_batches must be at least 1, got {num_batches}")
    fetching, computing = [], []
    with copied(model, loader) as (model, _):
        model.train()
        while len(fetching) < num_batches:
            started = time.perf_counter()
            for inputs, labels in read_batches(loader, model, num_batches - len(fetching)):
                fetched = time.perf_counter()
                backward(mean_loss(criterion, model(inputs), labels))
                if inputs.is_cuda:
                    torch.cuda.synchronize(inputs.device)
                done = time.perf_counter()
                fetching.append(fetched - started)
                computing.append(done - fetched)
                started = time.perf_counter()
    fetch, compute = (sorted(seconds)[num_batches // 4] for seconds in (fetching, computing))
    values = {"fetch": fetch, "compute": compute, "share": fetch / (fetch + compute)}
    suspicions = {}
    if values["share"] > 0.5:
        suspicions["loader_slow"] = _LOADER_SLOW
    if torch.cuda.is_available() and inputs.device.type == "cpu":
        suspicions["accelerator_idle"] = _ACCELERATOR_IDLE
    return Finding("speed", fill(_SPEED, **values), values, suspicions)


def check_curves(
    train_loss: Sequence[float], val_loss: Sequence[float], start: float | None = None
) -> Finding:
    """Two loss curves of equal length, read by rule.

    Suspicious: ``non_finite``; ``rising`` (training ends above start by a tenth); ``not_falling``
    (training never more than a twentieth below it); ``overfitting`` (training has gone on falling while
    the mean of the last two validation losses is 15 % above their lowest; 3 % suffice if that mean is
    more than twice the last training loss).

    Args:
        train_loss: a number per epoch, or per measurement.
        val_loss: as many.
        start: the loss of a guess, such as ln K; by default the first training loss.

    >>> list(check_curves([2.0, 1.0, 0.5, 0.2], [2.1, 1.5, 1.9, 2.4]).suspicions)
    ['overfitting']
    """
    train, val = [float(x) for x in train_loss], [float(x) for x in val_loss]
    if len(train) != len(val) or len(train) < 2:
        raise ValueError(
            f"the curves need equal lengths of at least 2, got {len(train)} and {len(val)}"
        )
    start = float(train[0] if start is None else start)
    start = start if start > 0 else math.nan  # shares of it mean something above 0 only
    lowest = min(range(len(val)), key=lambda t: val[t] if math.isfinite(val[t]) else math.inf)
    values = {"train": min(train), "best": val[lowest], "last": (val[-2] + val[-1]) / 2}
    values["rise"] = values["last"] / val[lowest] - 1 if val[lowest] > 0 else 0.0
    rise_allowed = 0.03 if values["last"] > 2 * train[-1] else 0.15
    suspicions = {}
    if not all(math.isfinite(x) for x in train + val):
        suspicions["non_finite"] = NON_FINITE
    elif train[-1] > 1.1 * start:
        suspicions["rising"] = _RISING
    elif min(train) > 0.95 * start:
        suspicions["not_falling"] = _NOT_FALLING
    elif values["rise"] > rise_allowed and train[-1] < train[lowest]:
        suspicions["overfitting"] = fill(_OVERFITTING, **values)
    return Finding("curves", fill(_CURVES, **values), values, suspicions)
