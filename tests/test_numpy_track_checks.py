"""The questions asked of every argument: what passes, where each range ends, and what the answer says."""

import math

import numpy as np
import pytest

from course_utils.numpy_track.checks import (
    NonFiniteError,
    as_array,
    as_floats,
    check_count,
    check_number,
    check_rng,
    check_task,
)


@pytest.mark.parametrize(("value", "at_least"), [(1, 1), (0, 0), (7, 7), (np.int8(3), 1), (-2, -2)])
def test_counts_that_pass_come_back_as_ints(value, at_least):
    count = check_count("n", value, at_least)
    assert count == value and type(count) is int


@pytest.mark.parametrize("value", [True, np.True_, 2.0, np.float64(2), "2", None, [2], 1j])
def test_what_is_no_count(value):
    with pytest.raises(ValueError, match="n must be an integer of at least 1, got"):
        check_count("n", value)


@pytest.mark.parametrize(("value", "at_least"), [(0, 1), (-1, 0), (6, 7)])
def test_counts_below_their_least(value, at_least):
    with pytest.raises(ValueError, match=f"n must be at least {at_least}, got {value}$"):
        check_count("n", value, at_least)


UNIT = {"low": 0, "high": 1}


@pytest.mark.parametrize(
    ("value", "options"),
    [
        (0, UNIT),
        (1, UNIT),
        (np.float32(0.5), UNIT),
        (1e-300, {**UNIT, "low_open": True}),
        (1, {**UNIT, "low_open": True}),
        (0, {**UNIT, "high_open": True}),
        (1 - 1e-16, {**UNIT, "high_open": True}),
        (-1e300, {}),
        (np.int64(4), {}),
    ],
)
def test_numbers_that_pass_come_back_as_floats(value, options):
    number = check_number("x", value, **options)
    assert number == value and type(number) is float


@pytest.mark.parametrize(
    ("value", "options", "allowed"),
    [
        (-1e-300, UNIT, "at least 0 and at most 1"),
        (1 + 1e-15, UNIT, "at least 0 and at most 1"),
        (0, {**UNIT, "low_open": True}, "above 0 and at most 1"),
        (1, {**UNIT, "high_open": True}, "at least 0 and below 1"),
        (-1, {"low": 0}, "at least 0"),
        (3, {"high": 2}, "at most 2"),
        (True, {}, ""),
        (np.True_, UNIT, "at least 0 and at most 1"),
        ("1", {}, ""),
        (None, {}, ""),
        ([1.0], {}, ""),
        (np.ones(1), {}, ""),
        (1j, {}, ""),
        (np.complex128(1), {}, ""),
    ],
)
def test_numbers_out_of_range(value, options, allowed):
    expected = f"x must be a finite number {allowed}".strip() + ", got"
    with pytest.raises(ValueError) as caught:
        check_number("x", value, **options)
    assert str(caught.value).startswith(expected)
    assert not isinstance(caught.value, NonFiniteError)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, np.float32("nan")])
def test_what_is_not_finite_is_an_error_of_its_own_kind(value):
    with pytest.raises(NonFiniteError, match="x must be a finite number at least 0, got"):
        check_number("x", value, low=0)


def test_a_generator_stays_itself_a_seed_makes_one_and_none_is_fresh():
    generator = np.random.default_rng(0)
    assert check_rng(generator) is generator
    assert check_rng(0).random() == check_rng(np.int32(0)).random() != check_rng(1).random()
    assert check_rng(None).random() != check_rng(None).random()
    for wrong in (-1, 0.5, "0", True):
        with pytest.raises(ValueError, match="rng, if it is a seed, must be"):
            check_rng(wrong)


def test_tasks():
    for task in ("classification", "regression"):
        assert check_task(task) == task
    with pytest.raises(ValueError, match="must be 'classification' or 'regression', got 'x'"):
        check_task("x")


@pytest.mark.parametrize("values", [[1], [[1.5], [2]], [True], np.ones((1, 2, 3), np.uint8)])
def test_arrays_of_real_numbers_pass_as_they_are(values):
    array = as_array("x", values)
    assert array.dtype == np.asarray(values).dtype and array.shape == np.shape(values)
    if isinstance(values, np.ndarray):
        assert array is values


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[1, 2], [3]], "x must be an array; its rows differ in length"),
        (["a"], "x must hold real numbers, got dtype <U1"),
        ([1j], "got dtype complex128"),
        (None, "got dtype object"),
        (3.0, "x must have a batch as its first dimension, got the number 3.0"),
        ([], r"x is empty \(shape \(0,\)\); at least one row is needed"),
        (np.ones((2, 0)), r"x is empty \(shape \(2, 0\)\)"),
    ],
)
def test_what_is_no_array(values, message):
    for function in (as_array, as_floats):
        with pytest.raises(ValueError, match=message):
            function("x", values)


def test_floats_keep_their_dtype_and_whole_numbers_become_float64():
    for dtype in (np.float16, np.float32, np.float64):
        assert as_floats("x", np.ones(2, dtype)).dtype == dtype
    assert as_floats("x", [1, 2]).dtype == as_floats("x", np.ones(1, np.uint8)).dtype == np.float64
    with pytest.raises(ValueError, match=r"got bools; write x\.astype\(float\)"):
        as_floats("x", [True])
    for bad, count in (([1.0, np.nan, -np.inf], 2), ([[np.inf, 0.0]], 1)):
        with pytest.raises(NonFiniteError, match=f"but {count} of its {np.size(bad)} numbers are"):
            as_floats("x", bad)
    assert as_array("x", [np.nan]).size == 1, "only as_floats asks for finite numbers"
