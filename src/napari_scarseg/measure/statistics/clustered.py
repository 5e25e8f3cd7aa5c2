"""Two groups compared over lesions or slices, patients as clusters: a mixed model and estimating equations."""

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats
from statsmodels.genmod.cov_struct import Exchangeable
from statsmodels.genmod.families import Gaussian
from statsmodels.genmod.generalized_estimating_equations import GEE
from statsmodels.regression.mixed_linear_model import MixedLM

Values = npt.NDArray[np.float64]

# Below this, robust variances from clusters are too small whatever the correction.
SMALLEST_CLUSTERS = 5


@dataclass(frozen=True, slots=True)
class ModelEstimate:
    """First mean − second mean as one model has it.

    Parameters
    ----------
    difference, low, high : float
        In the feature's unit, with the 95 % interval; NaN where the model gave none.
    p : float
        Two-sided, from t with (patients − 2) degrees of freedom.
    note : str
        Why it is empty.
    """

    difference: float
    low: float
    high: float
    p: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class ClusteredResult:
    """One feature compared over rows that are clustered in patients.

    Parameters
    ----------
    mixed : ModelEstimate
        Linear mixed model, random intercept per patient, REML.
    gee : ModelEstimate
        Generalised estimating equations, exchangeable correlation, bias-reduced covariance (Kauermann & Carroll 2001).
    icc : float
        Share of the variance within groups that lies between patients, from the mixed model; NaN where it gave none.
    """

    mixed: ModelEstimate
    gee: ModelEstimate
    icc: float


def compare_clustered(
    values: Values, is_first: npt.NDArray[np.bool_], patients: npt.NDArray[np.intp]
) -> ClusteredResult:
    """Compare two groups over rows of patients who are in one group each.

    Both models test with t and (patients − 2) degrees of freedom: with the normal curve, which statsmodels uses, 24
    patients give too many false positives. Rows of one patient are taken as exchangeable.

    Parameters
    ----------
    values : ndarray of float64, (rows,)
        Finite.
    is_first : ndarray of bool, (rows,)
    patients : ndarray of int, (rows,)
        The same number for rows of one patient.
    """
    first, second = np.unique(patients[is_first]).size, np.unique(patients[~is_first]).size
    if min(first, second) < SMALLEST_CLUSTERS:
        return _empty(f"fewer than {SMALLEST_CLUSTERS} patients with a value in a group")
    scale = float(values.std())
    if scale == 0:
        return _empty("the values do not vary, so there is no test")
    # Standardised, so that the optimiser's tolerances suit square millimetres as well as ratios.
    endog = (values - values.mean()) / scale
    exog = np.column_stack([np.ones(values.size), is_first.astype(np.float64)])
    df = first + second - 2
    mixed, icc = _fit_mixed(endog, exog, patients, scale, df)
    return ClusteredResult(mixed, _fit_gee(endog, exog, patients, scale, df), icc)


def _fit_mixed(
    endog: Values, exog: Values, patients: npt.NDArray[np.intp], scale: float, df: int
) -> tuple[ModelEstimate, float]:
    if np.unique(patients).size == endog.size:
        return _no_estimate("every patient has one row: compare patients"), np.nan
    try:
        with warnings.catch_warnings():
            # That the variance between patients is 0 is a result, and whether it converged is asked below.
            warnings.simplefilter("ignore")
            # Without gradients: where the variance between patients is near 0, L-BFGS leaves the allowed region.
            fitted = MixedLM(endog, exog, groups=patients).fit(reml=True, method=["powell"])
    except np.linalg.LinAlgError:
        return _no_estimate("the mixed model has no solution"), np.nan
    if not fitted.converged:
        return _no_estimate("the mixed model did not converge"), np.nan
    between = float(np.asarray(fitted.cov_re)[0, 0])
    icc = between / (between + float(fitted.scale))
    return _estimate(float(fitted.fe_params[1]), float(fitted.bse_fe[1]), scale, df), icc


def _fit_gee(endog: Values, exog: Values, patients: npt.NDArray[np.intp], scale: float, df: int) -> ModelEstimate:
    order = np.argsort(patients, kind="stable")
    working = Exchangeable()
    model = GEE(endog[order], exog[order], groups=patients[order], cov_struct=working, family=Gaussian())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fitted = model.fit()
    except np.linalg.LinAlgError:
        return _no_estimate("the estimating equations have no solution")
    residuals = endog - exog @ np.asarray(fitted.params)
    error = _reduced_bias_error(residuals, exog[:, 1] == 1, patients, float(working.dep_params))
    return _estimate(float(fitted.params[1]), error, scale, df)


def _reduced_bias_error(
    residuals: Values, is_first: npt.NDArray[np.bool_], patients: npt.NDArray[np.intp], correlation: float
) -> float:
    """Standard error of the difference of two groups, with Kauermann and Carroll's correction (JASA 2001).

    A patient's residuals are too small by √(1 − h), where h is the patient's own weight in the group's mean. Where each
    patient is in one group, the sandwich of exchangeable estimating equations is this sum over patients. With equally
    many rows each it is the standard error of the t test of the patients' means. Mancl and DeRouen's correction, which
    statsmodels has, divides by 1 − h and is too large there.

    Parameters
    ----------
    residuals : ndarray of float64, (rows,)
    is_first : ndarray of bool, (rows,)
    patients : ndarray of int, (rows,)
    correlation : float
        Of two rows of a patient, as the equations estimated it.
    """
    variance = 0.0
    for members in (is_first, ~is_first):
        _, which, counts = np.unique(patients[members], return_inverse=True, return_counts=True)
        means = np.bincount(which, weights=residuals[members]) / counts
        weights = counts / (1 + (counts - 1) * correlation)
        shares = weights / weights.sum()
        variance += float(np.sum(shares**2 * means**2 / (1 - shares)))
    return float(np.sqrt(variance))


def _estimate(value: float, error: float, scale: float, df: int) -> ModelEstimate:
    if not (np.isfinite(error) and error > 0):
        return _no_estimate("the model gave no standard error")
    half = float(stats.t.ppf(0.975, df)) * error
    p = 2 * float(stats.t.sf(abs(value / error), df))
    return ModelEstimate(value * scale, (value - half) * scale, (value + half) * scale, p)


def _no_estimate(note: str) -> ModelEstimate:
    return ModelEstimate(np.nan, np.nan, np.nan, np.nan, note)


def _empty(note: str) -> ClusteredResult:
    return ClusteredResult(_no_estimate(note), _no_estimate(note), np.nan)
