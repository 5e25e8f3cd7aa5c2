"""The Morphology widget on a viewer: measured, linked both ways, live, exported, and gone when it is closed."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.backend_bases import MouseEvent
from napari.components import ViewerModel
from napari.layers import Image, Labels
from napari.utils.notifications import Notification, notification_manager
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QFileDialog

from napari_scarseg.core.case import CaseInfo, Phase
from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.core.stack import Stack
from napari_scarseg.errors import InputError
from napari_scarseg.gui.image_layer import image_kwargs
from napari_scarseg.gui.layer_frame import frame_of
from napari_scarseg.gui.layer_record import METADATA_KEY
from napari_scarseg.gui.morphology_figures import FigureChoice, FigureKind
from napari_scarseg.gui.morphology_results import TableLevel
from napari_scarseg.gui.morphology_widget import MorphologyWidget
from napari_scarseg.measure import FeatureFamily, join_tables, measure_labels

SPACING = Spacing(10.0, 1.0, 2.0, SpacingOrigin.HEADER)
Idle = Callable[[object], None]


def add_case(viewer: ViewerModel, name: str, phase: Phase, cohort: str = "") -> tuple[Image, Labels]:
    """Image and labels: lesion 1 on slices 1 (16 px) and 2 (36 px), lesion 7 on slice 3 (25 px)."""
    data = np.random.default_rng(len(name)).integers(0, 1000, (5, 32, 32)).astype(np.uint16)
    case = CaseInfo(name, f"p-{name}", phase, cohort)
    image = viewer.add_image(data, **image_kwargs(Stack(data, SPACING, name), case))
    labels = np.zeros(data.shape, dtype=np.int32)
    labels[1, 4:8, 4:8] = 1
    labels[2, 4:10, 4:10] = 1
    labels[3, 20:25, 20:25] = 7
    metadata = {METADATA_KEY: dict(image.metadata[METADATA_KEY])}
    layer = viewer.add_labels(labels, name=f"{name} scar", metadata=metadata, **frame_of(image).as_kwargs())
    return image, layer


@pytest.fixture
def viewer() -> ViewerModel:
    """A viewer without a window: the widget needs none."""
    return ViewerModel()


@pytest.fixture
def make_widget(qtbot: object) -> Iterator[Callable[[ViewerModel], MorphologyWidget]]:
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
def told() -> Iterator[list[str]]:
    """What napari has told the user."""
    messages: list[str] = []

    def hear(notification: Notification) -> None:
        messages.append(str(notification.message))

    notification_manager.notification_ready.connect(hear)
    yield messages
    notification_manager.notification_ready.disconnect(hear)


@pytest.fixture
def measured(
    viewer: ViewerModel, make_widget: Callable[[ViewerModel], MorphologyWidget], idle: Idle
) -> tuple[MorphologyWidget, Labels, Labels]:
    """An acute and a chronic case, both measured."""
    _, acute = add_case(viewer, "one", Phase.ACUTE)
    _, chronic = add_case(viewer, "two", Phase.CHRONIC)
    widget = make_widget(viewer)
    widget.measure_all()
    idle(widget)
    return widget, acute, chronic


def settle(qtbot: object, idle: Idle, widget: MorphologyWidget) -> None:
    """Longer than an edit takes to be measured."""
    qtbot.wait(400)
    idle(widget)


def test_empty_states_say_what_to_do(
    viewer: ViewerModel, make_widget: Callable[[ViewerModel], MorphologyWidget], idle: Idle, told: list[str]
) -> None:
    widget = make_widget(viewer)
    idle(widget)
    assert widget.figure_panel.view.message.startswith("There is no Labels layer yet.\nSegment scars")
    assert not widget.measure_button.isEnabled()
    widget.measure()
    assert told == ["There is no Labels layer yet. Segment scars, or drop a file of labels into the viewer."]
    layer = viewer.add_labels(np.zeros((3, 16, 16), dtype=int), name="blank")
    idle(widget)
    assert widget.layer == layer
    assert widget.figure_panel.view.message.startswith("Nothing is measured yet.\nPress Measure")
    widget.measure()
    idle(widget)
    assert widget.figure_panel.view.message.startswith("The measured labels hold no lesion.")
    assert not widget.export_panel.table_button.isEnabled()
    with pytest.raises(InputError, match="press Measure first"):
        widget.export_table(Path("nowhere.csv"))


def test_measures_the_chosen_layer_with_its_spacing(
    viewer: ViewerModel, make_widget: Callable[[ViewerModel], MorphologyWidget], idle: Idle
) -> None:
    add_case(viewer, "one", Phase.ACUTE)
    add_case(viewer, "two", Phase.CHRONIC)
    widget = make_widget(viewer)
    widget.layer = viewer.layers["one scar"]
    widget.measure()
    idle(widget)
    assert widget.table["case"].unique().tolist() == ["one"]
    assert widget.table[["lesion_id", "area_px", "area_mm2"]].to_numpy().tolist() == [[1, 52, 104], [7, 25, 50]]
    assert widget.table["mass_g"].tolist() == pytest.approx([1.092, 0.525])
    assert "intensity_mean" in widget.table, "the image beneath is measured too"
    assert widget.case_panel.note.text() == "Pixels 1 × 2 mm, slices 10 mm apart (from the file)."
    assert widget.table_panel.status.text() == "2 lesions in 1 case"


def test_all_cases_come_into_one_table_grouped_by_phase(measured: tuple[MorphologyWidget, Labels, Labels]) -> None:
    widget = measured[0]
    assert widget.table[["case", "phase", "lesion_id"]].to_numpy().tolist() == [
        ["one", "acute", 1],
        ["one", "acute", 7],
        ["two", "chronic", 1],
        ["two", "chronic", 7],
    ]
    labels = [text.get_text() for text in widget.figure_panel.view.figure.axes[0].get_xticklabels()]
    assert [text.split("\n")[0] for text in labels] == ["acute", "chronic"]


def test_levels_change_the_rows_and_the_figure(measured: tuple[MorphologyWidget, Labels, Labels], idle: Idle) -> None:
    widget = measured[0]
    widget.table_panel.set_level(TableLevel.LESION_SLICE)
    idle(widget)
    assert len(widget.table) == 6
    assert "Slice" in widget.table_panel.table.titles
    widget.table_panel.set_level(TableLevel.PATIENT)
    idle(widget)
    assert widget.table["patient"].tolist() == ["p-one", "p-two"]


def test_the_figure_follows_feature_kind_and_theme(
    measured: tuple[MorphologyWidget, Labels, Labels], viewer: ViewerModel, idle: Idle
) -> None:
    widget = measured[0]
    assert widget.figure_panel.view.figure.axes[0].get_ylabel() == "Area (mm²)"
    widget.figure_panel.set_feature("solidity")
    idle(widget)
    assert widget.figure_panel.view.figure.axes[0].get_ylabel() == "Solidity"
    widget.figure_panel.set_kind(FigureKind.ECDF)
    idle(widget)
    assert widget.figure_panel.view.figure.axes[0].get_xlabel() == "Solidity"
    dark = sum(widget.figure_panel.view.figure.get_facecolor()[:3])
    viewer.theme = "light"
    idle(widget)
    assert dark < 1 < sum(widget.figure_panel.view.figure.get_facecolor()[:3])


def test_phantoms_are_called_synthetic(
    viewer: ViewerModel, make_widget: Callable[[ViewerModel], MorphologyWidget], idle: Idle
) -> None:
    add_case(viewer, "phantom", Phase.ACUTE, cohort="phantom")
    widget = make_widget(viewer)
    widget.measure()
    idle(widget)
    assert widget.figure_panel.view.figure.get_suptitle() == "synthetic phantom data"


def test_a_row_leads_to_its_slice_and_label(
    measured: tuple[MorphologyWidget, Labels, Labels], viewer: ViewerModel
) -> None:
    widget, acute, chronic = measured
    viewer.dims.set_point(0, 0)
    row = widget.table.index[(widget.table["case"] == "one") & (widget.table["lesion_id"] == 7)][0]
    widget.table_panel.table.row_chosen.emit(int(row))
    assert acute.world_to_data(viewer.dims.point)[0] == pytest.approx(3)
    assert (viewer.layers.selection.active, acute.selected_label) == (acute, 7)
    assert widget.layer == acute
    shown = {layer.name: layer.visible for layer in viewer.layers}
    assert shown == {"one": True, "one scar": True, "two": False, "two scar": False}, "the other case lies in front"
    row = widget.table.index[(widget.table["case"] == "two") & (widget.table["lesion_id"] == 1)][0]
    widget.table_panel.table.row_chosen.emit(int(row))
    assert chronic.world_to_data(viewer.dims.point)[0] == pytest.approx(2), "where it is largest"
    assert chronic.visible
    assert not acute.visible


def test_a_row_whose_lesion_went_says_so(measured: tuple[MorphologyWidget, Labels, Labels], told: list[str]) -> None:
    widget, acute, _ = measured
    acute.data[:] = 0
    widget.table_panel.table.row_chosen.emit(0)
    assert told == ["This lesion is no longer on that slice; press Measure to bring the table up to date."]


def test_a_picked_lesion_highlights_its_row(
    measured: tuple[MorphologyWidget, Labels, Labels], viewer: ViewerModel, qtbot: object
) -> None:
    widget, acute, chronic = measured
    with qtbot.assertNotEmitted(widget.table_panel.table.row_chosen):
        chronic.selected_label = 7
    assert widget.table_panel.table.highlighted_row == 3
    acute.selected_label = 7
    assert widget.table_panel.table.highlighted_row == 1
    acute.selected_label = 99
    assert widget.table_panel.table.highlighted_row is None


def test_an_edit_and_its_undo_are_measured(
    measured: tuple[MorphologyWidget, Labels, Labels], qtbot: object, idle: Idle
) -> None:
    widget, acute, _ = measured
    acute.data_setitem((np.array([3]), np.array([30]), np.array([30])), 7)
    settle(qtbot, idle, widget)
    assert widget.table["area_px"].tolist() == [52, 26, 52, 25]
    acute.undo()
    settle(qtbot, idle, widget)
    assert widget.table["area_px"].tolist() == [52, 25, 52, 25]


def test_moving_through_the_slices_measures_nothing(
    measured: tuple[MorphologyWidget, Labels, Labels], viewer: ViewerModel, qtbot: object, idle: Idle
) -> None:
    widget = measured[0]
    before = widget.figure_panel.view.figure
    for z in range(5):
        viewer.dims.set_point(0, 10 * z)
    settle(qtbot, idle, widget)
    assert widget.figure_panel.view.figure is before


def test_live_can_be_switched_off_and_catches_up(
    measured: tuple[MorphologyWidget, Labels, Labels], qtbot: object, idle: Idle
) -> None:
    widget, acute, _ = measured
    widget.live_box.setChecked(False)
    acute.data_setitem((np.array([3]), np.array([30]), np.array([30])), 7)
    settle(qtbot, idle, widget)
    assert widget.table["area_px"].tolist() == [52, 25, 52, 25]
    widget.live_box.setChecked(True)
    settle(qtbot, idle, widget)
    assert widget.table["area_px"].tolist() == [52, 26, 52, 25]


def test_an_overtaken_measurement_is_not_shown(measured: tuple[MorphologyWidget, Labels, Labels], idle: Idle) -> None:
    widget, acute, _ = measured
    for size in (1, 2, 3):
        acute.data[:] = 0
        acute.data[0, :size, :size] = 1
        widget.measure_all()
    idle(widget)
    assert widget.table["area_px"].tolist() == [9, 52, 25]


def test_the_phase_is_edited_here(
    measured: tuple[MorphologyWidget, Labels, Labels], viewer: ViewerModel, idle: Idle
) -> None:
    widget, acute, _ = measured
    widget.layer = acute
    panel = widget.case_panel
    panel.phase_box.setCurrentIndex(1)
    panel.phase_box.activated.emit(1)
    panel.patient_edit.setText("p-two")
    panel.patient_edit.editingFinished.emit()
    idle(widget)
    assert widget.table[["patient", "phase"]].drop_duplicates().to_numpy().tolist() == [["p-two", "chronic"]]
    assert viewer.layers["one"].metadata[METADATA_KEY]["case"]["phase"] == "chronic"


def test_lesions_fill_the_features_table(
    measured: tuple[MorphologyWidget, Labels, Labels], viewer: ViewerModel, idle: Idle
) -> None:
    widget, acute, _ = measured
    assert acute.features["index"].tolist() == [1, 7]
    assert acute.features["area_px"].tolist() == [52, 25]
    viewer.dims.set_point(0, 30)
    assert any("area_mm2: 50" in text for text in _status_texts(acute)), "napari shows them under the mouse"
    acute.features = acute.features.assign(note=["mine", "other"])
    acute.data[3] = 0
    widget.measure_all()
    idle(widget)
    assert acute.features[["index", "note"]].to_numpy().tolist() == [[1, "mine"]], "others' columns stay"


def _status_texts(layer: Labels) -> list[str]:
    """What napari says about the voxel (3, 22, 22)."""
    status = layer.get_status(layer.data_to_world((3, 22, 22)), view_direction=None, dims_displayed=[1, 2], world=True)
    return [str(value) for value in status.values()]


def test_layers_that_go_take_their_rows_along(
    measured: tuple[MorphologyWidget, Labels, Labels], viewer: ViewerModel, idle: Idle
) -> None:
    widget, acute, chronic = measured
    viewer.layers.remove(chronic)
    idle(widget)
    assert widget.table["case"].unique().tolist() == ["one"]
    acute.name = "renamed"
    assert widget.case_panel.layers.currentText() == "renamed"


def test_one_bad_layer_is_told_and_the_others_measured(
    viewer: ViewerModel, make_widget: Callable[[ViewerModel], MorphologyWidget], idle: Idle, told: list[str]
) -> None:
    add_case(viewer, "one", Phase.ACUTE)
    viewer.add_labels(np.ones((2, 3, 8, 8), dtype=int), name="movie")
    viewer.add_labels(-np.ones((3, 8, 8), dtype=int), name="negative")
    widget = make_widget(viewer)
    widget.measure_all()
    idle(widget)
    assert widget.table["case"].unique().tolist() == ["one"]
    assert len(told) == 2
    assert any("'movie' has 4 axes" in text for text in told)
    assert any("negative value -1" in text for text in told)


def test_labels_without_anything_known_are_measured_in_pixels(
    viewer: ViewerModel, make_widget: Callable[[ViewerModel], MorphologyWidget], idle: Idle
) -> None:
    viewer.add_labels(np.pad(np.ones((6, 6), dtype=int), 5), name="flat")
    widget = make_widget(viewer)
    widget.measure()
    idle(widget)
    assert widget.table["area_px"].tolist() == [36]
    assert widget.table["area_mm2"].isna().all()
    assert "Area (px)" in widget.table_panel.table.titles
    assert widget.case_panel.note.text().startswith("Spacing unknown, so sizes are in pixels")
    assert widget.table_panel.status.text() == "1 lesion in 1 case · sizes in px"


def test_exports_the_table_with_what_made_it(measured: tuple[MorphologyWidget, Labels, Labels], tmp_path: Path) -> None:
    written = measured[0].export_table(tmp_path / "lesions")
    assert written == tmp_path / "lesions.csv"
    assert pd.read_csv(written)["area_mm2"].tolist() == [104, 50, 104, 50]
    record = json.loads((tmp_path / "lesions.json").read_text())
    assert record["spacing"] == {"z_mm": 10.0, "y_mm": 1.0, "x_mm": 2.0, "origin": "header"}
    assert record["config"] == {"rows": "per lesion", "density_g_per_ml": 1.05}
    assert record["cases"]["one"]["n_lesions"] == 2
    with pytest.raises(InputError, match=r"choose a name ending in \.csv"):
        measured[0].export_table(tmp_path / "lesions.xlsx")


@pytest.mark.parametrize(("suffix", "head"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")])
def test_exports_the_figure_with_its_numbers(
    measured: tuple[MorphologyWidget, Labels, Labels], tmp_path: Path, suffix: str, head: bytes
) -> None:
    written = measured[0].export_figure(tmp_path / f"areas{suffix}")
    assert written.read_bytes().startswith(head)
    assert len(pd.read_csv(tmp_path / "areas_data.csv")) == 4
    config = json.loads((tmp_path / "areas.json").read_text())["config"]
    assert {"feature": "area_mm2", "kind": "box", "group": "phase"}.items() <= config.items()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([written.name, "areas_data.csv", "areas.json"])


def test_the_export_buttons_write_or_say_why_not(
    measured: tuple[MorphologyWidget, Labels, Labels],
    tmp_path: Path,
    idle: Idle,
    told: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    widget = measured[0]
    names = iter([str(tmp_path / "a.csv"), str(tmp_path / "a.csv" / "b.png"), ""])
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (next(names), ""))
    widget.export_panel.table_button.click()
    idle(widget)
    assert (tmp_path / "a.csv").exists()
    widget.export_panel.figure_button.click()
    idle(widget)
    widget.export_panel.figure_button.click()
    idle(widget)
    assert told[0] == "Wrote a.csv, and beside it what made it."
    assert len(told) == 2
    assert "cannot be written" in told[1]


def _callbacks(viewer: ViewerModel) -> int:
    """Callbacks on everything the widget may listen to."""
    emitters = [*viewer.layers.events.emitters.values(), viewer.events.theme]
    names = ("paint", "data", "set_data", "scale", "units", "name", "selected_label")
    for layer in viewer.layers:
        emitters += [layer.events[name] for name in names if name in layer.events.emitters]
    return sum(len(emitter.callbacks) for emitter in emitters)


def test_closing_takes_off_every_callback_and_key(viewer: ViewerModel, qtbot: object, idle: Idle) -> None:
    _, layer = add_case(viewer, "one", Phase.ACUTE)
    before, keys = _callbacks(viewer), dict(layer.keymap)
    for _ in range(2):
        widget = MorphologyWidget(viewer)
        widget.measure()
        idle(widget)
        opened = _callbacks(viewer)
        assert before < opened
        assert len(layer.keymap) == len(keys) + 1
        widget.close()
        assert (_callbacks(viewer), dict(layer.keymap)) == (before, keys)
        layer.data_setitem((np.array([0]), np.array([0]), np.array([0])), 1)
        qtbot.wait(300)
        assert not widget.is_running
        widget.deleteLater()


def test_two_widgets_and_a_second_start_connect_once(
    viewer: ViewerModel, make_widget: Callable[[ViewerModel], MorphologyWidget]
) -> None:
    add_case(viewer, "one", Phase.ACUTE)
    widget = make_widget(viewer)
    once = _callbacks(viewer)
    viewer.layers.move(0, 2)
    widget._watch.start()
    assert _callbacks(viewer) == once


def test_in_napari_s_window_behind_its_proxies(
    make_napari_viewer: Callable[[], object], idle: Idle, qtbot: object
) -> None:
    viewer = make_napari_viewer()
    _, layer = add_case(viewer, "one", Phase.ACUTE)
    before = _callbacks(viewer)
    _, widget = viewer.window.add_plugin_dock_widget("napari-scarseg", "Morphology")
    widget.measure()
    idle(widget)
    assert widget.table["lesion_id"].tolist() == [1, 7]
    layer.selected_label = 7
    assert widget.table_panel.table.highlighted_row == 1
    widget.table_panel.table.row_chosen.emit(0)
    assert layer.selected_label == 1
    layer.data_setitem((np.array([2]), np.array([30]), np.array([30])), 1)
    settle(qtbot, idle, widget)
    assert widget.table["area_px"].tolist() == [53, 25]
    viewer.window.remove_dock_widget(widget)
    assert widget.is_shut
    # napari's own callbacks on the selected layer come and go.
    assert _callbacks(viewer) <= before + 1
    widget.deleteLater()


def test_two_hundred_lesions_keep_the_window_alive(
    viewer: ViewerModel, make_widget: Callable[[ViewerModel], MorphologyWidget], idle: Idle
) -> None:
    labels = np.zeros((10, 128, 128), dtype=np.int32)
    for lesion in range(200):
        z, row, col = lesion % 10, 12 * ((lesion // 10) % 10), 30 * (lesion // 100)
        labels[z, row : row + 6, col : col + 7] = lesion + 1
    viewer.add_labels(labels, name="many")
    widget = make_widget(viewer)
    widget.measure()
    idle(widget)
    assert len(widget.table) == 200
    assert len(widget.table_panel.table.shown_texts(0)) == 200


def test_needs_no_network_library_and_no_pyplot() -> None:
    code = (
        "import sys, numpy as np, napari_scarseg.gui.morphology_widget;"
        "bad = {'torch', 'ultralytics', 'cv2', 'matplotlib.pyplot'} & set(sys.modules);"
        "sys.exit(', '.join(bad) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    """A table of 24 other patients, as `scarseg measure` writes it."""
    rng = np.random.default_rng(0)
    tables = []
    for number in range(24):
        labels = np.zeros((3, 40, 40), np.int32)
        height, width = rng.integers(4, 20, 2)
        labels[:2, 5 : 5 + height, 5 : 5 + width] = 1
        phase = (Phase.ACUTE, Phase.CHRONIC)[number % 2]
        tables.append(measure_labels(labels, SPACING, CaseInfo(f"R{number:02}", "", phase, "centre")))
    path = tmp_path / "reference.csv"
    join_tables(tables).to_csv(path, index=False)
    return path


def load_reference(widget: MorphologyWidget, path: Path, idle: Idle) -> None:
    widget.reference_panel.load(path)
    idle(widget)


def press(widget: MorphologyWidget, row: int) -> None:
    """Click the point of a row of the figure."""
    view = widget.figure_panel.view
    view.figure.canvas.draw()
    points = widget._picture.points
    x, y = points.loc[points["row"] == row, ["x", "y"]].to_numpy(dtype=float)[0]
    x_px, y_px = view.figure.axes[0].transData.transform((x, y))
    view.figure.canvas.callbacks.process(
        "button_press_event", MouseEvent("button_press_event", view.figure.canvas, x_px, y_px, button=1)
    )


def test_the_patient_is_drawn_over_a_reference(
    measured: tuple[MorphologyWidget, Labels, Labels], reference: Path, idle: Idle
) -> None:
    widget = measured[0]
    load_reference(widget, reference, idle)
    assert widget.reference_panel.name.text() == "reference.csv, n = 24"
    texts = [text.get_text() for text in widget.figure_panel.view.figure.axes[0].get_xticklabels()]
    assert [text.split("\n")[1] for text in texts] == ["n = 14", "n = 14"], "two lesions of ours, twelve of theirs"
    assert len(widget.table) == 4, "the table is of what is measured here"
    assert widget._picture.marked.sum() == 4
    widget.figure_panel.set_group("cohort")
    idle(widget)
    texts = [text.get_text() for text in widget.figure_panel.view.figure.axes[0].get_xticklabels()]
    assert [text.split("\n")[0] for text in texts] == ["centre", "not given"]
    widget.reference_panel.set_reference(None)
    idle(widget)
    assert len(widget._picture.drawn) == 4


@pytest.mark.parametrize("kind", [FigureKind.BOX, FigureKind.RAINCLOUD, FigureKind.SCATTER])
def test_a_point_leads_to_its_lesion(
    measured: tuple[MorphologyWidget, Labels, Labels],
    viewer: ViewerModel,
    reference: Path,
    idle: Idle,
    kind: FigureKind,
) -> None:
    widget, acute, _ = measured
    load_reference(widget, reference, idle)
    widget.figure_panel.controls.set_choice(FigureChoice(kind, "area_mm2", "solidity"))
    idle(widget)
    row = int(widget.table.index[(widget.table["case"] == "one") & (widget.table["lesion_id"] == 7)][0])
    press(widget, row)
    assert (viewer.layers.selection.active, acute.selected_label) == (acute, 7)
    assert acute.world_to_data(viewer.dims.point)[0] == pytest.approx(3)
    assert widget.table_panel.table.highlighted_row == row
    idle(widget)
    press(widget, len(widget.table))
    assert widget.table_panel.status.text().startswith("Reference: patient R00, acute")


def test_a_picked_lesion_stands_out_in_the_figure(
    measured: tuple[MorphologyWidget, Labels, Labels], idle: Idle
) -> None:
    widget, _, chronic = measured
    before = len(widget.figure_panel.view.figure.axes[0].collections)
    chronic.selected_label = 7
    idle(widget)
    assert len(widget.figure_panel.view.figure.axes[0].collections) == before + 1, "a ring"


def test_the_families_of_features_are_chosen(measured: tuple[MorphologyWidget, Labels, Labels], idle: Idle) -> None:
    widget = measured[0]
    assert "Texture contrast" not in widget.table_panel.table.titles
    widget.table_panel.families.set_families(frozenset({FeatureFamily.TEXTURE}))
    idle(widget)
    assert "Texture contrast" in widget.table_panel.table.titles
    assert "Area (mm²)" not in widget.table_panel.table.titles
    assert widget.figure_panel.view.figure.axes[0].get_ylabel() == "Texture contrast"
    assert "area_mm2" in widget.table, "the export has them all"


def test_the_wall_gives_transmurality_and_follows_its_edits(
    viewer: ViewerModel, make_widget: Callable[[ViewerModel], MorphologyWidget], qtbot: object, idle: Idle
) -> None:
    image, layer = add_case(viewer, "one", Phase.ACUTE)
    muscle = np.ones((5, 32, 32), np.int32)
    muscle[:, 12:20, 12:20] = 0
    wall = viewer.add_labels(muscle, name="wall", **frame_of(image).as_kwargs())
    widget = make_widget(viewer)
    widget.layer = layer
    widget.measure()
    idle(widget)
    assert "lv_share_pct" not in widget.table
    widget.case_panel.wall.layers.choose(wall)
    idle(widget)
    assert widget.table["lv_share_pct"].tolist() == pytest.approx([100 * 52 / 4800, 100 * 25 / 4800])
    assert widget.table["transmurality_pct"].notna().all()
    wall.data_setitem((np.array([0]), np.array([0]), np.array([0])), 0)
    settle(qtbot, idle, widget)
    assert widget.table["lv_share_pct"].tolist() == pytest.approx([100 * 52 / 4799, 100 * 25 / 4799])
    points = viewer.add_points(np.array([[1.0, 16.0, 16.0]]), name="middle", **frame_of(image).as_kwargs())
    widget.case_panel.wall.layers.choose(points)
    idle(widget)
    assert widget.table["angular_extent_deg"].notna().all(), "one point serves all slices"
    assert "transmurality_pct" not in widget.table_panel.table.titles
    viewer.layers.remove(points)
    idle(widget)
    widget.measure()
    idle(widget)
    assert "angular_extent_deg" not in widget.table


def test_a_wall_that_does_not_fit_is_refused(
    viewer: ViewerModel, make_widget: Callable[[ViewerModel], MorphologyWidget], idle: Idle, told: list[str]
) -> None:
    _, layer = add_case(viewer, "one", Phase.ACUTE)
    other = viewer.add_labels(np.ones((2, 8, 8), int), name="other")
    widget = make_widget(viewer)
    widget.layer = layer
    widget.case_panel.wall.layers.choose(other)
    widget.measure()
    idle(widget)
    assert told == [
        "The wall 'other' has the shape (2, 8, 8) and 'one scar' (5, 32, 32); choose labels of the same image."
    ]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda t: t.drop(columns="slice"), "has no column 'slice', so it is a summary"),
        (lambda t: t.assign(solidity="high"), "The column solidity holds text where numbers belong; correct it."),
        (lambda t: pd.concat([t, t]), "lists a lesion twice on the same slice; remove the repeated rows."),
        (lambda t: t.iloc[:0], "has no rows, so there is nothing to compare with"),
        (lambda t: t[["case"]], "The table lacks the columns patient"),
    ],
)
def test_a_bad_reference_is_told_in_a_sentence(
    measured: tuple[MorphologyWidget, Labels, Labels],
    reference: Path,
    idle: Idle,
    told: list[str],
    change: Callable[[pd.DataFrame], pd.DataFrame],
    sentence: str,
) -> None:
    widget = measured[0]
    change(pd.read_csv(reference)).to_csv(reference, index=False)
    load_reference(widget, reference, idle)
    assert len(told) == 1 and sentence in told[0]
    assert widget.reference_panel.reference is None


def test_the_figure_is_exported_with_its_reference(
    measured: tuple[MorphologyWidget, Labels, Labels], reference: Path, idle: Idle, tmp_path: Path
) -> None:
    widget = measured[0]
    load_reference(widget, reference, idle)
    written = widget.export_figure(tmp_path / "figure.svg")
    assert len(pd.read_csv(tmp_path / "figure_data.csv")) == 4 + 24
    record = json.loads(written.with_suffix(".json").read_text())
    assert record["config"]["reference"] == "reference.csv"


def test_two_hundred_lesions_stay_live(
    viewer: ViewerModel, make_widget: Callable[[ViewerModel], MorphologyWidget], qtbot: object, idle: Idle
) -> None:
    labels = np.zeros((4, 200, 200), np.int32)
    for number in range(200):
        z, rest = divmod(number, 50)
        row, col = divmod(rest, 10)
        labels[z, 20 * row : 20 * row + 9, 20 * col : 20 * col + 7] = number + 1
    layer = viewer.add_labels(labels, name="many")
    widget = make_widget(viewer)
    widget.measure()
    idle(widget)
    assert len(widget.table) == 200
    ticks = []
    timer = QTimer()
    timer.setInterval(5)
    timer.timeout.connect(lambda: ticks.append(time.perf_counter()))
    timer.start()
    layer.data_setitem((np.array([0]), np.array([15]), np.array([3])), 1)
    settle(qtbot, idle, widget)
    timer.stop()
    assert widget.table["area_px"][0] == 64
    # The window answers while 200 lesions are measured, tabled and drawn; generous, as machines differ.
    assert max(np.diff(ticks)) < 1.5
