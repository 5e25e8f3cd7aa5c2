"""Fit what turns the small network's logits into masks and boxes: two calibrations and the score of a component.

    python scripts/fit_scores.py CASES.csv FOLDS.csv "runs/cascade/fold{fold}" [--workers 2]

Everything is fitted to out-of-fold answers: `{fold}` is the folder with the cascade that has not seen that fold's
patients (`detector.safetensors`, `segmenter.safetensors`). What is printed as JSON goes into the header of the
segmenter's weights (`prompted`) and into `EMIDEC_SCORES` of engines/proposals.py (the rest). The DSC beside them is
over the very slices that were fitted to; `fitted` and `cross_fitted` hold what is kept at the default confidence, the
latter when a fold is left out of the fit of the scores.
"""

import argparse
import itertools
import json
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from napari_scarseg.core.calibration import Calibration, best_cut
from napari_scarseg.core.config import DetectConfig, Device
from napari_scarseg.core.masks import component_boxes
from napari_scarseg.core.protocols import Detection, Prompt, Region
from napari_scarseg.datasets import load_case, read_dataset, read_folds
from napari_scarseg.engines.cascade import load_located
from napari_scarseg.engines.continuity import carry_scores
from napari_scarseg.engines.looks import OUTSIDE_LOGIT, SliceScar, lean_on
from napari_scarseg.engines.pipeline import segment_prompts
from napari_scarseg.engines.proposals import Component, Evidence, Proposal, ScoreModel, weigh_components
from napari_scarseg.evaluation.shifts import NO_SHIFT, find_shifts

GRID = [
    Calibration(temperature, float(bias))
    for temperature, bias in itertools.product((1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 3.5), np.arange(-1.25, 0.26, 0.25))
]
# A component is scar where at least this share of it is.
LEAST_SHARE = 0.1
CONFIDENCE = DetectConfig().confidence

Mask = npt.NDArray[np.bool_]


@dataclass
class Slice:
    """One slice: its pixels and truth, what the network shows there and beside it, and its answers to the true boxes.

    An answer is its first row and column, and logits.
    """

    fold: int
    patient: str
    plane: npt.NDArray[np.generic]
    scar: Mask
    shown: SliceScar | None
    neighbours: list[SliceScar]
    answers: list[tuple[int, int, npt.NDArray[np.float32]]]


def read_fold(cases: Path, folds: Path, cascade: str, fold: int, shift: str = NO_SHIFT) -> list[Slice]:
    """What the cascade that has not seen a fold answers to its patients, their images shifted if asked for."""
    import torch

    torch.set_num_threads(1)
    shifted = [] if shift == NO_SHIFT else find_shifts((shift,))
    segmenter = load_located(cascade.format(fold=fold), Device.CPU)
    if segmenter.info.calibration is not None:
        sys.exit("The weights are calibrated already; fit to those that training left.")
    membership = read_folds(folds)
    slices = []
    for record in read_dataset(cases):
        if membership[record.patient] != fold:
            continue
        case = load_case(record)
        for one in shifted:
            case = one.apply(case)
        volume = case.stack.data
        lvs = segmenter.locate(volume, range(len(volume)))
        scars = segmenter.show_scar(volume, lvs)
        for z in range(len(volume)):
            boxes = [box.with_lesion(1) for box in component_boxes(case.scar[z], z)]
            prompts = [Prompt(box, lv=lvs.get(z)) for box in boxes]
            masks = segment_prompts(volume, prompts, segmenter)
            answers = [(mask.row, mask.col, mask.logits) for mask in masks]
            neighbours = [scars[beside] for beside in (z - 1, z + 1) if beside in scars]
            slices.append(Slice(fold, record.patient, volume[z], case.scar[z], scars.get(z), neighbours, answers))
    return slices


def dice(mask: Mask, truth: Mask) -> float:
    total = int(mask.sum() + truth.sum())
    return 2 * int((mask & truth).sum()) / total if total else 1.0


def prompted_mask(item: Slice, calibration: Calibration) -> Mask:
    mask = np.zeros_like(item.scar)
    for row, col, logits in item.answers:
        log_odds = calibration.log_odds(logits)
        mask[row : row + logits.shape[0], col : col + logits.shape[1]] |= log_odds > best_cut(log_odds)
    return mask


def shown_mask(item: Slice, calibration: Calibration) -> Mask:
    if item.shown is None:
        return np.zeros_like(item.scar)
    log_odds = calibration.log_odds(lean_on(item.shown, item.neighbours).logits)
    covered = item.shown.logits > OUTSIDE_LOGIT
    return np.asarray(covered & (log_odds > best_cut(log_odds[covered])))


def fit_calibration(slices: Sequence[Slice], mask_of) -> tuple[Calibration, float]:  # type: ignore[no-untyped-def]
    """The calibration with the highest mean DSC over slices with scar."""
    with_scar = [item for item in slices if item.scar.any()]
    means = [float(np.mean([dice(mask_of(item, one), item.scar) for item in with_scar])) for one in GRID]
    best = int(np.argmax(means))
    return GRID[best], means[best]


def weigh(slices: Sequence[Slice], calibration: Calibration) -> list[list[Component]]:
    """Components of every slice with their evidence."""
    return [
        [] if item.shown is None else weigh_components(item.plane, item.shown, item.neighbours, calibration)
        for item in slices
    ]


def fit_scores(slices: Sequence[Slice], weighed: Sequence[Sequence[Component]], calibration: Calibration) -> ScoreModel:
    """Logistic regression (on standardised evidence, ridge of strength 1) of "a tenth of it is scar"."""
    pairs = [(item, component) for item, some in zip(slices, weighed, strict=True) for component in some]
    evidence = np.array([component.evidence for _, component in pairs])
    is_scar = [(item.scar & component.mask).sum() >= LEAST_SHARE * component.mask.sum() for item, component in pairs]
    if len(set(is_scar)) < 2:
        sys.exit("The networks show no scar, or nothing but scar, so no confidence can be fitted; train them longer.")
    mean, spread = evidence.mean(axis=0), evidence.std(axis=0)
    fitted = LogisticRegression(C=1.0).fit((evidence - mean) / spread, is_scar)
    slopes = fitted.coef_[0] / spread
    return ScoreModel(calibration, float(fitted.intercept_[0] - slopes @ mean), Evidence(*map(float, slopes)))


def kept_masks(
    slices: Sequence[Slice], weighed: Sequence[Sequence[Component]], model: ScoreModel, confidence: float = CONFIDENCE
) -> Iterator[tuple[Slice, Mask]]:
    """Components of at least this confidence, patient by patient."""
    pairs = list(zip(slices, weighed, strict=True))
    for _, group in itertools.groupby(pairs, key=lambda pair: pair[0].patient):
        stack = list(group)
        proposals = [
            [Proposal(Detection(*c.box.corners, model.score(c.evidence), Region.SCAR), c.mask) for c in components]
            for _, components in stack
        ]
        for (item, components), scores in zip(stack, carry_scores(proposals), strict=True):
            mask = np.zeros_like(item.scar)
            for component, score in zip(components, scores, strict=True):
                if score >= confidence:
                    mask |= component.mask
            yield item, mask


def summarise(kept: Sequence[tuple[Slice, Mask]]) -> dict[str, float]:
    """Figures of the components kept, as they are, before any prompt."""
    sizes: dict[str, list[int]] = {}
    for item, mask in kept:
        total = sizes.setdefault(item.patient, [0, 0, 0])
        total[0] += int((mask & item.scar).sum())
        total[1] += int(mask.sum())
        total[2] += int(item.scar.sum())
    infarcts = [total for total in sizes.values() if total[2]]
    normals = [total for total in sizes.values() if not total[2]]
    return {
        "slice_dsc": round(float(np.mean([dice(mask, item.scar) for item, mask in kept if item.scar.any()])), 4),
        "volume_dsc": round(float(np.mean([2 * both / (found + true) for both, found, true in infarcts])), 4),
        "infarcts": len(infarcts),
        "infarcts_found": sum(found > 0 for _, found, _ in infarcts),
        "normals": len(normals),
        "normals_with_scar": sum(found > 0 for _, found, _ in normals),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", type=Path)
    parser.add_argument("folds", type=Path)
    parser.add_argument("cascade")
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    folds = sorted(
        {fold for fold in read_folds(given.folds).values() if Path(given.cascade.format(fold=fold)).is_dir()}
    )
    with ProcessPoolExecutor(given.workers) as pool:
        runs = [pool.submit(read_fold, given.cases, given.folds, given.cascade, fold) for fold in folds]
        slices = [item for run in runs for item in run.result()]
    prompted, prompted_dsc = fit_calibration(slices, prompted_mask)
    unprompted, unprompted_dsc = fit_calibration(slices, shown_mask)
    weighed = weigh(slices, unprompted)
    model = fit_scores(slices, weighed, unprompted)
    left_out: list[tuple[Slice, Mask]] = []
    for fold in folds if len(folds) > 1 else []:
        others = [n for n, item in enumerate(slices) if item.fold != fold]
        rest = [n for n, item in enumerate(slices) if item.fold == fold]
        without = fit_scores([slices[n] for n in others], [weighed[n] for n in others], unprompted)
        left_out += kept_masks([slices[n] for n in rest], [weighed[n] for n in rest], without)
    json.dump(
        {
            "folds": folds,
            "prompted": {"temperature": prompted.temperature, "bias": prompted.bias, "slice_dsc": prompted_dsc},
            "unprompted": {"temperature": unprompted.temperature, "bias": unprompted.bias, "slice_dsc": unprompted_dsc},
            "intercept": round(model.intercept, 4),
            "slopes": {name: round(value, 4) for name, value in model.slopes._asdict().items()},
            "confidence": CONFIDENCE,
            "fitted": summarise(list(kept_masks(slices, weighed, model))),
            "cross_fitted": summarise(left_out) if left_out else None,
        },
        sys.stdout,
        indent=2,
    )
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
