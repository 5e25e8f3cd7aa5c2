"""Commands on the live layers, for buttons, keys and scripts: mark, copy, fill in, link, merge, split, refine.

Each changes the boxes layer, or what the labels layer remembers, and says so by the layer's own events; whoever keeps
the labels up to date (*Segment scars*, with live update on) draws what has changed. On the window's thread only.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np
from napari.layers import Image, Labels, Shapes

from napari_scarseg.core.box import Box, Review
from napari_scarseg.core.lesions import propose_links
from napari_scarseg.core.refinement import Refinement
from napari_scarseg.gui import viewer as on_viewer
from napari_scarseg.gui.box_edits import chain_relabels, copy_boxes, fill_between, give_lesion, mark_boxes, merge_map
from napari_scarseg.gui.box_layer import ReadBoxes
from napari_scarseg.gui.image_layer import image_array, image_record
from napari_scarseg.gui.layer_state import box_state, label_state
from napari_scarseg.gui.painting import labels_array
from napari_scarseg.gui.plan import ShownBoxes


def mark(layer: Shapes, image: Image, box_ids: Collection[str], review: Review) -> None:
    """Say what you think of some boxes; a rejected box draws no label."""
    read = on_viewer.read_boxes_layer(layer, image)
    _tidy(layer, read, mark_boxes(read.boxes, box_ids, review))


def copy(layer: Shapes, image: Image, box_ids: Collection[str], step: int) -> list[Box]:
    """Copy boxes `step` slices further, as boxes of the same lesions; returns the copies."""
    read = on_viewer.read_boxes_layer(layer, image)
    copies = copy_boxes(read.boxes, box_ids, step, image_array(image).shape[0])
    add(layer, image, copies)
    return copies


def fill(layer: Shapes, image: Image, lesion_ids: Collection[int]) -> list[Box]:
    """Give lesions boxes on the slices between their boxes; returns the new ones."""
    read = on_viewer.read_boxes_layer(layer, image)
    added = fill_between(read.boxes, lesion_ids)
    add(layer, image, added)
    return added


def add(layer: Shapes, image: Image, boxes: Collection[Box]) -> None:
    """Add boxes to those that are there."""
    if boxes:
        read = on_viewer.read_boxes_layer(layer, image)
        candidates = box_state(layer.metadata).candidates
        on_viewer.show_boxes(layer, image, ShownBoxes((*read.boxes, *boxes), candidates))


def merge(layer: Shapes, labels: Labels | None, image: Image, lesion_ids: Collection[int]) -> int:
    """Make lesions one, of the oldest id; returns how many have gone into it."""
    return _relabel(layer, labels, image, merge_map(lesion_ids))


def link(layer: Shapes, labels: Labels, image: Image) -> int:
    """Make lesions one that overlap in adjacent slices; returns how many have gone into others."""
    return _relabel(layer, labels, image, propose_links(labels_array(labels)))


def split(layer: Shapes, labels: Labels | None, image: Image, box_ids: Collection[str]) -> int:
    """Make some boxes a lesion of their own, with what was painted by hand where they are alone; returns its id."""
    read = on_viewer.read_boxes_layer(layer, image)
    lesion_id = _unused_lesion(layer, labels, read)
    chosen = [box for box in read.boxes if box.box_id in box_ids]
    left = {(box.slice, box.lesion_id) for box in read.boxes if box.box_id not in box_ids}
    _tidy(layer, read, give_lesion(read.boxes, box_ids, lesion_id))
    if labels is not None:
        state = label_state(labels.metadata)
        alone = {(box.slice, box.lesion_id or 0): lesion_id for box in chosen if (box.slice, box.lesion_id) not in left}
        inherited = [state.refinements[b.lesion_id] for b in chosen if b.lesion_id and b.lesion_id in state.refinements]
        state = replace(
            state,
            used_lesions=max(lesion_id, state.used_lesions),
            relabels=chain_relabels(state.relabels, alone),
            refinements={**state.refinements, **({lesion_id: inherited[0]} if inherited else {})},
        )
        on_viewer.put_label_state(labels, state, image_record(image))
        labels.events.metadata()
    return lesion_id


def refine(labels: Labels, image: Image, lesion_ids: Collection[int], refinement: Refinement | None) -> None:
    """Say how the masks of lesions are made from the segmenter's answers; of all others, where none is named.

    None takes a lesion's own refinement back.
    """
    state = label_state(labels.metadata)
    refinements = dict(state.refinements)
    for lesion_id in lesion_ids or (0,):
        refinements.pop(lesion_id, None)
        if refinement is not None:
            refinements[lesion_id] = refinement
    if refinements != state.refinements:
        on_viewer.put_label_state(labels, replace(state, refinements=refinements), image_record(image))
        labels.events.metadata()


def _relabel(layer: Shapes, labels: Labels | None, image: Image, links: Mapping[int, int]) -> int:
    if not links:
        return 0
    read = on_viewer.read_boxes_layer(layer, image)
    boxes = [replace(b, lesion_id=links.get(b.lesion_id, b.lesion_id)) if b.lesion_id else b for b in read.boxes]
    if labels is not None:
        state = label_state(labels.metadata)
        volume = labels_array(labels)
        present = {(z, old): new for old, new in links.items() for z in _slices_with(volume, old)}
        state = replace(
            state,
            linked=True,
            relabels=chain_relabels(state.relabels, present),
            refinements={lesion: value for lesion, value in state.refinements.items() if lesion not in links},
        )
        on_viewer.put_label_state(labels, state, image_record(image))
    _tidy(layer, read, boxes)
    if labels is not None:
        labels.events.metadata()
    return len(links)


def _slices_with(volume: np.ndarray, lesion_id: int) -> list[int]:
    return [int(z) for z in np.flatnonzero((volume == lesion_id).any(axis=(1, 2)))]


def _unused_lesion(layer: Shapes, labels: Labels | None, read: ReadBoxes) -> int:
    boxes = (*read.boxes, *box_state(layer.metadata).candidates)
    used = [0, *(box.lesion_id or 0 for box in boxes)]
    if labels is not None:
        used += [label_state(labels.metadata).used_lesions, int(np.max(labels_array(labels), initial=0))]
    return max(used) + 1


def _tidy(layer: Shapes, read: ReadBoxes, boxes: list[Box]) -> None:
    on_viewer.tidy_boxes(layer, ReadBoxes(tuple(boxes), read.rows, read.stray, read.findings))
