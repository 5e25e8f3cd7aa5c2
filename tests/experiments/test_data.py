"""The data of an experiment: parts joined, folds dealt, fractions taken, content hashed."""

from pathlib import Path

import pytest

from napari_scarseg.datasets import load_case, read_dataset
from napari_scarseg.errors import InputError
from napari_scarseg.experiments.config import DataPart, ExperimentConfig, PhantomSource, read_experiment
from napari_scarseg.experiments.data import keep_fraction, prepare_data


def config_of(*parts: DataPart, seed: int = 0) -> ExperimentConfig:
    return ExperimentConfig(data=parts, seed=seed)


def test_table_keeps_folds_and_finds_its_files(dataset: Path, tmp_path: Path) -> None:
    data = prepare_data(config_of(DataPart(path=dataset)), tmp_path / "data")
    assert [record.fold for record in data.records] == [0, 1] * 4
    written = [(r.patient, r.fold, r.cohort, r.image.resolve(), r.label.resolve()) for r in read_dataset(data.table)]
    assert written == [(r.patient, r.fold, r.cohort, r.image.resolve(), r.label.resolve()) for r in data.records]
    assert {record.patient for record in data.of_fold(1)} == {"P1", "P3", "P5", "P7"}
    with pytest.raises(InputError, match="fold 7"):
        data.of_fold(7)


def test_hash_follows_the_content_and_not_the_place(dataset: Path, tmp_path: Path) -> None:
    first = prepare_data(config_of(DataPart(path=dataset)), tmp_path / "a")
    again = prepare_data(config_of(DataPart(path=dataset)), tmp_path / "b")
    less = prepare_data(config_of(DataPart(path=dataset, fraction=0.5)), tmp_path / "c")
    assert first.sha256 == again.sha256 != less.sha256


def test_fraction_keeps_some_of_every_fold(dataset: Path) -> None:
    kept = keep_fraction(read_dataset(dataset), 0.5, seed=0)
    assert sorted(record.fold or 0 for record in kept) == [0, 0, 1, 1]
    assert kept != keep_fraction(read_dataset(dataset), 0.5, seed=3)


def test_a_patient_in_two_parts_is_refused(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="two data sets"):
        prepare_data(config_of(DataPart(path=dataset), DataPart(path=dataset)), tmp_path)


def test_folds_file_must_know_every_patient(dataset: Path, tmp_path: Path) -> None:
    lines = dataset.read_text(encoding="utf-8").replace("fold,", "").splitlines()
    bare = dataset.with_name("bare.csv")
    bare.write_text(
        "\n".join([lines[0], *(line.replace("acute,0,", "acute,").replace("acute,1,", "acute,") for line in lines[1:])])
    )
    folds = tmp_path / "folds.csv"
    folds.write_text("patient,fold\nP0,1\n")
    with pytest.raises(InputError, match="has no fold"):
        prepare_data(config_of(DataPart(path=bare, folds=folds)), tmp_path)
    dealt = prepare_data(config_of(DataPart(path=bare)), tmp_path)
    assert sorted(record.fold or 0 for record in dealt.records) == [0, 0, 1, 1, 2, 2, 3, 4]


def test_phantoms_are_made_once_and_with_the_traits_asked_for(tmp_path: Path) -> None:
    source = PhantomSource(patients=1, seed=5, phase="chronic", kind="magnitude", pixel_mm=(1.9, 1.9))
    data = prepare_data(config_of(DataPart(phantoms=source, cohort="phantom, coarse")), tmp_path)
    (record,) = data.records
    case = load_case(record)
    assert (record.cohort, record.phase.value) == ("phantom, coarse", "chronic")
    assert case.stack.spacing.y_mm == pytest.approx(1.9)
    assert case.scar.any() and case.lv is not None
    written = record.image.stat().st_mtime_ns
    assert prepare_data(config_of(DataPart(phantoms=source)), tmp_path).records[0].image.stat().st_mtime_ns == written


def test_paths_are_relative_to_the_file_and_wrong_settings_are_named(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text('[[data]]\npath = "cases.csv"\n')
    assert read_experiment(path, ExperimentConfig).data[0].path == tmp_path / "cases.csv"
    path.write_text('colour = 3\n[[data]]\npath = "cases.csv"\n')
    with pytest.raises(InputError, match="colour"):
        read_experiment(path, ExperimentConfig)
    path.write_text("[[data]]\nfraction = 0.5\n")
    with pytest.raises(InputError, match="either path or phantoms"):
        read_experiment(path, ExperimentConfig)
