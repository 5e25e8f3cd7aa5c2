"""Volumes as OME-TIFF in mm, with the affine in an annotation, as TIFF itself has no place for it."""

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tifffile

from napari_scarseg.core.spacing import Spacing
from napari_scarseg.errors import InputError
from napari_scarseg.io.atomic import atomic_path
from napari_scarseg.io.labels import compact_labels
from napari_scarseg.io.tiff import AFFINE_KEY


def write_labels_ome_tiff(
    path: str | os.PathLike[str],
    labels: npt.NDArray[np.integer],
    spacing: Spacing,
    affine_ras: npt.NDArray[np.float64] | None,
) -> None:
    """Write labels as OME-TIFF (.ome.tif), compressed, PhysicalSize in mm where the spacing is known.

    Parameters
    ----------
    path : path-like
    labels : ndarray of int (Z, Y, X)
        Stored in the smallest of uint8, uint16 and int32 that holds them.
    spacing : Spacing
    affine_ras : ndarray (4, 4) or None
        Kept in a map annotation that our readers understand, and other software ignores.

    Raises
    ------
    InputError
        If the name ends otherwise or the file cannot be written.
    """
    write_volume_ome_tiff(path, compact_labels(labels, Path(path).name), spacing, affine_ras)


def write_volume_ome_tiff(
    path: str | os.PathLike[str],
    volume: npt.NDArray[np.generic],
    spacing: Spacing,
    affine_ras: npt.NDArray[np.float64] | None,
) -> None:
    """Write any volume (Z, Y, X) in its own type; everything else as `write_labels_ome_tiff`."""
    target = Path(path)
    if not target.name.casefold().endswith((".ome.tif", ".ome.tiff")):
        raise InputError(f"'{target.name}' has to end in .ome.tif to be written as OME-TIFF; rename it.")
    metadata: dict[str, object] = {"axes": "ZYX"}
    for axis, size_mm in (("X", spacing.x_mm), ("Y", spacing.y_mm), ("Z", spacing.z_mm)):
        if size_mm is not None:
            metadata |= {f"PhysicalSize{axis}": size_mm, f"PhysicalSize{axis}Unit": "mm"}
    if affine_ras is not None:
        metadata["MapAnnotation"] = {AFFINE_KEY: " ".join(repr(float(value)) for value in affine_ras.ravel())}
    with atomic_path(target) as temporary:
        tifffile.imwrite(temporary, volume, ome=True, photometric="minisblack", compression="zlib", metadata=metadata)
