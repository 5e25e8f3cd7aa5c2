"""What each shift costs: DSC on the shifted images against that on the images as they are."""

import numpy as np
import pandas as pd

from napari_scarseg.evaluation.estimates import DRAWS, Sums, Values, bootstrap
from napari_scarseg.evaluation.shifts import NO_SHIFT, SHIFTS

_COLUMNS = ("method", "shift", "about", "dsc", "difference", "low", "high", "slices", "patients")


def tabulate_shifts(slices: pd.DataFrame, *, draws: int = DRAWS, seed: int = 0) -> pd.DataFrame:
    """One row per method and shift: `method, shift, about, dsc, difference, low, high, slices, patients`.

    Parameters
    ----------
    slices : DataFrame
        Rows of `compare_case` with a column `shift`; the rows of the images as they are have "none" there.
    draws, seed : int
        Of the bootstrap over patients.

    Returns
    -------
    DataFrame
        `dsc` is the mean over slices with scar in the truth of that grid (a coarse grid may lose a speck), `difference`
        that mean minus the one without shift, with its 95 % interval over patients.
    """
    with_scar = slices[slices.truth_px > 0]
    about = {NO_SHIFT: "as they are", **{shift.name: shift.about for shift in SHIFTS}}
    rows = []
    for method in dict.fromkeys(slices["method"]):
        own = with_scar[with_scar["method"] == method]
        plain = own[own["shift"] == NO_SHIFT]
        for shift in dict.fromkeys(own["shift"]):
            moved = own[own["shift"] == shift]
            both = pd.concat([moved, plain])
            is_moved = np.repeat([1.0, 0.0], [len(moved), len(plain)])
            columns = {
                "moved": is_moved * both.dsc,
                "n_moved": is_moved,
                "plain": (1 - is_moved) * both.dsc,
                "n_plain": 1 - is_moved,
            }
            estimate = bootstrap(both.patient, columns, _difference, draws=draws, seed=seed)
            figures = (moved.dsc.mean(), estimate.value, estimate.low, estimate.high)
            rows.append((method, shift, about[shift], *figures, len(moved), moved.patient.nunique()))
    return pd.DataFrame(rows, columns=list(_COLUMNS))


def _difference(sums: Sums) -> Values:
    return np.asarray(sums["moved"] / sums["n_moved"] - sums["plain"] / sums["n_plain"])
