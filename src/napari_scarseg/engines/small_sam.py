"""The small box-prompted network: a residual U-Net under segment-anything's prompt encoder and mask decoder.

Ronneberger et al., U-Net, MICCAI 2015, with residual blocks (encoder and pyramid); Kirillov et al., Segment Anything,
ICCV 2023 (prompt encoder, mask decoder). The skips from stride 2 and 1 into the decoder's upscaling follow SAM 2 (Ravi
et al., 2024): a scar is a few pixels thick, and a coarse embedding alone loses its edge.

The pyramid also answers without a prompt: cavity, healthy myocardium and scar at every sample. Its scar is where scar
boxes are proposed, and goes into the decoder as the mask prompt, cut to the box.
"""

from dataclasses import asdict, dataclass
from typing import NamedTuple

import torch
from segment_anything.modeling import MaskDecoder, PromptEncoder, TwoWayTransformer
from torch import Tensor, nn

ARCHITECTURE = "small-sam-2"

# Classes of the answer without a prompt, in the order of the channels.
BACKGROUND, CAVITY, MYOCARDIUM, SCAR = range(4)

# Logits inside and outside the box of the mask prompt: the network's own scar, cut to the box and scaled down.
_PROMPT_SCALE = 4.0
_PROMPT_OUTSIDE = -3.0


@dataclass(frozen=True, slots=True)
class SmallSamConfig:
    """Size of the network and of its windows.

    Parameters
    ----------
    window_size : int
        Samples along each side of a window; a multiple of 16.
    lv_factor : float
        Side of the window over the longer side of the LV's box, where the LV is known.
    box_factor, box_min_px, box_min_share : float
        Side of the window where it is not: so many times the longer side of the prompt's box, at least so many pixels,
        and at least that share of the slice's longer side.
    context : int
        Neighbouring slices on either side that come as further input channels.
    least_median : float
        Dark windows are lifted to this median (`core.intensity.scale_pixels`); 0 leaves them as they are.
    widths : tuple of int
        Channels of the U-Net at stride 1, 2, 4, 8, 16; that at stride 4 is the embedding's, a multiple of 8.
    """

    window_size: int = 112
    lv_factor: float = 1.4
    box_factor: float = 2.2
    box_min_px: float = 72.0
    box_min_share: float = 0.28
    context: int = 1
    least_median: float = 0.0
    widths: tuple[int, int, int, int, int] = (24, 48, 96, 160, 224)

    def as_dict(self) -> dict[str, object]:
        """Values for the header of a weights file."""
        return asdict(self)


class Embedding(NamedTuple):
    """What the U-Net knows of B windows."""

    stride4: Tensor  # (B, D, S/4, S/4)
    stride2: Tensor  # (B, D/4, S/2, S/2)
    stride1: Tensor  # (B, D/8, S, S)
    classes: Tensor  # (B, 4, S, S), logits of background, cavity, healthy myocardium, scar


def scar_logits(classes: Tensor) -> Tensor:
    """Log odds (B, S, S) of scar against all else, from class logits (B, 4, S, S)."""
    return classes[:, SCAR] - torch.logsumexp(classes[:, :SCAR], dim=1)


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


class _UNet(nn.Module):
    """Residual encoder and top-down pyramid with lateral sums; the outputs at stride 4, 2 and 1."""

    def __init__(self, channels_in: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(channels_in, widths[0], 3, 1, 1, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU(inplace=True)
        )
        self.down = nn.ModuleList([_Residual(widths[0], widths[0], 1)])
        for above, width in zip(widths, widths[1:], strict=False):
            self.down.append(nn.Sequential(_Residual(above, width, 2), _Residual(width, width, 1)))
        self.lateral = nn.ModuleList(
            [nn.Conv2d(below, width, 1) for width, below in zip(widths, widths[1:], strict=False)]
        )
        self.up = nn.ModuleList([_Residual(width, width, 1) for width in widths[:-1]])

    def forward(self, windows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        features = self.stem(windows)
        skips = []
        for stage in self.down:
            features = stage(features)
            skips.append(features)
        outputs = []
        for level in reversed(range(len(self.up))):
            above = nn.functional.interpolate(self.lateral[level](features), scale_factor=2.0, mode="nearest")
            features = self.up[level](skips[level] + above)
            outputs.append(features)
        return outputs[-3], outputs[-2], outputs[-1]


class _PairedMaskDecoder(MaskDecoder):  # type: ignore[misc]  # segment-anything ships no types
    """segment-anything's decoder for N (embedding, prompt) pairs, with skips.

    The original repeats one image over its prompts; here image n goes with prompt n, so that a training batch is one
    call, and several prompts of one window are its embedding expanded.
    """

    def paired_masks(self, embedding: Embedding, position: Tensor, sparse: Tensor, dense: Tensor) -> Tensor:
        count = sparse.shape[0]
        output_tokens = torch.cat([self.iou_token.weight, self.mask_tokens.weight], dim=0)
        tokens = torch.cat((output_tokens.unsqueeze(0).expand(count, -1, -1), sparse), dim=1)
        source = embedding.stride4 + dense
        _, channels, height, width = source.shape
        states, source = self.transformer(source, position.expand(count, -1, -1, -1), tokens)
        source = source.transpose(1, 2).reshape(count, channels, height, width)
        up1, norm, act1, up2, act2 = self.output_upscaling
        upscaled = act1(norm(up1(source) + embedding.stride2))
        upscaled = act2(up2(upscaled) + embedding.stride1)
        # Token 0 is the IoU's; token 1 is the single mask (multimask output is not used).
        kernel = self.output_hypernetworks_mlps[0](states[:, 1, :])
        return torch.einsum("nc,nchw->nhw", kernel, upscaled)


class SmallSam(nn.Module):
    """Windows (B, 1 + 2 context, S, S) in [0, 1] and one box each → mask logits (B, S, S).

    Parameters
    ----------
    config : SmallSamConfig
    """

    def __init__(self, config: SmallSamConfig) -> None:
        super().__init__()
        self.config = config
        fine, middle, dim = config.widths[:3]
        size = config.window_size
        self.unet = _UNet(1 + 2 * config.context, config.widths)
        self.classes = nn.Conv2d(fine, 4, 1)
        self.skip2 = nn.Conv2d(middle, dim // 4, 1)
        self.skip1 = nn.Conv2d(fine, dim // 8, 1)
        self.prompt_encoder = PromptEncoder(dim, (size // 4, size // 4), (size, size), mask_in_chans=16)
        self.decoder = _PairedMaskDecoder(
            transformer_dim=dim,
            transformer=TwoWayTransformer(depth=2, embedding_dim=dim, num_heads=8, mlp_dim=4 * dim),
            num_multimask_outputs=0,
            iou_head_hidden_dim=dim,
        )
        # How much of the answer without a prompt goes straight into the prompted one.
        self.carry = nn.Parameter(torch.ones(()))

    def encode(self, windows: Tensor) -> Embedding:
        """(B, 1 + 2 context, S, S) scaled to [0, 1], neighbours in order of position → Embedding of B windows."""
        # Centred so that the edge padding of the convolutions is mid-grey and not black.
        at4, at2, at1 = self.unet((windows - 0.5) * 4.0)
        return Embedding(at4, self.skip2(at2), self.skip1(at1), self.classes(at1).float())

    def decode(self, embedding: Embedding, boxes: Tensor, points: tuple[Tensor, Tensor] | None = None) -> Tensor:
        """Logits (N, S, S) for N pairs of embedding and box.

        Parameters
        ----------
        embedding : Embedding of N windows
        boxes : Tensor (N, 4)
            x_min, y_min, x_max, y_max on the window's grid, half-open edges (0 … S).
        points : (Tensor (N, K, 2) of x, y; Tensor (N, K) of 1 positive, 0 negative, -1 padding), optional
        """
        scar = scar_logits(embedding.classes)
        inside = box_coverage(boxes, scar.shape[-1])
        mask = inside * scar.detach().clamp(-12, 12) / _PROMPT_SCALE + (1 - inside) * _PROMPT_OUTSIDE
        # segment-anything adds half a pixel to turn pixel indices into centres; ours are continuous edges already.
        shifted = None if points is None else (points[0] - 0.5, points[1])
        sparse, dense = self.prompt_encoder(points=shifted, boxes=boxes - 0.5, masks=mask[:, None])
        logits = self.decoder.paired_masks(embedding, self.prompt_encoder.get_dense_pe(), sparse, dense)
        return logits.float() + self.carry * scar

    def forward(self, windows: Tensor, boxes: Tensor) -> Tensor:
        return self.decode(self.encode(windows), boxes)


def box_coverage(boxes: Tensor, size: int) -> Tensor:
    """Share (N, size, size) of every sample that lies in the box (N, 4) x_min, y_min, x_max, y_max."""
    low = torch.arange(size, device=boxes.device, dtype=boxes.dtype)

    def along(first: Tensor, last: Tensor) -> Tensor:
        return (torch.minimum(low + 1, last[:, None]) - torch.maximum(low, first[:, None])).clamp(0, 1)

    return along(boxes[:, 1], boxes[:, 3])[:, :, None] * along(boxes[:, 0], boxes[:, 2])[:, None, :]
