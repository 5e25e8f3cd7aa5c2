"""The networks of Segment Anything, built from the parts of the official package under their official names."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import torch
from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, TwoWayTransformer
from torch import Tensor, nn

from napari_scarseg.errors import WeightsError

# ImageNet's statistics on 0–255, as in segment_anything's build_sam.
_PIXEL_MEAN = (123.675, 116.28, 103.53)
_PIXEL_STD = (58.395, 57.12, 57.375)


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


class PairedMaskDecoder(MaskDecoder):  # type: ignore[misc]  # segment-anything ships no types
    """segment-anything's decoder for N (embedding, prompt) pairs: the original takes the prompts of one image."""

    def paired_masks(self, embeddings: Tensor, position: Tensor, sparse: Tensor, dense: Tensor) -> Tensor:
        """The single mask (N, S/4, S/4) of each pair.

        Parameters
        ----------
        embeddings, dense : Tensor (N, C, h, w)
        position : Tensor (1, C, h, w)
        sparse : Tensor (N, tokens, C)
        """
        count, channels, height, width = embeddings.shape
        output_tokens = torch.cat([self.iou_token.weight, self.mask_tokens.weight], dim=0)
        tokens = torch.cat((output_tokens.unsqueeze(0).expand(count, -1, -1), sparse), dim=1)
        states, source = self.transformer(embeddings + dense, position.expand(count, -1, -1, -1), tokens)
        upscaled = self.output_upscaling(source.transpose(1, 2).reshape(count, channels, height, width))
        # Token 0 is the estimate of the IoU, token 1 the single mask; the other masks are not asked for.
        kernel = self.output_hypernetworks_mlps[0](states[:, 1, :])
        return torch.einsum("nc,nchw->nhw", kernel, upscaled)


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
        self.mask_decoder = PairedMaskDecoder(
            num_multimask_outputs=3,
            transformer=TwoWayTransformer(depth=2, embedding_dim=config.prompt_dim, mlp_dim=2048, num_heads=8),
            transformer_dim=config.prompt_dim,
            iou_head_depth=3,
            iou_head_hidden_dim=256,
        )


def normalise_grey(windows: Tensor) -> Tensor:
    """Grey windows (B, 1, S, S) in [0, 1] → (B, 3, S, S) as the encoder was trained."""
    mean, std = (torch.tensor(v, device=windows.device)[:, None, None] for v in (_PIXEL_MEAN, _PIXEL_STD))
    return (windows * 255 - mean) / std


def decode_boxes(
    network: SamNetwork, embeddings: Tensor, boxes: Tensor, points: tuple[Tensor, Tensor] | None
) -> Tensor:
    """Logits (N, S/4, S/4) of N boxes, each on its own image.

    Parameters
    ----------
    network : SamNetwork
    embeddings : Tensor (N, C, S/16, S/16)
    boxes : Tensor (N, 4)
        x_min, y_min, x_max, y_max on the image's grid, half-open edges (0 … S).
    points : (Tensor (N, K, 2) of x, y; Tensor (N, K) of 1 positive, 0 negative), optional
    """
    encoder = network.prompt_encoder
    # The prompt encoder adds half a pixel, from indices to centres; ours are continuous coordinates already.
    shifted = None if points is None else (points[0] - 0.5, points[1])
    sparse, dense = encoder(points=shifted, boxes=boxes - 0.5, masks=None)
    return network.mask_decoder.paired_masks(embeddings, encoder.get_dense_pe(), sparse, dense).float()


def slice_bytes(config: SamConfig) -> int:
    """Working memory of the image encoder for one slice, estimated: some three dozen copies of its tokens."""
    tokens = (config.image_size // config.patch_size) ** 2
    return 36 * tokens * config.embed_dim * 4


def _not_described() -> WeightsError:
    return WeightsError(
        "The weights file's header does not describe a Segment Anything network; convert the checkpoint again."
    )
