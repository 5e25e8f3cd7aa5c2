"""From rows to the figures that an evaluation reports, each with its interval over patients."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_scarseg.evaluation.estimates import DRAWS, Estimate, bootstrap, concordance, f1_of, mean_of, ratio_of
from napari_scarseg.evaluation.rows import CaseRows, Row
from napari_scarseg.measure.agreement import SMALLEST_AGREEMENT_N, limits_of_agreement

SUMMARY_COLUMNS = ("method", "measure", "value", "low", "high", "patients", "rows")


@dataclass(frozen=True, slots=True, eq=False)
class EvaluationTables:
    """Rows of all cases and methods, as `evaluation.rows.CaseRows` describes them.

    Parameters
    ----------
    slices, lesions, stacks : DataFrame
    """

    slices: pd.DataFrame
    lesions: pd.DataFrame
    stacks: pd.DataFrame

    @property
    def methods(self) -> list[str]:
        """In the order in which they were run."""
        return list(dict.fromkeys(self.stacks["method"]))

    def of_method(self, method: str) -> "EvaluationTables":
        """The rows of one method."""
        chosen = (table[table["method"] == method] for table in (self.slices, self.lesions, self.stacks))
        return EvaluationTables(*chosen)


def collect_tables(rows: Iterable[tuple[CaseRows, int | None]]) -> EvaluationTables:
    """Tables of cases, each with the fold it belonged to; typed also where there is no row."""
    slices: list[Row] = []
    lesions: list[Row] = []
    stacks: list[Row] = []
    for case, fold in rows:
        own = {"fold": fold}
        slices += [{**row, **own} for row in case.slices]
        lesions += [{**row, **own} for row in case.lesions]
        stacks.append({**case.stack, **own})
    keys = dict.fromkeys(("method", "patient", "side"), "object")
    empty = {**keys, "lesion_px": "int64", "is_matched": "bool"}
    lesion_table = pd.DataFrame(lesions) if lesions else pd.DataFrame(columns=list(empty)).astype(empty)
    return EvaluationTables(pd.DataFrame(slices), lesion_table, pd.DataFrame(stacks))


# Means over slices with scar in the truth. Those without a value (a distance where nothing was found) are left out.
_SLICE_MEANS = {
    "slice DSC, slices with scar": "dsc",
    "slice IoU, slices with scar": "iou",
    "perimeter similarity, slices with scar": "perimeter_similarity",
    "surface Dice at 1 px, slices with scar": "surface_dice_1px",
    "surface Dice at 2 px, slices with scar": "surface_dice_2px",
    "HD95 (px), slices with scar in both": "hd95_px",
    "ASSD (px), slices with scar in both": "assd_px",
    "HD95 (mm), slices with scar in both": "hd95_mm",
    "ASSD (mm), slices with scar in both": "assd_mm",
}


def summarise(tables: EvaluationTables, *, draws: int = DRAWS, seed: int = 0) -> pd.DataFrame:
    """All figures of every method: `method, measure, value, low, high, patients, rows`.

    Slices without scar in the truth never enter a mean over slices; they are counted apart, with the share of them left
    empty. Patients without scar never enter the volume DSC, bias or concordance; they are counted apart, with the share
    in whom any scar was found. Figures of nothing (mm without spacing, lesions without any) have no row.

    Parameters
    ----------
    tables : EvaluationTables
    draws : int
        Bootstrap draws of patients.
    seed : int
        Of the draws.
    """
    rows = []
    for method in tables.methods:
        for name, estimate in _estimates(tables.of_method(method), draws, seed):
            if not np.isnan(estimate.value):
                rows.append((method, name, *_values(estimate)))
    return pd.DataFrame(rows, columns=list(SUMMARY_COLUMNS))


def _estimates(tables: EvaluationTables, draws: int, seed: int) -> Iterator[tuple[str, Estimate]]:
    slices, stacks = tables.slices, tables.stacks
    with_scar, without = slices[slices.truth_px > 0], slices[slices.truth_px == 0]
    for name, column in _SLICE_MEANS.items():
        yield name, _mean(with_scar, with_scar[column], draws, seed)
    yield "share of slices with scar where scar was found", _mean(with_scar, with_scar.result_px > 0, draws, seed)
    yield "share of scar-free slices left empty", _mean(without, without.result_px == 0, draws, seed)
    yield "false scar (px) per scar-free slice", _mean(without, without.result_px, draws, seed)
    infarct, normal = stacks[stacks.truth_px > 0], stacks[stacks.truth_px == 0]
    yield "patient-volume DSC, infarct patients", _mean(infarct, infarct.volume_dsc, draws, seed)
    yield "share of infarct patients with scar found", _mean(infarct, infarct.result_px > 0, draws, seed)
    yield "share of scar-free patients with scar found", _mean(normal, normal.result_px > 0, draws, seed)
    yield "patient detection F1", _detection_f1(stacks.patient, stacks.truth_px > 0, stacks.result_px > 0, draws, seed)
    yield from _lesion_figures(tables.lesions, draws, seed)
    yield from _size_figures(infarct, "px", draws, seed)
    if infarct.truth_mass_g.notna().all():
        yield from _size_figures(infarct, "mass_g", draws, seed)
    everyone = _size_columns(stacks, "px")
    yield "size CCC (px), all patients", bootstrap(stacks.patient, everyone, concordance, draws=draws, seed=seed)


def _lesion_figures(lesions: pd.DataFrame, draws: int, seed: int) -> Iterator[tuple[str, Estimate]]:
    is_truth = lesions.side == "truth"
    true, given = lesions[is_truth], lesions[~is_truth]
    yield "lesion recall", _mean(true, true.is_matched, draws, seed)
    yield "lesion precision", _mean(given, given.is_matched, draws, seed)
    columns = {
        "found": is_truth & lesions.is_matched,
        "true": is_truth,
        "right": ~is_truth & lesions.is_matched,
        "given": ~is_truth,
    }
    f1 = f1_of("found", "true", "right", "given")
    yield "lesion detection F1", bootstrap(lesions.patient, columns, f1, draws=draws, seed=seed)


def _size_figures(infarct: pd.DataFrame, unit: str, draws: int, seed: int) -> Iterator[tuple[str, Estimate]]:
    """Bias, Bland–Altman and concordance of scar size; `unit` is px or mass_g."""
    shown = "px" if unit == "px" else "g"
    columns = _size_columns(infarct, unit)
    patients = infarct.patient
    yield (
        f"size bias ({shown}; result / truth - 1), infarct patients",
        bootstrap(patients, columns, lambda sums: ratio_of("x", "y")(sums) - 1, draws=draws, seed=seed),
    )
    mean_difference = bootstrap(patients, {"d": columns["x"] - columns["y"]}, mean_of("d"), draws=draws, seed=seed)
    yield f"size difference ({shown}; result - truth), infarct patients", mean_difference
    if len(infarct) >= SMALLEST_AGREEMENT_N:
        limits = limits_of_agreement(columns["y"], columns["x"])
        yield (
            f"Bland–Altman limits of agreement ({shown}; low to high), infarct patients",
            Estimate(limits.bias, limits.lower, limits.upper, mean_difference.patients, limits.n),
        )
    yield (
        f"size CCC ({shown}), infarct patients",
        bootstrap(patients, columns, concordance, draws=draws, seed=seed),
    )


def _size_columns(stacks: pd.DataFrame, unit: str) -> dict[str, npt.NDArray[np.float64]]:
    """x result and y truth with their products."""
    x, y = (stacks[f"{side}_{unit}"].to_numpy(dtype=np.float64) for side in ("result", "truth"))
    return {"x": x, "y": y, "xx": x * x, "yy": y * y, "xy": x * y}


def _detection_f1(patients: pd.Series, is_true: pd.Series, is_found: pd.Series, draws: int, seed: int) -> Estimate:
    """2TP / (2TP + FP + FN) over patients."""
    columns = {"twice_hits": 2.0 * (is_true & is_found), "both": is_true.astype(float) + is_found.astype(float)}
    return bootstrap(patients, columns, ratio_of("twice_hits", "both"), draws=draws, seed=seed)


def _mean(table: pd.DataFrame, values: pd.Series, draws: int, seed: int) -> Estimate:
    return bootstrap(table.patient, {"x": values}, mean_of("x"), draws=draws, seed=seed)


def _values(estimate: Estimate) -> tuple[float, float, float, int, int]:
    return (estimate.value, estimate.low, estimate.high, estimate.patients, estimate.rows)


def summarise_strata(tables: EvaluationTables, *, draws: int = DRAWS, seed: int = 0) -> pd.DataFrame:
    """Figures by thirds of scar size, the bounds taken from the truth: `method, measure, stratum, low_px, high_px, …`.

    Slice DSC and perimeter similarity by the scar on the slice, volume DSC by the scar of the stack, lesion recall by
    the lesion. The thirds hold equally many; `low_px` and `high_px` are the smallest and largest of each.
    """
    rows = []
    for method in tables.methods:
        own = tables.of_method(method)
        with_scar, infarct = own.slices[own.slices.truth_px > 0], own.stacks[own.stacks.truth_px > 0]
        lesions = own.lesions[own.lesions.side == "truth"]
        for name, table, column, size in (
            ("slice DSC", with_scar, "dsc", "truth_px"),
            ("perimeter similarity", with_scar, "perimeter_similarity", "truth_px"),
            ("patient-volume DSC", infarct, "volume_dsc", "truth_px"),
            ("lesion recall", lesions, "is_matched", "lesion_px"),
        ):
            for stratum, part in _thirds(table, size):
                estimate = _mean(part, part[column], draws, seed)
                rows.append((method, name, stratum, part[size].min(), part[size].max(), *_values(estimate)))
    columns = ["method", "measure", "stratum", "low_px", "high_px", *SUMMARY_COLUMNS[2:]]
    return pd.DataFrame(rows, columns=columns)


def _thirds(table: pd.DataFrame, size: str) -> Iterator[tuple[str, pd.DataFrame]]:
    if table.empty:
        return
    bounds = np.quantile(table[size], (1 / 3, 2 / 3))
    third = np.searchsorted(bounds, table[size], side="left")
    for number, name in enumerate(("small", "medium", "large")):
        if (third == number).any():
            yield name, table[third == number]
