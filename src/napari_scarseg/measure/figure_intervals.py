"""The figure of many estimates with their intervals, a line each: effects, or how far two measurements agree."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from napari_scarseg.measure.figure_frame import LABEL_PT, NOTE_PT, add_axes, new_figure
from napari_scarseg.measure.themes import FigureTheme

_WIDTH_INCHES = 5.6
_LINE_INCHES = 0.24
_MARGIN_INCHES = 1.5


def interval_figure(
    estimates: pd.DataFrame,
    label: str,
    *,
    reference: float | None = 0.0,
    limits: tuple[float, float] | None = None,
    texts: Sequence[str] = (),
    note: str = "",
    synthetic: str = "",
    theme: FigureTheme = FigureTheme.LIGHT,
) -> Figure:
    """Draw one estimate per line with its interval, in the table's order from above.

    Parameters
    ----------
    estimates : DataFrame
        `name, value, low, high`; an interval that is NaN is not drawn.
    label : str
        Of the axis.
    reference : float, optional
        Where a line marks "nothing".
    limits : (float, float), optional
        Of the axis.
    texts : sequence of str, as many as lines
        Written on the right of each.
    note, synthetic : str
        Below and above the figure.
    theme : FigureTheme
    """
    n = len(estimates)
    figure, palette = new_figure(theme, (_WIDTH_INCHES, _MARGIN_INCHES + _LINE_INCHES * max(n, 1)))
    axes = add_axes(figure, palette)
    lines = np.arange(n)
    if reference is not None:
        axes.axvline(reference, color=palette.muted, linewidth=0.9, linestyle="--")
    has_interval = np.isfinite(estimates[["low", "high"]].to_numpy(dtype=np.float64)).all(axis=1)
    drawn = estimates[has_interval]
    axes.hlines(lines[has_interval], drawn["low"], drawn["high"], color=palette.cycle[0], linewidth=1.8)
    axes.scatter(estimates["value"], lines, s=24, c=palette.cycle[0], zorder=3)
    axes.set_yticks(lines, [str(name) for name in estimates["name"]])
    axes.set_ylim(n - 0.4, -0.6)
    if limits is not None:
        axes.set_xlim(*limits)
    axes.set_xlabel(label, fontsize=LABEL_PT)
    axes.locator_params(axis="x", nbins=6)
    axes.grid(axis="x", color=palette.grid, linewidth=0.6)
    if texts:
        right = axes.secondary_yaxis("right")
        right.set_yticks(lines, list(texts))
        right.tick_params(colors=palette.muted, labelsize=NOTE_PT, length=0)
        right.spines["right"].set_visible(False)
    if synthetic:
        figure.suptitle(synthetic, fontsize=LABEL_PT, color=palette.foreground, fontweight="bold")
    if note:
        figure.supxlabel(note, fontsize=NOTE_PT, color=palette.muted)
    return figure
