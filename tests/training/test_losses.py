"""The losses take logits, and are zero exactly where they should be."""

import math

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_scarseg.training.losses import (
    TWO_CLASS_KL_FLOOR,
    anatomy_loss,
    bernoulli_kl,
    combined_loss,
    dice_loss,
    two_class_kl,
)

MASK = torch.zeros(1, 16, 16)
MASK[0, 4:9, 5:12] = 1


def _combined(logits: torch.Tensor, mask: torch.Tensor = MASK) -> float:
    return float(combined_loss(logits, mask, mask, kl_weight=0.6, dice_weight=0.2, ce_weight=0.2))


def test_a_perfect_answer_costs_nothing_and_an_empty_one_a_lot() -> None:
    perfect = (MASK * 2 - 1) * 30
    empty = torch.full_like(MASK, -30.0)
    assert _combined(perfect) < 1e-6
    assert _combined(empty) > 2


def test_kl_is_zero_exactly_at_the_soft_label() -> None:
    soft = torch.rand(2, 8, 8, generator=torch.Generator().manual_seed(0)) * 0.98 + 0.01
    assert torch.allclose(bernoulli_kl(torch.logit(soft), soft), torch.zeros(2), atol=1e-6)


@given(st.floats(0.01, 0.99), st.floats(-6, 6))
@settings(deadline=None)
def test_kl_is_the_textbook_formula(soft: float, logit: float) -> None:
    p = 1 / (1 + math.exp(-logit))
    expected = soft * math.log(soft / p) + (1 - soft) * math.log((1 - soft) / (1 - p))
    measured = bernoulli_kl(torch.full((1, 2, 2), logit), torch.full((1, 2, 2), soft))
    np.testing.assert_allclose(measured.item(), expected, rtol=1e-3, atol=1e-5)


def test_dice_of_half_the_mask() -> None:
    half = MASK.clone()
    half[0, 4:9, 5:8] = 0
    kept = float(half.sum())
    expected = 1 - (2 * kept + 1) / (kept + 35 + 1)
    assert math.isclose(float(dice_loss((half * 2 - 1) * 40, MASK)), expected, rel_tol=1e-4)


def test_dice_of_empty_against_empty_is_zero() -> None:
    nothing = torch.zeros(1, 16, 16)
    assert float(dice_loss(torch.full_like(nothing, -30.0), nothing)) < 1e-6


def test_an_image_does_not_depend_on_its_batch_mates() -> None:
    logits = torch.randn(3, 16, 16, generator=torch.Generator().manual_seed(1))
    masks = torch.stack([MASK[0], MASK[0].roll(3, 0), torch.zeros(16, 16)])
    alone = [_combined(logits[n : n + 1], masks[n : n + 1]) for n in range(3)]
    assert math.isclose(_combined(logits, masks), sum(alone) / 3, rel_tol=1e-5)


def test_the_papers_kl_cannot_fall_below_its_floor() -> None:
    perfect = (MASK * 2 - 1) * 30
    assert math.isclose(float(two_class_kl(perfect, MASK)), TWO_CLASS_KL_FLOOR, rel_tol=1e-5)
    assert math.isclose(TWO_CLASS_KL_FLOOR, math.log(1 + 1 / math.e), rel_tol=1e-12)
    assert float(bernoulli_kl(perfect, MASK)) < 1e-6


@given(st.floats(-8, 8), st.floats(0.01, 0.99))
@settings(deadline=None)
def test_the_papers_kl_is_what_the_paper_says_step_by_step(logit: float, soft: float) -> None:
    p = torch.sigmoid(torch.tensor(logit))
    log_q = torch.log_softmax(torch.stack([1 - p, p]), dim=0)
    target = torch.tensor([1 - soft, soft])
    expected = float((target * (target.log() - log_q)).sum())
    measured = float(two_class_kl(torch.full((1, 2, 2), logit), torch.full((1, 2, 2), soft)))
    np.testing.assert_allclose(measured, expected, rtol=1e-4, atol=1e-6)


def test_weights_leave_pixels_out() -> None:
    near = torch.zeros_like(MASK)
    near[0, 2:11, 3:14] = 1
    logits = (MASK * 2 - 1) * 30
    logits[0, 14, 14] = 30
    arguments = {"kl_weight": 0.6, "dice_weight": 0.2, "ce_weight": 0.2}
    assert float(combined_loss(logits, MASK, MASK, **arguments, weight=near)) < 1e-6
    assert float(combined_loss(logits, MASK, MASK, **arguments)) > 0.05


def test_anatomy_is_learnt_where_it_is_known_and_scar_everywhere() -> None:
    classes = torch.zeros(1, 8, 8, dtype=torch.int64)
    classes[0, 2:5] = 2
    classes[0, 5] = 3
    perfect = torch.nn.functional.one_hot(classes, 4).permute(0, 3, 1, 2).float() * 40
    assert float(anatomy_loss(perfect, classes)) < 0.03
    only_scar = torch.where(classes == 3, 3, -1)
    # Cavity for myocardium is no mistake where only scar is known; scar for anything else is.
    confused = perfect.clone()
    confused[:, 1], confused[:, 2] = perfect[:, 2], perfect[:, 1]
    assert float(anatomy_loss(confused, only_scar)) < 0.03
    false_scar = perfect.clone()
    false_scar[0, 3, 0] = 80
    assert float(anatomy_loss(false_scar, only_scar)) > 1
