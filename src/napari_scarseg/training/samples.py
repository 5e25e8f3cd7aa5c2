"""What the segmenter is trained on: a slice between its neighbours, its anatomy, and the scar components in it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_scarseg.core.box import Box
from napari_scarseg.core.masks import component_boxes, label_components
from napari_scarseg.core.stack import constant_slices
from napari_scarseg.datasets import LabelledCase
from napari_scarseg.datasets.magnitude import healthy_signal
from napari_scarseg.training.found_boxes import match_found


@dataclass(frozen=True, slots=True, eq=False)
class Component:
    """One prompt with its answer, on native pixels (Y, X).

    Parameters
    ----------
    target : ndarray of bool
        What a tight box around the component asks for.
    soft : ndarray of float32
        `target` smoothed by a Gaussian; made per image on the native grid.
    outline : ndarray of float64, (K, 2)
        (row, col) pixel centres of the component.
    found : tuple of ndarray (4,)
        What a detector found of it: how far its edges lie from the tight box's, in sides of that (`found_boxes`).
    """

    target: npt.NDArray[np.bool_]
    soft: npt.NDArray[np.float32]
    outline: npt.NDArray[np.float64]
    found: tuple[npt.NDArray[np.float64], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One slice.

    Parameters
    ----------
    volume : ndarray of float32, (Z, Y, X)
        Raw intensities of the whole stack; shared by the samples of a case.
    slice : int
    scar : ndarray of bool, (Y, X)
    lv, myocardium : ndarray of bool, (Y, X), or None
        None where the labels do not say.
    outline : ndarray of float64, (K, 2), or None
        (row, col) pixel centres of the LV; None where it is unknown or not in the slice.
    components : tuple of Component
        Empty on a slice without scar.
    stack_sha256 : str
        Hash of the stack's voxels (`Stack.sha256`).
    healthy : ndarray (Z, 2), or None
        Median and standard deviation of each slice's healthy myocardium (`datasets.magnitude.healthy_signal`); None
        where no window is to null it.
    """

    volume: npt.NDArray[np.float32]
    slice: int
    scar: npt.NDArray[np.bool_]
    lv: npt.NDArray[np.bool_] | None
    myocardium: npt.NDArray[np.bool_] | None
    outline: npt.NDArray[np.float64] | None
    components: tuple[Component, ...]
    stack_sha256: str = ""
    healthy: npt.NDArray[np.float64] | None = None


@dataclass(frozen=True, slots=True)
class Softening:
    """How targets become soft: σ in native pixels, and whether each is scaled to peak at 1."""

    sigma_px: float = 1.0
    full_peak: bool = False


def soften(target: npt.NDArray[np.generic], softening: Softening) -> npt.NDArray[np.float32]:
    """Gaussian soft label of one (Y, X) mask; σ = 0 leaves it as it is.

    Each image is smoothed on its own, so that it does not depend on what else is in a batch. The peak of a thin scar
    falls with σ (at σ = 2 px a band of 1 px peaks at 0.20, of 2 px at 0.38, of 4 px at 0.67): that is the price of a
    soft label, and why σ is small by default. With `full_peak` each target is divided by its own peak.
    """
    values = np.asarray(target, dtype=np.float32)
    if softening.sigma_px == 0:
        return values
    soft = np.asarray(ndimage.gaussian_filter(values, softening.sigma_px, mode="constant"), dtype=np.float32)
    if softening.full_peak and soft.any():
        soft /= soft.max()
    return soft


def collect_samples(
    cases: Sequence[LabelledCase], softening: Softening, boxes: Sequence[Sequence[Box]] | None = None
) -> list[Sample]:
    """All slices of the cases that show an LV or scar; those without scar stay in.

    `boxes` are a detector's for each case.
    """
    samples = []
    for number, case in enumerate(cases):
        found = [] if boxes is None else boxes[number]
        sha256, healthy = case.stack.sha256(), healthy_signal(case)
        skip = set(constant_slices(case.stack.data))
        # A copy: a stack's voxels are read-only, which torch does not take.
        volume = np.array(case.stack.data, dtype=np.float32)
        for z in range(len(volume)):
            if z in skip:
                continue
            scar = case.scar[z]
            lv = None if case.lv is None else case.lv[z]
            outline = np.argwhere(lv).astype(np.float64) if lv is not None and lv.any() else None
            components = slice_components(scar, softening, [box for box in found if box.slice == z])
            if outline is None and not components:
                continue
            myocardium = None if case.myocardium is None else case.myocardium[z]
            samples.append(Sample(volume, z, scar, lv, myocardium, outline, components, sha256, healthy))
    return samples


def slice_components(
    scar: npt.NDArray[np.bool_], softening: Softening, found: Sequence[Box] = ()
) -> tuple[Component, ...]:
    """Components of one slice (`core.masks`) with what a tight box around each asks for, and who found it."""
    pieces = label_components(scar, min_px=1)
    numbered = label_components(scar)
    components = []
    tight = component_boxes(scar, 0)
    shifts = match_found(tight, found)
    for number, box in enumerate(tight, start=1):
        target = box_target(pieces, scar, box)
        outline = np.argwhere(numbered == number).astype(np.float64)
        components.append(Component(target, soften(target, softening), outline, shifts[number - 1]))
    return tuple(components)


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
