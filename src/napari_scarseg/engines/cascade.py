"""The bundled detector: YOLO finds the LV, the proposer finds scar in the LV's window, and both propose boxes.

YOLO alone hardly finds scar (thin, as bright as blood), but the LV almost always. The proposer is the box-prompted
network asked with the LV's box; each component of its answer becomes a box.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_scarseg.core.box import Box, box_iou
from napari_scarseg.core.config import Device
from napari_scarseg.core.masks import component_boxes, label_components
from napari_scarseg.core.protocols import Detection, Detector, EngineInfo, Prompt, Region
from napari_scarseg.engines.catalogue import resolve_weights
from napari_scarseg.engines.segmenter import SmallSegmenter, load_small_segmenter
from napari_scarseg.engines.yolo import load_yolo

Logits = npt.NDArray[np.float32]

YOLO_NAME = "lge-detector"
PROPOSER_NAME = "lge-proposer"


@dataclass(frozen=True, slots=True)
class CascadeConfig:
    """How proposals of both sources become one list.

    Parameters
    ----------
    least_lv_score : float
        An LV that YOLO is less sure of is not looked into.
    candidate_probability : float
        Fainter scar than the proposer's own threshold is offered as a candidate down to this probability.
    same_iou : float
        A box of YOLO that overlaps a proposal by this much is the same find; the proposal stays, it fits closer.
    """

    least_lv_score: float = 0.1
    candidate_probability: float = 0.2
    same_iou: float = 0.3


class CascadeDetector:
    """YOLO and the proposer behind the `Detector` protocol.

    Parameters
    ----------
    yolo : Detector
        Finds LV and scar.
    proposer : SmallSegmenter
        Trained on LV boxes.
    config : CascadeConfig, optional
    """

    def __init__(self, yolo: Detector, proposer: SmallSegmenter, config: CascadeConfig | None = None) -> None:
        self._yolo = yolo
        self._proposer = proposer
        self._config = config or CascadeConfig()
        first, second = yolo.info, proposer.info
        self._info = EngineInfo(
            name=f"{first.name} + {second.name}",
            weights_sha256=f"{first.weights_sha256}+{second.weights_sha256}",
            device=first.device,
            licence=first.licence if first.licence == second.licence else f"{first.licence} AND {second.licence}",
        )

    @property
    def info(self) -> EngineInfo:
        """What runs: both networks."""
        return self._info

    def detect(self, planes: npt.NDArray[np.generic]) -> list[list[Detection]]:
        """Find the LV and scar in each plane of (N, Y, X) raw intensities, best score first."""
        found = self._yolo.detect(planes)
        lvs = [self._best_lv(detections) for detections in found]
        proposals = self._propose(planes, lvs)
        return [
            _merge(lv, [d for d in detections if d.region is Region.SCAR], proposed, self._config.same_iou)
            for lv, detections, proposed in zip(lvs, found, proposals, strict=True)
        ]

    def _best_lv(self, detections: Sequence[Detection]) -> Detection | None:
        """The heart has one LV: the surest find that is sure enough."""
        lvs = [d for d in detections if d.region is Region.LV and d.score >= self._config.least_lv_score]
        return max(lvs, key=lambda d: d.score, default=None)

    def _propose(self, planes: npt.NDArray[np.generic], lvs: Sequence[Detection | None]) -> list[list[Detection]]:
        """Scar in each LV's window; no LV, no proposal."""
        shape = (planes.shape[1], planes.shape[2])
        boxes = {n: _as_box(lv) for n, lv in enumerate(lvs) if lv is not None}
        windows = {n: self._proposer.window(box, shape) for n, box in boxes.items()}
        embeddings = self._proposer.embed([window.crop(planes[n]) for n, window in windows.items()])
        proposals: list[list[Detection]] = [[] for _ in lvs]
        for (n, window), embedding in zip(windows.items(), embeddings, strict=True):
            grid = self._proposer.masks(embedding, window, [Prompt(boxes[n])])[0]
            rows, cols, native = window.paste(grid, shape)
            logits = np.full(shape, -np.inf, dtype=np.float32)
            logits[rows, cols] = native
            proposals[n] = propose_boxes(
                logits, self._proposer.info.threshold_logit, self._config.candidate_probability
            )
        return proposals


def load_cascade(name_or_path: str, device: Device) -> Detector:
    """The bundled cascade, or YOLO weights alone where a name or path says so.

    Raises
    ------
    WeightsError
        If there are no such weights, or they are damaged, unsafe or of another architecture.
    DeviceError
        If the device is absent.
    """
    if name_or_path != "bundled":
        weights = resolve_weights(name_or_path)
        return load_yolo(weights.path, weights.name, device)
    yolo, proposer = resolve_weights(YOLO_NAME), resolve_weights(PROPOSER_NAME)
    return CascadeDetector(
        load_yolo(yolo.path, yolo.name, device), load_small_segmenter(proposer.path, proposer.name, device)
    )


def propose_boxes(logits: Logits, threshold_logit: float, candidate_probability: float) -> list[Detection]:
    """One detection per component of a (Y, X) logit image.

    Components above the threshold come first; fainter ones that touch none of these are candidates with a score
    below 0.5. A score says how far the component's brightest part lies above the threshold: 0.5 at the threshold.
    """
    margin = logits - np.float32(threshold_logit)
    sure = margin > 0
    faint = margin > math.log(candidate_probability / (1 - candidate_probability))
    labels = label_components(faint)
    touched = np.unique(labels[sure & (label_components(sure) > 0)])
    faint_only = np.where(np.isin(labels, touched), 0, labels) > 0
    return _detections(margin, label_components(sure) > 0) + _detections(margin, faint_only)


def _detections(margin: Logits, mask: npt.NDArray[np.bool_]) -> list[Detection]:
    labels = label_components(mask)
    found = []
    for number, box in enumerate(component_boxes(mask, 0), start=1):
        score = 1 / (1 + math.exp(-float(np.percentile(margin[labels == number], 75))))
        found.append(Detection(*box.corners, score=score, region=Region.SCAR))
    return found


def _merge(
    lv: Detection | None, scars: Sequence[Detection], proposals: Sequence[Detection], same_iou: float
) -> list[Detection]:
    """LV and scar of one plane: proposals, then YOLO's own finds in the LV that no proposal covers."""
    merged = list(proposals)
    for scar in scars:
        if lv is not None and not _centre_inside(scar, lv):
            continue
        if all(box_iou(_as_box(scar), _as_box(proposal)) < same_iou for proposal in proposals):
            merged.append(scar)
    merged.sort(key=lambda d: -d.score)
    return merged if lv is None else [lv, *merged]


def _centre_inside(find: Detection, lv: Detection) -> bool:
    row, col = (find.row_min + find.row_max) / 2, (find.col_min + find.col_max) / 2
    return lv.row_min <= row <= lv.row_max and lv.col_min <= col <= lv.col_max


def _as_box(find: Detection) -> Box:
    return Box(0, find.row_min, find.col_min, find.row_max, find.col_max)
