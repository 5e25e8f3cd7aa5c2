"""The cases of a run: read the data sets, leave the held-out patients out, and sort what is trained on."""

from collections.abc import Sequence

from napari_scarseg.datasets import LabelledCase, check_no_leak, load_case, read_dataset, read_folds
from napari_scarseg.errors import InputError
from napari_scarseg.training.config import DatasetPart, OfficialSamStart, SegmenterTraining, TrainedPart
from napari_scarseg.training.found_boxes import read_found_boxes
from napari_scarseg.training.samples import Sample, Softening, collect_samples


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

    Raises
    ------
    InputError
        If a fold is held out and a patient has none: it would be trained on in every fold, and judged in none.
    """
    train: list[tuple[list[LabelledCase], float]] = []
    held_out: list[LabelledCase] = []
    for part in parts:
        folds = read_folds(part.folds) if part.folds is not None else {}
        records = read_dataset(part.path)
        lacking = [one.patient for one in records if folds.get(one.patient, one.fold) is None]
        if part.held_out_fold is not None and lacking:
            raise InputError(
                f"{len(lacking)} stacks of {part.path.name} are of patients without a fold, the first of {lacking[0]}; "
                "name every patient in the folds file, or take the others out of the data set."
            )
        kept: list[LabelledCase] = []
        for record in records:
            fold = folds.get(record.patient, record.fold)
            is_held_out = part.held_out_fold is not None and fold == part.held_out_fold
            (held_out if is_held_out else kept).append(load_case(record))
        train.append((kept, part.share))
    check_no_leak(
        (case.record.patient for cases, _ in train for case in cases), [case.record.patient for case in held_out]
    )
    return train, held_out


def sample_groups(
    train: Sequence[tuple[Sequence[LabelledCase], float]], config: SegmenterTraining
) -> list[tuple[list[Sample], float]]:
    """Samples per data set, with scar and without, with the share of each.

    Where nothing is taught but masks of prompts, scar-free slices have nothing to say, and are left out.

    Raises
    ------
    InputError
        If there is nothing to train on, or a detector's boxes are missing.
    """
    only_prompts = isinstance(config.network, OfficialSamStart) or config.trained.part is TrainedPart.DECODER
    scar = 1.0 if only_prompts else config.prompts.scar
    softening = Softening(config.loss.sigma_px, config.loss.full_peak)
    groups: list[tuple[list[Sample], float]] = []
    for part, (cases, share) in zip(config.datasets, train, strict=True):
        samples = collect_samples(cases, softening, read_found_boxes(part, cases))
        with_scar = [sample for sample in samples if sample.components]
        without = [sample for sample in samples if not sample.components]
        groups += [(with_scar, share * scar), (without, share * (1 - scar))]
    filled = [(samples, weight) for samples, weight in groups if samples and weight > 0]
    if not filled:
        raise InputError("The data sets hold nothing to train on; check the label values.")
    return filled


def check_held_out(held_out: Sequence[LabelledCase], config: SegmenterTraining) -> None:
    """Raise InputError where a setting needs a validation and there is nothing to validate on."""
    if held_out and not any(case.scar.any() for case in held_out):
        raise InputError("The held-out patients have no scar to validate on; hold another fold out.")
    if not held_out and (config.patience or config.keep_best):
        raise InputError("patience and keep_best need a validation; give a data set folds and a held_out_fold.")


def stack_hashes(train: Sequence[tuple[Sequence[LabelledCase], float]]) -> list[str]:
    """Sorted hashes of the voxels of every training stack: what proves later that a patient was not among them."""
    return sorted({case.stack.sha256() for cases, _ in train for case in cases})
