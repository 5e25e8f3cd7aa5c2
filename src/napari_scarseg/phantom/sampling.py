"""The heart on a fine grid, averaged to voxels: partial volume in the image and soft truth."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_scarseg.phantom.grid import Grid
from napari_scarseg.phantom.heart_points import HeartModel, Points, PointTissue, evaluate
from napari_scarseg.phantom.noise import Field

EmidecLabels = npt.NDArray[np.uint8]

CAVITY, MYOCARDIUM, INFARCT, MVO = 1, 2, 3, 4


@dataclass(frozen=True, slots=True, eq=False)
class HeartVoxels:
    """The heart's box of voxels, averaged from the fine grid; all (Z, h, w).

    Parameters
    ----------
    rows, cols : slice
        Where the box lies in the slice.
    coverage : ndarray
        Share of the voxel that is heart or epicardial fat.
    signal : ndarray
        Mean signal of that share, times `coverage`.
    cavity, wall, scar, mvo : ndarray
        Shares of the LV cavity (papillary muscles included), of the LV wall (all of it), infarct (with MVO) and MVO.
    """

    rows: slice
    cols: slice
    coverage: Field
    signal: Field
    cavity: Field
    wall: Field
    scar: Field
    mvo: Field


def sample_heart(grid: Grid, model: HeartModel, signals: Field) -> HeartVoxels:
    """Evaluate the heart at `grid.supersampling` points per voxel and axis, and average.

    Parameters
    ----------
    grid : Grid
    model : HeartModel
    signals : ndarray (Z, tissues)
        Signed signal of each tissue in each slice.
    """
    rows, cols = _heart_box(grid, model.reach_mm)
    planes = [_average_slice(grid, z, rows, cols, model, signals[z]) for z in range(grid.shape[0])]
    coverage, signal, cavity, wall, scar, mvo = (np.stack(parts) for parts in zip(*planes, strict=True))
    return HeartVoxels(rows, cols, coverage, signal, cavity, wall, scar, mvo)


def make_labels(grid: Grid, heart: HeartVoxels) -> tuple[EmidecLabels, Field]:
    """Labels with EMIDEC's values, and the soft truth: the share of each voxel that is infarct, (Z, Y, X) both.

    A voxel is infarct where at least half of it is; it is MVO where at least half of that is. Elsewhere the largest
    share of background, LV cavity and wall decides.
    """
    labels = np.zeros(grid.shape, dtype=np.uint8)
    fraction = np.zeros(grid.shape, dtype=np.float32)
    background = 1 - heart.cavity - heart.wall
    box = np.argmax(np.stack([background, heart.cavity, heart.wall]), axis=0).astype(np.uint8)
    box[heart.scar >= 0.5] = INFARCT
    box[(heart.scar >= 0.5) & (heart.mvo >= 0.5 * heart.scar)] = MVO
    labels[:, heart.rows, heart.cols] = box
    fraction[:, heart.rows, heart.cols] = heart.scar
    return labels, fraction


def _heart_box(grid: Grid, reach_mm: float) -> tuple[slice, slice]:
    """Rows and columns of the slice that can hold heart."""
    middle = grid.centre_mm / grid.pixel_mm + grid.size_px / 2
    low = np.floor(middle.min(axis=0) - reach_mm / grid.pixel_mm).astype(int)
    high = np.ceil(middle.max(axis=0) + reach_mm / grid.pixel_mm).astype(int)
    (x0, y0), (x1, y1) = np.clip(low, 0, grid.size_px), np.clip(high, 0, grid.size_px)
    return slice(int(y0), int(y1)), slice(int(x0), int(x1))


def _average_slice(
    grid: Grid, z: int, rows: slice, cols: slice, model: HeartModel, signals: Field
) -> tuple[Field, ...]:
    """One slice of the heart's box: coverage, signal, cavity, wall, scar, mvo."""
    n = grid.supersampling
    x_mm, y_mm = grid.axis_mm(cols.start, cols.stop, n), grid.axis_mm(rows.start, rows.stop, n)
    points = Points.at(*grid.heart_coordinates(z, x_mm, y_mm))
    # u falls towards the base; the samples lie evenly through the slice's thickness.
    offsets = ((np.arange(n) + 0.5) / n - 0.5) * grid.thickness_mm / model.left.length_mm
    planes = [evaluate(model, z, float(grid.levels[z] + offset), points, signals) for offset in offsets]
    return tuple(
        np.mean([_block_mean(part, n) for part in parts], axis=0, dtype=np.float32)
        for parts in zip(*(_parts(plane) for plane in planes), strict=True)
    )


def _parts(plane: PointTissue) -> tuple[npt.NDArray[np.generic], ...]:
    """The arrays of a plane in the order of `HeartVoxels`."""
    return (plane.covered, plane.signal, plane.cavity, plane.wall, plane.scar, plane.mvo)


def _block_mean(fine: npt.NDArray[np.generic], n: int) -> Field:
    """Mean of n × n blocks of a (Y·n, X·n) array."""
    height, width = fine.shape[0] // n, fine.shape[1] // n
    return np.asarray(fine.reshape(height, n, width, n).mean(axis=(1, 3), dtype=np.float32))
