"""Names of weights and where their files lie."""

import subprocess
import sys
from pathlib import Path

import pytest

from napari_scarseg.engines.catalogue import (
    Source,
    bundled_folder,
    cache_folder,
    find_entry,
    list_entries,
    resolve_weights,
)
from napari_scarseg.errors import WeightsError


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCARSEG_CACHE_DIR", str(tmp_path / "cache"))


def test_fetched_weights_have_an_official_address_and_a_hash() -> None:
    fetched = [entry for entry in list_entries() if entry.source is Source.FETCHED]
    assert [entry.name for entry in fetched] == ["sam-vit-b", "sam-vit-l", "sam-vit-h"]
    for entry in fetched:
        assert entry.url == f"https://dl.fbaipublicfiles.com/segment_anything/{entry.file}"
        assert entry.sha256 is not None and len(entry.sha256) == 64 and int(entry.sha256, 16) > 0
        assert entry.path == cache_folder() / "weights" / entry.file


def test_names_are_unique_and_bundled_files_lie_in_the_package() -> None:
    names = [entry.name for entry in list_entries()]
    assert len(set(names)) == len(names)
    assert all(e.path.parent == bundled_folder() for e in list_entries() if e.source is Source.BUNDLED)


def test_a_name_resolves_once_its_file_is_there() -> None:
    entry = find_entry("sam-vit-b")
    with pytest.raises(WeightsError, match="fetch them once with: scarseg models fetch sam-vit-b"):
        resolve_weights("sam-vit-b")
    entry.path.parent.mkdir(parents=True)
    entry.path.write_bytes(b"weights")
    resolved = resolve_weights("sam-vit-b")
    assert (resolved.name, resolved.path, resolved.entry) == ("sam-vit-b", entry.path.resolve(), entry)


def test_a_path_resolves_to_a_name_without_the_folder(tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    path.write_bytes(b"weights")
    resolved = resolve_weights(path)
    assert (resolved.name, resolved.path, resolved.entry) == ("mine", path.resolve(), None)


def test_a_missing_path_and_an_unknown_name_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"no weights file gone\.safetensors at the path given") as caught:
        resolve_weights(tmp_path / "gone.safetensors")
    assert str(tmp_path) not in str(caught.value)
    with pytest.raises(WeightsError, match="no weights called “sam”; choose one of lge-detector"):
        resolve_weights("sam")


def test_missing_bundled_weights_ask_for_a_new_installation(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("napari_scarseg.engines.catalogue.bundled_folder", lambda: tmp_path)
    with pytest.raises(WeightsError, match="lge-detector are missing from the installation"):
        resolve_weights("lge-detector")


def test_catalogue_and_fetch_do_not_import_torch() -> None:
    probe = (
        "import sys, napari_scarseg.engines.catalogue, napari_scarseg.engines.fetch\n"
        "import napari_scarseg.engines.weight_header\n"
        "sys.exit(any(m in sys.modules for m in ('torch', 'ultralytics', 'cv2', 'safetensors')))"
    )
    assert subprocess.run([sys.executable, "-c", probe], check=False).returncode == 0
