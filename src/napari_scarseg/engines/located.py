"""Where the LV is on the slices that were asked about, kept from call to call."""

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_scarseg.core.box import Box
from napari_scarseg.core.protocols import Segmenter


class LocatedLvs:
    """LV boxes by stack, slice and weights: each slice is looked at once. For one thread at a time."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, int, str], Box | None] = {}

    def find(
        self, volume: npt.NDArray[np.generic], index: int, segmenter: Segmenter[Any], stack_sha256: str
    ) -> Box | None:
        """The LV on slice `index` of (Z, Y, X) raw intensities, as the segmenter locates it; None where it does not."""
        key = (stack_sha256, index, segmenter.info.weights_sha256)
        if key not in self._found:
            self._found[key] = segmenter.locate(volume, [index]).get(index)
        return self._found[key]

    def put(self, stack_sha256: str, index: int, weights_sha256: str, lv: Box | None) -> None:
        """Keep an LV that was found on the way, by a detector with the same weights."""
        self._found[(stack_sha256, index, weights_sha256)] = lv

    def forget_stack(self, stack_sha256: str) -> None:
        """Drop what is known of one stack."""
        for key in [key for key in self._found if key[0] == stack_sha256]:
            del self._found[key]
