"""Magnitude images from signed (PSIR) ones, for training and for the table of shifts."""

import numpy as np
import numpy.typing as npt

from napari_scarseg.datasets.cases import LabelledCase

# Healthy pixels that a slice must show to have a level of its own.
LEAST_PX = 20


def null_level(case: LabelledCase) -> float:
    """One level to null for a whole stack: the median of the myocardium without scar.

    The stack's median where the labels do not say which that is.
    """
    data = case.stack.data
    healthy = _healthy(case)
    told = data if healthy is None else data[healthy]
    return float(np.median(told.astype(np.float64)))


def healthy_signal(case: LabelledCase) -> npt.NDArray[np.float64]:
    """Median and standard deviation of the myocardium without scar in each slice, (Z, 2).

    A slice that shows too little of it (under `LEAST_PX` pixels) gets the stack's; where the labels do not say which it
    is, `null_level` and 0. By slice, since each is a breath hold with an inversion time of its own, and in many data
    sets (EMIDEC's, for one) scaled by itself.
    """
    healthy = _healthy(case)
    data = case.stack.data.astype(np.float64)
    whole = (null_level(case), 0.0 if healthy is None else float(data[healthy].std()))
    signal = np.tile(np.array(whole), (len(data), 1))
    for z, plane in enumerate(data):
        if healthy is not None and healthy[z].sum() >= LEAST_PX:
            signal[z] = np.median(plane[healthy[z]]), plane[healthy[z]].std()
    return signal


def fold_signal(data: npt.NDArray[np.generic], null: float | npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """|data − null|, where pixels at the data's minimum are padding and stay dark.

    `null` is one level, or an array that broadcasts to the data's shape.

    Examples
    --------
    >>> import numpy as np
    >>> fold_signal(np.array([0, 10, 30, 90]), 30).tolist()
    [0.0, 20.0, 0.0, 60.0]
    """
    signed = np.asarray(data, dtype=np.float32)
    folded = np.abs(signed - np.asarray(null, dtype=np.float32))
    folded[signed == signed.min()] = 0
    return np.asarray(folded, dtype=np.float32)


def _healthy(case: LabelledCase) -> npt.NDArray[np.bool_] | None:
    """Myocardium without scar, (Z, Y, X); None where the labels do not say."""
    healthy = None if case.myocardium is None else case.myocardium & ~case.scar
    return None if healthy is None or not healthy.any() else healthy
