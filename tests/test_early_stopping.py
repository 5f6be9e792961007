"""Early stopping against the rule applied to the whole list of losses at once."""

import copy
import math
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from course_utils.early_stopping import EarlyStopping
from course_utils.models import MLP


def numbered_model(number: float) -> nn.Module:
    """A model all of whose weights, and batch norm's running mean, are this number."""
    net = MLP(2, [3], 2, batch_norm=True, seed=0)
    mark(net, number)
    return net


def mark(net: nn.Module, number: float) -> None:
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.fill_(number)
        net.net[1].running_mean.fill_(number)


def marks(net: nn.Module) -> set[float]:
    values = [p.detach().flatten() for p in net.parameters()] + [net.net[1].running_mean]
    return set(torch.cat(values).tolist())


def watch(losses, **options):
    """Feed the losses until it stops; the weights are numbered by epoch, and changed in place."""
    early_stopping, net = EarlyStopping(**options), numbered_model(-1)
    for epoch, loss in enumerate(losses, start=1):
        mark(net, epoch)
        if early_stopping(loss, net):
            break
    mark(net, 99)
    return early_stopping, net, epoch


def rule(losses, patience, min_delta):
    """(epoch at which it stops, best epoch), by looking at the whole list."""
    best_epoch, best = 0, math.inf
    for epoch, loss in enumerate(losses, start=1):
        if loss < best - min_delta:
            best_epoch, best = epoch, loss
        if epoch == best_epoch + patience:
            return epoch, best_epoch
    return len(losses), best_epoch


@given(
    losses=st.lists(st.integers(0, 8).map(float) | st.just(math.nan), min_size=1, max_size=20),
    patience=st.integers(1, 5),
    min_delta=st.sampled_from([0.0, 1.0, 2.5]),
)
def test_stops_and_restores_where_the_rule_says(losses, patience, min_delta):
    early_stopping, net, stopped_at = watch(losses, patience=patience, min_delta=min_delta)
    expected_stop, expected_best = rule(losses, patience, min_delta)
    assert (stopped_at, early_stopping.best_epoch) == (expected_stop, expected_best)
    if expected_best > 0:
        early_stopping.restore(net)
        assert marks(net) == {float(expected_best)}, "statistics of batch norm included"
        assert early_stopping.best_loss == losses[expected_best - 1]


def test_patience_counts_epochs_without_improvement():
    losses = [1.0, 0.5, 0.6, 0.7, 0.8, 0.4]
    assert [watch(losses, patience=p)[2] for p in (1, 2, 3, 4)] == [3, 4, 5, 6]


def test_min_delta_must_be_exceeded():
    assert watch([1.0, 0.75], patience=5, min_delta=0.25)[0].best_epoch == 1
    assert watch([1.0, 0.5], patience=5, min_delta=0.25)[0].best_epoch == 2
    assert watch([1.0, 1.1], patience=5, min_delta=0.25)[0].best_epoch == 1


def test_the_snapshot_outlives_real_training_steps():
    net = MLP(4, [8], 3, seed=0)
    best = copy.deepcopy(net.state_dict())
    early_stopping = EarlyStopping(patience=3)
    early_stopping(1.0, net)
    optimizer = torch.optim.SGD(net.parameters(), lr=1.0)
    net(torch.ones(5, 4)).square().sum().backward()
    optimizer.step()
    assert not torch.equal(net.state_dict()["net.0.weight"], best["net.0.weight"])
    early_stopping.restore(net)
    assert all(torch.equal(value, best[name]) for name, value in net.state_dict().items())
    optimizer.step()  # and restoring hands out a copy, too
    early_stopping.restore(net)
    assert all(torch.equal(value, best[name]) for name, value in net.state_dict().items())


@given(cut=st.integers(1, 5))
def test_state_dict_carries_it_on(cut):
    losses = [5.0, 3.0, 4.0, 2.0, 2.5, 2.6, 2.7]
    whole, whole_net, whole_stop = watch(losses, patience=3)
    first, net = EarlyStopping(patience=3), numbered_model(0)
    for epoch, loss in enumerate(losses[:cut], start=1):
        mark(net, epoch)
        first(loss, net)
    second = EarlyStopping(patience=3)
    second.load_state_dict(first.state_dict())
    for epoch, loss in enumerate(losses[cut:], start=cut + 1):
        mark(net, epoch)
        if second(loss, net):
            break
    assert (epoch, second.best_epoch, second.best_loss) == (whole_stop, 4, whole.best_loss)
    second.restore(net)
    whole.restore(whole_net)
    assert marks(net) == marks(whole_net) == {4.0}


def test_no_snapshot_to_restore_is_said():
    early_stopping, net, _ = watch([math.nan, math.inf], patience=5)
    with pytest.raises(RuntimeError, match="none of 2 validation losses was a finite number"):
        early_stopping.restore(net)
    assert marks(net) == {99.0}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"patience": 0}, "patience must be at least 1 epoch, got 0"),
        ({"patience": -3}, "got -3"),
        ({"patience": math.nan}, "patience must be at least 1 epoch, got nan"),
        ({"patience": 2, "min_delta": math.inf}, "got inf"),
        ({"patience": 2, "min_delta": -0.1}, "min_delta must be at least 0 and finite, got -0.1"),
        ({"patience": 2, "min_delta": math.nan}, "got nan"),
    ],
)
def test_values_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        EarlyStopping(**options)


def test_the_least_values_allowed_are_allowed():
    assert watch([1.0, 1.0, 0.0], patience=1, min_delta=0.0)[2] == 2


def test_best_loss_is_a_number_and_the_one_that_later_losses_must_beat():
    early_stopping, _, _ = watch([torch.tensor(2.0), torch.tensor(1.0)], patience=5)
    assert type(early_stopping.best_loss) is float
    assert early_stopping.best_loss == 1.0
    slow = [1.0, 0.9, 0.8, 0.7]  # each gains less than min_delta on the one before
    assert watch(slow, patience=9, min_delta=0.25)[0].best_loss == 0.7, "but not on the best one"


def test_interrupted_while_it_copies_it_has_seen_nothing(monkeypatch):
    early_stopping, net, _ = watch([1.0], patience=3)
    before = early_stopping.state_dict()

    def interrupted(_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("course_utils.early_stopping.copy", SimpleNamespace(deepcopy=interrupted))
        early_stopping(0.5, net)
    assert early_stopping.state_dict() == before
    assert early_stopping(0.5, net) is False
    assert (early_stopping.epoch, early_stopping.best_epoch) == (2, 2)


def test_a_loaded_state_is_a_copy():
    first, net, _ = watch([1.0], patience=3)
    state = first.state_dict()
    second = EarlyStopping(patience=3)
    second.load_state_dict(state)
    for value in state["best_weights"].values():
        value.fill_(7)
    second.restore(net)
    assert marks(net) == {1.0}
