"""The walk-through in a real window: load, detect, segment, review, measure, and pictures of it.

`python -m napari_scarseg.gui.tour STACK FOLDER [--phase PHASE] [--cohort NAME] [--theme THEME] [--stay]`

It drives the same widgets that a person clicks, in a process of its own, as every window is: the networks work in the
engine process beside it.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import napari
import numpy as np
from napari.layers import Labels
from napari.qt import get_qapp
from qtpy.QtWidgets import QApplication

from napari_scarseg.core.box import Review
from napari_scarseg.core.case import CaseInfo, Phase
from napari_scarseg.errors import ScarSegError
from napari_scarseg.gui import edits
from napari_scarseg.gui import viewer as on_viewer
from napari_scarseg.gui.cheat_sheet import CheatSheet
from napari_scarseg.gui.morphology_widget import MorphologyWidget
from napari_scarseg.gui.workbench import ScarWorkbench
from napari_scarseg.io import atomic_path

# A slow laptop loads the networks in half a minute; far beyond that something is wrong.
_PATIENCE_S = 300.0
_WINDOW_PX = (1366, 768)
_SETTLE_S = 1.0
_CLOSER = 2.5
WINDOW_PICTURE, MORPHOLOGY_PICTURE, KEYS_PICTURE = "window.png", "window_morphology.png", "window_keys.png"


class TourError(ScarSegError):
    """A step of the walk-through did not come to its end."""


def segment_in_window(viewer: napari.Viewer, stack: Path, case: CaseInfo) -> Labels:
    """Load, detect and segment with the *Scar workbench*, which stays open, and show the scar.

    Raises
    ------
    TourError
        If a step ends without its result, or does not end.
    """
    viewer.window.resize(*_WINDOW_PX)
    workbench = ScarWorkbench(viewer)
    viewer.window.add_dock_widget(workbench, name="Scar workbench", area="right")
    workbench.load.load(stack)
    _wait(lambda: workbench.load.image is not None and not workbench.load.is_running, "loading the stack")
    workbench.load.about.phase.setCurrentText(case.phase.value)
    workbench.load.about.cohort.setText(case.cohort)
    workbench.load.about.cohort.editingFinished.emit()
    workbench.detect.detect_stack()
    _wait(lambda: not workbench.detect.is_running, "detecting")
    workbench.segment.segment_all()
    _wait(lambda: not workbench.segment.is_running, "segmenting")
    labels = next((layer for layer in viewer.layers if isinstance(layer, Labels)), None)
    if labels is None or not labels.data.any():
        raise TourError("The walk-through found no scar to show; run it on a stack with scar.")
    _look_at(viewer, labels)
    _review_one(workbench)
    return labels


def measure_in_window(viewer: napari.Viewer) -> None:
    """Measure with the *Morphology* widget, which stays open as a tab beside the workbench."""
    morphology = MorphologyWidget(viewer)
    viewer.window.add_dock_widget(morphology, name="Morphology", area="right", tabify=True)
    morphology.measure()
    _wait(lambda: not morphology.is_running and not morphology.table.empty, "measuring")


def _look_at(viewer: napari.Viewer, labels: Labels) -> None:
    """Show the middle one of the slices with scar, the scar in the middle of the canvas."""
    slices = np.flatnonzero(labels.data.any(axis=(1, 2)))
    z = int(slices[len(slices) // 2])
    viewer.dims.set_current_step(0, z)
    middle = np.argwhere(labels.data[z] > 0).mean(axis=0)
    viewer.camera.center = labels.data_to_world((z, *middle))
    viewer.camera.zoom *= _CLOSER


def _review_one(workbench: ScarWorkbench) -> None:
    """Accept the largest lesion's box in view, and leave it selected."""
    boxes, image = workbench.segment.boxes.layer, workbench.segment.images.layer
    z = on_viewer.current_slice(workbench.viewer, image)
    here = [box for box in on_viewer.read_boxes_layer(boxes, image).boxes if box.slice == z]
    if here:
        largest = max(here, key=lambda box: box.height * box.width)
        edits.mark(boxes, image, {largest.box_id}, Review.ACCEPTED)
        on_viewer.select_boxes(workbench.viewer, boxes, image, {largest.box_id})


def take_keys_picture(path: Path) -> None:
    """Write a PNG of the sheet with all keys."""
    sheet = CheatSheet()
    with atomic_path(path) as temporary:
        sheet.grab().save(str(temporary), "PNG")
    sheet.deleteLater()


def take_picture(viewer: napari.Viewer, path: Path) -> None:
    """Write a PNG of the whole window."""
    end = time.monotonic() + _SETTLE_S
    while time.monotonic() < end:
        QApplication.processEvents()
    with atomic_path(path) as temporary:
        viewer.window.screenshot(str(temporary), canvas_only=False, flash=False)


def _forget_work() -> None:
    """A demonstration leaves no unsaved work to be brought back."""
    for workbench in (widget for widget in QApplication.allWidgets() if isinstance(widget, ScarWorkbench)):
        desk = workbench.case.join()
        desk.note_now()
        desk.settle(is_save=False)


def _wait(is_done: Callable[[], bool], doing: str) -> None:
    """Let the window work until something is done."""
    end = time.monotonic() + _PATIENCE_S
    while not is_done():
        if time.monotonic() > end:
            raise TourError(f"The walk-through waited too long while {doing}; close other programs and try again.")
        QApplication.processEvents()
        time.sleep(0.01)


def main(arguments: list[str] | None = None) -> int:
    """Run the walk-through; returns the exit status."""
    parser = argparse.ArgumentParser(prog="napari_scarseg.gui.tour", description=__doc__.partition("\n")[0])
    parser.add_argument("stack", type=Path)
    parser.add_argument("folder", type=Path, help="where the pictures go")
    parser.add_argument("--phase", type=Phase, default=Phase.UNKNOWN)
    parser.add_argument("--cohort", default="")
    parser.add_argument("--theme", default="dark", help="of napari: dark or light")
    parser.add_argument("--stay", action="store_true", help="leave the window open for the user")
    options = parser.parse_args(arguments)
    get_qapp()
    viewer = napari.Viewer(show=True)
    viewer.theme = options.theme
    try:
        segment_in_window(viewer, options.stack, CaseInfo("", phase=options.phase, cohort=options.cohort))
        take_picture(viewer, options.folder / WINDOW_PICTURE)
        measure_in_window(viewer)
        take_picture(viewer, options.folder / MORPHOLOGY_PICTURE)
        take_keys_picture(options.folder / KEYS_PICTURE)
    except ScarSegError as error:
        sys.stderr.write(f"{error}\n")
        viewer.close()
        return 1
    if options.stay:
        napari.run()
    else:
        _forget_work()
        viewer.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
