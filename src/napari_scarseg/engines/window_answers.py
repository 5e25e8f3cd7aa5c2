"""From prompts on a batch of slices to mask logits on the slices' own pixels: located, encoded, decoded and pasted."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_scarseg.core.box import Box
from napari_scarseg.core.calibration import centre_logits
from napari_scarseg.core.intensity import SCALING_ID
from napari_scarseg.core.masks import BoxMask
from napari_scarseg.core.protocols import Asked, DecodesTogether, EngineInfo, Prompt, Segmenter
from napari_scarseg.core.windows import Window, crop_context
from napari_scarseg.engines.cache import EmbeddingCache, EmbeddingKey
from napari_scarseg.errors import InputError

# A mask may leave its box by this share of the box's side, and by at least so many pixels: people draw tight boxes.
BOX_MARGIN_SHARE = 0.25
MIN_BOX_MARGIN_PX = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """One stack before one segmenter.

    Parameters
    ----------
    data : ndarray (Z, Y, X)
        Raw intensities.
    segmenter : Segmenter
    cache : EmbeddingCache
    stack_sha256 : str
        `Stack.sha256` of the data.
    """

    data: npt.NDArray[np.generic]
    segmenter: Segmenter[Any]
    cache: EmbeddingCache
    stack_sha256: str

    def answer(self, prompts: Mapping[int, Sequence[Prompt]], batch: int) -> Iterator[BoxMask]:
        """The masks of the prompts on some slices; windows that the cache has come first, the others encoded together.

        Parameters
        ----------
        prompts : mapping of slice → prompts
        batch : int
            Windows per encoder pass.
        """
        groups = self._windows(prompts)
        held = {window: self.cache.get(self._key(window)) for window in groups}
        yield from self._decode({window: one for window, one in held.items() if one is not None}, groups)
        missing = [window for window, one in held.items() if one is None]
        for start in range(0, len(missing), batch):
            yield from self._decode(self._encode(missing[start : start + batch]), groups)

    def _windows(self, prompts: Mapping[int, Sequence[Prompt]]) -> dict[Window, list[Prompt]]:
        """The windows of the prompts, in the order of their first one."""
        shape = (self.data.shape[1], self.data.shape[2])
        unknown = [z for z, some in prompts.items() if any(prompt.lv is None for prompt in some)]
        lvs = self.cache.lvs.find_all(self.data, unknown, self.segmenter, self.stack_sha256)
        windows: dict[Window, list[Prompt]] = {}
        for z, some in prompts.items():
            for prompt in some:
                window = self.segmenter.window(replace(prompt, lv=prompt.lv or lvs.get(z)), shape)
                windows.setdefault(window, []).append(prompt)
        return windows

    def _key(self, window: Window) -> EmbeddingKey:
        """Under which the embedding of a window is kept."""
        info = self.segmenter.info
        return EmbeddingKey(self.stack_sha256, window, info.weights_sha256, info.device, SCALING_ID)

    def _encode(self, windows: Sequence[Window]) -> dict[Window, object]:
        """Encode windows that the cache does not have, in one pass."""
        crops = [crop_context(self.data, window, self.segmenter.context) for window in windows]
        embeddings = dict(zip(windows, self.segmenter.embed(crops), strict=True))
        for window, embedding in embeddings.items():
            # The key is made now: on automatic choice the encoder may have moved to another device for want of memory.
            self.cache.put(self._key(window), embedding)
        return embeddings

    def _decode(
        self, embeddings: Mapping[Window, object], groups: Mapping[Window, Sequence[Prompt]]
    ) -> Iterator[BoxMask]:
        """The masks of all prompts of some encoded windows, in one pass where the segmenter can."""
        asked = [Asked(embedding, window, groups[window]) for window, embedding in embeddings.items()]
        shape = (self.data.shape[1], self.data.shape[2])
        if asked and isinstance(self.segmenter, DecodesTogether):
            answers = iter(self.segmenter.masks_together(asked))
        else:
            answers = (self.segmenter.masks(one.embedding, one.window, one.prompts) for one in asked)
        for one, grids in zip(asked, answers, strict=True):
            for prompt, grid in zip(one.prompts, grids, strict=True):
                yield paste_mask(prompt.box, one.window, grid, shape, self.segmenter.info)


def paste_mask(
    box: Box, window: Window, grid: npt.NDArray[np.float32], shape: tuple[int, int], info: EngineInfo
) -> BoxMask:
    """Bring one answer back to the slice, keep what lies in the grown box, and cut it where it is cut best."""
    rows, cols, native = window.paste(grid, shape)
    top, bottom = _grown_edges(box.row_min, box.row_max, rows)
    left, right = _grown_edges(box.col_min, box.col_max, cols)
    if top >= bottom or left >= right:
        return empty_mask(box)
    kept = native[top - rows.start : bottom - rows.start, left - cols.start : right - cols.start]
    if info.calibration is not None:
        kept = centre_logits(kept, info.calibration, info.threshold_logit)
    return BoxMask(box.box_id, _lesion(box), box.slice, top, left, np.ascontiguousarray(kept))


def empty_mask(box: Box) -> BoxMask:
    """The answer where there is nothing to see."""
    return BoxMask(box.box_id, _lesion(box), box.slice, 0, 0, np.zeros((0, 0), dtype=np.float32))


def _grown_edges(low: float, high: float, covered: slice) -> tuple[int, int]:
    """First and last-but-one pixel of `covered` that the grown side [low, high) touches."""
    margin = max(BOX_MARGIN_SHARE * (high - low), MIN_BOX_MARGIN_PX)
    return max(math.floor(low - margin), covered.start), min(math.ceil(high + margin), covered.stop)


def _lesion(box: Box) -> int:
    """Lesion of a box that has passed the check at the door."""
    if box.lesion_id is None:
        raise InputError("A box has no lesion yet; give it a lesion_id before it is segmented.")
    return box.lesion_id
