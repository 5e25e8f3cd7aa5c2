"""The whole job with the bundled networks in a real engine process: load, detect, segment, move a box, undo, measure."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
from napari.utils.notifications import notification_manager

import napari_scarseg
from napari_scarseg.gui import viewer as on_viewer
from napari_scarseg.gui.engine_home import find_engine_home
from napari_scarseg.gui.layer_state import label_state
from napari_scarseg.measure import measure_labels

WEIGHTS = Path(napari_scarseg.__file__).parent / "engines" / "weights"
HEAVY = ("torch", "torchvision", "cv2", "ultralytics")

pytestmark = [
    pytest.mark.weights,
    pytest.mark.skipif(not list(WEIGHTS.glob("*.safetensors")), reason="the bundled weights are not there"),
]


@pytest.fixture
def bench(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    bench = viewer.window.add_plugin_dock_widget("napari-scarseg", "Scar workbench")[1]
    bench.viewer = viewer
    bench.wait = lambda widget: (qtbot.waitUntil(lambda: not widget.is_running, timeout=120_000), qtbot.wait(30))
    viewer.open_sample("napari-scarseg", "lge-phantom-acute")
    return bench


def engine_pid(bench) -> int:
    return find_engine_home(bench.detect)._resident.client.pid


def test_load_detect_edit_segment_undo_measure_and_close(bench, qtbot) -> None:
    viewer, image = bench.viewer, bench.load.image
    qtbot.waitUntil(lambda: "on cpu" in bench.segment.model.text(), timeout=120_000)
    bench.detect.detect_stack()
    bench.wait(bench.detect)
    boxes = bench.detect.boxes.layer
    assert boxes.nshapes > 0
    bench.segment.segment_all()
    bench.wait(bench.segment)
    labels = bench.segment.labels.layer
    first = labels.data.copy()
    assert first.any()

    row = max(range(boxes.nshapes), key=lambda i: np.ptp(boxes.data[i], axis=0)[1:].prod())
    box = on_viewer.read_boxes_layer(boxes, image).boxes[row]
    features = boxes.features.copy()
    boxes.data = [vertices + np.array([0, 3, 0]) if i == row else vertices for i, vertices in enumerate(boxes.data)]
    boxes.features = features
    qtbot.waitUntil(lambda: not np.array_equal(labels.data, first), timeout=30_000)
    bench.wait(bench.segment)
    changed = labels.data != first
    assert set(np.flatnonzero(changed.any(axis=(1, 2)))) == {box.slice}
    moved = on_viewer.read_boxes_layer(boxes, image).boxes[row]
    assert (moved.box_id, moved.origin.value, moved.score) == (box.box_id, "edited", None)

    labels.undo()
    assert np.array_equal(labels.data, first)
    labels.undo()
    assert not labels.data.any()
    labels.redo()
    labels.redo()

    record = on_viewer.image_record(image)
    table = measure_labels(labels.data, record.spacing, record.case, image=image.data)
    assert set(table["lesion_id"]) == set(np.unique(labels.data)) - {0}
    assert (table["phase"] == "acute").all()
    assert label_state(labels.metadata).engine["weights_sha256"]

    assert [name for name in HEAVY if name in sys.modules] == []
    pid = engine_pid(bench)
    viewer.close()
    qtbot.waitUntil(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie", timeout=5000)


def test_a_killed_engine_is_told_and_the_next_click_works(bench, qtbot, monkeypatch) -> None:
    told = []
    monkeypatch.setattr("napari_scarseg.gui.jobs.show_error", told.append)
    qtbot.waitUntil(lambda: "on cpu" in bench.segment.model.text(), timeout=120_000)
    process = psutil.Process(engine_pid(bench))
    process.suspend()  # so that it dies in the middle for certain
    bench.detect.detect_stack()
    qtbot.wait(300)
    process.kill()
    bench.wait(bench.detect)
    assert len(told) == 1
    assert "engine" in told[0].lower()
    assert not any(n.severity.value == "error" for n in notification_manager.records)
    bench.detect.detect_stack()
    bench.wait(bench.detect)
    assert bench.detect.boxes.layer.nshapes > 0
    assert len(told) == 1


def test_cancel_answers_within_a_second_and_the_next_click_works(bench, qtbot) -> None:
    qtbot.waitUntil(lambda: "on cpu" in bench.segment.model.text(), timeout=120_000)
    process = psutil.Process(engine_pid(bench))
    process.suspend()  # deaf to a polite request
    bench.detect.detect_stack()
    qtbot.wait(300)
    bench.detect.cancel()
    assert not bench.detect.is_running
    qtbot.waitUntil(lambda: not process.is_running() or process.status() == "zombie", timeout=2000)
    assert bench.detect.boxes.layer is None
    bench.detect.detect_stack()
    bench.wait(bench.detect)
    assert bench.detect.boxes.layer is not None


def test_importing_the_widgets_loads_no_network_library() -> None:
    code = (
        "import sys, napari_scarseg.gui.workbench, napari_scarseg.gui.morphology_widget;"
        f"print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
