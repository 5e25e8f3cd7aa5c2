"""Evaluate one case: what every worker of `scarseg evaluate` does, and the plain values that it hands back."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from napari_scarseg.cli.many import Bench
from napari_scarseg.cli.part_store import PartStore, make_key
from napari_scarseg.core.config import DetectConfig, SegmentConfig
from napari_scarseg.core.protocols import EngineInfo
from napari_scarseg.datasets import CaseRecord, load_case
from napari_scarseg.errors import InputError, ScarSegError
from napari_scarseg.evaluation.evaluator import Evaluator
from napari_scarseg.evaluation.plan import EvaluationPart
from napari_scarseg.evaluation.rows import CaseRows
from napari_scarseg.evaluation.run import CaseResult, evaluate_loaded

Plain = dict[str, Any]


def evaluate_case(folder: Path, part: EvaluationPart, bench: Bench) -> Plain:
    """Evaluate the only case of a part, unless its result from the same files, weights and settings is kept already.

    Parameters
    ----------
    folder : Path
        Where results of cases are kept until all are there.
    part : EvaluationPart
        With one record.
    bench : Bench

    Returns
    -------
    dict
        See `restore_result`.

    Raises
    ------
    InputError
        If the case cannot be read.
    ScarSegError
        If the weights were trained on it, or the detector's boxes are asked for and there is none.
    """
    (record,) = part.records
    evaluator = _evaluator(part, bench)
    key = _key(part, record, evaluator)
    store = PartStore(folder)
    kept = store.load(key)
    if kept is not None:
        return kept
    case = load_case(record)
    try:
        result = evaluate_loaded(part, evaluator, case)
    except InputError as error:
        # Not this case's fault but the evaluation's: it ends.
        raise ScarSegError(str(error)) from error
    return store.save(key, _as_plain(result))


def restore_result(plain: Plain, part: EvaluationPart) -> CaseResult:
    """The result that `evaluate_case` handed back for the only case of `part`."""
    return CaseResult(
        record=part.records[0],
        fold=part.fold,
        engines={role: EngineInfo.from_dict(info) for role, info in plain["engines"].items()},
        rows=_restore_rows(plain["rows"]),
        shifted={shift: _restore_rows(rows) for shift, rows in plain["shifted"].items()},
    )


def _evaluator(part: EvaluationPart, bench: Bench) -> Evaluator:
    settings = part.settings
    detect = DetectConfig(settings.detector, settings.confidence, settings.device)
    return Evaluator(
        segmenter=bench.networks.segmenter(SegmentConfig(settings.segmenter, device=settings.device)),
        detector=bench.networks.detector(detect) if settings.needs_detector else None,
        confidence=settings.confidence,
        seed=settings.seed,
    )


def _key(part: EvaluationPart, record: CaseRecord, evaluator: Evaluator) -> str:
    engines = [evaluator.segmenter.info, *([] if evaluator.detector is None else [evaluator.detector.info])]
    return make_key(
        {
            "settings": _without(asdict(part.settings), "segmenter", "detector"),
            "record": _without(asdict(record), "image", "label"),
            "case": [record.image.name, record.image.parent.name],
            "fold": part.fold,
            "engines": [info.as_dict() for info in engines],
        },
        [record.image, record.label],
    )


def _without(values: Mapping[str, Any], *names: str) -> Plain:
    """Paths say nothing about a result: the contents behind them go into the key by themselves."""
    return {name: value for name, value in values.items() if name not in names}


def _as_plain(result: CaseResult) -> Plain:
    return {
        "engines": {role: info.as_dict() for role, info in result.engines.items()},
        "rows": [_plain_rows(rows) for rows in result.rows],
        "shifted": {shift: [_plain_rows(rows) for rows in some] for shift, some in result.shifted.items()},
    }


def _plain_rows(rows: CaseRows) -> Plain:
    return {"slices": rows.slices, "lesions": rows.lesions, "stack": rows.stack}


def _restore_rows(rows: Sequence[Mapping[str, Any]]) -> tuple[CaseRows, ...]:
    return tuple(CaseRows(one["slices"], one["lesions"], one["stack"]) for one in rows)
