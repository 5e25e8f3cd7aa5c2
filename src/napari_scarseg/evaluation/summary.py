"""From rows to figures with intervals, patients as the unit that is drawn."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True, slots=True)
class Estimate:
    """One figure with its 95 % bootstrap interval over patients.

    Parameters
    ----------
    value, low, high : float
        NaN where nothing could be measured.
    patients, slices : int
        What it is over.
    """

    value: float
    low: float
    high: float
    patients: int
    slices: int


def summarise(slices: pd.DataFrame, stacks: pd.DataFrame, *, draws: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Table of the figures an evaluation reports, one per row: `measure, value, low, high, patients, slices`.

    Slices empty in the truth never enter the DSC; they are counted apart, with the share of them left empty. Patients
    without infarct never enter the volume DSC; they are counted apart, with how many have any scar found.

    Parameters
    ----------
    slices, stacks : DataFrame
        Rows of `evaluate_case`.
    draws : int
        Bootstrap draws of patients (percentile interval; Efron and Tibshirani, 1993).
    seed : int
    """
    with_scar = slices[slices.truth_px > 0]
    without = slices[slices.truth_px == 0]
    infarct, normal = stacks[stacks.truth_px > 0], stacks[stacks.truth_px == 0]
    measures = {
        "slice DSC, slices with scar": (with_scar, lambda t: t.dsc.mean()),
        "perimeter similarity, slices with scar": (with_scar, lambda t: t.perimeter_similarity.mean()),
        "patient-volume DSC, infarct patients": (infarct, lambda t: t.volume_dsc.mean()),
        "size bias (result / truth - 1), infarct patients": (
            infarct,
            lambda t: t.result_px.sum() / t.truth_px.sum() - 1,
        ),
        "share of scar-free slices left empty": (without, lambda t: (t.result_px == 0).mean()),
        "share of infarct patients with scar found": (infarct, lambda t: (t.result_px > 0).mean()),
        "share of scar-free patients with scar found": (normal, lambda t: (t.result_px > 0).mean()),
    }
    rows = []
    for name, (table, figure) in measures.items():
        estimate = bootstrap(table, figure, draws=draws, seed=seed)
        rows.append(
            {
                "measure": name,
                "value": estimate.value,
                "low": estimate.low,
                "high": estimate.high,
                "patients": estimate.patients,
                "slices": estimate.slices if table is with_scar or table is without else "",
            }
        )
    return pd.DataFrame(rows)


def bootstrap(
    table: pd.DataFrame, figure: Callable[[pd.DataFrame], float], *, draws: int = 2000, seed: int = 0
) -> Estimate:
    """A figure of a table with a `patient` column, and its percentile interval over drawn patients."""
    if table.empty:
        return Estimate(float("nan"), float("nan"), float("nan"), 0, 0)
    parts = [part for _, part in table.groupby("patient", sort=True)]
    rng = np.random.default_rng(seed)
    drawn = [figure(pd.concat([parts[n] for n in rng.integers(len(parts), size=len(parts))])) for _ in range(draws)]
    low, high = np.percentile(drawn, (2.5, 97.5))
    return Estimate(float(figure(table)), float(low), float(high), len(parts), len(table))
