"""The only intensity scaling: training, evaluation, command line and plugin all call it."""

import math

import numpy as np
import numpy.typing as npt

# Percentiles of the pixels a network looks at (its window) that map to 0 and 1. Taken inside the window and not over
# the slice, so that a smaller field of view, fat at the edge or padding does not change what the network sees.
LOW_PERCENTILE = 1.0
HIGH_PERCENTILE = 99.0
# Dark windows are lifted by no more than this; beyond it noise is what is lifted.
LEAST_GAMMA = 0.4

SCALING_ID = f"window-percentile-{LOW_PERCENTILE:g}-{HIGH_PERCENTILE:g}"


def scale_pixels(pixels: npt.NDArray[np.generic], least_median: float = 0.0) -> npt.NDArray[np.float32]:
    """Scale one window to [0, 1] by its own percentiles and clip; lift it by a gamma where it is dark.

    Parameters
    ----------
    pixels : ndarray, any shape
        Intensities of one window, any real type, finite.
    least_median : float, optional
        In [0, 1): where the scaled window's median is below, it is raised to this by a gamma, of no less than
        `LEAST_GAMMA`. In magnitude images bright fat and dark myocardium leave little between for blood and scar.

    Returns
    -------
    ndarray of float32, same shape
        All zeros where the window is constant.

    Examples
    --------
    >>> import numpy as np
    >>> scale_pixels(np.array([0, 50, 100])).round(2).tolist()
    [0.0, 0.5, 1.0]
    >>> scale_pixels(np.array([0, 25, 100]), least_median=0.5).round(2).tolist()
    [0.0, 0.5, 1.0]
    """
    values = np.asarray(pixels, dtype=np.float32)
    low, high = np.percentile(values, (LOW_PERCENTILE, HIGH_PERCENTILE))
    if not high > low:
        return np.zeros_like(values)
    scaled = np.asarray(np.clip((values - np.float32(low)) / np.float32(high - low), 0, 1), dtype=np.float32)
    median = float(np.median(scaled))
    if not 0 < median < least_median:
        return scaled
    gamma = max(math.log(least_median) / math.log(median), LEAST_GAMMA)
    return np.asarray(np.power(scaled, np.float32(gamma)), dtype=np.float32)
