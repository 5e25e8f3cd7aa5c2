"""Written stacks come back as they were."""

import numpy as np
import pytest

from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.core.stack import Stack
from napari_scarseg.errors import InputError
from napari_scarseg.io import read_stack
from napari_scarseg.io.write_image import SyntheticSeries, write_stack_dicom, write_stack_nifti, write_stack_ome_tiff

SPACING = Spacing(10.0, 1.5, 1.25, SpacingOrigin.HEADER)
AFFINE = np.array([[0.0, 1.5, 0.0, -20.0], [1.25, 0.0, 0.0, 5.0], [0.0, 0.0, -10.0, 30.0], [0.0, 0.0, 0.0, 1.0]])
SERIES = SyntheticSeries("PH0-0001", "LGE", 8.0)


def stack_of(dtype=np.uint16, spacing=SPACING, affine=AFFINE) -> Stack:
    data = (np.arange(4 * 6 * 5) % 97).reshape(4, 6, 5).astype(dtype)
    return Stack(data, spacing, "P001", affine)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.float32])
@pytest.mark.parametrize("affine", [AFFINE, None])
@pytest.mark.parametrize("name", ["P001.nii", "P001.nii.gz"])
def test_nifti_keeps_values_type_spacing_and_affine(tmp_path, dtype, affine, name):
    stack = stack_of(dtype, affine=affine)
    write_stack_nifti(tmp_path / name, stack)
    again = read_stack(tmp_path / name)
    assert again.data.dtype == dtype and np.array_equal(again.data, stack.data)
    assert again.spacing == SPACING
    assert again.findings == ()
    if affine is not None:
        assert again.affine_ras == pytest.approx(affine)


def test_nifti_without_spacing_stays_without(tmp_path):
    write_stack_nifti(tmp_path / "P001.nii.gz", stack_of(spacing=Spacing.unknown(), affine=None))
    assert read_stack(tmp_path / "P001.nii.gz").spacing == Spacing.unknown()


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.float32])
def test_ome_tiff_keeps_values_type_and_spacing(tmp_path, dtype):
    stack = stack_of(dtype)
    write_stack_ome_tiff(tmp_path / "P001.ome.tif", stack)
    again = read_stack(tmp_path / "P001.ome.tif")
    assert again.data.dtype == dtype and np.array_equal(again.data, stack.data)
    assert again.spacing == SPACING
    np.testing.assert_array_equal(again.affine_ras, stack.affine_ras)
    write_stack_ome_tiff(tmp_path / "none.ome.tif", stack_of(spacing=Spacing.unknown(), affine=None))
    assert read_stack(tmp_path / "none.ome.tif").spacing == Spacing.unknown()


@pytest.mark.parametrize("dtype", [np.uint16, np.int16])
def test_dicom_keeps_values_and_geometry(tmp_path, dtype):
    stack = stack_of(dtype)
    if dtype is np.int16:
        stack = Stack(stack.data - np.int16(50), SPACING, "P001", AFFINE)
    write_stack_dicom(tmp_path / "series", stack, SERIES)
    again = read_stack(tmp_path / "series")
    order = slice(None) if np.allclose(again.affine_ras, AFFINE) else slice(None, None, -1)
    assert np.array_equal(again.data, stack.data[order])
    # A reader may turn the stack; each voxel stays where it is in the patient.
    last = again.affine_ras @ [0, 0, (len(again.data) - 1) if order.step else 0, 1]
    assert last == pytest.approx(AFFINE[:, 3])
    assert again.spacing.y_mm == 1.5 and again.spacing.x_mm == 1.25 and again.spacing.z_mm == pytest.approx(10)


def test_a_failed_series_leaves_nothing(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("napari_scarseg.io.write_image._save_slices", refuse)
    with pytest.raises(InputError, match="'series' cannot be written \\(No space left on device\\)"):
        write_stack_dicom(tmp_path / "series", stack_of(), SERIES)
    assert list(tmp_path.iterdir()) == []


def test_a_series_goes_into_a_folder_of_its_own(tmp_path):
    (tmp_path / "series").mkdir()
    write_stack_dicom(tmp_path / "series", stack_of(), SERIES)
    assert len(list((tmp_path / "series").iterdir())) == 4
    with pytest.raises(InputError, match="'series' exists already and is not an empty folder; choose another one."):
        write_stack_dicom(tmp_path / "series", stack_of(), SERIES)


@pytest.mark.parametrize(
    ("write", "sentence"),
    [
        (lambda p: write_stack_nifti(p / "a.tif", stack_of()), "'a.tif' has to end in .nii.gz to be written as NIfTI"),
        (lambda p: write_stack_ome_tiff(p / "a.tif", stack_of()), "'a.tif' has to end in .ome.tif to be written as"),
        (lambda p: write_stack_dicom(p / "a", stack_of(affine=None), SERIES), "needs spacing and an affine"),
        (lambda p: write_stack_dicom(p / "a", stack_of(np.float32), SERIES), "holds 16-bit whole numbers, not float32"),
        (
            lambda p: write_stack_dicom(p / "a", stack_of(), SyntheticSeries("x", "y", 8.0, (300.0,))),
            "one inversion time per slice, or none at all",
        ),
    ],
)
def test_what_cannot_be_written_is_said(tmp_path, write, sentence):
    with pytest.raises(InputError, match=sentence):
        write(tmp_path)
    assert list(tmp_path.iterdir()) == []
