"""Figures of many features at once: the correlation map and the principal components."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from napari_scarseg.measure.feature_maps import Projection, TooFewRowsError, correlate_features, project_features
from napari_scarseg.measure.features import feature
from napari_scarseg.measure.figure_frame import (
    LABEL_PT,
    NOTE_PT,
    add_axes,
    count_text,
    draw_legend,
    draw_points,
    finish_empty,
    group_notes,
    new_figure,
    write_notes,
)
from napari_scarseg.measure.figure_groups import row_unit, split_groups
from napari_scarseg.measure.themes import FigureTheme, Palette

# Blue to red through white; told apart in all common colour deficiencies, and each cell has its number.
_CORRELATION_COLOURS = "RdBu_r"
_CELL_INCHES = 0.42
_MARGIN_INCHES = 2.2
_MOST_NUMBERED = 16
_DARK_CELL = 0.6
_SCATTER_ARROWS = 8
_ARROW_SHARE = 0.8


def correlation_figure(
    table: pd.DataFrame, features: Sequence[str], *, theme: FigureTheme = FigureTheme.LIGHT
) -> Figure:
    """Draw Spearman's rank correlation of each pair of features (see `correlate_features`), a number in every cell.

    No p values: with many pairs some are small by chance, and rows of one patient are not independent.

    Raises
    ------
    InputError
        If a feature is not in the registry or its column holds text. Too few features or rows give a figure that says
        so.
    """
    try:
        rho = correlate_features(table, features)
    except TooFewRowsError as error:
        return _empty(table, theme, str(error))
    side = _MARGIN_INCHES + _CELL_INCHES * len(rho)
    figure, palette = new_figure(theme, (side, side))
    axes = add_axes(figure, palette)
    image = axes.imshow(rho.to_numpy(), cmap=_CORRELATION_COLOURS, vmin=-1, vmax=1)
    labels = [feature(str(name)).axis_label for name in rho.columns]
    axes.set_xticks(range(len(rho)), labels, rotation=90)
    axes.set_yticks(range(len(rho)), labels)
    for spine in axes.spines.values():
        spine.set_visible(False)
    if len(rho) <= _MOST_NUMBERED:
        _write_cells(axes, rho.to_numpy(), palette)
    bar = figure.colorbar(image, ax=axes, shrink=0.6)
    bar.set_label("Spearman's ρ", color=palette.foreground, fontsize=LABEL_PT)
    bar.ax.tick_params(colors=palette.foreground, labelsize=LABEL_PT - 1)
    unit = row_unit(table)
    note = f"{len(table)} {unit}" + ("" if unit == "patients" else ", not independent in one patient")
    write_notes(figure, table, note, palette)
    return figure


def pca_figure(
    table: pd.DataFrame,
    features: Sequence[str],
    *,
    group: str = "phase",
    theme: FigureTheme = FigureTheme.LIGHT,
    marked: npt.NDArray[np.bool_] | None = None,
) -> Figure:
    """Draw the rows along their first two principal components (see `project_features`), with the loadings as arrows.

    Components show what varies most, not what tells groups apart. Parameters and errors are those of
    `distribution_figure`; too few features or rows give a figure that says so.
    """
    try:
        projection = project_features(table, features)
    except TooFewRowsError as error:
        return _empty(table, theme, str(error))
    figure, palette = new_figure(theme)
    axes = add_axes(figure, palette)
    used = tuple(projection.loadings["feature"])
    groups = split_groups(table, used, group, palette, marked)
    scores = projection.scores.set_index("row")
    unit = row_unit(table)
    for one in groups:
        here = scores.loc[one.rows]
        draw_points(axes, one, here["pc1"].to_numpy(), here["pc2"].to_numpy(), palette, count_text(one, unit))
    _draw_loadings(axes, projection, palette)
    first, second = projection.explained
    axes.set_xlabel(f"Component 1 ({first:.0%} of the variance)", fontsize=LABEL_PT)
    axes.set_ylabel(f"Component 2 ({second:.0%} of the variance)", fontsize=LABEL_PT)
    axes.grid(color=palette.grid, linewidth=0.6)
    draw_legend(axes, palette, above=True)
    notes = [group_notes(groups, unit, points_drawn=True), f"{len(used)} standardised features; arrows: loadings"]
    write_notes(figure, table, "\n".join(notes), palette)
    return figure


def _write_cells(axes: Axes, rho: npt.NDArray[np.float64], palette: Palette) -> None:
    for (row, col), value in np.ndenumerate(rho):
        empty = not np.isfinite(value)
        # On white cells black, on the dark ends white, whatever the theme.
        colour = palette.muted if empty else ("#ffffff" if abs(value) > _DARK_CELL else "#1a1a1a")
        text = "–" if empty else f"{value:.2f}".replace("-", "−")
        axes.text(col, row, text, ha="center", va="center", fontsize=NOTE_PT - 1, color=colour)


def _draw_loadings(axes: Axes, projection: Projection, palette: Palette) -> None:
    """Arrows of the longest loadings, scaled into the cloud."""
    loadings = projection.loadings.assign(length=np.hypot(projection.loadings["pc1"], projection.loadings["pc2"]))
    longest = loadings.nlargest(_SCATTER_ARROWS, "length")
    reach = projection.scores[["pc1", "pc2"]].abs().to_numpy().max() * _ARROW_SHARE / loadings["length"].max()
    for name, x, y in zip(longest["feature"], longest["pc1"] * reach, longest["pc2"] * reach, strict=True):
        axes.annotate(
            "", (x, y), (0, 0), arrowprops={"arrowstyle": "->", "color": palette.muted, "linewidth": 0.9}, zorder=2
        )
        axes.annotate(
            feature(str(name)).title,
            (x, y),
            xytext=(3 if x >= 0 else -3, 3 if y >= 0 else -3),
            textcoords="offset points",
            ha="left" if x >= 0 else "right",
            va="bottom" if y >= 0 else "top",
            fontsize=NOTE_PT - 1,
            color=palette.muted,
        )


def _empty(table: pd.DataFrame, theme: FigureTheme, text: str) -> Figure:
    figure, palette = new_figure(theme)
    return finish_empty(figure, add_axes(figure, palette), table, palette, text.replace("; ", ";\n"))
