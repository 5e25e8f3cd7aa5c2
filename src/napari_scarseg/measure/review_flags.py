"""Lesions that deserve a second look, told without any truth: in pieces, tiny, without a neighbour, low confidence."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
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
    places = [place for z, plane in enumerate(labels) for place in _places(z, plane)]
    sizes: dict[int, int] = {}
    for place in places:
        sizes[place.lesion] = sizes.get(place.lesion, 0) + int(np.count_nonzero(place.mask))
    flags = {}
    for place in places:
        odd = []
        if ndimage.label(place.mask, structure=_EIGHT)[1] > 1:
            odd.append(ReviewFlag.PIECES)
        if sizes[place.lesion] < TINY_VOXELS:
            odd.append(ReviewFlag.TINY)
        if len(labels) > 1 and not _has_neighbour(labels, place):
            odd.append(ReviewFlag.ALONE)
        if confidence is not None and confidence.get(place.lesion, 1.0) < LOW_CONFIDENCE:
            odd.append(ReviewFlag.UNSURE)
        flags[place.lesion, place.z] = tuple(odd)
    return flags


@dataclass(frozen=True, slots=True, eq=False)
class _Place:
    """One lesion on one slice: its box, and its mask in that box. Whole slices would take the time of the measures."""

    lesion: int
    z: int
    region: tuple[slice, slice]
    mask: npt.NDArray[np.bool_]


def _places(z: int, plane: npt.NDArray[np.integer]) -> Iterator[_Place]:
    """Lesions of a slice by rising number. Numbers may be very large, so they are counted anew for `find_objects`."""
    inside = plane != 0
    ids, found = np.unique(plane[inside], return_inverse=True)
    numbers = np.zeros(plane.shape, dtype=np.int64)
    numbers[inside] = found.ravel() + 1
    for number, region in enumerate(ndimage.find_objects(numbers), start=1):
        yield _Place(int(ids[number - 1]), z, region, numbers[region] == number)


def _has_neighbour(labels: npt.NDArray[np.integer], place: _Place) -> bool:
    """Whether any lesion of a neighbouring slice comes near to a lesion's place."""
    behind_and_before = [index for index in (place.z - 1, place.z + 1) if 0 <= index < len(labels)]
    # Most lesions touch their neighbour, which costs nothing to see.
    if any((place.mask & (labels[index][place.region] != 0)).any() for index in behind_and_before):
        return True
    around, margins = [], []
    for side, length in zip(place.region, labels.shape[1:], strict=True):
        start, stop = max(side.start - NEIGHBOUR_PX, 0), min(side.stop + NEIGHBOUR_PX, length)
        around.append(slice(start, stop))
        margins.append((side.start - start, stop - side.stop))
    box = (around[0], around[1])
    beside = [labels[index][box] != 0 for index in behind_and_before]
    if not any(plane.any() for plane in beside):
        return False
    mask = np.pad(place.mask, margins).astype(np.uint8)
    near = ndimage.maximum_filter(mask, size=2 * NEIGHBOUR_PX + 1, mode="constant") > 0
    return any(bool((near & plane).any()) for plane in beside)
