"""Configuration of a training run, read from TOML; every setting is checked and written into the run's log."""

import tomllib
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_scarseg.engines.small_sam import SmallSamConfig
from napari_scarseg.errors import InputError

Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PromptShares(_Strict):
    """What a training window is about."""

    lv_window: Fraction = 0.65  # share of windows around the LV; the rest lie around the prompt's box
    lv_jitter_fraction: NotNegative = 0.1  # largest shift of each edge of the LV's box, in its sides
    scar: Fraction = 0.65  # share of slices with scar; the rest have none
    points: Fraction = 0.25  # share of steps whose prompts carry points as well


class DatasetPart(_Strict):
    """One data set table with its share of the samples drawn.

    `folds` is a CSV `patient,fold`; patients of `held_out_fold` are left out of training and used for validation.
    """

    path: Path
    share: Positive = 1.0
    folds: Path | None = None
    held_out_fold: int | None = None


class AugmentationRanges(_Strict):
    """Ranges the augmentation is drawn from; every sample draws anew."""

    flip_probability: Fraction = 0.5
    rotation_deg: NotNegative = 180.0
    scale: Positive = 1.2  # log-uniform in [1/scale, scale]
    aspect: Positive = 1.25  # stretch of one axis against the other, log-uniform
    elastic_fraction: NotNegative = 0.015  # SD of the displacement on a 5 × 5 grid, in sides of the window
    jitter_fraction: NotNegative = 0.18  # largest shift of each box edge, in sides of the box
    jitter_keeps: Fraction = 0.7  # share of the target that a jittered box still contains
    clip_probability: Fraction = 0.2
    clip_fraction: Fraction = 0.25  # how far another display window may cut into the bright end
    clahe_probability: Fraction = 0.1
    slice_shift_fraction: NotNegative = 0.012  # SD of the shift between neighbouring slices, in sides of the window
    drop_context_probability: Fraction = 0.15  # the slice stands in for its neighbours
    gamma: Positive = 1.6  # log-uniform in [1/gamma, gamma]
    bias_field: NotNegative = 0.25  # SD of the log field's linear and quadratic terms
    blur_sigma_samples: NotNegative = 1.6  # largest Gaussian blur, in window samples
    noise_sd: NotNegative = 0.06  # largest Rician noise, in units of the scaled window
    magnitude_probability: Fraction = 0.15  # fold the signal at a null near its dark end, as magnitude images do


class LossWeights(_Strict):
    """Weights of the terms; the paper's are the defaults."""

    kl: NotNegative = 0.6
    dice: NotNegative = 0.2
    cross_entropy: NotNegative = 0.2
    papers_kl: bool = False  # the paper's form of the KL, which cannot fall below 0.313
    anatomy: NotNegative = 1.0  # of the answer without a prompt: cavity, healthy myocardium and scar
    sigma_px: NotNegative = 1.0  # of the Gaussian that softens the KL target, on native pixels


class NetworkSize(_Strict):
    """See `SmallSamConfig`."""

    window_size: int = 112
    lv_factor: Positive = 1.4
    box_factor: Positive = 2.2
    box_min_px: Positive = 72.0
    box_min_share: Fraction = 0.28
    context: int = Field(default=1, ge=0)
    widths: tuple[int, int, int, int, int] = (24, 48, 96, 160, 224)
    views: Literal[1, 2, 4] = 1

    def build(self) -> SmallSamConfig:
        """The engine's own value."""
        return SmallSamConfig(**self.model_dump())


class SegmenterTraining(_Strict):
    """One training run of the small network."""

    datasets: tuple[DatasetPart, ...]
    network: NetworkSize = NetworkSize()
    initial_weights: Path | None = None  # safetensors of the same network to start from; none is a random start
    augmentation: AugmentationRanges = AugmentationRanges()
    prompts: PromptShares = PromptShares()
    loss: LossWeights = LossWeights()
    steps: int = Field(default=4000, gt=0)
    batch_size: int = Field(default=16, gt=0)
    learning_rate: Positive = 1e-3
    weight_decay: NotNegative = 0.05
    warmup_steps: int = Field(default=100, ge=0)
    clip_norm: Positive = 1.0
    ema_decay: Fraction = 0.998
    bf16: bool = True
    threads: int = Field(default=2, gt=0)
    checkpoint_every: int = Field(default=200, gt=0)
    validate_every: int = Field(default=1000, gt=0)
    threshold_logit: float | None = None  # of the weights; None takes the best one on the held-out patients, else 0
    seed: int = 0
    licence: str = "CC-BY-NC-SA-4.0"


class DetectorTraining(_Strict):
    """One training run of YOLO through ultralytics."""

    datasets: tuple[DatasetPart, ...]
    initial_weights: Path | None = None  # safetensors of the same network to start from; none is a random start
    image_size: int = Field(default=192, gt=0)
    epochs: int = Field(default=40, gt=0)
    batch_size: int = Field(default=16, gt=0)
    learning_rate: Positive = 2e-3
    threads: int = Field(default=2, gt=0)
    seed: int = 0
    licence: str = "CC-BY-NC-SA-4.0"


_Config = TypeVar("_Config", SegmenterTraining, DetectorTraining)


def read_segmenter_config(path: Path | str) -> SegmenterTraining:
    """Read and check a TOML file; data set paths are relative to it."""
    return _read(Path(path), SegmenterTraining)


def read_detector_config(path: Path | str) -> DetectorTraining:
    """Read and check a TOML file; data set paths are relative to it."""
    return _read(Path(path), DetectorTraining)


def recorded(config: SegmenterTraining | DetectorTraining) -> dict[str, object]:
    """The configuration as JSON values; of a path only the name, which is all that another machine shares."""
    values: dict[str, object] = config.model_dump(mode="json")
    values["datasets"] = [
        {**part.model_dump(mode="json"), "path": part.path.name, "folds": part.folds.name if part.folds else None}
        for part in config.datasets
    ]
    if config.initial_weights is not None:
        values["initial_weights"] = config.initial_weights.name
    return values


def _read(path: Path, kind: type[_Config]) -> _Config:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
        config = kind.model_validate(values)
    except OSError as error:
        raise InputError(f"The configuration {path.name} cannot be read; give the path of a TOML file.") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"The configuration {path.name} is not valid TOML: {error}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"The configuration {path.name} is wrong at “{where}”: {first['msg']}.") from error
    root = path.resolve().parent
    parts = tuple(
        part.model_copy(update={"path": root / part.path, "folds": None if part.folds is None else root / part.folds})
        for part in config.datasets
    )
    update: dict[str, object] = {"datasets": parts}
    if config.initial_weights is not None:
        update["initial_weights"] = root / config.initial_weights
    return config.model_copy(update=update)
