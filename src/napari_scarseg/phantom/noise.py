"""Random fields and draws. Every draw takes its generator; there is no global one."""

import math

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_scarseg.phantom.config import LogNormal, Range

Field = npt.NDArray[np.float32]


def draw_range(rng: np.random.Generator, values: Range) -> float:
    """One value, evenly from `values`."""
    return float(rng.uniform(values.low, values.high))


def draw_log_range(rng: np.random.Generator, values: Range) -> float:
    """One value, evenly on a logarithmic scale, from `values` (positive)."""
    return float(math.exp(rng.uniform(math.log(values.low), math.log(values.high))))


def draw_log_normal(rng: np.random.Generator, values: LogNormal, limits: Range) -> float:
    """One value from a log-normal distribution; drawn again (at most 100 times, then clipped) outside `limits`."""
    variance = math.log1p((values.sd / values.mean) ** 2)
    centre = math.log(values.mean) - variance / 2
    for _ in range(100):
        value = float(math.exp(rng.normal(centre, math.sqrt(variance))))
        if limits.low <= value <= limits.high:
            return value
    return min(max(value, limits.low), limits.high)


def draw_smooth_field(
    rng: np.random.Generator, shape: tuple[int, ...], sigma: float | tuple[float, ...], open_axes: tuple[int, ...] = ()
) -> Field:
    """White noise smoothed by a Gaussian of `sigma` samples, of mean 0 and standard deviation 1.

    Parameters
    ----------
    rng : numpy Generator
    shape : tuple of int
    sigma : float or tuple of float
        Samples, for all axes or for each.
    open_axes : tuple of int
        Axes whose ends are apart; the others close on themselves. Either way the field is as lively at its ends as
        in its middle.
    """
    sigmas = (sigma,) * len(shape) if isinstance(sigma, (int, float)) else sigma
    margins = [math.ceil(3 * sigmas[axis]) if axis in open_axes else 0 for axis in range(len(shape))]
    padded = tuple(length + margin for length, margin in zip(shape, margins, strict=True))
    noise = rng.standard_normal(padded, dtype=np.float32)
    field = ndimage.gaussian_filter(noise, sigmas, mode="wrap", truncate=3.0)
    field = field[tuple(slice(length) for length in shape)]
    field -= field.mean()
    return np.asarray(field / max(float(field.std()), 1e-12), dtype=np.float32)


def soft_step(value: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Smooth step 3t² − 2t³ from 0 (below 0) to 1 (above 1)."""
    t = np.clip(value, 0, 1)
    return np.asarray(t * t * (3 - 2 * t))
