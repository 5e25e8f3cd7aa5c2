"""Effect sizes of two groups, with bootstrap intervals over patients."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special, stats

Values = npt.NDArray[np.float64]
Statistic = Callable[..., Values]

# With fewer patients in a group there are too few different samples to draw.
SMALLEST_BOOTSTRAP_N = 5


@dataclass(frozen=True, slots=True)
class Effect:
    """One effect size.

    Parameters
    ----------
    value, low, high : float
        The interval is NaN where there is none; `note` then says why.
    note : str
    """

    value: float
    low: float
    high: float
    note: str = ""


def cliffs_delta(first: Values, second: Values, axis: int = -1) -> Values:
    """P(first > second) − P(first < second), −1 … 1 (Cliff, Psychol Bull 1993), of independent values.

    Examples
    --------
    >>> import numpy as np
    >>> float(cliffs_delta(np.array([3.0, 4, 5]), np.array([1.0, 2, 4])).round(3))
    0.667
    """
    n, m = first.shape[axis], second.shape[axis]
    ranks = stats.rankdata(np.concatenate([first, second], axis=axis), axis=axis)
    rank_sum = np.take(ranks, np.arange(n), axis=axis).sum(axis=axis)
    u = rank_sum - n * (n + 1) / 2
    return np.asarray(2 * u / (n * m) - 1)


def hedges_g(first: Values, second: Values, axis: int = -1) -> Values:
    """(mean of first − mean of second) / pooled SD, corrected for small samples (Hedges, J Educ Stat 1981).

    NaN where neither group varies.
    """
    n, m = first.shape[axis], second.shape[axis]
    variance = ((n - 1) * first.var(axis=axis, ddof=1) + (m - 1) * second.var(axis=axis, ddof=1)) / (n + m - 2)
    return _standardised(first.mean(axis=axis) - second.mean(axis=axis), variance, n + m - 2)


def paired_dominance(first: Values, second: Values, axis: int = -1) -> Values:
    """Share of pairs with first > second minus share with first < second, −1 … 1: Cliff's delta within pairs."""
    return np.asarray(np.sign(first - second).mean(axis=axis))


def hedges_g_av(first: Values, second: Values, axis: int = -1) -> Values:
    """Mean difference of pairs / root mean square of both SDs, corrected (Cumming 2012; Lakens, Front Psychol 2013)."""
    variance = (first.var(axis=axis, ddof=1) + second.var(axis=axis, ddof=1)) / 2
    return _standardised((first - second).mean(axis=axis), variance, first.shape[axis] - 1)


def effect_with_interval(
    statistic: Statistic, first: Values, second: Values, *, paired: bool, draws: int, seed: int
) -> Effect:
    """A statistic of two groups with its 95 % bootstrap interval, patients (or pairs) drawn with replacement.

    Bias-corrected and accelerated (Efron, JASA 1987); percentiles where the acceleration is not defined.

    Parameters
    ----------
    statistic : callable (first, second, axis) → array
    first, second : ndarray of float64, (n,), (m,)
        One value per patient; pairs in the same order where `paired`.
    paired : bool
    draws : int
        0 gives no interval.
    seed : int
    """
    value = float(statistic(first, second))
    if draws == 0:
        return Effect(value, np.nan, np.nan)
    if not np.isfinite(value) or max(np.ptp(first), np.ptp(second)) == 0:
        return Effect(value, np.nan, np.nan, "the values do not vary, so there is no interval")
    if min(first.size, second.size) < SMALLEST_BOOTSTRAP_N:
        return Effect(value, np.nan, np.nan, f"no interval from fewer than {SMALLEST_BOOTSTRAP_N} patients")
    if _is_complete(statistic, value):
        return Effect(value, np.nan, np.nan, "groups do not overlap, so drawing patients gives no interval")
    with np.errstate(invalid="ignore", divide="ignore"):
        drawn = stats.bootstrap(
            (first, second),
            statistic,
            n_resamples=draws,
            vectorized=True,
            paired=paired,
            method="percentile",
            rng=np.random.default_rng(seed),
        )
        corrected = stats.bootstrap(
            (first, second),
            statistic,
            n_resamples=0,
            vectorized=True,
            paired=paired,
            method="BCa",
            bootstrap_result=drawn,
        )
    for interval in (corrected.confidence_interval, drawn.confidence_interval):
        if np.isfinite(interval.low) and np.isfinite(interval.high):
            return Effect(value, float(interval.low), float(interval.high))
    return Effect(value, np.nan, np.nan, "the bootstrap gives no interval")


def benjamini_hochberg(p_values: Values) -> Values:
    """Adjusted p values (q) of the defined ones among (n,), NaN elsewhere (Benjamini & Hochberg, J R Stat Soc B 1995).

    Examples
    --------
    >>> import numpy as np
    >>> benjamini_hochberg(np.array([0.01, 0.04, np.nan, 0.03])).round(3).tolist()
    [0.03, 0.04, nan, 0.04]
    """
    adjusted = np.full(p_values.shape, np.nan)
    defined = np.isfinite(p_values)
    if defined.any():
        adjusted[defined] = stats.false_discovery_control(p_values[defined], method="bh")
    return adjusted


def _standardised(difference: Values, variance: Values, df: int) -> Values:
    correction = np.exp(special.gammaln(df / 2) - np.log(np.sqrt(df / 2)) - special.gammaln((df - 1) / 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(correction * difference / np.where(variance > 0, np.sqrt(variance), np.nan))


def _is_complete(statistic: Statistic, value: float) -> bool:
    return statistic in (cliffs_delta, paired_dominance) and abs(value) == 1
