"""What all figures of measures share: page, axes, points, legend, and the notes a reader must have."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from napari_scarseg.measure.figure_groups import FigureGroup, synthetic_text
from napari_scarseg.measure.themes import FigureTheme, Palette, palette_of

LABEL_PT = 9
NOTE_PT = 7
SIZE_INCHES = (4.8, 3.6)

_DPI = 150
_JITTER_WIDTH = 0.36
_GOLDEN = (5**0.5 - 1) / 2


def new_figure(theme: FigureTheme, size_inches: tuple[float, float] = SIZE_INCHES) -> tuple[Figure, Palette]:
    """An empty page on an Agg canvas, and the theme's colours."""
    palette = palette_of(theme)
    figure = Figure(figsize=size_inches, dpi=_DPI, layout="constrained", facecolor=palette.background)
    FigureCanvasAgg(figure)
    return figure, palette


def add_axes(figure: Figure, palette: Palette, rows: int = 1, cols: int = 1, index: int = 1) -> Axes:
    """Axes in the theme's colours, with no frame above and on the right."""
    axes = figure.add_subplot(rows, cols, index)
    axes.set_facecolor(palette.background)
    axes.set_axisbelow(True)
    axes.tick_params(colors=palette.foreground, labelsize=LABEL_PT - 1)
    axes.xaxis.label.set_color(palette.foreground)
    axes.yaxis.label.set_color(palette.foreground)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(palette.muted)
    return axes


def draw_points(
    axes: Axes,
    one: FigureGroup,
    x: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64],
    palette: Palette,
    label: str,
    size: float = 20,
) -> None:
    """Points of one group: small lesions hollow, others filled, marked ones with a ring round them."""
    faces = [palette.background if small else one.colour for small in one.is_small]
    axes.scatter(x, y, s=size, marker=one.marker, c=faces, edgecolors=one.colour, linewidths=0.9, alpha=0.9, zorder=3)
    if one.is_marked.any():
        ringed = one.is_marked
        axes.scatter(
            x[ringed], y[ringed], s=size * 5, facecolors="none", edgecolors=palette.foreground, linewidths=1.4, zorder=4
        )
    if label:
        axes.scatter([], [], s=24, marker=one.marker, c=one.colour, edgecolors=one.colour, label=label)


def draw_legend(axes: Axes, palette: Palette, *, above: bool = False) -> None:
    """A legend in the theme's colours, where it hides least, or above the axes."""
    place: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0, 1)} if above else {"loc": "best"}
    axes.legend(
        **place,
        fontsize=NOTE_PT + 1,
        labelcolor=palette.foreground,
        facecolor=palette.background,
        edgecolor=palette.grid,
        framealpha=0.85,
    )


def jitter_offsets(n: int, width: float = _JITTER_WIDTH) -> npt.NDArray[np.float64]:
    """Sideways offsets (n,) for points in a column, evenly spread over ±`width` / 2 and the same every time.

    Multiples of the golden ratio modulo 1: neighbouring rows never fall on one spot.
    """
    return np.asarray(((np.arange(n) * _GOLDEN + 0.5) % 1 - 0.5) * width)


def count_text(one: FigureGroup, unit: str) -> str:
    """Legend entry of a group with its n, e.g. "acute, n = 12 lesion slices, 3 patients"."""
    return f"{one.label}, n = {one.n} {unit}{patients_text(one, unit, ', ')}"


def narrow_count_text(one: FigureGroup, unit: str) -> str:
    """The same on short lines that fit side by side in a narrow dock; a note below says what n counts."""
    return f"{one.label}\nn = {one.n}{patients_text(one, unit, chr(10))}"


def patients_text(one: FigureGroup, unit: str, before: str) -> str:
    """How many patients a group's rows come from; empty where the rows are patients."""
    if not one.n_patients or unit == "patients":
        return ""
    return f"{before}{one.n_patients} patient{'' if one.n_patients == 1 else 's'}"


def group_notes(groups: list[FigureGroup], unit: str, *, points_drawn: bool) -> str:
    """What a reader must know about the points."""
    dependent = any(one.n > one.n_patients > 0 for one in groups) and unit != "patients"
    notes = [f"n: {unit}, not independent in one patient" if dependent else f"n: {unit}"]
    if points_drawn and any(one.is_small.any() for one in groups):
        notes.append("hollow: under 25 px, shape uncertain")
    return "\n".join(notes)


def write_notes(figure: Figure, table: pd.DataFrame, note: str, palette: Palette) -> None:
    """The note under a figure, and above it that the data are synthetic, where they are."""
    synthetic = synthetic_text(table)
    if synthetic:
        figure.suptitle(synthetic, fontsize=LABEL_PT, color=palette.foreground, fontweight="bold")
    if note:
        figure.supxlabel(note, fontsize=NOTE_PT, color=palette.muted)


def finish_empty(figure: Figure, axes: Axes, table: pd.DataFrame, palette: Palette, text: str) -> Figure:
    """A figure that says why it is empty."""
    write_notes(figure, table, "", palette)
    axes.set_axis_off()
    axes.text(
        0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", fontsize=LABEL_PT, color=palette.muted
    )
    return figure
