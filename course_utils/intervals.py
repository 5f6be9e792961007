"""What a handful of seeds can tell: confidence intervals, paired comparisons, equivalence."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import special


@dataclass(frozen=True)
class Interval:
    """A mean and its confidence interval; formats as ``f"{interval:.2f}"`` or ``f"{interval:.1%}"``.

    Every number it prints stands behind ≈, because another machine may change its last digits.

    >>> print(f"{Interval(0.975, 0.97, 0.98):.1%}")
    ≈97.5 % (95 % CI ≈97.0 % to ≈98.0 %)
    """

    mean: float
    low: float
    high: float
    level: float = 0.95  #: its confidence

    @property
    def excludes_zero(self) -> bool:
        """Whether zero lies outside: only then is a difference called one."""
        return self.low > 0 or self.high < 0

    @property
    def half_width(self) -> float:
        """Half the distance from the lower to the upper end."""
        return (self.high - self.low) / 2

    def __format__(self, spec: str) -> str:
        spec = spec or ".3g"
        mean, low, high = (_approximate(x, spec) for x in (self.mean, self.low, self.high))
        return f"{mean} ({100 * self.level:.4g} % CI {low} to {high})"

    def __str__(self) -> str:
        return format(self)


def _approximate(value: float, spec: str) -> str:
    if spec.endswith("%"):
        return f"≈{100 * value:{spec[:-1]}f} %"
    return f"≈{value:{spec}}"


def half_width(values: np.ndarray, level: float = 0.95) -> np.ndarray:
    """Half the width of the t-interval of the mean over the first axis, of length 2 or more."""
    return special.stdtrit(len(values) - 1, (1 + level) / 2) * _standard_error(values)


def _standard_error(values: np.ndarray) -> np.ndarray:
    return values.std(axis=0, ddof=1) / len(values) ** 0.5


def mean_interval(
    values: ArrayLike, bounds: tuple[float, float] = (-np.inf, np.inf), level: float = 0.95
) -> Interval:
    """The mean of independent values (at least two, finite) and its t-interval, of 95 % by default.

    Args:
        values: numbers in one dimension.
        bounds: what no value can exceed, such as (0, 1) for shares; the interval ends there at the
            latest, which costs it nothing: the true mean does not lie beyond either.
        level: the confidence, between 0 and 1.

    >>> print(mean_interval([1.0, 2.0, 3.0]))
    ≈2 (95 % CI ≈-0.484 to ≈4.48)
    """
    values = np.asarray(values, dtype=float)
    if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all():
        raise ValueError(
            f"an interval needs at least two finite numbers in one dimension, got {values!r}"
        )
    if values.min() < bounds[0] or values.max() > bounds[1]:
        raise ValueError(f"values must lie within {bounds}, got {values!r}")
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level!r}")
    mean, margin = values.mean(), half_width(values, level)
    return Interval(mean, max(mean - margin, bounds[0]), min(mean + margin, bounds[1]), level)


def resampled_interval(values: ArrayLike, num_folds: int) -> Interval:
    """The mean over the folds of (repeated) cross-validation and its corrected 95 % t-interval.

    Folds share most of their training rows, so their results are not independent, and the plain
    interval is far too narrow. Nadeau and Bengio (2003) put 1/J + n_test/n_train in the place of 1/J,
    J being the number of values; with K folds the ratio is 1/(K - 1), however often they are repeated.

    Args:
        values: one a fold, of all repetitions; for two models the differences, fold by fold.
        num_folds: K, at least 2.

    >>> print(f"{resampled_interval([1.0, 2.0, 3.0, 2.0], num_folds=2):.2f}")
    ≈2.00 (95 % CI ≈-0.91 to ≈4.91)
    """
    if num_folds < 2:
        raise ValueError(f"num_folds must be at least 2, got {num_folds}")
    plain = mean_interval(values)
    wider = (1 + np.size(values) / (num_folds - 1)) ** 0.5
    margin = plain.half_width * wider
    return Interval(plain.mean, plain.mean - margin, plain.mean + margin)


def paired_difference(a: ArrayLike, b: ArrayLike) -> Interval:
    """Mean of ``a - b`` and its 95 % t-interval; a[i] and b[i] come from the same seed.

    >>> print(f"{paired_difference([0.9, 0.8, 0.7], [0.85, 0.8, 0.6]):.2f}")
    ≈0.05 (95 % CI ≈-0.07 to ≈0.17)
    """
    return mean_interval(_differences(a, b))


def _differences(a: ArrayLike, b: ArrayLike) -> np.ndarray:
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if a.shape != b.shape:
        raise ValueError(f"pairs need as many values on both sides, got {a.shape} and {b.shape}")
    return a - b


def detectable_difference(a: ArrayLike, b: ArrayLike, num_pairs: int = 1) -> float:
    """How large the mean of ``a - b`` would have had to be to be called a difference.

    It belongs beside "not told apart": whatever is smaller, this many seeds with this much spread
    do not find. It is the half-width of the interval of ``a - b``.

    Args:
        a: one value a seed.
        b: the values of the other side, for the same seeds.
        num_pairs: of how many comparisons this is one; Holm's and Bonferroni's correction ask as
            much as this of the clearest of them.

    >>> print(f"{detectable_difference([0.9, 0.8, 0.7], [0.85, 0.8, 0.6]):.2f}")
    0.12
    """
    if num_pairs < 1:
        raise ValueError(f"num_pairs must be at least 1, got {num_pairs}")
    return mean_interval(_differences(a, b), level=1 - 0.05 / num_pairs).half_width


@dataclass(frozen=True)
class Equivalence:
    """What two one-sided tests say about a mean difference and a margin; prints itself so.

    ``interval`` is the 90 % interval of the difference: ``shown`` where it lies within ± ``margin``,
    which is where ``p`` is below 0.05.
    """

    interval: Interval
    margin: float
    p: float

    @property
    def shown(self) -> bool:
        """Whether the two sides are equivalent; if not, they need not differ either."""
        return self.p < 0.05

    def __format__(self, spec: str) -> str:
        margin = f"{100 * self.margin:g} %" if spec.endswith("%") else f"{self.margin:g}"
        verdict = "equivalent" if self.shown else "equivalence not shown"
        return f"{self.interval:{spec}}, margin ±{margin}: {verdict}"

    def __str__(self) -> str:
        return format(self)


def equivalence(a: ArrayLike, b: ArrayLike, margin: float) -> Equivalence:
    """Whether the mean of ``a - b`` lies within ± ``margin``: two one-sided t-tests.

    A large p-value of an ordinary test says that no difference was found; this one shows that there is
    none worth mentioning. It errs in at most 5 % of all cases. Of several pairs that are *all* claimed
    to be equivalent none needs a correction, because each must pass.

    Schuirmann 1987, "A comparison of the two one-sided tests procedure and the power approach for
    assessing the equivalence of average bioavailability".

    Args:
        a: one value a seed, at least two.
        b: the values of the other side, for the same seeds.
        margin: the largest difference that does not matter, chosen before looking; above 0.

    >>> print(f"{equivalence([0.91, 0.90, 0.92], [0.91, 0.91, 0.92], margin=0.02):.3f}")
    ≈-0.003 (90 % CI ≈-0.013 to ≈0.006), margin ±0.02: equivalent
    """
    if not margin > 0:
        raise ValueError(f"margin must be above 0, got {margin!r}")
    differences = _differences(a, b)
    interval = mean_interval(differences, level=0.9)
    room = margin - abs(interval.mean)  # to the nearer end, whose test has the larger p
    with np.errstate(divide="ignore", invalid="ignore"):
        t = room / _standard_error(differences)
    p = 0.5 if room == 0 else special.stdtr(len(differences) - 1, -t)
    return Equivalence(interval, margin, float(p))


def share_interval(successes: int, trials: int) -> Interval:
    """A share of successes (a count, not the share) and its 95 % Wilson interval.

    Wilson 1927, "Probable inference, the law of succession, and statistical inference".

    >>> print(f"{share_interval(18, 20):.0%}")
    ≈90 % (95 % CI ≈70 % to ≈97 %)
    """
    from scipy import stats  # takes a second to import, and few lessons count successes

    result = stats.binomtest(successes, trials)
    low, high = result.proportion_ci(method="wilson")
    return Interval(result.statistic, low, high)


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Holm's adjusted p-values, in the order given: reject those below 0.05.

    Holm 1979, "A simple sequentially rejective multiple test procedure".

    >>> holm([0.01, 0.04, 0.03]).round(2).tolist()
    [0.03, 0.06, 0.06]
    """
    p_values = np.asarray(p_values, dtype=float)
    order = np.argsort(p_values)
    steps = np.arange(len(p_values), 0, -1)
    adjusted = np.maximum.accumulate(np.minimum(p_values[order] * steps, 1))
    return adjusted[np.argsort(order)]


def compare_settings(runs: pd.DataFrame, metric: str, baseline: str | None = None) -> pd.DataFrame:
    """Every pair of settings in the table of ``run_seeds``, compared seed by seed.

    Args:
        runs: the table, with a row for every setting and seed.
        metric: the column to compare.
        baseline: the name of one setting; then the pairs are every other setting against this one.

    Returns:
        A table with columns a, b, difference (Interval of a minus b, not corrected), p (t-test,
        Holm-corrected over these pairs), differs (p < 0.05).

    Raises:
        ValueError: if a setting lacks a seed that another has, or none has the baseline's name.

    >>> runs = pd.DataFrame({"setting": list("aaabbb"), "seed": [0, 1, 2] * 2, "loss": range(6)})
    >>> compare_settings(runs, "loss")[["a", "b", "differs"]].values.tolist()
    [['a', 'b', True]]
    """
    table = runs.pivot(index="seed", columns="setting", values=metric).astype(float)
    if table.isna().any().any():
        raise ValueError(f"every setting needs a finite {metric!r} for every seed, got\n{table}")
    names = list(dict.fromkeys(runs["setting"]))
    if baseline is None:
        pairs = list(combinations(names, 2))
    elif baseline in names:
        pairs = [(name, baseline) for name in names if name != baseline]
    else:
        raise ValueError(f"baseline must be one of {', '.join(names)}, got {baseline!r}")
    rows = [{"a": a, "b": b, "difference": paired_difference(table[a], table[b])} for a, b in pairs]
    p_values = holm([_paired_p(table[a], table[b]) for a, b in pairs])
    return pd.DataFrame(rows).assign(p=p_values, differs=p_values < 0.05)


def _paired_p(a: ArrayLike, b: ArrayLike) -> float:
    """The p-value of the paired t-test, and 1 if no pair differs (scipy: nan and a warning)."""
    difference = np.asarray(a) - np.asarray(b)
    if not difference.any():
        return 1.0
    with np.errstate(divide="ignore"):
        t = abs(difference.mean()) / _standard_error(difference)
    return float(2 * special.stdtr(len(difference) - 1, -t))
