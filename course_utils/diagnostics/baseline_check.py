"""The input-independent baseline: does a model learn anything from its inputs at all?"""

import math

import torch
from torch import nn
from torch.optim import Optimizer

from course_utils.batches import Batches, require_loader, require_tensor
from course_utils.diagnostics.finding import NON_FINITE, Finding, fill
from course_utils.diagnostics.program_checks import Step, ordinary_step
from course_utils.diagnostics.trial import copied, read_batches
from course_utils.generators import generators_kept
from course_utils.language import Text
from course_utils.tally import Criterion, Tally

_BASELINE = Text(
    "{steps} 步之後的驗證損失：真的輸入 ≈{real:.3g}，輸入全部歸零 ≈{zeroed:.3g}",
    "validation loss after {steps} steps: ≈{real:.3g} with the real inputs, ≈{zeroed:.3g} with all "
    "inputs zeroed",
)
_NO_BETTER = Text(
    "看不看輸入都一樣：模型學到的只有標籤的比例。標籤和輸入對得上嗎？輸入真的傳進模型了嗎？如果兩邊都停在亂猜的水準，先看模型走的那一步。",
    "the inputs make no difference: all that was learned is how frequent each label is. Do labels and "
    "inputs belong together, and do the inputs reach the model? If both runs stay at a guess, look at "
    "the step first.",
)


def check_baseline(
    model: nn.Module,
    loader: Batches,
    val_loader: Batches,
    criterion: Criterion,
    *,
    optimizer: Optimizer | None = None,
    step: Step | None = None,
    num_steps: int = 100,
    margin: float = 0.05,
) -> Finding:
    """Train twice from the same weights, once with every input zeroed: the real inputs must help.

    Both runs see the same labels in the same order and are judged in evaluation mode by the mean loss
    on ``val_loader``, whose inputs are zeroed for the second run, too. Suspicious: ``non_finite`` (the
    loss with the real inputs), ``no_better`` (it is not below that of the baseline by the margin).
    Karpathy 2019, "A Recipe for Training Neural Networks" (the input-independent baseline).

    Args:
        model: not yet trained; copies are trained.
        loader: batches (inputs, labels) to train on; a short one is read again.
        val_loader: batches that are not trained on: a model learns even foreign labels by heart.
        criterion: returns the mean loss of a batch.
        optimizer: your own, to have it tested too; by default Adam at 0.001.
        step: your own ``step(model, optimizer, inputs, labels)``; by default an ordinary one.
        num_steps: how many steps each run takes.
        margin: by what share of the baseline's loss the real one must be lower, in [0, 1).

    >>> inputs = torch.arange(64) % 2 * 2.0 - 1
    >>> batches = [(inputs[:, None], (inputs > 0).long())]
    >>> check_baseline(nn.Linear(1, 2), batches, batches, nn.CrossEntropyLoss()).ok
    True
    """
    if num_steps < 1:
        raise ValueError(f"num_steps must be at least 1, got {num_steps}")
    if not 0 <= margin < 1:
        raise ValueError(f"margin is a share of the baseline's loss in [0, 1), got {margin}")
    require_loader(val_loader, "val_loader")
    step = step or ordinary_step(criterion)
    losses = []
    for inputs_of in (lambda inputs: inputs, torch.zeros_like):
        with copied(model, loader, optimizer) as (trial, own), generators_kept(val_loader):
            own = own or torch.optim.Adam(trial.parameters(), lr=0.001)
            taken = 0
            while taken < num_steps:
                for inputs, labels in read_batches(loader, trial, num_steps - taken):
                    step(trial.train(), own, inputs_of(inputs), labels)
                    taken += 1
            is_baseline = inputs_of is torch.zeros_like
            losses.append(_loss(trial, val_loader, criterion, is_baseline))
    real, zeroed = losses
    values = {"real": real, "zeroed": zeroed, "steps": num_steps}
    suspicions = {}
    if not math.isfinite(real):
        suspicions["non_finite"] = NON_FINITE
    elif not real < zeroed - margin * abs(zeroed) and math.isfinite(zeroed):
        suspicions["no_better"] = _NO_BETTER
    return Finding("baseline", fill(_BASELINE, **values), values, suspicions)


@torch.no_grad()
def _loss(model: nn.Module, loader: Batches, criterion: Criterion, is_baseline: bool) -> float:
    """Mean loss in evaluation mode, of the baseline with zeros for inputs.

    Running statistics of zeros have no variance, which magnifies whatever the weights have moved since:
    batch norm takes the statistics of the batch there, and the batch twice, in case it holds one example.
    """
    tally, model = Tally(criterion), model.eval()
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    for norm in norms if is_baseline else ():
        norm.train()
    for inputs, labels in read_batches(loader, model):
        if is_baseline:
            inputs = torch.zeros_like(torch.cat([inputs] * 2) if norms else inputs)
        tally.loss(require_tensor(model(inputs))[: len(labels)], labels)
    return tally.means()[0]
