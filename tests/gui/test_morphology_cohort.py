"""The Morphology widget and many cases: who they are, a table that grows, reports, figures of many features."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from napari.components import ViewerModel
from napari.layers import Labels
from qtpy.QtGui import QResizeEvent

from napari_scarseg.core.case import CaseInfo, Phase
from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.core.stack import Stack
from napari_scarseg.errors import InputError
from napari_scarseg.gui.image_layer import image_kwargs
from napari_scarseg.gui.layer_frame import frame_of
from napari_scarseg.gui.layer_record import METADATA_KEY
from napari_scarseg.gui.morphology_figures import FigureChoice, FigureKind
from napari_scarseg.gui.morphology_reference import ReferenceCohort
from napari_scarseg.gui.morphology_results import TableLevel
from napari_scarseg.gui.morphology_widget import MorphologyWidget
from napari_scarseg.gui.plots import FigureView
from napari_scarseg.measure import FeatureFamily, join_tables, measure_labels

SPACING = Spacing(10.0, 1.5, 1.5, SpacingOrigin.HEADER)
SHAPE = (6, 64, 64)
Idle = Callable[[object], None]
Make = Callable[[ViewerModel], MorphologyWidget]


def add_case(viewer: ViewerModel, name: str, phase: Phase, size: int = 8) -> Labels:
    """Image and labels: two lesions in a ring of wall round (32, 32)."""
    data = np.random.default_rng(size).integers(0, 1000, SHAPE).astype(np.uint16)
    image = viewer.add_image(data, **image_kwargs(Stack(data, SPACING, name), CaseInfo(name, name, phase)))
    labels = np.zeros(SHAPE, dtype=np.int32)
    labels[1:3, 12:20, 28 : 28 + size] = 1
    labels[4, 40:46, 20:26] = 2
    metadata = {METADATA_KEY: dict(image.metadata[METADATA_KEY])}
    return viewer.add_labels(labels, name=f"{name} scar", metadata=metadata, **frame_of(image).as_kwargs())


def add_wall(viewer: ViewerModel, layer: Labels) -> Labels:
    """A wall that narrows from slice 0 to slice 5."""
    rows, cols = np.mgrid[: SHAPE[1], : SHAPE[2]]
    radius = np.hypot(rows - 32, cols - 32)
    muscle = np.stack([(radius > 14 - z) & (radius < 24 - 2 * z) for z in range(SHAPE[0])]).astype(np.int32)
    return viewer.add_labels(muscle, name="wall", scale=layer.scale)


@pytest.fixture
def viewer() -> ViewerModel:
    """A viewer without a window: the widget needs none."""
    return ViewerModel()


@pytest.fixture
def make_widget(qtbot: object) -> Iterator[Make]:
    """Widgets that are closed at the end."""
    made = []

    def make(viewer: ViewerModel) -> MorphologyWidget:
        widget = MorphologyWidget(viewer)
        qtbot.addWidget(widget)
        widget.resize(400, 700)
        made.append(widget)
        return widget

    yield make
    for widget in made:
        widget.close()


@pytest.fixture
def measured(viewer: ViewerModel, make_widget: Make, idle: Idle) -> MorphologyWidget:
    """Six cases, three of each phase, all measured."""
    for number in range(6):
        add_case(viewer, f"P{number}", Phase.ACUTE if number % 2 else Phase.CHRONIC, size=6 + number)
    widget = make_widget(viewer)
    widget.measure_all()
    idle(widget)
    return widget


def test_cases_are_appended_refused_and_replaced(measured: MorphologyWidget, tmp_path: Path, idle: Idle) -> None:
    path = measured.append_table(tmp_path / "cohort")
    assert path.name == "cohort.csv"
    table = pd.read_csv(path)
    assert len(table) == 18 and "slice" in table, "rows are lesions on slices whatever the table shows"
    before = path.read_bytes()
    with pytest.raises(InputError, match="The cases 'P0', 'P1', 'P2' and 3 more are in the table already"):
        measured.append_table(path)
    assert path.read_bytes() == before
    layer = measured.layer
    layer.data[layer.data == 2] = 0
    layer.refresh()
    measured.measure()
    idle(measured)
    measured.append_table(path, replace=True)
    table = pd.read_csv(path)
    assert len(table) == 17 and table["case"].nunique() == 6
    record = json.loads((tmp_path / "cohort.json").read_text(encoding="utf-8"))
    assert sorted(record["cases"]) == [f"P{n}" for n in range(6)] and record["cases"]["P5"]["n_lesions"] == 1


def test_a_table_goes_to_parquet_too(measured: MorphologyWidget, tmp_path: Path) -> None:
    assert len(pd.read_parquet(measured.export_table(tmp_path / "rows.parquet"))) == 12
    measured.append_table(tmp_path / "cohort.parquet")
    assert (tmp_path / "cohort.parquet.json").is_file()


def test_reports_of_a_case_and_of_the_cohort(measured: MorphologyWidget, tmp_path: Path, idle: Idle) -> None:
    assert not measured.export_panel.case_action.isEnabled()
    with pytest.raises(InputError, match="Several cases are measured"):
        measured.export_report(tmp_path / "one.html")
    measured.table_panel.families.set_families(frozenset({FeatureFamily.SIZE, FeatureFamily.BURDEN}))
    idle(measured)
    page = measured.export_report(tmp_path / "all", whole_cohort=True)
    text = page.read_text(encoding="utf-8")
    assert page.name == "all.html" and "acute against chronic" in text and "<script" not in text
    assert "Mass (g)" in text and "Circularity" not in text, "families that are not chosen stay out"
    assert page.with_suffix(".pdf").read_bytes().startswith(b"%PDF") and page.with_suffix(".json").is_file()
    measured.measure()
    idle(measured)
    assert measured.export_panel.case_action.isEnabled()
    text = measured.export_report(tmp_path / "one.html").read_text(encoding="utf-8")
    assert "Scar morphology: P5" in text and "No bullseye" in text


def test_a_cohort_report_counts_the_reference_and_says_synthetic(
    measured: MorphologyWidget, tmp_path: Path, idle: Idle
) -> None:
    labels = np.zeros((2, 30, 30), int)
    tables = []
    for n in range(4):
        labels[:, 4 : 12 + n, 5:14] = 1
        phase = Phase.ACUTE if n % 2 else Phase.CHRONIC
        tables.append(measure_labels(labels, SPACING, CaseInfo(f"R{n}", f"R{n}", phase, "phantom")))
    measured.reference_panel.set_reference(ReferenceCohort("reference", join_tables(tables)))
    measured.table_panel.families.set_families(frozenset({FeatureFamily.SIZE, FeatureFamily.BURDEN}))
    idle(measured)
    text = measured.export_report(tmp_path / "all.html", whole_cohort=True).read_text(encoding="utf-8")
    assert "acute: 5 patients" in text and "includes synthetic phantom data" in text


def test_a_cohort_table_says_who_and_when(
    measured: MorphologyWidget, viewer: ViewerModel, tmp_path: Path, idle: Idle
) -> None:
    people = tmp_path / "people.csv"
    lines = ["case,patient,phase,visit,group,died"]
    lines += [f"P{n},anna{n % 3},{'acute' if n < 3 else 'chronic'},{1 + n // 3},g{n % 2},0" for n in range(5)]
    people.write_text("\n".join(lines) + "\n", encoding="utf-8")
    measured.load_people(people)
    idle(measured)
    table = measured.table.drop_duplicates("case").set_index("case")
    assert table.loc["P1", ["patient", "phase", "visit", "group"]].tolist() == ["anna1", "acute", "1", "g1"]
    assert table.loc["P4", ["patient", "phase", "visit"]].tolist() == ["anna1", "chronic", "2"]
    assert table.loc["P5", ["patient", "phase", "visit"]].tolist() == ["P5", "acute", ""], "it has no line"
    assert measured.case_panel.patient_edit.text() == "P5"
    assert {"Visit", "Group"} <= set(measured.table_panel.table.titles)
    measured.figure_panel.set_group("group")
    idle(measured)
    measured.table_panel.set_level(TableLevel.PATIENT)
    idle(measured)
    assert len(measured.table) == 6, "a patient's visits are rows of their own"
    exported = pd.read_csv(measured.append_table(tmp_path / "cohort.csv"))
    assert exported["died"].notna().sum() == 15
    people.write_text("name\nx\n", encoding="utf-8")
    with pytest.raises(InputError, match="neither a column 'case' nor 'patient'"):
        measured.load_people(people)


@pytest.mark.parametrize("kind", [FigureKind.CORRELATION, FigureKind.COMPONENTS])
def test_figures_of_many_features(measured: MorphologyWidget, tmp_path: Path, idle: Idle, kind: FigureKind) -> None:
    measured.figure_panel.set_kind(kind)
    idle(measured)
    figure = measured.figure_panel.view.figure
    assert "the first 12 of" in figure.get_supxlabel() and "lesions" in figure.get_supxlabel()
    assert measured.figure_panel.controls.feature_box.isHidden()
    assert measured.figure_panel.controls.group_box.isHidden() == (kind is FigureKind.CORRELATION)
    picture = measured._picture
    if kind is FigureKind.COMPONENTS:
        assert len(picture.points) == len(measured.table)
        row = int(picture.points["row"].iloc[3])
        measured._go_to_point(row)
        assert measured.table_panel.table.highlighted_row == row
    written = measured.export_figure(tmp_path / "figure.svg")
    assert b"the first 12 of" in written.read_bytes()


def test_the_figure_has_a_window_of_its_own_and_comes_back(measured: MorphologyWidget, idle: Idle) -> None:
    panel = measured.figure_panel
    panel.set_kind(FigureKind.CORRELATION)
    idle(measured)
    panel.apart_button.click()
    window = panel.view.window()
    assert window.windowTitle() == "Morphology" and window is not measured
    panel.set_kind(FigureKind.BOX)
    idle(measured)
    assert panel.view.window() is window and panel.view.figure is not None, "it goes on showing what is chosen"
    window.close()
    assert panel.view.window() is measured.window() and not panel.apart_button.isChecked()
    panel.set_apart(True)
    assert panel.apart_button.isChecked()
    panel.set_apart(False)
    assert panel.view.parentWidget() is panel


def test_a_large_figure_says_that_it_needs_room(qtbot: object) -> None:
    view = FigureView("Needs room.")
    qtbot.addWidget(view)
    view.resize(200, 150)
    view.show_figure(Figure(figsize=(7, 7)))
    shown = view.layout()
    assert shown.currentWidget() is not view._canvas
    view.resize(600, 500)
    view.resizeEvent(QResizeEvent(view.size(), view.size()))
    assert shown.currentWidget() is view._canvas
    view.resize(200, 150)
    view.show_figure(Figure(figsize=(4, 3)))
    assert shown.currentWidget() is view._canvas


def bullseye_item(widget: MorphologyWidget) -> object:
    box = widget.figure_panel.controls.kind_box
    return box.model().item(box.findData(FigureKind.BULLSEYE))


def test_no_bullseye_without_segments_and_the_reason(measured: MorphologyWidget, idle: Idle) -> None:
    assert not bullseye_item(measured).isEnabled()
    assert "segments of the left ventricle are not known" in bullseye_item(measured).toolTip()
    measured.figure_panel.controls.set_choice(FigureChoice(FigureKind.BULLSEYE))
    idle(measured)
    texts = [text.get_text() for text in measured.figure_panel.view.figure.axes[0].texts]
    assert "segments of the left ventricle" in " ".join(texts).replace("\n", " ")


def test_bullseye_from_the_wall_and_a_point_on_the_rv_insertion(
    viewer: ViewerModel, make_widget: Make, idle: Idle, tmp_path: Path
) -> None:
    layer = add_case(viewer, "heart", Phase.ACUTE)
    wall = add_wall(viewer, layer)
    insertion = viewer.add_points([[1, 14, 22]], name="insertion", scale=layer.scale)
    widget = make_widget(viewer)
    widget.layer = layer
    widget.measure()
    idle(widget)
    widget.case_panel.wall.segments.choose(insertion)
    idle(widget)
    assert "choose its labels as LV wall" in bullseye_item(widget).toolTip()
    widget.case_panel.wall.layers.choose(wall)
    idle(widget)
    assert bullseye_item(widget).isEnabled()
    widget.figure_panel.set_kind(FigureKind.BULLSEYE)
    idle(widget)
    # The lesion lies above the middle: anterior, on the two basal slices' side.
    shares = widget._picture.segments.table.set_index("segment")["scar_share_pct"]
    assert shares[1] > 10 and shares[4] == 0
    written = widget.export_figure(tmp_path / "bullseye.png")
    assert "scar_share_pct" in pd.read_csv(tmp_path / "bullseye_data.csv") and written.stat().st_size > 1000
    assert "1 basal anterior" in widget.export_report(tmp_path / "one.html").read_text(encoding="utf-8")


def test_bullseye_from_labels_of_the_segments(viewer: ViewerModel, make_widget: Make, idle: Idle) -> None:
    layer = add_case(viewer, "heart", Phase.ACUTE)
    segments = np.zeros(SHAPE, np.int32)
    segments[:, :32], segments[:, 32:] = 1, 4
    own = viewer.add_labels(segments, name="segments", scale=layer.scale)
    widget = make_widget(viewer)
    widget.layer = layer
    widget.case_panel.wall.segments.choose(own)
    widget.measure()
    idle(widget)
    assert bullseye_item(widget).isEnabled()
    found = widget._picture.segments.table
    assert found["segment"].tolist() == [1, 4] and found["scar_share_pct"].tolist() == pytest.approx(
        [100 * 128 / (6 * 32 * 64), 100 * 36 / (6 * 32 * 64)]
    )
    own.data = segments + 40
    widget._session.look_again()
    widget._session.refresh()
    idle(widget)
    assert "the numbers 1 to 17" in bullseye_item(widget).toolTip()
