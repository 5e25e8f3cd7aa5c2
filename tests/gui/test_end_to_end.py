"""The whole job with the bundled networks in a real engine process: load, detect, segment, edit, undo, measure."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

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


@pytest.fixture
def long_work(bench, qtbot):
    """A stack that takes seconds, so that there is a middle; calls back after its first slice."""
    qtbot.waitUntil(lambda: "on cpu" in bench.detect.model.text(), timeout=120_000)
    small = bench.load.image
    bench.viewer.add_image(np.tile(small.data, (12, 1, 1)), scale=small.scale, units=small.units, name="long")

    def detect(then) -> None:
        heard = []

        def on_progress(done: int, total: int) -> None:
            if done and not heard:
                heard.append(done)
                then()

        bench.detect._job.progressed.connect(on_progress)
        bench.detect.detect_stack()
        bench.wait(bench.detect)
        assert heard
        bench.detect._job.progressed.disconnect(on_progress)

    return detect


def test_a_killed_engine_is_told_and_the_next_click_works(bench, qtbot, long_work, monkeypatch) -> None:
    told = []
    monkeypatch.setattr("napari_scarseg.gui.jobs.show_error", told.append)
    long_work(psutil.Process(engine_pid(bench)).kill)
    assert len(told) == 1
    assert "engine" in told[0].lower()
    assert bench.detect.boxes.layer is None
    bench.detect.detect_slice()
    bench.wait(bench.detect)
    assert bench.detect.boxes.layer is not None
    assert len(told) == 1


def test_cancel_answers_within_a_second_and_the_next_click_works(bench, qtbot, long_work) -> None:
    times = []

    def cancel() -> None:
        times.append(time.monotonic())
        bench.detect.cancel()

    long_work(cancel)
    assert bench.detect.boxes.layer is None
    home = find_engine_home(bench.detect)
    with home.turn(threading.Event()):
        assert time.monotonic() - times[0] < 1.5
    bench.detect.detect_slice()
    bench.wait(bench.detect)
    assert bench.detect.boxes.layer is not None


def test_importing_the_widgets_loads_no_network_library() -> None:
    code = (
        "import sys, napari_scarseg.gui.workbench, napari_scarseg.gui.morphology_widget;"
        f"print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
