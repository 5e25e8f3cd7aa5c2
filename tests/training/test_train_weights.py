"""The script that trains the bundled weights from nothing: every step in order, and on from where it was killed."""

import csv
import importlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("ultralytics")
pytest.importorskip("sklearn")
pytest.importorskip("lightning_fabric")

SCRIPT = Path(__file__).parents[2] / "scripts" / "train_weights.py"


@pytest.fixture
def training(monkeypatch: pytest.MonkeyPatch):
    # On the path, where the processes that it starts find it too.
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    return importlib.import_module("train_weights")


def test_no_patient_of_a_fold_comes_into_its_weights(training, tmp_path: Path) -> None:
    from napari_scarseg.core.config import Device

    tasks = training.Recipe(tmp_path, training.PARTS, 1.0, Device.AUTO).tasks()
    trained = {name: task.given[0] for name, task in tasks.items() if training.STEPS.get(name.split()[0])}
    trained |= {name: task.given[0] for name, task in tasks.items() if name.startswith("detector ")}
    assert len(trained) == 42
    for name, config in trained.items():
        (patients,) = (part for part in config.datasets if part.folds is not None)
        part = name.split()[1]
        assert patients.held_out_fold == (None if part == "all" else int(part[-1])), name
    # What is fitted to the folds is fitted to weights that have not seen them.
    assert set(tasks["scores"].needs) == {
        f"copy {name} fold{n}" for name in ("segmenter", "detector") for n in range(5)
    }


def test_each_step_waits_for_what_it_starts_from(training, tmp_path: Path) -> None:
    from napari_scarseg.core.config import Device

    tasks = training.Recipe(tmp_path, training.PARTS, 1.0, Device.AUTO).tasks()
    started = 0
    for name, task in tasks.items():
        source = getattr(task.given[0], "initial_weights", None)
        if source is not None:
            assert source in {tasks[other].product for other in task.needs}, name
            started += 1
    assert started == 42, "six trainings of the segmenter on patients, and YOLO, for each part"


def test_what_is_calibrated_is_halfway_through_the_last_training(training, tmp_path: Path) -> None:
    from napari_scarseg.core.config import Device

    tasks = training.Recipe(tmp_path, training.PARTS, 1.0, Device.AUTO).tasks()
    for part in training.PARTS:
        chain = [tasks[f"{step} {part}"] for step in list(training.STEPS)[2:]]
        for before, after, between in (chain[:3], chain[2:5], chain[4:]):
            assert between.given == (before.product, after.product, between.product)
            assert after.given[0].initial_weights == before.product
        copy = tasks[f"copy segmenter {part}"]
        assert copy.given[0] == chain[-1].product and copy.needs == (f"final {part}",)


def test_a_failure_names_its_step_and_what_is_done_stays(training, tmp_path: Path, capsys) -> None:
    (tmp_path / "here").write_text("done before")
    tasks = {
        "first": training.Task(tmp_path / "here", (), training.copy_file, (tmp_path / "gone", tmp_path / "here")),
        "second": training.Task(
            tmp_path / "there", ("first",), training.calibrate, (tmp_path / "none", tmp_path, tmp_path / "there")
        ),
    }
    with pytest.raises(SystemExit, match="second: "):
        training.run_all(tasks, 2)
    assert "first" not in capsys.readouterr().out
    assert (tmp_path / "here").read_text() == "done before"


def test_a_folder_of_other_settings_is_refused(training, tmp_path: Path) -> None:
    from napari_scarseg.core.config import Device

    table = tmp_path / "table.csv"
    table.write_text("patient,fold\n")
    recipe = training.Recipe(tmp_path / "runs", training.PARTS, 1.0, Device.AUTO, 1, table, table, table)
    training.check_settings(recipe)
    training.check_settings(replace(recipe, workers=4, parts=training.PARTS[:-1]))
    with pytest.raises(SystemExit, match="begun with other share"):
        training.check_settings(replace(recipe, share=0.01))
    with pytest.raises(SystemExit, match="begun with other folds"):
        training.check_settings(replace(recipe, parts=("fold0", "fold1")))
    table.write_text("patient,fold\nA,0\n")
    with pytest.raises(SystemExit, match="begun with other tables"):
        training.check_settings(recipe)


@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGKILL")
@pytest.mark.long
def test_killed_and_called_again_it_ends_with_the_same_weights(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    from napari_scarseg.cli.main import app

    command = [sys.executable, str(SCRIPT)]
    options = ["--parts", "fold0,fold1", "--share", "0.1", "--device", "cpu"]
    for name, seed in (("patients", "900"), ("phantoms", "1900")):
        made = tmp_path / name
        arguments = ["phantom", "-o", str(made), "--patients", "8", "--seed", seed, "--phase", "mixed"]
        app(arguments, standalone_mode=False)
        options += [f"--{name}", str(made / "dataset.csv")]
    with (tmp_path / "patients" / "dataset.csv").open(encoding="utf-8") as file:
        patients = [row["patient"] for row in csv.DictReader(file)]
    folds = tmp_path / "folds.csv"
    rows = [f"{patient},{n % 2}" for n, patient in enumerate(patients)]
    folds.write_text("\n".join(["patient,fold", *rows, ""]), encoding="utf-8")
    options += ["--folds", str(folds)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}

    whole = tmp_path / "whole"
    subprocess.run([*command, str(whole), "--workers", "2", *options], check=True, env=environment)

    killed = tmp_path / "killed"
    process = subprocess.Popen(
        [*command, str(killed), "--workers", "2", *options], env=environment, start_new_session=True
    )
    # The second step's first checkpoint is there, and it is not done.
    checkpoint = killed / "segmenter-fold0" / "checkpoint.pt"
    while not checkpoint.is_file():
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (killed / "segmenter-fold0" / "weights.safetensors").exists()
    subprocess.run([*command, str(killed), "--workers", "2", *options], check=True, env=environment)

    for part in ("fold0", "fold1"):
        one, other = (load_file(runs / "calibrated" / part / "segmenter.safetensors") for runs in (whole, killed))
        assert one.keys() == other.keys()
        assert all(torch.equal(one[name], other[name]) for name in one), part
        assert (killed / "calibrated" / part / "detector.safetensors").is_file()
