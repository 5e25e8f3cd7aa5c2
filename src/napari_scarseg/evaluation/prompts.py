"""Where the boxes of an evaluation come from."""

from dataclasses import replace
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from napari_scarseg.core.box import Box
from napari_scarseg.core.masks import component_boxes

# "Every box edge moved by up to ±15 %" of the box's own side.
JITTER_FRACTION = 0.15


class PromptSource(StrEnum):
    """Who draws the boxes."""

    TRUTH = "truth"  # one tight box per component of the truth (the paper's Box-SAM)
    DETECTOR = "detector"  # the detector's, a miss stays a miss (the paper's YOLO-SAM)
    JITTERED = "jittered"  # the true ones with every edge moved, as a person draws them


def truth_boxes(scar: npt.NDArray[np.bool_]) -> list[Box]:
    """One tight box per component of a (Z, Y, X) truth."""
    return [box for z, plane in enumerate(scar) for box in component_boxes(plane, z)]


def draw_jitter(boxes: list[Box], rng: np.random.Generator, fraction: float = JITTER_FRACTION) -> list[Box]:
    """Move every edge of every box by up to ±`fraction` of the box's side, independently."""
    moved = []
    for box in boxes:
        shift = rng.uniform(-fraction, fraction, 4) * [box.height, box.width, box.height, box.width]
        moved.append(
            replace(
                box,
                row_min=box.row_min + shift[0],
                col_min=box.col_min + shift[1],
                row_max=box.row_max + shift[2],
                col_max=box.col_max + shift[3],
            )
        )
    return moved
