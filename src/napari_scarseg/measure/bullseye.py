"""The bullseye of the 17 segments of the left ventricle (AHA)."""

from collections.abc import Mapping

import numpy as np
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Wedge

from napari_scarseg.errors import InputError
from napari_scarseg.measure.figure_frame import LABEL_PT, NOTE_PT, add_axes, new_figure
from napari_scarseg.measure.themes import FigureTheme

# Perceptually even and readable in all common colour deficiencies.
_COLOURS = "cividis"
_SIZE_INCHES = (4.2, 3.9)
_BRIGHT = 0.6
# Of a scale this long the digits after the point say nothing, and have no room.
_WHOLE_NUMBERS_FROM = 20


def segment_place(segment: int) -> tuple[float, float, float, float]:
    """Inner and outer radius (1 is the rim) and first and last angle (degrees, from the right, anticlockwise).

    Segments 1–6 are basal and 7–12 mid, from anterior (top) by the septum (left); 13–16 apical, 17 the apex (Cerqueira
    et al., Circulation 2002).

    Raises
    ------
    InputError
        If the number is not 1–17.

    Examples
    --------
    >>> segment_place(1), segment_place(14)
    ((0.75, 1.0, 60.0, 120.0), (0.25, 0.5, 135.0, 225.0))
    """
    if not 1 <= segment <= 17:
        raise InputError(f"There is no segment {segment}; the left ventricle has segments 1 to 17.")
    if segment == 17:
        return 0.0, 0.25, 0.0, 360.0
    if segment >= 13:
        start = 45.0 + 90.0 * (segment - 13)
        return 0.25, 0.5, start, start + 90.0
    inner = 0.75 if segment <= 6 else 0.5
    start = 60.0 + 60.0 * ((segment - 1) % 6)
    return inner, inner + 0.25, start, start + 60.0


def bullseye_figure(
    values: Mapping[int, float],
    label: str,
    *,
    limits: tuple[float, float] = (0.0, 100.0),
    synthetic: bool = False,
    theme: FigureTheme = FigureTheme.LIGHT,
) -> Figure:
    """Draw one value per segment, its number written in it; segments that are absent or NaN stay hatched.

    Parameters
    ----------
    values : mapping of segment (1–17) → value
    label : str
        What the values are, with the unit, for the colour bar.
    limits : (float, float)
        Ends of the colour scale.
    synthetic : bool
        Whether the data are a phantom's; the figure then says so.
    theme : FigureTheme

    Raises
    ------
    InputError
        If a key is no segment, or the limits are not in order.
    """
    if not limits[0] < limits[1]:
        raise InputError(f"The colour scale must run from a smaller to a larger value, not {limits[0]} to {limits[1]}.")
    for segment in values:
        segment_place(segment)
    figure, palette = new_figure(theme, _SIZE_INCHES)
    axes = add_axes(figure, palette)
    normalize, colours = Normalize(*limits, clip=True), colormaps[_COLOURS]
    for segment in range(1, 18):
        inner, outer, start, end = segment_place(segment)
        value = values.get(segment, np.nan)
        known = bool(np.isfinite(value))
        axes.add_patch(
            Wedge(
                (0, 0),
                outer,
                start,
                end,
                width=None if inner == 0 else outer - inner,
                facecolor=colours(float(normalize(value))) if known else palette.background,
                edgecolor=palette.foreground,
                hatch=None if known else "////",
                linewidth=0.8,
            )
        )
        if known:
            middle = np.deg2rad((start + end) / 2)
            radius = 0.0 if segment == 17 else (inner + outer) / 2
            share = (value - limits[0]) / (limits[1] - limits[0])
            axes.text(
                radius * np.cos(middle),
                radius * np.sin(middle),
                f"{value:.0f}" if limits[1] - limits[0] >= _WHOLE_NUMBERS_FROM else f"{value:.2g}",
                ha="center",
                va="center",
                fontsize=NOTE_PT,
                color="#1a1a1a" if share > _BRIGHT else "#ffffff",
            )
    axes.set(xlim=(-1.2, 1.2), ylim=(-1.2, 1.2), aspect="equal")
    axes.set_axis_off()
    for text, x, y in (("anterior", 0, 1.1), ("inferior", 0, -1.1), ("septal", -1.12, 0), ("lateral", 1.12, 0)):
        turned = 90 if x else 0
        axes.text(x, y, text, ha="center", va="center", rotation=turned, fontsize=LABEL_PT - 1, color=palette.muted)
    bar = figure.colorbar(ScalarMappable(normalize, colours), ax=axes, shrink=0.7)
    bar.set_label(label, fontsize=LABEL_PT, color=palette.foreground)
    bar.ax.tick_params(colors=palette.foreground, labelsize=LABEL_PT - 1)
    if synthetic:
        figure.suptitle("synthetic phantom data", fontsize=LABEL_PT, color=palette.foreground, fontweight="bold")
    if any(not np.isfinite(values.get(segment, np.nan)) for segment in range(1, 18)):
        figure.supxlabel("hatched: not known", fontsize=NOTE_PT, color=palette.muted)
    return figure
