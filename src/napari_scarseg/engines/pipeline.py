"""From a stack to candidate boxes, and from boxes to mask logits, whatever networks are inside.

Both steps are generators: each yields as soon as a slice or a box is done, and closing it cancels the rest.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_scarseg.core.box import Box, BoxOrigin
from napari_scarseg.core.config import SegmentConfig
from napari_scarseg.core.masks import BoxMask
from napari_scarseg.core.protocols import (
    Batching,
    Detection,
    Detector,
    EngineInfo,
    Prompt,
    Region,
    Segmenter,
)
from napari_scarseg.core.stack import voxel_sha256
from napari_scarseg.engines.cache import EmbeddingCache
from napari_scarseg.engines.window_answers import Work, empty_mask
from napari_scarseg.errors import InputError

# Candidates below this score are never wanted, whatever the confidence slider says.
CANDIDATE_FLOOR = 0.05
# Slices or windows per forward pass of a network that does not say. Small on a CPU, where batches gain little and
# Cancel has to wait for one to end.
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


def batch_size(network: Detector | Segmenter[Any]) -> int:
    """Slices or windows that go through a network at once: what it says, else what suits its device."""
    if isinstance(network, Batching):
        return network.batch
    return _CPU_BATCH if network.info.device == "cpu" else _ACCELERATOR_BATCH


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
    size = batch or batch_size(detector)
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
    it), and the decoder is called once for a batch of windows. Slices come in the order of their first prompt, and none
    is looked at before its batch's turn; windows that `cache` has do not wait for those that are encoded.

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
    stack_hash = stack_sha256 or voxel_sha256(data)
    data = _as_numbers(data)
    size = batch or batch_size(segmenter)
    work = Work(data, segmenter, held, stack_hash)
    by_slice: dict[int, list[Prompt]] = {}
    for prompt in prompts:
        by_slice.setdefault(prompt.box.slice, []).append(prompt)
    slices = list(by_slice)
    for start in range(0, len(slices), size):
        some = slices[start : start + size]
        visible = {z: [] if _is_constant(data[z]) else _covering(by_slice[z], _plane_shape(data)) for z in some}
        for z in some:
            yield from (empty_mask(prompt.box) for prompt in by_slice[z] if prompt not in visible[z])
        yield from work.answer(visible, size)


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


def _covering(prompts: Sequence[Prompt], shape: tuple[int, int]) -> list[Prompt]:
    """Those prompts whose box covers a pixel."""
    return [prompt for prompt in prompts if _covers_pixels(prompt.box, shape)]


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
