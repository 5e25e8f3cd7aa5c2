"""The figures of a comparison: each feature by group, and all effects with their intervals."""

import pandas as pd
from matplotlib.figure import Figure

from napari_scarseg.errors import InputError
from napari_scarseg.measure.features import feature
from napari_scarseg.measure.figure_intervals import interval_figure
from napari_scarseg.measure.figures import PlotKind, distribution_figure
from napari_scarseg.measure.statistics.comparison import Comparison
from napari_scarseg.measure.statistics.samples import Level
from napari_scarseg.measure.themes import FigureTheme


def compared_rows(comparison: Comparison) -> pd.DataFrame:
    """The rows that were compared, their groups in the column that the request names."""
    column = comparison.request.group
    rows = comparison.sample.rows
    if column == "group":
        return rows
    return rows.drop(columns=column, errors="ignore").rename(columns={"group": column})


def feature_figure(
    comparison: Comparison,
    feature_name: str,
    *,
    kind: PlotKind = PlotKind.BOX,
    theme: FigureTheme = FigureTheme.LIGHT,
) -> Figure:
    """One feature by group, with the test's q above.

    Raises
    ------
    InputError
        If the feature was not compared.
    """
    if feature_name not in comparison.features:
        raise InputError(f"{feature_name} was not compared; choose one of {', '.join(comparison.features)}.")
    figure = distribution_figure(
        compared_rows(comparison), feature_name, group=comparison.request.group, kind=kind, theme=theme
    )
    (row,) = comparison.results[comparison.results["feature"] == feature_name].to_dict("records")
    if comparison.request.level is Level.PATIENT:
        text = f"{row['rank_test']}: {_p_text('p', row['rank_p'])}, {_p_text('q', row['rank_q'])}"
    else:
        text = f"mixed model: {_p_text('p', row['mixed_p'])}, {_p_text('q', row['mixed_q'])}"
    axes = figure.axes[0]
    axes.set_title(text, fontsize=8, color=axes.xaxis.label.get_color())
    return figure


def effects_figure(comparison: Comparison, *, theme: FigureTheme = FigureTheme.LIGHT) -> Figure:
    """Cliff's delta (or the dominance within pairs) of every feature, with 95 % intervals and q.

    Raises
    ------
    InputError
        If lesions or slices were compared: their differences have units, and no common axis.
    """
    if comparison.request.level is not Level.PATIENT:
        raise InputError("Effects on one axis are of patients; compare at patient level.")
    results = comparison.results
    estimates = pd.DataFrame(
        {
            "name": [feature(name).axis_label for name in results["feature"]],
            "value": results["rank_effect"],
            "low": results["rank_effect_low"],
            "high": results["rank_effect_high"],
        }
    )
    first, second = comparison.sample.groups
    counts = comparison.sample.counts["n_patients"].tolist()
    return interval_figure(
        estimates,
        f"{results['rank_effect_name'].iloc[0]}: > 0 where {first} is larger",
        limits=(-1.05, 1.05),
        texts=[_p_text("q", q) for q in results["rank_q"]],
        note=f"{first}: {counts[0]} patients, {second}: {counts[1]}; 95 % intervals over patients",
        synthetic=comparison.synthetic,
        theme=theme,
    )


def _p_text(name: str, p: float) -> str:
    if p != p:
        return f"{name} not computed"
    return f"{name} < 0.001" if p < 0.001 else f"{name} = {p:.3f}"
