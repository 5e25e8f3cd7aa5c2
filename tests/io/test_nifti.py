"""NIfTI: the plain transpose, and a spacing that survives headers which contradict themselves."""

import gzip
import mmap
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.errors import InputError
from napari_scarseg.io import read_stack

OBLIQUE = np.array([[-1.0, 0.2, 3.0, 11], [0.3, -1.3, 2.0, -7], [0.1, 0.4, 9.0, 5], [0, 0, 0, 1]])


def base_of(array):
    """What an array's memory belongs to at last."""
    while isinstance(array, np.ndarray) and array.base is not None:
        array = array.base
    return array


def header(z: float | None, y: float, x: float) -> Spacing:
    return Spacing(z, y, x, SpacingOrigin.HEADER)


def test_array_is_the_plain_transpose(write_nifti, volume):
    flipped = np.diag([-1.4, 1.5, -10.0, 1.0])
    stack = read_stack(write_nifti(volume, pixdim=(1.4, 1.5, 10), sform=flipped))
    np.testing.assert_array_equal(stack.data, volume)
    assert stack.data.dtype == np.int16
    assert stack.spacing == header(10.0, 1.5, 1.4)
    np.testing.assert_allclose(stack.affine_ras, flipped, rtol=1e-6)
    assert stack.findings == ()
    assert stack.stem == "scan"


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image, nib.Nifti1Pair])
@pytest.mark.parametrize("ending", ["", ".gz"])
def test_versions_pairs_and_compression(write_nifti, volume, kind, ending):
    name = "scan.hdr" if kind is nib.Nifti1Pair else "scan.nii"
    affine = np.diag([1.4, 1.5, 10, 1])
    stack = read_stack(write_nifti(volume, name=name + ending, pixdim=(1.4, 1.5, 10), sform=affine, kind=kind))
    np.testing.assert_array_equal(stack.data, volume)
    assert stack.spacing == header(10.0, 1.5, 1.4)


def test_agrees_with_nibabel_on_an_oblique_affine(write_nifti, volume):
    path = write_nifti(volume, pixdim=nib.affines.voxel_sizes(OBLIQUE), sform=OBLIQUE)
    image = nib.load(path)
    stack = read_stack(path)
    np.testing.assert_array_equal(stack.data, np.asarray(image.dataobj).T)
    np.testing.assert_array_equal(stack.affine_ras, image.affine)
    assert (stack.spacing.x_mm, stack.spacing.y_mm, stack.spacing.z_mm) == pytest.approx(
        tuple(map(float, nib.affines.voxel_sizes(OBLIQUE))), rel=1e-6
    )


def test_qform_is_used_without_sform(write_nifti, volume):
    affine = np.diag([-1.25, -1.25, 8.0, 1.0])
    stack = read_stack(write_nifti(volume, pixdim=(1.25, 1.25, 8), qform=affine))
    np.testing.assert_allclose(stack.affine_ras, affine, atol=1e-5)
    assert stack.spacing == header(8.0, 1.25, 1.25)
    assert stack.findings == ()


@pytest.mark.parametrize("unit", ["mm", "unknown"])
def test_emidec_trap_takes_pixdim_and_keeps_the_affine(write_nifti, volume, unit):
    """The original EMIDEC headers: right pixdim, and an sform of 1 mm voxels."""
    stack = read_stack(write_nifti(volume, pixdim=(1.40625, 1.40625, 13), sform=np.eye(4), unit=unit))
    assert stack.spacing == header(13.0, 1.40625, 1.40625)
    np.testing.assert_array_equal(stack.affine_ras, np.eye(4))
    assert any("contradicts itself" in finding and "pixdim was used" in finding for finding in stack.findings)


def test_other_contradictions_take_the_affine(write_nifti, volume):
    stack = read_stack(write_nifti(volume, pixdim=(1, 1, 1), sform=np.diag([1.4, 1.5, 10, 1])))
    assert stack.spacing == header(10.0, 1.5, 1.4)
    assert any("The sform was used" in finding for finding in stack.findings)


@pytest.mark.parametrize(("unit", "factor"), [("meter", 1000.0), ("mm", 1.0), ("micron", 0.001)])
def test_units_become_mm(write_nifti, volume, unit, factor):
    sizes = np.array([1.5, 1.5, 10]) / factor
    stack = read_stack(write_nifti(volume, pixdim=tuple(sizes), sform=np.diag([*sizes, 1]), unit=unit))
    assert (stack.spacing.z_mm, stack.spacing.y_mm, stack.spacing.x_mm) == pytest.approx((10, 1.5, 1.5), rel=1e-6)
    np.testing.assert_allclose(np.diag(stack.affine_ras), [1.5, 1.5, 10, 1], rtol=1e-6)
    assert bool(stack.findings) == (factor != 1)


def test_without_unit_and_with_pixdim_mm_is_assumed_aloud(write_nifti, volume):
    stack = read_stack(write_nifti(volume, pixdim=(1.4, 1.4, 8), sform=np.diag([1.4, 1.4, 8, 1]), unit="unknown"))
    assert stack.spacing == header(8.0, 1.4, 1.4)
    assert stack.findings == ("The NIfTI header names no unit of length; mm was assumed.",)


def test_unit_voxels_without_unit_are_unknown(write_nifti, volume):
    stack = read_stack(write_nifti(volume, sform=np.eye(4), unit="unknown"))
    assert stack.spacing == Spacing.unknown()
    assert stack.affine_ras is None
    assert stack.findings == ()


def test_one_millimetre_voxels_are_known(write_nifti, volume):
    assert read_stack(write_nifti(volume, sform=np.eye(4), unit="mm")).spacing == header(1.0, 1.0, 1.0)


def test_four_axes_with_one_volume(write_nifti, volume):
    stack = read_stack(write_nifti(volume[None], pixdim=(1.4, 1.5, 10), sform=np.diag([1.4, 1.5, 10, 1])))
    np.testing.assert_array_equal(stack.data, volume)


@pytest.mark.parametrize("name", ["scan.nii", "scan.nii.gz"])
def test_four_axes_are_a_choice_of_volumes(write_nifti, volume, name):
    path = write_nifti(np.stack([volume, volume + 500, volume + 900]), name=name, pixdim=(1.4, 1.5, 10))
    with pytest.raises(
        InputError, match=r"3 stacks to choose from: 1 \(volume 1 of 3, 5 slices of 8 × 7, 10 × 1\.5 × 1\.4"
    ):
        read_stack(path)
    for number, offset in ((1, 0), (2, 500), (3, 900)):
        np.testing.assert_array_equal(read_stack(path, series=str(number)).data, volume + offset)


def test_large_files_are_mapped(write_nifti, volume, monkeypatch):
    monkeypatch.setattr("napari_scarseg.io.nifti.LAZY_BYTES", 16)
    stack = read_stack(write_nifti(np.stack([volume, volume + 500]), name="scan.nii"), series="2")
    np.testing.assert_array_equal(stack.data, volume + 500)
    assert isinstance(base_of(stack.data), mmap.mmap)


def test_two_axes_are_one_slice(write_nifti, volume):
    stack = read_stack(write_nifti(volume[2], pixdim=(1.4, 1.5), sform=np.diag([1.4, 1.5, 1, 1])))
    np.testing.assert_array_equal(stack.data, volume[2:3])
    assert stack.spacing == header(None, 1.5, 1.4)
    assert any("single plane" in finding for finding in stack.findings)


def test_slope_and_intercept(tmp_path, volume):
    image = nib.Nifti1Image(volume.T, np.diag([1.4, 1.4, 8, 1]))
    image.header.set_slope_inter(0.5, -3)
    path = tmp_path / "scaled.nii"
    image.to_filename(path)
    # nibabel stores what gives the same values back.
    expected = np.asarray(nib.load(path).dataobj).T
    stack = read_stack(path)
    assert stack.data.dtype == np.float32
    np.testing.assert_allclose(stack.data, expected, atol=1e-4)


@pytest.mark.parametrize("dtype", ["u1", ">i2", "<u2", ">f4", "f8", "i4"])
def test_types_and_byte_orders(tmp_path, volume, dtype):
    image = nib.Nifti1Image(volume.T.astype(dtype), np.eye(4))
    path = tmp_path / "scan.nii"
    if dtype.startswith(">"):
        image = nib.Nifti1Image(volume.T.astype(dtype), np.eye(4), nib.Nifti1Header(endianness=">"))
    image.set_data_dtype(np.dtype(dtype))
    image.to_filename(path)
    stack = read_stack(path)
    np.testing.assert_array_equal(stack.data, volume.astype(dtype))
    assert stack.data.dtype.isnative
    assert stack.data.flags.c_contiguous


def test_colour_and_complex_are_refused(tmp_path):
    colours = np.zeros((4, 4, 2), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    for name, data, word in (("rgb.nii", colours, "colours"), ("c.nii", np.zeros((4, 4, 2), "c8"), "complex numbers")):
        nib.Nifti1Image(data, np.eye(4)).to_filename(tmp_path / name)
        with pytest.raises(InputError, match=word):
            read_stack(tmp_path / name)


def _patch(path: Path, offset: int, content: bytes) -> None:
    raw = bytearray(path.read_bytes())
    raw[offset : offset + len(content)] = content
    path.write_bytes(raw)


def test_absurd_size_is_refused_before_anything_is_allocated(write_nifti, volume):
    path = write_nifti(volume, name="scan.nii")
    _patch(path, 40, np.array([3, 30000, 30000, 30000, 1, 1, 1, 1], "<i2").tobytes())
    with pytest.raises(InputError, match=r"declares 50291\.4 GiB"):
        read_stack(path)


def test_size_that_the_file_cannot_hold_is_refused(write_nifti, volume):
    path = write_nifti(volume, name="scan.nii")
    _patch(path, 40, np.array([3, 700, 800, 500, 1, 1, 1, 1], "<i2").tobytes())
    with pytest.raises(InputError, match="is incomplete"):
        read_stack(path)


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
def test_truncated(write_nifti, ending, share):
    noise = np.random.default_rng(1).integers(0, 30000, (5, 30, 30)).astype(np.int16)
    path = write_nifti(noise, name="scan" + ending)
    raw = path.read_bytes()
    path.write_bytes(raw[: int(len(raw) * share)])
    with pytest.raises(InputError, match="incomplete") as caught:
        read_stack(path)
    assert "\n" not in str(caught.value)


def test_flipped_bit_in_a_compressed_file(write_nifti):
    noise = np.random.default_rng(1).integers(0, 30000, (5, 30, 30)).astype(np.int16)
    path = write_nifti(noise)
    _patch(path, path.stat().st_size // 2, b"\x00\xff\x00\xff")
    with pytest.raises(InputError, match="damaged"):
        read_stack(path)


def test_header_without_image(write_nifti, volume):
    path = write_nifti(volume, name="scan.hdr", kind=nib.Nifti1Pair)
    path.with_suffix(".img").unlink()
    with pytest.raises(InputError, match=r"\.img file is missing"):
        read_stack(path)


def test_gzip_of_something_else(tmp_path):
    path = tmp_path / "notes.nii.gz"
    path.write_bytes(gzip.compress(b"hello" * 200))
    with pytest.raises(InputError, match="not an image that can be read"):
        read_stack(path)


def test_name_does_not_matter(write_nifti, volume):
    path = write_nifti(volume)
    renamed = path.with_name("scan.tif")
    path.rename(renamed)
    np.testing.assert_array_equal(read_stack(renamed).data, volume)


def test_damaged_affine_falls_back_to_pixdim(write_nifti, volume):
    path = write_nifti(volume, name="scan.nii", pixdim=(1.4, 1.5, 10), sform=np.eye(4))
    _patch(path, 280, np.full(12, np.nan, "<f4").tobytes())
    stack = read_stack(path)
    assert stack.spacing == header(10.0, 1.5, 1.4)
    assert stack.affine_ras is None
    assert any("not usable" in finding for finding in stack.findings)
