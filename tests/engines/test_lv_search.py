"""The LV is found from a poor start by what the network shows, and the surest place wins."""

from collections.abc import Iterable

import numpy as np
import pytest

from napari_scarseg.core.box import Box, box_iou
from napari_scarseg.core.windows import Window, window_around

pytest.importorskip("torch")
pytest.importorskip("segment_anything")

from napari_scarseg.engines.lv_search import (
    agree,
    lv_in_window,
    middle_starts,
    search_lv,
    search_together,
    starts_beside,
)

SHAPE = (160, 120)
TRUTH = Box(0, 60, 40, 100, 80)


def show(window: Window, centre: tuple[float, float] = (80, 60), closed: bool = True) -> np.ndarray:
    """Probabilities of a perfect network: a ring of myocardium from 14 to 20 px round a cavity."""
    rows, cols = (np.arange(window.size) + 0.5) / window.size, (np.arange(window.size) + 0.5) / window.size
    y = window.row_min + rows * (window.row_max - window.row_min)
    x = window.col_min + cols * (window.col_max - window.col_min)
    radius = np.hypot(y[:, None] - centre[0], x[None, :] - centre[1])
    classes = np.where(radius < 14, 1, np.where((radius < 20) & closed, 2, 0))
    return (np.eye(4)[classes].transpose(2, 0, 1) * 0.96 + 0.01).astype(np.float32)


def window_of(box: Box) -> Window:
    return window_around(box, factor=1.4, min_side_px=16, size=64)


def search(starts: list[Box], shown=show) -> Box | None:
    """One search, answered window by window."""
    return search_together({0: search_lv(starts, window_of)}, lambda windows: [shown(w) for w in windows]).get(0)


def test_a_poor_start_is_led_to_the_lv() -> None:
    start = Box(0, 80, 55, 110, 85)
    assert box_iou(start, TRUTH) < 0.35
    found = search([start])
    assert found is not None and box_iou(found, TRUTH) > 0.9
    assert 0.7 < (found.score or 0) <= 1


def test_the_middle_of_the_slice_is_enough() -> None:
    found = search(middle_starts(0, SHAPE))
    assert found is not None and box_iou(found, TRUTH) > 0.9


def test_a_heart_that_fills_a_tight_view_is_found_from_its_middle() -> None:
    """By a network that knows an LV only where it sees all of it; the LV takes 40 of 64 pixels."""

    def whole_or_nothing(window: Window) -> np.ndarray:
        is_whole = window.row_max - window.row_min > 40
        shown = show(window, (32, 32))
        return shown if is_whole else np.stack([np.ones_like(shown[0]), *np.zeros_like(shown[1:])])

    found = search(middle_starts(0, (64, 64)), whole_or_nothing)
    assert found is not None and box_iou(found, Box(0, 12, 12, 52, 52)) > 0.9


def test_nothing_is_found_where_nothing_is_shown() -> None:
    nothing = lambda window: np.stack([np.ones((64, 64)), *np.zeros((3, 64, 64))]).astype(np.float32)  # noqa: E731
    assert search(middle_starts(0, SHAPE), nothing) is None
    assert search([]) is None


def test_a_whole_lv_is_better_evidence_than_a_blob_or_a_cut_one() -> None:
    whole = lv_in_window(window_of(TRUTH), show(window_of(TRUTH)))
    blob = lv_in_window(window_of(TRUTH), show(window_of(TRUTH), closed=False))
    aside = window_of(Box(0, 80, 60, 120, 100))
    cut = lv_in_window(aside, show(aside))
    assert whole is not None and blob is not None and cut is not None
    assert (whole.score or 0) > 2 * (blob.score or 0)
    assert (whole.score or 0) > 1.5 * (cut.score or 0)


def test_searches_side_by_side_find_what_each_finds_alone() -> None:
    starts = {0: [Box(0, 80, 55, 110, 85)], 1: middle_starts(1, SHAPE), 2: [], 3: [Box(3, 40, 30, 90, 90)]}
    batches = []

    def show_all(windows: list[Window]) -> list[np.ndarray]:
        batches.append([window.slice for window in windows])
        return [show(window) for window in windows]

    together = search_together({z: search_lv(some, window_of) for z, some in starts.items()}, show_all)
    assert sorted(together) == [0, 1, 3]
    for z, some in starts.items():
        alone = search_together({z: search_lv(some, window_of)}, lambda windows: [show(w) for w in windows])
        assert (
            (alone[z].corners, alone[z].score) == (together[z].corners, together[z].score) if some else z not in alone
        )
    assert batches[0] == [0, 1, 3], "one batch for the first windows of all"
    assert all(len(set(batch)) == len(batch) for batch in batches)


def test_a_slice_whose_lv_lies_elsewhere_is_told_where_its_neighbours_have_it() -> None:
    here, near = (60.0, 40.0, 100.0, 80.0), (66.0, 44.0, 102.0, 78.0)
    there, elsewhere = (10.0, 10.0, 40.0, 40.0), (110.0, 90.0, 140.0, 118.0)

    def told(found: dict[int, Box], slices: Iterable[int]) -> dict[int, tuple[float, ...]]:
        starts = starts_beside(found, slices)
        assert all(box.slice == z for z, box in starts.items())
        return {z: box.corners for z, box in starts.items()}

    right = {z: Box(z, *(here if z % 2 else near)) for z in range(6)}
    assert told(right, range(6)) == {}
    wrong = right | {0: Box(0, *there), 3: Box(3, *elsewhere)}
    assert told(wrong, range(6)) == {0: here, 3: near}
    lost = {z: box for z, box in right.items() if z != 5}
    assert told(lost, range(6)) == {5: near}
    assert told({0: Box(0, *there), 1: Box(1, *here)}, [0, 1]) == {}, "one against one decides nothing"
    assert told({1: Box(1, *here), 2: Box(2, *there), 3: Box(3, *here)}, [1, 3]) == {}, "one agrees, one not"


def test_boxes_agree_where_each_holds_the_other_s_centre() -> None:
    large, small = Box(0, 0, 0, 60, 60), Box(1, 0, 0, 20, 20)
    assert not agree(large, small) and not agree(small, large), "a part is not the whole"
    assert agree(large, Box(1, 20, 20, 70, 70)) and agree(large, large)


def test_what_windows_showed_is_not_asked_again() -> None:
    seen: dict[Window, Box | None] = {}
    asked: list[Window] = []

    def answer(windows: list[Window]) -> list[np.ndarray]:
        asked.extend(windows)
        return [show(window) for window in windows]

    first = search_together({0: search_lv([TRUTH], window_of, seen)}, answer)
    before = len(asked)
    again = search_together({0: search_lv([TRUTH], window_of, seen)}, answer)
    assert before >= 1 and len(asked) == before
    assert again == first
