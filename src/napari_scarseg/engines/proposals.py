"""From the scar that the small network shows on a slice to boxes with a calibrated score.

A false find stands alone; an infarct goes on in the next slice. So the score of a component weighs how sure the network
is, how large the component is against the LV, and what it shows at the same place in the neighbouring slices.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_scarseg.core.box import Box
from napari_scarseg.core.masks import component_boxes, label_components
from napari_scarseg.core.protocols import Detection, Region

Logits = npt.NDArray[np.float32]

# Logit of pixels that no window covers.
OUTSIDE_LOGIT = -20.0
# The heart moves a little between breath holds: neighbours are asked about a component grown by so many pixels.
_REACH_PX = 3
_NEIGHBOUR_LIMIT = 6.0


@dataclass(frozen=True, slots=True, eq=False)
class SliceScar:
    """What the small network shows on one slice without a prompt.

    Parameters
    ----------
    lv : Box
        The LV that was looked at.
    logits : ndarray of float32, (Y, X)
        Scar logits on the slice's own pixels; `OUTSIDE_LOGIT` beyond the window.
    """

    lv: Box
    logits: Logits


@dataclass(frozen=True, slots=True)
class ScoreModel:
    """Logistic regression of "this component is scar" on the evidence for it.

    Parameters
    ----------
    intercept : float
    typical_logit : float
        Per unit of the component's 75th percentile of logits.
    highest_logit : float
        Per unit of its highest logit.
    log_area, log_sure_area : float
        Per natural logarithm of its area, and of its area with a logit above 0, over the area of the LV's box.
    neighbour_logit : float
        Per unit of the 90th percentile of the neighbouring slices' logits at and around its place (-6 … 6).
    """

    intercept: float
    typical_logit: float
    highest_logit: float
    log_area: float
    log_sure_area: float
    neighbour_logit: float


# Fitted to the out-of-fold components of the 80 EMIDEC patients (true where a tenth of the component is scar).
EMIDEC_SCORES = ScoreModel(
    intercept=0.7937,
    typical_logit=0.1952,
    highest_logit=0.1539,
    log_area=0.1843,
    log_sure_area=0.1091,
    neighbour_logit=0.338,
)


def propose_boxes(
    shown: SliceScar, neighbours: Sequence[SliceScar], threshold_logit: float, model: ScoreModel = EMIDEC_SCORES
) -> list[Detection]:
    """One detection per component of a slice, its score the probability that it is scar.

    Parameters
    ----------
    shown : SliceScar
    neighbours : sequence of SliceScar
        The slices before and after, as far as they are there and show an LV.
    threshold_logit : float
        A pixel belongs to a component where its logit lies above this.
    model : ScoreModel, optional
    """
    mask = shown.logits > threshold_logit
    labels = label_components(mask)
    beside = np.full(mask.shape, OUTSIDE_LOGIT, dtype=np.float32)
    for neighbour in neighbours:
        beside = np.maximum(beside, neighbour.logits)
    lv_area = shown.lv.height * shown.lv.width
    found = []
    for number, box in enumerate(component_boxes(mask, 0), start=1):
        component = labels == number
        near = ndimage.binary_dilation(component, iterations=_REACH_PX)
        support = float(np.clip(np.percentile(beside[near], 90), -_NEIGHBOUR_LIMIT, _NEIGHBOUR_LIMIT))
        score = _score(shown.logits[component], support, lv_area, model)
        found.append(Detection(*box.corners, score=score, region=Region.SCAR))
    return found


def _score(logits: Logits, support: float, lv_area: float, model: ScoreModel) -> float:
    evidence = (
        model.intercept
        + model.typical_logit * float(np.percentile(logits, 75))
        + model.highest_logit * float(logits.max())
        + model.log_area * math.log(logits.size / lv_area)
        + model.log_sure_area * math.log(np.count_nonzero(logits > 0) / lv_area + 1e-3)
        + model.neighbour_logit * support
    )
    return 1 / (1 + math.exp(-min(max(evidence, -30.0), 30.0)))
