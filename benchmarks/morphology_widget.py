"""How live the Morphology widget stays with 200 lesions, while their labels are edited.

    python scripts/display.py python benchmarks/morphology_widget.py [--edits 20] [--json FILE]

Prints, for painting with *Live* off and on, for another figure, and for a click on a row: the longest gap between two
ticks of the window's event loop, the processor time of the window's thread in the longest gap, and of that the longest
part in which this package's lines were the innermost of napari, vispy, Qt's wrapper, matplotlib and it. What matplotlib
and napari draw on the window's thread is in the second and not in the third. Only the third is ours to mend; a stall is
50 ms. Where other programs take the processor, the gaps grow and the processor times do not. Exit
status 1 where our own part is above the limit.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

import napari
import numpy as np
from stalls import SAMPLE_S, Stalls
from workbench import pause, wait_for

from napari_scarseg.core.case import CaseInfo, Phase
from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.core.stack import Stack
from napari_scarseg.gui.image_layer import image_kwargs
from napari_scarseg.gui.layer_frame import frame_of
from napari_scarseg.gui.layer_record import METADATA_KEY
from napari_scarseg.gui.morphology_figures import FigureKind
from napari_scarseg.gui.morphology_results import TableLevel
from napari_scarseg.gui.morphology_widget import MorphologyWidget

LIMIT_MS = 50.0
SLICES, SIDE, PER_SIDE = 12, 256, 5
LESIONS = 200
SPACING = Spacing(10.0, 1.4, 1.4, SpacingOrigin.USER)


def draw_labels() -> np.ndarray:
    """Volume (Z, Y, X) of 200 uneven lesions, most of them on one slice, about 40 to 400 px each."""
    rng = np.random.default_rng(0)
    labels = np.zeros((SLICES, SIDE, SIDE), np.int32)
    cell = SIDE // PER_SIDE
    rows, cols = np.mgrid[:cell, :cell] - (cell - 1) / 2
    radius, angle = np.hypot(rows, cols), np.arctan2(rows, cols)
    for lesion in range(LESIONS):
        z, place = divmod(lesion, PER_SIDE**2)
        inner, width, start, extent = rng.uniform(6, 12), rng.uniform(3, 8), rng.uniform(-3, 3), rng.uniform(1, 4)
        band = (radius > inner) & (radius < inner + width) & ((angle - start) % (2 * np.pi) < extent)
        row, col = divmod(place, PER_SIDE)
        labels[z, row * cell : (row + 1) * cell, col * cell : (col + 1) * cell][band] = lesion + 1
    return labels


def open_widget() -> tuple[napari.Viewer, MorphologyWidget]:
    """A window with image, labels and the widget, all measured."""
    viewer = napari.Viewer()
    data = np.random.default_rng(1).normal(300, 40, (SLICES, SIDE, SIDE)).astype(np.float32)
    stack = Stack(data, SPACING, "benchmark")
    image = viewer.add_image(data, **image_kwargs(stack, CaseInfo("benchmark", phase=Phase.ACUTE)))
    metadata = {METADATA_KEY: dict(image.metadata[METADATA_KEY])}
    labels = viewer.add_labels(draw_labels(), name="scar", metadata=metadata, **frame_of(image).as_kwargs())
    widget = MorphologyWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Morphology", area="right")
    widget.layer = labels
    widget.table_panel.set_level(TableLevel.LESION)
    widget.measure()
    settle(widget)
    assert len(widget.table) == LESIONS
    return viewer, widget


def settle(widget: MorphologyWidget) -> None:
    """Until what was asked is measured and drawn."""
    pause(0.5)
    wait_for(lambda: not widget.is_running)
    pause(0.2)


def paint(viewer: napari.Viewer, widget: MorphologyWidget, edits: int) -> None:
    """Brush strokes on one lesion after the other, a few times a second."""
    layer = widget.layer
    layer.brush_size = 4
    for number in range(edits):
        lesion = 1 + (7 * number) % LESIONS
        z, row, col = np.argwhere(layer.data == lesion)[number % 5]
        viewer.dims.set_current_step(0, int(z))
        layer.selected_label = lesion
        layer.paint((int(z), int(row), int(col)), lesion)
        pause(0.3)
    settle(widget)


class StallsBesideDrawing(Stalls):
    """Counts what matplotlib does, for us or for Qt, as drawing."""

    def _look(self) -> None:
        while not self._stop.wait(SAMPLE_S):
            frame, files = sys._current_frames().get(self._window), []
            while frame is not None:
                files.append(frame.f_code.co_filename)
                frame = frame.f_back
            lines = [name for name in files if any(part in name for part in ("napari", "vispy", "qtpy", "matplotlib"))]
            if lines and "benchmarks" not in files[0]:
                self._seen += 1
                self._ours += "napari_scarseg" in lines[0]


def watch(work: Callable[[], None]) -> dict[str, float]:
    """Stalls while something is done."""
    stalls = StallsBesideDrawing()
    work()
    return {name: round(value, 1) for name, value in stalls.stop().items()}


def choose_figures(widget: MorphologyWidget) -> None:
    """Each kind of figure once."""
    for kind in FigureKind:
        widget.figure_panel.set_kind(kind)
        settle(widget)
    widget.figure_panel.set_kind(FigureKind.BOX)
    settle(widget)


def click_rows(widget: MorphologyWidget) -> None:
    """Ten rows, as a person clicks them."""
    for row in range(0, LESIONS, LESIONS // 10):
        widget.table_panel.table.row_chosen.emit(row)
        pause(0.3)
    settle(widget)


def main() -> int:
    """Run, print as JSON, and compare with the limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edits", type=int, default=20)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    viewer, widget = open_widget()
    results: dict[str, dict[str, float]] = {}
    widget.live_box.setChecked(False)
    results["paint, not live"] = watch(lambda: paint(viewer, widget, options.edits))
    widget.live_box.setChecked(True)
    settle(widget)
    results["paint, live"] = watch(lambda: paint(viewer, widget, options.edits))
    results["figures"] = watch(lambda: choose_figures(widget))
    results["rows"] = watch(lambda: click_rows(widget))
    viewer.close()
    text = json.dumps({"lesions": LESIONS, "limit_ms": LIMIT_MS, **results}, indent=1)
    sys.stdout.write(text + "\n")
    if options.json is not None:
        options.json.write_text(text + "\n", encoding="utf-8")
    return int(any(found["longest_own_cpu_ms"] > LIMIT_MS for found in results.values()))


if __name__ == "__main__":
    raise SystemExit(main())
