"""Scores handed on along the stack."""

import numpy as np
import pytest

from napari_scarseg.core.protocols import Detection, Region
from napari_scarseg.engines.continuity import HOPS, carry_scores
from napari_scarseg.engines.proposals import Proposal


def proposal(score: float, top: int = 20, left: int = 20) -> Proposal:
    mask = np.zeros((80, 80), dtype=bool)
    mask[top : top + 8, left : left + 8] = True
    return Proposal(Detection(top, left, top + 8, left + 8, score, Region.SCAR), mask)


def test_a_doubtful_component_beside_a_sure_one_gains_and_a_lone_one_does_not() -> None:
    (doubtful,), (sure,) = carry_scores([[proposal(0.3)], [proposal(0.9, top=24)]])
    assert (doubtful, sure) == (pytest.approx(0.65), 0.9)
    assert carry_scores([[proposal(0.3)], [proposal(0.9, top=50)]]) == [[0.3], [0.9]]
    assert carry_scores([[proposal(0.3)], []]) == [[0.3], []]


def test_nobody_scores_higher_than_who_hands_on() -> None:
    ((first,), (second,)) = carry_scores([[proposal(0.45)], [proposal(0.5)]])
    assert first == second == 0.5


def test_a_chain_is_followed_so_many_slices_and_no_further() -> None:
    chain = [[proposal(0.9)], *([proposal(0.2)] for _ in range(HOPS + 1))]
    scores = [score for (score,) in carry_scores(chain)]
    assert scores[0] == 0.9
    assert scores[1 : HOPS + 1] == [pytest.approx(0.55)] * HOPS
    assert scores[HOPS + 1] == 0.2


def test_the_order_of_the_slices_does_not_matter() -> None:
    slices = [[proposal(0.2), proposal(0.1, 50, 50)], [proposal(0.8, 22)], [proposal(0.4, 25), proposal(0.7, 52, 50)]]
    assert carry_scores(slices[::-1]) == carry_scores(slices)[::-1]


def test_at_one_edge_of_reach_the_score_is_handed_on_and_beyond_it_is_not() -> None:
    near, far = proposal(0.9, top=20 + 8 + 3), proposal(0.9, top=20 + 8 + 4)
    assert carry_scores([[proposal(0.2)], [near]])[0] == [pytest.approx(0.55)]
    assert carry_scores([[proposal(0.2)], [far]])[0] == [0.2]
