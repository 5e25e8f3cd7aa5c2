"""Experiment: baselines on the same folds: thresholds, a plain U-Net of the same size, nnU-Net."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_scarseg.datasets import CaseRecord, load_case
from napari_scarseg.evaluation.baselines import BASELINES, evaluate_baseline
from napari_scarseg.evaluation.prompts import PromptSource
from napari_scarseg.evaluation.summary import EvaluationTables, collect_tables, summarise
from napari_scarseg.experiments.config import OneSourceConfig
from napari_scarseg.experiments.data import ExperimentData
from napari_scarseg.experiments.findings import (
    Experiment,
    Findings,
    NamedFigure,
    print_comparison,
    print_estimates,
    tell_difference,
)
from napari_scarseg.experiments.nnunet_job import NnUnetJob, NnUnetSettings
from napari_scarseg.experiments.results import (
    DSC,
    VARIANT,
    VOLUME_DSC,
    compare_with,
    estimate_methods,
    is_synthetic,
)
from napari_scarseg.experiments.run import Run, Setting
from napari_scarseg.experiments.training_plan import Variant, plan_training
from napari_scarseg.experiments.unet_job import UnetJob
from napari_scarseg.measure.figure_intervals import interval_figure

PROMPTED, UNET, NNUNET = "promptable network, true boxes", "plain U-Net, true LV's window", "nnU-Net, whole slices"


class BaselinesConfig(OneSourceConfig):
    """Which methods run; `nnunet` needs nnU-Net v2 on the PATH."""

    thresholds: bool = True
    unet: bool = True
    promptable: bool = True
    nnunet: NnUnetSettings | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ThresholdJob:
    """n-SD, FWHM and Otsu inside the true myocardium of some cases.

    Parameters
    ----------
    records : tuple of CaseRecord
    """

    records: tuple[CaseRecord, ...]

    def describe(self) -> dict[str, Any]:
        """See `run.Job`."""
        methods = [config.as_dict() for config in BASELINES]
        return {"job": "thresholds", "methods": methods, "patients": [record.patient for record in self.records]}

    def execute(self, folder: Path) -> EvaluationTables:
        """Every method on every case."""
        cases = ((load_case(record), record.fold) for record in self.records)
        return collect_tables((evaluate_baseline(case, config), fold) for case, fold in cases for config in BASELINES)


def plan(config: BaselinesConfig, data: ExperimentData) -> list[Run]:
    """For every fold: the thresholds, and for every seed the networks."""
    runs = []
    for fold in config.folds:
        held_out = data.of_fold(fold)
        others = tuple(record for record in data.records if record.fold != fold)
        if config.thresholds:
            runs.append(Run(f"thresholds-fold{fold}", {"fold": fold}, ThresholdJob(held_out), data.sha256))
        for seed in config.seeds if config.unet else ():
            job = UnetJob(config.build(data.table, fold, seed, {}), held_out, PromptSource.TRUTH.value)
            runs.append(Run(f"unet-fold{fold}-seed{seed}", _settings(UNET, fold, seed), job, data.sha256))
        if config.nnunet is not None:
            short = config.nnunet.short
            train = others if short is None else _with_scar_first(others)[: short.train_cases]
            test = held_out if short is None else _with_scar_first(held_out)[: short.test_cases]
            job_of_fold = NnUnetJob(config.nnunet, train, test, config.device, PromptSource.TRUTH.value)
            runs.append(Run(f"nnunet-fold{fold}", _settings(NNUNET, fold), job_of_fold, data.sha256))
    if config.promptable:
        runs += plan_training(config, data, [Variant(PROMPTED, {})])
    return runs


def find(
    config: BaselinesConfig, data: ExperimentData, runs: Sequence[Run], tables: EvaluationTables, folder: Path
) -> Findings:
    """All methods with intervals, and everything against the promptable network, paired."""
    estimates = estimate_methods(tables, seed=config.seed)
    compared = compare_with(tables, PROMPTED, seed=config.seed) if PROMPTED in tables.methods else None
    figures = []
    for measure, name in ((DSC, "dsc"), (VOLUME_DSC, "volume_dsc")):
        points = estimates[estimates["measure"] == measure].rename(columns={"method": "name"})
        figure = interval_figure(
            points,
            measure,
            reference=None,
            limits=(0, 1),
            texts=[f"{count} patients" for count in points["patients"]],
            note="95 % intervals over patients",
            synthetic=is_synthetic(tables),
        )
        figures.append(NamedFigure(name, figure, f"{measure} of every method.", points))
    shown = [] if compared is None else compared[compared["measure"] == DSC].to_dict("records")
    limits = [
        "Methods are told different things: thresholds the true myocardium, the plain U-Net where the LV is, the "
        "promptable network that and a true box per scar, nnU-Net nothing. A higher figure is not a better method.",
    ]
    if config.nnunet is not None and config.nnunet.short is not None:
        limits.append(
            "nnU-Net was trained for minutes on a few cases, with a smaller network than it planned: this shows that "
            "the way there and back works, and nothing about nnU-Net."
        )
    return Findings(
        tables={
            "estimates": estimates,
            "summary": summarise(tables),
            **({} if compared is None else {"compared": compared}),
        },
        printed=(print_estimates(estimates), *(() if compared is None else (print_comparison(compared),))),
        figures=tuple(figures),
        shown=tuple(tell_difference(row) for row in shown),
        not_shown=tuple(limits),
    )


def _settings(variant: str, fold: int, seed: int | None = None) -> dict[str, Setting]:
    return {VARIANT: variant, "fold": fold, **({} if seed is None else {"seed": seed})}


def _with_scar_first(records: Sequence[CaseRecord]) -> tuple[CaseRecord, ...]:
    """Infarct patients before scar-free ones: a few cases are to hold something to learn."""
    return tuple(sorted(records, key=lambda record: record.phase.value == "none"))


BASELINES_EXPERIMENT = Experiment(
    name="baselines",
    title="baselines on the same folds",
    question="What do threshold methods, a plain U-Net of the same size and nnU-Net reach on the same patients?",
    config=BaselinesConfig,
    plan=plan,
    find=find,
)
