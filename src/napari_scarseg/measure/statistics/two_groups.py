"""Tests of two groups of patients, one value each: independent, or as pairs."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from scipy import stats

from napari_scarseg.measure.statistics.effects import (
    Effect,
    cliffs_delta,
    effect_with_interval,
    hedges_g,
    hedges_g_av,
    paired_dominance,
)

Values = npt.NDArray[np.float64]

# Fewer cannot reach p < 0.05 in any rank test, and their SD is a guess.
SMALLEST_TEST_N = 3


class Design(StrEnum):
    """How the patients of two groups belong together."""

    INDEPENDENT = "independent"
    PAIRED = "paired"


@dataclass(frozen=True, slots=True)
class TwoGroupResult:
    """One feature compared.

    Parameters
    ----------
    rank_p : float
        Two-sided: Mann–Whitney, or Wilcoxon's signed ranks where paired. NaN where not computed.
    mean_p : float
        Two-sided: Welch's t, or the paired t.
    rank_effect : Effect
        Cliff's delta, or the dominance within pairs; positive where the first group's values are larger.
    mean_effect : Effect
        Hedges' g, or g_av where paired.
    difference, difference_low, difference_high : float
        First mean − second mean in the feature's unit, with the t interval (95 %).
    note : str
        Why something is empty.
    """

    rank_p: float
    mean_p: float
    rank_effect: Effect
    mean_effect: Effect
    difference: float
    difference_low: float
    difference_high: float
    note: str


RANK_TEST = {Design.INDEPENDENT: "Mann–Whitney", Design.PAIRED: "Wilcoxon signed-rank"}
MEAN_TEST = {Design.INDEPENDENT: "Welch t", Design.PAIRED: "paired t"}
RANK_EFFECT = {Design.INDEPENDENT: "Cliff's delta", Design.PAIRED: "paired dominance"}
MEAN_EFFECT = {Design.INDEPENDENT: "Hedges' g", Design.PAIRED: "Hedges' g_av"}


def compare_two(first: Values, second: Values, design: Design, *, draws: int = 4999, seed: int = 0) -> TwoGroupResult:
    """Compare two groups of finite values, one per patient.

    Parameters
    ----------
    first, second : ndarray of float64, (n,), (m,)
        In the same order of patients where paired.
    design : Design
    draws : int
        Bootstrap draws of patients for the effects' intervals; 0 for none.
    seed : int

    Examples
    --------
    >>> import numpy as np
    >>> found = compare_two(np.arange(8.0), np.arange(8.0) + 4, Design.INDEPENDENT, draws=0)
    >>> round(found.rank_p, 3), round(found.rank_effect.value, 2), found.difference
    (0.013, -0.75, -4.0)
    """
    paired = design is Design.PAIRED
    rank_statistic, mean_statistic = (paired_dominance, hedges_g_av) if paired else (cliffs_delta, hedges_g)
    if min(first.size, second.size) < SMALLEST_TEST_N:
        empty = Effect(np.nan, np.nan, np.nan)
        note = f"fewer than {SMALLEST_TEST_N} patients with a value in a group"
        return TwoGroupResult(np.nan, np.nan, empty, empty, np.nan, np.nan, np.nan, note)
    rank_effect, mean_effect = (
        effect_with_interval(statistic, first, second, paired=paired, draws=draws, seed=seed)
        for statistic in (rank_statistic, mean_statistic)
    )
    notes = [rank_effect.note, mean_effect.note]
    varies = np.ptp(first - second) > 0 if paired else np.ptp(first) > 0 or np.ptp(second) > 0
    difference = float(first.mean() - second.mean())
    if not varies:
        notes.append("the values do not vary, so there is no test")
        rank_p = mean_p = low = high = np.nan
    else:
        mean_test = stats.ttest_rel(first, second) if paired else stats.ttest_ind(first, second, equal_var=False)
        interval = mean_test.confidence_interval(0.95)
        mean_p, low, high = float(mean_test.pvalue), float(interval.low), float(interval.high)
        rank_p = _rank_p(first, second, paired)
    note = "; ".join(dict.fromkeys(note for note in notes if note))
    return TwoGroupResult(rank_p, mean_p, rank_effect, mean_effect, difference, low, high, note)


def _rank_p(first: Values, second: Values, paired: bool) -> float:
    """Exact where the groups are small and free of ties, else by the normal curve with scipy's corrections."""
    if paired:
        return float(stats.wilcoxon(first, second).pvalue)
    tied = np.unique(np.concatenate([first, second])).size < first.size + second.size
    # scipy's rule stops being exact above 8; 12 v 12 is still quick and then not approximate.
    exact = not tied and max(first.size, second.size) <= 25
    return float(stats.mannwhitneyu(first, second, method="exact" if exact else "asymptotic").pvalue)
