"""NRRD and MetaImage: geometry as SimpleITK says, unknown where the header says nothing, and no file but their own."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.errors import InputError
from napari_scarseg.io import read_labels, read_stack

DIRECTION = np.array([[0.6, -0.8, 0.0], [0.64, 0.48, -0.6], [0.48, 0.36, 0.8]])


def write(path: Path, data: np.ndarray, *, compress: bool = False, is_vector: bool = False) -> Path:
    image = sitk.GetImageFromArray(data, isVector=is_vector)
    if image.GetDimension() == 3:
        image.SetDirection(DIRECTION.ravel().tolist())
        image.SetOrigin((5.0, -7.0, 11.0))
        image.SetSpacing((1.5, 1.4, 10.0))
    sitk.WriteImage(image, str(path), useCompression=compress)
    return path


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("name", ["a.nrrd", "a.mha", "a.nhdr", "a.mhd"])
def test_values_spacing_and_affine(tmp_path, volume, name, compress):
    stack = read_stack(write(tmp_path / name, volume, compress=compress))
    np.testing.assert_array_equal(stack.data, volume)
    assert stack.data.dtype == volume.dtype
    assert stack.spacing == Spacing(10.0, 1.4, 1.5, SpacingOrigin.HEADER)
    place = np.array([5.0, -7.0, 11.0]) + DIRECTION @ [3 * 1.5, 4 * 1.4, 2 * 10.0]
    np.testing.assert_allclose(stack.affine_ras @ [3, 4, 2, 1], [-place[0], -place[1], place[2], 1], atol=1e-6)
    assert stack.stem == "a"


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i4", "f4", "f8"])
def test_types(tmp_path, volume, dtype):
    data = (volume % 100).astype(dtype)
    stack = read_stack(write(tmp_path / "a.nrrd", data))
    np.testing.assert_array_equal(stack.data, data)
    assert stack.data.dtype == np.dtype(dtype)


def test_labels(tmp_path, volume):
    labels = (volume % 3).astype(np.uint8)
    np.testing.assert_array_equal(read_labels(write(tmp_path / "a.nrrd", labels)).labels, labels)


def test_one_plane_is_one_slice(tmp_path, volume):
    stack = read_stack(write(tmp_path / "a.mha", volume[2]))
    np.testing.assert_array_equal(stack.data, volume[2:3])
    assert stack.spacing.z_mm is None


def test_components_are_a_choice(tmp_path, volume):
    path = write(tmp_path / "a.nrrd", np.stack([volume, volume + 500], -1), is_vector=True)
    with pytest.raises(InputError, match="2 stacks to choose from"):
        read_stack(path)
    np.testing.assert_array_equal(read_stack(path, series="2").data, volume + 500)


def test_four_axes_are_a_choice(tmp_path, volume):
    path = write(tmp_path / "a.mha", np.stack([volume, volume + 500]))
    np.testing.assert_array_equal(read_stack(path, series="2").data, volume + 500)


def nrrd(path: Path, volume: np.ndarray, *lines: str) -> Path:
    z, y, x = volume.shape
    head = ["NRRD0004", "type: short", "dimension: 3", f"sizes: {x} {y} {z}", "endian: little", "encoding: raw", *lines]
    path.write_bytes("\n".join([*head, "", ""]).encode() + volume.astype("<i2").tobytes())
    return path


def test_without_voxel_size_nothing_is_known(tmp_path, volume):
    stack = read_stack(nrrd(tmp_path / "a.nrrd", volume))
    np.testing.assert_array_equal(stack.data, volume)
    assert not stack.spacing.is_known and stack.affine_ras is None


def test_other_units_become_mm_aloud(tmp_path, volume):
    lines = ("space: left-posterior-superior", "space directions: (0.15,0,0) (0,0.14,0) (0,0,1)")
    stack = read_stack(nrrd(tmp_path / "a.nrrd", volume, *lines, 'space units: "cm" "cm" "cm"'))
    assert (stack.spacing.z_mm, stack.spacing.y_mm) == (pytest.approx(10), pytest.approx(1.4))
    assert any("another unit than mm" in finding for finding in stack.findings)


@pytest.mark.parametrize("name", ["../secret.raw", "/etc/passwd", "sub/a.raw", "LIST", "a%03d.raw 1 5 1"])
def test_headers_open_no_file_elsewhere(tmp_path, volume, name):
    folder = tmp_path / "here"
    (folder / "sub").mkdir(parents=True)
    for place in (tmp_path / "secret.raw", folder / "sub" / "a.raw", folder / "a001.raw"):
        place.write_bytes(volume.tobytes())
    with pytest.raises(InputError, match="names data that are not one file beside it"):
        read_stack(nrrd(folder / "a.nhdr", volume, f"data file: {name}"))
    z, y, x = volume.shape
    meta = f"ObjectType = Image\nNDims = 3\nDimSize = {x} {y} {z}\nElementType = MET_SHORT\nElementDataFile = {name}\n"
    (folder / "a.mhd").write_text(meta)
    with pytest.raises(InputError, match="names data that are not one file beside it"):
        read_stack(folder / "a.mhd")


def test_missing_data_file(tmp_path, volume):
    write(tmp_path / "a.mhd", volume)
    (tmp_path / "a.raw").unlink()
    with pytest.raises(InputError, match="data file is missing"):
        read_stack(tmp_path / "a.mhd")


@pytest.mark.parametrize("name", ["a.nrrd", "a.mha"])
@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
def test_truncated(tmp_path, volume, name, share, capfd):
    path = write(tmp_path / name, volume.repeat(8, 1))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(InputError, match="incomplete"):
        read_stack(path)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["a.nrrd", "a.mha"])
def test_flipped_bits_in_deflated_values(tmp_path, volume, name, capfd):
    path = write(tmp_path / name, np.random.default_rng(0).permuted(volume), compress=True)
    raw = path.read_bytes()
    for at in range(len(raw) - 200, len(raw) - 8, 13):
        path.write_bytes(raw[:at] + bytes([raw[at] ^ 16]) + raw[at + 1 :])
        with pytest.raises(InputError):
            read_stack(path)
    assert capfd.readouterr() == ("", "")


def test_absurd_size_is_refused_before_anything_is_allocated(tmp_path, volume):
    path = nrrd(tmp_path / "a.nrrd", volume)
    path.write_bytes(path.read_bytes().replace(b"sizes: 7 8 5", b"sizes: 70000 80000 5"))
    with pytest.raises(InputError, match="GiB"):
        read_stack(path)
