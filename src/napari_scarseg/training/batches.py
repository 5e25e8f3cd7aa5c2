"""From samples to batches. Batch n of a seed is always the same batch, however it is cut into pieces."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from napari_scarseg.core.windows import Window
from napari_scarseg.training.config import AugmentationRanges, PromptShares
from napari_scarseg.training.samples import Sample
from napari_scarseg.training.sampling import Picture, SampleDraw, apply_sample, draw_sample
from napari_scarseg.training.views import View


class Batch(NamedTuple):
    """B windows, and N prompts in them, with their answers.

    Parameters
    ----------
    windows : Tensor (B, 1 + 2 context, S, S), scaled to [0, 1]; empty where the windows are encoded elsewhere
    classes : Tensor of int64 (B, A, A)
        Classes of `small_sam`, or `NOT_SCAR` where the labels say no more.
    owners : Tensor of int64 (N,)
        Which window each prompt belongs to, ascending.
    boxes : Tensor (N, 4), x_min, y_min, x_max, y_max on the window's grid (0 … S)
    mask, soft : Tensor (N, A, A), targets in [0, 1]
    """

    windows: Tensor
    classes: Tensor
    owners: Tensor
    boxes: Tensor
    mask: Tensor
    soft: Tensor


class Piece(NamedTuple):
    """A batch, or the piece of one that goes through the network at once, with what its windows show."""

    batch: Batch
    samples: tuple[Sample, ...]
    windows: tuple[Window, ...]


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """How batches are drawn and cut.

    Parameters
    ----------
    batch_size : int
        Windows of a step, over all its pieces and processes.
    accumulate, processes : int
        Their product divides `batch_size`.
    rank : int
        Of this process; it makes its own pieces alone.
    pictures : bool
        Whether windows are cut and augmented; else only boxes and answers are made.
    """

    batch_size: int
    accumulate: int = 1
    processes: int = 1
    rank: int = 0
    pictures: bool = True

    def own_pieces(self) -> list[range]:
        """Positions in the batch of the windows of each of this process's pieces."""
        size = self.batch_size // (self.accumulate * self.processes)
        first = self.rank * self.accumulate
        return [range(n * size, (n + 1) * size) for n in range(first, first + self.accumulate)]


def draw_batches(
    groups: Sequence[tuple[Sequence[Sample], float]],
    view: View,
    ranges: AugmentationRanges,
    shares: PromptShares,
    plan: BatchPlan,
    *,
    seed: int,
    first_step: int,
    steps: int,
) -> Iterator[list[Piece]]:
    """The pieces of steps `first_step` … `steps` - 1, the next step's made while the network works on this one's.

    `groups` are lists of samples with the probability that a sample comes from each. A step's random numbers depend on
    the seed and the step alone, so a resumed run sees what an uninterrupted one would have seen, and the batch is the
    same however many pieces and processes share it.
    """
    probabilities = np.array([weight for _, weight in groups], dtype=np.float64)
    probabilities /= probabilities.sum()

    def make(step: int) -> list[Piece]:
        rng = np.random.default_rng((seed, step))
        drawn: list[tuple[Sample, SampleDraw]] = []
        for _ in range(plan.batch_size):
            samples = groups[int(rng.choice(len(groups), p=probabilities))][0]
            sample = samples[int(rng.integers(len(samples)))]
            drawn.append((sample, draw_sample(rng, sample, ranges, shares, pictures=plan.pictures)))
        return [_piece([drawn[n] for n in own], view, ranges.jitter_keeps, plan.pictures) for own in plan.own_pieces()]

    with ThreadPoolExecutor(max_workers=1) as pool:
        pending = pool.submit(make, first_step)
        for step in range(first_step, steps):
            pieces = pending.result()
            if step + 1 < steps:
                pending = pool.submit(make, step + 1)
            yield pieces


def _piece(drawn: Sequence[tuple[Sample, SampleDraw]], view: View, keeps: float, pictures: bool) -> Piece:
    parts = [apply_sample(sample, draw, view, keeps, pictures=pictures) for sample, draw in drawn]
    return Piece(join_pictures(parts), tuple(sample for sample, _ in drawn), tuple(part.window for part in parts))


def join_pictures(parts: Sequence[Picture]) -> Batch:
    """Pictures as one batch."""
    pixels = [part.pixels for part in parts if part.pixels is not None]
    counts = torch.tensor([len(part.boxes) for part in parts])
    return Batch(
        torch.stack(pixels) if pixels else torch.empty(0),
        torch.stack([part.classes for part in parts]),
        torch.repeat_interleave(torch.arange(len(parts)), counts),
        torch.cat([part.boxes for part in parts]),
        torch.cat([part.mask for part in parts]),
        torch.cat([part.soft for part in parts]),
    )
