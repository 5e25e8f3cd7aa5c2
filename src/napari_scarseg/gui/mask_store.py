"""Masks that the segmenter has answered, kept: a changed threshold, overlap or link asks no network again."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from napari_scarseg.core.box import Box
from napari_scarseg.core.config import SegmentConfig
from napari_scarseg.core.masks import BoxMask
from napari_scarseg.gui.plan import same_place


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    box: Box
    segmenter: str
    mask: BoxMask


class MaskStore:
    """Newest mask of each box, with the box it answers, for one image and one segmenter at a time.

    The masks are small (the box and its margin), so all of a stack's fit in memory.
    """

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}
        self._calibrated: dict[str, float] = {}

    def clear(self) -> None:
        """Forget all masks: another image."""
        self._kept.clear()

    def missing(self, boxes: Sequence[Box], config: SegmentConfig) -> list[Box]:
        """Those of `boxes` that have no mask for where they are now, in their order."""
        return [box for box in boxes if not self._has(box, config)]

    def keep(self, answer: tuple[Box, BoxMask], config: SegmentConfig, threshold_logit: float) -> None:
        """Keep a box's mask and the threshold calibrated for the segmenter that made it."""
        box, mask = answer
        self._kept[box.box_id] = _Kept(box, config.segmenter, mask)
        self._calibrated[config.segmenter] = threshold_logit

    def mask(self, box: Box, config: SegmentConfig) -> BoxMask:
        """Mask of `box`, of the lesion it belongs to now. Only for boxes that are not `missing`."""
        return replace(self._kept[box.box_id].mask, lesion_id=box.lesion_id or 0)

    def threshold(self, config: SegmentConfig) -> float:
        """Logit above which a pixel is scar: the configured one, or the one calibrated for the weights."""
        if config.threshold_logit is not None:
            return config.threshold_logit
        return self._calibrated.get(config.segmenter, 0.0)

    def _has(self, box: Box, config: SegmentConfig) -> bool:
        kept = self._kept.get(box.box_id)
        return (
            kept is not None
            and kept.segmenter == config.segmenter
            and same_place(box, kept.box.slice, kept.box.corners)
        )
