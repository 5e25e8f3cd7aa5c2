"""What a classifier's numbers do not say: sentences that stand beside them."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

SMALLEST_CLASS_N = 10
# A rule of thumb (Peduzzi et al., J Clin Epidemiol 1996); the penalty helps, but not against noise in the choice.
_PATIENTS_PER_FEATURE = 10


def describe_limits(
    rows: pd.DataFrame,
    x: npt.NDArray[np.float64],
    features: Sequence[str],
    is_first: npt.NDArray[np.bool_],
) -> tuple[str, ...]:
    """Sentences on the limits of a model of these rows.

    Parameters
    ----------
    rows : DataFrame
        One per patient and group, with `cohort` where known.
    x : ndarray of float64, (rows, features)
        NaN where a value was filled.
    features : sequence of str
    is_first : ndarray of bool, (rows,)
    """
    rarer = int(min(is_first.sum(), (~is_first).sum()))
    sentences = [
        "The AUC is that of patients left out of each fit, from this table alone: no other centre, scanner or reader "
        "has tested the model. Its interval draws patients and not new fits, so it is somewhat too narrow.",
        "An association in this table, not a cause; features that go together share one effect among them.",
    ]
    if rarer < _PATIENTS_PER_FEATURE * len(features):
        sentences.append(
            f"{len(features)} features and {rarer} patients in the smaller group: under {_PATIENTS_PER_FEATURE} "
            "patients per feature. Choose fewer features, before looking at the outcome."
        )
    if "cohort" in rows:
        cohorts = rows["cohort"].fillna("").to_numpy()
        if set(cohorts[is_first]).isdisjoint(cohorts[~is_first]):
            sentences.append(
                "The two groups come from different cohorts: the model may have learned the scanner or the reader."
            )
    filled = int(np.isnan(x).sum())
    if filled:
        sentences.append(f"{filled} of {x.size} values were missing and filled with the median of the training part.")
    return tuple(sentences)
