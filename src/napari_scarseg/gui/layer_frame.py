"""Where a layer lies in the world: copied from the image to every layer made from it, and compared as matrices.

napari switches units off for all layers when one of them has none, so every layer gets all of it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Layer

from napari_scarseg.core.spacing import Spacing

AXIS_LABELS = ("z", "y", "x")


@dataclass(frozen=True, slots=True, eq=False)
class LayerFrame:
    """The placing of a layer, as napari's layer arguments.

    Parameters
    ----------
    scale, translate : tuple of float
        One per axis.
    units, axis_labels : tuple of str
        One per axis.
    affine : ndarray (D + 1, D + 1)
    """

    scale: tuple[float, ...]
    translate: tuple[float, ...]
    units: tuple[str, ...]
    axis_labels: tuple[str, ...]
    affine: npt.NDArray[np.float64]

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.scale)

    def as_kwargs(self) -> dict[str, Any]:
        """Arguments of a layer's constructor."""
        return {
            "scale": self.scale,
            "translate": self.translate,
            "units": self.units,
            "axis_labels": self.axis_labels,
            "affine": self.affine,
        }

    def lies_on(self, other: "LayerFrame") -> bool:
        """Whether index coordinates of the two mean the same places."""
        return (
            self.ndim == other.ndim
            and np.allclose(self.scale, other.scale)
            and np.allclose(self.translate, other.translate)
            and np.allclose(self.affine, other.affine)
        )


def frame_of(layer: Layer) -> LayerFrame:
    """The placing of `layer`."""
    return LayerFrame(
        scale=tuple(float(value) for value in layer.scale),
        translate=tuple(float(value) for value in layer.translate),
        units=tuple(str(unit) for unit in layer.units),
        axis_labels=tuple(layer.axis_labels),
        affine=np.asarray(layer.affine.affine_matrix, dtype=np.float64),
    )


def frame_from_spacing(spacing: Spacing, ndim: int = 3) -> LayerFrame:
    """Placing of an image with `spacing`: mm where known, else one pixel; the last `ndim` of (z, y, x)."""
    distances = (spacing.z_mm, spacing.y_mm, spacing.x_mm)[3 - ndim :]
    return LayerFrame(
        scale=tuple(1.0 if value is None else value for value in distances),
        translate=(0.0,) * ndim,
        units=tuple("pixel" if value is None else "millimeter" for value in distances),
        axis_labels=AXIS_LABELS[3 - ndim :],
        affine=np.eye(ndim + 1),
    )


def index_to_world(layer: Layer) -> npt.NDArray[np.float64]:
    """Matrix (D + 1, D + 1) from index coordinates of `layer` to world coordinates of its own axes."""
    origin = np.asarray(layer.data_to_world(np.zeros(layer.ndim)), dtype=np.float64)
    matrix = np.eye(layer.ndim + 1)
    for axis, unit in enumerate(np.eye(layer.ndim)):
        matrix[:-1, axis] = np.asarray(layer.data_to_world(unit)) - origin
    matrix[:-1, -1] = origin
    return matrix


def index_to_index(source: Layer, target: Layer) -> npt.NDArray[np.float64]:
    """Matrix (D + 1, D + 1) from index coordinates of `source` to those of `target`; both have D axes."""
    return np.asarray(np.linalg.solve(index_to_world(target), index_to_world(source)))
