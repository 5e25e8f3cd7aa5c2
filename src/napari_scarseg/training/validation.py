"""Validation of a run on its held-out patients, through the same windows and prompts that the program uses."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_scarseg.core.masks import component_boxes, hull_box
from napari_scarseg.core.protocols import Prompt, Segmenter
from napari_scarseg.core.windows import Window, crop_context
from napari_scarseg.datasets import LabelledCase
from napari_scarseg.engines.segmenter import SmallSegmenter

THRESHOLDS = tuple(float(t) for t in np.arange(-2.0, 2.01, 0.25))

Logits = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Validation:
    """Scores on held-out patients, all over slices with scar in the truth.

    Parameters
    ----------
    patients, slices : int
        What the DSC is over.
    slice_dsc : float
        Mean DSC with true boxes, one per component, all masks of a slice together, at `threshold_logit`.
    threshold_logit : float
        The threshold that scored best; chosen on these same slices, so a little optimistic.
    slice_dsc_at_zero : float
        The same at a threshold of 0, chosen on nothing.
    box_window_dsc_at_zero : float
        The same where the LV is not known, so that the window lies around the box.
    unprompted_dsc_at_zero : float or None
        DSC of the scar that the network shows in the LV's window without a prompt; None for one that shows nothing.
    """

    patients: int
    slices: int
    slice_dsc: float
    threshold_logit: float
    slice_dsc_at_zero: float
    box_window_dsc_at_zero: float
    unprompted_dsc_at_zero: float | None

    def as_dict(self) -> dict[str, float | None]:
        """JSON values."""
        return asdict(self)


def validate(segmenter: Segmenter[Any], cases: Sequence[LabelledCase]) -> Validation:
    """Slice DSC with true boxes, one per component, in the true LV's window and in the box's own."""
    in_lv, in_box, unprompted = [], [], []
    for case in cases:
        for z in np.flatnonzero(case.scar.any(axis=(1, 2))):
            scar = case.scar[z]
            lv = None if case.lv is None else hull_box(case.lv[z], int(z))
            prompts = true_prompts(case, int(z))
            embeddings: dict[Window, Any] = {}
            in_lv.append(_dice(slice_logits(segmenter, case, prompts, embeddings), scar))
            alone = [Prompt(prompt.box) for prompt in prompts]
            in_box.append(_dice(slice_logits(segmenter, case, alone, embeddings), scar))
            if lv is not None and isinstance(segmenter, SmallSegmenter):
                unprompted.append(_dice(_unprompted(segmenter, case, Prompt(lv, lv=lv), embeddings), scar))
    zero = THRESHOLDS.index(0.0)
    means = np.mean(in_lv, axis=0)
    best = int(np.argmax(means))
    return Validation(
        patients=len({case.record.patient for case in cases}),
        slices=len(in_lv),
        slice_dsc=round(float(means[best]), 4),
        threshold_logit=THRESHOLDS[best],
        slice_dsc_at_zero=round(float(means[zero]), 4),
        box_window_dsc_at_zero=round(float(np.mean(in_box, axis=0)[zero]), 4),
        unprompted_dsc_at_zero=_mean_at(zero, unprompted, isinstance(segmenter, SmallSegmenter)),
    )


def true_prompts(case: LabelledCase, index: int) -> list[Prompt]:
    """The true boxes of one slice, one per component, with the true LV."""
    lv = None if case.lv is None else hull_box(case.lv[index], index)
    return [Prompt(box, lv=lv) for box in component_boxes(case.scar[index], index)]


def slice_logits(
    segmenter: Segmenter[Any],
    case: LabelledCase,
    prompts: Sequence[Prompt],
    embeddings: dict[Window, Any] | None = None,
) -> Logits:
    """Highest logit of any box at each pixel of the slice; -inf where no window reaches.

    `embeddings` of windows that were encoded before are taken from there, and new ones added.
    """
    shape = (case.stack.shape[1], case.stack.shape[2])
    logits = np.full(shape, -np.inf, dtype=np.float32)
    for prompt in prompts:
        window = segmenter.window(prompt, shape)
        embedding = _embedding(segmenter, case, window, {} if embeddings is None else embeddings)
        rows, cols, native = window.paste(segmenter.masks(embedding, window, [prompt])[0], shape)
        logits[rows, cols] = np.maximum(logits[rows, cols], native)
    return logits


def _dice(logits: Logits, scar: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """DSC at each of `THRESHOLDS`."""
    sizes = np.array([(logits > t).sum() for t in THRESHOLDS])
    shared = np.array([((logits > t) & scar).sum() for t in THRESHOLDS])
    return np.asarray(2 * shared / (sizes + scar.sum()), dtype=np.float64)


def _mean_at(position: int, scores: Sequence[npt.NDArray[np.float64]], is_known: bool) -> float | None:
    if not is_known:
        return None
    return round(float(np.mean(scores, axis=0)[position]), 4) if scores else 0.0


def _unprompted(segmenter: SmallSegmenter, case: LabelledCase, prompt: Prompt, embeddings: dict[Window, Any]) -> Logits:
    shape = (case.stack.shape[1], case.stack.shape[2])
    window = segmenter.window(prompt, shape)
    embedding = _embedding(segmenter, case, window, embeddings)
    logits = np.full(shape, -np.inf, dtype=np.float32)
    rows, cols, native = window.paste(segmenter.scar(embedding), shape)
    logits[rows, cols] = native
    return logits


def _embedding(segmenter: Segmenter[Any], case: LabelledCase, window: Window, embeddings: dict[Window, Any]) -> Any:
    if window not in embeddings:
        (embeddings[window],) = segmenter.embed([crop_context(case.stack.data, window, segmenter.context)])
    return embeddings[window]
