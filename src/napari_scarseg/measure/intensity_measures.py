"""The image under one lesion and round it, by the names of the registry."""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_scarseg.core.masks import Mask
from napari_scarseg.measure import reasons
from napari_scarseg.measure.mask_measures import Measures
from napari_scarseg.measure.texture import entropy_bits, measure_texture, quantise

# Width of the ring of surroundings, and the fewest pixels from which it and the remote myocardium have an SD.
_RING_PX = 3
_SMALLEST_RING_PX = 8
_SMALLEST_REMOTE_PX = 20
_EIGHT = np.ones((3, 3), dtype=bool)

Region = tuple[slice, slice]
Plane = npt.NDArray[np.generic]


def measure_intensity(mask: Mask, region: Region, image: Plane, is_lesion: Mask) -> Measures:
    """Grey values, contrast to the surroundings and texture of a lesion.

    Parameters
    ----------
    mask : ndarray of bool, (y, x)
        The lesion in its bounding box.
    region : pair of slice
        That box in the slice.
    image : ndarray, (Y, X)
    is_lesion : ndarray of bool, (Y, X)
        All lesions of the slice.
    """
    pixels = np.asarray(image[region][mask], dtype=np.float64)
    if not np.isfinite(pixels).all():
        return Measures({}, (reasons.NOT_FINITE,))
    mean = float(pixels.mean())
    values: dict[str, float | None] = {"intensity_mean": mean}
    why = []
    levels = quantise(pixels)
    if pixels.size == 1:
        why.append(reasons.ONE_PIXEL)
    else:
        values.update(intensity_sd=float(pixels.std()), intensity_entropy_bits=entropy_bits(levels))
    contrast = _contrast(mean, _ring_pixels(mask, region, image, is_lesion), _SMALLEST_RING_PX)
    if contrast is None:
        why.append(reasons.NO_RING)
    texture = measure_texture(mask, levels)
    if texture is None:
        why.append(reasons.NO_PAIR)
    else:
        values.update(
            glcm_contrast=texture.contrast,
            glcm_homogeneity=texture.homogeneity,
            glcm_energy=texture.energy,
            glcm_correlation=texture.correlation,
            glcm_entropy_bits=texture.entropy_bits,
        )
        if texture.correlation is None:
            why.append(reasons.ONE_GREY)
    return Measures({**values, "contrast_to_ring": contrast}, tuple(why))


def measure_remote_contrast(mask: Mask, region: Region, image: Plane, remote: Mask) -> Measures:
    """Contrast of a lesion to the myocardium outside all lesions; `remote` is that, (Y, X)."""
    pixels = np.asarray(image[region][mask], dtype=np.float64)
    contrast = _contrast(float(pixels.mean()), image[remote], _SMALLEST_REMOTE_PX)
    return Measures({"contrast_to_remote": contrast}, () if contrast is not None else (reasons.NO_REMOTE,))


def _contrast(mean: float, around: npt.NDArray[np.generic], smallest: int) -> float | None:
    """(mean − mean around) / SD around; None where that has too few pixels, no SD, or no number."""
    pixels = np.asarray(around, dtype=np.float64)
    if pixels.size < smallest:
        return None
    sd = float(pixels.std())
    contrast = (mean - float(pixels.mean())) / sd if sd > 0 else np.nan
    return contrast if np.isfinite(contrast) else None


def _ring_pixels(mask: Mask, region: Region, image: Plane, is_lesion: Mask) -> npt.NDArray[np.generic]:
    rows, cols = (
        slice(max(side.start - _RING_PX, 0), min(side.stop + _RING_PX, length))
        for side, length in zip(region, image.shape, strict=True)
    )
    wide = np.zeros((rows.stop - rows.start, cols.stop - cols.start), dtype=bool)
    wide[
        region[0].start - rows.start : region[0].stop - rows.start,
        region[1].start - cols.start : region[1].stop - cols.start,
    ] = mask
    near = ndimage.binary_dilation(wide, structure=_EIGHT, iterations=_RING_PX)
    return np.asarray(image[rows, cols][near & ~is_lesion[rows, cols]])
