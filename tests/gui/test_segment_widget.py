"""*Segment scars*."""

import numpy as np
import pytest

from napari_scarseg.core.box import BoxOrigin
from napari_scarseg.gui import viewer as on_viewer
from napari_scarseg.gui.keys import Key, bound_key
from napari_scarseg.gui.layer_state import label_state
from napari_scarseg.gui.plan import ShownBoxes
from napari_scarseg.gui.segment_widget import SegmentWidget


@pytest.fixture
def boxes(viewer, image, engine):
    layer = on_viewer.new_boxes_layer(viewer, image)
    on_viewer.show_boxes(layer, image, ShownBoxes(engine.boxes, ()))
    return layer


@pytest.fixture
def widget(viewer, image, boxes, home, dock, notices) -> SegmentWidget:
    return dock(SegmentWidget(viewer, home))


@pytest.fixture
def segmented(widget, idle) -> SegmentWidget:
    widget.segment_all()
    idle(widget)
    return widget


def read(widget):
    return {b.box_id: b for b in on_viewer.read_boxes_layer(widget.boxes.layer, widget.images.layer).boxes}


def move(layer, row: int, shift: tuple[float, float, float]) -> None:
    """Move a shape as a script would, and say so."""
    data = [np.array(vertices) for vertices in layer.data]
    data[row] = data[row] + shift
    features = layer.features.copy()
    layer.data = data
    layer.features = features


def test_one_label_per_lesion_linked_across_slices(segmented, image, viewer) -> None:
    layer = segmented.labels.layer
    assert layer.name == "heart scar"
    assert layer.scale == pytest.approx(image.scale)
    assert layer.units == image.units
    lesions = {name: box.lesion_id for name, box in read(segmented).items()}
    assert lesions["a"] == lesions["b"] == 1, "overlapping in adjacent slices"
    assert len({lesions["b"], lesions["c"], lesions["d"]}) == 3
    labels = layer.data
    assert set(np.unique(labels)) == {0, *lesions.values()}
    assert labels[1, 16, 16] == lesions["a"] and labels[2, 46, 46] == lesions["c"]
    assert list(segmented.boxes.layer.features["lesion_id"]) == list(lesions.values())
    state = label_state(layer.metadata)
    assert state.linked and state.used_lesions == 4
    assert state.engine["name"] == "fake-segmenter"


def test_one_undo_takes_all_of_it_back_and_redo_brings_it_again(segmented) -> None:
    layer = segmented.labels.layer
    after = layer.data.copy()
    layer.undo()
    assert not layer.data.any()
    layer.redo()
    assert np.array_equal(layer.data, after)


def test_a_moved_box_redraws_its_own_lesion_at_once(segmented, mouse, qtbot, idle, engine) -> None:
    labels, boxes = segmented.labels.layer, segmented.boxes.layer
    before = labels.data.copy()
    lesion = read(segmented)["c"].lesion_id
    boxes.mode = "select"
    boxes.selected_data = {2}
    mouse.drag(boxes, (2, 45, 45), (2, 48, 49))
    qtbot.waitUntil(lambda: not np.array_equal(labels.data, before), timeout=2000)
    idle(segmented)
    assert engine.calls[-1] == ("segment", 1)
    changed = labels.data != before
    assert set(np.unique(before[changed])) | set(np.unique(labels.data[changed])) == {0, lesion}
    assert not changed[[0, 1, 3, 4]].any()
    assert labels.data[2, 49, 50] == lesion
    assert read(segmented)["c"].origin is BoxOrigin.EDITED
    labels.undo()
    assert np.array_equal(labels.data, before)


def test_dragging_updates_when_the_mouse_rests(segmented, mouse, qtbot) -> None:
    labels, boxes = segmented.labels.layer, segmented.boxes.layer
    before = labels.data.copy()
    boxes.mode = "select"
    boxes.selected_data = {2}
    mouse.press(boxes, (2, 45, 45))
    mouse.move(boxes, (2, 48, 49))
    qtbot.waitUntil(lambda: not np.array_equal(labels.data, before), timeout=2000)
    mouse.release(boxes, (2, 48, 49))


def test_a_deleted_box_takes_its_label_along(segmented, qtbot) -> None:
    labels, boxes = segmented.labels.layer, segmented.boxes.layer
    lesion = read(segmented)["d"].lesion_id
    assert (labels.data == lesion).any()
    boxes.selected_data = {3}
    boxes.remove_selected()
    qtbot.waitUntil(lambda: not (labels.data == lesion).any(), timeout=2000)
    labels.undo()
    assert (labels.data == lesion).any()


def test_a_drawn_box_gets_a_new_lesion(segmented, mouse, qtbot) -> None:
    labels, boxes = segmented.labels.layer, segmented.boxes.layer
    boxes.mode = "add_rectangle"
    mouse.press(boxes, (2, 5, 40))
    mouse.move(boxes, (2, 17, 55))
    qtbot.wait(250)
    assert labels.data.max() == 4, "not before the mouse is released"
    mouse.release(boxes, (2, 17, 55))
    qtbot.waitUntil(lambda: (labels.data[2] == 5).any(), timeout=2000)
    assert boxes.features["lesion_id"].iloc[-1] == 5
    boxes.selected_data = {4}
    boxes.remove_selected()
    qtbot.waitUntil(lambda: not (labels.data == 5).any(), timeout=2000)
    boxes.mode = "add_rectangle"
    mouse.drag(boxes, (2, 5, 40), (2, 17, 55))
    qtbot.waitUntil(lambda: (labels.data[2] == 6).any(), timeout=2000)


def test_there_and_back_leaves_no_trace_and_asks_no_network_twice(segmented, qtbot, idle, engine) -> None:
    labels, boxes = segmented.labels.layer, segmented.boxes.layer
    before = labels.data.copy()
    move(boxes, 1, (0, 25, 25))
    qtbot.waitUntil(lambda: not np.array_equal(labels.data, before), timeout=2000)
    idle(segmented)
    move(boxes, 1, (0, -25, -25))
    qtbot.waitUntil(lambda: np.array_equal(labels.data, before), timeout=2000)
    assert read(segmented)["b"].origin is BoxOrigin.DETECTOR


def test_after_undo_a_lesion_stays_undone_until_its_box_is_touched(segmented, qtbot, idle) -> None:
    labels, boxes = segmented.labels.layer, segmented.boxes.layer
    full = labels.data.copy()
    lesion = read(segmented)["d"].lesion_id
    labels.undo()
    move(boxes, 3, (0, 0, 2))
    qtbot.waitUntil(lambda: (labels.data == lesion).any(), timeout=2000)
    idle(segmented)
    assert set(np.unique(labels.data)) == {0, lesion}
    segmented.segment_all()
    idle(segmented)
    assert np.array_equal(labels.data[1:3], full[1:3])


def test_without_live_update_nothing_moves_until_asked(segmented, qtbot, idle) -> None:
    segmented.live.setChecked(False)
    labels, boxes = segmented.labels.layer, segmented.boxes.layer
    before = labels.data.copy()
    move(boxes, 2, (0, 5, 5))
    qtbot.wait(300)
    assert np.array_equal(labels.data, before)
    segmented.live.setChecked(True)
    qtbot.waitUntil(lambda: not np.array_equal(labels.data, before), timeout=2000)


def test_before_the_first_segmentation_edits_draw_nothing(widget, boxes, qtbot) -> None:
    move(boxes, 2, (0, 5, 5))
    qtbot.wait(200)
    assert widget.labels.layer is None


def test_selected_boxes_only(widget, boxes, idle, engine, notices) -> None:
    boxes.selected_data = set()
    widget.segment_selected()
    assert notices == ["Select boxes first, with napari's select tool."]
    boxes.selected_data = {0}
    widget.segment_selected()
    idle(widget)
    labels = widget.labels.layer.data
    assert labels[1].any() and not labels[[0, 2, 3, 4]].any()


def test_boxes_that_were_left_out_wait_until_they_are_touched(widget, boxes, idle, qtbot) -> None:
    boxes.selected_data = {0}
    widget.segment_selected()
    idle(widget)
    labels = widget.labels.layer.data
    move(boxes, 0, (0, 3, 3))
    qtbot.waitUntil(lambda: labels[1, 23, 18] > 0, timeout=2000)
    idle(widget)
    assert not labels[2:].any()
    move(boxes, 3, (0, 3, 3))
    qtbot.waitUntil(lambda: labels[3].any(), timeout=2000)
    idle(widget)
    assert not labels[2].any()
    widget.segment_all()
    idle(widget)
    assert labels[2].any()


def test_painted_voxels_are_kept_until_released(segmented, qtbot, idle, mouse) -> None:
    labels, boxes = segmented.labels.layer, segmented.boxes.layer
    lesion = int(labels.data[2, 46, 46])
    labels.brush_size = 3
    labels.selected_label = 0
    labels.mode = "paint"
    labels.paint((2, 46, 46), 0)
    labels.selected_label = lesion
    labels.paint((2, 60, 60), lesion)
    erased, added = labels.data[2, 46, 46], labels.data[2, 60, 60]
    assert (erased, added) == (0, lesion)
    move(boxes, 2, (0, 1, 1))
    qtbot.waitUntil(lambda: labels.data[2, 40 + 12, 46] == lesion, timeout=2000)
    idle(segmented)
    assert (labels.data[2, 46, 46], labels.data[2, 60, 60]) == (0, lesion)
    assert segmented.painted.isVisibleTo(segmented)
    assert "Painted by hand" in segmented.painted.count.text()
    segmented.painted.release()
    segmented.segment_all()
    idle(segmented)
    assert (labels.data[2, 46, 46], labels.data[2, 60, 60]) == (lesion, 0)


def test_an_undone_stroke_protects_nothing(segmented) -> None:
    labels = segmented.labels.layer
    labels.paint((2, 60, 60), 9)
    state = label_state(labels.metadata)
    assert state.painted is not None and state.painted[2, 60, 60] == 9
    labels.undo()
    segmented.painted.refresh()
    assert not segmented.painted.isVisibleTo(segmented)


def test_filling_and_polygons_are_painting_too(segmented) -> None:
    labels = segmented.labels.layer
    labels.paint_polygon([(2, 50, 2), (2, 50, 12), (2, 60, 12)], 7)
    painted = label_state(labels.metadata).painted
    assert np.array_equal(painted == 7, labels.data == 7)
    labels.fill((2, 52, 10), 8)
    painted = label_state(labels.metadata).painted
    assert np.array_equal(painted == 8, labels.data == 8)


def test_labels_of_others_in_the_layer_stay(viewer, widget, image, idle) -> None:
    theirs = np.zeros((5, 64, 64), np.int32)
    theirs[2, 44:50, 44:50] = 3
    layer = viewer.add_labels(theirs, scale=image.scale, units=image.units)
    widget.labels.choose(layer)
    widget.segment_all()
    idle(widget)
    assert (layer.data[2, 44:50, 44:50] == 3).all()
    assert read(widget)["a"].lesion_id > 3


def test_labels_that_do_not_fit_are_refused(viewer, widget, notices) -> None:
    widget.labels.choose(viewer.add_labels(np.zeros((5, 32, 32), int)))
    widget.segment_all()
    assert "New labels layer" in notices[0]
    small = viewer.add_labels(np.full((5, 64, 64), 255, np.uint8))
    small.data[:] = 0
    small.data[4, 60, 60] = 255
    widget.labels.choose(small)
    widget.segment_all()
    assert "up to 255 only" in notices[1]
    assert np.count_nonzero(small.data) == 1


def test_cancel_writes_nothing_and_the_next_run_goes_on(widget, boxes, idle, engine, qtbot) -> None:
    engine.delay_s = 0.15
    widget.segment_all()
    qtbot.wait(400)
    assert widget.bar.isVisibleTo(widget)
    widget.cancel()
    qtbot.wait(300)
    assert not widget.labels.layer.data.any()
    assert "Cancelled" in widget.note.text()
    engine.delay_s = 0
    widget.segment_all()
    idle(widget)
    assert widget.labels.layer.data.any()
    assert engine.calls[-1][1] < 4


def test_edits_during_a_run_are_drawn_after_it(segmented, engine, qtbot, idle) -> None:
    labels, boxes = segmented.labels.layer, segmented.boxes.layer
    engine.delay_s = 0.2
    move(boxes, 2, (0, 3, 3))
    qtbot.waitUntil(lambda: segmented.is_running)
    move(boxes, 2, (0, 5, 5))
    engine.delay_s = 0
    lesion = read(segmented)["c"].lesion_id
    qtbot.waitUntil(lambda: labels.data[2, 54, 54] == lesion and labels.data[2, 41, 46] == 0, timeout=3000)
    idle(segmented)


def test_a_dead_engine_is_told_and_the_next_click_works(widget, idle, engine, notices) -> None:
    engine.die_after = 1
    widget.segment_all()
    idle(widget)
    assert notices == ["The engine process ended unexpectedly; try again, it starts anew."]
    assert not widget.labels.layer.data.any()
    widget.segment_all()
    idle(widget)
    assert widget.labels.layer.data.any()


def test_the_threshold_redraws_without_the_network(segmented, engine, idle, qtbot) -> None:
    labels = segmented.labels.layer
    before, calls = np.count_nonzero(labels.data), len(engine.calls)
    segmented.threshold.own.setChecked(True)
    segmented.threshold.slider.setValue(2.0)
    qtbot.waitUntil(lambda: 0 < np.count_nonzero(labels.data) < before, timeout=2000)
    idle(segmented)
    segmented.threshold.own.setChecked(False)
    qtbot.waitUntil(lambda: np.count_nonzero(labels.data) == before, timeout=2000)
    assert len(engine.calls) == calls


def test_segmenting_again_links_no_more(segmented, boxes, idle, mouse, qtbot) -> None:
    labels = segmented.labels.layer
    move(boxes, 3, (0, -28, 4))  # on slice 3, over lesion 1 of slice 2
    qtbot.wait(200)
    idle(segmented)
    segmented.segment_all()
    idle(segmented)
    assert read(segmented)["d"].lesion_id == 4
    assert (labels.data[3] == 4).any()


def test_a_flat_image_has_flat_labels(viewer, home, dock, idle, engine) -> None:
    image = viewer.add_image(np.random.default_rng(0).random((64, 64)), name="flat")
    boxes = viewer.add_shapes([[[5, 5], [5, 20], [20, 20], [20, 5]]], shape_type="rectangle", name="drawn")
    widget = dock(SegmentWidget(viewer, home))
    assert widget.images.layer == image
    widget.boxes.choose(boxes)
    widget.segment_all()
    idle(widget)
    assert widget.labels.layer.data.shape == (64, 64)
    assert widget.labels.layer.data[12, 12] == 1


def test_what_to_do_next_is_said(viewer, home, dock, notices) -> None:
    widget = dock(SegmentWidget(viewer, home))
    assert widget.note.text() == "Open a stack first."
    viewer.add_image(np.random.default_rng(0).random((3, 64, 64)))
    assert "No boxes yet" in widget.note.text()
    viewer.add_shapes([[[1, 5, 5], [1, 5, 20], [1, 20, 20], [1, 20, 5]]], shape_type="rectangle")
    assert "1 box" in widget.note.text()


def test_keys_are_bound_on_all_three_layers(segmented, idle) -> None:
    labels = segmented.labels.layer
    labels.undo()
    bound_key(labels, Key.SEGMENT_ALL)(labels)
    idle(segmented)
    assert labels.data.any()
    bound_key(labels, Key.LIVE_UPDATE)(labels)
    assert not segmented.live.isChecked()


def test_layers_may_go_while_the_segmenter_works(widget, viewer, engine, idle, notices) -> None:
    engine.delay_s = 0.05
    widget.segment_all()
    viewer.layers.clear()
    idle(widget)
    assert len(viewer.layers) == 0
    assert notices == []
