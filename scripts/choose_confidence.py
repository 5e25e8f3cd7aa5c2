"""Choose the default confidence by a rule, and show what the rule keeps of patients it was not applied to.

    python scripts/choose_confidence.py CASES.csv FOLDS.csv "runs/cascade/fold{fold}" [--shifts NAME,…] [--workers 2]

The rule: scar is found in no more than 15 % of normal patients as they are, and the mean of slice and patient-volume
DSC of what is kept without a prompt, as they are and under each shift alike, is highest. It is applied to all folds
(`own`), and, for figures that the confidence was not chosen on, to four folds at a time, with the scores fitted to the
same four, and judged on the fifth (`left_out`). Scores are fitted to images as they are; the calibration below them is
one for all folds. The cascades are those that scripts/fit_scores.py takes.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from fit_scores import (
    Mask,
    Slice,
    fit_calibration,
    fit_scores,
    kept_masks,
    read_fold,
    shown_mask,
    summarise,
    weigh,
)

from napari_scarseg.datasets import read_folds
from napari_scarseg.engines.proposals import Component, ScoreModel
from napari_scarseg.evaluation.shifts import NO_SHIFT, find_shifts

CONFIDENCES = [n / 100 for n in range(20, 72, 2)]
MOST_NORMALS = 0.15

Weighed = tuple[Sequence[Slice], Sequence[Sequence[Component]]]
Kept = list[tuple[Slice, Mask]]


def take(kind: Weighed, folds: Sequence[int]) -> Weighed:
    """The slices of these folds."""
    slices, weighed = kind
    chosen = [n for n, item in enumerate(slices) if item.fold in folds]
    return [slices[n] for n in chosen], [weighed[n] for n in chosen]


def choose(kinds: Sequence[Weighed], model: ScoreModel) -> float:
    """The confidence that the rule chooses; the middle one where several are as good. Slices as they are come first."""

    def worth(confidence: float) -> float:
        figures = [summarise(list(kept_masks(*kind, model, confidence))) for kind in kinds]
        too_many = figures[0]["normals_with_scar"] > MOST_NORMALS * figures[0]["normals"]
        return -1.0 if too_many else sum(one["slice_dsc"] + one["volume_dsc"] for one in figures)

    worths = [worth(confidence) for confidence in CONFIDENCES]
    if max(worths) < 0:
        sys.exit("At every confidence scar is found in too many normal patients; train the networks longer.")
    best = [one for one, value in zip(CONFIDENCES, worths, strict=True) if value == max(worths)]
    return best[len(best) // 2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", type=Path)
    parser.add_argument("folds", type=Path)
    parser.add_argument("cascade")
    parser.add_argument("--shifts", default="magnitude")
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    names = [NO_SHIFT, *(shift.name for shift in find_shifts(tuple(given.shifts.split(","))))]
    folds = sorted(
        {fold for fold in read_folds(given.folds).values() if Path(given.cascade.format(fold=fold)).is_dir()}
    )
    with ProcessPoolExecutor(given.workers) as pool:
        runs = {
            name: [pool.submit(read_fold, given.cases, given.folds, given.cascade, fold, name) for fold in folds]
            for name in names
        }
        read = {name: [item for run in some for item in run.result()] for name, some in runs.items()}
    calibration, _ = fit_calibration(read[NO_SHIFT], shown_mask)
    kinds = {name: (slices, weigh(slices, calibration)) for name, slices in read.items()}
    model = fit_scores(*kinds[NO_SHIFT], calibration)
    own = choose(list(kinds.values()), model)
    chosen = {}
    left_out: dict[str, Kept] = {name: [] for name in names}
    for fold in folds:
        others = [one for one in folds if one != fold]
        without = fit_scores(*take(kinds[NO_SHIFT], others), calibration)
        chosen[fold] = choose([take(kind, others) for kind in kinds.values()], without)
        for name, kind in kinds.items():
            left_out[name] += kept_masks(*take(kind, [fold]), without, chosen[fold])
    figures = {
        "own": {
            "confidence": own,
            **{name: summarise(list(kept_masks(*kind, model, own))) for name, kind in kinds.items()},
        },
        "left_out": {"confidence": chosen, **{name: summarise(kept) for name, kept in left_out.items()}},
    }
    json.dump(figures, sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
