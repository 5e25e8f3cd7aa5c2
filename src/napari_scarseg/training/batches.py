"""From samples to network inputs: draw, warp, jitter, crop, scale. Batch n of a seed is always the same batch."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from napari_scarseg.core.box import Box
from napari_scarseg.core.windows import Window, context_slices, window_around
from napari_scarseg.engines.segmenter import box_window, lv_window
from napari_scarseg.engines.small_sam import CAVITY, MYOCARDIUM, SCAR, SmallSamConfig
from napari_scarseg.training.augmentation import (
    Augmentation,
    apply_edge_shifts,
    apply_elastic,
    apply_intensity,
    draw_augmentation,
)
from napari_scarseg.training.config import AugmentationRanges, PromptShares
from napari_scarseg.training.samples import Sample

# Class of a sample of which only "not scar" is known.
NOT_SCAR = -1

Corners = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """B network inputs with their answers.

    Parameters
    ----------
    windows : Tensor (B, 1 + 2 context, S, S), scaled to [0, 1]
    classes : Tensor of int64 (B, S, S)
        Classes of `small_sam`, or `NOT_SCAR` where the labels say no more.
    prompted : Tensor of bool (B,)
        Which windows carry a prompt; of the others, box, mask and soft are empty.
    boxes : Tensor (B, 4), x_min, y_min, x_max, y_max on the window's grid
    mask, soft : Tensor (B, S, S), targets in [0, 1]
    """

    windows: Tensor
    classes: Tensor
    prompted: Tensor
    boxes: Tensor
    mask: Tensor
    soft: Tensor


@dataclass(frozen=True, slots=True)
class SampleDraw:
    """What is drawn for one window.

    Parameters
    ----------
    augmentation : Augmentation
    component : int or None
        Index of the component that is asked for; None on a slice without scar.
    around_lv : bool
        Whether the window lies around the LV; else around the box.
    lv_shifts : ndarray (4,)
        Shift of each edge of the LV's box, in its sides.
    """

    augmentation: Augmentation
    component: int | None
    around_lv: bool
    lv_shifts: npt.NDArray[np.float64]


def draw_batches(
    groups: Sequence[tuple[Sequence[Sample], float]],
    network: SmallSamConfig,
    ranges: AugmentationRanges,
    shares: PromptShares,
    *,
    batch_size: int,
    seed: int,
    first_step: int,
    steps: int,
) -> Iterator[Batch]:
    """Batches for steps `first_step` … `steps` - 1, the next one made while the network works on this one.

    `groups` are lists of samples with the probability that a sample comes from each. A step's random numbers depend on
    the seed and the step alone, so a resumed run sees what an uninterrupted one would have seen.
    """
    probabilities = np.array([weight for _, weight in groups], dtype=np.float64)
    probabilities /= probabilities.sum()

    def make(step: int) -> Batch:
        rng = np.random.default_rng((seed, step))
        parts = []
        for _ in range(batch_size):
            samples = groups[int(rng.choice(len(groups), p=probabilities))][0]
            sample = samples[int(rng.integers(len(samples)))]
            parts.append(apply_sample(sample, draw_sample(rng, sample, ranges, shares), network, ranges.jitter_keeps))
        return Batch(*(torch.stack(column) for column in zip(*parts, strict=True)))

    with ThreadPoolExecutor(max_workers=1) as pool:
        pending = pool.submit(make, first_step)
        for step in range(first_step, steps):
            batch = pending.result()
            if step + 1 < steps:
                pending = pool.submit(make, step + 1)
            yield batch


def draw_sample(
    rng: np.random.Generator, sample: Sample, ranges: AugmentationRanges, shares: PromptShares
) -> SampleDraw:
    """Draw the augmentation, the component that is asked for, and what the window lies around."""
    count = len(sample.components)
    component = int(rng.integers(count)) if count else None
    around_lv = rng.random() < shares.lv_window
    return SampleDraw(
        draw_augmentation(rng, ranges),
        component,
        around_lv=(around_lv or component is None) and sample.outline is not None,
        lv_shifts=rng.uniform(-1, 1, 4) * shares.lv_jitter_fraction,
    )


def apply_sample(sample: Sample, draw: SampleDraw, network: SmallSamConfig, keeps: float) -> tuple[Tensor, ...]:
    """One sample as the columns of a `Batch`."""
    augmentation = draw.augmentation
    middle = _middle(sample, draw)
    box: Corners | None = None
    if draw.component is not None:
        outline = _warp(sample.components[draw.component].outline, augmentation, middle)
        box = apply_edge_shifts(_hull(outline, augmentation), augmentation, outline, keeps)
    window = _window(sample, draw, network, middle, box)
    grid = _native_grid(window, augmentation, middle, sample.scar.shape)
    pixels = _sample_context(sample, augmentation, grid, window, network.context)
    windows = np.stack([apply_intensity(plane, augmentation, number) for number, plane in enumerate(pixels)])
    planes = [sample.scar, sample.scar if sample.myocardium is None else sample.myocardium]
    planes.append(sample.scar if sample.lv is None else sample.lv)
    soft = np.zeros(sample.scar.shape, np.float32)
    if draw.component is not None:
        planes.append(sample.components[draw.component].target)
        soft = sample.components[draw.component].soft
    else:
        planes.append(np.zeros_like(sample.scar))
    answers = _sample(np.stack([np.asarray(plane, np.float32) for plane in planes] + [soft]), grid)
    classes = _classes(answers, knows_anatomy=sample.lv is not None and sample.myocardium is not None)
    corners = torch.zeros(4)
    if box is not None:
        row_min, col_min, row_max, col_max = window.corners_to_grid(*box)
        corners = torch.tensor([col_min, row_min, col_max, row_max], dtype=torch.float32)
    mask = (answers[3] >= 0.5).float()
    # A window around the LV may leave a distant component out; then there is nothing to ask for.
    prompted = torch.tensor(box is not None and bool(mask.any()))
    return torch.from_numpy(windows), classes, prompted, corners, mask, answers[4]


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
    if not draw.around_lv and draw.component is not None:
        outline = sample.components[draw.component].outline
    if outline is None:
        return np.array(sample.scar.shape, dtype=np.float64) / 2
    return np.asarray((outline.min(axis=0) + outline.max(axis=0)) / 2 + 0.5, dtype=np.float64)


def _window(
    sample: Sample, draw: SampleDraw, network: SmallSamConfig, middle: npt.NDArray[np.float64], box: Corners | None
) -> Window:
    if draw.around_lv and sample.outline is not None:
        low_row, low_col, high_row, high_col = _hull(
            _warp(sample.outline, draw.augmentation, middle), draw.augmentation
        )
        height, width = high_row - low_row, high_col - low_col
        shifts = draw.lv_shifts * np.array([height, width, height, width])
        corners = np.array([low_row, low_col, high_row, high_col]) + shifts
        top, left, bottom, right = (float(edge) for edge in corners)
        return lv_window(Box(sample.slice, top, left, bottom, right), network)
    if box is not None:
        return box_window(Box(sample.slice, *box), (sample.scar.shape[0], sample.scar.shape[1]), network)
    return window_around(
        Box(sample.slice, *(middle - 1), *(middle + 1)),
        factor=1,
        min_side_px=network.box_min_px,
        size=network.window_size,
    )


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
    window: Window, augmentation: Augmentation, middle: npt.NDArray[np.float64], shape: tuple[int, ...]
) -> Tensor:
    """Where on the slice every sample of the window lies, as grid_sample wants it: (1, S, S, 2), x first, -1 … 1."""
    size = window.size
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
        planes.append(_sample(sample.volume[index][None], moved)[0].numpy())
    return np.stack(planes)


def _sample(planes: npt.NDArray[np.float32], grid: Tensor) -> Tensor:
    """Bilinear samples of (C, Y, X) planes at a (1, S, S, 2) grid → (C, S, S), edges repeated."""
    source = torch.from_numpy(np.ascontiguousarray(planes))[None]
    return functional.grid_sample(source, grid, mode="bilinear", padding_mode="border", align_corners=False)[0]
