"""Painting organs onto a stack of slices."""

from dataclasses import dataclass

import numpy as np

from napari_scarseg.phantom.grid import Grid
from napari_scarseg.phantom.noise import Field, draw_smooth_field
from napari_scarseg.phantom.tissue import Tissue


@dataclass(frozen=True, slots=True, eq=False)
class Canvas:
    """Signal of the slices as it is painted, with what painters need; all (Z, Y, X) or broadcast to it.

    Parameters
    ----------
    signal : ndarray
        Painted in place.
    x, y : ndarray
        Coordinates of the voxels in the anatomy, mm.
    along : ndarray
        −1 at the apex, 1 at the base.
    coarse, fine : ndarray
        Two textures of mean 0 and standard deviation 1.
    pixel_mm : float
    signals : ndarray (Z, tissues)
    """

    signal: Field
    x: Field
    y: Field
    along: Field
    coarse: Field
    fine: Field
    pixel_mm: float
    signals: Field

    def paint(self, distance_mm: Field, tissue: Tissue, texture: Field | float = 0.0) -> None:
        """Paint `tissue` where `distance_mm` is negative, its signal times 1 + `texture`."""
        cover = np.clip(np.float32(0.5) - distance_mm / np.float32(self.pixel_mm), 0, 1)
        value = self.signals[:, tissue][:, None, None] * (1 + texture)
        self.signal[...] += cover * (value - self.signal)


@dataclass(frozen=True, slots=True)
class Blob:
    """Ellipse whose outline wobbles, that moves and changes size along the stack.

    Parameters
    ----------
    x_mm, y_mm : float
        Middle.
    half_x_mm, half_y_mm : float
        Half axes.
    turn : float
        Radians.
    drift_mm : tuple of float
        How far it moves, (x, y), from the middle of the stack to the base.
    growth : float
        Share by which it grows from the middle of the stack to the base.
    wobble : tuple of float
        Amplitude, and the phases of the outline's second and third harmonic.
    """

    x_mm: float
    y_mm: float
    half_x_mm: float
    half_y_mm: float
    turn: float
    drift_mm: tuple[float, float]
    growth: float
    wobble: tuple[float, float, float]

    def distance_mm(self, canvas: Canvas) -> Field:
        """About the signed distance, mm, of the canvas's voxels; negative inside."""
        dx = canvas.x - np.float32(self.x_mm) - np.float32(self.drift_mm[0]) * canvas.along
        dy = canvas.y - np.float32(self.y_mm) - np.float32(self.drift_mm[1]) * canvas.along
        cos, sin = np.float32(np.cos(self.turn)), np.float32(np.sin(self.turn))
        a, b = cos * dx + sin * dy, cos * dy - sin * dx
        size = 1 + np.float32(self.growth) * canvas.along
        radius = np.hypot(a / np.float32(self.half_x_mm), b / np.float32(self.half_y_mm)) / size
        angle = np.arctan2(b, a)
        amplitude, second, third = (np.float32(value) for value in self.wobble)
        outline = 1 + amplitude * (np.cos(2 * angle + second) + np.cos(3 * angle + third))
        return np.asarray((radius - outline) * min(self.half_x_mm, self.half_y_mm) * size, dtype=np.float32)


def blank_canvas(rng: np.random.Generator, grid: Grid, signals: Field) -> Canvas:
    """Air everywhere, and textures drawn."""
    axis = grid.axis_mm(0, grid.size_px)
    x, y = grid.turned(axis[None, None, :], axis[None, :, None])
    along = np.linspace(-1, 1, grid.shape[0], dtype=np.float32)[:, None, None]
    coarse = draw_smooth_field(rng, grid.shape, (0.5, 6, 6))
    fine = draw_smooth_field(rng, grid.shape, (0.3, 1.3, 1.3))
    return Canvas(np.zeros(grid.shape, dtype=np.float32), x, y, along, coarse, fine, grid.pixel_mm, signals)


def draw_blob(
    rng: np.random.Generator,
    middle_mm: tuple[float, float],
    half_mm: tuple[float, float],
    *,
    loose_mm: float = 5.0,
    turn: float = 0.0,
    drift_mm: tuple[float, float] = (0.0, 0.0),
    wobble: float = 0.05,
) -> Blob:
    """An organ about where it belongs, its width within 10 %."""
    return Blob(
        middle_mm[0] + float(rng.normal(0, loose_mm)),
        middle_mm[1] + float(rng.normal(0, loose_mm)),
        half_mm[0] * float(rng.uniform(0.9, 1.1)),
        half_mm[1] * float(rng.uniform(0.97, 1.03)),
        turn + float(rng.normal(0, 0.12)),
        (drift_mm[0] + float(rng.normal(0, 2)), drift_mm[1] + float(rng.normal(0, 2))),
        0.0,
        (wobble, float(rng.uniform(0, 6.3)), float(rng.uniform(0, 6.3))),
    )
