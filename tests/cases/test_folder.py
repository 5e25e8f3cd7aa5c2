"""A case comes back as it was saved, whatever interrupts a save, and damage is told in a sentence."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_scarseg.cases import Case, CaseState, Manifest, discard_autosave, has_autosave, load_case, save_case
from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.errors import InputError
from napari_scarseg.io import read_boxes, read_labels


def assert_same(one: Case, other: Case) -> None:
    assert (one.image, one.info, one.spacing) == (other.image, other.info, other.spacing)
    assert (one.boxes, one.points, one.choices, one.engines) == (
        other.boxes,
        other.points,
        other.choices,
        other.engines,
    )
    assert one.state is other.state
    np.testing.assert_array_equal(one.affine_ras, other.affine_ras)
    for mine, its in zip(one.labels, other.labels, strict=True):
        assert (mine.name, mine.memory) == (its.name, its.memory)
        np.testing.assert_array_equal(mine.labels, its.labels)
        np.testing.assert_array_equal(mine.painted, its.painted)


def test_a_case_comes_back_as_it_was_saved(case, tmp_path):
    folder = tmp_path / "study" / "P001.scarseg"
    save_case(folder, case)
    loaded = load_case(folder)
    assert_same(loaded, case)
    assert loaded.state is CaseState.SEGMENTED
    assert int(loaded.labels[0].protected.sum()) == 4
    save_case(folder, replace(loaded, is_done=True))
    assert load_case(folder).state is CaseState.DONE


@pytest.mark.parametrize(
    "spacing",
    [Spacing(None, 1.5, 1.25, SpacingOrigin.HEADER), Spacing(8.0, None, None, SpacingOrigin.USER), Spacing.unknown()],
)
def test_what_is_not_known_of_the_spacing_stays_unknown(case, tmp_path, spacing):
    """A single DICOM slice, for one, has no distance between slices."""
    save_case(tmp_path / "P001.scarseg", replace(case, spacing=spacing))
    assert load_case(tmp_path / "P001.scarseg").spacing == spacing


def test_other_programs_read_the_parts(case, tmp_path):
    folder = tmp_path / "P001.scarseg"
    save_case(folder, case)
    (boxes,), (labels,) = folder.glob("boxes-*.csv"), folder.glob("labels-*.nii.gz")
    assert tuple(read_boxes(boxes)) == case.boxes[0].boxes
    volume = read_labels(labels)
    np.testing.assert_array_equal(volume.labels, case.labels[0].labels)
    assert volume.spacing.z_mm == 8.0


def test_only_what_changed_is_written_anew_and_old_parts_go(case, tmp_path):
    folder = tmp_path / "P001.scarseg"
    save_case(folder, case)
    before = {entry.name: entry.stat().st_mtime_ns for entry in folder.iterdir()}
    moved = replace(case.boxes[0], boxes=(replace(case.boxes[0].boxes[0], row_min=2.0),))
    save_case(folder, replace(case, boxes=(moved,)))
    after = {entry.name: entry.stat().st_mtime_ns for entry in folder.iterdir()}
    changed = {name for name in after if after[name] != before.get(name)}
    assert {name.partition("-")[0] for name in changed} == {"boxes", "case.json"}
    (old,) = [name for name in before if name.startswith("boxes") and name not in changed]
    for name in (old, f".0123456789ab.{old}"):
        (folder / name).touch()
        os.utime(folder / name, (0, 0))
    (folder / "notes.txt").write_text("mine", encoding="utf-8")
    save_case(folder, case)
    save_case(folder, replace(case, boxes=(moved,)))
    assert (folder / "notes.txt").exists()
    assert not (folder / f".0123456789ab.{old}").exists()


def test_saved_and_autosaved_work_lie_side_by_side(case, tmp_path):
    folder = tmp_path / "P001.scarseg"
    save_case(folder, case)
    later = replace(case, choices={"confidence": 0.9})
    save_case(folder, later, Manifest.AUTOSAVED)
    assert has_autosave(folder)
    assert load_case(folder).choices == {"confidence": 0.4}
    assert_same(load_case(folder, Manifest.AUTOSAVED), later)
    save_case(folder, later)
    assert not has_autosave(folder) and load_case(folder).choices == {"confidence": 0.9}
    save_case(folder, case, Manifest.AUTOSAVED)
    discard_autosave(folder)
    assert not has_autosave(folder) and load_case(folder).choices == {"confidence": 0.9}


def test_a_case_without_a_save_goes_when_it_is_discarded(case, tmp_path):
    folder = tmp_path / "0123.scarseg"
    save_case(folder, case, Manifest.AUTOSAVED)
    discard_autosave(folder)
    assert not folder.exists()


def test_a_failed_save_leaves_the_old_case(case, tmp_path, monkeypatch):
    folder = tmp_path / "P001.scarseg"
    save_case(folder, case)

    def refuse(*_: object) -> None:
        raise InputError("No space is left.")

    monkeypatch.setattr("napari_scarseg.cases.folder.write_json", refuse)
    with pytest.raises(InputError):
        save_case(folder, replace(case, boxes=(), labels=()))
    assert_same(load_case(folder), case)


def test_a_study_with_its_cases_can_move(case, image_path, tmp_path):
    save_case(tmp_path / "study" / "P001.scarseg", case)
    text = (tmp_path / "study" / "P001.scarseg" / "case.json").read_text(encoding="utf-8")
    assert json.loads(text)["image"]["path"] == "../P001.npy" and str(tmp_path) not in text
    shutil.move(tmp_path / "study", tmp_path / "elsewhere")
    assert load_case(tmp_path / "elsewhere" / "P001.scarseg").image.path == tmp_path / "elsewhere" / "P001.npy"


def edit(folder: Path, **values: object) -> None:
    record = json.loads((folder / "case.json").read_text(encoding="utf-8"))
    (folder / "case.json").write_text(json.dumps(record | values), encoding="utf-8")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda folder: (folder / "case.json").unlink(), "holds no case"),
        (lambda folder: (folder / "case.json").write_text("{", encoding="utf-8"), "no JSON"),
        (lambda folder: (folder / "case.json").write_text("[" * 10**5, encoding="utf-8"), "no JSON"),
        (lambda folder: edit(folder, format="other"), "holds no case of this program"),
        (lambda folder: edit(folder, version=99), "another version"),
        (lambda folder: edit(folder, layers=[{"kind": "boxes"}]), "a value is missing"),
        (lambda folder: edit(folder, case=None), "a value is missing"),
        (lambda folder: edit(folder, affine_ras=[[1, 2]]), "a value is missing"),
        (lambda folder: edit(folder, layers=[{"kind": "boxes", "file": "../../secret.csv"}]), "a part"),
        (lambda folder: next(folder.glob("labels-*")).unlink(), "lacks its file"),
        (lambda folder: shutil.copy(next(folder.glob("painted-*")), next(folder.glob("labels-*"))), "not what was"),
    ],
)
def test_damage_is_told_in_a_sentence(case, tmp_path, damage, said):
    folder = tmp_path / "P001.scarseg"
    save_case(folder, case)
    damage(folder)
    with pytest.raises(InputError, match=said):
        load_case(folder)


def test_a_case_folder_is_known_by_its_name(case, tmp_path):
    with pytest.raises(InputError, match="ends in .scarseg"):
        save_case(tmp_path / "P001", case)
