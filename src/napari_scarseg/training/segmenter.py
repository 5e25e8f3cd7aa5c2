"""The trainer of the small network: prompted masks and the anatomy without a prompt in one loop."""

import copy
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from napari_scarseg.core.intensity import SCALING_ID
from napari_scarseg.core.protocols import EngineInfo
from napari_scarseg.core.provenance import library_versions
from napari_scarseg.datasets import LabelledCase
from napari_scarseg.engines.segmenter import SmallSegmenter
from napari_scarseg.engines.small_sam import ARCHITECTURE, Embedding, SmallSam, box_coverage, scar_logits
from napari_scarseg.engines.weight_files import WeightsHeader, read_weights, save_weights
from napari_scarseg.errors import InputError
from napari_scarseg.io import write_json
from napari_scarseg.training.batches import Batch, draw_batches
from napari_scarseg.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from napari_scarseg.training.config import SegmenterTraining, recorded
from napari_scarseg.training.corrections import draw_error_points
from napari_scarseg.training.data import read_parts, stack_hashes
from napari_scarseg.training.losses import anatomy_loss, combined_loss
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
    threshold is the configured one, else the one that scored best on the held-out patients (0 where none are held out).

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
        config.prompts,
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
        loss = _loss(network, batch, config, step)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), config.clip_norm)
        optimizer.step()
        update_average(average, network, decay=config.ema_decay, step=step)
        total, count, done = total + float(loss.detach()), count + 1, step + 1
        is_last = done == config.steps
        validation = None
        if held_out and (is_last or done % config.validate_every == 0):
            validation = validate(_segmenter(average), held_out)
        if is_last or done % config.checkpoint_every == 0:
            _save(folder, done, network, average, optimizer, config)
        if is_last or validation is not None or done % 50 == 0:
            event = TrainingEvent(done, config.steps, total / count, rate, validation)
            _append_log(folder, event)
            total, count = 0.0, 0
            yield event
    _save_weights(folder, average, config, validation, stack_hashes(train))


def _initial_network(config: SegmenterTraining) -> SmallSam:
    """A random network, or one that starts from trained weights."""
    network = SmallSam(config.network.build())
    if config.initial_weights is not None:
        weights = read_weights(config.initial_weights)
        weights.check_architecture(ARCHITECTURE)
        weights.load_into(network)
    return network


def _loss(network: SmallSam, batch: Batch, config: SegmenterTraining, step: int) -> Tensor:
    """Loss of one batch: the prompted masks near their boxes, and the anatomy everywhere."""
    weights = config.loss
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=config.bf16):
        embedding = network.encode(batch.windows.to(memory_format=torch.channels_last))
    loss = weights.anatomy * anatomy_loss(embedding.classes, batch.classes)
    if not bool(batch.prompted.any()):
        return loss
    boxes, mask, soft = (part[batch.prompted] for part in (batch.boxes, batch.mask, batch.soft))
    asked = Embedding(*(part[batch.prompted] for part in embedding))
    points = _points(asked, mask, boxes, config, step)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=config.bf16):
        logits = network.decode(asked, boxes, points)
    return loss + combined_loss(
        logits,
        mask,
        soft,
        kl_weight=weights.kl,
        dice_weight=weights.dice,
        ce_weight=weights.cross_entropy,
        weight=_near_boxes(boxes, mask.shape[-1]),
        papers_kl=weights.papers_kl,
    )


def _points(
    embedding: Embedding, mask: Tensor, boxes: Tensor, config: SegmenterTraining, step: int
) -> tuple[Tensor, Tensor] | None:
    """Corrections for all prompts of some steps. All of a step or none, since padding would change the others."""
    rng = torch.Generator().manual_seed(config.seed * 1_000_003 + step)
    if float(torch.rand((), generator=rng)) >= config.prompts.points:
        return None
    count = int(torch.randint(1, 4, (), generator=rng))
    return draw_error_points(scar_logits(embedding.classes.detach()), mask, boxes, count, rng)


def _near_boxes(boxes: Tensor, size: int) -> Tensor:
    """1 in each box grown by half its sides (at least 4 samples), else 0: what lies further is never used."""
    sides = boxes[:, 2:] - boxes[:, :2]
    margin = (sides / 2).clamp(min=4)
    return (box_coverage(torch.cat([boxes[:, :2] - margin, boxes[:, 2:] + margin], dim=1), size) > 0).float()


def _groups(
    cases: list[tuple[list[LabelledCase], float]], config: SegmenterTraining
) -> list[tuple[list[Sample], float]]:
    """Samples per data set, with scar and without, with the share of each."""
    groups: list[tuple[list[Sample], float]] = []
    for part, share in cases:
        samples = collect_samples(part, config.loss.sigma_px)
        with_scar = [sample for sample in samples if sample.components]
        without = [sample for sample in samples if not sample.components]
        groups += [(with_scar, share * config.prompts.scar), (without, share * (1 - config.prompts.scar))]
    filled = [(samples, weight) for samples, weight in groups if samples and weight > 0]
    if not filled:
        raise InputError("The data sets hold nothing to train on; check the label values.")
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


def _save_weights(
    folder: Path, average: SmallSam, config: SegmenterTraining, validation: Validation | None, stacks: list[str]
) -> None:
    header = WeightsHeader(
        architecture=ARCHITECTURE,
        config=config.network.build().as_dict(),
        scaling=SCALING_ID,
        threshold_logit=_threshold(config, validation),
        licence=config.licence,
        provenance={
            "configuration": recorded(config),
            "versions": library_versions(),
            "training_stacks_sha256": stacks,
            "validation": None if validation is None else validation.as_dict(),
        },
    )
    save_weights(folder / WEIGHTS_FILE, average.state_dict(), header)


def _threshold(config: SegmenterTraining, validation: Validation | None) -> float:
    if config.threshold_logit is not None:
        return config.threshold_logit
    return 0.0 if validation is None else validation.threshold_logit


def _append_log(folder: Path, event: TrainingEvent) -> None:
    path = folder / LOG_FILE
    is_new = not path.exists()
    scores = event.validation.as_dict() if event.validation is not None else {}
    row = [event.step, f"{event.loss:.5f}", f"{event.learning_rate:.3e}"]
    row += [str(scores.get(name, "")) for name in ("slice_dsc", "unprompted_dsc_at_zero")]
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        if is_new:
            writer.writerow(["step", "loss", "learning_rate", "validation_slice_dsc", "validation_unprompted_dsc"])
        writer.writerow(row)
