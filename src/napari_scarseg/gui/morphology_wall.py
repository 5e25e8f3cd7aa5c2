"""The left ventricle's wall of a case: from another Labels layer, or its centre from a Points layer."""

from dataclasses import dataclass

import numpy as np
from napari.layers import Labels, Layer, Points

from napari_scarseg.errors import InputError
from napari_scarseg.measure import Wall, wall_from_centres, wall_from_masks


@dataclass(frozen=True, slots=True, eq=False)
class WallChoice:
    """Where a case's wall is.

    Parameters
    ----------
    layer : Labels, Points or None
        Labels of the myocardium on the grid of the lesions; or points in the middle of the LV, one per slice, or fewer:
        a slice without one takes that of the nearest slice. None where only the segments are known.
    values : tuple of int
        Values of the labels that mean myocardium; empty where all do.
    segments : Labels, Points or None
        Labels 1 to 17 of the LV's segments; or points on the RV insertions.
    """

    layer: Layer | None
    values: tuple[int, ...] = ()
    segments: Layer | None = None

    def uses(self, layer: Layer) -> bool:
        """Whether it depends on a layer."""
        return bool(self.layer == layer or self.segments == layer)


def suits_as_wall(layer: Layer) -> bool:
    """Whether a layer can say where the wall is."""
    return isinstance(layer, Labels | Points)


def parse_values(text: str) -> tuple[int, ...]:
    """ "2,3" → (2, 3); empty text → ().

    Raises
    ------
    InputError
        If it is no list of whole numbers from 1.
    """
    if not text.strip():
        return ()
    try:
        values = tuple(dict.fromkeys(int(part) for part in text.split(",")))
    except ValueError as error:
        raise InputError(
            f"'{text}' is not a list of label values such as 2,3; correct it or leave it empty."
        ) from error
    if min(values) < 1:
        raise InputError("Label values count from 1; 0 is background.")
    return values


def read_wall(choice: WallChoice, labels: Labels) -> Wall | None:
    """The wall on the grid of `labels`; None where it is unknown.

    Raises
    ------
    InputError
        If the two layers do not fit.
    """
    if choice.layer is None:
        return None
    if choice.layer == labels:
        raise InputError(f"'{labels.name}' holds the lesions; choose another layer for the wall, or none.")
    if isinstance(choice.layer, Points):
        return wall_from_centres(_read_centres(choice.layer, labels))
    data = choice.layer.data[0] if choice.layer.multiscale else choice.layer.data
    plain = labels.data[0] if labels.multiscale else labels.data
    if data.shape != plain.shape:
        raise InputError(
            f"The wall '{choice.layer.name}' has the shape {tuple(data.shape)} and '{labels.name}' "
            f"{tuple(plain.shape)}; choose labels of the same image."
        )
    volume = np.asarray(data)
    muscle = np.isin(volume, choice.values) if choice.values else volume != 0
    return wall_from_masks(muscle if labels.ndim == 3 else muscle[None])


def is_same_wall(first: Wall | None, second: Wall | None) -> bool:
    """Whether both say the same about the left ventricle."""
    if first is None or second is None:
        return first is second
    if first.centres != second.centres:
        return False
    if first.myocardium is None or second.myocardium is None:
        return first.myocardium is second.myocardium
    return np.array_equal(first.myocardium, second.myocardium)


def _read_centres(points: Points, labels: Labels) -> dict[int, tuple[float, float]]:
    """Slice → (row, column) on the grid of the labels, the nearest slice's where a slice has no point."""
    given = {z: places[-1] for z, places in read_places(points, labels).items()}
    n_slices = labels.data.shape[0] if labels.ndim == 3 else 1
    return {z: given[min(given, key=lambda known: abs(known - z))] for z in range(n_slices)}


def read_places(points: Points, labels: Labels) -> dict[int, list[tuple[float, float]]]:
    """Slice → its points as (row, column) on the grid of the labels.

    Raises
    ------
    InputError
        If there is no point on the labels' slices.
    """
    if points.ndim < labels.ndim or not len(points.data):
        raise InputError(f"'{points.name}' holds no point on the slices of '{labels.name}'; put one there.")
    given: dict[int, list[tuple[float, float]]] = {}
    for point in points.data:
        world = np.asarray(points.data_to_world(point), dtype=np.float64)[-labels.ndim :]
        place = np.asarray(labels.world_to_data(world), dtype=np.float64)
        z = round(float(place[0])) if labels.ndim == 3 else 0
        given.setdefault(z, []).append((float(place[-2]), float(place[-1])))
    return given
