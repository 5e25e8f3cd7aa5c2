"""Configuration of a training run, read from TOML; every setting is checked and written into the run's log."""

import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field, ValidationError, field_validator, model_validator

from napari_scarseg.core.config import Device
from napari_scarseg.errors import InputError
from napari_scarseg.training.checked import Checked, Fraction, NotNegative, Positive, set_by_user
from napari_scarseg.training.config_network import (
    NetworkChoice,
    NetworkSize,
    OfficialSamStart,
    Trained,
    TrainedPart,
)

__all__ = [
    "AugmentationRanges",
    "DatasetPart",
    "DetectorTraining",
    "LossWeights",
    "NetworkSize",
    "OfficialSamStart",
    "Precision",
    "PromptShares",
    "SegmenterTraining",
    "Trained",
    "TrainedPart",
    "read_detector_config",
    "read_segmenter_config",
    "recorded",
]


class Precision(StrEnum):
    """In which numbers the networks compute; the losses and the weights stay in float32."""

    FP32 = "fp32"
    BF16 = "bf16"
    FP16 = "fp16"  # with scaled gradients


class PromptShares(Checked):
    """What a training window is about."""

    lv_window: Fraction = 0.65  # share of windows around the LV; the rest lie around the prompt's box
    lv_jitter_fraction: NotNegative = 0.1  # largest shift of each edge of the LV's box, in its sides
    scar: Fraction = 0.65  # share of slices with scar; the rest have none
    points: Fraction = 0.25  # share of steps whose prompts carry points as well
    per_window: int = Field(default=1, gt=0)  # at most so many components of a slice are asked for in one window
    detector: Fraction = 0.0  # share of prompts that are the detector's own boxes, where one fits the component


class DatasetPart(Checked):
    """One data set table with its share of the samples drawn.

    `folds` is a CSV `patient,fold`; patients of `held_out_fold` are left out of training and used for validation.
    `boxes` is a folder with `<stem>_boxes.csv` for each stack that is trained on, as `scarseg detect` leaves it.
    """

    path: Path
    share: Positive = 1.0
    folds: Path | None = None
    held_out_fold: int | None = None
    boxes: Path | None = None


class AugmentationRanges(Checked):
    """Ranges the augmentation is drawn from; every sample draws anew."""

    flip_probability: Fraction = 0.5
    rotation_deg: NotNegative = 180.0
    scale: Positive = 1.2  # log-uniform in [1/scale, scale]
    aspect: Positive = 1.25  # stretch of one axis against the other, log-uniform
    translation_fraction: NotNegative = 0.0  # largest shift of the window, in its sides
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
    magnitude_probability: Fraction = 0.15  # fold the signal at a null level, as magnitude images do
    nulled_probability: Fraction = 0.0  # share of those that null healthy myocardium, as a well-set inversion time does
    null_limit: Fraction = 0.65  # highest level of the others in the scaled window; healthy myocardium is mostly below


class LossWeights(Checked):
    """Weights of the terms; the paper's are the defaults."""

    kl: NotNegative = 0.6
    dice: NotNegative = 0.2
    cross_entropy: NotNegative = 0.2
    papers_kl: bool = False  # the paper's form of the KL, which cannot fall below 0.313
    anatomy: NotNegative = 1.0  # of the answer without a prompt: cavity, healthy myocardium and scar
    sigma_px: NotNegative = 1.0  # of the Gaussian that softens the KL target, on native pixels
    full_peak: bool = False  # scale each soft target so that it peaks at 1, however thin the scar is


class SegmenterTraining(Checked):
    """One training run of a box-prompted segmenter: the small network, or official Segment Anything."""

    datasets: tuple[DatasetPart, ...]
    network: NetworkChoice = NetworkSize()
    initial_weights: Path | None = None  # safetensors of the small network to start from; none is a random start
    trained: Trained = Trained()
    augmentation: AugmentationRanges = AugmentationRanges()
    prompts: PromptShares = PromptShares()
    loss: LossWeights = LossWeights()
    steps: int = Field(default=4000, gt=0)
    batch_size: int = Field(default=16, gt=0)  # windows that a step learns from, over all pieces and processes
    accumulate: int = Field(default=1, gt=0)  # pieces in which a batch goes through the network
    learning_rate: Positive = 1e-3
    weight_decay: NotNegative = 0.05
    warmup_steps: int = Field(default=100, ge=0)
    clip_norm: Positive = 1.0
    ema_decay: Fraction = 0.998
    device: Device = Device.AUTO
    precision: Precision = Precision.BF16  # `bf16 = true/false` is the older way to write bf16/fp32
    threads: int = Field(default=2, gt=0)
    # Processes that make batches; 0 makes them in a thread, None takes what suits the device.
    workers: int | None = Field(default=None, ge=0)
    checkpoint_every: int = Field(default=200, gt=0)
    validate_every: int = Field(default=1000, gt=0)
    log_every: int = Field(default=50, gt=0)
    patience: int = Field(default=0, ge=0)  # validations without a better one after which the run ends; 0 never
    keep_best: bool = False  # write the weights that validated best, not the last ones
    tensorboard: bool = False  # curves and examples for TensorBoard, beside the CSV
    threshold_logit: float | None = None  # of the weights; None takes the best one on the held-out patients, else 0
    seed: int = 0
    licence: str = "CC-BY-NC-SA-4.0"

    @model_validator(mode="before")
    @classmethod
    def _read_older_precision(cls, values: Any) -> Any:
        if not isinstance(values, dict) or "bf16" not in values:
            return values
        rest = {name: value for name, value in values.items() if name != "bf16"}
        if "precision" in rest or not isinstance(values["bf16"], bool):
            raise ValueError("write precision = 'fp32', 'bf16' or 'fp16', and no bf16")
        return {**rest, "precision": Precision.BF16 if values["bf16"] else Precision.FP32}

    @model_validator(mode="after")
    def _refuse_what_has_no_effect(self) -> "SegmenterTraining":
        if self.batch_size % self.accumulate:
            raise ValueError("accumulate must divide batch_size: it is the number of pieces a batch is cut into")
        if (self.prompts.detector > 0) != any(part.boxes is not None for part in self.datasets):
            raise ValueError("prompts.detector and the boxes of a data set go together: give both or neither")
        if isinstance(self.network, OfficialSamStart) and self.initial_weights is not None:
            raise ValueError("official SAM starts from network.weights; leave initial_weights out")
        starts = self.initial_weights is not None or isinstance(self.network, OfficialSamStart)
        if self.trained.part is not TrainedPart.ALL and not starts:
            raise ValueError("a part can only stay as it starts where it starts from trained weights: initial_weights")
        idle = _idle_settings(self)
        if idle:
            raise ValueError(f"{', '.join(idle)} would have no effect on this network and this part; leave it out")
        return self


class DetectorTraining(Checked):
    """One training run of YOLO through ultralytics."""

    datasets: tuple[DatasetPart, ...]
    initial_weights: Path | None = None  # safetensors of the same network to start from; none is a random start
    image_size: int = Field(default=192, gt=0, multiple_of=32)  # ultralytics would round anything else, and go on
    epochs: int = Field(default=40, gt=0)
    batch_size: int = Field(default=16, gt=0)
    learning_rate: Positive = 2e-3
    magnitude: bool = False  # every slice a second time as a magnitude image
    threads: int = Field(default=2, gt=0)
    seed: int = Field(default=0, ge=0)
    licence: str = "CC-BY-NC-SA-4.0"

    @field_validator("datasets")
    @classmethod
    def _refuse_what_has_no_effect(cls, parts: tuple[DatasetPart, ...]) -> tuple[DatasetPart, ...]:
        if any(set_by_user(part, "share", "boxes") for part in parts):
            raise ValueError("the detector sees every slice once per epoch: share and boxes would have no effect")
        return parts


_Config = TypeVar("_Config", SegmenterTraining, DetectorTraining)


def read_segmenter_config(path: Path | str) -> SegmenterTraining:
    """Read and check a TOML file; data set paths are relative to it."""
    return _read(Path(path), SegmenterTraining)


def read_detector_config(path: Path | str) -> DetectorTraining:
    """Read and check a TOML file; data set paths are relative to it."""
    return _read(Path(path), DetectorTraining)


def recorded(config: SegmenterTraining | DetectorTraining) -> dict[str, object]:
    """The configuration as JSON values: what a run depends on, wherever it goes on.

    Of a path only the name, which is all that another machine shares; and not how many processes make batches: those
    are the same whoever makes them.
    """
    values: dict[str, Any] = config.model_dump(mode="json")
    values.pop("workers", None)
    for part in values["datasets"]:
        part.update({name: Path(part[name]).name for name in ("path", "folds", "boxes") if part[name] is not None})
    if config.initial_weights is not None:
        values["initial_weights"] = config.initial_weights.name
    if isinstance(config, SegmenterTraining) and isinstance(config.network, OfficialSamStart):
        values["network"]["weights"] = Path(config.network.weights).name
    return values


def _idle_settings(config: SegmenterTraining) -> list[str]:
    """Settings that were written down and would do nothing."""
    is_official = isinstance(config.network, OfficialSamStart)
    frozen = config.trained.part is TrainedPart.DECODER
    idle: list[str] = []
    if is_official:
        # It looks at whole single slices, and answers nothing without a prompt.
        idle += [f"prompts.{name}" for name in set_by_user(config.prompts, "lv_window", "lv_jitter_fraction", "scar")]
        names = ("slice_shift_fraction", "drop_context_probability")
        idle += [f"augmentation.{name}" for name in set_by_user(config.augmentation, *names)]
    if is_official or frozen:
        idle += [f"loss.{name}" for name in set_by_user(config.loss, "anatomy")]
    if frozen and not is_official:
        idle += [f"prompts.{name}" for name in set_by_user(config.prompts, "scar")]
    if config.trained.cached:
        pictures = set(AugmentationRanges.model_fields) - {"jitter_fraction", "jitter_keeps"}
        idle += [f"augmentation.{name}" for name in sorted(set_by_user(config.augmentation, *pictures))]
        idle += [f"prompts.{name}" for name in set_by_user(config.prompts, "lv_jitter_fraction")]
    return list(dict.fromkeys(idle))


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
        at = f" at “{where}”" if where else ""
        raise InputError(f"The configuration {path.name} is wrong{at}: {first['msg']}.") from error
    return config.model_copy(update=_rooted(config, path.resolve().parent))


def _rooted(config: SegmenterTraining | DetectorTraining, root: Path) -> dict[str, object]:
    """The configuration's paths, relative to `root` where they are relative."""

    def rooted(path: Path | None) -> Path | None:
        return None if path is None else root / path

    update: dict[str, object] = {
        "datasets": tuple(
            part.model_copy(update={"path": root / part.path, "folds": rooted(part.folds), "boxes": rooted(part.boxes)})
            for part in config.datasets
        ),
        "initial_weights": rooted(config.initial_weights),
    }
    if isinstance(config, SegmenterTraining) and isinstance(config.network, OfficialSamStart):
        given = Path(config.network.weights).expanduser()
        if given.suffix or given.parent != Path("."):
            update["network"] = config.network.model_copy(update={"weights": str(root / given)})
    return update
