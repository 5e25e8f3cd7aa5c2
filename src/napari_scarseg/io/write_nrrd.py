"""Labels as NRRD, as 3D Slicer opens them: with segments, names and colours where the name ends in .seg.nrrd."""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk  # noqa: N813 (its own customary name)

from napari_scarseg.core.spacing import Spacing
from napari_scarseg.core.tissue import Tissue
from napari_scarseg.errors import InputError
from napari_scarseg.io.atomic import atomic_path
from napari_scarseg.io.dicom_seg_codes import SEGMENT_CODES
from napari_scarseg.io.itk import AFFINE_KEY, SPACING_KEY
from napari_scarseg.io.labels import compact_labels

_GOLDEN_RATIO = 0.618034


def write_labels_nrrd(
    path: str | os.PathLike[str],
    labels: npt.NDArray[np.integer],
    spacing: Spacing,
    affine_ras: npt.NDArray[np.float64] | None,
    *,
    tissues: Mapping[int, Tissue] | None = None,
) -> None:
    """Write labels as NRRD (.nrrd), or as a segmentation of 3D Slicer (.seg.nrrd), compressed.

    The affine is written as it is, so that the labels lie on their source; a note in the file says what the spacing
    is. Without an affine the axes are the patient's and the origin is 0.

    Parameters
    ----------
    path : path-like
    labels : ndarray of int (Z, Y, X)
    spacing : Spacing
    affine_ras : ndarray (4, 4) or None
    tissues : mapping of value → Tissue, optional
        Names of the segments; without it every value is a lesion.

    Raises
    ------
    InputError
        If the name ends otherwise or the file cannot be written.
    """
    target = Path(path)
    if not target.name.casefold().endswith(".nrrd"):
        raise InputError(f"'{target.name}' has to end in .nrrd or .seg.nrrd to be written as NRRD; rename it.")
    values = compact_labels(labels, target.name)
    image = sitk.GetImageFromArray(values)
    _set_geometry(image, spacing, affine_ras)
    sizes = (spacing.z_mm, spacing.y_mm, spacing.x_mm)
    image.SetMetaData(SPACING_KEY, " ".join("none" if size is None else repr(float(size)) for size in sizes))
    if affine_ras is None:
        image.SetMetaData(AFFINE_KEY, "none")
    if target.name.casefold().endswith(".seg.nrrd"):
        _describe_segments(image, values, tissues)
    with atomic_path(target) as temporary:
        try:
            sitk.WriteImage(image, os.fspath(temporary), useCompression=True)
        except RuntimeError as cause:
            raise InputError(
                f"'{target.name}' cannot be written; check the folder's permissions and free space, or choose another "
                "one."
            ) from cause


def _set_geometry(image: sitk.Image, spacing: Spacing, affine_ras: npt.NDArray[np.float64] | None) -> None:
    if affine_ras is None:
        sizes = (spacing.x_mm, spacing.y_mm, spacing.z_mm)
        image.SetSpacing([1.0 if size is None else size for size in sizes])
        return
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine_ras
    lengths = np.linalg.norm(lps[:3, :3], axis=0)
    image.SetSpacing([float(length) for length in lengths])
    image.SetDirection([float(value) for value in (lps[:3, :3] / lengths).ravel()])
    image.SetOrigin([float(value) for value in lps[:3, 3]])


def _describe_segments(
    image: sitk.Image, labels: npt.NDArray[np.integer], tissues: Mapping[int, Tissue] | None
) -> None:
    """What Slicer's segment editor reads: one segment per value."""
    image.SetMetaData("Segmentation_MasterRepresentation", "Binary labelmap")
    image.SetMetaData("Segmentation_ContainedRepresentationNames", "Binary labelmap|")
    image.SetMetaData("Segmentation_ReferenceImageExtentOffset", "0 0 0")
    columns, rows, slices = image.GetSize()
    extent = f"0 {columns - 1} 0 {rows - 1} 0 {slices - 1}"
    for number, value in enumerate(int(v) for v in np.unique(labels) if v > 0):
        tissue = None if tissues is None else tissues.get(value, Tissue.OTHER)
        fields = {
            "ID": f"Segment_{value}",
            "Name": f"Scar {value}" if tissue is None else tissue.words,
            "Color": " ".join(f"{channel:.4f}" for channel in _colour(number, tissue)),
            "Extent": extent,
            "Layer": "0",
            "LabelValue": str(value),
        }
        for field, text in fields.items():
            image.SetMetaData(f"Segment{number}_{field}", text)


def _colour(number: int, tissue: Tissue | None) -> tuple[float, float, float]:
    """RGB in 0 … 1: a tissue's own, or for lesions one after the other, well apart."""
    if tissue is not None:
        own = SEGMENT_CODES[tissue].colour
        return (own[0] / 255, own[1] / 255, own[2] / 255)
    phase = 2 * np.pi * (number * _GOLDEN_RATIO % 1)
    red, green, blue = (0.6 + 0.4 * float(np.cos(phase - shift)) for shift in (0.0, 2.1, 4.2))
    return (red, green, blue)
