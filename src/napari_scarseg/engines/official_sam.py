"""Official Segment Anything (ViT-B, ViT-L, ViT-H) and its fine-tuned relatives behind the `Segmenter` protocol.

Kirillov et al., Segment Anything, ICCV 2023, with the networks of the official `segment_anything` package. Its
predictor, which keeps the last image, is not used: a slice is encoded once, and all its boxes go through the decoder
together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_scarseg.core.box import Box
from napari_scarseg.core.config import Device
from napari_scarseg.core.intensity import SCALING_ID, scale_pixels
from napari_scarseg.core.protocols import Asked, EngineInfo, Prompt
from napari_scarseg.core.windows import Window, whole_slice_window
from napari_scarseg.engines.acceleration import (
    free_bytes,
    precision_name,
    resolve_batch,
    resolve_precision,
    running,
    to_device,
)
from napari_scarseg.engines.catalogue import find_entry
from napari_scarseg.engines.device import memory_errors, resolve_device
from napari_scarseg.engines.prompt_grid import box_on_grid, point_on_grid
from napari_scarseg.engines.safe_checkpoint import read_checkpoint
from napari_scarseg.engines.sam_network import (
    VIT_B,
    VIT_H,
    VIT_L,
    SamConfig,
    SamNetwork,
    decode_boxes,
    normalise_grey,
    slice_bytes,
)
from napari_scarseg.engines.vit_attention import use_flash_attention
from napari_scarseg.engines.weight_files import LoadedWeights, WeightsHeader, file_sha256, read_header, read_weights
from napari_scarseg.errors import WeightsError

ARCHITECTURE = "official-sam"

# The decoder holds one copy of the image embedding per prompt.
_PROMPTS_PER_CALL = 64
# More slices at once fill no GPU better.
_MOST_SLICES = 16
_ZIP_MAGIC = b"PK"


OFFICIAL: dict[str, SamConfig] = {
    find_entry(name).sha256 or "": config
    for name, config in (("sam-vit-b", VIT_B), ("sam-vit-l", VIT_L), ("sam-vit-h", VIT_H))
}
"""Hash of each official checkpoint → its network."""


class OfficialSam:
    """Boxes and points to mask logits over the whole slice; no state between calls.

    Parameters
    ----------
    network : SamNetwork
        On its device.
    info : EngineInfo
    precision : torch.dtype, optional
        In which the image encoder computes; by default what the device is good at.
    """

    def __init__(self, network: SamNetwork, info: EngineInfo, *, precision: torch.dtype | None = None) -> None:
        self._network = network.eval().requires_grad_(False)
        self._device = next(network.parameters()).device
        self._precision = resolve_precision(self._device, large=True) if precision is None else precision
        self._info = replace(info, precision=precision_name(self._precision))

    @property
    def info(self) -> EngineInfo:
        """What runs."""
        return self._info

    @property
    def context(self) -> int:
        """Segment Anything looks at single slices."""
        return 0

    @property
    def batch(self) -> int:
        """Slices that go through the encoder at once, by the device's free memory; one on a CPU."""
        free = free_bytes(self._device)
        return 1 if free is None else resolve_batch(free, slice_bytes(self._network.config), _MOST_SLICES)

    def locate(self, volume: npt.NDArray[np.generic], slices: Sequence[int]) -> dict[int, Box]:
        """Nothing: Segment Anything looks at whole slices."""
        return {}

    def window(self, prompt: Prompt, shape: tuple[int, int]) -> Window:
        """The whole slice, padded at the bottom or right to a square."""
        return whole_slice_window(prompt.box.slice, shape, self._network.config.image_size)

    def embed(self, crops: Sequence[npt.NDArray[np.float32]]) -> list[Tensor]:
        """Encode raw crops (1, S, S) in one batch; embeddings (1, C, S/16, S/16) on the device, float32."""
        if not crops:
            return []
        with memory_errors(self._device), running(self._device, self._precision):
            embeddings = self._network.image_encoder(self._normalised(crops)).float()
            return [embeddings[n : n + 1].clone() for n in range(len(crops))]

    def masks(self, embedding: Tensor, window: Window, prompts: Sequence[Prompt]) -> npt.NDArray[np.float32]:
        """Logits (P, S/4, S/4) over the window for all P prompts; those with equally many points share one call."""
        (logits,) = self.masks_together([Asked(embedding, window, prompts)])
        return logits

    def masks_together(self, asked: Sequence[Asked[Tensor]]) -> list[npt.NDArray[np.float32]]:
        """As `masks` for several slices; all their prompts with equally many points share decoder calls."""
        side = self._network.config.image_size // self._network.config.patch_size * 4
        logits = [np.zeros((len(one.prompts), side, side), dtype=np.float32) for one in asked]
        pairs = [(n, prompt) for n, one in enumerate(asked) for prompt in range(len(one.prompts))]
        with memory_errors(self._device), running(self._device):
            for some in _alike([asked[n].prompts[p] for n, p in pairs]):
                chosen = [pairs[number] for number in some]
                for (n, p), mask in zip(chosen, self._decode(asked, chosen).cpu().numpy(), strict=True):
                    logits[n][p] = mask
        return logits

    def _normalised(self, crops: Sequence[npt.NDArray[np.float32]]) -> Tensor:
        """Raw crops (1, S, S) → (B, 3, S, S) as the encoder was trained."""
        return normalise_grey(to_device(np.stack([scale_pixels(crop[0])[None] for crop in crops]), self._device))

    def _decode(self, asked: Sequence[Asked[Tensor]], pairs: Sequence[tuple[int, int]]) -> Tensor:
        """Logits (N, S/4, S/4) of N (slice, prompt) pairs with equally many points."""
        windows = [asked[n].window for n, _ in pairs]
        prompts = [asked[n].prompts[p] for n, p in pairs]
        boxes = [box_on_grid(window, prompt.box) for window, prompt in zip(windows, prompts, strict=True)]
        points = None
        if prompts[0].points:
            places = [
                [point_on_grid(window, point) for point in prompt.points]
                for window, prompt in zip(windows, prompts, strict=True)
            ]
            signs = [[float(positive) for _, _, positive in prompt.points] for prompt in prompts]
            points = (torch.tensor(places, device=self._device), torch.tensor(signs, device=self._device))
        embeddings = [asked[n].embedding for n, _ in pairs]
        if all(embedding is embeddings[0] for embedding in embeddings):
            together = embeddings[0].expand(len(pairs), -1, -1, -1)
        else:
            together = torch.cat(embeddings)
        return decode_boxes(self._network, together, torch.tensor(boxes, device=self._device), points)


def load_official_sam(
    path: Path, name: str, device: Device, *, official: Mapping[str, SamConfig] | None = None
) -> OfficialSam:
    """Read Segment Anything from an official .pth or from a converted safetensors file, and put it on a device.

    Parameters
    ----------
    path : Path
    name : str
        Name of the weights in results; never a path.
    device : Device
    official : mapping of sha256 → SamConfig, optional
        Checkpoints that are opened though they are pickles; `OFFICIAL` by default.

    Raises
    ------
    WeightsError
        If the file is another pickle, damaged, or not Segment Anything.
    DeviceError
        If the device is absent.
    """
    target = resolve_device(device)
    weights = read_official_sam(path, official)
    network = build_sam(weights)
    use_flash_attention(network.image_encoder)
    with memory_errors(target):
        return OfficialSam(network.to(target), weights.engine_info(name, target))


def read_official_sam(path: Path, official: Mapping[str, SamConfig] | None = None) -> LoadedWeights:
    """Read the tensors alone, as `load_official_sam` does: a pickle only if it is an official one, bit for bit."""
    if not path.is_file() or not _is_zip(path):
        return read_weights(path)
    known = OFFICIAL if official is None else official
    sha256 = file_sha256(path)
    if sha256 not in known:
        raise WeightsError(
            "The checkpoint is not one of the official Segment Anything files (its hash is another), so it was not "
            "opened; convert it safely with: scarseg models convert SOURCE -o weights.safetensors."
        )
    header = sam_header(known[sha256], "Apache-2.0", {"source": "official Segment Anything checkpoint"})
    return LoadedWeights(dict(read_checkpoint(path)), header, sha256)


def holds_official_sam(path: Path) -> bool:
    """Whether a file is a case for `load_official_sam`: a torch checkpoint, or safetensors with its tensors.

    Raises
    ------
    WeightsError
        If it is neither, or damaged.
    """
    if path.is_file() and _is_zip(path):
        return True
    return read_header(path).architecture == ARCHITECTURE


def build_sam(weights: LoadedWeights) -> SamNetwork:
    """The network of the weights' header with the weights' own tensors in it.

    Raises
    ------
    WeightsError
        If the weights are of another network or do not fit.
    """
    weights.check_architecture(ARCHITECTURE)
    config = SamConfig.from_dict(weights.header.config)
    # Drawing 600 million random numbers first would take longer than reading the file.
    with torch.device("meta"):
        network = SamNetwork(config)
    weights.load_into(network, assign=True)
    return network


def sam_header(config: SamConfig, licence: str, provenance: dict[str, Any]) -> WeightsHeader:
    """Header of a weights file with Segment Anything's tensors."""
    return WeightsHeader(ARCHITECTURE, config.as_dict(), SCALING_ID, 0.0, licence, provenance)


def _is_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == _ZIP_MAGIC


def _alike(prompts: Sequence[Prompt]) -> list[list[int]]:
    """Indices of prompts with equally many points, in groups of at most `_PROMPTS_PER_CALL`.

    Padding would be an extra token, and a box's mask must not depend on its neighbours' points.
    """
    groups: dict[int, list[int]] = {}
    for n, prompt in enumerate(prompts):
        groups.setdefault(len(prompt.points), []).append(n)
    step = _PROMPTS_PER_CALL
    return [group[start : start + step] for group in groups.values() for start in range(0, len(group), step)]
