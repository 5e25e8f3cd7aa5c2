"""Entropy and co-occurrence of the grey values inside a mask on a slice."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import entr
from skimage.feature import graycomatrix

from napari_scarseg.core.masks import Mask
from napari_scarseg.measure.features_intensity import GREY_LEVELS

# 0°, 45°, 90° and 135° to the next pixel.
_ANGLES = (0, np.pi / 4, np.pi / 2, 3 * np.pi / 4)
_LEVELS = np.arange(GREY_LEVELS)
_SQUARED_STEPS = (_LEVELS[:, None] - _LEVELS) ** 2


@dataclass(frozen=True, slots=True)
class Texture:
    """Haralick's measures of a grey-level co-occurrence matrix.

    Parameters
    ----------
    contrast, homogeneity, energy, entropy_bits : float
    correlation : float or None
        None where all grey values are equal.
    """

    contrast: float
    homogeneity: float
    energy: float
    entropy_bits: float
    correlation: float | None


def quantise(values: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    """Grey level 0 … 15 of each value: equal steps between the smallest and the largest (all 0 where equal).

    Examples
    --------
    >>> import numpy as np
    >>> quantise(np.array([10.0, 10.5, 26.0])).tolist()
    [0, 0, 15]
    """
    low, span = values.min(), np.ptp(values)
    if span == 0:
        return np.zeros(values.shape, dtype=np.uint8)
    return np.asarray(np.minimum((values - low) / span * GREY_LEVELS, GREY_LEVELS - 1).astype(np.uint8))


def entropy_bits(levels: npt.NDArray[np.uint8]) -> float:
    """Shannon's entropy of grey levels, in bits."""
    return _entropy_bits(np.bincount(levels, minlength=GREY_LEVELS) / levels.size)


def measure_texture(mask: Mask, levels: npt.NDArray[np.uint8]) -> Texture | None:
    """Texture inside a (Y, X) mask; None where no two of its pixels are neighbours.

    Parameters
    ----------
    mask : ndarray of bool, (Y, X)
    levels : ndarray of uint8, (n,)
        Grey level of each pixel of the mask, in the order of `image[mask]`.
    """
    grid = np.zeros(mask.shape, dtype=np.uint8)
    # Level 0 is outside; pairs with it are cut off below.
    grid[mask] = levels + 1
    pairs = graycomatrix(grid, (1,), _ANGLES, levels=GREY_LEVELS + 1, symmetric=True)[1:, 1:, 0].sum(axis=-1)
    total = pairs.sum()
    if total == 0:
        return None
    shares = pairs / total
    # The measures of scikit-image's `graycoprops`, which takes several times as long for one small matrix.
    contrast = float((shares * _SQUARED_STEPS).sum())
    of_level = shares.sum(axis=0)
    mean = float(of_level @ _LEVELS)
    variance = float(of_level @ (_LEVELS - mean) ** 2)
    is_flat = np.count_nonzero(of_level) == 1
    return Texture(
        contrast=contrast,
        homogeneity=float((shares / (1 + _SQUARED_STEPS)).sum()),
        energy=float(np.sqrt((shares**2).sum())),
        entropy_bits=_entropy_bits(shares),
        # The matrix is symmetric: E (i − j)² = 2 (variance − covariance).
        correlation=None if is_flat else 1 - contrast / (2 * variance),
    )


def _entropy_bits(shares: npt.NDArray[np.float64]) -> float:
    return float(entr(shares).sum() / np.log(2))
