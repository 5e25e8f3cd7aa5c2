"""Which figure of a table is drawn, and where in it each row lies. No Qt, no napari."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure

from napari_scarseg.measure import FeatureSpec
from napari_scarseg.measure.figure_groups import feature_values
from napari_scarseg.measure.figures import (
    RAIN_SHIFT,
    SMALLEST_VIOLIN_N,
    PlotKind,
    distribution_figure,
    distribution_points,
    scatter_figure,
)
from napari_scarseg.measure.themes import FigureTheme

# Points of a raincloud stand this much closer together than those beside a box.
_RAIN_NARROWNESS = 0.6


class FigureKind(StrEnum):
    """What a figure shows; the value is what the user reads."""

    BOX = "Box + points"
    RAINCLOUD = "Raincloud"
    VIOLIN = "Violin"
    ECDF = "ECDF"
    SCATTER = "Scatter"


_DISTRIBUTIONS = {
    FigureKind.BOX: PlotKind.BOX,
    FigureKind.RAINCLOUD: PlotKind.RAINCLOUD,
    FigureKind.VIOLIN: PlotKind.VIOLIN,
    FigureKind.ECDF: PlotKind.ECDF,
}


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
) -> Figure:
    """Draw the figure.

    Parameters
    ----------
    table : DataFrame
    choice : FigureChoice
    theme : FigureTheme
    marked : ndarray of bool, (rows,), optional
        Rows that stand out.
    """
    if choice.kind is FigureKind.SCATTER:
        return scatter_figure(table, choice.against, choice.feature, group=choice.group, theme=theme, marked=marked)
    kind = _DISTRIBUTIONS[choice.kind]
    return distribution_figure(table, choice.feature, group=choice.group, theme=theme, kind=kind, marked=marked)


def locate_points(table: pd.DataFrame, choice: FigureChoice) -> pd.DataFrame:
    """Where the figure shows each row: `row, x, y` in the axes' units; no rows where it shows no single ones."""
    if choice.kind is FigureKind.SCATTER:
        x, y = feature_values(table, choice.against), feature_values(table, choice.feature)
        return pd.DataFrame({"row": np.arange(len(table)), "x": x, "y": y}).dropna()
    if choice.kind is FigureKind.ECDF:
        return pd.DataFrame(columns=["row", "x", "y"])
    points = distribution_points(table, choice.feature, group=choice.group)
    if choice.kind is FigureKind.RAINCLOUD and len(points):
        place = points["x"].astype(float).round()
        values = points.groupby("group")["y"]
        is_cloud = (values.transform("size") >= SMALLEST_VIOLIN_N) & (values.transform("max") > values.transform("min"))
        in_rain = place + RAIN_SHIFT + (points["x"] - place) * _RAIN_NARROWNESS
        points["x"] = points["x"].astype(float).mask(is_cloud, in_rain)
    return points[["row", "x", "y"]]
