"""The reference solutions of regularization agree with torch over many shapes, numbers and settings."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from course_utils.exercises.solutions.regularization import (
    batch_norm_forward,
    generalization_gap,
    inverted_dropout,
)
from course_utils.loader import TensorLoader
from course_utils.seeding import seeded

seeds = st.integers(0, 2**31 - 1)


def batch_and_layer(seed, rows, features, training, momentum, log_scale):
    generator = torch.Generator().manual_seed(seed)
    scale = 10.0**log_scale
    x = scale * torch.randn(rows, features, generator=generator, dtype=torch.float64) + scale
    layer = nn.BatchNorm1d(features, momentum=momentum).double().train(training)
    for tensor in (layer.weight, layer.bias, layer.running_mean):
        tensor.data.normal_(generator=generator)
    layer.running_var.uniform_(0.1, 3, generator=generator)
    return x, layer


@settings(deadline=None, max_examples=60)
@given(
    seed=seeds,
    rows=st.integers(1, 40),
    features=st.integers(1, 8),
    training=st.booleans(),
    momentum=st.floats(0, 1),
    log_scale=st.integers(-4, 4),
)
def test_batch_norm_equals_torch_in_both_modes(seed, rows, features, training, momentum, log_scale):
    rows = max(rows, 2) if training else rows
    x, layer = batch_and_layer(seed, rows, features, training, momentum, log_scale)
    arguments = [layer.weight, layer.bias, layer.running_mean.clone(), layer.running_var.clone()]
    output, running_mean, running_var = batch_norm_forward(x, *arguments, training, momentum)
    torch.testing.assert_close(output, layer(x))
    torch.testing.assert_close(running_mean, layer.running_mean)
    torch.testing.assert_close(running_var, layer.running_var)


@settings(deadline=None, max_examples=20)
@given(seed=seeds, rows=st.integers(2, 20), features=st.integers(1, 5))
def test_batch_norm_passes_torchs_gradients(seed, rows, features):
    x, layer = batch_and_layer(seed, rows, features, True, 0.1, 0)
    mine, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    statistics = layer.running_mean.clone(), layer.running_var.clone()
    batch_norm_forward(mine, layer.weight, layer.bias, *statistics, True)[0].pow(3).sum().backward()
    layer(theirs).pow(3).sum().backward()
    torch.testing.assert_close(mine.grad, theirs.grad)


@settings(deadline=None, max_examples=40)
@given(seed=seeds, p=st.floats(0.05, 0.95))
def test_dropout_keeps_the_share_and_the_mean_that_torch_keeps(seed, p):
    with seeded(seed):
        x = torch.rand(100, 200, dtype=torch.float64) + 0.5
        ours, torchs = inverted_dropout(x, p, True), nn.functional.dropout(x, p, True)
    bound = 6 * math.sqrt(p * (1 - p) / x.numel())  # six standard errors
    for output in (ours, torchs):
        assert abs((output != 0).double().mean() - (1 - p)) < bound
        torch.testing.assert_close(output[output != 0], (x / (1 - p))[output != 0])
        assert abs((output.mean() - x.mean()) * (1 - p)) < 1.5 * bound


@settings(deadline=None, max_examples=30)
@given(
    seed=seeds,
    shape=st.lists(st.integers(0, 6), min_size=1, max_size=4),
    p=st.floats(0, 1),
    training=st.booleans(),
)
def test_dropout_takes_any_shape_and_is_the_identity_where_torchs_is(seed, shape, p, training):
    with seeded(seed):
        x = torch.randn(shape)
        output = inverted_dropout(x, p, training)
    assert output.shape == x.shape
    assert output.isfinite().all()
    if not training or p in (0, 1):
        torch.testing.assert_close(output, nn.functional.dropout(x, p, training))


@settings(deadline=None, max_examples=20)
@given(seed=seeds, batch_size=st.integers(1, 12), training=st.booleans())
def test_the_gap_ignores_the_batch_size_and_hands_the_mode_back(seed, batch_size, training):
    with seeded(seed):
        model = nn.Sequential(nn.Linear(2, 5), nn.BatchNorm1d(5), nn.Dropout(0.5), nn.Linear(5, 1))
        sets = [
            torch.utils.data.TensorDataset(torch.randn(n, 2), torch.randn(n, 1)) for n in (9, 4)
        ]
    model.train(training)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    gap = generalization_gap(model, *(TensorLoader(data, batch_size) for data in sets))
    assert all(module.training is training for module in model.modules())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    model.eval()
    train, new = (nn.functional.mse_loss(model(x), y).item() for x, y in (d.tensors for d in sets))
    assert gap == pytest.approx(new - train, abs=1e-5)
