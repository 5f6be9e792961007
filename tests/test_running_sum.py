"""The stack of recurrent networks computes what each network computes alone."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from course_utils.running_sum import StackedSumRNN, clip_each, gradient_of_each, sums_to_learn


def generators(*seeds):
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def torch_twin(stack, index):
    """torch's own recurrent layer with the weights of one network of the stack."""
    hidden_size = stack.W.shape[1]
    rnn = nn.RNN(1, hidden_size, nonlinearity="relu", batch_first=True, bias=True)
    with torch.no_grad():
        rnn.weight_hh_l0.copy_(stack.W[index].T)
        rnn.weight_ih_l0.copy_(stack.u[index].T)
        rnn.bias_ih_l0.copy_(stack.b[index, 0])
        rnn.bias_hh_l0.zero_()
    return rnn


@settings(max_examples=15, deadline=None)
@given(
    num_nets=st.integers(1, 3),
    hidden_size=st.integers(1, 9),
    length=st.integers(1, 12),
    batch_size=st.integers(1, 5),
)
def test_each_network_equals_torchs(num_nets, hidden_size, length, batch_size):
    stack = StackedSumRNN(range(num_nets), hidden_size)
    with torch.no_grad():
        for param in stack.parameters():  # nothing may hide behind zeros and identities
            param += 0.1 * torch.randn(param.shape, generator=generators(7)[0])
    x, _ = sums_to_learn(generators(*range(num_nets)), batch_size, length)
    for index in range(num_nets):
        _, h = torch_twin(stack, index)(x[index][:, :, None])
        expected = h[0] @ stack.v[index] + stack.c[index]
        torch.testing.assert_close(stack(x)[index], expected[:, 0], rtol=1e-4, atol=1e-5)


def test_a_network_is_the_same_alone_and_in_company():
    alone, together = StackedSumRNN([4]), StackedSumRNN([2, 4])
    for one, two in zip(alone.parameters(), together.parameters(), strict=True):
        assert torch.equal(one[0], two[1])
    x, targets = sums_to_learn(generators(0, 1))
    (alone(x[1:]) - targets[1:]).square().mean(dim=1).sum().backward()
    (together(x) - targets).square().mean(dim=1).sum().backward()
    first, second = gradient_of_each(together)[1:], gradient_of_each(alone)
    torch.testing.assert_close(first, second, rtol=1e-4, atol=1e-5)


def with_gradients(stack, seeds):
    x, targets = sums_to_learn(generators(*seeds))
    (stack(x) - targets).square().mean(dim=1).sum().backward()
    return stack


def test_clipping_a_stack_is_torchs_clipping_of_each():
    stack = with_gradients(StackedSumRNN([0, 1, 2, 3], hidden_size=8), range(4))
    singles = [StackedSumRNN([seed], hidden_size=8) for seed in range(4)]
    for index, single in enumerate(singles):
        for one, many in zip(single.parameters(), stack.parameters(), strict=True):
            one.grad = many.grad[index : index + 1].clone()
    norms = [
        nn.utils.clip_grad_norm_(single.parameters(), c)
        for single, c in zip(singles, (0.5, math.inf, 1e6, math.inf), strict=True)
    ]
    nn.utils.clip_grad_value_(singles[1].parameters(), 0.01)
    limits = torch.tensor([[0.5, math.inf, 1e6, math.inf], [math.inf, 0.01, math.inf, math.inf]])
    before = clip_each(stack, *limits)
    torch.testing.assert_close(before.float(), torch.stack(norms))
    expected = torch.cat([gradient_of_each(single) for single in singles])
    torch.testing.assert_close(gradient_of_each(stack), expected)


def test_a_ruined_network_does_not_spoil_its_neighbours():
    stack = with_gradients(StackedSumRNN([0, 1], hidden_size=4), range(2))
    whole = gradient_of_each(stack)[1]
    stack.W.grad[0] = math.inf
    norms = clip_each(stack, torch.tensor([1.0, 1e9]), torch.tensor([math.inf, math.inf]))
    assert norms[0] == math.inf and norms[1].isfinite()
    torch.testing.assert_close(gradient_of_each(stack)[1], whole)
    assert gradient_of_each(stack)[0].isnan().any()  # as torch's own, which nothing can mend


def test_targets_are_standardized_sums():
    x, targets = sums_to_learn(generators(0), batch_size=20_000, length=12)
    assert x.shape == (1, 20_000, 12) and x.min() >= 0 and x.max() < 1
    assert abs(targets.mean()) < 0.03 and abs(targets.std() - 1) < 0.03
    torch.testing.assert_close(targets, (x.sum(dim=2) - 6) / 1.0)


def test_the_same_generators_draw_the_same_sequences():
    first, again = (sums_to_learn(generators(3, 5)) for _ in range(2))
    assert torch.equal(first[0], again[0])
    assert not torch.equal(first[0][0], first[0][1])


def test_an_empty_stack_is_refused():
    with pytest.raises(ValueError, match="at least one network"):
        StackedSumRNN([])


def test_networks_begin_as_the_docstring_says():
    stack = StackedSumRNN([3, 5])
    assert torch.equal(stack.W[1], torch.eye(32)) and stack.W.shape == (2, 32, 32)
    assert not stack.b.any() and not stack.c.any()
    assert stack.b.shape == (2, 1, 32) and stack.c.shape == (2, 1, 1)
    assert stack.u.shape == (2, 1, 32) and stack.v.shape == (2, 32, 1)
    bound = 1 / math.sqrt(32)
    for weights in (stack.u, stack.v):
        assert 0.8 * bound < weights.abs().max() <= bound and weights.min() < 0 < weights.max()
        assert not torch.equal(weights[0], weights[1])
    assert not torch.equal(stack.u.flatten(), stack.v.flatten())
    assert all(p.is_leaf and p.is_contiguous() for p in stack.parameters())
    x, targets = sums_to_learn(generators(0))
    assert x.shape == (1, 32, 20) and targets.shape == (1, 32)
    torch.testing.assert_close(targets, (x.sum(dim=2) - 10) / math.sqrt(20 / 12))


def test_squares_of_exploding_gradients_stay_finite_and_tiny_ones_are_clipped_as_torchs():
    stack = with_gradients(StackedSumRNN([0], hidden_size=4), [0])
    unlimited = torch.tensor([math.inf])
    for size, limit in ((1e30, 1.0), (1e-7, 1e-8)):
        for p in stack.parameters():
            p.grad.fill_(size)
        count = sum(p.numel() for p in stack.parameters())
        norms = clip_each(stack, torch.tensor([limit]), unlimited)
        assert norms.dtype == torch.float64
        assert float(norms) == pytest.approx(size * math.sqrt(count), rel=1e-6)
        expected = size * limit / (float(norms) + 1e-6)
        for p in stack.parameters():
            torch.testing.assert_close(p.grad, torch.full_like(p, expected), rtol=1e-5, atol=0)
    rows = gradient_of_each(stack)
    assert rows.dtype == torch.float64 and rows.shape == (1, count)
