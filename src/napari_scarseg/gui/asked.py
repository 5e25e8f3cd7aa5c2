"""What the live layers ask of the segmenter: read from boxes, points and labels, each time anew."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from napari.layers import Image, Labels, Points, Shapes

from napari_scarseg.core.box import Review
from napari_scarseg.core.lesions import number_boxes
from napari_scarseg.core.protocols import Prompt
from napari_scarseg.gui import viewer as on_viewer
from napari_scarseg.gui.box_layer import ReadBoxes
from napari_scarseg.gui.label_layer import Relabel
from napari_scarseg.gui.layer_state import LabelState, box_state, label_state
from napari_scarseg.gui.painting import labels_array
from napari_scarseg.gui.plan import DrawnBox, drawn_box
from napari_scarseg.gui.point_layer import points_of_boxes
from napari_scarseg.gui.viewer_points import read_points_layer


@dataclass(frozen=True, slots=True)
class Target:
    """The layers that belong together.

    Parameters
    ----------
    image : Image
    boxes : Shapes
    labels : Labels
    points : Points or None
    """

    image: Image
    boxes: Shapes
    labels: Labels
    points: Points | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A prompt for each box that is not rejected, and what its label is to be drawn from.

    Parameters
    ----------
    prompts : tuple of Prompt
        Each box has a lesion.
    wanted : mapping of box_id → DrawnBox
    state : LabelState
        Of the labels as they are.
    """

    prompts: tuple[Prompt, ...]
    wanted: Mapping[str, DrawnBox]
    state: LabelState

    def relabels(self, slice_count: int) -> list[Relabel]:
        """Voxels that merging, linking or splitting has promised to another lesion."""
        drawn = {(box.slice, box.lesion_id) for box in self.state.drawn.values()}
        return [
            Relabel(z, old, new, is_kept=(z, old) not in drawn)
            for (z, old), new in self.state.relabels.items()
            if z < slice_count
        ]


def read_asked(target: Target) -> Asked:
    """Read the live layers. Every box gets a lesion, and those that got one now show it.

    Raises
    ------
    InputError
        If the boxes do not fit the image, or the labels have no room for another lesion.
    """
    read = on_viewer.read_boxes_layer(target.boxes, target.image)
    state = label_state(target.labels.metadata)
    hidden = (box.lesion_id or 0 for box in box_state(target.boxes.metadata).candidates)
    present = int(np.max(labels_array(target.labels), initial=0))
    boxes = number_boxes(read.boxes, (state.used_lesions, present, *hidden))
    on_viewer.check_labels_room(target.labels, max((box.lesion_id or 0 for box in boxes), default=0))
    on_viewer.tidy_boxes(target.boxes, ReadBoxes(tuple(boxes), read.rows, read.stray, read.findings))
    drawing = [box for box in boxes if box.review is not Review.REJECTED]
    points = read_points_layer(target.points, target.image) if target.points is not None else ()
    own = points_of_boxes(points, drawing)
    prompts = tuple(Prompt(box, own.get(box.box_id, ())) for box in drawing)
    wanted = {p.box.box_id: drawn_box(p.box, p.points, state.refinement(p.box.lesion_id or 0)) for p in prompts}
    return Asked(prompts, wanted, state)
