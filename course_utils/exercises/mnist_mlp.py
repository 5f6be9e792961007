"""Exercises of mnist_mlp: evaluation, confusion matrix, calibration."""

import torch
from sklearn.metrics import confusion_matrix
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from course_utils.exercises import Answer, exercise
from course_utils.language import Text
from course_utils.loader import TensorLoader
from course_utils.models import MLP


class _Witness(nn.Module):
    """Passes a call on to ``module`` and remembers how it was called."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module
        self.was_training = self.had_grad = self.saw_probs = False

    def forward(self, x: Tensor, *args: Tensor) -> Tensor:
        self.was_training |= self.training
        self.had_grad |= torch.is_grad_enabled()
        probs = bool((x.detach() >= 0).all()) and torch.allclose(x.sum(1), torch.ones(len(x)))
        self.saw_probs |= probs
        return self.module(x, *args)


@exercise(
    hint=Text(
        "criterion 回傳的是「一個批次」的平均。要得到所有樣本的平均，每個批次該佔多少分量？",
        "criterion returns the mean over one batch. To get the mean over all examples, how much "
        "should each batch count?",
    ),
    mean_of_batch_means=Text(
        "你把各批次的平均再取平均，最後一個較短的批次因此佔了太多分量；換個批次大小，答案就變了。",
        "you averaged the batch means, so the short last batch counts too much: another batch size "
        "gives another answer.",
    ),
    no_eval_mode=Text(
        "評估時模型還在訓練模式：dropout 仍在隨機關閉神經元，批次正規化也還在看整個批次。",
        "the model was still in training mode: dropout was dropping units, and batch norm was "
        "looking at the rest of the batch.",
    ),
    gradients_kept=Text(
        "評估時 autograd 還在記錄計算圖，白白佔用記憶體與時間。哪個 context manager 可以讓它停下來？",
        "autograd was recording while you evaluated, which costs memory and time for nothing. "
        "Which context manager stops it?",
    ),
    softmax_before_criterion=Text(
        "criterion 收到的是機率。它要的是 logits，softmax 已經包含在裡面了。",
        "the criterion was given probabilities. It wants logits: the softmax is already inside.",
    ),
    accuracy_in_percent=Text(
        "準確率請用 0 到 1 之間的數，不是百分比。",
        "give the accuracy as a number from 0 to 1, not in percent.",
    ),
)
def evaluate_by_example(answer: Answer) -> None:
    """(loss, accuracy) equal to one pass over everything at once, for any batch size."""
    inputs, labels = torch.randn(11, 4), torch.randint(0, 3, (11,))
    net = MLP(4, [8], 3, dropout_rate=0.5, batch_norm=True)
    net.net[1].running_mean.normal_()  # type: ignore[index]
    criterion = nn.CrossEntropyLoss()
    with torch.no_grad():
        logits = net.eval()(inputs)
        loss = float(criterion(logits, labels))
        accuracy = float((logits.argmax(1) == labels).float().mean())
    for batch_size in (11, 4, 3, 1):
        loader = TensorLoader(TensorDataset(inputs, labels), batch_size)
        model, witness = _Witness(net).train(), _Witness(criterion)
        result = answer.parts(answer(model, loader, witness), "(loss, accuracy)")
        if model.was_training:
            answer.mistake("no_eval_mode")
        if model.had_grad:
            answer.mistake("gradients_kept")
        if witness.saw_probs:
            answer.mistake("softmax_before_criterion")
        got_loss, got_accuracy = result
        batches = list(loader)
        with torch.no_grad():
            mean_of_means = sum(float(criterion(net.eval()(x), y)) for x, y in batches)
            mean_of_means /= len(batches)
        if batch_size in (4, 3) and answer.matches(got_loss, mean_of_means):
            answer.mistake("mean_of_batch_means")
        case = f"loss, batch_size={batch_size}"
        answer.require(got_loss, loss, case)
        if answer.matches(got_accuracy, 100 * accuracy):
            answer.mistake("accuracy_in_percent")
        answer.require(got_accuracy, accuracy, case.replace("loss", "accuracy"))


@exercise(
    hint=Text(
        "把一對（真實，預測）想成表格裡的一格，而每一格都有一個編號。數數看每個編號出現幾次。",
        "Think of a pair (true, predicted) as one cell of the table, and give every cell a number. "
        "Then count how often each number occurs.",
    ),
    transposed=Text(
        "列與欄對調了：列是真實類別，欄是預測類別。",
        "rows and columns are swapped: a row is a true class, a column a predicted one.",
    ),
    repeats_lost=Text(
        "同一對出現好幾次，卻只算了一次：`counts[i, j] += 1` 用整個索引陣列時，重複的位置只會寫入一次。",
        "a pair that occurs several times was counted once: with index arrays, `counts[i, j] += 1` "
        "writes each place only once.",
    ),
    absent_class=Text(
        "資料裡沒有出現的類別也要有自己的一列和一欄：大小由 num_classes 決定，不是由最大的標籤決定。",
        "a class that does not occur still has its row and column: num_classes sets the size, not "
        "the largest label.",
    ),
    shares_not_counts=Text(
        "題目要的是次數，不是比例。", "the question is for counts, not for shares."
    ),
)
def count_confusions(answer: Answer) -> None:
    """Counts (K, K) equal to scikit-learn's confusion_matrix."""
    cases = [
        (torch.tensor([0, 0, 0, 1, 2, 2]), torch.tensor([0, 1, 1, 1, 2, 0]), 3),
        (torch.tensor([0, 1, 1, 0]), torch.tensor([1, 1, 0, 0]), 4),
        (torch.randint(0, 10, (500,)), torch.randint(0, 10, (500,)), 10),
    ]
    for labels, predictions, num_classes in cases:
        counts = confusion_matrix(labels, predictions, labels=range(num_classes))
        got = answer(labels, predictions, num_classes)
        present = int(max(labels.max(), predictions.max())) + 1
        if present < num_classes and tuple(getattr(got, "shape", ())) == (present, present):
            answer.mistake("absent_class")
        if not answer.matches(got, counts):
            row_sums = counts.sum(axis=1, keepdims=True).clip(min=1)
            alternatives = {
                "transposed": counts.T,
                "repeats_lost": counts.clip(max=1),
                "shares_not_counts": (counts / len(labels), counts / row_sums),
            }
            answer.recognize(got, alternatives)
        case = f"labels={labels[:6].tolist()}, predictions={predictions[:6].tolist()}"
        answer.require(got, counts, case)


@exercise(
    hint=Text(
        "信心是模型給自己所選答案的機率，也就是每一列的最大值。先決定每個樣本落在哪一箱，再算每一箱的準確率。",
        "Confidence is the probability the model gives its own answer: the largest of each row. "
        "First find every example's bin, then the accuracy in each bin.",
    ),
    label_probability=Text(
        "你用了正確類別的機率來分箱。模型作答時並不知道正確答案；信心是它給「自己的答案」的機率。",
        "you binned by the probability of the right class. The model does not know the right "
        "answer; its confidence is the probability it gives its own.",
    ),
    mean_confidence=Text(
        "你回傳的是每一箱的平均信心，題目要的是每一箱的準確率。",
        "you returned the mean confidence of each bin; the question is for its accuracy.",
    ),
    top_edge_lost=Text(
        "信心剛好等於 1 的樣本不見了：它屬於最後一箱。",
        "examples with a confidence of exactly 1 got lost: they belong to the last bin.",
    ),
    empty_bin_is_zero=Text(
        "空箱沒有準確率可言，請填 nan；填 0 等於說它全部答錯。",
        "an empty bin has no accuracy: give nan. A 0 would say that everything in it was wrong.",
    ),
    equal_counts=Text(
        "每一箱的寬度要相等（把 0 到 1 切成等長的小段），不是樣本數相等。",
        "the bins have equal width (0 to 1 cut into equal pieces), not equal numbers of examples.",
    ),
)
def accuracy_by_confidence(answer: Answer) -> None:
    """Accuracy in equal-width confidence bins, nan for an empty one."""
    certain = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.3, 0.7], [0.45, 0.55], [0.0, 1.0]])
    cases = [
        (certain, torch.tensor([0, 1, 1, 0, 1]), 4),
        (torch.softmax(2 * torch.randn(400, 5), dim=1), torch.randint(0, 5, (400,)), 10),
    ]
    for probs, labels, num_bins in cases:
        confidence, predictions = probs.max(dim=1)
        correct = (predictions == labels).double()
        bins = torch.ceil(confidence.double() * num_bins).long() - 1
        expected = _mean_by_bin(correct, bins, num_bins)
        got = answer(probs, labels, num_bins)
        if not answer.matches(got, expected):
            of_label = probs.gather(1, labels[:, None]).squeeze(1)
            label_bins = torch.ceil(of_label.double() * num_bins).long().clamp(min=1) - 1
            below_one = torch.where(confidence < 1, bins, -1)
            ranks = confidence.argsort().argsort() * num_bins // len(confidence)
            alternatives = {
                "label_probability": _mean_by_bin(correct, label_bins, num_bins),
                "mean_confidence": _mean_by_bin(confidence.double(), bins, num_bins),
                "top_edge_lost": _mean_by_bin(correct, below_one, num_bins),
                "empty_bin_is_zero": expected.nan_to_num(0.0),
                "equal_counts": _mean_by_bin(correct, ranks, num_bins),
            }
            with_zeros = {
                name: (wrong, wrong.nan_to_num(0)) for name, wrong in alternatives.items()
            }
            answer.recognize(got, with_zeros)
        answer.require(got, expected, f"{len(labels)} examples, num_bins={num_bins}")


def _mean_by_bin(values: Tensor, bins: Tensor, num_bins: int) -> Tensor:
    return torch.stack([values[bins == index].mean() for index in range(num_bins)])
