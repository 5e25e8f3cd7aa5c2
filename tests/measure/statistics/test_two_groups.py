"""Tests of two groups, against scipy and hand-worked cases."""

import numpy as np
import pytest
from scipy import stats

from napari_scarseg.measure.statistics.two_groups import Design, compare_two


def test_independent_groups_are_tested_by_mann_whitney_and_welch():
    rng = np.random.default_rng(0)
    first, second = rng.normal(1, 1, 12), rng.normal(0, 3, 9)
    found = compare_two(first, second, Design.INDEPENDENT, draws=0)
    welch = stats.ttest_ind(first, second, equal_var=False)
    assert found.mean_p == welch.pvalue
    assert (found.difference_low, found.difference_high) == pytest.approx(tuple(welch.confidence_interval()))
    assert found.rank_p == stats.mannwhitneyu(first, second, method="exact").pvalue


def test_ties_are_not_called_exact():
    first, second = np.array([1.0, 2, 2, 3, 4]), np.array([2.0, 3, 5, 6, 6])
    found = compare_two(first, second, Design.INDEPENDENT, draws=0)
    assert found.rank_p == stats.mannwhitneyu(first, second, method="asymptotic").pvalue


def test_pairs_are_tested_by_wilcoxon_and_the_paired_t():
    rng = np.random.default_rng(1)
    base = rng.normal(0, 5, 10)
    first, second = base + 1 + rng.normal(0, 0.5, 10), base
    found = compare_two(first, second, Design.PAIRED, draws=199)
    assert found.rank_p == stats.wilcoxon(first, second).pvalue
    assert found.mean_p == stats.ttest_rel(first, second).pvalue
    assert found.mean_p < 0.01 < compare_two(first, second, Design.INDEPENDENT, draws=0).mean_p
    assert found.mean_effect.low < found.mean_effect.value < found.mean_effect.high


def test_few_patients_and_equal_values_give_reasons():
    few = compare_two(np.array([1.0, 2]), np.arange(9.0), Design.INDEPENDENT)
    assert np.isnan(few.rank_p) and np.isnan(few.rank_effect.value) and "fewer than 3" in few.note
    equal = compare_two(np.ones(8), np.ones(8), Design.INDEPENDENT)
    assert np.isnan(equal.mean_p) and np.isnan(equal.rank_p) and "do not vary" in equal.note
    shifted = compare_two(np.arange(8.0) + 1, np.arange(8.0), Design.PAIRED)
    assert np.isnan(shifted.mean_p) and "do not vary" in shifted.note
