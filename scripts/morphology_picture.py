"""The picture of the Morphology widget in the documentation: a phantom's heart drawn over computed patients.

    python scripts/display.py python scripts/morphology_picture.py docs/images/morphology.png

needs the plugin and a Qt binding; nothing of a real patient is in it.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from threading import Event

import napari
import numpy as np
from qtpy.QtWidgets import QApplication

from napari_scarseg.core.case import CaseInfo, Phase
from napari_scarseg.gui.image_layer import image_kwargs
from napari_scarseg.gui.layer_frame import frame_of
from napari_scarseg.gui.layer_record import METADATA_KEY
from napari_scarseg.gui.morphology_figures import FigureChoice, FigureKind
from napari_scarseg.gui.morphology_reference import ReferenceCohort, compute_phantoms
from napari_scarseg.gui.morphology_widget import MorphologyWidget
from napari_scarseg.measure.scar_lesions import find_scar_lesions
from napari_scarseg.phantom import make_phantom

SEED = 15
SCAR, MYOCARDIUM = (3, 4), 2


def open_widget(viewer: napari.Viewer) -> MorphologyWidget:
    """The widget beside a phantom's image, wall and lesions."""
    phantom = make_phantom(SEED, Phase.ACUTE)
    case = CaseInfo("heart", "heart", Phase.ACUTE, "phantom")
    image = viewer.add_image(phantom.stack.data, **image_kwargs(phantom.stack, case))
    frame = frame_of(image).as_kwargs()
    metadata = {METADATA_KEY: dict(image.metadata[METADATA_KEY])}
    muscle = (phantom.labels >= MYOCARDIUM).astype(np.int32)
    wall = viewer.add_labels(muscle, name="LV wall", visible=False, **frame)
    scar = viewer.add_labels(find_scar_lesions(phantom.labels, SCAR), name="scar", metadata=metadata, **frame)
    widget = MorphologyWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Morphology", area="right")
    widget.layer = scar
    widget.case_panel.wall.layers.choose(wall)
    slices = np.flatnonzero(scar.data.any(axis=(1, 2)))
    z = int(slices[len(slices) // 2])
    viewer.dims.set_current_step(0, z)
    viewer.camera.center = scar.data_to_world((z, *np.argwhere(scar.data[z] > 0).mean(axis=0)))
    viewer.camera.zoom *= 2.5
    return widget


def wait(widget: MorphologyWidget) -> None:
    """Until nothing is measured or drawn any more."""
    quiet_since = time.monotonic()
    while time.monotonic() - quiet_since < 1:
        QApplication.processEvents()
        time.sleep(0.01)
        if widget.is_running:
            quiet_since = time.monotonic()


def main() -> int:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("picture", type=Path)
    target = parser.parse_args().picture
    *_, reference = compute_phantoms(Event())
    assert isinstance(reference, ReferenceCohort)
    viewer = napari.Viewer(show=True)
    viewer.window.resize(1366, 800)
    widget = open_widget(viewer)
    widget.measure()
    wait(widget)
    widget.reference_panel.set_reference(reference)
    widget.figure_panel.controls.set_choice(FigureChoice(FigureKind.RAINCLOUD, "transmurality_pct"))
    wait(widget)
    viewer.window.screenshot(str(target), canvas_only=False, flash=False)
    viewer.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
