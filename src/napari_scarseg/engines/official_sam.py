"""Official Segment Anything (ViT-B, ViT-L, ViT-H) and its fine-tuned relatives behind the `Segmenter` protocol.

Kirillov et al., Segment Anything, ICCV 2023, with the networks of the official `segment_anything` package. Its
predictor, which keeps the last image, is not used: a slice is encoded once, and all its boxes go through the decoder
together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, TwoWayTransformer
from torch import Tensor, nn

from napari_scarseg.core.box import Box
from napari_scarseg.core.config import Device
from napari_scarseg.core.intensity import SCALING_ID, scale_pixels
from napari_scarseg.core.protocols import EngineInfo, Prompt
from napari_scarseg.core.windows import Window, whole_slice_window
from napari_scarseg.engines.catalogue import find_entry
from napari_scarseg.engines.device import memory_errors, resolve_device
from napari_scarseg.engines.prompt_grid import box_on_grid, point_on_grid
from napari_scarseg.engines.safe_checkpoint import read_checkpoint
from napari_scarseg.engines.weight_files import LoadedWeights, WeightsHeader, file_sha256, read_header, read_weights
from napari_scarseg.errors import WeightsError

ARCHITECTURE = "official-sam"

# ImageNet's statistics on 0–255, as in segment_anything's build_sam.
_PIXEL_MEAN = (123.675, 116.28, 103.53)
_PIXEL_STD = (58.395, 57.12, 57.375)
# The decoder holds one copy of the image embedding per prompt.
_PROMPTS_PER_CALL = 64
_ZIP_MAGIC = b"PK"


@dataclass(frozen=True, slots=True)
class SamConfig:
    """Size of a Segment Anything network.

    Parameters
    ----------
    embed_dim, depth, num_heads : int
        Of the vision transformer.
    global_attn_indexes : tuple of int
        Blocks that see the whole image; the others see windows.
    image_size : int
        Samples along each side of the input; the masks have a quarter of it.
    patch_size, window_size, prompt_dim : int
    """

    embed_dim: int
    depth: int
    num_heads: int
    global_attn_indexes: tuple[int, ...]
    image_size: int = 1024
    patch_size: int = 16
    window_size: int = 14
    prompt_dim: int = 256

    def as_dict(self) -> dict[str, object]:
        """Values for the `config` of a weights file's header."""
        return {**asdict(self), "global_attn_indexes": list(self.global_attn_indexes)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "SamConfig":
        """Inverse of `as_dict`; WeightsError where the values describe no such network."""
        try:
            config = cls(**{**values, "global_attn_indexes": tuple(values["global_attn_indexes"])})
            numbers = [value for name, value in asdict(config).items() if name != "global_attn_indexes"]
            usable = all(isinstance(number, int) and 0 < number <= 4096 for number in numbers)
        except (KeyError, TypeError) as cause:
            raise _not_described() from cause
        if not usable or config.image_size % config.patch_size or config.embed_dim % config.num_heads:
            raise _not_described()
        return config


VIT_B = SamConfig(768, 12, 12, (2, 5, 8, 11))
VIT_L = SamConfig(1024, 24, 16, (5, 11, 17, 23))
VIT_H = SamConfig(1280, 32, 16, (7, 15, 23, 31))

OFFICIAL: dict[str, SamConfig] = {
    find_entry(name).sha256 or "": config
    for name, config in (("sam-vit-b", VIT_B), ("sam-vit-l", VIT_L), ("sam-vit-h", VIT_H))
}
"""Hash of each official checkpoint → its network."""


class SamNetwork(nn.Module):
    """The three parts of Segment Anything under their official names, so that official tensors load as they are.

    Parameters
    ----------
    config : SamConfig
    """

    def __init__(self, config: SamConfig) -> None:
        super().__init__()
        self.config = config
        grid = config.image_size // config.patch_size
        self.image_encoder = ImageEncoderViT(
            depth=config.depth,
            embed_dim=config.embed_dim,
            img_size=config.image_size,
            mlp_ratio=4,
            norm_layer=partial(nn.LayerNorm, eps=1e-6),
            num_heads=config.num_heads,
            patch_size=config.patch_size,
            qkv_bias=True,
            use_rel_pos=True,
            global_attn_indexes=config.global_attn_indexes,
            window_size=config.window_size,
            out_chans=config.prompt_dim,
        )
        self.prompt_encoder = PromptEncoder(
            embed_dim=config.prompt_dim,
            image_embedding_size=(grid, grid),
            input_image_size=(config.image_size, config.image_size),
            mask_in_chans=16,
        )
        self.mask_decoder = MaskDecoder(
            num_multimask_outputs=3,
            transformer=TwoWayTransformer(depth=2, embedding_dim=config.prompt_dim, mlp_dim=2048, num_heads=8),
            transformer_dim=config.prompt_dim,
            iou_head_depth=3,
            iou_head_hidden_dim=256,
        )


class OfficialSam:
    """Boxes and points to mask logits over the whole slice; no state between calls.

    Parameters
    ----------
    network : SamNetwork
        On its device.
    info : EngineInfo
    """

    def __init__(self, network: SamNetwork, info: EngineInfo) -> None:
        self._network = network.eval().requires_grad_(False)
        self._device = next(network.parameters()).device
        self._info = info

    @property
    def info(self) -> EngineInfo:
        """What runs."""
        return self._info

    @property
    def context(self) -> int:
        """Segment Anything looks at single slices."""
        return 0

    def locate(self, volume: npt.NDArray[np.generic], slices: Sequence[int]) -> dict[int, Box]:
        """Nothing: Segment Anything looks at whole slices."""
        return {}

    def window(self, prompt: Prompt, shape: tuple[int, int]) -> Window:
        """The whole slice, padded at the bottom or right to a square."""
        return whole_slice_window(prompt.box.slice, shape, self._network.config.image_size)

    def embed(self, crops: Sequence[npt.NDArray[np.float32]]) -> list[Tensor]:
        """Encode raw crops (1, S, S), one after the other; embeddings (1, C, S/16, S/16) on the device."""
        with memory_errors(self._device), torch.inference_mode():
            return [self._network.image_encoder(self._normalised(crop[0])) for crop in crops]

    def masks(self, embedding: Tensor, window: Window, prompts: Sequence[Prompt]) -> npt.NDArray[np.float32]:
        """Logits (P, S/4, S/4) over the window for all P prompts; those with equally many points share one call."""
        side = self._network.config.image_size // self._network.config.patch_size * 4
        logits = np.zeros((len(prompts), side, side), dtype=np.float32)
        with memory_errors(self._device), torch.inference_mode():
            for indices in _alike(prompts):
                logits[indices] = self._decode(embedding, window, [prompts[n] for n in indices]).cpu().numpy()
        return logits

    def _normalised(self, crop: npt.NDArray[np.float32]) -> Tensor:
        """(S, S) raw → (1, 3, S, S) as the encoder was trained."""
        grey = torch.from_numpy(scale_pixels(crop)).to(self._device) * 255
        mean, std = (torch.tensor(v, device=self._device)[:, None, None] for v in (_PIXEL_MEAN, _PIXEL_STD))
        return ((grey - mean) / std)[None]

    def _decode(self, embedding: Tensor, window: Window, prompts: Sequence[Prompt]) -> Tensor:
        """Logits (P, S/4, S/4) of prompts with equally many points."""
        # The prompt encoder adds half a pixel, from indices to centres; ours are continuous coordinates already.
        boxes = torch.tensor([box_on_grid(window, prompt.box) for prompt in prompts], device=self._device) - 0.5
        points = None
        if prompts[0].points:
            places = torch.tensor([[point_on_grid(window, point) for point in prompt.points] for prompt in prompts])
            signs = torch.tensor([[float(positive) for _, _, positive in prompt.points] for prompt in prompts])
            points = (places.to(self._device) - 0.5, signs.to(self._device))
        sparse, dense = self._network.prompt_encoder(points=points, boxes=boxes, masks=None)
        logits, _ = self._network.mask_decoder(
            image_embeddings=embedding,
            image_pe=self._network.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=False,
        )
        return logits[:, 0].float()  # type: ignore[no-any-return]  # segment-anything ships no types


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
    weights = _read_official(path, OFFICIAL if official is None else official)
    network = build_sam(weights)
    with memory_errors(target):
        return OfficialSam(network.to(target), weights.engine_info(name, target))


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


def _read_official(path: Path, official: Mapping[str, SamConfig]) -> LoadedWeights:
    """Weights of a file: a pickle only when it is one of the official ones, bit for bit."""
    if not path.is_file() or not _is_zip(path):
        return read_weights(path)
    sha256 = file_sha256(path)
    if sha256 not in official:
        raise WeightsError(
            "The checkpoint is not one of the official Segment Anything files (its hash is another), so it was not "
            "opened; convert it safely with: scarseg models convert SOURCE -o weights.safetensors."
        )
    header = sam_header(official[sha256], "Apache-2.0", {"source": "official Segment Anything checkpoint"})
    return LoadedWeights(dict(read_checkpoint(path)), header, sha256)


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


def _not_described() -> WeightsError:
    return WeightsError(
        "The weights file's header does not describe a Segment Anything network; convert the checkpoint again."
    )
