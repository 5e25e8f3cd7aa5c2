"""How a network looks at a slice in training: the same windows and prompts as at inference, round augmented hearts."""

import math
from dataclasses import replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from napari_scarseg.core.box import Box
from napari_scarseg.core.windows import Window, whole_slice_window, window_around
from napari_scarseg.engines.sam_network import SamConfig
from napari_scarseg.engines.segmenter import box_window, lv_window
from napari_scarseg.engines.small_sam import SmallSamConfig

Corners = tuple[float, float, float, float]
Place = npt.NDArray[np.float64]


class View(Protocol):
    """What a network sees of a slice."""

    @property
    def size(self) -> int:
        """Samples along each side of a window."""
        ...

    @property
    def answer_size(self) -> int:
        """Samples along each side of an answer; it covers the same rectangle."""
        ...

    @property
    def context(self) -> int:
        """Neighbouring slices on either side."""
        ...

    @property
    def least_median(self) -> float:
        """What dark windows are lifted to; see `core.intensity.scale_pixels`."""
        ...

    def answer_parts(self, window: Window) -> int:
        """Places along each side of an answer's sample over which the targets are averaged."""
        ...

    def window(
        self,
        index: int,
        shape: tuple[int, int],
        lv: Corners | None,
        box: Corners | None,
        middle: Place,
    ) -> Window:
        """The window on slice `index` of (Y, X) `shape`, round the LV, else round the box, else round the middle."""
        ...

    def prompt(self, window: Window, box: Corners, *, is_first: bool) -> Corners | None:
        """Edges (row_min, col_min, row_max, col_max) of a box on the window's grid; None where it is not asked there.

        The window was placed for the first box; the others are asked only where this window would serve them too.
        """
        ...


class SmallView:
    """Of the small network: a crop round the LV or round the box."""

    context: int
    size: int
    answer_size: int
    least_median: float

    def __init__(self, config: SmallSamConfig) -> None:
        self._config = config
        self.context = config.context
        self.least_median = config.least_median
        self.size = self.answer_size = config.window_size

    def answer_parts(self, window: Window) -> int:
        """One: a window has about as many samples as pixels, or more."""
        return 1

    def window(
        self,
        index: int,
        shape: tuple[int, int],
        lv: Corners | None,
        box: Corners | None,
        middle: Place,
    ) -> Window:
        """See `View`."""
        if lv is not None:
            return lv_window(Box(index, *lv), self._config)
        if box is not None:
            return box_window(Box(index, *box), shape, self._config)
        return window_around(
            Box(index, *(middle - 1), *(middle + 1)),
            factor=1,
            min_side_px=self._config.box_min_px,
            size=self._config.window_size,
        )

    def prompt(self, window: Window, box: Corners, *, is_first: bool) -> Corners | None:
        """See `View`."""
        row_min, col_min, row_max, col_max = box
        holds = window.row_min <= row_min and row_max <= window.row_max
        holds = holds and window.col_min <= col_min and col_max <= window.col_max
        return window.corners_to_grid(*box) if is_first or holds else None


class SliceView:
    """Of official Segment Anything: the whole slice; the answers have a quarter of its samples."""

    context: int = 0
    least_median: float = 0.0
    size: int
    answer_size: int

    def __init__(self, config: SamConfig) -> None:
        self.size = config.image_size
        self.answer_size = config.image_size // config.patch_size * 4

    def answer_parts(self, window: Window) -> int:
        """As many as there are pixels: a fine matrix has more of them than answers have samples."""
        return max(1, math.ceil((window.row_max - window.row_min) / self.answer_size - 1e-9))

    def window(
        self,
        index: int,
        shape: tuple[int, int],
        lv: Corners | None,
        box: Corners | None,
        middle: Place,
    ) -> Window:
        """See `View`."""
        return whole_slice_window(index, shape, self.size)

    def prompt(self, window: Window, box: Corners, *, is_first: bool) -> Corners | None:
        """See `View`; what augmentation moved beyond the picture is cut off, as nobody draws a box there."""
        row_min, col_min, row_max, col_max = (min(max(edge, 0.0), self.size) for edge in window.corners_to_grid(*box))
        seen = row_max - row_min >= 1 and col_max - col_min >= 1
        return (row_min, col_min, row_max, col_max) if seen else None


def shifted_window(window: Window, shift: Place) -> Window:
    """The window moved by shares (rows, columns) of its sides."""
    rows = float(shift[0]) * (window.row_max - window.row_min)
    cols = float(shift[1]) * (window.col_max - window.col_min)
    return replace(
        window,
        row_min=window.row_min + rows,
        row_max=window.row_max + rows,
        col_min=window.col_min + cols,
        col_max=window.col_max + cols,
    )
