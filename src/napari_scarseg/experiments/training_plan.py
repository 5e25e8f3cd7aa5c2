"""Plans of training runs: every variant for every fold and seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from napari_scarseg.experiments.config import TrainingExperimentConfig
from napari_scarseg.experiments.data import ExperimentData
from napari_scarseg.experiments.label_noise import LabelNoise, noisy_table
from napari_scarseg.experiments.results import VARIANT
from napari_scarseg.experiments.run import Run, Setting
from napari_scarseg.experiments.training_job import HeldOut, TrainingJob


@dataclass(frozen=True, slots=True, eq=False)
class Variant:
    """One way to train.

    Parameters
    ----------
    name : str
        What figures and tables call it.
    changes : mapping
        Laid over the experiment's training settings.
    settings : mapping
        Columns that tell it from the others.
    noise : LabelNoise
    noise_px : float
    """

    name: str
    changes: Mapping[str, Any]
    settings: Mapping[str, Setting] = field(default_factory=dict)
    noise: LabelNoise = LabelNoise.NONE
    noise_px: float = 0.0


def plan_training(
    config: TrainingExperimentConfig, data: ExperimentData, variants: Sequence[Variant], *, seeds: Sequence[int] = ()
) -> list[Run]:
    """One run per variant, fold and seed; each is judged on the fold that it leaves out, with its labels as they are.

    Every configuration is checked here, before the first run begins.
    """
    runs = []
    for variant in variants:
        for fold in config.folds:
            held_out = HeldOut("", data.of_fold(fold))
            table = noisy_table(data, variant.noise, variant.noise_px, fold, config.seed)
            for seed in seeds or config.seeds:
                training = config.build(table, fold, seed, dict(variant.changes))
                job = TrainingJob(training, (held_out,), config.prompts, config.device, config.seed)
                settings = {VARIANT: variant.name, **variant.settings, "fold": fold, "seed": seed}
                runs.append(Run(f"{_file_name(variant.name)}-fold{fold}-seed{seed}", settings, job, data.sha256))
    return runs


def _file_name(text: str) -> str:
    kept = "".join(character if character.isalnum() or character == "." else "-" for character in text)
    return "-".join(part for part in kept.split("-") if part).lower()
