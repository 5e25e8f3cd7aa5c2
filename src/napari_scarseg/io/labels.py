"""Label volumes: truth, other people's masks, and our own results."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_scarseg.core.spacing import Spacing
from napari_scarseg.core.tissue import Tissue
from napari_scarseg.errors import InputError
from napari_scarseg.io.dicom_seg_read import find_segmentation, read_segmentation
from napari_scarseg.io.read_stack import ReadChoices, override_spacing, read_volume
from napari_scarseg.io.stems import plain_stem
from napari_scarseg.io.volume import Content
from napari_scarseg.io.write_nifti import write_volume_nifti

_MAX_LABEL = np.iinfo(np.int32).max


@dataclass(frozen=True, slots=True, eq=False)
class LabelVolume:
    """Labels on the grid of their image.

    Parameters
    ----------
    labels : ndarray of int32, (Z, Y, X)
        0 is background.
    spacing : Spacing
    affine_ras : ndarray (4, 4) or None
        From (x, y, z) voxel index to RAS mm.
    stem : str
        Name of the source without suffixes.
    findings : tuple of str
    tissues : mapping of value → Tissue
        What the file itself says its values mean (DICOM SEG does); empty where it says nothing.
    """

    labels: npt.NDArray[np.int32]
    spacing: Spacing
    affine_ras: npt.NDArray[np.float64] | None
    stem: str
    findings: tuple[str, ...] = ()
    tissues: Mapping[int, Tissue] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(Z, Y, X)."""
        z, y, x = self.labels.shape
        return (z, y, x)


def read_labels(path: str | os.PathLike[str], *, spacing: Spacing | None = None) -> LabelVolume:
    """Read labels from a DICOM SEG, or from any file or folder that `read_stack` takes.

    Of palette images the indices are the labels; of a DICOM SEG the numbers of its segments, or of the lesions where
    this program wrote it.

    Parameters
    ----------
    path : path-like
    spacing : Spacing, optional
        The user's; it overrides what the file says.

    Raises
    ------
    InputError
        If the file cannot be read, or its values are not whole numbers from 0 to 2147483647.
    """
    source = Path(path)
    tissues: Mapping[int, Tissue] = {}
    coded = find_segmentation(source)
    if coded is not None:
        segmentation = read_segmentation(coded)
        volume, tissues = segmentation.volume, segmentation.tissues
    else:
        volume = read_volume(source, ReadChoices(Content.LABELS))
    labels = _to_labels(volume.data, source.name)
    used, findings = override_spacing(volume.spacing, spacing)
    stem = volume.stem or plain_stem(source)
    return LabelVolume(labels, used, volume.affine_ras, stem, (*volume.findings, *findings), tissues)


def write_labels(
    path: str | os.PathLike[str],
    labels: npt.NDArray[np.generic],
    spacing: Spacing,
    affine_ras: npt.NDArray[np.float64] | None,
    *,
    semantic: bool = False,
) -> None:
    """Write labels as NIfTI (.nii.gz or .nii) on the grid and affine of their source.

    The affine is written as it is, also where its voxel size contradicts `spacing` (which goes into pixdim), so that
    the result lies on its source in every viewer. Without geometry the affine is the identity and the unit unknown.
    `read_labels` and `read_stack` give the spacing back as it was.

    Parameters
    ----------
    path : path-like
    labels : ndarray (Z, Y, X)
        Whole numbers from 0 up; stored in the smallest of uint8, int16 and int32 that holds them.
    spacing : Spacing
    affine_ras : ndarray (4, 4) or None
    semantic : bool
        Write 1 for every lesion.

    Raises
    ------
    InputError
        If the labels are no such array, the name ends otherwise, or the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "P001_scar.nii.gz"
    >>> write_labels(path, np.eye(3, dtype=np.int32)[None] * 7, Spacing.unknown(), None)
    >>> int(read_labels(path).labels.max()), read_labels(path).spacing.is_known
    (7, False)
    """
    target = Path(path)
    if not target.name.casefold().endswith((".nii", ".nii.gz")):
        raise InputError(f"Labels are written as NIfTI, so '{target.name}' has to end in .nii.gz; rename it.")
    values = _to_labels(np.asarray(labels), target.name)
    if semantic:
        values = (values > 0).astype(np.int32)
    write_volume_nifti(target, values.astype(_smallest_type(int(values.max()))), spacing, affine_ras)


def compact_labels(data: npt.NDArray[np.generic], name: str) -> npt.NDArray[np.integer]:
    """Labels in the smallest of uint8, uint16 and int32 that holds them, for formats other than NIfTI.

    Parameters
    ----------
    data : ndarray (Z, Y, X)
    name : str
        Name of the file for the message.

    Raises
    ------
    InputError
        If `data` are no labels.
    """
    values = _to_labels(np.asarray(data), name)
    largest = int(values.max())
    kind = np.uint8 if largest <= 255 else np.uint16 if largest <= 65535 else np.int32
    return values.astype(kind)


def _to_labels(data: npt.NDArray[np.generic], name: str) -> npt.NDArray[np.int32]:
    if data.ndim != 3 or 0 in data.shape:
        raise InputError(f"The labels of '{name}' have the shape {data.shape}, but need slices, rows and columns.")
    if data.dtype.kind not in "biuf":
        raise InputError(f"The labels of '{name}' are of type {data.dtype}, but labels are whole numbers.")
    if data.dtype.kind == "f":
        values = data.astype(np.float64)
        if not np.isfinite(values).all() or not np.array_equal(values, np.rint(values)):
            raise InputError(
                f"The values of '{name}' are not whole numbers, so they are no labels; choose a label file, or round "
                "or threshold it first."
            )
    if data.dtype.kind != "b" and (data.min() < 0 or data.max() > _MAX_LABEL):
        raise InputError(f"The labels of '{name}' go below 0 or above {_MAX_LABEL}; renumber them.")
    return np.ascontiguousarray(data, dtype=np.int32)


def _smallest_type(largest: int) -> type[np.integer]:
    for kind in (np.uint8, np.int16):
        if largest <= np.iinfo(kind).max:
            return kind
    return np.int32
