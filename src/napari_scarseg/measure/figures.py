"""Figures of measures, through matplotlib's object interface: no pyplot, so no window, no global state and no Qt."""

from enum import StrEnum
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cbook import boxplot_stats
from matplotlib.collections import Collection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from napari_scarseg.measure.features import feature
from napari_scarseg.measure.figure_groups import FigureGroup, empty_text, row_unit, split_groups, synthetic_text
from napari_scarseg.measure.themes import FigureTheme, Palette, palette_of

# Below these, a box has no quartiles of its own and a violin's shape is invention.
SMALLEST_BOX_N = 5
SMALLEST_VIOLIN_N = 10

_SIZE_INCHES = (4.8, 3.6)
_LABEL_PT = 9
_FEW_GROUPS = 3
_NOTE_PT = 7
_BOX_WIDTH = 0.55
_JITTER_WIDTH = 0.36
_GOLDEN = (5**0.5 - 1) / 2


class PlotKind(StrEnum):
    """How a distribution is drawn. Every kind but `ECDF` shows each row as a point."""

    BOX = "box"
    VIOLIN = "violin"
    ECDF = "ecdf"


def distribution_figure(
    table: pd.DataFrame,
    feature_name: str,
    *,
    group: str = "phase",
    theme: FigureTheme = FigureTheme.LIGHT,
    kind: PlotKind = PlotKind.BOX,
) -> Figure:
    """Draw how one feature is distributed in each group.

    A box is drawn from 5 rows on (below that the points and their median), a violin from 10 on (below that a box).
    Lesions under 25 px are hollow points. Where there is nothing to draw the figure says why. The same table gives
    the same picture.

    Parameters
    ----------
    table : DataFrame
        From `measure_labels`, `summarise_lesions` or `summarise_patients`.
    feature_name : str
        A name in the registry of features.
    group : str
        Column whose values are the groups.
    theme : FigureTheme
    kind : PlotKind

    Returns
    -------
    Figure
        On an Agg canvas; a GUI may put its own canvas on it. Its rows and patients per group are printed, and a
        table of phantoms says that it is synthetic.

    Raises
    ------
    InputError
        If the feature or the column to group by does not exist, or a feature's column holds text.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"phase": ["acute"] * 6, "patient": list("aabbcc"), "area_px": [9, 12, 30, 31, 40, 55]})
    >>> figure = distribution_figure(table, "area_px")
    >>> figure.axes[0].get_ylabel()
    'Area (px)'
    """
    palette = palette_of(theme)
    figure, axes = _new_figure(palette)
    groups = split_groups(table, (feature_name,), group, palette)
    if not groups:
        return _finish_empty(figure, axes, palette, empty_text(table, (feature_name,)))
    unit = row_unit(table)
    label = feature(feature_name).axis_label
    if kind is PlotKind.ECDF:
        _draw_ecdf(axes, groups, palette, unit)
        axes.set_xlabel(label, fontsize=_LABEL_PT)
        axes.set_ylabel(f"Share of {unit}", fontsize=_LABEL_PT)
    else:
        _draw_distributions(axes, groups, palette, unit, kind)
        axes.set_ylabel(label, fontsize=_LABEL_PT)
    _write_notes(figure, table, _notes(groups, unit, points_drawn=kind is not PlotKind.ECDF), palette)
    return figure


def scatter_figure(
    table: pd.DataFrame,
    x_feature: str,
    y_feature: str,
    *,
    group: str = "phase",
    theme: FigureTheme = FigureTheme.LIGHT,
) -> Figure:
    """Draw one feature against another, one point per row, a colour and a marker per group.

    Parameters and errors are those of `distribution_figure`.
    """
    palette = palette_of(theme)
    figure, axes = _new_figure(palette)
    names = (x_feature, y_feature)
    groups = split_groups(table, names, group, palette)
    if not groups:
        return _finish_empty(figure, axes, palette, empty_text(table, names))
    unit = row_unit(table)
    for one in groups:
        _draw_points(axes, one, one.values[:, 0], one.values[:, 1], palette, label=_count_text(one, unit))
    axes.set_xlabel(feature(x_feature).axis_label, fontsize=_LABEL_PT)
    axes.set_ylabel(feature(y_feature).axis_label, fontsize=_LABEL_PT)
    axes.grid(color=palette.grid, linewidth=0.6)
    _draw_legend(axes, palette)
    _write_notes(figure, table, _notes(groups, unit, points_drawn=True), palette)
    return figure


def jitter_offsets(n: int, width: float = _JITTER_WIDTH) -> npt.NDArray[np.float64]:
    """Sideways offsets (n,) for points in a column, evenly spread over ±`width` / 2 and the same every time.

    Multiples of the golden ratio modulo 1: neighbouring rows never fall on one spot.
    """
    return np.asarray(((np.arange(n) * _GOLDEN + 0.5) % 1 - 0.5) * width)


def _new_figure(palette: Palette) -> tuple[Figure, Axes]:
    figure = Figure(figsize=_SIZE_INCHES, dpi=150, layout="constrained", facecolor=palette.background)
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_facecolor(palette.background)
    axes.set_axisbelow(True)
    axes.tick_params(colors=palette.foreground, labelsize=_LABEL_PT - 1)
    axes.xaxis.label.set_color(palette.foreground)
    axes.yaxis.label.set_color(palette.foreground)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(palette.muted)
    return figure, axes


def _draw_distributions(axes: Axes, groups: list[FigureGroup], palette: Palette, unit: str, kind: PlotKind) -> None:
    for position, one in enumerate(groups):
        values = one.values[:, 0]
        if kind is PlotKind.VIOLIN and one.n >= SMALLEST_VIOLIN_N and np.ptp(values) > 0:
            _draw_violin(axes, values, position, one.colour)
        elif one.n >= SMALLEST_BOX_N:
            _draw_box(axes, values, position, one.colour, palette)
        else:
            half = _BOX_WIDTH / 2
            axes.hlines(np.median(values), position - half, position + half, color=palette.foreground, linewidth=1.6)
        _draw_points(axes, one, position + jitter_offsets(one.n), values, palette, label="")
    _label_groups(axes, groups, unit)
    axes.set_xlim(-0.6, len(groups) - 0.4)
    axes.grid(axis="y", color=palette.grid, linewidth=0.6)


def _label_groups(axes: Axes, groups: list[FigureGroup], unit: str) -> None:
    """Name and n under each group; shorter and upright where there are many."""
    if len(groups) <= _FEW_GROUPS:
        texts = [_narrow_count_text(one, unit) for one in groups]
    else:
        texts = [f"{one.label} (n = {one.n})" for one in groups]
    axes.set_xticks(range(len(groups)), texts, rotation=0 if len(groups) <= _FEW_GROUPS else 90)


def _draw_box(axes: Axes, values: npt.NDArray[np.float64], position: float, colour: str, palette: Palette) -> None:
    # Drawn by hand: `Axes.boxplot` reads every setting of matplotlib, the backend among them, and that imports pyplot.
    (stats,) = boxplot_stats(values)
    line: dict[str, Any] = {"color": palette.foreground, "linewidth": 1.0}
    left, right = position - _BOX_WIDTH / 2, position + _BOX_WIDTH / 2
    axes.add_patch(
        Rectangle(
            (left, stats["q1"]),
            _BOX_WIDTH,
            stats["q3"] - stats["q1"],
            facecolor=f"{colour}38",
            edgecolor=palette.foreground,
            linewidth=1.0,
        )
    )
    axes.vlines([position, position], [stats["whislo"], stats["q3"]], [stats["q1"], stats["whishi"]], **line)
    axes.hlines([stats["whislo"], stats["whishi"]], position - _BOX_WIDTH / 4, position + _BOX_WIDTH / 4, **line)
    axes.hlines(stats["med"], left, right, color=palette.foreground, linewidth=1.8)


def _draw_violin(axes: Axes, values: npt.NDArray[np.float64], position: float, colour: str) -> None:
    # matplotlib cuts it at the smallest and largest value: no shape where no lesion is
    parts = axes.violinplot([values], positions=[position], widths=0.8, showextrema=False, showmedians=True)
    for body in cast("list[Collection]", parts["bodies"]):
        body.set(facecolor=f"{colour}38", edgecolor=colour, alpha=None)
    parts["cmedians"].set(color=colour, linewidth=1.8)


def _draw_ecdf(axes: Axes, groups: list[FigureGroup], palette: Palette, unit: str) -> None:
    for one in groups:
        axes.ecdf(
            one.values[:, 0],
            color=one.colour,
            linestyle=one.line_style,
            linewidth=1.8,
            label=_count_text(one, unit),
        )
    axes.set_ylim(0, 1.02)
    axes.grid(color=palette.grid, linewidth=0.6)
    _draw_legend(axes, palette)


def _draw_points(
    axes: Axes,
    one: FigureGroup,
    x: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64],
    palette: Palette,
    label: str,
) -> None:
    """Points of one group: small lesions hollow, others filled."""
    faces = [palette.background if small else one.colour for small in one.is_small]
    axes.scatter(x, y, s=20, marker=one.marker, c=faces, edgecolors=one.colour, linewidths=0.9, alpha=0.9, zorder=3)
    if label:
        axes.scatter([], [], s=24, marker=one.marker, c=one.colour, edgecolors=one.colour, label=label)


def _draw_legend(axes: Axes, palette: Palette) -> None:
    axes.legend(
        fontsize=_NOTE_PT + 1,
        labelcolor=palette.foreground,
        facecolor=palette.background,
        edgecolor=palette.grid,
        framealpha=0.85,
    )


def _count_text(one: FigureGroup, unit: str) -> str:
    """Legend entry of a group with its n, e.g. "acute, n = 12 lesion slices, 3 patients"."""
    return f"{one.label}, n = {one.n} {unit}{_patients_text(one, unit, ', ')}"


def _narrow_count_text(one: FigureGroup, unit: str) -> str:
    """The same on short lines that fit side by side in a narrow dock; a note below says what n counts."""
    return f"{one.label}\nn = {one.n}{_patients_text(one, unit, chr(10))}"


def _patients_text(one: FigureGroup, unit: str, before: str) -> str:
    if not one.n_patients or unit == "patients":
        return ""
    return f"{before}{one.n_patients} patient{'' if one.n_patients == 1 else 's'}"


def _notes(groups: list[FigureGroup], unit: str, *, points_drawn: bool) -> str:
    """What a reader must know about the points."""
    dependent = any(one.n > one.n_patients > 0 for one in groups) and unit != "patients"
    notes = [f"n: {unit}, not independent in one patient" if dependent else f"n: {unit}"]
    if points_drawn and any(one.is_small.any() for one in groups):
        notes.append("hollow: under 25 px, shape uncertain")
    return "\n".join(notes)


def _write_notes(figure: Figure, table: pd.DataFrame, note: str, palette: Palette) -> None:
    synthetic = synthetic_text(table)
    if synthetic:
        figure.suptitle(synthetic, fontsize=_LABEL_PT, color=palette.foreground, fontweight="bold")
    if note:
        figure.supxlabel(note, fontsize=_NOTE_PT, color=palette.muted)


def _finish_empty(figure: Figure, axes: Axes, palette: Palette, text: str) -> Figure:
    """A figure that says why it is empty."""
    axes.set_axis_off()
    axes.text(
        0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", fontsize=_LABEL_PT, color=palette.muted
    )
    return figure
