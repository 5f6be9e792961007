"""Exercises of debugging_clinic: mend three patients, read charts, mend a loop, write a check."""

import copy
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from course_utils.clinic import NEW_PATIENTS
from course_utils.clinic.programs import FAULTS, name_of
from course_utils.exercises import Answer, exercise
from course_utils.exercises.by_reference import given, right_answer
from course_utils.exercises.outcomes import Seen
from course_utils.language import Text
from course_utils.loader import TensorLoader
from course_utils.mnist import MEAN, STD
from course_utils.models import MLP
from course_utils.seeding import generator, seeded

# --- diagnosis

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
        "先看第 0 步的損失，再看損失停在哪裡、準確率的走勢與損失一不一致，最後看梯度範數。每一步都和灰色點線（健康的程式）比。",
        "First the loss at step 0; then where the loss settles, and whether accuracy agrees; last, the "
        "gradient norm. Compare with the dotted grey line, the sound program, each time.",
    ),
    healthy_called_ill=Text(
        "病人 {patient}：驗證損失、準確率、梯度範數都貼著灰色點線；訓練損失高一點，是 dropout 的緣故。不是每個病人都有病。",
        "patient {patient}: validation loss, accuracy and gradient norm follow the dotted grey line, "
        "and the training loss is higher because of dropout. Not every patient is ill.",
    ),
    ill_called_healthy=Text(
        "病人 {patient} 並不健康：有一張小圖離灰色點線很遠，找出是哪一張。",
        "patient {patient} is not sound: one panel is far from the dotted grey line. Which?",
    ),
    gap_without_learning_by_heart=Text(
        "病人 {patient}：驗證確實比健康的差，但訓練損失有低到像是把答案背下來了嗎？驗證損失是後來才升上去的嗎？",
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
        "病人 {patient}：損失的確不動，但原因很多，光看損失分不出來。比較梯度範數：小得出奇、不變，還是越來越大？",
        "patient {patient}: the loss is flat, but that has many causes and the loss cannot tell them "
        "apart. Compare the gradient norm: strangely small, steady, or growing?",
    ),
    another_fault=Text(
        "病人 {patient} 不是這個毛病。和灰色點線相比，第一個不同出現在哪一張小圖、哪一步？",
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


# --- mended_training


def _patients() -> Iterator[given]:
    for epochs, training in ((1, True), (3, True), (2, False)):
        case = Text(
            f"epochs={epochs}，model.training={training}",
            f"epochs={epochs}, model.training={training}",
        )
        yield given(_patient(training), *_wards(), epochs, case=case)


def _patient(training: bool) -> nn.Module:
    return MLP(6, [16], 3, dropout_rate=0.5, batch_norm=True, seed=1).train(training)


@seeded(2)
def _wards() -> tuple[TensorLoader, TensorLoader]:
    inputs = torch.randn(64, 6)
    labels = inputs[:, :3].argmax(dim=1)  # to be learned, so that every epoch has its own accuracy
    train, val = TensorDataset(inputs[:24], labels[:24]), TensorDataset(inputs[24:], labels[24:])
    return TensorLoader(train, 8), TensorLoader(val, 16)


def _trained(
    answer: Callable,
    model: nn.Module,
    train_loader: TensorLoader,
    val_loader: TensorLoader,
    epochs: int,
) -> Any:
    model, steps = copy.deepcopy(model), []
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2)
    optimizer.register_step_post_hook(lambda *_: steps.append(1))
    with seeded(3):
        accuracies = answer(model, optimizer, train_loader, val_loader, epochs)
    if accuracies is None:
        return None
    weights = [tensor.detach().double().flatten() for tensor in model.state_dict().values()]
    return accuracies, torch.cat(weights), len(steps)


def _loop(
    loss: Callable = nn.functional.cross_entropy,
    before: Callable = lambda optimizer, is_first: optimizer.zero_grad(),
    step: Callable = lambda optimizer: optimizer.step(),
    train: Callable = lambda model, epoch: model.train(),
    evaluate: Callable = lambda model: model.eval(),
    examined: Callable = lambda train_loader, val_loader: val_loader,
    mean: Callable = lambda right: torch.cat(right).double().mean(),
    is_examined_first: bool = False,
) -> Callable:
    """The sound loop with some things done otherwise.

    before: what happens before the gradient is computed; is_first: whether it is the first batch of
    the epoch. mean: of what is right and wrong in each batch. is_examined_first: before each epoch.
    """

    def training(model, optimizer, train_loader, val_loader, epochs):
        def learn(epoch):
            train(model, epoch)
            for index, (images, labels) in enumerate(train_loader):
                of_batch = loss(model(images), labels)
                before(optimizer, index == 0)
                of_batch.backward()
                step(optimizer)

        @torch.no_grad()
        def examine():
            evaluate(model)
            loader = examined(train_loader, val_loader)
            return mean([model(images).argmax(dim=1) == labels for images, labels in loader])

        accuracies = []
        for epoch in range(epochs):
            if is_examined_first:
                accuracies.append(examine())
            learn(epoch)
            if not is_examined_first:
                accuracies.append(examine())
        return accuracies

    return training


@right_answer(
    cases=_patients,
    use=_trained,
    parts="(accuracies, model, steps)",
    slack=2000,  # steps on the way, which another order of the roundings moves apart
    hint=Text(
        "一行一行問：這一行之後，梯度、logits、模式（train 或 eval）各是什麼狀態？第二輪開始時，又是什麼狀態？",
        "Ask of each line: after it, in what state are the gradients, the logits, the mode (train or eval)? And in what state does the second epoch begin?",
    ),
)
def mended_training(model, optimizer, train_loader, val_loader, epochs):
    """Validation accuracy of each epoch; trains ``model`` in place."""
    return _loop()(model, optimizer, train_loader, val_loader, epochs)


#: fault -> what it puts in the loop, in one or several ways; where several are there, the first is named.
_LOOP_FAULTS: dict[str, list[dict[str, Any]]] = {
    "softmax_twice": [{"loss": lambda x, y: nn.functional.cross_entropy(x.softmax(dim=1), y)}],
    "gradients_pile_up": [
        {"before": lambda optimizer, is_first: None},
        {"before": lambda optimizer, is_first: optimizer.zero_grad() if is_first else None},
    ],
    "no_eval": [{"evaluate": lambda model: None}],
    "train_forgotten": [
        {"train": lambda model, epoch: model.train() if epoch == 0 else None},
        {"train": lambda model, epoch: None},
        {"train": lambda model, epoch: model.eval()},
    ],
}
_SENTENCES = {
    "softmax_twice": Text(
        "cross_entropy 收到的仍是機率：softmax 做了兩次。",
        "cross_entropy is still given probabilities: the softmax is applied twice.",
    ),
    "gradients_pile_up": Text(
        "梯度還在累積：每一步用的是到目前為止好幾個批次的總和。",
        "gradients still pile up: each step uses the sum over several batches so far.",
    ),
    "no_eval": Text(
        "評估時 dropout 仍在關閉神經元，批次正規化也還在看同一批的其他樣本。",
        "during evaluation dropout still drops units, and batch norm looks at the rest of the batch.",
    ),
    "train_forgotten": Text(
        "評估換了模式，訓練卻沒有換回來（或一開始就不在訓練模式）：之後的訓練都沒有 dropout。",
        "evaluation changed the mode and training did not change it back (or never began in training mode): from then on it trains without dropout.",
    ),
}


def _loops(first: str) -> Iterator[Callable]:
    """Those that have this fault, and of the later ones any."""
    names = [*_LOOP_FAULTS]
    later = [[{}, _LOOP_FAULTS[name][0]] for name in names[names.index(first) + 1 :]]
    for faults in itertools.product(_LOOP_FAULTS[first], *later):
        pieces = {name: piece for fault in faults for name, piece in fault.items()}
        if {"evaluate", "train"} - pieces.keys():  # never eval() leaves nothing to change back
            yield _loop(**pieces)


for _name, _sentence in _SENTENCES.items():
    mended_training.mistake(_name, _sentence, *_loops(_name))
mended_training.mistake(
    "never_moves",
    Text(
        "模型一步也沒有走：optimizer.step() 沒有執行，或者在那之前梯度就被清掉了。",
        "the model never moves: optimizer.step() is not called, or the gradients are cleared before it.",
    ),
    _loop(step=lambda optimizer: (optimizer.zero_grad(), optimizer.step())),
    _loop(step=lambda optimizer: None),
)
mended_training.mistake(
    "mode_of_the_caller",
    Text(
        "第一輪用的是模型傳進來時的模式。如果傳進來的是評估模式，這一輪就沒有 dropout。",
        "the first epoch trains in whatever mode the model came in. Where that is evaluation, the epoch goes by without dropout.",
    ),
    _loop(train=lambda model, epoch: model.train() if epoch else None),
)
mended_training.mistake(
    "log_missing",
    Text(
        "nll_loss 要的是對數機率：它只挑出一個數、換個正負號，取對數的事它不做。",
        "nll_loss wants log-probabilities: it picks a number and turns its sign, and takes no logarithm itself.",
    ),
    _loop(loss=lambda logits, labels: nn.functional.nll_loss(logits.softmax(dim=1), labels)),
    _loop(loss=nn.functional.nll_loss),
)
mended_training.mistake(
    "trained_a_copy",
    Text(
        "傳進來的模型還是原來的樣子：你訓練的是複製品。呼叫者之後要用的是他手上的那一個。",
        "the model that came in is as it was: you trained a copy. The caller goes on with the one in hand.",
    ),
    lambda model, optimizer, *rest: mended_training.right(
        *copy.deepcopy((model, optimizer)), *rest
    ),
    lambda model, *rest: mended_training.right(copy.deepcopy(model), *rest),
)
mended_training.mistake(
    "one_number_only",
    Text(
        "你只回傳了一個數。每一輪都有自己的準確率，要回傳的是一串，有幾輪就有幾個。",
        "you returned a single number. Every epoch has an accuracy of its own: return as many as there are epochs.",
    ),
    lambda *args: mended_training.right(*args)[-1],
    lambda *args: max(mended_training.right(*args)),
    lambda *args: sum(mended_training.right(*args)) / args[-1],
)
mended_training.mistake(
    "counters_run_on",
    Text(
        "從第二輪起，準確率裡還混著前幾輪的答案：計數的變數在哪裡歸零？",
        "from the second epoch on, your accuracy still holds the answers of the epochs before. Where do the counters go back to 0?",
    ),
    lambda *args: (
        torch.stack(mended_training.right(*args)).cumsum(0) / torch.arange(1, 1 + args[-1])
    ),
)
mended_training.mistake(
    "training_data_examined",
    Text(
        "這是訓練資料上的準確率。模型有沒有學會，要看它沒見過的樣本。",
        "this is the accuracy on the training data. Whether a model has learned shows on examples it has not seen.",
    ),
    _loop(examined=lambda train_loader, val_loader: train_loader),
)
mended_training.mistake(
    "examined_too_early",
    Text(
        "你在每一輪訓練之前就評估了，準確率因此都晚了一輪：最後一輪學到的沒有人看。",
        "you evaluated before each epoch's training, so every accuracy is an epoch behind, and what the last epoch learned is never looked at.",
    ),
    _loop(is_examined_first=True),
)
mended_training.mistake(
    "last_batch_only",
    Text(
        "這只是最後一個批次的準確率。其他批次答對幾個，也要算進去。",
        "this is the accuracy of the last batch only. What was right in the others counts, too.",
    ),
    _loop(mean=lambda right: right[-1].double().mean()),
)
mended_training.mistake(
    "mean_of_batch_means",
    Text(
        "準確率要以樣本為單位：你把各批次的準確率再取平均，較短的最後一批佔了太多分量。",
        "accuracy goes by example: you averaged the batches' accuracies, so the short last batch counts too much.",
    ),
    _loop(mean=lambda right: torch.stack([batch.double().mean() for batch in right]).mean()),
)
mended_training.mistake(
    "not_a_share",
    Text(
        "準確率是答對的比例，從 0 到 1：不是個數，也不是百分比。",
        "an accuracy is the share of right answers, from 0 to 1: neither their number nor a percentage.",
    ),
    _loop(mean=lambda right: torch.cat(right).double().sum()),
    _loop(mean=lambda right: 100 * torch.cat(right).double().mean()),
    _loop(mean=lambda right: torch.cat(right).double().sum() / len(right)),
)


def _took(steps: Callable[[int], int]) -> Callable[[list[Seen]], bool]:
    """Whether the optimizer that was given took so many steps; steps: of the number of epochs."""
    return lambda wrong: all(
        seen.got.parts and seen.got.parts[2][""] == steps(seen.case.args[-1]) for seen in wrong
    )


mended_training.mistake(
    "another_optimizer",
    Text(
        "傳進來的 optimizer 一步也沒有走：你是不是另外做了一個？學習率就不是呼叫者選的那一個了。",
        "the optimizer that was given took no step. Did you make one of your own? Then the learning rate is not the caller's.",
    ),
    when=_took(lambda epochs: 0),
)
mended_training.mistake(
    "one_step_an_epoch",
    Text(
        "optimizer.step() 一輪只執行了一次，應該是每個批次一次。它的縮排在哪一層？",
        "optimizer.step() ran once an epoch; it should run once for each batch. In which loop does it stand?",
    ),
    when=_took(lambda epochs: epochs),
)


# --- mended_prepare


@seeded(6)
def _bytes() -> list[given]:
    dark = torch.randint(0, 256, (5, 28, 28)) * (torch.rand(5, 28, 28) < 0.2)
    light = 255 - dark[:1] // 3
    ends = 255 * torch.randint(0, 2, (2, 28, 28))
    pictures = {
        Text("五張圖", "five pictures"): dark,
        Text("一張圖，(28, 28)", "one picture, (28, 28)"): dark[3],
        Text("一批只有一張很亮的圖", "a batch of one bright picture"): light,
        Text("只有 0 和 255 的兩張圖", "two pictures of 0 and 255 only"): ends,
    }
    return [given(pixels.to(torch.uint8), case=case) for case, pixels in pictures.items()]


@right_answer(
    cases=_bytes,
    hint=Text(
        "先把位元組變成 0 到 1 的浮點數，再減平均、除以標準差。問每個常數：它是用哪一種刻度量的？",
        "First make the bytes floats from 0 to 1, then subtract the mean and divide by the standard deviation. Ask of each constant: on which scale was it measured?",
    ),
)
def mended_prepare(pixels):
    """Pixels (..., 28, 28) from 0 to 255 with the training set's mean taken off, over its deviation."""
    return (pixels.double() / 255).sub(MEAN).div(STD)


def _wrong_prepare(name: str, text: Text, *ways: Callable) -> None:
    """ways: of the pixels as float32, from 0 to 255."""
    mended_prepare.mistake(name, text, *(lambda p, way=way: way(p.float()) for way in ways))


mended_prepare.mistake(
    "wrapped_around",
    Text(
        "uint8 減去整數還是 uint8，小於 0 的會繞回 255 那一頭：黑的變成白的。先轉成浮點數。",
        "uint8 minus an integer is uint8 again, and what falls below 0 comes back at 255: black becomes white. Make floats first.",
    ),
    lambda p: (p - 33) / (255 * STD),
    lambda p: (p - 33) / 79,
    lambda p: (p - 33) / 78.5655,
)
_wrong_prepare(
    "still_bytes",
    Text(
        "數字還是 0 到 255：只換了型別，大小沒有變。",
        "the numbers still run from 0 to 255: the dtype is another, their size is not.",
    ),
    lambda p: p,
)
_wrong_prepare(
    "mean_not_subtracted",
    Text(
        "平均沒有減：你的輸入沒有一個是負的，中心不在 0。",
        "the mean was not subtracted: none of your inputs is negative, and their centre is not 0.",
    ),
    lambda p: p / 255,
    lambda p: p / 255 / STD,
)
_wrong_prepare(
    "not_divided",
    Text(
        "平均減了，標準差沒有除：數字的大小還不是 1。",
        "the mean is off, but nothing was divided by the standard deviation: the size is not 1 yet.",
    ),
    lambda p: p / 255 - MEAN,
    lambda p: p - 255 * MEAN,
)
_wrong_prepare(
    "multiplied",
    Text(
        "標準差是拿來除的，你用它來乘。",
        "the standard deviation is there to divide by; you multiplied by it.",
    ),
    lambda p: (p / 255 - MEAN) * STD,
)
_wrong_prepare(
    "scales_mixed",
    Text(
        "兩種刻度混在一起了：MEAN 和 STD 是 0 到 1 的，像素在那一步卻是 0 到 255（或者 255 用了兩次）。",
        "two scales are mixed: MEAN and STD go with pixels from 0 to 1, and at that point yours run to 255 (or 255 was used twice).",
    ),
    lambda p: (p - MEAN) / STD,
    lambda p: (p - 255 * MEAN) / STD,
    lambda p: (p - MEAN) / (255 * STD),
    lambda p: (p / 255 - 255 * MEAN) / STD,
    lambda p: (p / 255 - MEAN) / (255 * STD),
)
_wrong_prepare(
    "of_these_pictures",
    Text(
        "你用的是這一批圖自己的平均與標準差：同一張圖換了同伴，就變成別的數字。訓練集的 MEAN 與 STD 是固定的。",
        "you took the mean and deviation of these very pictures: in other company the same picture becomes other numbers. MEAN and STD of the training set are fixed.",
    ),
    lambda p: (p - p.mean()) / p.std(),
    lambda p: (p - p.mean()) / p.std(correction=0),
)
_wrong_prepare(
    "of_each_picture",
    Text(
        "你讓每張圖減自己的平均、除以自己的標準差：筆畫粗細的差別就不見了。要用訓練集的 MEAN 與 STD。",
        "you took each picture's own mean and deviation, and how dark it is gets lost. Use MEAN and STD of the training set.",
    ),
    lambda p: (p - p.mean((-2, -1), True)) / p.std((-2, -1), keepdim=True),
    lambda p: (p - p.mean((-2, -1), True)) / p.std((-2, -1), keepdim=True, correction=0),
)
_wrong_prepare(
    "between_minus_one_and_one",
    Text(
        "這是 −1 到 1，不是減平均、除以標準差：MNIST 大多是黑的，平均並不是 0.5。",
        "this runs from -1 to 1, which is not the mean off and over the deviation: MNIST is mostly black, and its mean is not 0.5.",
    ),
    lambda p: p / 127.5 - 1,
)
_wrong_prepare(
    "mean_and_std_swapped",
    Text(
        "MEAN 和 STD 對調了：減的應該是平均，除的應該是標準差。",
        "MEAN and STD are swapped: subtract the mean, and divide by the standard deviation.",
    ),
    lambda p: (p / 255 - STD) / MEAN,
)
_wrong_prepare(
    "divided_by_256",
    Text(
        "位元組最大是 255，不是 256：除以 255，白色才是 1。",
        "the largest byte is 255, not 256: white is 1 after division by 255.",
    ),
    lambda p: (p / 256 - MEAN) / STD,
)


# --- mended_step


def _steps() -> Iterator[given]:
    for momentum, is_left, count in (
        (0.0, False, 1),
        (0.0, True, 1),
        (0.0, False, 3),
        (0.9, False, 3),
        (0.9, True, 2),
    ):
        case = _STEPS.format(count=count, momentum=momentum, left=_LEFT if is_left else _NONE_LEFT)
        yield given(MLP(6, [8], 3, seed=7), _wards()[0], momentum, is_left, count, case=case)


_STEPS = Text(
    "{left}，動量 {momentum}，走 {count} 步", "{left}, momentum {momentum}, {count} steps"
)
_LEFT = Text("之前留有梯度", "with gradients left over")
_NONE_LEFT = Text("之前沒有梯度", "with no gradients before")


def _stepped(
    answer: Callable,
    model: nn.Module,
    loader: TensorLoader,
    momentum: float,
    is_left: bool,
    count: int,
) -> Any:
    """(losses, weights afterwards, how often the optimizer stepped)."""
    model, steps = copy.deepcopy(model), []
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3, momentum=momentum)
    optimizer.register_step_post_hook(lambda *_: steps.append(1))
    if is_left:
        inputs, labels = next(iter(loader))
        (5 * nn.functional.cross_entropy(model(-inputs), labels)).backward()
    losses = [answer(model, optimizer, *batch) for batch in itertools.islice(loader, count)]
    if any(not isinstance(loss, int | float | np.generic | Tensor) for loss in losses):
        return losses[0]
    weights = torch.cat([p.detach().double().flatten() for p in model.parameters()])
    return [float(loss) for loss in losses], weights, len(steps)


def _step(
    before: Callable = lambda model, optimizer: optimizer.zero_grad(),
    between: Callable = lambda model, optimizer: None,
    step: Callable = lambda optimizer: optimizer.step(),
    after: Callable = lambda model, optimizer: None,
    is_loss_new: bool = False,
) -> Callable:
    """A step with some things done otherwise."""

    def taken(model, optimizer, images, labels):
        before(model, optimizer)
        loss = nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        between(model, optimizer)
        step(optimizer)
        after(model, optimizer)
        if is_loss_new:
            loss = nn.functional.cross_entropy(model(images), labels)
        return float(loss.detach())

    return taken


def _cleared(wanted: Callable[[int, Tensor], bool]) -> Callable:
    """Clears the gradients of some parameters: by their number and shape."""

    def clear(model: nn.Module, _: Any) -> None:
        for index, parameter in enumerate(model.parameters()):
            if wanted(index, parameter):
                parameter.grad = None

    return clear


@torch.no_grad()
def _zeroed(model: nn.Module, _: Any) -> None:
    for parameter in model.parameters():
        parameter.zero_()


def _nothing(*_: Any) -> None:
    """What a step without zero_grad does about old gradients."""


@right_answer(
    cases=_steps,
    use=_stepped,
    parts="(losses, weights, steps)",
    slack=2000,  # several steps, which another order of the roundings moves apart
    hint=Text(
        "backward() 把新的梯度「加」到 .grad 裡。這一步用到的 .grad 裡，除了這個批次，還有什麼？",
        "backward() adds the new gradient to what .grad holds. Besides this batch, what else is in the .grad that your step uses?",
    ),
)
def mended_step(model, optimizer, images, labels):
    """One step on this batch's gradient alone; returns the loss before it."""
    return _step()(model, optimizer, images, labels)


mended_step.mistake(
    "gradients_pile_up",
    Text(
        "梯度還在累積：第二步用的是兩個批次的總和，之前留下來的也算了進去。",
        "gradients still pile up: the second step uses the sum of two batches, and what was left from before counts, too.",
    ),
    _step(before=_nothing),
)
mended_step.mistake(
    "cleared_before_use",
    Text(
        "你在 backward() 之後、step() 之前清掉了梯度：剛算出來的也一起沒了，模型不動。",
        "you clear between backward() and step(): what was just computed is gone as well, and the model does not move.",
    ),
    _step(before=_nothing, between=lambda model, optimizer: optimizer.zero_grad()),
)
mended_step.mistake(
    "cleared_after_only",
    Text(
        "你只在走完之後才清。第一步之前若已經有梯度（別的程式留下的），這一步就用上了它。",
        "you clear only after the step. Gradients that somebody else left before the first one still take part in it.",
    ),
    _step(before=_nothing, after=lambda model, optimizer: optimizer.zero_grad()),
)
mended_step.mistake(
    "some_left",
    Text(
        "有些參數的梯度清掉了，有些還在累積：權重和偏置、每一層，都要清。",
        "the gradients of some parameters are cleared and others pile up: weights and biases of every layer need it.",
    ),
    _step(before=_cleared(lambda index, parameter: parameter.ndim > 1)),
    _step(before=_cleared(lambda index, parameter: parameter.ndim == 1)),
    _step(before=_cleared(lambda index, parameter: index == 0)),
    _step(before=_cleared(lambda index, parameter: index < 2)),
    _step(before=_cleared(lambda index, parameter: index > 1)),
)
mended_step.mistake(
    "memory_cleared",
    Text(
        "梯度清了，可是優化器的記憶（動量）也一起清掉了：要清的只有 .grad。",
        "the gradients are cleared, and so is the optimizer's own memory, the momentum: only .grad is to go.",
    ),
    _step(before=lambda model, optimizer: (optimizer.zero_grad(), optimizer.state.clear())),
)
mended_step.mistake(
    "weights_zeroed",
    Text(
        "你清成 0 的是權重本身，不是梯度：模型學過的全忘了。",
        "it is the weights that you set to 0, not their gradients: all that was learned is gone.",
    ),
    _step(before=_zeroed),
    _step(before=lambda model, optimizer: (_zeroed(model, None), optimizer.zero_grad())),
)
mended_step.mistake(
    "clipped_instead",
    Text(
        "裁剪只把累積的總和縮短，方向還是好幾個批次混在一起的：這是止痛藥。",
        "clipping makes the piled-up sum shorter, and its direction is still that of several batches: a painkiller.",
    ),
    *(
        _step(
            before=_nothing,
            between=lambda model, _, limit=limit: nn.utils.clip_grad_norm_(
                model.parameters(), limit
            ),
        )
        for limit in (0.1, 0.5, 1.0, 2.0)
    ),
)
mended_step.mistake(
    "loss_after_the_step",
    Text(
        "你回傳的是走完這一步「之後」的損失。題目要的是之前的。",
        "you returned the loss after the step; the one before it is wanted.",
    ),
    _step(is_loss_new=True),
)
mended_step.mistake(
    "never_moves",
    Text(
        "optimizer.step() 沒有執行：梯度算了，模型卻沒有動。",
        "optimizer.step() is not called: there is a gradient, and the model does not move.",
    ),
    _step(step=lambda optimizer: None),
    _step(before=_nothing, step=lambda optimizer: None),
)
mended_step.mistake(
    "stepped_twice",
    Text(
        "optimizer.step() 每次都執行了兩次：一個批次只該走一步。",
        "optimizer.step() ran twice each time: a batch is good for one step.",
    ),
    _step(step=lambda optimizer: (optimizer.step(), optimizer.step())),
)
mended_step.mistake(
    "another_optimizer",
    Text(
        "傳進來的 optimizer 一步也沒有走：你另外做了一個，學習率和動量就不是呼叫者選的了。",
        "the optimizer that was given took no step: you made one of your own, and rate and momentum are no longer the caller's.",
    ),
    when=lambda wrong: all(seen.got.parts and seen.got.parts[2][""] == 0 for seen in wrong),
)


# --- mended_accuracy


@seeded(8)
def _wards_of_the_mended() -> list[given]:
    inputs = torch.randn(40, 6)
    labels = inputs[:, :3].argmax(dim=1)
    inputs[-8:] *= -1  # the short last batch is unlike the others, so that its weight shows
    model = MLP(6, [24], 3, dropout_rate=0.5, batch_norm=True)
    model.net[1].running_mean.normal_()  # type: ignore[index]
    cases = []
    for batch_size, training in ((16, True), (40, True), (7, True), (16, False)):
        loader = TensorLoader(TensorDataset(inputs, labels), batch_size)
        case = _SIZES.format(size=batch_size, training=training)
        cases.append(given(copy.deepcopy(model).train(training), loader, case=case))
    return cases


_SIZES = Text(
    "一批 {size} 個、model.training={training}", "{size} a batch, model.training={training}"
)


def _measured(answer: Callable, model: nn.Module, loader: TensorLoader) -> Any:
    """(accuracy with two seeds, modes afterwards, whether the model is as before, what was at work)."""
    accuracies, at_work = [], {"dropout": False, "batch norm": False}

    def watch(module: nn.Module, _: Any) -> None:
        if isinstance(module, nn.Dropout):
            at_work["dropout"] |= module.training and module.p > 0
        else:
            at_work["batch norm"] |= module.training

    for seed in (9, 10):
        own = copy.deepcopy(model)
        for module in own.modules():
            if isinstance(module, nn.Dropout | nn.BatchNorm1d):
                module.register_forward_pre_hook(watch)
        before = copy.deepcopy(own.state_dict())
        with seeded(seed):
            accuracy = answer(own, loader)
        if not isinstance(accuracy, int | float | np.generic | np.ndarray | Tensor):
            return accuracy
        accuracies.append(accuracy)
    modes = [module.training for module in own.modules()]
    kept = all(torch.equal(before[name], now) for name, now in own.state_dict().items())
    return accuracies, modes, kept, at_work


@torch.no_grad()
def _hits(model: nn.Module, loader: TensorLoader) -> list[Tensor]:
    return [(model(inputs).argmax(dim=1) == labels).double() for inputs, labels in loader]


def _share(hits: list[Tensor]) -> Tensor:
    return torch.cat(hits).mean()


def _back(model: nn.Module, was_training: bool) -> None:
    model.train(was_training)


def _accuracy(share: Callable = _share, afterwards: Callable = _back, is_mended: bool = True):
    """An evaluation with some things done otherwise."""

    def accuracy(model, loader):
        was_training = model.training
        if is_mended:
            model.eval()
        found = share(_hits(model, loader))
        afterwards(model, was_training)
        return found

    return accuracy


@right_answer(
    cases=_wards_of_the_mended,
    use=_measured,
    parts="(accuracy, modes, model kept, at work)",
    hint=Text(
        "在第一次前向「之前」和最後一次「之後」，模型各應該在哪個模式？進來時的模式要先記下來。",
        "In which mode should the model be before the first forward pass, and in which after the last? Note first in which one it came.",
    ),
)
def mended_accuracy(model, loader):
    """Share of right answers, without chance; the model is left as it came."""
    return _accuracy()(model, loader)


mended_accuracy.mistake(
    "mode_not_put_back",
    Text(
        "評估完，模型（或它裡面的層）停在評估模式：進來時若在訓練模式，之後的訓練就沒有 dropout 了。",
        "afterwards the model (or the layers in it) stays in evaluation mode: where it came in training mode, what follows trains without dropout.",
    ),
    _accuracy(afterwards=lambda model, was_training: None),
    _accuracy(afterwards=lambda model, was_training: setattr(model, "training", was_training)),
)
mended_accuracy.mistake(
    "always_training_mode",
    Text(
        "不論進來時是哪個模式，你都換成訓練模式：別人在評估的模型，被你打開了 dropout。",
        "whatever mode it came in, you leave the model in training mode: one that somebody is evaluating has its dropout on again.",
    ),
    _accuracy(afterwards=lambda model, was_training: model.train()),
)
for _name, _sentence, _wrong_share in (
    (
        "mean_of_batch_means",
        Text(
            "模式都對了，但你把各批次的準確率再取平均，較短的最後一批佔了太多分量。",
            "the modes are right, but you averaged the batches' accuracies, so the short last batch counts too much.",
        ),
        [lambda hits: torch.stack([batch.mean() for batch in hits]).mean()],
    ),
    (
        "last_batch_only",
        Text(
            "這只是其中一個批次的準確率。其他批次答對幾個，也要算進去。",
            "this is the accuracy of one batch only. What was right in the others counts, too.",
        ),
        [lambda hits: hits[-1].mean(), lambda hits: hits[0].mean()],
    ),
    (
        "not_a_share",
        Text(
            "準確率是答對的比例，從 0 到 1：不是個數，也不是百分比。",
            "an accuracy is the share of right answers, from 0 to 1: neither their number nor a percentage.",
        ),
        [
            lambda hits: torch.cat(hits).sum(),
            lambda hits: 100 * torch.cat(hits).mean(),
            lambda hits: torch.cat(hits).sum() / len(hits),
        ],
    ),
):
    mended_accuracy.mistake(_name, _sentence, *(_accuracy(share) for share in _wrong_share))


def _was_at_work(dropout: bool, batch_norm: bool) -> Callable[[list[Seen]], bool]:
    """Whether, wherever the answer is wrong, these layers worked as they do in training."""
    wanted = {"['dropout']": dropout, "['batch norm']": batch_norm}
    return lambda wrong: all(
        seen.got.parts and {k: bool(v) for k, v in seen.got.parts[3].items()} == wanted
        for seen in wrong
    )


def _repeats(wrong: list[Seen]) -> bool:
    """Whether it gives the same with another seed, though dropout is at work."""
    return _was_at_work(True, True)(wrong) and all(
        len(set(np.ravel(seen.got.parts[0][""]))) == 1 for seen in wrong if seen.got.parts
    )


mended_accuracy.mistake(
    "seeded_only",
    Text(
        "固定種子只讓答案每次相同，dropout 還是關掉了一半的神經元，批次正規化也還在看同一批的樣本。",
        "with a fixed seed the answer is the same each time, and dropout still drops half the units, and batch norm looks at the rest of the batch.",
    ),
    when=_repeats,
)
mended_accuracy.mistake(
    "no_eval",
    Text(
        "前向計算的時候，模型還在訓練模式：no_grad 只是不記錄梯度，不會關掉 dropout；多做幾次取平均，也不會。",
        "during the forward pass the model is still in training mode: no_grad only records no gradients and does not switch dropout off; nor does averaging several passes.",
    ),
    when=_was_at_work(True, True),
)
mended_accuracy.mistake(
    "batch_norm_left",
    Text(
        "dropout 關掉了，批次正規化還在訓練模式：答案取決於誰和誰同一批，移動統計量也被改了。",
        "dropout is off, and batch norm is still in training mode: the answer depends on who shares a batch, and its running statistics have moved.",
    ),
    when=_was_at_work(False, True),
)
mended_accuracy.mistake(
    "dropout_left",
    Text(
        "批次正規化換了模式，dropout 卻還在隨機關掉神經元。",
        "batch norm is in evaluation mode, and dropout still drops units at random.",
    ),
    when=_was_at_work(True, False),
)


# --- mixes_examples


class _Rows(nn.Module):
    """Something done to the rows of a batch."""

    def __init__(self, change: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.change = change

    def forward(self, x: Tensor) -> Tensor:
        return self.change(x)


def _running_mean(x: Tensor) -> Tensor:
    """Each row becomes the mean of itself and the rows before it."""
    return x.cumsum(dim=0) / torch.arange(1, len(x) + 1, dtype=x.dtype)[:, None]


def _with_neighbour(x: Tensor) -> Tensor:
    """Row 3 is told of row 2; all others are left alone."""
    return torch.cat([x[:3], x[3:4] + 0.5 * x[2:3], x[4:]])


@seeded(4)
def _networks() -> list[given]:
    norm = MLP(5, [8], 3, batch_norm=True)
    half_way = nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 3))
    head = MLP(5, [], 3)
    models = [
        (MLP(5, [8], 3).train(), Text("線性層與 ReLU", "linear layers and ReLU")),
        (norm.train(), Text("批次正規化", "batch norm")),
        (copy.deepcopy(norm).eval(), Text("批次正規化", "batch norm")),
        (nn.Sequential(MLP(5, [8], 3), nn.Softmax(dim=0)).eval(), Text("softmax 做在批次那一軸", "a softmax over the batch axis")),
        (nn.Sequential(_Rows(_running_mean), head).eval(), Text("每一列和它之前的列取平均", "each row averaged with those before it")),
        (nn.Sequential(_Rows(lambda x: _running_mean(x.flip(0)).flip(0)), head).eval(), Text("每一列和它之後的列取平均", "each row averaged with those behind it")),
        (nn.Sequential(_Rows(_with_neighbour), head).train(), Text("只有第 3 列看了第 2 列", "only row 3 looks at row 2")),
        (nn.Sequential(copy.deepcopy(norm), nn.Softmax(dim=1)).train(), Text("批次正規化，輸出是機率", "batch norm, the outputs are probabilities")),
        (nn.Sequential(MLP(5, [8], 3), nn.Softmax(dim=1)).eval(), Text("線性層，輸出是機率", "linear layers, the outputs are probabilities")),
        (MLP(5, [8], 3, dropout_rate=0.5).train(), Text("dropout", "dropout")),
        (half_way.train(), Text("批次正規化與 dropout", "batch norm and dropout")),
        (copy.deepcopy(half_way).eval(), Text("批次正規化與 dropout", "batch norm and dropout")),
        (nn.Sequential(nn.LayerNorm(5), MLP(5, [8], 3)).train(), Text("layer normalization", "layer normalization")),
    ]  # fmt: skip
    cases = []
    for index, (model, words) in enumerate(models):
        rows = 2 if index in (3, 9) else 6
        case = _MODEL.format(words=words, mode="train" if model.training else "eval", rows=rows)
        cases.append(given(model, torch.randn(rows, 5), case=case))
    return cases


_KEPT = ("['train/eval']", "['state_dict']", "['.grad']")
_MODEL = Text("{words}，{mode} 模式，{rows} 列", "{words}, {mode} mode, {rows} rows")


def _examined(answer: Callable, model: nn.Module, inputs: Tensor) -> Any:
    """What it says, and whether modes, state and gradients are as before."""
    model = copy.deepcopy(model)
    parameters = [*model.parameters()]
    for parameter in parameters[:1]:
        parameter.grad = torch.ones_like(parameter)
    state, modes = copy.deepcopy(model.state_dict()), [part.training for part in model.modules()]
    mixes = answer(
        model, inputs.float()
    )  # the right answer is given float64, and has a float32 model
    if not isinstance(mixes, bool | int | float | np.generic | np.ndarray | Tensor):
        return mixes
    return {
        "returned": mixes,
        "train/eval": modes == [part.training for part in model.modules()],
        "state_dict": all(
            torch.equal(state[name], now) for name, now in model.state_dict().items()
        ),
        ".grad": all(
            (p.grad is None) == (index > 0) and (index > 0 or bool((p.grad == 1).all()))
            for index, p in enumerate(parameters)
        ),
    }


@right_answer(
    cases=_networks,
    use=_examined,
    hint=Text(
        "一次前向就夠了：問 autograd，第 i 列的輸出對第 j 列的輸入有沒有梯度。想想哪些 i、j 都要問。",
        "One forward pass is enough: ask autograd whether the output of row i has a gradient at the input of row j. For which i and j must you ask?",
    ),
)
def mixes_examples(model, inputs):
    """Whether the output of some row depends on the input of another."""
    return bool((_influence(model, inputs).fill_diagonal_(0) > 0).any())


def _influence(
    model: nn.Module, inputs: Tensor, weigh: bool = True, change: Callable = lambda m: m
) -> Tensor:
    """How much the output of each row depends on the input of each row; the model is left as it is."""
    model = change(copy.deepcopy(model))
    inputs = inputs.clone().requires_grad_()
    outputs = model(inputs)
    weights = torch.randn(outputs.shape, generator=generator(5)) if weigh else 1
    rows = (weights * outputs).sum(dim=1)
    gradients = [torch.autograd.grad(row, inputs, retain_graph=True)[0] for row in rows]
    # what should cancel and does not is smaller than 1e-6
    return (torch.stack(gradients).abs().sum(dim=2) > 1e-6).double()


def _wrong_verdict(name: str, text: Text, *verdicts: Callable) -> None:
    """verdicts: of the model and the inputs, made into True or False; ``...`` where nothing is said."""

    def verdict(says: Callable) -> Callable:
        return lambda *args: ... if (found := says(*args)) is ... else bool(found)

    mixes_examples.mistake(name, text, *map(verdict, verdicts))


def _off_diagonal(strength: Tensor) -> Tensor:
    return strength.fill_diagonal_(0)


def _has(model: nn.Module, kind: type) -> bool:
    return any(isinstance(module, kind) for module in model.modules())


_wrong_verdict(
    "asked_in_eval_mode",
    Text(
        "題目問的是模型現在的模式。換成 eval()，批次正規化就不混了，可是訓練時它確實在混。",
        "the question is about the mode the model is in. In eval() batch norm no longer mixes, and in training it does.",
    ),
    lambda model, x: _off_diagonal(_influence(model, x, change=lambda m: m.eval())).any(),
)
_wrong_verdict(
    "asked_in_training_mode",
    Text(
        "題目問的是模型現在的模式。換成 train()，批次正規化就會混，可是評估時它並不混。",
        "the question is about the mode the model is in. In train() batch norm mixes, and in evaluation it does not.",
    ),
    lambda model, x: _off_diagonal(_influence(model, x, change=lambda m: m.train())).any(),
)
_wrong_verdict(
    "by_layer_type",
    Text(
        "漏掉了沒有批次正規化卻會混的模型（例如 softmax 做在批次那一軸）。看行為，不要看層的名字。",
        "a model that mixes without batch norm was missed (say, a softmax over the batch axis). Go by what it does, not by the names of its layers.",
    ),
    lambda model, x: _has(model, nn.BatchNorm1d),
    lambda model, x: _has(model, nn.BatchNorm1d) and model.training,
)
_wrong_verdict(
    "one_row_only",
    Text(
        "只問了一列（或只動了一列）：有的模型，第一列誰也不看，或者誰也不看第一列。",
        "only one row was asked (or moved): in some models the first row looks at nobody, or nobody looks at the first row.",
    ),
    lambda model, x: _influence(model, x)[0, 1:].any(),
    lambda model, x: _influence(model, x)[1:, 0].any(),
    lambda model, x: _influence(model, x)[0, 1],
    lambda model, x: _influence(model, x)[1, 0],
    lambda model, x: _influence(model, x)[-1, :-1].any(),
    lambda model, x: _influence(model, x)[:-1, -1].any(),
)
_wrong_verdict(
    "cancelled_by_the_sum",
    Text(
        "你把一列的輸出加起來再求梯度。輸出是機率的時候，一列的和永遠是 1，梯度就消失了。",
        "you added up the outputs of a row before taking the gradient. Where outputs are probabilities a row always sums to 1, and the gradient is gone.",
    ),
    lambda model, x: _off_diagonal(_influence(model, x, weigh=False)).any(),
    lambda model, x: _influence(model, x, weigh=False)[0, 1:].any(),
)
_wrong_verdict(
    "dropout_taken_for_mixing",
    Text(
        "這個模型只有 dropout：輸出會變是因為兩次前向用了不同的遮罩，不是因為樣本互相影響。",
        "one model has dropout only: its outputs changed because two passes drew different masks, not because examples influence each other.",
    ),
    lambda model, x: mixes_examples.right(model, x) or (_has(model, nn.Dropout) and model.training),
)
_wrong_verdict(
    "own_row_counted",
    Text(
        "每一列的輸出當然取決於自己的輸入：要看的是「別的」列。",
        "the output of a row of course depends on its own input: look at the other rows.",
    ),
    lambda model, x: True,
    # a layer norm takes out again that its row was shifted and scaled
    lambda model, x: not _has(model, nn.LayerNorm),
)
_wrong_verdict(
    "never_found",
    Text(
        "每個模型你都說沒有影響。你做的改動夠大嗎？float32 大約只有 7 位數，太小的改動會被捨去。",
        "you found no influence in any model. Is your change large enough? float32 has about 7 digits, and a smaller change is rounded away.",
    ),
    lambda model, x: False,
)


@torch.no_grad()
def _differs(model: nn.Module, x: Tensor, change: Callable, back: Callable) -> Any:
    """Whether a changed batch gives other outputs; nothing is said of random ones."""
    if _has(model, nn.Dropout) and model.training:
        return ...
    changed, outputs = (copy.deepcopy(model)(batch) for batch in (change(x), x))
    return not torch.allclose(back(changed), outputs, atol=1e-5)


_wrong_verdict(
    "same_rows_again",
    Text(
        "你只是把同樣的列換了順序或重複一次：批次的平均與變異數都沒變，批次正規化看不出差別。要有一列真的換成別的內容。",
        "you gave the same rows in another order, or twice: the batch keeps its mean and variance, and batch norm sees no difference. Some row has to become another one.",
    ),
    lambda model, x: _differs(model, x, lambda x: x.flip(0), lambda y: y.flip(0)),
    lambda model, x: _differs(model, x, lambda x: torch.cat([x, x]), lambda y: y[: len(y) // 2]),
)
mixes_examples.mistake(
    "row_alone",
    Text(
        "你讓一列單獨通過模型。訓練模式的批次正規化只看到一列，算不出變異數，所以引發例外：列數要和原來一樣。",
        "you passed a row alone. Batch norm in training mode has no variance for a single row and raises: keep the number of rows.",
    ),
    when=lambda wrong: any(
        "more than 1 value per channel" in str(seen.got.error) for seen in wrong
    ),
)
_wrong_verdict(
    "reversed",
    Text(
        "True 與 False 反了：有互相影響才是 True。",
        "True and False are swapped: True means that they do influence each other.",
    ),
    lambda model, x: not mixes_examples.right(model, x),
)
mixes_examples.mistake(
    "model_changed",
    Text(
        "檢查之後，模型不是原來的樣子了（權重、統計量、梯度、模式裡有一樣變了）。診斷不可以改動病人：在複製品上做，就都不會變。",
        "after the check the model is not what it was (its weights, statistics, gradients or mode). A diagnosis must not change the patient: on a copy, nothing of it can.",
    ),
    when=lambda wrong: any(
        not array.item()
        for seen in wrong
        if seen.got.parts
        for place, array in seen.got.parts[0].items()
        if place in _KEPT
    ),
)
