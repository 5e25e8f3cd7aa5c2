"""Engines over labelled cases: one row per slice and one per patient stack."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_scarseg.core.config import SegmentConfig
from napari_scarseg.core.lesions import number_boxes
from napari_scarseg.core.masks import compose_labels, label_components
from napari_scarseg.core.protocols import Detector, Prompt, Segmenter
from napari_scarseg.datasets import LabelledCase
from napari_scarseg.engines.pipeline import detect_slices, resolve_threshold, segment_prompts, select_boxes
from napari_scarseg.evaluation.prompts import PromptSource, draw_jitter, truth_boxes
from napari_scarseg.measure.overlap import dice, perimeter_similarity


@dataclass(frozen=True, slots=True)
class Evaluator:
    """What is evaluated.

    Parameters
    ----------
    segmenter : Segmenter
    detector : Detector or None
        Needed where the boxes are the detector's.
    source : PromptSource
    confidence : float
        Detector's boxes below it are not used.
    seed : int
        Of the jitter; together with the patient it decides every draw.
    """

    segmenter: Segmenter[Any]
    detector: Detector | None
    source: PromptSource
    confidence: float
    seed: int = 0


def evaluate_case(evaluator: Evaluator, case: LabelledCase) -> tuple[list[dict[str, object]], dict[str, object]]:
    """Segment one case and compare it with its truth.

    Returns
    -------
    slices : list of dict
        `patient, cohort, phase, slice, boxes, truth_px, result_px, dsc, perimeter_similarity`; DSC is 1 where both are
        empty and 0 where one is.
    stack : dict
        `patient, cohort, phase, truth_px, result_px, volume_dsc, lesions_truth, lesions_result`, over the whole stack.
    """
    result, boxes_per_slice = _segment(evaluator, case)
    keys: dict[str, object] = {
        "patient": case.record.patient,
        "cohort": case.record.cohort,
        "phase": case.record.phase.value,
    }
    slices: list[dict[str, object]] = []
    for z, (mask, truth) in enumerate(zip(result, case.scar, strict=True)):
        slices.append(
            {
                **keys,
                "slice": z,
                "boxes": boxes_per_slice[z],
                "truth_px": int(truth.sum()),
                "result_px": int(mask.sum()),
                "dsc": dice(mask, truth),
                "perimeter_similarity": perimeter_similarity(mask, truth),
            }
        )
    stack = {
        **keys,
        "truth_px": int(case.scar.sum()),
        "result_px": int(result.sum()),
        "volume_dsc": dice(result, case.scar),
        "components_truth": sum(int(label_components(plane).max()) for plane in case.scar),
        "components_result": sum(int(label_components(plane).max()) for plane in result),
    }
    return slices, stack


def evaluate_cases(
    evaluator: Evaluator, cases: Sequence[LabelledCase]
) -> Iterator[tuple[list[dict[str, object]], dict[str, object]]]:
    """`evaluate_case` for each case, one after the other."""
    for case in cases:
        yield evaluate_case(evaluator, case)


def _segment(evaluator: Evaluator, case: LabelledCase) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
    """The result (Z, Y, X) and the number of boxes on each slice."""
    depth, height, width = case.stack.shape
    boxes = number_boxes(_boxes(evaluator, case))
    prompts = [Prompt(box) for box in boxes]
    masks = list(segment_prompts(case.stack.data, prompts, evaluator.segmenter))
    threshold = resolve_threshold(SegmentConfig(), evaluator.segmenter.info)
    result = np.zeros(case.stack.shape, dtype=np.bool_)
    for z in range(depth):
        result[z] = compose_labels([m for m in masks if m.slice == z], (height, width), threshold) > 0
    return result, np.bincount([box.slice for box in boxes], minlength=depth)


def _boxes(evaluator: Evaluator, case: LabelledCase) -> list[Any]:
    if evaluator.source is PromptSource.DETECTOR:
        if evaluator.detector is None:
            return []
        found = detect_slices(case.stack.data, evaluator.detector, range(case.stack.shape[0]))
        return [box for detections in found for box in select_boxes(detections, evaluator.confidence)]
    boxes = truth_boxes(case.scar)
    if evaluator.source is PromptSource.JITTERED:
        # A patient's own stream, so that the draw does not depend on the order of the cases.
        digits = int.from_bytes(case.record.patient.encode()[:8], "big")
        return draw_jitter(boxes, np.random.default_rng((evaluator.seed, digits)))
    return boxes
