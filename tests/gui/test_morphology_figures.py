"""Which figure a table can show, and where its points lie."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from napari_scarseg.errors import InputError
from napari_scarseg.gui.morphology_figures import (
    FigureChoice,
    FigureKind,
    draw_choice,
    locate_points,
    resolve_choice,
)
from napari_scarseg.gui.morphology_reference import ReferenceCohort
from napari_scarseg.gui.morphology_results import TableLevel
from napari_scarseg.gui.morphology_wall import parse_values
from napari_scarseg.gui.plots import find_point
from napari_scarseg.measure import FEATURE_BY_NAME
from napari_scarseg.measure.themes import FigureTheme

FEATURES = [FEATURE_BY_NAME[name] for name in ("area_px", "solidity")]


@pytest.fixture
def table() -> pd.DataFrame:
    """Twelve acute and four chronic lesions: a cloud for the first only."""
    rng = np.random.default_rng(0)
    phases = ["acute"] * 12 + ["chronic"] * 4
    values = {"area_px": rng.uniform(30, 90, 16), "solidity": rng.uniform(0.5, 1, 16)}
    return pd.DataFrame({"phase": phases, "patient": [f"p{i}" for i in range(16)], **values})


def drawn_offsets(figure: Figure) -> np.ndarray:
    """All points that the figure shows."""
    return np.concatenate([c.get_offsets() for c in figure.axes[0].collections if len(c.get_offsets())])


@pytest.mark.parametrize("kind", [FigureKind.BOX, FigureKind.VIOLIN, FigureKind.RAINCLOUD, FigureKind.SCATTER])
def test_points_lie_where_they_are_drawn(table: pd.DataFrame, kind: FigureKind) -> None:
    choice = FigureChoice(kind, "area_px", "solidity")
    figure = draw_choice(table, choice, theme=FigureTheme.LIGHT)
    points = locate_points(table, choice)
    assert sorted(points["row"]) == list(range(16))
    drawn = drawn_offsets(figure)
    for x, y in points[["x", "y"]].to_numpy(dtype=float):
        assert np.abs(drawn - (x, y)).sum(axis=1).min() < 0.02


def test_an_ecdf_has_no_points(table: pd.DataFrame) -> None:
    assert locate_points(table, FigureChoice(FigureKind.ECDF, "area_px")).empty


def test_the_nearest_point_is_found_and_none_far_away(table: pd.DataFrame) -> None:
    choice = FigureChoice(FigureKind.SCATTER, "area_px", "solidity")
    figure = draw_choice(table, choice, theme=FigureTheme.LIGHT)
    figure.canvas.draw()
    points = locate_points(table, choice)
    x, y = figure.axes[0].transData.transform(points.loc[3, ["x", "y"]].to_numpy(dtype=float))
    assert find_point(figure, points, x + 2, y - 1) == 3
    assert find_point(figure, points, -500, -500) is None
    assert find_point(None, points, x, y) is None


def test_a_choice_that_the_table_lacks_is_replaced() -> None:
    resolved = resolve_choice(FigureChoice(FigureKind.SCATTER, "mass_g", "area_px", "visit"), FEATURES, ["phase"])
    assert resolved == FigureChoice(FigureKind.SCATTER, "area_px", "area_px", "phase"), "the other is still wanted"
    other = resolve_choice(FigureChoice(against="mass_g"), FEATURES, ["phase"])
    assert other == FigureChoice(FigureKind.BOX, "area_px", "solidity", "phase")


def test_values_of_a_wall() -> None:
    assert parse_values(" 2, 3,2") == (2, 3)
    assert parse_values("") == ()
    for text in ("two", "2;3"):
        with pytest.raises(InputError, match="not a list of label values"):
            parse_values(text)
    with pytest.raises(InputError, match="count from 1"):
        parse_values("0,2")


def test_a_reference_leaves_out_what_is_measured_here() -> None:
    keys = {"patient": ["a", "b"], "phase": "acute", "cohort": "", "lesion_id": 1, "slice": 0}
    cohort = ReferenceCohort("table", pd.DataFrame({"case": ["a", "b"], **keys, "area_px": [30.0, 40.0]}))
    assert cohort.n_patients == 2
    for level in TableLevel:
        assert cohort.table_at(level, frozenset({"a"}))["patient"].tolist() == ["b"]
