"""Experiment: how fragile is the cascade? Wrong boxes by controlled amounts, and what the segmenter loses."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from pydantic import Field, model_validator

from napari_scarseg.evaluation.prompts import PromptSource
from napari_scarseg.evaluation.summary import EvaluationTables
from napari_scarseg.experiments.box_errors import BoxError
from napari_scarseg.experiments.config import Strict, WeightsConfig
from napari_scarseg.experiments.data import ExperimentData
from napari_scarseg.experiments.findings import (
    ALPHA,
    Experiment,
    Findings,
    NamedFigure,
    by_method,
    print_comparison,
    print_estimates,
)
from napari_scarseg.experiments.results import (
    DSC,
    FALSE_SCAR,
    PERIMETER,
    VOLUME_DSC,
    compare_groups,
    estimate_methods,
    is_synthetic,
)
from napari_scarseg.experiments.run import Run
from napari_scarseg.experiments.weights_job import BoxErrorJob, error_method, plan_weights
from napari_scarseg.measure.figure_curves import curves_figure
from napari_scarseg.measure.texts import interval_text, number_text

_LABELS = {
    BoxError.SHIFT: "shift, in sides of the box",
    BoxError.SCALE: "sides × this",
    BoxError.MISS: "share of boxes missed",
    BoxError.SPURIOUS: "spurious boxes per slice",
    BoxError.MERGE: "share of slices with boxes merged",
    BoxError.SPLIT: "share of boxes split in two",
}


class Amounts(Strict):
    """Amounts of each error; the neutral one is always run. An empty list leaves the error out."""

    shift: tuple[float, ...] = (0.1, 0.2, 0.3, 0.5)
    scale: tuple[float, ...] = (0.6, 0.8, 1.25, 1.6, 2.0)
    miss: tuple[float, ...] = (0.1, 0.25, 0.5)
    spurious: tuple[float, ...] = (0.25, 0.5, 1.0, 2.0)
    merge: tuple[float, ...] = (0.5, 1.0)
    split: tuple[float, ...] = (0.25, 0.5, 1.0)

    @model_validator(mode="after")
    def _sensible(self) -> "Amounts":
        if min((0.0, *self.shift, *self.scale, *self.spurious)) < 0 or 0 in self.scale:
            raise ValueError("amounts are positive")
        if any(not 0 <= share <= 1 for share in (*self.miss, *self.merge, *self.split)):
            raise ValueError("miss, merge and split are shares in [0, 1]")
        return self

    def of(self, error: BoxError) -> tuple[float, ...]:
        """All amounts of an error in rising order, the neutral one among them; empty where it is left out."""
        own: tuple[float, ...] = getattr(self, error.value)
        return tuple(sorted({*own, error.neutral})) if own else ()


class DetectorErrorsConfig(WeightsConfig):
    """See `box_errors.BoxError` for what the amounts mean."""

    amounts: Amounts = Field(default_factory=Amounts)


def plan(config: DetectorErrorsConfig, data: ExperimentData) -> list[Run]:
    """One run per error and piece of the data; a run holds all amounts of its error."""
    parts = plan_weights(config, data, (PromptSource.TRUTH,))
    runs = []
    for error in BoxError:
        amounts = config.amounts.of(error)
        for number, part in enumerate(parts if amounts else []):
            settings = {"error": error.value, "piece": number, "fold": "all" if part.fold is None else part.fold}
            runs.append(Run(f"{error.value}-{number:02d}", settings, BoxErrorJob(part, error, amounts), data.sha256))
    return runs


def find(
    config: DetectorErrorsConfig, data: ExperimentData, runs: Sequence[Run], tables: EvaluationTables, folder: Path
) -> Findings:
    """Curves of DSC, volume DSC and empty scar-free slices over the amount of each error."""
    estimates = estimate_methods(tables, seed=config.seed)
    points = _points(config, estimates)
    pairs = [
        (
            error_method(error, error.neutral),
            [error_method(error, amount) for amount in config.amounts.of(error) if amount != error.neutral],
        )
        for error in BoxError
        if config.amounts.of(error)
    ]
    compared = compare_groups(tables, pairs, seed=config.seed)
    labels = {error.value: label for error, label in _LABELS.items()}
    figure = curves_figure(
        points[points["line"].isin([DSC, PERIMETER, VOLUME_DSC])],
        labels,
        "value",
        note="95 % intervals over patients; slices with scar, infarct patients",
        synthetic=is_synthetic(tables),
    )
    empty = points[(points["line"] == FALSE_SCAR) & (points["panel"] == BoxError.SPURIOUS.value)]
    figures = [NamedFigure("errors", figure, "What each error of the boxes costs, error by error.", points)]
    if len(empty) and empty["value"].notna().any():
        figures.append(
            NamedFigure(
                "false_scar",
                curves_figure(empty, labels, FALSE_SCAR, synthetic=is_synthetic(tables)),
                "How often a scar-free slice stays empty although it has spurious boxes.",
                empty,
            )
        )
    return Findings(
        tables={"estimates": estimates, "compared": compared},
        printed=(print_estimates(estimates), print_comparison(compared)),
        figures=tuple(figures),
        shown=_sentences(config, compared),
        not_shown=(
            "Errors are made one kind at a time and independently of the image; those of a detector come together and "
            "where the image is hard.",
        ),
    )


def _points(config: DetectorErrorsConfig, estimates: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for error in BoxError:
        for amount in config.amounts.of(error):
            own = estimates[estimates["method"] == error_method(error, amount)]
            for row in own.to_dict("records"):
                place = {"panel": error.value, "line": row["measure"], "x": amount}
                rows.append({**place, **{name: row[name] for name in ("value", "low", "high", "patients")}})
    return pd.DataFrame(rows)


def _sentences(config: DetectorErrorsConfig, compared: pd.DataFrame) -> tuple[str, ...]:
    """For each error, what its largest amount in the table costs, and the least amount with a loss that is shown."""
    sentences = []
    on_dsc = by_method(compared, DSC)
    for error in BoxError:
        amounts = [a for a in config.amounts.of(error) if a != error.neutral]
        if not amounts:
            continue
        rows = {a: on_dsc[error_method(error, a)] for a in amounts}
        worst = min(amounts, key=lambda a: rows[a]["difference"])
        row = rows[worst]
        text = interval_text(row["difference"], row["low"], row["high"])
        lost = [
            a
            for a in sorted(amounts, key=lambda a: abs(a - error.neutral))
            if rows[a]["p_adjusted"] < ALPHA and rows[a]["difference"] < 0
        ]
        least = (
            f"the least amount with a loss shown is {number_text(lost[0])}" if lost else "no amount has a loss shown"
        )
        sentences.append(f"{error.value} ({_LABELS[error]}): {worst:g} changes the {DSC} by {text}; {least}.")
    return tuple(sentences)


DETECTOR_ERRORS = Experiment(
    name="detector-errors",
    title="a detector's errors and what they cost",
    question="True boxes are made wrong on purpose, one kind of error at a time. How much does the segmenter lose?",
    config=DetectorErrorsConfig,
    plan=plan,
    find=find,
)
