"""Evaluation: the numbers on results whose DSC is known."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_scarseg.core.box import Box
from napari_scarseg.core.case import Phase
from napari_scarseg.core.protocols import EngineInfo
from napari_scarseg.core.spacing import Spacing
from napari_scarseg.core.stack import Stack
from napari_scarseg.core.windows import Window, whole_slice_window
from napari_scarseg.datasets import CaseRecord, LabelledCase
from napari_scarseg.evaluation.prompts import PromptSource, draw_jitter, truth_boxes
from napari_scarseg.evaluation.rows import Evaluator, evaluate_case
from napari_scarseg.evaluation.summary import bootstrap, summarise


class BoxFiller:
    """A segmenter that calls everything in the box scar."""

    info = EngineInfo("filler", "0", "cpu", "CC0-1.0")

    def window(self, box: Box, shape: tuple[int, int]) -> Window:
        return whole_slice_window(box.slice, shape, max(shape))

    def embed(self, crops):  # type: ignore[no-untyped-def]
        return list(crops)

    def masks(self, embedding, window, prompts):  # type: ignore[no-untyped-def]
        logits = np.full((len(prompts), window.size, window.size), -5, np.float32)
        for n, prompt in enumerate(prompts):
            top, left, bottom, right = (round(edge) for edge in prompt.box.corners)
            logits[n, top:bottom, left:right] = 5
        return logits


@pytest.fixture
def case() -> LabelledCase:
    scar = np.zeros((3, 40, 40), bool)
    scar[0, 10:20, 10:20] = True
    scar[0, 10:15, 15:20] = False  # an L: 75 of its box's 100 px
    scar[1, 5:9, 5:9] = True
    scar[1, 20:30, 22:32] = True
    record = CaseRecord("P1", Path("i"), Path("l"), "here", "", Phase.ACUTE, None, (1,), (), ())
    data = np.random.default_rng(0).normal(size=scar.shape)
    return LabelledCase(record, Stack(data, Spacing.unknown(), "i"), scar, None, None)


def test_true_boxes_are_tight_and_one_per_component(case: LabelledCase) -> None:
    corners = [(box.slice, *box.corners) for box in truth_boxes(case.scar)]
    assert corners == [(0, 10, 10, 20, 20), (1, 5, 5, 9, 9), (1, 20, 22, 30, 32)]


def test_rows_of_a_known_result(case: LabelledCase) -> None:
    evaluator = Evaluator(BoxFiller(), None, PromptSource.TRUTH, 0.5)
    slices, stack = evaluate_case(evaluator, case)
    assert [row["dsc"] for row in slices] == pytest.approx([2 * 75 / 175, 1.0, 1.0])
    assert [row["boxes"] for row in slices] == [1, 2, 0]
    assert stack["volume_dsc"] == pytest.approx(2 * 191 / (191 + 216))
    assert (stack["components_truth"], stack["components_result"]) == (3, 3)


def test_a_detector_that_misses_is_not_helped_by_the_truth(case: LabelledCase) -> None:
    class Blind:
        info = EngineInfo("blind", "0", "cpu", "CC0-1.0")

        def detect(self, planes):  # type: ignore[no-untyped-def]
            return [[] for _ in planes]

    slices, stack = evaluate_case(Evaluator(BoxFiller(), Blind(), PromptSource.DETECTOR, 0.5), case)
    assert [row["dsc"] for row in slices] == [0.0, 0.0, 1.0]
    assert stack["result_px"] == 0


def test_jitter_is_relative_to_the_box_and_repeatable(case: LabelledCase) -> None:
    boxes = truth_boxes(case.scar)
    moved = draw_jitter(boxes, np.random.default_rng(3))
    for box, other in zip(boxes, moved, strict=True):
        limits = 0.15 * np.array([box.height, box.width, box.height, box.width])
        assert (np.abs(np.array(box.corners) - other.corners) <= limits).all()
        assert other.corners != box.corners
    evaluator = Evaluator(BoxFiller(), None, PromptSource.JITTERED, 0.5, seed=1)
    assert evaluate_case(evaluator, case) == evaluate_case(evaluator, case)


def test_summary_keeps_empty_slices_and_normal_patients_apart() -> None:
    slices = pd.DataFrame(
        {
            "patient": ["a", "a", "b", "n"],
            "truth_px": [10, 0, 20, 0],
            "result_px": [8, 0, 20, 7],
            "dsc": [0.5, 1.0, 0.9, 0.0],
            "perimeter_similarity": [0.8, 1.0, 1.0, 0.0],
        }
    )
    stacks = pd.DataFrame(
        {"patient": ["a", "b", "n"], "truth_px": [10, 20, 0], "result_px": [8, 20, 7], "volume_dsc": [0.5, 0.9, 0.0]}
    )
    table = summarise(slices, stacks, draws=50).set_index("measure")
    assert table.value["slice DSC, slices with scar"] == pytest.approx(0.7)
    assert table.slices["slice DSC, slices with scar"] == 2
    assert table.value["patient-volume DSC, infarct patients"] == pytest.approx(0.7)
    assert table.value["size bias (result / truth - 1), infarct patients"] == pytest.approx(28 / 30 - 1)
    assert table.value["share of scar-free slices left empty"] == 0.5
    assert table.value["share of scar-free patients with scar found"] == 1.0


def test_the_interval_draws_patients_and_not_slices() -> None:
    # One patient with many equal slices: its interval has no width, however many slices there are.
    one = pd.DataFrame({"patient": ["a"] * 30, "dsc": np.linspace(0, 1, 30)})
    estimate = bootstrap(one, lambda t: t.dsc.mean(), draws=50)
    assert estimate.low == estimate.high == estimate.value
    assert (estimate.patients, estimate.slices) == (1, 30)
