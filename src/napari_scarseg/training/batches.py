"""From samples to batches. Batch n of a seed is always the same batch, however it is cut into pieces."""

import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from napari_scarseg.core.windows import Window
from napari_scarseg.errors import ScarSegError
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


Groups = Sequence[tuple[Sequence[Sample], float]]


class _Made(NamedTuple):
    """A piece as it crosses from process to process: of its samples only where they stand in the groups."""

    batch: Batch
    places: tuple[tuple[int, int], ...]
    windows: tuple[Window, ...]


def draw_batches(
    groups: Groups,
    view: View,
    ranges: AugmentationRanges,
    shares: PromptShares,
    plan: BatchPlan,
    *,
    seed: int,
    first_step: int,
    steps: int,
    workers: int = 0,
) -> Iterator[list[Piece]]:
    """The pieces of steps `first_step` … `steps` - 1, the next steps' made while the network works on this one's.

    `groups` are lists of samples with the probability that a sample comes from each. A step's random numbers depend on
    the seed and the step alone, so a resumed run sees what an uninterrupted one would have seen, and the batch is the
    same however many pieces and processes share it, and whoever makes it: a thread, or so many `workers` (processes).
    """
    maker = _Maker(groups, view, ranges, shares, plan, seed)
    made_by = _made_by_thread(maker, first_step, steps)
    if workers:
        made_by = _made_by_workers(maker, first_step, steps, workers)
    for made in made_by:
        yield [Piece(one.batch, tuple(groups[group][0][n] for group, n in one.places), one.windows) for one in made]


class _Maker(Dataset[list[_Made]]):
    """Makes the pieces of any step."""

    def __init__(
        self,
        groups: Groups,
        view: View,
        ranges: AugmentationRanges,
        shares: PromptShares,
        plan: BatchPlan,
        seed: int,
    ) -> None:
        self._groups, self._view, self._ranges, self._shares = groups, view, ranges, shares
        self._plan, self._seed = plan, seed
        weights = np.array([weight for _, weight in groups], dtype=np.float64)
        self._probabilities = weights / weights.sum()

    def __getitem__(self, step: int) -> list[_Made]:
        rng = np.random.default_rng((self._seed, step))
        places: list[tuple[int, int]] = []
        draws: list[SampleDraw] = []
        for _ in range(self._plan.batch_size):
            group = int(rng.choice(len(self._groups), p=self._probabilities))
            samples = self._groups[group][0]
            place = (group, int(rng.integers(len(samples))))
            places.append(place)
            draws.append(draw_sample(rng, samples[place[1]], self._ranges, self._shares, pictures=self._plan.pictures))
        return [self._piece([places[n] for n in own], [draws[n] for n in own]) for own in self._plan.own_pieces()]

    def _piece(self, places: Sequence[tuple[int, int]], draws: Sequence[SampleDraw]) -> _Made:
        keeps, pictures = self._ranges.jitter_keeps, self._plan.pictures
        parts = [
            apply_sample(self._groups[group][0][n], draw, self._view, keeps, pictures=pictures)
            for (group, n), draw in zip(places, draws, strict=True)
        ]
        return _Made(join_pictures(parts), tuple(places), tuple(part.window for part in parts))


def _made_by_thread(maker: _Maker, first_step: int, steps: int) -> Iterator[list[_Made]]:
    with ThreadPoolExecutor(max_workers=1) as pool:
        pending = pool.submit(maker.__getitem__, first_step)
        for step in range(first_step, steps):
            made = pending.result()
            if step + 1 < steps:
                pending = pool.submit(maker.__getitem__, step + 1)
            yield made


def _made_by_workers(maker: _Maker, first_step: int, steps: int, workers: int) -> Iterator[list[_Made]]:
    # Steps take the place of samples: each is a batch already, and comes as it is. A fork shares the samples and needs
    # nothing of the calling script; where there is none, every process gets a copy of them.
    loader = DataLoader(
        maker,
        batch_size=None,
        sampler=range(first_step, steps),
        num_workers=workers,
        collate_fn=_as_it_is,
        multiprocessing_context="fork" if sys.platform == "linux" else None,
        # Of its own, so that torch's random numbers go on as with a thread.
        generator=torch.Generator(),
    )
    try:
        yield from loader
    except RuntimeError as cause:
        if "DataLoader worker" not in str(cause):
            raise
        raise ScarSegError(
            "A process that makes the training's batches ended, perhaps for want of memory or of shared memory; go on "
            "with --resume and workers = 0."
        ) from cause


def _as_it_is(made: list[_Made]) -> list[_Made]:
    return made


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
