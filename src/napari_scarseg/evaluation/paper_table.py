"""The figures in the form of the table in arXiv 2506.21151: one line per method, mean ± standard deviation over slices.

The paper's own figures come from other data and are not printed beside ours.
"""

import re

import numpy as np
import pandas as pd

from napari_scarseg.evaluation.paired import signed_rank_p
from napari_scarseg.evaluation.summary import EvaluationTables

# What the paper calls the ways to get a box.
_NAMES = {"detector": "YOLO-SAM", "truth": "Box-SAM", "jittered": "Box-SAM, edges moved by up to ±15 %"}
_IN_MYOCARDIUM = re.compile(r"\d+-SD|FWHM|Otsu")


def make_paper_table(tables: EvaluationTables) -> pd.DataFrame:
    """One row per method: DSC and perimeter similarity of slices with scar, scar size of infarct patients.

    Columns `method, dsc, perimeter_similarity, patient_volume_dsc, size, truth_size, p_size, slices, patients`, as text
    ready to print. Sizes are in g where every spacing is known, else in px. `p_size` is a Wilcoxon signed-rank test of
    size, result against truth, patients as the unit (mean over a patient's stacks); empty below six patients, where no
    outcome could be significant.
    """
    rows = []
    for method in tables.methods:
        own = tables.of_method(method)
        slices = own.slices[own.slices.truth_px > 0]
        infarct = own.stacks[own.stacks.truth_px > 0]
        is_mass = bool(len(infarct)) and bool(infarct.truth_mass_g.notna().all())
        column, unit = ("mass_g", "g") if is_mass else ("px", "px")
        rows.append(
            {
                "method": _show(method),
                "dsc": _mean_sd(slices.dsc, 3),
                "perimeter_similarity": _mean_sd(slices.perimeter_similarity, 3),
                "patient_volume_dsc": _mean_sd(infarct.volume_dsc, 3),
                "size": f"{_mean_sd(infarct[f'result_{column}'], 1)} {unit}",
                "truth_size": f"{_mean_sd(infarct[f'truth_{column}'], 1)} {unit}",
                "p_size": _p_text(infarct, column),
                "slices": len(slices),
                "patients": infarct.patient.nunique(),
            }
        )
    return pd.DataFrame(rows)


def _show(method: str) -> str:
    return f"{method} in the true myocardium" if _IN_MYOCARDIUM.fullmatch(method) else _NAMES.get(method, method)


def _mean_sd(values: pd.Series, digits: int) -> str:
    if values.empty:
        return ""
    sd = f" ± {values.std():.{digits}f}" if len(values) > 1 else ""
    return f"{values.mean():.{digits}f}{sd}"


def _p_text(infarct: pd.DataFrame, column: str) -> str:
    sizes = infarct.groupby("patient")[[f"result_{column}", f"truth_{column}"]].mean()
    p = signed_rank_p((sizes.iloc[:, 0] - sizes.iloc[:, 1]).to_numpy())
    return "" if np.isnan(p) else f"{p:.3g}"
