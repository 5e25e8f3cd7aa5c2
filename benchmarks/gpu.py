"""What a GPU brings: against segment-anything's predictor, in slices per second, and against what it can multiply.

    python benchmarks/gpu.py [--device cuda] [--slices 64] [--bundled-slices 512] [--image-size 1024] [--json FILE]

sam        Segment Anything ViT-B with random weights, `--slices` slices of 256 × 256 px with three boxes each:
           `segment_prompts` against a float32 loop of `SamPredictor.set_image` and `predict` on the same device with
           the same boxes. Limit: at least 5 times as fast.
peak       Operations of the image encoder's pass, as torch counts them, over its time, against what the same device
           reaches in one large product of matrices in the same precision.
bundled    `segment_prompts` with the bundled weights, one box per slice, and its U-Net alone, in the batches that the
           program takes; limit: 1,000 slices per second of the latter. Masks in the device's precision against float32
           (limit: DSC 0.995), where the device has another.
yolo       The bundled YOLO on all slices at once against one by one.

`--device cpu --image-size 256 --slices 2 --bundled-slices 4` shows that it works, and limits are not looked at there.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from bare_network import distinct_slices
from machine import describe_machine, machine_line
from segment_anything import SamPredictor
from segment_anything.modeling import Sam
from torch.utils.flop_counter import FlopCounterMode

from napari_scarseg.core.box import Box
from napari_scarseg.core.config import Device
from napari_scarseg.core.intensity import scale_pixels
from napari_scarseg.core.masks import compose_labels
from napari_scarseg.core.protocols import EngineInfo, Prompt
from napari_scarseg.engines import load_segmenter
from napari_scarseg.engines.acceleration import running
from napari_scarseg.engines.catalogue import resolve_weights
from napari_scarseg.engines.device import resolve_device
from napari_scarseg.engines.official_sam import OfficialSam
from napari_scarseg.engines.pipeline import batch_size, segment_prompts
from napari_scarseg.engines.sam_network import VIT_B, SamNetwork
from napari_scarseg.engines.segmenter import load_small_segmenter
from napari_scarseg.engines.vit_attention import use_flash_attention
from napari_scarseg.engines.yolo import load_yolo
from napari_scarseg.phantom import make_phantom

BOXES_PER_SLICE = 3
PREDICTOR_LIMIT, SLICES_LIMIT, DSC_LIMIT = 5.0, 1000.0, 0.995
_MATRIX = {"cuda": 8192, "mps": 4096, "cpu": 1024}


def wall(call: Callable[[], object], device: torch.device, repeats: int = 3) -> float:
    """Median seconds until the device is done, after one call that is not counted."""

    def wait() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        elif device.type == "mps":
            torch.mps.synchronize()

    call()
    times = []
    for _ in range(repeats):
        wait()
        start = time.perf_counter()
        call()
        wait()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def random_prompts(slices: int, per_slice: int) -> list[Prompt]:
    """Boxes at random places of slices of 256 × 256 px."""
    rng = np.random.default_rng(1)
    prompts = []
    for z in range(slices):
        for number in range(per_slice):
            row, col, height, width = *rng.uniform(40, 180, 2), *rng.uniform(15, 50, 2)
            prompts.append(Prompt(Box(z, row, col, row + height, col + width, lesion_id=number + 1)))
    return prompts


def time_sam(device: torch.device, slices: int, image_size: int) -> dict[str, Any]:
    """ViT-B: ours against the predictor's loop, and the encoder's share of what the device can do."""
    torch.manual_seed(0)
    theirs = SamNetwork(replace(VIT_B, image_size=image_size)).eval().to(device)
    sam = Sam(theirs.image_encoder, theirs.prompt_encoder, theirs.mask_decoder).eval().to(device)
    torch.manual_seed(0)
    network = SamNetwork(replace(VIT_B, image_size=image_size)).eval().to(device)
    use_flash_attention(network.image_encoder)
    segmenter = OfficialSam(network, EngineInfo("sam-vit-b", "0" * 64, device.type, "Apache-2.0"))
    predictor = SamPredictor(sam)
    data = distinct_slices(make_phantom(15).stack.data, slices)
    prompts = random_prompts(slices, BOXES_PER_SLICE)

    def ours() -> None:
        for _ in segment_prompts(data, prompts, segmenter):
            pass

    def loop() -> None:
        for z in range(slices):
            grey = np.rint(scale_pixels(data[z]) * 255).astype(np.uint8)
            predictor.set_image(np.repeat(grey[..., None], 3, axis=2))
            for prompt in prompts[z * BOXES_PER_SLICE : (z + 1) * BOXES_PER_SLICE]:
                corners = np.array(prompt.box.corners)[[1, 0, 3, 2]]
                predictor.predict(box=corners, multimask_output=False)

    ours_s, loop_s = wall(ours, device), wall(loop, device, repeats=1)
    size = batch_size(segmenter)
    images = torch.rand(size, 3, image_size, image_size, device=device)
    precision = getattr(torch, segmenter.info.precision)
    with running(device, precision):
        with FlopCounterMode(display=False) as counter:
            network.image_encoder(images)
        encoder_s = wall(lambda: network.image_encoder(images), device)
    reached = counter.get_total_flops() / encoder_s
    peak = product_rate(device, precision)
    return {
        "slices": slices,
        "boxes_per_slice": BOXES_PER_SLICE,
        "batch": size,
        "precision": segmenter.info.precision,
        "ours_s": ours_s,
        "predictor_s": loop_s,
        "times_as_fast": loop_s / ours_s,
        "encoder_share_of_ours": encoder_s / size * slices / ours_s,
        "encoder_tflops_per_s": reached / 1e12,
        "product_tflops_per_s": peak / 1e12,
        "share_of_product": reached / peak,
    }


def product_rate(device: torch.device, precision: torch.dtype) -> float:
    """Operations per second of one large product of matrices."""
    side = _MATRIX[device.type]
    a, b = (torch.rand(side, side, device=device, dtype=precision) for _ in range(2))
    return 2 * side**3 / wall(lambda: a @ b, device, repeats=10)


def time_bundled(device: torch.device, slices: int) -> dict[str, Any]:
    """The bundled segmenter on one box per slice, its U-Net alone, and its masks against those in float32."""
    phantom = make_phantom(15)
    hearts = len(phantom.stack.data)
    data = distinct_slices(phantom.stack.data, slices)
    # Boxes round scar, so that there are masks to compare.
    prompts = []
    for z in range(slices):
        rows, cols = np.nonzero(phantom.labels[z % hearts] >= 3)
        if len(rows):
            box = Box(z, float(rows.min()), float(cols.min()), rows.max() + 1.0, cols.max() + 1.0, lesion_id=1)
            prompts.append(Prompt(box))
    kind = Device(device.type)
    segmenter = load_segmenter(device=kind)
    whole_s = wall(lambda: list(segment_prompts(data, prompts, segmenter)), device)
    inner = getattr(segmenter, "_inner", segmenter)
    network, size = inner._network, batch_size(segmenter)
    windows = torch.rand(size, 3, 96, 96, device=device).contiguous(memory_format=torch.channels_last)
    with running(device, getattr(torch, inner.info.precision)):
        encoder_s = wall(lambda: network.encode(windows), device, repeats=20)
    path = resolve_weights("lge-segmenter").path
    full = load_small_segmenter(path, "lge-segmenter", kind, None)
    low = load_small_segmenter(path, "lge-segmenter", kind, None)
    full._precision = torch.float32
    return {
        "slices": slices,
        "boxes": len(prompts),
        "batch": size,
        "precision": inner.info.precision,
        "boxes_per_s": len(prompts) / whole_s,
        "encoder_slices_per_s": size / encoder_s,
        "dsc_against_float32": lowest_dsc(data, prompts, low, full),
    }


def lowest_dsc(data: np.ndarray, prompts: list[Prompt], one: Any, other: Any) -> float:
    """Lowest DSC over slices of the masks of two segmenters; 1 where both are empty."""
    lowest = 1.0
    masks = [{mask.slice: mask for mask in segment_prompts(data, prompts, network)} for network in (one, other)]
    for z in masks[0]:
        first, second = (
            compose_labels([found[z]], data.shape[1:], one.info.threshold_logit) > 0 for found in masks
        )  # fmt: skip
        total = first.sum() + second.sum()
        if total:
            lowest = min(lowest, float(2 * (first & second).sum() / total))
    return lowest


def time_yolo(device: torch.device, slices: int) -> dict[str, Any]:
    """YOLO on all slices at once against one by one."""
    data = distinct_slices(make_phantom(15).stack.data, slices)
    yolo = load_yolo(resolve_weights("lge-detector").path, "lge-detector", Device(device.type))
    together_s = wall(lambda: yolo.detect(data, range(slices)), device)
    alone_s = wall(lambda: [yolo.detect(data, [z]) for z in range(slices)], device, repeats=1)
    return {"slices": slices, "together_s": together_s, "one_by_one_s": alone_s, "times_as_fast": alone_s / together_s}


def main() -> int:
    """Measure, print, exit 1 where a GPU misses a limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", type=Device, default=Device.CUDA)
    parser.add_argument("--slices", type=int, default=64)
    parser.add_argument("--bundled-slices", type=int, default=512)
    parser.add_argument("--image-size", type=int, default=1024)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    device = resolve_device(options.device)
    machine = describe_machine()
    print(machine_line(machine))
    results: dict[str, Any] = {"machine": machine, "device": device.type}
    for name, measure in (
        ("sam", lambda: time_sam(device, options.slices, options.image_size)),
        ("bundled", lambda: time_bundled(device, options.bundled_slices)),
        ("yolo", lambda: time_yolo(device, options.bundled_slices)),
    ):
        results[name] = measure()
        print(f"\n{name}")
        for key, value in results[name].items():
            print(f"  {key:24}{value:>14.4g}" if isinstance(value, float) else f"  {key:24}{value:>14}", flush=True)
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    if device.type == "cpu":
        return 0
    met = (
        results["sam"]["times_as_fast"] >= PREDICTOR_LIMIT
        and results["bundled"]["encoder_slices_per_s"] >= SLICES_LIMIT
        and results["bundled"]["dsc_against_float32"] >= DSC_LIMIT
    )
    return int(not met)


if __name__ == "__main__":
    sys.exit(main())
