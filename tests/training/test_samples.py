"""What the box asks for, and the soft label."""

import numpy as np
import pytest

from napari_scarseg.core.box import Box
from napari_scarseg.core.masks import label_components
from napari_scarseg.training.samples import Softening, box_target, soften


def test_soft_label_stays_in_its_image_and_keeps_its_mass() -> None:
    target = np.zeros((40, 40), np.float32)
    target[15:25, 18:22] = 1
    soft = soften(target, Softening(2.0))
    assert soft.dtype == np.float32
    assert soft.sum() == pytest.approx(target.sum(), rel=1e-3)
    assert soften(target, Softening(0)) is target


@pytest.mark.parametrize(("thickness", "peak"), [(1, 0.20), (2, 0.38), (4, 0.67)])
def test_thin_scars_peak_where_theory_says_at_sigma_two(thickness: int, peak: float) -> None:
    band = np.zeros((41, 81), np.float32)
    band[20 : 20 + thickness, 10:70] = 1
    soft = soften(band, Softening(2.0))
    assert soft.max() == pytest.approx(peak, abs=0.02)
    full = soften(band, Softening(2.0, full_peak=True))
    assert full.max() == 1
    np.testing.assert_allclose(full, soft / soft.max(), rtol=1e-5)


def test_an_empty_target_has_no_peak_to_scale() -> None:
    assert not soften(np.zeros((8, 8), bool), Softening(2.0, full_peak=True)).any()


def test_a_box_asks_for_pieces_that_lie_in_it_and_for_no_other() -> None:
    scar = np.zeros((30, 30), bool)
    scar[5:10, 5:10] = True
    scar[12, 8] = True  # a crumb inside the box
    scar[5:10, 13:25] = True  # a neighbour that only touches the box
    target = box_target(label_components(scar, min_px=1), scar, Box(0, 4, 4, 14, 15))
    assert target[5:10, 5:10].all()
    assert target[12, 8]
    assert not target[:, 13:].any()
