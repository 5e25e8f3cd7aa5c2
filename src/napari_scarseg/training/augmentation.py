"""Augmentation: draw the parameters, then apply them, so that every sample can be drawn again exactly."""

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage
from skimage import exposure
from torch.nn import functional

from napari_scarseg.core.intensity import scale_pixels
from napari_scarseg.training.config import AugmentationRanges

Array = npt.NDArray[np.float32]

_ELASTIC_GRID = 5


@dataclass(frozen=True, slots=True, eq=False)
class Augmentation:
    """One draw.

    Parameters
    ----------
    matrix : ndarray (2, 2)
        From native to augmented (row, col) offsets about the middle of the target.
    displacement : ndarray (2, 5, 5)
        Elastic displacement in sides of the window, on a coarse grid over it.
    edge_shifts : ndarray (4,)
        Shift of row_min, col_min, row_max, col_max of the first box, in its sides.
    gamma : float
    bias : ndarray (5,)
        Coefficients of x, y, x², xy, y² of the log bias field.
    blur_sigma_samples : float
    noise_sd : float
    null : float or None
        Level of the scaled window folded to zero, as a magnitude image does; None leaves the sign.
    nulled_sds : float or None
        The same on native pixels, at a level so many standard deviations above the median of each slice's
        healthy myocardium.
    noise_seed : int
    clip : (float, float)
        Levels below and above which the scaled signal is cut off, as another display window does.
    equalises : bool
        Whether the histogram is equalised adaptively (CLAHE; Zuiderveld, Graphics Gems IV, 1994).
    slice_shift : ndarray (2,)
        Shift (row, col) of the next slice against this one, in sides of the window.
    reverses_context : bool
        Whether the neighbouring slices change places: a stack may run from base to apex or back.
    drops_context : bool
        Whether the slice stands in for its neighbours, as at the end of a stack or in a single slice.
    translation : ndarray (2,)
        Shift (row, col) of the window, in its sides.
    """

    matrix: npt.NDArray[np.float64]
    displacement: npt.NDArray[np.float64]
    edge_shifts: npt.NDArray[np.float64]
    gamma: float
    bias: npt.NDArray[np.float64]
    blur_sigma_samples: float
    noise_sd: float
    null: float | None
    nulled_sds: float | None
    noise_seed: int
    clip: tuple[float, float]
    equalises: bool
    slice_shift: npt.NDArray[np.float64]
    reverses_context: bool
    drops_context: bool
    translation: npt.NDArray[np.float64]


def identity_augmentation() -> Augmentation:
    """The draw that changes nothing."""
    return Augmentation(
        matrix=np.eye(2),
        displacement=np.zeros((2, _ELASTIC_GRID, _ELASTIC_GRID)),
        edge_shifts=np.zeros(4),
        gamma=1.0,
        bias=np.zeros(5),
        blur_sigma_samples=0.0,
        noise_sd=0.0,
        null=None,
        nulled_sds=None,
        noise_seed=0,
        clip=(0.0, 1.0),
        equalises=False,
        slice_shift=np.zeros(2),
        reverses_context=False,
        drops_context=False,
        translation=np.zeros(2),
    )


def only_boxes(augmentation: Augmentation) -> Augmentation:
    """The same jitter of the box, and nothing else."""
    return replace(identity_augmentation(), edge_shifts=augmentation.edge_shifts)


def draw_augmentation(rng: np.random.Generator, ranges: AugmentationRanges) -> Augmentation:
    """Draw one set of parameters."""

    def log_uniform(limit: float) -> float:
        return math.exp(rng.uniform(-1, 1) * math.log(limit))

    angle = math.radians(rng.uniform(-ranges.rotation_deg, ranges.rotation_deg))
    rotation = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    scale, aspect = log_uniform(ranges.scale), math.sqrt(log_uniform(ranges.aspect))
    flip = np.diag([1.0, -1.0 if rng.random() < ranges.flip_probability else 1.0])
    # Stretched before it is rotated: the stretch belongs to the scan's own rows and columns.
    matrix = rotation @ flip @ np.diag([scale * aspect, scale / aspect])
    jitter = ranges.jitter_fraction * rng.uniform(0, 1)
    drawn = Augmentation(
        matrix=matrix,
        displacement=rng.normal(0, ranges.elastic_fraction, (2, _ELASTIC_GRID, _ELASTIC_GRID)),
        edge_shifts=rng.uniform(-jitter, jitter, 4),
        gamma=log_uniform(ranges.gamma),
        bias=rng.normal(0, ranges.bias_field, 5) * (rng.random() < 0.5),
        blur_sigma_samples=rng.uniform(0, ranges.blur_sigma_samples) * (rng.random() < 0.4),
        noise_sd=rng.uniform(0, ranges.noise_sd) * (rng.random() < 0.5),
        null=rng.uniform(0.0, ranges.null_limit) if rng.random() < ranges.magnitude_probability else None,
        nulled_sds=None,
        noise_seed=int(rng.integers(2**31)),
        clip=_draw_clip(rng, ranges),
        equalises=rng.random() < ranges.clahe_probability,
        slice_shift=rng.normal(0, ranges.slice_shift_fraction, 2),
        reverses_context=rng.random() < 0.5,
        drops_context=rng.random() < ranges.drop_context_probability,
        translation=_draw_translation(rng, ranges),
    )
    # Last, so that the same seed draws the same windows as without it.
    if drawn.null is not None and rng.random() < ranges.nulled_probability:
        return replace(drawn, null=None, nulled_sds=float(rng.normal()))
    return drawn


def draw_edge_shifts(rng: np.random.Generator, ranges: AugmentationRanges) -> npt.NDArray[np.float64]:
    """Shifts (4,) of a further box's edges, in its sides; small jitter is as frequent as large."""
    jitter = ranges.jitter_fraction * rng.uniform(0, 1)
    return rng.uniform(-jitter, jitter, 4)


def _draw_translation(rng: np.random.Generator, ranges: AugmentationRanges) -> npt.NDArray[np.float64]:
    if ranges.translation_fraction == 0:
        return np.zeros(2)
    return rng.uniform(-1, 1, 2) * ranges.translation_fraction


def _draw_clip(rng: np.random.Generator, ranges: AugmentationRanges) -> tuple[float, float]:
    """Another display window: the dark end up to a fifth higher, the bright end up to `clip_fraction` lower."""
    if rng.random() >= ranges.clip_probability:
        return (0.0, 1.0)
    return (rng.uniform(0, ranges.clip_fraction / 2), 1 - rng.uniform(0, ranges.clip_fraction))


def apply_edge_shifts(
    corners: tuple[float, float, float, float],
    edge_shifts: npt.NDArray[np.float64],
    target: npt.NDArray[np.float64],
    keeps: float,
) -> tuple[float, float, float, float]:
    """Jitter a box relative to its own size, but no further than it still contains `keeps` of the target.

    Parameters
    ----------
    corners : row_min, col_min, row_max, col_max
    edge_shifts : ndarray (4,)
        Of each corner's value, in sides of the box.
    target : ndarray (K, 2)
        (row, col) positions that the box is drawn around.
    keeps : float
        Least share of `target` inside the shifted box; the shift is halved until it holds.
    """
    height, width = corners[2] - corners[0], corners[3] - corners[1]
    shifts = edge_shifts * np.array([height, width, height, width])
    for _ in range(6):
        shifted = np.array(corners) + shifts
        inside = ((target >= shifted[:2]) & (target <= shifted[2:])).all(axis=1)
        if inside.mean() >= keeps:
            return (float(shifted[0]), float(shifted[1]), float(shifted[2]), float(shifted[3]))
        shifts = shifts / 2
    return corners


def apply_elastic(augmentation: Augmentation, samples: int) -> npt.NDArray[np.float64]:
    """Displacement field (2, samples, samples) over a window, in sides of the window; cubic between grid points."""
    coarse = torch.from_numpy(augmentation.displacement)[None]
    field = functional.interpolate(coarse, size=(samples, samples), mode="bicubic", align_corners=False)
    return np.asarray(field[0].numpy(), dtype=np.float64)


def apply_intensity(window: Array, augmentation: Augmentation, number: int = 0, least_median: float = 0.0) -> Array:
    """Change the intensities of a window (S, S) and scale it as every network input is scaled.

    `number` tells the neighbouring slices apart: each has noise of its own. `least_median` is the network's; see
    `core.intensity.scale_pixels`.
    """
    pixels = scale_pixels(window)
    if augmentation.null is not None:
        pixels = np.abs(pixels - np.float32(augmentation.null))
    if augmentation.clip != (0.0, 1.0):
        pixels = np.clip(pixels, np.float32(augmentation.clip[0]), np.float32(augmentation.clip[1]))
    if augmentation.gamma != 1:
        pixels = np.power(np.clip(pixels, 0, None), np.float32(augmentation.gamma))
    if augmentation.equalises:
        pixels = exposure.equalize_adapthist(np.clip(pixels, 0, 1), clip_limit=0.01).astype(np.float32)
    if augmentation.bias.any():
        axis = np.linspace(-1, 1, window.shape[0], dtype=np.float32)
        y, x = axis[:, None], axis[None, :]
        c = augmentation.bias.astype(np.float32)
        pixels = pixels * np.exp(c[0] * x + c[1] * y + 0.5 * (c[2] * x * x + c[3] * x * y + c[4] * y * y))
    if augmentation.blur_sigma_samples > 0:
        pixels = ndimage.gaussian_filter(pixels, augmentation.blur_sigma_samples, mode="nearest")
    if augmentation.noise_sd > 0:
        rng = np.random.default_rng((augmentation.noise_seed, number))
        real, imaginary = rng.standard_normal((2, *pixels.shape), dtype=np.float32) * np.float32(augmentation.noise_sd)
        pixels = np.hypot(pixels + real, imaginary)
    return scale_pixels(pixels, least_median)
