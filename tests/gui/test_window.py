"""The widgets in a real napari window: docked, closed, and with the keys under the fingers."""

import gc
import re
import sys
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from napari.layers import Image
from qtpy.QtCore import QObject, Qt
from qtpy.QtWidgets import (
    QAbstractSlider,
    QApplication,
    QCheckBox,
    QDoubleSpinBox,
    QPushButton,
    QScrollArea,
    QScrollBar,
    QSpinBox,
    QTableWidget,
    QToolButton,
    QWidget,
)

from napari_scarseg.gui.engine_home import EngineHome, find_engine_home
from napari_scarseg.gui.image_layer import image_kwargs
from napari_scarseg.gui.parts import Section
from napari_scarseg.gui.workbench import ScarWorkbench

ROOT = Path(__file__).resolve().parents[2]
WIDGETS = ["Load stack", "Detect scars", "Segment scars", "Scar workbench", "Morphology", "Case worklist"]


@pytest.fixture
def window(make_napari_viewer, stack, engine, monkeypatch):
    """A viewer with the stack, whose widgets find the fake engine in their window."""
    monkeypatch.setattr(EngineHome.__init__, "__defaults__", (None, lambda: engine))
    viewer = make_napari_viewer()
    viewer.add_image(stack.data, **image_kwargs(stack))
    viewer.dims.set_current_step(0, 2)
    return viewer


def open_workbench(viewer) -> ScarWorkbench:
    return viewer.window.add_plugin_dock_widget("napari-scarseg", "Scar workbench")[1]


def callbacks(viewer) -> dict[str, int]:
    """How many callbacks hang on the viewer's and its layers' events."""
    emitters = {f"layers.{name}": emitter for name, emitter in viewer.layers.events.emitters.items()}
    for layer in viewer.layers:
        emitters |= {f"{layer.name}.{name}": emitter for name, emitter in layer.events.emitters.items()}
    return {name: len(emitter.callbacks) for name, emitter in emitters.items() if emitter is not None}


def test_the_whole_work_in_the_workbench(window, qtbot, idle, engine) -> None:
    bench = open_workbench(window)
    qtbot.waitUntil(lambda: bench.detect.model.text() == "fake-detector on cpu (slower than a GPU)")
    bench.detect.detect_stack()
    idle(bench.detect)
    assert bench.segment.boxes.layer == bench.detect.boxes.layer
    bench.segment.segment_all()
    idle(bench.segment)
    assert [layer.name for layer in window.layers] == ["heart", "heart scar", "heart boxes"]
    assert len({tuple(map(str, layer.units)) for layer in window.layers}) == 1
    assert window.layers.selection.active == window.layers["heart boxes"]
    assert engine.starts == 1
    for library in ("torch", "cv2", "ultralytics"):
        assert library not in sys.modules


def test_the_stack_is_chosen_once_in_the_workbench(window, qtbot) -> None:
    bench = open_workbench(window)
    other = window.add_image(np.random.default_rng(0).random((3, 64, 64)), name="other")
    assert bench.load.image == bench.detect.images.layer == bench.segment.images.layer == other
    bench.load.images.choose(window.layers["heart"])
    assert bench.detect.images.layer == bench.segment.images.layer == window.layers["heart"]


def test_widgets_of_one_window_share_one_engine_and_the_last_ends_it(window, engine, qtbot) -> None:
    first = window.window.add_plugin_dock_widget("napari-scarseg", "Detect scars")[1]
    second = window.window.add_plugin_dock_widget("napari-scarseg", "Segment scars")[1]
    qtbot.waitUntil(lambda: "fake" in first.model.text() and "fake" in second.model.text())
    assert find_engine_home(first) is find_engine_home(second)
    assert engine.starts == 1
    window.window.remove_dock_widget(first)
    assert engine.is_running
    window.window.remove_dock_widget(second)
    assert not engine.is_running


@pytest.mark.parametrize("name", WIDGETS)
def test_closing_leaves_no_callback_no_key_and_no_widget(window, qtbot, name) -> None:
    before = callbacks(window)
    keys = {layer.name: dict(layer.keymap) for layer in window.layers}
    dock, widget = window.window.add_plugin_dock_widget("napari-scarseg", name)
    qtbot.wait(50)
    # The worklist listens to nothing before it has a folder.
    assert (callbacks(window) != before) == (name != "Case worklist")
    dock.destroyOnClose()
    qtbot.wait(50)
    assert widget.is_shut
    assert callbacks(window) == before
    assert {layer.name: dict(layer.keymap) for layer in window.layers} == keys
    gone = weakref.ref(widget)
    del widget, dock
    for _ in range(3):
        gc.collect()
        QApplication.processEvents()
    assert gone() is None


def ours() -> list[str]:
    """Widgets of the plugin that are alive."""
    return [
        type(widget).__name__
        for widget in QApplication.allWidgets()
        if type(widget).__module__.startswith("napari_scarseg")
    ]


@pytest.mark.parametrize("name", WIDGETS)
def test_opening_twenty_times_leaves_no_widget_thread_or_callback(window, qtbot, engine, name) -> None:
    gone, before, threads = [], None, 0
    for _ in range(20):
        dock, widget = window.window.add_plugin_dock_widget("napari-scarseg", name)
        qtbot.wait(1)
        parts = [child for child in widget.findChildren(QObject) if type(child).__module__.startswith("napari_scarseg")]
        gone += [weakref.ref(part) for part in (widget, *parts)]
        dock.destroyOnClose()
        del widget, dock, parts
        engine.closed = False
        QApplication.processEvents()
        if before is None:
            before, threads = callbacks(window), threading.active_count()
    for _ in range(3):
        gc.collect()
        QApplication.processEvents()
    assert {type(alive).__name__ for reference in gone if (alive := reference()) is not None} == set()
    assert ours() == []
    assert callbacks(window) == before
    assert threading.active_count() <= threads


def test_the_workbench_opened_after_others_works(window, qtbot, idle, engine) -> None:
    for _ in range(2):
        dock, bench = window.window.add_plugin_dock_widget("napari-scarseg", "Scar workbench")
        qtbot.wait(1)
        dock.destroyOnClose()
        engine.closed = False
    bench = open_workbench(window)
    bench.detect.detect_stack()
    idle(bench.detect)
    assert engine.calls == [("detect", 5)]


def test_closing_the_window_ends_the_engine_and_the_work(window, qtbot, engine) -> None:
    bench = open_workbench(window)
    qtbot.waitUntil(lambda: engine.is_running)
    engine.delay_s = 0.2
    bench.detect.detect_stack()
    qtbot.wait(50)
    window.close()
    qtbot.waitUntil(lambda: engine.closed, timeout=3000)


def test_the_layers_can_change_when_the_widget_is_closed(window, qtbot) -> None:
    bench = open_workbench(window)
    window.window.remove_dock_widget("all")
    window.add_shapes(ndim=3)
    window.layers.clear()
    assert bench.is_shut


def test_keys_reach_the_widget_from_the_canvas(window, qtbot, idle, engine) -> None:
    bench = open_workbench(window)
    window.layers.selection.active = window.layers["heart"]
    canvas = window.window._qt_viewer.canvas.native
    qtbot.keyClick(canvas, Qt.Key.Key_G)
    qtbot.waitUntil(lambda: bench.detect.boxes.layer is not None, timeout=3000)
    idle(bench.detect)
    qtbot.keyClick(canvas, Qt.Key.Key_W)
    qtbot.waitUntil(lambda: bench.segment.labels.layer is not None and bench.segment.labels.layer.data.any())


def test_the_workbench_fits_a_small_laptop(window, qtbot) -> None:
    bench = open_workbench(window)
    area = bench.findChild(QScrollArea)
    assert bench.minimumSizeHint().height() < 400
    assert bench.minimumSizeHint().width() < 480
    needed = area.widget().minimumSizeHint().width() + area.verticalScrollBar().sizeHint().width()
    assert area.minimumSizeHint().width() >= needed


def test_our_widgets_lie_over_each_other_and_beside_those_of_others(window, qtbot) -> None:
    main = window.window._qt_window
    foreign = window.window.add_dock_widget(QWidget(), name="foreign", area="right")
    docks = [window.window.add_plugin_dock_widget("napari-scarseg", name)[0] for name in WIDGETS[3:]]
    qtbot.waitUntil(lambda: set(main.tabifiedDockWidgets(docks[0])) == set(docks[1:]), timeout=5000)
    assert main.tabifiedDockWidgets(foreign) == []
    apart = window.window.add_plugin_dock_widget("napari-scarseg", "Load stack")[0]
    apart.setFloating(True)
    qtbot.wait(50)
    assert main.tabifiedDockWidgets(apart) == []


def test_correcting_needs_no_scrolling_on_a_small_laptop(make_napari_viewer, stack, qtbot, idle, home) -> None:
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1366, 768)
    viewer.add_image(stack.data, **image_kwargs(stack))
    bench = ScarWorkbench(viewer, home)
    viewer.window.add_dock_widget(bench, name="Scar workbench", area="right")
    bench.detect.detect_stack()
    idle(bench.detect)
    bench.segment.segment_all()
    idle(bench.segment)
    assert [section.is_folded for section in bench.sections] == [True, True, False, False, False]
    qtbot.waitUntil(lambda: bench.case.note.text().startswith("Case not saved yet"), timeout=10_000)
    bar = bench.findChild(QScrollArea).verticalScrollBar()
    qtbot.waitUntil(lambda: bar.maximum() == 0, timeout=10_000)


def test_every_control_says_what_it_does(window) -> None:
    bench = open_workbench(window)
    kinds = (QCheckBox, QAbstractSlider, QDoubleSpinBox, QSpinBox, QTableWidget, QToolButton)
    found = [control for kind in kinds for control in bench.findChildren(kind)]
    controls = [control for control in found if not isinstance(control, QScrollBar)]
    assert len(controls) > 15
    silent = [
        (type(control).__name__, control.objectName(), type(control.parent()).__name__)
        for control in controls
        if not any(part.toolTip() for part in _with_parents(control, bench))
    ]
    assert silent == []


def _with_parents(control: QWidget, bench: ScarWorkbench) -> Iterator[QWidget]:
    """A control and the widgets of ours it is a part of: sliders with a label say it for all their parts."""
    while control is not None and control is not bench and not isinstance(control, QScrollArea | Section):
        yield control
        control = control.parentWidget()


def test_buttons_begin_with_their_verb_and_show_their_key(window) -> None:
    bench = open_workbench(window)
    texts = [button.text() for button in bench.findChildren(QPushButton) if button.text()]
    for verb, key in (("Detect", "G"), ("Detect", "H"), ("Segment", "W"), ("Segment", "N"), ("Cancel", "Q")):
        assert any(text.startswith(verb) and f"({key})" in text for text in texts), (verb, key, texts)
    for button in bench.findChildren(QPushButton):
        if button.text() and not button.text().startswith("Cancel"):
            assert button.toolTip(), button.text()


def test_buttons_are_called_what_the_documentation_says(window) -> None:
    widgets = [window.window.add_plugin_dock_widget("napari-scarseg", name)[1] for name in WIDGETS[3:]]
    buttons = [button for widget in widgets for button in widget.findChildren(QPushButton)]
    texts = {button.text().replace("⇧", "Shift+") for button in buttons}
    named = [
        (page.name, words, key)
        for page in (ROOT / "README.md", ROOT / "docs" / "tutorial.md", ROOT / "docs" / "how-to" / "correct.md")
        for words, key in re.findall(r"\*\*([A-Z][^*]+)\*\* \(`([^`]+)`\)", page.read_text(encoding="utf-8"))
    ]
    assert len(named) > 15
    assert [name for name in named if f"{name[1]}  ({name[2]})" not in texts] == []


@pytest.mark.parametrize("key", ["lge-phantom-acute", "lge-phantom-chronic", "lge-phantom-no-scar"])
def test_samples_open_from_the_menu(make_napari_viewer, key) -> None:
    viewer = make_napari_viewer()
    (layer,) = viewer.open_sample("napari-scarseg", key)
    assert isinstance(layer, Image)
    assert layer.metadata["scarseg"]["case"]["cohort"] == "phantom"


def test_files_can_be_dropped_on_the_viewer(make_napari_viewer, tmp_path) -> None:
    viewer = make_napari_viewer()
    np.save(tmp_path / "P07.npy", np.random.default_rng(0).integers(0, 99, (3, 32, 32)))
    (layer,) = viewer.open(tmp_path / "P07.npy", plugin="napari-scarseg")
    assert layer.metadata["scarseg"]["stem"] == "P07"
    (tmp_path / "P07_boxes.csv").write_text("slice,row_min,col_min,row_max,col_max\n1,2,3,20,30\n")
    (boxes,) = viewer.open(tmp_path / "P07_boxes.csv", plugin="napari-scarseg")
    assert boxes.nshapes == 1
    viewer.layers[-1].save(str(tmp_path / "out.csv"), plugin="napari-scarseg")
    assert "user" in (tmp_path / "out.csv").read_text()
