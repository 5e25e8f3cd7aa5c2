"""The pipeline: order, batches, windows shared and embeddings reused, masks that stay with their boxes."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_scarseg.core.box import Box, BoxOrigin, Review
from napari_scarseg.core.calibration import FOUND_SIZE_STEP, SIZE_STEP, Calibration, best_cut, centre_logits
from napari_scarseg.core.config import SegmentConfig
from napari_scarseg.core.masks import compose_labels
from napari_scarseg.core.protocols import Detection, EngineInfo, Prompt, Region
from napari_scarseg.core.windows import Window, crop_context, whole_slice_window
from napari_scarseg.engines.cache import EmbeddingCache
from napari_scarseg.engines.pipeline import (
    detect_slices,
    order_slices,
    resolve_threshold,
    segment_prompts,
    select_boxes,
)
from napari_scarseg.errors import InputError

SCAR = Box(1, 22, 24, 28, 32, lesion_id=1)


class CertainSegmenter:
    """Answers every prompt with scar all over the slice."""

    info = EngineInfo("certain", "c" * 64, "cpu", "none")

    context = 0

    def locate(self, volume, slices):
        return {}

    def window(self, prompt, shape):
        return whole_slice_window(prompt.box.slice, shape, 32)

    def embed(self, crops):
        return [crop[0, :1, :1] for crop in crops]

    def masks(self, embedding, window, prompts):
        return np.full((len(prompts), 32, 32), 5.0, np.float32)


class ScriptedDetector:
    """Gives every plane the same finds."""

    info = EngineInfo("scripted", "s" * 64, "cpu", "none")

    def __init__(self, *finds):
        self.finds = finds

    def detect(self, volume, slices):
        return [list(self.finds) for _ in slices]


def test_the_fakes_keep_to_the_protocols(fakes):
    detector, segmenter = fakes.FakeDetector(), fakes.FakeSegmenter()
    assert isinstance(detector.info, EngineInfo)
    planes = np.zeros((3, 40, 50), np.uint8)
    planes[:, 10:20, 10:20] = 250
    (first, *_), *_ = found = detector.detect(planes, [0, 1, 2])
    assert len(found) == 3
    assert isinstance(first, Detection)
    window = segmenter.window(Prompt(SCAR), (40, 50))
    assert isinstance(window, Window)
    assert window == segmenter.window(Prompt(SCAR), (40, 50))
    (embedding,) = segmenter.embed([crop_context(planes, window, segmenter.context)])
    logits = segmenter.masks(embedding, window, [Prompt(SCAR)] * 2)
    assert logits.dtype == np.float32
    assert logits.shape == (2, window.size, window.size)


@settings(deadline=None)
@given(st.integers(1, 40).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n - 1))))
def test_slices_come_from_the_one_in_view_outwards(case):
    count, current = case
    order = order_slices(count, current)
    assert sorted(order) == list(range(count))
    distances = [abs(index - current) for index in order]
    assert distances == sorted(distances)
    assert order[0] == current


def test_boxes_and_lv_come_in_the_order_asked_for(fakes, heart):
    found = list(detect_slices(heart, fakes.FakeDetector(), [3, 0, 2]))
    assert [item.slice for item in found] == [3, 0, 2]
    (scar,) = found[0].scars
    assert scar.corners == (22, 24, 28, 32)
    assert (scar.slice, scar.origin, scar.lesion_id) == (3, BoxOrigin.DETECTOR, None)
    assert scar.score == pytest.approx(250 / 255)
    assert found[0].lv.corners == (20, 20, 44, 44)
    assert found[1].scars == ()
    assert found[1].lv is None


@pytest.mark.parametrize(("batch", "calls"), [(1, [1, 1, 1, 1]), (2, [1, 2, 1]), (4, [3, 1]), (9, [4])])
def test_constant_slices_never_reach_the_detector_and_batches_are_full(fakes, heart, batch, calls):
    detector = fakes.FakeDetector()
    assert len(list(detect_slices(heart, detector, range(6), batch=batch))) == 6
    assert detector.calls == calls


def test_candidates_are_sorted_cut_at_the_floor_and_filtered_without_the_detector(heart):
    finds = [Detection(0, 0, 5, 5, score, Region.SCAR) for score in (0.2, 0.04, 0.9)]
    finds += [Detection(1, 1, 9, 9, score, Region.LV) for score in (0.3, 0.8)]
    (found,) = detect_slices(heart, ScriptedDetector(*finds), [1])
    assert [box.score for box in found.scars] == [0.9, 0.2]
    assert found.lv.score == 0.8
    assert [box.score for box in select_boxes(found, 0.2)] == [0.9, 0.2]
    assert [box.score for box in select_boxes(found, 0.21)] == [0.9]
    assert len({box.box_id for box in found.scars}) == 2


def test_detection_is_lazy_and_closing_it_stops_the_detector(fakes, heart):
    detector = fakes.FakeDetector()
    found = detect_slices(heart, detector, range(6), batch=1)
    assert detector.calls == []
    next(found)
    next(found)
    found.close()
    assert detector.calls == [1]


@pytest.mark.parametrize("index", [-1, 6])
def test_a_slice_outside_the_stack_is_refused_before_anything_runs(fakes, heart, index):
    detector = fakes.FakeDetector()
    with pytest.raises(InputError, match=f"Slice {index} was asked for, but the stack has the slices 0 to 5"):
        list(detect_slices(heart, detector, [1, index]))
    assert detector.calls == []


def test_no_slices_no_finds(fakes, heart):
    assert list(detect_slices(heart, fakes.FakeDetector(), [])) == []


def test_truth_values_are_zeros_and_ones(fakes):
    data = np.zeros((1, 32, 32), bool)
    data[0, 8:16, 8:16] = True
    (found,) = detect_slices(data, fakes.FakeDetector(), [0])
    assert found.scars == ()
    (mask,) = segment_prompts(data, [Prompt(Box(0, 8, 8, 16, 16, lesion_id=1))], fakes.FakeSegmenter())
    np.testing.assert_allclose(mask.logits[4, 4], (1 - 200) / 100, atol=1e-5)


def test_the_mask_lies_on_the_scar(fakes, heart):
    (mask,) = segment_prompts(heart, [Prompt(SCAR)], fakes.FakeSegmenter())
    labels = compose_labels([mask], (64, 64), fakes.THRESHOLD_LOGIT)
    truth = heart[1] == 250
    assert (labels == 1).sum() == pytest.approx(truth.sum(), rel=0.15)
    assert (labels[truth] == 1).mean() > 0.85
    assert (mask.box_id, mask.lesion_id, mask.slice) == (SCAR.box_id, 1, 1)


@pytest.mark.parametrize(
    ("box", "rows", "cols"),
    [
        (Box(1, 20, 20, 40, 32, lesion_id=1), (15, 45), (17, 35)),
        (Box(1, 30, 30, 32, 32, lesion_id=1), (28, 34), (28, 34)),
        (Box(1, 30.5, 30.5, 33.5, 33.5, lesion_id=1), (28, 36), (28, 36)),
        (Box(1, -10, 50, 10, 70, lesion_id=1), (0, 15), (45, 64)),
    ],
)
def test_a_mask_never_runs_away_from_its_box(heart, box, rows, cols):
    (mask,) = segment_prompts(heart, [Prompt(box)], CertainSegmenter())
    assert (mask.row, mask.row + mask.logits.shape[0]) == rows
    assert (mask.col, mask.col + mask.logits.shape[1]) == cols
    np.testing.assert_allclose(mask.logits, 5.0, rtol=1e-6)


def test_calibrated_masks_are_cut_where_their_expected_dice_is_highest(fakes, heart):
    calibration = Calibration(temperature=0.25, bias=-0.5)

    class Calibrated(fakes.FakeSegmenter):
        @property
        def info(self):
            return replace(super().info, calibration=calibration)

    (plain,) = segment_prompts(heart, [Prompt(SCAR)], fakes.FakeSegmenter())
    (cut,) = segment_prompts(heart, [Prompt(SCAR)], Calibrated())
    np.testing.assert_allclose(cut.logits, centre_logits(plain.logits, calibration, fakes.THRESHOLD_LOGIT), atol=1e-5)
    log_odds = calibration.log_odds(plain.logits)
    np.testing.assert_array_equal(cut.logits > fakes.THRESHOLD_LOGIT, log_odds > best_cut(log_odds) + SIZE_STEP)


def test_a_detectors_box_is_cut_higher_than_a_persons(fakes, heart):
    class Calibrated(fakes.FakeSegmenter):
        @property
        def info(self):
            return replace(super().info, calibration=Calibration(temperature=0.25, bias=-0.5))

    found = replace(SCAR, origin=BoxOrigin.DETECTOR, score=0.9)
    edited = replace(found, origin=BoxOrigin.EDITED, score=None)
    drawn, detected, corrected = (
        next(iter(segment_prompts(heart, [Prompt(box)], Calibrated()))).logits for box in (SCAR, found, edited)
    )
    np.testing.assert_allclose(drawn - detected, FOUND_SIZE_STEP - SIZE_STEP, atol=1e-4)
    np.testing.assert_array_equal(drawn, corrected)
    # Whether a person has said yes to it changes nothing.
    accepted = replace(found, review=Review.ACCEPTED)
    (mask,) = segment_prompts(heart, [Prompt(accepted)], Calibrated())
    np.testing.assert_array_equal(mask.logits, detected)


def test_answers_of_several_windows_are_averaged(fakes, heart):
    class Wide(fakes.FakeSegmenter):
        """Sees every box in its own window and in one twice as wide, where it is 4 surer."""

        def windows(self, prompt, shape):
            first = self.window(prompt, shape)
            grown = Window(
                first.slice, first.row_min - 16, first.col_min - 16, first.row_max + 16, first.col_max + 16, 64
            )
            return [first, grown]

        def masks(self, embedding, window, prompts):
            return np.full((len(prompts), 64, 64), 1.0 if window.row_max - window.row_min < 40 else 5.0, np.float32)

    segmenter, cache = Wide(), EmbeddingCache()
    (mask,) = segment_prompts(heart, [Prompt(SCAR)], segmenter, cache, batch=1)
    np.testing.assert_allclose(mask.logits, 3.0, rtol=1e-6)
    assert segmenter.embedded == [1, 1]
    # What is kept of one window waits for the other.
    fresh, half = Wide(), EmbeddingCache()
    list(segment_prompts(heart, [Prompt(SCAR)], fakes.FakeSegmenter(), half))
    (again,) = segment_prompts(heart, [Prompt(SCAR)], fresh, half)
    assert fresh.embedded == [1]
    np.testing.assert_array_equal(again.logits, mask.logits)
    assert (again.row, again.col) == (mask.row, mask.col)


def test_one_window_is_embedded_and_decoded_once_for_all_its_prompts(fakes, heart):
    segmenter = fakes.FakeSegmenter()
    nudged = Box(1, 22, 24.4, 28, 32.4, lesion_id=2)
    far = Box(2, 22, 24, 28, 32, lesion_id=3)
    masks = list(segment_prompts(heart, [Prompt(SCAR), Prompt(far), Prompt(nudged)], segmenter, batch=8))
    assert segmenter.embedded == [2]
    assert segmenter.decoded == [2, 1]
    assert [mask.lesion_id for mask in masks] == [1, 2, 3]


def test_a_nudged_box_reuses_the_embedding_and_another_image_does_not(fakes, heart):
    segmenter, cache = fakes.FakeSegmenter(), EmbeddingCache()
    list(segment_prompts(heart, [Prompt(SCAR)], segmenter, cache))
    list(segment_prompts(heart, [Prompt(replace(SCAR, col_min=24.4, col_max=32.4))], segmenter, cache))
    assert segmenter.embedded == [1]
    list(segment_prompts(heart // 2, [Prompt(SCAR)], segmenter, cache))
    assert segmenter.embedded == [1, 1]


def test_another_device_encodes_again(fakes, heart):
    cache, cpu, cuda = EmbeddingCache(), fakes.FakeSegmenter(), fakes.FakeSegmenter(device="cuda")
    list(segment_prompts(heart, [Prompt(SCAR)], cpu, cache))
    list(segment_prompts(heart, [Prompt(SCAR)], cuda, cache))
    assert cuda.embedded == [1]


def test_windows_are_embedded_in_batches(fakes, heart):
    segmenter = fakes.FakeSegmenter()
    prompts = [Prompt(replace(SCAR, slice=z, lesion_id=z)) for z in range(1, 5)]
    list(segment_prompts(heart, prompts, segmenter, batch=3))
    assert segmenter.embedded == [3, 1]


def test_what_is_at_hand_waits_for_nothing(fakes, heart):
    segmenter, cache = fakes.FakeSegmenter(), EmbeddingCache()
    looked = []
    segmenter.locate = lambda volume, slices: looked.extend(slices) or {}
    list(segment_prompts(heart, [Prompt(replace(SCAR, slice=2, lesion_id=2))], segmenter, cache))
    prompts = [Prompt(replace(SCAR, slice=z, lesion_id=z)) for z in (1, 2, 3)]
    masks = segment_prompts(heart, prompts, segmenter, cache, batch=2)
    assert next(masks).lesion_id == 2
    assert (segmenter.embedded, looked) == ([1], [2, 1]), "no slice is looked at before its turn"
    assert [mask.lesion_id for mask in masks] == [1, 3]
    assert (sum(segmenter.embedded), looked) == (3, [2, 1, 3])


def test_closing_ends_the_work(fakes, heart):
    segmenter = fakes.FakeSegmenter()
    prompts = [Prompt(replace(SCAR, slice=z, lesion_id=z)) for z in range(1, 5)]
    masks = segment_prompts(heart, prompts, segmenter, batch=1)
    next(masks)
    masks.close()
    assert segmenter.embedded == [1]


@pytest.mark.parametrize(
    "box",
    [Box(0, 5, 5, 15, 15, lesion_id=7), Box(1, 70, 70, 80, 80, lesion_id=7), Box(1, -9, 5, -3, 9, lesion_id=7)],
    ids=["constant slice", "beyond the slice", "before the slice"],
)
def test_nothing_to_see_gives_an_empty_mask(fakes, heart, box):
    segmenter = fakes.FakeSegmenter()
    (mask,) = segment_prompts(heart, [Prompt(box)], segmenter)
    assert mask.logits.shape == (0, 0)
    assert mask.lesion_id == 7
    assert segmenter.embedded == []
    assert compose_labels([mask], (64, 64)).max() == 0


def test_a_box_without_lesion_or_slice_is_refused(fakes, heart):
    with pytest.raises(InputError, match="no lesion yet"):
        list(segment_prompts(heart, [Prompt(Box(1, 5, 5, 15, 15))], fakes.FakeSegmenter()))
    with pytest.raises(InputError, match="Slice 6"):
        list(segment_prompts(heart, [Prompt(replace(SCAR, slice=6))], fakes.FakeSegmenter()))


def test_the_calibrated_threshold_holds_unless_one_is_configured():
    info = EngineInfo("n", "s", "cpu", "none", threshold_logit=0.7)
    assert resolve_threshold(SegmentConfig(), info) == 0.7
    assert resolve_threshold(SegmentConfig(threshold_logit=0.0), info) == 0.0


def test_the_pipeline_needs_no_torch():
    import subprocess

    code = "import sys, napari_scarseg.engines.pipeline, napari_scarseg.engines.client; print('torch' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"
