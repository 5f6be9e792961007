"""The reference solutions of losses equal torch's losses, at logits up to ±1e4."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from course_utils.exercises.solutions import losses as solutions

#: The first call of a torch function is slow, and a test that fails must fail again.
repeatable = settings(deadline=None, derandomize=True)
both_dtypes = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
logit = st.floats(-1e4, 1e4, width=32) | st.sampled_from([-1e4, -100.0, 0.0, 88.8, 1e4])


@st.composite
def tables(draw):
    """(logits (N, K) as lists, labels) with N and K from 1 to 5."""
    num_classes = draw(st.integers(1, 5))
    row = st.lists(logit, min_size=num_classes, max_size=num_classes)
    rows = draw(st.lists(row, min_size=1, max_size=5))
    label = st.integers(0, num_classes - 1)
    return rows, draw(st.lists(label, min_size=len(rows), max_size=len(rows)))


pairs = st.lists(st.tuples(logit, st.sampled_from([0.0, 1.0])), min_size=1, max_size=8)


@both_dtypes
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@repeatable
@given(table=tables())
def test_cross_entropy_and_its_gradient_equal_torch(dtype, reduction, table):
    logits, labels = torch.tensor(table[0], dtype=dtype), torch.tensor(table[1])
    ours, theirs = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    loss = solutions.cross_entropy(ours, labels, reduction=reduction)
    expected = F.cross_entropy(theirs, labels, reduction=reduction)
    torch.testing.assert_close(loss, expected)
    loss.backward()
    expected.backward()
    torch.testing.assert_close(ours.grad, theirs.grad)
    by_hand = solutions.cross_entropy_gradient(logits, labels)
    scale = len(labels) if reduction == "sum" else 1
    torch.testing.assert_close(by_hand * scale, theirs.grad)


@both_dtypes
@repeatable
@given(pairs=pairs)
def test_binary_cross_entropy_equals_torch(dtype, pairs):
    logits, labels = torch.tensor(pairs, dtype=dtype).unbind(dim=1)
    loss = solutions.bce_from_logits(logits, labels)
    torch.testing.assert_close(loss, F.binary_cross_entropy_with_logits(logits, labels))


@both_dtypes
@repeatable
@given(pairs=pairs)
def test_mean_squared_error_equals_torch_in_every_pair_of_shapes(dtype, pairs):
    predictions, targets = torch.tensor(pairs, dtype=dtype).unbind(dim=1)
    expected = F.mse_loss(predictions, targets)
    for p in (predictions, predictions[:, None]):
        for t in (targets, targets[:, None]):
            torch.testing.assert_close(solutions.mean_squared_error(p, t), expected)


def test_mean_squared_error_refuses_unequal_numbers():
    with pytest.raises(ValueError, match="4 predictions, but 1 targets"):
        solutions.mean_squared_error(torch.ones(4), torch.ones(1))


@both_dtypes
def test_binary_cross_entropy_has_the_right_slope_at_a_logit_of_0(dtype):
    logits = torch.zeros(2, dtype=dtype, requires_grad=True)
    solutions.bce_from_logits(logits, torch.tensor([0.0, 1.0], dtype=dtype)).backward()
    assert logits.grad.tolist() == [0.25, -0.25]
