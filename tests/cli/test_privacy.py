"""A series that names its patient everywhere, through every command: nothing of it comes out."""

import logging

import pydicom
import pytest

pytestmark = pytest.mark.usefixtures("fake_networks")


def test_nothing_of_the_patient_comes_out_of_any_command(scarseg, tmp_path, heart, named_patient, caplog):
    caplog.set_level(logging.DEBUG)
    # napari's test fixtures turn log arguments into a tuple, and this logger gives a dict.
    caplog.set_level(logging.INFO, "fontTools")
    exam = named_patient.write(tmp_path / "pacs", heart)
    out = tmp_path / "out"
    formats = (
        ["nifti"], ["nrrd"], ["dicom-seg"], ["ome-tiff"], ["coco", "--pictures"], ["yolo", "--pictures"], ["csv"],
    )  # fmt: skip
    commands = [
        ("detect", exam, "-o", out / "boxes"),
        ("segment", exam, "-o", out / "labels"),
        ("measure", out / "labels", "-o", out / "table.csv", "--image", exam),
        ("threshold", exam, "--myocardium", out / "labels", "-o", out / "threshold", "--method", "otsu"),
        ("report", out / "table.csv", "-o", out / "report", "--draws", "0"),
        *(
            ("export", out / "labels", "--image", exam, "-o", out / kind, "--format", kind, *more)
            for kind, *more in formats
        ),
    ]
    said = []
    for command in commands:
        if command[0] == "threshold":
            (labels,) = (out / "labels").glob("*_scar.nii.gz")
            command = tuple(labels if part == out / "labels" else part for part in command)
        result = scarseg(*command)
        assert result.status == 0, (command, result.err)
        said += [result.out, result.err]
    files = named_patient.check_files(out)
    for ending in ("_boxes.csv", "_scar.nii.gz", "_report.html", "_report.pdf", "_scar.dcm", "coco.json", "_z001.png"):
        assert any(path.name.endswith(ending) for path in files), ending
    named_patient.check_text("\n".join([*said, caplog.text]))
    (mask,) = out.rglob("*_scar.dcm")
    assert str(pydicom.dcmread(mask).PatientName).startswith("case-")


def test_errors_about_single_files_do_not_quote_their_names(scarseg, tmp_path, heart, named_patient, caplog):
    caplog.set_level(logging.DEBUG)
    exam = named_patient.write(tmp_path, heart)
    for path in exam.iterdir():
        path.write_bytes(path.read_bytes()[:-700])
    named_patient.check_text(scarseg("detect", exam, "-o", tmp_path / "out").sentence + caplog.text)
    again = named_patient.write(tmp_path / "twice", heart)
    twice = scarseg("detect", again, tmp_path / "twice" / "." / named_patient.FOLDER, exam, "-o", tmp_path / "out")
    named_patient.check_text(twice.sentence)


def test_identifiers_come_out_where_they_are_asked_for(scarseg, tmp_path, heart, named_patient):
    exam = named_patient.write(tmp_path, heart)
    assert scarseg("segment", exam, "-o", tmp_path / "out", "--keep-identifiers").status == 0
    assert (tmp_path / "out" / f"{named_patient.FOLDER}_scar.nii.gz").is_file()
    export = ("export", tmp_path / "out", "--image", exam, "-o", tmp_path / "seg", "--format", "dicom-seg")
    assert scarseg(*export, "--keep-identifiers").status == 0
    (mask,) = (tmp_path / "seg").glob("*.dcm")
    assert str(pydicom.dcmread(mask).PatientName) == named_patient.ATTRIBUTES["PatientName"]
