"""Names of results."""

from pathlib import Path

import numpy as np
import pytest

from napari_scarseg.errors import InputError
from napari_scarseg.io import plain_stem, resolve_stems


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("P001.nii.gz", "P001"),
        ("scan.ome.tif", "scan"),
        ("patient.07.nii", "patient.07"),
        ("a b.TIFF", "a b"),
        ("plain", "plain"),
        ("P001_scar.nii.gz", "P001_scar"),
    ],
)
def test_suffixes_of_formats_fall_away(name, stem):
    assert plain_stem(Path("somewhere") / name) == stem


def test_folder_keeps_its_whole_name(tmp_path):
    (tmp_path / "v1.tif").mkdir()
    assert plain_stem(tmp_path / "v1.tif") == "v1.tif"


@pytest.fixture
def touch(tmp_path):
    def touch(*names):
        paths = [tmp_path / name for name in names]
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path.with_suffix(".npy"), np.zeros((1, 2, 2)))
            path.with_suffix(".npy").rename(path)
        return paths

    return touch


def test_different_stems_stay(touch):
    paths = touch("P1/a.npy", "P2/b.npy")
    assert resolve_stems(paths) == dict(zip(paths, ["a", "b"], strict=True))


def test_equal_stems_get_the_parent_in_front(touch):
    paths = touch("P001/image.npy", "P002/image.npy", "P003/other.npy")
    assert list(resolve_stems(paths).values()) == ["P001_image", "P002_image", "other"]


def test_equal_but_for_case_or_format(touch):
    paths = touch("P1/scan.npy", "P2/SCAN.npy", "P3/scan.nii.npy")
    assert list(resolve_stems(paths).values()) == ["P1_scan", "P2_SCAN", "P3_scan"]


@pytest.mark.parametrize(
    "names",
    [("P1/scan.npy", "P1/scan.nii.npy"), ("x/P1/a.npy", "y/P1/a.npy"), ("P1/a.npy", "P2/a.npy", "P3/P1_a.npy")],
)
def test_a_clash_that_remains(touch, names):
    with pytest.raises(InputError, match="would write results of the same name"):
        resolve_stems(touch(*names))


def test_the_same_path_twice(touch):
    (path,) = touch("a.npy")
    with pytest.raises(InputError, match="same name"):
        resolve_stems([path, path])


def test_parent_of_a_relative_path(touch, tmp_path, monkeypatch):
    touch("P001/image.npy", "P002/image.npy")
    monkeypatch.chdir(tmp_path / "P001")
    assert list(resolve_stems(["image.npy", "../P002/image.npy"]).values()) == ["P001_image", "P002_image"]


def test_identifiers_are_kept_where_asked_for(tmp_path, write_dicom, volume):
    folder = write_dicom(volume, folder="Smith_John")[0].parent
    assert resolve_stems([folder])[folder].startswith("case-")
    assert resolve_stems([folder], keep_identifiers=True) == {folder: "Smith_John"}


def test_folders_of_one_dicom_series_twice_are_named_nowhere(tmp_path, write_dicom, volume):
    """A folder may be called like its patient."""
    folders = [
        write_dicom(volume, folder=f"{name}/Smith_John", SeriesInstanceUID="1.2.3")[0].parent for name in ("a", "Smith")
    ]
    with pytest.raises(InputError, match="Several inputs would write results of the same name") as caught:
        resolve_stems(folders)
    assert "Smith" not in str(caught.value)
