"""The formats that labels are written in, behind one function: what ends how, and which writer it is."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from napari_scarseg.core.spacing import Spacing
from napari_scarseg.core.tissue import Tissue
from napari_scarseg.errors import InputError
from napari_scarseg.io.dicom_header import SliceHeader
from napari_scarseg.io.labels import write_labels
from napari_scarseg.io.write_nrrd import write_labels_nrrd
from napari_scarseg.io.write_ome import write_labels_ome_tiff


class LabelFormat(StrEnum):
    """Formats of labels."""

    NIFTI = "nifti"
    DICOM_SEG = "dicom-seg"
    OME_TIFF = "ome-tiff"
    NRRD = "nrrd"


ENDINGS: Mapping[LabelFormat, str] = MappingProxyType(
    {
        LabelFormat.NIFTI: ".nii.gz",
        LabelFormat.DICOM_SEG: ".dcm",
        LabelFormat.OME_TIFF: ".ome.tif",
        LabelFormat.NRRD: ".seg.nrrd",
    }
)


@dataclass(frozen=True, slots=True, eq=False)
class LabelsOut:
    """Labels that are ready to be written.

    Parameters
    ----------
    labels : ndarray of int (Z, Y, X)
    spacing : Spacing
    affine_ras : ndarray (4, 4) or None
    tissues : mapping of value → Tissue or None
        What the values mean; None where each is a scar lesion.
    slices : sequence of SliceHeader
        The DICOM images that the labels belong to, in order; for DICOM SEG only.
    """

    labels: npt.NDArray[np.integer]
    spacing: Spacing
    affine_ras: npt.NDArray[np.float64] | None
    tissues: Mapping[int, Tissue] | None = None
    slices: Sequence[SliceHeader] = field(default=())


@dataclass(frozen=True, slots=True)
class SegChoices:
    """What DICOM SEG asks for beyond the labels.

    Parameters
    ----------
    per_lesion : bool
        One segment per lesion.
    keep_identifiers : bool
        Take over who and when from the images.
    """

    per_lesion: bool = False
    keep_identifiers: bool = False


def format_of_name(path: str | os.PathLike[str]) -> LabelFormat:
    """The format that a file's ending asks for.

    Raises
    ------
    InputError
        If it is none that labels are written in.

    Examples
    --------
    >>> format_of_name("P001_scar.seg.nrrd").value
    'nrrd'
    """
    name = Path(path).name.casefold()
    kinds = {
        LabelFormat.NIFTI: (".nii", ".nii.gz"),
        LabelFormat.DICOM_SEG: (".dcm", ".dicom"),
        LabelFormat.OME_TIFF: (".ome.tif", ".ome.tiff"),
        LabelFormat.NRRD: (".nrrd",),
    }
    for kind, endings in kinds.items():
        if name.endswith(endings):
            return kind
    raise InputError(
        f"Labels are not written as '{Path(path).suffix}'; let the name end in .nii.gz, .seg.nrrd, .ome.tif or .dcm."
    )


def write_label_file(path: str | os.PathLike[str], out: LabelsOut, seg: SegChoices | None = None) -> None:
    """Write labels in the format that the name's ending asks for.

    Raises
    ------
    InputError
        If the ending is none of ours, the labels cannot be written so, or the file system refuses.
    """
    kind = format_of_name(path)
    seg = seg or SegChoices()
    if kind is LabelFormat.NIFTI:
        write_labels(path, out.labels, out.spacing, out.affine_ras)
    elif kind is LabelFormat.OME_TIFF:
        write_labels_ome_tiff(path, out.labels, out.spacing, out.affine_ras)
    elif kind is LabelFormat.NRRD:
        write_labels_nrrd(path, out.labels, out.spacing, out.affine_ras, tissues=out.tissues)
    elif not out.slices:
        raise InputError(
            "A DICOM SEG refers to the images that it belongs to; give their DICOM series, or write NIfTI."
        )
    else:
        # highdicom is for this format only, and takes its time to load.
        from napari_scarseg.io.dicom_seg import write_segmentation

        write_segmentation(
            path,
            out.labels,
            out.slices,
            tissues=out.tissues,
            per_lesion=seg.per_lesion,
            keep_identifiers=seg.keep_identifiers,
        )
