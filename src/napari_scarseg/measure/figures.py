"""Figures of measures, through matplotlib's object interface: no pyplot, so no window, no global state and no Qt."""

from enum import StrEnum
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cbook import boxplot_stats
from matplotlib.collections import Collection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from napari_scarseg.measure.features import feature
from napari_scarseg.measure.figure_frame import (
    LABEL_PT,
    add_axes,
    count_text,
    draw_legend,
    draw_points,
    finish_empty,
    group_notes,
    jitter_offsets,
    narrow_count_text,
    new_figure,
    write_notes,
)
from napari_scarseg.measure.figure_groups import FigureGroup, empty_text, row_unit, split_groups
from napari_scarseg.measure.themes import FigureTheme, Palette, palette_of

# Below these, a box has no quartiles of its own and a violin's shape is invention.
SMALLEST_BOX_N = 5
SMALLEST_VIOLIN_N = 10

_FEW_GROUPS = 3
_BOX_WIDTH = 0.55

# Of a raincloud, to the right of the group's place: half a violin; at it a narrow box; to the left the points.
_CLOUD_WIDTH = 0.42
_RAIN_BOX_WIDTH = 0.12
RAIN_SHIFT = -0.26
_RAIN_WIDTH = 0.22


class PlotKind(StrEnum):
    """How a distribution is drawn. Every kind but `ECDF` shows each row as a point."""

    BOX = "box"
    VIOLIN = "violin"
    ECDF = "ecdf"
    RAINCLOUD = "raincloud"


def distribution_figure(
    table: pd.DataFrame,
    feature_name: str,
    *,
    group: str = "phase",
    theme: FigureTheme = FigureTheme.LIGHT,
    kind: PlotKind = PlotKind.BOX,
    marked: npt.NDArray[np.bool_] | None = None,
) -> Figure:
    """Draw how one feature is distributed in each group.

    A box is drawn from 5 rows on (below that the points and their median), a violin and the cloud of a raincloud from
    10 on (below that a box). Lesions under 25 px are hollow points. Where there is nothing to draw the figure says
    why. The same table gives the same picture.

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
    marked : ndarray of bool, (rows,), optional
        Rows to stand out among the others: a ring round their points, in an ECDF a line at their values.

    Returns
    -------
    Figure
        On an Agg canvas; a GUI may put its own canvas on it. Its rows and patients per group are printed, and a
        table of phantoms says that it is synthetic.

    Raises
    ------
    InputError
        If the feature or the column to group by does not exist, a feature's column holds text, or `marked` has another
        length than the table.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"phase": ["acute"] * 6, "patient": list("aabbcc"), "area_px": [9, 12, 30, 31, 40, 55]})
    >>> figure = distribution_figure(table, "area_px")
    >>> figure.axes[0].get_ylabel()
    'Area (px)'
    """
    figure, palette = new_figure(theme)
    axes = add_axes(figure, palette)
    groups = split_groups(table, (feature_name,), group, palette, marked)
    if not groups:
        return finish_empty(figure, axes, table, palette, empty_text(table, (feature_name,)))
    unit = row_unit(table)
    label = feature(feature_name).axis_label
    if kind is PlotKind.ECDF:
        _draw_ecdf(axes, groups, palette, unit)
        axes.set_xlabel(label, fontsize=LABEL_PT)
        axes.set_ylabel(f"Share of {unit}", fontsize=LABEL_PT)
    else:
        _draw_distributions(axes, groups, palette, unit, kind)
        axes.set_ylabel(label, fontsize=LABEL_PT)
    write_notes(figure, table, group_notes(groups, unit, points_drawn=kind is not PlotKind.ECDF), palette)
    return figure


def scatter_figure(
    table: pd.DataFrame,
    x_feature: str,
    y_feature: str,
    *,
    group: str = "phase",
    theme: FigureTheme = FigureTheme.LIGHT,
    marked: npt.NDArray[np.bool_] | None = None,
) -> Figure:
    """Draw one feature against another, one point per row, a colour and a marker per group.

    Parameters and errors are those of `distribution_figure`.
    """
    figure, palette = new_figure(theme)
    axes = add_axes(figure, palette)
    names = (x_feature, y_feature)
    groups = split_groups(table, names, group, palette, marked)
    if not groups:
        return finish_empty(figure, axes, table, palette, empty_text(table, names))
    unit = row_unit(table)
    for one in groups:
        draw_points(axes, one, one.values[:, 0], one.values[:, 1], palette, label=count_text(one, unit))
    axes.set_xlabel(feature(x_feature).axis_label, fontsize=LABEL_PT)
    axes.set_ylabel(feature(y_feature).axis_label, fontsize=LABEL_PT)
    axes.grid(color=palette.grid, linewidth=0.6)
    draw_legend(axes, palette)
    write_notes(figure, table, group_notes(groups, unit, points_drawn=True), palette)
    return figure


def distribution_points(table: pd.DataFrame, feature_name: str, *, group: str = "phase") -> pd.DataFrame:
    """Where `distribution_figure` draws the point of each row: `row, group, x, y`, in the axes' units.

    `row` is the row's position in the table. Raincloud points lie `RAIN_SHIFT` further left and closer together.
    """
    groups = split_groups(table, (feature_name,), group, palette_of(FigureTheme.LIGHT))
    parts = [
        pd.DataFrame(
            {"row": one.rows, "group": one.label, "x": place + jitter_offsets(one.n), "y": one.values[:, 0]},
        )
        for place, one in enumerate(groups)
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["row", "group", "x", "y"])


def _draw_distributions(axes: Axes, groups: list[FigureGroup], palette: Palette, unit: str, kind: PlotKind) -> None:
    for place, one in enumerate(groups):
        values = one.values[:, 0]
        has_shape = one.n >= SMALLEST_VIOLIN_N and np.ptp(values) > 0
        if kind is PlotKind.RAINCLOUD and has_shape:
            _draw_cloud(axes, values, place, one.colour)
            _draw_box(axes, values, place, one.colour, palette, _RAIN_BOX_WIDTH)
            points = place + RAIN_SHIFT + jitter_offsets(one.n, _RAIN_WIDTH)
        elif kind is PlotKind.VIOLIN and has_shape:
            _draw_violin(axes, values, place, one.colour)
            points = place + jitter_offsets(one.n)
        else:
            _draw_box_or_median(axes, values, place, one.colour, palette)
            points = place + jitter_offsets(one.n)
        draw_points(axes, one, points, values, palette, label="")
    _label_groups(axes, groups, unit)
    axes.set_xlim(-0.6, len(groups) - 0.4)
    axes.grid(axis="y", color=palette.grid, linewidth=0.6)


def _draw_box_or_median(
    axes: Axes, values: npt.NDArray[np.float64], place: float, colour: str, palette: Palette
) -> None:
    if len(values) >= SMALLEST_BOX_N:
        _draw_box(axes, values, place, colour, palette, _BOX_WIDTH)
    else:
        half = _BOX_WIDTH / 2
        axes.hlines(np.median(values), place - half, place + half, color=palette.foreground, linewidth=1.6)


def _label_groups(axes: Axes, groups: list[FigureGroup], unit: str) -> None:
    """Name and n under each group; shorter and upright where there are many."""
    if len(groups) <= _FEW_GROUPS:
        texts = [narrow_count_text(one, unit) for one in groups]
    else:
        texts = [f"{one.label} (n = {one.n})" for one in groups]
    axes.set_xticks(range(len(groups)), texts, rotation=0 if len(groups) <= _FEW_GROUPS else 90)


def _draw_box(
    axes: Axes, values: npt.NDArray[np.float64], place: float, colour: str, palette: Palette, width: float
) -> None:
    # Drawn by hand: `Axes.boxplot` reads every setting of matplotlib, the backend among them, and that imports pyplot.
    (stats,) = boxplot_stats(values)
    line: dict[str, Any] = {"color": palette.foreground, "linewidth": 1.0}
    left, right = place - width / 2, place + width / 2
    axes.add_patch(
        Rectangle(
            (left, stats["q1"]),
            width,
            stats["q3"] - stats["q1"],
            facecolor=f"{colour}38",
            edgecolor=palette.foreground,
            linewidth=1.0,
        )
    )
    axes.vlines([place, place], [stats["whislo"], stats["q3"]], [stats["q1"], stats["whishi"]], **line)
    axes.hlines([stats["whislo"], stats["whishi"]], place - width / 4, place + width / 4, **line)
    axes.hlines(stats["med"], left, right, color=palette.foreground, linewidth=1.8)


def _draw_violin(axes: Axes, values: npt.NDArray[np.float64], place: float, colour: str) -> None:
    # matplotlib cuts it at the smallest and largest value: no shape where no lesion is
    parts = axes.violinplot([values], positions=[place], widths=0.8, showextrema=False, showmedians=True)
    for body in cast("list[Collection]", parts["bodies"]):
        body.set(facecolor=f"{colour}38", edgecolor=colour, alpha=None)
    parts["cmedians"].set(color=colour, linewidth=1.8)


def _draw_cloud(axes: Axes, values: npt.NDArray[np.float64], place: float, colour: str) -> None:
    """The right half of a violin, beside the box."""
    edge = place + _RAIN_BOX_WIDTH
    parts = axes.violinplot([values], positions=[edge], widths=_CLOUD_WIDTH * 2, showextrema=False, side="high")
    for body in cast("list[Collection]", parts["bodies"]):
        body.set(facecolor=f"{colour}38", edgecolor=colour, alpha=None)


def _draw_ecdf(axes: Axes, groups: list[FigureGroup], palette: Palette, unit: str) -> None:
    for one in groups:
        axes.ecdf(
            one.values[:, 0],
            color=one.colour,
            linestyle=one.line_style,
            linewidth=1.8,
            label=count_text(one, unit),
        )
        for value in one.values[one.is_marked, 0]:
            axes.axvline(value, color=palette.foreground, linewidth=1.0, linestyle=one.line_style)
    axes.set_ylim(0, 1.02)
    axes.grid(color=palette.grid, linewidth=0.6)
    draw_legend(axes, palette)
