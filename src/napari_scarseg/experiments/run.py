"""One run of an experiment: what it does, and the hash by which a finished one is known again."""

import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from napari_scarseg import __version__
from napari_scarseg.evaluation.summary import EvaluationTables

Setting = str | int | float | bool


class Job(Protocol):
    """The work of a run. A frozen value, so that it can be sent to another process."""

    def describe(self) -> dict[str, Any]:
        """Everything that the result depends on, as JSON values; of files their hashes, never their paths."""
        ...

    def execute(self, folder: Path) -> EvaluationTables:
        """Do it; what must survive a kill lies in the run's folder."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """One run.

    Parameters
    ----------
    name : str
        Of its folder, with the hash behind it.
    settings : mapping of str → text or number
        What tells it from the others; columns of the tables. `variant` is what figures call it.
    job : Job
    data_sha256 : str
        Hash of the images and labels that it uses.
    """

    name: str
    settings: Mapping[str, Setting]
    job: Job
    data_sha256: str

    @property
    def key(self) -> str:
        """Hash of configuration, data and version."""
        record = {
            "settings": dict(self.settings),
            "job": self.job.describe(),
            "data": self.data_sha256,
            "version": __version__,
        }
        return hash_record(record)

    @property
    def folder_name(self) -> str:
        """Name of the run's folder: another configuration has another one, so nothing is ever overwritten."""
        return f"{self.name}-{self.key[:10]}"


def hash_record(record: Mapping[str, Any]) -> str:
    """sha256 of JSON values, whatever the order of their keys."""
    return hashlib.sha256(json.dumps(record, sort_keys=True, default=str).encode()).hexdigest()


def patient_stream(patient: str) -> int:
    """A number from a patient's name, the same on every machine: with a seed it decides the patient's own draws."""
    return zlib.crc32(patient.encode())
