"""One image stack, as every part of the program knows it."""

import hashlib
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from napari_scarseg.core.spacing import Spacing
from napari_scarseg.errors import InputError


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """Short-axis stack: intensities on (Z, Y, X), slices first.

    Parameters
    ----------
    data : ndarray, (Z, Y, X)
        Real numbers, any type, finite, never written to (made read-only here).
    spacing : Spacing
    stem : str
        Name the results carry: the source's name without suffixes, nothing personal.
    affine_ras : ndarray (4, 4) or None
        From (x, y, z) voxel index to RAS mm, as in the NIfTI header; None where the source had no geometry.
    findings : tuple of str
        Sentences about what was noticed while reading (uneven spacing, contradicting headers, …).

    Raises
    ------
    InputError
        If `data` is not 3-D, has an empty axis, is not real, or holds NaN or infinity, or every slice is constant.

    Examples
    --------
    >>> import numpy as np
    >>> stack = Stack(np.arange(24.0).reshape(2, 3, 4), Spacing.unknown(), "example")
    >>> stack.shape
    (2, 3, 4)
    """

    data: npt.NDArray[np.generic]
    spacing: Spacing
    stem: str
    affine_ras: npt.NDArray[np.float64] | None = None
    findings: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        check_image_array(self.data)
        view = self.data.view()
        view.flags.writeable = False
        object.__setattr__(self, "data", view)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(Z, Y, X)."""
        z, y, x = self.data.shape
        return (z, y, x)

    def with_spacing(self, spacing: Spacing) -> "Stack":
        """The same data with another spacing. The affine, if any, stays: it is the source's own."""
        return replace(self, spacing=spacing)

    def sha256(self) -> str:
        """Hash of the voxels with their type and shape; names a stack in caches and provenance."""
        return voxel_sha256(self.data)


def voxel_sha256(data: npt.NDArray[np.generic]) -> str:
    """Hash of an array's voxels with their type and shape, as hexadecimal digits; see `Stack.sha256`."""
    digest = hashlib.sha256(f"{data.dtype.str}{data.shape}".encode())
    digest.update(np.ascontiguousarray(data).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def check_image_array(data: npt.NDArray[np.generic]) -> None:
    """Raise InputError, with a sentence, unless `data` is a usable (Z, Y, X) image."""
    if data.ndim != 3:
        raise InputError(
            f"The image has {data.ndim} axes {tuple(data.shape)}, but a stack has three (slice, row, column); "
            "choose one channel and one time point."
        )
    if 0 in data.shape:
        raise InputError(f"The image is empty (shape {tuple(data.shape)}); choose one with at least one slice.")
    if data.dtype.kind not in "biuf":
        raise InputError(f"The image holds values of type {data.dtype}, but intensities are real numbers; convert it.")
    if data.dtype.kind == "f":
        bad = ~np.isfinite(data)
        if bad.any():
            first = int(np.flatnonzero(bad.any(axis=(1, 2)))[0])
            raise InputError(
                f"The image holds {int(bad.sum())} values that are not finite (NaN or infinity), the first on slice "
                f"{first}; replace them, for example by 0, before loading."
            )
    if data.dtype.kind != "b" and all(bool((plane == plane.flat[0]).all()) for plane in data):
        raise InputError("Every slice of the image is constant, so there is nothing to see; choose another file.")


def constant_slices(data: npt.NDArray[np.generic]) -> tuple[int, ...]:
    """Indices of slices whose pixels all have one value. `data` is (Z, Y, X)."""
    return tuple(z for z, plane in enumerate(data) if bool((plane == plane.flat[0]).all()))
