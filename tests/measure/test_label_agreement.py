"""Two label sets of the same patients: pairing, agreement, and who is in one alone."""

import numpy as np
import pandas as pd
import pytest

from napari_scarseg.core.case import CaseInfo
from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.errors import InputError
from napari_scarseg.measure import measure_labels
from napari_scarseg.measure.agreement import intraclass_correlation
from napari_scarseg.measure.label_agreement import compare_label_sets

SPACING = Spacing(10.0, 1.5, 1.5, SpacingOrigin.HEADER)


def measured(grow: int, patients: range, suffix: str = "") -> pd.DataFrame:
    """A lesion on two slices of each patient and a second one, with other numbers in the second set, on one."""
    tables = []
    for n in patients:
        labels = np.zeros((2, 40, 40), int)
        labels[:, 4 : 8 + n, 5 : 14 + grow] = 7 if grow else 1
        labels[0, 30:35, 30:36] = 3
        tables.append(measure_labels(labels, SPACING, CaseInfo(f"P{n}{suffix}", f"P{n}")))
    return pd.concat(tables, ignore_index=True)


def test_patients_are_paired_whatever_their_cases_and_lesions_are_called():
    found = compare_label_sets(measured(0, range(8)), measured(2, range(8), "_auto"), features=("mass_g",), draws=99)
    (row,) = found.results.to_dict("records")
    first, second = (found.pairs[f"mass_g_{which}"].to_numpy() for which in ("first", "second"))
    assert row["n_pairs"] == row["n_patients"] == 8
    assert row["icc"] == pytest.approx(float(intraclass_correlation(first, second)))
    assert row["icc_low"] < row["icc"] < 1 and row["bias"] == pytest.approx((second - first).mean())
    # Two columns of 4 … 11 rows on two slices.
    np.testing.assert_allclose(second - first, np.arange(4, 12) * 2 * 2 * 2.25 * 10 / 1000 * 1.05)


def test_slices_are_paired_over_all_their_lesions():
    found = compare_label_sets(
        measured(0, range(6)), measured(2, range(6)), by_slice=True, features=("area_px",), draws=99
    )
    assert found.unit == "slices" and len(found.pairs) == 12
    first = found.pairs.set_index(["patient", "slice"])["area_px_first"]
    assert first["P0", 0] == 4 * 9 + 30 and first["P0", 1] == 4 * 9
    assert found.results["n_patients"][0] == 6
    assert any("not independent" in sentence for sentence in found.warnings)


def test_patients_of_one_set_alone_are_counted():
    found = compare_label_sets(measured(0, range(7)), measured(2, range(1, 10)), features=("mass_g",), draws=0)
    assert (found.only_first, found.only_second, len(found.pairs)) == (1, 3, 6)
    assert "1 patients have a lesion in the first table only and 3" in found.warnings[0]


def test_the_same_labels_agree_fully():
    found = compare_label_sets(measured(0, range(6)), measured(0, range(6)), draws=0).results.set_index("feature")
    assert found.loc["mass_g", "icc"] == 1 and found.loc["mass_g", "bias"] == 0
    # Equal in all patients: no variance to agree on.
    assert np.isnan(found.loc["n_holes", "icc"])


def test_refusals():
    with pytest.raises(InputError, match="Only 3 patients are in both tables"):
        compare_label_sets(measured(0, range(3)), measured(0, range(9)))
    with pytest.raises(InputError, match="share no feature"):
        compare_label_sets(measured(0, range(6)), measured(0, range(6)), features=("intensity_mean",))
    with pytest.raises(InputError, match="lacks the columns"):
        compare_label_sets(measured(0, range(6)), measured(0, range(6)).drop(columns="lesion_id"))
