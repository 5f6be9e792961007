"""Solutions of the lesson your_own_data, from which `make notebooks` generates this file."""

import numpy as np
from scipy import special


def leaking_rows(groups, is_test):
    """Which training rows (N,) share their group with a test row."""
    return ~is_test & np.isin(groups, groups[is_test])


def prepare_numbers(table, is_train):
    """All rows of ``table`` (N, D), filled and scaled by what the training rows say."""
    filled = np.where(np.isnan(table), np.nanmedian(table[is_train], axis=0), table)
    mean, deviation = filled[is_train].mean(axis=0), filled[is_train].std(axis=0)
    is_constant = np.ptp(filled[is_train], axis=0) == 0
    return (filled - mean) / np.where(is_constant, 1, deviation)


def corrected_interval(differences, num_train, num_test):
    """(low, high) of the mean of ``differences`` (J,), corrected for splits that overlap."""
    num_splits = len(differences)
    variance = np.var(differences, ddof=1) * (1 / num_splits + num_test / num_train)
    margin = special.stdtrit(num_splits - 1, 0.975) * np.sqrt(variance)
    return np.mean(differences) - margin, np.mean(differences) + margin
