"""Where the small network's windows lie: round the LV, or round a box alone."""

from dataclasses import replace

from napari_scarseg.core.box import Box
from napari_scarseg.core.windows import Window, window_around
from napari_scarseg.engines.looks import Look
from napari_scarseg.engines.small_sam import SmallSamConfig


def lv_window(lv: Box, config: SmallSamConfig) -> Window:
    """Window around the LV's box."""
    return window_around(lv, factor=config.lv_factor, min_side_px=16.0, size=config.window_size)


def look_window(look: Look, lv: Box, config: SmallSamConfig) -> Window:
    """Window of a look at the LV."""
    return replace(lv_window(look.around(lv), config), is_turned=look.is_turned)


def box_window(box: Box, shape: tuple[int, int], config: SmallSamConfig) -> Window:
    """Window around a box alone: wide enough to show the wall that the box lies in."""
    least = max(config.box_min_px, config.box_min_share * max(shape))
    return window_around(box, factor=config.box_factor, min_side_px=least, size=config.window_size)


def holds(window: Window, box: Box) -> bool:
    """Whether the whole box lies in the window."""
    inside_rows = window.row_min <= box.row_min and box.row_max <= window.row_max
    return inside_rows and window.col_min <= box.col_min and box.col_max <= window.col_max


def window_bytes(config: SmallSamConfig) -> int:
    """Working memory of the network for one window, estimated: two dozen of its finest feature maps."""
    return 24 * config.widths[0] * config.window_size**2 * 4
