"""What a training step costs in full and in half precision, and whether it waits for its batches.

    python benchmarks/training_speed.py [--device auto] [--threads N] [--workers N] [--steps 12] [--json FILE]

The small network's loop (configs/segmenter.toml: 16 windows of 96 samples, all augmentations) on phantoms, with batches
made beside it as in a run. Precisions take turns in one process, many steps each. The share of waiting is the time in
which the network had no batch. An epoch is as many windows as EMIDEC's 80 patients give. Wall times; ratios to fp32.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import torch
from augmentation import BATCH, SIZE, phantom_samples
from machine import describe_machine, machine_line

from napari_scarseg.core.config import Device
from napari_scarseg.engines.device import resolve_device
from napari_scarseg.training.batches import BatchPlan, Piece, draw_batches
from napari_scarseg.training.config import DatasetPart, Precision, SegmenterTraining
from napari_scarseg.training.lesson import Lesson, PieceShares
from napari_scarseg.training.processes import count_workers
from napari_scarseg.training.taught_small import TaughtSmall

# Slices of the 80 patients that show an LV.
EPOCH_WINDOWS = 569
WARM_UP, TURNS = 3, 2


class Loop:
    """One precision's network, optimizer and batches."""

    def __init__(self, precision: Precision, device: torch.device, workers: int | None, steps: int) -> None:
        torch.manual_seed(0)
        config = SegmenterTraining(
            datasets=(DatasetPart(path=Path("none.csv")),), network=SIZE, precision=precision, workers=workers
        )
        taught = TaughtSmall(SIZE, None)
        self._lesson = Lesson(taught, config).to(device)
        self._optimizer = torch.optim.AdamW(self._lesson.parameters(), lr=1e-4)
        self._device = device
        self._batches = draw_batches(
            [(phantom_samples(), 1.0)],
            taught.view,
            config.augmentation,
            config.prompts,
            BatchPlan(BATCH),
            seed=0,
            first_step=0,
            steps=steps + WARM_UP,
            workers=count_workers(config, device.type),
        )

    def step(self) -> tuple[float, float]:
        """Seconds of one step, and those of it that were spent waiting."""
        start = time.perf_counter()
        (piece,) = next(self._batches)
        waited = time.perf_counter() - start
        self._learn(piece)
        return time.perf_counter() - start, waited

    def _learn(self, piece: Piece) -> None:
        batch = type(piece.batch)(*(part.to(self._device, non_blocking=True) for part in piece.batch))
        self._optimizer.zero_grad(set_to_none=True)
        loss = self._lesson(batch, PieceShares(1.0, 1.0), None)
        loss.backward()
        self._optimizer.step()
        # As the trainer, which adds up its losses: the step is done when its loss is known.
        loss.item()


def main() -> int:
    """Take turns, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", type=Device, default=Device.AUTO)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    device = resolve_device(options.device)
    machine = describe_machine()
    print(machine_line(machine))
    # The trainer's fp16 needs scaled gradients, which cost nothing beside the step; bf16 is what it does by itself.
    times: dict[Precision, list[tuple[float, float]]] = {one: [] for one in (Precision.FP32, Precision.BF16)}
    for _ in range(TURNS):
        for one, own in times.items():
            loop = Loop(one, device, options.workers, options.steps)
            own += [loop.step() for _ in range(options.steps + WARM_UP)][WARM_UP:]
    rows: dict[str, Any] = {}
    for one, spent in times.items():
        step_s = statistics.median(seconds for seconds, _ in spent)
        rows[one.value] = {
            "step_s": step_s,
            "against_fp32": step_s / statistics.median(seconds for seconds, _ in times[Precision.FP32]),
            "share_of_waiting": sum(waited for _, waited in spent) / sum(seconds for seconds, _ in spent),
            "windows_per_s": BATCH / step_s,
            "epoch_s": EPOCH_WINDOWS / BATCH * step_s,
        }
        print(
            f"{device.type} {one.value}: step {1e3 * step_s:.0f} ms ({rows[one.value]['against_fp32']:.2f} of fp32), "
            f"waiting {100 * rows[one.value]['share_of_waiting']:.1f} %, an epoch {rows[one.value]['epoch_s']:.1f} s"
        )
    if options.json is not None:
        values = {"machine": machine, "device": device.type, "precisions": rows}
        options.json.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
