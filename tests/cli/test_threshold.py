"""`scarseg threshold`, from a stack and its wall to labels, measures and thresholds."""

import json

import numpy as np
import pandas as pd
import pytest

from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.core.stack import Stack
from napari_scarseg.io import read_labels, write_labels
from napari_scarseg.io.write_image import write_stack_nifti

SPACING = Spacing(10.0, 1.5, 1.5, SpacingOrigin.HEADER)


@pytest.fixture
def heart(tmp_path):
    """A stack with a bright block in a ring, and labels 2 (wall), 3 (scar) and 5 (remote)."""
    rows, cols = np.mgrid[-20:21, -20:21]
    radius = np.hypot(rows, cols)
    labels = np.where((radius > 9) & (radius < 17), 2, 0)
    labels[(labels == 2) & (rows > 11) & (abs(cols) < 5)] = 3
    labels[(labels == 2) & (rows < -11) & (abs(cols) < 5)] = 5
    data = np.random.default_rng(0).normal(100, 5, (3, 41, 41)).astype(np.float32)
    data[:2, labels == 3] += 100
    affine = np.diag([-1.5, -1.5, 10, 1])
    write_stack_nifti(tmp_path / "p1.nii.gz", Stack(data, SPACING, "p1", affine))
    write_labels(tmp_path / "wall.nii.gz", np.stack([labels] * 3), SPACING, affine)
    return tmp_path, labels


@pytest.mark.parametrize(("method", "name"), [("nsd", "5-SD"), ("fwhm", "FWHM"), ("otsu", "Otsu")])
def test_results_say_method_amount_and_share(scarseg, heart, method, name):
    folder, labels = heart
    out = folder / "out"
    result = scarseg(
        "threshold", folder / "p1.nii.gz", "--myocardium", folder / "wall.nii.gz", "--method", method,
        "--myocardium-values", "2,3,5", "-o", out,
    )  # fmt: skip
    assert result.status == 0, result
    scar = read_labels(out / "p1_scar.nii.gz")
    assert scar.spacing == SPACING
    expected_px = int((labels == 3).sum())
    assert abs((scar.labels[:2] > 0).sum() - 2 * expected_px) <= 4
    record = json.loads((out / "p1_scar.json").read_text())
    assert record["config"]["name"] == name
    assert record["config"]["n"] == (5.0 if method == "nsd" else None)
    assert record["result"]["mass_g"] == pytest.approx(record["result"]["scar_px"] * 1.5 * 1.5 * 10 / 1000 * 1.05)
    share = 100 * record["result"]["scar_px"] / (3 * (labels > 0).sum())
    assert record["result"]["scar_percent_of_myocardium"] == pytest.approx(share, abs=1e-3)
    assert pd.read_csv(out / "p1_measures.csv").mass_g.sum() == pytest.approx(record["result"]["mass_g"])
    assert len(pd.read_csv(out / "p1_thresholds.csv")) == 3
    assert name in result.out and "g of scar" in result.out


def test_a_labelled_remote_region_belongs_to_the_wall(scarseg, heart):
    folder, labels = heart
    run = ("threshold", folder / "p1.nii.gz", "--myocardium", folder / "wall.nii.gz", "--method", "nsd")
    assert (
        scarseg(*run, "--myocardium-values", "2,3", "--remote-values", "5", "--n", "6", "-o", folder / "out").status
        == 0
    )
    table = pd.read_csv(folder / "out" / "p1_thresholds.csv")
    assert (table.remote_px == (labels == 5).sum()).all()
    assert (table.myocardium_px == (labels > 0).sum()).all()
    assert table.threshold[0] == pytest.approx(table.remote_mean[0] + 6 * table.remote_sd[0])


def test_wrong_use_is_said_in_one_line(scarseg, heart):
    folder, _ = heart
    run = ("threshold", folder / "p1.nii.gz", "--myocardium", folder / "wall.nii.gz", "-o", folder / "out")
    assert scarseg(*run, "--method", "fwhm", "--n", "3").status == 2
    assert "no myocardium" in scarseg(*run, "--method", "nsd", "--myocardium-values", "9").sentence
    assert "--remote-values" in scarseg(*run, "--method", "nsd", "--remote-values", "9").sentence
    write_labels(folder / "other.nii.gz", np.ones((2, 41, 41), int), SPACING, None)
    other = ("threshold", folder / "p1.nii.gz", "--myocardium", folder / "other.nii.gz", "-o", folder / "out")
    assert "must lie on one grid" in scarseg(*other, "--method", "nsd").sentence
    assert not (folder / "out").exists()
