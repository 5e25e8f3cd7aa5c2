"""Limits of agreement and intraclass correlation, against published and computed figures."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection

from napari_scarseg.errors import InputError
from napari_scarseg.measure.agreement import intraclass_correlation, limits_of_agreement
from napari_scarseg.measure.feature_maps import TooFewRowsError
from napari_scarseg.measure.figure_agreement import bland_altman_figure

# Peak expiratory flow by two meters, 17 people (Bland & Altman, Lancet 1986, table 1: first readings).
WRIGHT = np.array([494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427], float)
MINI = np.array([512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451], float)


def test_limits_are_those_of_the_lancet_paper():
    found = limits_of_agreement(MINI, WRIGHT)
    assert (found.n, round(found.bias, 1), round(found.sd, 1)) == (17, -2.1, 38.8)
    assert found.upper - found.lower == pytest.approx(2 * 1.96 * 38.765, rel=1e-3)
    # The paper's interval of the bias: −22.0 to 17.8.
    assert (found.bias_low, found.bias_high) == pytest.approx((-22.0, 17.8), abs=0.1)


def test_icc_is_that_of_the_mean_squares():
    # Shrout & Fleiss 1979, table 2, judges 1 and 4; the mean squares by hand.
    a, b = np.array([9, 6, 8, 7, 10, 6.0]), np.array([8, 2, 6, 6, 9, 7.0])
    grand = np.concatenate([a, b]).mean()
    rows = 2 * (((a + b) / 2 - grand) ** 2).sum() / 5
    columns = 6 * ((a.mean() - grand) ** 2 + (b.mean() - grand) ** 2)
    error = (((a - b) - (a - b).mean()) ** 2).sum() / 2 / 5
    assert intraclass_correlation(a, b) == pytest.approx((rows - error) / (rows + error + 2 * (columns - error) / 6))


def test_icc_of_equal_values_shifted_values_and_noise():
    rng = np.random.default_rng(0)
    values = rng.normal(size=5000)
    assert intraclass_correlation(values, values) == 1
    # Variance 1 between, shift 1: 1 / (1 + 1/2).
    assert intraclass_correlation(values, values + 1) == pytest.approx(1 / 1.5, abs=0.02)
    noisy = [values + rng.normal(scale=0.5, size=5000) for _ in range(2)]
    assert intraclass_correlation(*noisy) == pytest.approx(1 / 1.25, abs=0.02)
    assert np.isnan(intraclass_correlation(np.ones(5), np.ones(5)))


def test_icc_keeps_leading_axes():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(3, 4, 10)), rng.normal(size=(3, 4, 10))
    found = intraclass_correlation(a, b)
    assert found.shape == (3, 4)
    assert found[2, 1] == intraclass_correlation(a[2, 1], b[2, 1])


def test_undefined_pairs_are_left_out_and_few_refused():
    shortened = MINI.copy()
    shortened[:3] = np.nan
    assert limits_of_agreement(shortened, WRIGHT).n == 14
    with pytest.raises(TooFewRowsError, match="needs 5 pairs .* there are 4"):
        limits_of_agreement(MINI[:4], WRIGHT[:4])
    with pytest.raises(InputError, match="same length"):
        limits_of_agreement(MINI[:6], WRIGHT)


@pytest.fixture
def pairs():
    return pd.DataFrame({"mass_g_first": MINI / 30, "mass_g_second": WRIGHT / 30, "cohort": "phantom"})


def test_figure_draws_differences_against_means(pairs):
    figure = bland_altman_figure(pairs, "mass_g", names=("truth", "automatic"))
    axes = figure.axes[0]
    (points,) = [c for c in axes.collections if isinstance(c, PathCollection)]
    np.testing.assert_allclose(points.get_offsets(), np.column_stack([(MINI + WRIGHT) / 60, (WRIGHT - MINI) / 30]))
    assert axes.get_xlabel() == "Mean of both: Mass (g)"
    assert axes.get_ylabel() == "automatic − truth (g)"
    assert "n = 17 patients" in figure.get_supxlabel()
    assert figure.get_suptitle() == "synthetic phantom data"


def test_figure_of_too_few_says_so_and_unknown_pairs_are_refused(pairs):
    figure = bland_altman_figure(pairs.head(3), "mass_g")
    assert "there are 3" in figure.axes[0].texts[0].get_text()
    with pytest.raises(InputError, match="no column area_mm2_first"):
        bland_altman_figure(pairs, "area_mm2")
