"""The only intensity scaling: training, evaluation, command line and plugin all call it."""

import numpy as np
import numpy.typing as npt

# Percentiles of the pixels a network looks at (its window) that map to 0 and 1. Taken inside the window and not over
# the slice, so that a smaller field of view, fat at the edge or padding does not change what the network sees.
LOW_PERCENTILE = 1.0
HIGH_PERCENTILE = 99.0

SCALING_ID = f"window-percentile-{LOW_PERCENTILE:g}-{HIGH_PERCENTILE:g}"


def scale_pixels(pixels: npt.NDArray[np.generic]) -> npt.NDArray[np.float32]:
    """Scale one window to [0, 1] by its own percentiles and clip.

    Parameters
    ----------
    pixels : ndarray, any shape
        Intensities of one window, any real type, finite.

    Returns
    -------
    ndarray of float32, same shape
        All zeros where the window is constant.

    Examples
    --------
    >>> import numpy as np
    >>> scale_pixels(np.array([0, 50, 100])).round(2).tolist()
    [0.0, 0.5, 1.0]
    """
    values = np.asarray(pixels, dtype=np.float32)
    low, high = np.percentile(values, (LOW_PERCENTILE, HIGH_PERCENTILE))
    if not high > low:
        return np.zeros_like(values)
    scaled = (values - np.float32(low)) / np.float32(high - low)
    return np.asarray(np.clip(scaled, 0, 1), dtype=np.float32)
