"""Which patients meet which weights: one part for all, or one per fold with the weights that did not see it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from napari_scarseg.core.config import DetectConfig, Device
from napari_scarseg.datasets import CaseRecord
from napari_scarseg.errors import InputError
from napari_scarseg.evaluation.leaks import TrainingRecord, check_fold_left_out, read_training_records
from napari_scarseg.evaluation.prompts import PromptSource
from napari_scarseg.measure.thresholds import ThresholdConfig

FOLD_MARK = "{fold}"


@dataclass(frozen=True, slots=True)
class EvaluationSettings:
    """What is run on every case.

    Parameters
    ----------
    sources : tuple of PromptSource
        Each is a method of its own.
    segmenter, detector : str
        Names or paths of weights; `{fold}` in them stands for the number of the held-out fold.
    device : Device
    confidence : float
        Detector's boxes below it are not used.
    seed : int
        Of jitter and bootstrap.
    baselines : tuple of ThresholdConfig
        Threshold methods inside the true myocardium, each a method of its own.
    shifts : tuple of str
        Names of shifts under which every source is run again.
    """

    sources: tuple[PromptSource, ...]
    segmenter: str = "bundled"
    detector: str = "bundled"
    device: Device = Device.AUTO
    confidence: float = DetectConfig().confidence
    seed: int = 0
    baselines: tuple[ThresholdConfig, ...] = ()
    shifts: tuple[str, ...] = ()

    @property
    def needs_detector(self) -> bool:
        """Whether any method asks the detector."""
        return PromptSource.DETECTOR in self.sources

    @property
    def is_out_of_fold(self) -> bool:
        """Whether any of the weights depends on the fold."""
        return FOLD_MARK in self.segmenter or (self.needs_detector and FOLD_MARK in self.detector)


@dataclass(frozen=True, slots=True)
class EvaluationPart:
    """Cases that are evaluated with the same weights.

    Parameters
    ----------
    settings : EvaluationSettings
        Without `{fold}`.
    records : tuple of CaseRecord
    training : tuple of TrainingRecord
        Of all weights in use.
    fold : int or None
    """

    settings: EvaluationSettings
    records: tuple[CaseRecord, ...]
    training: tuple[TrainingRecord, ...]
    fold: int | None = None


def plan_parts(
    settings: EvaluationSettings,
    records: Sequence[CaseRecord],
    *,
    table: str,
    fold_of: Mapping[str, int] | None = None,
    folds: str | None = None,
    fold: int | None = None,
) -> list[EvaluationPart]:
    """Split an evaluation by weights, and refuse leaks before anything is run.

    Parameters
    ----------
    settings : EvaluationSettings
    records : sequence of CaseRecord
    table : str
        Name of the data set table.
    fold_of : mapping of patient → fold, optional
        Overrides the records' own folds.
    folds : str, optional
        Name of the file that `fold_of` was read from.
    fold : int, optional
        Only patients of this fold.

    Raises
    ------
    InputError
        If no patient is left, a patient has no fold where one is needed, or weights do not prove that they were trained
        without the fold they are evaluated on.
    """
    own = {record.patient: record.fold for record in records if record.fold is not None}
    of_patient = own if fold_of is None else fold_of
    if fold is not None:
        records = [record for record in records if of_patient.get(record.patient) == fold]
        if not records:
            raise InputError(f"No patient of the data set is in fold {fold}; give the folds with --folds.")
    if not settings.is_out_of_fold:
        training = _training_records(settings)
        # Weights that hold out another fold of this very file have seen the patients of this one.
        known = [r for r in training if folds is not None and any(part.get("folds") == folds for part in r.parts)]
        for number in sorted({of_patient[r.patient] for r in records if r.patient in of_patient}):
            check_fold_left_out(known, number, table=table, folds=folds)
        return [EvaluationPart(settings, tuple(records), tuple(training), fold)]
    lacking = [record.patient for record in records if record.patient not in of_patient]
    if lacking:
        raise InputError(
            f"{len(lacking)} patients have no fold, the first is {lacking[0]}; name every patient in the folds file, "
            "or take those out of the data set."
        )
    parts = []
    for number in sorted({of_patient[record.patient] for record in records}):
        filled = _fill(settings, number)
        training = _training_records(filled)
        check_fold_left_out(training, number, table=table, folds=folds)
        chosen = tuple(record for record in records if of_patient[record.patient] == number)
        parts.append(EvaluationPart(filled, chosen, tuple(training), number))
    return parts


def _fill(settings: EvaluationSettings, fold: int) -> EvaluationSettings:
    return replace(
        settings,
        segmenter=settings.segmenter.replace(FOLD_MARK, str(fold)),
        detector=settings.detector.replace(FOLD_MARK, str(fold)),
    )


def _training_records(settings: EvaluationSettings) -> list[TrainingRecord]:
    detector = read_training_records(settings.detector) if settings.needs_detector else []
    return [*detector, *read_training_records(settings.segmenter)]
