"""The 17 segments of the left ventricle (AHA), from the wall and the RV insertion, and how much scar each has."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import ndimage

from napari_scarseg.core.spacing import Spacing
from napari_scarseg.errors import InputError
from napari_scarseg.measure.wall import Wall

Place = tuple[float, float]

SEGMENT_NAMES = (
    "basal anterior",
    "basal anteroseptal",
    "basal inferoseptal",
    "basal inferior",
    "basal inferolateral",
    "basal anterolateral",
    "mid anterior",
    "mid anteroseptal",
    "mid inferoseptal",
    "mid inferior",
    "mid inferolateral",
    "mid anterolateral",
    "apical anterior",
    "apical septal",
    "apical inferior",
    "apical lateral",
    "apex",
)
APEX = 17

# Why there is no bullseye, where neither source of segments was given.
SEGMENTS_UNKNOWN = (
    "The segments of the left ventricle are not known; give labels of the 17 segments, or the myocardium and the point "
    "where the right ventricle's wall meets the septum in front (the anterior RV insertion)."
)

# On the bullseye the anterior insertion parts segment 1 (60–120°) from segment 2 (120–180°).
_INSERTION_DEG = 120.0
_LEVELS = ("basal", "mid", "apical")
# The LV narrows by more than this from base to apex, or its ends are not told apart.
_NARROWING = 0.1


def segments_from_insertion(
    wall: Wall,
    lesions: npt.NDArray[np.integer],
    insertions: Mapping[int, Sequence[Place]],
    spacing: Spacing,
    *,
    base_first: bool | None = None,
) -> npt.NDArray[np.int32]:
    """Lay the AHA's segments over the wall (Cerqueira et al., Circulation 2002).

    Slices without a cavity at the thin end are the apex (17); the others are divided into equal thirds, basal and mid
    of six segments of 60°, apical of four of 90°. The anterior RV insertion is the border of the anterior and the
    anteroseptal segment.

    Parameters
    ----------
    wall : Wall
        With its myocardium.
    lesions : ndarray of int, (Z, Y, X)
        They count as wall.
    insertions : mapping of slice → one or two (row, column)
        In px: the anterior insertion, then (optional) the inferior one, which says on which side the septum is.
        With one point the septum lies counter-clockwise from it, as on images seen from the apex with the sternum up.
        A slice without one takes those of the nearest slice.
    spacing : Spacing
        Unequal pixels turn angles; unknown ones are taken as square.
    base_first : bool, optional
        Whether slice 0 is at the base; by default the wider end is the base.

    Returns
    -------
    ndarray of int32, (Z, Y, X)
        1 to 17 on the wall, 0 elsewhere.

    Raises
    ------
    InputError
        If the myocardium or every insertion is missing, under three slices have wall and cavity, or base and apex
        cannot be told apart.
    """
    if wall.myocardium is None:
        raise InputError("Segments need the myocardium, and only the LV's centre is known; give labels of the wall.")
    wall.check_shape(lesions.shape)
    if not any(len(points) for points in insertions.values()):
        raise InputError("Segments need the anterior RV insertion; put a point on it on at least one slice.")
    given = {z: points for z, points in insertions.items() if len(points)}
    muscle = wall.myocardium | (lesions != 0)
    levels = _levels(muscle, wall, spacing, base_first)
    segments = np.zeros(lesions.shape, dtype=np.int32)
    for z, level in levels.items():
        rows, cols = np.nonzero(muscle[z])
        if level == "apex":
            segments[z, rows, cols] = APEX
            continue
        centre = wall.centres[z]
        nearest = given[min(given, key=lambda known: (abs(known - z), known))]
        angles = _on_bullseye(_angle_deg(np.stack([rows, cols], axis=1), centre, spacing), nearest, centre, spacing)
        if level == "apical":
            numbers = 13 + ((angles - 45) % 360 // 90).astype(np.int32)
        else:
            numbers = (1 if level == "basal" else 7) + ((angles - 60) % 360 // 60).astype(np.int32)
        segments[z, rows, cols] = numbers
    return segments


def check_segments(labels: npt.NDArray[np.generic]) -> npt.NDArray[np.int32]:
    """A person's own labels of segments, (Z, Y, X), as they are taken here.

    Raises
    ------
    InputError
        If they are not 3-D, or hold no segment or values beyond 1 to 17.
    """
    values = np.asarray(labels)
    if values.ndim != 3 or values.dtype.kind not in "biu":
        raise InputError("Labels of segments must be whole numbers on (slice, row, column).")
    found = np.unique(values[values != 0])
    if found.size == 0 or found.min() < 1 or found.max() > APEX:
        raise InputError("Labels of segments must hold the numbers 1 to 17 of the AHA's segments; convert them.")
    return values.astype(np.int32)


def measure_segments(
    lesions: npt.NDArray[np.integer], segments: npt.NDArray[np.integer], spacing: Spacing
) -> pd.DataFrame:
    """How much of each segment is scar.

    Parameters
    ----------
    lesions : ndarray of int, (Z, Y, X)
        Any value but 0 is scar.
    segments : ndarray of int, (Z, Y, X)
        From `segments_from_insertion` or `check_segments`.
    spacing : Spacing
        Where it is unknown the volumes are empty.

    Returns
    -------
    DataFrame
        `segment, name, wall_ml, scar_ml, scar_share_pct`, one row per segment that is there. The share is that of the
        segment's volume, which for an even wall is its mean transmurality.

    Raises
    ------
    InputError
        If the two differ in shape.

    Examples
    --------
    >>> segments = np.zeros((1, 2, 4), int); segments[0] = 17
    >>> lesions = np.zeros((1, 2, 4), int); lesions[0, 0] = 1
    >>> measure_segments(lesions, segments, Spacing.unknown())[["segment", "name", "scar_share_pct"]].values.tolist()
    [[17, 'apex', 50.0]]
    """
    if lesions.shape != segments.shape:
        raise InputError(
            f"The segments have the shape {segments.shape} and the labels {lesions.shape}; give those of one stack."
        )
    inside = np.bincount(segments.ravel(), minlength=APEX + 1)
    scar = np.bincount(segments[lesions != 0].ravel(), minlength=APEX + 1)
    distances = [np.nan if distance is None else distance for distance in (spacing.z_mm, spacing.y_mm, spacing.x_mm)]
    voxel_ml = float(np.prod(distances)) / 1000
    present = [number for number in range(1, APEX + 1) if inside[number]]
    return pd.DataFrame(
        {
            "segment": present,
            "name": [SEGMENT_NAMES[number - 1] for number in present],
            "wall_ml": [inside[number] * voxel_ml for number in present],
            "scar_ml": [scar[number] * voxel_ml for number in present],
            "scar_share_pct": [100 * scar[number] / inside[number] for number in present],
        }
    )


def _levels(muscle: npt.NDArray[np.bool_], wall: Wall, spacing: Spacing, base_first: bool | None) -> dict[int, str]:
    """basal, mid, apical or apex, for every slice with wall."""
    slices = [z for z in sorted(wall.centres) if muscle[z].any()]
    if len(slices) < len(_LEVELS):
        raise _too_few(len(slices))
    if base_first is None:
        base_first = _is_base_first(muscle, wall, slices, spacing)
    from_apex = slices[::-1] if base_first else slices
    apex = []
    for z in from_apex:
        if (ndimage.binary_fill_holes(muscle[z]) & ~muscle[z]).any():
            break
        apex.append(z)
    # An open ring has no hole either: where that would be every slice, none is the apex.
    rings = [z for z in from_apex if z not in apex][::-1] if len(apex) < len(slices) else from_apex[::-1]
    if len(rings) < len(_LEVELS):
        raise _too_few(len(rings))
    levels = {
        int(z): level
        for level, part in zip(_LEVELS, np.array_split(np.array(rings), len(_LEVELS)), strict=True)
        for z in part
    }
    return levels | {z: "apex" for z in apex if z not in levels}


def _too_few(n_slices: int) -> InputError:
    return InputError(
        f"Segments need wall and cavity on at least three slices, but {n_slices} have them; give the myocardium of the "
        "whole stack."
    )


def _is_base_first(muscle: npt.NDArray[np.bool_], wall: Wall, slices: Sequence[int], spacing: Spacing) -> bool:
    """The wider end of the LV is its base."""
    y, x = spacing.y_mm or 1.0, spacing.x_mm or 1.0
    reach = []
    for z in slices:
        rows, cols = np.nonzero(muscle[z])
        centre = wall.centres[z]
        reach.append(float(np.hypot((rows - centre[0]) * y, (cols - centre[1]) * x).mean()))
    third = max(1, len(reach) // 3)
    first, last = float(np.mean(reach[:third])), float(np.mean(reach[-third:]))
    if abs(first - last) <= _NARROWING * max(first, last):
        raise InputError(
            "Base and apex cannot be told apart, as the LV is equally wide at both ends; say which is which."
        )
    return first > last


def _angle_deg(places: npt.NDArray[np.generic], centre: Place, spacing: Spacing) -> npt.NDArray[np.float64]:
    """Angle of each (row, column) round the centre, counter-clockwise on the screen from the right."""
    up = -(np.asarray(places)[:, 0] - centre[0]) * (spacing.y_mm or 1.0)
    right = (np.asarray(places)[:, 1] - centre[1]) * (spacing.x_mm or 1.0)
    return np.asarray(np.degrees(np.arctan2(up, right)))


def _on_bullseye(
    angles: npt.NDArray[np.float64], insertion: Sequence[Place], centre: Place, spacing: Spacing
) -> npt.NDArray[np.float64]:
    """Angles as the bullseye has them: the anterior insertion at 120°, the septum behind it."""
    marks = _angle_deg(np.array(insertion, dtype=np.float64), centre, spacing)
    # The septum is the short way from the anterior to the inferior insertion.
    turn = 1.0 if len(marks) < 2 or (marks[1] - marks[0]) % 360 <= 180 else -1.0
    return np.asarray(_INSERTION_DEG + turn * (angles - marks[0]))
