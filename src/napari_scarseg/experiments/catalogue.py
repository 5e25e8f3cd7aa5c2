"""The experiments by their names."""

from napari_scarseg.errors import InputError
from napari_scarseg.experiments.ablations import AUGMENTATION, CONTEXT
from napari_scarseg.experiments.baselines import BASELINES_EXPERIMENT
from napari_scarseg.experiments.box_sam import BOX_SAM
from napari_scarseg.experiments.cohort_holdout import COHORT_HOLDOUT
from napari_scarseg.experiments.detector_errors import DETECTOR_ERRORS
from napari_scarseg.experiments.failure_modes import FAILURE_MODES
from napari_scarseg.experiments.findings import AnyExperiment
from napari_scarseg.experiments.kl_weight import KL_WEIGHT, SIGMA_BY_KL

EXPERIMENTS: tuple[AnyExperiment, ...] = (
    BOX_SAM,
    KL_WEIGHT,
    SIGMA_BY_KL,
    DETECTOR_ERRORS,
    COHORT_HOLDOUT,
    AUGMENTATION,
    CONTEXT,
    FAILURE_MODES,
    BASELINES_EXPERIMENT,
)


def find_experiment(name: str) -> AnyExperiment:
    """The experiment of a name.

    Raises
    ------
    InputError
        If there is none; lists those there are.
    """
    for experiment in EXPERIMENTS:
        if experiment.name == name:
            return experiment
    known = ", ".join(experiment.name for experiment in EXPERIMENTS)
    raise InputError(f"There is no experiment {name}; choose one of {known}.")
