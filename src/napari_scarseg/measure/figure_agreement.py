"""The Bland–Altman figure: difference against mean of two measurements of the same things."""

import pandas as pd
from matplotlib.figure import Figure

from napari_scarseg.errors import InputError
from napari_scarseg.measure.agreement import limits_of_agreement
from napari_scarseg.measure.feature_maps import TooFewRowsError
from napari_scarseg.measure.features import feature
from napari_scarseg.measure.figure_frame import LABEL_PT, NOTE_PT, add_axes, finish_empty, new_figure, write_notes
from napari_scarseg.measure.figure_groups import feature_values
from napari_scarseg.measure.texts import number_text
from napari_scarseg.measure.themes import FigureTheme


def bland_altman_figure(
    pairs: pd.DataFrame,
    feature_name: str,
    *,
    names: tuple[str, str] = ("first", "second"),
    unit: str = "patients",
    theme: FigureTheme = FigureTheme.LIGHT,
) -> Figure:
    """Draw differences against means, with the bias, the limits of agreement and their 95 % intervals.

    Parameters
    ----------
    pairs : DataFrame
        Columns `<feature>_first` and `<feature>_second`, one row per thing measured twice; `cohort` where known.
    feature_name : str
        A name in the registry of features.
    names : (str, str)
        What the first and second measurement are called.
    unit : str
        What one row stands for.
    theme : FigureTheme

    Raises
    ------
    InputError
        If the feature does not exist or its columns are missing or hold text. Fewer than 5 pairs give a figure that
        says so.
    """
    spec = feature(feature_name)
    columns = (f"{feature_name}_first", f"{feature_name}_second")
    if any(column not in pairs for column in columns):
        raise InputError(f"The pairs have no column {columns[0]} or {columns[1]}; pair two tables that were measured.")
    a, b = (feature_values(pairs, column) for column in columns)
    figure, palette = new_figure(theme)
    axes = add_axes(figure, palette)
    try:
        limits = limits_of_agreement(a, b)
    except TooFewRowsError as error:
        return finish_empty(figure, axes, pairs, palette, str(error).replace("; ", ";\n"))
    colour = palette.cycle[0]
    mean, difference = (a + b) / 2, b - a
    axes.scatter(mean, difference, s=20, c=colour, edgecolors=colour, alpha=0.85, zorder=3)
    for value, style, half in (
        (limits.bias, "-", (limits.bias_high - limits.bias_low) / 2),
        (limits.lower, "--", limits.limit_half_width),
        (limits.upper, "--", limits.limit_half_width),
    ):
        axes.axhline(value, color=palette.foreground, linestyle=style, linewidth=1.2)
        axes.axhspan(value - half, value + half, color=colour, alpha=0.15, linewidth=0)
        axes.annotate(
            number_text(value),
            (1, value),
            xycoords=("axes fraction", "data"),
            xytext=(-2, 2),
            textcoords="offset points",
            ha="right",
            fontsize=NOTE_PT,
            color=palette.foreground,
        )
    axes.axhline(0, color=palette.muted, linewidth=0.6, linestyle=":")
    axes.set_xlabel(f"Mean of both: {spec.axis_label}", fontsize=LABEL_PT)
    axes.set_ylabel(f"{names[1]} − {names[0]}{f' ({spec.unit})' if spec.unit else ''}", fontsize=LABEL_PT)
    axes.grid(color=palette.grid, linewidth=0.6)
    note = f"n = {limits.n} {unit}; line: bias, dashed: 95 % limits of agreement, bands: their 95 % intervals"
    write_notes(figure, pairs, note, palette)
    return figure
