"""Losses on logits. Nothing here takes probabilities, so the sigmoid cannot be applied twice.

The paper's loss is 0.6 KL + 0.2 Dice + 0.2 cross-entropy, the KL against a soft label (arXiv 2506.21151). Ours uses the
exact Bernoulli KL per pixel, which is zero exactly when the probabilities equal the soft label. The paper's own form is
`two_class_kl`.
"""

import torch
from torch import Tensor
from torch.nn import functional

from napari_scarseg.engines.small_sam import SCAR, scar_logits

# Least KL that the paper's form can reach, in nats per pixel: see `two_class_kl`.
TWO_CLASS_KL_FLOOR = 0.31326168751822286


def bernoulli_kl(logits: Tensor, soft: Tensor, weight: Tensor | None = None) -> Tensor:
    """Mean KL(soft ‖ sigmoid(logits)) per image.

    Parameters
    ----------
    logits : Tensor (B, H, W)
    soft : Tensor (B, H, W)
        Target probabilities in [0, 1].
    weight : Tensor (B, H, W), optional
        Weight of each pixel in the mean; all alike by default.

    Returns
    -------
    Tensor (B,)
        Cross-entropy minus the entropy of the target, in nats per pixel; never negative.
    """
    cross = functional.binary_cross_entropy_with_logits(logits, soft, reduction="none")
    return _mean(cross - _entropy(soft), weight)


def two_class_kl(logits: Tensor, soft: Tensor, weight: Tensor | None = None) -> Tensor:
    """The KL as the paper describes it: sigmoid, then log-softmax of [1 - p, p], then KL to [1 - soft, soft].

    The softmax of probabilities lies between 0.269 and 0.731, so that a perfect mask still costs
    `TWO_CLASS_KL_FLOOR` = log(1 + 1/e) = 0.313 nats per pixel. Kept to compare with. Arguments as in `bernoulli_kl`.
    """
    probs = torch.sigmoid(logits)
    log_scar = functional.logsigmoid(2 * probs - 1)
    log_rest = functional.logsigmoid(1 - 2 * probs)
    return _mean(-(soft * log_scar + (1 - soft) * log_rest) - _entropy(soft), weight)


def dice_loss(logits: Tensor, mask: Tensor, weight: Tensor | None = None, smooth_px: float = 1.0) -> Tensor:
    """1 - soft Dice per image (Milletari et al., 3DV 2016); `smooth_px` makes empty against empty 0.

    `logits`, `mask` (0/1) and `weight` are (B, H, W); returns (B,).
    """
    probs = torch.sigmoid(logits)
    if weight is not None:
        probs, mask = probs * weight, mask * weight
    shared = (probs * mask).sum(dim=(1, 2))
    total = probs.sum(dim=(1, 2)) + mask.sum(dim=(1, 2))
    return 1 - (2 * shared + smooth_px) / (total + smooth_px)


def combined_loss(
    logits: Tensor,
    mask: Tensor,
    soft: Tensor,
    *,
    kl_weight: float,
    dice_weight: float,
    ce_weight: float,
    weight: Tensor | None = None,
    papers_kl: bool = False,
) -> Tensor:
    """Weighted sum of KL (against `soft`), Dice and cross-entropy (against `mask`), averaged over the batch.

    All tensors are (B, H, W), the targets in [0, 1]; returns a scalar. `weight` says how much each pixel counts;
    `papers_kl` takes `two_class_kl` in place of the exact KL.
    """
    cross = functional.binary_cross_entropy_with_logits(logits, mask, reduction="none")
    kl = two_class_kl if papers_kl else bernoulli_kl
    per_image = (
        kl_weight * kl(logits, soft, weight)
        + dice_weight * dice_loss(logits, mask, weight)
        + ce_weight * _mean(cross, weight)
    )
    return per_image.mean()


def anatomy_loss(class_logits: Tensor, classes: Tensor) -> Tensor:
    """Cross-entropy plus soft Dice of cavity, healthy myocardium and scar, for the answer without a prompt.

    Parameters
    ----------
    class_logits : Tensor (B, 4, H, W)
    classes : Tensor of int64 (B, H, W)
        Classes in the order of the channels; -1 where only "not scar" is known.

    Returns
    -------
    Tensor
        Scalar. Dice is over the whole batch (Isensee et al., nnU-Net, Nature Methods 2021), since a slice may lack a
        class, and its mean is over the classes that occur.
    """
    known = classes >= 0
    cross = functional.cross_entropy(class_logits, classes.clamp(min=0), reduction="none")
    not_scar = functional.softplus(scar_logits(class_logits))
    cross = torch.where(known, cross, not_scar)
    probs = torch.softmax(class_logits, dim=1) * known[:, None]
    losses = []
    for number in range(1, SCAR + 1):
        mask = (classes == number).to(probs.dtype)
        if bool(mask.any()):
            shared = (probs[:, number] * mask).sum()
            losses.append(1 - (2 * shared + 1) / (probs[:, number].sum() + mask.sum() + 1))
    dice = torch.stack(losses).mean() if losses else cross.new_zeros(())
    return cross.mean() + dice


def _entropy(soft: Tensor) -> Tensor:
    return torch.special.entr(soft) + torch.special.entr(1 - soft)


def _mean(values: Tensor, weight: Tensor | None) -> Tensor:
    """Weighted mean per image, (B, H, W) → (B,)."""
    if weight is None:
        return values.mean(dim=(1, 2))
    return (values * weight).sum(dim=(1, 2)) / weight.sum(dim=(1, 2)).clamp(min=1e-6)
