"""The left ventricle's segments of a case: a person's labels of them, or laid out from the RV insertion."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from napari.layers import Labels, Layer, Points

from napari_scarseg.core.spacing import Spacing
from napari_scarseg.errors import InputError
from napari_scarseg.gui.morphology_wall import read_places
from napari_scarseg.measure import Wall
from napari_scarseg.measure.segments import (
    SEGMENTS_UNKNOWN,
    check_segments,
    measure_segments,
    segments_from_insertion,
)

Place = tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class SegmentsLayout:
    """Where the segments come from, ready to be worked out away from the window's thread.

    Parameters
    ----------
    labels : array of int (Z, Y, X) or None
        Labels 1 to 17; not copied.
    insertions : mapping of slice → one or two (row, column)
        Where there are no labels: the RV insertions, the upper one (anterior) first.
    """

    labels: npt.NDArray[np.generic] | None
    insertions: Mapping[int, tuple[Place, ...]]

    def is_same(self, other: "SegmentsLayout | None") -> bool:
        """Whether both say the same."""
        if other is None or self.insertions != other.insertions:
            return False
        if self.labels is None or other.labels is None:
            return self.labels is other.labels
        return np.array_equal(self.labels, other.labels)


def suits_as_segments(layer: Layer) -> bool:
    """Whether a layer can say where the segments are."""
    return isinstance(layer, Labels | Points)


def read_layout(layer: Layer | None, labels: Labels) -> SegmentsLayout | None:
    """What a layer says of the segments, on the grid of `labels`; None where no layer was chosen.

    Raises
    ------
    InputError
        If the layer does not fit the labels, or holds no point, or over two on a slice.
    """
    if layer is None:
        return None
    if isinstance(layer, Points):
        places = read_places(layer, labels)
        crowded = next((z for z, points in places.items() if len(points) > 2), None)
        if crowded is not None:
            raise InputError(
                f"'{layer.name}' has {len(places[crowded])} points on slice {crowded}; leave the anterior RV "
                "insertion, and the inferior one below it."
            )
        return SegmentsLayout(None, {z: tuple(sorted(points)) for z, points in places.items()})
    data = layer.data[0] if layer.multiscale else layer.data
    volume = np.asarray(data) if layer.ndim == 3 else np.asarray(data)[None]
    return SegmentsLayout(volume.copy(), {})


def measure_layout(
    layout: SegmentsLayout | None, labels: npt.NDArray[np.integer], wall: Wall | None, spacing: Spacing
) -> tuple[pd.DataFrame | None, str]:
    """Scar per segment; or None, and the sentence that says why."""
    if layout is None:
        return None, SEGMENTS_UNKNOWN
    try:
        if layout.labels is not None:
            segments = check_segments(layout.labels)
        elif wall is None:
            raise InputError("Segments need the myocardium beside the RV insertion; choose its labels as LV wall.")
        else:
            segments = segments_from_insertion(wall, labels, layout.insertions, spacing)
        return measure_segments(labels, segments, spacing), ""
    except InputError as reason:
        return None, str(reason)
