"""*Detect scars*."""

import numpy as np
import pytest

from napari_scarseg.core.box import BoxOrigin
from napari_scarseg.errors import DeviceError, WeightsError
from napari_scarseg.gui import viewer as on_viewer
from napari_scarseg.gui.detect_widget import DetectWidget
from napari_scarseg.gui.keys import Key, bound_key
from napari_scarseg.gui.layer_state import box_state


@pytest.fixture
def widget(viewer, image, home, dock, notices, idle) -> DetectWidget:
    widget = dock(DetectWidget(viewer, home))
    return widget


def read(widget):
    return on_viewer.read_boxes_layer(widget.boxes.layer, widget.images.layer)


def test_boxes_arrive_as_an_editable_layer_on_the_image(widget, image, viewer, idle, engine) -> None:
    widget.detect_stack()
    assert widget.is_running
    idle(widget)
    layer = widget.boxes.layer
    assert layer.name == "heart boxes"
    assert layer.scale == pytest.approx(image.scale)
    assert layer.units == image.units
    assert layer.axis_labels == image.axis_labels
    assert {box.box_id for box in read(widget).boxes} == {"a", "b", "c"}
    assert {box.box_id for box in box_state(layer.metadata).candidates} == {"d"}
    assert box_state(layer.metadata).engine["name"] == "fake-detector"
    assert "3 boxes, 1 below" in widget.note.text()
    assert layer.editable and viewer.layers.selection.active == layer
    assert not widget.bar.isVisibleTo(widget)


def test_the_slice_in_view_comes_first(widget, idle, engine, monkeypatch) -> None:
    asked = []
    detect = engine.detect
    monkeypatch.setattr(
        engine, "detect", lambda key, slices, config: asked.append(slices) or detect(key, slices, config)
    )
    widget.detect_stack()
    idle(widget)
    assert asked == [(2, 3, 1, 4, 0)]


def test_one_slice_touches_no_other(widget, idle, engine) -> None:
    widget.detect_slice()
    idle(widget)
    assert engine.calls == [("detect", 1)]
    assert {box.box_id for box in read(widget).boxes} == {"b", "c"}


def test_the_slider_filters_without_running_again(widget, idle, engine) -> None:
    widget.detect_stack()
    idle(widget)
    widget.slider.setValue(0.7)
    assert {box.box_id for box in read(widget).boxes} == {"a", "b"}
    widget.slider.setValue(0.1)
    assert {box.box_id for box in read(widget).boxes} == {"a", "b", "c", "d"}
    assert [box.score for box in read(widget).boxes if box.box_id == "d"] == [0.2]
    assert len(engine.calls) == 1


def test_detecting_again_leaves_edited_and_drawn_boxes(widget, image, idle, mouse, qtbot) -> None:
    widget.detect_stack()
    idle(widget)
    layer = widget.boxes.layer
    layer.mode = "select"
    layer.selected_data = {1}
    mouse.drag(layer, (2, 18, 18), (2, 22, 25))
    layer.mode = "add_rectangle"
    mouse.drag(layer, (2, 50, 5), (2, 60, 20))
    qtbot.wait(50)
    edited, drawn = read(widget).boxes[1], read(widget).boxes[-1]
    assert (edited.box_id, edited.origin, edited.score) == ("b", BoxOrigin.EDITED, None)
    assert (drawn.origin, drawn.score) == (BoxOrigin.USER, None)
    assert box_state(layer.metadata).detected["b"].score == 0.8
    widget.detect_stack()
    idle(widget)
    boxes = {box.box_id: box for box in read(widget).boxes}
    assert boxes["b"] == edited
    assert boxes[drawn.box_id] == drawn
    assert set(boxes) >= {"a", "c"}


def test_the_layer_shows_who_made_a_box(widget, idle, mouse, qtbot) -> None:
    widget.detect_stack()
    idle(widget)
    layer = widget.boxes.layer
    layer.mode = "add_rectangle"
    mouse.drag(layer, (2, 50, 5), (2, 60, 20))
    qtbot.wait(50)
    assert list(layer.features["origin"]) == ["detector"] * 3 + ["user"]
    assert list(layer.features["text"]) == ["90%", "80%", "60%", ""]
    assert np.isnan(layer.features["score"].iloc[-1])
    assert not np.allclose(layer.edge_color[0], layer.edge_color[-1])


def test_a_stray_click_leaves_no_box(widget, idle, mouse, qtbot) -> None:
    widget.detect_stack()
    idle(widget)
    layer = widget.boxes.layer
    layer.mode = "add_rectangle"
    mouse.press(layer, (2, 50, 5))
    mouse.release(layer, (2, 50, 5))
    qtbot.wait(50)
    assert layer.nshapes == 3
    assert len(layer.features) == 3


def test_pasted_boxes_are_new_ones(widget, idle, qtbot) -> None:
    widget.detect_stack()
    idle(widget)
    layer = widget.boxes.layer
    layer.selected_data = {0}
    layer._copy_data()
    layer._paste_data()
    qtbot.wait(50)
    ids = list(layer.features["box_id"])
    assert len(set(ids)) == 4
    assert layer.features["origin"].iloc[-1] == "user"


def test_cancel_leaves_the_boxes_as_they_were(widget, idle, engine, qtbot) -> None:
    widget.detect_slice()
    idle(widget)
    before = read(widget).boxes
    engine.delay_s = 0.2
    widget.detect_stack()
    qtbot.wait(100)
    assert widget.bar.isVisibleTo(widget)
    widget.cancel()
    assert not widget.is_running
    qtbot.wait(400)
    assert read(widget).boxes == before
    assert "Cancelled" in widget.note.text()
    engine.delay_s = 0
    widget.detect_stack()
    idle(widget)
    assert len(read(widget).boxes) == 3


def test_a_dead_engine_is_told_and_the_next_click_works(widget, idle, engine, notices) -> None:
    engine.die_after = 2
    widget.detect_stack()
    idle(widget)
    assert notices == ["The engine process ended unexpectedly; try again, it starts anew."]
    assert widget.boxes.layer is None
    widget.detect_stack()
    idle(widget)
    assert len(read(widget).boxes) == 3
    assert len(notices) == 1


@pytest.mark.parametrize("error", [DeviceError("There is no CUDA device; choose auto."), WeightsError("No weights.")])
def test_the_engine_s_errors_are_shown_as_they_are(widget, idle, engine, notices, qtbot, error) -> None:
    qtbot.wait(50)
    engine.error = error
    widget.detect_stack()
    idle(widget)
    assert notices == [str(error)]


def test_a_device_that_is_absent_is_told_when_it_is_chosen(widget, engine, notices, qtbot) -> None:
    qtbot.waitUntil(lambda: widget.model.text() == "fake-detector on cpu (slower than a GPU)")
    engine.error = DeviceError("There is no CUDA device; choose auto.")
    widget.device.setCurrentText("cuda")
    qtbot.waitUntil(lambda: widget.model.text() == "not available")
    assert notices == [str(engine.error)]


def test_stacks_of_other_plugins_will_do(viewer, home, dock, idle, engine, notices) -> None:
    rng = np.random.default_rng(1)
    plain = viewer.add_image(rng.random((5, 64, 64)), name="plain")
    widget = dock(DetectWidget(viewer, home))
    widget.detect_stack()
    idle(widget)
    assert widget.boxes.layer.name == "plain boxes"
    assert plain.metadata == {}
    flat = viewer.add_image(rng.random((64, 64)), name="flat")
    assert widget.images.layer == flat
    assert widget.boxes.layer is None
    engine.boxes = (engine.boxes[0].__class__(0, 5, 5, 20, 20, 0.9, BoxOrigin.DETECTOR),)
    widget.detect_stack()
    idle(widget)
    assert widget.boxes.layer.ndim == 2
    assert read(widget).boxes[0].corners == (5, 5, 20, 20)


@pytest.mark.parametrize(
    ("data", "words"),
    [(np.zeros((2, 3, 8, 8)), "4 axes"), (np.full((3, 8, 8), 1.0), "constant"), (np.full((3, 8, 8), np.nan), "finite")],
)
def test_unusable_images_get_one_clear_sentence(viewer, home, dock, idle, notices, data, words) -> None:
    viewer.add_image(data, contrast_limits=(0, 1))
    widget = dock(DetectWidget(viewer, home))
    widget.detect_stack()
    idle(widget)
    assert len(notices) == 1 and words in notices[0]


def test_without_a_stack_it_says_what_to_do(viewer, home, dock, notices) -> None:
    widget = dock(DetectWidget(viewer, home))
    assert widget.note.text() == "Open a stack first."
    assert not widget.stack_button.isEnabled()
    widget.detect_stack()
    assert notices == ["There is no stack to look at; open one with Load stack."]


def test_boxes_of_another_kind_of_image_are_refused(widget, viewer, notices) -> None:
    two = viewer.add_shapes([[[5, 5], [20, 20]]], shape_type="line", ndim=2)
    widget.boxes.choose(two)
    widget.detect_stack()
    assert "2 axes" in notices[0]


def test_boxes_in_the_world_s_coordinates_are_brought_to_the_image(widget, viewer, idle, engine) -> None:
    layer = viewer.add_shapes([[[16, 15, 12.5], [16, 30, 12.5], [16, 30, 25], [16, 15, 25]]], name="mine")
    widget.boxes.choose(layer)
    (box,) = read(widget).boxes
    assert (box.slice, box.corners) == (2, (10.5, 10.5, 20.5, 20.5))
    widget.detect_stack()
    idle(widget)
    found = {box.box_id: box for box in read(widget).boxes}
    assert found["a"].corners == pytest.approx((10, 10, 22, 22))
    assert found["a"].origin is BoxOrigin.DETECTOR


def test_keys_work_on_the_layers_in_use_only(widget, image, viewer, idle) -> None:
    other = viewer.add_points(ndim=3)
    assert bound_key(other, Key.DETECT_STACK) is None
    bound_key(image, Key.DETECT_STACK)(image)
    idle(widget)
    layer = widget.boxes.layer
    assert bound_key(layer, Key.CANCEL) is not None
    widget.shut()
    assert bound_key(layer, Key.CANCEL) is None
    assert bound_key(image, Key.DETECT_STACK) is None


def test_the_image_may_go_while_the_detector_looks(widget, image, viewer, idle, engine, notices) -> None:
    engine.delay_s = 0.05
    widget.detect_stack()
    viewer.layers.remove(image)
    idle(widget)
    assert len(viewer.layers) == 0
    assert notices == []


def test_the_last_stacks_stay_open_once_so_that_embeddings_live_on(widget, viewer, idle, engine) -> None:
    for seed in range(5):
        viewer.add_image(np.random.default_rng(seed).random((2, 64, 64)))
        for _ in range(2):
            widget.detect_stack()
            idle(widget)
    assert list(engine.open.values()) == [0, 0, 1, 1, 1]
