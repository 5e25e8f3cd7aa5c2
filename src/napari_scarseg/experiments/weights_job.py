"""Runs on given weights: whose boxes, and what happens when the boxes are wrong. Nothing is trained."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_scarseg.datasets import load_case
from napari_scarseg.engines import load_segmenter
from napari_scarseg.engines.cache import EmbeddingCache
from napari_scarseg.engines.catalogue import resolve_weights
from napari_scarseg.engines.weight_files import file_sha256
from napari_scarseg.errors import InputError
from napari_scarseg.evaluation.leaks import BUNDLED_PARTS, check_stack_unseen
from napari_scarseg.evaluation.plan import EvaluationPart, EvaluationSettings, plan_parts
from napari_scarseg.evaluation.prompts import PromptSource, truth_boxes
from napari_scarseg.evaluation.rows import CaseRows
from napari_scarseg.evaluation.run import evaluate_part, load_evaluator
from napari_scarseg.evaluation.summary import EvaluationTables, collect_tables
from napari_scarseg.experiments.box_errors import BoxError, apply_box_error
from napari_scarseg.experiments.config import WeightsConfig
from napari_scarseg.experiments.data import ExperimentData
from napari_scarseg.experiments.segment_case import compare_with_continuity, segment_with_boxes

# Patients per run where all meet the same weights: small enough to share among processes and to lose little in a kill.
_PATIENTS_PER_RUN = 10


def plan_weights(config: WeightsConfig, data: ExperimentData, sources: Sequence[PromptSource]) -> list[EvaluationPart]:
    """Which patients meet which weights, in pieces that can be done side by side; leaks are refused.

    Raises
    ------
    InputError
        See `evaluation.plan.plan_parts`.
    """
    settings = EvaluationSettings(
        sources=tuple(sources),
        segmenter=config.segmenter,
        detector=config.detector,
        device=config.device,
        confidence=config.confidence,
        seed=config.seed,
    )
    records = [record for record in data.records if not config.folds or record.fold in config.folds]
    if not records:
        raise InputError("No patient of the experiment's data is in the folds asked for; name other folds.")
    pieces = []
    for part in plan_parts(settings, records, table=data.table.name):
        for start in range(0, len(part.records), _PATIENTS_PER_RUN):
            some = part.records[start : start + _PATIENTS_PER_RUN]
            pieces.append(EvaluationPart(part.settings, some, part.training, part.fold))
    return pieces


def describe_part(part: EvaluationPart) -> dict[str, Any]:
    """What a result of a part depends on; of weights what they are, not where they lie."""
    return {
        "segmenter": hash_weights(part.settings.segmenter),
        "detector": hash_weights(part.settings.detector) if part.settings.needs_detector else None,
        "patients": [record.patient for record in part.records],
        "sources": [source.value for source in part.settings.sources],
        "confidence": part.settings.confidence,
        "seed": part.settings.seed,
        "fold": part.fold,
    }


def hash_weights(name_or_path: str) -> list[str]:
    """sha256 of every weights file that a name, a file or a folder stands for."""
    if name_or_path == "bundled":
        paths = [resolve_weights(name).path for name in BUNDLED_PARTS]
    elif Path(name_or_path).is_dir():
        paths = sorted(Path(name_or_path).glob("*.safetensors"))
    else:
        paths = [resolve_weights(name_or_path).path]
    return [file_sha256(path) for path in paths]


@dataclass(frozen=True, slots=True, eq=False)
class SourcesJob:
    """Segment the cases of a part with the boxes of each source.

    Parameters
    ----------
    part : EvaluationPart
    """

    part: EvaluationPart

    def describe(self) -> dict[str, Any]:
        """See `run.Job`."""
        return {"job": "sources", **describe_part(self.part)}

    def execute(self, folder: Path) -> EvaluationTables:
        """Every case with every source; nothing needs to survive in the folder, a run is short."""
        results = evaluate_part(self.part, load_evaluator(self.part))
        return collect_tables((rows, result.fold) for result in results for rows in result.rows)


@dataclass(frozen=True, slots=True, eq=False)
class BoxErrorJob:
    """Segment the cases of a part with boxes that are wrong in one way by several amounts.

    The segmenter looks for the LV itself, as in the cascade.

    Parameters
    ----------
    part : EvaluationPart
    error : BoxError
    amounts : tuple of float
        Each is a method, `error_method(error, amount)`.
    """

    part: EvaluationPart
    error: BoxError
    amounts: tuple[float, ...]

    def describe(self) -> dict[str, Any]:
        """See `run.Job`."""
        return {
            "job": "box errors",
            "error": self.error.value,
            "amounts": list(self.amounts),
            **describe_part(self.part),
        }

    def execute(self, folder: Path) -> EvaluationTables:
        """Every case at every amount; windows and embeddings are shared by the amounts of a case."""
        segmenter = load_segmenter(self.part.settings.segmenter, self.part.settings.device)
        rows: list[tuple[CaseRows, int | None]] = []
        for record in self.part.records:
            case = load_case(record)
            check_stack_unseen(self.part.training, record, case.stack.sha256())
            cache = EmbeddingCache()
            true = truth_boxes(case.scar)
            for amount in self.amounts:
                boxes = apply_box_error(case, true, self.error, amount, self.part.settings.seed)
                result = segment_with_boxes(segmenter, case, boxes, cache=cache)
                rows.append(
                    (compare_with_continuity(case, result, error_method(self.error, amount), boxes), record.fold)
                )
        return collect_tables(rows)


def error_method(error: BoxError, amount: float) -> str:
    """Name of a method, e.g. "shift 0.2"."""
    return f"{error.value} {amount:g}"
