"""Answers to the exercises of your_own_data, written from the prompts alone."""

import statistics

import numpy as np
import pandas as pd
from scipy import special, stats

from course_utils.exercises import your_own_data as exercises

from .. import right, wrong

# ---- leaking_rows


@wrong(exercises.leaking_rows, "test_rows_too")  # the test rows of these groups, too
def everybody_in_the_test_set(groups, is_test):
    return np.isin(groups, groups[is_test])


@wrong(exercises.leaking_rows, "kept_not_dropped")  # those that may stay
def rows_to_keep(groups, is_test):
    return ~is_test & ~np.isin(groups, groups[is_test])


@wrong(exercises.leaking_rows, "indices")  # numbers of rows
def numbers_of_rows(groups, is_test):
    return np.flatnonzero(~is_test & np.isin(groups, groups[is_test]))


@wrong(exercises.leaking_rows, "test_side")  # the other side
def test_rows_that_leak(groups, is_test):
    return is_test & np.isin(groups, groups[~is_test])


@wrong(exercises.leaking_rows, "any_repeat")  # whoever has several rows
def training_rows_of_repeated_groups(groups, is_test):
    values, counts = np.unique(groups, return_counts=True)
    return ~is_test & np.isin(groups, values[counts > 1])


@wrong(exercises.leaking_rows, "wrong_value")  # only where it stands beside a test row
def looks_at_the_row_before(groups, is_test):
    result = np.zeros(len(groups), dtype=bool)
    for i in range(1, len(groups)):
        result[i] = groups[i] == groups[i - 1] and is_test[i - 1] and not is_test[i]
    return result


@wrong(exercises.leaking_rows, "first_of_each")  # one row a group
def first_row_of_each_group(groups, is_test):
    result, seen = np.zeros(len(groups), dtype=bool), set()
    for i, group in enumerate(groups):
        if not is_test[i] and group in groups[is_test] and group not in seen:
            result[i] = True
            seen.add(group)
    return result


@wrong(exercises.leaking_rows, "counted")  # how many
def how_many_rows(groups, is_test):
    return (~is_test & np.isin(groups, groups[is_test])).sum()


@wrong(exercises.leaking_rows, "changed_argument")  # writes into groups
def marks_in_place(groups, is_test):
    in_test = set(groups[is_test])
    groups[is_test] = -(10**9)
    return np.array([g in in_test for g in groups])


@wrong(exercises.leaking_rows, "groups_not_rows")  # whose rows leak
def names_of_groups(groups, is_test):
    return np.intersect1d(groups[is_test], groups[~is_test])


@wrong(exercises.leaking_rows, "mask_as_numbers")  # 0 and 1 as indices
def mask_becomes_indices(groups, is_test):
    flags = is_test.astype(int)
    return (flags == 0) & np.isin(groups, groups[flags])


@wrong(exercises.leaking_rows, "no_return")
def forgets_return(groups, is_test):
    result = ~is_test & np.isin(groups, groups[is_test])  # noqa: F841


@right(exercises.leaking_rows)
def with_a_set(groups, is_test):
    owners = {g for g, t in zip(groups.tolist(), is_test.tolist(), strict=True) if t}
    return [not t and g in owners for g, t in zip(groups.tolist(), is_test.tolist(), strict=True)]


@right(exercises.leaking_rows)
def compares_all_pairs(groups, is_test):
    same = groups[:, None] == groups
    return (same & is_test).any(axis=1) & ~is_test


@right(exercises.leaking_rows)
def with_pandas(groups, is_test):
    touched = pd.Series(is_test).groupby(groups).transform("any").to_numpy()
    return np.logical_and(touched, np.logical_not(is_test))


@right(exercises.leaking_rows)
def a_group_at_a_time(groups, is_test):
    result = np.zeros(groups.shape, dtype=bool)
    for group in np.unique(groups):
        rows = groups == group
        if is_test[rows].any():
            result |= rows & ~is_test
    return result


# ---- prepare_numbers


def _filled(table, by):
    return np.where(np.isnan(table), by, table)


def _scaled(filled, part):
    spread = part.std(axis=0)
    return (filled - part.mean(axis=0)) / np.where(np.ptp(part, axis=0) == 0, 1, spread)


@wrong(exercises.prepare_numbers, "learned_from_all")  # all rows
def learns_from_everything(table, is_train):
    filled = _filled(table, np.nanmedian(table, axis=0))
    return _scaled(filled, filled)


@wrong(exercises.prepare_numbers, "scaled_from_all")  # the scale from all rows
def scales_by_everything(table, is_train):
    filled = _filled(table, np.nanmedian(table[is_train], axis=0))
    return _scaled(filled, filled)


@wrong(exercises.prepare_numbers, "filled_from_all")  # the median of all rows
def fills_from_everything(table, is_train):
    filled = _filled(table, np.nanmedian(table, axis=0))
    return _scaled(filled, filled[is_train])


@wrong(exercises.prepare_numbers, "mean_for_median")  # the mean
def fills_with_the_mean(table, is_train):
    filled = _filled(table, np.nanmean(table[is_train], axis=0))
    return _scaled(filled, filled[is_train])


@wrong(exercises.prepare_numbers, "scaled_before_filled")  # mean and deviation of the known numbers
def scales_by_known_numbers(table, is_train):
    train = table[is_train]
    filled = _filled(table, np.nanmedian(train, axis=0))
    spread = np.nanstd(train, axis=0)
    return (filled - np.nanmean(train, axis=0)) / np.where(spread == 0, 1, spread)


@wrong(exercises.prepare_numbers, "filled_with_zero")  # zero for a gap
def fills_with_zero(table, is_train):
    filled = np.nan_to_num(table)
    return _scaled(filled, filled[is_train])


@wrong(exercises.prepare_numbers, "divided_by_zero")  # constant columns
def divides_by_zero(table, is_train):
    filled = _filled(table, np.nanmedian(table[is_train], axis=0))
    train = filled[is_train]
    with np.errstate(all="ignore"):
        return (filled - train.mean(axis=0)) / train.std(axis=0)


@wrong(exercises.prepare_numbers, "sample_deviation")  # ddof=1, the default of pandas
def default_of_pandas(table, is_train):
    frame = pd.DataFrame(table)
    frame = frame.fillna(frame[is_train].median())
    spread = frame[is_train].std()
    return ((frame - frame[is_train].mean()) / spread.where(spread > 0, 1)).to_numpy()


@wrong(exercises.prepare_numbers, "one_for_all_columns")  # no axis
def forgets_the_axis(table, is_train):
    filled = _filled(table, np.nanmedian(table[is_train]))
    return (filled - filled[is_train].mean()) / filled[is_train].std()


@wrong(exercises.prepare_numbers, "changed_argument")  # fills in place
def fills_in_place(table, is_train):
    for j in range(table.shape[1]):
        column = table[:, j]
        column[np.isnan(column)] = np.nanmedian(column[is_train])
    return _scaled(table, table[is_train])


@wrong(exercises.prepare_numbers, "test_by_itself")  # each part by its own numbers
def each_part_by_itself(table, is_train):
    result = np.empty_like(table)
    for part in (is_train, ~is_train):
        if part.any():
            filled = _filled(table[part], np.nanmedian(table[is_train], axis=0))
            result[part] = _scaled(filled, filled)
    return result


@wrong(exercises.prepare_numbers, "variance_for_deviation")  # the variance
def divides_by_the_variance(table, is_train):
    filled = _filled(table, np.nanmedian(table[is_train], axis=0))
    train = filled[is_train]
    spread = train.var(axis=0)
    return (filled - train.mean(axis=0)) / np.where(np.ptp(train, axis=0) == 0, 1, spread)


@wrong(exercises.prepare_numbers, "wrong_value")  # the upper of the middle two
def upper_median(table, is_train):
    filled = table.copy()
    for j in range(table.shape[1]):
        known = np.sort(table[is_train & ~np.isnan(table[:, j]), j])
        filled[np.isnan(filled[:, j]), j] = known[len(known) // 2]
    return _scaled(filled, filled[is_train])


@right(exercises.prepare_numbers)
def with_data_frames(table, is_train):
    frame = pd.DataFrame(table)
    frame = frame.fillna(frame[is_train].median())
    spread = frame[is_train].std(ddof=0).where(frame[is_train].nunique() > 1, 1)
    return ((frame - frame[is_train].mean()) / spread).to_numpy()


@right(exercises.prepare_numbers)
def a_column_at_a_time(table, is_train):
    columns = []
    for column in table.T:
        known = column[is_train & ~np.isnan(column)]
        column = np.where(np.isnan(column), statistics.median(known.tolist()), column)
        train = column[is_train]
        centred = column - train.mean()
        columns.append(centred if (train == train[0]).all() else centred / train.std())
    return np.stack(columns, axis=1)


@right(exercises.prepare_numbers)
def with_a_copy(table, is_train):
    out = table.copy()
    rows, columns = np.nonzero(np.isnan(out))
    out[rows, columns] = np.nanmedian(table[is_train], axis=0)[columns]
    train = out[is_train].copy()
    out -= train.mean(axis=0)
    varies = (train != train[0]).any(axis=0)
    out[:, varies] /= train.std(axis=0)[varies]
    return out


@right(exercises.prepare_numbers)
def root_of_mean_square(table, is_train):
    filled = np.array(table)
    median = np.nanmedian(filled[is_train], axis=0)
    filled = np.where(np.isfinite(filled), filled, median[None])
    centred = filled - filled[is_train].mean(axis=0, keepdims=True)
    spread = np.sqrt((centred[is_train] ** 2).mean(axis=0))
    constant = filled[is_train].max(axis=0) == filled[is_train].min(axis=0)
    spread[constant] = 1.0
    return centred / spread


# ---- corrected_interval


def _around(differences, margin):
    mean = np.mean(differences)
    return mean - margin, mean + margin


def _t(differences, q=0.975):
    return stats.t.ppf(q, len(differences) - 1)


def _spread(differences, num_train, num_test):
    return np.std(differences, ddof=1) * np.sqrt(1 / len(differences) + num_test / num_train)


@wrong(exercises.corrected_interval, "uncorrected")  # the plain interval
def plain_interval(differences, num_train, num_test):
    return _around(differences, _t(differences) * stats.sem(differences))


@wrong(exercises.corrected_interval, "normal_quantile")  # 1.96
def with_1_96(differences, num_train, num_test):
    return _around(differences, 1.96 * _spread(differences, num_train, num_test))


@wrong(exercises.corrected_interval, "population_deviation")  # NumPy's default
def default_of_numpy(differences, num_train, num_test):
    factor = (1 / len(differences) + num_test / num_train) ** 0.5
    return _around(differences, _t(differences) * np.std(differences) * factor)


@wrong(exercises.corrected_interval, "degrees_of_freedom")  # J degrees of freedom
def one_degree_too_many(differences, num_train, num_test):
    quantile = stats.t.ppf(0.975, len(differences))
    return _around(differences, quantile * _spread(differences, num_train, num_test))


@wrong(exercises.corrected_interval, "ratio_inverted")  # train over test
def train_over_test(differences, num_train, num_test):
    return _around(differences, _t(differences) * _spread(differences, num_test, num_train))


@wrong(exercises.corrected_interval, "share_of_all")  # test over all rows
def test_over_all(differences, num_train, num_test):
    spread = _spread(differences, num_train + num_test, num_test)
    return _around(differences, _t(differences) * spread)


@wrong(exercises.corrected_interval, "one_sided")  # 0.95
def one_sided_quantile(differences, num_train, num_test):
    margin = _t(differences, 0.95) * _spread(differences, num_train, num_test)
    return _around(differences, margin)


@wrong(exercises.corrected_interval, "mean_and_margin")  # mean and margin
def mean_and_margin(differences, num_train, num_test):
    return np.mean(differences), _t(differences) * _spread(differences, num_train, num_test)


@wrong(exercises.corrected_interval, "swapped_results")  # high first
def high_comes_first(differences, num_train, num_test):
    low, high = _around(differences, _t(differences) * _spread(differences, num_train, num_test))
    return high, low


@wrong(exercises.corrected_interval, "variance_for_deviation")  # no root
def forgets_the_root(differences, num_train, num_test):
    margin = _t(differences) * _spread(differences, num_train, num_test) ** 2
    return _around(differences, margin)


@wrong(exercises.corrected_interval, "ratio_only")  # 1/J is left out
def ratio_alone(differences, num_train, num_test):
    spread = np.std(differences, ddof=1) * (num_test / num_train) ** 0.5
    return _around(differences, _t(differences) * spread)


@wrong(exercises.corrected_interval, "wrong_value")  # two roots added
def adds_two_roots(differences, num_train, num_test):
    s = np.std(differences, ddof=1)
    factor = (1 / len(differences)) ** 0.5 + (num_test / num_train) ** 0.5
    return _around(differences, _t(differences) * s * factor)


@wrong(exercises.corrected_interval, "around_zero")  # not around the mean
def around_zero(differences, num_train, num_test):
    margin = _t(differences) * _spread(differences, num_train, num_test)
    return -margin, margin


@right(exercises.corrected_interval)
def by_scipy(differences, num_train, num_test):
    scale = _spread(differences, num_train, num_test)
    return stats.t.interval(0.95, len(differences) - 1, np.mean(differences), scale)


@right(exercises.corrected_interval)
def with_statistics(differences, num_train, num_test):
    values = [float(d) for d in differences]
    variance = statistics.variance(values) * (1 / len(values) + num_test / num_train)
    margin = special.stdtrit(len(values) - 1, 0.975) * variance**0.5
    return [statistics.fmean(values) - margin, statistics.fmean(values) + margin]


@right(exercises.corrected_interval)
def widens_the_plain_one(differences, num_train, num_test):
    plain = stats.t.isf(0.025, len(differences) - 1) * stats.sem(differences)
    margin = plain * np.sqrt(1 + len(differences) * num_test / num_train)
    return tuple(np.mean(differences) + margin * np.array([-1, 1]))


@right(exercises.corrected_interval)
def as_a_series(differences, num_train, num_test):
    series = pd.Series(differences, dtype=float)
    margin = stats.t(df=len(series) - 1).ppf(1 - 0.05 / 2)
    margin *= (series.var() / len(series) + series.var() * num_test / num_train) ** 0.5
    return series.mean() - margin, series.mean() + margin
