"""The trainer of the small network: one loop for the segmenter and for the proposer."""

import copy
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from napari_scarseg.core.intensity import SCALING_ID
from napari_scarseg.core.protocols import EngineInfo
from napari_scarseg.core.provenance import library_versions
from napari_scarseg.datasets import LabelledCase
from napari_scarseg.engines.segmenter import SmallSegmenter
from napari_scarseg.engines.small_sam import ARCHITECTURE, SmallSam
from napari_scarseg.engines.weight_files import WeightsHeader, read_weights, save_weights
from napari_scarseg.errors import InputError
from napari_scarseg.io import write_json
from napari_scarseg.training.batches import draw_batches
from napari_scarseg.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from napari_scarseg.training.config import PromptTarget, SegmenterTraining, recorded
from napari_scarseg.training.data import read_parts
from napari_scarseg.training.losses import combined_loss
from napari_scarseg.training.samples import Sample, collect_samples
from napari_scarseg.training.schedule import learning_rate, update_average
from napari_scarseg.training.validation import Validation, validate

WEIGHTS_FILE = "weights.safetensors"
LOG_FILE = "log.csv"


@dataclass(frozen=True, slots=True)
class TrainingEvent:
    """Progress of a run; `validation` on the steps that validated.

    Parameters
    ----------
    step, steps : int
        Done and in all.
    loss : float
        Mean since the last event.
    learning_rate : float
        The one in force.
    validation : Validation or None
    """

    step: int
    steps: int
    loss: float
    learning_rate: float
    validation: Validation | None = None


def train_segmenter(config: SegmenterTraining, folder: Path, *, resume: bool = False) -> Iterator[TrainingEvent]:
    """Train, yielding progress; closing the generator stops at the last checkpoint.

    The run's folder receives `config.json`, `log.csv`, `checkpoint.pt` and at the end `weights.safetensors`, whose
    threshold is the one that scored best on the held-out patients (0 where none are held out).

    Raises
    ------
    InputError
        If a data set is unusable, or the folder holds another run and `resume` is not set.
    WeightsError
        If there is no usable checkpoint to resume.
    """
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    train, held_out = read_parts(config.datasets)
    groups = _groups(train, config)
    network = _initial_network(config).to(memory_format=torch.channels_last)
    average = copy.deepcopy(network).eval()
    optimizer = torch.optim.AdamW(_parameter_groups(network, config.weight_decay), lr=config.learning_rate)
    first = _prepare_folder(folder, config, resume, network, average, optimizer)
    total, count = 0.0, 0
    validation: Validation | None = None
    batches = draw_batches(
        groups,
        config.network.build(),
        config.augmentation,
        batch_size=config.batch_size,
        seed=config.seed,
        first_step=first,
        steps=config.steps,
    )
    for step, batch in enumerate(batches, start=first):
        rate = learning_rate(step, peak=config.learning_rate, warmup_steps=config.warmup_steps, steps=config.steps)
        for group in optimizer.param_groups:
            group["lr"] = rate
        network.train()
        windows = batch.windows.to(memory_format=torch.channels_last)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=config.bf16):
            logits = network(windows, batch.boxes)
        loss = combined_loss(
            logits.float(),
            batch.mask,
            batch.soft,
            kl_weight=config.loss.kl,
            dice_weight=config.loss.dice,
            ce_weight=config.loss.cross_entropy,
        )
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), config.clip_norm)
        optimizer.step()
        update_average(average, network, decay=config.ema_decay, step=step)
        total, count, done = total + float(loss.detach()), count + 1, step + 1
        is_last = done == config.steps
        validation = None
        if held_out and (is_last or done % config.validate_every == 0):
            validation = validate(_segmenter(average), held_out, config.target)
        if is_last or done % config.checkpoint_every == 0:
            _save(folder, done, network, average, optimizer, config)
        if is_last or validation is not None or done % 50 == 0:
            event = TrainingEvent(done, config.steps, total / count, rate, validation)
            _append_log(folder, event)
            total, count = 0.0, 0
            yield event
    _save_weights(folder, average, config, validation)


def _initial_network(config: SegmenterTraining) -> SmallSam:
    """A random network, or one that starts from trained weights."""
    network = SmallSam(config.network.build())
    if config.initial_weights is not None:
        weights = read_weights(config.initial_weights)
        weights.check_architecture(ARCHITECTURE)
        weights.load_into(network)
    return network


def _groups(
    cases: list[tuple[list[LabelledCase], float]], config: SegmenterTraining
) -> list[tuple[list[Sample], float]]:
    """Samples per data set, and for the LV target per slice with and without scar, with the share of each."""
    groups: list[tuple[list[Sample], float]] = []
    for part, share in cases:
        samples = collect_samples(part, config.target, config.loss.sigma_px)
        if config.target is PromptTarget.COMPONENT:
            groups.append((samples, share))
        else:
            with_scar = [sample for sample in samples if sample.has_scar]
            without = [sample for sample in samples if not sample.has_scar]
            groups += [(with_scar, share * config.scar_share), (without, share * (1 - config.scar_share))]
    filled = [(samples, weight) for samples, weight in groups if samples and weight > 0]
    if not filled:
        raise InputError("The data sets hold nothing to train on for this target; check the label values.")
    return filled


def _parameter_groups(network: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Weight decay on matrices only; norms, biases and embeddings of a single row are left alone."""
    parameters = [p for p in network.parameters() if p.requires_grad]
    decayed = [p for p in parameters if p.ndim > 1]
    plain = [p for p in parameters if p.ndim <= 1]
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": plain, "weight_decay": 0.0}]


def _prepare_folder(
    folder: Path,
    config: SegmenterTraining,
    resume: bool,
    network: nn.Module,
    average: nn.Module,
    optimizer: torch.optim.Optimizer,
) -> int:
    """Make the run's folder or load its checkpoint; returns the first step to do."""
    if not resume:
        if (folder / "config.json").exists():
            raise InputError("The run's folder holds a run already; resume it with --resume or choose another folder.")
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / "config.json", {"config": recorded(config), "versions": library_versions()})
        return 0
    checkpoint = load_checkpoint(folder)
    if checkpoint.config != recorded(config):
        raise InputError("The run was started with another configuration; resume it with the one it was started with.")
    network.load_state_dict(checkpoint.network)
    average.load_state_dict(checkpoint.average)
    optimizer.load_state_dict(checkpoint.optimizer)
    return checkpoint.step


def _save(
    folder: Path,
    step: int,
    network: nn.Module,
    average: nn.Module,
    optimizer: torch.optim.Optimizer,
    config: SegmenterTraining,
) -> None:
    save_checkpoint(
        folder,
        Checkpoint(step, network.state_dict(), average.state_dict(), optimizer.state_dict(), recorded(config)),
    )


def _segmenter(network: SmallSam) -> SmallSegmenter:
    return SmallSegmenter(network, EngineInfo("in training", "", "cpu", ""))


def _save_weights(folder: Path, average: SmallSam, config: SegmenterTraining, validation: Validation | None) -> None:
    header = WeightsHeader(
        architecture=ARCHITECTURE,
        config=config.network.build().as_dict(),
        scaling=SCALING_ID,
        threshold_logit=0.0 if validation is None else validation.threshold_logit,
        licence=config.licence,
        provenance={
            "configuration": recorded(config),
            "versions": library_versions(),
            "validation": None if validation is None else validation.as_dict(),
        },
    )
    save_weights(folder / WEIGHTS_FILE, average.state_dict(), header)


def _append_log(folder: Path, event: TrainingEvent) -> None:
    path = folder / LOG_FILE
    is_new = not path.exists()
    scores = event.validation.as_dict() if event.validation is not None else {}
    row = [event.step, f"{event.loss:.5f}", f"{event.learning_rate:.3e}", scores.get("slice_dsc", "")]
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        if is_new:
            writer.writerow(["step", "loss", "learning_rate", "validation_slice_dsc"])
        writer.writerow(row)
