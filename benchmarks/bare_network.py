"""What the program adds to the networks' forward passes, and how it stands beside segment-anything's own predictor.

    python benchmarks/bare_network.py [--repeats N] [--image-size PX] [--json FILE]

bundled    Twelve phantom slices with the bundled weights: `detect_stack` and `segment_stack` (with measuring), against
           the forward passes that they made, on the very tensors they made them on: the network as it lies in the
           weights file (batch norm not folded), one call per batch, a batch that came twice called once. Limit: 1.2.
predictor  Segment Anything ViT-B with random weights on slices of 256 × 256 px, the encoder at `--image-size` (1024 as
           published): `segment_prompts` against a loop of `SamPredictor.set_image` per slice and `predict` per box,
           with the same boxes and the same weights; one box per slice and three. Limit: 1.0.
micro-sam  The same against `micro_sam.inference.batched_inference`, slice by slice, where micro-sam is installed (pip
           install micro-sam; not one of this project's own dependencies).

Ours and theirs run in turn; each figure is the median of the repeats with their quartiles. Beside the wall time stands
processor time, which other programs on the machine change less. With one thread (OMP_NUM_THREADS=1) the two agree on an
idle machine.
"""

import argparse
import copy
import importlib.util
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
from machine import describe_machine, machine_line
from segment_anything import SamPredictor
from segment_anything.modeling import Sam

from napari_scarseg.cli.flow import detect_stack, run_to_end, segment_stack
from napari_scarseg.core.box import Box
from napari_scarseg.core.config import DetectConfig, Device, SegmentConfig
from napari_scarseg.core.intensity import scale_pixels
from napari_scarseg.core.protocols import EngineInfo, Prompt
from napari_scarseg.engines import load_detector, load_segmenter
from napari_scarseg.engines.catalogue import resolve_weights
from napari_scarseg.engines.official_sam import OfficialSam
from napari_scarseg.engines.pipeline import segment_prompts
from napari_scarseg.engines.sam_network import VIT_B, SamNetwork
from napari_scarseg.engines.segmenter import network_config
from napari_scarseg.engines.small_sam import Embedding, SmallSam
from napari_scarseg.engines.vit_attention import use_flash_attention
from napari_scarseg.engines.weight_files import read_weights
from napari_scarseg.engines.yolo import YoloConfig, build_yolo
from napari_scarseg.phantom import make_phantom

SLICES = 12
BARE_LIMIT, PEER_LIMIT = 1.2, 1.0


def compare(ours: Callable[[], object], theirs: Callable[[], object], repeats: int) -> dict[str, Any]:
    """Medians and quartiles of both, in turn, after one turn that is not counted."""
    taken: dict[str, list[tuple[float, float]]] = {"ours": [], "theirs": []}
    for turn in range(repeats + 1):
        for name, call in (("theirs", theirs), ("ours", ours)):
            wall, cpu = time.perf_counter(), time.process_time()
            call()
            if turn:
                taken[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    result: dict[str, Any] = {}
    for name, times in taken.items():
        for number, clock in enumerate(("wall", "cpu")):
            values = [pair[number] for pair in times]
            result[f"{name}_{clock}_s"] = statistics.median(values)
            result[f"{name}_{clock}_quartiles_s"] = [float(q) for q in np.percentile(values, (25, 75))]
    for clock in ("wall", "cpu"):
        result[f"{clock}_ratio"] = result[f"ours_{clock}_s"] / result[f"theirs_{clock}_s"]
    return result


class Recorder:
    """Takes down what goes through a function, on its way."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...]]] = []

    def watch(self, owner: Any, name: str, title: str) -> None:
        """Note the arguments of `owner.name` under `title`."""
        inner = getattr(owner, name)

        def noted(*given: Any) -> Any:
            self.calls.append((title, copy.deepcopy(given)))
            return inner(*given)

        setattr(owner, name, noted)


def time_bundled(repeats: int) -> dict[str, Any]:
    """Twelve slices through the program against the passes it makes."""
    stack = make_phantom(15).stack
    stack = replace(stack, data=distinct_slices(stack.data, SLICES))
    detected = run_to_end(detect_stack(stack, load_detector(device=Device.CPU), DetectConfig(device=Device.CPU)))
    segmenter = load_segmenter(device=Device.CPU)

    def ours() -> None:
        # A new cascade each time: it keeps what it saw on slices.
        detector = load_quickly()
        found = run_to_end(detect_stack(stack, detector, DetectConfig(device=Device.CPU)))
        run_to_end(segment_stack(stack, found.scars, segmenter, SegmentConfig(device=Device.CPU), lvs=found.lvs))

    loaded = load_detector(device=Device.CPU)

    def load_quickly() -> Any:
        loaded._shown.clear()
        return loaded

    recorder = Recorder()
    recorder.watch(loaded._yolo._network, "forward", "yolo")
    recorder.watch(loaded._segmenter._network, "encode", "encode")
    recorder.watch(segmenter._network, "encode", "encode again")
    recorder.watch(segmenter._network, "decode", "decode")
    ours()
    for network, name in (
        (loaded._yolo._network, "forward"),
        (loaded._segmenter._network, "encode"),
        (segmenter._network, "encode"),
        (segmenter._network, "decode"),
    ):
        delattr(network, name)
    calls = distinct_calls(recorder.calls)
    yolo, small = plain_networks()
    run = {"yolo": yolo, "encode": small.encode, "encode again": small.encode, "decode": small.decode}

    def bare() -> None:
        with torch.no_grad():
            for title, given in calls:
                run[title](*given)

    result = compare(ours, bare, repeats)
    result["passes"] = {title: sum(1 for name, _ in calls if name == title) for title in run}
    result["boxes"] = len(detected.scars)
    return result


def distinct_slices(data: np.ndarray, count: int) -> np.ndarray:
    """So many slices, none like another: the heart's own, repeated with a little noise."""
    rng = np.random.default_rng(0)
    repeated = np.concatenate([data] * (count // len(data) + 1))[:count].astype(np.float32)
    return repeated + rng.normal(0, 0.01 * repeated.std(), repeated.shape).astype(np.float32)


def distinct_calls(calls: list[tuple[str, tuple[Any, ...]]]) -> list[tuple[str, tuple[Any, ...]]]:
    """Each call once, told by its name and the bytes of its tensors."""
    kept = {}
    for title, given in calls:
        tensors = [part for value in given for part in (value if isinstance(value, Embedding) else [value])]
        key = (title, *(t.detach().cpu().numpy().tobytes() for t in tensors if isinstance(t, torch.Tensor)))
        kept[key] = (title, tuple(_contiguous(value) for value in given))
    return list(kept.values())


def _contiguous(value: Any) -> Any:
    if isinstance(value, Embedding):
        return Embedding(*(part.contiguous() for part in value))
    return value.contiguous() if isinstance(value, torch.Tensor) else value


def plain_networks() -> tuple[torch.nn.Module, SmallSam]:
    """Both networks as they lie in their files: nothing folded, no memory layout chosen."""
    weights = read_weights(resolve_weights("lge-detector").path)
    yolo = build_yolo(YoloConfig.from_header(weights.header))
    weights.load_into(yolo)
    weights = read_weights(resolve_weights("lge-segmenter").path)
    small = SmallSam(network_config(weights.header.config))
    weights.load_into(small)
    return yolo.eval(), small.eval()


def time_predictor(peer: str, repeats: int, image_size: int, slices: int, boxes_per_slice: int) -> dict[str, Any]:
    """`segment_prompts` against the official predictor's loop, or micro-sam's."""
    if peer == "micro-sam":
        from micro_sam.inference import batched_inference
    torch.manual_seed(0)
    config = replace(VIT_B, image_size=image_size)
    theirs_network = SamNetwork(config).eval()
    sam = Sam(theirs_network.image_encoder, theirs_network.prompt_encoder, theirs_network.mask_decoder).eval()
    ours_network = copy.deepcopy(theirs_network)
    use_flash_attention(ours_network.image_encoder)
    segmenter = OfficialSam(ours_network, EngineInfo("sam-vit-b", "0" * 64, "cpu", "Apache-2.0"))
    predictor = SamPredictor(sam)
    data = distinct_slices(make_phantom(15).stack.data, slices)
    rng = np.random.default_rng(1)
    prompts = []
    for z in range(slices):
        for number in range(boxes_per_slice):
            row, col = rng.uniform(40, 180, 2)
            height, width = rng.uniform(15, 50, 2)
            prompts.append(Prompt(Box(z, row, col, row + height, col + width, lesion_id=number + 1)))

    def ours() -> None:
        for _ in segment_prompts(data, prompts, segmenter):
            pass

    def theirs() -> None:
        for z in range(slices):
            grey = np.rint(scale_pixels(data[z]) * 255).astype(np.uint8)
            boxes = np.array([prompt.box.corners for prompt in prompts if prompt.box.slice == z])[:, [1, 0, 3, 2]]
            if peer == "micro-sam":
                batched_inference(
                    predictor, grey, batch_size=64, boxes=boxes, return_instance_segmentation=False,
                    verbose_embeddings=False,
                )  # fmt: skip
                continue
            predictor.set_image(np.repeat(grey[..., None], 3, axis=2))
            for box in boxes:
                predictor.predict(box=box, multimask_output=False)

    return compare(ours, theirs, repeats)


def main() -> int:
    """Measure, print the table, exit 1 where a limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--image-size", type=int, default=1024)
    parser.add_argument("--slices", type=int, default=2, help="for the predictor's loop")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", choices=["bundled", "predictor"])
    options = parser.parse_args()
    machine = describe_machine()
    print(machine_line(machine))
    results: dict[str, Any] = {"machine": machine}
    rows = []
    if options.only != "predictor":
        results["bundled"] = time_bundled(options.repeats)
        rows.append(("bundled, 12 slices, against bare passes", results["bundled"], BARE_LIMIT))
    peers = {"SamPredictor": "segment_anything", "micro-sam": "micro_sam"}
    for peer, module in peers.items():
        if options.only == "bundled" or importlib.util.find_spec(module) is None:
            continue
        for boxes in (1, 3):
            found = time_predictor(peer, options.repeats, options.image_size, options.slices, boxes)
            results[f"{peer}, {boxes} per slice"] = found
            rows.append((f"ViT-B at {options.image_size}, {boxes} boxes per slice, against {peer}", found, PEER_LIMIT))
    print(f"{'':62}{'ours s':>9}{'theirs s':>9}{'ratio':>7}{'CPU ratio':>10}{'limit':>6}")
    for title, found, limit in rows:
        print(
            f"{title:62}{found['ours_wall_s']:9.2f}{found['theirs_wall_s']:9.2f}{found['wall_ratio']:7.2f}"
            f"{found['cpu_ratio']:10.2f}{limit:6.1f}"
        )
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return int(any(found["wall_ratio"] > limit for _, found, limit in rows))


if __name__ == "__main__":
    sys.exit(main())
