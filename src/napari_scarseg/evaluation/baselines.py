"""Threshold methods on the same cases: what one would get without a network, but with the true myocardium."""

from napari_scarseg.datasets import LabelledCase
from napari_scarseg.errors import InputError
from napari_scarseg.evaluation.rows import CaseRows, compare_case
from napari_scarseg.measure.thresholds import ThresholdConfig, ThresholdMethod, threshold_stack

BASELINES = (
    *(ThresholdConfig(ThresholdMethod.NSD, float(n)) for n in range(2, 7)),
    ThresholdConfig(ThresholdMethod.FWHM),
    ThresholdConfig(ThresholdMethod.OTSU),
)


def evaluate_baseline(case: LabelledCase, config: ThresholdConfig) -> CaseRows:
    """One threshold method on one case, compared as a network's result is; the method is its name.

    Raises
    ------
    InputError
        If the labels do not say where the myocardium is.
    """
    if case.myocardium is None:
        raise InputError(
            f"The labels of patient {case.record.patient} do not say where the myocardium is, and threshold methods "
            "need it; fill in the column myocardium_values."
        )
    scar, _ = threshold_stack(case.stack.data, case.myocardium, config)
    return compare_case(case, scar, config.name)
