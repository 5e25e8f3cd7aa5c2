"""A run that trains the segmenter and judges it on patients it has not seen."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_scarseg.core.box import Box
from napari_scarseg.core.config import Device
from napari_scarseg.datasets import CaseRecord, LabelledCase, check_no_leak, load_case, read_dataset
from napari_scarseg.engines.segmenter import load_small_segmenter
from napari_scarseg.errors import InputError
from napari_scarseg.evaluation.prompts import PromptSource, draw_jitter, truth_boxes
from napari_scarseg.evaluation.rows import CaseRows
from napari_scarseg.evaluation.summary import EvaluationTables, collect_tables
from napari_scarseg.experiments.run import patient_stream
from napari_scarseg.experiments.segment_case import compare_with_continuity, segment_with_boxes, true_lvs
from napari_scarseg.training.checkpoint import FILE_NAME
from napari_scarseg.training.config import SegmenterTraining, recorded
from napari_scarseg.training.segmenter import WEIGHTS_FILE, train_segmenter

TRAINING = "training"


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Patients that a trained network is judged on.

    Parameters
    ----------
    name : str
        What the method is called; empty where there is one part only.
    records : tuple of CaseRecord
    """

    name: str
    records: tuple[CaseRecord, ...]


@dataclass(frozen=True, slots=True, eq=False)
class TrainingJob:
    """Train, then segment the tests with boxes of the sources, in windows round the true LV.

    The LV's place is the truth's, as these small networks have no detector of their own; so figures say what the
    segmenter does with a box, not what a cascade finds.

    Parameters
    ----------
    config : SegmenterTraining
        Its data set table leaves a fold out.
    tests : tuple of HeldOut
    sources : tuple of PromptSource
        Truth, jittered or both.
    device : Device
        Of the evaluation.
    seed : int
        Of the jitter.
    """

    config: SegmenterTraining
    tests: tuple[HeldOut, ...]
    sources: tuple[PromptSource, ...]
    device: Device
    seed: int

    def describe(self) -> dict[str, Any]:
        """See `run.Job`."""
        return {
            "job": "train segmenter",
            "training": recorded(self.config),
            "tests": {test.name: [record.patient for record in test.records] for test in self.tests},
            "sources": [source.value for source in self.sources],
            "seed": self.seed,
        }

    def execute(self, folder: Path) -> EvaluationTables:
        """Go on from the checkpoint, where there is one; the weights stay in the run's folder."""
        self._check_unseen()
        weights = finish_training(self.config, folder / TRAINING)
        segmenter = load_small_segmenter(weights, "trained", self.device)
        rows: list[tuple[CaseRows, int | None]] = []
        for test in self.tests:
            for record in test.records:
                case = load_case(record)
                for source in self.sources:
                    boxes = draw_boxes(case, source, self.seed)
                    result = segment_with_boxes(segmenter, case, boxes, lvs=true_lvs(case))
                    method = _method(test.name, source, several=len(self.sources) > 1)
                    rows.append((compare_with_continuity(case, result, method, boxes), record.fold))
        return collect_tables(rows)

    def _check_unseen(self) -> None:
        seen = [
            record.patient
            for part in self.config.datasets
            for record in read_dataset(part.path)
            if part.held_out_fold is None or record.fold != part.held_out_fold
        ]
        check_no_leak(seen, [record.patient for test in self.tests for record in test.records])


def finish_training(config: SegmenterTraining, folder: Path) -> Path:
    """Train in `folder`, or go on there, or take what is finished; returns the weights."""
    weights = folder / WEIGHTS_FILE
    if weights.is_file():
        return weights
    resume = (folder / FILE_NAME).is_file()
    if not resume and folder.exists():
        # Killed before its first checkpoint: nothing there is worth keeping.
        shutil.rmtree(folder)
    for _ in train_segmenter(config, folder, resume=resume):
        pass
    return weights


def draw_boxes(case: LabelledCase, source: PromptSource, seed: int) -> list[Box]:
    """True boxes, or the same with every edge moved at random.

    Raises
    ------
    InputError
        If a detector's are asked for.
    """
    if source is PromptSource.DETECTOR:
        raise InputError("A network trained by an experiment has no detector; ask for true or jittered boxes.")
    boxes = truth_boxes(case.scar)
    if source is PromptSource.JITTERED:
        return draw_jitter(boxes, np.random.default_rng((seed, patient_stream(case.record.patient))))
    return boxes


def _method(test: str, source: PromptSource, *, several: bool) -> str:
    """Name of a method: the test's, the source's, or both where there are several of each."""
    parts = [test] if test else []
    if several or not test:
        parts.append(source.value)
    return ", ".join(parts)
