"""Prompts on a window's grid, in segment-anything's order: x before y."""

from napari_scarseg.core.box import Box
from napari_scarseg.core.windows import Window


def box_on_grid(window: Window, box: Box) -> tuple[float, float, float, float]:
    """Edges x_min, y_min, x_max, y_max of a box, in samples of the window."""
    row_min, col_min, row_max, col_max = window.corners_to_grid(*box.corners)
    return (col_min, row_min, col_max, row_max)


def point_on_grid(window: Window, point: tuple[float, float, bool]) -> tuple[float, float]:
    """Place x, y of a point prompt (row, col, is_positive), in samples of the window."""
    row, col, _, _ = window.corners_to_grid(point[0], point[1], point[0], point[1])
    return (col, row)
