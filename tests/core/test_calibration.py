"""The best cut of a map of probabilities against what many draws from them show."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_scarseg.core.calibration import LOWEST_CUT, SIZE_STEP, Calibration, best_cut, centre_logits
from napari_scarseg.core.protocols import EngineInfo


def _map(seed: int, spread: float, middle: float) -> np.ndarray:
    return np.random.default_rng(seed).normal(middle, spread, size=(30, 40)).astype(np.float32)


@pytest.mark.parametrize(("spread", "middle"), [(1.0, -2.0), (3.0, -3.0), (6.0, -4.0), (2.0, 1.0)])
def test_no_other_cut_has_a_higher_dice_on_average_over_truths_drawn_from_the_probabilities(
    spread: float, middle: float
) -> None:
    log_odds = _map(1, spread, middle)
    truths = np.random.default_rng(2).random((200, *log_odds.shape)) < 1 / (1 + np.exp(-log_odds))

    def dice(cut: float) -> float:
        mask = log_odds > cut
        return float(np.mean(2 * (truths & mask).sum(axis=(1, 2)) / (truths.sum(axis=(1, 2)) + mask.sum())))

    best = dice(best_cut(log_odds))
    assert best >= max(dice(cut) for cut in np.linspace(-4, 3, 57)) - 0.003


def test_a_sure_map_is_cut_in_the_middle_and_a_doubtful_one_lower() -> None:
    sure = np.where(np.arange(400) < 100, 12.0, -12.0).astype(np.float32)
    doubtful = np.where(np.arange(400) < 100, -0.8, -4.0).astype(np.float32)
    assert -12 < best_cut(sure) < 12
    assert (sure > best_cut(sure)).sum() == 100
    assert best_cut(doubtful) < -0.8
    assert (doubtful > best_cut(doubtful)).sum() >= 100


def test_noise_on_which_nothing_is_likely_is_not_scar() -> None:
    log_odds = np.full((20, 20), -8.0, np.float32)
    assert best_cut(log_odds) == LOWEST_CUT
    assert not (centre_logits(log_odds, Calibration(1.0, 0.0), -0.5) > -0.5).any()
    assert best_cut(np.zeros((0, 0), np.float32)) == 0.0


@given(st.integers(0, 99), st.floats(0.5, 4), st.floats(-2, 2), st.floats(-1, 1))
def test_centred_logits_keep_their_order_and_their_best_cut_is_the_threshold(
    seed: int, temperature: float, bias: float, threshold: float
) -> None:
    logits = _map(seed, 3.0, -1.0)
    before = logits.copy()
    centred = centre_logits(logits, Calibration(temperature, bias), threshold)
    assert centred.dtype == np.float32
    assert np.array_equal(logits, before)
    # Neighbouring float32 values may round to one, so their order is not strict.
    assert (np.diff(centred.ravel()[np.argsort(logits, axis=None)]) >= 0).all()
    log_odds = Calibration(temperature, bias).log_odds(logits)
    assert abs((centred > threshold).sum() - (log_odds > best_cut(log_odds) + SIZE_STEP).sum()) <= 2


def test_what_ran_comes_back_from_a_record_with_its_calibration() -> None:
    plain = EngineInfo("net", "a" * 64, "cpu", "none")
    calibrated = EngineInfo("net", "a" * 64, "cpu", "none", calibration=Calibration(1.25, -0.25))
    for info in (plain, calibrated):
        assert EngineInfo.from_dict(json.loads(json.dumps(info.as_dict()))) == info
