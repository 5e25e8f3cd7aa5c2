"""Bad tables get one clear sentence, and good ones survive a CSV."""

import io

import numpy as np
import pandas as pd
import pytest

from napari_scarseg.core.case import CaseInfo, Phase
from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.errors import InputError
from napari_scarseg.measure import check_measures, features_of, join_tables, measure_labels, wall_from_centres
from napari_scarseg.measure.reasons import explains_empty

SPACING = Spacing(10.0, 1.5, 1.2, SpacingOrigin.HEADER)


@pytest.fixture
def table():
    labels = np.zeros((4, 24, 30), np.int32)
    labels[:, 3:9, 4:14] = 2
    labels[2, 12:15, 1:4] = 7
    image = np.random.default_rng(0).normal(size=labels.shape)
    return measure_labels(labels, SPACING, CaseInfo("P001", "p1", Phase.ACUTE), image=image)


def through_csv(table):
    return pd.read_csv(io.StringIO(table.to_csv(index=False)))


def test_a_table_survives_a_csv(table):
    checked = check_measures(through_csv(table))
    assert checked["cohort"].tolist() == [""] * len(table)
    for spec in features_of(table):
        np.testing.assert_allclose(checked[spec.name], table[spec.name].to_numpy(dtype=float, na_value=np.nan))


@pytest.mark.parametrize("column", ["case", "patient", "phase", "lesion_id", "slice", "area_px"])
def test_missing_columns_and_cells(table, column):
    with pytest.raises(InputError, match=f"lacks the columns {column}; give a table that Measure wrote"):
        check_measures(table.drop(columns=column))
    with pytest.raises(InputError, match=f"The column {column} has empty cells"):
        check_measures(table.astype(object).assign(**{column: [np.nan, *table[column][1:]]}))


def test_repeated_keys(table):
    with pytest.raises(InputError, match="lists a lesion twice on the same slice; remove the repeated rows"):
        check_measures(pd.concat([table, table.iloc[:1]]))


def test_unknown_phase(table):
    with pytest.raises(InputError, match="phase holds an unknown word; write one of acute, chronic, none, unknown"):
        check_measures(table.assign(phase="old"))


@pytest.mark.parametrize(
    ("column", "value", "sentence"),
    [
        ("solidity", "high", "solidity holds text where numbers belong"),
        ("mass_g", np.inf, "mass_g holds infinite values; leave undefined values empty"),
        ("solidity", 97.0, "solidity holds values outside its range \\(0 – 1\\); check its unit"),
        ("perimeter_mm", -3.0, "perimeter_mm holds values outside its range \\(≥ 0\\)"),
        ("area_mm2", 1.08, "area_mm2 is not area_px × spacing_y_mm × spacing_x_mm in every row, so it mixes units"),
        ("volume_ml", 1080.0, "mass_g is not volume_ml × density_g_per_ml in every row, so it mixes units"),
        ("density_g_per_ml", 1.06, "computed with different densities"),
    ],
)
def test_bad_values(table, column, value, sentence):
    bad = through_csv(table).astype({column: object})
    bad.loc[0, column] = value
    with pytest.raises(InputError, match=sentence):
        check_measures(bad)


def test_empty_cells_are_no_error(table):
    bare = table.assign(area_mm2=np.nan, mass_g=np.nan, volume_ml=np.nan, solidity=np.nan)
    assert check_measures(bare)["mass_g"].isna().all()


def test_joined_cases_say_what_they_lack(table):
    labels = np.zeros((1, 12, 12), int)
    labels[0, 2:8, 2:8] = 1
    other = measure_labels(labels, Spacing.unknown(), CaseInfo("b"), wall=wall_from_centres({0: (9.0, 9.0)}))
    joined = join_tables([table, other, table.iloc[:0]])
    assert joined["case"].tolist() == ["P001"] * len(table) + ["b"]
    for spec in features_of(joined):
        for reason in joined["reason_empty"][joined[spec.name].isna()]:
            assert explains_empty(reason, spec.name), spec.name
    assert join_tables([table.iloc[:0]]).empty
    assert list(join_tables([table]).columns) == list(table.columns)
