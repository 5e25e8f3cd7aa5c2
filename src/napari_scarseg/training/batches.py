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
from napari_scarseg.core.windows import window_around
from napari_scarseg.engines.small_sam import SmallSamConfig
from napari_scarseg.training.augmentation import (
    Augmentation,
    apply_edge_shifts,
    apply_elastic,
    apply_intensity,
    draw_augmentation,
)
from napari_scarseg.training.config import AugmentationRanges
from napari_scarseg.training.samples import Sample


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """B network inputs with their answers.

    Parameters
    ----------
    windows : Tensor (B, 1, S, S), scaled to [0, 1]
    boxes : Tensor (B, 4), x_min, y_min, x_max, y_max on the window's grid
    mask, soft : Tensor (B, S/2, S/2), targets in [0, 1]
    """

    windows: Tensor
    boxes: Tensor
    mask: Tensor
    soft: Tensor


def apply_sample(
    sample: Sample, augmentation: Augmentation, network: SmallSamConfig, keeps: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """One sample as (window (1, S, S), box (4,), mask (S/2, S/2), soft (S/2, S/2))."""
    middle = (sample.outline.min(axis=0) + sample.outline.max(axis=0)) / 2 + 0.5
    outline = (sample.outline + 0.5 - middle) @ augmentation.matrix.T + middle
    # A pixel is a square of side 1, and its image under the matrix reaches this far from its centre.
    reach = np.abs(augmentation.matrix).sum(axis=1) / 2
    low, high = outline.min(axis=0) - reach, outline.max(axis=0) + reach
    corners = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
    shifted = apply_edge_shifts(corners, augmentation, outline, keeps)
    window = window_around(
        Box(0, *shifted), factor=network.window_factor, min_side_px=network.window_min_px, size=network.window_size
    )
    inverse = np.linalg.inv(augmentation.matrix)
    side = window.row_max - window.row_min
    origin = np.array([window.row_min, window.col_min])

    def native_grid(samples: int) -> Tensor:
        centres = (np.arange(samples) + 0.5) / samples
        offsets = np.stack(np.meshgrid(centres, centres, indexing="ij")) + apply_elastic(augmentation, samples)
        points = offsets.reshape(2, -1).T * side + origin
        native = (points - middle) @ inverse.T + middle
        # grid_sample counts from -1 to 1 over the edges of the image, x first.
        scaled = native / np.array(sample.plane.shape) * 2 - 1
        return torch.from_numpy(scaled[:, ::-1].reshape(1, samples, samples, 2).astype(np.float32))

    size = network.window_size
    pixels = _sample(sample.plane[None], native_grid(size))[0]
    targets = _sample(np.stack([sample.target, sample.soft]), native_grid(size // 2))
    scaled = apply_intensity(pixels.numpy(), augmentation)
    row_min, col_min, row_max, col_max = window.corners_to_grid(*shifted)
    box = torch.tensor([col_min, row_min, col_max, row_max], dtype=torch.float32)
    return torch.from_numpy(scaled)[None], box, (targets[0] >= 0.5).float(), targets[1]


def draw_batches(
    groups: Sequence[tuple[Sequence[Sample], float]],
    network: SmallSamConfig,
    ranges: AugmentationRanges,
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
            parts.append(apply_sample(sample, draw_augmentation(rng, ranges), network, ranges.jitter_keeps))
        windows, boxes, masks, softs = (torch.stack(column) for column in zip(*parts, strict=True))
        return Batch(windows, boxes, masks, softs)

    with ThreadPoolExecutor(max_workers=1) as pool:
        pending = pool.submit(make, first_step)
        for step in range(first_step, steps):
            batch = pending.result()
            if step + 1 < steps:
                pending = pool.submit(make, step + 1)
            yield batch


def _sample(planes: npt.NDArray[np.float32], grid: Tensor) -> Tensor:
    """Bilinear samples of (C, Y, X) planes at a (1, S, S, 2) grid → (C, S, S), edges repeated."""
    source = torch.from_numpy(np.ascontiguousarray(planes))[None]
    return functional.grid_sample(source, grid, mode="bilinear", padding_mode="border", align_corners=False)[0]
