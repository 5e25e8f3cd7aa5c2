"""The heart on a fine grid, averaged to voxels: partial volume in the image and soft truth."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_scarseg.phantom.heart import ANGLES, LEVELS, LeftVentricle, RightVentricle
from napari_scarseg.phantom.noise import Field, draw_smooth_field, soft_step
from napari_scarseg.phantom.scar import DEPTHS, Scar
from napari_scarseg.phantom.tissue import Tissue

EmidecLabels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Where the voxels of a stack lie.

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

    def turned(self, x: Field, y: Field) -> tuple[Field, Field]:
        """Coordinates of the image brought to those of the anatomy."""
        cos, sin = np.float32(np.cos(self.rotation)), np.float32(np.sin(self.rotation))
        return cos * x - sin * y, sin * x + cos * y


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


def sample_heart(
    rng: np.random.Generator,
    grid: Grid,
    left: LeftVentricle,
    right: RightVentricle,
    scar: Scar | None,
    fat_mm: float,
    signals: Field,
) -> HeartVoxels:
    """Evaluate the heart on the fine grid and average it to voxels.

    Parameters
    ----------
    rng : numpy Generator
        For the textures.
    grid : Grid
    left, right : ventricles; `left` with the infarct's wall.
    scar : Scar or None
    fat_mm : float
        Thickness of the epicardial fat.
    signals : ndarray (Z, tissues)
        Signed signal of each tissue.
    """
    rows, cols = _heart_box(grid, left, right, fat_mm)
    fat_field = fat_mm * np.clip(1 + 0.6 * draw_smooth_field(rng, (ANGLES,), 14), 0, None)
    blood_texture = draw_smooth_field(rng, (len(grid.levels), 96, 96), (0.6, 5, 5))
    wall_texture = draw_smooth_field(rng, (LEVELS, ANGLES, DEPTHS), (2, 3, 2), ("nearest", "wrap", "nearest"))
    planes = [
        _average_plane(grid, z, rows, cols, left, right, scar, fat_field, blood_texture[z], wall_texture, signals[z])
        for z in range(len(grid.levels))
    ]
    return HeartVoxels(rows, cols, *(np.stack(parts) for parts in zip(*planes, strict=True)))


def make_labels(grid: Grid, heart: HeartVoxels) -> tuple[EmidecLabels, Field]:
    """Labels with EMIDEC's values, and the soft truth: the share of each voxel that is infarct, (Z, Y, X) both.

    A voxel is infarct where at least half of it is; it is MVO where at least half of that is. Elsewhere the largest
    share of background, LV cavity and wall decides.
    """
    labels = np.zeros(grid.shape, dtype=np.uint8)
    fraction = np.zeros(grid.shape, dtype=np.float32)
    background = 1 - heart.cavity - heart.wall
    box = np.argmax(np.stack([background, heart.cavity, heart.wall]), axis=0).astype(np.uint8)
    box[heart.scar >= 0.5] = 3
    box[(heart.scar >= 0.5) & (heart.mvo >= 0.5 * heart.scar)] = 4
    labels[:, heart.rows, heart.cols] = box
    fraction[:, heart.rows, heart.cols] = heart.scar
    return labels, fraction


def _heart_box(grid: Grid, left: LeftVentricle, right: RightVentricle, fat_mm: float) -> tuple[slice, slice]:
    """Rows and columns of the slice that can hold heart."""
    reach_mm = left.widest_mm * 1.25 + 3 * fat_mm + 6
    rv_mm = right.offset_mm + max(right.width_mm, right.height_mm) + right.wall_mm + 2 * fat_mm + 6
    half_px = max(reach_mm, rv_mm) / grid.pixel_mm
    middle = grid.centre_mm / grid.pixel_mm + grid.size_px / 2
    low = np.floor(middle.min(axis=0) - half_px).astype(int)
    high = np.ceil(middle.max(axis=0) + half_px).astype(int)
    (x0, y0), (x1, y1) = np.clip(low, 0, grid.size_px), np.clip(high, 0, grid.size_px)
    return slice(int(y0), int(y1)), slice(int(x0), int(x1))


def _average_plane(
    grid: Grid,
    z: int,
    rows: slice,
    cols: slice,
    left: LeftVentricle,
    right: RightVentricle,
    scar: Scar | None,
    fat_field: Field,
    blood_texture: Field,
    wall_texture: Field,
    signals: Field,
) -> tuple[Field, ...]:
    """One slice of the heart's box: coverage, signal × coverage, cavity, wall, scar, mvo."""
    n = grid.supersampling
    y_mm = _fine_axis(rows, n, grid) - np.float32(grid.centre_mm[z, 1])
    x_mm = _fine_axis(cols, n, grid) - np.float32(grid.centre_mm[z, 0])
    x, y = grid.turned(x_mm[None, :], y_mm[:, None])
    radius = np.hypot(x, y)
    turn = np.arctan2(-y, x) * np.float32(ANGLES / (2 * np.pi))
    offsets = ((np.arange(n) + 0.5) / n - 0.5) * grid.thickness_mm / left.length_mm
    total: list[Field] | None = None
    for level in grid.levels[z] + offsets:
        parts = _evaluate(
            float(level), x, y, radius, turn, left, right, scar, fat_field, blood_texture, wall_texture, signals
        )
        means = [_block_mean(part, n) / n for part in parts]
        total = means if total is None else [a + b for a, b in zip(total, means, strict=True)]
    return tuple(total or ())


def _evaluate(
    level: float,
    x: Field,
    y: Field,
    radius: Field,
    turn: Field,
    left: LeftVentricle,
    right: RightVentricle,
    scar: Scar | None,
    fat_field: Field,
    blood_texture: Field,
    wall_texture: Field,
    signals: Field,
) -> tuple[Field, ...]:
    """The fine points of one plane at `level`: coverage, signal, cavity, wall, scar, mvo."""
    row = level * LEVELS - 0.5
    endo = _around(_at_level(left.endo_mm, row), turn)
    wall = _around(_at_level(left.wall_mm, row) * (level < 1), turn)
    lv = radius - endo - wall
    in_wall, in_cavity = (radius >= endo) & (lv < 0), radius < endo
    rv = right.distance_mm(x, y, np.float32(level))
    ragged = _around(_at_level(left.trabeculae, row), turn * 1.7)
    in_rv = (rv + 0.8 * ragged < 0) & (lv >= 0)
    in_rv_wall = (rv < right.wall_mm) & (lv >= 0) & ~in_rv & (level < right.apex_level + 0.04)
    rv_outside = rv - right.wall_mm if level < right.apex_level + 0.04 else np.full_like(lv, 1e3)
    in_fat = (_smooth_min(lv, rv_outside, 9.0) < _around(fat_field, turn)) & (lv >= 0) & (rv_outside >= 0)

    signal = np.zeros_like(radius)
    texture = _stretch(blood_texture, radius.shape)
    signal[in_cavity | in_rv] = signals[Tissue.BLOOD]
    signal *= 1 + 0.05 * texture
    muscle = (radius > endo - _around(_at_level(left.trabeculae, row), turn)) & in_cavity
    signal[muscle | _papillary(left, level, x, y, radius, endo)] = signals[Tissue.REMOTE]
    signal[in_rv_wall] = signals[Tissue.REMOTE]
    signal[in_fat] = signals[Tissue.FAT] * (1 + 0.12 * texture[in_fat])
    in_scar, in_mvo = np.zeros_like(in_wall), np.zeros_like(in_wall)
    shells = (radius[in_wall] - endo[in_wall]) / np.maximum(wall[in_wall], 0.1)
    where = np.stack([np.full_like(shells, row), turn[in_wall] % ANGLES, shells * DEPTHS - 0.5])
    wall_signal = np.full_like(shells, signals[Tissue.REMOTE])
    if scar is not None:
        scar_level, mvo_level = _in_wall(scar.level_mm, where), _in_wall(scar.mvo_level, where)
        in_scar[in_wall], in_mvo[in_wall] = scar_level > 0, (mvo_level > 0) & (scar_level > 0)
        weight = soft_step(0.5 + scar_level / scar.border_mm)
        obstructed = soft_step(0.5 + mvo_level / 1.5) * (scar_level > 0)
        wall_signal += weight * (signals[Tissue.INFARCT] - signals[Tissue.REMOTE])
        wall_signal += weight * obstructed * (signals[Tissue.MVO] - signals[Tissue.INFARCT])
    contrast = abs(float(signals[Tissue.INFARCT] - signals[Tissue.REMOTE]))
    signal[in_wall] = wall_signal + 0.10 * contrast * _in_wall(wall_texture, where)
    covered = in_cavity | in_wall | in_rv | in_rv_wall | in_fat
    flags = (np.asarray(flag, dtype=np.float32) for flag in (in_cavity, in_wall, in_scar, in_mvo))
    return (covered.astype(np.float32), np.where(covered, signal, 0), *flags)


def _papillary(
    left: LeftVentricle, level: float, x: Field, y: Field, radius: Field, endo: Field
) -> npt.NDArray[np.bool_]:
    """Fine points inside a papillary muscle: present from the middle of the LV towards the apex."""
    inside = np.zeros(radius.shape, dtype=bool)
    swell = float(np.sqrt(max(1 - ((level - 0.5) / 0.27) ** 2, 0.0)))
    if swell == 0.0:
        return inside
    mean_endo = float(_at_level(left.endo_mm, level * LEVELS - 0.5).mean())
    for angle, size_mm in zip(left.papillary_angles, left.papillary_radius_mm, strict=True):
        size = size_mm * swell
        away = max(mean_endo - size * (0.6 + 0.9 * abs(0.5 - level) / 0.27), 0.0)
        inside |= np.hypot(x - away * np.cos(angle), y + away * np.sin(angle)) < size
    return inside & (radius < endo)


def _fine_axis(span: slice, n: int, grid: Grid) -> Field:
    """Coordinates, mm from the middle of the field of view, of n samples per pixel of `span`."""
    fine = span.start + (np.arange((span.stop - span.start) * n) + 0.5) / n
    return np.asarray((fine - grid.size_px / 2) * grid.pixel_mm, dtype=np.float32)


def _at_level(table: Field, row: float) -> Field:
    """Row of a (LEVELS, …) table at a fractional index, ends repeated."""
    low = int(np.clip(np.floor(row), 0, LEVELS - 1))
    high = min(low + 1, LEVELS - 1)
    share = np.float32(np.clip(row - low, 0, 1))
    return table[low] * (1 - share) + table[high] * share


def _around(row: Field, turn: Field) -> Field:
    """Linear interpolation of a periodic (ANGLES,) row at fractional indices."""
    low = np.floor(turn)
    share = turn - low
    index = low.astype(np.int32) % ANGLES
    return row[index] * (1 - share) + row[(index + 1) % ANGLES] * share


def _in_wall(table: Field, where: Field) -> Field:
    """Trilinear interpolation of a (LEVELS, ANGLES, DEPTHS) table; periodic in the angle, ends repeated elsewhere."""
    closed = np.concatenate([table, table[:, :1]], axis=1)
    return np.asarray(ndimage.map_coordinates(closed, where, order=1, mode="nearest"), dtype=np.float32)


def _stretch(texture: Field, shape: tuple[int, ...]) -> Field:
    """Nearest samples of a (Y, X) texture over `shape`."""
    rows = np.arange(shape[0]) * texture.shape[0] // shape[0]
    cols = np.arange(shape[1]) * texture.shape[1] // shape[1]
    return texture[np.ix_(rows, cols)]


def _smooth_min(a: Field, b: Field, width: float) -> Field:
    """Minimum of two distances, rounded off (lower) over `width` mm where they meet."""
    blend = np.clip(0.5 + (b - a) / (2 * width), 0, 1)
    return b * (1 - blend) + a * blend - width * blend * (1 - blend)


def _block_mean(fine: Field, n: int) -> Field:
    """Mean of n × n blocks of a (Y·n, X·n) array."""
    height, width = fine.shape[0] // n, fine.shape[1] // n
    return np.asarray(fine.reshape(height, n, width, n).mean(axis=(1, 3)), dtype=np.float32)
