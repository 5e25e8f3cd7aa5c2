"""The data set table and its sentences."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from napari_scarseg.core.case import Phase
from napari_scarseg.core.spacing import Spacing
from napari_scarseg.datasets import load_case, read_dataset
from napari_scarseg.errors import InputError
from napari_scarseg.io import write_labels


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    labels = np.zeros((3, 12, 10), np.int32)
    labels[1, 2:9, 2:8] = 2
    labels[1, 4:7, 4:6] = 1
    labels[1, 2:4, 2:5] = 3
    labels[1, 2, 2] = 4
    rng = np.random.default_rng(0)
    np.save(tmp_path / "image.npy", rng.normal(size=labels.shape).astype(np.float32))
    write_labels(tmp_path / "label.nii.gz", labels, Spacing.unknown(), None)
    return tmp_path


def _write(folder: Path, text: str) -> Path:
    path = folder / "dataset.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_values_are_mapped(folder: Path) -> None:
    table = _write(
        folder,
        "patient,image,label,cohort,phase,fold,scar_values,myocardium_values,cavity_values\n"
        "A1,image.npy,label.nii.gz,here,chronic,3,3 4,2;3;4,1\n",
    )
    (record,) = read_dataset(table)
    assert (record.phase, record.fold, record.scar_values) == (Phase.CHRONIC, 3, (3, 4))
    case = load_case(record)
    assert case.scar.sum() == 6
    assert case.myocardium is not None and case.myocardium.sum() == 36
    assert case.lv is not None and case.lv.sum() == 42


def test_without_values_anything_labelled_is_scar(folder: Path) -> None:
    (record,) = read_dataset(_write(folder, "patient,image,label\nA1,image.npy,label.nii.gz\n"))
    case = load_case(record)
    assert case.scar.sum() == 42
    assert case.lv is None and case.myocardium is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("patient,image\nA,image.npy\n", "lacks the column label"),
        ("patient,image,label\n", "has no rows"),
        ("patient,image,label\n,image.npy,label.nii.gz\n", "Line 2 .* no patient"),
        ("patient,image,label\nA,absent.npy,label.nii.gz\n", "Line 2 .* image that does not exist"),
        ("patient,image,label,phase\nA,image.npy,label.nii.gz,old\n", "unknown phase; write one of acute, chronic"),
        ("patient,image,label,scar_values\nA,image.npy,label.nii.gz,three\n", "scar_values must hold whole numbers"),
        ("", "is empty"),
        ("patient,image,label\nA,image.npy,label.nii.gz,more\n", "not a readable CSV"),
    ],
)
def test_a_wrong_table_says_what_is_wrong(folder: Path, text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_dataset(_write(folder, text))


def test_a_spreadsheet_s_table_is_read(folder: Path) -> None:
    path = folder / "sheet.csv"
    path.write_text("patient;image;label;scar_values\nA1;image.npy;label.nii.gz;3,4\n", encoding="utf-8-sig")
    (record,) = read_dataset(path)
    assert (record.patient, record.scar_values) == ("A1", (3, 4))


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no data set table 'absent\.csv'"):
        read_dataset(tmp_path / "absent.csv")


def test_image_and_label_of_different_shapes_are_refused(folder: Path) -> None:
    np.save(folder / "image.npy", np.random.default_rng(1).normal(size=(2, 12, 10)))
    (record,) = read_dataset(_write(folder, "patient,image,label\nA1,image.npy,label.nii.gz\n"))
    with pytest.raises(InputError, match="Patient A1: The labels have the shape"):
        load_case(record)


def test_a_label_in_another_orientation_is_laid_on_its_image(folder: Path) -> None:
    labels = np.zeros((3, 12, 10), np.int32)
    labels[1, 2:6, 1:4] = 1
    affine = np.diag([1.5, 1.5, 10.0, 1.0])
    image = nib.Nifti1Image(np.random.default_rng(1).normal(size=labels.shape).T, affine)
    nib.save(image, folder / "image.nii.gz")
    mirror = np.array([[-1, 0, 0, 9], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    nib.save(nib.Nifti1Image(labels[:, :, ::-1].astype(np.uint8).T, affine @ mirror), folder / "label.nii.gz")
    (record,) = read_dataset(_write(folder, "patient,image,label\nA1,image.nii.gz,label.nii.gz\n"))
    np.testing.assert_array_equal(load_case(record).scar, labels == 1)
