"""Boxes and scores of what the small network shows, and the cascade around it."""

from dataclasses import replace

import numpy as np
import pytest

from napari_scarseg.core.box import Box
from napari_scarseg.engines.looks import OUTSIDE_LOGIT, SliceScar
from napari_scarseg.engines.proposals import propose_scars

LV = Box(0, 10, 10, 60, 60)
PLANE = np.random.default_rng(0).integers(0, 4096, (80, 80))


def shown(*scars: tuple[int, int, int, int, float]) -> SliceScar:
    logits = np.full((80, 80), OUTSIDE_LOGIT, np.float32)
    logits[5:65, 5:65] = -9
    for top, left, bottom, right, logit in scars:
        logits[top:bottom, left:right] = logit
    return SliceScar(LV, logits)


def test_one_box_per_component_and_none_for_specks() -> None:
    found = propose_scars(PLANE, shown((20, 20, 26, 30, 2), (40, 40, 44, 50, 1), (50, 15, 51, 17, 5)), [])
    assert [(f.find.row_min, f.find.col_min, f.find.row_max, f.find.col_max) for f in found] == [
        (20, 20, 26, 30),
        (40, 40, 44, 50),
    ]
    assert all(0 < f.find.score < 1 and f.mask.sum() in (60, 40) for f in found)
    assert propose_scars(PLANE, shown(), []) == []


def test_a_surer_a_larger_and_a_continued_find_has_the_higher_score() -> None:
    def score(scar: tuple[int, int, int, int, float], *neighbours: SliceScar) -> float:
        (scar_found,) = propose_scars(PLANE, shown(scar), neighbours)
        return scar_found.find.score

    plain = (20, 20, 26, 30, 1.0)
    alone = score(plain, shown(), shown())
    assert score((20, 20, 26, 30, 4.0), shown(), shown()) > alone + 0.01
    assert score((20, 20, 34, 40, 1.0), shown(), shown()) > alone + 0.01
    assert score(plain, shown(), shown((21, 22, 27, 32, 2.0))) > alone + 0.1
    # Elsewhere in the next slice is no support.
    assert score(plain, shown(), shown((45, 45, 55, 55, 2.0))) == pytest.approx(alone)
    # At the end of a stack there is nobody to ask, which is less than a neighbour that agrees.
    assert score(plain) <= alone


def test_a_doubtful_infarct_is_whole_and_scores_less_than_a_sure_one() -> None:
    doubtful = shown((20, 20, 26, 30, 1.0), (26, 20, 32, 30, -0.5))
    (whole,) = propose_scars(PLANE, doubtful, [])
    assert (whole.find.row_min, whole.find.col_min, whole.find.row_max, whole.find.col_max) == (20, 20, 32, 30)
    # Beside a sure infarct the same doubtful rows do not belong to it.
    (sure,) = propose_scars(PLANE, shown((20, 20, 26, 60, 9.0), (26, 20, 32, 60, -2.5)), [])
    assert sure.find.row_max == 26
    assert sure.find.score > whole.find.score


def test_a_slice_on_which_nothing_is_likely_has_no_box() -> None:
    assert propose_scars(PLANE, shown((20, 20, 26, 30, -8.0)), []) == []


def test_a_bright_find_has_the_higher_score_whatever_the_window() -> None:
    def score(plane: np.ndarray) -> float:
        (found,) = propose_scars(plane, shown((20, 20, 26, 30, 1.0)), [])
        return found.find.score

    bright, dark = PLANE.copy(), PLANE.copy()
    bright[20:26, 20:30] = 5000
    dark[20:26, 20:30] = 0
    assert score(bright) > score(PLANE) + 0.005 and score(PLANE) > score(dark) + 0.005
    assert score(np.sqrt(PLANE) * 0.1 - 7) == score(PLANE)
    beyond = PLANE.copy()
    beyond[60:, 60:] = 9000
    assert score(beyond) == score(PLANE), "what lies outside the LV's box is no measure"


def test_a_box_at_the_edge_of_the_image_is_weighed() -> None:
    lv = Box(0, -8.5, 40.2, 50, 90)
    (found,) = propose_scars(PLANE, replace(shown((20, 50, 26, 60, 1.0)), lv=lv), [])
    assert 0 < found.find.score < 1
