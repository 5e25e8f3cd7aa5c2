"""Whether weights have seen the patients that they are evaluated on, by what they recorded themselves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_scarseg.datasets import CaseRecord
from napari_scarseg.engines.cascade import SEGMENTER_NAME, YOLO_NAME
from napari_scarseg.engines.catalogue import Source, resolve_weights
from napari_scarseg.engines.small_sam import ARCHITECTURE
from napari_scarseg.engines.weight_header import WeightsHeader, read_header
from napari_scarseg.errors import InputError

# What "bundled" loads, as detector and as segmenter alike: the segmenter looks around the LV that YOLO finds.
BUNDLED_PARTS = (YOLO_NAME, SEGMENTER_NAME)


@dataclass(frozen=True, slots=True, eq=False)
class TrainingRecord:
    """What one weights file says about the patients it was trained on.

    Parameters
    ----------
    name : str
        Of the weights, never a path.
    parts : tuple of mapping
        The training configuration's data sets: `path` and `folds` (names of files) and `held_out_fold`.
    stacks_sha256 : frozenset of str or None
        Hashes of the voxels of every training stack; None where not recorded.
    """

    name: str
    parts: tuple[Mapping[str, Any], ...]
    stacks_sha256: frozenset[str] | None

    @classmethod
    def from_header(cls, name: str, header: WeightsHeader) -> "TrainingRecord":
        """Read the record out of a weights file's header."""
        configuration = header.provenance.get("configuration")
        parts = configuration.get("datasets") if isinstance(configuration, dict) else None
        hashes = header.provenance.get("training_stacks_sha256")
        return cls(
            name,
            tuple(part for part in parts if isinstance(part, dict)) if isinstance(parts, list) else (),
            frozenset(hashes) if isinstance(hashes, list) else None,
        )

    def leaves_out(self, fold: int, table: str, folds: str | None) -> bool:
        """Whether fold `fold` of the data set `table` (its folds in the file `folds`) was held out of training."""
        held_out = [
            part.get("held_out_fold")
            for part in self.parts
            if (part.get("folds") == folds if folds is not None else part.get("path") == table)
        ]
        # The data set a second time and whole would undo the hold-out.
        whole = any(part.get("path") == table and part.get("held_out_fold") is None for part in self.parts)
        return bool(held_out) and all(number == fold for number in held_out) and not whole


def read_training_records(name_or_path: str) -> list[TrainingRecord]:
    """Records of all files that a detector or segmenter of that name or path loads.

    A folder means every safetensors file in it; a file of the small segmenter brings the bundled YOLO along, which
    finds the LV for it. Weights fetched from their makers, and files that are not ours, have no record and give none.
    """
    if name_or_path == "bundled":
        paths = {name: resolve_weights(name).path for name in BUNDLED_PARTS}
    elif Path(name_or_path).is_dir():
        paths = {path.stem: path for path in sorted(Path(name_or_path).glob("*.safetensors"))}
    else:
        weights = resolve_weights(name_or_path)
        if weights.entry is not None and weights.entry.source is Source.FETCHED:
            return []
        paths = {weights.name: weights.path}
    ours = {name: path for name, path in paths.items() if path.suffix == ".safetensors"}
    headers = {name: read_header(path) for name, path in ours.items()}
    if len(headers) == 1 and YOLO_NAME not in headers and _is_small_segmenter(*headers.values()):
        headers[YOLO_NAME] = read_header(resolve_weights(YOLO_NAME).path)
    return [TrainingRecord.from_header(name, header) for name, header in headers.items()]


def _is_small_segmenter(header: WeightsHeader) -> bool:
    return header.architecture == ARCHITECTURE


def check_fold_left_out(training: Sequence[TrainingRecord], fold: int, *, table: str, folds: str | None) -> None:
    """Refuse weights that do not prove that they were trained without a fold.

    Parameters
    ----------
    training : sequence of TrainingRecord
    fold : int
    table, folds : str
        Names of the data set table and of the folds file; None where the folds are the table's own column.

    Raises
    ------
    InputError
        If a record names no held-out fold for this data set, or another one.
    """
    for record in training:
        # Where the stacks themselves are recorded, each case is checked as it is read.
        if record.stacks_sha256 is None and not record.leaves_out(fold, table, folds):
            raise InputError(
                f"The weights {record.name} do not record that fold {fold} of {folds or table} was held out when they "
                "were trained, so its patients may be known to them; evaluate each fold with weights trained without "
                "it."
            )


def check_stack_unseen(training: Sequence[TrainingRecord], record: CaseRecord, stack_sha256: str) -> None:
    """Refuse a stack on which weights were trained.

    Raises
    ------
    InputError
    """
    for weights in training:
        if weights.stacks_sha256 is not None and stack_sha256 in weights.stacks_sha256:
            raise InputError(
                f"Patient {record.patient} was among those that the weights {weights.name} were trained on; evaluate "
                "only patients that they have not seen."
            )
