"""The one door: what comes through it, and the sentence for everything else."""

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from napari_scarseg.core.spacing import Spacing
from napari_scarseg.errors import InputError
from napari_scarseg.io import read_labels, read_stack, resolve_stems, write_labels

EMIDEC = os.environ.get("SCARSEG_EMIDEC")


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.nrrd", b"NRRD0004\ntype: short\n", "'a.nrrd' is incomplete: its header lacks 'dimension'"),
        (
            "a.mha",
            b"ObjectType = Image\nNDims = 3\n",
            "'a.mha' is incomplete: its header lacks 'dimsize'",
        ),
        ("a.nii.gz", b"slice,row\n1,2\n", "'a.nii.gz' is not an image that can be read; choose NIfTI"),
        ("a.png", b"\x00" * 900, "'a.png' is not an image that can be read"),
        ("a.mat", b"MATLAB 5.0 MAT-file" + b" " * 109 + b"\x00\x01IM", "'a.mat' is not an image that can be read"),
        ("a.dcm", b"", "'a.dcm' is an empty file; copy or export it again."),
        ("a.dcm", b"\x00" * 128 + b"DICM", "hold no image|looks like a DICOM file"),
        ("a.tif", b"II*\x00\x08\x00\x00\x00", "'a.tif' is a TIFF file without an image; export it again"),
        ("a.npy", b"\x93NUMPY", "'a.npy' looks like an npy file but cannot be read"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_sentence(tmp_path, name, content, sentence, capfd):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=sentence) as caught:
        read_stack(path)
    assert "\n" not in str(caught.value)
    assert str(tmp_path) not in str(caught.value), "paths can name patients"
    assert capfd.readouterr() == ("", "")


def test_missing(tmp_path):
    with pytest.raises(InputError, match=r"There is no file or folder 'gone\.nii'; check the path\."):
        read_stack(tmp_path / "gone.nii")


def test_zip(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("../outside.png", b"x")
    with pytest.raises(InputError, match="zip archive holds no DICOM files; unpack it"):
        read_stack(tmp_path / "a.zip")
    assert not (tmp_path.parent / "outside.png").exists()


def test_decoder_stays_the_cause(tmp_path):
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(InputError) as caught:
        read_stack(tmp_path / "a.npy")
    assert caught.value.__cause__ is not None


def test_folder_with_one_stack_is_that_stack(tmp_path, volume):
    np.save(tmp_path / "a.npy", volume)
    (tmp_path / "notes.txt").write_text("hello")
    np.testing.assert_array_equal(read_stack(tmp_path).data, volume)


def test_folder_with_several_stacks_is_refused(tmp_path, volume):
    for name in "ab":
        np.save(tmp_path / f"{name}.npy", volume)
    with pytest.raises(InputError, match="holds 2 stacks; choose one of its files"):
        read_stack(tmp_path)


def test_paths_may_be_text(tmp_path, volume):
    np.save(tmp_path / "a.npy", volume)
    assert read_stack(str(tmp_path / "a.npy")).stem == "a"


@pytest.mark.skipif(EMIDEC is None, reason="SCARSEG_EMIDEC does not say where the EMIDEC slices are")
def test_emidec_slices_and_labels(tmp_path):
    patient = Path(str(EMIDEC)) / "P001"
    stack, truth = read_stack(patient / "image"), read_labels(patient / "label")
    assert stack.shape == truth.labels.shape
    assert stack.spacing == truth.spacing == Spacing.unknown()
    assert set(np.unique(truth.labels)) <= {0, 1, 2, 3, 4}
    other = Path(str(EMIDEC)) / "P002" / "image"
    assert list(resolve_stems([patient / "image", other]).values()) == ["P001_image", "P002_image"]
    write_labels(tmp_path / "a_scar.nii.gz", truth.labels, stack.spacing, stack.affine_ras)
    np.testing.assert_array_equal(read_labels(tmp_path / "a_scar.nii.gz").labels, truth.labels)
