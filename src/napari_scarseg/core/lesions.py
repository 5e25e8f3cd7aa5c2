"""Lesions: integer labels that are never used twice in a case, and their links across slices."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from napari_scarseg.core.box import Box


def number_boxes(boxes: Sequence[Box], used: Iterable[int] = ()) -> list[Box]:
    """Give every box without a lesion a new one, above all that were ever used.

    Parameters
    ----------
    boxes : sequence of Box
    used : iterable of int
        Lesion ids that the case has used already, also by lesions that are gone.
    """
    last = max([0, *used, *(box.lesion_id or 0 for box in boxes)])
    numbered = []
    for box in boxes:
        if box.lesion_id is None:
            last += 1
            numbered.append(replace(box, lesion_id=last))
        else:
            numbered.append(box)
    return numbered


def confidence_of(boxes: Iterable[Box]) -> dict[int, float]:
    """Highest score of each lesion's detector's boxes; lesions without a scored box are not in it."""
    scores: dict[int, float] = {}
    for box in boxes:
        if box.lesion_id is not None and box.score is not None:
            scores[box.lesion_id] = max(scores.get(box.lesion_id, 0.0), box.score)
    return scores


def propose_links(labels: npt.NDArray[np.generic]) -> dict[int, int]:
    """Propose which labels of a (Z, Y, X) label volume are one lesion across slices.

    Two labels are linked when they overlap in adjacent slices; of a linked group the lowest (oldest) id wins.

    Returns
    -------
    dict
        Each label that should change → the label it should take. Labels that stay are not in it.
    """
    parent: dict[int, int] = {}

    def root(label: int) -> int:
        while parent.get(label, label) != label:
            label = parent[label]
        return label

    for below, above in zip(labels[:-1], labels[1:], strict=True):
        both = (below != 0) & (above != 0) & (below != above)
        for pair in np.unique(np.stack([below[both], above[both]]), axis=1).T:
            first, second = root(int(pair[0])), root(int(pair[1]))
            if first != second:
                parent[max(first, second)] = min(first, second)
    return {label: root(label) for label in sorted(parent)}


def relabel(labels: npt.NDArray[np.int32], links: dict[int, int]) -> npt.NDArray[np.int32]:
    """Copy of `labels` (any shape) with every key of `links` (above 0) replaced by its value."""
    result = labels.copy()
    if not links:
        return result
    inside = labels != 0
    ids, places = np.unique(labels[inside], return_inverse=True)
    result[inside] = np.array([links.get(int(label), int(label)) for label in ids], dtype=labels.dtype)[places]
    return result


def link_boxes(boxes: Sequence[Box], links: dict[int, int]) -> list[Box]:
    """The boxes with their lesion ids replaced as `propose_links` said."""
    return [
        replace(box, lesion_id=links[box.lesion_id]) if box.lesion_id is not None and box.lesion_id in links else box
        for box in boxes
    ]
