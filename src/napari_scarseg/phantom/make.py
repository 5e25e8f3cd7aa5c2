"""One phantom from one seed."""

from dataclasses import dataclass

import numpy as np

from napari_scarseg.core.case import Phase
from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.core.stack import Stack
from napari_scarseg.errors import InputError
from napari_scarseg.phantom.acquisition import acquire, apply_coil_field, store
from napari_scarseg.phantom.config import AnatomyConfig, PhantomConfig
from napari_scarseg.phantom.grid import Grid
from napari_scarseg.phantom.heart import LeftVentricle, draw_left_ventricle, draw_right_ventricle
from napari_scarseg.phantom.heart_points import draw_heart_model
from napari_scarseg.phantom.noise import Field, draw_range
from napari_scarseg.phantom.orientation import short_axis_affine
from napari_scarseg.phantom.sampling import EmidecLabels, HeartVoxels, make_labels, sample_heart
from napari_scarseg.phantom.scar import Scar, draw_scar
from napari_scarseg.phantom.tissue import Contrast, Tissue, draw_contrast
from napari_scarseg.phantom.torso import paint_torso

# Each part draws from its own stream, so that changing how one is drawn leaves the others as they were.
_STREAMS = ("geometry", "heart", "scar", "contrast", "texture", "torso", "coil", "noise")


@dataclass(frozen=True, slots=True, eq=False)
class Phantom:
    """A synthetic LGE short-axis stack with its truth.

    Parameters
    ----------
    stack : Stack
        Intensities, uint16 (12 bit), apex first, with spacing and affine.
    labels : ndarray of uint8 (Z, Y, X)
        EMIDEC's values: 0 background, 1 LV cavity, 2 normal myocardium, 3 infarct, 4 MVO.
    scar_fraction : ndarray of float32 (Z, Y, X)
        Share of each voxel that is infarct, MVO included; the labels are infarct where it is at least a half.
    phase : Phase
        Acute, chronic or none.
    infarct_mass_g : float
        Mass of infarct and MVO in the continuous heart, g; what the slices show differs by their distance.
    contrast : Contrast
        Relaxation times and timing that were drawn.
    seed : int
    """

    stack: Stack
    labels: EmidecLabels
    scar_fraction: Field
    phase: Phase
    infarct_mass_g: float
    contrast: Contrast
    seed: int


def make_phantom(seed: int, phase: Phase = Phase.ACUTE, config: PhantomConfig = PhantomConfig()) -> Phantom:
    """Make the phantom of `seed`: the same one every time.

    Parameters
    ----------
    seed : int
        Zero or positive.
    phase : Phase
        Acute, chronic, or none (no scar).
    config : PhantomConfig
        What may be drawn.

    Returns
    -------
    Phantom

    Raises
    ------
    InputError
        If the seed is negative or the phase unknown.

    Notes
    -----
    Random numbers come from numpy's `Generator` with one PCG64 stream per part, which is the same on all platforms;
    intensities agree to the rounding of the platform's floating point.

    Examples
    --------
    >>> phantom = make_phantom(1)
    >>> phantom.stack.shape == phantom.labels.shape, int(phantom.labels.max()) >= 3
    (True, True)
    """
    if seed < 0:
        raise InputError(f"A phantom's seed is zero or a positive whole number, not {seed}.")
    if phase is Phase.UNKNOWN:
        raise InputError("A phantom needs a known phase: acute, chronic or none.")
    streams = {
        name: np.random.Generator(np.random.PCG64(child))
        for name, child in zip(_STREAMS, np.random.SeedSequence(seed).spawn(len(_STREAMS)), strict=True)
    }
    healthy = draw_left_ventricle(streams["heart"], config.anatomy, phase)
    right = draw_right_ventricle(streams["heart"], healthy)
    scar = _draw_scar(streams["scar"], config, healthy, phase)
    left = scar.left if scar is not None else healthy
    distance_mm, grid = _draw_grid(streams["geometry"], config, left)
    contrast = draw_contrast(streams["contrast"], config.signal, config.kind, len(grid.levels))
    signals = contrast.signals()
    fat_mm = draw_range(streams["heart"], config.anatomy.epicardial_fat_mm)
    fluid_mm = draw_range(streams["heart"], config.anatomy.pericardial_fluid_mm)
    model = draw_heart_model(streams["texture"], left, right, scar, fat_mm, fluid_mm, len(grid.levels))
    heart = sample_heart(grid, model, signals)
    labels, fraction = make_labels(grid, heart)
    torso = paint_torso(streams["torso"], grid, left, right, config.anatomy, config.signal, signals)
    signal = _compose(torso, heart)
    shading = draw_range(streams["coil"], config.signal.coil_shading)
    signal = apply_coil_field(streams["coil"], grid, signal, shading)
    scar_contrast = float(np.mean(signals[:, Tissue.INFARCT] - signals[:, Tissue.REMOTE]))
    image = acquire(streams["noise"], signal, scar_contrast, config.signal, config.kind)
    gain = draw_range(streams["noise"], config.signal.gain)
    spacing = Spacing(distance_mm, grid.pixel_mm, grid.pixel_mm, SpacingOrigin.HEADER)
    stack = Stack(
        data=store(image, gain, config.kind, config.psir_offset),
        spacing=spacing,
        stem=f"phantom-{phase.value}-{seed}",
        affine_ras=short_axis_affine(len(grid.levels), config.size_px, grid.pixel_mm, distance_mm),
    )
    mass_g = scar.mass_g if scar is not None else 0.0
    for truth in (labels, fraction):
        truth.flags.writeable = False
    return Phantom(stack, labels, fraction, phase, mass_g, contrast, seed)


def _draw_scar(rng: np.random.Generator, config: PhantomConfig, healthy: LeftVentricle, phase: Phase) -> Scar | None:
    """The infarct of this phase, or none."""
    if phase is Phase.NONE:
        return None
    anatomy: AnatomyConfig = config.anatomy
    thinned_mm, swelling = draw_range(rng, anatomy.chronic_wall_mm), draw_range(rng, anatomy.acute_swelling)
    return draw_scar(rng, config.scar, healthy, phase, thinned_mm if phase is Phase.CHRONIC else None, swelling)


def _draw_grid(rng: np.random.Generator, config: PhantomConfig, left: LeftVentricle) -> tuple[float, Grid]:
    """Slice distance in mm, and where the voxels lie: from the apex up until the LV is covered."""
    # Few decimals, so that every file format holds the same spacing.
    pixel_mm, distance_mm = (
        round(draw_range(rng, config.pixel_mm), 3),
        round(draw_range(rng, config.slice_distance_mm), 2),
    )
    apical_mm = rng.uniform(0.6, 1.2) * distance_mm
    basal_mm = rng.uniform(0.0, 8.0)
    wanted = int((left.length_mm - apical_mm - basal_mm) // distance_mm) + 1
    count = min(max(wanted, config.slices[0]), config.slices[1])
    levels = 1 - (apical_mm + distance_mm * np.arange(count)) / left.length_mm
    tilt_mm, direction = draw_range(rng, config.anatomy.axis_tilt_mm), rng.uniform(0, 2 * np.pi)
    steps = np.arange(count)[:, None] - (count - 1) / 2
    centre_mm = (
        rng.normal(0, config.anatomy.centre_sd_mm, 2)
        + steps * tilt_mm * np.array([np.cos(direction), np.sin(direction)])
        + rng.normal(0, config.anatomy.slice_shift_sd_mm, (count, 2))
    )
    grid = Grid(
        size_px=config.size_px,
        pixel_mm=pixel_mm,
        thickness_mm=config.slice_thickness_mm,
        levels=np.asarray(levels, dtype=np.float64),
        centre_mm=centre_mm,
        rotation=float(np.deg2rad(rng.normal(0, config.anatomy.rotation_sd_deg))),
        supersampling=config.supersampling,
    )
    return distance_mm, grid


def _compose(torso: Field, heart: HeartVoxels) -> Field:
    """The heart in front of what lies round it, (Z, Y, X)."""
    signal = torso.copy()
    box = signal[:, heart.rows, heart.cols]
    box *= 1 - heart.coverage
    box += heart.signal
    return signal
