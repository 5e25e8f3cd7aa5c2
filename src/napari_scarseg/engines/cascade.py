"""The bundled detector: YOLO finds the LV, the small network finds scar in the LV's window, and both propose boxes.

YOLO alone hardly finds scar (thin, as bright as blood), but the LV almost always. The small network is the segmenter's
own: in the window round the LV it shows scar without a prompt, and each component of that becomes a box.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_scarseg.core.box import Box, box_iou
from napari_scarseg.core.config import Device
from napari_scarseg.core.masks import component_boxes, label_components
from napari_scarseg.core.protocols import Detection, Detector, EngineInfo, Prompt, Region
from napari_scarseg.core.windows import crop_context
from napari_scarseg.engines.catalogue import ResolvedWeights, resolve_weights
from napari_scarseg.engines.segmenter import SmallSegmenter, best_lv, load_small_segmenter
from napari_scarseg.engines.yolo import load_yolo

Logits = npt.NDArray[np.float32]

YOLO_NAME = "lge-detector"
PROPOSER_NAME = "lge-segmenter"


@dataclass(frozen=True, slots=True)
class CascadeConfig:
    """How proposals of both sources become one list.

    Parameters
    ----------
    candidate_probability : float
        Fainter scar than the proposer's own threshold is offered as a candidate down to this probability.
    same_iou : float
        A box of YOLO that overlaps a proposal by this much is the same find; the proposal stays, it fits closer.
    """

    candidate_probability: float = 0.2
    same_iou: float = 0.3


class CascadeDetector:
    """YOLO and the proposer behind the `Detector` protocol.

    Parameters
    ----------
    yolo : Detector
        Finds LV and scar.
    proposer : SmallSegmenter
        The small network; its scar without a prompt is what is proposed.
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

    def detect(self, volume: npt.NDArray[np.generic], slices: Sequence[int]) -> list[list[Detection]]:
        """Find the LV and scar on some slices of (Z, Y, X) raw intensities, best score first."""
        found = self._yolo.detect(volume, slices)
        lvs = [best_lv(detections, index) for index, detections in zip(slices, found, strict=True)]
        proposals = self._propose(volume, slices, lvs)
        return [
            _merge(lv, [d for d in detections if d.region is Region.SCAR], proposed, self._config.same_iou)
            for lv, detections, proposed in zip(lvs, found, proposals, strict=True)
        ]

    def _propose(
        self, volume: npt.NDArray[np.generic], slices: Sequence[int], lvs: Sequence[Box | None]
    ) -> list[list[Detection]]:
        """Scar in each LV's window; no LV, no proposal."""
        shape = (volume.shape[1], volume.shape[2])
        boxes = {n: lv for n, lv in enumerate(lvs) if lv is not None}
        windows = {n: self._proposer.window(Prompt(box, lv=box), shape) for n, box in boxes.items()}
        crops = [crop_context(volume, window, self._proposer.context) for window in windows.values()]
        proposals: list[list[Detection]] = [[] for _ in lvs]
        for (n, window), embedding in zip(windows.items(), self._proposer.embed(crops), strict=True):
            rows, cols, native = window.paste(self._proposer.scar(embedding), shape)
            logits = np.full(shape, -np.inf, dtype=np.float32)
            logits[rows, cols] = native
            proposals[n] = propose_boxes(
                logits, self._proposer.info.threshold_logit, self._config.candidate_probability
            )
        return proposals


def load_cascade(name_or_path: str, device: Device) -> Detector:
    """The bundled cascade, one from a folder, or YOLO weights alone where a name or the path of a file says so.

    A folder holds the cascade as training leaves it: `detector.safetensors` (YOLO) and `segmenter.safetensors`.

    Raises
    ------
    WeightsError
        If there are no such weights, or they are damaged, unsafe or of another architecture.
    DeviceError
        If the device is absent.
    """
    pair = _weights_pair(name_or_path)
    if pair is None:
        weights = resolve_weights(name_or_path)
        return load_yolo(weights.path, weights.name, device)
    yolo, proposer = pair
    return CascadeDetector(
        load_yolo(yolo.path, yolo.name, device), load_small_segmenter(proposer.path, proposer.name, device)
    )


def load_located(name_or_path: str, device: Device) -> SmallSegmenter:
    """The small segmenter with YOLO to find the LV, round which its windows lie.

    A folder is read as by `load_cascade`. The path of a file gives its network, with the bundled YOLO.

    Raises
    ------
    WeightsError
        If there are no such weights, or they are damaged, unsafe or of another architecture.
    DeviceError
        If the device is absent.
    """
    yolo, segmenter = _weights_pair(name_or_path) or (resolve_weights(YOLO_NAME), resolve_weights(name_or_path))
    locator = load_yolo(yolo.path, yolo.name, device)
    return load_small_segmenter(segmenter.path, segmenter.name, device, locator)


def _weights_pair(name_or_path: str) -> tuple[ResolvedWeights, ResolvedWeights] | None:
    """YOLO and the small network of the package or of a folder; None where it is neither."""
    folder = Path(name_or_path).expanduser()
    if name_or_path == "bundled":
        return resolve_weights(YOLO_NAME), resolve_weights(PROPOSER_NAME)
    if folder.is_dir():
        return resolve_weights(folder / "detector.safetensors"), resolve_weights(folder / "segmenter.safetensors")
    return None


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
    lv: Box | None, scars: Sequence[Detection], proposals: Sequence[Detection], same_iou: float
) -> list[Detection]:
    """LV and scar of one plane: proposals, then YOLO's own finds in the LV that no proposal covers."""
    merged = list(proposals)
    for scar in scars:
        if lv is not None and not _centre_inside(scar, lv):
            continue
        if all(box_iou(_as_box(scar), _as_box(proposal)) < same_iou for proposal in proposals):
            merged.append(scar)
    merged.sort(key=lambda d: -d.score)
    if lv is None:
        return merged
    return [Detection(*lv.corners, score=lv.score or 0.0, region=Region.LV), *merged]


def _centre_inside(find: Detection, lv: Box) -> bool:
    row, col = (find.row_min + find.row_max) / 2, (find.col_min + find.col_max) / 2
    return lv.row_min <= row <= lv.row_max and lv.col_min <= col <= lv.col_max


def _as_box(find: Detection) -> Box:
    return Box(0, find.row_min, find.col_min, find.row_max, find.col_max)
