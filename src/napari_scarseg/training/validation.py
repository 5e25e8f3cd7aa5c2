"""Validation of a run on its held-out patients, through the same window and prompts that the program uses."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from napari_scarseg.core.box import Box
from napari_scarseg.core.masks import component_boxes, hull_box
from napari_scarseg.core.protocols import Prompt
from napari_scarseg.datasets import LabelledCase
from napari_scarseg.engines.segmenter import SmallSegmenter
from napari_scarseg.training.config import PromptTarget

THRESHOLDS = tuple(float(t) for t in np.arange(-2.0, 2.01, 0.25))


@dataclass(frozen=True, slots=True)
class Validation:
    """Scores on held-out patients.

    Parameters
    ----------
    patients, slices : int
        Patients, and slices with scar in the truth, that the DSC is over.
    slice_dsc : float
        Mean DSC over slices with scar in the truth, all masks of a slice together, at `threshold_logit`.
    threshold_logit : float
        The threshold that scored best; chosen on these same slices, so a little optimistic.
    slice_dsc_at_zero : float
        The same at a threshold of 0, chosen on nothing.
    """

    patients: int
    slices: int
    slice_dsc: float
    threshold_logit: float
    slice_dsc_at_zero: float

    def as_dict(self) -> dict[str, float]:
        """JSON values."""
        return asdict(self)


def validate(segmenter: SmallSegmenter, cases: Sequence[LabelledCase], target: PromptTarget) -> Validation:
    """Slice DSC with true boxes: one per component, or the LV's."""
    rows = []
    for case in cases:
        for z in np.flatnonzero(case.scar.any(axis=(1, 2))):
            plane, scar = case.stack.data[z], case.scar[z]
            lv = None if case.lv is None else case.lv[z]
            logits = _slice_logits(segmenter, plane, _prompts(scar, lv, target))
            sizes = [(logits > t).sum() for t in THRESHOLDS]
            shared = [((logits > t) & scar).sum() for t in THRESHOLDS]
            rows.append(2 * np.array(shared) / (np.array(sizes) + scar.sum()))
    means = np.mean(rows, axis=0)
    best = int(np.argmax(means))
    return Validation(
        patients=len({case.record.patient for case in cases}),
        slices=len(rows),
        slice_dsc=round(float(means[best]), 4),
        threshold_logit=THRESHOLDS[best],
        slice_dsc_at_zero=round(float(means[THRESHOLDS.index(0.0)]), 4),
    )


def _prompts(scar: npt.NDArray[np.bool_], lv: npt.NDArray[np.bool_] | None, target: PromptTarget) -> list[Box]:
    if target is PromptTarget.COMPONENT:
        return component_boxes(scar, 0)
    box = None if lv is None else hull_box(lv, 0)
    return [] if box is None else [box]


def _slice_logits(
    segmenter: SmallSegmenter, plane: npt.NDArray[np.generic], boxes: Sequence[Box]
) -> npt.NDArray[np.float32]:
    """Highest logit of any box at each pixel of the slice; -inf where no window reaches."""
    shape = (plane.shape[0], plane.shape[1])
    logits = np.full(shape, -np.inf, dtype=np.float32)
    windows = [segmenter.window(box, shape) for box in boxes]
    for box, window, embedding in zip(boxes, windows, segmenter.embed([w.crop(plane) for w in windows]), strict=True):
        mask = segmenter.masks(embedding, window, [Prompt(box)])[0]
        rows, cols, native = window.paste(mask, shape)
        logits[rows, cols] = np.maximum(logits[rows, cols], native)
    return logits
