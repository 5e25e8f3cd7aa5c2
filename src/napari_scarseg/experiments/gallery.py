"""A gallery of slices with truth and result drawn over them. It shows patients: for the user's own eyes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from napari_scarseg.core.box import Box
from napari_scarseg.core.masks import hull_box
from napari_scarseg.core.windows import window_around
from napari_scarseg.datasets import LabelledCase
from napari_scarseg.measure.figure_frame import LABEL_PT, NOTE_PT, add_axes, new_figure
from napari_scarseg.measure.themes import FigureTheme

_COLUMNS = 4
_TILE_INCHES = 1.9
_SAMPLES = 96


@dataclass(frozen=True, slots=True, eq=False)
class Tile:
    """One slice of the gallery.

    Parameters
    ----------
    case : LabelledCase
    slice : int
    result : ndarray of bool (Z, Y, X)
    title : str
    """

    case: LabelledCase
    slice: int
    result: npt.NDArray[np.bool_]
    title: str


def gallery_figure(tiles: Sequence[Tile], *, synthetic: str = "", theme: FigureTheme = FigureTheme.LIGHT) -> Figure:
    """Every slice twice, plain and with truth (dashed) and result (solid), cut out round the LV."""
    rows = max(1, -(-2 * len(tiles) // _COLUMNS))
    figure, palette = new_figure(theme, (_TILE_INCHES * _COLUMNS, (_TILE_INCHES + 0.3) * rows + 0.4))
    for number, tile in enumerate(tiles):
        window = window_around(_middle(tile), factor=1.4, min_side_px=24, size=_SAMPLES)
        picture = window.crop(tile.case.stack.data[tile.slice])
        low, high = np.percentile(picture, (1, 99))
        for copy in range(2):
            axes = add_axes(figure, palette, rows, _COLUMNS, 2 * number + copy + 1)
            axes.imshow(picture, cmap="gray", vmin=low, vmax=max(high, low + 1e-6))
            axes.set_axis_off()
            if copy == 0:
                axes.set_title(tile.title, fontsize=NOTE_PT, color=palette.foreground, loc="left")
                continue
            for mask, colour, style in (
                (tile.case.scar[tile.slice], palette.cycle[1], "dashed"),
                (tile.result[tile.slice], palette.cycle[0], "solid"),
            ):
                drawn = window.crop(mask.astype(np.float32))
                if drawn.max() > 0.5:
                    axes.contour(drawn, levels=[0.5], colors=[colour], linestyles=[style], linewidths=1.0)
    figure.supxlabel("dashed: truth; solid: result", fontsize=NOTE_PT, color=palette.muted)
    if synthetic:
        figure.suptitle(synthetic, fontsize=LABEL_PT, color=palette.foreground, fontweight="bold")
    return figure


def _middle(tile: Tile) -> Box:
    z = tile.slice
    shown = tile.case.scar[z] | tile.result[z] if tile.case.lv is None or not tile.case.lv[z].any() else tile.case.lv[z]
    box = hull_box(shown, z)
    if box is None:
        raise ValueError(f"slice {z} shows neither a heart nor scar")
    return box
