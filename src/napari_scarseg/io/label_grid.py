"""Labels of another file on the grid of their image: moved by whole voxels, never resampled."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from napari_scarseg.core.stack import Stack
from napari_scarseg.errors import InputError
from napari_scarseg.io.labels import LabelVolume

# How far two grids may be apart and still be one, in voxels at the grid's far end.
_TOLERANCE_VOXELS = 0.1
_UNIT_TOLERANCE = 1e-3


def fit_labels(volume: LabelVolume, stack: Stack) -> LabelVolume:
    """Lay labels on the grid of a stack.

    Where both say where they are, axes are exchanged and turned, and slices, rows and columns cropped or filled with 0,
    as the affines say: other software crops segmentations, turns axes, and leaves empty slices out. Where one of them
    says nothing (no affine, or one of 1 mm voxels at another size), equal shapes are taken as equal grids.

    Parameters
    ----------
    volume : LabelVolume
    stack : Stack

    Returns
    -------
    LabelVolume
        With the stack's shape, spacing, affine and stem.

    Raises
    ------
    InputError
        If the labels lie between the stack's voxels, elsewhere, or have another shape.
    """
    if volume.affine_ras is None or stack.affine_ras is None:
        return _same_shape(volume, stack, ())
    index = np.asarray(np.linalg.solve(stack.affine_ras, volume.affine_ras), dtype=np.float64)
    moved = _move(volume.labels, index, stack.shape)
    if moved is not None:
        return replace(volume, labels=moved, spacing=stack.spacing, affine_ras=stack.affine_ras, stem=stack.stem)
    if _is_plain(volume.affine_ras) or _is_plain(stack.affine_ras):
        sentence = "The labels' affine is not their image's; they have one shape and were laid on each other."
        return _same_shape(volume, stack, (sentence,))
    raise InputError(
        "The labels lie on another grid than the image (turned, or with other voxels); resample them to the image's "
        "grid with nearest neighbours first."
    )


def _same_shape(volume: LabelVolume, stack: Stack, findings: tuple[str, ...]) -> LabelVolume:
    if volume.labels.shape != stack.shape:
        raise InputError(
            f"The labels have the shape {volume.labels.shape} and the image {stack.shape}; they must lie on one grid."
        )
    return replace(
        volume,
        spacing=stack.spacing,
        affine_ras=stack.affine_ras,
        stem=stack.stem,
        findings=(*volume.findings, *findings),
    )


def _move(
    labels: npt.NDArray[np.int32], index: npt.NDArray[np.float64], shape: tuple[int, int, int]
) -> npt.NDArray[np.int32] | None:
    """Labels on the other grid; None where `index`, (x, y, z) of theirs to (x, y, z) there, is not of whole voxels."""
    turn = np.rint(index[:3, :3])
    reach = np.array(labels.shape[::-1], dtype=np.float64)
    far = np.abs(index[:3, :3] - turn) @ reach
    offset = index[:3, 3]
    if far.max() > _TOLERANCE_VOXELS or np.abs(offset - np.rint(offset)).max() > _TOLERANCE_VOXELS:
        return None
    if not np.array_equal(np.abs(turn).sum(axis=0), np.ones(3)) or not np.array_equal(
        np.abs(turn).sum(axis=1), np.ones(3)
    ):
        return None
    found = np.argwhere(labels)
    there = found[:, ::-1] @ turn.T.astype(np.int64) + np.rint(offset).astype(np.int64)
    there = there[:, ::-1]
    if ((there < 0) | (there >= shape)).any():
        raise InputError(
            "Some of the labels lie outside the image; check that they belong to it, or crop them to its extent."
        )
    result = np.zeros(shape, dtype=np.int32)
    result[tuple(there.T)] = labels[tuple(found.T)]
    return result


def _is_plain(affine: npt.NDArray[np.float64]) -> bool:
    """Whether the columns are of length 1, as software writes them that does not know the voxel size."""
    return bool(np.allclose(np.linalg.norm(affine[:3, :3], axis=0), 1, atol=_UNIT_TOLERANCE))
