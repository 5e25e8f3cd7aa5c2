"""Whether encoders gain on this CPU from half precision, or from linear layers in int8.

    python benchmarks/cpu_precision.py [--repeats 3] [--image-size 1024]

One pass of Segment Anything's ViT-B with random weights and one of the bundled U-Net (two windows), in float32 and
bfloat16; ViT-B also with torch's dynamically quantised linear layers. Medians of wall times, and ratios to float32.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace

import torch
from machine import describe_machine, machine_line
from torch.ao.quantization import quantize_dynamic

from napari_scarseg.core.config import Device
from napari_scarseg.engines import load_segmenter
from napari_scarseg.engines.acceleration import multiplies_bfloat16, running
from napari_scarseg.engines.sam_network import VIT_B, SamNetwork
from napari_scarseg.engines.vit_attention import use_flash_attention

CPU = torch.device("cpu")


def median_s(call: Callable[[], object], precision: torch.dtype, repeats: int) -> float:
    """Median wall time of a call, after one that is not counted."""
    times = []
    with running(CPU, precision):
        for _ in range(repeats + 1):
            start = time.perf_counter()
            call()
            times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def main() -> int:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--image-size", type=int, default=1024)
    options = parser.parse_args()
    print(machine_line(describe_machine()))
    print(f"instructions for bfloat16: {'yes' if multiplies_bfloat16() else 'no'}")
    encoder = SamNetwork(replace(VIT_B, image_size=options.image_size)).eval().image_encoder
    use_flash_attention(encoder)
    quantised = quantize_dynamic(encoder, {torch.nn.Linear}, dtype=torch.qint8)
    bundled = load_segmenter(device=Device.CPU)._network
    image, windows = torch.rand(1, 3, options.image_size, options.image_size), torch.rand(2, 3, 96, 96)
    for name, call, other in (
        ("ViT-B", lambda: encoder(image), lambda: quantised(image)),
        ("bundled", lambda: bundled.encode(windows), None),
    ):
        full = median_s(call, torch.float32, options.repeats)
        half = median_s(call, torch.bfloat16, options.repeats)
        print(f"{name:8} float32 {full:.4f} s, bfloat16 {half:.4f} s ({half / full:.2f})", end="")
        if other is not None:
            small = median_s(other, torch.float32, options.repeats)
            print(f", int8 {small:.4f} s ({small / full:.2f})", end="")
        print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
