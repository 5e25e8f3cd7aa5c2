"""The classifier of `scarseg compare --model` as files."""

from pathlib import Path

import pandas as pd

from napari_scarseg.cli.figure_output import write_figure
from napari_scarseg.core.provenance import make_provenance
from napari_scarseg.io import write_json, write_table
from napari_scarseg.measure.statistics import CompareRequest
from napari_scarseg.measure.statistics.risk_figures import coefficients_figure, risk_figure
from napari_scarseg.measure.statistics.risk_model import RiskModel, fit_risk_model, roc_curve


def write_model(folder: Path, table: pd.DataFrame, request: CompareRequest, permutations: int) -> RiskModel:
    """Fit the classifier; write predictions, coefficients, figures, and `model.json` with its figures and limits."""
    model = fit_risk_model(table, request, permutations=permutations)
    write_table(folder / "model_predictions.csv", model.predictions)
    write_table(folder / "model_coefficients.csv", model.coefficients)
    write_figure(folder / "figures", "model", risk_figure(model), roc_curve(model))
    write_figure(folder / "figures", "model_coefficients", coefficients_figure(model), model.coefficients)
    known_p = model.permutation_p == model.permutation_p
    record = make_provenance("compare --model", config={"permutations": permutations, "seed": request.seed})
    result = {
        "predicted": model.groups[0],
        "against": model.groups[1],
        "patients": [model.n_first, model.n_second],
        "features": list(model.features),
        "auc": model.auc,
        "auc_interval_95": [model.auc_low, model.auc_high],
        "permutation_p": model.permutation_p if known_p else None,
        "brier": model.brier,
        "calibration_slope": model.calibration_slope,
        "calibration_intercept": model.calibration_intercept,
        "limits": list(model.limits),
        "synthetic": model.synthetic,
    }
    write_json(folder / "model.json", {**record, "result": result})
    return model


def describe_model(model: RiskModel) -> str:
    """One line for a person."""
    p = f", permutation p = {model.permutation_p:.3f}" if model.permutation_p == model.permutation_p else ""
    return (
        f"model: AUC {model.auc:.2f} [{model.auc_low:.2f}, {model.auc_high:.2f}]{p} for {model.groups[0]} against "
        f"{model.groups[1]}, by nested cross-validation over patients"
    )
