"""Figures with 95 % bootstrap intervals, patients as the unit that is drawn.

Every figure here is a function of sums over rows (a mean is a sum over a count), so a draw of patients only weights the
patients' own sums, and thousands of draws are one matrix product.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]
Sums = Mapping[str, Values]

DRAWS = 2000


@dataclass(frozen=True, slots=True)
class Estimate:
    """One figure with its 95 % percentile interval over drawn patients (Efron and Tibshirani, 1993).

    Parameters
    ----------
    value, low, high : float
        NaN where nothing could be measured.
    patients, rows : int
        What it is over: rows with a value, and the patients they belong to.
    """

    value: float
    low: float
    high: float
    patients: int
    rows: int


def bootstrap(
    patients: npt.ArrayLike,
    columns: Mapping[str, npt.ArrayLike],
    figure: Callable[[Sums], Values],
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> Estimate:
    """A figure of column sums, and its interval.

    Parameters
    ----------
    patients : sequence of N
        Whom each row belongs to.
    columns : mapping of name → N numbers
        Rows with NaN in any column are left out. The column `n` (one per row) is added.
    figure : callable
        Sums of shape (D,) each → figure (D,).
    draws : int
    seed : int

    Examples
    --------
    >>> bootstrap(["a", "a", "b"], {"x": [0.5, 0.7, 0.9]}, mean_of("x")).value
    0.7000000000000001
    """
    values = np.stack([np.asarray(column, dtype=np.float64) for column in columns.values()], axis=1)
    has_value = ~np.isnan(values).any(axis=1)
    values, who = values[has_value], np.asarray(patients)[has_value]
    if not len(values):
        return Estimate(float("nan"), float("nan"), float("nan"), 0, 0)
    names, index = np.unique(who, return_inverse=True)
    table = np.column_stack([values, np.ones(len(values))])
    per_patient = np.zeros((len(names), table.shape[1]))
    np.add.at(per_patient, index, table)
    weights = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), size=draws)
    keys = [*columns, "n"]
    with np.errstate(divide="ignore", invalid="ignore"):
        value = figure(dict(zip(keys, per_patient.sum(axis=0, keepdims=True).T, strict=True)))
        drawn = figure(dict(zip(keys, (weights @ per_patient).T, strict=True)))
    drawn = drawn[np.isfinite(drawn)]
    low, high = np.percentile(drawn, (2.5, 97.5)) if len(drawn) else (np.nan, np.nan)
    return Estimate(float(value[0]), float(low), float(high), len(names), len(values))


def mean_of(name: str) -> Callable[[Sums], Values]:
    """Mean over rows."""
    return lambda sums: sums[name] / sums["n"]


def ratio_of(numerator: str, denominator: str) -> Callable[[Sums], Values]:
    """Ratio of two sums."""
    return lambda sums: sums[numerator] / sums[denominator]


def f1_of(found: str, true: str, right: str, given: str) -> Callable[[Sums], Values]:
    """Harmonic mean of recall (`found` of `true`) and precision (`right` of `given`); 0 where either has no cases.

    Where one answer covers several lesions, `found` and `right` differ, so this is not 2TP / (2TP + FP + FN). Without
    cases on both sides there is no figure (NaN).
    """

    def figure(sums: Sums) -> Values:
        recall = np.nan_to_num(sums[found] / sums[true])
        precision = np.nan_to_num(sums[right] / sums[given])
        harmonic = np.nan_to_num(2 * recall * precision / (recall + precision))
        return np.where(sums[true] + sums[given] > 0, harmonic, np.nan)

    return figure


def concordance(sums: Sums) -> Values:
    """Concordance correlation coefficient of x and y from the sums of x, y, xx, yy and xy.

    Lin, Biometrics 1989;45:255–268, with divisor n. 1 is agreement; unlike a correlation it falls with bias and scale.
    """
    n = sums["n"]
    mean_x, mean_y = sums["x"] / n, sums["y"] / n
    spread = sums["xx"] / n - mean_x**2 + sums["yy"] / n - mean_y**2 + (mean_x - mean_y) ** 2
    return np.asarray(2 * (sums["xy"] / n - mean_x * mean_y) / spread)
