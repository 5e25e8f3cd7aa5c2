"""`scarseg evaluate` on a small data set, with networks that are arithmetic."""

import importlib.util
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("torch")

from napari_scarseg.cli import evaluate, evaluate_one
from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.core.stack import Stack
from napari_scarseg.io import write_labels
from napari_scarseg.io.write_image import write_stack_nifti

FOLDS = {"a": 0, "b": 1, "c": 0, "n": 1}
SPACING = Spacing(10.0, 1.5, 1.5, SpacingOrigin.HEADER)


@pytest.fixture(scope="session")
def toys():
    """BoxFiller and BrightFinder of the evaluation's tests, and what writes a weights file's header."""
    path = Path(__file__).parents[1] / "evaluation" / "conftest.py"
    spec = importlib.util.spec_from_file_location("evaluation_toys", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def folder(tmp_path, toys, monkeypatch):
    """Four patients with a wall, one without scar; weights of two folds that loading turns into the toys."""
    rows, cols = np.mgrid[-20:20, -20:20]
    radius = np.hypot(rows, cols)
    lines = ["patient,image,label,cohort,phase,scar_values,myocardium_values,cavity_values"]
    affine = np.diag([-1.5, -1.5, 10, 1])
    for n, patient in enumerate(FOLDS):
        labels = np.where((radius > 8) & (radius < 15), 2, 0) + (radius <= 8)
        data = np.random.default_rng(n).normal(50, 3, (2, 40, 40)).astype(np.float32)
        stack = np.stack([labels, labels]).astype(np.int32)
        if patient != "n":
            scar = (labels == 2) & (rows > 9) & (abs(cols) < 4 + n)
            stack[0][scar] = 3
            data[0][scar] = 200
        write_stack_nifti(tmp_path / f"{patient}.nii.gz", Stack(data, SPACING, patient, affine))
        write_labels(tmp_path / f"{patient}_label.nii.gz", stack, SPACING, affine)
        lines.append(f"{patient},{patient}.nii.gz,{patient}_label.nii.gz,x,acute,3 4,2 3 4,1")
    (tmp_path / "data.csv").write_text("\n".join(lines), encoding="utf-8")
    folds = "".join(f"{patient},{fold}\n" for patient, fold in FOLDS.items())
    (tmp_path / "folds.csv").write_text(f"patient,fold\n{folds}", encoding="utf-8")
    for fold in (0, 1):
        part = {"path": "data.csv", "folds": "folds.csv", "held_out_fold": fold}
        for name in ("segmenter", "detector"):
            path = tmp_path / f"fold{fold}" / f"{name}.safetensors"
            toys.save_provenance(path, {"configuration": {"datasets": [part]}})
    loaded = SimpleNamespace(
        load_segmenter=lambda name, device: toys.BoxFiller(), load_detector=lambda name, device: toys.BrightFinder()
    )
    monkeypatch.setattr(evaluate, "PackageNetworks", lambda: loaded)
    return tmp_path


def options(folder, output="out"):
    return (
        "evaluate", folder / "data.csv", "--folds", folder / "folds.csv", "-o", folder / output,
        "--segmenter", folder / "fold{fold}" / "segmenter.safetensors", "--detector", folder / "fold{fold}",
    )  # fmt: skip


def test_one_command_gives_the_out_of_fold_table(scarseg, folder):
    result = scarseg(*options(folder), "--prompts", "detector", "--prompts", "truth", "--baselines")
    assert result.status == 0, result
    out = folder / "out"
    stacks = pd.read_csv(out / "stacks.csv")
    assert stacks.groupby("method").patient.nunique().eq(4).all()
    assert dict(zip(stacks.patient, stacks.fold, strict=True)) == FOLDS
    assert list(dict.fromkeys(stacks.method))[:4] == ["detector", "truth", "2-SD", "3-SD"]
    summary = pd.read_csv(out / "summary.csv").set_index(["method", "measure"])
    assert summary.value["detector", "share of infarct patients with scar found"] == 1
    assert summary.value["detector", "share of scar-free patients with scar found"] == 0
    assert summary.patients["truth", "slice DSC, slices with scar"] == 3
    assert "size CCC (g), infarct patients" in summary.loc["truth"].index
    record = json.loads((out / "summary.json").read_text())
    assert set(record["engines"]) == {f"{role}, fold {fold}" for role in ("detector", "segmenter") for fold in (0, 1)}
    assert record["config"]["out_of_fold"] is True and record["config"]["folds"] == [0, 1]
    assert str(folder) not in (out / "summary.json").read_text()
    assert (out / "table.csv").read_text().count("YOLO-SAM") == 1
    assert len(pd.read_csv(out / "lesions.csv").query("side == 'truth' and method == 'truth'")) == 3


def test_shifts_and_an_earlier_run(scarseg, folder):
    assert scarseg(*options(folder, "first"), "--prompts", "truth").status == 0
    result = scarseg(
        *options(folder, "second"), "--prompts", "truth", "--shifts", "flip,turn-90", "--against", folder / "first"
    )
    assert result.status == 0, result
    shifts = pd.read_csv(folder / "second" / "shifts.csv", keep_default_na=False).set_index("shift")
    assert list(shifts.index) == ["none", "flip", "turn-90"]
    assert (shifts.difference == 0).all()  # boxes turn with the truth
    paired = pd.read_csv(folder / "second" / "paired.csv")
    assert (paired.difference == 0).all()


def test_a_leak_and_wrong_names_are_one_sentence(scarseg, folder):
    swapped = [str(o).replace("fold{fold}", "fold0") for o in options(folder)]
    assert "do not record that fold 1 of folds.csv" in scarseg(*swapped).sentence
    assert "no shift called up" in scarseg(*options(folder), "--shifts", "up").sentence
    assert "output folder of scarseg evaluate" in scarseg(*options(folder), "--against", folder / "none").sentence
    assert not (folder / "out").exists()


def test_an_interrupted_evaluation_goes_on_and_ends_as_one_in_one_go(scarseg, folder, monkeypatch):
    assert scarseg(*options(folder, "whole"), "--prompts", "truth", "--baselines").status == 0
    evaluated = []
    inner = evaluate_one.evaluate_loaded

    def interrupted(part, evaluator, case):
        if len(evaluated) == 2:
            raise KeyboardInterrupt
        evaluated.append(case.record.patient)
        return inner(part, evaluator, case)

    monkeypatch.setattr(evaluate_one, "evaluate_loaded", interrupted)
    assert scarseg(*options(folder), "--prompts", "truth", "--baselines").status == 130
    assert not (folder / "out").exists()
    monkeypatch.setattr(
        evaluate_one, "evaluate_loaded", lambda *given: evaluated.append(given[2].record.patient) or inner(*given)
    )
    assert scarseg(*options(folder), "--prompts", "truth", "--baselines").status == 0
    assert sorted(evaluated) == sorted(FOLDS), "none twice, none lost"
    for path in (folder / "out").glob("*.csv"):
        assert path.read_bytes() == (folder / "whole" / path.name).read_bytes()
    assert not list(folder.glob(".*.parts"))


def test_a_case_that_cannot_be_read_is_reported_after_the_others_are_done(scarseg, folder):
    whole = (folder / "b.nii.gz").read_bytes()
    (folder / "b.nii.gz").write_bytes(whole[:100])
    result = scarseg(*options(folder), "--prompts", "truth")
    reason, sentence = result.err.splitlines()
    assert result.status == 1 and reason.startswith("b: ")
    assert sentence.startswith("1 of 4 cases were not evaluated (b)")
    assert not (folder / "out").exists()
    assert len(list((folder / ".out.parts").iterdir())) == 3
    (folder / "b.nii.gz").write_bytes(whole)
    assert scarseg(*options(folder), "--prompts", "truth").status == 0
    assert pd.read_csv(folder / "out" / "stacks.csv").patient.nunique() == 4
