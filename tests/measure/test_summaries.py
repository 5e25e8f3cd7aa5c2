"""Tables per lesion and per patient."""

import io

import numpy as np
import pandas as pd
import pytest

from napari_scarseg.core.case import CaseInfo, Phase
from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.errors import InputError
from napari_scarseg.measure import measure_labels, summarise_lesions, summarise_patients

SPACING = Spacing(8.0, 1.5, 1.5, SpacingOrigin.HEADER)


@pytest.fixture
def labels():
    """Lesion 1 on slices 0 (40 px) and 1 (10 px), lesion 2 on slice 1 (1 px)."""
    volume = np.zeros((3, 20, 20), int)
    volume[0, 2:7, 2:10] = 1
    volume[1, 2:4, 2:7] = 1
    volume[1, 15, 15] = 2
    return volume


@pytest.fixture
def image(labels):
    return np.random.default_rng(0).normal(100, 15, labels.shape)


@pytest.fixture
def table(labels, image):
    return measure_labels(labels, SPACING, CaseInfo("a", "P1", Phase.ACUTE), image=image)


def test_lesions_sum_area_and_mass_and_average_shape_by_area(table):
    lesions = summarise_lesions(table)
    assert lesions["lesion_id"].tolist() == [1, 2]
    first = lesions.iloc[0]
    assert (first["n_slices"], first["area_px"]) == (2, 50)
    assert first["area_mm2"] == pytest.approx(50 * 2.25)
    assert first["mass_g"] == pytest.approx(50 * 2.25 * 8 / 1000 * 1.05)
    of_slices = table["circularity"][:2]
    assert first["circularity"] == pytest.approx(np.average(of_slices, weights=[40, 10]))


def test_pooled_intensity_is_that_of_all_pixels(table, labels, image):
    lesions, patients = summarise_lesions(table), summarise_patients(table)
    assert lesions["intensity_mean"][0] == pytest.approx(image[labels == 1].mean())
    assert lesions["intensity_sd"][0] == pytest.approx(image[labels == 1].std())
    assert np.isnan(lesions["intensity_sd"][1])  # one pixel
    # Over the patient the lone pixel is one of many.
    assert patients["intensity_mean"][0] == pytest.approx(image[labels > 0].mean())
    assert patients["intensity_sd"][0] == pytest.approx(image[labels > 0].std())


def test_undefined_slices_are_left_out_of_means_and_void_sums(table):
    table.loc[1, ["mass_g", "circularity"]] = np.nan
    first = summarise_lesions(table).iloc[0]
    assert np.isnan(first["mass_g"])
    assert first["circularity"] == pytest.approx(table["circularity"][0])


def test_small_only_if_small_on_every_slice(table):
    assert table["is_small"].tolist() == [False, True, True]
    assert summarise_lesions(table)["is_small"].tolist() == [False, True]
    assert summarise_patients(table)["is_small"].tolist() == [False]


def test_reasons_are_kept_once(labels):
    table = measure_labels(labels, Spacing.unknown(), CaseInfo("a"))
    patients = summarise_patients(table)
    assert np.isnan(patients["mass_g"][0])
    assert patients["reason_empty"][0].count("in-plane spacing unknown") == 1
    assert patients["spacing_origin"][0] == "unknown"


def test_patient_adds_lesions_and_averages_repeated_scans(labels):
    scans = [measure_labels(labels, SPACING, CaseInfo(name, "P1", Phase.ACUTE)) for name in ("a", "b")]
    scans[1][["area_px", "area_mm2", "volume_ml", "mass_g"]] *= 3
    patients = summarise_patients(pd.concat(scans))
    assert len(patients) == 1
    row = patients.iloc[0]
    assert (row["n_cases"], row["n_lesions"], row["n_slices"]) == (2, 2, 2)
    assert row["area_px"] == pytest.approx((51 + 153) / 2)
    assert row["mass_g"] == pytest.approx(51 * 2.25 * 8 / 1000 * 1.05 * 2)


def test_phases_and_visits_of_a_patient_stay_apart(labels):
    acute = measure_labels(labels, SPACING, CaseInfo("a", "P1", Phase.ACUTE)).assign(visit="1")
    chronic = measure_labels(labels, SPACING, CaseInfo("b", "P1", Phase.CHRONIC)).assign(visit="2")
    patients = summarise_patients(pd.concat([acute, chronic]))
    assert patients[["patient", "phase", "visit"]].values.tolist() == [["P1", "acute", "1"], ["P1", "chronic", "2"]]


def test_same_numbers_after_csv(table):
    again = pd.read_csv(io.StringIO(table.to_csv(index=False)))
    for summarise in (summarise_lesions, summarise_patients):
        pd.testing.assert_frame_equal(summarise(again), summarise(table), check_dtype=False)


def test_no_rows_no_summaries(table):
    assert len(summarise_lesions(table.iloc[:0])) == 0
    assert len(summarise_patients(table.iloc[:0])) == 0


def test_bad_tables_get_a_sentence(table):
    with pytest.raises(InputError, match="lacks the columns patient, area_px"):
        summarise_lesions(table.drop(columns=["patient", "area_px"]))
    with pytest.raises(InputError, match="twice on the same slice"):
        summarise_patients(pd.concat([table, table]))
    with pytest.raises(InputError, match="column solidity holds text"):
        summarise_patients(table.astype({"solidity": object}).assign(solidity="high"))
    with pytest.raises(InputError, match="column circularity holds infinite"):
        summarise_patients(table.assign(circularity=np.inf))
