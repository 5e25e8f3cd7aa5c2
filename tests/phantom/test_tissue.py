"""The signal model against its formula and its limits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_scarseg.phantom.config import ImageKind, SignalConfig
from napari_scarseg.phantom.tissue import Tissue, draw_contrast, inversion_recovery, null_time_ms


def test_the_formula_by_hand():
    # 1 − 2·e^−1 + e^−4
    assert inversion_recovery(400.0, 400.0, 1600.0) == pytest.approx(0.28255675, abs=1e-7)
    # 1 − 1.9·e^−0.5 + 0.9·e^−2
    assert inversion_recovery(200.0, 400.0, 800.0, 0.9) == pytest.approx(-0.03060650, abs=1e-7)


@settings(deadline=None, max_examples=60)
@given(st.floats(200, 2000), st.floats(800, 3000), st.floats(0.8, 1.0))
def test_nothing_is_left_at_the_null(t1_ms, tr_ms, efficiency):
    null_ms = null_time_ms(t1_ms, tr_ms, efficiency)
    assert 0 < null_ms < t1_ms
    assert inversion_recovery(null_ms, t1_ms, tr_ms, efficiency) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_infarct_outshines_remote_and_mvo_lies_below(seed):
    contrast = draw_contrast(np.random.default_rng(seed), SignalConfig(), ImageKind.PSIR, 10)
    signals = contrast.signals()
    assert signals.shape == (10, len(Tissue))
    assert (signals[:, Tissue.INFARCT] > signals[:, Tissue.BLOOD] - 0.15).all()
    assert (signals[:, Tissue.INFARCT] > signals[:, Tissue.REMOTE] + 0.05).all()
    assert (signals[:, Tissue.BLOOD] > signals[:, Tissue.REMOTE]).all()
    assert (signals[:, Tissue.MVO] < signals[:, Tissue.INFARCT]).all()
    assert (signals[:, Tissue.AIR] == 0).all()


def test_the_null_drifts_away_from_a_fixed_ti():
    contrast = draw_contrast(np.random.default_rng(3), SignalConfig(), ImageKind.MAGNITUDE, 8)
    assert np.diff(contrast.ti_ms) == pytest.approx(-3.0)


def test_magnitude_is_taken_at_the_null_with_an_operators_error():
    errors = []
    for seed in range(400):
        contrast = draw_contrast(np.random.default_rng(seed), SignalConfig(), ImageKind.MAGNITUDE, 1)
        errors.append(contrast.ti_ms[0] - contrast.null_ms)
    assert np.mean(errors) == pytest.approx(0, abs=2)
    assert np.std(errors) == pytest.approx(12, abs=1.5)
