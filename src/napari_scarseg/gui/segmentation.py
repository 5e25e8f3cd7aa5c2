"""Boxes into labels: what the Segment button and every edit of a box set off. One image, boxes and labels at a time.

The truth lies in the layers. This reads the live boxes, compares them with those that the labels were drawn from, has
the missing masks made, and writes what changes as one undoable step.
"""

import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels, Shapes
from qtpy.QtCore import QObject, Signal

from napari_scarseg.core.box import Box
from napari_scarseg.core.config import SegmentConfig
from napari_scarseg.core.lesions import link_boxes, number_boxes
from napari_scarseg.core.protocols import EngineInfo
from napari_scarseg.gui import viewer as on_viewer
from napari_scarseg.gui.box_layer import ReadBoxes
from napari_scarseg.gui.engine_home import EngineHome
from napari_scarseg.gui.image_layer import image_array, image_record
from napari_scarseg.gui.jobs import Job, JobEnd
from napari_scarseg.gui.layer_state import LabelState, box_state, label_state
from napari_scarseg.gui.mask_store import MaskStore
from napari_scarseg.gui.painting import labels_array
from napari_scarseg.gui.plan import drawn_box, plan_boxes_redraw, plan_changes, plan_full_redraw, plan_prompts
from napari_scarseg.gui.tasks import Segmented, SegmentOrder, segment_task


@dataclass(frozen=True, slots=True)
class Target:
    """The three layers that belong together.

    Parameters
    ----------
    image : Image
    boxes : Shapes
    labels : Labels
    """

    image: Image
    boxes: Shapes
    labels: Labels


@dataclass(frozen=True, slots=True)
class Written:
    """What a run has written.

    Parameters
    ----------
    voxels, lesions : int
        How many voxels changed, and how many lesions were drawn.
    empty_boxes : int
        Boxes in which no scar was found.
    info : EngineInfo or None
        What ran; None where every mask was at hand.
    """

    voxels: int
    lesions: int
    empty_boxes: int
    info: EngineInfo | None


class Segmentation(QObject):
    """Draws the labels of boxes, all of them or only what an edit changed.

    Parameters
    ----------
    viewer : ViewerModel
    parent : QObject, optional

    Signals
    -------
    progressed(done, total), ended(JobEnd)
        Of the work that is on.
    wrote(Written)
        Labels were written.
    """

    progressed = Signal(int, int)
    ended = Signal(object)
    wrote = Signal(object)

    def __init__(self, viewer: ViewerModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._home: EngineHome | None = None
        self._store = MaskStore()
        self._stored_image: Image | None = None
        self._job = Job(self, self._cancel_engine)
        self._job.progressed.connect(self.progressed)
        self._job.answered.connect(self._write)
        self._job.ended.connect(self._on_ended)
        self._running: tuple[Target, SegmentOrder] | None = None
        self._again: tuple[Target, SegmentConfig, EngineHome] | None = None

    @property
    def is_running(self) -> bool:
        """Whether work is on."""
        return self._job.is_running

    def redraw_all(self, target: Target, config: SegmentConfig, home: EngineHome) -> bool:
        """Draw the labels of all boxes, and erase those whose boxes are gone; False where there is nothing to do."""
        boxes = self._numbered(target)
        redraws = plan_full_redraw(label_state(target.labels.metadata).drawn, boxes)
        return self._start(target, boxes, redraws, config, home, "Segmenting scars")

    def redraw_selected(self, target: Target, config: SegmentConfig, home: EngineHome) -> bool:
        """Draw the lesions of the selected boxes on their slices; False where no box is selected."""
        read = on_viewer.read_boxes_layer(target.boxes, target.image)
        selected = {read.boxes[read.rows.index(row)].box_id for row in target.boxes.selected_data if row in read.rows}
        boxes = self._numbered(target)
        state = label_state(target.labels.metadata)
        redraws = plan_boxes_redraw([box for box in boxes if box.box_id in selected], state.drawn)
        if redraws:
            left = {b.box_id: drawn_box(b) for b in boxes if b.box_id not in selected and b.box_id not in state.drawn}
            on_viewer.put_label_state(target.labels, replace(state, waiting=left), image_record(target.image))
        return self._start(target, boxes, redraws, config, home, "Segmenting the selected boxes")

    def redraw_changes(self, target: Target, config: SegmentConfig, home: EngineHome) -> bool:
        """Draw what the edits since the last drawing call for, and nothing else; False where that is nothing.

        Does nothing before the first segmentation. While work is on, it looks again when that ends.
        """
        state = label_state(target.labels.metadata)
        if not state.drawn:
            return False
        if self.is_running:
            self._again = (target, config, home)
            return False
        boxes = self._numbered(target)
        changes = plan_changes(state.drawn, boxes, state.waiting)
        return self._start(target, boxes, changes.redraws, config, home, "")

    def cancel(self) -> None:
        """Stop: nothing is written. Masks that have arrived are kept, so the next run goes on from there."""
        self._again = None
        self._job.cancel()

    def shut(self) -> None:
        """End the work for good."""
        self.blockSignals(True)
        self._again = None
        self._job.shut()

    def _cancel_engine(self, stop: threading.Event) -> None:
        if self._home is not None:
            self._home.cancel(stop)

    def _numbered(self, target: Target) -> list[Box]:
        """The boxes, each with a lesion; those that got one now show it in the layer."""
        read = on_viewer.read_boxes_layer(target.boxes, target.image)
        state = label_state(target.labels.metadata)
        hidden = (box.lesion_id or 0 for box in box_state(target.boxes.metadata).candidates)
        present = int(np.max(target.labels.data, initial=0))
        boxes = number_boxes(read.boxes, (state.used_lesions, present, *hidden))
        on_viewer.check_labels_room(target.labels, max((box.lesion_id or 0 for box in boxes), default=0))
        on_viewer.tidy_boxes(target.boxes, ReadBoxes(tuple(boxes), read.rows, read.stray, read.findings))
        return boxes

    def _start(
        self,
        target: Target,
        boxes: list[Box],
        redraws: Mapping[int, Collection[int]],
        config: SegmentConfig,
        home: EngineHome,
        title: str,
    ) -> bool:
        if not redraws:
            return False
        if self._stored_image is None or self._stored_image != target.image:
            self._store.clear()
            self._stored_image = target.image
        self._home = home
        state = label_state(target.labels.metadata)
        current = on_viewer.current_slice(self._viewer, target.image)
        order = SegmentOrder(
            array=image_array(target.image),
            record=image_record(target.image),
            prompts=plan_prompts(redraws, _taking_part(boxes, redraws, state), current),
            redraws=redraws,
            labels=labels_array(target.labels),
            painted=state.painted,
            config=config,
            link=not state.linked,
        )
        self._running = (target, order)
        store = self._store
        missing = len(store.missing(order.prompts, config))
        self._job.start(lambda stop: segment_task(home.turn, stop, order, store), title, missing)
        return True

    def _write(self, result: Segmented) -> None:
        if self._running is None:
            return
        target, order = self._running
        layers = self._viewer.layers
        if target.labels not in layers or target.boxes not in layers:
            return
        count = on_viewer.write_labels(target.labels, result.write)
        state = label_state(target.labels.metadata)
        on_viewer.put_label_state(target.labels, self._new_state(state, order, result), image_record(target.image))
        if result.links:
            read = on_viewer.read_boxes_layer(target.boxes, target.image)
            linked = link_boxes(read.boxes, dict(result.links))
            on_viewer.tidy_boxes(target.boxes, ReadBoxes(tuple(linked), read.rows, (), read.findings))
        labels = labels_array(target.labels)
        empty = [box for box in result.boxes if not (labels[box.slice] == box.lesion_id).any()]
        lesions = len({box.lesion_id for box in result.boxes} - {box.lesion_id for box in empty})
        self.wrote.emit(Written(count, lesions, len(empty), result.info))

    def _new_state(self, state: LabelState, order: SegmentOrder, result: Segmented) -> LabelState:
        redrawn = {(z, lesion) for z, lesions in order.redraws.items() for lesion in lesions}
        drawn = {
            box_id: replace(box, lesion_id=result.links.get(box.lesion_id, box.lesion_id))
            for box_id, box in state.drawn.items()
            if (box.slice, box.lesion_id) not in redrawn
        }
        drawn.update({box.box_id: drawn_box(box) for box in result.boxes})
        waiting = {
            box_id: replace(box, lesion_id=result.links.get(box.lesion_id, box.lesion_id))
            for box_id, box in state.waiting.items()
            if box_id not in drawn
        }
        used = max([state.used_lesions, *(box.lesion_id or 0 for box in order.prompts)])
        engine = result.info.as_dict() if isinstance(result.info, EngineInfo) else state.engine
        return replace(state, drawn=drawn, waiting=waiting, used_lesions=used, linked=True, engine=engine)

    def _on_ended(self, end: JobEnd) -> None:
        self.ended.emit(end)
        again, self._again = self._again, None
        # After a failure the same work would fail again; the next click tries.
        if again is not None and end is JobEnd.DONE:
            self.redraw_changes(*again)


def _taking_part(boxes: list[Box], redraws: Mapping[int, Collection[int]], state: LabelState) -> list[Box]:
    """Without the boxes that wait: they have no label, so they win no overlap."""
    return [
        box
        for box in boxes
        if box.lesion_id in redraws.get(box.slice, ())
        or box.box_id not in state.waiting
        or not state.waiting[box.box_id].matches(box)
    ]
