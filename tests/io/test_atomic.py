"""Whole or not at all."""

import json
import os

import numpy as np
import pandas as pd
import pytest

from napari_scarseg.errors import InputError
from napari_scarseg.io import atomic_path, sidecar_path, write_json, write_table


def test_old_content_survives_a_failure(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError), atomic_path(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_nothing_is_there_before_the_end(tmp_path):
    target = tmp_path / "new" / "a.nii.gz"
    with atomic_path(target) as temporary:
        temporary.write_text("whole")
        assert not target.exists()
        assert temporary.parent == target.parent
        assert temporary.name.endswith(".nii.gz")
    assert target.read_text() == "whole"


def test_permissions_are_the_usual_ones(tmp_path):
    (tmp_path / "plain").write_text("x")
    with atomic_path(tmp_path / "a") as temporary:
        temporary.write_text("x")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_block_that_writes_nothing(tmp_path):
    with pytest.raises(InputError, match="'a' cannot be written"), atomic_path(tmp_path / "a"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_the_way(tmp_path):
    with pytest.raises(InputError, match="is a folder"), atomic_path(tmp_path) as temporary:
        temporary.write_text("x")


def test_full_disk_is_one_sentence(tmp_path):
    with (
        pytest.raises(InputError, match="'a' cannot be written \\(No space left on device\\)"),
        atomic_path(tmp_path / "a"),
    ):
        raise OSError(28, os.strerror(28))


def test_table(tmp_path):
    frame = pd.DataFrame({"case": ["Zoë", "b"], "area_mm2": [1.5, np.nan], "n": [1, 2]})
    write_table(tmp_path / "a.csv", frame)
    assert (tmp_path / "a.csv").read_bytes().decode("utf-8") == "case,area_mm2,n\nZoë,1.5,1\nb,,2\n"


def test_json(tmp_path):
    record = {"ä": np.float32(1.5), "n": np.int64(3), "shape": np.array([1, 2]), "spacing": None}
    write_json(tmp_path / "a.json", record)
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert json.loads(text) == {"ä": 1.5, "n": 3, "shape": [1, 2], "spacing": None}
    assert "ä" in text


@pytest.mark.parametrize("bad", [float("nan"), object(), {1, 2}])
def test_what_json_cannot_say(tmp_path, bad):
    with pytest.raises(InputError, match=r"'a\.json' cannot be written as JSON"):
        write_json(tmp_path / "a.json", {"x": bad})
    assert list(tmp_path.iterdir()) == []


def test_sidecar(tmp_path):
    assert sidecar_path(tmp_path / "P001_scar.nii.gz") == tmp_path / "P001_scar.json"
    assert sidecar_path(tmp_path / "P.1_measures.csv") == tmp_path / "P.1_measures.json"
