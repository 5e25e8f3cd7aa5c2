"""*Review and correct*, beside *Segment scars* which draws what it changes."""

import numpy as np
import pytest

from napari_scarseg.core.box import Box, BoxOrigin, Review
from napari_scarseg.core.refinement import Refinement
from napari_scarseg.gui import edits
from napari_scarseg.gui import viewer as on_viewer
from napari_scarseg.gui.box_style import box_colour
from napari_scarseg.gui.correct_widget import CorrectWidget
from napari_scarseg.gui.keys import KEY_HELP, Key, bound_key
from napari_scarseg.gui.layer_state import label_state
from napari_scarseg.gui.lesion_list import COLUMNS, FLAGGED
from napari_scarseg.gui.plan import ShownBoxes
from napari_scarseg.gui.segment_widget import SegmentWidget


@pytest.fixture
def boxes(viewer, image, engine):
    layer = on_viewer.new_boxes_layer(viewer, image)
    on_viewer.show_boxes(layer, image, ShownBoxes(engine.boxes, ()))
    return layer


@pytest.fixture
def segment(viewer, image, boxes, home, dock, notices) -> SegmentWidget:
    return dock(SegmentWidget(viewer, home))


@pytest.fixture
def widget(viewer, segment, dock, monkeypatch, notices) -> CorrectWidget:
    monkeypatch.setattr("napari_scarseg.gui.lesion_commands.show_warning", notices.append)
    widget = dock(CorrectWidget(viewer))

    def work_on() -> None:
        widget.work_on(segment.images.layer, segment.boxes.layer, segment.labels.layer)

    segment.layers_changed.connect(work_on)
    segment.labels_written.connect(widget.refresh)
    work_on()
    return widget


@pytest.fixture
def labels(segment, widget, idle, qtbot):
    """The labels of all boxes: lesion 1 on slices 1 and 2, 3 on 2, 4 on 3."""
    segment.segment_all()
    idle(segment)
    qtbot.waitUntil(lambda: widget.lesions.item(0, COLUMNS.index("Voxels")).text() not in ("", "0"), timeout=3000)
    return segment.labels.layer


@pytest.fixture
def drawn(segment, labels, idle, qtbot):
    """Wait until the labels are what is expected."""

    def wait(expected) -> None:
        qtbot.waitUntil(expected, timeout=3000)
        idle(segment)

    return wait


def read(boxes, image) -> dict[str, Box]:
    return {box.box_id: box for box in on_viewer.read_boxes_layer(boxes, image).boxes}


def column(widget, name: str) -> list[str]:
    return [widget.lesions.item(row, COLUMNS.index(name)).text() for row in range(widget.lesions.rowCount())]


def pick(widget, *lesions: int) -> None:
    widget.lesions.choose(lesions)
    widget.lesions.chosen_changed.emit()


def test_lesions_are_listed_with_what_matters(widget, labels) -> None:
    assert column(widget, "Lesion") == ["1", "3", "4"]
    assert column(widget, "Slices") == ["1–2", "2", "3"]
    assert column(widget, "Sure") == ["90%", "60%", "20%"]
    assert column(widget, "Review") == ["2 to do", "1 to do", "1 to do"]
    assert int(column(widget, "Voxels")[0]) == np.count_nonzero(labels.data == 1)
    assert "0 of 4" in widget.note.text()
    assert column(widget, FLAGGED)[2] == FLAGGED
    assert "low confidence" in widget.lesions.item(2, COLUMNS.index(FLAGGED)).toolTip()


def test_a_click_goes_to_the_lesion_and_again_to_its_next_slice(widget, labels, viewer, image, boxes) -> None:
    assert on_viewer.current_slice(viewer, image) == 2
    widget.lesions.cellClicked.emit(2, 0)
    assert on_viewer.current_slice(viewer, image) == 3
    assert labels.selected_label == 4
    assert [box.box_id for box in on_viewer.selected_boxes(boxes, image)] == ["d"]
    assert viewer.layers.selection.active == boxes
    slices = []
    for _ in range(3):
        widget.lesions.cellClicked.emit(0, 0)
        slices.append(on_viewer.current_slice(viewer, image))
    assert slices[0] in (1, 2) and slices[1] == 3 - slices[0] and slices[2] == slices[0]


def test_selecting_a_box_chooses_its_lesion_in_the_list(widget, labels, boxes) -> None:
    boxes.selected_data = {2}
    assert widget.chosen == (3,)
    assert "lesion 3" in widget.shape_label.text()


def test_review_by_keys_goes_from_box_to_box_and_rejecting_erases(widget, labels, viewer, image, boxes, drawn) -> None:
    for key, name in ((Key.NEXT_TO_REVIEW, "b"), (Key.ACCEPT, "c"), (Key.CHECK, "d"), (Key.REJECT, "a")):
        bound_key(boxes, key)(boxes)
        assert [box.box_id for box in on_viewer.selected_boxes(boxes, image)] == [name], key
    reviews = {name: box.review for name, box in read(boxes, image).items()}
    assert reviews == {"a": Review.NONE, "b": Review.ACCEPTED, "c": Review.CHECK, "d": Review.REJECTED}
    drawn(lambda: not (labels.data == 4).any())
    assert (labels.data == 3).any()
    assert on_viewer.current_slice(viewer, image) == 1
    assert "2 of 4" in widget.note.text()
    row = list(boxes.features["box_id"]).index("d")
    assert boxes.features["text"][row].endswith("✗")
    assert np.allclose(boxes.edge_color[row][:3], [0x8C / 255] * 3)
    labels.undo()
    assert (labels.data == 4).any()


def test_marks_survive_detecting_again_and_the_slider(widget, boxes, image) -> None:
    edits.mark(boxes, image, {"a"}, Review.ACCEPTED)
    shown = ShownBoxes(on_viewer.read_boxes_layer(boxes, image).boxes, ())
    on_viewer.show_boxes(boxes, image, shown)
    assert read(boxes, image)["a"].review is Review.ACCEPTED


def test_colour_says_how_sure_the_detector_is(boxes) -> None:
    sure, unsure = boxes.edge_color[0], boxes.edge_color[3]
    assert sure[1] > unsure[1] + 0.2
    assert box_colour("user", float("nan"), "") != box_colour("edited", float("nan"), "")


def test_copying_on_goes_on_and_draws_the_same_lesion(widget, labels, boxes, image, viewer, drawn) -> None:
    on_viewer.go_to_slice(viewer, image, 3)
    bound_key(boxes, Key.COPY_NEXT)(boxes)
    assert on_viewer.current_slice(viewer, image) == 4
    drawn(lambda: (labels.data[4] == 4).any())
    (copy,) = on_viewer.selected_boxes(boxes, image)
    assert (copy.origin, copy.lesion_id) == (BoxOrigin.USER, 4)
    bound_key(boxes, Key.COPY_NEXT)(boxes)
    assert "Nothing was copied" in widget.note.text()


def test_without_a_box_in_hand_the_person_is_told(widget, viewer, image, boxes, notices) -> None:
    on_viewer.go_to_slice(viewer, image, 0)
    widget.commands.mark(Review.ACCEPTED)
    assert "Select a box first" in notices[-1]
    assert all(box.review is Review.NONE for box in read(boxes, image).values())


def test_filling_in_draws_the_slices_between(widget, labels, boxes, image, drawn) -> None:
    edits.add(boxes, image, [Box(4, 10, 10, 22, 22, lesion_id=1)])
    pick(widget, 1)
    widget.commands.fill_between()
    drawn(lambda: all((labels.data[z] == 1).any() for z in (1, 2, 3, 4)))
    assert sum(box.lesion_id == 1 for box in read(boxes, image).values()) == 4


def test_merging_and_splitting_are_one_step_each_and_take_painting_along(widget, labels, boxes, image, drawn) -> None:
    labels.paint((3, 60, 60), 4)
    before = labels.data.copy()
    pick(widget, 3, 4)
    widget.commands.merge()
    drawn(lambda: not (labels.data == 4).any())
    assert np.array_equal(labels.data != 0, before != 0)
    assert labels.data[3, 60, 60] == 3
    assert {box.lesion_id for box in read(boxes, image).values()} == {1, 3}
    labels.undo()
    assert np.array_equal(labels.data, before)
    labels.redo()

    boxes.selected_data = {list(boxes.features["box_id"]).index("d")}
    widget.commands.split()
    drawn(lambda: (labels.data[3] == 5).any())
    assert not (labels.data[3] == 3).any() and (labels.data[2] == 3).any()
    assert labels.data[3, 60, 60] == 5, "painted where the split lesion is alone"


def test_labels_without_boxes_can_be_merged_and_stay(widget, labels, boxes, image, drawn, qtbot, segment, idle) -> None:
    labels.data_setitem((np.full(4, 2), np.array([50, 50, 51, 51]), np.array([20, 21, 20, 21])), 9)
    qtbot.waitUntil(lambda: "9" in column(widget, "Lesion"), timeout=3000)
    labels.metadata["scarseg"]["painted"] = None  # as if another plugin had drawn them
    pick(widget, 3, 9)
    widget.commands.merge()
    drawn(lambda: not (labels.data == 9).any())
    assert labels.data[2, 50, 20] == 3
    segment.segment_all()
    idle(segment)
    assert labels.data[2, 50, 20] == 3


def test_linking_on_command(widget, labels, boxes, image, drawn) -> None:
    edits.add(boxes, image, [Box(4, 40, 8, 52, 20)])
    drawn(lambda: (labels.data[4] == 5).any())
    widget.commands.link()
    drawn(lambda: (labels.data[4] == 4).any())
    assert "1 lesions linked" in widget.note.text()


def test_splitting_a_lesion_from_this_slice_on(widget, labels, boxes, image, viewer, drawn) -> None:
    on_viewer.go_to_slice(viewer, image, 2)
    pick(widget, 1)
    widget.commands.split()
    drawn(lambda: (labels.data[2] == 5).any())
    assert (labels.data[1] == 1).any() and not (labels.data[2] == 1).any()


def test_the_shape_of_the_chosen_lesions_changes_at_once_without_the_network(
    widget, labels, boxes, engine, drawn, segment
) -> None:
    before, calls = labels.data.copy(), len(engine.calls)
    pick(widget, 3)
    widget.shape_field.grow.setValue(2)
    drawn(lambda: np.count_nonzero(labels.data == 3) > np.count_nonzero(before == 3))
    assert np.array_equal(labels.data[labels.data != 3] * (before[labels.data != 3] != 3), before[labels.data != 3])
    assert np.array_equal(labels.data == 1, before == 1)
    assert label_state(labels.metadata).refinements == {3: Refinement(grow_px=2)}
    pick(widget, 1)
    assert widget.shape_field.grow.value() == 0
    widget.shape_field.threshold.own.setChecked(True)
    widget.shape_field.threshold.slider.setValue(2.0)
    drawn(lambda: np.count_nonzero(labels.data == 1) < np.count_nonzero(before == 1))
    pick(widget)
    assert "all other lesions" in widget.shape_label.text()
    segment.live.setChecked(False)
    widget.shape_field.grow.setValue(-1)
    drawn(lambda: np.count_nonzero(labels.data == 4) < np.count_nonzero(before == 4))
    assert len(engine.calls) == calls
    for _ in range(3):
        labels.undo()
    assert np.array_equal(labels.data, before)


def test_a_slider_just_let_go_is_about_the_lesion_chosen_then(widget, labels) -> None:
    pick(widget, 1)
    widget.shape_field.threshold.own.setChecked(True)
    widget.shape_field.threshold.slider.setValue(1.0)
    widget.refresh()
    pick(widget, 3)
    assert label_state(labels.metadata).refinements == {1: Refinement(threshold_logit=1.0)}
    assert not widget.shape_field.threshold.own.isChecked()


def test_points_ask_again_for_their_box_only(widget, labels, boxes, image, viewer, engine, drawn, segment) -> None:
    calls = len(engine.calls)
    bound_key(boxes, Key.POINT_NEGATIVE)(boxes)
    points = viewer.layers.selection.active
    assert segment.points.layer == points and points.mode == "add"
    points.add([[2, 46, 46]])
    drawn(lambda: len(engine.calls) > calls)
    assert engine.calls[calls:] == [("segment", 1)]
    assert engine.prompts[-1].points == ((46.5, 46.5, False),)
    assert engine.prompts[-1].box.box_id == "c"
    points.selected_data = {0}
    points.remove_selected()
    drawn(lambda: len(engine.calls) > calls + 1)
    assert engine.prompts[-1].points == ()
    assert bound_key(points, Key.ACCEPT) is not None


def test_painting_takes_up_napari_s_brush_in_the_lesion_s_colour(widget, labels, viewer, drawn) -> None:
    pick(widget, 3)
    widget.commands.paint(False)
    assert (viewer.layers.selection.active, labels.mode, labels.selected_label) == (labels, "paint", 3)
    widget.commands.paint(True)
    assert labels.mode == "erase"


def test_every_key_is_on_the_sheet_and_every_command_has_one(widget) -> None:
    assert set(KEY_HELP) == set(Key)
    widget.show_keys()
    assert widget._sheet.isVisible()
    widget.show_keys()
    assert not widget._sheet.isVisible()
    assert len({key.value for key in Key}) == len(Key)


def test_nothing_to_do_is_said(viewer, dock) -> None:
    widget = dock(CorrectWidget(viewer))
    assert "No lesions yet" in widget.note.text()
    for command in (widget.commands.next_to_review, widget.commands.link, widget.commands.merge, widget.show_keys):
        command()
