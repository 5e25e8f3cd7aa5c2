"""Several cases as one table, and from a row to the lesion and back. No window."""

import numpy as np
import pandas as pd
import pytest

from napari_scarseg.core.case import CaseInfo, Phase
from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.gui.morphology_cases import LabelsCase
from napari_scarseg.gui.morphology_queue import measure_case
from napari_scarseg.gui.morphology_results import (
    CaseMeasures,
    LesionPlace,
    TableLevel,
    case_names,
    describe_cases,
    find_row,
    join_cases,
    locate_row,
    shown_columns,
    shown_features,
    table_at,
)

MM = Spacing(10.0, 1.0, 1.0, SpacingOrigin.USER)


def measured(
    name: str, phase: Phase, *, spacing: Spacing = MM, layer: str = "", patient: str = "", empty: bool = False
) -> CaseMeasures:
    """Lesion 1 on slices 0 (16 px) and 1 (25 px), lesion 4 on slice 2 (9 px)."""
    labels = np.zeros((4, 20, 20), dtype=np.int32)
    if not empty:
        labels[0, 2:6, 2:6] = 1
        labels[1, 2:7, 2:7] = 1
        labels[2, 10:13, 10:13] = 4
    case = CaseInfo(name, patient, phase)
    return measure_case(LabelsCase(layer or f"{name} scar", labels, None, spacing, "A note.", case))


ACUTE, CHRONIC = measured("one", Phase.ACUTE), measured("two", Phase.CHRONIC)


def test_levels_hold_a_row_per_slice_lesion_and_patient() -> None:
    assert len(table_at(TableLevel.LESION_SLICE, [ACUTE, CHRONIC])) == 6
    lesions = table_at(TableLevel.LESION, [ACUTE, CHRONIC])
    assert lesions[["case", "lesion_id", "area_px"]].to_numpy().tolist() == [
        ["one", 1, 41],
        ["one", 4, 9],
        ["two", 1, 41],
        ["two", 4, 9],
    ]
    patients = table_at(TableLevel.PATIENT, [ACUTE, CHRONIC])
    assert patients[["patient", "phase", "n_lesions"]].to_numpy().tolist() == [
        ["one", "acute", 2],
        ["two", "chronic", 2],
    ]


def test_a_case_without_lesion_leaves_the_types_of_the_others() -> None:
    empty = measured("three", Phase.NONE, empty=True)
    for level in TableLevel:
        joined, alone = table_at(level, [empty, ACUTE]), table_at(level, [ACUTE])
        pd.testing.assert_frame_equal(joined, alone)
        assert table_at(level, [empty]).empty
        assert table_at(level, []).empty


def test_two_layers_of_one_case_are_two_cases_of_one_patient() -> None:
    pair = [measured("one", Phase.ACUTE, layer="mine"), measured("one", Phase.ACUTE, layer="theirs")]
    assert case_names(pair) == ["one [mine]", "one [theirs]"]
    assert join_cases(pair)["case"].unique().tolist() == ["one [mine]", "one [theirs]"]
    patients = table_at(TableLevel.PATIENT, pair)
    assert patients["area_px"].tolist() == [50], "the mean of the two, not the sum: it is one heart"


@pytest.mark.parametrize(
    ("level", "row", "place"),
    [
        (TableLevel.LESION_SLICE, 0, LesionPlace("one", 1, 0)),
        (TableLevel.LESION, 0, LesionPlace("one", 1, 1)),
        (TableLevel.LESION, 3, LesionPlace("two", 4, 2)),
        (TableLevel.PATIENT, 1, LesionPlace("two", 1, 1)),
    ],
)
def test_a_row_leads_to_where_the_lesion_is_largest(level: TableLevel, row: int, place: LesionPlace) -> None:
    cases = [ACUTE, CHRONIC]
    assert locate_row(level, table_at(level, cases), row, join_cases(cases)) == place


def test_a_lesion_leads_to_its_row() -> None:
    cases = [ACUTE, CHRONIC]
    lesions, slices = table_at(TableLevel.LESION, cases), table_at(TableLevel.LESION_SLICE, cases)
    assert find_row(TableLevel.LESION, lesions, LesionPlace("two", 4, 0)) == 3
    assert find_row(TableLevel.LESION_SLICE, slices, LesionPlace("two", 1, 3)) == 4, "the nearest slice"
    assert find_row(TableLevel.LESION, lesions, LesionPlace("two", 9, 0)) is None
    assert find_row(TableLevel.PATIENT, table_at(TableLevel.PATIENT, cases), LesionPlace("two", 4, 0)) is None
    assert find_row(TableLevel.LESION, pd.DataFrame(), LesionPlace("two", 4, 0)) is None


def test_keys_that_tell_no_rows_apart_are_left_out() -> None:
    alone = [column.name for column in shown_columns(TableLevel.LESION, ACUTE.lesions)]
    assert alone[:3] == ["lesion_id", "n_slices", "area_mm2"]
    both = shown_columns(TableLevel.LESION, table_at(TableLevel.LESION, [ACUTE, CHRONIC]))
    assert [column.name for column in both][:4] == ["lesion_id", "phase", "case", "n_slices"]
    named = [measured("a", Phase.ACUTE, patient="p1"), measured("b", Phase.CHRONIC, patient="p1")]
    names = [column.name for column in shown_columns(TableLevel.LESION, table_at(TableLevel.LESION, named))]
    assert names[:3] == ["lesion_id", "phase", "case"]
    assert "patient" not in names


def test_pixels_are_shown_only_where_there_is_no_mm() -> None:
    known = [spec.name for spec in shown_features(ACUTE.lesions)]
    unknown = [spec.name for spec in shown_features(measured("x", Phase.ACUTE, spacing=Spacing.unknown()).lesions)]
    assert "area_mm2" in known
    assert "area_px" not in known
    assert "area_px" in unknown
    assert not {"area_mm2", "mass_g", "perimeter_mm"} & set(unknown)


def test_says_how_much_was_measured() -> None:
    assert describe_cases([ACUTE]) == "2 lesions in 1 case"
    nothing = measured("x", Phase.NONE, empty=True, layer="empty one")
    unknown = measured("y", Phase.ACUTE, spacing=Spacing.unknown())
    assert describe_cases([ACUTE, nothing]) == "2 lesions in 2 cases · none in empty one"
    assert describe_cases([unknown]) == "2 lesions in 1 case · sizes in px"
    assert describe_cases([ACUTE, unknown]) == "4 lesions in 2 cases · 1 without spacing"


def test_flags_stand_behind_the_features_where_any_row_has_one() -> None:
    flagged = ACUTE.lesions.assign(review_flags=["", "tiny"])
    assert [column.name for column in shown_columns(TableLevel.LESION, flagged)][-1] == "review_flags"
    plain = ACUTE.lesions.assign(review_flags="")
    assert "review_flags" not in [column.name for column in shown_columns(TableLevel.LESION, plain)]
    assert "review_flags" not in [column.name for column in shown_columns(TableLevel.PATIENT, flagged)]
