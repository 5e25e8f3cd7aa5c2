"""Runs that train: killed and resumed, the same table again, tests unseen, and a command from end to end."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from napari_scarseg.cli.main import main
from napari_scarseg.errors import InputError
from napari_scarseg.evaluation.prompts import PromptSource
from napari_scarseg.experiments.config import DataPart, TrainingExperimentConfig
from napari_scarseg.experiments.data import ExperimentData, prepare_data
from napari_scarseg.experiments.execute import execute_runs
from napari_scarseg.experiments.results import collect_runs, tabulate_runs
from napari_scarseg.experiments.training_job import TRAINING, HeldOut, TrainingJob, finish_training
from napari_scarseg.experiments.training_plan import Variant, plan_training
from napari_scarseg.training.segmenter import train_segmenter


@pytest.fixture
def config(dataset: Path, tiny_training: dict[str, Any]) -> TrainingExperimentConfig:
    return TrainingExperimentConfig(data=(DataPart(path=dataset),), training=tiny_training)


@pytest.fixture
def data(config: TrainingExperimentConfig, tmp_path: Path) -> ExperimentData:
    return prepare_data(config, tmp_path / "data")


def test_killed_training_goes_on_and_ends_where_an_uninterrupted_one_does(
    config: TrainingExperimentConfig, data: ExperimentData, tmp_path: Path
) -> None:
    settings = config.build(data.table, 0, 3, {"validate_every": 2})
    whole = load_file(finish_training(settings, tmp_path / "whole"))
    # Stopped as a kill would stop it: once behind its first checkpoint, once before there is any.
    killed = train_segmenter(settings, tmp_path / "killed")
    assert next(killed).step == 2
    killed.close()
    (tmp_path / "early").mkdir()
    (tmp_path / "early" / "config.json").write_text("{}")
    for folder in ("killed", "early"):
        again = load_file(finish_training(settings, tmp_path / folder))
        assert all(torch.equal(whole[name], tensor) for name, tensor in again.items()), folder


def test_every_variant_meets_every_fold_and_its_configuration_is_checked_first(
    config: TrainingExperimentConfig, data: ExperimentData
) -> None:
    both = config.model_copy(update={"folds": (0, 1), "seeds": (0, 1)})
    runs = plan_training(both, data, [Variant("a", {"loss": {"kl": 0.0}}), Variant("b", {"loss": {"kl": 0.9}})])
    assert len({run.key for run in runs}) == 8
    assert {(run.settings["variant"], run.settings["fold"]) for run in runs} == {(v, f) for v in "ab" for f in (0, 1)}
    with pytest.raises(InputError, match="kl"):
        plan_training(both, data, [Variant("a", {"loss": {"kl": -1.0}})])


def test_a_job_refuses_patients_that_it_trains_on(
    config: TrainingExperimentConfig, data: ExperimentData, tmp_path: Path
) -> None:
    everyone = HeldOut("", data.records)
    job = TrainingJob(config.build(data.table, 0, 0, {}), (everyone,), (PromptSource.TRUTH,), config.device, 0)
    with pytest.raises(InputError, match="both the training and the test"):
        job.execute(tmp_path)


def test_same_seed_same_table(config: TrainingExperimentConfig, data: ExperimentData, tmp_path: Path) -> None:
    runs = plan_training(config, data, [Variant("a", {})])
    tables = []
    for name in ("first", "second"):
        list(execute_runs(runs, tmp_path / name))
        tables.append(tabulate_runs(runs, collect_runs(runs, tmp_path / name)))
    pd.testing.assert_frame_equal(*tables)
    assert tables[0]["slices_with_scar"].tolist() == [8]


def test_command_writes_the_whole_folder_and_goes_on(
    dataset: Path,
    tiny_training: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    network = tiny_training["network"]
    lines = [
        "weights = [0.0, 0.6]",
        "with_papers_form = false",
        "planted = { kl = 0.0, dice = 0.0, cross_entropy = 0.0, anatomy = 0.0 }",
        f'[[data]]\npath = "{dataset.as_posix()}"',
        "[training]",
        *(f"{k} = {json.dumps(v)}" for k, v in tiny_training.items() if k != "network"),
        "[training.network]",
        *(f"{name} = {value}" for name, value in network.items()),
    ]
    config = tmp_path / "own.toml"
    config.write_text("\n".join(lines) + "\n")
    output = tmp_path / "out"
    monkeypatch.setattr(sys, "argv", ["scarseg", "experiment", "kl-weight", str(config), "-o", str(output)])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 0, capfd.readouterr().err
    runs = pd.read_csv(output / "runs.csv")
    assert runs["method"].tolist() == ["KL 0", "KL 0.6", "broken loss (planted)"]
    assert (output / "config.toml").read_text() == config.read_text()
    page = (output / "report.md").read_text(encoding="utf-8")
    assert "What was not shown" in page and "planted mistake" in page
    assert {f.name for f in output.glob("kl_weight.*")} == {"kl_weight.csv", "kl_weight.png", "kl_weight.svg"}
    # One run lost, and half of its training: only that one is done again, to the same table.
    lost = next((output / "runs").glob("kl-0.6-*"))
    (lost / "run.json").unlink()
    shutil.rmtree(lost / TRAINING)
    capfd.readouterr()
    with pytest.raises(SystemExit):
        main()
    assert capfd.readouterr().err.count("finished before") == 2
    assert pd.read_csv(output / "runs.csv").equals(runs)
