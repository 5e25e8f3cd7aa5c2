"""Out-of-fold: every patient meets the weights that did not see it, and a leak is refused."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_scarseg.core.case import Phase
from napari_scarseg.core.spacing import Spacing
from napari_scarseg.core.stack import voxel_sha256
from napari_scarseg.datasets import CaseRecord, read_dataset
from napari_scarseg.engines.small_sam import ARCHITECTURE
from napari_scarseg.errors import InputError
from napari_scarseg.evaluation import run
from napari_scarseg.evaluation.leaks import check_stack_unseen
from napari_scarseg.evaluation.plan import EvaluationSettings, plan_parts
from napari_scarseg.evaluation.prompts import PromptSource
from napari_scarseg.evaluation.run import evaluate_part, load_evaluator
from napari_scarseg.io import write_labels

Save = Callable[..., Path]
FOLDS = {"a": 0, "b": 1, "c": 0, "d": 1}


def trained_without(fold: int | None, folds: str | None = "folds.csv", path: str = "data.csv") -> dict[str, Any]:
    """Provenance as the trainers write it."""
    return {"configuration": {"datasets": [{"path": path, "folds": folds, "held_out_fold": fold, "share": 1.0}]}}


def records(folds: Mapping[str, int | None] | None = None) -> list[CaseRecord]:
    return [
        CaseRecord(p, Path("i"), Path("l"), "", "", Phase.ACUTE, (folds or {}).get(p), (1,), (), ()) for p in "abcd"
    ]


@pytest.fixture
def settings(tmp_path: Path) -> EvaluationSettings:
    return EvaluationSettings((PromptSource.TRUTH,), segmenter=str(tmp_path / "run{fold}" / "weights.safetensors"))


def plan(settings: EvaluationSettings, **options: Any) -> Any:
    return plan_parts(settings, records(), table="data.csv", fold_of=FOLDS, folds="folds.csv", **options)


def test_each_fold_has_its_own_weights(settings: EvaluationSettings, tmp_path: Path, save_record: Save) -> None:
    for fold in (0, 1):
        save_record(tmp_path / f"run{fold}" / "weights.safetensors", trained_without(fold))
    parts = plan(settings)
    assert [[r.patient for r in part.records] for part in parts] == [["a", "c"], ["b", "d"]]
    assert [Path(part.settings.segmenter).parent.name for part in parts] == ["run0", "run1"]
    assert [part.fold for part in plan(settings, fold=1)] == [1]


def test_swapped_folds_are_a_leak(settings: EvaluationSettings, tmp_path: Path, save_record: Save) -> None:
    for fold in (0, 1):
        save_record(tmp_path / f"run{fold}" / "weights.safetensors", trained_without(1 - fold))
    with pytest.raises(InputError, match="do not record that fold 0 of folds.csv was held out"):
        plan(settings)


@pytest.mark.parametrize(
    "provenance",
    [
        {},
        trained_without(None),
        trained_without(0, folds="other.csv"),
        {"configuration": {"datasets": [*trained_without(0)["configuration"]["datasets"], {"path": "data.csv"}]}},
    ],
    ids=["no record", "none held out", "other folds", "the data set twice"],
)
def test_weights_must_prove_it(
    settings: EvaluationSettings, tmp_path: Path, save_record: Save, provenance: dict[str, Any]
) -> None:
    for fold in (0, 1):
        save_record(tmp_path / f"run{fold}" / "weights.safetensors", provenance)
    with pytest.raises(InputError, match="do not record"):
        plan(settings)


def test_every_file_of_a_detector_s_folder_is_checked(tmp_path: Path, save_record: Save) -> None:
    settings = EvaluationSettings(
        (PromptSource.DETECTOR,), segmenter=str(tmp_path / "s{fold}.safetensors"), detector=str(tmp_path / "d{fold}")
    )
    for fold in (0, 1):
        save_record(tmp_path / f"s{fold}.safetensors", trained_without(fold))
        save_record(tmp_path / f"d{fold}" / "yolo.safetensors", trained_without(fold))
        save_record(tmp_path / f"d{fold}" / "proposer.safetensors", trained_without(0))
    with pytest.raises(InputError, match="proposer do not record that fold 1"):
        plan(settings)
    assert len(plan(settings, fold=0)) == 1


def test_the_bundled_detector_is_not_out_of_fold(tmp_path: Path, save_record: Save) -> None:
    settings = EvaluationSettings((PromptSource.DETECTOR,), segmenter=str(tmp_path / "s{fold}.safetensors"))
    for fold in (0, 1):
        save_record(tmp_path / f"s{fold}.safetensors", trained_without(fold))
    # The bundled weights name every stack they were trained on, so each case is checked as it is read.
    bundled = {record.name: record for part in plan(settings) for record in part.training}
    assert len(bundled["lge-detector"].stacks_sha256 or ()) == 80
    known = next(iter(bundled["lge-detector"].stacks_sha256 or ()))
    with pytest.raises(InputError, match="lge-detector"):
        check_stack_unseen(list(bundled.values()), records()[0], known)


def test_a_segmenter_s_file_brings_the_bundled_yolo_along_and_a_folder_its_own(
    tmp_path: Path, save_record: Save
) -> None:
    for fold in (0, 1):
        for name in ("segmenter", "detector"):
            save_record(tmp_path / f"run{fold}" / f"{name}.safetensors", trained_without(fold), ARCHITECTURE)
    folder = EvaluationSettings((PromptSource.TRUTH,), segmenter=str(tmp_path / "run{fold}"))
    assert [len(part.training) for part in plan(folder)] == [2, 2]
    file = EvaluationSettings((PromptSource.TRUTH,), segmenter=str(tmp_path / "run{fold}" / "segmenter.safetensors"))
    assert [{record.name for record in part.training} for part in plan(file)] == [{"segmenter", "lge-detector"}] * 2


def test_one_set_of_weights_is_refused_on_patients_it_was_trained_on(tmp_path: Path, save_record: Save) -> None:
    path = save_record(tmp_path / "weights.safetensors", trained_without(0))
    settings = EvaluationSettings((PromptSource.TRUTH,), segmenter=str(path))
    assert len(plan(settings, fold=0)) == 1
    for options in ({}, {"fold": 1}):
        with pytest.raises(InputError, match="fold 1 of folds.csv"):
            plan(settings, **options)
    # Another data set, of which the weights say nothing.
    assert len(plan_parts(settings, records(), table="other.csv")[0].records) == 4


def test_folds_may_be_a_column_of_the_table(settings: EvaluationSettings, tmp_path: Path, save_record: Save) -> None:
    for fold in (0, 1):
        save_record(tmp_path / f"run{fold}" / "weights.safetensors", trained_without(fold, folds=None))
    assert len(plan_parts(settings, records(FOLDS), table="data.csv")) == 2
    with pytest.raises(InputError, match="4 patients have no fold, the first is a"):
        plan_parts(settings, records(), table="data.csv")
    with pytest.raises(InputError, match="No patient of the data set is in fold 7"):
        plan_parts(settings, records(FOLDS), table="data.csv", fold=7)


def test_a_recorded_training_stack_is_refused_when_it_is_read(
    tmp_path: Path,
    save_record: Save,
    filler,  # type: ignore[no-untyped-def]
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = np.random.default_rng(0).normal(size=(2, 16, 16)).astype(np.float32)
    labels = np.zeros(data.shape, np.int32)
    labels[0, 4:9, 4:9] = 1
    for name, volume in (("seen", data), ("new", data + 1)):
        np.save(tmp_path / f"{name}.npy", volume)
        write_labels(tmp_path / f"{name}.nii.gz", labels, Spacing.unknown(), None)
    table = tmp_path / "data.csv"
    table.write_text("patient,image,label\nnew,new.npy,new.nii.gz\nseen,seen.npy,seen.nii.gz\n", encoding="utf-8")
    path = save_record(tmp_path / "weights.safetensors", {"training_stacks_sha256": [voxel_sha256(data)]})
    settings = EvaluationSettings((PromptSource.TRUTH,), segmenter=str(path))
    monkeypatch.setattr(run, "load_segmenter", lambda name, device: filler)
    (part,) = plan_parts(settings, read_dataset(table), table="data.csv")
    results = evaluate_part(part, load_evaluator(part))
    assert next(results).rows[0].stack["volume_dsc"] == 1
    with pytest.raises(InputError, match="Patient seen was among those that the weights weights were trained on"):
        next(results)
