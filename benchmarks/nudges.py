"""From the release of the mouse on a nudged box to its redrawn label, stage by stage."""

import time
from collections.abc import Callable
from pathlib import Path

import napari
import numpy as np
from napari.utils._proxies import ReadOnlyWrapper
from napari.utils.interactions import mouse_move_callbacks, mouse_press_callbacks, mouse_release_callbacks

from napari_scarseg.gui import tasks
from napari_scarseg.gui import viewer as on_viewer
from napari_scarseg.gui.workbench import ScarWorkbench

STAGES = (
    "total",
    "notice",
    "transfer",
    "locate",
    "encode",
    "decode",
    "compose",
    "write",
    "draw",
    "window_cpu",
    "networks_cpu",
)
# A moved box is painted before the mouse is let go; a longer rest would draw its label before.
SETTLE_S = 0.06
# The canvas is painted when the window finds time; without a person's screen that may be never.
PAINT_PATIENCE_S = 0.5

Wait = Callable[[Callable[[], bool]], None]


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


class MouseEvent:
    """What napari's layers need to know of a mouse event."""

    button, modifiers, pos, handled, inverted, native = 1, (), np.zeros(2), False, False, None
    view_direction = up_direction = None
    dims_displayed = (1, 2)

    def __init__(self, kind: str, position: tuple[float, ...]) -> None:
        self.type, self.position, self.dims_point = kind, position, position
        self.is_dragging = kind != "mouse_press"


def press_and_move(layer: napari.layers.Shapes, start: np.ndarray, end: np.ndarray) -> None:
    """Take hold of what lies at `start` and move it to `end`, as napari's canvas does."""
    # The canvas hands over the first event in a wrapper, into which napari puts the later ones; without it a drag
    # never sees that the mouse has moved.
    press = MouseEvent("mouse_press", tuple(layer.data_to_world(start)))
    mouse_press_callbacks(layer, ReadOnlyWrapper(press, exceptions=("handled",)))
    mouse_move_callbacks(layer, MouseEvent("mouse_move", tuple(layer.data_to_world(end))))


def measure_nudges(
    viewer: napari.Viewer, bench: ScarWorkbench, steps: list[tuple[int, int]], notes: Path, wait_for: Wait
) -> list[dict[str, float]]:
    """Move the largest box step by step; seconds of each stage.

    Parameters
    ----------
    viewer : Viewer
    bench : ScarWorkbench
        With all its boxes segmented.
    steps : list of (rows, columns)
        How far each time, px.
    notes : Path
        Where the engine process (`timed_engine.py`) notes its passes.
    wait_for : callable
        Lets the window work until something is true.
    """
    image, layer, labels = bench.segment.images.layer, bench.segment.boxes.layer, bench.segment.labels.layer
    box = max(on_viewer.read_boxes_layer(layer, image).boxes, key=lambda one: one.height * one.width)
    on_viewer.go_to_slice(viewer, image, box.slice)
    on_viewer.select_boxes(viewer, layer, image, {box.box_id})
    watch = Stopwatch()
    asked, written = tasks._ask, on_viewer.write_labels
    watch.around_iterator(tasks, "_ask", "ask", "answered")
    watch.around(on_viewer, "write_labels", "write", "written")

    def pause(seconds: float) -> None:
        until = time.monotonic() + seconds
        wait_for(lambda: time.monotonic() > until)

    canvas = viewer.window._qt_viewer.canvas._scene_canvas

    def on_drawn(event: object) -> None:
        if "written" in watch.at:
            watch.at.setdefault("drawn", time.perf_counter())

    canvas.events.draw.connect(on_drawn, position="last")
    rows = []
    for step in steps:
        (now,) = on_viewer.selected_boxes(layer, image)
        middle = np.array([now.slice, *(edge - 0.5 for edge in now.centre)])
        end = middle + np.array([0, *step])
        before, passes = labels.data.copy(), len(_passes(notes))
        press_and_move(layer, middle, end)
        pause(SETTLE_S)
        watch.at.clear()
        released, cpu = time.perf_counter(), time.thread_time()
        mouse_release_callbacks(layer, MouseEvent("mouse_release", tuple(layer.data_to_world(end))))
        wait_for(lambda: "written" in watch.at and not bench.segment.is_running)
        late = time.monotonic() + PAINT_PATIENCE_S
        wait_for(lambda late=late: "drawn" in watch.at or time.monotonic() > late)
        cpu = time.thread_time() - cpu
        if np.array_equal(before, labels.data) or not {"ask", "answered", "write"} <= set(watch.at):
            # The same mask, or one that was drawn while the mouse rested before its release.
            continue
        if "drawn" not in watch.at:
            watch.at["written"] = time.perf_counter()
            canvas.native.repaint()
        rows.append({**_stages(watch.at, released, _passes(notes)[passes:]), "window_cpu": cpu})
    canvas.events.draw.disconnect(on_drawn)
    tasks._ask, on_viewer.write_labels = asked, written
    return rows


def _passes(notes: Path) -> list[tuple[str, float, float]]:
    """(what, seconds, seconds of processor time) of every pass of the networks so far."""
    lines = (line.split() for line in notes.read_text(encoding="ascii").splitlines())
    return [(name, float(taken), float(cpu)) for name, taken, cpu in lines]


def _stages(at: dict[str, float], released: float, passes: list[tuple[str, float, float]]) -> dict[str, float]:
    # The encoder also runs while the LV is looked for; that counts as looking.
    networks = {name: sum(s for what, s, _ in passes if what == name) for name in ("locate", "encode", "decode")}
    return {
        "total": at["drawn"] - released,
        "notice": at["ask"] - released,
        "transfer": at["answered"] - at["ask"] - sum(networks.values()),
        **networks,
        "networks_cpu": sum(cpu for _, _, cpu in passes),
        "compose": at["write"] - at["answered"],
        "write": at["written"] - at["write"],
        "draw": at["drawn"] - at["written"],
    }


def summarise(rows: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    """Median and 95th percentile of each stage, ms."""
    return {
        stage: {
            "median_ms": round(1e3 * float(np.median([row[stage] for row in rows])), 2),
            "p95_ms": round(1e3 * float(np.percentile([row[stage] for row in rows], 95)), 2),
        }
        for stage in STAGES
    }
