"""Where the voxels of a phantom's stack lie in its anatomy."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_scarseg.phantom.noise import Field


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Voxels of a stack.

    Parameters
    ----------
    size_px : int
        Rows and columns.
    pixel_mm, thickness_mm : float
    levels : ndarray (Z,)
        u of each slice's centre along the LV, apex first.
    centre_mm : ndarray (Z, 2)
        (x, y) of the LV's axis from the middle of the field of view, mm, with tilt and shift.
    rotation : float
        Turn of the anatomy in the plane, radians.
    supersampling : int
        Samples per voxel along each axis.
    """

    size_px: int
    pixel_mm: float
    thickness_mm: float
    levels: npt.NDArray[np.float64]
    centre_mm: npt.NDArray[np.float64]
    rotation: float
    supersampling: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """(Z, Y, X)."""
        return (len(self.levels), self.size_px, self.size_px)

    def axis_mm(self, start: int, stop: int, samples: int = 1) -> Field:
        """Coordinates, mm from the middle of the field of view, of `samples` per pixel from `start` to `stop`."""
        points = start + (np.arange((stop - start) * samples) + 0.5) / samples
        return np.asarray((points - self.size_px / 2) * self.pixel_mm, dtype=np.float32)

    def turned(self, x: Field, y: Field) -> tuple[Field, Field]:
        """Coordinates of the image brought to those of the anatomy."""
        cos, sin = np.float32(np.cos(self.rotation)), np.float32(np.sin(self.rotation))
        return cos * x - sin * y, sin * x + cos * y

    def heart_coordinates(self, z: int, x_mm: Field, y_mm: Field) -> tuple[Field, Field]:
        """Coordinates (h, w) about the LV's axis in slice `z`, from axes (w,) and (h,) of the image."""
        x, y = x_mm - np.float32(self.centre_mm[z, 0]), y_mm - np.float32(self.centre_mm[z, 1])
        return self.turned(x[None, :], y[:, None])
