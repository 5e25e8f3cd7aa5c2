"""A detector's own boxes as training prompts: read from a folder, and matched to the components that they mean."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_scarseg.core.box import Box, box_iou
from napari_scarseg.datasets import LabelledCase, read_dataset
from napari_scarseg.errors import InputError
from napari_scarseg.io import read_boxes, resolve_stems
from napari_scarseg.training.config import DatasetPart

# A box that overlaps a component's tight box less than this means something else: as a prompt it would be a lie.
LEAST_IOU = 0.3


def read_found_boxes(part: DatasetPart, cases: Sequence[LabelledCase]) -> list[list[Box]] | None:
    """The boxes of each case from `<stem>_boxes.csv` in the data set's folder of boxes; None where it has none.

    Stems are those that `scarseg detect` gives the images of the whole table.

    Raises
    ------
    InputError
        If a file is missing or no table of boxes, or a box lies on a slice that its stack does not have.
    """
    if part.boxes is None:
        return None
    stems = resolve_stems(list(dict.fromkeys(record.image for record in read_dataset(part.path))))
    return [_read(part.boxes / f"{stems[case.record.image]}_boxes.csv", case) for case in cases]


def match_found(tight: Sequence[Box], found: Sequence[Box]) -> list[tuple[npt.NDArray[np.float64], ...]]:
    """For each tight box the found ones that fit it best, as shifts (4,) of its edges in its sides.

    All boxes lie on one slice. A found box goes to the tight box that it overlaps most, if it does by `LEAST_IOU`; it
    is a find of that one alone.
    """
    shifts: list[list[npt.NDArray[np.float64]]] = [[] for _ in tight]
    for box in found:
        overlaps = [box_iou(replace(box, slice=target.slice), target) for target in tight]
        if overlaps and max(overlaps) >= LEAST_IOU:
            best = int(np.argmax(overlaps))
            height, width = tight[best].height, tight[best].width
            sides = np.array([height, width, height, width])
            shifts[best].append((np.array(box.corners) - np.array(tight[best].corners)) / sides)
    return [tuple(some) for some in shifts]


def _read(path: Path, case: LabelledCase) -> list[Box]:
    if not path.is_file():
        raise InputError(
            f"The folder of the detector's boxes holds no '{path.name}'; make it with scarseg detect on every image "
            "that is trained on."
        )
    boxes = read_boxes(path)
    if any(box.slice >= case.stack.shape[0] for box in boxes):
        raise InputError(f"'{path.name}' has boxes on slices that its stack does not have; detect again.")
    return boxes
