"""Masks ↔ Labels: what a set of box masks changes in a label volume. Pure functions.

Voxels that a person painted are recorded as (place, value); they are protected for as long as they still hold that
value, so an undone stroke protects nothing.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_scarseg.core.masks import BoxMask, compose_labels

# Where nobody painted.
NOT_PAINTED = -1

IndexArrays = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.intp]]
LabelArray = npt.NDArray[np.integer]


@dataclass(frozen=True, slots=True, eq=False)
class LabelWrite:
    """Voxels that change, for one undoable step.

    Parameters
    ----------
    indices : tuple of three index arrays
        (z, row, column) of the voxels.
    before, after : ndarray of int
        Their value when this was computed, and what it becomes.
    """

    indices: IndexArrays
    before: npt.NDArray[np.int32]
    after: npt.NDArray[np.int32]

    @property
    def size(self) -> int:
        """Number of voxels."""
        return int(self.after.size)

    def still_valid(self, labels: LabelArray) -> "LabelWrite":
        """Leave out voxels of `labels` (Z, Y, X) that someone changed in the meantime."""
        same = np.asarray(labels)[self.indices] == self.before
        z, row, col = self.indices
        return LabelWrite((z[same], row[same], col[same]), self.before[same], self.after[same])


def empty_painting(shape: tuple[int, int, int]) -> npt.NDArray[np.int32]:
    """Record of hand-painted voxels with nothing in it, (Z, Y, X)."""
    return np.full(shape, NOT_PAINTED, dtype=np.int32)


def protected_voxels(labels: LabelArray, painted: npt.NDArray[np.int32] | None) -> npt.NDArray[np.bool_]:
    """Voxels that the model must leave alone, same shape as `labels`: painted by hand, and still as painted."""
    if painted is None:
        return np.zeros(labels.shape, dtype=bool)
    return np.asarray((painted != NOT_PAINTED) & (painted == labels))


def compose_slice(
    current: LabelArray,
    masks: Collection[BoxMask],
    redrawn: Collection[int],
    protected: npt.NDArray[np.bool_],
    threshold_logit: float,
) -> npt.NDArray[np.int32]:
    """Redraw some lesions on one slice, and nothing else.

    Parameters
    ----------
    current : ndarray of int (Y, X)
        Labels as they are.
    masks : collection of BoxMask
        Masks of all boxes of the slice, also of lesions that are not redrawn: the higher logit wins an overlap.
    redrawn : collection of int
        Lesions whose voxels are drawn anew; those without a mask are erased.
    protected : ndarray of bool (Y, X)
    threshold_logit : float

    Returns
    -------
    ndarray of int32 (Y, X)
        Differs from `current` only where a redrawn lesion was or comes to be. Labels of lesions without a mask in
        `masks` (painted, or from elsewhere) stay.
    """
    current = np.asarray(current, dtype=np.int32)
    composed = compose_labels(masks, (current.shape[0], current.shape[1]), threshold_logit)
    lesions = np.array(sorted(redrawn), dtype=np.int32)
    known = np.array(sorted({*redrawn, *(mask.lesion_id for mask in masks)}), dtype=np.int32)
    involved = np.isin(current, lesions) | np.isin(composed, lesions)
    foreign = (current != 0) & ~np.isin(current, known)
    return np.where(involved & ~protected & ~foreign, composed, current)


def compose_volume(
    labels: LabelArray,
    painted: npt.NDArray[np.int32] | None,
    masks: Iterable[BoxMask],
    redraws: Mapping[int, Collection[int]],
    threshold_logit: float,
) -> dict[int, npt.NDArray[np.int32]]:
    """The slices that `redraws` (slice → lesions) names, redrawn; see `compose_slice`.

    Parameters
    ----------
    labels : ndarray of int (Z, Y, X)
    painted : ndarray of int32 (Z, Y, X) or None
        Values painted by hand, `NOT_PAINTED` elsewhere.
    """
    by_slice: dict[int, list[BoxMask]] = {}
    for mask in masks:
        by_slice.setdefault(mask.slice, []).append(mask)
    planes = {}
    for z, lesions in redraws.items():
        protected = protected_voxels(labels[z], None if painted is None else painted[z])
        planes[z] = compose_slice(labels[z], by_slice.get(z, []), lesions, protected, threshold_logit)
    return planes


@dataclass(frozen=True, slots=True)
class Relabel:
    """On one slice, the voxels of a lesion that become another's: lesions were merged, linked or split.

    Parameters
    ----------
    slice : int
    old, new : int
        Lesions.
    is_kept : bool
        Whether the voxels were drawn by nothing that could draw them again: then they count as painted by hand.
    """

    slice: int
    old: int
    new: int
    is_kept: bool = False


def relabel_labels(labels: LabelArray, relabels: Sequence[Relabel]) -> LabelArray:
    """`labels` (Z, Y, X) with the voxels of each relabel given to the other lesion; a copy, if there are any."""
    if not relabels:
        return labels
    result = np.array(labels, dtype=np.int32)
    for change in relabels:
        result[change.slice][np.asarray(labels[change.slice]) == change.old] = change.new
    return result


def relabel_painting(
    painted: npt.NDArray[np.int32] | None, labels: LabelArray, relabels: Sequence[Relabel]
) -> npt.NDArray[np.int32] | None:
    """Record of hand-painted voxels to go with `relabel_labels`; `labels` are those before."""
    if not relabels or (painted is None and not any(change.is_kept for change in relabels)):
        return painted
    before = empty_painting((labels.shape[0], labels.shape[1], labels.shape[2])) if painted is None else painted
    result = before.copy()
    for change in relabels:
        z = change.slice
        result[z][before[z] == change.old] = change.new
        if change.is_kept:
            result[z][np.asarray(labels[z]) == change.old] = change.new
    return result


def write_from_planes(labels: LabelArray, planes: Mapping[int, npt.NDArray[np.int32]]) -> LabelWrite:
    """What has to change in `labels` (Z, Y, X) so that its slices become `planes` (slice → (Y, X)).

    Examples
    --------
    >>> write = write_from_planes(np.zeros((2, 3, 3), int), {1: np.eye(3, dtype=np.int32)})
    >>> write.size, write.indices[0].tolist()
    (3, [1, 1, 1])
    """
    parts: list[tuple[IndexArrays, npt.NDArray[np.int32], npt.NDArray[np.int32]]] = []
    for z, plane in sorted(planes.items()):
        before = np.asarray(labels[z], dtype=np.int32)
        rows, cols = np.nonzero(plane != before)
        parts.append(((np.full(rows.shape, z, dtype=np.intp), rows, cols), before[rows, cols], plane[rows, cols]))
    if not parts:
        nothing = np.zeros(0, dtype=np.intp)
        return LabelWrite((nothing, nothing, nothing), np.zeros(0, np.int32), np.zeros(0, np.int32))
    slices, rows, cols = (np.concatenate([part[0][axis] for part in parts]) for axis in range(3))
    return LabelWrite(
        (slices, rows, cols), np.concatenate([part[1] for part in parts]), np.concatenate([part[2] for part in parts])
    )


def record_painting(
    painted: npt.NDArray[np.int32], strokes: Iterable[tuple[IndexArrays, npt.NDArray[np.integer] | int]]
) -> npt.NDArray[np.int32]:
    """Copy of `painted` (Z, Y, X) that also holds the `strokes`: places, and the values painted there, in order."""
    result = painted.copy()
    for indices, values in strokes:
        result[indices] = values
    return result
