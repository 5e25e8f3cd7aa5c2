"""What a person changes about a lesion's masks without asking the network again: threshold, size, holes, parts."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_scarseg.core.masks import BoxMask
from napari_scarseg.errors import InputError

# Far beyond this a mask has nothing to do with its logits any more.
MAX_GROW_PX = 10
# Masks that were refined are composed with this threshold: what is outside of them has the logit −∞.
REFINED_THRESHOLD = float("-inf")

_EIGHT = np.ones((3, 3), dtype=bool)


@dataclass(frozen=True, slots=True)
class Refinement:
    """How the logits of a lesion's boxes become a mask.

    Parameters
    ----------
    threshold_logit : float or None
        Scar where the logit exceeds this; None takes the value calibrated for the weights.
    grow_px : int
        Distance in pixels by which the mask grows (or shrinks, where negative) in the slice.
    fill_holes : bool
        Dark cores closed in by the mask belong to it: microvascular obstruction.
    keep_largest : bool
        Of a mask in several parts (8-connected), only the largest one.

    Raises
    ------
    InputError
        If `grow_px` is beyond ±10 px.
    """

    threshold_logit: float | None = None
    grow_px: int = 0
    fill_holes: bool = False
    keep_largest: bool = False

    def __post_init__(self) -> None:
        if abs(self.grow_px) > MAX_GROW_PX:
            raise InputError(f"A mask can grow or shrink by at most {MAX_GROW_PX} px, not {self.grow_px}.")


def refine_mask(mask: BoxMask, refinement: Refinement, calibrated_logit: float) -> BoxMask:
    """Apply, in this order: threshold, grow or shrink, fill holes, keep the largest part.

    Parameters
    ----------
    mask : BoxMask
        As the segmenter answered.
    refinement : Refinement
    calibrated_logit : float
        Threshold of the weights, for a refinement without its own.

    Returns
    -------
    BoxMask
        The same logits inside the refined mask and −∞ outside of it: compose it with `REFINED_THRESHOLD`. The mask does
        not grow beyond the pixels that the segmenter has answered for.

    Examples
    --------
    >>> ring = np.full((7, 7), -1, np.float32); ring[1:6, 1:6] = 1; ring[3, 3] = -1
    >>> mask = BoxMask("a", 1, 0, 0, 0, ring)
    >>> [int(np.isfinite(refine_mask(mask, r, 0).logits).sum()) for r in (Refinement(), Refinement(fill_holes=True))]
    [24, 25]
    """
    threshold = calibrated_logit if refinement.threshold_logit is None else refinement.threshold_logit
    inside: npt.NDArray[np.bool_] = mask.logits > threshold
    if inside.any():
        if refinement.grow_px:
            inside = _grown(inside, refinement.grow_px)
        if refinement.fill_holes:
            inside = np.asarray(ndimage.binary_fill_holes(inside), dtype=bool)
        if refinement.keep_largest:
            inside = _largest_part(inside)
    return replace(mask, logits=np.where(inside, mask.logits, np.float32(-np.inf)))


def _grown(inside: npt.NDArray[np.bool_], grow_px: int) -> npt.NDArray[np.bool_]:
    """By Euclidean distance between pixel centres; beyond the answered pixels there is nothing to shrink away from."""
    if grow_px > 0:
        return np.asarray(ndimage.distance_transform_edt(~inside) <= grow_px)
    if inside.all():
        return inside
    return np.asarray(ndimage.distance_transform_edt(inside) > -grow_px)


def _largest_part(inside: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    parts, count = ndimage.label(inside, structure=_EIGHT)
    if count < 2:
        return inside
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    return np.asarray(parts == int(sizes.argmax()))
