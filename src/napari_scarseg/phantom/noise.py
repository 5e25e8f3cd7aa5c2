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
    rng: np.random.Generator,
    shape: tuple[int, ...],
    sigma: float | tuple[float, ...],
    mode: str | tuple[str, ...] = "wrap",
) -> Field:
    """White noise smoothed by a Gaussian of `sigma` samples, brought back to mean 0 and standard deviation 1."""
    field = ndimage.gaussian_filter(rng.standard_normal(shape, dtype=np.float32), sigma, mode=mode, truncate=3.0)
    field -= field.mean()
    return np.asarray(field / max(float(field.std()), 1e-12), dtype=np.float32)


def soft_step(value: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Smooth step 3t² − 2t³ from 0 (below 0) to 1 (above 1)."""
    t = np.clip(value, 0, 1)
    return np.asarray(t * t * (3 - 2 * t))
