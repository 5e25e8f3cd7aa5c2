"""Boxes and scores of what the small network shows, and the cascade around it."""

import numpy as np
import pytest

from napari_scarseg.core.box import Box
from napari_scarseg.engines.proposals import OUTSIDE_LOGIT, SliceScar, propose_boxes

LV = Box(0, 10, 10, 60, 60)


def shown(*scars: tuple[int, int, int, int, float]) -> SliceScar:
    logits = np.full((80, 80), OUTSIDE_LOGIT, np.float32)
    logits[5:65, 5:65] = -4
    for top, left, bottom, right, logit in scars:
        logits[top:bottom, left:right] = logit
    return SliceScar(LV, logits)


def test_one_box_per_component_and_none_for_specks() -> None:
    found = propose_boxes(shown((20, 20, 26, 30, 2), (40, 40, 44, 50, 1), (50, 15, 51, 17, 5)), [], -0.5)
    assert [(d.row_min, d.col_min, d.row_max, d.col_max) for d in found] == [(20, 20, 26, 30), (40, 40, 44, 50)]
    assert all(0 < d.score < 1 for d in found)
    assert propose_boxes(shown(), [], -0.5) == []


def test_a_surer_a_larger_and_a_continued_find_has_the_higher_score() -> None:
    def score(scar: tuple[int, int, int, int, float], *neighbours: SliceScar) -> float:
        (find,) = propose_boxes(shown(scar), neighbours, -0.5)
        return find.score

    plain = (20, 20, 26, 30, 1.0)
    alone = score(plain, shown(), shown())
    assert score((20, 20, 26, 30, 4.0), shown(), shown()) > alone + 0.1
    assert score((20, 20, 34, 40, 1.0), shown(), shown()) > alone + 0.02
    assert score(plain, shown(), shown((21, 22, 27, 32, 2.0))) > alone + 0.3
    # Elsewhere in the next slice is no support.
    assert score(plain, shown(), shown((45, 45, 55, 55, 2.0))) == pytest.approx(alone)
    # At the end of a stack there is nobody to ask, which is less than a neighbour that agrees.
    assert score(plain) <= alone


def test_a_box_is_found_where_the_threshold_says() -> None:
    faint = shown((20, 20, 26, 30, -0.3))
    assert len(propose_boxes(faint, [], -0.5)) == 1
    assert propose_boxes(faint, [], 0.0) == []
