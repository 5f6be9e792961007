"""Early stopping: when it is time, and that the kept parameters are the best ones and nobody else's."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils.numpy_track.training_utils import EarlyStopping

losses = st.lists(st.floats(-10, 10), min_size=1, max_size=30)


@given(losses, st.integers(1, 5), st.sampled_from([0.0, 1e-4, 0.5]))
def test_it_stops_where_a_search_through_the_past_says(losses, patience, min_delta):
    stopping = EarlyStopping(patience, min_delta)
    level, last_improvement = math.inf, None
    for epoch, loss in enumerate(losses):
        if loss < level - min_delta:
            level, last_improvement = loss, epoch
        stop = stopping(loss, {"epoch": np.array([float(epoch)])})
        assert stop is (epoch - last_improvement >= patience)
    best = stopping.get_best_params()["epoch"][0]
    assert best == int(np.argmin(losses)) and stopping.best_loss == min(losses)


def test_parameters_are_copied_on_the_way_in_and_on_the_way_out():
    stopping, live = EarlyStopping(), {"w": np.ones(2, dtype=np.float32)}
    stopping(1.0, live)
    live["w"][:] = 7  # training goes on in place
    live["v"] = np.zeros(1)
    first = stopping.get_best_params()
    assert first["w"].tolist() == [1, 1] and first["w"].dtype == np.float32 and set(first) == {"w"}
    first["w"][:] = 9
    assert stopping.get_best_params()["w"].tolist() == [1, 1]


def test_a_worse_loss_leaves_the_best_parameters_alone():
    stopping = EarlyStopping(patience=2)
    assert stopping(0.5, {"w": np.array([1.0])}) is False
    assert stopping(0.6, {"w": np.array([2.0])}) is False
    assert stopping(0.7, {"w": np.array([3.0])}) is True
    assert stopping.get_best_params()["w"] == 1


def test_a_lead_below_min_delta_is_kept_though_it_does_not_count():
    stopping = EarlyStopping(patience=2, min_delta=0.1)
    stopping(1.0, {"w": np.array([1.0])})
    assert stopping(0.95, {"w": np.array([2.0])}) is False
    assert stopping(0.91, {"w": np.array([3.0])}) is True
    assert stopping.get_best_params()["w"] == 3


def test_without_parameters_it_only_counts():
    stopping = EarlyStopping(patience=1)
    assert stopping.get_best_params() is None
    assert stopping(1.0) is False and stopping(1.0) is True
    assert stopping.get_best_params() is None


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: EarlyStopping(0), "patience must be at least 1, got 0"),
        (lambda: EarlyStopping(2.5), "patience must be an integer of at least 1, got 2.5"),
        (lambda: EarlyStopping(True), "patience must be an integer"),
        (lambda: EarlyStopping(min_delta=-1), "min_delta must be .* at least 0, got -1"),
        (lambda: EarlyStopping()(float("nan")), "val_loss must be a finite number, got nan"),
        (lambda: EarlyStopping()(float("inf")), "val_loss must be a finite number, got inf"),
        (lambda: EarlyStopping()("low"), "val_loss must be a finite number, got 'low'"),
        (lambda: EarlyStopping()(1.0, [1]), "must be a dict from name to array"),
        (
            lambda: EarlyStopping()(1.0, {"w": np.array([1])}),
            "'w' must hold floats, got dtype int64",
        ),
        (lambda: EarlyStopping()(1.0, {"w": np.array([np.nan])}), "'w' holds NaN"),
    ],
)
def test_what_makes_no_sense(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_refused_call_counts_for_nothing():
    stopping = EarlyStopping(patience=1)
    stopping(1.0, {"w": np.array([1.0])})
    with pytest.raises(ValueError):
        stopping(0.5, {"w": np.array([np.inf])})
    assert stopping.best_loss == 1 and stopping.get_best_params()["w"] == 1
    assert stopping(0.9, {"w": np.array([2.0])}) is False


def test_by_default_ten_calls_may_bring_less_than_a_ten_thousandth():
    for gain, stops in ((0.9e-4, True), (1.1e-4, False)):
        stopping = EarlyStopping()
        assert (stopping.best_loss, stopping.num_bad_calls) == (math.inf, 0)
        seen = [stopping(1 - gain * (number > 0)) for number in range(11)]
        assert seen == [False] * 10 + [stops]
    assert (stopping.patience, stopping.min_delta) == (10, 1e-4)
