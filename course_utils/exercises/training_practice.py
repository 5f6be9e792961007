"""Exercises of training_practice: early stopping on accuracy, warm-up with cosine, a run that can be killed."""

import copy
import math
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn

from course_utils.exercises.by_reference import given, right_answer
from course_utils.exercises.outcomes import Seen
from course_utils.exercises.practice_run import (
    Killed,
    PracticeRun,  # noqa: F401 (the lesson takes it from here)
    WatchedRun,
    same_state,
    save_half,
)
from course_utils.language import Text
from course_utils.seeding import seeded

# --- EarlyStopper


def _curves() -> Iterator[given]:
    for accuracies, *settings in (
        ([0.5, 0.7, 0.6, 0.8, 0.75, 0.74, 0.73, 0.72, 0.9], 3),
        ([0.5, 0.5, 0.5, 0.5, 0.5], 2, 0.0),
        ([0.3, 0.4, 0.35, 0.5], 1, 0.0),
        ([0.9, 0.5, 0.6, 0.7, 0.75, 0.8], 3),
        ([0.5, 0.504, 0.508, 0.512, 0.516, 0.52], 3, 0.01),
        ([0.6, 0.61, 0.59, 0.64, 0.63, 0.62, 0.61], 4, 0.05),
        ([0.7, 0.695, 0.69, 0.685], 2, 0.01),
        ([0.0, 0.0, 0.0, 0.0], 2, 0.0),
        ([0.25, 0.5, 0.75, 1.0], 2, 0.5),
        ([0.5, 0.75, 0.625, 0.75, 1.0], 3, 0.25),
        ([0.1, 0.2, 0.3], 1),
        ([0.5, 0.505, 0.509, 0.2], 1),
    ):
        named = ", ".join(
            f"{k}={v}" for k, v in zip(("patience", "min_delta"), settings, strict=False)
        )
        yield given(accuracies, *settings, case=_CURVE.format(accuracies=accuracies, named=named))


_CURVE = Text(
    "準確率 {accuracies}、{named}（停在第幾輪，0 是沒有停；restore 放回第幾輪，-1 是沒有放回）",
    "accuracies {accuracies}, {named} (epoch of the stop, 0: none; epoch that restore brings back, -1: none)",
)


class _Weights(nn.Module):
    """A parameter and a buffer (as batch norm has) that both hold the number of the epoch."""

    weight: Tensor
    running_mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(3))
        self.register_buffer("running_mean", torch.zeros(3))

    def mark(self, number: float) -> None:
        with torch.no_grad():
            self.weight.fill_(number)  # in place, as an optimizer does it
            self.running_mean.fill_(number)


def _stopped(
    answer: Callable, accuracies: list[float], patience: int, min_delta: float | None = None
) -> list[int] | None:
    stopper = answer(patience) if min_delta is None else answer(patience, min_delta)
    model, stopped = _Weights(), 0
    for epoch, accuracy in enumerate(accuracies, start=1):
        model.mark(epoch)
        stop = stopper.update(accuracy, model)
        if stop is None:
            return None
        if stop:
            stopped = epoch
            break
    model.mark(-1)
    stopper.restore(model)
    return [stopped, int(model.weight[0]), int(model.running_mean[0])]


@right_answer(
    cases=_curves,
    use=_stopped,
    parts="(stopped, parameters, buffers)",
    hint=Text(
        "每一輪只有兩種可能：進步了，或沒有進步。各要更新哪些東西？先用紙筆走一遍準確率 0.5、0.7、0.6、0.6，patience = 2。",
        "Each epoch either improves or it does not. What has to be updated in each case? Go through the accuracies 0.5, 0.7, 0.6, 0.6 with patience = 2 on paper first.",
    ),
)
class EarlyStopper:
    """Stops after ``patience`` epochs in a row without a better accuracy; keeps the best weights."""

    def __init__(self, patience, min_delta=0.0):
        self.patience, self.min_delta = patience, min_delta
        self.best, self.waited, self.saved = None, 0, None

    def is_better(self, accuracy):
        """Whether it is an improvement."""
        return self.best is None or accuracy > self.best + self.min_delta

    def snapshot(self, model):
        """What is kept of a model."""
        return copy.deepcopy(model.state_dict())

    def update(self, val_accuracy, model):
        """Take note of an epoch; True where training should stop."""
        if self.is_better(val_accuracy):
            self.best, self.waited = val_accuracy, 0
            self.saved = self.snapshot(model)
        else:
            self.waited += 1
        return self.waited >= self.patience

    def restore(self, model):
        """Put the best weights back."""
        if self.saved is not None:
            model.load_state_dict(self.saved)


_early_stopper: Any = EarlyStopper  # for mypy, to which a decorated class stays a class


def _stopper(**methods: Callable) -> type:
    """The right one with other methods; ``better``: of accuracy, best so far and min_delta."""
    if better := methods.pop("better", None):
        methods["is_better"] = lambda self, accuracy: (
            self.best is None or better(accuracy, self.best, self.min_delta)
        )
    return type("Stopper", (_early_stopper.right,), methods)


def _update(self: Any, accuracy: float, model: nn.Module) -> bool:
    return _early_stopper.right.update(self, accuracy, model)


def _after_each(change: Callable) -> type:
    """A stopper to which something happens after each update; change: of itself, accuracy and model."""

    def update(self, val_accuracy, model):
        stop = _update(self, val_accuracy, model)
        change(self, val_accuracy, model)
        return stop

    return _stopper(update=update)


def _keep_newest(stopper: Any, accuracy: float, model: nn.Module) -> None:
    stopper.saved = stopper.snapshot(model)


def _compare_with_it(stopper: Any, accuracy: float, model: nn.Module) -> None:
    stopper.best = accuracy


def _raise_the_bar(stopper: Any, accuracy: float, model: nn.Module) -> None:
    stopper.best = max(stopper.best, accuracy)


def _keep_highest(self, val_accuracy, model):
    saved, highest = self.saved, getattr(self, "highest", -1.0)
    stop = _update(self, val_accuracy, model)
    self.saved = self.snapshot(model) if val_accuracy > highest else saved
    self.highest = max(highest, val_accuracy)
    return stop


def _never_reset(self, val_accuracy, model):
    waited = self.waited
    _update(self, val_accuracy, model)
    self.waited = max(self.waited, waited)
    return self.waited >= self.patience


def _stop_when(is_enough: Callable) -> type:
    """is_enough: of the epochs waited and patience."""

    def update(self, val_accuracy, model):
        _update(self, val_accuracy, model)
        return is_enough(self.waited, self.patience)

    return _stopper(update=update)


def _from_zero(self, patience, min_delta=0.0):
    _early_stopper.right.__init__(self, patience, min_delta)
    self.best = 0.0


_early_stopper.mistake(
    "shallow_copy",
    Text(
        "restore 之後，模型還是最新的權重，不是最好的那一輪：你記下的快照跟著訓練一起變了，或者 restore 沒有把它放回去。",
        "after restore the model still has the newest weights, not those of the best epoch: your snapshot went on training with the model, or restore does not put it back.",
    ),
    _stopper(snapshot=lambda self, model: model.state_dict().copy()),
)
_early_stopper.mistake(
    "keeps_the_last",
    Text(
        "restore 放回去的是停下來那一輪的權重。快照只有在進步的時候才該換新。",
        "restore brings back the epoch at which it stopped. Only an improvement should replace the snapshot.",
    ),
    _after_each(_keep_newest),
)
_early_stopper.mistake(
    "buffers_forgotten",
    Text(
        "參數放回去了，緩衝區沒有：批次正規化的 running_mean 不在 parameters() 裡。",
        "the parameters are back, but not the buffers: batch norm's running_mean is not among parameters().",
    ),
    _stopper(
        snapshot=lambda self, model: copy.deepcopy(dict(model.named_parameters())),
        restore=lambda self, model: model.load_state_dict(self.saved, strict=False),
    ),
)
_early_stopper.mistake(
    "smaller_is_better",
    Text(
        "你把變小當成進步。那是損失；準確率是越大越好。",
        "you took a decrease for an improvement. That is for losses; an accuracy should rise.",
    ),
    _stopper(better=lambda now, best, delta: now < best - delta),
    _stopper(better=lambda now, best, delta: now < best + delta),
)
_early_stopper.mistake(
    "patience_too_long",
    Text(
        "晚了一輪才停。連續 patience 輪沒有進步，就在那一輪停。",
        "it stops one epoch late. After patience epochs in a row without improvement, that very epoch is the last.",
    ),
    _stop_when(lambda waited, patience: waited > patience),
)
_early_stopper.mistake(
    "patience_too_short",
    Text(
        "早了一輪就停。進步的那一輪不算在等待的輪數裡。",
        "it stops one epoch early. The epoch that improved is not one of those it waits.",
    ),
    _stop_when(lambda waited, patience: waited + 1 >= patience),
)
_early_stopper.mistake(
    "never_stops",
    Text(
        "連續 patience 輪沒有進步時，update 也沒有回傳 True。",
        "update does not return True even after patience epochs in a row without improvement.",
    ),
    _stop_when(lambda waited, patience: False),
)
_early_stopper.mistake(
    "counter_not_reset",
    Text(
        "有進步之後，等待的輪數要重新數起：要的是「連續」沒有進步。",
        "after an improvement the count must begin anew: the epochs without one must be in a row.",
    ),
    _stopper(update=_never_reset),
)
_early_stopper.mistake(
    "min_delta_sign",
    Text(
        "min_delta 的方向反了：稍微變差一點也被你當成進步。它應該讓進步更難成立，不是更容易。",
        "min_delta has the wrong sign: a slightly worse epoch counts as better. It should make an improvement harder, not easier.",
    ),
    _stopper(better=lambda now, best, delta: now > best - delta),
)
_early_stopper.mistake(
    "min_delta_ignored",
    Text(
        "min_delta 沒有作用：進步的幅度要超過它才算數。",
        "min_delta has no effect: an improvement has to exceed it to count.",
    ),
    _stopper(better=lambda now, best, delta: now > best),
)
_early_stopper.mistake(
    "min_delta_relative",
    Text(
        "你把 min_delta 當成比例，乘在最好的準確率上。它是相差多少：直接相加。",
        "you took min_delta for a share of the best accuracy. It is a difference: add it.",
    ),
    _stopper(better=lambda now, best, delta: now > best * (1 + delta)),
)
_early_stopper.mistake(
    "tie_is_improvement",
    Text(
        "同分不算進步；不然準確率一直不動時，就永遠不會停。",
        "a tie is no improvement; else a run that no longer moves would never stop.",
    ),
    _stopper(better=lambda now, best, delta: now >= best + delta),
    _stopper(better=lambda now, best, delta: now - best >= delta),
)
_early_stopper.mistake(
    "compares_with_previous",
    Text(
        "要和目前為止「最好」的一輪比，不是和上一輪比：掉下去再慢慢爬，並不是進步。",
        "compare with the best epoch so far, not with the one before: to fall and climb back a little is no progress.",
    ),
    _after_each(_compare_with_it),
)
_early_stopper.mistake(
    "small_gain_counts",
    Text(
        "沒有超過 min_delta 的小進步，也被你拿來當新的標準（或新的快照）。要比較、要還原的那一輪，只有真正進步時才換。",
        "a gain of min_delta or less has moved your bar (or your snapshot): the epoch to compare with and to restore changes only with an improvement.",
    ),
    _after_each(_raise_the_bar),
    _stopper(update=_keep_highest),
)
_early_stopper.mistake(
    "first_epoch_not_best",
    Text(
        "第一輪一定算進步，就算準確率是 0，或沒有超過 min_delta：「最好的」一開始不是 0，是還沒有。",
        "the first epoch always is an improvement, even with an accuracy of 0 or below min_delta: the best so far is not 0 at the start; there is none yet.",
    ),
    _stopper(__init__=_from_zero),
)
_early_stopper.mistake(
    "zero_taken_for_none",
    Text(
        "最好的準確率是 0 時，你把它當成「還沒有」：`if not best` 分不出 0 和 None。",
        "where the best accuracy is 0 you take it for none: `if not best` cannot tell 0 from None.",
    ),
    _stopper(is_better=lambda self, now: not self.best or now > self.best + self.min_delta),
)


# --- warm_cosine


def _schedules() -> Iterator[given]:
    for settings in (
        *((20, 0, 0.1, 0.0), (20, 5, 0.1, 0.0), (30, 6, 0.1, 0.02), (7, 3, 3e-3, 1e-3)),
        *((10, 9, 1.0, 0.5), (12, 1, 0.1, 0.01)),
    ):
        named = "num_steps={}, warmup_steps={}, max_lr={}, min_lr={}".format(*settings)
        case = Text(f"{named}（位置就是 step）", f"{named} (the position is the step)")
        yield given(*settings, case=case)


def _rates(
    answer: Callable, num_steps: int, warmup_steps: int, max_lr: float, min_lr: float
) -> Any:
    settings = (num_steps, warmup_steps, max_lr, min_lr)
    rates = [answer(step, *settings) for step in range(num_steps + num_steps // 2)]
    return next((rate for rate in rates if rate is None or rate is ...), rates)


@right_answer(
    cases=_schedules,
    use=_rates,
    hint=Text(
        "分成三段：暖身、下降、結束之後。下降那一段先算出「走了幾成」，從 0 到 1，再想想哪一段餘弦剛好由高到低。",
        "There are three stretches: warm-up, descent, afterwards. For the descent find the share done, from 0 to 1; then ask which piece of a cosine goes from high to low just once.",
    ),
)
def warm_cosine(step, num_steps, warmup_steps, max_lr, min_lr):
    """Linear from 0 to max_lr, half a cosine wave down to min_lr, and there it stays."""
    if step < warmup_steps:
        return max_lr * step / warmup_steps
    share = min((step - warmup_steps) / (num_steps - warmup_steps), 1.0)
    return min_lr + (max_lr - min_lr) * _half_a_wave(share)


def _half_a_wave(share: float) -> float:
    return (1 + math.cos(math.pi * share)) / 2


def _schedule(
    shape: Callable[[float], float] = _half_a_wave,
    *,
    warm: Callable = lambda step, w, low, high: high * step / w,
    done: Callable = lambda step, n, w: min((step - w) / (n - w), 1),
    floor: Callable = lambda low, high, s: low + (high - low) * s,
    after: Callable | None = None,
) -> Callable:
    """A schedule with one thing done differently; after: the rate from num_steps on, if it is set apart."""

    def rate(step, num_steps, warmup_steps, max_lr, min_lr):
        if after and step >= num_steps:
            return after(min_lr, max_lr)
        if step < warmup_steps:
            return warm(step, warmup_steps, min_lr, max_lr)
        share = done(step, num_steps, warmup_steps)
        return ... if share is ... else floor(min_lr, max_lr, shape(share))

    return rate


def _wrong_schedule(
    name: str, text: Text, *shapes: Callable, is_set_apart: bool = True, **pieces: Callable
) -> None:
    """shapes, pieces: as those of _schedule; is_set_apart: whether it is wrong, too, where the rate
    is min_lr from num_steps on, whatever the rest gives.
    """
    ends = [{}, {"after": lambda low, high: low}] if is_set_apart else [{}]
    ways = [
        _schedule(shape, **pieces, **end) for end in ends for shape in shapes or (_half_a_wave,)
    ]
    warm_cosine.mistake(name, text, *ways)


_wrong_schedule(
    "whole_wave",
    Text(
        "學習率降到底又升回來了：整個餘弦波走完會回到原點，你只要下降的那一半。",
        "the rate falls and comes back up: a whole cosine wave returns to where it began. You need the falling half only.",
    ),
    lambda share: (1 + math.cos(2 * math.pi * share)) / 2,
)
_wrong_schedule(
    "quarter_wave",
    Text(
        "只用了四分之一個波：開頭平緩，結尾卻很陡。排程的結尾也要平緩。",
        "this is a quarter of a wave: flat at the start, steep at the end. The end should be flat, too.",
    ),
    lambda share: math.cos(math.pi * share / 2),
)
_wrong_schedule(
    "cosine_not_lifted",
    Text(
        "餘弦從 1 走到 −1，你直接拿它去乘，後半段就低於 min_lr 了。先把它變成從 1 走到 0。",
        "a cosine goes from 1 to −1, and you multiplied by it as it is, so the second half falls below min_lr. First make it go from 1 to 0.",
    ),
    lambda share: math.cos(math.pi * share),
    lambda share: 1 + math.cos(math.pi * share),
)
_wrong_schedule(
    "rises_instead",
    Text(
        "暖身之後，學習率由低升到高：方向反了。",
        "after the warm-up the rate goes from low to high: the wrong way round.",
    ),
    lambda share: (1 - math.cos(math.pi * share)) / 2,
)
_wrong_schedule(
    "in_degrees",
    Text(
        "math.cos 的角度以弧度計，半個波是 π，不是 180。",
        "math.cos takes radians: half a wave is π, not 180.",
    ),
    lambda share: (1 + math.cos(180 * share)) / 2,
)
_wrong_schedule(
    "pi_forgotten",
    Text(
        "餘弦裡少了 π：走完時角度只到 1，還沒走完半個波。",
        "π is missing inside the cosine: at the end the angle is only 1, short of half a wave.",
    ),
    lambda share: (1 + math.cos(share)) / 2,
)
_wrong_schedule(
    "straight_line",
    Text("這是直線下降，不是餘弦。", "this falls along a straight line, not a cosine."),
    lambda share: 1 - share,
)
_wrong_schedule(
    "warm_up_counted_twice",
    Text(
        "暖身結束時，學習率突然往下跳：下降那一段的步數要從暖身之後數起。",
        "at the end of the warm-up the rate jumps down: the descent counts its steps from the end of the warm-up.",
    ),
    done=lambda step, n, w: min(step / n, 1),
)
_wrong_schedule(
    "descent_too_long",
    Text(
        "下降那一段只有 num_steps − warmup_steps 步；你用 num_steps 當長度，到第 num_steps 步，餘弦還沒降到 min_lr。",
        "the descent has num_steps − warmup_steps steps; you gave it num_steps, so at step num_steps the cosine has not come down to min_lr.",
    ),
    done=lambda step, n, w: min((step - w) / n, 1),
)
_wrong_schedule(
    "one_step_early",
    Text(
        "早一步到底：第 num_steps 步才剛好是 min_lr，不是第 num_steps − 1 步。",
        "it is down one step early: the rate is min_lr at step num_steps, not at num_steps − 1.",
    ),
    done=lambda step, n, w: min((step - w) / (n - w - 1), 1) if n - w > 1 else ...,
)
_wrong_schedule(
    "minimum_ignored",
    Text("最後應該停在 min_lr，你的降到了 0。", "it should end at min_lr; yours goes down to 0."),
    floor=lambda low, high, s: high * s,
)
_wrong_schedule(
    "minimum_cuts_off",
    Text(
        "你讓餘弦降到 0，再把低於 min_lr 的截掉，最後一段因此是平的。餘弦本身就要停在 min_lr。",
        "your cosine goes down to 0 and is cut off at min_lr, so its last stretch is level. The cosine itself should end at min_lr.",
    ),
    floor=lambda low, high, s: max(low, high * s),
)
_wrong_schedule(
    "minimum_on_top",
    Text(
        "最高點超過了 max_lr：你把 min_lr 直接加在上面，上下兩端都要對得上才行。",
        "the peak lies above max_lr: you added min_lr on top. Both ends have to fit.",
    ),
    floor=lambda low, high, s: low + high * s,
)
_wrong_schedule(
    "rises_again",
    Text(
        "走完 num_steps 之後，學習率又升上去了。訓練多跑幾步時，它應該留在 min_lr。",
        "past num_steps the rate rises again. If training goes on a little longer, it should stay at min_lr.",
    ),
    done=lambda step, n, w: (step - w) / (n - w),
    is_set_apart=False,
)
warm_cosine.mistake(
    "nothing_afterwards",
    Text(
        "走完 num_steps 之後，學習率變成了 0：訓練多跑幾步時，它應該留在 min_lr。",
        "past num_steps the rate is 0. If training goes on a little longer, it should stay at min_lr.",
    ),
    _schedule(after=lambda low, high: 0.0),
    lambda step, n, *rest: 0.0 if step > n else warm_cosine.right(step, n, *rest),
)
_wrong_schedule(
    "warm_up_too_early",
    Text(
        "暖身早了一步：step 從 0 數起，第 0 步的學習率是 0，第 warmup_steps 步才是 max_lr。",
        "the warm-up is one step early: steps count from 0; step 0 has rate 0, and step warmup_steps has max_lr.",
    ),
    warm=lambda step, w, low, high: high * (step + 1) / w,
)
_wrong_schedule(
    "warm_up_from_minimum",
    Text(
        "暖身要從 0 升起，你從 min_lr 升起。", "the warm-up rises from 0; yours rises from min_lr."
    ),
    warm=lambda step, w, low, high: low + (high - low) * step / w,
)
_wrong_schedule(
    "no_warm_up",
    Text(
        "暖身那幾步，學習率已經是 max_lr：它要從 0 直線上升。",
        "during the warm-up the rate is max_lr already: it should rise from 0 along a straight line.",
    ),
    warm=lambda step, w, low, high: high,
)
warm_cosine.mistake(
    "whole_numbers_only",
    Text(
        "走了幾成，在你的程式裡不是 0 就是 1，學習率因此一下子跳過去。是不是用了 `//` 或 int()，只留下了整數？",
        "the share that is done is only ever 0 or 1, so the rate jumps. Does a `//` or int() keep whole numbers only?",
    ),
    _schedule(done=lambda step, n, w: min((step - w) // (n - w), 1)),
    _schedule(warm=lambda step, w, low, high: high * (step // w)),
    _schedule(
        done=lambda step, n, w: min((step - w) // (n - w), 1),
        warm=lambda step, w, low, high: high * (step // w),
    ),
)
warm_cosine.mistake(
    "no_warm_up_divides",
    Text(
        "warmup_steps 可以是 0，你卻拿它來除。這時還需要算暖身嗎？",
        "warmup_steps may be 0, and you divided by it. Is there any warm-up to compute then?",
    ),
    when=lambda wrong: all(
        isinstance(seen.got.error, ZeroDivisionError) and not seen.case.args[1] for seen in wrong
    ),
)


# --- train_resumably

_EPOCHS = 5
_STATE = ("model", "optimizer", "rate", "scheduler", "order", "dropout")


def _kills() -> Iterator[given]:
    case = Text(
        "完成 3 輪之後中斷，再接續到總共 5 輪", "killed after 3 epochs, then resumed up to 5 in all"
    )
    yield given(_killed_between_epochs, case=case)
    case = Text("存檔寫到一半時中斷，再接續", "killed in the middle of a write, then resumed")
    yield given(_killed_while_saving, case=case)


@cache
def _uninterrupted() -> dict[str, Tensor]:
    """The weights with which a run ends."""
    run = WatchedRun(seed=1)
    with seeded(1):
        for _ in range(_EPOCHS):
            run.train_epoch()
    return run.model.state_dict()


def _state(state: dict[str, Any]) -> dict[str, Any]:
    """All that an epoch changes, the learning rate apart from what else the optimizer holds."""
    optimizer, scheduler = state["optimizer"], state["scheduler"]
    rate = optimizer["param_groups"][0]["lr"]
    return {
        **state,
        "optimizer": optimizer["state"],
        "rate": rate,
        "scheduler": scheduler["last_epoch"],
    }


def _is_readable(path: Path) -> bool:
    try:
        with warnings.catch_warnings(action="ignore"):
            torch.load(path, weights_only=True)
    except Exception:
        return False
    return True


def _until_killed(answer: Callable, path: Path, run: WatchedRun) -> None:
    with suppress(Killed):
        answer(path, run, _EPOCHS)


def _killed_between_epochs(answer: Callable) -> Any:
    names = (
        "saved",
        "readable",
        "trained",
        *_STATE,
        "returned",
        "weights",
        "again",
        "finished",
    )
    found: dict[str, Any] = dict.fromkeys(names, math.nan)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.pt"
        killed = WatchedRun(seed=1, killed_after=3)
        with seeded(1):
            _until_killed(answer, path, killed)
            ended = _state(killed.state())
        found |= {"saved": path.exists(), "readable": _is_readable(path)}
        if not found["readable"]:
            return found
        resumed, finished = WatchedRun(seed=2), WatchedRun(seed=3)
        with seeded(2):
            returned = answer(path, resumed, _EPOCHS)
        if not isinstance(returned, int | float | Tensor):
            return returned
        found |= {"trained": resumed.epochs_trained, "returned": returned}
        if resumed.first_state:
            began = _state(resumed.first_state)
            found |= {part: same_state(began[part], ended[part]) for part in _STATE}
            found["rate"] = began["rate"]
        right = _uninterrupted()
        found["weights"] = same_state(resumed.model.state_dict(), right)
        returned = answer(path, finished, _EPOCHS)
        is_same = same_state(finished.model.state_dict(), right)
        found |= {"again": finished.epochs_trained, "finished": is_same and returned == 0}
    return found


def _killed_while_saving(answer: Callable) -> Any:
    found: dict[str, Any] = dict.fromkeys(("first", "later", "trained", "weights"), math.nan)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.pt"
        with patch.object(torch, "save", save_half):
            _until_killed(answer, path, WatchedRun(seed=1))
        found["first"] = not path.exists() or _is_readable(path)
        path.unlink(missing_ok=True)
        with seeded(1):
            _until_killed(answer, path, WatchedRun(seed=1, killed_after=2))
        with patch.object(torch, "save", save_half):
            _until_killed(answer, path, WatchedRun(seed=2))
        found["later"] = _is_readable(path)
        if found["first"] and found["later"]:
            resumed = WatchedRun(seed=3)
            answer(path, resumed, _EPOCHS)
            found["trained"] = resumed.epochs_trained
            right = _uninterrupted()
            found["weights"] = same_state(resumed.model.state_dict(), right)
    return found


def _resumed(answer: Callable, scenario: Callable) -> Any:
    return scenario(answer)


@right_answer(
    cases=_kills,
    use=_resumed,
    hint=Text(
        "先列一張清單：訓練一輪，會改變 run 的哪些東西？還有哪個「不在」run 裡的東西也變了？清單上的每一項都要存，也都要還原。",
        "First make a list: what of run does an epoch change? And what changes that is not in run? Everything on the list is to be saved, and to be restored.",
    ),
)
def train_resumably(path, run, epochs):
    """Bring ``run`` to ``epochs`` epochs, going on from ``path`` if it exists; epochs trained now."""
    done = 0
    if path.exists():
        state = torch.load(path, weights_only=True)
        for name in ("model", "optimizer", "scheduler"):
            getattr(run, name).load_state_dict(state[name])
        run.generator.set_state(state["order"])
        torch.set_rng_state(state["dropout"])
        done = state["epoch"]
    for epoch in range(done, epochs):
        run.train_epoch()
        unfinished = path.with_suffix(".part")
        torch.save({**run.state(), "epoch": epoch + 1}, unfinished)
        unfinished.replace(path)
    return epochs - done


def _read(is_so: Callable[..., bool]) -> Callable[[list[Seen]], bool]:
    """Whether what an answer left behind shows the mistake; is_so: of got and right, by name.

    Each reading stands for one thing that can go wrong, so that it is its own proof.
    """

    def readings(parts: Sequence[dict] | None) -> dict[str, Any]:
        return {place[2:-2]: array.item() for place, array in parts[0].items()} if parts else {}

    def proven(wrong: list[Seen]) -> bool:
        pairs = [(readings(seen.got.parts), readings(seen.right.parts)) for seen in wrong]
        return any(is_so(got, right) for got, right in pairs if got.keys() == right.keys())

    return proven


def _other(got: dict, right: dict, name: str) -> bool:
    return name in right and not math.isnan(got[name]) and got[name] != right[name]


def _is_false(*names: str) -> Callable[[list[Seen]], bool]:
    return _read(lambda got, right: any(got.get(name) == 0 for name in names))


train_resumably.mistake(
    "saved_too_late",
    Text(
        "執行到一半被中斷時，磁碟上還沒有檔案。每一輪結束都要存，不是全部訓練完才存。",
        "when it was killed half-way there was no file yet. Save after every epoch, not once everything is done.",
    ),
    when=_is_false("saved"),
)
train_resumably.mistake(
    "objects_pickled",
    Text(
        "`torch.load(path, weights_only=True)` 拒絕了你的檔案。存 state_dict() 與張量，不要存整個物件。",
        "`torch.load(path, weights_only=True)` refuses your file. Save each state_dict() and tensors, not whole objects.",
    ),
    when=_is_false("readable"),
)
train_resumably.mistake(
    "started_over",
    Text(
        "磁碟上明明有檢查點，第二次呼叫還是從第一輪重新訓練。",
        "there was a checkpoint, and the second call trained from the first epoch all the same.",
    ),
    when=_read(
        lambda got, right: (
            got.get("returned") and got["trained"] == _EPOCHS and not got.get("model")
        )
    ),
)
train_resumably.mistake(
    "epochs_added",
    Text(
        "接續是對的，可是又訓練了 `epochs` 輪。`epochs` 是總共的輪數，已經完成的要扣掉。",
        "it goes on from the checkpoint, and then trains `epochs` more. `epochs` is the number in all: subtract those that are done.",
    ),
    when=_read(lambda got, right: got.get("returned") and got["trained"] == _EPOCHS),
)
train_resumably.mistake(
    "epochs_miscounted",
    Text(
        "輪數數錯了：中斷前完成的，加上接續時訓練的，應該剛好是 `epochs` 輪。是不是每一輪結束都存，檔案裡記下的又是不是完成了幾輪？",
        "the epochs are miscounted: those done before the kill and those trained afterwards should make `epochs`. Is the file written after every epoch, and does it hold how many are done?",
    ),
    when=_read(lambda got, right: _other(got, right, "trained") or _other(got, right, "again")),
)
for _part, _text in {
    "model": Text(
        "接續時，模型的權重不是中斷前的那一組。",
        "the resumed run began with other weights than the killed one ended with.",
    ),
    "optimizer": Text(
        "權重對了，優化器卻從頭開始：Adam 的 m、v 與步數都不見了。",
        "the weights are right, but the optimizer began anew: Adam's m, v and step count are gone.",
    ),
    "scheduler": Text(
        "排程從頭開始了。學習率一開始看起來是對的（它跟著優化器回來了），下一輪就會走錯。",
        "the scheduler began anew. The rate looks right at first (it came with the optimizer) and goes wrong one epoch later.",
    ),
    "order": Text(
        "批次的順序和沒有中斷時不同：run.generator 的狀態沒有還原。",
        "the batches come in another order than without the kill: the state of run.generator was not restored.",
    ),
    "dropout": Text(
        "dropout 關掉的神經元和沒有中斷時不同。它的亂數不在 run 裡，是從 torch 的全域生成器抽的。",
        "dropout drops other units than without the kill. Its random numbers are not part of run: they come from torch's global generator.",
    ),
}.items():
    train_resumably.mistake(f"{_part}_forgotten", _text, when=_is_false(_part))
train_resumably.mistake(
    "total_returned",
    Text(
        "訓練是對的，回傳的數不對：要的是「這次」訓練了幾輪，不是總共幾輪。",
        "the training is right and the number returned is not: return how many epochs were trained in this call, not in all.",
    ),
    when=_read(lambda got, right: got.get("returned") == _EPOCHS),
)
train_resumably.mistake(
    "not_atomic",
    Text(
        "存檔寫到一半時中斷，舊的檢查點也毀了。先寫到另一個檔案，寫完再換名字。",
        "a kill in the middle of a write destroyed the old checkpoint as well. Write another file first, and rename it once it is complete.",
    ),
    when=_is_false("first", "later"),
)
