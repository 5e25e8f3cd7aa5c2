"""What the heart is made of, and what it signals, at the points of one plane."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_scarseg.phantom.heart import ANGLES, LEVELS, LeftVentricle, RightVentricle, angles
from napari_scarseg.phantom.noise import Field, draw_smooth_field, soft_step
from napari_scarseg.phantom.scar import DEPTHS, Scar
from napari_scarseg.phantom.tissue import Tissue

Flags = npt.NDArray[np.bool_]

# Strength of texture, as a share of the contrast between infarct and remote myocardium.
_WALL_TEXTURE = 0.20
_BLOOD_TEXTURE = 0.12
# How far the fat fills the grooves between the ventricles, mm.
_GROOVE_MM = 9.0
# The RV's wall closes it a little beyond its cavity's end.
_RV_CAP = 0.04


@dataclass(frozen=True, slots=True, eq=False)
class HeartModel:
    """The whole heart with its textures.

    Parameters
    ----------
    left : LeftVentricle
        With the infarct's thinning or swelling.
    right : RightVentricle
    scar : Scar or None
    fat_mm : ndarray (ANGLES,)
        Thickness of the epicardial fat.
    fluid_mm : ndarray (ANGLES,)
        Thickness of the pericardial fluid outside it.
    wall_texture : ndarray (LEVELS, ANGLES, DEPTHS)
    blood_texture : ndarray (Z, n, n)
        Spread over the slice.
    """

    left: LeftVentricle
    right: RightVentricle
    scar: Scar | None
    fat_mm: Field
    fluid_mm: Field
    wall_texture: Field
    blood_texture: Field

    @property
    def reach_mm(self) -> float:
        """Distance from the LV's axis within which all of the heart lies."""
        fat_mm = float((self.fat_mm + self.fluid_mm).max())
        left_mm = float((self.left.endo_mm + self.left.wall_mm).max()) + fat_mm
        right_mm = self.right.offset_mm + max(self.right.width_mm, self.right.height_mm) + self.right.wall_mm + fat_mm
        return max(left_mm, right_mm) + _GROOVE_MM / 2


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Points of one plane in polar coordinates about the LV's axis, all (h, w).

    Parameters
    ----------
    x, y : ndarray
        mm, see `heart`.
    radius : ndarray
        mm.
    turn : ndarray
        Angle as a fractional index of the polar grid.
    """

    x: Field
    y: Field
    radius: Field
    turn: Field

    @classmethod
    def at(cls, x: Field, y: Field) -> "Points":
        """Points at coordinates `x` and `y`, mm."""
        return cls(x, y, np.hypot(x, y), np.arctan2(-y, x) * np.float32(ANGLES / (2 * np.pi)))


@dataclass(frozen=True, slots=True, eq=False)
class PointTissue:
    """What lies at the points of one plane, all (h, w).

    Parameters
    ----------
    covered : ndarray of bool
        Heart, epicardial fat or pericardial fluid.
    signal : ndarray of float32
        0 where not covered.
    cavity, wall, scar, mvo : ndarray of bool
        LV cavity with its papillary muscles, LV wall (all of it), infarct (with MVO), MVO.
    """

    covered: Flags
    signal: Field
    cavity: Flags
    wall: Flags
    scar: Flags
    mvo: Flags


def draw_heart_model(
    rng: np.random.Generator,
    left: LeftVentricle,
    right: RightVentricle,
    scar: Scar | None,
    fat_mm: float,
    fluid_mm: float,
    slices: int,
) -> HeartModel:
    """Give the ventricles uneven fat of about `fat_mm`, fluid of up to `fluid_mm`, and their textures."""
    behind = np.cos(angles() - rng.normal(5.2, 0.5)) + 0.3 * draw_smooth_field(rng, (ANGLES,), 10)
    uneven = np.clip(1 + 0.7 * draw_smooth_field(rng, (ANGLES,), 14), 0, 2.5)
    return HeartModel(
        left,
        right,
        scar,
        fat_mm=np.asarray(fat_mm * uneven, dtype=np.float32),
        fluid_mm=np.asarray(fluid_mm * np.clip(behind, 0, 1), dtype=np.float32),
        wall_texture=draw_smooth_field(rng, (LEVELS, ANGLES, DEPTHS), (2, 3, 2), open_axes=(0, 2)),
        blood_texture=draw_smooth_field(rng, (slices, 96, 96), (0.5, 3, 3)),
    )


def evaluate(model: HeartModel, z: int, level: float, points: Points, signals: Field) -> PointTissue:
    """Tissue and signal of the plane at `level` (u), which belongs to slice `z`.

    Parameters
    ----------
    model : HeartModel
    z : int
    level : float
    points : Points
    signals : ndarray (tissues,)
        Signed signal of each tissue in this slice.
    """
    row = level * LEVELS - 0.5
    endo = _around(_at_level(model.left.endo_mm, row), points.turn)
    wall = _around(_at_level(model.left.wall_mm, row) * (level < 1), points.turn)
    outside_lv = points.radius - endo - wall
    in_cavity = points.radius < endo
    in_wall = ~in_cavity & (outside_lv < 0)
    contrast = abs(float(signals[Tissue.INFARCT] - signals[Tissue.REMOTE]))
    texture = _spread(model.blood_texture[z], points.radius.shape)
    blood = signals[Tissue.BLOOD] + _BLOOD_TEXTURE * contrast * texture

    covered, signal = _right_side(model, level, points, outside_lv, blood, signals)
    comb = _around(_at_level(model.left.trabeculae, row), points.turn)
    muscle = in_cavity & ((points.radius > endo - comb) | _papillary(model.left, level, points))
    signal = np.where(in_cavity, np.where(muscle, signals[Tissue.REMOTE], blood), signal)
    scar, mvo = np.zeros_like(in_wall), np.zeros_like(in_wall)
    shells = (points.radius[in_wall] - endo[in_wall]) / np.maximum(wall[in_wall], 0.1)
    where = np.stack([np.full_like(shells, row), points.turn[in_wall] % ANGLES, shells * DEPTHS - 0.5])
    signal[in_wall], scar[in_wall], mvo[in_wall] = _wall_signal(model, where, signals)
    return PointTissue(covered | in_cavity | in_wall, signal, in_cavity, in_wall, scar, mvo)


def _right_side(
    model: HeartModel, level: float, points: Points, outside_lv: Field, blood: Field, signals: Field
) -> tuple[Flags, Field]:
    """RV, epicardial fat and pericardial fluid: where they are, and their signal (0 elsewhere)."""
    right = model.right
    beside = outside_lv >= 0
    cavity_mm = right.distance_mm(points.x, points.y, level)
    if level > right.apex_level + _RV_CAP:
        cavity_mm = np.full_like(cavity_mm, 1e3)
    comb = _around(_at_level(model.left.trabeculae, level * LEVELS - 0.5), points.turn * 1.7)
    in_cavity = beside & (cavity_mm + comb < 0)
    in_wall = beside & (cavity_mm < right.wall_mm) & ~in_cavity
    nearest = _smooth_min(outside_lv, cavity_mm - right.wall_mm, _GROOVE_MM)
    outside = beside & (cavity_mm >= right.wall_mm)
    fat_mm = _around(model.fat_mm, points.turn)
    in_fat = outside & (nearest < fat_mm)
    in_fluid = outside & ~in_fat & (nearest < fat_mm + _around(model.fluid_mm, points.turn))
    signal = np.where(in_cavity, blood, np.float32(0))
    signal[in_wall] = signals[Tissue.REMOTE]
    signal[in_fat] = signals[Tissue.FAT]
    signal[in_fluid] = signals[Tissue.FLUID]
    return in_cavity | in_wall | in_fat | in_fluid, signal


def _wall_signal(model: HeartModel, where: Field, signals: Field) -> tuple[Field, Flags, Flags]:
    """Signal, infarct and MVO at wall points `where`, (3, n) indices of the polar grid."""
    contrast = abs(float(signals[Tissue.INFARCT] - signals[Tissue.REMOTE]))
    texture = _in_wall(model.wall_texture, where)
    signal = signals[Tissue.REMOTE] + np.float32(_WALL_TEXTURE * contrast) * texture
    if model.scar is None:
        nothing = np.zeros(signal.shape, dtype=bool)
        return signal, nothing, nothing
    scar_level, mvo_level = _in_wall(model.scar.level_mm, where), _in_wall(model.scar.mvo_level, where)
    enhanced = soft_step(0.5 + scar_level / model.scar.border_mm)
    obstructed = soft_step(0.5 + mvo_level / 4.0) * (scar_level > 0)
    signal = signal + enhanced * (signals[Tissue.INFARCT] - signals[Tissue.REMOTE])
    signal = signal + enhanced * obstructed * (signals[Tissue.MVO] - signals[Tissue.INFARCT])
    return np.asarray(signal, dtype=np.float32), scar_level > 0, (mvo_level > 0) & (scar_level > 0)


def _papillary(left: LeftVentricle, level: float, points: Points) -> Flags:
    """Points inside a papillary muscle: they stand free in the middle of the LV and root towards the apex."""
    inside = np.zeros(points.radius.shape, dtype=bool)
    swell = float(np.sqrt(max(1 - ((level - 0.5) / 0.27) ** 2, 0.0)))
    endo_mm = float(_at_level(left.endo_mm, level * LEVELS - 0.5).mean())
    for angle, widest_mm in zip(left.papillary_angles, left.papillary_radius_mm, strict=True):
        size_mm = widest_mm * swell
        away_mm = max(endo_mm - size_mm * (0.8 + 1.4 * max(0.55 - level, 0.0) / 0.27), 0.0)
        x, y = points.x - away_mm * np.cos(angle), points.y + away_mm * np.sin(angle)
        inside |= np.hypot(x, y, dtype=np.float32) < size_mm
    return inside


def _at_level(table: Field, row: float) -> Field:
    """Row of a (LEVELS, …) table at a fractional index, ends repeated."""
    low = int(np.clip(np.floor(row), 0, LEVELS - 1))
    high = min(low + 1, LEVELS - 1)
    share = np.float32(np.clip(row - low, 0, 1))
    return np.asarray(table[low] * (1 - share) + table[high] * share, dtype=np.float32)


def _around(row: Field, turn: Field) -> Field:
    """Linear interpolation of a periodic (ANGLES,) row at fractional indices."""
    low = np.floor(turn)
    share = turn - low
    index = low.astype(np.int32) % ANGLES
    return np.asarray(row[index] * (1 - share) + row[(index + 1) % ANGLES] * share, dtype=np.float32)


def _in_wall(table: Field, where: Field) -> Field:
    """Trilinear interpolation of a (LEVELS, ANGLES, DEPTHS) table; periodic in the angle, ends repeated elsewhere."""
    closed = np.concatenate([table, table[:, :1]], axis=1)
    return np.asarray(ndimage.map_coordinates(closed, where, order=1, mode="nearest"), dtype=np.float32)


def _spread(texture: Field, shape: tuple[int, ...]) -> Field:
    """Nearest samples of a (Y, X) texture over `shape`."""
    rows = np.arange(shape[0]) * texture.shape[0] // shape[0]
    cols = np.arange(shape[1]) * texture.shape[1] // shape[1]
    return texture[np.ix_(rows, cols)]


def _smooth_min(a: Field, b: Field, width: float) -> Field:
    """Minimum of two distances, rounded off (lower) over `width` mm where they meet."""
    blend = np.clip(0.5 + (b - a) / (2 * width), 0, 1)
    return np.asarray(b * (1 - blend) + a * blend - width * blend * (1 - blend), dtype=np.float32)
