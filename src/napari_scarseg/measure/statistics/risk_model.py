"""A classifier of morphology: logistic regression, judged on patients that it has not seen."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import logit
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from napari_scarseg.errors import InputError
from napari_scarseg.measure.figure_groups import feature_values, synthetic_text
from napari_scarseg.measure.statistics.effects import cliffs_delta
from napari_scarseg.measure.statistics.features_compared import choose_features, with_spacing
from napari_scarseg.measure.statistics.risk_limits import SMALLEST_CLASS_N, describe_limits
from napari_scarseg.measure.statistics.samples import CompareRequest, Level, draw_sample
from napari_scarseg.measure.statistics.two_groups import Design

_OUTER_FOLDS, _INNER_FOLDS = 5, 3
# Strengths of the ridge penalty, weakest last; the inner folds choose.
_PENALTIES = (0.01, 0.1, 1.0)
_REPEATS = 5
_DRAWS = 999
_COEFFICIENT_DRAWS = 200
_NO_PENALTY = 1e6
_CERTAIN = 1e-6

Values = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class RiskModel:
    """What came out. The first group is the one that is predicted.

    Parameters
    ----------
    groups : (str, str)
    features : tuple of str
    n_first, n_second : int
        Patients.
    auc, auc_low, auc_high : float
        Mean over the repeats of the area under the ROC curve, each patient predicted by models that had not seen it;
        95 % percentiles over drawn patients.
    permutation_p : float
        Share of shuffled outcomes whose AUC is at least as high, by the same nested procedure; NaN where not asked for.
    brier, calibration_slope, calibration_intercept : float
        Of the mean prediction of each patient; a slope below 1 says that predictions are too extreme.
    predictions : DataFrame
        `patient, group, is_first, probability` (mean over the repeats).
    coefficients : DataFrame
        `feature, value, low, high`: log odds per SD, of one model on all patients, with 95 % percentiles over patients.
    limits : tuple of str
        What the numbers do not say, a sentence each. To be shown wherever they are.
    synthetic : str
    """

    groups: tuple[str, str]
    features: tuple[str, ...]
    n_first: int
    n_second: int
    auc: float
    auc_low: float
    auc_high: float
    permutation_p: float
    brier: float
    calibration_slope: float
    calibration_intercept: float
    predictions: pd.DataFrame
    coefficients: pd.DataFrame
    limits: tuple[str, ...]
    synthetic: str


def fit_risk_model(table: pd.DataFrame, request: CompareRequest, *, permutations: int = 199) -> RiskModel:
    """Predict the first of two groups from the features of each patient, and judge it by nested cross-validation.

    Logistic regression with a ridge penalty on standardised features, missing values filled by the median; penalty,
    medians and scales are found within each training part. Outer folds are 5, stratified, repeated 5 times, inner
    folds 3; rows of one patient stay together.

    Parameters
    ----------
    table : DataFrame
        From `measure_labels`.
    request : CompareRequest
        Column, groups (acute and chronic, or an outcome of the cohort table) and features; at patient level.
    permutations : int
        Shuffled outcomes for the p value; 0 for none.

    Raises
    ------
    InputError
        As for `draw_sample`, if a group has fewer than 10 patients, or lesions or slices are asked for.
    """
    if request.level is not Level.PATIENT:
        raise InputError("A model predicts patients; leave the level at patient.")
    sample = draw_sample(table, request)
    rows = sample.rows.reset_index(drop=True)
    features = choose_features(with_spacing(rows, table), request.features)
    is_first = rows["group"].eq(sample.groups[0]).to_numpy()
    n_first, n_second = int(is_first.sum()), int((~is_first).sum())
    if min(n_first, n_second) < SMALLEST_CLASS_N:
        raise InputError(
            f"A model needs {SMALLEST_CLASS_N} patients in each group, and there are {n_first} and {n_second}; add "
            "patients."
        )
    x = np.column_stack([feature_values(rows, name) for name in features])
    people = pd.factorize(rows["patient"])[0]
    rng = np.random.default_rng(request.seed)
    seeds = [int(seed) for seed in rng.integers(2**31, size=_REPEATS)]
    predicted = np.stack([_predict_unseen(x, is_first, people, seed) for seed in seeds])
    probability = predicted.mean(axis=0)
    slope, intercept = _calibration(probability, is_first)
    low, high = _auc_interval(predicted, is_first, people, rng)
    return RiskModel(
        groups=sample.groups,
        features=features,
        n_first=n_first,
        n_second=n_second,
        auc=float(np.mean([_auc(p, is_first) for p in predicted])),
        auc_low=low,
        auc_high=high,
        permutation_p=_permutation_p(x, is_first, people, sample.design, seeds[0], permutations, rng),
        brier=float(((probability - is_first) ** 2).mean()),
        calibration_slope=slope,
        calibration_intercept=intercept,
        predictions=rows[["patient", "group"]].assign(is_first=is_first, probability=probability),
        coefficients=_coefficients(x, is_first, people, features, seeds[0], rng),
        limits=(*sample.findings, *describe_limits(rows, x, features, is_first)),
        synthetic=synthetic_text(table),
    )


def _search(seed: int) -> GridSearchCV:
    """The model with its penalty still to be found, on the inner folds."""
    model = make_pipeline(
        # A column that is empty in a training part is kept, as zeros, so that coefficients keep their places.
        SimpleImputer(strategy="median", keep_empty_features=True),
        StandardScaler(),
        LogisticRegression(max_iter=500),
    )
    folds = StratifiedGroupKFold(_INNER_FOLDS, shuffle=True, random_state=seed)
    return GridSearchCV(model, {"logisticregression__C": list(_PENALTIES)}, scoring="neg_log_loss", cv=folds)


def _predict_unseen(x: Values, is_first: Flags, people: npt.NDArray[np.intp], seed: int) -> Values:
    """Probability (rows,) of the first group, each row from a model fitted without its patient."""
    probability = np.full(is_first.size, np.nan)
    outer = StratifiedGroupKFold(_OUTER_FOLDS, shuffle=True, random_state=seed)
    for train, test in outer.split(x, is_first, people):
        fitted = _search(seed).fit(x[train], is_first[train], groups=people[train])
        probability[test] = fitted.predict_proba(x[test])[:, 1]
    return probability


def _auc(probability: Values, is_first: Flags) -> float:
    """Area under the ROC curve: how often a patient of the first group is ranked above one of the second."""
    return float((cliffs_delta(probability[is_first], probability[~is_first]) + 1) / 2)


def _drawn_people(people: npt.NDArray[np.intp], draws: int, rng: np.random.Generator) -> Iterator[npt.NDArray[np.intp]]:
    """Row numbers of so many draws of patients, all rows of a patient together."""
    rows = [np.flatnonzero(people == person) for person in range(people.max() + 1)]
    for _ in range(draws):
        yield np.concatenate([rows[i] for i in rng.integers(len(rows), size=len(rows))])


def _auc_interval(
    predicted: Values, is_first: Flags, people: npt.NDArray[np.intp], rng: np.random.Generator
) -> tuple[float, float]:
    drawn = [
        np.mean([_auc(p[chosen], is_first[chosen]) for p in predicted])
        for chosen in _drawn_people(people, _DRAWS, rng)
        if 0 < is_first[chosen].sum() < chosen.size
    ]
    low, high = np.percentile(drawn, (2.5, 97.5))
    return float(low), float(high)


def _permutation_p(
    x: Values,
    is_first: Flags,
    people: npt.NDArray[np.intp],
    design: Design,
    seed: int,
    permutations: int,
    rng: np.random.Generator,
) -> float:
    """Of pairs, each patient's two outcomes are swapped or not; else outcomes are shuffled over patients."""
    if permutations == 0:
        return np.nan
    observed = _auc(_predict_unseen(x, is_first, people, seed), is_first)
    as_high = 0
    for _ in range(permutations):
        if design is Design.PAIRED:
            shuffled = is_first ^ rng.integers(2, size=people.max() + 1).astype(bool)[people]
        else:
            shuffled = rng.permutation(is_first)
        as_high += _auc(_predict_unseen(x, shuffled, people, seed), shuffled) >= observed
    return (1 + as_high) / (1 + permutations)


def _calibration(probability: Values, is_first: Flags) -> tuple[float, float]:
    """Slope and intercept of a logistic regression of the outcome on the logit of the prediction (Cox 1958)."""
    scores = logit(np.clip(probability, _CERTAIN, 1 - _CERTAIN))[:, None]
    fitted = LogisticRegression(C=_NO_PENALTY, max_iter=1000).fit(scores, is_first)
    return float(fitted.coef_[0, 0]), float(fitted.intercept_[0])


def _coefficients(
    x: Values,
    is_first: Flags,
    people: npt.NDArray[np.intp],
    features: tuple[str, ...],
    seed: int,
    rng: np.random.Generator,
) -> pd.DataFrame:
    model: Pipeline = _search(seed).fit(x, is_first, groups=people).best_estimator_
    drawn = []
    value = np.asarray(model[-1].coef_[0]).copy()
    for chosen in _drawn_people(people, _COEFFICIENT_DRAWS, rng):
        if 0 < is_first[chosen].sum() < chosen.size:
            drawn.append(np.asarray(model.fit(x[chosen], is_first[chosen])[-1].coef_[0]).copy())
    low, high = np.percentile(drawn, (2.5, 97.5), axis=0)
    return pd.DataFrame({"feature": features, "value": value, "low": low, "high": high})


def calibration_curve(model: RiskModel, bins: int = 5) -> pd.DataFrame:
    """Mean prediction and observed share in groups of patients of equal number: `predicted, observed, n`."""
    ordered = model.predictions.sort_values("probability", kind="stable")
    parts = [ordered.iloc[part] for part in np.array_split(np.arange(len(ordered)), bins)]
    return pd.DataFrame(
        {
            "predicted": [part["probability"].mean() for part in parts],
            "observed": [part["is_first"].mean() for part in parts],
            "n": [len(part) for part in parts],
        }
    )


def roc_curve(model: RiskModel) -> pd.DataFrame:
    """Points of the ROC curve of the mean predictions: `threshold, false_positive_rate, sensitivity`."""
    found = model.predictions
    thresholds = np.concatenate([[np.inf], np.unique(found["probability"])[::-1]])
    called = found["probability"].to_numpy()[None, :] >= thresholds[:, None]
    is_first = found["is_first"].to_numpy(dtype=bool)
    return pd.DataFrame(
        {
            "threshold": thresholds,
            "false_positive_rate": called[:, ~is_first].mean(axis=1),
            "sensitivity": called[:, is_first].mean(axis=1),
        }
    )
