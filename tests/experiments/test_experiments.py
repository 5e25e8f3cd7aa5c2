"""Every experiment plans what it says, and what the repository brings as configurations can be read."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from napari_scarseg.datasets import Trait, read_dataset
from napari_scarseg.errors import InputError
from napari_scarseg.experiments.ablations import (
    AugmentationConfig,
    ContextConfig,
    Family,
    plan_augmentation,
    plan_context,
    switch_off,
)
from napari_scarseg.experiments.baselines import BaselinesConfig
from napari_scarseg.experiments.baselines import find as find_baselines
from napari_scarseg.experiments.baselines import plan as plan_baselines
from napari_scarseg.experiments.catalogue import EXPERIMENTS, find_experiment
from napari_scarseg.experiments.cohort_holdout import CohortHoldoutConfig, split_groups
from napari_scarseg.experiments.cohort_holdout import find as find_holdout
from napari_scarseg.experiments.cohort_holdout import plan as plan_holdout
from napari_scarseg.experiments.config import DataPart, TrainingExperimentConfig, read_experiment
from napari_scarseg.experiments.data import prepare_data
from napari_scarseg.experiments.execute import execute_runs
from napari_scarseg.experiments.results import collect_runs
from napari_scarseg.experiments.training_job import TrainingJob
from napari_scarseg.training.config import AugmentationRanges

CONFIGS = Path(__file__).resolve().parents[2] / "configs" / "experiments"


@pytest.mark.parametrize("name", [experiment.name for experiment in EXPERIMENTS])
@pytest.mark.parametrize("suffix", ["", "-small"])
def test_configurations_in_the_repository_are_read(name: str, suffix: str, tmp_path: Path) -> None:
    experiment = find_experiment(name)
    config = read_experiment(CONFIGS / f"{name}{suffix}.toml", experiment.config)
    assert config.about
    if isinstance(config, TrainingExperimentConfig):
        assert config.build(tmp_path / "table.csv", 0, 0, {}).steps > 0


def test_every_configuration_in_the_repository_belongs_to_an_experiment() -> None:
    names = {experiment.name: experiment for experiment in EXPERIMENTS}
    for path in CONFIGS.glob("*.toml"):
        name = next(name for name in names if path.stem.startswith(name))
        assert read_experiment(path, names[name].config).about, path.name


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(InputError, match="detector-errors"):
        find_experiment("magic")


def test_families_switch_off_what_they_name_and_together_everything() -> None:
    ranges = AugmentationRanges.model_validate(switch_off(Family.ALL)["augmentation"])
    neutral = {
        "scale": 1.0,
        "aspect": 1.0,
        "gamma": 1.0,
        "jitter_keeps": 0.7,
        "clip_fraction": 0.25,
        "null_limit": 0.65,
    }
    left = {name: value for name, value in ranges.model_dump().items() if value != neutral.get(name, 0.0)}
    assert not left


def test_ablations_differ_from_the_whole_in_one_family(
    dataset: Path, tiny_training: dict[str, Any], tmp_path: Path
) -> None:
    config = AugmentationConfig(data=(DataPart(path=dataset),), training=tiny_training)
    runs = plan_augmentation(config, prepare_data(config, tmp_path))
    whole, boxes = runs[0].job, next(run.job for run in runs if run.settings["without"] == "boxes")
    assert isinstance(whole, TrainingJob) and isinstance(boxes, TrainingJob)
    assert boxes.config.augmentation == whole.config.augmentation.model_copy(update={"jitter_fraction": 0.0})
    context = ContextConfig(data=(DataPart(path=dataset),), training=tiny_training)
    channels = [run.job.config.network.context for run in plan_context(context, prepare_data(context, tmp_path))]  # type: ignore[attr-defined]
    assert channels == [0, 1]


def test_groups_are_cohorts_or_phases(dataset: Path) -> None:
    records = read_dataset(dataset)
    groups, everywhere = split_groups(records, Trait.COHORT)
    assert {name: len(own) for name, own in groups.items()} == {"left": 4, "right": 4} and not everywhere
    with pytest.raises(InputError, match="one phase"):
        split_groups(records, Trait.PHASE)


def test_holdout_meets_every_group_with_every_network(
    dataset: Path, tiny_training: dict[str, Any], tmp_path: Path
) -> None:
    config = CohortHoldoutConfig(data=(DataPart(path=dataset),), training={**tiny_training, "steps": 2})
    data = prepare_data(config, tmp_path / "data")
    runs = plan_holdout(config, data)
    for run in runs:
        assert isinstance(run.job, TrainingJob)
        (part,) = run.job.config.datasets
        trained = {r.patient for r in read_dataset(part.path) if r.fold != part.held_out_fold}
        assert len(trained) == 2 and {record.fold for test in run.job.tests for record in test.records} == {0}
    list(execute_runs(runs, tmp_path / "runs"))
    findings = find_holdout(config, data, runs, collect_runs(runs, tmp_path / "runs"), tmp_path / "runs")
    matrix = findings.figures[0].numbers
    assert matrix["trained"].tolist() == ["left", "right"]
    assert list(matrix.columns[1:]) == ["left", "right"]


def test_baselines_meet_the_same_patients(dataset: Path, tiny_training: dict[str, Any], tmp_path: Path) -> None:
    config = BaselinesConfig(data=(DataPart(path=dataset),), training=tiny_training)
    data = prepare_data(config, tmp_path / "data")
    runs = plan_baselines(config, data)
    list(execute_runs(runs, tmp_path / "runs"))
    tables = collect_runs(runs, tmp_path / "runs")
    patients = tables.stacks.groupby("method")["patient"].apply(set)
    assert len(patients) == 9 and all(own == {"P0", "P2", "P4", "P6"} for own in patients)
    findings = find_baselines(config, data, runs, tables, tmp_path / "runs")
    dsc = findings.figures[0].numbers.set_index("name")["value"]
    # The wall is bright where it is scar, so half of the maximum finds it: a network trained for six steps does not.
    assert dsc["FWHM"] > 0.9
    assert isinstance(findings.tables["compared"], pd.DataFrame)
