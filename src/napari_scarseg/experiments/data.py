"""The data of an experiment: its parts as one table with folds, and a hash of every image and label in it."""

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from napari_scarseg.datasets import CaseRecord, read_dataset, read_folds, write_dataset
from napari_scarseg.errors import InputError
from napari_scarseg.experiments.config import DataPart, ExperimentConfig
from napari_scarseg.experiments.phantoms import make_phantoms
from napari_scarseg.experiments.run import hash_record


@dataclass(frozen=True, slots=True, eq=False)
class ExperimentData:
    """What an experiment runs on.

    Parameters
    ----------
    records : tuple of CaseRecord
        Each with its fold.
    table : Path
        The same as a data set table, in the experiment's folder; the images stay where they are.
    sha256 : str
        Of the table's content and of every file it names.
    folder : Path
        Where what is derived from the data goes.
    """

    records: tuple[CaseRecord, ...]
    table: Path
    sha256: str
    folder: Path

    def of_fold(self, fold: int) -> tuple[CaseRecord, ...]:
        """The cases of one fold.

        Raises
        ------
        InputError
            If it is empty.
        """
        chosen = tuple(record for record in self.records if record.fold == fold)
        if not chosen:
            raise InputError(f"No patient of the experiment's data is in fold {fold}; name another fold.")
        return chosen


def prepare_data(config: ExperimentConfig, folder: Path) -> ExperimentData:
    """Read (or make) every part, take the share asked for, deal folds, and write the table.

    Raises
    ------
    InputError
        If a part cannot be read, or a patient is in two parts.
    """
    records: list[CaseRecord] = []
    for part in config.data:
        more = _read_part(part, config, folder)
        shared = {record.patient for record in records} & {record.patient for record in more}
        if shared:
            raise InputError(f"Patient {min(shared)} is in two data sets of the experiment; name each data set once.")
        records += more
    sha256 = hash_record({"cases": [_describe(record) for record in records], "files": hash_files(records)})
    table = folder / f"dataset-{sha256[:10]}.csv"
    write_dataset(table, records)
    return ExperimentData(tuple(records), table, sha256, folder)


def hash_files(records: Iterable[CaseRecord]) -> str:
    """sha256 over the bytes of all images and labels, in the order of the records."""
    digest = hashlib.sha256()
    for record in records:
        for path in (record.image, record.label):
            for file in [path] if path.is_file() else sorted(f for f in path.rglob("*") if f.is_file()):
                digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def keep_fraction(records: Sequence[CaseRecord], fraction: float, seed: int) -> list[CaseRecord]:
    """A share of the patients, drawn within each phase (and fold, where there are folds), at least one of each."""
    strata: dict[tuple[str, int | None], list[str]] = {}
    for record in records:
        patients = strata.setdefault((record.phase.value, record.fold), [])
        if record.patient not in patients:
            patients.append(record.patient)
    rng = np.random.default_rng(seed)
    kept: set[str] = set()
    for key in sorted(strata, key=str):
        patients = sorted(strata[key])
        count = max(1, math.ceil(fraction * len(patients) - 1e-9))
        kept.update(rng.permutation(patients)[:count].tolist())
    return [record for record in records if record.patient in kept]


def _read_part(part: DataPart, config: ExperimentConfig, folder: Path) -> list[CaseRecord]:
    table = make_phantoms(part.phantoms, folder) if part.phantoms is not None else part.path
    if table is None:
        raise InputError("A data set of the experiment has neither a path nor phantoms; give one of them.")
    records = read_dataset(table)
    if part.cohort:
        records = [replace(record, cohort=part.cohort) for record in records]
    folds = read_folds(part.folds) if part.folds is not None else {}
    records = [replace(record, fold=folds.get(record.patient, record.fold)) for record in records]
    lacking = [record for record in records if record.fold is None]
    if lacking and (part.folds is not None or len(lacking) < len(records)):
        raise InputError(f"Patient {lacking[0].patient} has no fold and others have; give every patient one, or none.")
    if lacking:
        dealt = _deal(records, config)
        records = [replace(record, fold=dealt[record.patient]) for record in records]
    return keep_fraction(records, part.fraction, config.seed) if part.fraction < 1 else records


def _deal(records: Sequence[CaseRecord], config: ExperimentConfig) -> dict[str, int]:
    """Folds with the same mix of phases in each; for the same mix of scar sizes give a folds file (scarseg split)."""
    rng = np.random.default_rng((config.seed, 1))
    phase = {record.patient: record.phase.value for record in records}
    ordered = sorted(phase, key=lambda patient: (phase[patient], rng.random(), patient))
    return {patient: number % config.fold_count for number, patient in enumerate(ordered)}


def _describe(record: CaseRecord) -> dict[str, object]:
    """A record without its paths, which differ from machine to machine."""
    return {
        "patient": record.patient,
        "cohort": record.cohort,
        "phase": record.phase.value,
        "fold": record.fold,
        "values": [record.scar_values, record.myocardium_values, record.cavity_values],
    }
