"""Engines on a labelled case: whose boxes, and what the segmenter makes of them. A miss stays a miss."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_scarseg.core.box import Box
from napari_scarseg.core.config import SegmentConfig
from napari_scarseg.core.lesions import number_boxes
from napari_scarseg.core.masks import compose_labels
from napari_scarseg.core.protocols import Detector, Prompt, Segmenter
from napari_scarseg.datasets import LabelledCase
from napari_scarseg.engines.pipeline import detect_slices, resolve_threshold, segment_prompts, select_boxes
from napari_scarseg.errors import InputError
from napari_scarseg.evaluation.prompts import PromptSource, draw_jitter, truth_boxes
from napari_scarseg.evaluation.rows import CaseRows, compare_case


@dataclass(frozen=True, slots=True)
class Evaluator:
    """What is evaluated.

    Parameters
    ----------
    segmenter : Segmenter
    detector : Detector or None
        Needed where the boxes are the detector's.
    confidence : float
        Detector's boxes below it are not used.
    seed : int
        Of the jitter; together with the patient it decides every draw.
    """

    segmenter: Segmenter[Any]
    detector: Detector | None
    confidence: float
    seed: int = 0


def evaluate_case(evaluator: Evaluator, case: LabelledCase, source: PromptSource) -> CaseRows:
    """Segment one case with the boxes of `source` and compare it with its truth; the method is the source's name."""
    boxes = choose_boxes(evaluator, case, source)
    result = segment_boxes(evaluator, case, boxes)
    counts = np.bincount([box.slice for box in boxes], minlength=len(result))
    return compare_case(case, result, source.value, counts)


def choose_boxes(evaluator: Evaluator, case: LabelledCase, source: PromptSource) -> list[Box]:
    """The boxes that `source` draws on a case.

    Raises
    ------
    InputError
        If they are the detector's and there is none.
    """
    if source is PromptSource.DETECTOR:
        if evaluator.detector is None:
            raise InputError("The boxes are to be the detector's, but no detector was loaded; name one.")
        found = detect_slices(case.stack.data, evaluator.detector, range(case.stack.shape[0]))
        return [box for detections in found for box in select_boxes(detections, evaluator.confidence)]
    boxes = truth_boxes(case.scar)
    if source is PromptSource.JITTERED:
        # A patient's own stream, so that the draw does not depend on the order of the cases.
        digits = int.from_bytes(case.record.patient.encode()[:8], "big")
        return draw_jitter(boxes, np.random.default_rng((evaluator.seed, digits)))
    return boxes


def segment_boxes(evaluator: Evaluator, case: LabelledCase, boxes: Sequence[Box]) -> npt.NDArray[np.bool_]:
    """Scar (Z, Y, X) that the segmenter finds in the boxes, at the threshold calibrated for its weights."""
    masks = list(segment_prompts(case.stack.data, [Prompt(box) for box in number_boxes(boxes)], evaluator.segmenter))
    threshold = resolve_threshold(SegmentConfig(), evaluator.segmenter.info)
    result = np.zeros(case.stack.shape, dtype=np.bool_)
    for z in {mask.slice for mask in masks}:
        on_slice = [mask for mask in masks if mask.slice == z]
        result[z] = compose_labels(on_slice, case.stack.shape[1:], threshold) > 0
    return result
