"""Masks that the segmenter has answered, kept: a changed threshold, overlap or link asks no network again."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from napari_scarseg.core.config import SegmentConfig
from napari_scarseg.core.masks import BoxMask
from napari_scarseg.core.protocols import Prompt
from napari_scarseg.gui.plan import drawn_box


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    prompt: Prompt
    segmenter: str
    mask: BoxMask


class MaskStore:
    """Newest mask of each box, with the prompt it answers, for one image and one segmenter at a time.

    The masks are small (the box and its margin), so all of a stack's fit in memory.
    """

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}
        self._calibrated: dict[str, float] = {}

    def clear(self) -> None:
        """Forget all masks: another image."""
        self._kept.clear()

    def missing(self, prompts: Sequence[Prompt], config: SegmentConfig) -> list[Prompt]:
        """Those of `prompts` that have no mask for what they ask now, in their order."""
        return [prompt for prompt in prompts if not self._has(prompt, config)]

    def keep(self, answer: tuple[Prompt, BoxMask], config: SegmentConfig, threshold_logit: float) -> None:
        """Keep a prompt's mask and the threshold calibrated for the segmenter that made it."""
        prompt, mask = answer
        self._kept[prompt.box.box_id] = _Kept(prompt, config.segmenter, mask)
        self._calibrated[config.segmenter] = threshold_logit

    def mask(self, prompt: Prompt, config: SegmentConfig) -> BoxMask:
        """Mask of a box, of the lesion it belongs to now. Only for prompts that are not `missing`."""
        return replace(self._kept[prompt.box.box_id].mask, lesion_id=prompt.box.lesion_id or 0)

    def threshold(self, config: SegmentConfig) -> float:
        """Logit above which a pixel is scar: the configured one, or the one calibrated for the weights."""
        if config.threshold_logit is not None:
            return config.threshold_logit
        return self._calibrated.get(config.segmenter, 0.0)

    def _has(self, prompt: Prompt, config: SegmentConfig) -> bool:
        kept = self._kept.get(prompt.box.box_id)
        if kept is None or kept.segmenter != config.segmenter:
            return False
        return drawn_box(prompt.box, prompt.points).asks_as(drawn_box(kept.prompt.box, kept.prompt.points))
