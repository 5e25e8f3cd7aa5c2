"""Shifts move image and truth together, exactly and always alike."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.core.stack import Stack
from napari_scarseg.datasets import LabelledCase
from napari_scarseg.errors import InputError
from napari_scarseg.evaluation.shift_table import tabulate_shifts
from napari_scarseg.evaluation.shifts import (
    SHIFTS,
    find_shifts,
    to_magnitude,
    to_matrix,
    to_one_null,
    to_pixel,
    to_remote_null,
    to_stretched,
    to_turned,
    to_view,
)
from napari_scarseg.measure.overlap import dice


@pytest.fixture
def heart(case_of) -> LabelledCase:  # type: ignore[no-untyped-def]
    """A ring with a scar as bright as nothing else, off the middle; 1.4 mm pixels."""
    rows, cols = np.mgrid[:128, :128]
    radius = np.hypot(rows - 55, cols - 70)
    wall, cavity = (radius > 12) & (radius < 20), radius <= 12
    scar = wall & (rows > 62)
    data = 127 + 10 * wall + 20 * cavity + 60 * scar
    data[:, :2] = 0
    case = case_of(np.stack([scar, np.zeros_like(scar)]), spacing=Spacing(10.0, 1.4, 1.4, SpacingOrigin.HEADER))
    stack = Stack(np.stack([data, data]).astype(np.float32), case.stack.spacing, "P1")
    return replace(case, stack=stack, lv=np.stack([wall | cavity] * 2), myocardium=np.stack([wall] * 2))


def brightest(case: LabelledCase) -> np.ndarray:
    """Where the image itself says that the scar is."""
    data = np.asarray(case.stack.data, dtype=np.float64)[0]
    return data > (data.max() + np.median(data)) / 2


@pytest.mark.parametrize("shift", SHIFTS, ids=[shift.name for shift in SHIFTS])
def test_truth_and_image_stay_together(heart: LabelledCase, shift) -> None:  # type: ignore[no-untyped-def]
    before = heart.stack.data.copy()
    moved = shift.apply(heart)
    shape = moved.stack.shape
    assert moved.scar.shape == moved.lv.shape == moved.myocardium.shape == shape
    assert moved.scar.any() and not moved.scar[1].any()
    limit = 0.8 if shift.name == "matrix-128" or "pixel-1.9" in shift.name else 0.9
    if "magnitude" not in shift.name and "other-centre" not in shift.name:
        assert dice(brightest(moved), moved.scar[0]) > limit
    assert np.array_equal(heart.stack.data, before)
    again = shift.apply(heart)
    assert np.array_equal(again.stack.data, moved.stack.data) and np.array_equal(again.scar, moved.scar)


def test_magnitude_darkens_the_wall_and_keeps_padding_dark(heart: LabelledCase) -> None:
    data = to_magnitude(heart).stack.data[0]
    assert np.median(data[heart.myocardium[0] & ~heart.scar[0]]) == 0
    assert (data[heart.scar[0]] == 60).all()
    assert (data[:, :2] == 0).all()
    assert data.min() == 0


def test_remote_wall_is_nulled_where_most_of_the_rest_is_an_infarcts_border(heart: LabelledCase) -> None:
    data = heart.stack.data.copy()
    _, cols = np.mgrid[:128, :128]
    healthy = heart.myocardium & ~heart.scar
    border = healthy & (cols > 58)  # brighter by partial volume, more than half of what is not scar
    data[border] += 25
    mixed = replace(heart, stack=replace(heart.stack, data=data))
    remote = healthy & ~border
    assert 20 < remote[0].sum() < border[0].sum()
    middle, dark = (shift(mixed).stack.data for shift in (to_magnitude, to_remote_null))
    assert [np.median(one[0][remote[0]]) for one in (middle, dark)] == [25, 0]
    data[heart.scar] = 60  # a core without contrast agent is darker than any muscle, and scar all the same
    cored = replace(heart, stack=replace(heart.stack, data=data))
    assert np.median(to_remote_null(cored).stack.data[0][remote[0]]) == 0
    unlabelled = replace(heart, myocardium=None)
    assert np.array_equal(to_remote_null(unlabelled).stack.data, to_magnitude(unlabelled).stack.data)


def test_one_null_misses_the_wall_of_a_brighter_slice(heart: LabelledCase) -> None:
    data = heart.stack.data.copy()
    data[1] += 30
    uneven = replace(heart, stack=replace(heart.stack, data=data))
    healthy = heart.myocardium & ~heart.scar
    own, one = to_magnitude(uneven).stack.data, to_one_null(uneven).stack.data
    assert [np.median(own[z][healthy[z]]) for z in (0, 1)] == [0, 0]
    assert max(np.median(one[z][healthy[z]]) for z in (0, 1)) >= 15


def test_turns_are_exact_and_come_back(heart: LabelledCase) -> None:
    turned = to_turned(heart, 1)
    assert np.array_equal(turned.scar[0], np.rot90(heart.scar[0]))
    back = to_turned(turned, 3)
    assert np.array_equal(back.stack.data, heart.stack.data) and np.array_equal(back.scar, heart.scar)
    twice = to_turned(to_turned(heart, 0, flipped=True), 0, flipped=True)
    assert np.array_equal(twice.stack.data, heart.stack.data)


def test_pixels_of_another_matrix_cover_the_same_mm(heart: LabelledCase) -> None:
    area_mm2 = heart.scar.sum() * 1.4**2
    for moved in (to_matrix(heart, 256, 256), to_matrix(heart, 96, 96), to_stretched(heart, 1.25, 1)):
        spacing = moved.stack.spacing
        assert moved.scar.sum() * spacing.y_mm * spacing.x_mm == pytest.approx(area_mm2, rel=0.05)
    assert to_matrix(heart, 128, 128).scar.sum() == heart.scar.sum()


def test_another_pixel_size_keeps_the_matrix_and_the_heart_in_it(heart: LabelledCase) -> None:
    for pixel_mm in (0.7, 1.9):
        moved = to_pixel(heart, pixel_mm)
        assert moved.stack.shape == heart.stack.shape
        assert moved.stack.spacing.y_mm == pytest.approx(pixel_mm, rel=0.02)
        assert moved.scar.sum() / heart.scar.sum() == pytest.approx((1.4 / pixel_mm) ** 2, rel=0.06)
    # Pixels of unknown size count as the usual ones.
    unknown = replace(heart, stack=Stack(heart.stack.data, Spacing.unknown(), "P1"))
    assert to_pixel(unknown, 1.4).scar.sum() == pytest.approx(4 * heart.scar.sum(), rel=0.05)


def test_padding_holds_no_scar(heart: LabelledCase) -> None:
    edge = np.zeros_like(heart.scar)
    edge[0, 60:70, :5] = True
    padded = to_pixel(replace(heart, scar=edge), 1.9)
    assert padded.scar.sum() == pytest.approx(50 * (1.4 / 1.9) ** 2, rel=0.3)


def test_a_smaller_view_is_a_square_around_the_heart_without_losing_scar(heart: LabelledCase) -> None:
    view = to_view(heart, 1.6)
    side = round(1.6 * 39)
    assert view.stack.shape == (2, side, side)
    assert view.scar.sum() == heart.scar.sum()
    rows, cols = np.nonzero(view.lv[0])
    assert abs((rows.min() + rows.max()) / 2 - side / 2) <= 1 and abs((cols.min() + cols.max()) / 2 - side / 2) <= 1


def test_shifts_are_found_by_name() -> None:
    assert [shift.name for shift in find_shifts(("flip", "magnitude"))] == ["magnitude", "flip"]
    assert find_shifts(("all",)) == SHIFTS
    with pytest.raises(InputError, match="no shift called upside-down; choose all, or from aspect-cols"):
        find_shifts(("upside-down",))


def test_the_cost_of_a_shift_is_the_difference_of_the_means() -> None:
    patients = [f"p{n}" for n in range(8)] * 2
    dsc = np.linspace(0.4, 0.8, 8)
    slices = pd.DataFrame(
        {
            "method": "truth",
            "shift": ["none"] * 8 + ["flip"] * 8,
            "patient": patients,
            "truth_px": 9,
            "dsc": np.concatenate([dsc, dsc - 0.1]),
        }
    )
    slices.loc[3, ["truth_px", "dsc"]] = [0, 1.0]  # without scar: in no mean
    table = tabulate_shifts(slices, draws=100).set_index("shift")
    assert table.dsc["none"] == pytest.approx(np.delete(dsc, 3).mean())
    assert table.difference["none"] == table.low["none"] == 0
    assert table.difference["flip"] == pytest.approx((dsc - 0.1).mean() - np.delete(dsc, 3).mean())
    assert table.low["flip"] < table.difference["flip"] < table.high["flip"]
    assert table.slices.to_dict() == {"none": 7, "flip": 8}
