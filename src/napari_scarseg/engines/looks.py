"""Several looks at the LV, whose answers are averaged (test-time augmentation).

The network takes the size of its window for a hint at the size of the LV, and the LV's box is a guess, at the apex
often too large. So windows of several sizes are looked at, every other one turned by 180°, and the logits averaged.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from napari_scarseg.core.box import Box
from napari_scarseg.core.windows import Window

Logits = npt.NDArray[np.float32]

# Logit of pixels that no window covers.
OUTSIDE_LOGIT = -20.0
# A single look may be as sure as it likes; it does not outvote the others.
_SUREST_LOGIT = 12.0
# Slices lie about a centimetre apart, and an infarct goes on from one to the next: so much of what the neighbours show,
# blurred by so many pixels, is added to what a slice shows.
_NEIGHBOUR_WEIGHT = 0.15
_NEIGHBOUR_BLUR_PX = 1.0
# A neighbour is no surer than this that there is no scar, and beyond its windows it is just as sure.
_LOWEST_NEIGHBOUR_LOGIT = -8.0


@dataclass(frozen=True, slots=True)
class Look:
    """One window around the LV.

    Parameters
    ----------
    scale : float
        Sides of the box that the window is laid around, over those of the LV's box.
    is_turned : bool
        Whether it is shown to the network turned by 180°.
    """

    scale: float
    is_turned: bool

    def around(self, lv: Box) -> Box:
        """The LV's box, scaled about its centre."""
        row, col = (lv.row_min + lv.row_max) / 2, (lv.col_min + lv.col_max) / 2
        high, wide = lv.height * self.scale / 2, lv.width * self.scale / 2
        return Box(lv.slice, row - high, col - wide, row + high, col + wide)


@dataclass(frozen=True, slots=True, eq=False)
class SliceScar:
    """What the small network shows on one slice without a prompt.

    Parameters
    ----------
    lv : Box
        The LV that was looked at.
    logits : ndarray of float32, (Y, X)
        Scar logits on the slice's own pixels; `OUTSIDE_LOGIT` beyond the windows.
    """

    lv: Box
    logits: Logits


# Out-of-fold on EMIDEC, the mean DSC of a slice's scar without a prompt rose by 0.02–0.03 against a single look.
LOOKS = (Look(0.8, False), Look(0.9, True), Look(1.0, False), Look(1.1, True))

# For prompts, whose windows are kept: fewer. The middle one turned costs nothing, and out of fold on EMIDEC raised the
# mean DSC of a slice by 0.004 with true boxes and by 0.002 with moved ones.
PROMPT_LOOKS = (Look(1.0, True), Look(0.9, False), Look(1.1, False))


def average_looks(windows: Sequence[Window], shown: Sequence[Logits], shape: tuple[int, int]) -> Logits:
    """Mean of the looks at each pixel of a slice (Y, X), over those that cover it; `OUTSIDE_LOGIT` where none does.

    Parameters
    ----------
    windows : sequence of Window
    shown : sequence of ndarray of float32, (S, S)
        Logits over each of the windows.
    shape : (Y, X) of the slice
    """
    total, count = np.zeros(shape, dtype=np.float32), np.zeros(shape, dtype=np.float32)
    for window, logits in zip(windows, shown, strict=True):
        rows, cols, native = window.paste(logits, shape)
        total[rows, cols] += np.clip(native, -_SUREST_LOGIT, _SUREST_LOGIT)
        count[rows, cols] += 1
    return np.where(count > 0, total / np.maximum(count, 1), np.float32(OUTSIDE_LOGIT))


def lean_on(shown: SliceScar, neighbours: Sequence[SliceScar]) -> SliceScar:
    """What a slice shows, with a share of what its neighbours show at the same place.

    Out of fold on EMIDEC that raised the mean DSC of a slice's scar without a prompt by 0.005.

    Parameters
    ----------
    shown : SliceScar
    neighbours : sequence of SliceScar
        The slices before and after, as far as they are there and show an LV.
    """
    if not neighbours:
        return shown
    floored = (np.maximum(neighbour.logits, np.float32(_LOWEST_NEIGHBOUR_LOGIT)) for neighbour in neighbours)
    beside = np.mean([gaussian_filter(logits, _NEIGHBOUR_BLUR_PX) for logits in floored], axis=0, dtype=np.float32)
    leaning = shown.logits + np.float32(_NEIGHBOUR_WEIGHT) * beside
    return SliceScar(shown.lv, np.where(shown.logits > OUTSIDE_LOGIT, leaning, np.float32(OUTSIDE_LOGIT)))
