"""Importers on folders laid out as the data sets are handed out."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_scarseg.core.case import Phase
from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.core.stack import Stack
from napari_scarseg.datasets import KnownDataset, import_dataset, load_case, read_dataset, write_dataset
from napari_scarseg.errors import InputError
from napari_scarseg.io import write_labels
from napari_scarseg.io.write_image import write_stack_nifti

SPACING = Spacing(10.0, 1.4, 1.4, SpacingOrigin.HEADER)


def heart(scar: bool) -> tuple[np.ndarray, np.ndarray]:
    """Image and label values 0 to 4 of three slices."""
    labels = np.zeros((3, 16, 16), np.int32)
    labels[:, 4:12, 4:12] = 2
    labels[:, 6:10, 6:10] = 1
    if scar:
        labels[1, 4:6, 4:9], labels[1, 4, 4] = 3, 4
    return np.random.default_rng(0).integers(0, 255, labels.shape).astype(np.float32), labels


def save_nifti(image: Path, label: Path, scar: bool = True) -> None:
    data, labels = heart(scar)
    affine = np.diag([-1.4, -1.4, 10, 1])
    image.parent.mkdir(parents=True, exist_ok=True)
    write_stack_nifti(image, Stack(data, SPACING, "p", affine))
    write_labels(label, labels, SPACING, affine)


def save_slices(folder: Path, scar: bool = True) -> None:
    data, labels = heart(scar)
    for name, volume in (("image", data), ("label", labels)):
        (folder / name).mkdir(parents=True)
        for z, plane in enumerate(volume):
            Image.fromarray(plane.astype(np.uint8)).save(folder / name / f"{z:03d}.png")


@pytest.mark.parametrize("nested", [False, True])
def test_emidec_as_it_is_handed_out(tmp_path: Path, nested: bool) -> None:
    root = tmp_path / "emidec-dataset-1.0.1" if nested else tmp_path
    for case, scar in (("Case_P001", True), ("Case_N006", False)):
        save_nifti(root / case / "Images" / f"{case}.nii.gz", root / case / "Contours" / f"{case}.nii.gz", scar)
        (root / f"{case}.txt").write_text("age and sex", encoding="utf-8")
    records = import_dataset(KnownDataset.EMIDEC, tmp_path)
    assert [(r.patient, r.phase) for r in records] == [("N006", Phase.NONE), ("P001", Phase.ACUTE)]
    normal, infarct = (load_case(record) for record in records)
    assert not normal.scar.any()  # kept all the same
    assert infarct.scar.sum() == 10  # MVO included
    assert infarct.myocardium is not None and infarct.lv is not None
    assert infarct.myocardium.sum() == 3 * (64 - 16) and infarct.lv.sum() == 3 * 64
    assert infarct.stack.spacing == SPACING


def test_emidec_as_png_slices_is_the_same_data(tmp_path: Path) -> None:
    save_slices(tmp_path / "P001")
    save_slices(tmp_path / "N002", scar=False)
    records = import_dataset(KnownDataset.EMIDEC, tmp_path)
    assert [(r.patient, r.phase, r.scar_values) for r in records] == [
        ("N002", Phase.NONE, (3, 4)),
        ("P001", Phase.ACUTE, (3, 4)),
    ]
    assert load_case(records[1]).scar.sum() == 10


@pytest.mark.parametrize(
    ("image", "label"),
    [
        ("{v}/images/{p}_{v}.nii.gz", "{v}/labels/{p}_{v}.nii.gz"),
        ("images/{p}-{v}.nii.gz", "labels/{p}-{v}.nii.gz"),
        ("{v}/{p}/{p}_image.nii.gz", "{v}/{p}/{p}_gt.nii.gz"),
        ("training/img/{v}_{p}.nii", "training/mask/{v}_{p}.nii"),
    ],
)
def test_myosaiq_visits_are_told_from_paths(tmp_path: Path, image: str, label: str) -> None:
    for patient, visit in (("012", "D8"), ("034", "M1"), ("034", "M12")):
        save_nifti(*(tmp_path / text.format(p=patient, v=visit) for text in (image, label)))
    records = import_dataset(KnownDataset.MYOSAIQ, tmp_path)
    assert [(r.patient, r.visit, r.phase) for r in records] == [
        ("012", "D8", Phase.ACUTE),
        ("034", "M1", Phase.UNKNOWN),
        ("034", "M12", Phase.CHRONIC),
    ]
    assert all("label" not in r.image.name and load_case(r).scar.sum() == 10 for r in records)


def test_a_table_of_phantoms_is_taken_over(tmp_path: Path) -> None:
    save_nifti(tmp_path / "images" / "a.nii.gz", tmp_path / "labels" / "a.nii.gz")
    (tmp_path / "dataset.csv").write_text(
        "patient,image,label,phase,scar_values\nA,images/a.nii.gz,labels/a.nii.gz,chronic,3 4\n", encoding="utf-8"
    )
    (record,) = import_dataset(KnownDataset.PHANTOM, tmp_path)
    assert (record.patient, record.cohort, record.phase) == ("A", "phantom", Phase.CHRONIC)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no folder 'absent'"):
        import_dataset(KnownDataset.EMIDEC, tmp_path / "absent")
    for kind in KnownDataset:
        with pytest.raises(InputError, match=f"no case in the layout of {kind.value}; expected"):
            import_dataset(kind, tmp_path)
    save_slices(tmp_path / "emidec" / "P001")
    for path in (tmp_path / "emidec" / "P001" / "label").iterdir():
        path.unlink()
    with pytest.raises(InputError, match="case 'P001' has no label"):
        import_dataset(KnownDataset.EMIDEC, tmp_path / "emidec")
    save_nifti(tmp_path / "myosaiq" / "images" / "1_D8.nii.gz", tmp_path / "myosaiq" / "labels" / "1_D8.nii.gz")
    (tmp_path / "myosaiq" / "labels" / "1_D8.nii.gz").unlink()
    with pytest.raises(InputError, match="no label for '1_D8.nii.gz'"):
        import_dataset(KnownDataset.MYOSAIQ, tmp_path / "myosaiq")


def test_a_written_table_is_read_back_as_it_was(tmp_path: Path) -> None:
    save_slices(tmp_path / "data" / "P001")
    save_slices(tmp_path / "data" / "N002", scar=False)
    records = import_dataset(KnownDataset.EMIDEC, tmp_path / "data")
    table = tmp_path / "elsewhere" / "dataset.csv"
    write_dataset(table, records)
    again = read_dataset(table)
    assert [replace(r, image=r.image.resolve(), label=r.label.resolve()) for r in again] == records
    assert "../data/P001/image" in table.read_text(encoding="utf-8")
