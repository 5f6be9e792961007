"""Multi-layer perceptrons: their layers, sizes and first weights."""

import math

import pytest
import torch
from torch import nn

from course_utils.models import INITIALIZATIONS, MLP, MNIST_MLP, count_parameters, initialize


def layer_types(model: MLP) -> list[type]:
    return [type(layer) for layer in model.net]


def test_mnist_mlp_has_the_parameters_its_docstring_promises():
    assert count_parameters(MNIST_MLP()) == 270_346
    weights_and_biases = (784 + 1) * 32 + (32 + 1) * 32 + (32 + 1) * 10
    assert count_parameters(MNIST_MLP(hidden_size=32)) == weights_and_biases + 2 * 2 * 32


def test_mnist_mlp_drops_a_fifth_by_default_after_each_hidden_layer():
    for options, rate in (({}, 0.2), ({"dropout_rate": 0.35}, 0.35)):
        dropouts = [layer for layer in MNIST_MLP(8, **options).net if isinstance(layer, nn.Dropout)]
        assert [layer.p for layer in dropouts] == [rate, rate]
    block = [nn.Linear, nn.BatchNorm1d, nn.ReLU]
    assert layer_types(MNIST_MLP(8, dropout_rate=0)) == [*block, *block, nn.Linear]


def test_one_unit_and_almost_no_dropout_are_allowed():
    assert layer_types(MLP(1, [1], 1, dropout_rate=0.01)).count(nn.Dropout) == 1
    MLP(1, [1], 1, dropout_rate=0.99)


def test_frozen_parameters_are_not_counted():
    model = MLP(3, [5], 2)
    model.net[0].requires_grad_(False)
    assert count_parameters(model) == 5 * 2 + 2


def test_layers_come_in_the_order_linear_norm_activation_dropout():
    model = MLP(6, [5, 4], 3, activation=nn.Tanh, dropout_rate=0.3, batch_norm=True)
    block = [nn.Linear, nn.BatchNorm1d, nn.Tanh, nn.Dropout]
    assert layer_types(model) == [*block, *block, nn.Linear]
    widths = [(m.in_features, m.out_features) for m in model.net if isinstance(m, nn.Linear)]
    assert widths == [(6, 5), (5, 4), (4, 3)]
    assert {m.p for m in model.net if isinstance(m, nn.Dropout)} == {0.3}


def test_without_norm_and_dropout_there_are_no_such_layers_and_without_hidden_ones_one_linear():
    assert layer_types(MLP(6, [5], 3)) == [nn.Linear, nn.ReLU, nn.Linear]
    assert layer_types(MLP(6, [], 3, batch_norm=True, dropout_rate=0.5)) == [nn.Linear]


def test_images_are_flattened_and_each_example_is_scored_for_itself():
    model = MNIST_MLP(8, seed=0).eval()
    images = torch.randn(3, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    logits = model(images)
    assert logits.shape == (3, 10)
    torch.testing.assert_close(logits, model.net(images.reshape(3, 784)))
    torch.testing.assert_close(logits[1:2], model(images[1:2]))


@pytest.mark.parametrize("initialization", INITIALIZATIONS)
def test_initialization_sets_every_linear_layer_and_only_those(initialization):
    fan_in, fan_out = 300, 200
    model = MLP(fan_in, [fan_out], 5, batch_norm=True, initialization=initialization, seed=0)
    first, norm, last = model.net[0], model.net[1], model.net[3]
    weight = first.weight.detach()
    std = {
        "zeros": 0.0,
        "constant": 0.0,
        "default": 1 / math.sqrt(3 * fan_in),
        "normal": 0.01,
        "xavier": math.sqrt(2 / (fan_in + fan_out)),
        "kaiming": math.sqrt(2 / fan_in),
    }[initialization]
    assert float(weight.std()) == pytest.approx(std, rel=0.02, abs=1e-9)
    assert float(weight.mean()) == pytest.approx(
        0.01 if initialization == "constant" else 0, abs=1e-3
    )
    is_bounded = initialization in ("default", "xavier", "kaiming")  # uniform, unlike the normal
    if is_bounded:
        assert float(weight.abs().max()) == pytest.approx(math.sqrt(3) * std, rel=0.01)
    for layer in (first, last):
        assert bool(layer.bias.any()) == (initialization == "default")
        assert bool(layer.weight.any()) == (initialization != "zeros")
    assert torch.equal(norm.weight, torch.ones(fan_out))


def test_initialize_works_in_place_on_any_model_and_returns_it():
    model = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 1)))
    assert initialize(model, "constant") is model
    for layer in (model[0], model[1][0]):
        assert layer.weight.tolist() == [[pytest.approx(0.01)] * 2] * layer.out_features
        assert not layer.bias.any()


@pytest.mark.parametrize("initialization", ["default", "xavier", "kaiming", "normal"])
def test_seed_repeats_the_weights_and_leaves_the_global_generator_alone(initialization):
    state = torch.get_rng_state()
    first, same, other = (
        MLP(4, [8], 3, initialization=initialization, seed=seed).net[0].weight for seed in (1, 1, 2)
    )
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


def test_without_a_seed_the_weights_come_from_the_global_generator():
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = MLP(4, [8], 3)
    assert torch.equal(model.net[0].weight, MLP(4, [8], 3, seed=3).net[0].weight)


@pytest.mark.parametrize(
    ("arguments", "options", "says"),
    [
        ((0, [5], 3), {}, r"\[0, 5, 3\]"),
        ((4, [5, 0], 3), {}, r"\[4, 5, 0, 3\]"),
        ((4, [5], -1), {}, r"\[4, 5, -1\]"),
        ((4, [5], 3), {"dropout_rate": 1.0}, r"\[0, 1\), got 1\.0"),
        ((4, [5], 3), {"dropout_rate": -0.1}, r"\[0, 1\), got -0\.1"),
        ((4, [5], 3), {"initialization": "he"}, r"default, zeros, .* got 'he'"),
        ((4, [5], 3), {"seed": -1}, "seed must be"),
    ],
)
def test_arguments_that_make_no_model_are_refused(arguments, options, says):
    with pytest.raises(ValueError, match=says):
        MLP(*arguments, **options)
