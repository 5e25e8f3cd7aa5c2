"""Experiment: how results fail, what the lesions that are missed or invented have in common, and the worst cases."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from pydantic import Field

from napari_scarseg.datasets import load_case
from napari_scarseg.errors import InputError
from napari_scarseg.evaluation.prompts import PromptSource
from napari_scarseg.evaluation.summary import EvaluationTables
from napari_scarseg.experiments.config import WeightsConfig
from napari_scarseg.experiments.data import ExperimentData
from napari_scarseg.experiments.failure_job import LESIONS, FailureJob
from napari_scarseg.experiments.failures import (
    SLICE_FLAGS,
    TRAITS,
    cut_trait,
    flag_slices,
    order_strata,
    worst_slices,
)
from napari_scarseg.experiments.findings import Experiment, Findings, NamedFigure, print_estimates
from napari_scarseg.experiments.gallery import Tile, gallery_figure
from napari_scarseg.experiments.results import estimate_mean, estimate_methods, is_synthetic
from napari_scarseg.experiments.run import Run
from napari_scarseg.experiments.weights_job import plan_weights
from napari_scarseg.measure.figure_curves import curves_figure
from napari_scarseg.measure.report.content import ReportTable
from napari_scarseg.measure.texts import interval_text


class FailureModesConfig(WeightsConfig):
    """Whose boxes, which label values mean MVO, and how many slices the gallery shows."""

    prompts: PromptSource = PromptSource.DETECTOR
    mvo_values: tuple[int, ...] = ()
    gallery: int = Field(default=8, ge=0)


RECALL, FALSE = "share of true lesions found", "share of found lesions that are false"


def plan(config: FailureModesConfig, data: ExperimentData) -> list[Run]:
    """One run per piece of the data."""
    runs = []
    for number, part in enumerate(plan_weights(config, data, (config.prompts,))):
        settings = {"piece": number, "fold": "all" if part.fold is None else part.fold}
        runs.append(Run(f"failures-{number:02d}", settings, FailureJob(part, config.mvo_values), data.sha256))
    return runs


def find(
    config: FailureModesConfig, data: ExperimentData, runs: Sequence[Run], tables: EvaluationTables, folder: Path
) -> Findings:
    """Flags over slices, lesions by their traits, and the gallery."""
    slices = pd.concat([tables.slices, flag_slices(tables.slices)], axis=1)
    traits = pd.concat([pd.read_csv(folder / run.folder_name / LESIONS) for run in runs], ignore_index=True)
    flags = _count_flags(slices, config.seed)
    by_trait = _by_trait(traits, config.seed)
    worst = worst_slices(slices, config.gallery)
    synthetic = is_synthetic(tables)
    figures = [
        NamedFigure(
            "traits",
            curves_figure(
                by_trait, "", "share", note="95 % intervals over patients; thirds of each trait", synthetic=synthetic
            ),
            "Which true lesions are found, and which found ones are false, by size, contrast, MVO and place.",
            by_trait,
        )
    ]
    if len(worst):
        figures.append(
            NamedFigure(
                "gallery",
                gallery_figure(_tiles(worst, data, runs, folder), synthetic=synthetic),
                "The worst slices, plain and with truth (dashed) and result (solid). Keep it with the data.",
                worst[["patient", "slice", "dsc", "perimeter_similarity", "truth_px", "result_px", *SLICE_FLAGS]],
            )
        )
    return Findings(
        tables={
            "estimates": estimate_methods(tables, seed=config.seed),
            "flags": flags,
            "by_trait": by_trait,
            "flagged_slices": slices[slices[list(SLICE_FLAGS)].any(axis=1)],
            "lesion_traits": traits,
        },
        printed=(
            print_estimates(estimate_methods(tables, seed=config.seed)),
            _print_flags(flags),
            _print_traits(by_trait),
        ),
        figures=tuple(figures),
        shown=(*_tell_flags(flags), *_tell_traits(by_trait)),
        not_shown=(
            "Traits go together (small lesions are faint, and lie where slices end); what a lesion is missed for was "
            "not taken apart.",
            "A flag says that a slice looks like a kind of failure, not why it failed.",
        ),
    )


def _count_flags(slices: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Share of slices with each flag, with scar or without as the flag is about."""
    rows = []
    for flag, about in SLICE_FLAGS.items():
        own = slices[(slices.truth_px == 0) if flag == "is_invented" else (slices.truth_px > 0)]
        estimate = estimate_mean(own.patient, own[flag], seed=seed)
        rows.append(
            {"flag": flag, "about": about, "value": estimate.value, "low": estimate.low, "high": estimate.high}
            | {"slices": len(own), "flagged": int(own[flag].sum()), "patients": estimate.patients}
        )
    return pd.DataFrame(rows)


def _by_trait(traits: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Points of a figure: recall of true lesions and false share of found ones, over the strata of each trait."""
    rows = []
    for side, line in (("truth", RECALL), ("result", FALSE)):
        own = traits[traits["of"] == side]
        for trait, name in TRAITS.items():
            if own.empty or (side == "result" and trait == "mvo_share"):
                continue
            strata = cut_trait(own[trait], trait)
            for stratum in order_strata(own[trait], strata):
                part = own[strata == stratum]
                hit = part["is_matched"].astype(bool)
                estimate = estimate_mean(part["patient"], hit if side == "truth" else ~hit, seed=seed)
                figures = {"value": estimate.value, "low": estimate.low, "high": estimate.high}
                place = {"panel": f"{name}\n{line}", "line": "", "x": stratum, "trait": trait, "measure": line}
                rows.append({**place, **figures, "lesions": len(part), "patients": estimate.patients})
    if not rows:
        raise InputError("There is no lesion in truth or result, so nothing can be described; add patients with scar.")
    return pd.DataFrame(rows)


def _tiles(worst: pd.DataFrame, data: ExperimentData, runs: Sequence[Run], folder: Path) -> list[Tile]:
    """The worst slices with what the runs found on them."""
    tiles = []
    for row in worst.to_dict("records"):
        run = next(run for run in runs if run.folder_name == row["run"])
        job = run.job
        if not isinstance(job, FailureJob):
            continue
        # A patient may have several stacks; the case's name tells them apart.
        for record in (record for record in job.part.records if record.patient == row["patient"]):
            case = load_case(record)
            if case.stack.stem == row["case"]:
                result = job.read_result(folder / run.folder_name, record, case.stack.shape)
                title = f"{row['patient']}, slice {row['slice']}: DSC {row['dsc']:.2f}"
                tiles.append(Tile(case, int(row["slice"]), result, title))
    return tiles


def _print_flags(flags: pd.DataFrame) -> ReportTable:
    rows = [
        {
            "flag": row["flag"].removeprefix("is_"),
            "meaning": row["about"],
            "share": interval_text(row["value"], row["low"], row["high"]),
            "slices": f"{row['flagged']} of {row['slices']}",
        }
        for row in flags.to_dict("records")
    ]
    return ReportTable(pd.DataFrame(rows), "Of slices with scar in the truth; invented scar of slices without.")


def _print_traits(by_trait: pd.DataFrame) -> ReportTable:
    rows = [
        {
            "measure": row["measure"],
            "trait": TRAITS[row["trait"]],
            "stratum": row["x"],
            "share": interval_text(row["value"], row["low"], row["high"]),
            "lesions": str(row["lesions"]),
        }
        for row in by_trait.to_dict("records")
    ]
    return ReportTable(pd.DataFrame(rows), "Lesions are linked across slices; found means covered by a fifth or more.")


def _tell_flags(flags: pd.DataFrame) -> list[str]:
    return [
        f"{row['flag'].removeprefix('is_')} ({row['about']}): {row['flagged']} of {row['slices']} slices, "
        f"{interval_text(row['value'], row['low'], row['high'])}."
        for row in flags.to_dict("records")
    ]


def _tell_traits(by_trait: pd.DataFrame) -> list[str]:
    """For each trait the stratum that is found least, against the one that is found most."""
    sentences = []
    for trait in TRAITS:
        own = by_trait[(by_trait["trait"] == trait) & (by_trait["measure"] == RECALL)].dropna(subset=["value"])
        rows = sorted(own.to_dict("records"), key=lambda row: row["value"])
        if len(rows) < 2:
            continue
        least, most = (f"{r['x']} {interval_text(r['value'], r['low'], r['high'])}" for r in (rows[0], rows[-1]))
        sentences.append(f"{RECALL} by {TRAITS[trait]}: least at {least}, most at {most}.")
    return sentences


FAILURE_MODES = Experiment(
    name="failure-modes",
    title="how results fail",
    question="Where results fail: are they shifted, in pieces, missed or invented, and what do such lesions look like?",
    config=FailureModesConfig,
    plan=plan,
    find=find,
)
