"""The bundled detector: YOLO finds the LV, the small network finds scar in the LV's window, and both propose boxes.

YOLO alone hardly finds scar (thin, as bright as blood), but the LV almost always. The small network is the segmenter's
own: in the window round the LV it shows scar without a prompt, and each component of that becomes a box.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from napari_scarseg.core.box import Box, box_iou
from napari_scarseg.core.config import Device
from napari_scarseg.core.protocols import Detection, Detector, EngineInfo, Region
from napari_scarseg.core.windows import context_slices
from napari_scarseg.engines.catalogue import ResolvedWeights, resolve_weights
from napari_scarseg.engines.continuity import HOPS, carry_scores
from napari_scarseg.engines.looks import SliceScar
from napari_scarseg.engines.lv_search import NEIGHBOURS, SearchedSlice, searched_slices
from napari_scarseg.engines.proposals import Proposal, propose_scars
from napari_scarseg.engines.segmenter import SmallSegmenter, load_small_segmenter
from napari_scarseg.engines.yolo import load_yolo

YOLO_NAME = "lge-detector"
SEGMENTER_NAME = "lge-segmenter"

# Slices whose scar is kept: each is asked about as a neighbour several times more. About 0.5 MB each.
_KEPT_SLICES = 64


@dataclass(frozen=True, slots=True)
class CascadeConfig:
    """How finds of both sources become one list.

    Parameters
    ----------
    same_iou : float
        A box of YOLO that overlaps a proposal by this much is the same find; the proposal stays, it fits closer.
    highest_yolo_score : float
        YOLO's own scar is a candidate and no more: its scores are cut off here, below the default confidence.
    """

    same_iou: float = 0.3
    highest_yolo_score: float = 0.3


@dataclass(frozen=True, slots=True, eq=False)
class _Shown:
    """What one slice shows: the small network's LV and scar, and YOLO's finds."""

    scar: SliceScar | None
    found: Sequence[Detection]


# YOLO's finds on one slice, and the search for the LV from there.
_Searched = tuple[Sequence[Detection], SearchedSlice]
_Kept = TypeVar("_Kept")


class CascadeDetector:
    """YOLO and the small network behind the `Detector` protocol.

    Parameters
    ----------
    yolo : Detector
        Finds the heart, and some scar.
    segmenter : SmallSegmenter
        Locates the LV with YOLO's help; its scar without a prompt is what is proposed.
    config : CascadeConfig, optional
    """

    def __init__(self, yolo: Detector, segmenter: SmallSegmenter, config: CascadeConfig | None = None) -> None:
        self._yolo = yolo
        self._segmenter = segmenter
        self._config = config or CascadeConfig()
        self._searched: OrderedDict[bytes, _Searched] = OrderedDict()
        self._shown: OrderedDict[bytes, _Shown] = OrderedDict()
        self._proposed: OrderedDict[bytes, tuple[Proposal, ...]] = OrderedDict()
        first, second = yolo.info, segmenter.info
        self._info = EngineInfo(
            name=f"{first.name} + {second.name}",
            weights_sha256=second.weights_sha256,
            device=first.device,
            precision=second.precision,
            licence=first.licence if first.licence == second.licence else f"{first.licence} AND {second.licence}",
        )

    @property
    def info(self) -> EngineInfo:
        """What runs: both networks."""
        return self._info

    @property
    def _reach(self) -> int:
        """Neighbours on either side on which it depends what a slice shows."""
        return NEIGHBOURS + self._segmenter.context

    @property
    def batch(self) -> int:
        """Slices at once: those that fill the small network's batches."""
        return self._segmenter.batch

    def detect(self, volume: npt.NDArray[np.generic], slices: Sequence[int]) -> list[list[Detection]]:
        """Find the LV and scar on some slices of (Z, Y, X) raw intensities, best score first."""
        content = _Content(volume)
        scored = {z for index in slices for z in context_slices(index, len(volume), HOPS)}
        shown = self._show(content, sorted({z for index in scored for z in context_slices(index, len(volume), 1)}))
        proposals = {index: self._propose(content, index, shown) for index in sorted(scored)}
        return [self._merge(self._carry(index, proposals, shown), shown[index].found) for index in slices]

    def _carry(
        self, index: int, proposals: Mapping[int, Sequence[Proposal]], shown: Mapping[int, _Shown]
    ) -> tuple[Box | None, list[Detection]]:
        """The LV and the scar proposed on one slice, with the scores that neighbours hand on; no LV, no proposal."""
        scar = shown[index].scar
        if scar is None:
            return None, []
        near = [z for z in range(index - HOPS, index + HOPS + 1) if z in proposals]
        scores = carry_scores([proposals[z] for z in near])[near.index(index)]
        finds = [replace(one.find, score=score) for one, score in zip(proposals[index], scores, strict=True)]
        return scar.lv, finds

    def _propose(self, content: "_Content", index: int, shown: Mapping[int, _Shown]) -> tuple[Proposal, ...]:
        """Proposals of one slice, each with the score that it has by itself, computed once while they are kept."""
        key = content.key(index, self._reach + 1)
        if key not in self._proposed:
            scar = shown[index].scar
            beside = [shown[z].scar for z in (index - 1, index + 1) if z in shown]
            neighbours = [neighbour for neighbour in beside if neighbour is not None]
            self._proposed[key] = () if scar is None else tuple(propose_scars(content.volume[index], scar, neighbours))
            while len(self._proposed) > _KEPT_SLICES:
                self._proposed.popitem(last=False)
        return self._proposed[key]

    def _show(self, content: "_Content", slices: Sequence[int]) -> dict[int, _Shown]:
        """What both networks show on some slices, each computed once while it is kept."""
        keys = {index: content.key(index, self._reach) for index in slices}
        missing = [index for index in slices if keys[index] not in self._shown]
        fresh = dict(zip(missing, self._look(content, missing), strict=True))
        shown = {index: fresh[index] if index in fresh else self._shown[keys[index]] for index in slices}
        _keep(self._shown, {keys[index]: one for index, one in shown.items()})
        return shown

    def _look(self, content: "_Content", slices: Sequence[int]) -> list[_Shown]:
        """Both networks on some slices; nothing is shown on a constant one."""
        searched = self._search(content, searched_slices(slices, len(content.volume)))
        lvs = self._segmenter.check_lvs(content.volume, slices, {z: one for z, (_, one) in searched.items()})
        looks = self._segmenter.show_scar(content.volume, lvs)
        return [_Shown(looks.get(z), searched[z][0] if z in searched else []) for z in slices]

    def _search(self, content: "_Content", slices: Sequence[int]) -> dict[int, _Searched]:
        """What YOLO found and where the LV is on slices that are not constant, each searched once while it is kept."""
        volume = content.volume
        visible = [z for z in slices if bool((volume[z] != volume[z].flat[0]).any())]
        # Boxes and windows say on which slice they lie, so the same content on another is another key.
        keys = {z: b"%d " % z + content.key(z, self._segmenter.context) for z in visible}
        missing = [z for z in visible if keys[z] not in self._searched]
        found = dict(zip(missing, self._yolo.detect(volume, missing), strict=True)) if missing else {}
        fresh = {z: (found[z], one) for z, one in self._segmenter.search_lvs(volume, found).items()}
        searched = {z: fresh[z] if z in fresh else self._searched[keys[z]] for z in visible}
        _keep(self._searched, {keys[z]: one for z, one in searched.items()})
        return searched

    def _merge(self, proposed: tuple[Box | None, list[Detection]], found: Sequence[Detection]) -> list[Detection]:
        """LV and scar of one slice: proposals, then YOLO's own finds in the LV that no proposal covers."""
        lv, proposals = proposed
        merged = list(proposals)
        for scar in (find for find in found if find.region is Region.SCAR):
            if lv is not None and not _centre_inside(scar, lv):
                continue
            if all(box_iou(_as_box(scar), _as_box(proposal)) < self._config.same_iou for proposal in proposals):
                merged.append(replace(scar, score=min(scar.score, self._config.highest_yolo_score)))
        merged.sort(key=lambda d: -d.score)
        if lv is None:
            return merged
        return [Detection(*lv.corners, score=lv.score or 0.0, region=Region.LV), *merged]


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
    yolo = load_yolo(pair[0].path, pair[0].name, device)
    return CascadeDetector(yolo, load_small_segmenter(pair[1].path, pair[1].name, device, yolo))


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
        return resolve_weights(YOLO_NAME), resolve_weights(SEGMENTER_NAME)
    if folder.is_dir():
        return resolve_weights(folder / "detector.safetensors"), resolve_weights(folder / "segmenter.safetensors")
    return None


class _Content:
    """Hashes of what is on the slices of a (Z, Y, X) volume, each computed once, when it is asked for."""

    def __init__(self, volume: npt.NDArray[np.generic]) -> None:
        self.volume = volume
        self._kind = str((volume.dtype.str, volume.shape[1:])).encode()
        self._planes: dict[int, bytes] = {}

    def key(self, index: int, context: int) -> bytes:
        """Hash of a slice and of `context` neighbours on either side."""
        digest = hashlib.sha256(self._kind)
        for z in context_slices(index, len(self.volume), context):
            digest.update(self._plane(z))
        return digest.digest()

    def _plane(self, z: int) -> bytes:
        if z not in self._planes:
            self._planes[z] = hashlib.sha256(np.ascontiguousarray(self.volume[z]).data).digest()
        return self._planes[z]


def _keep(kept: OrderedDict[bytes, _Kept], used: Mapping[bytes, _Kept]) -> None:
    """Keep what was just used, and drop what was not for the longest time."""
    for key, value in used.items():
        kept[key] = value
        kept.move_to_end(key)
    while len(kept) > _KEPT_SLICES:
        kept.popitem(last=False)


def _centre_inside(find: Detection, lv: Box) -> bool:
    row, col = (find.row_min + find.row_max) / 2, (find.col_min + find.col_max) / 2
    return lv.row_min <= row <= lv.row_max and lv.col_min <= col <= lv.col_max


def _as_box(find: Detection) -> Box:
    return Box(0, find.row_min, find.col_min, find.row_max, find.col_max)
