"""What the segmenter is trained on: a slice, a target in it, and the box that asks for the target."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_scarseg.core.box import Box
from napari_scarseg.core.masks import component_boxes, label_components
from napari_scarseg.core.stack import constant_slices
from napari_scarseg.datasets import LabelledCase
from napari_scarseg.training.config import PromptTarget


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One prompt with its answer, on native pixels (Y, X).

    Parameters
    ----------
    plane : ndarray of float32
        Raw intensities.
    target : ndarray of float32
        1 where the prompt asks for scar, else 0.
    soft : ndarray of float32
        `target` smoothed by a Gaussian; made per image on the native grid.
    outline : ndarray of float64, (K, 2)
        (row, col) pixel centres of the structure the box is drawn around.
    """

    plane: npt.NDArray[np.float32]
    target: npt.NDArray[np.float32]
    soft: npt.NDArray[np.float32]
    outline: npt.NDArray[np.float64]

    @property
    def has_scar(self) -> bool:
        """Whether the answer is not empty."""
        return bool(self.target.any())


def soften(target: npt.NDArray[np.float32], sigma_px: float) -> npt.NDArray[np.float32]:
    """Gaussian soft label of one (Y, X) mask; σ in native pixels, 0 leaves it as it is."""
    if sigma_px == 0:
        return target
    return np.asarray(ndimage.gaussian_filter(target, sigma_px, mode="constant"), dtype=np.float32)


def collect_samples(cases: Sequence[LabelledCase], target: PromptTarget, sigma_px: float) -> list[Sample]:
    """All samples of the cases: per scar component, or per slice with an LV."""
    samples = []
    for case in cases:
        skip = set(constant_slices(case.stack.data))
        for z in range(case.stack.shape[0]):
            if z in skip:
                continue
            # A copy: a stack's voxels are read-only, which torch does not take.
            plane = np.array(case.stack.data[z], dtype=np.float32)
            if target is PromptTarget.COMPONENT:
                samples += _component_samples(plane, case.scar[z], sigma_px)
            elif case.lv is not None:
                samples += _lv_samples(plane, case.scar[z], case.lv[z], sigma_px)
    return samples


def box_target(labels: npt.NDArray[np.int32], scar: npt.NDArray[np.bool_], box: Box) -> npt.NDArray[np.bool_]:
    """Scar that a box asks for: every piece with at least half of its pixels inside it, crumbs included.

    `labels` numbers all pieces of `scar` (Y, X), however small.
    """
    inside = np.zeros_like(scar)
    inside[round(box.row_min) : round(box.row_max), round(box.col_min) : round(box.col_max)] = True
    sizes = np.bincount(labels.ravel())
    within = np.bincount(labels[inside].ravel(), minlength=len(sizes))
    chosen = 2 * within >= sizes
    chosen[0] = False
    return np.asarray(chosen[labels] & scar, dtype=np.bool_)


def _component_samples(plane: npt.NDArray[np.float32], scar: npt.NDArray[np.bool_], sigma_px: float) -> list[Sample]:
    pieces = label_components(scar, min_px=1)
    samples = []
    for number, box in enumerate(component_boxes(scar, 0), start=1):
        target = box_target(pieces, scar, box).astype(np.float32)
        outline = np.argwhere(label_components(scar) == number).astype(np.float64)
        samples.append(Sample(plane, target, soften(target, sigma_px), outline))
    return samples


def _lv_samples(
    plane: npt.NDArray[np.float32], scar: npt.NDArray[np.bool_], lv: npt.NDArray[np.bool_], sigma_px: float
) -> list[Sample]:
    if not lv.any():
        return []
    # Scar lies in the wall; what a label puts elsewhere is not what the LV's box asks for.
    target = (scar & lv).astype(np.float32)
    return [Sample(plane, target, soften(target, sigma_px), np.argwhere(lv).astype(np.float64))]
