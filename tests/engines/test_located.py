"""The LV round which windows lie: looked for once a slice, and only where the segmenter has somebody to ask."""

import numpy as np
import pytest

from napari_scarseg.core.box import Box
from napari_scarseg.core.protocols import Detection, EngineInfo, Prompt, Region
from napari_scarseg.engines.cache import EmbeddingCache
from napari_scarseg.engines.located import LocatedLvs

pytest.importorskip("torch")
pytest.importorskip("segment_anything")


class Locator:
    """An LV on even slices, a doubtful one and scar beside it."""

    info = EngineInfo("locator", "b" * 64, "cpu", "none")

    def __init__(self) -> None:
        self.asked: list[int] = []

    def detect(self, volume, slices):  # type: ignore[no-untyped-def]
        self.asked += list(slices)
        scar = Detection(1, 1, 9, 9, 0.99, Region.SCAR)
        lv = Detection(20, 22, 60, 64, 0.9, Region.LV)
        doubtful = Detection(0, 0, 90, 90, 0.05, Region.LV)
        return [[scar, lv, doubtful] if index % 2 == 0 else [scar, doubtful] for index in slices]


@pytest.fixture
def segmenter():  # type: ignore[no-untyped-def]
    from napari_scarseg.engines.segmenter import SmallSegmenter
    from napari_scarseg.engines.small_sam import SmallSam, SmallSamConfig

    network = SmallSam(SmallSamConfig(window_size=32, widths=(8, 16, 32, 16, 16)))
    return SmallSegmenter(network, EngineInfo("small", "a" * 64, "cpu", "none"), Locator())


def test_each_slice_is_looked_at_once_until_its_stack_is_forgotten(segmenter) -> None:  # type: ignore[no-untyped-def]
    volume, lvs = np.zeros((4, 90, 90), np.uint8), LocatedLvs()
    for index in (0, 0, 1, 1, 2):
        lvs.find(volume, index, segmenter, "stack")
    assert segmenter._locator.asked == [0, 1, 2]
    lvs.forget_stack("other")
    lvs.find(volume, 0, segmenter, "stack")
    assert segmenter._locator.asked == [0, 1, 2]
    cache = EmbeddingCache()
    cache.lvs = lvs
    cache.forget_stack("stack")
    lvs.find(volume, 0, segmenter, "stack")
    assert segmenter._locator.asked == [0, 1, 2, 0]


def test_of_all_finds_the_surest_lv_counts_and_a_doubtful_one_does_not() -> None:
    from napari_scarseg.engines.segmenter import best_lv

    even, odd = Locator().detect(None, [0, 1])
    lv = best_lv(even, 0)
    assert lv is not None and lv.corners == (20, 22, 60, 64)
    assert best_lv(odd, 1) is None


def test_windows_lie_round_the_lv_that_holds_the_box_and_else_round_the_box(segmenter) -> None:  # type: ignore[no-untyped-def]
    lv = Box(0, 20, 22, 60, 64)
    inside, outside = Box(0, 22, 24, 30, 40), Box(0, 70, 70, 85, 85)
    shape = (90, 90)
    assert segmenter.window(Prompt(inside, lv=lv), shape) == segmenter.window(Prompt(lv, lv=lv), shape)
    assert segmenter.window(Prompt(outside, lv=lv), shape) == segmenter.window(Prompt(outside), shape)
    assert segmenter.window(Prompt(inside), shape) != segmenter.window(Prompt(inside, lv=lv), shape)
    assert segmenter.info.weights_sha256 == "a" * 64 + "+" + "b" * 64
