"""One case through a segmenter with given boxes, the LV located or taken from the truth."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_scarseg.core.box import Box
from napari_scarseg.core.config import SegmentConfig
from napari_scarseg.core.lesions import number_boxes
from napari_scarseg.core.masks import compose_labels, hull_box
from napari_scarseg.core.protocols import Prompt, Segmenter
from napari_scarseg.datasets import LabelledCase
from napari_scarseg.engines.cache import EmbeddingCache
from napari_scarseg.engines.pipeline import resolve_threshold, segment_prompts
from napari_scarseg.evaluation.rows import CaseRows, compare_case
from napari_scarseg.experiments.continuity import measure_continuity


def true_lvs(case: LabelledCase) -> dict[int, Box]:
    """The LV's box on every slice where the labels show it."""
    if case.lv is None:
        return {}
    boxes = {z: hull_box(plane, z) for z, plane in enumerate(case.lv)}
    return {z: box for z, box in boxes.items() if box is not None}


def segment_with_boxes(
    segmenter: Segmenter[Any],
    case: LabelledCase,
    boxes: Sequence[Box],
    *,
    lvs: dict[int, Box] | None = None,
    cache: EmbeddingCache | None = None,
) -> npt.NDArray[np.bool_]:
    """Scar (Z, Y, X) in the boxes, at the threshold of the weights.

    Parameters
    ----------
    segmenter : Segmenter
    case : LabelledCase
    boxes : sequence of Box
    lvs : dict of slice → Box, optional
        Where the LV is; elsewhere the segmenter looks for it itself.
    cache : EmbeddingCache, optional
        For several calls on one case.
    """
    prompts = [Prompt(box, lv=(lvs or {}).get(box.slice)) for box in number_boxes(boxes)]
    sha256 = case.stack.sha256()
    masks = list(segment_prompts(case.stack.data, prompts, segmenter, cache, stack_sha256=sha256))
    threshold = resolve_threshold(SegmentConfig(), segmenter.info)
    result = np.zeros(case.stack.shape, dtype=np.bool_)
    for z in {mask.slice for mask in masks}:
        on_slice = [mask for mask in masks if mask.slice == z]
        result[z] = compose_labels(on_slice, case.stack.shape[1:], threshold) > 0
    return result


def compare_with_continuity(
    case: LabelledCase, result: npt.NDArray[np.bool_], method: str, boxes: Sequence[Box] = ()
) -> CaseRows:
    """Rows as `compare_case` makes them, the stack's with the figures of `measure_continuity` as well."""
    counts = np.bincount([box.slice for box in boxes], minlength=len(result))
    rows = compare_case(case, result, method, counts)
    return CaseRows(rows.slices, rows.lesions, {**rows.stack, **measure_continuity(result, case.scar)})
