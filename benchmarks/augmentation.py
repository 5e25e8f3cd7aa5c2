"""How long a batch takes to make, against the training step of the small network that learns from it.

    python benchmarks/augmentation.py [--rounds N] [--workers 2]

Batches are made in a thread beside the network: below a ratio of 1 the network never waits. Both run in turn in one
process on one thread, the best of several rounds counts, and only the ratios are a result: machines differ. Prints them
as JSON, with what each augmentation alone adds to a batch that has none; 1 where the ratio is above the limit.

Beside a fast network processes make the batches: how many times as many per second as the thread, for so many workers
with nothing else to do, their start not counted.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from machine import best_time

from napari_scarseg.core.case import Phase
from napari_scarseg.datasets import CaseRecord, LabelledCase
from napari_scarseg.phantom import make_phantom
from napari_scarseg.training.augmentation import Augmentation, identity_augmentation
from napari_scarseg.training.batches import Batch, BatchPlan, draw_batches, join_pictures
from napari_scarseg.training.config import AugmentationRanges, DatasetPart, NetworkSize, PromptShares, SegmenterTraining
from napari_scarseg.training.lesson import Lesson, PieceShares
from napari_scarseg.training.samples import Sample, Softening, collect_samples
from napari_scarseg.training.sampling import SampleDraw, apply_sample, draw_sample
from napari_scarseg.training.taught_small import TaughtSmall
from napari_scarseg.training.views import SmallView

BATCH = 16
TIMED = 40
LIMIT = 1.0
# The bundled network's; see configs/segmenter.toml.
SIZE = NetworkSize(window_size=96, lv_factor=1.3)

# What is timed alone, and the fields of a draw that make it.
ALONE = {
    "affine and elastic": ("matrix", "displacement"),
    "gamma": ("gamma",),
    "adaptive equalisation": ("equalises",),
    "display window": ("clip",),
    "bias field": ("bias",),
    "blur": ("blur_sigma_samples",),
    "Rician noise": ("noise_sd", "noise_seed"),
    "magnitude": ("null",),
    "neighbours": ("slice_shift", "reverses_context"),
}


def phantom_samples() -> list[Sample]:
    """Slices of two phantoms."""
    cases = []
    for seed in (1, 2):
        phantom = make_phantom(seed, Phase.ACUTE)
        record = CaseRecord(str(seed), Path("i"), Path("l"), "", "", Phase.ACUTE, None, (3, 4), (2, 3, 4), (1,))
        scar, muscle = np.isin(phantom.labels, (3, 4)), np.isin(phantom.labels, (2, 3, 4))
        cases.append(LabelledCase(record, phantom.stack, scar, phantom.labels > 0, muscle))
    return [sample for sample in collect_samples(cases, Softening()) if sample.components]


def make_batch(samples: list[Sample], view: SmallView, change: Callable[[Augmentation], Augmentation]) -> Batch:
    """A batch of one seed, its augmentations passed through `change`."""
    rng, ranges = np.random.default_rng(0), AugmentationRanges()
    parts = []
    for n in range(BATCH):
        sample = samples[n % len(samples)]
        draw = draw_sample(rng, sample, ranges, PromptShares())
        changed = SampleDraw(change(draw.augmentation), draw.prompts, draw.around_lv, draw.lv_shifts)
        parts.append(apply_sample(sample, changed, view, ranges.jitter_keeps))
    return join_pictures(parts)


def only(names: tuple[str, ...]) -> Callable[[Augmentation], Augmentation]:
    """Keep some fields of a draw, and switch on for every sample what is drawn for some."""
    always = {
        "equalises": True,
        "clip": (0.1, 0.8),
        "bias": np.full(5, 0.2),
        "blur_sigma_samples": 1.6,
        "noise_sd": 0.06,
        "null": 0.2,
    }

    def change(drawn: Augmentation) -> Augmentation:
        return replace(identity_augmentation(), **{n: always.get(n, getattr(drawn, n)) for n in names})

    return change


def batches_per_second(samples: list[Sample], view: SmallView, workers: int) -> float:
    """Wall rate over `TIMED` batches that nobody learns from, after as many that warm up."""
    steps = draw_batches(
        [(samples, 1.0)],
        view,
        AugmentationRanges(),
        PromptShares(),
        BatchPlan(BATCH),
        seed=0,
        first_step=0,
        steps=2 * TIMED,
        workers=workers,
    )
    for _ in range(TIMED):
        next(steps)
    start = time.perf_counter()
    for _ in steps:
        pass
    return TIMED / (time.perf_counter() - start)


def main() -> int:
    """Print times and ratios as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    rounds = options.rounds
    torch.set_num_threads(1)
    torch.manual_seed(0)
    samples, view = phantom_samples(), SmallView(SIZE.build())
    config = SegmenterTraining(datasets=(DatasetPart(path=Path("none.csv")),), network=SIZE)
    lesson = Lesson(TaughtSmall(SIZE, None), config)
    optimizer = torch.optim.AdamW(lesson.parameters(), lr=1e-3)
    batch = make_batch(samples, view, lambda drawn: drawn)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        lesson(batch, PieceShares(1.0, 1.0), None).backward()
        optimizer.step()

    step_s = best_time(step, rounds)
    batch_s = best_time(lambda: make_batch(samples, view, lambda drawn: drawn), rounds)
    plain_s = best_time(lambda: make_batch(samples, view, only(())), rounds)
    alone = {
        name: best_time(lambda kept=fields: make_batch(samples, view, only(kept)), rounds)
        for name, fields in ALONE.items()
    }
    rates = {count: batches_per_second(samples, view, count) for count in (0, options.workers)}
    result = {
        "batch": BATCH,
        "window": SIZE.window_size,
        "step_s": round(step_s, 3),
        "batch_s": round(batch_s, 3),
        "ratio": round(batch_s / step_s, 3),
        "limit": LIMIT,
        "workers": options.workers,
        "rate_of_workers_against_thread": round(rates[options.workers] / rates[0], 2),
        "ratio_without_augmentation": round(plain_s / step_s, 3),
        "ratio_added_by": {name: round((seconds - plain_s) / step_s, 3) for name, seconds in alone.items()},
    }
    sys.stdout.write(json.dumps(result, indent=2) + "\n")
    return int(batch_s > LIMIT * step_s)


if __name__ == "__main__":
    raise SystemExit(main())
