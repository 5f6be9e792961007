"""Exercises of training_practice: early stopping on accuracy, warm-up with cosine, a run that can be killed."""

import math
import tempfile
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn

from course_utils.exercises import Answer, exercise
from course_utils.exercises.practice_run import (
    Killed,
    PracticeRun,
    WatchedRun,
    same_state,
    save_half,
)
from course_utils.language import Text
from course_utils.seeding import seeded

Outcome = tuple[
    int, int
]  # the epoch at which it stopped (0: never), the one that restore brings back

#: Validation accuracies of each epoch, patience, min_delta.
_RUNS: list[tuple[list[float], int, float]] = [
    ([0.50, 0.70, 0.60, 0.80, 0.75, 0.74, 0.73, 0.72, 0.90], 3, 0.0),
    ([0.50, 0.50, 0.50, 0.50, 0.50], 2, 0.0),
    ([0.30, 0.40, 0.35, 0.50], 1, 0.0),
    ([0.90, 0.50, 0.60, 0.70, 0.75, 0.80], 3, 0.0),
    ([0.500, 0.504, 0.508, 0.512, 0.516, 0.520], 3, 0.01),
    ([0.60, 0.61, 0.59, 0.64, 0.63, 0.62, 0.61], 4, 0.05),
    ([0.700, 0.695, 0.690, 0.685], 2, 0.01),
]


def _rule(
    run: tuple[list[float], int, float],
    *,
    better: Callable[[float, float, float], bool] = lambda now, best, delta: now > best + delta,
    late: int = 0,
    reset: bool = True,
    against_previous: bool = False,
    against_highest: bool = False,
) -> Outcome:
    """(epoch at which it stops, or 0; epoch of the best weights) under one reading of the rule."""
    accuracies, patience, min_delta = run
    reference, best_epoch, waited = None, 0, 0
    for epoch, accuracy in enumerate(accuracies, start=1):
        if reference is None or better(accuracy, reference, min_delta):
            best_epoch, reference = epoch, accuracy
            waited = 0 if reset else waited
        else:
            waited += 1
        if against_previous:
            reference = accuracy
        if against_highest:
            reference = max(reference, accuracy)
        if waited >= patience + late:
            return epoch, best_epoch
    return 0, best_epoch


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


@exercise(
    hint=Text(
        "每一輪只有兩種可能：進步了，或沒有進步。各要更新哪些東西？先用紙筆走一遍準確率 0.5、0.7、0.6、0.6，patience = 2。",
        "Each epoch either improves or it does not. What has to be updated in each case? Go through "
        "the accuracies 0.5, 0.7, 0.6, 0.6 with patience = 2 on paper first.",
    ),
    shallow_copy=Text(
        "restore 放回去的是最新的權重，不是最好的那一輪：你記下的快照跟著訓練一起變了。",
        "restore brings back the newest weights, not those of the best epoch: your snapshot went on "
        "training with the model.",
    ),
    keeps_the_last=Text(
        "restore 放回去的是停下來那一輪的權重。快照只有在進步的時候才該換新。",
        "restore brings back the epoch at which it stopped. Only an improvement should replace the "
        "snapshot.",
    ),
    buffers_forgotten=Text(
        "參數放回去了，緩衝區沒有：批次正規化的 running_mean 不在 parameters() 裡。",
        "the parameters are back, but not the buffers: batch norm's running_mean is not among "
        "parameters().",
    ),
    smaller_is_better=Text(
        "你把變小當成進步。那是損失；準確率是越大越好。",
        "you took a decrease for an improvement. That is for losses; an accuracy should rise.",
    ),
    patience_too_long=Text(
        "晚了一輪才停。連續 patience 輪沒有進步，就在那一輪停。",
        "it stops one epoch late. After patience epochs in a row without improvement, that very "
        "epoch is the last.",
    ),
    patience_too_short=Text(
        "早了一輪就停。進步的那一輪不算在等待的輪數裡。",
        "it stops one epoch early. The epoch that improved is not one of those it waits.",
    ),
    counter_not_reset=Text(
        "有進步之後，等待的輪數要重新數起：要的是「連續」沒有進步。",
        "after an improvement the count must begin anew: the epochs without one must be in a row.",
    ),
    min_delta_sign=Text(
        "min_delta 的方向反了：稍微變差一點也被你當成進步。它應該讓進步更難成立，不是更容易。",
        "min_delta has the wrong sign: a slightly worse epoch counts as better. It should make an "
        "improvement harder, not easier.",
    ),
    min_delta_ignored=Text(
        "min_delta 沒有作用：進步的幅度要超過它才算數。",
        "min_delta has no effect: an improvement has to exceed it to count.",
    ),
    tie_is_improvement=Text(
        "同分不算進步；不然準確率一直不動時，就永遠不會停。",
        "a tie is no improvement; else a run that no longer moves would never stop.",
    ),
    compares_with_previous=Text(
        "要和目前為止**最好**的一輪比，不是和上一輪比：掉下去再慢慢爬，並不是進步。",
        "compare with the **best** epoch so far, not with the one before: to fall and climb back a "
        "little is no progress.",
    ),
    small_gain_counts=Text(
        "沒有超過 min_delta 的小進步，也被你拿來當新的標準（或新的快照）。要比較、要還原的那一輪，只有真正進步時才換。",
        "a gain of min_delta or less has moved your bar (or your snapshot): the epoch to compare with "
        "and to restore changes only with an improvement.",
    ),
)
def EarlyStopper(answer: Answer) -> None:
    """Stops and restores as the rule says, on curves that tell the usual misreadings apart."""
    got = [_watch(answer, run) for run in _RUNS]
    if [outcome[:2] for outcome in got] != [_rule(run) for run in _RUNS]:
        _name_misreading(answer, got)
    if any(buffer != weight for _, weight, buffer in got):
        answer.mistake("buffers_forgotten")


def _watch(answer: Answer, run: tuple[list[float], int, float]) -> tuple[int, int, int]:
    """(epoch of the stop, or 0; the epochs whose weights and whose buffers restore brings back)."""
    accuracies, patience, min_delta = run
    stopper, model = answer(patience, min_delta), _Weights()
    stopped = 0
    for epoch, accuracy in enumerate(accuracies, start=1):
        model.mark(epoch)
        stop = stopper.update(accuracy, model)
        if stop is None:
            answer.mistake("no_return")
        if stop:
            stopped = epoch
            break
    model.mark(-1)
    stopper.restore(model)
    return stopped, int(model.weight[0]), int(model.running_mean[0])


def _until_stop(run: tuple[list[float], int, float]) -> list[float]:
    """The accuracies that a right answer is given."""
    return run[0][: _rule(run)[0] or None]


def _name_misreading(answer: Answer, got: Sequence[tuple[int, int, int]]) -> None:
    if [outcome[0] for outcome in got] == [_rule(run)[0] for run in _RUNS]:
        restored = [outcome[1] for outcome in got]
        if all(epoch == -1 for epoch in restored):
            answer.mistake("shallow_copy")
        if restored == [outcome[0] or len(run[0]) for outcome, run in zip(got, _RUNS, strict=True)]:
            answer.mistake("keeps_the_last")
        if restored == [1 + run[0].index(max(_until_stop(run))) for run in _RUNS]:
            answer.mistake("small_gain_counts")
    misreadings: dict[str, dict[str, Any]] = {
        "smaller_is_better": {"better": lambda now, best, delta: now < best - delta},
        "patience_too_long": {"late": 1},
        "patience_too_short": {"late": -1},
        "counter_not_reset": {"reset": False},
        "min_delta_sign": {"better": lambda now, best, delta: now > best - delta},
        "min_delta_ignored": {"better": lambda now, best, delta: now > best},
        "tie_is_improvement": {"better": lambda now, best, delta: now >= best + delta},
        "compares_with_previous": {"against_previous": True},
        "small_gain_counts": {"against_highest": True},
    }
    stops = [outcome[0] for outcome in got]
    for mistake, reading in misreadings.items():
        if stops == [_rule(run, **reading)[0] for run in _RUNS]:
            answer.mistake(mistake)
    for (stopped, restored, _), run in zip(got, _RUNS, strict=True):
        case = (
            f"accuracies {run[0]}, patience {run[1]}, min_delta {run[2]}: epoch of stop (0: none)"
        )
        answer.require(stopped, _rule(run)[0], case)
        answer.require(restored, _rule(run)[1], case.replace("epoch of stop (0: none)", "restored"))


@exercise(
    hint=Text(
        "分成三段：暖身、下降、結束之後。下降那一段先算出「走了幾成」，從 0 到 1，再想想哪一段餘弦剛好由高到低。",
        "There are three stretches: warm-up, descent, afterwards. For the descent find the share "
        "done, from 0 to 1; then ask which piece of a cosine goes from high to low just once.",
    ),
    whole_wave=Text(
        "學習率降到底又升回來了：整個餘弦波走完會回到原點，你只要下降的那一半。",
        "the rate falls and comes back up: a whole cosine wave returns to where it began. You need "
        "the falling half only.",
    ),
    quarter_wave=Text(
        "只用了四分之一個波：開頭平緩，結尾卻很陡。排程的結尾也要平緩。",
        "this is a quarter of a wave: flat at the start, steep at the end. The end should be flat, "
        "too.",
    ),
    straight_line=Text(
        "這是直線下降，不是餘弦。", "this falls along a straight line, not a cosine."
    ),
    warm_up_counted_twice=Text(
        "暖身結束時，學習率突然往下跳：下降那一段的步數要從暖身之後數起。",
        "at the end of the warm-up the rate jumps down: the descent counts its steps from the end "
        "of the warm-up.",
    ),
    minimum_ignored=Text(
        "最後應該停在 min_lr，你的降到了 0。",
        "it should end at min_lr; yours goes down to 0.",
    ),
    minimum_on_top=Text(
        "最高點超過了 max_lr：你把 min_lr 直接加在上面，上下兩端都要對得上才行。",
        "the peak lies above max_lr: you added min_lr on top. Both ends have to fit.",
    ),
    rises_again=Text(
        "走完 num_steps 之後，學習率又升上去了。訓練多跑幾步時，它應該留在 min_lr。",
        "past num_steps the rate rises again. If training goes on a little longer, it should stay "
        "at min_lr.",
    ),
    warm_up_too_early=Text(
        "暖身早了一步：step 從 0 數起，第 0 步的學習率是 0，第 warmup_steps 步才是 max_lr。",
        "the warm-up is one step early: steps count from 0; step 0 has rate 0, and step "
        "warmup_steps has max_lr.",
    ),
)
def warm_cosine(answer: Answer) -> None:
    """The closed form, at every step and beyond the last."""
    cases = [(20, 0, 0.1, 0.0), (20, 5, 0.1, 0.0), (30, 6, 0.1, 0.02), (7, 3, 3e-3, 1e-3)]
    for case in cases:
        steps = range(case[0] + case[0] // 2)
        got = [answer(step, *case) for step in steps]
        right = [_warm_cosine(step, *case) for step in steps]
        tolerance = 1e-6
        if answer.matches(got, right, tolerance=tolerance):
            continue
        wrong_shapes: dict[str, dict[str, Any]] = {
            "whole_wave": {"shape": lambda p: (1 + math.cos(2 * math.pi * p)) / 2},
            "quarter_wave": {"shape": lambda p: math.cos(math.pi * p / 2)},
            "straight_line": {"shape": lambda p: 1 - p},
            "warm_up_counted_twice": {"twice": True},
            "minimum_ignored": {"floor": lambda low, high, shape: high * shape},
            "minimum_on_top": {"floor": lambda low, high, shape: low + high * shape},
            "rises_again": {"stay": False},
            "warm_up_too_early": {"early": 1},
        }
        alternatives = {
            mistake: [_warm_cosine(step, *case, **options) for step in steps]
            for mistake, options in wrong_shapes.items()
        }
        answer.recognize(got, alternatives, tolerance=tolerance)
        named = "num_steps={}, warmup_steps={}, max_lr={}, min_lr={}".format(*case)
        for step in steps:
            where = f"step={step}, {named}"
            answer.require(got[step], right[step], where, tolerance=tolerance)


def _warm_cosine(
    step: int,
    num_steps: int,
    warmup_steps: int,
    max_lr: float,
    min_lr: float,
    *,
    shape: Callable[[float], float] = lambda p: (1 + math.cos(math.pi * p)) / 2,
    floor: Callable[[float, float, float], float] = lambda low, high, s: low + (high - low) * s,
    twice: bool = False,
    stay: bool = True,
    early: int = 0,
) -> float:
    if step < warmup_steps:
        return max_lr * (step + early) / warmup_steps
    share = (step if twice else step - warmup_steps) / (num_steps - (0 if twice else warmup_steps))
    return floor(min_lr, max_lr, shape(min(share, 1.0) if stay else share))


_EPOCHS, _KILLED_AFTER = 5, 2


@exercise(
    hint=Text(
        "先列一張清單：訓練一輪，會改變 run 的哪些東西？還有哪個**不在** run 裡的東西也變了？清單上的每一項都要存，也都要還原。",
        "First make a list: what of run does an epoch change? And what changes that is **not** in "
        "run? Everything on the list is to be saved, and to be restored.",
    ),
    saved_too_late=Text(
        "執行到一半被中斷時，磁碟上還沒有檔案。每一輪結束都要存，不是全部訓練完才存。",
        "when it was killed half-way there was no file yet. Save after every epoch, not once "
        "everything is done.",
    ),
    objects_pickled=Text(
        "`torch.load(path, weights_only=True)` 拒絕了你的檔案。存 state_dict() 與張量，不要存整個物件。",
        "`torch.load(path, weights_only=True)` refuses your file. Save each state_dict() and "
        "tensors, not whole objects.",
    ),
    started_over=Text(
        "磁碟上明明有檢查點，第二次呼叫還是從第一輪重新訓練。",
        "there was a checkpoint, and the second call trained from the first epoch all the same.",
    ),
    epochs_miscounted=Text(
        "輪數數錯了：中斷前完成了 {before} 輪，總共要 {total} 輪，第二次呼叫卻訓練了 {got} 輪。",
        "the epochs are miscounted: {before} were done before the kill and {total} are wanted in "
        "all, yet the second call trained {got}.",
    ),
    model_forgotten=Text(
        "接續時，模型的權重不是中斷前的那一組。",
        "the resumed run began with other weights than the killed one ended with.",
    ),
    optimizer_forgotten=Text(
        "權重對了，優化器卻從頭開始：Adam 的 m、v 與步數都不見了。",
        "the weights are right, but the optimizer began anew: Adam's m, v and step count are gone.",
    ),
    scheduler_forgotten=Text(
        "排程從頭開始了。學習率一開始看起來是對的（它跟著優化器回來了），下一輪就會走錯。",
        "the scheduler began anew. The rate looks right at first (it came with the optimizer) and "
        "goes wrong one epoch later.",
    ),
    order_forgotten=Text(
        "批次的順序和沒有中斷時不同：run.generator 的狀態沒有還原。",
        "the batches come in another order than without the kill: the state of run.generator was "
        "not restored.",
    ),
    dropout_forgotten=Text(
        "dropout 關掉的神經元和沒有中斷時不同。它的亂數不在 run 裡，是從 torch 的全域生成器抽的。",
        "dropout drops other units than without the kill. Its random numbers are not part of run: "
        "they come from torch's global generator.",
    ),
    not_atomic=Text(
        "存檔寫到一半時中斷，舊的檢查點也毀了。先寫到另一個檔案，寫完再換名字。",
        "a kill in the middle of a write destroyed the old checkpoint as well. Write another file "
        "first, and rename it once it is complete.",
    ),
)
def train_resumably(answer: Answer) -> None:
    """Killed between epochs and inside a write, it goes on to the same bits."""
    reference, states = WatchedRun(seed=1), []
    with seeded(1):
        for _ in range(_EPOCHS):
            states.append(reference.state())
            reference.train_epoch()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.pt"
        with seeded(1):
            _until_killed(answer, path, WatchedRun(seed=1, killed_after=_KILLED_AFTER))
        _require_plain_file(answer, path)
        resumed = WatchedRun(seed=2)
        with seeded(2):
            trained = answer(path, resumed, _EPOCHS)
        _require_count(answer, resumed, _EPOCHS - _KILLED_AFTER)
        for part, expected in states[_KILLED_AFTER].items():
            if not same_state(resumed.first_state[part], expected):
                answer.mistake(f"{part}_forgotten")
        answer.require(trained, _EPOCHS - _KILLED_AFTER, "the number of epochs returned")
        _require_model(answer, resumed, reference, "weights at the end")
        finished = WatchedRun(seed=3)
        answer(path, finished, _EPOCHS)
        _require_count(answer, finished, 0)
        _require_model(answer, finished, reference, "weights, where all epochs were done before")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.pt"
        _until_killed(answer, path, WatchedRun(seed=1, killed_after=_KILLED_AFTER))
        with patch.object(torch, "save", save_half):
            _until_killed(answer, path, WatchedRun(seed=1))
        try:
            torch.load(path, weights_only=True)
        except Exception:
            answer.mistake("not_atomic")


def _until_killed(answer: Answer, path: Path, run: WatchedRun) -> None:
    with suppress(Killed):
        answer(path, run, _EPOCHS)


def _require_plain_file(answer: Answer, path: Path) -> None:
    if not path.exists():
        answer.mistake("saved_too_late")
    try:
        with warnings.catch_warnings(action="ignore"):
            torch.load(path, weights_only=True)
    except Exception:
        answer.mistake("objects_pickled")


def _require_count(answer: Answer, run: PracticeRun, expected: int) -> None:
    if run.epochs_trained == _EPOCHS:
        answer.mistake("started_over")
    if run.epochs_trained != expected:
        answer.mistake(
            "epochs_miscounted",
            before=_EPOCHS - expected,
            total=_EPOCHS,
            got=run.epochs_trained,
        )


def _require_model(answer: Answer, run: PracticeRun, reference: PracticeRun, case: str) -> None:
    for got, expected in zip(run.model.parameters(), reference.model.parameters(), strict=True):
        answer.require(got, expected, case, tolerance=0.0)
