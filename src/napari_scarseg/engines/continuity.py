"""An infarct goes on from slice to slice: a doubtful component beside a sure one is believed more.

Hysteresis, as in Canny's edges (IEEE PAMI 1986), along the stack: a component that overlaps one of the next slice may
take over its score, but gains no more than `_GAIN` over its own.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from napari_scarseg.core.masks import grow_mask
from napari_scarseg.engines.proposals import Proposal

# Over how many slices a score is handed on.
HOPS = 2
_GAIN = 0.35
# The heart moves a little between breath holds: a component reaches so many pixels beyond its edge.
_REACH_PX = 4


def carry_scores(slices: Sequence[Sequence[Proposal]]) -> list[list[float]]:
    """Scores of the proposals of consecutive slices after `HOPS` rounds of handing on, in [0, 1].

    Parameters
    ----------
    slices : sequence of sequences of Proposal
        Slices in order of position, each with its own proposals.
    """
    own = [[proposal.find.score for proposal in proposals] for proposals in slices]
    reached = [[grow_mask(proposal.mask, _REACH_PX) for proposal in proposals] for proposals in slices]
    scores = own
    for _ in range(HOPS):
        scores = [
            [
                max(score, min(own[z][n] + _GAIN, _best_beside(reached[z][n], z, slices, scores)))
                for n, score in enumerate(row)
            ]
            for z, row in enumerate(scores)
        ]
    return scores


def _best_beside(
    reached: npt.NDArray[np.bool_], z: int, slices: Sequence[Sequence[Proposal]], scores: Sequence[Sequence[float]]
) -> float:
    """Highest score of a proposal of the slices before and after `z` that is reached; 0 where none is."""
    touched = [
        scores[beside][n]
        for beside in (z - 1, z + 1)
        if 0 <= beside < len(slices)
        for n, proposal in enumerate(slices[beside])
        if bool((reached & proposal.mask).any())
    ]
    return max(touched, default=0.0)
