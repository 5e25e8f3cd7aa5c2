"""Losses on logits. Nothing here takes probabilities, so the sigmoid cannot be applied twice.

The paper's loss is 0.6 KL + 0.2 Dice + 0.2 cross-entropy, the KL against a soft label (arXiv 2506.21151). Ours uses the
exact Bernoulli KL per pixel, which is zero exactly when the probabilities equal the soft label.
"""

import torch
from torch import Tensor
from torch.nn import functional


def bernoulli_kl(logits: Tensor, soft: Tensor) -> Tensor:
    """Mean KL(soft ‖ sigmoid(logits)) per image.

    Parameters
    ----------
    logits : Tensor (B, H, W)
    soft : Tensor (B, H, W)
        Target probabilities in [0, 1].

    Returns
    -------
    Tensor (B,)
        Cross-entropy minus the entropy of the target, in nats per pixel; never negative.
    """
    cross = functional.binary_cross_entropy_with_logits(logits, soft, reduction="none")
    entropy = torch.special.entr(soft) + torch.special.entr(1 - soft)
    return (cross - entropy).mean(dim=(1, 2))


def dice_loss(logits: Tensor, mask: Tensor, smooth_px: float = 1.0) -> Tensor:
    """1 - soft Dice per image (Milletari et al., 3DV 2016); `smooth_px` makes empty against empty 0.

    `logits` and `mask` (0/1) are (B, H, W); returns (B,).
    """
    probs = torch.sigmoid(logits)
    shared = (probs * mask).sum(dim=(1, 2))
    total = probs.sum(dim=(1, 2)) + mask.sum(dim=(1, 2))
    return 1 - (2 * shared + smooth_px) / (total + smooth_px)


def combined_loss(
    logits: Tensor, mask: Tensor, soft: Tensor, *, kl_weight: float, dice_weight: float, ce_weight: float
) -> Tensor:
    """Weighted sum of KL (against `soft`), Dice and cross-entropy (against `mask`), averaged over the batch.

    All tensors are (B, H, W), the targets in [0, 1]; returns a scalar.
    """
    cross_entropy = functional.binary_cross_entropy_with_logits(logits, mask, reduction="none").mean(dim=(1, 2))
    per_image = (
        kl_weight * bernoulli_kl(logits, soft) + dice_weight * dice_loss(logits, mask) + ce_weight * cross_entropy
    )
    return per_image.mean()
