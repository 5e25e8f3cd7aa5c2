"""Later cases into a table: what is kept, what is refused, and with which sentence."""

import io

import numpy as np
import pandas as pd
import pytest

from napari_scarseg.core.case import CaseInfo, Phase
from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.errors import InputError
from napari_scarseg.measure import append_measures, check_measures, measure_labels, summarise_patients
from napari_scarseg.measure.reasons import explains_empty

SPACING = Spacing(10.0, 1.5, 1.5, SpacingOrigin.HEADER)


def measured(case: str, *, size: int = 6, with_image: bool = False, density: float = 1.05) -> pd.DataFrame:
    labels = np.zeros((3, 24, 24), np.int32)
    labels[:2, 3 : 3 + size, 4:12] = 1
    image = np.arange(labels.size, dtype=float).reshape(labels.shape) if with_image else None
    info = CaseInfo(case, case.upper(), Phase.ACUTE)
    return measure_labels(labels, SPACING, info, image=image, density_g_per_ml=density)


def through_csv(table: pd.DataFrame) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(table.to_csv(index=False)))


def test_rows_of_a_later_case_follow_and_neither_table_changes():
    table, new = through_csv(measured("a")), measured("b", size=8)
    before = table.copy(), new.copy()
    joined = append_measures(table, new)
    assert joined["case"].tolist() == ["a", "a", "b", "b"]
    assert joined["area_px"].tolist() == [48, 48, 64, 64]
    pd.testing.assert_frame_equal(table, before[0])
    pd.testing.assert_frame_equal(new, before[1])
    assert summarise_patients(joined)["mass_g"].tolist() == pytest.approx([2.268, 3.024])


def test_one_by_one_is_the_same_as_all_at_once():
    parts = [measured(name, size=size) for name, size in (("a", 6), ("b", 7), ("c", 8))]
    slowly = append_measures(append_measures(through_csv(parts[0]), parts[1]), parts[2])
    at_once = check_measures(pd.concat(parts, ignore_index=True))
    pd.testing.assert_frame_equal(check_measures(slowly), at_once, check_dtype=False)


@pytest.mark.parametrize("image_first", [False, True])
def test_intensities_of_one_side_stay_empty_on_the_other_with_the_reason(image_first):
    joined = append_measures(measured("a", with_image=image_first), measured("b", with_image=not image_first))
    lacking = joined["case"] == ("b" if image_first else "a")
    assert joined.loc[lacking, "intensity_mean"].isna().all() and joined.loc[~lacking, "intensity_mean"].notna().all()
    assert all(explains_empty(text, "intensity_mean") for text in joined.loc[lacking, "reason_empty"])


def test_a_case_that_is_there_is_refused_or_replaced():
    table = append_measures(measured("a"), measured("b"))
    with pytest.raises(InputError, match="The case 'b' is in the table already; leave it out, or replace the earlier"):
        append_measures(table, measured("b", size=9))
    joined = append_measures(table, measured("b", size=9), replace=True)
    assert joined.groupby("case")["area_px"].first().to_dict() == {"a": 48, "b": 72}
    many = append_measures(append_measures(table, measured("c")), measured("d"))
    with pytest.raises(InputError, match="The cases 'a', 'b', 'c' and 1 more are in the table already"):
        append_measures(many, many)


def test_a_case_without_lesions_adds_no_row():
    empty = measured("n").iloc[:0]
    assert append_measures(measured("a"), empty)["case"].tolist() == ["a", "a"]


def test_columns_of_a_cohort_table_must_be_on_both_sides():
    with pytest.raises(InputError, match="The new rows lack the columns visit, event; give all cases the same cohort"):
        append_measures(measured("a").assign(visit="1", event=0), measured("b"))
    with pytest.raises(InputError, match="The table to append to lacks the column visit; give all cases"):
        append_measures(measured("a"), measured("b").assign(visit="1"))
    with pytest.raises(InputError, match="The table to append to lacks the column mass_g; measure its cases again"):
        append_measures(measured("a").drop(columns="mass_g"), measured("b"))


def test_numbers_stay_numbers_and_text_among_them_is_refused():
    table = through_csv(measured("a").assign(event="0"))
    joined = append_measures(table, measured("b").assign(event=["1", ""]))
    assert joined["event"].tolist()[:3] == [0, 0, 1] and np.isnan(joined["event"].tolist()[3])
    with pytest.raises(InputError, match="The column event holds numbers in the table and text in the new rows"):
        append_measures(table, measured("b").assign(event="yes"))


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda t: t.drop(columns="patient"), "The table to append to cannot be used. The table lacks the columns"),
        (lambda t: summarise_patients(t), "cannot be used. The table lacks the columns case, lesion_id, slice"),
        (lambda t: t.assign(mass_g=1000 * t["mass_g"]), "so it mixes units; correct it"),
        (lambda t: t.assign(area_mm2="12 mm2"), "area_mm2 holds text where numbers belong"),
        (lambda t: pd.concat([t, t.head(1)]), "lists a lesion twice on the same slice"),
        (lambda t: t.assign(phase=np.nan), "The column phase has empty cells"),
    ],
)
def test_bad_tables_are_named(spoil, sentence):
    with pytest.raises(InputError, match=sentence):
        append_measures(spoil(measured("a")), measured("b"))
    if "to append to" not in sentence:
        with pytest.raises(InputError, match="The new rows cannot be used"):
            append_measures(measured("a"), spoil(measured("b")))


def test_masses_of_another_density_are_refused():
    with pytest.raises(InputError, match="different densities"):
        append_measures(measured("a"), measured("b", density=1.06))
