"""A result against its truth: hand-computed rows, and the written rule for empty masks."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from napari_scarseg.core.case import CaseInfo
from napari_scarseg.core.spacing import Spacing
from napari_scarseg.datasets import LabelledCase
from napari_scarseg.evaluation.rows import compare_case, compare_slice, match_lesions
from napari_scarseg.measure import measure_labels
from napari_scarseg.measure.overlap import perimeter_similarity


def block(rows: slice, cols: slice, size: int = 20) -> np.ndarray:
    mask = np.zeros((size, size), bool)
    mask[rows, cols] = True
    return mask


def test_a_shifted_block_by_hand() -> None:
    truth = block(slice(4, 10), slice(4, 10))
    row = compare_slice(np.roll(truth, 2, axis=1), truth, Spacing.unknown())
    assert row["dsc"] == pytest.approx(2 * 24 / 72)
    assert row["iou"] == pytest.approx(24 / 48)
    assert row["perimeter_similarity"] == 1  # position-free
    assert row["hd95_px"] == 2
    assert row["surface_dice_2px"] == 1
    assert math.isnan(row["hd95_mm"])


def test_mm_are_given_where_they_are_known(in_mm: Spacing) -> None:
    truth, mask = block(slice(4, 10), slice(4, 10)), block(slice(4, 10), slice(6, 10))
    row = compare_slice(mask, truth, in_mm)
    assert row["hd95_mm"] == pytest.approx(1.5 * row["hd95_px"])
    assert row["assd_mm"] == pytest.approx(1.5 * row["assd_px"])
    uneven = Spacing(10.0, 1.0, 3.0, in_mm.origin)
    assert compare_slice(mask, truth, uneven)["perimeter_similarity"] == perimeter_similarity(mask, truth, 1.0, 3.0)


def test_the_rule_for_empty_masks() -> None:
    empty, full = block(slice(0), slice(0)), block(slice(2, 8), slice(2, 8))
    scores = ("dsc", "iou", "perimeter_similarity", "surface_dice_1px", "surface_dice_2px")
    pairs = ((empty, empty), (empty, full), (full, empty))
    both, miss, false = (compare_slice(mask, truth, Spacing.unknown()) for mask, truth in pairs)
    assert [both[name] for name in scores] == [1] * 5
    for row in (miss, false):
        assert [row[name] for name in scores] == [0] * 5
    for row in (both, miss, false):
        assert math.isnan(row["hd95_px"]) and math.isnan(row["assd_px"])
        assert not any(math.isnan(row[name]) for name in scores)


def test_mass_is_pixels_times_the_distance_between_slice_centres(
    case_of: Callable[..., LabelledCase], in_mm: Spacing
) -> None:
    scar = np.zeros((4, 30, 30), bool)
    scar[1:3, 5:15, 5:15] = True
    result = scar.copy()
    result[2] = False
    stack = compare_case(case_of(scar, spacing=in_mm), result, "truth").stack
    assert stack["truth_mass_g"] == pytest.approx(200 * 1.5 * 1.5 * 10 / 1000 * 1.05)
    assert stack["result_mass_g"] == pytest.approx(stack["truth_mass_g"] / 2)
    # The measures that users see come to the same mass.
    measured = measure_labels(scar.astype(int), in_mm, CaseInfo("c"))["mass_g"].sum()
    assert stack["truth_mass_g"] == pytest.approx(measured)


def test_without_spacing_there_is_no_mass(case: LabelledCase) -> None:
    stack = compare_case(case, case.scar, "truth").stack
    assert math.isnan(stack["truth_mass_g"]) and math.isnan(stack["result_mass_g"])
    assert stack["volume_dsc"] == stack["volume_iou"] == 1


def test_lesions_are_the_program_s_own_and_matched_by_a_fifth(case: LabelledCase) -> None:
    result = case.scar.copy()
    result[0] = False
    result[1, 5:9, 5:9] = False  # the small block is missed
    result[1, 20:30, 24:32] = False  # of the large one a fifth is left
    result[2, 2:6, 2:6] = True  # a false lesion
    result[2, 30, 30:33] = True  # under 5 px: no lesion
    rows = compare_case(case, result, "detector").lesions
    # The L overlaps neither block of the next slice, so the truth has three lesions.
    truth = [(row["lesion_px"], row["is_matched"]) for row in rows if row["side"] == "truth"]
    assert sorted(truth) == [(16, False), (75, False), (100, True)]
    given = [(row["lesion_px"], row["is_matched"]) for row in rows if row["side"] == "result"]
    assert sorted(given) == [(16, False), (20, True)]


def test_a_lesion_over_two_slices_counts_once() -> None:
    scar = np.zeros((2, 20, 20), bool)
    scar[:, 4:10, 4:10] = True
    assert [(row["lesion_px"], row["slices"]) for row in match_lesions(scar, scar)] == [(72, 2)]


def test_scar_free_slices_are_kept_with_what_was_found_on_them(case: LabelledCase) -> None:
    result = np.zeros_like(case.scar)
    result[2, 4:10, 4:10] = True
    rows = compare_case(case, result, "detector").slices
    assert len(rows) == 3
    assert (rows[2]["truth_px"], rows[2]["result_px"], rows[2]["dsc"]) == (0, 36, 0.0)
