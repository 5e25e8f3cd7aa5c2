"""Table and figure of the measured cases, composed away from the window's thread."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure
from napari.layers import Labels

from napari_scarseg.gui.morphology_results import (
    CaseMeasures,
    TableColumn,
    TableLevel,
    case_names,
    join_cases,
    shown_columns,
    shown_features,
    table_at,
)
from napari_scarseg.measure import FeatureSpec
from napari_scarseg.measure.figures import PlotKind, distribution_figure
from napari_scarseg.measure.themes import FigureTheme


@dataclass(frozen=True, slots=True, eq=False)
class PictureRequest:
    """What the user wants to see.

    Parameters
    ----------
    layers : tuple of Labels
        Where the cases were measured; not looked into.
    cases : tuple of CaseMeasures
    level : TableLevel
    feature : str
        Wanted feature; the first there is stands in for one that the table lacks.
    kind : PlotKind
    theme : FigureTheme
    """

    layers: tuple[Labels, ...]
    cases: tuple[CaseMeasures, ...]
    level: TableLevel
    feature: str
    kind: PlotKind
    theme: FigureTheme

    @property
    def layer_of_case(self) -> dict[str, Labels]:
        """The layer of each case, by what the table calls the case."""
        return dict(zip(case_names(self.cases), self.layers, strict=True))


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """What there is to see.

    Parameters
    ----------
    request : PictureRequest
    slices : DataFrame
        Row per lesion and slice, of all cases.
    table : DataFrame
        Rows at the level wanted.
    columns : tuple of TableColumn
    features : tuple of FeatureSpec
        What a figure can be drawn of.
    feature : FeatureSpec or None
        What is drawn.
    figure : Figure or None
        None where there is no lesion.
    """

    request: PictureRequest
    slices: pd.DataFrame
    table: pd.DataFrame
    columns: tuple[TableColumn, ...]
    features: tuple[FeatureSpec, ...]
    feature: FeatureSpec | None
    figure: Figure | None


def compose_picture(request: PictureRequest, last: Picture | None = None) -> Picture:
    """Build the table and draw the figure; the table of `last` is kept where it is of the same cases and level."""
    if last is not None and last.request.cases == request.cases and last.request.level is request.level:
        slices, table = last.slices, last.table
    else:
        slices, table = join_cases(request.cases), table_at(request.level, request.cases)
    features = tuple(shown_features(table)) if len(table) else ()
    feature = next((spec for spec in features if spec.name == request.feature), next(iter(features), None))
    figure = None
    if feature is not None:
        figure = distribution_figure(table, feature.name, kind=request.kind, theme=request.theme)
    return Picture(request, slices, table, tuple(shown_columns(request.level, table)), features, feature, figure)


def picture_work(request: PictureRequest, last: Picture | None) -> Callable[[threading.Event], Iterator[object]]:
    """Work of a `Job` that answers one Picture."""

    def run(stop: threading.Event) -> Iterator[object]:
        yield compose_picture(request, last)

    return run
