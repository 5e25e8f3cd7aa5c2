"""Finding the LV: YOLO's box and the middle of the slice are looked at, and what the small network shows there decides.

YOLO finds the heart in a whole slice but not its exact edge. The small network shows cavity, myocardium and scar in a
window; the box around them gives a better window, and after a few rounds the box stays where it is. The place where the
network is surest of an LV wins. Where that lies beside the LV of the neighbouring slices, theirs is where it is looked
for again.
"""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_scarseg.core.box import Box, BoxOrigin
from napari_scarseg.core.protocols import Detection, Region
from napari_scarseg.core.windows import Window, context_slices
from napari_scarseg.engines.small_sam import BACKGROUND, CAVITY, MYOCARDIUM, SCAR

Probabilities = npt.NDArray[np.float32]
LvSearch = Generator[Window, Probabilities, Box | None]
SeenWindows = dict[Window, Box | None]

# An LV that the detector is less sure of is not looked into.
LEAST_LV_SCORE = 0.1
# Where an LV is looked for besides YOLO's box: squares at the middle, sides as shares of the slice's longer side. The
# last is for images cropped to the heart.
_MIDDLE_SHARES = (0.22, 0.3, 0.5)
_ROUNDS = 3
# Evidence above this leaves no doubt; further starts are not tried. Below the other there is no LV.
_SURE = 0.93
_LEAST = 0.15
# Over so many slices on either side the LV moves by less than its radius.
NEIGHBOURS = 2
# A wall and a cavity of this share of the LV at least make it whole.
_WHOLE_SHARE = 0.25


class SearchedSlice(NamedTuple):
    """What the search of one slice found by itself, and what its windows showed."""

    lv: Box | None
    seen: SeenWindows


def search_lv(starts: Iterable[Box], window_of: Callable[[Box], Window], seen: SeenWindows | None = None) -> LvSearch:
    """Search the LV on one slice: asks for windows, is told what the network shows there, and returns the LV.

    Parameters
    ----------
    starts : iterable of Box
        Where to begin, the likeliest first.
    window_of : callable
        The window round an LV's box.
    seen : dict of Window → Box or None, optional
        What windows of the slice showed before; this search adds its own.

    Yields
    ------
    Window
        To be answered (`send`) with its class probabilities (4, S, S), in the order of `small_sam`.

    Returns
    -------
    Box or None
        With the evidence, in [0, 1], as its score; None where no start leads to an LV.
    """
    best: Box | None = None
    # Starts lead to the same windows, and to look is what costs.
    seen = {} if seen is None else seen
    for start in starts:
        found = yield from _follow(start, window_of, seen)
        if found is not None and (best is None or (found.score or 0) > (best.score or 0)):
            best = found
        if best is not None and (best.score or 0) >= _SURE:
            break
    return best if best is not None and (best.score or 0) >= _LEAST else None


def search_together(
    searches: Mapping[int, LvSearch], show: Callable[[Sequence[Window]], Sequence[Probabilities]]
) -> dict[int, Box]:
    """Run the searches of several slices side by side, so that the network sees their windows in batches.

    Parameters
    ----------
    searches : mapping of slice → search
    show : callable
        Class probabilities of windows, one for each.

    Returns
    -------
    dict of slice → Box
        The slices where an LV was found. Each search goes as it would alone.
    """
    found: dict[int, Box] = {}
    answers: dict[int, Probabilities | None] = dict.fromkeys(searches)
    while answers:
        asked: dict[int, Window] = {}
        for index, answer in answers.items():
            try:
                asked[index] = next(searches[index]) if answer is None else searches[index].send(answer)
            except StopIteration as end:
                if end.value is not None:
                    found[index] = end.value
        answers = dict(zip(asked, show(list(asked.values())), strict=True)) if asked else {}
    return found


def searched_slices(slices: Sequence[int], count: int) -> list[int]:
    """Slices of a stack of `count` that are searched for the LV on some: they check each other."""
    return sorted({z for index in slices for z in context_slices(index, count, NEIGHBOURS)})


def best_lv(detections: Sequence[Detection], index: int) -> Box | None:
    """The surest LV among the finds on slice `index`, if it is sure enough: the heart has one."""
    lvs = [find for find in detections if find.region is Region.LV and find.score >= LEAST_LV_SCORE]
    best = max(lvs, key=lambda find: find.score, default=None)
    if best is None:
        return None
    return Box(
        index, best.row_min, best.col_min, best.row_max, best.col_max, score=best.score, origin=BoxOrigin.DETECTOR
    )


def starts_beside(found: Mapping[int, Box], slices: Iterable[int]) -> dict[int, Box]:
    """Slices whose LV is missing or lies beside that of its neighbours, with the box that the nearest neighbour has.

    Parameters
    ----------
    found : mapping of slice → Box
        What the search found, on `slices` and on `NEIGHBOURS` more on either side.
    slices : iterable of int

    Returns
    -------
    dict of slice → Box
        Where at least two neighbours agree with each other, and more than agree with the slice's own. Boxes agree where
        each holds the other's centre.
    """
    doubtful = {}
    for index in slices:
        near = [found[z] for z in _nearest(index) if z in found]
        own = found.get(index)
        agreeing = 0 if own is None else sum(agree(own, one) for one in near)
        groups = [[one for one in near if agree(one, other)] for other in near]
        group = max(groups, key=len, default=[])
        if len(group) > max(agreeing, 1):
            doubtful[index] = replace(group[0], slice=index)
    return doubtful


def agree(one: Box, other: Box) -> bool:
    """Whether each of two boxes holds the other's centre; their slices do not matter."""
    return _holds_centre(one, other) and _holds_centre(other, one)


def _nearest(index: int) -> list[int]:
    """Neighbours of a slice, the nearest first."""
    return [index + side * step for step in range(1, NEIGHBOURS + 1) for side in (-1, 1)]


def _holds_centre(outer: Box, inner: Box) -> bool:
    row, col = inner.centre
    return outer.row_min <= row <= outer.row_max and outer.col_min <= col <= outer.col_max


def middle_starts(index: int, shape: tuple[int, int]) -> list[Box]:
    """Squares at the middle of slice `index` of the (Y, X) `shape`: people centre the heart."""
    starts = []
    for share in _MIDDLE_SHARES:
        half = share * max(shape) / 2
        row, col = shape[0] / 2, shape[1] / 2
        starts.append(Box(index, row - half, col - half, row + half, col + half))
    return starts


def _follow(start: Box, window_of: Callable[[Box], Window], seen: SeenWindows) -> LvSearch:
    """From a start to the box that its own window shows, a few times over; `seen` is what windows showed before."""
    box: Box | None = start
    window: Window | None = None
    for _ in range(_ROUNDS):
        following = window_of(box) if box is not None else None
        if following is None or following == window:
            break
        window = following
        if window not in seen:
            probabilities = yield window
            seen[window] = lv_in_window(window, probabilities)
        box = seen[window]
    return box


def lv_in_window(window: Window, probabilities: Probabilities) -> Box | None:
    """Box around the largest piece of LV (cavity, myocardium or scar) in a window; its score is the evidence for it.

    Evidence is high where every sample is surely LV or surely not, where the LV has both a cavity and a wall, and where
    it does not touch the window's edge.
    """
    lv = 1 - probabilities[BACKGROUND]
    labels, count = ndimage.label(lv > 0.5)
    if not count:
        return None
    sizes = np.bincount(labels.ravel())[1:]
    mask = labels == 1 + int(np.argmax(sizes))
    rows, cols = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    corners = window.corners_to_slice(float(rows[0]), float(cols[0]), float(rows[-1] + 1), float(cols[-1] + 1))
    cavity = float(probabilities[CAVITY][mask].sum())
    wall = float(probabilities[[MYOCARDIUM, SCAR]][:, mask].sum())
    whole = min(min(cavity, wall) / max(cavity + wall, 1.0), _WHOLE_SHARE) / _WHOLE_SHARE
    touching = sum((rows[0] == 0, cols[0] == 0, rows[-1] == window.size - 1, cols[-1] == window.size - 1))
    sureness = float(np.abs(lv - 0.5).mean()) * 2 * float(lv[mask].mean())
    evidence = sureness * (0.375 + 0.625 * whole) * 0.5**touching
    return Box(window.slice, *corners, score=min(max(evidence, 0.0), 1.0), origin=BoxOrigin.DETECTOR)
