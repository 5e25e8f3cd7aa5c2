"""Which figure of a table is drawn, and where in it each row lies. No Qt, no napari."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure

from napari_scarseg.measure import FeatureSpec
from napari_scarseg.measure.bullseye import bullseye_figure
from napari_scarseg.measure.feature_maps import TooFewRowsError, project_features
from napari_scarseg.measure.figure_frame import NOTE_PT, add_axes, finish_empty, new_figure
from napari_scarseg.measure.figure_groups import feature_values, synthetic_text
from napari_scarseg.measure.figure_maps import correlation_figure, pca_figure
from napari_scarseg.measure.figures import (
    RAIN_SHIFT,
    SMALLEST_VIOLIN_N,
    PlotKind,
    distribution_figure,
    distribution_points,
    scatter_figure,
)
from napari_scarseg.measure.segments import SEGMENTS_UNKNOWN
from napari_scarseg.measure.themes import FigureTheme, palette_of

_NO_POINTS = pd.DataFrame(columns=["row", "x", "y"])

# Points of a raincloud stand this much closer together than those beside a box.
_RAIN_NARROWNESS = 0.6


class FigureKind(StrEnum):
    """What a figure shows; the value is what the user reads."""

    BOX = "Box + points"
    RAINCLOUD = "Raincloud"
    VIOLIN = "Violin"
    ECDF = "ECDF"
    SCATTER = "Scatter"
    CORRELATION = "Correlation"
    COMPONENTS = "Components"
    BULLSEYE = "Bullseye"


# These show one feature, by group.
_DISTRIBUTIONS = {
    FigureKind.BOX: PlotKind.BOX,
    FigureKind.RAINCLOUD: PlotKind.RAINCLOUD,
    FigureKind.VIOLIN: PlotKind.VIOLIN,
    FigureKind.ECDF: PlotKind.ECDF,
}


# More features cannot be told apart in a dock.
_MOST_TOGETHER = 12
_LINE_LETTERS = 44


@dataclass(frozen=True, slots=True, eq=False)
class CaseSegments:
    """The left ventricle's segments of the case at hand.

    Parameters
    ----------
    case : str
    table : DataFrame or None
        From `measure_segments`.
    note : str
        Why there is none.
    """

    case: str
    table: pd.DataFrame | None
    note: str


@dataclass(frozen=True, slots=True)
class FigureChoice:
    """What the user wants to see.

    Parameters
    ----------
    kind : FigureKind
    feature : str
        A name in the registry.
    against : str
        The other feature of a scatter plot.
    group : str
        Column whose values are the groups.
    """

    kind: FigureKind = FigureKind.BOX
    feature: str = ""
    against: str = ""
    group: str = "phase"


def resolve_choice(wanted: FigureChoice, features: Sequence[FeatureSpec], groups: Sequence[str]) -> FigureChoice:
    """The choice that a table with these features and grouping columns can show: its first ones stand in for others.

    Parameters
    ----------
    features : sequence of FeatureSpec
        At least one.
    groups : sequence of str
    """
    names = [spec.name for spec in features]
    feature = wanted.feature if wanted.feature in names else names[0]
    others = [name for name in names if name != feature] or names
    against = wanted.against if wanted.against in names else others[0]
    group = wanted.group if wanted.group in groups else "phase"
    return FigureChoice(wanted.kind, feature, against, group)


def draw_choice(
    table: pd.DataFrame,
    choice: FigureChoice,
    *,
    theme: FigureTheme,
    marked: npt.NDArray[np.bool_] | None = None,
    features: Sequence[FeatureSpec] = (),
    segments: CaseSegments | None = None,
) -> Figure:
    """Draw the figure.

    Parameters
    ----------
    table : DataFrame
    choice : FigureChoice
    theme : FigureTheme
    marked : ndarray of bool, (rows,), optional
        Rows that stand out.
    features : sequence of FeatureSpec
        Of a figure that shows many at once.
    segments : CaseSegments, optional
        Of the bullseye.
    """
    if choice.kind is FigureKind.BULLSEYE:
        return _draw_bullseye(table, segments, theme)
    if choice.kind in (FigureKind.CORRELATION, FigureKind.COMPONENTS):
        return _draw_together(table, choice, theme, marked, features)
    if choice.kind is FigureKind.SCATTER:
        return scatter_figure(table, choice.against, choice.feature, group=choice.group, theme=theme, marked=marked)
    kind = _DISTRIBUTIONS[choice.kind]
    return distribution_figure(table, choice.feature, group=choice.group, theme=theme, kind=kind, marked=marked)


def together(features: Sequence[FeatureSpec]) -> list[str]:
    """Names of the features that are drawn together: no angles, which have no order, and no more than can be read."""
    return [spec.name for spec in features if not spec.is_direction][:_MOST_TOGETHER]


def _draw_together(
    table: pd.DataFrame,
    choice: FigureChoice,
    theme: FigureTheme,
    marked: npt.NDArray[np.bool_] | None,
    features: Sequence[FeatureSpec],
) -> Figure:
    names = together(features)
    if choice.kind is FigureKind.CORRELATION:
        figure = correlation_figure(table, names, theme=theme)
    else:
        figure = pca_figure(table, names, group=choice.group, theme=theme, marked=marked)
    n_all = sum(not spec.is_direction for spec in features)
    if n_all > len(names):
        left_out = f"the first {len(names)} of {n_all} features: choose families under Features"
        figure.supxlabel(f"{figure.get_supxlabel()}\n{left_out}".strip(), fontsize=NOTE_PT, color=_muted(theme))
    return figure


def _draw_bullseye(table: pd.DataFrame, segments: CaseSegments | None, theme: FigureTheme) -> Figure:
    """Share of scar in each segment, or why it is not known."""
    if segments is None or segments.table is None:
        figure, palette = new_figure(theme)
        reason = SEGMENTS_UNKNOWN if segments is None else segments.note
        return finish_empty(figure, add_axes(figure, palette), table, palette, textwrap.fill(reason, _LINE_LETTERS))
    shares = dict(zip(segments.table["segment"].astype(int), segments.table["scar_share_pct"], strict=True))
    synthetic = bool(synthetic_text(table))
    figure = bullseye_figure(shares, "Scar (% of the segment)", synthetic=synthetic, theme=theme)
    figure.axes[0].set_title(textwrap.shorten(segments.case, _LINE_LETTERS), fontsize=NOTE_PT, color=_muted(theme))
    return figure


def _muted(theme: FigureTheme) -> str:
    return palette_of(theme).muted


def locate_points(table: pd.DataFrame, choice: FigureChoice, features: Sequence[FeatureSpec] = ()) -> pd.DataFrame:
    """Where the figure shows each row: `row, x, y` in the axes' units; no rows where it shows no single ones."""
    if choice.kind is FigureKind.COMPONENTS:
        return _locate_scores(table, together(features))
    if choice.kind is FigureKind.SCATTER:
        x, y = feature_values(table, choice.against), feature_values(table, choice.feature)
        return pd.DataFrame({"row": np.arange(len(table)), "x": x, "y": y}).dropna()
    if choice.kind not in (FigureKind.BOX, FigureKind.RAINCLOUD, FigureKind.VIOLIN):
        return _NO_POINTS.copy()
    points = distribution_points(table, choice.feature, group=choice.group)
    if choice.kind is FigureKind.RAINCLOUD and len(points):
        place = points["x"].astype(float).round()
        values = points.groupby("group")["y"]
        is_cloud = (values.transform("size") >= SMALLEST_VIOLIN_N) & (values.transform("max") > values.transform("min"))
        in_rain = place + RAIN_SHIFT + (points["x"] - place) * _RAIN_NARROWNESS
        points["x"] = points["x"].astype(float).mask(is_cloud, in_rain)
    return points[["row", "x", "y"]]


def _locate_scores(table: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    try:
        scores = project_features(table, names).scores
    except TooFewRowsError:
        return _NO_POINTS.copy()
    return scores.rename(columns={"pc1": "x", "pc2": "y"})[["row", "x", "y"]]
