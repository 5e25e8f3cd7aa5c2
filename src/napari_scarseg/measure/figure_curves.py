"""Figures of estimates with intervals over a setting: curves, two measures against each other, and a matrix."""

import textwrap
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from napari_scarseg.measure.figure_frame import LABEL_PT, NOTE_PT, add_axes, draw_legend, new_figure
from napari_scarseg.measure.themes import LINE_STYLES, MARKERS, FigureTheme, Palette

_PANEL_INCHES = (3.4, 3.0)
_PANELS_PER_ROW = 3
# Lines of one panel stand beside each other by this share of a step, so that intervals do not hide each other.
_SIDESTEP = 0.06
# Where the name of a point stands from it, in points: elsewhere for every line, as their points may lie close together.
_NAME_PLACES = ((5, 5), (5, -11), (-17, 5), (-17, -11))
# Names along a matrix are broken into lines.
_COLUMN_CHARS, _ROW_CHARS = 16, 26


def curves_figure(
    points: pd.DataFrame,
    x_label: str | dict[str, str],
    y_label: str,
    *,
    limits: tuple[float, float] | None = (0.0, 1.0),
    note: str = "",
    synthetic: str = "",
    theme: FigureTheme = FigureTheme.LIGHT,
) -> Figure:
    """One panel per `panel`, one line per `line`, over `x` with intervals.

    Parameters
    ----------
    points : DataFrame
        `panel, line, x, value, low, high`. Where an `x` of a panel is text, they stand in their order.
    x_label : str, or mapping of panel → str
    y_label : str
    limits : (float, float), optional
        Of the values' axis.
    note, synthetic : str
        Below and above the figure.
    theme : FigureTheme
    """
    panels = list(dict.fromkeys(points["panel"]))
    lines = list(dict.fromkeys(points["line"]))
    cols = min(_PANELS_PER_ROW, len(panels))
    rows = -(-len(panels) // cols)
    figure, palette = new_figure(theme, (_PANEL_INCHES[0] * cols + 0.6, _PANEL_INCHES[1] * rows + 0.5))
    for number, panel in enumerate(panels, start=1):
        axes = add_axes(figure, palette, rows, cols, number)
        own = points[points["panel"] == panel]
        is_text = any(isinstance(x, str) for x in own["x"])
        places = {x: float(n) if is_text else float(x) for n, x in enumerate(dict.fromkeys(own["x"]))}
        step = np.ptp(list(places.values())) / max(len(places) - 1, 1) or 1.0
        for index, line in enumerate(lines):
            part = own[own["line"] == line]
            offset = (index - (len(lines) - 1) / 2) * _SIDESTEP * step
            _draw_line(
                axes, part, [places[x] + offset for x in part["x"]], palette, index, line if len(lines) > 1 else ""
            )
        axes.set_xticks(list(places.values()), [str(x) if is_text else f"{x:g}" for x in places])
        if is_text and len(places) > 3:
            axes.tick_params(axis="x", labelrotation=30)
        axes.set_title(str(panel), fontsize=LABEL_PT, color=palette.foreground)
        axes.set_xlabel(x_label if isinstance(x_label, str) else x_label[str(panel)], fontsize=LABEL_PT)
        axes.set_ylabel(y_label if number % cols == 1 or cols == 1 else "", fontsize=LABEL_PT)
        if limits is not None:
            axes.set_ylim(*limits)
        axes.grid(axis="y", color=palette.grid, linewidth=0.6)
        if number == 1 and len(lines) > 1:
            draw_legend(axes, palette)
    write_texts(figure, note, synthetic, palette)
    return figure


def tradeoff_figure(
    points: pd.DataFrame,
    x_label: str,
    y_label: str,
    *,
    note: str = "",
    synthetic: str = "",
    theme: FigureTheme = FigureTheme.LIGHT,
) -> Figure:
    """Two measures against each other, a cross of intervals per point, points of one line joined and named.

    `points` has `line, name, x, x_low, x_high, y, y_low, y_high`.
    """
    figure, palette = new_figure(theme, (5.2, 4.2))
    axes = add_axes(figure, palette)
    for index, line in enumerate(dict.fromkeys(points["line"])):
        own = points[points["line"] == line]
        colour = palette.cycle[index % len(palette.cycle)]
        axes.errorbar(
            own["x"],
            own["y"],
            xerr=interval_arms(own["x"], own["x_low"], own["x_high"]),
            yerr=interval_arms(own["y"], own["y_low"], own["y_high"]),
            color=colour,
            marker=MARKERS[index % len(MARKERS)],
            linestyle=LINE_STYLES[index % len(LINE_STYLES)],
            linewidth=1.2,
            elinewidth=0.6,
            markersize=5,
            label=str(line),
        )
        for name, x, y in zip(own["name"], own["x"], own["y"], strict=True):
            place = _NAME_PLACES[index % len(_NAME_PLACES)]
            axes.annotate(str(name), (x, y), place, textcoords="offset points", fontsize=NOTE_PT, color=colour)
    axes.set_xlabel(x_label, fontsize=LABEL_PT)
    axes.set_ylabel(y_label, fontsize=LABEL_PT)
    axes.grid(color=palette.grid, linewidth=0.6)
    draw_legend(axes, palette)
    write_texts(figure, note, synthetic, palette)
    return figure


def matrix_figure(
    table: pd.DataFrame,
    label: str,
    *,
    texts: pd.DataFrame | None = None,
    row_label: str = "",
    col_label: str = "",
    limits: tuple[float, float] = (0.0, 1.0),
    note: str = "",
    synthetic: str = "",
    theme: FigureTheme = FigureTheme.LIGHT,
) -> Figure:
    """A table of values as tiles: its index down, its columns across, the value (or `texts`) written in each."""
    rows, cols = table.shape
    figure, palette = new_figure(theme, (3.4 + 1.3 * cols, 1.8 + 0.6 * rows))
    axes = add_axes(figure, palette)
    values = table.to_numpy(dtype=np.float64)
    image = axes.imshow(values, cmap="cividis", vmin=limits[0], vmax=limits[1], aspect="auto")
    shown = texts if texts is not None else table.map(lambda value: f"{value:.2f}")
    middle = sum(limits) / 2
    for row in range(rows):
        for col in range(cols):
            colour = "#000000" if values[row, col] > middle else "#ffffff"
            axes.text(col, row, str(shown.iat[row, col]), ha="center", va="center", fontsize=NOTE_PT + 1, color=colour)
    axes.set_xticks(range(cols), [textwrap.fill(str(name), _COLUMN_CHARS) for name in table.columns])
    axes.set_yticks(range(rows), [textwrap.fill(str(name), _ROW_CHARS) for name in table.index])
    axes.set_xlabel(col_label, fontsize=LABEL_PT)
    axes.set_ylabel(row_label, fontsize=LABEL_PT)
    bar = figure.colorbar(image, ax=axes)
    bar.set_label(label, fontsize=LABEL_PT, color=palette.foreground)
    bar.ax.tick_params(colors=palette.foreground, labelsize=NOTE_PT)
    write_texts(figure, note, synthetic, palette)
    return figure


def _draw_line(axes: Axes, part: pd.DataFrame, x: Sequence[float], palette: Palette, index: int, label: str) -> None:
    axes.errorbar(
        x,
        part["value"],
        yerr=interval_arms(part["value"], part["low"], part["high"]),
        color=palette.cycle[index % len(palette.cycle)],
        marker=MARKERS[index % len(MARKERS)],
        linestyle=LINE_STYLES[index % len(LINE_STYLES)],
        linewidth=1.4,
        elinewidth=0.9,
        capsize=2.5,
        markersize=4.5,
        clip_on=False,
        label=label or None,
    )


def interval_arms(value: pd.Series, low: pd.Series, high: pd.Series) -> npt.NDArray[np.float64]:
    """Lengths (2, N) of an interval's arms below and above the value; 0 where there is no interval."""
    below, above = (value - low).to_numpy(dtype=np.float64), (high - value).to_numpy(dtype=np.float64)
    return np.asarray(np.nan_to_num(np.clip(np.stack([below, above]), 0, None)), dtype=np.float64)


def write_texts(figure: Figure, note: str, synthetic: str, palette: Palette) -> None:
    """A note below the figure, and above it what must be known of synthetic data; either may be empty."""
    if synthetic:
        figure.suptitle(synthetic, fontsize=LABEL_PT, color=palette.foreground, fontweight="bold")
    if note:
        figure.supxlabel(note, fontsize=NOTE_PT, color=palette.muted)
