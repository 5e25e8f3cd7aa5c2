"""A slice of the left ventricle unrolled round its centre, and what a lesion is there."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_scarseg.core.masks import Mask
from napari_scarseg.measure.hull import find_hull
from napari_scarseg.measure.shape import measure_solidity

Samples = npt.NDArray[np.float64]

N_RAYS = 360

# Steps along a ray per pixel.
_OVERSAMPLING = 2

# Depths into which the wall is divided for the unrolled picture; more where it is thicker, so that none is left out.
_FEWEST_DEPTHS = 24

# Share of the transmurality's rays below the greatest that is reported: one ray through a corner does not decide.
_GREATEST_PERCENTILE = 95


@dataclass(frozen=True, slots=True, eq=False)
class UnwrappedWall:
    """The wall of an unrolled slice.

    Parameters
    ----------
    is_inner : ndarray of bool, (steps, rays)
        Samples in the innermost pixel of the wall.
    depths : ndarray of int, (rays,)
        Samples of wall on each ray.
    endocardium : ndarray of float64, (rays,)
        Length of endocardium that each ray stands for; 0 where it meets no wall.
    straight : ndarray of int, (depths, rays)
        Numbers of the lesions by depth in the wall, row 0 at the endocardium, thick and thin wall equally high.
    """

    is_inner: Mask
    depths: npt.NDArray[np.int64]
    endocardium: npt.NDArray[np.float64]
    straight: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class UnwrappedSlice:
    """Samples of a slice along rays from the LV's centre.

    Parameters
    ----------
    lesions : ndarray of int, (steps, rays)
        Number of the lesion under each sample, 0 where there is none.
    wall : UnwrappedWall or None
        Myocardium with all lesions; None where it is unknown on this slice.
    step : float
        Distance between two samples of a ray, in the unit of the distances.
    """

    lesions: npt.NDArray[np.int64]
    wall: UnwrappedWall | None
    step: float

    @property
    def endocardial_length(self) -> float:
        """Length of the slice's endocardium; 0 where it is unknown."""
        return 0.0 if self.wall is None else float(self.wall.endocardium.sum())


@dataclass(frozen=True, slots=True)
class MuralShape:
    """A lesion in the unrolled wall; None where the myocardium must be known and is not.

    Parameters
    ----------
    angular_extent_deg, unwrapped_solidity : float
    transmurality_pct, transmurality_max_pct, endocardial_extent_pct : float or None
    endocardial_length : float or None
        Length of endocardium that it touches, in the unit of the distances.
    """

    angular_extent_deg: float
    unwrapped_solidity: float
    transmurality_pct: float | None
    transmurality_max_pct: float | None
    endocardial_extent_pct: float | None
    endocardial_length: float | None


def unwrap_slice(
    lesions: npt.NDArray[np.integer],
    wall: Mask | None,
    centre: tuple[float, float],
    y_distance: float = 1.0,
    x_distance: float = 1.0,
) -> UnwrappedSlice:
    """Sample a slice along 360 rays from the LV's centre, every half pixel, linear between pixels.

    Parameters
    ----------
    lesions : ndarray of int, (Y, X)
    wall : ndarray of bool, (Y, X), or None
        Myocardium with or without the scar.
    centre : (row, column)
        In px.
    y_distance, x_distance : float
        Distance between rows and columns: mm, or 1 where unknown.
    """
    muscle = None if wall is None or not wall.any() else wall | (lesions != 0)
    step = min(y_distance, x_distance) / _OVERSAMPLING
    rows, cols = np.nonzero((lesions != 0) if muscle is None else muscle)
    reach = np.hypot((rows - centre[0]) * y_distance, (cols - centre[1]) * x_distance).max(initial=0)
    radii = (np.arange(int((reach + max(y_distance, x_distance)) / step) + 1) + 0.5) * step
    angles = (np.arange(N_RAYS) + 0.5) * 2 * np.pi / N_RAYS
    y = centre[0] + np.outer(radii, np.sin(angles)) / y_distance
    x = centre[1] + np.outer(radii, np.cos(angles)) / x_distance
    numbers = _sample(lesions, y, x)
    unrolled = None if muscle is None else _unwrap_wall(numbers, (numbers > 0) | (_sample(muscle, y, x) > 0), step)
    return UnwrappedSlice(numbers, unrolled, step)


def _sample(plane: npt.NDArray[np.generic], y: Samples, x: Samples) -> npt.NDArray[np.int64]:
    """Value at places between pixels, 0 beyond the plane: inside where at least half of the four pixels round it is.

    Linear between pixels, so that the boundary is a slope and not stairs; of two touching lesions the higher number.
    """
    padded = np.pad(plane.astype(np.int64), 1)
    top, left = np.floor(y).astype(np.intp), np.floor(x).astype(np.intp)
    down, right = y - top, x - left
    total = np.zeros(y.shape)
    highest = np.zeros(y.shape, dtype=np.int64)
    for step_y, share_y in ((1, 1 - down), (2, down)):
        for step_x, share_x in ((1, 1 - right), (2, right)):
            row = (top + step_y).clip(0, padded.shape[0] - 1)
            values = padded[row, (left + step_x).clip(0, padded.shape[1] - 1)]
            total += share_y * share_x * (values > 0)
            highest = np.maximum(highest, values)
    return np.where(total >= 0.5, highest, 0)


def measure_mural_shape(unwrapped: UnwrappedSlice, number: int, pixel: float = 1.0) -> MuralShape | None:
    """Measure one lesion of an unrolled slice; None where no ray meets it.

    Parameters
    ----------
    unwrapped : UnwrappedSlice
    number : int
        Of the lesion in `unwrapped.lesions`.
    pixel : float
        Side of a pixel (the smaller one) in the unit of the distances.
    """
    lesion = unwrapped.lesions == number
    chords = np.count_nonzero(lesion, axis=0)
    met = chords > 0
    if not met.any():
        return None
    # A ray that only cuts a corner would add up to a pixel to each side.
    firm = chords * unwrapped.step >= pixel / 2
    extent_deg = float(np.count_nonzero(firm if firm.any() else met)) * 360 / N_RAYS
    wall = unwrapped.wall
    if wall is None:
        return MuralShape(extent_deg, _cut_solidity(lesion), None, None, None, None)
    shares = 100 * chords[met] / wall.depths[met]
    touched = float(wall.endocardium[(lesion & wall.is_inner).any(axis=0)].sum())
    return MuralShape(
        angular_extent_deg=extent_deg,
        unwrapped_solidity=_cut_solidity(wall.straight == number),
        transmurality_pct=float(shares.mean()),
        transmurality_max_pct=float(np.percentile(shares, _GREATEST_PERCENTILE)),
        endocardial_extent_pct=100 * touched / unwrapped.endocardial_length,
        endocardial_length=touched,
    )


def _unwrap_wall(lesions: npt.NDArray[np.int64], wall: Mask, step: float) -> UnwrappedWall:
    depths = np.count_nonzero(wall, axis=0)
    n_depths = max(_FEWEST_DEPTHS, int(depths.max()))
    picks = ((np.arange(n_depths)[:, None] + 0.5) / n_depths * depths).astype(np.intp)
    # The wall's samples of each ray in front, from the inside out.
    order = np.argsort(~wall, axis=0, kind="stable")
    straight = np.take_along_axis(lesions, np.take_along_axis(order, picks, axis=0), axis=0)
    arcs = (wall.argmax(axis=0) + 0.5) * step * 2 * np.pi / N_RAYS
    return UnwrappedWall(
        is_inner=wall & (np.cumsum(wall, axis=0) <= _OVERSAMPLING),
        depths=depths,
        endocardium=np.where(depths > 0, arcs, 0.0),
        straight=np.where(depths > 0, straight, 0),
    )


def _cut_solidity(picture: Mask) -> float:
    """Solidity of a picture that closes on itself sideways, cut in its widest gap."""
    filled = np.flatnonzero(picture.any(axis=0))
    gaps = np.diff(filled, append=filled[0] + picture.shape[1])
    widest = int(gaps.max())
    start = int(filled[gaps.argmax()]) + widest
    rolled = np.roll(picture, -start, axis=1)[:, : picture.shape[1] - widest + 1]
    rows = np.flatnonzero(rolled.any(axis=1))
    rolled = rolled[rows[0] : rows[-1] + 1]
    return measure_solidity(rolled, find_hull(rolled))
