"""nnU-Net's files and commands, proved against a stand-in that writes what nnU-Net would."""

import json
import os
import stat
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from napari_scarseg.core.config import Device
from napari_scarseg.datasets import load_case, read_dataset
from napari_scarseg.errors import InputError, ScarSegError
from napari_scarseg.experiments.nnunet_files import export_raw, read_prediction, shrink_plans
from napari_scarseg.experiments.nnunet_job import NnUnetJob, NnUnetSettings, ShortTraining

# Plans as nnU-Net writes them, as far as they are touched; predicts everything brighter than 150.
STAND_IN = """#!{python}
import json, os, sys
from pathlib import Path
import nibabel as nib, numpy as np
name, args = Path(sys.argv[0]).name, sys.argv[1:]
with open(Path(os.environ["nnUNet_raw"]).parent / "calls.txt", "a") as calls:
    calls.write(" ".join([name, *args]) + "\\n")
if "preprocess" in name:
    # nnU-Net's planner hands this number to torch as its threads.
    assert int(os.environ["nnUNet_n_proc_DA"]) > 0
    out = Path(os.environ["nnUNet_preprocessed"], "Dataset701_Scar")
    out.mkdir(parents=True)
    plans = {{"configurations": {{"2d": {{"patch_size": [256, 256], "batch_size": 12,
              "architecture": {{"arch_kwargs": {{"features_per_stage": [32, 64]}}}}}}}}}}
    (out / "nnUNetPlans.json").write_text(json.dumps(plans))
elif "train" in name and os.environ.get("FAIL"):
    sys.exit(3)
elif "predict" in name:
    images, out = Path(args[args.index("-i") + 1]), Path(args[args.index("-o") + 1])
    out.mkdir()
    for path in images.glob("*_0000.nii.gz"):
        image = nib.load(path)
        mask = (np.asarray(image.dataobj) > 150).astype(np.uint8)
        nib.save(nib.Nifti1Image(mask, image.affine), out / path.name.replace("_0000.nii", ".nii"))
"""


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("nnUNetv2_plan_and_preprocess", "nnUNetv2_train", "nnUNetv2_predict"):
        path = folder / name
        path.write_text(STAND_IN.format(python=sys.executable))
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder) + os.pathsep + os.environ["PATH"])


def job_of(dataset: Path) -> NnUnetJob:
    records = read_dataset(dataset)
    settings = NnUnetSettings(short=ShortTraining(patch_px=64))
    return NnUnetJob(settings, tuple(records[:2]), tuple(records[2:4]), Device.CPU, "truth")


def test_raw_format_is_what_nnunet_reads(dataset: Path, tmp_path: Path) -> None:
    records = read_dataset(dataset)
    folder = export_raw(tmp_path, "Dataset701_Scar", records[:2], records[2:3], with_anatomy=True)
    assert sorted(p.name for p in folder.rglob("*.nii.gz")) == [
        "test_0000_0000.nii.gz",
        "train_0000.nii.gz",
        "train_0000_0000.nii.gz",
        "train_0001.nii.gz",
        "train_0001_0000.nii.gz",
    ]
    description = json.loads((folder / "dataset.json").read_text())
    assert description["numTraining"] == 2 and description["labels"]["scar"] == 3
    image, labels = (nib.load(folder / p) for p in ("imagesTr/train_0000_0000.nii.gz", "labelsTr/train_0000.nii.gz"))
    assert image.shape == labels.shape == (64, 64, 3) and np.allclose(image.affine, labels.affine)
    case = load_case(records[0])
    assert (np.asarray(labels.dataobj).T == 3).sum() == case.scar.sum()
    assert "P0" not in (folder / "dataset.json").read_text()


@pytest.mark.skipif(os.name == "nt", reason="the stand-in is a script with a first line that Windows does not read")
@pytest.mark.usefixtures("stand_in")
def test_whole_way_there_and_back(dataset: Path, tmp_path: Path) -> None:
    job = job_of(dataset)
    run = tmp_path / "run"
    run.mkdir()
    tables = job.execute(run)
    # Scar and cavity are both brighter than 150, so overlap is whole and precision is not.
    assert (tables.slices[tables.slices.truth_px > 0].dsc > 0.5).all()
    case = load_case(job.test[0])
    assert (read_prediction(run / "predicted", 0, case, with_anatomy=False) & case.scar).sum() == case.scar.sum()
    plans = json.loads((run / "preprocessed/Dataset701_Scar/nnUNetPlans.json").read_text())["configurations"]["2d"]
    assert plans["patch_size"] == [64, 64] and plans["batch_size"] == 2
    assert plans["architecture"]["arch_kwargs"]["features_per_stage"] == [8, 16]
    calls = (run / "calls.txt").read_text().splitlines()
    assert [call.split()[0].removeprefix("nnUNetv2_") for call in calls] == ["plan_and_preprocess", "train", "predict"]
    assert "-tr ScarsegShortTrainer" in calls[1] and " all " in calls[1]
    # What is done is not done again.
    job.execute(run)
    assert (run / "calls.txt").read_text().splitlines() == calls


@pytest.mark.skipif(os.name == "nt", reason="the stand-in is a script with a first line that Windows does not read")
@pytest.mark.usefixtures("stand_in")
def test_a_failed_command_is_named_with_its_log(dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIL", "1")
    with pytest.raises(ScarSegError, match=r"nnUNetv2_train failed \(exit status 3\)"):
        job_of(dataset).execute(tmp_path)


def test_absent_nnunet_says_how_to_install_it(dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"napari-scarseg\[nnunet\]"):
        job_of(dataset).execute(tmp_path)


def test_plans_are_never_made_larger(tmp_path: Path) -> None:
    path = tmp_path / "plans.json"
    network = {"arch_kwargs": {"features_per_stage": [32], "kept": 1}}
    path.write_text(json.dumps({"configurations": {"2d": {"patch_size": [96, 64], "architecture": network}}}))
    shrink_plans(path, "2d", patch_px=80, batch_size=3, width_share=0.5)
    plans = json.loads(path.read_text())["configurations"]["2d"]
    assert plans["patch_size"] == [80, 64] and plans["architecture"]["arch_kwargs"] == {
        "features_per_stage": [16],
        "kept": 1,
    }
