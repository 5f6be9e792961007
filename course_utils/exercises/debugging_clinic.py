"""Exercises of debugging_clinic: read charts, mend a loop, write a diagnostic."""

import copy
from functools import partial
from itertools import product

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from course_utils.clinic import NEW_PATIENTS
from course_utils.clinic.programs import FAULTS, name_of
from course_utils.exercises import Answer, exercise
from course_utils.language import Text
from course_utils.loader import TensorLoader
from course_utils.models import MLP
from course_utils.seeding import seeded

_NAMES = [*FAULTS, "sound"]
#: (what it is, what it is taken for) -> the mistake; the rest is "another_fault".
_CONFUSIONS = {
    ("no_eval", "overfitting"): "gap_without_learning_by_heart",
    ("overfitting", "no_eval"): "learned_by_heart",
    ("inputs_unscaled", "rate_diverges"): "wrong_before_the_first_step",
    ("inputs_unscaled", "rate_too_high"): "wrong_before_the_first_step",
    ("no_zero_grad", "rate_diverges"): "fell_apart_late",
    ("no_zero_grad", "rate_too_high"): "fell_apart_late",
    ("softmax_twice", "rate_too_low"): "loss_and_accuracy_disagree",
    ("softmax_twice", "rate_too_high"): "loss_and_accuracy_disagree",
    ("dead_relus", "rate_too_low"): "flat_has_many_causes",
    ("dead_relus", "other_models_optimizer"): "flat_has_many_causes",
    ("dead_relus", "labels_shifted"): "flat_has_many_causes",
    ("other_models_optimizer", "rate_too_low"): "flat_has_many_causes",
    ("other_models_optimizer", "dead_relus"): "flat_has_many_causes",
    ("other_models_optimizer", "labels_shifted"): "flat_has_many_causes",
}


@exercise(
    hint=Text(
        "先看第 0 步的損失，再看損失停在哪裡、準確率跟不跟得上，最後看梯度範數。每一步都和灰色點線（健康的程式）比。",
        "First the loss at step 0; then where the loss settles, and whether accuracy agrees; last, the "
        "gradient norm. Compare with the dotted grey line, the sound program, each time.",
    ),
    healthy_called_ill=Text(
        "病人 {patient}：驗證損失、準確率、梯度範數都貼著灰色點線；訓練損失高一點，是 dropout 的緣故。不是每個病人都有病。",
        "patient {patient}: validation loss, accuracy and gradient norm follow the dotted grey line, "
        "and the training loss is higher because of dropout. Not every patient is ill.",
    ),
    ill_called_healthy=Text(
        "病人 {patient} 並不健康：有一格離灰色點線很遠，找出是哪一格。",
        "patient {patient} is not sound: one panel is far from the dotted grey line. Which?",
    ),
    gap_without_learning_by_heart=Text(
        "病人 {patient}：驗證確實比健康的差，但訓練損失有低到背起來的樣子嗎？驗證損失是後來才升上去的嗎？",
        "patient {patient}: validation is worse than it should be, but is the training loss that of "
        "something learned by heart, and did the validation loss turn upward?",
    ),
    learned_by_heart=Text(
        "病人 {patient}：看訓練損失降到多低，再看驗證損失後半段往哪裡走。評估方式不對，會讓訓練損失變低嗎？",
        "patient {patient}: see how low the training loss gets, and where the validation loss goes in "
        "the second half. Would a wrong evaluation lower the training loss?",
    ),
    wrong_before_the_first_step=Text(
        "病人 {patient}：第 0 步還沒用到學習率，損失就已經不對了。",
        "patient {patient}: at step 0 no rate has been used, and the loss is already wrong.",
    ),
    fell_apart_late=Text(
        "病人 {patient}：它先學得好好的，後來才垮掉；同一段時間裡，梯度範數做了什麼？學習率從頭到尾沒變過。",
        "patient {patient}: it learned well at first and fell apart later; what did the gradient norm "
        "do meanwhile? The rate was the same all along.",
    ),
    loss_and_accuracy_disagree=Text(
        "病人 {patient}：準確率一路上升，損失卻停在很高的地方，梯度一開始特別小。什麼東西會壓住損失？",
        "patient {patient}: accuracy climbs while the loss stays high, and the gradient begins "
        "unusually small. What could hold the loss up?",
    ),
    flat_has_many_causes=Text(
        "病人 {patient}：損失是平的沒錯，但平的原因很多，損失分不出來。比較梯度範數：小得出奇、不變，還是越來越大？",
        "patient {patient}: the loss is flat, but that has many causes and the loss cannot tell them "
        "apart. Compare the gradient norm: strangely small, steady, or growing?",
    ),
    another_fault=Text(
        "病人 {patient} 不是這個毛病。和灰色點線相比，第一個不同出現在哪一格、哪一步？",
        "patient {patient} has something else. Against the dotted grey line, in which panel and at "
        "which step is the first difference?",
    ),
)
def diagnosis(answer: Answer) -> None:
    """A dict: new patient -> name of its fault, or "sound"."""
    for patient, name in answer.readings(NEW_PATIENTS, _NAMES):
        fault = name_of(NEW_PATIENTS[patient])
        if name == fault:
            continue
        if fault == "sound":
            answer.mistake("healthy_called_ill", patient=patient)
        if name == "sound":
            answer.mistake("ill_called_healthy", patient=patient)
        answer.mistake(_CONFUSIONS.get((fault, name), "another_fault"), patient=patient)


@exercise(
    hint=Text(
        "一行一行問：這一行之後，梯度、logits、模式（train 或 eval）各是什麼狀態？第二輪開始時，又是什麼狀態？",
        "Ask of each line: after it, in what state are the gradients, the logits, the mode (train or "
        "eval)? And in what state does the second epoch begin?",
    ),
    gradients_pile_up=Text(
        "梯度還在累積：每一步用的是到目前為止所有批次的總和。",
        "gradients still pile up: each step uses the sum over all batches so far.",
    ),
    softmax_twice=Text(
        "cross_entropy 收到的仍是機率：softmax 做了兩次。",
        "cross_entropy is still given probabilities: the softmax is applied twice.",
    ),
    no_eval=Text(
        "評估時 dropout 仍在關閉神經元，批次正規化也還在看同一批的其他樣本。",
        "during evaluation dropout still drops units, and batch norm looks at the rest of the batch.",
    ),
    train_forgotten=Text(
        "評估換了模式，訓練卻沒有換回來（或一開始就不在訓練模式）：之後的訓練都沒有 dropout。",
        "evaluation changed the mode and training did not change it back (or never began in training "
        "mode): from then on it trains without dropout.",
    ),
)
def mended_training(answer: Answer) -> None:
    """Trains ``model`` in place and returns each epoch's validation accuracy, as a sound loop does."""
    inputs, labels = torch.randn(44, 6), torch.randint(0, 3, (44,))
    train, val = TensorDataset(inputs[:24], labels[:24]), TensorDataset(inputs[24:], labels[24:])
    for epochs in (1, 3):

        def attempt(train_model, epochs=epochs):
            model = MLP(6, [16], 3, dropout_rate=0.5, batch_norm=True, seed=1)
            optimizer = torch.optim.SGD(model.parameters(), lr=0.2)
            with seeded(2):
                loaders = TensorLoader(train, 8), TensorLoader(val, 7)
                result = train_model(model, optimizer, *loaders, epochs)
            return model, result

        model, result = attempt(answer)
        if not isinstance(result, list | tuple | Tensor) or len(result) != epochs:
            got = (
                len(result) if isinstance(result, list | tuple | Tensor) else type(result).__name__
            )
            answer.mistake("wrong_type", expected=f"{epochs} accuracies", got=got)
        state = _flat(model)
        for faults in sorted(product((False, True), repeat=4), key=sum):
            names = [n for n, has in zip(_LOOP_FAULTS, faults, strict=True) if has]
            other, expected = attempt(partial(_train, faults=names))
            same = answer.matches(state, _flat(other), tolerance=1e-4)
            if same and answer.matches(result, expected):
                if not names:
                    break
                answer.mistake(names[0])
        else:
            reference, expected = attempt(partial(_train, faults=[]))
            answer.require(state, _flat(reference), f"weights after {epochs} epochs")
            answer.require(result, expected, f"accuracies of {epochs} epochs")


_LOOP_FAULTS = ["softmax_twice", "gradients_pile_up", "no_eval", "train_forgotten"]


def _flat(model: nn.Module) -> Tensor:
    return torch.cat([tensor.detach().double().flatten() for tensor in model.state_dict().values()])


def _train(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    train_loader: TensorLoader,
    val_loader: TensorLoader,
    epochs: int,
    faults: list[str],
) -> list[float]:
    """The sound loop, with any of _LOOP_FAULTS."""
    accuracies = []
    for epoch in range(epochs):
        if epoch == 0 or "train_forgotten" not in faults:
            model.train()
        for images, labels in train_loader:
            outputs = model(images)
            outputs = outputs.softmax(dim=1) if "softmax_twice" in faults else outputs
            if "gradients_pile_up" not in faults:
                optimizer.zero_grad()
            nn.functional.cross_entropy(outputs, labels).backward()
            optimizer.step()
        if "no_eval" not in faults:
            model.eval()
        with torch.no_grad():
            right = [model(images).argmax(dim=1) == labels for images, labels in val_loader]
        accuracies.append(float(torch.cat(right).float().mean()))
    return accuracies


class _Running(nn.Module):
    """Each row becomes the mean of itself and the rows before it (or behind it, reversed)."""

    def __init__(self, reverse: bool) -> None:
        super().__init__()
        self.reverse = reverse

    def forward(self, x: Tensor) -> Tensor:
        rows = x.flip(0) if self.reverse else x
        count = torch.arange(1, len(x) + 1, dtype=x.dtype)[:, None]
        means = rows.cumsum(dim=0) / count
        return means.flip(0) if self.reverse else means


@exercise(
    hint=Text(
        "一次前向就夠了：問 autograd，第 i 列的輸出對第 j 列的輸入有沒有梯度。想想哪些 i、j 都要問。",
        "One forward pass is enough: ask autograd whether the output of row i has a gradient at the "
        "input of row j. For which i and j must you ask?",
    ),
    asked_in_eval_mode=Text(
        "題目問的是模型現在的模式。換成 eval()，批次正規化就不混了，可是訓練時它確實在混。",
        "the question is about the mode the model is in. In eval() batch norm no longer mixes, and in "
        "training it does.",
    ),
    by_layer_type=Text(
        "漏掉了沒有批次正規化卻會混的模型（例如 softmax 做在批次那一軸）。看行為，不要看層的名字。",
        "a model that mixes without batch norm was missed (say, a softmax over the batch axis). Go by "
        "what it does, not by the names of its layers.",
    ),
    one_row_only=Text(
        "只問了一列（或只動了一列）：有的模型，第一列誰也不看，或者誰也不看第一列。",
        "only one row was asked (or moved): in some models the first row looks at nobody, or nobody "
        "looks at the first row.",
    ),
    cancelled_by_the_sum=Text(
        "你把一列的輸出加起來再求梯度。輸出是機率的時候，一列的和永遠是 1，梯度就消失了。",
        "you added up the outputs of a row before taking the gradient. Where outputs are "
        "probabilities a row always sums to 1, and the gradient is gone.",
    ),
    dropout_taken_for_mixing=Text(
        "這個模型只有 dropout：輸出會變是因為兩次前向用了不同的遮罩，不是因為樣本互相影響。",
        "this model has dropout only: the outputs changed because two passes drew different masks, not "
        "because examples influence each other.",
    ),
    model_changed=Text(
        "檢查之後，模型不是原來的樣子了（{what}）。診斷不可以改動病人。",
        "after the check the model is not what it was ({what}). A diagnosis must not change the "
        "patient.",
    ),
)
def mixes_examples(answer: Answer) -> None:
    """Whether the output of any row depends on the input of another row, in the model's own mode."""
    norm = MLP(5, [8], 3, batch_norm=True)
    cases = [
        (MLP(5, [8], 3).train(), False, "wrong_value"),
        (norm.train(), True, "asked_in_eval_mode"),
        (nn.Sequential(MLP(5, [8], 3), nn.Softmax(dim=0)).eval(), True, "by_layer_type"),
        (nn.Sequential(_Running(False), MLP(5, [], 3)).eval(), True, "one_row_only"),
        (nn.Sequential(_Running(True), MLP(5, [], 3)).eval(), True, "one_row_only"),
        (nn.Sequential(norm, nn.Softmax(dim=1)).train(), True, "cancelled_by_the_sum"),
        (MLP(5, [8], 3, dropout_rate=0.5).train(), False, "dropout_taken_for_mixing"),
        (copy.deepcopy(norm).eval(), False, "wrong_value"),
    ]
    for index, (model, expected, mistake) in enumerate(cases, start=1):
        before, modes = copy.deepcopy(model.state_dict()), [m.training for m in model.modules()]
        got = answer(model, torch.randn(6, 5))
        if not answer.matches(got, expected):
            case = f"case {index} ({'train' if model.training else 'eval'} mode)"
            if mistake == "wrong_value":
                answer.require(got, expected, case)
            answer.mistake(mistake)
        if modes != [m.training for m in model.modules()]:
            answer.mistake("model_changed", what="train/eval")
        if any(not torch.equal(before[k], v) for k, v in model.state_dict().items()):
            answer.mistake("model_changed", what="state_dict")
        if any(p.grad is not None for p in model.parameters()):
            answer.mistake("model_changed", what=".grad")
