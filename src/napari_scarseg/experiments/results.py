"""Finished runs as one set of tables, and the figures that every experiment takes from them."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from napari_scarseg.evaluation.estimates import Estimate, bootstrap, mean_of
from napari_scarseg.evaluation.paired import compare_methods
from napari_scarseg.evaluation.summary import EvaluationTables
from napari_scarseg.experiments.execute import read_result
from napari_scarseg.experiments.run import Run

VARIANT = "variant"

# What a comparison tests. Its adjusted p is over these rows of all variants.
DSC = "slice DSC"
PERIMETER = "perimeter similarity"
VOLUME_DSC = "patient-volume DSC"
FALSE_SCAR = "share of scar-free slices left empty"
_COMPARED = {
    "dsc, mean over the patient's slices with scar": DSC,
    "perimeter_similarity, mean over the patient's slices with scar": PERIMETER,
    "volume DSC, infarct patients": VOLUME_DSC,
}


def collect_runs(runs: Sequence[Run], folder: Path) -> EvaluationTables:
    """The rows of all runs, with the settings as further columns.

    The `method` becomes the run's variant, with the run's own method behind it where it has several, and keeps its own
    name where there is no variant. Several seeds and folds of one variant are one method.
    """
    parts = [_label(run, read_result(folder, run)) for run in runs]
    return EvaluationTables(
        *(
            pd.concat([getattr(part, name) for part in parts], ignore_index=True)
            for name in ("slices", "lesions", "stacks")
        )
    )


def _label(run: Run, tables: EvaluationTables) -> EvaluationTables:
    variant = str(run.settings.get(VARIANT, ""))
    several = len(tables.methods) > 1

    def name(method: str) -> str:
        if not variant:
            return method
        return f"{variant}, {method}" if several else variant

    def label(table: pd.DataFrame) -> pd.DataFrame:
        own = table.assign(run=run.folder_name, **dict(run.settings))
        return own.assign(method=own["method"].astype(str).map(name))

    return EvaluationTables(label(tables.slices), label(tables.lesions), label(tables.stacks))


def tabulate_runs(runs: Sequence[Run], tables: EvaluationTables) -> pd.DataFrame:
    """One row per run and method: its settings and its means, without intervals and without times."""
    rows = []
    for run in runs:
        slices = tables.slices[tables.slices["run"] == run.folder_name]
        stacks = tables.stacks[tables.stacks["run"] == run.folder_name]
        for method in dict.fromkeys(slices["method"]):
            own, volumes = slices[slices["method"] == method], stacks[stacks["method"] == method]
            with_scar, without = own[own.truth_px > 0], own[own.truth_px == 0]
            rows.append(
                {
                    "run": run.folder_name,
                    "method": method,
                    **{key: value for key, value in run.settings.items() if key != VARIANT},
                    "patients": own["patient"].nunique(),
                    "slices_with_scar": len(with_scar),
                    "slice_dsc": with_scar.dsc.mean(),
                    "perimeter_similarity": with_scar.perimeter_similarity.mean(),
                    "patient_volume_dsc": volumes[volumes.truth_px > 0].volume_dsc.mean(),
                    "scar_free_slices_left_empty": (without.result_px == 0).mean() if len(without) else np.nan,
                }
            )
    return pd.DataFrame(rows)


def estimate_methods(tables: EvaluationTables, *, seed: int = 0) -> pd.DataFrame:
    """DSC, perimeter similarity, volume DSC and empty scar-free slices of every method, with intervals over patients.

    Columns `method, measure, value, low, high, patients, rows`.
    """
    rows = []
    for method in tables.methods:
        own = tables.of_method(method)
        with_scar, without = own.slices[own.slices.truth_px > 0], own.slices[own.slices.truth_px == 0]
        infarct = own.stacks[own.stacks.truth_px > 0]
        for measure, table, values in (
            (DSC, with_scar, with_scar.dsc),
            (PERIMETER, with_scar, with_scar.perimeter_similarity),
            (VOLUME_DSC, infarct, infarct.volume_dsc),
            (FALSE_SCAR, without, without.result_px == 0),
        ):
            estimate = estimate_mean(table.patient, values, seed=seed)
            rows.append({"method": method, "measure": measure, **_values(estimate)})
    return pd.DataFrame(rows)


def estimate_mean(patients: pd.Series, values: pd.Series, *, seed: int = 0) -> Estimate:
    """A mean over rows with its 95 % interval over patients."""
    return bootstrap(patients, {"x": values}, mean_of("x"), seed=seed)


def compare_with(
    tables: EvaluationTables, reference: str, others: Iterable[str] | None = None, *, seed: int = 0
) -> pd.DataFrame:
    """Methods against a reference method, paired by patient: differences, intervals, adjusted p.

    Columns `method, reference, measure, value, other, difference, low, high, p, p_adjusted, patients`; the tests are
    Wilcoxon's signed-rank, adjusted by Benjamini and Hochberg over all rows of this table.
    """
    chosen = list(others) if others is not None else [method for method in tables.methods if method != reference]
    return compare_groups(tables, [(reference, chosen)], seed=seed)


def compare_groups(
    tables: EvaluationTables, groups: Iterable[tuple[str, Sequence[str]]], *, seed: int = 0
) -> pd.DataFrame:
    """As `compare_with`, for several references with methods of their own: p is adjusted over the whole table."""
    parts = []
    for reference, methods in groups:
        for method in methods:
            rows = compare_methods(tables, method, reference, seed=seed)
            rows = rows[rows["measure"].isin(_COMPARED)]
            parts.append(rows.assign(method=method, reference=reference, measure=rows["measure"].map(_COMPARED)))
    if not parts:
        return pd.DataFrame()
    table = pd.concat(parts, ignore_index=True)
    tested = table["p"].notna()
    if tested.any():
        table.loc[tested, "p_adjusted"] = stats.false_discovery_control(table.loc[tested, "p"].to_numpy())
    first = ["method", "reference", "measure"]
    return table[[*first, *(name for name in table.columns if name not in first)]]


def is_synthetic(tables: EvaluationTables) -> str:
    """What a page and its figures must say of phantoms; empty for real data alone."""
    phantoms = tables.stacks["cohort"].astype(str).str.casefold().str.startswith("phantom")
    if phantoms.all():
        return "synthetic phantom data"
    return "includes synthetic phantom data" if phantoms.any() else ""


def _values(estimate: Estimate) -> dict[str, float]:
    return {
        "value": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "patients": estimate.patients,
        "rows": estimate.rows,
    }
