"""Left and right ventricle as continuous shapes in millimetres.

Coordinates in the plane: x to the right (towards the lateral wall), y down (towards the diaphragm), angles
counter-clockwise from x (0 lateral, π/2 anterior, π septal, 3π/2 inferior). u runs along the LV from the mitral plane
(0) to the epicardial apex (1).
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_scarseg.core.case import Phase
from napari_scarseg.phantom.config import AnatomyConfig
from napari_scarseg.phantom.noise import Field, draw_range, draw_smooth_field

# Samples of the polar grid on which the wall is described: angle and long axis.
ANGLES = 192
LEVELS = 64

Floats = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True, eq=False)
class LeftVentricle:
    """LV wall on a polar grid.

    Parameters
    ----------
    length_mm : float
        From the mitral plane to the epicardial apex.
    endo_mm : ndarray (LEVELS, ANGLES)
        Radius of the endocardium; 0 in the apical cap.
    wall_mm : ndarray (LEVELS, ANGLES)
        Thickness of the wall.
    papillary_angles : tuple of float
        Where the anterolateral and the posteromedial papillary muscle stand, radians.
    papillary_radius_mm : tuple of float
    trabeculae : ndarray (LEVELS, ANGLES)
        Depth, mm, to which trabeculae reach into the cavity.
    """

    length_mm: float
    endo_mm: Field
    wall_mm: Field
    papillary_angles: tuple[float, float]
    papillary_radius_mm: tuple[float, float]
    trabeculae: Field

    @property
    def widest_mm(self) -> float:
        """Mean epicardial radius at the base."""
        return float((self.endo_mm + self.wall_mm)[: LEVELS // 3].mean())

    def cell_volumes_ml(self, depths: int) -> npt.NDArray[np.float64]:
        """Volume of each cell of the wall, (LEVELS, ANGLES, depths), the wall cut into `depths` equal shells."""
        edges = self.endo_mm[..., None] + self.wall_mm[..., None] * np.linspace(0, 1, depths + 1)
        sectors = np.diff(edges.astype(np.float64) ** 2, axis=-1) * (np.pi / ANGLES)
        return np.asarray(sectors * self.length_mm / LEVELS / 1000)


@dataclass(frozen=True, slots=True)
class RightVentricle:
    """RV cavity: at each level an ellipse beside the LV, of which the LV takes its bite.

    Parameters
    ----------
    width_mm, height_mm : float
        Half axes at the base.
    offset_mm : float
        How far the ellipse's centre lies from the LV's, along `angle`.
    angle : float
        Direction of the septum, radians.
    taper : float
        How far the ellipse is a rounded triangle that points away from the LV.
    wall_mm : float
    apex_level : float
        u at which the RV ends.
    """

    width_mm: float
    height_mm: float
    offset_mm: float
    angle: float
    taper: float
    wall_mm: float
    apex_level: float

    def distance_mm(self, x: Floats, y: Floats, level: float) -> Floats:
        """Signed distance, mm, to the RV's endocardial ellipse; negative inside. The LV's bite is not in it."""
        shrink = math.sqrt(max(1 - (max(level, 0.0) / self.apex_level) ** 2.5, 0.0))
        width, height = self.width_mm * shrink + 0.01, self.height_mm * shrink + 0.01
        offset = self.offset_mm * (0.55 + 0.45 * shrink)
        along = x * np.cos(self.angle) - y * np.sin(self.angle) - offset
        across = x * np.sin(self.angle) + y * np.cos(self.angle)
        around = np.arctan2(across / height, along / width)
        outline = 1 + self.taper * np.cos(3 * around)
        return np.asarray((np.hypot(along / width, across / height) / outline - 1) * min(width, height))


def levels() -> npt.NDArray[np.float64]:
    """u at the centres of the polar grid's levels."""
    return np.asarray((np.arange(LEVELS) + 0.5) / LEVELS)


def angles() -> npt.NDArray[np.float64]:
    """Angles at the polar grid's samples, radians; cell i is centred on sample i."""
    return np.asarray(np.arange(ANGLES) * (2 * np.pi / ANGLES))


def draw_left_ventricle(rng: np.random.Generator, config: AnatomyConfig, phase: Phase) -> LeftVentricle:
    """Draw an LV without its infarct's thinning or swelling."""
    u, theta = levels()[:, None], angles()[None]
    radius_mm = draw_range(rng, config.endo_diameter_mm) / 2
    thick_mm = draw_range(rng, config.wall_mm)
    if phase is Phase.CHRONIC:
        radius_mm *= float(rng.uniform(1.0, 1.12))  # remodelled ventricles are wider
    # The cavity ends about a wall short of the epicardial apex.
    length_mm = draw_range(rng, config.length_mm)
    cavity_end = 1 - 0.8 * thick_mm / length_mm
    shape = rng.uniform(2.0, 3.0)
    profile = np.sqrt(np.clip(1 - (u / cavity_end) ** shape, 0, None))
    oval = 1 + rng.uniform(0.0, 0.08) * np.cos(2 * (theta - rng.uniform(0, np.pi)))
    wobble = 1 + 0.025 * draw_smooth_field(rng, (LEVELS, ANGLES), (8, 10), open_axes=(0,))
    endo_mm = radius_mm * profile * oval * wobble
    epi_profile = np.sqrt(np.clip(1 - u**shape, 0, None))
    epi_mm = (radius_mm + thick_mm) * epi_profile * oval
    sides = 1 + 0.10 * np.cos(theta - rng.uniform(0.7, 1.3) * np.pi)  # the septum is a little thicker
    uneven = 1 + 0.05 * draw_smooth_field(rng, (LEVELS, ANGLES), (8, 12), open_axes=(0,))
    wall_mm = np.maximum(epi_mm - radius_mm * profile * oval, 0.5 * thick_mm * epi_profile**0.5) * sides * uneven
    trabeculae = np.clip(draw_smooth_field(rng, (LEVELS, ANGLES), (2.0, 1.8), open_axes=(0,)), 0, None)
    return LeftVentricle(
        length_mm=length_mm,
        endo_mm=np.asarray(endo_mm, dtype=np.float32),
        wall_mm=np.asarray(wall_mm, dtype=np.float32),
        papillary_angles=(float(rng.normal(0.75, 0.15)), float(rng.normal(4.2, 0.15))),
        papillary_radius_mm=(float(rng.uniform(3.0, 5.0)), float(rng.uniform(3.0, 5.0))),
        trabeculae=np.asarray(draw_range(rng, config.trabeculae_mm) * trabeculae, dtype=np.float32),
    )


def draw_right_ventricle(rng: np.random.Generator, left: LeftVentricle) -> RightVentricle:
    """Draw an RV that fits the LV."""
    epi_mm = left.widest_mm
    return RightVentricle(
        width_mm=epi_mm * float(rng.uniform(0.85, 1.15)),
        height_mm=epi_mm * float(rng.uniform(1.0, 1.3)),
        offset_mm=epi_mm * float(rng.uniform(0.75, 0.95)),
        angle=float(rng.normal(np.pi * 1.02, 0.12)),
        taper=float(rng.uniform(0.04, 0.13)),
        wall_mm=float(rng.uniform(2.5, 4.0)),
        apex_level=float(rng.uniform(0.80, 0.94)),
    )
