"""How far the features of two label sets of the same images agree, e.g. by hand and automatic."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_scarseg.errors import InputError
from napari_scarseg.measure.agreement import SMALLEST_AGREEMENT_N, intraclass_correlation, limits_of_agreement
from napari_scarseg.measure.features import FEATURES, feature
from napari_scarseg.measure.figure_groups import feature_values, synthetic_text
from napari_scarseg.measure.statistics.features_compared import is_comparable
from napari_scarseg.measure.summaries import summarise_patients

_DRAWS = 999


@dataclass(frozen=True, slots=True, eq=False)
class LabelAgreement:
    """What came out.

    Parameters
    ----------
    results : DataFrame
        One row per feature: `feature, title, unit, n_pairs, n_patients, mean_first, mean_second`, the intraclass
        correlation `icc, icc_low, icc_high`, and `bias` (second − first) with `bias_low, bias_high, sd, lower, upper`
        (limits of agreement). Empty where fewer than 5 pairs are defined.
    pairs : DataFrame
        `patient` (`slice`), `cohort`, and `<feature>_first, <feature>_second`.
    unit : str
        What one pair stands for.
    only_first, only_second : int
        Patients (or slices) with scar in one set alone. They are in no pair.
    warnings : tuple of str
    synthetic : str
    """

    results: pd.DataFrame
    pairs: pd.DataFrame
    unit: str
    only_first: int
    only_second: int
    warnings: tuple[str, ...]
    synthetic: str


def compare_label_sets(
    first: pd.DataFrame,
    second: pd.DataFrame,
    *,
    by_slice: bool = False,
    features: Sequence[str] = (),
    draws: int = _DRAWS,
    seed: int = 0,
) -> LabelAgreement:
    """Pair two tables of measures of the same images, and say for each feature how far they agree.

    Values are per patient as `summarise_patients` says or, `by_slice`, the same over each slice's lesions alone: lesion
    numbers differ between label sets, patients and slices do not.

    Parameters
    ----------
    first, second : DataFrame
        From `measure_labels`, with the same patients (visits) and, `by_slice`, the same slices.
    by_slice : bool
    features : sequence of str
        Empty for all that both tables have.
    draws, seed : int
        Bootstrap draws of patients for the ICC's 95 % interval (percentiles); slices of a patient are drawn together.

    Raises
    ------
    InputError
        If a table is not one of measures, fewer than 5 pairs are found, or a feature is in neither.
    """
    names = [feature(name).name for name in dict.fromkeys(features)] or [
        spec.name for spec in FEATURES if is_comparable(spec, by_slice=by_slice)
    ]
    values = [_values(table, by_slice) for table in (first, second)]
    present = [name for name in names if all(name in table for table in values)]
    if not present:
        raise InputError("The two tables share no feature; give two tables that Measure wrote.")
    keys = ["patient", *(["visit"] if all("visit" in table for table in values) else [])]
    keys += ["slice"] if by_slice else []
    for table, which in zip(values, ("first", "second"), strict=True):
        if table.duplicated(keys).any():
            raise InputError(
                f"The {which} table has a {'slice' if by_slice else 'patient'} in several phases or cohorts; keep one."
            )
    pairs = values[0][[*keys, *present]].merge(
        values[1][[*keys, *present]], on=keys, how="outer", suffixes=("_first", "_second"), indicator=True
    )
    both = pairs["_merge"] == "both"
    only_first, only_second = (int((pairs["_merge"] == side).sum()) for side in ("left_only", "right_only"))
    paired = pairs[both].drop(columns="_merge").reset_index(drop=True)
    if len(paired) < SMALLEST_AGREEMENT_N:
        raise InputError(
            f"Only {len(paired)} {'slices' if by_slice else 'patients'} are in both tables, by the column 'patient'; "
            f"agreement needs {SMALLEST_AGREEMENT_N}. Use the same names in both."
        )
    paired["cohort"] = paired["patient"].map(values[0].drop_duplicates("patient").set_index("patient")["cohort"])
    results = pd.DataFrame([_agreement_row(paired, name, draws, seed) for name in present])
    unit = "slices" if by_slice else "patients"
    warnings = _warnings(only_first, only_second, unit)
    return LabelAgreement(
        results, paired, unit, only_first, only_second, warnings, synthetic_text(pd.concat([first, second]))
    )


def _values(table: pd.DataFrame, by_slice: bool) -> pd.DataFrame:
    """One row per patient, or per patient and slice."""
    if not by_slice or "slice" not in table or "case" not in table or "patient" not in table:
        return summarise_patients(table)
    # Each slice as a case of its own: the rules of the summary then run over its lesions alone.
    where = table["slice"].astype(str)
    alone = table.assign(
        case=table["case"].astype(str) + "\n" + where, patient=table["patient"].astype(str) + "\n" + where
    )
    rows = summarise_patients(alone)
    split = rows["patient"].str.rsplit("\n", n=1)
    return rows.assign(patient=split.str[0], slice=split.str[1].astype(int))


def _agreement_row(pairs: pd.DataFrame, name: str, draws: int, seed: int) -> dict[str, object]:
    spec = feature(name)
    a, b = feature_values(pairs, f"{name}_first"), feature_values(pairs, f"{name}_second")
    defined = np.isfinite(a) & np.isfinite(b)
    patients = pd.factorize(pairs.loc[defined, "patient"])[0]
    row: dict[str, object] = {"feature": name, "title": spec.title, "unit": spec.unit}
    row |= {"n_pairs": int(defined.sum()), "n_patients": int(np.unique(patients).size)}
    if defined.sum() < SMALLEST_AGREEMENT_N:
        return row
    a, b = a[defined], b[defined]
    low, high = _icc_interval(a, b, patients, draws, seed)
    limits = limits_of_agreement(a, b)
    return row | {
        "mean_first": float(a.mean()),
        "mean_second": float(b.mean()),
        "icc": float(intraclass_correlation(a, b)),
        "icc_low": low,
        "icc_high": high,
        "bias": limits.bias,
        "bias_low": limits.bias_low,
        "bias_high": limits.bias_high,
        "sd": limits.sd,
        "lower": limits.lower,
        "upper": limits.upper,
    }


def _icc_interval(
    a: npt.NDArray[np.float64], b: npt.NDArray[np.float64], patients: npt.NDArray[np.intp], draws: int, seed: int
) -> tuple[float, float]:
    """Percentiles over drawn patients, all rows of a patient together; NaN with fewer than 5 patients."""
    rows = [np.flatnonzero(patients == patient) for patient in range(patients.max() + 1)]
    if len(rows) < SMALLEST_AGREEMENT_N or draws == 0:
        return np.nan, np.nan
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(draws):
        chosen = np.concatenate([rows[i] for i in rng.integers(len(rows), size=len(rows))])
        drawn.append(float(intraclass_correlation(a[chosen], b[chosen])))
    known = np.array(drawn)[np.isfinite(drawn)]
    if known.size < draws / 2:
        return np.nan, np.nan
    low, high = np.percentile(known, (2.5, 97.5))
    return float(low), float(high)


def _warnings(only_first: int, only_second: int, unit: str) -> tuple[str, ...]:
    found = []
    if only_first or only_second:
        found.append(
            f"{only_first} {unit} have a lesion in the first table only and {only_second} in the second only. They are "
            "in no pair, so the figures speak of scar that both found."
        )
    if unit == "slices":
        found.append(
            "Slices of one patient are not independent: intervals of the ICC draw patients, the limits do not."
        )
    return tuple(found)
