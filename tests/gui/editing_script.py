"""Works on a stack without a pause, until it is killed: run by `test_kill.py`, with a folder as its argument.

Edit n moves the box to row n / 10, writes n into a voxel and notes the time in a log; nothing is saved by hand.
"""

import os
import random
import sys
import time
from pathlib import Path

import numpy as np
from napari.components import ViewerModel
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

from napari_scarseg.cases import recovery
from napari_scarseg.core.box import Box
from napari_scarseg.core.spacing import Spacing
from napari_scarseg.core.stack import Stack
from napari_scarseg.gui import viewer as on_viewer
from napari_scarseg.gui.case_desk import CaseDesk
from napari_scarseg.gui.image_layer import image_kwargs
from napari_scarseg.gui.plan import ShownBoxes


def main(folder: Path) -> None:
    """Edit until killed."""
    recovery.recovery_root = lambda: folder / "unsaved"
    app = QApplication(["editing"])
    viewer = ViewerModel()
    data = np.random.default_rng(0).integers(0, 900, (12, 128, 128)).astype(np.uint16)
    stack = Stack(data, Spacing.unknown(), "heart")
    image = on_viewer.add_stack(viewer, stack.data, image_kwargs(stack))
    boxes = on_viewer.new_boxes_layer(viewer, image)
    labels = on_viewer.new_labels_layer(viewer, image, boxes)
    desk = CaseDesk(viewer)
    desk.join(app)
    log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    count = 0

    def edit() -> None:
        nonlocal count
        count += 1
        on_viewer.show_boxes(boxes, image, ShownBoxes((Box(1, count / 10, 0, 1000, 20, box_id="a"),), ()))
        labels.data_setitem((np.array([0]), np.array([0]), np.array([0])), count)
        os.write(log, f"{count} {time.monotonic()}\n".encode())
        QTimer.singleShot(random.randint(1, 60), edit)

    edit()
    app.exec()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
