"""Two groups compared over all features: tests, effects with intervals, and what the reader must be told."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from statsmodels.stats.power import TTestIndPower, TTestPower

from napari_scarseg.measure.features import feature
from napari_scarseg.measure.figure_groups import feature_values, synthetic_text
from napari_scarseg.measure.statistics.clustered import compare_clustered
from napari_scarseg.measure.statistics.effects import benjamini_hochberg
from napari_scarseg.measure.statistics.features_compared import choose_features, describe_units, with_spacing
from napari_scarseg.measure.statistics.samples import CompareRequest, Level, Sample, draw_sample
from napari_scarseg.measure.statistics.two_groups import (
    MEAN_EFFECT,
    MEAN_TEST,
    RANK_EFFECT,
    RANK_TEST,
    Design,
    compare_two,
)

# In a group; below it intervals are wide and p values hang on single patients.
SMALL_GROUP_N = 10
_POWER = 0.8
_ALPHA = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """What came out.

    Parameters
    ----------
    request : CompareRequest
    sample : Sample
        The rows that were compared.
    results : DataFrame
        One row per feature, in the table's order (see `compare_groups`).
    methods : str
        A paragraph that says what was done, for a paper's methods.
    warnings : tuple of str
        What limits the numbers, a sentence each. To be shown wherever they are.
    synthetic : str
        That the data are a phantom's; empty where they are not.
    """

    request: CompareRequest
    sample: Sample
    results: pd.DataFrame
    methods: str
    warnings: tuple[str, ...]
    synthetic: str

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features compared."""
        return tuple(self.results["feature"])


def compare_groups(table: pd.DataFrame, request: CompareRequest = CompareRequest()) -> Comparison:
    """Compare two groups of a table of measures, patients being the unit.

    Slices and lesions of one patient are not independent: tests on them find differences that are not there. At patient
    level (the default) each patient gives one value. At the level of lesions or slices two models stand for the
    clustering, and no other test is offered.

    Parameters
    ----------
    table : DataFrame
        From `measure_labels`, of many cases.
    request : CompareRequest

    Returns
    -------
    Comparison
        `results` has `feature, title, unit`, and for both groups `n_, mean_, sd_, median_, q1_, q3_` with `first` and
        `second`; `difference, difference_low, difference_high` (first − second). At patient level then `rank_test,
        rank_p, rank_q, mean_test, mean_p, mean_q`, and the effects `rank_effect, rank_effect_low, rank_effect_high` and
        `mean_effect…` with `rank_effect_name, mean_effect_name`. At other levels `mixed_p, mixed_q` (the difference is
        the mixed model's), `gee_difference, gee_low, gee_high, gee_p, gee_q`, and `icc`. q is Benjamini and Hochberg's,
        over the features of this table. `note` says why something is empty.

    Raises
    ------
    InputError
        As for `draw_sample` and `choose_features`.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({
    ...     "patient": list("abcdefgh"), "phase": ["acute"] * 4 + ["chronic"] * 4,
    ...     "mass_g": [21.0, 25, 30, 18, 9, 12, 14, 11]})
    >>> found = compare_groups(table, CompareRequest(draws=0))
    >>> found.results[["feature", "rank_effect", "difference"]].values.tolist()
    [['mass_g', 1.0, 12.0]]
    """
    sample = draw_sample(table, request)
    features = choose_features(with_spacing(sample.rows, table), request.features)
    if request.level is Level.PATIENT:
        results = pd.DataFrame([_patient_row(sample, name, request) for name in features])
        tests = ("rank", "mean")
    else:
        results = pd.DataFrame([_clustered_row(sample, name) for name in features])
        tests = ("mixed", "gee")
    for test in tests:
        results.insert(
            list(results.columns).index(f"{test}_p") + 1,
            f"{test}_q",
            benjamini_hochberg(results[f"{test}_p"].to_numpy(dtype=np.float64)),
        )
    warnings = (*sample.findings, *_size_warnings(sample, request), *describe_units(table, features))
    return Comparison(request, sample, results, _methods(sample, request, features), warnings, synthetic_text(table))


def _split(sample: Sample, name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of both groups in which the feature is defined; of pairs, both or none."""
    rows = sample.rows.assign(**{name: feature_values(sample.rows, name)})
    first, second = (rows[rows["group"] == group].dropna(subset=[name]) for group in sample.groups)
    if sample.design is Design.PAIRED:
        both = set(first["patient"]) & set(second["patient"])
        first, second = first[first["patient"].isin(both)], second[second["patient"].isin(both)]
    return first, second


def _description(sample: Sample, name: str) -> dict[str, object]:
    spec = feature(name)
    described: dict[str, object] = {"feature": name, "title": spec.title, "unit": spec.unit}
    for which, rows in zip(("first", "second"), _split(sample, name), strict=True):
        values = rows[name]
        described[f"n_{which}"] = rows["patient"].nunique()
        described |= {
            f"mean_{which}": values.mean(),
            f"sd_{which}": values.std(),
            f"median_{which}": values.median(),
            f"q1_{which}": values.quantile(0.25),
            f"q3_{which}": values.quantile(0.75),
        }
    return described


def _patient_row(sample: Sample, name: str, request: CompareRequest) -> dict[str, object]:
    first, second = _split(sample, name)
    found = compare_two(
        first[name].to_numpy(), second[name].to_numpy(), sample.design, draws=request.draws, seed=request.seed
    )
    return {
        **_description(sample, name),
        "difference": found.difference,
        "difference_low": found.difference_low,
        "difference_high": found.difference_high,
        "rank_test": RANK_TEST[sample.design],
        "rank_p": found.rank_p,
        "mean_test": MEAN_TEST[sample.design],
        "mean_p": found.mean_p,
        "rank_effect_name": RANK_EFFECT[sample.design],
        "rank_effect": found.rank_effect.value,
        "rank_effect_low": found.rank_effect.low,
        "rank_effect_high": found.rank_effect.high,
        "mean_effect_name": MEAN_EFFECT[sample.design],
        "mean_effect": found.mean_effect.value,
        "mean_effect_low": found.mean_effect.low,
        "mean_effect_high": found.mean_effect.high,
        "note": found.note,
    }


def _clustered_row(sample: Sample, name: str) -> dict[str, object]:
    rows = pd.concat(_split(sample, name))
    found = compare_clustered(
        rows[name].to_numpy(),
        rows["group"].eq(sample.groups[0]).to_numpy(),
        pd.factorize(rows["patient"])[0],
    )
    return {
        **_description(sample, name),
        "difference": found.mixed.difference,
        "difference_low": found.mixed.low,
        "difference_high": found.mixed.high,
        "mixed_p": found.mixed.p,
        "gee_difference": found.gee.difference,
        "gee_low": found.gee.low,
        "gee_high": found.gee.high,
        "gee_p": found.gee.p,
        "icc": found.icc,
        "note": "; ".join(dict.fromkeys(note for note in (found.mixed.note, found.gee.note) if note)),
    }


def _size_warnings(sample: Sample, request: CompareRequest) -> list[str]:
    """What can be seen with so many patients, and that patients without lesions are not among them."""
    n_first, n_second = (int(n) for n in sample.counts["n_patients"])
    warnings = []
    if min(n_first, n_second) < SMALL_GROUP_N:
        warnings.append(
            f"Fewer than {SMALL_GROUP_N} patients in a group: intervals are wide, and p values can turn on one patient."
        )
    if sample.design is Design.PAIRED:
        smallest = TTestPower().solve_power(nobs=n_first, alpha=_ALPHA, power=_POWER)
        what = "SD of the differences"
    else:
        smallest = TTestIndPower().solve_power(nobs1=n_first, ratio=n_second / n_first, alpha=_ALPHA, power=_POWER)
        what = "SD between patients"
    warnings.append(
        f"With so many patients a difference is found in 4 of 5 studies only from {float(smallest):.1f} {what} on (one "
        "test at 5 %); not significant does not mean equal."
    )
    if sample.counts["n_lesions"].notna().any():
        warnings.append("Cases without any lesion have no row, so they are in no group.")
    return warnings


def _methods(sample: Sample, request: CompareRequest, features: tuple[str, ...]) -> str:
    first, second = sample.groups
    counted = "; ".join(_count_text(row) for row in sample.counts.to_dict("records"))
    start = f"{first} against {second} ({request.group}). {counted}. "
    end = f"q: Benjamini–Hochberg over the {len(features)} features of this table. Differences are {first} − {second}."
    if request.level is not Level.PATIENT:
        return (
            f"{start}One value per {request.level.value}, rows of a patient as a cluster: linear mixed model with "
            "a random intercept per patient (REML), and generalised estimating equations with exchangeable correlation "
            "and bias-reduced covariance (Kauermann and Carroll); both tested with t, patients − 2 degrees of freedom. "
            + end
        )
    interval = f" with 95 % intervals from {request.draws} bootstrap draws of patients (BCa)" if request.draws else ""
    return (
        f"{start}One value per patient and group: sums over all lesions for area, volume and mass, means weighted by "
        "area for other features, then the mean over cases and visits. "
        f"{RANK_TEST[sample.design]} and {MEAN_TEST[sample.design]} tests, two-sided; {RANK_EFFECT[sample.design]} and "
        f"{MEAN_EFFECT[sample.design]}{interval}. {end} The choice between both tests is to be made before looking."
    )


def _count_text(row: Mapping[Hashable, object]) -> str:
    text = f"{row['group']}: {row['n_patients']} patients"
    if isinstance(row["n_lesions"], int):
        text += f", {row['n_lesions']} lesions"
    if isinstance(row["n_slices"], int):
        text += f" on {row['n_slices']} slices"
    return text
