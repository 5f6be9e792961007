"""Exercises of mnist_mlp: evaluation, confusion matrix, calibration."""

import copy
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np
import torch
from sklearn.metrics import confusion_matrix
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import TensorDataset

from course_utils.exercises.by_reference import given, right_answer
from course_utils.exercises.outcomes import Seen
from course_utils.exercises.witness import Witness
from course_utils.language import Text
from course_utils.loader import TensorLoader
from course_utils.models import MLP
from course_utils.seeding import generator, seeded

# --- evaluate_by_example


def _values(result: Any, witness: Witness) -> Any:
    return result


def _watched(result: Any, witness: Witness) -> tuple[bool, bool]:
    return witness.was_training, witness.was_recorded


@seeded(1)
def _evaluations() -> list[given]:
    inputs, labels = torch.randn(11, 4), torch.randint(0, 3, (11,))
    model = MLP(4, [8], 3, dropout_rate=0.5, batch_norm=True)
    model.net[1].running_mean.normal_()  # type: ignore[index]
    inputs[-2:] *= 4  # the short last batch is unlike the others, so that its weight shows
    cases = []
    for batch_size, training, criterion, ask in (
        *((11, True, nn.CrossEntropyLoss(), _values), (4, False, nn.CrossEntropyLoss(), _values)),
        *((4, True, nn.CrossEntropyLoss(), _watched), (3, False, nn.CrossEntropyLoss(), _watched)),
        (1, True, nn.CrossEntropyLoss(), _values),
        (3, True, nn.CrossEntropyLoss(label_smoothing=0.3), _values),
        (4, False, nn.MultiMarginLoss(), _values),
    ):
        loader = TensorLoader(TensorDataset(inputs, labels), batch_size)
        case = _OF_BATCHES.format(size=batch_size, criterion=criterion, training=training)
        case = case if ask is _values else _WATCHED.format(case=case)
        one = copy.deepcopy(model).train(training)
        cases.append(given(one, loader, criterion, ask, case=case))
    return cases


_OF_BATCHES = Text(
    "一批 {size} 個、criterion 是 {criterion}、model.training={training}",
    "{size} a batch, criterion {criterion}, model.training={training}",
)
_WATCHED = Text(
    "{case}，前向時是不是訓練模式、autograd 有沒有記錄",
    "{case}, whether the forward pass was in training mode and whether autograd recorded",
)


def _evaluated(
    answer: Callable, model: nn.Module, loader: TensorLoader, criterion: nn.Module, ask: Callable
) -> Any:
    witness = Witness(copy.deepcopy(model))
    result = answer(witness, loader, criterion)
    if isinstance(result, Tensor | np.ndarray) and result.shape == (2,):
        result = list(result)
    return ask(result, witness) if isinstance(result, tuple | list) else result


@right_answer(
    cases=_evaluations,
    use=_evaluated,
    parts="(loss, accuracy)",
    hint=Text(
        "criterion 回傳的是「一個批次」的平均。要得到所有樣本的平均，每個批次該佔多少分量？",
        "criterion returns the mean over one batch. To get the mean over all examples, how much should each batch count?",
    ),
)
def evaluate_by_example(model, loader, criterion):
    """(loss, accuracy) of one pass over everything at once."""
    logits, labels = map(torch.cat, zip(*_outputs(model, loader), strict=True))
    return criterion(logits, labels), _accuracy(logits, labels)


@torch.no_grad()
def _outputs(model: nn.Module, loader: TensorLoader) -> list[tuple[Tensor, Tensor]]:
    """(logits, labels) of each batch, computed as they should be."""
    model.eval()
    return [(model(inputs), labels) for inputs, labels in loader]


def _accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    return (logits.argmax(dim=1) == labels).double().mean()


def _by_example(values: list[Tensor], batches: list[tuple[Tensor, Tensor]]) -> Tensor:
    sizes = [len(labels) for _, labels in batches]
    return sum((v * n for v, n in zip(values, sizes, strict=True)), torch.tensor(0.0)) / sum(sizes)


def _mean(values: list[Tensor], batches: list[tuple[Tensor, Tensor]]) -> Tensor:
    return torch.stack(values).mean()


def _sum(values: list[Tensor], batches: list[tuple[Tensor, Tensor]]) -> Tensor:
    return torch.stack(values).sum()


def _first(values: list[Tensor], batches: list[tuple[Tensor, Tensor]]) -> Tensor:
    return values[0]


def _last(values: list[Tensor], batches: list[tuple[Tensor, Tensor]]) -> Tensor:
    return values[-1]


def _wrong_evaluation(
    name: str,
    text: Text,
    *means: tuple[Callable, Callable],
    loss: Callable = lambda criterion, logits, labels: criterion(logits, labels),
    accuracy: Callable = _accuracy,
) -> None:
    """means: how the losses and the accuracies of the batches become one; as they should, or as
    means of means, unless they are given.
    """

    def evaluation(mean_loss: Callable, mean_accuracy: Callable) -> Callable:
        def evaluate(model, loader, criterion):
            batches = _outputs(model, loader)
            losses = [loss(criterion, *batch) for batch in batches]
            return mean_loss(losses, batches), mean_accuracy(
                [accuracy(*b) for b in batches], batches
            )

        return evaluate

    ways = [evaluation(*pair) for pair in means or product((_by_example, _mean), repeat=2)]
    evaluate_by_example.mistake(name, text, *ways)


def _was(part: int) -> Callable[[list[Seen]], bool]:
    def proven(wrong: list[Seen]) -> bool:
        seen = [s.got.arrays for s in wrong if s.case.args[3] is _watched and s.got.is_finite]
        return any(arrays[part].item() for arrays in seen)

    return proven


_wrong_evaluation(
    "mean_of_batch_means",
    Text(
        "你把各批次的平均再取平均，最後一個較短的批次因此佔了太多分量；換個批次大小，答案就變了。",
        "you averaged the batch means, so the short last batch counts too much: another batch size gives another answer.",
    ),
    *((_mean, _mean), (_mean, _by_example), (_by_example, _mean)),
)
_wrong_evaluation(
    "one_batch_only",
    Text(
        "你只看了一個批次。loader 裡所有的樣本都要算進去。",
        "you looked at one batch only. All examples of the loader count.",
    ),
    *((_first, _first), (_last, _last), (_last, _by_example), (_by_example, _last)),
)
_wrong_evaluation(
    "sum_not_mean",
    Text(
        "你回傳的是總和，題目要的是平均。",
        "you returned a sum; the question is for a mean.",
    ),
    (_sum, _by_example),
    (_by_example, _sum),
    (_sum, _sum),
    (lambda losses, batches: _by_example(losses, batches) * 11, _by_example),
)
_wrong_evaluation(
    "sum_of_means_by_examples",
    Text(
        "你把各批次的「平均」損失加起來，再除以樣本數。criterion 給的是平均：先乘上這一批有幾個樣本。",
        "you added up the batches' mean losses and divided by the number of examples. criterion gives a mean: multiply it by the size of the batch first.",
    ),
    (lambda losses, batches: sum(losses) / sum(len(y) for _, y in batches), _by_example),
)
_wrong_evaluation(
    "softmax_before_criterion",
    Text(
        "criterion 收到的是機率。它要的是 logits，softmax 已經包含在裡面了。",
        "the criterion was given probabilities. It wants logits: the softmax is already inside.",
    ),
    loss=lambda criterion, logits, labels: criterion(logits.softmax(dim=1), labels),
)
_wrong_evaluation(
    "criterion_ignored",
    Text(
        "criterion 沒有用上：不管給哪一個，你算的都是交叉熵。",
        "criterion has not been used: whichever is given, you compute the cross-entropy.",
    ),
    loss=lambda criterion, logits, labels: F.cross_entropy(logits, labels),
)
_wrong_evaluation(
    "accuracy_in_percent",
    Text(
        "準確率請用 0 到 1 之間的數，不是百分比。",
        "give the accuracy as a number from 0 to 1, not in percent.",
    ),
    accuracy=lambda logits, labels: 100 * _accuracy(logits, labels),
)
_wrong_evaluation(
    "errors_counted",
    Text(
        "這是答錯的比例，題目要的是答對的。",
        "this is the share of wrong answers; the question is for the right ones.",
    ),
    accuracy=lambda logits, labels: 1 - _accuracy(logits, labels),
)
evaluate_by_example.mistake(
    "no_eval_mode",
    Text(
        "評估時模型還在訓練模式：dropout 仍在隨機關閉神經元，批次正規化也還在看整個批次。",
        "the model was still in training mode: dropout was dropping units, and batch norm was looking at the rest of the batch.",
    ),
    when=_was(0),
)
evaluate_by_example.mistake(
    "gradients_kept",
    Text(
        "評估時 autograd 還在記錄計算圖，白白佔用記憶體與時間。哪個 context manager 可以讓它停下來？",
        "autograd was recording while you evaluated, which costs memory and time for nothing. Which context manager stops it?",
    ),
    when=_was(1),
)


# --- count_confusions


def _predictions() -> Iterator[given]:
    draws = generator(0)
    yield given(torch.tensor([0, 0, 0, 1, 2, 2]), torch.tensor([0, 1, 1, 1, 2, 0]), 3)
    yield given(torch.tensor([0, 1, 1, 0]), torch.tensor([1, 1, 0, 1]), 4)
    yield given(torch.tensor([2, 0, 2]), torch.tensor([0, 0, 0]), 3)
    yield given(torch.tensor([1]), torch.tensor([2]), 5)
    case = Text("500 個樣本、10 個類別", "500 examples, 10 classes")
    yield given(*torch.randint(0, 10, (2, 500), generator=draws), 10, case=case)
    case = Text("3000 個樣本，大多是 1 認成 0", "3000 examples, most of them a 1 taken for a 0")
    labels, predictions = (torch.rand(2, 3000, generator=draws) < 0.1).long()
    yield given(1 - labels, predictions, 2, case=case)


@right_answer(
    cases=_predictions,
    forbidden=[confusion_matrix],
    hint=Text(
        "把一對（真實，預測）想成表格裡的一格，而每一格都有一個編號。數數看每個編號出現幾次。",
        "Think of a pair (true, predicted) as one cell of the table, and give every cell a number. Then count how often each number occurs.",
    ),
)
def count_confusions(labels, predictions, num_classes):
    """Counts (K, K): row = true class, column = predicted class."""
    return F.one_hot(labels, num_classes).T @ F.one_hot(predictions, num_classes)


def _wrong_counts(name: str, text: Text, *ways: Callable) -> None:
    """ways: of the right counts."""
    count_confusions.mistake(
        name, text, *(lambda y, p, k, way=way: way(count_confusions.right(y, p, k)) for way in ways)
    )


_wrong_counts(
    "transposed",
    Text(
        "列與欄對調了：列是真實類別，欄是預測類別。",
        "rows and columns are swapped: a row is a true class, a column a predicted one.",
    ),
    torch.t,
)
_wrong_counts(
    "repeats_lost",
    Text(
        "同一對出現好幾次，卻只算了一次：`counts[i, j] += 1` 用整個索引陣列時，重複的位置只會寫入一次。",
        "a pair that occurs several times was counted once: with index arrays, `counts[i, j] += 1` writes each place only once.",
    ),
    lambda counts: counts.clamp(max=1),
    lambda counts: counts.clamp(max=1).T,
)


def _cannot_be_reshaped(seen: Seen) -> bool:
    """Whether it raised, for a table that has too few cells."""
    said = str(seen.got.error)
    return "is invalid for input of size" in said or "cannot reshape" in said


count_confusions.mistake(
    "absent_class",
    Text(
        "資料裡沒有出現的類別也要有自己的一列和一欄：大小由 num_classes 決定，不是由最大的標籤決定。",
        "a class that does not occur still has its row and column: num_classes sets the size, not the largest label.",
    ),
    lambda y, p, k: F.one_hot(y).T @ F.one_hot(p),
    lambda y, p, k: count_confusions.right(y, p, 1 + int(max(y.max(), p.max()))),
    lambda y, p, k: torch.stack(
        [
            torch.stack([((y == i) & (p == j)).sum() for j in torch.cat([y, p]).unique()])
            for i in torch.cat([y, p]).unique()
        ]
    ),
    when=lambda wrong: all(_cannot_be_reshaped(seen) for seen in wrong),
)
count_confusions.mistake(
    "size_fixed",
    Text(
        "不管有幾個類別，你的表格都一樣大：大小要由 num_classes 決定。",
        "your table has the same size however many classes there are: num_classes should set it.",
    ),
    lambda y, p, k: count_confusions.right(y, p, 10),
)
_wrong_counts(
    "shares_not_counts",
    Text("題目要的是次數，不是比例。", "the question is for counts, not for shares."),
    lambda counts: counts / counts.sum(),
    lambda counts: counts / counts.sum(dim=1, keepdim=True),
    lambda counts: counts / counts.sum(dim=1, keepdim=True).clamp(min=1),
    lambda counts: counts / counts.sum(dim=0, keepdim=True),
    lambda counts: counts / counts.sum(dim=0, keepdim=True).clamp(min=1),
)
_wrong_counts(
    "errors_only",
    Text(
        "對角線上是 0：答對的也要數，那是表格的一部分。",
        "the diagonal is 0: right answers are counted, too; they are part of the table.",
    ),
    lambda counts: counts - counts.diag().diag(),
)
_wrong_counts(
    "right_only",
    Text(
        "只有對角線上有數：認錯的才是這張表要看的。",
        "only the diagonal holds numbers: it is the mistakes that this table is for.",
    ),
    lambda counts: counts.diag().diag(),
)
_wrong_counts(
    "counted_from_one",
    Text(
        "每個數都跑到了隔壁的列與欄：類別從 0 數起，第 0 列就是類別 0。",
        "every number stands a row and a column off: classes count from 0, and row 0 belongs to class 0.",
    ),
    lambda counts: counts.roll((-1, -1), (0, 1)),
    lambda counts: counts.roll((1, 1), (0, 1)),
    lambda counts: F.pad(counts, (1, 0, 1, 0)),
)
_wrong_counts(
    "overflow",
    Text(
        "次數一多就不對：8 位元的整數只數到 255（int8 是 127），再往上又從頭數起。",
        "it is wrong only where counts are large: integers of 8 bits go to 255 (int8 to 127) and then begin again.",
    ),
    lambda counts: counts.to(torch.uint8),
    lambda counts: counts.to(torch.int8),
)


# --- accuracy_by_confidence


def _probabilities() -> Iterator[given]:
    draws = generator(0)
    certain = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.3, 0.7], [0.45, 0.55], [0.0, 1.0]])
    case = Text("5 個樣本、4 箱", "5 examples, 4 bins")
    yield given(certain, torch.tensor([0, 0, 1, 0, 1]), 4, case=case)
    for size, classes, scale, bins, dtype in (
        (400, 5, 2, 10, torch.float32),
        (300, 10, 4, 7, torch.float64),
        (50, 3, 1, 1, torch.float32),
        (30, 2, 1, 20, torch.float32),
    ):
        probs = torch.softmax(
            scale * torch.randn(size, classes, generator=draws, dtype=dtype), dim=1
        )
        labels = torch.multinomial(probs, 1, generator=draws).flatten()
        case = Text(
            f"{size} 個樣本、{classes} 個類別、{bins} 箱、{dtype}",
            f"{size} examples, {classes} classes, {bins} bins, {dtype}",
        )
        yield given(probs, labels, bins, case=case)


@right_answer(
    cases=_probabilities,
    enough=torch.float32,
    hint=Text(
        "信心是模型給自己所選答案的機率，也就是每一列的最大值。先決定每個樣本落在哪一箱，再算每一箱的準確率。",
        "Confidence is the probability the model gives its own answer: the largest of each row. First find every example's bin, then the accuracy in each bin.",
    ),
)
def accuracy_by_confidence(probs, labels, num_bins):
    """Accuracy in equal-width confidence bins, nan for an empty one."""
    return _in_bins(_right(probs, labels), _bins(probs.amax(dim=1), num_bins), num_bins)


def _right(probs: Tensor, labels: Tensor) -> Tensor:
    return (probs.argmax(dim=1) == labels).double()


def _bins(confidence: Tensor, num_bins: int) -> Tensor:
    return (confidence * num_bins).long().clamp(max=num_bins - 1)


def _in_bins(values: Tensor, bins: Tensor, num_bins: int, summary: Callable = torch.mean) -> Tensor:
    return torch.stack([summary(values[bins == index]) for index in range(num_bins)])


def _wrong_bins(name: str, text: Text, *ways: Callable, zeros: bool = True) -> None:
    """ways: of the arguments; zeros: whether an empty bin may hold 0, too."""

    def filled(way: Callable) -> Callable:
        return lambda *args: ... if (found := way(*args)) is ... else found.nan_to_num(0.0)

    accuracy_by_confidence.mistake(name, text, *ways, *(map(filled, ways) if zeros else ()))


def _of_label(probs: Tensor, labels: Tensor) -> Tensor:
    return probs.gather(1, labels[:, None]).squeeze(1)


def _ranks(confidence: Tensor, num_bins: int) -> Tensor:
    return confidence.argsort().argsort() * num_bins // len(confidence)


def _between(low: Tensor | float, high: Tensor | float, confidence: Tensor, n: int) -> Tensor:
    return _bins((confidence - low) / (high - low), n).clamp(min=0)


_wrong_bins(
    "label_probability",
    Text(
        "你用了正確類別的機率來分箱。模型作答時並不知道正確答案；信心是它給「自己的答案」的機率。",
        "you binned by the probability of the right class. The model does not know the right answer; its confidence is the probability it gives its own.",
    ),
    lambda probs, y, n: _in_bins(_right(probs, y), _bins(_of_label(probs, y), n), n),
)
_wrong_bins(
    "mean_confidence",
    Text(
        "你回傳的是每一箱的平均信心，題目要的是每一箱的準確率。",
        "you returned the mean confidence of each bin; the question is for its accuracy.",
    ),
    lambda probs, y, n: _in_bins(probs.amax(1), _bins(probs.amax(1), n), n),
)
_wrong_bins(
    "gap_returned",
    Text(
        "你回傳的是準確率與信心的差，題目要的是準確率本身。",
        "you returned how accuracy and confidence differ; the question is for the accuracy itself.",
    ),
    *(
        lambda probs, y, n, sign=sign: sign(
            _in_bins(_right(probs, y) - probs.amax(1), _bins(probs.amax(1), n), n)
        )
        for sign in (torch.clone, torch.neg, torch.abs)
    ),
)
_wrong_bins(
    "top_edge_lost",
    Text(
        "信心剛好等於 1 的樣本不見了：它屬於最後一箱。",
        "examples with a confidence of exactly 1 got lost: they belong to the last bin.",
    ),
    lambda probs, y, n: _in_bins(_right(probs, y), (probs.amax(1) * n).long(), n),
)
_wrong_bins(
    "empty_bin_is_zero",
    Text(
        "空箱沒有準確率可言，請填 nan；填 0 等於說它全部答錯。",
        "an empty bin has no accuracy: give nan. A 0 would say that everything in it was wrong.",
    ),
    lambda *args: accuracy_by_confidence.right(*args).nan_to_num(0.0),
    zeros=False,
)
_wrong_bins(
    "empty_bin_left_out",
    Text(
        "空箱不見了：每一箱都要有一個數，空的填 nan。",
        "the empty bins are gone: every bin has its number, nan where it is empty.",
    ),
    lambda *args: (lambda found: found[~found.isnan()])(accuracy_by_confidence.right(*args)),
    zeros=False,
)
_wrong_bins(
    "equal_counts",
    Text(
        "每一箱的寬度要相等（把 0 到 1 切成等長的小段），不是樣本數相等。",
        "the bins have equal width (0 to 1 cut into equal pieces), not equal numbers of examples.",
    ),
    lambda probs, y, n: _in_bins(_right(probs, y), _ranks(probs.amax(1), n), n),
    lambda probs, y, n: torch.stack(
        [part.mean() for part in _right(probs, y)[probs.amax(1).argsort()].tensor_split(n)]
    ),
)
_wrong_bins(
    "other_range",
    Text(
        "等寬的箱子要從 0 切到 1，你是從最小的信心（或 1/K）切起。",
        "the bins of equal width run from 0 to 1; yours begin at the least confidence (or at 1/K).",
    ),
    lambda probs, y, n: _in_bins(
        _right(probs, y), _between(1 / probs.shape[1], 1, probs.amax(1), n), n
    ),
    lambda probs, y, n: _in_bins(
        _right(probs, y), _between(probs.amax(1).min(), probs.amax(1).max(), probs.amax(1), n), n
    ),
    lambda probs, y, n: _in_bins(
        _right(probs, y), _between(probs.amax(1).min(), 1, probs.amax(1), n), n
    ),
)
_wrong_bins(
    "counted",
    Text(
        "題目要的是每一箱的準確率：答對的個數，除以「這一箱」的樣本數。",
        "the question is for the accuracy of each bin: the right answers in it, divided by the number of examples in that bin.",
    ),
    *(
        lambda probs, y, n, of=of, filled=filled: _in_bins(
            _right(probs, y),
            _bins(probs.amax(1), n),
            n,
            lambda right: right.sum() / of(y) if filled or len(right) else right.mean(),
        )
        for of in (lambda y: 1, len)
        for filled in (True, False)
    ),
    lambda probs, y, n: _in_bins(torch.ones(len(y)), _bins(probs.amax(1), n), n, torch.sum),
    zeros=False,
)
_wrong_bins(
    "errors_counted",
    Text(
        "這是答錯的比例，題目要的是答對的。",
        "this is the share of wrong answers; the question is for the right ones.",
    ),
    lambda probs, y, n: _in_bins(1 - _right(probs, y), _bins(probs.amax(1), n), n),
)
_wrong_bins(
    "in_percent",
    Text(
        "準確率請用 0 到 1 之間的數，不是百分比。",
        "give the accuracy as a number from 0 to 1, not in percent.",
    ),
    lambda *args: 100 * accuracy_by_confidence.right(*args),
)
_wrong_bins(
    "bin_of_its_own",
    Text(
        "多了一箱，裡面只有信心剛好等於 1 的樣本：它們屬於最後一箱。",
        "there is a bin too many, for a confidence of exactly 1 alone: that belongs to the last bin.",
    ),
    lambda probs, y, n: _in_bins(_right(probs, y), (probs.amax(1) * n).long(), n + 1),
)
_wrong_bins(
    "edges_for_bins",
    Text(
        "箱子太寬了：你用 num_bins 個邊界切，只切得出 num_bins − 1 段。",
        "the bins are too wide: num_bins edges make num_bins − 1 pieces.",
    ),
    lambda probs, y, n: _in_bins(_right(probs, y), (probs.amax(1) * (n - 1)).long(), n),
    lambda probs, y, n: _in_bins(_right(probs, y), _bins(probs.amax(1), max(n - 1, 1)), n),
    lambda probs, y, n: (
        _in_bins(_right(probs, y), _bins(probs.amax(1), n - 1), n - 1) if n > 1 else ...
    ),
)
_wrong_bins(
    "rounded_up",
    Text(
        "有些樣本跑到了隔壁的箱子：你四捨五入（或無條件進位）了。信心 0.19 在 10 箱裡屬於 0.1 到 0.2 那一箱，編號要往哪裡取整數？",
        "some examples are in the next bin: you rounded to the nearest number, or up. With 10 bins a confidence of 0.19 lies between 0.1 and 0.2; which way must the number of its bin be rounded?",
    ),
    *(
        lambda probs, y, n, to=to, top=top: _in_bins(
            _right(probs, y), to(probs.amax(1) * n).long().clamp(max=n - top), n
        )
        for to in (torch.round, torch.ceil)
        for top in (0, 1)
    ),
)
_wrong_bins(
    "bins_ignored",
    Text(
        "箱數固定了：要切成幾箱，由 num_bins 決定。",
        "the number of bins is fixed: it is for num_bins to say.",
    ),
    *(
        lambda probs, y, n, fixed=fixed: _in_bins(
            _right(probs, y), _bins(probs.amax(1), fixed), fixed
        )
        for fixed in (5, 10, 15, 20)
    ),
)
_wrong_bins(
    "softmax_again",
    Text(
        "輸入已經是機率了，你又做了一次 softmax：信心因此全都變小。",
        "probabilities came in, and you applied softmax to them once more: every confidence shrank.",
    ),
    lambda probs, y, n: _in_bins(_right(probs, y), _bins(probs.softmax(dim=1).amax(1), n), n),
)
_wrong_bins(
    "cumulative",
    Text(
        "你的箱子只有一邊有界：別箱的樣本也算進來了。一箱有下界，也有上界。",
        "your bins are bounded on one side only, and take in the examples of others. A bin has a lower and an upper edge.",
    ),
    *(
        lambda probs, y, n, inside=inside: torch.stack(
            [_right(probs, y)[inside(_bins(probs.amax(1), n), i)].mean() for i in range(n)]
        )
        for inside in (torch.ge, torch.le)
    ),
)
