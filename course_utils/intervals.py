"""What a handful of seeds can tell: confidence intervals and paired comparisons."""

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
        return f"{mean} (95 % CI {low} to {high})"

    def __str__(self) -> str:
        return format(self)


def _approximate(value: float, spec: str) -> str:
    if spec.endswith("%"):
        return f"≈{100 * value:{spec[:-1]}f} %"
    return f"≈{value:{spec}}"


def half_width(values: np.ndarray) -> np.ndarray:
    """Half the width of the 95 % t-interval of the mean over the first axis, of length 2 or more."""
    return special.stdtrit(len(values) - 1, 0.975) * _standard_error(values)


def _standard_error(values: np.ndarray) -> np.ndarray:
    return values.std(axis=0, ddof=1) / len(values) ** 0.5


def mean_interval(values: ArrayLike, bounds: tuple[float, float] = (-np.inf, np.inf)) -> Interval:
    """The mean of independent values (at least two, finite) and its 95 % t-interval.

    Args:
        values: numbers in one dimension.
        bounds: what no value can exceed, such as (0, 1) for shares; the interval ends there at the
            latest, which costs it nothing: the true mean does not lie beyond either.

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
    mean, margin = values.mean(), half_width(values)
    return Interval(mean, max(mean - margin, bounds[0]), min(mean + margin, bounds[1]))


def paired_difference(a: ArrayLike, b: ArrayLike) -> Interval:
    """Mean of ``a - b`` and its 95 % t-interval; a[i] and b[i] come from the same seed.

    >>> print(f"{paired_difference([0.9, 0.8, 0.7], [0.85, 0.8, 0.6]):.2f}")
    ≈0.05 (95 % CI ≈-0.07 to ≈0.17)
    """
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if a.shape != b.shape:
        raise ValueError(f"pairs need as many values on both sides, got {a.shape} and {b.shape}")
    return mean_interval(a - b)


def share_interval(successes: int, trials: int) -> Interval:
    """A share of successes (a count, not the share) and its 95 % Wilson interval (Wilson 1927).

    >>> print(f"{share_interval(18, 20):.0%}")
    ≈90 % (95 % CI ≈70 % to ≈97 %)
    """
    from scipy import stats  # takes a second to import, and few lessons count successes

    result = stats.binomtest(successes, trials)
    low, high = result.proportion_ci(method="wilson")
    return Interval(result.statistic, low, high)


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Holm's adjusted p-values (Holm 1979), in the order given: reject those below 0.05.

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
