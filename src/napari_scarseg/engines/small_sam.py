"""The small box-prompted network: a convolutional encoder under segment-anything's prompt encoder and mask decoder.

Kirillov et al., Segment Anything, ICCV 2023 (prompt encoder, mask decoder); Lin et al., Feature Pyramid Networks,
CVPR 2017 (encoder). The skips from stride 4 and 2 into the decoder's upscaling follow SAM 2 (Ravi et al., 2024): a scar
is a few pixels thick, and stride 8 alone loses its edge.
"""

from dataclasses import asdict, dataclass
from typing import NamedTuple

import torch
from segment_anything.modeling import MaskDecoder, PromptEncoder, TwoWayTransformer
from torch import Tensor, nn

ARCHITECTURE = "small-sam-1"


@dataclass(frozen=True, slots=True)
class SmallSamConfig:
    """Size of the network and of its window.

    Parameters
    ----------
    window_size : int
        Samples along each side of a window; a multiple of 16.
    window_factor : float
        Side of the window over the longer side of the box.
    window_min_px : float
        Least side of the window, in pixels of the slice.
    widths : tuple of int
        Channels of the encoder at stride 2, 4, 8, 16.
    embed_dim : int
        Channels of the embedding and of the decoder; a multiple of 8.
    """

    window_size: int = 192
    window_factor: float = 1.8
    window_min_px: float = 48.0
    widths: tuple[int, int, int, int] = (32, 64, 128, 192)
    embed_dim: int = 128

    def as_dict(self) -> dict[str, object]:
        """Values for the header of a weights file."""
        return asdict(self)


class Embedding(NamedTuple):
    """What the encoder knows of B windows."""

    stride8: Tensor  # (B, embed_dim, S/8, S/8)
    stride4: Tensor  # (B, embed_dim/4, S/4, S/4)
    stride2: Tensor  # (B, embed_dim/8, S/2, S/2)


class _Residual(nn.Module):
    """Two 3×3 convolutions with batch norm and a shortcut (He et al., CVPR 2016)."""

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels_in, channels_out, 3, stride, 1, bias=False),
            nn.BatchNorm2d(channels_out),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels_out, channels_out, 3, 1, 1, bias=False),
            nn.BatchNorm2d(channels_out),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or channels_in != channels_out:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels_in, channels_out, 1, stride, bias=False), nn.BatchNorm2d(channels_out)
            )

    def forward(self, features: Tensor) -> Tensor:
        return torch.relu(self.body(features) + self.shortcut(features))


class _Encoder(nn.Module):
    def __init__(self, config: SmallSamConfig) -> None:
        super().__init__()
        w2, w4, w8, w16 = config.widths
        dim = config.embed_dim
        self.stem = nn.Sequential(
            nn.Conv2d(1, w2, 5, 2, 2, bias=False), nn.BatchNorm2d(w2), nn.ReLU(inplace=True), _Residual(w2, w2, 1)
        )
        self.stage4 = nn.Sequential(_Residual(w2, w4, 2), _Residual(w4, w4, 1))
        self.stage8 = nn.Sequential(_Residual(w4, w8, 2), _Residual(w8, w8, 1), _Residual(w8, w8, 1))
        self.stage16 = nn.Sequential(_Residual(w8, w16, 2), _Residual(w16, w16, 1))
        self.lateral8 = nn.Conv2d(w8, dim, 1)
        self.lateral16 = nn.Conv2d(w16, dim, 1)
        self.smooth = nn.Conv2d(dim, dim, 3, 1, 1)
        self.skip4 = nn.Conv2d(w4, dim // 4, 1)
        self.skip2 = nn.Conv2d(w2, dim // 8, 1)

    def forward(self, windows: Tensor) -> Embedding:
        at2 = self.stem(windows)
        at4 = self.stage4(at2)
        at8 = self.stage8(at4)
        at16 = self.stage16(at8)
        top = nn.functional.interpolate(self.lateral16(at16), scale_factor=2.0, mode="nearest")
        return Embedding(self.smooth(self.lateral8(at8) + top), self.skip4(at4), self.skip2(at2))


class _PairedMaskDecoder(MaskDecoder):  # type: ignore[misc]  # segment-anything ships no types
    """segment-anything's decoder for N (embedding, prompt) pairs, with skips.

    The original repeats one image over its prompts; here image n goes with prompt n, so that a training batch is one
    call, and several prompts of one window are its embedding expanded.
    """

    def paired_masks(self, embedding: Embedding, position: Tensor, sparse: Tensor, dense: Tensor) -> Tensor:
        count = sparse.shape[0]
        output_tokens = torch.cat([self.iou_token.weight, self.mask_tokens.weight], dim=0)
        tokens = torch.cat((output_tokens.unsqueeze(0).expand(count, -1, -1), sparse), dim=1)
        source = embedding.stride8 + dense
        _, channels, height, width = source.shape
        states, source = self.transformer(source, position.expand(count, -1, -1, -1), tokens)
        source = source.transpose(1, 2).reshape(count, channels, height, width)
        up1, norm, act1, up2, act2 = self.output_upscaling
        upscaled = act1(norm(up1(source) + embedding.stride4))
        upscaled = act2(up2(upscaled) + embedding.stride2)
        # Token 0 is the IoU's; token 1 is the single mask (multimask output is not used).
        kernel = self.output_hypernetworks_mlps[0](states[:, 1, :])
        return torch.einsum("nc,nchw->nhw", kernel, upscaled)


class SmallSam(nn.Module):
    """Windows (B, 1, S, S) in [0, 1] and one box each → mask logits (B, S/2, S/2).

    Parameters
    ----------
    config : SmallSamConfig
    """

    def __init__(self, config: SmallSamConfig) -> None:
        super().__init__()
        self.config = config
        dim, size = config.embed_dim, config.window_size
        self.encoder = _Encoder(config)
        self.prompt_encoder = PromptEncoder(dim, (size // 8, size // 8), (size, size), mask_in_chans=16)
        self.decoder = _PairedMaskDecoder(
            transformer_dim=dim,
            transformer=TwoWayTransformer(depth=2, embedding_dim=dim, num_heads=8, mlp_dim=4 * dim),
            num_multimask_outputs=0,
            iou_head_hidden_dim=dim,
        )

    def encode(self, windows: Tensor) -> Embedding:
        """(B, 1, S, S) scaled to [0, 1] → Embedding of B windows."""
        # Centred so that the edge padding of the convolutions is mid-grey and not black.
        embedding: Embedding = self.encoder((windows - 0.5) * 4.0)
        return embedding

    def decode(self, embedding: Embedding, boxes: Tensor, points: tuple[Tensor, Tensor] | None = None) -> Tensor:
        """Logits (N, S/2, S/2) for N pairs of embedding and box.

        Parameters
        ----------
        embedding : Embedding of N windows
        boxes : Tensor (N, 4)
            x_min, y_min, x_max, y_max on the window's grid, half-open edges (0 … S).
        points : (Tensor (N, K, 2) of x, y; Tensor (N, K) of 1 positive, 0 negative, -1 padding), optional
        """
        # segment-anything adds half a pixel to turn pixel indices into centres; ours are continuous edges already.
        shifted = None if points is None else (points[0] - 0.5, points[1])
        sparse, dense = self.prompt_encoder(points=shifted, boxes=boxes - 0.5, masks=None)
        return self.decoder.paired_masks(embedding, self.prompt_encoder.get_dense_pe(), sparse, dense)

    def forward(self, windows: Tensor, boxes: Tensor) -> Tensor:
        return self.decode(self.encode(windows), boxes)
