"""Answers to the exercises of your_own_data."""

import numpy as np
from scipy import stats
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import StandardScaler

from course_utils.exercises import your_own_data as exercises
from course_utils.intervals import mean_interval

from . import right, wrong

# ---- leaking_rows


@wrong(exercises.leaking_rows, "test_rows_too")
def both_sides(groups, is_test):
    return np.isin(groups, np.intersect1d(groups[is_test], groups[~is_test]))


@wrong(exercises.leaking_rows, "kept_not_dropped")
def all_the_others(groups, is_test):
    return ~(~is_test & np.isin(groups, groups[is_test]))


@wrong(exercises.leaking_rows, "any_repeat")
def repeated_anywhere(groups, is_test):
    return (groups[:, None] == groups[None]).sum(axis=0) >= 2


@wrong(exercises.leaking_rows, "indices")
def by_where(groups, is_test):
    return np.where(~is_test & np.isin(groups, groups[is_test]))[0]


@wrong(exercises.leaking_rows, "shares_memory")
def writes_into_the_mask(groups, is_test):
    found = ~is_test & np.isin(groups, groups[is_test])
    return found if found.any() else is_test if not is_test.any() else found


@right(exercises.leaking_rows)
def counts_test_rows(groups, is_test):
    values, owner = np.unique(groups, return_inverse=True)
    in_test = np.bincount(owner, weights=is_test, minlength=len(values))
    return (in_test[owner] > 0) & (is_test == 0)


# ---- prepare_numbers


@wrong(exercises.prepare_numbers, "filled_with_zero")
def zero_after_scaling(table, is_train):
    spread = np.nanstd(table[is_train], axis=0)
    scaled = (table - np.nanmean(table[is_train], axis=0)) / np.where(spread == 0, 1, spread)
    return np.nan_to_num(scaled)


@wrong(exercises.prepare_numbers, "not_filled")
def leaves_the_gaps(table, is_train):
    spread = np.nanstd(table[is_train], axis=0)
    return (table - np.nanmean(table[is_train], axis=0)) / np.where(spread == 0, 1, spread)


@wrong(exercises.prepare_numbers, "wrong_shape")
def training_rows_only(table, is_train):
    train = table[is_train]
    train = np.where(np.isnan(train), np.nanmedian(train, axis=0), train)
    return (train - train.mean(axis=0)) / np.where(np.ptp(train, axis=0) == 0, 1, train.std(axis=0))


@wrong(exercises.prepare_numbers, "learned_from_all")
def fit_transform_on_everything(table, is_train):
    return StandardScaler().fit_transform(SimpleImputer(strategy="median").fit_transform(table))


@wrong(exercises.prepare_numbers, "mean_for_median")
def imputes_the_mean(table, is_train):
    imputer = SimpleImputer().fit(table[is_train])
    filled = imputer.transform(table)
    return StandardScaler().fit(filled[is_train]).transform(filled)


@right(exercises.prepare_numbers)
def with_scikit_learn(table, is_train):
    imputer = SimpleImputer(strategy="median").fit(table[is_train])
    filled = imputer.transform(table)
    return StandardScaler().fit(filled[is_train]).transform(filled)


# ---- corrected_interval


@wrong(exercises.corrected_interval, "uncorrected")
def by_stats_sem(differences, num_train, num_test):
    return stats.t.interval(
        0.95, len(differences) - 1, np.mean(differences), stats.sem(differences)
    )


@wrong(exercises.corrected_interval, "normal_quantile")
def two_deviations(differences, num_train, num_test):
    s = np.std(differences, ddof=1) * (1 / len(differences) + num_test / num_train) ** 0.5
    return np.mean(differences) - 2 * s, np.mean(differences) + 2 * s


@right(exercises.corrected_interval)
def widens_what_the_course_has(differences, num_train, num_test):
    plain = mean_interval(differences)
    margin = plain.half_width * (1 + len(differences) * num_test / num_train) ** 0.5
    return plain.mean - margin, plain.mean + margin


@wrong(exercises.corrected_interval, "wrong_type")
def margin_alone(differences, num_train, num_test):
    s = np.std(differences, ddof=1) * (1 / len(differences) + num_test / num_train) ** 0.5
    return stats.t.ppf(0.975, len(differences) - 1) * s


@right(exercises.corrected_interval)
def two_calls_of_isf(differences, num_train, num_test):
    n = len(differences)
    s = np.sqrt(np.sum((differences - np.mean(differences)) ** 2) / (n - 1))
    scale = s * np.sqrt((num_train + n * num_test) / (n * num_train))
    return [np.mean(differences) + sign * stats.t.isf(0.025, n - 1) * scale for sign in (-1, 1)]
