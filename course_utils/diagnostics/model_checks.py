"""Checks of a model on its data: first loss, one batch by heart, gradient flow, dead units."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from course_utils.batches import Batches, require_tensor
from course_utils.diagnostics.finding import NON_FINITE, Finding, fill
from course_utils.diagnostics.program_checks import Step, ordinary_step
from course_utils.diagnostics.trial import backward, copied, mean_loss, read_batches, require_mean
from course_utils.language import Text
from course_utils.tally import Criterion, Tally

if TYPE_CHECKING:  # one function draws, and the workers of a lesson need not wait for matplotlib
    from matplotlib.axes import Axes

_FIRST_LOSS = Text(
    "損失 ≈{loss:.3g}，而 {num_classes} 類亂猜是 ln {num_classes} ≈ {chance:.3f}",
    "loss ≈{loss:.3g}; a guess among {num_classes} classes has ln {num_classes} ≈ {chance:.3f}",
)
_ABOVE_CHANCE = Text(
    "還沒訓練就比亂猜差：模型答錯，卻很有信心。輸入沒有正規化，或初始的權重太大。（如果已經訓練過：它在發散。）",
    "worse than a guess before training: the model is confidently wrong. Inputs that are not "
    "normalized, or initial weights that are too large. (If it has been trained: it diverges.)",
)
_BELOW_CHANCE = Text(
    "比亂猜好。訓練過的模型理應如此；如果還沒訓練，可能是標籤洩漏到輸入裡了。",
    "better than a guess. So it should be after training; before it, the answers may have leaked "
    "into the inputs.",
)
_PROBABILITIES = Text(
    "輸出的每一列都沒有負數，而且加起來等於 1：模型已經做過 softmax，交叉熵還會再做一次。讓它輸出 logits。",
    "every row of the outputs is non-negative and sums to 1: the model has applied softmax, and "
    "cross-entropy will do so again. Let it return logits.",
)
_ONE_BATCH = Text(
    "{steps} 步之後，{count} 個樣本的損失從 ≈{first:.3g} 到 ≈{last:.3g}",
    "after {steps} steps the loss of {count} examples went from ≈{first:.3g} to ≈{last:.3g}",
)
_NOT_MEMORIZED = Text(
    "連這幾個樣本都背不起來：問題在模型、損失、優化器或訓練的那一步，先別怪資料太少或訓練太短。",
    "it cannot even learn these few by heart: the trouble is in the model, the loss, the optimizer "
    "or the step; do not blame too little data or time.",
)
_FLOW = Text(
    "梯度範數（每個權重矩陣）從 ≈{smallest:.2g} 到 ≈{largest:.2g}",
    "gradient norms (a weight matrix each) run from ≈{smallest:.2g} to ≈{largest:.2g}",
)
_NO_GRADIENT = Text(
    "這些參數沒有梯度：{names}。死掉的 ReLU、detach、no_grad，或者根本沒用到它們。",
    "no gradient reaches {names}: dead ReLUs, a detach, no_grad, or they are not used at all.",
)
_VANISHING = Text(
    "最小的梯度不到最大的千分之一：有幾層幾乎不會動。看看激活函數與初始化。",
    "the smallest gradient is below a thousandth of the largest: some layers will hardly move. Look "
    "at activation and initialization.",
)
_DEAD = Text(
    "看過 {count} 個樣本，{layers} 個 ReLU 層死掉的神經元比例：{shares}",
    "over {count} examples, the share of dead units in {layers} ReLU layers: {shares}",
)
_NO_RELU = Text(
    "沒有 nn.ReLU 模組可看（直接呼叫 torch.relu 的看不到）",
    "there is no nn.ReLU module to watch (calls of torch.relu are not seen)",
)
_MOSTLY_DEAD = Text(
    "{names} 有一半以上的神經元對任何樣本都輸出 0，不會再有梯度。學習率太高、偏置太負，或輸入太大。",
    "more than half the units of {names} answer 0 to every example and get no gradient any more: a "
    "learning rate that is too high, biases that are too negative, or inputs that are too large.",
)


def check_first_loss(
    model: nn.Module,
    loader: Batches,
    criterion: Criterion,
    *,
    tolerance: float = 2.0,
    max_batches: int | None = 8,
) -> Finding:
    """Mean loss in evaluation mode, against ln K of a guess, if the outputs are (N, K, ...).

    Suspicious: ``non_finite``, ``above_chance`` (by more than the tolerance), ``below_chance`` (by
    more than half of it), ``probabilities``.

    Args:
        model: not yet trained.
        loader: batches (inputs, labels).
        criterion: a cross-entropy that returns the mean of a batch, class weights and labels that do
            not count included; it is called once, with the outputs of all batches. Outputs of a
            binary cross-entropy, however many, are K = 2 each, and so is one output of another.
        tolerance: in nats, above 0. Sound nets may start above ln K: 64-32-K with He's initialization
            by 0.6 in the median, and by up to 1.7 among 1,500.
        max_batches: how many to look at.
    """
    if tolerance <= 0:
        raise ValueError(f"tolerance must be above 0 nats, got {tolerance}")
    if isinstance(criterion, nn.MSELoss | nn.L1Loss):
        name = type(criterion).__name__
        raise ValueError(f"the first loss is known for a cross-entropy only, not for {name}")
    with copied(model, loader) as (model, _), torch.no_grad():
        model.eval()
        pairs = [(require_tensor(model(x)), y) for x, y in read_batches(loader, model, max_batches)]
        outputs, labels = map(torch.cat, zip(*pairs, strict=True))
        require_mean(criterion, outputs, labels)
        loss = float(mean_loss(criterion, outputs, labels))
        all_probs = _are_probabilities(outputs)
    is_binary = outputs.ndim == 1 or Tally(criterion).threshold is not None
    num_classes = 2 if is_binary else max(outputs.shape[1], 2)
    values = {"loss": loss, "num_classes": num_classes, "chance": math.log(num_classes)}
    excess = values["loss"] - values["chance"]
    suspicions = {}
    if not math.isfinite(excess):
        suspicions["non_finite"] = NON_FINITE
    if excess > tolerance:
        suspicions["above_chance"] = _ABOVE_CHANCE
    if excess < -tolerance / 2:
        suspicions["below_chance"] = _BELOW_CHANCE
    if all_probs and _applies_softmax(criterion):
        suspicions["probabilities"] = _PROBABILITIES
    return Finding("first loss", fill(_FIRST_LOSS, **values), values, suspicions)


def _are_probabilities(outputs: Tensor) -> bool:
    if outputs.ndim < 2 or outputs.shape[1] < 2 or bool((outputs < 0).any()):
        return False
    sums = outputs.float().sum(dim=1)  # a half is rounded: its own precision is what can be asked
    tolerance = max(1e-3, torch.finfo(outputs.dtype).eps) if outputs.is_floating_point() else 0
    return torch.allclose(sums, torch.ones_like(sums), atol=tolerance)


def _applies_softmax(criterion: Criterion) -> bool:
    return isinstance(criterion, nn.CrossEntropyLoss) or criterion is nn.functional.cross_entropy


def overfit_one_batch(
    model: nn.Module,
    loader: Batches,
    criterion: Criterion,
    *,
    optimizer: Optimizer | None = None,
    step: Step | None = None,
    num_steps: int = 100,
    max_examples: int = 32,
) -> Finding:
    """Train on the first ``max_examples`` alone, dropout off: can the model learn them by heart?

    Suspicious: ``non_finite``; ``not_memorized``, if a tenth of the first loss is left, or of ln K for
    K outputs if that is less. Karpathy 2019, "A Recipe for Training Neural Networks".

    Args:
        model: the network; a copy is trained.
        loader: batches (inputs, labels).
        criterion: one that can reach 0, so none with label smoothing.
        optimizer: your own, to have it tested too; by default Adam at 0.001.
        step: your own ``step(model, optimizer, inputs, labels)``, to have it tested too; by default
            an ordinary one, so that only model, loss and data are tested.
        num_steps: how long to try.
        max_examples: how many are to be learnt.
    """
    if num_steps < 1 or max_examples < 1:
        raise ValueError(
            f"num_steps and max_examples must be at least 1, got {num_steps}, {max_examples}"
        )
    step = step or ordinary_step(criterion)
    with copied(model, loader, optimizer) as (model, optimizer):
        model.train()
        for module in model.modules():
            if isinstance(module, nn.modules.dropout._DropoutNd):
                module.p = 0.0
        inputs, labels = next(read_batches(loader, model, 1))
        inputs, labels = inputs[:max_examples], labels[:max_examples]
        optimizer = optimizer or torch.optim.Adam(model.parameters(), lr=0.001)
        losses = [_told(step(model, optimizer, inputs, labels)) for _ in range(num_steps)]
        with torch.no_grad():
            outputs = model.train()(inputs)
            require_mean(criterion, outputs, labels)
            losses.append(float(mean_loss(criterion, outputs, labels)))
    start = losses[0]
    if outputs.ndim > 1 and outputs.shape[1] > 1 and not labels.is_floating_point():
        start = min(start, math.log(outputs.shape[1]))
    suspicions = {}
    if not math.isfinite(losses[-1]):
        suspicions["non_finite"] = NON_FINITE
    elif not losses[-1] <= 0.1 * start:
        suspicions["not_memorized"] = _NOT_MEMORIZED
    values = {"losses": losses, "first": losses[0], "last": losses[-1]}
    values |= {"steps": num_steps, "count": len(labels)}
    return Finding("one batch", fill(_ONE_BATCH, **values), values, suspicions)


def _told(loss: Tensor | float | None) -> float:
    if loss is None:
        raise ValueError(
            "step must return the loss of its batch; end it with: return loss.detach()"
        )
    return float(loss)


def check_gradient_flow(
    model: nn.Module, loader: Batches, criterion: Criterion, *, max_batches: int = 4
) -> Finding:
    """Gradient norm of every weight (a parameter with two axes or more), over the first batches.

    values["norms"]: name -> norm of the mean gradient over their examples, in training mode. Suspicious:
    ``non_finite``; ``no_gradient`` (exactly zero, or none at all); ``vanishing`` (the smallest is
    below a thousandth of the largest).

    Args:
        model: the network.
        loader: batches (inputs, labels).
        criterion: returns the mean loss of a batch.
        max_batches: how many to look at.
    """
    with copied(model, loader) as (model, _):
        model.train()
        count = 0
        for inputs, labels in read_batches(loader, model, max_batches):
            backward(mean_loss(criterion, model(inputs), labels) * len(labels))
            count += len(labels)
        norms = {
            name: 0.0 if p.grad is None else float(p.grad.norm()) / count
            for name, p in model.named_parameters()
            if p.requires_grad and p.ndim > 1
        }
    if not norms:
        raise ValueError("the model has no trainable weight with two axes or more to look at")
    values = {"norms": norms, "smallest": min(norms.values()), "largest": max(norms.values())}
    suspicions = {}
    silent = [name for name, norm in norms.items() if norm == 0]
    if not all(math.isfinite(norm) for norm in norms.values()):
        suspicions["non_finite"] = NON_FINITE
    elif silent:
        suspicions["no_gradient"] = fill(_NO_GRADIENT, names=", ".join(silent))
    elif values["smallest"] < 1e-3 * values["largest"]:
        suspicions["vanishing"] = _VANISHING
    return Finding("gradient flow", fill(_FLOW, **values), values, suspicions)


def plot_gradient_flow(ax: Axes, finding: Finding) -> Axes:
    """The norms of ``check_gradient_flow`` from the first weight to the last, on a log axis.

    A norm of exactly zero has no place on a log axis: it is marked by a cross at the bottom.
    """
    norms = finding.values.get("norms")
    if not norms:
        raise ValueError(
            f"a finding of check_gradient_flow is needed, got one of {finding.check!r}"
        )
    floor = min((norm for norm in norms.values() if norm > 0), default=1.0) / 10
    drawn = [max(norm, floor) for norm in norms.values()]
    ax.plot(list(norms), drawn, marker="o", color="#0173B2")
    silent = [name for name, value in norms.items() if value == 0]
    if silent:
        ax.plot(silent, [floor] * len(silent), "X", color="#D55E00", label="no gradient at all")
        ax.legend()
    ax.set(yscale="log", xlabel="weight, from input to output", ylabel="gradient norm (log)")
    return ax


def check_dead_units(
    model: nn.Module, loader: Batches, *, max_batches: int | None = None
) -> Finding:
    """Share of units of each ``nn.ReLU`` that answer 0 to every example, in evaluation mode.

    Units are counted along axis 1 (a channel is one unit). values["dead"]: name -> share; a module that
    is used again counts again, as "name (use 2)". Suspicious: ``non_finite``; ``dead_units``, if more
    than half a layer is dead.

    Args:
        model: the network.
        loader: batches (inputs, labels).
        max_batches: how many to look at; by default all, as a unit that sleeps through one batch need
            not be dead.
    """
    alive: dict[str, Tensor] = {}
    finite, count, uses = True, 0, Counter()

    def watch(name: str, outputs: Tensor) -> None:
        nonlocal finite
        uses[name] += 1
        layer = name if uses[name] == 1 else f"{name} (use {uses[name]})"
        finite &= bool(outputs.isfinite().all())
        fires = (outputs > 0).flatten(2).any(dim=2) if outputs.ndim > 2 else outputs > 0
        fires = fires.any(dim=0)
        alive[layer] = fires | alive[layer] if layer in alive else fires

    with copied(model, loader) as (model, _), torch.no_grad():
        model.eval()
        for name, module in model.named_modules():
            if isinstance(module, nn.ReLU):
                module.register_forward_hook(lambda _m, _x, y, name=name: watch(name, y))
        for inputs, _ in read_batches(loader, model, max_batches):
            uses.clear()
            model(inputs)
            count += len(inputs)
    dead = {name: 1 - float(fires.float().mean()) for name, fires in alive.items()}
    values = {"dead": dead, "layers": len(dead), "count": count}
    shares = ", ".join(f"≈{share:.0%}" for share in dead.values())
    suspicions = {}
    names = [name for name, share in dead.items() if share > 0.5]
    if not finite:
        suspicions["non_finite"] = NON_FINITE
    elif names:
        suspicions["dead_units"] = fill(_MOSTLY_DEAD, names=", ".join(names))
    summary = fill(_DEAD, shares=shares, **values) if dead else _NO_RELU
    return Finding("dead units", summary, values, suspicions)
