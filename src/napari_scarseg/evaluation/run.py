"""Runs a part of an evaluation, one case in memory at a time."""

from collections.abc import Iterator
from dataclasses import dataclass

from napari_scarseg.core.protocols import EngineInfo
from napari_scarseg.datasets import CaseRecord, LabelledCase, load_case
from napari_scarseg.engines import load_detector, load_segmenter
from napari_scarseg.evaluation.baselines import evaluate_baseline
from napari_scarseg.evaluation.evaluator import Evaluator, evaluate_case
from napari_scarseg.evaluation.leaks import check_stack_unseen
from napari_scarseg.evaluation.plan import EvaluationPart
from napari_scarseg.evaluation.rows import CaseRows
from napari_scarseg.evaluation.shifts import find_shifts


@dataclass(frozen=True, slots=True, eq=False)
class CaseResult:
    """One evaluated case.

    Parameters
    ----------
    record : CaseRecord
    fold : int or None
        Of the part it belonged to.
    engines : dict of role → EngineInfo
        What ran on it.
    rows : tuple of CaseRows
        One per method.
    shifted : dict of shift → tuple of CaseRows
        One per source of boxes.
    """

    record: CaseRecord
    fold: int | None
    engines: dict[str, EngineInfo]
    rows: tuple[CaseRows, ...]
    shifted: dict[str, tuple[CaseRows, ...]]


def load_evaluator(part: EvaluationPart) -> Evaluator:
    """Load the networks of a part."""
    settings = part.settings
    return Evaluator(
        segmenter=load_segmenter(settings.segmenter, settings.device),
        detector=load_detector(settings.detector, settings.device) if settings.needs_detector else None,
        confidence=settings.confidence,
        seed=settings.seed,
    )


def evaluate_part(part: EvaluationPart, evaluator: Evaluator) -> Iterator[CaseResult]:
    """Every case of a part with every method, one after the other.

    Raises
    ------
    InputError
        If a case cannot be read, or the weights were trained on it.
    """
    for record in part.records:
        yield evaluate_loaded(part, evaluator, load_case(record))


def evaluate_loaded(part: EvaluationPart, evaluator: Evaluator, case: LabelledCase) -> CaseResult:
    """One case of a part with every method.

    Raises
    ------
    InputError
        If the weights were trained on it.
    """
    engines = {"segmenter": evaluator.segmenter.info}
    if evaluator.detector is not None:
        engines["detector"] = evaluator.detector.info
    check_stack_unseen(part.training, case.record, case.stack.sha256())
    baselines = (evaluate_baseline(case, config) for config in part.settings.baselines)
    rows = (*_evaluate_sources(part, evaluator, case), *baselines)
    shifted = {s.name: _evaluate_sources(part, evaluator, s.apply(case)) for s in find_shifts(part.settings.shifts)}
    return CaseResult(case.record, part.fold, engines, rows, shifted)


def _evaluate_sources(part: EvaluationPart, evaluator: Evaluator, case: LabelledCase) -> tuple[CaseRows, ...]:
    return tuple(evaluate_case(evaluator, case, source) for source in part.settings.sources)
