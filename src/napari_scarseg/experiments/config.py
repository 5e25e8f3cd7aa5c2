"""Configuration of an experiment, read from TOML and checked whole before anything runs."""

import tomllib
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from napari_scarseg.core.config import Device
from napari_scarseg.errors import InputError
from napari_scarseg.evaluation.prompts import PromptSource
from napari_scarseg.phantom import ImageKind
from napari_scarseg.training.config import DatasetPart, SegmenterTraining

Share = Annotated[float, Field(gt=0, le=1)]
Whole = Annotated[int, Field(ge=0)]
Pair = tuple[float, float]


class Strict(BaseModel):
    """Frozen, and without settings that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class PhantomSource(Strict):
    """Phantoms that the experiment makes for itself; ranges that are not given are the phantom's own."""

    patients: int = Field(gt=0)
    seed: Whole
    phase: str = Field(default="mixed", pattern="^(acute|chronic|none|mixed)$")
    kind: ImageKind = ImageKind.PSIR
    pixel_mm: Pair | None = None
    contrast_to_noise: Pair | None = None
    coil_shading: Pair | None = None
    acquired_share: Pair | None = None


class DataPart(Strict):
    """One data set: a table, or phantoms.

    `folds` is a CSV `patient,fold`; else the table's own column, else patients are dealt into `fold_count` folds.
    `fraction` is the share of the patients that are used, the same mix of phases in it. `cohort` overrides the table's.
    """

    path: Path | None = None
    phantoms: PhantomSource | None = None
    folds: Path | None = None
    fraction: Share = 1.0
    cohort: str = ""

    @model_validator(mode="after")
    def _one_source(self) -> "DataPart":
        if (self.path is None) == (self.phantoms is None):
            raise ValueError("give either path or phantoms")
        return self


class ExperimentConfig(Strict):
    """What every experiment has.

    `about` says in words how small or large this version is; it stands on the page. `seed` decides folds, draws and
    intervals. `threads` are those of each process, so that a table does not depend on the number of processes.
    """

    about: str = ""
    seed: Whole = 0
    device: Device = Device.AUTO
    threads: int = Field(default=1, gt=0)
    data: tuple[DataPart, ...] = Field(min_length=1)
    fold_count: int = Field(default=5, ge=2)


class WeightsConfig(ExperimentConfig):
    """An experiment on given weights. `{fold}` in their paths stands for the fold that they must not have seen."""

    segmenter: str = "bundled"
    detector: str = "bundled"
    folds: tuple[Whole, ...] = ()  # only patients of these folds; all where empty
    confidence: float = Field(default=0.5, ge=0, le=1)


class TrainingExperimentConfig(ExperimentConfig):
    """An experiment that trains: `training` are the settings of `scarseg train segmenter` without data sets.

    Every run is repeated for each of `folds` (held out and judged) and `seeds` (of the training).
    """

    training: dict[str, Any] = Field(default_factory=dict)
    folds: tuple[Whole, ...] = Field(default=(0,), min_length=1)
    seeds: tuple[Whole, ...] = Field(default=(0,), min_length=1)
    prompts: tuple[PromptSource, ...] = Field(default=(PromptSource.TRUTH,), min_length=1)

    def build(self, table: Path, fold: int | None, seed: int, changes: dict[str, Any]) -> SegmenterTraining:
        """The training of one run: the settings with `changes` laid over them, on one data set table.

        Raises
        ------
        InputError
            If the settings are none of the trainer's.
        """
        values = merge_settings(self.training, changes)
        part = DatasetPart(path=table, held_out_fold=fold)
        try:
            return SegmenterTraining.model_validate(
                {"threads": self.threads, "device": self.device, **values, "datasets": [part], "seed": seed}
            )
        except ValidationError as error:
            raise InputError(f"The training settings are wrong {_first(error)}.") from error


def merge_settings(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Nested settings with other ones laid over them; neither argument is changed.

    Examples
    --------
    >>> merge_settings({"steps": 5, "loss": {"kl": 0.6, "dice": 0.2}}, {"loss": {"kl": 0}})
    {'steps': 5, 'loss': {'kl': 0, 'dice': 0.2}}
    """
    merged = dict(base)
    for name, value in changes.items():
        below = merged.get(name)
        if isinstance(value, dict) and isinstance(below, dict):
            value = merge_settings(below, value)
        merged[name] = value
    return merged


class OneSourceConfig(TrainingExperimentConfig):
    """An experiment whose runs are all judged with boxes of one source."""

    prompts: tuple[PromptSource, ...] = Field(default=(PromptSource.TRUTH,), min_length=1, max_length=1)


_Config = TypeVar("_Config", bound=ExperimentConfig)

# Settings of any experiment that are paths, relative to the file they stand in.
_WEIGHTS = ("segmenter", "detector")


def read_experiment(path: Path, kind: type[_Config]) -> _Config:
    """Read and check a TOML file; paths in it are relative to it.

    Raises
    ------
    InputError
        If it cannot be read, is not TOML, or holds a setting that is unknown or wrong.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
        config = kind.model_validate(values)
    except OSError as error:
        raise InputError(f"The configuration {path.name} cannot be read; give the path of a TOML file.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"The configuration {path.name} is not valid TOML: {error}.") from error
    except ValidationError as error:
        raise InputError(f"The configuration {path.name} is wrong {_first(error)}.") from error
    root = path.resolve().parent
    data = tuple(
        part.model_copy(
            update={
                "path": None if part.path is None else root / part.path,
                "folds": None if part.folds is None else root / part.folds,
            }
        )
        for part in config.data
    )
    paths = {
        name: str(root / getattr(config, name))
        for name in _WEIGHTS
        if hasattr(config, name) and ("/" in getattr(config, name) or getattr(config, name).endswith(".safetensors"))
    }
    return config.model_copy(update={"data": data, **paths})


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"]) or "the file"
    return f"at “{where}”: {first['msg']}"
