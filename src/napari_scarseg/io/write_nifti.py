"""Volumes as NIfTI on the grid and affine of their source."""

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import numpy.typing as npt

from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.io.atomic import atomic_path
from napari_scarseg.io.nifti import spacing_mark

_CODE_UNKNOWN, _CODE_SCANNER, _CODE_ALIGNED = 0, 1, 2
_UNIT_UNKNOWN, _UNIT_MM = 0, 2


def write_volume_nifti(
    target: Path, volume: npt.NDArray[np.generic], spacing: Spacing, affine_ras: npt.NDArray[np.float64] | None
) -> None:
    """Write a volume as .nii.gz or .nii, in its own type.

    The affine is written as it is, also where its voxel size contradicts `spacing` (which goes into pixdim). Without
    one the file has the spacing's, and where nothing is known the identity and the unit *unknown*.

    Parameters
    ----------
    target : Path
    volume : ndarray (Z, Y, X)
    spacing : Spacing
    affine_ras : ndarray (4, 4) or None

    Raises
    ------
    InputError
        If the file cannot be written.
    nibabel.spatialimages.HeaderDataError
        If NIfTI has no such type.
    """
    image = nib.Nifti1Image(volume.T, None, dtype=volume.dtype)
    _set_geometry(image.header, spacing, affine_ras)
    content = image.to_bytes()
    if target.name.casefold().endswith(".gz"):
        # No time stamp: equal volumes give equal files.
        content = gzip.compress(content, compresslevel=6, mtime=0)
    with atomic_path(target) as temporary:
        temporary.write_bytes(content)


def _set_geometry(header: nib.Nifti1Header, spacing: Spacing, affine_ras: npt.NDArray[np.float64] | None) -> None:
    known = spacing.origin is not SpacingOrigin.UNKNOWN
    sizes = tuple(1.0 if size is None else size for size in (spacing.x_mm, spacing.y_mm, spacing.z_mm))
    affine = np.diag([*sizes, 1.0]) if affine_ras is None else affine_ras
    header["xyzt_units"] = _UNIT_MM if known else _UNIT_UNKNOWN
    header["pixdim"][1:4] = sizes
    if affine_ras is not None and np.allclose(affine, header.get_base_affine(), rtol=1e-6, atol=1e-4):
        # What nibabel supposes for a file without any code: the source had none, so the result has none either.
        header["sform_code"] = header["qform_code"] = _CODE_UNKNOWN
    else:
        code = _CODE_ALIGNED if affine_ras is None else _CODE_SCANNER
        header.set_sform(affine, code=code)
        if np.allclose(np.linalg.norm(affine[:3, :3], axis=0), sizes, rtol=1e-4):
            _set_qform(header, affine, code, sizes)
    header["descrip"] = spacing_mark(spacing).encode()


def _set_qform(header: nib.Nifti1Header, affine: npt.NDArray[np.float64], code: int, sizes: tuple[float, ...]) -> None:
    """For software that reads the qform only; it cannot express shears, and nibabel would change pixdim."""
    header.set_qform(affine, code=code, strip_shears=True)
    if np.allclose(header.get_qform(), affine, atol=1e-3):
        header["pixdim"][1:4] = sizes
    else:
        header["qform_code"] = _CODE_UNKNOWN
        header["pixdim"][0:4] = (1.0, *sizes)
