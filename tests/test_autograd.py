"""The engine of one page has torch's gradients: on random graphs, at forks, through broadcasting."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from course_utils.autograd import Tensor, unbroadcast

SHAPES = [(), (1,), (3,), (1, 3), (2, 1), (2, 3), (4, 1, 3), (1, 2, 1)]
number = st.floats(-2, 2).filter(lambda value: abs(value) > 1e-3)  # away from the kink of relu


@st.composite
def arrays(draw, shapes=SHAPES):
    shape = draw(st.sampled_from(shapes))
    size = int(np.prod(shape, dtype=int))
    return np.array(draw(st.lists(number, min_size=size, max_size=size))).reshape(shape)


def squashed(x):
    """Between 0 and 1, by operations that both libraries have: what follows stays moderate."""
    return 1 / (1 + (-x).exp())


UNARY = {
    "relu": lambda x, axis: x.relu(),
    "exp": lambda x, axis: squashed(x).exp(),
    "log": lambda x, axis: (x * x + 0.5).log(),
    "negative": lambda x, axis: 0.3 - x,
    "square": lambda x, axis: squashed(x) ** 2,
    "reciprocal": lambda x, axis: 2 / (x * x + 1),
    "sum": lambda x, axis: x.sum(axis) if axis is not None else x.sum(),
    "mean": lambda x, axis: x.mean(axis) if axis is not None else x.mean(),
    "kept": lambda x, axis: x.sum(axis, True) if axis is not None else x * 0.5,
}
BINARY = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: squashed(a) * b,
    "divide": lambda a, b: a / (b * b + 1),
    "matmul": lambda a, b: a @ b,
}


@st.composite
def graphs(draw):
    """(leaves, steps): each step is an operation on what is there already, by its place, so that a
    result may be used any number of times."""
    leaves = draw(st.lists(arrays(), min_size=1, max_size=4))
    leaves += [draw(arrays([(2, 3)])), draw(arrays([(3, 2)]))]  # so that matrix products occur
    names = st.sampled_from([*UNARY, *BINARY])
    place, axis = st.integers(0, 999), st.integers(-3, 3)
    steps = st.tuples(names, place, place, axis)
    return leaves, draw(st.lists(steps, min_size=1, max_size=14))


def computed(leaves, steps, library):
    """All values of a graph, and the loss: the sum of what was computed, each used once more."""
    values = [library(leaf) for leaf in leaves]
    for name, first, second, axis in steps:
        a, b = values[first % len(values)], values[second % len(values)]
        shape, other = (tuple(getattr(v, "data", v).shape) for v in (a, b))
        if name in UNARY:
            in_range = -len(shape) <= axis < len(shape)
            values.append(UNARY[name](a, axis if in_range else None))
        elif name == "matmul":
            if len(shape) == len(other) == 2 and shape[1] == other[0]:
                values.append(a @ b)
        elif _broadcast(shape, other):
            values.append(BINARY[name](a, b))
    loss = values[0].sum()
    for value in values[1:]:
        loss = loss + squashed(value).sum()
    return values, loss


def _broadcast(*shapes):
    try:
        return np.prod(np.broadcast_shapes(*shapes), dtype=int) <= 200
    except ValueError:
        return False


def by_torch(array):
    return torch.tensor(array, requires_grad=True)


@settings(deadline=None, derandomize=True, max_examples=400)
@given(graph=graphs())
def test_gradients_of_random_graphs_equal_torch(graph):
    leaves, steps = graph
    values, loss = computed(leaves, steps, Tensor)
    torch_values, torch_loss = computed(leaves, steps, by_torch)
    for value in torch_values:
        value.retain_grad()
    loss.backward()
    torch_loss.backward()
    np.testing.assert_allclose(loss.data, torch_loss.detach(), rtol=1e-9, atol=1e-9)
    for ours, theirs in zip(values, torch_values, strict=True):
        assert ours.grad.shape == ours.data.shape == tuple(theirs.shape)
        np.testing.assert_allclose(ours.data, theirs.detach(), rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(ours.grad, theirs.grad, rtol=1e-9, atol=1e-9)


@settings(deadline=None, derandomize=True, max_examples=200)
@given(array=arrays(), other=arrays())
def test_what_broadcasting_repeated_is_summed_again(array, other):
    if not _broadcast(array.shape, other.shape):
        return
    stretched = torch.tensor(array, requires_grad=True)
    weights = np.arange(np.broadcast(array, other).size, dtype=float)
    weights = weights.reshape(np.broadcast_shapes(array.shape, other.shape))
    (stretched.expand(weights.shape) * torch.tensor(weights)).sum().backward()
    np.testing.assert_allclose(unbroadcast(weights, array.shape), stretched.grad)


@pytest.mark.parametrize("seed", range(20))
def test_a_network_has_the_gradients_of_torch(seed):
    rng = np.random.default_rng(seed)
    num, inputs, hidden, classes = rng.integers(1, 7, 4)
    X, labels = rng.normal(size=(num, inputs)), rng.integers(0, classes, num)
    shapes = [(inputs, hidden), (hidden,), (hidden, classes), (classes,)]
    drawn = [rng.normal(size=shape) for shape in shapes]
    W, b, V, c = ours = [Tensor(values) for values in drawn]
    logits = (Tensor(X) @ W + b).relu() @ V + c
    shifted = logits - logits.data.max(axis=1, keepdims=True)
    log_probs = shifted - shifted.exp().sum(axis=1, keepdims=True).log()
    loss = -(log_probs * np.eye(classes)[labels]).sum() / num
    loss.backward()
    W, b, V, c = theirs = [by_torch(values) for values in drawn]
    expected = F.cross_entropy((torch.tensor(X) @ W + b).relu() @ V + c, torch.tensor(labels))
    expected.backward()
    assert loss.data == pytest.approx(expected.item(), abs=1e-12)
    for tensor, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(tensor.grad, other.grad, rtol=1e-10, atol=1e-12)


def test_a_number_used_twice_gets_both_gradients():
    x = Tensor(3.0)
    y = x * x + 5 * x
    y.backward()
    assert (y.data, x.grad) == (24, 11)


def test_a_fork_whose_paths_differ_in_length_waits_for_the_longer_one():
    x = Tensor(2.0)
    y = x * x  # the short way to the loss is found first, and y has to wait for the long one
    long = y
    for _ in range(5):
        long = long * 1.0 + 0.0
    (y + long).backward()
    assert (y.grad, x.grad) == (2, 8)


def test_a_long_chain_does_not_exceed_the_recursion_limit():
    x = Tensor(1.0)
    y = x
    for _ in range(3000):
        y = y + x
    y.backward()
    assert x.grad == 3001


def test_the_cost_grows_with_the_graph_and_not_with_its_paths():
    x = Tensor(1.0)
    y = x
    for _ in range(200):  # 2 ** 200 paths lead back to x
        y = 0.5 * y + 0.5 * y
    y.backward()
    assert x.grad == 1


def test_gradients_add_up_over_calls_as_in_torch():
    x = Tensor([1.0, 2.0])
    for _ in range(2):
        (x * x).sum().backward()
    assert x.grad.tolist() == [4, 8]
    loss = (x * x).sum()
    x.grad = np.zeros(2)
    loss.backward()
    loss.backward()  # the same graph again: no half-finished sum is left from the first time
    assert x.grad.tolist() == [4, 8]


def test_numbers_and_arrays_stand_on_either_side():
    x = Tensor([1.0, 4.0])
    array = np.array([2.0, 3.0])
    for mixed, expected in (
        (array + x, [3, 7]),
        (array * x, [2, 12]),
        (array - x, [1, -1]),
        (array / x, [2, 0.75]),
        (x / array, [0.5, 4 / 3]),
        (1 - x, [0, -3]),
    ):
        assert isinstance(mixed, Tensor)
        np.testing.assert_allclose(mixed.data, expected)


def test_the_slope_of_relu_at_0_is_0_as_in_torch():
    x = Tensor([-1.0, 0.0, 1.0])
    x.relu().sum().backward()
    theirs = by_torch(x.data)
    theirs.relu().sum().backward()
    assert x.grad.tolist() == theirs.grad.tolist() == [0, 0, 1]


def test_data_is_copied_and_the_gradient_has_its_shape():
    data = np.ones((2, 3))
    x = Tensor(data)
    x.data -= 1
    assert data.all() and x.grad.shape == (2, 3) and not x.grad.any()


@pytest.mark.parametrize("shapes", [((3,), (3, 2)), ((2, 3), (3,)), ((1, 2, 3), (3, 2))])
def test_matmul_says_which_shapes_it_was_given(shapes):
    with pytest.raises(ValueError, match=r"two matrices, got shapes \(.*; make a vector \(1, D\)"):
        Tensor(np.ones(shapes[0])) @ Tensor(np.ones(shapes[1]))
