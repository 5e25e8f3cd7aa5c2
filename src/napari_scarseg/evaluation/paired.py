"""Two runs on the same patients: differences with intervals and paired tests, patients as the unit."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from napari_scarseg.errors import InputError
from napari_scarseg.evaluation.estimates import DRAWS, bootstrap, mean_of
from napari_scarseg.evaluation.summary import EvaluationTables

# Below six pairs a two-sided signed-rank test cannot reach p = 0.05.
LEAST_PAIRS = 6

_SLICE_COLUMNS = ("dsc", "iou", "perimeter_similarity", "surface_dice_1px", "surface_dice_2px")


def signed_rank_p(differences: npt.ArrayLike) -> float:
    """Two-sided Wilcoxon signed-rank test of paired differences (`scipy.stats.wilcoxon`).

    NaN below six pairs; 1 where all differences are zero.
    """
    values = np.asarray(differences, dtype=np.float64)
    values = values[np.isfinite(values)]
    if len(values) < LEAST_PAIRS:
        return float("nan")
    if not values.any():
        return 1.0
    return float(stats.wilcoxon(values).pvalue)


def compare_runs(
    tables: EvaluationTables, others: EvaluationTables, *, draws: int = DRAWS, seed: int = 0
) -> pd.DataFrame:
    """Every method of `tables` against the same method of `others`, over the patients of both.

    Slices with scar are averaged within the patient first, so that a patient counts once. Columns: `method, measure,
    value, other, difference, low, high, p, p_adjusted, patients`. The interval is of the mean difference over drawn
    patients, `p` of a Wilcoxon signed-rank test, `p_adjusted` after Benjamini and Hochberg over all rows.

    Raises
    ------
    InputError
        If the runs share no method, or no patient.
    """
    return _tabulate(_shared_methods(tables, others), draws, seed)


def compare_methods(
    tables: EvaluationTables, first: str, second: str, *, draws: int = DRAWS, seed: int = 0
) -> pd.DataFrame:
    """Method `first` of a run against its method `second`; columns as in `compare_runs`."""
    return _tabulate([_Pair(f"{first} - {second}", tables.of_method(first), tables.of_method(second))], draws, seed)


@dataclass(frozen=True, slots=True, eq=False)
class _Pair:
    """Rows of one method of two runs."""

    method: str
    ours: EvaluationTables
    theirs: EvaluationTables

    def of_patients(self, value: Callable[[EvaluationTables], pd.Series]) -> pd.DataFrame:
        """One value per patient of each, columns `value` and `other`, patients of both only."""
        return pd.DataFrame({"value": value(self.ours), "other": value(self.theirs)}).dropna()


def _shared_methods(tables: EvaluationTables, others: EvaluationTables) -> list[_Pair]:
    shared = [method for method in tables.methods if method in others.methods]
    if not shared:
        raise InputError("The two runs have no method in common; evaluate both with the same --prompts.")
    return [_Pair(method, tables.of_method(method), others.of_method(method)) for method in shared]


def _tabulate(pairs: list[_Pair], draws: int, seed: int) -> pd.DataFrame:
    rows = []
    for pair in pairs:
        for measure, value in _measures().items():
            both = pair.of_patients(value)
            if both.empty:
                continue
            difference = (both["value"] - both["other"]).to_numpy()
            estimate = bootstrap(both.index.to_numpy(), {"d": difference}, mean_of("d"), draws=draws, seed=seed)
            rows.append(
                {
                    "method": pair.method,
                    "measure": measure,
                    "value": both["value"].mean(),
                    "other": both["other"].mean(),
                    "difference": estimate.value,
                    "low": estimate.low,
                    "high": estimate.high,
                    "p": signed_rank_p(difference),
                    "p_adjusted": np.nan,
                    "patients": len(both),
                }
            )
    if not rows:
        raise InputError("The two runs have no patient in common; evaluate both on the same data set.")
    table = pd.DataFrame(rows)
    tested = table["p"].notna()
    if tested.any():
        table.loc[tested, "p_adjusted"] = stats.false_discovery_control(table.loc[tested, "p"].to_numpy())
    return table


def _measures() -> dict[str, Callable[[EvaluationTables], pd.Series]]:
    """What is compared: a value per patient out of one method's tables."""
    slice_means = {
        f"{column}, mean over the patient's slices with scar": partial(_slice_mean, column=column)
        for column in _SLICE_COLUMNS
    }
    return {
        **slice_means,
        "volume DSC, infarct patients": _volume_dsc,
        "size error (px, absolute), infarct patients": _size_error,
        "false scar (px), scar-free patients": _false_scar,
    }


def _slice_mean(tables: EvaluationTables, column: str) -> pd.Series:
    return tables.slices[tables.slices.truth_px > 0].groupby("patient")[column].mean()


def _volume_dsc(tables: EvaluationTables) -> pd.Series:
    return tables.stacks[tables.stacks.truth_px > 0].groupby("patient")["volume_dsc"].mean()


def _size_error(tables: EvaluationTables) -> pd.Series:
    infarct = tables.stacks[tables.stacks.truth_px > 0]
    return (infarct.result_px - infarct.truth_px).abs().groupby(infarct.patient).mean()


def _false_scar(tables: EvaluationTables) -> pd.Series:
    return tables.stacks[tables.stacks.truth_px == 0].groupby("patient")["result_px"].mean()
