"""Exercises of your_own_data: rows that leak, a preparation from training rows, the corrected interval."""

from collections.abc import Callable, Iterator

import numpy as np
from scipy import special

from course_utils.exercises.by_reference import given, right_answer
from course_utils.language import Text
from course_utils.seeding import rng

# --- leaking_rows


def _groups() -> Iterator[given]:
    yield given(np.array([7, 7, 3, 5, 3]), np.array([True, False, False, False, False]))
    draw = rng(0)
    for size, owners, share in ((40, 12, 0.2), (60, 9, 0.1), (30, 25, 0.5), (200, 90, 0.2)):
        groups = draw.permutation(1000)[:owners][draw.integers(0, owners, size)] - 500
        is_test = draw.random(size) < share
        yield given(groups, is_test, case=Text(f"{size} 列", f"{size} rows"))
    every = np.ones(6, dtype=bool)
    yield given(np.arange(6), ~every, case=Text("沒有測試列", "no test row"))
    yield given(np.arange(6) // 2, every, case=Text("全是測試列", "test rows alone"))


@right_answer(
    cases=_groups,
    is_new=True,
    hint=Text(
        "先問：測試列裡有哪些人？再問每一列兩件事：它是訓練列嗎？它的主人在那群人裡嗎？",
        "First ask: who owns the test rows? Then ask two things of every row: is it a training row, and is its owner among them?",
    ),
)
def leaking_rows(groups, is_test):
    """Training rows whose group is in the test part."""
    return ~is_test & np.isin(groups, groups[is_test])


def _leaks(groups: np.ndarray, is_test: np.ndarray) -> np.ndarray:
    return ~is_test & np.isin(groups, groups[is_test])


leaking_rows.mistake(
    "test_rows_too",
    Text(
        "測試列自己也被你標成 True 了。要找的是訓練那一邊的列。",
        "you marked test rows themselves, too. The rows to be found are on the training side.",
    ),
    lambda g, t: np.isin(g, g[t]),
    lambda g, t: np.isin(g, g[t]) & np.isin(g, g[~t]),
)
leaking_rows.mistake(
    "kept_not_dropped",
    Text(
        "你標的是可以留下的列；題目要的是會洩漏的那些。",
        "you marked the rows that may stay; those that leak are wanted.",
    ),
    lambda g, t: ~t & ~np.isin(g, g[t]),
    lambda g, t: ~_leaks(g, t),
)
leaking_rows.mistake(
    "test_side",
    Text(
        "你標的是測試列：有人也在訓練裡的那些。題目要的是訓練列。",
        "you marked test rows, those whose owner is in training, too. Training rows are wanted.",
    ),
    lambda g, t: t & np.isin(g, g[~t]),
)
leaking_rows.mistake(
    "any_repeat",
    Text(
        "一個人有好幾列，不一定洩漏：要看是不是「兩邊都有」。",
        "several rows of one owner need not leak: what matters is whether they stand on both sides.",
    ),
    lambda g, t: ~t & ((g[:, None] == g).sum(axis=1) > 1),
    lambda g, t: (g[:, None] == g).sum(axis=1) > 1,
)
leaking_rows.mistake(
    "first_of_each",
    Text(
        "每個人你只標了一列；他在訓練裡的每一列都會洩漏。",
        "you marked one row of each owner; every training row of theirs leaks.",
    ),
    lambda g, t: np.array(
        [leak and i == np.argmax(_leaks(g, t) & (g == g[i])) for i, leak in enumerate(_leaks(g, t))]
    ),
)
leaking_rows.mistake(
    "indices",
    Text(
        "你回傳的是列的編號；題目要的是一列一個的布林值。",
        "you returned the numbers of the rows; a boolean for each row is wanted.",
    ),
    lambda g, t: np.flatnonzero(_leaks(g, t)),
)
leaking_rows.mistake(
    "counted",
    Text(
        "你回傳的是有幾列；題目要知道是哪幾列。",
        "you returned how many rows there are; which ones is the question.",
    ),
    lambda g, t: int(_leaks(g, t).sum()),
)
leaking_rows.mistake(
    "groups_not_rows",
    Text(
        "你回傳的是那些人，不是那些列。",
        "you returned the owners, not their rows.",
    ),
    lambda g, t: np.unique(g[_leaks(g, t)]),
)
leaking_rows.mistake(
    "mask_as_numbers",
    Text(
        "布林值變成 0 和 1 之後，當索引用就成了「第 0 列和第 1 列」。遮罩要保持布林。",
        "once booleans are 0 and 1, indexing by them takes rows 0 and 1. Keep a mask boolean.",
    ),
    lambda g, t: ~t & np.isin(g, g[t.astype(int)]),
)


# --- prepare_numbers


def _tables() -> Iterator[given]:
    draw = rng(1)
    for rows, columns in ((12, 2), (25, 3), (60, 5)):
        table = draw.normal(size=(rows, columns)) ** 3 + 10 * draw.normal(size=columns)
        is_train = np.arange(rows) % 4 > 0
        table[~is_train] += 3  # what test rows say is not what training rows say
        table[draw.random(table.shape) < 0.25] = np.nan
        table[1:3] = draw.normal(size=(2, columns))  # known numbers in training rows
        yield given(table, is_train, case=Text(f"{rows} 列", f"{rows} rows"))
    table = draw.normal(size=(10, 3))
    table[:8, 1] = 4.0  # constant in training, and not in the test part
    table[[2, 9], [1, 1]] = np.nan
    is_train = np.arange(10) < 8
    yield given(
        table, is_train, case=Text("有一欄在訓練列裡全相同", "a column constant in training")
    )


def _size_of_terms(table: np.ndarray, is_train: np.ndarray) -> float:
    train = table[is_train]
    spread = np.nanstd(train, axis=0)
    return float(np.nanmax(np.abs(table)) / spread[spread > 0].min())


@right_answer(
    cases=_tables,
    is_new=True,
    terms=_size_of_terms,
    hint=Text(
        "三個東西要學：中位數、平均、標準差。寫下每一個是從哪些列、在填好之前還是之後算的，再套到全部的列。",
        "Three things are learned: median, mean, deviation. Write down from which rows each comes, and whether before or after the gaps are filled; then apply them to all rows.",
    ),
)
def prepare_numbers(table, is_train):
    """Filled by the training median, scaled by the filled training rows."""
    return _prepared(table, is_train, is_train)


def _prepared(
    table: np.ndarray,
    fill_rows: np.ndarray,
    scale_rows: np.ndarray,
    fill: Callable = np.nanmedian,
    spread: Callable = np.std,
) -> np.ndarray:
    filled = np.where(np.isnan(table), fill(table[fill_rows], axis=0), table)
    part = filled[scale_rows]
    deviation = np.where(np.ptp(part, axis=0) == 0, 1, spread(part, axis=0))
    return (filled - part.mean(axis=0)) / deviation


def _all(is_train: np.ndarray) -> np.ndarray:
    return np.ones_like(is_train)


prepare_numbers.mistake(
    "learned_from_all",
    Text(
        "中位數、平均與標準差都是從全部的列學的：測試列洩漏進來了。",
        "median, mean and deviation were all learned from all rows: the test rows leak in.",
    ),
    lambda x, t: _prepared(x, _all(t), _all(t)),
)
prepare_numbers.mistake(
    "scaled_from_all",
    Text(
        "中位數對了，但平均與標準差是從全部的列算的。",
        "the median is right, but mean and deviation come from all rows.",
    ),
    lambda x, t: _prepared(x, t, _all(t)),
)
prepare_numbers.mistake(
    "filled_from_all",
    Text(
        "縮放對了，但填補用的中位數是從全部的列算的。",
        "the scaling is right, but the median that fills the gaps comes from all rows.",
    ),
    lambda x, t: _prepared(x, _all(t), t),
)
prepare_numbers.mistake(
    "mean_for_median",
    Text(
        "缺漏你填的是平均；題目要的是中位數，極端值拉不動它。",
        "you filled the gaps with the mean; the median is wanted, which extremes do not move.",
    ),
    lambda x, t: _prepared(x, t, t, fill=np.nanmean),
)
prepare_numbers.mistake(
    "filled_with_zero",
    Text(
        "缺漏你填成了 0：在這一欄裡，0 可能是很離譜的數。",
        "you filled the gaps with 0, which may be an outlandish number in its column.",
    ),
    lambda x, t: _prepared(x, t, t, fill=lambda part, axis: 0.0),
    lambda x, t: np.nan_to_num(_before_filling(x, t)),
)


def _before_filling(table: np.ndarray, is_train: np.ndarray) -> np.ndarray:
    train = table[is_train]
    spread = np.nanstd(train, axis=0)
    return (table - np.nanmean(train, axis=0)) / np.where(spread == 0, 1, spread)


def _scaled_by_known(table: np.ndarray, is_train: np.ndarray) -> np.ndarray:
    median = np.nanmedian(table[is_train], axis=0)
    filled = np.where(np.isnan(table), median, table)
    spread = np.nanstd(table[is_train], axis=0)
    return (filled - np.nanmean(table[is_train], axis=0)) / np.where(spread == 0, 1, spread)


prepare_numbers.mistake(
    "scaled_before_filled",
    Text(
        "平均與標準差是填補之前算的。題目的順序是：先填，再算。",
        "mean and deviation were taken before the gaps were filled. The order asked for: fill, then measure.",
    ),
    _scaled_by_known,
)
prepare_numbers.mistake(
    "not_filled",
    Text("結果裡還有 nan：缺漏沒有填。", "there is still nan in the result: gaps were not filled."),
    _before_filling,
)


def _divided(table: np.ndarray, is_train: np.ndarray) -> np.ndarray:
    filled = np.where(np.isnan(table), np.nanmedian(table[is_train], axis=0), table)
    part = filled[is_train]
    with np.errstate(all="ignore"):
        return (filled - part.mean(axis=0)) / part.std(axis=0)


prepare_numbers.mistake(
    "divided_by_zero",
    Text(
        "訓練列裡全相同的欄，標準差是 0，你的結果成了 inf 或 nan。那一欄只減平均。",
        "a column that is constant in training has deviation 0, and your result is inf or nan there. From that column only subtract.",
    ),
    _divided,
)
prepare_numbers.mistake(
    "sample_deviation",
    Text(
        "這是 ddof=1 的標準差（pandas 的預設）；題目要 ddof=0。",
        "this is the deviation with ddof=1, the default of pandas; ddof=0 is wanted.",
    ),
    lambda x, t: _prepared(x, t, t, spread=lambda part, axis: part.std(axis=axis, ddof=1)),
)
prepare_numbers.mistake(
    "variance_for_deviation",
    Text("你除以的是變異數，不是標準差。", "you divided by the variance, not by the deviation."),
    lambda x, t: _prepared(x, t, t, spread=np.var),
)


def _one_for_all(table: np.ndarray, is_train: np.ndarray) -> np.ndarray:
    filled = np.where(np.isnan(table), np.nanmedian(table[is_train]), table)
    return (filled - filled[is_train].mean()) / filled[is_train].std()


def _test_by_itself(table: np.ndarray, is_train: np.ndarray, fill_alike: bool) -> np.ndarray:
    result = np.empty_like(table)
    for part in (is_train, ~is_train):
        fill_rows = is_train if fill_alike else part
        result[part] = _prepared(table, fill_rows, part)[part]
    return result


prepare_numbers.mistake(
    "one_for_all_columns",
    Text(
        "整張表只用了一個中位數或平均：忘了 axis=0，每一欄要各算各的。",
        "one median or mean serves the whole table: axis=0 is missing, for each column has its own.",
    ),
    _one_for_all,
)
prepare_numbers.mistake(
    "test_by_itself",
    Text(
        "測試列是用它們自己的平均與標準差縮放的。新來的一列沒有平均可算：要用訓練列的。",
        "the test rows are scaled by their own mean and deviation. A single new row has neither: use those of training.",
    ),
    lambda x, t: _test_by_itself(x, t, fill_alike=True),
)


# --- corrected_interval


def _differences() -> Iterator[given]:
    draw = rng(2)
    for count, num_train, num_test in ((10, 80, 20), (15, 900, 100), (2, 30, 10), (30, 50, 50)):
        case = Text(
            f"{count} 個差，{num_train} 列訓練、{num_test} 列評分",
            f"{count} differences, {num_train} rows train, {num_test} judge",
        )
        yield given(draw.normal(0.5, 2.0, count), num_train, num_test, case=case)


@right_answer(
    cases=_differences,
    parts="(low, high)",
    slack=2000.0,  # a quantile may be computed in several ways
    hint=Text(
        "先寫出普通的 t 區間：平均、s、1/J、分位數。課裡的校正只動其中一項。",
        "Write the plain t-interval first: mean, s, 1/J, a quantile. The lesson's correction changes one of them.",
    ),
)
def corrected_interval(differences, num_train, num_test):
    """Nadeau and Bengio's."""
    return _interval(differences, 1 / len(differences) + num_test / num_train)


def _interval(
    differences: np.ndarray,
    factor: float,
    *,
    quantile: float = 0.0,
    ddof: int = 1,
    power: float = 0.5,
    center: float = 1.0,
) -> tuple[float, float]:
    freedom = len(differences) - 1
    quantile = quantile or special.stdtrit(freedom, 0.975)
    margin = quantile * (np.var(differences, ddof=ddof) * factor) ** power
    mean = center * np.mean(differences)
    return mean - margin, mean + margin


def _factor(differences: np.ndarray, num_train: int, num_test: int) -> float:
    return 1 / len(differences) + num_test / num_train


corrected_interval.mistake(
    "uncorrected",
    Text(
        "這是普通的區間：把每次切分當成獨立的。切分共用訓練列，少了 n_test/n_train 那一項。",
        "this is the plain interval, which takes the splits for independent. They share training rows: the term n_test/n_train is missing.",
    ),
    lambda d, a, b: _interval(d, 1 / len(d)),
)
corrected_interval.mistake(
    "ratio_only",
    Text(
        "1/J 不見了：校正是加上去，不是取代。",
        "1/J is gone: the correction is added to it and does not replace it.",
    ),
    lambda d, a, b: _interval(d, b / a),
)
corrected_interval.mistake(
    "ratio_inverted",
    Text(
        "比例倒過來了：是測試列數除以訓練列數。",
        "the ratio is upside down: rows that judge over rows that train.",
    ),
    lambda d, a, b: _interval(d, 1 / len(d) + a / b),
)
corrected_interval.mistake(
    "share_of_all",
    Text(
        "你除以的是全部的列數；公式除以訓練的列數。",
        "you divided by all rows; the formula divides by those that train.",
    ),
    lambda d, a, b: _interval(d, 1 / len(d) + b / (a + b)),
)
corrected_interval.mistake(
    "normal_quantile",
    Text(
        "1.96 是常態分布的。只有幾次切分，要用自由度 J − 1 的 t。",
        "1.96 belongs to the normal distribution. For a few splits take t with J − 1 degrees of freedom.",
    ),
    lambda d, a, b: _interval(d, _factor(d, a, b), quantile=1.96),
    lambda d, a, b: _interval(d, _factor(d, a, b), quantile=special.ndtri(0.975)),
    lambda d, a, b: _interval(d, _factor(d, a, b), quantile=2.0),
)
corrected_interval.mistake(
    "one_sided",
    Text(
        "這是單尾的分位數（0.95）。雙尾 95%，每邊各留多少？",
        "this is the one-sided quantile (0.95). Two-sided 95 %: how much is left on each side?",
    ),
    lambda d, a, b: _interval(d, _factor(d, a, b), quantile=special.stdtrit(len(d) - 1, 0.95)),
)
corrected_interval.mistake(
    "degrees_of_freedom",
    Text(
        "自由度不對：J 個差，估了一個平均，剩下 J − 1。",
        "the degrees of freedom are wrong: J differences and one estimated mean leave J − 1.",
    ),
    lambda d, a, b: _interval(d, _factor(d, a, b), quantile=special.stdtrit(len(d), 0.975)),
)
corrected_interval.mistake(
    "population_deviation",
    Text(
        "s² 用了 ddof=0（NumPy 的預設）；題目要 ddof=1。",
        "s² was taken with ddof=0, the default of NumPy; ddof=1 is wanted.",
    ),
    lambda d, a, b: _interval(d, _factor(d, a, b), ddof=0),
)
corrected_interval.mistake(
    "variance_for_deviation",
    Text(
        "少開了一個根號：區間的一半是分位數乘上標準差。",
        "a square root is missing: half the interval is the quantile times a deviation.",
    ),
    lambda d, a, b: _interval(d, _factor(d, a, b), power=1.0),
)
corrected_interval.mistake(
    "mean_and_margin",
    Text(
        "你回傳的是平均與一半的寬度；題目要 (low, high)。",
        "you returned the mean and half the width; (low, high) is wanted.",
    ),
    lambda d, a, b: (np.mean(d), _interval(d, _factor(d, a, b))[1] - np.mean(d)),
)
corrected_interval.mistake(
    "around_zero",
    Text(
        "區間圍繞著 0；它應該圍繞著差的平均。",
        "the interval lies around 0; it should lie around the mean difference.",
    ),
    lambda d, a, b: _interval(d, _factor(d, a, b), center=0.0),
)
