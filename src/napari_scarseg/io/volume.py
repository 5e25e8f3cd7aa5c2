"""What every format's reader gives back, before it is called an image or labels."""

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from napari_scarseg.core.spacing import Spacing
from napari_scarseg.errors import InputError


class Content(StrEnum):
    """What a file is read as: intensities, or numbers that name things."""

    IMAGE = "image"
    LABELS = "labels"


@dataclass(frozen=True, slots=True, eq=False)
class Volume:
    """Decoded voxels with their geometry.

    Parameters
    ----------
    data : ndarray (Z, Y, X)
    spacing : Spacing
    affine_ras : ndarray (4, 4) or None
        From (x, y, z) voxel index to RAS mm.
    findings : tuple of str
        Sentences about what was noticed.
    stem : str or None
        Name for the results where the path must not give it (DICOM); None elsewhere.
    """

    data: npt.NDArray[np.generic]
    spacing: Spacing
    affine_ras: npt.NDArray[np.float64] | None = None
    findings: tuple[str, ...] = ()
    stem: str | None = None

    def with_findings(self, *findings: str) -> "Volume":
        """The same volume with more findings behind its own."""
        return replace(self, findings=(*self.findings, *findings))


def native_order(data: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """The same values C-contiguous, in the machine's byte order and in a type that every other library knows."""
    kind, size = data.dtype.kind, data.dtype.itemsize
    if kind == "f" and size == 2:
        return np.ascontiguousarray(data, dtype=np.float32)
    if kind == "f" and size > 8:
        return np.ascontiguousarray(data, dtype=np.float64)
    return np.ascontiguousarray(data, dtype=data.dtype.newbyteorder("="))


def merge_equal_channels(data: npt.NDArray[np.generic], name: str) -> npt.NDArray[np.generic]:
    """Grey values of (…, C) with C = 1…4 colour samples, if the colours are equal.

    Two or four samples end with an opacity, which is dropped.

    Raises
    ------
    InputError
        If the colours differ: which mixture is the intensity is not ours to guess.
    """
    colours = data[..., :-1] if data.shape[-1] in (2, 4) else data
    grey = colours[..., 0]
    if any(not np.array_equal(grey, colours[..., i]) for i in range(1, colours.shape[-1])):
        raise InputError(f"'{name}' is a colour image; export it in grey levels (one value per pixel).")
    return grey
