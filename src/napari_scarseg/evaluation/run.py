"""Runs the parts of an evaluation, one case in memory at a time, in this process or in several."""

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass

import torch

from napari_scarseg.core.protocols import EngineInfo
from napari_scarseg.datasets import CaseRecord, LabelledCase, load_case
from napari_scarseg.engines import load_detector, load_segmenter
from napari_scarseg.evaluation.baselines import evaluate_baseline
from napari_scarseg.evaluation.evaluator import Evaluator, evaluate_case
from napari_scarseg.evaluation.leaks import check_stack_unseen
from napari_scarseg.evaluation.plan import EvaluationPart, split_part
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


def evaluate_parts(parts: Sequence[EvaluationPart], *, jobs: int = 1) -> Iterator[CaseResult]:
    """Run all parts, yielding each case as it is done; with several processes in no particular order.

    Parameters
    ----------
    parts : sequence of EvaluationPart
    jobs : int
        Processes side by side; they share the cores. With one, everything runs in this process.
    """
    if jobs <= 1:
        for part in parts:
            yield from evaluate_part(part, load_evaluator(part))
        return
    threads = max(1, (os.cpu_count() or 1) // jobs)
    # spawn: torch's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=torch.set_num_threads, initargs=(threads,)) as pool:
        waiting = [pool.submit(_evaluate_whole, piece) for part in parts for piece in split_part(part, jobs)]
        try:
            for future in as_completed(waiting):
                yield from future.result()
        finally:
            # After an error or a cancel, what has not begun is not begun.
            pool.shutdown(wait=False, cancel_futures=True)


def _evaluate_whole(part: EvaluationPart) -> list[CaseResult]:
    return list(evaluate_part(part, load_evaluator(part)))
