"""`scarseg detect`, from files to boxes and record."""

import json

import numpy as np
import pydicom
import pytest

from napari_scarseg import __version__
from napari_scarseg.core.box import BoxOrigin
from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.core.stack import Stack
from napari_scarseg.io import read_boxes
from napari_scarseg.io.write_image import SyntheticSeries, write_stack_dicom

pytestmark = pytest.mark.usefixtures("fake_networks")


def test_boxes_and_record(scarseg, heart_file, tmp_path):
    result = scarseg("detect", heart_file, "-o", tmp_path / "out")
    assert (result.status, result.out, result.err) == (0, "P001: 3 boxes on 2 slices\n", "")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["P001_boxes.csv", "P001_boxes.json"]
    boxes = read_boxes(tmp_path / "out" / "P001_boxes.csv")
    assert [(box.slice, *box.corners) for box in boxes] == [
        (1, 22, 24, 28, 32),
        (2, 22, 24, 28, 32),
        (2, 36, 36, 42, 42),
    ]
    assert {box.origin for box in boxes} == {BoxOrigin.DETECTOR}
    assert {box.lesion_id for box in boxes} == {None}
    assert boxes[0].score == pytest.approx(250 / 255)


def test_the_record_says_what_made_it_and_no_path(scarseg, heart_file, tmp_path):
    scarseg("detect", heart_file, "-o", tmp_path / "out", "--confidence", "0.2", "--device", "cpu")
    text = (tmp_path / "out" / "P001_boxes.json").read_text(encoding="utf-8")
    record = json.loads(text)
    assert record["file"] == "P001_boxes.csv"
    assert record["command"] == "detect"
    assert record["versions"]["napari-scarseg"] == __version__
    assert record["spacing"] == {"z_mm": 10.0, "y_mm": 1.5, "x_mm": 1.5, "origin": "header"}
    assert record["config"] == {"detector": "bundled", "confidence": 0.2, "device": "cpu"}
    assert record["engines"]["detector"]["weights_sha256"] == "d" * 64
    assert len(record["inputs"]["P001"]) == 64
    assert record["result"]["boxes"] == 3
    assert [box["slice"] for box in record["result"]["lv_boxes"]] == [1, 2, 3]
    assert str(tmp_path) not in text


def test_confidence_filters(scarseg, heart_file, tmp_path):
    scarseg("detect", heart_file, "-o", tmp_path, "--confidence", "0.99")
    assert read_boxes(tmp_path / "P001_boxes.csv") == []


def test_a_folder_of_stacks(scarseg, tmp_path, heart, write_nifti):
    folder = tmp_path / "in"
    for name in ("a", "b"):
        (folder / name).mkdir(parents=True)
        write_nifti(folder / name / "image.nii.gz", heart)
    result = scarseg("detect", folder, "-o", tmp_path / "out")
    assert result.out == "a_image: 3 boxes on 2 slices\nb_image: 3 boxes on 2 slices\n"
    assert len(list((tmp_path / "out").glob("*_image_boxes.csv"))) == 2


def test_results_of_an_earlier_run_are_replaced(scarseg, heart_file, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "P001_boxes.csv").write_text("old")
    (out / "P001_boxes.json").write_text("old")
    assert scarseg("detect", heart_file, "-o", out).status == 0
    assert len(read_boxes(out / "P001_boxes.csv")) == 3
    assert len(list(out.iterdir())) == 2


def test_one_bad_stack_of_several_stops_before_the_first_result(scarseg, heart_file, tmp_path):
    np.save(tmp_path / "bad.npy", np.full((3, 8, 8), np.nan))
    sentence = scarseg("detect", heart_file, tmp_path / "bad.npy", "-o", tmp_path / "out").sentence
    assert "not finite" in sentence
    assert not (tmp_path / "out").exists()


def test_the_networks_errors_are_sentences(scarseg, heart_file, tmp_path):
    arguments = ("detect", heart_file, "-o", tmp_path / "out")
    assert scarseg(*arguments, "--detector", "nowhere").sentence == "There are no weights nowhere; choose others."
    assert scarseg(*arguments, "--device", "cuda").sentence == "There is no CUDA here; choose auto."
    assert not (tmp_path / "out").exists()


def test_the_output_is_a_folder(scarseg, heart_file, tmp_path):
    (tmp_path / "out").write_text("mine")
    sentence = scarseg("detect", heart_file, "-o", tmp_path / "out").sentence
    assert sentence == "'out' is a file, but results go into a folder; choose another one."
    assert (tmp_path / "out").read_text() == "mine"


def test_a_dicom_study_is_listed_and_a_series_taken(scarseg, tmp_path, heart, monkeypatch):
    monkeypatch.setenv("SCARSEG_SALT", "tests")
    affine = np.diag([1.5, 1.5, 10.0, 1.0])
    stack = Stack(heart.astype(np.uint16), Spacing(10.0, 1.5, 1.5, SpacingOrigin.HEADER), "P001", affine)
    for number, words in ((4, "cine Smith"), (7, "LGE Smith")):
        write_stack_dicom(tmp_path / "exam" / words, stack, SyntheticSeries("P001", words, 8.0))
        for path in (tmp_path / "exam" / words).iterdir():
            dataset = pydicom.dcmread(path)
            dataset.SeriesNumber, dataset.StudyInstanceUID = number, "1.2.3"
            dataset.save_as(path)
    sentence = scarseg("detect", tmp_path / "exam", "-o", tmp_path / "out").sentence
    assert "2 stacks to choose from: 4 (" in sentence and "The most LGE-like is 7" in sentence
    assert "Smith" not in sentence
    result = scarseg("detect", tmp_path / "exam", "-o", tmp_path / "out", "--series", "7")
    assert result.status == 0 and result.out.startswith("case-")
    written = sorted((tmp_path / "out").iterdir())
    assert len(written) == 2
    assert not any("Smith" in f"{path.name} {path.read_text(encoding='utf-8')}" for path in written)
    other = scarseg("detect", tmp_path / "exam", "-o", tmp_path / "out", "--series", "4")
    assert other.out.partition(":")[0] != result.out.partition(":")[0], "results of two series have two names"
