"""`scarseg compare` and `scarseg report`, from files to files."""

import json

import numpy as np
import pandas as pd
import pytest

from napari_scarseg.cases import Case, ImageReference, LabelsPart, save_case
from napari_scarseg.core.case import CaseInfo, Phase
from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.io import read_table, write_labels, write_table
from napari_scarseg.measure import measure_labels

SPACING = Spacing(10.0, 1.5, 1.5, SpacingOrigin.HEADER)


def measured(grow: int, patients: int = 12) -> pd.DataFrame:
    tables = []
    for n in range(patients):
        labels = np.zeros((2, 40, 40), int)
        labels[:, 4 : 10 + n, 5 : 14 + grow + (n % 3)] = 1
        phase = Phase.ACUTE if n % 2 else Phase.CHRONIC
        tables.append(measure_labels(labels, SPACING, CaseInfo(f"P{n}", f"P{n}", phase, "phantom")))
    return pd.concat(tables, ignore_index=True)


@pytest.fixture
def table_file(tmp_path):
    write_table(tmp_path / "measures.csv", measured(0))
    return tmp_path / "measures.csv"


def test_groups_of_a_table(scarseg, tmp_path, table_file):
    out = tmp_path / "out"
    done = scarseg("compare", table_file, "-o", out, "--features", "mass_g,circularity", "--draws", "99")
    assert done.status == 0, done.err
    assert "2 features, 6 and 6 patients" in done.out and "Fewer than 10 patients" in done.err
    results = read_table(out / "comparison.csv")
    assert results["feature"].tolist() == ["mass_g", "circularity"] and results["n_first"].tolist() == [6, 6]
    assert len(read_table(out / "rows.csv")) == 12
    methods = (out / "methods.txt").read_text(encoding="utf-8")
    assert methods.startswith("synthetic phantom data\n\nacute against chronic")
    record = json.loads((out / "comparison.json").read_text(encoding="utf-8"))
    assert record["config"]["groups"] == ["acute", "chronic"] and record["synthetic"] == "synthetic phantom data"
    stems = {"mass_g_box", "circularity_box", "effects", "correlation", "components"}
    assert {p.name for p in (out / "figures").iterdir()} == {
        f"{s}.{e}" for s in stems for e in ("png", "svg", "pdf", "csv")
    }
    assert b"synthetic phantom data" in (out / "figures" / "mass_g_box.svg").read_bytes()


def test_two_tables_of_the_same_patients(scarseg, tmp_path, table_file):
    write_table(tmp_path / "auto.csv", measured(1))
    arguments = (
        "--against",
        tmp_path / "auto.csv",
        "--names",
        "truth,automatic",
        "--features",
        "mass_g",
        "--draws",
        "99",
    )
    done = scarseg("compare", table_file, "-o", tmp_path / "out", *arguments)
    assert done.status == 0, done.err
    results = read_table(tmp_path / "out" / "agreement.csv")
    assert results["n_pairs"][0] == 12 and 0.5 < results["icc"][0] < 1
    assert (tmp_path / "out" / "figures" / "icc.pdf").is_file()
    assert b"automatic" in (tmp_path / "out" / "figures" / "mass_g_bland_altman.svg").read_bytes()


def test_model_of_the_groups(scarseg, tmp_path):
    write_table(tmp_path / "measures.csv", measured(0, patients=20))
    arguments = ("--model", "--permutations", "0", "--features", "mass_g", "--draws", "0")
    done = scarseg("compare", tmp_path / "measures.csv", "-o", tmp_path / "out", *arguments)
    assert done.status == 0, done.err
    assert "model: AUC" in done.out and "no other centre" in done.err
    result = json.loads((tmp_path / "out" / "model.json").read_text(encoding="utf-8"))["result"]
    assert result["patients"] == [10, 10] and 0 <= result["auc"] <= 1 and result["permutation_p"] is None
    assert len(read_table(tmp_path / "out" / "model_predictions.csv")) == 20


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--by", "arm"), "no column 'arm'"),
        (("--groups", "acute,none"), "No row has 'none'"),
        (("--features", "weight"), "no feature 'weight'"),
        (("--pairs-only",), "No patient is in both groups"),
    ],
)
def test_what_cannot_be_compared_is_said_in_one_line(scarseg, tmp_path, table_file, arguments, sentence):
    assert sentence in scarseg("compare", table_file, "-o", tmp_path / "out", *arguments).sentence
    assert not (tmp_path / "out").exists()


def test_wrong_usage(scarseg, tmp_path, table_file):
    assert scarseg("compare", table_file, "-o", tmp_path / "out", "--groups", "acute").status == 2


def test_report_of_a_cohort(scarseg, tmp_path, table_file):
    done = scarseg("report", table_file, "-o", tmp_path / "out", "--features", "mass_g", "--draws", "0")
    assert done.status == 0, done.err
    assert sorted(path.suffix for path in (tmp_path / "out").iterdir()) == [".html", ".json", ".pdf"]
    page = (tmp_path / "out" / "measures_report.html").read_text(encoding="utf-8")
    assert "acute against chronic" in page and "synthetic phantom data" in page


def test_report_of_a_case_folder_without_its_image(scarseg, tmp_path):
    labels = np.zeros((2, 20, 20), np.int32)
    labels[:, 4:10, 4:12] = 1
    case = Case(
        ImageReference(None, "0" * 64, labels.shape), CaseInfo("P7"), SPACING, labels=(LabelsPart("scar", labels),)
    )
    save_case(tmp_path / "P7.scarseg", case)
    done = scarseg("report", tmp_path / "P7.scarseg", "-o", tmp_path / "out")
    assert done.status == 0, done.err
    page = (tmp_path / "out" / "P7_report.html").read_text(encoding="utf-8")
    assert "Scar morphology: P7" in page and "Without the image" in page
    assert "No bullseye: The segments of the left ventricle are not known" in page
    segments = np.zeros(labels.shape, np.int32)
    segments[:, :, :8], segments[:, :, 8:] = 2, 5
    write_labels(tmp_path / "segments.nii.gz", segments, SPACING, None)
    arguments = ("-o", tmp_path / "seen", "--segments", tmp_path / "segments.nii.gz")
    assert scarseg("report", tmp_path / "P7.scarseg", *arguments).status == 0
    page = (tmp_path / "seen" / "P7_report.html").read_text(encoding="utf-8")
    assert "2 basal anteroseptal" in page and "No bullseye" not in page
    wall = ("-o", tmp_path / "seen", "--myocardium", tmp_path / "segments.nii.gz", "--insertion", "2,3")
    assert "at least three slices" in scarseg("report", tmp_path / "P7.scarseg", *wall).sentence
    assert scarseg("report", tmp_path / "P7.scarseg", *wall[:-2]).status == 2
    unsegmented = Case(ImageReference(None, "0" * 64, labels.shape), CaseInfo("P8"), SPACING)
    save_case(tmp_path / "P8.scarseg", unsegmented)
    assert "has no labels" in scarseg("report", tmp_path / "P8.scarseg", "-o", tmp_path / "out").sentence


BAD_TABLES = {
    "no groups": (lambda t: t.drop(columns="phase"), "lacks the columns phase", "no column 'phase' to group by"),
    "one patient": (
        lambda t: t[t["patient"].isin(["P0", "P1", "P3", "P5"])],
        "",
        "has 1 patient; a comparison needs 3",
    ),
    "keys twice": (lambda t: pd.concat([t, t.head(1)]), "lists a lesion twice", "lists a lesion twice"),
    "text": (lambda t: t.assign(mass_g="12 g"), "mass_g holds text where numbers", "mass_g holds text where numbers"),
    "infinite": (lambda t: t.assign(mass_g=np.inf), "mass_g holds infinite values", "mass_g holds infinite values"),
    "no patient": (lambda t: t.assign(patient=np.nan), "patient has empty cells", "name no patient"),
    "no area": (lambda t: t.assign(area_px=np.nan), "area_px has empty cells", "area_px has empty cells"),
    "mixed units": (
        lambda t: t.assign(mass_g=t["mass_g"].where(t["patient"] != "P3", 1000 * t["mass_g"])),
        "so it mixes units",
        "so it mixes units",
    ),
    "densities": (
        lambda t: t.assign(density_g_per_ml=np.where(t["patient"] == "P3", 1.06, 1.05)),
        "different densities",
        "different densities",
    ),
}


@pytest.mark.parametrize("name", BAD_TABLES)
def test_bad_tables_are_one_sentence_for_every_command(scarseg, tmp_path, name):
    spoil, as_report, as_groups = BAD_TABLES[name]
    write_table(tmp_path / "bad.csv", spoil(measured(0)))
    assert as_groups in scarseg("compare", tmp_path / "bad.csv", "-o", tmp_path / "out", "--draws", "0").sentence
    arguments = ("report", tmp_path / "bad.csv", "-o", tmp_path / "out", "--features", "mass_g", "--draws", "0")
    if as_report:
        assert as_report in scarseg(*arguments).sentence
        write_labels(tmp_path / "X.nii.gz", np.ones((1, 8, 8), np.int32), SPACING, None)
        before = (tmp_path / "bad.csv").read_bytes()
        added = scarseg("measure", tmp_path / "X.nii.gz", "-o", tmp_path / "bad.csv", "--append")
        assert as_report in added.sentence
        assert (tmp_path / "bad.csv").read_bytes() == before
    assert not (tmp_path / "out").exists()


def test_files_that_are_no_table(scarseg, tmp_path):
    (tmp_path / "empty.csv").write_text("", encoding="utf-8")
    (tmp_path / "twice.csv").write_text("patient,phase,phase\nP1,acute,acute\n", encoding="utf-8")
    (tmp_path / "heading.csv").write_text("patient,phase,mass_g\n", encoding="utf-8")
    (tmp_path / "table.xlsx").write_bytes(b"PK")
    for name, sentence in (
        ("empty.csv", "is empty"),
        ("twice.csv", "has the column 'phase' twice"),
        ("heading.csv", "has no rows"),
        ("table.xlsx", "must be named .csv or .parquet"),
        ("nowhere.csv", "There is no table 'nowhere.csv'"),
    ):
        assert sentence in scarseg("compare", tmp_path / name, "-o", tmp_path / "out").sentence
