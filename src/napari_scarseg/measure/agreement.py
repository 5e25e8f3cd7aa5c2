"""How far two measurements of the same things agree: limits of agreement and the intraclass correlation."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from napari_scarseg.errors import InputError
from napari_scarseg.measure.feature_maps import TooFewRowsError

SMALLEST_AGREEMENT_N = 5

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LimitsOfAgreement:
    """Bland and Altman's figures, in the unit of the values.

    Parameters
    ----------
    n : int
        Pairs in which both values are defined.
    bias, bias_low, bias_high : float
        Mean of the differences second − first, with its 95 % interval.
    sd : float
        Of the differences.
    lower, upper : float
        Limits of agreement, bias ± 1.96 SD.
    limit_half_width : float
        Half the 95 % interval of either limit.
    """

    n: int
    bias: float
    bias_low: float
    bias_high: float
    sd: float
    lower: float
    upper: float
    limit_half_width: float


def limits_of_agreement(first: Values, second: Values) -> LimitsOfAgreement:
    """Bias and 95 % limits of agreement of paired values (n,) (Bland & Altman, Stat Methods Med Res 1999).

    Raises
    ------
    InputError
        If the arrays differ in length.
    TooFewRowsError
        If fewer than 5 pairs are defined.

    Examples
    --------
    >>> import numpy as np
    >>> found = limits_of_agreement(np.arange(6.0), np.arange(6.0) + [1, 2, 1, 2, 1, 2])
    >>> found.bias, round(found.upper, 2)
    (1.5, 2.57)
    """
    a, b = _pairs(first, second)
    difference = b - a
    n, bias, sd = a.size, float(difference.mean()), float(difference.std(ddof=1))
    quantile = float(stats.t.ppf(0.975, n - 1))
    z = float(stats.norm.ppf(0.975))
    half = quantile * sd / np.sqrt(n)
    # Variance of bias ± z·s: s²/n + z² s² / (2(n − 1)).
    limit_half = quantile * sd * float(np.sqrt(1 / n + z**2 / (2 * (n - 1))))
    return LimitsOfAgreement(n, bias, bias - half, bias + half, sd, bias - z * sd, bias + z * sd, limit_half)


def intraclass_correlation(first: Values, second: Values) -> Values:
    """ICC(A,1): absolute agreement of single measurements (McGraw & Wong, Psychol Methods 1996; two-way model).

    A constant shift between the two lowers it. The last axis runs over the pairs; others are kept.

    Parameters
    ----------
    first, second : ndarray of float64, (…, n)
        Without NaN.

    Returns
    -------
    ndarray of float64, (…)
        At most 1; NaN where all values are equal.

    Examples
    --------
    >>> import numpy as np
    >>> float(intraclass_correlation(np.array([1.0, 2, 3, 4]), np.array([2.0, 3, 4, 5])).round(3))
    0.769
    """
    pair = np.stack([first, second], axis=-1)
    n, k = pair.shape[-2:]
    grand = pair.mean(axis=(-2, -1), keepdims=True)
    row_means, column_means = pair.mean(axis=-1, keepdims=True), pair.mean(axis=-2, keepdims=True)
    rows = k * ((row_means - grand) ** 2).sum(axis=(-2, -1)) / (n - 1)
    columns = n * ((column_means - grand) ** 2).sum(axis=(-2, -1)) / (k - 1)
    error = ((pair - row_means - column_means + grand) ** 2).sum(axis=(-2, -1)) / ((n - 1) * (k - 1))
    whole = rows + (k - 1) * error + k * (columns - error) / n
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(whole > 0, (rows - error) / whole, np.nan))


def _pairs(first: Values, second: Values) -> tuple[Values, Values]:
    if first.shape != second.shape or first.ndim != 1:
        raise InputError(f"Paired values need one list each of the same length, not {first.shape} and {second.shape}.")
    defined = np.isfinite(first) & np.isfinite(second)
    if defined.sum() < SMALLEST_AGREEMENT_N:
        raise TooFewRowsError(
            f"Agreement needs {SMALLEST_AGREEMENT_N} pairs with both values; there are {int(defined.sum())}."
        )
    return first[defined], second[defined]
