"""The level that a signed image is folded at to make a magnitude image."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_scarseg.core.case import Phase
from napari_scarseg.core.spacing import Spacing
from napari_scarseg.core.stack import Stack
from napari_scarseg.datasets import CaseRecord, LabelledCase
from napari_scarseg.datasets.magnitude import fold_signal, healthy_signal, null_level


@pytest.fixture
def case() -> LabelledCase:
    data = np.full((1, 8, 8), 10, np.int16)
    wall = np.zeros(data.shape, dtype=np.bool_)
    wall[:, 2:6, 2:6] = True
    data[wall] = 40
    scar = np.zeros_like(wall)
    scar[:, 2:5, 2:6] = True
    data[scar] = 90
    record = CaseRecord("P1", Path("image"), Path("label"), "", "", Phase.UNKNOWN, None, (3,), (2, 3), ())
    return LabelledCase(record, Stack(data, Spacing.unknown(), "P1"), scar, wall, wall)


def test_it_is_that_of_the_wall_without_scar(case: LabelledCase) -> None:
    assert null_level(case) == 40, "although most of the wall is scar, and most of the stack is darker"


def test_it_is_the_stack_s_median_where_labels_do_not_say(case: LabelledCase) -> None:
    assert null_level(replace(case, myocardium=None)) == 10
    assert null_level(replace(case, scar=case.myocardium)) == 10


def test_each_slice_has_a_level_of_its_own(case: LabelledCase) -> None:
    rows, cols = np.mgrid[:16, :16]
    wall = np.stack([np.hypot(rows - 8, cols - 8) < radius for radius in (6, 6, 2)])
    scar = wall & (rows < 6)
    signal = 10 + np.arange(3)[:, None, None] * 20 + 2 * ((rows + cols) % 2) + 100 * scar
    stack = replace(case.stack, data=signal.astype(np.int16))
    heart = replace(case, stack=stack, scar=scar, lv=wall, myocardium=wall)
    healthy = healthy_signal(heart)
    own = signal[0][wall[0] & ~scar[0]]
    assert own.max() == 12 and healthy[0] == pytest.approx([np.median(own), own.std()])
    assert (healthy[1] - healthy[0]).tolist() == [20, 0], "the next slice is brighter by 20"
    assert healthy[2, 0] == null_level(heart), "of under 20 pixels nothing is told"
    assert healthy_signal(replace(heart, myocardium=None)).tolist() == [[np.median(signal), 0]] * 3, "unknown"


def test_folding_leaves_the_image_and_its_padding_alone(case: LabelledCase) -> None:
    before = case.stack.data.copy()
    folded = fold_signal(case.stack.data, 40)
    assert np.array_equal(case.stack.data, before)
    assert set(np.unique(folded)) == {0, 50} and (folded[case.scar] == 50).all()
    assert (folded[before == 10] == 0).all(), "not 30"
