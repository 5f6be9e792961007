"""A stack of networks behaves as each network alone."""

import pytest
import torch
from torch import nn

from course_utils.models import MLP
from course_utils.stacked import StackedMLP


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW])
def test_training_a_stack_equals_training_each_model_alone(optimizer, batch_norm):
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(3, 12, 2, generator=generator, dtype=torch.float64)
    targets = inputs.prod(dim=2, keepdim=True)
    shape = {"batch_norm": batch_norm, "activation": nn.Tanh}
    stack = StackedMLP(2, [5, 4], 1, seeds=[7, 8, 9], **shape).double()
    together = optimizer(stack.parameters(), lr=0.05)
    for _ in range(20):
        together.zero_grad()
        (stack(inputs) - targets).square().mean(dim=(1, 2)).sum().backward()
        together.step()
    outputs = {mode: stack.train(mode)(inputs) for mode in (True, False)}
    for index, seed in enumerate([7, 8, 9]):
        model = MLP(2, [5, 4], 1, seed=seed, **shape).double()
        alone = optimizer(model.parameters(), lr=0.05)
        for _ in range(20):
            alone.zero_grad()
            (model(inputs[index]) - targets[index]).square().mean().backward()
            alone.step()
        for mode in (True, False):
            expected = model.train(mode)(inputs[index])
            torch.testing.assert_close(outputs[mode][index], expected)


def test_one_batch_serves_all_models():
    inputs = torch.randn(6, 2)
    stack = StackedMLP(2, [3], 1, seeds=range(4))
    for index in range(4):
        torch.testing.assert_close(stack(inputs)[index], MLP(2, [3], 1, seed=index)(inputs))


def test_a_stack_of_one():
    inputs, options = torch.randn(6, 2), {"batch_norm": True, "dropout_rate": 0.3}
    stack, model = StackedMLP(2, [3], 1, seeds=[5], **options), MLP(2, [3], 1, seed=5, **options)
    torch.testing.assert_close(stack.eval()(inputs)[0], model.eval()(inputs))


def test_dropout_masks_differ_between_models():
    stack = StackedMLP(1, [64], 1, seeds=[0, 0], dropout_rate=0.5)
    first, second = stack(torch.ones(1, 1))
    assert not torch.equal(first, second)


def test_an_empty_stack_is_refused():
    with pytest.raises(ValueError, match="at least one model"):
        StackedMLP(2, [3], 1, seeds=[])


def test_a_stack_holds_contiguous_parameters_of_its_own_and_knows_their_number():
    options = {"batch_norm": True, "dropout_rate": 0.3, "activation": nn.Tanh}
    stack = StackedMLP(2, [3, 4], 5, seeds=[1, 2, 3], **options)
    assert stack.num_models == 3
    block = ["_StackedLinear", "_StackedBatchNorm", "Tanh", "Dropout"]
    assert [type(layer).__name__ for layer in stack.net] == [*block, *block, "_StackedLinear"]
    assert all(p.is_leaf and p.requires_grad for p in stack.parameters())
    assert stack(torch.zeros(7, 2)).shape == stack(torch.zeros(3, 7, 2)).shape == (3, 7, 5)
