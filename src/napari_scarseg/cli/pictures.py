"""Pictures of results, drawn without a window."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from napari_scarseg.core.box import Box
from napari_scarseg.core.intensity import scale_pixels
from napari_scarseg.core.stack import Stack

_COLUMNS = 5
_CELL_INCHES = 2.4
_MARGIN_PX = 30.0
_BOX_COLOUR = "#ffb000"
_LABEL_COLOUR = "#35c8ff"


def draw_overview(stack: Stack, boxes: Sequence[Box], labels: npt.NDArray[np.int32]) -> Figure:
    """All slices with their boxes and the outline of every label, cut to the part that has any.

    Parameters
    ----------
    stack : Stack
    boxes : sequence of Box
    labels : ndarray of int, (Z, Y, X)
    """
    count = stack.shape[0]
    rows = math.ceil(count / _COLUMNS)
    figure = Figure(figsize=(_COLUMNS * _CELL_INCHES, rows * _CELL_INCHES), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    top, bottom, left, right = _view(boxes, stack.shape[1:])
    for z in range(count):
        axes = figure.add_subplot(rows, _COLUMNS, z + 1)
        axes.imshow(scale_pixels(stack.data[z]), cmap="gray", vmin=0, vmax=1)
        _draw_slice(axes, [box for box in boxes if box.slice == z], labels[z])
        axes.set_xlim(left - 0.5, right - 0.5)
        axes.set_ylim(bottom - 0.5, top - 0.5)
        axes.set_title(f"slice {z}", fontsize=8)
        axes.set_axis_off()
    return figure


def _draw_slice(axes: Axes, boxes: Sequence[Box], labels: npt.NDArray[np.int32]) -> None:
    for lesion in np.unique(labels[labels > 0]):
        axes.contour(labels == lesion, levels=[0.5], colors=_LABEL_COLOUR, linewidths=0.9)
    for box in boxes:
        # Pixel centres are whole numbers on the axes, and edges of pixels in the box.
        corner = (box.col_min - 0.5, box.row_min - 0.5)
        axes.add_patch(Rectangle(corner, box.width, box.height, fill=False, edgecolor=_BOX_COLOUR, linewidth=0.9))


def _view(boxes: Sequence[Box], shape: tuple[int, ...]) -> tuple[float, float, float, float]:
    """Top, bottom, left and right of what is shown: the boxes with a margin, or the whole slice."""
    if not boxes:
        return (0.0, float(shape[0]), 0.0, float(shape[1]))
    return (
        max(min(box.row_min for box in boxes) - _MARGIN_PX, 0),
        min(max(box.row_max for box in boxes) + _MARGIN_PX, shape[0]),
        max(min(box.col_min for box in boxes) - _MARGIN_PX, 0),
        min(max(box.col_max for box in boxes) + _MARGIN_PX, shape[1]),
    )
