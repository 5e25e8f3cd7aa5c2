"""The main job, from a stack to boxes, labels and measures, in this process: arrays in, arrays out, nothing written.

Each step is a generator that yields `Step`s and returns its result; closing it cancels.
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_scarseg.core.box import Box, Review
from napari_scarseg.core.case import CaseInfo, Phase
from napari_scarseg.core.config import DetectConfig, SegmentConfig
from napari_scarseg.core.lesions import confidence_of, link_boxes, number_boxes, propose_links, relabel
from napari_scarseg.core.masks import BoxMask, compose_labels
from napari_scarseg.core.protocols import Detector, EngineInfo, Prompt, Segmenter
from napari_scarseg.core.stack import Stack
from napari_scarseg.engines.pipeline import (
    CANDIDATE_FLOOR,
    detect_slices,
    resolve_threshold,
    segment_prompts,
    select_boxes,
)
from napari_scarseg.errors import InputError
from napari_scarseg.measure import measure_labels

# A box of which less lies in the slice was drawn on another image.
_LEAST_SHARE_INSIDE = 0.5


class Stage(StrEnum):
    """What is being done."""

    DETECT = "detecting"
    SEGMENT = "segmenting"
    MEASURE = "measuring"


@dataclass(frozen=True, slots=True)
class Step:
    """Progress within one stage: `done` of `total` slices or boxes."""

    stage: Stage
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Detected:
    """Boxes of one stack.

    Parameters
    ----------
    scars : tuple of Box
        Scar at or above the confidence, slice by slice, best first.
    lvs : tuple of Box
        The left ventricle, where it was found: at most one per slice.
    info : EngineInfo
        What found them.
    """

    scars: tuple[Box, ...]
    lvs: tuple[Box, ...]
    info: EngineInfo


@dataclass(frozen=True, slots=True, eq=False)
class Segmented:
    """Labels of one stack with their boxes and measures.

    Parameters
    ----------
    boxes : tuple of Box
        Each with its lesion.
    labels : ndarray of int32, (Z, Y, X)
        One value per lesion.
    table : DataFrame
        `measure_labels`: one row per lesion and slice.
    info : EngineInfo
        What segmented.
    """

    boxes: tuple[Box, ...]
    labels: npt.NDArray[np.int32]
    table: pd.DataFrame
    info: EngineInfo

    @property
    def lesion_count(self) -> int:
        """Lesions with at least one pixel."""
        return len(np.unique(self.labels[self.labels > 0]))

    @property
    def scar_px(self) -> int:
        """Pixels with a label."""
        return int(np.count_nonzero(self.labels))

    @property
    def mass_g(self) -> float | None:
        """Scar mass in g; None where the spacing is not known."""
        masses = self.table["mass_g"]
        if masses.isna().any():
            return None
        return float(masses.sum())


def detect_stack(stack: Stack, detector: Detector, config: DetectConfig) -> Generator[Step, None, Detected]:
    """Find scar boxes and the LV on every slice."""
    count = stack.shape[0]
    floor = min(CANDIDATE_FLOOR, config.confidence)
    scars: list[Box] = []
    lvs: list[Box] = []
    yield Step(Stage.DETECT, 0, count)
    for done, found in enumerate(detect_slices(stack.data, detector, range(count), floor=floor), start=1):
        scars += select_boxes(found, config.confidence)
        lvs += [found.lv] if found.lv is not None else []
        yield Step(Stage.DETECT, done, count)
    return Detected(tuple(scars), tuple(lvs), detector.info)


def segment_stack(
    stack: Stack,
    boxes: Sequence[Box],
    segmenter: Segmenter[Any],
    config: SegmentConfig,
    *,
    lvs: Sequence[Box] = (),
    phase: Phase = Phase.UNKNOWN,
) -> Generator[Step, None, Segmented]:
    """Segment boxes, link their lesions across slices once, and measure.

    `lvs` is where the LV was found, as far as somebody has looked. Boxes without a lesion get new ones; a lesion that a
    box brought along is never merged into another.

    Raises
    ------
    InputError
        If a box lies outside the stack.
    """
    check_boxes(boxes, stack)
    # A rejected box draws no label.
    numbered = number_boxes([box for box in boxes if box.review is not Review.REJECTED])
    masks: list[BoxMask] = []
    yield Step(Stage.SEGMENT, 0, len(numbered))
    lv_on = {lv.slice: lv for lv in lvs}
    prompts = [Prompt(box, lv=lv_on.get(box.slice)) for box in numbered]
    for mask in segment_prompts(stack.data, prompts, segmenter):
        masks.append(mask)
        yield Step(Stage.SEGMENT, len(masks), len(numbered))
    labels = _compose_stack(masks, stack.shape, resolve_threshold(config, segmenter.info))
    links = _links_of_new(labels, {box.lesion_id for box in boxes if box.lesion_id is not None})
    labels, numbered = relabel(labels, links), link_boxes(numbered, links)
    yield Step(Stage.MEASURE, 0, 1)
    table = measure_labels(
        labels,
        stack.spacing,
        CaseInfo(stack.stem, phase=phase),
        image=stack.data,
        confidence=confidence_of(numbered),
    )
    yield Step(Stage.MEASURE, 1, 1)
    return Segmented(tuple(numbered), labels, table, segmenter.info)


def check_boxes(boxes: Sequence[Box], stack: Stack) -> None:
    """Raise InputError unless every box lies on a slice of the stack, and at least half of it in the picture."""
    slices, height, width = stack.shape
    for box in boxes:
        if box.slice >= slices:
            raise InputError(
                f"A box lies on slice {box.slice}, but '{stack.stem}' has the slices 0 to {slices - 1}; "
                "check that the boxes belong to this stack."
            )
        rows = min(box.row_max, height) - max(box.row_min, 0)
        cols = min(box.col_max, width) - max(box.col_min, 0)
        if max(rows, 0) * max(cols, 0) < _LEAST_SHARE_INSIDE * box.height * box.width:
            raise InputError(
                f"A box on slice {box.slice} (rows {box.row_min:g}–{box.row_max:g}, columns {box.col_min:g}–"
                f"{box.col_max:g}) lies outside '{stack.stem}' ({height} × {width} px); check that the boxes belong to "
                "this stack."
            )


def run_to_end(steps: Generator[Step, None, Any]) -> Any:
    """Result of a generator of steps whose progress nobody watches."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def _compose_stack(
    masks: Sequence[BoxMask], shape: tuple[int, int, int], threshold_logit: float
) -> npt.NDArray[np.int32]:
    labels = np.zeros(shape, dtype=np.int32)
    for index, some in _by_slice(masks):
        labels[index] = compose_labels(some, shape[1:], threshold_logit)
    return labels


def _by_slice(masks: Sequence[BoxMask]) -> Iterator[tuple[int, list[BoxMask]]]:
    for index in sorted({mask.slice for mask in masks}):
        yield index, [mask for mask in masks if mask.slice == index]


def _links_of_new(labels: npt.NDArray[np.int32], known: set[int]) -> dict[int, int]:
    """Proposed links of the lesions that are new; those that came with the boxes have been linked before."""
    return {old: new for old, new in propose_links(labels).items() if old not in known}
