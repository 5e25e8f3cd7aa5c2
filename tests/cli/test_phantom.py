"""`scarseg phantom` and the files that it leaves."""

import json

import numpy as np
import pydicom
import pytest

from napari_scarseg.cli.phantom import PhantomPhase, StackFormat, phantom, plan_patients
from napari_scarseg.core.case import Phase
from napari_scarseg.datasets import read_dataset
from napari_scarseg.errors import InputError
from napari_scarseg.io import read_labels, read_stack
from napari_scarseg.phantom import ImageKind, make_phantom


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A data set of one patient in each format."""
    folders = {}
    for format_ in StackFormat:
        folders[format_] = tmp_path_factory.mktemp("phantom") / format_.value
        phantom(folders[format_], 1, 3, PhantomPhase.ACUTE, format_, ImageKind.PSIR)
    return folders


def test_every_format_holds_the_same_stack_and_truth(made):
    patient = plan_patients(1, 3, PhantomPhase.ACUTE, StackFormat.NIFTI)[0]
    wanted = make_phantom(patient.seed, Phase.ACUTE)
    for format_, folder in made.items():
        (record,) = read_dataset(folder / "dataset.csv")
        stack, labels = read_stack(record.image), read_labels(record.label)
        assert np.array_equal(stack.data, wanted.stack.data), format_
        assert np.array_equal(labels.labels, wanted.labels), format_
        for read in (stack, labels):
            sizes = (read.spacing.z_mm, read.spacing.y_mm, read.spacing.x_mm)
            spacing = wanted.stack.spacing
            assert sizes == pytest.approx((spacing.z_mm, spacing.y_mm, spacing.x_mm), rel=1e-5), format_
        if format_ is not StackFormat.TIFF:
            assert stack.affine_ras == pytest.approx(wanted.stack.affine_ras, abs=1e-3)
            assert labels.affine_ras == pytest.approx(stack.affine_ras, abs=1e-3)


def test_the_table_is_a_data_set(made):
    (record,) = read_dataset(made[StackFormat.NIFTI] / "dataset.csv")
    assert (record.patient, record.phase, record.cohort) == ("PH3-0001", Phase.ACUTE, "phantom")
    assert (record.scar_values, record.myocardium_values, record.cavity_values) == ((3, 4), (2, 3, 4), (1,))
    text = (made[StackFormat.DICOM] / "dataset.csv").read_text(encoding="utf-8")
    assert text.splitlines()[1].startswith("PH3-0001,images/PH3-0001,labels/PH3-0001.nii.gz,phantom,acute,")


def test_every_output_has_a_record_beside_it(made):
    for format_, folder in made.items():
        image = json.loads((folder / "images" / "PH3-0001.json").read_text(encoding="utf-8"))
        label = json.loads((folder / "labels" / "PH3-0001.json").read_text(encoding="utf-8"))
        table = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
        assert image["command"] == label["command"] == table["command"] == "phantom"
        assert image["spacing"]["origin"] == "header"
        assert table["config"]["seed"] == 3 and table["config"]["format"] == format_.value
        assert table["truth"]["PH3-0001"] == image["truth"] == label["truth"]
        assert image["truth"]["image_sha256"] == read_stack(next(iter(_images(folder)))).sha256()
        assert image["truth"]["infarct_mass_g"] > 0


def _images(folder):
    return [path for path in (folder / "images").iterdir() if path.suffix != ".json"]


def test_dicom_says_that_it_is_synthetic(made):
    files = sorted((made[StackFormat.DICOM] / "images" / "PH3-0001").iterdir())
    slices = [pydicom.dcmread(path) for path in files]
    assert len({item.SOPInstanceUID for item in slices}) == len(slices) >= 7
    assert len({item.SeriesInstanceUID for item in slices}) == 1
    first = slices[0]
    assert str(first.PatientName) == "PHANTOM" and first.PatientID == "PH3-0001" and first.PatientBirthDate == ""
    assert "SYNTHETIC" in first.ImageType and "Synthetic" in first.ImageComments
    positions = np.array([item.ImagePositionPatient for item in slices], dtype=float)
    normal = np.cross(*np.array(first.ImageOrientationPatient, dtype=float).reshape(2, 3))
    assert np.diff(positions @ normal) == pytest.approx(float(first.SpacingBetweenSlices), abs=1e-4)


def test_the_same_seed_gives_the_same_files(made, tmp_path):
    for format_ in (StackFormat.NIFTI, StackFormat.DICOM):
        phantom(tmp_path / format_.value, 1, 3, PhantomPhase.ACUTE, format_, ImageKind.PSIR)
        for path in sorted(made[format_].rglob("*")):
            if path.is_file() and path.suffix != ".json":
                again = tmp_path / format_.value / path.relative_to(made[format_])
                assert again.read_bytes() == path.read_bytes(), path.name


def test_nothing_is_overwritten(made, tmp_path):
    folder = made[StackFormat.NIFTI]
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    with pytest.raises(InputError) as error:
        phantom(folder, 1, 4, PhantomPhase.ACUTE, StackFormat.NIFTI, ImageKind.PSIR)
    assert str(error.value) == (
        "The folder 'nifti' holds 'dataset.csv' already, and nothing is overwritten; choose another folder."
    )
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="is a file"):
        phantom(tmp_path / "file", 1, 4, PhantomPhase.ACUTE, StackFormat.NIFTI, ImageKind.PSIR)


def test_a_plan_shares_no_phantom_with_another_seed_and_a_longer_one_begins_alike():
    short, long_ = (plan_patients(n, 0, PhantomPhase.MIXED, StackFormat.NIFTI) for n in (4, 40))
    assert long_[:4] == short
    other = plan_patients(40, 1, PhantomPhase.MIXED, StackFormat.NIFTI)
    assert not {patient.seed for patient in long_} & {patient.seed for patient in other}
    phases = [patient.phase for patient in long_]
    assert [phases.count(phase) for phase in (Phase.ACUTE, Phase.CHRONIC, Phase.NONE)] == [16, 16, 8]
    alone = plan_patients(5, 0, PhantomPhase.NONE, StackFormat.NIFTI)
    assert {patient.phase for patient in alone} == {Phase.NONE}


def test_the_command_itself(scarseg, tmp_path):
    result = scarseg(
        "phantom", "-o", tmp_path / "out", "--patients", 1, "--seed", 8, "--phase", "none", "--kind", "magnitude"
    )
    assert result.status == 0
    assert result.out.splitlines()[0].startswith("PH8-0001: none, ") and result.out.rstrip().endswith("no scar")
    assert read_labels(tmp_path / "out" / "labels" / "PH8-0001.nii.gz").labels.max() == 2
    again = scarseg("phantom", "-o", tmp_path / "out", "--patients", 1, "--seed", 8)
    assert again.sentence.startswith("The folder 'out' holds 'dataset.csv' already")
    assert scarseg("phantom", "-o", tmp_path / "x", "--patients", 0).status == 2
