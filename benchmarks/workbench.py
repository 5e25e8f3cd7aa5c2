"""How quick the workbench is: stalls of the window, undo over a stack, and from mouse release to the redrawn label.

    QT_API=pyqt6 python scripts/display.py python benchmarks/workbench.py [--nudges N] [--json FILE]

A real napari window, the bundled weights, the phantom's heart on 12 slices. Four figures:

stall      While detecting and then segmenting the whole stack, a timer of 20 ms ticks in the window. Its longest gap is
           the longest stall. A second thread looks every 5 ms where the window's thread is; the part of a gap spent in
           our own lines (or in numpy called from them) is "ours", the rest is napari's and Qt's drawing and events.
undo       One Ctrl+Z after segmenting all slices: how long, and whether the labels are exactly as before.
nudge      A box is moved by a pixel or two as a mouse does, released, and the canvas drawn with the new label. The way
           from the release on is split into: notice (until the work starts), transfer (stack and prompt to the engine
           process and the answer back), locate (the LV, once a slice), encode, decode, compose (masks into labels),
           write (napari's undoable step) and draw (the canvas).
move       The same for long moves, whose box leaves its window, so that a new one is encoded.

Wall times are those of the machine as loaded as it is; beside them stands the processor time of the window's thread
and of the networks' passes, which other programs change less. At the end it says which limit was met.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import napari
import numpy as np
from napari.qt import get_qapp
from nudges import measure_nudges, summarise
from stalls import Stalls

from napari_scarseg.cases import recovery
from napari_scarseg.engines.client import EngineClient
from napari_scarseg.gui.engine_home import EngineHome
from napari_scarseg.gui.image_layer import image_kwargs
from napari_scarseg.gui.workbench import ScarWorkbench
from napari_scarseg.phantom import make_phantom

SLICES = 12
PATIENCE_S = 600.0
MOVE_PX = 9
OWN_STALL_MS, UNDO_MS, NUDGE_MEDIAN_MS, NUDGE_P95_MS = 50.0, 100.0, 100.0, 200.0


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


def open_bench(notes: Path) -> tuple[napari.Viewer, ScarWorkbench]:
    """A window with the phantom's heart on 12 slices; the networks are loaded, and their passes noted."""
    viewer = napari.Viewer()
    stack = make_phantom(15).stack
    repeated = np.concatenate([stack.data, stack.data])[:SLICES]
    image = viewer.add_image(repeated, **image_kwargs(stack))
    image.metadata["scarseg"]["sha256"] = ""
    command = (sys.executable, "-P", str(Path(__file__).with_name("timed_engine.py")), str(notes))
    bench = ScarWorkbench(viewer, EngineHome(None, lambda: EngineClient(command)))
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


def nudge_steps(count: int) -> list[tuple[int, int]]:
    """To and fro, by one or two pixels."""
    return [(1 if (n // 6) % 2 == 0 else -1, n % 2) for n in range(count)]


def measure_way(viewer: napari.Viewer, bench: ScarWorkbench, steps: list[tuple[int, int]], notes: Path) -> object:
    """How many steps drew something, and how long each stage took."""
    rows = measure_nudges(viewer, bench, steps, notes, wait_for)
    return {"count": len(rows), "encoded": sum(row["encode"] > 0 for row in rows), **(summarise(rows) if rows else {})}


def verdict(results: dict[str, object]) -> str:
    """Which limits were met."""
    stall, undo, nudge = results["stall"], results["undo"], results["nudge"]
    own = max(part["longest_own_cpu_ms"] for part in stall.values())
    lines = [
        ("longest stall of our own code", own, OWN_STALL_MS),
        ("undo over the stack", undo["undo_ms"], UNDO_MS),
        ("nudge, median", nudge["total"]["median_ms"], NUDGE_MEDIAN_MS),
        ("nudge, 95th percentile", nudge["total"]["p95_ms"], NUDGE_P95_MS),
    ]
    said = [
        f"{name}: {value:.1f} ms, {'under' if value < limit else 'NOT under'} {limit:.0f}"
        for name, value, limit in lines
    ]
    return "\n".join([*said, f"undo is {'exact' if undo['exact'] else 'NOT exact'}"])


def main() -> int:
    """Run all four, and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nudges", type=int, default=60)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        # Nothing of this in the folders of whoever measures.
        os.environ["SCARSEG_CACHE_DIR"] = str(Path(folder, "cache"))
        recovery.recovery_root = lambda: Path(folder, "unsaved")
        notes = Path(folder, "passes")
        notes.touch()
        viewer, bench = open_bench(notes)
        results: dict[str, object] = {"stall": measure_stalls(bench), "undo": measure_undo(bench)}
        results["nudge"] = measure_way(viewer, bench, nudge_steps(options.nudges), notes)
        moves = [(MOVE_PX if n % 4 < 2 else -MOVE_PX, MOVE_PX if n % 2 else -MOVE_PX) for n in range(12)]
        results["move"] = measure_way(viewer, bench, moves, notes)
        viewer.close()
    print(json.dumps(results, indent=1))
    print(verdict(results))
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
