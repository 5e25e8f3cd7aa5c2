"""What lies round the heart: chest wall, lungs, and the abdomen under the diaphragm, painted slice by slice.

Coordinates as in `heart`, from the middle of the field of view and turned with the anatomy. Organs are painted over
each other with edges one voxel wide, which is partial volume in the plane.
"""

import numpy as np

from napari_scarseg.phantom.canvas import Blob, Canvas, blank_canvas, draw_blob
from napari_scarseg.phantom.config import AnatomyConfig, SignalConfig
from napari_scarseg.phantom.grid import Grid
from napari_scarseg.phantom.heart import LeftVentricle, RightVentricle
from napari_scarseg.phantom.noise import Field, draw_range, draw_smooth_field
from napari_scarseg.phantom.tissue import Tissue

_NO_DRIFT = (0.0, 0.0)
# Between the heart and the inside of the chest.
_CLEARANCE_MM = 3.0


def paint_torso(
    rng: np.random.Generator,
    grid: Grid,
    left: LeftVentricle,
    right: RightVentricle,
    anatomy: AnatomyConfig,
    signal: SignalConfig,
    signals: Field,
) -> Field:
    """Signal of everything but the heart, (Z, Y, X).

    Parameters
    ----------
    rng : numpy Generator
    grid : Grid
    left, right : ventricles
        The fat pads, the chest wall and the diaphragm fit themselves to the heart.
    anatomy : AnatomyConfig
    signal : SignalConfig
    signals : ndarray (Z, tissues)
    """
    canvas = blank_canvas(rng, grid, signals)
    epi_mm = left.widest_mm
    heart = _heart_distance(grid, left, right)
    inner = _paint_chest_wall(rng, canvas, heart, epi_mm, draw_range(rng, anatomy.subcutaneous_fat_mm))
    _paint_lungs(rng, canvas, inner, draw_range(rng, signal.lung_haze))
    _paint_fat_pads(rng, canvas, inner, heart)
    _paint_abdomen(rng, canvas, epi_mm, inner)
    return canvas.signal


def _heart_distance(grid: Grid, left: LeftVentricle, right: RightVentricle) -> Field:
    """About the distance, mm, to the ventricles' outside, (Z, Y, X)."""
    axis = grid.axis_mm(0, grid.size_px)
    epi_mm = (left.endo_mm + left.wall_mm).mean(axis=1)
    distance = np.empty(grid.shape, dtype=np.float32)
    for z, level in enumerate(grid.levels):
        x, y = grid.heart_coordinates(z, axis, axis)
        row = int(np.clip(level * len(epi_mm), 0, len(epi_mm) - 1))
        distance[z] = np.hypot(x, y) - epi_mm[row]
        if level < right.apex_level:
            distance[z] = np.minimum(distance[z], right.distance_mm(x, y, float(level)) - right.wall_mm)
    return distance


def _paint_chest_wall(rng: np.random.Generator, canvas: Canvas, heart: Field, epi_mm: float, fat_mm: float) -> Field:
    """Skin fat, and muscle with ribs; returns the signed distance, mm, to the inside of the chest."""
    muscle_mm = float(rng.uniform(9, 18))
    near_mm, side_mm = float(rng.uniform(6, 28)), float(rng.uniform(30, 70))
    half_x, half_y = float(rng.uniform(150, 180)), float(rng.uniform(130, 160))
    body = Blob(
        x_mm=epi_mm + side_mm + muscle_mm + fat_mm - half_x,
        y_mm=half_y - epi_mm - near_mm - muscle_mm - fat_mm,
        half_x_mm=half_x,
        half_y_mm=half_y,
        turn=float(rng.normal(0.12, 0.10)),
        drift_mm=(float(rng.normal(3, 3)), float(rng.normal(-4, 3))),
        growth=float(rng.normal(0.02, 0.02)),
        wobble=(0.02, float(rng.uniform(0, 6.3)), float(rng.uniform(0, 6.3))),
    )
    outside = body.distance_mm(canvas) + 0.25 * canvas.coarse
    angle = np.arctan2(canvas.y - body.y_mm, canvas.x - body.x_mm)
    skin_mm = fat_mm * (1 + 0.5 * np.cos(angle - rng.uniform(-2.5, 0.5)))
    skin_mm += 0.12 * fat_mm * np.cos(3 * angle + rng.uniform(0, 6))
    layer_mm = muscle_mm * (1 + 0.3 * np.cos(2 * angle + rng.uniform(0, 6)))
    # The chest is wide enough for its heart.
    outside -= max(float((outside + skin_mm + layer_mm)[heart < 0].max()) + _CLEARANCE_MM, 0.0)
    canvas.paint(outside, Tissue.FAT, 0.08 * canvas.coarse + 0.05 * canvas.fine)
    canvas.paint(outside + skin_mm, Tissue.MUSCLE, 0.10 * canvas.fine + 0.10 * canvas.coarse)
    # A sheet of fat between the layers of muscle, here and there.
    sheet = np.abs(outside + skin_mm + 0.35 * layer_mm) - 1.2 - 1.2 * canvas.coarse
    canvas.paint(sheet, Tissue.FAT, 0.1 * canvas.fine - 0.3)
    _paint_ribs(rng, canvas, outside + skin_mm + 0.65 * layer_mm, angle, muscle_mm)
    return np.asarray(outside + skin_mm + layer_mm, dtype=np.float32)


def _paint_ribs(rng: np.random.Generator, canvas: Canvas, middle: Field, angle: Field, muscle_mm: float) -> None:
    """Ribs: marrow in a dark cortex, every so often along the muscle, moving on from slice to slice."""
    count = int(rng.integers(9, 14))
    phase = count * angle + np.float32(rng.uniform(0, 6)) + np.float32(rng.normal(0, 1.2)) * canvas.along
    along_mm = np.abs(phase - 2 * np.pi * np.rint(phase / (2 * np.pi))) / count * 125
    radius = np.hypot(along_mm / np.float32(2.2), middle) - np.float32(0.26 * muscle_mm)
    canvas.paint(radius, Tissue.LUNG)
    canvas.paint(radius + 1.5, Tissue.BONE, 0.2 + 0.1 * canvas.fine)


def _paint_lungs(rng: np.random.Generator, canvas: Canvas, inner: Field, haze: float) -> None:
    """A line of fat under the ribs, then lung with its haze of capillaries and vessels cut across."""
    rim_mm = rng.uniform(0.5, 3.0) * (1 + 0.8 * canvas.coarse)
    canvas.paint(inner, Tissue.FAT, 0.15 * canvas.coarse - 0.1)
    lung = inner + rim_mm
    canvas.paint(lung, Tissue.LUNG)
    shape = canvas.signal.shape
    dots = draw_smooth_field(rng, shape, (0.3, 1.2, 1.2))
    branches = draw_smooth_field(rng, shape, (0.4, 3.0, 3.0))
    share = np.clip((dots - 2.3) / 0.8, 0, 1) + 0.35 * np.clip((branches - 2.0) / 1.2, 0, 1)
    share += np.float32(haze) * (1 + 0.25 * canvas.coarse + 0.15 * canvas.fine)
    blood = canvas.signals[:, Tissue.BLOOD][:, None, None]
    canvas.signal[...] += np.clip(share, 0, 1) * (lung < 0) * (blood - canvas.signal)


def _paint_fat_pads(rng: np.random.Generator, canvas: Canvas, inner: Field, heart: Field) -> None:
    """Fat that fills the corners between heart and chest wall."""
    reach_mm = float(rng.uniform(8, 26))
    # Smooth minimum of the distances to heart and to wall: negative in the corner where both are near.
    blend = np.clip(0.5 - (inner + heart) / (2 * reach_mm), 0, 1)
    corner = heart * blend - inner * (1 - blend) - reach_mm * blend * (1 - blend)
    corner = np.maximum(corner + 1.5 * canvas.coarse, inner)
    canvas.paint(corner, Tissue.FAT, 0.12 * canvas.coarse + 0.05 * canvas.fine)


def _paint_abdomen(rng: np.random.Generator, canvas: Canvas, epi_mm: float, inner: Field) -> None:
    """Under the diaphragm: fat, liver, stomach, spleen, kidney, and behind them spine and aorta."""
    rise = float(rng.uniform(4, 16))
    under_mm = epi_mm + float(rng.uniform(-3, 4))
    # The liver's dome stands higher than the left one; between them the heart lies in its bed.
    right_half, left_half = float(rng.uniform(58, 78)), float(rng.uniform(56, 74))
    right_y = under_mm + right_half - float(rng.uniform(8, 34))
    right_dome = draw_blob(rng, (-92, right_y), (88, right_half), loose_mm=3, turn=0.3, drift_mm=(-6, rise))
    left_dome = draw_blob(rng, (0, under_mm + left_half), (88, left_half), loose_mm=3, turn=-0.1, drift_mm=(-2, rise))
    dome = np.minimum(right_dome.distance_mm(canvas), left_dome.distance_mm(canvas)) + 0.6 * canvas.coarse
    dome = np.maximum(dome, inner + 1.0)
    canvas.paint(dome - 1.8, Tissue.MUSCLE, 0.05 * canvas.fine)
    canvas.paint(dome, Tissue.FAT, 0.22 * canvas.coarse - 0.12 + 0.05 * canvas.fine)
    _paint_bowel(rng, canvas, dome)
    inside = dome + float(rng.uniform(0.5, 2.5)) * (1 + 0.5 * canvas.coarse)
    # The liver fills the right dome and a part of the left one.
    liver = draw_blob(rng, (-78, right_y + 6), (float(rng.uniform(70, 115)), right_half), loose_mm=5, turn=0.2)
    _paint_liver(rng, canvas, np.maximum(liver.distance_mm(canvas), inside))
    spine = draw_blob(rng, (-60, under_mm + 104), (24, 20), drift_mm=_NO_DRIFT).distance_mm(canvas)
    canvas.paint(spine - 14 + 3 * canvas.coarse, Tissue.MUSCLE, 0.1 * canvas.fine)
    canvas.paint(spine, Tissue.LUNG)
    canvas.paint(spine + 2, Tissue.BONE, 0.5 + 0.15 * canvas.fine)
    canal = draw_blob(rng, (-66, under_mm + 130), (9, 7), loose_mm=2, wobble=0.02)
    canvas.paint(canal.distance_mm(canvas), Tissue.FLUID)
    aorta = draw_blob(rng, (-22, under_mm + 84), (10, 10), wobble=0.02, drift_mm=_NO_DRIFT).distance_mm(canvas)
    canvas.paint(aorta - 1.6, Tissue.MUSCLE)
    canvas.paint(aorta, Tissue.BLOOD, 0.03 * canvas.coarse)
    stomach = draw_blob(rng, (6, under_mm + 34), (34, 21), loose_mm=7, drift_mm=(0, rise + 4), wobble=0.10)
    _paint_stomach(rng, canvas, np.maximum(stomach.distance_mm(canvas), inside + 2))
    spleen = draw_blob(rng, (52, under_mm + 58), (17, 30), loose_mm=6, turn=0.4, drift_mm=(0, rise), wobble=0.06)
    canvas.paint(np.maximum(spleen.distance_mm(canvas), inside), Tissue.SPLEEN, 0.05 * canvas.coarse)
    kidney = draw_blob(rng, (22, under_mm + 82), (15, 24), loose_mm=6, turn=-0.3, drift_mm=(0, rise), wobble=0.04)
    _paint_kidney(canvas, np.maximum(kidney.distance_mm(canvas), inside + 2))


def _paint_bowel(rng: np.random.Generator, canvas: Canvas, dome: Field) -> None:
    """Loops in the fat deep under the diaphragm: walls that enhance, with dark content."""
    loops = np.abs(draw_smooth_field(rng, canvas.signal.shape, (0.6, 4.5, 4.5)))
    deep = np.maximum(dome + float(rng.uniform(12, 30)), -20.0)
    canvas.paint(np.maximum(deep, 6 * (loops - 0.55)), Tissue.SPLEEN, 0.15 * canvas.fine - 0.1)
    canvas.paint(np.maximum(deep, 6 * (loops - 0.22)), Tissue.STOMACH, 0.2 * canvas.fine)


def _paint_liver(rng: np.random.Generator, canvas: Canvas, liver: Field) -> None:
    """Liver with vessels a little brighter than itself."""
    vessels = draw_smooth_field(rng, canvas.signal.shape, (0.5, 2.5, 2.5))
    texture = 0.05 * canvas.coarse + 0.05 * canvas.fine + 0.18 * np.clip(vessels - 1.5, 0, 1)
    canvas.paint(liver, Tissue.LIVER, texture)


def _paint_stomach(rng: np.random.Generator, canvas: Canvas, stomach: Field) -> None:
    """Enhancing wall with folds round gas or fluid."""
    folds = draw_smooth_field(rng, canvas.signal.shape, (0.5, 3.0, 3.0))
    filling = Tissue.STOMACH if rng.random() < 0.75 else Tissue.LUNG
    canvas.paint(stomach, Tissue.SPLEEN, 0.10 * canvas.fine - 0.1)
    canvas.paint(stomach + float(rng.uniform(4, 10)) + 2.0 * folds, filling, 0.15 * folds)


def _paint_kidney(canvas: Canvas, kidney: Field) -> None:
    """Bright cortex, darker medulla, bright pelvis."""
    canvas.paint(kidney, Tissue.INFARCT, 0.35 + 0.08 * canvas.fine)
    canvas.paint(kidney + 7 + 1.5 * canvas.coarse, Tissue.SPLEEN, 0.15 * canvas.coarse)
    canvas.paint(kidney + 12 + 1.5 * canvas.fine, Tissue.INFARCT, 0.5)
