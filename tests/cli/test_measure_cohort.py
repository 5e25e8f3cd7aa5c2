"""`scarseg measure` as a cohort grows: tables appended to, case folders, and the computed sample."""

import json

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from napari_scarseg.cases import Case, ImageReference, LabelsPart, save_case
from napari_scarseg.core.case import CaseInfo, Phase
from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.io import read_stack, write_labels

SPACING = Spacing(10.0, 1.5, 1.5, SpacingOrigin.HEADER)


@pytest.fixture
def lesions():
    labels = np.zeros((3, 20, 20), np.int32)
    labels[0:2, 2:8, 2:12] = 4
    labels[2, 12:16, 12:17] = 9
    return labels


@pytest.fixture
def make_case(tmp_path, lesions):
    """A saved case beside its image; the labels are 4 and 9."""

    def make(name: str, patient: str = "", phase: Phase = Phase.ACUTE, layers=None):
        folder = tmp_path / "study"
        folder.mkdir(exist_ok=True)
        image = nib.Nifti1Image(np.arange(lesions.size, dtype=np.float32).reshape(lesions.shape).T, np.eye(4))
        nib.save(image, folder / f"{name}.nii.gz")
        stack = read_stack(folder / f"{name}.nii.gz")
        reference = ImageReference(folder / f"{name}.nii.gz", stack.sha256(), lesions.shape)
        parts = tuple(LabelsPart(key, value) for key, value in (layers or {"scar": lesions}).items())
        case = Case(reference, CaseInfo(name, patient, phase, "trial"), SPACING, labels=parts)
        save_case(folder / f"{name}.scarseg", case)
        return folder / f"{name}.scarseg"

    return make


def write_scar(folder, name, lesions):
    write_labels(folder / f"{name}_scar.nii.gz", lesions, SPACING, None)
    return folder / f"{name}_scar.nii.gz"


def test_later_cases_are_appended(scarseg, tmp_path, lesions):
    table = tmp_path / "cohort.csv"
    first = scarseg("measure", write_scar(tmp_path, "A", lesions), "-o", table, "--append")
    assert first.out == "cohort.csv: 3 rows, 2 lesions, 1 cases added; now 3 rows of 1 cases with a lesion\n"
    assert scarseg("measure", write_scar(tmp_path, "B", lesions), "-o", table, "--append").status == 0
    assert pd.read_csv(table)["case"].tolist() == ["A"] * 3 + ["B"] * 3
    record = json.loads((tmp_path / "cohort.json").read_text(encoding="utf-8"))
    assert list(record["cases"]) == ["A", "B"] and record["cases"]["A"]["n_lesions"] == 2
    assert record["spacing"] == SPACING.as_dict()


def test_a_case_that_is_there_needs_replace(scarseg, tmp_path, lesions):
    table, file = tmp_path / "cohort.csv", write_scar(tmp_path, "A", lesions)
    scarseg("measure", file, "-o", table, "--append")
    sentence = scarseg("measure", file, "-o", table, "--append").sentence
    assert "The case 'A' is in the table already" in sentence
    lesions[lesions == 9] = 0
    write_scar(tmp_path, "A", lesions)
    assert "(1 replaced)" in scarseg("measure", file, "-o", table, "--append", "--replace").out
    assert pd.read_csv(table)["lesion_id"].tolist() == [4, 4]
    # Without --append a table is what was measured now, as ever.
    scarseg("measure", write_scar(tmp_path, "B", lesions), "-o", table)
    assert pd.read_csv(table)["case"].unique().tolist() == ["B"]


def test_another_cohort_table_or_density_is_a_sentence(scarseg, tmp_path, lesions):
    table = tmp_path / "cohort.csv"
    people = tmp_path / "people.csv"
    people.write_text("case,visit\nA,1\nB,1\n", encoding="utf-8")
    scarseg("measure", write_scar(tmp_path, "A", lesions), "-o", table, "--append", "--cohort", people)
    before = table.read_bytes()
    file = write_scar(tmp_path, "B", lesions)
    assert "The new rows lack the column visit" in scarseg("measure", file, "-o", table, "--append").sentence
    arguments = ("measure", file, "-o", table, "--append", "--cohort", people, "--density", "1.06")
    assert "different densities" in scarseg(*arguments).sentence
    assert table.read_bytes() == before


def test_case_folders_bring_patient_phase_spacing_and_image(scarseg, tmp_path, make_case):
    make_case("P1", "anna", Phase.CHRONIC)
    make_case("P2")
    result = scarseg("measure", tmp_path / "study", "-o", tmp_path / "t.csv")
    assert "6 rows, 4 lesions, 2 cases" in result.out
    table = pd.read_csv(tmp_path / "t.csv")
    keys = table.drop_duplicates("case")[["case", "patient", "phase", "cohort"]].values.tolist()
    assert keys == [["P1", "anna", "chronic", "trial"], ["P2", "P2", "acute", "trial"]]
    assert table["lesion_id"].unique().tolist() == [4, 9]
    assert table["area_mm2"][0] == pytest.approx(60 * 2.25) and table["intensity_mean"].notna().all()
    record = json.loads((tmp_path / "t.json").read_text(encoding="utf-8"))
    assert len(record["cases"]["P1"]["image_sha256"]) == 64


def test_a_cohort_table_knows_better(scarseg, tmp_path, make_case):
    folder = make_case("P1", "anna", Phase.ACUTE)
    people = tmp_path / "people.csv"
    people.write_text("case,patient,phase,visit,group\nP1,bert,chronic,2,treated\n", encoding="utf-8")
    scarseg("measure", folder, "-o", tmp_path / "t.csv", "--cohort", people)
    row = pd.read_csv(tmp_path / "t.csv").iloc[0]
    assert row[["patient", "phase", "visit", "group"]].tolist() == ["bert", "chronic", 2, "treated"]


def test_a_case_without_its_image_is_measured_and_it_is_said(scarseg, tmp_path, make_case):
    folder = make_case("P1")
    (tmp_path / "study" / "P1.nii.gz").unlink()
    result = scarseg("measure", folder, "-o", tmp_path / "t.csv")
    assert "P1: measured without intensities" in result.err
    assert "intensity_mean" not in pd.read_csv(tmp_path / "t.csv")


def test_layers_of_a_case_are_cases_of_one_patient(scarseg, tmp_path, make_case, lesions):
    folder = make_case("P1", layers={"person": lesions, "network": lesions * (lesions == 4), "nothing": lesions * 0})
    scarseg("measure", folder, "-o", tmp_path / "t.csv")
    table = pd.read_csv(tmp_path / "t.csv")
    assert table["case"].unique().tolist() == ["P1 [person]", "P1 [network]"]
    assert table["patient"].unique().tolist() == ["P1"]


def test_what_a_case_folder_cannot_give_is_a_sentence(scarseg, tmp_path, make_case):
    folder = make_case("P1")
    assert (
        "every label is a lesion" in scarseg("measure", folder, "-o", tmp_path / "t.csv", "--scar-values", 3).sentence
    )
    empty = make_case("P2", layers={"scar": np.zeros((3, 20, 20), np.int32)})
    assert "P2: no lesion, so no row" in scarseg("measure", empty, "-o", tmp_path / "t.csv").err
    (folder / "case.json").write_text("{", encoding="utf-8")
    assert "The case 'P1.scarseg' is damaged" in scarseg("measure", folder, "-o", tmp_path / "t.csv").sentence


def test_the_sample_cohort_is_one_call(scarseg, tmp_path):
    table = tmp_path / "sample.csv"
    assert "sample.csv:" in scarseg("measure", "--phantoms", 2, "--seed", 3, "-o", table).out
    frame = pd.read_csv(table)
    assert frame["patient"].unique().tolist() == ["PH3-0001", "PH3-0002"] and set(frame["cohort"]) == {"phantom"}
    record = json.loads((tmp_path / "sample.json").read_text(encoding="utf-8"))
    assert "Synthetic phantoms" in record["findings"][0]


def test_wrong_usage(scarseg, tmp_path, lesions):
    assert scarseg("measure", "-o", tmp_path / "t.csv").status == 2
    file = write_scar(tmp_path, "A", lesions)
    assert scarseg("measure", file, "--phantoms", 2, "-o", tmp_path / "t.csv").status == 2
    assert scarseg("measure", file, "--replace", "-o", tmp_path / "t.csv").status == 2
