"""Lesions that deserve a second look, told without any truth: in pieces, tiny, without a neighbour, low confidence."""

from collections.abc import Mapping
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_scarseg.errors import InputError

# Ours. A lesion of fewer voxels in all is as often noise as scar.
TINY_VOXELS = 25
# A neighbour counts when it comes this near to the lesion's place: breath holds and a slanted wall move it so far.
NEIGHBOUR_PX = 3
# Below it the detector's finds are false about as often as true.
LOW_CONFIDENCE = 0.6

_EIGHT = np.ones((3, 3), dtype=bool)


class ReviewFlag(StrEnum):
    """Why to look again; the value is what tables and lists say."""

    PIECES = "in pieces"
    TINY = "tiny"
    ALONE = "no neighbour"
    UNSURE = "low confidence"


def flag_lesions(
    labels: npt.NDArray[np.integer], confidence: Mapping[int, float] | None = None
) -> dict[tuple[int, int], tuple[ReviewFlag, ...]]:
    """What is odd about every lesion on every slice it lies on.

    Parameters
    ----------
    labels : ndarray of int, (Z, Y, X)
        0 background, every other value one lesion.
    confidence : mapping of lesion → score, optional
        The detector's, in [0, 1]; lesions that are not in it have none.

    Returns
    -------
    dict of (lesion, slice) → tuple of ReviewFlag
        `PIECES`: several 8-connected pieces on this slice. `TINY`: under 25 voxels on all slices together. `ALONE`: no
        lesion within 3 px of its place on the slice before or behind (never in a stack of one slice). `UNSURE`: a
        confidence under 0.6. Empty where nothing is odd.

    Raises
    ------
    InputError
        If the labels are not 3-D.

    Examples
    --------
    >>> labels = np.zeros((2, 20, 20), int); labels[0, 2:4, 2:4] = 7; labels[0, 9, 9] = 7
    >>> flags = flag_lesions(labels, {7: 0.9})
    >>> [flag.value for flag in flags[7, 0]]
    ['in pieces', 'tiny', 'no neighbour']
    """
    if labels.ndim != 3:
        raise InputError(f"The labels have {labels.ndim} axes {labels.shape}, but need three (slice, row, column).")
    places = [(z, int(value)) for z, plane in enumerate(labels) for value in np.unique(plane) if value]
    sizes: dict[int, int] = {}
    for z, value in places:
        sizes[value] = sizes.get(value, 0) + int(np.count_nonzero(labels[z] == value))
    flags = {}
    for z, value in places:
        mask = labels[z] == value
        odd = []
        if ndimage.label(mask, structure=_EIGHT)[1] > 1:
            odd.append(ReviewFlag.PIECES)
        if sizes[value] < TINY_VOXELS:
            odd.append(ReviewFlag.TINY)
        if len(labels) > 1 and not _has_neighbour(labels, z, mask):
            odd.append(ReviewFlag.ALONE)
        if confidence is not None and confidence.get(value, 1.0) < LOW_CONFIDENCE:
            odd.append(ReviewFlag.UNSURE)
        flags[value, z] = tuple(odd)
    return flags


def _has_neighbour(labels: npt.NDArray[np.integer], z: int, mask: npt.NDArray[np.bool_]) -> bool:
    """Whether any lesion of a neighbouring slice comes near to the place of `mask`."""
    rows, cols = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    reach = NEIGHBOUR_PX
    place = (
        slice(max(int(rows[0]) - reach, 0), int(rows[-1]) + reach + 1),
        slice(max(int(cols[0]) - reach, 0), int(cols[-1]) + reach + 1),
    )
    near = ndimage.binary_dilation(mask[place], structure=_EIGHT, iterations=reach)
    beside = [labels[index][place] for index in (z - 1, z + 1) if 0 <= index < len(labels)]
    return any(bool((near & (plane != 0)).any()) for plane in beside)
