"""A run of nnU-Net v2: exported to it, planned, trained and predicted by its own commands, scored by us.

nnU-Net (Isensee et al., Nature Methods 2021) is not part of this package: its commands are looked for on the PATH, and
may live in an environment of their own.
"""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from napari_scarseg.core.config import Device
from napari_scarseg.datasets import CaseRecord, check_no_leak, load_case
from napari_scarseg.errors import InputError, ScarSegError
from napari_scarseg.evaluation.summary import EvaluationTables, collect_tables
from napari_scarseg.experiments.config import Strict
from napari_scarseg.experiments.nnunet_files import export_raw, read_prediction, shrink_plans
from napari_scarseg.experiments.segment_case import compare_with_continuity

_DATASET_ID = 701
_DATASET = f"Dataset{_DATASET_ID}_Scar"
_SHORT_TRAINER = "ScarsegShortTrainer"
_TRAINERS = Path(__file__).resolve().parent / "nnunet_trainers"
_PLAN, _TRAIN, _PREDICT = "nnUNetv2_plan_and_preprocess", "nnUNetv2_train", "nnUNetv2_predict"


class ShortTraining(Strict):
    """A training for trying out, which says nothing about nnU-Net."""

    epochs: int = Field(default=1, gt=0)
    steps: int = Field(default=10, gt=0)
    patch_px: int = Field(default=128, ge=64)
    batch_size: int = Field(default=2, gt=0)
    width_share: float = Field(default=0.25, gt=0, le=1)
    train_cases: int = Field(default=4, gt=0)
    test_cases: int = Field(default=2, gt=0)


class NnUnetSettings(Strict):
    """What nnU-Net is asked for; without `short` its own full training."""

    configuration: str = Field(default="2d", pattern=r"^\w+$")
    trainer: str = Field(default="nnUNetTrainer", pattern=r"^\w+$")
    anatomy: bool = False
    processes: int = Field(default=2, gt=0)
    short: ShortTraining | None = None


@dataclass(frozen=True, slots=True, eq=False)
class NnUnetJob:
    """Train nnU-Net on some cases and score its predictions on others.

    Parameters
    ----------
    settings : NnUnetSettings
    train, test : tuple of CaseRecord
    device : Device
        Auto takes a GPU where the system has `nvidia-smi`, else the CPU.
    method : str
        What tables call it.
    """

    settings: NnUnetSettings
    train: tuple[CaseRecord, ...]
    test: tuple[CaseRecord, ...]
    device: Device
    method: str

    def describe(self) -> dict[str, Any]:
        """See `run.Job`."""
        return {
            "job": "nnU-Net",
            "settings": self.settings.model_dump(mode="json"),
            "train": [record.patient for record in self.train],
            "test": [record.patient for record in self.test],
        }

    def execute(self, folder: Path) -> EvaluationTables:
        """Each step is left out where it is done; a killed training goes on from nnU-Net's own checkpoint.

        Raises
        ------
        ScarSegError
            If nnU-Net is not installed, or one of its commands fails.
        """
        check_no_leak([record.patient for record in self.train], [record.patient for record in self.test])
        commands = {name: find_command(name) for name in (_PLAN, _TRAIN, _PREDICT)}
        self._step(folder, "export", lambda: self._export(folder))
        self._step(folder, "plan", lambda: self._plan(folder, commands[_PLAN]))
        self._step(folder, "train", lambda: self._train(folder, commands[_TRAIN]))
        self._step(folder, "predict", lambda: self._predict(folder, commands[_PREDICT]))
        rows = []
        for number, record in enumerate(self.test):
            case = load_case(record)
            result = read_prediction(folder / "predicted", number, case, with_anatomy=self.settings.anatomy)
            rows.append((compare_with_continuity(case, result, self.method), record.fold))
        return collect_tables(rows)

    def _step(self, folder: Path, name: str, do: Any) -> None:
        done = folder / f"{name}.done"
        if not done.exists():
            do()
            done.touch()

    def _export(self, folder: Path) -> None:
        export_raw(folder / "raw", _DATASET, self.train, self.test, with_anatomy=self.settings.anatomy)

    def _plan(self, folder: Path, command: str) -> None:
        count = str(self.settings.processes)
        configuration = self.settings.configuration
        processes = ["-npfp", count, "-np", count]
        self._call(
            folder, [command, "-d", str(_DATASET_ID), "-c", configuration, *processes, "--verify_dataset_integrity"]
        )
        if self.settings.short is not None:
            shrink_plans(
                folder / "preprocessed" / _DATASET / "nnUNetPlans.json",
                configuration,
                patch_px=self.settings.short.patch_px,
                batch_size=self.settings.short.batch_size,
                width_share=self.settings.short.width_share,
            )

    def _train(self, folder: Path, command: str) -> None:
        # "all": every case that it is given is a training case; the test cases are not among them.
        arguments = [command, str(_DATASET_ID), self.settings.configuration, "all", "-tr", self._trainer]
        has_checkpoint = any((folder / "results").rglob("checkpoint_latest.pth"))
        self._call(folder, [*arguments, "-device", self._device, *(["--c"] if has_checkpoint else [])])

    def _predict(self, folder: Path, command: str) -> None:
        images = folder / "raw" / _DATASET / "imagesTs"
        count = str(self.settings.processes)
        where = [
            "-i",
            str(images),
            "-o",
            str(folder / "predicted"),
            "-device",
            self._device,
            "-npp",
            count,
            "-nps",
            count,
        ]
        which = ["-d", str(_DATASET_ID), "-c", self.settings.configuration, "-f", "all", "-tr", self._trainer]
        self._call(folder, [command, *where, *which])

    @property
    def _trainer(self) -> str:
        return self.settings.trainer if self.settings.short is None else _SHORT_TRAINER

    @property
    def _device(self) -> str:
        if self.device is not Device.AUTO:
            return self.device.value
        return Device.CUDA.value if shutil.which("nvidia-smi") else Device.CPU.value

    def _call(self, folder: Path, arguments: list[str]) -> None:
        """Run one of nnU-Net's commands; what it says goes into a log in the run's folder."""
        name = Path(arguments[0]).name
        with (folder / f"{name}.log").open("ab") as log:
            done = subprocess.run(arguments, env=self._environment(folder, name), stdout=log, stderr=log, check=False)
        if done.returncode != 0:
            raise ScarSegError(f"{name} failed (exit status {done.returncode}); see {name}.log in the run's folder.")

    def _environment(self, folder: Path, command: str) -> dict[str, str]:
        environment = {
            **os.environ,
            "nnUNet_raw": str(folder / "raw"),
            "nnUNet_preprocessed": str(folder / "preprocessed"),
            "nnUNet_results": str(folder / "results"),
            "nnUNet_def_n_proc": str(self.settings.processes),
        }
        if self._device == Device.CPU.value:
            # Compiling takes longer than a short training; the training itself draws the batches. (Planning takes the
            # same number for torch's threads, and 0 is none.)
            environment |= {"nnUNet_compile": "f", "nnUNet_n_proc_DA": "0" if command == _TRAIN else "1"}
        if self.settings.short is not None:
            environment |= {
                "nnUNet_extTrainer": str(_TRAINERS),
                "SCARSEG_NNUNET_EPOCHS": str(self.settings.short.epochs),
                "SCARSEG_NNUNET_STEPS": str(self.settings.short.steps),
            }
        return environment


def find_command(name: str) -> str:
    """Path of one of nnU-Net's commands.

    Raises
    ------
    InputError
        If it is not installed.
    """
    found = shutil.which(name)
    if found is None:
        raise InputError(
            f"nnU-Net's command {name} is not on the PATH; install it with: pip install napari-scarseg[nnunet], or put "
            "the bin folder of the environment that has it on the PATH."
        )
    return found
