"""Exercises of regularization: dropout, batch normalization, generalization gap."""

import copy
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import TensorDataset

from course_utils.exercises.by_reference import given, right_answer
from course_utils.exercises.outcomes import Seen
from course_utils.exercises.witness import Witness
from course_utils.language import Text
from course_utils.loader import TensorLoader
from course_utils.seeding import generator, seeded

# --- inverted_dropout


def _output(outputs: Tensor, x: Tensor, p: float) -> Tensor:
    return outputs[0]


def _shape(outputs: Tensor, x: Tensor, p: float) -> Tensor:
    return torch.tensor(outputs.shape[1:])


def _dropped(outputs: Tensor, x: Tensor, p: float) -> float:
    """The share of zeros; p (or 1 - p) itself where chance explains what is missing."""
    share = (outputs == 0).double().mean().item()
    return next((near for near in (p, 1 - p) if abs(share - near) < 0.015), round(share, 2))


def _factors(outputs: Tensor, x: Tensor, p: float) -> Tensor:
    """By what the survivors were multiplied: (least, most)."""
    ratios = (outputs.double() / x.double())[outputs != 0]
    return torch.stack(ratios.aminmax()) if len(ratios) else torch.full((2,), torch.nan)


def _gradient(outputs: Tensor, x: Tensor, p: float) -> bool:
    """Whether autograd passes through."""
    return outputs.requires_grad


def _chance(outputs: Tensor, x: Tensor, p: float) -> Tensor:
    """How the shares of calls, rows and columns differ: 0 less than by chance, 1 as by chance, 2 more."""
    zeros = (outputs == 0).double()
    by_axis = [zeros.transpose(0, axis).flatten(1).mean(dim=1) for axis in range(3)]
    by_chance = [(p * (1 - p) * len(means) / zeros.numel()) ** 0.5 for means in by_axis]
    ratios = [means.std().item() / std for means, std in zip(by_axis, by_chance, strict=True)]
    return torch.tensor([0 if ratio < 0.5 else 1 if ratio < 2 else 2 for ratio in ratios])


_MEASURES = {
    _output: Text("輸出", "the output"),
    _shape: Text("輸出的形狀", "the shape of the output"),
    _dropped: Text("變成 0 的比例", "the share that became 0"),
    _gradient: Text("梯度是否傳得回去", "whether a gradient passes through"),
    _factors: Text("留下來的數乘了幾倍（最小、最大）", "the factor of the survivors (least, most)"),
    _chance: Text(
        "每次呼叫、每列、每欄之間，變成 0 的比例差多少（0 比擲硬幣小、1 像擲硬幣、2 比擲硬幣大）",
        "how much the share of zeros differs from call to call, row to row, column to column (0 less than coin tosses would have it, 1 like these, 2 more)",
    ),
}


def _tosses() -> Iterator[given]:
    x = torch.rand(40, 30, generator=generator(0)) + 0.5
    x[:, ::2] *= -1
    cube = x.reshape(20, 15, 4)
    for values, p, training, measures in (
        (x, 0.2, False, (_shape, _dropped, _output)),
        (x.double(), 0.5, True, (_gradient,)),
        (cube.double(), 0.7, False, (_dropped, _output)),
        *((x, p, True, (_output,)) for p in (0.0, 1.0)),
        *((cube, p, True, (_output,)) for p in (0, 1)),
        (x, 0.2, True, (_shape, _dropped, _factors, _chance)),
        (x, 0.5, True, (_factors, _chance)),
        (x.double(), 0.7, True, (_dropped, _factors)),
        (cube, 0.3, True, (_shape, _dropped, _factors)),
        (x[0], 0.4, True, (_shape, _factors)),
    ):
        for measure in measures:
            case = _MEASURED.format(
                training=training, p=p, shape=tuple(values.shape), what=_MEASURES[measure]
            )
            yield given(values, p, training, measure, case=case)


_MEASURED = Text(
    "training={training}、p={p}、x 的形狀 {shape}，{what}",
    "training={training}, p={p}, x of shape {shape}, {what}",
)


def _measured(answer: Callable, x: Tensor, p: float, training: bool, measure: Callable) -> Any:
    calls = {_dropped: 20, _chance: 20, _factors: 3}.get(measure, 1)
    if measure is _gradient:
        x = x.requires_grad_()
    results = [answer(x, p, training) for _ in range(calls)]
    if results[0] is None or results[0] is ...:
        return results[0]
    outputs = torch.stack(
        [
            result if isinstance(result, Tensor) else torch.as_tensor(np.asarray(result))
            for result in results
        ]
    )
    if outputs.shape[1:] != x.shape and measure not in (_output, _shape):
        return torch.nan
    return measure(outputs, x, p)


@right_answer(
    cases=_tosses,
    use=_measured,
    forbidden=[F.dropout],
    hint=Text(
        "先處理評估模式。訓練模式要為每一個數各擲一次硬幣；接著想想：少了一部分的數，總和變小了，留下來的要放大幾倍才補得回來？",
        "Settle evaluation first. In training every entry gets a coin toss of its own; then ask: with some entries gone the sum has shrunk; by how much must the rest grow to make up?",
    ),
)
def inverted_dropout(x, p, training):
    """x with each entry zeroed with probability p and the rest enlarged; x itself in evaluation."""
    if not training or p == 0:
        return x
    return torch.where(torch.rand(x.shape) >= p, x / (1 - p), 0.0)


def _of_evaluation(result: Callable) -> Callable:
    """A mistake in evaluation; result: of x and p."""
    return lambda x, p, training: inverted_dropout.right(x, p, True) if training else result(x, p)


def _of_training(survives: Callable, factor: Callable) -> Callable:
    """A mistake in training that shows for any p between 0 and 1; both are of p, survives of coins too."""

    def dropout(x, p, training):
        if not training:
            return x
        return x * survives(torch.rand(x.shape), p) * factor(p) if 0 < p < 1 else ...

    return dropout


def _reading(measure: Callable, is_so: Callable) -> Callable[[list[Seen]], bool]:
    """Whether what was wrongly measured is as the mistake has it; is_so: of the numbers and of Seen.

    A mistake with random numbers of its own is recognized by these, not by an equal result.
    """

    def proven(wrong: list[Seen]) -> bool:
        of_measure = [seen for seen in wrong if seen.case.args[3] is measure and seen.got.is_finite]
        readings = [(seen.got.arrays[0].flatten().tolist(), seen) for seen in of_measure]
        return bool(readings) and all(is_so(numbers, seen) for numbers, seen in readings)

    return proven


def _only_the_factor(is_so: Callable) -> Callable[[list[Seen]], bool]:
    def proven(wrong: list[Seen]) -> bool:
        others = [seen for seen in wrong if seen.case.args[3] is not _factors]
        is_at_ends = all(seen.case.args[2] and seen.case.args[1] in (0, 1) for seen in others)
        return is_at_ends and _reading(_factors, lambda numbers, seen: is_so(*numbers, seen))(wrong)

    return proven


inverted_dropout.mistake(
    "left_on",
    Text(
        "評估模式（training=False）裡，你的 dropout 還在隨機關閉神經元：同樣的輸入會得到不同的預測。",
        "in evaluation (training=False) your dropout still drops at random: the same input would get another prediction each time.",
    ),
    when=_reading(_dropped, lambda share, seen: 0 < share[0] < 1 and not seen.case.args[2]),
)
inverted_dropout.mistake(
    "scaled_at_test",
    Text(
        "你在評估時縮小了輸出，那是 2014 年論文的做法。PyTorch 在評估時什麼都不做，要補償的地方在訓練。",
        "you shrank the output in evaluation, as the 2014 paper did. PyTorch does nothing then: the compensation belongs to training.",
    ),
    _of_evaluation(lambda x, p: (1 - p) * x),
    lambda x, p, training: x * (torch.rand(x.shape) >= p) if training else (1 - p) * x,
)
inverted_dropout.mistake(
    "enlarged_at_test",
    Text(
        "評估模式（training=False）裡沒有神經元被關掉，不需要放大：輸入原樣輸出。",
        "in evaluation (training=False) nothing is dropped and nothing is to be made up for: the input comes out as it is.",
    ),
    _of_evaluation(lambda x, p: x / (1 - p)),
)
inverted_dropout.mistake(
    "no_rescaling",
    Text(
        "訓練時輸出的平均變小了：關掉一部分之後，留下來的沒有放大，下一層在訓練與評估時看到的大小就不一樣。",
        "in training the mean of your output shrinks: some entries are gone and the rest did not grow, so the next layer meets another size in training than in evaluation.",
    ),
    _of_training(lambda coins, p: coins >= p, lambda p: 1),
)
inverted_dropout.mistake(
    "keep_probability",
    Text(
        "p 是「關掉」的機率，你把它當成「留下」的機率了。p = 0.2 時，應該有八成留下來。",
        "p is the probability of dropping, and you took it for that of keeping. At p = 0.2, four fifths should survive.",
    ),
    *(
        _of_training(lambda coins, p: coins < p, factor)
        for factor in (lambda p: 1 / p, lambda p: 1 / (1 - p), lambda p: 1)
    ),
)
inverted_dropout.mistake(
    "breaks_at_one",
    Text(
        "p = 1 時全部關掉，結果應該全是 0，你的卻出現 nan 或 inf：你除以了什麼？",
        "at p = 1 everything is dropped and the result is all zeros, but yours holds nan or inf: what did you divide by?",
    ),
    lambda x, p, training: x * (torch.rand(x.shape) >= p) / (1 - p) if training else x,
)
inverted_dropout.mistake(
    "same_mask_again",
    Text(
        "連續呼叫好幾次，關掉的都是同樣的位置。是不是在函式裡固定了種子？每一步都要重新抽。",
        "one call after another dropped the same entries. Is a seed set inside the function? Every step draws anew.",
    ),
    when=_reading(_chance, lambda differs, seen: differs == [0, 2, 2]),
)
inverted_dropout.mistake(
    "mask_shared",
    Text(
        "許多數用了同一個遮罩：整欄或整列一起被關掉。每個樣本的每個神經元都要各自決定。",
        "many entries share one mask: whole columns or whole rows vanish together. Every unit of every example is to be decided by itself.",
    ),
    when=_reading(_chance, lambda differs, seen: 2 in differs),
)
inverted_dropout.mistake(
    "fixed_number",
    Text(
        "每次關掉的個數都一樣：你是挑出固定的比例。每個數要各自擲硬幣，個數因此有多有少。",
        "the same number of entries is dropped every time: you picked a fixed share. Each entry gets a coin toss of its own, so the number goes up and down.",
    ),
    when=_reading(_chance, lambda differs, seen: differs[0] == 0 and 1 in differs),
)
inverted_dropout.mistake(
    "wrong_scale",
    Text(
        "關掉的比例對了，留下來的數卻乘了不對的倍數，平均因此不等於輸入。p = 0.2 時平均剩下幾成？要乘幾倍才回得去？",
        "the right share is dropped, but the survivors are multiplied by the wrong factor, so the mean is no longer that of the input. At p = 0.2, how much of it is left on average, and which factor brings it back?",
    ),
    when=_only_the_factor(
        lambda least, most, seen: (
            most - least < 1e-4 * abs(most) and abs(most / seen.right.arrays[0].mean() - 1) > 1e-3
        )
    ),
)
inverted_dropout.mistake(
    "scaled_by_what_survived",
    Text(
        "每次呼叫放大的倍數都不同：你用的是這一次剛好留下來的比例。倍數只由 p 決定，平均才會在許多次之間對上。",
        "the factor is another one in every call: you used the share that happened to survive this time. The factor depends on p alone; it is over many calls that the mean comes out right.",
    ),
    when=_only_the_factor(
        lambda least, most, seen: (
            most - least > 1e-4 * most and abs(least / seen.right.arrays[0].mean() - 1) < 0.3
        )
    ),
)


# --- batch_norm_forward

_Settings = dict[str, float]


def _batches() -> Iterator[given]:
    draws = generator(1)
    for rows, features, center, spread, dtype, settings in (
        (6, 3, 5, 3, torch.float64, {}),
        (6, 3, 5, 3, torch.float32, {"momentum": 0.1}),
        (2, 4, 5, 3, torch.float64, {"momentum": 0.3}),
        (50, 1, 5, 3, torch.float64, {"momentum": 0.7, "eps": 0.5}),
        (4, 4, -1, 2, torch.float64, {"eps": 1e-3}),
        (8, 2, 2, 1e-3, torch.float64, {}),
        (8, 2, 1e3, 1e4, torch.float64, {}),
        (4, 2, 7, 0, torch.float64, {}),
        (40, 3, 1e4, 1, torch.float32, {}),
        (40, 3, 1e6, 1, torch.float64, {}),
    ):
        x = center + spread * torch.randn(rows, features, generator=draws, dtype=dtype)
        yield _batch(x, True, settings, _TRAINED)
    for rows, dtype, settings in (
        (6, torch.float64, {}),
        (2, torch.float32, {"momentum": 0.3, "eps": 0.1}),
        (1, torch.float64, {"momentum": 0.5}),
    ):
        x = 3 * torch.randn(rows, 3, generator=draws, dtype=dtype) + 5
        yield _batch(x, False, settings, _EVALUATED)


_TRAINED = Text(
    "訓練模式、x 的形狀 {shape}、平均約 {mean:.3g}、標準差約 {std:.1g}{settings}",
    "training, x of shape {shape}, mean about {mean:.3g}, standard deviation about {std:.1g}{settings}",
)
_EVALUATED = Text(
    "評估模式、x 的形狀 {shape}{settings}", "evaluation, x of shape {shape}{settings}"
)


def _batch(x: Tensor, training: bool, settings: _Settings, words: Text) -> given:
    draws = generator(len(x))
    gamma, beta, mean, var = torch.rand(4, x.shape[1], generator=draws, dtype=x.dtype) + 0.5
    named = "".join(f", {name}={value}" for name, value in settings.items())
    case = words.format(
        shape=tuple(x.shape), mean=x.mean(), std=x.std(correction=0), settings=named
    )
    return given(x, gamma, beta + 1, mean - 1, 2 * var, training, case=case, **settings)


def _size(x, gamma, beta, mean, var, training, momentum=0.1, eps=1e-5) -> Tensor:
    """Of the terms, for each feature: x - mean loses digits, and the small deviation magnifies it."""
    largest = x.abs().amax(0) + mean.abs()
    deviation = ((x.var(0, correction=0) if training else var) + eps).sqrt()
    return largest + gamma * largest / deviation + beta.abs()


@right_answer(
    cases=_batches,
    parts="(output, running_mean, running_var)",
    terms=_size,
    hint=Text(
        "先分兩種情況：這一次要用誰的平均與變異數？再想更新：momentum 是「新的」佔的分量，而且只有一種模式會更新。",
        "Two cases first: whose mean and variance serve this time? Then the update: momentum is the weight of what is new, and only one of the modes updates.",
    ),
)
def batch_norm_forward(x, gamma, beta, running_mean, running_var, training, momentum=0.1, eps=1e-5):
    """(output, running mean, running variance) equal to nn.BatchNorm1d in both modes."""
    mean, var = running_mean.clone(), running_var.clone()
    return F.batch_norm(x, mean, var, gamma, beta, training, momentum, eps), mean, var


def _normal(x: Tensor, gamma: Tensor, beta: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    return gamma * (x - mean) / std + beta


def _updated(old: Tensor, new: Tensor, momentum: float) -> Tensor:
    return (1 - momentum) * old + momentum * new


#: The right update and the wrong ones: of the old mean and variance, x and momentum.
_UPDATES: dict[str, list[Callable]] = {
    "": [lambda mean, var, x, m: (_updated(mean, x.mean(0), m), _updated(var, x.var(0), m))],
    "not_updated": [lambda mean, var, x, m: (mean, var)],
    "momentum_reversed": [
        lambda mean, var, x, m, c=c: (
            _updated(mean, x.mean(0), 1 - m),
            _updated(var, x.var(0, correction=c), 1 - m),
        )
        for c in (1, 0)
    ],
    "biased_running": [
        lambda mean, var, x, m: (
            _updated(mean, x.mean(0), m),
            _updated(var, x.var(0, correction=0), m),
        )
    ],
    "deviation_stored": [
        lambda mean, var, x, m, c=c: (
            _updated(mean, x.mean(0), m),
            _updated(var, x.std(0, correction=c), m),
        )
        for c in (1, 0)
    ],
    "summed_up": [
        lambda mean, var, x, m, c=c: (mean + m * x.mean(0), var + m * x.var(0, correction=c))
        for c in (1, 0)
    ],
}


def _wrong_norm(
    name: str, text: Text, *outputs: Callable, evaluations: tuple[Callable, ...] = ()
) -> None:
    """outputs: in training, of x, gamma, beta, eps, the old statistics and the new ones, whatever the
    update; nothing is said of evaluation. evaluations: of all eight arguments. Without any the
    mistake is one of _UPDATES.
    """

    def trained(output: Callable, update: Callable) -> Callable:
        def forward(x, gamma, beta, mean, var, training, momentum=0.1, eps=1e-5):
            if not training:
                return ...
            new = update(mean, var, x, momentum)
            return output(x, gamma, beta, eps, (mean, var), new), *new

        return forward

    def evaluated(evaluation: Callable) -> Callable:
        def forward(x, gamma, beta, mean, var, training, momentum=0.1, eps=1e-5):
            chosen = batch_norm_forward.right if training else evaluation
            return chosen(x, gamma, beta, mean, var, training, momentum, eps)

        return forward

    is_update = not outputs and not evaluations
    updates = _UPDATES[name] if is_update else itertools.chain(*_UPDATES.values())
    pairs = itertools.product([_trained] if is_update else outputs, updates)
    ways = [*itertools.starmap(trained, pairs), *map(evaluated, evaluations)]
    batch_norm_forward.mistake(name, text, *ways)


def _trained(x, gamma, beta, eps, old, new) -> Tensor:
    return _normal(x, gamma, beta, x.mean(0), (x.var(0, correction=0) + eps).sqrt())


def _updated_in_evaluation(correction: int, is_used: bool) -> Callable:
    def forward(x, gamma, beta, mean, var, training, momentum, eps):
        if len(x) == 1:
            return ...  # there are several ways to get a variance of it
        new_mean = _updated(mean, x.mean(0), momentum)
        new_var = _updated(var, x.var(0, correction=correction), momentum)
        used = (new_mean, new_var) if is_used else (mean, var)
        return _normal(x, gamma, beta, used[0], (used[1] + eps).sqrt()), new_mean, new_var

    return forward


def _by_batch_in_evaluation(correction: int, is_updated: bool) -> Callable:
    update = _updated_in_evaluation(correction, is_used=False)

    def forward(x, gamma, beta, mean, var, training, momentum, eps):
        if len(x) == 1:
            return ...
        if is_updated:
            _, mean, var = update(x, gamma, beta, mean, var, training, momentum, eps)
        std = (x.var(0, correction=correction) + eps).sqrt()
        return _normal(x, gamma, beta, x.mean(0), std), mean, var

    return forward


_wrong_norm(
    "wrong_axis",
    Text(
        "你在每個樣本的特徵之間取平均（那是 layer normalization）。批次正規化是每個特徵各自在整個批次上取平均。",
        "you averaged over the features of each example, which is layer normalization. Batch normalization averages each feature over the batch.",
    ),
    lambda x, gamma, beta, eps, old, new: F.layer_norm(x, x.shape[1:], gamma, beta, eps),
    lambda x, gamma, beta, eps, old, new: (
        ...
        if x.shape[1] == 1
        else _normal(x, gamma, beta, x.mean(1, keepdim=True), (x.var(1, keepdim=True) + eps).sqrt())
    ),
)
_wrong_norm(
    "one_mean_for_all",
    Text(
        "你把所有的數一起平均，所有特徵共用一個平均與變異數。每個特徵要各自在批次上取平均。",
        "you averaged all numbers together, so that the features share one mean and variance. Each feature has its own, over the batch.",
    ),
    *(
        lambda x, gamma, beta, eps, old, new, c=c: (
            ...
            if x.shape[1] == 1
            else _normal(x, gamma, beta, x.mean(), (x.var(correction=c) + eps).sqrt())
        )
        for c in (0, 1)
    ),
)
_wrong_norm(
    "running_in_training",
    Text(
        "訓練模式裡，你用移動統計量來正規化。這時要用的是眼前這個批次的。",
        "in training you normalized by the running statistics. What counts there is the batch at hand.",
    ),
    lambda x, gamma, beta, eps, old, new: _normal(x, gamma, beta, old[0], (old[1] + eps).sqrt()),
    lambda x, gamma, beta, eps, old, new: _normal(x, gamma, beta, new[0], (new[1] + eps).sqrt()),
)
_wrong_norm(
    "affine_forgotten",
    Text(
        "輸出剛好是平均 0、標準差 1：γ 與 β 還沒有用上。",
        "your output has mean 0 and standard deviation 1 exactly: γ and β have not been used.",
    ),
    lambda x, gamma, beta, eps, old, new: _trained(x, 1, 0, eps, old, new),
    lambda x, gamma, beta, eps, old, new: (x - x.mean(0)) / (x.var(0) + eps).sqrt(),
)
_wrong_norm(
    "one_of_both_forgotten",
    Text("γ 與 β 你只用了一個。", "of γ and β you used only one."),
    lambda x, gamma, beta, eps, old, new: _trained(x, gamma, 0, eps, old, new),
    lambda x, gamma, beta, eps, old, new: _trained(x, 1, beta, eps, old, new),
)
_wrong_norm(
    "affine_swapped",
    Text(
        "γ 與 β 放反了：γ 是乘的，β 是加的。",
        "γ and β have changed places: γ multiplies, β is added.",
    ),
    lambda x, gamma, beta, eps, old, new: _trained(x, beta, gamma, eps, old, new),
)
_wrong_norm(
    "variance_not_root",
    Text(
        "你除以的是變異數；要讓標準差變成 1，該除以的不是它。",
        "you divided by the variance; to bring the standard deviation to 1, divide by something else.",
    ),
    *(
        lambda x, gamma, beta, eps, old, new, c=c: _normal(
            x, gamma, beta, x.mean(0), x.var(0, correction=c) + eps
        )
        for c in (0, 1)
    ),
)
_wrong_norm(
    "unbiased_in_normalizer",
    Text(
        "正規化用的變異數除以了 N−1。批次越小差得越多：PyTorch 在這裡用的是另一種（回想 0 與 2 的那個實驗）。",
        "the variance that normalizes was divided by N−1. The smaller the batch, the more it shows: PyTorch uses the other kind here (recall the experiment with 0 and 2).",
    ),
    lambda x, gamma, beta, eps, old, new: _normal(
        x, gamma, beta, x.mean(0), (x.var(0) + eps).sqrt()
    ),
    lambda x, gamma, beta, eps, old, new: _normal(x, gamma, beta, x.mean(0), x.std(0) + eps),
)
_wrong_norm(
    "eps_outside_root",
    Text(
        "eps 的位置不對：變異數很小的特徵上，你的結果和 PyTorch 差很多。它應該加在開根號之前還是之後？",
        "eps stands in the wrong place: on a feature of tiny variance you are far from PyTorch. Is it added before the root is taken, or after?",
    ),
    lambda x, gamma, beta, eps, old, new: _normal(
        x, gamma, beta, x.mean(0), x.std(0, correction=0) + eps
    ),
)
_wrong_norm(
    "eps_forgotten",
    Text(
        "eps 沒有用上：變異數是 0 的特徵會除以 0。",
        "eps has not been used: a feature of variance 0 is divided by 0.",
    ),
    lambda x, gamma, beta, eps, old, new: _normal(
        x, gamma, beta, x.mean(0), x.std(0, correction=0)
    ),
)
_wrong_norm(
    "not_updated",
    Text(
        "訓練模式裡，移動平均與移動變異數都沒有更新；評估時就沒有可以依靠的統計量。",
        "in training the running mean and variance stayed as they were; evaluation would have nothing to rely on.",
    ),
)
_wrong_norm(
    "momentum_reversed",
    Text(
        "momentum 用反了：在 PyTorch 裡它是「新批次」的分量，0.1 表示大部分保留舊的。",
        "momentum is reversed: in PyTorch it weighs the new batch, so that 0.1 keeps most of the old.",
    ),
)
_wrong_norm(
    "biased_running",
    Text(
        "存進移動變異數的，是除以 N 的變異數；PyTorch 存的是對母體變異數沒有偏差的那一種。",
        "what went into the running variance was divided by N; PyTorch stores the kind that estimates the population's variance without bias.",
    ),
)
_wrong_norm(
    "deviation_stored",
    Text(
        "存進移動變異數的，是標準差；要存的是變異數。",
        "what went into the running variance is a standard deviation; store the variance.",
    ),
)
_wrong_norm(
    "summed_up",
    Text(
        "舊的統計量沒有縮小，就加上了新的，因此越加越大。新的佔 momentum，舊的佔多少？",
        "the new statistics were added to the old without shrinking these, so that they only grow. The new weigh momentum; and the old?",
    ),
)
_wrong_norm(
    "batch_statistics_in_eval",
    Text(
        "評估模式裡，你還在用這個批次自己的平均與變異數：一個樣本的預測就會受同批的其他樣本影響。",
        "in evaluation you still used the batch's own mean and variance: an example's prediction then depends on its companions.",
    ),
    evaluations=tuple(
        itertools.starmap(_by_batch_in_evaluation, itertools.product((0, 1), (False, True)))
    ),
)
_wrong_norm(
    "updated_in_eval",
    Text(
        "評估模式裡，移動統計量不該改變：只是看看模型，不該改到模型。",
        "in evaluation the running statistics must not move: looking at a model should not change it.",
    ),
    evaluations=tuple(
        itertools.starmap(_updated_in_evaluation, itertools.product((0, 1), (False, True)))
    ),
)
batch_norm_forward.mistake(
    "digits_lost",
    Text(
        "只有平均遠大於標準差時才不對：E[x²] − E[x]² 是兩個很大的數相減，有效位數都消掉了。先減去平均，再平方。",
        "it is wrong only where the mean is far larger than the standard deviation: E[x²] − E[x]² subtracts two large numbers, and the digits cancel. Subtract the mean first, then square.",
    ),
    when=lambda wrong: all(
        seen.case.args[5] and seen.case.args[0].mean() > 9e3 * seen.case.args[0].std()
        for seen in wrong
    ),
)


# --- generalization_gap


def _models() -> Iterator[given]:
    for batch_size, training, is_overfitted, asked in (
        *((11, True, True, [_gap]), (4, True, True, _ASKED), (5, False, True, _ASKED)),
        *((3, False, False, [_gap]), (11, True, False, [_gap])),
    ):
        arguments = _model_and_loaders(batch_size, training, is_overfitted)
        for ask in asked:
            case = _ON.format(size=batch_size, training=training, what=_ASKED[ask])
            yield given(*arguments, ask, case=case)


def _gap(gap: Any, model: nn.Module, witness: Witness) -> Any:
    return gap


def _within(gap: Any, model: nn.Module, witness: Witness) -> bool:
    return witness.was_training


def _recorded(gap: Any, model: nn.Module, witness: Witness) -> bool:
    return witness.was_recorded


def _after(gap: Any, model: nn.Module, witness: Witness) -> bool:
    return all(module.training == model.training for module in witness.modules())


def _kept(gap: Any, model: nn.Module, witness: Witness) -> bool:
    return all(map(torch.equal, witness.model.parameters(), model.parameters()))


_ASKED = {
    _gap: Text("落差", "the gap"),
    _within: Text("量的時候是不是訓練模式", "training mode while measured"),
    _recorded: Text("autograd 有沒有記錄", "autograd recording"),
    _after: Text("量完之後模式是不是原來的", "mode afterwards as before"),
    _kept: Text("量完之後權重是不是原來的", "weights afterwards as before"),
}
_ON = Text(
    "一批 {size} 個、來的時候 model.training={training}，{what}",
    "{size} a batch, model.training={training} on arrival, {what}",
)


@seeded(2)
def _model_and_loaders(batch_size: int, training: bool, is_overfitted: bool) -> tuple[Any, ...]:
    model = nn.Sequential(
        nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 1)
    ).eval()
    model[1].running_mean.normal_()  # type: ignore[operator]
    x_train, x_new = torch.randn(11, 3), torch.randn(7, 3)
    with torch.no_grad():
        y_train = model(x_train) + 0.3 * torch.randn(11, 1)
        y_new = 3 + torch.randn(7, 1)
    y_train[-1] += 2  # the short last batch is unlike the others, so that its weight shows
    loaders = [
        TensorLoader(TensorDataset(x, y), batch_size)
        for x, y in ((x_train, y_train), (x_new, y_new))
    ]
    return model.train(training), *(loaders if is_overfitted else loaders[::-1])


def _measuring(
    answer: Callable,
    model: nn.Module,
    train_loader: TensorLoader,
    new_loader: TensorLoader,
    ask: Callable,
) -> Any:
    witness = Witness(copy.deepcopy(model))
    gap = answer(witness, train_loader, new_loader)
    return None if gap is None else ask(gap, model, witness)


@right_answer(
    cases=_models,
    use=_measuring,
    terms=lambda model, train_loader, new_loader, ask: (
        20.0
    ),  # the errors, of which one is subtracted
    hint=Text(
        "兩邊做的是同一件事，只是資料不同。量之前、量的時候、量完之後，模型各該處在什麼狀態？",
        "Both sides are the same measurement on other data. In which state should the model be before, while and after you measure?",
    ),
)
def generalization_gap(model, train_loader, new_loader):
    """Mean squared error on new examples minus that on the training examples; the mode is put back."""
    train, new = (torch.cat(_errors(model, loader)).mean() for loader in (train_loader, new_loader))
    return new - train


@torch.no_grad()
def _errors(model: nn.Module, loader: TensorLoader, size: Callable = torch.square) -> list[Tensor]:
    """Those of each batch, measured as they should be."""
    was_training = model.training
    model.eval()
    errors = [size(model(x) - y) for x, y in loader]
    model.train(was_training)
    return errors


def _wrong_gap(
    name: str,
    text: Text,
    *errors: Callable,
    gap: Callable = torch.sub,
    size: Callable = torch.square,
) -> None:
    """errors: of a list of batches, the error that stands for them; gap: of (new, train)."""

    def measured(error: Callable) -> Callable:
        def gap_of(model, train_loader, new_loader):
            train, new = (error(_errors(model, each, size)) for each in (train_loader, new_loader))
            return gap(new, train)

        return gap_of

    generalization_gap.mistake(name, text, *map(measured, errors or (_by_example, _by_batch)))


def _by_example(errors: list[Tensor]) -> Tensor:
    return torch.cat(errors).mean()


def _by_batch(errors: list[Tensor]) -> Tensor:
    return torch.stack([batch.mean() for batch in errors]).mean()


def _asks(which: Callable) -> Callable[[list[Seen]], bool]:
    return lambda wrong: any(seen.case.args[-1] is which and seen.got.is_finite for seen in wrong)


_wrong_gap(
    "reversed_sign",
    Text(
        "正負號相反了：過擬合時，落差應該是正的。",
        "the sign is reversed: where a model overfits, the gap should be positive.",
    ),
    gap=lambda new, train: train - new,
)
_wrong_gap(
    "absolute_value",
    Text(
        "你取了絕對值。新資料的誤差也可能比較小，落差這時是負的。",
        "you took the absolute value. The error on new data may be the smaller one; the gap is then negative.",
    ),
    gap=lambda new, train: (new - train).abs(),
)
_wrong_gap(
    "ratio_not_difference",
    Text(
        "你算的是比值，題目要的是相減。", "you computed a ratio; the question is for a difference."
    ),
    gap=torch.div,
)
_wrong_gap(
    "new_error_only",
    Text(
        "這是新資料的誤差本身，還沒有減去訓練資料的。",
        "this is the error on new data itself; that on the training data has not been subtracted.",
    ),
    gap=lambda new, train: new,
)
_wrong_gap(
    "root_taken",
    Text(
        "你取了均方誤差的平方根。題目要的是均方誤差本身。",
        "you took the root of the mean squared error. The question is for the error itself.",
    ),
    gap=lambda new, train: new.sqrt() - train.sqrt(),
)
_wrong_gap(
    "absolute_errors",
    Text(
        "你取的是絕對誤差，題目要的是誤差的平方。",
        "you took absolute errors; the question is for their squares.",
    ),
    size=torch.abs,
)
_wrong_gap(
    "sum_not_mean",
    Text("這是總和，題目要的是平均。", "this is a sum; the question is for a mean."),
    lambda errors: torch.cat(errors).sum(),
    lambda errors: torch.stack([batch.mean() for batch in errors]).sum(),
)
_wrong_gap(
    "one_batch_only",
    Text(
        "你只看了一個批次。loader 交出的每一批都要算進去。",
        "you looked at one batch only. Every batch that the loader hands out counts.",
    ),
    lambda errors: errors[0].mean(),
    lambda errors: errors[-1].mean(),
)
_wrong_gap(
    "mean_of_batch_means",
    Text(
        "你把各批次的平均再取平均，較短的最後一批佔了太多分量。",
        "you averaged the batch means, so the short last batch counts too much.",
    ),
    _by_batch,
)
generalization_gap.mistake(
    "no_eval_mode",
    Text(
        "量的時候模型還在訓練模式：dropout 在擲硬幣，批次正規化在看同批的其他樣本，還順便改了自己的統計量。",
        "the model was measured in training mode: dropout tossed coins, batch norm looked at the companions and changed its own statistics on the way.",
    ),
    when=_asks(_within),
)
generalization_gap.mistake(
    "gradients_kept",
    Text(
        "autograd 還在記錄計算圖。只是量一量，用不到梯度。",
        "autograd was recording. A measurement needs no gradients.",
    ),
    when=_asks(_recorded),
)
generalization_gap.mistake(
    "mode_not_restored",
    Text(
        "模型交還時的模式和來的時候不同：呼叫這個函式的程式接著訓練，dropout 卻悄悄關著。",
        "the model came back in another mode than it came in: your caller goes on training, with dropout silently off.",
    ),
    when=_asks(_after),
)
