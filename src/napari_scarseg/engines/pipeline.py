"""From a stack to candidate boxes, and from boxes to mask logits, whatever networks are inside.

Both steps are generators: each yields as soon as a slice or a box is done, and closing it cancels the rest.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_scarseg.core.box import Box, BoxOrigin
from napari_scarseg.core.config import SegmentConfig
from napari_scarseg.core.intensity import SCALING_ID
from napari_scarseg.core.masks import BoxMask
from napari_scarseg.core.protocols import Detection, Detector, EngineInfo, Prompt, Region, Segmenter
from napari_scarseg.core.stack import voxel_sha256
from napari_scarseg.core.windows import Window, crop_context
from napari_scarseg.engines.cache import EmbeddingCache, EmbeddingKey
from napari_scarseg.errors import InputError

# Candidates below this score are never wanted, whatever the confidence slider says.
CANDIDATE_FLOOR = 0.05
# A mask may leave its box by this share of the box's side, and by at least so many pixels: people draw tight boxes.
BOX_MARGIN_SHARE = 0.25
MIN_BOX_MARGIN_PX = 2.0
# Slices or windows per forward pass. Small on a CPU, where batches gain little and Cancel has to wait for one to end.
_CPU_BATCH = 2
_ACCELERATOR_BATCH = 16


@dataclass(frozen=True, slots=True)
class SliceDetections:
    """What the detector found on one slice.

    Parameters
    ----------
    slice : int
    scars : tuple of Box
        All candidates above the floor, best score first, `origin` detector, without a lesion yet.
    lv : Box or None
        The left ventricle where it was found; its score is the detector's.
    """

    slice: int
    scars: tuple[Box, ...] = ()
    lv: Box | None = None


def order_slices(count: int, current: int) -> tuple[int, ...]:
    """All of `count` slices, the one in view first and then its neighbours, nearest first.

    Examples
    --------
    >>> order_slices(5, 3)
    (3, 4, 2, 1, 0)
    """
    return tuple(sorted(range(count), key=lambda index: (abs(index - current), index < current)))


def select_boxes(detections: SliceDetections, confidence: float) -> list[Box]:
    """Candidates of one slice at or above `confidence` (0 … 1), best first."""
    return [box for box in detections.scars if box.score is not None and box.score >= confidence]


def resolve_threshold(config: SegmentConfig, info: EngineInfo) -> float:
    """Logit above which a pixel is scar: the configured one, else the one calibrated for the weights."""
    return info.threshold_logit if config.threshold_logit is None else config.threshold_logit


def batch_size(info: EngineInfo) -> int:
    """Slices or windows that go through the network of `info` at once."""
    return _CPU_BATCH if info.device == "cpu" else _ACCELERATOR_BATCH


def detect_slices(
    data: npt.NDArray[np.generic],
    detector: Detector,
    slices: Sequence[int],
    *,
    floor: float = CANDIDATE_FLOOR,
    batch: int | None = None,
) -> Iterator[SliceDetections]:
    """Find the LV and scar candidates on some slices, in the order given.

    Parameters
    ----------
    data : ndarray (Z, Y, X)
        Raw intensities, any real type.
    detector : Detector
    slices : sequence of int
        Indices in order of priority (`order_slices`).
    floor : float
        Score under which a find is not even a candidate (0 … 1).
    batch : int, optional
        Slices per forward pass; by default what suits the detector's device.

    Yields
    ------
    SliceDetections
        One per slice. A constant slice is not shown to the detector and has no finds.

    Raises
    ------
    InputError
        If a slice lies outside the stack.
    """
    for index in slices:
        _check_slice(index, len(data))
    size = batch or batch_size(detector.info)
    data = _as_numbers(data)
    waiting: list[int] = []
    for position, index in enumerate(slices):
        waiting.append(index)
        if len(waiting) < size and position < len(slices) - 1:
            continue
        visible = [z for z in waiting if not _is_constant(data[z])]
        found = dict(zip(visible, detector.detect(data, visible), strict=True)) if visible else {}
        for z in waiting:
            yield _slice_detections(z, found.get(z, []), floor)
        waiting.clear()


def segment_prompts(
    data: npt.NDArray[np.generic],
    prompts: Sequence[Prompt],
    segmenter: Segmenter[Any],
    cache: EmbeddingCache | None = None,
    *,
    stack_sha256: str | None = None,
    batch: int | None = None,
) -> Iterator[BoxMask]:
    """Answer boxes with mask logits on the slice's own pixels.

    Prompts that share a window are answered together: the window is encoded once (or not at all, where `cache` has
    it) and the decoder is called once. Slices come in the order of their first prompt, and no slice is looked at before
    its turn; windows that `cache` has do not wait for those that are encoded.

    Parameters
    ----------
    data : ndarray (Z, Y, X)
        Raw intensities, any real type.
    prompts : sequence of Prompt
        Boxes with a `lesion_id`, in order of priority.
    segmenter : Segmenter
    cache : EmbeddingCache, optional
        Keeps embeddings, and where the LV is, from call to call.
    stack_sha256 : str, optional
        `Stack.sha256` of the data, where the caller knows it; computed otherwise.
    batch : int, optional
        Windows per encoder pass; by default what suits the segmenter's device.

    Yields
    ------
    BoxMask
        One per prompt. Its logits cover the part of the slice inside the box grown by a quarter of its side (at least
        2 px): a mask never runs away from its box. They are empty (0, 0) where the box covers no pixel or the slice is
        constant.

    Raises
    ------
    InputError
        If a box lies on a slice outside the stack, or has no `lesion_id`.
    """
    for prompt in prompts:
        _check_slice(prompt.box.slice, len(data))
        if prompt.box.lesion_id is None:
            raise InputError("A box has no lesion yet; give it a lesion_id before it is segmented.")
    held = cache if cache is not None else EmbeddingCache(0)
    work = _Work(_as_numbers(data), segmenter, held, stack_sha256 or voxel_sha256(data))
    by_slice: dict[int, list[Prompt]] = {}
    for prompt in prompts:
        by_slice.setdefault(prompt.box.slice, []).append(prompt)
    missing: dict[Window, list[Prompt]] = {}
    for index, asked in by_slice.items():
        is_constant = _is_constant(work.data[index])
        visible = [p for p in asked if not is_constant and _covers_pixels(p.box, _plane_shape(data))]
        yield from (_empty_mask(prompt.box) for prompt in asked if prompt not in visible)
        for window, group in work.windows(index, visible).items():
            embedding = held.get(work.key(window))
            if embedding is not None:
                yield from work.answer(window, group, embedding)
                continue
            missing[window] = group
            if len(missing) == (batch or batch_size(segmenter.info)):
                yield from work.encode_and_answer(missing)
                missing.clear()
    if missing:
        yield from work.encode_and_answer(missing)


@dataclass(frozen=True, slots=True, eq=False)
class _Work:
    """One stack before one segmenter."""

    data: npt.NDArray[np.generic]
    segmenter: Segmenter[Any]
    cache: EmbeddingCache
    stack_sha256: str

    def windows(self, index: int, prompts: Sequence[Prompt]) -> dict[Window, list[Prompt]]:
        """The windows of one slice's prompts, in the order of their first one."""
        windows: dict[Window, list[Prompt]] = {}
        for prompt in prompts:
            lv = prompt.lv or self.cache.lvs.find(self.data, index, self.segmenter, self.stack_sha256)
            window = self.segmenter.window(replace(prompt, lv=lv), _plane_shape(self.data))
            windows.setdefault(window, []).append(prompt)
        return windows

    def key(self, window: Window) -> EmbeddingKey:
        """Under which the embedding of a window is kept."""
        info = self.segmenter.info
        return EmbeddingKey(self.stack_sha256, window, info.weights_sha256, info.device, SCALING_ID)

    def answer(self, window: Window, prompts: Sequence[Prompt], embedding: object) -> Iterator[BoxMask]:
        """The masks of one window's prompts, in one decoder call."""
        grids = self.segmenter.masks(embedding, window, prompts)
        for prompt, grid in zip(prompts, grids, strict=True):
            yield _paste_mask(prompt.box, window, grid, _plane_shape(self.data))

    def encode_and_answer(self, groups: Mapping[Window, Sequence[Prompt]]) -> Iterator[BoxMask]:
        """Encode windows that no cache has in one pass, and answer their prompts."""
        crops = [crop_context(self.data, window, self.segmenter.context) for window in groups]
        embeddings = dict(zip(groups, self.segmenter.embed(crops), strict=True))
        for window, embedding in embeddings.items():
            # The key is made now: on automatic choice the encoder may have moved to another device for want of memory.
            self.cache.put(self.key(window), embedding)
        for window, prompts in groups.items():
            yield from self.answer(window, prompts, embeddings[window])


def _paste_mask(box: Box, window: Window, grid: npt.NDArray[np.float32], shape: tuple[int, int]) -> BoxMask:
    """Bring one answer back to the slice and keep what lies in the grown box."""
    rows, cols, native = window.paste(grid, shape)
    top, bottom = _grown_edges(box.row_min, box.row_max, rows)
    left, right = _grown_edges(box.col_min, box.col_max, cols)
    if top >= bottom or left >= right:
        return _empty_mask(box)
    kept = native[top - rows.start : bottom - rows.start, left - cols.start : right - cols.start]
    return BoxMask(box.box_id, _lesion(box), box.slice, top, left, np.ascontiguousarray(kept))


def _grown_edges(low: float, high: float, covered: slice) -> tuple[int, int]:
    """First and last-but-one pixel of `covered` that the grown side [low, high) touches."""
    margin = max(BOX_MARGIN_SHARE * (high - low), MIN_BOX_MARGIN_PX)
    return max(math.floor(low - margin), covered.start), min(math.ceil(high + margin), covered.stop)


def _slice_detections(index: int, found: Sequence[Detection], floor: float) -> SliceDetections:
    kept = sorted((find for find in found if find.score >= floor), key=lambda find: -find.score)
    scars = tuple(_as_box(find, index) for find in kept if find.region is Region.SCAR)
    lv = next((_as_box(find, index) for find in kept if find.region is Region.LV), None)
    return SliceDetections(index, scars, lv)


def _as_box(find: Detection, index: int) -> Box:
    return Box(
        index,
        find.row_min,
        find.col_min,
        find.row_max,
        find.col_max,
        score=float(min(max(find.score, 0.0), 1.0)),
        origin=BoxOrigin.DETECTOR,
    )


def _empty_mask(box: Box) -> BoxMask:
    return BoxMask(box.box_id, _lesion(box), box.slice, 0, 0, np.zeros((0, 0), dtype=np.float32))


def _lesion(box: Box) -> int:
    """Lesion of a box that has passed the check at the door."""
    if box.lesion_id is None:
        raise InputError("A box has no lesion yet; give it a lesion_id before it is segmented.")
    return box.lesion_id


def _covers_pixels(box: Box, shape: tuple[int, int]) -> bool:
    return box.row_min < shape[0] and box.row_max > 0 and box.col_min < shape[1] and box.col_max > 0


def _plane_shape(data: npt.NDArray[np.generic]) -> tuple[int, int]:
    return (data.shape[1], data.shape[2])


def _is_constant(plane: npt.NDArray[np.generic]) -> bool:
    return bool((plane == plane.flat[0]).all())


def _as_numbers(data: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """Truth values as 0 and 1; anything else as it is."""
    return data.astype(np.uint8) if data.dtype.kind == "b" else data


def _check_slice(index: int, count: int) -> None:
    if not 0 <= index < count:
        raise InputError(f"Slice {index} was asked for, but the stack has the slices 0 to {count - 1}.")
