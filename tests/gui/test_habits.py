"""Two people at work in a real window with the bundled networks: one has a mouse only, the other a keyboard only."""

from pathlib import Path

import numpy as np
import pytest
from napari.settings import get_settings
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QPushButton

import napari_scarseg
from napari_scarseg.core.box import Review
from napari_scarseg.gui import viewer as on_viewer
from napari_scarseg.gui.viewer_points import read_points_layer

WEIGHTS = Path(napari_scarseg.__file__).parent / "engines" / "weights"

pytestmark = [
    pytest.mark.weights,
    pytest.mark.skipif(not list(WEIGHTS.glob("*.safetensors")), reason="the bundled weights are not there"),
]


@pytest.fixture
def bench(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    bench = viewer.window.add_plugin_dock_widget("napari-scarseg", "Scar workbench")[1]
    viewer.open_sample("napari-scarseg", "lge-phantom-acute")
    qtbot.waitUntil(lambda: "on cpu" in bench.segment.model.text(), timeout=120_000)
    return bench


@pytest.fixture
def wait(bench, qtbot):
    def wait() -> None:
        qtbot.wait(60)
        qtbot.waitUntil(lambda: not bench.detect.is_running and not bench.segment.is_running, timeout=120_000)
        qtbot.wait(60)

    return wait


def boxes_of(bench):
    return on_viewer.read_boxes_layer(bench.segment.boxes.layer, bench.segment.images.layer).boxes


def in_hand(bench):
    return on_viewer.selected_boxes(bench.segment.boxes.layer, bench.segment.images.layer)


def test_all_by_mouse(bench, qtbot, wait, mouse) -> None:
    buttons = {button.text().partition("  (")[0]: button for button in bench.findChildren(QPushButton)}

    def click(text: str) -> None:
        # Not by place: the window is not shown, so its buttons have none yet.
        buttons[text].click()
        wait()

    click("Detect whole stack")
    click("Segment all boxes")
    labels, layer = bench.segment.labels.layer, bench.segment.boxes.layer
    first = labels.data.copy()
    assert first.any()
    lesions = bench.correct.lesions
    first_row = lesions.visualItemRect(lesions.item(0, 0)).center()
    qtbot.mouseClick(lesions.viewport(), Qt.MouseButton.LeftButton, pos=first_row)
    (box,) = in_hand(bench)
    middle = (box.slice, *(edge - 0.5 for edge in box.centre))
    mouse.drag(layer, middle, (middle[0], middle[1] + 3, middle[2]))
    wait()
    assert not np.array_equal(labels.data, first)
    assert set(np.flatnonzero((labels.data != first).any(axis=(1, 2)))) == {box.slice}
    click("Reject")
    assert sum(b.review is Review.REJECTED for b in boxes_of(bench)) == 1
    click("Go to next")
    (box,) = in_hand(bench)
    click("Add point −")
    points = bench.viewer.layers.selection.active
    before = labels.data.copy()
    place = np.argwhere(labels.data[box.slice] == box.lesion_id)
    place = place[len(place) // 2] if len(place) else [edge - 0.5 for edge in box.centre]
    mouse.press(points, (box.slice, *place))
    mouse.release(points, (box.slice, *place))
    wait()
    assert len(read_points_layer(points, bench.segment.images.layer)) == 1
    # What a point does to a mask is the networks' affair; that only its lesion on its slice may change is ours.
    changed = labels.data != before
    assert set(np.unique(before[changed])) | set(np.unique(labels.data[changed])) <= {0, box.lesion_id}
    count = len(boxes_of(bench))
    bench.viewer.layers.selection.active = layer
    click("Go to next")
    click("Copy on")
    assert len(boxes_of(bench)) >= count


def test_all_by_keyboard(bench, qtbot, wait) -> None:
    canvas = bench.viewer.window._qt_viewer.canvas.native

    def press(key: Qt.Key, shift: bool = False) -> None:
        modifier = Qt.KeyboardModifier.ShiftModifier if shift else Qt.KeyboardModifier.NoModifier
        qtbot.keyClick(canvas, key, modifier)
        wait()

    press(Qt.Key.Key_G)
    press(Qt.Key.Key_W)
    labels = bench.segment.labels.layer
    full = labels.data.copy()
    assert full.any()
    press(Qt.Key.Key_K)
    (first,) = in_hand(bench)
    press(Qt.Key.Key_Y, shift=True)
    (second,) = in_hand(bench)
    assert second.box_id != first.box_id
    press(Qt.Key.Key_X, shift=True)
    reviews = {box.box_id: box.review for box in boxes_of(bench)}
    assert (reviews[first.box_id], reviews[second.box_id]) == (Review.ACCEPTED, Review.REJECTED)
    count = len(reviews)
    press(Qt.Key.Key_N, shift=True)
    press(Qt.Key.Key_B, shift=True)
    assert len(boxes_of(bench)) >= count
    press(Qt.Key.Key_D, shift=True)
    assert (bench.viewer.layers.selection.active, labels.mode) == (labels, "paint")
    while labels._undo_history:
        labels.undo()
    assert not labels.data.any()


def test_the_work_goes_on_with_async_slicing(bench, wait) -> None:
    settings = get_settings().experimental
    settings.async_ = True
    try:
        bench.detect.detect_slice()
        wait()
        bench.segment.segment_all()
        wait()
        bench.correct.commands.next_to_review()
        wait()
        assert bench.segment.boxes.layer.nshapes > 0
        assert bench.segment.labels.layer is not None
    finally:
        settings.async_ = False
