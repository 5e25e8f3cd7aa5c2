"""`scarseg import` and `scarseg split`, one after the other, as before a training."""

import json

import numpy as np
import pytest
from PIL import Image

from napari_scarseg.datasets import load_case, read_dataset, read_folds


@pytest.fixture
def slices(tmp_path):
    """EMIDEC's PNG layout: 20 patients, every fourth without scar."""
    rng = np.random.default_rng(0)
    for n in range(20):
        labels = np.zeros((2, 12, 12), np.uint8)
        labels[:, 2:10, 2:10] = 2
        if n % 4:
            labels[0, 2 : 3 + n % 7, 2:9] = 3
        patient = tmp_path / "source" / f"{'P' if n % 4 else 'N'}{n:03d}"
        for name, volume in (("image", rng.integers(0, 255, labels.shape)), ("label", labels)):
            (patient / name).mkdir(parents=True)
            for z, plane in enumerate(volume):
                Image.fromarray(plane.astype(np.uint8)).save(patient / name / f"{z:03d}.png")
    return tmp_path


@pytest.fixture
def table(scarseg, slices):
    result = scarseg("import", "emidec", slices / "source", "-o", slices / "dataset.csv")
    assert result.status == 0, result
    assert "20 stacks of 20 patients, 40 slices, 5 stacks without scar" in result.out
    assert json.loads((slices / "dataset.json").read_text())["result"]["stacks_without_scar"] == 5
    return slices / "dataset.csv"


def test_folds_are_written_and_repeat(scarseg, table):
    for name in ("a.csv", "b.csv"):
        assert scarseg("split", table, "--folds", "5", "--by", "phase", "-o", table.parent / name).status == 0
    folds = read_folds(table.parent / "a.csv")
    assert folds == read_folds(table.parent / "b.csv")
    assert len(folds) == 20
    for fold in range(5):
        assert sum(patient.startswith("N") for patient, number in folds.items() if number == fold) == 1


def test_development_and_test_share_no_patient(scarseg, table):
    result = scarseg("split", table, "--parts", "70,15,15", "-o", table.parent / "parts")
    assert result.status == 0, result
    development, test = (read_dataset(table.parent / "parts" / f"{name}.csv") for name in ("development", "test"))
    assert not {r.patient for r in development} & {r.patient for r in test}
    assert [sum(r.fold == fold for r in development) for fold in (0, 1)] == [14, 3]
    assert len(test) == 3 and all(r.fold is None for r in test)
    assert load_case(test[0]).stack.shape == (2, 12, 12)
    assert json.loads((table.parent / "parts" / "split.json").read_text())["patients"]["test"] == 3


def test_a_phase_left_out(scarseg, table):
    assert scarseg("split", table, "--leave-out", "phase", "-o", table.parent / "folds.csv").status == 0
    folds = read_folds(table.parent / "folds.csv")
    assert {patient[0]: fold for patient, fold in folds.items()} == {"P": 0, "N": 1}


def test_wrong_use_is_said_in_one_line(scarseg, table, slices):
    assert scarseg("split", table, "-o", slices / "f.csv").status == 2
    assert scarseg("split", table, "--folds", "5", "--parts", "70,15,15", "-o", slices / "f.csv").status == 2
    assert scarseg("split", table, "--parts", "70,30", "-o", slices / "f").status == 2
    assert "one group" in scarseg("split", table, "--leave-out", "cohort", "-o", slices / "f.csv").sentence
    assert "no case in the layout" in scarseg("import", "myosaiq", slices / "source", "-o", slices / "m.csv").sentence
    assert "must be named .csv" in scarseg("import", "emidec", slices / "source", "-o", slices / "m.txt").sentence
    label = next((slices / "source" / "P001" / "label").iterdir())
    Image.fromarray(np.full((12, 12), 9, np.uint8)).save(label)
    assert "hold the value 9" in scarseg("import", "emidec", slices / "source", "-o", slices / "m.csv").sentence
