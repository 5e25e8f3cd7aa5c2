"""Labels of another file on the grid of their image: moved by whole voxels, never resampled."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from napari_scarseg.core.spacing import Spacing
from napari_scarseg.core.stack import Stack
from napari_scarseg.errors import InputError
from napari_scarseg.io.labels import LabelVolume

# How far two grids may be apart and still be one, in voxels at the grid's far end.
_TOLERANCE_VOXELS = 0.1
_UNIT_TOLERANCE = 1e-3
_SIZE_TOLERANCE = 1e-2


def fit_labels(volume: LabelVolume, stack: Stack) -> LabelVolume:
    """Lay labels on the grid of a stack, with the stack's spacing; see `lay_labels`.

    Raises
    ------
    InputError
        If the labels lie between the stack's voxels, elsewhere, or have another shape.
    """
    return replace(lay_labels(volume, stack), spacing=stack.spacing)


def lay_labels(volume: LabelVolume, image: Stack | LabelVolume) -> LabelVolume:
    """Lay labels on the grid of their image, or of other labels of it.

    Where both say where they are, axes are exchanged and turned, and slices, rows and columns cropped or filled with 0,
    as the affines say: other software crops segmentations, turns axes, and leaves empty slices out. Where one of them
    says nothing (no affine, one of 1 mm voxels at another size, or labels' with voxel sizes only), equal shapes are
    taken as equal grids.

    Parameters
    ----------
    volume : LabelVolume
    image : Stack or LabelVolume

    Returns
    -------
    LabelVolume
        With the image's shape, affine and stem, and the labels' own spacing in the order of the image's axes.

    Raises
    ------
    InputError
        If the labels lie between the image's voxels, elsewhere, or have another shape.
    """
    if volume.affine_ras is None or image.affine_ras is None:
        return _same_shape(volume, image, ())
    index = np.asarray(np.linalg.solve(image.affine_ras, volume.affine_ras), dtype=np.float64)
    steps = _whole_steps(index, volume.shape)
    moved = None if steps is None else _move(volume.labels, steps, image.shape)
    if moved is not None:
        spacing = _turn_spacing(volume.spacing, index)
        return replace(volume, labels=moved, spacing=spacing, affine_ras=image.affine_ras, stem=image.stem)
    if _says_no_place(volume.affine_ras, image.affine_ras) or _is_plain(image.affine_ras):
        sentence = "The labels' affine is not their image's; they have one shape and were laid on each other."
        return _same_shape(volume, image, (sentence,))
    if steps is not None:
        raise InputError(
            "Some of the labels lie outside the image; check that they belong to it, or crop them to its extent."
        )
    raise InputError(
        "The labels lie on another grid than the image (turned, or with other voxels); resample them to the image's "
        "grid with nearest neighbours first."
    )


def _same_shape(volume: LabelVolume, image: Stack | LabelVolume, findings: tuple[str, ...]) -> LabelVolume:
    if volume.shape != image.shape:
        raise InputError(
            f"The labels have the shape {volume.shape} and the image {image.shape}; they must lie on one grid."
        )
    return replace(volume, affine_ras=image.affine_ras, stem=image.stem, findings=(*volume.findings, *findings))


def _whole_steps(index: npt.NDArray[np.float64], shape: tuple[int, int, int]) -> npt.NDArray[np.int64] | None:
    """`index`, (x, y, z) of the labels to (x, y, z) of the image, in whole numbers; None where it is not of those."""
    whole = np.rint(index).astype(np.int64)
    turn = np.abs(whole[:3, :3])
    far = np.abs(index[:3, :3] - whole[:3, :3]) @ np.array(shape[::-1], dtype=np.float64)
    off = np.abs(index[:3, 3] - whole[:3, 3])
    is_turn = (turn.sum(axis=0) == 1).all() and (turn.sum(axis=1) == 1).all()
    return whole if is_turn and max(far.max(), off.max()) <= _TOLERANCE_VOXELS else None


def _move(
    labels: npt.NDArray[np.int32], steps: npt.NDArray[np.int64], shape: tuple[int, int, int]
) -> npt.NDArray[np.int32] | None:
    """Labels on the other grid; None where some of them would lie outside of it."""
    found = np.argwhere(labels)
    there = (found[:, ::-1] @ steps[:3, :3].T + steps[:3, 3])[:, ::-1]
    if ((there < 0) | (there >= shape)).any():
        return None
    result = np.zeros(shape, dtype=np.int32)
    result[tuple(there.T)] = labels[tuple(found.T)]
    return result


def _turn_spacing(spacing: Spacing, index: npt.NDArray[np.float64]) -> Spacing:
    """The spacing with its sizes along the other grid's axes."""
    sizes = (spacing.x_mm, spacing.y_mm, spacing.z_mm)
    x_mm, y_mm, z_mm = (sizes[source] for source in np.abs(index[:3, :3]).argmax(axis=1))
    return replace(spacing, z_mm=z_mm, y_mm=y_mm, x_mm=x_mm)


def _says_no_place(affine: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> bool:
    """Whether labels have the affine that scripts make up: of units, or of nothing but the image's voxel sizes."""
    sizes, theirs = (np.linalg.norm(one[:3, :3], axis=0) for one in (affine, other))
    return _is_plain(affine) or bool(
        np.allclose(affine, np.diag([*sizes, 1.0]), atol=_UNIT_TOLERANCE)
        and np.allclose(sizes, theirs, rtol=_SIZE_TOLERANCE)
    )


def _is_plain(affine: npt.NDArray[np.float64]) -> bool:
    """Whether the columns are of length 1, as software writes them that does not know the voxel size."""
    return bool(np.allclose(np.linalg.norm(affine[:3, :3], axis=0), 1, atol=_UNIT_TOLERANCE))
