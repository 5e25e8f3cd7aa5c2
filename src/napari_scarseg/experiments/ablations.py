"""Experiments that leave something out: families of the augmentation, and the neighbouring slices."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd
from pydantic import Field

from napari_scarseg.evaluation.prompts import PromptSource
from napari_scarseg.evaluation.summary import EvaluationTables
from napari_scarseg.experiments.config import OneSourceConfig, TrainingExperimentConfig
from napari_scarseg.experiments.data import ExperimentData
from napari_scarseg.experiments.findings import (
    Experiment,
    Findings,
    NamedFigure,
    by_method,
    print_comparison,
    print_estimates,
    tell_difference,
)
from napari_scarseg.experiments.results import (
    DSC,
    PERIMETER,
    VOLUME_DSC,
    compare_groups,
    compare_with,
    estimate_mean,
    estimate_methods,
    is_synthetic,
)
from napari_scarseg.experiments.run import Run
from napari_scarseg.experiments.training_plan import Variant, plan_training
from napari_scarseg.measure.figure_methods import methods_figure
from napari_scarseg.measure.texts import interval_text


class Family(StrEnum):
    """Parts of the augmentation that belong together."""

    GEOMETRY = "geometry"  # flip, rotation, scale, stretch, deformation
    INTENSITY = "intensity"  # window, gamma, CLAHE, bias field, blur, Rician noise, magnitude
    BOXES = "boxes"  # jittered boxes
    SLICES = "slices"  # shifted, reversed and dropped neighbours
    ALL = "all"


_OFF: Mapping[Family, Mapping[str, float]] = MappingProxyType(
    {
        Family.GEOMETRY: {
            "flip_probability": 0.0,
            "rotation_deg": 0.0,
            "scale": 1.0,
            "aspect": 1.0,
            "elastic_fraction": 0.0,
        },
        Family.INTENSITY: {
            "clip_probability": 0.0,
            "clahe_probability": 0.0,
            "gamma": 1.0,
            "bias_field": 0.0,
            "blur_sigma_samples": 0.0,
            "noise_sd": 0.0,
            "magnitude_probability": 0.0,
        },
        Family.BOXES: {"jitter_fraction": 0.0},
        Family.SLICES: {"slice_shift_fraction": 0.0, "drop_context_probability": 0.0},
    }
)
FULL = "all of it"
# What continuity is measured by, and what a page calls it.
_CONTINUITY = {
    "neighbour_dsc": "DSC with the next slice's mask",
    "area_jump": "jump of area to the next slice",
    "broken_pairs": "pairs with a result on one slice only",
}


class AugmentationConfig(TrainingExperimentConfig):
    """Trains with all of the augmentation, and without each of these families."""

    without: tuple[Family, ...] = tuple(Family)


class ContextConfig(OneSourceConfig):
    """Trains with so many neighbouring slices on either side as further channels."""

    contexts: tuple[int, ...] = Field(default=(0, 1), min_length=2)


def switch_off(family: Family) -> dict[str, Any]:
    """Training settings without a family of the augmentation."""
    families = _OFF if family is Family.ALL else {family: _OFF[family]}
    return {"augmentation": {name: value for part in families.values() for name, value in part.items()}}


def plan_augmentation(config: AugmentationConfig, data: ExperimentData) -> list[Run]:
    """All of it, and one variant less each family."""
    variants = [Variant(FULL, {}, {"without": "nothing"})]
    variants += [
        Variant(f"without {_say(family)}", switch_off(family), {"without": family.value}) for family in config.without
    ]
    return plan_training(config, data, variants)


def find_augmentation(
    config: AugmentationConfig, data: ExperimentData, runs: Sequence[Run], tables: EvaluationTables, folder: Path
) -> Findings:
    """Every ablation against all of it, paired."""
    estimates = estimate_methods(tables, seed=config.seed)
    full = [method for method in tables.methods if method.startswith(FULL)]
    compared = compare_groups(tables, [(one, _matching(tables, one)) for one in full], seed=config.seed)
    points = estimates[estimates["measure"].isin([DSC, PERIMETER, VOLUME_DSC])]
    points = _as_points(points, config.prompts)
    figure = methods_figure(points, note=_NOTE, synthetic=is_synthetic(tables))
    return Findings(
        tables={"estimates": estimates, "compared": compared},
        printed=(print_estimates(estimates), print_comparison(compared)),
        figures=(NamedFigure("augmentation", figure, "What each family of the augmentation is worth.", points),),
        shown=tuple(tell_difference(row) for row in compared[compared["measure"] == DSC].to_dict("records")),
        not_shown=(
            "Training and test patients come from the same data. What augmentation is for, another scanner's images, "
            "is asked by cohort-holdout and by scarseg evaluate --shifts.",
        ),
    )


def plan_context(config: ContextConfig, data: ExperimentData) -> list[Run]:
    """One variant per number of neighbours."""
    variants = [
        Variant(_context_name(context), {"network": {"context": context}}, {"context": context})
        for context in config.contexts
    ]
    return plan_training(config, data, variants)


def find_context(
    config: ContextConfig, data: ExperimentData, runs: Sequence[Run], tables: EvaluationTables, folder: Path
) -> Findings:
    """Volume DSC, and how smoothly results go on from slice to slice, against how the truth does."""
    estimates = estimate_methods(tables, seed=config.seed)
    first, *others = [
        method for context in config.contexts for method in tables.methods if method.startswith(_context_name(context))
    ]
    compared = compare_with(tables, first, others, seed=config.seed)
    continuity = _continuity(tables, config.seed)
    points = pd.concat([estimates[estimates["measure"].isin([DSC, VOLUME_DSC])], continuity], ignore_index=True)
    points = _as_points(points, config.prompts)
    figure = methods_figure(points, note=_NOTE, synthetic=is_synthetic(tables))
    shown = [tell_difference(row) for row in compared[compared["measure"] == VOLUME_DSC].to_dict("records")]
    shown += [
        f"{_CONTINUITY[name]}: {', '.join(_tell(continuity, _CONTINUITY[name]))}."
        for name in ("neighbour_dsc", "area_jump", "broken_pairs")
    ]
    return Findings(
        tables={"estimates": estimates, "compared": compared, "continuity": continuity},
        printed=(
            print_estimates(estimates),
            print_comparison(compared),
            print_estimates(
                continuity,
                "Pairs of neighbouring slices that both have scar in the truth; 95 % intervals.",
            ),
        ),
        figures=(NamedFigure("context", figure, "One slice against neighbours as further channels.", points),),
        shown=tuple(shown),
        not_shown=(
            "Neighbours are channels of a 2-D network; a 3-D network was not trained.",
            "A smoother result is not a better one: it is to be as smooth as the truth, whose figure stands beside it.",
        ),
    )


_NOTE = "95 % intervals over patients"


_BOXES = {
    PromptSource.TRUTH: "true boxes",
    PromptSource.JITTERED: "jittered boxes",
    PromptSource.DETECTOR: "the detector's boxes",
}


def _as_points(estimates: pd.DataFrame, sources: Sequence[PromptSource]) -> pd.DataFrame:
    """For `methods_figure`: a row per variant, a mark per kind of boxes where there are several."""
    points = estimates.assign(panel=estimates["measure"], line="", name=estimates["method"])
    for source in sources if len(sources) > 1 else ():
        ending = f", {source.value}"
        own = points["method"].str.endswith(ending)
        points.loc[own, "line"] = _BOXES[source]
        points.loc[own, "name"] = points.loc[own, "method"].str.removesuffix(ending)
    return points


def _matching(tables: EvaluationTables, full: str) -> list[str]:
    """Methods with the same boxes as `full`."""
    boxes = full.removeprefix(FULL)
    others = [method for method in tables.methods if not method.startswith(FULL)]
    return [method for method in others if method.endswith(boxes)]


def _say(family: Family) -> str:
    return {
        Family.GEOMETRY: "geometry",
        Family.INTENSITY: "intensity",
        Family.BOXES: "jittered boxes",
        Family.SLICES: "shifts of neighbours",
        Family.ALL: "any",
    }[family]


def _context_name(context: int) -> str:
    return "one slice" if context == 0 else f"{context} neighbour{'' if context == 1 else 's'} on either side"


def _continuity(tables: EvaluationTables, seed: int) -> pd.DataFrame:
    """Every measure of continuity per method, and the truth's as a method of its own."""
    rows = []
    for column, measure in _CONTINUITY.items():
        truth = f"{column}_truth"
        first = tables.of_method(tables.methods[0]).stacks
        sources = [(method, tables.of_method(method).stacks, column) for method in tables.methods]
        if truth in first:
            sources.append(("truth", first, truth))
        for method, stacks, name in sources:
            estimate = estimate_mean(stacks.patient, stacks[name], seed=seed)
            figures = {"value": estimate.value, "low": estimate.low, "high": estimate.high}
            rows.append({"method": method, "measure": measure, **figures, "patients": estimate.patients})
    return pd.DataFrame(rows)


def _tell(continuity: pd.DataFrame, measure: str) -> list[str]:
    rows = by_method(continuity, measure)
    return [f"{method} {interval_text(row['value'], row['low'], row['high'])}" for method, row in rows.items()]


AUGMENTATION = Experiment(
    name="augmentation",
    title="augmentation, family by family",
    question="What is each family of the augmentation worth, on patients like those of the training?",
    config=AugmentationConfig,
    plan=plan_augmentation,
    find=find_augmentation,
)

CONTEXT = Experiment(
    name="context",
    title="one slice against its neighbours",
    question="Does a network that sees the neighbouring slices segment better, and is its result smoother?",
    config=ContextConfig,
    plan=plan_context,
    find=find_context,
)
