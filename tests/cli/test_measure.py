"""`scarseg measure`, from files to table and record."""

import json

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from napari_scarseg.cli import measure_parallel
from napari_scarseg.cli.measure import measure
from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.errors import InputError, ScarSegError
from napari_scarseg.io import write_labels

SPACING = Spacing(10.0, 1.5, 1.5, SpacingOrigin.HEADER)
AFFINE = np.diag([1.5, 1.5, 10.0, 1.0])


@pytest.fixture
def app():
    app = typer.Typer()
    app.command("measure")(measure)
    return app


@pytest.fixture
def run(app):
    """Run the command; a ScarSegError passes through, as `main` catches it."""

    def run(*arguments, status=0):
        result = CliRunner().invoke(app, [str(a) for a in arguments])
        if isinstance(result.exception, ScarSegError):
            raise result.exception
        assert result.exit_code == status, (result.output, result.exception)
        return result

    return run


@pytest.fixture
def lesions():
    labels = np.zeros((3, 20, 20), np.int32)
    labels[0:2, 2:8, 2:12] = 1
    labels[2, 12:16, 12:17] = 2
    return labels


@pytest.fixture
def scar_file(tmp_path, lesions):
    path = tmp_path / "P001_scar.nii.gz"
    write_labels(path, lesions, SPACING, None)
    return path


def write_image(path, data, zooms=(1.5, 1.5, 10.0)):
    image = nib.Nifti1Image(np.asarray(data, np.float32).T, np.diag([*zooms, 1.0]))
    image.header.set_xyzt_units("mm")
    nib.save(image, path)
    return path


def image_affine(path):
    return nib.load(path).affine


def test_lesions_of_a_result_file(run, tmp_path, scar_file):
    out = tmp_path / "out" / "table.csv"
    result = run(scar_file, "-o", out)
    table = pd.read_csv(out)
    assert table[["case", "lesion_id", "slice", "area_px"]].values.tolist() == [
        ["P001", 1, 0, 60],
        ["P001", 1, 1, 60],
        ["P001", 2, 2, 20],
    ]
    assert table["mass_g"].sum() == pytest.approx(140 * 2.25 * 10 / 1000 * 1.05)
    assert "table.csv: 3 rows, 2 lesions, 1 cases" in result.output
    assert sorted(path.name for path in out.parent.iterdir()) == ["table.csv", "table.json"]


def test_record_says_what_made_the_table(run, tmp_path, scar_file):
    run(scar_file, "-o", tmp_path / "table.csv", "--density", "1.06")
    record = json.loads((tmp_path / "table.json").read_text(encoding="utf-8"))
    assert record["command"] == "measure"
    assert record["spacing"] == {"z_mm": 10.0, "y_mm": 1.5, "x_mm": 1.5, "origin": "header"}
    assert record["config"]["density_g_per_ml"] == 1.06
    assert len(record["inputs"]["P001"]) == 64
    assert record["cases"]["P001"]["n_lesions"] == 2
    assert record["columns"]["mass_g"]["unit"] == "g"
    assert str(tmp_path) not in json.dumps(record)


def test_scar_values_make_lesions_of_classes_in_a_slice_folder(run, tmp_path):
    folder = tmp_path / "P007" / "label"
    folder.mkdir(parents=True)
    for z in range(2):
        plane = np.full((30, 30), 2, np.uint8)
        plane[5:10, 5:10] = 3
        plane[6:8, 6:8] = 4
        plane[20:22, 20:22] = 3  # 4 px: no lesion
        Image.fromarray(plane).save(folder / f"{z:03}.png")
    run(folder, "-o", tmp_path / "t.csv", "--scar-values", "3,4")
    table = pd.read_csv(tmp_path / "t.csv")
    assert table[["lesion_id", "slice", "area_px"]].values.tolist() == [[1, 0, 25], [1, 1, 25]]
    assert table["mass_g"].isna().all()
    assert all(t.startswith("in-plane spacing unknown: no mm, mm², ml and g") for t in table["reason_empty"])
    assert json.loads((tmp_path / "t.json").read_text(encoding="utf-8"))["spacing"] is None


def test_spacing_of_the_user_overrides(run, tmp_path, scar_file):
    run(scar_file, "-o", tmp_path / "t.csv", "--spacing", "8,1,2")
    table = pd.read_csv(tmp_path / "t.csv")
    assert table["area_mm2"].tolist() == [120, 120, 40]
    assert set(table["spacing_origin"]) == {"user"}
    assert table["volume_ml"][0] == pytest.approx(0.96)


def test_results_folder_takes_the_labels_and_not_the_pictures(run, tmp_path, lesions):
    folder = tmp_path / "results"
    folder.mkdir()
    for name in ("A", "B"):
        write_labels(folder / f"{name}_scar.nii.gz", lesions, SPACING, None)
    Image.fromarray(np.arange(100, dtype=np.uint8).reshape(10, 10)).save(folder / "overview.png")
    run(folder, "-o", tmp_path / "t.csv")
    assert pd.read_csv(tmp_path / "t.csv")["case"].unique().tolist() == ["A", "B"]


def test_images_are_matched_by_name(run, tmp_path, lesions):
    for name, level in (("A", 10), ("B", 20)):
        write_labels(tmp_path / f"{name}_scar.nii.gz", lesions, SPACING, None)
        write_image(tmp_path / f"{name}.nii.gz", level + np.arange(lesions.size).reshape(lesions.shape) % 2)
    run(
        tmp_path / "A_scar.nii.gz", tmp_path / "B_scar.nii.gz", "-o", tmp_path / "t.csv",
        "--image", tmp_path / "B.nii.gz", "--image", tmp_path / "A.nii.gz",
    )  # fmt: skip
    means = pd.read_csv(tmp_path / "t.csv").groupby("case")["intensity_mean"].mean()
    assert means["A"] == pytest.approx(10.5, abs=0.1)
    assert means["B"] == pytest.approx(20.5, abs=0.1)


def test_spacing_comes_from_the_image_where_the_labels_have_none(run, tmp_path, lesions):
    write_labels(tmp_path / "A_scar.nii.gz", lesions, Spacing.unknown(), None)
    image = write_image(tmp_path / "A.nii.gz", np.arange(lesions.size).reshape(lesions.shape))
    result = run(tmp_path / "A_scar.nii.gz", "-o", tmp_path / "t.csv", "--image", image)
    assert pd.read_csv(tmp_path / "t.csv")["area_mm2"][0] == pytest.approx(60 * 2.25)
    assert "A: the labels have no spacing; the image's is used" in result.output


def test_contradicting_spacings_are_reported(run, tmp_path, lesions):
    write_labels(tmp_path / "A_scar.nii.gz", lesions, Spacing(8.0, 2.0, 2.0, SpacingOrigin.USER), AFFINE)
    image = write_image(tmp_path / "A.nii.gz", np.arange(lesions.size).reshape(lesions.shape))
    result = run(tmp_path / "A_scar.nii.gz", "-o", tmp_path / "t.csv", "--image", image)
    assert "labels and image have different spacings; the labels' is used" in result.output
    assert pd.read_csv(tmp_path / "t.csv")["area_mm2"][0] == pytest.approx(60 * 4)


def test_labels_of_software_that_knew_no_voxel_size_take_the_image_s(run, tmp_path, lesions):
    scar = write_image(tmp_path / "A_scar.nii.gz", lesions, (1.0, 1.0, 1.0))
    image = write_image(tmp_path / "A.nii.gz", np.arange(lesions.size).reshape(lesions.shape))
    result = run(scar, "-o", tmp_path / "t.csv", "--image", image)
    assert "the labels say 1 × 1 × 1 mm and the image something else" in result.output
    assert pd.read_csv(tmp_path / "t.csv")["area_mm2"][0] == pytest.approx(60 * 2.25)


def test_labels_in_another_orientation_are_laid_on_their_image(run, tmp_path, lesions):
    """As other software writes them: columns first and from right to left, and the empty border cut off."""
    data = np.random.default_rng(0).normal(100, 20, lesions.shape)
    image = write_image(tmp_path / "A.nii.gz", data, (1.5, 1.25, 10.0))
    flip = np.diag([-1.5, 1.25, 10.0, 1.0])
    flip[0, 3] = 1.5 * (lesions.shape[2] - 1)
    turned = nib.Nifti1Image(lesions[:, :, ::-1].astype(np.uint8).T, flip).as_reoriented([[2, 1], [1, -1], [0, 1]])
    nib.save(turned.slicer[:, 2:19, :], tmp_path / "other.nii.gz")
    assert turned.shape != lesions.T.shape
    write_labels(tmp_path / "own.nii.gz", lesions, Spacing(10.0, 1.25, 1.5, SpacingOrigin.HEADER), image_affine(image))
    tables = []
    for name in ("own", "other"):
        run(tmp_path / f"{name}.nii.gz", "-o", tmp_path / f"{name}.csv", "--image", image)
        tables.append(pd.read_csv(tmp_path / f"{name}.csv").drop(columns=["case", "patient"]))
    pd.testing.assert_frame_equal(*tables)
    # The scar's own voxels, and no others, are the ones whose intensity is given.
    assert tables[1]["intensity_mean"][0] == pytest.approx(data[0][lesions[0] == 1].mean(), rel=1e-5)


def test_the_wall_is_laid_on_the_labels(run, tmp_path, lesions):
    wall = np.zeros_like(lesions)
    wall[:, 1:18, 1:18] = 2
    wall[:, 9:12, 7:11] = 1
    write_labels(tmp_path / "P_scar.nii.gz", lesions, SPACING, AFFINE)
    flip = AFFINE @ np.array([[-1, 0, 0, 19], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    write_labels(tmp_path / "own.nii.gz", wall, SPACING, AFFINE)
    write_labels(tmp_path / "turned.nii.gz", wall[:, :, ::-1], SPACING, flip)
    tables = []
    for name in ("own", "turned"):
        run(
            tmp_path / "P_scar.nii.gz", "-o", tmp_path / "t.csv", "--myocardium", tmp_path / f"{name}.nii.gz",
            "--cavity-values", "1",
        )  # fmt: skip
        tables.append(pd.read_csv(tmp_path / "t.csv"))
    pd.testing.assert_frame_equal(*tables)


def test_one_of_several_stacks_of_the_image(run, tmp_path, scar_file, lesions):
    volumes = np.stack([np.arange(lesions.size).reshape(lesions.shape) % 7 + level for level in (10, 20)])
    image = write_image(tmp_path / "x.nii.gz", volumes, (1.5, 1.5, 10.0))
    with pytest.raises(InputError, match=r"There are 2 stacks to choose from: 1 \(volume 1 of 2"):
        run(scar_file, "-o", tmp_path / "t.csv", "--image", image)
    run(scar_file, "-o", tmp_path / "t.csv", "--image", image, "--series", "2")
    assert pd.read_csv(tmp_path / "t.csv")["intensity_mean"].between(20, 27).all()


def test_cohort_joins_patient_phase_and_more(run, tmp_path, lesions):
    for name in ("A", "B", "C"):
        write_labels(tmp_path / f"{name}_scar.nii.gz", lesions, SPACING, None)
    cohort = tmp_path / "cohort.csv"
    cohort.write_text(
        "case;patient;phase;cohort;visit;event\nA;p1;acute;north;1;0\nB;p1;chronic;north;2;1\n", encoding="utf-8-sig"
    )
    result = run(*(tmp_path / f"{n}_scar.nii.gz" for n in "ABC"), "-o", tmp_path / "t.csv", "--cohort", cohort)
    table = pd.read_csv(tmp_path / "t.csv").drop_duplicates("case").set_index("case")
    assert table.loc["A", ["patient", "phase", "cohort", "visit", "event"]].tolist() == ["p1", "acute", "north", 1, 0]
    assert table.loc["B", ["patient", "phase", "visit"]].tolist() == ["p1", "chronic", 2]
    assert table.loc["C", ["patient", "phase"]].tolist() == ["C", "unknown"]
    assert "C: not found in the cohort table" in result.output


def test_cohort_finds_the_patient_by_the_folder(run, tmp_path, lesions):
    for patient in ("P1", "P2"):
        folder = tmp_path / patient / "label"
        folder.mkdir(parents=True)
        for z, plane in enumerate(lesions):
            Image.fromarray(plane.astype(np.uint8)).save(folder / f"{z}.png")
    (tmp_path / "cohort.csv").write_text("patient,phase\nP1,acute\nP2,chronic\n", encoding="utf-8")
    run(
        tmp_path / "P1" / "label",
        tmp_path / "P2" / "label",
        "-o",
        tmp_path / "t.csv",
        "--cohort",
        tmp_path / "cohort.csv",
    )
    table = pd.read_csv(tmp_path / "t.csv").drop_duplicates("case")
    assert table[["case", "patient", "phase"]].values.tolist() == [
        ["P1_label", "P1", "acute"],
        ["P2_label", "P2", "chronic"],
    ]


def test_scar_free_labels_leave_a_table_without_rows(run, tmp_path):
    write_labels(tmp_path / "N1.nii.gz", np.zeros((2, 8, 8), int), SPACING, None)
    result = run(tmp_path / "N1.nii.gz", "-o", tmp_path / "t.csv")
    assert len(pd.read_csv(tmp_path / "t.csv")) == 0
    assert "N1: no lesion, so no row in the table" in result.output


def test_image_of_another_shape_is_refused_and_nothing_is_written(run, tmp_path, scar_file):
    np.save(tmp_path / "x.npy", np.arange(3 * 20 * 21).reshape(3, 20, 21))
    with pytest.raises(InputError, match=r"labels have the shape \(3, 20, 20\) and the image \(3, 20, 21\)"):
        run(scar_file, "-o", tmp_path / "t.csv", "--image", tmp_path / "x.npy")
    assert not (tmp_path / "t.csv").exists()
    assert not (tmp_path / "t.json").exists()


def test_image_without_a_partner_is_refused(run, tmp_path, scar_file, lesions):
    images = [write_image(tmp_path / f"{n}.nii.gz", np.arange(lesions.size).reshape(lesions.shape)) for n in ("x", "y")]
    with pytest.raises(InputError, match="No image among those given has the name of the labels 'P001'"):
        run(scar_file, "-o", tmp_path / "t.csv", "--image", images[0], "--image", images[1])


def test_two_files_of_one_case_are_refused(run, tmp_path, scar_file, lesions):
    write_labels(tmp_path / "P001.nii.gz", lesions, SPACING, None)
    with pytest.raises(InputError, match="Two label files belong to the case 'P001'"):
        run(scar_file, tmp_path / "P001.nii.gz", "-o", tmp_path / "t.csv")


def test_inputs_are_never_overwritten(run, tmp_path, scar_file):
    cohort = tmp_path / "cohort.csv"
    cohort.write_text("patient\nP001\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"'cohort.csv' is one of the inputs"):
        run(scar_file, "-o", cohort, "--cohort", cohort)
    assert cohort.read_text(encoding="utf-8") == "patient\nP001\n"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "There is no cohort table 'cohort.csv'"),
        (b"", "table 'cohort.csv' is empty"),
        (b"patient,phase\nP001,late\n", "Line 2 of the cohort table has an unknown phase"),
        (b"patient\n\xff\xfe\x00P\n", "not a readable CSV; save it as UTF-8"),
        (b'patient,phase\n"P001,acute\n', "not a readable CSV"),
        (b"patient,phase\nP001,acute,7,8\n", "not a readable CSV"),
    ],
)
def test_bad_cohort_tables(run, tmp_path, scar_file, content, sentence):
    cohort = tmp_path / "cohort.csv"
    if content is not None:
        cohort.write_bytes(content)
    with pytest.raises(InputError, match=sentence):
        run(scar_file, "-o", tmp_path / "t.csv", "--cohort", cohort)
    assert not (tmp_path / "t.csv").exists()


def test_missing_labels_and_wrong_table_name(run, tmp_path, scar_file):
    with pytest.raises(InputError, match=r"nowhere\.nii\.gz"):
        run(tmp_path / "nowhere.nii.gz", "-o", tmp_path / "t.csv")
    with pytest.raises(InputError, match=r"must be named \.csv"):
        run(scar_file, "-o", tmp_path / "t.xlsx")


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("--scar-values", "three", "not a list of whole numbers"),
        ("--scar-values", "0,3", "count from 1"),
        ("--spacing", "1.4,1.4", "not three numbers"),
        ("--spacing", "a,b,c", "not three numbers"),
    ],
)
def test_wrong_usage_is_exit_status_2(run, tmp_path, scar_file, option, value, sentence):
    result = run(scar_file, "-o", tmp_path / "t.csv", option, value, status=2)
    assert sentence in " ".join(result.output.replace("│", " ").split())


def test_negative_spacing_is_an_input_error(run, tmp_path, scar_file):
    with pytest.raises(InputError, match="must be a positive number of mm"):
        run(scar_file, "-o", tmp_path / "t.csv", "--spacing", "10,-1,1")


def test_presets_say_what_is_scar_and_tables_may_be_parquet(scarseg, tmp_path, heart, write_nifti):
    labels = np.where(heart >= 240, 2221, np.where(heart > 0, 200, 0)).astype(np.int16)
    path = write_nifti(tmp_path / "P001.nii.gz", labels)
    assert scarseg("measure", path, "-o", tmp_path / "a.parquet", "--preset", "myops").status == 0
    assert scarseg("measure", path, "-o", tmp_path / "a.csv", "--scar-values", "2221").status == 0
    table = pd.read_parquet(tmp_path / "a.parquet")
    assert len(table) == 3
    assert table["area_px"].tolist() == pd.read_csv(tmp_path / "a.csv")["area_px"].tolist()
    assert json.loads((tmp_path / "a.parquet.json").read_text())["config"]["preset"] == "myops"
    assert "which emidec has not" in scarseg("measure", path, "-o", tmp_path / "b.csv", "--preset", "emidec").sentence
    assert scarseg("measure", path, "-o", tmp_path / "b.csv", "--preset", "acdc", "--scar-values", "3").status == 2


def draw_heart(shift=0):
    """Classes (Z, Y, X): 1 cavity, 2 myocardium, 3 scar in a quarter of the wall."""
    rows, cols = np.mgrid[:40, :40] - 20 - shift
    radius, angle = np.hypot(rows, cols), np.degrees(np.arctan2(rows, cols)) % 360
    plane = np.select([radius < 9, radius < 15], [1, np.where(angle < 90, 3, 2)], 0)
    return np.stack([plane] * 3).astype(np.int32)


def test_wall_from_classes_of_the_labels(run, tmp_path):
    path = tmp_path / "P001.nii.gz"
    write_labels(path, draw_heart(), SPACING, None)
    options = ("--scar-values", "3", "--cavity-values", "1", "--myocardium-values")
    run(path, "-o", tmp_path / "with.csv", *options, "2,3")
    run(path, "-o", tmp_path / "t.csv", *options, "2")
    assert (tmp_path / "with.csv").read_bytes() == (tmp_path / "t.csv").read_bytes(), "with or without its scar"
    table = pd.read_csv(tmp_path / "t.csv")
    assert table["lv_share_pct"].sum() == pytest.approx(25, abs=1)
    np.testing.assert_allclose(table["angular_extent_deg"], 90, atol=4)
    assert table["transmurality_pct"].min() > 95
    record = json.loads((tmp_path / "t.json").read_text())
    assert record["config"]["myocardium_values"] == [2]


def test_wall_from_a_file_of_its_own(run, tmp_path):
    for shift, name in ((0, "a"), (2, "b")):
        classes = draw_heart(shift)
        write_labels(tmp_path / f"{name}_scar.nii.gz", np.where(classes == 3, 1, 0).astype(np.int32), SPACING, None)
        (tmp_path / "walls").mkdir(exist_ok=True)
        write_labels(tmp_path / "walls" / f"{name}_wall.nii.gz", (classes >= 2).astype(np.int32), SPACING, None)
    labels = [tmp_path / "a_scar.nii.gz", tmp_path / "b_scar.nii.gz"]
    run(*labels, "-o", tmp_path / "t.csv", "--myocardium", tmp_path / "walls")
    table = pd.read_csv(tmp_path / "t.csv")
    np.testing.assert_allclose(table.groupby("case")["lv_share_pct"].sum(), 25, atol=1)
    with pytest.raises(InputError, match="No file of myocardium among those given has the name of the labels 'a'"):
        walls = tmp_path / "walls"
        run(*labels, "-o", tmp_path / "t.csv", "--myocardium", walls / "b_wall.nii.gz")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--myocardium-values", "2"), "give --scar-values where they are classes"),
        (("--cavity-values", "1", "--scar-values", "3"), "needs --myocardium or --myocardium-values"),
        (("--scar-values", "3", "--myocardium-values", "2", "--cavity-values", "3"), "cavity and something else"),
    ],
)
def test_wall_options_that_contradict_each_other(run, scar_file, tmp_path, options, sentence):
    output = run(scar_file, "-o", tmp_path / "t.csv", *options, status=2).output
    assert sentence in " ".join(output.replace("│", " ").split())


@pytest.fixture
def many(tmp_path, lesions):
    """Four label files, one of which is read last."""
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(4):
        write_labels(folder / f"C{number}_scar.nii.gz", np.roll(lesions, number, axis=2), SPACING, None)
    return folder


def test_processes_give_the_table_of_one(run, many, tmp_path):
    run(many, "-o", tmp_path / "one.csv", "--workers", "1")
    run(many, "-o", tmp_path / "two.csv", "--workers", "2")
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()


def test_a_bad_file_among_many_is_reported_and_the_others_are_measured_once(run, many, tmp_path, monkeypatch):
    run(many, "-o", tmp_path / "one.csv")
    assert not list(tmp_path.glob(".*.parts"))
    whole = (many / "C2_scar.nii.gz").read_bytes()
    (many / "C2_scar.nii.gz").write_bytes(b"no image")
    with pytest.raises(ScarSegError, match=r"^1 of 4 cases were not measured \(C2\), each for the reason given above"):
        run(many, "-o", tmp_path / "two.csv")
    assert not (tmp_path / "two.csv").exists()
    (many / "C2_scar.nii.gz").write_bytes(whole)
    measured = []
    inner = measure_parallel.measure_case
    monkeypatch.setattr(
        measure_parallel, "measure_case", lambda *given: measured.append(given[0].case) or inner(*given)
    )
    run(many, "-o", tmp_path / "two.csv")
    assert measured == ["C2"]
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()
    assert not list(tmp_path.glob(".*.parts"))


def test_what_is_kept_of_an_interrupted_run_is_not_taken_for_anything_else(run, many, tmp_path, monkeypatch):
    def interrupted(source, people, config):
        if source.case == "C3":
            raise KeyboardInterrupt
        return inner(source, people, config)

    inner = measure_parallel.measure_case
    monkeypatch.setattr(measure_parallel, "measure_case", interrupted)
    run(many, "-o", tmp_path / "two.csv", status=130)
    assert len(list((tmp_path / ".two.csv.parts").iterdir())) == 3
    monkeypatch.undo()
    run(many, "-o", tmp_path / "two.csv", "--density", "2")
    run(many, "-o", tmp_path / "one.csv", "--density", "2")
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()


def test_a_cluster_gives_the_same_table(run, many, tmp_path):
    distributed = pytest.importorskip("distributed")
    run(many, "-o", tmp_path / "one.csv", "--workers", "1")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, protocol="tcp", host="127.0.0.1", dashboard_address=None
    ) as cluster:
        run(many, "-o", tmp_path / "far.csv", "--scheduler", cluster.scheduler_address)
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "far.csv").read_bytes()


def test_no_scheduler_at_the_address(run, scar_file, tmp_path, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr("napari_scarseg.cli.cluster._CONNECT_TIMEOUT", "0.3s")
    with pytest.raises(InputError, match="No dask scheduler answers at 'tcp://127.0.0.1:9'; start one"):
        run(scar_file, "-o", tmp_path / "t.csv", "--scheduler", "tcp://127.0.0.1:9")
