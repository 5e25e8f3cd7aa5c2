"""Magnitude images from signed (PSIR) ones, for training and for the table of shifts."""

import numpy as np
import numpy.typing as npt

from napari_scarseg.datasets.cases import LabelledCase


def null_level(case: LabelledCase) -> float:
    """The signal that a well-set inversion time nulls: the median of the myocardium without scar.

    The stack's median where the labels do not say which that is.
    """
    data = case.stack.data
    healthy = _healthy(case)
    told = data if healthy is None else data[healthy]
    return float(np.median(told.astype(np.float64)))


def healthy_spread(case: LabelledCase) -> float:
    """Standard deviation of the signal of the myocardium without scar; 0 where the labels do not say which that is."""
    healthy = _healthy(case)
    return 0.0 if healthy is None else float(case.stack.data[healthy].std(dtype=np.float64))


def fold_signal(data: npt.NDArray[np.generic], null: float) -> npt.NDArray[np.float32]:
    """|data − null|, where pixels at the data's minimum are padding and stay dark.

    Examples
    --------
    >>> import numpy as np
    >>> fold_signal(np.array([0, 10, 30, 90]), 30).tolist()
    [0.0, 20.0, 0.0, 60.0]
    """
    signed = np.asarray(data, dtype=np.float32)
    folded = np.abs(signed - np.float32(null))
    folded[signed == signed.min()] = 0
    return np.asarray(folded, dtype=np.float32)


def _healthy(case: LabelledCase) -> npt.NDArray[np.bool_] | None:
    """Myocardium without scar, (Z, Y, X); None where the labels do not say."""
    healthy = None if case.myocardium is None else case.myocardium & ~case.scar
    return None if healthy is None or not healthy.any() else healthy
