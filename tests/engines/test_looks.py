"""Several looks at the LV: windows of several sizes, turned and turned back, and their mean."""

import numpy as np
import pytest

from napari_scarseg.core.box import Box
from napari_scarseg.core.protocols import EngineInfo
from napari_scarseg.core.windows import window_around
from napari_scarseg.engines.looks import LOOKS, OUTSIDE_LOGIT, Look, SliceScar, average_looks, lean_on

LV = Box(0, 20, 24, 60, 72)
SHAPE = (90, 100)


def test_a_look_keeps_the_middle_and_scales_the_sides() -> None:
    box = Look(0.8, False).around(LV)
    assert (box.height, box.width) == (pytest.approx(32), pytest.approx(38.4))
    assert box.row_min + box.row_max == pytest.approx(80)
    assert box.col_min + box.col_max == pytest.approx(96)
    assert len({look.scale for look in LOOKS}) == len(LOOKS)
    assert any(look.is_turned for look in LOOKS)


def test_the_mean_is_over_the_looks_that_cover_a_pixel() -> None:
    small = window_around(LV, factor=1.0, min_side_px=16, size=32)
    large = window_around(LV, factor=1.8, min_side_px=16, size=32)
    mean = average_looks([small, large], [np.full((32, 32), 4.0), np.full((32, 32), -2.0)], SHAPE)
    assert mean.dtype == np.float32
    assert mean[40, 48] == pytest.approx(1.0)
    edge_row = int(small.row_min) - 3
    assert mean[edge_row, 48] == pytest.approx(-2.0)
    assert mean[0, 99] == OUTSIDE_LOGIT


def test_one_look_that_is_certain_does_not_outvote_the_others() -> None:
    window = window_around(LV, factor=1.0, min_side_px=16, size=32)
    mean = average_looks([window, window], [np.full((32, 32), 1e4), np.full((32, 32), -12.0)], SHAPE)
    assert mean[40, 48] == pytest.approx(0.0)


def test_a_slice_leans_on_what_its_neighbours_show() -> None:
    own = np.full(SHAPE, OUTSIDE_LOGIT, dtype=np.float32)
    own[20:60, 24:72] = -1.0
    surer, doubtful = own.copy(), own.copy()
    surer[30:50, 34:62] = 6.0
    doubtful[30:50, 34:62] = -6.0
    before = surer.copy()
    shown = SliceScar(LV, own)
    for_it, against = (lean_on(shown, [SliceScar(LV, one)]).logits for one in (surer, doubtful))
    assert for_it[40, 48] == pytest.approx(-1 + 0.15 * 6, abs=1e-4)
    assert against[40, 48] == pytest.approx(-1 - 0.15 * 6, abs=1e-4)
    assert -1 < lean_on(shown, [SliceScar(LV, surer), SliceScar(LV, own)]).logits[40, 48] < for_it[40, 48]
    assert (for_it[own == OUTSIDE_LOGIT] == OUTSIDE_LOGIT).all(), "neighbours show nothing where no window looked"
    assert lean_on(shown, []) is shown
    np.testing.assert_array_equal(surer, before)


def test_a_turned_slice_shows_its_scar_turned() -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("segment_anything")
    from napari_scarseg.engines.segmenter import SmallSegmenter
    from napari_scarseg.engines.small_sam import SmallSam, SmallSamConfig

    torch.manual_seed(2)
    network = SmallSam(SmallSamConfig(window_size=32, widths=(8, 16, 32, 16, 16)))
    segmenter = SmallSegmenter(network, EngineInfo("small", "a" * 64, "cpu", "none"))
    volume = np.random.default_rng(3).integers(0, 200, (1, 96, 96)).astype(np.uint16)
    before = volume.copy()
    shown = segmenter.show_scar(volume, {0: LV})[0].logits
    assert shown.shape == (96, 96)
    assert (shown > OUTSIDE_LOGIT).any() and (shown == OUTSIDE_LOGIT).any()
    np.testing.assert_array_equal(volume, before)
    # Turned by 180°, the looks that were turned are not, and the other way round: another mean of the same network.
    turned_lv = Box(0, 96 - LV.row_max, 96 - LV.col_max, 96 - LV.row_min, 96 - LV.col_min)
    turned = segmenter.show_scar(np.ascontiguousarray(volume[:, ::-1, ::-1]), {0: turned_lv})[0].logits
    assert np.corrcoef(shown[30:50, 34:62].ravel(), turned[::-1, ::-1][30:50, 34:62].ravel())[0, 1] > 0.5
