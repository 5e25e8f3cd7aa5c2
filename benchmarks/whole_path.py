"""Where the time goes from a file to labels, measures and a picture, and how much memory it takes.

    python benchmarks/whole_path.py [--slices 1,12,500] [--segmenters bundled,sam-vit-b] [--device cpu] [--json FILE]

One stack per number of slices: phantom slices of 256 × 256 px (512 × 512 from 100 slices on), none like another. Steps:

read       `read_stack` on the NIfTI file
transfer   the stack's way into the engine process: hash, copy into shared memory, attach
detect     boxes and LV, slice by slice, in this process: scale (intensities and crops), locate (YOLO), look (U-Net)
segment    scale, encode, decode, paste, and measure: labels to the table
write      labels, boxes, tables and records
draw       the overview picture, of at most 12 slices

Networks are timed within their steps; what remains of a step is ours. ViT-B has random weights, which cost the same as
trained ones; its boxes are the bundled detector's. Wall and processor time; peak memory of the whole process, its
libraries included, step by step where the system can say (Linux).
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

import numpy as np
import torch
from bare_network import distinct_slices
from machine import describe_machine, machine_line

from napari_scarseg.cli.flow import Detected, detect_stack, run_to_end, segment_stack
from napari_scarseg.cli.pictures import draw_overview
from napari_scarseg.cli.results import write_segmented
from napari_scarseg.core.config import DetectConfig, Device, SegmentConfig
from napari_scarseg.core.protocols import EngineInfo
from napari_scarseg.core.stack import Stack
from napari_scarseg.engines import load_detector, load_segmenter, window_answers
from napari_scarseg.engines import segmenter as small_segmenter
from napari_scarseg.engines.official_sam import OfficialSam
from napari_scarseg.engines.open_stacks import OpenStacks
from napari_scarseg.engines.sam_network import VIT_B, SamNetwork
from napari_scarseg.engines.shared_volume import AttachedVolume
from napari_scarseg.engines.vit_attention import use_flash_attention
from napari_scarseg.io import read_stack
from napari_scarseg.io.write_image import write_stack_nifti
from napari_scarseg.measure.figure_files import FigureFormat, render_figure
from napari_scarseg.phantom import make_phantom

LARGE_SLICES, LARGE_PX = 100, 512
DRAWN_SLICES = 12


_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def reset_peak() -> None:
    """Let the peak of this process's memory be what it has now, where the system can."""
    if _RESET.exists():
        _RESET.write_text("5", encoding="ascii")


def peak_mb() -> float | None:
    """Peak of this process's memory since `reset_peak`, in MB of 2²⁰ bytes; None where the system does not say."""
    if not _STATUS.exists():
        return None
    lines = _STATUS.read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


class Clock:
    """Wall and processor seconds by step, inner steps also within their outer one; peak memory of outer ones."""

    def __init__(self) -> None:
        self.wall: dict[str, float] = {}
        self.cpu: dict[str, float] = {}
        self.peak: dict[str, float | None] = {}
        self._replaced: list[tuple[Any, str, Any]] = []

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            self.wall[name] = self.wall.get(name, 0.0) + time.perf_counter() - wall
            self.cpu[name] = self.cpu.get(name, 0.0) + time.process_time() - cpu

    @contextmanager
    def outer(self, name: str) -> Iterator[None]:
        """As `step`, with the peak of the memory."""
        reset_peak()
        with self.step(name):
            yield
        self.peak[name] = peak_mb()

    def around(self, owner: Any, name: str, title: str) -> None:
        """Time every call of `owner.name`; on a GPU until it is done."""
        inner = getattr(owner, name)

        def timed(*given: Any, **named: Any) -> Any:
            with self.step(title):
                answer = inner(*given, **named)
                if torch.cuda.is_available():
                    torch.cuda.synchronize()
                return answer

        self._replaced.append((owner, name, inner))
        setattr(owner, name, timed)

    def take_off(self) -> None:
        """Put back every function that was timed."""
        while self._replaced:
            setattr(*self._replaced.pop())


def make_stack(slices: int) -> Stack:
    """So many phantom slices, enlarged by repetition of pixels where there are many."""
    stack = make_phantom(15).stack
    data = distinct_slices(stack.data, slices)
    if slices >= LARGE_SLICES:
        data = data.repeat(LARGE_PX // data.shape[1], axis=1).repeat(LARGE_PX // data.shape[2], axis=2)
    return replace(stack, data=np.rint(data).clip(0, 65535).astype(np.uint16), stem=f"stack{slices}")


def random_sam(device: Device) -> OfficialSam:
    """ViT-B with random weights."""
    torch.manual_seed(0)
    network = SamNetwork(VIT_B)
    use_flash_attention(network.image_encoder)
    where = "cuda" if device is Device.CUDA else "cpu"
    return OfficialSam(network.to(where), EngineInfo("sam-vit-b", "0" * 64, where, "Apache-2.0"))


def run_once(path: Path, folder: Path, networks: dict[str, Any], device: Device) -> dict[str, Any]:
    """One stack through the whole path."""
    clock = Clock()
    with clock.outer("read"):
        stack = replace(read_stack(path), stem=path.name.partition(".")[0])
    with clock.outer("transfer"):
        stacks = OpenStacks()
        handle = stacks.handle(stacks.open(stack.data))
        attached = AttachedVolume(handle)
    attached.close()
    if handle.name is not None and sys.version_info < (3, 13):
        # Attaching takes the name off the list of its process, which here is the owner's too.
        resource_tracker.register(f"/{handle.name}", "shared_memory")
    stacks.close()
    clock.around(window_answers, "crop_context", "scale")
    clock.around(small_segmenter, "crop_context", "scale")
    clock.around(small_segmenter, "scale_pixels", "scale")
    detector, segmenter = networks["detector"], networks["segmenter"]
    inner = getattr(detector, "_inner", detector)
    inner._shown.clear()
    clock.around(inner._yolo._network, "forward", "locate: network")
    clock.around(inner._segmenter._network, "encode", "look: network")
    network = getattr(segmenter, "_inner", segmenter)._network
    if hasattr(network, "image_encoder"):
        clock.around(network.image_encoder, "forward", "encode: network")
        clock.around(network.mask_decoder, "paired_masks", "decode: network")
    else:
        clock.around(network, "encode", "encode: network")
        clock.around(network, "decode", "decode: network")
    config = DetectConfig(device=device)
    with clock.outer("detect"):
        detected: Detected = run_to_end(detect_stack(stack, detector, config))
    with clock.outer("segment and measure"):
        steps = segment_stack(stack, detected.scars, segmenter, SegmentConfig(device=device), lvs=detected.lvs)
        segmented = run_to_end(steps)
    with clock.outer("write"):
        write_segmented(folder, stack, detected, segmented, (config, SegmentConfig(device=device)))
    with clock.outer("draw"):
        some = replace(stack, data=stack.data[:DRAWN_SLICES])
        boxes = [box for box in segmented.boxes if box.slice < DRAWN_SLICES]
        figure = draw_overview(some, boxes, segmented.labels[:DRAWN_SLICES])
        (folder / "overview.png").write_bytes(render_figure(figure, FigureFormat.PNG))
    clock.take_off()
    return {"wall_s": clock.wall, "cpu_s": clock.cpu, "peak_mb": clock.peak, "boxes": len(detected.scars)}


def main() -> int:
    """Run, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slices", default="1,12,500")
    parser.add_argument("--segmenters", default="bundled,sam-vit-b")
    parser.add_argument("--device", type=Device, default=Device.CPU)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    machine = describe_machine()
    print(machine_line(machine))
    results: dict[str, Any] = {"machine": machine, "runs": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for which in options.segmenters.split(","):
            segmenter = load_segmenter(device=options.device) if which == "bundled" else random_sam(options.device)
            networks = {"detector": load_detector(device=options.device), "segmenter": segmenter}
            for count in (int(text) for text in options.slices.split(",")):
                path = folder / f"stack{count}.nii.gz"
                if not path.exists():
                    write_stack_nifti(path, make_stack(count))
                runs = []
                for _ in range(options.repeats if count < LARGE_SLICES else 1):
                    runs.append(run_once(path, folder, networks, options.device))
                steps = {
                    step: {
                        "wall_s": float(np.median([run["wall_s"].get(step, 0.0) for run in runs])),
                        "cpu_s": float(np.median([run["cpu_s"].get(step, 0.0) for run in runs])),
                        "peak_mb": runs[-1]["peak_mb"].get(step),
                    }
                    for step in dict.fromkeys(step for run in runs for step in run["wall_s"])
                }
                boxes = runs[-1]["boxes"]
                results["runs"].append({"segmenter": which, "slices": count, "boxes": boxes, "steps": steps})
                print(f"\n{which}, {count} slices, {boxes} boxes")
                for step, spent in steps.items():
                    memory = "" if spent["peak_mb"] is None else f"{spent['peak_mb']:10.0f} MB"
                    print(f"  {step:24}{1e3 * spent['wall_s']:10.1f} ms{1e3 * spent['cpu_s']:10.1f} ms CPU{memory}")
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
