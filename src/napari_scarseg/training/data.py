"""The cases of a run: read the data sets, leave the held-out patients out."""

from collections.abc import Sequence

from napari_scarseg.datasets import LabelledCase, check_no_leak, load_case, read_dataset, read_folds
from napari_scarseg.training.config import DatasetPart


def read_parts(
    parts: Sequence[DatasetPart],
) -> tuple[list[tuple[list[LabelledCase], float]], list[LabelledCase]]:
    """Read every data set.

    Returns
    -------
    train : list of (cases, share)
        One entry per data set.
    held_out : list of LabelledCase
        Cases of the held-out folds.
    """
    train: list[tuple[list[LabelledCase], float]] = []
    held_out: list[LabelledCase] = []
    for part in parts:
        folds = read_folds(part.folds) if part.folds is not None else {}
        kept: list[LabelledCase] = []
        for record in read_dataset(part.path):
            fold = folds.get(record.patient, record.fold)
            is_held_out = part.held_out_fold is not None and fold == part.held_out_fold
            (held_out if is_held_out else kept).append(load_case(record))
        train.append((kept, part.share))
    check_no_leak(
        (case.record.patient for cases, _ in train for case in cases), [case.record.patient for case in held_out]
    )
    return train, held_out


def stack_hashes(train: Sequence[tuple[Sequence[LabelledCase], float]]) -> list[str]:
    """Sorted hashes of the voxels of every training stack: what proves later that a patient was not among them."""
    return sorted({case.stack.sha256() for cases, _ in train for case in cases})
