"""Effect sizes and their intervals, against definitions, published numbers and simulated coverage."""

import numpy as np
import pytest
from scipy import stats

from napari_scarseg.measure.statistics.effects import (
    benjamini_hochberg,
    cliffs_delta,
    effect_with_interval,
    hedges_g,
    hedges_g_av,
    paired_dominance,
)


def test_cliffs_delta_counts_pairs():
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 6, 9).astype(float), rng.integers(1, 8, 13).astype(float)
    greater = np.sign(first[:, None] - second[None, :]).mean()
    assert cliffs_delta(first, second) == pytest.approx(greater)
    assert cliffs_delta(first, second) == -cliffs_delta(second, first)
    stacked = cliffs_delta(np.stack([first, first + 9]), np.stack([second, second]), axis=1)
    np.testing.assert_allclose(stacked, [greater, 1.0])


def test_hedges_g_is_cohens_d_times_the_correction():
    rng = np.random.default_rng(1)
    first, second = rng.normal(1, 2, 10), rng.normal(0, 3, 7)
    pooled = np.sqrt((9 * first.var(ddof=1) + 6 * second.var(ddof=1)) / 15)
    # The usual approximation of Hedges' J for 15 degrees of freedom.
    assert hedges_g(first, second) == pytest.approx((first.mean() - second.mean()) / pooled * (1 - 3 / 59), rel=1e-3)
    assert np.isnan(hedges_g(np.ones(4), np.zeros(4)))


def test_hedges_g_is_unbiased():
    rng = np.random.default_rng(2)
    g = hedges_g(rng.normal(1, 1, (20000, 6)), rng.normal(0, 1, (20000, 6)), axis=1)
    assert g.mean() == pytest.approx(1, abs=0.02)


def test_effects_of_pairs():
    first, second = np.array([1.0, 2, 3, 4, 5]), np.array([0.0, 2, 4, 1, 2])
    assert paired_dominance(first, second) == pytest.approx((3 - 1) / 5)
    spread = np.sqrt((first.var(ddof=1) + second.var(ddof=1)) / 2)
    assert hedges_g_av(first, second) == pytest.approx((first - second).mean() / spread * (1 - 3 / 15), rel=2e-2)


@pytest.mark.parametrize(
    ("statistic", "paired", "truth"),
    [(cliffs_delta, False, 2 * stats.norm.cdf(0.7 / 2**0.5) - 1), (hedges_g, False, 0.7), (hedges_g_av, True, 0.7)],
)
def test_intervals_hold_the_truth(statistic, paired, truth):
    """95 % intervals of 20 v 20 patients: 200 runs hold the truth in 89–99 %."""
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(200):
        first, second = rng.normal(0.7, 1, 20), rng.normal(0, 1, 20)
        found = effect_with_interval(statistic, first, second, paired=paired, draws=499, seed=0)
        held += found.low <= truth <= found.high
    assert 178 <= held <= 198


def test_an_interval_that_cannot_be_is_empty_with_the_reason():
    low, high = np.arange(6.0), np.arange(6.0) + 10
    apart = effect_with_interval(cliffs_delta, low, high, paired=False, draws=99, seed=0)
    assert apart.value == -1 and np.isnan(apart.low) and "do not overlap" in apart.note
    few = effect_with_interval(hedges_g, low[:4], high, paired=False, draws=99, seed=0)
    assert np.isnan(few.low) and "fewer than 5" in few.note
    equal = effect_with_interval(hedges_g, np.ones(6), np.ones(6), paired=False, draws=99, seed=0)
    assert np.isnan(equal.value) and "do not vary" in equal.note


def test_the_same_seed_gives_the_same_interval():
    rng = np.random.default_rng(4)
    first, second = rng.normal(size=12), rng.normal(size=9)
    found = [effect_with_interval(hedges_g, first, second, paired=False, draws=199, seed=s) for s in (1, 1, 2)]
    assert found[0] == found[1] != found[2]


def test_benjamini_hochberg_by_hand():
    # Benjamini & Hochberg 1995, section 3.2: the fifteen p values of the thrombolysis study; four stay below 0.05.
    p = [
        0.0001,
        0.0004,
        0.0019,
        0.0095,
        0.0201,
        0.0278,
        0.0298,
        0.0344,
        0.0459,
        0.3240,
        0.4262,
        0.5719,
        0.6528,
        0.7590,
        1,
    ]
    q = benjamini_hochberg(np.array([*p, np.nan]))
    assert (q[:-1] < 0.05).sum() == 4
    assert q[0] == pytest.approx(0.0015) and np.isnan(q[-1])
    assert np.isnan(benjamini_hochberg(np.array([np.nan]))).all()
