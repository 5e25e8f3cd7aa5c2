"""The attention of Segment Anything's image encoder through torch's `scaled_dot_product_attention`.

The official code writes the scores of all tokens against all others to memory, several times over (0.8 GB each at 1024
× 1024 samples). Here the kernel keeps them to itself. The decomposed relative positions become part of the product:
q·k + h[q, row of k] + w[q, column of k] is the product of the longer vectors (q, h[q], w[q]) and (k, row of k as
one-hot, column of k as one-hot). On a CPU, whose kernel wants keys and values of one length, they are a mask instead.
"""

import torch
from segment_anything.modeling import ImageEncoderViT
from segment_anything.modeling.image_encoder import Attention, get_rel_pos
from torch import Tensor, nn
from torch.nn.functional import one_hot, scaled_dot_product_attention


class FlashAttention(nn.Module):
    """Stands in for an `Attention` of `segment_anything`, with its parameters: (B, H, W, C) → (B, H, W, C).

    Parameters
    ----------
    original : Attention
        With relative positions.
    """

    def __init__(self, original: Attention) -> None:
        super().__init__()
        # Under the original's names, so that weights files stay the same.
        self.qkv, self.proj = original.qkv, original.proj
        self.rel_pos_h, self.rel_pos_w = original.rel_pos_h, original.rel_pos_w
        self._heads, self._scale = original.num_heads, original.scale

    def forward(self, tokens: Tensor) -> Tensor:
        batch, height, width, _ = tokens.shape
        joint = self.qkv(tokens).reshape(batch, height * width, 3, self._heads, -1).permute(2, 0, 3, 1, 4)
        queries, keys, values = joint.unbind(0)
        by_row, by_col = self._positions(queries, height, width)
        if self._wants_mask(tokens):
            bias = (by_row[..., :, None] + by_col[..., None, :]).flatten(-2)
            found = scaled_dot_product_attention(queries, keys, values, attn_mask=bias, scale=self._scale)
        else:
            rows = one_hot(torch.arange(height, device=tokens.device), height).repeat_interleave(width, dim=0)
            cols = one_hot(torch.arange(width, device=tokens.device), width).repeat(height, 1)
            places = torch.cat([rows, cols], dim=1).to(keys.dtype).expand(batch, self._heads, -1, -1)
            longer_queries = torch.cat([queries * self._scale, by_row, by_col], dim=-1)
            found = scaled_dot_product_attention(longer_queries, torch.cat([keys, places], dim=-1), values, scale=1.0)
        joined = found.transpose(1, 2).reshape(batch, height, width, -1)
        result: Tensor = self.proj(joined)
        return result

    def _wants_mask(self, tokens: Tensor) -> bool:
        """Whether the places are better given as a mask on the tokens' device."""
        return tokens.device.type == "cpu"

    def _positions(self, queries: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
        """What a query's place adds to its score with each row and column of keys: (B, heads, N, height | width)."""
        batch, heads, count, depth = queries.shape
        grid = queries.reshape(batch, heads, height, width, depth)
        rows = get_rel_pos(height, height, self.rel_pos_h).to(queries.dtype)
        cols = get_rel_pos(width, width, self.rel_pos_w).to(queries.dtype)
        by_row = torch.einsum("bnhwc,hkc->bnhwk", grid, rows).reshape(batch, heads, count, height)
        by_col = torch.einsum("bnhwc,wkc->bnhwk", grid, cols).reshape(batch, heads, count, width)
        return by_row, by_col


def use_flash_attention(encoder: ImageEncoderViT) -> None:
    """Replace the attention of every block, in place; the parameters stay the same tensors."""
    for block in encoder.blocks:
        if isinstance(block.attn, Attention) and block.attn.use_rel_pos:
            block.attn = FlashAttention(block.attn)
