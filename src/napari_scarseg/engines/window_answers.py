"""From prompts on a batch of slices to mask logits on the slices' own pixels: located, encoded, decoded and pasted."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_scarseg.core.box import Box, BoxOrigin
from napari_scarseg.core.calibration import FOUND_SIZE_STEP, SIZE_STEP, centre_logits
from napari_scarseg.core.intensity import SCALING_ID
from napari_scarseg.core.masks import BoxMask
from napari_scarseg.core.protocols import Asked, AsksSeveralWindows, DecodesTogether, EngineInfo, Prompt, Segmenter
from napari_scarseg.core.windows import Window, crop_context
from napari_scarseg.engines.cache import EmbeddingCache, EmbeddingKey
from napari_scarseg.engines.looks import average_looks
from napari_scarseg.errors import InputError

Logits = npt.NDArray[np.float32]

# A mask may leave its box by this share of the box's side, and by at least so many pixels: people draw tight boxes.
BOX_MARGIN_SHARE = 0.25
MIN_BOX_MARGIN_PX = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class _View:
    """One prompt and what is seen of it so far.

    Parameters
    ----------
    prompt : Prompt
    windows : sequence of Window
        In which it is answered; the first decides which pixels the mask may have.
    grids : dict of Window → ndarray of float32 (S, S)
        The answers that are there.
    """

    prompt: Prompt
    windows: Sequence[Window]
    grids: dict[Window, Logits] = field(default_factory=dict)

    def mask(self, shape: tuple[int, int], info: EngineInfo) -> BoxMask:
        """The complete answer on a slice (Y, X)."""
        return paste_mask(self.prompt.box, self.windows, [self.grids[window] for window in self.windows], shape, info)


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
        views = self._views(prompts)
        groups = _by_window(views)
        held = {window: self.cache.get(self._key(window)) for window in groups}
        yield from self._decode({window: one for window, one in held.items() if one is not None}, groups)
        missing = [window for window, one in held.items() if one is None]
        for start in range(0, len(missing), batch):
            yield from self._decode(self._encode(missing[start : start + batch]), groups)

    def _views(self, prompts: Mapping[int, Sequence[Prompt]]) -> list[_View]:
        """Each prompt with the windows in which it is answered."""
        shape = (self.data.shape[1], self.data.shape[2])
        unknown = [z for z, some in prompts.items() if any(prompt.lv is None for prompt in some)]
        lvs = self.cache.lvs.find_all(self.data, unknown, self.segmenter, self.stack_sha256)
        views = []
        for z, some in prompts.items():
            for prompt in some:
                placed = replace(prompt, lv=prompt.lv or lvs.get(z))
                if isinstance(self.segmenter, AsksSeveralWindows):
                    windows = self.segmenter.windows(placed, shape)
                else:
                    windows = [self.segmenter.window(placed, shape)]
                views.append(_View(prompt, windows))
        return views

    def _key(self, window: Window) -> EmbeddingKey:
        """Under which the embedding of a window is kept."""
        info = self.segmenter.info
        return EmbeddingKey(self.stack_sha256, window, info.weights_sha256, info.device, SCALING_ID, info.precision)

    def _encode(self, windows: Sequence[Window]) -> dict[Window, object]:
        """Encode windows that the cache does not have, in one pass."""
        crops = [crop_context(self.data, window, self.segmenter.context) for window in windows]
        embeddings = dict(zip(windows, self.segmenter.embed(crops), strict=True))
        for window, embedding in embeddings.items():
            # The key is made now: on automatic choice the encoder may have moved to another device for want of memory.
            self.cache.put(self._key(window), embedding)
        return embeddings

    def _decode(
        self, embeddings: Mapping[Window, object], groups: Mapping[Window, Sequence[_View]]
    ) -> Iterator[BoxMask]:
        """All prompts of some encoded windows, in one pass where the segmenter can; yields what is complete then."""
        asked = [Asked(one, window, [view.prompt for view in groups[window]]) for window, one in embeddings.items()]
        shape = (self.data.shape[1], self.data.shape[2])
        if asked and isinstance(self.segmenter, DecodesTogether):
            answers = iter(self.segmenter.masks_together(asked))
        else:
            answers = (self.segmenter.masks(one.embedding, one.window, one.prompts) for one in asked)
        for one, grids in zip(asked, answers, strict=True):
            for view, grid in zip(groups[one.window], grids, strict=True):
                view.grids[one.window] = grid
                if len(view.grids) == len(view.windows):
                    yield view.mask(shape, self.segmenter.info)


def _by_window(views: Sequence[_View]) -> dict[Window, list[_View]]:
    """Who is asked in each window; windows in the order in which prompts need them."""
    groups: dict[Window, list[_View]] = {}
    for view in views:
        for window in view.windows:
            groups.setdefault(window, []).append(view)
    return groups


def paste_mask(
    box: Box, windows: Sequence[Window], grids: Sequence[Logits], shape: tuple[int, int], info: EngineInfo
) -> BoxMask:
    """Bring the answers of one or more windows back to the slice (Y, X), keep what lies in the grown box, and cut it.

    The first window decides which pixels there are; several answers are averaged. The cut is where it is cut best.
    """
    rows, cols, native = windows[0].paste(grids[0], shape)
    top, bottom = _grown_edges(box.row_min, box.row_max, rows)
    left, right = _grown_edges(box.col_min, box.col_max, cols)
    if top >= bottom or left >= right:
        return empty_mask(box)
    if len(windows) > 1:
        kept = average_looks(windows, grids, shape)[top:bottom, left:right]
    else:
        kept = native[top - rows.start : bottom - rows.start, left - cols.start : right - cols.start]
    if info.calibration is not None:
        step = FOUND_SIZE_STEP if box.origin is BoxOrigin.DETECTOR else SIZE_STEP
        kept = centre_logits(kept, info.calibration, info.threshold_logit, step)
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
