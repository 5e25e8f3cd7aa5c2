"""Whose boxes, and what becomes of them."""

import numpy as np
import pytest

from napari_scarseg.core.masks import component_boxes
from napari_scarseg.core.protocols import EngineInfo
from napari_scarseg.datasets import LabelledCase
from napari_scarseg.errors import InputError
from napari_scarseg.evaluation.evaluator import Evaluator, choose_boxes, evaluate_case
from napari_scarseg.evaluation.prompts import PromptSource, draw_jitter, truth_boxes


def test_true_boxes_are_tight_and_one_per_component(case: LabelledCase) -> None:
    corners = [(box.slice, *box.corners) for box in truth_boxes(case.scar)]
    assert corners == [(0, 10, 10, 20, 20), (1, 5, 5, 9, 9), (1, 20, 22, 30, 32)]
    # The one policy of labels, training and evaluation: specks under 5 px have no box anywhere.
    case.scar[2, 1, 1:5] = True
    assert truth_boxes(case.scar)[-1].slice == 1
    assert component_boxes(case.scar[2], 2) == []


def test_rows_of_a_known_result(case: LabelledCase, filler) -> None:  # type: ignore[no-untyped-def]
    rows = evaluate_case(Evaluator(filler, None, 0.5), case, PromptSource.TRUTH)
    assert [row["dsc"] for row in rows.slices] == pytest.approx([2 * 75 / 175, 1.0, 1.0])
    assert [row["boxes"] for row in rows.slices] == [1, 2, 0]
    assert rows.stack["volume_dsc"] == pytest.approx(2 * 191 / (191 + 216))
    assert (rows.stack["components_truth"], rows.stack["components_result"]) == (3, 3)


def test_a_detector_that_misses_is_not_helped_by_the_truth(case: LabelledCase, filler) -> None:  # type: ignore[no-untyped-def]
    class Blind:
        info = EngineInfo("blind", "0", "cpu", "CC0-1.0")

        def detect(self, volume, slices):  # type: ignore[no-untyped-def]
            return [[] for _ in slices]

    rows = evaluate_case(Evaluator(filler, Blind(), 0.5), case, PromptSource.DETECTOR)
    assert [row["dsc"] for row in rows.slices] == [0.0, 0.0, 1.0]
    assert rows.stack["result_px"] == 0
    with pytest.raises(InputError, match="no detector was loaded"):
        choose_boxes(Evaluator(filler, None, 0.5), case, PromptSource.DETECTOR)


def test_jitter_is_relative_to_the_box_and_repeatable(case: LabelledCase, filler) -> None:  # type: ignore[no-untyped-def]
    boxes = truth_boxes(case.scar)
    moved = draw_jitter(boxes, np.random.default_rng(3))
    for box, other in zip(boxes, moved, strict=True):
        limits = 0.15 * np.array([box.height, box.width, box.height, box.width])
        assert (np.abs(np.array(box.corners) - other.corners) <= limits).all()
        assert other.corners != box.corners
    evaluator = Evaluator(filler, None, 0.5, seed=1)
    first, second = (evaluate_case(evaluator, case, PromptSource.JITTERED) for _ in range(2))
    assert [row["dsc"] for row in first.slices] == [row["dsc"] for row in second.slices]
