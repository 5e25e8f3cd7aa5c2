"""Folders of slices: natural order, one size, grey values."""

import shutil

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_scarseg.core.spacing import Spacing
from napari_scarseg.errors import InputError
from napari_scarseg.io import read_labels, read_stack


@pytest.fixture
def grey(volume):
    return (volume % 251).astype(np.uint8)


def write_folder(folder, planes, pattern="{}.png"):
    folder.mkdir(exist_ok=True)
    for z, plane in enumerate(planes):
        iio.imwrite(folder / pattern.format(z + 1), plane)
    return folder


@pytest.mark.parametrize("pattern", ["{}.png", "{}.bmp", "{}.tif", "s{}_t1.PNG", "slice {:03d}.png"])
def test_natural_order(tmp_path, pattern):
    planes = np.random.default_rng(0).integers(0, 255, (12, 9, 7)).astype(np.uint8)
    stack = read_stack(write_folder(tmp_path / "image", planes, pattern))
    np.testing.assert_array_equal(stack.data, planes)
    assert stack.spacing == Spacing.unknown()
    assert stack.affine_ras is None
    assert stack.findings == ()
    assert stack.stem == "image"


def test_sixteen_bit(tmp_path, volume):
    planes = volume.astype(np.uint16) * 200
    stack = read_stack(write_folder(tmp_path / "image", planes))
    np.testing.assert_array_equal(stack.data, planes)


def test_jpeg_is_close_and_says_so(tmp_path):
    ramp = np.broadcast_to(np.linspace(0, 255, 64).astype(np.uint8), (3, 48, 64))
    stack = read_stack(write_folder(tmp_path / "image", ramp, "{}.jpg"))
    assert np.abs(stack.data.astype(int) - ramp).max() <= 4
    assert any("compression changes intensities" in finding for finding in stack.findings)


def test_other_files_are_left_out(tmp_path, grey):
    folder = write_folder(tmp_path / "image", grey)
    (folder / "readme.txt").write_text("hello")
    (folder / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    (folder / "._1.png").write_bytes(b"junk")
    (folder / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0" * 9)
    (folder / "empty.png").touch()
    np.testing.assert_array_equal(read_stack(folder).data, grey)


def test_mixed_sizes_are_refused(tmp_path, grey):
    folder = write_folder(tmp_path / "image", grey)
    iio.imwrite(folder / "9.png", grey[0, :5])
    with pytest.raises(InputError, match=r"differ in size: '1\.png' has 8 × 7 pixels and '9\.png' 5 × 7"):
        read_stack(folder)


def test_equal_colours_and_opacity_are_grey(tmp_path, grey):
    opaque = np.full_like(grey, 255)
    folder = write_folder(tmp_path / "image", np.stack([grey, grey, grey, opaque], axis=-1))
    np.testing.assert_array_equal(read_stack(folder).data, grey)


def test_deep_equal_colours_keep_their_depth(tmp_path, volume):
    import imagecodecs

    plane = volume[0].astype(np.uint16) * 1000
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(np.repeat(plane[..., None], 3, -1)))
    np.testing.assert_array_equal(read_stack(tmp_path / "a.png").data[0], plane)


def test_colours_are_refused(tmp_path, grey):
    folder = write_folder(tmp_path / "image", np.stack([grey, grey[::-1], grey], axis=-1))
    with pytest.raises(InputError, match=r"'1\.png' is a colour image"):
        read_stack(folder)


def test_palette_of_labels_gives_indices(tmp_path):
    indices = np.array([[0, 1, 2], [3, 4, 0]], dtype=np.uint8)
    image = Image.fromarray(indices, mode="P")
    image.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 0])
    image.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png").labels[0], indices)
    with pytest.raises(InputError, match="colour image"):
        read_stack(tmp_path / "a.png")


def test_jpeg_labels_are_refused(tmp_path, grey):
    folder = write_folder(tmp_path / "label", grey.repeat(2, 1).repeat(2, 2), "{}.jpg")
    with pytest.raises(InputError, match="compression changes labels"):
        read_labels(folder)


def test_single_file_is_one_slice(tmp_path, grey):
    iio.imwrite(tmp_path / "a.png", grey[0])
    np.testing.assert_array_equal(read_stack(tmp_path / "a.png").data, grey[:1])


def test_gap_in_the_numbers_is_a_finding(tmp_path, grey):
    folder = write_folder(tmp_path / "image", grey, "im{:03d}.png")
    (folder / "im003.png").unlink()
    assert "The slices' numbers are uneven (from 2 to 4): a slice may be missing." in read_stack(folder).findings


def test_two_name_patterns_are_a_finding(tmp_path, grey):
    folder = write_folder(tmp_path / "image", grey)
    iio.imwrite(folder / "mask_1.png", grey[0])
    assert any("2 patterns" in finding for finding in read_stack(folder).findings)


def test_mixed_depths_are_a_finding(tmp_path, grey):
    folder = write_folder(tmp_path / "image", grey)
    iio.imwrite(folder / "6.png", grey[0].astype(np.uint16) * 300)
    stack = read_stack(folder)
    assert stack.data.dtype == np.uint16
    assert any("differ in depth (uint16, uint8)" in finding for finding in stack.findings)


def test_constant_slices_are_a_finding(tmp_path, grey):
    grey[[0, 3]] = 7
    stack = read_stack(write_folder(tmp_path / "image", grey))
    assert "Constant slices, without any signal: 0, 3 (counted from 0)." in stack.findings


def test_stack_among_slices_is_refused(tmp_path, grey):
    folder = write_folder(tmp_path / "image", grey, "{}.tif")
    tifffile.imwrite(folder / "stack.tif", grey)
    np.testing.assert_array_equal(read_stack(folder).data, grey)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("ending", ["png", "jpg", "bmp"])
def test_truncated_slice(tmp_path, ending, share):
    noise = np.random.default_rng(0).integers(0, 255, (2, 40, 40)).astype(np.uint8)
    folder = write_folder(tmp_path / "image", noise, "{}." + ending)
    path = folder / f"2.{ending}"
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(InputError, match=rf"'2\.{ending}'"):
        read_stack(folder)


def test_nothing_to_read(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="'empty' holds no image that can be read; choose NIfTI"):
        read_stack(tmp_path / "empty")


def test_folder_of_folders(tmp_path, grey):
    write_folder(tmp_path / "image", grey)
    with pytest.raises(InputError, match="holds only folders; choose the one with the slices"):
        read_stack(tmp_path)


def test_input_is_not_touched(tmp_path, grey):
    folder = write_folder(tmp_path / "image", grey)
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.iterdir()}
    shutil.copytree(folder, tmp_path / "copy")
    read_stack(folder)
    assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.iterdir()} == before
