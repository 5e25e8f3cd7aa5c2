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
    for index in (0, 0, 1, 1, 0):
        lvs.find(volume, index, segmenter, "stack")
    looked_at = [0, 1, 2, 0, 1, 2, 3]
    assert segmenter._locator.asked == looked_at, "and two slices on either side, which check it"
    lvs.forget_stack("other")
    lvs.find(volume, 0, segmenter, "stack")
    assert segmenter._locator.asked == looked_at
    cache = EmbeddingCache()
    cache.lvs = lvs
    cache.forget_stack("stack")
    lvs.find(volume, 0, segmenter, "stack")
    assert segmenter._locator.asked == [*looked_at, 0, 1, 2]


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


def test_a_new_process_knows_the_lv_without_looking(segmenter, tmp_path) -> None:  # type: ignore[no-untyped-def]
    from napari_scarseg.engines.embedding_store import EmbeddingStore

    store = EmbeddingStore(tmp_path, 10**6)
    volume, first = np.zeros((4, 90, 90), np.uint8), EmbeddingCache(store=store)
    segmenter.locate = lambda volume, slices: {0: Box(0, 1.1, 2.2, 33.3, 44.4, score=0.7)} if slices == [0] else {}
    found = [first.lvs.find(volume, index, segmenter, "stack") for index in (0, 1)]
    assert store.size_bytes == 0, "no answer waits for the disk"
    first.forget_stack("stack")
    del segmenter.locate
    assert [first.lvs.find(volume, index, segmenter, "stack") for index in (0, 1)] == found, "on its way to the disk"
    first.store_waiting()
    second = EmbeddingCache(store=store)
    again = [second.lvs.find(volume, index, segmenter, "stack") for index in (0, 1)]
    assert segmenter._locator.asked == []
    assert found[0] is not None and again[0] is not None
    assert (again[0].corners, again[0].score, again[1]) == (found[0].corners, found[0].score, None)
    second.lvs.find(volume, 0, segmenter, "other")
    second.lvs.find(volume, 2, segmenter, "stack")
    assert segmenter._locator.asked == [0, 1, 2, 0, 1, 2, 3]


def test_whichever_slices_are_asked_about_yolo_looks_at_each_once(segmenter) -> None:  # type: ignore[no-untyped-def]
    from napari_scarseg.engines.cascade import CascadeDetector

    volume, yolo = np.random.default_rng(3).integers(0, 200, (8, 90, 90)).astype(np.uint8), Locator()
    cascade = CascadeDetector(yolo, segmenter)
    for pair in ([3, 4], [2, 5], [1, 6], [0, 7]):
        assert len(cascade.detect(volume, pair)) == 2
    assert sorted(yolo.asked) == list(range(8))
