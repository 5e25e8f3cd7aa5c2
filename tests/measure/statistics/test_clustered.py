"""Models of lesions and slices in patients, against balanced designs whose answer is known."""

import numpy as np
import pytest
from scipy import stats

from napari_scarseg.measure.statistics.clustered import compare_clustered

PATIENTS = np.repeat(np.arange(24), 8)
FIRST = PATIENTS < 12


def draw(icc: float, shift: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    between = rng.normal(scale=icc**0.5, size=24) + shift * (np.arange(24) < 12)
    return 50 + 20 * (between[PATIENTS] + rng.normal(scale=(1 - icc) ** 0.5, size=192))


def test_balanced_design_is_the_t_test_of_the_patients_means():
    values = draw(icc=0.6, shift=0.5)
    means = values.reshape(24, 8).mean(axis=1)
    expected = stats.ttest_ind(means[:12], means[12:])
    found = compare_clustered(values, FIRST, PATIENTS)
    assert found.mixed.p == pytest.approx(expected.pvalue, rel=1e-3)
    interval = expected.confidence_interval()
    assert (found.mixed.low, found.mixed.high) == pytest.approx((interval.low, interval.high), rel=1e-3)
    assert found.gee.difference == pytest.approx(means[:12].mean() - means[12:].mean())
    # Balanced: the bias-reduced standard error is √(12/11) of the t test's.
    half = (found.gee.high - found.gee.low) / 2
    assert half == pytest.approx((interval.high - interval.low) / 2 * (12 / 11) ** 0.5, rel=1e-3)


@pytest.mark.parametrize("icc", [0.0, 0.5, 0.9])
def test_icc_is_found(icc):
    found = [compare_clustered(draw(icc, 0.0, seed), FIRST, PATIENTS).icc for seed in range(8)]
    assert np.mean(found) == pytest.approx(icc, abs=0.12)


def test_what_cannot_be_fitted_says_why():
    assert "fewer than 5 patients" in compare_clustered(draw(0.5, 0)[:64], FIRST[32:96], PATIENTS[:64] // 4).mixed.note
    assert "do not vary" in compare_clustered(np.ones(192), FIRST, PATIENTS).gee.note
    single = compare_clustered(draw(0.5, 0)[:24], np.arange(24) < 12, np.arange(24))
    assert "compare patients" in single.mixed.note
