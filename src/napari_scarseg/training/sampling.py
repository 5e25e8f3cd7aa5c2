"""From a sample to what a network learns from: draw, then warp, jitter, crop and scale."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from napari_scarseg.core.windows import Window, context_slices
from napari_scarseg.datasets.magnitude import fold_signal
from napari_scarseg.engines.small_sam import CAVITY, MYOCARDIUM, SCAR
from napari_scarseg.training.augmentation import (
    Augmentation,
    apply_edge_shifts,
    apply_elastic,
    apply_intensity,
    draw_augmentation,
    draw_edge_shifts,
    only_boxes,
)
from napari_scarseg.training.config import AugmentationRanges, PromptShares
from napari_scarseg.training.samples import Sample
from napari_scarseg.training.views import Corners, View, shifted_window

# Class of a sample of which only "not scar" is known.
NOT_SCAR = -1


@dataclass(frozen=True, slots=True, eq=False)
class PromptDraw:
    """One box that is asked for.

    Parameters
    ----------
    component : int
        Index of the sample's component.
    edge_shifts : ndarray (4,)
        Shift of row_min, col_min, row_max, col_max, in sides of the box.
    is_found : bool
        Whether the shifts are a detector's own, which are taken as they are.
    """

    component: int
    edge_shifts: npt.NDArray[np.float64]
    is_found: bool = False


@dataclass(frozen=True, slots=True)
class SampleDraw:
    """What is drawn for one window.

    Parameters
    ----------
    augmentation : Augmentation
    prompts : tuple of PromptDraw
        Empty on a slice without scar. The first one is what the window is placed for.
    around_lv : bool
        Whether the window lies around the LV; else around the box.
    lv_shifts : ndarray (4,)
        Shift of each edge of the LV's box, in its sides.
    """

    augmentation: Augmentation
    prompts: tuple[PromptDraw, ...]
    around_lv: bool
    lv_shifts: npt.NDArray[np.float64]


class Picture(NamedTuple):
    """One window with its answers.

    Parameters
    ----------
    window : Window
        The rectangle of the (warped) slice that it shows.
    pixels : Tensor (1 + 2 context, S, S), scaled to [0, 1]; None where no picture was asked for
    classes : Tensor of int64 (A, A)
        Classes of `small_sam`, or `NOT_SCAR` where the labels say no more. A is the side of an answer.
    boxes : Tensor (P, 4), x_min, y_min, x_max, y_max on the window's grid (0 … S)
    mask, soft : Tensor (P, A, A), targets in [0, 1]
    """

    window: Window
    pixels: Tensor | None
    classes: Tensor
    boxes: Tensor
    mask: Tensor
    soft: Tensor


def draw_sample(
    rng: np.random.Generator,
    sample: Sample,
    ranges: AugmentationRanges,
    shares: PromptShares,
    *,
    pictures: bool = True,
) -> SampleDraw:
    """Draw the augmentation, the components that are asked for, and what the window lies around.

    Without `pictures` only the boxes are augmented.
    """
    count = len(sample.components)
    component = int(rng.integers(count)) if count else None
    around_lv = rng.random() < shares.lv_window
    augmentation = draw_augmentation(rng, ranges)
    lv_shifts = rng.uniform(-1, 1, 4) * shares.lv_jitter_fraction
    prompts = () if component is None else _draw_prompts(rng, sample, component, augmentation, ranges, shares)
    return SampleDraw(
        augmentation if pictures else only_boxes(augmentation),
        prompts,
        around_lv=(around_lv or component is None) and sample.outline is not None,
        lv_shifts=lv_shifts if pictures else np.zeros(4),
    )


def _draw_prompts(
    rng: np.random.Generator,
    sample: Sample,
    first: int,
    augmentation: Augmentation,
    ranges: AugmentationRanges,
    shares: PromptShares,
) -> tuple[PromptDraw, ...]:
    """The first component's box, those of others on the slice, and the detector's in place of some."""
    prompts = [PromptDraw(first, augmentation.edge_shifts)]
    if shares.per_window > 1:
        others = [int(n) for n in rng.permutation(len(sample.components)) if n != first][: shares.per_window - 1]
        prompts += [PromptDraw(n, draw_edge_shifts(rng, ranges)) for n in others]
    if shares.detector > 0:
        prompts = [_found_instead(rng, prompt, sample, shares.detector) for prompt in prompts]
    return tuple(prompts)


def _found_instead(rng: np.random.Generator, prompt: PromptDraw, sample: Sample, share: float) -> PromptDraw:
    found = sample.components[prompt.component].found
    if rng.random() >= share or not found:
        return prompt
    return replace(prompt, edge_shifts=found[int(rng.integers(len(found)))], is_found=True)


def apply_sample(sample: Sample, draw: SampleDraw, view: View, keeps: float, *, pictures: bool = True) -> Picture:
    """What a network sees of one sample under one draw, and what it should answer; without `pictures` no pixels."""
    augmentation = draw.augmentation
    shape = (sample.scar.shape[0], sample.scar.shape[1])
    middle = _middle(sample, draw)
    boxes = [_box(sample, prompt, augmentation, middle, keeps) for prompt in draw.prompts]
    window = view.window(sample.slice, shape, _lv(sample, draw, middle), boxes[0] if boxes else None, middle)
    window = shifted_window(window, augmentation.translation)
    pixels = None
    if pictures:
        grid = _native_grid(window, view.size, augmentation, middle, shape)
        planes = _sample_context(sample, augmentation, grid, window, view.context)
        scaled = [
            apply_intensity(plane, augmentation, number, view.least_median) for number, plane in enumerate(planes)
        ]
        pixels = torch.from_numpy(np.stack(scaled))
    parts = view.answer_parts(window)
    grid = _native_grid(window, view.answer_size * parts, augmentation, middle, shape)
    answers = functional.avg_pool2d(_sample(_targets(sample, draw), grid), parts)
    classes = _classes(answers[:3], knows_anatomy=sample.lv is not None and sample.myocardium is not None)
    masks, soft = (answers[3::2] >= 0.5).float(), answers[4::2]
    asked = [view.prompt(window, box, is_first=number == 0) for number, box in enumerate(boxes)]
    # A window around the LV may leave a distant component out; then there is nothing to ask for.
    kept = [n for n, corners in enumerate(asked) if corners is not None and bool(masks[n].any())]
    corners = [(c[1], c[0], c[3], c[2]) for n in kept if (c := asked[n]) is not None]
    return Picture(
        window, pixels, classes, torch.tensor(corners, dtype=torch.float32).reshape(-1, 4), masks[kept], soft[kept]
    )


def _targets(sample: Sample, draw: SampleDraw) -> npt.NDArray[np.float32]:
    """Planes (3 + 2 P, Y, X): scar, myocardium, LV (scar where unknown), then target and soft target per prompt."""
    planes: list[npt.NDArray[np.generic]] = [sample.scar]
    planes.append(sample.scar if sample.myocardium is None else sample.myocardium)
    planes.append(sample.scar if sample.lv is None else sample.lv)
    for prompt in draw.prompts:
        component = sample.components[prompt.component]
        planes += [component.target, component.soft]
    return np.stack([np.asarray(plane, np.float32) for plane in planes])


def _classes(answers: Tensor, *, knows_anatomy: bool) -> Tensor:
    """Class of every sample from interpolated (scar, myocardium, LV) masks."""
    scar, myocardium, lv = (answers[n] >= 0.5 for n in range(3))
    if not knows_anatomy:
        return torch.where(scar, SCAR, NOT_SCAR)
    classes = torch.where(lv, CAVITY, 0)
    classes = torch.where(myocardium, MYOCARDIUM, classes)
    return torch.where(scar, SCAR, classes)


def _middle(sample: Sample, draw: SampleDraw) -> npt.NDArray[np.float64]:
    """Fixed point of the augmentation's matrix: the middle of what the window is about."""
    outline = sample.outline
    if not draw.around_lv and draw.prompts:
        outline = sample.components[draw.prompts[0].component].outline
    if outline is None:
        return np.array(sample.scar.shape, dtype=np.float64) / 2
    return np.asarray((outline.min(axis=0) + outline.max(axis=0)) / 2 + 0.5, dtype=np.float64)


def _box(
    sample: Sample, prompt: PromptDraw, augmentation: Augmentation, middle: npt.NDArray[np.float64], keeps: float
) -> Corners:
    """The box of one prompt after augmentation. A detector's error is the same share of the warped box as it was."""
    outline = _warp(sample.components[prompt.component].outline, augmentation, middle)
    return apply_edge_shifts(
        _hull(outline, augmentation), prompt.edge_shifts, outline, 0.0 if prompt.is_found else keeps
    )


def _lv(sample: Sample, draw: SampleDraw, middle: npt.NDArray[np.float64]) -> Corners | None:
    """The LV's box after augmentation, its edges shifted; None where the window does not lie around it."""
    if not draw.around_lv or sample.outline is None:
        return None
    corners = np.array(_hull(_warp(sample.outline, draw.augmentation, middle), draw.augmentation))
    height, width = corners[2] - corners[0], corners[3] - corners[1]
    top, left, bottom, right = corners + draw.lv_shifts * np.array([height, width, height, width])
    return (float(top), float(left), float(bottom), float(right))


def _warp(
    outline: npt.NDArray[np.float64], augmentation: Augmentation, middle: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Positions (K, 2) of pixel centres after the matrix."""
    return np.asarray((outline + 0.5 - middle) @ augmentation.matrix.T + middle, dtype=np.float64)


def _hull(outline: npt.NDArray[np.float64], augmentation: Augmentation) -> Corners:
    """Box around warped pixels."""
    # A pixel is a square of side 1, and its image under the matrix reaches this far from its centre.
    reach = np.abs(augmentation.matrix).sum(axis=1) / 2
    low, high = outline.min(axis=0) - reach, outline.max(axis=0) + reach
    return (float(low[0]), float(low[1]), float(high[0]), float(high[1]))


def _native_grid(
    window: Window, size: int, augmentation: Augmentation, middle: npt.NDArray[np.float64], shape: tuple[int, ...]
) -> Tensor:
    """Where on the slice `size` × `size` samples of the window lie, as grid_sample wants it: (1, size, size, 2)."""
    side = window.row_max - window.row_min
    centres = (np.arange(size) + 0.5) / size
    offsets = np.stack(np.meshgrid(centres, centres, indexing="ij")) + apply_elastic(augmentation, size)
    points = offsets.reshape(2, -1).T * side + np.array([window.row_min, window.col_min])
    native = (points - middle) @ np.linalg.inv(augmentation.matrix).T + middle
    scaled = native / np.array(shape) * 2 - 1
    return torch.from_numpy(scaled[:, ::-1].reshape(1, size, size, 2).astype(np.float32))


def _sample_context(
    sample: Sample, augmentation: Augmentation, grid: Tensor, window: Window, context: int
) -> npt.NDArray[np.float32]:
    """The slice and its neighbours (1 + 2 context, S, S), each neighbour a little out of place as breath holds are."""
    indices = context_slices(sample.slice, len(sample.volume), context)
    if augmentation.reverses_context:
        indices = indices[::-1]
    if augmentation.drops_context:
        indices = (sample.slice,) * len(indices)
    planes = []
    side = window.row_max - window.row_min
    for position, index in enumerate(indices):
        shift = augmentation.slice_shift * (position - context) * side if index != sample.slice else np.zeros(2)
        offset = (shift / np.array(sample.scar.shape) * 2)[::-1].astype(np.float32)
        moved = grid + torch.from_numpy(offset.copy())
        planes.append(_sample(_signal(sample, index, augmentation)[None], moved)[0].numpy())
    return np.stack(planes)


def _signal(sample: Sample, index: int, augmentation: Augmentation) -> npt.NDArray[np.float32]:
    """A slice (Y, X), folded where the draw nulls healthy myocardium: on native pixels, as scanners do."""
    if augmentation.nulled_sds is None or sample.healthy is None:
        return sample.volume[index]
    median, spread = sample.healthy[index]
    return fold_signal(sample.volume[index], median + augmentation.nulled_sds * spread)


def _sample(planes: npt.NDArray[np.float32], grid: Tensor) -> Tensor:
    """Bilinear samples of (C, Y, X) planes at a (1, S, S, 2) grid → (C, S, S), edges repeated."""
    source = torch.from_numpy(np.ascontiguousarray(planes))[None]
    return functional.grid_sample(source, grid, mode="bilinear", padding_mode="border", align_corners=False)[0]
