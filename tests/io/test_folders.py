"""What files and folders on a command line mean."""

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile

from napari_scarseg.errors import InputError
from napari_scarseg.io import collect_stacks


def names(found, root):
    return [path.relative_to(root).as_posix() for path in found]


def fill_slices(folder, plane):
    folder.mkdir(parents=True)
    for z in range(3):
        iio.imwrite(folder / f"{z}.png", plane.astype(np.uint8))


def test_file_and_slice_folder_are_themselves(tmp_path, volume):
    fill_slices(tmp_path / "image", volume[0])
    np.save(tmp_path / "a.npy", volume)
    given = [tmp_path / "image", tmp_path / "a.npy"]
    assert collect_stacks(given) == given


def test_folder_of_stacks_in_natural_order(tmp_path, write_nifti, volume):
    for name in ("P10.nii.gz", "P2.nii.gz", "P1.nii.gz"):
        write_nifti(volume, name=name)
    (tmp_path / "table.csv").write_text("a,b\n")
    (tmp_path / "P1.json").write_text("{}")
    assert names(collect_stacks([tmp_path]), tmp_path) == ["P1.nii.gz", "P2.nii.gz", "P10.nii.gz"]


def test_folder_of_patients(tmp_path, volume, write_dicom):
    fill_slices(tmp_path / "P10" / "image", volume[0])
    fill_slices(tmp_path / "P2" / "image", volume[0])
    write_dicom(volume, folder="P3")
    tifffile.imwrite(tmp_path / "stack.tif", volume)
    (tmp_path / "P2.scarseg").mkdir()
    np.save(tmp_path / "P2.scarseg" / "labels.npy", volume)
    assert names(collect_stacks([tmp_path]), tmp_path) == ["stack.tif", "P2/image", "P3", "P10/image"]


def test_tiff_files_of_one_plane_are_one_stack(tmp_path, volume):
    for z, plane in enumerate(volume):
        tifffile.imwrite(tmp_path / f"{z}.tif", plane)
    assert collect_stacks([tmp_path]) == [tmp_path]


def test_tiff_files_of_many_planes_are_a_stack_each(tmp_path, volume):
    for name in ("b.tif", "a.tif"):
        tifffile.imwrite(tmp_path / name, volume, imagej=True)
    assert names(collect_stacks([tmp_path]), tmp_path) == ["a.tif", "b.tif"]


def test_what_is_given_twice_counts_once(tmp_path, volume):
    np.save(tmp_path / "a.npy", volume)
    assert collect_stacks([tmp_path, tmp_path / "a.npy", tmp_path / "." / "a.npy"]) == [tmp_path / "a.npy"]


def test_nothing_found(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(InputError, match="holds no image that can be read; choose NIfTI"):
        collect_stacks([tmp_path])


def test_missing(tmp_path):
    with pytest.raises(InputError, match="There is no file or folder 'gone'; check the path"):
        collect_stacks([tmp_path / "gone"])


def test_links_in_a_circle_end(tmp_path, volume):
    (tmp_path / "inside").mkdir()
    np.save(tmp_path / "inside" / "a.npy", volume)
    try:
        (tmp_path / "inside" / "loop").symlink_to(tmp_path, target_is_directory=True)
    except OSError:
        pytest.skip("this system makes no links")
    assert len(collect_stacks([tmp_path])) == 1
