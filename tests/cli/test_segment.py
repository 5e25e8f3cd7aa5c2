"""`scarseg segment`, from files to boxes, labels, measures and records."""

import json
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from napari_scarseg.core.box import Box
from napari_scarseg.io import read_boxes, read_labels, write_boxes

pytestmark = pytest.mark.usefixtures("fake_networks")

NAMES = [
    "P001_boxes.csv",
    "P001_boxes.json",
    "P001_measures.csv",
    "P001_measures.json",
    "P001_scar.json",
    "P001_scar.nii.gz",
]


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def own_boxes(path, *boxes):
    write_boxes(path, boxes)
    return path


def test_boxes_labels_and_measures_agree(scarseg, heart, heart_file, out):
    result = scarseg("segment", heart_file, "-o", out)
    assert result.status == 0
    assert result.err == ""
    assert sorted(path.name for path in out.iterdir()) == NAMES
    boxes = read_boxes(out / "P001_boxes.csv")
    labels = read_labels(out / "P001_scar.nii.gz")
    table = pd.read_csv(out / "P001_measures.csv")
    # The scar on slices 1 and 2 is one lesion, the other one another.
    assert [box.lesion_id for box in boxes] == [1, 1, 3]
    assert sorted(np.unique(labels.labels)) == [0, 1, 3]
    truth = heart >= 240
    assert (labels.labels[truth] > 0).mean() > 0.75
    assert (labels.labels > 0).sum() == pytest.approx(truth.sum(), rel=0.25)
    assert list(zip(table["lesion_id"], table["slice"], strict=True)) == [(1, 1), (1, 2), (3, 2)]
    assert set(table["case"]) == {"P001"}
    assert table["area_px"].sum() == (labels.labels > 0).sum()
    mass_g = (labels.labels > 0).sum() * 1.5 * 1.5 * 10 / 1000 * 1.05
    assert table["mass_g"].sum() == pytest.approx(mass_g)
    assert result.out == f"P001: 3 boxes, 2 lesions, {mass_g:.1f} g of scar\n"


def test_labels_overlay_the_input_voxel_for_voxel(scarseg, heart_file, out):
    scarseg("segment", heart_file, "-o", out)
    image, labels = nib.load(heart_file), nib.load(out / "P001_scar.nii.gz")
    assert labels.shape == image.shape
    np.testing.assert_allclose(labels.affine, image.affine)
    assert labels.header.get_xyzt_units()[0] == "mm"


def test_each_output_has_a_record(scarseg, heart_file, out, tmp_path):
    scarseg("segment", heart_file, "-o", out)
    for name in ("boxes", "scar", "measures"):
        text = (out / f"P001_{name}.json").read_text(encoding="utf-8")
        record = json.loads(text)
        assert record["file"].startswith(f"P001_{name}.")
        assert set(record["engines"]) == {"detector", "segmenter"}
        assert record["config"]["boxes"] == "detector"
        assert record["config"]["confidence"] == 0.46
        assert record["spacing"]["origin"] == "header"
        assert record["result"]["lesions"] == 2
        assert str(tmp_path) not in text


def test_semantic_labels_are_0_and_1_and_the_measures_stay(scarseg, heart_file, out):
    scarseg("segment", heart_file, "-o", out, "--semantic")
    assert sorted(np.unique(read_labels(out / "P001_scar.nii.gz").labels)) == [0, 1]
    assert set(pd.read_csv(out / "P001_measures.csv")["lesion_id"]) == {1, 3}


def test_a_spacing_that_is_not_known_stays_so(scarseg, heart, tmp_path, out):
    np.save(tmp_path / "plain.npy", heart)
    result = scarseg("segment", tmp_path / "plain.npy", "-o", out)
    scar_px = (read_labels(out / "plain_scar.nii.gz").labels > 0).sum()
    assert result.out == f"plain: 3 boxes, 2 lesions, {scar_px} px of scar\n"
    assert not read_labels(out / "plain_scar.nii.gz").spacing.is_known
    assert json.loads((out / "plain_scar.json").read_text())["spacing"] is None
    assert pd.read_csv(out / "plain_measures.csv")["mass_g"].isna().all()


def test_the_users_spacing_overrides(scarseg, heart, tmp_path, out):
    np.save(tmp_path / "plain.npy", heart)
    result = scarseg("segment", tmp_path / "plain.npy", "-o", out, "--spacing", "8,1.25,1.5")
    assert result.out.endswith(" g of scar\n")
    assert json.loads((out / "plain_measures.json").read_text())["spacing"] == {
        "z_mm": 8.0,
        "y_mm": 1.25,
        "x_mm": 1.5,
        "origin": "user",
    }


def test_nothing_found_is_a_result_too(scarseg, heart_file, out):
    result = scarseg("segment", heart_file, "-o", out, "--confidence", "0.99")
    assert result.out == "P001: 0 boxes, 0 lesions, 0.0 g of scar\n"
    assert sorted(path.name for path in out.iterdir()) == NAMES
    assert read_labels(out / "P001_scar.nii.gz").labels.max() == 0
    table = pd.read_csv(out / "P001_measures.csv")
    assert len(table) == 0
    assert "area_px" in table.columns


# --- given boxes ------------------------------------------------------------------------------------------------------


def test_given_boxes_are_taken_and_no_detector_runs(scarseg, heart_file, tmp_path, out, monkeypatch, fakes):
    def refuse(self, name, device):
        raise AssertionError("a detector was loaded")

    monkeypatch.setattr(fakes.FakeFactory, "load_detector", refuse)
    given = own_boxes(tmp_path / "mine.csv", Box(2, 35, 35, 43, 43))
    result = scarseg("segment", heart_file, "-o", out, "--boxes", given)
    assert result.out.startswith("P001: 1 box, 1 lesion, ")
    labels = read_labels(out / "P001_scar.nii.gz").labels
    assert set(np.unique(labels)) == {0, 1}
    assert not labels[[0, 1, 3]].any()
    (box,) = read_boxes(out / "P001_boxes.csv")
    assert box.corners == (35, 35, 43, 43)
    record = json.loads((out / "P001_scar.json").read_text())
    assert record["config"]["boxes"] == "given"
    assert set(record["engines"]) == {"segmenter"}
    assert "confidence" not in record["config"]


def test_lesions_that_boxes_bring_along_stay_apart(scarseg, heart_file, tmp_path, out):
    given = own_boxes(
        tmp_path / "mine.csv",
        Box(1, 22, 24, 28, 32, lesion_id=7),
        Box(2, 22, 24, 28, 32, lesion_id=9),
        Box(2, 36, 36, 42, 42),
    )
    scarseg("segment", heart_file, "-o", out, "--boxes", given)
    assert [box.lesion_id for box in read_boxes(out / "P001_boxes.csv")] == [7, 9, 10]
    assert sorted(np.unique(read_labels(out / "P001_scar.nii.gz").labels)) == [0, 7, 9, 10]


def test_a_new_box_joins_the_lesion_it_continues(scarseg, heart_file, tmp_path, out):
    given = own_boxes(tmp_path / "mine.csv", Box(1, 22, 24, 28, 32, lesion_id=7), Box(2, 22, 24, 28, 32))
    scarseg("segment", heart_file, "-o", out, "--boxes", given)
    assert [box.lesion_id for box in read_boxes(out / "P001_boxes.csv")] == [7, 7]


def test_detect_then_segment_is_segment(scarseg, heart_file, tmp_path, out):
    scarseg("detect", heart_file, "-o", tmp_path / "boxes")
    scarseg("segment", heart_file, "-o", out, "--boxes", tmp_path / "boxes")
    scarseg("segment", heart_file, "-o", tmp_path / "direct")
    for name in ("P001_scar.nii.gz", "P001_measures.csv"):
        assert (out / name).read_bytes() == (tmp_path / "direct" / name).read_bytes()


def test_a_folder_of_boxes_for_several_stacks(scarseg, heart, write_nifti, tmp_path, out):
    for number, name in enumerate(("a", "b")):
        write_nifti(tmp_path / f"{name}.nii.gz", heart)
        own_boxes(tmp_path / "boxes" / f"{name}_boxes.csv", *[Box(2, 36, 36, 42, 42)] * number)
    result = scarseg("segment", tmp_path / "a.nii.gz", tmp_path / "b.nii.gz", "-o", out, "--boxes", tmp_path / "boxes")
    assert [line.partition(",")[0] for line in result.out.splitlines()] == ["a: 0 boxes", "b: 1 box"]


@pytest.mark.parametrize(
    ("box", "sentence"),
    [
        (Box(4, 5, 5, 9, 9), "A box lies on slice 4, but 'P001' has the slices 0 to 3; check that the boxes belong"),
        (Box(1, 70, 5, 80, 9), "A box on slice 1 (rows 70–80, columns 5–9) lies outside 'P001' (64 × 64 px); check"),
        (Box(1, 0, 0, 128, 128), "A box on slice 1 (rows 0–128, columns 0–128) lies outside 'P001' (64 × 64 px)"),
    ],
)
def test_boxes_outside_the_stack_are_refused(scarseg, heart_file, tmp_path, out, box, sentence):
    given = own_boxes(tmp_path / "mine.csv", box)
    assert scarseg("segment", heart_file, "-o", out, "--boxes", given).sentence.startswith(sentence)
    assert not out.exists()


def test_a_box_that_overhangs_the_edge_is_fine(scarseg, heart_file, tmp_path, out):
    given = own_boxes(tmp_path / "mine.csv", Box(1, 40, 58, 50, 68))
    assert scarseg("segment", heart_file, "-o", out, "--boxes", given).status == 0


def test_what_can_be_wrong_with_boxes(scarseg, heart, heart_file, write_nifti, tmp_path, out):
    other = write_nifti(tmp_path / "P002.nii.gz", heart)
    given = own_boxes(tmp_path / "mine.csv", Box(1, 22, 24, 28, 32))
    (tmp_path / "broken.csv").write_text("slice,row_min\n1,2\n")
    own_boxes(tmp_path / "boxes" / "P001_boxes.csv", Box(1, 22, 24, 28, 32))

    def sentence(stacks, boxes, output=out):
        return scarseg("segment", *stacks, "-o", output, "--boxes", boxes).sentence

    assert sentence([heart_file], tmp_path / "no.csv") == "There is no boxes file 'no.csv'; check the path."
    assert "lacks col_min, row_max, col_max" in sentence([heart_file], tmp_path / "broken.csv")
    assert "One boxes file was given for 2 stacks" in sentence([heart_file, other], given)
    assert "holds no 'P002_boxes.csv'" in sentence([heart_file, other], tmp_path / "boxes")
    assert "also the output folder" in sentence([heart_file], tmp_path / "boxes", tmp_path / "boxes")
    assert "'P001_boxes.csv' is one of the inputs" in sentence(
        [heart_file], tmp_path / "boxes" / "P001_boxes.csv", tmp_path / "boxes"
    )
    assert not out.exists()
    assert [path.name for path in (tmp_path / "boxes").iterdir()] == ["P001_boxes.csv"]


# --- bad inputs -------------------------------------------------------------------------------------------------------


def _nothing(path):
    pass


def _text(path):
    path.write_text("Dear colleague, please find enclosed the scan.")


def _five_axes(path):
    np.save(path, np.zeros((2, 2, 3, 8, 8)))


def _empty_stack(path):
    np.save(path, np.zeros((0, 8, 8)))


def _not_finite(path):
    np.save(path, np.where(np.arange(192).reshape(3, 8, 8) == 70, np.nan, 1.0))


def _constant(path):
    np.save(path, np.full((3, 8, 8), 7.0))


def _objects(path):
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)


def _cut_nifti(path):
    nib.save(nib.Nifti1Image(np.arange(4096, dtype=np.int16).reshape(16, 16, 16), np.eye(4)), path)
    path.write_bytes(path.read_bytes()[:500])


@pytest.mark.parametrize(
    ("name", "make", "words"),
    [
        ("missing.nii.gz", _nothing, "no file or folder 'missing.nii.gz'"),
        ("letter.nii", _text, "letter.nii"),
        ("letter.docx", _text, "letter.docx"),
        ("five.npy", _five_axes, "stacks to choose from"),
        ("none.npy", _empty_stack, "empty"),
        ("nan.npy", _not_finite, "not finite"),
        ("flat.npy", _constant, "constant"),
        ("objects.npy", _objects, "objects.npy"),
        ("cut.nii", _cut_nifti, "cut.nii"),
    ],
)
@pytest.mark.parametrize("command", ["detect", "segment"])
def test_a_bad_stack_is_one_sentence_and_nothing_written(scarseg, tmp_path, out, command, name, make, words):
    make(tmp_path / name)
    assert words in scarseg(command, tmp_path / name, "-o", out).sentence
    assert not out.exists()


def test_a_good_array_under_a_wrong_name_is_read_or_refused_in_a_sentence(scarseg, heart, tmp_path, out):
    np.save(tmp_path / "array.npy", heart)
    (tmp_path / "array.npy").rename(tmp_path / "array.tif")
    result = scarseg("segment", tmp_path / "array.tif", "-o", out)
    if result.status:
        assert "array.tif" in result.sentence
        assert not out.exists()
    else:
        assert (out / "array_scar.nii.gz").is_file()


def test_a_constant_slice_among_others_is_no_error(scarseg, heart_file, out):
    assert scarseg("segment", heart_file, "-o", out).status == 0


def test_truth_values_are_an_image_too(scarseg, heart, tmp_path, out):
    np.save(tmp_path / "mask.npy", heart > 200)
    given = own_boxes(tmp_path / "mine.csv", Box(1, 22, 24, 28, 32))
    assert scarseg("segment", tmp_path / "mask.npy", "-o", out, "--boxes", given).status == 0


# --- many stacks ------------------------------------------------------------------------------------------------------


def files_of(folder):
    """Names and times of all files: a file that is written again has another time."""
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def test_what_is_done_is_left_alone_and_anything_else_is_done_again(scarseg, heart, heart_file, write_nifti, out):
    first = scarseg("segment", heart_file, "-o", out)
    before = files_of(out)
    again = scarseg("segment", heart_file, "-o", out)
    assert again.out == first.out.replace(" of scar", " of scar (done before)")
    assert files_of(out) == before
    for options in (["--semantic"], ["--confidence", "0.96"], ["--spacing", "8,1,1"], ["--again"]):
        before = files_of(out)
        assert "done before" not in scarseg("segment", heart_file, "-o", out, *options).out
        assert all(time != before[name] for name, time in files_of(out).items())
    scarseg("segment", heart_file, "-o", out)
    changed = heart.copy()
    changed[2, 22, 24] = 251
    write_nifti(heart_file, changed)
    assert "done before" not in scarseg("segment", heart_file, "-o", out).out


@pytest.mark.parametrize("name", NAMES)
def test_a_case_that_was_interrupted_is_done_again(scarseg, heart_file, out, name):
    scarseg("segment", heart_file, "-o", out)
    (out / name).unlink()
    assert "done before" not in scarseg("segment", heart_file, "-o", out).out
    assert sorted(path.name for path in out.iterdir()) == NAMES


def test_while_a_case_is_written_it_does_not_count_as_done(scarseg, heart_file, out, monkeypatch):
    scarseg("segment", heart_file, "-o", out)

    def fail(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("napari_scarseg.cli.results.write_labels", fail)
    assert scarseg("segment", heart_file, "-o", out, "--semantic").status == 130
    monkeypatch.undo()
    assert not (out / "P001_scar.json").exists()


def test_one_bad_stack_is_reported_and_the_others_are_done(scarseg, heart, write_nifti, tmp_path, out):
    folder = tmp_path / "stacks"
    folder.mkdir()
    for name in ("a", "c"):
        write_nifti(folder / f"{name}.nii.gz", heart)
    np.save(folder / "b.npy", np.full((3, 8, 8), 7.0))
    result = scarseg("segment", folder, "-o", out)
    assert result.status == 1
    assert [line.partition(":")[0] for line in result.out.splitlines()] == ["a", "c"]
    reason, sentence = result.err.splitlines()
    assert reason.startswith("b: ") and "constant" in reason
    assert sentence.startswith("1 of 3 cases were not segmented (b), each for the reason given above")
    assert len(list(out.iterdir())) == 2 * len(NAMES)


def test_absent_weights_end_all_at_once(scarseg, heart, write_nifti, tmp_path, out):
    stacks = [write_nifti(tmp_path / f"{name}.nii.gz", heart) for name in ("a", "b")]
    assert scarseg("segment", *stacks, "-o", out, "--segmenter", "none").sentence.startswith("There are no weights")
    assert not out.exists()


@pytest.mark.parametrize("where", ["workers", "scheduler"])
def test_side_by_side_is_one_by_one(scarseg, heart, write_nifti, tmp_path, out, fakes, where, monkeypatch):
    distributed = pytest.importorskip("distributed")
    # So that workers find the fakes under their name.
    monkeypatch.syspath_prepend(str(Path(fakes.__file__).parent))
    monkeypatch.setitem(sys.modules, fakes.__name__, fakes)
    stacks = []
    for number in range(5):
        stacks.append(write_nifti(tmp_path / f"s{number}.nii.gz", np.roll(heart, number, axis=2)))
    np.save(tmp_path / "bad.npy", np.full((3, 8, 8), 7.0))
    one = scarseg("segment", *stacks, tmp_path / "bad.npy", "-o", tmp_path / "one", "--workers", 1)
    if where == "workers":
        many = scarseg("segment", *stacks, tmp_path / "bad.npy", "-o", out, "--workers", 2)
    else:
        with distributed.LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, protocol="tcp", host="127.0.0.1", dashboard_address=None
        ) as cluster:
            address = cluster.scheduler_address
            many = scarseg("segment", *stacks, tmp_path / "bad.npy", "-o", out, "--scheduler", address)
    assert (many.status, sorted(many.out.splitlines())) == (1, one.out.splitlines())
    assert sorted(path.name for path in out.iterdir()) == sorted(path.name for path in (tmp_path / "one").iterdir())
    for path in out.iterdir():
        if path.suffix == ".json":
            ours, theirs = (json.loads(p.read_text()) for p in (path, tmp_path / "one" / path.name))
            assert {**ours, "created_utc": ""} == {**theirs, "created_utc": ""}
        elif path.name.endswith("_boxes.csv"):
            drop = ["box_id"]
            pd.testing.assert_frame_equal(
                pd.read_csv(path).drop(columns=drop), pd.read_csv(tmp_path / "one" / path.name).drop(columns=drop)
            )
        else:
            assert path.read_bytes() == (tmp_path / "one" / path.name).read_bytes(), path.name
