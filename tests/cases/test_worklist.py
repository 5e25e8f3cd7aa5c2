"""The worklist says how far each image of a folder has come, and what is next."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_scarseg.cases import (
    CaseState,
    Manifest,
    case_folder,
    find_unsaved,
    plan_next,
    read_worklist,
    recovery_folder,
    save_case,
)


@pytest.fixture
def study(case, image_path) -> Path:
    for name in ("P002", "P010"):
        np.save(image_path.with_name(f"{name}.npy"), np.load(image_path, allow_pickle=False))
    return image_path.parent


def states(study: Path) -> list[tuple[str, str]]:
    return [(entry.stem, entry.state.value) for entry in read_worklist(study)]


def test_states_follow_the_case_folders(case, study):
    assert states(study) == [("P001", "not started"), ("P002", "not started"), ("P010", "not started")]
    save_case(study / "P001.scarseg", replace(case, is_done=True))
    save_case(study / "P002.scarseg", replace(case, labels=()), Manifest.AUTOSAVED)
    assert states(study) == [("P001", "done"), ("P002", "boxes"), ("P010", "not started")]
    assert [entry.has_unsaved for entry in read_worklist(study)] == [False, True, False]
    (study / "P002.scarseg" / "case.json").write_text("nothing", encoding="utf-8")
    assert "damaged" in read_worklist(study)[1].finding


def test_case_folders_can_lie_elsewhere(case, study, tmp_path):
    save_case(tmp_path / "cases" / "P002.scarseg", case)
    entries = read_worklist(study, tmp_path / "cases")
    assert [entry.state for entry in entries] == [CaseState.NEW, CaseState.SEGMENTED, CaseState.NEW]


def test_next_is_the_first_unfinished_behind_the_current_one(study):
    first, second, third = read_worklist(study)
    assert plan_next((first, second, third), None) == first
    assert plan_next((first, second, third), first.image) == second
    assert plan_next((first, second, third), third.image) == first
    done = [replace(entry, state=CaseState.DONE) for entry in (first, second, third)]
    assert plan_next(done, first.image) is None
    assert plan_next((first, *done[1:]), first.image) is None


def test_unsaved_work_is_found_by_hash_and_named_by_nothing_else(case, tmp_path):
    folder = recovery_folder(case.image.sha256, tmp_path)
    assert find_unsaved(tmp_path) == [] and "P001" not in folder.name
    save_case(folder, case, Manifest.AUTOSAVED)
    assert find_unsaved(tmp_path) == [folder]
    assert case_folder("study/P001.nii.gz", "P001") == Path("study/P001.scarseg")
