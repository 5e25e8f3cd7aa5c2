"""How features go together over the rows of a table: rank correlations and principal components."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from napari_scarseg.errors import InputError
from napari_scarseg.measure.features import feature
from napari_scarseg.measure.figure_groups import feature_values

# Fewer rows give correlations and components of chance.
SMALLEST_MAP_N = 5


class TooFewRowsError(InputError):
    """There is too little to compute from; a figure shows the sentence where its picture would be."""


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """Rows seen along their first two principal components.

    Parameters
    ----------
    scores : DataFrame
        `row` (position in the table), `pc1`, `pc2`; one line per row in which every feature is defined.
    loadings : DataFrame
        `feature`, `pc1`, `pc2`: the unit vectors that the standardised features are projected on.
    explained : (float, float)
        Share of the variance of the standardised features, 0–1.
    """

    scores: pd.DataFrame
    loadings: pd.DataFrame
    explained: tuple[float, float]


def correlate_features(table: pd.DataFrame, features: Sequence[str]) -> pd.DataFrame:
    """Spearman's rank correlation of each pair of features, over the rows in which both are defined.

    Parameters
    ----------
    table : DataFrame
        One row per patient, for numbers that can be published: lesions of one patient are not independent.
    features : sequence of str

    Returns
    -------
    DataFrame, (features, features)
        NaN where fewer than 5 rows have both, or one feature is constant.

    Raises
    ------
    InputError
        If a feature is not in the registry or its column holds text.
    TooFewRowsError
        If fewer than two of the features are in the table.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"area_px": [1, 2, 3, 4, 9], "mass_g": [5.0, 4, 3, 2, 1]})
    >>> correlate_features(table, ["area_px", "mass_g"]).loc["area_px", "mass_g"]
    np.float64(-1.0)
    """
    return _numbers(table, features).corr(method="spearman", min_periods=SMALLEST_MAP_N)


def project_features(table: pd.DataFrame, features: Sequence[str]) -> Projection:
    """Principal components of the standardised features (Pearson 1901), each component's largest loading positive.

    Rows with an undefined feature, and features that are equal in all rows, are left out.

    Raises
    ------
    InputError
        As for `correlate_features`.
    TooFewRowsError
        If fewer than 5 rows or 2 features remain.
    """
    complete = _numbers(table, features).dropna()
    complete = complete.loc[:, complete.nunique() > 1]
    if len(complete) < SMALLEST_MAP_N or complete.shape[1] < 2:
        raise TooFewRowsError(
            f"Principal components need {SMALLEST_MAP_N} rows with all features and two features that vary; there are "
            f"{len(complete)} rows and {complete.shape[1]} features. Choose features that are filled in every row."
        )
    values = complete.to_numpy()
    standard = (values - values.mean(axis=0)) / values.std(axis=0)
    _, singular, directions = np.linalg.svd(standard, full_matrices=False)
    # The sign of a component is free; without a rule it could change with the library.
    signs = np.sign(directions[[0, 1], np.abs(directions[:2]).argmax(axis=1)])
    axes = directions[:2] * signs[:, None]
    shares = singular**2 / (singular**2).sum()
    scores = standard @ axes.T
    return Projection(
        scores=pd.DataFrame({"row": complete.index, "pc1": scores[:, 0], "pc2": scores[:, 1]}),
        loadings=pd.DataFrame({"feature": complete.columns, "pc1": axes[0], "pc2": axes[1]}),
        explained=(float(shares[0]), float(shares[1])),
    )


def _numbers(table: pd.DataFrame, features: Sequence[str]) -> pd.DataFrame:
    """Float columns of the features that the table has, rows counted from 0."""
    present = [feature(name).name for name in dict.fromkeys(features)]
    present = [name for name in present if name in table]
    if len(present) < 2:
        raise TooFewRowsError(
            "The table has fewer than two of these features; choose others, or measure with an image."
        )
    return pd.DataFrame({name: feature_values(table, name) for name in present})
