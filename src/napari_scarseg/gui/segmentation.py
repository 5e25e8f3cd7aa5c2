"""Boxes into labels: what the Segment button and every edit of a box set off. One image, boxes and labels at a time.

The truth lies in the layers. This reads the live boxes, compares them with those that the labels were drawn from, has
the missing masks made, and writes what changes as one undoable step.
"""

import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from napari.components import ViewerModel
from napari.layers import Image
from qtpy.QtCore import QObject, Signal

from napari_scarseg.core.config import SegmentConfig
from napari_scarseg.core.lesions import link_boxes
from napari_scarseg.core.protocols import EngineInfo, Prompt
from napari_scarseg.gui import viewer as on_viewer
from napari_scarseg.gui.asked import Asked, Target, read_asked
from napari_scarseg.gui.box_layer import ReadBoxes
from napari_scarseg.gui.engine_home import EngineHome
from napari_scarseg.gui.image_layer import image_array, image_record
from napari_scarseg.gui.jobs import Job, JobEnd
from napari_scarseg.gui.label_layer import relabel_painting
from napari_scarseg.gui.layer_state import LabelState, label_state
from napari_scarseg.gui.mask_store import MaskStore
from napari_scarseg.gui.painting import labels_array
from napari_scarseg.gui.plan import (
    drawn_box,
    plan_boxes_redraw,
    plan_changes,
    plan_full_redraw,
    plan_prompts,
    without_waiting,
)
from napari_scarseg.gui.tasks import Segmented, SegmentOrder, segment_task


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
        self._again_refined: tuple[Target, SegmentConfig, EngineHome] | None = None

    @property
    def is_running(self) -> bool:
        """Whether work is on."""
        return self._job.is_running

    def redraw_all(self, target: Target, config: SegmentConfig, home: EngineHome) -> bool:
        """Draw the labels of all boxes, and erase those whose boxes are gone; False where there is nothing to do."""
        asked = read_asked(target)
        redraws = plan_full_redraw(asked.state.drawn, asked.wanted)
        return self._start(target, asked, redraws, config, home, "Segmenting scars")

    def redraw_selected(self, target: Target, config: SegmentConfig, home: EngineHome) -> bool:
        """Draw the lesions of the selected boxes on their slices; False where no box is selected."""
        selected = {box.box_id for box in on_viewer.selected_boxes(target.boxes, target.image)}
        asked = read_asked(target)
        drawn = asked.state.drawn
        redraws = plan_boxes_redraw(selected, drawn, asked.wanted)
        if redraws:
            left = {name: box for name, box in asked.wanted.items() if name not in selected and name not in drawn}
            asked = replace(asked, state=replace(asked.state, waiting=left))
            on_viewer.put_label_state(target.labels, asked.state, image_record(target.image))
        return self._start(target, asked, redraws, config, home, "Segmenting the selected boxes")

    def redraw_changes(self, target: Target, config: SegmentConfig, home: EngineHome) -> bool:
        """Draw what the edits since the last drawing call for, and nothing else; False where that is nothing.

        Before the first segmentation, lesions are merged and split only. While work is on, it looks again at its end.
        """
        state = label_state(target.labels.metadata)
        if not state.drawn and not state.relabels:
            return False
        if self.is_running:
            self._again = (target, config, home)
            return False
        asked = read_asked(target)
        wanted = asked.wanted if asked.state.drawn else {}
        changes = plan_changes(asked.state.drawn, wanted, asked.state.waiting)
        return self._start(target, asked, changes.redraws, config, home, "")

    def redraw_refined(self, target: Target, config: SegmentConfig, home: EngineHome) -> bool:
        """Draw the lesions whose refinement is another one now, from masks at hand; boxes stay as they were drawn."""
        if self.is_running:
            self._again_refined = (target, config, home)
            return False
        asked = read_asked(target)
        drawn = asked.state.drawn
        refined = [name for name, box in asked.wanted.items() if name in drawn and drawn[name].asks_as(box)]
        wanted = {name: asked.wanted[name] if name in refined else drawn[name] for name in drawn}
        return self._start(target, asked, plan_changes(drawn, wanted).redraws, config, home, "")

    def cancel(self) -> None:
        """Stop: nothing is written. Masks that have arrived are kept, so the next run goes on from there."""
        self._again = self._again_refined = None
        self._job.cancel()

    def shut(self) -> None:
        """End the work for good."""
        self.blockSignals(True)
        self._again = self._again_refined = None
        self._job.shut()

    def _cancel_engine(self, stop: threading.Event) -> None:
        if self._home is not None:
            self._home.cancel(stop)

    def _start(
        self,
        target: Target,
        asked: Asked,
        redraws: Mapping[int, Collection[int]],
        config: SegmentConfig,
        home: EngineHome,
        title: str,
    ) -> bool:
        state = asked.state
        relabels = asked.relabels(len(labels_array(target.labels)))
        redraws = {**{change.slice: frozenset() for change in relabels}, **redraws}
        if not redraws:
            return False
        if self._stored_image is None or self._stored_image != target.image:
            self._store.clear()
            self._stored_image = target.image
        self._home = home
        current = on_viewer.current_slice(self._viewer, target.image)
        order = SegmentOrder(
            array=image_array(target.image),
            record=image_record(target.image),
            prompts=plan_prompts(redraws, _taking_part(asked, redraws), current),
            redraws=redraws,
            relabels=relabels,
            labels=labels_array(target.labels),
            painted=state.painted,
            refinement=state.refinement,
            config=config,
            # Only what is drawn can be linked.
            link=not state.linked and any(redraws.values()),
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
        state = label_state(target.labels.metadata)
        painted = relabel_painting(state.painted, labels_array(target.labels), order.relabels)
        count = on_viewer.write_labels(target.labels, result.write)
        state = replace(self._new_state(state, order, result), painted=painted)
        on_viewer.put_label_state(target.labels, state, image_record(target.image))
        if result.links:
            read = on_viewer.read_boxes_layer(target.boxes, target.image)
            linked = link_boxes(read.boxes, dict(result.links))
            on_viewer.tidy_boxes(target.boxes, ReadBoxes(tuple(linked), read.rows, (), read.findings))
        labels = labels_array(target.labels)
        boxes = [prompt.box for prompt in result.prompts]
        empty = [box for box in boxes if not (labels[box.slice] == box.lesion_id).any()]
        lesions = len({box.lesion_id for box in boxes} - {box.lesion_id for box in empty})
        self.wrote.emit(Written(count, lesions, len(empty), result.info))

    def _new_state(self, state: LabelState, order: SegmentOrder, result: Segmented) -> LabelState:
        redrawn = {(z, lesion) for z, lesions in order.redraws.items() for lesion in lesions}
        drawn = {
            box_id: replace(box, lesion_id=result.links.get(box.lesion_id, box.lesion_id))
            for box_id, box in state.drawn.items()
            if (box.slice, box.lesion_id) not in redrawn
        }
        drawn.update(
            {p.box.box_id: drawn_box(p.box, p.points, order.refinement(p.box.lesion_id or 0)) for p in result.prompts}
        )
        waiting = {
            box_id: replace(box, lesion_id=result.links.get(box.lesion_id, box.lesion_id))
            for box_id, box in state.waiting.items()
            if box_id not in drawn
        }
        done = {(change.slice, change.old) for change in order.relabels}
        return replace(
            state,
            drawn=drawn,
            waiting=waiting,
            used_lesions=max([state.used_lesions, *(prompt.box.lesion_id or 0 for prompt in order.prompts)]),
            linked=state.linked or order.link,
            engine=result.info.as_dict() if isinstance(result.info, EngineInfo) else state.engine,
            relabels={place: lesion for place, lesion in state.relabels.items() if place not in done},
        )

    def _on_ended(self, end: JobEnd) -> None:
        self.ended.emit(end)
        again, self._again = self._again, None
        refined, self._again_refined = self._again_refined, None
        # After a failure the same work would fail again; the next click tries.
        if end is not JobEnd.DONE:
            return
        if again is not None:
            self.redraw_changes(*again)
        elif refined is not None:
            self.redraw_refined(*refined)


def _taking_part(asked: Asked, redraws: Mapping[int, Collection[int]]) -> list[Prompt]:
    """Without the boxes that wait: they have no label, so they win no overlap."""
    there = without_waiting(asked.wanted, asked.state.waiting)
    return [
        prompt
        for prompt in asked.prompts
        if prompt.box.lesion_id in redraws.get(prompt.box.slice, ()) or prompt.box.box_id in there
    ]
