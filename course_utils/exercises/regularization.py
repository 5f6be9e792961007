"""Exercises of regularization: dropout, batch normalization, generalization gap."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from course_utils.exercises import Answer, exercise
from course_utils.language import Text
from course_utils.loader import TensorLoader


@exercise(
    hint=Text(
        "先處理評估模式。訓練模式要為每一個數各擲一次硬幣；接著想想：少了一部分的數，總和變小了，"
        "留下來的要放大幾倍才補得回來？",
        "Settle evaluation first. In training every entry gets a coin toss of its own; then ask: "
        "with some entries gone the sum has shrunk; by how much must the rest grow to make up?",
    ),
    left_on=Text(
        "評估模式（training=False）裡，你的 dropout 還在隨機關閉神經元：同樣的輸入會得到不同的預測。",
        "in evaluation (training=False) your dropout still drops at random: the same input would "
        "get another prediction each time.",
    ),
    scaled_at_test=Text(
        "你在評估時縮小了輸出，那是 2014 年論文的做法。PyTorch 在評估時什麼都不做，要補償的地方在訓練。",
        "you shrank the output in evaluation, as the 2014 paper did. PyTorch does nothing then: the "
        "compensation belongs to training.",
    ),
    no_rescaling=Text(
        "訓練時輸出的平均變小了：關掉一部分之後，留下來的沒有放大，下一層在訓練與評估時看到的大小就不一樣。",
        "in training the mean of your output shrinks: some entries are gone and the rest did not "
        "grow, so the next layer meets another size in training than in evaluation.",
    ),
    keep_probability=Text(
        "p 是「關掉」的機率，你把它當成「留下」的機率了。p = 0.2 時，應該有八成留下來。",
        "p is the probability of dropping, and you took it for that of keeping. At p = 0.2, four "
        "fifths should survive.",
    ),
    wrong_scale=Text(
        "該放大，但倍數不對：留下來的數被放大了 {got} 倍，平均因此不等於輸入（這裡 p = {p}）。",
        "growing is right, but not by this much: survivors grew {got}-fold, so the mean is no "
        "longer that of the input (here p = {p}).",
    ),
    mask_shared=Text(
        "許多數用了同一個遮罩：整欄或整列一起被關掉。每個樣本的每個神經元都要各自決定。",
        "many entries share one mask: whole columns or whole rows vanish together. Every unit of "
        "every example is to be decided by itself.",
    ),
    same_mask_again=Text(
        "連續呼叫兩次，關掉的是同樣的位置。是不是在函式裡固定了種子？每一步都要重新抽。",
        "two calls in a row dropped the same entries. Is a seed set inside the function? Every step "
        "draws anew.",
    ),
    breaks_at_one=Text(
        "p = 1 時全部關掉，結果應該全是 0，你的卻出現 nan 或 inf：你除以了什麼？",
        "at p = 1 everything is dropped and the result is all zeros, but yours holds nan or inf: "
        "what did you divide by?",
    ),
)
def inverted_dropout(answer: Answer) -> None:
    """Statistics of nn.Dropout in training, identity in evaluation."""
    p = 0.2
    x = torch.rand(300, 200) + 0.5
    x[:, ::2] *= -1
    evaluated = torch.as_tensor(answer(x, p, False))
    if evaluated.shape == x.shape and (evaluated == 0).any():
        answer.mistake("left_on")
    if not answer.matches(evaluated, x):
        if answer.matches(evaluated, (1 - p) * x):
            answer.mistake("scaled_at_test")
        answer.require(evaluated, x, "training=False")
    got = torch.as_tensor(answer(x, p, True))
    answer.matches(got, x)  # the shape
    survives = got != 0
    by_row, by_column = survives.float().mean(dim=1), survives.float().mean(dim=0)
    if by_row.std() > 0.3 or by_column.std() > 0.3:
        answer.mistake("mask_shared")
    share = float(survives.float().mean())
    if abs(share - p) < 0.02:
        answer.mistake("keep_probability")
    if abs(share - (1 - p)) > 0.02:
        answer.require(share, 1 - p, f"share of survivors at p={p}", tolerance=0.02)
    if torch.equal(survives, torch.as_tensor(answer(x, p, True)) != 0):
        answer.mistake("same_mask_again")
    scale = float((got[survives] / x[survives]).double().mean())
    if abs(scale - 1) < 1e-3:
        answer.mistake("no_rescaling")
    if abs(scale - 1 / (1 - p)) > 1e-3:
        answer.mistake("wrong_scale", got=f"{scale:.3g}", p=p)
    answer.require(got[survives], (x / (1 - p))[survives], f"survivors at p={p}")
    answer.require(answer(x, 0.0, True), x, "p=0")
    nothing = torch.as_tensor(answer(x, 1.0, True))
    if not nothing.isfinite().all():
        answer.mistake("breaks_at_one")
    answer.require(nothing, torch.zeros_like(x), "p=1")
    ones = torch.ones(20, 30, 40)
    half = torch.as_tensor(answer(ones, 0.5, True))
    answer.matches(half, ones)
    answer.require(half.unique(), [0.0, 2.0], "the values that occur, ones at p=0.5")


@exercise(
    hint=Text(
        "先分兩種情況：這一次要用誰的平均與變異數？再想更新：momentum 是「新的」佔的分量，"
        "而且只有一種模式會更新。",
        "Two cases first: whose mean and variance serve this time? Then the update: momentum is the "
        "weight of what is new, and only one of the modes updates.",
    ),
    wrong_axis=Text(
        "你在每個樣本的特徵之間取平均（那是 layer normalization）。批次正規化是每個特徵各自在整個批次上取平均。",
        "you averaged over the features of each example, which is layer normalization. Batch "
        "normalization averages each feature over the batch.",
    ),
    running_in_training=Text(
        "訓練模式裡，你用執行中的統計量來正規化。這時要用的是眼前這個批次的。",
        "in training you normalized by the running statistics. What counts there is the batch at hand.",
    ),
    affine_forgotten=Text(
        "輸出剛好是平均 0、標準差 1：γ 與 β 還沒有用上。",
        "your output has mean 0 and standard deviation 1 exactly: γ and β have not been used.",
    ),
    variance_not_root=Text(
        "你除以的是變異數；要讓標準差變成 1，該除以的不是它。",
        "you divided by the variance; to bring the standard deviation to 1, divide by something else.",
    ),
    unbiased_in_normalizer=Text(
        "正規化用的變異數除以了 N−1。批次越小差得越多：PyTorch 在這裡用的是另一種（回想 0 與 2 的那個實驗）。",
        "the variance that normalizes was divided by N−1. The smaller the batch, the more it shows: "
        "PyTorch uses the other kind here (recall the experiment with 0 and 2).",
    ),
    eps_outside_root=Text(
        "eps 的位置不對：變異數很小的特徵上，你的結果和 PyTorch 差很多。它應該加在開根號之前還是之後？",
        "eps stands in the wrong place: on a feature of tiny variance you are far from PyTorch. Is it "
        "added before the root is taken, or after?",
    ),
    not_updated=Text(
        "訓練模式裡，執行中的平均與變異數都沒有更新；評估時就沒有可以依靠的統計量。",
        "in training the running mean and variance stayed as they were; evaluation would have nothing "
        "to rely on.",
    ),
    momentum_reversed=Text(
        "momentum 用反了：在 PyTorch 裡它是「新批次」的分量，0.1 表示大部分保留舊的。",
        "momentum is reversed: in PyTorch it weighs the new batch, so that 0.1 keeps most of the old.",
    ),
    biased_running=Text(
        "存進執行中變異數的，是除以 N 的變異數；PyTorch 存的是對母體變異數沒有偏差的那一種。",
        "what went into the running variance was divided by N; PyTorch stores the kind that estimates "
        "the population's variance without bias.",
    ),
    batch_statistics_in_eval=Text(
        "評估模式裡，你還在用這個批次自己的平均與變異數：一個樣本的預測就會受同批的其他樣本影響。",
        "in evaluation you still used the batch's own mean and variance: an example's prediction then "
        "depends on its companions.",
    ),
    updated_in_eval=Text(
        "評估模式裡，執行中的統計量不該改變：只是看看模型，不該改到模型。",
        "in evaluation the running statistics must not move: looking at a model should not change it.",
    ),
)
def batch_norm_forward(answer: Answer) -> None:
    """(output, running mean, running variance) equal to nn.BatchNorm1d in both modes."""
    for rows, features, momentum in ((6, 3, 0.1), (2, 4, 0.3), (50, 1, 0.1)):
        x = 3 * torch.randn(rows, features, dtype=torch.float64) + 5
        _examine_training(answer, x, momentum)
    tiny = 2.0 + 1e-3 * torch.randn(8, 2, dtype=torch.float64)
    large = 1e4 * torch.randn(8, 2, dtype=torch.float64) + 1e3
    constant = torch.full((4, 2), 7.0, dtype=torch.float64)
    for x in (tiny, large, constant):
        _examine_training(answer, x, 0.1)
    for rows in (6, 2, 1):
        _examine_evaluation(answer, 3 * torch.randn(rows, 3, dtype=torch.float64) + 5)


def _layer(features: int, momentum: float, training: bool) -> nn.BatchNorm1d:
    layer = (
        nn.BatchNorm1d(features, momentum=momentum).double().train(training).requires_grad_(False)
    )
    layer.weight.uniform_(0.5, 2)
    layer.bias.uniform_(1, 2)
    layer.running_mean.normal_()
    layer.running_var.uniform_(0.5, 2)
    return layer


def _call(answer: Answer, layer: nn.BatchNorm1d, x: Tensor) -> Sequence[Tensor]:
    """The answer's three results; eps keeps its default, momentum is given."""
    before = [t.clone() for t in (layer.weight, layer.bias, layer.running_mean, layer.running_var)]
    result = answer(x, *before, layer.training, layer.momentum)
    return answer.parts(result, "(output, running_mean, running_var)")


def _examine_training(answer: Answer, x: Tensor, momentum: float) -> None:
    layer = _layer(x.shape[1], momentum, training=True)
    gamma, beta, eps = layer.weight, layer.bias, layer.eps
    old_mean, old_var = layer.running_mean.clone(), layer.running_var.clone()
    output, new_mean, new_var = _call(answer, layer, x)
    expected = layer(x)
    mean, var, unbiased = x.mean(0), x.var(0, correction=0), x.var(0)
    case = f"training, x of shape {tuple(x.shape)}"
    if not answer.matches(output, expected):
        centered = x - mean
        rows = (x - x.mean(1, keepdim=True)) / (x.var(1, correction=0, keepdim=True) + eps).sqrt()
        rows_unbiased = (x - x.mean(1, keepdim=True)) / (x.var(1, keepdim=True) + eps).sqrt()
        outputs = {
            "wrong_axis": (gamma * rows + beta, gamma * rows_unbiased + beta),
            "running_in_training": tuple(
                gamma * (x - m) / (v + eps).sqrt() + beta
                for m, v in ((old_mean, old_var), (layer.running_mean, layer.running_var))
            ),
            "affine_forgotten": (centered / (var + eps).sqrt(), centered / (unbiased + eps).sqrt()),
            "variance_not_root": (
                gamma * centered / (var + eps) + beta,
                gamma * centered / (unbiased + eps) + beta,
            ),
            "unbiased_in_normalizer": gamma * centered / (unbiased + eps).sqrt() + beta,
            "eps_outside_root": gamma * centered / (var.sqrt() + eps) + beta,
        }
        answer.recognize(output, outputs)
    answer.require(output, expected, f"output, {case}")
    means = {
        "not_updated": old_mean,
        "momentum_reversed": momentum * old_mean + (1 - momentum) * mean,
    }
    if not answer.matches(new_mean, layer.running_mean):
        answer.recognize(new_mean, means)
    answer.require(new_mean, layer.running_mean, f"running mean, {case}")
    if not answer.matches(new_var, layer.running_var):
        variances = {
            "not_updated": old_var,
            "momentum_reversed": momentum * old_var + (1 - momentum) * unbiased,
            "biased_running": (1 - momentum) * old_var + momentum * var,
        }
        answer.recognize(new_var, variances)
    answer.require(new_var, layer.running_var, f"running variance, {case}")


def _examine_evaluation(answer: Answer, x: Tensor) -> None:
    layer = _layer(x.shape[1], 0.1, training=False)
    gamma, beta, eps = layer.weight, layer.bias, layer.eps
    output, new_mean, new_var = _call(answer, layer, x)
    case = f"evaluation, x of shape {tuple(x.shape)}"
    centered, var = x - x.mean(0), x.var(0, correction=0)
    if not answer.matches(output, layer(x)):
        batch = gamma * centered / (var + eps).sqrt() + beta
        answer.recognize(output, {"batch_statistics_in_eval": batch})
        updated = 0.9 * layer.running_mean + 0.1 * x.mean(0)
        for new in (var, x.var(0)):
            new_std = (0.9 * layer.running_var + 0.1 * new + eps).sqrt()
            answer.recognize(output, {"updated_in_eval": gamma * (x - updated) / new_std + beta})
    answer.require(output, layer(x), f"output, {case}")
    if not answer.matches(new_mean, layer.running_mean):
        answer.mistake("updated_in_eval")
    if not answer.matches(new_var, layer.running_var):
        answer.mistake("updated_in_eval")


class _Probe(nn.Module):
    """Hands its input on, and remembers the mode and whether autograd was recording."""

    was_training = had_grad = False

    def forward(self, x: Tensor) -> Tensor:
        self.was_training |= self.training
        self.had_grad |= torch.is_grad_enabled()
        return x


@exercise(
    hint=Text(
        "兩邊做的是同一件事，只是資料不同。量之前、量的時候、量完之後，模型各該處在什麼狀態？",
        "Both sides are the same measurement on other data. In which state should the model be "
        "before, while and after you measure?",
    ),
    no_eval_mode=Text(
        "量的時候模型還在訓練模式：dropout 在擲硬幣，批次正規化在看同批的其他樣本，還順便改了自己的統計量。",
        "the model was measured in training mode: dropout tossed coins, batch norm looked at the "
        "companions and changed its own statistics on the way.",
    ),
    gradients_kept=Text(
        "autograd 還在記錄計算圖。只是量一量，用不到梯度。",
        "autograd was recording. A measurement needs no gradients.",
    ),
    mode_not_restored=Text(
        "模型交還時的模式和來的時候不同：呼叫你的人接著訓練，dropout 卻悄悄關著。",
        "the model came back in another mode than it came in: your caller goes on training, with "
        "dropout silently off.",
    ),
    reversed_sign=Text(
        "正負號相反了：過擬合時，落差應該是正的。",
        "the sign is reversed: where a model overfits, the gap should be positive.",
    ),
    ratio_not_difference=Text(
        "你算的是比值，題目要的是相減。", "you computed a ratio; the question is for a difference."
    ),
    mean_of_batch_means=Text(
        "你把各批次的平均再取平均，較短的最後一批佔了太多分量。",
        "you averaged the batch means, so the short last batch counts too much.",
    ),
    root_taken=Text(
        "你取了均方誤差的平方根。題目要的是均方誤差本身。",
        "you took the root of the mean squared error. The question is for the error itself.",
    ),
)
def generalization_gap(answer: Answer) -> None:
    """Equal to the difference of two passes over everything at once; the mode is handed back."""
    probe = _Probe()
    model = nn.Sequential(
        probe, nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 1)
    )
    model[2].running_mean.normal_()  # type: ignore[operator]
    x_train, x_new = torch.randn(11, 3), torch.randn(7, 3)
    with torch.no_grad():
        predictions = model.eval()(x_train)
        y_train, y_new = predictions + 0.3 * torch.randn(11, 1), 3 + torch.randn(7, 1)
        y_train[-1] += 2  # the short last batch is unlike the others, so that its weight shows
        error_train = (predictions - y_train).square()
        error_new = (model(x_new) - y_new).square()
    low, high = float(error_train.mean()), float(error_new.mean())
    for batch_size, training in ((11, True), (11, False), (4, True), (5, True)):
        loaders = [
            TensorLoader(TensorDataset(x, y), batch_size)
            for x, y in ((x_train, y_train), (x_new, y_new))
        ]
        probe.was_training = probe.had_grad = False
        got = answer(model.train(training), *loaders)
        if probe.was_training:
            answer.mistake("no_eval_mode")
        if probe.had_grad:
            answer.mistake("gradients_kept")
        if not answer.matches(got, high - low):
            parts = [[b.mean() for b in e.split(batch_size)] for e in (error_train, error_new)]
            means = [float(torch.stack(part).mean()) for part in parts]
            alternatives = {
                "reversed_sign": (low - high, means[0] - means[1]),
                "ratio_not_difference": (high / low, low / high),
                "root_taken": high**0.5 - low**0.5,
                "mean_of_batch_means": means[1] - means[0],
            }
            answer.recognize(got, alternatives)
        answer.require(got, high - low, f"batch_size={batch_size}")
        if any(module.training is not training for module in model.modules()):
            answer.mistake("mode_not_restored")
