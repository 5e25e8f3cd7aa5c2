"""What an experiment found: tables, figures, and sentences on what was shown and what was not."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import pandas as pd
from matplotlib.figure import Figure

from napari_scarseg.evaluation.summary import EvaluationTables
from napari_scarseg.experiments.config import ExperimentConfig
from napari_scarseg.experiments.data import ExperimentData
from napari_scarseg.experiments.run import Run
from napari_scarseg.measure.report.content import ReportTable
from napari_scarseg.measure.texts import interval_text, number_text, p_text

Config = TypeVar("Config", bound=ExperimentConfig)

# Adjusted p below which a difference is called shown.
ALPHA = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class NamedFigure:
    """One figure with the numbers that made it.

    Parameters
    ----------
    name : str
        Of its files.
    figure : Figure
    caption : str
    numbers : DataFrame
    """

    name: str
    figure: Figure
    caption: str
    numbers: pd.DataFrame


@dataclass(frozen=True, slots=True, eq=False)
class Findings:
    """The result of an experiment.

    Parameters
    ----------
    tables : mapping of file name → DataFrame
        Numbers, written as CSV.
    printed : tuple of ReportTable
        The same as they are to be read.
    figures : tuple of NamedFigure
    shown, not_shown : tuple of str
        Sentences.
    """

    tables: Mapping[str, pd.DataFrame]
    printed: tuple[ReportTable, ...]
    figures: tuple[NamedFigure, ...]
    shown: tuple[str, ...]
    not_shown: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True, eq=False)
class Experiment(Generic[Config]):
    """One experiment.

    Parameters
    ----------
    name : str
        On the command line.
    title, question : str
    config : type of ExperimentConfig
    plan : callable
        (config, data) → runs.
    find : callable
        (config, data, runs, tables, folder of the runs) → Findings.
    """

    name: str
    title: str
    question: str
    config: type[Config]
    plan: Callable[[Config, ExperimentData], list[Run]]
    find: Callable[[Config, ExperimentData, Sequence[Run], EvaluationTables, Path], Findings]


AnyExperiment = Experiment[Any]


def print_estimates(estimates: pd.DataFrame, note: str = "") -> ReportTable:
    """A row per method, a column per measure, each with its interval; the patients are those of the first measure."""
    rows = []
    for method in dict.fromkeys(estimates["method"]):
        own = estimates[estimates["method"] == method].set_index("measure")
        cells = {str(m): interval_text(*own.loc[m, ["value", "low", "high"]].astype(float)) for m in own.index}
        rows.append({"method": str(method), **cells, "patients": str(int(own["patients"].iloc[0]))})
    return ReportTable(pd.DataFrame(rows).fillna("–"), note or "95 % intervals over drawn patients.")


def print_comparison(compared: pd.DataFrame) -> ReportTable:
    """A row per method and measure: the difference from the reference with its interval and adjusted p."""
    rows = [
        {
            "method": row["method"],
            "against": row["reference"],
            "measure": row["measure"],
            "difference": interval_text(row["difference"], row["low"], row["high"]),
            "p, adjusted": p_text(row["p_adjusted"]),
            "patients": str(row["patients"]),
        }
        for row in compared.to_dict("records")
    ]
    return ReportTable(
        pd.DataFrame(rows),
        "Paired by patient, each counted once: mean difference with its 95 % interval, Wilcoxon signed-rank test, p "
        "adjusted by Benjamini and Hochberg over this table.",
    )


def tell_difference(row: Mapping[Any, Any]) -> str:
    """One sentence on a row of `results.compare_with`."""
    text = interval_text(row["difference"], row["low"], row["high"])
    against = f"{row['method']} against {row['reference']}: {row['measure']} {text}, p {p_text(row['p_adjusted'])}"
    patients = f"{row['patients']} patients"
    if row["p_adjusted"] != row["p_adjusted"]:
        return f"{against} ({patients}): too few patients for a test."
    if row["p_adjusted"] < ALPHA:
        return f"{against} ({patients}): {'higher' if row['difference'] > 0 else 'lower'}."
    return f"{against} ({patients}): no difference shown."


def by_method(table: pd.DataFrame, measure: str) -> dict[str, dict[Any, Any]]:
    """The rows of one measure by their method."""
    return {str(row["method"]): row for row in table[table["measure"] == measure].to_dict("records")}


def tell_estimate(estimates: pd.DataFrame, method: str, measure: str) -> str:
    """A figure of a method as text, e.g. "0.61 [0.55, 0.66]"."""
    row = estimates[(estimates["method"] == method) & (estimates["measure"] == measure)]
    return (
        interval_text(*row[["value", "low", "high"]].iloc[0].astype(float)) if len(row) else number_text(float("nan"))
    )
