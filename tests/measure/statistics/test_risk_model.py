"""The classifier: found signal, no signal, unseen patients, and the limits it prints."""

import numpy as np
import pytest

from napari_scarseg.errors import InputError
from napari_scarseg.measure.statistics import CompareRequest, Level
from napari_scarseg.measure.statistics.risk_figures import coefficients_figure, risk_figure
from napari_scarseg.measure.statistics.risk_model import calibration_curve, fit_risk_model, roc_curve

REQUEST = CompareRequest(features=("solidity", "circularity"))


@pytest.fixture
def tables(make_table):
    return lambda patients, shift, seed=0: make_table(patients, 2, 0.9, shift, seed, 2)


def test_a_clear_difference_is_found_and_described(tables):
    model = fit_risk_model(tables(20, 1.5), REQUEST, permutations=4)
    # Two independent features, 1.5 SD apart: AUC = Φ(√2 · 1.5 / √2) = 0.93.
    assert 0.8 < model.auc < 1
    assert model.auc_low < model.auc < model.auc_high
    assert model.permutation_p == 0.2
    assert 0 < model.brier < 0.2 and model.calibration_slope > 0
    assert (model.coefficients["value"] > 0).all() and (model.coefficients["low"] < model.coefficients["high"]).all()
    assert len(model.predictions) == 40 and model.predictions["probability"].between(0, 1).all()
    words = " ".join(model.limits)
    assert "no other centre" in words and "not a cause" in words
    figure = risk_figure(model)
    assert figure.axes[0].get_title().startswith(f"AUC {model.auc:.2f}")
    assert "no external test" in figure.get_supxlabel()
    assert [label.get_text() for label in coefficients_figure(model).axes[0].get_yticklabels()] == [
        "Solidity",
        "Circularity",
    ]
    roc, bins = roc_curve(model), calibration_curve(model)
    assert roc.iloc[[0, -1]][["false_positive_rate", "sensitivity"]].values.tolist() == [[0, 0], [1, 1]]
    assert bins["n"].sum() == 40


def test_no_difference_gives_no_auc(tables):
    """A model that saw its own test patients would reach about 0.7 here."""
    aucs = [fit_risk_model(tables(12, 0.0, seed), REQUEST, permutations=0).auc for seed in range(2)]
    assert 0.25 < np.mean(aucs) < 0.65


def test_confounded_cohorts_missing_values_and_many_features_are_told(tables):
    table = tables(12, 1.0)
    table["cohort"] = np.where(table["phase"] == "acute", "north", "south")
    table.loc[table["patient"] == "P003", "solidity"] = np.nan
    words = " ".join(fit_risk_model(table, REQUEST, permutations=0).limits)
    assert "come from different cohorts" in words
    assert "1 of 48 values were missing" in words
    assert "under 10 patients per feature" in words


def test_refusals(tables):
    with pytest.raises(InputError, match="needs 10 patients in each group, and there are 9 and 9"):
        fit_risk_model(tables(9, 1.0), REQUEST)
    with pytest.raises(InputError, match="predicts patients"):
        fit_risk_model(tables(12, 1.0), CompareRequest(level=Level.SLICE))
