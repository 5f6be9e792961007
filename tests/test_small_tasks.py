"""The tasks of the lesson lr_finder are what they say, and the generator alone decides them."""

import pytest
import torch

from course_utils.mnist import load_mnist
from course_utils.small_tasks import small_tasks

INPUTS = {"digits": (1, 7, 7), "sine": (1,), "spirals": (2,), "cancer": (30,), "diabetes": (10,)}


@pytest.fixture(scope="module")
def mnist():
    return load_mnist("embedded")


@pytest.fixture(scope="module")
def tasks(mnist):
    return small_tasks(mnist, torch.Generator().manual_seed(0))


def test_shapes_and_targets(tasks):
    assert list(tasks) == list(INPUTS)
    for name, parts in tasks.items():
        for part in parts:
            inputs, targets = part.tensors
            assert inputs.dtype == torch.float32 and inputs.shape[1:] == INPUTS[name]
            if name in ("sine", "diabetes"):
                assert targets.dtype == torch.float32 and targets.shape == (len(part), 1)
            else:
                assert targets.dtype == torch.int64 and targets.shape == (len(part),)
                assert set(targets.tolist()) == set(range(10 if name == "digits" else 2))


@pytest.mark.parametrize("name", ["cancer", "diabetes"])
def test_tables_are_scaled_by_their_training_rows(tasks, name):
    (train, _), (judge, _) = (part.tensors for part in tasks[name])
    assert train.mean(dim=0).abs().max() < 1e-5
    assert (train.std(dim=0) - 1).abs().max() < 1e-5
    assert judge.mean(dim=0).abs().max() > 1e-3  # by its own rows it would be 0


@pytest.mark.parametrize("name", ["sine", "spirals", "cancer", "diabetes"])
def test_no_row_stands_on_both_sides(tasks, name):
    train, judge = ({tuple(row) for row in part.tensors[0].tolist()} for part in tasks[name])
    assert len(train) > len(judge) > 100
    assert not train & judge


def test_the_spirals_are_the_same_but_for_half_a_turn(tasks):
    xy, label = tasks["spirals"][0].tensors
    radius = xy.norm(dim=1) / 2
    turned = torch.atan2(xy[:, 1], xy[:, 0]) - 7 * radius - torch.pi * label
    clear = radius > 0.5  # nearer the middle the noise decides the angle
    assert turned[clear].cos().mean() > 0.9


def test_the_generator_alone_decides(mnist, tasks):
    again = small_tasks(mnist, torch.Generator().manual_seed(0))
    other = small_tasks(mnist, torch.Generator().manual_seed(1))
    for name, parts in tasks.items():
        same, different = (torch.equal(parts[0][:][0], t[name][0][:][0]) for t in (again, other))
        assert same
        assert different == (name == "digits")
