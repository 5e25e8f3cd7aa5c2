"""Experiment: train on some cohorts (or phases), test on others."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

import pandas as pd
from pydantic import Field

from napari_scarseg.core.case import Phase
from napari_scarseg.datasets import CaseRecord, Trait, write_dataset
from napari_scarseg.errors import InputError
from napari_scarseg.evaluation.summary import EvaluationTables
from napari_scarseg.experiments.config import TrainingExperimentConfig
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
from napari_scarseg.experiments.results import DSC, VARIANT, compare_groups, estimate_methods, is_synthetic
from napari_scarseg.experiments.run import Run, Setting, hash_record
from napari_scarseg.experiments.training_job import HeldOut, TrainingJob
from napari_scarseg.measure.figure_curves import matrix_figure
from napari_scarseg.measure.texts import interval_text

_TRAINED_ON = "trained on "


class Holdout(StrEnum):
    """What is trained on."""

    SINGLE = "single"  # each group alone
    OTHERS = "others"  # all groups but one


class CohortHoldoutConfig(TrainingExperimentConfig):
    """Groups are cohorts, or phases (acute and chronic; scar-free patients then train with either and test with none).

    Within a group, the patients of the held-out fold are tested and the others trained on, so that every network meets
    the same test patients, also in its own group.
    """

    by: Trait = Trait.COHORT
    holdouts: tuple[Holdout, ...] = Field(default=(Holdout.SINGLE,), min_length=1)


def plan(config: CohortHoldoutConfig, data: ExperimentData) -> list[Run]:
    """One network per set of training groups, fold and seed; each is tested on every group."""
    groups, everywhere = split_groups(data.records, config.by)
    runs = []
    for name, members in _training_sets(config, list(groups)):
        records = [*(record for member in members for record in groups[member]), *everywhere]
        for fold in config.folds:
            table = _write_table(data, records, fold)
            tests = tuple(
                HeldOut(f"tested on {group}", tuple(record for record in own if record.fold == fold))
                for group, own in groups.items()
            )
            for seed in config.seeds:
                training = config.build(table, fold, seed, {})
                job = TrainingJob(training, tests, config.prompts, config.device, config.seed)
                settings: dict[str, Setting] = {VARIANT: name, "fold": fold, "seed": seed}
                runs.append(Run(f"{hash_record({'name': name})[:6]}-fold{fold}-seed{seed}", settings, job, data.sha256))
    return runs


def split_groups(records: Sequence[CaseRecord], by: Trait) -> tuple[dict[str, list[CaseRecord]], list[CaseRecord]]:
    """Cases of each group in alphabetical order, and those that belong to none and train with all.

    Raises
    ------
    InputError
        If there is one group only.
    """
    everywhere = [record for record in records if by is Trait.PHASE and record.phase is Phase.NONE]
    groups: dict[str, list[CaseRecord]] = {}
    for record in records:
        if record not in everywhere:
            name = record.phase.value if by is Trait.PHASE else record.cohort or "unnamed"
            groups.setdefault(name, []).append(record)
    if len(groups) < 2:
        raise InputError(f"All patients belong to one {by.value}, so none can be held out; add data of another one.")
    return dict(sorted(groups.items())), everywhere


def find(
    config: CohortHoldoutConfig, data: ExperimentData, runs: Sequence[Run], tables: EvaluationTables, folder: Path
) -> Findings:
    """The matrix of DSC, and on each group every other network against the group's own, paired."""
    groups, _ = split_groups(data.records, config.by)
    estimates = estimate_methods(tables, seed=config.seed)
    trained = [name for name, _ in _training_sets(config, list(groups))]
    boxes = [""] if len(config.prompts) == 1 else [f", {source.value}" for source in config.prompts]
    figures: list[NamedFigure] = []
    compared: list[tuple[str, list[str]]] = []
    for suffix in boxes:
        matrix, texts = _matrix(estimates, trained, list(groups), suffix)
        figures.append(
            NamedFigure(
                f"matrix{suffix.replace(', ', '_')}",
                matrix_figure(
                    matrix,
                    DSC,
                    texts=texts,
                    row_label="trained on",
                    col_label="tested on",
                    note="slice DSC with its 95 % interval over patients",
                    synthetic=is_synthetic(tables),
                ),
                f"DSC of every network on every group{suffix}.",
                matrix.reset_index(names="trained"),
            )
        )
        for group in groups:
            own = f"{_TRAINED_ON}{group}, tested on {group}{suffix}"
            others = [f"{name}, tested on {group}{suffix}" for name in trained]
            if own in tables.methods:
                compared.append((own, [other for other in others if other != own]))
    paired = compare_groups(tables, compared, seed=config.seed)
    shown = [tell_difference(row) for row in paired[paired["measure"] == DSC].to_dict("records")] if compared else []
    limits = ["Groups differ in more than the scanner: in patients, labels and size of the training set."]
    if is_synthetic(tables) and config.by is Trait.PHASE:
        limits.append("Acute and chronic phantoms are a demonstration; they say nothing of acute and chronic patients.")
    return Findings(
        tables={"estimates": estimates, **({"compared": paired} if compared else {})},
        printed=(print_estimates(estimates), *([print_comparison(paired)] if compared else [])),
        figures=tuple(figures),
        shown=tuple(shown),
        not_shown=tuple(limits),
    )


def _training_sets(config: CohortHoldoutConfig, groups: list[str]) -> list[tuple[str, list[str]]]:
    """Name and groups of every network."""
    sets = []
    if Holdout.SINGLE in config.holdouts:
        sets += [(f"{_TRAINED_ON}{group}", [group]) for group in groups]
    if Holdout.OTHERS in config.holdouts and (len(groups) > 2 or not sets):
        sets += [(f"{_TRAINED_ON}all but {group}", [other for other in groups if other != group]) for group in groups]
    return sets


def _write_table(data: ExperimentData, records: Sequence[CaseRecord], fold: int) -> Path:
    key = hash_record({"data": data.sha256, "fold": fold, "patients": [record.patient for record in records]})
    table = data.folder / f"dataset-{key[:10]}.csv"
    if not table.is_file():
        write_dataset(table, records)
    return table


def _matrix(
    estimates: pd.DataFrame, trained: Sequence[str], groups: Sequence[str], suffix: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    on_dsc = by_method(estimates, DSC)
    values, texts = {}, {}
    for group in groups:
        rows = [on_dsc[f"{name}, tested on {group}{suffix}"] for name in trained]
        values[group] = [float(row["value"]) for row in rows]
        # The interval on a line of its own.
        texts[group] = [interval_text(row["value"], row["low"], row["high"]).replace(" [", "\n[") for row in rows]
    index = [name.removeprefix(_TRAINED_ON) for name in trained]
    return pd.DataFrame(values, index=index), pd.DataFrame(texts, index=index)


COHORT_HOLDOUT = Experiment(
    name="cohort-holdout",
    title="cohorts held out",
    question="How well does a network do on patients of a cohort, a scanner or a phase that it was not trained on?",
    config=CohortHoldoutConfig,
    plan=plan,
    find=find,
)
