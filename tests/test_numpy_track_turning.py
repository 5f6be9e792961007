"""The small task and network of the lessons on gradients and the loop, and gradients as one vector."""

import numpy as np
import pytest

from course_utils.numpy_track.flat_gradients import (
    cosine,
    flatten,
    loss_of,
    random_gradient,
    relative_gap,
    slopes_along,
    unflatten,
)
from course_utils.numpy_track.gradients import compute_numerical_gradient
from course_utils.numpy_track.losses import cross_entropy_loss, mse_loss
from course_utils.numpy_track.training_utils import train_model
from course_utils.numpy_track.turning import TanhNet, TurnNet, fresh_net, make_turns


def test_walks_turn_the_way_their_class_says():
    X, y = make_turns(200, np.random.default_rng(0), noise=0.0, num_steps=7)
    assert X.shape == (200, 7, 2) and set(y) == {0, 1, 2}
    assert np.allclose(np.linalg.norm(X, axis=-1), 1)
    here, there = X[:, :-1], X[:, 1:]
    turn = np.arcsin(here[..., 0] * there[..., 1] - here[..., 1] * there[..., 0])
    assert np.allclose(turn, ((y - 1) * np.pi / 6)[:, None])
    noisy, _ = make_turns(2000, np.random.default_rng(0), noise=0.4)
    clean, _ = make_turns(2000, np.random.default_rng(0), noise=0.0)
    assert (noisy - clean).std() == pytest.approx(0.4, abs=0.01)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_gradients_of_the_network_are_those_that_are_measured(task):
    rng = np.random.default_rng(1)
    X, y = make_turns(20, rng)
    targets = y if task == "classification" else rng.normal(size=(20, 3))
    net, loss_fn = TurnNet(12, 5, 3, rng), {"regression": mse_loss}.get(task, cross_entropy_loss)
    loss, grads, outputs = net.loss_and_grads(X, targets, task)
    assert loss == loss_fn(outputs, targets) and outputs.shape == (20, 3)
    measured = compute_numerical_gradient(net, X, targets, loss_fn)
    assert all(relative_gap(grads[name], measured[name]) < 1e-8 for name in grads)


def test_one_number_a_row_may_be_given_without_its_axis():
    rng = np.random.default_rng(2)
    X, targets = rng.normal(size=(9, 12)), rng.normal(size=9)
    net = TurnNet(12, 4, 1, rng)
    flat, column = (net.loss_and_grads(X, t, "regression") for t in (targets, targets[:, None]))
    assert flat[0] == column[0]
    assert all(np.array_equal(flat[1][name], column[1][name]) for name in "UaVc")


def test_the_network_trains_with_its_own_gradients_and_without():
    X, y = make_turns(60, np.random.default_rng(3), noise=0.1)
    for net_class, epochs in ((TurnNet, 40), (TanhNet, 6)):
        net = net_class(12, 4, 3, np.random.default_rng(0))
        options = {"epochs": epochs, "learning_rate": 0.5, "verbose": False, "rng": 0}
        history = train_model(net, (X, y), (X, y), **options)
        assert min(history["val_loss"]) < history["val_loss"][0]


def test_a_vector_and_its_arrays_hold_the_same_numbers():
    net, _, _ = fresh_net(0)
    theta = flatten(net.params)
    assert theta.shape == (259,)
    parts = unflatten(theta, net.params)
    assert all(np.array_equal(parts[name], net.params[name]) for name in "UaVc")
    assert cosine(theta, 3 * theta) == pytest.approx(1) and relative_gap(theta, -theta) == 1


def test_slopes_along_the_axes_are_the_gradient_and_random_ones_average_to_it():
    net, X, y = fresh_net(4)
    gradient = flatten(net.loss_and_grads(X, y)[1])
    loss, theta = loss_of(net, X, y), flatten(net.params)
    assert relative_gap(slopes_along(loss, theta, np.eye(259)), gradient) < 1e-8
    few, many = (random_gradient(loss, theta, k, np.random.default_rng(0)) for k in (1, 4000))
    assert cosine(few, gradient) < 0.4 and cosine(many, gradient) > 0.9
