"""How quick the workbench is: stalls of the window, from mouse release to the redrawn label, and undo over a stack.

    QT_API=pyqt6 python scripts/display.py python benchmarks/workbench.py [--nudges N] [--json FILE]

A real napari window, the bundled weights, the phantom's heart on 12 slices. Three figures:

stall      While detecting and then segmenting the whole stack, a timer of 20 ms ticks in the window. Its longest gap is
           the longest stall. A second thread looks every 5 ms where the window's thread is; the part of a gap spent in
           our own lines (or in numpy called from them) is "ours", the rest is napari's and Qt's drawing and events.
nudge      A box is moved by one pixel as a mouse does, released, and the canvas drawn with the new label. The way from
           the release on is split into: notice (until the work starts), ask (stack and prompt to the engine process,
           encode, decode, back), compose (masks into labels), write (napari's undoable step) and draw (the canvas).
           Nudges that leave their window are encoded anew, the others are decoded only: both are given.
undo       One Ctrl+Z after segmenting all slices: how long, and whether the labels are exactly as before.

Wall times are those of the machine as loaded as it is; beside them stands the processor time of the window's thread,
which other programs change less.
"""

import argparse
import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import napari
import numpy as np
from napari.qt import get_qapp
from napari.utils.interactions import mouse_move_callbacks, mouse_press_callbacks, mouse_release_callbacks
from qtpy.QtCore import QTimer

from napari_scarseg.gui import segmentation, tasks
from napari_scarseg.gui import viewer as on_viewer
from napari_scarseg.gui.image_layer import image_kwargs
from napari_scarseg.gui.workbench import ScarWorkbench
from napari_scarseg.phantom import make_phantom

SLICES = 12
TICK_MS = 20
SAMPLE_S = 0.005
PATIENCE_S = 600.0


class Stalls:
    """Ticks in the window, and a thread that looks where the window's thread is."""

    def __init__(self) -> None:
        self.gaps: list[tuple[float, float, float]] = []
        self._ours = 0
        self._seen = 0
        self._last = (time.perf_counter(), time.thread_time())
        self._window = threading.get_ident()
        self._stop = threading.Event()
        self._timer = QTimer()
        self._timer.timeout.connect(self._tick)
        self._timer.start(TICK_MS)
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> dict[str, float]:
        """Longest gap, its processor time, and the longest part of any gap that was ours, ms."""
        self._timer.stop()
        self._stop.set()
        self._thread.join()
        return {
            "longest_gap_ms": 1e3 * max(gap for gap, _, _ in self.gaps),
            "longest_gap_cpu_ms": 1e3 * max(cpu for _, cpu, _ in self.gaps),
            "longest_own_cpu_ms": 1e3 * max(cpu * share for _, cpu, share in self.gaps),
        }

    def _tick(self) -> None:
        now = (time.perf_counter(), time.thread_time())
        share = self._ours / self._seen if self._seen else 0.0
        self.gaps.append((now[0] - self._last[0], now[1] - self._last[1], share))
        self._last, self._ours, self._seen = now, 0, 0

    def _look(self) -> None:
        while not self._stop.wait(SAMPLE_S):
            # Names of files alone, innermost first: to read the lines as well would slow what is measured.
            frame, files = sys._current_frames().get(self._window), []
            while frame is not None:
                files.append(frame.f_code.co_filename)
                frame = frame.f_back
            lines = [name for name in files if any(part in name for part in ("napari", "vispy", "qtpy"))]
            if lines and "benchmarks" not in files[0]:
                self._seen += 1
                self._ours += "napari_scarseg" in lines[0]


class Stopwatch:
    """When each stage of a nudge began and ended."""

    def __init__(self) -> None:
        self.at: dict[str, float] = {}

    def around(self, owner: object, name: str, begin: str, end: str) -> None:
        """Note when a function of `owner` is entered and left."""
        inner = getattr(owner, name)

        def timed(*args: object, **kwargs: object) -> object:
            self.at.setdefault(begin, time.perf_counter())
            try:
                return inner(*args, **kwargs)
            finally:
                self.at[end] = time.perf_counter()

        setattr(owner, name, timed)

    def around_iterator(self, owner: object, name: str, begin: str, end: str) -> None:
        """Note when an iterator of `owner` begins and ends."""
        inner = getattr(owner, name)

        def timed(*args: object) -> object:
            self.at.setdefault(begin, time.perf_counter())
            try:
                yield from inner(*args)
            finally:
                self.at[end] = time.perf_counter()

        setattr(owner, name, timed)


class _Event:
    """What napari's layers need to know of a mouse event."""

    button, modifiers, pos, handled, inverted, native = 1, (), (0.0, 0.0), False, False, None
    view_direction = up_direction = None
    dims_displayed = (1, 2)

    def __init__(self, kind: str, position: tuple[float, ...]) -> None:
        self.type, self.position, self.dims_point = kind, position, position
        self.is_dragging = kind != "mouse_press"


def wait_for(is_done: Callable[[], bool]) -> None:
    """Let the window work until something is done."""
    end = time.monotonic() + PATIENCE_S
    application = get_qapp()
    while not is_done():
        application.processEvents()
        # A busy loop would take a core from the networks.
        time.sleep(0.001)
        if time.monotonic() > end:
            raise SystemExit("The benchmark waited too long.")


def pause(seconds: float) -> None:
    """Let the window work for a while."""
    end = time.monotonic() + seconds
    wait_for(lambda: time.monotonic() > end)


def open_bench() -> tuple[napari.Viewer, ScarWorkbench]:
    """A window with the phantom's heart on 12 slices, the networks loaded."""
    viewer = napari.Viewer()
    stack = make_phantom(15).stack
    repeated = np.concatenate([stack.data, stack.data])[:SLICES]
    image = viewer.add_image(repeated, **image_kwargs(stack))
    image.metadata["scarseg"]["sha256"] = ""
    bench = ScarWorkbench(viewer)
    viewer.window.add_dock_widget(bench, name="Scar workbench", area="right")
    wait_for(lambda: bench.segment.model.text() not in ("…", "loading…"))
    return viewer, bench


def measure_stalls(bench: ScarWorkbench) -> dict[str, dict[str, float]]:
    """Detect and segment all slices."""
    found = {}
    for name, start, widget in (
        ("detect", bench.detect.detect_stack, bench.detect),
        ("segment", bench.segment.segment_all, bench.segment),
    ):
        stalls = Stalls()
        start()
        wait_for(lambda widget=widget: not widget.is_running)
        pause(0.5)
        found[name] = stalls.stop()
    return found


def measure_undo(bench: ScarWorkbench) -> dict[str, float | bool]:
    """Undo and redo the first segmentation."""
    labels = bench.segment.labels.layer
    after = labels.data.copy()
    start, cpu = time.perf_counter(), time.thread_time()
    labels.undo()
    taken = (time.perf_counter() - start, time.thread_time() - cpu)
    is_exact = not labels.data.any()
    labels.redo()
    return {
        "undo_ms": 1e3 * taken[0],
        "undo_cpu_ms": 1e3 * taken[1],
        "slices": int(after.any(axis=(1, 2)).sum()),
        "exact": bool(is_exact and np.array_equal(labels.data, after)),
    }


def measure_nudges(viewer: napari.Viewer, bench: ScarWorkbench, count: int) -> list[dict[str, float]]:
    """Move the largest box to and fro, each time one pixel further."""
    image, layer = bench.segment.images.layer, bench.segment.boxes.layer
    labels = bench.segment.labels.layer
    box = max(on_viewer.read_boxes_layer(layer, image).boxes, key=lambda one: one.height * one.width)
    on_viewer.go_to_slice(viewer, image, box.slice)
    on_viewer.select_boxes(viewer, layer, image, {box.box_id})
    watch = Stopwatch()
    watch.around(segmentation, "read_asked", "noticed", "asked")
    watch.around_iterator(tasks, "_ask", "ask", "answered")
    watch.around(on_viewer, "write_labels", "write", "written")
    canvas = viewer.window._qt_viewer.canvas._scene_canvas

    def on_drawn(event: object) -> None:
        if "written" in watch.at:
            watch.at.setdefault("drawn", time.perf_counter())

    canvas.events.draw.connect(on_drawn, position="last")
    rows = []
    for number in range(count):
        before = labels.data.copy()
        (now,) = on_viewer.selected_boxes(layer, image)
        middle = np.array([now.slice, *(edge - 0.5 for edge in now.centre)])
        step = np.array([0, 1 if (number // 6) % 2 == 0 else -1, 1 if number % 2 else 0])
        for kind, callbacks, place in (
            ("mouse_press", mouse_press_callbacks, middle),
            ("mouse_move", mouse_move_callbacks, middle + step),
            ("mouse_release", mouse_release_callbacks, middle + step),
        ):
            watch.at.clear()
            start = time.perf_counter()
            callbacks(layer, _Event(kind, tuple(layer.data_to_world(place))))
        wait_for(lambda: "written" in watch.at and not bench.segment.is_running)
        if np.array_equal(before, labels.data):
            continue
        labels.refresh()
        # Painted now and not when the window finds time, which without a person's screen may be never.
        canvas.native.repaint()
        watch.at.setdefault("drawn", time.perf_counter())
        at = watch.at
        if "answered" not in at:
            continue
        rows.append(
            {
                "total": at["drawn"] - start,
                "notice": at["ask"] - start,
                "ask": at["answered"] - at["ask"],
                "compose": at["write"] - at["answered"],
                "write": at["written"] - at["write"],
                "draw": at["drawn"] - at["written"],
            }
        )
    return rows


def summarise(rows: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    """Median and 95th percentile of each stage, ms."""
    return {
        stage: {
            "median_ms": 1e3 * float(np.median([row[stage] for row in rows])),
            "p95_ms": 1e3 * float(np.percentile([row[stage] for row in rows], 95)),
        }
        for stage in rows[0]
    }


def main() -> int:
    """Run all three, and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nudges", type=int, default=60)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    viewer, bench = open_bench()
    results: dict[str, object] = {"stall": measure_stalls(bench), "undo": measure_undo(bench)}
    # Told at once: the nudges take longest, and may wait in vain where no window manager draws the window.
    print(json.dumps(results, indent=1), flush=True)
    rows = measure_nudges(viewer, bench, options.nudges)
    results["nudge"] = {"count": len(rows), **summarise(rows)} if rows else {"count": 0}
    viewer.close()
    text = json.dumps(results, indent=1)
    print(text)
    if options.json is not None:
        options.json.write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
