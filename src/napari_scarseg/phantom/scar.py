"""The infarct: from the endocardium outwards in one coronary territory, of a drawn mass, with or without MVO."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_scarseg.core.case import Phase
from napari_scarseg.phantom.config import ScarConfig
from napari_scarseg.phantom.heart import ANGLES, LEVELS, LeftVentricle, angles, levels
from napari_scarseg.phantom.noise import Field, draw_log_normal, draw_range, draw_smooth_field, soft_step

# Shells into which the wall is cut, endocardium first.
DEPTHS = 16
DENSITY_G_PER_ML = 1.05

# (angle, level) of the middle of the LAD's, the RCA's and the LCX's territory, and its half extents.
_TERRITORIES = (
    (np.deg2rad(118), 0.66, np.deg2rad(62), 0.38),
    (np.deg2rad(248), 0.40, np.deg2rad(46), 0.36),
    (np.deg2rad(338), 0.42, np.deg2rad(46), 0.34),
)


@dataclass(frozen=True, slots=True, eq=False)
class Scar:
    """Infarct in the wall, on the polar grid (LEVELS, ANGLES, DEPTHS).

    Parameters
    ----------
    left : LeftVentricle
        The LV with the infarct's thinning or swelling.
    level_mm : ndarray
        Positive inside the infarct (MVO included), about the distance to its edge in mm.
    mvo_level : ndarray
        Positive inside the MVO.
    mass_g : float
        Infarct mass (MVO included), integrated over the continuous wall.
    border_mm : float
        Width of the change of signal at the infarct's edge.
    """

    left: LeftVentricle
    level_mm: Field
    mvo_level: Field
    mass_g: float
    border_mm: float


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    """What was drawn for an infarct, before it is grown to its mass."""

    distance: npt.NDArray[np.float64]
    transmurality: float
    roughness: Field
    gaps: Field
    fragmentation: float
    middle_factor: float


def draw_scar(
    rng: np.random.Generator,
    config: ScarConfig,
    healthy: LeftVentricle,
    phase: Phase,
    middle_wall_mm: float | None,
    swelling: float,
) -> Scar:
    """Draw an infarct into a healthy LV.

    Parameters
    ----------
    rng : numpy Generator
    config : ScarConfig
    healthy : LeftVentricle
    phase : Phase
        Acute or chronic: decides the mass, the MVO and the wall.
    middle_wall_mm : float or None
        Wall thickness to which a chronic infarct has thinned; None for an acute one.
    swelling : float
        Factor by which an acute infarct's wall is thicker.
    """
    mass = config.chronic_mass_g if phase is Phase.CHRONIC else config.acute_mass_g
    target_g = draw_log_normal(rng, mass, config.mass_limits_g)
    plan = _draw_plan(rng, config, healthy, middle_wall_mm, swelling)
    scar = _grow_to_mass(plan, healthy, target_g, draw_range(rng, config.border_mm))
    share = draw_range(rng, config.mvo_share) if rng.random() < config.mvo_probability else 0.0
    if phase is Phase.CHRONIC or share == 0.0:
        return scar
    return _with_mvo(rng, scar, share)


def _draw_plan(
    rng: np.random.Generator,
    config: ScarConfig,
    healthy: LeftVentricle,
    middle_wall_mm: float | None,
    swelling: float,
) -> _Plan:
    """Draw territory, outline, depth and texture of an infarct."""
    weights = np.array(config.territory_weights) / sum(config.territory_weights)
    angle, level, half_angle, half_level = _TERRITORIES[int(rng.choice(len(weights), p=weights))]
    angle += rng.normal(0, 0.2)
    level += rng.normal(0, 0.08)
    stretch = np.exp(rng.normal(0, 0.2))
    turn = np.angle(np.exp(1j * (angles()[None] - angle - rng.normal(0, 0.4) * (levels()[:, None] - level))))
    distance = np.hypot(turn / (half_angle * stretch), (levels()[:, None] - level) / (half_level / stretch))
    outline = draw_smooth_field(rng, (LEVELS, ANGLES), (6, 10), open_axes=(0,))
    factor = swelling
    if middle_wall_mm is not None:
        factor = min(middle_wall_mm / float(healthy.wall_mm[: LEVELS // 2].mean()), 1.0)
    return _Plan(
        distance=distance * (1 + 0.13 * outline),
        transmurality=draw_range(rng, config.transmurality),
        roughness=draw_smooth_field(rng, (LEVELS, ANGLES), (2.5, 4), open_axes=(0,)),
        gaps=draw_smooth_field(rng, (LEVELS, ANGLES, DEPTHS), (3, 5, 2.5), open_axes=(0, 2)),
        fragmentation=draw_range(rng, config.fragmentation),
        middle_factor=factor,
    )


def _grow_to_mass(plan: _Plan, healthy: LeftVentricle, target_g: float, border_mm: float) -> Scar:
    """Widen the infarct by bisection until it weighs `target_g`, or as much as the wall holds."""
    low, high = 0.05, 2.6
    for _ in range(18):
        extent = (low + high) / 2
        if _grow(plan, healthy, extent, border_mm).mass_g < target_g:
            low = extent
        else:
            high = extent
    return _grow(plan, healthy, high, border_mm)


def _grow(plan: _Plan, healthy: LeftVentricle, extent: float, border_mm: float) -> Scar:
    """The infarct whose outline reaches `extent` times its territory's half extents."""
    inside = 1 - plan.distance / extent
    reach = soft_step(inside / 0.45)
    left = replace(healthy, wall_mm=(healthy.wall_mm * (1 + (plan.middle_factor - 1) * reach)).astype(np.float32))
    # A transmural infarct reaches past the epicardium, so that its outer shell is scar as well.
    depth = (plan.transmurality * 1.08 + 0.10 * plan.roughness) * reach
    depth = np.where(inside > 0, depth, -0.5)
    shells = (np.arange(DEPTHS) + 0.5) / DEPTHS
    level_mm = (depth[..., None] - shells) * left.wall_mm[..., None]
    # Islands: viable gaps are cut where a second field is low, the more of them the more fragmented.
    cut_mm = (plan.gaps + 5.0 - 5.3 * plan.fragmentation**0.8) * 2.0
    level_mm = np.minimum(level_mm, cut_mm).astype(np.float32)
    filled = np.clip(0.5 + level_mm / np.maximum(left.wall_mm[..., None] / DEPTHS, 0.05), 0, 1)
    mass_g = float((filled * left.cell_volumes_ml(DEPTHS)).sum()) * DENSITY_G_PER_ML
    return Scar(left, level_mm, np.full(level_mm.shape, -1.0, dtype=np.float32), mass_g, border_mm)


def _with_mvo(rng: np.random.Generator, scar: Scar, share: float) -> Scar:
    """Add MVO that takes up `share` of the infarct, in its core."""
    steps = (
        scar.left.length_mm / LEVELS,
        2 * np.pi / ANGLES * float(scar.left.endo_mm[: LEVELS // 2].mean()),
        float(scar.left.wall_mm[: LEVELS // 2].mean()) / DEPTHS,
    )
    inside = scar.level_mm > 0
    # The cavity is no edge of the core: MVO reaches the subendocardium.
    padded = np.concatenate([inside[..., :1].repeat(DEPTHS // 2, axis=-1), inside], axis=-1)
    padded = np.concatenate([padded[:, -ANGLES // 4 :], padded, padded[:, : ANGLES // 4]], axis=1)
    core = ndimage.distance_transform_edt(padded, sampling=steps)[:, ANGLES // 4 :][:, :ANGLES, DEPTHS // 2 :]
    texture = draw_smooth_field(rng, inside.shape, (3, 5, 3), open_axes=(0, 2))
    score = (core * (1 + 0.25 * texture))[inside]
    volumes = scar.left.cell_volumes_ml(DEPTHS)[inside]
    order = np.argsort(-score, kind="stable")
    filled = np.cumsum(volumes[order])
    threshold = score[order[min(int(np.searchsorted(filled, share * filled[-1])), order.size - 1)]]
    mvo = np.full(inside.shape, -1.0, dtype=np.float32)
    mvo[inside] = score - max(float(threshold), 1e-3)
    return replace(scar, mvo_level=mvo)
