"""Train the bundled weights from nothing, and with them those of every fold, from which their figures come.

    scarseg phantom -o .data/phantom --patients 100 --seed 4000 --phase mixed
    python scripts/train_weights.py .data/runs [--workers 2] [--parts fold0,fold1,fold2,fold3,fold4,all] [--share 1.0]

The settings are those of configs/. Called again after an interruption it goes on: what is finished is taken as it is, a
killed training continues from its checkpoint. The result lies in RUNS/calibrated: a folder for each part with
`detector.safetensors` and `segmenter.safetensors`, where `all` is what the package bundles, and RUNS/scores.json with
what was fitted to all folds. So many `--workers` train side by side, on `--device` (YOLO on a GPU where there is one).
`--share 0.01` does a hundredth of the steps, to see that everything works. RUNS/settings.json says what a folder was
begun with, and nothing else goes on in it.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

from napari_scarseg.core.config import Device
from napari_scarseg.core.cores import usable_cores
from napari_scarseg.errors import ScarSegError
from napari_scarseg.experiments.training_job import finish_training
from napari_scarseg.training.config import (
    DatasetPart,
    DetectorTraining,
    SegmenterTraining,
    read_detector_config,
    read_segmenter_config,
)
from napari_scarseg.training.detector import train_detector

HERE = Path(__file__).resolve().parent
CONFIGS = HERE.parent / "configs"
PARTS = ("fold0", "fold1", "fold2", "fold3", "fold4", "all")
# The segmenter's steps after the phantoms, each from the weights of the one before; with their configurations. A step
# without one is the mean of the weights of the two before it, and the last one's are bundled.
STEPS = {
    "segmenter": "segmenter",
    "continued": "segmenter-continued",
    "near": "segmenter-near",
    "magnitude": "segmenter-magnitude",
    "mean": None,
    "lifted": "segmenter-lifted",
    "lifted-mean": None,
    "nulled": "segmenter-nulled",
    "final": None,
}
WEIGHTS = "weights.safetensors"
# glibc gives freed memory back to the system after every step and asks for it again, page by page.
KEEPS_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(2**33), "MALLOC_TRIM_THRESHOLD_": str(2**34)}


@dataclass(frozen=True)
class Task:
    """A step on the way, done where its `product` exists."""

    product: Path
    needs: tuple[str, ...]
    work: Callable[..., object]
    given: tuple[object, ...] = field(default=())


@dataclass(frozen=True)
class Recipe:
    """Where things are, and how much of the training is done."""

    runs: Path
    parts: tuple[str, ...]
    share: float
    device: Device
    workers: int = 1
    patients: Path | None = None
    folds: Path | None = None
    phantoms: Path | None = None

    def segmenter(self, name: str, part: str | None, start: Path | None) -> SegmenterTraining:
        """Settings of one step of the segmenter."""
        config = read_segmenter_config(CONFIGS / f"{name}.toml")
        steps = max(round(config.steps * self.share), 2)
        # The trainings beside each other share the cores that make batches.
        batches = None if self.workers == 1 else max(usable_cores() // self.workers - 1, 0)
        update = {"steps": steps, "device": self.device, "initial_weights": start, "workers": batches}
        return config.model_copy(update={**update, "datasets": self._data(config.datasets, part)})

    def detector(self, name: str, part: str | None, start: Path | None) -> DetectorTraining:
        """Settings of one step of YOLO."""
        config = read_detector_config(CONFIGS / f"{name}.toml")
        epochs = max(round(config.epochs * self.share), 1)
        update = {"epochs": epochs, "initial_weights": start}
        return config.model_copy(update={**update, "datasets": self._data(config.datasets, part)})

    def _data(self, datasets: tuple[DatasetPart, ...], part: str | None) -> tuple[DatasetPart, ...]:
        """The data sets, without a fold's patients where the part is a fold's; those with folds are the patients."""
        changed = []
        for one in datasets:
            if one.folds is None:
                changed.append(one.model_copy(update={"path": self.phantoms or one.path}))
                continue
            held_out = int(part.removeprefix("fold")) if part is not None and part != "all" else None
            update = {"path": self.patients or one.path, "folds": self.folds or one.folds, "held_out_fold": held_out}
            changed.append(one.model_copy(update=update))
        return tuple(changed)

    def tasks(self) -> dict[str, Task]:
        """Every step by name."""
        runs = self.runs
        tasks = {
            "pretraining": _segmenter_task(runs / "pretraining", (), self.segmenter("pretraining", None, None)),
            "detector-pretraining": _detector_task(
                runs / "detector-pretraining", (), self.detector("detector-pretraining", None, None)
            ),
        }
        for part in self.parts:
            chain = ["pretraining"]
            for step, name in STEPS.items():
                task, folder = f"{step} {part}", runs / f"{step}-{part}"
                before = [tasks[done].product for done in chain[-2:]]
                if name is None:
                    tasks[task] = Task(folder / WEIGHTS, (chain[-1],), average, (*before, folder / WEIGHTS))
                else:
                    tasks[task] = _segmenter_task(folder, (chain[-1],), self.segmenter(name, part, before[-1]))
                chain.append(task)
            last = tasks[chain[-1]].product
            found, cascade = runs / f"detector-{part}", runs / "cascade" / part
            yolo = self.detector("detector", part, runs / "detector-pretraining" / WEIGHTS)
            tasks[f"detector {part}"] = _detector_task(found, ("detector-pretraining",), yolo)
            for needed, trained, name in (
                (chain[-1], last, "segmenter"),
                (f"detector {part}", found / WEIGHTS, "detector"),
            ):
                product = cascade / f"{name}.safetensors"
                tasks[f"copy {name} {part}"] = Task(product, (needed,), copy_file, (trained, product))
        scores = runs / "scores.json"
        folds = [part for part in self.parts if part != "all"]
        needs = tuple(f"copy {name} {part}" for part in folds for name in ("segmenter", "detector"))
        first = self.segmenter("segmenter", None, None).datasets[0]
        given = (first.path, first.folds, runs / "cascade" / "fold{fold}", scores)
        tasks["scores"] = Task(scores, needs, fit_scores, given)
        for part in self.parts:
            product = runs / "calibrated" / part / "segmenter.safetensors"
            needs = ("scores", f"copy segmenter {part}", f"copy detector {part}")
            tasks[f"calibrate {part}"] = Task(product, needs, calibrate, (scores, runs / "cascade" / part, product))
        return tasks


def _segmenter_task(folder: Path, needs: tuple[str, ...], config: SegmenterTraining) -> Task:
    return Task(folder / WEIGHTS, needs, finish_training, (config, folder))


def _detector_task(folder: Path, needs: tuple[str, ...], config: DetectorTraining) -> Task:
    return Task(folder / WEIGHTS, needs, finish_detector, (config, folder))


def finish_detector(config: DetectorTraining, folder: Path) -> None:
    """Train in `folder`, or go on there."""
    resume = (folder / "ultralytics" / "weights" / "last.pt").is_file()
    if not resume and folder.exists():
        shutil.rmtree(folder)
    train_detector(config, folder, resume=resume)


def average(before: Path, after: Path, product: Path) -> None:
    """The mean of two steps' weights."""
    product.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run([sys.executable, *map(str, (HERE / "average_weights.py", before, after, product))], check=True)


def copy_file(source: Path, product: Path) -> None:
    """A copy that appears whole or not."""
    product.parent.mkdir(parents=True, exist_ok=True)
    unfinished = product.with_suffix(".part")
    shutil.copyfile(source, unfinished)
    unfinished.replace(product)


def fit_scores(cases: Path, folds: Path, cascade: Path, product: Path) -> None:
    """What fit_scores.py prints, as a file."""
    command = [sys.executable, str(HERE / "fit_scores.py"), str(cases), str(folds), str(cascade)]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    unfinished = product.with_suffix(".part")
    unfinished.write_text(printed, encoding="utf-8")
    unfinished.replace(product)


def calibrate(scores: Path, cascade: Path, product: Path) -> None:
    """The cascade's two files with the calibration that was fitted to all folds."""
    prompted = json.loads(scores.read_text(encoding="utf-8"))["prompted"]
    copy_file(cascade / "detector.safetensors", product.with_name("detector.safetensors"))
    options = ("--temperature", prompted["temperature"], "--bias", prompted["bias"])
    command = [str(HERE / "calibrate_weights.py"), cascade / "segmenter.safetensors", product, *options]
    subprocess.run([sys.executable, *map(str, command)], check=True)


def run_all(tasks: dict[str, Task], workers: int) -> None:
    """Each task once what it needs is done, so many at a time."""
    done = {name for name, task in tasks.items() if task.product.is_file()}
    waiting = [name for name in tasks if name not in done]
    running: dict[Future[object], str] = {}
    failed: list[str] = []
    # New processes, not forks: networks and their threads are not to be inherited.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        while running or (waiting and not failed):
            for name in [name for name in waiting if not failed and done.issuperset(tasks[name].needs)]:
                if len(running) < workers:
                    print(f"begin   {name}", flush=True)
                    running[pool.submit(tasks[name].work, *tasks[name].given)] = name
                    waiting.remove(name)
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                name = running.pop(future)
                error = future.exception()
                if error is None:
                    print(f"done    {name}", flush=True)
                    done.add(name)
                    continue
                # Those that run beside it end first: what they do need not be done again.
                failed.append(f"{name}: {_say(error)}")
                print(f"failed  {failed[-1]}", flush=True)
    if failed:
        sys.exit("\n".join(failed))


def _say(error: BaseException) -> str:
    if isinstance(error, BrokenProcessPool):
        return "the process ended, perhaps for want of memory; call the command again with fewer workers"
    return str(error) if isinstance(error, ScarSegError) else f"{type(error).__name__}: {error}"


def check_settings(recipe: Recipe) -> None:
    """Write down what the folder is begun with, or refuse to go on in another's."""
    data = recipe.segmenter("segmenter", None, None).datasets
    files = [path for part in data for path in (part.path, part.folds) if path is not None]
    settings = {
        "share": recipe.share,
        "folds": sorted(part for part in recipe.parts if part != "all"),
        "tables": [hashlib.sha256(path.read_bytes()).hexdigest() for path in files],
        "configurations": [
            hashlib.sha256((CONFIGS / f"{name}.toml").read_bytes()).hexdigest()
            for name in ("pretraining", *filter(None, STEPS.values()), "detector-pretraining", "detector")
        ],
    }
    path = recipe.runs / "settings.json"
    if path.is_file():
        begun = json.loads(path.read_text(encoding="utf-8"))
        changed = [name for name, value in settings.items() if begun.get(name) != value]
        if changed:
            sys.exit(f"{recipe.runs.name} was begun with other {', '.join(changed)}; choose another folder.")
        return
    recipe.runs.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    unfinished.write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")
    unfinished.replace(path)


def main() -> None:
    """Train what is not there yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--workers", type=int, default=1, help="trainings side by side")
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--share", type=float, default=1.0, help="of the steps and epochs")
    parser.add_argument("--device", type=Device, default=Device.AUTO, help="of the segmenter")
    for name in ("patients", "folds", "phantoms"):
        parser.add_argument(f"--{name}", type=Path, help="CSV instead of that of the configurations")
    given = parser.parse_args()
    parts = tuple(given.parts.split(","))
    if not set(parts) <= set(PARTS) or parts == ("all",):
        sys.exit(f"The parts are some of {', '.join(PARTS)}, at least one fold among them: scores are fitted to folds.")
    paths = [None if path is None else path.resolve() for path in (given.patients, given.folds, given.phantoms)]
    recipe = Recipe(given.runs.resolve(), parts, given.share, given.device, given.workers, *paths)
    check_settings(recipe)
    os.environ.update(KEEPS_MEMORY)
    run_all(recipe.tasks(), given.workers)
    print(f"The weights are in {given.runs}/calibrated. Fitted to {given.runs}/scores.json (for engines/proposals.py):")
    print((recipe.runs / "scores.json").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
