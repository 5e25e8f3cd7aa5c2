"""From the scar that the small network shows on a slice to boxes with a calibrated score.

The scar of a slice is cut where its expected Dice is highest, so that a doubtful infarct is whole and not a few specks;
whether it is one is the score's to say. A false find stands alone; an infarct goes on in the next slice. So the score
of a component weighs how sure the network is, how large the component is against the LV, what the network shows at the
same place in the neighbouring slices, and how bright the component is among all that lies in the LV's box.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from napari_scarseg.core.box import Box
from napari_scarseg.core.calibration import Calibration, best_cut
from napari_scarseg.core.masks import component_boxes, grow_mask, label_components
from napari_scarseg.core.protocols import Detection, Region
from napari_scarseg.engines.looks import OUTSIDE_LOGIT, SliceScar, lean_on

Logits = npt.NDArray[np.float32]

# The heart moves a little between breath holds: neighbours are asked about a component grown by so many pixels.
_REACH_PX = 3
_NEIGHBOUR_LIMIT = 6.0


class Evidence(NamedTuple):
    """What speaks for a component; log odds are calibrated.

    Parameters
    ----------
    typical : float
        75th percentile of its log odds.
    highest : float
        Its highest log odds.
    log_area, log_expected_area : float
        Natural logarithm of its area, and of its expected area of scar, over the area of the LV's box.
    neighbour : float
        90th percentile of the neighbouring slices' log odds at and around its place (-6 … 6).
    brightness : float
        Mean rank (0 … 1) of its pixels among those of the LV's box: a share of these is darker. No gamma or scale
        of the image changes it, and a window that cuts tones off only where it cuts.
    """

    typical: float
    highest: float
    log_area: float
    log_expected_area: float
    neighbour: float
    brightness: float


@dataclass(frozen=True, slots=True)
class ScoreModel:
    """Logistic regression of "this component is scar" on the evidence for it.

    Parameters
    ----------
    calibration : Calibration
        Of the logits without a prompt.
    intercept : float
    slopes : Evidence
        Per unit of each piece of evidence.
    """

    calibration: Calibration
    intercept: float
    slopes: Evidence

    def score(self, evidence: Evidence) -> float:
        """Probability in [0, 1]."""
        total = self.intercept + math.fsum(slope * value for slope, value in zip(self.slopes, evidence, strict=True))
        return 1 / (1 + math.exp(-min(max(total, -30.0), 30.0)))


# Fitted by scripts/fit_scores.py to the out-of-fold components of the 80 EMIDEC patients (true where a tenth of the
# component is scar).
EMIDEC_SCORES = ScoreModel(
    calibration=Calibration(temperature=3.0, bias=-1.0),
    intercept=2.3412,
    slopes=Evidence(
        typical=0.2242,
        highest=0.6774,
        log_area=0.032,
        log_expected_area=0.3981,
        neighbour=0.9124,
        brightness=2.4716,
    ),
)


@dataclass(frozen=True, slots=True, eq=False)
class Component:
    """One piece of what is shown.

    Parameters
    ----------
    box : Box
        Tight around it.
    mask : ndarray of bool, (Y, X)
    evidence : Evidence
    """

    box: Box
    mask: npt.NDArray[np.bool_]
    evidence: Evidence


@dataclass(frozen=True, slots=True, eq=False)
class Proposal:
    """One component of a slice as a find.

    Parameters
    ----------
    find : Detection
        Box around it; the score is the probability that it is scar.
    mask : ndarray of bool, (Y, X)
        Its pixels.
    """

    find: Detection
    mask: npt.NDArray[np.bool_]


def propose_scars(
    plane: npt.NDArray[np.generic],
    shown: SliceScar,
    neighbours: Sequence[SliceScar],
    model: ScoreModel = EMIDEC_SCORES,
) -> list[Proposal]:
    """One proposal per component of a slice.

    Parameters
    ----------
    plane : ndarray (Y, X)
        Raw intensities of the slice.
    shown : SliceScar
    neighbours : sequence of SliceScar
        The slices before and after, as far as they are there and show an LV.
    model : ScoreModel, optional
    """
    return [
        Proposal(
            Detection(*component.box.corners, score=model.score(component.evidence), region=Region.SCAR), component.mask
        )
        for component in weigh_components(plane, shown, neighbours, model.calibration)
    ]


def weigh_components(
    plane: npt.NDArray[np.generic], shown: SliceScar, neighbours: Sequence[SliceScar], calibration: Calibration
) -> list[Component]:
    """Components of a slice with the evidence for each; arguments as for `propose_scars`."""
    log_odds = _log_odds(lean_on(shown, neighbours), calibration)
    mask = log_odds > best_cut(log_odds[shown.logits > OUTSIDE_LOGIT])
    labels = label_components(mask)
    beside = np.full(mask.shape, OUTSIDE_LOGIT, dtype=np.float32)
    for neighbour in neighbours:
        beside = np.maximum(beside, _log_odds(neighbour, calibration))
    lv_area = shown.lv.height * shown.lv.width
    sorted_lv = np.sort(_inside(plane, shown.lv), axis=None)
    components = []
    for number, box in enumerate(component_boxes(mask, shown.lv.slice), start=1):
        component = labels == number
        near = grow_mask(component, _REACH_PX)
        inside = log_odds[component]
        expected_area = float((1 / (1 + np.exp(-inside))).sum())
        evidence = Evidence(
            typical=float(np.percentile(inside, 75)),
            highest=float(inside.max()),
            log_area=math.log(inside.size / lv_area),
            log_expected_area=math.log(expected_area / lv_area + 1e-3),
            neighbour=float(np.clip(np.percentile(beside[near], 90), -_NEIGHBOUR_LIMIT, _NEIGHBOUR_LIMIT)),
            brightness=_mean_rank(plane[component], sorted_lv),
        )
        components.append(Component(box, component, evidence))
    return components


def _log_odds(shown: SliceScar, calibration: Calibration) -> Logits:
    """Calibrated where a window looked, `OUTSIDE_LOGIT` elsewhere."""
    covered = shown.logits > OUTSIDE_LOGIT
    return np.where(covered, calibration.log_odds(shown.logits), np.float32(OUTSIDE_LOGIT))


def _inside(plane: npt.NDArray[np.generic], box: Box) -> npt.NDArray[np.generic]:
    """The pixels of a plane that a box touches."""
    rows = slice(max(math.floor(box.row_min), 0), math.ceil(box.row_max))
    return plane[rows, max(math.floor(box.col_min), 0) : math.ceil(box.col_max)]


def _mean_rank(pixels: npt.NDArray[np.generic], ordered: npt.NDArray[np.generic]) -> float:
    """Mean share of some ordered values that are below each pixel; equal ones count half. 0.5 among none."""
    if not ordered.size:
        return 0.5
    below, up_to = np.searchsorted(ordered, pixels, side="left"), np.searchsorted(ordered, pixels, side="right")
    return float((below + up_to).mean() / (2 * ordered.size))
