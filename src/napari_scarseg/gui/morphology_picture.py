"""Table and figure of the measured cases, composed away from the window's thread."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure
from napari.layers import Labels

from napari_scarseg.gui.morphology_figures import (
    CaseSegments,
    FigureChoice,
    draw_choice,
    locate_points,
    resolve_choice,
)
from napari_scarseg.gui.morphology_reference import ReferenceCohort
from napari_scarseg.gui.morphology_results import (
    CaseMeasures,
    LesionPlace,
    TableColumn,
    TableLevel,
    case_names,
    find_row,
    join_cases,
    shown_columns,
    shown_features,
    table_at,
)
from napari_scarseg.gui.morphology_view import label_colour
from napari_scarseg.measure import FeatureFamily, FeatureSpec, join_tables
from napari_scarseg.measure.figure_groups import grouping_columns
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
    choice : FigureChoice
        The first feature there is stands in for one that the table lacks.
    theme : FigureTheme
    families : frozenset of FeatureFamily
        Features that table and figure offer.
    reference : ReferenceCohort or None
        Drawn beneath the cases.
    picked : LesionPlace or None
        The lesion that stands out in the figure.
    """

    layers: tuple[Labels, ...]
    cases: tuple[CaseMeasures, ...]
    level: TableLevel
    choice: FigureChoice
    theme: FigureTheme
    families: frozenset[FeatureFamily] = frozenset(FeatureFamily)
    reference: ReferenceCohort | None = None
    picked: LesionPlace | None = None

    @property
    def layer_of_case(self) -> dict[str, Labels]:
        """The layer of each case, by what the table calls the case."""
        return dict(zip(case_names(self.cases), self.layers, strict=True))

    def has_table_of(self, other: "PictureRequest") -> bool:
        """Whether both ask for the same rows."""
        return self.cases == other.cases and self.level is other.level

    def has_rows_of(self, other: "PictureRequest") -> bool:
        """Whether both ask for the same rows, those of the reference among them."""
        return self.has_table_of(other) and self.reference is other.reference


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
    drawn : DataFrame
        Rows of the figure: those of `table`, then those of the reference.
    features : tuple of FeatureSpec
        What a figure can be drawn of.
    groups : tuple of str
        Columns that it can be grouped by.
    choice : FigureChoice or None
        What is drawn.
    segments : CaseSegments or None
        The left ventricle's segments of the picked lesion's case, else of the first that has any.
    figure : Figure or None
        None where there is no lesion.
    points : DataFrame
        `row, x, y` of each point of the figure, `row` counting in `drawn`.
    """

    request: PictureRequest
    slices: pd.DataFrame
    table: pd.DataFrame
    columns: tuple[TableColumn, ...]
    drawn: pd.DataFrame
    features: tuple[FeatureSpec, ...]
    groups: tuple[str, ...]
    choice: FigureChoice | None
    segments: CaseSegments | None
    figure: Figure | None
    points: pd.DataFrame

    @property
    def marked(self) -> npt.NDArray[np.bool_]:
        """Rows of `drawn` that are measured in the viewer."""
        return np.arange(len(self.drawn)) < len(self.table)

    def row_colours(self) -> dict[int, tuple[int, int, int]]:
        """(r, g, b), 0–255, of each row of `table` as its layer draws it; none where a row is a patient."""
        if self.request.level is TableLevel.PATIENT or self.table.empty:
            return {}
        layers = self.request.layer_of_case
        lesions = zip(self.table["case"], self.table["lesion_id"], strict=True)
        return {row: label_colour(layers[case], int(lesion_id)) for row, (case, lesion_id) in enumerate(lesions)}

    def is_reference(self, row: int) -> bool:
        """Whether a row of `drawn` is one of the reference."""
        return row >= len(self.table)


def compose_picture(request: PictureRequest, last: Picture | None = None) -> Picture:
    """Build the table and draw the figure; tables of `last` are kept where they are of the same cases and level."""
    if last is not None and request.has_table_of(last.request):
        slices, table = last.slices, last.table
    else:
        slices, table = join_cases(request.cases), table_at(request.level, request.cases)
    drawn = last.drawn if last is not None and request.has_rows_of(last.request) else _with_reference(table, request)
    columns = tuple(shown_columns(request.level, table, request.families))
    features = tuple(shown_features(drawn, request.families)) if len(table) else ()
    if not features:
        return Picture(request, slices, table, columns, drawn, (), (), None, None, None, pd.DataFrame())
    groups = tuple(grouping_columns(drawn))
    choice = resolve_choice(request.choice, features, groups)
    segments = find_segments(request)
    figure = draw_choice(
        drawn,
        choice,
        theme=request.theme,
        marked=_marked_rows(request, table, len(drawn)),
        features=features,
        segments=segments,
    )
    points = locate_points(drawn, choice, features)
    return Picture(request, slices, table, columns, drawn, features, groups, choice, segments, figure, points)


def find_segments(request: PictureRequest) -> CaseSegments | None:
    """Segments of the picked lesion's case where it has any, else of the first case that has; else the reason."""
    all_cases = [
        CaseSegments(name, case.segments, case.segments_note)
        for name, case in zip(case_names(request.cases), request.cases, strict=True)
    ]
    picked = [one for one in all_cases if request.picked is not None and one.case == request.picked.case]
    known = [one for one in (*picked, *all_cases) if one.table is not None]
    return next(iter((*known, *picked, *all_cases)), None)


def picture_work(request: PictureRequest, last: Picture | None) -> Callable[[threading.Event], Iterator[object]]:
    """Work of a `Job` that answers one Picture."""

    def run(stop: threading.Event) -> Iterator[object]:
        yield compose_picture(request, last)

    return run


def _with_reference(table: pd.DataFrame, request: PictureRequest) -> pd.DataFrame:
    if request.reference is None or table.empty:
        return table
    measured = frozenset(case.case.case for case in request.cases)
    reference = request.reference.table_at(request.level, measured)
    return table if reference.empty else join_tables([table, reference])


def _marked_rows(request: PictureRequest, table: pd.DataFrame, n_rows: int) -> npt.NDArray[np.bool_] | None:
    """The picked lesion where there is one, else every measured row where it is drawn over a reference."""
    marked = np.zeros(n_rows, dtype=bool)
    row = None if request.picked is None else find_row(request.level, table, request.picked)
    if row is not None:
        marked[row] = True
    elif n_rows > len(table):
        marked[: len(table)] = True
    return marked if marked.any() else None
