"""From tissue signal to a stored image: coil field, finite k-space, thermal noise, and PSIR or magnitude."""

import numpy as np
import numpy.typing as npt

from napari_scarseg.phantom.config import ImageKind, SignalConfig
from napari_scarseg.phantom.grid import Grid
from napari_scarseg.phantom.noise import Field, draw_log_range, draw_range

# Twelve bits, as scanners store them.
MAX_LEVEL = 4095


def apply_coil_field(rng: np.random.Generator, grid: Grid, signal: Field, shading: float) -> Field:
    """Multiply by the sensitivity of surface coils on the chest, 1 at the heart.

    Parameters
    ----------
    rng : numpy Generator
    grid : Grid
    signal : ndarray (Z, Y, X)
    shading : float
        0 leaves the signal as it is, 1 applies the bare field.
    """
    axis = (np.arange(grid.size_px, dtype=np.float32) + np.float32(0.5 - grid.size_px / 2)) * np.float32(grid.pixel_mm)
    x, y = grid.turned(axis[None, :], axis[:, None])
    field = np.zeros((grid.size_px, grid.size_px), dtype=np.float32)
    for place_x, place_y in ((-60, -110), (40, -95), (115, -10), (-60, 130)):
        dx, dy = x - place_x - rng.normal(0, 15), y - place_y - rng.normal(0, 15)
        field += np.float32(rng.uniform(0.6, 1.2)) / (1 + (dx**2 + dy**2) / np.float32(66.0**2))
    middle = slice(grid.size_px * 3 // 8, grid.size_px * 5 // 8)
    field /= field[middle, middle].mean()
    return np.asarray(signal * np.clip(1 + shading * (field - 1), 0.2, 3.0), dtype=np.float32)


def acquire(
    rng: np.random.Generator, signal: Field, contrast: float, config: SignalConfig, kind: ImageKind
) -> npt.NDArray[np.float64]:
    """Measure a part of k-space with thermal noise and reconstruct.

    Noise is white in the measured part of k-space, so it is correlated between the pixels of the image, as it is on
    interpolated scanner images.

    Parameters
    ----------
    rng : numpy Generator
    signal : ndarray (Z, Y, X)
        Signed signal, coil field included.
    contrast : float
        Signal of infarct above remote myocardium, to which the noise is set.
    config : SignalConfig
    kind : ImageKind

    Returns
    -------
    ndarray (Z, Y, X)
        Signed (PSIR) or Rician magnitude.
    """
    window = _k_space_window(signal.shape[1], draw_range(rng, config.acquired_share))
    noise_sd = contrast / draw_log_range(rng, config.contrast_to_noise)
    # Noise of one channel keeps the standard deviation `noise_sd` after the window took its share of the spectrum.
    white_sd = noise_sd / float(np.sqrt((window**2).mean()))
    shape = signal.shape
    measured = np.fft.fft2(signal + white_sd * (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)))
    image = np.fft.ifft2(measured * window * _ghosts(rng, shape, draw_range(rng, config.ghosting)))
    return image.real if kind is ImageKind.PSIR else np.abs(image)


def _ghosts(rng: np.random.Generator, shape: tuple[int, ...], strength: float) -> npt.NDArray[np.float64]:
    """Modulation of the phase encoding lines, (Z, Y, 1), that leaves shifted copies of the image of that strength."""
    slices, size_px = shape[0], shape[1]
    shift_px = rng.uniform(0.12, 0.40, (slices, 1)) * size_px
    lines = np.fft.fftfreq(size_px)[None] * shift_px + rng.uniform(0, 1, (slices, 1))
    depth = strength * rng.uniform(0, 1, (slices, 1))
    return np.asarray((1 + depth * np.cos(2 * np.pi * lines))[..., None])


def store(image: npt.NDArray[np.float64], gain: float, kind: ImageKind, psir_offset: int) -> npt.NDArray[np.uint16]:
    """Round to the grey levels of a twelve-bit scanner; PSIR is signed about `psir_offset`."""
    levels = image * gain + (psir_offset if kind is ImageKind.PSIR else 0)
    return np.clip(np.rint(levels), 0, MAX_LEVEL).astype(np.uint16)


def _k_space_window(size_px: int, share: float) -> npt.NDArray[np.float64]:
    """Measured part of k-space, (Y, X), with a soft shoulder over its outer fifth against ringing."""
    frequency = np.abs(np.fft.fftfreq(size_px)) * 2 / share
    edge = np.clip((1 - frequency) / 0.2, 0, 1)
    shoulder = np.where(frequency < 1, np.sin(np.pi / 2 * edge) ** 2, 0.0)
    return np.asarray(shoulder[:, None] * shoulder[None, :])
