"""Models of lesions and slices in patients, against balanced designs whose answer is known."""

import numpy as np
import pytest
from scipy import linalg, stats
from statsmodels.genmod.cov_struct import Exchangeable
from statsmodels.genmod.families import Gaussian
from statsmodels.genmod.generalized_estimating_equations import GEE

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
    assert found.gee.p == pytest.approx(expected.pvalue, rel=1e-3)
    assert (found.gee.low, found.gee.high) == pytest.approx((interval.low, interval.high), rel=1e-3)


@pytest.mark.parametrize("power", [0.5, 1.0])
def test_bias_reduced_errors_follow_their_definition(power):
    """Kauermann and Carroll's root of the leverage; its whole is Mancl and DeRouen's, which statsmodels has."""
    rng = np.random.default_rng(5)
    counts = rng.integers(2, 13, 20)
    patients = np.repeat(np.arange(20), counts)
    first = patients < 8
    values = rng.normal(size=20)[patients] + rng.normal(size=patients.size)
    exog = np.column_stack([np.ones(values.size), first.astype(float)])
    working = Exchangeable()
    fitted = GEE(values, exog, groups=patients, cov_struct=working, family=Gaussian()).fit(cov_type="bias_reduced")
    correlation = float(working.dep_params)
    inverses = [np.linalg.inv(correlation + (1 - correlation) * np.eye(n)) for n in counts]
    bread = np.linalg.inv(sum(exog[patients == i].T @ v @ exog[patients == i] for i, v in enumerate(inverses)))
    meat = np.zeros((2, 2))
    for i, v in enumerate(inverses):
        x = exog[patients == i]
        leverage = x @ bread @ x.T @ v
        residual = values[patients == i] - x @ np.asarray(fitted.params)
        corrected = np.linalg.inv(np.real(linalg.fractional_matrix_power(np.eye(len(x)) - leverage, power))) @ residual
        score = x.T @ v @ corrected
        meat += np.outer(score, score)
    error = float(np.sqrt((bread @ meat @ bread)[1, 1]))
    if power == 1.0:
        assert error == pytest.approx(float(fitted.bse[1]), rel=1e-6)
    else:
        found = compare_clustered(values, first, patients).gee
        half = (found.high - found.low) / 2
        assert half / stats.t.ppf(0.975, 18) == pytest.approx(error, rel=1e-6)


@pytest.mark.parametrize("icc", [0.0, 0.5, 0.9])
def test_icc_is_found(icc):
    found = [compare_clustered(draw(icc, 0.0, seed), FIRST, PATIENTS).icc for seed in range(8)]
    assert np.mean(found) == pytest.approx(icc, abs=0.12)


def test_what_cannot_be_fitted_says_why():
    assert "fewer than 5 patients" in compare_clustered(draw(0.5, 0)[:64], FIRST[32:96], PATIENTS[:64] // 4).mixed.note
    assert "do not vary" in compare_clustered(np.ones(192), FIRST, PATIENTS).gee.note
    single = compare_clustered(draw(0.5, 0)[:24], np.arange(24) < 12, np.arange(24))
    assert "compare patients" in single.mixed.note
