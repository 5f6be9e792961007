"""Intervals and comparisons against scipy, worked examples and repeated sampling."""

import re
import warnings
from configparser import ConfigParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from course_utils import intervals
from course_utils.intervals import (
    Interval,
    compare_settings,
    detectable_difference,
    equivalence,
    holm,
    mean_interval,
    paired_difference,
    resampled_interval,
    share_interval,
)

finite = st.floats(-1e6, 1e6)
samples = st.lists(finite, min_size=2, max_size=12)
p_values = st.lists(st.floats(0, 1), min_size=1, max_size=8)


def ends(interval: Interval) -> tuple[float, float]:
    return interval.low, interval.high


# --- one sample


@given(samples)
def test_mean_interval_is_that_of_students_t(values):
    assume(np.std(values) > 1e-6)
    interval = mean_interval(values)
    expected = stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))
    assert ends(interval) == pytest.approx(expected, rel=1e-9, abs=1e-6)
    assert interval.mean == pytest.approx(np.mean(values))
    assert interval.half_width == pytest.approx((expected[1] - expected[0]) / 2, rel=1e-6)


def test_the_interval_contains_the_mean_19_times_in_20():
    rng = np.random.default_rng(0)
    intervals = [mean_interval(row) for row in rng.normal(3, 2, size=(1000, 5))]
    share = np.mean([interval.low <= 3 <= interval.high for interval in intervals])
    assert 0.93 < share < 0.97  # three standard errors either way


@given(st.lists(st.floats(0, 1), min_size=2, max_size=12))
def test_an_interval_of_shares_ends_at_0_and_1(shares):
    free, bounded = mean_interval(shares), mean_interval(shares, bounds=(0, 1))
    assert bounded.mean == free.mean
    assert ends(bounded) == (max(free.low, 0), min(free.high, 1))


def test_a_share_beyond_its_bounds_is_refused():
    with pytest.raises(ValueError, match=r"must lie within \(0, 1\), got array\(\[ 50., 100.\]\)"):
        mean_interval([50, 100], bounds=(0, 1))


@pytest.mark.parametrize(
    "values", [[], [1.0], 3.0, [[1.0, 2.0]], [1.0, np.nan], [1.0, np.inf, 2.0]], ids=str
)
def test_what_has_no_interval_is_refused(values):
    with pytest.raises(ValueError, match="at least two finite numbers"):
        mean_interval(values)


# --- cross-validation


@given(samples, st.integers(2, 20))
def test_the_interval_of_folds_has_the_variance_of_nadeau_and_bengio(values, num_folds):
    assume(np.std(values) > 1e-3)
    num_train, num_test = 100 * (num_folds - 1), 100
    scale = np.sqrt(np.var(values, ddof=1) * (1 / len(values) + num_test / num_train))
    expected = stats.t.interval(0.95, len(values) - 1, np.mean(values), scale)
    interval = resampled_interval(values, num_folds)
    assert ends(interval) == pytest.approx(expected, rel=1e-6, abs=1e-6)
    assert interval.mean == mean_interval(values).mean


def test_repeating_the_folds_does_not_narrow_the_interval_for_ever():
    values = np.random.default_rng(0).normal(size=10)
    once, often = (resampled_interval(np.tile(values, n), 5).half_width for n in (1, 10_000))
    assert often > 1.9 * values.std() * 0.5 and once > often
    assert mean_interval(np.tile(values, 10_000)).half_width < 0.02


@pytest.mark.parametrize("num_folds", [1, 0, -5])
def test_fewer_than_two_folds_are_refused(num_folds):
    with pytest.raises(ValueError, match="num_folds must be at least 2"):
        resampled_interval([1.0, 2.0], num_folds)


# --- pairs


@given(st.lists(st.tuples(finite, finite), min_size=2, max_size=12))
def test_paired_difference_is_that_of_the_paired_t_test(pairs):
    a, b = np.array(pairs).T
    assume(np.std(a - b) > 1e-3)
    expected = stats.ttest_rel(a, b).confidence_interval()
    interval = paired_difference(a, b)
    assert ends(interval) == pytest.approx(tuple(expected), rel=1e-6, abs=1e-6)
    swapped = paired_difference(b, a)
    assert (swapped.mean, *ends(swapped)) == (-interval.mean, -interval.high, -interval.low)


@pytest.mark.parametrize(
    ("a", "b"), [([1, 2, 3], [1, 2]), ([1, 2], [1]), ([[1, 2], [3, 4]], [1, 2])]
)
def test_pairs_of_unequal_shape_are_refused_not_broadcast(a, b):
    with pytest.raises(ValueError, match="as many values on both sides"):
        paired_difference(a, b)


@pytest.mark.parametrize(
    ("low", "high", "excluded"),
    [(0.1, 0.2, True), (-0.2, -0.1, True), (-0.1, 0.1, False), (0.0, 0.1, False), (-0.1, 0, False)],
)
def test_zero_is_excluded_only_strictly(low, high, excluded):
    assert Interval((low + high) / 2, low, high).excludes_zero is excluded


# --- equivalence


def with_moments(mean: float, standard_error: float, size: int) -> np.ndarray:
    """Numbers that have this mean, and this standard error of it."""
    numbers = np.arange(size) - (size - 1) / 2
    return mean + numbers / stats.sem(numbers) * standard_error


@pytest.mark.parametrize(
    ("mean", "standard_error", "p", "ends_of_90"),
    [
        (0.5626666666666665, 0.2478276410785118, 0.4412034046017588, (0.1261653, 0.9991680)),
        (0.1646666666666667, 0.1357514067862445, 0.003166881489265175, (-0.0744337, 0.4037670)),
    ],
    ids=["not shown", "shown"],
)
def test_equivalence_is_what_r_finds(mean, standard_error, p, ends_of_90):
    # a clinical trial of 15 pairs and margin 0.6: R's `equivalence` package, as statsmodels quotes it
    result = equivalence(with_moments(mean, standard_error, 15), np.zeros(15), margin=0.6)
    assert result.p == pytest.approx(p, rel=1e-6)
    assert ends(result.interval) == pytest.approx(ends_of_90, abs=1e-6)
    assert result.shown is (p < 0.05)


pairs_of_values = st.lists(st.tuples(st.floats(-10, 10), st.floats(-10, 10)), min_size=2)


@given(pairs_of_values, st.floats(0.01, 20))
def test_equivalence_is_two_one_sided_t_tests_and_the_90_percent_interval(pairs, margin):
    a, b = np.array(pairs).T
    assume(np.std(a - b) > 1e-3)
    below = stats.ttest_rel(a, b + margin, alternative="less").pvalue
    above = stats.ttest_rel(a, b - margin, alternative="greater").pvalue
    result = equivalence(a, b, margin)
    assert result.p == pytest.approx(max(below, above), rel=1e-6, abs=1e-12)
    expected = stats.t.interval(0.9, len(a) - 1, np.mean(a - b), stats.sem(a - b))
    assert ends(result.interval) == pytest.approx(expected, rel=1e-6, abs=1e-6)
    distance = margin - max(abs(end) for end in ends(result.interval))
    assume(abs(distance) > 1e-9)
    assert result.shown is bool(distance > 0)


@given(pairs_of_values, st.floats(0, 20))
def test_no_margin_that_the_mean_exceeds_is_ever_met(pairs, margin):
    a, b = np.array(pairs).T
    assume(0 < margin <= abs(np.mean(a - b)))
    assert not equivalence(a, b, margin).shown


@given(pairs_of_values, st.floats(0.1, 20), st.floats(1, 3))
def test_equivalence_has_no_direction_and_a_wider_margin_never_costs_it(pairs, margin, factor):
    a, b = np.array(pairs).T
    result = equivalence(a, b, margin)
    assert equivalence(b, a, margin).p == result.p
    assert equivalence(a, b, factor * margin).p <= result.p


def test_a_true_difference_as_large_as_the_margin_passes_once_in_20():
    rng = np.random.default_rng(0)
    samples = rng.normal(1.0, 0.3, size=(2000, 8))
    passed = np.mean([equivalence(row, np.zeros(8), margin=1.0).shown for row in samples])
    assert 0.035 < passed < 0.065  # three standard errors either way


@pytest.mark.parametrize(("value", "shown"), [(0.0, True), (0.1, True), (0.5, False), (0.6, False)])
def test_differences_without_spread_need_no_statistics(value, shown):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert equivalence([value] * 3, [0.0] * 3, margin=0.5).shown is shown


def test_equivalence_says_what_it_found():
    a, b = [0.91, 0.90, 0.92], [0.91, 0.91, 0.92]
    shown, not_shown = equivalence(a, b, 0.02), equivalence(a, b, 0.005)
    assert f"{shown:.1%}" == "≈-0.3 % (90 % CI ≈-1.3 % to ≈0.6 %), margin ±2 %: equivalent"
    assert str(not_shown).endswith("margin ±0.005: equivalence not shown")


@pytest.mark.parametrize("margin", [0, -0.1, np.nan])
def test_a_margin_that_is_none_is_refused(margin):
    with pytest.raises(ValueError, match="margin must be above 0"):
        equivalence([1, 2], [1, 2], margin)


@given(pairs_of_values, st.integers(1, 10))
def test_just_what_reaches_the_detectable_difference_is_called_one(pairs, num_pairs):
    a, b = np.array(pairs).T
    assume(np.std(a - b) > 1e-3)
    limit, mean = detectable_difference(a, b, num_pairs), np.mean(a - b)
    for factor, found in ((1.001, True), (0.999, False)):
        moved = a - mean + factor * limit
        assert bool(num_pairs * stats.ttest_rel(moved, b).pvalue < 0.05) is found


def test_one_comparison_detects_half_the_width_of_its_interval():
    a, b = [0.9, 0.8, 0.7], [0.85, 0.8, 0.6]
    assert detectable_difference(a, b) == pytest.approx(paired_difference(a, b).half_width)
    with pytest.raises(ValueError, match="num_pairs must be at least 1, got 0"):
        detectable_difference(a, b, 0)


@pytest.mark.parametrize("level", [0, 1, 95])
def test_a_level_that_is_no_probability_is_refused(level):
    with pytest.raises(ValueError, match="level must lie between 0 and 1"):
        mean_interval([1, 2], level=level)


# --- shares


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_share_interval_is_wilsons(counts):
    successes, trials = counts
    interval = share_interval(successes, trials)
    z, p = stats.norm.ppf(0.975), successes / trials
    center = (p + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z * np.sqrt(p * (1 - p) / trials + z**2 / (4 * trials**2)) / (1 + z**2 / trials)
    assert interval.mean == p
    assert ends(interval) == pytest.approx((center - half, center + half), abs=1e-9)
    expected = stats.binomtest(successes, trials).proportion_ci(method="wilson")
    assert ends(interval) == (expected.low, expected.high)


@pytest.mark.parametrize("counts", [(torch.tensor(3), 10), (np.int64(3), np.int64(10))], ids=str)
def test_counts_may_come_from_torch_and_numpy(counts):
    assert share_interval(*counts) == share_interval(3, 10)


@pytest.mark.parametrize(
    ("counts", "error"),
    [((0.93, 10), TypeError), ((11, 10), ValueError), ((-1, 10), ValueError), ((0, 0), ValueError)],
)
def test_counts_that_give_no_share_are_refused(counts, error):
    with pytest.raises(error):
        share_interval(*counts)


# --- how an interval reads

SANITIZER = ConfigParser(interpolation=None)
SANITIZER.read(Path(__file__).with_name("nbval_sanitize.cfg"), encoding="utf-8")


@given(
    mean=finite,
    half_width=st.floats(0, 1e6),
    spec=st.sampled_from(["", ".3g", ".2f", "+.4f", ".1%", "+.2%", "%", ",.1f", ".0e"]),
)
def test_everything_but_the_95_stands_behind_an_approximately_sign(mean, half_width, spec):
    text = format(Interval(mean, mean - half_width, mean + half_width), spec)
    masked = re.sub(SANITIZER["approximate numbers"]["regex"], "N", text)
    unit = " %" if spec.endswith("%") else ""
    assert masked == f"N{unit} (95 % CI N{unit} to N{unit})"


def test_an_interval_reads_as_promised():
    interval = Interval(0.97923, 0.9754321, 0.9830279)
    assert f"{interval:.1%}" == "≈97.9 % (95 % CI ≈97.5 % to ≈98.3 %)"
    assert f"{interval:.2f}" == "≈0.98 (95 % CI ≈0.98 to ≈0.98)"
    assert f"{interval}" == str(interval) == "≈0.979 (95 % CI ≈0.975 to ≈0.983)"


# --- several pairs at once


def test_holm_on_a_worked_example():
    # sorted: .005 (x4), .01 (x3), .03 (x2), .04 (x1, raised to the one before)
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@given(p_values, st.randoms(use_true_random=False))
def test_holm_keeps_the_order_never_helps_and_costs_at_most_bonferroni(values, random):
    adjusted = holm(values)
    raw = np.array(values)
    assert (adjusted >= raw).all()
    assert (adjusted <= np.minimum(1, len(raw) * raw)).all()
    assert (np.diff(adjusted[np.argsort(raw, kind="stable")]) >= 0).all()
    assert adjusted[raw.argmin()] == min(1, len(raw) * raw.min())
    order = random.sample(range(len(values)), len(values))
    assert holm(raw[order]).tolist() == adjusted[order].tolist()


# --- settings


def table(**columns: list[float]) -> pd.DataFrame:
    """As ``run_seeds`` returns it, with the rows in an order that tells nothing."""
    rows = [
        {"setting": name, "seed": seed, "accuracy": value, "other": 0.0}
        for name, values in columns.items()
        for seed, value in enumerate(values)
    ]
    return pd.DataFrame(rows)


RUNS = table(
    sgd=[0.90, 0.91, 0.89, 0.92, 0.90],
    adam=[0.95, 0.97, 0.93, 0.97, 0.96],
    rmsprop=[0.951, 0.968, 0.932, 0.971, 0.958],
)


def test_every_pair_is_compared_seed_by_seed_in_the_order_of_the_settings():
    result = compare_settings(RUNS, "accuracy")
    pairs = [("sgd", "adam"), ("sgd", "rmsprop"), ("adam", "rmsprop")]
    assert list(zip(result["a"], result["b"], strict=True)) == pairs
    values = {name: group["accuracy"].to_numpy() for name, group in RUNS.groupby("setting")}
    raw = [stats.ttest_rel(values[a], values[b]).pvalue for a, b in pairs]
    assert result["p"].to_numpy() == pytest.approx(holm(raw), rel=1e-9)
    assert result["differs"].tolist() == [True, True, False]
    for (a, b), difference in zip(pairs, result["difference"], strict=True):
        assert difference == paired_difference(values[a], values[b])


def test_with_a_baseline_only_pairs_with_it_are_compared_and_corrected():
    result = compare_settings(RUNS, "accuracy", baseline="adam")
    assert result[["a", "b"]].to_numpy().tolist() == [["sgd", "adam"], ["rmsprop", "adam"]]
    values = {name: group["accuracy"].to_numpy() for name, group in RUNS.groupby("setting")}
    raw = [stats.ttest_rel(values[name], values["adam"]).pvalue for name in ("sgd", "rmsprop")]
    assert result["p"].to_numpy() == pytest.approx(holm(raw), rel=1e-9)
    assert result["difference"][0] == paired_difference(values["sgd"], values["adam"])
    with pytest.raises(ValueError, match="baseline must be one of sgd, adam, rmsprop, got 'lion'"):
        compare_settings(RUNS, "accuracy", baseline="lion")


def with_p(p: float, num_seeds: int = 5) -> list[float]:
    """Values whose paired t-test against 0 gives this p."""
    values = np.array([-1.0, 0.0, 1.0, 2.0, -2.0])[:num_seeds]
    spread = values.std(ddof=1) / np.sqrt(num_seeds)
    return (values + spread * stats.t.isf(p / 2, num_seeds - 1)).tolist()


@pytest.mark.parametrize(("p", "differs"), [(0.049, True), (0.051, False), (0.07, False)])
def test_two_settings_differ_below_5_percent(p, differs):
    result = compare_settings(table(a=with_p(p), b=[0.0] * 5), "accuracy")
    assert result["p"][0] == pytest.approx(p)
    assert result["differs"].tolist() == [differs]
    assert bool(result["difference"][0].excludes_zero) is differs, "one pair needs no correction"


def test_5_percent_itself_is_no_difference(monkeypatch):
    monkeypatch.setattr(intervals, "holm", lambda p_values: np.array([0.05]))
    assert compare_settings(table(a=[1.0, 2.0], b=[0.0, 0.0]), "accuracy")["differs"][0] == False  # noqa: E712
    assert holm([0, 1]).dtype == np.float64


@pytest.mark.parametrize(("p", "differs"), [(0.0249, True), (0.0251, False)])
def test_of_two_pairs_the_clearer_one_must_lie_below_half_of_that(p, differs):
    runs = table(base=[0.0] * 5, a=with_p(p), b=with_p(0.6))
    result = compare_settings(runs, "accuracy", baseline="base")
    assert result["p"].tolist() == pytest.approx([2 * p, 0.6])
    assert result["differs"].tolist() == [differs, False]


def test_values_may_lie_on_their_bounds_and_one_beyond_is_refused():
    assert mean_interval([0, 1], bounds=(0, 1)) == Interval(0.5, 0, 1)
    for values in ([0.5, 1.001], [-0.001, 0.5]):
        with pytest.raises(ValueError, match="must lie within"):
            mean_interval(values, bounds=(0, 1))


def test_rows_are_paired_by_seed_not_by_position():
    shuffled = RUNS.sample(frac=1, random_state=0)
    expected = compare_settings(RUNS, "accuracy").set_index(["a", "b"])["p"]
    for (a, b), p in compare_settings(shuffled, "accuracy").set_index(["a", "b"])["p"].items():
        assert p == pytest.approx(expected[(a, b) if (a, b) in expected.index else (b, a)])


def test_many_pairs_need_more_than_one_small_p_value():
    rng = np.random.default_rng(0)
    same = rng.normal(size=(40, 5, 6))  # 40 experiments with five settings that are all alike
    found = [
        compare_settings(table(**dict(zip("abcde", rows, strict=True))), "accuracy")["differs"]
        for rows in same
    ]
    assert np.mean([differs.any() for differs in found]) < 0.15  # uncorrected: about 0.3


def test_settings_that_always_agree_do_not_differ_and_a_constant_lead_does():
    runs = table(a=[1.0, 1.0, 1.0], b=[1.0, 1.0, 1.0], c=[0.5, 0.5, 0.5])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = compare_settings(runs, "accuracy")
    assert result["p"].tolist() == [1.0, 0.0, 0.0]
    assert result["differs"].tolist() == [False, True, True]


@pytest.mark.parametrize(
    "runs",
    [RUNS.drop(index=7), RUNS.assign(accuracy=RUNS["accuracy"].mask(RUNS.index == 7))],
    ids=["row missing", "nan"],
)
def test_a_setting_without_one_of_the_seeds_is_refused(runs):
    with pytest.raises(ValueError, match="finite 'accuracy' for every seed"):
        compare_settings(runs, "accuracy")
