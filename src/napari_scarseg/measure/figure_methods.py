"""Figure of methods side by side: names down the page, a mark with its interval for each."""

import textwrap

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from napari_scarseg.measure.figure_curves import interval_arms, write_texts
from napari_scarseg.measure.figure_frame import LABEL_PT, NOTE_PT, add_axes, new_figure
from napari_scarseg.measure.themes import MARKERS, FigureTheme

_PANEL_INCHES = 2.6
_NAME_INCHES = 2.2
_LEGEND_INCHES = 1.2
_ROW_INCHES = 0.42
_PANELS_PER_ROW = 3
_NAME_CHARS = 26
# Marks of one name stand below each other by this share of a row.
_SIDESTEP = 0.2


def methods_figure(
    points: pd.DataFrame,
    *,
    note: str = "",
    synthetic: str = "",
    theme: FigureTheme = FigureTheme.LIGHT,
) -> Figure:
    """One panel per measure, one row per method, with intervals.

    Parameters
    ----------
    points : DataFrame
        `panel, line, name, value, low, high`: the measure, what is told by colour and mark, and the row. Names stand in
        their order, the first one on top.
    note, synthetic : str
        Below and above the figure.
    theme : FigureTheme
    """
    panels, lines, names = (list(dict.fromkeys(points[column])) for column in ("panel", "line", "name"))
    cols = min(_PANELS_PER_ROW, len(panels))
    rows = -(-len(panels) // cols)
    height = rows * (0.9 + _ROW_INCHES * len(names)) + 0.4
    width = _NAME_INCHES + _PANEL_INCHES * cols + (_LEGEND_INCHES if len(lines) > 1 else 0)
    figure, palette = new_figure(theme, (width, height))
    for number, panel in enumerate(panels, start=1):
        axes = add_axes(figure, palette, rows, cols, number)
        for index, line in enumerate(lines):
            part = points[(points["panel"] == panel) & (points["line"] == line)]
            offset = (index - (len(lines) - 1) / 2) * _SIDESTEP
            axes.errorbar(
                part["value"],
                [names.index(name) + offset for name in part["name"]],
                xerr=interval_arms(part["value"], part["low"], part["high"]),
                color=palette.cycle[index % len(palette.cycle)],
                marker=MARKERS[index % len(MARKERS)],
                linestyle="none",
                elinewidth=0.9,
                capsize=2.5,
                markersize=4.5,
                clip_on=False,
                label=str(line) if len(lines) > 1 else None,
            )
        shown = [textwrap.fill(str(name), _NAME_CHARS) for name in names]
        axes.set_yticks(range(len(names)), shown if number % cols == 1 or cols == 1 else [""] * len(names))
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_title(textwrap.fill(str(panel), _NAME_CHARS), fontsize=LABEL_PT, color=palette.foreground)
        axes.grid(axis="both", color=palette.grid, linewidth=0.6)
        if axes.get_xlim()[0] < 0 <= points.loc[points["panel"] == panel, "low"].min():
            axes.set_xlim(left=0)
        axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    if len(lines) > 1:
        # Not in a panel, where it would hide an interval, nor above, where the warning of synthetic data is.
        marks, titles = figure.axes[0].get_legend_handles_labels()
        legend = figure.legend(marks, titles, loc="outside right upper", fontsize=NOTE_PT + 1)
        legend.set_frame_on(False)
        for text in legend.get_texts():
            text.set_color(palette.foreground)
    write_texts(figure, note, synthetic, palette)
    return figure
