"""What lies round the heart: chest wall, lungs, liver, stomach, spleen, aorta and spine, painted slice by slice.

Coordinates as in `heart`, from the middle of the field of view and turned with the anatomy. Organs are painted over
each other with edges one voxel wide, which is partial volume in the plane.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_scarseg.phantom.config import AnatomyConfig
from napari_scarseg.phantom.noise import Field, draw_range, draw_smooth_field
from napari_scarseg.phantom.sampling import Grid
from napari_scarseg.phantom.tissue import Tissue


@dataclass(frozen=True, slots=True)
class _Blob:
    """Ellipse whose outline wobbles, that moves and changes size along the stack."""

    x_mm: float
    y_mm: float
    half_x_mm: float
    half_y_mm: float
    turn: float
    drift_mm: tuple[float, float]
    growth: float
    wobble: tuple[float, float, float]

    def distance_mm(self, x: Field, y: Field, along: Field) -> Field:
        """Signed distance, mm; `along` runs from −1 (apex) to 1 (base)."""
        dx = x - np.float32(self.x_mm) - np.float32(self.drift_mm[0]) * along
        dy = y - np.float32(self.y_mm) - np.float32(self.drift_mm[1]) * along
        cos, sin = np.float32(np.cos(self.turn)), np.float32(np.sin(self.turn))
        a, b = cos * dx + sin * dy, cos * dy - sin * dx
        size = 1 + np.float32(self.growth) * along
        radius = np.hypot(a / np.float32(self.half_x_mm), b / np.float32(self.half_y_mm)) / size
        angle = np.arctan2(b, a)
        amplitude, second, third = (np.float32(value) for value in self.wobble)
        outline = 1 + amplitude * (np.cos(2 * angle + second) + np.cos(3 * angle + third))
        return np.asarray((radius - outline) * min(self.half_x_mm, self.half_y_mm) * size, dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class _Canvas:
    """Signal of the slices as it is painted, with the coordinates of its voxels, all (Z, Y, X) or broadcast to it."""

    signal: Field
    x: Field
    y: Field
    along: Field
    pixel_mm: float
    signals: Field

    def paint(self, distance_mm: Field, tissue: Tissue, texture: Field | float = 0.0) -> None:
        """Paint `tissue` where `distance_mm` is negative, its signal times 1 + `texture`."""
        cover = np.clip(np.float32(0.5) - distance_mm / np.float32(self.pixel_mm), 0, 1)
        value = self.signals[:, tissue][:, None, None] * (1 + texture)
        self.signal[...] += cover * (value - self.signal)


def paint_torso(rng: np.random.Generator, grid: Grid, config: AnatomyConfig, signals: Field) -> Field:
    """Signal of everything but the heart, (Z, Y, X).

    Parameters
    ----------
    rng : numpy Generator
    grid : Grid
    config : AnatomyConfig
    signals : ndarray (Z, tissues)
    """
    canvas = _blank_canvas(grid, signals)
    coarse = draw_smooth_field(rng, grid.shape, (0.5, 6, 6))
    fine = draw_smooth_field(rng, grid.shape, (0.3, 1.3, 1.3))
    _paint_chest_wall(rng, canvas, draw_range(rng, config.subcutaneous_fat_mm), coarse, fine)
    _paint_mediastinum(rng, canvas, coarse, fine)
    _paint_abdomen(rng, canvas, coarse, fine)
    return canvas.signal


def _blank_canvas(grid: Grid, signals: Field) -> _Canvas:
    """Air everywhere."""
    axis = (np.arange(grid.size_px, dtype=np.float32) + np.float32(0.5 - grid.size_px / 2)) * np.float32(grid.pixel_mm)
    x, y = grid.turned(axis[None, None, :], axis[None, :, None])
    along = np.linspace(-1, 1, len(grid.levels), dtype=np.float32)[:, None, None]
    return _Canvas(np.zeros(grid.shape, dtype=np.float32), x, y, along, grid.pixel_mm, signals)


def _paint_chest_wall(rng: np.random.Generator, canvas: _Canvas, fat_mm: float, coarse: Field, fine: Field) -> None:
    """Skin, fat, muscle with ribs, and the lungs inside."""
    body = _Blob(
        x_mm=float(rng.normal(-42, 8)), y_mm=float(rng.normal(28, 6)),
        half_x_mm=float(rng.uniform(140, 165)), half_y_mm=float(rng.uniform(105, 125)),
        turn=float(rng.normal(-0.1, 0.1)), drift_mm=(float(rng.normal(0, 4)), float(rng.normal(-3, 4))),
        growth=float(rng.normal(0.03, 0.03)), wobble=(0.02, float(rng.uniform(0, 6.3)), float(rng.uniform(0, 6.3))),
    )  # fmt: skip
    outside = body.distance_mm(canvas.x, canvas.y, canvas.along) + 1.5 * coarse
    angle = np.arctan2(canvas.y - body.y_mm, canvas.x - body.x_mm)
    skin_mm = fat_mm * (1 + 0.35 * np.cos(angle - rng.uniform(-2.5, 0.5)) + 0.12 * np.cos(3 * angle + rng.uniform(0, 6)))
    muscle_mm = rng.uniform(9, 15) * (1 + 0.3 * np.cos(2 * angle + rng.uniform(0, 6)))
    canvas.paint(outside, Tissue.FAT, 0.10 * coarse + 0.05 * fine)
    canvas.paint(outside + skin_mm, Tissue.MUSCLE, 0.10 * fine + 0.06 * coarse)
    _paint_ribs(rng, canvas, outside + skin_mm + muscle_mm / 2, angle, float(muscle_mm.mean()))
    # A line of fat under the ribs, then lung.
    canvas.paint(outside + skin_mm + muscle_mm - 1.5, Tissue.FAT, 0.2 * coarse)
    lung = outside + skin_mm + muscle_mm + rng.uniform(1.0, 3.5) * (1 + 0.6 * coarse)
    canvas.paint(lung, Tissue.LUNG, 0.6 * fine)
    _paint_lung_vessels(rng, canvas, lung)


def _paint_ribs(rng: np.random.Generator, canvas: _Canvas, middle: Field, angle: Field, muscle_mm: float) -> None:
    """Ribs: marrow in a dark cortex, every so often along the muscle, moving on from slice to slice."""
    count = int(rng.integers(9, 14))
    phase = count * angle + np.float32(rng.uniform(0, 6)) + np.float32(rng.normal(0, 1.2)) * canvas.along
    along_mm = (np.abs(np.angle(np.exp(1j * phase))) / count * 125).astype(np.float32)
    radius = np.hypot(along_mm / np.float32(2.0), middle) - np.float32(0.30 * muscle_mm)
    canvas.paint(radius, Tissue.LUNG)
    canvas.paint(radius + 1.6, Tissue.BONE, 0.15)


def _paint_lung_vessels(rng: np.random.Generator, canvas: _Canvas, lung: Field) -> None:
    """Vessels cut across: sparse bright points where two smooth fields peak, seen in the lung only."""
    shape = canvas.signal.shape
    large = draw_smooth_field(rng, shape, (0.5, 2.2, 2.2))
    share = np.clip((large - 2.0) / 1.2, 0, 1) * (lung < -1)
    haze = np.clip(0.35 + 0.2 * draw_smooth_field(rng, shape, (0.6, 14, 14)), 0, 1) * (lung < 0) * 0.18
    blood = canvas.signals[:, Tissue.BLOOD][:, None, None]
    canvas.signal[...] += np.clip(share + haze, 0, 1) * (blood - canvas.signal)


def _blob(rng: np.random.Generator, x: float, y: float, half_x: float, half_y: float, *, loose_mm: float = 5.0,
          turn: float = 0.0, drift: tuple[float, float] = (0.0, 0.0), growth: float = 0.0, wobble: float = 0.05) -> _Blob:
    """An organ about where it belongs."""
    return _Blob(
        x + float(rng.normal(0, loose_mm)),
        y + float(rng.normal(0, loose_mm)),
        half_x * float(rng.uniform(0.85, 1.15)),
        half_y * float(rng.uniform(0.85, 1.15)),
        turn + float(rng.normal(0, 0.15)),
        (drift[0] + float(rng.normal(0, 2)), drift[1] + float(rng.normal(0, 2))),
        growth,
        (wobble, float(rng.uniform(0, 6.3)), float(rng.uniform(0, 6.3))),
    )


def _paint_mediastinum(rng: np.random.Generator, canvas: _Canvas, coarse: Field, fine: Field) -> None:
    """Fat between heart and sternum, spine, aorta."""
    x, y, along = canvas.x, canvas.y, canvas.along
    pad = _blob(rng, -48, -42, 34, 22, turn=0.6, growth=-0.15, wobble=0.12)
    canvas.paint(pad.distance_mm(x, y, along) + 4 * coarse, Tissue.FAT, 0.18 * coarse + 0.08 * fine)
    spine = _blob(rng, -95, 78, 24, 21)
    around = spine.distance_mm(x, y, along)
    canvas.paint(around - 16 + 3 * coarse, Tissue.MUSCLE, 0.1 * fine)
    canvas.paint(around, Tissue.LUNG)
    canvas.paint(around + 2, Tissue.BONE, 0.5 + 0.15 * fine)
    aorta = _blob(rng, -52, 62, 11, 11, loose_mm=4, wobble=0.02).distance_mm(x, y, along)
    canvas.paint(aorta - 5, Tissue.FAT, 0.2 * coarse)
    canvas.paint(aorta - 1.8, Tissue.MUSCLE)
    canvas.paint(aorta, Tissue.BLOOD, 0.04 * coarse)


def _paint_abdomen(rng: np.random.Generator, canvas: _Canvas, coarse: Field, fine: Field) -> None:
    """Liver, stomach and spleen under the diaphragm, of which the apical slices show more."""
    x, y, along = canvas.x, canvas.y, canvas.along
    liver = _blob(rng, -78, 62, 68, 44, turn=0.25, drift=(-8, 14), growth=-0.12, wobble=0.06).distance_mm(x, y, along)
    vessels = draw_smooth_field(rng, canvas.signal.shape, (0.5, 2.5, 2.5))
    canvas.paint(liver - 1.5, Tissue.MUSCLE)
    canvas.paint(liver, Tissue.LIVER, 0.05 * coarse + 0.04 * fine + 0.15 * np.clip(vessels - 1.5, 0, 1))
    stomach = _blob(rng, 8, 88, 30, 21, loose_mm=8, drift=(0, 16), growth=-0.25, wobble=0.10).distance_mm(x, y, along)
    filling = Tissue.STOMACH if rng.random() < 0.6 else Tissue.LUNG
    canvas.paint(stomach - 4, Tissue.FAT, 0.2 * coarse)
    canvas.paint(stomach, Tissue.REMOTE, 0.1 * fine)
    canvas.paint(stomach + 4, filling, 0.15 * coarse)
    spleen = _blob(rng, 58, 86, 26, 15, turn=-0.5, loose_mm=7, drift=(0, 16), growth=-0.2, wobble=0.08)
    canvas.paint(spleen.distance_mm(x, y, along), Tissue.SPLEEN, 0.04 * coarse)
