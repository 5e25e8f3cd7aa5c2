"""The figures of a classifier: ROC curve with calibration, and coefficients."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from napari_scarseg.measure.features import feature
from napari_scarseg.measure.figure_frame import LABEL_PT, NOTE_PT, add_axes, new_figure
from napari_scarseg.measure.figure_intervals import interval_figure
from napari_scarseg.measure.statistics.risk_model import RiskModel, calibration_curve, roc_curve
from napari_scarseg.measure.themes import FigureTheme, Palette

_SIZE_INCHES = (7.4, 3.9)


def risk_figure(model: RiskModel, *, theme: FigureTheme = FigureTheme.LIGHT) -> Figure:
    """ROC curve on the left, calibration on the right; patients were predicted by models that had not seen them."""
    figure, palette = new_figure(theme, _SIZE_INCHES)
    first, second = model.groups
    roc, bins = roc_curve(model), calibration_curve(model)
    left = _square(add_axes(figure, palette, 1, 2, 1), palette)
    left.plot(roc["false_positive_rate"], roc["sensitivity"], color=palette.cycle[0], linewidth=1.8)
    left.set_xlabel(f"Share of {second} called {first}", fontsize=LABEL_PT)
    left.set_ylabel(f"Share of {first} found", fontsize=LABEL_PT)
    p = "" if model.permutation_p != model.permutation_p else f", permutation p = {model.permutation_p:.3f}"
    auc = f"AUC {model.auc:.2f} [{model.auc_low:.2f}, {model.auc_high:.2f}]{p}"
    left.set_title(auc, fontsize=NOTE_PT + 1, color=palette.foreground)
    right = _square(add_axes(figure, palette, 1, 2, 2), palette)
    right.plot(bins["predicted"], bins["observed"], color=palette.cycle[0], marker="o", linewidth=1.4)
    right.set_xlabel("Predicted probability", fontsize=LABEL_PT)
    right.set_ylabel(f"Observed share of {first}", fontsize=LABEL_PT)
    right.set_title(
        f"Brier {model.brier:.2f}, slope {model.calibration_slope:.2f}, intercept {model.calibration_intercept:.2f}",
        fontsize=NOTE_PT + 1,
        color=palette.foreground,
    )
    if model.synthetic:
        figure.suptitle(model.synthetic, fontsize=LABEL_PT, color=palette.foreground, fontweight="bold")
    note = f"{first}: {model.n_first} patients, {second}: {model.n_second}; nested cross-validation, no external test"
    figure.supxlabel(note, fontsize=NOTE_PT, color=palette.muted)
    return figure


def coefficients_figure(model: RiskModel, *, theme: FigureTheme = FigureTheme.LIGHT) -> Figure:
    """Log odds per SD of each feature, with their intervals."""
    estimates = model.coefficients.assign(name=[feature(name).axis_label for name in model.coefficients["feature"]])
    return interval_figure(
        estimates,
        f"Log odds of {model.groups[0]} per SD",
        note="features that go together share one effect; 95 % intervals over patients",
        synthetic=model.synthetic,
        theme=theme,
    )


def _square(axes: Axes, palette: Palette) -> Axes:
    axes.plot([0, 1], [0, 1], color=palette.muted, linestyle=":", linewidth=0.9)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    axes.grid(color=palette.grid, linewidth=0.6)
    return axes
