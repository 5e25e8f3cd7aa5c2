"""Masks on one slice: components, the box of each, and many box masks composed into one label image."""

import builtins
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_scarseg.core.box import Box

# Components are 8-connected in the slice and at least this large; one rule for training labels, evaluation and results.
MIN_COMPONENT_PX = 5

Mask = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.int32]
_EIGHT = np.ones((3, 3), dtype=bool)


@dataclass(frozen=True, slots=True, eq=False)
class BoxMask:
    """What the segmenter answered to one box: logits on the native pixels from (row, col) on.

    Parameters
    ----------
    box_id : str
    lesion_id : int
    slice : int
    row, col : int
        Slice pixel of `logits[0, 0]`.
    logits : ndarray of float32, (h, w)
        Mask logits; scar where above the threshold (0 by default).
    """

    box_id: str
    lesion_id: int
    slice: int
    row: int
    col: int
    logits: npt.NDArray[np.float32]

    @property
    def region(self) -> tuple[builtins.slice, builtins.slice]:
        """Index of the covered pixels in the (Y, X) slice."""
        height, width = self.logits.shape
        return (slice(self.row, self.row + height), slice(self.col, self.col + width))


def label_components(mask: npt.NDArray[np.generic], min_px: int = MIN_COMPONENT_PX) -> Labels:
    """Number the components of a (Y, X) mask 1, 2, …: 8-connected, those under `min_px` dropped.

    Examples
    --------
    >>> import numpy as np
    >>> mask = np.zeros((6, 9), bool); mask[1:4, 1:4] = True; mask[5, 8] = True
    >>> int(label_components(mask).max())
    1
    """
    labels, count = ndimage.label(np.asarray(mask) != 0, structure=_EIGHT)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    keep = sizes >= min_px
    keep[0] = False
    numbers = np.zeros(count + 1, dtype=np.int32)
    numbers[keep] = np.arange(1, int(keep.sum()) + 1)
    return np.asarray(numbers[labels], dtype=np.int32)


def component_boxes(mask: npt.NDArray[np.generic], slice_index: int, min_px: int = MIN_COMPONENT_PX) -> list[Box]:
    """One tight box per component of a (Y, X) mask, in the order of `label_components`."""
    boxes = []
    for rows, cols in ndimage.find_objects(label_components(mask, min_px)):
        boxes.append(Box(slice_index, float(rows.start), float(cols.start), float(rows.stop), float(cols.stop)))
    return boxes


def hull_box(mask: npt.NDArray[np.generic], slice_index: int) -> Box | None:
    """The one box around everything in a (Y, X) mask; None where it is empty."""
    inside = np.asarray(mask) != 0
    rows, cols = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    if not len(rows):
        return None
    return Box(slice_index, float(rows[0]), float(cols[0]), float(rows[-1] + 1), float(cols[-1] + 1))


def grow_mask(mask: Mask, reach_px: int) -> Mask:
    """Dilate a (Y, X) mask by `reach_px` ≥ 1 pixels along rows and columns (so many times by a cross).

    Only its surroundings are looked at: a lesion is small on a large slice.
    """
    rows, cols = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    grown = np.zeros(mask.shape, dtype=np.bool_)
    if len(rows):
        region = tuple(slice(max(int(n[0]) - reach_px, 0), int(n[-1]) + reach_px + 1) for n in (rows, cols))
        grown[region] = ndimage.binary_dilation(mask[region], iterations=reach_px)
    return grown


def compose_labels(masks: Iterable[BoxMask], shape: tuple[int, int], threshold_logit: float = 0.0) -> Labels:
    """Paint box masks of one slice into a label image (Y, X): the higher logit wins, ties go to the lower lesion id."""
    best = np.full(shape, -np.inf, dtype=np.float32)
    labels = np.zeros(shape, dtype=np.int32)
    for mask in sorted(masks, key=lambda m: m.lesion_id):
        wins = (mask.logits > threshold_logit) & (mask.logits > best[mask.region])
        best[mask.region][wins] = mask.logits[wins]
        labels[mask.region][wins] = mask.lesion_id
    return labels
